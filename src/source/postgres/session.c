/* session.c - waiting, statements and transactions on one connection.
 *
 * libpq is used without ever letting it block: sockets are polled in short slices, so that a cancellation is heard
 * soon and a deadline is kept whatever the network does. Two kinds of silence are told apart. A statement that the
 * server ends by its own limits is the server's error; a server that says nothing past those limits is a lost one.
 *
 * Why cancellation does not send a cancel request: PQcancel() connects and waits without a deadline, and it is
 * wanted most when the network is what hangs. Closing the connection does the same work: the server's next write
 * fails, and for statements that write nothing for a long time txn_open() has the server watch the connection.
 * PQcancel() is used in one place, where the server has just sent data and the transaction is to live on.
 *
 * Nothing may leak into a pooled connection: every setting is SET LOCAL, inside the transaction that needs it. */
#include "internal.h"

#include "rivet/clock.h"
#include "rivet/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>

enum {
    CATALOG_LIMIT_MS = 30 * 1000, /* for each look-up in the catalog */
    CLIENT_CHECK_MS = 2000,       /* how often a busy server looks whether we are still there */
    CANCEL_TEXT_BYTES = 256,
};

int64_t rvi_pg_now_us(void)
{
    const rv_clock *clock = rv_clock_system();
    return clock->mono_us(clock);
}

static int64_t deadline_in(int64_t ms)
{
    return rvi_pg_now_us() + ms * 1000;
}

int64_t rvi_pg_control_deadline(void)
{
    return deadline_in(RVI_PG_CONTROL_MS);
}

int64_t rvi_pg_statement_deadline(const rvi_pg *pg)
{
    int64_t limit = pg->options.statement_timeout_ms;
    return limit > 0 ? deadline_in(limit + RVI_PG_GRACE_MS) : RVI_PG_NO_DEADLINE;
}

static bool stop_asked(const rvi_pg *pg)
{
    return !pg->ending && (atomic_load(&pg->interrupted) || rv_cancel_requested(pg->base.cancel));
}

rv_code rvi_pg_check_stop(const rvi_pg *pg, rv_error *err)
{
    return stop_asked(pg) ? rv_fail(err, RV_E_CANCELLED, "stopped while waiting for PostgreSQL") : RV_OK;
}

static rv_code no_answer(const rvi_pg *pg, rv_error *err)
{
    int64_t waited_s = (rvi_pg_now_us() - pg->sent_us) / 1000000;
    return rv_fail(err, RV_E_SOURCE_LOST,
                   "PostgreSQL has not answered; the statement was sent %" PRId64 " s ago", waited_s);
}

rv_code rvi_pg_wait(rvi_pg *pg, short events, int64_t deadline_us, rv_error *err)
{
    struct pollfd socket = {.fd = PQsocket(pg->conn), .events = events};
    if (socket.fd < 0)
        return rvi_pg_fail_lost(pg, err);
    for (;;) {
        RV_TRY(rvi_pg_check_stop(pg, err));
        int64_t left_us = deadline_us - rvi_pg_now_us();
        if (left_us <= 0)
            return no_answer(pg, err);
        int64_t slice_ms =
            left_us / 1000 + 1 < RVI_PG_POLL_SLICE_MS ? left_us / 1000 + 1 : RVI_PG_POLL_SLICE_MS;
        int n = poll(&socket, 1, (int)slice_ms);
        if (n > 0)
            return RV_OK;
        if (n < 0 && errno != EINTR) {
            int os_errno = errno;
            return rv_fail_os(err, RV_E_IO, os_errno, "waiting for PostgreSQL");
        }
    }
}

/* What is not written yet, the server may be unable to take before we have read what it sends. */
static rv_code flush(rvi_pg *pg, int64_t deadline_us, rv_error *err)
{
    for (;;) {
        int left = PQflush(pg->conn);
        if (left == 0)
            return RV_OK;
        if (left < 0)
            return rvi_pg_fail_lost(pg, err);
        RV_TRY(rvi_pg_wait(pg, POLLIN | POLLOUT, deadline_us, err));
        if (!PQconsumeInput(pg->conn))
            return rvi_pg_fail_lost(pg, err);
    }
}

/* `taken` is what a PQsend…() function returned. */
static rv_code sent(rvi_pg *pg, int taken, int64_t deadline_us, rv_error *err)
{
    pg->sent_us = rvi_pg_now_us();
    return taken ? flush(pg, deadline_us, err) : rvi_pg_fail_lost(pg, err);
}

