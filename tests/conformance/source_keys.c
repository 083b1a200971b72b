/* source_keys.c - what every source with keys promises: pages along them, ranges, ends, cuts.
 *
 * Which rows a range holds, and in which order, is computed here from the numbers that the fixture was made of. */
#include "conformance/source_reading.h"

#include "rivet/bytes.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = SUITE_KEYED_ROWS, PAGE_BYTES = 1 << 20 };

static const rv_key by_id = {.n_columns = 1, .columns = {"id"}};
static const rv_key by_n = {.n_columns = 1, .columns = {"n"}};
static const rv_key by_ab = {.n_columns = 2, .columns = {"a", "b"}};
static const rv_key by_ba = {.n_columns = 2, .columns = {"b", "a"}};
static const rv_key by_an = {.n_columns = 2, .columns = {"a", "n"}};
static const rv_key mixed = {.n_columns = 2, .columns = {"a", "b"}, .descending = {true, false}};
enum { N_KEYS = 4 };
static const rv_key *const keys[N_KEYS] = {&by_id, &by_ab, &by_ba, &mixed};
static const int64_t page_sizes[] = {1, 7, 64, 1000};

/* Ids in the order in which they came. */
typedef struct ids {
    int n;
    int64_t at[2 * ROWS];
} ids;

static void open_keyed(reading *r)
{
    suite_begin(r, true);
    suite_describe(r, suite_table_named("keyed"), NULL);
}

static void add_page(const reading *r, ids *out)
{
    for (int64_t row = 0; row < r->batch->rows; row++) {
        assert_true(out->n < 2 * ROWS);
        out->at[out->n++] = strtoll(suite_cell_text(r, 0, row), NULL, 10);
    }
}

static rv_code next_page(reading *r, int64_t units, size_t max_bytes, rv_page *page)
{
    const rv_page_limits limits = {.units = units, .max_bytes = max_bytes};
    rv_batch_reset(r->batch);
    return rv_scan_next(r->scan, &limits, r->batch, page, &r->err);
}

/* Everything from `after` on, appended to `out`. */
static void read_all(reading *r, rv_bounds bounds, const rv_key_value *after, int64_t units, ids *out)
{
    rv_page page = {0};
    suite_assert_ok(suite_try_scan(r, bounds, after, 0), r);
    for (int n = 0; !page.end; n++) {
        suite_assert_ok(next_page(r, units, PAGE_BYTES, &page), r);
        add_page(r, out);
        assert_true(n <= 2 * ROWS);
    }
}

static int compare_ids(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;
    return (*left > *right) - (*left < *right);
}

static void sort_ids(ids *list)
{
    qsort(list->at, (size_t)list->n, sizeof *list->at, compare_ids);
}

static void assert_same(const ids *got, const ids *expected, const char *why)
{
    if (got->n != expected->n)
        fail_msg("%s: %d rows instead of %d", why, got->n, expected->n);
    for (int i = 0; i < got->n; i++)
        if (got->at[i] != expected->at[i])
            fail_msg("%s: row %d has id %" PRId64 " instead of %" PRId64, why, i, got->at[i],
                     expected->at[i]);
}

/* ---- the fixture's own order ---- */

static int column_named(const char *name)
{
    static const char *const names[] = {"id", "a", "b", "n", "m"};
    for (int c = 0; c < SUITE_KEYED_COLUMNS; c++)
        if (strcmp(names[c], name) == 0)
            return c;
    fail_msg("no column %s", name);
    return -1;
}

static int compare_by(const rv_key *key, int64_t a, int64_t b)
{
    for (int i = 0; i < key->n_columns; i++) {
        int c = column_named(key->columns[i]);
        int64_t left = suite_keyed_cell(a, c, 0), right = suite_keyed_cell(b, c, 0);
        if (left != right)
            return (left < right) == !key->descending[i] ? -1 : 1;
    }
    return 0;
}

