/* source_suite.c - what every source promises. */
#include "conformance/source_reading.h"

#include "rivet/bytes.h"
#include "rivet/plan.h"

#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA_BYTES = 16 << 20 };

const suite_driver *suite_under_test;

static int create_all(void **state)
{
    (void)state;
    suite_create_all(suite_under_test);
    return 0;
}

static int drop_all(void **state)
{
    (void)state;
    suite_under_test->teardown();
    return 0;
}

/* ---- one test's connection, and reading with it
 * -------------------------------------------------------------- */

static void open_source(reading *r)
{
    suite_under_test->config(r->arena, &r->config);
    assert_int_equal(rv_source_open(&r->source, &r->config, r->cancel, &r->err), RV_OK);
}

int suite_open_reading(void **state)
{
    reading *r = calloc(1, sizeof *r);
    assert_non_null(r);
    assert_int_equal(rv_arena_new(&r->arena, ARENA_BYTES, NULL), RV_OK);
    assert_int_equal(rv_cancel_new(&r->cancel, NULL), RV_OK);
    open_source(r);
    *state = r;
    return 0;
}

void suite_close_scan(reading *r)
{
    rv_scan_close(r->scan);
    r->scan = NULL;
    rv_batch_free(r->batch);
    r->batch = NULL;
}

int suite_close_reading(void **state)
{
    reading *r = *state;
    suite_close_scan(r);
    rv_source_end(r->source);
    rv_source_close(r->source);
    rv_cancel_free(r->cancel);
    rv_arena_free(r->arena);
    free(r);
    return 0;
}

void suite_assert_ok(rv_code rc, const reading *r)
{
    if (rc != RV_OK)
        fail_msg("%s: %s", rv_code_name(rc), r->err.message);
}

void suite_begin(reading *r, bool snapshot)
{
    const rv_read_options options = {.snapshot = snapshot, .lock_timeout_ms = 10000};
    suite_assert_ok(rv_source_begin(r->source, &options, &r->err), r);
}

rv_relation suite_table_named(const char *name)
{
    return (rv_relation){.kind = RV_RELATION_TABLE, .schema = suite_under_test->schema, .table = name};
}

rv_relation suite_query_of(reading *r, const char *table)
{
    char *text = rv_arena_alloc(r->arena, 1024, 1);
    assert_non_null(text);
    suite_under_test->select_all(text, 1024, table);
    return (rv_relation){.kind = RV_RELATION_QUERY, .query = text};
}

void suite_describe(reading *r, rv_relation relation, const rv_schema_options *options)
{
    static const rv_schema_options none = {0};
    r->relation = relation;
    suite_assert_ok(rv_source_describe(r->source, &r->relation, r->arena, &r->info, &r->err), r);
    suite_assert_ok(
        rv_schema_resolve(r->arena, &r->info.schema, options != NULL ? options : &none, &r->schema, &r->err),
        r);
}

rv_code suite_try_scan(reading *r, rv_bounds bounds, const rv_key_value *after, uint64_t max_value_bytes)
{
    suite_close_scan(r);
    assert_int_equal(rv_batch_new(&r->batch, &r->schema, NULL, NULL), RV_OK);
    const rv_scan_request request = {&r->relation, &r->info, &r->schema, bounds, after, max_value_bytes};
    return rv_scan_open(&r->scan, r->source, &request, &r->err);
}

static void open_scan(reading *r, rv_bounds bounds)
{
    suite_assert_ok(suite_try_scan(r, bounds, NULL, 0), r);
}

static const rv_bounds everything = {.kind = RV_BOUNDS_ALL};

/* Text of a cell, "" for a NULL, into a buffer that lives until the next call. */
const char *suite_cell_text(const reading *r, int column, int64_t row)
{
    static char text[SUITE_LITERAL_BYTES];
    rv_bytes bytes = RV_BYTES_INIT(sizeof text - 1);
    text[0] = '\0';
    if (!rv_column_is_null(&r->batch->columns[column], row)) {
        assert_int_equal(rv_column_text(&r->batch->columns[column], row, &bytes, NULL), RV_OK);
        if (bytes.len > 0)
            memcpy(text, bytes.data, bytes.len);
        text[bytes.len] = '\0';
    }
    rv_bytes_deinit(&bytes);
    return text;
}

