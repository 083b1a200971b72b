/* source/sqlite/internal.h - what the files of the SQLite driver share.
 *
 * Spec for everything SQLite does: https://www.sqlite.org/c3ref/intro.html,
 * https://www.sqlite.org/datatype3.html, https://www.sqlite.org/rowidtable.html. Written for 3.37 and
 * later (table_list, STRICT tables). */
#ifndef SOURCE_SQLITE_INTERNAL_H
#define SOURCE_SQLITE_INTERNAL_H

#include "rivet/bytes.h"
#include "rivet/source.h"

#include <sqlite3.h>
#include <stdatomic.h>

RV_DEFINE_AUTO(sqlite3_stmt, sqlite3_finalize)

/* Why the driver itself stopped SQLite in the middle of a statement. */
typedef enum rvi_sqlite_stop {
    RVI_SQLITE_STOP_NONE = 0,
    RVI_SQLITE_STOP_CANCELLED,
    RVI_SQLITE_STOP_TIMEOUT,      /* the statement's time limit */
    RVI_SQLITE_STOP_LOCK_TIMEOUT, /* another process held its lock for longer than lock_timeout_ms */
} rvi_sqlite_stop;

/* How the file stores text, as PRAGMA encoding says. */
typedef enum rvi_sqlite_encoding {
    RVI_SQLITE_UTF8 = 1,
    RVI_SQLITE_UTF16LE,
    RVI_SQLITE_UTF16BE,
} rvi_sqlite_encoding;

/* A read-only connection. Used by one thread at a time, except `interrupted`. */
typedef struct rvi_sqlite {
    rv_source base;
    sqlite3 *db;
    char *path;                   /* as given, for messages */
    int64_t lock_timeout_us;      /* 0: waits until cancelled */
    int64_t statement_timeout_us; /* 0: none */
    int64_t deadline_us;          /* of the current statement, monotonic; INT64_MAX: none */
    int64_t lock_wait_since_us;   /* monotonic; when the current wait for a lock began */
    rvi_sqlite_stop stop;         /* of the current statement */
    atomic_bool interrupted;      /* set by any thread, cleared when a statement starts */
    bool in_transaction;          /* between begin() and end() with a snapshot */
    bool only_select;             /* the statement being prepared is the user's */
    rvi_sqlite_encoding encoding;
} rvi_sqlite;

/* session.c. The slots of rv_source_ops. */
rv_code rvi_sqlite_open(rv_source **out, const rv_source_config *cfg, rv_cancel *cancel,
                        rv_error *err) RV_MUST_CHECK;
rv_code rvi_sqlite_server(rv_source *src, rv_server_info *out, rv_error *err) RV_MUST_CHECK;
rv_code rvi_sqlite_begin(rv_source *src, const rv_read_options *options, rv_error *err) RV_MUST_CHECK;
void rvi_sqlite_end(rv_source *src);
void rvi_sqlite_interrupt(rv_source *src);
void rvi_sqlite_close(rv_source *src);

/* Starts the clock of the next statement, or of the next page of one; every call into SQLite that may take
 * time comes after one of these. Returns the monotonic time, microseconds. */
int64_t rvi_sqlite_start(rvi_sqlite *session);
/* Prepare a statement of our own making (NUL-terminated). Fails as rvi_sqlite_fail() does. */
rv_code rvi_sqlite_prepare(rvi_sqlite *session, const char *sql, sqlite3_stmt **out,
                           rv_error *err) RV_MUST_CHECK;
/* Prepare the user's query. Refuses (SOURCE_QUERY) whatever is not exactly one SELECT. */
rv_code rvi_sqlite_prepare_query(rvi_sqlite *session, const char *sql, sqlite3_stmt **out,
                                 rv_error *err) RV_MUST_CHECK;
/* One step. *row: a row stands in `stmt`; false: the statement is done. `doing` names it in messages. */
rv_code rvi_sqlite_step(rvi_sqlite *session, sqlite3_stmt *stmt, bool *row, const char *doing,
                        rv_error *err) RV_MUST_CHECK;

/* errors.c. Turn a result code of SQLite (extended or primary, never OK, ROW or DONE) into an error of
 * ours: its message after `doing`, its extended code as native code, and the code that tells a caller what
 * to do. */
rv_code rvi_sqlite_fail(const rvi_sqlite *session, int result, const char *doing, rv_error *err);

/* catalog.c. The slots, and what page.c needs of them. */
rv_code rvi_sqlite_describe(rv_source *src, const rv_relation *relation, rv_arena *arena,
                            rv_relation_info *out, rv_error *err) RV_MUST_CHECK;
rv_code rvi_sqlite_list(rv_source *src, const char *schema, rv_table_fn fn, void *context,
                        rv_error *err) RV_MUST_CHECK;
/* A name under which the row id of a table with these columns can be asked for; NULL: columns hide all three.
 * Spec: https://www.sqlite.org/lang_createtable.html#rowid */
const char *rvi_sqlite_rowid_name(const rv_schema *schema);
/* Append `name` as a quoted identifier. */
rv_code rvi_sqlite_quote(rv_bytes *sql, const char *name, rv_error *err) RV_MUST_CHECK;
enum { RVI_SQLITE_MAX_SQL_BYTES = 4 << 20 }; /* of statements made here: 2000 columns with long names */

/* types.c. The natural type of a column by its declared type; NULL or "": none declared. */
rv_type rvi_sqlite_natural_type(const char *declared, rv_fidelity *fidelity);

/* One value of the row that a statement stands on, fetched once and before anything converts it in place. */
typedef struct rvi_sqlite_cell {
    int storage_class;    /* SQLITE_INTEGER, _FLOAT, _TEXT, _BLOB, _NULL */
    bool malformed;       /* TEXT of a UTF-16 file that is not UTF-16; bytes are the raw ones */
    const uint8_t *bytes; /* TEXT (as UTF-8) and BLOB: borrowed from the statement until it moves on */
    size_t len;
    int64_t integer;
    double real;
} rvi_sqlite_cell;

/* Fetch column `i` of the row. Fails OUT_OF_MEMORY. */
rv_code rvi_sqlite_fetch(const rvi_sqlite *session, sqlite3_stmt *stmt, int i, rvi_sqlite_cell *out,
                         rv_error *err) RV_MUST_CHECK;
/* At most so many bytes of batch content will rvi_sqlite_append() make of the cell. */
size_t rvi_sqlite_weight(const rvi_sqlite_cell *cell, const rv_field *field);
/* Append the cell to its column, converting only what converts exactly; anything else goes through
 * rv_column_refuse(). `scratch` is working memory. Fails VALUE_*, OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rvi_sqlite_append(const rvi_sqlite_cell *cell, rv_column *column, const rv_field *field,
                          rv_bytes *scratch, rv_error *err) RV_MUST_CHECK;
/* The cell as text for messages, cut to `size`: numbers as they are, text, blobs as x'00ff'. Returns the
 * length. */
size_t rvi_sqlite_show(const rvi_sqlite_cell *cell, char *out, size_t size);

/* page.c. The slots. */
rv_code rvi_sqlite_scan_open(rv_scan **out, rv_source *src, const rv_scan_request *request,
                             rv_error *err) RV_MUST_CHECK;
rv_code rvi_sqlite_scan_next(rv_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                             rv_error *err) RV_MUST_CHECK;
void rvi_sqlite_scan_close(rv_scan *scan);
rv_code rvi_sqlite_scan_position(rv_scan *scan, rv_arena *arena, rv_key_value *out,
                                 rv_error *err) RV_MUST_CHECK;

#endif
