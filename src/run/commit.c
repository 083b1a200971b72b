/* commit.c - the end of a run: manifest, _SUCCESS, replaced runs, verdict; or the clean-up of one that failed.
 *
 * Order is the promise: every part is durable and recorded before the manifest names it; the manifest lies there
 * before _SUCCESS; both before the verdict in the store. Each step can be repeated, so a crash between any two is
 * healed by the next run, which finds the run open and comes back here. */
#include "internal.h"

#include "rivet/crash_point.h"
#include "rivet/log.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct part_list {
    rv_arena *arena;
    rv_part *parts;
    int64_t n, cap;
    int64_t rows;
    uint64_t bytes;
} part_list;

static rv_code copy_part(void *context, const rv_part *part, rv_error *err)
{
    part_list *list = context;
    if (list->n == list->cap) {
        int64_t cap = list->cap == 0 ? 16 : 2 * list->cap;
        rv_part *grown = rv_arena_alloc(list->arena, (size_t)cap, sizeof *grown);
        if (grown == NULL)
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "collecting the parts of the run");
        if (list->n > 0)
            memcpy(grown, list->parts, (size_t)list->n * sizeof *grown);
        list->parts = grown;
        list->cap = cap;
    }
    rv_part *copy = &list->parts[list->n];
    *copy = *part;
    copy->name = rv_arena_strdup(list->arena, part->name);
    copy->column_digests =
        rv_arena_strdup(list->arena, part->column_digests != NULL ? part->column_digests : "[]");
    if (copy->name == NULL || copy->column_digests == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "collecting the parts of the run");
    list->n++;
    list->rows += part->rows;
    list->bytes += part->bytes;
    return RV_OK;
}

/* Adds a part's column digests to the run's. They are sums, so they add up. */
static rv_code add_digests(const rv_part *part, rv_manifest_column *columns, int n, rv_error *err)
{
    json_t *digests = json_loads(part->column_digests, 0, NULL);
    bool ok = digests != NULL && (int)json_array_size(digests) == n;
    for (int i = 0; ok && i < n; i++) {
        const char *hex = json_string_value(json_array_get(digests, (size_t)i));
        ok = hex != NULL;
        if (ok)
            columns[i].digest += strtoull(hex, NULL, 16);
    }
    json_decref(digests);
    return ok ? RV_OK
              : rv_fail(err, RV_E_STATE_CORRUPT, "the state store holds no column digests for part '%s'",
                        part->name);
}

static rv_code describe_columns(rvi_run *run, const part_list *parts, rv_manifest_column **out, rv_error *err)
{
    const rv_schema *schema = &run->plan.schema;
    rv_manifest_column *columns = rv_arena_alloc(run->arena, (size_t)schema->n_fields, sizeof *columns);
    if (columns == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "describing the columns");
    for (int i = 0; i < schema->n_fields; i++) {
        const rv_field *field = &schema->fields[i];
        char type[RV_TYPE_TEXT_BYTES];
        rv_type_text(type, field->type);
        columns[i] = (rv_manifest_column){.name = field->name,
                                          .type = rv_arena_strdup(run->arena, type),
                                          .native_type = field->native_type,
                                          .fidelity = rv_fidelity_name(field->fidelity),
                                          .nullable = field->nullable};
        if (columns[i].type == NULL)
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "describing the columns");
        memcpy(columns[i].policy_uses, run->policy_uses + (size_t)i * RV_INVALID_CLASSES,
               sizeof columns[i].policy_uses);
    }
    for (int64_t p = 0; p < parts->n; p++)
        RV_TRY(add_digests(&parts->parts[p], columns, schema->n_fields, err));
    *out = columns;
    return RV_OK;
}

