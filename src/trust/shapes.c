#include "rivet/shapes.h"

#include "trust/internal.h"

#include <assert.h>
#include <stdlib.h>

struct rv_shapes {
    const rv_schema *schema;
    int64_t *longest; /* by field; -1: no value seen, or of fixed width */
};

rv_code rv_shapes_new(rv_shapes **out, const rv_schema *schema, rv_error *err)
{
    RV_AUTO(rv_shapes_free) rv_shapes *shapes = calloc(1, sizeof *shapes);
    if (shapes != NULL)
        shapes->longest = calloc((size_t)schema->n_fields + 1, sizeof *shapes->longest);
    if (shapes == NULL || shapes->longest == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing to watch how long values are");
    shapes->schema = schema;
    for (int i = 0; i < schema->n_fields; i++)
        shapes->longest[i] = -1;
    RV_MOVE(out, shapes);
    return RV_OK;
}

void rv_shapes_free(rv_shapes *shapes)
{
    if (shapes == NULL)
        return;
    free(shapes->longest);
    free(shapes);
}

void rv_shapes_add(rv_shapes *shapes, const rv_batch *batch)
{
    assert(batch->n_columns == shapes->schema->n_fields);
    for (int i = 0; i < batch->n_columns; i++) {
        const rv_column *column = &batch->columns[i];
        const rv_column *values = column->child != NULL ? column->child : column;
        if (!rv_type_is_variable(values->type.id) || values->length == values->null_count)
            continue;
        int64_t longest = 0;
        for (int64_t v = 0; v < values->length; v++) {
            int64_t len = (int64_t)values->offsets[v + 1] - values->offsets[v];
            longest = len > longest ? len : longest;
        }
        if (longest > shapes->longest[i])
            shapes->longest[i] = longest;
    }
}

void rv_shapes_merge(rv_shapes *to, const rv_shapes *from)
{
    assert(to->schema == from->schema);
    for (int i = 0; i < to->schema->n_fields; i++)
        if (from->longest[i] > to->longest[i])
            to->longest[i] = from->longest[i];
}

/* *out NULL: nothing is recorded. */
static rv_code read_recorded(const char *text, json_t **out, rv_error *err)
{
    json_error_t why = {0};
    *out = NULL;
    if (text == NULL)
        return RV_OK;
    json_t *recorded = json_loads(text, 0, &why);
    if (recorded == NULL && rvi_json_lacked_memory(&why))
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "reading the recorded lengths of values");
    if (!json_is_object(recorded)) {
        json_decref(recorded);
        return rv_fail(err, RV_E_STATE_CORRUPT, "the recorded lengths of values cannot be read");
    }
    *out = recorded;
    return RV_OK;
}

static int64_t recorded_length(const json_t *recorded, const char *column)
{
    const json_t *value = json_object_get(recorded, column);
    return json_is_integer(value) ? (int64_t)json_integer_value(value) : -1;
}

rv_code rv_shapes_compare(const rv_shapes *shapes, const char *recorded_json, double factor, rv_arena *arena,
                          rv_shape_growth **out, int *n_out, rv_error *err)
{
    RV_AUTO(json_decref) json_t *recorded = NULL;
    RV_TRY(read_recorded(recorded_json, &recorded, err));
    const int n_fields = shapes->schema->n_fields;
    rv_shape_growth *growths = rv_arena_alloc(arena, (size_t)n_fields, sizeof *growths);
    if (growths == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "comparing the lengths of values");
    int n = 0;
    for (int i = 0; recorded != NULL && factor > 0 && i < n_fields; i++) {
        const char *name = shapes->schema->fields[i].name;
        int64_t before = recorded_length(recorded, name), now = shapes->longest[i];
        if (before > 0 && (double)now > factor * (double)before)
            growths[n++] = (rv_shape_growth){name, before, now};
    }
    *out = growths;
    *n_out = n;
    return RV_OK;
}

rv_code rv_shapes_json(const rv_shapes *shapes, const char *recorded_json, rv_bytes *out, rv_error *err)
{
    RV_AUTO(json_decref) json_t *recorded = NULL;
    RV_AUTO(json_decref) json_t *root = json_object();
    RV_TRY(read_recorded(recorded_json, &recorded, err));
    bool ok = root != NULL;
    for (int i = 0; ok && i < shapes->schema->n_fields; i++) {
        const char *name = shapes->schema->fields[i].name;
        int64_t before = recorded_length(recorded, name), now = shapes->longest[i];
        int64_t longest = now > before ? now : before;
        if (longest >= 0)
            ok = json_object_set_new(root, name, json_integer((json_int_t)longest)) == 0;
    }
    char *text = ok ? json_dumps(root, JSON_COMPACT) : NULL;
    rv_code rc = text != NULL ? rv_bytes_append_str(out, text, err)
                              : rv_fail(err, RV_E_OUT_OF_MEMORY, "recording the lengths of values");
    free(text);
    return rc;
}
