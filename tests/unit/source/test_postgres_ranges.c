/* Ranges of keys: which rows lie in them, where they begin and end, and where they are cut. */
#include "unit/source/postgres_server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES = 12 };

/* ---- rows ---- */

static void create_pairs(server_fixture *f)
{
    server_execute(f, "CREATE TABLE pairs (id int PRIMARY KEY, a int, b int, c timestamptz, d timestamptz)");
    server_execute(
        f, "INSERT INTO pairs SELECT g, CASE WHEN g % 11 > 0 THEN g % 5 END,"
           " CASE WHEN g % 13 > 0 THEN g % 3 END,"
           " CASE WHEN g % 4 > 0 THEN timestamptz '2024-01-01 00:00:00+00' + g * interval '1 hour' END,"
           " CASE WHEN g % 6 > 0 THEN timestamptz '2024-01-02 00:00:00+00' + g * interval '1 hour' END"
           " FROM generate_series(1, 150) AS g");
    server_execute(f, "CREATE INDEX pairs_ab ON pairs (a, b); CREATE INDEX pairs_c ON pairs (c)");
}

static const char *expected_ids(server_fixture *f, const char *condition)
{
    char sql[1024];
    snprintf(sql, sizeof sql, "SELECT string_agg(id::text, ',' ORDER BY id) FROM pairs WHERE %s", condition);
    return server_ask(f, sql);
}

static const rv_key id_key = {.n_columns = 1, .columns = {"id"}};

/* Along the key, and as a stream, block by block: the filter is the same. */
static void assert_range(server_fixture *f, const rv_range *range, const char *condition)
{
    const char *expected = expected_ids(f, condition);
    const rv_bounds kinds[] = {
        {.kind = RV_BOUNDS_KEY, .key = &id_key, .ranges = {range}, .n_ranges = 1},
        {.kind = RV_BOUNDS_ALL, .ranges = {range}, .n_ranges = 1},
        {.kind = RV_BOUNDS_PHYSICAL, .last = f->info.physical.last, .ranges = {range}, .n_ranges = 1},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const char *ids = server_read(f, &kinds[i], NULL, 20);
        if (strcmp(ids, expected) != 0)
            fail_msg("%s (kind %d): %s instead of %s", condition, (int)kinds[i].kind, ids, expected);
    }
}

/* NULLs are in no range that has a side, wherever in the key they stand. */
typedef struct range_case {
    rv_key key;
    rv_key_value lo, hi;
    bool lo_inclusive, hi_inclusive, null_only;
    const char *fallback, *condition;
} range_case;

