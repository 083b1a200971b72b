/* state/postgres/internal.h - the state store in a schema of a PostgreSQL database.
 *
 *   store.c    the backend: opening, transactions, the commit whose answer got lost
 *   session.c  one connection: every wait has a deadline
 *   result.c   parameters and results in binary form
 *   schema.c   the tables, as they grew
 *   errors.c   what failed, as a failure of the state store */
#ifndef STATE_POSTGRES_INTERNAL_H
#define STATE_POSTGRES_INTERNAL_H

#include "rivet/pgconn.h"
#include "rivet/secret.h"
#include "state/internal.h"

#include <libpq-fe.h>

RV_DEFINE_AUTO(PGresult, PQclear)

/* All tables lie here, in whatever database the URL names. A database holds one store. */
#define RVI_STATE_PG_SCHEMA "rivet"
/* Comment of the table schema_version, so that another program's schema of that name is never taken for ours. */
#define RVI_STATE_PG_MARK "state store of rivet"

enum { RVI_STATE_PG_MIGRATIONS = 3 };
extern const rvi_migration rvi_state_pg_migrations[RVI_STATE_PG_MIGRATIONS];

typedef struct rvi_state_pg {
    rv_state base;
    PGconn *conn; /* NULL: none at present; the next transaction connects */
    rv_arena *arena;
    rv_source_config cfg; /* its password is owned, the rest lies in the arena */
    rv_redactor *redactor;
    char location[256]; /* the URL without its password */
    int lock_wait_ms;   /* how long to wait for another process's transaction */
    bool own_clock;     /* tests only: time is base.clock's, not the server's */
    bool in_transaction;
    char transaction_id[24]; /* of the transaction that may write; "" otherwise */
} rvi_state_pg;

/* session.c. Deadlines are absolute, microseconds of the monotonic clock. */
int64_t rvi_state_pg_now_us(void);
/* When a statement has to be answered: past every limit that the server was told to keep. */
int64_t rvi_state_pg_deadline(const rvi_state_pg *store);
/* How long the server may work on a statement; the time spent waiting for a lock comes out of it. */
int rvi_state_pg_statement_limit_ms(const rvi_state_pg *store);
rv_code rvi_state_pg_connect(rvi_state_pg *store, rv_error *err) RV_MUST_CHECK;
void rvi_state_pg_disconnect(rvi_state_pg *store);
/* Statements separated by semicolons, in one round trip; *out is the last result, in text form. After STATE_BUSY with
 * the connection gone (store->conn NULL), nobody knows what the server has done of them. */
rv_code rvi_state_pg_script(rvi_state_pg *store, const char *sql, PGresult **out,
                            rv_error *err) RV_MUST_CHECK;
/* One statement, its parameters and its result in binary form. */
rv_code rvi_state_pg_statement(rvi_state_pg *store, const char *sql, const rvi_args *args, PGresult **out,
                               rv_error *err) RV_MUST_CHECK;

/* result.c */
typedef struct rvi_state_pg_params {
    int n;
    Oid types[RVI_MAX_ARGS];
    const char *values[RVI_MAX_ARGS];
    int lengths[RVI_MAX_ARGS], formats[RVI_MAX_ARGS];
    uint8_t numbers[RVI_MAX_ARGS][8]; /* big-endian */
} rvi_state_pg_params;
rv_code rvi_state_pg_bind(rvi_state_pg_params *out, const rvi_args *args, rv_error *err) RV_MUST_CHECK;
rv_code rvi_state_pg_copy(const PGresult *result, rvi_rows *rows, rv_error *err) RV_MUST_CHECK;

/* errors.c. Each names the store, and holds no secret. */
rv_code rvi_state_pg_fail_result(const rvi_state_pg *store, const PGresult *result, rv_error *err);
/* The connection failed, or was never made; `from` says how. */
rv_code rvi_state_pg_fail_connect(const rvi_state_pg *store, const rv_error *from, rv_error *err);
rv_code rvi_state_pg_fail_lost(const rvi_state_pg *store, const char *why, rv_error *err);

#endif