static rv_code describe_run(rvi_run *run, const part_list *parts, rv_manifest *out, rv_error *err)
{
    const rv_export_config *e = run->export_config;
    rv_manifest_column *columns = NULL;
    RV_TRY(describe_columns(run, parts, &columns, err));
    *out = (rv_manifest){
        .run_id = run->run_id,
        .export_name = e->name,
        .started_us = run->started_us,
        .finished_us = run->context->clock->now_us(run->context->clock),
        .engine = run->server.product,
        .engine_version = run->server.version,
        .source_schema = run->plan.info.namespace,
        .source_table = e->relation.table,
        .dest_kind = e->dest.kind,
        .dest_uri = rv_dest_uri(run->dest),
        .format = rv_format_name(e->format.kind),
        .compression = rv_codec_name(e->format.codec),
        .strategy = run->plan.strategy,
        .consistency = run->plan.snapshot ? "snapshot" : "statement",
        .schema_fingerprint = rv_schema_fingerprint(&run->plan.schema),
        .rows = parts->rows,
        .columns = columns,
        .n_columns = run->plan.schema.n_fields,
        .parts = parts->parts,
        .n_parts = parts->n,
    };
    return RV_OK;
}

/* Names of the manifests of other runs of this export in the prefix. */
typedef struct older_manifests {
    rv_arena *arena;
    const char *own;
    const char **names;
    size_t n, cap;
} older_manifests;

static rv_code collect_older(void *context, const rv_dest_entry *entry, rv_error *err)
{
    older_manifests *older = context;
    /* manifest-<export>_<time>.json, the time of one length: so "orders" is not taken for "orders_archive". */
    if (strcmp(entry->name, older->own) == 0 || strlen(entry->name) != strlen(older->own))
        return RV_OK;
    if (older->n == older->cap) {
        size_t cap = older->cap == 0 ? 16 : 2 * older->cap;
        const char **grown = rv_arena_alloc(older->arena, cap, sizeof *grown);
        if (grown == NULL)
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "listing earlier manifests");
        if (older->n > 0)
            memcpy(grown, older->names, older->n * sizeof *grown);
        older->names = grown;
        older->cap = cap;
    }
    older->names[older->n] = rv_arena_strdup(older->arena, entry->name);
    return older->names[older->n++] != NULL ? RV_OK
                                            : rv_fail(err, RV_E_OUT_OF_MEMORY, "listing earlier manifests");
}

/* Exactly the parts that an older manifest names, and then the manifest. */
static rv_code remove_older(rvi_run *run, const char *name, rv_error *err)
{
    rv_bytes bytes = RV_BYTES_INIT(RV_MANIFEST_MAX_BYTES);
    rv_manifest manifest;
    bool found = false;
    rv_code rc = rv_dest_get(run->dest, name, &bytes, &found, err);
    if (rc == RV_OK && found)
        rc = rv_manifest_parse(bytes.data, bytes.len, run->arena, &manifest, err);
    rv_bytes_deinit(&bytes);
    if (rc != RV_OK || !found)
        return rc;
    if (strcmp(manifest.export_name, run->export_config->name) != 0)
        return RV_OK; /* another export shares the prefix: its data is not ours to replace */
    for (int64_t i = 0; i < manifest.n_parts; i++)
        if (!rvi_object_belongs(manifest.parts[i].name, run->run_id))
            RV_TRY(rv_dest_remove(run->dest, manifest.parts[i].name, err));
    return rv_dest_remove(run->dest, name, err);
}

static rv_code settle_older(rvi_run *run, rv_error *err)
{
    older_manifests older = {.arena = run->arena};
    older.own = rv_arena_printf(run->arena, "manifest-%s.json", run->run_id);
    const char *prefix = rv_arena_printf(run->arena, "manifest-%s_", run->export_config->name);
    if (older.own == NULL || prefix == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "listing earlier manifests");
    RV_TRY(rv_dest_list(run->dest, prefix, collect_older, &older, err));
    if (run->export_config->on_existing == RV_EXISTING_REPLACE) {
        for (size_t i = 0; i < older.n; i++)
            RV_TRY_CTX(remove_older(run, older.names[i], err), err, "replacing what '%s' names",
                       older.names[i]);
    } else if (older.n > 0 && strcmp(run->export_config->mode, "full") == 0) {
        rvi_run_note(run,
                     "%zu earlier run%s beside this full copy; on_existing: replace keeps only the newest",
                     older.n, older.n == 1 ? " lies" : "s lie");
    }
    return RV_OK;
}

