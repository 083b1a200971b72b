/* from_text.c - a source's exact text into a typed column: overrides, and sources that only have text.
 *
 * A reader takes the text, and stores a value or says which class of invalid value it met; where the class has a
 * nearest value, it leaves that in the cell. One function then asks rv_column_refuse() what to do, so no reader
 * knows about policies, and none can turn a text into NULL by itself. */
#include "rivet/batch.h"
#include "rivet/civil.h"
#include "rivet/utf8.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

/* A value in the making: what was read, or the nearest to it. */
typedef struct cell {
    union {
        int64_t i64;
        uint64_t u64;
        double f64;
        rv_int256 decimal;
        uint8_t uuid[16];
    } as;
} cell;

/* What the readers below return: this, or the rv_invalid that they met. */
enum { READ_OK = -1 };

typedef struct text_view {
    const char *at;
    size_t len;
} text_view;

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* `word` is in lower case. */
static bool same_word(text_view text, const char *word)
{
    size_t i = 0;
    for (; i < text.len && word[i] != '\0'; i++)
        if (lower(text.at[i]) != word[i])
            return false;
    return i == text.len && word[i] == '\0';
}

static bool one_of(text_view text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (same_word(text, *words))
            return true;
    return false;
}

/* 1: infinity, -1: -infinity, 0: neither. */
static int infinity_sign(text_view text)
{
    static const char *const words[] = {"infinity", "inf", NULL};
    if (text.len == 0)
        return 0;
    bool has_sign = text.at[0] == '-' || text.at[0] == '+';
    text_view rest = {text.at + has_sign, text.len - has_sign};
    if (!one_of(rest, words))
        return 0;
    return text.at[0] == '-' ? -1 : 1;
}

/* Spec: the words that PostgreSQL's boolean input accepts in full, and 0 and 1, which is how SQLite keeps it. */
static int read_bool(text_view text, bool *out)
{
    static const char *const yes[] = {"t", "true", "1", "y", "yes", "on", NULL};
    static const char *const no[] = {"f", "false", "0", "n", "no", "off", NULL};
    if (!one_of(text, yes) && !one_of(text, no))
        return RV_INVALID_UNPARSEABLE;
    *out = one_of(text, yes);
    return READ_OK;
}

/* Decimal digits of a number, point and exponent taken out: value = ± 0.d1d2d3… * 10^point. */
typedef struct digits {
    char digit[2 * 76 + 2]; /* enough to round to any precision; what follows can only break a tie */
    int n;
    int64_t point;
    bool negative;
} digits;

/* The text is known to be a number: rv_decimal_parse() has said so. */
static void split_digits(text_view text, digits *out)
{
    bool after_point = false;
    size_t i = text.len > 0 && (text.at[0] == '-' || text.at[0] == '+') ? 1 : 0;
    *out = (digits){.negative = text.len > 0 && text.at[0] == '-'};
    for (; i < text.len && lower(text.at[i]) != 'e'; i++) {
        if (text.at[i] == '.') {
            after_point = true;
            continue;
        }
        bool leading_zero = out->n == 0 && text.at[i] == '0';
        if (!leading_zero && out->n < (int)sizeof out->digit)
            out->digit[out->n++] = text.at[i];
        if (!after_point && !leading_zero)
            out->point++;
        if (after_point && leading_zero)
            out->point--;
    }
    int64_t exponent = 0;
    bool negative = i + 1 < text.len && text.at[i + 1] == '-';
    for (i += 1; i < text.len && exponent < 1000000; i++)
        if (is_digit(text.at[i]))
            exponent = exponent * 10 + (text.at[i] - '0');
    out->point += negative ? -exponent : exponent;
}

/* Add one to a number written in digits; false: it was all nines and became a one with as many zeros. */
static bool increment(char *number, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        if (number[i] != '9') {
            number[i]++;
            return true;
        }
        number[i] = '0';
    }
    return false;
}

/* The largest, or smallest, decimal of a precision. */
static void extreme_decimal(bool negative, int precision, rv_int256 *out)
{
    char nines[80];
    nines[0] = negative ? '-' : '+';
    memset(nines + 1, '9', (size_t)precision);
    rv_decimal_result result = rv_decimal_parse(nines, (size_t)precision + 1, precision, 0, out);
    assert(result == RV_DECIMAL_OK);
    (void)result;
}

