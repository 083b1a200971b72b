/* bounds.c - the text of bounds and of key values, for the state store and for people.
 *
 * The state outlives the program that wrote it, and other machines read it, so the text is trusted in nothing: a member
 * that is unknown, missing, given twice or of another type is refused, and so are bounds that no scan could follow.
 * The same rules (rule_of_bounds) hold for what is written, so whatever rv_bounds_write() takes reads back. Members
 * stand in one fixed order and only where they say something: the same bounds give the same text, and a text that what
 * was read from it would not give again is refused. */
#include "rivet/bounds.h"

#include "rivet/utf8.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

RV_DEFINE_AUTO(json_t, json_decref)

/* ---- what bounds must be ---- */

/* Each of these names the first rule that is broken; NULL: none. */

static const char *rule_of_text(const char *text)
{
    return rv_utf8_valid((const uint8_t *)text, strlen(text)) ? NULL : "a name or a value is not UTF-8";
}

static const char *rule_of_key(const rv_key *key)
{
    if (key->n_columns < 1 || key->n_columns > RV_MAX_KEY_COLUMNS)
        return "a key has no columns, or too many";
    const char *broken = NULL;
    for (int i = 0; i < key->n_columns && broken == NULL; i++)
        broken = key->columns[i] != NULL ? rule_of_text(key->columns[i]) : "a column of a key has no name";
    return broken;
}

static const char *rule_of_value(const rv_key_value *value, int n_columns)
{
    if (value->n < 0 || value->n > n_columns)
        return "a key value has more cells than its key has columns";
    const char *broken = NULL;
    for (int i = 0; i < value->n && broken == NULL; i++)
        broken = value->cells[i] != NULL ? rule_of_text(value->cells[i]) : "a key value holds a NULL";
    return broken;
}

static const char *rule_of_history(const rv_range *range)
{
    const rv_history *history = range->history;
    const char *broken = rule_of_value(&history->late_from, range->key->n_columns);
    if (broken == NULL && history->until != NULL)
        broken = rule_of_text(history->until);
    if (broken == NULL && history->since != NULL)
        broken = rule_of_text(history->since);
    if (broken == NULL && history->late_from.n > 0 && (history->since == NULL || range->lo.n == 0))
        broken = "late rows need the mark since which they are late, and a lower bound";
    return broken;
}

static const char *rule_of_range(const rv_range *range)
{
    if (range->key == NULL)
        return "a range has no key";
    const char *broken = rule_of_key(range->key);
    if (broken == NULL && range->fallback != NULL && range->key->n_columns != 1)
        broken = "a fallback needs a key of one column";
    if (broken == NULL && range->fallback != NULL)
        broken = rule_of_text(range->fallback);
    if (broken == NULL)
        broken = rule_of_value(&range->lo, range->key->n_columns);
    if (broken == NULL)
        broken = rule_of_value(&range->hi, range->key->n_columns);
    if (broken == NULL && range->null_only && (range->lo.n > 0 || range->hi.n > 0))
        broken = "a range of NULLs has sides";
    if (broken == NULL && range->history != NULL)
        broken = rule_of_history(range);
    return broken;
}

static const char *rule_of_leaf(const rv_bounds *bounds)
{
    if (bounds->leaf_table == NULL)
        return bounds->leaf_schema == NULL ? NULL : "a leaf has no table";
    const char *broken = rule_of_text(bounds->leaf_table);
    if (broken == NULL && bounds->leaf_schema != NULL)
        broken = rule_of_text(bounds->leaf_schema);
    return broken;
}

static const char *rule_of_bounds(const rv_bounds *bounds)
{
    if (bounds->kind != RV_BOUNDS_ALL && bounds->kind != RV_BOUNDS_PHYSICAL && bounds->kind != RV_BOUNDS_KEY)
        return "bounds are of no known kind";
    if ((bounds->kind == RV_BOUNDS_KEY) != (bounds->key != NULL))
        return "exactly the bounds along a key have a key";
    if (bounds->n_ranges < 0 || bounds->n_ranges > RV_MAX_RANGES)
        return "there are too many ranges";
    const char *broken = bounds->key != NULL ? rule_of_key(bounds->key) : NULL;
    for (int i = 0; i < bounds->n_ranges && broken == NULL; i++)
        broken = bounds->ranges[i] != NULL ? rule_of_range(bounds->ranges[i]) : "a range is missing";
    return broken != NULL ? broken : rule_of_leaf(bounds);
}

