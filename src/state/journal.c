/* journal.c - what happened in a run, event by event. */
#include "state/internal.h"

rv_code rvi_insert_event(rv_state *state, const rv_journal_row *event, rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(event->run_id), rvi_bind_text(event->export_name),
                            rvi_bind_text(event->event),
                            rvi_bind_text(event->detail_json ? event->detail_json : "{}"),
                            rvi_bind_int(event->at_us != 0 ? event->at_us : rvi_now_us(state))}};
    RV_TRY_CTX(rvi_change(state,
                          "INSERT INTO journal (run_id, export_name, event, detail_json, at_us)"
                          " VALUES ($1, $2, $3, $4, $5)",
                          &args, NULL, err),
               err, "recording the event %s", event->event);
    return RV_OK;
}

rv_code rv_state_journal_all(rv_state *state, const rv_journal_row *events, int64_t n_events, rv_error *err)
{
    if (n_events == 0)
        return RV_OK;
    RV_AUTO(rvi_tx_discard) rv_state *tx = NULL;
    RV_TRY(rvi_tx_begin(state, &tx, err));
    for (int64_t i = 0; i < n_events; i++)
        RV_TRY(rvi_insert_event(state, &events[i], err));
    return rvi_tx_commit(&tx, err);
}

rv_code rv_state_journal(rv_state *state, const char *run_id, const char *export_name, const char *event,
                         const char *detail_json, rv_error *err)
{
    const rv_journal_row row = {
        .run_id = run_id, .export_name = export_name, .event = event, .detail_json = detail_json};
    return rv_state_journal_all(state, &row, 1, err);
}

static rv_code query_journal(rv_state *state, const char *export_name, const char *run_id, int64_t limit,
                             rvi_rows **rows, rv_error *err)
{
    if (run_id) {
        const rvi_args args = {{rvi_bind_text(run_id)}};
        return rvi_query(state,
                         "SELECT run_id, export_name, event, detail_json, at_us FROM journal"
                         " WHERE run_id = $1 ORDER BY id",
                         &args, rows, err);
    }
    const int64_t n_runs = limit > 0 ? limit : INT64_MAX;
    if (export_name) {
        const rvi_args args = {{rvi_bind_int(n_runs), rvi_bind_text(export_name)}};
        return rvi_query(state,
                         "SELECT run_id, export_name, event, detail_json, at_us FROM journal"
                         " WHERE run_id IN (SELECT run_id FROM journal WHERE export_name = $2"
                         " GROUP BY run_id ORDER BY min(id) DESC LIMIT $1) ORDER BY id",
                         &args, rows, err);
    }
    const rvi_args args = {{rvi_bind_int(n_runs)}};
    return rvi_query(
        state,
        "SELECT run_id, export_name, event, detail_json, at_us FROM journal"
        " WHERE run_id IN (SELECT run_id FROM journal GROUP BY run_id ORDER BY min(id) DESC LIMIT $1)"
        " ORDER BY id",
        &args, rows, err);
}

rv_code rv_state_list_journal(rv_state *state, const char *export_name, const char *run_id, int64_t limit,
                              rv_journal_fn fn, void *context, rv_error *err)
{
    RV_AUTO(rvi_rows_free) rvi_rows *rows = NULL;
    RV_TRY(query_journal(state, export_name, run_id, limit, &rows, err));
    for (const rvi_row *row = rows->first; row; row = row->next) {
        rvi_cells cells = rvi_cells_of(row);
        rv_journal_row event = {.run_id = rvi_next_text(&cells)};
        event.export_name = rvi_next_text(&cells);
        event.event = rvi_next_text(&cells);
        event.detail_json = rvi_next_text(&cells);
        event.at_us = rvi_next_int(&cells);
        RV_TRY(fn(context, &event, err));
    }
    return RV_OK;
}
