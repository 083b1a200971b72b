/* rows.c - a row's cells into a batch, and the name of a row for messages. */
#include "internal.h"

#include "rivet/checked.h"

#include <assert.h>
#include <stdio.h>

enum {
    KEY_BYTES = 64 << 10,      /* of one key's text; a message shows far less */
    CONTENT_PER_WIRE_BYTE = 3, /* no cell grows more: a numeric of 10 bytes becomes at most a decimal of 32 */
    ROW_OVERHEAD_PER_COLUMN =
        32 + 4 + 1, /* what a NULL takes: the widest zero, an offset, a bit of validity */
};

/* How an element of a list is read: a column of its own, with the list's name and policies. */
static const rvi_pg_column *element_plan(rv_arena *arena, const rv_field *list, rvi_pg_wire wire)
{
    rv_field *field = rv_arena_alloc(arena, 1, sizeof *field);
    rvi_pg_column *plan = rv_arena_alloc(arena, 1, sizeof *plan);
    if (field == NULL || plan == NULL)
        return NULL;
    *field = *list;
    field->type = rv_type_element(list->type);
    field->natural = field->type;
    field->nullable = true;
    *plan = (rvi_pg_column){.decode = rvi_pg_decoder(wire, field), .field = field, .max_bytes = UINT64_MAX};
    return plan;
}

rv_code rvi_pg_rows_init(rvi_pg_rows *rows, rv_arena *arena, const rv_schema *schema,
                         const rvi_pg_type *types, uint64_t max_value_bytes, rv_error *err)
{
    size_t n = (size_t)schema->n_fields;
    rvi_pg_rows made = {.schema = schema, .fixed_bytes = n * ROW_OVERHEAD_PER_COLUMN};
    made.columns = rv_arena_alloc(arena, n, sizeof *made.columns);
    made.cells = rv_arena_alloc(arena, n + RV_MAX_KEY_COLUMNS, sizeof *made.cells);
    made.n_cells = schema->n_fields;
    if (made.columns == NULL || made.cells == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "reading %s", schema->origin);
    for (size_t i = 0; i < n; i++) {
        const rv_field *field = &schema->fields[i];
        bool is_list = field->type.id == RV_TYPE_LIST;
        made.columns[i] = (rvi_pg_column){
            .decode = rvi_pg_decoder(types[i].wire, field),
            .field = field,
            .element = is_list ? element_plan(arena, field, types[i].wire) : NULL,
            .element_oid = types[i].element_oid,
            .max_bytes = max_value_bytes > 0 ? max_value_bytes : UINT64_MAX,
        };
        if (is_list && made.columns[i].element == NULL)
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "reading %s", schema->origin);
    }
    *rows = made;
    return RV_OK;
}

void rvi_pg_rows_start(rvi_pg_rows *rows, rv_batch *batch, size_t max_bytes)
{
    assert(batch->n_columns == rows->schema->n_fields);
    rows->batch = batch;
    rows->max_bytes = max_bytes;
    rows->bound = 0;
}

/* The exact size of a batch is a walk over its columns, so it is only asked for when the running upper bound says
 * that the limit may be near. */
bool rvi_pg_rows_has_room(rvi_pg_rows *rows, size_t row_bytes)
{
    size_t most = 0;
    if (rv_mul_size(&most, row_bytes, CONTENT_PER_WIRE_BYTE) || rv_add_size(&most, most, rows->fixed_bytes))
        return rows->max_bytes == SIZE_MAX;
    if (most > rows->max_bytes - rows->bound) {
        size_t exact = rv_batch_bytes(rows->batch);
        if (most > rows->max_bytes || exact > rows->max_bytes - most)
            return rows->max_bytes == SIZE_MAX;
        rows->bound = exact;
    }
    rows->bound += most;
    return true;
}

static rv_code unexpected_null(const rvi_pg_column *plan, rv_error *err)
{
    return rv_fail(err, RV_E_VALUE_MALFORMED,
                   "column '%s' (%s): the server sent NULL, but the column is NOT NULL", plan->field->name,
                   plan->field->native_type);
}

/* "id=42", or nothing when the key cannot be shown: this runs for a row that is wrong somewhere. */
static size_t key_text(const rvi_pg_rows *rows, int i, char *out, size_t room)
{
    rv_schema one = {.fields = &rows->schema->fields[i], .n_fields = 1, .origin = rows->schema->origin};
    const rvi_pg_column *plan = &rows->columns[i];
    const rvi_pg_cell *cell = &rows->cells[i];
    RV_AUTO(rv_batch_free) rv_batch *batch = NULL;
    rv_bytes text = RV_BYTES_INIT(KEY_BYTES);
    int written = 0;
    if (cell->len >= 0 && rv_batch_new(&batch, &one, NULL, NULL) == RV_OK &&
        rv_batch_begin_row(batch, NULL) == RV_OK &&
        plan->decode(plan, &batch->columns[0], cell->bytes, (uint32_t)cell->len, NULL) == RV_OK &&
        !rv_column_is_null(&batch->columns[0], 0) &&
        rv_column_text(&batch->columns[0], 0, &text, NULL) == RV_OK) {
        for (size_t b = 0; b < text.len; b++)
            text.data[b] = text.data[b] < 0x20 ? '?' : text.data[b];
        written = snprintf(out, room, "%s=%.*s ", plan->field->name, (int)text.len, (const char *)text.data);
    }
    rv_bytes_deinit(&text);
    return written < 0 ? 0 : (size_t)written < room ? (size_t)written : room - 1;
}

/* Say which row it was: by its primary key, else by its place in the page. */
static rv_code name_row(const rvi_pg_rows *rows, rv_code rc, rv_error *err)
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

static rv_code append_cells(rvi_pg_rows *rows, rv_error *err)
{
    rv_column *columns = rows->batch->columns;
    int n = rows->schema->n_fields;
    for (int i = 0; i < n; i++) {
        const rvi_pg_column *plan = &rows->columns[i];
        const rvi_pg_cell *cell = &rows->cells[i];
        if (cell->len >= 0)
            RV_TRY(plan->decode(plan, &columns[i], cell->bytes, (uint32_t)cell->len, err));
        else if (plan->field->nullable)
            RV_TRY(rv_column_append_null(&columns[i], err));
        else
            return unexpected_null(plan, err);
    }
    return RV_OK;
}

/* Which row of a page is its last one, nobody knows before its end. */
static rv_code keep_key(const rvi_pg_rows *rows, rv_error *err)
{
    rvi_pg_last_key *key = rows->last_key;
    for (int i = 0; i < key->n; i++) {
        const rvi_pg_cell *cell = &rows->cells[key->cell[i]];
        if (cell->len < 0)
            return rv_fail(err, RV_E_SOURCE_PROTOCOL, "a row has no value in column %d of the key", i + 1);
        rv_bytes_clear(&key->bytes[i]);
        RV_TRY(rv_bytes_append(&key->bytes[i], cell->bytes, (size_t)cell->len, err));
    }
    return RV_OK;
}

rv_code rvi_pg_rows_append(rvi_pg_rows *rows, rv_error *err)
{
    RV_TRY(rv_batch_begin_row(rows->batch, err));
    rv_code rc = append_cells(rows, err);
    if (rc == RV_OK && rows->last_key != NULL)
        rc = keep_key(rows, err);
    if (rc != RV_OK)
        return name_row(rows, rc, err);
    rv_batch_end_row(rows->batch);
    return RV_OK;
}
