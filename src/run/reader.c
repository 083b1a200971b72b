/* reader.c - a lane's thread that reads: claim a chunk, run one short statement after the other, hand on batches.
 *
 * It owns the lane's source. Throttling happens here, between statements, never inside one. A page that had to be
 * given up (too large for memory, over its time limit, in conflict) is asked for again, smaller, from where the scan
 * stands. When the connection fails, a new one is made, and a chunk that is read along a key goes on behind the last
 * row that was delivered; any other begins again, and what came of it is void. */
#include "internal.h"

#include "rivet/checked.h"
#include "rivet/crash_point.h"
#include "rivet/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void rvi_page_item_free(void *item)
{
    rvi_page_item *page = item;
    if (page == NULL)
        return;
    rv_batch_free(page->batch);
    free(page);
}

static rv_code cancelled(rv_error *err)
{
    return rv_fail(err, RV_E_CANCELLED, "the run was stopped");
}

/* Waits until the recorder has something to say. The bounds lie in the lane's arena, until the next claim. */
static rv_code claim_chunk(rvi_lane *lane, rvi_claim *out, rv_error *err)
{
    enum { CHUNK_ARENA_BYTES = 16 << 20 };
    rv_arena_free(lane->arena);
    lane->arena = NULL;
    RV_TRY(rv_arena_new(&lane->arena, CHUNK_ARENA_BYTES, err));
    rvi_gate_leave(lane);
    RV_TRY(rvi_record_push(lane->run, RVI_RECORD_CLAIM, lane, err));
    void *reply = NULL;
    if (!rv_queue_pop(lane->claims, &reply))
        return cancelled(err);
    *out = *(rvi_claim *)reply;
    free(reply);
    return RV_OK;
}

static void raise_to(atomic_int_fast64_t *counter, int64_t value)
{
    int_fast64_t seen = atomic_load(counter);
    while (value > seen && !atomic_compare_exchange_weak(counter, &seen, value))
        ;
}

static void count_page(rvi_run *run, const rv_page *page, int64_t rows)
{
    atomic_fetch_add(&run->counters.rows_read, rows);
    atomic_fetch_add(&run->counters.pages, 1);
    atomic_fetch_add(&run->counters.units_done, page->units);
    atomic_fetch_add(&run->counters.wire_bytes, page->wire_bytes);
    atomic_fetch_add(&run->counters.statement_us, page->statement_us);
    raise_to(&run->counters.longest_statement_us, page->statement_us);
}

/* After a page that failed: may it be asked for again? A conflict is one of timing (with the recovery of a standby, or
 * with a cancellation that came late), so what takes less time is the more likely to get through. */
static bool may_try_again(const rvi_run *run, rvi_pace *pace, int *n_conflicts, const rv_error *err)
{
    enum { MAX_CONFLICTS = 5 };
    if (rv_cancel_requested(run->halt))
        return false;
    if (err->retry != RV_RETRY_SAME)
        return err->retry == RV_RETRY_SMALLER && rvi_pace_shrink(pace);
    if (++*n_conflicts > MAX_CONFLICTS)
        return false;
    rvi_pace_shrink(pace);
    return true;
}

/* Above which a page is given up and read again in smaller ones. */
static size_t most_page_bytes(const rvi_run *run)
{
    const rv_tuning *tuning = &run->export_config->tuning;
    size_t most = run->memory.page_max, asked = (size_t)tuning->max_batch_memory_mb << 20;
    bool shrinks = asked > 0 && tuning->on_batch_memory_exceeded == RV_BATCH_AUTO_SHRINK;
    return shrinks && asked < most ? asked : most;
}

