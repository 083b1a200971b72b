/* values.h - a run of present values in the file's own layout, and PLAIN, the encoding that is little more.
 *
 * Everything behind a page (statistics, dictionary, PLAIN) works on dense runs: NULLs are gone, widths are the
 * file's, byte order is the file's. Where a batch already looks like that, a run only points into it.
 *
 * Spec: parquet-format, Encodings.md, "Plain". */
#ifndef RIVET_PARQUET_VALUES_H
#define RIVET_PARQUET_VALUES_H

#include "leaf.h"
#include "memory.h"

enum {
    RVI_PQ_RUN = 2048
}; /* most rows of one run: 64 KiB of 32-byte values, so a run stays in the L2 cache */

typedef struct rvi_pq_values {
    int32_t n;
    const uint8_t *fixed; /* fixed width: n * leaf->width bytes; BOOLEAN: n bytes of 0 or 1 */
    const uint8_t *data;  /* variable width: value i is data[begin[i] .. end[i]) */
    const int32_t *begin, *end;
    uint64_t data_bytes; /* variable width: sum of the lengths */
} rvi_pq_values;

/* Workspace of rvi_pq_gather(), one per writer. */
typedef struct rvi_pq_gather_space {
    uint16_t present[RVI_PQ_RUN];
    int32_t begin[RVI_PQ_RUN], end[RVI_PQ_RUN];
    uint8_t fixed[RVI_PQ_RUN * 32];
} rvi_pq_gather_space;

/* The present values among rows [from, from + n) of a column of leaf->type; 0 <= n <= RVI_PQ_RUN.
 * `out` borrows from the column and from `space` until the next call. */
void rvi_pq_gather(const rvi_pq_leaf *leaf, const rv_column *column, int64_t from, int32_t n,
                   rvi_pq_gather_space *space, rvi_pq_values *out);

/* Append to `out` as PLAIN. n_before: values already there since the page began (BOOLEANs share bytes).
 * Fails OUT_OF_MEMORY, MEMORY_BUDGET, LIMIT_EXCEEDED. */
rv_code rvi_pq_plain_append(const rvi_pq_leaf *leaf, const rvi_pq_values *values, int64_t n_before,
                            rvi_pq_buf *out, rv_error *err) RV_MUST_CHECK;

/* Copies of a length known only at run time: most texts are short, and two fixed moves that may overlap copy
 * them without a call and without touching a byte outside. */
static inline void rvi_pq_copy(uint8_t *to, const uint8_t *from, size_t len)
{
    if (len > 16) {
        memcpy(to, from, len);
    } else if (len >= 8) {
        uint64_t head, tail;
        memcpy(&head, from, 8);
        memcpy(&tail, from + len - 8, 8);
        memcpy(to, &head, 8);
        memcpy(to + len - 8, &tail, 8);
    } else if (len >= 4) {
        uint32_t head, tail;
        memcpy(&head, from, 4);
        memcpy(&tail, from + len - 4, 4);
        memcpy(to, &head, 4);
        memcpy(to + len - 4, &tail, 4);
    } else if (len > 0) {
        to[0] = from[0];
        to[len / 2] = from[len / 2];
        to[len - 1] = from[len - 1];
    }
}

/* 32-bit little-endian length words of PLAIN and of level sections. */
static inline void rvi_pq_store_u32(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
    to[2] = (uint8_t)(value >> 16);
    to[3] = (uint8_t)(value >> 24);
}
static inline uint32_t rvi_pq_load_u32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

#endif
