/* An export becomes a strategy and chunks; its fingerprint tells whether a run can be resumed. */
#include "rivet/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ALL_CAPS = RV_SOURCE_CAP_PHYSICAL | RV_SOURCE_CAP_STREAM | RV_SOURCE_CAP_SNAPSHOT };

/* What each test starts from: a table of a hundred blocks, to local CSV files, under a snapshot. */
typedef struct bench {
    rv_arena *arena;
    rv_field field;
    rv_relation_info info;
    rv_export_config export_config;
    rv_plan plan;
    rv_error err;
} bench;

static int bench_setup(void **state)
{
    static bench b;
    b = (bench){
        .field = {.name = "id",
                  .native_type = "bigint",
                  .natural = {.id = RV_TYPE_INT64},
                  .type = {.id = RV_TYPE_INT64}},
        .export_config = {.name = "t",
                          .mode = RV_MODE_FULL,
                          .relation = {RV_RELATION_TABLE, "public", "t", NULL},
                          .format = {.kind = RV_FORMAT_CSV,
                                     .csv = {.delimiter = ',', .null_text = "", .line_ending = "\n"}},
                          .dest = {.kind = "local", .path = "./out"}},
    };
    b.info = (rv_relation_info){
        .schema = {.fields = &b.field, .n_fields = 1, .origin = "public.t"},
        .kind = "table",
        .est_rows = 1000,
        .est_bytes = 1000000,
        .physical = {
            .available = true, .strategy = "ctid", .unit = "block", .last = 99, .needs_snapshot = true}};
    assert_int_equal(rv_arena_new(&b.arena, (size_t)64 << 20, NULL), RV_OK);
    *state = &b;
    return 0;
}

static int bench_teardown(void **state)
{
    rv_arena_free(((bench *)*state)->arena);
    return 0;
}

static rv_code make(bench *b, uint32_t caps)
{
    rv_source_ops ops = {.kind = "test", .caps = caps};
    rv_source source = {.ops = &ops};
    const rv_plan_input input = {.export_config = &b->export_config, .source = &source, .info = &b->info};
    return rv_plan_make(b->arena, &input, &b->plan, &b->err);
}

static void a_table_is_read_in_storage_order_under_a_snapshot(void **state)
{
    bench *b = *state;
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    assert_string_equal(b->plan.strategy_name, "ctid");
    assert_true(b->plan.snapshot);
    assert_int_equal(b->plan.n_chunks, 1);
    assert_int_equal(b->plan.chunks[0].bounds.kind, RV_BOUNDS_PHYSICAL);
    assert_int_equal(b->plan.chunks[0].bounds.last, 99);
}

static void without_a_snapshot_ranges_that_need_one_are_not_used(void **state)
{
    bench *b = *state;
    b->export_config.consistency = RV_CONSISTENCY_STATEMENT;
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    assert_string_equal(b->plan.strategy_name, "stream");
    assert_non_null(strstr(b->plan.reason, "snapshot"));
    b->info.physical.needs_snapshot = false;
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    assert_string_equal(b->plan.strategy_name, "ctid");
}

static void a_large_table_becomes_several_chunks_but_one_for_a_stream(void **state)
{
    bench *b = *state;
    b->info.est_bytes = INT64_C(1) << 30;
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    assert_int_equal(b->plan.n_chunks, 4);
    b->export_config.dest = (rv_dest_config){.kind = "stdout"};
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    assert_int_equal(b->plan.n_chunks, 1);
}

static void no_rows_are_no_chunks_but_one_for_a_stream(void **state)
{
    bench *b = *state;
    b->info.physical.first = 1;
    b->info.physical.last = 0;
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    assert_int_equal(b->plan.n_chunks, 0);
    b->export_config.dest = (rv_dest_config){.kind = "stdout"};
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    assert_int_equal(b->plan.n_chunks, 1);
    assert_int_equal(b->plan.chunks[0].bounds.kind, RV_BOUNDS_ALL);
}

static void encodings_are_checked_against_the_columns(void **state)
{
    bench *b = *state;
    rv_parquet_column column = {.column = b->field.name, .encoding = RV_ENCODING_RLE};
    b->export_config.format.kind = RV_FORMAT_PARQUET;
    b->export_config.format.parquet = (rv_parquet_options){.columns = &column, .n_columns = 1};
    assert_int_equal(make(b, ALL_CAPS), RV_E_CONFIG_VALUE);
    assert_non_null(strstr(b->err.message, b->field.name));
    assert_non_null(strstr(b->err.message, "allowed are plain, dictionary"));
    column.column = "nobody";
    assert_int_equal(make(b, ALL_CAPS), RV_E_CONFIG_VALUE);
    assert_non_null(strstr(b->err.message, "has no column 'nobody'"));
    column = (rv_parquet_column){.column = b->field.name, .encoding = RV_ENCODING_PLAIN};
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
}