/* One page into `batch`, shrinking as often as it must. */
static rv_code read_page(rvi_lane *lane, rv_scan *scan, rvi_pace *pace, rv_batch *batch, rv_page *page,
                         rv_error *err)
{
    rvi_run *run = lane->run;
    for (int n_conflicts = 0;;) {
        RV_TRY(rvi_snapshot_check_age(lane, err));
        rv_page_limits limits = {.units = pace->units,
                                 .max_rows = run->export_config->tuning.batch_size,
                                 .max_bytes = most_page_bytes(run)};
        rv_batch_reset(batch);
        rv_code rc = rv_scan_next(scan, &limits, batch, page, err);
        if (rc == RV_OK) {
            RV_CRASH_POINT("after-page-read");
            return RV_OK;
        }
        if (!may_try_again(run, pace, &n_conflicts, err))
            return rc;
        rv_log(RV_LOG_DEBUG, "page given up (%s), next one covers %" PRId64 " %ss", rv_code_name(rc),
               pace->units, scan->unit);
        atomic_fetch_add(&run->counters.retries, 1);
    }
}

static rv_code hand_on(rvi_lane *lane, const rvi_page_item *page, rv_error *err)
{
    rvi_page_item *item = malloc(sizeof *item);
    if (item == NULL) {
        rv_batch_free(page->batch);
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "handing on a page");
    }
    *item = *page;
    if (rv_queue_push(lane->pages, item, page->batch != NULL ? rv_batch_bytes(page->batch) : 0))
        return RV_OK;
    rvi_page_item_free(item);
    return cancelled(err);
}

/* Memory for three batches is planned for pages of the usual size. */
static bool is_heavy(const rvi_lane *lane, size_t bytes)
{
    const rvi_memory *memory = &lane->run->memory;
    return bytes > memory->page_target + memory->page_target / 2;
}

/* Until all batches are spare: what was handed on has been encoded, and its memory given back. */
static rv_code await_spares(rvi_lane *lane, rv_error *err)
{
    const rvi_memory *memory = &lane->run->memory;
    void *spares[RVI_MAX_BATCHES] = {NULL};
    bool ok = true;
    for (int i = 0; i < memory->n_batches; i++)
        ok = ok && rv_queue_pop(lane->spare, &spares[i]);
    for (int i = 0; i < memory->n_batches; i++)
        if (spares[i] != NULL && !(ok && rv_queue_push(lane->spare, spares[i], 1)))
            rv_batch_free(spares[i]);
    return ok ? RV_OK : cancelled(err);
}

/* A page that is far beyond the usual passes through alone. What the formats make of it (open pages, their levels, one of
 * them compressed) may be larger than the account, which lends it meanwhile. */
static rv_code let_pass(rvi_lane *lane, const rvi_page_item *page, size_t bytes, rv_error *err)
{
    enum { FORMS = 4 };
    rv_budget *budget = &lane->run->budget;
    size_t lent = 0;
    if (rv_mul_size(&lent, bytes, FORMS)) {
        rv_batch_free(page->batch);
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "a page of %zu bytes", bytes);
    }
    rv_budget_lend(budget, lent);
    rv_code rc = hand_on(lane, page, err);
    if (rc == RV_OK)
        rc = await_spares(lane, err);
    rv_budget_take_back(budget, lent);
    return rc;
}

/* A chunk on its way through a lane. */
typedef struct chunk_reading {
    const rv_chunk *chunk;
    rvi_pace pace;
    bool has_pace;
    int64_t rows;       /* delivered so far */
    int64_t furthest;   /* most of them that any attempt has delivered */
    rv_key_value after; /* of a KEY chunk: the place of the last row delivered; n 0: none was */
    bool done;
    rvi_retry retry;
} chunk_reading;

/* What a page has cost is paid before the next statement, by whichever chunk that is. */
static void owe_rest(rvi_lane *lane, const rvi_pace *pace, const rv_page *page, int64_t rows)
{
    rvi_run *run = lane->run;
    int64_t now_us = run->context->clock->mono_us(run->context->clock);
    int64_t by_pace = rvi_pace_pause_us(pace, page->statement_us, rows);
    int64_t by_rate = rvi_bucket_take(&run->bucket, now_us, rows, page->wire_bytes);
    lane->rest_until_us = now_us + (by_pace > by_rate ? by_pace : by_rate);
}

/* The process holds more than it should: what is under way gets time to leave it. Only so long, for what it holds
 * while it stands still would never become less. */
