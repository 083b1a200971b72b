/* rivet/config.h - the typed configuration after validation. Nobody outside config/ sees YAML.
 *
 * Everything lies in one arena owned by the rv_config; strings are borrowed from it. Keys, types, ranges, defaults
 * and documentation come from src/config/schema.def, the table that also makes the JSON Schema and the reference
 * page. Immutable once loaded; any thread may read it. */
#ifndef RIVET_CONFIG_H
#define RIVET_CONFIG_H

#include "rivet/bounds.h"
#include "rivet/meta.h"
#include "rivet/schema.h"
#include "rivet/secret.h"
#include "rivet/sink.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum rv_tls_mode {
    RV_TLS_UNSET =
        0, /* no tls block, no sslmode in the URL: plaintext, allowed to loopback and sockets only */
    RV_TLS_DISABLE,
    RV_TLS_REQUIRE,
    RV_TLS_VERIFY_CA,
    RV_TLS_VERIFY_FULL,
} rv_tls_mode;

typedef struct rv_tls_config {
    rv_tls_mode mode;
    const char *ca_file; /* NULL: the system's */
    bool accept_invalid_certs, accept_invalid_hostnames;
} rv_tls_config;

/* Without a word about TLS only what stays on this machine (loopback, a socket's path) may be reached. Fails SOURCE_TLS. */
rv_code rv_tls_check_host(const rv_tls_config *tls, const char *host, rv_error *err) RV_MUST_CHECK;
/* The trusted certificates: the configured file, else the system's bundle; borrowed or static. No client library finds
 * the latter by itself everywhere (libpq from 16 on). Fails SOURCE_TLS. */
rv_code rv_tls_find_ca_file(const rv_tls_config *tls, const char **out, rv_error *err) RV_MUST_CHECK;

/* How to reach a source. For SQLite only `kind` and `path` are set. */
typedef struct rv_source_config {
    const char *kind; /* "postgres", "mysql", "mssql", "sqlite": names the driver */
    const char
        *host; /* NULL: the driver's default; starts with '/': a socket, or (PostgreSQL) its directory */
    int port;  /* 0: the driver's default */
    const char *user, *database;
    rv_secret *password; /* NULL: none given */
    const char *path;    /* SQLite: file, relative to the configuration's folder already applied */
    rv_tls_config tls;
    const char *application_name; /* what the server shows for us */
    int connect_timeout_s;
    const char *display; /* "postgresql://etl@db1:5432/shop": for messages; never holds a secret */
} rv_source_config;

typedef enum rv_profile { RV_PROFILE_BALANCED = 0, RV_PROFILE_FAST, RV_PROFILE_SAFE } rv_profile;

/* What becomes of a page above max_batch_memory_mb. */
typedef enum rv_batch_exceeded {
    RV_BATCH_WARN = 0,    /* it is used, and counted in the summary */
    RV_BATCH_FAIL,        /* the export fails */
    RV_BATCH_AUTO_SHRINK, /* it is given up and read again in smaller ones */
} rv_batch_exceeded;

/* Effective for one export: profile, then source.tuning, then the export's tuning, field by field. */
typedef struct rv_tuning {
    rv_profile profile;
    int64_t batch_size;           /* most rows of one page; 0: by time and memory alone */
    int64_t batch_size_memory_mb; /* most megabytes of one page; 0: the default of the memory plan */
    int64_t throttle_ms;          /* pause per batch_size (or 10,000) rows, between statements; 0: none */
    bool throttle_given;
    int64_t statement_timeout_s; /* 0: none */
    int64_t lock_timeout_s;      /* 0: none */
    int64_t statement_target_ms; /* what one statement should take */
    int64_t duty_percent;        /* share of time the source may be kept busy, 1..100 */
    bool gives_way;       /* others on this machine come first: the source's server may be one of them */
    int64_t max_value_mb; /* 0: no limit but the format's */
    int64_t max_snapshot_age_s; /* 0: no limit */
    int64_t max_rows_per_s;     /* token bucket over all lanes; 0: none */
    int64_t max_mb_per_s;       /* of wire bytes, likewise; 0: none */
    int64_t max_retries;      /* repetitions after a passing failure, of a chunk and of the whole run each */
    int64_t retry_backoff_ms; /* before the first repetition; doubled each time, with jitter */
    int64_t memory_threshold_mb; /* resident memory above which no page is begun; 0: off */
    bool adaptive;               /* the number of lanes follows the pressure on the source */
    int64_t min_parallel;        /* lanes that `adaptive` leaves; at least 1 */
    int64_t max_batch_memory_mb; /* of one page's content; 0: the memory plan's own limit */
    rv_batch_exceeded on_batch_memory_exceeded;
} rv_tuning;

