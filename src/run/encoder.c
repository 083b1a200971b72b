/* encoder.c - the thread that turns batches into parts: digests, format writer, spool file.
 *
 * Every guard on rows (digests, policy counts, row counts; quality and drift when they come) stands here, in the
 * one path that every mode takes. */
#include "internal.h"

#include "rivet/checked.h"
#include "rivet/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a part on their way to the spool or the stream, digested as they pass. */
typedef struct part_sink {
    rv_sink base;
    rv_sink *to;
    rv_digest *digest;
    rvi_run *run;
} part_sink;

typedef struct encoder {
    rvi_run *run;
    part_sink sink;
    rv_spool *spool;
    rv_digest *digest;
    rv_writer *writer;
    uint64_t *sums; /* per column, of the open part */
    int64_t chunk_rows;
} encoder;

static rv_code part_sink_write(rv_sink *sink, const void *data, size_t len, rv_error *err)
{
    part_sink *part = (part_sink *)sink;
    RV_TRY(rv_sink_write(part->to, data, len, err));
    rv_digest_update(part->digest, data, len);
    atomic_fetch_add(&part->run->counters.file_bytes, len);
    return RV_OK;
}

void rvi_part_item_free(void *item)
{
    rvi_part_item *part = item;
    if (part == NULL)
        return;
    rv_spool_discard(part->spool);
    free((char *)part->part.name);
    free((char *)part->part.column_digests);
    free(part);
}

static void drop_part(encoder *e)
{
    rv_writer_close(e->writer);
    rv_digest_free(e->digest);
    rv_spool_discard(e->spool);
    e->writer = NULL;
    e->digest = NULL;
    e->spool = NULL;
}

static rv_code open_part(encoder *e, rv_error *err)
{
    rvi_run *run = e->run;
    rv_sink *to = NULL;
    if (rv_dest_has(run->dest, RV_DEST_CAP_STREAM)) {
        RV_TRY(rv_dest_stream(run->dest, &to, err));
    } else {
        RV_TRY(rv_spool_open(&e->spool, rv_dest_spool_folder(run->dest), run->run_id, err));
        to = rv_spool_sink(e->spool);
    }
    RV_TRY(rv_digest_new(&e->digest, err));
    e->sink = (part_sink){.base = {.write = part_sink_write}, .to = to, .digest = e->digest, .run = run};
    memset(e->sums, 0, (size_t)run->plan.schema.n_fields * sizeof *e->sums);
    rv_writer_options options = {.format = &run->export_config->format,
                                 .schema = &run->plan.schema,
                                 .budget = &run->budget,
                                 .memory_bytes = run->memory.writer,
                                 .workers = run->workers};
    return rv_writer_open(&e->writer, &e->sink.base, &options, err);
}

/* A part's name depends on run, chunk and sequence alone, so a repeated attempt meets its own earlier files. */
static char *part_name(const rvi_run *run, int64_t chunk_index)
{
    enum { CHUNK_SUFFIX_BYTES = 64 };
    const char *codec_suffix = "";
    const char *extension = rv_format_extension(&run->export_config->format, &codec_suffix);
    size_t size = strlen(run->run_id) + CHUNK_SUFFIX_BYTES;
    char *name = malloc(size);
    if (name == NULL)
        return NULL;
    if (run->plan.n_chunks == 1)
        (void)snprintf(name, size, "%s.%s%s", run->run_id, extension, codec_suffix);
    else
        (void)snprintf(name, size, "%s_chunk%" PRId64 ".%s%s", run->run_id, chunk_index, extension,
                       codec_suffix);
    return name;
}

/* ["0123456789abcdef",…] */
static char *digests_json(const uint64_t *sums, int n)
{
    enum { ENTRY_BYTES = 19 };
    size_t size = 0;
    if (rv_mul_size(&size, (size_t)n, ENTRY_BYTES) || rv_add_size(&size, size, 3))
        return NULL;
    char *text = malloc(size);
    if (text == NULL)
        return NULL;
    size_t at = 0;
    text[at++] = '[';
    for (int i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, size - at, "%s\"%016" PRIx64 "\"", i > 0 ? "," : "", sums[i]);
    text[at++] = ']';
    text[at] = '\0';
    return text;
}

static rv_code describe_part(encoder *e, int64_t chunk_index, const rv_writer_stats *stats, rv_part *part,
                             rv_error *err)
{
    *part = (rv_part){.chunk_index = chunk_index, .rows = stats->rows, .bytes = e->sink.base.written};
    part->xxh3 = rv_digest_xxh3(e->digest);
    rv_digest_md5(e->digest, part->md5);
    part->name = part_name(e->run, chunk_index);
    part->column_digests = digests_json(e->sums, e->run->plan.schema.n_fields);
    if (part->name == NULL || part->column_digests == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "finishing a part");
    return RV_OK;
}

