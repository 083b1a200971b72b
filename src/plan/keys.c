/* keys.c - which of a relation's indexes pages and ranges go along. */
#include "internal.h"

#include <math.h>
#include <string.h>

/* How much random reading an index along which all rows are read will cost: its first column's order against the
 * order of the storage. Where nothing is known, a primary key is the better bet: rows are mostly stored as their keys
 * were handed out. */
static double rank(const rv_index *index)
{
    static const double unknown = 0.5, primary = 0.25;
    double order = fabs(index->correlation);
    return (order > 0 ? order : unknown) + (index->primary ? primary : 0);
}

const rv_index *rvi_plan_best_key(const rvi_planner *p)
{
    const rv_index *best = NULL;
    if ((p->caps & RV_SOURCE_CAP_KEYS) == 0)
        return NULL;
    for (int i = 0; i < p->info->n_indexes; i++) {
        const rv_index *index = &p->info->indexes[i];
        if (rv_index_is_key(index) && (best == NULL || rank(index) > rank(best)))
            best = index;
    }
    return best;
}

static bool begins_with(const rv_key *index, const rv_key *key)
{
    if (index->n_columns < key->n_columns)
        return false;
    for (int i = 0; i < key->n_columns; i++)
        if (strcmp(index->columns[i], key->columns[i]) != 0)
            return false;
    return true;
}

const rv_index *rvi_plan_leading(const rvi_planner *p, const rv_key *key, bool unique)
{
    if ((p->caps & RV_SOURCE_CAP_KEYS) == 0)
        return NULL;
    for (int i = 0; i < p->info->n_indexes; i++) {
        const rv_index *index = &p->info->indexes[i];
        if ((!unique || rv_index_is_key(index)) && begins_with(&index->key, key))
            return index;
    }
    return NULL;
}

static rv_code put_columns(rv_bytes *text, const rv_key *key, rv_error *err)
{
    for (int i = 0; i < key->n_columns; i++)
        RV_TRY(rv_bytes_printf(text, err, "%s%s", i > 0 ? ", " : "", key->columns[i]));
    return RV_OK;
}

/* Every usable key, for a hint. */
static rv_code put_keys(const rvi_planner *p, rv_bytes *text, rv_error *err)
{
    for (int i = 0; i < p->info->n_indexes; i++) {
        if (!rv_index_is_key(&p->info->indexes[i]))
            continue;
        RV_TRY(rv_bytes_append_str(text, text->len > 0 ? "; [" : "[", err));
        RV_TRY(put_columns(text, &p->info->indexes[i].key, err));
        RV_TRY(rv_bytes_append_str(text, "]", err));
    }
    return RV_OK;
}

static rv_code refuse(const rvi_planner *p, const rv_key *key, rv_bytes *wanted, rv_bytes *known,
                      rv_error *err)
{
    const char *columns = "", *keys = "";
    RV_TRY(put_columns(wanted, key, err));
    RV_TRY(put_keys(p, known, err));
    RV_TRY(rv_bytes_cstr(wanted, &columns, err));
    RV_TRY(rv_bytes_cstr(known, &keys, err));
    rv_fail(err, RV_E_CONFIG_VALUE,
            "chunk_by_key: [%s] is not a key of %s: no unique index over exactly these columns, all NOT "
            "NULL, that "
            "holds all rows",
            columns, p->info->schema.origin);
    rv_hint(err, keys[0] != '\0' ? "its keys: %s" : "it has no key at all; leave chunk_by_key out%s", keys);
    return RV_E_CONFIG_VALUE;
}

rv_code rvi_plan_named_key(const rvi_planner *p, const rv_key *key, const rv_index **out, rv_error *err)
{
    enum { TEXT_BYTES = 64 << 10 };
    for (int i = 0; i < p->info->n_indexes; i++) {
        const rv_index *index = &p->info->indexes[i];
        if (!rv_index_is_key(index) || index->key.n_columns != key->n_columns ||
            !begins_with(&index->key, key))
            continue;
        *out = index;
        return RV_OK;
    }
    rv_bytes wanted = RV_BYTES_INIT(TEXT_BYTES), known = RV_BYTES_INIT(TEXT_BYTES);
    rv_code rc = refuse(p, key, &wanted, &known, err);
    rv_bytes_deinit(&wanted);
    rv_bytes_deinit(&known);
    return rc;
}
