/* schema_tree.c - the flattened schema becomes a tree with levels.
 *
 * A group says how many children follow; everything else (where it ends, levels, numbers of leaves) is worked out
 * here. The children must use the list up exactly, or columns would be taken for one another. */
#include "footer.h"

#include "format/parquet/thrift.h"

#include <string.h>

static const char *copy_name(rvi_pqr_thrift *t, rvi_pqr_pool *pool, rv_parquet_bytes name)
{
    const char *copy = NULL;
    if (t->rc == RV_OK && name.len > 0 && memchr(name.data, 0, name.len) != NULL)
        rvi_pqr_thrift_fail(t, "a column's name has a NUL byte");
    if (t->rc == RV_OK)
        t->rc = rvi_pqr_pool_text(pool, name.data, name.len, &copy, t->err);
    return t->rc == RV_OK ? copy : "";
}

/* ---- types ---- */

static void parse_decimal(rvi_pqr_thrift *t, rv_parquet_node *node)
{
    int16_t outer = rvi_pqr_struct_begin(t);
    for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);) {
        if (f.id == 1)
            node->scale = rvi_pqr_i32(t, f);
        else if (f.id == 2)
            node->precision = rvi_pqr_i32(t, f);
        else
            rvi_pqr_skip(t, f);
    }
    rvi_pqr_struct_end(t, outer);
}

static void parse_time(rvi_pqr_thrift *t, rv_parquet_node *node)
{
    int16_t outer = rvi_pqr_struct_begin(t);
    for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);) {
        if (f.id == 1)
            node->utc = rvi_pqr_bool(t, f);
        else if (f.id == 2)
            node->unit = rvi_pqr_union(t, f);
        else
            rvi_pqr_skip(t, f);
    }
    rvi_pqr_struct_end(t, outer);
}

static void parse_integer(rvi_pqr_thrift *t, rv_parquet_node *node)
{
    int16_t outer = rvi_pqr_struct_begin(t);
    for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);) {
        if (f.id == 1)
            node->bit_width = rvi_pqr_i8(t, f);
        else if (f.id == 2)
            node->is_signed = rvi_pqr_bool(t, f);
        else
            rvi_pqr_skip(t, f);
    }
    rvi_pqr_struct_end(t, outer);
}

static void parse_logical(rvi_pqr_thrift *t, rvi_pqr_field field, rv_parquet_node *node)
{
    if (!rvi_pqr_is_struct(t, field))
        return;
    int16_t outer = rvi_pqr_struct_begin(t);
    for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);) {
        node->logical = f.id;
        if (f.id == RV_PARQUET_LOGICAL_DECIMAL && rvi_pqr_is_struct(t, f))
            parse_decimal(t, node);
        else if ((f.id == RV_PARQUET_LOGICAL_TIME || f.id == RV_PARQUET_LOGICAL_TIMESTAMP) &&
                 rvi_pqr_is_struct(t, f))
            parse_time(t, node);
        else if (f.id == RV_PARQUET_LOGICAL_INTEGER && rvi_pqr_is_struct(t, f))
            parse_integer(t, node);
        else
            rvi_pqr_skip(t, f);
    }
    rvi_pqr_struct_end(t, outer);
}

/* What a ConvertedType means as a LogicalType; spec: LogicalTypes.md. Times of ConvertedType are instants. */
typedef struct translation {
    int8_t logical, unit, bit_width;
    bool is_signed;
} translation;

