/* decode.c - one cell in the form of MySQL's binary protocol into one column.
 *
 * The bytes come from outside: every length and every part of a date is checked before it is trusted, and a value
 * that its column cannot hold goes through rvi_sql_refuse(), which asks the policy. A column that an override or a policy
 * reads through text gets its text here, from the same bytes, as the server would print it where that is exact.
 *
 * Spec: MySQL internals, "Binary Protocol Value"; integers are little-endian. Forms checked on MariaDB 10.11. */
#include "internal.h"

#include "rivet/civil.h"
#include "rivet/utf8.h"
#include "source/sql/value.h"

#include <endian.h>
#include <inttypes.h>
#include <stdio.h>

enum {
    SHOWN_BYTES = 64,
    DATE_BYTES = 4, /* year, month, day */
    DATETIME_BYTES = 7,
    DATETIME_US_BYTES = 11,
    TIME_BYTES = 8, /* sign, days, hours, minutes, seconds */
    TIME_US_BYTES = 12,
    TIME_MAX_DAYS = 34, /* 838:59:59 is 34 days and 22 hours */
    BIT_MAX_BYTES = 8,
    SRID_BYTES = 4,
    WKB_HEADER = 5, /* byte order, type */
    GEOMETRY_HEADER = SRID_BYTES + WKB_HEADER,
    HEX_BYTES_MAX = INT32_MAX, /* what a column of a batch holds */
    WORD_DIGITS = 18,          /* every number of so many digits fits an int64 */
    US_DIGITS = 6,
};
/* EWKB, as PostGIS writes it: this bit of the type says that an SRID follows. */
#define EWKB_HAS_SRID UINT32_C(0x20000000)
#define US_PER_DAY    INT64_C(86400000000)
#define US_PER_SECOND INT64_C(1000000)

static uint16_t load_u16(const uint8_t *bytes)
{
    uint16_t value;
    memcpy(&value, bytes, sizeof value);
    return le16toh(value);
}

static uint32_t load_u32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return le32toh(value);
}

static uint64_t load_u64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return le64toh(value);
}

/* ---- integers and floats ---- */

static rv_code decode_int1(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                           rv_error *err)
{
    if (len != 1)
        return rvi_sql_malformed(plan, len, err);
    rv_column_append_i16(column, (int8_t)value[0]);
    return RV_OK;
}

static rv_code decode_uint1(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                            rv_error *err)
{
    if (len != 1)
        return rvi_sql_malformed(plan, len, err);
    rv_column_append_i16(column, value[0]);
    return RV_OK;
}

static rv_code decode_int2(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                           rv_error *err)
{
    if (len != 2)
        return rvi_sql_malformed(plan, len, err);
    rv_column_append_i16(column, (int16_t)load_u16(value));
    return RV_OK;
}

static rv_code decode_uint2(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                            rv_error *err)
{
    if (len != 2)
        return rvi_sql_malformed(plan, len, err);
    rv_column_append_i32(column, load_u16(value));
    return RV_OK;
}

/* A signed integer of four bytes, or a FLOAT. */
static rv_code decode_4_bytes(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                              rv_error *err)
{
    if (len != 4)
        return rvi_sql_malformed(plan, len, err);
    rv_column_append_i32(column, (int32_t)load_u32(value));
    return RV_OK;
}

static rv_code decode_uint4(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                            rv_error *err)
{
    if (len != 4)
        return rvi_sql_malformed(plan, len, err);
    rv_column_append_i64(column, load_u32(value));
    return RV_OK;
}

/* An integer of eight bytes, with a sign or without, or a DOUBLE. */
static rv_code decode_8_bytes(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                              rv_error *err)
{
    if (len != 8)
        return rvi_sql_malformed(plan, len, err);
    rv_column_append_i64(column, (int64_t)load_u64(value));
    return RV_OK;
}

/* tinyint(1): the server takes any number of one byte, and only 0 and 1 are truth values. */
static rv_code decode_truth(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                            rv_error *err)
{
    char shown[SHOWN_BYTES];
    rv_policy applied;
    if (len != 1)
        return rvi_sql_malformed(plan, len, err);
    if (value[0] <= 1) {
        rv_column_append_bool(column, value[0] == 1);
        return RV_OK;
    }
    int shown_len = snprintf(shown, sizeof shown, "%d", (int8_t)value[0]);
    rv_code rc =
        rvi_sql_refuse(plan, column, RV_INVALID_UNPARSEABLE, shown, (size_t)shown_len, &applied, err);
    if (rc != RV_OK && err != NULL) {
        err->hint[0] = '\0'; /* the usual one does not know the way that keeps the numbers */
        rv_hint(
            err,
            "the column holds numbers: set columns: {%s: smallint}, or on_invalid: {unparseable: null|text}",
            plan->field->name);
    }
    return rc;
}

