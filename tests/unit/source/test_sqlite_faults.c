/* Every allocation of a whole reading fails once, SQLite's own included: an error with a code, or the
 * right rows. */
#include "unit/source/sqlite_support.h"

#include "lib/fault.h"
#include "rivet/bytes.h"

#include <string.h>

/* The rows of a page, a line each. `out` has room already: the test itself must not allocate while faults
 * are armed. */
static void append_rows(const sqlite_fixture *f, rv_bytes *out)
{
    for (int64_t row = 0; row < f->batch->rows; row++) {
        for (int i = 0; i < f->batch->n_columns; i++) {
            const rv_column *column = &f->batch->columns[i];
            bool is_null = rv_column_is_null(column, row);
            assert_int_equal(is_null ? rv_bytes_append_str(out, "NULL", NULL)
                                     : rv_column_text(column, row, out, NULL),
                             RV_OK);
            assert_int_equal(rv_bytes_append_str(out, i + 1 < f->batch->n_columns ? "|" : "\n", NULL), RV_OK);
        }
    }
}

/* Everything a run does to a source. */
static rv_code read_all(sqlite_fixture *f, rv_relation relation, rv_bytes *rows)
{
    const rv_read_options options = {.snapshot = true, .lock_timeout_ms = 10000};
    const rv_page_limits limits = {.units = 2, .max_bytes = 1 << 20};
    rv_bytes_clear(rows);
    RV_TRY(sqlite_try_open(f));
    RV_TRY(rv_source_begin(f->source, &options, &f->err));
    RV_TRY(sqlite_try_describe(f, relation, NULL));
    RV_TRY(sqlite_try_scan(f, sqlite_everything(), 1 << 20));
    for (f->page.end = false; !f->page.end;) {
        rv_batch_reset(f->batch);
        RV_TRY(rv_scan_next(f->scan, &limits, f->batch, &f->page, &f->err));
        append_rows(f, rows);
    }
    return RV_OK;
}

/* One reading with the nth allocation failing; true: there was such an allocation. */
static bool fail_allocation(sqlite_fixture *f, rv_relation relation, int n, fault_mode mode, rv_bytes *rows,
                            const char *expected)
{
    rv_arena_free(f->arena);
    assert_int_equal(rv_arena_new(&f->arena, 1 << 20, NULL), RV_OK);
    fault_arm(FAULT_ALLOC, n, mode, 0);
    rv_code rc = read_all(f, relation, rows);
    bool hit = fault_disarm();
    sqlite_close_source(f);
    if (rc != RV_OK) {
        if (rc != RV_E_OUT_OF_MEMORY)
            fail_msg("allocation %d: %s: %s", n, rv_code_name(rc), f->err.message);
        assert_true(hit);
        return true;
    }
    /* SQLite does without some allocations; then the rows must be right all the same. */
    assert_int_equal(rows->len, strlen(expected));
    assert_memory_equal(rows->data, expected, rows->len);
    return hit;
}

static void fail_each_allocation(sqlite_fixture *f, rv_relation relation, fault_mode mode,
                                 const char *expected)
{
    enum { MANY = 20000 };
    rv_bytes rows = RV_BYTES_INIT(1024);
    int n = 1;
    assert_int_equal(rv_bytes_reserve(&rows, 1024, NULL), RV_OK);
    while (fail_allocation(f, relation, n, mode, &rows, expected))
        assert_true(n++ < MANY);
    rv_bytes_deinit(&rows);
}

static void make_table(sqlite_fixture *f)
{
    sqlite_execute(f, "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT, y, z BLOB);"
                      "CREATE TABLE other(a);"
                      "INSERT INTO t VALUES (1, 'a', 0.5, x'00'), (2, NULL, 'b', NULL), (3, 'c', 7, x'ff');"
                      "ANALYZE");
}

static const char expected_rows[] = "1|a|0.5|00\n2|NULL|b|NULL\n3|c|7|ff\n";

static void reading_a_table_survives_any_failed_allocation(void **state)
{
    sqlite_fixture *f = *state;
    const rv_relation relation = {.kind = RV_RELATION_TABLE, .table = "t"};
    make_table(f);
    fail_each_allocation(f, relation, FAULT_TRANSIENT, expected_rows);
    fail_each_allocation(f, relation, FAULT_PERSISTENT, expected_rows);
}

static void reading_a_view_survives_any_failed_allocation(void **state)
{
    sqlite_fixture *f = *state;
    const rv_relation relation = {.kind = RV_RELATION_TABLE, .table = "v"};
    make_table(f);
    sqlite_execute(f, "CREATE VIEW v AS SELECT * FROM t");
    fail_each_allocation(f, relation, FAULT_TRANSIENT, expected_rows);
    fail_each_allocation(f, relation, FAULT_PERSISTENT, expected_rows);
}

static void reading_a_query_survives_any_failed_allocation(void **state)
{
    sqlite_fixture *f = *state;
    const rv_relation relation = {.kind = RV_RELATION_QUERY, .query = "SELECT * FROM t ORDER BY x || y, id"};
    make_table(f);
    fail_each_allocation(f, relation, FAULT_TRANSIENT, "2|NULL|b|NULL\n1|a|0.5|00\n3|c|7|ff\n");
    fail_each_allocation(f, relation, FAULT_PERSISTENT, "2|NULL|b|NULL\n1|a|0.5|00\n3|c|7|ff\n");
}

