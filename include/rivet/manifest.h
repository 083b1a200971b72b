/* rivet/manifest.h - the document at the destination that says which parts make up a run.
 *
 * manifest-<run_id>.json is each run's own and never changes; manifest.json is the newest; _SUCCESS holds the XXH3-64
 * of manifest.json's exact bytes as one line "xxh3:<16 hex>\n". The fields are the contract's version 1 (4.5) plus
 * additions; readers ignore what they do not know. */
#ifndef RIVET_MANIFEST_H
#define RIVET_MANIFEST_H

#include "rivet/bytes.h"
#include "rivet/dest.h"
#include "rivet/state.h"

typedef struct rv_manifest_column {
    const char *name, *type, *native_type, *fidelity;
    bool nullable;
    uint64_t digest;                         /* over all parts: the modular sum of theirs */
    int64_t policy_uses[RV_INVALID_CLASSES]; /* cells changed by on_invalid */
} rv_manifest_column;

/* A point in time that chunks were read at. */
typedef struct rv_manifest_epoch {
    int64_t epoch;
    const char *snapshot_at; /* RFC 3339 */
} rv_manifest_epoch;

typedef struct rv_manifest {
    const char *run_id, *export_name;
    int64_t started_us, finished_us;
    const char *engine, *engine_version, *source_schema, *source_table; /* schema, table NULL for a query */
    const char *dest_kind, *dest_uri, *format, *compression;
    const char *strategy, *consistency;
    uint64_t schema_fingerprint;
    int64_t rows;
    bool validated; /* every part was read back before it was published; stated only if true */
    const rv_manifest_column *columns;
    int n_columns;
    const rv_part *parts;
    int64_t n_parts;
    const rv_manifest_epoch *epochs; /* of a run under snapshots, in order; written, not read back */
    int n_epochs;
    const int64_t *part_epochs; /* with `epochs`: one for each part */
} rv_manifest;

enum { RV_MANIFEST_MAX_BYTES = 64 << 20 }; /* a larger file at the destination is refused unread */

/* Pretty JSON, deterministic for the same content. */
rv_code rv_manifest_render(const rv_manifest *manifest, rv_bytes *out, rv_error *err) RV_MUST_CHECK;
/* Bytes from a destination, trusted in nothing. MANIFEST_INVALID. Strings live in the arena. */
rv_code rv_manifest_parse(const void *data, size_t len, rv_arena *arena, rv_manifest *out,
                          rv_error *err) RV_MUST_CHECK;
/* Puts manifest-<run_id>.json, then manifest.json, then _SUCCESS. Safe to repeat. */
rv_code rv_manifest_publish(rv_dest *dest, const rv_manifest *manifest, rv_error *err) RV_MUST_CHECK;
/* The text of _SUCCESS for these manifest bytes. */
enum { RV_SUCCESS_TEXT_BYTES = 32 };
void rv_manifest_success_text(char out[RV_SUCCESS_TEXT_BYTES], const void *manifest, size_t len);

#endif
