/* byte_stream_split.h - BYTE_STREAM_SPLIT: the first bytes of all values, then their second bytes, and so on. It saves nothing by
 * itself; a codec finds more to save in it, as the upper bytes of numbers are alike.
 *
 * Spec: parquet-format, Encodings.md, "Byte Stream Split". */
#ifndef RIVET_PARQUET_BYTE_STREAM_SPLIT_H
#define RIVET_PARQUET_BYTE_STREAM_SPLIT_H

#include "memory.h"

/* Append n values of `width` bytes. Fails OUT_OF_MEMORY, MEMORY_BUDGET, LIMIT_EXCEEDED; `out` as it was then. */
rv_code rvi_pq_split_append(const uint8_t *values, size_t n, size_t width, rvi_pq_buf *out,
                            rv_error *err) RV_MUST_CHECK;

#endif
