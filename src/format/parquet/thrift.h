/* thrift.h - writes Thrift's compact protocol, as far as Parquet needs it.
 *
 * A writer is on the stack of whoever serialises one thing. Calls do not fail one by one: the first failure is
 * kept, later calls do nothing, and rvi_pq_thrift_end() reports it. Field ids within a struct must ascend.
 *
 * Spec: Apache Thrift, doc/specs/thrift-compact-protocol.md. */
#ifndef RIVET_PARQUET_THRIFT_H
#define RIVET_PARQUET_THRIFT_H

#include "memory.h"

#include <stdbool.h>

typedef enum rvi_pq_thrift_type {
    RVI_PQ_THRIFT_TRUE = 1,
    RVI_PQ_THRIFT_FALSE = 2,
    RVI_PQ_THRIFT_I8 = 3,
    RVI_PQ_THRIFT_I16 = 4,
    RVI_PQ_THRIFT_I32 = 5,
    RVI_PQ_THRIFT_I64 = 6,
    RVI_PQ_THRIFT_BINARY = 8,
    RVI_PQ_THRIFT_LIST = 9,
    RVI_PQ_THRIFT_STRUCT = 12,
} rvi_pq_thrift_type;

enum { RVI_PQ_THRIFT_DEPTH = 8 }; /* FileMetaData > RowGroup > ColumnChunk > ... > SizeStatistics is 6 */

typedef struct rvi_pq_thrift {
    rvi_pq_buf *out;                      /* borrowed; may be emptied between calls */
    int16_t last_id[RVI_PQ_THRIFT_DEPTH]; /* of the open structs, outermost first */
    int depth;
    rv_code rc;
    rv_error *err;
} rvi_pq_thrift;

/* Begins the outermost struct. */
rvi_pq_thrift rvi_pq_thrift_begin(rvi_pq_buf *out, rv_error *err);
/* Closes the outermost struct. Fails with the first failure: OUT_OF_MEMORY, MEMORY_BUDGET, LIMIT_EXCEEDED. */
rv_code rvi_pq_thrift_end(rvi_pq_thrift *t) RV_MUST_CHECK;

void rvi_pq_thrift_i8(rvi_pq_thrift *t, int16_t id, int8_t value);
void rvi_pq_thrift_i16(rvi_pq_thrift *t, int16_t id, int16_t value);
void rvi_pq_thrift_i32(rvi_pq_thrift *t, int16_t id, int32_t value);
void rvi_pq_thrift_i64(rvi_pq_thrift *t, int16_t id, int64_t value);
void rvi_pq_thrift_bool(rvi_pq_thrift *t, int16_t id, bool value);
void rvi_pq_thrift_binary(rvi_pq_thrift *t, int16_t id, const void *data, size_t len);
void rvi_pq_thrift_text(rvi_pq_thrift *t, int16_t id, const char *text);
void rvi_pq_thrift_struct_begin(rvi_pq_thrift *t, int16_t id);
void rvi_pq_thrift_struct_end(rvi_pq_thrift *t);
void rvi_pq_thrift_empty_struct(rvi_pq_thrift *t, int16_t id);

/* A list of n elements: exactly n calls of one rvi_pq_thrift_item_*() follow. */
void rvi_pq_thrift_list(rvi_pq_thrift *t, int16_t id, rvi_pq_thrift_type element, size_t n);
void rvi_pq_thrift_item_bool(rvi_pq_thrift *t, bool value); /* of a list of RVI_PQ_THRIFT_TRUE */
void rvi_pq_thrift_item_i32(rvi_pq_thrift *t, int32_t value);
void rvi_pq_thrift_item_i64(rvi_pq_thrift *t, int64_t value);
void rvi_pq_thrift_item_binary(rvi_pq_thrift *t, const void *data, size_t len);
void rvi_pq_thrift_item_struct_begin(rvi_pq_thrift *t);
void rvi_pq_thrift_item_struct_end(rvi_pq_thrift *t);
/* An element that was serialised before, as a complete struct. */
void rvi_pq_thrift_raw(rvi_pq_thrift *t, const void *bytes, size_t len);
/* The header of a struct field whose content follows as rvi_pq_thrift_raw(). */
void rvi_pq_thrift_raw_field(rvi_pq_thrift *t, int16_t id);

#endif
