/* verify_statistics.c - bounds and counts that the file states, against those counted from its values.
 *
 * A bound may be wider than the values, unless it is said to be exact. A bound that is a NaN, or has another length
 * than values of the type, bounds nothing. Floats: zero stands for both zeros. */
#include "verify.h"

#include <inttypes.h>

bool rvi_pqr_has_order(const rvi_pqr_verifier *v)
{
    enum { TYPE_ORDER = 1 };
    const rv_parquet_metadata *metadata = &v->reader->footer.metadata;
    return metadata->column_orders != NULL && metadata->column_orders[v->leaf] == TYPE_ORDER &&
           rvi_pqr_order_of(rv_parquet_leaf_node(metadata, v->leaf)) != RVI_PQR_ORDER_NONE;
}

static void check_bound(rvi_pqr_verifier *v, const rvi_pqr_claim *claim, const char *name,
                        rv_parquet_bytes bound, int8_t exact, const rvi_pqr_facts *facts)
{
    const rv_parquet_node *leaf = rv_parquet_leaf_node(&v->reader->footer.metadata, v->leaf);
    rvi_pqr_order order = rvi_pqr_order_of(leaf);
    size_t width = rvi_pqr_order_width(order, leaf);
    bool is_min = name[1] == 'i';
    if (bound.data == NULL)
        return;
    if (width != 0 && bound.len != width) {
        rvi_pqr_find(v, claim->check, "%s: %s has %zu bytes, a value has %zu", claim->what, name, bound.len,
                     width);
        return;
    }
    if (rvi_pqr_is_nan(order, bound)) {
        rvi_pqr_find(v, claim->check, "%s: %s is NaN, which bounds nothing", claim->what, name);
        return;
    }
    if (!facts->extremes.set) {
        rvi_pqr_find(v, claim->check, "%s: there is a %s, but no value", claim->what, name);
        return;
    }
    int off =
        rvi_pqr_compare(order, bound, rvi_pqr_bytes_of(is_min ? &facts->extremes.min : &facts->extremes.max));
    if (is_min ? off > 0 : off < 0)
        rvi_pqr_find(v, claim->check, "%s: %s excludes a value", claim->what, name);
    else if (off != 0 && exact == 1)
        rvi_pqr_find(v, claim->check, "%s: %s is said to be exact, but no value equals it", claim->what,
                     name);
}

/* The deprecated pair was compared as signed bytes or numbers; only signed numbers came out right. */
static bool deprecated_has_order(const rvi_pqr_verifier *v)
{
    rvi_pqr_order order = rvi_pqr_order_of(rv_parquet_leaf_node(&v->reader->footer.metadata, v->leaf));
    return order == RVI_PQR_ORDER_I32 || order == RVI_PQR_ORDER_I64 || order == RVI_PQR_ORDER_BOOL;
}

void rvi_pqr_check_statistics(rvi_pqr_verifier *v, const rvi_pqr_claim *claim, const rvi_pqr_facts *facts)
{
    const rv_parquet_statistics *s = claim->statistics;
    if (s->null_count >= 0 && s->null_count != facts->n_nulls)
        rvi_pqr_find(v, claim->check, "%s: null_count is %" PRId64 ", there are %" PRId64, claim->what,
                     s->null_count, facts->n_nulls);
    if (s->nan_count >= 0 && s->nan_count != facts->extremes.n_nan)
        rvi_pqr_find(v, claim->check, "%s: nan_count is %" PRId64 ", there are %" PRId64, claim->what,
                     s->nan_count, facts->extremes.n_nan);
    if (rvi_pqr_has_order(v)) {
        check_bound(v, claim, "min_value", s->min, s->min_exact, facts);
        check_bound(v, claim, "max_value", s->max, s->max_exact, facts);
    }
    if (deprecated_has_order(v)) {
        check_bound(v, claim, "min", s->deprecated_min, -1, facts);
        check_bound(v, claim, "max", s->deprecated_max, -1, facts);
    }
}
