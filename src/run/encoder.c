/* encoder.c - a lane's thread that turns batches into parts: digests, format writer, spool file.
 *
 * The writer says when a file has reached its limit, and by the rows alone. What is left of the batch then begins the
 * chunk's next part, and the finished one goes to the uploader while the chunk goes on: a chunk of any size needs no
 * more of the disk than a few parts. A part is only ended when there is a row for the next, so none is empty.
 *
 * Every guard on rows (digests, policy counts, row counts, and those of guard.c) stands here, in the one path that
 * every mode takes. */
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
    rvi_lane *lane;
    rvi_run *run;
    part_sink sink;
    rv_spool *spool;
    rv_digest *digest;
    rv_writer *writer;
    rv_scratch *scratch; /* made with the first part, for all of them */
    rvi_lane_guard *guard;
    uint64_t *sums;             /* per column, of the open part */
    int64_t part_rows;          /* of the open part */
    int64_t chunk_rows;         /* written */
    int64_t chunk_pages_rows;   /* of its pages: those that earlier runs have exported included */
    int64_t *chunk_policy_uses; /* of the open chunk */
    int64_t n_parts;            /* of the open chunk, finished ones */
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
    free(part->tally);
    rv_bytes_deinit(&part->seen);
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
    e->part_rows = 0;
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
    if (e->scratch == NULL)
        RV_TRY(rv_scratch_file_new(&e->scratch, rv_dest_spool_folder(run->dest), run->run_id, err));
    RV_TRY(rv_digest_new(&e->digest, err));
    e->sink = (part_sink){.base = {.write = part_sink_write}, .to = to, .digest = e->digest, .run = run};
    memset(e->sums, 0, (size_t)run->guards.files.n_fields * sizeof *e->sums);
    rv_writer_options options = {.format = &run->export_config->format,
                                 .schema = &run->guards.files,
                                 .budget = &run->budget,
                                 .memory_bytes = run->memory.writer,
                                 .workers = run->workers,
                                 .scratch = e->scratch};
    return rv_writer_open(&e->writer, &e->sink.base, &options, err);
}

/* A part's name depends on run, chunk and sequence alone, so a repeated attempt meets its own earlier files. Therefore
 * the plan and the configuration decide what is in it, not how many parts a chunk turns out to have. */
static char *part_name(const rvi_run *run, int64_t chunk_index, int64_t sequence)
{
    enum { NUMBER_BYTES = 32 }; /* "_chunk" and a number */
    const rv_format_config *format = &run->export_config->format;
    char chunk[NUMBER_BYTES] = "", part[NUMBER_BYTES] = "";
    const char *codec_suffix = "", *extension = rv_format_extension(format, &codec_suffix);
    size_t size = strlen(run->run_id) + 2 * NUMBER_BYTES + 1 + strlen(extension) + strlen(codec_suffix) + 1;
    char *name = malloc(size);
    if (name == NULL)
        return NULL;
    if (run->plan.n_chunks > 1)
        (void)snprintf(chunk, sizeof chunk, "_chunk%" PRId64, chunk_index);
    if (format->max_file_bytes > 0)
        (void)snprintf(part, sizeof part, "_part%" PRId64, sequence);
    (void)snprintf(name, size, "%s%s%s.%s%s", run->run_id, chunk, part, extension, codec_suffix);
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
    *part = (rv_part){.chunk_index = chunk_index,
                      .sequence = e->n_parts,
                      .rows = stats->rows,
                      .bytes = e->sink.base.written};
    part->xxh3 = rv_digest_xxh3(e->digest);
    rv_digest_md5(e->digest, part->md5);
    part->name = part_name(e->run, chunk_index, e->n_parts);
    part->column_digests = digests_json(e->sums, e->run->guards.files.n_fields);
    if (part->name == NULL || part->column_digests == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "finishing a part");
    return RV_OK;
}

