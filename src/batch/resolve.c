/* resolve.c - from what a source describes to what the file gets: overrides and policies applied once, here. */
#include "rivet/schema.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static rv_code no_memory(rv_error *err, const rv_schema *schema)
{
    return rv_fail(err, RV_E_OUT_OF_MEMORY, "the schema of %s", schema->origin);
}

static int compare_names(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;
    return strcmp(*left, *right);
}

/* Sorted field names, n_fields of them; NULL: out of memory. */
static const char **sorted_names(rv_arena *arena, const rv_schema *schema)
{
    const char **names = rv_arena_alloc(arena, (size_t)schema->n_fields, sizeof *names);
    if (names == NULL)
        return NULL;
    for (int i = 0; i < schema->n_fields; i++)
        names[i] = schema->fields[i].name;
    qsort(names, (size_t)schema->n_fields, sizeof *names, compare_names);
    return names;
}

static rv_code check_unique(const char *const *names, const rv_schema *schema, rv_error *err)
{
    for (int i = 1; i < schema->n_fields; i++) {
        if (strcmp(names[i - 1], names[i]) != 0)
            continue;
        rv_code rc =
            rv_fail(err, RV_E_CONFIG_VALUE, "%s has two columns named '%s'", schema->origin, names[i]);
        rv_hint(err, "name the columns in a query, each with a name of its own (SELECT a.id AS a_id, …)");
        return rc;
    }
    return RV_OK;
}

static rv_code check_overrides(const char *const *names, const rv_schema *schema,
                               const rv_schema_options *options, rv_error *err)
{
    for (int i = 0; i < options->n_overrides; i++) {
        const char *column = options->overrides[i].column;
        if (bsearch(&column, names, (size_t)schema->n_fields, sizeof *names, compare_names) != NULL)
            continue;
        rv_code rc =
            rv_fail(err, RV_E_CONFIG_VALUE, "columns: %s has no column '%s'", schema->origin, column);
        const char *near = rv_did_you_mean(column, names, (size_t)schema->n_fields);
        if (near != NULL)
            rv_hint(err, "did you mean '%s'?", near);
        return rc;
    }
    return RV_OK;
}

static bool is_float(rv_type_id id)
{
    return id == RV_TYPE_FLOAT32 || id == RV_TYPE_FLOAT64;
}

static bool is_instant(rv_type_id id)
{
    return id == RV_TYPE_TIMESTAMP_TZ || id == RV_TYPE_TIMESTAMP_TZ_NS;
}

static bool is_wall_clock(rv_type_id id)
{
    return id == RV_TYPE_TIMESTAMP || id == RV_TYPE_TIMESTAMP_NS;
}

/* What an override keeps. Reading refuses a text that does not fit exactly, so only those lose something that
 * read more than one text as one value: floats round, and a wall clock forgets which instant it was. */
static rv_fidelity override_fidelity(rv_type natural, rv_type type)
{
    if (type.id == RV_TYPE_STRING)
        return rv_type_is_text(natural.id) ? RV_FIDELITY_COMPATIBLE : RV_FIDELITY_LOGICAL_STRING;
    if (is_float(type.id) && !(natural.id == RV_TYPE_FLOAT32 && type.id == RV_TYPE_FLOAT64))
        return RV_FIDELITY_LOSSY;
    if (is_wall_clock(type.id) && is_instant(natural.id))
        return RV_FIDELITY_LOSSY;
    return RV_FIDELITY_COMPATIBLE;
}

static void read_as(rv_field *field, rv_type type)
{
    if (rv_type_equal(type, field->type))
        return;
    field->fidelity = override_fidelity(field->natural, type);
    field->type = type;
    field->transfer = RV_TRANSFER_TEXT;
}

static void apply_override(rv_field *field, const rv_column_override *override)
{
    if (override->type.id != RV_TYPE_INVALID)
        read_as(field, override->type);
    for (int c = 0; c < RV_INVALID_CLASSES; c++)
        if (override->has_policy[c])
            field->on_invalid[c] = override->policy[c];
}

/* Can this column meet such a value at all? A source that enforces its types never sends an integer column
 * something that is not one, so an export-wide policy must not turn that column into text or make it nullable. */
static bool can_meet(const rv_field *field, rv_invalid invalid_class)
{
    if (field->loose && invalid_class == RV_INVALID_UNPARSEABLE)
        return true; /* any cell of a loose source may hold a value of another kind */
    if (field->type.id == RV_TYPE_LIST && invalid_class == RV_INVALID_UNPARSEABLE)
        return true; /* an array of more dimensions than a list has */
    if (!rv_type_can_meet(field->type, invalid_class))
        return false;
    if (field->loose || field->transfer == RV_TRANSFER_TEXT)
        return true;
    bool enforced =
        invalid_class == RV_INVALID_UNPARSEABLE ||
        (invalid_class == RV_INVALID_RANGE && !rv_type_can_meet(field->type, RV_INVALID_INFINITY));
    return !enforced;
}