/* ---- writing ---- */

/* Takes `value` over. NULL stands for memory that was not there, here and in what is made below. */
static void put(json_t *object, const char *name, json_t *value, bool *failed)
{
    if (json_object_set_new(object, name, value) != 0)
        *failed = true;
}

static json_t *cells_json(const rv_key_value *value, bool *failed)
{
    json_t *array = json_array();
    for (int i = 0; i < value->n; i++)
        if (json_array_append_new(array, json_string(value->cells[i])) != 0)
            *failed = true;
    return array;
}

static json_t *key_json(const rv_key *key, bool *failed)
{
    json_t *array = json_array();
    for (int i = 0; i < key->n_columns; i++) {
        json_t *column = json_object();
        put(column, "column", json_string(key->columns[i]), failed);
        if (key->descending[i])
            put(column, "descending", json_true(), failed);
        if (json_array_append_new(array, column) != 0)
            *failed = true;
    }
    return array;
}

static json_t *history_json(const rv_history *history, bool *failed)
{
    json_t *object = json_object();
    if (history->until != NULL)
        put(object, "until", json_string(history->until), failed);
    if (history->since != NULL)
        put(object, "since", json_string(history->since), failed);
    if (history->late_from.n > 0)
        put(object, "late_from", cells_json(&history->late_from, failed), failed);
    return object;
}

static json_t *range_json(const rv_range *range, bool *failed)
{
    json_t *object = json_object();
    put(object, "key", key_json(range->key, failed), failed);
    if (range->fallback != NULL)
        put(object, "fallback", json_string(range->fallback), failed);
    if (range->lo.n > 0)
        put(object, range->lo_inclusive ? "from" : "after", cells_json(&range->lo, failed), failed);
    if (range->hi.n > 0)
        put(object, range->hi_inclusive ? "to" : "before", cells_json(&range->hi, failed), failed);
    if (range->null_only)
        put(object, "null_only", json_true(), failed);
    if (range->history != NULL)
        put(object, "history", history_json(range->history, failed), failed);
    return object;
}

static const char *const kind_names[] = {
    [RV_BOUNDS_ALL] = "all", [RV_BOUNDS_PHYSICAL] = "physical", [RV_BOUNDS_KEY] = "key"};
enum { N_KINDS = sizeof kind_names / sizeof *kind_names };

static json_t *bounds_json(const rv_bounds *bounds, bool *failed)
{
    json_t *object = json_object();
    put(object, "kind", json_string(kind_names[bounds->kind]), failed);
    if (bounds->kind == RV_BOUNDS_PHYSICAL) {
        put(object, "first", json_integer(bounds->first), failed);
        put(object, "last", json_integer(bounds->last), failed);
    }
    if (bounds->kind == RV_BOUNDS_KEY)
        put(object, "key", key_json(bounds->key, failed), failed);
    if (bounds->n_ranges > 0) {
        json_t *ranges = json_array();
        for (int i = 0; i < bounds->n_ranges; i++)
            if (json_array_append_new(ranges, range_json(bounds->ranges[i], failed)) != 0)
                *failed = true;
        put(object, "ranges", ranges, failed);
    }
    if (bounds->leaf_schema != NULL)
        put(object, "leaf_schema", json_string(bounds->leaf_schema), failed);
    if (bounds->leaf_table != NULL)
        put(object, "leaf_table", json_string(bounds->leaf_table), failed);
    return object;
}

typedef struct dump {
    rv_bytes *out;
    size_t before; /* length of `out` when it began */
    rv_code rc;
    rv_error *err;
} dump;

static int dump_piece(const char *piece, size_t len, void *context)
{
    dump *d = context;
    if (d->out->len - d->before + len > RV_BOUNDS_MAX_TEXT_BYTES)
        d->rc = rv_fail(d->err, RV_E_LIMIT_EXCEEDED, "the text of bounds passes %d bytes",
                        (int)RV_BOUNDS_MAX_TEXT_BYTES);
    else
        d->rc = rv_bytes_append(d->out, piece, len, d->err);
    return d->rc == RV_OK ? 0 : -1;
}

