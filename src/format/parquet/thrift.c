#include "thrift.h"

#include <assert.h>
#include <string.h>

enum { VARINT_MAX_BYTES = 10 };

static void put(rvi_pq_thrift *t, const void *data, size_t len)
{
    if (t->rc == RV_OK)
        t->rc = rvi_pq_buf_append(t->out, data, len, t->err);
}

static void put_byte(rvi_pq_thrift *t, unsigned byte)
{
    uint8_t one = (uint8_t)byte;
    put(t, &one, 1);
}

static void put_varint(rvi_pq_thrift *t, uint64_t value)
{
    uint8_t bytes[VARINT_MAX_BYTES];
    size_t n = 0;
    while (value >= 0x80) {
        bytes[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[n++] = (uint8_t)value;
    put(t, bytes, n);
}

static uint64_t zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
}

static void put_bytes(rvi_pq_thrift *t, const void *data, size_t len)
{
    put_varint(t, len);
    put(t, data, len);
}

/* Delta form: Parquet's ids are small and ascend, so a step of 1..15 always suffices. */
static void field(rvi_pq_thrift *t, int16_t id, rvi_pq_thrift_type type)
{
    int16_t *last = &t->last_id[t->depth];
    int step = id - *last;
    assert(step >= 1 && step <= 15);
    put_byte(t, (unsigned)step << 4 | (unsigned)type);
    *last = id;
}

static void push(rvi_pq_thrift *t)
{
    assert(t->depth + 1 < RVI_PQ_THRIFT_DEPTH);
    t->last_id[++t->depth] = 0;
}

static void pop(rvi_pq_thrift *t)
{
    assert(t->depth > 0);
    put_byte(t, 0);
    t->depth--;
}

rvi_pq_thrift rvi_pq_thrift_begin(rvi_pq_buf *out, rv_error *err)
{
    return (rvi_pq_thrift){.out = out, .err = err, .rc = RV_OK};
}

rv_code rvi_pq_thrift_end(rvi_pq_thrift *t)
{
    assert(t->depth == 0);
    put_byte(t, 0);
    return t->rc;
}

void rvi_pq_thrift_i8(rvi_pq_thrift *t, int16_t id, int8_t value)
{
    field(t, id, RVI_PQ_THRIFT_I8);
    put_byte(t, (uint8_t)value);
}

void rvi_pq_thrift_i16(rvi_pq_thrift *t, int16_t id, int16_t value)
{
    field(t, id, RVI_PQ_THRIFT_I16);
    put_varint(t, zigzag(value));
}

void rvi_pq_thrift_i32(rvi_pq_thrift *t, int16_t id, int32_t value)
{
    field(t, id, RVI_PQ_THRIFT_I32);
    put_varint(t, zigzag(value));
}

void rvi_pq_thrift_i64(rvi_pq_thrift *t, int16_t id, int64_t value)
{
    field(t, id, RVI_PQ_THRIFT_I64);
    put_varint(t, zigzag(value));
}

void rvi_pq_thrift_bool(rvi_pq_thrift *t, int16_t id, bool value)
{
    field(t, id, value ? RVI_PQ_THRIFT_TRUE : RVI_PQ_THRIFT_FALSE);
}

void rvi_pq_thrift_binary(rvi_pq_thrift *t, int16_t id, const void *data, size_t len)
{
    field(t, id, RVI_PQ_THRIFT_BINARY);
    put_bytes(t, data, len);
}

void rvi_pq_thrift_text(rvi_pq_thrift *t, int16_t id, const char *text)
{
    rvi_pq_thrift_binary(t, id, text, strlen(text));
}

void rvi_pq_thrift_struct_begin(rvi_pq_thrift *t, int16_t id)
{
    field(t, id, RVI_PQ_THRIFT_STRUCT);
    push(t);
}

void rvi_pq_thrift_struct_end(rvi_pq_thrift *t)
{
    pop(t);
}

void rvi_pq_thrift_empty_struct(rvi_pq_thrift *t, int16_t id)
{
    rvi_pq_thrift_struct_begin(t, id);
    rvi_pq_thrift_struct_end(t);
}

void rvi_pq_thrift_list(rvi_pq_thrift *t, int16_t id, rvi_pq_thrift_type element, size_t n)
{
    enum { LONG_FORM = 15 };
    field(t, id, RVI_PQ_THRIFT_LIST);
    if (n < LONG_FORM) {
        put_byte(t, (unsigned)n << 4 | (unsigned)element);
        return;
    }
    put_byte(t, 0xf0u | (unsigned)element);
    put_varint(t, n);
}

void rvi_pq_thrift_item_bool(rvi_pq_thrift *t, bool value)
{
    put_byte(t, value ? RVI_PQ_THRIFT_TRUE : RVI_PQ_THRIFT_FALSE);
}

void rvi_pq_thrift_item_i32(rvi_pq_thrift *t, int32_t value)
{
    put_varint(t, zigzag(value));
}

void rvi_pq_thrift_item_i64(rvi_pq_thrift *t, int64_t value)
{
    put_varint(t, zigzag(value));
}

void rvi_pq_thrift_item_binary(rvi_pq_thrift *t, const void *data, size_t len)
{
    put_bytes(t, data, len);
}

void rvi_pq_thrift_item_struct_begin(rvi_pq_thrift *t)
{
    push(t);
}

void rvi_pq_thrift_item_struct_end(rvi_pq_thrift *t)
{
    pop(t);
}

void rvi_pq_thrift_raw(rvi_pq_thrift *t, const void *bytes, size_t len)
{
    put(t, bytes, len);
}

void rvi_pq_thrift_raw_field(rvi_pq_thrift *t, int16_t id)
{
    field(t, id, RVI_PQ_THRIFT_STRUCT);
}
