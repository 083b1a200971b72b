/* value.c - the values of the scripted source.
 *
 * A generated value depends on its row and its column, so that any shift, repetition or swap in what comes
 * out at the other end shows by itself: with s = 1000 * row + column,
 *
 *   bool         s odd                          date          s mod 36500 days after 1970-01-01
 *   integers     s mod 2^15, 2^31, 2^63         time          1000003 * s us, mod a day
 *   floats       s mod 10^6 + 0.5               timestamps    1000001 * s us (ns for _ns) after 1970-01-01
 *   decimal      s mod 10^p as unscaled value   uuid, binary  16 and 8 bytes that end in s
 *   string       "row r column c ✓"             enum          "label" and s mod 7
 *   json         {"row": r, "column": c}        interval      PTsS
 *   list         r mod 4 elements, of rows 4*r, 4*r+1 …
 * / */
#include "source/fake/internal.h"

#include "rivet/civil.h"

#include <inttypes.h>

#define DAY_US INT64_C(86400000000)

static rv_code append_clock(rv_type_id id, int64_t s, rv_bytes *out, rv_error *err)
{
    char text[RV_CIVIL_TEXT_BYTES];
    size_t len = 0;
    if (id == RV_TYPE_DATE)
        len = rv_date_text(text, (int32_t)(s % 36500));
    else if (id == RV_TYPE_TIME)
        len = rv_time_text(text, s % DAY_US * 1000003 % DAY_US);
    else if (id == RV_TYPE_TIMESTAMP || id == RV_TYPE_TIMESTAMP_TZ)
        len = rv_timestamp_text(text, s * 1000001, id == RV_TYPE_TIMESTAMP_TZ);
    else
        len = rv_timestamp_ns_text(text, s * 1000001, id == RV_TYPE_TIMESTAMP_TZ_NS);
    return rv_bytes_append(out, text, len, err);
}

static rv_code append_decimal(rv_type type, int64_t s, rv_bytes *out, rv_error *err)
{
    enum { DIGITS_OF_INT64 = 18 };
    int64_t modulus = 1;
    for (int i = 0; i < type.precision && i < DIGITS_OF_INT64; i++)
        modulus *= 10;
    const rv_int256 unscaled = {.limb = {(uint64_t)(s % modulus)}};
    char text[RV_DECIMAL_TEXT_BYTES];
    return rv_bytes_append(out, text, rv_decimal_text(text, &unscaled, type.scale), err);
}

static rv_code append_string(const rvi_fake_column *column, int c, int64_t row, rv_bytes *out, rv_error *err)
{
    RV_TRY(rv_bytes_printf(out, err, "row %" PRId64 " column %d \xe2\x9c\x93", row, c));
    while (out->len < (size_t)column->bytes)
        RV_TRY(rv_bytes_append(out, "x", 1, err));
    return RV_OK;
}

/* The text of a generated scalar, into an empty `out`. */
static rv_code generate(const rvi_fake_column *column, rv_type type, int c, int64_t row, rv_bytes *out,
                        rv_error *err)
{
    int64_t s = row * 1000 + c;
    switch (type.id) {
    case RV_TYPE_BOOL:
        return rv_bytes_append_str(out, s % 2 != 0 ? "true" : "false", err);
    case RV_TYPE_INT16:
        return rv_bytes_printf(out, err, "%" PRId64, s % (INT64_C(1) << 15));
    case RV_TYPE_INT32:
        return rv_bytes_printf(out, err, "%" PRId64, s % (INT64_C(1) << 31));
    case RV_TYPE_INT64:
    case RV_TYPE_UINT64:
        return rv_bytes_printf(out, err, "%" PRId64, s);
    case RV_TYPE_FLOAT32:
    case RV_TYPE_FLOAT64:
        return rv_bytes_printf(out, err, "%" PRId64 ".5", s % 1000000);
    case RV_TYPE_DECIMAL:
        return append_decimal(type, s, out, err);
    case RV_TYPE_DATE:
    case RV_TYPE_TIME:
    case RV_TYPE_TIMESTAMP:
    case RV_TYPE_TIMESTAMP_TZ:
    case RV_TYPE_TIMESTAMP_NS:
    case RV_TYPE_TIMESTAMP_TZ_NS:
        return append_clock(type.id, s, out, err);
    case RV_TYPE_STRING:
        return append_string(column, c, row, out, err);
    case RV_TYPE_BINARY:
        return rv_bytes_printf(out, err, "\\x%016" PRIx64, (uint64_t)s);
    case RV_TYPE_JSON:
        return rv_bytes_printf(out, err, "{\"row\": %" PRId64 ", \"column\": %d}", row, c);
    case RV_TYPE_UUID:
        return rv_bytes_printf(out, err, "%032" PRIx64, (uint64_t)s);
    case RV_TYPE_ENUM:
        return rv_bytes_printf(out, err, "label%" PRId64, s % 7);
    case RV_TYPE_INTERVAL:
        return rv_bytes_printf(out, err, "PT%" PRId64 "S", s);
    case RV_TYPE_INVALID:
    case RV_TYPE_LIST:
    case RV_TYPE_COUNT:
        break;
    }
    return rv_fail(err, RV_E_INTERNAL, "column '%s': the script has no values of this type", column->name);
}