/* Takes `root` over. */
static rv_code dump_json(json_t *root, bool failed, rv_bytes *out, rv_error *err)
{
    RV_AUTO(json_decref) json_t *owned = root;
    dump d = {.out = out, .before = out->len, .err = err};
    if (owned == NULL || failed)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "writing bounds");
    if (json_dump_callback(owned, dump_piece, &d, JSON_COMPACT) == 0)
        return RV_OK;
    out->len = d.before;
    return d.rc != RV_OK ? d.rc : rv_fail(err, RV_E_OUT_OF_MEMORY, "writing bounds");
}

rv_code rv_bounds_write(const rv_bounds *bounds, rv_bytes *out, rv_error *err)
{
    const char *broken = rule_of_bounds(bounds);
    if (broken != NULL)
        return rv_fail(err, RV_E_INTERNAL, "bounds cannot be written: %s", broken);
    bool failed = false;
    json_t *root = bounds_json(bounds, &failed);
    return dump_json(root, failed, out, err);
}

rv_code rv_key_value_write(const rv_key_value *value, rv_bytes *out, rv_error *err)
{
    const char *broken = rule_of_value(value, RV_MAX_KEY_COLUMNS);
    if (broken != NULL)
        return rv_fail(err, RV_E_INTERNAL, "a key value cannot be written: %s", broken);
    bool failed = false;
    json_t *root = cells_json(value, &failed);
    return dump_json(root, failed, out, err);
}

/* ---- parsing ---- */

static rv_code no_memory(rv_error *err)
{
    return rv_fail(err, RV_E_OUT_OF_MEMORY, "reading bounds");
}

static rv_code malformed(rv_error *err, const char *what)
{
    return rv_fail(err, RV_E_CONFIG_SYNTAX, "not the text of bounds: %s", what);
}

/* Every member's name must be in the NULL-terminated list. */
static rv_code only(const json_t *object, const char *const *known, rv_error *err)
{
    if (!json_is_object(object))
        return malformed(err, "an object is missing");
    size_t n_known = 0;
    for (const char *const *name = known; *name != NULL; name++)
        n_known += json_object_get(object, *name) != NULL ? 1 : 0;
    return n_known == json_object_size(object) ? RV_OK : malformed(err, "an object has a member too many");
}

/* Optional: an absent member leaves *out NULL. */
static rv_code take_text(const json_t *object, const char *name, rv_arena *arena, const char **out,
                         rv_error *err)
{
    const json_t *value = json_object_get(object, name);
    if (value == NULL)
        return RV_OK;
    if (!json_is_string(value))
        return malformed(err, "a text is not one");
    *out = rv_arena_strdup(arena, json_string_value(value));
    return *out != NULL ? RV_OK : no_memory(err);
}

/* Only `true` is ever written. */
static rv_code take_flag(const json_t *object, const char *name, bool *out, rv_error *err)
{
    const json_t *value = json_object_get(object, name);
    if (value != NULL && !json_is_true(value))
        return malformed(err, "a flag is not true");
    *out = value != NULL;
    return RV_OK;
}

static rv_code take_integer(const json_t *object, const char *name, int64_t *out, rv_error *err)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value))
        return malformed(err, "an integer is missing");
    *out = json_integer_value(value);
    return RV_OK;
}

static rv_code take_cells(const json_t *array, rv_arena *arena, rv_key_value *out, rv_error *err)
{
    if (!json_is_array(array) || json_array_size(array) > RV_MAX_KEY_COLUMNS)
        return malformed(err, "a key value is not a short array");
    rv_key_value value = {.n = (int)json_array_size(array)};
    for (int i = 0; i < value.n; i++) {
        const json_t *cell = json_array_get(array, (size_t)i);
        if (!json_is_string(cell))
            return malformed(err, "a cell of a key value is no text");
        value.cells[i] = rv_arena_strdup(arena, json_string_value(cell));
        if (value.cells[i] == NULL)
            return no_memory(err);
    }
    *out = value;
    return RV_OK;
}

/* Optional; where it is given it is not empty. */
static rv_code take_value(const json_t *object, const char *name, rv_arena *arena, rv_key_value *out,
                          rv_error *err)
{
    const json_t *array = json_object_get(object, name);
    if (array == NULL)
        return RV_OK;
    RV_TRY(take_cells(array, arena, out, err));
    return out->n > 0 ? RV_OK : malformed(err, "a key value has no cells");
}

