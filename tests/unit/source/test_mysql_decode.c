/* Values of MySQL's binary protocol, made by hand after its description, into columns. */
#include "unit/source/mysql_support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define US_PER_SECOND INT64_C(1000000)
#define LAST_US       (INT64_C(86400000000) - 1)

/* ---- numbers ------------------------------------------------------------------------------------------------ */

static const struct integer_case {
    rv_type_id type;
    rvi_my_wire form;
    int width;
    uint64_t value;
    const char *text;
} integer_cases[] = {
    {RV_TYPE_INT16, RVI_MY_WIRE_INT1, 1, 0x80, "-128"},
    {RV_TYPE_INT16, RVI_MY_WIRE_INT1, 1, 0x7f, "127"},
    {RV_TYPE_INT16, RVI_MY_WIRE_UINT1, 1, 0xff, "255"},
    {RV_TYPE_INT16, RVI_MY_WIRE_INT2, 2, 0x8000, "-32768"},
    {RV_TYPE_INT16, RVI_MY_WIRE_INT2, 2, 2155, "2155"}, /* YEAR */
    {RV_TYPE_INT32, RVI_MY_WIRE_UINT2, 2, 0xffff, "65535"},
    {RV_TYPE_INT32, RVI_MY_WIRE_INT4, 4, 0xff800000, "-8388608"}, /* MEDIUMINT */
    {RV_TYPE_INT32, RVI_MY_WIRE_INT4, 4, 0xffffffff, "-1"},
    {RV_TYPE_INT32, RVI_MY_WIRE_INT4, 4, 0x80000000, "-2147483648"},
    {RV_TYPE_INT64, RVI_MY_WIRE_UINT4, 4, 0xffffffff, "4294967295"},
    {RV_TYPE_INT64, RVI_MY_WIRE_INT8, 8, UINT64_C(0x8000000000000000), "-9223372036854775808"},
    {RV_TYPE_UINT64, RVI_MY_WIRE_UINT8, 8, UINT64_C(0x7fffffffffffffff), "9223372036854775807"},
    {RV_TYPE_UINT64, RVI_MY_WIRE_UINT8, 8, UINT64_C(0x8000000000000000), "9223372036854775808"},
    {RV_TYPE_UINT64, RVI_MY_WIRE_UINT8, 8, UINT64_MAX, "18446744073709551615"},
};

static void integers_of_every_width_are_read_at_their_ends(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof integer_cases / sizeof *integer_cases; i++) {
        const struct integer_case *c = &integer_cases[i];
        decoding d;
        wire w = {.len = 0};
        wire_number(&w, c->value, c->width);
        decoding_open(&d, scalar(c->type), c->form);
        assert_int_equal(decode_wire(&d, &w), RV_OK);
        assert_string_equal(decoded(&d), c->text);
        decoding_override(&d, scalar(RV_TYPE_STRING));
        assert_int_equal(decode_wire(&d, &w), RV_OK);
        assert_string_equal(decoded(&d), c->text);
        decoding_override(&d, decimal(20, 0));
        assert_int_equal(decode_wire(&d, &w), RV_OK);
        assert_string_equal(decoded(&d), c->text);
        decoding_close(&d);
    }
}

static void the_text_of_a_year_has_four_digits(void **state)
{
    decoding d;
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_INT16), RVI_MY_WIRE_INT2);
    d.fields[0].native_type = "year(4)";
    decoding_override(&d, scalar(RV_TYPE_STRING));
    assert_int_equal(decode_bytes(&d, "\0\0", 2), RV_OK);
    assert_string_equal(decoded(&d), "0000");
    decoding_override(&d, scalar(RV_TYPE_INT32));
    assert_int_equal(decode_bytes(&d, "\x6b\x08", 2), RV_OK);
    assert_string_equal(decoded(&d), "2155");
    decoding_close(&d);
}

static void floats_keep_every_bit(void **state)
{
    const double doubles[] = {0.1, -0.0, 5e-324, 1.7976931348623157e308};
    const float floats[] = {0.1f, -0.0f, 1e-45f, 3.40282347e38f};
    (void)state;
    decoding d, s;
    decoding_open(&d, scalar(RV_TYPE_FLOAT64), RVI_MY_WIRE_DOUBLE);
    decoding_open(&s, scalar(RV_TYPE_FLOAT32), RVI_MY_WIRE_FLOAT);
    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++) {
        assert_int_equal(decode_bytes(&d, &doubles[i], 8), RV_OK);
        assert_memory_equal(d.batch->columns[0].values + 8 * i, &doubles[i], 8);
        assert_int_equal(decode_bytes(&s, &floats[i], 4), RV_OK);
        assert_memory_equal(s.batch->columns[0].values + 4 * i, &floats[i], 4);
    }
    decoding_close(&s);
    decoding_close(&d);
}

