#include "config/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct quoted_case {
    const char *why, *text, *expected; /* expected NULL: refused */
} quoted_case;

static void check(rvi_quotes quotes, const quoted_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char out[256];
        size_t len = strlen(cases[i].text), out_len = 0;
        assert_true(RVI_UNQUOTED_MAX(len) <= sizeof out);
        bool ok = rvi_unquote(quotes, cases[i].text, len, out, &out_len);
        if (ok != (cases[i].expected != NULL) || (ok && strcmp(out, cases[i].expected) != 0))
            fail_msg("%s: got '%s'", cases[i].why, ok ? out : "(refused)");
        if (ok)
            assert_int_equal(out_len, strlen(cases[i].expected));
    }
}

static void single_quotes_know_no_escape_but_the_doubled_quote(void **state)
{
    (void)state;
    static const quoted_case cases[] = {
        {"empty", "", ""},
        {"plain", "a b", "a b"},
        {"white space at the ends stays", "  a\t", "  a\t"},
        {"doubled quote", "it''s", "it's"},
        {"two doubled quotes", "''''", "''"},
        {"backslash", "a\\nb", "a\\nb"},
        {"fold", "a\nb", "a b"},
        {"fold takes the white space around the break", "a \t\n \tb", "a b"},
        {"empty line", "a\n\nb", "a\nb"},
        {"two empty lines, one of blanks", "a\n  \n\t\nb", "a\n\nb"},
        {"break at the end", "a\n  ", "a "},
        {"break at the start", "\n  a", " a"},
        {"only blanks before the break", "  \n  a", " a"},
        {"CR LF", "a\r\n b\r\n\r\n c", "a b\nc"},
        {"CR alone", "a\rb", "a b"},
        {"doubled quotes on several lines", "''''%c\n\n  :", "''%c\n:"},
    };
    check(RVI_QUOTES_SINGLE, cases, sizeof cases / sizeof cases[0]);
}

static void double_quotes_know_the_escapes_of_yaml(void **state)
{
    (void)state;
    static const quoted_case cases[] = {
        {"letters", "\\a\\b\\t\\n\\v\\f\\r\\e", "\a\b\t\n\v\f\r\x1b"},
        {"tab itself", "\\\ta", "\ta"},
        {"signs", "\\ \\\"\\/\\\\", " \"/\\"},
        {"named characters", "\\N\\_\\L\\P", "\xc2\x85\xc2\xa0\xe2\x80\xa8\xe2\x80\xa9"},
        {"numbers", "\\x41\\u00e9\\U0001F600", "A\xc3\xa9\xf0\x9f\x98\x80"},
        {"surrogate pair", "\\ud83d\\uDE00", "\xf0\x9f\x98\x80"},
        {"single quotes", "''", "''"},
        {"fold", "a \n b", "a b"},
        {"continued line", "a\\\n  b", "ab"},
        {"white space before the continuation stays", "a \\\n  b", "a b"},
        {"escaped blank begins the next line", "a\\\n  \\ b", "a b"},
        {"escaped backslash before the continuation", "a\\\\\\\n  b", "a\\b"},
        {"empty line behind a continuation", "a\\\n\n  b", "a\nb"},
        {"escaped white space at the end of a line stays", "a\\t\n b", "a\t b"},
        {"no escape", "\\q", NULL},
        {"nothing behind the backslash", "a\\", NULL},
        {"too few digits", "\\x4", NULL},
        {"no digits", "\\uzzzz", NULL},
        {"lone surrogate", "\\ud83d", NULL},
        {"surrogate without its partner", "\\ud83d\\u0041", NULL},
        {"second half first", "\\ude00", NULL},
        {"beyond Unicode", "\\U00110000", NULL},
    };
    check(RVI_QUOTES_DOUBLE, cases, sizeof cases / sizeof cases[0]);
}

static void an_escaped_nul_is_counted(void **state)
{
    (void)state;
    char out[16];
    size_t len = 0;
    assert_true(rvi_unquote(RVI_QUOTES_DOUBLE, "a\\0b", 4, out, &len));
    assert_int_equal(len, 3);
    assert_memory_equal(out, "a\0b", 4);
}

/* Bytes per byte of input, at worst. */
static void the_longest_escape_fits_the_stated_room(void **state)
{
    (void)state;
    char in[64], *out = malloc(RVI_UNQUOTED_MAX(sizeof in));
    size_t len = 0;
    assert_non_null(out);
    for (size_t i = 0; i < sizeof in; i++)
        in[i] = i % 2 == 0 ? '\\' : 'L';
    assert_true(rvi_unquote(RVI_QUOTES_DOUBLE, in, sizeof in, out, &len));
    assert_int_equal(len, sizeof in / 2 * 3);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_quotes_know_no_escape_but_the_doubled_quote),
        cmocka_unit_test(double_quotes_know_the_escapes_of_yaml),
        cmocka_unit_test(an_escaped_nul_is_counted),
        cmocka_unit_test(the_longest_escape_fits_the_stated_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
