/* manifest_parse.c - a manifest from a destination, trusted in nothing.
 *
 * Whoever can write to a bucket can write a manifest, and what is read here decides which files are data and, under
 * `on_existing: replace`, which are removed. So: every key's type and range is checked, names cannot leave the
 * prefix, no key and no part may stand twice, and all sums must agree. Keys that are not known are ignored. Keys that
 * version 1 did not have from the start (columns, chunk, sequence, checksums) may be missing, but not wrong.
 *
 * Values of the document are not repeated in messages: they may be long, and hold anything but text. */
#include "trust/internal.h"

#include "rivet/checked.h"
#include "rivet/civil.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_TEXT_BYTES = 8192, /* of any value; the longest are paths and URIs */
    WHERE_BYTES = 48,
};

typedef enum presence { OPTIONAL, REQUIRED } presence;

/* An object being read: `where` names it in messages ("the manifest", "part 3"). */
typedef struct reader {
    const json_t *object;
    rv_arena *arena;
    rv_error *err;
    char where[WHERE_BYTES];
} reader;

static rv_code refuse(rv_error *err, const char *fmt, ...) RV_PRINTF(2, 3);
static rv_code refuse(rv_error *err, const char *fmt, ...)
{
    char what[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return rv_fail(err, RV_E_MANIFEST_INVALID, "not a valid manifest: %s", what);
}

static rv_code fail_memory(rv_error *err)
{
    return rv_fail(err, RV_E_OUT_OF_MEMORY, "cannot hold a manifest");
}

static rv_code refuse_wrong(const reader *r, const char *key, const char *expected)
{
    return refuse(r->err, "'%s' of %s is not %s", key, r->where, expected);
}

/* *out is NULL for a key that may be missing and is, or is null. */
static rv_code get(const reader *r, const char *key, presence needed, const json_t **out)
{
    const json_t *value = json_object_get(r->object, key);
    if (json_is_null(value))
        value = NULL;
    if (!value && needed == REQUIRED)
        return refuse(r->err, "%s has no '%s'", r->where, key);
    *out = value;
    return RV_OK;
}

/* *out stays as it is when the key is missing. */
static rv_code get_count(const reader *r, const char *key, presence needed, int64_t *out)
{
    const json_t *value = NULL;
    RV_TRY(get(r, key, needed, &value));
    if (!value)
        return RV_OK;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return refuse_wrong(r, key, "a whole number from 0 up");
    *out = json_integer_value(value);
    return RV_OK;
}

/* Borrowed from the document. *out is NULL when the key is missing. */
static rv_code get_raw_text(const reader *r, const char *key, presence needed, const char **out, size_t *len)
{
    const json_t *value = NULL;
    RV_TRY(get(r, key, needed, &value));
    *out = NULL;
    if (!value)
        return RV_OK;
    if (!json_is_string(value) || json_string_length(value) > MAX_TEXT_BYTES)
        return refuse_wrong(r, key, "a text of reasonable length");
    *out = json_string_value(value);
    *len = json_string_length(value);
    return RV_OK;
}

static rv_code get_text(const reader *r, const char *key, presence needed, const char **out)
{
    const char *raw = NULL;
    size_t len = 0;
    RV_TRY(get_raw_text(r, key, needed, &raw, &len));
    if (raw && !(raw = rv_arena_strndup(r->arena, raw, len)))
        return fail_memory(r->err);
    *out = raw;
    return RV_OK;
}

static rv_code get_time(const reader *r, const char *key, int64_t *out)
{
    static const int64_t end_of_9999_us = INT64_C(253402300799999999); /* RFC 3339 has years of four digits */
    const char *raw = NULL;
    size_t len = 0;
    bool has_zone = false;
    RV_TRY(get_raw_text(r, key, REQUIRED, &raw, &len));
    if (!rv_parse_timestamp(raw, len, out, &has_zone) || !has_zone || *out < 0 || *out > end_of_9999_us)
        return refuse_wrong(r, key, "a time of our era with a zone");
    return RV_OK;
}

static rv_code get_xxh3(const reader *r, const char *key, uint64_t *out)
{
    const char *raw = NULL;
    size_t len = 0;
    RV_TRY(get_raw_text(r, key, REQUIRED, &raw, &len));
    return rvi_xxh3_parse(raw, len, out) ? RV_OK : refuse_wrong(r, key, "\"xxh3:\" and 16 digits");
}

static rv_code get_object(const reader *r, const char *key, presence needed, const json_t **out)
{
    RV_TRY(get(r, key, needed, out));
    return !*out || json_is_object(*out) ? RV_OK : refuse_wrong(r, key, "an object");
}

static rv_code get_array(const reader *r, const char *key, presence needed, const json_t **out)
{
    RV_TRY(get(r, key, needed, out));
    return !*out || json_is_array(*out) ? RV_OK : refuse_wrong(r, key, "a list");
}

/* A reader of the object `value`, named by a format for `where`. */
static reader inside(const reader *outer, const json_t *value, const char *noun, size_t number)
{
    reader r = {.object = value, .arena = outer->arena, .err = outer->err};
    if (number > 0)
        snprintf(r.where, sizeof r.where, "%s %zu", noun, number);
    else
        snprintf(r.where, sizeof r.where, "%s", noun);
    return r;
}

/* ---- head ---- */

static rv_code read_version(const reader *r)
{
    int64_t version = 0;
    RV_TRY(get_count(r, "manifest_version", REQUIRED, &version));
    if (version == RVI_MANIFEST_VERSION)
        return RV_OK;
    rv_code rc = refuse(r->err, "its version is %" PRId64 ", this program reads version %d", version,
                        RVI_MANIFEST_VERSION);
    rv_hint(r->err, "use the version of rivet that wrote it, or a newer one");
    return rc;
}

/* Only the manifest of a success says which files are data. */
static rv_code read_status(const reader *r)
{
    const char *status;
    size_t len = 0;
    RV_TRY(get_raw_text(r, "status", REQUIRED, &status, &len));
    assert(status);
    return strcmp(status, rv_run_status_name(RV_RUN_SUCCEEDED)) == 0
               ? RV_OK
               : refuse(r->err, "it belongs to a run that did not succeed");
}

static rv_code read_source(const reader *r, rv_manifest *out)
{
    const json_t *source = NULL, *extraction = NULL;
    RV_TRY(get_object(r, "source", REQUIRED, &source));
    const reader in = inside(r, source, "the source", 0);
    RV_TRY(get_text(&in, "engine", REQUIRED, &out->engine));
    RV_TRY(get_text(&in, "version", OPTIONAL, &out->engine_version));
    RV_TRY(get_text(&in, "schema", OPTIONAL, &out->source_schema));
    RV_TRY(get_text(&in, "table", OPTIONAL, &out->source_table));
    RV_TRY(get_object(&in, "extraction", OPTIONAL, &extraction));
    if (!extraction)
        return RV_OK;
    const reader how = inside(r, extraction, "the extraction", 0);
    RV_TRY(get_text(&how, "strategy", OPTIONAL, &out->strategy));
    return get_text(&how, "consistency", OPTIONAL, &out->consistency);
}

static rv_code read_destination(const reader *r, rv_manifest *out)
{
    const json_t *destination = NULL;
    RV_TRY(get_object(r, "destination", REQUIRED, &destination));
    const reader in = inside(r, destination, "the destination", 0);
    RV_TRY(get_text(&in, "kind", REQUIRED, &out->dest_kind));
    return get_text(&in, "uri", REQUIRED, &out->dest_uri);
}

static rv_code read_head(const reader *r, rv_manifest *out)
{
    RV_TRY(read_version(r));
    RV_TRY(read_status(r));
    RV_TRY(get_text(r, "run_id", REQUIRED, &out->run_id));
    assert(out->run_id);
    if (!out->run_id[0] || strlen(out->run_id) >= RV_RUN_ID_BYTES)
        return refuse_wrong(r, "run_id", "the name of a run");
    RV_TRY(get_text(r, "export_name", REQUIRED, &out->export_name));
    RV_TRY(get_time(r, "started_at", &out->started_us));
    RV_TRY(get_time(r, "finished_at", &out->finished_us));
    if (out->finished_us < out->started_us)
        return refuse(r->err, "it finished before it started");
    RV_TRY(read_source(r, out));
    RV_TRY(read_destination(r, out));
    RV_TRY(get_text(r, "format", REQUIRED, &out->format));
    RV_TRY(get_text(r, "compression", REQUIRED, &out->compression));
    RV_TRY(get_xxh3(r, "schema_fingerprint", &out->schema_fingerprint));
    return get_count(r, "row_count", REQUIRED, &out->rows);
}

/* ---- columns ---- */

static rv_code read_policy_uses(const reader *r, rv_manifest_column *out)
{
    const json_t *uses = NULL;
    RV_TRY(get_object(r, "policy_uses", OPTIONAL, &uses));
    if (!uses)
        return RV_OK;
    const reader in = inside(r, uses, "policy_uses", 0);
    for (int i = 0; i < RV_INVALID_CLASSES; i++)
        RV_TRY(get_count(&in, rv_invalid_name((rv_invalid)i), OPTIONAL, &out->policy_uses[i]));
    return RV_OK;
}

static rv_code read_column(const reader *r, rv_manifest_column *out)
{
    const json_t *nullable = NULL;
    const char *digest;
    size_t len = 0;
    RV_TRY(get_text(r, "name", REQUIRED, &out->name));
    RV_TRY(get_text(r, "type", REQUIRED, &out->type));
    RV_TRY(get_text(r, "native_type", REQUIRED, &out->native_type));
    RV_TRY(get_text(r, "fidelity", REQUIRED, &out->fidelity));
    RV_TRY(get(r, "nullable", REQUIRED, &nullable));
    if (!json_is_boolean(nullable))
        return refuse_wrong(r, "nullable", "true or false");
    out->nullable = json_is_true(nullable);
    RV_TRY(get_raw_text(r, "checksum", REQUIRED, &digest, &len));
    if (!rvi_digest_parse(digest, len, &out->digest))
        return refuse_wrong(r, "checksum", "16 hexadecimal digits");
    return read_policy_uses(r, out);
}

static rv_code read_columns(const reader *r, rv_manifest *out)
{
    const json_t *array = NULL;
    RV_TRY(get_array(r, "columns", OPTIONAL, &array));
    const size_t n = array ? json_array_size(array) : 0;
    if (n > RV_MAX_FIELDS)
        return refuse(r->err, "it has %zu columns, more than %d", n, RV_MAX_FIELDS);
    rv_manifest_column *columns = rv_arena_alloc(r->arena, n, sizeof *columns);
    if (!columns)
        return fail_memory(r->err);
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(array, i);
        if (!json_is_object(item))
            return refuse(r->err, "column %zu is not an object", i + 1);
        const reader in = inside(r, item, "column", i + 1);
        RV_TRY(read_column(&in, &columns[i]));
    }
    out->columns = columns;
    out->n_columns = (int)n;
    return RV_OK;
}

