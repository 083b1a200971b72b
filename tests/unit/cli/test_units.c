#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void counts_have_separators(void **state)
{
    (void)state;
    char out[RVI_UNIT_BYTES];
    assert_string_equal(rvi_text_count(out, 0), "0");
    assert_string_equal(rvi_text_count(out, 999), "999");
    assert_string_equal(rvi_text_count(out, 1000), "1,000");
    assert_string_equal(rvi_text_count(out, -1234567), "-1,234,567");
    assert_string_equal(rvi_text_count(out, INT64_MAX), "9,223,372,036,854,775,807");
    assert_string_equal(rvi_text_count(out, INT64_MIN), "-9,223,372,036,854,775,808");
}

static void bytes_go_to_the_next_unit_before_they_are_printed_as_a_thousand(void **state)
{
    (void)state;
    char out[RVI_UNIT_BYTES];
    assert_string_equal(rvi_text_bytes(out, 0), "0 B");
    assert_string_equal(rvi_text_bytes(out, 999), "999 B");
    assert_string_equal(rvi_text_bytes(out, 1000), "1.0 kB");
    assert_string_equal(rvi_text_bytes(out, 999949), "999.9 kB");
    assert_string_equal(rvi_text_bytes(out, 999999), "1.0 MB");
    assert_string_equal(rvi_text_bytes(out, 141200000), "141.2 MB");
    assert_string_equal(rvi_text_bytes(out, UINT64_MAX), "18.4 EB");
}

static void durations_never_show_sixty_seconds(void **state)
{
    (void)state;
    char out[RVI_UNIT_BYTES];
    assert_string_equal(rvi_text_duration(out, 0), "0 ms");
    assert_string_equal(rvi_text_duration(out, 999), "999 ms");
    assert_string_equal(rvi_text_duration(out, 4800), "4.8 s");
    assert_string_equal(rvi_text_duration(out, 59949), "59.9 s");
    assert_string_equal(rvi_text_duration(out, 59990), "1 m 00 s");
    assert_string_equal(rvi_text_duration(out, 126000), "2 m 06 s");
    assert_string_equal(rvi_text_duration(out, 3599999), "1 h 00 m");
    assert_string_equal(rvi_text_duration(out, 90061000), "25 h 01 m");
}

static void rates_of_nothing_are_zero(void **state)
{
    (void)state;
    char out[RVI_UNIT_BYTES];
    assert_string_equal(rvi_text_rate(out, 0, 0), "0 /s");
    assert_string_equal(rvi_text_rate(out, 1000, 0), "0 /s");
    assert_string_equal(rvi_text_rate(out, 999, 1000), "999 /s");
    assert_string_equal(rvi_text_rate(out, 9999, 10000), "1.0 k/s");
    assert_string_equal(rvi_text_rate(out, 1040000, 1000), "1.04 M/s");
}

static void times_are_utc(void **state)
{
    (void)state;
    char out[RVI_UNIT_BYTES];
    assert_string_equal(rvi_text_time(out, 0), "1970-01-01 00:00:00 UTC");
    assert_string_equal(rvi_text_time(out, INT64_C(1795253400000000)), "2026-11-21 09:30:00 UTC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_have_separators),
        cmocka_unit_test(bytes_go_to_the_next_unit_before_they_are_printed_as_a_thousand),
        cmocka_unit_test(durations_never_show_sixty_seconds),
        cmocka_unit_test(rates_of_nothing_are_zero),
        cmocka_unit_test(times_are_utc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
