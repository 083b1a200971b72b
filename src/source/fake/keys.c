/* keys.c - keys, ranges and places in the scripted source.
 *
 * What is compared is laid out as a batch: the table's rows first, in the order of the script, so that a row's position
 * there is its position here, and behind them the places that are asked about, which are parsed by the same code. So a
 * comparison is one of two rows of a batch, whatever their types, and rows that a script spells differently (1.0 and
 * 1.00) are equal. Nothing here is fast: it is made to be right, and every other driver is held against it. */
#include "source/fake/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_TEXT_MAX_BYTES = 1 << 20 };

typedef struct view {
    const rvi_fake_table *table;
    const rv_key *key;
    rv_field fields[RV_MAX_KEY_COLUMNS];
    rv_schema schema;
    rv_batch *batch;
} view;

static void view_deinit(view *v)
{
    rv_batch_free(v->batch);
}

static int column_named(const rvi_fake_table *table, const char *name)
{
    for (int c = 0; c < table->n_columns; c++)
        if (strcmp(table->columns[c].name, name) == 0)
            return c;
    return -1;
}

/* `fallback`: column whose value stands in for a NULL; -1: none. */
static rv_code append_row(view *v, const int *columns, int fallback, int64_t row, rv_bytes *scratch,
                          rv_error *err)
{
    assert(v->batch != NULL);
    RV_TRY(rv_batch_begin_row(v->batch, err));
    for (int i = 0; i < v->key->n_columns; i++) {
        int c = columns[i];
        if (fallback >= 0 && rvi_fake_is_null(v->table, c, row))
            c = fallback;
        RV_TRY(rvi_fake_append(v->table, c, row, &v->batch->columns[i], &v->fields[i], 0, scratch, err));
    }
    rv_batch_end_row(v->batch);
    return RV_OK;
}

static rv_code find_columns(view *v, const char *fallback, int columns[RV_MAX_KEY_COLUMNS + 1], rv_error *err)
{
    for (int i = 0; i <= v->key->n_columns; i++) {
        const char *name = i < v->key->n_columns ? v->key->columns[i] : fallback;
        columns[i] = name != NULL ? column_named(v->table, name) : -1;
        if (name != NULL && columns[i] < 0)
            return rv_fail(err, RV_E_SOURCE_QUERY, "'%s' has no column '%s'", v->table->name, name);
        if (i == v->key->n_columns)
            return RV_OK;
        const rvi_fake_column *column = &v->table->columns[columns[i]];
        v->fields[i] = (rv_field){.name = column->name,
                                  .native_type = column->native,
                                  .natural = column->type,
                                  .type = column->type,
                                  .nullable = true};
    }
    return RV_OK;
}

/* Of n rows of the table, from `first` on. */
static rv_code view_init(view *v, const rvi_fake_table *table, const rv_key *key, const char *fallback,
                         int64_t first, int64_t n, rv_error *err)
{
    int columns[RV_MAX_KEY_COLUMNS + 1];
    *v = (view){.table = table, .key = key};
    RV_TRY(find_columns(v, fallback, columns, err));
    v->schema = (rv_schema){.fields = v->fields, .n_fields = key->n_columns, .origin = table->name};
    RV_TRY(rv_batch_new(&v->batch, &v->schema, NULL, err));
    rv_bytes scratch = RV_BYTES_INIT(2 * (size_t)RVI_FAKE_VALUE_MAX_BYTES);
    rv_code rc = RV_OK;
    for (int64_t row = first; rc == RV_OK && row < first + n; row++)
        rc = append_row(v, columns, columns[key->n_columns], row, &scratch, err);
    rv_bytes_deinit(&scratch);
    if (rc != RV_OK)
        view_deinit(v);
    return rc;
}

/* The row of the batch that stands for `place`; cells that it has not are NULL. */
static rv_code add_place(view *v, const rv_key_value *place, int64_t *row, rv_error *err)
{
    RV_TRY(rv_batch_begin_row(v->batch, err));
    for (int i = 0; i < v->key->n_columns; i++) {
        rv_column *column = &v->batch->columns[i];
        if (i < place->n)
            RV_TRY_CTX(
                rv_column_append_text(column, &v->fields[i], place->cells[i], strlen(place->cells[i]), err),
                err, "a bound of %s", v->table->name);
        else
            RV_TRY(rv_column_append_null(column, err));
    }
    rv_batch_end_row(v->batch);
    *row = v->batch->rows - 1;
    return RV_OK;
}