static const translation CONVERTED[] = {
    [0] = {.logical = RV_PARQUET_LOGICAL_STRING},
    [1] = {.logical = RV_PARQUET_LOGICAL_MAP},
    [2] = {.logical =
               RV_PARQUET_LOGICAL_NONE}, /* MAP_KEY_VALUE: on the repeated group, or a MAP of old writers */
    [3] = {.logical = RV_PARQUET_LOGICAL_LIST},
    [4] = {.logical = RV_PARQUET_LOGICAL_ENUM},
    [5] = {.logical = RV_PARQUET_LOGICAL_DECIMAL},
    [6] = {.logical = RV_PARQUET_LOGICAL_DATE},
    [7] = {.logical = RV_PARQUET_LOGICAL_TIME, .unit = RV_PARQUET_UNIT_MILLIS},
    [8] = {.logical = RV_PARQUET_LOGICAL_TIME, .unit = RV_PARQUET_UNIT_MICROS},
    [9] = {.logical = RV_PARQUET_LOGICAL_TIMESTAMP, .unit = RV_PARQUET_UNIT_MILLIS},
    [10] = {.logical = RV_PARQUET_LOGICAL_TIMESTAMP, .unit = RV_PARQUET_UNIT_MICROS},
    [11] = {.logical = RV_PARQUET_LOGICAL_INTEGER, .bit_width = 8},
    [12] = {.logical = RV_PARQUET_LOGICAL_INTEGER, .bit_width = 16},
    [13] = {.logical = RV_PARQUET_LOGICAL_INTEGER, .bit_width = 32},
    [14] = {.logical = RV_PARQUET_LOGICAL_INTEGER, .bit_width = 64},
    [15] = {.logical = RV_PARQUET_LOGICAL_INTEGER, .bit_width = 8, .is_signed = true},
    [16] = {.logical = RV_PARQUET_LOGICAL_INTEGER, .bit_width = 16, .is_signed = true},
    [17] = {.logical = RV_PARQUET_LOGICAL_INTEGER, .bit_width = 32, .is_signed = true},
    [18] = {.logical = RV_PARQUET_LOGICAL_INTEGER, .bit_width = 64, .is_signed = true},
    [19] = {.logical = RV_PARQUET_LOGICAL_JSON},
    [20] = {.logical = RV_PARQUET_LOGICAL_BSON},
    [21] = {.logical = RV_PARQUET_LOGICAL_INTERVAL},
};

static void translate_converted(rv_parquet_node *node)
{
    size_t n = sizeof CONVERTED / sizeof CONVERTED[0];
    if (node->logical != RV_PARQUET_LOGICAL_NONE || node->converted < 0 || (size_t)node->converted >= n)
        return;
    const translation *to = &CONVERTED[node->converted];
    node->logical = to->logical;
    node->unit = to->unit;
    node->bit_width = to->bit_width;
    node->is_signed = to->is_signed;
    node->utc = to->logical == RV_PARQUET_LOGICAL_TIME || to->logical == RV_PARQUET_LOGICAL_TIMESTAMP;
}

static void parse_element(rvi_pqr_thrift *t, rvi_pqr_pool *pool, rv_parquet_node *node)
{
    rv_parquet_bytes name = {0};
    *node = (rv_parquet_node){.physical = -1, .repetition = -1, .converted = -1, .field_id = -1, .leaf = -1};
    int16_t outer = rvi_pqr_struct_begin(t);
    for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);) {
        switch (f.id) {
        case 1:
            node->physical = rvi_pqr_i32(t, f);
            break;
        case 2:
            node->type_length = rvi_pqr_i32(t, f);
            break;
        case 3:
            node->repetition = rvi_pqr_i32(t, f);
            break;
        case 4:
            name = rvi_pqr_binary(t, f);
            break;
        case 5:
            node->n_children = rvi_pqr_i32(t, f);
            break;
        case 6:
            node->converted = rvi_pqr_i32(t, f);
            break;
        case 7:
            node->scale = rvi_pqr_i32(t, f);
            break;
        case 8:
            node->precision = rvi_pqr_i32(t, f);
            break;
        case 9:
            node->field_id = rvi_pqr_i32(t, f);
            break;
        case 10:
            parse_logical(t, f, node);
            break;
        default:
            rvi_pqr_skip(t, f);
        }
    }
    rvi_pqr_struct_end(t, outer);
    node->name = copy_name(t, pool, name);
    translate_converted(node);
}

/* ---- the tree ---- */

typedef struct schema_tree {
    rvi_pqr_thrift *t;
    rv_parquet_node *nodes;
    int32_t n, n_leaves;
    int32_t open[RVI_PQR_SCHEMA_DEPTH]; /* groups whose children are coming, outermost first */
    int32_t missing[RVI_PQR_SCHEMA_DEPTH];
    int depth;
} schema_tree;

