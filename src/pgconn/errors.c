/* pgconn/errors.c - what the server or libpq says, as one of our codes with the retry class that fits.
 *
 * SQLSTATE decides; messages may be in any language and are only passed on. The exceptions are failures of libpq
 * itself, which have no SQLSTATE and are in English, because this program never sets a locale. */
#include "rivet/pgconn.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

/* Codes by class (two characters) or exact (five). Exact ones come first. Spec: PostgreSQL 17 documentation,
 * appendix A; the retry classes follow reference "Retry classification" of the original. */
typedef struct rule {
    const char *prefix;
    rv_pg_verdict verdict;
} rule;

static const char lock_hint[] =
    "somebody holds a lock on the table (ALTER, VACUUM FULL …); see tuning.lock_timeout_s";
static const char busy_hint[] = "the server has no free connection, or is starting or stopping";
static const char auth_hint[] = "check source.user, the password and the server's pg_hba.conf";
static const char connect_hint[] =
    "check source.host and source.port: does the server run, and may this machine reach it?";
static const char other_server_hint[] = "does a PostgreSQL server listen on that port? check source.port";
static const char query_hint[] =
    "a query is one SELECT; a semicolon may stand only at its very end, not before a comment";
static const char encoding_hint[] = "the database holds text that cannot be converted to UTF-8";

static const rule rules[] = {
    {"57P03", {RV_E_SOURCE_BUSY, RV_RETRY_BACKOFF, busy_hint}},
    {"53300", {RV_E_SOURCE_BUSY, RV_RETRY_BACKOFF, busy_hint}},
    {"57P01", {RV_E_SOURCE_LOST, RV_RETRY_RECONNECT, "an administrator ended the connection"}},
    {"57P02", {RV_E_SOURCE_LOST, RV_RETRY_RECONNECT, "the server went down"}},
    {"57P05",
     {RV_E_SOURCE_LOST, RV_RETRY_RECONNECT, "the server's idle_session_timeout ended the connection"}},
    {"57014", {RV_E_SOURCE_QUERY, RV_RETRY_NEVER, "somebody cancelled the statement on the server"}},
    {"40001", {RV_E_SOURCE_CONFLICT, RV_RETRY_SAME, NULL}},
    {"40P01", {RV_E_SOURCE_CONFLICT, RV_RETRY_SAME, NULL}},
    {"55P03", {RV_E_SOURCE_LOCK_TIMEOUT, RV_RETRY_BACKOFF, lock_hint}},
    {"25P03", {RV_E_SOURCE_LOST, RV_RETRY_RECONNECT, "the transaction idled longer than the server allows"}},
    {"25P04",
     {RV_E_SOURCE_SNAPSHOT_AGE, RV_RETRY_NEVER, "the server's transaction_timeout ended the snapshot"}},
    {"25006", {RV_E_SOURCE_QUERY, RV_RETRY_NEVER, "queries run in a READ ONLY transaction"}},
    {"42501",
     {RV_E_SOURCE_DENIED, RV_RETRY_NEVER, "grant the user USAGE on the schema and SELECT on the table"}},
    {"42601", {RV_E_SOURCE_QUERY, RV_RETRY_NEVER, query_hint}},
    {"42P01", {RV_E_SOURCE_NOT_FOUND, RV_RETRY_NEVER, NULL}},
    {"42703", {RV_E_SOURCE_NOT_FOUND, RV_RETRY_NEVER, NULL}},
    {"3D000", {RV_E_SOURCE_NOT_FOUND, RV_RETRY_NEVER, "check source.database"}},
    {"3F000", {RV_E_SOURCE_NOT_FOUND, RV_RETRY_NEVER, NULL}},
    {"22021", {RV_E_VALUE_ENCODING, RV_RETRY_NEVER, encoding_hint}},
    {"22P05", {RV_E_VALUE_ENCODING, RV_RETRY_NEVER, encoding_hint}},
    {"0A000", {RV_E_SOURCE_UNSUPPORTED, RV_RETRY_NEVER, NULL}},
    {"08", {RV_E_SOURCE_LOST, RV_RETRY_RECONNECT, NULL}},
    {"28", {RV_E_SOURCE_AUTH, RV_RETRY_NEVER, auth_hint}},
    {"53", {RV_E_SOURCE_RESOURCES, RV_RETRY_BACKOFF, NULL}},
};

rv_pg_verdict rv_pg_classify(const char *sqlstate)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (strncmp(sqlstate, rules[i].prefix, strlen(rules[i].prefix)) == 0)
            return rules[i].verdict;
    return (rv_pg_verdict){RV_E_SOURCE_QUERY, RV_RETRY_NEVER, NULL};
}

