/* Every mode against a scripted source: the chunks of a plan are read, and each row must be in exactly one of them. */
#include "rivet/plan.h"

#include "lib/temp_dir.h"
#include "plan/internal.h"
#include "rivet/batch.h"
#include "rivet/civil.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_ROWS = 512, SCRIPT_BYTES = 64 << 10, ARENA_BYTES = 256 << 20 };

typedef struct bench {
    char *folder, *path;
    char script[SCRIPT_BYTES];
    rv_arena *arena;
    rv_cancel *cancel;
    rv_source *source;
    rv_relation_info info;
    rv_export_config config;
    rv_export_memory memory;
    int64_t now_us;
    bool loose; /* the source does not hold values to their types */
    rv_plan plan;
    rv_error err;
    int seen[MAX_ROWS]; /* how often the row with this id was read */
} bench;

static int bench_setup(void **state)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->folder = temp_dir_new();
    b->path = temp_dir_join(b->folder, "script");
    assert_int_equal(rv_arena_new(&b->arena, ARENA_BYTES, NULL), RV_OK);
    assert_int_equal(rv_cancel_new(&b->cancel, NULL), RV_OK);
    b->config = (rv_export_config){
        .name = "t",
        .relation = {.kind = RV_RELATION_TABLE, .table = "t"},
        .format = {.kind = RV_FORMAT_CSV, .csv = {.delimiter = ',', .null_text = "", .line_ending = "\n"}},
        .consistency = RV_CONSISTENCY_STATEMENT,
        .parallel = 1,
        .cursor = {.lookback_us = INT64_C(900000000), .lookback_units = 10000},
        .dest = {.kind = "local", .path = "./out"}};
    *state = b;
    return 0;
}

static int bench_teardown(void **state)
{
    bench *b = *state;
    rv_source_close(b->source);
    rv_cancel_free(b->cancel);
    rv_arena_free(b->arena);
    temp_dir_free(b->folder);
    free(b->path);
    free(b);
    return 0;
}

static void say(bench *b, const char *fmt, ...) RV_PRINTF(2, 3);
static void say(bench *b, const char *fmt, ...)
{
    size_t len = strlen(b->script);
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(b->script + len, sizeof b->script - len, fmt, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < sizeof b->script - len);
}

static void open_source(bench *b)
{
    const rv_source_config config = {.kind = "fake", .path = b->path};
    const rv_read_options options = {.snapshot = b->config.consistency == RV_CONSISTENCY_SNAPSHOT};
    rv_source_close(b->source);
    b->source = NULL;
    temp_file_write(b->folder, "script", b->script, strlen(b->script));
    assert_int_equal(rv_source_open(&b->source, &config, b->cancel, &b->err), RV_OK);
    assert_int_equal(rv_source_describe(b->source, &b->config.relation, b->arena, &b->info, &b->err), RV_OK);
    for (int i = 0; i < b->info.schema.n_fields; i++)
        b->info.schema.fields[i].loose = b->loose;
    assert_int_equal(rv_source_begin(b->source, &options, &b->err), RV_OK);
}

static rv_plan_input input_of(bench *b)
{
    return (rv_plan_input){.export_config = &b->config,
                           .source = b->source,
                           .info = &b->info,
                           .memory = b->memory.has_cursor ? &b->memory : NULL,
                           .now_us = b->now_us};
}

static rv_code try_plan(bench *b)
{
    open_source(b);
    const rv_plan_input input = input_of(b);
    return rv_plan_make(b->arena, &input, &b->plan, &b->err);
}

static void make_plan(bench *b)
{
    rv_code rc = try_plan(b);
    if (rc != RV_OK)
        fail_msg("%s: %s (%s)", rv_code_name(rc), b->err.message, b->err.hint);
}

/* The ids, the first column, of all rows of one chunk; returns how many there were. */
static int64_t read_chunk(bench *b, const rv_chunk *chunk)
{
    const rv_page_limits limits = {.units = 7, .max_bytes = 1 << 20};
    const rv_scan_request request = {.relation = &b->config.relation,
                                     .info = &b->info,
                                     .schema = &b->plan.schema,
                                     .bounds = chunk->bounds};
    rv_scan *scan = NULL;
    rv_batch *batch = NULL;
    rv_page page = {0};
    int64_t rows = 0;
    assert_int_equal(rv_batch_new(&batch, &b->plan.schema, NULL, NULL), RV_OK);
    assert_int_equal(rv_scan_open(&scan, b->source, &request, &b->err), RV_OK);
    while (!page.end) {
        rv_batch_reset(batch);
        assert_int_equal(rv_scan_next(scan, &limits, batch, &page, &b->err), RV_OK);
        for (int64_t i = 0; i < batch->rows; i++, rows++) {
            int64_t id;
            memcpy(&id, batch->columns[0].values + (size_t)i * sizeof id, sizeof id);
            assert_in_range(id, 0, MAX_ROWS - 1);
            b->seen[id]++;
        }
    }
    rv_scan_close(scan);
    rv_batch_free(batch);
    return rows;
}

