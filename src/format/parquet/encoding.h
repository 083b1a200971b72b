/* encoding.h - how the values of a page become bytes: a table of encodings, which types each is for, and which of them
 * a column may be given.
 *
 * An encoding sees a whole page: either the PLAIN bytes that the open page gathered, or the dictionary's indices. It
 * appends to a buffer and keeps no state, so a page can be encoded twice to see which form is smaller.
 *
 * Spec: parquet-format, Encodings.md. */
#ifndef RIVET_PARQUET_ENCODING_H
#define RIVET_PARQUET_ENCODING_H

#include "rivet/config.h"

#include "leaf.h"
#include "memory.h"

/* What an encoding gets to see of a page. */
typedef struct rvi_pq_page_values {
    const rvi_pq_leaf *leaf;
    const uint8_t *data; /* PLAIN bytes, or uint32_t indices */
    size_t len;          /* of `data` */
    size_t n;            /* values, NULLs not counted */
    uint32_t n_entries;  /* of the dictionary, whose entries are numbered below this */
    rvi_pq_buf *scratch; /* content is nobody's */
} rvi_pq_page_values;

typedef struct rvi_pq_encoding_ops {
    rvi_pq_encoding_id number;
    rv_parquet_encoding name; /* in the configuration */
    /* Sets of physical types: those that the format defines the encoding for, and those for which it is chosen
     * under each `parquet.compat`. */
    uint16_t types, types_max, types_default, types_modern;
    /* Parts of 64 that its size is multiplied with when sizes are compared: what its decoding costs readers. */
    uint8_t handicap;
    /* Append the encoded values to `out`, which keeps its length on failure. NULL: the PLAIN bytes are the encoded
     * values. Fails OUT_OF_MEMORY, MEMORY_BUDGET, LIMIT_EXCEEDED. */
    rv_code (*encode)(const rvi_pq_page_values *in, rvi_pq_buf *out, rv_error *err);
    /* Whether encoding this page to see its size is worth the time. NULL: always. */
    bool (*promises)(const rvi_pq_page_values *in);
} rvi_pq_encoding_ops;

extern const rvi_pq_encoding_ops rvi_pq_plain_encoding, rvi_pq_dictionary_encoding;

/* The encodings without the dictionary that may be chosen for a leaf, one after the other; `previous` NULL: the first.
 * NULL: no more. */
const rvi_pq_encoding_ops *rvi_pq_encoding_next(const rvi_pq_leaf *leaf, rv_parquet_compat compat,
                                                const rvi_pq_encoding_ops *previous);

/* What a codec is told about values of a leaf in an encoding. */
rvi_pq_content rvi_pq_encoding_content(const rvi_pq_encoding_ops *encoding, const rvi_pq_page_values *values);

/* What the options name for a leaf; NULL: nothing. Fails CONFIG_VALUE, naming the column and what it may have. */
rv_code rvi_pq_encoding_named(const rv_parquet_options *options, const rvi_pq_leaf *leaf,
                              const rvi_pq_encoding_ops **out, rv_error *err) RV_MUST_CHECK;

#endif