/* ---- parts ---- */

/* What is summed over the parts. */
typedef struct totals {
    int64_t rows;
    uint64_t *digests; /* one per column, in the arena */
    bool has_digests;  /* every part so far had its digests */
} totals;

static rv_code read_digests(const reader *r, int n_columns, totals *sum, const char **out)
{
    const json_t *array = NULL;
    RV_TRY(get_array(r, "column_checksums", OPTIONAL, &array));
    if (!array) {
        sum->has_digests = false;
        return RV_OK;
    }
    if (!rvi_digests_add(array, n_columns, sum->digests))
        return refuse_wrong(r, "column_checksums", "a list of one checksum per column");
    const size_t room = (size_t)n_columns * (RVI_DIGEST_TEXT_BYTES + 2) + 3;
    char *text = rv_arena_alloc(r->arena, room, 1);
    if (!text)
        return fail_memory(r->err);
    const size_t len = json_dumpb(array, text, room - 1, JSON_COMPACT);
    if (len == 0 || len >= room)
        return fail_memory(r->err);
    *out = text;
    return RV_OK;
}

static rv_code read_md5(const reader *r, uint8_t out[16])
{
    const char *text;
    size_t len = 0;
    RV_TRY(get_raw_text(r, "content_md5", OPTIONAL, &text, &len));
    return !text || rvi_base64_md5_parse(text, len, out) ? RV_OK
                                                         : refuse_wrong(r, "content_md5", "an MD5 in base64");
}