/* What every driver demands of ranges. */
static void check_ranges(const rv_bounds *bounds)
{
    assert_in_range(bounds->n_ranges, 0, RV_MAX_RANGES);
    for (int i = 0; i < bounds->n_ranges; i++) {
        const rv_range *range = bounds->ranges[i];
        assert_in_range(range->key->n_columns, 1, RV_MAX_KEY_COLUMNS);
        assert_true(range->lo.n <= range->key->n_columns && range->hi.n <= range->key->n_columns);
        assert_true(range->fallback == NULL || range->key->n_columns == 1);
        if (range->history != NULL && range->history->late_from.n > 0)
            assert_true(range->history->since != NULL && range->lo.n > 0);
    }
}

static int64_t read_plan(bench *b)
{
    int64_t rows = 0;
    for (int64_t i = 0; i < b->plan.n_chunks; i++) {
        check_ranges(&b->plan.chunks[i].bounds);
        assert_int_equal(b->plan.chunks[i].index, i);
        rows += read_chunk(b, &b->plan.chunks[i]);
    }
    return rows;
}

static void assert_each_once(const bench *b, int n)
{
    for (int i = 0; i < MAX_ROWS; i++)
        if (b->seen[i] != (i < n ? 1 : 0))
            fail_msg("row %d was read %d times", i, b->seen[i]);
}

static void read_each_once(bench *b, int n)
{
    memset(b->seen, 0, sizeof b->seen);
    (void)read_plan(b);
    assert_each_once(b, n);
}

static bool notes_say(const bench *b, const char *part)
{
    for (int i = 0; i < b->plan.n_notes; i++)
        if (strstr(b->plan.notes[i], part) != NULL)
            return true;
    return false;
}

static void assert_refused(bench *b, rv_code code, const char *part)
{
    rv_code rc = try_plan(b);
    if (rc != code || strstr(b->err.message, part) == NULL)
        fail_msg("expected %s: %s; got %s: %s", rv_code_name(code), part, rv_code_name(rc), b->err.message);
}

/* ---- numbers ---- */

static uint64_t random_state = 88172645463325252u;
static uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static int64_t random_int(void)
{
    switch (random_bits() % 6) {
    case 0:
        return INT64_MIN + (int64_t)(random_bits() % 3);
    case 1:
        return INT64_MAX - (int64_t)(random_bits() % 3);
    case 2:
        return (int64_t)(random_bits() % 7) - 3;
    case 3:
        return (int64_t)random_bits();
    default:
        return (int64_t)(random_bits() % 100000);
    }
}

/* From long before 1970 to long after, and the days around it. */
static void random_date(char *out, size_t size)
{
    int64_t days =
        random_bits() % 3 == 0 ? (int64_t)(random_bits() % 5) - 2 : (int64_t)(random_bits() % 60000) - 30000;
    rv_civil at;
    rv_civil_from_days(days, &at);
    (void)snprintf(out, size, "%04d-%02d-%02d", (int)at.year, at.month, at.day);
}

static void random_time(char *out, size_t size)
{
    char date[48];
    random_date(date, sizeof date);
    if (random_bits() % 3 == 0)
        (void)snprintf(out, size, "%s 00:00:00", date);
    else
        (void)snprintf(out, size, "%s %02d:%02d:%02d.%06d", date, (int)(random_bits() % 24),
                       (int)(random_bits() % 60), (int)(random_bits() % 60), (int)(random_bits() % 1000000));
}

/* id, k int64, d date, w timestamp, z timestamp_tz; every eighth value is NULL. */
static void say_random_table(bench *b, int n, const char *indexes)
{
    b->script[0] = '\0';
    say(b,
        "table t kind=table est_rows=%d est_bytes=%d\ncolumn id int64 not_null key\ncolumn k int64\ncolumn d "
        "date\n"
        "column w timestamp\ncolumn z timestamp_tz\nindex t_pkey id primary unique not_null\n%s",
        n, n * 100, indexes);
    for (int i = 0; i < n; i++) {
        char k[32], d[48], w[64], z[64];
        (void)snprintf(k, sizeof k, "%" PRId64, random_int());
        random_date(d, sizeof d);
        random_time(w, sizeof w);
        random_time(z, sizeof z);
        (void)strncat(z, "Z", sizeof z - strlen(z) - 1);
        say(b, "row %d %s \"%s\" \"%s\" \"%s\"\n", i, random_bits() % 8 == 0 ? "null" : k, d, w, z);
    }
}

/* ---- full ---- */

static const char keyed[] =
    "table t kind=table est_rows=100 est_bytes=1000000000\ncolumn id int64 not_null key\n"
    "column v string\nindex t_v v correlation=0.9\nindex t_pkey id primary unique not_null\n";

static void say_keyed(bench *b)
{
    b->script[0] = '\0';
    say(b, "%s", keyed);
    for (int i = 0; i < 100; i++)
        say(b, "row %d x\n", (i * 37) % 100);
}

