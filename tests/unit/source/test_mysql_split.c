/* Places that cut a key, and its ends: even parts of sparse keys, with few statements and few rows read. */
#include "unit/source/mysql_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 8, SQL_BYTES = 4096 };

typedef struct split_case {
    const char *declared, *value; /* of x, which counts from 0 to 29999 */
    const char *why;
    double most; /* rows of the largest part, in parts */
    int since_mysql, since_mariadb;
} split_case;

static const split_case split_cases[] = {
    {"bigint", "x", "dense", 1.2, 0, 0},
    {"bigint", "x * 1000003 - 9000000000", "evenly sparse, across zero", 1.5, 0, 0},
    {"bigint unsigned", "18446744073709551615 - x", "the end of the domain", 1.5, 0, 0},
    {"bigint", "IF(x < 100, x - 9000000000000000000, 9000000000000000000 + x)", "a gap of everything", 1.5, 0,
     0},
    {"bigint", "(1700000000000 + x * 50 + IF(x > 15000, 86400000 * 30, 0)) << 20", "snowflakes with a pause",
     1.5, 0, 0},
    {"int", "IF(x < 29000, x, 1000000000 + x * 1000)", "a dense beginning", 1.5, 0, 0},
    {"decimal(20,4)", "x * x / 3", "a growing step", 1.6, 0, 0},
    {"double", "EXP(x / 3000) * 1e10", "exponential", 1.6, 0, 0},
    {"date", "DATE_ADD('1970-01-01', INTERVAL x DAY)", "days", 1.2, 0, 0},
    {"datetime(6)", "TIMESTAMPADD(MICROSECOND, x * 1000 + IF(x > 10000, 1e14, 0), '2020-01-01')", "moments",
     1.5, 0, 0},
    {"timestamp(6) DEFAULT '2020-01-01'", "TIMESTAMPADD(SECOND, x * 60, '2020-01-01')", "instants", 1.5, 0,
     0},
    {"varchar(64) character set utf8mb4", "MD5(x)", "hashes", 2.0, 0, 0},
    {"varchar(64) character set latin1", "CONCAT('order-', LPAD(x, 8, '0'))", "a common beginning", 2.0, 0,
     0},
    {"varchar(64) character set utf8mb4 collate utf8mb4_bin", "CONCAT(CHAR(65 + x % 26), MD5(x))", "capitals",
     2.0, 0, 0},
    {"binary(16)", "UNHEX(MD5(x))", "bytes", 1.6, 0, 0},
    {"varbinary(20)", "CONCAT(UNHEX('ff00'), UNHEX(MD5(x)))", "bytes with a common beginning", 1.6, 0, 0},
    {"uuid",
     "CONCAT(LEFT(MD5(x), 8), '-', MID(MD5(x), 9, 4), '-4', MID(MD5(x), 14, 3), '-8', MID(MD5(x), 18, 3), "
     "'-',"
     " RIGHT(MD5(x), 12))",
     "random UUIDs", 1.6, -1, 100700},
};

static void create(server_fixture *f, const split_case *c, const char *key)
{
    char sql[SQL_BYTES];
    server_execute(f, "DROP TABLE IF EXISTS t");
    server_execute(f, "CREATE TABLE IF NOT EXISTS digits (d int)");
    server_execute(f, "DELETE FROM digits");
    server_execute(f, "INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)");
    snprintf(sql, sizeof sql, "CREATE TABLE t (id int NOT NULL, k %s NOT NULL, %s) ENGINE=InnoDB",
             c->declared, key);
    server_execute(f, sql);
    snprintf(sql, sizeof sql,
             "INSERT INTO t SELECT x, %s FROM (SELECT CAST(a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * "
             "g.d AS"
             " SIGNED) AS x FROM digits a, digits b, digits c, digits e, digits g WHERE g.d < 3) AS q",
             c->value);
    server_execute(f, sql);
    server_ask(f, "ANALYZE TABLE t");
}

static int64_t count_ids(const char *ids)
{
    int64_t n = ids[0] != '\0';
    for (const char *c = ids; *c != '\0'; c++)
        n += *c == ',';
    return n;
}

