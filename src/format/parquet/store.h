/* store.h - bytes that wait for their place in the file: finished pages, and metadata of closed row groups.
 *
 * An append-only log in segments of one size, so nothing is copied as it grows and at most one segment is partly
 * unused. The pages of all columns share one log in the order in which they were finished; a row group is written
 * by fetching each column's pages from it. Segments are kept for the next row group.
 *
 * With a scratch, the beginning of the log can lie there instead, at the same positions: what was appended first is
 * what is given away first, so one number says where a byte is. */
#ifndef RIVET_PARQUET_STORE_H
#define RIVET_PARQUET_STORE_H

#include "rivet/scratch.h"

#include "memory.h"
#include "output.h"

typedef struct rvi_pq_store {
    rvi_pq_memory *memory; /* borrowed */
    rv_scratch *scratch;   /* borrowed; NULL: everything stays in memory */
    size_t segment_bytes;
    uint8_t **segments;
    size_t n_segments, cap_segments;
    uint64_t len;     /* bytes in use */
    uint64_t spilled; /* of them in the scratch: [0, spilled); the segments hold the rest */
    void
        *window; /* what is read back passes through it; RVI_PQ_STORE_WINDOW bytes, NULL until it is needed */
} rvi_pq_store;

enum {
    RVI_PQ_STORE_WINDOW = 64 << 10,
    RVI_PQ_STORE_DIRECT = 1 << 20, /* longer pieces go to the scratch without lying in memory a second time */
};

void rvi_pq_store_init(rvi_pq_store *store, size_t segment_bytes, rvi_pq_memory *memory);
void rvi_pq_store_deinit(rvi_pq_store *store);

/* Fails OUT_OF_MEMORY, MEMORY_BUDGET, and as the scratch does; the length is as before then. */
rv_code rvi_pq_store_append(rvi_pq_store *store, const void *data, size_t len, rv_error *err) RV_MUST_CHECK;
/* Forget everything from `len` on; keeps the memory. */
void rvi_pq_store_truncate(rvi_pq_store *store, uint64_t len);
/* Copy [at, at + len) to the output. Fails as the sink and the scratch do, OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rvi_pq_store_write(rvi_pq_store *store, uint64_t at, uint64_t len, rvi_pq_output *out,
                           rv_error *err) RV_MUST_CHECK;
/* Move everything to the scratch, which there must be, and free its memory. Fails as the scratch does. */
rv_code rvi_pq_store_spill(rvi_pq_store *store, rv_error *err) RV_MUST_CHECK;

static inline size_t rvi_pq_store_held(const rvi_pq_store *store) /* bytes of all segments */
{
    return store->n_segments * store->segment_bytes;
}

#endif
