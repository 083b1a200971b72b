/* Texts that somebody else chose: nothing in them reaches the terminal but characters, nor JSON but UTF-8. */
#include "cli/cli.h"

#include "lib/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void control_characters_become_blanks(void **state)
{
    (void)state;
    char out[64];
    assert_string_equal(rvi_text_line(out, sizeof out, "a\nb\tc\x1b[31m\x7f"), "a b c [31m ");
    assert_string_equal(rvi_text_line(out, sizeof out, "x\xC2\x9By"), "x  y");
    assert_string_equal(rvi_text_line(out, sizeof out, "\xC3\xA4 \xE6\x97\xA5 \xC2\xA0"),
                        "\xC3\xA4 \xE6\x97\xA5 \xC2\xA0");
    assert_string_equal(rvi_text_line(out, sizeof out, ""), "");
    assert_string_equal(rvi_text_line(out, sizeof out, "\xC2"), "\xC2"); /* not one byte too far */
}

static void a_long_text_is_cut_between_characters(void **state)
{
    (void)state;
    char out[4];
    assert_string_equal(rvi_text_line(out, sizeof out, "abcd"), "abc");
    assert_string_equal(rvi_text_line(out, sizeof out, "ab\xC3\xA4"), "ab");
}

static void assert_json(const char *text, const char *expected)
{
    json_t *string = rvi_text_json(text);
    assert_non_null(string);
    assert_string_equal(json_string_value(string), expected);
    json_decref(string);
}

static void json_gets_utf8_whatever_it_is_given(void **state)
{
    (void)state;
    assert_json("plain \xE6\x97\xA5", "plain \xE6\x97\xA5");
    assert_json("a\xFF"
                "b",
                "a\xEF\xBF\xBD"
                "b");
    assert_json("\xE6\x97", "\xEF\xBF\xBD\xEF\xBF\xBD");
    assert_json("\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"); /* a surrogate */
    assert_json("\xFF\xC3\xA4", "\xEF\xBF\xBD\xC3\xA4");
    assert_json("", "");
}

static void a_failed_allocation_is_reported(void **state)
{
    (void)state;
    fault_arm(FAULT_ALLOC, 1, FAULT_TRANSIENT, 0);
    assert_null(rvi_text_json("a\xFF"));
    assert_true(fault_disarm());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_characters_become_blanks),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(json_gets_utf8_whatever_it_is_given),
        cmocka_unit_test(a_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