/* Every cell of the batch's row is what the row with its id must hold; counts the row. */
static void check_counted_row(const reading *r, int64_t row, int *seen)
{
    char expected[64];
    int64_t id = strtoll(suite_cell_text(r, 0, row), NULL, 10);
    assert_in_range(id, 1, SUITE_COUNTED_ROWS);
    seen[id - 1]++;
    for (int c = 1; c < SUITE_COUNTED_COLUMNS; c++) {
        suite_counted_text(expected, sizeof expected, id - 1, c);
        assert_string_equal(suite_cell_text(r, c, row), expected);
    }
}

/* Read the open scan to its end in pages of `units`; the number of pages. */
static int64_t read_counted(reading *r, int64_t units, int *seen)
{
    const rv_page_limits limits = {.units = units, .max_bytes = (size_t)64 << 20};
    bool rows_are_units = strcmp(r->scan->unit, "row") == 0;
    int64_t n_pages = 0;
    for (bool end = false; !end; n_pages++) {
        rv_page page = {0};
        rv_batch_reset(r->batch);
        suite_assert_ok(rv_scan_next(r->scan, &limits, r->batch, &page, &r->err), r);
        assert_true(page.units <= units);
        assert_true(!rows_are_units || page.units == r->batch->rows);
        for (int64_t row = 0; row < r->batch->rows; row++)
            check_counted_row(r, row, seen);
        end = page.end;
        assert_true(n_pages <= 2 * SUITE_COUNTED_ROWS + 2);
    }
    return n_pages;
}

static void assert_each_once(const int *seen)
{
    for (int i = 0; i < SUITE_COUNTED_ROWS; i++)
        assert_int_equal(seen[i], 1);
}

static int64_t read_everything(reading *r, rv_bounds bounds, int64_t units)
{
    int *seen = calloc(SUITE_COUNTED_ROWS, sizeof *seen);
    assert_non_null(seen);
    open_scan(r, bounds);
    int64_t n_pages = read_counted(r, units, seen);
    assert_each_once(seen);
    free(seen);
    return n_pages;
}

/* ---- describing
 * ----------------------------------------------------------------------------------------------- */

static void a_server_says_what_it_is(void **state)
{
    reading *r = *state;
    rv_server_info info = {0};
    suite_assert_ok(rv_source_server(r->source, &info, &r->err), r);
    assert_true(info.product[0] != '\0');
    assert_true(info.version[0] != '\0');
    assert_true(info.version_number > 0);
}

static void describe_finds_all_columns_in_order(void **state)
{
    static const char *const names[] = {"id", "n", "f", "t", "b"};
    static const rv_type_id types[] = {RV_TYPE_INT64, RV_TYPE_INT64, RV_TYPE_FLOAT64, RV_TYPE_STRING,
                                       RV_TYPE_BINARY};
    reading *r = *state;
    suite_begin(r, false);
    suite_describe(r, suite_table_named("counted"), NULL);
    assert_int_equal(r->info.schema.n_fields, SUITE_COUNTED_COLUMNS);
    assert_string_equal(r->info.kind, "table");
    assert_string_equal(r->info.namespace, suite_under_test->schema);
    assert_non_null(strstr(r->info.schema.origin, "counted"));
    for (int i = 0; i < SUITE_COUNTED_COLUMNS; i++) {
        const rv_field *field = &r->info.schema.fields[i];
        assert_string_equal(field->name, names[i]);
        assert_int_equal(field->natural.id, types[i]);
        assert_int_equal(field->type.id, types[i]);
        assert_int_equal(field->ordinal, i + 1);
        assert_int_equal(field->nullable, i > 1);
        assert_int_equal(field->is_key, i == 0);
        assert_non_null(field->native_type);
    }
}

static void a_query_is_described_without_a_key_and_nullable(void **state)
{
    reading *r = *state;
    suite_begin(r, false);
    suite_describe(r, suite_query_of(r, "counted"), NULL);
    assert_int_equal(r->info.schema.n_fields, SUITE_COUNTED_COLUMNS);
    assert_null(r->info.namespace);
    assert_string_equal(r->info.schema.origin, "query");
    assert_false(r->info.physical.available);
    assert_non_null(r->info.physical.why_not);
    for (int i = 0; i < SUITE_COUNTED_COLUMNS; i++) {
        assert_true(r->info.schema.fields[i].nullable);
        assert_int_equal(r->info.schema.fields[i].ordinal, i + 1);
    }
}

