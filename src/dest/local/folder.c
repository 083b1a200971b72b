#include "dest/local/internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PATH_TEXT_BYTES = 2 * PATH_MAX,           /* a working directory and a path; the system refuses earlier */
    URI_TEXT_BYTES = 8 + 3 * PATH_TEXT_BYTES, /* every byte may become %XX */
    FOLDER_MODE = 0777,                       /* the umask decides */
    OPEN_FOLDER = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
};

static rv_code append_components(rv_bytes *out, const char *path, rv_error *err)
{
    while (*path != '\0') {
        const size_t len = strcspn(path, "/");
        if (len > 0 && !(len == 1 && path[0] == '.')) {
            RV_TRY(rv_bytes_append(out, "/", 1, err));
            RV_TRY(rv_bytes_append(out, path, len, err));
        }
        path += len;
        path += strspn(path, "/");
    }
    return RV_OK;
}

/* Fixed now: a later chdir() must not move the destination. ".." stays, it may follow a symbolic link. */
static rv_code make_absolute(rv_bytes *out, const char *path, rv_error *err)
{
    char cwd[PATH_MAX];
    if (path[0] != '/') {
        if (getcwd(cwd, sizeof cwd) == NULL)
            return rvi_dest_fail_os(err, RV_E_DEST_UNAVAILABLE, errno, "find the working directory of", path);
        RV_TRY(append_components(out, cwd, err));
    }
    RV_TRY(append_components(out, path, err));
    return out->len > 0 ? RV_OK : rv_bytes_append(out, "/", 1, err);
}

/* RFC 3986 section 2.3, and the slash. */
static bool stands_for_itself(char c)
{
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter || (c >= '0' && c <= '9') || (c != '\0' && strchr("-._~/", c) != NULL);
}

static rv_code make_uri(rv_bytes *out, const char *path, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(out, "file://", err));
    for (; *path != '\0'; path++) {
        if (stands_for_itself(*path))
            RV_TRY(rv_bytes_append(out, path, 1, err));
        else
            RV_TRY(rv_bytes_printf(out, err, "%%%02X", (unsigned)(unsigned char)*path));
    }
    return RV_OK;
}

static rv_code take_text(char **out, rv_code (*make)(rv_bytes *, const char *, rv_error *), const char *from,
                         size_t max_bytes, rv_error *err)
{
    rv_bytes text = RV_BYTES_INIT(max_bytes);
    const char *ended;
    rv_code rc = make(&text, from, err);
    if (rc == RV_OK)
        rc = rv_bytes_cstr(&text, &ended, err);
    if (rc == RV_OK)
        *out = (char *)text.data;
    else
        rv_bytes_deinit(&text);
    return rc;
}

rv_code rvi_local_set_path(rvi_local *local, const char *path, rv_error *err)
{
    if (path[0] == '\0')
        return rv_fail(err, RV_E_CONFIG_VALUE, "destination.path is empty");
    RV_TRY(take_text(&local->path, make_absolute, path, PATH_TEXT_BYTES, err));
    return take_text(&local->uri, make_uri, local->path, URI_TEXT_BYTES, err);
}

/* fsync(2) of a folder. Some file systems have none and say EINVAL or EBADF; PostgreSQL lets that pass as
 * well (src/backend/storage/file/fd.c, fsync_fname_ext). */
static int sync_folder(int folder)
{
    if (fsync(folder) == 0 || errno == EINVAL || errno == EBADF)
        return 0;
    return errno;
}

rv_code rvi_local_sync_folder(const rvi_local *local, rv_error *err)
{
    int os_errno = sync_folder(local->folder);
    return os_errno == 0 ? RV_OK
                         : rvi_dest_fail_os(err, RV_E_DEST_WRITE, os_errno, "sync the folder", local->path);
}

