/* state/internal.h - what the files of state/ share: the vtable of the backends, and the values that cross it.
 *
 * A backend is a small transactional SQL store and nothing more. What the store promises (leases, at most one
 * running run, nothing half recorded) is written once, above the vtable, in the SQL that SQLite and PostgreSQL have
 * in common: parameters are $1, $2 …, a mutating call is one transaction, and it begins by updating the row of its
 * run, so that a backend with row locks serialises writers exactly where SQLite's single write lock does. The
 * migrations are the backend's own, because types and identity columns differ. */
#ifndef STATE_INTERNAL_H
#define STATE_INTERNAL_H

#include "rivet/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum rvi_value_kind { RVI_END = 0, RVI_NULL, RVI_INT, RVI_TEXT, RVI_BLOB } rvi_value_kind;

/* A parameter or a cell. Texts are NUL-terminated, `len` counts the bytes before the NUL. */
typedef struct rvi_value {
    rvi_value_kind kind;
    size_t len; /* TEXT, BLOB: bytes */
    union {
        int64_t number;
        const void *bytes;
    };
} rvi_value;

enum { RVI_MAX_ARGS = 20 };
/* Parameters $1, $2 … up to the first RVI_END, which the rest of an initializer is. */
typedef struct rvi_args {
    rvi_value v[RVI_MAX_ARGS + 1];
} rvi_args;

rvi_value rvi_bind_int(int64_t number);
rvi_value rvi_bind_text(const char *text); /* borrowed; NULL becomes "" */
rvi_value rvi_bind_text_or_null(const char *text);
/* A message for people, which may have been cut inside a character or quote bytes that are no text: copied to `room`,
 * with '?' for each byte that is not UTF-8, since not every store takes those. NULL stays NULL. */
enum { RVI_MESSAGE_BYTES = 2048 };
rvi_value rvi_bind_message(char room[RVI_MESSAGE_BYTES], const char *text);
rvi_value rvi_bind_blob(const void *bytes, size_t len);

/* A whole result. No lock is held once a statement has returned, so a slow reader of a listing (a pager) never
 * keeps a running export from recording. Everything lives in the result's own arena. */
enum { RVI_ROWS_MAX_BYTES = 256 << 20 };
typedef struct rvi_row {
    struct rvi_row *next;
    rvi_value cells[];
} rvi_row;
typedef struct rvi_rows {
    rv_arena *arena;
    rvi_row *first, *last;
    int64_t n;
} rvi_rows;
rv_code rvi_rows_new(rvi_rows **out, rv_error *err) RV_MUST_CHECK;
void rvi_rows_free(rvi_rows *rows); /* NULL is fine */
RV_DEFINE_AUTO(rvi_rows, rvi_rows_free)
/* Append a row of n_columns NULLs for a backend to fill. Fails OUT_OF_MEMORY, also at RVI_ROWS_MAX_BYTES. */
rv_code rvi_rows_add(rvi_rows *rows, int n_columns, rvi_row **out, rv_error *err) RV_MUST_CHECK;
/* Copy bytes into the result, with a NUL behind them. */
rv_code rvi_rows_copy(rvi_rows *rows, const void *bytes, size_t len, const void **out,
                      rv_error *err) RV_MUST_CHECK;

/* Reads the cells of a row from left to right, in the order of the SELECT list. A NULL, or a cell of another kind
 * (which only a damaged store has), reads as 0, "" or an empty blob: what must not be empty is checked where used. */
typedef struct rvi_cells {
    const rvi_value *next;
} rvi_cells;
rvi_cells rvi_cells_of(const rvi_row *row);
int64_t rvi_next_int(rvi_cells *cells);
const char *rvi_next_text(rvi_cells *cells);
const char *rvi_next_text_or_null(rvi_cells *cells);
void rvi_next_blob(rvi_cells *cells, void *out, size_t len); /* zeroes when the length differs */

const void *rvi_next_bytes(rvi_cells *cells, size_t *len); /* lives as long as the result */

typedef struct rvi_migration {
    int version;                   /* 1, 2 … without a gap */
    const char *const *statements; /* up to a NULL; run in one transaction; never edited after a release */
} rvi_migration;

typedef enum rvi_open_mode {
    RVI_OPEN_WRITE = 1, /* creates a store that does not exist */
    RVI_OPEN_READ,      /* changes nothing; a store that does not exist is an empty one of version 0 */
    RVI_OPEN_COPY, /* a private copy for this process, which may be migrated without touching the store */
} rvi_open_mode;

