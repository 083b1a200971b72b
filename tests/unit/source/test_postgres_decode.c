/* Cells in PostgreSQL's binary form, made by hand after the *_send() functions, into columns. */
#include "unit/source/postgres_support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define US_PER_DAY INT64_C(86400000000)

/* ---- fixed width ------------------------------------------------------------------------------------------- */

static void integers_are_read_at_their_ends(void **state)
{
    static const struct {
        rv_type_id type;
        rvi_pg_wire form;
        int width;
        int64_t value;
        const char *text;
    } cases[] = {
        {RV_TYPE_INT16, RVI_PG_WIRE_INT2, 2, INT16_MIN, "-32768"},
        {RV_TYPE_INT16, RVI_PG_WIRE_INT2, 2, INT16_MAX, "32767"},
        {RV_TYPE_INT32, RVI_PG_WIRE_INT4, 4, INT32_MIN, "-2147483648"},
        {RV_TYPE_INT64, RVI_PG_WIRE_INT8, 8, INT64_MIN, "-9223372036854775808"},
        {RV_TYPE_INT64, RVI_PG_WIRE_INT8, 8, INT64_MAX, "9223372036854775807"},
        {RV_TYPE_INT64, RVI_PG_WIRE_OID, 4, UINT32_MAX, "4294967295"},
        {RV_TYPE_BOOL, RVI_PG_WIRE_BOOL, 1, 1, "true"},
        {RV_TYPE_BOOL, RVI_PG_WIRE_BOOL, 1, 0, "false"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decoding d;
        wire w = {.len = 0};
        wire_i64(&w, cases[i].value);
        decoding_open(&d, scalar(cases[i].type), cases[i].form);
        assert_int_equal(decode_bytes(&d, w.bytes + 8 - cases[i].width, (size_t)cases[i].width), RV_OK);
        assert_string_equal(decoded(&d), cases[i].text);
        decoding_close(&d);
    }
}

static void floats_keep_every_bit(void **state)
{
    const double values[] = {0.1, -0.0, INFINITY, -INFINITY, 5e-324, 1.7976931348623157e308};
    (void)state;
    decoding d;
    decoding_open(&d, scalar(RV_TYPE_FLOAT64), RVI_PG_WIRE_FLOAT8);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        wire w = {.len = 0};
        int64_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        wire_i64(&w, bits);
        assert_int_equal(decode_wire(&d, &w), RV_OK);
        assert_memory_equal(d.batch->columns[0].values + 8 * i, &values[i], 8);
    }
    decoding_close(&d);
}

static void every_fixed_form_refuses_every_other_length(void **state)
{
    static const struct {
        rv_type_id type;
        rvi_pg_wire form;
        size_t len;
    } cases[] = {
        {RV_TYPE_BOOL, RVI_PG_WIRE_BOOL, 1},          {RV_TYPE_INT16, RVI_PG_WIRE_INT2, 2},
        {RV_TYPE_INT32, RVI_PG_WIRE_INT4, 4},         {RV_TYPE_INT64, RVI_PG_WIRE_INT8, 8},
        {RV_TYPE_INT64, RVI_PG_WIRE_OID, 4},          {RV_TYPE_FLOAT32, RVI_PG_WIRE_FLOAT4, 4},
        {RV_TYPE_FLOAT64, RVI_PG_WIRE_FLOAT8, 8},     {RV_TYPE_DATE, RVI_PG_WIRE_DATE, 4},
        {RV_TYPE_TIME, RVI_PG_WIRE_TIME, 8},          {RV_TYPE_TIMESTAMP, RVI_PG_WIRE_TIMESTAMP, 8},
        {RV_TYPE_INTERVAL, RVI_PG_WIRE_INTERVAL, 16}, {RV_TYPE_UUID, RVI_PG_WIRE_UUID, 16},
    };
    static const uint8_t zeros[32];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t len = 0; len <= 17; len++) {
            decoding d;
            decoding_open(&d, scalar(cases[i].type), cases[i].form);
            rv_code expected = len == cases[i].len ? RV_OK : RV_E_VALUE_MALFORMED;
            assert_int_equal(decode_bytes(&d, zeros, len), expected);
            decoding_close(&d);
        }
}

