/* source/sql/rows.h - rows whose values arrive as bytes, into a batch.
 *
 * A driver finds where the cells of a row lie, asks whether the page has room for it, and appends it. How the bytes of
 * a cell become a value of its column is the driver's: one function for each column, chosen when the scan is opened.
 * What is the same for all of them is here: NULLs, the limit of a page, the key of the last row, which row a failure is
 * about.
 *
 * Nothing here allocates for a row, but where a batch or a key grows. */
#ifndef SOURCE_SQL_ROWS_H
#define SOURCE_SQL_ROWS_H

#include "rivet/batch.h"
#include "rivet/bounds.h"

typedef struct rvi_sql_cell {
    const uint8_t *bytes; /* NULL: NULL; never NULL for a value of no bytes */
    size_t len;
} rvi_sql_cell;

typedef struct rvi_sql_column rvi_sql_column;
/* Append one value that is not NULL to `column`, or what a policy says instead. The bytes come from outside: nothing
 * in them is trusted. Fails VALUE_*, OUT_OF_MEMORY, MEMORY_BUDGET. */
typedef rv_code (*rvi_sql_decode_fn)(const rvi_sql_column *plan, rv_column *column, const uint8_t *value,
                                     size_t len, rv_error *err);
/* How one field of a scan is read; fixed when the scan is opened. */
struct rvi_sql_column {
    rvi_sql_decode_fn decode;
    const rv_field *field;
    const rvi_sql_column
        *element;       /* lists: how an element is read; its field has the element's type and number */
    uint64_t max_bytes; /* of one value; UINT64_MAX: no limit */
};

/* The key of the row last appended, as it came: which cells it is made of, and their bytes. */
typedef struct rvi_sql_last_key {
    int n;
    int cell[RV_MAX_KEY_COLUMNS];
    rv_bytes bytes[RV_MAX_KEY_COLUMNS];
    rv_bytes handed_on[RV_MAX_KEY_COLUMNS]; /* of the page before; the next page begins with another */
    bool has_handed_on;
} rvi_sql_last_key;

/* cell_bytes: the most that one cell may take. */
void rvi_sql_last_key_init(rvi_sql_last_key *key, size_t cell_bytes);
void rvi_sql_last_key_deinit(rvi_sql_last_key *key);
/* The page, which had rows, is handed on: the next one begins strictly after its last row. `bytes` is good for nothing
 * until another row is appended. */
void rvi_sql_last_key_hand_on(rvi_sql_last_key *key);

/* Where rows go. The driver fills `cells` and asks for one append after the other. */
typedef struct rvi_sql_rows {
    const rv_schema *schema;
    rvi_sql_column *columns; /* schema->n_fields, in the scan's arena like everything here */
    rvi_sql_cell *cells;     /* n_cells: the schema's fields, then up to RV_MAX_KEY_COLUMNS more */
    int n_cells;
    rvi_sql_last_key *last_key; /* NULL: nobody asks */
    size_t growth;              /* a row takes at most so many bytes in the batch for each of its bytes … */
    size_t fixed_bytes;         /* … and these besides */
    rv_batch *batch;            /* of this page */
    size_t max_bytes;           /* of this page's content; SIZE_MAX: no limit */
    size_t bound;               /* the batch's content is at most this large */
} rvi_sql_rows;

/* Every column but for its `decode` and `element`, which are the driver's to fill in. `max_value_bytes` 0: no limit.
 * Fails OUT_OF_MEMORY. */
rv_code rvi_sql_rows_init(rvi_sql_rows *rows, rv_arena *arena, const rv_schema *schema, size_t growth,
                          uint64_t max_value_bytes, rv_error *err) RV_MUST_CHECK;
void rvi_sql_rows_start(rvi_sql_rows *rows, rv_batch *batch, size_t max_bytes); /* a page */
/* Would a row that arrived as so many bytes keep the batch within max_bytes? If so, it is taken to be appended. */
bool rvi_sql_rows_has_room(rvi_sql_rows *rows, size_t row_bytes);
/* What a page without room fails with: LIMIT_EXCEEDED and RV_RETRY_SMALLER. */
rv_code rvi_sql_rows_full(const rvi_sql_rows *rows, rv_error *err);
/* The row in `cells`. A failure names the row, by its primary key if it has one; the page is then good for nothing.
 * Fails VALUE_*, SOURCE_PROTOCOL (a key without a value), SOURCE_UNSUPPORTED (the first row of a page has the key that
 * was handed on), OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rvi_sql_rows_append(rvi_sql_rows *rows, rv_error *err) RV_MUST_CHECK;

#endif
