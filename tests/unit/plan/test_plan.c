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

/* What the scripted source below answers; calls are counted. */
static struct {
    const char *first, *last;               /* of key_ends; NULL: no value */
    const char *finite_first, *finite_last; /* when infinite values are left out; NULL: no value */
    bool has_null;
    int n_ends, n_splits, n_described;
} answers;

static rv_code key_ends(rv_source *src, const rv_relation *relation, const rv_relation_info *info,
                        const rv_key *key, const char *fallback, const rv_range *const *within, int n_within,
                        rv_arena *arena, rv_key_ends *out, rv_error *err)
{
    (void)src, (void)relation, (void)info, (void)key, (void)fallback, (void)arena, (void)err;
    const rv_range *last = n_within > 0 ? within[n_within - 1] : NULL;
    bool finite = last != NULL && last->hi.n == 1 && strcmp(last->hi.cells[0], "infinity") == 0;
    const char *from = finite ? answers.finite_first : answers.first;
    const char *to = finite ? answers.finite_last : answers.last;
    answers.n_ends++;
    *out = (rv_key_ends){.empty = from == NULL, .has_null = answers.has_null};
    if (from != NULL) {
        out->first = (rv_key_value){.n = 1, .cells = {from}};
        out->last = (rv_key_value){.n = 1, .cells = {to}};
    }
    return RV_OK;
}

static rv_code split(rv_source *src, const rv_relation *relation, const rv_relation_info *info,
                     const rv_index *index, int64_t n, rv_arena *arena, rv_key_value *out, int64_t *n_out,
                     rv_error *err)
{
    (void)src, (void)relation, (void)info, (void)index, (void)err;
    for (int64_t i = 0; i + 1 < n; i++)
        out[i] = (rv_key_value){.n = 1, .cells = {rv_arena_printf(arena, "%d", (int)(100 * (i + 1)))}};
    *n_out = n - 1;
    answers.n_splits++;
    return RV_OK;
}

static const rv_index leaf_key = {
    .name = "leaf_pkey", .key = {1, {"id"}, {false}}, .complete = true, .unique = true, .not_null = true};

static rv_code describe(rv_source *src, const rv_relation *relation, rv_arena *arena, rv_relation_info *out,
                        rv_error *err)
{
    static rv_field field = {.name = "id", .native_type = "bigint", .natural = {.id = RV_TYPE_INT64}};
    (void)src, (void)relation, (void)arena, (void)err;
    answers.n_described++;
    *out = (rv_relation_info){.schema = {.fields = &field, .n_fields = 1, .origin = "t_1"},
                              .kind = "table",
                              .est_rows = -1,
                              .est_bytes = -1,
                              .indexes = &leaf_key,
                              .n_indexes = 1};
    return RV_OK;
}

