/* bloom.h - split-block Bloom filters: which values a column chunk certainly does not hold.
 *
 * For columns that the user names. A chunk that is all dictionary gives its distinct values and their exact number at
 * its end. In any other, each page gives its values as it closes, to a filter of the largest size, which is folded in
 * half while it stays selective enough; so no number of distinct values is ever guessed. One filter of the largest size
 * is held for each named column from the beginning, so memory does not jump in the middle of a row group.
 *
 * Spec: parquet-format, BloomFilter.md. */
#ifndef RIVET_PARQUET_BLOOM_H
#define RIVET_PARQUET_BLOOM_H

#include "dict.h"
#include "output.h"
#include "rivet/config.h"

enum {
    RVI_PQ_BLOOM_WORDS = 8,                      /* of 32 bits; a block */
    RVI_PQ_BLOOM_BLOCK = RVI_PQ_BLOOM_WORDS * 4, /* bytes */
    RVI_PQ_BLOOM_MAX_BYTES = 1 << 20,            /* 1 % for 800,000 values: more than a row group has rows */
};

typedef struct rvi_pq_bloom {
    uint32_t *words;   /* of max_blocks; NULL: the column has no filter */
    size_t max_blocks; /* a power of two */
    size_t n_blocks;   /* in use; a power of two */
    bool has_values;
    uint64_t at;  /* file offset of the filter written last: its header */
    uint32_t len; /* of header and bits; 0: the chunk has no filter */
} rvi_pq_bloom;

/* Whether every named column is there and may have a filter. Fails CONFIG_VALUE, FORMAT_UNSUPPORTED. */
rv_code rvi_pq_bloom_check(const rv_parquet_options *options, const rv_schema *schema,
                           rv_error *err) RV_MUST_CHECK;

/* If the options (NULL: none) name the field. max_bytes: of one filter, brought to a power of two from 32 to
 * RVI_PQ_BLOOM_MAX_BYTES; held until deinit. Fails OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rvi_pq_bloom_init(rvi_pq_bloom *bloom, const rv_parquet_options *options, const rv_field *field,
                          size_t max_bytes, rvi_pq_memory *memory, rv_error *err) RV_MUST_CHECK;
void rvi_pq_bloom_deinit(rvi_pq_bloom *bloom, rvi_pq_memory *memory);
/* These do nothing where there is no filter. */
void rvi_pq_bloom_clear(rvi_pq_bloom *bloom); /* before the next chunk */
void rvi_pq_bloom_add(rvi_pq_bloom *bloom, const rvi_pq_leaf *leaf, const rvi_pq_buf *plain, size_t n);
/* The chunk has ended. dict: its dictionary; NULL: it has none. */
void rvi_pq_bloom_finish(rvi_pq_bloom *bloom, const rvi_pq_leaf *leaf, const rvi_pq_dict *dict);
/* Write the finished filter, if the chunk has values; sets `at` and `len`. scratch: emptied first. Fails as the sink
 * does, OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rvi_pq_bloom_write(rvi_pq_bloom *bloom, rvi_pq_buf *scratch, rvi_pq_output *out,
                           rv_error *err) RV_MUST_CHECK;

/* false: nothing with this hash (XXH64 of the PLAIN bytes, seed 0) was put in. */
bool rvi_pq_bloom_may_hold(const uint32_t *words, size_t n_blocks, uint64_t hash);

#endif
