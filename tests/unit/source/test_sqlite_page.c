/* Pages: every row once, whatever the row ids are and whatever happens between two pages. */
#include "unit/source/sqlite_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Read the open scan in pages of `units`; column 0 of all rows, one after the other, each followed by a
 * blank. */
static void read_ids(sqlite_fixture *f, int64_t units, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (bool end = false; !end; end = f->page.end) {
        sqlite_assert_ok(sqlite_next(f, units), f);
        assert_true(f->batch->rows <= units);
        for (int64_t row = 0; row < f->batch->rows; row++)
            n += (size_t)snprintf(out + n, size - n, "%s ", sqlite_cell(f, 0, row));
        if (f->page.end)
            return;
    }
}

static void assert_ids(sqlite_fixture *f, rv_bounds bounds, const char *expected)
{
    static const int64_t sizes[] = {1, 2, 3, 1000};
    char ids[512];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        sqlite_scan(f, bounds);
        read_ids(f, sizes[i], ids, sizeof ids);
        assert_string_equal(ids, expected);
    }
}

static void the_ends_of_the_row_ids_are_read(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (-9223372036854775808),"
                      "(-9223372036854775807), (-1), (0), (1), (9223372036854775806), (9223372036854775807)");
    sqlite_describe_table(f, "t");
    static const char all[] =
        "-9223372036854775808 -9223372036854775807 -1 0 1 9223372036854775806 9223372036854775807 ";
    assert_ids(f, sqlite_range(INT64_MIN, INT64_MAX), all);
    assert_ids(f, sqlite_everything(), all);
    assert_ids(f, sqlite_range(INT64_MIN, -1), "-9223372036854775808 -9223372036854775807 -1 ");
    assert_ids(f, sqlite_range(0, INT64_MAX), "0 1 9223372036854775806 9223372036854775807 ");
    assert_ids(f, sqlite_range(2, 5), "");
    assert_ids(f, sqlite_range(0, 0), "0 ");
}

static void a_range_that_is_empty_by_itself_has_no_rows(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(id INTEGER PRIMARY KEY)");
    sqlite_describe_table(f, "t");
    assert_true(f->info.physical.first > f->info.physical.last);
    assert_ids(f, sqlite_range(f->info.physical.first, f->info.physical.last), "");
}

static void columns_that_hide_the_row_id_do_not_mislead(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f,
                   "CREATE TABLE one(rowid TEXT); INSERT INTO one VALUES ('z'), ('y'), ('x');"
                   "CREATE TABLE two(ROWID INTEGER, _rowid_ INTEGER); INSERT INTO two VALUES (9, 8), (7, 6);"
                   "CREATE TABLE all3(rowid TEXT, oid TEXT, _rowid_ TEXT);"
                   "INSERT INTO all3 VALUES ('c', 1, 1), ('b', 1, 1), ('a', 1, 1)");
    sqlite_describe_table(f, "one");
    assert_ids(f, sqlite_range(f->info.physical.first, f->info.physical.last), "z y x ");
    sqlite_describe_table(f, "two");
    assert_ids(f, sqlite_range(f->info.physical.first, f->info.physical.last), "9 7 ");
    sqlite_describe_table(f, "all3");
    assert_ids(f, sqlite_everything(), "c b a ");
}

static void what_has_no_row_ids_is_streamed(void **state)
{
    static const char *const relations[] = {"w", "v", "fts"};
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE w(k TEXT PRIMARY KEY, x INTEGER) WITHOUT ROWID;"
                      "INSERT INTO w VALUES ('a', 1), ('b', 2), ('c', 3), ('d', 4), ('e', 5);"
                      "CREATE VIEW v AS SELECT k FROM w;"
                      "CREATE VIRTUAL TABLE fts USING fts5(k); INSERT INTO fts SELECT k FROM w");
    for (size_t i = 0; i < sizeof relations / sizeof *relations; i++) {
        sqlite_describe_table(f, relations[i]);
        assert_ids(f, sqlite_everything(), "a b c d e ");
    }
    sqlite_describe_query(f, "SELECT k FROM w ORDER BY x DESC; -- done");
    assert_ids(f, sqlite_everything(), "e d c b a ");
}

static void pages_tell_when_they_are_the_last(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3)");
    sqlite_describe_table(f, "t");
    sqlite_scan(f, sqlite_everything());
    assert_int_equal(sqlite_next(f, 3), RV_OK);
    assert_int_equal(f->page.units, 3);
    assert_false(f->page.end); /* nobody has looked further yet */
    assert_int_equal(sqlite_next(f, 3), RV_OK);
    assert_int_equal(f->batch->rows, 0);
    assert_true(f->page.end);
    assert_int_equal(sqlite_next(f, 3), RV_OK); /* asking again changes nothing */
    assert_int_equal(f->batch->rows, 0);
    assert_true(f->page.end);
}

