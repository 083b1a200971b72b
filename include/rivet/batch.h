/* rivet/batch.h - the rows of a page as columns in memory, in the layout of the Arrow C data interface.
 *
 * validity  bit i (LSB first) set: value i is there. NULL pointer: no NULLs so far.
 * values    BOOL: one bit a value, LSB first. Fixed width: rv_type_width() bytes a value, little-endian
 *           (DATE int32; TIME, TIMESTAMP* int64; DECIMAL 4, 8, 16 or 32 bytes two's complement; UUID 16 bytes).
 * offsets   variable width and LIST: length + 1 int32 into `data`, or into the child's values.
 *
 * A batch is owned by one thread at a time and moved through queues; writers borrow it. It is filled row by row by
 * a driver through the append functions below, and can be reset and filled again, which keeps its memory. All
 * memory is charged to the budget given at birth. */
#ifndef RIVET_BATCH_H
#define RIVET_BATCH_H

#include "rivet/budget.h"
#include "rivet/decimal.h"
#include "rivet/schema.h"

#include <string.h>

/* A cell that a policy has changed. */
typedef struct rv_policy_use {
    int64_t value; /* its index in the column */
    rv_invalid invalid_class;
} rv_policy_use;

typedef struct rv_column rv_column;
struct rv_column {
    rv_type type;
    int64_t length, null_count;
    int64_t capacity; /* values that fit; kept by rv_column_reserve() */
    uint8_t *validity;
    uint8_t *values;
    int32_t *offsets;
    uint8_t *data;
    size_t data_len, data_cap;
    rv_column *child;                        /* LIST */
    struct rv_batch *batch;                  /* it belongs to, whose budget is charged; NULL: none is */
    int64_t policy_uses[RV_INVALID_CLASSES]; /* cells changed by a policy since the last reset */
    rv_policy_use
        *uses; /* which ones, in their order; of a list's elements: at the child, but counted here */
    size_t n_uses, cap_uses;
};

typedef struct rv_batch {
    const rv_schema *schema; /* borrowed; outlives the batch */
    rv_column *columns;
    int n_columns;
    int64_t rows;      /* complete rows */
    rv_budget *budget; /* borrowed; may be NULL */
    /* A batch's first row gets through whatever it weighs: what the budget refused for it, and lends until the next
     * reset. */
    size_t lent;
} rv_batch;

rv_code rv_batch_new(rv_batch **out, const rv_schema *schema, rv_budget *budget, rv_error *err) RV_MUST_CHECK;
void rv_batch_free(rv_batch *batch);
RV_DEFINE_AUTO(rv_batch, rv_batch_free)
/* Zero rows, policy counters cleared. Keeps its memory, but for what huge values needed, and what the rows so far left
 * unused to three quarters. */
void rv_batch_reset(rv_batch *batch);
size_t rv_batch_bytes(const rv_batch *batch); /* bytes of content: what limits and queues weigh */

/* Takes out the rows whose `keep` (one byte for each row) is 0; the others stay in their order. What
 * policies have changed in them is not counted any more. */
void rv_batch_keep(rv_batch *batch, const uint8_t *keep);

/* Make room for one more row in every column; then append exactly one value to each column, then end the row.
 * Fails OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rv_batch_begin_row(rv_batch *batch, rv_error *err) RV_MUST_CHECK;
void rv_batch_end_row(rv_batch *batch); /* asserts that every column grew by one */

/* Room for n more values (offsets and validity included; not for variable data). */
rv_code rv_column_reserve(rv_column *column, int64_t n, rv_error *err) RV_MUST_CHECK;
/* Room for n more bytes of variable data. Fails LIMIT_EXCEEDED past INT32_MAX in one batch. */
rv_code rv_column_reserve_data(rv_column *column, size_t n, rv_error *err) RV_MUST_CHECK;

/* Append to a column with room (after rv_batch_begin_row or rv_column_reserve). */
rv_code rv_column_append_null(rv_column *column,
                              rv_error *err) RV_MUST_CHECK; /* allocates validity at first use */
