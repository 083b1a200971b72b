/* The writer as a whole: same rows, same bytes; what it holds and gives back; what failures leave behind. Whether
 * the files are right is for other readers to say: tests/interop. */
#include "format/parquet/rowgroup.h"
#include "parquet_support.h"

#include "rivet/hash.h"

#include "fault.h"

#include <stdio.h>

enum { MIB = 1 << 20, COLUMNS = 6 };

static rv_field FIELDS[COLUMNS] = {
    {.name = "id", .native_type = "bigint", .type = {.id = RV_TYPE_INT64}},
    {.name = "flag", .native_type = "boolean", .type = {.id = RV_TYPE_BOOL}, .nullable = true},
    {.name = "kind", .native_type = "text", .type = {.id = RV_TYPE_STRING}, .nullable = true},
    {.name = "note", .native_type = "text", .type = {.id = RV_TYPE_STRING}},
    {.name = "tags",
     .native_type = "text[]",
     .type = {.id = RV_TYPE_LIST, .element = RV_TYPE_STRING},
     .nullable = true},
    {.name = "big",
     .native_type = "numeric(30,2)",
     .type = {.id = RV_TYPE_DECIMAL, .precision = 30, .scale = 2}},
};
static const rv_schema SCHEMA = {.fields = FIELDS, .n_fields = COLUMNS, .origin = "t"};
static const rv_format_config FORMAT = {.kind = RV_FORMAT_PARQUET, .codec = RV_CODEC_ZSTD};

static void append_row(rv_batch *batch, int64_t i)
{
    rv_column *c = batch->columns;
    char text[64];
    uint64_t random = (uint64_t)i;
    assert_int_equal(rv_batch_begin_row(batch, NULL), RV_OK);
    rv_column_append_i64(&c[0], i);
    if (i % 5 == 0)
        assert_int_equal(rv_column_append_null(&c[1], NULL), RV_OK);
    else
        rv_column_append_bool(&c[1], i % 3 == 0);
    if (i % 4 == 1)
        assert_int_equal(rv_column_append_null(&c[2], NULL), RV_OK);
    else
        assert_int_equal(rv_column_append_bytes(&c[2], "kind", (size_t)(i % 5), NULL), RV_OK);
    int len = snprintf(text, sizeof text, "note %d %llx", (int)i, (unsigned long long)next_random(&random));
    assert_int_equal(rv_column_append_bytes(&c[3], text, (size_t)len, NULL), RV_OK);
    assert_int_equal(rv_column_reserve(c[4].child, i % 3, NULL), RV_OK);
    for (int64_t k = 0; k < i % 3; k++)
        assert_int_equal(rv_column_append_bytes(c[4].child, text, (size_t)(i % 40 == 7 ? len : 4), NULL),
                         RV_OK);
    assert_int_equal(rv_column_close_list(&c[4], NULL), RV_OK);
    rv_int256 number;
    assert_true(rv_int256_from_i64(i * 1000 - 50000, 30, 2, &number));
    rv_column_append_decimal(&c[5], &number);
    rv_batch_end_row(batch);
}

/* Rows 0 .. n_rows, cut into batches whose sizes follow `seed`. */
typedef struct batches {
    rv_batch *items[512];
    int n;
} batches;

static batches make_batches(int64_t n_rows, uint64_t seed)
{
    batches made = {0};
    for (int64_t i = 0; i < n_rows;) {
        uint64_t size = seed == 0 ? (uint64_t)n_rows : next_random(&seed) % 200 + 1;
        assert_true((size_t)made.n < sizeof made.items / sizeof *made.items);
        assert_int_equal(rv_batch_new(&made.items[made.n], &SCHEMA, NULL, NULL), RV_OK);
        for (; size > 0 && i < n_rows; size--, i++)
            append_row(made.items[made.n], i);
        made.n++;
    }
    return made;
}

static void free_batches(batches *made)
{
    for (int i = 0; i < made->n; i++)
        rv_batch_free(made->items[i]);
}

static rv_writer_options options_of(rv_budget *budget, size_t memory_bytes)
{
    return (rv_writer_options){
        .format = &FORMAT, .schema = &SCHEMA, .budget = budget, .memory_bytes = memory_bytes};
}

static rv_code write_file(const batches *rows, rv_sink *sink, const rv_writer_options *options,
                          rv_writer_stats *stats, rv_error *err)
{
    RV_AUTO(rv_writer_close) rv_writer *writer = NULL;
    RV_TRY(rv_writer_open(&writer, sink, options, err));
    for (int i = 0; i < rows->n; i++)
        RV_TRY(rv_writer_write(writer, rows->items[i], err));
    return rv_writer_finish(writer, stats, err);
}

