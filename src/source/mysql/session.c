/* session.c - waiting, statements of the text protocol, and giving a statement up.
 *
 * The client library blocks, but asks a hook of ours (MARIADB_OPT_IO_WAIT) whenever it would wait for the network. The
 * hook waits in short slices and gives up when the deadline has passed or somebody asked to stop; the library then
 * takes the connection for lost, and so do we. The library's other way, its non-blocking API, blocks all the same
 * where TLS is used (Connector/C 3.3: SSL_read() on a blocking socket), and costs a switch of stacks for every row.
 *
 * Two details make the hook hear everything. Sockets do not block once they are connected, so that a read within TLS
 * comes to the hook as well; and until then they have timeouts, for the handshake of TLS. A return from the hook is
 * only a suggestion to try again: it says yes after every slice.
 *
 * A server does not notice that its client is gone before it writes: a sort of an hour would go on for nobody. So
 * whoever gives up a wait kills the connection from a second one, which has a short time of its own because the network
 * may be what hangs; if that fails, closing the socket has to do. KILL QUERY is for a statement given up where the
 * session is to live on. */
#include "internal.h"

#include "rivet/clock.h"
#include "rivet/log.h"

#include <errmsg.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { KILL_MS = 2 * 1000 }; /* for a connection that only kills: somebody waits for us to stop */

/* The connection whose call this thread is in: the library's hook takes no argument of ours. */
static _Thread_local rvi_my *waiting;

int64_t rvi_my_now_us(void)
{
    const rv_clock *clock = rv_clock_system();
    return clock->mono_us(clock);
}

static int64_t deadline_in(int64_t ms)
{
    return rvi_my_now_us() + ms * 1000;
}

int64_t rvi_my_control_deadline(void)
{
    return deadline_in(RVI_MY_CONTROL_MS);
}

int64_t rvi_my_statement_deadline(const rvi_my *my)
{
    int64_t limit = my->options.statement_timeout_ms;
    return limit > 0 ? deadline_in(limit + RVI_MY_GRACE_MS) : INT64_MAX;
}

/* The server's own limit should speak first; it is a day where nobody has set it. */
int64_t rvi_my_lock_deadline(const rvi_my *my)
{
    if (my->options.statement_timeout_ms == 0 && my->options.lock_timeout_ms > 0)
        return deadline_in(my->options.lock_timeout_ms + RVI_MY_CONTROL_MS);
    return rvi_my_statement_deadline(my);
}

static bool stop_asked(const rvi_my *my)
{
    return !my->ending && (atomic_load(&my->interrupted) || rv_cancel_requested(my->base.cancel));
}

rv_code rvi_my_check_stop(const rvi_my *my, rv_error *err)
{
    return stop_asked(my) ? rv_fail(err, RV_E_CANCELLED, "stopped while waiting for MySQL") : RV_OK;
}

/* ---- the hook ---- */

/* Until the socket no longer blocks: see the top of this file. */
static void set_timeouts(my_socket fd)
{
    struct timeval slice = {.tv_usec = RVI_MY_POLL_SLICE_MS * 1000};
    (void)setsockopt((int)fd, SOL_SOCKET, SO_RCVTIMEO, &slice, sizeof slice);
    (void)setsockopt((int)fd, SOL_SOCKET, SO_SNDTIMEO, &slice, sizeof slice);
}

/* Where TLS cannot write, the library asks whether it can read (Connector/C 3.3, ma_tls_write()): so while the socket
 * takes nothing, either event counts. */
static short events_of(my_socket fd, my_bool is_read)
{
    struct pollfd writable = {.fd = (int)fd, .events = POLLOUT};
    if (!is_read)
        return POLLOUT;
    return poll(&writable, 1, 0) == 0 ? POLLIN | POLLOUT : POLLIN;
}

/* Does the server offer TLS? The library would log in, in the clear, before it notices that it does not. So the
 * greeting is looked at where it lies, while the library still waits for the connection.
 * Spec: MySQL internals, "Protocol::HandshakeV10": after a header of 4 bytes the version, 10; the server's name of itself,
 * ended by a zero; 4 + 8 + 1 bytes; the lower half of the capabilities. */
