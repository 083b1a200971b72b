/* run.c - the beginning and the end of a run. */
#include "state/internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- beginning ---- */

static rv_code fail_running(rv_state *state, const char *export_name, const rvi_row *row, rv_error *err)
{
    rvi_cells cells = rvi_cells_of(row);
    const char *run_id = rvi_next_text(&cells);
    const char *owner = rvi_next_text(&cells);
    char since[RV_TIME_TEXT_BYTES], until[RV_TIME_TEXT_BYTES], words[RV_OWNER_WORDS_BYTES];
    rv_time_rfc3339(since, rvi_next_int(&cells));
    const int64_t lease_expires_us = rvi_next_int(&cells);
    rv_time_rfc3339(until, lease_expires_us);
    rv_owner_words(words, owner);

    rv_code rc =
        rv_fail(err, RV_E_RUN_LEASE_HELD, "export '%s' is already running: run '%s', held by %s since %s",
                export_name, run_id, words, since);
    if (rvi_owner_alive(owner, lease_expires_us, rvi_now_us(state)))
        rv_hint(err, "wait for it or stop it; if its host is gone, its lease ends at %s unless it renews it",
                until);
    else
        rv_hint(err, "that process is gone: run the export again to continue its run");
    return rc;
}

/* The store refused the run: another one of this export is running, or this very one is recorded. */
static rv_code explain_refusal(rv_state *state, const rv_run_plan *plan, rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(plan->export_name)}};
    RV_AUTO(rvi_rows_free) rvi_rows *rows = NULL;
    RV_TRY(rvi_query(state,
                     "SELECT run_id, owner, owned_since_us, lease_expires_us FROM runs"
                     " WHERE export_name = $1 AND status = 'running'",
                     &args, &rows, err));
    if (rows->n > 0)
        return fail_running(state, plan->export_name, rows->first, err);
    return rv_fail(err, RV_E_STATE_UNUSABLE, "a run '%s' is recorded already ('%s')", plan->run_id,
                   state->location);
}

/* The unique index decides who is first, also where transactions of two processes overlap. */
static rv_code insert_run(rv_state *state, const rv_run_plan *plan, const rv_owner *owner, int64_t lease_ms,
                          rv_error *err)
{
    const rvi_args args = {{
        rvi_bind_text(plan->run_id),
        rvi_bind_text(plan->export_name),
        rvi_bind_text(plan->plan_fingerprint),
        rvi_bind_text(plan->strategy),
        rvi_bind_text(plan->mode),
        rvi_bind_text(plan->format),
        rvi_bind_text(plan->compression),
        rvi_bind_text(plan->profile),
        rvi_bind_text(plan->dest_kind),
        rvi_bind_text(plan->dest_path),
        rvi_bind_text(plan->dest_uri),
        rvi_bind_text(plan->schema_json),
        rvi_bind_text(plan->source_json),
        rvi_bind_text(plan->config_fingerprint),
        rvi_bind_text_or_null(plan->window_json),
        rvi_bind_int(plan->snapshot),
        rvi_bind_int(plan->started_us),
        rvi_bind_text(owner->text),
        rvi_bind_int(rvi_now_us(state)),
        rvi_bind_int(rvi_lease_end_us(state, lease_ms)),
    }};
    int64_t n_changed;
    RV_TRY(rvi_change(state,
                      "INSERT INTO runs (" RVI_PLAN_COLUMNS
                      ", status, owner, owned_since_us, seen_us, lease_expires_us)"
                      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,"
                      " 'running', $18, $19, $19, $20) ON CONFLICT DO NOTHING",
                      &args, &n_changed, err));
    return n_changed == 1 ? RV_OK : explain_refusal(state, plan, err);
}

rv_code rv_state_start_run(rv_state *state, const rv_run_plan *plan, const rv_chunk *chunks, int64_t n_chunks,
                           const rv_owner *owner, int64_t lease_ms, rv_error *err)
{
    assert(plan->run_id && plan->run_id[0] && plan->export_name && plan->export_name[0]);
    RV_AUTO(rvi_tx_discard) rv_state *tx = NULL;
    RV_TRY(rvi_tx_begin(state, &tx, err));
    RV_TRY_CTX(insert_run(state, plan, owner, lease_ms, err), err, "recording run '%s'", plan->run_id);
    RV_TRY_CTX(rvi_insert_chunks(state, plan->run_id, chunks, n_chunks, err), err, "recording run '%s'",
               plan->run_id);
    return rvi_tx_commit(&tx, err);
}