/* A UTF-16 file makes SQLite allocate for every text. */
static void reading_utf16_survives_any_failed_allocation(void **state)
{
    sqlite_fixture *f = *state;
    const rv_relation relation = {.kind = RV_RELATION_TABLE, .table = "t"};
    sqlite_execute(f, "PRAGMA encoding='UTF-16le'");
    make_table(f);
    fail_each_allocation(f, relation, FAULT_TRANSIENT, expected_rows);
}

/* All that goes with keys: describing indexes, ends, cuts, pages within a range, the place where a scan stands. */
static rv_code use_keys(sqlite_fixture *f, rv_key_value *place)
{
    static const rv_key key = {.n_columns = 2, .columns = {"x", "id"}};
    static const rv_key first = {.n_columns = 1, .columns = {"x"}};
    static const rv_range range = {.key = &first, .lo = {1, {"a"}}, .lo_inclusive = true};
    const rv_range *within[] = {&range};
    const rv_read_options options = {.snapshot = true, .lock_timeout_ms = 10000};
    const rv_page_limits limits = {.units = 1, .max_bytes = 1 << 20};
    const rv_bounds bounds = {.kind = RV_BOUNDS_KEY, .key = &key, .ranges = {&range}, .n_ranges = 1};
    rv_key_ends ends;
    rv_key_value places[3];
    int64_t n_places = 0;
    RV_TRY(sqlite_try_open(f));
    RV_TRY(rv_source_begin(f->source, &options, &f->err));
    RV_TRY(sqlite_try_describe(f, (rv_relation){.kind = RV_RELATION_TABLE, .table = "t"}, NULL));
    RV_TRY(rv_source_key_ends(f->source, &f->relation, &f->info, &first, "y", within, 1, f->arena, &ends,
                              &f->err));
    RV_TRY(rv_source_split(f->source, &f->relation, &f->info, &f->info.indexes[0], 3, f->arena, places,
                           &n_places, &f->err));
    RV_TRY(sqlite_try_scan(f, bounds, 0));
    for (f->page.end = false; !f->page.end;) {
        rv_batch_reset(f->batch);
        RV_TRY(rv_scan_next(f->scan, &limits, f->batch, &f->page, &f->err));
    }
    return rv_scan_position(f->scan, f->arena, place, &f->err);
}

static void keys_survive_any_failed_allocation(void **state)
{
    sqlite_fixture *f = *state;
    make_table(f);
    sqlite_execute(f, "CREATE UNIQUE INDEX t_x ON t(x, id)");
    for (int n = 1, hit = 1; hit; n++) {
        rv_key_value place = {0};
        rv_arena_free(f->arena);
        assert_int_equal(rv_arena_new(&f->arena, 1 << 20, NULL), RV_OK);
        fault_arm(FAULT_ALLOC, n, n % 2 != 0 ? FAULT_TRANSIENT : FAULT_PERSISTENT, 0);
        rv_code rc = use_keys(f, &place);
        hit = fault_disarm();
        sqlite_close_source(f);
        if (rc != RV_OK && (rc != RV_E_OUT_OF_MEMORY || !hit))
            fail_msg("allocation %d: %s: %s", n, rv_code_name(rc), f->err.message);
        if (rc == RV_OK)
            assert_string_equal(place.cells[0], "c");
    }
}

static rv_code count_entry(void *context, const rv_table_entry *entry, rv_error *err)
{
    int *n = context;
    (void)entry;
    (void)err;
    (*n)++;
    return RV_OK;
}

static void listing_survives_any_failed_allocation(void **state)
{
    sqlite_fixture *f = *state;
    make_table(f);
    for (int n = 1;; n++) {
        int n_tables = 0;
        sqlite_open_source(f);
        fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
        rv_code rc = rv_source_list(f->source, NULL, count_entry, &n_tables, &f->err);
        bool hit = fault_disarm();
        sqlite_close_source(f);
        assert_true(rc == RV_E_OUT_OF_MEMORY || (rc == RV_OK && n_tables == 2));
        if (!hit)
            break;
    }
}

static int route(void **state)
{
    (void)state;
    sqlite_route_allocations();
    return 0;
}

int main(void)
{
#define FAULT_TEST(test) cmocka_unit_test_setup_teardown(test, sqlite_setup, sqlite_teardown)
    const struct CMUnitTest tests[] = {
        FAULT_TEST(reading_a_table_survives_any_failed_allocation),
        FAULT_TEST(reading_a_view_survives_any_failed_allocation),
        FAULT_TEST(reading_a_query_survives_any_failed_allocation),
        FAULT_TEST(reading_utf16_survives_any_failed_allocation),
        FAULT_TEST(keys_survive_any_failed_allocation),
        FAULT_TEST(listing_survives_any_failed_allocation),
    };
    return cmocka_run_group_tests(tests, route, NULL);
}
