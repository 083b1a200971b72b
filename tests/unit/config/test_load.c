#include "loading.h"

#include "fault.h"
#include "lib/temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- files --------------------------------------------------------------------------------------------- */

/* A folder of its own for each test: <folder>/conf/rivet.yaml, <folder>/outside.sql. */
typedef struct place {
    char *folder;
    char conf[256], yaml[272];
} place;

enum { PATH_BYTES = 320 };

static void path_in(char out[PATH_BYTES], const char *folder, const char *name)
{
    int len = snprintf(out, PATH_BYTES, "%s/%s", folder, name);
    assert_true(len > 0 && len < PATH_BYTES);
}

static void write_text(const char *folder, const char *name, const char *text)
{
    temp_file_write(folder, name, text, strlen(text));
}

static int place_set_up(void **state)
{
    place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->folder = temp_dir_new();
    snprintf(p->conf, sizeof p->conf, "%s/conf", p->folder);
    snprintf(p->yaml, sizeof p->yaml, "%s/rivet.yaml", p->conf);
    assert_int_equal(mkdir(p->conf, 0700), 0);
    write_text(p->folder, "outside.sql", "SELECT 'outside'");
    write_text(p->conf, "q.sql", "\xef\xbb\xbfSELECT '${N}';\n");
    *state = p;
    return 0;
}

static int place_tear_down(void **state)
{
    place *p = *state;
    temp_dir_free(p->folder);
    free(p);
    return 0;
}

static void load_query_file(const place *p, loading *l, const char *query_file)
{
    char text[512];
    snprintf(text, sizeof text,
             "source: {url_env: URL}\n"
             "exports:\n"
             "- name: e\n"
             "  query_file: %s\n"
             "  format: csv\n"
             "  destination: {type: stdout}\n",
             query_file);
    write_text(p->conf, "rivet.yaml", text);
    loading_run_file(l, p->yaml);
}

static void a_query_file_is_read_expanded_and_trimmed(void **state)
{
    const place *p = *state;
    char inner[PATH_BYTES];
    loading l;
    load_query_file(p, &l, "q.sql");
    assert_int_equal(l.rc, RV_OK);
    assert_string_equal(l.config->exports[0].relation.query, "SELECT '7'");
    loading_end(&l);
    path_in(inner, p->conf, "sub");
    assert_int_equal(mkdir(inner, 0700), 0);
    write_text(inner, "..q.sql", "SELECT 2");
    load_query_file(p, &l, "./sub/..q.sql"); /* two dots are only special alone */
    assert_int_equal(l.rc, RV_OK);
    assert_string_equal(l.config->exports[0].relation.query, "SELECT 2");
    loading_end(&l);
}

static void a_query_file_cannot_leave_the_folder(void **state)
{
    const place *p = *state;
    char link[PATH_BYTES], target[PATH_BYTES];
    path_in(target, p->folder, "outside.sql");
    path_in(link, p->conf, "link.sql");
    assert_int_equal(symlink(target, link), 0);
    path_in(link, p->conf, "up");
    assert_int_equal(symlink("..", link), 0);
    const char *const refused[] = {"../outside.sql", "sub/../../outside.sql", target,
                                   "link.sql",       "up/outside.sql",        "up/conf/../outside.sql"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        loading l;
        load_query_file(p, &l, refused[i]);
        assert_int_equal(l.rc, RV_E_CONFIG_PATH_ESCAPE);
        assert_int_equal(l.findings.items[0].line, 4);
        assert_int_equal(l.findings.items[0].column, 15);
        loading_end(&l);
    }
}

static void a_link_inside_the_folder_is_followed(void **state)
{
    const place *p = *state;
    char link[PATH_BYTES];
    loading l;
    path_in(link, p->conf, "inner.sql");
    assert_int_equal(symlink("q.sql", link), 0);
    load_query_file(p, &l, "inner.sql");
    assert_int_equal(l.rc, RV_OK);
    loading_end(&l);
    path_in(link, p->conf, "round");
    assert_int_equal(symlink("../conf", link), 0); /* out and in again */
    load_query_file(p, &l, "round/q.sql");
    assert_int_equal(l.rc, RV_OK);
    loading_end(&l);
}