static rv_code check_open(rvi_pg *pg, rv_error *err)
{
    if (pg->conn == NULL)
        return rv_fail(err, RV_E_SOURCE_LOST, "the connection to PostgreSQL was given up");
    return rvi_pg_check_stop(pg, err);
}

rv_code rvi_pg_send(rvi_pg *pg, const char *sql, int64_t deadline_us, rv_error *err)
{
    RV_TRY(check_open(pg, err));
    return sent(pg, PQsendQuery(pg->conn, sql), deadline_us, err);
}

rv_code rvi_pg_send_binary(rvi_pg *pg, const char *sql, int64_t deadline_us, rv_error *err)
{
    RV_TRY(check_open(pg, err));
    return sent(pg, PQsendQueryParams(pg->conn, sql, 0, NULL, NULL, NULL, NULL, 1), deadline_us, err);
}

rv_code rvi_pg_next_result(rvi_pg *pg, int64_t deadline_us, PGresult **out, rv_error *err)
{
    while (PQisBusy(pg->conn)) {
        RV_TRY(rvi_pg_wait(pg, POLLIN, deadline_us, err));
        if (!PQconsumeInput(pg->conn))
            return rvi_pg_fail_lost(pg, err);
    }
    *out = PQgetResult(pg->conn);
    return RV_OK;
}

rv_code rvi_pg_check_result(rvi_pg *pg, const PGresult *result, rv_error *err)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_COPY_OUT)
        return RV_OK;
    if (status == PGRES_EMPTY_QUERY)
        return rv_fail(err, RV_E_SOURCE_QUERY, "the query is empty");
    return rvi_pg_fail_result(pg, result, err);
}

/* Everything the statement in flight answers: the first failure, else the last result (if `out` is asked for). */
static rv_code collect(rvi_pg *pg, int64_t deadline_us, PGresult **out, rv_error *err)
{
    RV_AUTO(PQclear) PGresult *kept = NULL;
    rv_code rc = RV_OK;
    for (;;) {
        RV_AUTO(PQclear) PGresult *result = NULL;
        rv_code next = rvi_pg_next_result(pg, deadline_us, &result, rc == RV_OK ? err : NULL);
        if (next != RV_OK)
            return rc == RV_OK ? next : rc;
        if (result == NULL)
            break;
        if (rc != RV_OK)
            continue;
        rc = rvi_pg_check_result(pg, result, err);
        if (rc == RV_OK && PQresultStatus(result) == PGRES_COPY_OUT)
            return rv_fail(err, RV_E_SOURCE_QUERY, "the statement is a COPY");
        PQclear(kept);
        RV_MOVE(&kept, result);
    }
    RV_TRY(rc);
    if (kept == NULL)
        return rvi_pg_fail_lost(pg, err);
    if (out != NULL)
        RV_MOVE(out, kept);
    return RV_OK;
}

rv_code rvi_pg_query(rvi_pg *pg, const rvi_pg_statement *statement, int64_t deadline_us, PGresult **out,
                     rv_error *err)
{
    RV_TRY(check_open(pg, err));
    int taken = PQsendQueryParams(pg->conn, statement->sql, statement->n_params, NULL, statement->params,
                                  NULL, NULL, 0);
    RV_TRY(sent(pg, taken, deadline_us, err));
    return collect(pg, deadline_us, out, err);
}

rv_code rvi_pg_ask(rvi_pg *pg, const char *sql, const char *const *params, int n_params, PGresult **out,
                   rv_error *err)
{
    rvi_pg_statement statement = {.sql = sql, .params = params, .n_params = n_params};
    return rvi_pg_query(pg, &statement, rvi_pg_control_deadline(), out, err);
}

rv_code rvi_pg_run(rvi_pg *pg, const char *sql, int64_t deadline_us, rv_error *err)
{
    RV_TRY(rvi_pg_send(pg, sql, deadline_us, err));
    return collect(pg, deadline_us, NULL, err);
}

/* Parsing takes the table's lock, which may be a long wait that the user's limits govern. */
static int64_t describe_deadline(const rvi_pg *pg)
{
    if (!pg->begun)
        return rvi_pg_control_deadline();
    if (pg->options.statement_timeout_ms == 0 && pg->options.lock_timeout_ms > 0)
        return deadline_in(pg->options.lock_timeout_ms + RVI_PG_CONTROL_MS);
    return rvi_pg_statement_deadline(pg);
}