void rv_pg_one_line(char *out, size_t out_bytes, const char *from)
{
    size_t n = 0;
    bool blank = true; /* none at the start */
    for (; *from != '\0' && n + 1 < out_bytes; from++) {
        bool space = *from == ' ' || *from == '\n' || *from == '\t' || *from == '\r';
        if (!space || !blank)
            out[n++] = space ? ' ' : *from;
        blank = space;
    }
    out[n > 0 && out[n - 1] == ' ' ? n - 1 : n] = '\0';
}

rv_code rv_pg_fail_with(rv_pg_verdict verdict, const char *sqlstate, const char *message, rv_error *err)
{
    char line[sizeof err->message];
    rv_pg_one_line(line, sizeof line, message);
    rv_fail(err, verdict.code, "%s", line);
    rv_native(err, sqlstate);
    if (err != NULL)
        err->retry = verdict.retry;
    return verdict.code;
}

/* ---- connecting ---- */

static bool is_sqlstate(const char *text)
{
    for (int i = 0; i < 5; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'A' && text[i] <= 'Z')))
            return false;
    return text[5] == ':';
}

/* At PQERRORS_VERBOSE an error of the server reads "FATAL:  28P01: password …" in any language. The last one counts:
 * several addresses may have been tried. NULL: none. */
static const char *find_sqlstate(const char *message)
{
    const char *found = NULL;
    for (const char *at = strstr(message, ":  "); at != NULL; at = strstr(at + 3, ":  "))
        if (is_sqlstate(at + 3))
            found = at + 3;
    return found;
}

static bool mentions(const char *message, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strstr(message, *words) != NULL)
            return true;
    return false;
}

rv_pg_verdict rv_pg_classify_connect(const char *message, bool needs_password, char sqlstate[6])
{
    static const char *const login_words[] = {"password", "authentication", "SASL",
                                              "SCRAM",    "no such user",   NULL};
    /* A network that broke under TLS, in its handshake or behind it: libpq's words, and OpenSSL's. */
    static const char *const broken_words[] = {"SSL SYSCALL", "SSL connection has been closed unexpectedly",
                                               "unexpected eof while reading", NULL};
    static const char *const tls_words[] = {"SSL", "TLS", "certificate", NULL};
    /* What libpq 15 says when the first byte of an answer is none that the protocol knows. */
    static const char *const alien_words[] = {"expected authentication request from server",
                                              "received invalid response to SSL negotiation", NULL};
    const char *found = find_sqlstate(message);
    snprintf(sqlstate, 6, "%.5s", found != NULL ? found : "");
    rv_pg_verdict connect = {RV_E_SOURCE_CONNECT, RV_RETRY_RECONNECT, connect_hint};
    rv_pg_verdict auth = {RV_E_SOURCE_AUTH, RV_RETRY_NEVER, auth_hint};
    if (found != NULL) {
        rv_pg_verdict verdict = rv_pg_classify(sqlstate);
        if (strcmp(sqlstate, "08P01") == 0) /* what pgbouncer 1.18 says about everything */
            verdict = mentions(found, login_words) ? auth : connect;
        return verdict.code == RV_E_SOURCE_LOST ? connect : verdict;
    }
    if (needs_password)
        return (rv_pg_verdict){RV_E_SOURCE_AUTH, RV_RETRY_NEVER,
                               "set source.password_env (or a password in the URL)"};
    if (mentions(message, alien_words))
        return (rv_pg_verdict){RV_E_SOURCE_PROTOCOL, RV_RETRY_NEVER, other_server_hint};
    if (mentions(message, broken_words))
        return connect;
    if (mentions(message, tls_words))
        return (rv_pg_verdict){RV_E_SOURCE_TLS, RV_RETRY_NEVER,
                               "check source.tls: mode, ca_file, and the host's name"};
    return mentions(message, login_words) ? auth : connect;
}

rv_code rv_pg_fail_connect(PGconn *conn, rv_error *err)
{
    char sqlstate[6], text[1024];
    snprintf(text, sizeof text, "%s", PQerrorMessage(conn));
    rv_pg_verdict verdict = rv_pg_classify_connect(text, PQconnectionNeedsPassword(conn), sqlstate);
    char *location = strstr(text, "\nLOCATION:");
    if (location != NULL)
        *location = '\0';
    const char *code = find_sqlstate(text);
    if (code != NULL) /* printed by itself; "28P01: " */
        memmove(text + (code - text), code + 7, strlen(code + 7) + 1);
    rv_pg_fail_with(verdict, sqlstate, text, err);
    if (verdict.hint != NULL)
        rv_hint(err, "%s", verdict.hint);
    return verdict.code;
}
