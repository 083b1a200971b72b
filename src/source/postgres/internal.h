/* postgres/internal.h - what the files of the PostgreSQL driver share.
 *
 *   connect.c  a session: the handshake, what kind of server it is (the connection itself: rivet/pgconn.h)
 *   session.c  waiting, statements, transactions: every wait has a deadline and hears the cancel token
 *   catalog.c  describe and list; index.c  indexes; types.c  from type OIDs to schema types and wire forms
 *   scan.c     a scan's life and its SQL; blocks.c, stream.c, keyset.c  its pages, one file for each way
 *   where.c    relations, keys and ranges in SQL; place.c  keys of rows as texts
 *   page.c     one COPY or FETCH from the network
 *   copy.c     the binary COPY stream; rows.c  how its columns are read; decode.c  one cell
 *   ends.c     the ends of a key; split.c  places that cut it; watch.c  horizon, shared snapshot, pressure
 *   errors.c   what a statement failed of (SQLSTATEs: rivet/pgconn.h)
 *
 * copy.c, rows.c and decode.c see bytes only and never the server. What drivers of SQL servers share: source/sql. */
#ifndef SOURCE_POSTGRES_INTERNAL_H
#define SOURCE_POSTGRES_INTERNAL_H

#include "rivet/bytes.h"
#include "rivet/pgconn.h"
#include "rivet/source.h"
#include "source/sql/rows.h"

#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdlib.h>

RV_DEFINE_AUTO(PGresult, PQclear)
/* Text that libpq allocated. */
static inline void rvi_pg_text_free(char *text)
{
    PQfreemem(text);
}
RV_DEFINE_AUTO(char, rvi_pg_text_free)

enum {
    RVI_PG_POLL_SLICE_MS = 100,     /* how soon a wait hears a cancellation */
    RVI_PG_CONTROL_MS = 60 * 1000,  /* BEGIN, SET, catalog look-ups; a pooler may queue us meanwhile */
    RVI_PG_GRACE_MS = 10 * 1000,    /* on top of the server's own limits, which should speak first */
    RVI_PG_STALL_MS = 60 * 1000,    /* a COPY without a filter has no reason to send nothing for so long */
    RVI_PG_END_MS = 5 * 1000,       /* giving a transaction back */
    RVI_PG_SQL_BYTES = 64 << 20,    /* ceiling of any statement that is built */
    RVI_PG_PHYSICAL_SINCE = 140000, /* TID range scans. PostgreSQL 14 release notes, E.1.3.1.4 */
};
#define RVI_PG_NO_DEADLINE INT64_MAX
#define RVI_PG_PARTITIONED "partitioned table" /* rv_relation_info.kind of one */

/* One connection. Made by open, owned by the caller of open; one thread at a time, `interrupted` excepted. */
typedef struct rvi_pg {
    rv_source base;
    PGconn *conn;            /* NULL: given up */
    atomic_bool interrupted; /* set by any thread; stays set */
    bool ending;             /* end() is running: cancellation must not keep it from its work */
    bool begun;              /* between begin() and end() */
    bool snapshot;           /* a REPEATABLE READ transaction is open until end() */
    bool watches_client;     /* client_connection_check_interval can be set: 14 and later, on Linux */
    bool pooled;
    bool raw_text;           /* a SQL_ASCII database: text comes as it is, and is checked here */
    bool late_cancel;        /* a cancel request found its statement finished and may hit the next one */
    int version;             /* 150008 */
    int money_scale;         /* fraction digits of the database's lc_monetary; -1: not asked yet */
    int64_t sent_us;         /* monotonic: when the statement in flight was sent */
    rv_read_options options; /* of begin() */
    char tls_detail[96];
} rvi_pg;

/* connect.c */
rv_code rvi_pg_open(rv_source **out, const rv_source_config *cfg, rv_cancel *cancel,
                    rv_error *err) RV_MUST_CHECK;
void rvi_pg_close(rv_source *source);

/* session.c. Deadlines are absolute, microseconds of rvi_pg_now_us(). */
typedef struct rvi_pg_statement {
    const char *sql;
    const char *const *params; /* text form; NULL elements are SQL NULL */
    int n_params;
} rvi_pg_statement;

