/* spool.c - temporary files that are taken over whole or leave no trace.
 *
 * The format writes here at its own pace, the destination takes the finished file. The file is private
 * (0600) until a destination publishes it, and lies under a name that no other writer can have. On Linux
 * the system is asked to start writing every few megabytes, so that the fsync before the commit does not
 * meet the whole part at once. */
#include "dest/internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    SPOOL_BUFFER_BYTES = 256 << 10,
    WRITEBACK_BYTES = 8 << 20, /* large enough to be sequential for a disk, small beside a part */
    PATH_BYTES_MAX = 8192,     /* twice PATH_MAX: the system refuses earlier */
};

struct rv_spool {
    rv_sink sink;
    char *path;
    int fd;                           /* -1 before it is open and after it was finished */
    int held_fd;                      /* of the same open file, for its lock; -1 before it was finished */
    bool made;                        /* the file exists and is ours to remove */
    size_t held;                      /* bytes in `buffer` */
    uint64_t flushed, writeback_from; /* bytes of the file: written; those before were handed to the disk */
    uint8_t buffer[SPOOL_BUFFER_BYTES];
};

/* Best effort: an error shows in the fsync. */
static void start_writeback(rv_spool *spool)
{
    if (spool->flushed - spool->writeback_from < WRITEBACK_BYTES)
        return;
#if defined(SYS_sync_file_range) && UINTPTR_MAX > UINT32_MAX
    /* sync_file_range(2) is declared for _GNU_SOURCE only. On 64-bit systems its arguments are passed as
     * they are. With this flag alone it starts writing and does not wait. */
    enum { START_WRITING = 2 }; /* SYNC_FILE_RANGE_WRITE of linux/fs.h */
    (void)syscall(SYS_sync_file_range, spool->fd, (int64_t)spool->writeback_from,
                  (int64_t)(spool->flushed - spool->writeback_from), START_WRITING);
#endif
    spool->writeback_from = spool->flushed;
}

static rv_code write_out(rv_spool *spool, const void *data, size_t len, rv_error *err)
{
    RV_TRY(rvi_write_all(spool->fd, data, len, RV_E_SPOOL, spool->path, err));
    spool->flushed += len;
    start_writeback(spool);
    return RV_OK;
}

static rv_code flush(rv_spool *spool, rv_error *err)
{
    const size_t held = spool->held;
    spool->held = 0;
    return write_out(spool, spool->buffer, held, err);
}

static rv_code spool_write(rv_sink *sink, const void *data, size_t len, rv_error *err)
{
    rv_spool *spool = (rv_spool *)sink;
    assert(spool->fd >= 0);
    if (len > SPOOL_BUFFER_BYTES - spool->held)
        RV_TRY(flush(spool, err));
    if (len >= SPOOL_BUFFER_BYTES)
        return write_out(spool, data, len, err);
    memcpy(spool->buffer + spool->held, data, len);
    spool->held += len;
    return RV_OK;
}

/* A run_id holds the export's name, which may hold anything. */
rv_code rvi_spool_path(char **out, const char *folder, const char *run_id, rv_error *err)
{
    char random[RVI_RANDOM_TEXT_BYTES];
    rv_bytes path = RV_BYTES_INIT(PATH_BYTES_MAX);
    RV_TRY(rvi_random_text(random, err));
    rv_code rc = rv_bytes_printf(&path, err, "%s/", folder);
    const size_t name_at = path.len;
    if (rc == RV_OK)
        rc = rv_bytes_printf(&path, err, RV_SPOOL_PREFIX "%s-%s", run_id, random);
    for (size_t i = name_at; i < path.len; i++)
        if (path.data[i] == '/' || path.data[i] < 0x20 || path.data[i] == 0x7F)
            path.data[i] = '_';
    const char *text;
    if (rc == RV_OK)
        rc = rv_bytes_cstr(&path, &text, err);
    if (rc != RV_OK) {
        rv_bytes_deinit(&path);
        return rc;
    }
    *out = (char *)path.data;
    return RV_OK;
}

const char *rvi_spool_default_folder(void)
{
    const char *folder = getenv("TMPDIR");
    return folder != NULL && folder[0] != '\0' ? folder : "/tmp";
}

rv_code rv_spool_open(rv_spool **out, const char *folder, const char *run_id, rv_error *err)
{
    /* Not calloc: zeroing the buffer would touch all of it. */
    RV_AUTO(rv_spool_discard) rv_spool *spool = malloc(sizeof *spool);
    if (spool == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "opening a spool file");
    spool->sink = (rv_sink){.write = spool_write};
    spool->path = NULL;
    spool->fd = spool->held_fd = -1;
    spool->made = false;
    spool->held = 0;
    spool->flushed = spool->writeback_from = 0;
    RV_TRY(rvi_spool_path(&spool->path, folder != NULL ? folder : rvi_spool_default_folder(), run_id, err));
    spool->fd = open(spool->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
    if (spool->fd < 0)
        return rvi_dest_fail_os(err, RV_E_SPOOL, errno, "create the spool file", spool->path);
    spool->made = true;
    /* Held as long as the spool is, and let go by the system when its process dies: a file that nobody holds is a dead
     * one's (rvi_temp_sweep). Where a file system has no such locks, nobody can get one, and nothing is swept. */
    (void)flock(spool->fd, LOCK_EX | LOCK_NB);
    RV_MOVE(out, spool);
    return RV_OK;
}

rv_sink *rv_spool_sink(rv_spool *spool)
{
    return &spool->sink;
}

rv_code rv_spool_finish(rv_spool *spool, rv_error *err)
{
    assert(spool->fd >= 0);
    RV_TRY(flush(spool, err));
    int fd = spool->fd;
    /* The lock belongs to the open file and ends with its last descriptor; closing the first one tells of errors. */
    spool->held_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (spool->held_fd < 0)
        return rvi_dest_fail_os(err, RV_E_SPOOL, errno, "keep hold of the spool file", spool->path);
    spool->fd = -1; /* closed also when close() fails (close(2), "Dealing with error returns") */
    if (close(fd) != 0)
        return rvi_dest_fail_os(err, RV_E_SPOOL, errno, "finish the spool file", spool->path);
    return RV_OK;
}

const char *rv_spool_path(const rv_spool *spool)
{
    return spool->path;
}

void rv_spool_release(rv_spool *spool)
{
    if (spool != NULL)
        spool->made = false;
    rv_spool_discard(spool);
}

void rv_spool_discard(rv_spool *spool)
{
    if (spool == NULL)
        return;
    if (spool->made)
        (void)unlink(spool->path);
    if (spool->fd >= 0)
        (void)close(spool->fd);
    if (spool->held_fd >= 0)
        (void)close(spool->held_fd);
    free(spool->path);
    free(spool);
}
