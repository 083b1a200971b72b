/* window.h - a range of the input that is read from its start to its end, some way ahead. */
#ifndef RIVET_PARQUET_READER_WINDOW_H
#define RIVET_PARQUET_READER_WINDOW_H

#include "rivet/input.h"

#include "format/parquet/memory.h"

typedef struct rvi_pqr_window {
    rv_input *input;  /* borrowed */
    uint64_t at;      /* file offset of bytes.data */
    uint64_t end;     /* of the range */
    rvi_pq_buf bytes; /* what has been read and not been left behind */
} rvi_pqr_window;

/* Bytes [at, at + len) of the file, which lie in the range; borrowed until the next call. `at` never goes back.
 * Fails IO, FILE_DAMAGED (beyond the end of the file), OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rvi_pqr_window_get(rvi_pqr_window *window, uint64_t at, size_t len, const uint8_t **out,
                           rv_error *err) RV_MUST_CHECK;
void rvi_pqr_window_drop(rvi_pqr_window *window);   /* hold nothing; what is asked for next is read (again) */
void rvi_pqr_window_deinit(rvi_pqr_window *window); /* zeroed memory is fine */

#endif
