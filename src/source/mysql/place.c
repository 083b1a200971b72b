/* place.c - see place.h. */
#include "place.h"

#include "rivet/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    DATE_BYTES = 4,
    DATETIME_BYTES = 7,
    DATETIME_US_BYTES = 11,
    TIME_BYTES = 8,
    TIME_US_BYTES = 12,
};

/* ---- types ---- */

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Labels of "enum('a','it''s')": each is quoted, and a quote inside is doubled. */
static int count_labels(const char *native_type)
{
    int quotes = 0, escaped = 0;
    for (const char *c = native_type; *c != '\0'; c++) {
        if (*c != '\'')
            continue;
        if (quotes % 2 == 1 && c[1] == '\'') {
            escaped++;
            c++;
        } else if (++quotes > 2 * RVI_MY_MAX_LABELS)
            return 0;
    }
    return quotes / 2;
}

/* What arrives as bytes of some length. */
static rvi_my_key_form form_of_text(const rv_field *field)
{
    bool is_server_text = field->natural.id == RV_TYPE_UUID || begins(field->native_type, "inet");
    if (begins(field->native_type, "enum") || begins(field->native_type, "set"))
        return RVI_MY_KEY_LABEL;
    return is_server_text ? RVI_MY_KEY_TEXT : RVI_MY_KEY_CHARS;
}

static rvi_my_key_form form_of(const rv_field *field, const rvi_my_type *type)
{
    switch (type->wire) {
    case RVI_MY_WIRE_TEXT:
        return type->cast != NULL ? RVI_MY_KEY_TEXT : form_of_text(field);
    case RVI_MY_WIRE_BINARY:
        return RVI_MY_KEY_BYTES;
    case RVI_MY_WIRE_INT2:
        return begins(field->native_type, "year") ? RVI_MY_KEY_YEAR : RVI_MY_KEY_NUMBER;
    case RVI_MY_WIRE_UINT2:
        return begins(field->native_type, "year") ? RVI_MY_KEY_YEAR : RVI_MY_KEY_NUMBER;
    case RVI_MY_WIRE_BIT:
    case RVI_MY_WIRE_INT1:
    case RVI_MY_WIRE_UINT1:
    case RVI_MY_WIRE_INT4:
    case RVI_MY_WIRE_UINT4:
    case RVI_MY_WIRE_INT8:
    case RVI_MY_WIRE_UINT8:
        return RVI_MY_KEY_NUMBER;
    case RVI_MY_WIRE_FLOAT:
    case RVI_MY_WIRE_DOUBLE:
        return RVI_MY_KEY_FLOAT;
    case RVI_MY_WIRE_DECIMAL:
        return RVI_MY_KEY_DECIMAL;
    case RVI_MY_WIRE_DATE:
        return RVI_MY_KEY_DATE;
    case RVI_MY_WIRE_DATETIME:
        return begins(field->native_type, "timestamp") ? RVI_MY_KEY_INSTANT : RVI_MY_KEY_DATE;
    case RVI_MY_WIRE_TIME:
        return RVI_MY_KEY_TIME;
    case RVI_MY_WIRE_GEOMETRY:
    case RVI_MY_WIRE_COUNT:
        break;
    }
    return 0;
}

bool rvi_my_key_type_of(const rv_field *field, rvi_my_key_type *out)
{
    rvi_my_type type = rvi_my_field_type(field);
    *out = (rvi_my_key_type){.form = form_of(field, &type)};
    if (out->form == RVI_MY_KEY_LABEL && begins(field->native_type, "enum"))
        out->n_labels = count_labels(field->native_type);
    return out->form != 0;
}

/* Does the session's character set, utf8mb4, leave the bytes as they are? */
static bool is_utf8(const rvi_my_key_type *type)
{
    return type->charset != NULL && strcmp(type->charset, "utf8mb4") == 0;
}

const char *rvi_my_key_cast(const rvi_my_key_type *type, rvi_my_wire *wire)
{
    if (type->form == RVI_MY_KEY_LABEL) {
        *wire = RVI_MY_WIRE_UINT8;
        return "CAST(%s AS UNSIGNED)";
    }
    if (type->form != RVI_MY_KEY_CHARS || is_utf8(type))
        return NULL;
    *wire = RVI_MY_WIRE_BINARY;
    return "CAST(%s AS BINARY)";
}

/* ---- from bytes on the wire to text ---- */

