/* rows.c - a row's cells into a batch, and the name of a row for messages. */
#include "source/sql/rows.h"

#include "rivet/checked.h"
#include "source/sql/place.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    KEY_BYTES = 64 << 10, /* of one key's text; a message shows far less */
    /* What a cell takes in a batch beside its bytes, be it NULL or short: the widest value (a decimal, or the text of an
     * instant), an offset, a bit of validity. */
    ROW_OVERHEAD_PER_COLUMN = 32 + 4 + 1,
};

void rvi_sql_last_key_init(rvi_sql_last_key *key, size_t cell_bytes)
{
    *key = (rvi_sql_last_key){.n = 0};
    for (int i = 0; i < RV_MAX_KEY_COLUMNS; i++)
        key->bytes[i] = key->handed_on[i] = RV_BYTES_INIT(cell_bytes);
}

void rvi_sql_last_key_deinit(rvi_sql_last_key *key)
{
    for (int i = 0; i < RV_MAX_KEY_COLUMNS; i++) {
        rv_bytes_deinit(&key->bytes[i]);
        rv_bytes_deinit(&key->handed_on[i]);
    }
}

void rvi_sql_last_key_hand_on(rvi_sql_last_key *key)
{
    for (int i = 0; i < key->n; i++) {
        const rv_bytes older = key->handed_on[i];
        key->handed_on[i] = key->bytes[i];
        key->bytes[i] = older;
    }
    key->has_handed_on = true;
}

rv_code rvi_sql_rows_init(rvi_sql_rows *rows, rv_arena *arena, const rv_schema *schema, size_t growth,
                          uint64_t max_value_bytes, rv_error *err)
{
    size_t n = (size_t)schema->n_fields;
    rvi_sql_rows made = {.schema = schema,
                         .n_cells = schema->n_fields,
                         .growth = growth,
                         .fixed_bytes = n * ROW_OVERHEAD_PER_COLUMN};
    made.columns = rv_arena_alloc(arena, n, sizeof *made.columns);
    made.cells = rv_arena_alloc(arena, n + RV_MAX_KEY_COLUMNS, sizeof *made.cells);
    if (made.columns == NULL || made.cells == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "reading %s", schema->origin);
    for (size_t i = 0; i < n; i++)
        made.columns[i] = (rvi_sql_column){.field = &schema->fields[i],
                                           .max_bytes = max_value_bytes > 0 ? max_value_bytes : UINT64_MAX};
    *rows = made;
    return RV_OK;
}

void rvi_sql_rows_start(rvi_sql_rows *rows, rv_batch *batch, size_t max_bytes)
{
    assert(batch->n_columns == rows->schema->n_fields);
    rows->batch = batch;
    rows->max_bytes = max_bytes;
    rows->bound = 0;
}

/* ---- the limit of a page ---- */

/* The exact size of a batch is a walk over its columns, so it is only asked for when the running upper bound says
 * that the limit may be near. */
bool rvi_sql_rows_has_room(rvi_sql_rows *rows, size_t row_bytes)
{
    size_t most = 0;
    if (rv_mul_size(&most, row_bytes, rows->growth) || rv_add_size(&most, most, rows->fixed_bytes))
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

rv_code rvi_sql_rows_full(const rvi_sql_rows *rows, rv_error *err)
{
    rv_code rc = rv_fail(err, RV_E_LIMIT_EXCEEDED, "a page of %s would pass its limit of %zu bytes",
                         rows->schema->origin, rows->max_bytes);
    if (err != NULL)
        err->retry = RV_RETRY_SMALLER;
    return rc;
}

/* ---- which row it was ---- */

/* "id=42", or nothing when the key cannot be shown: this runs for a row that is wrong somewhere. */
static size_t key_text(const rvi_sql_rows *rows, int i, char *out, size_t room)
{
    rv_schema one = {.fields = &rows->schema->fields[i], .n_fields = 1, .origin = rows->schema->origin};
    const rvi_sql_column *plan = &rows->columns[i];
    const rvi_sql_cell *cell = &rows->cells[i];
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

/* By its primary key, else by its place in the page. */
static rv_code name_row(const rvi_sql_rows *rows, rv_code rc, rv_error *err)
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

/* ---- a row ---- */

static rv_code unexpected_null(const rvi_sql_column *plan, rv_error *err)
{
    return rv_fail(err, RV_E_VALUE_MALFORMED,
                   "column '%s' (%s): the server sent NULL, but the column is NOT NULL", plan->field->name,
                   plan->field->native_type);
}

static rv_code append_cells(rvi_sql_rows *rows, rv_error *err)
{
    rv_column *columns = rows->batch->columns;
    int n = rows->schema->n_fields;
    for (int i = 0; i < n; i++) {
        const rvi_sql_column *plan = &rows->columns[i];
        const rvi_sql_cell *cell = &rows->cells[i];
        if (cell->bytes != NULL)
            RV_TRY(plan->decode(plan, &columns[i], cell->bytes, cell->len, err));
        else if (plan->field->nullable)
            RV_TRY(rv_column_append_null(&columns[i], err));
        else
            return unexpected_null(plan, err);
    }
    return RV_OK;
}

static bool is_handed_on(const rvi_sql_rows *rows)
{
    const rvi_sql_last_key *key = rows->last_key;
    if (!key->has_handed_on)
        return false;
    for (int i = 0; i < key->n; i++) {
        const rvi_sql_cell *cell = &rows->cells[key->cell[i]];
        const rv_bytes *last = &key->handed_on[i];
        bool same = cell->bytes != NULL && cell->len == last->len &&
                    (last->len == 0 || memcmp(cell->bytes, last->data, last->len) == 0);
        if (!same)
            return false;
    }
    return true;
}

/* Which row of a page is its last one, nobody knows before its end. */
static rv_code keep_key(const rvi_sql_rows *rows, rv_error *err)
{
    rvi_sql_last_key *key = rows->last_key;
    if (rows->batch->rows == 0 && is_handed_on(rows))
        return rvi_sql_key_stalled(err);
    for (int i = 0; i < key->n; i++) {
        const rvi_sql_cell *cell = &rows->cells[key->cell[i]];
        if (cell->bytes == NULL)
            return rv_fail(err, RV_E_SOURCE_PROTOCOL, "a row has no value in column %d of the key", i + 1);
        rv_bytes_clear(&key->bytes[i]);
        RV_TRY(rv_bytes_append(&key->bytes[i], cell->bytes, cell->len, err));
    }
    return RV_OK;
}

rv_code rvi_sql_rows_append(rvi_sql_rows *rows, rv_error *err)
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
