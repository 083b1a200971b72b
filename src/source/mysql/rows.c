/* rows.c - where the values of a row of the binary protocol lie. Into the batch: source/sql/rows.h.
 *
 * Spec: MySQL internals, "Binary Protocol Resultset Row": a zero byte, a bitmap of NULLs that begins with two unused
 * bits, then the values that are there, each in the form of its type and without anything between them. */
#include "internal.h"

enum {
    NULL_BITMAP_OFFSET = 2,
    CONTENT_PER_WIRE_BYTE = 2, /* a geometry printed in hexadecimal */
    LENGTH_NULL = 0xFB,        /* in the text protocol; lengths of one byte lie below */
    LENGTH_OF_2 = 0xFC,
    LENGTH_OF_3 = 0xFD,
    LENGTH_OF_8 = 0xFE,
};

rv_code rvi_my_rows_init(rvi_my_rows *rows, rv_arena *arena, const rv_schema *schema,
                         const rvi_my_type *types, uint64_t max_value_bytes, rv_error *err)
{
    size_t n = (size_t)schema->n_fields;
    rvi_my_rows made = {.asked = 0};
    RV_TRY(rvi_sql_rows_init(&made.base, arena, schema, CONTENT_PER_WIRE_BYTE, max_value_bytes, err));
    made.wires = rv_arena_alloc(arena, n + RV_MAX_KEY_COLUMNS, sizeof *made.wires);
    if (made.wires == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "reading %s", schema->origin);
    for (size_t i = 0; i < n; i++) {
        made.base.columns[i].decode = rvi_my_decoder(types[i].wire, &schema->fields[i]);
        made.wires[i] = types[i].wire;
    }
    *rows = made;
    return RV_OK;
}

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
    int n_cells = rows->base.n_cells;
    const uint8_t *bitmap = row + 1, *end = row + len;
    size_t bitmap_bytes = ((size_t)n_cells + NULL_BITMAP_OFFSET + 7) / 8;
    if (len < 1 + bitmap_bytes || row[0] != 0)
        return broken(err, "it has no header");
    const uint8_t *at = bitmap + bitmap_bytes;
    for (int i = 0; i < n_cells; i++) {
        uint64_t value_len = fixed_width(rows->wires[i]);
        rows->base.cells[i] = (rvi_sql_cell){0};
        if (is_null(bitmap, i))
            continue;
        if (value_len == 0 && !take_length(&at, end, &value_len))
            return broken(err, "a value's length is cut");
        if (value_len > (uint64_t)(end - at))
            return broken(err, "it ends within a value");
        rows->base.cells[i] = (rvi_sql_cell){.bytes = at, .len = (size_t)value_len};
        at += value_len;
    }
    return at == end ? RV_OK : broken(err, "it goes on after its last value");
}

rv_code rvi_my_rows_append(rvi_my_rows *rows, const uint8_t *row, size_t len, rv_error *err)
{
    RV_TRY(find_cells(rows, row, len, err));
    if (!rvi_sql_rows_has_room(&rows->base, len))
        return rvi_sql_rows_full(&rows->base, err);
    return rvi_sql_rows_append(&rows->base, err);
}
