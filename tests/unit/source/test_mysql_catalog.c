/* What describe() and list() say of the relations of a real server. */
#include "unit/source/mysql_server.h"

#include <stdio.h>
#include <string.h>

static const rv_field *field(const server_fixture *f, const char *name)
{
    const rv_field *found = rv_schema_field(&f->info.schema, name);
    if (found == NULL)
        fail_msg("there is no column %s", name);
    return found;
}

static void assert_field(const server_fixture *f, const char *name, const char *type)
{
    char text[RV_TYPE_TEXT_BYTES];
    rv_type_text(text, field(f, name)->natural);
    if (strcmp(text, type) != 0)
        fail_msg("column %s is %s", name, text);
}

static rv_code try_describe(server_fixture *f, const char *schema, const char *table)
{
    rv_relation relation = {.kind = RV_RELATION_TABLE, .schema = schema, .table = table};
    rv_relation_info info;
    f->err = (rv_error){0};
    return rv_source_describe(f->source, &relation, f->arena, &info, &f->err);
}

/* Queries name their tables without the database. */
static void use_database(server_fixture *f)
{
    char sql[128];
    snprintf(sql, sizeof sql, "USE %s", f->schema);
    server_assert_ok(f, rvi_my_run((rvi_my *)f->source, sql, rvi_my_control_deadline(), &f->err));
}

static bool is_mysql_8(const server_fixture *f)
{
    return !server_is_mariadb(f) && f->server.version_number >= 80000;
}

static void columns_are_described_as_they_are_declared(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(f,
                   "CREATE TABLE t (id int PRIMARY KEY, flag tinyint(1) NOT NULL, amount decimal(65,30), at "
                   "datetime(3), `od``d` time(6), g int GENERATED ALWAYS AS (id + 1) VIRTUAL, label "
                   "enum('a','b') CHARACTER SET latin1)");
    server_describe(f, "t");
    assert_int_equal(f->info.schema.n_fields, 7);
    assert_field(f, "flag", "bool");
    assert_true(field(f, "flag")->loose);
    assert_field(f, "amount", "decimal(65,30)");
    assert_field(f, "at", "timestamp");
    assert_int_equal(field(f, "at")->native_mod, 3);
    assert_field(f, "od`d", "string");
    assert_field(f, "g", "int32");
    assert_field(f, "label", "enum");
    assert_true(field(f, "id")->is_key && !field(f, "id")->nullable);
    assert_false(field(f, "flag")->nullable);
    assert_true(field(f, "amount")->nullable);
    assert_string_equal(field(f, "amount")->native_type, "decimal(65,30)");
    assert_string_equal(f->info.kind, "table");
    assert_string_equal(f->info.namespace, f->schema);
    assert_int_equal(field(f, "label")->ordinal, 7);
}

static void invisible_columns_are_columns(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    if (!server_is_mariadb(f) && f->server.version_number < 80023)
        skip();
    server_execute(f, "CREATE TABLE t (id int PRIMARY KEY, hidden int INVISIBLE DEFAULT 7)");
    server_describe(f, "t");
    assert_int_equal(f->info.schema.n_fields, 2);
    assert_field(f, "hidden", "int32");
}

static void json_is_json_on_every_server(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE t (id int PRIMARY KEY, j json, `a``b` json, plain longtext)");
    server_execute(f, "CREATE VIEW v AS SELECT * FROM t");
    server_describe(f, "t");
    assert_field(f, "j", "json");
    assert_field(f, "a`b", "json");
    assert_int_equal(field(f, "j")->loose, server_is_mariadb(f)); /* whose check can be switched off */
    assert_field(f, "plain", "string");
    server_describe(f, "v");
    assert_field(f, "j", "json");
    use_database(f);
    server_describe_query(f, "SELECT id, j, plain FROM t");
    assert_field(f, "j", "json");
    assert_field(f, "plain", "string");
}

static void a_geometrys_srid_is_part_of_its_type(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    if (!is_mysql_8(f))
        skip();
    server_execute(f, "CREATE TABLE t (id int PRIMARY KEY, p point SRID 4326, q point)");
    server_describe(f, "t");
    assert_int_equal(field(f, "p")->native_mod, 4326);
    assert_string_equal(field(f, "p")->native_type, "point srid 4326");
    assert_int_equal(field(f, "q")->native_mod, 0);
}

static void a_view_is_nullable_and_has_no_key(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE t (id int PRIMARY KEY, b varchar(10) NOT NULL)");
    server_execute(f, "CREATE VIEW v AS SELECT id, b, id = 1 AS is_one FROM t");
    server_describe(f, "v");
    assert_string_equal(f->info.kind, "view");
    assert_true(field(f, "id")->nullable && field(f, "b")->nullable);
    assert_int_equal(f->info.n_indexes, 0);
    assert_int_equal(f->info.est_rows, -1);
}