static void a_missing_table_is_not_found(void **state)
{
    reading *r = *state;
    rv_relation relation = suite_table_named("no_such_table");
    rv_relation_info info = {.kind = "untouched"};
    suite_begin(r, false);
    assert_int_equal(rv_source_describe(r->source, &relation, r->arena, &info, &r->err),
                     RV_E_SOURCE_NOT_FOUND);
    assert_string_equal(info.kind, "untouched");
    assert_non_null(strstr(r->err.message, "no_such_table"));
}

static void a_missing_schema_is_not_found(void **state)
{
    reading *r = *state;
    rv_relation relation = {.kind = RV_RELATION_TABLE, .schema = "no_such_schema", .table = "counted"};
    suite_begin(r, false);
    assert_int_equal(rv_source_describe(r->source, &relation, r->arena, &r->info, &r->err),
                     RV_E_SOURCE_NOT_FOUND);
}

static void a_query_that_is_not_one_select_is_refused(void **state)
{
    reading *r = *state;
    for (const char *const *query = suite_under_test->bad_queries; *query != NULL; query++) {
        rv_relation relation = {.kind = RV_RELATION_QUERY, .query = *query};
        suite_begin(r, false);
        rv_code rc = rv_source_describe(r->source, &relation, r->arena, &r->info, &r->err);
        if (rc != RV_E_SOURCE_QUERY)
            fail_msg("%s: %s instead of RIVET_SOURCE_QUERY", *query,
                     rc == RV_OK ? "taken" : rv_code_name(rc));
        rv_source_end(r->source);
        rv_source_close(r->source);
        r->source = NULL;
        open_source(r);
    }
    /* And none of them has done anything. */
    suite_begin(r, false);
    suite_describe(r, suite_table_named("counted"), NULL);
    read_everything(r, everything, 1000);
}

typedef struct listing {
    int n, n_ours;
    char last[256];
} listing;

static rv_code note_table(void *context, const rv_table_entry *entry, rv_error *err)
{
    listing *l = context;
    (void)err;
    assert_string_equal(entry->schema, suite_under_test->schema);
    assert_string_equal(entry->kind, "table");
    assert_true(entry->est_rows >= -1 && entry->est_bytes >= -1);
    l->n++;
    if (strcmp(entry->name, "counted") == 0 || strcmp(entry->name, "empty") == 0)
        l->n_ours++;
    return RV_OK;
}

static rv_code stop_listing(void *context, const rv_table_entry *entry, rv_error *err)
{
    (void)context;
    return rv_fail(err, RV_E_CONFIG_VALUE, "enough after %s", entry->name);
}

static void a_listing_holds_every_table_and_stops_when_told(void **state)
{
    reading *r = *state;
    listing l = {0};
    suite_assert_ok(rv_source_list(r->source, suite_under_test->schema, note_table, &l, &r->err), r);
    assert_true(l.n >= SUITE_HOSTILE_NAMES + 5);
    assert_int_equal(l.n_ours, 2);
    assert_int_equal(rv_source_list(r->source, suite_under_test->schema, stop_listing, NULL, &r->err),
                     RV_E_CONFIG_VALUE);
}

/* ---- rows
 * ------------------------------------------------------------------------------------------------------ */

static const int64_t page_sizes[] = {1, 7, 1000};

static void a_stream_yields_each_row_exactly_once(void **state)
{
    reading *r = *state;
    suite_begin(r, true);
    suite_describe(r, suite_query_of(r, "counted"), NULL);
    for (size_t i = 0; i < sizeof page_sizes / sizeof *page_sizes; i++) {
        int64_t n_pages = read_everything(r, everything, page_sizes[i]);
        assert_true(n_pages >= SUITE_COUNTED_ROWS / page_sizes[i]);
    }
}

static void a_table_yields_each_row_exactly_once(void **state)
{
    reading *r = *state;
    suite_begin(r, false);
    suite_describe(r, suite_table_named("counted"), NULL);
    for (size_t i = 0; i < sizeof page_sizes / sizeof *page_sizes; i++)
        read_everything(r, everything, page_sizes[i]);
}

