/* recover.c - what an earlier process may have left, and how a run comes to stand in the state store.
 *
 * A run that is still `running` in the store, but whose owner is dead, is taken over. If it was made by the same
 * plan it is resumed under its own run_id: when every chunk is complete only the commit is repeated; chunks that do
 * not depend on a snapshot are kept when their parts are there; otherwise the snapshot died with the process, so the
 * run's objects are removed and everything is read again under the same names. A run made by another plan is
 * left as it is, with an error, unless it may be given up (changed.c): then it is closed as interrupted and its
 * objects are removed, unless its manifest is in place: then it is data, and is completed. */
#include "internal.h"

#include "rivet/crash_point.h"
#include "rivet/log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DEST_PATH_BYTES = 64 << 10 };

/* Was everything of it written and named by its manifest? Then only the end of its commit is missing, and it is
 * made up for: what readers may have seen is not taken away because somebody edited the configuration. */
static rv_code finish_published(rvi_run *run, const rvi_place *place, rv_run_result *result, rv_error *err)
{
    rv_manifest manifest;
    bool found = false;
    rvi_index_list damaged;
    rvi_name_list strays = {.arena = place->arena};
    RV_TRY(rvi_publish_again(place, &manifest, &found, err));
    if (!found)
        return RV_OK;
    rvi_part_list parts = {.parts = (rv_part *)manifest.parts, .n = manifest.n_parts}; /* only read */
    RV_TRY(rvi_survey_objects(place, &parts, &strays, &damaged, err));
    if (damaged.n > 0)
        return rvi_unpublish(place, err);
    *result = (rv_run_result){.run_id = place->run_id,
                              .status = RV_RUN_SUCCEEDED,
                              .finished_us = manifest.finished_us,
                              .duration_ms = (manifest.finished_us - manifest.started_us) / 1000,
                              .rows = manifest.rows,
                              .files = manifest.n_parts};
    for (int64_t i = 0; i < manifest.n_parts; i++)
        result->bytes += manifest.parts[i].bytes;
    rvi_run_note(run, "the interrupted run %s had published its files: its commit was completed first",
                 place->run_id);
    return RV_OK;
}

/* The files of a run that no manifest names are no data. */
static rv_code clean_stale_run(rvi_run *run, const rv_open_run *open, rv_run_result *result, rv_error *err)
{
    rv_dest_config cfg = {.kind = open->plan.dest_kind, .path = open->plan.dest_path};
    RV_AUTO(rv_dest_close) rv_dest *dest = NULL;
    if (cfg.path[0] == '\0') /* it failed before it had a destination, or wrote to a stream */
        return RV_OK;
    RV_TRY(rv_dest_open(&dest, &cfg, cfg.path, run->cancel, err));
    if (!rv_dest_has(dest, RV_DEST_CAP_OBJECTS))
        return RV_OK;
    const rvi_place place = {dest, open->plan.run_id, run->arena};
    RV_TRY(finish_published(run, &place, result, err));
    return result->status == RV_RUN_SUCCEEDED ? RV_OK : rvi_remove_run_objects(&place, err);
}