/* The decimal(precision, scale) nearest to a number that is none: rounded (ties away from zero) or the extreme. */
static void nearest_decimal(text_view text, int precision, int scale, rv_int256 *out)
{
    char unscaled[80] = "+";
    digits number;
    split_digits(text, &number);
    int64_t kept = number.point + scale; /* digits before the place where it is cut */
    unscaled[0] = number.negative ? '-' : '+';
    if (number.n > 0 && kept > precision) {
        extreme_decimal(number.negative, precision, out);
        return;
    }
    int n = kept > 0 && number.n > 0 ? (int)kept : 0;
    for (int i = 0; i < n; i++)
        unscaled[1 + i] = i < number.n ? number.digit[i] : '0';
    bool up = kept >= 0 && kept < number.n && number.digit[kept] >= '5';
    if (up && !increment(unscaled + 1, n)) {
        if (n == precision) {
            extreme_decimal(number.negative, precision, out);
            return;
        }
        memmove(unscaled + 2, unscaled + 1, (size_t)n);
        unscaled[1] = '1';
        n++;
    }
    if (n == 0)
        unscaled[1 + n++] = '0';
    rv_decimal_result result = rv_decimal_parse(unscaled, (size_t)n + 1, precision, 0, out);
    assert(result == RV_DECIMAL_OK);
    (void)result;
}

static int read_decimal(text_view text, int precision, int scale, rv_int256 *out)
{
    switch (rv_decimal_parse(text.at, text.len, precision, scale, out)) {
    case RV_DECIMAL_OK:
        return READ_OK;
    case RV_DECIMAL_OUT_OF_RANGE:
        nearest_decimal(text, precision, scale, out);
        return RV_INVALID_RANGE;
    case RV_DECIMAL_MALFORMED:
        break;
    }
    int sign = infinity_sign(text);
    if (sign != 0) {
        extreme_decimal(sign < 0, precision, out);
        return RV_INVALID_INFINITY;
    }
    return same_word(text, "nan") ? RV_INVALID_NAN : RV_INVALID_UNPARSEABLE;
}

/* Through decimal(20,0), so that 12.00 and 1e3, which are integers, are read as such. */
static int read_integer(text_view text, rv_type_id id, cell *out)
{
    enum { DIGITS_OF_64_BITS = 20 };
    static const struct limits {
        int64_t low;
        uint64_t high;
    } limits[RV_TYPE_COUNT] = {
        [RV_TYPE_INT16] = {INT16_MIN, INT16_MAX},
        [RV_TYPE_INT32] = {INT32_MIN, INT32_MAX},
        [RV_TYPE_INT64] = {INT64_MIN, INT64_MAX},
        [RV_TYPE_UINT64] = {0, UINT64_MAX},
    };
    rv_int256 number, low, high = {.limb = {limits[id].high}};
    int found = read_decimal(text, DIGITS_OF_64_BITS, 0, &number);
    if (found == RV_INVALID_NAN || found == RV_INVALID_INFINITY || found == RV_INVALID_UNPARSEABLE)
        return RV_INVALID_UNPARSEABLE;
    rv_int256_load(&limits[id].low, sizeof limits[id].low, &low);
    bool below = rv_int256_compare(&number, &low)<0, above = rv_int256_compare(&number, &high)> 0;
    out->as.u64 = below ? low.limb[0] : above ? high.limb[0] : number.limb[0];
    return below || above ? RV_INVALID_RANGE : found;
}

/* strtod() takes more than numbers (blanks, hex, nan(…)), and wants a NUL; this lets only numbers through. */
static bool is_number(text_view text)
{
    size_t i = text.len > 0 && (text.at[0] == '-' || text.at[0] == '+') ? 1 : 0, n_digits = 0;
    for (; i < text.len && is_digit(text.at[i]); i++)
        n_digits++;
    if (i < text.len && text.at[i] == '.')
        for (i++; i < text.len && is_digit(text.at[i]); i++)
            n_digits++;
    if (n_digits == 0)
        return false;
    if (i == text.len)
        return true;
    if (lower(text.at[i++]) != 'e')
        return false;
    if (i < text.len && (text.at[i] == '-' || text.at[i] == '+'))
        i++;
    size_t exponent_from = i;
    while (i < text.len && is_digit(text.at[i]))
        i++;
    return i == text.len && i > exponent_from;
}