typedef struct rvi_state_options {
    int busy_timeout_ms; /* how long a call waits for another process's transaction before STATE_BUSY */
    bool own_clock;      /* leases are counted by the clock that was given, also where the store has one */
} rvi_state_options;

/* What a backend implements. One const table each; called by one thread at a time per handle. Every slot may fail
 * STATE_UNUSABLE, STATE_BUSY, STATE_CORRUPT, OUT_OF_MEMORY, and then leaves its outputs as they were. */
typedef struct rv_state_ops {
    const char *kind;
    const char *removal; /* what a user does to be rid of a store, for hints: "rename the file away" */
    bool copies; /* can open RVI_OPEN_COPY; if not, a store must be brought up to date before it is read */
    const rvi_migration *migrations; /* oldest first */
    int n_migrations;

    /* Blocks up to options->busy_timeout_ms. The new handle's `clock` is set by the caller. */
    rv_code (*open)(rv_state **out, const char *location, rvi_open_mode mode,
                    const rvi_state_options *options, rv_error *err);
    void (*close)(rv_state *state);
    /* 0: an empty store. STATE_UNUSABLE: it belongs to some other program. */
    rv_code (*schema_version)(rv_state *state, int64_t *out, rv_error *err);

    /* A transaction that may write. Rows that it has changed stay as they are for everybody else until it ends;
     * others that want to change them wait. After a failure of `run` inside it, only `rollback` may follow. A failed
     * `commit` has recorded nothing and must be followed by `rollback`. */
    rv_code (*begin)(rv_state *state, rv_error *err);
    /* The same; and nobody else's migration starts until it ends. */
    rv_code (*begin_migration)(rv_state *state, rv_error *err);
    rv_code (*commit)(rv_state *state, rv_error *err);
    void (*rollback)(rv_state *state); /* never fails; fine without a transaction */

    /* One statement to its end. rows (may be NULL) gets what it returns; *n_changed (may be NULL) how many rows
     * it wrote. */
    rv_code (*run)(rv_state *state, const char *sql, const rvi_args *args, rvi_rows *rows, int64_t *n_changed,
                   rv_error *err);
} rv_state_ops;

/* First member of every backend's own struct. */
struct rv_state {
    const rv_state_ops *ops;
    const rv_clock *clock;
    const char *location; /* for messages, without secrets; owned by the backend */
    int64_t skew_us; /* how far the store's clock is ahead of ours; 0: it has none. The backend's to keep */
    bool read_only;  /* rv_state_open() was asked to change nothing: no transaction begins */
};

extern const rv_state_ops rvi_state_sqlite_ops;
extern const rv_state_ops rvi_state_postgres_ops; /* only where RIVET_HAVE_POSTGRES */

/* rv_state_open() with the choices that only tests make. */
rv_code rvi_state_open(rv_state **out, const rv_state_ops *ops, const char *location, rv_state_access access,
                       const rv_clock *clock, const rvi_state_options *options, rv_error *err) RV_MUST_CHECK;

/* Bring the store to the newest of n migrations, in one transaction: of many processes that start at once, one
 * does it and the others find it done. Fails STATE_NEWER. */
rv_code rvi_migrate(rv_state *state, const rvi_migration *migrations, int n, rv_error *err) RV_MUST_CHECK;
rv_code rvi_fail_newer(const rv_state *state, int64_t version, int64_t newest, rv_error *err);

/* Transactions held by scope: an early return rolls back. */
void rvi_tx_discard(rv_state *tx); /* NULL is fine */
RV_DEFINE_AUTO(rv_state, rvi_tx_discard)
rv_code rvi_tx_begin(rv_state *state, rv_state **tx, rv_error *err) RV_MUST_CHECK;
rv_code rvi_tx_commit(rv_state **tx, rv_error *err) RV_MUST_CHECK; /* *tx becomes NULL on success */

rv_code rvi_query(rv_state *state, const char *sql, const rvi_args *args, rvi_rows **out,
                  rv_error *err) RV_MUST_CHECK;
rv_code rvi_change(rv_state *state, const char *sql, const rvi_args *args, int64_t *n_changed,
                   rv_error *err) RV_MUST_CHECK;