/* The server itself prints six digits of a FLOAT. */
static void the_text_of_a_float_has_all_of_its_digits(void **state)
{
    const float value = 16777217.0f / 3;
    decoding d;
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_FLOAT32), RVI_MY_WIRE_FLOAT);
    decoding_override(&d, scalar(RV_TYPE_STRING));
    assert_int_equal(decode_bytes(&d, &value, 4), RV_OK);
    assert_string_equal(decoded(&d), "5.5924055e+06");
    decoding_close(&d);
}

static void only_0_and_1_in_a_tinyint_1_are_truth_values(void **state)
{
    static const char others[] = {2, 127, -1, -128};
    (void)state;
    decoding d;
    decoding_open(&d, scalar(RV_TYPE_BOOL), RVI_MY_WIRE_INT1);
    d.fields[0].loose = true;
    assert_int_equal(decode_bytes(&d, "\0", 1), RV_OK);
    assert_string_equal(decoded(&d), "false");
    assert_int_equal(decode_bytes(&d, "\1", 1), RV_OK);
    assert_string_equal(decoded(&d), "true");
    assert_int_equal(decode_bytes(&d, NULL, 0), RV_OK);
    assert_string_equal(decoded(&d), "NULL");
    for (size_t i = 0; i < sizeof others; i++) {
        char text[8];
        snprintf(text, sizeof text, "'%d'", others[i]);
        decoding_policy(&d, RV_INVALID_UNPARSEABLE, RV_POLICY_FAIL);
        assert_int_equal(decode_bytes(&d, &others[i], 1), RV_E_VALUE_UNPARSEABLE);
        assert_non_null(strstr(d.err.message, text));
        assert_non_null(strstr(d.err.hint, "c: smallint"));
        decoding_policy(&d, RV_INVALID_UNPARSEABLE, RV_POLICY_NULL);
        assert_int_equal(decode_bytes(&d, &others[i], 1), RV_OK);
        assert_string_equal(decoded(&d), "NULL");
        assert_int_equal(policy_uses(&d, RV_INVALID_UNPARSEABLE), 1);
    }
    decoding_override(&d, scalar(RV_TYPE_INT16));
    assert_int_equal(decode_bytes(&d, &others[3], 1), RV_OK);
    assert_string_equal(decoded(&d), "-128");
    decoding_close(&d);
}

