/* place.c - see place.h. */
#include "place.h"

#include <endian.h>
#include <inttypes.h>
#include <string.h>

enum {
    CELL_MAX = RVI_PG_SQL_BYTES / 8, /* of one key column's text; several must fit one statement, twice */
    UUID_BYTES = 16,
};

bool rvi_pg_key_form_of(const rvi_pg_type *type, rvi_pg_key_form *out)
{
    if (type->natural.id == RV_TYPE_LIST && type->cast != RVI_PG_CAST_TEXT)
        return false;
    switch (type->wire) {
    case RVI_PG_WIRE_INT2:
    case RVI_PG_WIRE_INT4:
    case RVI_PG_WIRE_INT8:
        *out = RVI_PG_KEY_INT;
        return true;
    case RVI_PG_WIRE_OID:
        *out = RVI_PG_KEY_OID;
        return true;
    case RVI_PG_WIRE_UUID:
        *out = RVI_PG_KEY_UUID;
        return true;
    case RVI_PG_WIRE_TEXT: /* money is shown as a number, which is not how it is written */
        *out = RVI_PG_KEY_TEXT;
        return type->cast != RVI_PG_CAST_NUMERIC_TEXT;
    case RVI_PG_WIRE_BOOL:
    case RVI_PG_WIRE_FLOAT4:
    case RVI_PG_WIRE_FLOAT8:
    case RVI_PG_WIRE_NUMERIC:
    case RVI_PG_WIRE_MONEY:
    case RVI_PG_WIRE_DATE:
    case RVI_PG_WIRE_TIME:
    case RVI_PG_WIRE_TIMESTAMP:
    case RVI_PG_WIRE_INTERVAL:
    case RVI_PG_WIRE_JSONB:
    case RVI_PG_WIRE_BYTEA:
    case RVI_PG_WIRE_COUNT:
        break;
    }
    return false;
}

void rvi_pg_place_init(rvi_pg_place *place)
{
    *place = (rvi_pg_place){.n = 0};
    for (int i = 0; i < RV_MAX_KEY_COLUMNS; i++)
        place->cells[i] = RV_BYTES_INIT(CELL_MAX);
}

void rvi_pg_place_deinit(rvi_pg_place *place)
{
    for (int i = 0; i < RV_MAX_KEY_COLUMNS; i++)
        rv_bytes_deinit(&place->cells[i]);
    place->n = 0;
}

rv_code rvi_pg_place_set(rvi_pg_place *place, const rv_key_value *value, rv_error *err)
{
    for (int i = 0; i < value->n; i++) {
        rv_bytes_clear(&place->cells[i]);
        RV_TRY(rv_bytes_append_str(&place->cells[i], value->cells[i], err));
    }
    place->n = value->n;
    return RV_OK;
}

rv_code rvi_pg_place_value(rvi_pg_place *place, rv_key_value *out, rv_error *err)
{
    rv_key_value value = {.n = place->n};
    for (int i = 0; i < place->n; i++)
        RV_TRY(rv_bytes_cstr(&place->cells[i], &value.cells[i], err));
    *out = value;
    return RV_OK;
}

/* ---- from bytes on the wire ---- */

/* Network order, sign extended. */
static int64_t load_int(const uint8_t *bytes, size_t len)
{
    uint64_t value = len > 0 && bytes[0] >= 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < len; i++)
        value = value << 8 | bytes[i];
    return (int64_t)value;
}

static rv_code append_uuid(const uint8_t *bytes, rv_bytes *out, rv_error *err)
{
    for (int i = 0; i < UUID_BYTES; i++)
        RV_TRY(
            rv_bytes_printf(out, err, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", bytes[i]));
    return RV_OK;
}

static rv_code append_text(const rv_bytes *from, rvi_pg_key_form form, rv_bytes *out, rv_error *err)
{
    switch (form) {
    case RVI_PG_KEY_TEXT:
        if (from->len > 0 && memchr(from->data, 0, from->len) != NULL)
            return rv_fail(err, RV_E_SOURCE_PROTOCOL, "a text of a key holds a zero byte");
        return rv_bytes_append(out, from->data, from->len, err);
    case RVI_PG_KEY_INT:
        if (from->len == 2 || from->len == 4 || from->len == 8)
            return rv_bytes_printf(out, err, "%" PRId64, load_int(from->data, from->len));
        break;
    case RVI_PG_KEY_OID:
        if (from->len == 4)
            return rv_bytes_printf(out, err, "%" PRId64, load_int(from->data, 4) & UINT32_MAX);
        break;
    case RVI_PG_KEY_UUID:
        if (from->len == UUID_BYTES)
            return append_uuid(from->data, out, err);
        break;
    }
    return rv_fail(err, RV_E_SOURCE_PROTOCOL, "a value of a key has %zu bytes", from->len);
}

static bool same_bytes(const rv_bytes *a, const rv_bytes *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static bool stands_there(const rvi_pg_place *place, const rvi_pg_place *next)
{
    for (int i = 0; i < next->n; i++)
        if (!same_bytes(&place->cells[i], &next->cells[i]))
            return false;
    return place->n == next->n;
}

static rv_code move_to(rvi_pg_place *place, rvi_pg_place *next, const rvi_pg_last_key *key,
                       const rvi_pg_key_form *forms, rv_error *err)
{
    next->n = key->n;
    for (int i = 0; i < key->n; i++)
        RV_TRY(append_text(&key->bytes[i], forms[i], &next->cells[i], err));
    if (stands_there(place, next)) /* would read the same page for ever */
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "the page ends with the key after which it was to begin");
    rvi_pg_place before = *place;
    *place = *next;
    *next = before;
    return RV_OK;
}

rv_code rvi_pg_place_advance(rvi_pg_place *place, const rvi_pg_last_key *key, const rvi_pg_key_form *forms,
                             rv_error *err)
{
    rvi_pg_place next;
    rvi_pg_place_init(&next);
    rv_code rc = move_to(place, &next, key, forms, err);
    rvi_pg_place_deinit(&next);
    return rc;
}
