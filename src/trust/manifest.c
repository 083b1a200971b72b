/* manifest.c - a manifest's text, and the order in which it appears at a destination.
 *
 * jansson makes the text of each value; the lines between are ours: one scalar, one column or one part per line, so
 * that a manifest can be read and searched by eye, and so that a run of 100,000 parts never holds more than one of
 * them as a tree. The order of the keys is the order in which they are added here.
 *
 * What is rendered is checked against itself first: a manifest that its own reader would refuse must not be
 * published. */
#include "trust/internal.h"

#include "rivet/checked.h"
#include "rivet/clock.h"
#include "rivet/crash_point.h"
#include "rivet/hash.h"
#include "rivet/utf8.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rv_code fail_memory(rv_error *err)
{
    return rv_fail(err, RV_E_OUT_OF_MEMORY, "cannot build the manifest");
}

/* ---- values ---- */

static rv_code new_object(json_t **out, rv_error *err)
{
    json_t *object = json_object();
    if (!object)
        return fail_memory(err);
    *out = object;
    return RV_OK;
}

/* Takes `value` over, also on failure. NULL means that it could not be made. */
static rv_code add(json_t *object, const char *key, json_t *value, rv_error *err)
{
    return json_object_set_new(object, key, value) == 0 ? RV_OK : fail_memory(err);
}

/* A NULL text is a key that is left out. */
static rv_code add_text(json_t *object, const char *key, const char *text, rv_error *err)
{
    if (!text)
        return RV_OK;
    if (!rv_utf8_valid((const uint8_t *)text, strlen(text)))
        return rv_fail(err, RV_E_MANIFEST_INVALID, "'%s' of a manifest must be UTF-8", key);
    return add(object, key, json_string(text), err);
}

static rv_code add_time(json_t *object, const char *key, int64_t wall_us, rv_error *err)
{
    char text[RV_TIME_TEXT_BYTES];
    rv_time_rfc3339(text, wall_us);
    return add_text(object, key, text, err);
}

static rv_code add_xxh3(json_t *object, const char *key, uint64_t hash, rv_error *err)
{
    char text[RV_XXH3_TEXT_BYTES];
    rv_xxh3_text(text, hash);
    return add_text(object, key, text, err);
}

/* ---- text ---- */

/* json_dumpb() returns the length it needs, also when that is more than it was given. */
static rv_code append_value(rv_bytes *out, const json_t *value, rv_error *err)
{
    enum { USUAL_BYTES = 1024 };
    RV_TRY(rv_bytes_reserve(out, USUAL_BYTES, err));
    for (;;) {
        const size_t room = out->cap - out->len;
        const size_t need = json_dumpb(value, (char *)out->data + out->len, room, JSON_ENCODE_ANY);
        if (need == 0)
            return fail_memory(err);
        if (need <= room) {
            out->len += need;
            return RV_OK;
        }
        RV_TRY(rv_bytes_reserve(out, need, err));
    }
}

static rv_code append_members(rv_bytes *out, json_t *object, rv_error *err)
{
    for (void *member = json_object_iter(object); member; member = json_object_iter_next(object, member)) {
        RV_TRY(rv_bytes_printf(out, err, "  \"%s\": ", json_object_iter_key(member)));
        RV_TRY(append_value(out, json_object_iter_value(member), err));
        RV_TRY(rv_bytes_append_str(out, ",\n", err));
    }
    return RV_OK;
}

static rv_code append_item(rv_bytes *out, const json_t *item, bool last, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(out, "    ", err));
    RV_TRY(append_value(out, item, err));
    return rv_bytes_append_str(out, last ? "\n" : ",\n", err);
}

/* ---- head ---- */

static rv_code source_object(const rv_manifest *manifest, json_t **out, rv_error *err)
{
    RV_AUTO(json_decref) json_t *source = NULL;
    RV_AUTO(json_decref) json_t *extraction = NULL;
    RV_TRY(new_object(&source, err));
    RV_TRY(add_text(source, "engine", manifest->engine, err));
    RV_TRY(add_text(source, "version", manifest->engine_version, err));
    RV_TRY(add_text(source, "schema", manifest->source_schema, err));
    RV_TRY(add_text(source, "table", manifest->source_table, err));
    RV_TRY(new_object(&extraction, err));
    RV_TRY(add_text(extraction, "strategy", manifest->strategy, err));
    RV_TRY(add_text(extraction, "consistency", manifest->consistency, err));
    RV_TRY(add(source, "extraction", json_incref(extraction), err));
    RV_MOVE(out, source);
    return RV_OK;
}