static rv_code take_key(const json_t *object, rv_arena *arena, const rv_key **out, rv_error *err)
{
    static const char *const known[] = {"column", "descending", NULL};
    const json_t *array = json_object_get(object, "key");
    if (array == NULL)
        return RV_OK;
    if (!json_is_array(array) || json_array_size(array) > RV_MAX_KEY_COLUMNS)
        return malformed(err, "a key is not a short array");
    rv_key *key = rv_arena_alloc(arena, 1, sizeof *key);
    if (key == NULL)
        return no_memory(err);
    key->n_columns = (int)json_array_size(array);
    for (int i = 0; i < key->n_columns; i++) {
        const json_t *column = json_array_get(array, (size_t)i);
        RV_TRY(only(column, known, err));
        RV_TRY(take_text(column, "column", arena, &key->columns[i], err));
        RV_TRY(take_flag(column, "descending", &key->descending[i], err));
    }
    *out = key;
    return RV_OK;
}

static rv_code take_history(const json_t *object, rv_arena *arena, const rv_history **out, rv_error *err)
{
    static const char *const known[] = {"until", "since", "late_from", NULL};
    const json_t *from = json_object_get(object, "history");
    if (from == NULL)
        return RV_OK;
    RV_TRY(only(from, known, err));
    rv_history *history = rv_arena_alloc(arena, 1, sizeof *history);
    if (history == NULL)
        return no_memory(err);
    RV_TRY(take_text(from, "until", arena, &history->until, err));
    RV_TRY(take_text(from, "since", arena, &history->since, err));
    RV_TRY(take_value(from, "late_from", arena, &history->late_from, err));
    *out = history;
    return RV_OK;
}

/* One side: `inclusive` and `exclusive` are the two names that it may have. */
static rv_code take_side(const json_t *object, const char *inclusive, const char *exclusive, rv_arena *arena,
                         rv_key_value *out, bool *is_inclusive, rv_error *err)
{
    *is_inclusive = json_object_get(object, inclusive) != NULL;
    if (*is_inclusive && json_object_get(object, exclusive) != NULL)
        return malformed(err, "a range has one side twice");
    return take_value(object, *is_inclusive ? inclusive : exclusive, arena, out, err);
}

static rv_code take_range(const json_t *object, rv_arena *arena, const rv_range **out, rv_error *err)
{
    static const char *const known[] = {"key",    "fallback",  "from",    "after", "to",
                                        "before", "null_only", "history", NULL};
    RV_TRY(only(object, known, err));
    rv_range *range = rv_arena_alloc(arena, 1, sizeof *range);
    if (range == NULL)
        return no_memory(err);
    RV_TRY(take_key(object, arena, &range->key, err));
    RV_TRY(take_text(object, "fallback", arena, &range->fallback, err));
    RV_TRY(take_side(object, "from", "after", arena, &range->lo, &range->lo_inclusive, err));
    RV_TRY(take_side(object, "to", "before", arena, &range->hi, &range->hi_inclusive, err));
    RV_TRY(take_flag(object, "null_only", &range->null_only, err));
    RV_TRY(take_history(object, arena, &range->history, err));
    *out = range;
    return RV_OK;
}

static rv_code take_ranges(const json_t *object, rv_arena *arena, rv_bounds *out, rv_error *err)
{
    const json_t *array = json_object_get(object, "ranges");
    if (array == NULL)
        return RV_OK;
    if (!json_is_array(array) || json_array_size(array) < 1 || json_array_size(array) > RV_MAX_RANGES)
        return malformed(err, "the ranges are not a short array");
    out->n_ranges = (int)json_array_size(array);
    for (int i = 0; i < out->n_ranges; i++)
        RV_TRY(take_range(json_array_get(array, (size_t)i), arena, &out->ranges[i], err));
    return RV_OK;
}

static rv_code take_kind(const json_t *object, rv_bounds *out, rv_error *err)
{
    const char *name = json_string_value(json_object_get(object, "kind"));
    for (int kind = RV_BOUNDS_ALL; name != NULL && kind < N_KINDS; kind++) {
        if (strcmp(name, kind_names[kind]) == 0) {
            out->kind = (rv_bounds_kind)kind;
            return RV_OK;
        }
    }
    return malformed(err, "its kind is unknown");
}

