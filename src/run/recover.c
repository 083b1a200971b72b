/* recover.c - what an earlier process may have left, and how a run comes to stand in the state store.
 *
 * A run that is still `running` in the store, but whose owner is dead, is taken over. If it was made by the same
 * plan it is resumed under its own run_id: when every chunk is complete only the commit is repeated; chunks that do
 * not depend on a snapshot are kept after their parts are verified; otherwise the snapshot died with the process,
 * so the run's objects are removed and everything is read again under the same names. A run made by another plan is
 * closed as interrupted and its objects are removed. */
#include "internal.h"

#include "rivet/crash_point.h"
#include "rivet/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool rvi_object_belongs(const char *name, const char *run_id)
{
    size_t spool_prefix = strlen(RV_SPOOL_PREFIX), len = strlen(run_id);
    if (strncmp(name, RV_SPOOL_PREFIX, spool_prefix) == 0)
        return strncmp(name + spool_prefix, run_id, len) == 0 && name[spool_prefix + len] == '-';
    return strncmp(name, run_id, len) == 0 && (name[len] == '.' || name[len] == '_');
}

typedef struct name_list {
    rv_arena *arena;
    const char *run_id;
    const char **names;
    size_t n, cap;
} name_list;

static rv_code collect_name(void *context, const rv_dest_entry *entry, rv_error *err)
{
    name_list *list = context;
    if (!rvi_object_belongs(entry->name, list->run_id))
        return RV_OK;
    if (list->n == list->cap) {
        size_t cap = list->cap == 0 ? 16 : 2 * list->cap;
        const char **grown = rv_arena_alloc(list->arena, cap, sizeof *grown);
        if (grown == NULL)
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "listing the objects of a run");
        if (list->n > 0)
            memcpy(grown, list->names, list->n * sizeof *grown);
        list->names = grown;
        list->cap = cap;
    }
    list->names[list->n] = rv_arena_strdup(list->arena, entry->name);
    if (list->names[list->n] == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "listing the objects of a run");
    list->n++;
    return RV_OK;
}

rv_code rvi_remove_run_objects(rv_dest *dest, const char *run_id, rv_arena *arena, rv_error *err)
{
    if (!rv_dest_has(dest, RV_DEST_CAP_OBJECTS))
        return RV_OK;
    name_list list = {.arena = arena, .run_id = run_id};
    const char *spool_prefix = rv_arena_printf(arena, "%s%s", RV_SPOOL_PREFIX, run_id);
    if (spool_prefix == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "listing the objects of a run");
    RV_TRY(rv_dest_list(dest, run_id, collect_name, &list, err));
    RV_TRY(rv_dest_list(dest, spool_prefix, collect_name, &list, err));
    for (size_t i = 0; i < list.n; i++)
        RV_TRY(rv_dest_remove(dest, list.names[i], err));
    return RV_OK;
}

/* Every recorded part lies at the destination with its recorded size. */
typedef struct part_check {
    rv_dest *dest;
    int64_t n_bad;
    const rv_part *part; /* being looked for */
    bool found;
} part_check;

static rv_code match_part(void *context, const rv_dest_entry *entry, rv_error *err)
{
    (void)err;
    part_check *check = context;
    if (strcmp(entry->name, check->part->name) == 0 && entry->bytes == check->part->bytes)
        check->found = true;
    return RV_OK;
}

static rv_code check_part(void *context, const rv_part *part, rv_error *err)
{
    part_check *check = context;
    check->part = part;
    check->found = false;
    RV_TRY(rv_dest_list(check->dest, part->name, match_part, check, err));
    check->n_bad += !check->found;
    return RV_OK;
}

static rv_code parts_are_there(rvi_run *run, const char *run_id, bool *out, rv_error *err)
{
    part_check check = {.dest = run->dest};
    RV_TRY(rv_state_list_parts(run->state, run_id, check_part, &check, err));
    *out = check.n_bad == 0;
    return RV_OK;
}

