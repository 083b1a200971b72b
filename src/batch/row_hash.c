/* row_hash.c - the canonical bytes of cells, on their way into XXH3-128.
 *
 * Most rows fit into a buffer and are hashed in one piece, which is several times as fast as piece by piece. A row that
 * is larger goes through the hash's streaming form, which gives the same; so no row, however large, is copied whole. */
#include "rivet/row_hash.h"

#include "rivet/decimal.h"

#include <assert.h>
#include <stdlib.h>

/* First byte of a cell. Part of the definition in docs/row-hash.md. */
enum {
    TAG_NULL = 0x00,
    TAG_BOOL = 0x01,
    TAG_INTEGER = 0x02,
    TAG_UNSIGNED = 0x03,
    TAG_FLOAT32 = 0x04,
    TAG_FLOAT64 = 0x05,
    TAG_DECIMAL = 0x06,
    TAG_DATE = 0x07,
    TAG_TIME = 0x08,
    TAG_TIMESTAMP = 0x09,
    TAG_TIMESTAMP_TZ = 0x0a,
    TAG_TIMESTAMP_NS = 0x0b,
    TAG_TIMESTAMP_TZ_NS = 0x0c,
    TAG_TEXT = 0x0d,
    TAG_BINARY = 0x0e,
    TAG_UUID = 0x0f,
    TAG_LIST = 0x10,
};

enum { BUFFER_BYTES = 4096, DECIMAL_BYTES = 32 };

struct rv_row_hasher {
    rv_stream128 *stream;
    bool streamed; /* what is being hashed did not fit into the buffer */
    size_t len;
    uint8_t buffer[BUFFER_BYTES];
};

