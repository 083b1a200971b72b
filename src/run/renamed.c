/* renamed.c - open runs that no export of the configuration goes by the name of any more, because of partition_by.
 *
 * A partition is an export named <export>__<bucket>, so another partition_by, another granularity, and partition_by
 * itself, when it is added or removed, give other names. A run that was left open under an old one would be met by
 * nobody. It is looked for before anything of the export is begun, and is then what an open run of the same name would
 * be: one of another configuration (changed.c). */
#include "internal.h"

#include <string.h>

enum { FIRST_CAPACITY = 8 };

/* ---- what is open ---- */

typedef struct open_list {
    rv_arena *arena;
    rv_open_name *items;
    int n, capacity;
} open_list;

static rv_code add_open(void *context, const char *export_name, const char *config_fingerprint, rv_error *err)
{
    open_list *list = context;
    if (list->n == list->capacity) {
        int capacity = list->capacity == 0 ? FIRST_CAPACITY : 2 * list->capacity;
        rv_open_name *grown = rv_arena_alloc(list->arena, (size_t)capacity, sizeof *grown);
        if (grown == NULL)
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "looking for open runs");
        if (list->n > 0)
            memcpy(grown, list->items, (size_t)list->n * sizeof *grown);
        list->items = grown;
        list->capacity = capacity;
    }
    const rv_open_name one = {rv_arena_strdup(list->arena, export_name),
                              rv_arena_strdup(list->arena, config_fingerprint)};
    if (one.export_name == NULL || one.config_fingerprint == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "looking for open runs");
    list->items[list->n++] = one;
    return RV_OK;
}

rv_code rv_run_list_open(const rv_run_context *context, rv_arena *arena, rv_open_names *out, rv_error *err)
{
    open_list list = {.arena = arena};
    RV_AUTO(rv_state_close) rv_state *state = NULL;
    RV_TRY(rv_state_open(&state, context->state_path, RV_STATE_READ, context->clock, err));
    RV_TRY(rv_state_list_open_runs(state, add_open, &list, err));
    *out = (rv_open_names){.items = list.items, .n = list.n};
    return RV_OK;
}

/* ---- what becomes of it ---- */

static bool has_name(const rv_export_config *exports, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcmp(exports[i].name, name) == 0)
            return true;
    return false;
}

typedef struct renamed_search {
    const rv_open_names *open;
    const rv_export_config *exports; /* what is run now */
    int n;
} renamed_search;

/* The file may have an export that is called what a partition of this one would be. */
static bool will_be_met(const rvi_run *run, const renamed_search *s, const char *name)
{
    const rv_export_config *called_so = rv_config_export(run->context->config, name, NULL);
    return has_name(s->exports, s->n, name) ||
           (called_so != NULL && strcmp(name, run->export_config->name) != 0);
}

static rv_code settle_all(rvi_run *run, void *object, rv_error *err)
{
    const renamed_search *s = object;
    for (int i = 0; i < s->open->n; i++) {
        const rv_open_name *one = &s->open->items[i];
        rv_plan_difference found;
        if (will_be_met(run, s, one->export_name))
            continue;
        RV_TRY(rv_plan_compare_renamed(run->arena, run->export_config, one->export_name,
                                       one->config_fingerprint, &found, err));
        if (found.known)
            RV_TRY(rvi_run_settle_renamed(run, one->export_name, &found, err));
    }
    return RV_OK;
}

rv_code rv_run_settle_renamed(const rv_run_context *context, const rv_export_config *export_config,
                              const rv_open_names *open, const rv_export_config *exports, int n,
                              rv_error *err)
{
    renamed_search search = {.open = open, .exports = exports, .n = n};
    return open->n == 0 ? RV_OK : rvi_run_aside(context, export_config, settle_all, &search, err);
}
