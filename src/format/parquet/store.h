/* store.h - bytes that wait for their place in the file: finished pages, and metadata of closed row groups.
 *
 * An append-only log in segments of one size, so nothing is copied as it grows and at most one segment is partly
 * unused. The pages of all columns share one log in the order in which they were finished; a row group is written
 * by fetching each column's pages from it. Segments are kept for the next row group. */
#ifndef RIVET_PARQUET_STORE_H
#define RIVET_PARQUET_STORE_H

#include "memory.h"
#include "output.h"

typedef struct rvi_pq_store {
    rvi_pq_memory *memory; /* borrowed */
    size_t segment_bytes;
    uint8_t **segments;
    size_t n_segments, cap_segments;
    uint64_t len; /* bytes in use */
} rvi_pq_store;

void rvi_pq_store_init(rvi_pq_store *store, size_t segment_bytes, rvi_pq_memory *memory);
void rvi_pq_store_deinit(rvi_pq_store *store);

/* Fails OUT_OF_MEMORY, MEMORY_BUDGET; the length is as before then. */
rv_code rvi_pq_store_append(rvi_pq_store *store, const void *data, size_t len, rv_error *err) RV_MUST_CHECK;
/* Forget everything from `len` on; keeps the memory. */
void rvi_pq_store_truncate(rvi_pq_store *store, uint64_t len);
/* Copy [at, at + len) to the output. Fails as the sink does. */
rv_code rvi_pq_store_write(const rvi_pq_store *store, uint64_t at, uint64_t len, rvi_pq_output *out,
                           rv_error *err) RV_MUST_CHECK;

#endif
