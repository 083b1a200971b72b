/* What the catalog says about a relation: columns, keys, NULLs, row ids, sizes. */
#include "unit/source/sqlite_support.h"

#include <stdio.h>
#include <string.h>

static const rv_field *field(const sqlite_fixture *f, const char *name)
{
    for (int i = 0; i < f->info.schema.n_fields; i++)
        if (strcmp(f->info.schema.fields[i].name, name) == 0)
            return &f->info.schema.fields[i];
    fail_msg("no column '%s'", name);
    return NULL;
}

static void a_declared_type_becomes_what_sqlite_can_hold(void **state)
{
    static const struct {
        const char *declared;
        rv_type_id type;
        rv_fidelity fidelity;
    } cases[] = {
        {"INTEGER", RV_TYPE_INT64, RV_FIDELITY_EXACT},
        {"int", RV_TYPE_INT64, RV_FIDELITY_EXACT},
        {"TINYINT", RV_TYPE_INT64, RV_FIDELITY_EXACT},
        {"UNSIGNED BIG INT", RV_TYPE_INT64, RV_FIDELITY_EXACT},
        {"BOOLEAN", RV_TYPE_BOOL, RV_FIDELITY_EXACT},
        {"bool", RV_TYPE_BOOL, RV_FIDELITY_EXACT},
        {"TEXT", RV_TYPE_STRING, RV_FIDELITY_EXACT},
        {"VARCHAR(255)", RV_TYPE_STRING, RV_FIDELITY_EXACT},
        {"NATIVE CHARACTER(70)", RV_TYPE_STRING, RV_FIDELITY_EXACT},
        {"CLOB", RV_TYPE_STRING, RV_FIDELITY_EXACT},
        {"BLOB", RV_TYPE_BINARY, RV_FIDELITY_EXACT},
        {"REAL", RV_TYPE_FLOAT64, RV_FIDELITY_EXACT},
        {"DOUBLE PRECISION", RV_TYPE_FLOAT64, RV_FIDELITY_EXACT},
        {"float", RV_TYPE_FLOAT64, RV_FIDELITY_EXACT},
        {"", RV_TYPE_STRING, RV_FIDELITY_LOGICAL_STRING},
        {"NUMERIC", RV_TYPE_STRING, RV_FIDELITY_LOGICAL_STRING},
        {"DECIMAL(10,5)", RV_TYPE_STRING, RV_FIDELITY_LOGICAL_STRING},
        {"DATE", RV_TYPE_STRING, RV_FIDELITY_LOGICAL_STRING},
        {"DATETIME", RV_TYPE_STRING, RV_FIDELITY_LOGICAL_STRING},
        {"TIMESTAMP", RV_TYPE_STRING, RV_FIDELITY_LOGICAL_STRING},
        {"TIME", RV_TYPE_STRING, RV_FIDELITY_LOGICAL_STRING},
        {"UUID", RV_TYPE_STRING, RV_FIDELITY_LOGICAL_STRING},
        {"JSON", RV_TYPE_STRING, RV_FIDELITY_LOGICAL_STRING},
        {"INTERVAL", RV_TYPE_STRING, RV_FIDELITY_LOGICAL_STRING},
        {"POINT", RV_TYPE_STRING, RV_FIDELITY_LOGICAL_STRING},
    };
    sqlite_fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS t; CREATE TABLE t(x %s)", cases[i].declared);
        sqlite_close_source(f);
        sqlite_execute(f, sql);
        sqlite_describe_table(f, "t");
        const rv_field *x = field(f, "x");
        assert_int_equal(sqlite3_stricmp(x->native_type, cases[i].declared), 0);
        assert_int_equal(x->natural.id, cases[i].type);
        assert_int_equal(x->type.id, cases[i].type);
        assert_int_equal(x->fidelity, cases[i].fidelity);
        assert_true(x->loose);
    }
}