/* A manifest that an earlier attempt has put is kept to the byte, so its time of finishing is taken over. */
static rv_code keep_published_time(rvi_run *run, rv_manifest *manifest, rv_error *err)
{
    const char *own = rv_arena_printf(run->arena, "manifest-%s.json", run->run_id);
    rv_bytes bytes = RV_BYTES_INIT(RV_MANIFEST_MAX_BYTES);
    bool found = false;
    if (own == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "publishing the manifest");
    rv_code rc = rv_dest_get(run->dest, own, &bytes, &found, err);
    if (rc == RV_OK && found) {
        rv_manifest published;
        rc = rv_manifest_parse(bytes.data, bytes.len, run->arena, &published, err);
        if (rc == RV_OK)
            manifest->finished_us = published.finished_us;
    }
    rv_bytes_deinit(&bytes);
    return rc;
}

static rv_code publish(rvi_run *run, const part_list *parts, rv_error *err)
{
    rv_manifest manifest;
    RV_TRY(describe_run(run, parts, &manifest, err));
    if (run->summary->resumed)
        RV_TRY(keep_published_time(run, &manifest, err));
    run->published = true;
    RV_CRASH_POINT("before-manifest");
    RV_TRY_CTX(rv_manifest_publish(run->dest, &manifest, err), err, "publishing the manifest of %s",
               run->run_id);
    RV_CRASH_POINT("after-success-marker");
    return settle_older(run, err);
}

static rv_code record_verdict(rvi_run *run, rv_run_status status, rv_error *err)
{
    rv_run_result result;
    rvi_summary_fill(run, status);
    rvi_run_result(run, status, &result);
    RV_CRASH_POINT("before-verdict");
    RV_TRY(rv_state_finish_run(run->state, &result, &run->owner, err));
    run->recorded = false;
    RV_CRASH_POINT("after-verdict");
    rvi_run_journal(run, "RunCompleted",
                    status == RV_RUN_SKIPPED ? "{\"status\":\"skipped\"}" : "{\"status\":\"success\"}");
    return RV_OK;
}

rv_code rvi_run_commit(rvi_run *run, rv_error *err)
{
    part_list parts = {.arena = run->arena};
    RV_TRY(rv_state_list_parts(run->state, run->run_id, copy_part, &parts, err));
    run->summary->rows = parts.rows;
    run->summary->files = parts.n;
    run->summary->bytes = parts.bytes;
    if (parts.rows == 0 && run->export_config->skip_empty)
        return record_verdict(run, RV_RUN_SKIPPED, err);
    if (rv_dest_has(run->dest, RV_DEST_CAP_OBJECTS))
        RV_TRY(publish(run, &parts, err));
    return record_verdict(run, RV_RUN_SUCCEEDED, err);
}

void rvi_run_abandon(rvi_run *run, const rv_error *failure)
{
    rv_error err = {0};
    rv_run_status status = failure->code == RV_E_CANCELLED || failure->code == RV_E_DEST_CLOSED
                               ? RV_RUN_INTERRUPTED
                               : RV_RUN_FAILED;
    run->summary->error = *failure;
    rvi_summary_fill(run, status);
    bool held_by_other = failure->code == RV_E_RUN_LEASE_LOST || failure->code == RV_E_RUN_LEASE_HELD;
    if (!run->recorded && !held_by_other && run->state != NULL && run->run_id != NULL)
        rvi_run_record_early_failure(run);
    if (!run->recorded || held_by_other)
        return; /* nothing of ours stands anywhere, or it is somebody else's by now */
    if (run->published) {
        rvi_run_note(run, "every row is written, only the commit failed; the next run completes it");
        if (rv_state_hand_back(run->state, run->run_id, &run->owner, &err) != RV_OK)
            rvi_run_note(run, "the run could not be handed back: %s", err.message);
        return;
    }
    if (run->dest != NULL && rvi_remove_run_objects(run->dest, run->run_id, run->arena, &err) != RV_OK)
        rvi_run_note(run, "files of this run could not be removed: %s", err.message);
    rv_run_result result;
    rvi_run_result(run, status, &result);
    rvi_run_journal(run, "RunCompleted",
                    status == RV_RUN_FAILED ? "{\"status\":\"failed\"}" : "{\"status\":\"interrupted\"}");
    if (rv_state_finish_run(run->state, &result, &run->owner, &err) != RV_OK)
        rvi_run_note(run, "the failure could not be recorded: %s", err.message);
}