static void wait_for_memory(rvi_run *run)
{
    enum { LOOK_AGAIN_US = 100 * 1000, MOST_LOOKS = 20 };
    int64_t limit_mb = run->export_config->tuning.memory_threshold_mb;
    const rv_clock *clock = run->context->clock;
    for (int i = 0; limit_mb > 0 && i < MOST_LOOKS && rv_rss_bytes() >> 20 >= (size_t)limit_mb; i++)
        if (!clock->sleep_us(clock, LOOK_AGAIN_US, run->stop))
            return;
}

/* Between two statements. False: the run should end. */
static bool rest(rvi_lane *lane)
{
    rvi_run *run = lane->run;
    const rv_clock *clock = run->context->clock;
    int64_t pause_us = lane->rest_until_us > 0 ? lane->rest_until_us - clock->mono_us(clock) : 0;
    if (pause_us > 0)
        (void)clock->sleep_us(clock, pause_us, run->stop);
    lane->rest_until_us = 0;
    wait_for_memory(run);
    rvi_gate_enter(lane);
    return !rvi_run_should_end(run);
}

/* max_batch_memory_mb, where it is not kept by reading smaller pages. */
static rv_code check_batch_memory(rvi_run *run, size_t bytes, rv_error *err)
{
    const rv_tuning *tuning = &run->export_config->tuning;
    if (tuning->max_batch_memory_mb <= 0 || bytes >> 20 < (size_t)tuning->max_batch_memory_mb)
        return RV_OK;
    if (tuning->on_batch_memory_exceeded == RV_BATCH_FAIL)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED,
                       "a page holds %zu bytes; tuning.max_batch_memory_mb is %" PRId64, bytes,
                       tuning->max_batch_memory_mb);
    atomic_fetch_add(&run->counters.pages_too_large, 1);
    return RV_OK;
}

static rv_code read_and_hand_on(rvi_lane *lane, rv_scan *scan, chunk_reading *reading, rv_page *page,
                                rv_error *err)
{
    void *spare = NULL;
    if (!rv_queue_pop(lane->spare, &spare))
        return cancelled(err);
    RV_AUTO(rv_batch_free) rv_batch *batch = spare;
    rv_code rc = read_page(lane, scan, &reading->pace, batch, page, err);
    if (rc != RV_OK) { /* the lane may go on with another connection, and needs all of its batches */
        if (rv_queue_push(lane->spare, batch, 1))
            batch = NULL;
        return rc;
    }
    int64_t rows = batch->rows;
    size_t bytes = rv_batch_bytes(batch);
    reading->rows += rows;
    reading->done = page->end;
    if (reading->rows > reading->furthest || page->end) { /* not what was read before, up to where it broke */
        reading->furthest = reading->rows;
        rvi_retry_succeeded(&reading->retry);
    }
    count_page(lane->run, page, rows);
    rvi_pace_learn(&reading->pace, page, rows, bytes);
    owe_rest(lane, &reading->pace, page, rows);
    RV_TRY(check_batch_memory(lane->run, bytes, err));
    const rvi_page_item item = {.batch = batch,
                                .chunk_index = reading->chunk->index,
                                .end = page->end,
                                .chunk_rows = reading->rows,
                                .epoch = lane->epoch,
                                .claim = reading->chunk->claim};
    batch = NULL;
    return is_heavy(lane, bytes) ? let_pass(lane, &item, bytes, err) : hand_on(lane, &item, err);
}

/* To the end of the chunk, or to where the run is asked to end. */
static rv_code read_scan(rvi_lane *lane, rv_scan *scan, chunk_reading *reading, rv_error *err)
{
    while (rest(lane)) {
        rv_page page = {0};
        RV_TRY(read_and_hand_on(lane, scan, reading, &page, err));
        if (page.end)
            return RV_OK;
    }
    return RV_OK;
}

/* Bytes one unit is likely to make, for the first page only; 0: unknown. */
static double bytes_per_unit(const rvi_run *run, const rv_scan *scan)
{
    const rv_relation_info *info = &run->plan.info;
    if (info->est_bytes <= 0)
        return 0;
    if (strcmp(scan->unit, "row") == 0)
        return info->est_rows > 0 ? (double)info->est_bytes / (double)info->est_rows : 0;
    double units = (double)info->physical.last - (double)info->physical.first + 1;
    return units > 0 ? (double)info->est_bytes / units : 0;
}

