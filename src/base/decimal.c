/* decimal.c - exact decimals.
 *
 * A decimal is its unscaled integer. Most columns have at most 18 digits, so every way in and out has a path
 * in one 64-bit word; the rest works on four limbs and moves 18 digits a step. Range is decided before any
 * arithmetic, from the position of the first and the last digit that is not zero: a number whose digits lie
 * between 10^0 and 10^(p-1) of its unscaled form fits, and then no multiplication below can overflow
 * (10^76 < 2^253). Nothing is ever rounded: digits beyond the scale must be zero. */
#include "rivet/decimal.h"

#include "base/internal.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

enum {
    WORD_DIGITS = 18,       /* every number of 18 digits fits an int64 */
    MAX_PRECISION = 76,     /* every number of 76 digits fits an int256 */
    EXPONENT_CAP = 1 << 30, /* beyond any precision; keeps sums of exponents far from overflow */
};

const uint64_t rv_pow10[20] = {
    1U,
    10U,
    100U,
    1000U,
    10000U,
    100000U,
    1000000U,
    10000000U,
    100000000U,
    1000000000U,
    10000000000U,
    100000000000U,
    1000000000000U,
    10000000000000U,
    100000000000000U,
    1000000000000000U,
    10000000000000000U,
    100000000000000000U,
    1000000000000000000U,
    10000000000000000000U,
};

const char rvi_digit_pairs[201] = "00010203040506070809"
                                  "10111213141516171819"
                                  "20212223242526272829"
                                  "30313233343536373839"
                                  "40414243444546474849"
                                  "50515253545556575859"
                                  "60616263646566676869"
                                  "70717273747576777879"
                                  "80818283848586878889"
                                  "90919293949596979899";

char *rvi_put_u64_backwards(char *end, uint64_t value)
{
    while (value >= 100) {
        end -= 2;
        rvi_put2(end, (unsigned)(value % 100));
        value /= 100;
    }
    if (value >= 10) {
        end -= 2;
        rvi_put2(end, (unsigned)value);
        return end;
    }
    *--end = (char)('0' + value);
    return end;
}

/* ---- four limbs, as an unsigned magnitude until the sign is applied ---- */

/* value = value * factor + addend. The caller knows that it fits. */
static void mul_add(rv_int256 *value, uint64_t factor, uint64_t addend)
{
    uint64_t carry = addend;
    for (int i = 0; i < 4; i++) {
        const u128 product = (u128)value->limb[i] * factor + carry;
        value->limb[i] = (uint64_t)product;
        carry = (uint64_t)(product >> 64);
    }
}

/* value = value / divisor; returns the remainder. */
static uint64_t div_small(rv_int256 *value, uint64_t divisor)
{
    uint64_t rest = 0;
    for (int i = 3; i >= 0; i--) {
        const u128 dividend = (u128)rest << 64 | value->limb[i];
        value->limb[i] = (uint64_t)(dividend / divisor);
        rest = (uint64_t)(dividend % divisor);
    }
    return rest;
}

static void scale_up(rv_int256 *value, int power)
{
    for (; power > WORD_DIGITS; power -= WORD_DIGITS)
        mul_add(value, rv_pow10[WORD_DIGITS], 0);
    mul_add(value, rv_pow10[power], 0);
}

static void negate(rv_int256 *value)
{
    uint64_t carry = 1;
    for (int i = 0; i < 4; i++) {
        value->limb[i] = ~value->limb[i] + carry;
        carry = carry && value->limb[i] == 0;
    }
}

static bool is_negative(const rv_int256 *value)
{
    return value->limb[3] >> 63;
}

static void set_word(rv_int256 *out, uint64_t magnitude, bool negative)
{
    const uint64_t sign = negative && magnitude > 0 ? UINT64_MAX : 0;
    *out = (rv_int256){{negative ? 0 - magnitude : magnitude, sign, sign, sign}};
}

/* ---- text ---- */

