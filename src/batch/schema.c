/* schema.c - types and the names of things in a schema. */
#include "rivet/schema.h"

#include "rivet/decimal.h"
#include "rivet/hash.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *const type_names[RV_TYPE_COUNT] = {
    [RV_TYPE_INVALID] = "invalid",
    [RV_TYPE_BOOL] = "bool",
    [RV_TYPE_INT16] = "int16",
    [RV_TYPE_INT32] = "int32",
    [RV_TYPE_INT64] = "int64",
    [RV_TYPE_UINT64] = "uint64",
    [RV_TYPE_FLOAT32] = "float32",
    [RV_TYPE_FLOAT64] = "float64",
    [RV_TYPE_DECIMAL] = "decimal",
    [RV_TYPE_DATE] = "date",
    [RV_TYPE_TIME] = "time",
    [RV_TYPE_TIMESTAMP] = "timestamp",
    [RV_TYPE_TIMESTAMP_TZ] = "timestamp_tz",
    [RV_TYPE_TIMESTAMP_NS] = "timestamp_ns",
    [RV_TYPE_TIMESTAMP_TZ_NS] = "timestamp_tz_ns",
    [RV_TYPE_STRING] = "string",
    [RV_TYPE_BINARY] = "binary",
    [RV_TYPE_JSON] = "json",
    [RV_TYPE_UUID] = "uuid",
    [RV_TYPE_ENUM] = "enum",
    [RV_TYPE_INTERVAL] = "interval",
    [RV_TYPE_LIST] = "list",
};

/* The override grammar, plus the names that reports and messages print, since users copy those. Decimals, and
 * types that no text can be read as (enum, interval, list), are not here. */
static const struct type_word {
    const char *word;
    rv_type_id id;
} type_words[] = {
    {"bool", RV_TYPE_BOOL},
    {"int2", RV_TYPE_INT16},
    {"smallint", RV_TYPE_INT16},
    {"int16", RV_TYPE_INT16},
    {"int4", RV_TYPE_INT32},
    {"int", RV_TYPE_INT32},
    {"integer", RV_TYPE_INT32},
    {"int32", RV_TYPE_INT32},
    {"int8", RV_TYPE_INT64},
    {"bigint", RV_TYPE_INT64},
    {"int64", RV_TYPE_INT64},
    {"uint64", RV_TYPE_UINT64},
    {"float4", RV_TYPE_FLOAT32},
    {"real", RV_TYPE_FLOAT32},
    {"float32", RV_TYPE_FLOAT32},
    {"float8", RV_TYPE_FLOAT64},
    {"double", RV_TYPE_FLOAT64},
    {"float64", RV_TYPE_FLOAT64},
    {"date", RV_TYPE_DATE},
    {"time", RV_TYPE_TIME},
    {"timestamp", RV_TYPE_TIMESTAMP},
    {"timestamp_ns", RV_TYPE_TIMESTAMP_NS},
    {"timestamp_tz", RV_TYPE_TIMESTAMP_TZ},
    {"timestamp_tz_ns", RV_TYPE_TIMESTAMP_TZ_NS},
    {"text", RV_TYPE_STRING},
    {"string", RV_TYPE_STRING},
    {"binary", RV_TYPE_BINARY},
    {"json", RV_TYPE_JSON},
    {"uuid", RV_TYPE_UUID},
};

size_t rv_type_text(char out[RV_TYPE_TEXT_BYTES], rv_type type)
{
    bool is_list = type.id == RV_TYPE_LIST;
    rv_type scalar = is_list ? rv_type_element(type) : type;
    assert(scalar.id >= RV_TYPE_INVALID && scalar.id < RV_TYPE_COUNT);
    const char *name = type_names[scalar.id], *open = is_list ? "list<" : "", *close = is_list ? ">" : "";
    int n = 0;
    if (scalar.id == RV_TYPE_DECIMAL)
        n = snprintf(out, RV_TYPE_TEXT_BYTES, "%s%s(%u,%u)%s", open, name, scalar.precision, scalar.scale,
                     close);
    else
        n = snprintf(out, RV_TYPE_TEXT_BYTES, "%s%s%s", open, name, close);
    assert(n > 0 && n < RV_TYPE_TEXT_BYTES);
    return (size_t)n;
}

