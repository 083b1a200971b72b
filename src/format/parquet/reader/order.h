/* order.h - smallest and largest value in the order of the column's logical type, for the checks.
 *
 * Written anew, beside the writer's own: a mistake in one of them shows as a finding.
 *
 * Spec: parquet.thrift, ColumnOrder, TypeDefinedOrder. */
#ifndef RIVET_PARQUET_READER_ORDER_H
#define RIVET_PARQUET_READER_ORDER_H

#include "rivet/parquet_reader.h"

#include "format/parquet/memory.h"

typedef enum rvi_pqr_order {
    RVI_PQR_ORDER_NONE = 0, /* bounds have no meaning */
    RVI_PQR_ORDER_BOOL,
    RVI_PQR_ORDER_I32,
    RVI_PQR_ORDER_U32,
    RVI_PQR_ORDER_I64,
    RVI_PQR_ORDER_U64,
    RVI_PQR_ORDER_F16,
    RVI_PQR_ORDER_F32,
    RVI_PQR_ORDER_F64,
    RVI_PQR_ORDER_BYTES,   /* unsigned, a prefix before what it begins */
    RVI_PQR_ORDER_DECIMAL, /* big-endian two's complement of any length */
} rvi_pqr_order;

rvi_pqr_order rvi_pqr_order_of(const rv_parquet_node *leaf);
/* Bytes that a value of this order has; 0: any number. `leaf` tells FIXED ones apart. */
size_t rvi_pqr_order_width(rvi_pqr_order order, const rv_parquet_node *leaf);
bool rvi_pqr_is_float(rvi_pqr_order order);
bool rvi_pqr_is_nan(rvi_pqr_order order, rv_parquet_bytes value);
/* <0, 0, >0; both values have the order's width and are no NaN. */
int rvi_pqr_compare(rvi_pqr_order order, rv_parquet_bytes a, rv_parquet_bytes b);

/* Of values in the order of bytes only the first `most` bytes are kept, so that a huge one is not held twice. Nothing is
 * lost against bounds that are shorter than that: cutting two values keeps their order, so what is kept are the first
 * bytes of the extremes; and a value that goes on where such a bound ends is larger than it, as is what is kept of it. */
typedef struct rvi_pqr_extremes {
    bool set; /* a value that is not NaN was seen */
    int64_t n_nan;
    size_t
        most; /* bytes; above the length of every bound that they will be compared with. 0: nothing is cut */
    rvi_pq_buf min, max;
} rvi_pqr_extremes;

/* Fails OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rvi_pqr_extremes_update(rvi_pqr_extremes *extremes, rvi_pqr_order order,
                                const rv_parquet_values *values, rv_error *err) RV_MUST_CHECK;
/* into->most is at most that of `from`. */
rv_code rvi_pqr_extremes_merge(rvi_pqr_extremes *into, rvi_pqr_order order, const rvi_pqr_extremes *from,
                               rv_error *err) RV_MUST_CHECK;
/* They will be compared with a bound of `len` bytes. To be said before the first value. */
void rvi_pqr_extremes_expect(rvi_pqr_extremes *extremes, size_t len);
void rvi_pqr_extremes_clear(rvi_pqr_extremes *extremes); /* nothing is expected any more */
void rvi_pqr_extremes_deinit(rvi_pqr_extremes *extremes);
static inline rv_parquet_bytes rvi_pqr_bytes_of(const rvi_pq_buf *buf)
{
    return (rv_parquet_bytes){.data = buf->data, .len = buf->len};
}

#endif