static rv_code finish_part(encoder *e, rvi_part_item *item, rv_error *err)
{
    rv_writer_stats stats = {0};
    RV_TRY(rv_writer_finish(e->writer, &stats, err));
    if (stats.rows != e->part_rows)
        return rv_fail(err, RV_E_ROW_COUNT_MISMATCH,
                       "the part holds %" PRId64 " rows, %" PRId64 " were written to it", stats.rows,
                       e->part_rows);
    RV_TRY(describe_part(e, item->chunk_index, &stats, &item->part, err));
    if (e->spool != NULL)
        RV_TRY(rv_spool_finish(e->spool, err));
    item->spool = e->spool;
    e->spool = NULL;
    e->n_parts++;
    drop_part(e);
    return RV_OK;
}

/* Waits while the uploader has more parts before it than the queue takes. */
static rv_code hand_on(encoder *e, rvi_part_item *item, rv_error *err)
{
    rv_code rc = e->writer != NULL ? finish_part(e, item, err) : RV_OK;
    if (rc == RV_OK && rv_queue_push(e->run->parts, item, 1))
        return RV_OK;
    rvi_part_item_free(item);
    return rc != RV_OK ? rc : rv_fail(err, RV_E_CANCELLED, "the run was stopped");
}

static rv_code close_part(encoder *e, const rvi_page_item *page, rv_error *err)
{
    rvi_part_item *item = calloc(1, sizeof *item);
    if (item == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "finishing a part");
    *item = (rvi_part_item){.lane = e->lane, .chunk_index = page->chunk_index};
    return hand_on(e, item, err);
}

static rv_code close_chunk(encoder *e, const rvi_page_item *page, rv_error *err)
{
    if (page->chunk_rows != e->chunk_pages_rows)
        return rv_fail(err, RV_E_ROW_COUNT_MISMATCH, "%" PRId64 " rows were read, %" PRId64 " were encoded",
                       page->chunk_rows, e->chunk_pages_rows);
    rvi_part_item *item = calloc(1, sizeof *item);
    if (item == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "finishing a chunk");
    *item = (rvi_part_item){.lane = e->lane,
                            .chunk_index = page->chunk_index,
                            .chunk_rows = e->chunk_rows,
                            .epoch = page->epoch,
                            .claim = page->claim,
                            .seen = RV_BYTES_INIT(RV_SEEN_MAX_BYTES),
                            .last = true};
    rv_code rc = rvi_lane_guard_take_seen(e->guard, &item->seen, err);
    if (rc == RV_OK)
        rc = rvi_lane_guard_keep_chunk(e->guard, &item->tally, err);
    if (rc != RV_OK) {
        rvi_part_item_free(item);
        return rc;
    }
    rc = hand_on(e, item, err);
    e->chunk_rows = e->chunk_pages_rows = 0;
    e->n_parts = 0;
    for (int i = 0; i < e->run->plan.schema.n_fields * RV_INVALID_CLASSES; i++) {
        e->lane->policy_uses[i] += e->chunk_policy_uses[i];
        e->chunk_policy_uses[i] = 0;
    }
    return rc;
}

/* Nothing of the chunk counts. Its parts that have been handed on are the uploader's to take back. */
static rv_code begin_chunk_again(encoder *e, const rvi_page_item *page, rv_error *err)
{
    bool handed_on = e->n_parts > 0;
    drop_part(e);
    RV_TRY(rvi_lane_guard_drop_chunk(e->guard, err));
    e->chunk_rows = e->chunk_pages_rows = 0;
    e->n_parts = 0;
    memset(e->chunk_policy_uses, 0,
           (size_t)e->run->plan.schema.n_fields * RV_INVALID_CLASSES * sizeof *e->chunk_policy_uses);
    if (!handed_on)
        return RV_OK;
    rvi_part_item *item = calloc(1, sizeof *item);
    if (item == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "reading a chunk again");
    *item = (rvi_part_item){.lane = e->lane, .chunk_index = page->chunk_index, .again = true};
    return hand_on(e, item, err);
}