/* Lower case without blanks; false: longer than any type is. */
static bool normalise(const char *text, char *out, size_t out_bytes)
{
    size_t n = 0;
    for (; *text != '\0'; text++) {
        if (*text == ' ' || *text == '\t')
            continue;
        if (n + 1 >= out_bytes)
            return false;
        out[n++] = (char)(*text >= 'A' && *text <= 'Z' ? *text - 'A' + 'a' : *text);
    }
    out[n] = '\0';
    return true;
}

/* One or two digits, then `end`. */
static bool take_number(const char **text, char end, uint8_t *out)
{
    unsigned value = 0;
    int digits = 0;
    for (; **text >= '0' && **text <= '9' && digits < 2; (*text)++, digits++)
        value = value * 10 + (unsigned)(**text - '0');
    if (digits == 0 || **text != end)
        return false;
    (*text)++;
    *out = (uint8_t)value;
    return true;
}

static bool parse_decimal(const char *word, rv_type *out)
{
    enum { MAX_PRECISION = 76 }; /* digits that 256 bits hold */
    size_t skip = strncmp(word, "decimal(", 8) == 0 || strncmp(word, "numeric(", 8) == 0 ? 8 : 0;
    if (skip == 0)
        return false;
    const char *at = word + skip;
    rv_type type = {.id = RV_TYPE_DECIMAL};
    if (!take_number(&at, ',', &type.precision) || !take_number(&at, ')', &type.scale) || *at != '\0')
        return false;
    if (type.precision < 1 || type.precision > MAX_PRECISION || type.scale > type.precision)
        return false;
    *out = type;
    return true;
}

bool rv_type_parse(const char *text, rv_type *out)
{
    char word[RV_TYPE_TEXT_BYTES];
    if (!normalise(text, word, sizeof word))
        return false;
    for (size_t i = 0; i < sizeof type_words / sizeof *type_words; i++) {
        if (strcmp(word, type_words[i].word) == 0) {
            *out = (rv_type){.id = type_words[i].id};
            return true;
        }
    }
    return parse_decimal(word, out);
}

bool rv_type_equal(rv_type a, rv_type b)
{
    return a.id == b.id && a.element == b.element && a.precision == b.precision && a.scale == b.scale;
}

rv_type rv_type_element(rv_type list)
{
    return (rv_type){.id = list.element, .precision = list.precision, .scale = list.scale};
}

bool rv_type_is_text(rv_type_id id)
{
    return id == RV_TYPE_STRING || id == RV_TYPE_JSON || id == RV_TYPE_ENUM || id == RV_TYPE_INTERVAL;
}

bool rv_type_is_variable(rv_type_id id)
{
    return rv_type_is_text(id) || id == RV_TYPE_BINARY;
}

size_t rv_type_width(rv_type type)
{
    switch (type.id) {
    case RV_TYPE_INT16:
        return 2;
    case RV_TYPE_INT32:
    case RV_TYPE_FLOAT32:
    case RV_TYPE_DATE:
        return 4;
    case RV_TYPE_INT64:
    case RV_TYPE_UINT64:
    case RV_TYPE_FLOAT64:
    case RV_TYPE_TIME:
    case RV_TYPE_TIMESTAMP:
    case RV_TYPE_TIMESTAMP_TZ:
    case RV_TYPE_TIMESTAMP_NS:
    case RV_TYPE_TIMESTAMP_TZ_NS:
        return 8;
    case RV_TYPE_UUID:
        return 16;
    case RV_TYPE_DECIMAL:
        return (size_t)rv_decimal_width(type.precision);
    case RV_TYPE_INVALID:
    case RV_TYPE_BOOL:
    case RV_TYPE_STRING:
    case RV_TYPE_BINARY:
    case RV_TYPE_JSON:
    case RV_TYPE_ENUM:
    case RV_TYPE_INTERVAL:
    case RV_TYPE_LIST:
    case RV_TYPE_COUNT:
        return 0;
    }
    return 0;
}

static bool is_dated(rv_type_id id)
{
    return id == RV_TYPE_DATE || id == RV_TYPE_TIMESTAMP || id == RV_TYPE_TIMESTAMP_TZ ||
           id == RV_TYPE_TIMESTAMP_NS || id == RV_TYPE_TIMESTAMP_TZ_NS;
}

