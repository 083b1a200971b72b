/* rows.c - a row of the binary protocol into a batch, and the name of a row for messages.
 *
 * Spec: MySQL internals, "Binary Protocol Resultset Row": a zero byte, a bitmap of NULLs that begins with two unused
 * bits, then the values that are there, each in the form of its type and without anything between them. */
#include "internal.h"

#include "rivet/checked.h"

#include <assert.h>
#include <stdio.h>

enum {
    KEY_BYTES = 64 << 10, /* of one key's text; a message shows far less */
    NULL_BITMAP_OFFSET = 2,
    CONTENT_PER_WIRE_BYTE = 2, /* a geometry printed in hexadecimal */
    /* What a cell takes beside its bytes: the widest value of few bytes (a decimal, or the text of an instant that was
     * sent as one), an offset, a bit of validity. */
    ROW_OVERHEAD_PER_COLUMN = 32 + 4 + 1,
    LENGTH_NULL = 0xFB, /* in the text protocol; lengths of one byte lie below */
    LENGTH_OF_2 = 0xFC,
    LENGTH_OF_3 = 0xFD,
    LENGTH_OF_8 = 0xFE,
};

rv_code rvi_my_rows_init(rvi_my_rows *rows, rv_arena *arena, const rv_schema *schema,
                         const rvi_my_type *types, uint64_t max_value_bytes, rv_error *err)
{
    size_t n = (size_t)schema->n_fields;
    rvi_my_rows made = {.schema = schema, .n_cells = schema->n_fields};
    made.columns = rv_arena_alloc(arena, n, sizeof *made.columns);
    made.cells = rv_arena_alloc(arena, n + RV_MAX_KEY_COLUMNS, sizeof *made.cells);
    made.wires = rv_arena_alloc(arena, n + RV_MAX_KEY_COLUMNS, sizeof *made.wires);
    if (made.columns == NULL || made.cells == NULL || made.wires == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "reading %s", schema->origin);
    for (size_t i = 0; i < n; i++) {
        made.columns[i] = (rvi_my_column){
            .decode = rvi_my_decoder(types[i].wire, &schema->fields[i]),
            .field = &schema->fields[i],
            .max_bytes = max_value_bytes > 0 ? max_value_bytes : UINT64_MAX,
        };
        made.wires[i] = types[i].wire;
    }
    *rows = made;
    return RV_OK;
}

void rvi_my_rows_start(rvi_my_rows *rows, rv_batch *batch, size_t max_bytes)
{
    assert(batch->n_columns == rows->schema->n_fields);
    rows->batch = batch;
    rows->max_bytes = max_bytes;
    rows->bound = 0;
}

/* ---- cells ---- */

static rv_code broken(rv_error *err, const char *what)
{
    return rv_fail(err, RV_E_SOURCE_PROTOCOL, "the server's row is not in the binary protocol: %s", what);
}

static uint64_t load_length(const uint8_t *bytes, size_t n)
{
    uint64_t length = 0;
    for (size_t i = n; i > 0; i--)
        length = length << 8 | bytes[i - 1];
    return length;
}

/* A length-encoded integer at *at, which moves behind it. */
static bool take_length(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
    if (*at == end || **at == LENGTH_NULL || **at > LENGTH_OF_8)
        return false;
    uint8_t first = *(*at)++;
    size_t more = first == LENGTH_OF_2 ? 2 : first == LENGTH_OF_3 ? 3 : first == LENGTH_OF_8 ? 8 : 0;
    if (more > (size_t)(end - *at))
        return false;
    *out = more == 0 ? first : load_length(*at, more);
    *at += more;
    return true;
}

/* Bytes of a value; 0: its length comes first. */
static size_t fixed_width(rvi_my_wire wire)
{
    static const uint8_t widths[RVI_MY_WIRE_COUNT] = {
        [RVI_MY_WIRE_INT1] = 1,  [RVI_MY_WIRE_UINT1] = 1,  [RVI_MY_WIRE_INT2] = 2, [RVI_MY_WIRE_UINT2] = 2,
        [RVI_MY_WIRE_INT4] = 4,  [RVI_MY_WIRE_UINT4] = 4,  [RVI_MY_WIRE_INT8] = 8, [RVI_MY_WIRE_UINT8] = 8,
        [RVI_MY_WIRE_FLOAT] = 4, [RVI_MY_WIRE_DOUBLE] = 8,
    };
    return widths[wire];
}

static bool is_null(const uint8_t *bitmap, int cell)
{
    int bit = cell + NULL_BITMAP_OFFSET;
    return (bitmap[bit >> 3] >> (bit & 7) & 1) != 0;
}

/* Where each value lies in the row. */
static rv_code find_cells(rvi_my_rows *rows, const uint8_t *row, size_t len, rv_error *err)
{
    const uint8_t *bitmap = row + 1, *end = row + len;
    size_t bitmap_bytes = ((size_t)rows->n_cells + NULL_BITMAP_OFFSET + 7) / 8;
    if (len < 1 + bitmap_bytes || row[0] != 0)
        return broken(err, "it has no header");
    const uint8_t *at = bitmap + bitmap_bytes;
    for (int i = 0; i < rows->n_cells; i++) {
        uint64_t value_len = fixed_width(rows->wires[i]);
        rows->cells[i] = (rvi_my_cell){0};
        if (is_null(bitmap, i))
            continue;
        if (value_len == 0 && !take_length(&at, end, &value_len))
            return broken(err, "a value's length is cut");
        if (value_len > (uint64_t)(end - at))
            return broken(err, "it ends within a value");
        rows->cells[i] = (rvi_my_cell){.bytes = at, .len = (size_t)value_len};
        at += value_len;
    }
    return at == end ? RV_OK : broken(err, "it goes on after its last value");
}

