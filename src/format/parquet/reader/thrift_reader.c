#include "thrift_reader.h"

#include "format/parquet/thrift.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Element and field types that Parquet itself never uses, but an extension may. */
enum { THRIFT_DOUBLE = 7, THRIFT_SET = 10, THRIFT_MAP = 11, THRIFT_UUID = 13 };

rvi_pqr_thrift rvi_pqr_thrift_begin(const uint8_t *bytes, size_t len, uint64_t file_offset, rv_error *err)
{
    return (rvi_pqr_thrift){
        .begin = bytes, .at = bytes, .end = bytes + len, .file_offset = file_offset, .err = err};
}

void rvi_pqr_thrift_fail(rvi_pqr_thrift *t, const char *fmt, ...)
{
    if (t->rc != RV_OK)
        return;
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    t->rc = rv_fail(t->err, RV_E_FILE_DAMAGED, "at offset %" PRIu64 ": %s",
                    t->file_offset + (uint64_t)(t->at - t->begin), text);
}

static size_t left(const rvi_pqr_thrift *t)
{
    return (size_t)(t->end - t->at);
}

/* n bytes, or NULL after a failure. */
static const uint8_t *take(rvi_pqr_thrift *t, size_t n)
{
    if (t->rc != RV_OK)
        return NULL;
    if (n > left(t)) {
        t->ran_out = true;
        rvi_pqr_thrift_fail(t, "metadata ends in the middle of a field");
        return NULL;
    }
    const uint8_t *bytes = t->at;
    t->at += n;
    return bytes;
}

static uint8_t take_byte(rvi_pqr_thrift *t)
{
    const uint8_t *byte = take(t, 1);
    return byte != NULL ? *byte : 0;
}

static uint64_t take_varint(rvi_pqr_thrift *t)
{
    enum { LAST_SHIFT = 63 };
    uint64_t value = 0;
    for (int shift = 0; shift <= LAST_SHIFT; shift += 7) {
        uint8_t byte = take_byte(t);
        if (shift == LAST_SHIFT && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return t->rc == RV_OK ? value : 0;
    }
    rvi_pqr_thrift_fail(t, "a number has more than 64 bits");
    return 0;
}

static int64_t take_zigzag(rvi_pqr_thrift *t)
{
    uint64_t value = take_varint(t);
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

static rv_parquet_bytes take_binary(rvi_pqr_thrift *t)
{
    uint64_t len = take_varint(t);
    if (len > left(t))
        len = left(t) + 1; /* take() says that they run out */
    const uint8_t *bytes = take(t, (size_t)len);
    return bytes != NULL ? (rv_parquet_bytes){.data = bytes, .len = (size_t)len} : (rv_parquet_bytes){0};
}

int16_t rvi_pqr_struct_begin(rvi_pqr_thrift *t)
{
    int16_t outer = t->last_id;
    t->last_id = 0;
    if (++t->depth > RVI_PQR_THRIFT_DEPTH)
        rvi_pqr_thrift_fail(t, "structs are nested deeper than %d", RVI_PQR_THRIFT_DEPTH);
    return outer;
}

void rvi_pqr_struct_end(rvi_pqr_thrift *t, int16_t outer)
{
    t->depth--;
    t->last_id = outer;
}

bool rvi_pqr_field_next(rvi_pqr_thrift *t, rvi_pqr_field *out)
{
    uint8_t head = take_byte(t);
    if (t->rc != RV_OK || head == 0)
        return false;
    int64_t id = head >> 4 != 0 ? t->last_id + (head >> 4) : take_zigzag(t);
    if (id < INT16_MIN || id > INT16_MAX) {
        rvi_pqr_thrift_fail(t, "field number %" PRId64 " is out of range", id);
        return false;
    }
    t->last_id = (int16_t)id;
    *out = (rvi_pqr_field){.id = (int16_t)id, .type = head & 0x0f};
    return t->rc == RV_OK;
}

/* ---- skipping ---- */

static void skip_value(rvi_pqr_thrift *t, int type);

static void skip_struct(rvi_pqr_thrift *t)
{
    int16_t outer = rvi_pqr_struct_begin(t);
    for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);)
        if (f.type != RVI_PQ_THRIFT_TRUE && f.type != RVI_PQ_THRIFT_FALSE)
            skip_value(t, f.type);
    rvi_pqr_struct_end(t, outer);
}

