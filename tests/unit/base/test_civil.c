#include "rivet/civil.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- days ---- */

static bool slow_leap(int64_t year)
{
    return year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
}

static int slow_month_days(int64_t year, int month)
{
    switch (month) {
    case 2:
        return slow_leap(year) ? 29 : 28;
    case 4:
    case 6:
    case 9:
    case 11:
        return 30;
    default:
        return 31;
    }
}

static void slow_date_text(char out[RV_CIVIL_TEXT_BYTES], int64_t year, int month, int day)
{
    const char *sign = year < 0 ? "-" : year > 9999 ? "+" : "";
    snprintf(out, RV_CIVIL_TEXT_BYTES, "%s%04lld-%02d-%02d", sign, (long long)(year < 0 ? -year : year),
             month, day);
}

static void expect_day(int64_t days, int64_t year, int month, int day)
{
    rv_civil at;
    assert_int_equal(rv_civil_days(year, month, day), days);
    rv_civil_from_days(days, &at);
    if (at.year != year || at.month != month || at.day != day) {
        print_error("day %lld\n", (long long)days);
        fail();
    }
}

/* Day by day from 4800 BC to the year 10100, counting as people do. */
static void every_day_of_fifteen_thousand_years_has_its_number(void **state)
{
    (void)state;
    int64_t days = 0;
    for (int64_t year = 1969; year >= -4800; year--)
        days -= slow_leap(year) ? 366 : 365;
    for (int64_t year = -4800; year < 10100; year++) {
        for (int month = 1; month <= 12; month++) {
            const int n_days = slow_month_days(year, month);
            for (int day = 1; day <= n_days; day++)
                expect_day(days++, year, month, day);
            assert_true(rv_civil_valid_date(year, month, n_days));
            assert_false(rv_civil_valid_date(year, month, n_days + 1));
            assert_false(rv_civil_valid_date(year, month, 0));
        }
    }
    assert_false(rv_civil_valid_date(2000, 0, 1));
    assert_false(rv_civil_valid_date(2000, 13, 1));
    assert_false(rv_civil_valid_date(2000, -1, 1));
}

static void dates_of_fifteen_thousand_years_are_written_and_read_back(void **state)
{
    (void)state;
    char text[RV_CIVIL_TEXT_BYTES], expected[RV_CIVIL_TEXT_BYTES];
    const int64_t end = rv_civil_days(10100, 1, 1);
    for (int64_t days = rv_civil_days(-4800, 1, 1); days < end; days += 11) {
        rv_civil at;
        int32_t back = 0;
        rv_civil_from_days(days, &at);
        slow_date_text(expected, at.year, at.month, at.day);
        assert_int_equal(rv_date_text(text, (int32_t)days), strlen(expected));
        assert_string_equal(text, expected);
        assert_true(rv_parse_date(text, strlen(text), &back));
        assert_int_equal(back, days);
    }
}

static void the_calendar_repeats_every_400_years_however_far_away(void **state)
{
    (void)state;
    for (int64_t era = -600000000; era <= 600000000; era += 7654321) {
        for (int64_t day = 0; day < 146097; day += 1461) {
            rv_civil near, far;
            rv_civil_from_days(day, &near);
            rv_civil_from_days(era * 146097 + day, &far);
            assert_int_equal(far.year, near.year + 400 * era);
            assert_int_equal(far.month, near.month);
            assert_int_equal(far.day, near.day);
            assert_int_equal(rv_civil_days(far.year, far.month, far.day), era * 146097 + day);
        }
    }
    rv_civil at;
    rv_civil_from_days(INT64_MAX, &at); /* UBSan watches */
    assert_true(rv_civil_valid_date(at.year, at.month, at.day));
    rv_civil_from_days(INT64_MIN, &at);
    assert_true(rv_civil_valid_date(at.year, at.month, at.day));
}

/* ---- times ---- */