/* ---- bits ---- */

static bool load_bits(const uint8_t *value, size_t len, uint64_t *out)
{
    uint64_t bits = 0;
    if (len == 0 || len > BIT_MAX_BYTES)
        return false;
    for (size_t i = 0; i < len; i++)
        bits = bits << 8 | value[i];
    *out = bits;
    return true;
}

static rv_code decode_bit(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                          rv_error *err)
{
    uint64_t bits, most = column->type.id == RV_TYPE_BOOL     ? 1
                          : column->type.id == RV_TYPE_UINT64 ? UINT64_MAX
                                                              : INT64_MAX;
    if (!load_bits(value, len, &bits) || bits > most)
        return rvi_sql_malformed(plan, len, err);
    if (column->type.id == RV_TYPE_BOOL)
        rv_column_append_bool(column, bits == 1);
    else
        rv_column_append_i64(column, (int64_t)bits);
    return RV_OK;
}

/* ---- decimals ---- */

/* The unscaled value of "-12.30" when it is short and has just the column's scale, which is nearly always. */
static bool decimal_in_word(const uint8_t *text, size_t len, rv_type type, int64_t *out)
{
    size_t i = len > 0 && text[0] == '-' ? 1 : 0;
    int64_t sum = 0;
    int fraction = -1; /* digits after the point; -1: none seen */
    if (type.precision > WORD_DIGITS || len - i == 0 || len - i > WORD_DIGITS)
        return false;
    for (; i < len; i++) {
        if (text[i] == '.' && fraction < 0) {
            fraction = 0;
            continue;
        }
        if (text[i] < '0' || text[i] > '9')
            return false;
        sum = sum * 10 + (text[i] - '0');
        fraction += fraction >= 0;
    }
    if ((fraction < 0 ? 0 : fraction) != type.scale || fraction == 0 ||
        sum >= (int64_t)rv_pow10[type.precision])
        return false;
    *out = text[0] == '-' ? -sum : sum;
    return true;
}

static rv_code decode_decimal(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                              rv_error *err)
{
    int64_t unscaled;
    if (!decimal_in_word(value, len, column->type, &unscaled))
        return rv_column_append_text(column, plan->field, (const char *)value, len, err);
    rv_column_append_unscaled(column, unscaled);
    return RV_OK;
}

/* ---- dates and times ---- */

/* Parts of a DATE, DATETIME or TIMESTAMP as they were sent; month and day may be what no calendar has. */
typedef struct moment {
    int year, month, day;
    int64_t us; /* of the day */
} moment;

static int64_t clock_us(const uint8_t *hour_minute_second)
{
    return ((hour_minute_second[0] * 60 + hour_minute_second[1]) * 60 + hour_minute_second[2]) *
           US_PER_SECOND;
}

static bool is_clock(const uint8_t *hour_minute_second)
{
    return hour_minute_second[0] < 24 && hour_minute_second[1] < 60 && hour_minute_second[2] < 60;
}

/* What follows the last part that is not zero is not sent; nothing at all is 0000-00-00. */
static bool load_moment(const uint8_t *value, size_t len, moment *out)
{
    *out = (moment){0};
    if (len == 0)
        return true;
    if (len != DATE_BYTES && len != DATETIME_BYTES && len != DATETIME_US_BYTES)
        return false;
    out->year = load_u16(value);
    out->month = value[2];
    out->day = value[3];
    if (len >= DATETIME_BYTES) {
        if (!is_clock(value + DATE_BYTES))
            return false;
        out->us = clock_us(value + DATE_BYTES);
    }
    if (len == DATETIME_US_BYTES) {
        uint32_t us = load_u32(value + DATETIME_BYTES);
        if (us >= US_PER_SECOND)
            return false;
        out->us += us;
    }
    return out->year <= 9999 && out->month <= 12 && out->day <= 31;
}

