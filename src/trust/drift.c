#include "rivet/drift.h"

#include "rivet/decimal.h"
#include "trust/internal.h"

#include <stdlib.h>
#include <string.h>

enum { DRIFT_JSON_MAX_BYTES = 16 << 20 };

const char *rv_drift_kind_name(rv_drift_kind kind)
{
    switch (kind) {
    case RV_DRIFT_ADDED:
        return "added";
    case RV_DRIFT_REMOVED:
        return "removed";
    case RV_DRIFT_RENAMED:
        return "renamed";
    case RV_DRIFT_WIDENED:
        return "widened";
    case RV_DRIFT_NARROWED:
        return "narrowed";
    case RV_DRIFT_TYPE_CHANGED:
        return "type_changed";
    case RV_DRIFT_NULLABILITY:
        return "nullability";
    case RV_DRIFT_REORDERED:
        return "reordered";
    }
    return "unknown";
}

/* ---- types ---- */

/* Decimal digits before the point that an integer type may need; 0: not an integer type. */
static int integer_digits(rv_type_id id)
{
    if (id == RV_TYPE_INT16)
        return 5;
    if (id == RV_TYPE_INT32)
        return 10;
    if (id == RV_TYPE_INT64)
        return 19;
    return id == RV_TYPE_UINT64 ? 20 : 0;
}

static bool is_signed_integer(rv_type_id id)
{
    return id == RV_TYPE_INT16 || id == RV_TYPE_INT32 || id == RV_TYPE_INT64;
}

static bool decimal_holds(rv_type to, rv_type from)
{
    if (from.id == RV_TYPE_DECIMAL)
        return to.scale >= from.scale && to.precision - to.scale >= from.precision - from.scale;
    const int digits = integer_digits(from.id);
    return digits > 0 && to.precision - to.scale >= digits;
}

bool rv_type_holds(rv_type to, rv_type from)
{
    if (rv_type_equal(to, from))
        return true;
    if (to.id == RV_TYPE_LIST && from.id == RV_TYPE_LIST)
        return rv_type_holds(rv_type_element(to), rv_type_element(from));
    if (to.id == RV_TYPE_DECIMAL)
        return decimal_holds(to, from);
    if (is_signed_integer(to.id) && is_signed_integer(from.id))
        return rv_type_width(to) >= rv_type_width(from);
    if (to.id == RV_TYPE_FLOAT64)
        return from.id == RV_TYPE_FLOAT32 || from.id == RV_TYPE_INT16 || from.id == RV_TYPE_INT32;
    if (to.id == RV_TYPE_FLOAT32)
        return from.id == RV_TYPE_INT16;
    return to.id == RV_TYPE_STRING && rv_type_is_text(from.id);
}

/* rv_type_parse() reads what a user may write; a recorded type can be any. */
static bool parse_type(const char *text, rv_type *out)
{
    static const char list[] = "list<";
    const size_t skip = sizeof list - 1, len = strlen(text);
    char element[RV_TYPE_TEXT_BYTES];
    rv_type inner;
    if (strcmp(text, "enum") == 0 || strcmp(text, "interval") == 0) {
        *out = (rv_type){.id = text[0] == 'e' ? RV_TYPE_ENUM : RV_TYPE_INTERVAL};
        return true;
    }
    if (strncmp(text, list, skip) != 0)
        return rv_type_parse(text, out);
    if (len <= skip || len >= sizeof element || text[len - 1] != '>')
        return false;
    memcpy(element, text + skip, len - skip - 1);
    element[len - skip - 1] = '\0';
    if (!parse_type(element, &inner) || inner.id == RV_TYPE_LIST)
        return false;
    *out = (rv_type){
        .id = RV_TYPE_LIST, .element = inner.id, .precision = inner.precision, .scale = inner.scale};
    return true;
}

/* ---- comparing ---- */

typedef struct old_column {
    const char *name, *type_text;
    bool nullable;
    int now; /* place in the new schema; -1: gone */
} old_column;

typedef struct comparison {
    rv_arena *arena;
    const rv_schema *now;
    old_column *old;
    int n_old;
    int *was; /* by new column: place in the old schema; -1: new */
    rv_drift drift;
} comparison;

static rv_code no_memory(rv_error *err)
{
    return rv_fail(err, RV_E_OUT_OF_MEMORY, "comparing the columns with those of the last run");
}

