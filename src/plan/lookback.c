/* lookback.c - rows that are committed late, where rows do not tell which transaction wrote them.
 *
 * A row may come to be seen below a mark that a run has passed: its transaction was open then, its writer's clock was
 * behind, it came through a replica, or its value is the same as the last one. The next run therefore reads from
 * cursor_lookback below the mark on, and leaves out the row versions that earlier runs have exported: it knows them by
 * a digest of their key and their cursor. Each run keeps the digests of the rows of its own last cursor_lookback, in
 * the state store, with the chunks that they came with. So a row that comes late by no more than cursor_lookback is
 * exported by exactly one run, whatever made it late.
 *
 * The mark of such a cursor says from which place on the digests are complete, and of which columns they are:
 * "seen:<digest of the columns>:<place>". Where the columns are others now, nothing can be told apart, and one run
 * looks for no late rows. */
#include "internal.h"

#include "rivet/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IDENTITY_BYTES = 1 << 20 };

/* ---- distances ---- */

int64_t rvi_lookback_lower(const rv_field *field, int64_t place, int64_t lookback)
{
    enum { YEAR_ONE_DAYS = -719162 }; /* 0001-01-01 */
    rvi_scale scale = rvi_scale_of(field);
    int64_t least = scale == RVI_SCALE_DAYS ? YEAR_ONE_DAYS
                    : scale == RVI_SCALE_US ? YEAR_ONE_DAYS * RVI_US_PER_DAY
                                            : INT64_MIN;
    if (place <= least)
        return place;
    return (uint64_t)place - (uint64_t)least < (uint64_t)lookback ? least : place - lookback;
}

static rv_code refuse(const rv_field *field, const char *is, const char *example, rv_error *err)
{
    rv_fail(err, RV_E_CONFIG_VALUE, "cursor_lookback is %s, and column '%s' (%s) is not measured in such", is,
            field->name, field->native_type);
    rv_hint(err, "for this cursor write it as `cursor_lookback: %s`; 0 looks for no late rows", example);
    return RV_E_CONFIG_VALUE;
}

rv_code rvi_lookback_of(rvi_planner *p, const rv_field *field, int64_t *out, rv_error *err)
{
    const rv_cursor_config *cursor = &p->config->cursor;
    *out = 0;
    switch (rvi_scale_of(field)) {
    case RVI_SCALE_INT:
    case RVI_SCALE_UINT:
        if (cursor->lookback_units < 0)
            return refuse(field, "a time", "10000", err);
        *out = cursor->lookback_units;
        return RV_OK;
    case RVI_SCALE_DAYS:
        if (cursor->lookback_us < 0)
            return refuse(field, "a number", "2d", err);
        *out = (cursor->lookback_us + RVI_US_PER_DAY - 1) / RVI_US_PER_DAY;
        return RV_OK;
    case RVI_SCALE_US:
        if (cursor->lookback_us < 0)
            return refuse(field, "a number", "15m", err);
        *out = cursor->lookback_us;
        return RV_OK;
    case RVI_SCALE_NONE:
        return rvi_plan_note(
            p, err,
            "rows that are committed late below the mark are not looked for: '%s' (%s) has no "
            "distances to look back by",
            field->name, field->native_type);
    }
    return RV_OK;
}

/* ---- a row's place, from its batch ---- */

/* The place that a column's value has, if its type is one whose values stand on the cursor's line. */
static bool place_of(const rv_column *column, int64_t row, int64_t *out)
{
    int16_t i16;
    int32_t i32;
    int64_t i64;
    if (rv_column_is_null(column, row))
        return false;
    switch (rv_type_width(column->type)) {
    case 2:
        memcpy(&i16, column->values + (size_t)row * sizeof i16, sizeof i16);
        *out = i16;
        return true;
    case 4:
        memcpy(&i32, column->values + (size_t)row * sizeof i32, sizeof i32);
        *out = i32;
        return true;
    default:
        memcpy(&i64, column->values + (size_t)row * sizeof i64, sizeof i64);
        *out = column->type.id == RV_TYPE_UINT64 ? (int64_t)((uint64_t)i64 ^ (UINT64_C(1) << 63)) : i64;
        return true;
    }
}

bool rv_lookback_place(const rv_lookback *look, const rv_batch *rows, int64_t row, int64_t *out)
{
    return place_of(&rows->columns[look->cursor], row, out) ||
           (look->fallback >= 0 && place_of(&rows->columns[look->fallback], row, out));
}

/* As the files hold it, is it what the line is made of? */
static bool keeps_its_line(const rv_field *field)
{
    switch (rvi_scale_of(field)) {
    case RVI_SCALE_INT:
        return field->type.id == RV_TYPE_INT16 || field->type.id == RV_TYPE_INT32 ||
               field->type.id == RV_TYPE_INT64;
    case RVI_SCALE_UINT:
        return field->type.id == RV_TYPE_UINT64;
    case RVI_SCALE_DAYS:
        return field->type.id == RV_TYPE_DATE;
    case RVI_SCALE_US:
        return field->type.id == RV_TYPE_TIMESTAMP || field->type.id == RV_TYPE_TIMESTAMP_TZ;
    case RVI_SCALE_NONE:
        return false;
    }
    return false;
}

/* ---- what a row version is ---- */

static void add_columns(const rv_schema *schema, const rv_key *key, int *columns, int *n, bool *all)
{
    for (int i = 0; i < key->n_columns; i++) {
        columns[*n] = rv_schema_index(schema, key->columns[i]);
        *all = *all && columns[*n] >= 0;
        ++*n;
    }
}

