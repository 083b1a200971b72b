/* decompress.h - page bodies as any writer compressed them, back to their exact bytes.
 *
 * Nothing about the input is believed: it may be cut, altered or made to do harm. Success means that the whole input
 * was one valid compressed form of exactly out_len bytes; nothing is read outside `in` or written outside `out`.
 *
 * Spec: parquet-format, Compression.md. */
#ifndef RIVET_PARQUET_DECOMPRESS_H
#define RIVET_PARQUET_DECOMPRESS_H

#include "lent.h"
#include "spec.h"

/* Contexts that are made by the first page of a codec and kept for later ones. One thread at a time. */
typedef struct rvi_pq_decompressor {
    rvi_pq_memory *memory; /* borrowed; charged for the contexts */
    void *zstd;            /* ZSTD_DCtx */
    size_t zstd_bytes;     /* charged for it */
    void *gzip;            /* of decompress.c */
} rvi_pq_decompressor;

/* memory: borrowed until deinit. Allocates nothing. */
void rvi_pq_decompressor_init(rvi_pq_decompressor *decompressor, rvi_pq_memory *memory);
void rvi_pq_decompressor_deinit(
    rvi_pq_decompressor *decompressor); /* zeroed memory is fine; may be repeated */

/* codec     the number as it stands in the file (CompressionCodec)
 * in        in_len bytes: the page body; may be NULL if in_len is 0
 * out       room for out_len bytes, the size that the page header states; undefined on failure. May be NULL if
 *           out_len is 0. Does not overlap `in`.
 * Fails     FILE_DAMAGED (the input is not what it says it is, or has another size), FILE_UNSUPPORTED (LZO, a
 *           number that no codec has), LIMIT_EXCEEDED (2 GiB or more), OUT_OF_MEMORY, MEMORY_BUDGET.
 * After any of them the decompressor is fit for the next page. */
rv_code rvi_pq_decompress(rvi_pq_decompressor *decompressor, int32_t codec, const uint8_t *in, size_t in_len,
                          uint8_t *out, size_t out_len, rv_error *err) RV_MUST_CHECK;

#endif
