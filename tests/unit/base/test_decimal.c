#include "rivet/decimal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- the slow arithmetic that everything is compared with ---- */

enum { WIDE = 32 };

/* digits as a two's complement integer of 32 bytes, little-endian: times ten, plus a digit, byte by byte. */
static void slow_bytes(const char *digits, bool negative, uint8_t out[WIDE])
{
    memset(out, 0, WIDE);
    for (; *digits; digits++) {
        unsigned carry = (unsigned)(*digits - '0');
        for (int i = 0; i < WIDE; i++) {
            carry += out[i] * 10U;
            out[i] = (uint8_t)carry;
            carry >>= 8;
        }
    }
    unsigned carry = 1;
    for (int i = 0; negative && i < WIDE; i++) {
        carry += (uint8_t)~out[i];
        out[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

static const char *skip_zeros(const char *digits)
{
    while (digits[0] == '0' && digits[1])
        digits++;
    return digits;
}

/* The text of an unscaled number given by its digits (at least one). */
static void slow_text(const char *digits, bool negative, int scale, char out[128])
{
    char padded[128];
    digits = skip_zeros(digits);
    size_t n_digits = strlen(digits), n_zeros = n_digits <= (size_t)scale ? (size_t)scale + 1 - n_digits : 0;
    memset(padded, '0', n_zeros);
    memcpy(padded + n_zeros, digits, n_digits + 1);
    size_t n_integer = strlen(padded) - (size_t)scale, at = 0;
    if (negative && strspn(digits, "0") != n_digits)
        out[at++] = '-';
    at += (size_t)snprintf(out + at, 128 - at, "%.*s", (int)n_integer, padded);
    if (scale > 0)
        out[at++] = '.';
    memcpy(out + at, padded + n_integer, (size_t)scale + 1);
}

/* A number as people write it: integer and fraction digits. */
typedef struct written {
    char integer[200], fraction[200];
    bool negative;
} written;

/* What must come of it: the unscaled digits, or NULL when it does not fit. Strings only. */
static const char *slow_unscaled(const written *w, int precision, int scale, char out[512])
{
    size_t n_fraction = strlen(w->fraction);
    while (n_fraction > 0 && w->fraction[n_fraction - 1] == '0')
        n_fraction--;
    if (n_fraction > (size_t)scale)
        return NULL;
    size_t at = strlen(w->integer);
    memcpy(out, w->integer, at);
    memcpy(out + at, w->fraction, n_fraction);
    at += n_fraction;
    memset(out + at, '0', (size_t)scale - n_fraction);
    out[at + (size_t)scale - n_fraction] = '\0';
    const char *digits = *out ? skip_zeros(out) : "0";
    if (strcmp(digits, "0") != 0 && strlen(digits) > (size_t)precision)
        return NULL;
    return digits;
}

static void expect_number(rv_decimal_result result, const rv_int256 *value, const char *digits, bool negative)
{
    if (!digits) {
        assert_int_equal(result, RV_DECIMAL_OUT_OF_RANGE);
        return;
    }
    uint8_t expected[WIDE], stored[WIDE];
    assert_int_equal(result, RV_DECIMAL_OK);
    slow_bytes(digits, negative, expected);
    rv_int256_store(value, stored, WIDE);
    assert_memory_equal(stored, expected, WIDE);
}

/* ---- made-up numbers ---- */

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static int below(uint64_t *seed, int limit)
{
    return (int)(next_random(seed) % (uint64_t)limit);
}

/* Runs of zeros and nines are where carries and trims go wrong, so they are common. */
static void random_digits(uint64_t *seed, char *out, int n)
{
    for (int i = 0; i < n;) {
        int kind = below(seed, 4), run = 1 + below(seed, 6);
        for (; run > 0 && i < n; run--, i++)
            out[i] = (char)('0' + (kind == 0 ? 0 : kind == 1 ? 9 : below(seed, 10)));
    }
    out[n] = '\0';
}

static void random_number(uint64_t *seed, int precision, int scale, written *w)
{
    random_digits(seed, w->integer, below(seed, precision - scale + 3));
    random_digits(seed, w->fraction, below(seed, scale + 3));
    w->negative = below(seed, 2);
}

/* The type of a round: all of them come up, small ones most. */
static void random_type(uint64_t *seed, int *precision, int *scale)
{
    static const int most[] = {9, 18, 38, 76};
    *precision = 1 + below(seed, most[below(seed, 4)]);
    *scale = below(seed, *precision + 1);
}

/* ---- text ---- */

static void any_written_number_is_read_exactly_or_refused(void **state)
{
    (void)state;
    uint64_t seed = 21;
    int n_fit = 0;
    for (int round = 0; round < 200000; round++) {
        int precision, scale;
        written w;
        char text[512], digits[512];
        random_type(&seed, &precision, &scale);
        random_number(&seed, precision, scale, &w);
        if (!w.integer[0] && !w.fraction[0])
            continue;
        const char *sign = w.negative ? "-" : below(&seed, 8) == 0 ? "+" : "";
        const char *point = w.fraction[0] || below(&seed, 8) == 0 ? "." : "";
        const size_t len =
            (size_t)snprintf(text, sizeof text, "%s%s%s%s", sign, w.integer, point, w.fraction);
        char *exact = malloc(len);
        assert_non_null(exact);
        memcpy(exact, text, len);
        rv_int256 value = {{0}};
        rv_decimal_result result = rv_decimal_parse(exact, len, precision, scale, &value);
        free(exact);
        const char *expected = slow_unscaled(&w, precision, scale, digits);
        expect_number(result, &value, expected, w.negative);
        n_fit += expected != NULL;
    }
    assert_in_range(n_fit, 50000, 190000);
}

/* The same number with its point moved and an exponent that moves it back. */
static void an_exponent_moves_the_point(void **state)
{
    (void)state;
    uint64_t seed = 22;
    for (int round = 0; round < 100000; round++) {
        int precision, scale;
        written w;
        char all[512], text[600], digits[512];
        random_type(&seed, &precision, &scale);
        random_number(&seed, precision, scale, &w);
        size_t n_integer = strlen(w.integer), n = n_integer + strlen(w.fraction);
        if (n == 0)
            continue;
        memcpy(all, w.integer, n_integer);
        memcpy(all + n_integer, w.fraction, n - n_integer + 1);
        int point = below(&seed, (int)n + 1);
        int len = snprintf(text, sizeof text, "%s%.*s.%s%c%+0*d", w.negative ? "-" : "", point, all,
                           all + point, "eE"[round % 2], 1 + below(&seed, 5), (int)n_integer - point);
        rv_int256 value = {{0}};
        rv_decimal_result result = rv_decimal_parse(text, (size_t)len, precision, scale, &value);
        expect_number(result, &value, slow_unscaled(&w, precision, scale, digits), w.negative);
    }
}

/* A grammar written a second time, for texts of a few characters: 0 not a number, else its decimal value with
 * the point after `digits[*integer]`. */
static bool slow_grammar(const char *text, char digits[16], int *n_before_point)
{
    int n = 0, n_integer = 0, exponent = 0;
    text += *text == '+' || *text == '-';
    for (; *text >= '0' && *text <= '9'; text++)
        digits[n++] = *text;
    n_integer = n;
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9'; text++)
            digits[n++] = *text;
    digits[n] = '\0';
    if (n == 0)
        return false;
    if (*text == 'e') {
        bool negative = text[1] == '-';
        text += text[1] == '-' || text[1] == '+' ? 2 : 1;
        if (!*text)
            return false;
        for (; *text >= '0' && *text <= '9'; text++)
            exponent = exponent * 10 + (*text - '0');
        exponent = negative ? -exponent : exponent;
    }
    *n_before_point = n_integer + exponent;
    return *text == '\0';
}

/* decimal(4,2) of a value given by digits and a point: every kept power of ten is looked at, one by one. */
static bool slow_fit(const char *digits, int n_before_point, int *unscaled)
{
    static const int unit[4] = {1, 10, 100, 1000};
    *unscaled = 0;
    for (int i = 0; digits[i]; i++) {
        int power = n_before_point - 1 - i + 2;
        if (digits[i] == '0')
            continue;
        if (power < 0 || power > 3)
            return false;
        *unscaled += (digits[i] - '0') * unit[power];
    }
    return true;
}

static void every_short_text_is_judged_right(void **state)
{
    (void)state;
    static const char alphabet[] = "+-.e019x";
    const int n_letters = 8;
    for (int len = 0, n_texts = 1; len <= 6; len++, n_texts *= n_letters) {
        for (int t = 0; t < n_texts; t++) {
            char text[8] = "", digits[16];
            for (int i = 0, rest = t; i < len; i++, rest /= n_letters)
                text[i] = alphabet[rest % n_letters];
            int n_before_point = 0, unscaled = 0;
            rv_int256 value = {{0}};
            rv_decimal_result result = rv_decimal_parse(text, (size_t)len, 4, 2, &value);
            rv_decimal_result expected = !slow_grammar(text, digits, &n_before_point) ? RV_DECIMAL_MALFORMED
                                         : !slow_fit(digits, n_before_point, &unscaled)
                                             ? RV_DECIMAL_OUT_OF_RANGE
                                             : RV_DECIMAL_OK;
            if (result != expected)
                fail_msg("'%s': %d, not %d", text, (int)result, (int)expected);
            if (result == RV_DECIMAL_OK)
                assert_int_equal((int64_t)value.limb[0], text[0] == '-' ? -unscaled : unscaled);
        }
    }
}

static void what_is_no_number_or_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int precision, scale;
        rv_decimal_result result;
    } cases[] = {
        {"NaN", 10, 2, RV_DECIMAL_MALFORMED},
        {"Infinity", 10, 2, RV_DECIMAL_MALFORMED},
        {" 1", 10, 2, RV_DECIMAL_MALFORMED},
        {"1 ", 10, 2, RV_DECIMAL_MALFORMED},
        {"1,5", 10, 2, RV_DECIMAL_MALFORMED},
        {"0x10", 10, 2, RV_DECIMAL_MALFORMED},
        {"1_000", 10, 2, RV_DECIMAL_MALFORMED},
        {"1.005", 10, 2, RV_DECIMAL_OUT_OF_RANGE},
        {"1.000", 10, 2, RV_DECIMAL_OK},
        {"100000000", 10, 2, RV_DECIMAL_OUT_OF_RANGE},
        {"99999999.99", 10, 2, RV_DECIMAL_OK},
        {"1e99999999999999999999", 76, 0, RV_DECIMAL_OUT_OF_RANGE},
        {"1e-99999999999999999999", 76, 76, RV_DECIMAL_OUT_OF_RANGE},
        {"0e99999999999999999999", 1, 0, RV_DECIMAL_OK},
        {"-0.000", 1, 0, RV_DECIMAL_OK},
        {"1e75", 76, 0, RV_DECIMAL_OK},
        {"1e76", 76, 0, RV_DECIMAL_OUT_OF_RANGE},
        {"1e-76", 76, 76, RV_DECIMAL_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rv_int256 value;
        assert_int_equal(rv_decimal_parse(cases[i].text, strlen(cases[i].text), cases[i].precision,
                                          cases[i].scale, &value),
                         cases[i].result);
    }
}

static void a_refused_number_leaves_the_output_alone(void **state)
{
    (void)state;
    static const uint16_t digits[] = {1, 2, 3};
    rv_int256 value = {{1, 2, 3, 4}};
    const rv_int256 before = value;
    assert_int_equal(rv_decimal_parse("1.5", 3, 38, 0, &value), RV_DECIMAL_OUT_OF_RANGE);
    assert_int_equal(rv_decimal_parse("1.5x", 4, 38, 1, &value), RV_DECIMAL_MALFORMED);
    assert_int_equal(rv_decimal_from_base10000(digits, 3, 0, false, 38, 4, &value), RV_DECIMAL_OUT_OF_RANGE);
    assert_false(rv_int256_from_i64(100, 2, 0, &value));
    assert_memory_equal(&value, &before, sizeof value);
}

static void any_value_is_written_with_exactly_its_scale(void **state)
{
    (void)state;
    uint64_t seed = 23;
    for (int round = 0; round < 200000; round++) {
        int precision, scale;
        char digits[100], expected[128], text[RV_DECIMAL_TEXT_BYTES];
        random_type(&seed, &precision, &scale);
        random_digits(&seed, digits, 1 + below(&seed, precision));
        const bool negative = below(&seed, 2);
        uint8_t bytes[WIDE];
        rv_int256 value;
        slow_bytes(digits, negative, bytes);
        rv_int256_load(bytes, WIDE, &value);
        slow_text(digits, negative, scale, expected);
        assert_int_equal(rv_decimal_text(text, &value, scale), strlen(expected));
        assert_string_equal(text, expected);
    }
}

static void the_widest_integers_are_written_within_the_buffer(void **state)
{
    (void)state;
    const rv_int256 least = {{0, 0, 0, (uint64_t)1 << 63}},
                    most = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, INT64_MAX}};
    char text[RV_DECIMAL_TEXT_BYTES];
    rv_decimal_text(text, &least, 0);
    assert_string_equal(text,
                        "-57896044618658097711785492504343953926634992332820282019728792003956564819968");
    rv_decimal_text(text, &most, 76);
    assert_string_equal(text,
                        "5.7896044618658097711785492504343953926634992332820282019728792003956564819967");
}

