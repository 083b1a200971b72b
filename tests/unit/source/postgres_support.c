#include "unit/source/postgres_support.h"

#include <string.h>

static void wire_big_endian(wire *w, uint64_t value, int width)
{
    uint8_t bytes[8];
    for (int i = 0; i < width; i++)
        bytes[i] = (uint8_t)(value >> (8 * (width - 1 - i)));
    wire_raw(w, bytes, (size_t)width);
}

void wire_i16(wire *w, int16_t value)
{
    wire_big_endian(w, (uint16_t)value, 2);
}

void wire_i32(wire *w, int32_t value)
{
    wire_big_endian(w, (uint32_t)value, 4);
}

void wire_i64(wire *w, int64_t value)
{
    wire_big_endian(w, (uint64_t)value, 8);
}

void wire_value(wire *w, const void *bytes, size_t len)
{
    wire_i32(w, bytes != NULL ? (int32_t)len : -1);
    if (bytes != NULL)
        wire_raw(w, bytes, len);
}

wire wire_numeric(int n_groups, const uint16_t *groups, int16_t weight, uint16_t sign)
{
    wire w = {.len = 0};
    wire_i16(&w, (int16_t)n_groups);
    wire_i16(&w, weight);
    wire_i16(&w, (int16_t)sign);
    wire_i16(&w, 0);
    for (int i = 0; i < n_groups; i++)
        wire_i16(&w, (int16_t)groups[i]);
    return w;
}

wire wire_array(uint32_t element_oid, int32_t n, int32_t lower)
{
    wire w = {.len = 0};
    wire_i32(&w, 1);
    wire_i32(&w, 1);
    wire_i32(&w, (int32_t)element_oid);
    wire_i32(&w, n);
    wire_i32(&w, lower);
    return w;
}

void wire_copy_header(wire *w)
{
    wire_raw(w, "PGCOPY\n\377\r\n", 11);
    wire_i32(w, 0);
    wire_i32(w, 0);
}

void decoding_open(decoding *d, rv_type type, rvi_pg_wire form)
{
    *d = (decoding){
        .fields = {{.name = "c", .native_type = "native", .natural = type, .type = type, .nullable = true}},
        .types = {{.natural = type, .wire = form, .element_oid = 23}},
    };
    assert_int_equal(rv_arena_new(&d->arena, 1 << 20, NULL), RV_OK);
    d->schema = (rv_schema){.fields = d->fields, .n_fields = 1, .origin = "public.t"};
    decoding_start(d);
}

void decoding_close(decoding *d)
{
    rv_batch_free(d->batch);
    rv_arena_free(d->arena);
}

void decoding_start(decoding *d)
{
    rv_batch_free(d->batch);
    d->batch = NULL;
    assert_int_equal(rv_batch_new(&d->batch, &d->schema, NULL, NULL), RV_OK);
    assert_int_equal(rvi_pg_rows_init(&d->rows, d->arena, &d->schema, d->types, 0, NULL), RV_OK);
    rvi_sql_rows_start(&d->rows, d->batch, SIZE_MAX);
}

rv_code decode_bytes(decoding *d, const void *bytes, size_t len)
{
    d->err = (rv_error){0};
    d->rows.cells[0] = (rvi_sql_cell){bytes, len};
    return rvi_sql_rows_append(&d->rows, &d->err);
}

rv_code decode_wire(decoding *d, const wire *w)
{
    return decode_bytes(d, w->bytes, w->len);
}

const char *decoded(decoding *d)
{
    return wire_decoded(d->batch);
}
