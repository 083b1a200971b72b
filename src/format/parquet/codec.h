/* codec.h - compression of page bodies: a table of codecs, and one context that is kept for the whole file.
 *
 * Spec: parquet-format, Compression.md. */
#ifndef RIVET_PARQUET_CODEC_H
#define RIVET_PARQUET_CODEC_H

#include "rivet/config.h"

#include "memory.h"
#include "spec.h"

typedef struct rvi_pq_codec rvi_pq_codec;

typedef struct rvi_pq_codec_ops {
    rv_codec name;
    rvi_pq_codec_id number;
    rv_code (*open)(rvi_pq_codec *codec,
                    rv_error *err); /* NULL: nothing to open, and compress is never called */
    /* Append the compressed form of `len` bytes to `out`. min_match: zstd's parameter, 0 for its own choice. */
    rv_code (*compress)(rvi_pq_codec *codec, const uint8_t *data, size_t len, int min_match, rvi_pq_buf *out,
                        rv_error *err);
    void (*close)(rvi_pq_codec *codec);
} rvi_pq_codec_ops;

struct rvi_pq_codec {
    const rvi_pq_codec_ops *ops;
    rvi_pq_memory *memory; /* charged for the context */
    int level;             /* 0: the default, with min_match chosen per page */
    int min_match;         /* what the context is set to */
    size_t context_bytes;
    void *context;
};

/* Fails CONFIG_NOT_SUPPORTED_YET, CONFIG_VALUE (level), OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rvi_pq_codec_open(rvi_pq_codec *codec, rv_codec name, int level, rvi_pq_memory *memory,
                          rv_error *err) RV_MUST_CHECK;
void rvi_pq_codec_close(rvi_pq_codec *codec); /* zeroed memory is fine */

rv_code rvi_pq_codec_compress(rvi_pq_codec *codec, const uint8_t *data, size_t len, int min_match,
                              rvi_pq_buf *out, rv_error *err) RV_MUST_CHECK;

#endif
