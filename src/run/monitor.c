/* monitor.c - the thread that watches: progress for the observer, heartbeats for the lease, time for whoever waits. */
#include "internal.h"

enum { TICK_US = 200 * 1000, WAKE_US = 1000 * 1000, LEAST_GRACE_US = 1000 * 1000 };

void rvi_run_snapshot_progress(const rvi_run *run, rv_progress *out)
{
    const rvi_counters *counters = &run->counters;
    const rv_physical *physical = &run->plan.info.physical;
    bool by_storage = run->n_planned > 0 && run->plan.chunks[0].bounds.kind == RV_BOUNDS_PHYSICAL;
    *out = (rv_progress){
        .export_name = run->export_config->name,
        .rows_read = atomic_load(&counters->rows_read),
        .rows_written = atomic_load(&counters->rows_written),
        .wire_bytes = atomic_load(&counters->wire_bytes),
        .file_bytes = atomic_load(&counters->file_bytes),
        .est_rows = run->plan.info.est_rows,
        .chunks_done = atomic_load(&counters->chunks_done),
        .n_chunks = run->plan.n_chunks,
        .units_done = atomic_load(&counters->units_done),
        .elapsed_us = run->context->clock->mono_us(run->context->clock) - run->started_mono_us,
        .pages = atomic_load(&counters->pages),
        .rss_bytes = rv_rss_bytes(),
    };
    if (by_storage && physical->unit != NULL && physical->last >= physical->first) {
        uint64_t n = (uint64_t)physical->last - (uint64_t)physical->first + 1; /* 0: 2^64 of them */
        out->n_units = n <= INT64_MAX ? (int64_t)n : 0;
    }
}

/* Refused only when the run is ending, and then nobody needs it. */
static void tell_recorder(rvi_run *run, rvi_record_kind kind)
{
    rv_code refused = rvi_record_push(run, kind, NULL, NULL);
    (void)refused;
}

/* A page that is being read when the run is asked to stop may come to its end, but not for long. */
static void bound_stop(rvi_monitor *monitor)
{
    rvi_run *run = monitor->run;
    if (!rv_cancel_requested(run->stop))
        return;
    int64_t grace_us = run->export_config->tuning.statement_target_ms * 1000 * 4;
    monitor->since_stop_us += TICK_US;
    if (monitor->since_stop_us >= (grace_us > LEAST_GRACE_US ? grace_us : LEAST_GRACE_US))
        rv_cancel_request(run->halt);
}

static void tick(rvi_monitor *monitor)
{
    rvi_run *run = monitor->run;
    const rv_observer *observer = &run->context->observer;
    monitor->since_heartbeat_us += TICK_US;
    monitor->since_wake_us += TICK_US;
    bound_stop(monitor);
    if (monitor->since_heartbeat_us >= RVI_HEARTBEAT_US) {
        monitor->since_heartbeat_us = 0;
        tell_recorder(run, RVI_RECORD_HEARTBEAT);
    }
    if (monitor->since_wake_us >= WAKE_US || rvi_run_should_end(run) || rvi_snapshot_is_ending(run)) {
        monitor->since_wake_us = 0;
        tell_recorder(run, RVI_RECORD_WAKE);
    }
    if (observer->on_progress != NULL) {
        rv_progress progress;
        rvi_run_snapshot_progress(run, &progress);
        observer->on_progress(observer->context, &progress);
    }
}

void *rvi_monitor_main(void *argument)
{
    rvi_monitor *monitor = argument;
    const rv_clock *clock = monitor->run->context->clock;
    while (clock->sleep_us(clock, TICK_US, monitor->done))
        tick(monitor);
    return NULL;
}