/* Digits of a fraction that a text shows: what the column declares, more only where the value has them. */
static int shown_digits(const rvi_sql_column *plan, int64_t us)
{
    int declared = plan->field->native_mod;
    int64_t unit = 1;
    if (declared < 0 || declared > US_DIGITS)
        return us % US_PER_SECOND == 0 ? 0 : US_DIGITS;
    for (int i = declared; i < US_DIGITS; i++)
        unit *= 10;
    return us % unit == 0 ? declared : US_DIGITS;
}

/* Appends ".123" to a text that has room for it. */
static size_t append_fraction(char *out, size_t room, int64_t us, int digits)
{
    if (digits == 0)
        return 0;
    snprintf(out, room, ".%06d", (int)(us % US_PER_SECOND));
    out[1 + digits] = '\0';
    return 1 + (size_t)digits;
}

static size_t date_text(char out[SHOWN_BYTES], const moment *when)
{
    return (size_t)snprintf(out, SHOWN_BYTES, "%04d-%02d-%02d", when->year, when->month, when->day);
}

/* As the server prints it; an instant with its zone, which is that of all our sessions. */
static size_t moment_text(const rvi_sql_column *plan, char out[SHOWN_BYTES], const moment *when)
{
    size_t n = date_text(out, when);
    if (plan->field->natural.id == RV_TYPE_DATE)
        return n;
    int seconds = (int)(when->us / US_PER_SECOND);
    n += (size_t)snprintf(out + n, SHOWN_BYTES - n, " %02d:%02d:%02d", seconds / 3600, seconds / 60 % 60,
                          seconds % 60);
    n += append_fraction(out + n, SHOWN_BYTES - n, when->us, shown_digits(plan, when->us));
    if (plan->field->natural.id == RV_TYPE_TIMESTAMP_TZ)
        n += (size_t)snprintf(out + n, SHOWN_BYTES - n, "+00:00");
    return n;
}

/* The nearest day that there is: of no month the first, of a month without it the last. */
static void mend_day(moment *when)
{
    when->month = when->month > 0 ? when->month : 1;
    when->day = when->day > 0 ? when->day : 1;
    while (!rv_civil_valid_date(when->year, when->month, when->day))
        when->day--;
}

/* Leaves a day that is in the calendar, or tells that NULL was appended instead. */
static rv_code check_day(const rvi_sql_column *plan, rv_column *column, moment *when, rv_policy *applied,
                         rv_error *err)
{
    *applied = RV_POLICY_FAIL;
    if (rv_civil_valid_date(when->year, when->month, when->day))
        return RV_OK;
    char shown[SHOWN_BYTES];
    size_t shown_len = moment_text(plan, shown, when);
    RV_TRY(rvi_sql_refuse(plan, column, RV_INVALID_ZERO_DATE, shown, shown_len, applied, err));
    mend_day(when);
    return RV_OK;
}

static rv_code decode_date(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                           rv_error *err)
{
    moment when;
    rv_policy applied;
    if (!load_moment(value, len, &when) || when.us != 0)
        return rvi_sql_malformed(plan, len, err);
    RV_TRY(check_day(plan, column, &when, &applied, err));
    if (applied != RV_POLICY_NULL)
        rv_column_append_i32(column, (int32_t)rv_civil_days(when.year, when.month, when.day));
    return RV_OK;
}

static rv_code decode_datetime(const rvi_sql_column *plan, rv_column *column, const uint8_t *value,
                               size_t len, rv_error *err)
{
    moment when;
    rv_policy applied;
    if (!load_moment(value, len, &when))
        return rvi_sql_malformed(plan, len, err);
    RV_TRY(check_day(plan, column, &when, &applied, err));
    if (applied != RV_POLICY_NULL)
        rv_column_append_i64(column, rv_civil_days(when.year, when.month, when.day) * US_PER_DAY + when.us);
    return RV_OK;
}

/* "-838:59:59.000000", as the server prints it; 0: no such value. */
static size_t time_text(const rvi_sql_column *plan, char out[SHOWN_BYTES], const uint8_t *value, size_t len)
{
    static const uint8_t zero[TIME_BYTES];
    if (len != 0 && len != TIME_BYTES && len != TIME_US_BYTES)
        return 0;
    const uint8_t *parts = len == 0 ? zero : value;
    uint32_t days = load_u32(parts + 1), us = len == TIME_US_BYTES ? load_u32(parts + TIME_BYTES) : 0;
    if (parts[0] > 1 || days > TIME_MAX_DAYS || !is_clock(parts + 5) || us >= US_PER_SECOND)
        return 0;
    size_t n = (size_t)snprintf(out, SHOWN_BYTES, "%s%02u:%02u:%02u", parts[0] != 0 ? "-" : "",
                                days * 24 + parts[5], parts[6], parts[7]);
    return n + append_fraction(out + n, SHOWN_BYTES - n, us, shown_digits(plan, us));
}

