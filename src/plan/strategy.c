/* strategy.c - how all rows of a relation, or all within some ranges, are read. DESIGN 5.2, best first:
 *
 *   storage order   needs no index and no sort, but one snapshot for the whole run where rows can move
 *   key             pages along a unique key, in chunks cut at real values of it
 *   stream          one statement's rows, in one chunk
 *
 * A partitioned table is read leaf by leaf, each in the best of these ways. */
#include "internal.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* ---- storage order ---- */

/* A snapshot may be held for max_snapshot_age_s, and a run in storage order cannot change snapshots. So it has to fit
 * well inside: in half the time, at a rate that is slow for a local network. */
static bool fits_one_snapshot(const rvi_planner *p, int64_t est_bytes)
{
    enum { BYTES_PER_S = 32 << 20 };
    const rv_tuning *tuning = &p->config->tuning;
    int64_t duty = tuning->duty_percent > 0 ? tuning->duty_percent : 100;
    return tuning->max_snapshot_age_s <= 0 ||
           est_bytes / BYTES_PER_S * 100 / duty <= tuning->max_snapshot_age_s / 2;
}

/* Why the storage order is not used; NULL: it is. */
static const char *why_not_physical(const rvi_planner *p, const rv_physical *physical)
{
    if ((p->caps & RV_SOURCE_CAP_PHYSICAL) == 0 || !physical->available)
        return physical->why_not != NULL ? physical->why_not : "it has no storage order to go by";
    if (physical->needs_snapshot && !p->plan->snapshot)
        return "ranges in storage order are only correct under one snapshot (consistency: snapshot)";
    /* No ranges are no chunks, and no file: but whoever reads the stream waits for one, be it without rows. */
    if (physical->first > physical->last && p->one_stream)
        return "there is nothing in it, and the stream needs a file";
    return NULL;
}

static rv_code physical_chunks(rvi_planner *p, const rv_physical *physical, int64_t n, const rv_leaf *leaf,
                               rv_error *err)
{
    rv_bounds *bounds = rv_arena_alloc(p->arena, (size_t)n, sizeof *bounds);
    if (bounds == NULL)
        return rvi_plan_out_of_memory(p, err);
    n = rv_plan_tile(physical->first, physical->last, n, bounds);
    RV_TRY(rvi_plan_reserve(p, n, err));
    for (int64_t i = 0; i < n; i++) {
        if (leaf != NULL) {
            bounds[i].leaf_schema = leaf->schema;
            bounds[i].leaf_table = leaf->table;
        }
        RV_TRY(rvi_plan_add_chunk(p, &bounds[i], NULL, err));
    }
    return RV_OK;
}

static rv_code in_storage_order(rvi_planner *p, rv_error *err)
{
    const rv_physical *physical = &p->info->physical;
    RV_TRY(rvi_plan_use(p, err, RV_STRATEGY_PHYSICAL, physical->strategy,
                        "%s ranges in storage order need no index and no sort", physical->unit));
    return physical_chunks(p, physical, rvi_plan_n_chunks(p, p->info->est_rows, p->info->est_bytes), NULL,
                           err);
}

/* ---- along a key ---- */

/* Chunks (open, b1], (b1, b2] … (bn, open) with the bounds of `shape`. */
static rv_code cut_at(rvi_planner *p, const rv_bounds *shape, const rv_key *key, const rv_key_value *at,
                      int64_t n, rv_error *err)
{
    assert(n == 0 || at != NULL);
    RV_TRY(rvi_plan_reserve(p, n + 1, err));
    for (int64_t i = 0; i <= n; i++) {
        const rv_range range = {.key = key,
                                .lo = i > 0 ? at[i - 1] : (rv_key_value){0},
                                .hi = i < n ? at[i] : (rv_key_value){0},
                                .hi_inclusive = i < n};
        const rv_range *kept = n > 0 ? rvi_plan_range(p, &range) : NULL; /* one chunk needs no range */
        if (n > 0 && kept == NULL)
            return rvi_plan_out_of_memory(p, err);
        RV_TRY(rvi_plan_add_chunk(p, shape, kept, err));
    }
    return RV_OK;
}

rv_code rvi_plan_along(rvi_planner *p, const rv_index *index, int64_t n, const char *why, rv_error *err)
{
    const rv_bounds shape = {.kind = RV_BOUNDS_KEY, .key = &index->key};
    rv_key_value *at = NULL;
    int64_t n_at = 0;
    RV_TRY(rvi_plan_use(p, err, RV_STRATEGY_KEYSET, "keyset", "pages along %s; %s", index->name, why));
    RV_TRY(rvi_plan_places(p, index, n, &at, &n_at, err));
    return cut_at(p, &shape, &index->key, at, n_at, err);
}