/* ---- base 10000 ---- */

/* Group the digits as PostgreSQL does, with `n_extra` zero groups on each side for good measure. */
static int to_groups(const written *w, int n_extra, uint16_t out[120], int *weight)
{
    char all[512];
    size_t n_integer = strlen(w->integer), n_fraction = strlen(w->fraction);
    size_t n_pad = (4 - n_integer % 4) % 4, at = 0;
    memset(all, '0', sizeof all);
    at += (size_t)n_extra * 4 + n_pad;
    memcpy(all + at, w->integer, n_integer);
    memcpy(all + at + n_integer, w->fraction, n_fraction);
    const int n_integer_groups = n_extra + (int)(n_pad + n_integer) / 4;
    int n = n_integer_groups + (int)(n_fraction + 3) / 4 + n_extra, first = 0;
    for (int i = 0; i < n; i++)
        out[i] = (uint16_t)((all[4 * i] - '0') * 1000 + (all[4 * i + 1] - '0') * 100 +
                            (all[4 * i + 2] - '0') * 10 + (all[4 * i + 3] - '0'));
    if (n_extra == 0) { /* PostgreSQL strips both ends */
        while (n > 0 && out[n - 1] == 0)
            n--;
        while (first < n && out[first] == 0)
            first++;
        memmove(out, out + first, (size_t)(n - first) * sizeof out[0]);
    }
    *weight = n_integer_groups - 1 - first;
    return n - first;
}