/* The rows of each part, which must be all of them; the most that any part has. */
static int64_t largest_part(server_fixture *f, const rv_key *key, const rv_key_value *places, int64_t n,
                            const char *why)
{
    int64_t most = 0, all = 0;
    for (int64_t i = 0; i <= n; i++) {
        const rv_range range = {.key = key,
                                .lo = i > 0 ? places[i - 1] : (rv_key_value){0},
                                .hi = i < n ? places[i] : (rv_key_value){0},
                                .hi_inclusive = true};
        const rv_bounds part = {.kind = RV_BOUNDS_KEY, .key = key, .ranges = {&range}, .n_ranges = 1};
        int64_t rows = count_ids(server_read(f, &part, NULL, 20000));
        if (rows == 0)
            fail_msg("%s: part %d is empty", why, (int)i);
        all += rows;
        most = rows > most ? rows : most;
    }
    if (all != 30000)
        fail_msg("%s: the parts have %d rows", why, (int)all);
    return most;
}

static void assert_even(server_fixture *f, const split_case *c, const char *name)
{
    rv_key_value places[PARTS];
    int64_t n = 0;
    server_begin(f, true);
    server_describe(f, "t");
    const rv_index *index = server_index(f, name);
    assert_non_null(index);
    server_work before = server_work_so_far(f);
    server_assert_ok(
        f, rv_source_split(f->source, &f->relation, &f->info, index, PARTS, f->arena, places, &n, &f->err));
    server_work work = server_work_since(f, before);
    if (n < PARTS - 3)
        fail_msg("%s: only %d places", c->why, (int)n);
    if (work.index_reads + work.scan_reads > 1000 || work.sorts > 0)
        fail_msg("%s: the places took %d entries and %d rows", c->why, (int)work.index_reads,
                 (int)work.scan_reads);
    const rv_key key = {.n_columns = 1, .columns = {"k"}, .descending = {index->key.descending[0]}};
    int64_t most = largest_part(f, &key, places, n, c->why);
    if ((double)most > c->most * 30000 / PARTS)
        fail_msg("%s: a part of %d rows", c->why, (int)most);
    server_end(f);
}

static void keys_are_cut_into_even_parts(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    for (size_t i = 0; i < sizeof split_cases / sizeof *split_cases; i++) {
        int since = server_is_mariadb(f) ? split_cases[i].since_mariadb : split_cases[i].since_mysql;
        if (since < 0 || f->server.version_number < since)
            continue;
        create(f, &split_cases[i], "PRIMARY KEY (k)");
        assert_even(f, &split_cases[i], "PRIMARY");
        create(f, &split_cases[i], "UNIQUE KEY x (k DESC)");
        assert_even(f, &split_cases[i], "x");
    }
}

static void few_values_are_cut_between_them(void **state)
{
    server_fixture *f = *state;
    static const split_case labels = {.declared = "enum('c','b','a')", .value = "1 + x % 3", .why = "labels"};
    static const split_case numbers = {.declared = "int", .value = "x % 3", .why = "three numbers"};
    static const split_case one = {.declared = "int", .value = "7", .why = "one number"};
    const split_case *cases[] = {&labels, &numbers, &one};
    rv_key_value places[PARTS];
    int64_t n = 0;
    NEEDS_SERVER(f);
    for (size_t i = 0; i < 3; i++) {
        create(f, cases[i], "PRIMARY KEY (k, id)");
        server_begin(f, false);
        server_describe(f, "t");
        server_assert_ok(f, rv_source_split(f->source, &f->relation, &f->info, &f->info.indexes[0], PARTS,
                                            f->arena, places, &n, &f->err));
        assert_int_equal(n, i < 2);
        if (n == 1)
            assert_int_equal(largest_part(f, &f->info.indexes[0].key, places, n, cases[i]->why), 20000);
        server_end(f);
    }
}

static void an_empty_table_has_no_places_and_no_ends(void **state)
{
    server_fixture *f = *state;
    rv_key_value places[PARTS];
    rv_key_ends ends = {0};
    int64_t n = 9;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE t (id int NOT NULL PRIMARY KEY)");
    server_begin(f, true);
    server_describe(f, "t");
    server_assert_ok(f, rv_source_split(f->source, &f->relation, &f->info, &f->info.indexes[0], PARTS,
                                        f->arena, places, &n, &f->err));
    assert_int_equal(n, 0);
    server_assert_ok(f, rv_source_key_ends(f->source, &f->relation, &f->info, &f->info.indexes[0].key, NULL,
                                           NULL, 0, f->arena, &ends, &f->err));
    assert_true(ends.empty);
    server_end(f);
}

/* ---- ends ---- */