int64_t rvi_pg_now_us(void);
int64_t rvi_pg_control_deadline(void);
int64_t rvi_pg_statement_deadline(const rvi_pg *pg); /* the options' statement timeout and some grace */
/* Wait until the socket is ready. Fails CANCELLED, SOURCE_LOST (deadline). */
rv_code rvi_pg_wait(rvi_pg *pg, short events, int64_t deadline_us, rv_error *err) RV_MUST_CHECK;
/* Fails CANCELLED when somebody asked to stop. */
rv_code rvi_pg_check_stop(const rvi_pg *pg, rv_error *err) RV_MUST_CHECK;
/* Run one statement (extended protocol, unnamed) and return its result, which holds no error. */
rv_code rvi_pg_query(rvi_pg *pg, const rvi_pg_statement *statement, int64_t deadline_us, PGresult **out,
                     rv_error *err) RV_MUST_CHECK;
/* The same for a look-up, within the time that look-ups have. */
rv_code rvi_pg_ask(rvi_pg *pg, const char *sql, const char *const *params, int n_params, PGresult **out,
                   rv_error *err) RV_MUST_CHECK;
/* Run statements separated by semicolons in one round trip; results are thrown away. */
rv_code rvi_pg_run(rvi_pg *pg, const char *sql, int64_t deadline_us, rv_error *err) RV_MUST_CHECK;
/* Column names and types of a SELECT without running it. */
rv_code rvi_pg_describe_sql(rvi_pg *pg, const char *sql, PGresult **out, rv_error *err) RV_MUST_CHECK;
/* Send statements whose results the caller collects with rvi_pg_next_result(). */
rv_code rvi_pg_send(rvi_pg *pg, const char *sql, int64_t deadline_us, rv_error *err) RV_MUST_CHECK;
/* The same for one statement whose rows come in binary form. */
rv_code rvi_pg_send_binary(rvi_pg *pg, const char *sql, int64_t deadline_us, rv_error *err) RV_MUST_CHECK;
/* The next result; NULL: the statements are finished. */
rv_code rvi_pg_next_result(rvi_pg *pg, int64_t deadline_us, PGresult **out, rv_error *err) RV_MUST_CHECK;
/* The result's failure, or RV_OK. */
rv_code rvi_pg_check_result(rvi_pg *pg, const PGresult *result, rv_error *err) RV_MUST_CHECK;
/* Make the server stop the statement in flight and swallow what it still sends. false: the connection is lost. */
bool rvi_pg_abandon_statement(rvi_pg *pg);
/* A read-only transaction with this driver's settings, all of them SET LOCAL. */
rv_code rvi_pg_txn_open(rvi_pg *pg, const rv_read_options *options, rv_error *err) RV_MUST_CHECK;
/* What that sends, for callers whose statements go along with it. */
rv_code rvi_pg_append_begin(const rvi_pg *pg, const rv_read_options *options, rv_bytes *sql,
                            rv_error *err) RV_MUST_CHECK;
/* The same for catalog look-ups, with short limits; does nothing inside a snapshot. */
rv_code rvi_pg_txn_open_catalog(rvi_pg *pg, rv_error *err) RV_MUST_CHECK;
void rvi_pg_txn_close(rvi_pg *pg); /* does nothing inside a snapshot */
void rvi_pg_txn_end(rvi_pg *pg);   /* whatever is open; drops the connection if it must */
/* "a" or 'a', quoted, into sql. */
rv_code rvi_pg_append_name(rvi_pg *pg, rv_bytes *sql, const char *name, rv_error *err) RV_MUST_CHECK;
rv_code rvi_pg_append_literal(const rvi_pg *pg, rv_bytes *sql, const char *text, rv_error *err) RV_MUST_CHECK;

/* A cell of a result in text form. */
static inline int64_t rvi_pg_get_i64(const PGresult *result, int row, int column, int64_t if_null)
{
    return PQgetisnull(result, row, column) ? if_null : strtoll(PQgetvalue(result, row, column), NULL, 10);
}
static inline bool rvi_pg_get_bool(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column)[0] == 't';
}

/* errors.c */
rv_code rvi_pg_fail_result(rvi_pg *pg, const PGresult *result, rv_error *err);
rv_code rvi_pg_fail_lost(rvi_pg *pg, rv_error *err);
/* `rc` of a statement that is no page of its own: it can be neither made smaller nor asked again as it was. */
rv_code rvi_pg_fail_for_good(rv_code rc, rv_error *err);

/* decode.c, rows.c, copy.c: bytes to columns */

