/* errors.c - what a statement or a connection failed of, by errno, as one of our codes with the retry class that fits.
 * Messages may be in any language and are only passed on. Numbers from 2000 to 2999 and from 5000 to 5999 are the
 * client library's own (errmsg.h), the others are the server's (mysqld_error.h; where MySQL and MariaDB have given one number
 * two meanings, it is not here or both lead to the same class). */
#include "internal.h"

#include <errmsg.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct rule {
    unsigned number;
    rv_code code;
    rv_retry retry;
    const char *hint;
} rule;

static const char busy_hint[] = "the server has no free connection for this user, or is stopping";
static const char lost_hint[] = "the server or something between ended the connection";
static const char auth_hint[] = "check source.user, the password and from which hosts the user may log in";
static const char plugin_hint[] = "the user's authentication plugin is not installed here (package "
                                  "libmariadb3), or is one that Rivet does not "
                                  "use over this connection: docs/mysql.md, \"Connecting\"";
static const char connect_hint[] =
    "check source.host and source.port: does the server run, and may this machine reach it?";
static const char query_hint[] =
    "a query is one SELECT; a semicolon may stand only at its very end, not before a comment";
static const char lock_hint[] =
    "somebody holds a lock on the table (ALTER, LOCK TABLES …); see tuning.lock_timeout_s";
static const char timeout_hint[] = "raise tuning.statement_timeout_s, or let the query do less";
static const char tls_hint[] = "check source.tls and the server's certificate";
static const char grant_hint[] = "grant the user SELECT on what is read";
static const char packet_hint[] = "raise max_allowed_packet on the server";
static const char altered_hint[] = "run again: the table was altered meanwhile";
static const char read_only_hint[] = "queries run in a READ ONLY transaction";