/* The key and the cursor; where there is no key, or the files do not hold it, all columns. */
static rv_code choose_columns(rvi_planner *p, const rv_key *cursor, rv_lookback *look, rv_error *err)
{
    const rv_schema *schema = &p->plan->schema;
    const rv_index *index = rvi_plan_best_key(p);
    size_t most = (size_t)schema->n_fields + 2 * RV_MAX_KEY_COLUMNS + 1;
    int *columns = rv_arena_alloc(p->arena, most, sizeof *columns);
    bool whole = index != NULL;
    int n = 0;
    if (columns == NULL)
        return rvi_plan_out_of_memory(p, err);
    if (index != NULL)
        add_columns(schema, &index->key, columns, &n, &whole);
    if (whole) {
        add_columns(schema, cursor, columns, &n, &whole);
        if (look->fallback >= 0)
            columns[n++] = look->fallback;
    }
    if (!whole)
        for (n = 0; n < schema->n_fields; n++)
            columns[n] = n;
    look->columns = columns;
    look->n_columns = n;
    return RV_OK;
}

static rv_code digest_columns(const rvi_planner *p, const rv_lookback *look, uint64_t *out, rv_error *err)
{
    rv_bytes text = RV_BYTES_INIT(IDENTITY_BYTES);
    rv_code rc = RV_OK;
    for (int i = 0; rc == RV_OK && i < look->n_columns; i++) {
        const rv_field *field = &p->plan->schema.fields[look->columns[i]];
        char type[RV_TYPE_TEXT_BYTES];
        (void)rv_type_text(type, field->type);
        rc = rv_bytes_printf(&text, err, "%s\n%s\n", field->name, type);
    }
    if (rc == RV_OK)
        *out = rv_xxh3(text.data, text.len, 0);
    rv_bytes_deinit(&text);
    return rc;
}

/* ---- the mark ---- */

#define MARK_PREFIX "seen:"

/* The part of a mark that is a number; false: it is no mark of this kind. */
static bool read_mark(const char *mark, uint64_t *columns, int64_t *floor)
{
    char *end = NULL;
    if (mark == NULL || strncmp(mark, MARK_PREFIX, strlen(MARK_PREFIX)) != 0)
        return false;
    errno = 0;
    *columns = strtoull(mark + strlen(MARK_PREFIX), &end, 16);
    if (errno != 0 || *end != ':' || end[1] == '\0')
        return false;
    *floor = strtoll(end + 1, &end, 10);
    return errno == 0 && *end == '\0';
}

bool rv_lookback_floor(const rv_cursor *cursor, int64_t *out)
{
    uint64_t columns = 0;
    return read_mark(cursor->mark, &columns, out);
}

/* From which place on rows are read again; false: none are. */
static rv_code read_again_from(rvi_planner *p, const rv_field *field, uint64_t columns, int64_t lo,
                               int64_t wanted, int64_t *from, rv_error *err)
{
    const rv_plan_input *input = p->input;
    uint64_t of_columns = 0;
    int64_t complete = 0;
    *from = INT64_MAX;
    if (!read_mark(input->memory->cursor.mark, &of_columns, &complete) || of_columns != columns)
        return rvi_plan_note(p, err,
                             "this run looks for no late rows of %s: the last one kept no digests of its "
                             "rows, or others than are needed now",
                             p->info->schema.origin);
    if (input->seen_from != NULL && *input->seen_from > complete)
        complete = *input->seen_from;
    *from = complete > wanted ? complete : wanted;
    if (*from == wanted || wanted >= lo || complete <= lo - (lo - wanted) / 2)
        return RV_OK;
    return rvi_plan_note(
        p, err,
        "late rows are looked for over less than half of cursor_lookback: more rows of %s "
        "came within it than are remembered; '%s' is read more often, or its lookback shortened",
        p->info->schema.origin, field->name);
}

rv_code rvi_lookback_plan(rvi_planner *p, const rvi_look_request *request, rv_key_value *from,
                          const char **mark, rv_error *err)
{
    const rv_field *field = request->field;
    rv_lookback look = {.cursor = rv_schema_index(&p->plan->schema, field->name), .fallback = -1};
    int64_t lookback = 0, hi = 0, lo = 0, place = 0;
    uint64_t columns = 0;
    *from = (rv_key_value){0};
    *mark = NULL;
    RV_TRY(rvi_lookback_of(p, field, &lookback, err));
    if (lookback == 0 || look.cursor < 0 || !rvi_scale_read(field, request->hi->cells[0], &hi))
        return RV_OK;
    if (!keeps_its_line(field))
        return rvi_plan_note(p, err, "late rows are not looked for: the files hold '%s' as another type",
                             field->name);
    if (request->fallback != NULL)
        look.fallback = rv_schema_index(&p->plan->schema, request->fallback->name);
    RV_TRY(choose_columns(p, request->key, &look, err));
    RV_TRY(digest_columns(p, &look, &columns, err));
    *mark = rv_arena_printf(p->arena, MARK_PREFIX "%016" PRIx64 ":%" PRId64, columns,
                            rvi_lookback_lower(field, hi, lookback));
    if (*mark == NULL)
        return rvi_plan_out_of_memory(p, err);
    if (request->lo->n > 0 && rvi_scale_read(field, request->lo->cells[0], &lo)) {
        RV_TRY(read_again_from(p, field, columns, lo, rvi_lookback_lower(field, lo, lookback), &place, err));
        look.again = place <= lo;
        if (look.again)
            *from = rvi_scale_value(p->arena, field, place);
        if (look.again && from->n == 0)
            return rvi_plan_out_of_memory(p, err);
    }
    p->plan->look = look;
    return RV_OK;
}
