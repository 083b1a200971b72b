/* meta.h - the structs of the footer and of the page index.
 *
 * Spec: parquet-format, parquet.thrift and PageIndex.md. */
#ifndef RIVET_PARQUET_META_H
#define RIVET_PARQUET_META_H

#include "column.h"

/* A column chunk that has been written, as far as the footer needs it again. */
typedef struct rvi_pq_chunk {
    uint32_t meta_len;         /* serialised ColumnMetaData, in the writer's store of metadata */
    uint32_t column_index_len; /* 0: none */
    uint32_t offset_index_len;
} rvi_pq_chunk;

/* All append one serialised struct to `out` and fail OUT_OF_MEMORY, MEMORY_BUDGET, LIMIT_EXCEEDED. */
rv_code rvi_pq_meta_column(const rvi_pq_column *column, rvi_pq_buf *out, rv_error *err) RV_MUST_CHECK;
/* *written false: the chunk can have no ColumnIndex, because a page with values has no bounds. */
rv_code rvi_pq_meta_column_index(const rvi_pq_column *column, rvi_pq_buf *out, bool *written,
                                 rv_error *err) RV_MUST_CHECK;
rv_code rvi_pq_meta_offset_index(const rvi_pq_column *column, uint64_t data_at, rvi_pq_buf *out,
                                 rv_error *err) RV_MUST_CHECK;

#endif
