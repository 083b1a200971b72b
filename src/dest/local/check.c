#include "dest/local/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Cuts the last component off an absolute path; "/" stays. */
static void to_parent(char *path)
{
    char *slash = strrchr(path, '/');
    slash[slash == path ? 1 : 0] = '\0';
}

/* Could a folder be made below the nearest one that exists? access() as the effective user, as mkdir() is judged. */
static rv_code check_nearest(char *path, rv_error *err)
{
    struct stat status;
    while (stat(path, &status) != 0) {
        if ((errno != ENOENT && errno != ENOTDIR) || strcmp(path, "/") == 0)
            return rvi_dest_fail_os(err, RV_E_DEST_UNAVAILABLE, errno, "examine the folder", path);
        to_parent(path);
    }
    if (!S_ISDIR(status.st_mode))
        return rvi_dest_fail_os(err, RV_E_DEST_UNAVAILABLE, ENOTDIR, "create a folder below", path);
    if (faccessat(AT_FDCWD, path, W_OK | X_OK, AT_EACCESS) != 0)
        return rvi_dest_fail_os(err, RV_E_DEST_UNAVAILABLE, errno, "create a folder in", path);
    return RV_OK;
}

rv_code rvi_local_check(rv_dest *dest, rv_error *err)
{
    rvi_local *local = (rvi_local *)dest;
    bool found;
    RV_TRY(rvi_local_open_folder(local, &found, err));
    if (found)
        return rvi_local_prepare(dest, err); /* leaves nothing in a folder that is there */
    char *path = strdup(local->path);
    if (path == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "checking the folder '%s'", local->path);
    rv_code rc = check_nearest(path, err);
    free(path);
    return rc;
}