static rv_code malformed(const rv_bytes *cell, rv_error *err)
{
    return rv_fail(err, RV_E_SOURCE_PROTOCOL, "a value of a key has %zu bytes", cell->len);
}

static uint64_t load_little(const uint8_t *bytes, size_t len)
{
    uint64_t value = 0;
    for (size_t i = len; i > 0; i--)
        value = value << 8 | bytes[i - 1];
    return value;
}

static rv_code append_integer(const rv_bytes *cell, size_t width, bool is_signed, rv_bytes *out,
                              rv_error *err)
{
    if (cell->len != width)
        return malformed(cell, err);
    uint64_t value = load_little(cell->data, width);
    if (!is_signed)
        return rv_bytes_printf(out, err, "%" PRIu64, value);
    uint64_t sign = UINT64_C(1) << (8 * width - 1);
    return rv_bytes_printf(out, err, "%" PRId64, (int64_t)((value ^ sign) - sign));
}

static rv_code append_bits(const rv_bytes *cell, rv_bytes *out, rv_error *err)
{
    uint64_t value = 0;
    if (cell->len > sizeof value)
        return malformed(cell, err);
    for (size_t i = 0; i < cell->len; i++)
        value = value << 8 | cell->data[i];
    return rv_bytes_printf(out, err, "%" PRIu64, value);
}

static rv_code append_float(double value, rv_bytes *out, rv_error *err)
{
    if (!isfinite(value))
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "a value of a key is no finite number");
    return rv_bytes_printf(out, err, "%.17g", value);
}

static rv_code append_real(const rv_bytes *cell, rvi_my_wire wire, rv_bytes *out, rv_error *err)
{
    uint64_t bits = load_little(cell->data, cell->len <= 8 ? cell->len : 0);
    uint32_t low = (uint32_t)bits;
    double wide = 0;
    float narrow = 0;
    if (cell->len != (wire == RVI_MY_WIRE_FLOAT ? sizeof narrow : sizeof wide))
        return malformed(cell, err);
    memcpy(&narrow, &low, sizeof narrow);
    memcpy(&wide, &bits, sizeof wide);
    return append_float(wire == RVI_MY_WIRE_FLOAT ? (double)narrow : wide, out, err);
}

static rv_code append_fraction(uint64_t us, rv_bytes *out, rv_error *err)
{
    return us > 0 ? rv_bytes_printf(out, err, ".%06" PRIu64, us) : RV_OK;
}

/* What is zero at the end is left out on the wire, down to nothing at all for 0000-00-00. */
static rv_code append_date(const rvi_my_key_type *type, rvi_my_wire wire, const rv_bytes *cell, rv_bytes *out,
                           rv_error *err)
{
    uint8_t b[DATETIME_US_BYTES] = {0};
    if (cell->len != 0 && cell->len != DATE_BYTES && cell->len != DATETIME_BYTES &&
        cell->len != DATETIME_US_BYTES)
        return malformed(cell, err);
    if (cell->len > 0)
        memcpy(b, cell->data, cell->len);
    RV_TRY(rv_bytes_printf(out, err, "%04d-%02d-%02d", b[0] | b[1] << 8, b[2], b[3]));
    if (wire == RVI_MY_WIRE_DATE)
        return RV_OK;
    RV_TRY(rv_bytes_printf(out, err, " %02d:%02d:%02d", b[4], b[5], b[6]));
    RV_TRY(append_fraction(load_little(b + DATETIME_BYTES, 4), out, err));
    return rv_bytes_append_str(out, type->form == RVI_MY_KEY_INSTANT ? "+00" : "", err);
}

static rv_code append_time(const rv_bytes *cell, rv_bytes *out, rv_error *err)
{
    uint8_t b[TIME_US_BYTES] = {0};
    if (cell->len != 0 && cell->len != TIME_BYTES && cell->len != TIME_US_BYTES)
        return malformed(cell, err);
    if (cell->len > 0)
        memcpy(b, cell->data, cell->len);
    uint64_t hours = load_little(b + 1, 4) * 24 + b[5];
    RV_TRY(rv_bytes_printf(out, err, "%s%02" PRIu64 ":%02d:%02d", b[0] != 0 ? "-" : "", hours, b[6], b[7]));
    return append_fraction(load_little(b + TIME_BYTES, 4), out, err);
}