static void without_a_snapshot_a_table_is_cut_along_its_key(void **state)
{
    bench *b = *state;
    say_keyed(b);
    b->config.parallel = 3;
    make_plan(b);
    assert_string_equal(b->plan.strategy_name, "keyset");
    assert_int_equal(b->plan.n_chunks, 4); /* 1 GB of CSV */
    assert_int_equal(b->plan.lanes, 3);
    assert_true(b->plan.spans_epochs);
    assert_int_equal(b->plan.chunks[0].bounds.kind, RV_BOUNDS_KEY);
    assert_int_equal(b->plan.chunks[0].bounds.ranges[0]->lo.n, 0);
    assert_int_equal(b->plan.chunks[3].bounds.ranges[0]->hi.n, 0);
    read_each_once(b, 100);
    b->config.chunk.size = 10;
    make_plan(b);
    assert_int_equal(b->plan.n_chunks, 10);
    read_each_once(b, 100);
    b->config.dest = (rv_dest_config){.kind = "stdout"};
    make_plan(b);
    assert_int_equal(b->plan.n_chunks, 1);
    assert_int_equal(b->plan.lanes, 1);
    read_each_once(b, 100);
}

static void a_size_that_cannot_be_followed_is_noted(void **state)
{
    bench *b = *state;
    b->config.chunk.size = 1;
    say(b, "table t\ncolumn id int64 not_null\nindex t_pkey id primary unique not_null\nrow 0\nrow 1\n");
    make_plan(b);
    assert_true(notes_say(b, "no estimate of the rows"));
    read_each_once(b, 2);
}

static void a_table_too_large_for_one_snapshot_is_read_along_a_key(void **state)
{
    bench *b = *state;
    b->config.consistency = RV_CONSISTENCY_SNAPSHOT;
    b->config.tuning.max_snapshot_age_s = 10;
    say(b,
        "table t est_rows=10 est_bytes=100000000000\ncolumn id int64 not_null\nphysical unit=block "
        "per_unit=2 "
        "strategy=ctid needs_snapshot\n%srow 0\nrow 1\nrow 2\n",
        "");
    make_plan(b);
    assert_string_equal(b->plan.strategy_name, "ctid"); /* there is no other way */
    assert_false(b->plan.spans_epochs);
    assert_true(notes_say(b, "large for one snapshot"));
    say(b, "index t_pkey id primary unique not_null\n");
    make_plan(b);
    assert_string_equal(b->plan.strategy_name, "keyset");
    b->config.tuning.max_snapshot_age_s = 0;
    make_plan(b);
    assert_string_equal(b->plan.strategy_name, "ctid");
    read_each_once(b, 3);
}

static void a_key_in_storage_order_is_preferred(void **state)
{
    bench *b = *state;
    say(b, "table t est_rows=3 est_bytes=300\ncolumn id int64 not_null\ncolumn s int64 not_null\n"
           "index t_pkey id primary unique not_null correlation=0.01\nindex t_part s unique\n"
           "index t_half s unique not_null incomplete\nindex t_s s unique not_null correlation=-0.99\n"
           "row 0 5\nrow 1 3\nrow 2 4\n");
    make_plan(b);
    assert_string_equal(b->plan.chunks[0].bounds.key->columns[0], "s");
    assert_non_null(strstr(b->plan.reason, "t_s"));
    read_each_once(b, 3);
}

/* ---- chunked ---- */

static void chunks_along_a_named_key(void **state)
{
    bench *b = *state;
    b->config.mode = RV_MODE_CHUNKED;
    b->config.chunk.by_key = (rv_key){.n_columns = 2, .columns = {"a", "id"}};
    b->config.chunk.size = 8;
    say(b, "table t est_rows=40 est_bytes=4000\ncolumn id int64 not_null\ncolumn a string not_null\n"
           "index t_pkey id primary unique not_null\nindex t_a a,id unique not_null desc=a\n");
    for (int i = 0; i < 40; i++)
        say(b, "row %d %c\n", i, 'a' + i % 3);
    make_plan(b);
    assert_int_equal(b->plan.n_chunks, 5);
    assert_string_equal(b->plan.chunks[1].bounds.key->columns[1], "id");
    read_each_once(b, 40);
    b->config.chunk.by_key = (rv_key){.n_columns = 1, .columns = {"a"}};
    assert_refused(b, RV_E_CONFIG_VALUE, "[a] is not a key of");
    assert_non_null(strstr(b->err.hint, "[a, id]"));
}

static void ranges_of_any_column_hold_each_row_once(void **state)
{
    bench *b = *state;
    static const char *const columns[] = {"k", "d", "w", "z"};
    static const char *const indexes[] = {
        "", "index i1 k\nindex i2 d desc=d\nindex i3 w,id unique\nindex i4 z\n"};
    for (int round = 0; round < 120; round++) {
        int n = 1 + (int)(random_bits() % 60);
        rv_chunk_config chunk = {.column = columns[round % 4]};
        switch (random_bits() % 5) {
        case 0:
            chunk.count = 1 + (int64_t)(random_bits() % 20);
            break;
        case 1:
            chunk.by_days = round % 4 == 0 ? 0 : 1 + (int64_t)(random_bits() % 5000);
            break;
        case 2:
            chunk.dense = true;
            chunk.size = 1 + (int64_t)(random_bits() % 10);
            break;
        case 3:
            chunk.size = 1 + (int64_t)(random_bits() % 50);
            break;
        default:
            break;
        }
        say_random_table(b, n, indexes[(round / 4) % 2]);
        b->config.mode = RV_MODE_CHUNKED;
        b->config.chunk = chunk;
        make_plan(b);
        memset(b->seen, 0, sizeof b->seen);
        (void)read_plan(b);
        for (int i = 0; i < n; i++)
            if (b->seen[i] != 1)
                fail_msg("round %d, column %s, %" PRId64 " chunks: row %d was read %d times\n%s", round,
                         chunk.column, b->plan.n_chunks, i, b->seen[i], b->script);
    }
}