static bool is_number(rv_type_id id)
{
    return id == RV_TYPE_INT16 || id == RV_TYPE_INT32 || id == RV_TYPE_INT64 || id == RV_TYPE_UINT64 ||
           id == RV_TYPE_FLOAT32 || id == RV_TYPE_FLOAT64 || id == RV_TYPE_DECIMAL;
}

bool rv_type_can_meet(rv_type type, rv_invalid invalid_class)
{
    rv_type_id id = type.id == RV_TYPE_LIST ? type.element : type.id;
    switch (invalid_class) {
    case RV_INVALID_ZERO_DATE:
        return is_dated(id);
    case RV_INVALID_INFINITY:
        return is_dated(id) || id == RV_TYPE_DECIMAL || id == RV_TYPE_INTERVAL;
    case RV_INVALID_NAN:
        return id == RV_TYPE_DECIMAL;
    case RV_INVALID_TIME:
        return id == RV_TYPE_TIME;
    case RV_INVALID_ENCODING:
        return rv_type_is_text(id);
    case RV_INVALID_RANGE:
        return is_dated(id) || is_number(id) || id == RV_TYPE_TIME;
    case RV_INVALID_UNPARSEABLE:
        return !rv_type_is_text(id);
    case RV_INVALID_CLASSES:
        break;
    }
    return false;
}

const char *rv_fidelity_name(rv_fidelity fidelity)
{
    switch (fidelity) {
    case RV_FIDELITY_EXACT:
        return "exact";
    case RV_FIDELITY_COMPATIBLE:
        return "compatible";
    case RV_FIDELITY_LOGICAL_STRING:
        return "logical_string";
    case RV_FIDELITY_LOSSY:
        return "lossy";
    }
    return "unknown";
}

static const char *const policy_names[] = {
    [RV_POLICY_FAIL] = "fail",
    [RV_POLICY_NULL] = "null",
    [RV_POLICY_CLAMP] = "clamp",
    [RV_POLICY_TEXT] = "text",
};

const char *rv_policy_name(rv_policy policy)
{
    return policy_names[policy];
}

bool rv_policy_parse(const char *text, rv_policy *out)
{
    for (int i = 0; i <= RV_POLICY_TEXT; i++) {
        if (strcmp(text, policy_names[i]) == 0) {
            *out = (rv_policy)i;
            return true;
        }
    }
    return false;
}

const char *rv_invalid_name(rv_invalid invalid_class)
{
    switch (invalid_class) {
    case RV_INVALID_ZERO_DATE:
        return "zero_date";
    case RV_INVALID_INFINITY:
        return "infinity";
    case RV_INVALID_NAN:
        return "nan";
    case RV_INVALID_TIME:
        return "time";
    case RV_INVALID_ENCODING:
        return "encoding";
    case RV_INVALID_RANGE:
        return "range";
    case RV_INVALID_UNPARSEABLE:
        return "unparseable";
    case RV_INVALID_CLASSES:
        break;
    }
    return "unknown";
}

int rv_schema_index(const rv_schema *schema, const char *name)
{
    for (int i = 0; i < schema->n_fields; i++)
        if (strcmp(schema->fields[i].name, name) == 0)
            return i;
    return -1;
}

const rv_field *rv_schema_field(const rv_schema *schema, const char *name)
{
    int i = rv_schema_index(schema, name);
    return i >= 0 ? &schema->fields[i] : NULL;
}

uint64_t rv_schema_fingerprint(const rv_schema *schema)
{
    uint64_t hash = 0;
    for (int i = 0; i < schema->n_fields; i++) {
        const rv_field *field = &schema->fields[i];
        const char *native = field->native_type != NULL ? field->native_type : "";
        char type[RV_TYPE_TEXT_BYTES];
        size_t type_len = rv_type_text(type, field->type);
        uint8_t nullable = field->nullable ? 1 : 0;
        /* Each step is seeded by the one before, so order and boundaries count. */
        hash = rv_xxh3(field->name, strlen(field->name), hash);
        hash = rv_xxh3(type, type_len, hash);
        hash = rv_xxh3(&nullable, 1, hash);
        hash = rv_xxh3(native, strlen(native), hash);
    }
    return hash;
}