static void ranges_together_yield_each_row_exactly_once(void **state)
{
    reading *r = *state;
    rv_bounds chunks[7];
    suite_begin(r, true);
    suite_describe(r, suite_table_named("counted"), NULL);
    assert_int_equal(r->info.physical.available, (r->source->ops->caps & RV_SOURCE_CAP_PHYSICAL) != 0);
    if (!r->info.physical.available) {
        assert_int_equal(r->source->ops->caps & RV_SOURCE_CAP_KEYS, RV_SOURCE_CAP_KEYS); /* source_keys.c */
        return;
    }
    for (int64_t n = 1; n <= 7; n += 3) {
        int *seen = calloc(SUITE_COUNTED_ROWS, sizeof *seen);
        assert_non_null(seen);
        int64_t n_chunks = rv_plan_tile(r->info.physical.first, r->info.physical.last, n, chunks);
        for (int64_t i = n_chunks - 1; i >= 0; i--) {
            open_scan(r, chunks[i]);
            read_counted(r, page_sizes[i % 3], seen);
        }
        assert_each_once(seen);
        free(seen);
    }
}

static void a_page_keeps_to_max_rows(void **state)
{
    reading *r = *state;
    const rv_page_limits limits = {.units = 1000, .max_rows = 3, .max_bytes = 1 << 20};
    rv_page page = {0};
    suite_begin(r, false);
    suite_describe(r, suite_query_of(r, "counted"), NULL);
    open_scan(r, everything);
    assert_string_equal(r->scan->unit, "row");
    suite_assert_ok(rv_scan_next(r->scan, &limits, r->batch, &page, &r->err), r);
    assert_int_equal(r->batch->rows, 3);
    assert_int_equal(page.units, 3);
    assert_false(page.end);
    assert_true(page.statement_us >= 0);
}

static void an_empty_table_is_one_page_without_rows(void **state)
{
    reading *r = *state;
    const rv_page_limits limits = {.units = 100, .max_bytes = 1 << 20};
    const rv_relation relations[] = {suite_table_named("empty"), suite_query_of(r, "empty")};
    suite_begin(r, true);
    for (int i = 0; i < 2; i++) {
        rv_page page = {0};
        suite_describe(r, relations[i], NULL);
        const rv_physical *physical = &r->info.physical;
        bool has_range = physical->available && physical->first <= physical->last;
        open_scan(
            r, has_range
                   ? (rv_bounds){.kind = RV_BOUNDS_PHYSICAL, .first = physical->first, .last = physical->last}
                   : everything);
        suite_assert_ok(rv_scan_next(r->scan, &limits, r->batch, &page, &r->err), r);
        assert_int_equal(r->batch->rows, 0);
        assert_true(page.end);
    }
}

static void every_type_keeps_its_value_and_its_null(void **state)
{
    reading *r = *state;
    const rv_page_limits limits = {.units = 1000, .max_bytes = 1 << 20};
    const rv_relation relations[] = {suite_table_named("every_type"), suite_query_of(r, "every_type")};
    suite_begin(r, true);
    for (int i = 0; i < 2; i++) {
        rv_page page = {0};
        suite_describe(r, relations[i], NULL);
        open_scan(r, everything);
        suite_assert_ok(rv_scan_next(r->scan, &limits, r->batch, &page, &r->err), r);
        assert_int_equal(r->batch->rows, 3);
        for (int c = 0; c < suite_under_test->n_typed; c++) {
            assert_string_equal(suite_cell_text(r, c, 0), suite_under_test->typed[c].text);
            assert_true(rv_column_is_null(&r->batch->columns[c], 1));
            assert_string_equal(suite_cell_text(r, c, 2), suite_under_test->typed[c].text);
        }
    }
}