/* A run of another plan: its files are no data, since no manifest names them. */
static rv_code close_stale_run(rvi_run *run, const rv_open_run *open, rv_error *err)
{
    rv_dest_config cfg = {.kind = open->plan.dest_kind, .path = open->plan.dest_path};
    RV_AUTO(rv_dest_close) rv_dest *dest = NULL;
    rv_error cleanup = {0};
    if (rv_dest_open(&dest, &cfg, cfg.path, run->cancel, &cleanup) != RV_OK ||
        rvi_remove_run_objects(dest, open->plan.run_id, run->arena, &cleanup) != RV_OK)
        rvi_run_note(run, "files of the interrupted run %s could not be removed: %s", open->plan.run_id,
                     cleanup.message);
    rv_run_result result = {.run_id = open->plan.run_id,
                            .status = RV_RUN_INTERRUPTED,
                            .finished_us = run->started_us,
                            .code = RV_E_CANCELLED,
                            .error_message = "its process ended; the export's plan has changed since"};
    return rv_state_finish_run(run->state, &result, &run->owner, err);
}

/* A run that failed before it could be planned leaves a row as well, so that metrics show it. */
void rvi_run_record_early_failure(rvi_run *run)
{
    const rv_export_config *e = run->export_config;
    rv_run_plan plan = {.run_id = run->run_id,
                        .export_name = e->name,
                        .plan_fingerprint = "",
                        .strategy = "",
                        .mode = e->mode,
                        .format = rv_format_name(e->format.kind),
                        .compression = rv_codec_name(e->format.codec),
                        .profile = rv_profile_name(e->tuning.profile),
                        .dest_kind = e->dest.kind,
                        .dest_path = "",
                        .dest_uri = "",
                        .schema_json = "[]",
                        .source_json = "{}",
                        .started_us = run->started_us};
    rv_error err = {0};
    if (rv_state_start_run(run->state, &plan, NULL, 0, &run->owner, RVI_LEASE_MS, &err) == RV_OK)
        run->recorded = true;
    else
        rv_log(RV_LOG_DEBUG, "the early failure of %s is not in the state store: %s", run->run_id,
               err.message);
}

static rv_code describe_for_state(rvi_run *run, rv_run_plan *out, rv_error *err)
{
    const rv_export_config *e = run->export_config;
    const rv_relation *r = &e->relation;
    rv_bytes text = RV_BYTES_INIT((size_t)16 << 20);
    rv_code rc = RV_OK;
    *out = (rv_run_plan){
        .run_id = run->run_id,
        .export_name = e->name,
        .plan_fingerprint = run->plan.fingerprint,
        .strategy = run->plan.strategy,
        .mode = e->mode,
        .format = rv_format_name(e->format.kind),
        .compression = rv_codec_name(e->format.codec),
        .profile = rv_profile_name(e->tuning.profile),
        .dest_kind = e->dest.kind,
        .dest_path = run->dest_path,
        .dest_uri = rv_dest_uri(run->dest),
        .started_us = run->started_us,
    };
    rc = rvi_schema_json(&run->plan.schema, &text, err);
    if (rc == RV_OK)
        out->schema_json = rv_arena_strndup(run->arena, (const char *)text.data, text.len);
    rv_bytes_clear(&text);
    if (rc == RV_OK)
        rc = rvi_source_json(&run->server, run->plan.info.namespace, r->table, &text, err);
    if (rc == RV_OK)
        out->source_json = rv_arena_strndup(run->arena, (const char *)text.data, text.len);
    rv_bytes_deinit(&text);
    if (rc == RV_OK && (out->schema_json == NULL || out->source_json == NULL))
        rc = rv_fail(err, RV_E_OUT_OF_MEMORY, "recording the run");
    return rc;
}

static rv_code resume(rvi_run *run, const rv_open_run *open, rv_error *err)
{
    bool all_there = false;
    RV_TRY(parts_are_there(run, run->run_id, &all_there, err));
    bool complete = open->n_completed == open->n_chunks && open->n_chunks == run->plan.n_chunks;
    run->summary->resumed = true;
    run->recorded = true;
    if (all_there && (complete || !run->plan.snapshot)) {
        atomic_store(&run->counters.chunks_done, open->n_completed);
        rv_log(RV_LOG_INFO, "resuming %s: %" PRId64 " of %" PRId64 " chunks are complete", run->run_id,
               open->n_completed, open->n_chunks);
        return RV_OK;
    }
    rv_log(RV_LOG_INFO, "repeating %s: its snapshot ended with its process", run->run_id);
    RV_TRY(rvi_remove_run_objects(run->dest, run->run_id, run->arena, err));
    rv_run_plan plan;
    RV_TRY(describe_for_state(run, &plan, err));
    return rv_state_replan_run(run->state, &plan, run->plan.chunks, run->plan.n_chunks, &run->owner, err);
}