static rv_code destination_object(const rv_manifest *manifest, json_t **out, rv_error *err)
{
    RV_AUTO(json_decref) json_t *destination = NULL;
    RV_TRY(new_object(&destination, err));
    RV_TRY(add_text(destination, "kind", manifest->dest_kind, err));
    RV_TRY(add_text(destination, "uri", manifest->dest_uri, err));
    RV_MOVE(out, destination);
    return RV_OK;
}

static rv_code append_head(rv_bytes *out, const rv_manifest *manifest, rv_error *err)
{
    RV_AUTO(json_decref) json_t *head = NULL;
    RV_AUTO(json_decref) json_t *source = NULL;
    RV_AUTO(json_decref) json_t *destination = NULL;
    RV_TRY(new_object(&head, err));
    RV_TRY(source_object(manifest, &source, err));
    RV_TRY(destination_object(manifest, &destination, err));
    RV_TRY(add(head, "manifest_version", json_integer(RVI_MANIFEST_VERSION), err));
    RV_TRY(add_text(head, "run_id", manifest->run_id, err));
    RV_TRY(add_text(head, "export_name", manifest->export_name, err));
    RV_TRY(add_time(head, "started_at", manifest->started_us, err));
    RV_TRY(add_time(head, "finished_at", manifest->finished_us, err));
    RV_TRY(add_text(head, "status", rv_run_status_name(RV_RUN_SUCCEEDED), err));
    RV_TRY(add(head, "source", json_incref(source), err));
    RV_TRY(add(head, "destination", json_incref(destination), err));
    RV_TRY(add_text(head, "format", manifest->format, err));
    RV_TRY(add_text(head, "compression", manifest->compression, err));
    RV_TRY(add_xxh3(head, "schema_fingerprint", manifest->schema_fingerprint, err));
    RV_TRY(add(head, "row_count", json_integer(manifest->rows), err));
    if (manifest->validated)
        RV_TRY(add(head, "validated", json_true(), err));
    RV_TRY(add(head, "part_count", json_integer(manifest->n_parts), err));
    return append_members(out, head, err);
}

/* ---- columns ---- */

/* Only the classes that were met; no key at all when none was. */
static rv_code add_policy_uses(json_t *object, const rv_manifest_column *column, rv_error *err)
{
    RV_AUTO(json_decref) json_t *uses = NULL;
    RV_TRY(new_object(&uses, err));
    for (int i = 0; i < RV_INVALID_CLASSES; i++)
        if (column->policy_uses[i] != 0)
            RV_TRY(add(uses, rv_invalid_name((rv_invalid)i), json_integer(column->policy_uses[i]), err));
    return json_object_size(uses) == 0 ? RV_OK : add(object, "policy_uses", json_incref(uses), err);
}

static rv_code append_column(rv_bytes *out, const rv_manifest_column *column, bool last, rv_error *err)
{
    char digest[RVI_DIGEST_TEXT_BYTES];
    rvi_digest_text(digest, column->digest);
    RV_AUTO(json_decref) json_t *object = NULL;
    RV_TRY(new_object(&object, err));
    RV_TRY(add_text(object, "name", column->name, err));
    RV_TRY(add_text(object, "type", column->type, err));
    RV_TRY(add_text(object, "native_type", column->native_type, err));
    RV_TRY(add(object, "nullable", json_boolean(column->nullable), err));
    RV_TRY(add_text(object, "fidelity", column->fidelity, err));
    RV_TRY(add_text(object, "checksum", digest, err));
    RV_TRY(add_policy_uses(object, column, err));
    return append_item(out, object, last, err);
}

