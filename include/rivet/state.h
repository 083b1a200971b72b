/* rivet/state.h - the store of runs, chunks, parts, cursors, schemas, metrics and journal.
 *
 * State is written ahead: what a run is going to do is recorded before it is done. Each mutating call is one
 * transaction. At most one run per export is `running`; that run is held by a lease (owner and time of expiry), so
 * two processes never run one export at once, and a dead owner's run can be taken over. One thread at a time per
 * handle; several processes may have the same store open.
 *
 * Every call may fail STATE_UNUSABLE, STATE_BUSY (locked for too long, or its server cannot be reached: what was
 * recorded is safe, try again), STATE_CORRUPT; only others are named below. No secrets. */
#ifndef RIVET_STATE_H
#define RIVET_STATE_H

#include "rivet/arena.h"
#include "rivet/bounds.h"
#include "rivet/clock.h"

typedef struct rv_state rv_state;

enum { RV_RUN_ID_BYTES = 160, RV_OWNER_BYTES = 128 };

/* "host/boot-id/pid-namespace/pid/start-time": who holds a lease. An owner of this boot and PID namespace whose
 * process is gone (or whose pid was reused) is dead at once; any other is dead when its lease has expired. */
typedef struct rv_owner {
    char text[RV_OWNER_BYTES];
} rv_owner;
rv_code rv_owner_self(rv_owner *out, rv_error *err) RV_MUST_CHECK;
/* "process 4711 on db1", or "nobody" for a run that was handed back; for messages. */
enum { RV_OWNER_WORDS_BYTES = 160 };
void rv_owner_words(char out[RV_OWNER_WORDS_BYTES], const char *owner);

typedef enum rv_run_status {
    RV_RUN_RUNNING = 1,
    RV_RUN_SUCCEEDED, /* printed as "success", the contract's word */
    RV_RUN_FAILED,
    RV_RUN_SKIPPED,
    RV_RUN_INTERRUPTED, /* ended by a signal, or its process died and the run was not resumed */
} rv_run_status;
const char *rv_run_status_name(rv_run_status status);

/* What is recorded before a run begins. Strings are borrowed for the call, or live in the arena when read. */
typedef struct rv_run_plan {
    const char *run_id, *export_name;
    const char *plan_fingerprint; /* of everything that decides rows and files; a resume needs the same */
    const char *strategy;         /* "ctid", "rowid", "stream" */
    const char *mode, *format, *compression, *profile;
    const char *dest_kind, *dest_path, *dest_uri; /* path with placeholders expanded */
    const char *schema_json;                      /* name, type, native type, nullability of each field */
    const char *source_json;                      /* engine, version, schema, table */
    const char
        *config_fingerprint; /* what that is made of (rv_plan_compare): says in what two plans differ */
    const char *window_json; /* what an incremental run covers: {"columns", "lo", "hi", "since", "until"};
                                       NULL: not incremental */
    bool snapshot;           /* its chunks are of one point in time, which dies with its process */
    int64_t started_us;
} rv_run_plan;

/* Where an incremental export stands. Strings are borrowed for the call, or live in the arena when read. */
typedef struct rv_cursor {
    const char *columns; /* "updated_at, id": a cursor of other columns is no cursor */
    const char *type;    /* "timestamp_tz, int64" */
    const char *value;   /* rv_key_value_write()'s text */
    const char *mark; /* rv_source_horizon()'s of that run, or from where on rows are known by their digests
                            (plan/lookback.c); NULL: neither */
} rv_cursor;

typedef enum rv_chunk_status { RV_CHUNK_PENDING = 1, RV_CHUNK_RUNNING, RV_CHUNK_COMPLETED } rv_chunk_status;
const char *rv_chunk_status_name(rv_chunk_status status); /* "pending" … */
typedef struct rv_chunk {
    int64_t index; /* 0-based */
    rv_bounds bounds;
    rv_chunk_status status;
    int64_t attempts, rows;
    int64_t epoch; /* which of the run's snapshots it was read under, from 0; known once it is completed */
    int64_t claim; /* which of all claims of its run this is, from 1; completing it takes the same number */
    const char
        *tally; /* what gates count of its rows, for whoever judges the run; known once it is completed. NULL:
                          nothing. Borrowed for the call, or in the arena when read */
    const void
        *seen; /* when it is completed: rows that later runs have to know, as rv_seen_write() has them */
    size_t seen_bytes; /* 0: none */
} rv_chunk;