static void money_is_an_exact_decimal_of_its_coins(void **state)
{
    decoding d;
    wire w = {.len = 0};
    (void)state;
    wire_i64(&w, INT64_MIN);
    decoding_open(&d, decimal(19, 2), RVI_PG_WIRE_MONEY);
    assert_int_equal(decode_wire(&d, &w), RV_OK);
    assert_string_equal(decoded(&d), "-92233720368547758.08");
    decoding_close(&d);
}

/* ---- numeric ----------------------------------------------------------------------------------------------- */

static void numerics_are_read_digit_by_digit(void **state)
{
    static const struct {
        const char *why, *text;
        int precision, scale, n_groups;
        int16_t weight;
        uint16_t groups[20], sign;
    } cases[] = {
        {"zero has no groups", "0.00", 10, 2, 0, 0, {0}, 0},
        {"a group before and one after the point", "12345.67", 10, 2, 3, 1, {1, 2345, 6700}, 0},
        {"negative", "-0.01", 10, 2, 1, -1, {100}, 0x4000},
        {"leading zero groups are not sent", "0.00000001", 10, 8, 1, -2, {1}, 0},
        {"trailing zero groups are not sent", "100000000", 9, 0, 1, 2, {1}, 0},
        {"largest of nine digits", "9999999.99", 9, 2, 3, 1, {999, 9999, 9900}, 0},
        {"largest of eighteen digits", "999999999999.999999", 18, 6, 5, 2, {9999, 9999, 9999, 9999, 9900}, 0},
        {"nineteen digits", "1234567890123456789", 19, 0, 5, 4, {123, 4567, 8901, 2345, 6789}, 0},
        {"thirty-eight digits",
         "9999999999999999999999999999.9999999999",
         38,
         10,
         10,
         6,
         {9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9900},
         0},
        {"smallest of seventy-six digits",
         "0.0000000000000000000000000000000000000000000000000000000000000000000000000001",
         76,
         76,
         1,
         -19,
         {1},
         0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decoding d;
        wire w = wire_numeric(cases[i].n_groups, cases[i].groups, cases[i].weight, cases[i].sign);
        decoding_open(&d, decimal(cases[i].precision, cases[i].scale), RVI_PG_WIRE_NUMERIC);
        if (decode_wire(&d, &w) != RV_OK)
            fail_msg("%s: %s", cases[i].why, d.err.message);
        assert_string_equal(decoded(&d), cases[i].text);
        decoding_close(&d);
    }
}

/* Precision and scale of every decimal column, and every alignment of the point within a group. */
static void every_scale_reads_its_smallest_and_largest_value(void **state)
{
    (void)state;
    for (int precision = 1; precision <= 76; precision++)
        for (int scale = 0; scale <= precision; scale++) {
            decoding d;
            const uint16_t unit[] = {1, 10, 100, 1000};
            uint16_t group = unit[(4 - scale % 4) % 4];
            wire smallest = wire_numeric(1, &group, (int16_t)(-(scale + 3) / 4), 0x4000);
            decoding_open(&d, decimal(precision, scale), RVI_PG_WIRE_NUMERIC);
            assert_int_equal(decode_wire(&d, &smallest), RV_OK);
            const char *text = decoded(&d);
            assert_int_equal(text[0], '-');
            assert_int_equal(text[strlen(text) - 1], '1');
            assert_int_equal(strspn(text, "-0."), strlen(text) - 1);
            decoding_close(&d);
        }
}

static void a_numeric_that_does_not_fit_is_out_of_range(void **state)
{
    static const struct {
        const char *why;
        int n_groups;
        int16_t weight;
        uint16_t groups[4];
    } cases[] = {
        {"a digit too many before the point", 1, 1, {1}},
        {"a digit too many after it", 1, -1, {10}},
        {"far too large", 1, 1000, {1}},
        {"far too small", 1, -1000, {1}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decoding d;
        wire w = wire_numeric(cases[i].n_groups, cases[i].groups, cases[i].weight, 0);
        decoding_open(&d, decimal(4, 2), RVI_PG_WIRE_NUMERIC);
        if (decode_wire(&d, &w) != RV_E_VALUE_OUT_OF_RANGE)
            fail_msg("%s: not refused", cases[i].why);
        decoding_close(&d);
    }
}

static void numerics_that_are_no_numbers_are_refused_or_clamped(void **state)
{
    static const struct {
        uint16_t sign;
        rv_invalid invalid_class;
        rv_code code;
        const char *clamped; /* NULL: there is no nearest value */
    } cases[] = {
        {0xC000, RV_INVALID_NAN, RV_E_VALUE_NAN, NULL},
        {0xD000, RV_INVALID_INFINITY, RV_E_VALUE_INFINITE, "99.99"},
        {0xF000, RV_INVALID_INFINITY, RV_E_VALUE_INFINITE, "-99.99"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decoding d;
        wire w = wire_numeric(0, NULL, 0, cases[i].sign);
        decoding_open(&d, decimal(4, 2), RVI_PG_WIRE_NUMERIC);
        assert_int_equal(decode_wire(&d, &w), cases[i].code);
        d.fields[0].on_invalid[cases[i].invalid_class] = RV_POLICY_NULL;
        decoding_start(&d);
        assert_int_equal(decode_wire(&d, &w), RV_OK);
        assert_string_equal(decoded(&d), "NULL");
        assert_int_equal(d.batch->columns[0].policy_uses[cases[i].invalid_class], 1);
        d.fields[0].on_invalid[cases[i].invalid_class] = RV_POLICY_CLAMP;
        decoding_start(&d);
        assert_int_equal(decode_wire(&d, &w), cases[i].clamped != NULL ? RV_OK : cases[i].code);
        if (cases[i].clamped != NULL)
            assert_string_equal(decoded(&d), cases[i].clamped);
        decoding_close(&d);
    }
}

static void a_numeric_that_is_no_numeric_is_malformed(void **state)
{
    const uint16_t not_decimal[] = {10000}, one[] = {1};
    wire cut = wire_numeric(1, one, 0, 0), cases[] = {
                                               wire_numeric(1, not_decimal, 0, 0), /* a group above 9999 */
                                               wire_numeric(1, one, 0, 0x1234),    /* no such sign */
                                               cut,
                                               cut,
                                           };
    (void)state;
    cases[2].len -= 1; /* the last group is cut */
    cases[3].len = 7;  /* the header is cut */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decoding d;
        decoding_open(&d, decimal(10, 2), RVI_PG_WIRE_NUMERIC);
        assert_int_equal(decode_wire(&d, &cases[i]), RV_E_VALUE_MALFORMED);
        decoding_close(&d);
    }
}

/* ---- dates and times --------------------------------------------------------------------------------------- */

static void days_are_counted_from_2000(void **state)
{
    static const struct {
        int32_t days;
        const char *text;
    } cases[] = {
        {0, "2000-01-01"},
        {-10957, "1970-01-01"},
        {-10958, "1969-12-31"},
        {-730120, "0000-12-31"},        /* 31 December, 1 BC */
        {-2451507, "-4712-01-01"},      /* 4713-01-01 BC, near the first date there is */
        {2145031948, "+5874897-12-31"}, /* the last one */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decoding d;
        wire w = {.len = 0};
        wire_i32(&w, cases[i].days);
        decoding_open(&d, scalar(RV_TYPE_DATE), RVI_PG_WIRE_DATE);
        assert_int_equal(decode_wire(&d, &w), RV_OK);
        assert_string_equal(decoded(&d), cases[i].text);
        decoding_close(&d);
    }
}

static void timestamps_are_counted_from_2000(void **state)
{
    static const struct {
        int64_t us;
        const char *text;
    } cases[] = {
        {0, "2000-01-01T00:00:00.000000Z"},
        {-1, "1999-12-31T23:59:59.999999Z"},
        {-INT64_C(946684800000001), "1969-12-31T23:59:59.999999Z"},
        {-INT64_C(211810204800000000), "-4712-01-01T00:00:00.000000Z"}, /* 4713-01-01 BC */
        {INT64_MAX - INT64_C(946684800000000), "+294247-01-10T04:00:54.775807Z"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decoding d;
        wire w = {.len = 0};
        wire_i64(&w, cases[i].us);
        decoding_open(&d, scalar(RV_TYPE_TIMESTAMP_TZ), RVI_PG_WIRE_TIMESTAMP);
        assert_int_equal(decode_wire(&d, &w), RV_OK);
        assert_string_equal(decoded(&d), cases[i].text);
        decoding_close(&d);
    }
}

static void a_timestamp_near_the_servers_last_does_not_wrap(void **state)
{
    const int64_t last = INT64_C(9223371331199999999); /* 294276-12-31 23:59:59.999999 */
    decoding d;
    wire w = {.len = 0};
    (void)state;
    wire_i64(&w, last);
    decoding_open(&d, scalar(RV_TYPE_TIMESTAMP), RVI_PG_WIRE_TIMESTAMP);
    assert_int_equal(decode_wire(&d, &w), RV_E_VALUE_OUT_OF_RANGE);
    assert_non_null(strstr(d.err.message, "294276-12-31 23:59:59.999999"));
    d.fields[0].on_invalid[RV_INVALID_RANGE] = RV_POLICY_CLAMP;
    decoding_start(&d);
    assert_int_equal(decode_wire(&d, &w), RV_OK);
    assert_string_equal(decoded(&d), "+294247-01-10T04:00:54.775807");
    decoding_close(&d);
}

static void infinities_are_no_points_in_time(void **state)
{
    static const struct {
        rv_type_id type;
        rvi_pg_wire form;
        int width;
        int64_t value;
        const char *shown, *clamped;
    } cases[] = {
        {RV_TYPE_DATE, RVI_PG_WIRE_DATE, 4, INT32_MAX, "'infinity'", "+5881580-07-11"},
        {RV_TYPE_DATE, RVI_PG_WIRE_DATE, 4, INT32_MIN, "'-infinity'", "-5877641-06-24"},
        {RV_TYPE_TIMESTAMP, RVI_PG_WIRE_TIMESTAMP, 8, INT64_MAX, "'infinity'",
         "+294247-01-10T04:00:54.775807"},
        {RV_TYPE_TIMESTAMP, RVI_PG_WIRE_TIMESTAMP, 8, INT64_MIN, "'-infinity'",
         "-290308-12-21T19:59:05.224193"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decoding d;
        wire w = {.len = 0};
        wire_i64(&w, cases[i].value);
        const uint8_t *bytes = w.bytes + 8 - cases[i].width;
        decoding_open(&d, scalar(cases[i].type), cases[i].form);
        assert_int_equal(decode_bytes(&d, bytes, (size_t)cases[i].width), RV_E_VALUE_INFINITE);
        assert_non_null(strstr(d.err.message, cases[i].shown));
        d.fields[0].on_invalid[RV_INVALID_INFINITY] = RV_POLICY_CLAMP;
        decoding_start(&d);
        assert_int_equal(decode_bytes(&d, bytes, (size_t)cases[i].width), RV_OK);
        assert_string_equal(decoded(&d), cases[i].clamped);
        decoding_close(&d);
    }
}

static void midnight_at_the_end_of_a_day_is_outside_it(void **state)
{
    decoding d;
    wire last = {.len = 0}, midnight = {.len = 0}, later = {.len = 0};
    (void)state;
    wire_i64(&last, US_PER_DAY - 1);
    wire_i64(&midnight, US_PER_DAY);
    wire_i64(&later, US_PER_DAY + 1);
    decoding_open(&d, scalar(RV_TYPE_TIME), RVI_PG_WIRE_TIME);
    assert_int_equal(decode_wire(&d, &last), RV_OK);
    assert_string_equal(decoded(&d), "23:59:59.999999");
    decoding_start(&d);
    assert_int_equal(decode_wire(&d, &midnight), RV_E_VALUE_OUT_OF_RANGE);
    decoding_start(&d);
    assert_int_equal(decode_wire(&d, &later), RV_E_VALUE_MALFORMED);
    d.fields[0].on_invalid[RV_INVALID_TIME] = RV_POLICY_CLAMP;
    decoding_start(&d);
    assert_int_equal(decode_wire(&d, &midnight), RV_OK);
    assert_string_equal(decoded(&d), "23:59:59.999999");
    decoding_close(&d);
}

static void intervals_are_iso_8601_part_by_part(void **state)
{
    static const struct {
        int64_t us;
        int32_t days, months;
        const char *text;
    } cases[] = {
        {0, 0, 0, "PT0S"},
        {INT64_C(14706789000), 3, 14, "P1Y2M3DT4H5M6.789S"},
        {-INT64_C(14706789000), -3, -14, "P-1Y-2M-3DT-4H-5M-6.789S"},
        {-1, 0, 0, "PT-0.000001S"},
        {INT64_C(3600000000), 0, 0, "PT1H"},
        {INT64_C(60000000), 1, 0, "P1DT1M"},
        {1000000, 0, 1, "P1MT1S"},
        {-INT64_C(3600000000), 1, -1, "P-1M1DT-1H"},
        {INT64_MAX, INT32_MAX, -1, "P-1M2147483647DT2562047788H54.775807S"},
        {INT64_MIN, 0, INT32_MIN, "P-178956970Y-8MT-2562047788H-54.775808S"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decoding d;
        wire w = {.len = 0};
        wire_i64(&w, cases[i].us);
        wire_i32(&w, cases[i].days);
        wire_i32(&w, cases[i].months);
        decoding_open(&d, scalar(RV_TYPE_INTERVAL), RVI_PG_WIRE_INTERVAL);
        assert_int_equal(decode_wire(&d, &w), RV_OK);
        assert_string_equal(decoded(&d), cases[i].text);
        decoding_close(&d);
    }
}

static void an_infinite_interval_is_refused(void **state)
{
    decoding d;
    wire w = {.len = 0};
    (void)state;
    wire_i64(&w, INT64_MAX);
    wire_i32(&w, INT32_MAX);
    wire_i32(&w, INT32_MAX);
    decoding_open(&d, scalar(RV_TYPE_INTERVAL), RVI_PG_WIRE_INTERVAL);
    assert_int_equal(decode_wire(&d, &w), RV_E_VALUE_INFINITE);
    decoding_close(&d);
}

/* ---- variable width ---------------------------------------------------------------------------------------- */

static void text_is_kept_if_it_is_utf8(void **state)
{
    decoding d;
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_STRING), RVI_PG_WIRE_TEXT);
    assert_int_equal(decode_bytes(&d, "caf\xc3\xa9  ", 7), RV_OK);
    assert_string_equal(decoded(&d), "caf\xc3\xa9  ");
    assert_int_equal(decode_bytes(&d, "", 0), RV_OK);
    assert_string_equal(decoded(&d), "");
    assert_int_equal(decode_bytes(&d, "caf\xe9", 4), RV_E_VALUE_ENCODING);
    assert_non_null(strstr(d.err.message, "caf\\xe9"));
    d.fields[0].on_invalid[RV_INVALID_ENCODING] = RV_POLICY_NULL;
    decoding_start(&d);
    assert_int_equal(decode_bytes(&d, "\xff", 1), RV_OK);
    assert_string_equal(decoded(&d), "NULL");
    decoding_close(&d);
}

static void jsonb_loses_its_version_byte_and_nothing_else(void **state)
{
    decoding d;
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_JSON), RVI_PG_WIRE_JSONB);
    assert_int_equal(decode_bytes(&d, "\1{\"a\": 1e400}", 13), RV_OK);
    assert_string_equal(decoded(&d), "{\"a\": 1e400}");
    decoding_start(&d);
    assert_int_equal(decode_bytes(&d, "\2{}", 3), RV_E_VALUE_MALFORMED);
    decoding_start(&d);
    assert_int_equal(decode_bytes(&d, "", 0), RV_E_VALUE_MALFORMED);
    decoding_close(&d);
}

static void a_value_over_the_limit_is_refused_before_it_is_copied(void **state)
{
    decoding d;
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_STRING), RVI_PG_WIRE_TEXT);
    assert_int_equal(rvi_pg_rows_init(&d.rows, d.arena, &d.schema, d.types, 3, NULL), RV_OK);
    rvi_sql_rows_start(&d.rows, d.batch, SIZE_MAX);
    assert_int_equal(decode_bytes(&d, "abc", 3), RV_OK);
    assert_int_equal(decode_bytes(&d, "abcd", 4), RV_E_VALUE_TOO_LARGE);
    assert_int_equal(d.batch->columns[0].data_len, 3);
    decoding_close(&d);
}