static void the_ends_of_int64_are_in_a_chunk(void **state)
{
    bench *b = *state;
    b->config.mode = RV_MODE_CHUNKED;
    b->config.chunk.column = "k";
    b->config.chunk.count = 7;
    say(b, "table t est_rows=5\ncolumn id int64 not_null\ncolumn k int64\nrow 0 -9223372036854775808\n"
           "row 1 9223372036854775807\nrow 2 0\nrow 3 -1\nrow 4 null\n");
    make_plan(b);
    assert_int_equal(b->plan.n_chunks, 8); /* seven and that of the NULLs */
    assert_true(b->plan.chunks[7].bounds.ranges[0]->null_only);
    read_each_once(b, 5);
}

static void sparse_columns_are_cut_by_rows(void **state)
{
    bench *b = *state;
    b->config.mode = RV_MODE_CHUNKED;
    b->config.chunk.column = "k";
    b->config.chunk.size = 10;
    say(b, "table t est_rows=100 est_bytes=10000\ncolumn id int64 not_null\ncolumn k int64 not_null\n"
           "index t_k k unique not_null\n");
    for (int i = 0; i < 100; i++)
        say(b, "row %d %" PRId64 "\n", i, INT64_C(1) << (i % 60) | i);
    make_plan(b);
    assert_in_range(b->plan.n_chunks, 8, 10);
    assert_true(notes_say(b, "is sparse"));
    assert_int_equal(b->plan.chunks[0].bounds.kind, RV_BOUNDS_KEY); /* pages along the same index */
    for (int64_t i = 0; i < b->plan.n_chunks; i++)
        assert_in_range(read_chunk(b, &b->plan.chunks[i]), 1, 25);
}

static void too_many_chunks_are_refused(void **state)
{
    bench *b = *state;
    b->config.mode = RV_MODE_CHUNKED;
    b->config.chunk.column = "k";
    b->config.chunk.size = 1;
    say(b,
        "table t est_rows=1000000000\ncolumn id int64 not_null\ncolumn k int64\nrow 0 0\nrow 1 1000000000\n");
    assert_refused(b, RV_E_CONFIG_VALUE, "at most 100000");
}

static void days_begin_at_midnight_also_before_1970(void **state)
{
    bench *b = *state;
    b->config.mode = RV_MODE_CHUNKED;
    b->config.chunk.column = "w";
    b->config.chunk.by_days = 2;
    say(b, "table t\ncolumn id int64 not_null\ncolumn w timestamp\nrow 0 \"1969-12-29 23:00:00\"\n"
           "row 1 \"1969-12-31 00:00:00\"\nrow 2 \"1970-01-02 00:00:00\"\nrow 3 \"1970-01-01 "
           "23:59:59.999999\"\n");
    make_plan(b);
    assert_int_equal(b->plan.n_chunks, 3);
    assert_string_equal(b->plan.chunks[0].bounds.ranges[0]->hi.cells[0], "1969-12-31 00:00:00");
    assert_string_equal(b->plan.chunks[2].bounds.ranges[0]->lo.cells[0], "1970-01-02 00:00:00");
    read_each_once(b, 4);
}

static void what_cannot_be_cut_is_refused(void **state)
{
    bench *b = *state;
    b->config.mode = RV_MODE_CHUNKED;
    say(b, "table t\ncolumn id int64 not_null\ncolumn s string\nrow 0 x\n");
    b->config.chunk = (rv_chunk_config){.column = "s"};
    assert_refused(b, RV_E_CONFIG_VALUE, "is no whole number, date or timestamp");
    b->config.chunk = (rv_chunk_config){.column = "idd"};
    assert_refused(b, RV_E_CONFIG_VALUE, "has no column 'idd'");
    assert_non_null(strstr(b->err.hint, "'id'"));
    b->config.chunk = (rv_chunk_config){.count = 3};
    assert_refused(b, RV_E_CONFIG_VALUE, "no primary key");
    b->config.chunk = (rv_chunk_config){.column = "id", .by_days = 3};
    assert_refused(b, RV_E_CONFIG_VALUE, "neither a date nor a timestamp");
}

/* ---- windows ---- */