/* All ids in the order of a key, by insertion. */
static void expect_order(const rv_key *key, ids *out)
{
    out->n = 0;
    for (int64_t row = 0; row < ROWS; row++) {
        int at = out->n++;
        for (; at > 0 && compare_by(key, out->at[at - 1] - 1, row) > 0; at--)
            out->at[at] = out->at[at - 1];
        out->at[at] = row + 1;
    }
}

static void expect_everything(ids *out)
{
    expect_order(&by_id, out);
}

static void expect_where(ids *out, bool (*holds)(int64_t row))
{
    out->n = 0;
    for (int64_t row = 0; row < ROWS; row++)
        if (holds(row))
            out->at[out->n++] = row + 1;
}

/* ---- describing ---- */

static const rv_index *index_of(const reading *r, const rv_key *key)
{
    for (int i = 0; i < r->info.n_indexes; i++) {
        const rv_index *index = &r->info.indexes[i];
        bool same = index->key.n_columns == key->n_columns;
        for (int c = 0; same && c < key->n_columns; c++)
            same = strcmp(index->key.columns[c], key->columns[c]) == 0 &&
                   index->key.descending[c] == key->descending[c];
        if (same)
            return index;
    }
    return NULL;
}

static void indexes_are_described_as_they_are(void **state)
{
    reading *r = *state;
    open_keyed(r);
    for (int i = 0; i < N_KEYS; i++) {
        const rv_index *index = index_of(r, keys[i]);
        assert_non_null(index);
        assert_non_null(index->name);
        assert_true(rv_index_is_key(index));
        assert_int_equal(index->primary, i == 0);
        assert_true(index->correlation >= -1 && index->correlation <= 1);
    }
    assert_ptr_equal(index_of(r, &by_id), &r->info.indexes[0]);
    const rv_index *index = index_of(r, &by_n);
    assert_non_null(index);
    assert_true(!index->unique && !index->not_null && index->complete);
    suite_describe(r, suite_query_of(r, "keyed"), NULL);
    assert_int_equal(r->info.n_indexes, 0);
}

/* ---- along keys ---- */

static void pages_along_a_key_deliver_each_row_once_and_in_order(void **state)
{
    reading *r = *state;
    ids got, expected;
    open_keyed(r);
    for (int k = 0; k < N_KEYS; k++) {
        expect_order(keys[k], &expected);
        for (size_t p = 0; p < sizeof page_sizes / sizeof *page_sizes; p++) {
            got.n = 0;
            read_all(r, (rv_bounds){.kind = RV_BOUNDS_KEY, .key = keys[k]}, NULL, page_sizes[p], &got);
            assert_same(&got, &expected, keys[k]->columns[0]);
        }
    }
}

static void a_key_counts_in_rows(void **state)
{
    reading *r = *state;
    const rv_page_limits limits = {.units = 50, .max_rows = 20, .max_bytes = PAGE_BYTES};
    rv_page page = {0};
    open_keyed(r);
    suite_assert_ok(suite_try_scan(r, (rv_bounds){.kind = RV_BOUNDS_KEY, .key = &by_ab}, NULL, 0), r);
    assert_string_equal(r->scan->unit, "row");
    suite_assert_ok(rv_scan_next(r->scan, &limits, r->batch, &page, &r->err), r);
    assert_int_equal(r->batch->rows, 20);
    assert_false(page.end);
}