rv_code rv_row_hasher_new(rv_row_hasher **out, rv_error *err)
{
    RV_AUTO(rv_row_hasher_free) rv_row_hasher *hasher = calloc(1, sizeof *hasher);
    if (hasher == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing to hash rows");
    RV_TRY(rv_stream128_new(&hasher->stream, err));
    RV_MOVE(out, hasher);
    return RV_OK;
}

void rv_row_hasher_free(rv_row_hasher *hasher)
{
    if (hasher == NULL)
        return;
    rv_stream128_free(hasher->stream);
    free(hasher);
}

static void flush(rv_row_hasher *hasher)
{
    rv_stream128_update(hasher->stream, hasher->buffer, hasher->len);
    hasher->streamed = true;
    hasher->len = 0;
}

static void put(rv_row_hasher *hasher, const void *bytes, size_t n)
{
    assert(bytes != NULL || n == 0);
    if (n > BUFFER_BYTES - hasher->len) {
        flush(hasher);
        if (n > BUFFER_BYTES) {
            rv_stream128_update(hasher->stream, bytes, n);
            return;
        }
    }
    if (n > 0) /* an empty column has no data to point at */
        memcpy(hasher->buffer + hasher->len, bytes, n);
    hasher->len += n;
}

static void put_tag(rv_row_hasher *hasher, uint8_t tag)
{
    put(hasher, &tag, 1);
}

/* A tag and 8 bytes, the lowest first. */
static void put_word(rv_row_hasher *hasher, uint8_t tag, uint64_t word)
{
    uint8_t cell[9] = {tag};
    for (int i = 0; i < 8; i++)
        cell[i + 1] = (uint8_t)(word >> (8 * i));
    put(hasher, cell, sizeof cell);
}

/* A tag and how many bytes or elements follow, in 4 bytes. */
static void put_count(rv_row_hasher *hasher, uint8_t tag, uint32_t n)
{
    const uint8_t head[5] = {tag, (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24)};
    put(hasher, head, sizeof head);
}

/* NaN has many bit patterns that mean the same and that copying may change; they count as one. -0 is not 0. */
static void put_float32(rv_row_hasher *hasher, const uint8_t *value)
{
    uint32_t bits;
    assert(value != NULL);
    memcpy(&bits, value, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        bits = 0x7fc00000u;
    put_count(hasher, TAG_FLOAT32, bits);
}

static void put_float64(rv_row_hasher *hasher, const uint8_t *value)
{
    uint64_t bits;
    assert(value != NULL);
    memcpy(&bits, value, sizeof bits);
    if ((bits & 0x7fffffffffffffffu) > 0x7ff0000000000000u)
        bits = 0x7ff8000000000000u;
    put_word(hasher, TAG_FLOAT64, bits);
}

/* 16, 32 or 64 bits of two's complement as 64. */
static uint64_t extend(const uint8_t *value, size_t width)
{
    int16_t i16;
    int32_t i32;
    uint64_t i64;
    switch (width) {
    case 2:
        memcpy(&i16, value, sizeof i16);
        return (uint64_t)(int64_t)i16;
    case 4:
        memcpy(&i32, value, sizeof i32);
        return (uint64_t)(int64_t)i32;
    default:
        assert(width == 8);
        memcpy(&i64, value, sizeof i64);
        return i64;
    }
}

/* Tag, scale, and the unscaled value as 256 bits: the precision says nothing about the value. */
static void put_decimal(rv_row_hasher *hasher, const rv_column *column, const uint8_t *value, size_t width)
{
    rv_int256 unscaled;
    uint8_t cell[2 + DECIMAL_BYTES] = {TAG_DECIMAL, column->type.scale};
    rv_int256_load(value, width, &unscaled);
    rv_int256_store(&unscaled, cell + 2, DECIMAL_BYTES);
    put(hasher, cell, sizeof cell);
}

static void put_variable(rv_row_hasher *hasher, uint8_t tag, const rv_column *column, int64_t row)
{
    size_t from = (size_t)column->offsets[row], n = (size_t)column->offsets[row + 1] - from;
    put_count(hasher, tag, (uint32_t)n);
    if (n > 0)
        put(hasher, column->data + from, n);
}

static void put_uuid(rv_row_hasher *hasher, const uint8_t *value)
{
    put_tag(hasher, TAG_UUID);
    put(hasher, value, 16);
}

static void put_scalar(rv_row_hasher *hasher, const rv_column *column, int64_t row)
{
    const size_t width = rv_type_width(column->type);
    const uint8_t *value = width > 0 ? column->values + (size_t)row * width : NULL;
    switch (column->type.id) {
    case RV_TYPE_BOOL:
        put(hasher, (uint8_t[]){TAG_BOOL, (column->values[row >> 3] >> (row & 7)) & 1}, 2);
        return;
    case RV_TYPE_INT16:
    case RV_TYPE_INT32:
    case RV_TYPE_INT64:
        put_word(hasher, TAG_INTEGER, extend(value, width));
        return;
    case RV_TYPE_UINT64:
        put_word(hasher, TAG_UNSIGNED, extend(value, width));
        return;
    case RV_TYPE_FLOAT32:
        put_float32(hasher, value);
        return;
    case RV_TYPE_FLOAT64:
        put_float64(hasher, value);
        return;
    case RV_TYPE_DECIMAL:
        put_decimal(hasher, column, value, width);
        return;
    case RV_TYPE_DATE:
        put_word(hasher, TAG_DATE, extend(value, width));
        return;
    case RV_TYPE_TIME:
        put_word(hasher, TAG_TIME, extend(value, width));
        return;
    case RV_TYPE_TIMESTAMP:
        put_word(hasher, TAG_TIMESTAMP, extend(value, width));
        return;
    case RV_TYPE_TIMESTAMP_TZ:
        put_word(hasher, TAG_TIMESTAMP_TZ, extend(value, width));
        return;
    case RV_TYPE_TIMESTAMP_NS:
        put_word(hasher, TAG_TIMESTAMP_NS, extend(value, width));
        return;
    case RV_TYPE_TIMESTAMP_TZ_NS:
        put_word(hasher, TAG_TIMESTAMP_TZ_NS, extend(value, width));
        return;
    case RV_TYPE_STRING:
    case RV_TYPE_JSON:
    case RV_TYPE_ENUM:
    case RV_TYPE_INTERVAL:
        put_variable(hasher, TAG_TEXT, column, row);
        return;
    case RV_TYPE_BINARY:
        put_variable(hasher, TAG_BINARY, column, row);
        return;
    case RV_TYPE_UUID:
        put_uuid(hasher, value);
        return;
    case RV_TYPE_INVALID:
    case RV_TYPE_LIST:
    case RV_TYPE_COUNT:
        break;
    }
    assert(false); /* a cell of no type */
}

void rv_row_hasher_add(rv_row_hasher *hasher, const rv_column *column, int64_t row)
{
    assert(row >= 0 && row < column->length);
    if (rv_column_is_null(column, row)) {
        put_tag(hasher, TAG_NULL);
        return;
    }
    if (column->type.id != RV_TYPE_LIST) {
        put_scalar(hasher, column, row);
        return;
    }
    int32_t from = column->offsets[row], to = column->offsets[row + 1];
    put_count(hasher, TAG_LIST, (uint32_t)(to - from));
    for (int32_t e = from; e < to; e++) {
        if (rv_column_is_null(column->child, e))
            put_tag(hasher, TAG_NULL);
        else
            put_scalar(hasher, column->child, e);
    }
}

rv_hash128 rv_row_hasher_take(rv_row_hasher *hasher)
{
    rv_hash128 hash;
    if (hasher->streamed) {
        flush(hasher);
        hash = rv_stream128_value(hasher->stream);
        rv_stream128_reset(hasher->stream);
        hasher->streamed = false;
    } else {
        hash = rv_xxh3_128(hasher->buffer, hasher->len);
    }
    hasher->len = 0;
    return hash;
}
