/* delta.c - differences in blocks.
 *
 * Room for the worst case is made before the first byte, so nothing below the public functions can fail. A miniblock
 * that is used is always written whole: the places behind the last value hold zeros. Miniblocks without a value have
 * width 0 and no bytes. */
#include "delta.h"

#include "bitpack.h"
#include "values.h"

#include <assert.h>

enum {
    BLOCK = 128,
    MINIBLOCKS = 4,
    MINIBLOCK = BLOCK / MINIBLOCKS,
    VARINT_MAX_BYTES = 10,
    HEADER_MAX_BYTES = 4 * VARINT_MAX_BYTES,
    BLOCK_HEADER_MAX_BYTES = VARINT_MAX_BYTES + MINIBLOCKS,
};

size_t rvi_pq_delta_bound(size_t n, size_t width)
{
    return HEADER_MAX_BYTES + (n / BLOCK + 1) * (BLOCK_HEADER_MAX_BYTES + BLOCK * width) + RVI_PQ_PACK_SLACK;
}

static uint8_t *put_varint(uint8_t *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *to++ = (uint8_t)(value | 0x80);
    *to++ = (uint8_t)value;
    return to;
}

static uint64_t zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static uint8_t *put_header(uint8_t *to, size_t n, int64_t first)
{
    to = put_varint(to, BLOCK);
    to = put_varint(to, MINIBLOCKS);
    to = put_varint(to, n);
    return put_varint(to, zigzag(first));
}

/* Differences of one block, as the smallest of them and what each has above it (0 behind the last). */
typedef struct block {
    size_t n; /* 1..BLOCK */
    int64_t least;
    uint64_t above[BLOCK];
} block;

static int width_of(const uint64_t *above)
{
    uint64_t any = 0;
    for (int i = 0; i < MINIBLOCK; i++)
        any |= above[i];
    return any == 0 ? 0 : 64 - __builtin_clzll((unsigned long long)any);
}

static uint8_t *put_block(uint8_t *to, const block *b)
{
    to = put_varint(to, zigzag(b->least));
    uint8_t *widths = to;
    memset(widths, 0, MINIBLOCKS);
    to += MINIBLOCKS;
    for (size_t m = 0; m * MINIBLOCK < b->n; m++) {
        int width = width_of(b->above + m * MINIBLOCK);
        widths[m] = (uint8_t)width;
        rvi_pq_pack_u64(b->above + m * MINIBLOCK, MINIBLOCK / RVI_PQ_GROUP_VALUES, width, to);
        to += width * (MINIBLOCK / RVI_PQ_GROUP_VALUES);
    }
    return to;
}

static void clear_rest(block *b)
{
    memset(b->above + b->n, 0, (BLOCK - b->n) * sizeof b->above[0]);
}

/* The block of the n values behind values[0]. All arithmetic wraps at 32 bits, so what lies above the smallest
 * difference does too: a reader that computes in 32 bits gets every value back. */
static void fill_i32(block *b, const uint8_t *values, size_t n)
{
    uint32_t differences[BLOCK], before, value;
    int32_t least = INT32_MAX;
    memcpy(&before, values, 4);
    for (size_t i = 0; i < n; i++) {
        memcpy(&value, values + (i + 1) * 4, 4);
        differences[i] = value - before;
        before = value;
    }
    for (size_t i = 0; i < n; i++)
        least = (int32_t)differences[i] < least ? (int32_t)differences[i] : least;
    for (size_t i = 0; i < n; i++)
        b->above[i] = differences[i] - (uint32_t)least;
    b->n = n;
    b->least = least;
    clear_rest(b);
}

static void fill_i64(block *b, const uint8_t *values, size_t n)
{
    uint64_t before, value;
    int64_t least = INT64_MAX;
    memcpy(&before, values, 8);
    for (size_t i = 0; i < n; i++) {
        memcpy(&value, values + (i + 1) * 8, 8);
        b->above[i] = value - before;
        before = value;
    }
    for (size_t i = 0; i < n; i++)
        least = (int64_t)b->above[i] < least ? (int64_t)b->above[i] : least;
    for (size_t i = 0; i < n; i++)
        b->above[i] -= (uint64_t)least;
    b->n = n;
    b->least = least;
    clear_rest(b);
}

static uint8_t *put_i32(uint8_t *to, const uint8_t *values, size_t n)
{
    block b;
    int32_t first = 0;
    if (n > 0)
        memcpy(&first, values, 4);
    to = put_header(to, n, first);
    for (size_t at = 1; at < n; at += BLOCK) {
        fill_i32(&b, values + (at - 1) * 4, n - at < BLOCK ? n - at : BLOCK);
        to = put_block(to, &b);
    }
    return to;
}

static uint8_t *put_i64(uint8_t *to, const uint8_t *values, size_t n)
{
    block b;
    int64_t first = 0;
    if (n > 0)
        memcpy(&first, values, 8);
    to = put_header(to, n, first);
    for (size_t at = 1; at < n; at += BLOCK) {
        fill_i64(&b, values + (at - 1) * 8, n - at < BLOCK ? n - at : BLOCK);
        to = put_block(to, &b);
    }
    return to;
}

static void set_end(rvi_pq_buf *out, const uint8_t *end)
{
    out->len = (size_t)(end - out->data);
    assert(out->len <= out->cap);
}