/* A new scan for every page, as after a crash. */
static void a_scan_goes_on_after_the_place_of_another(void **state)
{
    reading *r = *state;
    ids got, expected;
    open_keyed(r);
    for (int k = 0; k < N_KEYS; k++) {
        const rv_bounds along = {.kind = RV_BOUNDS_KEY, .key = keys[k]};
        rv_key_value at = {.n = 3};
        rv_page page = {0};
        got.n = 0;
        suite_assert_ok(suite_try_scan(r, along, NULL, 0), r);
        suite_assert_ok(rv_scan_position(r->scan, r->arena, &at, &r->err), r);
        assert_int_equal(at.n, 0);
        while (!page.end) {
            suite_assert_ok(suite_try_scan(r, along, &at, 0), r);
            suite_assert_ok(next_page(r, 41, PAGE_BYTES, &page), r);
            add_page(r, &got);
            rv_key_value place = {0};
            suite_assert_ok(rv_scan_position(r->scan, r->arena, &place, &r->err), r);
            assert_int_equal(place.n, r->batch->rows > 0 ? keys[k]->n_columns : 0);
            if (place.n > 0)
                at = place;
        }
        expect_order(keys[k], &expected);
        assert_same(&got, &expected, keys[k]->columns[0]);
    }
}

/* Pages that are too large fail and are asked for again, smaller; the scan stands where it stood. */
static void a_page_that_fails_is_asked_again(void **state)
{
    reading *r = *state;
    ids got = {0}, expected;
    rv_page page = {0};
    int64_t units = 64;
    open_keyed(r);
    suite_assert_ok(suite_try_scan(r, (rv_bounds){.kind = RV_BOUNDS_KEY, .key = &mixed}, NULL, 0), r);
    for (int n = 0; !page.end; n++) {
        rv_key_value before = {0}, after = {0};
        suite_assert_ok(rv_scan_position(r->scan, r->arena, &before, &r->err), r);
        rv_code rc = next_page(r, units, 400, &page);
        if (rc == RV_OK) {
            add_page(r, &got);
            units = units < 64 ? units * 2 : units;
        } else {
            assert_int_equal(rc, RV_E_LIMIT_EXCEEDED);
            assert_int_equal(r->err.retry, RV_RETRY_SMALLER);
            assert_true(units > 1);
            suite_assert_ok(rv_scan_position(r->scan, r->arena, &after, &r->err), r);
            assert_true(rv_key_value_equal(&before, &after));
            units /= 2;
        }
        assert_true(n <= 4 * ROWS);
    }
    expect_order(&mixed, &expected);
    assert_same(&got, &expected, "pages of 400 bytes");
}

/* ---- ranges ---- */

/* Every kind of reading holds the same rows of the ranges, and in these orders. */
static void assert_holds(reading *r, const rv_range *const *ranges, int n_ranges, const ids *expected,
                         const char *why)
{
    static const rv_bounds_kind kinds[] = {RV_BOUNDS_ALL, RV_BOUNDS_KEY, RV_BOUNDS_PHYSICAL};
    const rv_physical *physical = &r->info.physical;
    for (int k = 0; k < 3; k++) {
        rv_bounds bounds = {
            .kind = kinds[k], .n_ranges = n_ranges, .first = physical->first, .last = physical->last};
        if (kinds[k] == RV_BOUNDS_PHYSICAL && !physical->available)
            continue;
        bounds.key = kinds[k] == RV_BOUNDS_KEY ? &by_id : NULL;
        for (int i = 0; i < n_ranges; i++)
            bounds.ranges[i] = ranges[i];
        for (size_t p = 1; p < sizeof page_sizes / sizeof *page_sizes; p++) {
            ids got = {0};
            read_all(r, bounds, NULL, page_sizes[p], &got);
            if (kinds[k] != RV_BOUNDS_KEY)
                sort_ids(&got);
            assert_same(&got, expected, why);
        }
    }
}

static bool n_is_null(int64_t row)
{
    return row % 4 == 3;
}

static bool n_up_to_50(int64_t row)
{
    return suite_keyed_cell(row, 3, 1000) <= 50;
}

static bool n_from_50_before_60(int64_t row)
{
    int64_t n = suite_keyed_cell(row, 3, 1000);
    return n >= 50 && n < 60;
}

static bool n_beyond_50(int64_t row)
{
    return suite_keyed_cell(row, 3, 0) > 50;
}

