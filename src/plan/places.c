/* places.c - where rows within the planner's ranges are cut, along the index that they are read by.
 *
 * A driver cuts a whole index, by what it knows of the whole relation. A window or a partition is a stretch of it, and
 * of the places only those inside of the stretch cut anything. Which they are only the server's order tells: it is
 * asked whether rows lie on both sides, by bisection, since the places ascend. Each question is a few descents of the
 * index. What the places are is never trusted: the ranges between them tile the whole order of the key, so they decide
 * how even the chunks are and nothing else. */
#include "internal.h"

#include <string.h>

const rv_range *rvi_plan_stretch(const rvi_planner *p, const rv_index *index)
{
    for (int i = 0; i < p->n_within; i++) {
        const rv_range *range = p->within[i];
        bool sided = range->lo.n > 0 || range->hi.n > 0;
        if (range->fallback == NULL && !range->null_only && sided &&
            strcmp(range->key->columns[0], index->key.columns[0]) == 0)
            return range;
    }
    return NULL;
}

int64_t rvi_plan_n_within(const rvi_planner *p, const rv_index *index)
{
    int64_t n = rvi_plan_n_chunks(p, p->info->est_rows, p->info->est_bytes);
    /* All of the index is gone through for the few rows of the ranges: that is work for all lanes, but not a reason
     * for as many files as the whole relation would become. */
    int64_t lanes = p->config->parallel > 1 ? p->config->parallel : 1;
    return rvi_plan_stretch(p, index) != NULL || n < lanes ? n : lanes;
}

/* The range without its history, which no index knows: late rows lie between late_from and lo. */
static rv_range plain(const rv_range *range)
{
    rv_range out = *range;
    if (range->history != NULL && range->history->late_from.n > 0) {
        out.lo = range->history->late_from;
        out.lo_inclusive = true;
    }
    out.history = NULL;
    return out;
}

/* Has the stretch rows up to this place (`above` false), or behind it? */
static rv_code has_rows(rvi_planner *p, const rv_index *index, const rv_range *stretch,
                        const rv_key_value *place, bool above, bool *out, rv_error *err)
{
    const rv_key first = {
        .n_columns = 1, .columns = {index->key.columns[0]}, .descending = {index->key.descending[0]}};
    rv_range side = {.key = &index->key};
    rv_key_ends ends = {0};
    if (above)
        side.lo = *place;
    else {
        side.hi = *place;
        side.hi_inclusive = true;
    }
    const rv_range *const within[] = {stretch, &side};
    RV_TRY(rv_source_key_ends(p->input->source, &p->config->relation, p->info, &first, NULL, within, 2,
                              p->arena, &ends, err));
    *out = !ends.empty;
    return RV_OK;
}

/* How many of the places lie before the stretch's first row (`above` false: no row up to them), or how many have rows
 * of it behind them. Both hold for the first so many places and for none after. */
static rv_code count_leading(rvi_planner *p, const rv_index *index, const rv_range *stretch,
                             const rv_key_value *at, int64_t n, bool above, int64_t *out, rv_error *err)
{
    int64_t least = 0, most = n;
    while (least < most) {
        int64_t middle = least + (most - least) / 2;
        bool rows = false;
        RV_TRY(has_rows(p, index, stretch, &at[middle], above, &rows, err));
        if (rows == above)
            least = middle + 1;
        else
            most = middle;
    }
    *out = least;
    return RV_OK;
}

rv_code rvi_plan_places(rvi_planner *p, const rv_index *index, int64_t n, rv_key_value **out, int64_t *n_out,
                        rv_error *err)
{
    int64_t n_at = 0, before = 0, until = 0;
    const rv_range *range = rvi_plan_stretch(p, index);
    *out = NULL;
    *n_out = 0;
    if (n <= 1)
        return RV_OK;
    rv_key_value *at = rv_arena_alloc(p->arena, (size_t)(n - 1), sizeof *at);
    if (at == NULL)
        return rvi_plan_out_of_memory(p, err);
    RV_TRY(
        rv_source_split(p->input->source, &p->config->relation, p->info, index, n, p->arena, at, &n_at, err));
    until = n_at;
    if (range != NULL) {
        const rv_range stretch = plain(range);
        RV_TRY(count_leading(p, index, &stretch, at, n_at, false, &before, err));
        RV_TRY(count_leading(p, index, &stretch, at, n_at, true, &until, err));
    }
    *out = at + before;
    *n_out = until > before ? until - before : 0;
    return RV_OK;
}

int64_t rvi_plan_first_column(rv_key_value *at, int64_t n)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++) {
        at[i].n = 1;
        if (kept == 0 || !rv_key_value_equal(&at[kept - 1], &at[i]))
            at[kept++] = at[i];
    }
    return kept;
}
