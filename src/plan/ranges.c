/* ranges.c - mode: chunked. Chunks as ranges of a column, or along a key.
 *
 * The ranges of a column tile all its values: [open, b1), [b1, b2) … [bn, open), so that a value outside of what was
 * found at the ends, because it came later, still is in exactly one chunk. Rows without a value are a chunk of their
 * own. A single chunk has no range at all and holds both.
 *
 * Where an index leads with the column, sparse columns are cut at places that its statistics give, in equal rows.
 * Those are values of the server's own order, so the column may be of any type. */
#include "internal.h"

#include <inttypes.h>

enum {
    SPARSE_FACTOR = 2,
    SPARSE_MIN = 10
}; /* windows over chunks of rows, from which a column counts as sparse */

/* What the ranges are made of. */
typedef struct ranges {
    const rv_field *field;
    const rv_index *index; /* leads with the column; NULL: none */
    const rv_index *pages; /* a key that leads with it, to page along; NULL: none */
    rvi_ends ends;
    int64_t rows; /* wanted in a chunk; 0: not said */
    const char *how;
} ranges;

/* ---- which column ---- */

/* The primary key, where it is one whole number. */
static const char *only_integer_key(const rvi_planner *p)
{
    const rv_field *field = NULL;
    const rv_index *key = p->info->n_indexes > 0 ? &p->info->indexes[0] : NULL;
    if (key == NULL || !key->primary || !key->complete || key->key.n_columns != 1 ||
        rvi_plan_field(p, "", key->key.columns[0], &field, NULL) != RV_OK)
        return NULL;
    rvi_scale scale = rvi_scale_of(field);
    return scale == RVI_SCALE_INT || scale == RVI_SCALE_UINT ? field->name : NULL;
}

static rv_code find_column(rvi_planner *p, ranges *r, rv_error *err)
{
    const char *column = p->config->chunk.column != NULL ? p->config->chunk.column : only_integer_key(p);
    if (column == NULL) {
        rv_fail(err, RV_E_CONFIG_VALUE,
                "chunk_count and chunk_dense cut ranges of a column, and %s has no primary "
                "key of one whole number",
                p->info->schema.origin);
        rv_hint(err, "name a column with chunk_column");
        return RV_E_CONFIG_VALUE;
    }
    RV_TRY(rvi_plan_field(p, "chunk_column", column, &r->field, err));
    const rv_key *key = rvi_plan_key_of(p, r->field->name, false);
    if (key == NULL)
        return rvi_plan_out_of_memory(p, err);
    r->index = rvi_plan_leading(p, key, false);
    r->pages = rvi_plan_leading(p, key, true);
    r->rows = rvi_chunk_rows(&p->config->chunk, p->info->est_rows, p->info->est_bytes);
    return RV_OK;
}

/* Types without arithmetic can still be cut where an index has them in order. */
static rv_code check_type(const rvi_planner *p, const ranges *r, rv_error *err)
{
    const rv_chunk_config *chunk = &p->config->chunk;
    rvi_scale scale = rvi_scale_of(r->field);
    bool days = scale == RVI_SCALE_DAYS || scale == RVI_SCALE_US;
    if (chunk->by_days > 0 && !days) {
        rv_fail(err, RV_E_CONFIG_VALUE, "chunk_by_days: column '%s' (%s) is neither a date nor a timestamp",
                r->field->name, r->field->native_type);
        rv_hint(err, "cut it with chunk_size or chunk_count");
        return RV_E_CONFIG_VALUE;
    }
    if (scale != RVI_SCALE_NONE || (r->index != NULL && chunk->count == 0))
        return RV_OK;
    rv_fail(err, RV_E_CONFIG_VALUE, "chunk_column: column '%s' (%s) is no whole number, date or timestamp%s",
            r->field->name, r->field->native_type,
            chunk->count > 0 ? ", so it has no ranges of equal width" : ", and no index has it in order");
    rv_hint(err, "use chunk_by_key, or leave the chunk_ keys out");
    return RV_E_CONFIG_VALUE;
}

/* ---- chunks ---- */

static rv_code add_range(rvi_planner *p, const ranges *r, const rv_range *range, rv_error *err)
{
    const rv_range *kept = range != NULL ? rvi_plan_range(p, range) : NULL;
    rv_bounds bounds = {.kind = RV_BOUNDS_ALL};
    if (range != NULL && kept == NULL)
        return rvi_plan_out_of_memory(p, err);
    if (r->pages != NULL && (range == NULL || !range->null_only))
        bounds = (rv_bounds){.kind = RV_BOUNDS_KEY, .key = &r->pages->key};
    return rvi_plan_add_chunk(p, &bounds, kept, err);
}