static bool either_beyond_50(int64_t row)
{
    return suite_keyed_cell(row, 3, suite_keyed_cell(row, 4, 0)) > 50;
}

static bool both_are_null(int64_t row)
{
    return row % 8 == 3;
}

static bool everywhere(int64_t row)
{
    return row >= 0;
}

static bool nowhere(int64_t row)
{
    return row < 0;
}

static bool a_is_0_or_more(int64_t row)
{
    return suite_keyed_cell(row, 1, 0) >= 0;
}

static bool a_is_less_than_0(int64_t row)
{
    return suite_keyed_cell(row, 1, 0) < 0;
}

static bool a_is_0_and_b_beyond_300(int64_t row)
{
    return suite_keyed_cell(row, 1, 0) == 0 && suite_keyed_cell(row, 2, 0) > 300;
}

static bool pair_beyond(int64_t row)
{
    return suite_keyed_cell(row, 1, 0) > 0 || a_is_0_and_b_beyond_300(row);
}

static bool a_beyond_0_and_n(int64_t row)
{
    return suite_keyed_cell(row, 1, 0) > 0 && !n_is_null(row);
}

static bool a_and_n_beyond(int64_t row)
{
    return a_beyond_0_and_n(row) || (suite_keyed_cell(row, 1, 0) == 0 && n_beyond_50(row));
}

static bool pair_beyond_downwards(int64_t row)
{
    return a_is_less_than_0(row) || a_is_0_and_b_beyond_300(row);
}

static bool pair_up_to_downwards(int64_t row)
{
    return !pair_beyond_downwards(row);
}

static const struct {
    rv_range range;
    bool (*holds)(int64_t row);
    const char *why;
} range_cases[] = {
    {{.key = &by_n}, everywhere, "no side"},
    {{.key = &by_n, .null_only = true}, n_is_null, "NULLs"},
    {{.key = &by_n, .hi = {1, {"50"}}, .hi_inclusive = true}, n_up_to_50, "n <= 50"},
    {{.key = &by_n, .lo = {1, {"50"}}}, n_beyond_50, "n > 50"},
    {{.key = &by_n, .lo = {1, {"50"}}, .lo_inclusive = true, .hi = {1, {"60"}}},
     n_from_50_before_60,
     "50 <= n < 60"},
    {{.key = &by_n, .lo = {1, {"60"}}, .hi = {1, {"50"}}}, nowhere, "lo after hi"},
    {{.key = &by_n, .fallback = "m", .lo = {1, {"50"}}}, either_beyond_50, "coalesce(n, m) > 50"},
    {{.key = &by_n, .fallback = "m", .null_only = true}, both_are_null, "coalesce(n, m) is NULL"},
    {{.key = &by_ab, .lo = {1, {"0"}}, .lo_inclusive = true}, a_is_0_or_more, "(a) >= (0)"},
    {{.key = &by_ab, .hi = {1, {"0"}}}, a_is_less_than_0, "(a) < (0)"},
    {{.key = &by_ab, .lo = {2, {"0", "k0300"}}}, pair_beyond, "(a, b) > (0, k0300)"},
    {{.key = &mixed, .lo = {2, {"0", "k0300"}}}, pair_beyond_downwards, "(a desc, b) after (0, k0300)"},
    {{.key = &mixed, .hi = {2, {"0", "k0300"}}, .hi_inclusive = true},
     pair_up_to_downwards,
     "(a desc, b) up to (0, k0300)"},
    {{.key = &mixed, .lo = {1, {"0"}}}, a_is_less_than_0, "(a desc) after (0)"},
    {{.key = &by_an, .null_only = true}, n_is_null, "NULL in the second column"},
    {{.key = &by_an, .lo = {1, {"0"}}}, a_beyond_0_and_n, "(a, n) > (0), n not NULL"},
    {{.key = &by_an, .lo = {2, {"0", "50"}}}, a_and_n_beyond, "(a, n) > (0, 50)"},
    {{.key = &by_ab, .null_only = true}, nowhere, "columns that are never NULL"},
};
enum { N_RANGE_CASES = sizeof range_cases / sizeof *range_cases };