static void names_may_hold_anything(void **state)
{
    reading *r = *state;
    const rv_page_limits limits = {.units = 1000, .max_bytes = 1 << 20};
    char longest[129];
    suite_longest_name(suite_under_test, longest);
    suite_begin(r, true);
    for (int i = 0; i <= SUITE_HOSTILE_NAMES; i++) {
        const char *name = i < SUITE_HOSTILE_NAMES ? suite_hostile_name(suite_under_test, i) : longest;
        rv_page page = {0};
        suite_describe(r, suite_table_named(name), NULL);
        assert_int_equal(r->schema.n_fields, SUITE_HOSTILE_NAMES + 1);
        for (int c = 0; c <= SUITE_HOSTILE_NAMES; c++)
            assert_string_equal(r->schema.fields[c].name,
                                c < SUITE_HOSTILE_NAMES ? suite_hostile_name(suite_under_test, c) : longest);
        open_scan(r, everything);
        suite_assert_ok(rv_scan_next(r->scan, &limits, r->batch, &page, &r->err), r);
        assert_int_equal(r->batch->rows, 2);
        for (int c = 0; c <= SUITE_HOSTILE_NAMES; c++) {
            char expected[32];
            snprintf(expected, sizeof expected, "%d", 100 + c);
            assert_string_equal(suite_cell_text(r, c, 1), expected);
        }
    }
}

static void fields_are_read_in_the_order_asked_for(void **state)
{
    reading *r = *state;
    const rv_page_limits limits = {.units = 1, .max_bytes = 1 << 20};
    const rv_relation relations[] = {suite_table_named("counted"), suite_query_of(r, "counted")};
    suite_begin(r, true);
    for (int i = 0; i < 2; i++) {
        rv_page page = {0};
        suite_describe(r, relations[i], NULL);
        rv_field swapped[2] = {r->schema.fields[3], r->schema.fields[0]};
        r->schema = (rv_schema){swapped, 2, r->schema.origin};
        open_scan(r, everything);
        suite_assert_ok(rv_scan_next(r->scan, &limits, r->batch, &page, &r->err), r);
        assert_string_equal(suite_cell_text(r, 0, 0), "row 0 \xc3\xa4\xe2\x82\xac");
        assert_string_equal(suite_cell_text(r, 1, 0), "1");
        suite_close_scan(r);
    }
}

static void a_snapshot_does_not_move(void **state)
{
    reading *r = *state;
    if (suite_under_test->insert == NULL) {
        print_message("    nothing can change under a source of type %s\n", suite_under_test->kind);
        return;
    }
    suite_create_counted(suite_under_test, "moving", SUITE_COUNTED_ROWS);
    suite_begin(r, true);
    suite_describe(r, suite_table_named("moving"), NULL);
    suite_under_test->insert("moving", "3001, 1, NULL, NULL, NULL");
    read_everything(r, everything, 1000);
    rv_bounds all = {
        .kind = RV_BOUNDS_PHYSICAL, .first = r->info.physical.first, .last = r->info.physical.last};
    if (r->info.physical.available)
        read_everything(r, all, 1000);
}

/* ---- limits
 * ---------------------------------------------------------------------------------------------------- */

/* Pages that hold more than allowed are cut short, or given up and asked for again; no row is lost either
 * way. */
static void a_page_keeps_to_max_bytes(void **state)
{
    reading *r = *state;
    const size_t max_bytes = 5 * SUITE_WIDE_VALUE_BYTES;
    rv_page_limits limits = {.units = 16, .max_bytes = max_bytes};
    int64_t rows = 0;
    suite_begin(r, true);
    suite_describe(r, suite_query_of(r, "wide"), NULL);
    open_scan(r, everything);
    for (bool end = false; !end;) {
        rv_page page = {0};
        rv_batch_reset(r->batch);
        rv_code rc = rv_scan_next(r->scan, &limits, r->batch, &page, &r->err);
        if (rc != RV_OK) {
            assert_int_equal(rc, RV_E_LIMIT_EXCEEDED);
            assert_int_equal(r->err.retry, RV_RETRY_SMALLER);
            assert_int_equal(r->batch->rows, 0);
            assert_true(limits.units > 1);
            limits.units /= 2;
            continue;
        }
        assert_true(r->batch->rows <= 1 || rv_batch_bytes(r->batch) <= max_bytes);
        for (int64_t row = 0; row < r->batch->rows; row++)
            assert_int_equal(strtoll(suite_cell_text(r, 0, row), NULL, 10), ++rows);
        end = page.end;
    }
    assert_int_equal(rows, SUITE_WIDE_ROWS);
}

