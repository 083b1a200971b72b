/* cmd_state_reset.c - rivet state reset, rivet state reset-chunks: they ask nothing, and say what they did.
 *
 * The store is read first and opened for writing only where there is something to forget, so that a mistyped name
 * creates no store and changes none. */
#include "listing.h"

#include "rivet/run.h"

enum { ARENA_BYTES = 64 << 20 };

typedef struct reset {
    rvi_cli *cli;
    rv_config *config;
    rv_state *state; /* for reading, until there is something to do */
    rv_arena *arena;
    rvi_listing list;
} reset;

static void reset_free(reset *r)
{
    rv_state_close(r->state);
    rv_config_free(r->config);
    rv_arena_free(r->arena);
}

static rv_code reset_open(reset *r, rvi_cli *cli, const rvi_args *args, rv_error *err)
{
    r->cli = cli;
    RV_TRY(rv_arena_new(&r->arena, ARENA_BYTES, err));
    return rvi_listing_open(&(rvi_listing_request){cli, args, RVI_NEEDS_CONFIG}, &r->list, &r->state,
                            &r->config, err);
}

static rv_code open_for_writing(reset *r, rv_error *err)
{
    rv_state_close(r->state);
    r->state = NULL;
    return rvi_open_state(r->config, RV_STATE_WRITE, &r->state, err);
}

/* ---- cursors ---- */

static rv_code tell_cursor(reset *r, const char *export_name, const rv_export_memory *memory,
                           const rv_open_run *open, rv_error *err)
{
    r->list.n++;
    if (r->list.array != NULL)
        return rvi_listing_add(&r->list,
                               json_pack("{s:s,s:b,s:s?,s:s?,s:s?}", "export_name", export_name, "reset",
                                         (int)memory->has_cursor, "cursor_columns", memory->cursor.columns,
                                         "cursor", memory->cursor.value, "open_run",
                                         open->exists ? open->plan.run_id : NULL),
                               err);
    if (memory->has_cursor)
        printf("forgot the cursor of '%s': %s = %s\nthe next incremental run begins from the start\n",
               export_name, memory->cursor.columns, memory->cursor.value);
    else
        printf("export '%s' has no cursor; nothing was changed\n", export_name);
    if (open->exists)
        printf("its run %s is open, and sets the cursor again when it succeeds; 'rivet state reset-chunks' "
               "gives "
               "it up\n",
               open->plan.run_id);
    return RV_OK;
}

static rv_code reset_cursor(reset *r, const char *export_name, rv_error *err)
{
    rv_export_memory memory = {0};
    rv_open_run open = {0};
    RV_TRY(rv_state_recall(r->state, export_name, r->arena, &memory, err));
    RV_TRY(rv_state_find_open_run(r->state, export_name, r->arena, &open, err));
    if (memory.has_cursor) {
        RV_TRY(open_for_writing(r, err));
        RV_TRY(rv_state_reset_cursor(r->state, export_name, &memory.has_cursor, err));
    }
    return tell_cursor(r, export_name, &memory, &open, err);
}

rv_code rvi_cmd_state_reset(rvi_cli *cli, const rvi_args *args, rv_error *err)
{
    reset r = {.config = NULL};
    rv_code rc = reset_open(&r, cli, args, err);
    if (rc == RV_OK)
        rc = rvi_listing_close(&r.list, reset_cursor(&r, rvi_option_value(args, "export"), err), "", err);
    reset_free(&r);
    return rc;
}

/* ---- interrupted runs ---- */

static rv_code tell_run(reset *r, const char *export_name, const rv_open_run *open, rv_error *err)
{
    r->list.n++;
    if (r->list.array != NULL)
        return rvi_listing_add(&r->list,
                               json_pack("{s:s,s:s,s:I,s:I}", "export_name", export_name, "run_id",
                                         open->plan.run_id, "chunks", (json_int_t)open->n_chunks, "completed",
                                         (json_int_t)open->n_completed),
                               err);
    printf("gave up run %s of '%s': %lld of its %lld chunks were complete; the next run starts anew\n",
           open->plan.run_id, export_name, (long long)open->n_completed, (long long)open->n_chunks);
    return RV_OK;
}

static rv_code make_context(const reset *r, rv_run_context *out, rv_error *err)
{
    *out = (rv_run_context){.config = r->config,
                            .clock = rv_clock_system(),
                            .cancel = r->cli->cancel,
                            .redactor = r->cli->redactor};
    return rv_run_state_path(r->config, r->arena, &out->state_path, err);
}

static rv_code give_up(reset *r, const rv_export_config *export_config, bool only_dead, rv_error *err)
{
    rv_open_run open = {0};
    rv_run_context context;
    RV_TRY(rv_state_find_open_run(r->state, export_config->name, r->arena, &open, err));
    if (!open.exists || (only_dead && open.owner_alive))
        return RV_OK;
    RV_TRY(make_context(r, &context, err));
    RV_TRY(rv_run_give_up(&context, export_config, &open, r->arena, err));
    return open.exists ? tell_run(r, export_config->name, &open, err) : RV_OK;
}

/* The runs of a partitioned export have names that the file does not know; all that is needed is in the store. */
static rv_code give_up_named(reset *r, const char *export_name, bool only_dead, rv_error *err)
{
    rv_export_config export_config = r->config->exports[0];
    export_config.name = export_name;
    return give_up(r, &export_config, only_dead, err);
}

static rv_code give_up_partitions(reset *r, const rv_export_config *export_config, const rv_open_names *open,
                                  rv_error *err)
{
    for (int i = 0; i < open->n; i++) {
        const char *name = open->items[i].export_name;
        rv_plan_difference found;
        if (rv_config_export(r->config, name, NULL) != NULL) /* its turn comes, or has been */
            continue;
        RV_TRY(rv_plan_compare_renamed(r->arena, export_config, name, open->items[i].config_fingerprint,
                                       &found, err));
        if (found.known)
            RV_TRY(give_up_named(r, name, true, err));
    }
    return RV_OK;
}

static rv_code give_up_all(reset *r, rv_error *err)
{
    rv_run_context context;
    rv_open_names open;
    RV_TRY(make_context(r, &context, err));
    RV_TRY(rv_run_list_open(&context, r->arena, &open, err));
    for (int i = 0; i < r->config->n_exports; i++) {
        RV_TRY(give_up(r, &r->config->exports[i], true, err));
        RV_TRY(give_up_partitions(r, &r->config->exports[i], &open, err));
    }
    return RV_OK;
}

rv_code rvi_cmd_state_reset_chunks(rvi_cli *cli, const rvi_args *args, rv_error *err)
{
    const char *export_name = rvi_option_value(args, "export");
    const bool all = rvi_option_given(args, "stuck-checkpoints") || rvi_option_given(args, "failed");
    if ((export_name != NULL) == all)
        return rv_fail(err, RV_E_USAGE, "reset-chunks takes either --export or --stuck-checkpoints");
    reset r = {.config = NULL};
    rv_code rc = reset_open(&r, cli, args, err);
    if (rc == RV_OK)
        rc = rvi_listing_close(&r.list,
                               all ? give_up_all(&r, err) : give_up_named(&r, export_name, false, err),
                               "no run is open; nothing was changed", err);
    reset_free(&r);
    return rc;
}