static rv_code add_null(rvi_planner *p, const ranges *r, const rv_key *key, rv_error *err)
{
    return r->ends.has_null ? add_range(p, r, &(rv_range){.key = key, .null_only = true}, err) : RV_OK;
}

/* `at`: n places, ascending. from_below: a place belongs to the range above it. */
static rv_code tile(rvi_planner *p, const ranges *r, const rv_key *key, const rv_key_value *at, int64_t n,
                    bool from_below, rv_error *err)
{
    if (n == 0)
        return add_range(p, r, NULL, err);
    RV_TRY(rvi_plan_reserve(p, n + 2, err));
    for (int64_t i = 0; i <= n; i++) {
        const rv_range range = {.key = key,
                                .lo = i > 0 ? at[i - 1] : (rv_key_value){0},
                                .hi = i < n ? at[i] : (rv_key_value){0},
                                .lo_inclusive = i > 0 && from_below,
                                .hi_inclusive = i < n && !from_below};
        RV_TRY(add_range(p, r, &range, err));
    }
    return add_null(p, r, key, err);
}

/* Ranges that begin at first + step, first + 2 * step … up to `last`. Differences are unsigned: the ends may lie as far
 * apart as int64 goes. */
static rv_code tile_by_step(rvi_planner *p, const ranges *r, int64_t first, uint64_t step, rv_error *err)
{
    uint64_t n = first > r->ends.last ? 0 : ((uint64_t)r->ends.last - (uint64_t)first) / step;
    if (n >= RV_MAX_CHUNKS) {
        rv_fail(err, RV_E_CONFIG_VALUE,
                "%s: ranges of this width make %" PRIu64 " chunks of column '%s'; at most %d",
                p->info->schema.origin, n + 1, r->field->name, RV_MAX_CHUNKS);
        rv_hint(err, "make them wider, or leave the size out");
        return RV_E_CONFIG_VALUE;
    }
    const rv_key *key = rvi_plan_key_of(p, r->field->name, false);
    rv_key_value *at = n > 0 ? rv_arena_alloc(p->arena, n, sizeof *at) : NULL;
    if (key == NULL || (n > 0 && at == NULL))
        return rvi_plan_out_of_memory(p, err);
    for (uint64_t i = 0; i < n; i++) {
        at[i] = rvi_scale_value(p->arena, r->field, (int64_t)((uint64_t)first + (i + 1) * step));
        if (at[i].n == 0)
            return rvi_plan_out_of_memory(p, err);
    }
    return tile(p, r, key, at, (int64_t)n, true, err);
}

/* n ranges of equal width, or as many as there are values. */
static rv_code tile_equal(rvi_planner *p, const ranges *r, int64_t n, rv_error *err)
{
    uint64_t span = (uint64_t)r->ends.last - (uint64_t)r->ends.first; /* values - 1 */
    if (n <= 1)
        return tile_by_step(p, r, r->ends.first, UINT64_MAX, err);
    if ((uint64_t)(n - 1) > span)
        n = (int64_t)span + 1;
    return tile_by_step(p, r, r->ends.first, span / (uint64_t)n + 1, err);
}

/* Equal rows. Of each place only the column's own value counts: further columns of the index may be NULL, and rows with
 * a NULL among what is compared are in no range. */
static rv_code tile_by_rows(rvi_planner *p, const ranges *r, int64_t n, rv_error *err)
{
    const rv_key *key = rvi_plan_key_of(p, r->field->name, r->index->key.descending[0]);
    rv_key_value *at = NULL;
    int64_t n_at = 0;
    if (key == NULL)
        return rvi_plan_out_of_memory(p, err);
    RV_TRY(rvi_plan_places(p, r->index, n, &at, &n_at, err));
    return tile(p, r, key, at, rvi_plan_first_column(at, n_at), false, err);
}

/* ---- choosing ---- */

static rv_code by_days(rvi_planner *p, ranges *r, rv_error *err)
{
    bool us = rvi_scale_of(r->field) == RVI_SCALE_US;
    int64_t day = us ? RVI_US_PER_DAY : 1;
    int64_t first = r->ends.first;
    int64_t rest = first % day;
    first -= rest < 0 ? rest + day : rest;
    if (first > r->ends.first) /* before the first midnight that int64 holds */
        first = r->ends.first;
    r->how = "chunk_by_days";
    return tile_by_step(p, r, first, (uint64_t)p->config->chunk.by_days * (uint64_t)day, err);
}