static void a_window_begins_at_midnight_some_days_ago(void **state)
{
    bench *b = *state;
    b->config.mode = RV_MODE_TIME_WINDOW;
    b->config.time_window = (rv_time_window_config){.column = "w", .days = 2};
    b->now_us = INT64_C(1709290000) * 1000000; /* 2024-03-01 10:46:40 */
    say(b, "table t\ncolumn id int64 not_null\ncolumn w timestamp_tz\ncolumn u int64\nindex t_w w\n"
           "row 0 \"2024-02-28 00:00:00Z\" 1709078400\nrow 1 \"2030-01-01 00:00:00Z\" 1709290000\n");
    make_plan(b);
    assert_string_equal(b->plan.window->lo.cells[0], "2024-02-28 00:00:00+00");
    assert_int_equal(b->plan.window->hi.n, 0);
    read_each_once(b, 2);
    b->config.time_window = (rv_time_window_config){.column = "u", .unix_seconds = true, .days = 2};
    make_plan(b);
    assert_string_equal(b->plan.window->lo.cells[0], "1709078400");
    assert_true(notes_say(b, "no index leads with 'u'"));
    read_each_once(b, 2);
    b->config.time_window.unix_seconds = false;
    assert_refused(b, RV_E_CONFIG_VALUE, "neither a date nor a timestamp");
    b->config.time_window = (rv_time_window_config){.column = "w", .unix_seconds = true, .days = 2};
    assert_refused(b, RV_E_CONFIG_VALUE, "is no number");
}

/* Hourly rows of a hundred days, of which the window holds the last ten. */
static void say_hours(bench *b, const char *indexes)
{
    b->script[0] = '\0';
    say(b,
        "table t est_rows=400 est_bytes=40000\ncolumn id int64 not_null\ncolumn w timestamp\n"
        "index t_pkey id primary unique not_null\n%s",
        indexes);
    for (int i = 0; i < 400; i++) {
        rv_civil at;
        rv_civil_from_days(19600 + i / 4, &at);
        say(b, "row %d \"%04d-%02d-%02d %02d:00:00\"\n", i, (int)at.year, at.month, at.day, i % 4);
    }
}

static void assert_window_read_once(bench *b, int first)
{
    memset(b->seen, 0, sizeof b->seen);
    (void)read_plan(b);
    for (int i = 0; i < 400; i++)
        assert_int_equal(b->seen[i], i >= first ? 1 : 0);
}

static void a_window_is_cut_where_the_whole_table_would_be(void **state)
{
    bench *b = *state;
    b->config.mode = RV_MODE_TIME_WINDOW;
    b->config.time_window = (rv_time_window_config){.column = "w", .days = 10};
    b->config.parallel = 3;
    b->config.chunk.size = 10;
    b->now_us = INT64_C(19700) * 86400 * 1000000;
    say_hours(b, "index t_w w\n");
    make_plan(b);
    assert_string_equal(b->plan.strategy_name, "range");
    assert_in_range(b->plan.n_chunks, 4, 5); /* 40 of 400 rows */
    assert_int_equal(b->plan.lanes, 3);
    for (int64_t i = 0; i < b->plan.n_chunks; i++)
        assert_in_range(read_chunk(b, &b->plan.chunks[i]), 1, 20);
    assert_window_read_once(b, 360);
    say_hours(b, "index t_w w,id unique not_null\n");
    make_plan(b);
    assert_string_equal(b->plan.strategy_name, "keyset");
    assert_in_range(b->plan.n_chunks, 4, 5);
    assert_window_read_once(b, 360);
    b->config.chunk.size = 100; /* the window is smaller than a chunk */
    make_plan(b);
    assert_in_range(b->plan.n_chunks, 1, 2);
    assert_window_read_once(b, 360);
}

static void a_key_that_the_window_does_not_follow_is_cut_for_the_lanes(void **state)
{
    bench *b = *state;
    b->config.mode = RV_MODE_TIME_WINDOW;
    b->config.time_window = (rv_time_window_config){.column = "w", .days = 10};
    b->config.chunk = (rv_chunk_config){.size = 10, .by_key = {.n_columns = 1, .columns = {"id"}}};
    b->now_us = INT64_C(19700) * 86400 * 1000000;
    say_hours(b, "");
    make_plan(b);
    assert_int_equal(b->plan.n_chunks, 1);
    b->config.parallel = 3;
    make_plan(b);
    assert_int_equal(b->plan.n_chunks, 3);
    assert_window_read_once(b, 360);
}

/* ---- partitions ---- */

static void partitions_hold_each_row_once(void **state)
{
    bench *b = *state;
    static const char *const columns[] = {"d", "w", "z"};
    for (int round = 0; round < 36; round++) {
        rv_export_config *parts = NULL;
        int n_parts = 0, n = 1 + (int)(random_bits() % 20);
        const rv_export_config parent = b->config;
        say_random_table(b, n, round % 2 == 0 ? "index i2 d\nindex i3 w,id\nindex i4 z\n" : "");
        b->config.partition.column = columns[round % 3];
        b->config.partition.granularity =
            round % 2 == 0 ? (rv_granularity)(random_bits() % 3) : RV_GRANULARITY_YEAR;
        b->config.chunk.size = (int64_t)(random_bits() % 4);
        b->config.mode = random_bits() % 2 == 0 ? RV_MODE_FULL : RV_MODE_CHUNKED;
        open_source(b);
        const rv_plan_input input = input_of(b);
        assert_int_equal(rv_plan_partitions(b->arena, &input, &parts, &n_parts, &b->err), RV_OK);
        memset(b->seen, 0, sizeof b->seen);
        for (int i = 0; i < n_parts; i++) {
            b->config = parts[i];
            make_plan(b);
            int64_t rows = read_plan(b);
            if (round % 2 == 0) /* an index leads with the column: no partition is empty */
                assert_true(rows > 0);
        }
        assert_each_once(b, n);
        b->config = parent;
    }
}