/* The binary forms that this driver reads itself. Everything else is cast to text by the server. */
typedef enum rvi_pg_wire {
    RVI_PG_WIRE_TEXT = 0, /* text, varchar, bpchar, name, json, enum labels, whatever was cast */
    RVI_PG_WIRE_BOOL,
    RVI_PG_WIRE_INT2,
    RVI_PG_WIRE_INT4,
    RVI_PG_WIRE_INT8,
    RVI_PG_WIRE_OID,
    RVI_PG_WIRE_FLOAT4,
    RVI_PG_WIRE_FLOAT8,
    RVI_PG_WIRE_NUMERIC,
    RVI_PG_WIRE_MONEY,
    RVI_PG_WIRE_DATE,
    RVI_PG_WIRE_TIME,
    RVI_PG_WIRE_TIMESTAMP, /* and timestamptz */
    RVI_PG_WIRE_INTERVAL,
    RVI_PG_WIRE_JSONB,
    RVI_PG_WIRE_BYTEA,
    RVI_PG_WIRE_UUID,
    RVI_PG_WIRE_COUNT
} rvi_pg_wire;

/* `wire` is the field's own, or its element's when field->type is a list. */
rvi_sql_decode_fn rvi_pg_decoder(rvi_pg_wire wire, const rv_field *field);

/* `types` (n_fields) says how each field arrives. Fails OUT_OF_MEMORY. */
struct rvi_pg_type;
rv_code rvi_pg_rows_init(rvi_sql_rows *rows, rv_arena *arena, const rv_schema *schema,
                         const struct rvi_pg_type *types, uint64_t max_value_bytes,
                         rv_error *err) RV_MUST_CHECK;

/* The parser of one COPY … (FORMAT binary). Bytes may be cut anywhere. */
typedef enum rvi_pg_copy_state {
    RVI_PG_COPY_HEADER = 0,
    RVI_PG_COPY_TUPLES,
    RVI_PG_COPY_END
} rvi_pg_copy_state;
typedef struct rvi_pg_copy {
    rvi_sql_rows *rows;
    rvi_pg_copy_state state;
    rv_bytes rest; /* the start of something whose end has not come yet */
    int64_t n_rows;
} rvi_pg_copy;
void rvi_pg_copy_init(rvi_pg_copy *copy, rvi_sql_rows *rows);
void rvi_pg_copy_deinit(rvi_pg_copy *copy);
static inline void rvi_pg_copy_auto(rvi_pg_copy *copy) /* RV_AUTO(rvi_pg_copy) on the struct itself */
{
    rvi_pg_copy_deinit(copy);
}
/* Fails SOURCE_PROTOCOL, LIMIT_EXCEEDED with RV_RETRY_SMALLER (the page is full), and what a value fails with. */
rv_code rvi_pg_copy_feed(rvi_pg_copy *copy, const uint8_t *bytes, size_t len, rv_error *err) RV_MUST_CHECK;
/* After the server's last message: the trailer must have been seen and n_rows be what the server counted. */
rv_code rvi_pg_copy_finish(const rvi_pg_copy *copy, const char *server_count, rv_error *err) RV_MUST_CHECK;

/* types.c */
typedef enum rvi_pg_cast {
    RVI_PG_CAST_NONE = 0,
    RVI_PG_CAST_TEXT,
    RVI_PG_CAST_TEXT_ARRAY,
    RVI_PG_CAST_NUMERIC_TEXT, /* money: its own text depends on lc_monetary */
} rvi_pg_cast;

typedef struct rvi_pg_type {
    rv_type natural;
    rv_fidelity fidelity;
    rvi_pg_wire wire; /* the list's element's, for a list */
    rvi_pg_cast cast; /* what the SELECT must say so that `wire` arrives */
    uint32_t element_oid;
} rvi_pg_type;

typedef struct rvi_pg_type_ref {
    uint32_t oid;
    int32_t mod;        /* -1: none */
    int32_t dimensions; /* as declared (attndims); 0: unknown */
} rvi_pg_type_ref;
/* The names of types as a cast takes them, one row each, in order; without their modifiers if `bare`. */
typedef enum rvi_pg_names { RVI_PG_NAMES_FULL = 0, RVI_PG_NAMES_BARE } rvi_pg_names;
rv_code rvi_pg_name_types(rvi_pg *pg, const rvi_pg_type_ref *refs, int n, rvi_pg_names form, PGresult **out,
                          rv_error *err) RV_MUST_CHECK;
/* Asks the catalog about types that are not built in. Inside a transaction of the caller's. */
rv_code rvi_pg_resolve_types(rvi_pg *pg, const rvi_pg_type_ref *refs, int n, rvi_pg_type *out,
                             rv_error *err) RV_MUST_CHECK;
/* The part that needs no server; false: not built in (or money, whose scale the server knows). */
bool rvi_pg_builtin_type(rvi_pg_type_ref ref, rvi_pg_type *out);
const char *rvi_pg_cast_suffix(rvi_pg_cast cast);