/* ---- variable width ---- */

/* MariaDB's JSON, which is a text that somebody promised to be JSON. */
static rv_code decode_claimed_json(const rvi_sql_column *plan, rv_column *column, const uint8_t *value,
                                   size_t len, rv_error *err)
{
    rv_policy applied;
    RV_TRY(rvi_sql_check_size(plan, len, err));
    if (!rv_utf8_valid(value, len) || rvi_my_json_valid(value, len))
        return rvi_sql_decode_text(plan, column, value, len, err);
    return rvi_sql_refuse(plan, column, RV_INVALID_UNPARSEABLE, (const char *)value, len, &applied, err);
}

/* '' is no label of this ENUM: the server keeps it, with the index 0, for what was no label either. It is exported as
 * it is unless a policy wants NULL for it. */
static rv_code decode_label(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                            rv_error *err)
{
    rv_policy applied;
    if (len == 0)
        return rvi_sql_refuse(plan, column, RV_INVALID_UNPARSEABLE, "", 0, &applied, err);
    return rvi_sql_decode_text(plan, column, value, len, err);
}

/* Plain WKB says nothing about the SRID. Where the value has the one that its column is bound to (none: 0) it need
 * not; any other stays with the value, as EWKB. Writes what the value begins with, up to and without its coordinates;
 * 0: this is no geometry. The server stores little-endian WKB only, X before Y. */
static size_t geometry_head(const rvi_sql_column *plan, const uint8_t *value, size_t len,
                            uint8_t head[GEOMETRY_HEADER])
{
    if (len < GEOMETRY_HEADER || value[SRID_BYTES] != 1)
        return 0;
    memcpy(head, value + SRID_BYTES, WKB_HEADER);
    if (load_u32(value) == (uint32_t)plan->field->native_mod)
        return WKB_HEADER;
    uint32_t type = htole32(load_u32(head + 1) | EWKB_HAS_SRID);
    memcpy(head + 1, &type, sizeof type);
    memcpy(head + WKB_HEADER, value, SRID_BYTES);
    return GEOMETRY_HEADER;
}

static rv_code decode_geometry(const rvi_sql_column *plan, rv_column *column, const uint8_t *value,
                               size_t len, rv_error *err)
{
    uint8_t head[GEOMETRY_HEADER];
    size_t head_len = geometry_head(plan, value, len, head), rest = len - GEOMETRY_HEADER;
    if (head_len == 0)
        return rvi_sql_malformed(plan, len, err);
    RV_TRY(rvi_sql_check_size(plan, len, err));
    if (head_len == WKB_HEADER)
        return rv_column_append_bytes(column, value + SRID_BYTES, len - SRID_BYTES, err);
    RV_TRY(rv_column_reserve_data(column, len, err));
    memcpy(column->data + column->data_len, head, GEOMETRY_HEADER);
    memcpy(column->data + column->data_len + GEOMETRY_HEADER, value + GEOMETRY_HEADER, rest);
    column->data_len += len;
    column->offsets[column->length + 1] = (int32_t)column->data_len;
    rv_column_advance(column);
    return RV_OK;
}

static rv_code decode_time(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                           rv_error *err)
{
    char text[SHOWN_BYTES];
    size_t n = time_text(plan, text, value, len);
    return n > 0 ? rv_column_append_bytes(column, text, n, err) : rvi_sql_malformed(plan, len, err);
}

/* ---- through text ---- */

/* An override, or a policy, wants the text of a number: it is decoded as itself, and printed as CSV prints it. */
static rv_code number_as_text(const rvi_sql_column *plan, rv_column *column, rv_type_id id,
                              rvi_sql_decode_fn decode, const uint8_t *value, size_t len, rv_error *err)
{
    uint8_t storage[8] = {0};
    rv_column cell = {.type = {.id = id}, .values = storage, .capacity = 1};
    rv_bytes text = RV_BYTES_INIT(SHOWN_BYTES);
    rv_code rc = decode(plan, &cell, value, len, err);
    if (rc == RV_OK)
        rc = rv_column_text(&cell, 0, &text, err);
    if (rc == RV_OK)
        rc = rv_column_append_text(column, plan->field, (const char *)text.data, text.len, err);
    rv_bytes_deinit(&text);
    return rc;
}