static void partitions_are_named_for_their_buckets(void **state)
{
    bench *b = *state;
    rv_export_config *parts = NULL;
    int n = 0;
    b->config.partition = (rv_partition_config){.column = "d", .granularity = RV_GRANULARITY_MONTH};
    say(b, "table t\ncolumn id int64 not_null\ncolumn d date\nindex t_d d\nrow 0 2023-12-31\nrow 1 "
           "2024-02-01\nrow 2 null\n"
           "row 3 2024-02-29\n");
    open_source(b);
    const rv_plan_input input = input_of(b);
    assert_int_equal(rv_plan_partitions(b->arena, &input, &parts, &n, &b->err), RV_OK);
    assert_int_equal(n, 3);
    assert_string_equal(parts[0].name, "t__2023-12");
    assert_string_equal(parts[0].partition.label, "d=2023-12");
    assert_string_equal(parts[0].partition.parent, "t");
    assert_string_equal(parts[1].name, "t__2024-02"); /* nothing in January */
    assert_string_equal(parts[2].partition.label, "d=__HIVE_DEFAULT_PARTITION__");
    assert_true(parts[2].partition.range->null_only);
    b->config.partition.column = "id";
    assert_int_equal(rv_plan_partitions(b->arena, &input, &parts, &n, &b->err), RV_E_CONFIG_VALUE);
}

/* ---- increments ---- */

static void remember(bench *b)
{
    if (b->plan.cursor.columns == NULL)
        return;
    b->memory = (rv_export_memory){.has_cursor = true, .cursor = b->plan.cursor};
}

static void increments_take_up_where_the_last_one_stopped(void **state)
{
    bench *b = *state;
    b->config.mode = RV_MODE_INCREMENTAL;
    b->config.cursor.key = (rv_key){.n_columns = 1, .columns = {"w"}};
    say(b,
        "horizon 10\nhorizon 10\ntable t\ncolumn id int64 not_null\ncolumn w timestamp_tz\nindex t_w w\n"
        "row@1 0 \"2024-01-01 00:00:00.000001Z\"\nrow@2 1 \"2024-01-01 00:00:00.000002Z\"\nrow@3 2 null\n");
    make_plan(b);
    assert_string_equal(b->plan.cursor.columns, "w");
    assert_string_equal(b->plan.cursor.type, "timestamp_tz");
    assert_string_equal(b->plan.cursor.mark, "10");
    assert_int_equal(b->plan.window->lo.n, 0);
    read_each_once(b, 3); /* the first run takes the row without a cursor too */
    remember(b);
    make_plan(b);
    assert_int_equal(b->plan.n_chunks, 0);
    assert_string_equal(b->plan.cursor.value, b->memory.cursor.value);
    assert_true(notes_say(b, "rows without a value of 'w'"));
    say(b, "row@4 3 \"2024-01-01 00:00:00.000003Z\"\n");
    make_plan(b);
    memset(b->seen, 0, sizeof b->seen);
    assert_int_equal(read_plan(b), 1);
    assert_int_equal(b->seen[3], 1);
}

static void a_cursor_of_other_columns_or_types_is_refused(void **state)
{
    bench *b = *state;
    b->config.mode = RV_MODE_INCREMENTAL;
    b->config.cursor.key = (rv_key){.n_columns = 1, .columns = {"k"}};
    say(b, "table t\ncolumn id int64 not_null\ncolumn k int64 not_null\ncolumn j json\nrow 0 1\n");
    b->script[0] = '\0';
    say(b, "table t\ncolumn id int64 not_null\ncolumn k int64 not_null\ncolumn j json\nrow 0 1 {}\n");
    b->memory = (rv_export_memory){.has_cursor = true,
                                   .cursor = {.columns = "k", .type = "int64", .value = "[\"1\"]"},
                                   .last_run_id = "t_1",
                                   .source_json = "{\"schema\":\"elsewhere\",\"table\":\"t\"}"};
    assert_refused(b, RV_E_CONFIG_VALUE, "stands at a cursor of table elsewhere.t");
    assert_non_null(strstr(b->err.hint, "rivet state reset -e t"));
    b->memory = (rv_export_memory){.has_cursor = true,
                                   .cursor = {.columns = "other", .type = "int64", .value = "[\"1\"]"}};
    assert_refused(b, RV_E_CONFIG_VALUE, "stands at a cursor of other (int64)");
    assert_non_null(strstr(b->err.hint, "rivet state reset -e t"));
    b->memory.cursor.columns = "k";
    b->memory.cursor.type = "timestamp";
    assert_refused(b, RV_E_CONFIG_VALUE, "asks for one of k (int64)");
    b->memory.has_cursor = false;
    b->config.cursor.key.columns[0] = "j";
    assert_refused(b, RV_E_CONFIG_VALUE, "values do not grow");
    b->config.cursor.key.columns[0] = "k";
    b->config.cursor.lookback_units = -1;
    assert_refused(b, RV_E_CONFIG_VALUE, "cursor_lookback is a time");
}