static rv_code append_hex(const rv_bytes *cell, rv_bytes *out, rv_error *err)
{
    static const char digits[] = "0123456789abcdef";
    const char mark = RV_KEY_OWN_FORM;
    if (cell->len > RVI_MY_KEY_CELL_BYTES / 2)
        return malformed(cell, err);
    RV_TRY(rv_bytes_reserve(out, 1 + 2 * cell->len, err));
    RV_TRY(rv_bytes_append(out, &mark, 1, err));
    for (size_t i = 0; i < cell->len; i++) {
        const char pair[2] = {digits[cell->data[i] >> 4], digits[cell->data[i] & 15]};
        RV_TRY(rv_bytes_append(out, pair, sizeof pair, err));
    }
    return RV_OK;
}

static bool is_plain(const rv_bytes *cell)
{
    return cell->len == 0 || (cell->data[0] != RV_KEY_OWN_FORM && memchr(cell->data, 0, cell->len) == NULL &&
                              rv_utf8_valid(cell->data, cell->len));
}

/* Bytes of whatever they are. */
static rv_code append_bytes(const rvi_my_key_type *type, const rv_bytes *cell, rv_bytes *out, rv_error *err)
{
    bool as_is = type->form == RVI_MY_KEY_CHARS ? is_utf8(type) : type->form != RVI_MY_KEY_BYTES;
    if (as_is && is_plain(cell))
        return rv_bytes_append(out, cell->data, cell->len, err);
    if (type->form != RVI_MY_KEY_CHARS && type->form != RVI_MY_KEY_BYTES)
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "a value of a key is no text");
    return append_hex(cell, out, err);
}

rv_code rvi_my_key_text(const rvi_my_key_type *type, rvi_my_wire wire, const rv_bytes *cell, rv_bytes *out,
                        rv_error *err)
{
    if (type->form ==
        RVI_MY_KEY_LABEL) /* its number: a number by itself would be one of its labels, perhaps */
        RV_TRY(rv_bytes_printf(out, err, "%c", RV_KEY_OWN_FORM));
    switch (wire) {
    case RVI_MY_WIRE_TEXT:
    case RVI_MY_WIRE_BINARY:
    case RVI_MY_WIRE_DECIMAL:
        return append_bytes(type, cell, out, err);
    case RVI_MY_WIRE_BIT:
        return append_bits(cell, out, err);
    case RVI_MY_WIRE_INT1:
    case RVI_MY_WIRE_UINT1:
        return append_integer(cell, 1, wire == RVI_MY_WIRE_INT1, out, err);
    case RVI_MY_WIRE_INT2:
    case RVI_MY_WIRE_UINT2:
        return append_integer(cell, 2, wire == RVI_MY_WIRE_INT2, out, err);
    case RVI_MY_WIRE_INT4:
    case RVI_MY_WIRE_UINT4:
        return append_integer(cell, 4, wire == RVI_MY_WIRE_INT4, out, err);
    case RVI_MY_WIRE_INT8:
        return append_integer(cell, 8, true, out, err);
    case RVI_MY_WIRE_UINT8:
        return append_integer(cell, 8, false, out, err);
    case RVI_MY_WIRE_FLOAT:
    case RVI_MY_WIRE_DOUBLE:
        return append_real(cell, wire, out, err);
    case RVI_MY_WIRE_DATE:
    case RVI_MY_WIRE_DATETIME:
        return append_date(type, wire, cell, out, err);
    case RVI_MY_WIRE_TIME:
        return append_time(cell, out, err);
    case RVI_MY_WIRE_GEOMETRY:
    case RVI_MY_WIRE_COUNT:
        break;
    }
    return rv_fail(err, RV_E_INTERNAL, "a key of values that have no order");
}

/* ---- a place ---- */

rv_code rvi_my_place_advance(rvi_sql_place *place, const rvi_my_rows *rows, const rvi_my_key_type *types,
                             rv_error *err)
{
    const rvi_sql_last_key *key = rows->base.last_key;
    RV_AUTO(rvi_sql_place_deinit) rvi_sql_place next;
    rvi_sql_place_init(&next, RVI_MY_KEY_CELL_BYTES);
    next.n = key->n;
    for (int i = 0; i < key->n; i++)
        RV_TRY(rvi_my_key_text(&types[i], rows->wires[key->cell[i]], &key->bytes[i], &next.cells[i], err));
    return rvi_sql_place_move(place, &next, err);
}
