#include "dest/local/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PROBE_BYTES = 4096,            /* one block: a full disk refuses it, a name alone it may still take */
    LISTING_BYTES_MAX = 256 << 20, /* names of one listing: millions of objects */
    READ_BYTES = 64 << 10,
};

static void local_close(rv_dest *dest)
{
    rvi_local *local = (rvi_local *)dest;
    if (local == NULL)
        return;
    if (local->folder >= 0)
        (void)close(local->folder);
    free(local->path);
    free(local->uri);
    free(local);
}
RV_DEFINE_AUTO(rv_dest, local_close)

static rv_code local_open(rv_dest **out, const rv_dest_config *cfg, const char *path, rv_cancel *cancel,
                          rv_error *err)
{
    (void)cfg;
    rvi_local *local = calloc(1, sizeof *local);
    if (local == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "opening the folder '%s'", path);
    local->base.ops = &rvi_local_ops;
    local->folder = -1;
    local->cancel = cancel;
    RV_AUTO(local_close) rv_dest *owned = &local->base;
    RV_TRY(rvi_local_set_path(local, path, err));
    local->base.uri = local->uri;
    RV_MOVE(out, owned);
    return RV_OK;
}

/* Write a block to a file and remove it; learn what mode a file gets here. The mode is asked of a file
 * that the system made with 0666, because umask(2) can only be read by changing it for every thread. */
static rv_code probe(rvi_local *local, rvi_temp *temp, rv_error *err)
{
    static const uint8_t block[PROBE_BYTES];
    RV_TRY(rvi_write_all(temp->fd, block, sizeof block, RV_E_DEST_WRITE, local->path, err));
    if (unlinkat(local->folder, temp->name, 0) != 0)
        return rvi_dest_fail_os(err, RV_E_DEST_WRITE, errno, "remove a file from", local->path);
    int fd = openat(local->folder, temp->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        int os_errno = errno;
        if (fd >= 0)
            (void)close(fd);
        return rvi_dest_fail_os(err, RV_E_DEST_WRITE, os_errno, "create a file in", local->path);
    }
    local->file_mode = status.st_mode & 0666;
    (void)close(fd);
    return RV_OK;
}

rv_code rvi_local_prepare(rv_dest *dest, rv_error *err)
{
    rvi_local *local = (rvi_local *)dest;
    bool found;
    RV_TRY(rvi_local_open_folder(local, &found, err));
    if (!found) {
        RV_TRY(rvi_local_make_folder(local, err));
        RV_TRY(rvi_local_open_folder(local, &found, err));
        if (!found)
            return rvi_dest_fail_os(err, RV_E_DEST_UNAVAILABLE, ENOENT, "open the folder", local->path);
    }
    RV_TRY(rvi_local_check_folder(local, err));
    rvi_temp_sweep(local);
    rvi_temp temp;
    RV_TRY(rvi_temp_open(&temp, local, err));
    rv_code rc = probe(local, &temp, err);
    rvi_temp_close(&temp);
    local->ready = rc == RV_OK;
    return rc;
}

static const char *local_spool_folder(const rv_dest *dest)
{
    return ((const rvi_local *)dest)->path;
}

/* The folder, if there is one and it is still the same. */
static rv_code enter(rvi_local *local, bool *found, rv_error *err)
{
    RV_TRY(rvi_local_open_folder(local, found, err));
    return *found ? rvi_local_check_folder(local, err) : RV_OK;
}

/* ---- get ---- */

/* How much more `out` may take. */
static size_t room_below_ceiling(const rv_bytes *out)
{
    return out->max > out->len ? out->max - out->len : 0;
}

