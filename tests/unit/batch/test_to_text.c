/* The canonical text of values. */
#include "support.h"

#include "rivet/bytes.h"

#include "lib/fault.h"

#include <math.h>
#include <stdlib.h>

static void expect_text(const one_column *one, int64_t row, const char *expected)
{
    rv_bytes out = RV_BYTES_INIT(4096);
    const char *text = NULL;
    assert_int_equal(rv_column_text(&one->batch->columns[0], row, &out, NULL), RV_OK);
    assert_int_equal(rv_bytes_cstr(&out, &text, NULL), RV_OK);
    assert_string_equal(text, expected);
    rv_bytes_deinit(&out);
}

static void expect_float64(double value, const char *expected)
{
    one_column one;
    open_column(&one, scalar(RV_TYPE_FLOAT64), NULL);
    rv_column_append_fixed(begin(&one), &value, sizeof value);
    end(&one);
    expect_text(&one, 0, expected);
    close_column(&one);
}

static void expect_float32(float value, const char *expected)
{
    one_column one;
    open_column(&one, scalar(RV_TYPE_FLOAT32), NULL);
    rv_column_append_fixed(begin(&one), &value, sizeof value);
    end(&one);
    expect_text(&one, 0, expected);
    close_column(&one);
}

/* The finite values are as PostgreSQL 15 prints them. */
static void doubles_print_as_the_shortest_text_that_reads_back(void **state)
{
    (void)state;
    expect_float64(0.0, "0");
    expect_float64(-0.0, "-0");
    expect_float64(1.0, "1");
    expect_float64(-1.5, "-1.5");
    expect_float64(100.0, "100");
    expect_float64(0.1, "0.1");
    expect_float64(0.1 + 0.2, "0.30000000000000004");
    expect_float64(0.0001, "0.0001");
    expect_float64(0.00012345, "0.00012345");
    expect_float64(0.00001, "1e-05");
    expect_float64(123456789012345.0, "123456789012345");
    expect_float64(999999999999999.0, "999999999999999");
    expect_float64(1e15, "1e+15");
    expect_float64(1e20, "1e+20");
    expect_float64(1234567890123456.7, "1.2345678901234568e+15");
    expect_float64(1.7976931348623157e308, "1.7976931348623157e+308");
    expect_float64(2.2250738585072014e-308, "2.2250738585072014e-308");
    expect_float64(5e-324, "5e-324");
    expect_float64((double)NAN, "NaN");
    expect_float64((double)INFINITY, "inf");
    expect_float64(-(double)INFINITY, "-inf");
}

static void floats_print_as_the_shortest_text_that_reads_back(void **state)
{
    (void)state;
    expect_float32(0.1f, "0.1");
    expect_float32(1.5f, "1.5");
    expect_float32(123456.0f, "123456");
    expect_float32(1234567.0f, "1.234567e+06");
    expect_float32(16777216.0f, "1.6777216e+07");
    expect_float32(3.4028235e38f, "3.4028235e+38");
    expect_float32(1e-45f, "1e-45");
    expect_float32(0.3f, "0.3");
    expect_float32(-INFINITY, "-inf");
    expect_float32(NAN, "NaN");
}

static void any_double_reads_back_equal(void **state)
{
    (void)state;
    uint64_t bits = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        bits ^= bits << 13; /* xorshift64 */
        bits ^= bits >> 7;
        bits ^= bits << 17;
        one_column one;
        double value = 0;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        open_column(&one, scalar(RV_TYPE_FLOAT64), NULL);
        rv_column_append_fixed(begin(&one), &value, sizeof value);
        end(&one);
        rv_bytes out = RV_BYTES_INIT(100);
        const char *text = NULL;
        assert_int_equal(rv_column_text(&one.batch->columns[0], 0, &out, NULL), RV_OK);
        assert_int_equal(rv_bytes_cstr(&out, &text, NULL), RV_OK);
        assert_true(strtod(text, NULL) == value);
        rv_bytes_deinit(&out);
        close_column(&one);
    }
}