static void not_null_is_believed_only_where_it_is_enforced(void **state)
{
    static const struct {
        const char *why, *columns;
        bool nullable;
    } cases[] = {
        {"no constraint", "(k TEXT)", true},
        {"a constraint", "(k TEXT NOT NULL)", false},
        {"an ordinary primary key may hold NULL", "(k TEXT PRIMARY KEY)", true},
        {"so may INT, which is not INTEGER", "(k INT PRIMARY KEY)", true},
        {"the row id may not", "(k INTEGER PRIMARY KEY)", false},
        {"nor by a table constraint", "(k integer, PRIMARY KEY(k))", false},
        {"but DESC makes it an ordinary key", "(k INTEGER PRIMARY KEY DESC)", true},
        {"without row ids, a key is NOT NULL", "(k TEXT PRIMARY KEY) WITHOUT ROWID", false},
        {"and in a strict table", "(k TEXT PRIMARY KEY) STRICT", false},
        {"one of two key columns", "(k INTEGER, l INTEGER, PRIMARY KEY(k, l))", true},
        {"a generated column", "(a INTEGER, k INTEGER NOT NULL AS (a + 1))", false},
    };
    sqlite_fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[256];
        snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS t; CREATE TABLE t%s", cases[i].columns);
        sqlite_close_source(f);
        sqlite_execute(f, sql);
        sqlite_describe_table(f, "t");
        if (field(f, "k")->nullable != cases[i].nullable)
            fail_msg("%s: nullable is %d", cases[i].why, !cases[i].nullable);
    }
}

static void a_null_in_an_ordinary_key_is_exported(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f,
                   "CREATE TABLE t(k TEXT PRIMARY KEY, v INTEGER); INSERT INTO t VALUES (NULL, 1), ('a', 2)");
    assert_int_equal(sqlite_read_table(f, "t", NULL), RV_OK);
    assert_string_equal(sqlite_rows(f), "NULL|1\na|2");
}

static void row_ids_are_offered_where_a_table_has_them(void **state)
{
    static const struct {
        const char *sql;
        bool available, needs_snapshot;
        int64_t first, last;
    } cases[] = {
        {"CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (-5), (70)", true, false, -5, 70},
        {"CREATE TABLE t(id INTEGER PRIMARY KEY)", true, false, 1, 0},
        {"CREATE TABLE t(x TEXT); INSERT INTO t VALUES ('a'), ('b'), ('c')", true, true, 1, 3},
        {"CREATE TABLE t(id INTEGER PRIMARY KEY);"
         "INSERT INTO t VALUES (-9223372036854775807 - 1), (9223372036854775807)",
         true, false, INT64_MIN, INT64_MAX},
        {"CREATE TABLE t(rowid TEXT, oid TEXT); INSERT INTO t VALUES ('a', 'b')", true, true, 1, 1},
        {"CREATE TABLE t(rowid TEXT, OID TEXT, _RowId_ TEXT); INSERT INTO t VALUES ('a', 'b', 'c')", false,
         false, 0, 0},
        {"CREATE TABLE t(k TEXT PRIMARY KEY) WITHOUT ROWID", false, false, 0, 0},
        {"CREATE VIEW t AS SELECT 1 AS one", false, false, 0, 0},
        {"CREATE VIRTUAL TABLE t USING fts5(body)", false, false, 0, 0},
    };
    sqlite_fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sqlite_close_source(f);
        if (i > 0)
            sqlite_execute(f, strstr(cases[i - 1].sql, "VIEW t") != NULL ? "DROP VIEW t" : "DROP TABLE t");
        sqlite_execute(f, cases[i].sql);
        sqlite_describe_table(f, "t");
        const rv_physical *physical = &f->info.physical;
        assert_int_equal(physical->available, cases[i].available);
        assert_int_equal(physical->why_not == NULL, cases[i].available);
        if (!physical->available)
            continue;
        assert_string_equal(physical->strategy, "rowid");
        assert_int_equal(physical->needs_snapshot, cases[i].needs_snapshot);
        assert_true(physical->first == cases[i].first && physical->last == cases[i].last);
    }
}

