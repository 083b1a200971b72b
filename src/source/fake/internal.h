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
 *   row@MARK WORD …
 *       One literal row, each cell in the exact text that rv_column_append_text() reads. Excludes `rows`. MARK is
 *       the number of the transaction that wrote it, 0 where none is given: a row lies before a mark M of the
 *       history when its own is below M.
 *   index NAME COLUMN[,COLUMN …] [unique] [not_null] [primary] [incomplete] [desc=COLUMN[,COLUMN …]]
 *         [correlation=X]
 *       An index, as describe() is to report it. Whether it keeps its word is the script's affair.
 *   physical unit=WORD per_unit=N [strategy=WORD] [needs_snapshot]
 *       The table may be read by ranges: unit u (from 0) holds the rows u*N to u*N+N-1. Scans count in
 *       this unit.
 *   page K [delay_ms=N] [hang]
 *       The Kth page (from 1) that a scan of this table asks for takes N ms, or does not end by itself.
 *   horizon MARK [held_since_us=N]
 *       What the source says about its history: each line is one answer, in turn, and the last one stays.
 *       Without any: 1, which is after every row that has no mark.
 *   pressure LOCK_WAITS ACTIVE_SESSIONS MAX_SESSIONS REPLICA_LAG_MS
 *       What the server suffers, a number or - where it cannot be read: each line is one answer, in turn, and
 *       the last one stays. Without any: nothing can be read.
 *   aligned N
 *       Of kind fake_apart: so many sources may begin together. Default: any number.
 *   open_since US
 *       Of kind fake_apart: what settle() answers. Default: 0.
 *   fail WHERE code=SYMBOL [after_rows=N] [times=N] [once] [retry=never|same|smaller|reconnect|backoff]
 *       WHERE: open, begin, describe, scan (opening one), page, key_ends, split, horizon, share_snapshot,
 *       pressure, settle, begin_aligned. SYMBOL as in error.def: SOURCE_LOST. A page fails when it would hold a
 *       row at or beyond position `after_rows` of its table. `times` counts on one connection; without it, it
 *       fails every time. `once`: on one connection of all, which leaves a file SCRIPT.failed behind. Above the
 *       first table it holds for all tables, below for that one (and for what concerns no table at all it must
 *       stand above).
 *
 * Scans along a key deliver the rows in its order; a page that failed may be asked for again, whatever the failure.
 *
 * Of the kind "fake" snapshots can be shared and rows have a history; of the kind "fake_apart" neither.
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
    int64_t mark;         /* of the transaction that wrote it */
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
    RVI_FAKE_KEY_ENDS,
    RVI_FAKE_SPLIT,
    RVI_FAKE_HORIZON,
    RVI_FAKE_SHARE_SNAPSHOT,
    RVI_FAKE_PRESSURE,
    RVI_FAKE_SETTLE,
    RVI_FAKE_BEGIN_ALIGNED,
} rvi_fake_where;

typedef struct rvi_fake_failure {
    rvi_fake_where where;
    int table; /* index; -1: any */
    rv_code code;
    rv_retry retry;
    int64_t after_rows; /* page: the first position that fails */
    int64_t times_left; /* on this connection; -1: for ever */
    bool once;          /* on the first connection that comes to it */
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
    rv_index *indexes;
    int n_indexes;
} rvi_fake_table;

typedef struct rvi_fake_horizon {
    const char *mark;
    int64_t held_since_us; /* UNIX time; 0: nothing holds it back */
} rvi_fake_horizon;

typedef struct rvi_fake_script {
    const char *version;
    bool pooled;
    rvi_fake_table *tables;
    int n_tables;
    rvi_fake_failure *failures;
    int n_failures;
    rvi_fake_horizon *horizons;
    int n_horizons;
    rv_pressure *pressures;
    int n_pressures;
    int64_t most_aligned;  /* sources that may begin together */
    int64_t open_since_us; /* what settle() answers */
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
bool rvi_fake_is_null(const rvi_fake_table *table, int c, int64_t row);
int64_t rvi_fake_mark(const rvi_fake_table *table, int64_t row);

/* keys.c. All of them compare values of the columns' own types, and fail SOURCE_QUERY (no such column, not a mark),
 * VALUE_* (a place that cannot be read), OUT_OF_MEMORY.
 *
 * (*out)[row]: does the row lie in all ranges? Freed with free(). */
rv_code rvi_fake_inside(const rvi_fake_table *table, const rv_range *const *ranges, int n_ranges, bool **out,
                        rv_error *err) RV_MUST_CHECK;
/* The rows that are inside, in key order, strictly after `after` (NULL: all). Freed with free(). */
rv_code rvi_fake_order(const rvi_fake_table *table, const rv_key *key, const bool *inside,
                       const rv_key_value *after, int64_t **out, int64_t *n_out, rv_error *err) RV_MUST_CHECK;
/* Where a row stands in the order of a key, as text in the arena. */
rv_code rvi_fake_place(const rvi_fake_table *table, const rv_key *key, int64_t row, rv_arena *arena,
                       rv_key_value *out, rv_error *err) RV_MUST_CHECK;
/* As rv_source_key_ends(). */
rv_code rvi_fake_ends(const rvi_fake_table *table, const rv_key *key, const char *fallback,
                      const rv_range *const *within, int n_within, rv_arena *arena, rv_key_ends *out,
                      rv_error *err) RV_MUST_CHECK;
/* As rv_source_split(): by counting rows. */
rv_code rvi_fake_split(const rvi_fake_table *table, const rv_key *key, int64_t n, rv_arena *arena,
                       rv_key_value *out, int64_t *n_out, rv_error *err) RV_MUST_CHECK;

#endif
