/* lease.c - a run belongs to this process only as long as the store says so.
 *
 * The store refuses whoever lost the lease, but a destination does not ask the store. A process that was stopped for
 * longer than its lease (a suspended machine, a paused container) may wake up when another one already reads the
 * same run anew, and would put its parts over the other's under the same names. So before anything is put or
 * removed, the lease must have been renewed recently, by the wall clock, which goes on while a machine sleeps. */
#include "internal.h"

enum { SLACK_MS = 10 * 1000, ASK_AGAIN_US = 200 * 1000 };

void rvi_lease_begins(rvi_run *run, int64_t asked_us)
{
    atomic_store(&run->lease_until_us, asked_us + (int64_t)RVI_LEASE_MS * 1000);
}

rv_code rvi_lease_renew(rvi_run *run, rv_error *err)
{
    int64_t asked_us = run->context->clock->now_us(run->context->clock);
    if (!run->joined)
        RV_TRY(rv_state_heartbeat(run->state, run->run_id, &run->owner, RVI_LEASE_MS, err));
    if (run->n_held > 0)
        RV_TRY(
            rv_state_heartbeat_chunks(run->state, run->run_id, &run->owner, RVI_LEASE_MS, run->n_held, err));
    rvi_lease_begins(run, asked_us);
    return RV_OK;
}

rv_code rvi_lease_await(rvi_run *run, rv_error *err)
{
    const rv_clock *clock = run->context->clock;
    while (clock->now_us(clock) >= atomic_load(&run->lease_until_us) - (int64_t)SLACK_MS * 1000) {
        RV_TRY(rvi_record_push(run, RVI_RECORD_HEARTBEAT, NULL, err));
        /* Cancelled also when it turns out that the lease is lost. */
        if (!clock->sleep_us(clock, ASK_AGAIN_US, run->cancel))
            return rv_fail(err, RV_E_CANCELLED, "the run was stopped");
    }
    return RV_OK;
}