static void bits_are_numbers_and_never_digits(void **state)
{
    static const struct {
        rv_type_id type;
        const char *bytes;
        size_t len;
        const char *text, *as_text;
    } cases[] = {
        {RV_TYPE_BOOL, "\0", 1, "false", "0"},
        {RV_TYPE_BOOL, "\1", 1, "true", "1"},
        {RV_TYPE_INT64, "\x31\x32", 2, "12594", "12594"}, /* the digits "12" in ASCII */
        {RV_TYPE_INT64, "\xff", 1, "255", "255"},
        {RV_TYPE_INT64, "\x7f\xff\xff\xff\xff\xff\xff\xff", 8, "9223372036854775807", "9223372036854775807"},
        {RV_TYPE_UINT64, "\x80\0\0\0\0\0\0\0", 8, "9223372036854775808", "9223372036854775808"},
        {RV_TYPE_UINT64, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, "18446744073709551615",
         "18446744073709551615"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decoding d;
        decoding_open(&d, scalar(cases[i].type), RVI_MY_WIRE_BIT);
        assert_int_equal(decode_bytes(&d, cases[i].bytes, cases[i].len), RV_OK);
        assert_string_equal(decoded(&d), cases[i].text);
        decoding_override(&d, scalar(RV_TYPE_STRING));
        assert_int_equal(decode_bytes(&d, cases[i].bytes, cases[i].len), RV_OK);
        assert_string_equal(decoded(&d), cases[i].as_text);
        decoding_close(&d);
    }
}

static void bits_that_the_column_does_not_have_are_malformed(void **state)
{
    static const struct {
        rv_type_id type;
        const char *bytes;
        size_t len;
    } cases[] = {
        {RV_TYPE_BOOL, "\2", 1},
        {RV_TYPE_INT64, "\x80\0\0\0\0\0\0\0", 8},
        {RV_TYPE_INT64, "", 0},
        {RV_TYPE_UINT64, "\0\0\0\0\0\0\0\0\1", 9},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decoding d;
        decoding_open(&d, scalar(cases[i].type), RVI_MY_WIRE_BIT);
        assert_int_equal(decode_bytes(&d, cases[i].bytes, cases[i].len), RV_E_VALUE_MALFORMED);
        decoding_close(&d);
    }
}

static void decimals_are_exact_at_every_precision(void **state)
{
    static const struct {
        int precision, scale;
        const char *text, *read;
    } cases[] = {
        {5, 2, "-123.45", "-123.45"},
        {5, 2, "0.00", "0.00"},
        {5, 2, "-0.01", "-0.01"},
        {5, 5, "0.99999", "0.99999"},
        {5, 0, "99999", "99999"},
        {9, 2, "0000012.50", "12.50"}, /* ZEROFILL */
        {18, 6, "-999999999999.999999", "-999999999999.999999"},
        {18, 0, "-999999999999999999", "-999999999999999999"},
        {19, 0, "1234567890123456789", "1234567890123456789"},
        {38, 10, "9999999999999999999999999999.9999999999", "9999999999999999999999999999.9999999999"},
        {65, 30, "-99999999999999999999999999999999999.999999999999999999999999999999",
         "-99999999999999999999999999999999999.999999999999999999999999999999"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decoding d;
        decoding_open(&d, decimal(cases[i].precision, cases[i].scale), RVI_MY_WIRE_DECIMAL);
        if (decode_bytes(&d, cases[i].text, strlen(cases[i].text)) != RV_OK)
            fail_msg("%s: %s", cases[i].text, d.err.message);
        assert_string_equal(decoded(&d), cases[i].read);
        decoding_close(&d);
    }
}

static void a_decimal_that_does_not_fit_is_refused(void **state)
{
    static const struct {
        const char *text;
        rv_code code;
    } cases[] = {
        {"1000.00", RV_E_VALUE_OUT_OF_RANGE}, {"0.001", RV_E_VALUE_OUT_OF_RANGE},
        {"", RV_E_VALUE_UNPARSEABLE},         {"-", RV_E_VALUE_UNPARSEABLE},
        {"1.2.3", RV_E_VALUE_UNPARSEABLE},    {"1x", RV_E_VALUE_UNPARSEABLE},
        {".", RV_E_VALUE_UNPARSEABLE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decoding d;
        decoding_open(&d, decimal(5, 2), RVI_MY_WIRE_DECIMAL);
        if (decode_bytes(&d, cases[i].text, strlen(cases[i].text)) != cases[i].code)
            fail_msg("'%s' was not refused as it should be", cases[i].text);
        decoding_close(&d);
    }
}

/* ---- dates and times ---------------------------------------------------------------------------------------- */

static void dates_and_timestamps_are_read_in_all_their_lengths(void **state)
{
    static const struct {
        rv_type_id type;
        rvi_my_wire form;
        size_t len;
        int year, month, day;
        int64_t us;
        const char *text;
    } cases[] = {
        {RV_TYPE_DATE, RVI_MY_WIRE_DATE, 4, 2026, 11, 21, 0, "2026-11-21"},
        {RV_TYPE_DATE, RVI_MY_WIRE_DATE, 4, 9999, 12, 31, 0, "9999-12-31"},
        {RV_TYPE_DATE, RVI_MY_WIRE_DATE, 4, 1, 1, 1, 0, "0001-01-01"},
        {RV_TYPE_DATE, RVI_MY_WIRE_DATE, 4, 0, 1, 1, 0, "0000-01-01"},
        {RV_TYPE_TIMESTAMP, RVI_MY_WIRE_DATETIME, 4, 1969, 12, 31, 0, "1969-12-31T00:00:00.000000"},
        {RV_TYPE_TIMESTAMP, RVI_MY_WIRE_DATETIME, 7, 2024, 2, 29, 3661 * US_PER_SECOND,
         "2024-02-29T01:01:01.000000"},
        {RV_TYPE_TIMESTAMP, RVI_MY_WIRE_DATETIME, 11, 9999, 12, 31, LAST_US, "9999-12-31T23:59:59.999999"},
        {RV_TYPE_TIMESTAMP_TZ, RVI_MY_WIRE_DATETIME, 11, 2038, 1, 19, 1, "2038-01-19T00:00:00.000001Z"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decoding d;
        wire w = wire_moment(cases[i].len, cases[i].year, cases[i].month, cases[i].day, cases[i].us);
        decoding_open(&d, scalar(cases[i].type), cases[i].form);
        assert_int_equal(decode_wire(&d, &w), RV_OK);
        assert_string_equal(decoded(&d), cases[i].text);
        decoding_close(&d);
    }
}

static const struct odd_day {
    size_t len;
    int year, month, day;
    const char *text, *nearest;
} odd_days[] = {
    {0, 0, 0, 0, "0000-00-00", "0000-01-01"},     {4, 2024, 0, 10, "2024-00-10", "2024-01-10"},
    {4, 2024, 11, 0, "2024-11-00", "2024-11-01"}, {4, 2017, 2, 31, "2017-02-31", "2017-02-28"},
    {4, 2016, 2, 30, "2016-02-30", "2016-02-29"}, {4, 0, 0, 1, "0000-00-01", "0000-01-01"},
};

static void a_date_that_is_in_no_calendar_follows_its_policy(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof odd_days / sizeof *odd_days; i++) {
        const struct odd_day *odd = &odd_days[i];
        decoding d;
        wire w = wire_moment(odd->len, odd->year, odd->month, odd->day, 0);
        decoding_open(&d, scalar(RV_TYPE_DATE), RVI_MY_WIRE_DATE);
        assert_int_equal(decode_wire(&d, &w), RV_E_VALUE_OUT_OF_RANGE);
        assert_non_null(strstr(d.err.message, odd->text));
        decoding_policy(&d, RV_INVALID_ZERO_DATE, RV_POLICY_NULL);
        assert_int_equal(decode_wire(&d, &w), RV_OK);
        assert_string_equal(decoded(&d), "NULL");
        assert_int_equal(policy_uses(&d, RV_INVALID_ZERO_DATE), 1);
        decoding_policy(&d, RV_INVALID_ZERO_DATE, RV_POLICY_CLAMP);
        assert_int_equal(decode_wire(&d, &w), RV_OK);
        assert_string_equal(decoded(&d), odd->nearest);
        assert_int_equal(policy_uses(&d, RV_INVALID_ZERO_DATE), 1);
        decoding_override(&d, scalar(RV_TYPE_STRING)); /* the policy `text` */
        assert_int_equal(decode_wire(&d, &w), RV_OK);
        assert_string_equal(decoded(&d), odd->text);
        assert_int_equal(policy_uses(&d, RV_INVALID_ZERO_DATE), 0);
        decoding_close(&d);
    }
}

static void a_timestamp_on_no_day_keeps_its_time_under_every_policy(void **state)
{
    static const rv_type_id types[] = {RV_TYPE_TIMESTAMP, RV_TYPE_TIMESTAMP_TZ};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        decoding d;
        wire w = wire_moment(11, 2024, 0, 10, 3600 * US_PER_SECOND + 5);
        bool instant = types[i] == RV_TYPE_TIMESTAMP_TZ;
        decoding_open(&d, scalar(types[i]), RVI_MY_WIRE_DATETIME);
        assert_int_equal(decode_wire(&d, &w), RV_E_VALUE_OUT_OF_RANGE);
        assert_non_null(strstr(d.err.message, "2024-00-10 01:00:00.000005"));
        decoding_policy(&d, RV_INVALID_ZERO_DATE, RV_POLICY_CLAMP);
        assert_int_equal(decode_wire(&d, &w), RV_OK);
        assert_string_equal(decoded(&d),
                            instant ? "2024-01-10T01:00:00.000005Z" : "2024-01-10T01:00:00.000005");
        decoding_override(&d, scalar(RV_TYPE_STRING));
        assert_int_equal(decode_wire(&d, &w), RV_OK);
        assert_string_equal(decoded(&d),
                            instant ? "2024-00-10 01:00:00.000005+00:00" : "2024-00-10 01:00:00.000005");
        decoding_close(&d);
    }
}

/* DATE as timestamp and DATETIME as date, say: the policy is asked as it would be without the override. */
static void an_override_meets_zero_dates_as_the_column_itself_does(void **state)
{
    decoding d;
    wire w = wire_moment(4, 2017, 2, 31, 0);
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_DATE), RVI_MY_WIRE_DATE);
    decoding_override(&d, scalar(RV_TYPE_TIMESTAMP));
    assert_int_equal(decode_wire(&d, &w), RV_E_VALUE_OUT_OF_RANGE);
    decoding_policy(&d, RV_INVALID_ZERO_DATE, RV_POLICY_NULL);
    assert_int_equal(decode_wire(&d, &w), RV_OK);
    assert_string_equal(decoded(&d), "NULL");
    decoding_policy(&d, RV_INVALID_ZERO_DATE, RV_POLICY_CLAMP);
    assert_int_equal(decode_wire(&d, &w), RV_OK);
    assert_string_equal(decoded(&d), "2017-02-28T00:00:00.000000");
    decoding_close(&d);
}