static void a_cursor_of_several_columns_tells_ties_apart(void **state)
{
    bench *b = *state;
    b->config.mode = RV_MODE_INCREMENTAL;
    b->config.cursor.key = (rv_key){.n_columns = 2, .columns = {"k", "id"}};
    b->config.cursor.lookback_units = 0;
    say(b, "table t\ncolumn id int64 not_null\ncolumn k int64 not_null\nindex t_k k,id unique not_null\n"
           "row 0 5\nrow 1 7\nrow 2 7\n");
    make_plan(b);
    assert_string_equal(b->plan.cursor.value, "[\"7\",\"2\"]");
    assert_int_equal(b->plan.chunks[0].bounds.kind, RV_BOUNDS_KEY);
    memset(b->seen, 0, sizeof b->seen);
    assert_int_equal(read_plan(b), 3);
    remember(b);
    say(b, "row 3 7\nrow 4 8\n");
    make_plan(b);
    assert_int_equal(read_plan(b), 2);
    assert_each_once(b, 5);
}

static void a_fallback_places_rows_without_a_cursor(void **state)
{
    bench *b = *state;
    b->config.mode = RV_MODE_INCREMENTAL;
    b->config.cursor.key = (rv_key){.n_columns = 1, .columns = {"u"}};
    b->config.cursor.fallback = "c";
    say(b, "table t\ncolumn id int64 not_null\ncolumn u int64\ncolumn c int64 not_null\nrow 0 null 3\nrow 1 "
           "2 1\n");
    make_plan(b);
    assert_string_equal(b->plan.cursor.columns, "u or c");
    assert_string_equal(b->plan.cursor.value, "[\"3\"]");
    memset(b->seen, 0, sizeof b->seen);
    assert_int_equal(read_plan(b), 2);
    remember(b);
    say(b, "row 2 null 4\nrow 3 9 1\n");
    make_plan(b);
    assert_int_equal(read_plan(b), 2);
    assert_each_once(b, 4);
}

/* A row that is written by a transaction: it takes its cursor value when it begins, and is seen when it ends. */
typedef struct written {
    int begins, ends;
    int64_t cursor;
} written;

static void say_moment(bench *b, const written *rows, int n, int now, bool unique)
{
    int oldest = 0;
    b->script[0] = '\0';
    for (int i = 0; i < n; i++)
        if (rows[i].begins <= now && rows[i].ends > now && (oldest == 0 || i + 1 < oldest))
            oldest = i + 1;
    int64_t next = 1;
    for (int i = 0; i < n; i++)
        if (rows[i].begins <= now)
            next = i + 2;
    say(b,
        "horizon %" PRId64 "\ntable t est_rows=%d\ncolumn id int64 not_null\ncolumn k int64 not_null\n"
        "index t_k k%s\n",
        oldest > 0 ? oldest : next, n, unique ? ",id unique not_null" : "");
    for (int i = 0; i < n; i++)
        if (rows[i].ends <= now)
            say(b, "row@%d %d %" PRId64 "\n", i + 1, i, rows[i].cursor);
}

static void rows_that_are_committed_late_are_exported_once_by_a_later_run(void **state)
{
    enum { ROWS = 40, RUNS = 14 };
    bench *b = *state;
    int n_cut = 0;
    b->config.mode = RV_MODE_INCREMENTAL;
    b->config.cursor.key = (rv_key){.n_columns = 1, .columns = {"k"}};
    for (int round = 0; round < 40; round++) {
        written rows[ROWS];
        int now = 0;
        for (int i = 0; i < ROWS; i++) { /* transactions get their numbers in order of their beginning */
            now += (int)(random_bits() % 3);
            rows[i] = (written){.begins = now, .ends = now + (int)(random_bits() % 20)};
            /* a cursor like a clock's, with ties, that may have been taken some time before */
            rows[i].cursor = now - (int64_t)(random_bits() % 6);
        }
        b->memory = (rv_export_memory){0};
        memset(b->seen, 0, sizeof b->seen);
        for (int run = 1; run <= RUNS; run++) {
            say_moment(b, rows, ROWS, run == RUNS ? 1000 : run * now / RUNS, round % 2 == 0);
            b->config.chunk.size = (int64_t)(random_bits() % 5); /* 0: one chunk */
            make_plan(b);
            n_cut += b->plan.n_chunks > 1;
            (void)read_plan(b);
            remember(b);
        }
        assert_each_once(b, ROWS);
    }
    assert_true(n_cut > 100); /* of 560 */
}