typedef struct rv_part {
    const char *name; /* at the destination */
    int64_t chunk_index, sequence;
    int64_t rows;
    uint64_t bytes;
    uint64_t xxh3;
    uint8_t md5[16];
    const char *column_digests; /* JSON array of 16-digit hex strings, one per column */
} rv_part;

typedef struct rv_open_run {
    bool exists;
    rv_run_plan plan; /* in the arena */
    rv_owner owner;
    bool owner_alive;
    int64_t n_chunks, n_completed;
} rv_open_run;

/* What is remembered of runs that have ended. A run that is neither open nor the export's newest success is forgotten,
 * with its chunks, parts and journal, when `keep_runs` newer ones of its export are there, or when it began before
 * keep_since_us. */
typedef struct rv_retention {
    int64_t keep_runs;     /* at least 1 */
    int64_t keep_since_us; /* UNIX time */
} rv_retention;

typedef struct rv_run_result {
    const char *run_id;
    rv_run_status status;
    int64_t finished_us, duration_ms, rows, files;
    uint64_t bytes, wire_bytes, peak_rss_bytes;
    int64_t statements, longest_statement_ms, retries;
    rv_code code;                  /* RV_OK on success */
    const char *error_message;     /* redacted; NULL on success */
    const char *detail_json;       /* policy counts and the like; NULL: none */
    const rv_cursor *cursor;       /* where the export stands from now on; NULL, or no success: as before */
    const char *shapes_json;       /* longest value by column, on success; NULL: unchanged */
    const rv_retention *retention; /* of the runs of this export; NULL: nothing is forgotten */
} rv_run_result;

/* What the last successful run of an export left for the next. In the arena; NULL: nothing is known. */
typedef struct rv_export_memory {
    bool has_cursor;
    rv_cursor cursor;
    const char *last_run_id, *schema_json, *shapes_json;
    const char *source_json; /* of that run, as rv_run_plan has it: which table the cursor is one of */
} rv_export_memory;

typedef struct rv_journal_row {
    const char *run_id, *export_name, *event, *detail_json;
    int64_t at_us;
} rv_journal_row;

/* What is left of a chunk that was read. */
typedef struct rv_chunk_yield {
    const rv_part *parts;
    int64_t n_parts;
    const rv_journal_row *events; /* for the journal; n_events 0: none */
    int64_t n_events;
} rv_chunk_yield;

typedef struct rv_chunk_row {
    const char *run_id, *export_name, *last_error; /* last_error NULL: none */
    rv_chunk chunk;
    rv_owner owner; /* "" unless running */
    int64_t updated_us;
} rv_chunk_row;
typedef rv_code (*rv_chunk_fn)(void *context, const rv_chunk_row *row, rv_error *err);

/* Rows of the read-side. Strings live during the callback. */
typedef struct rv_run_row {
    rv_run_plan plan;
    rv_run_result result;
} rv_run_row;
typedef struct rv_cursor_row {
    const char *export_name, *last_run_id, *last_status;
    const char *mode, *strategy;               /* of that run; "" when it is no longer recorded */
    const char *cursor_columns, *cursor_value; /* NULL: none */
    int64_t last_run_us, rows, n_chunks;       /* n_chunks: of that run, all committed */
} rv_cursor_row;
typedef struct rv_file_row {
    const char *export_name, *run_id, *dest_uri;
    rv_part part;
    int64_t created_us;
} rv_file_row;
typedef rv_code (*rv_run_fn)(void *context, const rv_run_row *row, rv_error *err);
typedef rv_code (*rv_cursor_fn)(void *context, const rv_cursor_row *row, rv_error *err);
typedef rv_code (*rv_file_fn)(void *context, const rv_file_row *row, rv_error *err);
typedef rv_code (*rv_journal_fn)(void *context, const rv_journal_row *row, rv_error *err);
typedef rv_code (*rv_part_fn)(void *context, const rv_part *part, rv_error *err);

typedef enum rv_state_access { RV_STATE_READ = 1, RV_STATE_WRITE } rv_state_access;

