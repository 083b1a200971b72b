/* schema.c - Rivet's types as Parquet's, and the schema tree of the footer.
 *
 * Both annotations are always written: readers older than LogicalType (2018) look at ConvertedType only, and some
 * show bytes instead of text without it. */
#include "leaf.h"

#include <assert.h>
#include <string.h>

typedef struct mapping {
    rvi_pq_physical physical;
    uint8_t width;
    rvi_pq_order order;
    rvi_pq_logical logical;
    rvi_pq_converted converted;
    rvi_pq_unit unit;
    bool utc;
    bool is_text;
    bool dictionary;
    rvi_pq_content content;
} mapping;

#define NONE RVI_PQ_CONVERTED_NONE
/* clang-format off */
static const mapping MAPPINGS[RV_TYPE_COUNT] = {
    [RV_TYPE_BOOL]    = {.physical = RVI_PQ_BOOLEAN, .width = 1, .order = RVI_PQ_ORDER_BOOL, .converted = NONE},
    [RV_TYPE_INT16]   = {.physical = RVI_PQ_INT32, .width = 4, .order = RVI_PQ_ORDER_I32, .dictionary = true,
                         .logical = RVI_PQ_LOGICAL_INTEGER, .converted = RVI_PQ_CONVERTED_INT_16},
    [RV_TYPE_INT32]   = {.physical = RVI_PQ_INT32, .width = 4, .order = RVI_PQ_ORDER_I32, .dictionary = true,
                         .converted = NONE},
    [RV_TYPE_INT64]   = {.physical = RVI_PQ_INT64, .width = 8, .order = RVI_PQ_ORDER_I64, .dictionary = true,
                         .converted = NONE, .content = RVI_PQ_CONTENT_INTEGERS},
    [RV_TYPE_UINT64]  = {.physical = RVI_PQ_INT64, .width = 8, .order = RVI_PQ_ORDER_U64, .dictionary = true,
                         .logical = RVI_PQ_LOGICAL_INTEGER, .converted = RVI_PQ_CONVERTED_UINT_64,
                         .content = RVI_PQ_CONTENT_INTEGERS},
    [RV_TYPE_FLOAT32] = {.physical = RVI_PQ_FLOAT, .width = 4, .order = RVI_PQ_ORDER_F32, .dictionary = true,
                         .converted = NONE},
    [RV_TYPE_FLOAT64] = {.physical = RVI_PQ_DOUBLE, .width = 8, .order = RVI_PQ_ORDER_F64, .dictionary = true,
                         .converted = NONE, .content = RVI_PQ_CONTENT_DOUBLES},
    [RV_TYPE_DATE]    = {.physical = RVI_PQ_INT32, .width = 4, .order = RVI_PQ_ORDER_I32, .dictionary = true,
                         .logical = RVI_PQ_LOGICAL_DATE, .converted = RVI_PQ_CONVERTED_DATE},
    [RV_TYPE_TIME]    = {.physical = RVI_PQ_INT64, .width = 8, .order = RVI_PQ_ORDER_I64, .dictionary = true,
                         .logical = RVI_PQ_LOGICAL_TIME, .converted = RVI_PQ_CONVERTED_TIME_MICROS,
                         .unit = RVI_PQ_UNIT_MICROS, .content = RVI_PQ_CONTENT_INTEGERS},
    [RV_TYPE_TIMESTAMP] = {.physical = RVI_PQ_INT64, .width = 8, .order = RVI_PQ_ORDER_I64, .dictionary = true,
                         .logical = RVI_PQ_LOGICAL_TIMESTAMP, .converted = RVI_PQ_CONVERTED_TIMESTAMP_MICROS,
                         .unit = RVI_PQ_UNIT_MICROS, .content = RVI_PQ_CONTENT_INTEGERS},
    [RV_TYPE_TIMESTAMP_TZ] = {.physical = RVI_PQ_INT64, .width = 8, .order = RVI_PQ_ORDER_I64, .dictionary = true,
                         .logical = RVI_PQ_LOGICAL_TIMESTAMP, .converted = RVI_PQ_CONVERTED_TIMESTAMP_MICROS,
                         .unit = RVI_PQ_UNIT_MICROS, .utc = true, .content = RVI_PQ_CONTENT_INTEGERS},
    [RV_TYPE_TIMESTAMP_NS] = {.physical = RVI_PQ_INT64, .width = 8, .order = RVI_PQ_ORDER_I64, .dictionary = true,
                         .logical = RVI_PQ_LOGICAL_TIMESTAMP, .converted = NONE, .unit = RVI_PQ_UNIT_NANOS,
                         .content = RVI_PQ_CONTENT_INTEGERS},
    [RV_TYPE_TIMESTAMP_TZ_NS] = {.physical = RVI_PQ_INT64, .width = 8, .order = RVI_PQ_ORDER_I64,
                         .dictionary = true, .logical = RVI_PQ_LOGICAL_TIMESTAMP, .converted = NONE,
                         .unit = RVI_PQ_UNIT_NANOS, .utc = true, .content = RVI_PQ_CONTENT_INTEGERS},
    [RV_TYPE_STRING]  = {.physical = RVI_PQ_BYTE_ARRAY, .order = RVI_PQ_ORDER_BYTES, .is_text = true,
                         .dictionary = true, .logical = RVI_PQ_LOGICAL_STRING,
                         .converted = RVI_PQ_CONVERTED_UTF8},
    [RV_TYPE_BINARY]  = {.physical = RVI_PQ_BYTE_ARRAY, .order = RVI_PQ_ORDER_BYTES, .dictionary = true,
                         .converted = NONE},
    [RV_TYPE_JSON]    = {.physical = RVI_PQ_BYTE_ARRAY, .order = RVI_PQ_ORDER_BYTES, .is_text = true,
                         .dictionary = true, .logical = RVI_PQ_LOGICAL_JSON,
                         .converted = RVI_PQ_CONVERTED_JSON},
    [RV_TYPE_UUID]    = {.physical = RVI_PQ_FIXED, .width = 16, .order = RVI_PQ_ORDER_BYTES, .dictionary = true,
                         .logical = RVI_PQ_LOGICAL_UUID, .converted = NONE},
    /* Not ENUM: BigQuery and Snowflake read that as bytes. */
    [RV_TYPE_ENUM]    = {.physical = RVI_PQ_BYTE_ARRAY, .order = RVI_PQ_ORDER_BYTES, .is_text = true,
                         .dictionary = true, .logical = RVI_PQ_LOGICAL_STRING,
                         .converted = RVI_PQ_CONVERTED_UTF8},
    /* ISO 8601 text: Parquet's INTERVAL loses microseconds and readers disagree about months. */
    [RV_TYPE_INTERVAL] = {.physical = RVI_PQ_BYTE_ARRAY, .order = RVI_PQ_ORDER_BYTES, .is_text = true,
                         .dictionary = true, .logical = RVI_PQ_LOGICAL_STRING,
                         .converted = RVI_PQ_CONVERTED_UTF8},
};
/* clang-format on */
#undef NONE

