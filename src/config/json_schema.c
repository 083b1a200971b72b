/* json_schema.c - schema.def as a JSON Schema for editors.
 *
 * Draft 7 (json-schema.org/draft-07), which the YAML language servers understand; there, keywords beside
 * "$ref" are ignored, hence the "allOf" around references. A key of a later version is described and allows
 * no value. */
#include "config/internal.h"

#include <jansson.h>
#include <string.h>

/* jansson's setters take NULL for a value that could not be made and then fail: one flag sees every failure.
 */
typedef struct builder {
    bool failed;
} builder;

static void set(builder *b, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        b->failed = true;
}

static void append(builder *b, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0)
        b->failed = true;
}

static json_t *object_of_type(builder *b, const char *type)
{
    json_t *object = json_object();
    set(b, object, "type", json_string(type));
    return object;
}

static json_t *any_of(builder *b, json_t *first, json_t *second)
{
    json_t *object = json_object(), *choices = json_array();
    append(b, choices, first);
    append(b, choices, second);
    set(b, object, "anyOf", choices);
    return object;
}

/* A value that a variable will give. */
static json_t *variable(builder *b)
{
    json_t *object = object_of_type(b, "string");
    set(b, object, "pattern", json_string("\\$\\{.+\\}"));
    return object;
}

/* Where a section's schema is found in the document. */
static json_t *reference_to(builder *b, rvi_section section)
{
    json_t *object = json_object();
    set(b, object, "$ref", json_sprintf("#/definitions/%s", rvi_section_id(section)));
    return object;
}

static json_t *words(builder *b, rvi_set of)
{
    json_t *object = json_object(), *list = json_array();
    for (const rvi_name *name = rvi_name_next(of, NULL); name; name = rvi_name_next(of, name))
        if (!(name->flags & RVI_LATER))
            append(b, list, json_string(name->text));
    set(b, object, "enum", list);
    return object;
}

static json_t *policy(builder *b)
{
    json_t *object = json_object(), *list = json_array();
    append(b, list, json_string("fail"));
    append(b, list, json_string("null"));
    append(b, list, json_null()); /* the bare word, as YAML reads it */
    append(b, list, json_string("clamp"));
    append(b, list, json_string("text"));
    set(b, object, "enum", list);
    return object;
}

static json_t *policies(builder *b)
{
    json_t *object = object_of_type(b, "object"), *classes = json_object();
    for (int i = 0; i < RV_INVALID_CLASSES; i++)
        set(b, classes, rv_invalid_name((rv_invalid)i), policy(b));
    set(b, object, "properties", classes);
    set(b, object, "additionalProperties", json_false());
    return any_of(b, policy(b), object);
}

static json_t *words_by_column(builder *b, rvi_set of)
{
    json_t *object = object_of_type(b, "object");
    set(b, object, "additionalProperties", any_of(b, words(b, of), variable(b)));
    return object;
}

static json_t *columns(builder *b)
{
    json_t *object = object_of_type(b, "object");
    set(b, object, "additionalProperties",
        any_of(b, object_of_type(b, "string"), reference_to(b, RVI_S_COLUMN)));
    return object;
}

static json_t *text(builder *b, const rvi_key *key)
{
    json_t *object = object_of_type(b, "string");
    if (key->min > 0)
        set(b, object, "minLength", json_integer(key->min));
    return object; /* no maxLength: it counts characters, our limits count bytes */
}

static json_t *whole_number(builder *b, const rvi_key *key)
{
    json_t *object = object_of_type(b, "integer");
    set(b, object, "minimum", json_integer(key->min));
    set(b, object, "maximum", json_integer(key->max));
    return any_of(b, object, variable(b));
}

static json_t *list_of_texts(builder *b, const rvi_key *key)
{
    json_t *object = object_of_type(b, "array");
    set(b, object, "items", text(b, key));
    return object;
}

static json_t *list_of_columns(builder *b, const rvi_key *key, int most)
{
    json_t *object = list_of_texts(b, key);
    set(b, object, "minItems", json_integer(1));
    set(b, object, "maxItems", json_integer(most));
    set(b, object, "uniqueItems", json_true());
    return object;
}

