#include "state/postgres/internal.h"

/* The tables of the state store, as they grew; the same as in SQLite, in PostgreSQL's types. A statement that has been
 * released is never edited. Names compare by their bytes, whatever the database's collation. All times are microseconds
 * since 1970-01-01 UTC. 64-bit hashes are stored as the signed integer with the same bits. */

#define NAME "TEXT COLLATE \"C\" NOT NULL"

static const char *const version_1[] = {
    "CREATE TABLE schema_version ("
    " version BIGINT PRIMARY KEY,"
    " applied_us BIGINT NOT NULL,"
    " program TEXT NOT NULL"
    ")",
    "COMMENT ON TABLE schema_version IS '" RVI_STATE_PG_MARK "'",

    /* One row per run: its plan, its lease while it runs, its verdict and metrics afterwards. */
    "CREATE TABLE runs ("
    " run_id " NAME " PRIMARY KEY,"
    " export_name " NAME ","
    " status TEXT NOT NULL CHECK (status IN ('running', 'success', 'failed', 'skipped', 'interrupted')),"
    " plan_fingerprint TEXT NOT NULL,"
    " config_fingerprint TEXT NOT NULL,"
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
    " window_json TEXT,"
    " snapshot BIGINT NOT NULL CHECK (snapshot IN (0, 1)),"
    " n_claims BIGINT NOT NULL DEFAULT 0 CHECK (n_claims >= 0),"
    " started_us BIGINT NOT NULL,"
    " owner TEXT,"            /* holder of the lease; NULL once the run has ended */
    " owned_since_us BIGINT," /* when that owner started it or took it over */
    " seen_us BIGINT,"        /* the owner's last sign of life */
    " lease_expires_us BIGINT,"
    " finished_us BIGINT,"
    " duration_ms BIGINT NOT NULL DEFAULT 0,"
    " n_rows BIGINT NOT NULL DEFAULT 0,"
    " n_files BIGINT NOT NULL DEFAULT 0,"
    " n_bytes BIGINT NOT NULL DEFAULT 0,"
    " wire_bytes BIGINT NOT NULL DEFAULT 0,"
    " peak_rss_bytes BIGINT NOT NULL DEFAULT 0,"
    " n_statements BIGINT NOT NULL DEFAULT 0,"
    " longest_statement_ms BIGINT NOT NULL DEFAULT 0,"
    " n_retries BIGINT NOT NULL DEFAULT 0,"
    " error_code BIGINT NOT NULL DEFAULT 0,"
    " error_message TEXT,"
    " detail_json TEXT,"
    " CHECK ((status = 'running') = (owner IS NOT NULL))"
    ")",

    /* The promise that two processes never run one export at once, kept by the store itself. */
    "CREATE UNIQUE INDEX runs_one_running ON runs (export_name) WHERE status = 'running'",
    "CREATE INDEX runs_by_start ON runs (started_us)",
    "CREATE INDEX runs_by_export ON runs (export_name, started_us)",

    "CREATE TABLE chunks ("
    " run_id " NAME " REFERENCES runs (run_id),"
    " chunk_index BIGINT NOT NULL CHECK (chunk_index >= 0),"
    " bounds TEXT NOT NULL CHECK (bounds <> ''),"
    " status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed')),"
    " owner TEXT CHECK (owner <> '')," /* who reads it; NULL unless running */
    " lease_expires_us BIGINT,"
    " claim BIGINT NOT NULL DEFAULT 0 CHECK (claim >= 0),"
    " attempts BIGINT NOT NULL DEFAULT 0 CHECK (attempts >= 0),"
    " n_rows BIGINT NOT NULL DEFAULT 0 CHECK (n_rows >= 0),"
    " epoch BIGINT NOT NULL DEFAULT 0 CHECK (epoch >= 0),"
    " last_error TEXT,"
    " updated_us BIGINT NOT NULL,"
    " PRIMARY KEY (run_id, chunk_index),"
    " CHECK ((status = 'running') = (owner IS NOT NULL)),"
    " CHECK ((owner IS NULL) = (lease_expires_us IS NULL))"
    ")",
    "CREATE INDEX chunks_open ON chunks (run_id, status, chunk_index) WHERE status <> 'completed'",

    "CREATE TABLE parts ("
    " run_id " NAME ","
    " chunk_index BIGINT NOT NULL,"
    " sequence BIGINT NOT NULL CHECK (sequence >= 0),"
    " name " NAME ","
    " n_rows BIGINT NOT NULL CHECK (n_rows >= 0),"
    " n_bytes BIGINT NOT NULL CHECK (n_bytes >= 0),"
    " xxh3 BIGINT NOT NULL,"
    " md5 BYTEA NOT NULL CHECK (length(md5) = 16),"
    " column_digests TEXT NOT NULL,"
    " created_us BIGINT NOT NULL,"
    " PRIMARY KEY (run_id, chunk_index, sequence),"
    " UNIQUE (run_id, name),"
    " FOREIGN KEY (run_id, chunk_index) REFERENCES chunks (run_id, chunk_index)"
    ")",

    "CREATE TABLE export_state ("
    " export_name " NAME " PRIMARY KEY,"
    " cursor_columns TEXT,"
    " cursor_type TEXT,"
    " cursor_value TEXT CHECK (cursor_value <> ''),"
    " cursor_mark TEXT,"
    " shapes_json TEXT,"
    " last_run_id " NAME ","
    " last_run_us BIGINT NOT NULL,"
    " last_status TEXT NOT NULL,"
    " n_rows BIGINT NOT NULL,"
    " CHECK ((cursor_type IS NULL) = (cursor_value IS NULL)),"
    " CHECK ((cursor_columns IS NULL) = (cursor_value IS NULL)),"
    " CHECK (cursor_mark IS NULL OR cursor_value IS NOT NULL)"
    ")",

    "CREATE TABLE export_schema ("
    " id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " export_name " NAME ","
    " run_id " NAME ","
    " recorded_us BIGINT NOT NULL,"
    " schema_json TEXT NOT NULL"
    ")",
    "CREATE INDEX export_schema_by_export ON export_schema (export_name, id)",

    "CREATE TABLE journal ("
    " id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " run_id " NAME ","
    " export_name " NAME ","
    " event TEXT NOT NULL,"
    " detail_json TEXT NOT NULL,"
    " at_us BIGINT NOT NULL"
    ")",
    "CREATE INDEX journal_by_run ON journal (run_id, id)",
    "CREATE INDEX journal_by_export ON journal (export_name, id)",
    NULL,
};

/* What the quality gates count of a chunk's rows, so that a run can be judged by whoever ends it. */
static const char *const version_2[] = {
    "ALTER TABLE chunks ADD COLUMN tally TEXT",
    NULL,
};

/* Digests of exported rows that a later run may find again. The run that left the cursor is the one whose digests count.
 */
static const char *const version_3[] = {
    "CREATE TABLE chunk_digests ("
    " run_id " NAME ","
    " chunk_index BIGINT NOT NULL CHECK (chunk_index >= 0),"
    " digests BYTEA NOT NULL,"
    " PRIMARY KEY (run_id, chunk_index)"
    ")",
    "ALTER TABLE export_state ADD COLUMN cursor_run_id TEXT COLLATE \"C\"",
    NULL,
};

const rvi_migration rvi_state_pg_migrations[RVI_STATE_PG_MIGRATIONS] = {
    {1, version_1},
    {2, version_2},
    {3, version_3},
};