static void an_override_reads_the_exact_text(void **state)
{
    decoding d;
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_STRING), RVI_PG_WIRE_TEXT);
    d.fields[0].type = decimal(10, 2);
    d.fields[0].transfer = RV_TRANSFER_TEXT;
    decoding_start(&d);
    assert_int_equal(decode_bytes(&d, "12.5", 4), RV_OK);
    assert_string_equal(decoded(&d), "12.50");
    assert_int_equal(decode_bytes(&d, "12.505", 6), RV_E_VALUE_OUT_OF_RANGE);
    decoding_close(&d);
}

/* ---- arrays ------------------------------------------------------------------------------------------------ */

static void an_array_keeps_its_nulls(void **state)
{
    decoding d;
    wire w = wire_array(23, 3, 1);
    (void)state;
    wire_value(&w, "\0\0\0\1", 4);
    wire_value(&w, NULL, 0);
    wire_value(&w, "\xff\xff\xff\xff", 4);
    decoding_open(&d, list_of(scalar(RV_TYPE_INT32)), RVI_PG_WIRE_INT4);
    assert_int_equal(decode_wire(&d, &w), RV_OK);
    assert_string_equal(decoded(&d), "[1,null,-1]");
    assert_int_equal(decode_bytes(&d, NULL, 0), RV_OK);
    assert_string_equal(decoded(&d), "NULL");
    decoding_close(&d);
}

