/* cmd_state_chunks.c - rivet state chunks. */
#include "listing.h"

enum { BOUNDS_BYTES = 1024, ARENA_BYTES = 64 << 20 };

static rv_code add_json(rvi_listing *list, const rv_chunk_row *row, const char *bounds, rv_error *err)
{
    const rv_chunk *chunk = &row->chunk;
    char stamp[RV_TIME_TEXT_BYTES];
    rv_time_rfc3339(stamp, row->updated_us);
    json_t *object = json_pack(
        "{s:s,s:s,s:I,s:s,s:o,s:I,s:I,s:I,s:s?,s:o,s:s}", "export_name", row->export_name, "run_id",
        row->run_id, "chunk_index", (json_int_t)chunk->index, "status", rv_chunk_status_name(chunk->status),
        "bounds", rvi_text_json(bounds), "attempts", (json_int_t)chunk->attempts, "rows",
        (json_int_t)chunk->rows, "epoch", (json_int_t)chunk->epoch, "owner",
        row->owner.text[0] != '\0' ? row->owner.text : NULL, "last_error",
        row->last_error != NULL ? rvi_text_json(row->last_error) : json_null(), "updated_at", stamp);
    return rvi_listing_add(list, object, err);
}

static rv_code show_chunk(void *context, const rv_chunk_row *row, rv_error *err)
{
    rvi_listing *list = context;
    const rv_chunk *chunk = &row->chunk;
    char bounds[BOUNDS_BYTES], rows[RVI_UNIT_BYTES], reader[RV_OWNER_WORDS_BYTES] = "",
                                                     reason[BOUNDS_BYTES] = "";
    rv_bounds_text(bounds, sizeof bounds, &chunk->bounds);
    list->n++;
    if (list->array != NULL)
        return add_json(list, row, bounds, err);
    rvi_text_clean(bounds);
    if (row->owner.text[0] != '\0')
        rv_owner_words(reader, row->owner.text);
    if (row->last_error != NULL)
        rvi_text_line(reason, sizeof reason, row->last_error);
    if (list->n == 1)
        printf("%s\n%8s  %-10s %8s %14s  %s\n", row->run_id, "CHUNK", "STATUS", "ATTEMPTS", "ROWS", "BOUNDS");
    printf("%8lld  %-10s %8lld %14s  %s%s%s%s%s\n", (long long)chunk->index,
           rv_chunk_status_name(chunk->status), (long long)chunk->attempts, rvi_text_count(rows, chunk->rows),
           bounds, reader[0] != '\0' ? "; read by " : "", reader, reason[0] != '\0' ? "; " : "", reason);
    return RV_OK;
}

/* The run to show: the one that was asked for, the open one, or the last that succeeded; NULL: none. */
static rv_code choose_run(rv_state *state, const rvi_args *args, rv_arena *arena, const char **out,
                          rv_error *err)
{
    const char *export_name = rvi_option_value(args, "export");
    *out = rvi_option_value(args, "run-id");
    if (*out != NULL)
        return RV_OK;
    rv_open_run open = {0};
    RV_TRY(rv_state_find_open_run(state, export_name, arena, &open, err));
    if (open.exists) {
        *out = open.plan.run_id;
        return RV_OK;
    }
    rv_export_memory memory = {0};
    RV_TRY(rv_state_recall(state, export_name, arena, &memory, err));
    *out = memory.last_run_id;
    return RV_OK;
}

rv_code rvi_cmd_state_chunks(rvi_cli *cli, const rvi_args *args, rv_error *err)
{
    RV_AUTO(rv_config_free) rv_config *config = NULL;
    RV_AUTO(rv_state_close) rv_state *state = NULL;
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    rvi_listing list;
    const char *run_id = NULL;
    RV_TRY(rv_arena_new(&arena, ARENA_BYTES, err));
    RV_TRY(rvi_listing_open(&(rvi_listing_request){cli, args, RVI_NEEDS_STATE}, &list, &state, &config, err));
    rv_code rc = choose_run(state, args, arena, &run_id, err);
    if (rc == RV_OK && run_id != NULL)
        rc = rv_state_list_chunks(state, run_id, show_chunk, &list, err);
    return rvi_listing_close(&list, rc, "no chunks", err);
}
