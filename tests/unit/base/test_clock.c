#include "rivet/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const int64_t HOUR_US = 3600 * (int64_t)1000000;

static void instants_are_written_in_utc_with_milliseconds(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *rfc3339, *run_id, *date, *why;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z", "19700101T000000.000", "1970-01-01", "the epoch"},
        {1795253400123999, "2026-11-21T09:30:00.123Z", "20261121T093000.123", "2026-11-21",
         "cut, not rounded"},
        {-1, "1969-12-31T23:59:59.999Z", "19691231T235959.999", "1969-12-31", "floor before 1970"},
        {951782400000000, "2000-02-29T00:00:00.000Z", "20000229T000000.000", "2000-02-29",
         "leap day of a century"},
        {253402300799999999, "9999-12-31T23:59:59.999Z", "99991231T235959.999", "9999-12-31",
         "the last four digits"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[RV_TIME_TEXT_BYTES];
        rv_time_rfc3339(text, cases[i].us);
        assert_string_equal(text, cases[i].rfc3339);
        rv_time_run_id(text, cases[i].us);
        assert_string_equal(text, cases[i].run_id);
        rv_time_date(text, cases[i].us);
        assert_string_equal(text, cases[i].date);
    }
}

static void the_ends_of_the_range_stay_inside_the_buffer(void **state)
{
    (void)state;
    const int64_t ends[] = {INT64_MIN, INT64_MAX};
    for (int i = 0; i < 2; i++) {
        char *text = malloc(RV_TIME_TEXT_BYTES);
        assert_non_null(text);
        rv_time_rfc3339(text, ends[i]);
        assert_true(strlen(text) < RV_TIME_TEXT_BYTES);
        rv_time_run_id(text, ends[i]);
        rv_time_date(text, ends[i]);
        assert_string_equal(text, i == 0 ? "-290308-12-21" : "+294247-01-10");
        free(text);
    }
}

static void the_system_clock_goes_forward_and_knows_the_century(void **state)
{
    (void)state;
    const rv_clock *clock = rv_clock_system();
    assert_true(clock->now_us(clock) > 1577836800 * (int64_t)1000000); /* 2020 */
    int64_t before = clock->mono_us(clock);
    assert_true(clock->sleep_us(clock, 2000, NULL));
    assert_true(clock->mono_us(clock) - before >= 2000);
    assert_true(clock->sleep_us(clock, 0, NULL));
    assert_true(clock->sleep_us(clock, -5, NULL));
}

static void *request(void *argument)
{
    rv_cancel_request(argument);
    return NULL;
}

static void a_request_ends_a_sleep_of_any_length(void **state)
{
    (void)state;
    const rv_clock *clock = rv_clock_system();
    const int64_t lengths[] = {HOUR_US, INT64_MAX};
    for (int i = 0; i < 2; i++) {
        for (int round = 0; round < 50; round++) {
            RV_AUTO(rv_cancel_free) rv_cancel *cancel = NULL;
            pthread_t thread;
            assert_int_equal(rv_cancel_new(&cancel, NULL), RV_OK);
            assert_int_equal(pthread_create(&thread, NULL, request, cancel), 0);
            assert_false(clock->sleep_us(clock, lengths[i], cancel));
            pthread_join(thread, NULL);
            assert_false(clock->sleep_us(clock, HOUR_US, cancel));
            assert_false(clock->sleep_us(clock, 0, cancel));
        }
    }
}

static void an_undisturbed_sleep_with_a_token_ends_by_itself(void **state)
{
    (void)state;
    const rv_clock *clock = rv_clock_system();
    RV_AUTO(rv_cancel_free) rv_cancel *cancel = NULL;
    assert_int_equal(rv_cancel_new(&cancel, NULL), RV_OK);
    assert_true(clock->sleep_us(clock, 1000, cancel));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instants_are_written_in_utc_with_milliseconds),
        cmocka_unit_test(the_ends_of_the_range_stay_inside_the_buffer),
        cmocka_unit_test(the_system_clock_goes_forward_and_knows_the_century),
        cmocka_unit_test(a_request_ends_a_sleep_of_any_length),
        cmocka_unit_test(an_undisturbed_sleep_with_a_token_ends_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
