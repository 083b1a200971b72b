#include "listing.h"

#include <string.h>

typedef struct journal_list {
    rvi_listing base;
    char run_id[RV_RUN_ID_BYTES]; /* of the last line, to print a heading at each change */
} journal_list;

static rv_code add_json(rvi_listing *list, const rv_journal_row *row, rv_error *err)
{
    char stamp[RV_TIME_TEXT_BYTES];
    rv_time_rfc3339(stamp, row->at_us);
    json_t *detail = json_loads(row->detail_json != NULL ? row->detail_json : "{}", 0, NULL);
    json_t *object =
        json_pack("{s:s,s:s,s:s,s:s,s:o}", "run_id", row->run_id, "export_name", row->export_name, "at",
                  stamp, "event", row->event, "detail", detail != NULL ? detail : json_object());
    return rvi_listing_add(list, object, err);
}

static rv_code show_event(void *context, const rv_journal_row *row, rv_error *err)
{
    journal_list *list = context;
    char time[RVI_UNIT_BYTES];
    list->base.n++;
    if (list->base.array != NULL)
        return add_json(&list->base, row, err);
    if (strcmp(list->run_id, row->run_id) != 0) {
        (void)snprintf(list->run_id, sizeof list->run_id, "%s", row->run_id);
        printf("%s\n", row->run_id);
    }
    printf("  %s  %-16s %s\n", rvi_text_time(time, row->at_us), row->event,
           row->detail_json != NULL ? row->detail_json : "");
    return RV_OK;
}

rv_code rvi_cmd_journal(rvi_cli *cli, const rvi_args *args, rv_error *err)
{
    RV_AUTO(rv_config_free) rv_config *config = NULL;
    RV_AUTO(rv_state_close) rv_state *state = NULL;
    journal_list list = {.run_id = ""};
    int64_t limit = 0;
    RV_TRY(rvi_option_int(args, "limit", 5, 1, 100000, &limit, err));
    RV_TRY(rvi_listing_open(&(rvi_listing_request){cli, args, RVI_NEEDS_STATE}, &list.base, &state, &config,
                            err));
    rv_code rc = rv_state_list_journal(state, rvi_option_value(args, "export"),
                                       rvi_option_value(args, "run-id"), limit, show_event, &list, err);
    return rvi_listing_close(&list.base, rc, "no events yet", err);
}
