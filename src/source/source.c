/* source.c - the registry of drivers, and the one place that calls into them.
 *
 * What every driver would otherwise have to remember is done here once: the question whether the run was
 * cancelled, outputs that stay as they were on failure, the frame of context, and the checks that a page
 * keeps to its limits and moves the scan on. A violation that bad data or a bad driver can cause becomes
 * RIVET_INTERNAL, so that a page is never used when it is in doubt. */
#include "rivet/source.h"

#include "source/registry.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* The terminating NULL keeps the array valid in a build without any driver. */
static const rv_source_ops *const drivers[] = {
#ifdef RIVET_HAVE_POSTGRES
    &rvi_postgres_ops,
#endif
#ifdef RIVET_HAVE_SQLITE
    &rvi_sqlite_ops,
#endif
#ifdef RIVET_HAVE_FAKE
    &rvi_fake_ops,
#endif
    NULL,
};

const rv_source_ops *const *rv_source_drivers(size_t *n)
{
    *n = 0;
    while (drivers[*n] != NULL)
        (*n)++;
    return drivers;
}

const rv_source_ops *rv_source_driver(const char *kind)
{
    for (const rv_source_ops *const *at = drivers; *at != NULL; at++)
        if (strcmp((*at)->kind, kind) == 0)
            return *at;
    return NULL;
}

static rv_code stop_if_cancelled(const rv_cancel *cancel, const char *before, rv_error *err)
{
    if (!rv_cancel_requested(cancel))
        return RV_OK;
    return rv_fail(err, RV_E_CANCELLED, "stopped before %s", before);
}

static const char *relation_label(const rv_relation *relation)
{
    return relation->kind == RV_RELATION_TABLE ? relation->table : "the query";
}

rv_code rv_source_open(rv_source **out, const rv_source_config *cfg, rv_cancel *cancel, rv_error *err)
{
    assert(out != NULL && cfg != NULL && cfg->kind != NULL);
    const rv_source_ops *ops = rv_source_driver(cfg->kind);
    if (ops == NULL)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "this build has no driver for sources of type '%s'",
                       cfg->kind);
    RV_TRY(stop_if_cancelled(cancel, "connecting", err));
    rv_source *opened = NULL;
    RV_TRY_CTX(ops->open(&opened, cfg, cancel, err), err, "source %s",
               cfg->display != NULL ? cfg->display : cfg->kind);
    opened->ops = ops;
    opened->cancel = cancel;
    *out = opened;
    return RV_OK;
}

rv_code rv_source_server(rv_source *src, rv_server_info *out, rv_error *err)
{
    assert(src != NULL && out != NULL);
    RV_TRY(stop_if_cancelled(src->cancel, "asking for the server's version", err));
    rv_server_info info = {0};
    RV_TRY_CTX(src->ops->server(src, &info, err), err, "asking for the server's version");
    *out = info;
    return RV_OK;
}

rv_code rv_source_describe(rv_source *src, const rv_relation *relation, rv_arena *arena,
                           rv_relation_info *out, rv_error *err)
{
    assert(src != NULL && relation != NULL && arena != NULL && out != NULL);
    assert(relation->kind == RV_RELATION_TABLE ? relation->table != NULL : relation->query != NULL);
    RV_TRY(stop_if_cancelled(src->cancel, "describing the relation", err));
    rv_relation_info info = {.est_rows = -1, .est_bytes = -1};
    RV_TRY_CTX(src->ops->describe(src, relation, arena, &info, err), err, "describing %s",
               relation_label(relation));
    if (info.schema.n_fields < 1 || info.schema.n_fields > RV_MAX_FIELDS)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "%s has %d columns; 1 to %d can be exported",
                       relation_label(relation), info.schema.n_fields, (int)RV_MAX_FIELDS);
    *out = info;
    return RV_OK;
}

rv_code rv_source_list(rv_source *src, const char *schema, rv_table_fn fn, void *context, rv_error *err)
{
    assert(src != NULL && fn != NULL);
    RV_TRY(stop_if_cancelled(src->cancel, "listing tables", err));
    RV_TRY_CTX(src->ops->list(src, schema, fn, context, err), err, "listing the tables of %s",
               schema != NULL ? schema : "the default schema");
    return RV_OK;
}

