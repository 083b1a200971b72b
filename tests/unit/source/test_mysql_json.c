/* Is a text JSON? Cases after RFC 8259 and the well-known collection "Parsing JSON is a minefield". */
#include "unit/source/mysql_support.h"

#include <string.h>

static bool valid(const char *text)
{
    return rvi_my_json_valid((const uint8_t *)text, strlen(text));
}

static void json_values_of_every_kind_are_valid(void **state)
{
    static const char *const cases[] = {
        "{}",          "[]",
        " [ ] ",       "null",
        "true",        "false",
        "0",           "-0",
        "-12.5e+3",    "1E400",
        "0.10",        "\"\"",
        "\"a\"",       "\"\\u00e9\\n\\\"\"",
        "[1,[2]]",     "{\"a\":1}",
        "{\"\":{}}",   "{\"a\":[{}]}",
        "\t1\r\n",     "\"\xc3\xa9\"",
        "[1 , 2]",     "{ \"a\" : 1 , \"a\" : 2 }",
        "\"\\ud800\"", "123456789012345678901234567890",
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (!valid(cases[i]))
            fail_msg("refused: %s", cases[i]);
}

static void what_is_not_one_json_value_is_not_valid(void **state)
{
    static const char *const cases[] = {
        "",
        " ",
        "{",
        "}",
        "[",
        "]",
        "[1",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{]",
        "[}",
        "{1:2}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "1 2",
        "1,2",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "nul",
        "True",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u12\"",
        "\"a\nb\"",
        "'a'",
        "NaN",
        "[1]]",
        "{\"a\":1}}",
        "a",
        "\"\\",
        "nullx",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "[1:2]",
        "\xef\xbb\xbf{}",
        "{\"a\":1,\"b\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (valid(cases[i]))
            fail_msg("taken: %s", cases[i]);
    assert_false(rvi_my_json_valid((const uint8_t *)"1\0", 2));
    assert_false(rvi_my_json_valid((const uint8_t *)"\"\\\0\"", 4));
}

static void a_cut_value_is_not_valid_wherever_it_is_cut(void **state)
{
    static const char whole[] = "{\"a\": [1, -2.5e-7, true, null, {\"b\\u0041\": \"x\\ny\"}], \"c\": \"\"}";
    (void)state;
    for (size_t len = 0; len < sizeof whole - 1; len++)
        assert_false(rvi_my_json_valid((const uint8_t *)whole, len));
    assert_true(valid(whole));
}

static void nesting_ends_at_its_limit(void **state)
{
    uint8_t text[2 * RVI_MY_JSON_DEPTH + 2];
    (void)state;
    memset(text, '[', RVI_MY_JSON_DEPTH);
    memset(text + RVI_MY_JSON_DEPTH, ']', RVI_MY_JSON_DEPTH);
    assert_true(rvi_my_json_valid(text, 2 * RVI_MY_JSON_DEPTH));
    memset(text, '[', RVI_MY_JSON_DEPTH + 1);
    memset(text + RVI_MY_JSON_DEPTH + 1, ']', RVI_MY_JSON_DEPTH + 1);
    assert_false(rvi_my_json_valid(text, 2 * RVI_MY_JSON_DEPTH + 2));
}

/* The bit of a level says whether it is an object, and is used again by the next bracket of that level. */
static void brackets_close_as_they_were_opened(void **state)
{
    (void)state;
    assert_true(valid("[{\"a\":[]},[],{\"b\":{}},[[]]]"));
    assert_false(valid("[{\"a\":[}],[]]"));
    assert_false(valid("[[],{\"a\":1]]"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_values_of_every_kind_are_valid),
        cmocka_unit_test(what_is_not_one_json_value_is_not_valid),
        cmocka_unit_test(a_cut_value_is_not_valid_wherever_it_is_cut),
        cmocka_unit_test(nesting_ends_at_its_limit),
        cmocka_unit_test(brackets_close_as_they_were_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
