/* reader.c - the thread that reads pages: claim a chunk, run one short statement after the other, hand on batches.
 *
 * It owns the source while the pipeline runs. Throttling happens here, between statements, never inside one. A page
 * that had to be given up (too large for memory, over its time limit, in conflict) is asked for again, smaller, from
 * where the scan stands. */
#include "internal.h"

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

static rv_code claim_chunk(rvi_run *run, rv_chunk *out, bool *found, rv_error *err)
{
    RV_TRY(rvi_record_push(run, RVI_RECORD_CLAIM, err));
    void *reply = NULL;
    if (!rv_queue_pop(run->claims, &reply))
        return cancelled(err);
    rvi_claim *claim = reply;
    *out = claim->chunk;
    *found = claim->found;
    free(claim);
    return RV_OK;
}

static rv_code check_snapshot_age(const rvi_run *run, rv_error *err)
{
    int64_t limit_s = run->export_config->tuning.max_snapshot_age_s;
    if (!run->plan.snapshot || limit_s <= 0)
        return RV_OK;
    int64_t age_s = (run->context->clock->mono_us(run->context->clock) - run->snapshot_mono_us) / 1000000;
    if (age_s < limit_s)
        return RV_OK;
    rv_fail(err, RV_E_SOURCE_SNAPSHOT_AGE,
            "the snapshot has been held for %" PRId64 " s; tuning.max_snapshot_age_s is %" PRId64, age_s,
            limit_s);
    rv_hint(err, "a snapshot holds back the source's vacuum; raise tuning.max_snapshot_age_s if the source "
                 "can bear it");
    return RV_E_SOURCE_SNAPSHOT_AGE;
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
    raise_to(&run->counters.longest_statement_us, page->statement_us);
}

/* After a page that failed: may it be asked for again? A conflict is one of timing (with the recovery of a standby, or
 * with a cancellation that came late), so what takes less time is the more likely to get through. */
static bool may_try_again(const rvi_run *run, rvi_pace *pace, int *n_conflicts, const rv_error *err)
{
    enum { MAX_CONFLICTS = 5 };
    if (rv_cancel_requested(run->cancel))
        return false;
    if (err->retry != RV_RETRY_SAME)
        return err->retry == RV_RETRY_SMALLER && rvi_pace_shrink(pace);
    if (++*n_conflicts > MAX_CONFLICTS)
        return false;
    rvi_pace_shrink(pace);
    return true;
}

/* One page into `batch`, shrinking as often as it must. */
static rv_code read_page(rvi_run *run, rv_scan *scan, rvi_pace *pace, rv_batch *batch, rv_page *page,
                         rv_error *err)
{
    for (int n_conflicts = 0;;) {
        RV_TRY(check_snapshot_age(run, err));
        rv_page_limits limits = {.units = pace->units,
                                 .max_rows = run->export_config->tuning.batch_size,
                                 .max_bytes = run->memory.page_max};
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

static rv_code hand_on(rvi_run *run, rv_batch *batch, int64_t chunk_index, bool end, int64_t chunk_rows,
                       rv_error *err)
{
    rvi_page_item *item = malloc(sizeof *item);
    if (item == NULL) {
        rv_batch_free(batch);
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "handing on a page");
    }
    *item = (rvi_page_item){batch, chunk_index, end, chunk_rows};
    if (rv_queue_push(run->pages, item, rv_batch_bytes(batch)))
        return RV_OK;
    rvi_page_item_free(item);
    return cancelled(err);
}

/* Memory for three batches is planned for pages of the usual size. One that is far beyond passes through alone: it has
 * been encoded, and its memory given back, before the next is read. */
static rv_code let_pass(rvi_run *run, size_t bytes, rv_error *err)
{
    if (bytes <= run->memory.page_target + run->memory.page_target / 2)
        return RV_OK;
    void *spares[RVI_MAX_BATCHES] = {NULL};
    bool ok = true;
    for (int i = 0; i < run->memory.n_batches; i++)
        ok = ok && rv_queue_pop(run->spare, &spares[i]);
    for (int i = 0; i < run->memory.n_batches; i++)
        if (spares[i] != NULL && !(ok && rv_queue_push(run->spare, spares[i], 1)))
            rv_batch_free(spares[i]);
    return ok ? RV_OK : cancelled(err);
}

static rv_code read_scan(rvi_run *run, rv_scan *scan, rvi_pace *pace, const rv_chunk *chunk, rv_error *err)
{
    int64_t chunk_rows = 0;
    for (bool end = false; !end;) {
        void *spare = NULL;
        if (!rv_queue_pop(run->spare, &spare))
            return cancelled(err);
        RV_AUTO(rv_batch_free) rv_batch *batch = spare;
        rv_page page = {0};
        RV_TRY(read_page(run, scan, pace, batch, &page, err));
        int64_t rows = batch->rows;
        size_t bytes = rv_batch_bytes(batch);
        chunk_rows += rows;
        end = page.end;
        count_page(run, &page, rows);
        rvi_pace_learn(pace, &page, rows, bytes);
        rv_batch *moved = batch;
        batch = NULL;
        RV_TRY(hand_on(run, moved, chunk->index, end, chunk_rows, err));
        RV_TRY(let_pass(run, bytes, err));
        int64_t pause_us = end ? 0 : rvi_pace_pause_us(pace, page.statement_us, rows);
        if (pause_us > 0 && !run->context->clock->sleep_us(run->context->clock, pause_us, run->cancel))
            return cancelled(err);
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

static rv_code read_chunk(rvi_run *run, const rv_chunk *chunk, rv_error *err)
{
    rv_scan_request request = {
        .relation = &run->export_config->relation,
        .info = &run->plan.info,
        .schema = &run->plan.schema,
        .bounds = chunk->bounds,
        .max_value_bytes = (uint64_t)run->export_config->tuning.max_value_mb << 20,
    };
    RV_AUTO(rv_scan_close) rv_scan *scan = NULL;
    RV_TRY(rv_scan_open(&scan, run->source, &request, err));
    rvi_pace pace;
    rvi_pace_init(&pace, &run->export_config->tuning, run->memory.page_target, strcmp(scan->unit, "row") == 0,
                  bytes_per_unit(run, scan));
    return read_scan(run, scan, &pace, chunk, err);
}

static rv_code read_chunks(rvi_run *run, rv_error *err)
{
    for (;;) {
        rv_chunk chunk;
        bool found = false;
        RV_TRY(claim_chunk(run, &chunk, &found, err));
        if (!found)
            return RV_OK;
        RV_TRY_CTX(read_chunk(run, &chunk, err), err, "chunk %" PRId64 " of %" PRId64, chunk.index + 1,
                   run->plan.n_chunks);
    }
}

void *rvi_reader_main(void *argument)
{
    rvi_run *run = argument;
    rv_error err = {0};
    if (read_chunks(run, &err) != RV_OK)
        rvi_run_fail(run, &err);
    rv_queue_close(run->pages);
    return NULL;
}
