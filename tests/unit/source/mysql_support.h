/* mysql_support.h - rows of the binary protocol made by hand, and one column to decode them into. */
#ifndef TESTS_UNIT_SOURCE_MYSQL_SUPPORT_H
#define TESTS_UNIT_SOURCE_MYSQL_SUPPORT_H

#include "source/mysql/internal.h"
#include "unit/source/wire.h"

void wire_number(wire *w, uint64_t value, int width); /* little-endian */
/* A value with its length before it, of one byte. */
void wire_value(wire *w, const void *bytes, size_t len);
/* The header of a row of n cells whose NULLs are the bits of `nulls`, cell 0 the lowest. */
void wire_row(wire *w, int n, uint32_t nulls);

/* DATE, DATETIME and TIMESTAMP: len 0, 4, 7 or 11 bytes of these parts. */
wire wire_moment(size_t len, int year, int month, int day, int64_t us);
/* TIME: len 0, 8 or 12. */
wire wire_time(size_t len, int negative, int days, int64_t us);

/* A relation "shop.t" of one column "c", and a page being filled. */
typedef struct decoding {
    rv_arena *arena;
    rv_field fields[2]; /* "c"; some tests add a key "k" */
    rv_schema schema;
    rvi_my_type types[2];
    rvi_my_rows rows;
    rv_batch *batch;
    rv_error err;
} decoding;

void decoding_open(decoding *d, rv_type type, rvi_my_wire form);
void decoding_close(decoding *d);
/* Take the fields as they are now: after a test changed one, or added the key. */
void decoding_start(decoding *d);
/* Read `c` as another type, through its text. */
void decoding_override(decoding *d, rv_type type);
/* What one invalid class becomes from now on. */
void decoding_policy(decoding *d, rv_invalid invalid_class, rv_policy policy);
/* A row of that value alone; NULL bytes: NULL. The length is written as the form asks. */
rv_code decode_bytes(decoding *d, const void *bytes, size_t len);
rv_code decode_wire(decoding *d, const wire *value);
/* Canonical text of the last row's "c"; "NULL" for a NULL. Lives until the next call. */
const char *decoded(decoding *d);
int64_t policy_uses(const decoding *d, rv_invalid invalid_class);

#endif