static void apply_policies(rv_field *field)
{
    const rv_type string = {.id = RV_TYPE_STRING};
    bool as_text = false;
    for (int c = 0; c < RV_INVALID_CLASSES; c++) {
        if (!can_meet(field, (rv_invalid)c))
            continue;
        if (field->on_invalid[c] == RV_POLICY_NULL)
            field->nullable = true;
        /* Text that is no valid text stays so as text: that policy cannot help, and the value will fail. What only is
         * no JSON, or no duration that ISO 8601 can say, is a text like any other. */
        bool helps = !rv_type_is_text(field->type.id) || field->type.id == RV_TYPE_INTERVAL ||
                     (field->type.id == RV_TYPE_JSON && c == RV_INVALID_UNPARSEABLE);
        if (field->on_invalid[c] == RV_POLICY_TEXT && helps && c != RV_INVALID_ENCODING)
            as_text = true;
    }
    if (as_text)
        read_as(field, string);
}

static rv_code copy_field(rv_arena *arena, const rv_schema *source, int i, rv_field *out, rv_error *err)
{
    const rv_field *from = &source->fields[i];
    *out = *from;
    out->name = rv_arena_strdup(arena, from->name);
    if (out->name == NULL)
        return no_memory(err, source);
    if (from->native_type != NULL) {
        out->native_type = rv_arena_strdup(arena, from->native_type);
        if (out->native_type == NULL)
            return no_memory(err, source);
    }
    if (from->collation != NULL) {
        out->collation = rv_arena_strdup(arena, from->collation);
        if (out->collation == NULL)
            return no_memory(err, source);
    }
    return RV_OK;
}

static rv_code check_strict(const rv_schema *schema, rv_error *err)
{
    const rv_field *first = NULL;
    int n = 0;
    for (int i = 0; i < schema->n_fields; i++) {
        if (schema->fields[i].fidelity <= RV_FIDELITY_COMPATIBLE)
            continue;
        first = first != NULL ? first : &schema->fields[i];
        n++;
    }
    if (n == 0)
        return RV_OK;
    char type[RV_TYPE_TEXT_BYTES];
    rv_type_text(type, first->type);
    rv_code rc =
        rv_fail(err, RV_E_SCHEMA_STRICT, "%s: column '%s' (%s) would become %s (%s)%s", schema->origin,
                first->name, first->native_type != NULL ? first->native_type : "type unknown", type,
                rv_fidelity_name(first->fidelity), n > 1 ? ", and other columns likewise" : "");
    rv_hint(err, "give the column a type under columns: that holds its values, or leave out strict: true");
    return rc;
}

static rv_code apply_options(rv_schema *schema, const rv_schema_options *options, rv_error *err)
{
    for (int i = 0; i < schema->n_fields; i++) {
        rv_field *field = &schema->fields[i];
        memcpy(field->on_invalid, options->on_invalid, sizeof field->on_invalid);
        for (int o = 0; o < options->n_overrides; o++)
            if (strcmp(options->overrides[o].column, field->name) == 0)
                apply_override(field, &options->overrides[o]);
        apply_policies(field);
    }
    return options->strict ? check_strict(schema, err) : RV_OK;
}

rv_code rv_schema_resolve(rv_arena *arena, const rv_schema *source, const rv_schema_options *options,
                          rv_schema *out, rv_error *err)
{
    assert(source->n_fields >= 0);
    if (source->n_fields > RV_MAX_FIELDS)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "%s has %d columns, more than %d", source->origin,
                       source->n_fields, RV_MAX_FIELDS);
    const char **names = sorted_names(arena, source);
    rv_schema made = {.n_fields = source->n_fields, .origin = rv_arena_strdup(arena, source->origin)};
    made.fields = rv_arena_alloc(arena, (size_t)source->n_fields, sizeof *made.fields);
    if (names == NULL || made.origin == NULL || made.fields == NULL)
        return no_memory(err, source);
    RV_TRY(check_unique(names, source, err));
    RV_TRY(check_overrides(names, source, options, err));
    for (int i = 0; i < source->n_fields; i++)
        RV_TRY(copy_field(arena, source, i, &made.fields[i], err));
    RV_TRY(apply_options(&made, options, err));
    *out = made;
    return RV_OK;
}
