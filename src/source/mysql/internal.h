/* mysql/internal.h - what the files of the driver for MySQL and MariaDB share.
 *
 *   connect.c  a session: the handshake, TLS, what kind of server it is; pooler.c  what stands in between
 *   session.c  waiting and statements of the text protocol: every wait has a deadline and hears the cancel token
 *   gather.c   how many bytes of rows are worth waking up for
 *   statement.c  prepared statements, whose rows are decoded from the network's buffer
 *   settings.c  what begin() and end() do: session settings, transactions
 *   errors.c   what a statement failed of, by errno
 *   catalog.c  describe and list; index.c  indexes; types.c  from native types to schema types and wire forms
 *   rows.c     where a row's values lie; decode.c  one value; json.c  is a text JSON?
 *   scan.c     a scan's life and its SQL; stream.c, keyset.c  its pages, one file for each way
 *   where.c    relations, keys and ranges in SQL; place.c  keys of rows as texts
 *   ends.c     the ends of a key; split.c  places that cut it; watch.c  snapshots of several connections, what others write, pressure
 *
 * decode.c and rows.c see bytes only and never the server. What drivers of SQL servers share: source/sql. */
#ifndef SOURCE_MYSQL_INTERNAL_H
#define SOURCE_MYSQL_INTERNAL_H

#include "rivet/bytes.h"
#include "rivet/source.h"
#include "source/sql/rows.h"

#include <mysql.h>
#include <stdatomic.h>
#include <stdlib.h>

RV_DEFINE_AUTO(MYSQL_RES, mysql_free_result)
static inline void rvi_my_memory_free(void *memory)
{
    free(memory);
}
RV_DEFINE_AUTO(MYSQL_BIND, rvi_my_memory_free)

enum {
    RVI_MY_POLL_SLICE_MS = 100,     /* how soon a wait hears a cancellation */
    RVI_MY_CONTROL_MS = 60 * 1000,  /* SET, catalog look-ups; a pooler may queue us meanwhile */
    RVI_MY_GRACE_MS = 10 * 1000,    /* on top of the server's own limits, which should speak first */
    RVI_MY_END_MS = 5 * 1000,       /* giving a transaction back */
    RVI_MY_MAX_PACKET = 1 << 30,    /* a row's most bytes, by the protocol */
    RVI_MY_PACKET_PIECE = 16 << 20, /* and by how much of it comes in one piece */
    RVI_MY_SQL_BYTES = 64 << 20,    /* ceiling of any statement that is built */
};

typedef struct rvi_my_statement rvi_my_statement;

/* One connection. Made by open, owned by the caller of open; one thread at a time, `interrupted` excepted. */
typedef struct rvi_my {
    rv_source base;
    const rv_source_config *config;    /* borrowed from open(): a second connection may be needed */
    MYSQL *conn;                       /* NULL: given up */
    struct st_mariadb_methods methods; /* the library's own, except that rows are handed to statement.c */
    rvi_my_statement *in_flight;       /* its rows have not come to their end */
    int64_t sent_us, deadline_us;      /* monotonic: of the statement in flight */
    size_t row_limit;                  /* bytes of a row that the library takes; 0: not set yet */
    rv_code stopped;                   /* why a wait was given up: CANCELLED, SOURCE_LOST (deadline) */
    atomic_bool interrupted;           /* set by any thread; stays set */
    unsigned long number;              /* by which KILL knows the connection */
    bool wants_tls;                    /* nothing may be sent before … */
    bool offered_tls;                  /* … the greeting was seen to offer TLS */
    bool greeted;                      /* the handshake is over */
    bool ending;                       /* end() is running: cancellation must not keep it from its work */
    bool begun;                        /* between begin() and end() */
    bool snapshot;                     /* a transaction WITH CONSISTENT SNAPSHOT is open until end() */
    bool mariadb;                      /* MariaDB; MySQL (or what speaks like it) otherwise */
    bool pooled;             /* ProxySQL, MaxScale or something that multiplexes stands in between */
    bool is_direct;          /* nothing does, as was asked: `number` is ours, and may be killed */
    int version;             /* 80031, 101119 */
    rv_read_options options; /* of begin() */
    bool in_transaction;     /* opened by rvi_my_txn_open() */
    rv_bytes undo; /* the statement that puts the session's settings back; empty: nothing to put back */
    char tls_detail[96];
} rvi_my;

