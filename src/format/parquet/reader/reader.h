/* reader.h - what the files of this folder share: the reader, its cursors, and how columns become Rivet's. */
#ifndef RIVET_PARQUET_READER_READER_H
#define RIVET_PARQUET_READER_READER_H

#include "rivet/parquet_reader.h"

#include "decode.h"
#include "footer.h"
#include "window.h"

/* How the values of one leaf become values of a column of rv_type. */
typedef enum rvi_pqr_conversion {
    RVI_PQR_AS_IS = 0,      /* the same bytes, or the first of them (int8, int16 in an INT32) */
    RVI_PQR_WIDEN_UNSIGNED, /* INT32 without sign to int64 */
    RVI_PQR_TIMES_1000,     /* milliseconds */
    RVI_PQR_DECIMAL_LE,     /* INT32, INT64 */
    RVI_PQR_DECIMAL_BE,     /* FIXED, BYTE_ARRAY */
    RVI_PQR_TEXT,           /* BYTE_ARRAY that must be UTF-8 */
    RVI_PQR_BYTES,
    RVI_PQR_BIT,
} rvi_pqr_conversion;

typedef struct rvi_pqr_mapping {
    rv_type type; /* of one value; RV_TYPE_INVALID: Rivet has none */
    rvi_pqr_conversion conversion;
    rv_int256 least, most; /* DECIMAL: what its digits allow */
} rvi_pqr_mapping;
rvi_pqr_mapping rvi_pqr_map_leaf(const rv_parquet_node *leaf);

/* A top-level column. */
typedef struct rvi_pqr_shape {
    int32_t leaf; /* -1: not one that Rivet has */
    bool is_list;
    uint8_t list_def; /* lists: the definition level of an empty one; below it: a NULL one */
    uint8_t max_def;
    rvi_pqr_mapping mapping;
} rvi_pqr_shape;

struct rv_parquet_reader {
    rv_input *input; /* borrowed */
    rvi_pq_memory memory;
    rv_parquet_limits limits;
    bool lends;
    rvi_pq_buf footer_bytes;
    rvi_pqr_pool file_pool, group_pool;
    rvi_pqr_footer footer;
    rv_parquet_row_group group; /* index -1: none read yet */
    rv_schema schema;
    rvi_pqr_shape *shapes; /* one per field of the schema */
};

/* Fills schema and shapes. */
rv_code rvi_pqr_schema_map(rv_parquet_reader *reader, rv_error *err) RV_MUST_CHECK;

/* Appends levels and values to a column, row by row. A list stays open until its end is known. */
typedef struct rvi_pqr_assembler {
    const rvi_pqr_shape *shape;
    bool open; /* a list whose elements are in column->child has not been closed */
} rvi_pqr_assembler;
/* Levels [from, to) of `values`; value_at: values before `from`. Fails FILE_DAMAGED, OUT_OF_MEMORY … */
rv_code rvi_pqr_assemble(rvi_pqr_assembler *assembler, const rv_parquet_values *values, int32_t from,
                         int32_t to, int32_t value_at, rv_column *column, rv_error *err) RV_MUST_CHECK;
rv_code rvi_pqr_assemble_end(rvi_pqr_assembler *assembler, rv_column *column, rv_error *err) RV_MUST_CHECK;
/* One value. Fails FILE_DAMAGED for one that the type cannot hold. */
rv_code rvi_pqr_append_value(const rvi_pqr_mapping *mapping, const uint8_t *value, size_t len,
                             rv_column *column, rv_error *err) RV_MUST_CHECK;

/* What the files of this folder see of a cursor. */
rv_parquet_reader *rvi_pqr_cursor_reader(const rv_parquet_cursor *cursor);
int32_t rvi_pqr_cursor_leaf(const rv_parquet_cursor *cursor);
int32_t rvi_pqr_cursor_left(const rv_parquet_cursor *cursor); /* levels of the page not given out yet */
/* How many of them belong to the row that is under way and to at most `rows` rows that begin; *begun: how many do. */
int32_t rvi_pqr_cursor_levels_of_rows(const rv_parquet_cursor *cursor, int64_t rows, int64_t *begun);
uint64_t rvi_pqr_cursor_begin(const rv_parquet_cursor *cursor);  /* file offset of the chunk's first page */
uint64_t rvi_pqr_cursor_offset(const rv_parquet_cursor *cursor); /* behind the current page */
/* Adds to a failure where in the file the cursor stands. Returns `rc`. */
rv_code rvi_pqr_cursor_place(const rv_parquet_cursor *cursor, rv_code rc, rv_error *err);

#endif
