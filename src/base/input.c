#include "rivet/input.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

rv_code rv_input_read(rv_input *input, uint64_t at, void *out, size_t len, rv_error *err)
{
    assert(input && input->read);
    if (at > input->size || len > input->size - at)
        return rv_fail(err, RV_E_FILE_DAMAGED,
                       "%s: bytes %" PRIu64 " to %" PRIu64 " are needed, the file has %" PRIu64, input->name,
                       at, at + len, input->size);
    return len == 0 ? RV_OK : input->read(input, at, out, len, err);
}

static rv_code memory_read(rv_input *input, uint64_t at, void *out, size_t len, rv_error *err)
{
    (void)err;
    memcpy(out, ((const rv_memory_input *)input)->data + at, len);
    return RV_OK;
}

void rv_memory_input_init(rv_memory_input *input, const void *data, size_t len, const char *name)
{
    *input = (rv_memory_input){.base = {.read = memory_read, .size = len, .name = name}, .data = data};
}

static rv_code file_read(rv_input *input, uint64_t at, void *out, size_t len, rv_error *err)
{
    uint8_t *to = out;
    while (len > 0) {
        ssize_t n = pread(((rv_file_input *)input)->fd, to, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rv_fail_os(err, RV_E_IO, errno, "cannot read %s", input->name);
        if (n == 0)
            return rv_fail(err, RV_E_IO, "%s became shorter while it was read", input->name);
        to += n;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return RV_OK;
}

rv_code rv_file_input_open(rv_file_input *input, const char *path, rv_error *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO would block; it is refused below */
    if (fd < 0)
        return rv_fail_os(err, RV_E_IO, errno, "cannot open %s", path);
    if (fstat(fd, &st) != 0) {
        rv_code rc = rv_fail_os(err, RV_E_IO, errno, "cannot examine %s", path);
        close(fd);
        return rc;
    }
    if (!S_ISREG(st.st_mode)) {
        close(fd);
        return rv_fail(err, RV_E_IO, "%s is not a regular file", path);
    }
    *input =
        (rv_file_input){.base = {.read = file_read, .size = (uint64_t)st.st_size, .name = path}, .fd = fd};
    return RV_OK;
}

void rv_file_input_close(rv_file_input *input)
{
    if (input->base.read == NULL)
        return;
    close(input->fd);
    *input = (rv_file_input){0};
}