/* Elements of a list, set or map; each takes at least one byte, which bounds the loop. */
static void skip_elements(rvi_pqr_thrift *t, uint64_t n, int key, int value)
{
    if (n > left(t)) {
        t->ran_out = true;
        rvi_pqr_thrift_fail(t, "a list of %" PRIu64 " elements in %zu bytes", n, left(t));
    }
    if (++t->depth > RVI_PQR_THRIFT_DEPTH)
        rvi_pqr_thrift_fail(t, "lists are nested deeper than %d", RVI_PQR_THRIFT_DEPTH);
    for (uint64_t i = 0; i < n && t->rc == RV_OK; i++) {
        if (key != 0)
            skip_value(t, key);
        skip_value(t, value);
    }
    t->depth--;
}

static uint64_t take_list_head(rvi_pqr_thrift *t, int *element)
{
    uint8_t head = take_byte(t);
    *element = head & 0x0f;
    return head >> 4 == 15 ? take_varint(t) : head >> 4;
}

static void skip_map(rvi_pqr_thrift *t)
{
    uint64_t n = take_varint(t);
    if (n == 0)
        return;
    uint8_t types = take_byte(t);
    if (types >> 4 == 0)
        rvi_pqr_thrift_fail(t, "a map whose keys have type 0");
    skip_elements(t, n, types >> 4, types & 0x0f);
}

/* A value that stands in a list, or as a field that is not a bool. */
static void skip_value(rvi_pqr_thrift *t, int type)
{
    enum { UUID_BYTES = 16 };
    int element = 0;
    switch (type) {
    case RVI_PQ_THRIFT_TRUE:
    case RVI_PQ_THRIFT_FALSE:
    case RVI_PQ_THRIFT_I8:
        (void)take_byte(t);
        break;
    case RVI_PQ_THRIFT_I16:
    case RVI_PQ_THRIFT_I32:
    case RVI_PQ_THRIFT_I64:
        (void)take_varint(t);
        break;
    case THRIFT_DOUBLE:
        (void)take(t, sizeof(double));
        break;
    case RVI_PQ_THRIFT_BINARY:
        (void)take_binary(t);
        break;
    case RVI_PQ_THRIFT_LIST:
    case THRIFT_SET: {
        uint64_t n = take_list_head(t, &element);
        skip_elements(t, n, 0, element);
        break;
    }
    case THRIFT_MAP:
        skip_map(t);
        break;
    case RVI_PQ_THRIFT_STRUCT:
        skip_struct(t);
        break;
    case THRIFT_UUID:
        (void)take(t, UUID_BYTES);
        break;
    default:
        rvi_pqr_thrift_fail(t, "a field of type %d, which Thrift does not have", type);
    }
}

void rvi_pqr_skip(rvi_pqr_thrift *t, rvi_pqr_field field)
{
    if (field.type != RVI_PQ_THRIFT_TRUE && field.type != RVI_PQ_THRIFT_FALSE)
        skip_value(t, field.type);
}

void rvi_pqr_item_skip_struct(rvi_pqr_thrift *t)
{
    skip_struct(t);
}

/* ---- values ---- */

static bool has_type(rvi_pqr_thrift *t, rvi_pqr_field field, int least, int most)
{
    if (field.type < least || field.type > most)
        rvi_pqr_thrift_fail(t, "field %d has type %d, not %d", field.id, field.type, most);
    return t->rc == RV_OK;
}

bool rvi_pqr_bool(rvi_pqr_thrift *t, rvi_pqr_field field)
{
    return has_type(t, field, RVI_PQ_THRIFT_TRUE, RVI_PQ_THRIFT_FALSE) && field.type == RVI_PQ_THRIFT_TRUE;
}

int8_t rvi_pqr_i8(rvi_pqr_thrift *t, rvi_pqr_field field)
{
    return has_type(t, field, RVI_PQ_THRIFT_I8, RVI_PQ_THRIFT_I8) ? (int8_t)take_byte(t) : 0;
}

int64_t rvi_pqr_i64(rvi_pqr_thrift *t, rvi_pqr_field field)
{
    return has_type(t, field, RVI_PQ_THRIFT_I16, RVI_PQ_THRIFT_I64) ? take_zigzag(t) : 0;
}

static int32_t narrow(rvi_pqr_thrift *t, int64_t value)
{
    if (value >= INT32_MIN && value <= INT32_MAX)
        return (int32_t)value;
    rvi_pqr_thrift_fail(t, "a 32-bit field holds %" PRId64, value);
    return 0;
}

