/* to_text.c - the one text of a value, as CSV prints it and messages show it. */
#include "rivet/batch.h"
#include "rivet/bytes.h"
#include "rivet/civil.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    DIGITS_OF_64_BITS = 20,
    FLOAT_TEXT_BYTES = 48,
    UUID_TEXT_BYTES = 36,
};

static const char hex_digits[] = "0123456789abcdef";

/* `out` holds 20 bytes. */
static size_t unsigned_text(char *out, uint64_t value)
{
    char reversed[DIGITS_OF_64_BITS];
    size_t n = 0, len = 0;
    do {
        reversed[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (n > 0)
        out[len++] = reversed[--n];
    return len;
}

static size_t signed_text(char *out, int64_t value)
{
    if (value >= 0)
        return unsigned_text(out, (uint64_t)value);
    out[0] = '-';
    return 1 + unsigned_text(out + 1, 0 - (uint64_t)value);
}

/* How a float of one width is printed; the names are those of <float.h>. */
typedef struct float_form {
    int digits_always; /* so many digits always read back the same text: 6, 15 */
    int digits_enough; /* so many always read back the same value: 9, 17 */
    double smallest;   /* below, where numbers lie wider apart, fewer digits do */
    bool single;
} float_form;

static const float_form float32_form = {FLT_DIG, FLT_DECIMAL_DIG, FLT_MIN, true};
static const float_form float64_form = {DBL_DIG, DBL_DECIMAL_DIG, DBL_MIN, false};

static bool reads_back(const char *text, double value, bool single)
{
    return single ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value;
}

/* Digits of the shortest text that reads back equal, without trailing zeros, and its decimal exponent. */
static int shortest_digits(const float_form *form, double magnitude, char digits[20], int *exponent)
{
    char text[FLOAT_TEXT_BYTES];
    int precision = magnitude < form->smallest ? 1 : form->digits_always;
    for (;; precision++) {
        snprintf(text, sizeof text, "%.*e", precision - 1, magnitude); /* d.ddde±xx */
        if (precision >= form->digits_enough || reads_back(text, magnitude, form->single))
            break;
    }
    int n = 0;
    const char *at = text;
    for (; *at != 'e' && *at != '\0'; at++)
        if (*at >= '0' && *at <= '9' && n < 20)
            digits[n++] = *at;
    *exponent = *at == 'e' ? (int)strtoll(at + 1, NULL, 10) : 0;
    while (n > 1 && digits[n - 1] == '0')
        n--;
    return n;
}

/* Lay out digits as PostgreSQL does: plain from 1e-4 up to as many digits as always read back, else d.ddde+xx.
 * Spec: PostgreSQL source, src/common/d2s.c, to_chars(). */
static size_t lay_out(char *out, const char *digits, int n, int exponent, int plain_below)
{
    size_t len = 0;
    bool plain = exponent >= -4 && exponent < plain_below;
    if (plain && exponent < 0) {
        out[len++] = '0';
        out[len++] = '.';
        for (int i = -1; i > exponent; i--)
            out[len++] = '0';
    }
    int point_after =
        plain ? exponent : 0; /* index of the digit before the point; negative: it was written */
    for (int i = 0; i < n || i <= point_after; i++) {
        out[len++] = i < n ? digits[i] : '0';
        if (i == point_after && i + 1 < n)
            out[len++] = '.';
    }
    if (!plain)
        len += (size_t)snprintf(out + len, 8, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    return len;
}

static size_t float_text(char out[FLOAT_TEXT_BYTES], double value, const float_form *form)
{
    if (isnan(value)) {
        memcpy(out, "NaN", sizeof "NaN");
        return 3;
    }
    size_t len = 0;
    if (signbit(value))
        out[len++] = '-';
    double magnitude = fabs(value);
    if (isinf(magnitude)) {
        memcpy(out + len, "inf", sizeof "inf");
        return len + 3;
    }
    if (magnitude == 0) {
        out[len++] = '0';
        return len;
    }
    char digits[20];
    int exponent = 0, n = shortest_digits(form, magnitude, digits, &exponent);
    return len + lay_out(out + len, digits, n, exponent, form->digits_always);
}

static size_t uuid_text(char out[UUID_TEXT_BYTES], const uint8_t *uuid)
{
    size_t len = 0;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[len++] = '-';
        out[len++] = hex_digits[uuid[i] >> 4];
        out[len++] = hex_digits[uuid[i] & 15];
    }
    return len;
}

static int16_t load_i16(const uint8_t *at)
{
    int16_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static int32_t load_i32(const uint8_t *at)
{
    int32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static int64_t load_i64(const uint8_t *at)
{
    int64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static float load_float32(const uint8_t *at)
{
    float value;
    memcpy(&value, at, sizeof value);
    return value;
}

static double load_float64(const uint8_t *at)
{
    double value;
    memcpy(&value, at, sizeof value);
    return value;
}

static size_t bool_text(char *out, const rv_column *column, int64_t row)
{
    bool value = ((column->values[row >> 3] >> (row & 7)) & 1) != 0;
    memcpy(out, value ? "true" : "false", value ? 4 : 5);
    return value ? 4 : 5;
}

enum { FIXED_TEXT_BYTES = RV_DECIMAL_TEXT_BYTES }; /* a decimal's is the longest */
_Static_assert((int)FIXED_TEXT_BYTES >= (int)RV_CIVIL_TEXT_BYTES, "a timestamp's text fits");
_Static_assert((int)FIXED_TEXT_BYTES >= (int)FLOAT_TEXT_BYTES, "a float's text fits");

static size_t decimal_text(char *out, const rv_column *column, const uint8_t *at)
{
    rv_int256 unscaled;
    rv_int256_load(at, rv_type_width(column->type), &unscaled);
    return rv_decimal_text(out, &unscaled, column->type.scale);
}

/* Text of a value that is neither variable nor a list. */
static size_t fixed_text(char out[FIXED_TEXT_BYTES], const rv_column *column, int64_t row)
{
    const uint8_t *at = column->values + (size_t)row * rv_type_width(column->type);
    switch (column->type.id) {
    case RV_TYPE_BOOL:
        return bool_text(out, column, row);
    case RV_TYPE_INT16:
        return signed_text(out, load_i16(at));
    case RV_TYPE_INT32:
        return signed_text(out, load_i32(at));
    case RV_TYPE_INT64:
        return signed_text(out, load_i64(at));
    case RV_TYPE_UINT64:
        return unsigned_text(out, (uint64_t)load_i64(at));
    case RV_TYPE_FLOAT32:
        return float_text(out, (double)load_float32(at), &float32_form);
    case RV_TYPE_FLOAT64:
        return float_text(out, load_float64(at), &float64_form);
    case RV_TYPE_DECIMAL:
        return decimal_text(out, column, at);
    case RV_TYPE_DATE:
        return rv_date_text(out, load_i32(at));
    case RV_TYPE_TIME:
        return rv_time_text(out, load_i64(at));
    case RV_TYPE_TIMESTAMP:
    case RV_TYPE_TIMESTAMP_TZ:
        return rv_timestamp_text(out, load_i64(at), column->type.id == RV_TYPE_TIMESTAMP_TZ);
    case RV_TYPE_TIMESTAMP_NS:
    case RV_TYPE_TIMESTAMP_TZ_NS:
        return rv_timestamp_ns_text(out, load_i64(at), column->type.id == RV_TYPE_TIMESTAMP_TZ_NS);
    case RV_TYPE_UUID:
        return uuid_text(out, at);
    case RV_TYPE_INVALID:
    case RV_TYPE_STRING:
    case RV_TYPE_BINARY:
    case RV_TYPE_JSON:
    case RV_TYPE_ENUM:
    case RV_TYPE_INTERVAL:
    case RV_TYPE_LIST:
    case RV_TYPE_COUNT:
        break;
    }
    return 0;
}

static rv_code append_hex(rv_bytes *out, const uint8_t *bytes, size_t len, rv_error *err)
{
    RV_TRY(rv_bytes_reserve(out, len * 2, err)); /* len is at most INT32_MAX */
    for (size_t i = 0; i < len; i++) {
        out->data[out->len++] = (uint8_t)hex_digits[bytes[i] >> 4];
        out->data[out->len++] = (uint8_t)hex_digits[bytes[i] & 15];
    }
    return RV_OK;
}

/* A JSON string. Spec: RFC 8259, section 7: quote, backslash and controls must be escaped, nothing else. */
static rv_code append_json_string(rv_bytes *out, const uint8_t *text, size_t len, rv_error *err)
{
    enum { ESCAPED_BYTES_MAX = 6 };
    RV_TRY(rv_bytes_reserve(out, len * ESCAPED_BYTES_MAX + 2, err));
    uint8_t *to = out->data + out->len;
    *to++ = '"';
    for (size_t i = 0; i < len; i++) {
        static const char shorts[] = "btn\0fr"; /* \b \t \n - \f \r are 0x08 .. 0x0d */
        uint8_t c = text[i];
        if (c >= 0x20 && c != '"' && c != '\\') {
            *to++ = c;
            continue;
        }
        *to++ = '\\';
        if (c >= 0x20) {
            *to++ = c;
        } else if (c >= 0x08 && c <= 0x0d && c != 0x0b) {
            *to++ = (uint8_t)shorts[c - 0x08];
        } else {
            memcpy(to, "u00", sizeof "u00"); /* the NUL is where the digits go */
            to[3] = (uint8_t)hex_digits[c >> 4];
            to[4] = (uint8_t)hex_digits[c & 15];
            to += 5;
        }
    }
    *to++ = '"';
    out->len = (size_t)(to - out->data);
    return RV_OK;
}

/* The bytes of a variable value; never NULL. */
static const uint8_t *variable_bytes(const rv_column *column, int64_t row, size_t *len)
{
    int32_t from = column->offsets[row];
    *len = (size_t)(column->offsets[row + 1] - from);
    return *len > 0 ? column->data + from : (const uint8_t *)"";
}

static rv_code append_scalar(const rv_column *column, int64_t row, rv_bytes *out, rv_error *err)
{
    if (!rv_type_is_variable(column->type.id)) {
        char text[FIXED_TEXT_BYTES];
        return rv_bytes_append(out, text, fixed_text(text, column, row), err);
    }
    size_t len = 0;
    const uint8_t *bytes = variable_bytes(column, row, &len);
    if (column->type.id == RV_TYPE_BINARY)
        return append_hex(out, bytes, len, err);
    return rv_bytes_append(out, bytes, len, err);
}

/* JSON has numbers, true and false, but no NaN and no infinity; nothing else may stand without quotes. */
static bool is_bare(const rv_column *column, int64_t row)
{
    static const bool bare[RV_TYPE_COUNT] = {
        [RV_TYPE_BOOL] = true,   [RV_TYPE_INT16] = true,   [RV_TYPE_INT32] = true, [RV_TYPE_INT64] = true,
        [RV_TYPE_UINT64] = true, [RV_TYPE_DECIMAL] = true, [RV_TYPE_JSON] = true,
    };
    if (column->type.id == RV_TYPE_FLOAT32)
        return isfinite(load_float32(column->values + row * 4));
    if (column->type.id == RV_TYPE_FLOAT64)
        return isfinite(load_float64(column->values + row * 8));
    return bare[column->type.id];
}

static rv_code append_element(const rv_column *column, int64_t row, rv_bytes *out, rv_error *err)
{
    if (rv_column_is_null(column, row))
        return rv_bytes_append(out, "null", 4, err);
    if (is_bare(column, row))
        return append_scalar(column, row, out, err);
    if (rv_type_is_text(column->type.id)) {
        size_t len = 0;
        const uint8_t *text = variable_bytes(column, row, &len);
        return append_json_string(out, text, len, err);
    }
    /* Dates, times, hex, uuid, NaN: text of our own making, which needs no escapes. */
    RV_TRY(rv_bytes_append(out, "\"", 1, err));
    RV_TRY(append_scalar(column, row, out, err));
    return rv_bytes_append(out, "\"", 1, err);
}

static rv_code append_list(const rv_column *column, int64_t row, rv_bytes *out, rv_error *err)
{
    int32_t from = column->offsets[row], to = column->offsets[row + 1];
    RV_TRY(rv_bytes_append(out, "[", 1, err));
    for (int32_t i = from; i < to; i++) {
        if (i > from)
            RV_TRY(rv_bytes_append(out, ",", 1, err));
        RV_TRY(append_element(column->child, i, out, err));
    }
    return rv_bytes_append(out, "]", 1, err);
}

rv_code rv_column_text(const rv_column *column, int64_t row, rv_bytes *out, rv_error *err)
{
    size_t before = out->len;
    rv_code rc = column->type.id == RV_TYPE_LIST ? append_list(column, row, out, err)
                                                 : append_scalar(column, row, out, err);
    if (rc != RV_OK)
        out->len = before; /* half a list is no text */
    return rc;
}
