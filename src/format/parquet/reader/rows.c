/* rows.c - levels and values become rows of a column.
 *
 * A flat column has one level per row. A list's row begins at repetition level 0 and ends where the next one begins,
 * which may be on another page: so a list is closed only when its end is known. Definition levels of a list, from 0:
 * below list_def the list is NULL, at list_def it is empty, above it there is an element, which is NULL below max_def. */
#include "reader.h"

#include "rivet/checked.h"
#include "rivet/utf8.h"

#include "format/parquet/values.h"

#include <assert.h>
#include <inttypes.h>

/* ---- single values ---- */

static rv_code append_decimal(const rvi_pqr_mapping *mapping, const uint8_t *value, size_t len,
                              rv_column *column, rv_error *err)
{
    enum { WIDEST = 32 };
    uint8_t little[WIDEST];
    bool is_big = mapping->conversion == RVI_PQR_DECIMAL_BE;
    /* Longer than 32 bytes: leading bytes that only repeat the sign say nothing. */
    while (is_big && len > WIDEST &&
           ((value[0] == 0 && value[1] < 0x80) || (value[0] == 0xff && value[1] >= 0x80))) {
        value++;
        len--;
    }
    if (len == 0 || len > WIDEST)
        return rv_fail(err, RV_E_FILE_DAMAGED, "a decimal of %zu bytes", len);
    bool negative = (is_big ? value[0] : value[len - 1]) >= 0x80;
    memset(little, negative ? 0xff : 0, sizeof little);
    for (size_t i = 0; i < len; i++)
        little[i] = is_big ? value[len - 1 - i] : value[i];
    rv_int256 number;
    rv_int256_load(little, sizeof little, &number);
    if (rv_int256_compare(&number, &mapping->most) > 0 || rv_int256_compare(&number, &mapping->least) < 0)
        return rv_fail(err, RV_E_FILE_DAMAGED, "a decimal has more than the %d digits of its column",
                       mapping->type.precision);
    rv_column_append_decimal(column, &number);
    return RV_OK;
}

static rv_code append_times_1000(const uint8_t *value, size_t len, rv_column *column, rv_error *err)
{
    int64_t wide = 0;
    int32_t narrow = 0;
    if (len == sizeof narrow) {
        memcpy(&narrow, value, sizeof narrow);
        wide = narrow;
    } else {
        memcpy(&wide, value, sizeof wide);
    }
    if (rv_mul_i64(&wide, wide, 1000))
        return rv_fail(err, RV_E_FILE_DAMAGED, "a time of %" PRId64 " ms is beyond what microseconds hold",
                       wide);
    rv_column_append_i64(column, wide);
    return RV_OK;
}

static rv_code append_as_is(const rvi_pqr_mapping *mapping, const uint8_t *value, size_t len,
                            rv_column *column, rv_error *err)
{
    if (mapping->type.id != RV_TYPE_INT16) {
        rv_column_append_fixed(column, value, len);
        return RV_OK;
    }
    int32_t number;
    memcpy(&number, value, sizeof number);
    if (number < INT16_MIN || number > INT16_MAX)
        return rv_fail(err, RV_E_FILE_DAMAGED, "%" PRId32 " in a column of 16-bit integers", number);
    rv_column_append_i16(column, (int16_t)number);
    return RV_OK;
}

rv_code rvi_pqr_append_value(const rvi_pqr_mapping *mapping, const uint8_t *value, size_t len,
                             rv_column *column, rv_error *err)
{
    switch (mapping->conversion) {
    case RVI_PQR_AS_IS:
        return append_as_is(mapping, value, len, column, err);
    case RVI_PQR_WIDEN_UNSIGNED:
        rv_column_append_i64(column, rvi_pq_load_u32(value));
        return RV_OK;
    case RVI_PQR_TIMES_1000:
        return append_times_1000(value, len, column, err);
    case RVI_PQR_DECIMAL_LE:
    case RVI_PQR_DECIMAL_BE:
        return append_decimal(mapping, value, len, column, err);
    case RVI_PQR_TEXT:
        if (!rv_utf8_valid(value, len))
            return rv_fail(err, RV_E_FILE_DAMAGED, "a text that is not UTF-8");
        return rv_column_append_bytes(column, value, len, err);
    case RVI_PQR_BYTES:
        return rv_column_append_bytes(column, value, len, err);
    case RVI_PQR_BIT:
        rv_column_append_bool(column, *value != 0);
        return RV_OK;
    }
    return RV_OK;
}

/* ---- rows ---- */

/* Value number `i` of the piece. */
static rv_code append_nth(const rvi_pqr_mapping *mapping, const rv_parquet_values *values, int32_t i,
                          rv_column *column, rv_error *err)
{
    if (values->width > 0)
        return rvi_pqr_append_value(mapping, values->fixed + (size_t)i * values->width, values->width, column,
                                    err);
    return rvi_pqr_append_value(mapping, values->slices[i].data, values->slices[i].len, column, err);
}

