/* leaf.h - how each column lies in the file: the type mapping, decided once when a writer is opened.
 *
 * A field is one leaf. A list is three levels, as the specification wants it and BigQuery's inference needs it:
 *
 *     optional group tags (LIST) { repeated group list { optional int32 element; } }
 *
 * Spec: parquet-format, LogicalTypes.md. */
#ifndef RIVET_PARQUET_LEAF_H
#define RIVET_PARQUET_LEAF_H

#include "rivet/batch.h"

#include "codec.h"
#include "spec.h"
#include "thrift.h"

/* How values compare for min and max, and how a bound is stored. */
typedef enum rvi_pq_order {
    RVI_PQ_ORDER_BOOL = 0,
    RVI_PQ_ORDER_I32,
    RVI_PQ_ORDER_I64,
    RVI_PQ_ORDER_U64,
    RVI_PQ_ORDER_F32,
    RVI_PQ_ORDER_F64,
    RVI_PQ_ORDER_BYTES,  /* unsigned, shorter prefix first; fixed width or not */
    RVI_PQ_ORDER_SIGNED, /* fixed width, big-endian two's complement */
    RVI_PQ_ORDERS
} rvi_pq_order;

typedef struct rvi_pq_leaf {
    const rv_field *field; /* borrowed from the schema */
    rv_type type;          /* of one value: the element's for a list */
    bool is_list;
    uint8_t max_def, max_rep;
    rvi_pq_physical physical;
    uint8_t width; /* bytes of one value in the file; 0: variable; BOOLEAN: 1 here, a bit in the page */
    rvi_pq_order order;
    bool is_text;           /* bounds are cut between characters */
    bool dictionary;        /* worth trying */
    rvi_pq_content content; /* of short PLAIN values */
} rvi_pq_leaf;

enum { RVI_PQ_MAX_DEF = 3, RVI_PQ_MAX_REP = 1 };

/* Fails FORMAT_UNSUPPORTED naming the column. */
rv_code rvi_pq_leaf_init(rvi_pq_leaf *leaf, const rv_field *field, rv_error *err) RV_MUST_CHECK;

/* The SchemaElements of one field (one, or three for a list) as items of the open list. */
void rvi_pq_leaf_schema(const rvi_pq_leaf *leaf, rvi_pq_thrift *t);
size_t rvi_pq_leaf_schema_elements(const rvi_pq_leaf *leaf);
/* path_in_schema, as field `id` of the open struct. */
void rvi_pq_leaf_path(const rvi_pq_leaf *leaf, rvi_pq_thrift *t, int16_t id);

/* What rows [from, to) of a batch's column weigh: their size as PLAIN, NULLs counted as values, plus one byte for
 * each repetition and definition level of a list. Additive over rows; page and row group boundaries rest on it. */
uint64_t rvi_pq_leaf_weight(const rvi_pq_leaf *leaf, const rv_column *column, int64_t from, int64_t to);

#endif
