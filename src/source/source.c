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
#ifdef RIVET_HAVE_MYSQL
    &rvi_mysql_ops,
#endif
#ifdef RIVET_HAVE_SQLITE
    &rvi_sqlite_ops,
#endif
#ifdef RIVET_HAVE_FAKE
    &rvi_fake_ops,
    &rvi_fake_apart_ops,
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

static rv_code need_cap(const rv_source *src, uint32_t cap, const char *what, rv_error *err)
{
    if ((src->ops->caps & cap) != 0)
        return RV_OK;
    return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "sources of type '%s' have no %s", src->ops->kind, what);
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
    assert(options->shared_snapshot == NULL || options->snapshot);
    RV_TRY(stop_if_cancelled(src->cancel, "reading", err));
    if (options->snapshot && (src->ops->caps & RV_SOURCE_CAP_SNAPSHOT) == 0)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED,
                       "sources of type '%s' have no snapshots; set consistency: statement", src->ops->kind);
    if (options->shared_snapshot != NULL)
        RV_TRY(need_cap(src, RV_SOURCE_CAP_SHARED_SNAPSHOT, "snapshots that others can join", err));
    RV_TRY_CTX(src->ops->begin(src, options, err), err, "%s",
               options->snapshot ? "taking a snapshot" : "preparing to read");
    return RV_OK;
}

void rv_source_end(rv_source *src)
{
    if (src != NULL)
        src->ops->end(src);
}

/* Bounds come from the state as well as from the planner, and the relation or the driver may be another one by
 * then: so what a driver cannot follow is refused, and never quietly read as something wider. */
static const char *cannot_follow(const rv_source *src, const rv_scan_request *request)
{
    const rv_bounds *bounds = &request->bounds;
    uint32_t caps = src->ops->caps;
    if (bounds->kind == RV_BOUNDS_PHYSICAL && (caps & RV_SOURCE_CAP_PHYSICAL) == 0)
        return "ranges in storage order";
    if (bounds->kind == RV_BOUNDS_PHYSICAL && bounds->leaf_table == NULL &&
        !request->info->physical.available)
        return "ranges in storage order of this relation";
    if (bounds->kind == RV_BOUNDS_ALL && (caps & RV_SOURCE_CAP_STREAM) == 0)
        return "a relation as one stream";
    if (bounds->kind == RV_BOUNDS_KEY && (caps & RV_SOURCE_CAP_KEYS) == 0)
        return "along keys";
    if (bounds->n_ranges > 0 && (caps & RV_SOURCE_CAP_KEYS) == 0)
        return "within ranges";
    for (int i = 0; i < bounds->n_ranges; i++)
        if (bounds->ranges[i]->history != NULL && (caps & RV_SOURCE_CAP_HISTORY) == 0)
            return "what was written since a mark";
    return NULL;
}

static void assert_range(const rv_range *range)
{
    assert(range != NULL && range->key != NULL);
    assert(range->key->n_columns >= 1 && range->key->n_columns <= RV_MAX_KEY_COLUMNS);
    assert(range->fallback == NULL || range->key->n_columns == 1);
    assert(range->lo.n >= 0 && range->lo.n <= range->key->n_columns);
    assert(range->hi.n >= 0 && range->hi.n <= range->key->n_columns);
    assert(!range->null_only || (range->lo.n == 0 && range->hi.n == 0));
    (void)range;
}

/* What rv_bounds_parse() vouches for, and a planner must keep to. */
static void assert_bounds(const rv_scan_request *request)
{
    const rv_bounds *bounds = &request->bounds;
    assert(bounds->kind == RV_BOUNDS_ALL || bounds->kind == RV_BOUNDS_PHYSICAL ||
           bounds->kind == RV_BOUNDS_KEY);
    assert((bounds->kind == RV_BOUNDS_KEY) == (bounds->key != NULL));
    assert(bounds->n_ranges >= 0 && bounds->n_ranges <= RV_MAX_RANGES);
    for (int i = 0; i < bounds->n_ranges; i++)
        assert_range(bounds->ranges[i]);
    assert(request->after == NULL ||
           (bounds->kind == RV_BOUNDS_KEY && request->after->n <= bounds->key->n_columns));
}