rv_code rv_source_begin(rv_source *src, const rv_read_options *options, rv_error *err)
{
    assert(src != NULL && options != NULL);
    RV_TRY(stop_if_cancelled(src->cancel, "reading", err));
    if (options->snapshot && (src->ops->caps & RV_SOURCE_CAP_SNAPSHOT) == 0)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED,
                       "sources of type '%s' have no snapshots; set consistency: statement", src->ops->kind);
    RV_TRY_CTX(src->ops->begin(src, options, err), err, "%s",
               options->snapshot ? "taking a snapshot" : "preparing to read");
    return RV_OK;
}

void rv_source_end(rv_source *src)
{
    if (src != NULL)
        src->ops->end(src);
}

/* A chunk by ranges needs a relation that offered them; anything else needs a driver that streams. */
static void assert_bounds(const rv_source *src, const rv_scan_request *request)
{
    bool physical = request->bounds.kind == RV_BOUNDS_PHYSICAL;
    assert(physical || request->bounds.kind == RV_BOUNDS_ALL);
    assert(!physical || request->info->physical.available);
    assert((src->ops->caps & (physical ? RV_SOURCE_CAP_PHYSICAL : RV_SOURCE_CAP_STREAM)) != 0);
    (void)src;
    (void)physical;
}

rv_code rv_scan_open(rv_scan **out, rv_source *src, const rv_scan_request *request, rv_error *err)
{
    assert(out != NULL && src != NULL && request != NULL && request->relation != NULL);
    assert(request->info != NULL && request->schema != NULL && request->schema->n_fields > 0);
    assert_bounds(src, request);
    RV_TRY(stop_if_cancelled(src->cancel, "the first page", err));
    rv_scan *opened = NULL;
    RV_TRY_CTX(src->ops->scan_open(&opened, src, request, err), err, "reading %s", request->schema->origin);
    assert(opened->unit != NULL);
    opened->source = src;
    *out = opened;
    return RV_OK;
}

static bool counts_rows(const rv_scan *scan)
{
    return strcmp(scan->unit, "row") == 0;
}

/* What a page must be before anybody may use it. */
static rv_code check_page(const rv_scan *scan, const rv_page_limits *limits, const rv_batch *batch,
                          const rv_page *page, rv_error *err)
{
    if (page->units < 0 || page->statement_us < 0)
        return rv_fail(err, RV_E_INTERNAL, "the driver reports a page of %" PRId64 " %ss in %" PRId64 " us",
                       page->units, scan->unit, page->statement_us);
    if (!page->end && page->units == 0 && batch->rows == 0)
        return rv_fail(err, RV_E_INTERNAL,
                       "a page was empty and not the last one: the scan does not advance");
    if (!counts_rows(scan))
        return RV_OK;
    int64_t most =
        limits->max_rows > 0 && limits->max_rows < limits->units ? limits->max_rows : limits->units;
    if (batch->rows > most)
        return rv_fail(err, RV_E_INTERNAL,
                       "the driver returned %" PRId64 " rows where %" PRId64 " were asked for", batch->rows,
                       most);
    return RV_OK;
}

rv_code rv_scan_next(rv_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_page *page, rv_error *err)
{
    assert(scan != NULL && limits != NULL && out != NULL && page != NULL);
    assert(limits->units >= 1 && limits->max_rows >= 0 && out->rows == 0);
    RV_TRY(stop_if_cancelled(scan->source->cancel, "the next page", err));
    rv_page got = {0};
    rv_code rc = scan->source->ops->scan_next(scan, limits, out, &got, err);
    if (rc == RV_OK)
        rc = check_page(scan, limits, out, &got, err);
    if (rc != RV_OK) {
        rv_batch_reset(out); /* half a page must not be taken for a page */
        return rv_wrap(err, rc, "reading %s", out->schema->origin);
    }
    *page = got;
    return RV_OK;
}

void rv_scan_close(rv_scan *scan)
{
    if (scan != NULL)
        scan->source->ops->scan_close(scan);
}

void rv_source_interrupt(rv_source *src)
{
    if (src != NULL && (src->ops->caps & RV_SOURCE_CAP_INTERRUPT) != 0)
        src->ops->interrupt(src);
}

void rv_source_close(rv_source *src)
{
    if (src != NULL)
        src->ops->close(src);
}
