/* os_error.c - what an errno means for somebody whose files do not arrive. */
#include "dest/internal.h"

#include <errno.h>
#include <unistd.h>

typedef struct os_case {
    int os_errno;
    rv_code code;
    const char *hint;
} os_case;

static const os_case os_cases[] = {
    {ENOSPC, RV_E_DEST_FULL,
     "free space on that file system, or set destination.path to another one; then run again"},
    {EDQUOT, RV_E_DEST_FULL, "the disk quota of the user who runs rivet is used up: raise it or free space"},
    {EACCES, RV_E_DEST_DENIED,
     "let the user who runs rivet write to that folder and enter every folder above it"},
    {EPERM, RV_E_DEST_DENIED,
     "let the user who runs rivet write to that folder; look for an immutable attribute"},
    {EROFS, RV_E_DEST_DENIED,
     "the file system is mounted read-only: remount it, or set destination.path to another"},
    {ENOENT, RV_E_DEST_UNAVAILABLE, "was the folder removed, or its file system unmounted, during the run?"},
    {ENOTDIR, RV_E_DEST_UNAVAILABLE, "a part of that path is a file, not a folder"},
    {ELOOP, RV_E_DEST_UNAVAILABLE,
     "the symbolic links of that path lead in a circle, or a link stands for a file"},
    {ENAMETOOLONG, RV_E_DEST_UNAVAILABLE, "use a shorter destination.path or export name"},
    {ESTALE, RV_E_DEST_UNAVAILABLE, "the network file system lost the folder: mount it again"},
    {ENOTCONN, RV_E_DEST_UNAVAILABLE, "the program behind this file system is gone: mount it again"},
    {ENODEV, RV_E_DEST_UNAVAILABLE, "the device behind that path is gone"},
    {ENXIO, RV_E_DEST_UNAVAILABLE, "the device behind that path is gone"},
    {EISDIR, RV_E_DEST_WRITE, "a folder has the name of a file that rivet writes: remove or rename it"},
    {EFBIG, RV_E_DEST_WRITE,
     "the file system or a limit of the shell (ulimit -f) does not allow files this large"},
};

rv_code rvi_dest_fail_os(rv_error *err, rv_code other, int os_errno, const char *attempt, const char *path)
{
    const os_case *found = NULL;
    for (size_t i = 0; i < sizeof os_cases / sizeof os_cases[0] && found == NULL; i++)
        if (os_cases[i].os_errno == os_errno)
            found = &os_cases[i];
    rv_code code = rv_fail_os(err, found ? found->code : other, os_errno, "cannot %s '%s'", attempt, path);
    if (found != NULL)
        rv_hint(err, "%s", found->hint);
    return code;
}

rv_code rvi_write_all(int fd, const void *data, size_t len, rv_code other, const char *path, rv_error *err)
{
    const uint8_t *at = data;
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) /* a file that takes nothing without a reason would keep us here for ever */
            return rvi_dest_fail_os(err, other, n < 0 ? errno : EIO, "write to", path);
        at += n;
        len -= (size_t)n;
    }
    return RV_OK;
}
