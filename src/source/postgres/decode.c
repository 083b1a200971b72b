/* decode.c - one cell in PostgreSQL's binary form into one column.
 *
 * The bytes come from outside: every length is checked before it is trusted, and a value that its column cannot hold
 * goes through rvi_sql_refuse(), which asks the policy. Spec of each form: the type's *_send() function in
 * src/backend/utils/adt/ of PostgreSQL 15; integers are in network order. */
#include "internal.h"

#include "rivet/civil.h"
#include "source/sql/value.h"

#include <assert.h>
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>

enum {
    SHOWN_BYTES = 96,
    DAYS_TO_2000 = 10957, /* PostgreSQL counts from 2000-01-01, Rivet from 1970-01-01 */
    NUMERIC_HEADER = 8,
    NUMERIC_NEGATIVE = 0x4000, /* numeric.c: NUMERIC_NEG, NUMERIC_NAN, NUMERIC_PINF, NUMERIC_NINF */
    NUMERIC_NAN = 0xC000,
    NUMERIC_PLUS_INFINITY = 0xD000,
    NUMERIC_MINUS_INFINITY = 0xF000,
    NUMERIC_GROUPS = 44, /* of 4 digits: 76 before and after the point, at any alignment, and some to spare */
    NUMERIC_BASE = 10000,
    WORD_DIGITS = 18, /* every number of so many digits fits an int64 */
    ARRAY_HEADER = 12,
};
#define US_PER_DAY    INT64_C(86400000000)
#define US_TO_2000    (DAYS_TO_2000 * US_PER_DAY)
#define US_PER_SECOND INT64_C(1000000)

static uint16_t load_u16(const uint8_t *bytes)
{
    uint16_t value;
    memcpy(&value, bytes, sizeof value);
    return be16toh(value);
}

static uint32_t load_u32(const uint8_t *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return be32toh(value);
}

static uint64_t load_u64(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    return be64toh(value);
}

static rv_code refuse(const rvi_sql_column *plan, rv_column *column, rv_invalid invalid_class,
                      const char *shown, rv_policy *applied, rv_error *err)
{
    return rvi_sql_refuse(plan, column, invalid_class, shown, strlen(shown), applied, err);
}

/* ---- fixed width ---- */