/* Source: MySQL 8.0 Error Message Reference; MariaDB "Error Codes"; the retry classes follow the original's. */
static const rule rules[] = {
    {1040, RV_E_SOURCE_BUSY, RV_RETRY_BACKOFF, busy_hint}, /* too many connections */
    {1203, RV_E_SOURCE_BUSY, RV_RETRY_BACKOFF, busy_hint}, /* max_user_connections */
    {1226, RV_E_SOURCE_BUSY, RV_RETRY_BACKOFF, busy_hint}, /* a user's resource limit */
    {1053, RV_E_SOURCE_BUSY, RV_RETRY_BACKOFF, "the server is shutting down"},
    {3168, RV_E_SOURCE_BUSY, RV_RETRY_BACKOFF, "the server is starting or stopping"},
    {3032, RV_E_SOURCE_BUSY, RV_RETRY_BACKOFF, "the server is in offline mode"},
    {1044, RV_E_SOURCE_DENIED, RV_RETRY_NEVER, "grant the user a privilege in the database"},
    {1045, RV_E_SOURCE_AUTH, RV_RETRY_NEVER, auth_hint},
    {1698, RV_E_SOURCE_AUTH, RV_RETRY_NEVER, auth_hint},
    {1129, RV_E_SOURCE_AUTH, RV_RETRY_NEVER, "the server blocks this host until FLUSH HOSTS"},
    {1130, RV_E_SOURCE_AUTH, RV_RETRY_NEVER, auth_hint},
    {1820, RV_E_SOURCE_AUTH, RV_RETRY_NEVER, "the user's password has expired"},
    {1862, RV_E_SOURCE_AUTH, RV_RETRY_NEVER, "the user's password has expired"},
    {3118, RV_E_SOURCE_AUTH, RV_RETRY_NEVER, "the user is locked"},
    {4151, RV_E_SOURCE_AUTH, RV_RETRY_NEVER, "the user is locked"}, /* MariaDB */
    {1251, RV_E_SOURCE_AUTH, RV_RETRY_NEVER, plugin_hint},
    {1524, RV_E_SOURCE_AUTH, RV_RETRY_NEVER, plugin_hint},
    {2049, RV_E_SOURCE_AUTH, RV_RETRY_NEVER, plugin_hint},
    {2058, RV_E_SOURCE_AUTH, RV_RETRY_NEVER, plugin_hint},
    {2059, RV_E_SOURCE_AUTH, RV_RETRY_NEVER, plugin_hint},
    {2061, RV_E_SOURCE_AUTH, RV_RETRY_NEVER, plugin_hint},
    {3159, RV_E_SOURCE_TLS, RV_RETRY_NEVER, "the server demands TLS: set source.tls.mode: verify-full"},
    {2026, RV_E_SOURCE_TLS, RV_RETRY_NEVER, tls_hint},
    {5014, RV_E_SOURCE_TLS, RV_RETRY_NEVER, tls_hint},
    {1142, RV_E_SOURCE_DENIED, RV_RETRY_NEVER, grant_hint},
    {1143, RV_E_SOURCE_DENIED, RV_RETRY_NEVER, grant_hint},
    {1227, RV_E_SOURCE_DENIED, RV_RETRY_NEVER, NULL},
    {1345, RV_E_SOURCE_DENIED, RV_RETRY_NEVER, grant_hint}, /* tables under a view */
    {1356, RV_E_SOURCE_DENIED, RV_RETRY_NEVER,
     "the view is broken, or its definer may not read what is under it"},
    {1370, RV_E_SOURCE_DENIED, RV_RETRY_NEVER, NULL}, /* a routine */
    {1449, RV_E_SOURCE_DENIED, RV_RETRY_NEVER, "the view's definer does not exist"},
    {1046, RV_E_SOURCE_NOT_FOUND, RV_RETRY_NEVER, "set source.database"},
    {1049, RV_E_SOURCE_NOT_FOUND, RV_RETRY_NEVER,
     "check source.database, and what stands before the dot in a table's name"},
    {1051, RV_E_SOURCE_NOT_FOUND, RV_RETRY_NEVER, NULL},
    {1054, RV_E_SOURCE_NOT_FOUND, RV_RETRY_NEVER, NULL},
    {1146, RV_E_SOURCE_NOT_FOUND, RV_RETRY_NEVER, NULL},
    {1305, RV_E_SOURCE_NOT_FOUND, RV_RETRY_NEVER, NULL},
    {1735, RV_E_SOURCE_NOT_FOUND, RV_RETRY_NEVER, NULL}, /* a partition */
    {1205, RV_E_SOURCE_LOCK_TIMEOUT, RV_RETRY_BACKOFF, lock_hint},
    {3572, RV_E_SOURCE_LOCK_TIMEOUT, RV_RETRY_BACKOFF, lock_hint},
    {1213, RV_E_SOURCE_CONFLICT, RV_RETRY_SAME, NULL}, /* deadlock */
    {1614, RV_E_SOURCE_CONFLICT, RV_RETRY_SAME, NULL},
    {1615, RV_E_SOURCE_CONFLICT, RV_RETRY_SAME, NULL}, /* to be prepared again */
    {1020, RV_E_SOURCE_CONFLICT, RV_RETRY_SAME, NULL}, /* record has changed (MariaDB's snapshot isolation) */
    {1412, RV_E_SOURCE_QUERY, RV_RETRY_NEVER, altered_hint},
    {1317, RV_E_SOURCE_QUERY, RV_RETRY_NEVER, "somebody stopped the statement with KILL QUERY"},
    {3024, RV_E_SOURCE_STATEMENT_TIMEOUT, RV_RETRY_SMALLER, timeout_hint}, /* max_execution_time */
    {1907, RV_E_SOURCE_STATEMENT_TIMEOUT, RV_RETRY_SMALLER, timeout_hint}, /* MySQL 5.7.4 to 5.7.7 */
    {1969, RV_E_SOURCE_STATEMENT_TIMEOUT, RV_RETRY_SMALLER, timeout_hint}, /* max_statement_time */
    {1290, RV_E_SOURCE_QUERY, RV_RETRY_NEVER, "the server runs with an option that forbids this"},
    {1792, RV_E_SOURCE_QUERY, RV_RETRY_NEVER, read_only_hint},
    {1836, RV_E_SOURCE_QUERY, RV_RETRY_NEVER, read_only_hint},
    {1021, RV_E_SOURCE_RESOURCES, RV_RETRY_BACKOFF, "the server's disk is full"},
    {1037, RV_E_SOURCE_RESOURCES, RV_RETRY_BACKOFF, NULL},
    {1038, RV_E_SOURCE_RESOURCES, RV_RETRY_BACKOFF, "raise sort_buffer_size, or let the query sort less"},
    {1041, RV_E_SOURCE_RESOURCES, RV_RETRY_BACKOFF, NULL},
    {1114, RV_E_SOURCE_RESOURCES, RV_RETRY_BACKOFF, "a temporary table of the server's is full"},
    {1135, RV_E_SOURCE_RESOURCES, RV_RETRY_BACKOFF, NULL},
    {1206, RV_E_SOURCE_RESOURCES, RV_RETRY_BACKOFF, NULL},
    {1461, RV_E_SOURCE_RESOURCES, RV_RETRY_BACKOFF, "the server's max_prepared_stmt_count is reached"},
    {1064, RV_E_SOURCE_QUERY, RV_RETRY_NEVER, query_hint},
    {1105, RV_E_SOURCE_QUERY, RV_RETRY_NEVER, NULL},
    {1153, RV_E_SOURCE_QUERY, RV_RETRY_NEVER, packet_hint},
    {1162, RV_E_SOURCE_QUERY, RV_RETRY_NEVER, packet_hint},
    {2020, RV_E_VALUE_TOO_LARGE, RV_RETRY_NEVER, "see tuning.max_value_mb"},
    {1235, RV_E_SOURCE_UNSUPPORTED, RV_RETRY_NEVER, NULL},
    {1286, RV_E_SOURCE_UNSUPPORTED, RV_RETRY_NEVER, NULL},
    {1295, RV_E_SOURCE_UNSUPPORTED, RV_RETRY_NEVER, NULL}, /* not in the prepared protocol */
    {2054, RV_E_SOURCE_UNSUPPORTED, RV_RETRY_NEVER, NULL},
    {1158, RV_E_SOURCE_LOST, RV_RETRY_RECONNECT, lost_hint},
    {1159, RV_E_SOURCE_LOST, RV_RETRY_RECONNECT, lost_hint},
    {1160, RV_E_SOURCE_LOST, RV_RETRY_RECONNECT, lost_hint},
    {1161, RV_E_SOURCE_LOST, RV_RETRY_RECONNECT, lost_hint},
    {1152, RV_E_SOURCE_LOST, RV_RETRY_RECONNECT, lost_hint},
    {1184, RV_E_SOURCE_LOST, RV_RETRY_RECONNECT, lost_hint},
    {1927, RV_E_SOURCE_LOST, RV_RETRY_RECONNECT, "an administrator ended the connection"}, /* MariaDB: KILL */
    {3169, RV_E_SOURCE_LOST, RV_RETRY_RECONNECT, "an administrator ended the connection"},
    {4031, RV_E_SOURCE_LOST, RV_RETRY_RECONNECT, "the server's wait_timeout ended the connection"},
    {2002, RV_E_SOURCE_CONNECT, RV_RETRY_RECONNECT, connect_hint},
    {2003, RV_E_SOURCE_CONNECT, RV_RETRY_RECONNECT, connect_hint},
    {2004, RV_E_SOURCE_CONNECT, RV_RETRY_RECONNECT, connect_hint},
    {2005, RV_E_SOURCE_CONNECT, RV_RETRY_RECONNECT, "check source.host"},
    {2012, RV_E_SOURCE_CONNECT, RV_RETRY_RECONNECT, connect_hint},
    {2006, RV_E_SOURCE_LOST, RV_RETRY_RECONNECT, lost_hint},
    {2013, RV_E_SOURCE_LOST, RV_RETRY_RECONNECT, lost_hint},
    {2055, RV_E_SOURCE_LOST, RV_RETRY_RECONNECT, lost_hint},
    {2008, RV_E_OUT_OF_MEMORY, RV_RETRY_NEVER, NULL},
    {2027, RV_E_SOURCE_PROTOCOL, RV_RETRY_RECONNECT, NULL},
    {2007, RV_E_SOURCE_PROTOCOL, RV_RETRY_NEVER, NULL},
};

