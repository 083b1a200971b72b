/* delta.h - DELTA_BINARY_PACKED, and the two encodings of byte arrays that are built on it.
 *
 * Integers are written as differences from the value before: blocks of 128, each with the smallest difference of the
 * block and four miniblocks of 32 that hold what lies above it in as few bits as that miniblock needs.
 *
 * Spec: parquet-format, Encodings.md, "Delta Encoding", "Delta-length byte array", "Delta Strings". */
#ifndef RIVET_PARQUET_DELTA_H
#define RIVET_PARQUET_DELTA_H

#include "memory.h"

/* Most bytes of n integers of `width` (4 or 8) bytes, the slack that writing them needs included. */
size_t rvi_pq_delta_bound(size_t n, size_t width);

/* Append n little-endian integers as DELTA_BINARY_PACKED. Differences wrap around, so every value is fit, and those of
 * 32-bit integers never need more than 32 bits. `out` keeps its length on failure.
 * Fails OUT_OF_MEMORY, MEMORY_BUDGET, LIMIT_EXCEEDED. */
rv_code rvi_pq_delta_append_i32(const uint8_t *values, size_t n, rvi_pq_buf *out,
                                rv_error *err) RV_MUST_CHECK;
rv_code rvi_pq_delta_append_i64(const uint8_t *values, size_t n, rvi_pq_buf *out,
                                rv_error *err) RV_MUST_CHECK;

/* n byte arrays in PLAIN form: width 0: each behind its length, else `width` bytes each. `len`: of all of `values`.
 * Fails as above. */
typedef struct rvi_pq_byte_arrays {
    const uint8_t *values;
    size_t len, n, width;
} rvi_pq_byte_arrays;

rv_code rvi_pq_delta_length_append(const rvi_pq_byte_arrays *in, rvi_pq_buf *out,
                                   rv_error *err) RV_MUST_CHECK;
/* prefixes: scratch, for the length of each value's shared prefix. */
rv_code rvi_pq_delta_bytes_append(const rvi_pq_byte_arrays *in, rvi_pq_buf *prefixes, rvi_pq_buf *out,
                                  rv_error *err) RV_MUST_CHECK;
/* How many bytes each of the first n values (at most in->n) shares with the value before, summed up. */
uint64_t rvi_pq_shared_prefixes(const rvi_pq_byte_arrays *in, size_t n);

#endif
