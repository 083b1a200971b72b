#include "order.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static rvi_pqr_order order_of_bytes(const rv_parquet_node *leaf)
{
    switch (leaf->logical) {
    case RV_PARQUET_LOGICAL_DECIMAL:
        return RVI_PQR_ORDER_DECIMAL;
    case RV_PARQUET_LOGICAL_FLOAT16:
        return leaf->type_length == 2 ? RVI_PQR_ORDER_F16 : RVI_PQR_ORDER_NONE;
    case RV_PARQUET_LOGICAL_INTERVAL:
    case RV_PARQUET_LOGICAL_VARIANT:
    case RV_PARQUET_LOGICAL_GEOMETRY:
    case RV_PARQUET_LOGICAL_GEOGRAPHY:
        return RVI_PQR_ORDER_NONE;
    default:
        /* A type that is not known may have an order of its own. */
        return leaf->logical > RV_PARQUET_LOGICAL_GEOGRAPHY ? RVI_PQR_ORDER_NONE : RVI_PQR_ORDER_BYTES;
    }
}

rvi_pqr_order rvi_pqr_order_of(const rv_parquet_node *leaf)
{
    bool is_unsigned = leaf->logical == RV_PARQUET_LOGICAL_INTEGER && !leaf->is_signed;
    switch (leaf->physical) {
    case RV_PARQUET_BOOLEAN:
        return RVI_PQR_ORDER_BOOL;
    case RV_PARQUET_INT32:
        return is_unsigned ? RVI_PQR_ORDER_U32 : RVI_PQR_ORDER_I32;
    case RV_PARQUET_INT64:
        return is_unsigned ? RVI_PQR_ORDER_U64 : RVI_PQR_ORDER_I64;
    case RV_PARQUET_FLOAT:
        return RVI_PQR_ORDER_F32;
    case RV_PARQUET_DOUBLE:
        return RVI_PQR_ORDER_F64;
    case RV_PARQUET_BYTE_ARRAY:
    case RV_PARQUET_FIXED:
        return order_of_bytes(leaf);
    default: /* INT96: no order was ever defined */
        return RVI_PQR_ORDER_NONE;
    }
}

size_t rvi_pqr_order_width(rvi_pqr_order order, const rv_parquet_node *leaf)
{
    switch (order) {
    case RVI_PQR_ORDER_BOOL:
        return 1;
    case RVI_PQR_ORDER_F16:
        return 2;
    case RVI_PQR_ORDER_I32:
    case RVI_PQR_ORDER_U32:
    case RVI_PQR_ORDER_F32:
        return 4;
    case RVI_PQR_ORDER_I64:
    case RVI_PQR_ORDER_U64:
    case RVI_PQR_ORDER_F64:
        return 8;
    case RVI_PQR_ORDER_DECIMAL:
        return leaf->physical == RV_PARQUET_FIXED ? (size_t)leaf->type_length : 0;
    case RVI_PQR_ORDER_NONE:
    case RVI_PQR_ORDER_BYTES:
        break;
    }
    return 0;
}

bool rvi_pqr_is_float(rvi_pqr_order order)
{
    return order == RVI_PQR_ORDER_F16 || order == RVI_PQR_ORDER_F32 || order == RVI_PQR_ORDER_F64;
}

/* Every number of these orders as one that compares with `<`. */
static int64_t as_i64(rvi_pqr_order order, const uint8_t *at)
{
    int64_t wide;
    int32_t narrow;
    if (order == RVI_PQR_ORDER_BOOL)
        return *at;
    if (order == RVI_PQR_ORDER_I64) {
        memcpy(&wide, at, sizeof wide);
        return wide;
    }
    memcpy(&narrow, at, sizeof narrow);
    return narrow;
}

static uint64_t as_u64(rvi_pqr_order order, const uint8_t *at)
{
    uint64_t wide;
    uint32_t narrow;
    if (order == RVI_PQR_ORDER_U64) {
        memcpy(&wide, at, sizeof wide);
        return wide;
    }
    memcpy(&narrow, at, sizeof narrow);
    return narrow;
}

