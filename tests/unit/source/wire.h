/* wire.h - bytes as a server sends them, made by hand, and what a driver decoded from them. */
#ifndef TESTS_UNIT_SOURCE_WIRE_H
#define TESTS_UNIT_SOURCE_WIRE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rivet/batch.h"

enum { WIRE_BYTES = 4096 }; /* at most */
typedef struct wire {
    uint8_t bytes[WIRE_BYTES];
    size_t len;
} wire;

void wire_raw(wire *w, const void *bytes, size_t len);
/* Canonical text of the first column's value in the last row; "NULL" for a NULL. Lives until the next call. */
const char *wire_decoded(const rv_batch *batch);

static inline rv_type scalar(rv_type_id id)
{
    return (rv_type){.id = id};
}

static inline rv_type decimal(int precision, int scale)
{
    return (rv_type){.id = RV_TYPE_DECIMAL, .precision = (uint8_t)precision, .scale = (uint8_t)scale};
}

#endif