/* The exact size of a batch is a walk over its columns, so it is only asked for when the running upper bound says
 * that the limit may be near. */
static bool has_room(rvi_my_rows *rows, size_t row_bytes)
{
    size_t most = 0, fixed = (size_t)rows->schema->n_fields * ROW_OVERHEAD_PER_COLUMN;
    if (rv_mul_size(&most, row_bytes, CONTENT_PER_WIRE_BYTE) || rv_add_size(&most, most, fixed))
        return rows->max_bytes == SIZE_MAX;
    if (rows->bound > rows->max_bytes || most > rows->max_bytes - rows->bound) {
        size_t exact = rv_batch_bytes(rows->batch);
        if (most > rows->max_bytes || exact > rows->max_bytes - most)
            return rows->max_bytes == SIZE_MAX;
        rows->bound = exact;
    }
    rows->bound += most;
    return true;
}

static rv_code page_full(const rvi_my_rows *rows, rv_error *err)
{
    rv_code rc = rv_fail(err, RV_E_LIMIT_EXCEEDED, "a page of %s is larger than %zu bytes",
                         rows->schema->origin, rows->max_bytes);
    if (err != NULL)
        err->retry = RV_RETRY_SMALLER;
    return rc;
}

/* ---- rows ---- */

static rv_code unexpected_null(const rvi_my_column *plan, rv_error *err)
{
    return rv_fail(err, RV_E_VALUE_MALFORMED,
                   "column '%s' (%s): the server sent NULL, but the column is NOT NULL", plan->field->name,
                   plan->field->native_type);
}

/* "id=42", or nothing when the key cannot be shown: this runs for a row that is wrong somewhere. */
static size_t key_text(const rvi_my_rows *rows, int i, char *out, size_t room)
{
    rv_schema one = {.fields = &rows->schema->fields[i], .n_fields = 1, .origin = rows->schema->origin};
    const rvi_my_column *plan = &rows->columns[i];
    const rvi_my_cell *cell = &rows->cells[i];
    RV_AUTO(rv_batch_free) rv_batch *batch = NULL;
    RV_AUTO(rv_bytes_deinit) rv_bytes text = RV_BYTES_INIT(KEY_BYTES);
    int written = 0;
    if (cell->bytes != NULL && rv_batch_new(&batch, &one, NULL, NULL) == RV_OK &&
        rv_batch_begin_row(batch, NULL) == RV_OK &&
        plan->decode(plan, &batch->columns[0], cell->bytes, cell->len, NULL) == RV_OK &&
        !rv_column_is_null(&batch->columns[0], 0) &&
        rv_column_text(&batch->columns[0], 0, &text, NULL) == RV_OK) {
        for (size_t b = 0; b < text.len; b++)
            text.data[b] = text.data[b] < 0x20 ? '?' : text.data[b];
        written = snprintf(out, room, "%s=%.*s ", plan->field->name, (int)text.len, (const char *)text.data);
    }
    return written < 0 ? 0 : (size_t)written < room ? (size_t)written : room - 1;
}

/* Say which row it was: by its primary key, else by its place in the page. */
static rv_code name_row(const rvi_my_rows *rows, rv_code rc, rv_error *err)
{
    char keys[RV_ERROR_FRAME_BYTES] = "";
    size_t n = 0;
    if (err == NULL || rc == RV_E_OUT_OF_MEMORY || rc == RV_E_MEMORY_BUDGET)
        return rc;
    for (int i = 0; i < rows->schema->n_fields; i++)
        if (rows->schema->fields[i].is_key)
            n += key_text(rows, i, keys + n, sizeof keys - n);
    if (n == 0)
        return rv_wrap(err, rc, "row %lld of this page of %s", (long long)rows->batch->rows + 1,
                       rows->schema->origin);
    return rv_wrap(err, rc, "the row with %sof %s", keys, rows->schema->origin);
}

static rv_code append_cells(rvi_my_rows *rows, rv_error *err)
{
    rv_column *columns = rows->batch->columns;
    int n = rows->schema->n_fields;
    for (int i = 0; i < n; i++) {
        const rvi_my_column *plan = &rows->columns[i];
        const rvi_my_cell *cell = &rows->cells[i];
        if (cell->bytes != NULL)
            RV_TRY(plan->decode(plan, &columns[i], cell->bytes, cell->len, err));
        else if (plan->field->nullable)
            RV_TRY(rv_column_append_null(&columns[i], err));
        else
            return unexpected_null(plan, err);
    }
    return RV_OK;
}

/* Which row of a page is its last one, nobody knows before its end. */
static rv_code keep_key(const rvi_my_rows *rows, rv_error *err)
{
    rvi_my_last_key *key = rows->last_key;
    for (int i = 0; i < key->n; i++) {
        const rvi_my_cell *cell = &rows->cells[key->cell[i]];
        if (cell->bytes == NULL)
            return rv_fail(err, RV_E_SOURCE_PROTOCOL, "a row has no value in column %d of the key", i + 1);
        rv_bytes_clear(&key->bytes[i]);
        RV_TRY(rv_bytes_append(&key->bytes[i], cell->bytes, cell->len, err));
    }
    return RV_OK;
}

rv_code rvi_my_rows_append(rvi_my_rows *rows, const uint8_t *row, size_t len, rv_error *err)
{
    RV_TRY(find_cells(rows, row, len, err));
    if (!has_room(rows, len))
        return page_full(rows, err);
    RV_TRY(rv_batch_begin_row(rows->batch, err));
    rv_code rc = append_cells(rows, err);
    if (rc == RV_OK && rows->last_key != NULL)
        rc = keep_key(rows, err);
    if (rc != RV_OK)
        return name_row(rows, rc, err);
    rv_batch_end_row(rows->batch);
    return RV_OK;
}