static void a_query_file_that_cannot_be_used_says_why(void **state)
{
    const place *p = *state;
    char path[PATH_BYTES];
    loading l;
    path_in(path, p->conf, "folder");
    assert_int_equal(mkdir(path, 0700), 0);
    path_in(path, p->conf, "fifo");
    assert_int_equal(mkfifo(path, 0600), 0);
    write_text(p->conf, "unset.sql", "SELECT 1,\n${NOT_SET}");
    write_text(p->conf, "latin1.sql", "SELECT '\xe9'");
    temp_file_write(p->conf, "nul.sql", "SELECT\0 1", 9);
    write_text(p->conf, "empty.sql", "\n");
    static const struct {
        const char *file;
        rv_code code;
        const char *part;
    } cases[] = {
        {"missing.sql", RV_E_CONFIG_UNREADABLE, "No such file"},
        {"folder", RV_E_CONFIG_UNREADABLE, "is a folder"},
        {"fifo", RV_E_CONFIG_VALUE, "the query is empty"}, /* and is not waited for */
        {"unset.sql", RV_E_CONFIG_UNSET_VARIABLE, "'unset.sql': line 2: variable 'NOT_SET'"},
        {"latin1.sql", RV_E_CONFIG_VALUE, "not UTF-8"},
        {"nul.sql", RV_E_CONFIG_VALUE, "not UTF-8"},
        {"empty.sql", RV_E_CONFIG_VALUE, "the query is empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        load_query_file(p, &l, cases[i].file);
        if (l.rc != cases[i].code || !loading_mentions(&l, cases[i].part)) {
            loading_print(&l, cases[i].file);
            fail();
        }
        loading_end(&l);
    }
}

static void a_query_file_has_a_largest_size(void **state)
{
    const place *p = *state;
    size_t len = (size_t)RVI_QUERY_MAX_BYTES + 1;
    char *text = malloc(len);
    loading l;
    assert_non_null(text);
    memset(text, 'x', len);
    temp_file_write(p->conf, "large.sql", text, len);
    load_query_file(p, &l, "large.sql");
    assert_int_equal(l.rc, RV_E_CONFIG_UNREADABLE);
    loading_end(&l);
    temp_file_write(p->conf, "large.sql", text, len - 1);
    load_query_file(p, &l, "large.sql");
    assert_int_equal(l.rc, RV_OK);
    loading_end(&l);
    free(text);
}

static void load_url_file(const place *p, loading *l, const char *content)
{
    write_text(p->conf, "url", content);
    write_text(p->conf, "rivet.yaml",
               "source: {url_file: url}\n"
               "exports: [{name: e, table: t, format: csv, destination: {type: stdout}}]\n");
    loading_run_file(l, p->yaml);
}

static void a_url_file_is_read_from_beside_the_configuration(void **state)
{
    const place *p = *state;
    loading l;
    load_url_file(p, &l, " \n postgresql://u:s3cr3tw0rd${N}@h/d?sslrootcert=ca.pem \r\n");
    assert_int_equal(l.rc, RV_OK);
    assert_int_equal(l.findings.n, 0); /* a password in such a file is where it should be */
    assert_string_equal(rv_secret_reveal(l.config->source.password), "s3cr3tw0rd${N}");
    char ca_file[PATH_BYTES];
    path_in(ca_file, p->conf, "ca.pem");
    assert_string_equal(l.config->source.tls.ca_file, ca_file);
    loading_end(&l);
    load_url_file(p, &l, "\n");
    assert_int_equal(l.rc, RV_E_CONFIG_VALUE);
    loading_end(&l);
    load_url_file(p, &l, "postgresql://u:s3cr3t/w0rd@h/d\n");
    assert_int_equal(l.rc, RV_E_CONFIG_VALUE);
    assert_false(loading_mentions(&l, "s3cr3t") || loading_mentions(&l, "w0rd"));
    loading_end(&l);
}

static void a_configuration_that_cannot_be_read_says_why(void **state)
{
    const place *p = *state;
    char path[PATH_BYTES];
    loading l;
    path_in(path, p->conf, "missing.yaml");
    loading_run_file(&l, path);
    assert_int_equal(l.rc, RV_E_CONFIG_UNREADABLE);
    assert_true(loading_mentions(&l, "missing.yaml") && l.err.os_errno != 0);
    loading_end(&l);
    loading_run_file(&l, p->conf);
    assert_int_equal(l.rc, RV_E_CONFIG_UNREADABLE);
    loading_end(&l);
}

static void a_bare_file_name_has_the_working_directory_as_its_folder(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    assert_int_equal(rv_arena_new(&arena, 1 << 16, NULL), RV_OK);
    assert_string_equal(rvi_path_dirname(arena, "rivet.yaml"), ".");
    assert_string_equal(rvi_path_dirname(arena, "a/b/rivet.yaml"), "a/b");
    assert_string_equal(rvi_path_dirname(arena, "/rivet.yaml"), "/");
    assert_string_equal(rvi_path_join(arena, ".", "a"), "./a");
    assert_string_equal(rvi_path_join(arena, "/", "a"), "/a");
    assert_string_equal(rvi_path_join(arena, "b", "/a"), "/a");
}

/* ---- secrets ------------------------------------------------------------------------------------------- */

/* Every printable byte, with the two of YAML's single quotes and of variables escaped. */
#define CANARY      "c4n4ry !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ w0rd"
#define CANARY_YAML "c4n4ry !\"#$%&''()*+,-./:;<=>?@[\\]^_`{|}~ w0rd"

static void expect_no_canary(const loading *l)
{
    static const char *const pieces[] = {"c4n4ry", "w0rd", "()*+", "[\\]^"};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++)
        assert_false(loading_mentions(l, pieces[i]));
}