rv_code rv_column_append_bytes(rv_column *column, const void *bytes, size_t len, rv_error *err) RV_MUST_CHECK;
void rv_column_append_bool(rv_column *column, bool value);
void rv_column_append_decimal(rv_column *column, const rv_int256 *unscaled); /* must fit type.precision */
void rv_column_append_fixed(rv_column *column, const void *value, size_t width);
/* A list of n values: append n values to column->child (reserve them there), then close it. */
rv_code rv_column_close_list(rv_column *column, rv_error *err) RV_MUST_CHECK;

/* Marks value `length` as there and counts it; the caller has stored it. For drivers' inner loops. */
static inline void rv_column_advance(rv_column *column)
{
    if (column->validity != NULL)
        column->validity[column->length >> 3] |= (uint8_t)(1u << (column->length & 7));
    column->length++;
}
/* Fixed-width appends for inner loops: inline because they are one store per cell of the row path. */
static inline void rv_column_append_i16(rv_column *column, int16_t value)
{
    memcpy(column->values + (size_t)column->length * 2, &value, 2);
    rv_column_advance(column);
}
static inline void rv_column_append_i32(rv_column *column, int32_t value)
{
    memcpy(column->values + (size_t)column->length * 4, &value, 4);
    rv_column_advance(column);
}
static inline void rv_column_append_i64(rv_column *column, int64_t value)
{
    memcpy(column->values + (size_t)column->length * 8, &value, 8);
    rv_column_advance(column);
}
/* A decimal whose type has at most 18 digits and holds the value. */
static inline void rv_column_append_unscaled(rv_column *column, int64_t unscaled)
{
    if (column->type.precision <= 9)
        rv_column_append_i32(column, (int32_t)unscaled);
    else
        rv_column_append_i64(column, unscaled);
}
static inline bool rv_column_is_null(const rv_column *column, int64_t row)
{
    return column->validity != NULL && ((column->validity[row >> 3] >> (row & 7)) & 1) == 0;
}

/* The next value is one that a policy has changed. Fails OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rv_column_count_use(rv_column *column, rv_invalid invalid_class, rv_error *err) RV_MUST_CHECK;

/* The one place that decides about a cell that its column cannot hold. `shown` is the value as text for the
 * message (cut to 64 bytes). Returns RV_OK and *applied = RV_POLICY_NULL after appending NULL and counting, or
 * *applied = RV_POLICY_CLAMP after counting (the caller appends the nearest value); else fails with VALUE_*
 * naming column, class, value and the policies that would let it pass. */
rv_code rv_column_refuse(rv_column *column, const rv_field *field, rv_invalid invalid_class,
                         const char *shown, size_t shown_len, rv_policy *applied,
                         rv_error *err) RV_MUST_CHECK;

/* Parse a source's exact text into the column by field->type (see civil.h, decimal.h for what is accepted);
 * unparseable or unfit text goes through rv_column_refuse(). STRING, JSON, ENUM, INTERVAL: validated as UTF-8.
 * BINARY from text: hex with an optional \x. UUID: with or without hyphens and braces. LIST: not supported here. */
rv_code rv_column_append_text(rv_column *column, const rv_field *field, const char *text, size_t len,
                              rv_error *err) RV_MUST_CHECK;

/* Canonical text of one value, as CSV prints it and messages show it: true/false, digits, exact decimals, ISO 8601,
 * lowercase hex, hyphenated uuid, floats by the shortest text that reads back equal (NaN, inf, -inf), lists as
 * JSON arrays. Appends to `out`. The value must not be NULL. */
struct rv_bytes;
rv_code rv_column_text(const rv_column *column, int64_t row, struct rv_bytes *out,
                       rv_error *err) RV_MUST_CHECK;

/* Add to sums[i] the order-independent, duplicate-safe digest of column i: the modular 64-bit sum, over all rows,
 * of a keyed hash of the value's canonical bytes; NULL, empty and list boundaries hash differently. The key is the
 * column's position. Documented in docs so that other programs can recompute it. */
void rv_batch_digest(const rv_batch *batch, uint64_t *sums);
/* The same of rows [from, to) alone; the digests of parts of a batch add up to that of the whole. */
void rv_batch_digest_rows(const rv_batch *batch, int64_t from, int64_t to, uint64_t *sums);
/* What one text, or bytes, and what one NULL add to the digest of the column at `position`: for values that are in no
 * batch. bytes: may be NULL if len is 0. */
uint64_t rv_digest_bytes(int position, const void *bytes, size_t len);
uint64_t rv_digest_null(int position);

#endif