static void check_node(schema_tree *tree, int32_t i)
{
    enum { MOST_FIXED_BYTES = 1 << 20 };
    const rv_parquet_node *node = &tree->nodes[i];
    bool known = node->repetition >= RV_PARQUET_REQUIRED && node->repetition <= RV_PARQUET_REPEATED;
    if (!known && i > 0)
        rvi_pqr_thrift_fail(tree->t, "column '%.64s' has repetition %d", node->name, node->repetition);
    if (node->n_children < 0 || (node->physical >= 0 && node->n_children > 0))
        rvi_pqr_thrift_fail(tree->t, "column '%.64s' of type %d has %d children", node->name, node->physical,
                            node->n_children);
    if (node->physical < -1)
        rvi_pqr_thrift_fail(tree->t, "column '%.64s' has type %d", node->name, node->physical);
    if (node->physical == RV_PARQUET_FIXED && (node->type_length < 1 || node->type_length > MOST_FIXED_BYTES))
        rvi_pqr_thrift_fail(tree->t, "column '%.64s' has values of %d bytes", node->name, node->type_length);
}

static void place_node(schema_tree *tree, int32_t i)
{
    rv_parquet_node *node = &tree->nodes[i];
    check_node(tree, i);
    node->parent = -1;
    if (i == 0) {
        node->repetition = RV_PARQUET_REQUIRED;
        return;
    }
    if (tree->depth == 0) {
        rvi_pqr_thrift_fail(tree->t, "the schema has %d elements, its tree only %d", tree->n, i);
        return;
    }
    node->parent = tree->open[tree->depth - 1];
    tree->missing[tree->depth - 1]--;
    const rv_parquet_node *parent = &tree->nodes[node->parent];
    node->max_def = (uint8_t)(parent->max_def + (node->repetition != RV_PARQUET_REQUIRED));
    node->max_rep = (uint8_t)(parent->max_rep + (node->repetition == RV_PARQUET_REPEATED));
    if (node->physical >= 0)
        node->leaf = tree->n_leaves++;
}

/* Node i stands; open it if it is a group, and close what is complete with it. */
static void advance(schema_tree *tree, int32_t i)
{
    rv_parquet_node *node = &tree->nodes[i];
    node->end = i + 1;
    if (node->n_children > 0) {
        if (tree->depth == RVI_PQR_SCHEMA_DEPTH) {
            rvi_pqr_thrift_fail(tree->t, "the schema is nested deeper than %d", RVI_PQR_SCHEMA_DEPTH);
            return;
        }
        tree->open[tree->depth] = i;
        tree->missing[tree->depth++] = node->n_children;
        return;
    }
    while (tree->depth > 0 && tree->missing[tree->depth - 1] == 0)
        tree->nodes[tree->open[--tree->depth]].end = i + 1;
}

static void list_leaves(schema_tree *tree, rvi_pqr_pool *pool, rv_parquet_metadata *out)
{
    int32_t *leaves = rvi_pqr_thrift_alloc(tree->t, pool, (size_t)tree->n_leaves, sizeof *leaves);
    for (int32_t i = 0; leaves != NULL && i < tree->n; i++)
        if (tree->nodes[i].leaf >= 0)
            leaves[tree->nodes[i].leaf] = i;
    out->leaves = leaves;
    out->n_leaves = leaves != NULL ? tree->n_leaves : 0;
}

void rvi_pqr_schema_parse(rvi_pqr_thrift *t, rvi_pqr_field field, rvi_pqr_pool *pool,
                          rv_parquet_metadata *out)
{
    uint32_t n = rvi_pqr_list(t, field, RVI_PQ_THRIFT_STRUCT);
    schema_tree tree = {.t = t, .n = (int32_t)n};
    if (n == 0)
        rvi_pqr_thrift_fail(t, "the schema is empty");
    tree.nodes = rvi_pqr_thrift_alloc(t, pool, n, sizeof *tree.nodes);
    for (int32_t i = 0; t->rc == RV_OK && i < tree.n; i++) {
        parse_element(t, pool, &tree.nodes[i]);
        if (i == 0)
            tree.nodes[i].physical = -1;
        if (t->rc == RV_OK)
            place_node(&tree, i);
        if (t->rc == RV_OK)
            advance(&tree, i);
    }
    if (tree.depth > 0)
        rvi_pqr_thrift_fail(t, "the schema ends before group '%.64s' has its %d children",
                            tree.nodes[tree.open[tree.depth - 1]].name,
                            tree.nodes[tree.open[tree.depth - 1]].n_children);
    out->nodes = tree.nodes;
    out->n_nodes = t->rc == RV_OK ? tree.n : 0;
    list_leaves(&tree, pool, out);
}
