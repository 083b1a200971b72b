/* What an errno of the server or of the client library becomes. */
#include "unit/source/mysql_support.h"

#include <string.h>

static void numbers_have_their_code_and_retry_class(void **state)
{
    static const struct {
        unsigned number;
        rv_code code;
        rv_retry retry;
    } cases[] = {
        {1040, RV_E_SOURCE_BUSY, RV_RETRY_BACKOFF},
        {1203, RV_E_SOURCE_BUSY, RV_RETRY_BACKOFF},
        {1053, RV_E_SOURCE_BUSY, RV_RETRY_BACKOFF},
        {1044, RV_E_SOURCE_DENIED, RV_RETRY_NEVER},
        {1045, RV_E_SOURCE_AUTH, RV_RETRY_NEVER},
        {1698, RV_E_SOURCE_AUTH, RV_RETRY_NEVER},
        {1251, RV_E_SOURCE_AUTH, RV_RETRY_NEVER},
        {2059, RV_E_SOURCE_AUTH, RV_RETRY_NEVER},
        {3159, RV_E_SOURCE_TLS, RV_RETRY_NEVER},
        {2026, RV_E_SOURCE_TLS, RV_RETRY_NEVER},
        {1049, RV_E_SOURCE_NOT_FOUND, RV_RETRY_NEVER},
        {1054, RV_E_SOURCE_NOT_FOUND, RV_RETRY_NEVER},
        {1146, RV_E_SOURCE_NOT_FOUND, RV_RETRY_NEVER},
        {1142, RV_E_SOURCE_DENIED, RV_RETRY_NEVER},
        {1143, RV_E_SOURCE_DENIED, RV_RETRY_NEVER},
        {1227, RV_E_SOURCE_DENIED, RV_RETRY_NEVER},
        {1205, RV_E_SOURCE_LOCK_TIMEOUT, RV_RETRY_BACKOFF},
        {1213, RV_E_SOURCE_CONFLICT, RV_RETRY_SAME},
        {1615, RV_E_SOURCE_CONFLICT, RV_RETRY_SAME},
        {1317, RV_E_SOURCE_QUERY, RV_RETRY_NEVER},
        {3024, RV_E_SOURCE_STATEMENT_TIMEOUT, RV_RETRY_SMALLER},
        {1969, RV_E_SOURCE_STATEMENT_TIMEOUT, RV_RETRY_SMALLER},
        {1064, RV_E_SOURCE_QUERY, RV_RETRY_NEVER},
        {1412, RV_E_SOURCE_QUERY, RV_RETRY_NEVER},
        {1290, RV_E_SOURCE_QUERY, RV_RETRY_NEVER},
        {1461, RV_E_SOURCE_RESOURCES, RV_RETRY_BACKOFF},
        {1114, RV_E_SOURCE_RESOURCES, RV_RETRY_BACKOFF},
        {1153, RV_E_SOURCE_QUERY, RV_RETRY_NEVER},
        {2020, RV_E_VALUE_TOO_LARGE, RV_RETRY_NEVER},
        {1159, RV_E_SOURCE_LOST, RV_RETRY_RECONNECT},
        {1927, RV_E_SOURCE_LOST, RV_RETRY_RECONNECT},
        {4031, RV_E_SOURCE_LOST, RV_RETRY_RECONNECT},
        {2006, RV_E_SOURCE_LOST, RV_RETRY_RECONNECT},
        {2013, RV_E_SOURCE_LOST, RV_RETRY_RECONNECT},
        {2055, RV_E_SOURCE_LOST, RV_RETRY_RECONNECT},
        {2002, RV_E_SOURCE_CONNECT, RV_RETRY_RECONNECT},
        {2005, RV_E_SOURCE_CONNECT, RV_RETRY_RECONNECT},
        {2027, RV_E_SOURCE_PROTOCOL, RV_RETRY_RECONNECT},
        {2999, RV_E_SOURCE_PROTOCOL, RV_RETRY_RECONNECT}, /* the library's, but not known */
        {1234, RV_E_SOURCE_QUERY, RV_RETRY_NEVER},        /* the server's, but not known */
        {6000, RV_E_SOURCE_QUERY, RV_RETRY_NEVER},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rv_error err = {0};
        rv_code rc = rvi_my_fail(NULL, cases[i].number, "HY000", "words", &err);
        if (rc != cases[i].code || err.code != rc || err.retry != cases[i].retry)
            fail_msg("%u became %s, retry %d", cases[i].number, rv_code_name(rc), (int)err.retry);
    }
}