/* connect.c */
/* my->config to my->conn. Fails SOURCE_CONNECT, SOURCE_AUTH, SOURCE_TLS, SOURCE_BUSY, CANCELLED. */
rv_code rvi_my_connect(rvi_my *my, int64_t deadline_us, rv_error *err) RV_MUST_CHECK;
rv_code rvi_my_open(rv_source **out, const rv_source_config *cfg, rv_cancel *cancel,
                    rv_error *err) RV_MUST_CHECK;
void rvi_my_close(rv_source *source);

/* pooler.c: sets my->pooled. */
rv_code rvi_my_find_pooler(rvi_my *my, rv_error *err) RV_MUST_CHECK;

/* session.c. Deadlines are absolute, monotonic microseconds. */
int64_t rvi_my_now_us(void);
int64_t rvi_my_control_deadline(void);
int64_t rvi_my_statement_deadline(const rvi_my *my); /* the options' statement timeout and some grace */
int64_t rvi_my_lock_deadline(const rvi_my *my);      /* of what may wait for a table's metadata lock */
/* Fails CANCELLED when somebody asked to stop. */
rv_code rvi_my_check_stop(const rvi_my *my, rv_error *err) RV_MUST_CHECK;
/* The library's hook. Returns 1: try again; 0 or less: give up. */
int rvi_my_on_wait(my_socket fd, my_bool is_read, int timeout_ms);
/* Every call into the library that may wait stands between these two, on one thread. */
void rvi_my_enter(rvi_my *my, int64_t deadline_us);
void rvi_my_leave(void);
/* Why the call just made failed: the wait was given up, the server or the library said something. What leaves the
 * connection useless drops it. `statement` NULL: the connection's own error. */
rv_code rvi_my_call_failed(rvi_my *my, MYSQL_STMT *statement, rv_error *err);
/* Not given up, not asked to stop, nothing in flight. */
rv_code rvi_my_check_ready(const rvi_my *my, rv_error *err) RV_MUST_CHECK;
void rvi_my_drop(rvi_my *my); /* the connection; whatever was open on it ends */
/* One statement of the text protocol whose rows, if it has any, are thrown away. */
rv_code rvi_my_run(rvi_my *my, const char *sql, int64_t deadline_us, rv_error *err) RV_MUST_CHECK;
/* The rows of a look-up, all of them, as texts; within the time that look-ups have. */
rv_code rvi_my_ask(rvi_my *my, const char *sql, MYSQL_RES **out, rv_error *err) RV_MUST_CHECK;
/* `a`, quoted as a name; a text as a literal that no character set or sql_mode reads otherwise. */
rv_code rvi_my_append_name(rv_bytes *sql, const char *name, rv_error *err) RV_MUST_CHECK;
rv_code rvi_my_append_literal(rv_bytes *sql, const char *text, rv_error *err) RV_MUST_CHECK;

/* gather.c: the hook that the library calls: first for a handful of rows, if it was told to, then as above. */
int rvi_my_on_wait_for_rows(my_socket fd, my_bool is_read, int timeout_ms);
/* So many bytes of rows are likely to come: reads wait for a handful of them, for a moment. 0: for any byte. */
void rvi_my_gather(my_socket fd, int64_t bytes_to_come);

/* statement.c: a statement that the server has prepared, asked again and again with other values. */
typedef struct rvi_my_param {
    enum enum_field_types type; /* LONGLONG: `number`; else text or bytes as the type says */
    bool is_unsigned, is_null;
    int64_t number;
    const char *bytes;
    size_t len;
} rvi_my_param;
rv_code rvi_my_prepare(rvi_my *my, const char *sql, rvi_my_statement **out, rv_error *err) RV_MUST_CHECK;
/* The result's columns; NULL and *n 0 for a statement without rows. Until the statement is closed. */
const MYSQL_FIELD *rvi_my_statement_fields(const rvi_my_statement *statement, int *n);
int rvi_my_statement_params(const rvi_my_statement *statement); /* how many `?` it has */
struct rvi_my_rows;
/* Execute and hand every row, or up to `max_rows` of them (0: all; the rest waits for rvi_my_fetch()), to
 * rvi_my_rows_append(), decoding from the network's buffer. `page` gets statement_us and wire_bytes on top of what it
 * has. Success means that the server's terminator was seen, or that max_rows rows came; *end tells which. With
 * max_rows, a page that is full ends before the row that does not fit, which comes first with the next fetch; a page's
 * first row is taken whatever it weighs. Without, a full page is a failure. */
rv_code rvi_my_execute(rvi_my_statement *statement, const rvi_my_param *params, int n_params,
                       struct rvi_my_rows *rows, int64_t max_rows, int64_t deadline_us, rv_page *page,
                       bool *end, rv_error *err) RV_MUST_CHECK;
