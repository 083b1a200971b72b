/* verify.h - what the checks of a file share. */
#ifndef RIVET_PARQUET_READER_VERIFY_H
#define RIVET_PARQUET_READER_VERIFY_H

#include "rivet/parquet_verify.h"

#include "order.h"
#include "reader.h"

/* What pages and chunks amount to, counted from their values. */
typedef struct rvi_pqr_facts {
    int64_t n_rows, n_levels, n_nulls; /* NULLs: levels without a value */
    int64_t data_bytes;                /* BYTE_ARRAY: sum of the lengths */
    rvi_pqr_extremes extremes;
    int64_t rep_histogram[RVI_PQR_SCHEMA_DEPTH + 1], def_histogram[RVI_PQR_SCHEMA_DEPTH + 1];
} rvi_pqr_facts;

/* A range of the file that something lies in. */
typedef struct rvi_pqr_range {
    uint64_t begin, end;
    int32_t row_group, leaf;
    const char *what; /* "pages", "column index" … */
} rvi_pqr_range;

typedef struct rvi_pqr_verifier {
    rv_parquet_reader *reader;
    rv_parquet_report *report;
    int32_t row_group, leaf, page; /* what is being looked at; -1: none */
    uint64_t at;
    bool is_own;       /* written by Rivet: nothing may lie between the parts of the file */
    rvi_pq_buf ranges; /* rvi_pqr_range */
    rv_batch *batch;   /* the file's columns; NULL: not all are of Rivet's types */
    uint64_t *digests; /* per column; NULL with `batch` */
    bool digests_hold; /* no column was left out because of damage */
} rvi_pqr_verifier;

/* Note a finding about what is being looked at. */
void rvi_pqr_find(rvi_pqr_verifier *v, rv_parquet_check check, const char *fmt, ...) RV_PRINTF(3, 4);
/* After a failure `rc`: damage becomes a finding and *damaged, anything else is returned. */
rv_code rvi_pqr_settle(rvi_pqr_verifier *v, rv_code rc, bool *damaged, rv_error *err) RV_MUST_CHECK;
rv_code rvi_pqr_add_range(rvi_pqr_verifier *v, uint64_t begin, uint64_t end, const char *what,
                          rv_error *err) RV_MUST_CHECK;

/* verify_chunk.c: all pages of the chunk in v->row_group and v->leaf. */
rv_code rvi_pqr_verify_chunk(rvi_pqr_verifier *v, const rv_parquet_row_group *group,
                             rv_error *err) RV_MUST_CHECK;

/* verify_statistics.c: a Statistics struct, or the entry of a column index as one, against what was counted. */
typedef struct rvi_pqr_claim {
    const char *what; /* "the page's header", "the column index" … */
    rv_parquet_check check;
    const rv_parquet_statistics *statistics;
} rvi_pqr_claim;
void rvi_pqr_check_statistics(rvi_pqr_verifier *v, const rvi_pqr_claim *claim, const rvi_pqr_facts *facts);
/* Whether bounds of this leaf have a meaning: the order is defined and the file says that it keeps to it. */
bool rvi_pqr_has_order(const rvi_pqr_verifier *v);

/* verify_sets.c: what is looked up by value. */
typedef struct rvi_pqr_bloom {
    rvi_pq_buf bits;
    uint32_t n_blocks; /* 0: none */
    int64_t n_missing;
} rvi_pqr_bloom;
/* *bloom is zero where the chunk has none. Fails FILE_DAMAGED, FILE_UNSUPPORTED, MEMORY_BUDGET … */
rv_code rvi_pqr_bloom_read(rvi_pqr_verifier *v, const rv_parquet_chunk *chunk, rvi_pqr_bloom *bloom,
                           rv_error *err) RV_MUST_CHECK;
void rvi_pqr_bloom_check(rvi_pqr_bloom *bloom, const rv_parquet_values *values); /* counts those not in it */

/* How many values are different: a set of their hashes. */
typedef struct rvi_pqr_distinct {
    uint64_t *slots; /* n_slots, a power of two; 0: empty */
    size_t n_slots;
    int64_t n;
} rvi_pqr_distinct;
enum { RVI_PQR_DISTINCT_MOST = 1 << 22 }; /* a claim of more is not counted */
rv_code rvi_pqr_distinct_init(rvi_pqr_distinct *set, int64_t claimed, rvi_pq_memory *memory,
                              rv_error *err) RV_MUST_CHECK;
void rvi_pqr_distinct_add(rvi_pqr_distinct *set,
                          const rv_parquet_values *values); /* stops at twice the claim */
void rvi_pqr_distinct_deinit(rvi_pqr_distinct *set, rvi_pq_memory *memory);

#endif
