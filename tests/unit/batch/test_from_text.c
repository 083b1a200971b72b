/* The source's exact text into typed columns: what is read, what is refused, what is nearest. */
#include "support.h"

#include "rivet/bytes.h"

/* Read `text` and print the cell again; "" with *rc set if it was refused. */
static void read_and_print(rv_type type, const rv_policy policies[RV_INVALID_CLASSES], const char *text,
                           char out[200], rv_code *rc)
{
    one_column one;
    open_column(&one, type, NULL);
    if (policies != NULL)
        memcpy(one.field.on_invalid, policies, sizeof one.field.on_invalid);
    out[0] = '\0';
    *rc = add_text(&one, text);
    if (*rc == RV_OK && rv_column_is_null(&one.batch->columns[0], 0)) {
        memcpy(out, "NULL", 5);
    } else if (*rc == RV_OK) {
        rv_bytes printed = RV_BYTES_INIT(199);
        assert_int_equal(rv_column_text(&one.batch->columns[0], 0, &printed, NULL), RV_OK);
        if (printed.len > 0)
            memcpy(out, printed.data, printed.len);
        out[printed.len] = '\0';
        rv_bytes_deinit(&printed);
    } else {
        assert_int_equal(one.batch->columns[0].length, 0);
    }
    close_column(&one);
}

typedef struct text_case {
    rv_type type;
    const char *text, *expected; /* the cell's canonical text */
} text_case;

