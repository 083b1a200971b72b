/* place.c - see place.h. */
#include "source/sql/place.h"

#include <string.h>

void rvi_sql_place_init(rvi_sql_place *place, size_t cell_bytes)
{
    *place = (rvi_sql_place){.n = 0};
    for (int i = 0; i < RV_MAX_KEY_COLUMNS; i++)
        place->cells[i] = RV_BYTES_INIT(cell_bytes);
}

void rvi_sql_place_deinit(rvi_sql_place *place)
{
    for (int i = 0; i < RV_MAX_KEY_COLUMNS; i++)
        rv_bytes_deinit(&place->cells[i]);
    place->n = 0;
}

rv_code rvi_sql_place_set(rvi_sql_place *place, const rv_key_value *value, rv_error *err)
{
    for (int i = 0; i < value->n; i++) {
        rv_bytes_clear(&place->cells[i]);
        RV_TRY(rv_bytes_append_str(&place->cells[i], value->cells[i], err));
    }
    place->n = value->n;
    return RV_OK;
}

static bool same_bytes(const rv_bytes *a, const rv_bytes *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static bool stands_at(const rvi_sql_place *place, const rvi_sql_place *next)
{
    for (int i = 0; i < next->n; i++)
        if (!same_bytes(&place->cells[i], &next->cells[i]))
            return false;
    return place->n == next->n;
}

rv_code rvi_sql_place_move(rvi_sql_place *place, rvi_sql_place *next, rv_error *err)
{
    if (stands_at(place, next))
        return rvi_sql_key_stalled(err);
    rvi_sql_place before = *place;
    *place = *next;
    *next = before;
    return RV_OK;
}

rv_code rvi_sql_key_stalled(rv_error *err)
{
    rv_code rc = rv_fail(err, RV_E_SOURCE_UNSUPPORTED,
                         "the key does not advance: a page that was to begin after a row has it again");
    rv_hint(err,
            "the source does not keep to the key's own order: its index may be damaged (rebuild it), or its "
            "type or collation may compare values wrongly; read it along another key (chunk_by_key), or "
            "without one");
    return rc;
}

rv_code rvi_sql_place_value(rvi_sql_place *place, rv_key_value *out, rv_error *err)
{
    rv_key_value value = {.n = place->n};
    for (int i = 0; i < place->n; i++)
        RV_TRY(rv_bytes_cstr(&place->cells[i], &value.cells[i], err));
    *out = value;
    return RV_OK;
}
