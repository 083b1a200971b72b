/* commit.c - the end of a run: manifest, _SUCCESS, replaced runs, verdict; or the clean-up of one that failed.
 *
 * Order is the promise: every part is durable and recorded before the manifest names it; the manifest lies there
 * before _SUCCESS; both before the verdict in the store. Each step can be repeated, so a crash between any two is
 * healed by the next run, which finds the run open and comes back here. */
#include "internal.h"

#include "rivet/crash_point.h"
#include "rivet/log.h"

#include <inttypes.h>
#include <string.h>

static rv_code copy_part(void *context, const rv_part *part, rv_error *err)
{
    rvi_part_list *list = context;
    if (list->n == list->cap) {
        int64_t cap = list->cap == 0 ? 16 : 2 * list->cap;
        rv_part *grown = rv_arena_alloc(list->arena, (size_t)cap, sizeof *grown);
        if (grown == NULL)
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "collecting the parts of the run");
        if (list->n > 0)
            memcpy(grown, list->parts, (size_t)list->n * sizeof *grown);
        list->parts = grown;
        list->cap = cap;
    }
    rv_part *copy = &list->parts[list->n];
    *copy = *part;
    copy->name = rv_arena_strdup(list->arena, part->name);
    copy->column_digests =
        rv_arena_strdup(list->arena, part->column_digests != NULL ? part->column_digests : "[]");
    if (copy->name == NULL || copy->column_digests == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "collecting the parts of the run");
    list->n++;
    list->rows += part->rows;
    list->bytes += part->bytes;
    return RV_OK;
}

rv_code rvi_list_parts(rvi_run *run, rvi_part_list *out, rv_error *err)
{
    *out = (rvi_part_list){.arena = run->arena};
    return rv_state_list_parts(run->state, run->run_id, copy_part, out, err);
}

static void journal_end(rvi_run *run, rv_run_status status)
{
    const rv_summary *s = run->summary;
    if (s->validate)
        rvi_run_journal(run, "ValidationResult",
                        json_pack("{s:b,s:I,s:I}", "passed", (int)rv_summary_validated(s), "files_validated",
                                  (json_int_t)s->n_validated, "files", (json_int_t)s->files));
    bool failed = status == RV_RUN_FAILED || status == RV_RUN_INTERRUPTED;
    rvi_run_journal(run, "RunCompleted",
                    json_pack("{s:s,s:I,s:s?}", "status", rv_run_status_name(status), "duration_ms",
                              (json_int_t)s->duration_ms, "error_message", failed ? s->error.message : NULL));
}

static rv_code record_verdict(rvi_run *run, rv_run_status status, rv_error *err)
{
    rv_run_result result;
    rvi_summary_fill(run, status);
    rvi_run_result(run, status, &result);
    RV_CRASH_POINT("before-verdict");
    RV_TRY(rv_state_finish_run(run->state, &result, &run->owner, err));
    run->recorded = false;
    RV_CRASH_POINT("after-verdict");
    journal_end(run, status);
    return RV_OK;
}

/* A process that read chunks of this run and died has left its spool file, and perhaps a part that no record names. Its
 * chunks were read by others; once the run has ended nobody would look for them any more. */
static rv_code remove_strays(rvi_run *run, const rvi_part_list *parts, rv_error *err)
{
    const rvi_place place = {run->dest, run->run_id, run->arena};
    rvi_name_list strays = {.arena = run->arena};
    rvi_index_list damaged;
    RV_TRY(rvi_survey_objects(&place, parts, &strays, &damaged, err));
    return rvi_remove_objects(run->dest, &strays, err);
}

/* A file that is not what was written never becomes data; the run is not left open for somebody to publish it. */
static rv_code validate_joined(rvi_run *run, const rvi_part_list *parts, rv_error *err)
{
    rv_code rc = rvi_validate_joined(run, parts, err);
    if (rc == RV_E_FILE_MISMATCH || rc == RV_E_FILE_DAMAGED)
        run->committing = false;
    return rc;
}

static void count_parts(rvi_run *run, const rvi_part_list *parts)
{
    run->summary->rows = parts->rows;
    run->summary->files = parts->n;
    run->summary->bytes = parts->bytes;
}