static const range_case range_cases[] = {
    {.key = {1, {"a"}, {false}}, .lo = {1, {"1"}}, .hi = {1, {"3"}}, .condition = "a > 1 AND a < 3"},
    {.key = {1, {"a"}, {false}},
     .lo = {1, {"1"}},
     .hi = {1, {"3"}},
     .lo_inclusive = true,
     .hi_inclusive = true,
     .condition = "a >= 1 AND a <= 3"},
    {.key = {1, {"a"}, {true}},
     .lo = {1, {"3"}},
     .hi = {1, {"1"}},
     .hi_inclusive = true,
     .condition = "a < 3 AND a >= 1"},
    {.key = {1, {"a"}, {false}}, .null_only = true, .condition = "a IS NULL"},
    {.key = {1, {"a"}, {false}}, .condition = "true"},
    {.key = {2, {"a", "b"}, {false}},
     .lo = {2, {"1", "1"}},
     .condition = "a > 1 AND b IS NOT NULL OR a = 1 AND b > 1"},
    {.key = {2, {"a", "b"}, {false}},
     .lo = {2, {"1", "1"}},
     .hi = {2, {"3", "0"}},
     .lo_inclusive = true,
     .hi_inclusive = true,
     .condition = "b IS NOT NULL AND (a > 1 OR a = 1 AND b >= 1) AND (a < 3 OR a = 3 AND b <= 0)"},
    {.key = {2, {"a", "b"}, {false}},
     .lo = {1, {"1"}},
     .hi = {1, {"3"}},
     .hi_inclusive = true,
     .condition = "b IS NOT NULL AND a > 1 AND a <= 3"},
    {.key = {2, {"a", "b"}, {false, true}},
     .lo = {2, {"1", "1"}},
     .hi = {2, {"3", "1"}},
     .hi_inclusive = true,
     .condition = "b IS NOT NULL AND (a > 1 OR a = 1 AND b < 1) AND (a < 3 OR a = 3 AND b >= 1)"},
    {.key = {2, {"a", "b"}, {true, false}},
     .lo = {2, {"3", "1"}},
     .lo_inclusive = true,
     .condition = "b IS NOT NULL AND (a < 3 OR a = 3 AND b >= 1)"},
    {.key = {2, {"a", "b"}, {false}}, .null_only = true, .condition = "a IS NULL OR b IS NULL"},
    {.key = {1, {"c"}, {false}},
     .lo = {1, {"2024-01-02 00:00:00+00"}},
     .hi = {1, {"2024-01-05 12:00:00+02"}},
     .lo_inclusive = true,
     .fallback = "d",
     .condition = "COALESCE(c, d) >= '2024-01-02 00:00:00+00' AND COALESCE(c, d) < '2024-01-05 10:00:00+00'"},
    {.key = {1, {"c"}, {false}}, .null_only = true, .fallback = "d", .condition = "c IS NULL AND d IS NULL"},
};

static void a_range_holds_exactly_its_rows_however_they_are_read(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    create_pairs(f);
    server_begin(f, true);
    server_describe(f, "pairs");
    for (size_t i = 0; i < sizeof range_cases / sizeof *range_cases; i++) {
        const range_case *c = &range_cases[i];
        const rv_range range = {.key = &c->key,
                                .fallback = c->fallback,
                                .lo = c->lo,
                                .hi = c->hi,
                                .lo_inclusive = c->lo_inclusive,
                                .hi_inclusive = c->hi_inclusive,
                                .null_only = c->null_only};
        assert_range(f, &range, c->condition);
    }
}

static void several_ranges_hold_the_rows_that_lie_in_all_of_them(void **state)
{
    const rv_key a = {.n_columns = 1, .columns = {"a"}}, c = {.n_columns = 1, .columns = {"c"}};
    const rv_range first = {.key = &a, .lo = {1, {"1"}}}, second = {.key = &c, .hi = {1, {"2024-01-04"}}},
                   third = {.key = &id_key, .lo = {1, {"10"}}, .hi = {1, {"70"}}};
    const rv_bounds bounds = {
        .kind = RV_BOUNDS_KEY, .key = &id_key, .ranges = {&first, &second, &third}, .n_ranges = 3};
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    create_pairs(f);
    server_begin(f, false);
    server_describe(f, "pairs");
    const char *expected =
        expected_ids(f, "a > 1 AND c < timestamptz '2024-01-04 00:00:00+00' AND id > 10 AND id < 70");
    assert_true(strlen(expected) > 0);
    assert_string_equal(server_read(f, &bounds, NULL, 4), expected);
}

/* A place from before the range must not let its rows in. */
static void going_on_after_a_place_stays_within_the_range(void **state)
{
    const rv_key_value after = {1, {"3"}}, inside = {1, {"12"}};
    const rv_range range = {.key = &id_key, .lo = {1, {"10"}}, .hi = {1, {"15"}}, .hi_inclusive = true};
    const rv_bounds bounds = {.kind = RV_BOUNDS_KEY, .key = &id_key, .ranges = {&range}, .n_ranges = 1};
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    create_pairs(f);
    server_begin(f, false);
    server_describe(f, "pairs");
    assert_string_equal(server_read(f, &bounds, &after, 2), "11,12,13,14,15");
    assert_string_equal(server_read(f, &bounds, &inside, 2), "13,14,15");
}