static int read_float(text_view text, bool single, double *out)
{
    char number[1200]; /* longer than any double's exact digits (767 and an exponent) */
    int sign = infinity_sign(text);
    if (sign != 0 || same_word(text, "nan")) {
        *out = sign == 0 ? (double)NAN : sign * (double)INFINITY;
        return READ_OK;
    }
    if (text.len >= sizeof number || !is_number(text))
        return RV_INVALID_UNPARSEABLE;
    memcpy(number, text.at, text.len);
    number[text.len] = '\0';
    *out = single ? (double)strtof(number, NULL) : strtod(number, NULL);
    if (!isinf(*out))
        return READ_OK;
    *out = copysign(single ? (double)FLT_MAX : DBL_MAX, *out);
    return RV_INVALID_RANGE;
}

/* Texts of dates and times are short; the longest that civil.h reads, with room. */
enum { CIVIL_INPUT_BYTES = 64 };

/* A copy whose month and day of 00 are 01: MySQL's zero and partial dates. False: there is none such. */
static bool mend_zero_date(text_view text, char out[CIVIL_INPUT_BYTES])
{
    if (text.len < 10 || text.len >= CIVIL_INPUT_BYTES || text.at[4] != '-' || text.at[7] != '-')
        return false;
    bool zero_month = memcmp(text.at + 5, "00", 2) == 0, zero_day = memcmp(text.at + 8, "00", 2) == 0;
    memcpy(out, text.at, text.len);
    if (zero_month)
        out[6] = '1';
    if (zero_day)
        out[9] = '1';
    return zero_month || zero_day;
}

static int read_date(text_view text, cell *out)
{
    char mended[CIVIL_INPUT_BYTES];
    int32_t days = 0;
    int found = READ_OK, sign = infinity_sign(text);
    if (sign != 0) {
        days = sign < 0 ? INT32_MIN : INT32_MAX;
        found = RV_INVALID_INFINITY;
    } else if (!rv_parse_date(text.at, text.len, &days)) {
        bool zero_date = mend_zero_date(text, mended) && rv_parse_date(mended, text.len, &days);
        found = zero_date ? RV_INVALID_ZERO_DATE : RV_INVALID_UNPARSEABLE;
    }
    out->as.i64 = days;
    return found;
}

/* The text with its fraction cut to microseconds; *up says whether the nearest microsecond is the next one.
 * False: there was nothing to cut. */
static bool cut_fraction(text_view text, char out[CIVIL_INPUT_BYTES], size_t *out_len, bool *up)
{
    const char *point = memchr(text.at, '.', text.len);
    if (point == NULL || text.len >= CIVIL_INPUT_BYTES)
        return false;
    size_t keep = (size_t)(point - text.at) + 1, end = keep;
    while (end < text.len && is_digit(text.at[end]))
        end++;
    if (end - keep <= 6)
        return false;
    keep += 6;
    *up = text.at[keep] >= '5';
    memcpy(out, text.at, keep);
    memcpy(out + keep, text.at + end, text.len - end);
    *out_len = keep + (text.len - end);
    return true;
}

/* Hours beyond a day, or negative, as MySQL's TIME has them: -838:59:59. */
static bool is_duration(text_view text)
{
    size_t i = text.len > 0 && text.at[0] == '-' ? 1 : 0, from = i;
    while (i < text.len && i < from + 4 && is_digit(text.at[i]))
        i++;
    return i > from && i + 3 <= text.len && text.at[i] == ':' && text.at[i + 1] >= '0' &&
           text.at[i + 1] <= '5' && is_digit(text.at[i + 2]);
}