static void one_row_passes_whatever_it_weighs(void **state)
{
    reading *r = *state;
    const rv_page_limits limits = {.units = 1, .max_bytes = 10};
    rv_page page = {0};
    suite_begin(r, true);
    suite_describe(r, suite_query_of(r, "wide"), NULL);
    open_scan(r, everything);
    suite_assert_ok(rv_scan_next(r->scan, &limits, r->batch, &page, &r->err), r);
    assert_int_equal(r->batch->rows, 1);
}

static void a_value_over_the_limit_is_refused_by_name(void **state)
{
    reading *r = *state;
    const rv_page_limits limits = {.units = 10, .max_bytes = 1 << 20};
    rv_page page = {0};
    suite_begin(r, true);
    suite_describe(r, suite_table_named("wide"), NULL);
    suite_assert_ok(suite_try_scan(r, everything, NULL, SUITE_WIDE_VALUE_BYTES), r);
    suite_assert_ok(rv_scan_next(r->scan, &limits, r->batch, &page, &r->err), r);
    suite_assert_ok(suite_try_scan(r, everything, NULL, SUITE_WIDE_VALUE_BYTES - 1), r);
    assert_int_equal(rv_scan_next(r->scan, &limits, r->batch, &page, &r->err), RV_E_VALUE_TOO_LARGE);
    assert_non_null(strstr(r->err.message, "'v'"));
    assert_true(r->err.hint[0] != '\0');
    assert_int_equal(r->batch->rows, 0);
}

/* ---- values that do not fit
 * ------------------------------------------------------------------------------------ */

static rv_code read_odd(reading *r, rv_policy policy)
{
    const rv_page_limits limits = {.units = 10, .max_bytes = 1 << 20};
    rv_schema_options options = {0};
    rv_page page = {0};
    options.on_invalid[suite_under_test->odd.invalid_class] = policy;
    suite_begin(r, false);
    suite_describe(r, suite_table_named("odd"), &options);
    open_scan(r, everything);
    return rv_scan_next(r->scan, &limits, r->batch, &page, &r->err);
}

static void a_value_that_does_not_fit_is_refused_by_name(void **state)
{
    reading *r = *state;
    assert_int_equal(read_odd(r, RV_POLICY_FAIL), suite_under_test->odd.code);
    assert_non_null(strstr(r->err.message, "'v'"));
    assert_int_equal(r->batch->rows, 0);
    bool named = false;
    for (int i = 0; i < r->err.n_frames; i++)
        named = named || strstr(r->err.frame[i], "odd") != NULL;
    assert_true(named);
}

static void a_value_that_does_not_fit_becomes_null_only_by_policy(void **state)
{
    reading *r = *state;
    suite_assert_ok(read_odd(r, RV_POLICY_NULL), r);
    assert_int_equal(r->batch->rows, SUITE_ODD_ROWS);
    assert_string_equal(suite_cell_text(r, 1, 0), suite_under_test->odd.good_text);
    assert_true(rv_column_is_null(&r->batch->columns[1], 1));
    assert_string_equal(suite_cell_text(r, 1, 2), suite_under_test->odd.good_text);
    assert_int_equal(r->batch->columns[1].policy_uses[suite_under_test->odd.invalid_class], 1);
}

static void a_value_that_does_not_fit_is_clamped_only_by_policy(void **state)
{
    reading *r = *state;
    suite_assert_ok(read_odd(r, RV_POLICY_CLAMP), r);
    assert_string_equal(suite_cell_text(r, 1, 0), suite_under_test->odd.good_text);
    assert_string_equal(suite_cell_text(r, 1, 1), suite_under_test->odd.clamped);
    assert_string_equal(suite_cell_text(r, 1, 2), suite_under_test->odd.good_text);
    assert_int_equal(r->batch->columns[1].policy_uses[suite_under_test->odd.invalid_class], 1);
}

static void a_column_of_values_that_do_not_fit_becomes_text_by_policy(void **state)
{
    reading *r = *state;
    suite_assert_ok(read_odd(r, RV_POLICY_TEXT), r);
    assert_int_equal(r->schema.fields[1].type.id, RV_TYPE_STRING);
    assert_false(rv_column_is_null(&r->batch->columns[1], 1));
    assert_int_equal(r->batch->columns[1].policy_uses[suite_under_test->odd.invalid_class], 0);
}