/* Where the scan stands, for whoever goes on with it. A place that cannot be kept is a reason to begin again. */
static void remember_place(rvi_lane *lane, rv_scan *scan, chunk_reading *reading)
{
    rv_key_value place = {0};
    if (reading->chunk->bounds.kind == RV_BOUNDS_KEY &&
        rv_scan_position(scan, lane->arena, &place, NULL) == RV_OK && place.n > 0)
        reading->after = place;
}

static rv_code read_from_where_it_stands(rvi_lane *lane, chunk_reading *reading, rv_error *err)
{
    rvi_run *run = lane->run;
    const rv_scan_request request = {
        .relation = &run->export_config->relation,
        .info = &run->plan.info,
        .schema = &run->plan.schema,
        .bounds = reading->chunk->bounds,
        .after = reading->after.n > 0 ? &reading->after : NULL,
        .max_value_bytes = (uint64_t)run->export_config->tuning.max_value_mb << 20,
    };
    RV_AUTO(rv_scan_close) rv_scan *scan = NULL;
    RV_TRY(rv_scan_open(&scan, lane->source, &request, err));
    if (!reading->has_pace)
        rvi_pace_init(&reading->pace, &run->export_config->tuning, run->memory.page_target,
                      strcmp(scan->unit, "row") == 0, bytes_per_unit(run, scan));
    reading->has_pace = true;
    rv_code rc = read_scan(lane, scan, reading, err);
    if (rc != RV_OK)
        remember_place(lane, scan, reading);
    return rc;
}

/* After a failed attempt at a chunk: the connection is given up, and a pause made. Fails with what it was given when it
 * must not be tried again. */
static rv_code prepare_again(rvi_lane *lane, chunk_reading *reading, const rv_error *failure)
{
    rvi_run *run = lane->run;
    int64_t pause_us = rvi_retry_pause_us(&reading->retry, failure);
    if (pause_us < 0)
        return failure->code;
    rvi_lane_disconnect(lane, failure);
    rvi_gate_leave(lane);
    if (rvi_run_should_end(run))
        return RV_OK;
    rv_log(RV_LOG_WARN, "chunk %" PRId64 ": %s; trying again in %" PRId64 " ms", reading->chunk->index + 1,
           failure->message, pause_us / 1000);
    atomic_fetch_add(&run->counters.retries, 1);
    rvi_record_event(run, "RetryAttempted",
                     json_pack("{s:I,s:I,s:s,s:I}", "chunk_index", (json_int_t)reading->chunk->index,
                               "attempt", (json_int_t)reading->retry.n, "reason", rv_code_name(failure->code),
                               "backoff_ms", (json_int_t)(pause_us / 1000)));
    (void)run->context->clock->sleep_us(run->context->clock, pause_us, run->stop);
    return RV_OK;
}

/* Rows that were delivered and are not continued are taken back. They can be continued behind a key, and under the
 * same snapshot. */
static rv_code begin_again(rvi_lane *lane, chunk_reading *reading, bool same_view, rv_error *err)
{
    if (reading->rows == 0 || (same_view && reading->after.n > 0))
        return RV_OK;
    const rvi_page_item void_item = {.chunk_index = reading->chunk->index, .again = true};
    reading->rows = 0;
    reading->after = (rv_key_value){0};
    return hand_on(lane, &void_item, err);
}

static rv_code read_chunk(rvi_lane *lane, const rv_chunk *chunk, rv_error *err)
{
    rvi_run *run = lane->run;
    chunk_reading reading = {.chunk = chunk};
    rvi_retry_init(&reading.retry, &run->export_config->tuning, run->export_config->chunk.max_attempts,
                   (uint64_t)run->started_mono_us + (uint64_t)lane->index);
    for (int64_t epoch = -1;;) {
        rv_error failure = {0};
        rv_code rc = rvi_lane_be_ready(lane, &failure);
        if (rc == RV_OK)
            rc = begin_again(lane, &reading, !run->plan.snapshot || lane->epoch == epoch, &failure);
        epoch = lane->epoch;
        if (rc == RV_OK)
            rc = read_from_where_it_stands(lane, &reading, &failure);
        if (rc == RV_OK || rvi_run_should_end(run))
            return RV_OK;
        if (prepare_again(lane, &reading, &failure) == RV_OK)
            continue;
        if (err != NULL)
            *err = failure;
        return rc;
    }
}