typedef struct ends_case {
    const char *column, *fallback, *first, *last, *why;
    bool has_null;
} ends_case;

static const ends_case ends_cases[] = {
    {"id", NULL, "1", "6", "a primary key", false},
    {"n", NULL, "-5", "40", "NULLs", true},
    {"n", "m", "-5", "70", "a fallback with NULLs", true},
    {"n", "id", "-5", "40", "a fallback without", false},
    {"d", NULL, "0000-00-00", "2024-02-29", "a date that is none, and no NULL", false},
    {"t", NULL, "1970-01-01 00:00:01+00", "2024-10-27 01:30:00.500000+00", "instants", false},
    {"s", NULL,
     "\x1f"
     "41",
     "\x1f"
     "e9",
     "latin1", false}, /* é after Z, the two A's being one letter */
    {"e", NULL,
     "\x1f"
     "1",
     "\x1f"
     "3",
     "labels by number", false},
};

static void the_ends_of_a_key_are_the_servers(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(
        f,
        "CREATE TABLE t (id int NOT NULL PRIMARY KEY, n int, m int, d date NOT NULL,"
        " t timestamp(6) NOT NULL DEFAULT '2020-01-01', s varchar(9) CHARACTER SET latin1 COLLATE latin1_bin"
        " NOT NULL, e enum('z','y','x') NOT NULL, KEY (n), KEY (d), KEY (t), KEY (s), KEY (e))");
    server_execute(f, "INSERT INTO t VALUES (1, 10, 1, '0000-00-00', '1970-01-01 00:00:01', 'A', 'y'),"
                      " (2, NULL, NULL, '2024-02-29', '2024-10-27 01:30:00.5', 'é', 'x'),"
                      " (3, -5, NULL, '2020-01-01', '2020-01-01', 'Z', 'z'), (4, 40, 4, '2020-01-02', "
                      "'2020-01-02', 'B', 'z'),"
                      " (5, NULL, 70, '2020-01-02', '2020-01-02', 'B', 'z'), (6, 40, 4, '2020-01-02', "
                      "'2020-01-02', 'B', 'z')");
    server_begin(f, true);
    server_describe(f, "t");
    for (size_t i = 0; i < sizeof ends_cases / sizeof *ends_cases; i++) {
        const ends_case *c = &ends_cases[i];
        const rv_key key = {.n_columns = 1, .columns = {c->column}};
        rv_key_ends ends = {0};
        server_assert_ok(f, rv_source_key_ends(f->source, &f->relation, &f->info, &key, c->fallback, NULL, 0,
                                               f->arena, &ends, &f->err));
        assert_false(ends.empty);
        assert_string_equal(ends.first.cells[0], c->first);
        assert_string_equal(ends.last.cells[0], c->last);
        assert_int_equal(ends.has_null, c->has_null);
    }
    server_end(f);
}

static void ends_are_looked_for_within_ranges(void **state)
{
    server_fixture *f = *state;
    static const rv_key id = {.n_columns = 1, .columns = {"id"}}, n = {.n_columns = 1, .columns = {"n"}};
    const rv_range few = {.key = &id, .lo = {1, {"1"}}, .hi = {1, {"3"}}, .hi_inclusive = true};
    const rv_range *within[] = {&few};
    rv_key_ends ends = {0};
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE t (id int NOT NULL PRIMARY KEY, n int, KEY (n))");
    server_execute(f, "INSERT INTO t VALUES (1, NULL), (2, 5), (3, 4), (4, 9)");
    server_begin(f, false);
    server_describe(f, "t");
    server_assert_ok(f, rv_source_key_ends(f->source, &f->relation, &f->info, &n, NULL, within, 1, f->arena,
                                           &ends, &f->err));
    assert_string_equal(ends.first.cells[0], "4");
    assert_string_equal(ends.last.cells[0], "5");
    assert_false(ends.has_null);
    server_end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_are_cut_into_even_parts, server_setup, server_teardown),
        cmocka_unit_test_setup_teardown(few_values_are_cut_between_them, server_setup, server_teardown),
        cmocka_unit_test_setup_teardown(an_empty_table_has_no_places_and_no_ends, server_setup,
                                        server_teardown),
        cmocka_unit_test_setup_teardown(the_ends_of_a_key_are_the_servers, server_setup, server_teardown),
        cmocka_unit_test_setup_teardown(ends_are_looked_for_within_ranges, server_setup, server_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