static void the_text_of_a_time_has_the_digits_that_the_column_declares(void **state)
{
    static const struct {
        int decimals;
        int64_t us;
        const char *text;
    } cases[] = {
        {0, 0, "2024-01-02 00:00:00"},
        {3, 0, "2024-01-02 00:00:00.000"},
        {3, 120000, "2024-01-02 00:00:00.120"},
        {6, 1, "2024-01-02 00:00:00.000001"},
        {-1, 0, "2024-01-02 00:00:00"},
        {-1, 500000, "2024-01-02 00:00:00.500000"},
        {2, 123456, "2024-01-02 00:00:00.123456"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decoding d;
        wire w = wire_moment(11, 2024, 1, 2, cases[i].us);
        decoding_open(&d, scalar(RV_TYPE_TIMESTAMP), RVI_MY_WIRE_DATETIME);
        d.fields[0].native_mod = cases[i].decimals;
        decoding_override(&d, scalar(RV_TYPE_STRING));
        assert_int_equal(decode_wire(&d, &w), RV_OK);
        assert_string_equal(decoded(&d), cases[i].text);
        decoding_close(&d);
    }
}

static const struct time_case {
    size_t len;
    int negative, days;
    int64_t us;
    int decimals;
    const char *text;
} time_cases[] = {
    {0, 0, 0, 0, 0, "00:00:00"},
    {0, 0, 0, 0, 6, "00:00:00.000000"},
    {8, 0, 0, 34200 * US_PER_SECOND, 0, "09:30:00"},
    {8, 0, 1, 5400 * US_PER_SECOND, 0, "25:30:00"},
    {8, 1, 0, 43200 * US_PER_SECOND, 0, "-12:00:00"},
    {8, 0, 34, 82799 * US_PER_SECOND, 0, "838:59:59"},
    {12, 1, 34, 82799 * US_PER_SECOND + 999999, 6, "-838:59:59.999999"},
    {12, 1, 0, 500000, 1, "-00:00:00.5"},
    {12, 0, 0, 1, 6, "00:00:00.000001"},
};

static void a_time_is_a_signed_duration_as_the_server_prints_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof time_cases / sizeof *time_cases; i++) {
        const struct time_case *c = &time_cases[i];
        decoding d;
        wire w = wire_time(c->len, c->negative, c->days, c->us);
        decoding_open(&d, scalar(RV_TYPE_STRING), RVI_MY_WIRE_TIME);
        d.fields[0].native_mod = c->decimals;
        assert_int_equal(decode_wire(&d, &w), RV_OK);
        assert_string_equal(decoded(&d), c->text);
        decoding_close(&d);
    }
}

