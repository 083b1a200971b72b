/* retention.c - what is forgotten of runs that have ended long ago, so that a store does not grow without bound.
 *
 * Only rows go; files and manifests at the destination are nobody's business here. A run stays as long as it is open, as
 * long as its export stands where it left it, and as long as the configuration wants. It is done with a verdict, in its
 * transaction and a few runs at a time: a store that has grown for years shrinks over the next runs, and none of them
 * waits for it. */
#include "state/internal.h"

enum { MOST_RUNS_AT_ONCE = 50, MOST_EVENTS_AT_ONCE = 1000 };

static rv_code find_old_runs(rv_state *state, const char *run_id, const rv_retention *retention,
                             rvi_rows **out, rv_error *err)
{
    const rvi_args args = {{
        rvi_bind_text(run_id),
        rvi_bind_int(retention->keep_since_us),
        rvi_bind_int(retention->keep_runs - 1),
        rvi_bind_int(MOST_RUNS_AT_ONCE),
    }};
    return rvi_query(state,
                     "SELECT r.run_id FROM runs me JOIN runs r ON r.export_name = me.export_name"
                     " WHERE me.run_id = $1 AND r.status <> 'running' AND r.run_id <> $1"
                     " AND r.run_id <> coalesce((SELECT e.last_run_id FROM export_state e"
                     " WHERE e.export_name = me.export_name), '')"
                     " AND (r.started_us < $2 OR r.started_us < (SELECT n.started_us FROM runs n"
                     " WHERE n.export_name = me.export_name ORDER BY n.started_us DESC LIMIT 1 OFFSET $3))"
                     " ORDER BY r.started_us LIMIT $4",
                     &args, out, err);
}

static rv_code forget_run(rv_state *state, const char *run_id, rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(run_id)}};
    RV_TRY(rvi_forget_parts(state, run_id, err));
    RV_TRY(rvi_forget_chunks(state, run_id, err));
    RV_TRY(rvi_change(state, "DELETE FROM journal WHERE run_id = $1", &args, NULL, err));
    return rvi_change(state, "DELETE FROM runs WHERE run_id = $1", &args, NULL, err);
}

/* Of runs that were refused before they were recorded. They are looked for from the export's oldest event on, so nothing
 * is looked at where that is young. */
static rv_code forget_old_events(rv_state *state, const char *run_id, const rv_retention *retention,
                                 rv_error *err)
{
    const rvi_args args = {
        {rvi_bind_text(run_id), rvi_bind_int(retention->keep_since_us), rvi_bind_int(MOST_EVENTS_AT_ONCE)}};
    return rvi_change(state,
                      "DELETE FROM journal WHERE at_us < $2 AND id IN (SELECT j.id FROM journal j"
                      " JOIN runs me ON me.export_name = j.export_name WHERE me.run_id = $1"
                      " ORDER BY j.id LIMIT $3)"
                      " AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.run_id = journal.run_id)",
                      &args, NULL, err);
}

rv_code rvi_forget_old_runs(rv_state *state, const char *run_id, const rv_retention *retention, rv_error *err)
{
    RV_AUTO(rvi_rows_free) rvi_rows *rows = NULL;
    RV_TRY(find_old_runs(state, run_id, retention, &rows, err));
    for (const rvi_row *row = rows->first; row; row = row->next) {
        rvi_cells cells = rvi_cells_of(row);
        RV_TRY(forget_run(state, rvi_next_text(&cells), err));
    }
    return forget_old_events(state, run_id, retention, err);
}
