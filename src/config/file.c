/* file.c - reading small files whole, and keeping query files inside the configuration's folder. */
#include "config/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void rvi_file_free(char *bytes, size_t len)
{
    if (bytes)
        rv_wipe(bytes, len);
    free(bytes);
}

/* Fill `bytes`, which has room for max_bytes + 1. */
static rv_code read_all(int fd, const char *path, char *bytes, size_t max_bytes, size_t *len, rv_error *err)
{
    size_t n = 0;
    while (n <= max_bytes) {
        ssize_t got = read(fd, bytes + n, max_bytes + 1 - n);
        int os_errno = errno;
        if (got == 0)
            break;
        if (got < 0 && os_errno == EINTR)
            continue;
        if (got < 0)
            return rv_fail_os(err, RV_E_CONFIG_UNREADABLE, os_errno, "cannot read '%s'", path);
        n += (size_t)got;
    }
    if (n > max_bytes)
        return rv_fail(err, RV_E_CONFIG_UNREADABLE, "'%s' is larger than %zu bytes", path, max_bytes);
    bytes[n] = '\0';
    *len = n;
    return RV_OK;
}

static rv_code read_open(int fd, const char *path, size_t max_bytes, char **out, size_t *len, rv_error *err)
{
    struct stat info;
    if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode))
        return rv_fail(err, RV_E_CONFIG_UNREADABLE, "'%s' is a folder", path);
    char *bytes = malloc(max_bytes + 1); /* memory that is not used is never touched */
    if (!bytes)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "reading '%s'", path);
    size_t n = 0;
    rv_code rc = read_all(fd, path, bytes, max_bytes, &n, err);
    if (rc != RV_OK) {
        rvi_file_free(bytes, max_bytes + 1);
        return rc;
    }
    *out = bytes;
    *len = n;
    return RV_OK;
}

static rv_code read_path(const char *path, int flags, size_t max_bytes, char **out, size_t *len,
                         rv_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    int os_errno = errno;
    if (fd < 0)
        return rv_fail_os(err, RV_E_CONFIG_UNREADABLE, os_errno, "cannot open '%s'", path);
    rv_code rc = read_open(fd, path, max_bytes, out, len, err);
    (void)close(fd);
    return rc;
}

rv_code rvi_file_read(const char *path, size_t max_bytes, char **out, size_t *len, rv_error *err)
{
    return read_path(path, 0, max_bytes, out, len, err);
}

static bool has_parent_component(const char *path)
{
    for (const char *part = path; *part;) {
        size_t n = strcspn(part, "/");
        if (n == 2 && memcmp(part, "..", 2) == 0)
            return true;
        part += n + (part[n] == '/');
    }
    return false;
}

static bool lies_inside(const char *directory, const char *path)
{
    size_t n = strlen(directory);
    if (strncmp(path, directory, n) != 0)
        return false;
    return path[n] == '/' || (n > 0 && directory[n - 1] == '/');
}

/* `real` is the path without symbolic links, so O_NOFOLLOW catches one that was put there since; O_NONBLOCK
 * keeps a FIFO from holding the program up. */
static rv_code read_real(const char *directory, const char *real, size_t max_bytes, char **out, size_t *len,
                         rv_error *err)
{
    char *folder = realpath(directory, NULL);
    int os_errno = errno;
    if (!folder)
        return rv_fail_os(err, RV_E_CONFIG_UNREADABLE, os_errno, "cannot find the folder '%s'", directory);
    bool inside = lies_inside(folder, real);
    free(folder);
    if (!inside)
        return rv_fail(err, RV_E_CONFIG_PATH_ESCAPE,
                       "leads out of the configuration's folder by a symbolic link");
    return read_path(real, O_NOFOLLOW | O_NONBLOCK, max_bytes, out, len, err);
}

rv_code rvi_file_read_inside(const char *directory, const char *path, size_t max_bytes, char **out,
                             size_t *len, rv_error *err)
{
    char joined[PATH_MAX];
    if (path[0] == '/')
        return rv_fail(err, RV_E_CONFIG_PATH_ESCAPE, "must be relative to the configuration's folder");
    if (has_parent_component(path))
        return rv_fail(err, RV_E_CONFIG_PATH_ESCAPE, "must not contain '..'");
    int joined_len = snprintf(joined, sizeof joined, "%s/%s", directory, path);
    if (joined_len < 0 || (size_t)joined_len >= sizeof joined)
        return rv_fail(err, RV_E_CONFIG_UNREADABLE, "the path is too long");
    char *real = realpath(joined, NULL);
    int os_errno = errno;
    if (!real)
        return rv_fail_os(err, RV_E_CONFIG_UNREADABLE, os_errno, "cannot open '%s'", joined);
    rv_code rc = read_real(directory, real, max_bytes, out, len, err);
    free(real);
    return rc;
}

char *rvi_path_dirname(rv_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return rv_arena_strdup(arena, ".");
    return rv_arena_strndup(arena, path, slash == path ? 1 : (size_t)(slash - path));
}

char *rvi_path_join(rv_arena *arena, const char *directory, const char *path)
{
    if (path[0] == '/')
        return rv_arena_strdup(arena, path);
    return rv_arena_printf(arena, "%s%s%s", directory, directory[strlen(directory) - 1] == '/' ? "" : "/",
                           path);
}