/* A number as written: its digits with a possible '.' among them, and where they stand. */
typedef struct number {
    const char *digits, *end; /* [digits, end): '0'..'9' and at most one '.' */
    int64_t n_fraction;       /* digits after the '.' */
    int64_t exponent;
    bool negative;
} number;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool read_exponent(const char *at, const char *end, int64_t *out)
{
    bool negative = false;
    if (at < end && (*at == '-' || *at == '+'))
        negative = *at++ == '-';
    if (at == end)
        return false;
    int64_t value = 0;
    for (; at < end; at++) {
        if (!is_digit(*at))
            return false;
        if (value < EXPONENT_CAP)
            value = value * 10 + (*at - '0');
    }
    *out = negative ? -value : value;
    return true;
}

static bool read_number(const char *text, size_t len, number *out)
{
    const char *at = text, *end = text + len;
    *out = (number){0};
    if (at < end && (*at == '-' || *at == '+'))
        out->negative = *at++ == '-';
    out->digits = at;
    const char *point = NULL;
    int64_t n_digits = 0;
    for (; at < end; at++) {
        if (is_digit(*at))
            n_digits++;
        else if (*at == '.' && !point)
            point = at;
        else
            break;
    }
    out->end = at;
    out->n_fraction = point ? at - point - 1 : 0;
    if (n_digits == 0)
        return false;
    if (at == end)
        return true;
    return (*at == 'e' || *at == 'E') && read_exponent(at + 1, end, &out->exponent);
}

/* Drop zeros (and the point, where it stands among them) from both ends. Adjusts the powers of ten of the
 * first and last digit that remain. false: nothing but zeros. */
static bool trim_zeros(number *num, int64_t *first_power, int64_t *last_power)
{
    const char *first = num->digits, *last = num->end - 1;
    int64_t n_before = 0, n_after = 0;
    for (; first <= last && (*first == '0' || *first == '.'); first++)
        n_before += *first == '0';
    if (first > last)
        return false;
    for (; *last == '0' || *last == '.'; last--)
        n_after += *last == '0';
    const int64_t n_digits =
        num->end - num->digits - (memchr(num->digits, '.', (size_t)(num->end - num->digits)) != NULL);
    *last_power += n_after;
    *first_power = *last_power + (n_digits - n_before - n_after) - 1;
    num->digits = first;
    num->end = last + 1;
    return true;
}

static uint64_t sum_text_in_word(const number *num)
{
    uint64_t sum = 0;
    for (const char *at = num->digits; at < num->end; at++)
        if (*at != '.')
            sum = sum * 10 + (uint64_t)(*at - '0');
    return sum;
}

static void sum_text(const number *num, rv_int256 *sum)
{
    uint64_t word = 0;
    int n_word = 0;
    *sum = (rv_int256){{0}};
    for (const char *at = num->digits; at < num->end; at++) {
        if (*at == '.')
            continue;
        word = word * 10 + (uint64_t)(*at - '0');
        if (++n_word == WORD_DIGITS) {
            mul_add(sum, rv_pow10[WORD_DIGITS], word);
            word = 0;
            n_word = 0;
        }
    }
    mul_add(sum, rv_pow10[n_word], word);
}

rv_decimal_result rv_decimal_parse(const char *text, size_t len, int precision, int scale, rv_int256 *out)
{
    assert(precision >= 1 && precision <= MAX_PRECISION && scale >= 0 && scale <= precision);
    number num;
    if (!read_number(text, len, &num))
        return RV_DECIMAL_MALFORMED;
    int64_t first_power, last_power = num.exponent - num.n_fraction + scale;
    if (!trim_zeros(&num, &first_power, &last_power)) {
        set_word(out, 0, false);
        return RV_DECIMAL_OK;
    }
    if (first_power >= precision || last_power < 0)
        return RV_DECIMAL_OUT_OF_RANGE;
    if (precision <= WORD_DIGITS) {
        set_word(out, sum_text_in_word(&num) * rv_pow10[last_power], num.negative);
        return RV_DECIMAL_OK;
    }
    sum_text(&num, out);
    scale_up(out, (int)last_power);
    if (num.negative)
        negate(out);
    return RV_DECIMAL_OK;
}

/* ---- base 10000 ---- */