/* Values that lie in the batch as they do in the file, with no NULL among them. */
static bool append_block(const rvi_pqr_assembler *a, const rv_parquet_values *values, int32_t from,
                         int32_t to, int32_t value_at, rv_column *column)
{
    size_t n = (size_t)(to - from), width = rv_type_width(a->shape->mapping.type);
    bool same = a->shape->mapping.conversion == RVI_PQR_AS_IS && width == values->width;
    if (!same || column->validity != NULL || values->n != values->n_levels)
        return false;
    memcpy(column->values + (size_t)column->length * width, values->fixed + (size_t)value_at * width,
           n * width);
    column->length += to - from;
    return true;
}

static rv_code assemble_flat(const rvi_pqr_assembler *a, const rv_parquet_values *values, int32_t from,
                             int32_t to, int32_t value_at, rv_column *column, rv_error *err)
{
    RV_TRY(rv_column_reserve(column, to - from, err));
    if (append_block(a, values, from, to, value_at, column))
        return RV_OK;
    for (int32_t i = from; i < to; i++) {
        if (values->def != NULL && values->def[i] != a->shape->max_def)
            RV_TRY(rv_column_append_null(column, err));
        else
            RV_TRY(append_nth(&a->shape->mapping, values, value_at++, column, err));
    }
    return RV_OK;
}

/* A row of a list begins: what was open is closed. */
static rv_code begin_list(rvi_pqr_assembler *a, uint8_t def, rv_column *column, rv_error *err)
{
    if (a->open)
        RV_TRY(rv_column_close_list(column, err));
    a->open = def >= a->shape->list_def;
    return a->open ? RV_OK : rv_column_append_null(column, err);
}

static rv_code assemble_lists(rvi_pqr_assembler *a, const rv_parquet_values *values, int32_t from, int32_t to,
                              int32_t value_at, rv_column *column, rv_error *err)
{
    RV_TRY(rv_column_reserve(column, (int64_t)(to - from) + 1, err));
    RV_TRY(rv_column_reserve(column->child, to - from, err));
    for (int32_t i = from; i < to; i++) {
        uint8_t def = values->def[i];
        if (values->rep[i] == 0)
            RV_TRY(begin_list(a, def, column, err));
        else if (!a->open || def <= a->shape->list_def)
            return rv_fail(err, RV_E_FILE_DAMAGED, "levels that go on with a list which is NULL or empty");
        if (def == a->shape->max_def)
            RV_TRY(append_nth(&a->shape->mapping, values, value_at++, column->child, err));
        else if (def > a->shape->list_def)
            RV_TRY(rv_column_append_null(column->child, err));
    }
    return RV_OK;
}

rv_code rvi_pqr_assemble(rvi_pqr_assembler *assembler, const rv_parquet_values *values, int32_t from,
                         int32_t to, int32_t value_at, rv_column *column, rv_error *err)
{
    if (from == to)
        return RV_OK;
    return assembler->shape->is_list ? assemble_lists(assembler, values, from, to, value_at, column, err)
                                     : assemble_flat(assembler, values, from, to, value_at, column, err);
}

rv_code rvi_pqr_assemble_end(rvi_pqr_assembler *assembler, rv_column *column, rv_error *err)
{
    if (!assembler->open)
        return RV_OK;
    assembler->open = false;
    RV_TRY(rv_column_reserve(column, 1, err));
    return rv_column_close_list(column, err);
}

static const rvi_pqr_shape *shape_of_leaf(const rv_parquet_reader *reader, int32_t leaf)
{
    for (int i = 0; i < reader->schema.n_fields; i++)
        if (reader->shapes[i].leaf == leaf)
            return &reader->shapes[i];
    return NULL;
}

rv_code rv_parquet_cursor_rows(rv_parquet_cursor *cursor, rv_column *column, int64_t most, int64_t *rows,
                               rv_error *err)
{
    rvi_pqr_assembler assembler = {
        .shape = shape_of_leaf(rvi_pqr_cursor_reader(cursor), rvi_pqr_cursor_leaf(cursor))};
    int64_t done = 0;
    assert(assembler.shape != NULL);
    for (;;) {
        int64_t begun = 0;
        int32_t n = rvi_pqr_cursor_levels_of_rows(cursor, most - done, &begun);
        done += begun;
        while (n > 0) {
            rv_parquet_values values;
            RV_TRY(rv_parquet_cursor_values(cursor, n, &values, err));
            RV_TRY(rvi_pqr_cursor_place(
                cursor, rvi_pqr_assemble(&assembler, &values, 0, values.n_levels, 0, column, err), err));
            n -= values.n_levels;
        }
        const rv_parquet_page *page = NULL;
        if (rvi_pqr_cursor_left(cursor) > 0)
            break;
        RV_TRY(rv_parquet_cursor_page(cursor, &page, err));
        if (page == NULL)
            break;
    }
    RV_TRY(rvi_pqr_assemble_end(&assembler, column, err));
    *rows = done;
    return RV_OK;
}
