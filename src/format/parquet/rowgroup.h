/* rowgroup.h - the open row group: all columns, and when it is closed.
 *
 * It is closed by its limits (rows, compressed bytes) and by memory: open pages, dictionaries and finished pages must
 * stay within the writer's. With a scratch, finished pages go there first, so that the limits decide. All of it is
 * looked at where a slice ends; slices are cut by rows and bytes of the data, so groups, and files that have a limit,
 * end at the same rows however the rows were split into batches.
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
    RVI_PQ_GROUP_RAW = 1 << 30,     /* as PLAIN; some readers count a column's bytes in 31 bits */
    RVI_PQ_GROUPS_OF_FILE = 4,      /* the fewest of a file that has a limit, so that it is met closely */
};

/* What closes a row group, besides the end of the file. Decided when the writer is opened. */
typedef struct rvi_pq_limits {
    int64_t rows;        /* exactly, unless another limit comes first */
    uint64_t bytes;      /* compressed */
    uint64_t raw;        /* as PLAIN */
    bool by_memory;      /* when memory is full; false: the budget may refuse, the limits are kept */
    bool spills;         /* memory is full only when it is without the finished pages */
    uint64_t file_bytes; /* 0: none */
} rvi_pq_limits;

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
    uint64_t long_flights; /* of it, what pages of long values take while they are under way */
    rvi_pq_column *columns;
    int n_columns;
    rvi_pq_limits limits;
    uint64_t
        target_bytes; /* of the open group: limits.bytes, or the even share of what the file has room for */
    uint64_t
        typical_bytes; /* of the groups of this file, when something else than target_bytes closes them; or 0 */
    uint64_t fixed_bytes;  /* what the footer has whatever the rows are; an estimate */
    bool measured;         /* how the columns shrink is known, not guessed */
    int64_t rows;          /* of the open group */
    int64_t file_rows;     /* of closed groups */
    uint64_t weight;       /* of all rows so far, as rvi_pq_leaf_weight() counts */
    uint64_t group_weight; /* of the open group's */
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
    uint64_t file_bytes;               /* 0: no limit */
    rv_budget *budget;                 /* may be NULL */
    rv_workers *workers;               /* may be NULL */
    rv_scratch *scratch;               /* may be NULL */
    size_t memory_bytes;
} rvi_pq_group_options;

/* On failure `group` is fit for deinit. Fails FORMAT_UNSUPPORTED, CONFIG_*, OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rvi_pq_group_init(rvi_pq_group *group, const rvi_pq_group_options *options,
                          rv_error *err) RV_MUST_CHECK;
void rvi_pq_group_deinit(rvi_pq_group *group); /* zeroed memory is fine */

/* Append a batch's rows from `from` on, writing row groups as they fill. *n_taken: how many; fewer than there are when
 * the file has reached its limit. Fails as the sink and the scratch do, VALUE_MALFORMED (a NULL in a REQUIRED column),
 * OUT_OF_MEMORY, MEMORY_BUDGET, LIMIT_EXCEEDED. */
rv_code rvi_pq_group_append(rvi_pq_group *group, const rv_batch *batch, int64_t from, int64_t *n_taken,
                            rvi_pq_output *out, rv_error *err) RV_MUST_CHECK;
/* As rv_writer_catch_up(). */
rv_code rvi_pq_group_catch_up(rvi_pq_group *group, rv_error *err) RV_MUST_CHECK;
/* Write the open row group, if it has rows. */
rv_code rvi_pq_group_flush(rvi_pq_group *group, rvi_pq_output *out, rv_error *err) RV_MUST_CHECK;

#endif
