/* rle.c - which values become runs.
 *
 * Values are looked at in groups of 8. A group of equal values begins a run if the run it begins saves more than
 * the two headers that it costs; all others are packed. Bit-packed runs may be of any length, so a page without
 * repetition is a single one. */
#include "rle.h"

#include "bitpack.h"

#include <assert.h>
#include <string.h>

enum {
    GROUP = RVI_PQ_GROUP_VALUES,
    VARINT_MAX_BYTES = 10,
    WORTH_BITS = 64,    /* a run shorter than this many bits of packed values costs more than it saves */
    STREAM_GROUPS = 63, /* most groups whose count still fits the one header byte that the stream reserves */
};

int rvi_pq_bit_width(uint32_t max)
{
    return max <= 1 ? 1 : 32 - __builtin_clz(max);
}

static size_t put_varint(uint8_t *to, uint64_t value)
{
    size_t n = 0;
    while (value >= 0x80) {
        to[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    to[n++] = (uint8_t)value;
    return n;
}

static size_t put_run(uint8_t *to, uint32_t value, uint64_t n, int width)
{
    size_t len = put_varint(to, n << 1);
    for (int bits = 0; bits < width; bits += 8)
        to[len++] = (uint8_t)(value >> bits);
    return len;
}

static inline uint64_t load_64(const void *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

/* How many values from `values` on equal the first: two at a time, then the last one. n >= 1. */
static size_t run_length(const uint32_t *values, size_t n)
{
    const uint64_t two = (uint64_t)values[0] << 32 | values[0];
    size_t len = 1;
    while (n - len >= 2 && load_64(values + len) == two)
        len += 2;
    while (len < n && values[len] == values[0])
        len++;
    return len;
}

/* Length of the run that begins at values[0], or 0 where packing is better. n >= 8. */
static size_t worthy_run(const uint32_t *values, size_t n, int width)
{
    if (values[0] != values[GROUP - 1] || values[0] != values[GROUP / 2])
        return 0;
    size_t len = run_length(values, n);
    return len >= GROUP && len * (size_t)width >= WORTH_BITS ? len : 0;
}

/* Whole groups from `values` on before the next run that is worth its header. Also its length, to spare a scan. */
static size_t packed_groups(const uint32_t *values, size_t n, int width, size_t *run)
{
    size_t at = 0;
    *run = 0;
    while (n - at >= GROUP) {
        *run = worthy_run(values + at, n - at, width);
        if (*run != 0)
            break;
        at += GROUP;
    }
    return at / GROUP;
}

/* The last 1..7 values as one group, or as a run when nothing but equal values is left. */
static size_t put_tail(uint8_t *to, const uint32_t *values, size_t n, int width)
{
    if (run_length(values, n) == n)
        return put_run(to, values[0], n, width);
    uint32_t padded[GROUP] = {0};
    memcpy(padded, values, n * sizeof *values);
    to[0] = 1 << 1 | 1;
    rvi_pq_pack_u32(padded, 1, width, to + 1);
    return 1 + (size_t)width;
}

rv_code rvi_pq_rle_append(const uint32_t *values, size_t n, int width, rvi_pq_buf *out, rv_error *err)
{
    assert(width >= 1 && width <= RVI_PQ_RLE_MAX_WIDTH);
    /* Headers: one of at most 10 bytes before each run, and a run costs less than the 64 bits it stands for. */
    size_t bound = (n / GROUP + 2) * ((size_t)width + 2) + 4 * (size_t)VARINT_MAX_BYTES + RVI_PQ_PACK_SLACK;
    RV_TRY(rvi_pq_buf_reserve(out, bound, err));
    uint8_t *to = out->data + out->len;
    while (n >= GROUP) {
        size_t run = 0;
        size_t n_groups = packed_groups(values, n, width, &run);
        if (n_groups > 0) {
            to += put_varint(to, (uint64_t)n_groups << 1 | 1);
            rvi_pq_pack_u32(values, n_groups, width, to);
            to += n_groups * (size_t)width;
        }
        if (run > 0)
            to += put_run(to, values[n_groups * GROUP], run, width);
        values += n_groups * GROUP + run;
        n -= n_groups * GROUP + run;
    }
    if (n > 0)
        to += put_tail(to, values, n, width);
    out->len = (size_t)(to - out->data);
    return RV_OK;
}

rv_code rvi_pq_rle_append_run(uint32_t value, size_t n, rvi_pq_buf *out, rv_error *err)
{
    assert(n > 0 && value <= UINT8_MAX);
    RV_TRY(rvi_pq_buf_reserve(out, VARINT_MAX_BYTES + 1, err));
    out->len += put_run(out->data + out->len, value, n, 8);
    return RV_OK;
}

/* Whole bytes of a bitmap from `bits` on that are all 0x00 or all 0xff like the first; 0 if it is neither. */
static size_t even_bytes(const uint8_t *bits, size_t n)
{
    if (bits[0] != 0 && bits[0] != 0xff)
        return 0;
    const uint64_t eight = bits[0] == 0 ? 0 : UINT64_MAX;
    size_t len = 1;
    while (n - len >= 8 && load_64(bits + len) == eight)
        len += 8;
    while (len < n && bits[len] == bits[0])
        len++;
    return len;
}

/* Bytes from `bits` on before the next stretch of even bytes that is worth a run. */
static size_t mixed_bytes(const uint8_t *bits, size_t n)
{
    size_t at = 0;
    while (at < n) {
        size_t even = even_bytes(bits + at, n - at);
        if (even >= WORTH_BITS / 8)
            break;
        at += even > 0 ? even : 1;
    }
    return at;
}

rv_code rvi_pq_rle_append_bits(const uint8_t *bits, size_t n, rvi_pq_buf *out, rv_error *err)
{
    size_t n_bytes = (n + 7) / 8, at = 0;
    RV_TRY(rvi_pq_buf_reserve(out, n_bytes * 2 + 2 * (size_t)VARINT_MAX_BYTES, err));
    uint8_t *to = out->data + out->len;
    while (at < n_bytes) {
        size_t mixed = mixed_bytes(bits + at, n_bytes - at);
        if (mixed > 0) { /* one group of 8 values is one byte */
            to += put_varint(to, (uint64_t)mixed << 1 | 1);
            memcpy(to, bits + at, mixed);
            to += mixed;
            at += mixed;
            continue;
        }
        size_t even = even_bytes(bits + at, n_bytes - at);
        size_t end = (at + even) * 8 < n ? (at + even) * 8 : n;
        to += put_run(to, bits[at] & 1u, end - at * 8, 1);
        at += even;
    }
    out->len = (size_t)(to - out->data);
    return RV_OK;
}

/* Append the full `group`, to the open bit-packed run if there is one with room. */
static rv_code stream_pack(rvi_pq_rle_stream *s, rv_error *err)
{
    RV_TRY(rvi_pq_buf_reserve(&s->out, 1 + GROUP + RVI_PQ_PACK_SLACK, err));
    if (s->n_packed == 0 || s->n_packed == STREAM_GROUPS) {
        s->packed_header = s->out.len++;
        s->n_packed = 0;
    }
    s->n_packed++;
    s->out.data[s->packed_header] = (uint8_t)(s->n_packed << 1 | 1);
    uint32_t values[GROUP];
    for (int i = 0; i < GROUP; i++)
        values[i] = s->group[i];
    rvi_pq_pack_u32(values, 1, s->width, s->out.data + s->out.len);
    s->out.len += (size_t)s->width;
    s->n_group = 0;
    return RV_OK;
}

/* Encode the open run: what fills up a started group is packed, the rest becomes a run if it is worth one. */
static rv_code stream_close_run(rvi_pq_rle_stream *s, rv_error *err)
{
    while (s->run > 0) {
        if (s->n_group == 0 && s->run >= GROUP && s->run * (uint64_t)s->width >= WORTH_BITS) {
            RV_TRY(rvi_pq_buf_reserve(&s->out, VARINT_MAX_BYTES + 4, err));
            s->out.len += put_run(s->out.data + s->out.len, s->value, s->run, s->width);
            s->n_packed = 0;
            s->run = 0;
            break;
        }
        s->group[s->n_group++] = (uint8_t)s->value;
        s->run--;
        if (s->n_group == GROUP)
            RV_TRY(stream_pack(s, err));
    }
    return RV_OK;
}

rv_code rvi_pq_rle_push(rvi_pq_rle_stream *stream, uint32_t value, uint64_t n, rv_error *err)
{
    assert(stream->width >= 1 && stream->width <= 8);
    if (n == 0)
        return RV_OK;
    if (value != stream->value) {
        RV_TRY(stream_close_run(stream, err));
        stream->value = value;
    }
    stream->run += n;
    return RV_OK;
}

rv_code rvi_pq_rle_finish(rvi_pq_rle_stream *stream, rv_error *err)
{
    if (stream->n_group == 0 && stream->run > 0) { /* nothing follows, so any length may be a run */
        RV_TRY(rvi_pq_buf_reserve(&stream->out, VARINT_MAX_BYTES + 4, err));
        stream->out.len +=
            put_run(stream->out.data + stream->out.len, stream->value, stream->run, stream->width);
        stream->run = 0;
        return RV_OK;
    }
    RV_TRY(stream_close_run(stream, err));
    if (stream->n_group == 0)
        return RV_OK;
    memset(stream->group + stream->n_group, 0, (size_t)(GROUP - stream->n_group));
    return stream_pack(stream, err);
}

void rvi_pq_rle_clear(rvi_pq_rle_stream *stream)
{
    stream->out.len = 0;
    stream->run = 0;
    stream->value = 0;
    stream->n_group = 0;
    stream->n_packed = 0;
}
