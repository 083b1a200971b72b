/* encode_table.c - what turning rows into Parquet costs by itself, for any export of a configuration.
 *
 *     encode_table RIVET.YAML EXPORT REPETITIONS OUT.parquet
 *
 * Reads the export's table once, through the source's own decoder, into batches of about the size that a run makes,
 * and keeps them. Then writes them REPETITIONS times with the export's format and as many threads as a run has, to a
 * file each time, and measures the processor time of the whole process, so that of all its threads, around the writer's
 * calls alone. Prints
 *
 *     {"rows": …, "bytes": …, "row_groups": …, "peak_bytes": …, "cpu_s": [one for each repetition]}
 *
 * where peak_bytes is the most that the writer held. Exit status 1 on any failure, with the reason on stderr. */
#include "rivet/format.h"
#include "rivet/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    ARENA_BYTES = 64 << 20,
    BATCH_BYTES = 4 << 20,       /* as run/memory.c aims at for a page */
    WRITER_BYTES = 24 << 20,     /* as run/memory.c gives the writer */
    BATCH_ROWS_MAX = 100 * 1000, /* of narrow tables */
    REPETITIONS_MAX = 100,
};

/* The rows of the table, owned. */
typedef struct table {
    rv_batch **batches;
    size_t n_batches, capacity;
    int64_t rows;
} table;

typedef struct file_sink {
    rv_sink base;
    FILE *file;
} file_sink;

static rv_code file_sink_write(rv_sink *sink, const void *data, size_t len, rv_error *err)
{
    if (fwrite(data, 1, len, ((file_sink *)sink)->file) == len)
        return RV_OK;
    return rv_fail(err, RV_E_IO, "writing the file");
}

static void table_free(table *t)
{
    for (size_t i = 0; i < t->n_batches; i++)
        rv_batch_free(t->batches[i]);
    free(t->batches);
    *t = (table){0};
}

/* A new empty batch at the end of the table. */
static rv_code table_grow(table *t, const rv_schema *schema, rv_batch **out, rv_error *err)
{
    if (t->n_batches == t->capacity) {
        size_t capacity = t->capacity == 0 ? 64 : t->capacity * 2;
        rv_batch **batches = reallocarray(t->batches, capacity, sizeof(rv_batch *));
        if (batches == NULL)
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "%zu batches", capacity);
        t->batches = batches;
        t->capacity = capacity;
    }
    RV_TRY(rv_batch_new(out, schema, NULL, err));
    t->batches[t->n_batches++] = *out;
    return RV_OK;
}

/* How many rows make a batch of about BATCH_BYTES, by what the source says the table weighs. */
static int64_t batch_rows(const rv_relation_info *info)
{
    if (info->est_rows <= 0 || info->est_bytes <= 0)
        return BATCH_ROWS_MAX;
    int64_t rows = BATCH_BYTES / (info->est_bytes / info->est_rows + 1) + 1;
    return rows < BATCH_ROWS_MAX ? rows : BATCH_ROWS_MAX;
}

static rv_code read_rows(table *t, rv_source *source, const rv_scan_request *request, rv_error *err)
{
    RV_AUTO(rv_scan_close) rv_scan *scan = NULL;
    RV_TRY(rv_scan_open(&scan, source, request, err));
    const rv_page_limits limits = {.units = batch_rows(request->info), .max_bytes = SIZE_MAX};
    for (rv_page page = {0}; !page.end;) {
        rv_batch *batch = NULL;
        RV_TRY(table_grow(t, request->schema, &batch, err));
        page = (rv_page){0};
        RV_TRY(rv_scan_next(scan, &limits, batch, &page, err));
        t->rows += batch->rows;
    }
    return RV_OK;
}

