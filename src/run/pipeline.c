/* pipeline.c - where the threads of a run are started and joined, and nowhere else.
 *
 * Data flows through bounded queues of owned items: from each lane's reader to its encoder, from all encoders to the
 * uploader, from there to the recorder. When the readers have ended, the queues are closed one after the other
 * downstream, so everything read is committed; the first failure cancels, which aborts all queues at once and
 * interrupts the sources, so no thread can stay blocked on another. Batches circulate within a lane: there are
 * memory.n_batches of them, which bounds what a reader can be ahead. */
#include "internal.h"

#include "rivet/checked.h"

#include <stdlib.h>

enum { PARTS_CAP = 4, RECORDS_CAP = 64 };

/* The encoders keep no more of them busy; each holds a page and a compressor's context. */
enum { MOST_WORKERS = 3 };

static void abort_queues(void *object)
{
    rvi_run *run = object;
    rv_queue_abort(run->parts);
    rv_queue_abort(run->records);
    for (int i = 0; i < run->n_lanes; i++)
        rvi_lane_abort(&run->lanes[i]);
}

static void give_back_lanes(rvi_run *run)
{
    for (int i = 0; i < run->n_lanes; i++)
        rvi_lane_deinit(&run->lanes[i]);
    free(run->lanes);
    run->lanes = NULL;
    run->n_lanes = 0;
    rv_queue_free(run->parts);
    rv_queue_free(run->records);
    run->parts = run->records = NULL;
    rv_workers_free(run->workers);
    run->workers = NULL;
}

/* No more lanes than chunks that are left to them. */
static int count_lanes(const rvi_run *run)
{
    int64_t n = run->plan.lanes, open = run->plan.n_chunks - atomic_load(&run->counters.chunks_done);
    if (n > RVI_MAX_LANES)
        n = RVI_MAX_LANES;
    if (n > open)
        n = open;
    return n > 1 ? (int)n : 1;
}

static rv_code make_lanes(rvi_run *run, rv_error *err)
{
    int n = count_lanes(run);
    int n_workers = run->export_config->tuning.gives_way ? 0 : rv_workers_for_cores();
    size_t budget = 0;
    if (rv_mul_size(&budget, run->memory.budget, (size_t)n))
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "the memory of %d lanes cannot be counted", n);
    rv_budget_init(&run->budget, budget);
    RV_TRY(rv_queue_new(&run->parts, PARTS_CAP, PARTS_CAP, rvi_part_item_free, err));
    RV_TRY(rv_queue_new(&run->records, RECORDS_CAP, RECORDS_CAP, rvi_record_free, err));
    run->lanes = calloc((size_t)n, sizeof *run->lanes);
    if (run->lanes == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing %d lanes", n);
    for (; run->n_lanes < n; run->n_lanes++) {
        rv_code rc = rvi_lane_init(&run->lanes[run->n_lanes], run, run->n_lanes, err);
        if (rc != RV_OK) {
            run->n_lanes++; /* half made: given back with the others */
            return rc;
        }
    }
    return rv_workers_new(&run->workers, n_workers < MOST_WORKERS ? n_workers : MOST_WORKERS, err);
}

typedef struct crew {
    rvi_thread recorder, uploader, monitor, governor;
    rvi_thread encoders[RVI_MAX_LANES], readers[RVI_MAX_LANES];
} crew;

/* Downstream first, so that whoever starts finds somebody to hand on to. */
static rv_code start(crew *threads, rvi_run *run, rvi_monitor *watching, rv_error *err)
{
    RV_TRY(rvi_thread_start(&threads->recorder, rvi_recorder_main, run, "recorder", err));
    RV_TRY(rvi_thread_start(&threads->uploader, rvi_uploader_main, run, "uploader", err));
    RV_TRY(rvi_thread_start(&threads->monitor, rvi_monitor_main, watching, "monitor", err));
    if (rvi_governor_is_wanted(run))
        RV_TRY(rvi_thread_start(&threads->governor, rvi_governor_main, watching, "governor", err));
    for (int i = 0; i < run->n_lanes; i++)
        RV_TRY(rvi_thread_start(&threads->encoders[i], rvi_encoder_main, &run->lanes[i], "encoder", err));
    for (int i = 0; i < run->n_lanes; i++)
        RV_TRY(rvi_thread_start(&threads->readers[i], rvi_reader_main, &run->lanes[i], "reader", err));
    return RV_OK;
}

/* Each joined before the queue that it pushes to is closed. */
static void join(crew *threads, rvi_run *run, rvi_monitor *watching)
{
    for (int i = 0; i < run->n_lanes; i++)
        rvi_thread_join(&threads->readers[i]);
    for (int i = 0; i < run->n_lanes; i++)
        rv_queue_close(run->lanes[i].pages); /* of a reader that could not be started as well */
    for (int i = 0; i < run->n_lanes; i++)
        rvi_thread_join(&threads->encoders[i]);
    rv_queue_close(run->parts);
    rvi_thread_join(&threads->uploader);
    rv_queue_close(run->records);
    rvi_thread_join(&threads->recorder);
    rv_cancel_request(watching->done);
    rvi_thread_join(&threads->monitor);
    rvi_thread_join(&threads->governor);
}

static void add_up_policies(rvi_run *run)
{
    for (int l = 0; l < run->n_lanes; l++)
        for (int i = 0; i < run->plan.schema.n_fields * RV_INVALID_CLASSES; i++)
            run->policy_uses[i] += run->lanes[l].policy_uses[i];
}

static rv_code work(rvi_run *run, rv_error *err)
{
    crew threads = {0};
    RV_AUTO(rv_cancel_free) rv_cancel *done = NULL;
    RV_TRY(rv_cancel_new(&done, err));
    rvi_monitor watching = {.run = run, .done = done};
    run->n_held = 0;
    atomic_store(&run->lanes_allowed, run->n_lanes);
    atomic_store(&run->n_at_work, 0);
    if (run->source != NULL) /* NULL: it is one of the seats */
        rvi_lane_lend(&run->lanes[0], run->source);
    run->source = NULL;
    if (start(&threads, run, &watching, err) != RV_OK)
        rvi_run_fail(run, err);
    join(&threads, run, &watching);
    run->source = rvi_lane_take_back(&run->lanes[0]);
    rvi_snapshot_close_seats(run);
    run->n_held = 0; /* who was stopped in a chunk has given it up */
    add_up_policies(run);
    return rvi_run_failure(run, err);
}

rv_code rvi_pipeline_run(rvi_run *run, rv_error *err)
{
    rv_code rc = make_lanes(run, err);
    if (rc == RV_OK) {
        run->queues_waker = (rv_waker){.wake = abort_queues, .object = run};
        rv_cancel_add_waker(run->cancel, &run->queues_waker);
        atomic_store(&run->reading, true);
        rc = work(run, err);
        atomic_store(&run->reading, false);
        rv_cancel_remove_waker(run->cancel, &run->queues_waker);
    }
    give_back_lanes(run);
    return rc;
}