/* One function for each form, since a decoder is told no more than its column. */
#define NUMBER_AS_TEXT(name, id, decode)                                                                 \
    static rv_code name(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len, \
                        rv_error *err)                                                                   \
    {                                                                                                    \
        return number_as_text(plan, column, id, decode, value, len, err);                                \
    }
NUMBER_AS_TEXT(int1_as_text, RV_TYPE_INT16, decode_int1)
NUMBER_AS_TEXT(uint1_as_text, RV_TYPE_INT16, decode_uint1)
NUMBER_AS_TEXT(int2_as_text, RV_TYPE_INT16, decode_int2)
NUMBER_AS_TEXT(uint2_as_text, RV_TYPE_INT32, decode_uint2)
NUMBER_AS_TEXT(int4_as_text, RV_TYPE_INT32, decode_4_bytes)
NUMBER_AS_TEXT(uint4_as_text, RV_TYPE_INT64, decode_uint4)
NUMBER_AS_TEXT(int8_as_text, RV_TYPE_INT64, decode_8_bytes)
NUMBER_AS_TEXT(uint8_as_text, RV_TYPE_UINT64, decode_8_bytes)
NUMBER_AS_TEXT(bit_as_text, RV_TYPE_UINT64, decode_bit)
NUMBER_AS_TEXT(float_as_text, RV_TYPE_FLOAT32, decode_4_bytes)
NUMBER_AS_TEXT(double_as_text, RV_TYPE_FLOAT64, decode_8_bytes)

/* The server writes years with four digits, 0000 among them. */
static rv_code year_as_text(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                            rv_error *err)
{
    char text[SHOWN_BYTES];
    if (len != 2)
        return rvi_sql_malformed(plan, len, err);
    int n = snprintf(text, sizeof text, "%04u", load_u16(value));
    return rv_column_append_text(column, plan->field, text, (size_t)n, err);
}

/* A text keeps a day that no calendar has, which is what the policy `text` is for; any other type has to ask. */
static rv_code moment_as_text(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                              rv_error *err)
{
    moment when;
    rv_policy applied = RV_POLICY_FAIL;
    char text[SHOWN_BYTES];
    if (!load_moment(value, len, &when))
        return rvi_sql_malformed(plan, len, err);
    if (!rv_type_is_text(column->type.id))
        RV_TRY(check_day(plan, column, &when, &applied, err));
    return applied == RV_POLICY_NULL
               ? RV_OK
               : rv_column_append_text(column, plan->field, text, moment_text(plan, text, &when), err);
}

static rv_code time_as_text(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                            rv_error *err)
{
    char text[SHOWN_BYTES];
    size_t n = time_text(plan, text, value, len);
    return n > 0 ? rv_column_append_text(column, plan->field, text, n, err)
                 : rvi_sql_malformed(plan, len, err);
}

/* The text of binary bytes is those bytes, as it is for the server. A binary(16) that holds a uuid holds its bytes. */
static rv_code bytes_as_text(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                             rv_error *err)
{
    if (column->type.id != RV_TYPE_UUID || len != 16)
        return rvi_sql_decode_as_text(plan, column, value, len, err);
    rv_column_append_fixed(column, value, len);
    return RV_OK;
}

static rv_code append_hex(rv_bytes *text, const uint8_t *bytes, size_t len, rv_error *err)
{
    static const char digits[] = "0123456789abcdef";
    RV_TRY(rv_bytes_reserve(text, 2 * len, err));
    for (size_t i = 0; i < len; i++) {
        text->data[text->len++] = (uint8_t)digits[bytes[i] >> 4];
        text->data[text->len++] = (uint8_t)digits[bytes[i] & 15];
    }
    return RV_OK;
}

/* Hexadecimal (E)WKB, which is how PostGIS prints a geometry. */
static rv_code geometry_as_text(const rvi_sql_column *plan, rv_column *column, const uint8_t *value,
                                size_t len, rv_error *err)
{
    uint8_t head[GEOMETRY_HEADER];
    size_t head_len = geometry_head(plan, value, len, head);
    RV_AUTO(rv_bytes_deinit) rv_bytes text = RV_BYTES_INIT(HEX_BYTES_MAX);
    if (head_len == 0)
        return rvi_sql_malformed(plan, len, err);
    RV_TRY(rvi_sql_check_size(plan, len, err));
    RV_TRY(append_hex(&text, head, head_len, err));
    RV_TRY(append_hex(&text, value + GEOMETRY_HEADER, len - GEOMETRY_HEADER, err));
    return rv_column_append_text(column, plan->field, (const char *)text.data, text.len, err);
}

