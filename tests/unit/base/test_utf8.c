#include "rivet/utf8.h"

#include "base/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The reference: decode by the number of leading ones, then judge the code point. 0: ill-formed. */
static size_t slow_len(const uint8_t *p, size_t left)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (p[0] < 0x80)
        return 1;
    size_t len = 0;
    while (len < 8 && p[0] & 0x80 >> len)
        len++;
    if (len < 2 || len > 4 || len > left)
        return 0;
    uint32_t code = p[0] & (0x7FU >> len);
    for (size_t i = 1; i < len; i++) {
        if (p[i] >> 6 != 2)
            return 0;
        code = code << 6 | (p[i] & 0x3F);
    }
    if (code < smallest[len] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return 0;
    return len;
}

static bool slow_valid(const uint8_t *p, size_t len)
{
    while (len > 0) {
        size_t n = slow_len(p, len);
        if (n == 0)
            return false;
        p += n;
        len -= n;
    }
    return true;
}

static void expect_same(const uint8_t *bytes, size_t len)
{
    enum { BEFORE = 30 }; /* the bytes lie across the border of two blocks of 32 */
    static uint8_t moved[BEFORE + 4] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const bool valid = slow_valid(bytes, len);
    bool same = rvi_utf8_valid_plain(bytes, len) == valid;
    if (rvi_utf8_has_avx2()) {
        memcpy(moved + BEFORE, bytes, len);
        same = same && rvi_utf8_valid_avx2(bytes, len) == valid &&
               rvi_utf8_valid_avx2(moved, BEFORE + len) == valid;
    }
    if (!same) {
        print_error("differs for %02x %02x %02x %02x (%zu bytes)\n", bytes[0], len > 1 ? bytes[1] : 0,
                    len > 2 ? bytes[2] : 0, len > 3 ? bytes[3] : 0, len);
        fail();
    }
}

static void every_pattern_of_one_to_three_bytes_is_judged_right(void **state)
{
    (void)state;
    uint8_t b[3];
    for (uint32_t v = 0; v < 1U << 24; v++) {
        b[0] = (uint8_t)(v >> 16);
        b[1] = (uint8_t)(v >> 8);
        b[2] = (uint8_t)v;
        expect_same(b, 3);
        if (b[2] == 0)
            expect_same(b, 2);
        if (b[2] == 0 && b[1] == 0)
            expect_same(b, 1);
    }
}

/* All first halves, and second halves made of every byte at which a range of the standard begins or ends. */
static void every_four_byte_pattern_up_to_equivalent_tails_is_judged_right(void **state)
{
    (void)state;
    static const uint8_t edges[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF,
                                    0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xED, 0xF0, 0xF4, 0xFF};
    uint8_t b[4];
    for (uint32_t v = 0; v < 1U << 16; v++) {
        b[0] = (uint8_t)(v >> 8);
        b[1] = (uint8_t)v;
        for (size_t i = 0; i < sizeof edges; i++) {
            b[2] = edges[i];
            for (size_t k = 0; k < sizeof edges; k++) {
                b[3] = edges[k];
                expect_same(b, 4);
            }
        }
    }
}

/* The fast path works in steps of 8 and 32 bytes: a character at every place of texts of every small length.
 * The copy is exactly as long as the text, so that AddressSanitizer sees a read beyond it. */
static void characters_and_faults_are_found_at_every_place(void **state)
{
    (void)state;
    static const char *const inserts[] = {"\xC3\xA9", "\xE2\x82\xAC",    "\xF0\x9F\x98\x80", "\x80",
                                          "\xC3",     "\xE2\x82",        "\xF0\x9F\x98",     "\xED\xA0\x80",
                                          "\xFF",     "\xF4\x90\x80\x80"};
    for (size_t len = 1; len <= 100; len++) {
        for (size_t i = 0; i < sizeof inserts / sizeof inserts[0]; i++) {
            const size_t n = strlen(inserts[i]);
            for (size_t at = 0; at + n <= len; at++) {
                uint8_t *text = malloc(len);
                assert_non_null(text);
                memset(text, 'a', len);
                memcpy(text + at, inserts[i], n);
                assert_int_equal(rv_utf8_valid(text, len), slow_valid(text, len));
                free(text);
            }
        }
    }
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

static void mixed_texts_with_one_damaged_byte_are_judged_right(void **state)
{
    (void)state;
    static const char *const units[] = {"a", "plain ascii text", "é", "Ж", "€", "漢字", "😀"};
    uint32_t seed = 7;
    int n_valid = 0;
    for (int round = 0; round < 100000; round++) {
        uint8_t text[160];
        size_t len = 0;
        while (len < 120) {
            const char *unit = units[next_random(&seed) % 7];
            memcpy(text + len, unit, strlen(unit) + 1);
            len += strlen(unit);
        }
        if (round % 2)
            text[next_random(&seed) % len] = (uint8_t)next_random(&seed);
        const bool expected = slow_valid(text, len);
        assert_int_equal(rv_utf8_valid(text, len), expected);
        n_valid += expected;
    }
    assert_in_range(n_valid, 50000, 99999);
}

static void nothing_is_valid(void **state)
{
    (void)state;
    assert_true(rv_utf8_valid(NULL, 0));
    assert_true(rv_utf8_valid((const uint8_t *)"", 1)); /* U+0000 is a character */
}

static void a_prefix_is_the_longest_that_cuts_no_character(void **state)
{
    (void)state;
    const char *text = "aé€😀z";
    const uint8_t *bytes = (const uint8_t *)text;
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11, 11};
    for (size_t max = 0; max < sizeof expected / sizeof expected[0]; max++)
        assert_int_equal(rv_utf8_prefix(bytes, strlen(text), max), expected[max]);
    assert_int_equal(rv_utf8_prefix(NULL, 0, 5), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pattern_of_one_to_three_bytes_is_judged_right),
        cmocka_unit_test(every_four_byte_pattern_up_to_equivalent_tails_is_judged_right),
        cmocka_unit_test(characters_and_faults_are_found_at_every_place),
        cmocka_unit_test(mixed_texts_with_one_damaged_byte_are_judged_right),
        cmocka_unit_test(nothing_is_valid),
        cmocka_unit_test(a_prefix_is_the_longest_that_cuts_no_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
