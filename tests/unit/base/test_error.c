#include "rivet/error.h"
#include "rivet/utf8.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void a_failure_keeps_code_message_place_and_table_defaults(void **state)
{
    (void)state;
    rv_error err = {.hint = "left over", .n_frames = 3};
    rv_code rc = rv_fail(&err, RV_E_SOURCE_LOST, "page %d of '%s'", 7, "orders");
    int line = __LINE__ - 1;
    assert_int_equal(rc, RV_E_SOURCE_LOST);
    assert_int_equal(err.code, RV_E_SOURCE_LOST);
    assert_int_equal(err.retry, RV_RETRY_RECONNECT);
    assert_string_equal(err.message, "page 7 of 'orders'");
    assert_string_equal(err.hint, "");
    assert_int_equal(err.n_frames, 0);
    assert_int_equal(err.line, line);
    assert_string_equal(err.file, __FILE__);
}

static void a_failure_without_an_error_object_is_still_a_code(void **state)
{
    (void)state;
    assert_int_equal(rv_fail(NULL, RV_E_IO, "nobody reads this"), RV_E_IO);
    assert_int_equal(rv_wrap(NULL, RV_E_IO, "nor this"), RV_E_IO);
    rv_hint(NULL, "nor this");
    rv_native(NULL, "nor this");
    rv_error_clear(NULL);
}

static void a_failed_system_call_is_told_in_the_systems_words(void **state)
{
    (void)state;
    rv_error err;
    rv_fail_os(&err, RV_E_DEST_FULL, ENOSPC, "writing '%s'", "a.parquet");
    assert_string_equal(err.message, "writing 'a.parquet': No space left on device");
    assert_int_equal(err.os_errno, ENOSPC);
    rv_fail_os(&err, RV_E_IO, 123456, "x");
    assert_non_null(strstr(err.message, "123456"));
}