static void a_time_that_is_overridden_as_time_of_day_must_be_one(void **state)
{
    decoding d;
    wire morning = wire_time(8, 0, 0, 34200 * US_PER_SECOND), zero = wire_time(0, 0, 0, 0),
         long_one = wire_time(8, 0, 1, 5400 * US_PER_SECOND), before = wire_time(12, 1, 0, 1);
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_STRING), RVI_MY_WIRE_TIME);
    decoding_override(&d, scalar(RV_TYPE_TIME));
    assert_int_equal(decode_wire(&d, &morning), RV_OK);
    assert_string_equal(decoded(&d), "09:30:00.000000");
    assert_int_equal(decode_wire(&d, &zero), RV_OK);
    assert_string_equal(decoded(&d), "00:00:00.000000");
    assert_int_equal(decode_wire(&d, &long_one), RV_E_VALUE_OUT_OF_RANGE);
    assert_non_null(strstr(d.err.message, "25:30:00"));
    decoding_policy(&d, RV_INVALID_TIME, RV_POLICY_CLAMP);
    assert_int_equal(decode_wire(&d, &long_one), RV_OK);
    assert_string_equal(decoded(&d), "23:59:59.999999");
    assert_int_equal(decode_wire(&d, &before), RV_OK);
    assert_string_equal(decoded(&d), "00:00:00.000000");
    assert_int_equal(policy_uses(&d, RV_INVALID_TIME), 2);
    decoding_close(&d);
}

