/* scratch.c - a scratch as a file that nobody sees.
 *
 * The file is made in the spool's folder when the first bytes come, and its name is removed at once: whatever becomes
 * of the process, the system gives the space back. Between the two calls it has a name like a spool file's, so that a
 * process that dies just there leaves something that the next run removes. Nothing is synced: nothing in it outlives
 * the process. */
#include "dest/internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct scratch_file {
    rv_scratch base;
    char *folder, *run_id;
    char *path; /* for messages: the name is gone */
    int fd;     /* -1 before the first write */
} scratch_file;

static rv_code open_file(scratch_file *file, rv_error *err)
{
    RV_TRY(rvi_spool_path(&file->path, file->folder, file->run_id, err));
    int fd = open(file->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return rvi_dest_fail_os(err, RV_E_SPOOL, errno, "create the scratch file", file->path);
    file->fd = fd;
    if (unlink(file->path) != 0)
        return rvi_dest_fail_os(err, RV_E_SPOOL, errno, "hide the scratch file", file->path);
    return RV_OK;
}

static rv_code file_write(rv_scratch *base, uint64_t at, const void *data, size_t len, rv_error *err)
{
    scratch_file *file = (scratch_file *)base;
    const uint8_t *from = data;
    if (file->fd < 0)
        RV_TRY(open_file(file, err));
    while (len > 0) {
        ssize_t n = pwrite(file->fd, from, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) /* a file that takes nothing without a reason would keep us here for ever */
            return rvi_dest_fail_os(err, RV_E_SPOOL, n < 0 ? errno : EIO, "write to the scratch file",
                                    file->path);
        from += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return RV_OK;
}

static rv_code file_read(rv_scratch *base, uint64_t at, void *out, size_t len, rv_error *err)
{
    scratch_file *file = (scratch_file *)base;
    uint8_t *to = out;
    while (len > 0) {
        ssize_t n = file->fd < 0 ? 0 : pread(file->fd, to, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rvi_dest_fail_os(err, RV_E_SPOOL, errno, "read the scratch file", file->path);
        if (n == 0)
            return rv_fail(err, RV_E_SPOOL, "the scratch file '%s' ends before byte %llu",
                           file->path != NULL ? file->path : file->folder, (unsigned long long)at);
        to += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return RV_OK;
}

/* Best effort: what cannot be given back now is when the file is closed. */
static void file_reset(rv_scratch *base)
{
    const scratch_file *file = (const scratch_file *)base;
    if (file->fd >= 0)
        (void)!ftruncate(file->fd, 0);
}

rv_code rv_scratch_file_new(rv_scratch **out, const char *folder, const char *run_id, rv_error *err)
{
    RV_AUTO(rv_scratch_file_free) rv_scratch *made = NULL;
    scratch_file *file = calloc(1, sizeof *file);
    if (file == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing a scratch file");
    file->base = (rv_scratch){.write = file_write, .read = file_read, .reset = file_reset};
    file->fd = -1;
    made = &file->base;
    file->folder = strdup(folder != NULL ? folder : rvi_spool_default_folder());
    file->run_id = strdup(run_id);
    if (file->folder == NULL || file->run_id == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing a scratch file");
    RV_MOVE(out, made);
    return RV_OK;
}

void rv_scratch_file_free(rv_scratch *scratch)
{
    scratch_file *file = (scratch_file *)scratch;
    if (file == NULL)
        return;
    if (file->fd >= 0)
        (void)close(file->fd);
    free(file->folder);
    free(file->run_id);
    free(file->path);
    free(file);
}
