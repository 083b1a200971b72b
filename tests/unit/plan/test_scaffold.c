/* rivet init over hostile SQLite files: what it writes, the loader reads and the source knows. */
#include "unit/source/sqlite_support.h"

#include "lib/fault.h"
#include "lib/temp_dir.h"
#include "rivet/scaffold.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { YAML_BYTES = 1 << 20 };

typedef struct scaffolded {
    rv_code rc;
    rv_error err;
    rv_bytes yaml;
    bool needs_password;
    rv_config *config; /* what the loader makes of it; NULL: it refuses it */
} scaffolded;

static void load(sqlite_fixture *f, scaffolded *s)
{
    rv_findings findings = {0};
    char *path = temp_dir_join(f->folder, "rivet.yaml");
    const rv_config_input input = {.path = path};
    temp_file_write(f->folder, "rivet.yaml", s->yaml.data, s->yaml.len);
    rv_code rc = rv_config_load(&s->config, &input, NULL, &findings, NULL);
    if (rc != RV_OK)
        print_message("%.*s\n%s\n", (int)s->yaml.len, (const char *)s->yaml.data,
                      findings.n > 0 ? findings.items[0].message : rv_code_name(rc));
    rv_findings_free(&findings);
    free(path);
}

static void write_scaffold(sqlite_fixture *f, const rv_scaffold *scaffold, scaffolded *out)
{
    *out = (scaffolded){.yaml = RV_BYTES_INIT(YAML_BYTES)};
    sqlite_open_source(f);
    out->rc = rv_scaffold_write(f->source, scaffold, &out->yaml, &out->needs_password, &out->err);
    sqlite_close_source(f);
    if (out->rc == RV_OK)
        load(f, out);
}

static void scaffold_all(sqlite_fixture *f, scaffolded *out)
{
    const rv_scaffold scaffold = {.source = &f->config};
    write_scaffold(f, &scaffold, out);
}

static void scaffolded_end(scaffolded *s)
{
    rv_config_free(s->config);
    rv_bytes_deinit(&s->yaml);
}

static bool says(const scaffolded *s, const char *text)
{
    const char *yaml = NULL;
    rv_bytes copy = s->yaml;
    assert_int_equal(rv_bytes_cstr(&copy, &yaml, NULL), RV_OK);
    assert_ptr_equal(copy.data, s->yaml.data); /* there was room for the NUL */
    return strstr(yaml, text) != NULL;
}

/* "…" with quotes doubled. */
static void create_table(sqlite_fixture *f, const char *name, const char *columns)
{
    char sql[4096];
    size_t at = (size_t)snprintf(sql, sizeof sql, "CREATE TABLE \"");
    for (; *name != '\0'; name++) {
        if (*name == '"')
            sql[at++] = '"';
        sql[at++] = *name;
    }
    (void)snprintf(sql + at, sizeof sql - at, "\" (%s)", columns);
    sqlite_execute(f, sql);
}

static const char *const hostile[] = {
    "a b",
    "a_b_1",
    "a.b",
    "a-b",
    "new\nline",
    "quote\"x",
    "back\\slash",
    "$${X}",
    "${X}",
    "null",
    "1e5",
    "~",
    "- dash",
    "#hash",
    "tab\tx",
    "\x1b[31m",
    "'",
    "%s%n",
    "{date}",
    ".",
    "\xE6\x97\xA5",
    "\xE6\x97\xAC",
    "\xC2\x85x",
    "\xEF\xBB\xBFx",
    "yes",
    "..",
    " lead",
    "x ",
    "\xF0\x9F\x8E\x89!",
    "select",
    "main.x",
    "a\"\"b",
};
enum { N_HOSTILE = sizeof hostile / sizeof hostile[0] };

static const rv_export_config *export_of(const rv_config *config, const char *table)
{
    for (int i = 0; i < config->n_exports; i++)
        if (strcmp(config->exports[i].relation.table, table) == 0)
            return &config->exports[i];
    return NULL;
}