/* A lane beside the first reads only when a connection is left for it. False: it is not needed any more. */
static bool get_permit(rvi_lane *lane)
{
    enum { LOOK_AGAIN_US = 200 * 1000 };
    rvi_run *run = lane->run;
    const rv_clock *clock = run->context->clock;
    if (rvi_snapshot_gives_seats(run))
        return true;
    lane->has_permit = lane->index > 0 && rv_connections_try(run->context->connections);
    while (lane->index > 0 && !lane->has_permit) {
        if (!clock->sleep_us(clock, LOOK_AGAIN_US, run->stop) || rvi_run_should_end(run) ||
            rvi_run_is_read(run))
            return false;
        lane->has_permit = rv_connections_try(run->context->connections);
    }
    return true;
}

/* A lane beside the first connects before it takes a chunk. *out false: it is not needed any more, or the others go on
 * without it. */
static rv_code enter(rvi_lane *lane, bool *out, rv_error *err)
{
    rvi_run *run = lane->run;
    const rv_clock *clock = run->context->clock;
    rvi_retry retry;
    rvi_retry_init(&retry, &run->export_config->tuning, 0,
                   (uint64_t)run->started_mono_us + (uint64_t)lane->index);
    for (;;) {
        rv_error failure = {0};
        *out = lane->index == 0 || rvi_lane_be_ready(lane, &failure) == RV_OK;
        if (*out || rvi_run_should_end(run) || rvi_run_is_read(run))
            return RV_OK;
        int64_t pause_us = rvi_retry_pause_us(&retry, &failure);
        if (pause_us < 0 && !rvi_is_passing(&failure)) {
            if (err != NULL)
                *err = failure;
            return failure.code;
        }
        rvi_lane_disconnect(lane, &failure);
        if (pause_us < 0) {
            rv_log(RV_LOG_WARN, "lane %d is left out: %s", lane->index + 1, failure.message);
            return RV_OK;
        }
        atomic_fetch_add(&run->counters.retries, 1);
        (void)clock->sleep_us(clock, pause_us, run->stop);
    }
}

/* Between chunks, and while there is none. A pooler may have fewer connections to the server than there are lanes: who
 * has nothing to read must not keep one from who has. */
static void release_pooled(rvi_lane *lane)
{
    if (lane->run->plan.snapshot || !lane->run->server.pooled || !lane->begun)
        return;
    rv_source_end(lane->source);
    lane->begun = false;
}

static rv_code read_chunks(rvi_lane *lane, rv_error *err)
{
    bool in = false;
    if (!get_permit(lane))
        return RV_OK;
    RV_TRY(enter(lane, &in, err));
    if (!in)
        return RV_OK;
    while (!rvi_run_should_end(lane->run)) {
        rvi_claim claim;
        rvi_snapshot_let_go(lane);
        release_pooled(lane);
        RV_TRY(claim_chunk(lane, &claim, err));
        if (!claim.found && claim.n_open == 0)
            return RV_OK;
        if (claim.found)
            RV_TRY_CTX(read_chunk(lane, &claim.chunk, err), err, "chunk %" PRId64 " of %" PRId64,
                       claim.chunk.index + 1, lane->run->plan.n_chunks);
    }
    return RV_OK;
}

void *rvi_reader_main(void *argument)
{
    const rv_error in_order = {0};
    rvi_lane *lane = argument;
    rv_error err = {0};
    rvi_thread_give_way(lane->run);
    if (read_chunks(lane, &err) != RV_OK)
        rvi_run_fail(lane->run, &err);
    rvi_gate_leave(lane);
    if (lane->index > 0) /* the first one's is main's, which ends it */
        rvi_lane_disconnect(lane, &in_order);
    if (lane->has_permit)
        rv_connections_give_back(lane->run->context->connections);
    rv_queue_close(lane->pages);
    return NULL;
}