static void a_range_holds_the_rows_that_lie_in_it(void **state)
{
    reading *r = *state;
    ids expected;
    open_keyed(r);
    for (int i = 0; i < N_RANGE_CASES; i++) {
        const rv_range *ranges[] = {&range_cases[i].range};
        expect_where(&expected, range_cases[i].holds);
        assert_holds(r, ranges, 1, &expected, range_cases[i].why);
    }
}

static bool in_three(int64_t row)
{
    return row + 1 > 100 && row + 1 <= 400 && n_beyond_50(row) && a_is_0_or_more(row);
}

static void a_row_lies_in_all_ranges(void **state)
{
    reading *r = *state;
    static const rv_range some_ids = {
        .key = &by_id, .lo = {1, {"100"}}, .hi = {1, {"400"}}, .hi_inclusive = true};
    const rv_range *ranges[] = {&some_ids, &range_cases[3].range, &range_cases[8].range};
    ids expected;
    open_keyed(r);
    expect_where(&expected, in_three);
    assert_holds(r, ranges, 3, &expected, "three ranges");
}

static void ranges_of_a_query_hold_the_same_rows(void **state)
{
    reading *r = *state;
    ids expected;
    suite_begin(r, true);
    suite_describe(r, suite_query_of(r, "keyed"), NULL);
    for (int i = 0; i < N_RANGE_CASES; i++) {
        ids got = {0};
        const rv_bounds bounds = {.kind = RV_BOUNDS_ALL, .ranges = {&range_cases[i].range}, .n_ranges = 1};
        read_all(r, bounds, NULL, 64, &got);
        sort_ids(&got);
        expect_where(&expected, range_cases[i].holds);
        assert_same(&got, &expected, range_cases[i].why);
    }
}

/* NULLs, values below and values above, whichever side the border belongs to. */
static void nulls_and_ranges_together_hold_every_row_once(void **state)
{
    reading *r = *state;
    ids expected;
    open_keyed(r);
    expect_everything(&expected);
    for (int with_fallback = 0; with_fallback < 2; with_fallback++) {
        const char *fallback = with_fallback ? "m" : NULL;
        const rv_range parts[] = {
            {.key = &by_n, .fallback = fallback, .null_only = true},
            {.key = &by_n, .fallback = fallback, .hi = {1, {"30"}}, .hi_inclusive = true},
            {.key = &by_n, .fallback = fallback, .lo = {1, {"30"}}, .hi = {1, {"70"}}},
            {.key = &by_n, .fallback = fallback, .lo = {1, {"70"}}, .lo_inclusive = true},
        };
        ids got = {0};
        for (int i = 0; i < 4; i++)
            read_all(r,
                     (rv_bounds){.kind = RV_BOUNDS_KEY, .key = &by_id, .ranges = {&parts[i]}, .n_ranges = 1},
                     NULL, 33, &got);
        sort_ids(&got);
        assert_same(&got, &expected, "NULLs and three ranges");
    }
}

/* ---- tiles ---- */

/* The chunks between places, with the border on either side; the last chunk first. */
static void assert_tiles(reading *r, const rv_key *key, const rv_key_value *places, int64_t n_places)
{
    ids expected;
    expect_everything(&expected);
    for (int above = 0; above < 2; above++) {
        ids got = {0};
        for (int64_t i = n_places; i >= 0; i--) {
            rv_range range = {.key = key, .lo_inclusive = above == 1, .hi_inclusive = above == 0};
            if (i > 0)
                range.lo = places[i - 1];
            if (i < n_places)
                range.hi = places[i];
            const rv_bounds chunk = {.kind = RV_BOUNDS_KEY, .key = key, .ranges = {&range}, .n_ranges = 1};
            read_all(r, chunk, NULL, page_sizes[i % 4], &got);
        }
        sort_ids(&got);
        assert_same(&got, &expected, "tiles");
    }
}