/* 5 is in the table's last chunk when it is described; 6 comes later, and the last chunk is open-ended. */
static void rows_that_come_after_describing_are_in_the_last_chunk(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2), (5)");
    sqlite_open_source(f);
    assert_int_equal(sqlite_try_describe(f, (rv_relation){.kind = RV_RELATION_TABLE, .table = "t"}, NULL),
                     RV_OK);
    sqlite_execute(f, "INSERT INTO t VALUES (-3), (6)");
    sqlite_begin(f, true);
    assert_ids(f, sqlite_range(1, 2), "-3 1 2 ");
    assert_ids(f, sqlite_range(3, 5), "5 6 ");
}

/* Only a key keeps its row: VACUUM gives out other row ids anew. */
static void without_a_snapshot_only_a_key_is_paged(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(x INTEGER); INSERT INTO t VALUES (1), (2), (3), (4), (5), (6);"
                      "DELETE FROM t WHERE x IN (1, 2)");
    sqlite_open_source(f);
    sqlite_begin(f, false);
    assert_int_equal(sqlite_try_describe(f, (rv_relation){.kind = RV_RELATION_TABLE, .table = "t"}, NULL),
                     RV_OK);
    sqlite_scan(f, sqlite_everything());
    assert_int_equal(sqlite_next(f, 1), RV_OK);
    sqlite3_busy_timeout(f->writer, 0);
    assert_int_equal(sqlite3_exec(f->writer, "VACUUM", NULL, NULL, NULL), SQLITE_BUSY);
    char ids[64];
    read_ids(f, 1, ids, sizeof ids);
    assert_string_equal(ids, "4 5 6 ");
}

static void a_table_that_changed_is_not_read_as_another(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(
        f, "CREATE TABLE t(id INTEGER PRIMARY KEY, a INTEGER, b INTEGER); INSERT INTO t VALUES (1, 10, 20),"
           "(2, 11, 21)");
    sqlite_open_source(f);
    sqlite_begin(f, false);
    assert_int_equal(sqlite_try_describe(f, (rv_relation){.kind = RV_RELATION_TABLE, .table = "t"}, NULL),
                     RV_OK);
    sqlite_scan(f, sqlite_everything());
    assert_int_equal(sqlite_next(f, 1), RV_OK);
    sqlite_execute(f, "ALTER TABLE t DROP COLUMN a");
    assert_int_equal(sqlite_next(f, 1), RV_E_SOURCE_QUERY);
    assert_non_null(strstr(f->err.message, "no such column"));
}

static void a_query_whose_columns_changed_is_not_read_as_another(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(a INTEGER, b INTEGER); INSERT INTO t VALUES (1, 2)");
    sqlite_open_source(f);
    sqlite_begin(f, false);
    assert_int_equal(
        sqlite_try_describe(f, (rv_relation){.kind = RV_RELATION_QUERY, .query = "SELECT * FROM t"}, NULL),
        RV_OK);
    sqlite_scan(f, sqlite_everything());
    sqlite_execute(f, "DROP TABLE t; CREATE TABLE t(b INTEGER, a INTEGER); INSERT INTO t VALUES (3, 4)");
    assert_int_equal(sqlite_next(f, 10), RV_E_SOURCE_QUERY);
    assert_non_null(strstr(f->err.message, "the schema changed"));
}

/* The page's statement runs into its limit; the page is then asked for again without one. */
static void a_page_over_its_time_is_read_again_from_its_start(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(
        f, "CREATE TABLE t(id INTEGER PRIMARY KEY, slow INTEGER NOT NULL AS (length(hex(zeroblob(200000)))));"
           "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
           " INSERT INTO t(id) SELECT i FROM n");
    sqlite_open_source(f);
    rv_read_options options = {.snapshot = true, .statement_timeout_ms = 1};
    assert_int_equal(rv_source_begin(f->source, &options, &f->err), RV_OK);
    assert_int_equal(sqlite_try_describe(f, (rv_relation){.kind = RV_RELATION_TABLE, .table = "t"}, NULL),
                     RV_OK);
    sqlite_scan(f, sqlite_everything());
    assert_int_equal(sqlite_next(f, 2000), RV_E_SOURCE_STATEMENT_TIMEOUT);
    assert_int_equal(f->err.retry, RV_RETRY_SMALLER);
    assert_int_equal(f->batch->rows, 0);
    assert_int_equal(sqlite_next(f, 1), RV_OK);
    assert_string_equal(sqlite_cell(f, 0, 0), "1");
}