static void count_policies(encoder *e, const rv_batch *batch)
{
    for (int i = 0; i < batch->n_columns; i++)
        for (int c = 0; c < RV_INVALID_CLASSES; c++)
            e->chunk_policy_uses[i * RV_INVALID_CLASSES + c] += batch->columns[i].policy_uses[c];
}

/* Rows of a page into the open part, from *row on; *row: the first that did not go in, which there is only when the
 * part is full. */
static rv_code encode_rows(encoder *e, const rv_batch *rows, int64_t *row, rv_error *err)
{
    int64_t n = 0;
    RV_TRY(rv_writer_append(e->writer, rows, *row, &n, err));
    rv_batch_digest_rows(rows, *row, *row + n, e->sums);
    e->part_rows += n;
    e->chunk_rows += n;
    *row += n;
    atomic_fetch_add(&e->run->counters.rows_written, n);
    return RV_OK;
}

static rv_code encode_page(encoder *e, const rvi_page_item *page, rv_error *err)
{
    rvi_run *run = e->run;
    if (page->again)
        return begin_chunk_again(e, page, err);
    e->chunk_pages_rows += page->batch->rows;
    RV_TRY(rvi_lane_guard_sift(e->guard, page->batch, err));
    count_policies(e, page->batch);
    /* A stream gets a file even when there are no rows, unless that is unwanted: its reader waits for one. */
    bool wants_empty = rv_dest_has(run->dest, RV_DEST_CAP_STREAM) && !run->export_config->skip_empty;
    bool needs_part = page->batch->rows > 0 || (page->end && wants_empty);
    if (needs_part && e->writer == NULL)
        RV_TRY(open_part(e, err));
    const rv_batch *rows = NULL;
    RV_TRY(rvi_lane_guard_page(e->guard, page->batch, &rows, err));
    for (int64_t row = 0; row < rows->rows;) {
        RV_TRY(encode_rows(e, rows, &row, err));
        if (row == rows->rows)
            break;
        RV_TRY(close_part(e, page, err));
        RV_TRY(open_part(e, err));
    }
    return page->end ? close_chunk(e, page, err) : RV_OK;
}

static rv_code encode_pages(encoder *e, rv_error *err)
{
    void *next = NULL;
    while (rv_queue_pop(e->lane->pages, &next)) {
        rvi_page_item *page = next;
        rv_code rc = encode_page(e, page, err);
        if (page->batch != NULL) /* now: what it gives back may be needed before it is filled again */
            rv_batch_reset(page->batch);
        if (rc == RV_OK && e->writer != NULL)
            rc = rv_writer_catch_up(e->writer, err);
        if (page->batch != NULL && rc == RV_OK && rv_queue_push(e->lane->spare, page->batch, 1))
            page->batch = NULL;
        int64_t chunk = page->chunk_index;
        rvi_page_item_free(page);
        if (rc != RV_OK)
            return rv_wrap(err, rc, "chunk %" PRId64 " of %" PRId64, chunk + 1, e->run->plan.n_chunks);
    }
    return RV_OK;
}

static rv_code encode(encoder *e, rv_error *err)
{
    e->sums = calloc((size_t)e->run->guards.files.n_fields, sizeof *e->sums);
    e->chunk_policy_uses =
        calloc((size_t)e->run->plan.schema.n_fields * RV_INVALID_CLASSES, sizeof *e->chunk_policy_uses);
    if (e->sums == NULL || e->chunk_policy_uses == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing the encoder");
    RV_TRY(rvi_lane_guard_open(&e->guard, e->run, err));
    RV_TRY(encode_pages(e, err));
    return rvi_lane_guard_finish(e->guard, err);
}

void *rvi_encoder_main(void *argument)
{
    rvi_lane *lane = argument;
    rv_error err = {0};
    encoder e = {.lane = lane, .run = lane->run};
    rvi_thread_give_way(lane->run);
    if (encode(&e, &err) != RV_OK)
        rvi_run_fail(lane->run, &err);
    drop_part(&e);
    rv_scratch_file_free(e.scratch);
    rvi_lane_guard_free(e.guard);
    free(e.sums);
    free(e.chunk_policy_uses);
    return NULL;
}
