/* publish.c - the manifest of a run at its destination: making it, putting it, putting it again, taking it back.
 *
 * A manifest turns files into data, so this is where a run becomes visible. Its own copy, manifest-<run_id>.json,
 * comes first and never changes: when it is there, the run is published, and whoever finds the run unfinished puts
 * the rest from the same bytes. What it names is never removed while it is there. */
#include "internal.h"

#include "rivet/crash_point.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ---- what the manifest says ---- */

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

static rv_code describe_columns(rvi_run *run, const rvi_part_list *parts, rv_manifest_column **out,
                                rv_error *err)
{
    const rv_schema *schema = &run->guards.files;
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
        if (i < run->plan.schema.n_fields)
            memcpy(columns[i].policy_uses, run->policy_uses + (size_t)i * RV_INVALID_CLASSES,
                   sizeof columns[i].policy_uses);
    }
    for (int64_t p = 0; p < parts->n; p++)
        RV_TRY(add_digests(&parts->parts[p], columns, schema->n_fields, err));
    *out = columns;
    return RV_OK;
}

static rv_code describe_run(rvi_run *run, const rvi_part_list *parts, rv_manifest *out, rv_error *err)
{
    const rv_export_config *e = run->export_config;
    rv_manifest_column *columns = NULL;
    int64_t now_us = run->context->clock->now_us(run->context->clock);
    RV_TRY(describe_columns(run, parts, &columns, err));
    *out = (rv_manifest){
        .run_id = run->run_id,
        .export_name = e->name,
        .started_us = run->started_us,
        .finished_us = now_us > run->started_us ? now_us : run->started_us, /* a clock may be set back */
        .engine = run->server.product,
        .engine_version = run->server.version,
        .source_schema = run->plan.info.namespace,
        .source_table = e->relation.table,
        .dest_kind = e->dest.kind,
        .dest_uri = rv_dest_uri(run->dest),
        .format = rv_format_name(e->format.kind),
        .compression = rv_codec_name(e->format.codec),
        .strategy = run->plan.strategy_name,
        .consistency = run->plan.snapshot ? "snapshot" : "statement",
        .schema_fingerprint = rv_schema_fingerprint(&run->guards.files),
        .rows = parts->rows,
        .validated = run->context->validate && run->n_validated == parts->n,
        .columns = columns,
        .n_columns = run->guards.files.n_fields,
        .parts = parts->parts,
        .n_parts = parts->n,
    };
    return rvi_describe_epochs(run, parts, out, err);
}

/* ---- at the destination ---- */

static rv_code read_own(const rvi_place *place, rv_bytes *out, const char **name, bool *found, rv_error *err)
{
    *name = rv_arena_printf(place->arena, "manifest-%s.json", place->run_id);
    if (*name == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "looking for the manifest of %s", place->run_id);
    return rv_dest_get(place->dest, *name, out, found, err);
}

rv_code rvi_is_published(const rvi_place *place, bool *out, rv_error *err)
{
    rv_bytes own = RV_BYTES_INIT(RV_MANIFEST_MAX_BYTES);
    const char *name = NULL;
    rv_code rc = read_own(place, &own, &name, out, err);
    rv_bytes_deinit(&own);
    return rc;
}

static rv_code put_marker(rv_dest *dest, const rv_bytes *manifest, rv_error *err)
{
    char text[RV_SUCCESS_TEXT_BYTES];
    rv_manifest_success_text(text, manifest->data, manifest->len);
    return rv_dest_put_bytes(dest, "_SUCCESS", text, strlen(text), err);
}

static rv_code parse_own(const rvi_place *place, rv_bytes *text, rv_manifest *out, bool *found, rv_error *err)
{
    const char *name = NULL;
    RV_TRY(read_own(place, text, &name, found, err));
    return *found ? rv_manifest_parse(text->data, text->len, place->arena, out, err) : RV_OK;
}

rv_code rvi_read_published(const rvi_place *place, rv_manifest *out, bool *found, rv_error *err)
{
    rv_bytes own = RV_BYTES_INIT(RV_MANIFEST_MAX_BYTES);
    rv_code rc = parse_own(place, &own, out, found, err);
    rv_bytes_deinit(&own);
    return rc;
}

rv_code rvi_publish_again(const rvi_place *place, rv_manifest *out, bool *found, rv_error *err)
{
    rv_bytes own = RV_BYTES_INIT(RV_MANIFEST_MAX_BYTES);
    rv_code rc = parse_own(place, &own, out, found, err);
    if (rc == RV_OK && *found)
        rc = rv_dest_put_bytes(place->dest, "manifest.json", own.data, own.len, err);
    if (rc == RV_OK && *found)
        rc = put_marker(place->dest, &own, err);
    rv_bytes_deinit(&own);
    return rc;
}

static rv_code holds_the_same(rv_dest *dest, const char *name, const rv_bytes *expected, bool *out,
                              rv_error *err)
{
    rv_bytes text = RV_BYTES_INIT(RV_MANIFEST_MAX_BYTES);
    bool found = false;
    rv_code rc = rv_dest_get(dest, name, &text, &found, err);
    *out = rc == RV_OK && found && text.len == expected->len &&
           (text.len == 0 || memcmp(text.data, expected->data, text.len) == 0);
    rv_bytes_deinit(&text);
    return rc;
}