enum { DECIMAL_MAX_PRECISION = 76, DECIMAL_I32_DIGITS = 9, DECIMAL_I64_DIGITS = 18 };

/* Bytes of the smallest two's complement integer that holds every number of `precision` digits: the least n with
 * 10^p <= 2^(8n-1), that is n = ceil((p * log2(10) + 1) / 8). 3322/1000 is log2(10) rounded up; for p <= 76 no
 * product comes near enough to an integer for the rounding to matter (a test compares all 76 with exact powers). */
static uint8_t decimal_bytes(int precision)
{
    int bits = (precision * 3322 + 999) / 1000 + 1;
    return (uint8_t)((bits + 7) / 8);
}

/* Beyond 128 bits, whole words: DuckDB 1.5 reads a wider decimal whose bytes are no multiple of 8 off by a power of
 * two, and a longer fixed length is as legal (parquet-format, LogicalTypes.md, DECIMAL). */
static uint8_t fixed_decimal_bytes(int precision)
{
    enum { EXACT_UP_TO = 16, WORD = 8 };
    int bytes = decimal_bytes(precision);
    if (bytes > EXACT_UP_TO)
        bytes = (bytes + WORD - 1) / WORD * WORD;
    return (uint8_t)bytes;
}

static mapping decimal_mapping(int precision)
{
    mapping m = {
        .logical = RVI_PQ_LOGICAL_DECIMAL, .converted = RVI_PQ_CONVERTED_DECIMAL, .dictionary = true};
    if (precision <= DECIMAL_I32_DIGITS) {
        m.physical = RVI_PQ_INT32;
        m.width = 4;
        m.order = RVI_PQ_ORDER_I32;
    } else if (precision <= DECIMAL_I64_DIGITS) {
        m.physical = RVI_PQ_INT64;
        m.width = 8;
        m.order = RVI_PQ_ORDER_I64;
    } else {
        m.physical = RVI_PQ_FIXED;
        m.width = fixed_decimal_bytes(precision);
        m.order = RVI_PQ_ORDER_SIGNED;
    }
    return m;
}

