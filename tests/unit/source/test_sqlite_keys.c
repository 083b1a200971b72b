/* Keys of SQLite: which indexes are keys, and values of every storage class as places in them. */
#include "unit/source/sqlite_support.h"

#include "rivet/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- indexes ---- */

static const rv_index *index_named(const sqlite_fixture *f, const char *name)
{
    for (int i = 0; i < f->info.n_indexes; i++)
        if (strcmp(f->info.indexes[i].name, name) == 0)
            return &f->info.indexes[i];
    return NULL;
}

static void what_cannot_be_walked_is_not_offered(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(a INT NOT NULL, b TEXT COLLATE NOCASE NOT NULL, c INT, d INT NOT NULL,"
                      " e INT NOT NULL, f INT NOT NULL);"
                      "CREATE UNIQUE INDEX whole ON t(a, b DESC);"
                      "CREATE UNIQUE INDEX nullable ON t(a, c);"
                      "CREATE INDEX plain ON t(a);"
                      "CREATE UNIQUE INDEX partial ON t(a) WHERE c > 1;"
                      "CREATE UNIQUE INDEX expression ON t(abs(a));"
                      "CREATE UNIQUE INDEX ends_in_expression ON t(d, abs(a));"
                      "CREATE UNIQUE INDEX other_collation ON t(b COLLATE BINARY);"
                      "CREATE UNIQUE INDEX five ON t(a, b, d, e, f)");
    sqlite_describe_table(f, "t");
    assert_int_equal(f->info.n_indexes, 5);
    const rv_index *whole = index_named(f, "whole");
    assert_non_null(whole);
    assert_true(rv_index_is_key(whole) && !whole->primary);
    assert_true(!whole->key.descending[0] && whole->key.descending[1]);
    assert_true(index_named(f, "nullable")->unique && !index_named(f, "nullable")->not_null);
    assert_true(!index_named(f, "plain")->unique && index_named(f, "plain")->complete);
    const rv_index *cut = index_named(f, "ends_in_expression");
    assert_true(cut->key.n_columns == 1 && !cut->complete && !rv_index_is_key(cut));
    assert_true(index_named(f, "five")->key.n_columns == 4 && !rv_index_is_key(index_named(f, "five")));
}

static void the_primary_key_comes_first_whatever_it_is(void **state)
{
    static const struct {
        const char *columns;
        int n;
        bool is_key;
        double correlation;
    } cases[] = {
        {"(id INTEGER PRIMARY KEY, x INT UNIQUE)", 1, true, 1},
        {"(id INTEGER PRIMARY KEY DESC, x INT UNIQUE)", 1, false,
         0}, /* an index of its own, and it may hold NULLs */
        {"(id INT PRIMARY KEY NOT NULL, x INT UNIQUE)", 1, true, 0},
        {"(id INT PRIMARY KEY, x INT UNIQUE)", 1, false, 0},
        {"(x INT UNIQUE, id TEXT, n INT, PRIMARY KEY(id, n)) WITHOUT ROWID", 2, true, 1},
        {"(x INT UNIQUE, id TEXT, n INT, PRIMARY KEY(id DESC, n)) WITHOUT ROWID", 2, true, -1},
    };
    sqlite_fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[256];
        snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS t; CREATE TABLE t%s", cases[i].columns);
        sqlite_close_source(f);
        sqlite_execute(f, sql);
        sqlite_describe_table(f, "t");
        assert_int_equal(f->info.n_indexes, 2);
        const rv_index *index = &f->info.indexes[0];
        assert_true(index->primary && !f->info.indexes[1].primary);
        assert_string_equal(index->key.columns[0], "id");
        assert_int_equal(index->key.n_columns, cases[i].n);
        assert_int_equal(rv_index_is_key(index), cases[i].is_key);
        assert_true(index->correlation == cases[i].correlation);
    }
}

static void views_and_queries_have_no_indexes(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(id INTEGER PRIMARY KEY); CREATE VIEW v AS SELECT * FROM t");
    sqlite_describe_table(f, "v");
    assert_int_equal(f->info.n_indexes, 0);
    sqlite_describe_query(f, "SELECT * FROM t");
    assert_int_equal(f->info.n_indexes, 0);
}

/* ---- values ---- */