rv_code rvi_my_fetch(rvi_my_statement *statement, struct rvi_my_rows *rows, int64_t max_rows,
                     int64_t deadline_us, rv_page *page, bool *end, rv_error *err) RV_MUST_CHECK;
void rvi_my_take_rows(rvi_my *my); /* once, when my->conn is connected */
/* Swallow what the statement in flight still sends. */
rv_code rvi_my_statement_drain(rvi_my_statement *statement, int64_t deadline_us, rv_error *err) RV_MUST_CHECK;
/* Make the server stop the statement in flight (KILL QUERY on a connection of its own) and swallow what it still
 * sends. false: the connection is lost. In session.c. */
bool rvi_my_abandon_statement(rvi_my *my);
void rvi_my_statement_close(rvi_my_statement *statement); /* NULL is fine */
RV_DEFINE_AUTO(rvi_my_statement, rvi_my_statement_close)

/* settings.c: what begin() and end() do. */
rv_code rvi_my_txn_open(rvi_my *my, const rv_read_options *options, rv_error *err) RV_MUST_CHECK;
/* Between scans, where a transaction is open only for a proxy's sake: it keeps metadata locks. */
rv_code rvi_my_txn_renew(rvi_my *my, rv_error *err) RV_MUST_CHECK;
/* How long a statement may take, instead of what the options say; 0: without limit. */
rv_code rvi_my_limit_statements(rvi_my *my, int64_t ms, rv_error *err) RV_MUST_CHECK;
void rvi_my_txn_end(rvi_my *my); /* and puts every session setting back; drops the connection if it must */

/* errors.c */
bool rvi_my_is_clients_own(unsigned number); /* the client library's number, not the server's */
rv_code rvi_my_fail(rvi_my *my, unsigned errno_, const char *sqlstate, const char *message, rv_error *err);

/* types.c: what a column is, and how it arrives */

/* The forms of the binary protocol that decode.c reads. */
typedef enum rvi_my_wire {
    RVI_MY_WIRE_TEXT = 0, /* char, text, enum, set, json, whatever was cast: length-encoded UTF-8 */
    RVI_MY_WIRE_BINARY,
    RVI_MY_WIRE_BIT, /* big-endian bytes */
    RVI_MY_WIRE_INT1,
    RVI_MY_WIRE_UINT1,
    RVI_MY_WIRE_INT2, /* and YEAR */
    RVI_MY_WIRE_UINT2,
    RVI_MY_WIRE_INT4, /* and MEDIUMINT, sign extended by the server */
    RVI_MY_WIRE_UINT4,
    RVI_MY_WIRE_INT8,
    RVI_MY_WIRE_UINT8,
    RVI_MY_WIRE_FLOAT,
    RVI_MY_WIRE_DOUBLE,
    RVI_MY_WIRE_DECIMAL, /* text */
    RVI_MY_WIRE_DATE,
    RVI_MY_WIRE_DATETIME,
    RVI_MY_WIRE_TIME,
    RVI_MY_WIRE_GEOMETRY, /* four bytes of SRID, then WKB */
    RVI_MY_WIRE_COUNT
} rvi_my_wire;

typedef struct rvi_my_type {
    rv_type natural;
    rv_fidelity fidelity;
    rvi_my_wire wire;
    const char *
        cast; /* what the SELECT wraps the column in so that `wire` arrives: "CAST(%s AS CHAR)"; NULL: nothing */
    bool loose; /* as in rv_field: the server lets in what `natural` cannot hold: 2 in a tinyint(1) */
} rvi_my_type;

/* A column as information_schema.COLUMNS has it. */
typedef struct rvi_my_native {
    const char *data_type;   /* "bigint" */
    const char *column_type; /* "bigint(20) unsigned" */
    const char *charset;     /* NULL: none */
    int64_t length;          /* CHARACTER_MAXIMUM_LENGTH; -1: none */
    int precision, scale;    /* NUMERIC_…, DATETIME_PRECISION in scale; -1: none */
    bool json_check;         /* MariaDB: a longtext that CHECK (json_valid(…)) guards */
} rvi_my_native;
/* Needs no server; false: a type that is not known, which then comes as text. */
bool rvi_my_native_type(const rvi_my_native *native, rvi_my_type *out);
/* The same for a column of a query's result, of which only the wire's description is known. */
bool rvi_my_result_type(const MYSQL_FIELD *field, rvi_my_type *out);
/* A name for such a column's type, as SHOW COLUMNS would spell it: "decimal(10,2)", "int unsigned". */
enum { RVI_MY_NAME_BYTES = 64 };
void rvi_my_result_name(char out[RVI_MY_NAME_BYTES], const MYSQL_FIELD *field);
/* Does a result's column arrive as `type` says? Otherwise the table was altered meanwhile. */
bool rvi_my_type_arrives(const rvi_my_type *type, const MYSQL_FIELD *field);
/* The type goes into a field and comes out again: in native_id. `mod` becomes native_mod: the decimals of a time or
 * timestamp, -1 when unknown; the SRID that a geometry column is bound to, 0 for none. */