typedef enum rv_relation_kind { RV_RELATION_TABLE = 1, RV_RELATION_QUERY } rv_relation_kind;
typedef struct rv_relation {
    rv_relation_kind kind;
    const char *schema; /* TABLE: NULL: found by the source's own search rules */
    const char *table;  /* exactly as the source spells it: no folding, no quotes */
    const char *query;  /* QUERY: one SELECT without a trailing semicolon */
} rv_relation;

typedef enum rv_format_kind { RV_FORMAT_PARQUET = 1, RV_FORMAT_CSV } rv_format_kind;
typedef enum rv_codec {
    RV_CODEC_NONE = 0,
    RV_CODEC_ZSTD,
    RV_CODEC_SNAPPY,
    RV_CODEC_GZIP,
    RV_CODEC_LZ4,
} rv_codec;
enum { RV_CODEC_COUNT = RV_CODEC_LZ4 + 1 };

typedef struct rv_csv_options {
    char delimiter;          /* one ASCII byte; default ',' */
    const char *null_text;   /* default "": an empty unquoted field */
    bool header;             /* default true */
    const char *line_ending; /* "\n" (default) or "\r\n" */
} rv_csv_options;

/* How far the encodings of a Parquet file may go; the default is what zeroed options mean. */
typedef enum rv_parquet_compat {
    RV_PARQUET_DEFAULT = 0,
    RV_PARQUET_MAX,    /* PLAIN and dictionary only: what every reader knows */
    RV_PARQUET_MODERN, /* every encoding, on every type that the format allows it for */
} rv_parquet_compat;

typedef enum rv_parquet_encoding {
    RV_ENCODING_AUTO = 0,
    RV_ENCODING_PLAIN,
    RV_ENCODING_DICTIONARY,
    RV_ENCODING_DELTA,
    RV_ENCODING_DELTA_LENGTH,
    RV_ENCODING_DELTA_BYTE_ARRAY,
    RV_ENCODING_BYTE_STREAM_SPLIT,
    RV_ENCODING_RLE,
} rv_parquet_encoding;
enum { RV_ENCODING_COUNT = RV_ENCODING_RLE + 1 };
const char *rv_parquet_encoding_name(rv_parquet_encoding encoding); /* "delta_length"; static */

typedef struct rv_parquet_column {
    const char *column;
    rv_parquet_encoding encoding;
} rv_parquet_column;

/* What closes a row group. */
typedef enum rv_row_groups {
    RV_ROW_GROUPS_AUTO = 0,     /* size, rows or memory, whichever comes first */
    RV_ROW_GROUPS_FIXED_ROWS,   /* `rows` */
    RV_ROW_GROUPS_FIXED_MEMORY, /* target_bytes */
} rv_row_groups;

/* All zero: the defaults. */
typedef struct rv_parquet_options {
    rv_parquet_compat compat;
    const rv_parquet_column *columns; /* encodings that the user chose; they win over `compat` */
    int n_columns;
    const char *const *bloom; /* columns that get a Bloom filter */
    int n_bloom;
    rv_row_groups row_groups;
    int64_t rows;          /* FIXED_ROWS: of every group but a file's last; RV_ROW_GROUP_ROWS_MIN to _MAX */
    uint64_t target_bytes; /* AUTO, FIXED_MEMORY: compressed; 0: 128 MiB */
    uint64_t max_bytes;    /* any strategy: compressed; 0: none */
} rv_parquet_options;
enum { RV_ROW_GROUP_ROWS_MIN = 1000, RV_ROW_GROUP_ROWS_MAX = 10 * 1000 * 1000 };

typedef struct rv_format_config {
    rv_format_kind kind;
    rv_codec codec;
    int level; /* codec's own scale; 0: the codec's default */
    rv_csv_options csv;
    rv_parquet_options parquet;
    uint64_t max_file_bytes; /* at which a new part is begun; 0: none */
} rv_format_config;