static int read_time(text_view text, cell *out)
{
    const int64_t day_us = INT64_C(86400000000);
    char cut[CIVIL_INPUT_BYTES];
    size_t cut_len = 0;
    bool up = false;
    int64_t us = 0;
    int found = READ_OK;
    if (!rv_parse_time(text.at, text.len, &us)) {
        if (cut_fraction(text, cut, &cut_len, &up) && rv_parse_time(cut, cut_len, &us)) {
            us += up ? 1 : 0;
            found = RV_INVALID_RANGE;
        } else if (is_duration(text)) {
            us = text.at[0] == '-' ? 0 : day_us;
            found = RV_INVALID_TIME;
        } else {
            return RV_INVALID_UNPARSEABLE;
        }
    }
    if (us >= day_us && found == READ_OK)
        found = RV_INVALID_TIME;
    out->as.i64 = us >= day_us ? day_us - 1 : us;
    return found;
}

/* Does the text end in a zone other than UTC? Only asked of texts that have one. */
static bool zone_is_offset(text_view text)
{
    size_t i = text.len;
    if (i > 3 && memcmp(text.at + i - 3, " BC", 3) == 0)
        i -= 3;
    for (; i > 0 && (is_digit(text.at[i - 1]) || text.at[i - 1] == ':'); i--)
        if (text.at[i - 1] != '0' && text.at[i - 1] != ':')
            return true;
    return false;
}

static bool parse_instant(text_view text, bool ns, int64_t *out, bool *has_zone)
{
    return ns ? rv_parse_timestamp_ns(text.at, text.len, out, has_zone)
              : rv_parse_timestamp(text.at, text.len, out, has_zone);
}

/* A text that is no timestamp of this unit: too fine, or outside what nanoseconds reach, or a zero date. */
static int read_odd_timestamp(text_view text, bool ns, int64_t *out)
{
    char changed[CIVIL_INPUT_BYTES];
    size_t len = text.len;
    bool up = false, zone = false;
    if (mend_zero_date(text, changed) && parse_instant((text_view){changed, text.len}, ns, out, &zone))
        return RV_INVALID_ZERO_DATE;
    text_view coarse = cut_fraction(text, changed, &len, &up) ? (text_view){changed, len} : text;
    if (!rv_parse_timestamp(coarse.at, coarse.len, out, &zone))
        return RV_INVALID_UNPARSEABLE;
    if (ns)
        *out = *out < 0 ? INT64_MIN : INT64_MAX;
    else if (up && *out < INT64_MAX)
        *out += 1;
    return RV_INVALID_RANGE;
}

/* A wall clock takes no text with an offset: it would be another clock's. An instant without a zone is UTC, which
 * is what every session of ours is set to and how SQLite's own functions write it. */