/* Unnamed, so that it works behind a transaction pooler as long as the caller's transaction is open. */
rv_code rvi_pg_describe_sql(rvi_pg *pg, const char *sql, PGresult **out, rv_error *err)
{
    int64_t deadline_us = describe_deadline(pg);
    RV_TRY(check_open(pg, err));
    RV_TRY(sent(pg, PQsendPrepare(pg->conn, "", sql, 0, NULL), deadline_us, err));
    RV_TRY(collect(pg, deadline_us, NULL, err));
    RV_TRY(sent(pg, PQsendDescribePrepared(pg->conn, ""), deadline_us, err));
    return collect(pg, deadline_us, out, err);
}

/* ---- giving up a statement ---- */

/* Swallow the rest of what the statement in flight sends. */
static rv_code drain(rvi_pg *pg, int64_t deadline_us, bool *was_cancelled)
{
    for (;;) {
        RV_AUTO(PQclear) PGresult *result = NULL;
        RV_TRY(rvi_pg_next_result(pg, deadline_us, &result, NULL));
        if (result == NULL)
            return PQstatus(pg->conn) == CONNECTION_OK ? RV_OK : RV_E_SOURCE_LOST;
        const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        if (sqlstate != NULL && strcmp(sqlstate, "57014") == 0)
            *was_cancelled = true;
        while (PQresultStatus(result) == PGRES_COPY_OUT) {
            char *message = NULL;
            int n = PQgetCopyData(pg->conn, &message, 1);
            PQfreemem(message);
            if (n < 0)
                break;
            if (n > 0)
                continue;
            RV_TRY(rvi_pg_wait(pg, POLLIN, deadline_us, NULL));
            if (!PQconsumeInput(pg->conn))
                return RV_E_SOURCE_LOST;
        }
    }
}

static void drop_connection(rvi_pg *pg)
{
    PQfinish(pg->conn);
    pg->conn = NULL;
}

bool rvi_pg_abandon_statement(rvi_pg *pg)
{
    if (pg->conn == NULL || PQstatus(pg->conn) != CONNECTION_OK)
        return false;
    if (PQtransactionStatus(pg->conn) != PQTRANS_ACTIVE)
        return true;
    char why[CANCEL_TEXT_BYTES];
    PGcancel *request = PQgetCancel(pg->conn);
    if (request == NULL || !PQcancel(request, why, sizeof why))
        rv_log(RV_LOG_DEBUG, "PostgreSQL cannot be asked to cancel; reading the statement to its end");
    bool was_cancelled = request == NULL; /* no request, so none can come late */
    PQfreeCancel(request);
    if (drain(pg, deadline_in(RVI_PG_GRACE_MS), &was_cancelled) != RV_OK) {
        drop_connection(pg);
        return false;
    }
    pg->late_cancel = !was_cancelled;
    return true;
}

/* ---- transactions ---- */

rv_code rvi_pg_append_begin(const rvi_pg *pg, const rv_read_options *options, rv_bytes *sql, rv_error *err)
{
    /* PostgreSQL keeps these in an int of milliseconds. */
    int64_t most = INT32_MAX;
    int64_t statement_ms = options->statement_timeout_ms < most ? options->statement_timeout_ms : most;
    int64_t lock_ms = options->lock_timeout_ms < most ? options->lock_timeout_ms : most;
    int64_t idle_ms = options->idle_timeout_ms < most ? options->idle_timeout_ms : most;
    RV_TRY(rv_bytes_printf(sql, err, "BEGIN TRANSACTION ISOLATION LEVEL %s, READ ONLY;",
                           options->snapshot ? "REPEATABLE READ" : "READ COMMITTED"));
    if (options->shared_snapshot != NULL) { /* before anything that takes a snapshot */
        RV_TRY(rv_bytes_append_str(sql, "SET TRANSACTION SNAPSHOT ", err));
        RV_TRY(rvi_pg_append_literal(pg, sql, options->shared_snapshot, err));
        RV_TRY(rv_bytes_append_str(sql, ";", err));
    }
    RV_TRY(rv_bytes_printf(sql, err,
                           "SET LOCAL statement_timeout = %" PRId64 ";SET LOCAL lock_timeout = %" PRId64
                           ";SET LOCAL idle_in_transaction_session_timeout = %" PRId64
                           ";SET LOCAL row_security = %s;",
                           statement_ms, lock_ms, idle_ms, options->accept_row_security ? "on" : "off"));
    /* What values look like where the server prints them. DateStyle 'ISO' keeps the day-month order in which a
     * user's query may write dates. lc_monetary is left alone: it decides what a stored money value is worth. */
    RV_TRY(rv_bytes_append_str(sql,
                               "SET LOCAL TimeZone = 'UTC';SET LOCAL DateStyle = 'ISO';"
                               "SET LOCAL IntervalStyle = 'iso_8601';SET LOCAL extra_float_digits = 3;"
                               "SET LOCAL bytea_output = 'hex';",
                               err));
    /* How it is read: block ranges by their blocks, a stream to its end and from the start of the table; one
     * connection keeps one process busy, and no page waits for a compiler. */
    RV_TRY(rv_bytes_append_str(sql,
                               "SET LOCAL enable_tidscan = on;SET LOCAL cursor_tuple_fraction = 1;"
                               "SET LOCAL synchronize_seqscans = off;"
                               "SET LOCAL max_parallel_workers_per_gather = 0;SET LOCAL jit = off;",
                               err));
    /* The server would refuse to send what is no UTF-8, and with it the whole page; here it is one value. */
    if (pg->raw_text)
        RV_TRY(rv_bytes_append_str(sql, "SET LOCAL client_encoding = 'SQL_ASCII';", err));
    if (pg->watches_client)
        RV_TRY(
            rv_bytes_printf(sql, err, "SET LOCAL client_connection_check_interval = %d;", CLIENT_CHECK_MS));
    /* A REPEATABLE READ transaction takes its snapshot with the first statement that needs one. */
    return options->snapshot ? rv_bytes_append_str(sql, "SELECT 1;", err) : RV_OK;
}