static void a_query_and_a_view_are_read_along_a_key_within_ranges(void **state)
{
    const rv_key a = {.n_columns = 1, .columns = {"a"}};
    const rv_range range = {.key = &a, .lo = {1, {"2"}}};
    const rv_bounds bounds = {.kind = RV_BOUNDS_KEY, .key = &id_key, .ranges = {&range}, .n_ranges = 1};
    server_fixture *f = *state;
    char query[256];
    NEEDS_SERVER(f);
    create_pairs(f);
    server_execute(f, "CREATE VIEW seen AS SELECT id, a FROM pairs");
    snprintf(query, sizeof query, "SELECT id, a, 1 AS \"odd name\" FROM %s.pairs -- all of it", f->schema);
    const char *expected = expected_ids(f, "a > 2");
    server_begin(f, false);
    server_describe(f, "seen");
    assert_int_equal(f->info.n_indexes, 0);
    assert_string_equal(server_read(f, &bounds, NULL, 7), expected);
    server_describe_query(f, query);
    assert_int_equal(f->info.n_indexes, 0);
    assert_string_equal(server_read(f, &bounds, NULL, 7), expected);
}

/* An output column that is cast to text must not be what the rows are ordered by. */
static void a_key_that_is_exported_as_text_is_still_sorted_by_its_type(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE hosts (id int, h inet PRIMARY KEY);"
                      "INSERT INTO hosts SELECT g, ('10.0.0.' || g)::inet FROM generate_series(1, 30) AS g");
    server_begin(f, false);
    server_describe(f, "hosts");
    server_read_all_fields(f, RV_POLICY_FAIL);
    const rv_bounds bounds = {.kind = RV_BOUNDS_KEY, .key = &f->info.indexes[0].key};
    assert_string_equal(server_read(f, &bounds, NULL, 4),
                        server_ask(f, "SELECT string_agg(id::text, ',' ORDER BY h) FROM hosts"));
}

/* ---- ends ---- */

static rv_key_ends ends_of(server_fixture *f, const rv_key *key, const char *fallback, const rv_range *within)
{
    rv_key_ends ends = {0};
    server_assert_ok(f, rv_source_key_ends(f->source, &f->relation, &f->info, key, fallback, &within,
                                           within != NULL ? 1 : 0, f->arena, &ends, &f->err));
    return ends;
}

static void the_ends_of_a_key_are_its_first_and_last_values(void **state)
{
    const rv_key a = {.n_columns = 1, .columns = {"a"}};
    const rv_key down = {.n_columns = 1, .columns = {"a"}, .descending = {true}};
    const rv_key c = {.n_columns = 1, .columns = {"c"}};
    const rv_range upper = {.key = &id_key, .lo = {1, {"100"}}}, none = {.key = &id_key, .lo = {1, {"1000"}}},
                   nulls = {.key = &a, .null_only = true};
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    create_pairs(f);
    for (int snapshot = 0; snapshot < 2; snapshot++) {
        server_begin(f, snapshot != 0);
        server_describe(f, "pairs");
        rv_key_ends ends = ends_of(f, &a, NULL, NULL);
        assert_string_equal(ends.first.cells[0], "0");
        assert_string_equal(ends.last.cells[0], "4");
        assert_true(ends.has_null && !ends.empty);
        ends = ends_of(f, &down, NULL, NULL);
        assert_string_equal(ends.first.cells[0], "4");
        assert_string_equal(ends.last.cells[0], "0");
        ends = ends_of(f, &id_key, NULL, &upper);
        assert_string_equal(ends.first.cells[0], "101");
        assert_false(ends.has_null);
        ends = ends_of(f, &a, NULL, &none);
        assert_true(ends.empty && !ends.has_null);
        ends = ends_of(f, &a, NULL, &nulls);
        assert_true(ends.empty && ends.has_null);
        ends = ends_of(f, &c, "d", NULL);
        assert_true(ends.has_null);
        assert_string_equal(ends.first.cells[0], "2024-01-01 01:00:00+00"); /* of c */
        assert_string_equal(ends.last.cells[0], "2024-01-08 04:00:00+00");  /* of d */
        server_end(f);
    }
}

