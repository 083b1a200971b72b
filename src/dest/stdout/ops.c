/* stdout/ops.c - one stream of bytes to whoever reads our standard output.
 *
 * The reader may be slow, stopped or gone. Gone: write() gives EPIPE, which is DEST_CLOSED, a clean end
 * for the run; the program ignores SIGPIPE (see rv_signals_start), or it would die here before it could
 * say so. Slow or stopped: the writer waits in poll() and not in write(), together with a pipe that a
 * cancellation writes to, so a run that is cancelled leaves at once. A pipe that is reported writable
 * takes PIPE_BUF bytes without blocking (pipe(7)), hence the size of a piece. The descriptor's own flags
 * are left alone: a shell may share it with other programs. A regular file never blocks for long and is
 * written without asking. */
#include "dest/internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char stream_name[] = "standard output";

typedef struct stdout_dest {
    rv_dest base;
    rv_sink sink;
    int fd;                    /* borrowed */
    bool waits;                /* not a regular file: may block, so ask first */
    int wake_read, wake_write; /* the pipe that a cancellation writes to; -1: none yet */
    rv_cancel *cancel;
    rv_waker waker;
} stdout_dest;

static rv_code fail_cancelled(rv_error *err)
{
    return rv_fail(err, RV_E_CANCELLED, "stopped while writing to %s", stream_name);
}

static rv_code fail_write(rv_error *err, int os_errno)
{
    if (os_errno == EPIPE)
        return rv_fail_os(err, RV_E_DEST_CLOSED, os_errno, "the reader of %s went away", stream_name);
    return rvi_dest_fail_os(err, RV_E_DEST_WRITE, os_errno, "write to", stream_name);
}

/* Until the stream takes bytes, fails, or the run is cancelled. */
static rv_code wait_until_writable(const stdout_dest *d, rv_error *err)
{
    struct pollfd polled[2] = {{.fd = d->fd, .events = POLLOUT}, {.fd = d->wake_read, .events = POLLIN}};
    for (;;) {
        if (rv_cancel_requested(d->cancel))
            return fail_cancelled(err);
        int n = poll(polled, 2, -1);
        if (n < 0 && errno != EINTR)
            return rv_fail_os(err, RV_E_IO, errno, "cannot wait for %s", stream_name);
        if (n > 0 && polled[0].revents != 0) /* also POLLERR and POLLHUP: write() says what it is */
            return RV_OK;
    }
}

static rv_code stream_write(rv_sink *sink, const void *data, size_t len, rv_error *err)
{
    const stdout_dest *d = (const stdout_dest *)((const char *)sink - offsetof(stdout_dest, sink));
    const uint8_t *at = data;
    while (len > 0) {
        if (d->waits)
            RV_TRY(wait_until_writable(d, err));
        ssize_t n = write(d->fd, at, d->waits && len > PIPE_BUF ? PIPE_BUF : len);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n <= 0)
            return fail_write(err, n < 0 ? errno : EIO);
        at += n;
        len -= (size_t)n;
    }
    return RV_OK;
}

/* Runs on the thread that cancels. The pipe does not block; a full one has woken us already. */
static void wake(void *object)
{
    const stdout_dest *d = object;
    ssize_t ignored = write(d->wake_write, "", 1);
    (void)ignored;
}

static rv_code open_wake_pipe(stdout_dest *d, rv_error *err)
{
    int ends[2];
    if (pipe(ends) != 0)
        return rv_fail_os(err, RV_E_IO, errno, "cannot make a pipe");
    d->wake_read = ends[0];
    d->wake_write = ends[1];
    for (int i = 0; i < 2; i++)
        if (fcntl(ends[i], F_SETFD, FD_CLOEXEC) != 0 || fcntl(ends[i], F_SETFL, O_NONBLOCK) != 0)
            return rv_fail_os(err, RV_E_IO, errno, "cannot set up a pipe");
    return RV_OK;
}

static void stdout_close(rv_dest *dest)
{
    stdout_dest *d = (stdout_dest *)dest;
    if (d == NULL)
        return;
    if (d->waker.wake != NULL)
        rv_cancel_remove_waker(d->cancel, &d->waker);
    if (d->wake_read >= 0) {
        (void)close(d->wake_read);
        (void)close(d->wake_write);
    }
    free(d);
}
RV_DEFINE_AUTO(rv_dest, stdout_close)

rv_code rvi_stdout_open_fd(rv_dest **out, int fd, rv_cancel *cancel, rv_error *err)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return rv_fail_os(err, RV_E_DEST_UNAVAILABLE, errno, "%s is not open", stream_name);
    stdout_dest *d = calloc(1, sizeof *d);
    if (d == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "opening %s", stream_name);
    d->base = (rv_dest){.ops = &rvi_stdout_ops, .uri = "stdout"};
    d->sink.write = stream_write;
    d->fd = fd;
    d->waits = !S_ISREG(status.st_mode);
    d->wake_read = d->wake_write = -1;
    d->cancel = cancel;
    RV_AUTO(stdout_close) rv_dest *owned = &d->base;
    RV_TRY(open_wake_pipe(d, err));
    d->waker = (rv_waker){.wake = wake, .object = d};
    rv_cancel_add_waker(cancel, &d->waker);
    RV_MOVE(out, owned);
    return RV_OK;
}

static rv_code stdout_open(rv_dest **out, const rv_dest_config *cfg, const char *path, rv_cancel *cancel,
                           rv_error *err)
{
    (void)cfg;
    (void)path;
    return rvi_stdout_open_fd(out, STDOUT_FILENO, cancel, err);
}

static rv_code stdout_prepare(rv_dest *dest, rv_error *err)
{
    const stdout_dest *d = (const stdout_dest *)dest;
    int flags = fcntl(d->fd, F_GETFL);
    if (flags < 0)
        return rv_fail_os(err, RV_E_DEST_UNAVAILABLE, errno, "%s is not open", stream_name);
    if ((flags & O_ACCMODE) == O_RDONLY)
        return rv_fail(err, RV_E_DEST_DENIED, "%s is open for reading only", stream_name);
    return RV_OK;
}

static const char *stdout_spool_folder(const rv_dest *dest)
{
    (void)dest;
    return NULL;
}

static rv_code stdout_stream(rv_dest *dest, rv_sink **out, rv_error *err)
{
    (void)err;
    *out = &((stdout_dest *)dest)->sink;
    return RV_OK;
}

const rv_dest_ops rvi_stdout_ops = {
    .kind = "stdout",
    .caps = RV_DEST_CAP_STREAM,
    .open = stdout_open,
    .prepare = stdout_prepare,
    .check = stdout_prepare,
    .spool_folder = stdout_spool_folder,
    .stream = stdout_stream,
    .close = stdout_close,
};