static int compare_bytes(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    size_t least = a_len < b_len ? a_len : b_len;
    int order = least > 0 ? memcmp(a, b, least) : 0;
    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

/* Little-endian integers of `width` bytes; `flip` makes the sign bit of the highest byte sort as it should. */
static int compare_integers(const uint8_t *a, const uint8_t *b, size_t width, uint8_t flip)
{
    int order = (a[width - 1] ^ flip) - (b[width - 1] ^ flip);
    for (size_t i = width - 1; order == 0 && i-- > 0;)
        order = a[i] - b[i];
    return order;
}

static double real_at(const rv_column *column, int64_t row)
{
    float single = 0;
    double value = 0;
    if (column->type.id == RV_TYPE_FLOAT64) {
        memcpy(&value, column->values + (size_t)row * sizeof value, sizeof value);
        return value;
    }
    memcpy(&single, column->values + (size_t)row * sizeof single, sizeof single);
    return (double)single;
}

static bool bit_at(const rv_column *column, int64_t row)
{
    return ((column->values[row >> 3] >> (row & 7)) & 1) != 0;
}

/* Two values that are not NULL. Texts are compared as bytes. */
static int compare_cells(const rv_column *column, int64_t a, int64_t b)
{
    size_t width = rv_type_width(column->type);
    const uint8_t *at_a = column->values + (size_t)a * width, *at_b = column->values + (size_t)b * width;
    if (column->type.id == RV_TYPE_BOOL)
        return bit_at(column, a) - bit_at(column, b);
    if (column->type.id == RV_TYPE_FLOAT32 || column->type.id == RV_TYPE_FLOAT64)
        return (real_at(column, a) > real_at(column, b)) - (real_at(column, a) < real_at(column, b));
    if (column->type.id == RV_TYPE_UUID)
        return compare_bytes(at_a, width, at_b, width);
    if (width > 0)
        return compare_integers(at_a, at_b, width, column->type.id == RV_TYPE_UINT64 ? 0 : 0x80);
    const int32_t *ends = column->offsets;
    return compare_bytes(column->data + ends[a], (size_t)(ends[a + 1] - ends[a]), column->data + ends[b],
                         (size_t)(ends[b + 1] - ends[b]));
}

/* In key order, by the first n columns, none of which is NULL in these rows. */
static int compare_rows(const view *v, int64_t a, int64_t b, int n)
{
    assert(v->batch != NULL);
    for (int i = 0; i < n; i++) {
        int order = compare_cells(&v->batch->columns[i], a, b);
        if (order != 0)
            return v->key->descending[i] ? -order : order;
    }
    return 0;
}

static bool is_null(const view *v, int64_t row)
{
    assert(v->batch != NULL);
    for (int i = 0; i < v->key->n_columns; i++)
        if (rv_column_is_null(&v->batch->columns[i], row))
            return true;
    return false;
}

/* ---- ranges ---- */

typedef struct range_view {
    view view;
    const rv_range *range;
    int64_t lo, hi, late; /* rows of the view's batch, where the range has these places */
    int64_t since, until; /* marks */
} range_view;

static rv_code parse_mark(const char *text, int64_t missing, int64_t *out, rv_error *err)
{
    char *end = NULL;
    *out = text != NULL ? strtoll(text, &end, 10) : missing;
    if (text != NULL && (end == text || *end != '\0'))
        return rv_fail(err, RV_E_SOURCE_QUERY, "not a mark of a script: '%s'", text);
    return RV_OK;
}

static rv_code range_places(range_view *r, rv_error *err)
{
    static const rv_history no_history = {0};
    const rv_history *history = r->range->history != NULL ? r->range->history : &no_history;
    RV_TRY(parse_mark(history->until, INT64_MAX, &r->until, err));
    RV_TRY(parse_mark(history->since, INT64_MAX, &r->since, err));
    RV_TRY(add_place(&r->view, &r->range->lo, &r->lo, err));
    RV_TRY(add_place(&r->view, &r->range->hi, &r->hi, err));
    return add_place(&r->view, &history->late_from, &r->late, err);
}

static rv_code range_init(range_view *r, const rvi_fake_table *table, const rv_range *range, rv_error *err)
{
    *r = (range_view){.range = range};
    RV_TRY(view_init(&r->view, table, range->key, range->fallback, 0, table->n_rows, err));
    rv_code rc = range_places(r, err);
    if (rc != RV_OK)
        view_deinit(&r->view);
    return rc;
}

/* A row whose value is not NULL. */
static bool is_above_lo(const range_view *r, int64_t row)
{
    if (r->range->lo.n == 0)
        return true;
    int order = compare_rows(&r->view, row, r->lo, r->range->lo.n);
    return order > 0 || (order == 0 && r->range->lo_inclusive);
}

static bool is_below_hi(const range_view *r, int64_t row)
{
    if (r->range->hi.n == 0)
        return true;
    int order = compare_rows(&r->view, row, r->hi, r->range->hi.n);
    return order < 0 || (order == 0 && r->range->hi_inclusive);
}

static bool range_holds(const range_view *r, int64_t row)
{
    const rv_range *range = r->range;
    int64_t mark = rvi_fake_mark(r->view.table, row);
    if (mark >= r->until)
        return false;
    if (range->null_only || is_null(&r->view, row))
        return range->null_only ? is_null(&r->view, row) : range->lo.n == 0 && range->hi.n == 0;
    if (!is_below_hi(r, row))
        return false;
    if (is_above_lo(r, row))
        return true;
    int n_late = range->history != NULL ? range->history->late_from.n : 0;
    return n_late > 0 && mark >= r->since && compare_rows(&r->view, row, r->late, n_late) >= 0;
}

/* Clear `inside[row]` for every row that the range does not hold. */
static rv_code apply_range(const rvi_fake_table *table, const rv_range *range, bool *inside, rv_error *err)
{
    range_view r;
    RV_TRY(range_init(&r, table, range, err));
    for (int64_t row = 0; row < table->n_rows; row++)
        inside[row] = inside[row] && range_holds(&r, row);
    view_deinit(&r.view);
    return RV_OK;
}

rv_code rvi_fake_inside(const rvi_fake_table *table, const rv_range *const *ranges, int n_ranges, bool **out,
                        rv_error *err)
{
    bool *inside = malloc((size_t)table->n_rows + 1);
    if (inside == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "finding the rows of a range");
    memset(inside, 1, (size_t)table->n_rows + 1);
    for (int i = 0; i < n_ranges; i++) {
        rv_code rc = apply_range(table, ranges[i], inside, err);
        if (rc != RV_OK) {
            free(inside);
            return rc;
        }
    }
    *out = inside;
    return RV_OK;
}

/* ---- order ---- */

static void merge(const view *v, int64_t *rows, int64_t *spare, int64_t middle, int64_t n)
{
    int64_t left = 0, right = middle;
    for (int64_t i = 0; i < n; i++) {
        bool take_left =
            right >= n || (left < middle && compare_rows(v, rows[left], rows[right], v->key->n_columns) <= 0);
        spare[i] = take_left ? rows[left++] : rows[right++];
    }
    memcpy(rows, spare, (size_t)n * sizeof *rows);
}

/* By merging runs of 1, 2, 4 … rows. */
static void sort_rows(const view *v, int64_t *rows, int64_t *spare, int64_t n)
{
    for (int64_t run = 1; run < n; run *= 2)
        for (int64_t at = 0; at + run < n; at += 2 * run)
            merge(v, rows + at, spare, run, n - at < 2 * run ? n - at : 2 * run);
}

/* Rows inside whose value is not NULL, in key order, after the row `after` of the view (-1: all); malloc'd. */
static rv_code ordered(const view *v, const bool *inside, int64_t after, int n_after, int64_t **out,
                       int64_t *n_out, rv_error *err)
{
    int64_t *rows = calloc((size_t)v->table->n_rows + 1, sizeof *rows);
    int64_t *spare = calloc((size_t)v->table->n_rows + 1, sizeof *spare);
    int64_t n = 0;
    for (int64_t row = 0; rows != NULL && row < v->table->n_rows; row++)
        if (inside[row] && !is_null(v, row) && (after < 0 || compare_rows(v, row, after, n_after) > 0))
            rows[n++] = row;
    if (rows != NULL && spare != NULL)
        sort_rows(v, rows, spare, n);
    bool whole = rows != NULL && spare != NULL;
    free(spare);
    if (!whole) {
        free(rows);
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "ordering rows by a key");
    }
    *out = rows;
    *n_out = n;
    return RV_OK;
}