static void any_wire_number_is_read_exactly_or_refused(void **state)
{
    (void)state;
    uint64_t seed = 24;
    int n_fit = 0;
    for (int round = 0; round < 400000; round++) {
        int precision, scale, weight;
        written w;
        char digits[512];
        uint16_t groups[120];
        random_type(&seed, &precision, &scale);
        random_number(&seed, precision, scale, &w);
        const int n = to_groups(&w, round % 4 == 0 ? 1 + below(&seed, 3) : 0, groups, &weight);
        rv_int256 value = {{0}};
        rv_decimal_result result =
            rv_decimal_from_base10000(groups, n, weight, w.negative, precision, scale, &value);
        const char *expected = slow_unscaled(&w, precision, scale, digits);
        expect_number(result, &value, expected, w.negative);
        n_fit += expected != NULL;
    }
    assert_in_range(n_fit, 100000, 390000);
}

/* decimal(6,3): every pair of edge groups at every weight, against 128-bit arithmetic in units of 10^-20. */
static void every_small_wire_number_is_placed_right(void **state)
{
    (void)state;
    __extension__ typedef __int128 i128;
    static const uint16_t edges[] = {0,   1,   9,    10,   90,   99,   100,  101, 900,
                                     990, 999, 1000, 1001, 9000, 9900, 9990, 9999};
    const size_t n_edges = sizeof edges / sizeof edges[0];
    i128 unit = 1;
    for (int i = 0; i < 17; i++)
        unit *= 10; /* 10^-3 in units of 10^-20 */
    for (int weight = -4; weight <= 3; weight++) {
        i128 first_unit = 1;
        for (int i = 0; i < 4 * (weight + 5); i++)
            first_unit *= 10;
        for (size_t i = 0; i < n_edges; i++) {
            for (size_t k = 0; k < n_edges; k++) {
                const uint16_t digits[2] = {edges[i], edges[k]};
                const i128 exact = edges[i] * first_unit + edges[k] * (first_unit / 10000);
                const bool fits = exact % unit == 0 && exact / unit < 1000000;
                rv_int256 value = {{0}};
                assert_int_equal(rv_decimal_from_base10000(digits, 2, weight, false, 6, 3, &value),
                                 fits ? RV_DECIMAL_OK : RV_DECIMAL_OUT_OF_RANGE);
                if (fits)
                    assert_int_equal(value.limb[0], (uint64_t)(exact / unit));
            }
        }
    }
}

