/* pool.h - memory for the parts of a footer: many small pieces with one end, charged to a budget. */
#ifndef RIVET_PARQUET_READER_POOL_H
#define RIVET_PARQUET_READER_POOL_H

#include "format/parquet/memory.h"

typedef struct rvi_pqr_block rvi_pqr_block;
typedef struct rvi_pqr_pool {
    rvi_pq_memory *memory; /* borrowed */
    rvi_pqr_block *blocks; /* the newest first */
} rvi_pqr_pool;

/* Zeroed memory for n elements of `size` bytes, aligned for any type; n 0 gives a valid pointer.
 * Fails OUT_OF_MEMORY, MEMORY_BUDGET, LIMIT_EXCEEDED. */
rv_code rvi_pqr_pool_alloc(rvi_pqr_pool *pool, size_t n, size_t size, void **out,
                           rv_error *err) RV_MUST_CHECK;
/* A copy with a NUL behind it. */
rv_code rvi_pqr_pool_text(rvi_pqr_pool *pool, const void *bytes, size_t len, const char **out,
                          rv_error *err) RV_MUST_CHECK;
void rvi_pqr_pool_clear(rvi_pqr_pool *pool); /* frees everything; usable again */

#endif
