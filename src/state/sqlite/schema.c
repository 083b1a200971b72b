#include "state/sqlite/internal.h"

/* The tables of the state store, as they grew. A statement that has been released is never edited: stores made by
 * it exist. All times are microseconds since 1970-01-01 UTC.
 *
 * 64-bit hashes are stored as the signed integer with the same bits, sizes as integers up to 2^63 - 1. */

static const char *const version_1[] = {
    "PRAGMA application_id = 1380537940",

    "CREATE TABLE schema_version ("
    " version INTEGER PRIMARY KEY,"
    " applied_us INTEGER NOT NULL,"
    " program TEXT NOT NULL"
    ") STRICT",

    /* One row per run: its plan, its lease while it runs, its verdict and metrics afterwards. */
    "CREATE TABLE runs ("
    " run_id TEXT NOT NULL PRIMARY KEY,"
    " export_name TEXT NOT NULL,"
    " status TEXT NOT NULL CHECK (status IN ('running', 'success', 'failed', 'skipped', 'interrupted')),"
    " plan_fingerprint TEXT NOT NULL,"
    " strategy TEXT NOT NULL,"
    " mode TEXT NOT NULL,"
    " format TEXT NOT NULL,"
    " compression TEXT NOT NULL,"
    " profile TEXT NOT NULL,"
    " dest_kind TEXT NOT NULL,"
    " dest_path TEXT NOT NULL,"
    " dest_uri TEXT NOT NULL,"
    " schema_json TEXT NOT NULL,"
    " source_json TEXT NOT NULL,"
    " started_us INTEGER NOT NULL,"
    " owner TEXT,"             /* holder of the lease; NULL once the run has ended */
    " owned_since_us INTEGER," /* when that owner started it or took it over */
    " seen_us INTEGER,"        /* the owner's last sign of life */
    " lease_expires_us INTEGER,"
    " finished_us INTEGER,"
    " duration_ms INTEGER NOT NULL DEFAULT 0,"
    " n_rows INTEGER NOT NULL DEFAULT 0,"
    " n_files INTEGER NOT NULL DEFAULT 0,"
    " n_bytes INTEGER NOT NULL DEFAULT 0,"
    " wire_bytes INTEGER NOT NULL DEFAULT 0,"
    " peak_rss_bytes INTEGER NOT NULL DEFAULT 0,"
    " n_statements INTEGER NOT NULL DEFAULT 0,"
    " longest_statement_ms INTEGER NOT NULL DEFAULT 0,"
    " n_retries INTEGER NOT NULL DEFAULT 0,"
    " error_code INTEGER NOT NULL DEFAULT 0,"
    " error_message TEXT,"
    " detail_json TEXT,"
    " CHECK ((status = 'running') = (owner IS NOT NULL))"
    ") STRICT",

    /* The promise that two processes never run one export at once, kept by the store itself. */
    "CREATE UNIQUE INDEX runs_one_running ON runs (export_name) WHERE status = 'running'",
    "CREATE INDEX runs_by_start ON runs (started_us)",
    "CREATE INDEX runs_by_export ON runs (export_name, started_us)",

    "CREATE TABLE chunks ("
    " run_id TEXT NOT NULL REFERENCES runs (run_id),"
    " chunk_index INTEGER NOT NULL CHECK (chunk_index >= 0),"
    " bounds_kind TEXT NOT NULL CHECK (bounds_kind IN ('all', 'physical')),"
    " bounds_first INTEGER NOT NULL,"
    " bounds_last INTEGER NOT NULL,"
    " status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed')),"
    " attempts INTEGER NOT NULL DEFAULT 0,"
    " n_rows INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY (run_id, chunk_index)"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX chunks_pending ON chunks (run_id, chunk_index) WHERE status = 'pending'",

    "CREATE TABLE parts ("
    " run_id TEXT NOT NULL,"
    " chunk_index INTEGER NOT NULL,"
    " sequence INTEGER NOT NULL CHECK (sequence >= 0),"
    " name TEXT NOT NULL,"
    " n_rows INTEGER NOT NULL CHECK (n_rows >= 0),"
    " n_bytes INTEGER NOT NULL CHECK (n_bytes >= 0),"
    " xxh3 INTEGER NOT NULL,"
    " md5 BLOB NOT NULL CHECK (length(md5) = 16),"
    " column_digests TEXT NOT NULL,"
    " created_us INTEGER NOT NULL,"
    " PRIMARY KEY (run_id, chunk_index, sequence),"
    " UNIQUE (run_id, name),"
    " FOREIGN KEY (run_id, chunk_index) REFERENCES chunks (run_id, chunk_index)"
    ") STRICT, WITHOUT ROWID",

    /* Where each export stands after its last success; a run that fails never touches it. The cursor's value is
     * exact text, its type says how to read it. */
    "CREATE TABLE export_state ("
    " export_name TEXT NOT NULL PRIMARY KEY,"
    " cursor_type TEXT,"
    " cursor_value TEXT,"
    " last_run_id TEXT NOT NULL,"
    " last_run_us INTEGER NOT NULL,"
    " last_status TEXT NOT NULL,"
    " n_rows INTEGER NOT NULL,"
    " CHECK ((cursor_type IS NULL) = (cursor_value IS NULL))"
    ") STRICT",

    /* A row for each time that the columns of an export's successful runs changed, and for the first. */
    "CREATE TABLE export_schema ("
    " id INTEGER PRIMARY KEY,"
    " export_name TEXT NOT NULL,"
    " run_id TEXT NOT NULL,"
    " recorded_us INTEGER NOT NULL,"
    " schema_json TEXT NOT NULL"
    ") STRICT",
    "CREATE INDEX export_schema_by_export ON export_schema (export_name, id)",

    /* Events may belong to a run that was refused before it was recorded, hence no reference to runs. */
    "CREATE TABLE journal ("
    " id INTEGER PRIMARY KEY,"
    " run_id TEXT NOT NULL,"
    " export_name TEXT NOT NULL,"
    " event TEXT NOT NULL,"
    " detail_json TEXT NOT NULL,"
    " at_us INTEGER NOT NULL"
    ") STRICT",
    "CREATE INDEX journal_by_run ON journal (run_id, id)",
    "CREATE INDEX journal_by_export ON journal (export_name, id)",
    NULL,
};