static void a_page_is_cut_before_the_row_that_would_not_fit(void **state)
{
    static const char *const queries[] = {NULL, "SELECT * FROM t"};
    sqlite_fixture *f = *state;
    sqlite_execute(f,
                   "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT);"
                   "INSERT INTO t VALUES (1, 'a'), (2, 'bb'), (3, hex(zeroblob(500))), (4, 'd'), (5, 'e')");
    for (int i = 0; i < 2; i++) {
        const rv_page_limits limits = {.units = 100, .max_bytes = 200};
        char ids[64] = "";
        size_t n = 0;
        if (queries[i] == NULL)
            sqlite_describe_table(f, "t");
        else
            sqlite_describe_query(f, queries[i]);
        sqlite_scan(f, sqlite_everything());
        for (f->page.end = false; !f->page.end;) {
            rv_batch_reset(f->batch);
            sqlite_assert_ok(rv_scan_next(f->scan, &limits, f->batch, &f->page, &f->err), f);
            for (int64_t row = 0; row < f->batch->rows; row++)
                n += (size_t)snprintf(ids + n, sizeof ids - n, "%s", sqlite_cell(f, 0, row));
            n += (size_t)snprintf(ids + n, sizeof ids - n, "/");
        }
        assert_string_equal(ids, "12/3/45/");
    }
}

static void a_huge_value_is_refused_without_being_fetched(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(id INTEGER PRIMARY KEY, x BLOB);"
                      "INSERT INTO t VALUES (7, x'00'), (8, zeroblob(40000000))");
    sqlite_describe_table(f, "t");
    assert_int_equal(sqlite_try_scan(f, sqlite_everything(), 1 << 20), RV_OK);
    assert_int_equal(sqlite_next(f, 10), RV_E_VALUE_TOO_LARGE);
    assert_string_equal(f->err.frame[0], "the row after rowid=7");
    assert_true(f->err.hint[0] != '\0');
    /* The limit is the scan's; the connection has its own back afterwards. */
    assert_int_equal(sqlite_try_scan(f, sqlite_everything(), 0), RV_OK);
    assert_int_equal(sqlite_next(f, 10), RV_OK);
    assert_int_equal(f->batch->rows, 2);
}

static void an_index_does_not_change_the_order(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(id INTEGER PRIMARY KEY, x INTEGER); CREATE INDEX i ON t(x, id);"
                      "INSERT INTO t VALUES (1, 30), (2, 20), (3, 10); ANALYZE");
    sqlite_describe_table(f, "t");
    assert_ids(f, sqlite_everything(), "1 2 3 ");
}

static void a_page_starts_where_the_last_one_ended(void **state)
{
    enum { ROWS = 10000 };
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(id INTEGER PRIMARY KEY, x INTEGER);"
                      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
                      " INSERT INTO t SELECT i * 1000003, i FROM n");
    sqlite_describe_table(f, "t");
    sqlite_scan(f, sqlite_range(f->info.physical.first, f->info.physical.last));
    int64_t seen = 0;
    for (f->page.end = false; !f->page.end;) {
        sqlite_assert_ok(sqlite_next(f, 7), f);
        for (int64_t row = 0; row < f->batch->rows; row++)
            assert_int_equal(strtoll(sqlite_cell(f, 1, row), NULL, 10), ++seen);
    }
    assert_int_equal(seen, ROWS);
}

int main(void)
{
#define PAGE_TEST(test) cmocka_unit_test_setup_teardown(test, sqlite_setup, sqlite_teardown)
    const struct CMUnitTest tests[] = {
        PAGE_TEST(the_ends_of_the_row_ids_are_read),
        PAGE_TEST(a_range_that_is_empty_by_itself_has_no_rows),
        PAGE_TEST(columns_that_hide_the_row_id_do_not_mislead),
        PAGE_TEST(what_has_no_row_ids_is_streamed),
        PAGE_TEST(pages_tell_when_they_are_the_last),
        PAGE_TEST(rows_that_come_after_describing_are_in_the_last_chunk),
        PAGE_TEST(without_a_snapshot_only_a_key_is_paged),
        PAGE_TEST(a_table_that_changed_is_not_read_as_another),
        PAGE_TEST(a_query_whose_columns_changed_is_not_read_as_another),
        PAGE_TEST(a_page_over_its_time_is_read_again_from_its_start),
        PAGE_TEST(a_page_is_cut_before_the_row_that_would_not_fit),
        PAGE_TEST(a_huge_value_is_refused_without_being_fetched),
        PAGE_TEST(an_index_does_not_change_the_order),
        PAGE_TEST(a_page_starts_where_the_last_one_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
