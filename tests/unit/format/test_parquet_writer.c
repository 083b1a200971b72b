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

enum { ITEMS_MAX = 512 };

/* Rows 0 .. n_rows, cut into batches whose sizes follow `seed`. */
typedef struct batches {
    rv_batch *items[ITEMS_MAX];
    int n;
} batches;

static batches make_batches(int64_t n_rows, uint64_t seed)
{
    batches made = {0};
    for (int64_t i = 0; i < n_rows;) {
        uint64_t size = seed == 0 ? (uint64_t)n_rows : next_random(&seed) % 200 + 1;
        assert_true(made.n < ITEMS_MAX);
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

/* The most that three threads and the writer's own hold when nothing keeps them from it. */
static size_t peak_of(const batches *rows, rv_workers *workers, size_t limit, uint64_t *hash)
{
    rv_budget budget;
    rv_budget_init(&budget, limit);
    memory_sink sink = memory_sink_open(8 * MIB);
    rv_writer_stats stats = {0};
    rv_writer_options options = options_of(&budget, 4 * MIB);
    options.workers = workers;
    assert_int_equal(write_file(rows, &sink.base, &options, &stats, NULL), RV_OK);
    *hash = rv_xxh3(sink.data, sink.len, 0);
    free(sink.data);
    return rv_budget_peak(&budget);
}

static void threads_do_with_what_the_account_has_left(void **state)
{
    (void)state;
    enum { THREADS = 3, LESS = 256 << 10 };
    batches rows = make_batches(60000, 0);
    RV_AUTO(rv_workers_free) rv_workers *workers = NULL;
    assert_int_equal(rv_workers_new(&workers, THREADS, NULL), RV_OK);
    uint64_t free_hash = 0, short_hash = 0;
    size_t wanted = peak_of(&rows, workers, 64 * MIB, &free_hash);
    assert_true(peak_of(&rows, workers, wanted - LESS, &short_hash) <= wanted - LESS);
    assert_true(short_hash == free_hash);
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

/* Every allocation of a whole file of n_rows fails once: an error with a code, and nothing left charged or leaked. */
static void fail_allocations(const batches *rows, int64_t n_rows, const rv_schema *schema,
                             size_t memory_bytes, fault_mode mode)
{
    memory_sink sink = memory_sink_open(4 * MIB);
    bool clean = false;
    for (int n = 1; !clean; n++) {
        rv_budget budget;
        rv_budget_init(&budget, 64 * MIB);
        rv_writer_options options = options_of(&budget, memory_bytes);
        rv_writer_stats stats = {0};
        rv_error err = {0};
        options.schema = schema;
        sink.len = 0;
        fault_arm(FAULT_ALLOC, n, mode, 0);
        rv_code rc = write_file(rows, &sink.base, &options, &stats, &err);
        clean = !fault_disarm();
        assert_int_equal(rc, clean ? RV_OK : RV_E_OUT_OF_MEMORY);
        assert_int_equal(err.code, clean ? 0 : RV_E_OUT_OF_MEMORY);
        assert_int_equal(stats.rows, clean ? n_rows : 0);
        assert_int_equal(rv_budget_used(&budget), 0);
        assert_true(n < 5000);
    }
    free(sink.data);
}

static void any_allocation_may_fail_once(void **state)
{
    (void)state;
    batches rows = make_batches(2500, 4);
    fail_allocations(&rows, 2500, &SCHEMA, MIB, FAULT_TRANSIENT);
    free_batches(&rows);
}

static void any_allocation_may_fail_for_good(void **state)
{
    (void)state;
    batches rows = make_batches(2500, 4);
    fail_allocations(&rows, 2500, &SCHEMA, MIB, FAULT_PERSISTENT);
    free_batches(&rows);
}

/* A stride of 2,048 of these rows weighs more than a page of 128 KiB, and less than a ninth of 2 MiB. */
static void any_allocation_for_pages_of_whole_strides_may_fail(void **state)
{
    (void)state;
    enum { ROWS = 5000, TEXT = 75 };
    static rv_field field = {.name = "text", .native_type = "text", .type = {.id = RV_TYPE_STRING}};
    static const rv_schema schema = {.fields = &field, .n_fields = 1, .origin = "t"};
    batches rows = {.n = 1};
    uint64_t random = 5;
    char text[TEXT];
    assert_int_equal(rv_batch_new(&rows.items[0], &schema, NULL, NULL), RV_OK);
    for (int i = 0; i < ROWS; i++) {
        for (int k = 0; k < TEXT; k++)
            text[k] = (char)('a' + next_random(&random) % 20);
        assert_int_equal(rv_batch_begin_row(rows.items[0], NULL), RV_OK);
        assert_int_equal(rv_column_append_bytes(rows.items[0]->columns, text, TEXT, NULL), RV_OK);
        rv_batch_end_row(rows.items[0]);
    }
    fail_allocations(&rows, ROWS, &schema, 2 * MIB, FAULT_TRANSIENT);
    fail_allocations(&rows, ROWS, &schema, 2 * MIB, FAULT_PERSISTENT);
    free_batches(&rows);
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

/* ---- where files and row groups end ---- */

enum { MAX_FILES = 64 };

/* The files that rows become under options->format->max_file_bytes. */
typedef struct files {
    uint64_t hash[MAX_FILES], bytes[MAX_FILES];
    int64_t rows[MAX_FILES], row_groups[MAX_FILES];
    int n;
} files;

static void finish_one(rv_writer *writer, memory_sink *sink, files *out)
{
    rv_writer_stats stats = {0};
    assert_true(out->n < MAX_FILES);
    assert_int_equal(rv_writer_finish(writer, &stats, NULL), RV_OK);
    rv_writer_close(writer);
    out->hash[out->n] = rv_xxh3(sink->data, sink->len, 0);
    out->bytes[out->n] = stats.bytes;
    out->rows[out->n] = stats.rows;
    out->row_groups[out->n++] = stats.row_groups;
    sink->len = 0;
}

static void write_files(const batches *rows, const rv_writer_options *options, files *out)
{
    memory_sink sink = memory_sink_open(8 * MIB);
    rv_writer *writer = NULL;
    *out = (files){0};
    for (int i = 0; i < rows->n; i++) {
        for (int64_t at = 0, n = 0; at < rows->items[i]->rows; at += n) {
            if (writer == NULL)
                assert_int_equal(rv_writer_open(&writer, &sink.base, options, NULL), RV_OK);
            assert_int_equal(rv_writer_append(writer, rows->items[i], at, &n, NULL), RV_OK);
            if (at + n == rows->items[i]->rows)
                break;
            finish_one(writer, &sink, out);
            writer = NULL;
        }
    }
    finish_one(writer, &sink, out);
    free(sink.data);
}

static void a_file_that_is_full_ends_at_the_same_row_however_rows_were_split(void **state)
{
    (void)state;
    enum { ROWS = 40000, LIMIT = 64 << 10 };
    rv_format_config format = FORMAT;
    format.max_file_bytes = LIMIT;
    files expected = {0};
    for (uint64_t seed = 0; seed < 4; seed++) {
        batches rows = make_batches(ROWS, seed);
        rv_writer_options options = options_of(NULL, MIB);
        options.format = &format;
        files made;
        write_files(&rows, &options, &made);
        if (seed == 0)
            expected = made;
        assert_true(made.n > 5);
        assert_memory_equal(&made, &expected, sizeof made);
        free_batches(&rows);
    }
    int64_t n_rows = 0;
    for (int i = 0; i < expected.n; i++) {
        n_rows += expected.rows[i];
        assert_in_range(expected.row_groups[i], 1, 8);
        if (i < expected.n - 1)
            assert_in_range(expected.bytes[i], LIMIT * 95 / 100, LIMIT * 105 / 100);
    }
    assert_int_equal(n_rows, ROWS);
}

static void a_tiny_limit_still_makes_progress(void **state)
{
    (void)state;
    rv_format_config format = FORMAT;
    batches rows = make_batches(50, 0);
    rv_writer_options options = options_of(NULL, MIB);
    options.format = &format;
    format.max_file_bytes = 1;
    files made;
    write_files(&rows, &options, &made);
    int64_t n_rows = 0;
    for (int i = 0; i < made.n; i++) {
        assert_true(made.rows[i] > 0);
        n_rows += made.rows[i];
    }
    assert_int_equal(n_rows, 50);
    free_batches(&rows);
}

static void a_file_that_is_full_by_its_last_row_leaves_no_empty_one(void **state)
{
    (void)state;
    rv_format_config format = FORMAT;
    batches rows = make_batches(3000, 0);
    rv_writer_options options = options_of(NULL, MIB);
    options.format = &format;
    format.max_file_bytes = 40 << 10;
    files first, exact;
    write_files(&rows, &options, &first);
    assert_true(first.n > 1);
    batches enough = make_batches(first.rows[0], 0);
    write_files(&enough, &options, &exact);
    assert_int_equal(exact.n, 1);
    assert_true(exact.hash[0] == first.hash[0]);
    free_batches(&rows);
    free_batches(&enough);
}

/* A scratch that keeps what it is given, up to a number of calls after which it fails. */
typedef struct memory_scratch {
    rv_scratch base;
    uint8_t *data;
    int n_writes, n_calls, fails_at; /* 0: never */
} memory_scratch;

enum { SCRATCH_BYTES = 16 * MIB };

static rv_code memory_scratch_write(rv_scratch *base, uint64_t at, const void *data, size_t len,
                                    rv_error *err)
{
    memory_scratch *scratch = (memory_scratch *)base;
    if (++scratch->n_calls == scratch->fails_at)
        return rv_fail(err, RV_E_DEST_FULL, "the scratch takes no more");
    assert_true(at + len <= SCRATCH_BYTES);
    memcpy(scratch->data + at, data, len);
    scratch->n_writes++;
    return RV_OK;
}

static rv_code memory_scratch_read(rv_scratch *base, uint64_t at, void *out, size_t len, rv_error *err)
{
    memory_scratch *scratch = (memory_scratch *)base;
    if (++scratch->n_calls == scratch->fails_at)
        return rv_fail(err, RV_E_SPOOL, "the scratch cannot be read");
    memcpy(out, scratch->data + at, len);
    return RV_OK;
}

static void memory_scratch_reset(rv_scratch *base)
{
    (void)base;
}

static memory_scratch memory_scratch_open(void)
{
    memory_scratch scratch = {
        .base = {.write = memory_scratch_write, .read = memory_scratch_read, .reset = memory_scratch_reset},
        .data = malloc(SCRATCH_BYTES)};
    assert_non_null(scratch.data);
    return scratch;
}

static const rv_format_config FIXED_ROWS = {
    .kind = RV_FORMAT_PARQUET,
    .codec = RV_CODEC_ZSTD,
    .parquet = {.row_groups = RV_ROW_GROUPS_FIXED_ROWS, .rows = 25000}};

static void fixed_rows_are_kept_with_little_memory_and_a_scratch(void **state)
{
    (void)state;
    enum { ROWS = 40000, MEMORY = 3 * MIB / 2 };
    uint64_t expected = 0;
    for (uint64_t seed = 0; seed < 3; seed++) {
        batches rows = make_batches(ROWS, seed);
        memory_scratch scratch = memory_scratch_open();
        memory_sink sink = memory_sink_open(8 * MIB);
        rv_budget budget;
        rv_budget_init(&budget, 64 * MIB);
        rv_writer_options options = options_of(&budget, MEMORY);
        options.format = &FIXED_ROWS;
        options.scratch = &scratch.base;
        rv_writer_stats stats = {0};
        assert_int_equal(write_file(&rows, &sink.base, &options, &stats, NULL), RV_OK);
        assert_int_equal(stats.row_groups, 2);
        assert_true(scratch.n_writes > 0);
        assert_true(rv_budget_peak(&budget) <= MEMORY + MEMORY / 4 + MIB); /* a compressor's context */
        assert_int_equal(rv_budget_used(&budget), 0);
        uint64_t hash = rv_xxh3(sink.data, sink.len, 0);
        assert_true(seed == 0 || hash == expected);
        expected = hash;
        free(sink.data);
        free(scratch.data);
        free_batches(&rows);
    }
}

static void row_groups_of_fixed_size_outgrow_the_memory(void **state)
{
    (void)state;
    batches rows = make_batches(40000, 1);
    int64_t groups[2];
    for (int i = 0; i < 2; i++) {
        rv_format_config format = FORMAT;
        format.parquet = (rv_parquet_options){.row_groups = RV_ROW_GROUPS_FIXED_MEMORY,
                                              .max_bytes = i == 0 ? 0 : 64 << 10};
        memory_scratch scratch = memory_scratch_open();
        memory_sink sink = memory_sink_open(8 * MIB);
        rv_writer_options options = options_of(NULL, 2 * MIB);
        options.format = &format;
        options.scratch = &scratch.base;
        rv_writer_stats stats = {0};
        assert_int_equal(write_file(&rows, &sink.base, &options, &stats, NULL), RV_OK);
        groups[i] = stats.row_groups;
        free(sink.data);
        free(scratch.data);
    }
    assert_int_equal(groups[0], 1);
    assert_in_range(groups[1], 7, 13);
    free_batches(&rows);
}

static void a_scratch_that_fails_at_any_call_fails_the_writer(void **state)
{
    (void)state;
    batches rows = make_batches(30000, 2);
    memory_sink sink = memory_sink_open(8 * MIB);
    rv_code rc = RV_E_SPOOL;
    for (int n = 1; rc != RV_OK; n++) {
        memory_scratch scratch = memory_scratch_open();
        scratch.fails_at = n;
        rv_budget budget;
        rv_budget_init(&budget, 64 * MIB);
        rv_writer_options options = options_of(&budget, MIB);
        options.format = &FIXED_ROWS;
        options.scratch = &scratch.base;
        rv_writer_stats stats = {0};
        rv_error err = {0};
        sink.len = 0;
        rc = write_file(&rows, &sink.base, &options, &stats, &err);
        assert_true(rc == RV_OK || rc == RV_E_DEST_FULL || rc == RV_E_SPOOL);
        assert_int_equal(err.code, rc);
        assert_int_equal(stats.rows, rc == RV_OK ? 30000 : 0);
        assert_int_equal(rv_budget_used(&budget), 0);
        assert_true(n < 1000);
        free(scratch.data);
    }
    free(sink.data);
    free_batches(&rows);
}

/* Values of several pages' size, first, in the middle and last, among small ones and NULLs. */
static batches make_huge(int64_t n_rows, int64_t per_batch)
{
    enum { HUGE_VALUE = 3 << 20 };
    static rv_field field = {
        .name = "v", .native_type = "bytea", .type = {.id = RV_TYPE_BINARY}, .nullable = true};
    static const rv_schema schema = {.fields = &field, .n_fields = 1, .origin = "t"};
    uint8_t *value = malloc(HUGE_VALUE);
    assert_non_null(value);
    uint64_t random = 1;
    for (size_t i = 0; i < HUGE_VALUE; i++)
        value[i] = (uint8_t)next_random(&random);
    batches made = {0};
    for (int64_t i = 0; i < n_rows; i++) {
        if (i % per_batch == 0)
            assert_int_equal(rv_batch_new(&made.items[made.n++], &schema, NULL, NULL), RV_OK);
        rv_batch *batch = made.items[made.n - 1];
        assert_int_equal(rv_batch_begin_row(batch, NULL), RV_OK);
        size_t len = i == 0 || i == n_rows / 2 || i == n_rows - 1 ? HUGE_VALUE : (size_t)(i % 9);
        if (i % 4 == 1)
            assert_int_equal(rv_column_append_null(&batch->columns[0], NULL), RV_OK);
        else
            assert_int_equal(rv_column_append_bytes(&batch->columns[0], value, len, NULL), RV_OK);
        rv_batch_end_row(batch);
    }
    free(value);
    return made;
}

/* The hash of the file. */
static uint64_t write_huge(const batches *rows, bool catches_up)
{
    enum { HUGE_VALUE = 3 << 20 };
    memory_scratch scratch = memory_scratch_open();
    memory_sink sink = memory_sink_open(16 * MIB);
    rv_budget budget;
    rv_budget_init(&budget, 64 * MIB);
    rv_writer_options options = options_of(&budget, MIB);
    options.schema = rows->items[0]->schema;
    options.scratch = &scratch.base;
    RV_AUTO(rv_writer_close) rv_writer *writer = NULL;
    assert_int_equal(rv_writer_open(&writer, &sink.base, &options, NULL), RV_OK);
    for (int i = 0; i < rows->n; i++) {
        assert_int_equal(rv_writer_write(writer, rows->items[i], NULL), RV_OK);
        assert_true(rv_budget_used(&budget) < HUGE_VALUE + 2 * MIB);
        if (catches_up) {
            assert_int_equal(rv_writer_catch_up(writer, NULL), RV_OK);
            assert_true(rv_budget_used(&budget) < 2 * MIB);
        }
    }
    rv_writer_stats stats = {0};
    assert_int_equal(rv_writer_finish(writer, &stats, NULL), RV_OK);
    assert_true(rv_budget_peak(&budget) < 2 * HUGE_VALUE + 2 * MIB);
    uint64_t hash = rv_xxh3(sink.data, sink.len, 0);
    free(sink.data);
    free(scratch.data);
    return hash;
}

static void a_huge_value_is_held_once_until_its_batch_has_gone_and_then_twice(void **state)
{
    (void)state;
    enum { ROWS = 40 };
    uint64_t expected = 0;
    for (int64_t per_batch = 1; per_batch <= ROWS; per_batch += 13) {
        batches rows = make_huge(ROWS, per_batch);
        uint64_t hash = write_huge(&rows, true);
        assert_true(per_batch == 1 || hash == expected);
        assert_true(write_huge(&rows, false) == hash);
        expected = hash;
        free_batches(&rows);
    }
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
        cmocka_unit_test(threads_do_with_what_the_account_has_left),
        cmocka_unit_test(a_null_in_a_required_column_is_refused_by_name),
        cmocka_unit_test(closing_without_finish_writes_no_more),
        cmocka_unit_test(a_level_that_the_codec_does_not_have_is_refused),
        cmocka_unit_test(every_codec_keeps_the_promises_about_bytes_and_memory),
        cmocka_unit_test(any_allocation_may_fail_once),
        cmocka_unit_test(any_allocation_may_fail_for_good),
        cmocka_unit_test(any_allocation_for_pages_of_whole_strides_may_fail),
        cmocka_unit_test(a_budget_too_small_is_an_error_at_every_size),
        cmocka_unit_test(a_sink_that_fails_at_any_place_fails_the_writer),
        cmocka_unit_test(a_file_that_is_full_ends_at_the_same_row_however_rows_were_split),
        cmocka_unit_test(a_tiny_limit_still_makes_progress),
        cmocka_unit_test(a_file_that_is_full_by_its_last_row_leaves_no_empty_one),
        cmocka_unit_test(fixed_rows_are_kept_with_little_memory_and_a_scratch),
        cmocka_unit_test(row_groups_of_fixed_size_outgrow_the_memory),
        cmocka_unit_test(a_scratch_that_fails_at_any_call_fails_the_writer),
        cmocka_unit_test(a_huge_value_is_held_once_until_its_batch_has_gone_and_then_twice),
        cmocka_unit_test(sizes_of_buffers_follow_from_what_they_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