static void hostile_wire_numbers_are_refused(void **state)
{
    (void)state;
    static const uint16_t beyond[] = {1, 10000}, huge[] = {65535}, hidden[] = {1, 0, 0, 12345}, one[] = {1};
    rv_int256 value;
    assert_int_equal(rv_decimal_from_base10000(beyond, 2, 0, false, 10, 4, &value), RV_DECIMAL_MALFORMED);
    assert_int_equal(rv_decimal_from_base10000(huge, 1, 0, false, 10, 4, &value), RV_DECIMAL_MALFORMED);
    assert_int_equal(rv_decimal_from_base10000(hidden, 4, 20, false, 10, 4, &value), RV_DECIMAL_MALFORMED);
    assert_int_equal(rv_decimal_from_base10000(one, 1, INT32_MAX, false, 76, 0, &value),
                     RV_DECIMAL_OUT_OF_RANGE);
    assert_int_equal(rv_decimal_from_base10000(one, 1, INT32_MIN, true, 76, 76, &value),
                     RV_DECIMAL_OUT_OF_RANGE);
    assert_int_equal(rv_decimal_from_base10000(one, 1, 19, false, 76, 0, &value), RV_DECIMAL_OUT_OF_RANGE);
    assert_int_equal(rv_decimal_from_base10000(one, 1, 18, false, 76, 0, &value), RV_DECIMAL_OK);
    assert_int_equal(rv_decimal_from_base10000(NULL, 0, 0, true, 5, 5, &value), RV_DECIMAL_OK);
    assert_int_equal(value.limb[0] | value.limb[1] | value.limb[2] | value.limb[3], 0);
}