/* A new folder is durable once the one above it is synced. `path` is absolute and is as it was afterwards. */
static rv_code sync_parent(char *path, rv_error *err)
{
    char *slash = strrchr(path, '/');
    *slash = '\0';
    int folder = open(slash == path ? "/" : path, OPEN_FOLDER);
    int os_errno = folder < 0 ? errno : sync_folder(folder);
    if (folder >= 0)
        (void)close(folder);
    *slash = '/';
    /* We may be allowed to create in a folder that we may not read; then nobody can make it durable. */
    if (os_errno == 0 || os_errno == EACCES)
        return RV_OK;
    return rvi_dest_fail_os(err, RV_E_DEST_WRITE, os_errno, "sync the folder above", path);
}

static rv_code make_one_folder(char *path, rv_error *err)
{
    if (mkdir(path, FOLDER_MODE) == 0)
        return sync_parent(path, err);
    int os_errno = errno;
    if (os_errno == EEXIST)
        return RV_OK; /* also another run's, a moment ago; opening it tells whether it is a folder */
    /* On a read-only or automounted file system mkdir() may fail before it notices that the folder exists. */
    struct stat status;
    if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return RV_OK;
    return rvi_dest_fail_os(err, RV_E_DEST_UNAVAILABLE, os_errno, "create the folder", path);
}

rv_code rvi_local_make_folder(const rvi_local *local, rv_error *err)
{
    char *path = strdup(local->path);
    if (path == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "creating the folder '%s'", local->path);
    rv_code rc = RV_OK;
    for (char *end = path + 1; rc == RV_OK && end[-1] != '\0'; end++) {
        const char here = *end;
        if (here != '/' && here != '\0')
            continue;
        *end = '\0';
        rc = make_one_folder(path, err);
        *end = here;
    }
    free(path);
    return rc;
}

rv_code rvi_local_open_folder(rvi_local *local, bool *found, rv_error *err)
{
    *found = local->folder >= 0;
    if (*found)
        return RV_OK;
    int folder = open(local->path, OPEN_FOLDER);
    if (folder < 0 && errno == ENOENT)
        return RV_OK;
    struct stat status;
    if (folder < 0 || fstat(folder, &status) != 0) {
        rv_code rc = rvi_dest_fail_os(err, RV_E_DEST_UNAVAILABLE, errno, "open the folder", local->path);
        if (folder >= 0)
            (void)close(folder);
        return rc;
    }
    local->folder = folder;
    local->device = status.st_dev;
    local->inode = status.st_ino;
    *found = true;
    return RV_OK;
}

rv_code rvi_local_fail(const rvi_local *local, rv_code other, int os_errno, const char *attempt,
                       const char *name, rv_error *err)
{
    char path[sizeof err->message]; /* a longer one would be cut there */
    snprintf(path, sizeof path, "%s/%s", local->path, name);
    return rvi_dest_fail_os(err, other, os_errno, attempt, path);
}

static rv_code fail_vanished(const rvi_local *local, const char *how, rv_error *err)
{
    rv_fail(err, RV_E_DEST_UNAVAILABLE, "the folder '%s' was %s during the run", local->path, how);
    rv_hint(err, "files written before may be gone with it: find out who touched the folder, then run again");
    return RV_E_DEST_UNAVAILABLE;
}

rv_code rvi_local_check_folder(const rvi_local *local, rv_error *err)
{
    assert(local->folder >= 0);
    struct stat held, named;
    if (fstat(local->folder, &held) != 0)
        return rvi_dest_fail_os(err, RV_E_DEST_UNAVAILABLE, errno, "examine the folder", local->path);
    if (stat(local->path, &named) != 0) {
        int os_errno = errno;
        if (os_errno == ENOENT || os_errno == ENOTDIR)
            return fail_vanished(local, "removed", err);
        return rvi_dest_fail_os(err, RV_E_DEST_UNAVAILABLE, os_errno, "examine the folder", local->path);
    }
    if (named.st_dev != local->device || named.st_ino != local->inode)
        return fail_vanished(local, "replaced by another", err);
    return held.st_nlink > 0 ? RV_OK : fail_vanished(local, "removed", err);
}