static void kinds_are_told_apart(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE t (id int PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 3");
    server_describe(f, "t");
    assert_string_equal(f->info.kind, "partitioned table");
    if (!server_is_mariadb(f))
        return;
    server_execute(f, "CREATE TABLE s (id int PRIMARY KEY) WITH SYSTEM VERSIONING");
    server_describe(f, "s");
    assert_string_equal(f->info.kind, "system-versioned table");
    server_execute(f, "CREATE SEQUENCE q");
    assert_int_equal(try_describe(f, f->schema, "q"), RV_E_SOURCE_UNSUPPORTED);
}

/* MySQL 8 shows the statistics of up to a day ago; what is planned with must be what the optimizer knows now. */
static void estimates_follow_the_table(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE t (id int PRIMARY KEY, b varchar(100)) ENGINE=InnoDB");
    server_execute(f, "ANALYZE TABLE t");
    server_describe(f, "t");
    assert_true(f->info.est_rows >= 0 && f->info.est_rows <= 1);
    server_execute(f, "INSERT INTO t VALUES (1, REPEAT('x', 100))");
    for (int n = 1; n < 8192; n *= 2) {
        char sql[128];
        snprintf(sql, sizeof sql, "INSERT INTO t SELECT id + %d, b FROM t", n);
        server_execute(f, sql);
    }
    server_execute(f, "ANALYZE TABLE t");
    server_describe(f, "t");
    assert_in_range(f->info.est_rows, 6000, 11000);
}

static void a_querys_columns_have_its_names_and_types(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE t (id int unsigned PRIMARY KEY, d decimal(10,2), b bigint unsigned)");
    use_database(f);
    server_describe_query(f, "SELECT id, d * 2 AS `d 2`, b, 'x' AS t, NULL AS nothing FROM t -- the end");
    assert_int_equal(f->info.schema.n_fields, 5);
    assert_string_equal(f->info.kind, "query");
    assert_field(f, "id", "int64");
    assert_int_equal(field(f, "d 2")->natural.id, RV_TYPE_DECIMAL);
    assert_int_equal(field(f, "d 2")->natural.scale, 2);
    assert_field(f, "b", "uint64");
    assert_string_equal(field(f, "b")->native_type, "bigint unsigned");
    assert_true(field(f, "id")->nullable);
}

static void a_query_that_nobody_can_run_is_refused(void **state)
{
    static const struct {
        const char *query;
        rv_code code;
    } cases[] = {
        {"SELECT id FROM t WHERE id = ?", RV_E_SOURCE_QUERY},
        {"SELECT id, id FROM t", RV_E_SOURCE_QUERY},
        {"SELECT nothing FROM t", RV_E_SOURCE_NOT_FOUND},
        {"DELETE FROM t", RV_E_SOURCE_QUERY},
    };
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE t (id int PRIMARY KEY)");
    use_database(f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rv_relation relation = {.kind = RV_RELATION_QUERY, .query = cases[i].query};
        rv_relation_info info;
        rv_code rc = rv_source_describe(f->source, &relation, f->arena, &info, &f->err);
        if (rc != cases[i].code)
            fail_msg("%s: %s, %s", cases[i].query, rv_code_name(rc), f->err.message);
    }
}

static void what_is_not_there_is_named_with_what_is_near(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE customers (id int PRIMARY KEY)");
    assert_int_equal(try_describe(f, f->schema, "custommers"), RV_E_SOURCE_NOT_FOUND);
    assert_non_null(strstr(f->err.hint, "did you mean 'customers'?"));
    assert_int_equal(try_describe(f, "no_such_database_of_ours", "t"), RV_E_SOURCE_NOT_FOUND);
}

/* The same name in two databases, with other labels: hazards of looking a table up by its name alone. */
static void a_table_is_described_from_its_own_database(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    const char *other = rv_arena_printf(f->arena, "%s_other", f->schema);
    char sql[256];
    assert_non_null(other);
    server_execute(f, "CREATE TABLE t (id int PRIMARY KEY, v enum('a','b'))");
    snprintf(sql, sizeof sql, "CREATE DATABASE %s", other);
    server_execute(f, sql);
    snprintf(sql, sizeof sql, "CREATE TABLE %s.t (id int PRIMARY KEY, v enum('','b','c'), w int)", other);
    server_execute(f, sql);
    server_describe(f, "t");
    bool own = f->info.schema.n_fields == 2 && field(f, "v")->loose;
    rv_code rc = try_describe(f, other, "t");
    snprintf(sql, sizeof sql, "DROP DATABASE %s", other);
    server_execute(f, sql);
    assert_true(own);
    assert_int_equal(rc, RV_OK);
}

static void a_broken_view_is_refused(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE t (id int PRIMARY KEY)");
    server_execute(f, "CREATE VIEW v AS SELECT * FROM t");
    server_execute(f, "DROP TABLE t");
    assert_int_equal(try_describe(f, f->schema, "v"), RV_E_SOURCE_DENIED);
    assert_non_null(strstr(f->err.hint, "view"));
}

/* information_schema shows a user the columns that he was granted, and no others; SELECT * does not forget them. */
static void a_column_that_was_not_granted_is_not_left_out(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    char sql[256], user[64];
    snprintf(user, sizeof user, "rivet_partly");
    server_execute(f, "CREATE TABLE t (id int PRIMARY KEY, salary int)");
    snprintf(sql, sizeof sql, "CREATE USER IF NOT EXISTS '%s'@'%%'", user);
    if (!server_is_mariadb(f) && f->server.version_number < 50706)
        skip();
    server_execute(f, sql);
    snprintf(sql, sizeof sql, "GRANT SELECT (id) ON %s.t TO '%s'@'%%'", f->schema, user);
    server_execute(f, sql);
    rv_source_config config = f->config;
    config.user = user;
    config.password = NULL;
    config.database = f->schema;
    rv_source *partly = NULL;
    rv_relation relation = {.kind = RV_RELATION_TABLE, .schema = f->schema, .table = "t"};
    rv_relation_info info;
    rv_code opened = rv_source_open(&partly, &config, NULL, &f->err), rc = RV_OK;
    if (opened == RV_OK)
        rc = rv_source_describe(partly, &relation, f->arena, &info, &f->err);
    rv_source_close(partly);
    snprintf(sql, sizeof sql, "DROP USER '%s'@'%%'", user);
    server_execute(f, sql);
    assert_int_equal(opened, RV_OK);
    assert_int_equal(rc, RV_E_SOURCE_DENIED);
}

/* A server may limit every SELECT to a few rows, for everybody. */
static void a_limit_on_selects_hides_no_column(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE t (id int PRIMARY KEY, a int, b int, c int)");
    server_assert_ok(f, rvi_my_run((rvi_my *)f->source,
                                   "SET SESSION sql_select_limit = 2, max_join_size = 1, sql_big_selects = 0",
                                   rvi_my_control_deadline(), &f->err));
    server_describe(f, "t");
    assert_int_equal(f->info.schema.n_fields, 4);
}

typedef struct listed {
    int n;
    char text[512];
} listed;

static rv_code on_table(void *context, const rv_table_entry *entry, rv_error *err)
{
    listed *all = context;
    size_t len = strlen(all->text);
    (void)err;
    all->n++;
    snprintf(all->text + len, sizeof all->text - len, "%s:%s ", entry->name, entry->kind);
    return RV_OK;
}

static void tables_and_views_are_listed_by_name(void **state)
{
    server_fixture *f = *state;
    listed all = {0};
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE b (id int PRIMARY KEY)");
    server_execute(f, "CREATE TABLE `a b` (id int PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2");
    server_execute(f, "CREATE VIEW v AS SELECT * FROM b");
    if (server_is_mariadb(f))
        server_execute(f, "CREATE SEQUENCE s");
    server_assert_ok(f, rv_source_list(f->source, f->schema, on_table, &all, &f->err));
    assert_string_equal(all.text, "a b:partitioned table b:table v:view ");
}

int main(void)
{
#define SERVER_TEST(test) cmocka_unit_test_setup_teardown(test, server_setup, server_teardown)
    const struct CMUnitTest tests[] = {
        SERVER_TEST(columns_are_described_as_they_are_declared),
        SERVER_TEST(invisible_columns_are_columns),
        SERVER_TEST(json_is_json_on_every_server),
        SERVER_TEST(a_geometrys_srid_is_part_of_its_type),
        SERVER_TEST(a_view_is_nullable_and_has_no_key),
        SERVER_TEST(kinds_are_told_apart),
        SERVER_TEST(estimates_follow_the_table),
        SERVER_TEST(a_querys_columns_have_its_names_and_types),
        SERVER_TEST(a_query_that_nobody_can_run_is_refused),
        SERVER_TEST(what_is_not_there_is_named_with_what_is_near),
        SERVER_TEST(a_table_is_described_from_its_own_database),
        SERVER_TEST(a_broken_view_is_refused),
        SERVER_TEST(a_column_that_was_not_granted_is_not_left_out),
        SERVER_TEST(a_limit_on_selects_hides_no_column),
        SERVER_TEST(tables_and_views_are_listed_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