/* ---- one stream ---- */

static rv_code as_stream(rvi_planner *p, const char *why, rv_error *err)
{
    if ((p->caps & RV_SOURCE_CAP_STREAM) == 0)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "no way to read %s: %s", p->info->schema.origin, why);
    RV_TRY(rvi_plan_use(p, err, RV_STRATEGY_STREAM, "stream", "%s", why));
    if ((p->caps & RV_SOURCE_CAP_LONG_STREAM) != 0)
        RV_TRY(rvi_plan_note(
            p, err,
            "a stream is one statement for as long as the export takes: it holds a read view, and "
            "ALTER TABLE waits for it"));
    return rvi_plan_add_chunk(p, &(rv_bounds){.kind = RV_BOUNDS_ALL}, NULL, err);
}

/* ---- partitioned tables ---- */

/* The leaf's own index over the columns of `key`, for places that cut its rows; NULL: none. */
static const rv_index *same_key(const rv_relation_info *leaf, const rv_key *key)
{
    for (int i = 0; i < leaf->n_indexes; i++) {
        const rv_key *other = &leaf->indexes[i].key;
        if (rv_index_is_key(&leaf->indexes[i]) && other->n_columns == key->n_columns &&
            rv_key_begins_with(other, key))
            return &leaf->indexes[i];
    }
    return NULL;
}

/* Places that cut the leaf by its own statistics; none where it has not the index. */
static rv_code places_of_leaf(rvi_planner *p, const rv_relation *relation, const rv_key *key, int64_t n,
                              rv_key_value *at, int64_t *n_out, rv_error *err)
{
    rv_relation_info *info = rv_arena_alloc(p->arena, 1, sizeof *info);
    if (info == NULL)
        return rvi_plan_out_of_memory(p, err);
    RV_TRY(rv_source_describe(p->input->source, relation, p->arena, info, err));
    const rv_index *own = same_key(info, key);
    if (own == NULL)
        return RV_OK;
    return rv_source_split(p->input->source, relation, info, own, n, p->arena, at, n_out, err);
}

/* Read along the key of the whole table. */
static rv_code leaf_along_key(rvi_planner *p, const rv_leaf *leaf, const rv_index *index, int64_t n,
                              rv_error *err)
{
    const rv_relation relation = {.kind = RV_RELATION_TABLE, .schema = leaf->schema, .table = leaf->table};
    const rv_bounds shape = {
        .kind = RV_BOUNDS_KEY, .key = &index->key, .leaf_schema = leaf->schema, .leaf_table = leaf->table};
    rv_key_value *at = NULL;
    int64_t n_at = 0;
    if (n > 1) {
        at = rv_arena_alloc(p->arena, (size_t)(n - 1), sizeof *at);
        if (at == NULL)
            return rvi_plan_out_of_memory(p, err);
        RV_TRY(places_of_leaf(p, &relation, &index->key, n, at, &n_at, err));
    }
    return cut_at(p, &shape, &index->key, at, n_at, err);
}

static bool all_leaves_in_storage_order(const rvi_planner *p)
{
    for (int i = 0; i < p->info->n_leaves; i++)
        if (why_not_physical(p, &p->info->leaves[i].physical) != NULL)
            return false;
    return fits_one_snapshot(p, p->info->est_bytes);
}

static rv_code leaf_by_leaf(rvi_planner *p, rv_error *err)
{
    const rv_index *key = rvi_plan_best_key(p);
    bool physical = all_leaves_in_storage_order(p);
    rv_strategy strategy = physical      ? RV_STRATEGY_PHYSICAL
                           : key != NULL ? RV_STRATEGY_KEYSET
                                         : RV_STRATEGY_STREAM;
    const char *inside = physical ? p->info->leaves[0].physical.strategy : key != NULL ? "keyset" : "stream";
    const char *name = rv_arena_printf(p->arena, "partition(%s)", inside);
    if (name == NULL)
        return rvi_plan_out_of_memory(p, err);
    RV_TRY(rvi_plan_use(p, err, strategy, name, "each of %d partitions by itself", p->info->n_leaves));
    for (int i = 0; i < p->info->n_leaves; i++) {
        const rv_leaf *leaf = &p->info->leaves[i];
        int64_t n = rvi_plan_n_chunks(p, leaf->est_rows, leaf->est_bytes);
        const rv_bounds stream = {
            .kind = RV_BOUNDS_ALL, .leaf_schema = leaf->schema, .leaf_table = leaf->table};
        if (physical)
            RV_TRY(physical_chunks(p, &leaf->physical, n, leaf, err));
        else if (key != NULL)
            RV_TRY(leaf_along_key(p, leaf, key, n, err));
        else
            RV_TRY(rvi_plan_add_chunk(p, &stream, NULL, err));
    }
    return RV_OK;
}

