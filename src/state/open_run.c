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

rv_code rv_state_list_open_runs(rv_state *state, rv_open_name_fn fn, void *context, rv_error *err)
{
    RV_AUTO(rvi_rows_free) rvi_rows *rows = NULL;
    RV_TRY(rvi_query(
        state,
        "SELECT export_name, config_fingerprint FROM runs WHERE status = 'running' ORDER BY export_name",
        &(rvi_args){0}, &rows, err));
    for (const rvi_row *row = rows->first; row; row = row->next) {
        rvi_cells cells = rvi_cells_of(row);
        const char *export_name = rvi_next_text(&cells);
        RV_TRY(fn(context, export_name, rvi_next_text(&cells), err));
    }
    return RV_OK;
}
