/* cell.c - the text of one value, by type.
 *
 * A value of fixed width is written straight into the output buffer. That is right only while its text can
 * neither contain the delimiter nor equal the null text, which depends on the type's alphabet alone and is
 * decided when the writer is opened; a dialect that collides (a delimiter of '-', a null text of "0")
 * sends the column through the path of texts. The texts are those of rv_column_text(); a test holds the
 * two together. */
#include "format/csv/internal.h"

#include "rivet/civil.h"
#include "rivet/decimal.h"

#include <assert.h>

enum {
    ESCAPE_PIECE = 4096, /* bytes of a quoted text at a time; doubled they must fit the buffer */
    HEX_PIECE = 4096,    /* bytes of a binary value at a time */
};

/* ---- fixed width: one function a type, at most RVI_CSV_FIXED_TEXT_BYTES ---- */

static int32_t load_i32(const rv_column *column, int64_t row)
{
    int32_t value;
    memcpy(&value, column->values + (size_t)row * sizeof value, sizeof value);
    return value;
}

static int64_t load_i64(const rv_column *column, int64_t row)
{
    int64_t value;
    memcpy(&value, column->values + (size_t)row * sizeof value, sizeof value);
    return value;
}

static size_t bool_text(const rv_column *column, int64_t row, char *out)
{
    const bool value = (column->values[row >> 3] >> (row & 7)) & 1;
    memcpy(out, value ? "true" : "false", 5); /* the NUL after "true" is not counted */
    return value ? 4 : 5;
}

static size_t signed_text(const rv_column *column, int64_t row, char *out)
{
    const size_t width = rv_type_width(column->type);
    rv_int256 value;
    if (width == 2) { /* narrower than any decimal */
        int16_t narrow;
        memcpy(&narrow, column->values + (size_t)row * 2, 2);
        const int32_t wide = narrow;
        rv_int256_load(&wide, 4, &value);
    } else {
        rv_int256_load(column->values + (size_t)row * width, width, &value);
    }
    return rv_decimal_text(out, &value, 0);
}

static size_t unsigned_text(const rv_column *column, int64_t row, char *out)
{
    const rv_int256 value = {{(uint64_t)load_i64(column, row)}};
    return rv_decimal_text(out, &value, 0);
}

static size_t decimal_text(const rv_column *column, int64_t row, char *out)
{
    const size_t width = rv_type_width(column->type);
    rv_int256 value;
    rv_int256_load(column->values + (size_t)row * width, width, &value);
    return rv_decimal_text(out, &value, column->type.scale);
}

static size_t date_text(const rv_column *column, int64_t row, char *out)
{
    return rv_date_text(out, load_i32(column, row));
}

static size_t time_text(const rv_column *column, int64_t row, char *out)
{
    return rv_time_text(out, load_i64(column, row));
}

static size_t timestamp_text(const rv_column *column, int64_t row, char *out)
{
    return rv_timestamp_text(out, load_i64(column, row), false);
}

static size_t timestamp_tz_text(const rv_column *column, int64_t row, char *out)
{
    return rv_timestamp_text(out, load_i64(column, row), true);
}

static size_t timestamp_ns_text(const rv_column *column, int64_t row, char *out)
{
    return rv_timestamp_ns_text(out, load_i64(column, row), false);
}

static size_t timestamp_tz_ns_text(const rv_column *column, int64_t row, char *out)
{
    return rv_timestamp_ns_text(out, load_i64(column, row), true);
}

static const char hex_digits[] = "0123456789abcdef";

static size_t put_hex(char *out, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = hex_digits[bytes[i] >> 4];
        out[2 * i + 1] = hex_digits[bytes[i] & 15];
    }
    return 2 * n;
}

