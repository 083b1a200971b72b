/* postgres_support.h - wire bytes made by hand, and one column to decode them into. */
#ifndef TESTS_UNIT_SOURCE_POSTGRES_SUPPORT_H
#define TESTS_UNIT_SOURCE_POSTGRES_SUPPORT_H

#include "source/postgres/internal.h"
#include "unit/source/wire.h"

void wire_i16(wire *w, int16_t value);
void wire_i32(wire *w, int32_t value);
void wire_i64(wire *w, int64_t value);
/* A field of a COPY tuple, or an element of an array: length and bytes; NULL bytes: NULL. */
void wire_value(wire *w, const void *bytes, size_t len);
/* numeric_send(): groups of four digits, the first one worth 10000^weight. */
wire wire_numeric(int n_groups, const uint16_t *groups, int16_t weight, uint16_t sign);
/* array_send() up to its elements: one dimension of n from `lower` on. */
wire wire_array(uint32_t element_oid, int32_t n, int32_t lower);
/* The 19 bytes that a binary COPY starts with. */
void wire_copy_header(wire *w);

/* A relation "public.t" of one column "c", and a page being filled. */
typedef struct decoding {
    rv_arena *arena;
    rv_field fields[2]; /* "c"; some tests add a key "k" */
    rv_schema schema;
    rvi_pg_type types[2];
    rvi_sql_rows rows;
    rv_batch *batch;
    rv_error err;
} decoding;

void decoding_open(decoding *d, rv_type type, rvi_pg_wire form);
void decoding_close(decoding *d);
/* Take the fields as they are now: after a test changed one, or added the key. */
void decoding_start(decoding *d);
rv_code decode_bytes(decoding *d, const void *bytes, size_t len);
rv_code decode_wire(decoding *d, const wire *w);
/* Canonical text of the last row's "c"; "NULL" for a NULL. Lives until the next call. */
const char *decoded(decoding *d);

static inline rv_type list_of(rv_type element)
{
    return (rv_type){
        .id = RV_TYPE_LIST, .element = element.id, .precision = element.precision, .scale = element.scale};
}

#endif