/* The marker goes first: without it nobody takes the prefix for complete. */
rv_code rvi_unpublish(const rvi_place *place, rv_error *err)
{
    rv_bytes own = RV_BYTES_INIT(RV_MANIFEST_MAX_BYTES);
    const char *name = NULL;
    bool found = false, newest = false;
    rv_code rc = read_own(place, &own, &name, &found, err);
    if (rc == RV_OK && found)
        rc = holds_the_same(place->dest, "manifest.json", &own, &newest, err);
    rv_bytes_deinit(&own);
    if (rc == RV_OK && newest)
        rc = rv_dest_remove(place->dest, "_SUCCESS", err);
    if (rc == RV_OK && newest)
        rc = rv_dest_remove(place->dest, "manifest.json", err);
    return rc == RV_OK && found ? rv_dest_remove(place->dest, name, err) : rc;
}

/* Two exports that share a prefix may publish at the same moment, each in the right order, and leave the manifest of
 * one beside the marker of the other. Whoever wrote last looks again, so the two agree when both are done. */
static rv_code settle_marker(rv_dest *dest, rv_error *err)
{
    enum { TRIES = 8 }; /* when others keep on writing, the last of them looks as well */
    bool agree = false;
    rv_code rc = RV_OK;
    for (int i = 0; rc == RV_OK && !agree && i < TRIES; i++) {
        rv_bytes newest = RV_BYTES_INIT(RV_MANIFEST_MAX_BYTES);
        char text[RV_SUCCESS_TEXT_BYTES];
        bool found = false;
        rc = rv_dest_get(dest, "manifest.json", &newest, &found, err);
        rv_manifest_success_text(text, newest.data, newest.len);
        const rv_bytes expected = {.data = (uint8_t *)text, .len = strlen(text)};
        agree = !found; /* somebody takes his manifest back: nothing to agree with */
        if (rc == RV_OK && found)
            rc = holds_the_same(dest, "_SUCCESS", &expected, &agree, err);
        if (rc == RV_OK && !agree)
            rc = put_marker(dest, &newest, err);
        rv_bytes_deinit(&newest);
    }
    return rc;
}

static rv_code put_first(rvi_run *run, const rvi_part_list *parts, rv_error *err)
{
    rv_manifest manifest;
    RV_TRY(describe_run(run, parts, &manifest, err));
    RV_CRASH_POINT("before-manifest");
    return rv_manifest_publish(run->dest, &manifest, err);
}

rv_code rvi_publish(rvi_run *run, const rvi_part_list *parts, rv_error *err)
{
    const rvi_place place = {run->dest, run->run_id, run->arena};
    rv_manifest manifest;
    bool found = false;
    if (run->summary->resumed)
        RV_TRY_CTX(rvi_publish_again(&place, &manifest, &found, err), err,
                   "publishing the manifest of %s again", run->run_id);
    if (!found)
        RV_TRY_CTX(put_first(run, parts, err), err, "publishing the manifest of %s", run->run_id);
    return settle_marker(run->dest, err);
}

/* ---- earlier runs ---- */

typedef struct older_search {
    rvi_name_list *names;
    const char *own;
} older_search;

/* manifest-<export>_<time>.json, the time of one length: so "orders" is not taken for "orders_archive". */
static rv_code collect_older(void *context, const rv_dest_entry *entry, rv_error *err)
{
    const older_search *search = context;
    if (strcmp(entry->name, search->own) == 0 || strlen(entry->name) != strlen(search->own))
        return RV_OK;
    return rvi_name_list_add(search->names, entry->name, err);
}

rv_code rvi_list_older_manifests(rvi_run *run, rvi_name_list *out, rv_error *err)
{
    const char *time = strrchr(run->run_id, '_');
    older_search search = {.names = out, .own = rv_arena_printf(run->arena, "manifest-%s.json", run->run_id)};
    const char *prefix =
        rv_arena_printf(run->arena, "manifest-%.*s_", (int)(time - run->run_id), run->run_id);
    if (search.own == NULL || prefix == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "listing earlier manifests");
    return rv_dest_list(run->dest, prefix, collect_older, &search, err);
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
    if (rc != RV_OK)
        rv_hint(err, "the new run is complete beside it; see to that manifest, then run again to go on");
    if (rc != RV_OK || !found)
        return rc;
    if (strcmp(manifest.export_name, run->export_config->name) != 0)
        return RV_OK; /* another export shares the prefix: its data is not ours to replace */
    for (int64_t i = 0; i < manifest.n_parts; i++)
        if (!rvi_object_belongs(manifest.parts[i].name, run->run_id))
            RV_TRY(rv_dest_remove(run->dest, manifest.parts[i].name, err));
    return rv_dest_remove(run->dest, name, err);
}

rv_code rvi_settle_older(rvi_run *run, rv_error *err)
{
    rvi_name_list older = {.arena = run->arena};
    RV_TRY(rvi_list_older_manifests(run, &older, err));
    bool replace = run->export_config->on_existing == RV_EXISTING_REPLACE;
    for (size_t i = 0; replace && i < older.n; i++) {
        RV_TRY(rvi_lease_renew(run, err));
        RV_TRY_CTX(remove_older(run, older.names[i], err), err, "replacing what '%s' names", older.names[i]);
    }
    if (!replace && older.n > 0 && run->export_config->mode == RV_MODE_FULL)
        rvi_run_note(run,
                     "%zu earlier run%s beside this full copy; on_existing: replace keeps only the newest",
                     older.n, older.n == 1 ? " lies" : "s lie");
    return RV_OK;
}