static rv_code refuse_existing(rvi_run *run, rv_error *err)
{
    if (run->export_config->on_existing != RV_EXISTING_FAIL || !rv_dest_has(run->dest, RV_DEST_CAP_OBJECTS))
        return RV_OK;
    rv_bytes marker = RV_BYTES_INIT(4096);
    bool found = false;
    rv_code rc = rv_dest_get(run->dest, "_SUCCESS", &marker, &found, err);
    rv_bytes_deinit(&marker);
    if (rc != RV_OK || !found)
        return rc;
    rv_fail(err, RV_E_DEST_EXISTS, "a successful run already lies in %s", rv_dest_uri(run->dest));
    rv_hint(err, "use another path (for example with {run_id}), or set on_existing: append or replace");
    return RV_E_DEST_EXISTS;
}

/* The path is recorded with the run, and the next process may stand in another folder. */
static rv_code make_absolute(rvi_run *run, const char *path, rv_error *err)
{
    char cwd[PATH_MAX];
    if (path[0] == '/')
        run->dest_path = rv_arena_strdup(run->arena, path);
    else if (getcwd(cwd, sizeof cwd) == NULL)
        return rv_fail_os(err, RV_E_IO, errno, "finding the working directory");
    else
        run->dest_path = rv_arena_printf(run->arena, "%s/%s", cwd, path);
    return run->dest_path != NULL ? RV_OK
                                  : rv_fail(err, RV_E_OUT_OF_MEMORY, "expanding the destination's path");
}

static rv_code expand_path(rvi_run *run, rv_error *err)
{
    const rv_export_config *e = run->export_config;
    char date[RV_TIME_TEXT_BYTES];
    rv_time_date(date, run->started_us);
    rv_placeholders values = {.date = date,
                              .export_name = e->name,
                              .table = e->relation.table != NULL ? e->relation.table : "query",
                              .run_id = run->run_id};
    if (e->dest.path == NULL) {
        run->dest_path = "";
        return RV_OK;
    }
    rv_bytes path = RV_BYTES_INIT(64 << 10);
    const char *expanded = NULL;
    rv_code rc = rv_dest_expand(e->dest.path, &values, &path, err);
    if (rc == RV_OK)
        rc = rv_bytes_cstr(&path, &expanded, err);
    if (rc == RV_OK)
        rc = make_absolute(run, expanded, err);
    rv_bytes_deinit(&path);
    return rc;
}

static rv_code open_dest(rvi_run *run, rv_error *err)
{
    RV_TRY(rv_dest_open(&run->dest, &run->export_config->dest, run->dest_path, run->cancel, err));
    return rv_dest_prepare(run->dest, err);
}

static rv_code start(rvi_run *run, rv_error *err)
{
    RV_TRY(expand_path(run, err));
    RV_TRY(open_dest(run, err));
    RV_TRY(refuse_existing(run, err));
    rv_run_plan plan;
    RV_TRY(describe_for_state(run, &plan, err));
    RV_TRY(rv_state_start_run(run->state, &plan, run->plan.chunks, run->plan.n_chunks, &run->owner,
                              RVI_LEASE_MS, err));
    run->recorded = true;
    RV_CRASH_POINT("after-run-start");
    return RV_OK;
}

rv_code rvi_run_adopt_or_start(rvi_run *run, rv_error *err)
{
    rv_open_run open = {0};
    RV_TRY(rv_state_find_open_run(run->state, run->export_config->name, run->arena, &open, err));
    if (!open.exists)
        return start(run, err);
    RV_TRY(rv_state_take_over(run->state, open.plan.run_id, &run->owner, RVI_LEASE_MS, err));
    bool same_plan = strcmp(open.plan.plan_fingerprint, run->plan.fingerprint) == 0;
    bool has_objects = strcmp(open.plan.dest_kind, run->export_config->dest.kind) == 0 &&
                       (rv_dest_driver(open.plan.dest_kind)->caps & RV_DEST_CAP_OBJECTS) != 0;
    if (!same_plan || !has_objects) {
        RV_TRY(close_stale_run(run, &open, err));
        return start(run, err);
    }
    run->run_id = open.plan.run_id;
    run->dest_path = open.plan.dest_path;
    run->started_us = open.plan.started_us;
    RV_TRY(open_dest(run, err));
    return resume(run, &open, err);
}