/* RFC 4122 section 3: groups of 4, 2, 2, 2 and 6 bytes. */
static size_t uuid_text(const rv_column *column, int64_t row, char *out)
{
    static const uint8_t group[] = {4, 2, 2, 2, 6};
    const uint8_t *bytes = column->values + (size_t)row * 16;
    char *at = out;
    for (size_t i = 0; i < sizeof group; i++) {
        if (i > 0)
            *at++ = '-';
        at += put_hex(at, bytes, group[i]);
        bytes += group[i];
    }
    return (size_t)(at - out);
}

/* ---- texts and quotes ---- */

static rv_code put_quoted(rvi_csv_output *out, const char *text, size_t len, rv_error *err)
{
    RV_TRY(rvi_csv_put_byte(out, '"', err));
    while (len > 0) {
        const size_t piece = len < ESCAPE_PIECE ? len : ESCAPE_PIECE;
        RV_TRY(rvi_csv_room(out, 2 * piece, err));
        out->len += rvi_csv_double_quotes(out->bytes + out->len, text, piece);
        text += piece;
        len -= piece;
    }
    return rvi_csv_put_byte(out, '"', err);
}

rv_code rvi_csv_put_text(rvi_csv_writer *writer, const char *text, size_t len, rv_error *err)
{
    if (rvi_csv_needs_quotes(&writer->dialect, text, len))
        return put_quoted(&writer->output, text, len, err);
    return rvi_csv_put(&writer->output, text, len, err);
}

/* ---- the ways in which a column is put ---- */

static rv_code put_fixed(rvi_csv_writer *writer, const rvi_csv_cell *cell, const rv_column *column,
                         int64_t row, rv_error *err)
{
    rvi_csv_output *out = &writer->output;
    RV_TRY(rvi_csv_room(out, RVI_CSV_FIXED_TEXT_BYTES, err));
    out->len += cell->text(column, row, (char *)out->bytes + out->len);
    return RV_OK;
}

static rv_code put_fixed_checked(rvi_csv_writer *writer, const rvi_csv_cell *cell, const rv_column *column,
                                 int64_t row, rv_error *err)
{
    char text[RVI_CSV_FIXED_TEXT_BYTES];
    return rvi_csv_put_text(writer, text, cell->text(column, row, text), err);
}

static rv_code put_variable(rvi_csv_writer *writer, const rvi_csv_cell *cell, const rv_column *column,
                            int64_t row, rv_error *err)
{
    (void)cell;
    const int32_t from = column->offsets[row], to = column->offsets[row + 1];
    const char *text = to > from ? (const char *)column->data + from : "";
    return rvi_csv_put_text(writer, text, (size_t)(to - from), err);
}

static rv_code put_binary(rvi_csv_writer *writer, const rvi_csv_cell *cell, const rv_column *column,
                          int64_t row, rv_error *err)
{
    (void)cell;
    rvi_csv_output *out = &writer->output;
    const int32_t to = column->offsets[row + 1];
    int32_t at = column->offsets[row];
    if (at == to)
        return rvi_csv_put(out, "\"\"", 2, err);
    while (at < to) {
        const int32_t piece = to - at < HEX_PIECE ? to - at : HEX_PIECE;
        RV_TRY(rvi_csv_room(out, 2 * (size_t)piece, err));
        out->len += put_hex((char *)out->bytes + out->len, column->data + at, (size_t)piece);
        at += piece;
    }
    return RV_OK;
}

/* Keep the account equal to what the scratch buffer holds. It is at most what this writer was given. */
static rv_code charge_scratch(rvi_csv_writer *writer, rv_error *err)
{
    const size_t cap = writer->scratch.cap;
    if (cap > writer->scratch_charged) {
        if (!rv_budget_charge(writer->budget, cap - writer->scratch_charged))
            return rv_fail(err, RV_E_MEMORY_BUDGET, "the text of one value needs %zu bytes of memory", cap);
        writer->scratch_charged = cap;
    }
    return RV_OK;
}