/* The run keeps its name, its beginning and its owner; everything else may have changed since it was planned. */
static rv_code update_plan(rv_state *state, const rv_run_plan *plan, rv_error *err)
{
    const rvi_args args = {{
        rvi_bind_text(plan->run_id),
        rvi_bind_text(plan->plan_fingerprint),
        rvi_bind_text(plan->strategy),
        rvi_bind_text(plan->mode),
        rvi_bind_text(plan->format),
        rvi_bind_text(plan->compression),
        rvi_bind_text(plan->profile),
        rvi_bind_text(plan->dest_kind),
        rvi_bind_text(plan->dest_path),
        rvi_bind_text(plan->dest_uri),
        rvi_bind_text(plan->schema_json),
        rvi_bind_text(plan->source_json),
        rvi_bind_text(plan->config_fingerprint),
        rvi_bind_text_or_null(plan->window_json),
        rvi_bind_int(plan->snapshot),
    }};
    return rvi_change(state,
                      "UPDATE runs SET plan_fingerprint = $2, strategy = $3, mode = $4, format = $5,"
                      " compression = $6, profile = $7, dest_kind = $8, dest_path = $9, dest_uri = $10,"
                      " schema_json = $11, source_json = $12, config_fingerprint = $13, window_json = $14,"
                      " snapshot = $15 WHERE run_id = $1",
                      &args, NULL, err);
}

rv_code rv_state_replan_run(rv_state *state, const rv_run_plan *plan, const rv_chunk *chunks,
                            int64_t n_chunks, const rv_owner *owner, rv_error *err)
{
    RV_AUTO(rvi_tx_discard) rv_state *tx = NULL;
    RV_TRY(rvi_tx_begin(state, &tx, err));
    RV_TRY(rvi_hold_lease(state, plan->run_id, owner, err));
    RV_TRY(rvi_forget_parts(state, plan->run_id, err));
    RV_TRY(rvi_forget_seen(state, plan->run_id, err));
    RV_TRY(rvi_forget_chunks(state, plan->run_id, err));
    RV_TRY(update_plan(state, plan, err));
    RV_TRY(rvi_insert_chunks(state, plan->run_id, chunks, n_chunks, err));
    return rvi_tx_commit(&tx, err);
}

/* ---- end ---- */

/* A run is not a success while a chunk of it is missing, whatever its caller believes. */
static rv_code check_complete(rv_state *state, const char *run_id, rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(run_id)}};
    RV_AUTO(rvi_rows_free) rvi_rows *rows = NULL;
    RV_TRY(rvi_query(state, "SELECT count(*) FROM chunks WHERE run_id = $1 AND status <> 'completed'", &args,
                     &rows, err));
    rvi_cells cells = rvi_cells_of(rows->first);
    const int64_t n_missing = rvi_next_int(&cells);
    if (n_missing == 0)
        return RV_OK;
    return rv_fail(err, RV_E_INTERNAL, "run '%s' cannot succeed: %lld of its chunks are not completed",
                   run_id, (long long)n_missing);
}

/* Sizes that no disk has would turn negative in the store. */
static int64_t to_i64(uint64_t bytes)
{
    return bytes > INT64_MAX ? INT64_MAX : (int64_t)bytes;
}

static rv_code update_result(rv_state *state, const rv_run_result *result, rv_error *err)
{
    char message[RVI_MESSAGE_BYTES];
    const rvi_args args = {{
        rvi_bind_text(result->run_id),
        rvi_bind_text(rv_run_status_name(result->status)),
        rvi_bind_int(result->finished_us),
        rvi_bind_int(result->duration_ms),
        rvi_bind_int(result->rows),
        rvi_bind_int(result->files),
        rvi_bind_int(to_i64(result->bytes)),
        rvi_bind_int(to_i64(result->wire_bytes)),
        rvi_bind_int(to_i64(result->peak_rss_bytes)),
        rvi_bind_int(result->statements),
        rvi_bind_int(result->longest_statement_ms),
        rvi_bind_int(result->retries),
        rvi_bind_int(result->code),
        rvi_bind_message(message, result->error_message),
        rvi_bind_text_or_null(result->detail_json),
    }};
    return rvi_change(
        state,
        "UPDATE runs SET status = $2, finished_us = $3, duration_ms = $4, n_rows = $5, n_files = $6,"
        " n_bytes = $7, wire_bytes = $8, peak_rss_bytes = $9, n_statements = $10,"
        " longest_statement_ms = $11, n_retries = $12, error_code = $13, error_message = $14,"
        " detail_json = $15, owner = NULL, owned_since_us = NULL, lease_expires_us = NULL"
        " WHERE run_id = $1",
        &args, NULL, err);
}