static json_t *number_within(builder *b, int64_t least, int64_t most)
{
    json_t *object = object_of_type(b, "number");
    set(b, object, "minimum", json_integer(least));
    set(b, object, "maximum", json_integer(most));
    return object;
}

static json_t *ratios(builder *b)
{
    json_t *object = object_of_type(b, "object");
    set(b, object, "additionalProperties", any_of(b, number_within(b, 0, 1), variable(b)));
    return object;
}

static json_t *duration(builder *b)
{
    json_t *texts = object_of_type(b, "string"), *number = object_of_type(b, "integer");
    set(b, texts, "pattern", json_string("^[0-9]+[smhd]?$|[$][{]"));
    set(b, number, "minimum", json_integer(0));
    return any_of(b, texts, number);
}

static json_t *size(builder *b)
{
    json_t *texts = object_of_type(b, "string"), *number = object_of_type(b, "integer");
    set(b, texts, "pattern", json_string("^[0-9]+([.][0-9]+)? *([KkMmGg]?[Bb])?$|[$][{]"));
    set(b, number, "minimum", json_integer(1));
    return any_of(b, texts, number);
}

static json_t *list_of_blocks(builder *b, const rvi_key *key)
{
    json_t *object = object_of_type(b, "array");
    set(b, object, "items", reference_to(b, key->inner));
    set(b, object, "minItems", json_integer(1));
    return object;
}

static json_t *block(builder *b, const rvi_key *key)
{
    json_t *object = json_object(), *all = json_array();
    append(b, all, reference_to(b, key->inner));
    set(b, object, "allOf", all);
    return object;
}

static json_t *value_schema(builder *b, const rvi_key *key)
{
    switch (key->kind) {
    case RVI_KIND_TEXT:
        return text(b, key);
    case RVI_KIND_INT:
        return whole_number(b, key);
    case RVI_KIND_SIZE:
        return size(b);
    case RVI_KIND_BOOL:
        return any_of(b, object_of_type(b, "boolean"), variable(b));
    case RVI_KIND_ENUM:
        return any_of(b, words(b, key->set), variable(b));
    case RVI_KIND_TYPE:
        return object_of_type(b, "string");
    case RVI_KIND_BLOCK:
        return block(b, key);
    case RVI_KIND_BLOCKS:
        return list_of_blocks(b, key);
    case RVI_KIND_COLUMNS:
        return columns(b);
    case RVI_KIND_POLICIES:
        return policies(b);
    case RVI_KIND_WORDS:
        return words_by_column(b, key->set);
    case RVI_KIND_TEXTS:
        return list_of_texts(b, key);
    case RVI_KIND_NUMBER:
        return any_of(b, number_within(b, key->min, key->max), variable(b));
    case RVI_KIND_RATIOS:
        return ratios(b);
    case RVI_KIND_KEY:
        return any_of(b, text(b, key), list_of_columns(b, key, RV_MAX_KEY_COLUMNS));
    case RVI_KIND_CHOICE:
        return any_of(b, object_of_type(b, "boolean"), list_of_columns(b, key, RV_MAX_FIELDS));
    case RVI_KIND_DURATION:
        return duration(b);
    case RVI_KIND_ENUMS: /* only keys of later versions have these kinds */
    case RVI_KIND_ANY:
        return json_object();
    }
    return NULL;
}

static json_t *default_value(const rvi_key *key)
{
    int64_t number = 0;
    bool truth = false;
    double fraction = 0;
    if (key->kind == RVI_KIND_INT && rvi_parse_int(key->fallback, &number))
        return json_integer(number);
    if ((key->kind == RVI_KIND_BOOL || key->kind == RVI_KIND_CHOICE) && rvi_parse_bool(key->fallback, &truth))
        return json_boolean(truth);
    if (key->kind == RVI_KIND_NUMBER && rvi_parse_number(key->fallback, &fraction))
        return json_real(fraction);
    return json_string(key->fallback);
}

