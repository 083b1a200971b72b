/* levels.h - repetition and definition levels of the open page.
 *
 * A flat column keeps its validity bits and turns them into runs when the page closes; while it has met no NULL it
 * keeps only a count. A list pushes runs as rows come. A flat REQUIRED column has no levels at all.
 *
 * Spec: parquet-format, README, "Nested Encoding" and "Data Pages". */
#ifndef RIVET_PARQUET_LEVELS_H
#define RIVET_PARQUET_LEVELS_H

#include "leaf.h"
#include "rle.h"

typedef struct rvi_pq_levels {
    const rvi_pq_leaf *leaf; /* borrowed */
    int64_t n;      /* entries: rows of a flat column; elements, NULL lists and empty lists of a list */
    int64_t n_null; /* entries without a value */
    bool has_bits;
    rvi_pq_buf bits;
    rvi_pq_rle_stream def, rep; /* lists */
    int64_t def_histogram[RVI_PQ_MAX_DEF + 1], rep_histogram[RVI_PQ_MAX_REP + 1];
} rvi_pq_levels;

void rvi_pq_levels_init(rvi_pq_levels *levels, const rvi_pq_leaf *leaf, rvi_pq_memory *memory);
void rvi_pq_levels_deinit(rvi_pq_levels *levels);
void rvi_pq_levels_clear(rvi_pq_levels *levels);

/* Rows [from, from + n) of the leaf's column. Fails OUT_OF_MEMORY, MEMORY_BUDGET, LIMIT_EXCEEDED. */
rv_code rvi_pq_levels_append(rvi_pq_levels *levels, const rv_column *column, int64_t from, int64_t n,
                             rv_error *err) RV_MUST_CHECK;
/* Append the level sections of a V1 data page to `out`. No more appends before the next clear. */
rv_code rvi_pq_levels_write(rvi_pq_levels *levels, rvi_pq_buf *out, rv_error *err) RV_MUST_CHECK;
size_t rvi_pq_levels_bytes(const rvi_pq_levels *levels); /* a fair estimate of what write will append */

#endif
