#include "unit/source/mysql_support.h"

#include <string.h>

void wire_number(wire *w, uint64_t value, int width)
{
    uint8_t bytes[8];
    for (int i = 0; i < width; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    wire_raw(w, bytes, (size_t)width);
}

void wire_value(wire *w, const void *bytes, size_t len)
{
    assert_true(len <= 250);
    wire_number(w, len, 1);
    wire_raw(w, bytes, len);
}

void wire_row(wire *w, int n, uint32_t nulls)
{
    wire_number(w, 0, 1);
    wire_number(w, (uint64_t)nulls << 2, (n + 2 + 7) / 8);
}

wire wire_moment(size_t len, int year, int month, int day, int64_t us)
{
    wire w = {.len = 0};
    int seconds = (int)(us / 1000000);
    wire_number(&w, (uint64_t)year, 2);
    wire_number(&w, (uint64_t)month, 1);
    wire_number(&w, (uint64_t)day, 1);
    wire_number(&w, (uint64_t)(seconds / 3600), 1);
    wire_number(&w, (uint64_t)(seconds / 60 % 60), 1);
    wire_number(&w, (uint64_t)(seconds % 60), 1);
    wire_number(&w, (uint64_t)(us % 1000000), 4);
    w.len = len;
    return w;
}

wire wire_time(size_t len, int negative, int days, int64_t us)
{
    wire w = {.len = 0};
    int seconds = (int)(us / 1000000);
    wire_number(&w, (uint64_t)negative, 1);
    wire_number(&w, (uint64_t)days, 4);
    wire_number(&w, (uint64_t)(seconds / 3600), 1);
    wire_number(&w, (uint64_t)(seconds / 60 % 60), 1);
    wire_number(&w, (uint64_t)(seconds % 60), 1);
    wire_number(&w, (uint64_t)(us % 1000000), 4);
    w.len = len;
    return w;
}

void decoding_open(decoding *d, rv_type type, rvi_my_wire form)
{
    *d = (decoding){
        .fields = {{.name = "c",
                    .native_type = "native",
                    .natural = type,
                    .type = type,
                    .native_mod = -1,
                    .nullable = true}},
        .types = {{.natural = type, .wire = form}},
    };
    if (form == RVI_MY_WIRE_GEOMETRY)
        d->fields[0].native_mod = 0;
    assert_int_equal(rv_arena_new(&d->arena, 1 << 20, NULL), RV_OK);
    d->schema = (rv_schema){.fields = d->fields, .n_fields = 1, .origin = "shop.t"};
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
    assert_int_equal(rvi_my_rows_init(&d->rows, d->arena, &d->schema, d->types, 0, NULL), RV_OK);
    rvi_sql_rows_start(&d->rows.base, d->batch, SIZE_MAX);
}

void decoding_override(decoding *d, rv_type type)
{
    d->fields[0].type = type;
    d->fields[0].transfer = RV_TRANSFER_TEXT;
    decoding_start(d);
}

void decoding_policy(decoding *d, rv_invalid invalid_class, rv_policy policy)
{
    d->fields[0].on_invalid[invalid_class] = policy;
    decoding_start(d);
}

static bool is_fixed(rvi_my_wire form)
{
    return form >= RVI_MY_WIRE_INT1 && form <= RVI_MY_WIRE_DOUBLE;
}

rv_code decode_bytes(decoding *d, const void *bytes, size_t len)
{
    wire row = {.len = 0};
    d->err = (rv_error){0};
    wire_row(&row, 1, bytes == NULL ? 1 : 0);
    if (bytes != NULL && is_fixed(d->types[0].wire))
        wire_raw(&row, bytes, len);
    else if (bytes != NULL)
        wire_value(&row, bytes, len);
    return rvi_my_rows_append(&d->rows, row.bytes, row.len, &d->err);
}

rv_code decode_wire(decoding *d, const wire *value)
{
    return decode_bytes(d, value->bytes, value->len);
}

const char *decoded(decoding *d)
{
    return wire_decoded(d->batch);
}

int64_t policy_uses(const decoding *d, rv_invalid invalid_class)
{
    return d->batch->columns[0].policy_uses[invalid_class];
}