static bool offers_tls(const uint8_t *greeting, size_t len)
{
    enum { HEADER = 4, VERSION = 10, BETWEEN = 4 + 8 + 1, CAPABILITY_SSL = 0x0800 };
    if (len < HEADER + 1 || greeting[HEADER] != VERSION)
        return len > HEADER && greeting[HEADER] == 0xff; /* an error instead: the library will tell which */
    const uint8_t *name = greeting + HEADER + 1;
    const uint8_t *end = memchr(name, 0, len - (HEADER + 1));
    size_t at = end != NULL ? (size_t)(end - greeting) + 1 + BETWEEN : len;
    return at + 2 <= len && ((greeting[at] | greeting[at + 1] << 8) & CAPABILITY_SSL) != 0;
}

/* 1: the greeting is as it must be, or the connection failed and the library will notice; 0: not yet; -1: no TLS. */
static int peek_greeting(my_socket fd)
{
    uint8_t greeting[512];
    ssize_t n = recv((int)fd, greeting, sizeof greeting, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : 1;
    if (n == 0)
        return 1;
    size_t len = (size_t)n, whole = n >= 4 ? 4 + (greeting[0] | (size_t)greeting[1] << 8) : sizeof greeting;
    if (len < whole && len < sizeof greeting)
        return 0;
    return offers_tls(greeting, len) ? 1 : -1;
}

/* Before the handshake: returns to the library only when the greeting was seen. */
static int wait_for_greeting(rvi_my *my, my_socket fd)
{
    for (;;) {
        int seen = peek_greeting(fd);
        if (seen > 0)
            my->offered_tls = true;
        else if (seen < 0)
            my->stopped = RV_E_SOURCE_TLS;
        else if (stop_asked(my))
            my->stopped = RV_E_CANCELLED;
        else if (rvi_my_now_us() >= my->deadline_us)
            my->stopped = RV_E_SOURCE_LOST;
        if (seen > 0 || my->stopped != RV_OK)
            return seen > 0 ? 1 : 0;
        struct pollfd socket = {.fd = (int)fd, .events = POLLIN};
        if (poll(&socket, 1, RVI_MY_POLL_SLICE_MS) > 0 && peek_greeting(fd) == 0)
            (void)poll(NULL, 0, 1); /* half a greeting stays readable */
    }
}

int rvi_my_on_wait(my_socket fd, my_bool is_read, int timeout_ms)
{
    rvi_my *my = waiting;
    (void)timeout_ms; /* the library's, of a call as a whole; ours is finer */
    if (my == NULL)   /* a farewell to a server that takes nothing */
        return 0;
    if (my->stopped == RV_OK && stop_asked(my))
        my->stopped = RV_E_CANCELLED;
    else if (my->stopped == RV_OK && rvi_my_now_us() >= my->deadline_us)
        my->stopped = RV_E_SOURCE_LOST;
    if (my->stopped != RV_OK) {
        errno = ETIMEDOUT;
        return 0;
    }
    if (!my->greeted)
        set_timeouts(fd);
    struct pollfd socket = {.fd = (int)fd, .events = events_of(fd, is_read)};
    bool connects = !my->greeted && my->wants_tls && !my->offered_tls;
    int64_t left_ms = (my->deadline_us - rvi_my_now_us()) / 1000 + 1;
    int n = poll(&socket, 1, (int)(left_ms < RVI_MY_POLL_SLICE_MS ? left_ms : RVI_MY_POLL_SLICE_MS));
    if (n > 0 && connects)
        return wait_for_greeting(my, fd);
    return n >= 0 || errno == EINTR ? 1 : -1;
}

void rvi_my_enter(rvi_my *my, int64_t deadline_us)
{
    my->deadline_us = deadline_us;
    my->sent_us = rvi_my_now_us();
    my->stopped = RV_OK;
    waiting = my;
}

void rvi_my_leave(void)
{
    waiting = NULL;
}

/* ---- failures ---- */

void rvi_my_drop(rvi_my *my)
{
    if (my->conn == NULL)
        return;
    rv_code stopped = my->stopped;
    rvi_my_enter(my, deadline_in(RVI_MY_END_MS)); /* a word of farewell */
    mysql_close(my->conn);
    rvi_my_leave();
    my->stopped = stopped;
    my->conn = NULL;
    my->in_flight = NULL;
    my->in_transaction = false;
    rv_bytes_clear(&my->undo);
}

/* 1094: the server has noticed by itself. */
static bool is_gone(const rv_error *failure)
{
    return strncmp(failure->native, "1094 ", 5) == 0;
}

/* KILL of whatever this connection does, from another one; cancellation does not keep it from its work. */
static rv_code send_kill(const rvi_my *my, const char *what, int64_t deadline_us, rv_error *err)
{
    char sql[64];
    rvi_my other = {.config = my->config, .ending = true, .undo = RV_BYTES_INIT(RVI_MY_SQL_BYTES)};
    snprintf(sql, sizeof sql, "%s %lu", what, my->number);
    atomic_init(&other.interrupted, false);
    RV_TRY(rvi_my_connect(&other, deadline_us, err));
    rv_code rc = rvi_my_run(&other, sql, deadline_us, err);
    rvi_my_drop(&other);
    return rc;
}

/* The wait was given up, and the library has closed the socket: the server need not go on. Behind a proxy the number
 * that the handshake told may be that of somebody else's connection to the server. */
static void kill_connection(rvi_my *my)
{
    rv_error failure = {0};
    if (!my->is_direct)
        return;
    if (send_kill(my, "KILL", deadline_in(KILL_MS), &failure) != RV_OK && !is_gone(&failure))
        rv_log(RV_LOG_DEBUG, "MySQL cannot be asked to end connection %lu (%s)", my->number, failure.message);
}

static rv_code no_answer(rvi_my *my, rv_error *err)
{
    int64_t waited_s = (rvi_my_now_us() - my->sent_us) / 1000000;
    return rv_fail(err, RV_E_SOURCE_LOST, "MySQL has not answered; the statement was sent %" PRId64 " s ago",
                   waited_s);
}

/* The library says only that the connection was lost when a row is more than it was allowed to take. Its buffer has
 * grown with every piece before that one; for rows within the limit it stays a piece and more below. */
static bool row_was_too_large(const rvi_my *my)
{
    return my->row_limit > 0 && my->row_limit < RVI_MY_MAX_PACKET &&
           mysql_errno(my->conn) == CR_SERVER_LOST &&
           my->conn->net.max_packet + RVI_MY_PACKET_PIECE >= my->row_limit;
}

/* An error in the middle of rows is only told of the connection. */
static rv_code fail_with_last_error(rvi_my *my, MYSQL_STMT *statement, rv_error *err)
{
    if (row_was_too_large(my)) {
        (void)rv_fail(err, RV_E_VALUE_TOO_LARGE,
                      "a row has more than %zu MB, so one of its values is too large",
                      (my->row_limit - RVI_MY_PACKET_PIECE) >> 20);
        rv_hint(err, "raise tuning.max_value_mb");
        return RV_E_VALUE_TOO_LARGE;
    }
    unsigned number = statement != NULL ? mysql_stmt_errno(statement) : 0;
    if (number != 0)
        return rvi_my_fail(my, number, mysql_stmt_sqlstate(statement), mysql_stmt_error(statement), err);
    return rvi_my_fail(my, mysql_errno(my->conn), mysql_sqlstate(my->conn), mysql_error(my->conn), err);
}

/* What the library itself noticed leaves a conversation that nobody can go on with. */
static bool is_over(const rvi_my *my, MYSQL_STMT *statement, rv_code rc)
{
    unsigned number = statement != NULL ? mysql_stmt_errno(statement) : 0;
    if (number == 0)
        number = mysql_errno(my->conn);
    return rc == RV_E_SOURCE_LOST || number == 0 || rvi_my_is_clients_own(number);
}

rv_code rvi_my_call_failed(rvi_my *my, MYSQL_STMT *statement, rv_error *err)
{
    rv_code rc = RV_OK;
    if (my->stopped == RV_E_CANCELLED)
        rc = rv_fail(err, RV_E_CANCELLED, "stopped while waiting for MySQL");
    else if (my->stopped != RV_OK)
        rc = no_answer(my, err);
    else
        rc = fail_with_last_error(my, statement, err);
    bool given_up = my->stopped != RV_OK, over = given_up || is_over(my, statement, rc);
    if (given_up)
        kill_connection(my);
    if (over)
        rvi_my_drop(my);
    return rc;
}

rv_code rvi_my_check_ready(const rvi_my *my, rv_error *err)
{
    if (my->conn == NULL)
        return rv_fail(err, RV_E_SOURCE_LOST, "the connection to MySQL was given up");
    if (my->in_flight != NULL)
        return rv_fail(err, RV_E_INTERNAL, "a statement before the last one's rows have come");
    return rvi_my_check_stop(my, err);
}

/* ---- the text protocol ---- */

/* The results of the statement sent, all of them: the last one with rows, if it is asked for. */
static rv_code take_results(rvi_my *my, MYSQL_RES **out, rv_error *err)
{
    for (;;) {
        RV_AUTO(mysql_free_result) MYSQL_RES *result = mysql_store_result(my->conn);
        if (result == NULL && mysql_errno(my->conn) != 0)
            return rvi_my_call_failed(my, NULL, err);
        if (out != NULL && result != NULL) {
            mysql_free_result(*out);
            RV_MOVE(out, result);
        }
        int next = mysql_next_result(my->conn);
        if (next > 0)
            return rvi_my_call_failed(my, NULL, err);
        if (next < 0)
            return RV_OK;
    }
}

static rv_code query(rvi_my *my, const char *sql, int64_t deadline_us, MYSQL_RES **out, rv_error *err)
{
    RV_AUTO(mysql_free_result) MYSQL_RES *result = NULL;
    RV_TRY(rvi_my_check_ready(my, err));
    rvi_my_enter(my, deadline_us);
    rv_code rc = mysql_real_query(my->conn, sql, strlen(sql)) == 0
                     ? take_results(my, out != NULL ? &result : NULL, err)
                     : rvi_my_call_failed(my, NULL, err);
    rvi_my_leave();
    RV_TRY(rc);
    if (out != NULL && result == NULL)
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "MySQL has answered a look-up without rows");
    if (out != NULL)
        RV_MOVE(out, result);
    return RV_OK;
}

