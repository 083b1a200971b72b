/* encoding_decoders.h - readers of the delta and split encodings, written from Encodings.md alone: bit by bit, with
 * every demand of the specification as an assertion. */
#ifndef TESTS_UNIT_FORMAT_ENCODING_DECODERS_H
#define TESTS_UNIT_FORMAT_ENCODING_DECODERS_H

#include "parquet_support.h"

static inline uint64_t read_varint(const uint8_t *data, size_t len, size_t *at)
{
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        assert_true(*at < len && shift < 64);
        uint8_t byte = data[(*at)++];
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return value;
    }
}

static inline uint64_t unzigzag(uint64_t value)
{
    return value >> 1 ^ (0 - (value & 1));
}

static inline uint64_t read_bits(const uint8_t *data, size_t at, int width)
{
    uint64_t value = 0;
    for (int b = 0; b < width; b++)
        value |= (uint64_t)bit_at(data, at + (size_t)b) << b;
    return value;
}

/* n integers of `bits` (32 or 64) as DELTA_BINARY_PACKED; returns the bytes read. Arithmetic wraps at `bits`. */
static inline size_t decode_delta(const uint8_t *data, size_t len, int bits, uint64_t *out, size_t n)
{
    const uint64_t mask = bits == 64 ? UINT64_MAX : UINT32_MAX;
    size_t at = 0;
    uint64_t block = read_varint(data, len, &at), n_mini = read_varint(data, len, &at);
    assert_true(block > 0 && block % 128 == 0 && n_mini > 0 && block % n_mini == 0 &&
                block / n_mini % 32 == 0);
    assert_int_equal(read_varint(data, len, &at), n);
    uint64_t value = unzigzag(read_varint(data, len, &at)) & mask;
    size_t done = 0, mini = block / n_mini;
    if (n == 0)
        assert_int_equal(value, 0);
    else
        out[done++] = value;
    while (done < n) {
        uint64_t least = unzigzag(read_varint(data, len, &at));
        const uint8_t *widths = data + at;
        at += n_mini;
        assert_true(at <= len);
        for (size_t m = 0; m < n_mini; m++) {
            assert_true(widths[m] <= bits);
            if (done == n) { /* no value left: no width, no body */
                assert_int_equal(widths[m], 0);
                continue;
            }
            assert_true(at + mini * widths[m] / 8 <= len);
            for (size_t i = 0; i < mini; i++) {
                uint64_t above = read_bits(data + at, i * widths[m], widths[m]);
                if (done == n) {
                    assert_int_equal(above, 0); /* padding */
                    continue;
                }
                value = (value + least + above) & mask;
                out[done++] = value;
            }
            at += mini * widths[m] / 8;
        }
    }
    return at;
}

/* Values of DELTA_LENGTH_BYTE_ARRAY as PLAIN into `out` (room for all); returns the PLAIN bytes. The page must end with
 * them. `prefixes`: lengths of what each takes from the value before; NULL: none. `width`: of fixed-length values. */
static inline size_t decode_suffixes(const uint8_t *data, size_t len, size_t n, size_t width,
                                     const uint64_t *prefixes, uint8_t *out)
{
    uint64_t *lengths = calloc(n + 1, sizeof *lengths);
    assert_non_null(lengths);
    size_t at = decode_delta(data, len, 32, lengths, n), to = 0;
    const uint8_t *before = out;
    size_t before_len = 0;
    for (size_t i = 0; i < n; i++) {
        size_t shared = prefixes != NULL ? prefixes[i] : 0, value_len = shared + lengths[i];
        assert_true(shared <= before_len && at + lengths[i] <= len);
        if (width == 0) {
            uint32_t word = (uint32_t)value_len;
            memcpy(out + to, &word, 4);
            to += 4;
        } else {
            assert_int_equal(value_len, width);
        }
        if (shared > 0)
            memcpy(out + to, before, shared);
        if (lengths[i] > 0)
            memcpy(out + to + shared, data + at, lengths[i]);
        before = out + to;
        before_len = value_len;
        to += value_len;
        at += lengths[i];
    }
    assert_int_equal(at, len);
    free(lengths);
    return to;
}

static inline size_t decode_delta_bytes(const uint8_t *data, size_t len, size_t n, size_t width, uint8_t *out)
{
    uint64_t *prefixes = calloc(n + 1, sizeof *prefixes);
    assert_non_null(prefixes);
    size_t at = decode_delta(data, len, 32, prefixes, n);
    size_t plain = decode_suffixes(data + at, len - at, n, width, prefixes, out);
    assert_true(n == 0 || prefixes[0] == 0);
    free(prefixes);
    return plain;
}

#endif
