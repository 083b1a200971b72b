#include "format/csv/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static rvi_csv_dialect dialect_of(char delimiter, const char *null_text)
{
    const rv_csv_options options = {
        .delimiter = delimiter, .null_text = null_text, .header = true, .line_ending = "\n"};
    rvi_csv_dialect dialect;
    assert_int_equal(rvi_csv_dialect_init(&dialect, &options, NULL), RV_OK);
    return dialect;
}

static void only_values_that_need_quotes_get_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool quoted;
        const char *why;
    } cases[] = {
        {"", true, "else it were NULL"},
        {"plain", false, ""},
        {"a,b", true, "delimiter"},
        {"a;b", false, "somebody else's delimiter"},
        {"say \"hi\"", true, "quote"},
        {"a\nb", true, "line feed"},
        {"a\rb", true, "carriage return"},
        {" a", true, "a leading blank is trimmed by readers"},
        {"a ", true, "a trailing one too"},
        {"\ta", true, "tab"},
        {"a b", false, "a blank inside is safe"},
        {"NULL", false, "not this dialect's null text"},
        {"\\.", true, "ends the data of a COPY"},
        {"\\.x", false, "does not"},
        {"Größe 🙂", false, "bytes above 0x7F"},
    };
    const rvi_csv_dialect dialect = dialect_of(',', "");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (rvi_csv_needs_quotes(&dialect, cases[i].text, strlen(cases[i].text)) != cases[i].quoted)
            fail_msg("'%s': %s", cases[i].text, cases[i].why);
}

static void a_value_equal_to_the_null_text_is_quoted(void **state)
{
    (void)state;
    const rvi_csv_dialect dialect = dialect_of('\t', "\\N");
    assert_true(rvi_csv_needs_quotes(&dialect, "\\N", 2));
    assert_false(rvi_csv_needs_quotes(&dialect, "\\n", 2));
    assert_false(rvi_csv_needs_quotes(&dialect, "\\NN", 3));
    assert_true(rvi_csv_needs_quotes(&dialect, "", 0));
    assert_true(rvi_csv_needs_quotes(&dialect, "a\tb", 3));
    assert_false(rvi_csv_needs_quotes(&dialect, "a,b", 3));
}

/* A special byte is found wherever it stands, and no other byte value is taken for one. */
static void every_position_and_every_byte_is_scanned_rightly(void **state)
{
    (void)state;
    const rvi_csv_dialect dialect = dialect_of(';', "");
    for (size_t len = 3; len < 40; len++)
        for (size_t at = 1; at + 1 < len; at++)
            for (int byte = 0; byte < 256; byte++) {
                char text[40];
                memset(text, 'x', len);
                text[at] = (char)byte;
                bool special = byte == ';' || byte == '"' || byte == '\n' || byte == '\r';
                assert_int_equal(rvi_csv_needs_quotes(&dialect, text, len), special);
            }
}

static void quotes_are_doubled_and_nothing_else(void **state)
{
    (void)state;
    uint8_t out[64];
    assert_int_equal(rvi_csv_double_quotes(out, "\"a\"\"", 4), 7);
    assert_memory_equal(out, "\"\"a\"\"\"\"", 7);
    assert_int_equal(rvi_csv_double_quotes(out, "a\0,\n", 4), 4);
    assert_memory_equal(out, "a\0,\n", 4);
    assert_int_equal(rvi_csv_double_quotes(out, "", 0), 0);
}

static void a_dialect_that_cannot_be_read_back_is_refused(void **state)
{
    (void)state;
    static const rv_csv_options refused[] = {
        {'"', "", true, "\n"},    {'\n', "", true, "\n"},    {'\r', "", true, "\n"},
        {'\0', "", true, "\n"},   {'\x7F', "", true, "\n"},  {'\x80', "", true, "\n"},
        {',', "a,b", true, "\n"}, {',', "\"\"", true, "\n"}, {',', "a\nb", true, "\n"},
        {',', "", true, "\r"},    {',', "", true, ""},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        rvi_csv_dialect dialect;
        rv_error err = {0};
        assert_int_equal(rvi_csv_dialect_init(&dialect, &refused[i], &err), RV_E_CONFIG_VALUE);
        assert_int_equal(err.code, RV_E_CONFIG_VALUE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_values_that_need_quotes_get_them),
        cmocka_unit_test(a_value_equal_to_the_null_text_is_quoted),
        cmocka_unit_test(every_position_and_every_byte_is_scanned_rightly),
        cmocka_unit_test(quotes_are_doubled_and_nothing_else),
        cmocka_unit_test(a_dialect_that_cannot_be_read_back_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