/* Texts of ids, as the writer orders them. */
static const char *ordered_ids(sqlite_fixture *f, const char *sql)
{
    static char text[4096];
    sqlite3_stmt *stmt = NULL;
    size_t n = 0;
    text[0] = '\0';
    assert_int_equal(sqlite3_prepare_v2(f->writer, sql, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        n += (size_t)snprintf(text + n, sizeof text - n, "%d ", sqlite3_column_int(stmt, 0));
    sqlite3_finalize(stmt);
    return text;
}

static void add_ids(const sqlite_fixture *f, char *out, size_t size)
{
    for (int64_t row = 0; row < f->batch->rows; row++) {
        size_t n = strlen(out);
        snprintf(out + n, size - n, "%s ", sqlite_cell(f, 0, row));
    }
}

/* Only the first column: the others may hold what no column type takes. */
static void read_first_column_only(sqlite_fixture *f)
{
    f->schema.n_fields = 1;
}

/* Along the key in pages of one row, each of a new scan that goes on from the text of the last place. */
static void read_by_places(sqlite_fixture *f, const rv_key *key, char *out, size_t size)
{
    const rv_bounds along = {.kind = RV_BOUNDS_KEY, .key = key};
    rv_key_value at = {0};
    out[0] = '\0';
    for (int n = 0; n < 100; n++) {
        rv_key_value text = {0};
        rv_bytes bytes = RV_BYTES_INIT(1 << 16);
        const char *line = NULL;
        sqlite_assert_ok(sqlite_try_scan_after(f, along, &at), f);
        sqlite_assert_ok(sqlite_next(f, 1), f);
        add_ids(f, out, size);
        if (f->batch->rows == 0)
            return;
        sqlite_assert_ok(rv_scan_position(f->scan, f->arena, &text, &f->err), f);
        sqlite_assert_ok(rv_key_value_write(&text, &bytes, &f->err), f);
        sqlite_assert_ok(rv_bytes_cstr(&bytes, &line, &f->err), f);
        sqlite_assert_ok(rv_key_value_parse(line, f->arena, &at, &f->err), f);
        rv_bytes_deinit(&bytes);
    }
    fail_msg("the scan does not end: %s", out);
}

static const char odd_values[] =
    "INSERT INTO t VALUES (1, 5), (2, -5), (3, 9223372036854775807), (4, -9223372036854775808),"
    " (5, 0.1), (6, 1e300), (7, -1e-300), (8, 9e999), (9, -9e999), (10, 9007199254740993),"
    " (11, 9007199254740992.5), (12, '5'), (13, ''), (14, '-5'), (15, '05'), (16, 'i5'),"
    " (17, char(31) || 'i5'), (18, char(31)), (19, 'a' || char(0) || 'b'), (20, 'a'), (21, CAST(x'61ff' AS "
    "TEXT)),"
    " (22, CAST(x'd83d' AS TEXT)), (23, 'A'), (24, 'a '), (25, char(128512)), (26, x''), (27, x'00'), (28, "
    "x'6100'),"
    " (29, x'61'), (30, '2024-01-31'), (31, '1e3'), (32, ' 7'), (33, '0x10'), (34, 1e18), (35, "
    "'9223372036854775808')";

static void assert_places_of_odd_values(sqlite_fixture *f, const char *declared)
{
    static const rv_key key = {.n_columns = 1, .columns = {"k"}};
    char sql[128], ids[4096];
    sqlite_close_source(f);
    snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS t; CREATE TABLE t(id, k %s NOT NULL UNIQUE)", declared);
    sqlite_execute(f, sql);
    char insert[2048];
    snprintf(insert, sizeof insert, "INSERT OR IGNORE%s", odd_values + strlen("INSERT"));
    sqlite_execute(f, insert);
    sqlite_describe_table(f, "t");
    read_first_column_only(f);
    assert_true(rv_index_is_key(&f->info.indexes[0]));
    read_by_places(f, &key, ids, sizeof ids);
    assert_string_equal(ids, ordered_ids(f, "SELECT id FROM t ORDER BY k"));
    assert_true(strlen(ids) > 40);
}

/* Numbers, texts and blobs in one column, whatever it is declared: SQLite's own order, every value exactly. */
static void every_value_is_a_place(void **state)
{
    static const char *const declared[] = {
        "", "INTEGER", "TEXT", "REAL", "BLOB", "NUMERIC", "DATETIME", "TEXT COLLATE NOCASE", "COLLATE RTRIM"};
    sqlite_fixture *f = *state;
    for (size_t i = 0; i < sizeof declared / sizeof *declared; i++)
        assert_places_of_odd_values(f, declared[i]);
}

static void every_value_is_a_place_in_utf16_too(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "PRAGMA encoding='UTF-16le'");
    assert_places_of_odd_values(f, "");
    assert_places_of_odd_values(f, "TEXT");
}

static void what_people_can_read_stays_plain(void **state)
{
    sqlite_fixture *f = *state;
    static const char *const plain[] = {"-5", "2024-01-31 00:00:00", "x", "17"};
    static const rv_key keys[] = {{.n_columns = 1, .columns = {"i"}},
                                  {.n_columns = 1, .columns = {"d"}},
                                  {.n_columns = 1, .columns = {"u"}},
                                  {.n_columns = 1, .columns = {"t"}}};
    sqlite_execute(f, "CREATE TABLE t(i INTEGER, d DATETIME, u, t TEXT);"
                      "INSERT INTO t VALUES (-5, '2024-01-31 00:00:00', 'x', '17')");
    sqlite_describe_table(f, "t");
    for (int i = 0; i < 4; i++) {
        rv_key_ends ends;
        sqlite_assert_ok(rv_source_key_ends(f->source, &f->relation, &f->info, &keys[i], NULL, NULL, 0,
                                            f->arena, &ends, &f->err),
                         f);
        assert_string_equal(ends.first.cells[0], plain[i]);
    }
}

/* Values that the planner makes: numbers and ISO texts. */
static void plain_values_are_read_for_their_column(void **state)
{
    static const struct {
        const char *column, *lo, *ids;
    } cases[] = {
        {"i", "9", "2 3 "},          {"t", "9", "1 "},
        {"u", "9", "2 3 "}, /* a text is above all numbers */
        {"d", "2024-01-31", "2 3 "}, {"ts", "2024-01-31 12:00:00", "3 "},
    };
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(id INTEGER PRIMARY KEY, i INTEGER, t TEXT, u, d DATE, ts TIMESTAMP);"
                      "INSERT INTO t VALUES (1, 9, '95', 5, '2024-01-31', '2024-01-31 00:00:00'),"
                      "(2, 10, '10', 10, '2024-02-01', '2024-01-31 12:00:00'),"
                      "(3, 100, '100', '1', '2025-01-01', '2024-01-31 12:00:00.5')");
    sqlite_describe_table(f, "t");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char ids[64] = "";
        const rv_key key = {.n_columns = 1, .columns = {cases[i].column}};
        const rv_range range = {.key = &key, .lo = {1, {cases[i].lo}}};
        sqlite_scan(f, (rv_bounds){.kind = RV_BOUNDS_ALL, .ranges = {&range}, .n_ranges = 1});
        sqlite_assert_ok(sqlite_next(f, 100), f);
        add_ids(f, ids, sizeof ids);
        assert_string_equal(ids, cases[i].ids);
    }
}

