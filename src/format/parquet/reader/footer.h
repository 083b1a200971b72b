/* footer.h - FileMetaData: the schema and what stands beside it at once, row groups one by one when they are asked for.
 *
 * A file of 10,000 columns and 1,000 row groups has ten million chunks; as structs they would take gigabytes. So the
 * footer's bytes are kept, and all row groups are only walked over, which checks their form and finds where each
 * begins.
 *
 * Spec: parquet-format, parquet.thrift. */
#ifndef RIVET_PARQUET_READER_FOOTER_H
#define RIVET_PARQUET_READER_FOOTER_H

#include "thrift_reader.h"

enum { RVI_PQR_SCHEMA_DEPTH = 64 };

typedef struct rvi_pqr_footer {
    const uint8_t *bytes; /* FileMetaData; metadata.footer_len of them */
    rv_parquet_metadata metadata;
    const uint32_t *group_at; /* per row group: offset of its struct in `bytes` */
} rvi_pqr_footer;

/* The footer's strings are copied into the pool; bytes are borrowed from `bytes`, which must outlive it.
 * Fails FILE_DAMAGED, OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rvi_pqr_footer_parse(const uint8_t *bytes, uint32_t len, uint64_t file_offset, rvi_pqr_pool *pool,
                             rvi_pqr_footer *out, rv_error *err) RV_MUST_CHECK;
rv_code rvi_pqr_row_group_parse(const rvi_pqr_footer *footer, int32_t index, rvi_pqr_pool *pool,
                                rv_parquet_row_group *out, rv_error *err) RV_MUST_CHECK;

/* schema.c: field 2 of FileMetaData, as nodes with levels. */
void rvi_pqr_schema_parse(rvi_pqr_thrift *t, rvi_pqr_field field, rvi_pqr_pool *pool,
                          rv_parquet_metadata *out);

/* A Statistics struct; its bytes are borrowed. */
void rvi_pqr_statistics_parse(rvi_pqr_thrift *t, rvi_pqr_field field, rv_parquet_statistics *out);
rv_parquet_statistics rvi_pqr_no_statistics(void);

#endif