static void an_empty_array_has_no_dimensions(void **state)
{
    decoding d;
    wire w = {.len = 0};
    (void)state;
    wire_i32(&w, 0);
    wire_i32(&w, 0);
    wire_i32(&w, 23);
    decoding_open(&d, list_of(scalar(RV_TYPE_INT32)), RVI_PG_WIRE_INT4);
    assert_int_equal(decode_wire(&d, &w), RV_OK);
    assert_string_equal(decoded(&d), "[]");
    decoding_close(&d);
}

static void an_element_follows_the_columns_policy(void **state)
{
    const uint16_t one[] = {1};
    wire number = wire_numeric(1, one, 0, 0), nan = wire_numeric(0, NULL, 0, 0xC000),
         w = wire_array(23, 2, 1);
    decoding d;
    (void)state;
    wire_value(&w, number.bytes, number.len);
    wire_value(&w, nan.bytes, nan.len);
    decoding_open(&d, list_of(decimal(5, 1)), RVI_PG_WIRE_NUMERIC);
    assert_int_equal(decode_wire(&d, &w), RV_E_VALUE_NAN);
    d.fields[0].on_invalid[RV_INVALID_NAN] = RV_POLICY_NULL;
    decoding_start(&d);
    assert_int_equal(decode_wire(&d, &w), RV_OK);
    assert_string_equal(decoded(&d), "[1.0,null]");
    assert_int_equal(d.batch->columns[0].policy_uses[RV_INVALID_NAN], 1);
    decoding_close(&d);
}

