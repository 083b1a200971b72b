/* mapping.c - which columns of a file are columns as Rivet knows them, and of which type.
 *
 * Spec: parquet-format, LogicalTypes.md, with its rules for lists of older writers. */
#include "reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DECIMAL_DIGITS = 76 };

static rvi_pqr_mapping mapped(rv_type_id id, rvi_pqr_conversion conversion)
{
    return (rvi_pqr_mapping){.type = {.id = id}, .conversion = conversion};
}

static rvi_pqr_mapping map_decimal(const rv_parquet_node *leaf)
{
    bool sane = leaf->precision >= 1 && leaf->precision <= DECIMAL_DIGITS && leaf->scale >= 0 &&
                leaf->scale <= leaf->precision;
    bool little = leaf->physical == RV_PARQUET_INT32 || leaf->physical == RV_PARQUET_INT64;
    bool big = leaf->physical == RV_PARQUET_FIXED || leaf->physical == RV_PARQUET_BYTE_ARRAY;
    if (!sane || !(little || big))
        return mapped(RV_TYPE_INVALID, RVI_PQR_AS_IS);
    rvi_pqr_mapping mapping = {
        .type = {.id = RV_TYPE_DECIMAL, .precision = (uint8_t)leaf->precision, .scale = (uint8_t)leaf->scale},
        .conversion = little ? RVI_PQR_DECIMAL_LE : RVI_PQR_DECIMAL_BE};
    char text[1 + DECIMAL_DIGITS] = "-";
    memset(text + 1, '9', (size_t)leaf->precision);
    (void)rv_decimal_parse(text, (size_t)leaf->precision + 1, leaf->precision, 0, &mapping.least);
    (void)rv_decimal_parse(text + 1, (size_t)leaf->precision, leaf->precision, 0, &mapping.most);
    return mapping;
}

static rvi_pqr_mapping map_integer(const rv_parquet_node *leaf)
{
    if (leaf->physical == RV_PARQUET_INT64)
        return mapped(leaf->is_signed ? RV_TYPE_INT64 : RV_TYPE_UINT64, RVI_PQR_AS_IS);
    if (leaf->physical != RV_PARQUET_INT32)
        return mapped(RV_TYPE_INVALID, RVI_PQR_AS_IS);
    if (leaf->is_signed)
        return mapped(leaf->bit_width <= 16 ? RV_TYPE_INT16 : RV_TYPE_INT32, RVI_PQR_AS_IS);
    if (leaf->bit_width == 32)
        return mapped(RV_TYPE_INT64, RVI_PQR_WIDEN_UNSIGNED);
    return mapped(leaf->bit_width <= 8 ? RV_TYPE_INT16 : RV_TYPE_INT32, RVI_PQR_AS_IS);
}

static rvi_pqr_mapping map_time(const rv_parquet_node *leaf)
{
    if (leaf->unit == RV_PARQUET_UNIT_MICROS && leaf->physical == RV_PARQUET_INT64)
        return mapped(RV_TYPE_TIME, RVI_PQR_AS_IS);
    if (leaf->unit == RV_PARQUET_UNIT_MILLIS && leaf->physical == RV_PARQUET_INT32)
        return mapped(RV_TYPE_TIME, RVI_PQR_TIMES_1000);
    return mapped(RV_TYPE_INVALID, RVI_PQR_AS_IS);
}

static rvi_pqr_mapping map_timestamp(const rv_parquet_node *leaf)
{
    if (leaf->physical != RV_PARQUET_INT64)
        return mapped(RV_TYPE_INVALID, RVI_PQR_AS_IS);
    rv_type_id micros = leaf->utc ? RV_TYPE_TIMESTAMP_TZ : RV_TYPE_TIMESTAMP;
    rv_type_id nanos = leaf->utc ? RV_TYPE_TIMESTAMP_TZ_NS : RV_TYPE_TIMESTAMP_NS;
    switch (leaf->unit) {
    case RV_PARQUET_UNIT_MILLIS:
        return mapped(micros, RVI_PQR_TIMES_1000);
    case RV_PARQUET_UNIT_MICROS:
        return mapped(micros, RVI_PQR_AS_IS);
    case RV_PARQUET_UNIT_NANOS:
        return mapped(nanos, RVI_PQR_AS_IS);
    default:
        return mapped(RV_TYPE_INVALID, RVI_PQR_AS_IS);
    }
}