static void what_cannot_be_read_is_refused_with_the_reason(void **state)
{
    bench *b = *state;
    b->info.physical = (rv_physical){.why_not = "it is made of water"};
    assert_int_equal(make(b, RV_SOURCE_CAP_PHYSICAL), RV_E_SOURCE_UNSUPPORTED);
    assert_non_null(strstr(b->err.message, "made of water"));
    b->info.schema.n_fields = 0;
    assert_int_equal(make(b, ALL_CAPS), RV_E_SOURCE_UNSUPPORTED);
}

static void hidden_rows_are_refused_unless_acknowledged(void **state)
{
    bench *b = *state;
    b->info.row_security = true;
    assert_int_equal(make(b, ALL_CAPS), RV_E_SOURCE_ROW_SECURITY);
    assert_non_null(strstr(b->err.hint, "row_security: acknowledge"));
    b->export_config.row_security_acknowledged = true;
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
}

/* ---- fingerprints ---- */

typedef void (*change_fn)(bench *b);
static void change_table(bench *b)
{
    b->export_config.relation.table = "u";
}
static void change_schema(bench *b)
{
    b->export_config.relation.schema = "other";
}
static void change_query(bench *b)
{
    b->export_config.relation = (rv_relation){.query = "SELECT 1"};
}
static void change_name(bench *b)
{
    b->export_config.name = "u";
}
static void change_path(bench *b)
{
    b->export_config.dest.path = "./elsewhere";
}
static void change_format(bench *b)
{
    b->export_config.format.kind = RV_FORMAT_PARQUET;
}
static void change_codec(bench *b)
{
    b->export_config.format.codec = RV_CODEC_ZSTD;
}
static void change_level(bench *b)
{
    b->export_config.format.level = 9;
}
static void change_delimiter(bench *b)
{
    b->export_config.format.csv.delimiter = ';';
}
static void change_null(bench *b)
{
    b->export_config.format.csv.null_text = "NULL";
}
static void change_header(bench *b)
{
    b->export_config.format.csv.header = true;
}
static void change_line_ending(bench *b)
{
    b->export_config.format.csv.line_ending = "\r\n";
}
static void change_consistency(bench *b)
{
    b->export_config.consistency = RV_CONSISTENCY_STATEMENT;
}
static void change_type(bench *b)
{
    b->field.type.id = b->field.natural.id = RV_TYPE_INT32;
}
static void change_column(bench *b)
{
    b->field.name = "ident";
}
static void change_policy(bench *b)
{
    b->export_config.schema.on_invalid[RV_INVALID_NAN] = RV_POLICY_NULL;
}

static void change_bloom(bench *b)
{
    static const char *const names[] = {"id"};
    b->export_config.format.parquet = (rv_parquet_options){.bloom = names, .n_bloom = 1};
}

static void whatever_decides_rows_or_files_changes_the_fingerprint(void **state)
{
    static const change_fn changes[] = {
        change_table,       change_schema, change_query,     change_name,   change_path,   change_format,
        change_codec,       change_level,  change_delimiter, change_null,   change_header, change_line_ending,
        change_consistency, change_type,   change_column,    change_policy, change_bloom,
    };
    bench *b = *state;
    char before[sizeof b->plan.fingerprint];
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    memcpy(before, b->plan.fingerprint, sizeof before);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        assert_int_equal(bench_teardown(state), 0);
        assert_int_equal(bench_setup(state), 0);
        b = *state;
        changes[i](b);
        assert_int_equal(make(b, ALL_CAPS), RV_OK);
        assert_string_not_equal(b->plan.fingerprint, before);
    }
}

static void pace_size_and_what_follows_the_files_leave_the_fingerprint_alone(void **state)
{
    bench *b = *state;
    char before[sizeof b->plan.fingerprint];
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    memcpy(before, b->plan.fingerprint, sizeof before);
    b->export_config.tuning.batch_size = 10;
    b->export_config.on_existing = RV_EXISTING_REPLACE;
    b->export_config.skip_empty = true;
    b->info.est_bytes = INT64_C(1) << 40;
    b->info.physical.last = 1000000;
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    assert_string_equal(b->plan.fingerprint, before);
}

#define plan_test(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(a_table_is_read_in_storage_order_under_a_snapshot),
        plan_test(without_a_snapshot_ranges_that_need_one_are_not_used),
        plan_test(a_large_table_becomes_several_chunks_but_one_for_a_stream),
        plan_test(no_rows_are_no_chunks_but_one_for_a_stream),
        plan_test(encodings_are_checked_against_the_columns),
        plan_test(what_cannot_be_read_is_refused_with_the_reason),
        plan_test(hidden_rows_are_refused_unless_acknowledged),
        plan_test(whatever_decides_rows_or_files_changes_the_fingerprint),
        plan_test(pace_size_and_what_follows_the_files_leave_the_fingerprint_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
