/* Types and their texts. */
#include "support.h"

#include "rivet/schema.h"

static void every_word_of_the_override_grammar_is_a_type(void **state)
{
    (void)state;
    static const struct {
        const char *word, *type;
    } cases[] = {
        {"bool", "bool"},
        {"int2", "int16"},
        {"smallint", "int16"},
        {"int4", "int32"},
        {"int", "int32"},
        {"integer", "int32"},
        {"int8", "int64"},
        {"bigint", "int64"},
        {"float4", "float32"},
        {"real", "float32"},
        {"float8", "float64"},
        {"double", "float64"},
        {"decimal(10,2)", "decimal(10,2)"},
        {"numeric(76,76)", "decimal(76,76)"},
        {"NUMERIC ( 38 , 0 )", "decimal(38,0)"},
        {"date", "date"},
        {"time", "time"},
        {"timestamp", "timestamp"},
        {"timestamp_ns", "timestamp_ns"},
        {"timestamp_tz", "timestamp_tz"},
        {"timestamp_tz_ns", "timestamp_tz_ns"},
        {"text", "string"},
        {"string", "string"},
        {"binary", "binary"},
        {"JSON", "json"},
        {"uuid", "uuid"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[RV_TYPE_TEXT_BYTES];
        rv_type type = {0}, again = {0};
        assert_true(rv_type_parse(cases[i].word, &type));
        assert_int_equal(rv_type_text(text, type), strlen(cases[i].type));
        assert_string_equal(text, cases[i].type);
        assert_true(rv_type_parse(text, &again));
        assert_true(rv_type_equal(type, again));
    }
}

static void what_is_no_type_is_refused(void **state)
{
    (void)state;
    static const char *const words[] = {"",
                                        "varchar",
                                        "decimal",
                                        "decimal()",
                                        "decimal(10)",
                                        "decimal(0,0)",
                                        "decimal(77,2)",
                                        "decimal(5,6)",
                                        "decimal(10,-2)",
                                        "decimal(10,2",
                                        "decimal(10,2)x",
                                        "decimal(100,2)",
                                        "decimal(4294967306,2)",
                                        "enum",
                                        "interval",
                                        "list<int32>",
                                        "a word that is longer than any type of ours could ever be"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        rv_type type = {.id = RV_TYPE_DATE};
        assert_false(rv_type_parse(words[i], &type));
        assert_int_equal(type.id, RV_TYPE_DATE);
    }
}

static void a_list_shows_its_element(void **state)
{
    (void)state;
    char text[RV_TYPE_TEXT_BYTES];
    rv_type_text(text, list_of(decimal(12, 3)));
    assert_string_equal(text, "list<decimal(12,3)>");
    rv_type_text(text, list_of(scalar(RV_TYPE_TIMESTAMP_TZ_NS)));
    assert_string_equal(text, "list<timestamp_tz_ns>");
    assert_true(rv_type_equal(rv_type_element(list_of(decimal(12, 3))), decimal(12, 3)));
}

static void widths_are_those_of_the_layout(void **state)
{
    (void)state;
    assert_int_equal(rv_type_width(scalar(RV_TYPE_BOOL)), 0);
    assert_int_equal(rv_type_width(scalar(RV_TYPE_INT16)), 2);
    assert_int_equal(rv_type_width(scalar(RV_TYPE_DATE)), 4);
    assert_int_equal(rv_type_width(scalar(RV_TYPE_TIME)), 8);
    assert_int_equal(rv_type_width(scalar(RV_TYPE_UUID)), 16);
    assert_int_equal(rv_type_width(decimal(9, 0)), 4);
    assert_int_equal(rv_type_width(decimal(10, 0)), 8);
    assert_int_equal(rv_type_width(decimal(38, 0)), 16);
    assert_int_equal(rv_type_width(decimal(39, 0)), 32);
    assert_int_equal(rv_type_width(scalar(RV_TYPE_STRING)), 0);
    assert_int_equal(rv_type_width(list_of(decimal(9, 0))), 0);
}

static void policies_and_classes_have_the_names_of_the_configuration(void **state)
{
    (void)state;
    for (int p = RV_POLICY_FAIL; p <= RV_POLICY_TEXT; p++) {
        rv_policy parsed = RV_POLICY_FAIL;
        assert_true(rv_policy_parse(rv_policy_name((rv_policy)p), &parsed));
        assert_int_equal(parsed, p);
    }
    rv_policy untouched = RV_POLICY_CLAMP;
    assert_false(rv_policy_parse("ignore", &untouched));
    assert_int_equal(untouched, RV_POLICY_CLAMP);
    assert_string_equal(rv_invalid_name(RV_INVALID_ZERO_DATE), "zero_date");
    assert_string_equal(rv_invalid_name(RV_INVALID_UNPARSEABLE), "unparseable");
    assert_string_equal(rv_fidelity_name(RV_FIDELITY_LOGICAL_STRING), "logical_string");
}

static void a_type_meets_only_the_classes_it_can(void **state)
{
    (void)state;
    assert_true(rv_type_can_meet(decimal(10, 2), RV_INVALID_NAN));
    assert_true(rv_type_can_meet(list_of(decimal(10, 2)), RV_INVALID_NAN));
    assert_false(rv_type_can_meet(scalar(RV_TYPE_FLOAT64), RV_INVALID_NAN));
    assert_true(rv_type_can_meet(scalar(RV_TYPE_DATE), RV_INVALID_INFINITY));
    assert_true(rv_type_can_meet(scalar(RV_TYPE_TIME), RV_INVALID_TIME));
    assert_false(rv_type_can_meet(scalar(RV_TYPE_TIMESTAMP), RV_INVALID_TIME));
    assert_true(rv_type_can_meet(scalar(RV_TYPE_JSON), RV_INVALID_ENCODING));
    assert_false(rv_type_can_meet(scalar(RV_TYPE_BINARY), RV_INVALID_ENCODING));
    assert_false(rv_type_can_meet(scalar(RV_TYPE_STRING), RV_INVALID_UNPARSEABLE));
}

static uint64_t fingerprint(const char *a, const char *b, rv_type type, bool nullable, const char *native)
{
    rv_field fields[2] = {{.name = a, .type = type, .nullable = nullable, .native_type = native},
                          {.name = b, .type = {.id = RV_TYPE_INT64}}};
    rv_schema schema = {.fields = fields, .n_fields = 2, .origin = "t"};
    return rv_schema_fingerprint(&schema);
}

static void a_fingerprint_changes_with_name_order_type_and_nullability(void **state)
{
    (void)state;
    uint64_t base = fingerprint("a", "b", decimal(10, 2), true, "numeric(10,2)");
    assert_int_equal(base, fingerprint("a", "b", decimal(10, 2), true, "numeric(10,2)"));
    assert_int_not_equal(base, fingerprint("b", "a", decimal(10, 2), true, "numeric(10,2)"));
    assert_int_not_equal(base, fingerprint("a", "b", decimal(10, 3), true, "numeric(10,2)"));
    assert_int_not_equal(base, fingerprint("a", "b", decimal(10, 2), false, "numeric(10,2)"));
    assert_int_not_equal(base, fingerprint("a", "b", decimal(10, 2), true, "numeric(10,3)"));
    assert_int_not_equal(fingerprint("ab", "c", decimal(1, 0), true, NULL),
                         fingerprint("a", "bc", decimal(1, 0), true, NULL));
}

static void a_field_is_found_by_the_very_letters_of_its_name(void **state)
{
    (void)state;
    rv_field fields[] = {{.name = "id"}, {.name = "Id"}, {.name = ""}};
    const rv_schema schema = {.fields = fields, .n_fields = 3};
    assert_ptr_equal(rv_schema_field(&schema, "id"), &fields[0]);
    assert_ptr_equal(rv_schema_field(&schema, "Id"), &fields[1]);
    assert_ptr_equal(rv_schema_field(&schema, ""), &fields[2]);
    assert_int_equal(rv_schema_index(&schema, "Id"), 1);
    assert_int_equal(rv_schema_index(&schema, "ID"), -1);
    assert_null(rv_schema_field(&schema, "ID"));
    assert_null(rv_schema_field(&schema, "i"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_of_the_override_grammar_is_a_type),
        cmocka_unit_test(what_is_no_type_is_refused),
        cmocka_unit_test(a_list_shows_its_element),
        cmocka_unit_test(widths_are_those_of_the_layout),
        cmocka_unit_test(policies_and_classes_have_the_names_of_the_configuration),
        cmocka_unit_test(a_type_meets_only_the_classes_it_can),
        cmocka_unit_test(a_fingerprint_changes_with_name_order_type_and_nullability),
        cmocka_unit_test(a_field_is_found_by_the_very_letters_of_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
