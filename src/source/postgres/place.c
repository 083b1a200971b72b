/* place.c - see place.h. */
#include "place.h"

#include <endian.h>
#include <inttypes.h>
#include <string.h>

enum { UUID_BYTES = 16 };

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

rv_code rvi_pg_place_advance(rvi_sql_place *place, const rvi_sql_last_key *key, const rvi_pg_key_form *forms,
                             rv_error *err)
{
    RV_AUTO(rvi_sql_place_deinit) rvi_sql_place next;
    rvi_sql_place_init(&next, RVI_PG_KEY_CELL_BYTES);
    next.n = key->n;
    for (int i = 0; i < key->n; i++)
        RV_TRY(append_text(&key->bytes[i], forms[i], &next.cells[i], err));
    return rvi_sql_place_move(place, &next, err);
}