static void an_override_is_read_through_the_exact_text(void **state)
{
    reading *r = *state;
    const rv_page_limits limits = {.units = 2, .max_bytes = 1 << 20};
    const rv_column_override overrides[] = {
        {.column = "id", .type = {.id = RV_TYPE_STRING}},
        {.column = "n", .type = {.id = RV_TYPE_DECIMAL, .precision = 20, .scale = 2}},
        {.column = "f", .type = {.id = RV_TYPE_DECIMAL, .precision = 38, .scale = 3}},
    };
    const rv_schema_options options = {.overrides = overrides, .n_overrides = 3};
    const rv_relation relations[] = {suite_table_named("counted"), suite_query_of(r, "counted")};
    suite_begin(r, true);
    for (int i = 0; i < 2; i++) {
        rv_page page = {0};
        suite_describe(r, relations[i], &options);
        open_scan(r, everything);
        suite_assert_ok(rv_scan_next(r->scan, &limits, r->batch, &page, &r->err), r);
        assert_string_equal(suite_cell_text(r, 0, 0), "1");
        assert_string_equal(suite_cell_text(r, 1, 0), "7.00");
        assert_string_equal(suite_cell_text(r, 2, 0), "0.500");
        suite_close_scan(r); /* a source has one scan at a time */
    }
}

static void an_override_that_does_not_parse_is_refused(void **state)
{
    reading *r = *state;
    const rv_page_limits limits = {.units = 2, .max_bytes = 1 << 20};
    const rv_column_override override = {.column = "t", .type = {.id = RV_TYPE_DATE}};
    const rv_schema_options options = {.overrides = &override, .n_overrides = 1};
    rv_page page = {0};
    suite_begin(r, false);
    suite_describe(r, suite_table_named("counted"), &options);
    open_scan(r, everything);
    assert_int_equal(rv_scan_next(r->scan, &limits, r->batch, &page, &r->err), RV_E_VALUE_UNPARSEABLE);
    assert_non_null(strstr(r->err.message, "'t'"));
}

/* ---- failing and stopping
 * -------------------------------------------------------------------------------------- */

static void after_a_failed_scan_the_rows_can_be_had(void **state)
{
    reading *r = *state;
    assert_int_equal(read_odd(r, RV_POLICY_FAIL), suite_under_test->odd.code);
    suite_close_scan(r);
    rv_source_end(r->source);
    if (!suite_under_test->survives_failure) {
        rv_source_close(r->source);
        r->source = NULL;
        open_source(r);
    }
    suite_begin(r, true);
    suite_describe(r, suite_table_named("counted"), NULL);
    read_everything(r, everything, 1000);
}

static void a_source_can_be_read_twice(void **state)
{
    reading *r = *state;
    for (int i = 0; i < 2; i++) {
        suite_begin(r, true);
        suite_describe(r, suite_table_named("counted"), NULL);
        read_everything(r, everything, 1000);
        suite_close_scan(r);
        rv_source_end(r->source);
    }
}

static void a_scan_can_be_left_in_the_middle(void **state)
{
    reading *r = *state;
    const rv_page_limits limits = {.units = 1, .max_bytes = 1 << 20};
    rv_page page = {0};
    suite_begin(r, true);
    suite_describe(r, suite_query_of(r, "counted"), NULL);
    open_scan(r, everything);
    suite_assert_ok(rv_scan_next(r->scan, &limits, r->batch, &page, &r->err), r);
    read_everything(r, everything, 1000);
}

static void nothing_starts_after_a_cancellation(void **state)
{
    reading *r = *state;
    const rv_page_limits limits = {.units = 1, .max_bytes = 1 << 20};
    const rv_read_options options = {0};
    rv_server_info info;
    rv_page page = {0};
    suite_begin(r, false);
    suite_describe(r, suite_table_named("counted"), NULL);
    open_scan(r, everything);
    rv_cancel_request(r->cancel);
    assert_int_equal(rv_scan_next(r->scan, &limits, r->batch, &page, &r->err), RV_E_CANCELLED);
    assert_int_equal(rv_source_server(r->source, &info, &r->err), RV_E_CANCELLED);
    assert_int_equal(rv_source_begin(r->source, &options, &r->err), RV_E_CANCELLED);
    rv_source *second = NULL;
    rv_source_config config = {0};
    suite_under_test->config(r->arena, &config);
    assert_int_equal(rv_source_open(&second, &config, r->cancel, &r->err), RV_E_CANCELLED);
    assert_null(second);
}