static void a_name_finds_its_table_as_sqlite_would(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE Orders(x)");
    sqlite_describe_table(f, "orders");
    assert_string_equal(f->info.schema.origin, "main.Orders");
    rv_relation elsewhere = {.kind = RV_RELATION_TABLE, .schema = "temp", .table = "Orders"};
    assert_int_equal(sqlite_try_describe(f, elsewhere, NULL), RV_E_SOURCE_NOT_FOUND);
    assert_non_null(strstr(f->err.message, "main"));
}

static void generated_columns_are_there_and_hidden_ones_are_not(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE g(a INTEGER, v INTEGER AS (a * 2), s INTEGER AS (a * 3) STORED);"
                      "INSERT INTO g VALUES (5);"
                      "CREATE VIRTUAL TABLE v USING fts5(title, body); INSERT INTO v VALUES ('t', 'b')");
    assert_int_equal(sqlite_read_table(f, "g", NULL), RV_OK);
    assert_string_equal(sqlite_rows(f), "5|10|15");
    assert_int_equal(sqlite_read_table(f, "v", NULL), RV_OK);
    assert_int_equal(f->info.schema.n_fields, 2);
    assert_string_equal(f->info.kind, "virtual table");
    assert_string_equal(sqlite_rows(f), "t|b");
}

static void a_view_has_the_types_of_what_it_shows(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(i INTEGER NOT NULL, r REAL); INSERT INTO t VALUES (1, 0.5);"
                      "CREATE VIEW v AS SELECT i, r AS renamed, i + 1 AS computed, 'x' || i AS text FROM t");
    assert_int_equal(sqlite_read_table(f, "v", NULL), RV_OK);
    assert_string_equal(f->info.kind, "view");
    assert_int_equal(field(f, "i")->type.id, RV_TYPE_INT64);
    assert_true(field(f, "i")->nullable);
    assert_int_equal(field(f, "renamed")->type.id, RV_TYPE_FLOAT64);
    assert_int_equal(field(f, "computed")->type.id, RV_TYPE_STRING);
    assert_int_equal(field(f, "computed")->fidelity, RV_FIDELITY_LOGICAL_STRING);
    assert_string_equal(sqlite_rows(f), "1|0.5|2|x1");
}

static void a_query_has_declared_types_only_for_plain_columns(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(i INTEGER NOT NULL)");
    sqlite_describe_query(f, "SELECT i, i AS j, i + 1 AS k, NULL AS n, (SELECT max(i) FROM t) AS m FROM t");
    assert_int_equal(field(f, "i")->type.id, RV_TYPE_INT64);
    assert_int_equal(field(f, "j")->type.id, RV_TYPE_INT64);
    assert_int_equal(field(f, "k")->type.id, RV_TYPE_STRING);
    assert_int_equal(field(f, "n")->type.id, RV_TYPE_STRING);
    assert_string_equal(field(f, "n")->native_type, "");
    assert_int_equal(field(f, "m")->type.id, RV_TYPE_STRING);
}

static void two_columns_of_one_name_are_refused(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_open_source(f);
    rv_relation query = {.kind = RV_RELATION_QUERY, .query = "SELECT 1 AS a, 2 AS a"};
    assert_int_equal(sqlite_try_describe(f, query, NULL), RV_E_CONFIG_VALUE);
}

static void sizes_come_from_statistics_or_are_unknown(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE big(id INTEGER PRIMARY KEY, x TEXT);"
                      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)"
                      " INSERT INTO big SELECT i, 'row ' || i FROM n");
    sqlite_describe_table(f, "big");
    assert_int_equal(f->info.est_rows, -1);
    assert_true(f->info.est_bytes >= 4096); /* the only table of the file */
    sqlite_close_source(f);
    sqlite_execute(f, "CREATE TABLE small(x TEXT); CREATE INDEX one ON small(x) WHERE x > 'y';"
                      "INSERT INTO small SELECT 'x' || id FROM big LIMIT 100");
    sqlite_describe_table(f, "big");
    assert_int_equal(f->info.est_bytes, -1);
    sqlite_close_source(f);
    sqlite_execute(f, "CREATE INDEX two ON small(x); ANALYZE");
    sqlite_describe_table(f, "big");
    int64_t big = f->info.est_bytes;
    sqlite_describe_table(f, "small");
    assert_int_equal(f->info.est_rows, 100);
    assert_true(f->info.est_bytes > 0 && f->info.est_bytes < big);
}

