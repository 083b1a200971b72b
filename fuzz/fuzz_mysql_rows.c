/* Any bytes as rows of MySQL's binary protocol: refused with a code, or rows that can be printed and digested.
 *
 * Input: number of columns, one byte a column (its form and policy), then rows, each after its length in two bytes. */
#include "source/mysql/internal.h"

#include <stdlib.h>
#include <string.h>

enum {
    ARENA_BYTES = 1 << 20,
    MAX_COLUMNS = 12, /* more than the first byte of a bitmap of NULLs has bits for */
    PAGE_BYTES = 1 << 20,
    TEXT_BYTES = 16 << 20,
    VALUE_BYTES = 1 << 12,
    /* Of a column's byte: read through text; the bits below choose the form, those above the policy. */
    TEXT_BIT = 0x20,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* A form, and the type it is decoded into. */
typedef struct form {
    rvi_my_wire wire;
    rv_type_id type;
    uint8_t precision, scale;
    bool loose;
} form;

static const form forms[TEXT_BIT] = {
    {RVI_MY_WIRE_TEXT, RV_TYPE_STRING, 0, 0, false},
    {RVI_MY_WIRE_TEXT, RV_TYPE_JSON, 0, 0, false},
    {RVI_MY_WIRE_TEXT, RV_TYPE_JSON, 0, 0, true},
    {RVI_MY_WIRE_TEXT, RV_TYPE_ENUM, 0, 0, true},
    {RVI_MY_WIRE_TEXT, RV_TYPE_UUID, 0, 0, false},
    {RVI_MY_WIRE_BINARY, RV_TYPE_BINARY, 0, 0, false},
    {RVI_MY_WIRE_BIT, RV_TYPE_BOOL, 0, 0, false},
    {RVI_MY_WIRE_BIT, RV_TYPE_INT64, 0, 0, false},
    {RVI_MY_WIRE_BIT, RV_TYPE_UINT64, 0, 0, false},
    {RVI_MY_WIRE_INT1, RV_TYPE_BOOL, 0, 0, true},
    {RVI_MY_WIRE_INT1, RV_TYPE_INT16, 0, 0, false},
    {RVI_MY_WIRE_UINT1, RV_TYPE_INT16, 0, 0, false},
    {RVI_MY_WIRE_INT2, RV_TYPE_INT16, 0, 0, false},
    {RVI_MY_WIRE_UINT2, RV_TYPE_INT32, 0, 0, false},
    {RVI_MY_WIRE_INT4, RV_TYPE_INT32, 0, 0, false},
    {RVI_MY_WIRE_UINT4, RV_TYPE_INT64, 0, 0, false},
    {RVI_MY_WIRE_INT8, RV_TYPE_INT64, 0, 0, false},
    {RVI_MY_WIRE_UINT8, RV_TYPE_UINT64, 0, 0, false},
    {RVI_MY_WIRE_FLOAT, RV_TYPE_FLOAT32, 0, 0, false},
    {RVI_MY_WIRE_DOUBLE, RV_TYPE_FLOAT64, 0, 0, false},
    {RVI_MY_WIRE_DECIMAL, RV_TYPE_DECIMAL, 9, 2, false},
    {RVI_MY_WIRE_DECIMAL, RV_TYPE_DECIMAL, 18, 18, false},
    {RVI_MY_WIRE_DECIMAL, RV_TYPE_DECIMAL, 38, 0, false},
    {RVI_MY_WIRE_DECIMAL, RV_TYPE_DECIMAL, 65, 30, false},
    {RVI_MY_WIRE_DATE, RV_TYPE_DATE, 0, 0, false},
    {RVI_MY_WIRE_DATETIME, RV_TYPE_TIMESTAMP, 0, 0, false},
    {RVI_MY_WIRE_DATETIME, RV_TYPE_TIMESTAMP_TZ, 0, 0, false},
    {RVI_MY_WIRE_TIME, RV_TYPE_STRING, 0, 0, false},
    {RVI_MY_WIRE_GEOMETRY, RV_TYPE_BINARY, 0, 0, false},
    {RVI_MY_WIRE_BINARY, RV_TYPE_BINARY, 0, 0, false},      /* through text: as uuid */
    {RVI_MY_WIRE_TIME, RV_TYPE_STRING, 0, 0, false},        /* through text: as time */
    {RVI_MY_WIRE_DATETIME, RV_TYPE_TIMESTAMP, 0, 0, false}, /* through text: as timestamp_tz */
};

/* What a form becomes when it is read through text. */
static rv_type_id through_text(size_t index)
{
    static const rv_type_id types[] = {RV_TYPE_UUID, RV_TYPE_TIME, RV_TYPE_TIMESTAMP_TZ};
    size_t first = TEXT_BIT - sizeof types / sizeof *types;
    return index < first ? RV_TYPE_STRING : types[index - first];
}

static void make_field(uint8_t choice, rv_field *field, rvi_my_type *type)
{
    size_t index = choice & (TEXT_BIT - 1);
    const form *chosen = &forms[index];
    rv_type natural = {.id = chosen->type, .precision = chosen->precision, .scale = chosen->scale};
    bool as_text = (choice & TEXT_BIT) != 0 && chosen->type != through_text(index);
    *field = (rv_field){
        .name = "c",
        .native_type = chosen->wire == RVI_MY_WIRE_INT2 ? "year" : "native",
        .natural = natural,
        .type = as_text ? (rv_type){.id = through_text(index)} : natural,
        .transfer = as_text ? RV_TRANSFER_TEXT : RV_TRANSFER_NATIVE,
        .nullable = true,
        .is_key = choice == 0x0e,
        .native_mod = choice % 8,
        .loose = chosen->loose,
    };
    for (int c = 0; c < RV_INVALID_CLASSES; c++)
        field->on_invalid[c] = (rv_policy)((choice >> 6) % 3); /* text is resolved before a driver sees it */
    *type = (rvi_my_type){.natural = natural, .wire = chosen->wire, .loose = chosen->loose};
}

static void use_rows(const rv_batch *batch)
{
    uint64_t sums[MAX_COLUMNS] = {0};
    rv_bytes text = RV_BYTES_INIT(TEXT_BYTES);
    for (int64_t row = 0; row < batch->rows; row++)
        for (int i = 0; i < batch->n_columns; i++) {
            rv_bytes_clear(&text);
            if (!rv_column_is_null(&batch->columns[i], row))
                must(rv_column_text(&batch->columns[i], row, &text, NULL) == RV_OK);
        }
    rv_batch_digest(batch, sums);
    rv_bytes_deinit(&text);
}

/* Each row lies in memory of its own, so that a byte read beyond it is seen. */
static rv_code append(rvi_my_rows *rows, const uint8_t *row, size_t len, rv_error *err)
{
    uint8_t *own = malloc(len + (len == 0));
    must(own != NULL);
    if (len > 0)
        memcpy(own, row, len);
    rv_code rc = rvi_my_rows_append(rows, own, len, err);
    free(own);
    return rc;
}

static void parse(rvi_my_rows *rows, const uint8_t *at, const uint8_t *end)
{
    rv_error err = {0};
    rv_code rc = RV_OK;
    int64_t n = 0;
    for (; rc == RV_OK && end - at >= 2; n++) {
        size_t len = (size_t)(at[0] | at[1] << 8), left = (size_t)(end - at) - 2;
        len = len < left ? len : left;
        rc = append(rows, at + 2, len, &err);
        at += 2 + len;
    }
    must(rc == RV_OK || (err.code == rc && err.message[0] != '\0'));
    if (rc != RV_OK)
        return;
    must(rows->base.batch->rows == n);
    must(rv_batch_bytes(rows->base.batch) <= PAGE_BYTES);
    use_rows(rows->base.batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t n = size > 0 ? 1 + data[0] % MAX_COLUMNS : 0;
    if (size < n + 1 || n == 0)
        return 0;
    rv_field fields[MAX_COLUMNS];
    rvi_my_type types[MAX_COLUMNS];
    for (size_t i = 0; i < n; i++)
        make_field(data[1 + i], &fields[i], &types[i]);
    rv_schema schema = {.fields = fields, .n_fields = (int)n, .origin = "shop.t"};
    rv_arena *arena = NULL;
    rv_batch *batch = NULL;
    rvi_my_rows rows;
    must(rv_arena_new(&arena, ARENA_BYTES, NULL) == RV_OK);
    must(rv_batch_new(&batch, &schema, NULL, NULL) == RV_OK);
    must(rvi_my_rows_init(&rows, arena, &schema, types, VALUE_BYTES, NULL) == RV_OK);
    rvi_sql_rows_start(&rows.base, batch, PAGE_BYTES);
    parse(&rows, data + n + 1, data + size);
    rv_batch_free(batch);
    rv_arena_free(arena);
    return 0;
}
