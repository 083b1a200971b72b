/* encoding.h - how the values of a page become bytes: a table of encodings, and which one an open page takes.
 *
 * Spec: parquet-format, Encodings.md. */
#ifndef RIVET_PARQUET_ENCODING_H
#define RIVET_PARQUET_ENCODING_H

#include "column.h"

/* What an encoding gets to see of an open page. */
typedef struct rvi_pq_page_values {
    const rvi_pq_leaf *leaf;
    const uint8_t *data; /* PLAIN bytes, or uint32_t indices */
    size_t n;            /* values, NULLs not counted */
    uint32_t n_entries;  /* of the dictionary */
} rvi_pq_page_values;

typedef struct rvi_pq_encoding_ops {
    rvi_pq_encoding_id number;
    /* Append the encoded values to `out`. NULL: the PLAIN bytes are the encoded values.
     * Fails OUT_OF_MEMORY, MEMORY_BUDGET, LIMIT_EXCEEDED. */
    rv_code (*encode)(const rvi_pq_page_values *in, rvi_pq_buf *out, rv_error *err);
} rvi_pq_encoding_ops;

extern const rvi_pq_encoding_ops rvi_pq_dictionary_encoding;

/* The encoding of the open page, which is about to close. */
const rvi_pq_encoding_ops *rvi_pq_encoding_of(const rvi_pq_column *column);

#endif