static void a_message_too_long_is_cut_before_the_systems_words(void **state)
{
    (void)state;
    rv_error err;
    char name[2000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    rv_fail_os(&err, RV_E_IO, ENOSPC, "%s", name);
    const char *tail = ": No space left on device";
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_string_equal(err.message + strlen(err.message) - strlen(tail), tail);
}

static void no_cut_ever_splits_a_character(void **state)
{
    (void)state;
    static const char *const units[] = {"é", "€", "😀"};
    for (size_t u = 0; u < 3; u++) {
        for (int lead = 0; lead < 5; lead++) {
            char text[1200] = "";
            memset(text, 'x', (size_t)lead);
            for (size_t n = (size_t)lead; n + 4 < sizeof text; n += strlen(units[u]))
                memcpy(text + n, units[u], strlen(units[u]) + 1);
            rv_error err;
            rv_fail(&err, RV_E_IO, "%s", text);
            rv_wrap(&err, RV_E_IO, "%s", text);
            rv_hint(&err, "%s", text);
            size_t len = strlen(err.message);
            assert_in_range(len, sizeof err.message - 4, sizeof err.message - 1);
            assert_true(rv_utf8_valid((const uint8_t *)err.message, len));
            assert_true(rv_utf8_valid((const uint8_t *)err.frame[0], strlen(err.frame[0])));
            assert_true(rv_utf8_valid((const uint8_t *)err.hint, strlen(err.hint)));
        }
    }
}

static void a_message_may_be_made_of_the_error_it_replaces(void **state)
{
    (void)state;
    rv_error err;
    rv_fail(&err, RV_E_SOURCE_QUERY, "relation does not exist");
    rv_fail(&err, RV_E_SOURCE_NOT_FOUND, "table t: %s", err.message);
    assert_string_equal(err.message, "table t: relation does not exist");
    rv_native(&err, "42P01");
    rv_native(&err, err.native + 2);
    assert_string_equal(err.native, "P01");
}

static void frames_are_kept_innermost_first_and_the_surplus_is_counted(void **state)
{
    (void)state;
    rv_error err;
    rv_fail(&err, RV_E_SOURCE_LOST, "gone");
    for (int i = 0; i < RV_ERROR_FRAMES + 3; i++)
        assert_int_equal(rv_wrap(&err, RV_E_SOURCE_LOST, "frame %d", i), RV_E_SOURCE_LOST);
    assert_int_equal(err.n_frames, RV_ERROR_FRAMES);
    assert_int_equal(err.n_dropped, 3);
    assert_string_equal(err.frame[0], "frame 0");
    assert_string_equal(err.frame[RV_ERROR_FRAMES - 1], "frame 5");
    assert_string_equal(err.message, "gone");
    for (int i = 0; i < 300; i++)
        rv_wrap(&err, RV_E_SOURCE_LOST, "more");
    assert_int_equal(err.n_dropped, UINT8_MAX);
}

static void the_first_hint_stays(void **state)
{
    (void)state;
    rv_error err;
    rv_fail(&err, RV_E_SOURCE_AUTH, "refused");
    rv_hint(&err, "set %s", "password_env");
    rv_hint(&err, "call someone");
    assert_string_equal(err.hint, "set password_env");
}

static void a_foreign_code_is_cut_to_fit(void **state)
{
    (void)state;
    rv_error err;
    rv_fail(&err, RV_E_SOURCE_AUTH, "refused");
    rv_native(&err, "28P01");
    assert_string_equal(err.native, "28P01");
    rv_native(&err, "0123456789abcdefgh");
    assert_string_equal(err.native, "0123456789abcde");
    rv_native(&err, NULL);
    assert_string_equal(err.native, "");
}

static rv_code code_without_a_failure(rv_error *err)
{
    RV_TRY_CTX(RV_E_IO, err, "the callee forgot rv_fail()");
    return RV_OK;
}

static void wrapping_a_code_that_was_never_filled_in_stops_the_program(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        close(STDERR_FILENO);
        rv_error err = {0};
        _exit(code_without_a_failure(&err) == RV_E_IO ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void every_code_has_a_name_of_its_own_a_title_and_classes(void **state)
{
    (void)state;
    static const rv_code codes[] = {
#define RV_ERROR(symbol, number, exit_class, retry, title) RV_E_##symbol,
#include "rivet/error.def"
#undef RV_ERROR
    };
    const size_t n = sizeof codes / sizeof codes[0];
    for (size_t i = 0; i < n; i++) {
        assert_memory_equal(rv_code_name(codes[i]), "RIVET_", 6);
        assert_string_not_equal(rv_code_name(codes[i]), "RIVET_UNKNOWN");
        assert_true(strlen(rv_code_title(codes[i])) > 0);
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(codes[i], codes[k]);
            assert_string_not_equal(rv_code_name(codes[i]), rv_code_name(codes[k]));
        }
    }
    assert_string_equal(rv_code_name(RV_E_SOURCE_AUTH), "RIVET_SOURCE_AUTH");
    assert_int_equal(rv_code_exit(RV_E_CANCELLED), RV_EXIT_INTERRUPTED);
    assert_int_equal(rv_code_retry(RV_E_SOURCE_CONFLICT), RV_RETRY_SAME);
}

static void an_unknown_number_is_named_unknown_and_fails(void **state)
{
    (void)state;
    assert_string_equal(rv_code_name((rv_code)9999), "RIVET_UNKNOWN");
    assert_int_equal(rv_code_exit((rv_code)9999), RV_EXIT_FAILED);
    assert_int_equal(rv_code_retry((rv_code)9999), RV_RETRY_NEVER);
    assert_int_equal(rv_code_exit(RV_OK), RV_EXIT_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_keeps_code_message_place_and_table_defaults),
        cmocka_unit_test(a_failure_without_an_error_object_is_still_a_code),
        cmocka_unit_test(a_failed_system_call_is_told_in_the_systems_words),
        cmocka_unit_test(a_message_too_long_is_cut_before_the_systems_words),
        cmocka_unit_test(no_cut_ever_splits_a_character),
        cmocka_unit_test(a_message_may_be_made_of_the_error_it_replaces),
        cmocka_unit_test(frames_are_kept_innermost_first_and_the_surplus_is_counted),
        cmocka_unit_test(the_first_hint_stays),
        cmocka_unit_test(a_foreign_code_is_cut_to_fit),
        cmocka_unit_test(wrapping_a_code_that_was_never_filled_in_stops_the_program),
        cmocka_unit_test(every_code_has_a_name_of_its_own_a_title_and_classes),
        cmocka_unit_test(an_unknown_number_is_named_unknown_and_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