/* Configurations with the secret in all places where one may stand, each spoiled in another way. */
static void a_secret_never_shows_in_what_is_reported(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "source: {type: postgres, host: h, database: d, password: '" CANARY_YAML "'}\nexports: 5\n",
        "source: {type: postgers, host: h, database: d, password: '" CANARY_YAML "'}\n",
        "source: {password: ['" CANARY_YAML "']}\n",
        "source: {password: {a: '" CANARY_YAML "'}}\n",
        "source: {passwrd: '" CANARY_YAML "'}\n",
        "source: {password: x, password: '" CANARY_YAML "'}\n",
        "source: {password: !!binary '" CANARY_YAML "'}\n",
        "source: {password: '" CANARY_YAML "${}'}\n",
        "source: {password: '" CANARY_YAML "${'}\n",
        "source: {url: 'postgresql://u:" CANARY_YAML "@h/d'}\n",
        "source: {url: '" CANARY_YAML "'}\n",
        "source: {url: ['postgresql://u:" CANARY_YAML "@h/d']}\n",
        "source: 'postgresql://u:" CANARY_YAML "@h/d'\n",
        "source: {url: 'postgresql://u:c4n4ryw0rd@h/d', type: sqlite}\n",
        "source: {host: 'postgresql://u:c4n4ryw0rd@h/d', port: 'postgresql://u:c4n4ryw0rd@h/d'}\n",
        "source: {type: 'postgresql://u:c4n4ryw0rd@h/d', url_env: 'postgresql://u:c4n4ryw0rd@h/d'}\n",
        "source: {password: 'c4n4ryw0rd', host: h, type: c4n4ryw0rd, port: c4n4ryw0rd}\n",
        "notifications: {slack: {webhook_url: '" CANARY_YAML "'}}\n",
        "source: {password: \""
        "c4n4ry w0rd"
        "\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        loading l;
        loading_run(&l, texts[i]);
        assert_int_not_equal(l.rc, RV_OK);
        assert_true(l.findings.n > 0);
        expect_no_canary(&l);
        loading_end(&l);
    }
}

static void a_password_arrives_byte_for_byte_and_the_redactor_knows_it(void **state)
{
    (void)state;
    loading l;
    loading_run_source(&l, "source: {type: postgres, host: h, database: d, user: u, password: '" CANARY_YAML
                           "'}");
    assert_int_equal(l.rc, RV_OK);
    assert_string_equal(rv_secret_reveal(l.config->source.password), CANARY);
    expect_no_canary(&l);
    assert_null(strstr(l.config->source.display, "c4n4ry"));
    char text[256] = "cannot log in with " CANARY " here";
    rv_redact(l.redactor, text, sizeof text);
    assert_null(strstr(text, "c4n4ry"));
    loading_end(&l);
    loading_run_source(&l, "source: {url_env: URL_PW}");
    assert_int_equal(l.rc, RV_OK);
    assert_string_equal(rv_secret_reveal(l.config->source.password), "p@ss/w0rd");
    loading_end(&l);
}

/* ---- verdicts and faults ------------------------------------------------------------------------------- */

static void one_problem_gives_the_error_its_code_place_and_words(void **state)
{
    (void)state;
    loading l;
    loading_run_export(&l, "    mode: full\n    strict: maybe\n");
    assert_int_equal(l.rc, RV_E_CONFIG_TYPE);
    assert_string_equal(l.err.message,
                        "conf/rivet.yaml:8:13: exports[0].strict: 'maybe' is neither true nor false");
    loading_end(&l);
}

static const char whole[] =
    "source:\n"
    "  type: postgres\n"
    "  host: h\n"
    "  database: d\n"
    "  password: ${PW}\n"
    "  tls: {ca_file: ca.pem}\n"
    "  tuning: &t {batch_size: 5}\n"
    "exports:\n"
    "- name: e\n"
    "  table: '\"a\".\"b\"'\n"
    "  format: csv\n"
    "  columns: {a: text, b: {type: int8, on_invalid: clamp}}\n"
    "  destination: {type: local, path: 'x/${N}'}\n"
    "  tuning: *t\n"
    "- {name: f, query: 'select ${N}', format: parquet, destination: {type: stdout}}\n";