/* The whole table in the order of a sequential scan, under one snapshot. */
static rv_code load(table *t, const rv_config *config, const rv_export_config *export, rv_schema *schema,
                    rv_arena *arena, rv_error *err)
{
    rv_relation_info info = {0};
    RV_AUTO(rv_source_close) rv_source *source = NULL;
    RV_TRY(rv_source_open(&source, &config->source, NULL, err));
    RV_TRY(rv_source_describe(source, &export->relation, arena, &info, err));
    RV_TRY(rv_schema_resolve(arena, &info.schema, &export->schema, schema, err));
    RV_TRY(rv_source_begin(source, &(rv_read_options){.snapshot = true}, err));
    rv_code rc = read_rows(t, source,
                           &(rv_scan_request){.relation = &export->relation,
                                              .info = &info,
                                              .schema = schema,
                                              .bounds = {.kind = RV_BOUNDS_ALL}},
                           err);
    rv_source_end(source);
    return rc;
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static rv_code encode(const table *t, const rv_writer_options *options, FILE *file, rv_writer_stats *stats,
                      rv_error *err)
{
    file_sink sink = {.base = {.write = file_sink_write}, .file = file};
    RV_AUTO(rv_writer_close) rv_writer *writer = NULL;
    RV_TRY(rv_writer_open(&writer, &sink.base, options, err));
    for (size_t i = 0; i < t->n_batches; i++)
        RV_TRY(rv_writer_write(writer, t->batches[i], err));
    return rv_writer_finish(writer, stats, err);
}

static rv_code encode_to(const table *t, const rv_writer_options *options, const char *path, double *cpu_s,
                         rv_writer_stats *stats, rv_error *err)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        return rv_fail(err, RV_E_IO, "opening '%s'", path);
    double before = cpu_seconds();
    rv_code rc = encode(t, options, file, stats, err);
    if (fclose(file) != 0 && rc == RV_OK)
        rc = rv_fail(err, RV_E_IO, "closing '%s'", path);
    *cpu_s = cpu_seconds() - before;
    return rc;
}

static rv_code measure(const table *t, const rv_export_config *export, const rv_schema *schema,
                       int repetitions, const char *path, rv_error *err)
{
    double cpu_s[REPETITIONS_MAX] = {0};
    rv_budget budget;
    rv_writer_stats stats = {0};
    rv_budget_init(&budget, (size_t)1 << 30);
    const rv_writer_options options = {
        .format = &export->format, .schema = schema, .budget = &budget, .memory_bytes = WRITER_BYTES};
    for (int i = 0; i < repetitions; i++)
        RV_TRY(encode_to(t, &options, path, &cpu_s[i], &stats, err));
    if (stats.rows != t->rows)
        return rv_fail(err, RV_E_INTERNAL, "%" PRId64 " rows written of %" PRId64, stats.rows, t->rows);
    printf("{\"rows\": %" PRId64 ", \"bytes\": %" PRIu64 ", \"row_groups\": %" PRId64
           ", \"peak_bytes\": %zu, \"cpu_s\": [",
           stats.rows, stats.bytes, stats.row_groups, rv_budget_peak(&budget));
    for (int i = 0; i < repetitions; i++)
        printf("%s%.3f", i > 0 ? ", " : "", cpu_s[i]);
    puts("]}");
    return RV_OK;
}

static rv_code run(const char *path, const char *name, int repetitions, const char *out, rv_error *err)
{
    rv_findings findings = {0};
    table rows = {0};
    rv_schema schema = {0};
    RV_AUTO(rv_config_free) rv_config *config = NULL;
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    rv_code rc = rv_config_load(&config, &(rv_config_input){.path = path}, NULL, &findings, err);
    rv_findings_free(&findings);
    RV_TRY(rc);
    const rv_export_config *export = rv_config_export(config, name, NULL);
    if (export == NULL)
        return rv_fail(err, RV_E_USAGE, "'%s' has no export '%s'", path, name);
    RV_TRY(rv_arena_new(&arena, ARENA_BYTES, err));
    rc = load(&rows, config, export, &schema, arena, err);
    if (rc == RV_OK)
        rc = measure(&rows, export, &schema, repetitions, out, err);
    table_free(&rows);
    return rc;
}

int main(int argc, char **argv)
{
    rv_error err = {0};
    int repetitions = argc == 5 ? atoi(argv[3]) : 0;
    if (repetitions < 1 || repetitions > REPETITIONS_MAX) {
        fputs("usage: encode_table RIVET.YAML EXPORT REPETITIONS OUT.parquet\n", stderr);
        return 2;
    }
    if (run(argv[1], argv[2], repetitions, argv[4], &err) == RV_OK)
        return EXIT_SUCCESS;
    fprintf(stderr, "encode_table: %s\n", err.message);
    for (int i = 0; i < err.n_frames; i++)
        fprintf(stderr, "  in %s\n", err.frame[i]);
    return EXIT_FAILURE;
}