static mapping mapping_of(rv_type type)
{
    return type.id == RV_TYPE_DECIMAL ? decimal_mapping(type.precision) : MAPPINGS[type.id];
}

static bool is_mapped(rv_type type)
{
    if (type.id == RV_TYPE_DECIMAL)
        return type.precision >= 1 && type.precision <= DECIMAL_MAX_PRECISION && type.scale <= type.precision;
    return type.id > RV_TYPE_INVALID && type.id < RV_TYPE_LIST;
}

rv_code rvi_pq_leaf_init(rvi_pq_leaf *leaf, const rv_field *field, rv_error *err)
{
    bool is_list = field->type.id == RV_TYPE_LIST;
    rv_type type = is_list ? rv_type_element(field->type) : field->type;
    if (!is_mapped(type)) {
        char text[RV_TYPE_TEXT_BYTES];
        rv_type_text(text, field->type);
        rv_code rc = rv_fail(err, RV_E_FORMAT_UNSUPPORTED, "Parquet has no form for column '%s' of type %s",
                             field->name, text);
        rv_hint(err, "give it another type, for example columns: {%s: text}", field->name);
        return rc;
    }
    mapping m = mapping_of(type);
    *leaf = (rvi_pq_leaf){.field = field,
                          .type = type,
                          .is_list = is_list,
                          .max_def = (uint8_t)((field->nullable ? 1 : 0) + (is_list ? 2 : 0)),
                          .max_rep = is_list ? 1 : 0,
                          .physical = m.physical,
                          .width = m.width,
                          .order = m.order,
                          .is_text = m.is_text,
                          .dictionary = m.dictionary,
                          .content = m.content};
    return RV_OK;
}

static void write_time_type(rvi_pq_thrift *t, const mapping *m)
{
    rvi_pq_thrift_struct_begin(t, (int16_t)m->logical);
    rvi_pq_thrift_bool(t, 1, m->utc);
    rvi_pq_thrift_struct_begin(t, 2);
    rvi_pq_thrift_empty_struct(t, (int16_t)m->unit);
    rvi_pq_thrift_struct_end(t);
    rvi_pq_thrift_struct_end(t);
}

static void write_logical_type(rvi_pq_thrift *t, const mapping *m, rv_type type)
{
    rvi_pq_thrift_struct_begin(t, 10);
    switch (m->logical) {
    case RVI_PQ_LOGICAL_DECIMAL:
        rvi_pq_thrift_struct_begin(t, RVI_PQ_LOGICAL_DECIMAL);
        rvi_pq_thrift_i32(t, 1, type.scale);
        rvi_pq_thrift_i32(t, 2, type.precision);
        rvi_pq_thrift_struct_end(t);
        break;
    case RVI_PQ_LOGICAL_TIME:
    case RVI_PQ_LOGICAL_TIMESTAMP:
        write_time_type(t, m);
        break;
    case RVI_PQ_LOGICAL_INTEGER:
        rvi_pq_thrift_struct_begin(t, RVI_PQ_LOGICAL_INTEGER);
        rvi_pq_thrift_i8(t, 1, m->converted == RVI_PQ_CONVERTED_INT_16 ? 16 : 64);
        rvi_pq_thrift_bool(t, 2, m->converted == RVI_PQ_CONVERTED_INT_16);
        rvi_pq_thrift_struct_end(t);
        break;
    case RVI_PQ_LOGICAL_STRING:
    case RVI_PQ_LOGICAL_LIST:
    case RVI_PQ_LOGICAL_DATE:
    case RVI_PQ_LOGICAL_JSON:
    case RVI_PQ_LOGICAL_UUID:
        rvi_pq_thrift_empty_struct(t, (int16_t)m->logical);
        break;
    case RVI_PQ_LOGICAL_NONE:
        break;
    }
    rvi_pq_thrift_struct_end(t);
}