rv_code rvi_my_run(rvi_my *my, const char *sql, int64_t deadline_us, rv_error *err)
{
    return query(my, sql, deadline_us, NULL, err);
}

rv_code rvi_my_ask(rvi_my *my, const char *sql, MYSQL_RES **out, rv_error *err)
{
    return query(my, sql, rvi_my_control_deadline(), out, err);
}

/* Backticks quote a name in every sql_mode. */
rv_code rvi_my_append_name(rv_bytes *sql, const char *name, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(sql, "`", err));
    for (const char *at = name; *at != '\0';) {
        size_t n = strcspn(at, "`");
        RV_TRY(rv_bytes_append(sql, at, n, err));
        at += n;
        if (*at == '`') {
            RV_TRY(rv_bytes_append_str(sql, "``", err));
            at++;
        }
    }
    return rv_bytes_append_str(sql, "`", err);
}

/* In hexadecimal digits there is nothing to escape. */
rv_code rvi_my_append_literal(rv_bytes *sql, const char *text, rv_error *err)
{
    static const char hex[] = "0123456789ABCDEF";
    RV_TRY(rv_bytes_append_str(sql, "_utf8mb4 X'", err));
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        RV_TRY(rv_bytes_append(sql, (char[2]){hex[byte >> 4], hex[byte & 15]}, 2, err));
    }
    return rv_bytes_append_str(sql, "'", err);
}

