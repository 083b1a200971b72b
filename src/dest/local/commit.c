/* commit.c - how a file gets its final name.
 *
 * The order is the promise: the bytes reach the disk (fsync), then the name appears (rename within the
 * folder, which is atomic), then the name reaches the disk (fsync of the folder). Whatever fails or dies
 * before the rename leaves the object as it was; after it, the object is whole. Only when all three are done
 * is the put a success.
 *
 * An fsync that failed is never tried again: the system may have dropped the pages it could not write and
 * would then report success (PostgreSQL wiki, "Fsync Errors"). The temporary file is given up instead. */
#include "dest/local/internal.h"

#include "rivet/crash_point.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_BYTES = 256 << 10 };

/* A file about to be published: where it is now. */
typedef struct candidate {
    int fd;
    int at_folder; /* for renameat(2) */
    const char *at_name;
} candidate;

static rv_code make_durable(const rvi_local *local, int fd, const char *name, rv_error *err)
{
    if (fchmod(fd, local->file_mode) != 0)
        return rvi_local_fail(local, RV_E_DEST_WRITE, errno, "set the mode of", name, err);
    if (fsync(fd) != 0)
        return rvi_local_fail(local, RV_E_DEST_WRITE, errno, "make durable", name, err);
    return RV_OK;
}

/* The name is there; make it stay. Checked once more: a folder that was moved away between the check and the
 * rename took the file with it. */
static rv_code keep_name(const rvi_local *local, rv_error *err)
{
    RV_CRASH_POINT("dest-after-rename");
    RV_TRY(rvi_local_sync_folder(local, err));
    return rvi_local_check_folder(local, err);
}

/* *other_disk true: nothing happened, the file has to be copied. */
static rv_code publish(const rvi_local *local, const candidate *file, const char *name, bool *other_disk,
                       rv_error *err)
{
    RV_TRY(make_durable(local, file->fd, name, err));
    RV_TRY(rvi_local_check_folder(local, err));
    RV_CRASH_POINT("dest-before-rename");
    *other_disk = false;
    if (renameat(file->at_folder, file->at_name, local->folder, name) == 0)
        return keep_name(local, err);
    int os_errno = errno;
    *other_disk = os_errno == EXDEV;
    return *other_disk ? RV_OK
                       : rvi_local_fail(local, RV_E_DEST_WRITE, os_errno, "give its name to", name, err);
}

static rv_code publish_temp(rvi_temp *temp, const char *name, rv_error *err)
{
    const candidate file = {.fd = temp->fd, .at_folder = temp->local->folder, .at_name = temp->name};
    bool other_disk;
    RV_TRY(publish(temp->local, &file, name, &other_disk, err));
    if (other_disk) /* within one folder only a broken file system says so */
        return rvi_local_fail(temp->local, RV_E_DEST_WRITE, EXDEV, "give its name to", name, err);
    temp->name[0] = '\0';
    return RV_OK;
}

static rv_code copy_blocks(const rvi_local *local, int from, const char *from_path, int to, uint8_t *block,
                           rv_error *err)
{
    for (;;) {
        if (rv_cancel_requested(local->cancel))
            return rv_fail(err, RV_E_CANCELLED, "stopped while copying '%s'", from_path);
        ssize_t n = read(from, block, COPY_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rv_fail_os(err, RV_E_SPOOL, errno, "cannot read '%s'", from_path);
        if (n == 0)
            return RV_OK;
        RV_TRY(rvi_write_all(to, block, (size_t)n, RV_E_DEST_WRITE, local->path, err));
    }
}

static rv_code copy_and_publish(rvi_local *local, int from, const char *from_path, const char *name,
                                rv_error *err)
{
    uint8_t *block = malloc(COPY_BYTES);
    if (block == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "copying '%s'", from_path);
    rvi_temp temp;
    rv_code rc = rvi_temp_open(&temp, local, err);
    if (rc == RV_OK) {
        rc = copy_blocks(local, from, from_path, temp.fd, block, err);
        if (rc == RV_OK)
            rc = publish_temp(&temp, name, err);
        rvi_temp_close(&temp);
    }
    free(block);
    return rc;
}

/* The name of a file that lies in our folder, or NULL. Compared as text: rv_dest_spool_folder() is where
 * it is from. */
static const char *name_in_folder(const rvi_local *local, const char *path)
{
    const size_t len = strlen(local->path);
    if (strncmp(path, local->path, len) != 0 || path[len] != '/')
        return NULL;
    const char *name = path + len + 1;
    return strchr(name, '/') == NULL ? name : NULL;
}

static rv_code ensure_ready(rvi_local *local, rv_error *err)
{
    return local->ready ? RV_OK : rvi_local_prepare(&local->base, err);
}

static rv_code put_by_copy(rvi_local *local, const candidate *file, const char *spool_path, const char *name,
                           rv_error *err)
{
    RV_TRY(copy_and_publish(local, file->fd, spool_path, name, err));
    (void)unlink(spool_path); /* the object is committed; what may stay is a private file in a spool folder */
    return RV_OK;
}

static rv_code put_opened(rvi_local *local, const candidate *file, const char *spool_path, const char *name,
                          rv_error *err)
{
    struct stat status;
    if (fstat(file->fd, &status) != 0 || !S_ISREG(status.st_mode))
        return rv_fail(err, RV_E_SPOOL, "the spool file '%s' is not a file", spool_path);
    if (status.st_dev != local->device)
        return put_by_copy(local, file, spool_path, name, err);
    bool other_disk;
    RV_TRY(publish(local, file, name, &other_disk, err));
    if (!other_disk)
        return RV_OK;
    /* One device under two mounts. The file in the spool folder goes back to being nobody else's. */
    (void)fchmod(file->fd, S_IRUSR | S_IWUSR);
    return put_by_copy(local, file, spool_path, name, err);
}

rv_code rvi_local_put_file(rv_dest *dest, const char *spool_path, const char *name, rv_error *err)
{
    rvi_local *local = (rvi_local *)dest;
    RV_TRY(ensure_ready(local, err));
    const char *inside = name_in_folder(local, spool_path);
    candidate file = {.at_folder = inside != NULL ? local->folder : AT_FDCWD,
                      .at_name = inside != NULL ? inside : spool_path};
    file.fd = openat(file.at_folder, file.at_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file.fd < 0) {
        int os_errno = errno;
        RV_TRY(rvi_local_check_folder(local, err)); /* the better reason, if it is the folder that is gone */
        return rv_fail_os(err, RV_E_SPOOL, os_errno, "cannot open the spool file '%s'", spool_path);
    }
    rv_code rc = put_opened(local, &file, spool_path, name, err);
    (void)close(file.fd);
    return rc;
}

rv_code rvi_local_put_bytes(rv_dest *dest, const char *name, const void *data, size_t len, rv_error *err)
{
    rvi_local *local = (rvi_local *)dest;
    RV_TRY(ensure_ready(local, err));
    RV_TRY(rvi_local_check_folder(local, err));
    rvi_temp temp;
    RV_TRY(rvi_temp_open(&temp, local, err));
    rv_code rc = rvi_write_all(temp.fd, data, len, RV_E_DEST_WRITE, local->path, err);
    if (rc == RV_OK)
        rc = publish_temp(&temp, name, err);
    rvi_temp_close(&temp);
    return rc;
}
