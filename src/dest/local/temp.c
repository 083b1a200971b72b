#include "dest/local/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Not RV_SPOOL_PREFIX: spool files belong to runs, and are removed by run where one is taken up again. */
#define TEMP_PREFIX ".rivet.put-"
enum {
    TEMP_NAME_LEN = sizeof TEMP_PREFIX - 1 + RVI_RANDOM_TEXT_BYTES - 1,
    MAX_TRIES = 16, /* a try is lost only to a sweep at that very moment */
    /* Of spool files, which are long-lived: whoever writes one over a file system that does not show its lock to us has
     * written lately. */
    SPOOL_IS_OLD_S = 3600,
};
_Static_assert((int)TEMP_NAME_LEN < (int)RVI_TEMP_NAME_BYTES, "a temporary name fits");

/* Whether the lock is ours, or cannot be had by anybody on this file system; false: a sweep took the file
 * for a leftover, between its birth and our lock. */
static bool hold(int fd)
{
    struct stat status;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno != EWOULDBLOCK;
    return fstat(fd, &status) == 0 && status.st_nlink > 0;
}

rv_code rvi_temp_open(rvi_temp *out, rvi_local *local, rv_error *err)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    for (int i = 0; i < MAX_TRIES; i++) {
        char random[RVI_RANDOM_TEXT_BYTES];
        RV_TRY(rvi_random_text(random, err));
        rvi_temp temp = {.local = local};
        snprintf(temp.name, sizeof temp.name, TEMP_PREFIX "%s", random);
        temp.fd = openat(local->folder, temp.name, flags, S_IRUSR | S_IWUSR);
        if (temp.fd < 0)
            return rvi_dest_fail_os(err, RV_E_DEST_WRITE, errno, "create a file in", local->path);
        if (hold(temp.fd)) {
            *out = temp;
            return RV_OK;
        }
        rvi_temp_close(&temp);
    }
    return rv_fail(err, RV_E_DEST_WRITE, "temporary files in '%s' disappear as soon as they are made",
                   local->path);
}

void rvi_temp_close(rvi_temp *temp)
{
    if (temp->name[0] != '\0')
        (void)unlinkat(temp->local->folder, temp->name, 0);
    temp->name[0] = '\0';
    if (temp->fd >= 0)
        (void)close(temp->fd);
    temp->fd = -1;
}

static bool is_temp_name(const char *name)
{
    const size_t prefix = sizeof TEMP_PREFIX - 1;
    return strlen(name) == TEMP_NAME_LEN && memcmp(name, TEMP_PREFIX, prefix) == 0 &&
           strspn(name + prefix, "0123456789abcdef") == RVI_RANDOM_TEXT_BYTES - 1;
}

/* .rivet-<run_id>-<random>: of any run, such as one that was joined by a process that died. */
static bool is_spool_name(const char *name)
{
    const size_t prefix = sizeof RV_SPOOL_PREFIX - 1, random = RVI_RANDOM_TEXT_BYTES - 1, len = strlen(name);
    return len > prefix + random && memcmp(name, RV_SPOOL_PREFIX, prefix) == 0 &&
           name[len - random - 1] == '-' && strspn(name + len - random, "0123456789abcdef") == random;
}

static bool is_old(const rvi_local *local, const char *name)
{
    struct stat status;
    return fstatat(local->folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode) &&
           time(NULL) - status.st_mtime > SPOOL_IS_OLD_S;
}

static void remove_if_dead(const rvi_local *local, const char *name)
{
    int fd = openat(local->folder, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        (void)unlinkat(local->folder, name, 0);
    (void)close(fd);
}

void rvi_temp_sweep(const rvi_local *local)
{
    int folder = openat(local->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return;
    DIR *entries = fdopendir(folder);
    if (entries == NULL) {
        (void)close(folder);
        return;
    }
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;)
        if (is_temp_name(entry->d_name) || (is_spool_name(entry->d_name) && is_old(local, entry->d_name)))
            remove_if_dead(local, entry->d_name);
    (void)closedir(entries);
}