typedef struct rv_dest_config {
    const char *kind; /* "local", "stdout" */
    const char *path; /* local: folder, placeholders unexpanded, relative to the working directory */
} rv_dest_config;

typedef enum rv_on_existing { RV_EXISTING_APPEND = 0, RV_EXISTING_REPLACE, RV_EXISTING_FAIL } rv_on_existing;
typedef enum rv_consistency { RV_CONSISTENCY_SNAPSHOT = 0, RV_CONSISTENCY_STATEMENT } rv_consistency;

typedef enum rv_mode { RV_MODE_FULL = 0, RV_MODE_INCREMENTAL, RV_MODE_CHUNKED, RV_MODE_TIME_WINDOW } rv_mode;
const char *rv_mode_name(rv_mode mode); /* "time_window"; static */

/* mode: incremental. The rows above the last run's high-water mark. */
typedef struct rv_cursor_config {
    rv_key key;           /* cursor_column: one, or several as a list; ascending */
    const char *fallback; /* cursor_fallback_column, with incremental_cursor_mode: coalesce; NULL: none */
    int64_t
        lookback_us; /* cursor_lookback: how far below the mark late rows are looked for; 0: not; -1: what was
                             given is no time */
    int64_t
        lookback_units; /* the same for a cursor of whole numbers, in its own unit; -1: a time was given */
    bool by_key;        /* keyset_incremental: pages along the key, whatever else would apply */
} rv_cursor_config;

/* How the rows are cut into chunks; zero or NULL: not given. At most one of column's ways and by_key is. */
typedef struct rv_chunk_config {
    const char *column;     /* chunk_column */
    int64_t size;           /* chunk_size: width of a range of `column`, rows otherwise; 0: not given */
    int64_t size_memory_mb; /* chunk_size_memory_mb */
    int64_t count;          /* chunk_count: ranges of `column` */
    int64_t by_days;        /* chunk_by_days: of `column` */
    bool dense;             /* chunk_dense: `size` rows of `column` each, however sparse it is */
    rv_key by_key;          /* chunk_by_key: n_columns 0: not given */
    int64_t max_attempts;   /* chunk_max_attempts; 0: tuning.max_retries + 1 */
} rv_chunk_config;

/* mode: time_window. From midnight UTC, `days` days ago, on. */
typedef struct rv_time_window_config {
    const char *column;
    bool unix_seconds; /* time_column_type: unix */
    int64_t days;
} rv_time_window_config;

/* partition_by: one complete prefix for each day, month or year of a column. */
typedef enum rv_granularity {
    RV_GRANULARITY_DAY = 0,
    RV_GRANULARITY_MONTH,
    RV_GRANULARITY_YEAR
} rv_granularity;
typedef struct rv_partition_config {
    const char *column; /* NULL: not partitioned */
    rv_granularity granularity;
    /* One partition's export, as rv_plan_partitions() derives it; all NULL in what the file says. */
    const rv_range *range;
    const char *label; /* stands for {partition}: "ordered_at=2024-01-31", "…=__HIVE_DEFAULT_PARTITION__" */
    const char *parent; /* name of the export that it is a part of */
} rv_partition_config;

typedef struct rv_null_ratio {
    const char *column;
    double max; /* 0 to 1 */
} rv_null_ratio;
typedef struct rv_quality_config {
    int64_t row_count_min, row_count_max; /* -1: not given */
    const rv_null_ratio *null_ratios;
    int n_null_ratios;
    const char *const *unique_columns;
    int n_unique_columns;
    int64_t unique_max_entries; /* values remembered for each; 0: the default */
} rv_quality_config;
typedef enum rv_on_drift { RV_DRIFT_WARN = 0, RV_DRIFT_CONTINUE, RV_DRIFT_FAIL } rv_on_drift;

/* What `rivet run` does with a run of this export that an earlier process left open. */
typedef enum rv_on_interrupted {
    RV_INTERRUPTED_RESUME = 0,
    RV_INTERRUPTED_RESTART,
    RV_INTERRUPTED_FAIL
} rv_on_interrupted;