/* By physical type alone: also for a logical type that is not known. */
static rvi_pqr_mapping map_physical(const rv_parquet_node *leaf)
{
    switch (leaf->physical) {
    case RV_PARQUET_BOOLEAN:
        return mapped(RV_TYPE_BOOL, RVI_PQR_BIT);
    case RV_PARQUET_INT32:
        return mapped(RV_TYPE_INT32, RVI_PQR_AS_IS);
    case RV_PARQUET_INT64:
        return mapped(RV_TYPE_INT64, RVI_PQR_AS_IS);
    case RV_PARQUET_FLOAT:
        return mapped(RV_TYPE_FLOAT32, RVI_PQR_AS_IS);
    case RV_PARQUET_DOUBLE:
        return mapped(RV_TYPE_FLOAT64, RVI_PQR_AS_IS);
    case RV_PARQUET_BYTE_ARRAY:
    case RV_PARQUET_FIXED:
        return mapped(RV_TYPE_BINARY, RVI_PQR_BYTES);
    default: /* INT96, and what is not known */
        return mapped(RV_TYPE_INVALID, RVI_PQR_AS_IS);
    }
}

rvi_pqr_mapping rvi_pqr_map_leaf(const rv_parquet_node *leaf)
{
    bool bytes = leaf->physical == RV_PARQUET_BYTE_ARRAY;
    switch (leaf->logical) {
    case RV_PARQUET_LOGICAL_STRING:
    case RV_PARQUET_LOGICAL_ENUM:
        return bytes ? mapped(RV_TYPE_STRING, RVI_PQR_TEXT) : map_physical(leaf);
    case RV_PARQUET_LOGICAL_JSON:
        return bytes ? mapped(RV_TYPE_JSON, RVI_PQR_TEXT) : map_physical(leaf);
    case RV_PARQUET_LOGICAL_DECIMAL:
        return map_decimal(leaf);
    case RV_PARQUET_LOGICAL_DATE:
        return leaf->physical == RV_PARQUET_INT32 ? mapped(RV_TYPE_DATE, RVI_PQR_AS_IS) : map_physical(leaf);
    case RV_PARQUET_LOGICAL_TIME:
        return map_time(leaf);
    case RV_PARQUET_LOGICAL_TIMESTAMP:
        return map_timestamp(leaf);
    case RV_PARQUET_LOGICAL_INTEGER:
        return map_integer(leaf);
    case RV_PARQUET_LOGICAL_UUID:
        return leaf->physical == RV_PARQUET_FIXED && leaf->type_length == 16
                   ? mapped(RV_TYPE_UUID, RVI_PQR_AS_IS)
                   : map_physical(leaf);
    case RV_PARQUET_LOGICAL_FLOAT16:
    case RV_PARQUET_LOGICAL_INTERVAL:
        return mapped(RV_TYPE_INVALID, RVI_PQR_AS_IS);
    default:
        return map_physical(leaf);
    }
}

/* ---- shapes ---- */

/* The element of a LIST group's repeated child: the child itself where older writers meant it so, else the one field
 * below it; -1: neither is a flat value. Spec: LogicalTypes.md, "Lists", backward-compatibility rules. */