/* SchemaElement of a leaf. */
static void write_leaf_element(rvi_pq_thrift *t, const char *name, rvi_pq_repetition repetition, rv_type type)
{
    mapping m = mapping_of(type);
    rvi_pq_thrift_item_struct_begin(t);
    rvi_pq_thrift_i32(t, 1, (int32_t)m.physical);
    if (m.physical == RVI_PQ_FIXED)
        rvi_pq_thrift_i32(t, 2, m.width);
    rvi_pq_thrift_i32(t, 3, (int32_t)repetition);
    rvi_pq_thrift_text(t, 4, name);
    if (m.converted != RVI_PQ_CONVERTED_NONE)
        rvi_pq_thrift_i32(t, 6, m.converted);
    if (m.logical == RVI_PQ_LOGICAL_DECIMAL) {
        rvi_pq_thrift_i32(t, 7, type.scale);
        rvi_pq_thrift_i32(t, 8, type.precision);
    }
    if (m.logical != RVI_PQ_LOGICAL_NONE)
        write_logical_type(t, &m, type);
    rvi_pq_thrift_item_struct_end(t);
}

/* SchemaElement of a group with one child. */
static void write_group_element(rvi_pq_thrift *t, const char *name, rvi_pq_repetition repetition)
{
    static const mapping list = {.logical = RVI_PQ_LOGICAL_LIST};
    rvi_pq_thrift_item_struct_begin(t);
    rvi_pq_thrift_i32(t, 3, (int32_t)repetition);
    rvi_pq_thrift_text(t, 4, name);
    rvi_pq_thrift_i32(t, 5, 1);
    if (repetition != RVI_PQ_REPEATED) {
        rvi_pq_thrift_i32(t, 6, RVI_PQ_CONVERTED_LIST);
        write_logical_type(t, &list, (rv_type){0});
    }
    rvi_pq_thrift_item_struct_end(t);
}

void rvi_pq_leaf_schema(const rvi_pq_leaf *leaf, rvi_pq_thrift *t)
{
    rvi_pq_repetition repetition = leaf->field->nullable ? RVI_PQ_OPTIONAL : RVI_PQ_REQUIRED;
    if (!leaf->is_list) {
        write_leaf_element(t, leaf->field->name, repetition, leaf->type);
        return;
    }
    write_group_element(t, leaf->field->name, repetition);
    write_group_element(t, "list", RVI_PQ_REPEATED);
    write_leaf_element(t, "element", RVI_PQ_OPTIONAL, leaf->type);
}

size_t rvi_pq_leaf_schema_elements(const rvi_pq_leaf *leaf)
{
    return leaf->is_list ? 3 : 1;
}

void rvi_pq_leaf_path(const rvi_pq_leaf *leaf, rvi_pq_thrift *t, int16_t id)
{
    rvi_pq_thrift_list(t, id, RVI_PQ_THRIFT_BINARY, rvi_pq_leaf_schema_elements(leaf));
    rvi_pq_thrift_item_binary(t, leaf->field->name, strlen(leaf->field->name));
    if (leaf->is_list) {
        rvi_pq_thrift_item_binary(t, "list", 4);
        rvi_pq_thrift_item_binary(t, "element", 7);
    }
}

static uint64_t value_weight(const rvi_pq_leaf *leaf, const rv_column *column, int64_t from, int64_t to)
{
    enum { LENGTH_BYTES = 4 };
    uint64_t n = (uint64_t)(to - from);
    if (n == 0)
        return 0;
    if (leaf->width != 0)
        return n * leaf->width;
    return n * LENGTH_BYTES + (uint64_t)(column->offsets[to] - column->offsets[from]);
}

uint64_t rvi_pq_leaf_weight(const rvi_pq_leaf *leaf, const rv_column *column, int64_t from, int64_t to)
{
    if (!leaf->is_list)
        return value_weight(leaf, column, from, to);
    enum { LEVEL_BYTES = 2 };
    if (from == to)
        return 0;
    int64_t first = column->offsets[from], last = column->offsets[to];
    return (uint64_t)(to - from + last - first) * LEVEL_BYTES +
           value_weight(leaf, column->child, first, last);
}