static void an_array_that_is_no_list_is_refused(void **state)
{
    wire shifted = wire_array(23, 0, 0), deep = {.len = 0};
    decoding d;
    (void)state;
    wire_i32(&deep, 2);
    wire_i32(&deep, 0);
    wire_i32(&deep, 23);
    decoding_open(&d, list_of(scalar(RV_TYPE_INT32)), RVI_PG_WIRE_INT4);
    assert_int_equal(decode_wire(&d, &deep), RV_E_VALUE_UNPARSEABLE);
    assert_non_null(strstr(d.err.message, "2 dimensions"));
    decoding_start(&d);
    assert_int_equal(decode_wire(&d, &shifted), RV_E_VALUE_UNPARSEABLE);
    assert_non_null(strstr(d.err.message, "index 0"));
    decoding_close(&d);
}

static void an_array_with_false_lengths_is_malformed(void **state)
{
    wire other_type = wire_array(25, 0, 1), too_many = wire_array(23, 1000000, 1),
         negative = wire_array(23, -1, 1), long_element = wire_array(23, 1, 1),
         left_over = wire_array(23, 0, 1);
    (void)state;
    wire_i32(&long_element, 100);
    wire_i32(&left_over, 0);
    wire cases[] = {other_type, too_many, negative, long_element, left_over};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decoding d;
        decoding_open(&d, list_of(scalar(RV_TYPE_INT32)), RVI_PG_WIRE_INT4);
        assert_int_equal(decode_wire(&d, &cases[i]), RV_E_VALUE_MALFORMED);
        decoding_close(&d);
    }
}