/* ---- giving up a statement ---- */

/* A request that found its statement finished would hit the next one: let that be one that does nothing. */
static bool take_late_kill(rvi_my *my, int64_t deadline_us)
{
    rv_error failure = {0};
    rv_code rc = rvi_my_run(my, "DO 0", deadline_us, &failure);
    return rc == RV_OK || strncmp(failure.native, "1317 ", 5) == 0;
}

bool rvi_my_abandon_statement(rvi_my *my)
{
    int64_t deadline_us = deadline_in(RVI_MY_GRACE_MS);
    if (my->conn == NULL)
        return false;
    if (my->in_flight == NULL)
        return true;
    rv_error failure = {0};
    if (my->is_direct && send_kill(my, "KILL QUERY", deadline_us, &failure) != RV_OK) {
        rv_log(RV_LOG_DEBUG, "MySQL cannot be asked to stop a statement (%s); leaving the connection",
               failure.message);
        rvi_my_drop(my);
        return false;
    }
    rv_code rc = rvi_my_statement_drain(my->in_flight, deadline_us, &failure);
    bool was_killed = rc != RV_OK && strncmp(failure.native, "1317 ", 5) == 0;
    if ((rc != RV_OK && !was_killed) || (my->is_direct && !was_killed && !take_late_kill(my, deadline_us)))
        rvi_my_drop(my);
    return my->conn != NULL;
}