/* A run of another plan cannot be resumed. */
static rv_code end_stale_run(rvi_run *run, const rv_open_run *open, const char *why, rv_error *err)
{
    rv_error cleanup = {0};
    rv_run_result result = {.run_id = open->plan.run_id,
                            .status = RV_RUN_INTERRUPTED,
                            .finished_us = run->started_us,
                            .code = RV_E_CANCELLED,
                            .error_message = why};
    rv_code rc = clean_stale_run(run, open, &result, &cleanup);
    if (rc == RV_E_CANCELLED || rc == RV_E_OUT_OF_MEMORY) {
        if (err != NULL)
            *err = cleanup;
        return rc;
    }
    if (rc != RV_OK)
        rvi_run_note(run, "files of the interrupted run %s could not be removed: %s", open->plan.run_id,
                     cleanup.message);
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
                        .mode = rv_mode_name(e->mode),
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

/* {"columns", "type", "lo", "hi", "since", "until"}: the window that an incremental run covers. A resumed run covers
 * what was recorded, however far the table has gone since, and leaves the cursor at that window's end. */
static rv_code write_window(rvi_run *run, const char **out, rv_error *err)
{
    const rv_cursor *cursor = &run->plan.cursor;
    const rv_range *window = run->plan.window;
    if (cursor->columns == NULL)
        return RV_OK;
    rv_bytes lo = RV_BYTES_INIT((size_t)RV_BOUNDS_MAX_TEXT_BYTES);
    const char *lo_text = NULL;
    rv_code rc = RV_OK;
    if (window != NULL && window->lo.n > 0)
        rc = rv_key_value_write(&window->lo, &lo, err);
    if (rc == RV_OK && lo.len > 0)
        rc = rv_bytes_cstr(&lo, &lo_text, err);
    json_t *json = rc == RV_OK
                       ? json_pack("{s:s,s:s?,s:s?,s:s?,s:s?,s:s?}", "columns", cursor->columns, "type",
                                   cursor->type, "lo", lo_text, "hi", cursor->value, "since",
                                   window != NULL && window->history != NULL ? window->history->since : NULL,
                                   "until", cursor->mark)
                       : NULL;
    rv_bytes_deinit(&lo);
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    if (rc == RV_OK)
        *out = text != NULL ? rv_arena_strdup(run->arena, text) : NULL;
    free(text);
    if (rc == RV_OK && *out == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "recording the window of the run");
    return rc;
}

static const char *copy_member(rv_arena *arena, const json_t *object, const char *key, bool *ok)
{
    const char *text = json_string_value(json_object_get(object, key));
    const char *copy = text != NULL ? rv_arena_strdup(arena, text) : NULL;
    *ok = *ok && (text == NULL || copy != NULL);
    return copy;
}

rv_code rvi_run_adopt_window(rvi_run *run, const rv_open_run *open, rv_error *err)
{
    bool ok = true;
    run->plan.cursor = (rv_cursor){0};
    run->plan.window = NULL;
    run->plan.held_since_us = 0;
    if (open->plan.window_json == NULL)
        return RV_OK;
    json_t *window = json_loads(open->plan.window_json, 0, NULL);
    if (!json_is_object(window)) {
        json_decref(window);
        return rv_fail(err, RV_E_STATE_CORRUPT, "the window of %s cannot be read", run->run_id);
    }
    run->plan.cursor = (rv_cursor){.columns = copy_member(run->arena, window, "columns", &ok),
                                   .type = copy_member(run->arena, window, "type", &ok),
                                   .value = copy_member(run->arena, window, "hi", &ok),
                                   .mark = copy_member(run->arena, window, "until", &ok)};
    json_decref(window);
    return ok ? RV_OK : rv_fail(err, RV_E_OUT_OF_MEMORY, "resuming %s", run->run_id);
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
        .strategy = run->plan.strategy_name,
        .config_fingerprint = run->plan.ingredients,
        .snapshot = run->plan.snapshot,
        .mode = rv_mode_name(e->mode),
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
    return rc == RV_OK ? write_window(run, &out->window_json, err) : rc;
}

/* How often a policy changed a value is counted in memory until the manifest holds it, so a manifest that is made
 * after a crash would have the counts of this process only. */
bool rvi_may_change_values(const rv_schema *schema)
{
    for (int i = 0; i < schema->n_fields; i++)
        for (int c = 0; c < RV_INVALID_CLASSES; c++)
            if (schema->fields[i].on_invalid[c] != RV_POLICY_FAIL)
                return true;
    return false;
}

/* What the store says of the run's chunks. */
typedef struct chunk_survey {
    rv_arena *arena;
    const rv_quality_config
        *gates;      /* a chunk that these cannot judge counts as not completed; NULL: nobody judges */
    int64_t *epochs; /* by index; -1: not completed */
    int64_t n, cap, n_completed, last_epoch;
} chunk_survey;

static rv_code survey_chunk(void *context, const rv_chunk_row *row, rv_error *err)
{
    chunk_survey *s = context;
    const rv_chunk *chunk = &row->chunk;
    if (s->n == s->cap || chunk->index != s->n)
        return rv_fail(err, RV_E_STATE_CORRUPT, "the state store has no row for chunk %" PRId64 " of %s",
                       s->n, row->run_id);
    bool completed = chunk->status == RV_CHUNK_COMPLETED &&
                     (s->gates == NULL || rv_quality_is_counted(s->gates, chunk->tally));
    s->epochs[s->n++] = completed ? chunk->epoch : -1;
    s->n_completed += completed;
    if (completed && chunk->epoch > s->last_epoch)
        s->last_epoch = chunk->epoch;
    return RV_OK;
}

static rv_code survey_chunks(rvi_run *run, int64_t n_chunks, const rv_quality_config *gates,
                             chunk_survey *out, rv_error *err)
{
    *out = (chunk_survey){.arena = run->arena, .gates = gates, .cap = n_chunks};
    out->epochs = rv_arena_alloc(run->arena, (size_t)n_chunks, sizeof *out->epochs);
    if (out->epochs == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "looking at the chunks of %s", run->run_id);
    RV_TRY(rv_state_list_chunks(run->state, run->run_id, survey_chunk, out, err));
    if (out->n != n_chunks)
        return rv_fail(err, RV_E_STATE_CORRUPT,
                       "the state store holds %" PRId64 " of %" PRId64 " chunks of %s", out->n, n_chunks,
                       run->run_id);
    return RV_OK;
}

bool rvi_run_is_read(const rvi_run *run)
{
    return atomic_load(&run->counters.chunks_done) >= run->plan.n_chunks;
}

rv_code rvi_run_check_read(rvi_run *run, rv_error *err)
{
    chunk_survey chunks;
    RV_TRY(survey_chunks(run, run->plan.n_chunks, NULL, &chunks, err));
    if (chunks.n_completed < chunks.n)
        return rv_fail(err, RV_E_INTERNAL, "reading ended with %" PRId64 " of %" PRId64 " chunks complete",
                       chunks.n_completed, chunks.n);
    return RV_OK;
}

/* Can a chunk that is completed stand beside what is read from now on? Not, when its changed values are counted
 * nowhere, or a gate has to see its rows; and under a snapshot only when it belongs to an earlier epoch than those that are missing, or when its
 * epoch had an end. */
static bool may_keep_chunks(const rvi_run *run)
{
    return (!run->plan.snapshot || run->plan.spans_epochs) && !rvi_may_change_values(&run->plan.schema) &&
           rvi_guards_know_kept_rows(run);
}

bool rvi_run_has_kept_chunks(rvi_run *run)
{
    chunk_survey chunks;
    if (!may_keep_chunks(run) || survey_chunks(run, run->plan.n_chunks, NULL, &chunks, NULL) != RV_OK)
        return false;
    return run->plan.snapshot ? chunks.last_epoch > 0 : chunks.n_completed > 0;
}

typedef struct own_chunks {
    const char *owner;
    rvi_index_list list;
} own_chunks;

static rv_code collect_own(void *context, const rv_chunk_row *row, rv_error *err)
{
    own_chunks *own = context;
    (void)err;
    if (row->chunk.status == RV_CHUNK_RUNNING && strcmp(row->owner.text, own->owner) == 0 &&
        own->list.n < RVI_MAX_LANES)
        own->list.items[own->list.n++] = row->chunk.index;
    return RV_OK;
}

rv_code rvi_run_release_chunks(rvi_run *run, const char *reason, rv_error *err)
{
    int64_t indexes[RVI_MAX_LANES];
    own_chunks own = {.owner = run->owner.text, .list = {.items = indexes}};
    RV_TRY(rv_state_list_chunks(run->state, run->run_id, collect_own, &own, err));
    for (int64_t i = 0; i < own.list.n; i++)
        RV_TRY(rv_state_release_chunk(run->state, run->run_id, &run->owner, indexes[i], reason, err));
    return RV_OK;
}

static rv_code repeat(rvi_run *run, const rvi_place *place, rv_error *err)
{
    rv_run_plan plan;
    rv_log(RV_LOG_INFO, "repeating %s: what was read cannot be continued", run->run_id);
    RV_TRY(rvi_unpublish(place, err));
    run->committing = false;
    RV_TRY(rvi_remove_run_objects(place, err));
    run->plan.n_chunks = run->n_planned;
    run->n_validated = 0;
    if (run->looked_at != NULL)
        memset(run->looked_at, 0, RV_MAX_CHUNKS);
    RV_TRY(describe_for_state(run, &plan, err));
    RV_TRY(rv_state_replan_run(run->state, &plan, run->plan.chunks, run->plan.n_chunks, &run->owner, err));
    atomic_store(&run->counters.chunks_done, 0);
    run->snapshot.epoch = 0;
    memset(run->policy_uses, 0,
           (size_t)run->plan.schema.n_fields * RV_INVALID_CLASSES * sizeof *run->policy_uses);
    rvi_guards_forget(run);
    return RV_OK;
}

/* Opens these chunks again, and removes what no record names then. */
static rv_code reopen(rvi_run *run, const rvi_place *place, const rvi_index_list *which, rv_error *err)
{
    rvi_part_list parts;
    rvi_index_list damaged;
    rvi_name_list strays = {.arena = run->arena};
    chunk_survey chunks;
    if (which->n > 0)
        RV_TRY(rv_state_reopen_chunks(run->state, run->run_id, &run->owner, which->items, which->n, err));
    rvi_validate_again(run, which);
    RV_TRY(rvi_list_parts(run, &parts, err));
    RV_TRY(rvi_survey_objects(place, &parts, &strays, &damaged, err));
    RV_TRY(rvi_remove_objects(run->dest, &strays, err));
    RV_TRY(survey_chunks(run, run->plan.n_chunks, NULL, &chunks, err));
    atomic_store(&run->counters.chunks_done, chunks.n_completed);
    run->n_validated = run->n_validated < parts.n ? run->n_validated : parts.n;
    if (damaged.n > 0)
        return rv_fail(err, RV_E_MANIFEST_MISMATCH, "files of %s are removed while it is being resumed",
                       run->run_id);
    return RV_OK;
}

/* The chunks that are to be read (again): those that were not completed, those whose files are not what they were,
 * and under a snapshot all of the epoch that was not finished. */
static rv_code choose_chunks(rvi_run *run, const chunk_survey *chunks, const rvi_index_list *damaged,
                             rvi_index_list *out, rv_error *err)
{
    bool unfinished = chunks->n_completed < chunks->n;
    size_t n = (size_t)chunks->n + (size_t)damaged->n;
    *out = (rvi_index_list){.items = rv_arena_alloc(run->arena, n, sizeof *out->items)};
    if (out->items == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "resuming %s", run->run_id);
    for (int64_t i = 0; i < damaged->n; i++)
        out->items[out->n++] = damaged->items[i];
    for (int64_t i = 0; i < chunks->n; i++) {
        bool of_open_epoch = run->plan.snapshot && unfinished && chunks->epochs[i] == chunks->last_epoch;
        if (chunks->epochs[i] < 0 || of_open_epoch)
            out->items[out->n++] = i;
    }
    run->snapshot.epoch = chunks->last_epoch + (run->plan.snapshot && !unfinished);
    return RV_OK;
}

rv_code rvi_run_restart_epoch(rvi_run *run, rv_error *err)
{
    const rvi_place place = {run->dest, run->run_id, run->arena};
    const rvi_index_list none = {0};
    int64_t epoch = run->snapshot.epoch;
    rvi_index_list which;
    chunk_survey chunks;
    if (!rv_dest_has(run->dest, RV_DEST_CAP_OBJECTS)) {
        rv_fail(err, RV_E_SOURCE_LOST, "the snapshot was lost: %s", run->snapshot.loss.message);
        rv_hint(err, "what went to a stream cannot be taken back; run it again");
        return RV_E_SOURCE_LOST;
    }
    if (!run->plan.spans_epochs || epoch == 0 || !rvi_guards_know_kept_rows(run))
        return repeat(run, &place, err);
    RV_TRY(survey_chunks(run, run->plan.n_chunks, NULL, &chunks, err));
    chunks.last_epoch = epoch;
    RV_TRY(choose_chunks(run, &chunks, &none, &which, err));
    return reopen(run, &place, &which, err);
}

/* With --validate what is kept is read back like what is written now: `validated` speaks of all files. What does not
 * stand the look is read again. Where objects are no files, all of it is, so that it can be looked at. */
static rv_code look_at_kept(rvi_run *run, const rvi_place *place, bool published, rv_error *err)
{
    rvi_part_list parts;
    rvi_index_list bad;
    if (!run->context->validate || (published && !rv_dest_has_files(run->dest)))
        return RV_OK;
    if (!rv_dest_has_files(run->dest))
        return repeat(run, place, err);
    RV_TRY(rvi_list_parts(run, &parts, err));
    RV_TRY(rvi_validate_kept(run, &parts, &bad, err));
    run->n_validated = parts.n;
    if (bad.n == 0)
        return RV_OK;
    if (published || !may_keep_chunks(run))
        return repeat(run, place, err);
    return reopen(run, place, &bad, err);
}

static rv_code resume(rvi_run *run, const rv_open_run *open, rv_error *err)
{
    const rvi_place place = {run->dest, run->run_id, run->arena};
    rvi_name_list strays = {.arena = run->arena};
    rvi_part_list parts;
    rvi_index_list damaged, which;
    chunk_survey chunks;
    bool published = false;
    run->summary->resumed = true;
    run->recorded = true;
    run->committing = true; /* until it is known whether somebody may have seen its files */
    RV_TRY(rvi_is_published(&place, &published, err));
    RV_TRY(rvi_list_parts(run, &parts, err));
    RV_TRY(rvi_survey_objects(&place, &parts, &strays, &damaged, err));
    /* What is published has passed its gates. Else the configuration may ask for counts that it did not ask for then. */
    RV_TRY(survey_chunks(run, open->n_chunks, published ? NULL : &run->export_config->quality, &chunks, err));
    bool whole = damaged.n == 0 && chunks.n_completed == chunks.n;
    bool counted = !rvi_may_change_values(&run->plan.schema) && rvi_guards_know_kept_rows(run);
    if (published ? !whole : !(whole && counted) && !may_keep_chunks(run))
        return repeat(run, &place, err);
    run->committing = published;
    /* The chunks are those that were recorded, whatever the table is now. */
    run->plan.n_chunks = open->n_chunks;
    RV_TRY(rvi_run_adopt_window(run, open, err));
    RV_TRY(choose_chunks(run, &chunks, &damaged, &which, err));
    RV_TRY(reopen(run, &place, &which, err));
    RV_TRY(look_at_kept(run, &place, published, err));
    rv_log(RV_LOG_INFO, "resuming %s: %" PRId64 " of %" PRId64 " chunks are complete", run->run_id,
           (int64_t)atomic_load(&run->counters.chunks_done), open->n_chunks);
    return RV_OK;
}

/* Does a successful run of this export lie there? An older program may have left manifest.json alone. */
static rv_code find_existing(rvi_run *run, bool *found, rv_error *err)
{
    rvi_name_list older = {.arena = run->arena};
    rv_bytes text = RV_BYTES_INIT(RV_MANIFEST_MAX_BYTES);
    rv_manifest newest;
    bool any = false;
    rv_code rc = rv_dest_get(run->dest, "_SUCCESS", &text, &any, err);
    rv_bytes_clear(&text);
    if (rc == RV_OK && any)
        rc = rvi_list_older_manifests(run, &older, err);
    if (rc == RV_OK && any && older.n == 0)
        rc = rv_dest_get(run->dest, "manifest.json", &text, &any, err);
    if (rc == RV_OK && any && older.n == 0)
        any = rv_manifest_parse(text.data, text.len, run->arena, &newest, NULL) != RV_OK ||
              strcmp(newest.export_name, run->export_config->name) == 0;
    rv_bytes_deinit(&text);
    if (rc == RV_OK)
        *found = any;
    return rc;
}

static rv_code refuse_existing(rvi_run *run, rv_error *err)
{
    bool found = false;
    bool unwanted =
        run->export_config->on_existing == RV_EXISTING_FAIL || (run->context->resume && !run->context->force);
    if (!unwanted || !rv_dest_has(run->dest, RV_DEST_CAP_OBJECTS))
        return RV_OK;
    RV_TRY(find_existing(run, &found, err));
    if (!found)
        return RV_OK;
    rv_fail(err, RV_E_DEST_EXISTS, "a successful run of this export already lies in %s",
            rv_dest_uri(run->dest));
    rv_hint(err, run->export_config->on_existing == RV_EXISTING_FAIL
                     ? "use another path (for example with {run_id}), or set on_existing: append or replace"
                     : "nothing is open that --resume could go on with; --force begins a new run");
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

rv_code rv_run_dest_path(const rv_export_config *export_config, const char *run_id, int64_t started_us,
                         rv_bytes *out, rv_error *err)
{
    const rv_relation *relation = &export_config->relation;
    char date[RV_TIME_TEXT_BYTES];
    rv_time_date(date, started_us);
    const rv_placeholders values = {.date = date,
                                    .export_name = export_config->name,
                                    .table = relation->table != NULL ? relation->table : "query",
                                    .run_id = run_id,
                                    .partition = export_config->partition.label};
    return export_config->dest.path != NULL ? rv_dest_expand(export_config->dest.path, &values, out, err)
                                            : RV_OK;
}

static rv_code expand_path(rvi_run *run, rv_error *err)
{
    rv_bytes path = RV_BYTES_INIT(DEST_PATH_BYTES);
    const char *expanded = NULL;
    rv_code rc = rv_run_dest_path(run->export_config, run->run_id, run->started_us, &path, err);
    if (rc == RV_OK)
        rc = rv_bytes_cstr(&path, &expanded, err);
    if (rc == RV_OK && expanded[0] == '\0')
        run->dest_path = "";
    else if (rc == RV_OK)
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
    int64_t asked_us = run->context->clock->now_us(run->context->clock);
    RV_TRY(describe_for_state(run, &plan, err));
    RV_TRY(rv_state_start_run(run->state, &plan, run->plan.chunks, run->plan.n_chunks, &run->owner,
                              RVI_LEASE_MS, err));
    run->recorded = true;
    rvi_lease_begins(run, asked_us);
    RV_CRASH_POINT("after-run-start");
    return RV_OK;
}

/* What the user wants of a run that an earlier process left open. Fails when he wants it otherwise. */
static rv_code choose_what_to_do(const rvi_run *run, const rv_open_run *open, bool can_resume, bool *out,
                                 rv_error *err)
{
    rv_on_interrupted wish =
        run->context->resume ? RV_INTERRUPTED_RESUME : run->export_config->on_interrupted;
    *out = can_resume && wish == RV_INTERRUPTED_RESUME;
    if (wish == RV_INTERRUPTED_FAIL) {
        rv_fail(err, RV_E_RUN_OPEN, "%s was interrupted and is still open", open->plan.run_id);
        rv_hint(err, "'rivet run --resume' goes on with it, 'rivet state reset-chunks' gives it up");
        return RV_E_RUN_OPEN;
    }
    if (run->context->resume && !can_resume) {
        rv_fail(err, RV_E_RUN_CHANGED, "%s cannot be gone on with: what went to a stream is not taken back",
                open->plan.run_id);
        rv_hint(err, "run without --resume: a new one begins");
        return RV_E_RUN_CHANGED;
    }
    return RV_OK;
}

/* Resume it, or end it and start anew. */
static rv_code settle_open_run(rvi_run *run, const rv_open_run *open, rv_error *err)
{
    const rv_dest_ops *dest = rv_dest_driver(open->plan.dest_kind);
    bool same_plan = strcmp(open->plan.plan_fingerprint, run->plan.fingerprint) == 0;
    bool has_objects = strcmp(open->plan.dest_kind, run->export_config->dest.kind) == 0 && dest != NULL &&
                       (dest->caps & RV_DEST_CAP_OBJECTS) != 0;
    bool goes_on = false;
    if (same_plan && run->context->force && !run->context->resume)
        rvi_run_note(run, "--force has changed nothing: the open run can be gone on with");
    if (!same_plan && run->export_config->on_interrupted != RV_INTERRUPTED_FAIL)
        RV_TRY(rvi_run_may_give_up_changed(run, open, err));
    RV_TRY(choose_what_to_do(run, open, same_plan && has_objects, &goes_on, err));
    if (!goes_on) {
        const char *why =
            same_plan ? "given up for a new run" : "its process ended; the export's plan has changed since";
        RV_TRY(end_stale_run(run, open, why, err));
        return start(run, err);
    }
    run->run_id = open->plan.run_id;
    run->dest_path = open->plan.dest_path;
    run->started_us = open->plan.started_us;
    RV_TRY(open_dest(run, err));
    return resume(run, open, err);
}

static void hand_back(rvi_run *run, const rv_open_run *open)
{
    if (rv_state_hand_back(run->state, open->plan.run_id, &run->owner, NULL) != RV_OK)
        rv_log(RV_LOG_DEBUG, "%s was not handed back", open->plan.run_id);
}

rv_code rvi_run_adopt_or_start(rvi_run *run, rv_error *err)
{
    rv_open_run open = {0};
    rv_plan_difference found;
    RV_TRY(rv_state_find_open_run(run->state, run->export_config->name, run->arena, &open, err));
    if (run->context->force && !run->context->resume && !open.exists)
        rvi_run_note(run, "--force has changed nothing: no run is open");
    if (!open.exists)
        return start(run, err);
    int64_t asked_us = run->context->clock->now_us(run->context->clock);
    rv_code rc = rv_state_take_over(run->state, open.plan.run_id, &run->owner, RVI_LEASE_MS, err);
    if (rc == RV_E_RUN_LEASE_HELD && rv_plan_compare(run->arena, open.plan.config_fingerprint,
                                                     run->plan.ingredients, &found, NULL) == RV_OK)
        rvi_run_explain_held(&found, err);
    if (rc != RV_OK)
        return rc;
    rvi_lease_begins(run, asked_us);
    rc = settle_open_run(run, &open, err);
    if (rc != RV_OK && !run->recorded)
        hand_back(run, &open);
    return rc;
}

static rv_code end_renamed(rvi_run *run, const rv_open_run *open, const rv_plan_difference *found,
                           rv_error *err)
{
    bool goes_on = false;
    if (run->export_config->on_interrupted != RV_INTERRUPTED_FAIL)
        RV_TRY(rvi_run_may_give_up_renamed(run, open, found, err));
    RV_TRY(choose_what_to_do(run, open, false, &goes_on, err));
    return end_stale_run(run, open, "its process ended; its export has other partitions since", err);
}

rv_code rvi_run_settle_renamed(rvi_run *run, const char *export_name, const rv_plan_difference *found,
                               rv_error *err)
{
    rv_open_run open = {0};
    bool changed = found->keys[0] != '\0';
    RV_TRY(rv_state_find_open_run(run->state, export_name, run->arena, &open, err));
    if (!open.exists || (open.owner_alive && !changed))
        return RV_OK;
    rv_code rc = rv_state_take_over(run->state, open.plan.run_id, &run->owner, RVI_LEASE_MS, err);
    if (rc == RV_E_RUN_LEASE_HELD)
        rvi_run_explain_held(found, err);
    if (rc != RV_OK)
        return rc;
    rc = end_renamed(run, &open, found, err);
    if (rc != RV_OK)
        hand_back(run, &open);
    return rc;
}

rv_code rvi_run_give_up_open(rvi_run *run, rv_arena *arena, rv_open_run *out, rv_error *err)
{
    RV_TRY(rv_state_find_open_run(run->state, run->export_config->name, arena, out, err));
    if (!out->exists)
        return RV_OK;
    RV_TRY(rv_state_take_over(run->state, out->plan.run_id, &run->owner, RVI_LEASE_MS, err));
    return end_stale_run(run, out, "given up: its chunks were reset", err);
}
