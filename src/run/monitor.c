/* monitor.c - the thread that watches: progress for the observer, heartbeats for the lease. */
#include "internal.h"

enum { TICK_US = 200 * 1000 };

void rvi_run_snapshot_progress(const rvi_run *run, rv_progress *out)
{
    const rvi_counters *counters = &run->counters;
    const rv_physical *physical = &run->plan.info.physical;
    bool by_storage = run->plan.n_chunks > 0 && run->plan.chunks[0].bounds.kind == RV_BOUNDS_PHYSICAL;
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

void *rvi_monitor_main(void *argument)
{
    rvi_monitor *monitor = argument;
    rvi_run *run = monitor->run;
    const rv_observer *observer = &run->context->observer;
    int64_t since_heartbeat_us = 0;
    while (run->context->clock->sleep_us(run->context->clock, TICK_US, monitor->done)) {
        since_heartbeat_us += TICK_US;
        if (since_heartbeat_us >= RVI_HEARTBEAT_US) {
            since_heartbeat_us = 0;
            /* Refused only when the run is ending, and then nobody needs it. */
            rv_code refused = rvi_record_push(run, RVI_RECORD_HEARTBEAT, NULL);
            (void)refused;
        }
        if (observer->on_progress != NULL) {
            rv_progress progress;
            rvi_run_snapshot_progress(run, &progress);
            observer->on_progress(observer->context, &progress);
        }
    }
    return NULL;
}