static void parts_that_no_time_has_are_malformed(void **state)
{
    const wire moments[] = {
        wire_moment(4, 2024, 13, 1, 0),
        wire_moment(4, 2024, 1, 32, 0),
        wire_moment(4, 10000, 1, 1, 0),
        wire_moment(5, 2024, 1, 1, 0),
        wire_moment(10, 2024, 1, 1, 0),
        wire_moment(1, 2024, 1, 1, 0),
        wire_moment(7, 2024, 1, 1, 90000 * US_PER_SECOND),
    };
    const wire times[] = {wire_time(8, 2, 0, 0), wire_time(8, 0, 35, 0), wire_time(7, 0, 0, 0),
                          wire_time(9, 0, 0, 0), wire_time(8, 0, 0, 90000 * US_PER_SECOND)};
    decoding d;
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_TIMESTAMP), RVI_MY_WIRE_DATETIME);
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        decoding_start(&d);
        assert_int_equal(decode_wire(&d, &moments[i]), RV_E_VALUE_MALFORMED);
    }
    wire late = wire_moment(11, 2024, 1, 1, 0);
    late.bytes[10] = 0xff; /* microseconds */
    decoding_start(&d);
    assert_int_equal(decode_wire(&d, &late), RV_E_VALUE_MALFORMED);
    decoding_close(&d);
    decoding_open(&d, scalar(RV_TYPE_STRING), RVI_MY_WIRE_TIME);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        decoding_start(&d);
        assert_int_equal(decode_wire(&d, &times[i]), RV_E_VALUE_MALFORMED);
    }
    decoding_close(&d);
    wire noon = wire_moment(7, 2024, 1, 1, 43200 * US_PER_SECOND);
    decoding_open(&d, scalar(RV_TYPE_DATE), RVI_MY_WIRE_DATE); /* a DATE has no time of day */
    assert_int_equal(decode_wire(&d, &noon), RV_E_VALUE_MALFORMED);
    decoding_close(&d);
}

/* ---- variable width ----------------------------------------------------------------------------------------- */

static void text_is_kept_if_it_is_utf8(void **state)
{
    decoding d;
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_STRING), RVI_MY_WIRE_TEXT);
    assert_int_equal(decode_bytes(&d, "caf\xc3\xa9 \xf0\x9f\xa6\x80  ", 12), RV_OK);
    assert_string_equal(decoded(&d), "caf\xc3\xa9 \xf0\x9f\xa6\x80  ");
    assert_int_equal(decode_bytes(&d, "", 0), RV_OK);
    assert_string_equal(decoded(&d), "");
    assert_int_equal(decode_bytes(&d, "caf\xe9", 4), RV_E_VALUE_ENCODING);
    assert_non_null(strstr(d.err.message, "caf\\xe9"));
    decoding_policy(&d, RV_INVALID_ENCODING, RV_POLICY_NULL);
    assert_int_equal(decode_bytes(&d, "\xed\xa0\x80", 3),
                     RV_OK); /* a surrogate, as old utf8mb3 data has them */
    assert_string_equal(decoded(&d), "NULL");
    decoding_close(&d);
}

static void json_that_the_server_parsed_keeps_its_bytes(void **state)
{
    decoding d;
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_JSON), RVI_MY_WIRE_TEXT);
    assert_int_equal(decode_bytes(&d, "{\"a\":  1e400}", 13), RV_OK);
    assert_string_equal(decoded(&d), "{\"a\":  1e400}");
    decoding_close(&d);
}