rv_code rvi_fake_order(const rvi_fake_table *table, const rv_key *key, const bool *inside,
                       const rv_key_value *after, int64_t **out, int64_t *n_out, rv_error *err)
{
    view v;
    int64_t row = -1;
    int n_after = after != NULL ? after->n : 0;
    RV_TRY(view_init(&v, table, key, NULL, 0, table->n_rows, err));
    rv_code rc = n_after > 0 ? add_place(&v, after, &row, err) : RV_OK;
    if (rc == RV_OK)
        rc = ordered(&v, inside, row, n_after, out, n_out, err);
    view_deinit(&v);
    return rc;
}

/* ---- places as text ---- */

/* Timestamps as the planner writes them: a space between date and time, +00 for UTC. */
static void space_timestamp(rv_bytes *text)
{
    for (size_t i = 0; i < text->len; i++)
        if (text->data[i] == 'T')
            text->data[i] = ' ';
}

static rv_code cell_text(const rv_column *column, int64_t row, rv_bytes *text, rv_error *err)
{
    rv_type_id id = column->type.id;
    bool zoned = id == RV_TYPE_TIMESTAMP_TZ || id == RV_TYPE_TIMESTAMP_TZ_NS;
    rv_bytes_clear(text);
    RV_TRY(rv_column_text(column, row, text, err));
    if (zoned || id == RV_TYPE_TIMESTAMP || id == RV_TYPE_TIMESTAMP_NS)
        space_timestamp(text);
    if (!zoned)
        return RV_OK;
    text->len--; /* the Z */
    return rv_bytes_append_str(text, "+00", err);
}

