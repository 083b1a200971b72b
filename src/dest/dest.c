/* dest.c - the table of destinations, and what holds for all of them before and after a driver is called. */
#include "dest/internal.h"

#include <assert.h>
#include <string.h>

static const rv_dest_ops *const drivers[] = {
    &rvi_local_ops,
    &rvi_stdout_ops,
#ifdef RIVET_HAVE_FAKE
    &rvi_memory_ops,
#endif
};

const rv_dest_ops *rv_dest_driver(const char *kind)
{
    for (size_t i = 0; i < sizeof drivers / sizeof drivers[0]; i++)
        if (strcmp(drivers[i]->kind, kind) == 0)
            return drivers[i];
    return NULL;
}

rv_code rv_dest_open(rv_dest **out, const rv_dest_config *cfg, const char *path, rv_cancel *cancel,
                     rv_error *err)
{
    assert(out && cfg && cfg->kind && path);
    const rv_dest_ops *ops = rv_dest_driver(cfg->kind);
    if (ops == NULL)
        return rv_fail(err, RV_E_CONFIG_VALUE, "there is no destination of type '%s'", cfg->kind);
    RV_TRY_CTX(ops->open(out, cfg, path, cancel, err), err, "destination '%s'", path);
    assert((*out)->ops == ops && (*out)->uri != NULL);
    return RV_OK;
}

rv_code rv_dest_prepare(rv_dest *dest, rv_error *err)
{
    RV_TRY_CTX(dest->ops->prepare(dest, err), err, "destination %s", dest->uri);
    return RV_OK;
}

rv_code rv_dest_check(rv_dest *dest, rv_error *err)
{
    RV_TRY_CTX(dest->ops->check(dest, err), err, "destination %s", dest->uri);
    return RV_OK;
}

bool rv_dest_has(const rv_dest *dest, uint32_t cap)
{
    return (dest->ops->caps & cap) == cap;
}

const char *rv_dest_uri(const rv_dest *dest)
{
    return dest->uri;
}

const char *rv_dest_spool_folder(const rv_dest *dest)
{
    return dest->ops->spool_folder(dest);
}

rv_code rv_dest_put_file(rv_dest *dest, const char *spool_path, const char *name, rv_error *err)
{
    assert(rv_dest_has(dest, RV_DEST_CAP_OBJECTS) && spool_path);
    RV_TRY(rvi_dest_check_name(name, err));
    RV_TRY_CTX(dest->ops->put_file(dest, spool_path, name, err), err, "object '%s'", name);
    return RV_OK;
}

rv_code rv_dest_put_bytes(rv_dest *dest, const char *name, const void *data, size_t len, rv_error *err)
{
    assert(rv_dest_has(dest, RV_DEST_CAP_OBJECTS) && (data || len == 0));
    RV_TRY(rvi_dest_check_name(name, err));
    RV_TRY_CTX(dest->ops->put_bytes(dest, name, data, len, err), err, "object '%s'", name);
    return RV_OK;
}

rv_code rv_dest_get(rv_dest *dest, const char *name, rv_bytes *out, bool *found, rv_error *err)
{
    assert(rv_dest_has(dest, RV_DEST_CAP_OBJECTS) && out && found);
    RV_TRY(rvi_dest_check_name(name, err));
    const size_t before = out->len;
    rv_code rc = dest->ops->get(dest, name, out, found, err);
    if (rc == RV_OK)
        return RV_OK;
    out->len = before;
    return rv_wrap(err, rc, "object '%s'", name);
}

rv_code rv_dest_list(rv_dest *dest, const char *name_prefix, rv_dest_fn fn, void *context, rv_error *err)
{
    assert(rv_dest_has(dest, RV_DEST_CAP_OBJECTS) && fn);
    /* An empty prefix names everything: who lists in order to remove would remove what is not ours. */
    if (name_prefix[0] == '\0')
        return rv_fail(err, RV_E_INTERNAL, "a destination was asked for every object it holds");
    return dest->ops->list(dest, name_prefix, fn, context, err);
}

rv_code rv_dest_remove(rv_dest *dest, const char *name, rv_error *err)
{
    assert(rv_dest_has(dest, RV_DEST_CAP_OBJECTS));
    RV_TRY(rvi_dest_check_name(name, err));
    RV_TRY_CTX(dest->ops->remove(dest, name, err), err, "object '%s'", name);
    return RV_OK;
}

bool rv_dest_has_files(const rv_dest *dest)
{
    return dest->ops->file_path != NULL;
}

rv_code rv_dest_file_path(const rv_dest *dest, const char *name, rv_bytes *out, rv_error *err)
{
    assert(rv_dest_has_files(dest) && out);
    RV_TRY(rvi_dest_check_name(name, err));
    return dest->ops->file_path(dest, name, out, err);
}

rv_code rv_dest_stream(rv_dest *dest, rv_sink **out, rv_error *err)
{
    assert(rv_dest_has(dest, RV_DEST_CAP_STREAM) && out);
    return dest->ops->stream(dest, out, err);
}

void rv_dest_close(rv_dest *dest)
{
    if (dest != NULL)
        dest->ops->close(dest);
}