static json_t *key_schema(builder *b, const rvi_key *key)
{
    if (key->flags & RVI_LATER) {
        json_t *refused = json_object();
        if (key->fallback)
            set(b, refused, "const", default_value(key));
        else
            set(b, refused, "not", json_object());
        set(b, refused, "description", json_sprintf("%s Not supported by this version.", key->doc));
        return refused;
    }
    json_t *schema = value_schema(b, key);
    if (key->flags & RVI_BY_PROFILE)
        set(b, schema, "description",
            json_sprintf("%s Default: %lld (fast), %lld (balanced), %lld (safe).", key->doc,
                         (long long)rvi_default_int(key, RV_PROFILE_FAST),
                         (long long)rvi_default_int(key, RV_PROFILE_BALANCED),
                         (long long)rvi_default_int(key, RV_PROFILE_SAFE)));
    else
        set(b, schema, "description", json_string(key->doc));
    if (key->fallback && !(key->flags & RVI_BY_PROFILE))
        set(b, schema, "default", default_value(key));
    return schema;
}

/* "not both", for each pair of the section. */
static json_t *exclusions(builder *b, rvi_section section)
{
    size_t n = 0;
    const rvi_exclusion *pairs = rvi_exclusions(&n);
    json_t *all = json_array();
    for (size_t i = 0; i < n; i++) {
        const rvi_key *left = rvi_key_row(pairs[i].a), *right = rvi_key_row(pairs[i].b);
        if (left->section != section || (left->flags | right->flags) & RVI_LATER)
            continue;
        json_t *both = json_object(), *names = json_array(), *neither = json_object();
        append(b, names, json_string(left->name));
        append(b, names, json_string(right->name));
        set(b, both, "required", names);
        set(b, neither, "not", both);
        append(b, all, neither);
    }
    return all;
}

static void fill_section(builder *b, json_t *schema, rvi_section section)
{
    json_t *properties = json_object(), *required = json_array(), *excluded = exclusions(b, section);
    for (int id = 0; id < RVI_KEYS; id++) {
        const rvi_key *key = rvi_key_row((rvi_key_id)id);
        if (key->section != section)
            continue;
        set(b, properties, key->name, key_schema(b, key));
        if (key->flags & RVI_REQUIRED || key->id == RVI_K_EXPORTS)
            append(b, required, json_string(key->name));
    }
    set(b, schema, "type", json_string("object"));
    set(b, schema, "description", json_string(rvi_section_doc(section)));
    set(b, schema, "properties", properties);
    set(b, schema, "additionalProperties", json_false());
    if (json_array_size(required) > 0)
        set(b, schema, "required", required);
    else
        json_decref(required);
    if (json_array_size(excluded) > 0)
        set(b, schema, "allOf", excluded);
    else
        json_decref(excluded);
}

/* Whether any key of the section can be given. */
static bool is_supported(rvi_section section)
{
    for (int id = 0; id < RVI_KEYS; id++)
        if (rvi_key_row((rvi_key_id)id)->section == section &&
            !(rvi_key_row((rvi_key_id)id)->flags & RVI_LATER))
            return true;
    return false;
}

static json_t *document(builder *b)
{
    json_t *root = json_object(), *definitions = json_object();
    set(b, root, "$schema", json_string("http://json-schema.org/draft-07/schema#"));
    set(b, root, "title", json_string("rivet.yaml"));
    fill_section(b, root, RVI_S_ROOT);
    for (int i = 0; i < RVI_SECTIONS; i++) {
        json_t *section = NULL;
        if (i == RVI_S_ROOT || !is_supported((rvi_section)i))
            continue;
        section = json_object();
        fill_section(b, section, (rvi_section)i);
        set(b, definitions, rvi_section_id((rvi_section)i), section);
    }
    set(b, root, "definitions", definitions);
    return root;
}

typedef struct output {
    rv_sink *sink;
    rv_error *err;
    rv_code rc;
} output;

static int write_piece(const char *bytes, size_t len, void *context)
{
    output *out = context;
    out->rc = rv_sink_write(out->sink, bytes, len, out->err);
    return out->rc == RV_OK ? 0 : -1;
}

rv_code rv_config_write_json_schema(rv_sink *sink, rv_error *err)
{
    builder b = {false};
    output out = {sink, err, RV_OK};
    json_t *root = document(&b);
    int failed = b.failed ? -1 : json_dump_callback(root, write_piece, &out, JSON_INDENT(2));
    json_decref(root);
    RV_TRY(out.rc);
    if (failed)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "the JSON Schema of the configuration");
    return rv_sink_write(sink, "\n", 1, err);
}