rv_code rvi_pq_delta_append_i32(const uint8_t *values, size_t n, rvi_pq_buf *out, rv_error *err)
{
    RV_TRY(rvi_pq_buf_reserve(out, rvi_pq_delta_bound(n, 4), err));
    set_end(out, put_i32(out->data + out->len, values, n));
    return RV_OK;
}

rv_code rvi_pq_delta_append_i64(const uint8_t *values, size_t n, rvi_pq_buf *out, rv_error *err)
{
    RV_TRY(rvi_pq_buf_reserve(out, rvi_pq_delta_bound(n, 8), err));
    set_end(out, put_i64(out->data + out->len, values, n));
    return RV_OK;
}

/* ---- byte arrays ---- */

static size_t bytes_of(const rvi_pq_byte_arrays *in)
{
    return in->width == 0 ? in->len - in->n * 4 : in->len;
}

/* The value at *at, which moves on to the next. */
static inline const uint8_t *next_value(const rvi_pq_byte_arrays *in, const uint8_t **at, size_t *len)
{
    const uint8_t *value = *at;
    *len = in->width;
    if (in->width == 0) {
        *len = rvi_pq_load_u32(value);
        value += 4;
    }
    *at = value + *len;
    return value;
}

/* Lengths of what lies behind the shared prefixes (NULL: none is shared), as DELTA_BINARY_PACKED. They are made one
 * block at a time; the block's first value stands before it, as put_i32() has it for all values at once. */
static uint8_t *put_lengths(uint8_t *to, const rvi_pq_byte_arrays *in, const uint32_t *prefixes)
{
    uint32_t lengths[BLOCK + 1] = {0};
    const uint8_t *at = in->values;
    size_t n_waiting = 0;
    block b;
    for (size_t i = 0; i < in->n; i++) {
        size_t len;
        (void)next_value(in, &at, &len);
        lengths[n_waiting++] = (uint32_t)len - (prefixes != NULL ? prefixes[i] : 0);
        if (i == 0)
            to = put_header(to, in->n, (int32_t)lengths[0]);
        if (n_waiting == BLOCK + 1 || (i + 1 == in->n && n_waiting > 1)) {
            fill_i32(&b, (const uint8_t *)lengths, n_waiting - 1);
            to = put_block(to, &b);
            lengths[0] = lengths[n_waiting - 1];
            n_waiting = 1;
        }
    }
    return in->n > 0 ? to : put_header(to, 0, 0);
}

static uint8_t *put_bytes(uint8_t *to, const rvi_pq_byte_arrays *in, const uint32_t *prefixes)
{
    const uint8_t *at = in->values;
    for (size_t i = 0; i < in->n; i++) {
        size_t len, skipped = prefixes != NULL ? prefixes[i] : 0;
        const uint8_t *value = next_value(in, &at, &len);
        rvi_pq_copy(to, value + skipped, len - skipped);
        to += len - skipped;
    }
    return to;
}

rv_code rvi_pq_delta_length_append(const rvi_pq_byte_arrays *in, rvi_pq_buf *out, rv_error *err)
{
    RV_TRY(rvi_pq_buf_reserve(out, rvi_pq_delta_bound(in->n, 4) + bytes_of(in), err));
    uint8_t *to = put_lengths(out->data + out->len, in, NULL);
    set_end(out, put_bytes(to, in, NULL));
    return RV_OK;
}

/* Bytes that both begin with. */
static inline size_t shared_prefix(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    size_t most = a_len < b_len ? a_len : b_len, len = 0;
    for (; most - len >= 8; len += 8) {
        uint64_t x, y;
        memcpy(&x, a + len, 8);
        memcpy(&y, b + len, 8);
        if (x != y)
            return len + (size_t)__builtin_ctzll((unsigned long long)(x ^ y)) / 8;
    }
    while (len < most && a[len] == b[len])
        len++;
    return len;
}

uint64_t rvi_pq_shared_prefixes(const rvi_pq_byte_arrays *in, size_t n)
{
    const uint8_t *at = in->values, *before = NULL;
    size_t before_len = 0;
    uint64_t shared = 0;
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const uint8_t *value = next_value(in, &at, &len);
        shared += shared_prefix(before, before_len, value, len);
        before = value;
        before_len = len;
    }
    return shared;
}

static void find_prefixes(const rvi_pq_byte_arrays *in, uint32_t *prefixes)
{
    const uint8_t *at = in->values, *before = NULL;
    size_t before_len = 0;
    for (size_t i = 0; i < in->n; i++) {
        size_t len;
        const uint8_t *value = next_value(in, &at, &len);
        prefixes[i] = (uint32_t)shared_prefix(before, before_len, value, len);
        before = value;
        before_len = len;
    }
}

rv_code rvi_pq_delta_bytes_append(const rvi_pq_byte_arrays *in, rvi_pq_buf *prefixes, rvi_pq_buf *out,
                                  rv_error *err)
{
    prefixes->len = 0;
    RV_TRY(rvi_pq_buf_reserve(prefixes, in->n * sizeof(uint32_t), err));
    RV_TRY(rvi_pq_buf_reserve(out, 2 * rvi_pq_delta_bound(in->n, 4) + bytes_of(in), err));
    uint32_t *lengths = (uint32_t *)(void *)prefixes->data;
    find_prefixes(in, lengths);
    uint8_t *to = put_i32(out->data + out->len, (const uint8_t *)lengths, in->n);
    to = put_lengths(to, in, lengths);
    set_end(out, put_bytes(to, in, lengths));
    return RV_OK;
}