/* Open a store, creating (WRITE) and migrating it. READ of a store that does not exist gives an empty one and
 * creates nothing. location: the path of an SQLite file, or a postgresql:// URL with TLS as sources have it
 * (?sslmode=, ?sslrootcert=), whose tables lie in the schema `rivet` of its database. There, leases are counted by the
 * server's clock, and no call waits longer than a minute. Fails STATE_NEWER, CONFIG_VALUE (a URL). */
rv_code rv_state_open(rv_state **out, const char *location, rv_state_access access, const rv_clock *clock,
                      rv_error *err) RV_MUST_CHECK;
/* Is it a URL, and not a path? A URL may hold a password: show rv_state_location() instead. */
bool rv_state_is_url(const char *location);
/* Where the store lies, for people; borrowed. */
const char *rv_state_location(const rv_state *state);
void rv_state_close(rv_state *state);
RV_DEFINE_AUTO(rv_state, rv_state_close)

/* The running run of an export, if any. */
rv_code rv_state_find_open_run(rv_state *state, const char *export_name, rv_arena *arena, rv_open_run *out,
                               rv_error *err) RV_MUST_CHECK;
/* Record a new run and its chunks and take its lease for lease_ms. Fails RUN_LEASE_HELD when the export has a
 * running run (naming owner and since when). */
rv_code rv_state_start_run(rv_state *state, const rv_run_plan *plan, const rv_chunk *chunks, int64_t n_chunks,
                           const rv_owner *owner, int64_t lease_ms, rv_error *err) RV_MUST_CHECK;
/* Take the lease of an open run whose owner is dead; fails RUN_LEASE_HELD when it is alive or somebody was faster. The
 * chunks that the dead owner was reading become pending; those of processes that joined the run stay theirs. */
rv_code rv_state_take_over(rv_state *state, const char *run_id, const rv_owner *owner, int64_t lease_ms,
                           rv_error *err) RV_MUST_CHECK;
/* Leave an open run, and the chunks of it that this process reads, to whoever comes next: the leases end now, whether
 * or not this process lives on. */
rv_code rv_state_hand_back(rv_state *state, const char *run_id, const rv_owner *owner,
                           rv_error *err) RV_MUST_CHECK;
/* Forget the run's chunks and parts and record these chunks instead: its snapshot died with its process. */
rv_code rv_state_replan_run(rv_state *state, const rv_run_plan *plan, const rv_chunk *chunks,
                            int64_t n_chunks, const rv_owner *owner, rv_error *err) RV_MUST_CHECK;
/* The run's own lease. Fails RUN_LEASE_LOST when another process took the run over. */
rv_code rv_state_heartbeat(rv_state *state, const char *run_id, const rv_owner *owner, int64_t lease_ms,
                           rv_error *err) RV_MUST_CHECK;
/* Any process may read chunks of a running run, not only its owner: each claim is a lease of its own, of lease_ms,
 * renewed by rv_state_heartbeat_chunks(). The lowest chunk that is pending, or whose reader is dead, becomes running;
 * *found false: there is none now. *n_open: chunks that are not completed, those that others read included. The
 * bounds lie in the arena. Fails RUN_LEASE_LOST when the run is over, STATE_CORRUPT for unreadable bounds. */
rv_code rv_state_claim_chunk(rv_state *state, const char *run_id, const rv_owner *owner, int64_t lease_ms,
                             rv_arena *arena, rv_chunk *out, bool *found, int64_t *n_open,
                             rv_error *err) RV_MUST_CHECK;
/* Of all chunks that this owner reads; n_held: how many it believes these to be. Fails RUN_LEASE_LOST when one of them
 * was taken over, or the run is over. */
rv_code rv_state_heartbeat_chunks(rv_state *state, const char *run_id, const rv_owner *owner,
                                  int64_t lease_ms, int64_t n_held, rv_error *err) RV_MUST_CHECK;
/* A chunk's parts and its `completed`, and the events that tell of it, in one transaction. chunk: index and claim as they
 * were claimed, rows, epoch and tally. Fails RUN_LEASE_LOST when that claim no longer holds: whatever was read under it is nobody's. */
rv_code rv_state_complete_chunk(rv_state *state, const char *run_id, const rv_owner *owner,
                                const rv_chunk *chunk, const rv_chunk_yield *yield,
                                rv_error *err) RV_MUST_CHECK;