/* ---- rows -------------------------------------------------------------------------------------------------- */

static void null_in_a_not_null_column_is_refused(void **state)
{
    decoding d;
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_INT32), RVI_PG_WIRE_INT4);
    d.fields[0].nullable = false;
    decoding_start(&d);
    assert_int_equal(decode_bytes(&d, NULL, 0), RV_E_VALUE_MALFORMED);
    decoding_close(&d);
}

static void a_policy_puts_no_null_where_the_file_has_no_room_for_one(void **state)
{
    decoding d;
    wire w = {.len = 0};
    (void)state;
    wire_i32(&w, INT32_MAX);
    decoding_open(&d, scalar(RV_TYPE_DATE), RVI_PG_WIRE_DATE);
    d.fields[0].nullable = false;
    d.fields[0].on_invalid[RV_INVALID_INFINITY] = RV_POLICY_NULL;
    decoding_start(&d);
    assert_int_equal(decode_wire(&d, &w), RV_E_VALUE_INFINITE);
    decoding_close(&d);
}

static void a_refused_value_names_its_row_by_the_key(void **state)
{
    decoding d;
    wire date = {.len = 0}, key = {.len = 0};
    (void)state;
    wire_i32(&date, INT32_MAX);
    wire_i32(&key, 42);
    decoding_open(&d, scalar(RV_TYPE_DATE), RVI_PG_WIRE_DATE);
    d.fields[1] = (rv_field){.name = "k",
                             .native_type = "integer",
                             .natural = scalar(RV_TYPE_INT32),
                             .type = scalar(RV_TYPE_INT32),
                             .is_key = true};
    d.types[1] = (rvi_pg_type){.natural = scalar(RV_TYPE_INT32), .wire = RVI_PG_WIRE_INT4};
    d.schema.n_fields = 2;
    decoding_start(&d);
    d.rows.cells[1] = (rvi_sql_cell){key.bytes, key.len};
    assert_int_equal(decode_wire(&d, &date), RV_E_VALUE_INFINITE);
    assert_non_null(strstr(d.err.message, "column 'c'"));
    assert_string_equal(d.err.frame[0], "the row with k=42 of public.t");
    decoding_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_read_at_their_ends),
        cmocka_unit_test(floats_keep_every_bit),
        cmocka_unit_test(every_fixed_form_refuses_every_other_length),
        cmocka_unit_test(money_is_an_exact_decimal_of_its_coins),
        cmocka_unit_test(numerics_are_read_digit_by_digit),
        cmocka_unit_test(every_scale_reads_its_smallest_and_largest_value),
        cmocka_unit_test(a_numeric_that_does_not_fit_is_out_of_range),
        cmocka_unit_test(numerics_that_are_no_numbers_are_refused_or_clamped),
        cmocka_unit_test(a_numeric_that_is_no_numeric_is_malformed),
        cmocka_unit_test(days_are_counted_from_2000),
        cmocka_unit_test(timestamps_are_counted_from_2000),
        cmocka_unit_test(a_timestamp_near_the_servers_last_does_not_wrap),
        cmocka_unit_test(infinities_are_no_points_in_time),
        cmocka_unit_test(midnight_at_the_end_of_a_day_is_outside_it),
        cmocka_unit_test(intervals_are_iso_8601_part_by_part),
        cmocka_unit_test(an_infinite_interval_is_refused),
        cmocka_unit_test(text_is_kept_if_it_is_utf8),
        cmocka_unit_test(jsonb_loses_its_version_byte_and_nothing_else),
        cmocka_unit_test(a_value_over_the_limit_is_refused_before_it_is_copied),
        cmocka_unit_test(an_override_reads_the_exact_text),
        cmocka_unit_test(an_array_keeps_its_nulls),
        cmocka_unit_test(an_empty_array_has_no_dimensions),
        cmocka_unit_test(an_element_follows_the_columns_policy),
        cmocka_unit_test(an_array_that_is_no_list_is_refused),
        cmocka_unit_test(an_array_with_false_lengths_is_malformed),
        cmocka_unit_test(null_in_a_not_null_column_is_refused),
        cmocka_unit_test(a_policy_puts_no_null_where_the_file_has_no_room_for_one),
        cmocka_unit_test(a_refused_value_names_its_row_by_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
