/* source/fake/internal.h - a source that plays a script: rows, ranges, delays and failures from a text file.
 *
 * Only test builds have it. `source.path` names the script. Nothing in it takes real time: a delay is what
 * a page reports as its duration, a hang lasts until somebody cancels or interrupts. So whatever happens
 * to a run can be written down, and happens in the same way every time.
 *
 * A script is lines of words separated by blanks; # begins a comment. A word, or a part of one, may stand
 * in double quotes, inside which \" \\ \n \r \t and \xHH are what they are in C; the bare word null is a
 * NULL, "null" is text.
 *
 *   server VERSION [pooled]
 *       What the server says about itself. Default: 1.0.
 *   table NAME [kind=WORD] [est_rows=N] [est_bytes=N]
 *       Begins a table. The lines below belong to it. Names are exact.
 *   column NAME TYPE [not_null] [key] [native=TEXT] [null_every=N] [bytes=N]
 *       TYPE as in `columns:` of the configuration, or enum, interval, list<TYPE>. In generated rows every
 *       Nth value is NULL, and strings are filled up to `bytes`.
 *   rows N
 *       N generated rows. The value of row r (from 0) in column c (from 0) depends on both: see value.c.
 *   row WORD …
 *       One literal row, each cell in the exact text that rv_column_append_text() reads. Excludes `rows`.
 *   physical unit=WORD per_unit=N [strategy=WORD] [needs_snapshot]
 *       The table may be read by ranges: unit u (from 0) holds the rows u*N to u*N+N-1. Scans count in
 *       this unit.
 *   page K [delay_ms=N] [hang]
 *       The Kth page (from 1) that a scan of this table asks for takes N ms, or does not end by itself.
 *   fail WHERE code=SYMBOL [after_rows=N] [times=N] [retry=never|same|smaller|reconnect|backoff]
 *       WHERE: open, begin, describe, scan (opening one), page. SYMBOL as in error.def: SOURCE_LOST. A
 *       page fails when it would hold a row at or beyond position `after_rows` of its table. `times` counts
 *       on one connection; without it, it fails every time. Above the first table it holds for all tables,
 *       below for that one.
 *
 * The only query it understands is: SELECT * FROM NAME. */
#ifndef SOURCE_FAKE_INTERNAL_H
#define SOURCE_FAKE_INTERNAL_H

#include "rivet/bytes.h"
#include "rivet/source.h"

enum {
    RVI_FAKE_SCRIPT_MAX_BYTES = 64 << 20,
    RVI_FAKE_VALUE_MAX_BYTES = 64 << 20,
};

typedef struct rvi_fake_column {
    const char *name, *native;
    rv_type type;
    bool not_null, key;
    int64_t null_every; /* 0: no NULLs */
    int64_t bytes;      /* 0: strings as long as they are */
} rvi_fake_column;

typedef struct rvi_fake_cell {
    const char *text; /* NULL: a NULL */
    size_t len;
} rvi_fake_cell;

typedef struct rvi_fake_row {
    rvi_fake_cell *cells; /* one per column */
} rvi_fake_row;

typedef struct rvi_fake_page {
    int64_t number; /* from 1, within a scan */
    int64_t delay_ms;
    bool hang;
} rvi_fake_page;

typedef enum rvi_fake_place {
    RVI_FAKE_OPEN = 1,
    RVI_FAKE_BEGIN,
    RVI_FAKE_DESCRIBE,
    RVI_FAKE_SCAN,
    RVI_FAKE_PAGE,
} rvi_fake_place;

typedef struct rvi_fake_failure {
    rvi_fake_place place;
    int table; /* index; -1: any */
    rv_code code;
    rv_retry retry;
    int64_t after_rows; /* page: the first position that fails */
    int64_t times_left; /* on this connection; -1: for ever */
} rvi_fake_failure;

typedef struct rvi_fake_table {
    const char *name, *kind;
    rvi_fake_column *columns;
    int n_columns;
    rvi_fake_row *rows; /* literal rows, or NULL */
    int64_t n_rows;     /* literal or generated */
    rvi_fake_page *pages;
    int n_pages;
    int64_t est_rows, est_bytes; /* -1: unknown */
    const char *unit, *strategy; /* unit NULL: no ranges */
    int64_t per_unit;
    bool needs_snapshot;
} rvi_fake_table;

typedef struct rvi_fake_script {
    const char *version;
    bool pooled;
    rvi_fake_table *tables;
    int n_tables;
    rvi_fake_failure *failures;
    int n_failures;
} rvi_fake_script;

/* script.c. Read and parse a script into `arena`. Fails SOURCE_NOT_FOUND (no such file), IO, CONFIG_SYNTAX
 * (with the line), LIMIT_EXCEEDED, OUT_OF_MEMORY. */
rv_code rvi_fake_load(rv_arena *arena, const char *path, rvi_fake_script *out, rv_error *err) RV_MUST_CHECK;
/* The table that "SELECT * FROM NAME" names; NULL: another query, or no such table. */
const rvi_fake_table *rvi_fake_query_table(const rvi_fake_script *script, rv_arena *arena, const char *query);

/* value.c. Append row `row` of the table, column `c`, to `column`, whose type may have been overridden.
 * `scratch` is working memory. Fails VALUE_*, OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rvi_fake_append(const rvi_fake_table *table, int c, int64_t row, rv_column *column,
                        const rv_field *field, uint64_t max_value_bytes, rv_bytes *scratch,
                        rv_error *err) RV_MUST_CHECK;

#endif