/* ---- the choice ---- */

static rvi_sql_decode_fn text_decoder(rvi_my_wire wire)
{
    static const rvi_sql_decode_fn decoders[RVI_MY_WIRE_COUNT] = {
        [RVI_MY_WIRE_TEXT] = rvi_sql_decode_as_text,
        [RVI_MY_WIRE_BINARY] = bytes_as_text,
        [RVI_MY_WIRE_BIT] = bit_as_text,
        [RVI_MY_WIRE_INT1] = int1_as_text,
        [RVI_MY_WIRE_UINT1] = uint1_as_text,
        [RVI_MY_WIRE_INT2] = int2_as_text,
        [RVI_MY_WIRE_UINT2] = uint2_as_text,
        [RVI_MY_WIRE_INT4] = int4_as_text,
        [RVI_MY_WIRE_UINT4] = uint4_as_text,
        [RVI_MY_WIRE_INT8] = int8_as_text,
        [RVI_MY_WIRE_UINT8] = uint8_as_text,
        [RVI_MY_WIRE_FLOAT] = float_as_text,
        [RVI_MY_WIRE_DOUBLE] = double_as_text,
        [RVI_MY_WIRE_DECIMAL] = rvi_sql_decode_as_text,
        [RVI_MY_WIRE_DATE] = moment_as_text,
        [RVI_MY_WIRE_DATETIME] = moment_as_text,
        [RVI_MY_WIRE_TIME] = time_as_text,
        [RVI_MY_WIRE_GEOMETRY] = geometry_as_text,
    };
    return decoders[wire];
}

static rvi_sql_decode_fn native_decoder(rvi_my_wire wire)
{
    static const rvi_sql_decode_fn decoders[RVI_MY_WIRE_COUNT] = {
        [RVI_MY_WIRE_TEXT] = rvi_sql_decode_text, [RVI_MY_WIRE_BINARY] = rvi_sql_decode_bytes,
        [RVI_MY_WIRE_BIT] = decode_bit,           [RVI_MY_WIRE_INT1] = decode_int1,
        [RVI_MY_WIRE_UINT1] = decode_uint1,       [RVI_MY_WIRE_INT2] = decode_int2,
        [RVI_MY_WIRE_UINT2] = decode_uint2,       [RVI_MY_WIRE_INT4] = decode_4_bytes,
        [RVI_MY_WIRE_UINT4] = decode_uint4,       [RVI_MY_WIRE_INT8] = decode_8_bytes,
        [RVI_MY_WIRE_UINT8] = decode_8_bytes,     [RVI_MY_WIRE_FLOAT] = decode_4_bytes,
        [RVI_MY_WIRE_DOUBLE] = decode_8_bytes,    [RVI_MY_WIRE_DECIMAL] = decode_decimal,
        [RVI_MY_WIRE_DATE] = decode_date,         [RVI_MY_WIRE_DATETIME] = decode_datetime,
        [RVI_MY_WIRE_TIME] = decode_time,         [RVI_MY_WIRE_GEOMETRY] = decode_geometry,
    };
    return decoders[wire];
}

rvi_sql_decode_fn rvi_my_decoder(rvi_my_wire wire, const rv_field *field)
{
    bool is_year = wire == RVI_MY_WIRE_INT2 && strncmp(field->native_type, "year", 4) == 0;
    if (field->transfer == RV_TRANSFER_TEXT)
        return is_year ? year_as_text : text_decoder(wire);
    if (wire == RVI_MY_WIRE_INT1 && field->type.id == RV_TYPE_BOOL)
        return decode_truth;
    if (wire != RVI_MY_WIRE_TEXT)
        return native_decoder(wire);
    if (field->type.id == RV_TYPE_UUID)
        return rvi_sql_decode_as_text;
    if (field->type.id == RV_TYPE_JSON && field->loose)
        return decode_claimed_json;
    bool wants_null = field->on_invalid[RV_INVALID_UNPARSEABLE] == RV_POLICY_NULL;
    return field->type.id == RV_TYPE_ENUM && field->loose && wants_null ? decode_label : rvi_sql_decode_text;
}