static rv_code read_whole(const rvi_local *local, int fd, const char *name, rv_bytes *out, rv_error *err)
{
    for (;;) {
        const size_t room = room_below_ceiling(out);
        const size_t want = room < READ_BYTES ? room : READ_BYTES;
        uint8_t beyond; /* one byte more than the ceiling tells a file that fits from one that does not */
        RV_TRY(rv_bytes_reserve(out, want, err));
        ssize_t n = want > 0 ? read(fd, out->data + out->len, want) : read(fd, &beyond, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rvi_local_fail(local, RV_E_DEST_UNAVAILABLE, errno, "read", name, err);
        if (n == 0)
            return RV_OK;
        if (want == 0)
            return rv_fail(err, RV_E_LIMIT_EXCEEDED, "'%s' is larger than the %zu bytes allowed", name,
                           out->max);
        out->len += (size_t)n;
    }
}

static rv_code local_get(rv_dest *dest, const char *name, rv_bytes *out, bool *found, rv_error *err)
{
    rvi_local *local = (rvi_local *)dest;
    bool folder_found;
    RV_TRY(enter(local, &folder_found, err));
    /* O_NONBLOCK: opening a FIFO that somebody put here must not wait for its writer. */
    int fd = folder_found ? openat(local->folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    if (!folder_found || (fd < 0 && errno == ENOENT)) {
        *found = false;
        return RV_OK;
    }
    if (fd < 0)
        return rvi_local_fail(local, RV_E_DEST_UNAVAILABLE, errno, "open", name, err);
    struct stat status;
    rv_code rc;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        rc = rv_fail(err, RV_E_DEST_UNAVAILABLE, "'%s' in '%s' is not a file", name, local->path);
    else
        rc = read_whole(local, fd, name, out, err);
    (void)close(fd);
    if (rc == RV_OK)
        *found = true;
    return rc;
}

static rv_code local_file_path(const rv_dest *dest, const char *name, rv_bytes *out, rv_error *err)
{
    return rv_bytes_printf(out, err, "%s/%s", ((const rvi_local *)dest)->path, name);
}

/* ---- list ---- */

/* Names lie one behind the other in `names`; an item says where, and after sorting, in which order. */
typedef struct item {
    size_t name_at;
    const char *name; /* set when `names` has stopped moving */
    uint64_t bytes;
} item;

typedef struct listing {
    rv_bytes names;
    rv_bytes items; /* of struct item */
} listing;

static rv_code add_item(listing *list, const char *name, uint64_t bytes, rv_error *err)
{
    const item added = {.name_at = list->names.len, .bytes = bytes};
    RV_TRY(rv_bytes_append(&list->names, name, strlen(name) + 1, err));
    return rv_bytes_append(&list->items, &added, sizeof added, err);
}

static rv_code collect(const rvi_local *local, DIR *entries, const char *prefix, listing *list, rv_error *err)
{
    const size_t prefix_len = strlen(prefix);
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(entries);
        if (entry == NULL)
            break;
        if (strncmp(entry->d_name, prefix, prefix_len) != 0)
            continue;
        struct stat status;
        if (fstatat(local->folder, entry->d_name, &status, 0) != 0) {
            if (errno == ENOENT) /* removed since readdir(), or a link to nowhere */
                continue;
            return rvi_local_fail(local, RV_E_DEST_UNAVAILABLE, errno, "examine", entry->d_name, err);
        }
        if (S_ISREG(status.st_mode))
            RV_TRY(add_item(list, entry->d_name, (uint64_t)status.st_size, err));
    }
    return errno == 0 ? RV_OK : rvi_dest_fail_os(err, RV_E_DEST_UNAVAILABLE, errno, "list", local->path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const item *)a)->name, ((const item *)b)->name);
}

static rv_code visit_sorted(listing *list, rv_dest_fn fn, void *context, rv_error *err)
{
    item *items = (item *)(void *)list->items.data;
    const size_t n = list->items.len / sizeof *items;
    for (size_t i = 0; i < n; i++)
        items[i].name = (const char *)list->names.data + items[i].name_at;
    if (n > 1)
        qsort(items, n, sizeof *items, by_name);
    for (size_t i = 0; i < n; i++) {
        const rv_dest_entry entry = {.name = items[i].name, .bytes = items[i].bytes};
        RV_TRY(fn(context, &entry, err));
    }
    return RV_OK;
}

static rv_code local_list(rv_dest *dest, const char *name_prefix, rv_dest_fn fn, void *context, rv_error *err)
{
    rvi_local *local = (rvi_local *)dest;
    bool found;
    RV_TRY(enter(local, &found, err));
    if (!found)
        return RV_OK;
    /* A descriptor of its own: the position of a listing belongs to the open file. */
    int folder = openat(local->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = folder >= 0 ? fdopendir(folder) : NULL;
    if (entries == NULL) {
        int os_errno = errno;
        if (folder >= 0)
            (void)close(folder);
        return rvi_dest_fail_os(err, RV_E_DEST_UNAVAILABLE, os_errno, "list", local->path);
    }
    listing list = {.names = RV_BYTES_INIT(LISTING_BYTES_MAX), .items = RV_BYTES_INIT(LISTING_BYTES_MAX)};
    rv_code rc = collect(local, entries, name_prefix, &list, err);
    (void)closedir(entries);
    if (rc == RV_OK)
        rc = visit_sorted(&list, fn, context, err);
    rv_bytes_deinit(&list.names);
    rv_bytes_deinit(&list.items);
    return rc;
}

/* ---- remove ---- */

/* Synced, so that what was removed because it must not be counted does not come back after a power cut. */
static rv_code local_remove(rv_dest *dest, const char *name, rv_error *err)
{
    rvi_local *local = (rvi_local *)dest;
    bool found;
    RV_TRY(enter(local, &found, err));
    if (!found)
        return RV_OK;
    if (unlinkat(local->folder, name, 0) == 0)
        return rvi_local_sync_folder(local, err);
    return errno == ENOENT ? RV_OK : rvi_local_fail(local, RV_E_DEST_WRITE, errno, "remove", name, err);
}

const rv_dest_ops rvi_local_ops = {
    .kind = "local",
    .caps = RV_DEST_CAP_OBJECTS,
    .open = local_open,
    .prepare = rvi_local_prepare,
    .check = rvi_local_check,
    .spool_folder = local_spool_folder,
    .put_file = rvi_local_put_file,
    .put_bytes = rvi_local_put_bytes,
    .get = local_get,
    .list = local_list,
    .remove = local_remove,
    .file_path = local_file_path,
    .close = local_close,
};