bool rvi_my_is_clients_own(unsigned number)
{
    return (number >= 2000 && number < 3000) || (number >= 5000 && number < 6000);
}

static rule verdict_on(unsigned number)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].number == number)
            return rules[i];
    if (rvi_my_is_clients_own(number)) /* the library and the server no longer understand each other */
        return (rule){number, RV_E_SOURCE_PROTOCOL, RV_RETRY_RECONNECT, NULL};
    return (rule){number, RV_E_SOURCE_QUERY, RV_RETRY_NEVER, NULL};
}

/* ---- TLS ---- */

static bool ends_with(const char *message, const char *end)
{
    size_t len = strlen(message), end_len = strlen(end);
    return len >= end_len && strcmp(message + len - end_len, end) == 0;
}

/* The library's one number for whatever goes wrong in TLS is also that of a network that broke under it. Where OpenSSL
 * had no complaint, the message ends with the system's errno, whatever language the words before it are in, or with
 * "SSL errno=0"; and an end of the stream is a complaint of OpenSSL's, whose texts are not translated. EAGAIN: an
 * orderly goodbye leaves the errno of the last wait. A certificate that is refused is none of these.
 * Source: Connector/C 3.3, secure/openssl.c, ma_tls_set_error(), ma_tls_connect(). */
static bool is_networks_fault(const char *message)
{
    static const int faults[] = {ECONNRESET,  ECONNABORTED, EPIPE,     ETIMEDOUT,    ENOTCONN, ENETDOWN,
                                 ENETUNREACH, ENETRESET,    EHOSTDOWN, EHOSTUNREACH, EAGAIN};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        char number[16];
        snprintf(number, sizeof number, " (%d)", faults[i]);
        if (ends_with(message, number))
            return true;
    }
    return ends_with(message, ": unexpected eof while reading") || ends_with(message, ": SSL errno=0");
}