static void the_places_of_a_split_tile_all_rows(void **state)
{
    reading *r = *state;
    rv_key_value places[64];
    int64_t n_places = 0;
    open_keyed(r);
    for (int64_t n = 1; n <= 64; n *= 4) {
        for (int k = 0; k < N_KEYS; k++) {
            const rv_index *index = index_of(r, keys[k]);
            assert_non_null(index);
            suite_assert_ok(rv_source_split(r->source, &r->relation, &r->info, index, n, r->arena, places,
                                            &n_places, &r->err),
                            r);
            assert_in_range(n_places, 0, n - 1);
            assert_tiles(r, keys[k], places, n_places);
        }
    }
}

/* Real places of rows, and their beginnings. */
static void any_places_tile_all_rows(void **state)
{
    reading *r = *state;
    open_keyed(r);
    for (int k = 0; k < N_KEYS; k++) {
        rv_key_value places[9];
        rv_page page = {0};
        int64_t n = 0;
        suite_assert_ok(suite_try_scan(r, (rv_bounds){.kind = RV_BOUNDS_KEY, .key = keys[k]}, NULL, 0), r);
        while (!page.end && n < 9) {
            suite_assert_ok(next_page(r, 61, PAGE_BYTES, &page), r);
            suite_assert_ok(rv_scan_position(r->scan, r->arena, &places[n++], &r->err), r);
        }
        suite_close_scan(r);
        assert_tiles(r, keys[k], places, n);
        places[4].n = 1;
        assert_tiles(r, keys[k], &places[4], 1);
    }
}

/* ---- ends ---- */

static void get_ends(reading *r, const rv_key *key, const char *fallback, const rv_range *within,
                     rv_key_ends *out)
{
    const rv_range *ranges[] = {within};
    suite_assert_ok(rv_source_key_ends(r->source, &r->relation, &r->info, key, fallback, ranges,
                                       within != NULL ? 1 : 0, r->arena, out, &r->err),
                    r);
}

static void the_ends_of_a_key_are_plain_numbers_and_texts(void **state)
{
    reading *r = *state;
    static const rv_key downwards = {.n_columns = 1, .columns = {"n"}, .descending = {true}};
    static const rv_key by_b = {.n_columns = 1, .columns = {"b"}};
    static const rv_range few = {.key = &by_id, .hi = {1, {"3"}}, .hi_inclusive = true};
    rv_key_ends ends;
    open_keyed(r);
    get_ends(r, &by_id, NULL, NULL, &ends);
    assert_true(!ends.empty && !ends.has_null);
    assert_string_equal(ends.first.cells[0], "1");
    assert_string_equal(ends.last.cells[0], "600");
    get_ends(r, &downwards, NULL, NULL, &ends);
    assert_true(!ends.empty && ends.has_null);
    assert_string_equal(ends.first.cells[0], "100");
    assert_string_equal(ends.last.cells[0], "0");
    get_ends(r, &by_n, "m", &few, &ends);
    assert_true(!ends.empty && !ends.has_null);
    assert_string_equal(ends.last.cells[0], "6");
    get_ends(r, &by_b, NULL, &few, &ends);
    assert_string_equal(ends.last.cells[0], "k0074");
}

static void an_empty_range_has_no_ends(void **state)
{
    reading *r = *state;
    static const rv_range none = {.key = &by_id, .lo = {1, {"99999"}}};
    static const rv_range nulls = {.key = &by_n, .null_only = true};
    rv_key_ends ends;
    open_keyed(r);
    get_ends(r, &by_n, NULL, &none, &ends);
    assert_true(ends.empty && !ends.has_null);
    get_ends(r, &by_n, NULL, &nulls, &ends);
    assert_true(ends.empty && ends.has_null);
}

