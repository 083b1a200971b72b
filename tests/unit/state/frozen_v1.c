/* Version 1 of the state store as it was released. A copy, never edited: stores made by these statements exist. */
#include "frozen_v1.h"

#include <stddef.h>

const char *const frozen_v1_schema[] = {
    "PRAGMA application_id = 1380537940",

    "CREATE TABLE schema_version ("
    " version INTEGER PRIMARY KEY,"
    " applied_us INTEGER NOT NULL,"
    " program TEXT NOT NULL"
    ") STRICT",

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
    " owner TEXT,"
    " owned_since_us INTEGER,"
    " seen_us INTEGER,"
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

    "CREATE TABLE export_schema ("
    " id INTEGER PRIMARY KEY,"
    " export_name TEXT NOT NULL,"
    " run_id TEXT NOT NULL,"
    " recorded_us INTEGER NOT NULL,"
    " schema_json TEXT NOT NULL"
    ") STRICT",
    "CREATE INDEX export_schema_by_export ON export_schema (export_name, id)",

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

const char *const frozen_v1_content[] = {
    "INSERT INTO schema_version VALUES (1, 1795253400000000, '0.1.0')",
    "INSERT INTO runs (run_id, export_name, status, plan_fingerprint, strategy, mode, format, compression, "
    "profile,"
    " dest_kind, dest_path, dest_uri, schema_json, source_json, started_us, finished_us, n_rows, n_files, "
    "n_bytes)"
    " VALUES ('orders_20261121T093000.000', 'orders', 'success', 'xxh3:1', 'ctid', 'full', 'parquet', 'zstd',"
    " 'balanced', 'local', '/data', 'file:///data', '[]', '{}', 1795253400000000, 1795253405000000, 10, 1, "
    "4096)",
    "INSERT INTO runs (run_id, export_name, status, plan_fingerprint, strategy, mode, format, compression, "
    "profile,"
    " dest_kind, dest_path, dest_uri, schema_json, source_json, started_us, owner, owned_since_us, seen_us,"
    " lease_expires_us) VALUES ('users_20261121T093100.000', 'users', 'running', 'xxh3:2', 'ctid', 'full',"
    " 'parquet', 'zstd', 'balanced', 'local', '/data', 'file:///data', '[]', '{}', 1795253460000000, "
    "'gone/boot/1',"
    " 1795253460000000, 1795253460000000, 1795253520000000)",
    "INSERT INTO chunks VALUES ('orders_20261121T093000.000', 0, 'all', 0, 0, 'completed', 1, 10)",
    "INSERT INTO chunks VALUES ('users_20261121T093100.000', 0, 'physical', 0, 9, 'completed', 1, 5)",
    "INSERT INTO chunks VALUES ('users_20261121T093100.000', 1, 'physical', 10, 19, 'running', 1, 0)",
    "INSERT INTO parts VALUES ('orders_20261121T093000.000', 0, 0, 'o.parquet', 10, 4096, -1,"
    " x'00112233445566778899aabbccddeeff', '[]', 1795253405000000)",
    "INSERT INTO parts VALUES ('users_20261121T093100.000', 0, 0, 'u.parquet', 5, 2048, 1,"
    " x'00112233445566778899aabbccddeeff', '[]', 1795253465000000)",
    "INSERT INTO export_state VALUES ('orders', 'timestamp', '2026-11-21 09:29:59.123456',"
    " 'orders_20261121T093000.000', 1795253405000000, 'success', 10)",
    "INSERT INTO export_schema VALUES (1, 'orders', 'orders_20261121T093000.000', 1795253405000000, '[]')",
    "INSERT INTO journal VALUES (1, 'orders_20261121T093000.000', 'orders', 'PlanResolved', '{}', "
    "1795253400000000)",
    NULL,
};