static rv_code append_list(const rvi_fake_column *described, int c, int64_t row, rv_column *column,
                           const rv_field *field, rv_bytes *scratch, rv_error *err)
{
    rv_field element = *field;
    element.type = rv_type_element(described->type);
    RV_TRY(rv_column_reserve(column->child, row % 4, err));
    for (int64_t i = 0; i < row % 4; i++) {
        rv_bytes_clear(scratch);
        RV_TRY(generate(described, element.type, c, row * 4 + i, scratch, err));
        RV_TRY(
            rv_column_append_text(column->child, &element, (const char *)scratch->data, scratch->len, err));
    }
    return rv_column_close_list(column, err);
}

static rv_code append_cell(const rvi_fake_cell *cell, rv_column *column, const rv_field *field,
                           uint64_t max_value_bytes, rv_error *err)
{
    if (cell->text == NULL && !field->nullable)
        return rv_fail(err, RV_E_VALUE_MALFORMED, "column '%s' is NOT NULL and holds a NULL", field->name);
    if (cell->text == NULL)
        return rv_column_append_null(column, err);
    if (max_value_bytes > 0 && cell->len > max_value_bytes) {
        rv_fail(err, RV_E_VALUE_TOO_LARGE,
                "column '%s': a value of %zu bytes; the limit is %" PRIu64 " bytes", field->name, cell->len,
                max_value_bytes);
        rv_hint(err, "raise tuning.max_value_mb");
        return RV_E_VALUE_TOO_LARGE;
    }
    return rv_column_append_text(column, field, cell->text, cell->len, err);
}

bool rvi_fake_is_null(const rvi_fake_table *table, int c, int64_t row)
{
    if (table->rows != NULL)
        return table->rows[row].cells[c].text == NULL;
    int64_t every = table->columns[c].null_every;
    return every > 0 && row % every == every - 1;
}

int64_t rvi_fake_mark(const rvi_fake_table *table, int64_t row)
{
    return table->rows != NULL ? table->rows[row].mark : 0;
}

rv_code rvi_fake_append(const rvi_fake_table *table, int c, int64_t row, rv_column *column,
                        const rv_field *field, uint64_t max_value_bytes, rv_bytes *scratch, rv_error *err)
{
    const rvi_fake_column *described = &table->columns[c];
    if (table->rows != NULL)
        return append_cell(&table->rows[row].cells[c], column, field, max_value_bytes, err);
    if (rvi_fake_is_null(table, c, row))
        return append_cell(&(rvi_fake_cell){0}, column, field, max_value_bytes, err);
    if (column->type.id == RV_TYPE_LIST)
        return append_list(described, c, row, column, field, scratch, err);
    rv_bytes_clear(scratch);
    RV_TRY(generate(described, described->type, c, row, scratch, err));
    rvi_fake_cell cell = {(const char *)scratch->data, scratch->len};
    return append_cell(&cell, column, field, max_value_bytes, err);
}
