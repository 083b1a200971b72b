/* Any bytes as what a server sends for a COPY: refused with a code, or rows that can be printed and digested.
 *
 * Input: number of columns, one byte a column (its form and policy), the size of the pieces, then the stream. */
#include "source/postgres/internal.h"

#include <stdlib.h>
#include <string.h>

enum {
    ARENA_BYTES = 1 << 20,
    MAX_COLUMNS = 8,
    PAGE_BYTES = 1 << 20,
    TEXT_BYTES = 16 << 20,
    LIST_BIT =
        0x20, /* of a column's byte: a list of the form; the bits below choose it, those above the policy */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* A form, the type it is decoded into, and the OID that arrays of it must name. */
typedef struct form {
    rvi_pg_wire wire;
    rv_type_id type;
    uint8_t precision, scale;
    uint32_t oid;
} form;

static const form forms[] = {
    {RVI_PG_WIRE_TEXT, RV_TYPE_STRING, 0, 0, 25},
    {RVI_PG_WIRE_BOOL, RV_TYPE_BOOL, 0, 0, 16},
    {RVI_PG_WIRE_INT2, RV_TYPE_INT16, 0, 0, 21},
    {RVI_PG_WIRE_INT4, RV_TYPE_INT32, 0, 0, 23},
    {RVI_PG_WIRE_INT8, RV_TYPE_INT64, 0, 0, 20},
    {RVI_PG_WIRE_OID, RV_TYPE_INT64, 0, 0, 26},
    {RVI_PG_WIRE_FLOAT4, RV_TYPE_FLOAT32, 0, 0, 700},
    {RVI_PG_WIRE_FLOAT8, RV_TYPE_FLOAT64, 0, 0, 701},
    {RVI_PG_WIRE_NUMERIC, RV_TYPE_DECIMAL, 9, 2, 1700},
    {RVI_PG_WIRE_NUMERIC, RV_TYPE_DECIMAL, 18, 6, 1700},
    {RVI_PG_WIRE_NUMERIC, RV_TYPE_DECIMAL, 38, 10, 1700},
    {RVI_PG_WIRE_NUMERIC, RV_TYPE_DECIMAL, 76, 20, 1700},
    {RVI_PG_WIRE_MONEY, RV_TYPE_DECIMAL, 19, 2, 790},
    {RVI_PG_WIRE_DATE, RV_TYPE_DATE, 0, 0, 1082},
    {RVI_PG_WIRE_TIME, RV_TYPE_TIME, 0, 0, 1083},
    {RVI_PG_WIRE_TIMESTAMP, RV_TYPE_TIMESTAMP, 0, 0, 1114},
    {RVI_PG_WIRE_TIMESTAMP, RV_TYPE_TIMESTAMP_TZ, 0, 0, 1184},
    {RVI_PG_WIRE_INTERVAL, RV_TYPE_INTERVAL, 0, 0, 1186},
    {RVI_PG_WIRE_JSONB, RV_TYPE_JSON, 0, 0, 3802},
    {RVI_PG_WIRE_BYTEA, RV_TYPE_BINARY, 0, 0, 17},
    {RVI_PG_WIRE_UUID, RV_TYPE_UUID, 0, 0, 2950},
};

static void make_field(uint8_t choice, rv_field *field, rvi_pg_type *type)
{
    const form *chosen = &forms[(choice & (LIST_BIT - 1)) % (sizeof forms / sizeof *forms)];
    bool is_list = (choice & LIST_BIT) != 0;
    rv_type decoded = {.id = is_list ? RV_TYPE_LIST : chosen->type,
                       .element = is_list ? chosen->type : RV_TYPE_INVALID,
                       .precision = chosen->precision,
                       .scale = chosen->scale};
    *field = (rv_field){
        .name = "c", .native_type = "native", .natural = decoded, .type = decoded, .nullable = true};
    for (int c = 0; c < RV_INVALID_CLASSES; c++)
        field->on_invalid[c] = (rv_policy)((choice >> 6) % 3); /* text is resolved before a driver sees it */
    field->is_key = choice == 3;
    *type = (rvi_pg_type){.natural = decoded, .wire = chosen->wire, .element_oid = chosen->oid};
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

static void parse(rvi_sql_rows *rows, const uint8_t *stream, size_t size, size_t step)
{
    rv_error err = {0};
    rvi_pg_copy copy;
    rv_code rc = RV_OK;
    rvi_pg_copy_init(&copy, rows);
    for (size_t at = 0; at < size && rc == RV_OK; at += step)
        rc = rvi_pg_copy_feed(&copy, stream + at, size - at < step ? size - at : step, &err);
    must(rc == RV_OK || (err.code == rc && err.message[0] != '\0'));
    if (rc == RV_OK) {
        must(copy.n_rows == rows->batch->rows);
        must(rv_batch_bytes(rows->batch) <= PAGE_BYTES);
        use_rows(rows->batch);
    }
    rvi_pg_copy_deinit(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t n = 1 + data[0] % MAX_COLUMNS;
    if (size < n + 2)
        return 0;
    rv_field fields[MAX_COLUMNS];
    rvi_pg_type types[MAX_COLUMNS];
    for (size_t i = 0; i < n; i++)
        make_field(data[1 + i], &fields[i], &types[i]);
    rv_schema schema = {.fields = fields, .n_fields = (int)n, .origin = "public.t"};
    size_t step = data[n + 1] == 0 ? size : data[n + 1];
    rv_arena *arena = NULL;
    rv_batch *batch = NULL;
    rvi_sql_rows rows;
    must(rv_arena_new(&arena, ARENA_BYTES, NULL) == RV_OK);
    must(rv_batch_new(&batch, &schema, NULL, NULL) == RV_OK);
    must(rvi_pg_rows_init(&rows, arena, &schema, types, 0, NULL) == RV_OK);
    rvi_sql_rows_start(&rows, batch, PAGE_BYTES);
    parse(&rows, data + n + 2, size - n - 2, step);
    rv_batch_free(batch);
    rv_arena_free(arena);
    return 0;
}
