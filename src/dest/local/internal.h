/* local/internal.h - a folder of this machine as a destination.
 *
 * All work goes through a descriptor of the folder, so a path that begins to mean another folder in the
 * middle of a run is noticed instead of followed. A file is made under a temporary name in the same folder
 * and becomes visible by rename(2), which replaces whole files or nothing. */
#ifndef DEST_LOCAL_INTERNAL_H
#define DEST_LOCAL_INTERNAL_H

#include "dest/internal.h"

#include <sys/types.h>

typedef struct rvi_local {
    rv_dest base;
    char *path; /* absolute, no trailing slash: what it was when the destination was opened */
    char *uri;
    rv_cancel *cancel;
    int folder;   /* descriptor of the folder; -1 until it is opened */
    bool ready;   /* prepared: the folder exists and was written to */
    dev_t device; /* with `inode`: which folder it was */
    ino_t inode;
    mode_t file_mode; /* of published files: what the umask and the folder's default ACL leave of 0666 */
} rvi_local;

/* Absolute form of `path` without "." and double slashes, and its file: URI (RFC 8089). Fails CONFIG_VALUE
 * (empty), DEST_UNAVAILABLE (no working directory), OUT_OF_MEMORY. */
rv_code rvi_local_set_path(rvi_local *local, const char *path, rv_error *err) RV_MUST_CHECK;
/* Create the folder and those above it where missing; 0777 less the umask. What was created is durable. */
rv_code rvi_local_make_folder(const rvi_local *local, rv_error *err) RV_MUST_CHECK;
/* Open the folder unless it is open. *found false: there is none. */
rv_code rvi_local_open_folder(rvi_local *local, bool *found, rv_error *err) RV_MUST_CHECK;
/* DEST_UNAVAILABLE unless the path still names the folder that was opened and the folder still exists. */
rv_code rvi_local_check_folder(const rvi_local *local, rv_error *err) RV_MUST_CHECK;
rv_code rvi_local_sync_folder(const rvi_local *local, rv_error *err) RV_MUST_CHECK;
/* rvi_dest_fail_os() for a name in the folder: the message shows the whole path. */
rv_code rvi_local_fail(const rvi_local *local, rv_code other, int os_errno, const char *attempt,
                       const char *name, rv_error *err);
rv_code rvi_local_prepare(rv_dest *dest, rv_error *err) RV_MUST_CHECK;
rv_code rvi_local_check(rv_dest *dest, rv_error *err) RV_MUST_CHECK;

/* Files on their way to their name: ".rivet.put-<16 hexadecimal digits>". The writer holds a lock (flock)
 * on the file from birth until it is renamed, and the system takes the lock from the dead: that is how a
 * leftover is told from somebody's work, whatever machine, container or clock it comes from. */
enum { RVI_TEMP_NAME_BYTES = 28 };
typedef struct rvi_temp {
    rvi_local *local;
    int fd;
    char name[RVI_TEMP_NAME_BYTES]; /* "": renamed, nothing to remove */
} rvi_temp;
rv_code rvi_temp_open(rvi_temp *out, rvi_local *local, rv_error *err) RV_MUST_CHECK;
void rvi_temp_close(rvi_temp *temp); /* removes the file unless it was renamed */
/* Remove what processes that died in the middle of a put left behind. Best effort. */
void rvi_temp_sweep(const rvi_local *local);

rv_code rvi_local_put_file(rv_dest *dest, const char *spool_path, const char *name,
                           rv_error *err) RV_MUST_CHECK;
rv_code rvi_local_put_bytes(rv_dest *dest, const char *name, const void *data, size_t len,
                            rv_error *err) RV_MUST_CHECK;

#endif