rv_code rv_scan_open(rv_scan **out, rv_source *src, const rv_scan_request *request, rv_error *err)
{
    assert(out != NULL && src != NULL && request != NULL && request->relation != NULL);
    assert(request->info != NULL && request->schema != NULL && request->schema->n_fields > 0);
    assert_bounds(request);
    RV_TRY(stop_if_cancelled(src->cancel, "the first page", err));
    const char *what = cannot_follow(src, request);
    if (what != NULL)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "reading %s: sources of type '%s' cannot read %s",
                       request->schema->origin, src->ops->kind, what);
    rv_scan_request asked = *request;
    if (asked.after != NULL && asked.after->n == 0)
        asked.after = NULL;
    rv_scan *opened = NULL;
    RV_TRY_CTX(src->ops->scan_open(&opened, src, &asked, err), err, "reading %s", asked.schema->origin);
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
    int64_t most = rv_page_rows(limits);
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

/* ---- slots that not every driver has ---- */

static bool is_value(const rv_key_value *value, int least, int most)
{
    bool whole = value->n >= least && value->n <= most;
    for (int i = 0; whole && i < value->n; i++)
        whole = value->cells[i] != NULL;
    return whole;
}

/* Not stopped by cancellation: where a cancelled scan stands is what a resumed run must know. */
rv_code rv_scan_position(rv_scan *scan, rv_arena *arena, rv_key_value *out, rv_error *err)
{
    assert(scan != NULL && arena != NULL && out != NULL);
    rv_key_value at = {0};
    RV_TRY(need_cap(scan->source, RV_SOURCE_CAP_KEYS, "scans along keys", err));
    RV_TRY_CTX(scan->source->ops->scan_position(scan, arena, &at, err), err, "asking where the scan stands");
    if (!is_value(&at, 0, RV_MAX_KEY_COLUMNS))
        return rv_fail(err, RV_E_INTERNAL, "the driver reports a position of %d cells", at.n);
    *out = at;
    return RV_OK;
}

rv_code rv_source_key_ends(rv_source *src, const rv_relation *relation, const rv_relation_info *info,
                           const rv_key *key, const char *fallback, const rv_range *const *within,
                           int n_within, rv_arena *arena, rv_key_ends *out, rv_error *err)
{
    assert(src != NULL && relation != NULL && info != NULL && key != NULL && arena != NULL && out != NULL);
    assert(key->n_columns == 1 && n_within >= 0 && n_within <= RV_MAX_RANGES);
    for (int i = 0; i < n_within; i++)
        assert_range(within[i]);
    RV_TRY(stop_if_cancelled(src->cancel, "asking for the ends of a key", err));
    RV_TRY(need_cap(src, RV_SOURCE_CAP_KEYS, "keys", err));
    for (int i = 0; i < n_within; i++)
        if (within[i]->history != NULL)
            RV_TRY(need_cap(src, RV_SOURCE_CAP_HISTORY, "history of their rows", err));
    rv_key_ends ends = {0};
    RV_TRY_CTX(src->ops->key_ends(src, relation, info, key, fallback, within, n_within, arena, &ends, err),
               err, "asking for the first and last %s of %s", key->columns[0], relation_label(relation));
    int n = ends.empty ? 0 : 1;
    if (!is_value(&ends.first, n, n) || !is_value(&ends.last, n, n))
        return rv_fail(err, RV_E_INTERNAL, "the driver reports ends of %s that are none", key->columns[0]);
    *out = ends;
    return RV_OK;
}

/* Whether places ascend only the server can say; that no two neighbours are the same, we can. */
static rv_code check_places(const rv_index *index, int64_t n, const rv_key_value *places, int64_t n_places,
                            rv_error *err)
{
    if (n_places < 0 || n_places > n - 1)
        return rv_fail(err, RV_E_INTERNAL,
                       "the driver cuts into %" PRId64 " parts where %" PRId64 " were asked for",
                       n_places + 1, n);
    for (int64_t i = 0; i < n_places; i++) {
        if (!is_value(&places[i], 1, index->key.n_columns))
            return rv_fail(err, RV_E_INTERNAL, "the driver cuts at a place of %d cells", places[i].n);
        if (i > 0 && rv_key_value_equal(&places[i - 1], &places[i]))
            return rv_fail(err, RV_E_INTERNAL, "the driver cuts twice at one place");
    }
    return RV_OK;
}

rv_code rv_source_split(rv_source *src, const rv_relation *relation, const rv_relation_info *info,
                        const rv_index *index, int64_t n, rv_arena *arena, rv_key_value *out, int64_t *n_out,
                        rv_error *err)
{
    assert(src != NULL && relation != NULL && info != NULL && index != NULL && arena != NULL);
    assert(n >= 1 && n_out != NULL && (out != NULL || n == 1));
    RV_TRY(stop_if_cancelled(src->cancel, "cutting a key into parts", err));
    RV_TRY(need_cap(src, RV_SOURCE_CAP_KEYS, "keys", err));
    if (n == 1) {
        *n_out = 0;
        return RV_OK;
    }
    int64_t n_places = 0;
    rv_key_value *places = rv_arena_alloc(arena, (size_t)(n - 1), sizeof *places);
    if (places == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "cutting a key into %" PRId64 " parts", n);
    RV_TRY_CTX(src->ops->split(src, relation, info, index, n, arena, places, &n_places, err), err,
               "cutting %s along %s", relation_label(relation), index->name);
    RV_TRY(check_places(index, n, places, n_places, err));
    if (n_places > 0)
        memcpy(out, places, (size_t)n_places * sizeof *places);
    *n_out = n_places;
    return RV_OK;
}