static void a_text_of_the_type_is_read_exactly(void **state)
{
    (void)state;
    static const text_case cases[] = {
        {{.id = RV_TYPE_BOOL}, "t", "true"},
        {{.id = RV_TYPE_BOOL}, "FALSE", "false"},
        {{.id = RV_TYPE_BOOL}, "0", "false"},
        {{.id = RV_TYPE_INT16}, "-32768", "-32768"},
        {{.id = RV_TYPE_INT32}, "+2147483647", "2147483647"},
        {{.id = RV_TYPE_INT64}, "-9223372036854775808", "-9223372036854775808"},
        {{.id = RV_TYPE_INT64}, "12.00", "12"},
        {{.id = RV_TYPE_UINT64}, "18446744073709551615", "18446744073709551615"},
        {{.id = RV_TYPE_FLOAT64}, "0.1", "0.1"},
        {{.id = RV_TYPE_FLOAT64}, "-Infinity", "-inf"},
        {{.id = RV_TYPE_FLOAT64}, "NaN", "NaN"},
        {{.id = RV_TYPE_FLOAT32}, "1e10", "1e+10"},
        {{.id = RV_TYPE_DECIMAL, .precision = 10, .scale = 2}, "-12.3", "-12.30"},
        {{.id = RV_TYPE_DECIMAL, .precision = 76, .scale = 1},
         "123456789012345678901234567890.5",
         "123456789012345678901234567890.5"},
        {{.id = RV_TYPE_DATE}, "2024-02-29", "2024-02-29"},
        {{.id = RV_TYPE_TIME}, "23:59:59.999999", "23:59:59.999999"},
        {{.id = RV_TYPE_TIMESTAMP}, "2024-02-29 12:00:00+00", "2024-02-29T12:00:00.000000"},
        {{.id = RV_TYPE_TIMESTAMP_TZ}, "2024-02-29 12:00:00+02", "2024-02-29T10:00:00.000000Z"},
        {{.id = RV_TYPE_TIMESTAMP_TZ}, "2024-02-29 12:00:00", "2024-02-29T12:00:00.000000Z"},
        {{.id = RV_TYPE_TIMESTAMP_NS}, "2024-02-29T12:00:00.123456789", "2024-02-29T12:00:00.123456789"},
        {{.id = RV_TYPE_STRING}, "caf\xc3\xa9", "caf\xc3\xa9"},
        {{.id = RV_TYPE_STRING}, "", ""},
        {{.id = RV_TYPE_JSON}, "{\"a\": 1 }", "{\"a\": 1 }"},
        {{.id = RV_TYPE_BINARY}, "\\x00Ff", "00ff"},
        {{.id = RV_TYPE_BINARY}, "00ff", "00ff"},
        {{.id = RV_TYPE_BINARY}, "\\x", ""},
        {{.id = RV_TYPE_UUID},
         "{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}",
         "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
        {{.id = RV_TYPE_UUID}, "a0eebc999c0b4ef8bb6d6bb9bd380a11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char printed[200];
        rv_code rc = RV_OK;
        read_and_print(cases[i].type, NULL, cases[i].text, printed, &rc);
        assert_int_equal(rc, RV_OK);
        assert_string_equal(printed, cases[i].expected);
    }
}

static void what_does_not_fit_is_an_error_of_its_class(void **state)
{
    (void)state;
    static const struct {
        rv_type type;
        const char *text;
        rv_code code;
    } cases[] = {
        {{.id = RV_TYPE_BOOL}, "2", RV_E_VALUE_UNPARSEABLE},
        {{.id = RV_TYPE_INT16}, "32768", RV_E_VALUE_OUT_OF_RANGE},
        {{.id = RV_TYPE_INT64}, "9223372036854775808", RV_E_VALUE_OUT_OF_RANGE},
        {{.id = RV_TYPE_INT64}, "1.5", RV_E_VALUE_OUT_OF_RANGE},
        {{.id = RV_TYPE_UINT64}, "-1", RV_E_VALUE_OUT_OF_RANGE},
        {{.id = RV_TYPE_INT64}, "", RV_E_VALUE_UNPARSEABLE},
        {{.id = RV_TYPE_INT64}, " 1", RV_E_VALUE_UNPARSEABLE},
        {{.id = RV_TYPE_INT64}, "NaN", RV_E_VALUE_UNPARSEABLE},
        {{.id = RV_TYPE_FLOAT64}, "1e999", RV_E_VALUE_OUT_OF_RANGE},
        {{.id = RV_TYPE_FLOAT32}, "1e39", RV_E_VALUE_OUT_OF_RANGE},
        {{.id = RV_TYPE_FLOAT64}, "0x10", RV_E_VALUE_UNPARSEABLE},
        {{.id = RV_TYPE_FLOAT64}, " 1", RV_E_VALUE_UNPARSEABLE},
        {{.id = RV_TYPE_FLOAT64}, "1e", RV_E_VALUE_UNPARSEABLE},
        {{.id = RV_TYPE_FLOAT64}, ".", RV_E_VALUE_UNPARSEABLE},
        {{.id = RV_TYPE_FLOAT64}, "", RV_E_VALUE_UNPARSEABLE},
        {{.id = RV_TYPE_DECIMAL, .precision = 4, .scale = 2}, "100", RV_E_VALUE_OUT_OF_RANGE},
        {{.id = RV_TYPE_DECIMAL, .precision = 4, .scale = 2}, "1.001", RV_E_VALUE_OUT_OF_RANGE},
        {{.id = RV_TYPE_DECIMAL, .precision = 4, .scale = 2}, "NaN", RV_E_VALUE_NAN},
        {{.id = RV_TYPE_DECIMAL, .precision = 4, .scale = 2}, "-Infinity", RV_E_VALUE_INFINITE},
        {{.id = RV_TYPE_DECIMAL, .precision = 4, .scale = 2}, "one", RV_E_VALUE_UNPARSEABLE},
        {{.id = RV_TYPE_DATE}, "infinity", RV_E_VALUE_INFINITE},
        {{.id = RV_TYPE_DATE}, "0000-00-00", RV_E_VALUE_OUT_OF_RANGE},
        {{.id = RV_TYPE_DATE}, "2024-00-10", RV_E_VALUE_OUT_OF_RANGE},
        {{.id = RV_TYPE_DATE}, "2017-02-31", RV_E_VALUE_UNPARSEABLE},
        {{.id = RV_TYPE_TIME}, "24:00:00", RV_E_VALUE_OUT_OF_RANGE},
        {{.id = RV_TYPE_TIME}, "-01:00:00", RV_E_VALUE_OUT_OF_RANGE},
        {{.id = RV_TYPE_TIME}, "838:59:59", RV_E_VALUE_OUT_OF_RANGE},
        {{.id = RV_TYPE_TIME}, "noon", RV_E_VALUE_UNPARSEABLE},
        {{.id = RV_TYPE_TIMESTAMP}, "2024-02-29 12:00:00.1234567", RV_E_VALUE_OUT_OF_RANGE},
        {{.id = RV_TYPE_TIMESTAMP}, "2024-02-29 12:00:00+02", RV_E_VALUE_UNPARSEABLE},
        {{.id = RV_TYPE_TIMESTAMP}, "2024-00-00 12:00:00", RV_E_VALUE_OUT_OF_RANGE},
        {{.id = RV_TYPE_TIMESTAMP_NS}, "3000-01-01 00:00:00", RV_E_VALUE_OUT_OF_RANGE},
        {{.id = RV_TYPE_STRING}, "\xff\xfe", RV_E_VALUE_ENCODING},
        {{.id = RV_TYPE_JSON}, "\"\xed\xa0\x80\"", RV_E_VALUE_ENCODING},
        {{.id = RV_TYPE_BINARY}, "abc", RV_E_VALUE_UNPARSEABLE},
        {{.id = RV_TYPE_BINARY}, "\\xzz", RV_E_VALUE_UNPARSEABLE},
        {{.id = RV_TYPE_UUID}, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1", RV_E_VALUE_UNPARSEABLE},
        {{.id = RV_TYPE_UUID}, "a0eebc99-9c0b-4ef8-bb6d6-bb9bd380a11", RV_E_VALUE_UNPARSEABLE},
        {{.id = RV_TYPE_UUID}, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1-", RV_E_VALUE_UNPARSEABLE},
        {{.id = RV_TYPE_UUID}, "{}", RV_E_VALUE_UNPARSEABLE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char printed[200];
        rv_code rc = RV_OK;
        read_and_print(cases[i].type, NULL, cases[i].text, printed, &rc);
        if (rc != cases[i].code)
            print_error("'%s'\n", cases[i].text);
        assert_int_equal(rc, cases[i].code);
    }
}

static void clamp_stores_the_nearest_value(void **state)
{
    (void)state;
    static const rv_policy clamp[RV_INVALID_CLASSES] = {
        RV_POLICY_CLAMP, RV_POLICY_CLAMP, RV_POLICY_CLAMP, RV_POLICY_CLAMP,
        RV_POLICY_CLAMP, RV_POLICY_CLAMP, RV_POLICY_CLAMP,
    };
    static const text_case cases[] = {
        {{.id = RV_TYPE_INT16}, "32768", "32767"},
        {{.id = RV_TYPE_INT16}, "-99999999999999999999999999", "-32768"},
        {{.id = RV_TYPE_INT64}, "2.5", "3"},
        {{.id = RV_TYPE_INT64}, "-2.4", "-2"},
        {{.id = RV_TYPE_UINT64}, "-1", "0"},
        {{.id = RV_TYPE_UINT64}, "1e30", "18446744073709551615"},
        {{.id = RV_TYPE_FLOAT64}, "-1e999", "-1.7976931348623157e+308"},
        {{.id = RV_TYPE_FLOAT32}, "1e39", "3.4028235e+38"},
        {{.id = RV_TYPE_DECIMAL, .precision = 4, .scale = 2}, "100", "99.99"},
        {{.id = RV_TYPE_DECIMAL, .precision = 4, .scale = 2}, "-1e20", "-99.99"},
        {{.id = RV_TYPE_DECIMAL, .precision = 4, .scale = 2}, "1.005", "1.01"},
        {{.id = RV_TYPE_DECIMAL, .precision = 4, .scale = 2}, "-1.0049", "-1.00"},
        {{.id = RV_TYPE_DECIMAL, .precision = 4, .scale = 2}, "0.996", "1.00"},
        {{.id = RV_TYPE_DECIMAL, .precision = 4, .scale = 2}, "99.996", "99.99"},
        {{.id = RV_TYPE_DECIMAL, .precision = 4, .scale = 2}, "0.005", "0.01"},
        {{.id = RV_TYPE_DECIMAL, .precision = 4, .scale = 2}, "0.004", "0.00"},
        {{.id = RV_TYPE_DECIMAL, .precision = 4, .scale = 2}, "1e-9", "0.00"},
        {{.id = RV_TYPE_DECIMAL, .precision = 4, .scale = 2}, "123456e-4", "12.35"},
        {{.id = RV_TYPE_DECIMAL, .precision = 4, .scale = 2}, "Infinity", "99.99"},
        {{.id = RV_TYPE_DATE}, "0000-00-00", "0000-01-01"},
        {{.id = RV_TYPE_DATE}, "2024-00-10", "2024-01-10"},
        {{.id = RV_TYPE_TIME}, "24:00:00", "23:59:59.999999"},
        {{.id = RV_TYPE_TIME}, "-01:00:00", "00:00:00.000000"},
        {{.id = RV_TYPE_TIME}, "838:59:59", "23:59:59.999999"},
        {{.id = RV_TYPE_TIME}, "12:00:00.1234567", "12:00:00.123457"},
        {{.id = RV_TYPE_TIMESTAMP}, "2024-02-29 12:00:00.1234567", "2024-02-29T12:00:00.123457"},
        {{.id = RV_TYPE_TIMESTAMP_TZ}, "2024-02-29 12:00:00.1234564+02", "2024-02-29T10:00:00.123456Z"},
        {{.id = RV_TYPE_TIMESTAMP}, "2024-00-00 12:00:00", "2024-01-01T12:00:00.000000"},
        {{.id = RV_TYPE_TIMESTAMP_NS}, "3000-01-01 00:00:00", "2262-04-11T23:47:16.854775807"},
        {{.id = RV_TYPE_TIMESTAMP_NS}, "-infinity", "1677-09-21T00:12:43.145224192"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char printed[200];
        rv_code rc = RV_OK;
        read_and_print(cases[i].type, clamp, cases[i].text, printed, &rc);
        assert_int_equal(rc, RV_OK);
        assert_string_equal(printed, cases[i].expected);
    }
}

static void null_stands_for_every_class_when_asked(void **state)
{
    (void)state;
    static const rv_policy null[RV_INVALID_CLASSES] = {
        RV_POLICY_NULL, RV_POLICY_NULL, RV_POLICY_NULL, RV_POLICY_NULL,
        RV_POLICY_NULL, RV_POLICY_NULL, RV_POLICY_NULL,
    };
    static const text_case cases[] = {
        {{.id = RV_TYPE_DATE}, "0000-00-00", "NULL"},
        {{.id = RV_TYPE_DATE}, "-infinity", "NULL"},
        {{.id = RV_TYPE_TIME}, "24:00:00", "NULL"},
        {{.id = RV_TYPE_STRING}, "\xff", "NULL"},
        {{.id = RV_TYPE_INT16}, "99999", "NULL"},
        {{.id = RV_TYPE_UUID}, "no uuid", "NULL"},
        {{.id = RV_TYPE_BINARY}, "no hex", "NULL"},
        {{.id = RV_TYPE_BOOL}, "maybe", "NULL"},
        {{.id = RV_TYPE_FLOAT64}, "about one", "NULL"},
        {{.id = RV_TYPE_DECIMAL, .precision = 3}, "NaN", "NULL"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char printed[200];
        rv_code rc = RV_OK;
        read_and_print(cases[i].type, null, cases[i].text, printed, &rc);
        assert_int_equal(rc, RV_OK);
        assert_string_equal(printed, cases[i].expected);
    }
}

static void digits_without_end_are_read_or_refused_but_never_overrun(void **state)
{
    (void)state;
    static char digits[5000];
    char printed[200];
    rv_code rc = RV_OK;
    memset(digits, '9', sizeof digits - 1);
    digits[1] = '.';
    for (int id = RV_TYPE_BOOL; id < RV_TYPE_LIST; id++) {
        if (rv_type_is_variable((rv_type_id)id) || id == RV_TYPE_DECIMAL)
            continue;
        read_and_print(scalar((rv_type_id)id), NULL, digits, printed, &rc);
        assert_int_not_equal(rc, RV_OK);
    }
    static const rv_policy clamp[RV_INVALID_CLASSES] = {[RV_INVALID_RANGE] = RV_POLICY_CLAMP};
    read_and_print(decimal(76, 74), clamp, digits, printed, &rc);
    assert_int_equal(rc, RV_OK);
    assert_memory_equal(printed, "10.000", 6);
}

static void a_list_is_not_read_from_text(void **state)
{
    (void)state;
    one_column one;
    open_column(&one, list_of(scalar(RV_TYPE_INT64)), NULL);
    assert_int_equal(add_text(&one, "{1,2}"), RV_E_INTERNAL);
    close_column(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_of_the_type_is_read_exactly),
        cmocka_unit_test(what_does_not_fit_is_an_error_of_its_class),
        cmocka_unit_test(clamp_stores_the_nearest_value),
        cmocka_unit_test(null_stands_for_every_class_when_asked),
        cmocka_unit_test(digits_without_end_are_read_or_refused_but_never_overrun),
        cmocka_unit_test(a_list_is_not_read_from_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
