#include "rivet/utf8.h"

#include "base/internal.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

static const uint64_t HIGH_BITS = 0x8080808080808080U;

static uint64_t load8(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return le64toh(word);
}

/* The first byte from p on that is not ASCII, or `end`. `begin` is where the text begins, at or before p. */
static const uint8_t *skip_ascii(const uint8_t *begin, const uint8_t *p, const uint8_t *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t high = load8(p) & HIGH_BITS;
        if (high)
            return p + __builtin_ctzll(high) / 8;
        while (end - p >= 40 && !((load8(p + 8) | load8(p + 16) | load8(p + 24) | load8(p + 32)) & HIGH_BITS))
            p += 32;
    }
    /* The last few bytes in one step as well, together with some that were seen before. */
    if (end - begin >= 8 && !(load8(end - 8) & HIGH_BITS))
        return end;
    while (p < end && *p < 0x80)
        p++;
    return p;
}

static bool is_tail(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* Length of the well-formed character at p, whose first byte is not ASCII; 0: ill-formed or cut.
 * Spec: The Unicode Standard, section 3.9, table 3-7 "Well-Formed UTF-8 Byte Sequences": the first byte
 * restricts the second, which is what rules out overlong forms, surrogates and what lies above U+10FFFF. */
static size_t multibyte_len(const uint8_t *p, const uint8_t *end)
{
    const uint8_t first = p[0];
    const size_t left = (size_t)(end - p);
    if (first < 0xC2 || left < 2)
        return 0;
    if (first < 0xE0)
        return is_tail(p[1]) ? 2 : 0;
    if (first < 0xF0) {
        const uint8_t low = first == 0xE0 ? 0xA0 : 0x80, high = first == 0xED ? 0x9F : 0xBF;
        return left >= 3 && p[1] >= low && p[1] <= high && is_tail(p[2]) ? 3 : 0;
    }
    if (first > 0xF4)
        return 0;
    const uint8_t low = first == 0xF0 ? 0x90 : 0x80, high = first == 0xF4 ? 0x8F : 0xBF;
    return left >= 4 && p[1] >= low && p[1] <= high && is_tail(p[2]) && is_tail(p[3]) ? 4 : 0;
}

bool rvi_utf8_valid_plain(const uint8_t *bytes, size_t len)
{
    if (len == 0)
        return true;
    const uint8_t *end = bytes + len;
    for (const uint8_t *p = skip_ascii(bytes, bytes, end); p < end; p = skip_ascii(bytes, p, end)) {
        do { /* scripts other than Latin come in runs */
            size_t n = multibyte_len(p, end);
            if (n == 0)
                return false;
            p += n;
        } while (p < end && *p >= 0x80);
    }
    return true;
}

bool rv_utf8_valid(const uint8_t *bytes, size_t len)
{
    enum { WORTH_IT = 48 };
    return len >= WORTH_IT && rvi_utf8_has_avx2() ? rvi_utf8_valid_avx2(bytes, len)
                                                  : rvi_utf8_valid_plain(bytes, len);
}

size_t rv_utf8_prefix(const uint8_t *bytes, size_t len, size_t max_bytes)
{
    if (len <= max_bytes)
        return len;
    size_t n = max_bytes;
    while (n > 0 && is_tail(bytes[n]))
        n--;
    return n;
}

size_t rvi_vformat(char *out, size_t size, const char *fmt, va_list args)
{
    int wanted = vsnprintf(out, size, fmt, args);
    if (wanted < 0) {
        static const char refused[] = "(this text could not be formatted)";
        size_t n = size - 1 < sizeof refused - 1 ? size - 1 : sizeof refused - 1;
        memcpy(out, refused, n);
        out[n] = '\0';
        return n;
    }
    size_t len = (size_t)wanted;
    if (len < size)
        return len;
    /* Cut. Step back over at most one character that lost its tail; the text may be no UTF-8 at all. */
    len = size - 1;
    size_t start = len;
    while (start > 0 && len - start < 3 && is_tail((uint8_t)out[start - 1]))
        start--;
    if (start > 0 && (uint8_t)out[start - 1] >= 0xC0) {
        uint8_t first = (uint8_t)out[start - 1];
        size_t whole = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
        if (len - (start - 1) < whole)
            len = start - 1;
    }
    out[len] = '\0';
    return len;
}
