/* What a SQLSTATE, or libpq's words about a failed connection, become. */
#include "unit/source/postgres_support.h"

#include <string.h>

static void sqlstates_have_their_code_and_retry_class(void **state)
{
    static const struct {
        const char *sqlstate;
        rv_code code;
        rv_retry retry;
    } cases[] = {
        {"08006", RV_E_SOURCE_LOST, RV_RETRY_RECONNECT},
        {"08P01", RV_E_SOURCE_LOST, RV_RETRY_RECONNECT},
        {"57P01", RV_E_SOURCE_LOST, RV_RETRY_RECONNECT},
        {"57P02", RV_E_SOURCE_LOST, RV_RETRY_RECONNECT},
        {"57P03", RV_E_SOURCE_BUSY, RV_RETRY_BACKOFF},
        {"53300", RV_E_SOURCE_BUSY, RV_RETRY_BACKOFF},
        {"53100", RV_E_SOURCE_RESOURCES, RV_RETRY_BACKOFF},
        {"40001", RV_E_SOURCE_CONFLICT, RV_RETRY_SAME},
        {"40P01", RV_E_SOURCE_CONFLICT, RV_RETRY_SAME},
        {"57014", RV_E_SOURCE_QUERY, RV_RETRY_NEVER},
        {"55P03", RV_E_SOURCE_LOCK_TIMEOUT, RV_RETRY_BACKOFF},
        {"25P03", RV_E_SOURCE_LOST, RV_RETRY_RECONNECT},
        {"25P04", RV_E_SOURCE_SNAPSHOT_AGE, RV_RETRY_NEVER},
        {"28P01", RV_E_SOURCE_AUTH, RV_RETRY_NEVER},
        {"28000", RV_E_SOURCE_AUTH, RV_RETRY_NEVER},
        {"3D000", RV_E_SOURCE_NOT_FOUND, RV_RETRY_NEVER},
        {"42P01", RV_E_SOURCE_NOT_FOUND, RV_RETRY_NEVER},
        {"42501", RV_E_SOURCE_DENIED, RV_RETRY_NEVER},
        {"42601", RV_E_SOURCE_QUERY, RV_RETRY_NEVER},
        {"22012", RV_E_SOURCE_QUERY, RV_RETRY_NEVER},
        {"22021", RV_E_VALUE_ENCODING, RV_RETRY_NEVER},
        {"XX001", RV_E_SOURCE_QUERY, RV_RETRY_NEVER},
        {"0A000", RV_E_SOURCE_UNSUPPORTED, RV_RETRY_NEVER},
        {"", RV_E_SOURCE_QUERY, RV_RETRY_NEVER},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rv_pg_verdict verdict = rv_pg_classify(cases[i].sqlstate);
        if (verdict.code != cases[i].code || verdict.retry != cases[i].retry)
            fail_msg("%s became %s, retry %d", cases[i].sqlstate, rv_code_name(verdict.code),
                     (int)verdict.retry);
    }
}

static void failed_connections_are_told_apart(void **state)
{
    static const struct {
        const char *message, *sqlstate;
        rv_code code;
        bool needs_password;
    } cases[] = {
        {"connection to server at \"db\", port 5432 failed: Connection refused", "", RV_E_SOURCE_CONNECT,
         false},
        {"could not translate host name \"db\" to address", "", RV_E_SOURCE_CONNECT, false},
        {"failed: FATAL:  28P01: password authentication failed for user \"etl\"\nLOCATION:  auth_failed, "
         "auth.c:320",
         "28P01", RV_E_SOURCE_AUTH, false},
        {"failed: FATAL:  28P01: Passwort-Authentifizierung fehlgeschlagen", "28P01", RV_E_SOURCE_AUTH,
         false},
        {"failed: FATAL:  3D000: database \"x\" does not exist", "3D000", RV_E_SOURCE_NOT_FOUND, false},
        {"failed: FATAL:  53300: sorry, too many clients already", "53300", RV_E_SOURCE_BUSY, false},
        {"failed: FATAL:  57P03: the database system is starting up", "57P03", RV_E_SOURCE_BUSY, false},
        {"failed: FATAL:  57P01: terminating connection", "57P01", RV_E_SOURCE_CONNECT, false},
        {"failed: FATAL:  08P01: SASL authentication failed", "08P01", RV_E_SOURCE_AUTH, false},
        {"failed: FATAL:  08P01: no such database: x", "08P01", RV_E_SOURCE_CONNECT, false},
        {"failed: fe_sendauth: no password supplied", "", RV_E_SOURCE_AUTH, true},
        {"failed: server does not support SSL, but SSL was required", "", RV_E_SOURCE_TLS, false},
        {"failed: SSL error: certificate verify failed", "", RV_E_SOURCE_TLS, false},
        {"failed: server certificate for \"a\" does not match host name \"b\"", "", RV_E_SOURCE_TLS, false},
        {"failed: SSL SYSCALL error: Connection reset by peer", "", RV_E_SOURCE_CONNECT, false},
        {"failed: SSL SYSCALL error: EOF detected", "", RV_E_SOURCE_CONNECT, false},
        {"failed: SSL error: unexpected eof while reading", "", RV_E_SOURCE_CONNECT, false},
        {"failed: SSL connection has been closed unexpectedly", "", RV_E_SOURCE_CONNECT, false},
        {"failed: expected authentication request from server, but received J", "", RV_E_SOURCE_PROTOCOL,
         false},
        {"failed: received invalid response to SSL negotiation: J", "", RV_E_SOURCE_PROTOCOL, false},
        {"server at \"::1\" failed: FATAL:  28000: no entry\nserver at \"127.0.0.1\" failed: FATAL:  53300: "
         "too many",
         "53300", RV_E_SOURCE_BUSY, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sqlstate[6];
        rv_pg_verdict verdict = rv_pg_classify_connect(cases[i].message, cases[i].needs_password, sqlstate);
        if (verdict.code != cases[i].code || strcmp(sqlstate, cases[i].sqlstate) != 0)
            fail_msg("'%s' became %s [%s]", cases[i].message, rv_code_name(verdict.code), sqlstate);
        if (verdict.hint == NULL)
            fail_msg("'%s' says nothing about what to do", cases[i].message);
    }
}

static void one_line_keeps_the_words(void **state)
{
    char out[24];
    (void)state;
    rv_pg_one_line(out, sizeof out, "  two\n\twords \n");
    assert_string_equal(out, "two words");
    rv_pg_one_line(out, sizeof out, "");
    assert_string_equal(out, "");
    rv_pg_one_line(out, sizeof out, "much longer than the room that is there");
    assert_string_equal(out, "much longer than the ro");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sqlstates_have_their_code_and_retry_class),
        cmocka_unit_test(failed_connections_are_told_apart),
        cmocka_unit_test(one_line_keeps_the_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