enum { GROUP_DIGITS = 4, GROUP_LIMIT = 10000 };

/* The groups that matter, the last one apart: it may have lost digits that lie beyond the scale. The unscaled
 * value is (digits[0..n_whole) * 10^last_len + last) * 10^n_zeros. */
typedef struct groups {
    const uint16_t *digits;
    int n_whole;
    unsigned last;
    int last_len; /* digits of `last` that count: 1..4 */
    int n_zeros;
} groups;

static int group_len(unsigned group)
{
    return group >= 1000 ? 4 : group >= 100 ? 3 : group >= 10 ? 2 : 1;
}

/* Divide a group by 10^cut (1..3); false when digits that are not zero would be lost. A switch, so that every
 * divisor is a constant. */
static bool cut_group(unsigned *group, int64_t cut)
{
    const unsigned whole = *group;
    switch (cut) {
    case 1:
        *group = whole / 10;
        return *group * 10 == whole;
    case 2:
        *group = whole / 100;
        return *group * 100 == whole;
    default:
        *group = whole / 1000;
        return *group * 1000 == whole;
    }
}

/* Find the groups that matter and decide whether the number fits. n_whole == 0 && last == 0 is zero. */
static rv_decimal_result place_groups(const uint16_t *digits, int n_digits, int weight, int precision,
                                      int scale, groups *out)
{
    for (int i = 0; i < n_digits; i++)
        if (digits[i] >= GROUP_LIMIT)
            return RV_DECIMAL_MALFORMED;
    int first = 0, last = n_digits - 1;
    while (first <= last && digits[first] == 0)
        first++;
    while (last > first && digits[last] == 0)
        last--;
    *out = (groups){.last_len = GROUP_DIGITS};
    if (first > last)
        return RV_DECIMAL_OK;
    out->digits = digits + first;

    /* Powers of ten at which the first and the last group end in the unscaled value. */
    const int64_t first_end = GROUP_DIGITS * ((int64_t)weight - first) + scale;
    const int64_t last_end = first_end - GROUP_DIGITS * (int64_t)(last - first);
    if (first_end + group_len(digits[first]) > precision || last_end <= -GROUP_DIGITS)
        return RV_DECIMAL_OUT_OF_RANGE;
    out->n_whole = last - first;
    out->last = digits[last];
    if (last_end >= 0) {
        out->n_zeros = (int)last_end;
        return RV_DECIMAL_OK;
    }
    out->last_len = GROUP_DIGITS + (int)last_end;
    return cut_group(&out->last, -last_end) ? RV_DECIMAL_OK : RV_DECIMAL_OUT_OF_RANGE;
}

static uint64_t sum_groups_in_word(const groups *g)
{
    uint64_t sum = 0;
    for (int i = 0; i < g->n_whole; i++)
        sum = sum * GROUP_LIMIT + g->digits[i];
    return (sum * rv_pow10[g->last_len] + g->last) * rv_pow10[g->n_zeros];
}

static void sum_groups(const groups *g, rv_int256 *sum)
{
    enum { PER_WORD = 4 }; /* 16 digits */
    *sum = (rv_int256){{0}};
    int i = 0;
    for (; i + PER_WORD <= g->n_whole; i += PER_WORD) {
        uint64_t word = 0;
        for (int k = i; k < i + PER_WORD; k++)
            word = word * GROUP_LIMIT + g->digits[k];
        mul_add(sum, rv_pow10[(size_t)PER_WORD * GROUP_DIGITS], word);
    }
    for (; i < g->n_whole; i++)
        mul_add(sum, GROUP_LIMIT, g->digits[i]);
    mul_add(sum, rv_pow10[g->last_len], g->last);
    scale_up(sum, g->n_zeros);
}