int32_t rvi_pqr_i32(rvi_pqr_thrift *t, rvi_pqr_field field)
{
    return has_type(t, field, RVI_PQ_THRIFT_I16, RVI_PQ_THRIFT_I32) ? narrow(t, take_zigzag(t)) : 0;
}

rv_parquet_bytes rvi_pqr_binary(rvi_pqr_thrift *t, rvi_pqr_field field)
{
    return has_type(t, field, RVI_PQ_THRIFT_BINARY, RVI_PQ_THRIFT_BINARY) ? take_binary(t)
                                                                          : (rv_parquet_bytes){0};
}

bool rvi_pqr_is_struct(rvi_pqr_thrift *t, rvi_pqr_field field)
{
    return has_type(t, field, RVI_PQ_THRIFT_STRUCT, RVI_PQ_THRIFT_STRUCT);
}

int32_t rvi_pqr_union(rvi_pqr_thrift *t, rvi_pqr_field field)
{
    int32_t set = 0;
    if (!rvi_pqr_is_struct(t, field))
        return 0;
    int16_t outer = rvi_pqr_struct_begin(t);
    for (rvi_pqr_field f; rvi_pqr_field_next(t, &f); rvi_pqr_skip(t, f))
        set = f.id;
    rvi_pqr_struct_end(t, outer);
    return t->rc == RV_OK ? set : 0;
}

/* ---- lists ---- */

uint32_t rvi_pqr_list(rvi_pqr_thrift *t, rvi_pqr_field field, int element)
{
    int found = 0;
    if (!has_type(t, field, RVI_PQ_THRIFT_LIST, RVI_PQ_THRIFT_LIST))
        return 0;
    uint64_t n = take_list_head(t, &found);
    /* A list of bools says 1 or 2, and writers differ; an empty one may say anything. */
    bool matches = found == element || (element == RVI_PQ_THRIFT_TRUE && found == RVI_PQ_THRIFT_FALSE);
    if (n > 0 && !matches)
        rvi_pqr_thrift_fail(t, "field %d is a list of type %d, not %d", field.id, found, element);
    if (n > left(t) || n > INT32_MAX) {
        t->ran_out = n <= INT32_MAX;
        rvi_pqr_thrift_fail(t, "field %d is a list of %" PRIu64 " elements in %zu bytes", field.id, n,
                            left(t));
    }
    return t->rc == RV_OK ? (uint32_t)n : 0;
}

bool rvi_pqr_item_bool(rvi_pqr_thrift *t)
{
    return take_byte(t) == 1;
}

int32_t rvi_pqr_item_i32(rvi_pqr_thrift *t)
{
    return narrow(t, take_zigzag(t));
}

int64_t rvi_pqr_item_i64(rvi_pqr_thrift *t)
{
    return take_zigzag(t);
}

rv_parquet_bytes rvi_pqr_item_binary(rvi_pqr_thrift *t)
{
    return take_binary(t);
}

void *rvi_pqr_thrift_alloc(rvi_pqr_thrift *t, rvi_pqr_pool *pool, size_t n, size_t size)
{
    void *block = NULL;
    if (t->rc == RV_OK)
        t->rc = rvi_pqr_pool_alloc(pool, n, size, &block, t->err);
    return t->rc == RV_OK ? block : NULL;
}

const int32_t *rvi_pqr_list_i32(rvi_pqr_thrift *t, rvi_pqr_field field, rvi_pqr_pool *pool, int32_t *n)
{
    uint32_t count = rvi_pqr_list(t, field, RVI_PQ_THRIFT_I32);
    int32_t *items = rvi_pqr_thrift_alloc(t, pool, count, sizeof *items);
    for (uint32_t i = 0; items != NULL && i < count; i++)
        items[i] = rvi_pqr_item_i32(t);
    *n = items != NULL ? (int32_t)count : 0;
    return items;
}

const int64_t *rvi_pqr_list_i64(rvi_pqr_thrift *t, rvi_pqr_field field, rvi_pqr_pool *pool, int32_t *n)
{
    uint32_t count = rvi_pqr_list(t, field, RVI_PQ_THRIFT_I64);
    int64_t *items = rvi_pqr_thrift_alloc(t, pool, count, sizeof *items);
    for (uint32_t i = 0; items != NULL && i < count; i++)
        items[i] = rvi_pqr_item_i64(t);
    *n = items != NULL ? (int32_t)count : 0;
    return items;
}