/* ---- text ---- */

static void bounds_that_were_written_and_read_give_the_same_scan(void **state)
{
    reading *r = *state;
    open_keyed(r);
    for (int i = 0; i < N_RANGE_CASES; i++) {
        const rv_bounds bounds = {.kind = RV_BOUNDS_KEY,
                                  .key = &mixed,
                                  .ranges = {&range_cases[i].range, &range_cases[8].range},
                                  .n_ranges = 2};
        rv_bounds again = {0};
        rv_bytes bytes = RV_BYTES_INIT(1 << 16);
        const char *text = NULL;
        ids got = {0}, expected = {0};
        suite_assert_ok(rv_bounds_write(&bounds, &bytes, &r->err), r);
        suite_assert_ok(rv_bytes_cstr(&bytes, &text, &r->err), r);
        suite_assert_ok(rv_bounds_parse(text, r->arena, &again, &r->err), r);
        rv_bytes_deinit(&bytes);
        read_all(r, bounds, NULL, 64, &expected);
        read_all(r, again, NULL, 7, &got);
        assert_same(&got, &expected, range_cases[i].why);
    }
}

static void a_bound_that_cannot_be_read_is_refused(void **state)
{
    reading *r = *state;
    static const rv_key by_none = {.n_columns = 1, .columns = {"no_such_column"}};
    static const rv_range range = {.key = &by_none, .lo = {1, {"1"}}};
    const rv_bounds bounds = {.kind = RV_BOUNDS_ALL, .ranges = {&range}, .n_ranges = 1};
    ids got = {0};
    rv_page page = {0};
    open_keyed(r);
    rv_code rc = suite_try_scan(r, bounds, NULL, 0);
    if (rc == RV_OK)
        rc = next_page(r, 10, PAGE_BYTES, &page);
    assert_int_not_equal(rc, RV_OK);
    assert_int_equal(r->err.retry, RV_RETRY_NEVER);
    assert_int_equal(got.n, 0);
}

static int create_keyed(void **state)
{
    (void)state;
    suite_under_test->setup();
    suite_create_keyed(suite_under_test);
    return 0;
}

static int drop_keyed(void **state)
{
    (void)state;
    suite_under_test->teardown();
    return 0;
}

int suite_run_keys(void)
{
#define KEY_TEST(test) cmocka_unit_test_setup_teardown(test, suite_open_reading, suite_close_reading)
    const struct CMUnitTest tests[] = {
        KEY_TEST(indexes_are_described_as_they_are),
        KEY_TEST(pages_along_a_key_deliver_each_row_once_and_in_order),
        KEY_TEST(a_key_counts_in_rows),
        KEY_TEST(a_scan_goes_on_after_the_place_of_another),
        KEY_TEST(a_page_that_fails_is_asked_again),
        KEY_TEST(a_range_holds_the_rows_that_lie_in_it),
        KEY_TEST(a_row_lies_in_all_ranges),
        KEY_TEST(ranges_of_a_query_hold_the_same_rows),
        KEY_TEST(nulls_and_ranges_together_hold_every_row_once),
        KEY_TEST(the_places_of_a_split_tile_all_rows),
        KEY_TEST(any_places_tile_all_rows),
        KEY_TEST(the_ends_of_a_key_are_plain_numbers_and_texts),
        KEY_TEST(an_empty_range_has_no_ends),
        KEY_TEST(bounds_that_were_written_and_read_give_the_same_scan),
        KEY_TEST(a_bound_that_cannot_be_read_is_refused),
    };
    const rv_source_ops *ops = rv_source_driver(suite_under_test->kind);
    if (ops == NULL || (ops->caps & RV_SOURCE_CAP_KEYS) == 0)
        return 0;
    return cmocka_run_group_tests_name("keys", tests, create_keyed, drop_keyed);
}