/* Chunks of every kind, claimed by any number of processes; cursors and shapes.
 *
 * SQLite cannot change a CHECK, so chunks is made anew, and parts, which refers to it. Renaming a table takes the
 * references to it along (https://www.sqlite.org/lang_altertable.html). A chunk that was being read belonged to the
 * run's owner, whose lease it gets; what lies about of runs that ended is nobody's. Version 1 recorded no cursors, but
 * its table could hold one: of no column, so that no export takes it for its own. */
static const char *const version_2[] = {
    "ALTER TABLE runs ADD COLUMN config_fingerprint TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE runs ADD COLUMN window_json TEXT",
    /* 1 for older runs: what is not known to be repeatable is read again */
    "ALTER TABLE runs ADD COLUMN snapshot INTEGER NOT NULL DEFAULT 1 CHECK (snapshot IN (0, 1))",
    "ALTER TABLE runs ADD COLUMN n_claims INTEGER NOT NULL DEFAULT 0 CHECK (n_claims >= 0)",

    /* claim numbers the claims of one run: who lost a chunk and claimed it again cannot mix the two up. */
    "CREATE TABLE chunks_2 ("
    " run_id TEXT NOT NULL REFERENCES runs (run_id),"
    " chunk_index INTEGER NOT NULL CHECK (chunk_index >= 0),"
    " bounds TEXT NOT NULL CHECK (bounds <> ''),"
    " status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed')),"
    " owner TEXT CHECK (owner <> '')," /* who reads it; NULL unless running */
    " lease_expires_us INTEGER,"
    " claim INTEGER NOT NULL DEFAULT 0 CHECK (claim >= 0),"
    " attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),"
    " n_rows INTEGER NOT NULL DEFAULT 0 CHECK (n_rows >= 0),"
    " epoch INTEGER NOT NULL DEFAULT 0 CHECK (epoch >= 0),"
    " last_error TEXT,"
    " updated_us INTEGER NOT NULL,"
    " PRIMARY KEY (run_id, chunk_index),"
    " CHECK ((status = 'running') = (owner IS NOT NULL)),"
    " CHECK ((owner IS NULL) = (lease_expires_us IS NULL))"
    ") STRICT, WITHOUT ROWID",
    "INSERT INTO chunks_2 (run_id, chunk_index, bounds, status, owner, lease_expires_us, attempts, n_rows,"
    " updated_us)"
    " SELECT c.run_id, c.chunk_index,"
    " CASE c.bounds_kind WHEN 'all' THEN '{\"kind\":\"all\"}'"
    " ELSE '{\"kind\":\"physical\",\"first\":' || c.bounds_first || ',\"last\":' || c.bounds_last || '}' END,"
    " CASE WHEN c.status = 'running' AND coalesce(r.owner, '') = '' THEN 'pending' ELSE c.status END,"
    " CASE WHEN c.status = 'running' AND r.owner <> '' THEN r.owner END,"
    " CASE WHEN c.status = 'running' AND r.owner <> '' THEN coalesce(r.lease_expires_us, 0) END,"
    " c.attempts, c.n_rows, coalesce(r.seen_us, r.finished_us, r.started_us)"
    " FROM chunks c JOIN runs r ON r.run_id = c.run_id",

    "CREATE TABLE parts_2 ("
    " run_id TEXT NOT NULL,"
    " chunk_index INTEGER NOT NULL,"
    " sequence INTEGER NOT NULL CHECK (sequence >= 0),"
    " name TEXT NOT NULL,"
    " n_rows INTEGER NOT NULL CHECK (n_rows >= 0),"
    " n_bytes INTEGER NOT NULL CHECK (n_bytes >= 0),"
    " xxh3 INTEGER NOT NULL,"
    " md5 BLOB NOT NULL CHECK (length(md5) = 16),"
    " column_digests TEXT NOT NULL,"
    " created_us INTEGER NOT NULL,"
    " PRIMARY KEY (run_id, chunk_index, sequence),"
    " UNIQUE (run_id, name),"
    " FOREIGN KEY (run_id, chunk_index) REFERENCES chunks_2 (run_id, chunk_index)"
    ") STRICT, WITHOUT ROWID",
    "INSERT INTO parts_2 SELECT * FROM parts",
    "DROP TABLE parts",
    "DROP TABLE chunks",
    "ALTER TABLE chunks_2 RENAME TO chunks",
    "ALTER TABLE parts_2 RENAME TO parts",
    "CREATE INDEX chunks_open ON chunks (run_id, status, chunk_index) WHERE status <> 'completed'",

    /* The cursor's value is a JSON array of texts; its columns and types say what they are, its mark up to which
     * point of the source's history the export has got. */
    "CREATE TABLE export_state_2 ("
    " export_name TEXT NOT NULL PRIMARY KEY,"
    " cursor_columns TEXT,"
    " cursor_type TEXT,"
    " cursor_value TEXT CHECK (cursor_value <> ''),"
    " cursor_mark TEXT,"
    " shapes_json TEXT,"
    " last_run_id TEXT NOT NULL,"
    " last_run_us INTEGER NOT NULL,"
    " last_status TEXT NOT NULL,"
    " n_rows INTEGER NOT NULL,"
    " CHECK ((cursor_type IS NULL) = (cursor_value IS NULL)),"
    " CHECK ((cursor_columns IS NULL) = (cursor_value IS NULL)),"
    " CHECK (cursor_mark IS NULL OR cursor_value IS NOT NULL)"
    ") STRICT",
    "INSERT INTO export_state_2 (export_name, cursor_columns, cursor_type, cursor_value, last_run_id,"
    " last_run_us, last_status, n_rows)"
    " SELECT export_name, CASE WHEN cursor_value IS NOT NULL THEN '' END, cursor_type,"
    " CASE WHEN cursor_value IS NOT NULL THEN json_array(cursor_value) END, last_run_id, last_run_us,"
    " last_status, n_rows FROM export_state",
    "DROP TABLE export_state",
    "ALTER TABLE export_state_2 RENAME TO export_state",
    NULL,
};

/* What the quality gates count of a chunk's rows, so that a run can be judged by whoever ends it. */
static const char *const version_3[] = {
    "ALTER TABLE chunks ADD COLUMN tally TEXT",
    NULL,
};

/* Digests of exported rows that a later run may find again. The run that left the cursor is the one whose digests count.
 */
static const char *const version_4[] = {
    "CREATE TABLE chunk_digests ("
    " run_id TEXT NOT NULL,"
    " chunk_index INTEGER NOT NULL CHECK (chunk_index >= 0),"
    " digests BLOB NOT NULL,"
    " PRIMARY KEY (run_id, chunk_index)"
    ") STRICT, WITHOUT ROWID",
    "ALTER TABLE export_state ADD COLUMN cursor_run_id TEXT",
    NULL,
};

const rvi_migration rvi_state_sqlite_migrations[RVI_SQLITE_MIGRATIONS] = {
    {1, version_1},
    {2, version_2},
    {3, version_3},
    {4, version_4},
};
