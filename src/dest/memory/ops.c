/* memory/ops.c - a destination in memory, for tests. The objects live as long as the rv_dest. */
#include "dest/internal.h"

#include "rivet/checked.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OBJECT_BYTES_MAX = 1 << 30, READ_BYTES = 64 << 10 };

typedef struct object {
    char *name;
    rv_bytes content;
} object;

typedef struct memory_dest {
    rv_dest base;
    object *objects; /* sorted by name */
    size_t n, capacity;
} memory_dest;

static rv_code memory_open(rv_dest **out, const rv_dest_config *cfg, const char *path, rv_cancel *cancel,
                           rv_error *err)
{
    (void)cfg;
    (void)path;
    (void)cancel;
    memory_dest *d = calloc(1, sizeof *d);
    if (d == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "opening a destination in memory");
    d->base = (rv_dest){.ops = &rvi_memory_ops, .uri = "memory"};
    *out = &d->base;
    return RV_OK;
}

static rv_code memory_prepare(rv_dest *dest, rv_error *err)
{
    (void)dest;
    (void)err;
    return RV_OK;
}

static const char *memory_spool_folder(const rv_dest *dest)
{
    (void)dest;
    return NULL;
}

/* The first object whose name is not below `name`. */
static size_t lower_bound(const memory_dest *d, const char *name)
{
    size_t low = 0, high = d->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp(d->objects[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const memory_dest *d, size_t index, const char *name)
{
    return index < d->n && strcmp(d->objects[index].name, name) == 0;
}

static rv_code make_room(memory_dest *d, rv_error *err)
{
    if (d->n < d->capacity)
        return RV_OK;
    size_t capacity = d->capacity * 2 + 8, bytes;
    object *grown = rv_mul_size(&bytes, capacity, sizeof *grown) ? NULL : realloc(d->objects, bytes);
    if (grown == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "%zu objects in memory", capacity);
    d->objects = grown;
    d->capacity = capacity;
    return RV_OK;
}

/* `content` is moved in on success. */
static rv_code insert(memory_dest *d, const char *name, rv_bytes *content, rv_error *err)
{
    const size_t at = lower_bound(d, name);
    if (is_at(d, at, name)) {
        rv_bytes_deinit(&d->objects[at].content);
        rv_bytes_move(&d->objects[at].content, content);
        return RV_OK;
    }
    RV_TRY(make_room(d, err));
    char *copy = strdup(name);
    if (copy == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "an object in memory");
    memmove(&d->objects[at + 1], &d->objects[at], (d->n - at) * sizeof d->objects[0]);
    d->objects[at] = (object){.name = copy};
    rv_bytes_move(&d->objects[at].content, content);
    d->n++;
    return RV_OK;
}

static rv_code memory_put_bytes(rv_dest *dest, const char *name, const void *data, size_t len, rv_error *err)
{
    rv_bytes content = RV_BYTES_INIT(OBJECT_BYTES_MAX);
    rv_code rc = rv_bytes_append(&content, data, len, err);
    if (rc == RV_OK)
        rc = insert((memory_dest *)dest, name, &content, err);
    rv_bytes_deinit(&content);
    return rc;
}

static rv_code read_file(int fd, const char *path, rv_bytes *out, rv_error *err)
{
    for (;;) {
        RV_TRY(rv_bytes_reserve(out, READ_BYTES, err));
        ssize_t n = read(fd, out->data + out->len, READ_BYTES);
        if (n < 0 && errno != EINTR)
            return rv_fail_os(err, RV_E_SPOOL, errno, "cannot read '%s'", path);
        if (n == 0)
            return RV_OK;
        out->len += n > 0 ? (size_t)n : 0;
    }
}

static rv_code memory_put_file(rv_dest *dest, const char *spool_path, const char *name, rv_error *err)
{
    int fd = open(spool_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return rvi_dest_fail_os(err, RV_E_SPOOL, errno, "open the spool file", spool_path);
    rv_bytes content = RV_BYTES_INIT(OBJECT_BYTES_MAX);
    rv_code rc = read_file(fd, spool_path, &content, err);
    (void)close(fd);
    if (rc == RV_OK)
        rc = insert((memory_dest *)dest, name, &content, err);
    rv_bytes_deinit(&content);
    if (rc == RV_OK)
        (void)unlink(spool_path);
    return rc;
}

static rv_code memory_get(rv_dest *dest, const char *name, rv_bytes *out, bool *found, rv_error *err)
{
    const memory_dest *d = (const memory_dest *)dest;
    const size_t at = lower_bound(d, name);
    const bool there = is_at(d, at, name);
    if (there)
        RV_TRY(rv_bytes_append(out, d->objects[at].content.data, d->objects[at].content.len, err));
    *found = there;
    return RV_OK;
}

static rv_code memory_list(rv_dest *dest, const char *name_prefix, rv_dest_fn fn, void *context,
                           rv_error *err)
{
    const memory_dest *d = (const memory_dest *)dest;
    const size_t prefix_len = strlen(name_prefix);
    for (size_t i = lower_bound(d, name_prefix); i < d->n; i++) {
        const object *listed = &d->objects[i];
        if (strncmp(listed->name, name_prefix, prefix_len) != 0)
            break;
        const rv_dest_entry entry = {.name = listed->name, .bytes = listed->content.len};
        RV_TRY(fn(context, &entry, err));
    }
    return RV_OK;
}

static rv_code memory_remove(rv_dest *dest, const char *name, rv_error *err)
{
    (void)err;
    memory_dest *d = (memory_dest *)dest;
    const size_t at = lower_bound(d, name);
    if (!is_at(d, at, name))
        return RV_OK;
    free(d->objects[at].name);
    rv_bytes_deinit(&d->objects[at].content);
    d->n--;
    memmove(&d->objects[at], &d->objects[at + 1], (d->n - at) * sizeof d->objects[0]);
    return RV_OK;
}

static void memory_close(rv_dest *dest)
{
    memory_dest *d = (memory_dest *)dest;
    if (d == NULL)
        return;
    for (size_t i = 0; i < d->n; i++) {
        free(d->objects[i].name);
        rv_bytes_deinit(&d->objects[i].content);
    }
    free(d->objects);
    free(d);
}

const rv_dest_ops rvi_memory_ops = {
    .kind = "memory",
    .caps = RV_DEST_CAP_OBJECTS,
    .open = memory_open,
    .prepare = memory_prepare,
    .check = memory_prepare,
    .spool_folder = memory_spool_folder,
    .put_file = memory_put_file,
    .put_bytes = memory_put_bytes,
    .get = memory_get,
    .list = memory_list,
    .remove = memory_remove,
    .close = memory_close,
};