static void json_that_is_only_claimed_is_looked_at(void **state)
{
    decoding d;
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_JSON), RVI_MY_WIRE_TEXT);
    d.fields[0].loose = true;
    decoding_start(&d);
    assert_int_equal(decode_bytes(&d, "[1, 2]", 6), RV_OK);
    assert_string_equal(decoded(&d), "[1, 2]");
    assert_int_equal(decode_bytes(&d, "[1, 2", 5), RV_E_VALUE_UNPARSEABLE);
    assert_non_null(strstr(d.err.message, "[1, 2"));
    decoding_policy(&d, RV_INVALID_UNPARSEABLE, RV_POLICY_NULL);
    assert_int_equal(decode_bytes(&d, "", 0), RV_OK);
    assert_string_equal(decoded(&d), "NULL");
    assert_int_equal(policy_uses(&d, RV_INVALID_UNPARSEABLE), 1);
    decoding_start(&d);
    assert_int_equal(decode_bytes(&d, "\"\xff\"", 3), RV_E_VALUE_ENCODING);
    decoding_close(&d);
}

static void the_error_value_of_an_enum_is_null_where_a_policy_says_so(void **state)
{
    decoding d;
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_ENUM), RVI_MY_WIRE_TEXT);
    d.fields[0].loose = true;
    decoding_start(&d);
    assert_int_equal(decode_bytes(&d, "", 0), RV_OK); /* what the server says */
    assert_string_equal(decoded(&d), "");
    decoding_policy(&d, RV_INVALID_UNPARSEABLE, RV_POLICY_NULL);
    assert_int_equal(decode_bytes(&d, "gr\xc3\xbcn, hell", 11), RV_OK);
    assert_string_equal(decoded(&d), "gr\xc3\xbcn, hell");
    assert_int_equal(decode_bytes(&d, "", 0), RV_OK);
    assert_string_equal(decoded(&d), "NULL");
    assert_int_equal(policy_uses(&d, RV_INVALID_UNPARSEABLE), 1);
    d.fields[0].loose = false; /* '' is one of its labels */
    decoding_start(&d);
    assert_int_equal(decode_bytes(&d, "", 0), RV_OK);
    assert_string_equal(decoded(&d), "");
    decoding_close(&d);
}

static void a_uuid_arrives_as_text_and_is_kept_as_bytes(void **state)
{
    static const char text[] = "00112233-4455-6677-8899-aabbccddeeff";
    decoding d;
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_UUID), RVI_MY_WIRE_TEXT);
    assert_int_equal(decode_bytes(&d, text, 36), RV_OK);
    assert_string_equal(decoded(&d), text);
    assert_int_equal(d.batch->columns[0].values[1], 0x11);
    decoding_close(&d);
}

static void binary_overridden_as_uuid_or_text_is_its_bytes(void **state)
{
    static const uint8_t uuid[16] = {0,    0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                     0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};
    decoding d;
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_BINARY), RVI_MY_WIRE_BINARY);
    assert_int_equal(decode_bytes(&d, uuid, 16), RV_OK);
    assert_string_equal(decoded(&d), "00112233445566778899aabbccddeeff");
    decoding_override(&d, scalar(RV_TYPE_UUID));
    assert_int_equal(decode_bytes(&d, uuid, 16), RV_OK);
    assert_string_equal(decoded(&d), "00112233-4455-6677-8899-aabbccddeeff");
    assert_int_equal(decode_bytes(&d, "00112233-4455-6677-8899-AABBCCDDEEFF", 36), RV_OK);
    assert_string_equal(decoded(&d), "00112233-4455-6677-8899-aabbccddeeff");
    assert_int_equal(decode_bytes(&d, uuid, 15), RV_E_VALUE_UNPARSEABLE);
    decoding_override(&d, scalar(RV_TYPE_STRING));
    assert_int_equal(decode_bytes(&d, "caf\xc3\xa9", 5), RV_OK);
    assert_string_equal(decoded(&d), "caf\xc3\xa9");
    assert_int_equal(decode_bytes(&d, uuid, 16), RV_E_VALUE_ENCODING);
    decoding_close(&d);
}

/* POINT(1 2) with an SRID before it. */
static wire point(uint32_t srid)
{
    static const double xy[] = {1, 2};
    wire w = {.len = 0};
    wire_number(&w, srid, 4);
    wire_number(&w, 1, 1);
    wire_number(&w, 1, 4);
    wire_raw(&w, xy, sizeof xy);
    return w;
}

