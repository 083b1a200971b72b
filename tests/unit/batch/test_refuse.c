/* What happens to a cell that its column cannot hold. */
#include "support.h"

static rv_code refuse(one_column *one, rv_invalid invalid_class, rv_policy policy, const char *shown,
                      size_t len, rv_policy *applied)
{
    one->field.on_invalid[invalid_class] = policy;
    return rv_column_refuse(begin(one), &one->field, invalid_class, shown, len, applied, &one->err);
}

static void the_null_policy_appends_null_and_counts(void **state)
{
    (void)state;
    one_column one;
    rv_policy applied = RV_POLICY_FAIL;
    open_column(&one, decimal(10, 2), NULL);
    assert_int_equal(refuse(&one, RV_INVALID_NAN, RV_POLICY_NULL, "NaN", 3, &applied), RV_OK);
    end(&one);
    assert_int_equal(applied, RV_POLICY_NULL);
    assert_true(rv_column_is_null(&one.batch->columns[0], 0));
    assert_int_equal(one.batch->columns[0].policy_uses[RV_INVALID_NAN], 1);
    close_column(&one);
}

static void the_clamp_policy_counts_and_leaves_the_append_to_the_caller(void **state)
{
    (void)state;
    one_column one;
    rv_policy applied = RV_POLICY_FAIL;
    open_column(&one, scalar(RV_TYPE_DATE), NULL);
    assert_int_equal(refuse(&one, RV_INVALID_INFINITY, RV_POLICY_CLAMP, "infinity", 8, &applied), RV_OK);
    assert_int_equal(applied, RV_POLICY_CLAMP);
    assert_int_equal(one.batch->columns[0].length, 0);
    assert_int_equal(one.batch->columns[0].policy_uses[RV_INVALID_INFINITY], 1);
    close_column(&one);
}

static void nothing_is_nearest_to_nan_or_to_bytes_that_are_no_text(void **state)
{
    (void)state;
    one_column one;
    rv_policy applied = RV_POLICY_FAIL;
    open_column(&one, decimal(10, 2), NULL);
    assert_int_equal(refuse(&one, RV_INVALID_NAN, RV_POLICY_CLAMP, "NaN", 3, &applied), RV_E_VALUE_NAN);
    assert_int_equal(refuse(&one, RV_INVALID_UNPARSEABLE, RV_POLICY_CLAMP, "x", 1, &applied),
                     RV_E_VALUE_UNPARSEABLE);
    assert_int_equal(applied, RV_POLICY_FAIL);
    assert_int_equal(one.batch->columns[0].policy_uses[RV_INVALID_NAN], 0);
    close_column(&one);
    open_column(&one, scalar(RV_TYPE_STRING), NULL);
    assert_int_equal(refuse(&one, RV_INVALID_ENCODING, RV_POLICY_CLAMP, "\xff", 1, &applied),
                     RV_E_VALUE_ENCODING);
    assert_int_equal(refuse(&one, RV_INVALID_ENCODING, RV_POLICY_TEXT, "\xff", 1, &applied),
                     RV_E_VALUE_ENCODING);
    close_column(&one);
}

static void a_refusal_names_column_class_value_and_ways_out(void **state)
{
    (void)state;
    one_column one;
    rv_policy applied = RV_POLICY_FAIL;
    open_column(&one, decimal(10, 2), NULL);
    assert_int_equal(refuse(&one, RV_INVALID_INFINITY, RV_POLICY_FAIL, "-Infinity", 9, &applied),
                     RV_E_VALUE_INFINITE);
    assert_string_equal(one.err.message,
                        "column 'c' (native): the value '-Infinity' does not fit decimal(10,2) (infinity)");
    assert_string_equal(one.err.hint,
                        "set on_invalid: {infinity: null|clamp|text} for the column or the export");
    close_column(&one);
    open_column(&one, scalar(RV_TYPE_STRING), NULL);
    assert_int_equal(refuse(&one, RV_INVALID_ENCODING, RV_POLICY_FAIL, "a\xff\n", 3, &applied),
                     RV_E_VALUE_ENCODING);
    assert_non_null(strstr(one.err.message, "'a\\xff\\x0a'"));
    assert_string_equal(one.err.hint, "set on_invalid: {encoding: null} for the column or the export");
    close_column(&one);
    open_column(&one, scalar(RV_TYPE_JSON), NULL);
    assert_int_equal(refuse(&one, RV_INVALID_UNPARSEABLE, RV_POLICY_FAIL, "{", 1, &applied),
                     RV_E_VALUE_UNPARSEABLE);
    assert_string_equal(one.err.hint,
                        "set on_invalid: {unparseable: null|text} for the column or the export");
    close_column(&one);
}

static void a_long_value_is_shown_cut(void **state)
{
    (void)state;
    one_column one;
    char value[5000];
    rv_policy applied = RV_POLICY_FAIL;
    memset(value, '\xff', sizeof value);
    open_column(&one, scalar(RV_TYPE_STRING), NULL);
    assert_int_equal(refuse(&one, RV_INVALID_ENCODING, RV_POLICY_FAIL, value, sizeof value, &applied),
                     RV_E_VALUE_ENCODING);
    assert_non_null(strstr(one.err.message, "\\xff..."));
    memset(value, 'y', sizeof value);
    assert_int_equal(refuse(&one, RV_INVALID_ENCODING, RV_POLICY_FAIL, value, sizeof value, &applied),
                     RV_E_VALUE_ENCODING);
    assert_non_null(strstr(one.err.message, "yyy...'"));
    close_column(&one);
}

static void uses_inside_a_list_are_counted_by_its_column(void **state)
{
    (void)state;
    one_column one;
    rv_policy applied = RV_POLICY_FAIL;
    open_column(&one, list_of(decimal(10, 2)), NULL);
    one.field.on_invalid[RV_INVALID_NAN] = RV_POLICY_NULL;
    rv_column *list = begin(&one);
    assert_int_equal(rv_column_reserve(list->child, 1, &one.err), RV_OK);
    assert_int_equal(rv_column_refuse(list->child, &one.field, RV_INVALID_NAN, "NaN", 3, &applied, &one.err),
                     RV_OK);
    assert_int_equal(rv_column_close_list(list, &one.err), RV_OK);
    end(&one);
    assert_int_equal(list->policy_uses[RV_INVALID_NAN], 1);
    assert_int_equal(list->child->policy_uses[RV_INVALID_NAN], 0);
    close_column(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_null_policy_appends_null_and_counts),
        cmocka_unit_test(the_clamp_policy_counts_and_leaves_the_append_to_the_caller),
        cmocka_unit_test(nothing_is_nearest_to_nan_or_to_bytes_that_are_no_text),
        cmocka_unit_test(a_refusal_names_column_class_value_and_ways_out),
        cmocka_unit_test(a_long_value_is_shown_cut),
        cmocka_unit_test(uses_inside_a_list_are_counted_by_its_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