static void times_before_1970_are_split_downwards(void **state)
{
    (void)state;
    rv_civil at;
    rv_civil_from_us(-1, &at);
    assert_int_equal(at.year, 1969);
    assert_int_equal(at.hour, 23);
    assert_int_equal(at.second, 59);
    assert_int_equal(at.nanosecond, 999999000);
    rv_civil_from_ns(-1, &at);
    assert_int_equal(at.nanosecond, 999999999);
    assert_int_equal(at.day, 31);
    rv_civil_from_ns(86400 * (int64_t)1000000000, &at);
    assert_int_equal(at.day, 2);
    assert_int_equal(at.hour, 0);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Everything there is to know about an instant: what it is written as, and that it is read back. */
static void expect_instant(int64_t us, bool utc)
{
    char text[RV_CIVIL_TEXT_BYTES], expected[RV_CIVIL_TEXT_BYTES], date[RV_CIVIL_TEXT_BYTES / 2];
    int64_t day_us = us % 86400000000, back = 0;
    int64_t days = us / 86400000000;
    if (day_us < 0) {
        day_us += 86400000000;
        days--;
    }
    bool zone = !utc;
    rv_date_text(text, (int32_t)days);
    snprintf(date, sizeof date, "%.20s", text);
    snprintf(expected, sizeof expected, "%sT%02d:%02d:%02d.%06d%s", date, (int)(day_us / 3600000000),
             (int)(day_us / 60000000 % 60), (int)(day_us / 1000000 % 60), (int)(day_us % 1000000),
             utc ? "Z" : "");
    assert_int_equal(rv_timestamp_text(text, us, utc), strlen(expected));
    assert_string_equal(text, expected);
    assert_true(rv_parse_timestamp(text, strlen(text), &back, &zone));
    assert_int_equal(back, us);
    assert_int_equal(zone, utc);

    assert_int_equal(rv_time_text(text, day_us), 15);
    assert_true(rv_parse_time(text, 15, &back));
    assert_int_equal(back, day_us);
}

static void any_microsecond_is_written_and_read_back(void **state)
{
    (void)state;
    uint64_t seed = 11;
    expect_instant(INT64_MIN, false);
    expect_instant(INT64_MAX, true);
    for (int round = 0; round < 200000; round++) {
        uint64_t bits = next_random(&seed);
        expect_instant((int64_t)(bits >> round % 60), bits & 1);
        expect_instant(-(int64_t)(bits >> (round % 60 + 1)), bits & 2);
    }
}

static void any_nanosecond_is_written_and_read_back(void **state)
{
    (void)state;
    uint64_t seed = 12;
    char text[RV_CIVIL_TEXT_BYTES];
    for (int round = 0; round < 200000; round++) {
        int64_t ns = round == 0 ? INT64_MIN : round == 1 ? INT64_MAX : (int64_t)next_random(&seed), back = 0;
        bool zone = false;
        size_t len = rv_timestamp_ns_text(text, ns, true);
        assert_int_equal(len, strlen("2262-04-11T23:47:16.854775807Z"));
        assert_true(rv_parse_timestamp_ns(text, len, &back, &zone));
        assert_true(zone);
        assert_int_equal(back, ns);
    }
    rv_timestamp_ns_text(text, INT64_MAX, false);
    assert_string_equal(text, "2262-04-11T23:47:16.854775807");
    rv_timestamp_ns_text(text, INT64_MIN, false);
    assert_string_equal(text, "1677-09-21T00:12:43.145224192");
}

static void texts_have_the_promised_form(void **state)
{
    (void)state;
    char text[RV_CIVIL_TEXT_BYTES];
    rv_date_text(text, 20778);
    assert_string_equal(text, "2026-11-21");
    rv_date_text(text, (int32_t)rv_civil_days(0, 2, 29));
    assert_string_equal(text, "0000-02-29");
    rv_date_text(text, (int32_t)rv_civil_days(-43, 3, 15));
    assert_string_equal(text, "-0043-03-15");
    rv_date_text(text, (int32_t)rv_civil_days(10000, 1, 1));
    assert_string_equal(text, "+10000-01-01");
    rv_date_text(text, INT32_MAX);
    assert_string_equal(text, "+5881580-07-11");
    rv_date_text(text, INT32_MIN);
    assert_string_equal(text, "-5877641-06-23");
    rv_time_text(text, 34200123456);
    assert_string_equal(text, "09:30:00.123456");
    rv_time_text(text, 86400000000);
    assert_string_equal(text, "24:00:00.000000");
    rv_timestamp_text(text, INT64_MIN, true);
    assert_string_equal(text, "-290308-12-21T19:59:05.224192Z");
}

/* ---- reading ---- */

static void dates_are_read_as_databases_print_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t year;
        int month, day;
    } good[] = {
        {"2026-11-21", 2026, 11, 21},       {"0001-01-01", 1, 1, 1},        {"0000-01-01", 0, 1, 1},
        {"0044-03-15 BC", -43, 3, 15},      {"0001-02-29 BC", 0, 2, 29},    {"-0043-03-15", -43, 3, 15},
        {"+12026-11-21", 12026, 11, 21},    {"12026-11-21", 12026, 11, 21}, {"4713-01-01 BC", -4712, 1, 1},
        {"5874897-12-31", 5874897, 12, 31}, {"+2026-11-21", 2026, 11, 21},  {"2000-02-29", 2000, 2, 29},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int32_t days = 0;
        assert_true(rv_parse_date(good[i].text, strlen(good[i].text), &days));
        assert_int_equal(days, rv_civil_days(good[i].year, good[i].month, good[i].day));
    }
}