/* ---- integers, storage, order ---- */

static void an_integer_takes_its_scale_or_is_refused(void **state)
{
    (void)state;
    uint64_t seed = 25;
    for (int round = 0; round < 200000; round++) {
        int precision, scale;
        random_type(&seed, &precision, &scale);
        int64_t number = round == 0   ? INT64_MIN
                         : round == 1 ? INT64_MAX
                                      : (int64_t)next_random(&seed) >> below(&seed, 64);
        written w = {.negative = number < 0};
        char digits[512];
        const uint64_t magnitude = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
        snprintf(w.integer, sizeof w.integer, "%llu", (unsigned long long)magnitude);
        rv_int256 value = {{0}};
        const bool fits = rv_int256_from_i64(number, precision, scale, &value);
        const char *expected = slow_unscaled(&w, precision, scale, digits);
        expect_number(fits ? RV_DECIMAL_OK : RV_DECIMAL_OUT_OF_RANGE, &value, expected, w.negative);
    }
}

static void values_survive_storage_in_every_width_that_holds_them(void **state)
{
    (void)state;
    static const size_t widths[] = {4, 8, 16, 32};
    uint64_t seed = 26;
    for (int round = 0; round < 100000; round++) {
        int precision = 1 + below(&seed, 76);
        char digits[100];
        uint8_t bytes[WIDE], stored[WIDE];
        random_digits(&seed, digits, precision);
        slow_bytes(digits, below(&seed, 2), bytes);
        rv_int256 value, back;
        rv_int256_load(bytes, WIDE, &value);
        for (size_t i = 0; i < 4; i++) {
            if (widths[i] < (size_t)rv_decimal_width(precision))
                continue;
            memset(stored, 0xAA, sizeof stored);
            rv_int256_store(&value, stored, widths[i]);
            assert_memory_equal(stored, bytes, widths[i]);
            assert_true(widths[i] == WIDE || stored[widths[i]] == 0xAA);
            rv_int256_load(stored, widths[i], &back);
            assert_memory_equal(&back, &value, sizeof value);
        }
    }
}