static rv_code append_columns(rv_bytes *out, const rv_manifest *manifest, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(out, "  \"columns\": [\n", err));
    for (int i = 0; i < manifest->n_columns; i++)
        RV_TRY_CTX(append_column(out, &manifest->columns[i], i + 1 == manifest->n_columns, err), err,
                   "column '%s'", manifest->columns[i].name);
    return rv_bytes_append_str(out, "  ],\n", err);
}

/* ---- epochs ---- */

static rv_code append_epoch(rv_bytes *out, const rv_manifest_epoch *epoch, bool last, rv_error *err)
{
    RV_AUTO(json_decref) json_t *object = NULL;
    RV_TRY(new_object(&object, err));
    RV_TRY(add(object, "epoch", json_integer(epoch->epoch), err));
    RV_TRY(add_text(object, "snapshot_at", epoch->snapshot_at, err));
    return append_item(out, object, last, err);
}

static rv_code append_epochs(rv_bytes *out, const rv_manifest *manifest, rv_error *err)
{
    if (manifest->n_epochs == 0)
        return RV_OK;
    RV_TRY(rv_bytes_append_str(out, "  \"epochs\": [\n", err));
    for (int i = 0; i < manifest->n_epochs; i++)
        RV_TRY(append_epoch(out, &manifest->epochs[i], i + 1 == manifest->n_epochs, err));
    return rv_bytes_append_str(out, "  ],\n", err);
}

/* ---- parts ---- */

/* What is summed over the parts and must agree with what the run says. */
typedef struct totals {
    int64_t rows;
    uint64_t *digests; /* one per column */
    bool has_digests;  /* every part so far came with its digests */
} totals;

static rv_code add_digests(json_t *object, const rv_manifest *manifest, const rv_part *part, totals *sum,
                           rv_error *err)
{
    if (!part->column_digests || !part->column_digests[0]) {
        sum->has_digests = false;
        return RV_OK;
    }
    json_error_t why = {0};
    RV_AUTO(json_decref) json_t *digests = json_loads(part->column_digests, 0, &why);
    if (!digests && rvi_json_lacked_memory(&why))
        return fail_memory(err);
    if (!rvi_digests_add(digests, manifest->n_columns, sum->digests))
        return rv_fail(err, RV_E_INTERNAL, "part '%s' does not have one digest for each of %d columns",
                       part->name, manifest->n_columns);
    return add(object, "column_checksums", json_incref(digests), err);
}

static rv_code append_part(rv_bytes *out, const rv_manifest *manifest, int64_t index, totals *sum,
                           rv_error *err)
{
    const rv_part *part = &manifest->parts[index];
    if (!rvi_part_name_valid(part->name) || part->rows < 0 || part->bytes > INT64_MAX ||
        rv_add_i64(&sum->rows, sum->rows, part->rows))
        return rv_fail(err, RV_E_INTERNAL, "part '%s' has an impossible name, size or number of rows",
                       part->name);
    char md5[RV_MD5_BASE64_BYTES];
    rv_base64_md5(md5, part->md5);
    RV_AUTO(json_decref) json_t *object = NULL;
    RV_TRY(new_object(&object, err));
    RV_TRY(add(object, "part_id", json_integer(index + 1), err));
    RV_TRY(add_text(object, "path", part->name, err));
    RV_TRY(add(object, "rows", json_integer(part->rows), err));
    RV_TRY(add(object, "size_bytes", json_integer((json_int_t)part->bytes), err));
    RV_TRY(add_xxh3(object, "content_fingerprint", part->xxh3, err));
    RV_TRY(add_text(object, "content_md5", md5, err));
    RV_TRY(add_text(object, "status", "committed", err));
    RV_TRY(add(object, "chunk", json_integer(part->chunk_index), err));
    RV_TRY(add(object, "sequence", json_integer(part->sequence), err));
    if (manifest->n_epochs > 0)
        RV_TRY(add(object, "epoch", json_integer(manifest->part_epochs[index]), err));
    RV_TRY(add_digests(object, manifest, part, sum, err));
    return append_item(out, object, index + 1 == manifest->n_parts, err);
}