static rv_code by_width(rvi_planner *p, ranges *r, rv_error *err)
{
    uint64_t step = (uint64_t)p->config->chunk.size;
    uint64_t windows = ((uint64_t)r->ends.last - (uint64_t)r->ends.first) / step;
    uint64_t full = p->info->est_rows >= 0 ? (uint64_t)p->info->est_rows / step : windows;
    int64_t n = rvi_plan_n_chunks(p, p->info->est_rows, p->info->est_bytes);
    r->how = "chunk_size";
    if (windows <= SPARSE_MIN || windows / SPARSE_FACTOR <= full)
        return tile_by_step(p, r, r->ends.first, step, err);
    RV_TRY(rvi_plan_note(p, err,
                         "column '%s' is sparse: ranges of %" PRId64 " would be %" PRIu64
                         " chunks for about %" PRId64 " rows; %s instead",
                         r->field->name, p->config->chunk.size, windows + 1, p->info->est_rows,
                         r->index != NULL ? "chunks of as many rows" : "fewer and wider ranges"));
    return r->index != NULL ? tile_by_rows(p, r, n, err) : tile_equal(p, r, n, err);
}

static rv_code by_choice(rvi_planner *p, ranges *r, rv_error *err)
{
    const rv_chunk_config *chunk = &p->config->chunk;
    rvi_scale scale = rvi_scale_of(r->field);
    int64_t n = rvi_plan_n_chunks(p, p->info->est_rows, p->info->est_bytes);
    if (chunk->by_days > 0)
        return by_days(p, r, err);
    if (chunk->count > 0) {
        r->how = "chunk_count";
        return tile_equal(p, r, chunk->count, err);
    }
    if (chunk->size > 0 && !chunk->dense && (scale == RVI_SCALE_INT || scale == RVI_SCALE_UINT))
        return by_width(p, r, err);
    r->how = chunk->dense ? "chunk_dense" : "chunks of about equal rows";
    if (r->index != NULL)
        return tile_by_rows(p, r, n, err);
    RV_TRY(rvi_plan_note(p, err, "no index leads with '%s', so ranges of equal width stand for equal rows",
                         r->field->name));
    return tile_equal(p, r, n, err);
}

static rv_code ranges_of_column(rvi_planner *p, rv_error *err)
{
    ranges r = {.how = ""};
    RV_TRY(find_column(p, &r, err));
    RV_TRY(check_type(p, &r, err));
    if (r.index == NULL)
        RV_TRY(rvi_plan_note(p, err, "no index leads with '%s': the source scans %s for each chunk",
                             r.field->name, p->info->schema.origin));
    bool arithmetic = rvi_scale_of(r.field) != RVI_SCALE_NONE;
    r.ends.has_null = r.field->nullable;
    if (arithmetic)
        RV_TRY(rvi_plan_ends(p, r.field, NULL, &r.ends, err));
    if (p->one_stream || (arithmetic && r.ends.empty))
        RV_TRY(add_range(p, &r, NULL, err)); /* whatever there is, now or by then */
    else
        RV_TRY(by_choice(p, &r, err));
    bool dense = p->config->chunk.dense;
    return rvi_plan_use(p, err, dense ? RV_STRATEGY_DENSE : RV_STRATEGY_RANGE, dense ? "dense" : "range",
                        "ranges of '%s'%s%s%s%s", r.field->name, r.how[0] != '\0' ? ": " : "", r.how,
                        r.pages != NULL ? ", in pages along " : "", r.pages != NULL ? r.pages->name : "");
}

rv_code rvi_plan_chunked(rvi_planner *p, rv_error *err)
{
    const rv_chunk_config *chunk = &p->config->chunk;
    const rv_index *key = NULL;
    int64_t n = rvi_plan_n_chunks(p, p->info->est_rows, p->info->est_bytes);
    if (chunk->by_key.n_columns > 0) {
        RV_TRY(rvi_plan_named_key(p, &chunk->by_key, &key, err));
        n = p->n_within > 0 ? rvi_plan_n_within(p, key) : n;
        return rvi_plan_along(p, key, n, "chunk_by_key", err);
    }
    if (chunk->column != NULL || chunk->count > 0 || chunk->dense)
        return ranges_of_column(p, err);
    if (p->n_within > 0)
        return rvi_plan_restricted(p, err);
    key = rvi_plan_best_key(p);
    return key != NULL && p->info->n_leaves == 0
               ? rvi_plan_along(p, key, n, "the best key, as no chunk_ key names another", err)
               : rvi_plan_whole(p, err);
}