/* IEEE 754 binary16: 5 bits of exponent, 10 of fraction. */
static double half(const uint8_t *at)
{
    unsigned bits = (unsigned)at[0] | (unsigned)at[1] << 8;
    int exponent = (int)(bits >> 10 & 31), fraction = (int)(bits & 1023);
    double value = exponent == 31  ? (fraction != 0 ? (double)NAN : (double)INFINITY)
                   : exponent == 0 ? ldexp(fraction, -24)
                                   : ldexp(1024 + fraction, exponent - 25);
    return (bits & 0x8000) != 0 ? -value : value;
}

static double as_double(rvi_pqr_order order, const uint8_t *at)
{
    double wide;
    float narrow;
    if (order == RVI_PQR_ORDER_F16)
        return half(at);
    if (order == RVI_PQR_ORDER_F64) {
        memcpy(&wide, at, sizeof wide);
        return wide;
    }
    memcpy(&narrow, at, sizeof narrow);
    return (double)narrow;
}

bool rvi_pqr_is_nan(rvi_pqr_order order, rv_parquet_bytes value)
{
    return rvi_pqr_is_float(order) && isnan(as_double(order, value.data));
}

static int compare_bytes(rv_parquet_bytes a, rv_parquet_bytes b)
{
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared > 0 ? memcmp(a.data, b.data, shared) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Byte `i` of the number as if it had `width` bytes. */
static uint8_t extended(rv_parquet_bytes number, size_t width, size_t i)
{
    size_t missing = width - number.len;
    if (i >= missing)
        return number.data[i - missing];
    return number.len > 0 && number.data[0] >= 0x80 ? 0xff : 0;
}

static int compare_decimals(rv_parquet_bytes a, rv_parquet_bytes b)
{
    size_t width = a.len > b.len ? a.len : b.len;
    for (size_t i = 0; i < width; i++) {
        /* Two's complement compares like bytes once the sign bit is flipped. */
        int flip = i == 0 ? 0x80 : 0;
        int order = (extended(a, width, i) ^ flip) - (extended(b, width, i) ^ flip);
        if (order != 0)
            return order;
    }
    return 0;
}

int rvi_pqr_compare(rvi_pqr_order order, rv_parquet_bytes a, rv_parquet_bytes b)
{
    switch (order) {
    case RVI_PQR_ORDER_BOOL:
    case RVI_PQR_ORDER_I32:
    case RVI_PQR_ORDER_I64: {
        int64_t x = as_i64(order, a.data), y = as_i64(order, b.data);
        return (x > y) - (x < y);
    }
    case RVI_PQR_ORDER_U32:
    case RVI_PQR_ORDER_U64: {
        uint64_t x = as_u64(order, a.data), y = as_u64(order, b.data);
        return (x > y) - (x < y);
    }
    case RVI_PQR_ORDER_F16:
    case RVI_PQR_ORDER_F32:
    case RVI_PQR_ORDER_F64: {
        double x = as_double(order, a.data), y = as_double(order, b.data);
        return (x > y) - (x < y);
    }
    case RVI_PQR_ORDER_DECIMAL:
        return compare_decimals(a, b);
    case RVI_PQR_ORDER_NONE:
    case RVI_PQR_ORDER_BYTES:
        break;
    }
    return compare_bytes(a, b);
}

static rv_parquet_bytes nth(const rv_parquet_values *values, int32_t i)
{
    if (values->width == 0)
        return values->slices[i];
    return (rv_parquet_bytes){.data = values->fixed + (size_t)i * values->width, .len = values->width};
}

/* Indices of the extremes among the values; false: there is none but NaNs. The common types have loops of their own,
 * which is what makes a check of a whole file cost less than writing it. */
static bool find_i(rvi_pqr_order order, const rv_parquet_values *values, int32_t *min, int32_t *max)
{
    int64_t low = INT64_MAX, high = INT64_MIN;
    *min = *max = 0;
    for (int32_t i = 0; i < values->n; i++) {
        int64_t value = as_i64(order, values->fixed + (size_t)i * values->width);
        if (value < low) {
            low = value;
            *min = i;
        }
        if (value > high) {
            high = value;
            *max = i;
        }
    }
    return values->n > 0;
}

static bool find_any(rvi_pqr_order order, const rv_parquet_values *values, int32_t *min, int32_t *max,
                     int64_t *n_nan)
{
    bool found = false;
    for (int32_t i = 0; i < values->n; i++) {
        if (rvi_pqr_is_nan(order, nth(values, i))) {
            ++*n_nan;
            continue;
        }
        if (!found)
            *min = *max = i;
        else if (rvi_pqr_compare(order, nth(values, i), nth(values, *min)) < 0)
            *min = i;
        else if (rvi_pqr_compare(order, nth(values, i), nth(values, *max)) > 0)
            *max = i;
        found = true;
    }
    return found;
}

/* Numbers have a width that all of them needs to be compared, and decimals of any length are compared from the end. */
static rv_code keep(const rvi_pqr_extremes *e, rvi_pqr_order order, rvi_pq_buf *buf, rv_parquet_bytes value,
                    rv_error *err)
{
    bool cut = order == RVI_PQR_ORDER_BYTES && e->most > 0 && value.len > e->most;
    buf->len = 0;
    return rvi_pq_buf_append(buf, value.data, cut ? e->most : value.len, err);
}

static rv_code widen(rvi_pqr_extremes *e, rvi_pqr_order order, rv_parquet_bytes min, rv_parquet_bytes max,
                     rv_error *err)
{
    if (!e->set || rvi_pqr_compare(order, min, rvi_pqr_bytes_of(&e->min)) < 0)
        RV_TRY(keep(e, order, &e->min, min, err));
    if (!e->set || rvi_pqr_compare(order, max, rvi_pqr_bytes_of(&e->max)) > 0)
        RV_TRY(keep(e, order, &e->max, max, err));
    e->set = true;
    return RV_OK;
}

rv_code rvi_pqr_extremes_update(rvi_pqr_extremes *extremes, rvi_pqr_order order,
                                const rv_parquet_values *values, rv_error *err)
{
    int32_t min = 0, max = 0;
    if (order == RVI_PQR_ORDER_NONE)
        return RV_OK;
    bool is_signed = order == RVI_PQR_ORDER_I32 || order == RVI_PQR_ORDER_I64;
    bool found =
        is_signed ? find_i(order, values, &min, &max) : find_any(order, values, &min, &max, &extremes->n_nan);
    return found ? widen(extremes, order, nth(values, min), nth(values, max), err) : RV_OK;
}

rv_code rvi_pqr_extremes_merge(rvi_pqr_extremes *into, rvi_pqr_order order, const rvi_pqr_extremes *from,
                               rv_error *err)
{
    into->n_nan += from->n_nan;
    return from->set ? widen(into, order, rvi_pqr_bytes_of(&from->min), rvi_pqr_bytes_of(&from->max), err)
                     : RV_OK;
}

void rvi_pqr_extremes_expect(rvi_pqr_extremes *extremes, size_t len)
{
    assert(!extremes->set && len < SIZE_MAX);
    if (extremes->most <= len)
        extremes->most = len + 1;
}

void rvi_pqr_extremes_clear(rvi_pqr_extremes *extremes)
{
    extremes->set = false;
    extremes->n_nan = 0;
    extremes->most = 0;
    extremes->min.len = extremes->max.len = 0;
}

void rvi_pqr_extremes_deinit(rvi_pqr_extremes *extremes)
{
    rvi_pq_buf_free(&extremes->min);
    rvi_pq_buf_free(&extremes->max);
}