/* Types whose text has no small bound, or is rare enough to take the general way. */
static rv_code put_scratch(rvi_csv_writer *writer, const rvi_csv_cell *cell, const rv_column *column,
                           int64_t row, rv_error *err)
{
    rv_bytes *scratch = &writer->scratch;
    rv_bytes_clear(scratch);
    RV_TRY_CTX(rv_column_text(column, row, scratch, err), err, "column '%s'", cell->name);
    RV_TRY_CTX(charge_scratch(writer, err), err, "column '%s'", cell->name);
    return rvi_csv_put_text(writer, scratch->len > 0 ? (const char *)scratch->data : "", scratch->len, err);
}

/* ---- the choice ---- */

/* The bytes that a type's text is made of. NULL: any byte. */
typedef struct cell_kind {
    const char *alphabet;
    size_t (*text)(const rv_column *column, int64_t row, char *out); /* NULL: not of fixed width */
    rv_code (*put)(rvi_csv_writer *writer, const rvi_csv_cell *cell, const rv_column *column, int64_t row,
                   rv_error *err); /* while the dialect does not collide with the alphabet */
} cell_kind;

#define DIGITS "0123456789"

static const cell_kind kinds[RV_TYPE_COUNT] = {
    [RV_TYPE_BOOL] = {"truefals", bool_text, put_fixed},
    [RV_TYPE_INT16] = {"-" DIGITS, signed_text, put_fixed},
    [RV_TYPE_INT32] = {"-" DIGITS, signed_text, put_fixed},
    [RV_TYPE_INT64] = {"-" DIGITS, signed_text, put_fixed},
    [RV_TYPE_UINT64] = {DIGITS, unsigned_text, put_fixed},
    [RV_TYPE_FLOAT32] = {NULL, NULL, put_scratch},
    [RV_TYPE_FLOAT64] = {NULL, NULL, put_scratch},
    [RV_TYPE_DECIMAL] = {"-." DIGITS, decimal_text, put_fixed},
    [RV_TYPE_DATE] = {"+-" DIGITS, date_text, put_fixed},
    [RV_TYPE_TIME] = {":." DIGITS, time_text, put_fixed},
    [RV_TYPE_TIMESTAMP] = {"+-T:." DIGITS, timestamp_text, put_fixed},
    [RV_TYPE_TIMESTAMP_TZ] = {"+-T:.Z" DIGITS, timestamp_tz_text, put_fixed},
    [RV_TYPE_TIMESTAMP_NS] = {"+-T:." DIGITS, timestamp_ns_text, put_fixed},
    [RV_TYPE_TIMESTAMP_TZ_NS] = {"+-T:.Z" DIGITS, timestamp_tz_ns_text, put_fixed},
    [RV_TYPE_STRING] = {NULL, NULL, put_variable},
    [RV_TYPE_BINARY] = {hex_digits, NULL, put_binary},
    [RV_TYPE_JSON] = {NULL, NULL, put_variable},
    [RV_TYPE_UUID] = {"-abcdef" DIGITS, uuid_text, put_fixed},
    [RV_TYPE_ENUM] = {NULL, NULL, put_variable},
    [RV_TYPE_INTERVAL] = {NULL, NULL, put_variable},
    [RV_TYPE_LIST] = {NULL, NULL, put_scratch},
};

/* Whether some text over the alphabet would need quotes. */
static bool collides(const rvi_csv_dialect *dialect, const char *alphabet)
{
    if (strchr(alphabet, dialect->delimiter) != NULL)
        return true;
    return dialect->null_len > 0 && strspn(dialect->null_text, alphabet) == dialect->null_len;
}

void rvi_csv_cell_init(rvi_csv_cell *cell, const rv_field *field, const rvi_csv_dialect *dialect)
{
    assert(field->type.id > RV_TYPE_INVALID && field->type.id < RV_TYPE_COUNT);
    const cell_kind *kind = &kinds[field->type.id];
    *cell = (rvi_csv_cell){.put = kind->put, .text = kind->text, .name = field->name};
    if (kind->alphabet != NULL && collides(dialect, kind->alphabet))
        cell->put = kind->text != NULL ? put_fixed_checked : put_scratch;
}