static rv_code take_bounds(const json_t *object, rv_arena *arena, rv_bounds *out, rv_error *err)
{
    static const char *const physical[] = {"kind",        "first",      "last", "ranges",
                                           "leaf_schema", "leaf_table", NULL};
    static const char *const other[] = {"kind", "key", "ranges", "leaf_schema", "leaf_table", NULL};
    rv_bounds bounds = {0};
    RV_TRY(take_kind(object, &bounds, err));
    RV_TRY(only(object, bounds.kind == RV_BOUNDS_PHYSICAL ? physical : other, err));
    if (bounds.kind == RV_BOUNDS_PHYSICAL) {
        RV_TRY(take_integer(object, "first", &bounds.first, err));
        RV_TRY(take_integer(object, "last", &bounds.last, err));
    }
    RV_TRY(take_key(object, arena, &bounds.key, err));
    RV_TRY(take_ranges(object, arena, &bounds, err));
    RV_TRY(take_text(object, "leaf_schema", arena, &bounds.leaf_schema, err));
    RV_TRY(take_text(object, "leaf_table", arena, &bounds.leaf_table, err));
    const char *broken = rule_of_bounds(&bounds);
    if (broken != NULL)
        return malformed(err, broken);
    *out = bounds;
    return RV_OK;
}

typedef struct comparison {
    const char *left; /* of the text that was loaded */
    size_t n_left;
    bool differs;
} comparison;

static int compare_piece(const char *piece, size_t len, void *context)
{
    comparison *c = context;
    c->differs = len > c->n_left || memcmp(c->left, piece, len) != 0;
    if (c->differs)
        return -1;
    c->left += len;
    c->n_left -= len;
    return 0;
}

/* Does what was loaded make the very text again? jansson 2.14 loses a character of a string when it has no memory for
 * it, without a word (lex_save() in its load.c), and a key that lost one would be a key all the same. */
static rv_code check_loaded(const json_t *root, const char *text, size_t len, rv_error *err)
{
    comparison c = {.left = text, .n_left = len};
    bool failed = json_dump_callback(root, compare_piece, &c, JSON_COMPACT) != 0;
    if (failed && !c.differs)
        return no_memory(err);
    return !failed && c.n_left == 0 ? RV_OK : malformed(err, "it is not in the form in which it was written");
}

static rv_code load(const char *text, json_t **out, rv_error *err)
{
    size_t len = strnlen(text, RV_BOUNDS_MAX_TEXT_BYTES + 1);
    if (len > RV_BOUNDS_MAX_TEXT_BYTES)
        return malformed(err, "it is too long");
    json_error_t why = {0};
    *out = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
    if (*out != NULL)
        return check_loaded(*out, text, len, err);
    /* jansson 2.14 names every fault of a text, but not always that it could not grow a list or an object. */
    enum json_error_code code = json_error_code(&why);
    if (code == json_error_out_of_memory || code == json_error_unknown)
        return no_memory(err);
    return malformed(err, why.text);
}

rv_code rv_bounds_parse(const char *text, rv_arena *arena, rv_bounds *out, rv_error *err)
{
    RV_AUTO(json_decref) json_t *root = NULL;
    RV_TRY(load(text, &root, err));
    return take_bounds(root, arena, out, err);
}

rv_code rv_key_value_parse(const char *text, rv_arena *arena, rv_key_value *out, rv_error *err)
{
    RV_AUTO(json_decref) json_t *root = NULL;
    RV_TRY(load(text, &root, err));
    return take_cells(root, arena, out, err);
}

/* ---- key values ---- */

rv_code rv_key_value_copy(rv_key_value *out, const rv_key_value *from, rv_arena *arena, rv_error *err)
{
    rv_key_value copy = {.n = from->n};
    for (int i = 0; i < from->n; i++) {
        copy.cells[i] = rv_arena_strdup(arena, from->cells[i]);
        if (copy.cells[i] == NULL)
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "copying a key value");
    }
    *out = copy;
    return RV_OK;
}

bool rv_key_value_equal(const rv_key_value *a, const rv_key_value *b)
{
    if (a->n != b->n)
        return false;
    for (int i = 0; i < a->n; i++)
        if (strcmp(a->cells[i], b->cells[i]) != 0)
            return false;
    return true;
}

/* ---- keys ---- */

bool rv_key_sorts_one_way(const rv_key *key, int n)
{
    for (int i = 1; i < n; i++)
        if (key->descending[i] != key->descending[0])
            return false;
    return true;
}