static void the_same_rows_give_the_same_bytes_however_they_were_split_and_threaded(void **state)
{
    (void)state;
    enum { ROWS = 30000 };
    uint64_t expected = 0;
    for (uint64_t seed = 0; seed < 4; seed++) {
        batches rows = make_batches(ROWS, seed);
        memory_sink sink = memory_sink_open(8 * MIB);
        rv_writer_stats stats = {0};
        rv_writer_options options = options_of(NULL, MIB);
        RV_AUTO(rv_workers_free) rv_workers *workers = NULL;
        assert_int_equal(rv_workers_new(&workers, (int)seed, NULL), RV_OK);
        options.workers = workers;
        assert_int_equal(write_file(&rows, &sink.base, &options, &stats, NULL), RV_OK);
        assert_int_equal(stats.rows, ROWS);
        assert_int_equal(stats.bytes, sink.len);
        assert_true(stats.row_groups > 1 && stats.raw_bytes > stats.bytes);
        uint64_t hash = rv_xxh3(sink.data, sink.len, 0);
        assert_true(seed == 0 || hash == expected);
        expected = hash;
        free(sink.data);
        free_batches(&rows);
    }
}

static void no_rows_make_a_file_without_row_groups(void **state)
{
    (void)state;
    batches rows = {0};
    memory_sink sink = memory_sink_open(MIB);
    rv_writer_stats stats = {0};
    rv_writer_options options = options_of(NULL, 24 * MIB);
    assert_int_equal(write_file(&rows, &sink.base, &options, &stats, NULL), RV_OK);
    assert_int_equal(stats.row_groups, 0);
    assert_memory_equal(sink.data, "PAR1", 4);
    assert_memory_equal(sink.data + sink.len - 4, "PAR1", 4);
    uint32_t footer;
    memcpy(&footer, sink.data + sink.len - 8, 4);
    assert_int_equal(footer + 12, sink.len); /* nothing but magic and footer */
    free(sink.data);
}

static void what_is_held_stays_within_the_memory_and_is_given_back(void **state)
{
    (void)state;
    batches rows = make_batches(40000, 1);
    for (size_t memory = 1 * MIB; memory <= 4 * MIB; memory *= 2) {
        rv_budget budget;
        rv_budget_init(&budget, 64 * MIB);
        memory_sink sink = memory_sink_open(8 * MIB);
        rv_writer_stats stats = {0};
        rv_writer_options options = options_of(&budget, memory);
        assert_int_equal(write_file(&rows, &sink.base, &options, &stats, NULL), RV_OK);
        /* Beyond it: the unused part of the page store's last segment, metadata, pages being compressed, a context. */
        assert_true(rv_budget_peak(&budget) <= memory + memory / 8 + 384 * 1024 + MIB);
        assert_int_equal(rv_budget_used(&budget), 0);
        free(sink.data);
    }
    free_batches(&rows);
}

static void the_size_grows_with_the_rows_and_ends_near_the_file(void **state)
{
    (void)state;
    batches rows = make_batches(45000, 2);
    memory_sink sink = memory_sink_open(8 * MIB);
    rv_writer_options options = options_of(NULL, 24 * MIB);
    RV_AUTO(rv_writer_close) rv_writer *writer = NULL;
    assert_int_equal(rv_writer_open(&writer, &sink.base, &options, NULL), RV_OK);
    /* Before a column's first page closes, nobody knows how far its values shrink; so the halves are compared. */
    uint64_t half = 0;
    for (int i = 0; i < rows.n; i++) {
        assert_int_equal(rv_writer_write(writer, rows.items[i], NULL), RV_OK);
        half = i == rows.n / 2 ? rv_writer_size(writer) : half;
    }
    uint64_t last = rv_writer_size(writer);
    assert_true(half > last / 3 && half < last);
    rv_writer_stats stats = {0};
    assert_int_equal(rv_writer_finish(writer, &stats, NULL), RV_OK);
    assert_true(last > stats.bytes / 2 && last < stats.bytes * 2);
    free(sink.data);
    free_batches(&rows);
}