static void what_is_no_date_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "-",
        "2026",
        "2026-",
        "2026-11",
        "2026-11-",
        "2026-11-2",
        "2026-11-211",
        "2026-1-21",
        "026-11-21",
        "2026/11/21",
        "20261121",
        " 2026-11-21",
        "2026-11-21 ",
        "2026-11-21Z",
        "2026-11-21 AD",
        "2026-11-21BC",
        "2026-11-21 bc",
        "2026-00-01",
        "2026-13-01",
        "2026-11-00",
        "2026-11-31",
        "2026-02-29",
        "1900-02-29",
        "0000-00-00",
        "0000-01-01 BC",
        "-0044-03-15 BC",
        "+0044-03-15 BC",
        "--0044-03-15",
        "infinity",
        "-infinity",
        "99999999-01-01",
        "9999999-01-01",
        "5881580-07-12",
        "-5877641-06-22",
        "2026-11-21T00:00:00",
        "2O26-11-21",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int32_t days = 12345;
        assert_false(rv_parse_date(bad[i], strlen(bad[i]), &days));
        assert_int_equal(days, 12345);
    }
}

static void times_are_read_and_what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us; /* -1: refused */
    } cases[] = {
        {"00:00:00", 0},
        {"09:30:00.123456", 34200123456},
        {"23:59:59.999999", 86399999999},
        {"24:00:00", 86400000000},
        {"24:00:00.000000", 86400000000},
        {"09:30", 34200000000},
        {"00:00:00.1", 100000},
        {"00:00:00.000001000", 1},
        {"00:00:00.0000010001", -1},
        {"00:00:00.000001001", -1},
        {"00:00:00.", -1},
        {"24:00:01", -1},
        {"24:01:00", -1},
        {"24:00:00.000001", -1},
        {"25:00:00", -1},
        {"00:60:00", -1},
        {"00:00:60", -1},
        {"-1:00:00", -1},
        {"9:30:00", -1},
        {"09:30:0", -1},
        {"09:30:", -1},
        {"09", -1},
        {"", -1},
        {"09:30:00Z", -1},
        {"09:30:00+01", -1},
        {"09:30:00 ", -1},
        {"838:59:59", -1},
        {"09:30.5", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t us = -1;
        assert_int_equal(rv_parse_time(cases[i].text, strlen(cases[i].text), &us), cases[i].us >= 0);
        assert_int_equal(us, cases[i].us);
    }
}

static void timestamps_are_read_as_databases_print_them(void **state)
{
    (void)state;
    const int64_t base = 1795253400000000; /* 2026-11-21 09:30:00 */
    const struct {
        const char *text;
        int64_t us;
        bool has_zone;
        const char *why;
    } good[] = {
        {"2026-11-21 09:30:00", base, false, "PostgreSQL, MySQL"},
        {"2026-11-21T09:30:00", base, false, "ISO"},
        {"2026-11-21 09:30:00.5", base + 500000, false, "short fraction"},
        {"2026-11-21 09:30:00.123456+00", base + 123456, true, "PostgreSQL timestamptz"},
        {"2026-11-21 09:30:00+05:30", base - 19800000000, true, "half-hour zone"},
        {"2026-11-21 09:30:00-03", base + 10800000000, true, "west"},
        {"1895-01-01 00:00:00+00:19:32", -2366756372000000, true, "local mean time of Amsterdam"},
        {"2026-11-21T09:30:00.123000Z", base + 123000, true, "Z"},
        {"2026-11-21 09:30:00.1234560 +02:00", base + 123456 - 7200000000, true, "SQL Server"},
        {"2026-11-21 09:30", base, false, "SQLite without seconds"},
        {"2026-11-21", base - 34200000000, false, "a date is its midnight"},
        {"2026-11-20 24:00:00", base - 34200000000, false, "the end of the day before"},
        {"0044-03-15 12:00:00 BC", -63517780800000000, false, "BC"},
        {"0044-03-15 12:00:00+00 BC", -63517780800000000, true, "BC behind the zone"},
        {"294247-01-10 04:00:54.775807", INT64_MAX, false, "the last microsecond"},
        {"-290308-12-21 19:59:05.224192", INT64_MIN, false, "the first one"},
        {"-290308-12-21 19:59:04.224192-00:00:01", INT64_MIN, true,
         "the first one, moved into range by its zone"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        int64_t us = 0;
        bool zone = !good[i].has_zone;
        if (!rv_parse_timestamp(good[i].text, strlen(good[i].text), &us, &zone) || us != good[i].us)
            fail_msg("%s (%s): %lld, not %lld", good[i].text, good[i].why, (long long)us,
                     (long long)good[i].us);
        assert_int_equal(zone, good[i].has_zone);
    }
}

static void what_is_no_timestamp_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "infinity",
        "-infinity",
        "now",
        "2026-11-21 ",
        "2026-11-21T",
        "2026-11-21 9:30:00",
        "2026-11-21  09:30:00",
        "2026-11-21t09:30:00",
        "2026-11-21_09:30:00",
        "2026-11-21 09:30:00.1234567",
        "2026-11-21 09:30:00.0000001",
        "2026-11-21 09:30:00.",
        "2026-11-21 09:30:00.+00",
        "2026-11-21 09:30:00+1",
        "2026-11-21 09:30:00+0100",
        "2026-11-21 09:30:00+01:",
        "2026-11-21 09:30:00+01:60",
        "2026-11-21 09:30:00+24",
        "2026-11-21 09:30:00+01:00:60",
        "2026-11-21 09:30:00ZZ",
        "2026-11-21 09:30:00 Z ",
        "2026-11-21 09:30:00 ",
        "2026-11-21 09:30:00 EST",
        "2026-02-30 00:00:00",
        "0000-00-00 00:00:00",
        "0000-01-01 00:00:00 BC",
        "2026-11-21 25:00:00",
        "2026-11-21Z",
        "294247-01-10 04:00:54.775808",
        "-290308-12-21 19:59:05.224191",
        "294247-01-10 04:00:54-01",
        "2026-11-21 BC 09:30:00",
        "1795253400",
        "2026-11-21 09:30:00+00 AD",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        int64_t us = 777;
        bool zone = true;
        if (rv_parse_timestamp(bad[i], strlen(bad[i]), &us, &zone))
            fail_msg("'%s' was read", bad[i]);
        assert_int_equal(us, 777);
        assert_true(zone);
    }
}

