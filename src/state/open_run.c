/* open_run.c - runs that are not over: found by whoever wants to continue them, join them, or give them up. */
#include "state/internal.h"

#include <stdio.h>

/* Move a plan's strings from the result it was read from to the arena. */
static rv_code keep_plan(rv_arena *arena, rv_run_plan *plan, rv_error *err)
{
    const char **const texts[] = {
        &plan->run_id,      &plan->export_name, &plan->plan_fingerprint,   &plan->strategy,
        &plan->mode,        &plan->format,      &plan->compression,        &plan->profile,
        &plan->dest_kind,   &plan->dest_path,   &plan->dest_uri,           &plan->schema_json,
        &plan->source_json, &plan->window_json, &plan->config_fingerprint,
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!*texts[i])
            continue;
        *texts[i] = rv_arena_strdup(arena, *texts[i]);
        if (!*texts[i])
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "cannot hold the plan of the open run");
    }
    return RV_OK;
}

/* sql: RVI_OPEN_RUN_SELECT and a condition with one parameter. */
static rv_code find(rv_state *state, const char *sql, const char *wanted, rv_arena *arena, rv_open_run *out,
                    rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(wanted)}};
    RV_AUTO(rvi_rows_free) rvi_rows *rows = NULL;
    RV_TRY(rvi_query(state, sql, &args, &rows, err));
    rv_open_run open = {.exists = rows->n > 0};
    if (open.exists) {
        rvi_cells cells = rvi_cells_of(rows->first);
        rvi_read_plan(&cells, &open.plan);
        RV_TRY(keep_plan(arena, &open.plan, err));
        snprintf(open.owner.text, sizeof open.owner.text, "%s", rvi_next_text(&cells));
        open.owner_alive = rvi_owner_alive(open.owner.text, rvi_next_int(&cells), rvi_now_us(state));
        open.n_chunks = rvi_next_int(&cells);
        open.n_completed = rvi_next_int(&cells);
    }
    *out = open;
    return RV_OK;
}

#define SELECT_OPEN                                                                         \
    "SELECT " RVI_PLAN_COLUMNS ", owner, lease_expires_us,"                                 \
    " (SELECT count(*) FROM chunks c WHERE c.run_id = r.run_id),"                           \
    " (SELECT count(*) FROM chunks c WHERE c.run_id = r.run_id AND c.status = 'completed')" \
    " FROM runs r WHERE status = 'running' AND "

rv_code rv_state_find_open_run(rv_state *state, const char *export_name, rv_arena *arena, rv_open_run *out,
                               rv_error *err)
{
    return find(state, SELECT_OPEN "export_name = $1", export_name, arena, out, err);
}

rv_code rv_state_find_run(rv_state *state, const char *run_id, rv_arena *arena, rv_open_run *out,
                          rv_error *err)
{
    return find(state, SELECT_OPEN "run_id = $1", run_id, arena, out, err);
}

/* ---- giving up ---- */

static rv_code end_as_interrupted(rv_state *state, const rv_open_run *open, rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(open->plan.run_id), rvi_bind_text(open->owner.text),
                            rvi_bind_int(rvi_now_us(state)), rvi_bind_int(RV_E_CANCELLED),
                            rvi_bind_text("given up: its chunks were reset")}};
    int64_t n_changed;
    RV_TRY(rvi_change(state,
                      "UPDATE runs SET status = 'interrupted', finished_us = $3, error_code = $4,"
                      " error_message = $5, owner = NULL, owned_since_us = NULL, lease_expires_us = NULL"
                      " WHERE run_id = $1 AND owner = $2 AND status = 'running'",
                      &args, &n_changed, err));
    if (n_changed == 1)
        return RV_OK;
    return rv_fail(err, RV_E_RUN_LEASE_HELD, "run '%s' was just taken over by another process",
                   open->plan.run_id);
}

rv_code rv_state_reset_chunks(rv_state *state, const char *export_name, bool *found, rv_error *err)
{
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    RV_TRY(rv_arena_new(&arena, RVI_ROWS_MAX_BYTES, err));
    RV_AUTO(rvi_tx_discard) rv_state *tx = NULL;
    RV_TRY(rvi_tx_begin(state, &tx, err));
    rv_open_run open = {0};
    RV_TRY(rv_state_find_open_run(state, export_name, arena, &open, err));
    if (open.exists && open.owner_alive)
        return rvi_fail_alive(state, open.plan.run_id, err);
    if (open.exists) {
        RV_TRY(end_as_interrupted(state, &open, err));
        RV_TRY(rvi_forget_parts(state, open.plan.run_id, err));
        RV_TRY(rvi_forget_chunks(state, open.plan.run_id, err));
        RV_TRY(rvi_tx_commit(&tx, err));
    }
    *found = open.exists;
    return RV_OK;
}