static void a_null_in_a_required_column_is_refused_by_name(void **state)
{
    (void)state;
    rv_field nullable[COLUMNS];
    memcpy(nullable, FIELDS, sizeof nullable);
    nullable[0].nullable = true;
    rv_schema schema = {.fields = nullable, .n_fields = 1, .origin = "t"};
    rv_schema required = {.fields = FIELDS, .n_fields = 1, .origin = "t"};
    rv_batch *batch = NULL;
    assert_int_equal(rv_batch_new(&batch, &schema, NULL, NULL), RV_OK);
    assert_int_equal(rv_batch_begin_row(batch, NULL), RV_OK);
    assert_int_equal(rv_column_append_null(&batch->columns[0], NULL), RV_OK);
    rv_batch_end_row(batch);
    memory_sink sink = memory_sink_open(MIB);
    rv_writer_options options = options_of(NULL, 24 * MIB);
    options.schema = &required;
    RV_AUTO(rv_writer_close) rv_writer *writer = NULL;
    rv_error err = {0};
    assert_int_equal(rv_writer_open(&writer, &sink.base, &options, &err), RV_OK);
    assert_int_equal(rv_writer_write(writer, batch, &err), RV_E_VALUE_MALFORMED);
    assert_non_null(strstr(err.message, "'id'"));
    rv_batch_free(batch);
    free(sink.data);
}

static void closing_without_finish_writes_no_more(void **state)
{
    (void)state;
    batches rows = make_batches(3000, 3);
    rv_budget budget;
    rv_budget_init(&budget, 64 * MIB);
    memory_sink sink = memory_sink_open(MIB);
    rv_writer_options options = options_of(&budget, 24 * MIB);
    rv_writer *writer = NULL;
    assert_int_equal(rv_writer_open(&writer, &sink.base, &options, NULL), RV_OK);
    for (int i = 0; i < rows.n; i++)
        assert_int_equal(rv_writer_write(writer, rows.items[i], NULL), RV_OK);
    size_t before = sink.len;
    rv_writer_close(writer);
    assert_int_equal(sink.len, before);
    assert_int_equal(rv_budget_used(&budget), 0);
    rv_writer_close(NULL);
    free(sink.data);
    free_batches(&rows);
}

static void a_level_that_the_codec_does_not_have_is_refused(void **state)
{
    (void)state;
    rv_format_config format = {.kind = RV_FORMAT_PARQUET, .codec = RV_CODEC_ZSTD, .level = 16};
    memory_sink sink = memory_sink_open(MIB);
    rv_budget budget;
    rv_budget_init(&budget, 64 * MIB);
    rv_writer_options options = options_of(&budget, 24 * MIB);
    options.format = &format;
    rv_writer *writer = NULL;
    rv_error err = {0};
    assert_int_equal(rv_writer_open(&writer, &sink.base, &options, &err), RV_E_CONFIG_VALUE);
    assert_null(writer);
    assert_int_equal(rv_budget_used(&budget), 0);
    free(sink.data);
}

static void every_codec_keeps_the_promises_about_bytes_and_memory(void **state)
{
    (void)state;
    static const rv_codec codecs[] = {RV_CODEC_NONE, RV_CODEC_SNAPPY, RV_CODEC_GZIP, RV_CODEC_LZ4};
    batches whole = make_batches(20000, 0), cut = make_batches(20000, 7);
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
        rv_format_config format = {.kind = RV_FORMAT_PARQUET, .codec = codecs[i]};
        memory_sink sinks[2] = {memory_sink_open(8 * MIB), memory_sink_open(8 * MIB)};
        for (int k = 0; k < 2; k++) {
            rv_budget budget;
            rv_budget_init(&budget, 64 * MIB);
            rv_writer_options options = options_of(&budget, 2 * MIB);
            rv_writer_stats stats = {0};
            options.format = &format;
            assert_int_equal(write_file(k == 0 ? &whole : &cut, &sinks[k].base, &options, &stats, NULL),
                             RV_OK);
            assert_true(rv_budget_peak(&budget) <= 2 * MIB + MIB / 2);
            assert_int_equal(rv_budget_used(&budget), 0);
        }
        assert_int_equal(sinks[0].len, sinks[1].len);
        assert_memory_equal(sinks[0].data, sinks[1].data, sinks[0].len);
        free(sinks[0].data);
        free(sinks[1].data);
    }
    free_batches(&whole);
    free_batches(&cut);
}

/* Every allocation of a whole file fails once: an error with a code, and nothing left charged or leaked. */
static void fail_allocations(fault_mode mode)
{
    batches rows = make_batches(2500, 4);
    memory_sink sink = memory_sink_open(MIB);
    bool clean = false;
    for (int n = 1; !clean; n++) {
        rv_budget budget;
        rv_budget_init(&budget, 64 * MIB);
        rv_writer_options options = options_of(&budget, MIB);
        rv_writer_stats stats = {0};
        rv_error err = {0};
        sink.len = 0;
        fault_arm(FAULT_ALLOC, n, mode, 0);
        rv_code rc = write_file(&rows, &sink.base, &options, &stats, &err);
        clean = !fault_disarm();
        assert_int_equal(rc, clean ? RV_OK : RV_E_OUT_OF_MEMORY);
        assert_int_equal(err.code, clean ? 0 : RV_E_OUT_OF_MEMORY);
        assert_int_equal(stats.rows, clean ? 2500 : 0);
        assert_int_equal(rv_budget_used(&budget), 0);
        assert_true(n < 5000);
    }
    free(sink.data);
    free_batches(&rows);
}