static int read_timestamp(text_view text, rv_type_id id, cell *out)
{
    bool ns = id == RV_TYPE_TIMESTAMP_NS || id == RV_TYPE_TIMESTAMP_TZ_NS, has_zone = false;
    bool wall_clock = id == RV_TYPE_TIMESTAMP || id == RV_TYPE_TIMESTAMP_NS;
    int sign = infinity_sign(text);
    if (sign != 0) {
        out->as.i64 = sign < 0 ? INT64_MIN : INT64_MAX;
        return RV_INVALID_INFINITY;
    }
    if (!parse_instant(text, ns, &out->as.i64, &has_zone))
        return read_odd_timestamp(text, ns, &out->as.i64);
    return wall_clock && has_zone && zone_is_offset(text) ? RV_INVALID_UNPARSEABLE : READ_OK;
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Two digits a byte; false: something else, or half a byte. */
static bool decode_hex(text_view text, uint8_t *out)
{
    if (text.len % 2 != 0)
        return false;
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_value(text.at[i]), low = hex_value(text.at[i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static int read_uuid(text_view text, uint8_t out[16])
{
    char compact[32];
    size_t n = 0;
    if (text.len >= 2 && text.at[0] == '{' && text.at[text.len - 1] == '}')
        text = (text_view){text.at + 1, text.len - 2};
    bool hyphens = text.len == 36;
    if (!hyphens && text.len != 32)
        return RV_INVALID_UNPARSEABLE;
    for (size_t i = 0; i < text.len; i++) {
        bool separator = hyphens && (i == 8 || i == 13 || i == 18 || i == 23);
        if (separator != (text.at[i] == '-'))
            return RV_INVALID_UNPARSEABLE;
        if (!separator)
            compact[n++] = text.at[i];
    }
    return decode_hex((text_view){compact, n}, out) ? READ_OK : RV_INVALID_UNPARSEABLE;
}

/* One fixed-width value; as above, the nearest is in *out where the class has one. */
static int read_fixed(text_view text, rv_type type, cell *out)
{
    bool truth = false;
    int found = RV_INVALID_UNPARSEABLE;
    switch (type.id) {
    case RV_TYPE_BOOL:
        found = read_bool(text, &truth);
        out->as.u64 = truth ? 1 : 0;
        return found;
    case RV_TYPE_INT16:
    case RV_TYPE_INT32:
    case RV_TYPE_INT64:
    case RV_TYPE_UINT64:
        return read_integer(text, type.id, out);
    case RV_TYPE_FLOAT32:
    case RV_TYPE_FLOAT64:
        return read_float(text, type.id == RV_TYPE_FLOAT32, &out->as.f64);
    case RV_TYPE_DECIMAL:
        return read_decimal(text, type.precision, type.scale, &out->as.decimal);
    case RV_TYPE_DATE:
        return read_date(text, out);
    case RV_TYPE_TIME:
        return read_time(text, out);
    case RV_TYPE_TIMESTAMP:
    case RV_TYPE_TIMESTAMP_TZ:
    case RV_TYPE_TIMESTAMP_NS:
    case RV_TYPE_TIMESTAMP_TZ_NS:
        return read_timestamp(text, type.id, out);
    case RV_TYPE_UUID:
        return read_uuid(text, out->as.uuid);
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
    return found;
}

static void store_fixed(rv_column *column, const cell *value)
{
    if (column->type.id == RV_TYPE_BOOL) {
        rv_column_append_bool(column, value->as.u64 != 0);
    } else if (column->type.id == RV_TYPE_DECIMAL) {
        rv_column_append_decimal(column, &value->as.decimal);
    } else if (column->type.id == RV_TYPE_FLOAT32) {
        float single = (float)value->as.f64;
        rv_column_append_fixed(column, &single, sizeof single);
    } else {
        /* Little-endian, so the low bytes of an integer come first; a uuid and a double lie as they are. */
        rv_column_append_fixed(column, &value->as, rv_type_width(column->type));
    }
}

static rv_code append_text(rv_column *column, const rv_field *field, text_view text, rv_error *err)
{
    rv_policy applied = RV_POLICY_FAIL;
    if (rv_utf8_valid((const uint8_t *)text.at, text.len))
        return rv_column_append_bytes(column, text.at, text.len, err);
    return rv_column_refuse(column, field, RV_INVALID_ENCODING, text.at, text.len, &applied, err);
}

static rv_code append_hex(rv_column *column, const rv_field *field, text_view text, rv_error *err)
{
    bool prefixed = text.len >= 2 && text.at[0] == '\\' && lower(text.at[1]) == 'x';
    text_view hex = prefixed ? (text_view){text.at + 2, text.len - 2} : text;
    rv_policy applied = RV_POLICY_FAIL;
    RV_TRY(rv_column_reserve_data(column, hex.len / 2 + 1,
                                  err)); /* never none, so that there is a place to write */
    if (!decode_hex(hex, column->data + column->data_len))
        return rv_column_refuse(column, field, RV_INVALID_UNPARSEABLE, text.at, text.len, &applied, err);
    column->data_len += hex.len / 2;
    column->offsets[column->length + 1] = (int32_t)column->data_len;
    rv_column_advance(column);
    return RV_OK;
}

rv_code rv_column_append_text(rv_column *column, const rv_field *field, const char *text, size_t len,
                              rv_error *err)
{
    text_view view = {text, len};
    cell value = {0};
    rv_policy applied = RV_POLICY_FAIL;
    assert(rv_type_equal(column->type, field->type));
    if (rv_type_is_text(column->type.id))
        return append_text(column, field, view, err);
    if (column->type.id == RV_TYPE_BINARY)
        return append_hex(column, field, view, err);
    if (column->type.id == RV_TYPE_LIST)
        return rv_fail(err, RV_E_INTERNAL, "column '%s': a list cannot be read from text", field->name);
    int found = read_fixed(view, column->type, &value);
    if (found != READ_OK)
        RV_TRY(rv_column_refuse(column, field, (rv_invalid)found, text, len, &applied, err));
    if (applied != RV_POLICY_NULL)
        store_fixed(column, &value);
    return RV_OK;
}
