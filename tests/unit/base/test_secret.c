#include "rivet/secret.h"

#include "fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void remember(rv_redactor *redactor, const char *value)
{
    RV_AUTO(rv_secret_free) rv_secret *secret = NULL;
    assert_int_equal(rv_secret_new(&secret, value, strlen(value), NULL), RV_OK);
    assert_int_equal(rv_redactor_add(redactor, secret, NULL), RV_OK);
}

static rv_redactor *redactor_of(const char *const *values)
{
    rv_redactor *redactor = NULL;
    assert_int_equal(rv_redactor_new(&redactor, NULL), RV_OK);
    for (; *values; values++)
        remember(redactor, *values);
    return redactor;
}

static void expect(const rv_redactor *redactor, const char *text, const char *expected)
{
    char buffer[512];
    snprintf(buffer, sizeof buffer, "%s", text);
    rv_redact(redactor, buffer, sizeof buffer);
    assert_string_equal(buffer, expected);
}

static void a_secret_holds_any_bytes_and_copies_them(void **state)
{
    (void)state;
    char bytes[] = {'a', '\0', 'b', '\xFF'};
    RV_AUTO(rv_secret_free) rv_secret *secret = NULL;
    assert_int_equal(rv_secret_new(&secret, bytes, sizeof bytes, NULL), RV_OK);
    memset(bytes, '?', sizeof bytes);
    assert_int_equal(rv_secret_len(secret), 4);
    assert_memory_equal(rv_secret_reveal(secret), "a\0b\xFF", 5); /* with the NUL behind it */

    rv_secret *empty = NULL;
    assert_int_equal(rv_secret_new(&empty, NULL, 0, NULL), RV_OK);
    assert_string_equal(rv_secret_reveal(empty), "");
    rv_secret_free(empty);
    rv_secret_free(NULL);
}

static void wiped_memory_is_zero(void **state)
{
    (void)state;
    char memory[64];
    memset(memory, 'x', sizeof memory);
    rv_wipe(memory + 8, 16);
    for (int i = 0; i < 64; i++)
        assert_int_equal(memory[i], i >= 8 && i < 24 ? 0 : 'x');
}

static void every_known_secret_becomes_stars(void **state)
{
    (void)state;
    const char *const values[] = {"hunter22", "s3cr3t", NULL};
    RV_AUTO(rv_redactor_free) rv_redactor *redactor = redactor_of(values);
    expect(redactor, "hunter22", "***");
    expect(redactor, "a hunter22 and s3cr3t, xhunter22x hunter2", "a *** and ***, x***x hunter2");
    expect(redactor, "hunter22hunter22", "******");
    expect(redactor, "", "");
    expect(NULL, "hunter22", "hunter22");
}

/* 0x20..0x7e, in an order that makes no scheme://user:pass of its own. */
static void canary(char out[96])
{
    for (int i = 0; i < 95; i++)
        out[i] = (char)(0x20 + i);
    out[95] = '\0';
}

static void percent_encode(char *out, const char *in, const char *plain, const char *hex)
{
    for (; *in; in++) {
        unsigned char c = (unsigned char)*in;
        if (strchr(plain, c)) {
            *out++ = (char)c;
        } else {
            *out++ = '%';
            *out++ = hex[c >> 4];
            *out++ = hex[c & 15];
        }
    }
    *out = '\0';
}