typedef struct rv_export_config {
    const char *name;
    rv_mode mode;
    rv_relation relation;
    rv_cursor_config cursor;
    rv_chunk_config chunk;
    rv_time_window_config time_window;
    rv_partition_config partition;
    rv_meta_columns meta;
    rv_quality_config quality;
    rv_on_drift on_schema_drift;
    double shape_drift_warn_factor; /* 0: off */
    int parallel;                   /* lanes; at least 1 */
    rv_on_interrupted on_interrupted;
    rv_format_config format;
    rv_dest_config dest;
    rv_tuning tuning;
    rv_schema_options schema; /* overrides and policies */
    rv_on_existing on_existing;
    rv_consistency consistency;
    bool skip_empty;
    bool row_security_acknowledged; /* row_security: acknowledge */
} rv_export_config;

typedef struct rv_config {
    rv_arena *arena;
    const char *path;      /* as given */
    const char *directory; /* the folder it lies in */
    rv_source_config source;
    rv_export_config *exports;
    int n_exports;
    bool parallel_exports;                    /* at the same time, within max_connections */
    int64_t state_keep_runs, state_keep_days; /* of runs that have ended, for each export */
    int max_connections; /* source.max_connections: of all exports together; 0: no limit */
} rv_config;

/* One problem of a file. `line` and `column` are 1-based; 0: not tied to a place. */
typedef struct rv_finding {
    rv_code code;
    bool warning;
    int line, column;
    const char *path;    /* "exports[0].destination.type" */
    const char *message; /* what was found, what is allowed, "did you mean" */
} rv_finding;
typedef struct rv_findings {
    rv_arena *arena;
    rv_finding *items;
    int n, capacity;
} rv_findings;

void rv_findings_free(rv_findings *findings); /* contents only */

/* --param K=V, beating the environment. */
typedef struct rv_param {
    const char *name, *value;
} rv_param;

typedef struct rv_config_input {
    const char *path;
    const rv_param *params;
    int n_params;
    const char *(*getenv)(const char *name); /* injected; NULL: the process's environment */
} rv_config_input;

/* Read, check and bind a file. All problems (and warnings) are put into `findings` in file order; the secrets met
 * are added to `redactor`. Fails CONFIG_UNREADABLE, CONFIG_SYNTAX, CONFIG_INVALID (see findings; the code of the
 * only problem when there is just one), OUT_OF_MEMORY. On success there may still be warnings. `findings` is zeroed
 * by the caller and freed by it in any case; `redactor` may be NULL. */
rv_code rv_config_load(rv_config **out, const rv_config_input *input, rv_redactor *redactor,
                       rv_findings *findings, rv_error *err) RV_MUST_CHECK;
/* Where a configuration lies (path and directory) and nothing else of it: its content is not read. For who only wants
 * what lies beside it. Fails CONFIG_UNREADABLE when there is no such file, OUT_OF_MEMORY. */
rv_code rv_config_locate(rv_config **out, const char *path, rv_error *err) RV_MUST_CHECK;
void rv_config_free(rv_config *config);
RV_DEFINE_AUTO(rv_config, rv_config_free)

/* NULL when there is none; then *suggestion (may be NULL) is the nearest name or NULL. */
const rv_export_config *rv_config_export(const rv_config *config, const char *name, const char **suggestion);

/* Parse a connection URL (postgresql://, postgres://, sqlite://path, mysql://, sqlserver://, mssql://) into a
 * source configuration; user, password and database are percent-decoded; ?sslmode= and ?sslrootcert= become the
 * TLS block. out->password is the caller's (rv_secret_free), the rest lies in the arena; `redactor` may be NULL.
 * Fails CONFIG_VALUE, without repeating any part after the scheme. */
rv_code rv_source_config_from_url(rv_arena *arena, const char *url, rv_redactor *redactor,
                                  rv_source_config *out, rv_error *err) RV_MUST_CHECK;

/* The generated documents, from the same table that the loader reads. */
rv_code rv_config_write_json_schema(rv_sink *sink, rv_error *err) RV_MUST_CHECK;
rv_code rv_config_write_reference(rv_sink *sink, rv_error *err) RV_MUST_CHECK; /* Markdown */

/* The reading of the `table:` key: [schema.]table, each part a plain text without dots or a "double-quoted" one
 * ("" inside stands for a quote). Fills relation->schema and ->table in the arena. Fails CONFIG_VALUE. */
rv_code rv_relation_parse_table(rv_arena *arena, const char *text, rv_relation *relation,
                                rv_error *err) RV_MUST_CHECK;

const char *rv_profile_name(rv_profile profile);
const char *rv_codec_name(rv_codec codec);
const char *rv_format_name(rv_format_kind kind); /* also the file extension */

#endif