/* Where the export stands now. A run without a cursor leaves the export's cursor as it is. */
static rv_code advance_export(rv_state *state, const rv_run_result *result, rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(result->run_id), rvi_bind_text_or_null(result->shapes_json)}};
    return rvi_change(state,
                      "INSERT INTO export_state (export_name, last_run_id, last_run_us, last_status, n_rows,"
                      " shapes_json) SELECT export_name, run_id, finished_us, status, n_rows, $2"
                      " FROM runs WHERE run_id = $1"
                      " ON CONFLICT (export_name) DO UPDATE SET last_run_id = excluded.last_run_id,"
                      " last_run_us = excluded.last_run_us, last_status = excluded.last_status,"
                      " n_rows = excluded.n_rows,"
                      " shapes_json = coalesce(excluded.shapes_json, export_state.shapes_json)",
                      &args, NULL, err);
}

static rv_code advance_cursor(rv_state *state, const rv_run_result *result, rv_error *err)
{
    const rv_cursor *cursor = result->cursor;
    const rvi_args args = {{rvi_bind_text(result->run_id), rvi_bind_text(cursor->columns),
                            rvi_bind_text(cursor->type), rvi_bind_text(cursor->value),
                            rvi_bind_text_or_null(cursor->mark)}};
    RV_TRY(rvi_change(state,
                      "UPDATE export_state SET cursor_columns = $2, cursor_type = $3, cursor_value = $4,"
                      " cursor_mark = $5, cursor_run_id = $1 WHERE last_run_id = $1",
                      &args, NULL, err));
    return rvi_settle_seen(state, result->run_id, err);
}

static rv_code record_schema(rv_state *state, const rv_run_result *result, rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(result->run_id), rvi_bind_int(result->finished_us)}};
    return rvi_change(state,
                      "INSERT INTO export_schema (export_name, run_id, recorded_us, schema_json)"
                      " SELECT r.export_name, r.run_id, $2, r.schema_json FROM runs r WHERE r.run_id = $1"
                      " AND r.schema_json <> coalesce((SELECT s.schema_json FROM export_schema s"
                      " WHERE s.export_name = r.export_name ORDER BY s.id DESC LIMIT 1), '')",
                      &args, NULL, err);
}

rv_code rv_state_finish_run(rv_state *state, const rv_run_result *result, const rv_owner *owner,
                            rv_error *err)
{
    assert(result->status != RV_RUN_RUNNING);
    RV_AUTO(rvi_tx_discard) rv_state *tx = NULL;
    RV_TRY(rvi_tx_begin(state, &tx, err));
    RV_TRY(rvi_hold_lease(state, result->run_id, owner, err));
    if (result->status == RV_RUN_SUCCEEDED)
        RV_TRY(check_complete(state, result->run_id, err));
    else
        RV_TRY(rvi_forget_parts(state, result->run_id, err));
    if (result->status != RV_RUN_SUCCEEDED)
        RV_TRY(rvi_forget_seen(state, result->run_id, err));
    RV_TRY(rvi_release_all(state, result->run_id, NULL, err));
    RV_TRY(update_result(state, result, err));
    if (result->status == RV_RUN_SUCCEEDED) {
        RV_TRY(advance_export(state, result, err));
        if (result->cursor)
            RV_TRY(advance_cursor(state, result, err));
        RV_TRY(record_schema(state, result, err));
    }
    if (result->retention != NULL)
        RV_TRY(rvi_forget_old_runs(state, result->run_id, result->retention, err));
    return rvi_tx_commit(&tx, err);
}
