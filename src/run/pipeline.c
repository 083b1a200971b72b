/* pipeline.c - where the threads of a run are started and joined, and nowhere else.
 *
 * Data flows through bounded queues of owned items. The end of data closes the queues one after the other
 * downstream, so everything read is committed; the first failure cancels, which aborts all queues at once and
 * interrupts the source, so no thread can stay blocked on another. Batches circulate: there are memory.n_batches of
 * them, which bounds what the reader can be ahead. */
#include "internal.h"

#include <stdlib.h>

enum { PAGES_CAP = 8, PARTS_CAP = 4, RECORDS_CAP = 64 };

/* One encoder keeps no more of them busy; each holds a page and a compressor's context. */
enum { MOST_WORKERS = 3 };

static void drop_batch(void *item)
{
    rv_batch_free(item);
}

static void abort_queues(void *object)
{
    rvi_run *run = object;
    rv_queue *queues[] = {run->pages, run->spare, run->parts, run->records, run->claims};
    for (size_t i = 0; i < sizeof queues / sizeof queues[0]; i++)
        rv_queue_abort(queues[i]);
}

static void interrupt_source(void *object)
{
    rv_source_interrupt(((rvi_run *)object)->source);
}

static rv_code make_queues(rvi_run *run, rv_error *err)
{
    size_t n = (size_t)run->memory.n_batches;
    RV_TRY(rv_queue_new(&run->pages, PAGES_CAP, n * run->memory.page_max, rvi_page_item_free, err));
    RV_TRY(rv_queue_new(&run->spare, n, n, drop_batch, err));
    RV_TRY(rv_queue_new(&run->parts, PARTS_CAP, PARTS_CAP, rvi_part_item_free, err));
    RV_TRY(rv_queue_new(&run->records, RECORDS_CAP, RECORDS_CAP, rvi_record_free, err));
    RV_TRY(rv_queue_new(&run->claims, 1, 1, free, err));
    for (size_t i = 0; i < n; i++) {
        RV_AUTO(rv_batch_free) rv_batch *batch = NULL;
        RV_TRY(rv_batch_new(&batch, &run->plan.schema, &run->budget, err));
        if (!rv_queue_push(run->spare, batch, 1))
            return rv_fail(err, RV_E_CANCELLED, "the run was stopped");
        batch = NULL;
    }
    return RV_OK;
}

static void free_queues(rvi_run *run)
{
    rv_queue_free(run->pages);
    rv_queue_free(run->spare);
    rv_queue_free(run->parts);
    rv_queue_free(run->records);
    rv_queue_free(run->claims);
    run->pages = run->spare = run->parts = run->records = run->claims = NULL;
}

static rv_code start_workers(rvi_run *run, rv_error *err)
{
    int n = rv_workers_idle_cores();
    return rv_workers_new(&run->workers, n < MOST_WORKERS ? n : MOST_WORKERS, err);
}

/* Downstream first, so that whoever starts finds somebody to hand on to. */
static rv_code work(rvi_run *run, rv_error *err)
{
    rvi_thread recorder = {0}, uploader = {0}, encoder = {0}, reader = {0}, monitor = {0};
    RV_AUTO(rv_cancel_free) rv_cancel *done = NULL;
    RV_TRY(rv_cancel_new(&done, err));
    rvi_monitor watching = {run, done};

    rv_code rc = rvi_thread_start(&recorder, rvi_recorder_main, run, "recorder", err);
    if (rc == RV_OK)
        rc = rvi_thread_start(&uploader, rvi_uploader_main, run, "uploader", err);
    if (rc == RV_OK)
        rc = rvi_thread_start(&encoder, rvi_encoder_main, run, "encoder", err);
    if (rc == RV_OK)
        rc = rvi_thread_start(&monitor, rvi_monitor_main, &watching, "monitor", err);
    if (rc == RV_OK)
        rc = rvi_thread_start(&reader, rvi_reader_main, run, "reader", err);
    if (rc != RV_OK)
        rvi_run_fail(run, err);

    rvi_thread_join(&reader);
    rvi_thread_join(&encoder);
    rvi_thread_join(&uploader);
    rvi_thread_join(&recorder);
    rv_cancel_request(done);
    rvi_thread_join(&monitor);
    return rvi_run_failure(run, err);
}

rv_code rvi_pipeline_run(rvi_run *run, rv_error *err)
{
    rv_code rc = make_queues(run, err);
    if (rc == RV_OK)
        rc = start_workers(run, err);
    if (rc == RV_OK) {
        run->source_waker = (rv_waker){.wake = interrupt_source, .object = run};
        run->queues_waker = (rv_waker){.wake = abort_queues, .object = run};
        rv_cancel_add_waker(run->cancel, &run->queues_waker);
        rv_cancel_add_waker(run->cancel, &run->source_waker);
        rc = work(run, err);
        rv_cancel_remove_waker(run->cancel, &run->source_waker);
        rv_cancel_remove_waker(run->cancel, &run->queues_waker);
    }
    rv_workers_free(run->workers);
    run->workers = NULL;
    free_queues(run);
    if (rc == RV_OK && rv_cancel_requested(run->cancel))
        rc = rv_fail(err, RV_E_CANCELLED, "the run was stopped");
    return rc;
}