static rv_code place_of(const view *v, int64_t row, rv_arena *arena, rv_key_value *out, rv_error *err)
{
    rv_key_value place = {.n = v->key->n_columns};
    rv_bytes text = RV_BYTES_INIT(KEY_TEXT_MAX_BYTES);
    rv_code rc = RV_OK;
    for (int i = 0; rc == RV_OK && i < place.n; i++) {
        rc = cell_text(&v->batch->columns[i], row, &text, err);
        if (rc == RV_OK)
            place.cells[i] = rv_arena_strndup(arena, (const char *)text.data, text.len);
        if (rc == RV_OK && place.cells[i] == NULL)
            rc = rv_fail(err, RV_E_OUT_OF_MEMORY, "a place of %s", v->table->name);
    }
    rv_bytes_deinit(&text);
    if (rc == RV_OK)
        *out = place;
    return rc;
}

rv_code rvi_fake_place(const rvi_fake_table *table, const rv_key *key, int64_t row, rv_arena *arena,
                       rv_key_value *out, rv_error *err)
{
    view v;
    RV_TRY(view_init(&v, table, key, NULL, row, 1, err));
    rv_code rc = place_of(&v, 0, arena, out, err);
    view_deinit(&v);
    return rc;
}

/* ---- ends and cuts ---- */

static rv_code ends_of(const view *v, const bool *inside, rv_arena *arena, rv_key_ends *out, rv_error *err)
{
    int64_t first = -1, last = -1;
    rv_key_ends ends = {0};
    for (int64_t row = 0; row < v->table->n_rows; row++) {
        if (!inside[row])
            continue;
        if (is_null(v, row)) {
            ends.has_null = true;
            continue;
        }
        first = first < 0 || compare_rows(v, row, first, 1) < 0 ? row : first;
        last = last < 0 || compare_rows(v, row, last, 1) > 0 ? row : last;
    }
    ends.empty = first < 0;
    if (!ends.empty) {
        RV_TRY(place_of(v, first, arena, &ends.first, err));
        RV_TRY(place_of(v, last, arena, &ends.last, err));
    }
    *out = ends;
    return RV_OK;
}

rv_code rvi_fake_ends(const rvi_fake_table *table, const rv_key *key, const char *fallback,
                      const rv_range *const *within, int n_within, rv_arena *arena, rv_key_ends *out,
                      rv_error *err)
{
    view v;
    bool *inside = NULL;
    RV_TRY(rvi_fake_inside(table, within, n_within, &inside, err));
    rv_code rc = view_init(&v, table, key, fallback, 0, table->n_rows, err);
    if (rc == RV_OK) {
        rc = ends_of(&v, inside, arena, out, err);
        view_deinit(&v);
    }
    free(inside);
    return rc;
}

/* A place is taken when it lies after the one before it and before the last row. */
static rv_code cut(const view *v, const int64_t *rows, int64_t n_rows, int64_t n, rv_arena *arena,
                   rv_key_value *out, int64_t *n_out, rv_error *err)
{
    int n_columns = v->key->n_columns;
    int64_t before = n_rows > 0 ? rows[0] : 0, n_places = 0;
    for (int64_t i = 1; i < n && n_rows > 0; i++) {
        int64_t row = rows[(int64_t)((double)n_rows * (double)i / (double)n)];
        if (compare_rows(v, row, before, n_columns) <= 0 ||
            compare_rows(v, row, rows[n_rows - 1], n_columns) >= 0)
            continue;
        RV_TRY(place_of(v, row, arena, &out[n_places], err));
        n_places++;
        before = row;
    }
    *n_out = n_places;
    return RV_OK;
}

rv_code rvi_fake_split(const rvi_fake_table *table, const rv_key *key, int64_t n, rv_arena *arena,
                       rv_key_value *out, int64_t *n_out, rv_error *err)
{
    view v;
    bool *inside = NULL;
    int64_t *rows = NULL, n_rows = 0;
    RV_TRY(rvi_fake_inside(table, NULL, 0, &inside, err));
    rv_code rc = view_init(&v, table, key, NULL, 0, table->n_rows, err);
    if (rc == RV_OK) {
        rc = ordered(&v, inside, -1, 0, &rows, &n_rows, err);
        if (rc == RV_OK)
            rc = cut(&v, rows, n_rows, n, arena, out, n_out, err);
        view_deinit(&v);
    }
    free(rows);
    free(inside);
    return rc;
}