static void a_geometry_keeps_the_srid_that_its_column_does_not_say(void **state)
{
    static const char coordinates[] = "000000000000f03f0000000000000040";
    static const struct {
        uint32_t srid;
        int32_t bound;
        const char *head;
    } cases[] = {
        {0, 0, "0101000000"},
        {4326, 4326, "0101000000"},
        {4326, 0, "0101000020e6100000"},
        {0, 4326, "010100002000000000"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[128];
        decoding d;
        wire w = point(cases[i].srid);
        snprintf(expected, sizeof expected, "%s%s", cases[i].head, coordinates);
        decoding_open(&d, scalar(RV_TYPE_BINARY), RVI_MY_WIRE_GEOMETRY);
        d.fields[0].native_mod = cases[i].bound;
        assert_int_equal(decode_wire(&d, &w), RV_OK);
        assert_string_equal(decoded(&d), expected); /* binary prints as hexadecimal */
        decoding_override(&d, scalar(RV_TYPE_STRING));
        assert_int_equal(decode_wire(&d, &w), RV_OK);
        assert_string_equal(decoded(&d), expected);
        decoding_close(&d);
    }
}

static void a_geometry_without_a_head_is_malformed(void **state)
{
    decoding d;
    wire cut = point(0), big_endian = point(0);
    (void)state;
    cut.len = 8;
    big_endian.bytes[4] = 0;
    decoding_open(&d, scalar(RV_TYPE_BINARY), RVI_MY_WIRE_GEOMETRY);
    assert_int_equal(decode_wire(&d, &cut), RV_E_VALUE_MALFORMED);
    decoding_start(&d);
    assert_int_equal(decode_wire(&d, &big_endian), RV_E_VALUE_MALFORMED);
    decoding_close(&d);
}

static void a_value_over_the_limit_is_refused_before_it_is_copied(void **state)
{
    static const rvi_my_wire forms[] = {RVI_MY_WIRE_TEXT, RVI_MY_WIRE_BINARY};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        decoding d;
        decoding_open(&d, scalar(forms[i] == RVI_MY_WIRE_TEXT ? RV_TYPE_STRING : RV_TYPE_BINARY), forms[i]);
        assert_int_equal(rvi_my_rows_init(&d.rows, d.arena, &d.schema, d.types, 3, NULL), RV_OK);
        rvi_sql_rows_start(&d.rows.base, d.batch, SIZE_MAX);
        assert_int_equal(decode_bytes(&d, "abc", 3), RV_OK);
        assert_int_equal(decode_bytes(&d, "abcd", 4), RV_E_VALUE_TOO_LARGE);
        assert_int_equal(d.batch->columns[0].data_len, 3);
        decoding_close(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_of_every_width_are_read_at_their_ends),
        cmocka_unit_test(the_text_of_a_year_has_four_digits),
        cmocka_unit_test(floats_keep_every_bit),
        cmocka_unit_test(the_text_of_a_float_has_all_of_its_digits),
        cmocka_unit_test(only_0_and_1_in_a_tinyint_1_are_truth_values),
        cmocka_unit_test(bits_are_numbers_and_never_digits),
        cmocka_unit_test(bits_that_the_column_does_not_have_are_malformed),
        cmocka_unit_test(decimals_are_exact_at_every_precision),
        cmocka_unit_test(a_decimal_that_does_not_fit_is_refused),
        cmocka_unit_test(dates_and_timestamps_are_read_in_all_their_lengths),
        cmocka_unit_test(a_date_that_is_in_no_calendar_follows_its_policy),
        cmocka_unit_test(a_timestamp_on_no_day_keeps_its_time_under_every_policy),
        cmocka_unit_test(an_override_meets_zero_dates_as_the_column_itself_does),
        cmocka_unit_test(the_text_of_a_time_has_the_digits_that_the_column_declares),
        cmocka_unit_test(a_time_is_a_signed_duration_as_the_server_prints_it),
        cmocka_unit_test(a_time_that_is_overridden_as_time_of_day_must_be_one),
        cmocka_unit_test(parts_that_no_time_has_are_malformed),
        cmocka_unit_test(text_is_kept_if_it_is_utf8),
        cmocka_unit_test(json_that_the_server_parsed_keeps_its_bytes),
        cmocka_unit_test(json_that_is_only_claimed_is_looked_at),
        cmocka_unit_test(the_error_value_of_an_enum_is_null_where_a_policy_says_so),
        cmocka_unit_test(a_uuid_arrives_as_text_and_is_kept_as_bytes),
        cmocka_unit_test(binary_overridden_as_uuid_or_text_is_its_bytes),
        cmocka_unit_test(a_geometry_keeps_the_srid_that_its_column_does_not_say),
        cmocka_unit_test(a_geometry_without_a_head_is_malformed),
        cmocka_unit_test(a_value_over_the_limit_is_refused_before_it_is_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
