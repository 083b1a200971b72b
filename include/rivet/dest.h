/* rivet/dest.h - where parts and manifests end up: bytes and names only.
 *
 * A name is relative to the destination's prefix, has no leading slash and no "..". An object becomes visible under
 * its final name whole or not at all. One thread at a time per rv_dest. */
#ifndef RIVET_DEST_H
#define RIVET_DEST_H

#include "rivet/bytes.h"
#include "rivet/cancel.h"
#include "rivet/config.h"
#include "rivet/scratch.h"
#include "rivet/sink.h"

typedef struct rv_dest rv_dest;

enum {
    RV_DEST_CAP_OBJECTS = 1u << 0, /* holds named objects: put_file, put_bytes, get, list, remove are set */
    RV_DEST_CAP_STREAM = 1u << 1,  /* takes one stream of bytes and nothing else: stream is set */
};

typedef struct rv_dest_entry {
    const char *name; /* relative to the prefix; lives during the call */
    uint64_t bytes;
} rv_dest_entry;
typedef rv_code (*rv_dest_fn)(void *context, const rv_dest_entry *entry, rv_error *err);

typedef struct rv_dest_ops {
    const char *kind; /* value of destination.type */
    uint32_t caps;

    /* `path` has its placeholders expanded. Creates nothing. */
    rv_code (*open)(rv_dest **out, const rv_dest_config *cfg, const char *path, rv_cancel *cancel,
                    rv_error *err);
    /* Make the destination ready and prove that it can be written: local creates the folder, writes and removes a
     * probe. DEST_UNAVAILABLE, DEST_DENIED, DEST_FULL. Leaves nothing but the folder. */
    rv_code (*prepare)(rv_dest *dest, rv_error *err);

    /* Would prepare() succeed? Creates and leaves nothing: for a folder that does not exist yet, looks at the nearest
     * one that does. DEST_UNAVAILABLE, DEST_DENIED. */
    rv_code (*check)(rv_dest *dest, rv_error *err);

    /* Folder in which the spool should make its files so that put_file needs no copy; NULL: anywhere. */
    const char *(*spool_folder)(const rv_dest *dest);
    /* Take a finished spool file over under its final name, durably; the spool file is gone afterwards. An object
     * of that name is replaced. Local: fsync, rename, fsync of the folder. */
    rv_code (*put_file)(rv_dest *dest, const char *spool_path, const char *name, rv_error *err);
    rv_code (*put_bytes)(rv_dest *dest, const char *name, const void *data, size_t len, rv_error *err);
    /* Whole object into `out`, whose ceiling bounds it. *found false: there is none (not an error). */
    rv_code (*get)(rv_dest *dest, const char *name, rv_bytes *out, bool *found, rv_error *err);
    /* Every object directly under the prefix whose name begins with `name_prefix` (not empty). Order: by name. */
    rv_code (*list)(rv_dest *dest, const char *name_prefix, rv_dest_fn fn, void *context, rv_error *err);
    rv_code (*remove)(rv_dest *dest, const char *name, rv_error *err); /* absent is fine */

    /* Where an object lies as a file that this process can read, appended to `out`. NULL: objects are no files here. */
    rv_code (*file_path)(const rv_dest *dest, const char *name, rv_bytes *out, rv_error *err);

    rv_code (*stream)(rv_dest *dest, rv_sink **out, rv_error *err); /* borrowed until close */

    void (*close)(rv_dest *dest); /* NULL is fine */
} rv_dest_ops;

struct rv_dest {
    const rv_dest_ops *ops;
    const char *uri; /* "file:///data/orders", "stdout": for messages and manifests; no secrets */
};

const rv_dest_ops *rv_dest_driver(const char *kind);

rv_code rv_dest_open(rv_dest **out, const rv_dest_config *cfg, const char *path, rv_cancel *cancel,
                     rv_error *err) RV_MUST_CHECK;
rv_code rv_dest_prepare(rv_dest *dest, rv_error *err) RV_MUST_CHECK;
rv_code rv_dest_check(rv_dest *dest, rv_error *err) RV_MUST_CHECK;
bool rv_dest_has(const rv_dest *dest, uint32_t cap);
const char *rv_dest_uri(const rv_dest *dest);
const char *rv_dest_spool_folder(const rv_dest *dest);
rv_code rv_dest_put_file(rv_dest *dest, const char *spool_path, const char *name,
                         rv_error *err) RV_MUST_CHECK;
rv_code rv_dest_put_bytes(rv_dest *dest, const char *name, const void *data, size_t len,
                          rv_error *err) RV_MUST_CHECK;
rv_code rv_dest_get(rv_dest *dest, const char *name, rv_bytes *out, bool *found, rv_error *err) RV_MUST_CHECK;
rv_code rv_dest_list(rv_dest *dest, const char *name_prefix, rv_dest_fn fn, void *context,
                     rv_error *err) RV_MUST_CHECK;
rv_code rv_dest_remove(rv_dest *dest, const char *name, rv_error *err) RV_MUST_CHECK;
bool rv_dest_has_files(const rv_dest *dest); /* the file_path slot is set */
rv_code rv_dest_file_path(const rv_dest *dest, const char *name, rv_bytes *out, rv_error *err) RV_MUST_CHECK;
rv_code rv_dest_stream(rv_dest *dest, rv_sink **out, rv_error *err) RV_MUST_CHECK;
void rv_dest_close(rv_dest *dest);
RV_DEFINE_AUTO(rv_dest, rv_dest_close)

/* A spool file: a temporary file that is either handed to put_file() or leaves no trace. Writes are buffered; a
 * full disk is DEST_FULL. Names begin with RV_SPOOL_PREFIX and hold the run, so that a later run can tell a dead
 * run's leftovers: ".rivet-<run_id>-<random>". Use: open, write to `sink`, close_file, take_path or discard. */
#define RV_SPOOL_PREFIX ".rivet-"
typedef struct rv_spool rv_spool;
rv_code rv_spool_open(rv_spool **out, const char *folder, const char *run_id, rv_error *err) RV_MUST_CHECK;
rv_sink *rv_spool_sink(rv_spool *spool);
rv_code rv_spool_finish(rv_spool *spool, rv_error *err) RV_MUST_CHECK; /* flushes and closes the descriptor */
const char *rv_spool_path(const rv_spool *spool);
void rv_spool_release(rv_spool *spool); /* somebody took the file: do not remove it; frees */
void rv_spool_discard(rv_spool *spool); /* removes the file, frees; NULL is fine */
RV_DEFINE_AUTO(rv_spool, rv_spool_discard)

/* A scratch in an unnamed file of that folder (NULL: that for temporary files), made at the first write. Its calls fail
 * as those of a spool do; what was read must have been written. */
rv_code rv_scratch_file_new(rv_scratch **out, const char *folder, const char *run_id,
                            rv_error *err) RV_MUST_CHECK;
void rv_scratch_file_free(rv_scratch *scratch); /* NULL is fine */
RV_DEFINE_AUTO(rv_scratch, rv_scratch_file_free)

/* {date} {export} {table} {run_id} {partition} of a path; any other {…} is kept by no one: CONFIG_VALUE with a suggestion.
 * Values are made safe for a path: '/' and control characters become '_'. */
typedef struct rv_placeholders {
    const char *date, *export_name, *table, *run_id, *partition;
} rv_placeholders;
rv_code rv_dest_expand(const char *path, const rv_placeholders *values, rv_bytes *out,
                       rv_error *err) RV_MUST_CHECK;

#endif