enum { NAMES_BYTES = 256 };

static rv_code append_name(void *context, const rv_table_entry *entry, rv_error *err)
{
    char *names = context;
    size_t len = strlen(names);
    (void)err;
    snprintf(names + len, NAMES_BYTES - len, "%s%s", entry->name,
             entry->kind[0] == 'v' ? (entry->kind[2] == 'e' ? "(view) " : "(virtual) ") : " ");
    return RV_OK;
}

static void a_listing_is_by_name_and_leaves_out_what_is_not_the_users(void **state)
{
    sqlite_fixture *f = *state;
    char names[NAMES_BYTES] = "";
    sqlite_execute(f, "CREATE TABLE b(id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE TABLE a(x); ANALYZE;"
                      "CREATE VIEW c AS SELECT 1; CREATE VIRTUAL TABLE d USING fts5(body);"
                      "CREATE TABLE sqliteish(x)");
    sqlite_open_source(f);
    assert_int_equal(rv_source_list(f->source, NULL, append_name, names, &f->err), RV_OK);
    assert_string_equal(names, "a b c(view) d(virtual) sqliteish ");
    assert_int_equal(rv_source_list(f->source, "temp", append_name, names, &f->err), RV_E_SOURCE_NOT_FOUND);
}

static void a_table_of_two_thousand_columns_is_described(void **state)
{
    enum { COLUMNS = 2000, SQL_BYTES = 1 << 16 };
    sqlite_fixture *f = *state;
    static char sql[SQL_BYTES];
    size_t n = (size_t)snprintf(sql, sizeof sql, "CREATE TABLE wide(c0 INTEGER");
    for (int i = 1; i < COLUMNS; i++)
        n += (size_t)snprintf(sql + n, sizeof sql - n, ", c%d INTEGER DEFAULT %d", i, i);
    snprintf(sql + n, sizeof sql - n, "); INSERT INTO wide(c0) VALUES (0)");
    sqlite_execute(f, sql);
    assert_int_equal(sqlite_read_table(f, "wide", NULL), RV_OK);
    assert_int_equal(f->info.schema.n_fields, COLUMNS);
    assert_string_equal(sqlite_cell(f, COLUMNS - 1, 0), "1999");
}

int main(void)
{
#define CATALOG_TEST(test) cmocka_unit_test_setup_teardown(test, sqlite_setup, sqlite_teardown)
    const struct CMUnitTest tests[] = {
        CATALOG_TEST(a_declared_type_becomes_what_sqlite_can_hold),
        CATALOG_TEST(not_null_is_believed_only_where_it_is_enforced),
        CATALOG_TEST(a_null_in_an_ordinary_key_is_exported),
        CATALOG_TEST(row_ids_are_offered_where_a_table_has_them),
        CATALOG_TEST(a_name_finds_its_table_as_sqlite_would),
        CATALOG_TEST(generated_columns_are_there_and_hidden_ones_are_not),
        CATALOG_TEST(a_view_has_the_types_of_what_it_shows),
        CATALOG_TEST(a_query_has_declared_types_only_for_plain_columns),
        CATALOG_TEST(two_columns_of_one_name_are_refused),
        CATALOG_TEST(sizes_come_from_statistics_or_are_unknown),
        CATALOG_TEST(a_listing_is_by_name_and_leaves_out_what_is_not_the_users),
        CATALOG_TEST(a_table_of_two_thousand_columns_is_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