static rv_code unreadable(rv_error *err)
{
    return rv_fail(err, RV_E_STATE_CORRUPT, "the recorded columns of the last run cannot be read");
}

static rv_code read_column(comparison *c, const json_t *item, old_column *out, rv_error *err)
{
    const char *name = json_string_value(json_object_get(item, "name"));
    const char *type = json_string_value(json_object_get(item, "type"));
    const json_t *nullable = json_object_get(item, "nullable");
    if (name == NULL || type == NULL || !json_is_boolean(nullable))
        return unreadable(err);
    *out = (old_column){.name = rv_arena_strdup(c->arena, name),
                        .type_text = rv_arena_strdup(c->arena, type),
                        .nullable = json_is_true(nullable),
                        .now = -1};
    return out->name != NULL && out->type_text != NULL ? RV_OK : no_memory(err);
}

static rv_code read_recorded(comparison *c, const char *text, rv_error *err)
{
    json_error_t why = {0};
    RV_AUTO(json_decref) json_t *columns = json_loads(text, 0, &why);
    if (columns == NULL && rvi_json_lacked_memory(&why))
        return no_memory(err);
    if (!json_is_array(columns) || json_array_size(columns) > RV_MAX_FIELDS)
        return unreadable(err);
    const int n = (int)json_array_size(columns);
    c->old = rv_arena_alloc(c->arena, (size_t)n, sizeof *c->old);
    if (c->old == NULL)
        return no_memory(err);
    for (; c->n_old < n; c->n_old++)
        RV_TRY(read_column(c, json_array_get(columns, (size_t)c->n_old), &c->old[c->n_old], err));
    return RV_OK;
}

static void match_names(comparison *c)
{
    for (int i = 0; i < c->now->n_fields; i++) {
        c->was[i] = -1;
        for (int o = 0; o < c->n_old && c->was[i] < 0; o++)
            if (strcmp(c->old[o].name, c->now->fields[i].name) == 0)
                c->was[i] = o;
        if (c->was[i] >= 0)
            c->old[c->was[i]].now = i;
    }
}

/* There is room: two for each old column, two for each new one, and one. */
static void add(comparison *c, rv_drift_kind kind, const char *column, const char *from, const char *to)
{
    c->drift.changes[c->drift.n_changes++] = (rv_drift_change){kind, column, from, to};
}

static rv_code compare_type(comparison *c, const old_column *old, const rv_field *field, rv_error *err)
{
    char text[RV_TYPE_TEXT_BYTES];
    rv_type before;
    rv_drift_kind kind = RV_DRIFT_TYPE_CHANGED;
    rv_type_text(text, field->type);
    if (strcmp(text, old->type_text) == 0)
        return RV_OK;
    if (!parse_type(old->type_text, &before))
        return unreadable(err);
    if (rv_type_holds(field->type, before))
        kind = RV_DRIFT_WIDENED;
    else if (rv_type_holds(before, field->type))
        kind = RV_DRIFT_NARROWED;
    const char *to = rv_arena_strdup(c->arena, text);
    if (to == NULL)
        return no_memory(err);
    add(c, kind, field->name, old->type_text, to);
    return RV_OK;
}

static bool is_renamed(const comparison *c, int i)
{
    char text[RV_TYPE_TEXT_BYTES];
    if (i >= c->n_old || c->old[i].now >= 0)
        return false;
    rv_type_text(text, c->now->fields[i].type);
    return strcmp(text, c->old[i].type_text) == 0 && c->old[i].nullable == c->now->fields[i].nullable;
}

static rv_code compare_new_name(comparison *c, int i, rv_error *err)
{
    const rv_field *field = &c->now->fields[i];
    if (is_renamed(c, i)) {
        c->old[i].now = i;
        add(c, RV_DRIFT_RENAMED, field->name, c->old[i].name, field->name);
        return RV_OK;
    }
    char text[RV_TYPE_TEXT_BYTES];
    rv_type_text(text, field->type);
    const char *to = rv_arena_strdup(c->arena, text);
    if (to == NULL)
        return no_memory(err);
    add(c, RV_DRIFT_ADDED, field->name, NULL, to);
    return RV_OK;
}