static void a_value_in_no_known_form_is_refused(void **state)
{
    static const char *const texts[] = {"\x1f",  "\x1fi",   "\x1fi05", "\x1fi1x", "\x1fi9223372036854775808",
                                        "\x1fr", "\x1fr1x", "\037b0",  "\037b0g", "\x1fxG0",
                                        "\x1fz1"};
    static const rv_key key = {.n_columns = 1, .columns = {"a"}};
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(a)");
    sqlite_describe_table(f, "t");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const rv_range range = {.key = &key, .lo = {1, {texts[i]}}};
        const rv_bounds bounds = {.kind = RV_BOUNDS_ALL, .ranges = {&range}, .n_ranges = 1};
        if (sqlite_try_scan(f, bounds, 0) != RV_E_SOURCE_QUERY)
            fail_msg("taken: %s", texts[i] + 1);
    }
}

/* ---- pages ---- */

static void a_key_that_holds_a_null_is_no_key(void **state)
{
    static const rv_key key = {.n_columns = 1, .columns = {"a"}};
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(a UNIQUE); INSERT INTO t VALUES (NULL), (1)");
    sqlite_describe_table(f, "t");
    sqlite_scan(f, (rv_bounds){.kind = RV_BOUNDS_KEY, .key = &key});
    assert_int_equal(sqlite_next(f, 10), RV_E_VALUE_MALFORMED);
    assert_non_null(strstr(f->err.message, "'a'"));
}

