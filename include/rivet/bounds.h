/* rivet/bounds.h - which rows a chunk holds, and how pages go through them.
 *
 * Ranges say which rows: a row belongs to a chunk when it lies in all of its ranges. The kind says how the rows are
 * cut into pages. A full table, a key range, the window of an incremental export, a day of a partition and the part
 * of a partitioned table that lies in one leaf are all written in these few words, so there is one executor.
 *
 * Key values are texts, in the exact form in which the driver that made them reads them back. Whatever they are, only
 * the server says how they are ordered. A whole number in decimal ("-17") and a date or time in ISO form ("2024-01-31",
 * "2024-01-31 00:00:00[.ffffff][+00]") stand as themselves: every driver writes them so where its column holds such
 * values, the planner may read them, and values it makes itself are such texts. A text that means anything else begins
 * with RV_KEY_OWN_FORM where its driver needs to tell the two apart. */
#ifndef RIVET_BOUNDS_H
#define RIVET_BOUNDS_H

#include "rivet/arena.h"
#include "rivet/bytes.h"
#include "rivet/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { RV_MAX_KEY_COLUMNS = 4, RV_MAX_RANGES = 3, RV_BOUNDS_MAX_TEXT_BYTES = 16 << 20 };

/* First byte of a key value in a form of its driver's own, for nobody else to look into. */
#define RV_KEY_OWN_FORM '\x1f'

/* Columns of the relation in the order in which they sort. */
typedef struct rv_key {
    int n_columns;
    const char *columns[RV_MAX_KEY_COLUMNS]; /* exactly as the source spells them */
    bool descending[RV_MAX_KEY_COLUMNS];
} rv_key;

/* A place in a key's order. Fewer values than the key has columns: all rows that begin with them. */
typedef struct rv_key_value {
    int n; /* 0: no place */
    const char *cells[RV_MAX_KEY_COLUMNS];
} rv_key_value;

/* Rows that came to be seen late. A mark is a point in the source's history, as its driver writes it
 * (rv_source_horizon): every transaction is wholly before or wholly after it. A row version lies before a mark when
 * its transaction does. */
typedef struct rv_history {
    const char *until; /* only row versions before this mark; NULL: any */
    const char *since; /* and, of the rows from late_from up to the range's lo, those not before this mark */
    rv_key_value late_from; /* inclusive; n 0: there are no such rows. Needs `since` and the range's lo */
} rv_history;

/* In key order, lo comes before hi, whichever way the columns sort. A value of several columns is NULL when one of them
 * is. */
typedef struct rv_range {
    const rv_key *key;    /* what is compared; at least one column */
    const char *fallback; /* one column only: the value is COALESCE(column, fallback); NULL: none */
    rv_key_value lo, hi;  /* n 0: open on this side */
    bool lo_inclusive, hi_inclusive;
    bool null_only; /* exactly the rows whose value is NULL; lo and hi are open. Otherwise such rows are
                                  outside of every range that has a side */
    const rv_history *history; /* NULL: as the statement finds the rows */
} rv_range;

typedef enum rv_bounds_kind {
    RV_BOUNDS_ALL = 1,  /* one statement's rows, in pages as they come */
    RV_BOUNDS_PHYSICAL, /* units first..last of the storage order */
    RV_BOUNDS_KEY,      /* along `key`, each page strictly after the last row of the one before */
} rv_bounds_kind;

typedef struct rv_bounds {
    rv_bounds_kind kind;
    int64_t first, last;                   /* PHYSICAL: inclusive, in the driver's units */
    const rv_key *key;                     /* KEY: unique and never NULL */
    const rv_range *ranges[RV_MAX_RANGES]; /* of any kind */
    int n_ranges;
    const char *leaf_schema, *leaf_table; /* rows of this leaf of the relation only; NULL: of all of it */
} rv_bounds;

/* Text of bounds for the state store: one JSON object, the same text for the same bounds, appended to `out`, which
 * keeps its length on failure. Fails INTERNAL (bounds that rv_bounds_parse() would refuse), LIMIT_EXCEEDED (a text
 * longer than RV_BOUNDS_MAX_TEXT_BYTES, or than `out` may grow), OUT_OF_MEMORY. */
rv_code rv_bounds_write(const rv_bounds *bounds, rv_bytes *out, rv_error *err) RV_MUST_CHECK;
/* What rv_bounds_write() wrote, trusted in nothing; everything lies in the arena. Fails CONFIG_SYNTAX when it is not
 * that, OUT_OF_MEMORY; `out` is then as it was. */
rv_code rv_bounds_parse(const char *text, rv_arena *arena, rv_bounds *out, rv_error *err) RV_MUST_CHECK;
/* A key value alone, as a JSON array of strings: cursors are kept in this form. */
rv_code rv_key_value_write(const rv_key_value *value, rv_bytes *out, rv_error *err) RV_MUST_CHECK;
rv_code rv_key_value_parse(const char *text, rv_arena *arena, rv_key_value *out, rv_error *err) RV_MUST_CHECK;
/* For messages and the journal: "id > 17, id <= 4000"; cut to fit, always terminated. */
void rv_bounds_text(char *out, size_t out_bytes, const rv_bounds *bounds);

rv_code rv_key_value_copy(rv_key_value *out, const rv_key_value *from, rv_arena *arena,
                          rv_error *err) RV_MUST_CHECK;
bool rv_key_value_equal(const rv_key_value *a, const rv_key_value *b);

/* Do all of the key's first n columns sort the same way? */
bool rv_key_sorts_one_way(const rv_key *key, int n);
/* Are the columns of `first` the first ones of `key`, sorted the same ways? */
bool rv_key_begins_with(const rv_key *key, const rv_key *first);

#endif