static rv_code check_totals(const rv_manifest *manifest, const totals *sum, rv_error *err)
{
    if (sum->rows != manifest->rows)
        return rv_fail(err, RV_E_INTERNAL, "run '%s' has %lld rows, its parts hold %lld", manifest->run_id,
                       (long long)manifest->rows, (long long)sum->rows);
    for (int i = 0; sum->has_digests && i < manifest->n_columns; i++)
        if (sum->digests[i] != manifest->columns[i].digest)
            return rv_fail(err, RV_E_INTERNAL,
                           "the digest of column '%s' is not the sum of its parts' digests",
                           manifest->columns[i].name);
    return RV_OK;
}

static rv_code append_parts_with(rv_bytes *out, const rv_manifest *manifest, totals *sum, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(out, "  \"parts\": [\n", err));
    for (int64_t i = 0; i < manifest->n_parts; i++)
        RV_TRY(append_part(out, manifest, i, sum, err));
    RV_TRY(check_totals(manifest, sum, err));
    return rv_bytes_append_str(out, "  ]\n", err);
}

static rv_code append_parts(rv_bytes *out, const rv_manifest *manifest, rv_error *err)
{
    /* One more than needed: calloc(0) may be NULL. */
    totals sum = {.digests = calloc((size_t)manifest->n_columns + 1, sizeof(uint64_t)), .has_digests = true};
    if (!sum.digests)
        return fail_memory(err);
    rv_code rc = append_parts_with(out, manifest, &sum, err);
    free(sum.digests);
    return rc;
}

static rv_code render(const rv_manifest *manifest, rv_bytes *out, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(out, "{\n", err));
    RV_TRY(append_head(out, manifest, err));
    RV_TRY(append_columns(out, manifest, err));
    RV_TRY(append_epochs(out, manifest, err));
    RV_TRY(append_parts(out, manifest, err));
    return rv_bytes_append_str(out, "}\n", err);
}

rv_code rv_manifest_render(const rv_manifest *manifest, rv_bytes *out, rv_error *err)
{
    assert(manifest->run_id && manifest->n_columns >= 0 && manifest->n_parts >= 0);
    const size_t before = out->len;
    rv_code rc = render(manifest, out, err);
    if (rc == RV_OK)
        return RV_OK;
    out->len = before;
    return rv_wrap(err, rc, "manifest of run '%s'", manifest->run_id);
}

/* ---- publishing ---- */

void rv_manifest_success_text(char out[RV_SUCCESS_TEXT_BYTES], const void *manifest, size_t len)
{
    char hash[RV_XXH3_TEXT_BYTES];
    rv_xxh3_text(hash, rv_xxh3(manifest, len, 0));
    snprintf(out, RV_SUCCESS_TEXT_BYTES, "%s\n", hash);
}

/* A run's id begins with its export's name, which may hold what an object's name may not. */
static void copy_name(char *out, size_t size, const char *run_id)
{
    snprintf(out, size, "manifest-%s.json", run_id);
    for (char *at = out; *at; at++)
        if (*at == '/' || *at == '\\' || (unsigned char)*at < 0x20 || *at == 0x7f)
            *at = '_';
}

/* Every part is durable before the manifest that names it, the manifest before the marker that holds its hash. In
 * between, an older marker does not fit the newer manifest: a reader sees a prefix in motion, never a false one. */
rv_code rv_manifest_publish(rv_dest *dest, const rv_manifest *manifest, rv_error *err)
{
    rv_bytes text = RV_BYTES_INIT(RV_MANIFEST_MAX_BYTES);
    rv_code rc = rv_manifest_render(manifest, &text, err);
    if (rc == RV_OK) {
        char name[RV_RUN_ID_BYTES + 32];
        copy_name(name, sizeof name, manifest->run_id);
        rc = rv_dest_put_bytes(dest, name, text.data, text.len, err);
    }
    if (rc == RV_OK) {
        RV_CRASH_POINT("after-manifest-copy");
        rc = rv_dest_put_bytes(dest, "manifest.json", text.data, text.len, err);
    }
    if (rc == RV_OK) {
        RV_CRASH_POINT("after-manifest");
        char marker[RV_SUCCESS_TEXT_BYTES];
        rv_manifest_success_text(marker, text.data, text.len);
        rc = rv_dest_put_bytes(dest, "_SUCCESS", marker, strlen(marker), err);
    }
    rv_bytes_deinit(&text);
    return rc;
}
