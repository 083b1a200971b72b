/* list.c - the read side: exports, files and runs, newest first. */
#include "state/internal.h"

/* $1 is the limit, $2 the export where there is one. */
static rvi_args listing_args(const char *export_name, int64_t limit)
{
    rvi_args args = {{rvi_bind_int(limit > 0 ? limit : INT64_MAX)}};
    if (export_name)
        args.v[1] = rvi_bind_text(export_name);
    return args;
}

rv_code rv_state_list_cursors(rv_state *state, rv_cursor_fn fn, void *context, rv_error *err)
{
    RV_AUTO(rvi_rows_free) rvi_rows *rows = NULL;
    RV_TRY(
        rvi_query(state,
                  "SELECT e.export_name, e.last_run_id, e.last_status, r.mode, r.strategy, e.cursor_columns,"
                  " e.cursor_value, e.last_run_us, e.n_rows,"
                  " (SELECT count(*) FROM chunks c WHERE c.run_id = e.last_run_id)"
                  " FROM export_state e LEFT JOIN runs r ON r.run_id = e.last_run_id"
                  " ORDER BY e.last_run_us DESC, e.export_name",
                  &(rvi_args){0}, &rows, err));
    for (const rvi_row *row = rows->first; row; row = row->next) {
        rvi_cells cells = rvi_cells_of(row);
        rv_cursor_row cursor = {.export_name = rvi_next_text(&cells)};
        cursor.last_run_id = rvi_next_text(&cells);
        cursor.last_status = rvi_next_text(&cells);
        cursor.mode = rvi_next_text(&cells);
        cursor.strategy = rvi_next_text(&cells);
        cursor.cursor_columns = rvi_next_text_or_null(&cells);
        cursor.cursor_value = rvi_next_text_or_null(&cells);
        cursor.last_run_us = rvi_next_int(&cells);
        cursor.rows = rvi_next_int(&cells);
        cursor.n_chunks = rvi_next_int(&cells);
        RV_TRY(fn(context, &cursor, err));
    }
    return RV_OK;
}

#define FILE_COLUMNS "r.export_name, r.run_id, r.dest_uri, p.created_us, " RVI_PART_COLUMNS
/* The parts of a run that still runs, or failed, are not data. */
#define FILE_TABLES "runs r JOIN parts p ON p.run_id = r.run_id WHERE r.status = 'success'"
#define FILE_ORDER  "ORDER BY r.started_us DESC, r.run_id DESC, p.chunk_index DESC, p.sequence DESC LIMIT $1"

rv_code rv_state_list_files(rv_state *state, const char *export_name, int64_t limit, rv_file_fn fn,
                            void *context, rv_error *err)
{
    const char *sql = export_name ? "SELECT " FILE_COLUMNS " FROM " FILE_TABLES
                                    " AND r.export_name = $2 " FILE_ORDER
                                  : "SELECT " FILE_COLUMNS " FROM " FILE_TABLES " " FILE_ORDER;
    const rvi_args args = listing_args(export_name, limit);
    RV_AUTO(rvi_rows_free) rvi_rows *rows = NULL;
    RV_TRY(rvi_query(state, sql, &args, &rows, err));
    for (const rvi_row *row = rows->first; row; row = row->next) {
        rvi_cells cells = rvi_cells_of(row);
        rv_file_row file = {.export_name = rvi_next_text(&cells)};
        file.run_id = rvi_next_text(&cells);
        file.dest_uri = rvi_next_text(&cells);
        file.created_us = rvi_next_int(&cells);
        rvi_read_part(&cells, &file.part);
        RV_TRY(fn(context, &file, err));
    }
    return RV_OK;
}

void rvi_read_plan(rvi_cells *cells, rv_run_plan *out)
{
    out->run_id = rvi_next_text(cells);
    out->export_name = rvi_next_text(cells);
    out->plan_fingerprint = rvi_next_text(cells);
    out->strategy = rvi_next_text(cells);
    out->mode = rvi_next_text(cells);
    out->format = rvi_next_text(cells);
    out->compression = rvi_next_text(cells);
    out->profile = rvi_next_text(cells);
    out->dest_kind = rvi_next_text(cells);
    out->dest_path = rvi_next_text(cells);
    out->dest_uri = rvi_next_text(cells);
    out->schema_json = rvi_next_text(cells);
    out->source_json = rvi_next_text(cells);
    out->config_fingerprint = rvi_next_text(cells);
    out->window_json = rvi_next_text_or_null(cells);
    out->snapshot = rvi_next_int(cells) != 0;
    out->started_us = rvi_next_int(cells);
}

#define RESULT_COLUMNS                                                                                       \
    "status, finished_us, duration_ms, n_rows, n_files, n_bytes, wire_bytes, peak_rss_bytes, n_statements, " \
    "longest_statement_ms, n_retries, error_code, error_message, detail_json"
#define RUN_ORDER "ORDER BY started_us DESC, run_id DESC LIMIT $1"

static rv_code read_result(rv_state *state, rvi_cells *cells, rv_run_result *out, rv_error *err)
{
    const char *status = rvi_next_text(cells);
    if (!rvi_run_status_parse(status, &out->status))
        return rvi_fail_content(state, err, "the unknown run status '%.32s'", status);
    out->finished_us = rvi_next_int(cells);
    out->duration_ms = rvi_next_int(cells);
    out->rows = rvi_next_int(cells);
    out->files = rvi_next_int(cells);
    out->bytes = (uint64_t)rvi_next_int(cells);
    out->wire_bytes = (uint64_t)rvi_next_int(cells);
    out->peak_rss_bytes = (uint64_t)rvi_next_int(cells);
    out->statements = rvi_next_int(cells);
    out->longest_statement_ms = rvi_next_int(cells);
    out->retries = rvi_next_int(cells);
    out->code = (rv_code)rvi_next_int(cells);
    out->error_message = rvi_next_text_or_null(cells);
    out->detail_json = rvi_next_text_or_null(cells);
    return RV_OK;
}

rv_code rv_state_list_runs(rv_state *state, const char *export_name, int64_t limit, rv_run_fn fn,
                           void *context, rv_error *err)
{
    const char *sql = export_name ? "SELECT " RVI_PLAN_COLUMNS ", " RESULT_COLUMNS
                                    " FROM runs WHERE export_name = $2 " RUN_ORDER
                                  : "SELECT " RVI_PLAN_COLUMNS ", " RESULT_COLUMNS " FROM runs " RUN_ORDER;
    const rvi_args args = listing_args(export_name, limit);
    RV_AUTO(rvi_rows_free) rvi_rows *rows = NULL;
    RV_TRY(rvi_query(state, sql, &args, &rows, err));
    for (const rvi_row *row = rows->first; row; row = row->next) {
        rvi_cells cells = rvi_cells_of(row);
        rv_run_row run = {0};
        rvi_read_plan(&cells, &run.plan);
        run.result.run_id = run.plan.run_id;
        RV_TRY(read_result(state, &cells, &run.result, err));
        RV_TRY(fn(context, &run, err));
    }
    return RV_OK;
}