static void late_rows_are_looked_for_within_the_lookback(void **state)
{
    bench *b = *state;
    rv_export_memory memory = {
        .has_cursor = true,
        .cursor = {
            .columns = "w", .type = "timestamp_tz", .value = "[\"2024-01-01 00:00:00+00\"]", .mark = "5"}};
    b->memory = memory;
    b->config.mode = RV_MODE_INCREMENTAL;
    b->config.cursor.key = (rv_key){.n_columns = 1, .columns = {"w"}};
    say(b, "horizon 9\ntable t\ncolumn id int64 not_null\ncolumn w timestamp_tz not_null\nindex t_w w\n"
           "row@7 0 \"2023-12-31 23:50:00Z\"\nrow@7 1 \"2023-12-31 23:40:00Z\"\nrow@4 2 \"2023-12-31 "
           "23:59:00Z\"\n");
    make_plan(b);
    assert_string_equal(b->plan.window->history->late_from.cells[0], "2023-12-31 23:45:00+00");
    memset(b->seen, 0, sizeof b->seen);
    assert_int_equal(read_plan(b), 1); /* within the lookback, and not seen by the last run */
    assert_int_equal(b->seen[0], 1);
    assert_string_equal(b->plan.cursor.value, memory.cursor.value);
    assert_string_equal(b->plan.cursor.mark, "9");
}

static void increments_of_partitions_stay_in_them(void **state)
{
    bench *b = *state;
    rv_export_config *parts = NULL;
    int n = 0;
    b->config.mode = RV_MODE_INCREMENTAL;
    b->config.cursor.key = (rv_key){.n_columns = 1, .columns = {"k"}};
    b->config.partition = (rv_partition_config){.column = "d", .granularity = RV_GRANULARITY_DAY};
    say(b, "table t\ncolumn id int64 not_null\ncolumn d date not_null\ncolumn k int64 not_null\nrow 0 "
           "2024-01-01 5\n"
           "row 1 2024-01-02 4\nrow 2 2024-01-01 1\n");
    open_source(b);
    const rv_plan_input input = input_of(b);
    assert_int_equal(rv_plan_partitions(b->arena, &input, &parts, &n, &b->err), RV_OK);
    assert_int_equal(n, 2);
    b->config = parts[1];
    make_plan(b);
    assert_string_equal(b->plan.cursor.value, "[\"4\"]");
    assert_int_equal(read_plan(b), 1);
    assert_int_equal(b->seen[1], 1);
}

/* As SQLite has them: the declared type is a wish, and times are texts. */
static void texts_are_times_where_the_user_says_so(void **state)
{
    bench *b = *state;
    rv_export_config *parts = NULL;
    int n = 0;
    const rv_column_override is_date = {.column = "s", .type = {.id = RV_TYPE_DATE}};
    b->loose = true;
    b->config.partition = (rv_partition_config){.column = "s", .granularity = RV_GRANULARITY_YEAR};
    say(b, "table t\ncolumn id int64 not_null\ncolumn s string\nrow 0 2023-12-31\nrow 1 2024-02-01\n");
    open_source(b);
    const rv_plan_input input = input_of(b);
    assert_int_equal(rv_plan_partitions(b->arena, &input, &parts, &n, &b->err), RV_E_CONFIG_VALUE);
    assert_non_null(strstr(b->err.hint, "columns: {s: date}"));
    b->config.schema = (rv_schema_options){.overrides = &is_date, .n_overrides = 1};
    assert_int_equal(rv_plan_partitions(b->arena, &input, &parts, &n, &b->err), RV_OK);
    assert_int_equal(n, 2);
    assert_string_equal(parts[1].partition.range->lo.cells[0], "2024-01-01");
}

#define mode_test(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        mode_test(without_a_snapshot_a_table_is_cut_along_its_key),
        mode_test(a_size_that_cannot_be_followed_is_noted),
        mode_test(a_table_too_large_for_one_snapshot_is_read_along_a_key),
        mode_test(a_key_in_storage_order_is_preferred),
        mode_test(chunks_along_a_named_key),
        mode_test(ranges_of_any_column_hold_each_row_once),
        mode_test(the_ends_of_int64_are_in_a_chunk),
        mode_test(sparse_columns_are_cut_by_rows),
        mode_test(too_many_chunks_are_refused),
        mode_test(days_begin_at_midnight_also_before_1970),
        mode_test(what_cannot_be_cut_is_refused),
        mode_test(a_window_begins_at_midnight_some_days_ago),
        mode_test(a_window_is_cut_where_the_whole_table_would_be),
        mode_test(a_key_that_the_window_does_not_follow_is_cut_for_the_lanes),
        mode_test(partitions_hold_each_row_once),
        mode_test(partitions_are_named_for_their_buckets),
        mode_test(increments_take_up_where_the_last_one_stopped),
        mode_test(a_cursor_of_other_columns_or_types_is_refused),
        mode_test(a_cursor_of_several_columns_tells_ties_apart),
        mode_test(a_fallback_places_rows_without_a_cursor),
        mode_test(rows_that_are_committed_late_are_exported_once_by_a_later_run),
        mode_test(late_rows_are_looked_for_within_the_lookback),
        mode_test(increments_of_partitions_stay_in_them),
        mode_test(texts_are_times_where_the_user_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