static rv_code read_part(const reader *r, int n_columns, totals *sum, rv_part *out)
{
    int64_t bytes = 0;
    RV_TRY(get_text(r, "path", REQUIRED, &out->name));
    if (!rvi_part_name_valid(out->name))
        return refuse_wrong(r, "path", "the name of a part directly under the prefix");
    RV_TRY(get_count(r, "rows", REQUIRED, &out->rows));
    RV_TRY(get_count(r, "size_bytes", REQUIRED, &bytes));
    out->bytes = (uint64_t)bytes;
    RV_TRY(get_xxh3(r, "content_fingerprint", &out->xxh3));
    RV_TRY(read_md5(r, out->md5));
    RV_TRY(get_count(r, "chunk", OPTIONAL, &out->chunk_index));
    RV_TRY(get_count(r, "sequence", OPTIONAL, &out->sequence));
    RV_TRY(read_digests(r, n_columns, sum, &out->column_digests));
    if (rv_add_i64(&sum->rows, sum->rows, out->rows))
        return refuse(r->err, "its parts hold more rows than can be counted");
    return RV_OK;
}

/* A part that was set aside is not data. */
static rv_code is_committed(const reader *r, bool *out)
{
    const char *status;
    size_t len = 0;
    RV_TRY(get_raw_text(r, "status", REQUIRED, &status, &len));
    *out = strcmp(status, "committed") == 0;
    if (!*out && strcmp(status, "quarantined") != 0)
        return refuse_wrong(r, "status", "\"committed\" or \"quarantined\"");
    return RV_OK;
}