static int32_t list_element(const rv_parquet_node *nodes, int32_t list)
{
    const rv_parquet_node *repeated = &nodes[list + 1];
    if (repeated->physical >= 0)
        return list + 1;
    char tuple[RV_PARQUET_PATH_BYTES];
    snprintf(tuple, sizeof tuple, "%s_tuple", nodes[list].name);
    bool is_struct = repeated->n_children != 1 || strcmp(repeated->name, "array") == 0 ||
                     strcmp(repeated->name, tuple) == 0;
    const rv_parquet_node *element = repeated + 1;
    if (is_struct || element->physical < 0 || element->repetition == RV_PARQUET_REPEATED)
        return -1;
    return list + 2;
}

static rvi_pqr_shape shape_of(const rv_parquet_node *nodes, int32_t at)
{
    const rv_parquet_node *node = &nodes[at];
    rvi_pqr_shape shape = {.leaf = -1};
    int32_t value = at;
    if (node->physical >= 0) {
        shape.is_list = node->repetition == RV_PARQUET_REPEATED;
        shape.list_def = 0;
    } else {
        bool is_list = node->logical == RV_PARQUET_LOGICAL_LIST && node->n_children == 1 &&
                       node->repetition != RV_PARQUET_REPEATED &&
                       nodes[at + 1].repetition == RV_PARQUET_REPEATED;
        value = is_list ? list_element(nodes, at) : -1;
        shape.is_list = true;
        shape.list_def = node->max_def;
    }
    if (value < 0)
        return shape;
    shape.mapping = rvi_pqr_map_leaf(&nodes[value]);
    shape.max_def = nodes[value].max_def;
    if (shape.mapping.type.id != RV_TYPE_INVALID)
        shape.leaf = nodes[value].leaf;
    return shape;
}

static rv_type field_type(const rvi_pqr_shape *shape)
{
    rv_type type = shape->mapping.type;
    if (shape->leaf < 0)
        return (rv_type){0};
    if (!shape->is_list)
        return type;
    return (rv_type){
        .id = RV_TYPE_LIST, .element = type.id, .precision = type.precision, .scale = type.scale};
}

static rv_code native_type(rv_parquet_reader *reader, const rv_parquet_node *node, const char **out,
                           rv_error *err)
{
    char text[96];
    const char *logical = rv_parquet_logical_name(node->logical);
    const char *physical = node->physical >= 0 ? rv_parquet_physical_name(node->physical) : "group";
    if (node->logical == RV_PARQUET_LOGICAL_NONE)
        snprintf(text, sizeof text, "%s", physical);
    else if (node->logical == RV_PARQUET_LOGICAL_DECIMAL)
        snprintf(text, sizeof text, "%s DECIMAL(%" PRId32 ",%" PRId32 ")", physical, node->precision,
                 node->scale);
    else
        snprintf(text, sizeof text, "%s %s", physical, logical);
    return rvi_pqr_pool_text(&reader->file_pool, text, strlen(text), out, err);
}

rv_code rvi_pqr_schema_map(rv_parquet_reader *reader, rv_error *err)
{
    const rv_parquet_node *nodes = reader->footer.metadata.nodes;
    int32_t n = nodes[0].n_children, at = 1;
    void *fields = NULL, *shapes = NULL;
    RV_TRY(rvi_pqr_pool_alloc(&reader->file_pool, (size_t)n, sizeof(rv_field), &fields, err));
    RV_TRY(rvi_pqr_pool_alloc(&reader->file_pool, (size_t)n, sizeof(rvi_pqr_shape), &shapes, err));
    reader->shapes = shapes;
    reader->schema = (rv_schema){.fields = fields, .n_fields = n, .origin = reader->input->name};
    for (int32_t i = 0; i < n; i++, at = nodes[at].end) {
        rv_field *field = &reader->schema.fields[i];
        reader->shapes[i] = shape_of(nodes, at);
        field->name = nodes[at].name;
        field->type = field->natural = field_type(&reader->shapes[i]);
        field->nullable = nodes[at].repetition == RV_PARQUET_OPTIONAL;
        field->ordinal = (int16_t)(i < INT16_MAX ? i + 1 : INT16_MAX);
        RV_TRY(native_type(reader, &nodes[at], &field->native_type, err));
    }
    return RV_OK;
}
