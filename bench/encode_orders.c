/* encode_orders.c - how fast batches become Parquet: the shape of the benchmark table `orders`, without a database.
 *
 *     encode_orders [million rows] [memory MiB] [OUT.parquet]
 *
 * Build it against a release build of the library:
 *
 *     cc -O3 -D_POSIX_C_SOURCE=200809L -Iinclude bench/encode_orders.c build/release/librivet.a \
 *         -lzstd -lxxhash -lz -lcrypto -lsqlite3 -lfyaml -ljansson -lpthread -lm
 *
 * Batches are made beforehand and written again and again with new keys, so the time is the writer's alone.
 * Prints CPU seconds per million rows, bytes, row groups and the most memory the writer held. */
#include "rivet/format.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH_ROWS = 25000, BATCHES = 40, COLUMNS = 9 };

typedef struct file_sink {
    rv_sink base;
    FILE *file; /* NULL: the bytes are dropped */
} file_sink;

static rv_code file_sink_write(rv_sink *sink, const void *data, size_t len, rv_error *err)
{
    FILE *file = ((file_sink *)sink)->file;
    if (file == NULL || fwrite(data, 1, len, file) == len)
        return RV_OK;
    return rv_fail(err, RV_E_IO, "writing the file");
}

static void check(rv_code rc, const rv_error *err)
{
    if (rc == RV_OK)
        return;
    fprintf(stderr, "%s: %s\n", rv_code_name(rc), err->message);
    exit(1);
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static rv_field FIELDS[COLUMNS] = {
    {.name = "id", .native_type = "bigint", .type = {.id = RV_TYPE_INT64}},
    {.name = "customer_id", .native_type = "integer", .type = {.id = RV_TYPE_INT32}},
    {.name = "status_id", .native_type = "integer", .type = {.id = RV_TYPE_INT32}},
    {.name = "quantity", .native_type = "integer", .type = {.id = RV_TYPE_INT32}, .nullable = true},
    {.name = "amount",
     .native_type = "numeric(10,2)",
     .type = {.id = RV_TYPE_DECIMAL, .precision = 10, .scale = 2}},
    {.name = "created_at", .native_type = "timestamp with time zone", .type = {.id = RV_TYPE_TIMESTAMP_TZ}},
    {.name = "updated_at", .native_type = "timestamp", .type = {.id = RV_TYPE_TIMESTAMP}, .nullable = true},
    {.name = "product", .native_type = "text", .type = {.id = RV_TYPE_STRING}},
    {.name = "note", .native_type = "text", .type = {.id = RV_TYPE_STRING}, .nullable = true},
};

static rv_code append_note(rv_column *column, int64_t id, uint64_t *random, rv_error *err)
{
    char note[96];
    if (id % 3 != 0)
        return rv_column_append_null(column, err);
    int len = snprintf(note, sizeof note, "note for order %" PRId64 " %016" PRIx64 "%016" PRIx64, id,
                       next_random(random), next_random(random));
    return rv_column_append_bytes(column, note, (size_t)len, err);
}

static rv_code append_row(rv_batch *batch, int64_t id, uint64_t *random, rv_error *err)
{
    enum { SECOND = 1000000 };
    const int64_t start = 1577836800LL * SECOND;
    rv_column *c = batch->columns;
    char product[32];
    int len = snprintf(product, sizeof product, "product-%u", (unsigned)(next_random(random) % 4097));
    RV_TRY(rv_batch_begin_row(batch, err));
    rv_column_append_i64(&c[0], id);
    rv_column_append_i32(&c[1], (int32_t)(next_random(random) % 1000000 + 1));
    rv_column_append_i32(&c[2], (int32_t)(id % 7));
    rv_column_append_i32(&c[3], (int32_t)(next_random(random) % 128));
    rv_column_append_i64(&c[4], (int64_t)(next_random(random) % 15000000));
    rv_column_append_i64(&c[5], start + id * 13 * SECOND);
    rv_column_append_i64(&c[6], start + id * 17 * SECOND);
    RV_TRY(rv_column_append_bytes(&c[7], product, (size_t)len, err));
    RV_TRY(append_note(&c[8], id, random, err));
    rv_batch_end_row(batch);
    return RV_OK;
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    int64_t n_batches = (argc > 1 ? atoi(argv[1]) : 1) * INT64_C(1000000) / BATCH_ROWS;
    size_t memory = (size_t)(argc > 2 ? atoi(argv[2]) : 24) << 20;
    file_sink sink = {.base = {.write = file_sink_write}, .file = argc > 3 ? fopen(argv[3], "wb") : NULL};
    rv_error err = {0};
    rv_schema schema = {.fields = FIELDS, .n_fields = COLUMNS, .origin = "orders"};
    rv_batch *batches[BATCHES] = {0};
    uint64_t random = 1;
    int64_t id = 0;
    for (int b = 0; b < BATCHES && b < n_batches; b++) {
        check(rv_batch_new(&batches[b], &schema, NULL, &err), &err);
        for (int i = 0; i < BATCH_ROWS; i++)
            check(append_row(batches[b], ++id, &random, &err), &err);
    }
    rv_budget budget;
    rv_format_config format = {.kind = RV_FORMAT_PARQUET, .codec = RV_CODEC_ZSTD};
    rv_writer_options options = {
        .format = &format, .schema = &schema, .budget = &budget, .memory_bytes = memory};
    rv_writer *writer = NULL;
    rv_writer_stats stats = {0};
    rv_budget_init(&budget, (size_t)1 << 30);
    double before = cpu_seconds();
    check(rv_writer_open(&writer, &sink.base, &options, &err), &err);
    for (int64_t b = 0; b < n_batches; b++)
        check(rv_writer_write(writer, batches[b % BATCHES], &err), &err);
    check(rv_writer_finish(writer, &stats, &err), &err);
    double spent = cpu_seconds() - before;
    rv_writer_close(writer);
    for (int b = 0; b < BATCHES; b++)
        rv_batch_free(batches[b]);
    printf("%.3f s per million rows, %.1f MB of %.1f MB raw, %" PRId64 " row groups, %.1f MiB held at most\n",
           spent * 1e6 / (double)stats.rows, (double)stats.bytes / 1e6, (double)stats.raw_bytes / 1e6,
           stats.row_groups, (double)rv_budget_peak(&budget) / 1048576);
    return sink.file != NULL && fclose(sink.file) != 0;
}
