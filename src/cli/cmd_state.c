/* cmd_state.c - rivet state show, files and progression. */
#include "listing.h"

#include <string.h>

static rv_code show_cursor(void *context, const rv_cursor_row *row, rv_error *err)
{
    rvi_listing *list = context;
    char time[RVI_UNIT_BYTES], rows[RVI_UNIT_BYTES], stamp[RV_TIME_TEXT_BYTES];
    list->n++;
    rv_time_rfc3339(stamp, row->last_run_us);
    if (list->array != NULL)
        return rvi_listing_add(list,
                               json_pack("{s:s,s:s?,s:s?,s:s?,s:s,s:I}", "export_name", row->export_name,
                                         "last_run_id", row->last_run_id, "last_status", row->last_status,
                                         "cursor", row->cursor_value, "last_run_at", stamp, "rows",
                                         (json_int_t)row->rows),
                               err);
    if (list->n == 1)
        printf("%-24s %-24s %-10s %14s  %s\n", "EXPORT", "LAST RUN", "STATUS", "ROWS", "CURSOR");
    printf("%-24s %-24s %-10s %14s  %s\n", row->export_name, rvi_text_time(time, row->last_run_us),
           row->last_status != NULL ? row->last_status : "-", rvi_text_count(rows, row->rows),
           row->cursor_value != NULL ? row->cursor_value : "-");
    return RV_OK;
}

typedef struct progression {
    rvi_listing list;
    const char *only; /* NULL: every export */
} progression;

static rv_code show_progress(void *context, const rv_cursor_row *row, rv_error *err)
{
    progression *p = context;
    char time[RVI_UNIT_BYTES], chunks[RVI_UNIT_BYTES], stamp[RV_TIME_TEXT_BYTES];
    if (p->only != NULL && strcmp(p->only, row->export_name) != 0)
        return RV_OK;
    p->list.n++;
    rv_time_rfc3339(stamp, row->last_run_us);
    if (p->list.array != NULL)
        return rvi_listing_add(&p->list,
                               json_pack("{s:s,s:s,s:s,s:s,s:s?,s:s?,s:I,s:I,s:s}", "export_name",
                                         row->export_name, "run_id", row->last_run_id, "mode", row->mode,
                                         "strategy", row->strategy, "cursor_columns", row->cursor_columns,
                                         "cursor", row->cursor_value, "chunks", (json_int_t)row->n_chunks,
                                         "rows", (json_int_t)row->rows, "committed_at", stamp),
                               err);
    if (p->list.n == 1)
        printf("%-24s %-24s %-12s %-10s %8s  %-36s %s\n", "EXPORT", "COMMITTED", "MODE", "STRATEGY", "CHUNKS",
               "RUN", "CURSOR");
    printf("%-24s %-24s %-12s %-10s %8s  %-36s %s\n", row->export_name, rvi_text_time(time, row->last_run_us),
           row->mode, row->strategy, rvi_text_count(chunks, row->n_chunks), row->last_run_id,
           row->cursor_value != NULL ? row->cursor_value : "-");
    return RV_OK;
}

rv_code rvi_cmd_state_progression(rvi_cli *cli, const rvi_args *args, rv_error *err)
{
    RV_AUTO(rv_config_free) rv_config *config = NULL;
    RV_AUTO(rv_state_close) rv_state *state = NULL;
    progression p = {.only = rvi_option_value(args, "export")};
    RV_TRY(
        rvi_listing_open(&(rvi_listing_request){cli, args, RVI_NEEDS_STATE}, &p.list, &state, &config, err));
    rv_code rc = rv_state_list_cursors(state, show_progress, &p, err);
    return rvi_listing_close(&p.list, rc, "nothing has been committed yet", err);
}

static rv_code show_file(void *context, const rv_file_row *row, rv_error *err)
{
    rvi_listing *list = context;
    char time[RVI_UNIT_BYTES], rows[RVI_UNIT_BYTES], bytes[RVI_UNIT_BYTES], stamp[RV_TIME_TEXT_BYTES];
    list->n++;
    rv_time_rfc3339(stamp, row->created_us);
    if (list->array != NULL)
        return rvi_listing_add(list,
                               json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:s}", "export_name", row->export_name,
                                         "run_id", row->run_id, "destination", row->dest_uri, "file_name",
                                         row->part.name, "rows", (json_int_t)row->part.rows, "bytes",
                                         (json_int_t)row->part.bytes, "created_at", stamp),
                               err);
    if (list->n == 1)
        printf("%-24s %14s %10s  %s\n", "WRITTEN", "ROWS", "SIZE", "FILE");
    printf("%-24s %14s %10s  %s/%s\n", rvi_text_time(time, row->created_us),
           rvi_text_count(rows, row->part.rows), rvi_text_bytes(bytes, row->part.bytes), row->dest_uri,
           row->part.name);
    return RV_OK;
}

rv_code rvi_cmd_state_show(rvi_cli *cli, const rvi_args *args, rv_error *err)
{
    RV_AUTO(rv_config_free) rv_config *config = NULL;
    RV_AUTO(rv_state_close) rv_state *state = NULL;
    rvi_listing list;
    RV_TRY(rvi_listing_open(&(rvi_listing_request){cli, args, RVI_NEEDS_STATE}, &list, &state, &config, err));
    rv_code rc = rv_state_list_cursors(state, show_cursor, &list, err);
    return rvi_listing_close(&list, rc, "no export has run yet", err);
}

rv_code rvi_cmd_state_files(rvi_cli *cli, const rvi_args *args, rv_error *err)
{
    RV_AUTO(rv_config_free) rv_config *config = NULL;
    RV_AUTO(rv_state_close) rv_state *state = NULL;
    rvi_listing list;
    int64_t limit = 0;
    RV_TRY(rvi_option_int(args, "limit", 50, 1, 1000000, &limit, err));
    RV_TRY(rvi_listing_open(&(rvi_listing_request){cli, args, RVI_NEEDS_STATE}, &list, &state, &config, err));
    rv_code rc = rv_state_list_files(state, rvi_option_value(args, "export"), limit, show_file, &list, err);
    return rvi_listing_close(&list, rc, "no files yet", err);
}