static const char spoiled[] = "source: {url: 'postgresql://u:p@h:x/d', batch_size: 5}\n"
                              "exports: [{nam: a, table: '${NO', format: parket, destination: {type: s3}}]\n";

static void fail_nth_allocation(const char *text, fault_mode mode, rv_code clean)
{
    for (int n = 1;; n++) {
        rv_config_input input = {.path = "conf/rivet.yaml", .getenv = loading_environment};
        rv_findings findings = {0};
        rv_config *config = NULL;
        rv_redactor *redactor = NULL;
        rv_error err = {0};
        assert_int_equal(rv_redactor_new(&redactor, NULL), RV_OK);
        fault_arm(FAULT_ALLOC, n, mode, 0);
        rv_code rc = rvi_config_load_memory(&config, text, strlen(text), &input, RVI_FILES_REFUSED, redactor,
                                            &findings, &err);
        bool hit = fault_disarm();
        assert_int_equal(rc, hit ? RV_E_OUT_OF_MEMORY : clean);
        assert_true((config != NULL) == (rc == RV_OK));
        assert_true(rc == RV_OK || err.code == rc);
        rv_config_free(config);
        rv_findings_free(&findings);
        rv_redactor_free(redactor);
        if (!hit)
            break;
    }
}

static void running_out_of_memory_is_reported_and_leaks_nothing(void **state)
{
    (void)state;
    fail_nth_allocation(whole, FAULT_TRANSIENT, RV_OK);
    fail_nth_allocation(whole, FAULT_PERSISTENT, RV_OK);
    fail_nth_allocation(spoiled, FAULT_TRANSIENT, RV_E_CONFIG_INVALID);
    fail_nth_allocation(spoiled, FAULT_PERSISTENT, RV_E_CONFIG_INVALID);
    fail_nth_allocation("source: [\n", FAULT_TRANSIENT, RV_E_CONFIG_SYNTAX);
}

static void failing_to_allocate_or_open_with_files_is_reported(void **state)
{
    const place *p = *state;
    loading first;
    load_query_file(p, &first, "q.sql");
    assert_int_equal(first.rc, RV_OK);
    loading_end(&first);
    for (int kind = 0; kind < 2; kind++) {
        for (int n = 1;; n++) {
            rv_config_input input = {.path = p->yaml, .getenv = loading_environment};
            rv_findings findings = {0};
            rv_config *config = NULL;
            fault_arm(kind == 0 ? FAULT_ALLOC : FAULT_OPEN, n, FAULT_TRANSIENT, 13);
            rv_code rc = rv_config_load(&config, &input, NULL, &findings, NULL);
            bool hit = fault_disarm();
            assert_int_equal(rc, !hit ? RV_OK : kind == 0 ? RV_E_OUT_OF_MEMORY : RV_E_CONFIG_UNREADABLE);
            rv_config_free(config);
            rv_findings_free(&findings);
            if (!hit)
                break;
        }
    }
}

static void freeing_nothing_is_fine(void **state)
{
    (void)state;
    rv_config_free(NULL);
    rv_findings_free(NULL);
    rvi_file_free(NULL, 0);
}

int main(void)
{
#define WITH_FILES(test) cmocka_unit_test_setup_teardown(test, place_set_up, place_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FILES(a_query_file_is_read_expanded_and_trimmed),
        WITH_FILES(a_query_file_cannot_leave_the_folder),
        WITH_FILES(a_link_inside_the_folder_is_followed),
        WITH_FILES(a_query_file_that_cannot_be_used_says_why),
        WITH_FILES(a_query_file_has_a_largest_size),
        WITH_FILES(a_url_file_is_read_from_beside_the_configuration),
        WITH_FILES(a_configuration_that_cannot_be_read_says_why),
        cmocka_unit_test(a_bare_file_name_has_the_working_directory_as_its_folder),
        cmocka_unit_test(a_secret_never_shows_in_what_is_reported),
        cmocka_unit_test(a_password_arrives_byte_for_byte_and_the_redactor_knows_it),
        cmocka_unit_test(one_problem_gives_the_error_its_code_place_and_words),
        cmocka_unit_test(running_out_of_memory_is_reported_and_leaks_nothing),
        WITH_FILES(failing_to_allocate_or_open_with_files_is_reported),
        cmocka_unit_test(freeing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