/* Once somebody has logged in, certificates and names were right: what breaks then is the connection. */
static bool has_lost_tls(const rvi_my *my, unsigned number, const char *message)
{
    if (number != CR_SSL_CONNECTION_ERROR)
        return false;
    return (my != NULL && my->greeted) || is_networks_fault(message);
}

/* ---- what it becomes ---- */

static void one_line(char *out, size_t out_bytes, const char *from)
{
    size_t n = 0;
    bool blank = true; /* none at the start */
    for (; *from != '\0' && n + 1 < out_bytes; from++) {
        bool space = (unsigned char)*from <= ' ' || *from == 0x7f;
        if (!space || !blank)
            out[n++] = space ? ' ' : *from;
        blank = space;
    }
    out[n > 0 && out[n - 1] == ' ' ? n - 1 : n] = '\0';
}

rv_code rvi_my_fail(rvi_my *my, unsigned number, const char *sqlstate, const char *message, rv_error *err)
{
    rule verdict = verdict_on(has_lost_tls(my, number, message) ? CR_SERVER_LOST : number);
    char line[sizeof err->message], native[sizeof err->native];
    one_line(line, sizeof line, message);
    snprintf(native, sizeof native, "%u (%.5s)", number, sqlstate);
    rv_fail(err, verdict.code, "%s", line[0] != '\0' ? line : "the connection was lost");
    rv_native(err, native);
    if (err != NULL)
        err->retry = verdict.retry;
    if (verdict.hint != NULL)
        rv_hint(err, "%s", verdict.hint);
    return verdict.code;
}