static void the_loader_reads_back_every_table_whatever_its_name(void **state)
{
    sqlite_fixture *f = *state;
    scaffolded s;
    for (size_t i = 0; i < N_HOSTILE; i++)
        create_table(f, hostile[i], "id INTEGER PRIMARY KEY, v");
    scaffold_all(f, &s);
    assert_int_equal(s.rc, RV_OK);
    assert_non_null(s.config);
    assert_int_equal(s.config->n_exports, N_HOSTILE); /* so their names are unique: the loader demands it */
    for (size_t i = 0; i < N_HOSTILE; i++) {
        const rv_export_config *e = export_of(s.config, hostile[i]);
        assert_non_null(e);
        assert_string_equal(e->relation.schema, "main");
        assert_int_equal(strspn(e->name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"),
                         strlen(e->name));
    }
    assert_string_equal(export_of(s.config, "a_b_1")->name, "a_b_1"); /* who has a good name keeps it */
    scaffolded_end(&s);
}

static void a_type_cannot_end_its_comment(void **state)
{
    sqlite_fixture *f = *state;
    scaffolded s;
    sqlite_execute(f,
                   "CREATE TABLE t (a \"weird\n  - name: hacked\n    table: u\ntype\", \"b\nc\" \"x\ny\")");
    scaffold_all(f, &s);
    assert_int_equal(s.rc, RV_OK);
    assert_non_null(s.config);
    assert_int_equal(s.config->n_exports, 1);
    scaffolded_end(&s);
}

static void what_cannot_be_exported_is_left_out_with_its_reason(void **state)
{
    sqlite_fixture *f = *state;
    scaffolded s;
    char name[1100];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    sqlite_execute(f, "CREATE TABLE good (id); CREATE VIEW broken AS SELECT * FROM nowhere");
    create_table(f, "", "id");
    create_table(f, name, "id");
    scaffold_all(f, &s);
    assert_int_equal(s.rc, RV_OK);
    assert_non_null(s.config);
    assert_int_equal(s.config->n_exports, 1);
    assert_true(says(&s, "# left out: broken: RIVET_SOURCE_QUERY: "));
    assert_true(says(&s, "nowhere"));
    scaffolded_end(&s);
}

static void nothing_to_export_is_a_failure(void **state)
{
    sqlite_fixture *f = *state;
    scaffolded s;
    scaffold_all(f, &s);
    assert_int_equal(s.rc, RV_E_SOURCE_NOT_FOUND);
    scaffolded_end(&s);
    sqlite_execute(f, "CREATE VIEW b1 AS SELECT * FROM nowhere; CREATE VIEW b2 AS SELECT * FROM nowhere");
    scaffold_all(f, &s);
    assert_int_equal(s.rc, RV_E_SOURCE_QUERY);
    assert_non_null(strstr(s.err.message, "nowhere"));
    scaffolded_end(&s);
}

static void one_table_is_named_as_in_the_configuration(void **state)
{
    sqlite_fixture *f = *state;
    scaffolded s;
    create_table(f, "a b", "id");
    create_table(f, "other", "id");
    const rv_scaffold scaffold = {.source = &f->config, .table = "main.\"a b\""};
    write_scaffold(f, &scaffold, &s);
    assert_int_equal(s.rc, RV_OK);
    assert_non_null(s.config);
    assert_int_equal(s.config->n_exports, 1);
    assert_string_equal(s.config->exports[0].relation.table, "a b");
    assert_string_equal(s.config->source.path, f->path);
    scaffolded_end(&s);
}

static void a_password_does_not_reach_the_file(void **state)
{
    sqlite_fixture *f = *state;
    scaffolded s;
    RV_AUTO(rv_secret_free) rv_secret *password = NULL;
    assert_int_equal(rv_secret_new(&password, "s3cret", 6, NULL), RV_OK);
    const rv_source_config server = {.kind = "postgres",
                                     .user = "etl: # \"x\"",
                                     .port = 5433,
                                     .password = password,
                                     .tls = {.mode = RV_TLS_VERIFY_CA, .ca_file = "ca \"1\".pem"}};
    const rv_scaffold scaffold = {.source = &server};
    sqlite_execute(f, "CREATE TABLE t (id)");
    assert_int_equal(setenv("RIVET_PASSWORD", "s3cret", 1), 0);
    write_scaffold(f, &scaffold, &s);
    assert_int_equal(s.rc, RV_OK);
    assert_true(s.needs_password);
    assert_false(says(&s, "s3cret"));
    assert_non_null(s.config);
    assert_string_equal(s.config->source.host, "localhost"); /* what the URL meant by naming none */
    assert_string_equal(s.config->source.user, "etl: # \"x\"");
    assert_string_equal(s.config->source.database, "etl: # \"x\"");
    assert_int_equal(s.config->source.port, 5433);
    assert_int_equal(s.config->source.tls.mode, RV_TLS_VERIFY_CA);
    scaffolded_end(&s);
}

/* A table must not be left out because memory was short for a moment. */
static void every_failed_allocation_is_a_failure(void **state)
{
    sqlite_fixture *f = *state;
    const rv_scaffold scaffold = {.source = &f->config};
    create_table(f, "a b", "id, d DECIMAL(10,2)");
    create_table(f, "t", "id");
    sqlite_open_source(f);
    for (int n = 1;; n++) {
        rv_bytes yaml = RV_BYTES_INIT(YAML_BYTES);
        bool needs_password = false;
        fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
        rv_code rc = rv_scaffold_write(f->source, &scaffold, &yaml, &needs_password, NULL);
        bool hit = fault_disarm();
        rv_bytes_deinit(&yaml);
        assert_int_equal(rc, hit ? RV_E_OUT_OF_MEMORY : RV_OK);
        if (!hit)
            break;
    }
}

#define scaffold_test(name) cmocka_unit_test_setup_teardown(name, sqlite_setup, sqlite_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        scaffold_test(the_loader_reads_back_every_table_whatever_its_name),
        scaffold_test(a_type_cannot_end_its_comment),
        scaffold_test(what_cannot_be_exported_is_left_out_with_its_reason),
        scaffold_test(nothing_to_export_is_a_failure),
        scaffold_test(one_table_is_named_as_in_the_configuration),
        scaffold_test(a_password_does_not_reach_the_file),
        scaffold_test(every_failed_allocation_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