/* What Connector/C 3.3 says under one number. */
static void a_connection_that_broke_under_tls_is_no_fault_of_tls(void **state)
{
    static const struct {
        const char *message;
        bool lost;
    } cases[] = {
        {"TLS/SSL error: Connection reset by peer (104)", true},
        {"TLS/SSL error: Die Verbindung wurde vom Kommunikationspartner zurückgesetzt (104)", true},
        {"TLS/SSL error: Broken pipe (32)", true},
        {"TLS/SSL error: Connection timed out (110)", true},
        {"TLS/SSL error: No route to host (113)", true},
        {"TLS/SSL error: Resource temporarily unavailable (11)", true},
        {"TLS/SSL error: unexpected eof while reading", true},
        {"TLS/SSL error: SSL errno=0", true},
        {"TLS/SSL error: self-signed certificate", false},
        {"TLS/SSL error: certificate has expired", false},
        {"TLS/SSL error: certificate verify failed", false},
        {"TLS/SSL error: unable to get local issuer certificate", false},
        {"TLS/SSL error: Validation of SSL server certificate failed", false},
        {"TLS/SSL error: SSL is required, but the server does not support it", false},
        {"TLS/SSL error: tlsv1 alert protocol version", false},
        {"TLS/SSL error: wrong version number", false},
        {"TLS/SSL error: SSL errno=2147483650", false},
        {"TLS/SSL error: No such file or directory (2)", false},
        {"TLS/SSL error: (104) was said before something else", false},
        {"(104)", false},
        {"", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rv_error err = {0};
        rv_code rc = rvi_my_fail(NULL, 2026, "HY000", cases[i].message, &err);
        rv_code expected = cases[i].lost ? RV_E_SOURCE_LOST : RV_E_SOURCE_TLS;
        rv_retry retry = cases[i].lost ? RV_RETRY_RECONNECT : RV_RETRY_NEVER;
        if (rc != expected || err.retry != retry)
            fail_msg("'%s' became %s, retry %d", cases[i].message, rv_code_name(rc), (int)err.retry);
        assert_string_equal(err.native, "2026 (HY000)");
    }
}

static void tls_that_breaks_after_the_login_is_a_lost_connection(void **state)
{
    rvi_my my = {.greeted = true};
    rv_error err = {0};
    (void)state;
    assert_int_equal(
        rvi_my_fail(&my, 2026, "HY000", "TLS/SSL error: decryption failed or bad record mac", &err),
        RV_E_SOURCE_LOST);
    assert_int_equal(err.retry, RV_RETRY_RECONNECT);
    assert_int_equal(rvi_my_fail(&my, 1045, "28000", "Access denied (104)", &err), RV_E_SOURCE_AUTH);
}

static void the_servers_words_and_number_are_kept(void **state)
{
    rv_error err = {0};
    (void)state;
    (void)rvi_my_fail(NULL, 1205, "HY000", "Lock wait timeout\n exceeded;\t try \x1b[31mrestarting", &err);
    assert_string_equal(err.message, "Lock wait timeout exceeded; try [31mrestarting");
    assert_string_equal(err.native, "1205 (HY000)");
    assert_non_null(strstr(err.hint, "tuning.lock_timeout_s"));
}

static void silence_is_told_as_a_loss(void **state)
{
    rv_error err = {0};
    (void)state;
    assert_int_equal(rvi_my_fail(NULL, 2013, "HY000", "", &err), RV_E_SOURCE_LOST);
    assert_string_equal(err.message, "the connection was lost");
}

static void nobody_need_listen(void **state)
{
    (void)state;
    assert_int_equal(rvi_my_fail(NULL, 1146, "42S02", "no table", NULL), RV_E_SOURCE_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_have_their_code_and_retry_class),
        cmocka_unit_test(a_connection_that_broke_under_tls_is_no_fault_of_tls),
        cmocka_unit_test(tls_that_breaks_after_the_login_is_a_lost_connection),
        cmocka_unit_test(the_servers_words_and_number_are_kept),
        cmocka_unit_test(silence_is_told_as_a_loss),
        cmocka_unit_test(nobody_need_listen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