rv_decimal_result rv_decimal_from_base10000(const uint16_t *digits, int n_digits, int weight, bool negative,
                                            int precision, int scale, rv_int256 *out)
{
    assert(precision >= 1 && precision <= MAX_PRECISION && scale >= 0 && scale <= precision);
    groups g;
    rv_decimal_result result = place_groups(digits, n_digits, weight, precision, scale, &g);
    if (result != RV_DECIMAL_OK)
        return result;
    if (precision <= WORD_DIGITS) {
        set_word(out, sum_groups_in_word(&g), negative);
        return RV_DECIMAL_OK;
    }
    sum_groups(&g, out);
    if (negative)
        negate(out);
    return RV_DECIMAL_OK;
}

/* ---- integers, storage, order ---- */

bool rv_int256_from_i64(int64_t value, int precision, int scale, rv_int256 *out)
{
    assert(precision >= 1 && precision <= MAX_PRECISION && scale >= 0 && scale <= precision);
    const uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    /* value * 10^scale has at most `precision` digits: the integer alone has at most precision - scale. An
     * int64 has at most 19, and rv_pow10 reaches 10^19. */
    const int n_integer = precision - scale;
    if (n_integer < 20 && magnitude >= rv_pow10[n_integer])
        return false;
    rv_int256 result = {{magnitude}};
    scale_up(&result, scale);
    if (value < 0)
        negate(&result);
    *out = result;
    return true;
}

void rv_int256_store(const rv_int256 *value, void *out, size_t width)
{
    assert(width == 4 || width == 8 || width == 16 || width == 32);
    uint64_t little[4];
    for (int i = 0; i < 4; i++)
        little[i] = htole64(value->limb[i]);
    memcpy(out, little, width);
}

void rv_int256_load(const void *in, size_t width, rv_int256 *out)
{
    assert(width == 4 || width == 8 || width == 16 || width == 32);
    const uint8_t sign_byte = ((const uint8_t *)in)[width - 1];
    uint64_t little[4];
    memset(little, sign_byte & 0x80 ? 0xFF : 0, sizeof little);
    memcpy(little, in, width);
    for (int i = 0; i < 4; i++)
        out->limb[i] = le64toh(little[i]);
}

int rv_int256_compare(const rv_int256 *a, const rv_int256 *b)
{
    /* Flipping the sign bit turns the signed order of the top limb into the unsigned one. */
    const uint64_t sign = (uint64_t)1 << 63;
    const uint64_t a_top = a->limb[3] ^ sign, b_top = b->limb[3] ^ sign;
    if (a_top != b_top)
        return a_top < b_top ? -1 : 1;
    for (int i = 2; i >= 0; i--)
        if (a->limb[i] != b->limb[i])
            return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

/* The digits of a magnitude, backwards as in rvi_put_u64_backwards(). Changes `value`. */
static char *put_digits_backwards(char *end, rv_int256 *value)
{
    while (value->limb[1] | value->limb[2] | value->limb[3]) {
        char *word_end = end;
        end = rvi_put_u64_backwards(end, div_small(value, rv_pow10[WORD_DIGITS]));
        while (word_end - end < WORD_DIGITS)
            *--end = '0';
    }
    return rvi_put_u64_backwards(end, value->limb[0]);
}

size_t rv_decimal_text(char out[RV_DECIMAL_TEXT_BYTES], const rv_int256 *unscaled, int scale)
{
    assert(scale >= 0 && scale <= MAX_PRECISION);
    char digits[RV_DECIMAL_TEXT_BYTES];
    char *const end = digits + sizeof digits;
    char *at = out;
    rv_int256 magnitude = *unscaled;
    if (is_negative(unscaled)) {
        negate(&magnitude);
        *at++ = '-';
    }
    char *first = put_digits_backwards(end, &magnitude);
    while (end - first <= scale)
        *--first = '0';

    const size_t n_integer = (size_t)(end - first - scale);
    memcpy(at, first, n_integer);
    at += n_integer;
    if (scale > 0) {
        *at++ = '.';
        memcpy(at, first + n_integer, (size_t)scale);
        at += scale;
    }
    *at = '\0';
    return (size_t)(at - out);
}

int rv_decimal_width(int precision)
{
    assert(precision >= 1 && precision <= MAX_PRECISION);
    return precision <= 9 ? 4 : precision <= 18 ? 8 : precision <= 38 ? 16 : 32;
}