rv_code rv_source_horizon(rv_source *src, rv_arena *arena, const char **out, int64_t *held_since_us,
                          rv_error *err)
{
    assert(src != NULL && arena != NULL && out != NULL && held_since_us != NULL);
    const char *mark = NULL;
    int64_t held = 0;
    RV_TRY(stop_if_cancelled(src->cancel, "asking for a mark in the source's history", err));
    RV_TRY(need_cap(src, RV_SOURCE_CAP_HISTORY, "history of their rows", err));
    RV_TRY_CTX(src->ops->horizon(src, arena, &mark, &held, err), err,
               "asking for a mark in the source's history");
    if (mark == NULL || mark[0] == '\0' || held < 0)
        return rv_fail(err, RV_E_INTERNAL, "the driver reports a mark that is none");
    *out = mark;
    *held_since_us = held;
    return RV_OK;
}

rv_code rv_source_share_snapshot(rv_source *src, rv_arena *arena, const char **out, rv_error *err)
{
    assert(src != NULL && arena != NULL && out != NULL);
    const char *name = NULL;
    RV_TRY(stop_if_cancelled(src->cancel, "sharing the snapshot", err));
    RV_TRY(need_cap(src, RV_SOURCE_CAP_SHARED_SNAPSHOT, "snapshots that others can join", err));
    RV_TRY_CTX(src->ops->share_snapshot(src, arena, &name, err), err, "sharing the snapshot");
    if (name == NULL || name[0] == '\0')
        return rv_fail(err, RV_E_INTERNAL, "the driver shares a snapshot without a name");
    *out = name;
    return RV_OK;
}

rv_code rv_source_begin_aligned(rv_source *const *sources, int n, const rv_read_options *options,
                                const char **why_not, rv_error *err)
{
    assert(sources != NULL && n >= 2 && options != NULL && options->snapshot && why_not != NULL);
    assert(options->shared_snapshot == NULL);
    for (int i = 0; i < n; i++)
        assert(sources[i] != NULL && sources[i]->ops == sources[0]->ops);
    const char *why = NULL;
    RV_TRY(stop_if_cancelled(sources[0]->cancel, "taking a snapshot", err));
    RV_TRY(need_cap(sources[0], RV_SOURCE_CAP_ALIGNED_SNAPSHOT, "snapshots of several connections", err));
    RV_TRY_CTX(sources[0]->ops->begin_aligned(sources, n, options, &why, err), err,
               "taking a snapshot with %d connections", n);
    *why_not = why;
    return RV_OK;
}

rv_code rv_source_settle(rv_source *src, int64_t timeout_ms, int64_t *open_since_us, rv_error *err)
{
    assert(src != NULL && timeout_ms >= 0 && open_since_us != NULL);
    int64_t since = -1;
    RV_TRY(stop_if_cancelled(src->cancel, "waiting for what others are writing", err));
    RV_TRY(need_cap(src, RV_SOURCE_CAP_SETTLE, "way to tell what others are writing", err));
    RV_TRY_CTX(src->ops->settle(src, timeout_ms, &since, err), err, "waiting for what others are writing");
    if (since < -1)
        return rv_fail(err, RV_E_INTERNAL, "the driver reports a transaction of an impossible time");
    *open_since_us = since;
    return RV_OK;
}

rv_code rv_source_pressure(rv_source *src, rv_pressure *out, rv_error *err)
{
    assert(src != NULL && out != NULL);
    rv_pressure got = {-1, -1, -1, -1};
    RV_TRY(stop_if_cancelled(src->cancel, "asking what the server suffers", err));
    RV_TRY(need_cap(src, RV_SOURCE_CAP_PRESSURE, "signs of pressure", err));
    RV_TRY_CTX(src->ops->pressure(src, &got, err), err, "asking what the server suffers");
    if (got.lock_waits < -1 || got.active_sessions < -1 || got.max_sessions < -1 || got.replica_lag_ms < -1)
        return rv_fail(err, RV_E_INTERNAL, "the driver reports a negative pressure");
    *out = got;
    return RV_OK;
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
