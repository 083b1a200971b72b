/* rle.h - the hybrid of run-length and bit-packed runs: dictionary indices, and levels.
 *
 * Spec: parquet-format, Encodings.md, "Run Length Encoding / Bit-Packing Hybrid". Zero-length runs are never
 * written; a bit-packed run is padded with zeros to whole groups of 8. */
#ifndef RIVET_PARQUET_RLE_H
#define RIVET_PARQUET_RLE_H

#include "memory.h"

enum { RVI_PQ_RLE_MAX_WIDTH = 32 };

/* Bits that hold 0 .. max; at least 1: a width of 0 breaks readers. */
int rvi_pq_bit_width(uint32_t max);

/* Append n values of `width` bits (1..32, each value fits) without a length word.
 * Fails OUT_OF_MEMORY, MEMORY_BUDGET, LIMIT_EXCEEDED. */
rv_code rvi_pq_rle_append(const uint32_t *values, size_t n, int width, rvi_pq_buf *out,
                          rv_error *err) RV_MUST_CHECK;

/* The same for values of one bit, given as a bitmap whose last byte is zero-padded. */
rv_code rvi_pq_rle_append_bits(const uint8_t *bits, size_t n, rvi_pq_buf *out, rv_error *err) RV_MUST_CHECK;

/* n times the same value as one run; n >= 1, width <= 8. */
rv_code rvi_pq_rle_append_run(uint32_t value, size_t n, rvi_pq_buf *out, rv_error *err) RV_MUST_CHECK;

/* Values that come as runs, one after the other: the levels of lists. */
typedef struct rvi_pq_rle_stream {
    rvi_pq_buf out;
    uint64_t run;   /* length of the run that is still open, 0 before the first value */
    uint32_t value; /* of that run */
    int width;      /* 1..8 */
    int n_group;    /* values waiting in `group` */
    uint8_t group[8];
    int n_packed;         /* groups in the bit-packed run that `out` ends with, 0: it ends otherwise */
    size_t packed_header; /* where in `out` its header lies */
} rvi_pq_rle_stream;

rv_code rvi_pq_rle_push(rvi_pq_rle_stream *stream, uint32_t value, uint64_t n, rv_error *err) RV_MUST_CHECK;
rv_code rvi_pq_rle_finish(rvi_pq_rle_stream *stream,
                          rv_error *err) RV_MUST_CHECK; /* `out` is complete then */
void rvi_pq_rle_clear(rvi_pq_rle_stream *stream);       /* empty; keeps the memory */

#endif
