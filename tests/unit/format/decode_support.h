/* decode_support.h - a page to decode, in a block of memory that ends where the page does, and what came of it. */
#ifndef TESTS_UNIT_FORMAT_DECODE_SUPPORT_H
#define TESTS_UNIT_FORMAT_DECODE_SUPPORT_H

#include "format/parquet/reader/decode.h"
#include "parquet_support.h"

typedef struct decoding {
    rvi_pq_memory memory;
    rvi_pqr_space space, dictionary_space;
    uint8_t *page, *dictionary_page;
    rvi_pqr_values dictionary, values;
    rv_error err;
} decoding;

static inline void decoding_open(decoding *d)
{
    *d = (decoding){0};
    rvi_pqr_space_init(&d->space, &d->memory);
    rvi_pqr_space_init(&d->dictionary_space, &d->memory);
}

static inline void decoding_close(decoding *d)
{
    rvi_pqr_space_deinit(&d->space);
    rvi_pqr_space_deinit(&d->dictionary_space);
    assert_int_equal(d->memory.used, 0);
    free(d->page);
    free(d->dictionary_page);
}

static inline uint8_t *block_of(const uint8_t *bytes, size_t len)
{
    uint8_t *block = malloc(len > 0 ? len : 1);
    assert_non_null(block);
    if (len > 0)
        memcpy(block, bytes, len);
    return block;
}

static inline rv_code decode_dictionary(decoding *d, rv_parquet_physical physical, uint32_t width,
                                        const uint8_t *bytes, size_t len, uint32_t n)
{
    free(d->dictionary_page);
    d->dictionary_page = block_of(bytes, len);
    rvi_pqr_page_input in = {
        .physical = physical, .width = width, .bytes = d->dictionary_page, .len = len, .n_values = n};
    return rvi_pqr_decode_dictionary(RV_PARQUET_PLAIN, &in, &d->dictionary_space, &d->dictionary, &d->err);
}

/* `width` is that of FIXED. A dictionary is there if it was decoded before. */
static inline rv_code decode(decoding *d, int encoding, rv_parquet_physical physical, uint32_t width,
                             const uint8_t *bytes, size_t len, uint32_t n)
{
    free(d->page);
    d->page = block_of(bytes, len);
    rvi_pqr_page_input in = {.physical = physical,
                             .width = width,
                             .bytes = d->page,
                             .len = len,
                             .n_values = n,
                             .dictionary = d->dictionary_page != NULL ? &d->dictionary : NULL};
    rv_code rc = rvi_pqr_decode(encoding, &in, &d->space, &d->values, &d->err);
    assert_true(rc == RV_OK || (d->err.code == rc && d->err.message[0] != '\0'));
    return rc;
}

/* Every byte of what was decoded, so that a sanitizer sees where it lies. */
static inline uint64_t sum_of(const rvi_pqr_values *values)
{
    uint64_t sum = 0;
    if (values->width > 0)
        for (size_t i = 0; i < (size_t)values->n * values->width; i++)
            sum += values->fixed[i];
    else
        for (uint32_t i = 0; i < values->n; i++)
            for (uint32_t k = 0; k < values->spans[i].len; k++)
                sum += values->data[values->spans[i].at + k];
    return sum;
}

/* Bits one after the other, least significant first. */
typedef struct bit_writer {
    uint8_t *data;
    size_t n_bits;
} bit_writer;

static inline void put_bits(bit_writer *to, uint64_t value, int width)
{
    for (int b = 0; b < width; b++, to->n_bits++) {
        if (to->n_bits % 8 == 0)
            to->data[to->n_bits / 8] = 0;
        to->data[to->n_bits / 8] |= (uint8_t)((value >> b & 1) << (to->n_bits % 8));
    }
}

static inline void put_byte(bit_writer *to, uint8_t byte)
{
    put_bits(to, 0, (int)((8 - to->n_bits % 8) % 8));
    put_bits(to, byte, 8);
}

static inline void put_varint(bit_writer *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        put_byte(to, (uint8_t)(value | 0x80));
    put_byte(to, (uint8_t)value);
}

static inline uint64_t low_bits(uint64_t value, int width)
{
    return width == 64 ? value : value & (((uint64_t)1 << width) - 1);
}

#endif
