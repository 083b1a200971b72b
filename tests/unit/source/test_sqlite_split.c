/* Cutting integer keys of every shape into parts of about equal rows, by a bounded number of steps. */
#include "unit/source/sqlite_support.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PARTS = 64 };

typedef struct cuts {
    rv_key_value places[MOST_PARTS];
    int64_t n;
} cuts;

static void cut(sqlite_fixture *f, const rv_index *index, int64_t n, cuts *out)
{
    assert_true(n <= MOST_PARTS);
    sqlite_assert_ok(
        rv_source_split(f->source, &f->relation, &f->info, index, n, f->arena, out->places, &out->n, &f->err),
        f);
}

static int64_t count(sqlite_fixture *f, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_prepare_v2(f->writer, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return n;
}

/* Rows of the largest part. */
static int64_t largest_part(sqlite_fixture *f, const cuts *c)
{
    int64_t most = 0;
    for (int64_t i = 0; i <= c->n; i++) {
        char sql[256];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM t WHERE %s%s AND %s%s", i > 0 ? "k > " : "1",
                 i > 0 ? c->places[i - 1].cells[0] : "", i < c->n ? "k <= " : "1",
                 i < c->n ? c->places[i].cells[0] : "");
        int64_t n = count(f, sql);
        most = n > most ? n : most;
    }
    return most;
}

#define NUMBERS \
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 19999) INSERT INTO t SELECT "

static void parts_are_about_equal_however_the_key_is_spread(void **state)
{
    static const struct {
        const char *value, *why;
    } cases[] = {
        {"i", "dense"},
        {"i * 1000000007", "sparse"},
        {"i * i * i", "thinner and thinner"},
        {"i + (i >= 10000) * 1000000000000000", "one wide gap"},
        {"CASE WHEN i < 10000 THEN i ELSE (i - 10000) * 100000000000 + 50000 END",
         "half of it dense, the rest thin"},
        {"(1700000000000 + i / 500 * 3600000) * 4194304 + i % 500", "snowflakes in bursts"},
        {"i - 9223372036854775807 - 1", "from the lowest number on"},
        {"CASE WHEN i % 2 THEN 9223372036854775807 - i ELSE i - 9223372036854775807 - 1 END", "at both ends"},
    };
    sqlite_fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[1024];
        cuts c;
        sqlite_close_source(f);
        snprintf(sql, sizeof sql,
                 "DROP TABLE IF EXISTS t; CREATE TABLE t(k INTEGER PRIMARY KEY); " NUMBERS "%s FROM n",
                 cases[i].value);
        sqlite_execute(f, sql);
        sqlite_describe_table(f, "t");
        for (int64_t n = 4; n <= 32; n *= 8) {
            cut(f, &f->info.indexes[0], n, &c);
            int64_t most = largest_part(f, &c);
            if (most > 2 * 20000 / n)
                fail_msg("%s: the largest of %" PRId64 " parts has %" PRId64 " rows", cases[i].why, c.n + 1,
                         most);
        }
    }
}

static void other_indexes_are_cut_by_their_first_column(void **state)
{
    sqlite_fixture *f = *state;
    cuts c;
    sqlite_execute(f, "CREATE TABLE t(k INTEGER, b TEXT, PRIMARY KEY(k DESC, b)) WITHOUT ROWID;" NUMBERS
                      "i / 10, 'b' || i FROM n");
    sqlite_describe_table(f, "t");
    cut(f, &f->info.indexes[0], 8, &c);
    assert_int_equal(c.n, 7);
    for (int64_t i = 0; i < c.n; i++) {
        assert_int_equal(c.places[i].n, 1);
        if (i > 0) /* in the order of the index, which is downwards */
            assert_true(strtoll(c.places[i].cells[0], NULL, 10) <
                        strtoll(c.places[i - 1].cells[0], NULL, 10));
    }
    for (int64_t i = 0; i < c.n / 2; i++) {
        rv_key_value swapped = c.places[i];
        c.places[i] = c.places[c.n - 1 - i];
        c.places[c.n - 1 - i] = swapped;
    }
    assert_true(largest_part(f, &c) <= 2 * 20000 / 8);
}

static void what_is_not_a_number_is_not_cut(void **state)
{
    sqlite_fixture *f = *state;
    cuts c;
    sqlite_execute(f,
                   "CREATE TABLE t(k TEXT PRIMARY KEY NOT NULL); INSERT INTO t VALUES ('a'), ('b'), ('c')");
    sqlite_describe_table(f, "t");
    cut(f, &f->info.indexes[0], 3, &c);
    assert_int_equal(c.n, 0);
    sqlite_close_source(f);
    sqlite_execute(f, "CREATE TABLE mixed(k UNIQUE NOT NULL); INSERT INTO mixed VALUES (1), ('b'), (x'00')");
    sqlite_describe_table(f, "mixed");
    cut(f, &f->info.indexes[0], 3, &c);
    assert_int_equal(c.n, 0);
}

static void few_rows_give_few_places(void **state)
{
    static const int64_t expected[] = {0, 0, 0, 1, 2};
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(k INTEGER PRIMARY KEY)");
    for (int64_t n = 0; n < 5; n++) {
        cuts c;
        char sql[64];
        sqlite_describe_table(f, "t");
        cut(f, &f->info.indexes[0], MOST_PARTS, &c);
        assert_int_equal(c.n, expected[n]);
        sqlite_close_source(f);
        snprintf(sql, sizeof sql, "INSERT INTO t VALUES (%" PRId64 ")", n + 7);
        sqlite_execute(f, sql);
    }
}

static void real_numbers_among_them_do_no_harm(void **state)
{
    sqlite_fixture *f = *state;
    cuts c;
    sqlite_execute(f, "CREATE TABLE t(k UNIQUE NOT NULL); " NUMBERS "(i - 10000) / 2.0 FROM n;"
                      "INSERT INTO t VALUES (-5001), (5001)");
    sqlite_describe_table(f, "t");
    cut(f, &f->info.indexes[0], 16, &c);
    assert_true(c.n > 8);
    assert_true(largest_part(f, &c) <= 2 * 20000 / 16);
}

int main(void)
{
#define SPLIT_TEST(test) cmocka_unit_test_setup_teardown(test, sqlite_setup, sqlite_teardown)
    const struct CMUnitTest tests[] = {
        SPLIT_TEST(parts_are_about_equal_however_the_key_is_spread),
        SPLIT_TEST(other_indexes_are_cut_by_their_first_column),
        SPLIT_TEST(what_is_not_a_number_is_not_cut),
        SPLIT_TEST(few_rows_give_few_places),
        SPLIT_TEST(real_numbers_among_them_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
