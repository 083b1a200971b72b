#include "listing.h"

static rv_code add_json(rvi_listing *list, const rv_run_row *row, rv_error *err)
{
    char stamp[RV_TIME_TEXT_BYTES];
    rv_time_rfc3339(stamp, row->plan.started_us);
    const rv_run_result *r = &row->result;
    json_t *object = json_pack(
        "{s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:s,s:s,s:s,s:s?,s:s?}", "run_id", row->plan.run_id,
        "export_name", row->plan.export_name, "run_at", stamp, "status", rv_run_status_name(r->status),
        "total_rows", (json_int_t)r->rows, "duration_ms", (json_int_t)r->duration_ms, "peak_rss_bytes",
        (json_int_t)r->peak_rss_bytes, "files_produced", (json_int_t)r->files, "bytes_written",
        (json_int_t)r->bytes, "retries", (json_int_t)r->retries, "statements", (json_int_t)r->statements,
        "longest_statement_ms", (json_int_t)r->longest_statement_ms, "mode", row->plan.mode, "strategy",
        row->plan.strategy, "format", row->plan.format, "error_code",
        r->code != RV_OK ? rv_code_name(r->code) : NULL, "error_message", r->error_message);
    json_t *detail = r->detail_json != NULL ? json_loads(r->detail_json, 0, NULL) : NULL;
    json_t *validated = json_object_get(detail, "validated");
    /* null: it was not asked for */
    (void)json_object_set(object, "validated", validated != NULL ? validated : json_null());
    json_decref(detail);
    return rvi_listing_add(list, object, err);
}

static rv_code show_run(void *context, const rv_run_row *row, rv_error *err)
{
    rvi_listing *list = context;
    const rv_run_result *r = &row->result;
    char rows[RVI_UNIT_BYTES], bytes[RVI_UNIT_BYTES], time[RVI_UNIT_BYTES], rss[RVI_UNIT_BYTES],
        stmt[RVI_UNIT_BYTES];
    list->n++;
    if (list->array != NULL)
        return add_json(list, row, err);
    if (list->n == 1)
        printf("%-44s %-11s %14s %10s %10s %10s %9s  %s\n", "RUN", "STATUS", "ROWS", "SIZE", "DURATION",
               "PEAK RSS", "LONGEST", "STRATEGY");
    printf("%-44s %-11s %14s %10s %10s %10s %9s  %s", row->plan.run_id, rv_run_status_name(r->status),
           rvi_text_count(rows, r->rows), rvi_text_bytes(bytes, r->bytes),
           rvi_text_duration(time, r->duration_ms), rvi_text_bytes(rss, r->peak_rss_bytes),
           rvi_text_duration(stmt, r->longest_statement_ms), row->plan.strategy);
    if (r->code != RV_OK)
        printf("  %s", rv_code_name(r->code));
    putchar('\n');
    return RV_OK;
}

rv_code rvi_cmd_metrics(rvi_cli *cli, const rvi_args *args, rv_error *err)
{
    RV_AUTO(rv_config_free) rv_config *config = NULL;
    RV_AUTO(rv_state_close) rv_state *state = NULL;
    rvi_listing list;
    int64_t limit = 0;
    RV_TRY(rvi_option_int(args, "limit", 20, 1, 1000000, &limit, err));
    RV_TRY(rvi_listing_open(&(rvi_listing_request){cli, args, RVI_NEEDS_STATE}, &list, &state, &config, err));
    rv_code rc = rv_state_list_runs(state, rvi_option_value(args, "export"), limit, show_run, &list, err);
    return rvi_listing_close(&list, rc, "no runs yet", err);
}
