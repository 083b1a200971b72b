/* connect.c - a session with a server: the handshake, and what kind of server answers. */
#include "internal.h"

#include "source/sql/farewell.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the handshake ---- */

static rv_code no_answer(const PGconn *conn, int timeout_s, rv_error *err)
{
    rv_fail(err, RV_E_SOURCE_CONNECT, "no connection to \"%s\", port %s within %d s", PQhost(conn),
            PQport(conn), timeout_s);
    rv_hint(err, "check source.host and source.port: does a firewall drop what this machine sends?");
    return RV_E_SOURCE_CONNECT;
}

static rv_code handshake(rvi_pg *pg, int64_t deadline_us, int timeout_s, rv_error *err)
{
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    for (;;) {
        if (next == PGRES_POLLING_OK)
            return RV_OK;
        if (next == PGRES_POLLING_FAILED)
            return rv_pg_fail_connect(pg->conn, err);
        rv_code rc = rvi_pg_wait(pg, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_us, err);
        if (rc == RV_E_SOURCE_LOST)
            return no_answer(pg->conn, timeout_s, err);
        RV_TRY(rc);
        next = PQconnectPoll(pg->conn);
    }
}

static rv_code start(rvi_pg *pg, const rv_source_config *cfg, rv_error *err)
{
    int timeout_s = rv_pg_connect_timeout_s(cfg);
    int64_t deadline_us = rvi_pg_now_us() + (int64_t)timeout_s * 1000000;
    RV_TRY(rv_pg_connect_start(&pg->conn, cfg, err));
    pg->sent_us = rvi_pg_now_us();
    RV_TRY(handshake(pg, deadline_us, timeout_s, err));
    PQsetErrorVerbosity(pg->conn, PQERRORS_DEFAULT);
    if (PQsetnonblocking(pg->conn, 1) != 0)
        return rv_pg_fail_connect(pg->conn, err);
    return RV_OK;
}

/* ---- what kind of server this is ---- */

/* A pooler takes logins itself: only a statement shows that a server is there, and which process answers. */
static rv_code greet(rvi_pg *pg, rv_error *err)
{
    rvi_pg_statement hello = {.sql = "SELECT pg_catalog.pg_backend_pid(), pg_catalog.version()"};
    RV_AUTO(PQclear) PGresult *result = NULL;
    RV_TRY(rvi_pg_query(pg, &hello, rvi_pg_control_deadline(), &result, err));
    pg->version = PQserverVersion(pg->conn);
    /* The login's process id is what a pooler made up, or that of a server we no longer talk to. */
    int login_pid = PQbackendPID(pg->conn);
    pg->pooled = login_pid != 0 && login_pid != strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    /* config.sgml, client_connection_check_interval: needs POLLRDHUP of the server's system; an error elsewhere. */
    pg->watches_client = pg->version >= 140000 && strstr(PQgetvalue(result, 0, 1), "linux") != NULL;
    const char *stored_as = PQparameterStatus(pg->conn, "server_encoding");
    pg->raw_text = stored_as != NULL && strcmp(stored_as, "SQL_ASCII") == 0;
    const char *encoding = PQparameterStatus(pg->conn, "client_encoding");
    if (encoding != NULL && strcmp(encoding, "UTF8") != 0)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED,
                       "the server sends text as %s although UTF8 was asked for", encoding);
    return RV_OK;
}

static void describe_tls(rvi_pg *pg, const rv_source_config *cfg)
{
    if (!PQsslInUse(pg->conn))
        return;
    const char *protocol = PQsslAttribute(pg->conn, "protocol"), *mode = rv_pg_ssl_mode(&cfg->tls);
    const char *checked = "certificate not verified";
    if (strcmp(mode, "verify-full") == 0)
        checked = "certificate verified for ";
    else if (strcmp(mode, "verify-ca") == 0)
        checked = "certificate verified, host name not";
    snprintf(pg->tls_detail, sizeof pg->tls_detail, "%s, %s%s", protocol != NULL ? protocol : "TLS", checked,
             strcmp(mode, "verify-full") == 0 ? PQhost(pg->conn) : "");
}

rv_code rvi_pg_open(rv_source **out, const rv_source_config *cfg, rv_cancel *cancel, rv_error *err)
{
    rvi_pg *pg = calloc(1, sizeof *pg);
    if (pg == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "a connection to PostgreSQL");
    pg->base.cancel = cancel;
    pg->money_scale = -1;
    atomic_init(&pg->interrupted, false);
    rv_code rc = start(pg, cfg, err);
    if (rc == RV_OK)
        rc = greet(pg, err);
    if (rc != RV_OK) {
        rvi_pg_close(&pg->base);
        return rc;
    }
    describe_tls(pg, cfg);
    *out = &pg->base;
    return RV_OK;
}

void rvi_pg_close(rv_source *source)
{
    rvi_pg *pg = (rvi_pg *)source;
    if (pg == NULL)
        return;
    bool at_rest = PQstatus(pg->conn) == CONNECTION_OK && PQtransactionStatus(pg->conn) != PQTRANS_ACTIVE;
    int held = at_rest ? rvi_sql_hold(PQsocket(pg->conn)) : -1;
    PQfinish(pg->conn); /* NULL is fine, here and above */
    rvi_sql_see_off(held);
    free(pg);
}
