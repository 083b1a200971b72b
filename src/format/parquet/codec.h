/* codec.h - compression of page bodies: a table of codecs, and one context that is kept for many pages.
 *
 * A codec is a self-contained object with its own context; several may be open at once, one for each thread. The
 * same pages give the same bytes whichever context compresses them: none remembers the page before.
 *
 * Spec: parquet-format, Compression.md. */
#ifndef RIVET_PARQUET_CODEC_H
#define RIVET_PARQUET_CODEC_H

#include "rivet/config.h"

#include "memory.h"
#include "spec.h"

typedef struct rvi_pq_codec rvi_pq_codec;

/* What a page holds, as far as it decides how zstd's default level looks for matches. */
typedef enum rvi_pq_content {
    RVI_PQ_CONTENT_ANY = 0,
    RVI_PQ_CONTENT_INTEGERS, /* PLAIN, 8 bytes each */
    RVI_PQ_CONTENT_DOUBLES,  /* PLAIN */
    RVI_PQ_CONTENT_TEXT,     /* DELTA_LENGTH_BYTE_ARRAY: texts one behind the other */
    RVI_PQ_CONTENT_PROSE,    /* long texts or bytes, with their lengths between them */
    RVI_PQ_CONTENTS
} rvi_pq_content;

typedef struct rvi_pq_codec_ops {
    rv_codec name;
    rvi_pq_codec_id number;
    int max_level; /* levels go from 1; 0: the codec has none */
    /* NULL: nothing to open, and compress is never called. On failure there is nothing to close. */
    rv_code (*open)(rvi_pq_codec *codec, rv_error *err);
    /* Append the compressed form of `len` bytes, at most INT32_MAX, to `out`. */
    rv_code (*compress)(rvi_pq_codec *codec, const uint8_t *data, size_t len, rvi_pq_content content,
                        rvi_pq_buf *out, rv_error *err);
    void (*close)(rvi_pq_codec *codec);
} rvi_pq_codec_ops;

struct rvi_pq_codec {
    const rvi_pq_codec_ops *ops;
    rvi_pq_memory *memory;  /* charged for the context */
    int level;              /* 0: the default; for zstd then with a search by the content */
    size_t table_bytes;     /* most for a table larger than the level's own; 0 after open: there is none */
    rvi_pq_content content; /* what the context is set to */
    size_t context_bytes;   /* charged for `context` */
    void *context;
};

extern const rvi_pq_codec_ops rvi_pq_codec_zstd, rvi_pq_codec_snappy, rvi_pq_codec_gzip, rvi_pq_codec_lz4;

/* level: on the codec's own scale; 0: its default. Fails CONFIG_VALUE (level), OUT_OF_MEMORY, MEMORY_BUDGET; there is
 * nothing to close then. */
rv_code rvi_pq_codec_open(rvi_pq_codec *codec, rv_codec name, int level, rvi_pq_memory *memory,
                          rv_error *err) RV_MUST_CHECK;
void rvi_pq_codec_close(rvi_pq_codec *codec); /* zeroed memory is fine */

/* Fails OUT_OF_MEMORY, MEMORY_BUDGET, LIMIT_EXCEEDED (a page of 2 GiB or more); `out` keeps its length then. */
rv_code rvi_pq_codec_compress(rvi_pq_codec *codec, const uint8_t *data, size_t len, rvi_pq_content content,
                              rvi_pq_buf *out, rv_error *err) RV_MUST_CHECK;

/* For codecs whose library allocates the context by itself: charge what it holds by now.
 * Fails MEMORY_BUDGET, naming the way out. */
rv_code rvi_pq_codec_charge(rvi_pq_codec *codec, size_t context_bytes, rv_error *err) RV_MUST_CHECK;

#endif
