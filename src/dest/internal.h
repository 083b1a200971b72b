/* dest/internal.h - what the destination drivers share. */
#ifndef DEST_INTERNAL_H
#define DEST_INTERNAL_H

#include "rivet/dest.h"

extern const rv_dest_ops rvi_local_ops;
extern const rv_dest_ops rvi_stdout_ops;
#ifdef RIVET_HAVE_FAKE
extern const rv_dest_ops rvi_memory_ops;
#endif

/* Every name given to a destination passes here, also those read from a manifest that somebody may have
 * edited. Fails DEST_DENIED for an empty name, one that could leave the prefix ('/', ".", "..") and one
 * with control characters. How long a name may be is for the driver's system to say. */
rv_code rvi_dest_check_name(const char *name, rv_error *err) RV_MUST_CHECK;

/* 64 random bits as 16 hexadecimal digits, so that no two writers ever share a temporary name. Fails IO. */
enum { RVI_RANDOM_TEXT_BYTES = 17 };
rv_code rvi_random_text(char out[RVI_RANDOM_TEXT_BYTES], rv_error *err) RV_MUST_CHECK;

/* A new name in the folder of temporary files: <folder>/.rivet-<run_id>-<random>. *out is the caller's. Fails IO,
 * OUT_OF_MEMORY. */
rv_code rvi_spool_path(char **out, const char *folder, const char *run_id, rv_error *err) RV_MUST_CHECK;
/* Where temporary files go when the destination does not care (POSIX.1-2017, 8.3, TMPDIR). */
const char *rvi_spool_default_folder(void);

/* Report a failed system call as "cannot <attempt> '<path>': <reason>", with the code and the hint that
 * `os_errno` calls for: DEST_FULL, DEST_DENIED, DEST_UNAVAILABLE, else `other` (DEST_WRITE, or SPOOL).
 * Returns the code. */
rv_code rvi_dest_fail_os(rv_error *err, rv_code other, int os_errno, const char *attempt, const char *path);

/* Write all of it to a file that never blocks for long (not a pipe). Fails as rvi_dest_fail_os(). */
rv_code rvi_write_all(int fd, const void *data, size_t len, rv_code other, const char *path,
                      rv_error *err) RV_MUST_CHECK;

/* The stdout driver over another descriptor, which stays the caller's. */
rv_code rvi_stdout_open_fd(rv_dest **out, int fd, rv_cancel *cancel, rv_error *err) RV_MUST_CHECK;

#endif
