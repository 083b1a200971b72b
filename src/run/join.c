/* join.c - reading chunks of a run that another process, here or on another machine, has begun.
 *
 * Chunks are claimed from the state store, each with a lease of its own, and parts are named by run and chunk alone.
 * So who joins does what any run does, but for its beginning and its end: it does not decide what is read, and it
 * never commits. A run cannot be joined when it keeps something in its owner's memory until the commit, or when what
 * it reads dies with its owner's snapshot. */
#include "internal.h"

#include "rivet/log.h"

#include <string.h>

static rv_code refuse(const rv_open_run *open, rv_error *err, const char *why, const char *hint)
{
    rv_fail(err, RV_E_RUN_NOT_JOINABLE, "run '%s' cannot be joined: %s", open->plan.run_id, why);
    rv_hint(err, "%s", hint);
    return RV_E_RUN_NOT_JOINABLE;
}

static rv_code refuse_other_plan(rvi_run *run, const rv_open_run *open, rv_error *err)
{
    rv_plan_difference found;
    RV_TRY(rv_plan_compare(run->arena, open->plan.config_fingerprint, run->plan.ingredients, &found, err));
    const char *why =
        found.known && found.keys[0] != '\0'
            ? rv_arena_printf(run->arena, "it was begun with another configuration: %s", found.keys)
        : found.known && found.columns ? "the columns have changed since it was begun"
        : found.known                  ? "the planner would read it in another way by now"
                                       : "it was begun with another configuration";
    if (why == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "joining %s", open->plan.run_id);
    return refuse(open, err, why, "use the configuration and the source that it was begun with");
}

rv_code rvi_run_find_to_join(rvi_run *run, const char *run_id, rv_open_run *out, rv_error *err)
{
    RV_TRY(rv_state_find_run(run->state, run_id, run->arena, out, err));
    if (!out->exists) {
        rv_fail(err, RV_E_RUN_NOT_JOINABLE, "no run '%s' is going on", run_id);
        rv_hint(err,
                "'rivet metrics' shows the runs; the state store must be the one of the process that began "
                "it (RIVET_STATE_URL)");
        return RV_E_RUN_NOT_JOINABLE;
    }
    if (out->plan.snapshot)
        return refuse(out, err, "it reads under a snapshot that only its own process can use",
                      "set consistency: statement, or read it with one process and more lanes");
    return RV_OK;
}

rv_code rvi_run_join_plan(rvi_run *run, const rv_open_run *open, rv_error *err)
{
    if (strcmp(open->plan.plan_fingerprint, run->plan.fingerprint) != 0)
        return refuse_other_plan(run, open, err);
    if (run->plan.snapshot || !rvi_guards_know_kept_rows(run) || rvi_may_change_values(&run->plan.schema))
        return refuse(open, err, "what its process counts in memory would miss the rows read here",
                      "run it with one process: on_invalid policies need it, and unique_columns without an "
                      "index that proves them (docs/quality.md)");
    run->run_id = open->plan.run_id;
    run->dest_path = open->plan.dest_path;
    run->started_us = open->plan.started_us;
    run->plan.n_chunks = open->n_chunks;
    atomic_store(&run->counters.chunks_done, open->n_completed);
    RV_TRY(rvi_run_adopt_window(run, open, err));
    rvi_lease_begins(run, run->context->clock->now_us(run->context->clock));
    rv_log(RV_LOG_INFO, "joined %s", run->run_id);
    RV_TRY(rv_dest_open(&run->dest, &run->export_config->dest, run->dest_path, run->cancel, err));
    return rv_dest_prepare(run->dest, err);
}