rv_code rvi_run_commit(rvi_run *run, rv_error *err)
{
    rvi_part_list parts;
    bool has_objects = rv_dest_has(run->dest, RV_DEST_CAP_OBJECTS);
    bool is_published = run->committing; /* by an earlier process, which has passed the gates */
    run->committing = has_objects;       /* nobody can go on with a stream */
    RV_TRY(rvi_lease_renew(run, err));
    RV_TRY(rvi_list_parts(run, &parts, err));
    int64_t n_large = atomic_load(&run->counters.pages_too_large);
    if (n_large > 0)
        rvi_run_note(run, "%" PRId64 " pages held more than tuning.max_batch_memory_mb", n_large);
    count_parts(run, &parts);
    if (!is_published)
        RV_TRY(validate_joined(run, &parts, err));
    if (!is_published)
        RV_TRY(rvi_guards_judge(run, parts.rows, err));
    if (!is_published && has_objects)
        RV_TRY(remove_strays(run, &parts, err));
    if (parts.rows == 0 && run->export_config->skip_empty)
        return record_verdict(run, RV_RUN_SKIPPED, err);
    if (has_objects) {
        RV_TRY(rvi_publish(run, &parts, err));
        RV_CRASH_POINT("after-success-marker");
        RV_TRY(rvi_settle_older(run, err));
    }
    return record_verdict(run, RV_RUN_SUCCEEDED, err);
}

/* Does the run still belong to this process? A store that cannot answer is no reason to leave files behind. */
static bool is_still_ours(rvi_run *run, const rv_error *failure)
{
    if (failure->code == RV_E_RUN_LEASE_LOST || failure->code == RV_E_RUN_LEASE_HELD)
        return false;
    return rvi_lease_renew(run, NULL) != RV_E_RUN_LEASE_LOST;
}

/* The run stays open, and the next one goes on with it: what it has so far is told, although the run has failed. */
static void leave_open(rvi_run *run)
{
    rv_error err = {0};
    rvi_part_list parts;
    if (rvi_list_parts(run, &parts, &err) == RV_OK)
        count_parts(run, &parts);
    else
        rvi_run_note(run, "the rows that are complete could not be counted: %s", err.message);
    if (run->committing)
        rvi_run_note(run, "every row is written, only the commit is missing: the next run completes it");
    else
        rvi_run_note(run, "%" PRId64 " of %" PRId64 " chunks are complete: the next run goes on from there",
                     (int64_t)atomic_load(&run->counters.chunks_done), run->plan.n_chunks);
    if (rv_state_hand_back(run->state, run->run_id, &run->owner, &err) != RV_OK)
        rvi_run_note(run, "the run could not be handed back: %s", err.message);
}

/* Did it end for a reason that passes, and has it chunks that the next run keeps? */
static bool is_worth_resuming(rvi_run *run, const rv_error *failure)
{
    rv_exit verdict = rv_code_exit(failure->code);
    bool passes = verdict == RV_EXIT_TRANSIENT || verdict == RV_EXIT_INTERRUPTED;
    return passes && run->dest != NULL && rv_dest_has(run->dest, RV_DEST_CAP_OBJECTS) &&
           rvi_run_has_kept_chunks(run);
}

static void clean_up(rvi_run *run, rv_run_status status)
{
    rv_error err = {0};
    rv_run_result result;
    const rvi_place place = {run->dest, run->run_id, run->arena};
    if (run->dest != NULL && rvi_remove_run_objects(&place, &err) != RV_OK)
        rvi_run_note(run, "files of this run could not be removed: %s", err.message);
    rvi_run_result(run, status, &result);
    journal_end(run, status);
    if (rv_state_finish_run(run->state, &result, &run->owner, &err) != RV_OK)
        rvi_run_note(run, "the failure could not be recorded: %s", err.message);
}

void rvi_run_abandon(rvi_run *run, const rv_error *failure)
{
    bool stopped = failure->code == RV_E_CANCELLED || failure->code == RV_E_DEST_CLOSED;
    rv_run_status status = stopped ? RV_RUN_INTERRUPTED : RV_RUN_FAILED;
    run->summary->error = *failure;
    rvi_summary_fill(run, status);
    if (run->joined) {
        rv_error err = {0};
        if (run->run_id != NULL && rvi_run_release_chunks(run, failure->message, &err) != RV_OK)
            rvi_run_note(run, "chunks that were read here could not be given back: %s", err.message);
        return; /* what becomes of the run is its owner's affair */
    }
    if (failure->code == RV_E_RUN_LEASE_HELD)
        run->summary->run_id[0] = '\0'; /* there is no run of ours: the one that is held has another name */
    if (!run->recorded && failure->code != RV_E_RUN_LEASE_HELD && run->state != NULL && run->run_id != NULL)
        rvi_run_record_early_failure(run);
    if (!run->recorded || !is_still_ours(run, failure))
        return; /* nothing of ours stands anywhere, or it is somebody else's by now */
    if (run->committing || is_worth_resuming(run, failure))
        leave_open(run);
    else
        clean_up(run, status);
}