static int compare_names(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;
    return strcmp(*left, *right);
}

static rv_code check_unique(const rv_part *parts, size_t n, rv_arena *arena, rv_error *err)
{
    const char **names = rv_arena_alloc(arena, n, sizeof *names);
    if (!names)
        return fail_memory(err);
    for (size_t i = 0; i < n; i++)
        names[i] = parts[i].name;
    if (n > 1)
        qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 1; i < n; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            return refuse(err, "two parts have the same path");
    return RV_OK;
}

static rv_code check_totals(const reader *r, const rv_manifest *manifest, const totals *sum)
{
    if (sum->rows != manifest->rows)
        return refuse(r->err, "row_count is %" PRId64 ", its parts hold %" PRId64 " rows", manifest->rows,
                      sum->rows);
    for (int i = 0; sum->has_digests && i < manifest->n_columns; i++)
        if (sum->digests[i] != manifest->columns[i].digest)
            return refuse(r->err, "the checksum of column %d is not the sum of its parts' checksums", i + 1);
    return RV_OK;
}

static rv_code read_part_list(const reader *r, const json_t *array, rv_manifest *out, totals *sum)
{
    const size_t n = json_array_size(array);
    size_t n_committed = 0;
    rv_part *parts = rv_arena_alloc(r->arena, n, sizeof *parts);
    if (!parts)
        return fail_memory(r->err);
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(array, i);
        if (!json_is_object(item))
            return refuse(r->err, "part %zu is not an object", i + 1);
        const reader in = inside(r, item, "part", i + 1);
        bool committed = false;
        RV_TRY(is_committed(&in, &committed));
        if (committed)
            RV_TRY(read_part(&in, out->n_columns, sum, &parts[n_committed++]));
    }
    out->parts = parts;
    out->n_parts = (int64_t)n_committed;
    return check_unique(parts, n_committed, r->arena, r->err);
}

static rv_code read_parts(const reader *r, rv_manifest *out)
{
    const json_t *array = NULL;
    int64_t part_count = 0;
    RV_TRY(get_count(r, "part_count", REQUIRED, &part_count));
    RV_TRY(get_array(r, "parts", REQUIRED, &array));
    totals sum = {.has_digests = true};
    sum.digests = rv_arena_alloc(r->arena, (size_t)out->n_columns, sizeof *sum.digests);
    if (!sum.digests)
        return fail_memory(r->err);
    RV_TRY(read_part_list(r, array, out, &sum));
    if (part_count != out->n_parts)
        return refuse(r->err, "part_count is %" PRId64 ", it lists %" PRId64 " parts", part_count,
                      out->n_parts);
    return check_totals(r, out, &sum);
}

/* ---- document ---- */

static rv_code load(const void *data, size_t len, json_t **out, rv_error *err)
{
    if (len > RV_MANIFEST_MAX_BYTES)
        return refuse(err, "it has %zu bytes, more than %d", len, RV_MANIFEST_MAX_BYTES);
    json_error_t why = {0};
    json_t *document = json_loadb(data, len, JSON_REJECT_DUPLICATES, &why);
    if (!document && rvi_json_lacked_memory(&why))
        return fail_memory(err);
    if (!document)
        return refuse(err, "not JSON as expected at line %d, column %d", why.line, why.column);
    *out = document;
    return RV_OK;
}

rv_code rv_manifest_parse(const void *data, size_t len, rv_arena *arena, rv_manifest *out, rv_error *err)
{
    RV_AUTO(json_decref) json_t *document = NULL;
    RV_TRY(load(data, len, &document, err));
    if (!json_is_object(document))
        return refuse(err, "it is not an object");
    const reader r = {.object = document, .arena = arena, .err = err, .where = "the manifest"};
    rv_manifest manifest = {0};
    RV_TRY(read_head(&r, &manifest));
    RV_TRY(read_columns(&r, &manifest));
    RV_TRY(read_parts(&r, &manifest));
    *out = manifest;
    return RV_OK;
}