static void a_secret_of_every_printable_byte_is_found_however_it_is_quoted(void **state)
{
    (void)state;
    static const char unreserved[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    static const char lax[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=";
    char value[96], quoted[300];
    canary(value);
    const char *const values[] = {value, NULL};
    RV_AUTO(rv_redactor_free) rv_redactor *redactor = redactor_of(values);
    expect(redactor, value, "***");
    percent_encode(quoted, value, unreserved, "0123456789ABCDEF");
    expect(redactor, quoted, "***");
    percent_encode(quoted, value, unreserved, "0123456789abcdef");
    expect(redactor, quoted, "***");
    percent_encode(quoted, value, lax, "0123456789ABCDEF");
    expect(redactor, quoted, "***");
    percent_encode(quoted, value, "", "0123456789abcdef");
    expect(redactor, quoted, "***");

    size_t n = 0;
    for (const char *c = value; *c; c++) {
        if (strchr("\"'\\", *c))
            quoted[n++] = '\\';
        quoted[n++] = *c;
    }
    quoted[n] = '\0';
    expect(redactor, quoted, "***");
}

static void a_secret_with_control_characters_is_found_in_a_log_line(void **state)
{
    (void)state;
    const char *const values[] = {"two\nlines\tand more", NULL};
    RV_AUTO(rv_redactor_free) rv_redactor *redactor = redactor_of(values);
    expect(redactor, "<two\nlines\tand more>", "<***>");
    expect(redactor, "<two lines and more>", "<***>");
    expect(redactor, "<two%0Alines%09and%20more>", "<***>");
}

static void a_short_secret_is_matched_as_a_whole_word_only(void **state)
{
    (void)state;
    const char *const values[] = {"a", "pg", "%2", "", NULL};
    RV_AUTO(rv_redactor_free) rv_redactor *redactor = redactor_of(values);
    expect(redactor, "a table, at 'a' as pg in pg_class", "*** table, at '***' as *** in pg_class");
    expect(redactor, "a", "***");
    expect(redactor, "éa aé", "éa aé");
}

static void overlapping_secrets_leave_nothing_of_either(void **state)
{
    (void)state;
    const char *const values[] = {"abcdef", "defghi", "abcd", "ijkl", NULL};
    RV_AUTO(rv_redactor_free) rv_redactor *redactor = redactor_of(values);
    expect(redactor, "<abcdefghi>", "<***>");
    expect(redactor, "<abcdefghijkl>", "<***>");
    expect(redactor, "<abcdabcdef>", "<******>");
    expect(redactor, "<aabcd>", "<a***>");
}

static void the_text_never_outgrows_its_buffer(void **state)
{
    (void)state;
    const char *const values[] = {"ab", "x", NULL};
    RV_AUTO(rv_redactor_free) rv_redactor *redactor = redactor_of(values);
    for (size_t size = 1; size < 24; size++) {
        const char *source = "ab x ab x €€";
        char *text = malloc(size);
        assert_non_null(text);
        snprintf(text, size, "%s", source);
        rv_redact(redactor, text, size);
        assert_true(strlen(text) < size);
        assert_null(strstr(text, "ab"));
        free(text);
    }
    char whole[] = "x";
    rv_redact(redactor, whole, 0);
    assert_string_equal(whole, "x");
    char unterminated[4] = {'x', ' ', 'x', ' '};
    rv_redact(redactor, unterminated, sizeof unterminated);
    assert_string_equal(unterminated, "***");
}

static void a_secret_cut_off_at_the_end_of_a_buffer_is_still_removed(void **state)
{
    (void)state;
    const char *const values[] = {"correct horse battery/staple", NULL};
    RV_AUTO(rv_redactor_free) rv_redactor *redactor = redactor_of(values);
    for (size_t size = 8; size < 60; size++) {
        char text[64];
        snprintf(text, size, "%s", "auth: correct horse battery/staple refused");
        rv_redact(redactor, text, size);
        assert_null(strstr(text, "corr"));
        snprintf(text, size, "%s", "auth: correct%20horse%20battery%2Fstaple refused");
        rv_redact(redactor, text, size);
        assert_null(strstr(text, "corr"));
    }
}

static void the_password_of_a_url_is_removed_by_pattern(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected, *why;
    } cases[] = {
        {"postgres://etl:pw@h/db", "postgres://etl:***@h/db", "plain"},
        {"see postgresql://etl:p/a?s#s@w:d@h:5432/db.", "see postgresql://etl:***@h:5432/db.",
         "every delimiter inside"},
        {"'postgres://u:p@h/d' and mysql://v:q@i/e", "'postgres://u:***@h/d' and mysql://v:***@i/e",
         "two of them"},
        {"http://:pw@h", "http://:***@h", "no user"},
        {"http://u:@h", "http://u:@h", "empty password"},
        {"http://u@h/x", "http://u@h/x", "no password"},
        {"http://h:80/x", "http://h:80/x", "a port is no password"},
        {"http://h/x:y@z", "http://h/x:y@z", "a colon in the path"},
        {"mail me@host: urgent", "mail me@host: urgent", "no URL"},
        {"s3://k:a://b:c@d", "s3://k:***@d", "a URL inside the password"},
        {"://", "://", "nothing around it"},
        {"file:///a:b@c", "file:///a:b@c", "no host"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect(NULL, cases[i].text, cases[i].expected);
}

static void a_url_cut_off_within_its_password_is_redacted_to_the_end(void **state)
{
    (void)state;
    char text[32] = "postgres://etl:a-rather-long-pas"; /* …sword@host/db; has no NUL */
    rv_redact(NULL, text, sizeof text);
    assert_string_equal(text, "postgres://etl:***");
}

static void an_error_is_redacted_in_message_hint_and_frames(void **state)
{
    (void)state;
    const char *const values[] = {"hunter22", NULL};
    RV_AUTO(rv_redactor_free) rv_redactor *redactor = redactor_of(values);
    rv_error err;
    rv_fail(&err, RV_E_SOURCE_AUTH, "password hunter22 refused");
    rv_hint(&err, "is hunter22 right?");
    rv_wrap(&err, RV_E_SOURCE_AUTH, "postgres://u:other@h");
    rv_redact_error(redactor, &err);
    assert_string_equal(err.message, "password *** refused");
    assert_string_equal(err.hint, "is *** right?");
    assert_string_equal(err.frame[0], "postgres://u:***@h");
    rv_redact_error(redactor, NULL);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 16;
}

/* Over an alphabet of two letters secrets overlap themselves and each other all the time. */
static void no_text_keeps_any_secret_whatever_surrounds_it(void **state)
{
    (void)state;
    uint32_t seed = 3;
    for (int round = 0; round < 20000; round++) {
        char values[3][10], text[64];
        RV_AUTO(rv_redactor_free) rv_redactor *redactor = NULL;
        assert_int_equal(rv_redactor_new(&redactor, NULL), RV_OK);
        for (int i = 0; i < 3; i++) {
            size_t len = 4 + next_random(&seed) % 5;
            for (size_t k = 0; k < len; k++)
                values[i][k] = next_random(&seed) % 2 ? 'a' : 'b';
            values[i][len] = '\0';
            remember(redactor, values[i]);
        }
        const size_t len = next_random(&seed) % (sizeof text - 1);
        for (size_t k = 0; k < len; k++)
            text[k] = "aabbc"[next_random(&seed) % 5];
        text[len] = '\0';
        rv_redact(redactor, text, sizeof text);
        for (int i = 0; i < 3; i++)
            assert_null(strstr(text, values[i]));
    }
}

static rv_code remember_two(rv_error *err)
{
    RV_AUTO(rv_secret_free) rv_secret *first = NULL;
    RV_AUTO(rv_secret_free) rv_secret *second = NULL;
    RV_AUTO(rv_redactor_free) rv_redactor *redactor = NULL;
    RV_TRY(rv_secret_new(&first, "one", 3, err));
    RV_TRY(rv_secret_new(&second, "two", 3, err));
    RV_TRY(rv_redactor_new(&redactor, err));
    RV_TRY(rv_redactor_add(redactor, first, err));
    return rv_redactor_add(redactor, second, err);
}

static void any_failed_allocation_is_reported_and_leaks_nothing(void **state)
{
    (void)state;
    for (int n = 1;; n++) {
        rv_error err = {0};
        fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
        rv_code rc = remember_two(&err);
        if (!fault_disarm()) {
            assert_int_equal(rc, RV_OK);
            assert_int_equal(n, 6);
            return;
        }
        assert_int_equal(rc, RV_E_OUT_OF_MEMORY);
        assert_int_equal(err.code, RV_E_OUT_OF_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_holds_any_bytes_and_copies_them),
        cmocka_unit_test(wiped_memory_is_zero),
        cmocka_unit_test(every_known_secret_becomes_stars),
        cmocka_unit_test(a_secret_of_every_printable_byte_is_found_however_it_is_quoted),
        cmocka_unit_test(a_secret_with_control_characters_is_found_in_a_log_line),
        cmocka_unit_test(a_short_secret_is_matched_as_a_whole_word_only),
        cmocka_unit_test(overlapping_secrets_leave_nothing_of_either),
        cmocka_unit_test(the_text_never_outgrows_its_buffer),
        cmocka_unit_test(a_secret_cut_off_at_the_end_of_a_buffer_is_still_removed),
        cmocka_unit_test(the_password_of_a_url_is_removed_by_pattern),
        cmocka_unit_test(a_url_cut_off_within_its_password_is_redacted_to_the_end),
        cmocka_unit_test(an_error_is_redacted_in_message_hint_and_frames),
        cmocka_unit_test(no_text_keeps_any_secret_whatever_surrounds_it),
        cmocka_unit_test(any_failed_allocation_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