/* ---- splits ---- */

/* The number of rows in the fullest of the parts into which the places cut the table, in the order of k. Fails when
 * the places do not ascend strictly between the ends. */
static int64_t fullest_part(server_fixture *f, const rv_key_value *places, int64_t n, const char *type,
                            bool down)
{
    static char sql[1 << 16];
    int len = snprintf(sql, sizeof sql, "WITH p AS (SELECT i, v FROM (VALUES (0, NULL::%s)", type);
    for (int64_t i = 0; i < n; i++)
        len += snprintf(sql + len, sizeof sql - (size_t)len, ", (%d, '%s')", (int)i + 1, places[i].cells[0]);
    snprintf(
        sql + len, sizeof sql - (size_t)len,
        ") AS t(i, v) WHERE v IS NOT NULL) SELECT CASE WHEN EXISTS (SELECT FROM p JOIN p AS q ON q.i = p.i + "
        "1"
        " AND NOT q.v %s p.v) OR EXISTS (SELECT FROM p WHERE v <= (SELECT k FROM cut ORDER BY k LIMIT 1) OR "
        "v >= (SELECT k"
        " FROM cut ORDER BY k DESC LIMIT 1)) THEN -1 ELSE (SELECT max(n) FROM (SELECT count(*) AS n FROM cut "
        "GROUP BY"
        " (SELECT count(*) FROM p WHERE p.v %s cut.k)) AS parts) END",
        down ? "<" : ">", down ? ">=" : "<=");
    return strtoll(server_ask(f, sql), NULL, 10);
}

typedef struct split_case {
    const char *type, *index, *fill;
    int analyzed;
    int64_t parts, least_places, most_in_part; /* of 10000 rows */
    const char *why;
} split_case;

static const split_case split_cases[] = {
    {"bigint", "k", "g", 1, 10, 9, 1200, "even numbers"},
    {"bigint", "k DESC", "g", 1, 10, 9, 1200, "a descending index"},
    {"bigint", "k", "g", 1, 400, 399, 60, "more parts than the histogram has buckets"},
    {"bigint", "k", "CASE WHEN g < 9000 THEN g ELSE 7000000000000000000 + g END", 1, 10, 9, 1200, "a gap"},
    {"bigint", "k", "CASE WHEN g < 9000 THEN g ELSE 7000000000000000000 + g END", 0, 10, 9, 1200,
     "a gap and no statistics"},
    {"bigint", "k", "CASE g WHEN 1 THEN -9223372036854775808 WHEN 2 THEN 9223372036854775807 ELSE g END", 0,
     10, 9, 1200, "both ends of the domain"},
    {"bigint", "k", "CASE g WHEN 1 THEN -9223372036854775808 WHEN 2 THEN 9223372036854775807 ELSE g END", 1,
     10, 8, 1400, "both ends of the domain, with statistics"},
    {"integer", "k", "CASE WHEN g % 10 < 6 THEN 500 ELSE g END", 1, 10, 4, 7500, "most rows in one value"},
    {"text COLLATE \"en-x-icu\"", "k", "md5(g::text)", 1, 10, 9, 1400, "text in a language's order"},
    {"text", "k", "md5(g::text)", 0, 10, 0, 10000, "text without statistics: nothing is known"},
    {"uuid", "k", "md5(g::text)::uuid", 1, 10, 9, 1400, "uuids"},
    {"timestamptz", "k", "timestamptz '2024-01-01 00:00:00+00' + g * interval '1 minute'", 1, 300, 290, 80,
     "times"},
    {"timestamp", "k DESC", "timestamp '2024-01-01' + g * interval '1 minute'", 0, 10, 9, 1200,
     "times without statistics"},
    {"date", "k", "date '1990-01-01' + g", 0, 10, 9, 1200, "days without statistics"},
    {"numeric", "k", "g + 0.5", 1, 10, 9, 1400, "numbers of any size"},
};