static void the_width_is_the_smallest_that_holds_every_value(void **state)
{
    (void)state;
    static const struct {
        int precision, width;
    } cases[] = {{1, 4}, {9, 4}, {10, 8}, {18, 8}, {19, 16}, {38, 16}, {39, 32}, {76, 32}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(rv_decimal_width(cases[i].precision), cases[i].width);
}

static void values_are_ordered_as_numbers(void **state)
{
    (void)state;
    static const char *const ascending[] = {
        "-9999999999999999999999999999999999999999999999999999999999999999999999999999",
        "-18446744073709551617",
        "-18446744073709551616",
        "-18446744073709551615",
        "-2",
        "-1",
        "0",
        "1",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551616",
        "340282366920938463463374607431768211456",
        "9999999999999999999999999999999999999999999999999999999999999999999999999999",
    };
    const size_t n = sizeof ascending / sizeof ascending[0];
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < n; k++) {
            rv_int256 a, b;
            assert_int_equal(rv_decimal_parse(ascending[i], strlen(ascending[i]), 76, 0, &a), RV_DECIMAL_OK);
            assert_int_equal(rv_decimal_parse(ascending[k], strlen(ascending[k]), 76, 0, &b), RV_DECIMAL_OK);
            assert_int_equal(rv_int256_compare(&a, &b), (i > k) - (i < k));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_written_number_is_read_exactly_or_refused),
        cmocka_unit_test(an_exponent_moves_the_point),
        cmocka_unit_test(every_short_text_is_judged_right),
        cmocka_unit_test(what_is_no_number_or_does_not_fit_is_refused),
        cmocka_unit_test(a_refused_number_leaves_the_output_alone),
        cmocka_unit_test(any_value_is_written_with_exactly_its_scale),
        cmocka_unit_test(the_widest_integers_are_written_within_the_buffer),
        cmocka_unit_test(any_wire_number_is_read_exactly_or_refused),
        cmocka_unit_test(every_small_wire_number_is_placed_right),
        cmocka_unit_test(hostile_wire_numbers_are_refused),
        cmocka_unit_test(an_integer_takes_its_scale_or_is_refused),
        cmocka_unit_test(values_survive_storage_in_every_width_that_holds_them),
        cmocka_unit_test(the_width_is_the_smallest_that_holds_every_value),
        cmocka_unit_test(values_are_ordered_as_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
