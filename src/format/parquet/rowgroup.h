/* rowgroup.h - the open row group: all columns, and when it is closed.
 *
 * It is closed by what it holds: open pages, dictionaries and finished pages must stay within the writer's memory,
 * and finished pages within RVI_PQ_GROUP_BYTES. Both are looked at where a slice ends; slices are cut by rows and
 * bytes of the data, so groups end at the same rows however the rows were split into batches.
 *
 * How large a page has become is known some time after it closed. So the pages of a slice count with their raw size
 * until RVI_PQ_LAG slices later; by then all of them have been waited for, and the slice is settled. What is decided
 * where thus never depends on how fast which thread was. */
#ifndef RIVET_PARQUET_ROWGROUP_H
#define RIVET_PARQUET_ROWGROUP_H

#include "meta.h"

enum {
    RVI_PQ_GROUP_BYTES = 128 << 20, /* compressed; what Spark and Trino split files into */
    RVI_PQ_GROUP_ROWS = 512 << 10,  /* so that a file has several groups for a reader's threads */
};

/* A row group that has been written. */
typedef struct rvi_pq_group_info {
    int64_t rows;
    uint64_t at; /* file offset of its first page */
    uint64_t raw_bytes, stored_bytes;
} rvi_pq_group_info;

typedef struct rvi_pq_group {
    rvi_pq_workspace work;
    rvi_pq_memory
        held; /* what counts towards memory_bytes: all but finished pages, which are counted by themselves */
    rvi_pq_memory pages_memory;
    size_t memory_bytes;
    rvi_pq_column *columns;
    int n_columns;
    int64_t rows;    /* of the open group */
    uint64_t weight; /* of all rows so far, as rvi_pq_leaf_weight() counts */
    int64_t slice_rows;
    uint64_t slice_weight, slice_max_weight;

    /* Of closed groups, for the footer. */
    rvi_pq_memory meta_memory;
    rvi_pq_buf groups; /* rvi_pq_group_info */
    rvi_pq_buf chunks; /* rvi_pq_chunk, column by column, group by group */
    rvi_pq_store metas, column_indexes, offset_indexes;
    size_t n_groups;
} rvi_pq_group;

typedef struct rvi_pq_group_options {
    const rv_schema *schema; /* borrowed */
    rv_codec codec;
    int level;
    const rv_parquet_options *parquet; /* outlives the group */
    rv_budget *budget;                 /* may be NULL */
    rv_workers *workers;               /* may be NULL */
    size_t memory_bytes;
} rvi_pq_group_options;

/* On failure `group` is fit for deinit. Fails FORMAT_UNSUPPORTED, CONFIG_*, OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rvi_pq_group_init(rvi_pq_group *group, const rvi_pq_group_options *options,
                          rv_error *err) RV_MUST_CHECK;
void rvi_pq_group_deinit(rvi_pq_group *group); /* zeroed memory is fine */

/* Append a batch's rows, writing row groups as they fill. Fails as the sink does, VALUE_MALFORMED (a NULL in a
 * REQUIRED column), OUT_OF_MEMORY, MEMORY_BUDGET, LIMIT_EXCEEDED. */
rv_code rvi_pq_group_append(rvi_pq_group *group, const rv_batch *batch, rvi_pq_output *out,
                            rv_error *err) RV_MUST_CHECK;
/* Write the open row group, if it has rows. */
rv_code rvi_pq_group_flush(rvi_pq_group *group, rvi_pq_output *out, rv_error *err) RV_MUST_CHECK;
/* What the open row group would add to the file; an estimate. */
uint64_t rvi_pq_group_pending(const rvi_pq_group *group);

#endif