/* catalog.c */
rv_code rvi_pg_describe(rv_source *source, const rv_relation *relation, rv_arena *arena,
                        rv_relation_info *out, rv_error *err) RV_MUST_CHECK;
rv_code rvi_pg_list(rv_source *source, const char *schema, rv_table_fn fn, void *context,
                    rv_error *err) RV_MUST_CHECK;

/* index.c: the relation's usable indexes, in the arena; `oid` is its text. */
rv_code rvi_pg_describe_indexes(rvi_pg *pg, const char *oid, rv_arena *arena, rv_relation_info *out,
                                rv_error *err) RV_MUST_CHECK;

/* page.c: one statement's rows from the network */

/* What the columns of a probe must be. */
typedef struct rvi_pg_shape {
    const rvi_pg_type_ref *refs;
    const rv_schema *schema; /* the first of them are its fields */
    int n;
    const char *const *sorted; /* the last of them tell of these columns of the table … */
    int n_sorted;              /* … by which collation they sort now; NULL: by the one described */
} rvi_pg_shape;
/* Fails SOURCE_QUERY when a column has another type, or sorts otherwise, than `shape` says. In scan.c. */
rv_code rvi_pg_check_shape(const rvi_pg_shape *shape, const PGresult *described, rv_error *err) RV_MUST_CHECK;

/* Statements among which one is a COPY. */
typedef struct rvi_pg_copy_sql {
    const char *sql;
    const rvi_pg_shape
        *shape; /* not NULL: a SELECT without the table's rows goes before the COPY and must look like this */
    bool filtered; /* the server may have nothing to send for long */
} rvi_pg_copy_sql;
/* `page` gets statement_us and wire_bytes of this statement on top of what it has. */
rv_code rvi_pg_read_copy(rvi_pg *pg, const rvi_pg_copy_sql *statement, rvi_sql_rows *rows, rv_page *page,
                         rv_error *err) RV_MUST_CHECK;

/* One FETCH of the scan's cursor. */
typedef struct rvi_pg_fetch {
    bool in_flight;     /* its end has not been seen */
    int64_t asked, got; /* rows */
    int64_t bytes;      /* of the rows so far; the caller counts */
    int64_t deadline_us;
} rvi_pg_fetch;
rv_code rvi_pg_fetch_start(rvi_pg *pg, rvi_pg_fetch *fetch, int64_t n, rv_error *err) RV_MUST_CHECK;
/* The next row, checked to have the schema's columns in binary form. *out stays NULL at the end, when the server's
 * count was `got` and fetch->in_flight is over. */
rv_code rvi_pg_fetch_row(rvi_pg *pg, rvi_pg_fetch *fetch, const rv_schema *schema, PGresult **out,
                         rv_error *err) RV_MUST_CHECK;

/* scan.c: the slots of a scan; the rest of it is in scan.h */
rv_code rvi_pg_scan_open(rv_scan **out, rv_source *source, const rv_scan_request *request,
                         rv_error *err) RV_MUST_CHECK;
rv_code rvi_pg_scan_next(rv_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                         rv_error *err) RV_MUST_CHECK;
void rvi_pg_scan_close(rv_scan *scan);
rv_code rvi_pg_scan_position(rv_scan *scan, rv_arena *arena, rv_key_value *out, rv_error *err) RV_MUST_CHECK;

/* ends.c, split.c */
rv_code rvi_pg_key_ends(rv_source *source, const rv_relation *relation, const rv_relation_info *info,
                        const rv_key *key, const char *fallback, const rv_range *const *within, int n_within,
                        rv_arena *arena, rv_key_ends *out, rv_error *err) RV_MUST_CHECK;
rv_code rvi_pg_split(rv_source *source, const rv_relation *relation, const rv_relation_info *info,
                     const rv_index *index, int64_t n, rv_arena *arena, rv_key_value *out, int64_t *n_out,
                     rv_error *err) RV_MUST_CHECK;

/* watch.c */
rv_code rvi_pg_horizon(rv_source *source, rv_arena *arena, const char **out, int64_t *held_since_us,
                       rv_error *err) RV_MUST_CHECK;
rv_code rvi_pg_share_snapshot(rv_source *source, rv_arena *arena, const char **out,
                              rv_error *err) RV_MUST_CHECK;
rv_code rvi_pg_pressure(rv_source *source, rv_pressure *out, rv_error *err) RV_MUST_CHECK;

#endif