/* ---- choosing ---- */

rv_code rvi_plan_whole(rvi_planner *p, rv_error *err)
{
    const rv_relation_info *info = p->info;
    const rv_chunk_config *chunk = &p->config->chunk;
    int64_t n = rvi_plan_n_chunks(p, info->est_rows, info->est_bytes);
    const rv_index *key = rvi_plan_best_key(p);
    if (chunk->by_key.n_columns > 0) {
        RV_TRY(rvi_plan_named_key(p, &chunk->by_key, &key, err));
        return rvi_plan_along(p, key, n, "chunk_by_key", err);
    }
    if (p->config->cursor.by_key && key != NULL)
        return rvi_plan_along(p, key, n, "keyset_incremental", err);
    if (info->n_leaves > 0 && !p->one_stream)
        return leaf_by_leaf(p, err);
    const char *why = why_not_physical(p, &info->physical);
    bool fits = fits_one_snapshot(p, info->est_bytes);
    if (why == NULL && (fits || key == NULL)) {
        if (!fits)
            RV_TRY(rvi_plan_note(p, err,
                                 "%s is large for one snapshot of %" PRId64
                                 " s (max_snapshot_age_s) and has no "
                                 "unique key that would let it take several",
                                 info->schema.origin, p->config->tuning.max_snapshot_age_s));
        return in_storage_order(p, err);
    }
    if (why == NULL)
        why = "it is large, and a key lets the run change its snapshot";
    return key != NULL ? rvi_plan_along(p, key, n, why, err) : as_stream(p, why, err);
}

/* Of the ranges, one that an index leads to. */
static const rv_index *index_of_ranges(const rvi_planner *p, bool unique)
{
    for (int i = p->n_within - 1; i >= 0; i--) {
        const rv_range *range = p->within[i];
        const rv_index *index = range->fallback == NULL ? rvi_plan_leading(p, range->key, unique) : NULL;
        if (index != NULL)
            return index;
    }
    return NULL;
}

/* One statement for each stretch of an index that is no key. Its columns may be NULL, and rows with a NULL among what is
 * compared are in no range; the first one is not, where a range goes along it. */
static rv_code through_index(rvi_planner *p, const rv_index *index, rv_error *err)
{
    const rv_bounds shape = {.kind = RV_BOUNDS_ALL};
    const char *why = rv_arena_printf(p->arena, "the range is found through %s", index->name);
    const rv_key *key = rvi_plan_key_of(p, index->key.columns[0], index->key.descending[0]);
    rv_key_value *at = NULL;
    int64_t n_at = 0;
    if (why == NULL || key == NULL)
        return rvi_plan_out_of_memory(p, err);
    if (rvi_plan_stretch(p, index) != NULL)
        RV_TRY(rvi_plan_places(p, index, rvi_plan_n_within(p, index), &at, &n_at, err));
    /* However many there are: an open run is known by its strategy, and the next look may find more places. */
    RV_TRY(rvi_plan_use(p, err, RV_STRATEGY_RANGE, "range", "%s", why));
    return cut_at(p, &shape, key, at, rvi_plan_first_column(at, n_at), err);
}

rv_code rvi_plan_restricted(rvi_planner *p, rv_error *err)
{
    const rv_chunk_config *chunk = &p->config->chunk;
    const char *column = p->within[p->n_within - 1]->key->columns[0];
    const rv_index *key = NULL;
    if (chunk->by_key.n_columns > 0) {
        RV_TRY(rvi_plan_named_key(p, &chunk->by_key, &key, err));
        return rvi_plan_along(p, key, rvi_plan_n_within(p, key), "chunk_by_key", err);
    }
    key = index_of_ranges(p, true);
    if (key == NULL && p->config->cursor.by_key)
        key = rvi_plan_best_key(p);
    if (key != NULL)
        return rvi_plan_along(p, key, rvi_plan_n_within(p, key), "it begins where the range does", err);
    const rv_index *index = index_of_ranges(p, false);
    if (index != NULL)
        return through_index(p, index, err);
    if (p->info->n_indexes > 0 || p->config->relation.kind == RV_RELATION_TABLE)
        RV_TRY(rvi_plan_note(p, err, "no index leads with '%s': the source scans %s for the rows of this run",
                             column, p->info->schema.origin));
    if (why_not_physical(p, &p->info->physical) == NULL)
        return in_storage_order(p, err);
    return as_stream(p, "the rows of the range are not together in any index", err);
}