static void any_allocation_may_fail_once(void **state)
{
    (void)state;
    fail_allocations(FAULT_TRANSIENT);
}

static void any_allocation_may_fail_for_good(void **state)
{
    (void)state;
    fail_allocations(FAULT_PERSISTENT);
}

static void a_budget_too_small_is_an_error_at_every_size(void **state)
{
    (void)state;
    batches rows = make_batches(2500, 5);
    memory_sink sink = memory_sink_open(MIB);
    rv_code rc = RV_E_MEMORY_BUDGET;
    size_t limit = 1000;
    for (; rc != RV_OK; limit += limit / 16) {
        rv_budget budget;
        rv_budget_init(&budget, limit);
        rv_writer_options options = options_of(&budget, MIB);
        rv_writer_stats stats = {0};
        rv_error err = {0};
        sink.len = 0;
        rc = write_file(&rows, &sink.base, &options, &stats, &err);
        assert_true(rc == RV_OK || rc == RV_E_MEMORY_BUDGET);
        assert_int_equal(rv_budget_used(&budget), 0);
        assert_true(limit < 64 * MIB);
    }
    assert_true(limit > 100000); /* it did refuse */
    free(sink.data);
    free_batches(&rows);
}

static void a_sink_that_fails_at_any_place_fails_the_writer(void **state)
{
    (void)state;
    batches rows = make_batches(6000, 6);
    memory_sink sink = memory_sink_open(2 * MIB);
    rv_code rc = RV_E_DEST_FULL;
    for (sink.fails_after = 0; rc != RV_OK; sink.fails_after += 997) {
        rv_budget budget;
        rv_budget_init(&budget, 64 * MIB);
        rv_writer_options options = options_of(&budget, MIB);
        rv_writer_stats stats = {0};
        rv_error err = {0};
        sink.len = 0;
        rc = write_file(&rows, &sink.base, &options, &stats, &err);
        assert_true(rc == RV_OK || (rc == RV_E_DEST_FULL && err.code == RV_E_DEST_FULL));
        assert_int_equal(stats.rows, rc == RV_OK ? 6000 : 0);
        assert_int_equal(rv_budget_used(&budget), 0);
    }
    free(sink.data);
    free_batches(&rows);
}

static void sizes_of_buffers_follow_from_what_they_hold(void **state)
{
    (void)state;
    rvi_pq_memory memory = {0};
    rvi_pq_buf at_once = {.memory = &memory}, in_steps = {.memory = &memory};
    for (size_t size = 1; size < 3 * MIB; size = size * 9 / 7 + 1) {
        assert_int_equal(rvi_pq_buf_reserve(&at_once, size, NULL), RV_OK);
        while (in_steps.len < size) {
            size_t step = size - in_steps.len < 1000 ? size - in_steps.len : 1000;
            assert_int_equal(rvi_pq_buf_reserve(&in_steps, step, NULL), RV_OK);
            in_steps.len += step;
        }
        assert_int_equal(at_once.cap, in_steps.cap);
        assert_true(at_once.cap >= size && (at_once.cap <= size + size / 8 + 1 || at_once.cap == 64));
    }
    rvi_pq_buf_free(&at_once);
    rvi_pq_buf_free(&in_steps);
    assert_int_equal(memory.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_rows_give_the_same_bytes_however_they_were_split_and_threaded),
        cmocka_unit_test(no_rows_make_a_file_without_row_groups),
        cmocka_unit_test(what_is_held_stays_within_the_memory_and_is_given_back),
        cmocka_unit_test(the_size_grows_with_the_rows_and_ends_near_the_file),
        cmocka_unit_test(a_null_in_a_required_column_is_refused_by_name),
        cmocka_unit_test(closing_without_finish_writes_no_more),
        cmocka_unit_test(a_level_that_the_codec_does_not_have_is_refused),
        cmocka_unit_test(every_codec_keeps_the_promises_about_bytes_and_memory),
        cmocka_unit_test(any_allocation_may_fail_once),
        cmocka_unit_test(any_allocation_may_fail_for_good),
        cmocka_unit_test(a_budget_too_small_is_an_error_at_every_size),
        cmocka_unit_test(a_sink_that_fails_at_any_place_fails_the_writer),
        cmocka_unit_test(sizes_of_buffers_follow_from_what_they_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