/* The file is in rollback mode: a writer that commits locks readers out. */
static void a_page_that_met_a_lock_is_asked_again(void **state)
{
    static const rv_key key = {.n_columns = 1, .columns = {"k"}};
    const rv_read_options impatient = {.lock_timeout_ms = 1};
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(id, k TEXT PRIMARY KEY NOT NULL);"
                      "INSERT INTO t VALUES (1, 'c'), (2, 'a'), (3, 'b')");
    sqlite_describe_table(f, "t");
    rv_source_end(f->source);
    sqlite_assert_ok(rv_source_begin(f->source, &impatient, &f->err), f);
    sqlite_scan(f, (rv_bounds){.kind = RV_BOUNDS_KEY, .key = &key});
    sqlite_assert_ok(sqlite_next(f, 1), f);
    sqlite_execute(f, "BEGIN EXCLUSIVE; DELETE FROM t WHERE k = 'a'; INSERT INTO t VALUES (4, 'aa')");
    assert_int_equal(sqlite_next(f, 1), RV_E_SOURCE_LOCK_TIMEOUT);
    sqlite_execute(f, "COMMIT");
    sqlite_assert_ok(sqlite_next(f, 1), f);
    assert_string_equal(sqlite_cell(f, 0, 0), "4");
    sqlite_assert_ok(sqlite_next(f, 9), f);
    assert_string_equal(sqlite_cell(f, 0, 0), "3");
    assert_int_equal(f->batch->rows, 2);
}

static void a_page_along_a_key_keeps_to_max_bytes(void **state)
{
    static const rv_key key = {.n_columns = 1, .columns = {"k"}};
    const rv_page_limits limits = {.units = 10, .max_bytes = 30};
    sqlite_fixture *f = *state;
    rv_page page = {0};
    int64_t rows = 0;
    sqlite_execute(f, "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL);"
                      "INSERT INTO t VALUES ('aaaaaaaaaaaaaaaaaaaa'), ('bbbbbbbbbbbbbbbbbbbb'), ('c')");
    sqlite_describe_table(f, "t");
    sqlite_scan(f, (rv_bounds){.kind = RV_BOUNDS_KEY, .key = &key});
    for (int n = 0; n < 9 && !page.end; n++, rows += f->batch->rows) {
        rv_batch_reset(f->batch);
        sqlite_assert_ok(rv_scan_next(f->scan, &limits, f->batch, &page, &f->err), f);
        assert_true(f->batch->rows <= 1 || n > 0);
    }
    assert_int_equal(rows, 3);
}

static void a_query_may_end_in_a_comment_or_a_semicolon(void **state)
{
    static const char *const queries[] = {
        "SELECT id FROM t", "SELECT id FROM t ; \n", "SELECT id FROM t -- all",
        "WITH x AS (SELECT id FROM t) SELECT id FROM x ORDER BY id DESC LIMIT 2;"};
    static const rv_key key = {.n_columns = 1, .columns = {"id"}};
    static const rv_range range = {.key = &key, .lo = {1, {"1"}}};
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(id INTEGER); INSERT INTO t VALUES (3), (2), (1)");
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        char ids[64] = "";
        sqlite_describe_query(f, queries[i]);
        sqlite_scan(f, (rv_bounds){.kind = RV_BOUNDS_KEY, .key = &key, .ranges = {&range}, .n_ranges = 1});
        sqlite_assert_ok(sqlite_next(f, 100), f);
        add_ids(f, ids, sizeof ids);
        assert_string_equal(ids, "2 3 ");
    }
}

static void bounds_by_row_id_are_kept_without_a_snapshot_too(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(a); INSERT INTO t VALUES (1), (2), (3), (4)");
    sqlite_describe_table(f, "t");
    rv_source_end(f->source);
    sqlite_begin(f, false);
    sqlite_scan(f, sqlite_range(2, 3));
    sqlite_assert_ok(sqlite_next(f, 100), f);
    assert_string_equal(sqlite_rows(f), "2\n3");
}

int main(void)
{
#define KEY_TEST(test) cmocka_unit_test_setup_teardown(test, sqlite_setup, sqlite_teardown)
    const struct CMUnitTest tests[] = {
        KEY_TEST(what_cannot_be_walked_is_not_offered),
        KEY_TEST(the_primary_key_comes_first_whatever_it_is),
        KEY_TEST(views_and_queries_have_no_indexes),
        KEY_TEST(every_value_is_a_place),
        KEY_TEST(every_value_is_a_place_in_utf16_too),
        KEY_TEST(what_people_can_read_stays_plain),
        KEY_TEST(plain_values_are_read_for_their_column),
        KEY_TEST(a_value_in_no_known_form_is_refused),
        KEY_TEST(a_key_that_holds_a_null_is_no_key),
        KEY_TEST(a_page_that_met_a_lock_is_asked_again),
        KEY_TEST(a_page_along_a_key_keeps_to_max_bytes),
        KEY_TEST(a_query_may_end_in_a_comment_or_a_semicolon),
        KEY_TEST(bounds_by_row_id_are_kept_without_a_snapshot_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
