/* decode.h - the bytes of one page become dense values: the encodings, as the reader sees them.
 *
 * The writer's encoders live elsewhere and share nothing with this: a reader that shared their kernels would find
 * its own mistakes in order. Everything here takes bytes from anyone. No call reads outside of bytes[0 .. len),
 * and what does not follow the specification is FILE_DAMAGED in words that say what was found; the caller adds
 * the place (file, row group, column, page).
 *
 * Spec: parquet-format, Encodings.md. */
#ifndef RIVET_PARQUET_READER_DECODE_H
#define RIVET_PARQUET_READER_DECODE_H

#include "format/parquet/memory.h"
#include "rivet/parquet_meta.h"

#include <stdbool.h>

enum {
    RVI_PQR_ENCODINGS =
        RV_PARQUET_BYTE_STREAM_SPLIT + 1, /* those that are known; a file may name any number */
    RVI_PQR_MAX_WIDTH = 1 << 20, /* bytes of a FIXED_LEN_BYTE_ARRAY: far above any use, far below overflow */
    RVI_PQR_MAX_LEVEL = 255,
};

/* Where one value of variable width lies in rvi_pqr_values.data. */
typedef struct rvi_pqr_span {
    uint32_t at, len; /* bytes */
} rvi_pqr_span;

/* Values without the NULLs between them. Borrows from the page's bytes, from the dictionary or from the workspace
 * that they were decoded with, so it is good until the first of these changes. */
typedef struct rvi_pqr_values {
    uint32_t n;
    uint32_t width;            /* bytes of each value; 0: they differ. BOOLEAN: 1 */
    const uint8_t *fixed;      /* width > 0: n * width bytes as PLAIN has them (little-endian), not aligned;
                                  BOOLEAN: one byte of 0 or 1 each */
    const uint8_t *data;       /* width == 0: what the spans point into */
    const rvi_pqr_span *spans; /* width == 0: n of them */
    size_t n_trailing;         /* bytes of the page behind the last value, which a tidy writer leaves out */
} rvi_pqr_values;

typedef struct rvi_pqr_page_input {
    rv_parquet_physical physical;
    uint32_t width;       /* FIXED: bytes of a value, 1..RVI_PQR_MAX_WIDTH; else ignored */
    const uint8_t *bytes; /* the values' section: decompressed, levels cut off; may be NULL if len is 0 */
    size_t len;           /* at most INT32_MAX, as a page's sizes are i32 */
    uint32_t n_values;    /* present values, NULLs not counted; at most INT32_MAX */
    const rvi_pqr_values *dictionary; /* decoded, of the same column chunk; NULL: the chunk has none */
} rvi_pqr_page_input;

/* Memory of decoded values, used again page after page. One thread at a time. */
typedef struct rvi_pqr_space {
    rvi_pq_buf values;  /* fixed-width values, or the bytes of texts put together */
    rvi_pq_buf spans;   /* rvi_pqr_span */
    rvi_pq_buf numbers; /* dictionary indices, lengths */
    rvi_pq_buf more;    /* a second column of lengths */
} rvi_pqr_space;

void rvi_pqr_space_init(rvi_pqr_space *space, rvi_pq_memory *memory); /* memory: borrowed */
void rvi_pqr_space_deinit(rvi_pqr_space *space);                      /* may be called twice */

/* Decode the values of one page (a dictionary page is PLAIN, or PLAIN_DICTIONARY, which rvi_pqr_decode_dictionary()
 * knows). A page without present values is empty whatever its bytes are: writers differ there.
 *
 * Fails FILE_DAMAGED; FILE_UNSUPPORTED (encoding unknown); OUT_OF_MEMORY, MEMORY_BUDGET; LIMIT_EXCEEDED (values
 *       decode to more than INT32_MAX bytes). `out` is untouched then.
 * Owns  nothing: see rvi_pqr_values. */
rv_code rvi_pqr_decode(int encoding, const rvi_pqr_page_input *in, rvi_pqr_space *space, rvi_pqr_values *out,
                       rv_error *err) RV_MUST_CHECK;

/* The same for the body of a dictionary page. `space` must live, unused, as long as the dictionary does. */
rv_code rvi_pqr_decode_dictionary(int encoding, const rvi_pqr_page_input *in, rvi_pqr_space *space,
                                  rvi_pqr_values *out, rv_error *err) RV_MUST_CHECK;

/* Whether pages with this encoding hold indices into the chunk's dictionary. */
bool rvi_pqr_uses_dictionary(int encoding);
/* "RLE_DICTIONARY"; NULL for a number that the specification (format 2.11) does not give. */
const char *rvi_pqr_encoding_name(int encoding);
/* Bytes of a value in `fixed`: `width` for FIXED, 0 for BYTE_ARRAY. */
uint32_t rvi_pqr_value_width(rv_parquet_physical physical, uint32_t width);

/* Bits that hold 0..max_level; 0 for 0, when a page has no such section. */
int rvi_pqr_level_width(uint32_t max_level);

/* n levels of a V1 page into out[0 .. n), each at most max_level (1..RVI_PQR_MAX_LEVEL).
 * `encoding` RLE: a 4-byte length word and the hybrid; BIT_PACKED: most significant bit first, no length word.
 * *used: bytes of the section, length word included.
 * Fails FILE_DAMAGED (also for a level above max_level), FILE_UNSUPPORTED (another encoding). */
rv_code rvi_pqr_levels_v1(int encoding, const uint8_t *bytes, size_t len, uint32_t max_level, uint32_t n,
                          uint8_t *out, size_t *used, rv_error *err) RV_MUST_CHECK;
/* The same for a section of a V2 page: the hybrid alone, bytes[0 .. len) is all of it. *n_trailing as above. */
rv_code rvi_pqr_levels_v2(const uint8_t *bytes, size_t len, uint32_t max_level, uint32_t n, uint8_t *out,
                          size_t *n_trailing, rv_error *err) RV_MUST_CHECK;

#endif