static void interrupt_source(void *source)
{
    rv_source_interrupt(source);
}

static void *request_cancel(void *cancel)
{
    rv_cancel_request(cancel);
    return NULL;
}

/* Whether the request comes before, or during, or in the very moment the page starts: it must end. */
static void a_cancellation_ends_a_page_that_would_not_end(void **state)
{
    reading *r = *state;
    const rv_page_limits limits = {.units = 1, .max_bytes = 1 << 20};
    rv_waker waker = {.wake = interrupt_source, .object = r->source};
    pthread_t canceller;
    rv_page page = {0};
    suite_begin(r, true);
    suite_describe(r, suite_under_test->endless, NULL);
    open_scan(r, everything);
    rv_cancel_add_waker(r->cancel, &waker);
    assert_int_equal(pthread_create(&canceller, NULL, request_cancel, r->cancel), 0);
    assert_int_equal(rv_scan_next(r->scan, &limits, r->batch, &page, &r->err), RV_E_CANCELLED);
    pthread_join(canceller, NULL);
    rv_cancel_remove_waker(r->cancel, &waker);
    assert_int_equal(r->batch->rows, 0);
}

#define SOURCE_TEST(test)                                          \
    {                                                              \
#test, test, suite_open_reading, suite_close_reading, NULL \
    }

int suite_run(const suite_driver *under_test)
{
    const struct CMUnitTest tests[] = {
        SOURCE_TEST(a_server_says_what_it_is),
        SOURCE_TEST(describe_finds_all_columns_in_order),
        SOURCE_TEST(a_query_is_described_without_a_key_and_nullable),
        SOURCE_TEST(a_missing_table_is_not_found),
        SOURCE_TEST(a_missing_schema_is_not_found),
        SOURCE_TEST(a_query_that_is_not_one_select_is_refused),
        SOURCE_TEST(a_listing_holds_every_table_and_stops_when_told),
        SOURCE_TEST(a_stream_yields_each_row_exactly_once),
        SOURCE_TEST(a_table_yields_each_row_exactly_once),
        SOURCE_TEST(ranges_together_yield_each_row_exactly_once),
        SOURCE_TEST(a_page_keeps_to_max_rows),
        SOURCE_TEST(an_empty_table_is_one_page_without_rows),
        SOURCE_TEST(every_type_keeps_its_value_and_its_null),
        SOURCE_TEST(names_may_hold_anything),
        SOURCE_TEST(fields_are_read_in_the_order_asked_for),
        SOURCE_TEST(a_snapshot_does_not_move),
        SOURCE_TEST(a_page_keeps_to_max_bytes),
        SOURCE_TEST(one_row_passes_whatever_it_weighs),
        SOURCE_TEST(a_value_over_the_limit_is_refused_by_name),
        SOURCE_TEST(a_value_that_does_not_fit_is_refused_by_name),
        SOURCE_TEST(a_value_that_does_not_fit_becomes_null_only_by_policy),
        SOURCE_TEST(a_value_that_does_not_fit_is_clamped_only_by_policy),
        SOURCE_TEST(a_column_of_values_that_do_not_fit_becomes_text_by_policy),
        SOURCE_TEST(an_override_is_read_through_the_exact_text),
        SOURCE_TEST(an_override_that_does_not_parse_is_refused),
        SOURCE_TEST(after_a_failed_scan_the_rows_can_be_had),
        SOURCE_TEST(a_source_can_be_read_twice),
        SOURCE_TEST(a_scan_can_be_left_in_the_middle),
        SOURCE_TEST(nothing_starts_after_a_cancellation),
        SOURCE_TEST(a_cancellation_ends_a_page_that_would_not_end),
    };
    suite_under_test = under_test;
    return cmocka_run_group_tests_name(under_test->kind, tests, create_all, drop_all) + suite_run_keys();
}
