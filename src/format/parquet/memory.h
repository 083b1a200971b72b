/* memory.h - what a writer holds, counted. Every data-dependent allocation of this folder goes through here.
 *
 * Sizes are a function of what has to fit, never of the path by which a buffer grew there, so `used` after a given
 * row is the same however the rows were split into batches. Row group boundaries rest on that. */
#ifndef RIVET_PARQUET_MEMORY_H
#define RIVET_PARQUET_MEMORY_H

#include "rivet/budget.h"
#include "rivet/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct rvi_pq_memory {
    rv_budget *budget; /* borrowed; may be NULL */
    size_t used;       /* bytes charged through this account */
} rvi_pq_memory;

/* Change *block from old_bytes (0: *block is NULL) to new_bytes, at least 1. Content is kept as by realloc().
 * Fails MEMORY_BUDGET, OUT_OF_MEMORY; *block is as before then. */
rv_code rvi_pq_resize(rvi_pq_memory *memory, void **block, size_t old_bytes, size_t new_bytes,
                      rv_error *err) RV_MUST_CHECK;
void rvi_pq_release(rvi_pq_memory *memory, void *block, size_t bytes); /* NULL is fine */

/* Growable bytes, owned by whoever embeds them. */
typedef struct rvi_pq_buf {
    uint8_t *data;
    size_t len, cap;
    rvi_pq_memory *memory; /* borrowed */
} rvi_pq_buf;

/* Room for n more bytes. Capacities come from a ladder of eight steps per doubling, 256 above
 * 4 MiB.
 * Fails MEMORY_BUDGET, OUT_OF_MEMORY, LIMIT_EXCEEDED (over 4 GiB). */
rv_code rvi_pq_buf_reserve(rvi_pq_buf *buf, size_t n, rv_error *err) RV_MUST_CHECK;
rv_code rvi_pq_buf_append(rvi_pq_buf *buf, const void *data, size_t len, rv_error *err) RV_MUST_CHECK;
/* The bytes change hands, and accounts, which must share a budget. `to` must hold nothing; `from` is empty afterwards. */
void rvi_pq_buf_move(rvi_pq_buf *to, rvi_pq_buf *from);
void rvi_pq_buf_free(rvi_pq_buf *buf); /* empty afterwards, usable again */

#endif