bool rv_key_begins_with(const rv_key *key, const rv_key *first)
{
    for (int i = 0; i < first->n_columns; i++)
        if (i >= key->n_columns || strcmp(key->columns[i], first->columns[i]) != 0 ||
            key->descending[i] != first->descending[i])
            return false;
    return true;
}

/* ---- for people ---- */

/* A text of at most `size` bytes; what does not fit is cut between characters, and nothing follows. */
typedef struct line {
    char *text;
    size_t len, size;
    bool full;
} line;

static void say(line *l, const char *text)
{
    size_t len = strlen(text), room = l->size - 1 - l->len;
    if (l->full)
        return;
    if (len > room) {
        len = rv_utf8_prefix((const uint8_t *)text, len, room);
        l->full = true;
    }
    memcpy(l->text + l->len, text, len);
    l->len += len;
    l->text[l->len] = '\0';
}

/* The mark of a driver's own form says nothing to people. */
static void say_cell(line *l, const char *cell)
{
    say(l, cell[0] == RV_KEY_OWN_FORM ? cell + 1 : cell);
}

static void say_cells(line *l, const rv_key_value *value)
{
    say(l, value->n > 1 ? "(" : "");
    for (int i = 0; i < value->n; i++) {
        say(l, i > 0 ? ", " : "");
        say_cell(l, value->cells[i]);
    }
    say(l, value->n > 1 ? ")" : "");
}

/* The leading `n` columns. */
static void say_columns(line *l, const rv_key *key, const char *fallback, int n)
{
    if (fallback != NULL)
        say(l, "coalesce");
    say(l, n > 1 || fallback != NULL ? "(" : "");
    for (int i = 0; i < n; i++) {
        say(l, i > 0 ? ", " : "");
        say(l, key->columns[i]);
        say(l, key->descending[i] ? " desc" : "");
    }
    if (fallback != NULL) {
        say(l, ", ");
        say(l, fallback);
    }
    say(l, n > 1 || fallback != NULL ? ")" : "");
}

static void say_side(line *l, const rv_range *range, const rv_key_value *side, const char *ascending,
                     const char *descending)
{
    bool all_ascending = true;
    for (int i = 0; i < side->n; i++)
        all_ascending = all_ascending && !range->key->descending[i];
    say(l, l->len > 0 ? ", " : "");
    say_columns(l, range->key, range->fallback, side->n);
    say(l, all_ascending ? ascending : descending);
    say_cells(l, side);
}

static void say_history(line *l, const rv_history *history)
{
    if (history->until != NULL) {
        say(l, ", before the mark ");
        say_cell(l, history->until);
    }
    if (history->late_from.n > 0) {
        say(l, ", late ones from ");
        say_cells(l, &history->late_from);
    }
    if (history->since != NULL) {
        say(l, " since the mark ");
        say_cell(l, history->since);
    }
}

static void say_range(line *l, const rv_range *range)
{
    if (range->null_only) {
        say(l, l->len > 0 ? ", " : "");
        say_columns(l, range->key, range->fallback, range->key->n_columns);
        say(l, " is null");
    }
    if (range->lo.n > 0)
        say_side(l, range, &range->lo, range->lo_inclusive ? " >= " : " > ",
                 range->lo_inclusive ? " from " : " after ");
    if (range->hi.n > 0)
        say_side(l, range, &range->hi, range->hi_inclusive ? " <= " : " < ",
                 range->hi_inclusive ? " to " : " before ");
    if (range->history != NULL)
        say_history(l, range->history);
}

void rv_bounds_text(char *out, size_t out_bytes, const rv_bounds *bounds)
{
    line l = {.text = out, .size = out_bytes};
    if (out_bytes == 0)
        return;
    out[0] = '\0';
    if (bounds->kind == RV_BOUNDS_PHYSICAL) {
        char units[64];
        snprintf(units, sizeof units, "units %" PRId64 " to %" PRId64, bounds->first, bounds->last);
        say(&l, units);
    }
    for (int i = 0; i < bounds->n_ranges; i++)
        say_range(&l, bounds->ranges[i]);
    if (l.len == 0)
        say(&l, "all rows");
    if (bounds->leaf_table == NULL)
        return;
    say(&l, " of ");
    if (bounds->leaf_schema != NULL) {
        say(&l, bounds->leaf_schema);
        say(&l, ".");
    }
    say(&l, bounds->leaf_table);
}