static void every_scalar_has_one_text(void **state)
{
    (void)state;
    static const struct {
        rv_type type;
        const char *text;
    } cases[] = {
        {{.id = RV_TYPE_BOOL}, "true"},
        {{.id = RV_TYPE_INT16}, "-32768"},
        {{.id = RV_TYPE_INT32}, "0"},
        {{.id = RV_TYPE_INT64}, "-9223372036854775808"},
        {{.id = RV_TYPE_UINT64}, "18446744073709551615"},
        {{.id = RV_TYPE_DECIMAL, .precision = 9, .scale = 2}, "-0.05"},
        {{.id = RV_TYPE_DECIMAL, .precision = 76, .scale = 0},
         "-9999999999999999999999999999999999999999999999999999999999999999999999999999"},
        {{.id = RV_TYPE_DATE}, "1969-12-31"},
        {{.id = RV_TYPE_TIME}, "09:30:00.000001"},
        {{.id = RV_TYPE_TIMESTAMP}, "1969-12-31T23:59:59.999999"},
        {{.id = RV_TYPE_TIMESTAMP_TZ}, "2024-02-29T00:00:00.000000Z"},
        {{.id = RV_TYPE_TIMESTAMP_NS}, "1969-12-31T23:59:59.999999999"},
        {{.id = RV_TYPE_TIMESTAMP_TZ_NS}, "2024-02-29T00:00:00.000000001Z"},
        {{.id = RV_TYPE_BINARY}, "00ff10"},
        {{.id = RV_TYPE_UUID}, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
        {{.id = RV_TYPE_ENUM}, "label"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        one_column one;
        open_column(&one, cases[i].type, NULL);
        assert_int_equal(add_text(&one, cases[i].text), RV_OK);
        expect_text(&one, 0, cases[i].text);
        close_column(&one);
    }
}

/* A list of the given texts ("" at NULL pointers) read into the element type. */
static void expect_list(rv_type element, const char *const *texts, int n, const char *expected)
{
    one_column one;
    rv_field field = {.name = "e", .type = element};
    open_column(&one, list_of(element), NULL);
    rv_column *list = begin(&one);
    assert_int_equal(rv_column_reserve(list->child, n, &one.err), RV_OK);
    for (int i = 0; i < n; i++) {
        rv_code rc = texts[i] == NULL
                         ? rv_column_append_null(list->child, &one.err)
                         : rv_column_append_text(list->child, &field, texts[i], strlen(texts[i]), &one.err);
        assert_int_equal(rc, RV_OK);
    }
    assert_int_equal(rv_column_close_list(list, &one.err), RV_OK);
    end(&one);
    expect_text(&one, 0, expected);
    close_column(&one);
}

static void lists_print_as_json_arrays(void **state)
{
    (void)state;
    static const char *const numbers[] = {"1", NULL, "-3"}, *const floats[] = {"1.5", "NaN", "-inf"},
                             *const days[] = {"2024-02-29"}, *const bytes[] = {"\\x00ff"},
                             *const truths[] = {"t", "f"}, *const documents[] = {"{\"a\":[1]}", "null"},
                             *const texts[] = {"plain",      "", "a\"b\\c", "\b\t\n\f\r", "\x01\x0b\x1f\x7f/",
                                               "caf\xc3\xa9"};
    expect_list(scalar(RV_TYPE_INT32), numbers, 0, "[]");
    expect_list(scalar(RV_TYPE_INT32), numbers, 3, "[1,null,-3]");
    expect_list(decimal(10, 2), numbers, 3, "[1.00,null,-3.00]");
    expect_list(scalar(RV_TYPE_FLOAT64), floats, 3, "[1.5,\"NaN\",\"-inf\"]");
    expect_list(scalar(RV_TYPE_FLOAT32), floats, 3, "[1.5,\"NaN\",\"-inf\"]");
    expect_list(scalar(RV_TYPE_DATE), days, 1, "[\"2024-02-29\"]");
    expect_list(scalar(RV_TYPE_BINARY), bytes, 1, "[\"00ff\"]");
    expect_list(scalar(RV_TYPE_BOOL), truths, 2, "[true,false]");
    expect_list(scalar(RV_TYPE_JSON), documents, 2, "[{\"a\":[1]},null]");
    expect_list(scalar(RV_TYPE_STRING), texts, 6,
                "[\"plain\",\"\",\"a\\\"b\\\\c\",\"\\b\\t\\n\\f\\r\",\"\\u0001\\u000b\\u001f\x7f/"
                "\",\"caf\xc3\xa9\"]");
}

static void a_text_that_does_not_fit_leaves_the_output_as_it_was(void **state)
{
    (void)state;
    one_column one;
    open_column(&one, list_of(scalar(RV_TYPE_INT64)), NULL);
    rv_column *list = begin(&one);
    assert_int_equal(rv_column_reserve(list->child, 100, &one.err), RV_OK);
    for (int i = 0; i < 100; i++)
        rv_column_append_i64(list->child, 1000000 + i);
    assert_int_equal(rv_column_close_list(list, &one.err), RV_OK);
    end(&one);
    rv_bytes small = RV_BYTES_INIT(100);
    assert_int_equal(rv_bytes_append_str(&small, "before", NULL), RV_OK);
    assert_int_equal(rv_column_text(list, 0, &small, NULL), RV_E_LIMIT_EXCEEDED);
    assert_int_equal(small.len, 6);
    rv_bytes_deinit(&small);
    for (int n = 1;; n++) {
        rv_bytes out = RV_BYTES_INIT(4096);
        fault_arm(FAULT_ALLOC, n, FAULT_PERSISTENT, 0);
        rv_code rc = rv_column_text(list, 0, &out, NULL);
        bool hit = fault_disarm();
        assert_int_equal(rc, hit ? RV_E_OUT_OF_MEMORY : RV_OK);
        assert_true(!hit || out.len == 0);
        rv_bytes_deinit(&out);
        if (!hit)
            break;
    }
    close_column(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_print_as_the_shortest_text_that_reads_back),
        cmocka_unit_test(floats_print_as_the_shortest_text_that_reads_back),
        cmocka_unit_test(any_double_reads_back_equal),
        cmocka_unit_test(every_scalar_has_one_text),
        cmocka_unit_test(lists_print_as_json_arrays),
        cmocka_unit_test(a_text_that_does_not_fit_leaves_the_output_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