static void a_key_is_cut_into_parts_of_about_equal_rows(void **state)
{
    server_fixture *f = *state;
    char sql[1024];
    NEEDS_SERVER(f);
    for (size_t i = 0; i < sizeof split_cases / sizeof *split_cases; i++) {
        const split_case *c = &split_cases[i];
        int64_t n = -1;
        snprintf(sql, sizeof sql,
                 "DROP TABLE IF EXISTS cut; CREATE TABLE cut (id int, k %s);"
                 " INSERT INTO cut SELECT g, %s FROM generate_series(1, 10000) AS g;"
                 " CREATE INDEX cut_k ON cut (%s); ALTER TABLE cut SET (autovacuum_enabled = false); %s",
                 c->type, c->fill, c->index, c->analyzed ? "ANALYZE cut" : "");
        server_execute(f, sql);
        server_begin(f, i % 2 == 0);
        server_describe(f, "cut");
        rv_key_value *places = rv_arena_alloc(f->arena, (size_t)c->parts, sizeof *places);
        assert_non_null(places);
        server_assert_ok(f, rv_source_split(f->source, &f->relation, &f->info, server_index(f, "cut_k"),
                                            c->parts, f->arena, places, &n, &f->err));
        server_end(f);
        if (n < c->least_places || n >= c->parts)
            fail_msg("%s: %lld places", c->why, (long long)n);
        int64_t most = n > 0 ? fullest_part(f, places, n, c->type, strstr(c->index, "DESC") != NULL) : 10000;
        if (most < 0 || most > c->most_in_part)
            fail_msg("%s: %lld rows in one part", c->why, (long long)most);
    }
}

/* What was added since the statistics were made lies mostly at the end. */
static void rows_added_since_the_statistics_are_cut_as_well(void **state)
{
    rv_key_value places[9];
    int64_t n = -1;
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE cut (id int, k bigint PRIMARY KEY) WITH (autovacuum_enabled = false);"
                      " INSERT INTO cut SELECT g, g FROM generate_series(1, 1000) AS g; ANALYZE cut;"
                      " INSERT INTO cut SELECT g, g FROM generate_series(1001, 10000) AS g");
    server_begin(f, false);
    server_describe(f, "cut");
    server_assert_ok(f, rv_source_split(f->source, &f->relation, &f->info, &f->info.indexes[0], 10, f->arena,
                                        places, &n, &f->err));
    server_end(f);
    assert_int_equal(n, 9);
    assert_in_range(fullest_part(f, places, n, "bigint", false), 900, 1300);
}

static void an_empty_table_has_no_ends_and_no_parts(void **state)
{
    rv_key_value places[9];
    int64_t n = -1;
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE cut (id int PRIMARY KEY)");
    server_begin(f, false);
    server_describe(f, "cut");
    assert_true(ends_of(f, &id_key, NULL, NULL).empty);
    server_assert_ok(f, rv_source_split(f->source, &f->relation, &f->info, &f->info.indexes[0], 10, f->arena,
                                        places, &n, &f->err));
    assert_int_equal(n, 0);
}

int main(void)
{
#define RANGES_TEST(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)
    const struct CMUnitTest tests[] = {
        RANGES_TEST(a_range_holds_exactly_its_rows_however_they_are_read),
        RANGES_TEST(several_ranges_hold_the_rows_that_lie_in_all_of_them),
        RANGES_TEST(going_on_after_a_place_stays_within_the_range),
        RANGES_TEST(a_query_and_a_view_are_read_along_a_key_within_ranges),
        RANGES_TEST(a_key_that_is_exported_as_text_is_still_sorted_by_its_type),
        RANGES_TEST(the_ends_of_a_key_are_its_first_and_last_values),
        RANGES_TEST(a_key_is_cut_into_parts_of_about_equal_rows),
        RANGES_TEST(rows_added_since_the_statistics_are_cut_as_well),
        RANGES_TEST(an_empty_table_has_no_ends_and_no_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