static rv_code decode_bool(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                           rv_error *err)
{
    if (len != 1)
        return rvi_sql_malformed(plan, len, err);
    rv_column_append_bool(column, value[0] != 0);
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

/* int4, and float4: both are four bytes that only need turning round. */
static rv_code decode_4_bytes(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                              rv_error *err)
{
    if (len != 4)
        return rvi_sql_malformed(plan, len, err);
    rv_column_append_i32(column, (int32_t)load_u32(value));
    return RV_OK;
}

/* int8, and float8. */
static rv_code decode_8_bytes(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                              rv_error *err)
{
    if (len != 8)
        return rvi_sql_malformed(plan, len, err);
    rv_column_append_i64(column, (int64_t)load_u64(value));
    return RV_OK;
}

static rv_code decode_oid(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                          rv_error *err)
{
    if (len != 4)
        return rvi_sql_malformed(plan, len, err);
    rv_column_append_i64(column, load_u32(value));
    return RV_OK;
}

static rv_code decode_uuid(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                           rv_error *err)
{
    if (len != 16)
        return rvi_sql_malformed(plan, len, err);
    rv_column_append_fixed(column, value, 16);
    return RV_OK;
}

/* cash_send(): an integer in units of the currency's smallest coin, which is what the column's scale says. */
static rv_code decode_money(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                            rv_error *err)
{
    if (len != 8)
        return rvi_sql_malformed(plan, len, err);
    uint64_t little = htole64(load_u64(value));
    rv_int256 unscaled;
    rv_int256_load(&little, sizeof little, &unscaled);
    rv_column_append_decimal(column, &unscaled);
    return RV_OK;
}

/* ---- dates and times ---- */

/* The nearest values to ±infinity are taken symmetric, ±MAX: readers that know infinities (DuckDB) use just these,
 * and the one value below is no valid date anywhere. */
static rv_code decode_date(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                           rv_error *err)
{
    if (len != 4)
        return rvi_sql_malformed(plan, len, err);
    int32_t since_2000 = (int32_t)load_u32(value);
    if (since_2000 > INT32_MIN && since_2000 <= INT32_MAX - DAYS_TO_2000) {
        rv_column_append_i32(column, since_2000 + DAYS_TO_2000);
        return RV_OK;
    }
    /* date.h: DATEVAL_NOBEGIN, DATEVAL_NOEND. No server sends what lies between the last date and infinity. */
    if (since_2000 != INT32_MIN && since_2000 != INT32_MAX)
        return rvi_sql_malformed(plan, len, err);
    rv_policy applied;
    RV_TRY(
        refuse(plan, column, RV_INVALID_INFINITY, since_2000 > 0 ? "infinity" : "-infinity", &applied, err));
    if (applied == RV_POLICY_CLAMP)
        rv_column_append_i32(column, since_2000 > 0 ? INT32_MAX : -INT32_MAX);
    return RV_OK;
}

static rv_code decode_time(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                           rv_error *err)
{
    if (len != 8)
        return rvi_sql_malformed(plan, len, err);
    int64_t us = (int64_t)load_u64(value);
    if (us >= 0 && us < US_PER_DAY) {
        rv_column_append_i64(column, us);
        return RV_OK;
    }
    if (us != US_PER_DAY)
        return rvi_sql_malformed(plan, len, err);
    rv_policy applied;
    RV_TRY(refuse(plan, column, RV_INVALID_TIME, "24:00:00", &applied, err));
    if (applied == RV_POLICY_CLAMP)
        rv_column_append_i64(column, US_PER_DAY - 1);
    return RV_OK;
}

/* Text of a timestamp too late for 64 bits counted from 1970. */
static void show_timestamp(char out[SHOWN_BYTES], int64_t us_since_2000)
{
    char day[RV_CIVIL_TEXT_BYTES], clock[RV_CIVIL_TEXT_BYTES];
    size_t day_len = rv_date_text(day, (int32_t)(us_since_2000 / US_PER_DAY + DAYS_TO_2000));
    size_t clock_len = rv_time_text(clock, us_since_2000 % US_PER_DAY);
    snprintf(out, SHOWN_BYTES, "%.*s %.*s", (int)day_len, day, (int)clock_len, clock);
}

static rv_code decode_timestamp(const rvi_sql_column *plan, rv_column *column, const uint8_t *value,
                                size_t len, rv_error *err)
{
    if (len != 8)
        return rvi_sql_malformed(plan, len, err);
    int64_t since_2000 = (int64_t)load_u64(value);
    if (since_2000 > INT64_MIN && since_2000 <= INT64_MAX - US_TO_2000) {
        rv_column_append_i64(column, since_2000 + US_TO_2000);
        return RV_OK;
    }
    rv_policy applied;
    if (since_2000 == INT64_MIN || since_2000 == INT64_MAX) { /* timestamp.h: DT_NOBEGIN, DT_NOEND */
        RV_TRY(refuse(plan, column, RV_INVALID_INFINITY, since_2000 > 0 ? "infinity" : "-infinity", &applied,
                      err));
    } else {
        char shown[SHOWN_BYTES];
        show_timestamp(shown, since_2000);
        RV_TRY(refuse(plan, column, RV_INVALID_RANGE, shown, &applied, err));
    }
    if (applied == RV_POLICY_CLAMP)
        rv_column_append_i64(column, since_2000 > 0 ? INT64_MAX : -INT64_MAX);
    return RV_OK;
}

typedef struct interval {
    int64_t us;
    int32_t days, months;
} interval;

static int put_part(char *out, size_t room, int64_t value, char unit)
{
    return value == 0 ? 0 : snprintf(out, room, "%" PRId64 "%c", value, unit);
}

/* As interval_out() prints it under IntervalStyle iso_8601: every part with its own sign. `out` holds
 * SHOWN_BYTES, which is more than the longest text. */
static size_t interval_text(char out[SHOWN_BYTES], const interval *value)
{
    const int64_t us = value->us;
    size_t n = 1;
    if (us == 0 && value->days == 0 && value->months == 0)
        return (size_t)snprintf(out, SHOWN_BYTES, "PT0S");
    out[0] = 'P';
    n += (size_t)put_part(out + n, SHOWN_BYTES - n, value->months / 12, 'Y');
    n += (size_t)put_part(out + n, SHOWN_BYTES - n, value->months % 12, 'M');
    n += (size_t)put_part(out + n, SHOWN_BYTES - n, value->days, 'D');
    if (us == 0)
        return n;
    out[n++] = 'T';
    n += (size_t)put_part(out + n, SHOWN_BYTES - n, us / (3600 * US_PER_SECOND), 'H');
    n += (size_t)put_part(out + n, SHOWN_BYTES - n, us / (60 * US_PER_SECOND) % 60, 'M');
    const int64_t rest = us % (60 * US_PER_SECOND);
    if (rest == 0)
        return n;
    const int64_t magnitude = rest < 0 ? -rest : rest;
    n += (size_t)snprintf(out + n, SHOWN_BYTES - n, "%s%" PRId64 ".%06" PRId64, rest < 0 ? "-" : "",
                          magnitude / US_PER_SECOND, magnitude % US_PER_SECOND);
    while (out[n - 1] == '0')
        n--;
    n -= out[n - 1] == '.';
    out[n++] = 'S';
    return n;
}

/* interval_send(). ±infinity (PostgreSQL 17) is all parts at their ends; ISO 8601 has no word for it. */
static rv_code decode_interval(const rvi_sql_column *plan, rv_column *column, const uint8_t *value,
                               size_t len, rv_error *err)
{
    if (len != 16)
        return rvi_sql_malformed(plan, len, err);
    interval parts = {(int64_t)load_u64(value), (int32_t)load_u32(value + 8), (int32_t)load_u32(value + 12)};
    bool late = parts.us == INT64_MAX && parts.days == INT32_MAX && parts.months == INT32_MAX;
    bool early = parts.us == INT64_MIN && parts.days == INT32_MIN && parts.months == INT32_MIN;
    char text[SHOWN_BYTES];
    rv_policy applied = RV_POLICY_FAIL;
    if (late || early) {
        RV_TRY(refuse(plan, column, RV_INVALID_INFINITY, late ? "infinity" : "-infinity", &applied, err));
        parts.us += late ? -1 : 1;
    }
    return applied == RV_POLICY_NULL ? RV_OK
                                     : rv_column_append_bytes(column, text, interval_text(text, &parts), err);
}

/* ---- numeric ---- */

typedef struct numeric {
    int n_groups, weight;
    uint16_t sign;
    uint16_t groups[NUMERIC_GROUPS];
} numeric;

/* The unscaled value when everything fits one word without a doubt, which is nearly always. */
static bool numeric_in_word(const numeric *number, rv_type type, int64_t *out)
{
    int precision = type.precision, scale = type.scale;
    int shift =
        4 * (number->weight - number->n_groups + 1) + scale; /* places the last group still has to move */
    if (precision > WORD_DIGITS || number->n_groups > 4 || shift < -4 || shift > WORD_DIGITS)
        return false;
    int64_t sum = 0;
    for (int i = 0; i < number->n_groups; i++)
        sum = sum * NUMERIC_BASE + number->groups[i];
    if (shift < 0) {
        if (sum % (int64_t)rv_pow10[-shift] != 0)
            return false;
        sum /= (int64_t)rv_pow10[-shift];
    } else if (__builtin_mul_overflow(sum, (int64_t)rv_pow10[shift], &sum)) {
        return false;
    }
    if (sum >= (int64_t)rv_pow10[precision])
        return false;
    *out = number->sign == NUMERIC_NEGATIVE ? -sum : sum;
    return true;
}

/* The value did not fit decimal(p,s): ask, and append the largest that does if so told. */
static rv_code refuse_numeric(const rvi_sql_column *plan, rv_column *column, rv_invalid invalid_class,
                              bool negative, const char *shown, rv_error *err)
{
    rv_policy applied;
    RV_TRY(refuse(plan, column, invalid_class, shown, &applied, err));
    if (applied != RV_POLICY_CLAMP)
        return RV_OK;
    char nines[80];
    size_t n = column->type.precision;
    nines[0] = negative ? '-' : '+';
    memset(nines + 1, '9', n);
    rv_int256 most;
    rv_decimal_result result = rv_decimal_parse(nines, n + 1, column->type.precision, 0, &most);
    assert(result == RV_DECIMAL_OK);
    (void)result;
    rv_column_append_decimal(column, &most);
    return RV_OK;
}

static rv_code append_numeric(const rvi_sql_column *plan, rv_column *column, const numeric *number,
                              size_t len, rv_error *err)
{
    bool negative = number->sign == NUMERIC_NEGATIVE;
    rv_int256 unscaled;
    rv_decimal_result result =
        rv_decimal_from_base10000(number->groups, number->n_groups, number->weight, negative,
                                  column->type.precision, column->type.scale, &unscaled);
    if (result == RV_DECIMAL_MALFORMED)
        return rvi_sql_malformed(plan, len, err);
    if (result == RV_DECIMAL_OUT_OF_RANGE)
        return refuse_numeric(plan, column, RV_INVALID_RANGE, negative, "a number with more digits", err);
    rv_column_append_decimal(column, &unscaled);
    return RV_OK;
}

static rv_code decode_numeric(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                              rv_error *err)
{
    if (len < NUMERIC_HEADER || len != NUMERIC_HEADER + 2u * load_u16(value))
        return rvi_sql_malformed(plan, len, err);
    numeric number = {
        .n_groups = load_u16(value), .weight = (int16_t)load_u16(value + 2), .sign = load_u16(value + 4)};
    if (number.sign == NUMERIC_NAN)
        return refuse_numeric(plan, column, RV_INVALID_NAN, false, "NaN", err);
    if (number.sign == NUMERIC_PLUS_INFINITY)
        return refuse_numeric(plan, column, RV_INVALID_INFINITY, false, "Infinity", err);
    if (number.sign == NUMERIC_MINUS_INFINITY)
        return refuse_numeric(plan, column, RV_INVALID_INFINITY, true, "-Infinity", err);
    if (number.sign != 0 && number.sign != NUMERIC_NEGATIVE)
        return rvi_sql_malformed(plan, len, err);
    /* The server strips groups of zeros at both ends, so more groups than any decimal has are too many digits. */
    if (number.n_groups > NUMERIC_GROUPS)
        return refuse_numeric(plan, column, RV_INVALID_RANGE, number.sign != 0, "a number with more digits",
                              err);
    for (int i = 0; i < number.n_groups; i++) {
        number.groups[i] = load_u16(value + NUMERIC_HEADER + 2 * (size_t)i);
        if (number.groups[i] >= NUMERIC_BASE)
            return rvi_sql_malformed(plan, len, err);
    }
    int64_t unscaled;
    if (!numeric_in_word(&number, column->type, &unscaled))
        return append_numeric(plan, column, &number, len, err);
    rv_column_append_unscaled(column, unscaled);
    return RV_OK;
}

/* ---- variable width ---- */

/* jsonb_send(): a version byte, then the text. */
static rv_code decode_jsonb(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                            rv_error *err)
{
    if (len < 1 || value[0] != 1)
        return rvi_sql_malformed(plan, len, err);
    return rvi_sql_decode_text(plan, column, value + 1, len - 1, err);
}

/* ---- arrays ---- */

/* Policies count at the column that the user sees. */
static void count_with_parent(rv_column *column)
{
    for (int c = 0; c < RV_INVALID_CLASSES; c++) {
        column->policy_uses[c] += column->child->policy_uses[c];
        column->child->policy_uses[c] = 0;
    }
}

/* `n` elements, each a length and its bytes, and nothing after the last. */
static rv_code decode_elements(const rvi_sql_column *plan, rv_column *column, const uint8_t *at,
                               const uint8_t *end, int32_t n, rv_error *err)
{
    const rvi_sql_column *element = plan->element;
    RV_TRY(rv_column_reserve(column->child, n, err));
    for (int32_t i = 0; i < n; i++) {
        if (end - at < 4)
            return rvi_sql_malformed(plan, (size_t)(end - at), err);
        int32_t len = (int32_t)load_u32(at);
        at += 4;
        if (len == -1) {
            RV_TRY(rv_column_append_null(column->child, err));
            continue;
        }
        if (len < 0 || len > end - at)
            return rvi_sql_malformed(plan, (uint32_t)len, err);
        RV_TRY(element->decode(element, column->child, at, (size_t)len, err));
        at += len;
    }
    if (at != end)
        return rvi_sql_malformed(plan, (size_t)(end - at), err);
    count_with_parent(column);
    return rv_column_close_list(column, err);
}

/* array_send(): dimensions, a flag for NULLs, the element's type; for each dimension its size and lower bound. */
static rv_code decode_list(const rvi_sql_column *plan, rv_column *column, const uint8_t *value, size_t len,
                           rv_error *err)
{
    RV_TRY(rvi_sql_check_size(plan, len, err));
    if (len < ARRAY_HEADER)
        return rvi_sql_malformed(plan, len, err);
    int32_t dimensions = (int32_t)load_u32(value);
    if (load_u32(value + 8) != plan->element->field->native_id || dimensions < 0)
        return rvi_sql_malformed(plan, len, err);
    if (dimensions == 0)
        return len == ARRAY_HEADER ? rv_column_close_list(column, err) : rvi_sql_malformed(plan, len, err);
    char shown[SHOWN_BYTES];
    rv_policy applied;
    if (dimensions > 1) {
        snprintf(shown, sizeof shown, "an array of %" PRId32 " dimensions", dimensions);
        return refuse(plan, column, RV_INVALID_UNPARSEABLE, shown, &applied, err);
    }
    if (len < ARRAY_HEADER + 8)
        return rvi_sql_malformed(plan, len, err);
    int32_t n = (int32_t)load_u32(value + ARRAY_HEADER), lower = (int32_t)load_u32(value + ARRAY_HEADER + 4);
    if (n < 0 || (size_t)n > len / 4)
        return rvi_sql_malformed(plan, len, err);
    if (lower != 1) {
        snprintf(shown, sizeof shown, "an array that starts at index %" PRId32, lower);
        return refuse(plan, column, RV_INVALID_UNPARSEABLE, shown, &applied, err);
    }
    return decode_elements(plan, column, value + ARRAY_HEADER + 8, value + len, n, err);
}

static rvi_sql_decode_fn decoder_of_wire(rvi_pg_wire wire)
{
    static const rvi_sql_decode_fn decoders[RVI_PG_WIRE_COUNT] = {
        [RVI_PG_WIRE_TEXT] = rvi_sql_decode_text,   [RVI_PG_WIRE_BOOL] = decode_bool,
        [RVI_PG_WIRE_INT2] = decode_int2,           [RVI_PG_WIRE_INT4] = decode_4_bytes,
        [RVI_PG_WIRE_INT8] = decode_8_bytes,        [RVI_PG_WIRE_OID] = decode_oid,
        [RVI_PG_WIRE_FLOAT4] = decode_4_bytes,      [RVI_PG_WIRE_FLOAT8] = decode_8_bytes,
        [RVI_PG_WIRE_NUMERIC] = decode_numeric,     [RVI_PG_WIRE_MONEY] = decode_money,
        [RVI_PG_WIRE_DATE] = decode_date,           [RVI_PG_WIRE_TIME] = decode_time,
        [RVI_PG_WIRE_TIMESTAMP] = decode_timestamp, [RVI_PG_WIRE_INTERVAL] = decode_interval,
        [RVI_PG_WIRE_JSONB] = decode_jsonb,         [RVI_PG_WIRE_BYTEA] = rvi_sql_decode_bytes,
        [RVI_PG_WIRE_UUID] = decode_uuid,
    };
    return decoders[wire];
}

rvi_sql_decode_fn rvi_pg_decoder(rvi_pg_wire wire, const rv_field *field)
{
    if (field->transfer == RV_TRANSFER_TEXT)
        return rvi_sql_decode_as_text;
    return field->type.id == RV_TYPE_LIST ? decode_list : decoder_of_wire(wire);
}