static rv_code compare_column(comparison *c, int i, rv_error *err)
{
    const rv_field *field = &c->now->fields[i];
    if (c->was[i] < 0)
        return compare_new_name(c, i, err);
    const old_column *old = &c->old[c->was[i]];
    RV_TRY(compare_type(c, old, field, err));
    if (old->nullable != field->nullable)
        add(c, RV_DRIFT_NULLABILITY, field->name, old->nullable ? "nullable" : "not null",
            field->nullable ? "nullable" : "not null");
    return RV_OK;
}

static bool is_reordered(const comparison *c)
{
    int last = -1;
    for (int o = 0; o < c->n_old; o++) {
        if (c->old[o].now < 0)
            continue;
        if (c->old[o].now < last)
            return true;
        last = c->old[o].now;
    }
    return false;
}

rv_code rv_drift_compare(rv_arena *arena, const char *recorded_json, const rv_schema *now, rv_drift *out,
                         rv_error *err)
{
    comparison c = {.arena = arena, .now = now};
    if (recorded_json == NULL) {
        *out = c.drift;
        return RV_OK;
    }
    RV_TRY(read_recorded(&c, recorded_json, err));
    c.was = rv_arena_alloc(arena, (size_t)now->n_fields, sizeof *c.was);
    c.drift.changes =
        rv_arena_alloc(arena, (size_t)(c.n_old + now->n_fields) * 2 + 1, sizeof *c.drift.changes);
    if (c.was == NULL || c.drift.changes == NULL)
        return no_memory(err);
    match_names(&c);
    for (int i = 0; i < now->n_fields; i++)
        RV_TRY(compare_column(&c, i, err));
    for (int o = 0; o < c.n_old; o++)
        if (c.old[o].now < 0)
            add(&c, RV_DRIFT_REMOVED, c.old[o].name, c.old[o].type_text, NULL);
    if (is_reordered(&c))
        add(&c, RV_DRIFT_REORDERED, NULL, NULL, NULL);
    *out = c.drift;
    return RV_OK;
}

/* ---- saying it ---- */

rv_code rv_drift_change_text(const rv_drift_change *change, rv_bytes *out, rv_error *err)
{
    switch (change->kind) {
    case RV_DRIFT_ADDED:
        return rv_bytes_printf(out, err, "'%s' added (%s)", change->column, change->to);
    case RV_DRIFT_REMOVED:
        return rv_bytes_printf(out, err, "'%s' removed (%s)", change->column, change->from);
    case RV_DRIFT_RENAMED:
        return rv_bytes_printf(out, err, "'%s' renamed to '%s'", change->from, change->to);
    case RV_DRIFT_WIDENED:
        return rv_bytes_printf(out, err, "'%s' widened from %s to %s", change->column, change->from,
                               change->to);
    case RV_DRIFT_NARROWED:
        return rv_bytes_printf(out, err, "'%s' narrowed from %s to %s", change->column, change->from,
                               change->to);
    case RV_DRIFT_TYPE_CHANGED:
    case RV_DRIFT_NULLABILITY:
        return rv_bytes_printf(out, err, "'%s' changed from %s to %s", change->column, change->from,
                               change->to);
    case RV_DRIFT_REORDERED:
        return rv_bytes_append_str(out, "the columns stand in another order", err);
    }
    return rv_fail(err, RV_E_INTERNAL, "unknown change %d of a column", (int)change->kind);
}

rv_code rv_drift_text(const rv_drift *drift, rv_bytes *out, rv_error *err)
{
    for (int i = 0; i < drift->n_changes; i++) {
        if (i > 0)
            RV_TRY(rv_bytes_append_str(out, "; ", err));
        RV_TRY(rv_drift_change_text(&drift->changes[i], out, err));
    }
    return RV_OK;
}

rv_code rv_drift_json(const rv_drift *drift, rv_bytes *out, rv_error *err)
{
    RV_AUTO(json_decref) json_t *changes = json_array();
    bool ok = changes != NULL;
    for (int i = 0; ok && i < drift->n_changes; i++) {
        const rv_drift_change *change = &drift->changes[i];
        ok = json_array_append_new(
                 changes, json_pack("{s:s,s:s?,s:s?,s:s?}", "kind", rv_drift_kind_name(change->kind),
                                    "column", change->column, "from", change->from, "to", change->to)) == 0;
    }
    RV_AUTO(json_decref) json_t *root = ok ? json_pack("{s:O}", "changes", changes) : NULL;
    char *text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    rv_code rc = text != NULL ? rv_bytes_append_str(out, text, err) : no_memory(err);
    free(text);
    return rc;
}