static rv_code finish_part(encoder *e, rvi_part_item *item, rv_error *err)
{
    rv_writer_stats stats = {0};
    RV_TRY(rv_writer_finish(e->writer, &stats, err));
    if (stats.rows != e->chunk_rows)
        return rv_fail(err, RV_E_ROW_COUNT_MISMATCH,
                       "the part holds %" PRId64 " rows, %" PRId64 " were written to it", stats.rows,
                       e->chunk_rows);
    RV_TRY(describe_part(e, item->chunk_index, &stats, &item->part, err));
    if (e->spool != NULL)
        RV_TRY(rv_spool_finish(e->spool, err));
    item->spool = e->spool;
    e->spool = NULL;
    drop_part(e);
    return RV_OK;
}

static rv_code close_chunk(encoder *e, const rvi_page_item *page, rv_error *err)
{
    if (page->chunk_rows != e->chunk_rows)
        return rv_fail(err, RV_E_ROW_COUNT_MISMATCH, "%" PRId64 " rows were read, %" PRId64 " were written",
                       page->chunk_rows, e->chunk_rows);
    rvi_part_item *item = calloc(1, sizeof *item);
    if (item == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "finishing a chunk");
    *item = (rvi_part_item){.chunk_index = page->chunk_index, .chunk_rows = e->chunk_rows, .last = true};
    rv_code rc = e->writer != NULL ? finish_part(e, item, err) : RV_OK;
    e->chunk_rows = 0;
    if (rc == RV_OK && rv_queue_push(e->run->parts, item, 1))
        return RV_OK;
    rvi_part_item_free(item);
    return rc != RV_OK ? rc : rv_fail(err, RV_E_CANCELLED, "the run was stopped");
}

static void count_policies(rvi_run *run, const rv_batch *batch)
{
    for (int i = 0; i < batch->n_columns; i++)
        for (int c = 0; c < RV_INVALID_CLASSES; c++)
            run->policy_uses[i * RV_INVALID_CLASSES + c] += batch->columns[i].policy_uses[c];
}

static rv_code encode_page(encoder *e, const rvi_page_item *page, rv_error *err)
{
    rvi_run *run = e->run;
    /* A stream gets a file even when there are no rows, unless that is unwanted: its reader waits for one. */
    bool wants_empty = rv_dest_has(run->dest, RV_DEST_CAP_STREAM) && !run->export_config->skip_empty;
    bool needs_part = page->batch->rows > 0 || (page->end && wants_empty);
    if (needs_part && e->writer == NULL)
        RV_TRY(open_part(e, err));
    if (page->batch->rows > 0) {
        rv_batch_digest(page->batch, e->sums);
        count_policies(run, page->batch);
        RV_TRY(rv_writer_write(e->writer, page->batch, err));
        e->chunk_rows += page->batch->rows;
        atomic_fetch_add(&run->counters.rows_written, page->batch->rows);
    }
    return page->end ? close_chunk(e, page, err) : RV_OK;
}

static rv_code encode_pages(encoder *e, rv_error *err)
{
    void *next = NULL;
    while (rv_queue_pop(e->run->pages, &next)) {
        rvi_page_item *page = next;
        rv_code rc = encode_page(e, page, err);
        if (rc == RV_OK && rv_queue_push(e->run->spare, page->batch, 1))
            page->batch = NULL;
        int64_t chunk = page->chunk_index;
        rvi_page_item_free(page);
        if (rc != RV_OK)
            return rv_wrap(err, rc, "chunk %" PRId64 " of %" PRId64, chunk + 1, e->run->plan.n_chunks);
    }
    return RV_OK;
}

void *rvi_encoder_main(void *argument)
{
    rvi_run *run = argument;
    rv_error err = {0};
    encoder e = {.run = run};
    e.sums = calloc((size_t)run->plan.schema.n_fields, sizeof *e.sums);
    if (e.sums == NULL)
        (void)rv_fail(&err, RV_E_OUT_OF_MEMORY, "preparing the encoder");
    if (err.code == RV_OK)
        (void)encode_pages(&e, &err);
    if (err.code != RV_OK)
        rvi_run_fail(run, &err);
    drop_part(&e);
    free(e.sums);
    rv_queue_close(run->parts);
    return NULL;
}
