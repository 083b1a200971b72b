/* output.h - the file being written: its length so far, and small writes gathered into large ones. */
#ifndef RIVET_PARQUET_OUTPUT_H
#define RIVET_PARQUET_OUTPUT_H

#include "rivet/sink.h"

#include "memory.h"

typedef struct rvi_pq_output {
    rv_sink *sink;   /* borrowed */
    uint64_t offset; /* of the next byte in the file */
    rvi_pq_buf waiting;
} rvi_pq_output;

rv_code rvi_pq_output_init(rvi_pq_output *out, rv_sink *sink, rvi_pq_memory *memory,
                           rv_error *err) RV_MUST_CHECK;
void rvi_pq_output_deinit(rvi_pq_output *out); /* drops what waits */
/* Both fail as the sink does. */
rv_code rvi_pq_output_write(rvi_pq_output *out, const void *data, size_t len, rv_error *err) RV_MUST_CHECK;
rv_code rvi_pq_output_flush(rvi_pq_output *out, rv_error *err) RV_MUST_CHECK;

#endif
