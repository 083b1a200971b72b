/* parquet_support.h - what the tests of the Parquet writer share: a sink into memory, small schemas, and decoders
 * that follow the specification bit by bit, with no regard for speed. */
#ifndef TESTS_UNIT_FORMAT_PARQUET_SUPPORT_H
#define TESTS_UNIT_FORMAT_PARQUET_SUPPORT_H

#include "format/parquet/leaf.h"
#include "format/parquet/memory.h"
#include "rivet/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Keeps what is written, up to a number of bytes after which it fails. */
typedef struct memory_sink {
    rv_sink base;
    uint8_t *data;
    size_t len, cap;
    size_t fails_after; /* bytes */
} memory_sink;

static inline rv_code memory_sink_write(rv_sink *base, const void *data, size_t len, rv_error *err)
{
    memory_sink *sink = (memory_sink *)base;
    if (sink->len + len > sink->fails_after || sink->len + len > sink->cap)
        return rv_fail(err, RV_E_DEST_FULL, "the sink takes no more");
    memcpy(sink->data + sink->len, data, len);
    sink->len += len;
    return RV_OK;
}

/* The memory is taken at once, so that a test's own allocations are no part of a fault loop. */
static inline memory_sink memory_sink_open(size_t cap)
{
    memory_sink sink = {.base = {.write = memory_sink_write}, .cap = cap, .fails_after = SIZE_MAX};
    sink.data = malloc(cap);
    assert_non_null(sink.data);
    return sink;
}

static inline rv_type scalar(rv_type_id id)
{
    return (rv_type){.id = id};
}

static inline rv_type decimal(int precision, int scale)
{
    return (rv_type){.id = RV_TYPE_DECIMAL, .precision = (uint8_t)precision, .scale = (uint8_t)scale};
}

static inline rv_type list_of(rv_type element)
{
    return (rv_type){
        .id = RV_TYPE_LIST, .element = element.id, .precision = element.precision, .scale = element.scale};
}

static inline rv_field field_of(const char *name, rv_type type, bool nullable)
{
    return (rv_field){
        .name = name, .native_type = "native", .natural = type, .type = type, .nullable = nullable};
}

static inline rvi_pq_leaf leaf_of(rv_field *field)
{
    rvi_pq_leaf leaf;
    assert_int_equal(rvi_pq_leaf_init(&leaf, field, NULL), RV_OK);
    return leaf;
}

static inline uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* Bit number `at` of a stream of bits, least significant first. */
static inline uint32_t bit_at(const uint8_t *data, size_t at)
{
    return (uint32_t)(data[at / 8] >> (at % 8)) & 1u;
}

/* n values of the RLE / bit-packed hybrid; returns the bytes read. Fails the test on anything not allowed. */
static inline size_t decode_hybrid(const uint8_t *data, size_t len, int width, uint32_t *out, size_t n)
{
    size_t at = 0, done = 0;
    while (done < n) {
        uint64_t head = 0;
        int shift = 0;
        do {
            assert_true(at < len);
            head |= (uint64_t)(data[at] & 0x7f) << shift;
            shift += 7;
        } while (data[at++] & 0x80);
        assert_true(head >> 1 > 0);
        if (head & 1) {
            size_t n_bits = (size_t)(head >> 1) * 8;
            assert_true(at + n_bits / 8 * (size_t)width <= len);
            for (size_t i = 0; i < n_bits; i++, done++) {
                uint32_t value = 0;
                for (int b = 0; b < width; b++)
                    value |= bit_at(data + at, i * (size_t)width + (size_t)b) << b;
                if (done < n)
                    out[done] = value;
                else
                    assert_int_equal(value, 0);
            }
            at += n_bits / 8 * (size_t)width;
        } else {
            uint32_t value = 0;
            for (int bits = 0; bits < width; bits += 8)
                value |= (uint32_t)data[at++] << bits;
            assert_true(width == 32 || value >> width == 0);
            assert_true(at <= len && done + (head >> 1) <= n);
            for (uint64_t i = 0; i < head >> 1; i++)
                out[done++] = value;
        }
    }
    return at;
}

#endif