/* Wall-clock time, by the store's own clock where it has one: leases are counted by it, on every machine. */
int64_t rvi_now_us(const rv_state *state);
/* STATE_CORRUPT: the store answered, but with something it cannot hold. */
rv_code rvi_fail_content(const rv_state *state, rv_error *err, const char *fmt, ...) RV_PRINTF(3, 4);

/* Inside a transaction: this owner holds the run, and it is running. Fails RUN_LEASE_LOST. */
rv_code rvi_hold_lease(rv_state *state, const char *run_id, const rv_owner *owner,
                       rv_error *err) RV_MUST_CHECK;
/* RUN_LEASE_LOST: the run is not this process's, or not running; says what became of it. */
rv_code rvi_fail_lost(rv_state *state, const char *run_id, rv_error *err);
/* RUN_LEASE_HELD: somebody who lives holds it. */
rv_code rvi_fail_alive(rv_state *state, const char *run_id, rv_error *err);
/* now + lease_ms, or the end of time. */
int64_t rvi_lease_end_us(const rv_state *state, int64_t lease_ms);

/* Does the process behind `owner` live? Known for processes of this kernel and PID namespace, decided by the lease
 * for all others. */
bool rvi_owner_alive(const char *owner, int64_t lease_expires_us, int64_t now_us);

/* Inside a transaction: record `chunks` as pending; forget all of the run's, or its parts. */
rv_code rvi_insert_chunks(rv_state *state, const char *run_id, const rv_chunk *chunks, int64_t n_chunks,
                          rv_error *err) RV_MUST_CHECK;
rv_code rvi_forget_chunks(rv_state *state, const char *run_id, rv_error *err) RV_MUST_CHECK;
rv_code rvi_forget_parts(rv_state *state, const char *run_id, rv_error *err) RV_MUST_CHECK;
rv_code rvi_insert_part(rv_state *state, const char *run_id, int64_t chunk_index, const rv_part *part,
                        rv_error *err) RV_MUST_CHECK;
rv_code rvi_insert_event(rv_state *state, const rv_journal_row *event, rv_error *err) RV_MUST_CHECK;
/* retention.c, inside a transaction: forget what need not be kept of the export that this run belongs to. */
rv_code rvi_forget_old_runs(rv_state *state, const char *run_id, const rv_retention *retention,
                            rv_error *err) RV_MUST_CHECK;
/* Inside a transaction: what a chunk says of its rows, in place of what it said before; forget all of a run's; the run
 * has left its export's cursor, and what other runs said counts no longer. */
rv_code rvi_insert_seen(rv_state *state, const char *run_id, const rv_chunk *chunk,
                        rv_error *err) RV_MUST_CHECK;
rv_code rvi_forget_seen(rv_state *state, const char *run_id, rv_error *err) RV_MUST_CHECK;
rv_code rvi_settle_seen(rv_state *state, const char *run_id, rv_error *err) RV_MUST_CHECK;
/* Inside a transaction: the chunks that `owner` (NULL: anybody) reads become pending. */
rv_code rvi_release_all(rv_state *state, const char *run_id, const char *owner, rv_error *err) RV_MUST_CHECK;

/* What is stored for an enum; false: not such a name. */
bool rvi_run_status_parse(const char *name, rv_run_status *out);

/* The columns of rv_run_plan, rv_chunk and rv_part in the order in which these read them. */
#define RVI_PLAN_COLUMNS                                                                               \
    "run_id, export_name, plan_fingerprint, strategy, mode, format, compression, profile, dest_kind, " \
    "dest_path, dest_uri, schema_json, source_json, config_fingerprint, window_json, snapshot, started_us"
#define RVI_CHUNK_COLUMNS "chunk_index, bounds, status, attempts, n_rows, epoch, claim, tally"
#define RVI_PART_COLUMNS \
    "p.name, p.chunk_index, p.sequence, p.n_rows, p.n_bytes, p.xxh3, p.md5, p.column_digests"
void rvi_read_plan(rvi_cells *cells, rv_run_plan *out);
void rvi_read_part(rvi_cells *cells, rv_part *out);
/* The bounds' texts lie in the arena; RVI_CHUNK_ARENA_BYTES are enough for any chunk. Fails STATE_CORRUPT, naming the
 * chunk. */
enum { RVI_CHUNK_ARENA_BYTES = 16 << 20 };
rv_code rvi_read_chunk(const rv_state *state, const char *run_id, rvi_cells *cells, rv_arena *arena,
                       rv_chunk *out, rv_error *err) RV_MUST_CHECK;

#endif