static void nanoseconds_are_kept_and_out_of_range_is_refused(void **state)
{
    (void)state;
    int64_t ns = 0;
    bool zone = true;
    const char *good = "2026-11-21 09:30:00.123456789", *late = "2262-04-11 23:47:16.854775808",
               *early = "1677-09-21 00:12:43.145224191", *far = "0044-03-15 12:00:00 BC";
    assert_true(rv_parse_timestamp_ns(good, strlen(good), &ns, &zone));
    assert_int_equal(ns, 1795253400123456789);
    assert_false(zone);
    assert_false(rv_parse_timestamp_ns(late, strlen(late), &ns, &zone));
    assert_false(rv_parse_timestamp_ns(early, strlen(early), &ns, &zone));
    assert_false(rv_parse_timestamp_ns(far, strlen(far), &ns, &zone));
    assert_int_equal(ns, 1795253400123456789);
}

/* Every text made from a good one by cutting it or changing one byte: AddressSanitizer watches the ends, and
 * whatever is still read must be written the same way again or be another spelling of the same instant. */
static void damaged_texts_are_refused_or_mean_what_they_say(void **state)
{
    (void)state;
    static const char good[] = "2026-11-21 09:30:00.123456+05:30";
    static const char bytes[] = "0159-+:. TZBC/\x7F\xFF";
    for (size_t len = 0; len < sizeof good; len++) {
        for (size_t at = 0; at < len; at++) {
            for (size_t b = 0; b < sizeof bytes; b++) {
                char *text = malloc(len), again[RV_CIVIL_TEXT_BYTES];
                assert_non_null(text);
                memcpy(text, good, len);
                text[at] = bytes[b];
                int64_t us = 0, back = 0, us_of_day;
                int32_t days;
                bool zone = false, zone_back = false;
                if (rv_parse_timestamp(text, len, &us, &zone)) {
                    size_t n = rv_timestamp_text(again, us, zone);
                    assert_true(rv_parse_timestamp(again, n, &back, &zone_back));
                    assert_int_equal(back, us);
                    assert_int_equal(zone_back, zone);
                }
                (void)rv_parse_date(text, len, &days);
                (void)rv_parse_time(text, len, &us_of_day);
                free(text);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day_of_fifteen_thousand_years_has_its_number),
        cmocka_unit_test(dates_of_fifteen_thousand_years_are_written_and_read_back),
        cmocka_unit_test(the_calendar_repeats_every_400_years_however_far_away),
        cmocka_unit_test(times_before_1970_are_split_downwards),
        cmocka_unit_test(any_microsecond_is_written_and_read_back),
        cmocka_unit_test(any_nanosecond_is_written_and_read_back),
        cmocka_unit_test(texts_have_the_promised_form),
        cmocka_unit_test(dates_are_read_as_databases_print_them),
        cmocka_unit_test(what_is_no_date_is_refused),
        cmocka_unit_test(times_are_read_and_what_is_no_time_is_refused),
        cmocka_unit_test(timestamps_are_read_as_databases_print_them),
        cmocka_unit_test(what_is_no_timestamp_is_refused),
        cmocka_unit_test(nanoseconds_are_kept_and_out_of_range_is_refused),
        cmocka_unit_test(damaged_texts_are_refused_or_mean_what_they_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