rv_code rvi_pg_txn_open(rvi_pg *pg, const rv_read_options *options, rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    const char *text = NULL;
    assert(!pg->snapshot && PQtransactionStatus(pg->conn) != PQTRANS_INTRANS);
    RV_TRY(rvi_pg_append_begin(pg, options, &sql, err));
    RV_TRY(rv_bytes_cstr(&sql, &text, err));
    return rvi_pg_run(pg, text, rvi_pg_control_deadline(), err);
}

rv_code rvi_pg_txn_open_catalog(rvi_pg *pg, rv_error *err)
{
    int64_t lock_ms = pg->options.lock_timeout_ms;
    rv_read_options limits = {
        .statement_timeout_ms = CATALOG_LIMIT_MS,
        .lock_timeout_ms = lock_ms > 0 && lock_ms < CATALOG_LIMIT_MS ? lock_ms : CATALOG_LIMIT_MS,
        .idle_timeout_ms = RVI_PG_CONTROL_MS,
        .accept_row_security = pg->options.accept_row_security,
    };
    return pg->snapshot ? check_open(pg, err) : rvi_pg_txn_open(pg, &limits, err);
}

void rvi_pg_txn_end(rvi_pg *pg)
{
    if (pg->conn == NULL)
        return;
    pg->ending = true;
    PGTransactionStatusType status = PQtransactionStatus(pg->conn);
    /* COMMIT where nothing went wrong: rollbacks are what the server's owner watches. */
    const char *sql = status == PQTRANS_INTRANS ? "COMMIT" : "ROLLBACK";
    if (status != PQTRANS_IDLE && (status == PQTRANS_ACTIVE || status == PQTRANS_UNKNOWN ||
                                   rvi_pg_run(pg, sql, deadline_in(RVI_PG_END_MS), NULL) != RV_OK))
        drop_connection(pg);
    pg->ending = false;
}

void rvi_pg_txn_close(rvi_pg *pg)
{
    if (!pg->snapshot)
        rvi_pg_txn_end(pg);
}

/* Why libpq did not quote a text: there is no connection any more whose encoding it would go by, or the text. */
static rv_code not_quoted(const rvi_pg *pg, const char *what, rv_error *err)
{
    return pg->conn == NULL ? rv_fail(err, RV_E_SOURCE_LOST, "the connection to PostgreSQL was given up")
                            : rv_fail(err, RV_E_SOURCE_QUERY, "PostgreSQL cannot take %s", what);
}

rv_code rvi_pg_append_name(rvi_pg *pg, rv_bytes *sql, const char *name, rv_error *err)
{
    RV_AUTO(rvi_pg_text_free) char *quoted = PQescapeIdentifier(pg->conn, name, strlen(name));
    if (quoted == NULL)
        return not_quoted(pg, "a name: its text is not valid UTF-8", err);
    return rv_bytes_append_str(sql, quoted, err);
}

rv_code rvi_pg_append_literal(const rvi_pg *pg, rv_bytes *sql, const char *text, rv_error *err)
{
    RV_AUTO(rvi_pg_text_free) char *quoted = PQescapeLiteral(pg->conn, text, strlen(text));
    if (quoted == NULL)
        return not_quoted(pg, "a value: its text is not valid UTF-8", err);
    return rv_bytes_append_str(sql, quoted, err);
}