static rv_code make(bench *b, uint32_t caps)
{
    rv_source_ops ops = {
        .kind = "test", .caps = caps, .key_ends = key_ends, .split = split, .describe = describe};
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

static void each_lane_gets_a_chunk_that_is_worth_one(void **state)
{
    bench *b = *state;
    const struct {
        int parallel;
        int64_t mib, n_chunks;
    } cases[] = {{1, 200, 1}, {2, 200, 2}, {4, 200, 4},  {64, 200, 13},
                 {4, 32, 2},  {4, 16, 1},  {2, 1024, 4}, {4, -1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        b->export_config.parallel = cases[i].parallel;
        b->info.est_bytes = cases[i].mib < 0 ? -1 : cases[i].mib << 20;
        assert_int_equal(make(b, ALL_CAPS | RV_SOURCE_CAP_SHARED_SNAPSHOT), RV_OK);
        assert_int_equal(b->plan.n_chunks, cases[i].n_chunks);
        assert_true(b->plan.lanes == cases[i].parallel || b->plan.lanes == b->plan.n_chunks);
    }
    b->export_config.dest = (rv_dest_config){.kind = "stdout"};
    b->info.est_bytes = INT64_C(1) << 30;
    assert_int_equal(make(b, ALL_CAPS | RV_SOURCE_CAP_SHARED_SNAPSHOT), RV_OK);
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

/* ---- partitioned tables ---- */

static void a_partitioned_table_is_read_leaf_by_leaf(void **state)
{
    bench *b = *state;
    const rv_physical physical = b->info.physical;
    rv_leaf leaves[] = {{"public", "t_1", 10, INT64_C(1) << 30, physical},
                        {"other", "t_2", 10, 100, physical}};
    b->info.physical = (rv_physical){.why_not = "it is partitioned"};
    b->info.leaves = leaves;
    b->info.n_leaves = 2;
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    assert_string_equal(b->plan.strategy_name, "partition(ctid)");
    assert_int_equal(b->plan.n_chunks, 5);
    assert_string_equal(b->plan.chunks[0].bounds.leaf_table, "t_1");
    assert_string_equal(b->plan.chunks[4].bounds.leaf_schema, "other");
    b->export_config.dest = (rv_dest_config){.kind = "stdout"};
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    assert_int_equal(b->plan.n_chunks, 1);
    assert_null(b->plan.chunks[0].bounds.leaf_table);
}

static void leaves_that_have_no_storage_order_are_read_along_the_key(void **state)
{
    bench *b = *state;
    rv_leaf leaves[] = {{"public", "t_1", 10, INT64_C(1) << 30, {.why_not = "foreign"}},
                        {"public", "t_2", 10, 100, b->info.physical}};
    rv_index key = leaf_key;
    b->info.leaves = leaves;
    b->info.n_leaves = 2;
    b->info.indexes = &key;
    b->info.n_indexes = 1;
    answers.n_described = 0;
    assert_int_equal(make(b, ALL_CAPS | RV_SOURCE_CAP_KEYS), RV_OK);
    assert_string_equal(b->plan.strategy_name, "partition(keyset)");
    assert_int_equal(b->plan.n_chunks, 5);
    assert_int_equal(answers.n_described, 1); /* the large one only */
    assert_string_equal(b->plan.chunks[1].bounds.leaf_table, "t_1");
    assert_string_equal(b->plan.chunks[1].bounds.ranges[0]->lo.cells[0], "100");
    assert_int_equal(b->plan.chunks[4].bounds.n_ranges, 0);
    b->info.n_indexes = 0;
    assert_int_equal(make(b, ALL_CAPS | RV_SOURCE_CAP_KEYS), RV_OK);
    assert_string_equal(b->plan.strategy_name, "partition(stream)");
    assert_int_equal(b->plan.n_chunks, 2);
}

/* ---- infinities ---- */

static void infinite_values_lie_in_the_outermost_ranges(void **state)
{
    bench *b = *state;
    b->export_config.mode = RV_MODE_CHUNKED;
    b->export_config.chunk = (rv_chunk_config){.column = "id", .count = 2};
    b->field.natural.id = b->field.type.id = RV_TYPE_TIMESTAMP_TZ;
    answers.first = "-infinity";
    answers.last = "infinity";
    answers.finite_first = "2024-01-01 00:00:00+00";
    answers.finite_last = "2024-01-03 00:00:00+00";
    assert_int_equal(make(b, ALL_CAPS | RV_SOURCE_CAP_KEYS), RV_OK);
    assert_int_equal(b->plan.n_chunks, 2);
    assert_int_equal(b->plan.chunks[0].bounds.ranges[0]->lo.n, 0);
    assert_string_equal(b->plan.chunks[1].bounds.ranges[0]->lo.cells[0], "2024-01-02 00:00:00.000001+00");
    answers.finite_first = NULL; /* nothing but infinities */
    assert_int_equal(make(b, ALL_CAPS | RV_SOURCE_CAP_KEYS), RV_OK);
    assert_int_equal(b->plan.n_chunks, 1);
    answers.first = answers.last = "a while ago";
    assert_int_equal(make(b, ALL_CAPS | RV_SOURCE_CAP_KEYS), RV_E_CONFIG_VALUE);
    assert_non_null(strstr(b->err.message, "holds 'a while ago'"));
}

static void an_infinite_cursor_is_refused(void **state)
{
    bench *b = *state;
    b->export_config.mode = RV_MODE_INCREMENTAL;
    b->export_config.cursor.key = (rv_key){.n_columns = 1, .columns = {"id"}};
    b->field.natural.id = b->field.type.id = RV_TYPE_TIMESTAMP_TZ;
    answers.first = "2024-01-01 00:00:00+00";
    answers.last = "infinity";
    assert_int_equal(make(b, ALL_CAPS | RV_SOURCE_CAP_KEYS), RV_E_CONFIG_VALUE);
    assert_non_null(strstr(b->err.message, "nothing can come above"));
}

static void modes_that_need_ranges_are_refused_where_there_are_none(void **state)
{
    bench *b = *state;
    b->export_config.mode = RV_MODE_INCREMENTAL;
    b->export_config.cursor.key = (rv_key){.n_columns = 1, .columns = {"id"}};
    assert_int_equal(make(b, ALL_CAPS), RV_E_SOURCE_UNSUPPORTED);
    assert_non_null(strstr(b->err.message, "cannot read ranges"));
}

static void lanes_share_a_snapshot_or_are_one(void **state)
{
    bench *b = *state;
    b->info.est_bytes = INT64_C(1) << 30;
    b->export_config.parallel = 3;
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    assert_int_equal(b->plan.lanes, 1);
    assert_int_equal(b->plan.n_notes, 1);
    assert_int_equal(make(b, ALL_CAPS | RV_SOURCE_CAP_SHARED_SNAPSHOT), RV_OK);
    assert_int_equal(b->plan.lanes, 3);
    b->export_config.chunk.size = 500;
    assert_int_equal(make(b, ALL_CAPS | RV_SOURCE_CAP_SHARED_SNAPSHOT), RV_OK);
    assert_int_equal(b->plan.lanes, 2); /* chunks */
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

static void change_hash(bench *b)
{
    b->export_config.meta.row_hash = true;
}

static void change_hashed(bench *b)
{
    static const char *const listed[] = {"id"};
    b->export_config.meta = (rv_meta_columns){.row_hash_columns = listed, .n_row_hash_columns = 1};
}

static void change_exported_at(bench *b)
{
    b->export_config.meta.exported_at = true;
}

static void change_chunk_size(bench *b)
{
    b->export_config.chunk.size = 5;
}

static void change_partition(bench *b)
{
    b->export_config.partition.label = "d=1";
}

static void whatever_decides_rows_or_files_changes_the_fingerprint(void **state)
{
    static const change_fn changes[] = {
        change_table,       change_schema,      change_query,       change_name,      change_path,
        change_format,      change_codec,       change_level,       change_delimiter, change_null,
        change_header,      change_line_ending, change_consistency, change_type,      change_column,
        change_policy,      change_hash,        change_chunk_size,  change_partition, change_hashed,
        change_exported_at,
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

static void options_of_the_other_format_leave_the_fingerprint_alone(void **state)
{
    static const char *const names[] = {"id"};
    bench *b = *state;
    char before[sizeof b->plan.fingerprint];
    b->export_config.format.kind = RV_FORMAT_PARQUET;
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    memcpy(before, b->plan.fingerprint, sizeof before);
    b->export_config.format.csv.delimiter = ';';
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    assert_string_equal(b->plan.fingerprint, before);
    b->export_config.format.parquet = (rv_parquet_options){.bloom = names, .n_bloom = 1};
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    assert_string_not_equal(b->plan.fingerprint, before);
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
    b->export_config.parallel = 7;
    b->export_config.tuning.max_retries = 9;
    b->export_config.schema.strict = true;
    b->export_config.row_security_acknowledged = true;
    b->export_config.cursor.key = (rv_key){.n_columns = 1, .columns = {"id"}}; /* of another mode */
    b->export_config.time_window.days = 3;
    b->export_config.format.parquet.max_bytes = 1 << 20; /* of another format */
    b->info.est_bytes = INT64_C(1) << 40;
    b->info.physical.last = 1000000;
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    assert_string_equal(b->plan.fingerprint, before);
}

/* ---- what has changed ---- */

static void keys_that_changed_are_named_in_the_order_of_the_list(void **state)
{
    bench *b = *state;
    rv_plan_difference found;
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    const char *then = b->plan.ingredients;
    assert_int_equal(rv_plan_bind(b->arena, &b->plan, "source", "here", NULL), RV_OK);
    const char *bound = b->plan.ingredients;
    assert_int_equal(rv_plan_compare(b->arena, bound, bound, &found, NULL), RV_OK);
    assert_true(found.known && !found.columns && !found.strategy);
    assert_string_equal(found.keys, "");
    assert_int_equal(rv_plan_compare(b->arena, then, bound, &found, NULL), RV_OK);
    assert_string_equal(found.keys, "source");

    b->export_config.relation.table = "u";
    b->export_config.format.codec = RV_CODEC_ZSTD;
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    assert_int_equal(rv_plan_compare(b->arena, bound, b->plan.ingredients, &found, NULL), RV_OK);
    assert_string_equal(found.keys, "table, compression, source");
    assert_true(!found.columns && !found.strategy);
}

static void another_column_or_strategy_is_told_from_what_somebody_wrote(void **state)
{
    bench *b = *state;
    rv_plan_difference found;
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    const char *then = b->plan.ingredients;
    change_type(b);
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    assert_int_equal(rv_plan_compare(b->arena, then, b->plan.ingredients, &found, NULL), RV_OK);
    assert_string_equal(found.keys, "");
    assert_true(found.columns && !found.strategy);
    then = b->plan.ingredients;
    assert_int_equal(make(b, ALL_CAPS & ~(uint32_t)RV_SOURCE_CAP_SNAPSHOT), RV_OK);
    assert_int_equal(rv_plan_compare(b->arena, then, b->plan.ingredients, &found, NULL), RV_OK);
    assert_string_equal(found.keys, "");
    assert_true(!found.columns && found.strategy);
}

static void a_list_of_another_program_tells_nothing(void **state)
{
    static const char *const foreign[] = {"", "xxh3:0123456789abcdef", "no line", "\n=\n", "\n"};
    bench *b = *state;
    rv_plan_difference found;
    assert_int_equal(make(b, ALL_CAPS), RV_OK);
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        assert_int_equal(rv_plan_compare(b->arena, foreign[i], b->plan.ingredients, &found, NULL), RV_OK);
        assert_false(found.known);
    }
}

#define plan_test(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        plan_test(a_table_is_read_in_storage_order_under_a_snapshot),
        plan_test(without_a_snapshot_ranges_that_need_one_are_not_used),
        plan_test(a_large_table_becomes_several_chunks_but_one_for_a_stream),
        plan_test(each_lane_gets_a_chunk_that_is_worth_one),
        plan_test(no_rows_are_no_chunks_but_one_for_a_stream),
        plan_test(encodings_are_checked_against_the_columns),
        plan_test(what_cannot_be_read_is_refused_with_the_reason),
        plan_test(hidden_rows_are_refused_unless_acknowledged),
        plan_test(a_partitioned_table_is_read_leaf_by_leaf),
        plan_test(leaves_that_have_no_storage_order_are_read_along_the_key),
        plan_test(infinite_values_lie_in_the_outermost_ranges),
        plan_test(an_infinite_cursor_is_refused),
        plan_test(modes_that_need_ranges_are_refused_where_there_are_none),
        plan_test(lanes_share_a_snapshot_or_are_one),
        plan_test(whatever_decides_rows_or_files_changes_the_fingerprint),
        plan_test(options_of_the_other_format_leave_the_fingerprint_alone),
        plan_test(keys_that_changed_are_named_in_the_order_of_the_list),
        plan_test(another_column_or_strategy_is_told_from_what_somebody_wrote),
        plan_test(a_list_of_another_program_tells_nothing),
        plan_test(pace_size_and_what_follows_the_files_leave_the_fingerprint_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
