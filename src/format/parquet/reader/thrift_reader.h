/* thrift_reader.h - reads Thrift's compact protocol from bytes that nobody vouches for.
 *
 * A reader is on the stack of whoever parses one thing. Calls do not fail one by one: the first failure is kept,
 * later calls give zeros, and loops over fields and lists end. A struct is read as
 *
 *     int16_t outer = rvi_pqr_struct_begin(t);
 *     for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);)
 *         switch (f.id) { case 1: x = rvi_pqr_i64(t, f); break; default: rvi_pqr_skip(t, f); }
 *     rvi_pqr_struct_end(t, outer);
 *
 * so a field that is not known is skipped, whatever it holds. No list is believed to have more elements than bytes
 * are left, and structs nest at most RVI_PQR_THRIFT_DEPTH deep.
 *
 * Spec: Apache Thrift, doc/specs/thrift-compact-protocol.md. */
#ifndef RIVET_PARQUET_READER_THRIFT_READER_H
#define RIVET_PARQUET_READER_THRIFT_READER_H

#include "rivet/parquet_meta.h"

#include "pool.h"

enum { RVI_PQR_THRIFT_DEPTH = 32 }; /* FileMetaData's deepest known path is 7 structs long */

typedef struct rvi_pqr_thrift {
    const uint8_t *begin, *at, *end;
    uint64_t file_offset; /* of `begin`, for messages */
    int16_t last_id;      /* of the open struct */
    int depth;
    bool ran_out; /* the failure is that the bytes ended */
    rv_code rc;
    rv_error *err;
} rvi_pqr_thrift;

typedef struct rvi_pqr_field {
    int16_t id;
    uint8_t type; /* rvi_pq_thrift_type */
} rvi_pqr_field;

rvi_pqr_thrift rvi_pqr_thrift_begin(const uint8_t *bytes, size_t len, uint64_t file_offset, rv_error *err);

int16_t rvi_pqr_struct_begin(rvi_pqr_thrift *t);
bool rvi_pqr_field_next(rvi_pqr_thrift *t,
                        rvi_pqr_field *out); /* false: the struct, or everything, has ended */
void rvi_pqr_struct_end(rvi_pqr_thrift *t, int16_t outer);
void rvi_pqr_skip(rvi_pqr_thrift *t, rvi_pqr_field field);
/* Keeps FILE_DAMAGED with this text as the failure, if there is none yet. */
void rvi_pqr_thrift_fail(rvi_pqr_thrift *t, const char *fmt, ...) RV_PRINTF(2, 3);

/* Values of a field; one of another type is a failure. */
bool rvi_pqr_bool(rvi_pqr_thrift *t, rvi_pqr_field field);
int8_t rvi_pqr_i8(rvi_pqr_thrift *t, rvi_pqr_field field);
int32_t rvi_pqr_i32(rvi_pqr_thrift *t, rvi_pqr_field field);             /* i16 too */
int64_t rvi_pqr_i64(rvi_pqr_thrift *t, rvi_pqr_field field);             /* i16, i32 too */
rv_parquet_bytes rvi_pqr_binary(rvi_pqr_thrift *t, rvi_pqr_field field); /* borrowed from the bytes */
/* Checks that a struct follows. */
bool rvi_pqr_is_struct(rvi_pqr_thrift *t, rvi_pqr_field field);
/* A union, read as far as which field is set, whose content is skipped: 0 for none. */
int32_t rvi_pqr_union(rvi_pqr_thrift *t, rvi_pqr_field field);

/* The number of elements of a list field of this element type, each of which must then be read by one call below or
 * as a struct; 0 after a failure. */
uint32_t rvi_pqr_list(rvi_pqr_thrift *t, rvi_pqr_field field, int element);
bool rvi_pqr_item_bool(rvi_pqr_thrift *t);
int32_t rvi_pqr_item_i32(rvi_pqr_thrift *t);
int64_t rvi_pqr_item_i64(rvi_pqr_thrift *t);
rv_parquet_bytes rvi_pqr_item_binary(rvi_pqr_thrift *t);
void rvi_pqr_item_skip_struct(rvi_pqr_thrift *t);

/* Lists as arrays from a pool; NULL with *n == 0 after a failure. */
const int32_t *rvi_pqr_list_i32(rvi_pqr_thrift *t, rvi_pqr_field field, rvi_pqr_pool *pool, int32_t *n);
const int64_t *rvi_pqr_list_i64(rvi_pqr_thrift *t, rvi_pqr_field field, rvi_pqr_pool *pool, int32_t *n);
/* n zeroed elements from the pool; NULL after a failure, which is then kept. */
void *rvi_pqr_thrift_alloc(rvi_pqr_thrift *t, rvi_pqr_pool *pool, size_t n, size_t size);

#endif