/* A chunk that could not be read goes back to pending; `reason` (redacted, NULL: none) is kept for people. Fails
 * RUN_LEASE_LOST. */
rv_code rv_state_release_chunk(rv_state *state, const char *run_id, const rv_owner *owner,
                               int64_t chunk_index, const char *reason, rv_error *err) RV_MUST_CHECK;
/* These chunks, whatever became of them, are pending again and their parts are forgotten: in one transaction. An index
 * may come several times. Fails RUN_LEASE_LOST when the run is not this owner's. */
rv_code rv_state_reopen_chunks(rv_state *state, const char *run_id, const rv_owner *owner,
                               const int64_t *indexes, int64_t n, rv_error *err) RV_MUST_CHECK;
/* A running run by its id, for a process that joins it. */
rv_code rv_state_find_run(rv_state *state, const char *run_id, rv_arena *arena, rv_open_run *out,
                          rv_error *err) RV_MUST_CHECK;
/* The chunks of a run, by index. */
rv_code rv_state_list_chunks(rv_state *state, const char *run_id, rv_chunk_fn fn, void *context,
                             rv_error *err) RV_MUST_CHECK;

rv_code rv_state_recall(rv_state *state, const char *export_name, rv_arena *arena, rv_export_memory *out,
                        rv_error *err) RV_MUST_CHECK;
/* What the chunks of the run that left the cursor have recorded in rv_chunk.seen. */
typedef rv_code (*rv_seen_fn)(void *context, const void *bytes, size_t len, rv_error *err);
rv_code rv_state_list_seen(rv_state *state, const char *export_name, rv_seen_fn fn, void *context,
                           rv_error *err) RV_MUST_CHECK;
/* Forget the cursor (and nothing else); *found: there was one. */
rv_code rv_state_reset_cursor(rv_state *state, const char *export_name, bool *found,
                              rv_error *err) RV_MUST_CHECK;
rv_code rv_state_list_parts(rv_state *state, const char *run_id, rv_part_fn fn, void *context,
                            rv_error *err) RV_MUST_CHECK;
/* The verdict: status, metrics, schema (on success), the end of the lease, and what is forgotten of older runs (a bounded
 * number at a time), in one transaction. With any status
 * but SUCCEEDED the run's parts are forgotten. Fails RUN_LEASE_LOST. */
rv_code rv_state_finish_run(rv_state *state, const rv_run_result *result, const rv_owner *owner,
                            rv_error *err) RV_MUST_CHECK;
/* event: the contract's names (PlanResolved, ChunkStarted, FileWritten …); detail_json: an object. */
rv_code rv_state_journal(rv_state *state, const char *run_id, const char *export_name, const char *event,
                         const char *detail_json, rv_error *err) RV_MUST_CHECK;
/* Several events in their order, in one transaction and so at the price of one. at_us 0: now. */
rv_code rv_state_journal_all(rv_state *state, const rv_journal_row *events, int64_t n_events,
                             rv_error *err) RV_MUST_CHECK;

/* Newest first. export_name NULL: all. limit <= 0: no limit. A result is whole before the first callback: no lock is
 * held meanwhile, and a callback may call the store. Files are those of runs that succeeded. */
rv_code rv_state_list_cursors(rv_state *state, rv_cursor_fn fn, void *context, rv_error *err) RV_MUST_CHECK;
rv_code rv_state_list_files(rv_state *state, const char *export_name, int64_t limit, rv_file_fn fn,
                            void *context, rv_error *err) RV_MUST_CHECK;
rv_code rv_state_list_runs(rv_state *state, const char *export_name, int64_t limit, rv_run_fn fn,
                           void *context, rv_error *err) RV_MUST_CHECK;
/* What is running, whoever owns it, by export_name; both texts live for the call. */
typedef rv_code (*rv_open_name_fn)(void *context, const char *export_name, const char *config_fingerprint,
                                   rv_error *err);
rv_code rv_state_list_open_runs(rv_state *state, rv_open_name_fn fn, void *context,
                                rv_error *err) RV_MUST_CHECK;
/* Oldest event first, of one run (run_id), or of the export's `limit` newest runs. */
rv_code rv_state_list_journal(rv_state *state, const char *export_name, const char *run_id, int64_t limit,
                              rv_journal_fn fn, void *context, rv_error *err) RV_MUST_CHECK;

#endif
