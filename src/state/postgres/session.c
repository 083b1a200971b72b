/* session.c - one connection to the server that holds the state, which is never waited for without an end.
 *
 * The server is told how long it may wait for locks and work on a statement, and the client waits a little longer than
 * that. A server that says nothing past those limits is a lost one: the connection is closed, and the next transaction
 * makes a new one. Nothing is kept in the session between transactions, so a pooler may stand in between. */
#include "state/postgres/internal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

enum {
    CONNECT_S = 10,
    WORK_LIMIT_MS =
        30 * 1000, /* on top of the wait for a lock; the largest transaction records 100,000 chunks, in
                                  as many statements */
    GRACE_MS = 5 * 1000,
};

int64_t rvi_state_pg_now_us(void)
{
    const rv_clock *clock = rv_clock_system();
    return clock->mono_us(clock);
}

int rvi_state_pg_statement_limit_ms(const rvi_state_pg *store)
{
    return store->lock_wait_ms + WORK_LIMIT_MS;
}

int64_t rvi_state_pg_deadline(const rvi_state_pg *store)
{
    return rvi_state_pg_now_us() + (int64_t)(rvi_state_pg_statement_limit_ms(store) + GRACE_MS) * 1000;
}

void rvi_state_pg_disconnect(rvi_state_pg *store)
{
    PQfinish(store->conn); /* NULL is fine */
    store->conn = NULL;
}

/* The connection is of no use any more, and what the server made of its last words is not known. */
static rv_code give_up(rvi_state_pg *store, const char *why, rv_error *err)
{
    rv_code rc = rvi_state_pg_fail_lost(store, why, err);
    rvi_state_pg_disconnect(store);
    return rc;
}

/* false: the deadline passed, or the socket is gone. */
static bool wait_for(PGconn *conn, short events, int64_t deadline_us)
{
    struct pollfd socket = {.fd = PQsocket(conn), .events = events};
    while (socket.fd >= 0) {
        const int64_t left_us = deadline_us - rvi_state_pg_now_us();
        if (left_us <= 0)
            return false;
        const int64_t left_ms = left_us / 1000 + 1;
        const int n = poll(&socket, 1, left_ms > 60000 ? 60000 : (int)left_ms);
        if (n > 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
    }
    return false;
}

/* ---- connecting ---- */

static rv_code handshake(rvi_state_pg *store, rv_error *err)
{
    const int64_t deadline_us = rvi_state_pg_now_us() + CONNECT_S * INT64_C(1000000);
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    while (next != PGRES_POLLING_OK) {
        if (next == PGRES_POLLING_FAILED)
            return rv_pg_fail_connect(store->conn, err);
        if (!wait_for(store->conn, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_us))
            return rv_fail(err, RV_E_SOURCE_CONNECT, "no connection to \"%s\", port %s within %d s",
                           PQhost(store->conn), PQport(store->conn), CONNECT_S);
        next = PQconnectPoll(store->conn);
    }
    PQsetErrorVerbosity(store->conn, PQERRORS_DEFAULT);
    return PQsetnonblocking(store->conn, 1) == 0 ? RV_OK : rv_pg_fail_connect(store->conn, err);
}

rv_code rvi_state_pg_connect(rvi_state_pg *store, rv_error *err)
{
    if (store->conn)
        return RV_OK;
    rv_error why = {0};
    rv_code rc = rv_pg_connect_start(&store->conn, &store->cfg, &why);
    if (rc == RV_OK)
        rc = handshake(store, &why);
    if (rc == RV_OK)
        return RV_OK;
    rvi_state_pg_disconnect(store);
    return rvi_state_pg_fail_connect(store, &why, err);
}

/* ---- statements ---- */

static rv_code flush(rvi_state_pg *store, int64_t deadline_us, rv_error *err)
{
    for (;;) {
        const int left = PQflush(store->conn);
        if (left == 0)
            return RV_OK;
        if (left < 0)
            return give_up(store, PQerrorMessage(store->conn), err);
        if (!wait_for(store->conn, POLLIN | POLLOUT, deadline_us))
            return give_up(store, "the server takes nothing more", err);
        if (!PQconsumeInput(store->conn))
            return give_up(store, PQerrorMessage(store->conn), err);
    }
}

static rv_code next_result(rvi_state_pg *store, int64_t deadline_us, PGresult **out, rv_error *err)
{
    while (PQisBusy(store->conn)) {
        if (!wait_for(store->conn, POLLIN, deadline_us))
            return give_up(store, "the server does not answer", err);
        if (!PQconsumeInput(store->conn))
            return give_up(store, PQerrorMessage(store->conn), err);
    }
    *out = PQgetResult(store->conn);
    return RV_OK;
}

/* Everything that is answered: the first failure, else the last result. `sent` is what a PQsend…() returned. */
static rv_code collect(rvi_state_pg *store, int sent, PGresult **out, rv_error *err)
{
    const int64_t deadline_us = rvi_state_pg_deadline(store);
    if (!sent)
        return give_up(store, PQerrorMessage(store->conn), err);
    RV_TRY(flush(store, deadline_us, err));
    RV_AUTO(PQclear) PGresult *kept = NULL;
    rv_code rc = RV_OK;
    for (;;) {
        RV_AUTO(PQclear) PGresult *result = NULL;
        RV_TRY(next_result(store, deadline_us, &result, err));
        if (!result)
            break;
        const ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && rc == RV_OK)
            rc = rvi_state_pg_fail_result(store, result, err);
        PQclear(kept);
        RV_MOVE(&kept, result);
    }
    if (PQstatus(store->conn) != CONNECTION_OK)
        return give_up(store, PQerrorMessage(store->conn), err);
    RV_TRY(rc);
    if (!kept)
        return give_up(store, "the server answered nothing", err);
    RV_MOVE(out, kept);
    return RV_OK;
}

rv_code rvi_state_pg_script(rvi_state_pg *store, const char *sql, PGresult **out, rv_error *err)
{
    if (!store->conn)
        return rvi_state_pg_fail_lost(store, "", err);
    return collect(store, PQsendQuery(store->conn, sql), out, err);
}

rv_code rvi_state_pg_statement(rvi_state_pg *store, const char *sql, const rvi_args *args, PGresult **out,
                               rv_error *err)
{
    rvi_state_pg_params p;
    if (!store->conn)
        return rvi_state_pg_fail_lost(store, "", err);
    RV_TRY(rvi_state_pg_bind(&p, args, err));
    const int sent = PQsendQueryParams(store->conn, sql, p.n, p.types, p.values, p.lengths, p.formats, 1);
    return collect(store, sent, out, err);
}