void rvi_my_set_field_type(rv_field *field, const rvi_my_type *type, int32_t mod);
/* How a field arrives, whatever becomes of it: RV_TRANSFER_TEXT changes neither the SELECT nor the wire form, because
 * the server's own texts are less exact than its bytes (six digits of a FLOAT); decode.c makes the text. */
rvi_my_type rvi_my_field_type(const rv_field *field);

/* decode.c, rows.c: bytes to columns */

rvi_sql_decode_fn rvi_my_decoder(rvi_my_wire wire, const rv_field *field);

/* json.c: is this one JSON value (RFC 8259), of at most RVI_MY_JSON_DEPTH levels? The bytes are valid UTF-8. */
enum { RVI_MY_JSON_DEPTH = 1024 };
bool rvi_my_json_valid(const uint8_t *text, size_t len);

/* Where rows go. */
typedef struct rvi_my_rows {
    rvi_sql_rows base;
    rvi_my_wire *wires; /* base.n_cells: how each cell arrives */
    int64_t asked;      /* rows that the page being read has at most, and likely has; 0: nobody knows */
} rvi_my_rows;

/* `types` (n_fields) says how each field arrives. Fails OUT_OF_MEMORY. */
rv_code rvi_my_rows_init(rvi_my_rows *rows, rv_arena *arena, const rv_schema *schema,
                         const rvi_my_type *types, uint64_t max_value_bytes, rv_error *err) RV_MUST_CHECK;
/* One row of the binary protocol: header byte, bitmap of NULLs, values. Trusts no length in it. Fails SOURCE_PROTOCOL,
 * LIMIT_EXCEEDED with RV_RETRY_SMALLER (the page is full), and what a value fails with.
 * Source: MySQL internals, "Binary Protocol Resultset Row". */
rv_code rvi_my_rows_append(rvi_my_rows *rows, const uint8_t *row, size_t len, rv_error *err) RV_MUST_CHECK;

/* catalog.c */
rv_code rvi_my_describe(rv_source *source, const rv_relation *relation, rv_arena *arena,
                        rv_relation_info *out, rv_error *err) RV_MUST_CHECK;
rv_code rvi_my_list(rv_source *source, const char *schema, rv_table_fn fn, void *context,
                    rv_error *err) RV_MUST_CHECK;

/* index.c: the relation's usable indexes, in the arena. */
rv_code rvi_my_describe_indexes(rvi_my *my, const char *schema, const char *table, rv_arena *arena,
                                rv_relation_info *out, rv_error *err) RV_MUST_CHECK;

/* scan.c: the slots of a scan; the rest of it is in scan.h */
rv_code rvi_my_scan_open(rv_scan **out, rv_source *source, const rv_scan_request *request,
                         rv_error *err) RV_MUST_CHECK;
rv_code rvi_my_scan_next(rv_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                         rv_error *err) RV_MUST_CHECK;
void rvi_my_scan_close(rv_scan *scan);
rv_code rvi_my_scan_position(rv_scan *scan, rv_arena *arena, rv_key_value *out, rv_error *err) RV_MUST_CHECK;

/* ends.c, split.c */
rv_code rvi_my_key_ends(rv_source *source, const rv_relation *relation, const rv_relation_info *info,
                        const rv_key *key, const char *fallback, const rv_range *const *within, int n_within,
                        rv_arena *arena, rv_key_ends *out, rv_error *err) RV_MUST_CHECK;
rv_code rvi_my_split(rv_source *source, const rv_relation *relation, const rv_relation_info *info,
                     const rv_index *index, int64_t n, rv_arena *arena, rv_key_value *out, int64_t *n_out,
                     rv_error *err) RV_MUST_CHECK;

/* watch.c */
rv_code rvi_my_begin_aligned(rv_source *const *sources, int n, const rv_read_options *options,
                             const char **why_not, rv_error *err) RV_MUST_CHECK;
rv_code rvi_my_settle(rv_source *source, int64_t timeout_ms, int64_t *open_since_us,
                      rv_error *err) RV_MUST_CHECK;
rv_code rvi_my_pressure(rv_source *source, rv_pressure *out, rv_error *err) RV_MUST_CHECK;

#endif
