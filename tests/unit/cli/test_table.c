/* Tables as wide as what stands in them. */
#include "cli/table.h"

#include "lib/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const rvi_table_column two[] = {{"NAME", false}, {"N", true}};

static void assert_printed(const rvi_table *table, const char *wanted)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_int_equal(rvi_table_print(table, out, "> ", NULL), RV_OK);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(text, wanted);
    free(text);
}

static void add(rvi_table *table, const char *text)
{
    assert_int_equal(rvi_table_add(table, text, NULL), RV_OK);
}

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
    (void)state;
    rvi_table table;
    rvi_table_init(&table, two, 2);
    add(&table, "a");
    assert_int_equal(rvi_table_addf(&table, NULL, "%d", 1000), RV_OK);
    add(&table, "longer");
    add(&table, "7");
    assert_printed(&table, "> NAME       N\n> a       1000\n> longer     7\n");
    size_t width = 0;
    assert_int_equal(rvi_table_width(&table, &width, NULL), RV_OK);
    assert_int_equal(width, 12);
    rvi_table_deinit(&table);
}

static void characters_count_and_not_bytes(void **state)
{
    (void)state;
    rvi_table table;
    rvi_table_init(&table, two, 2);
    add(&table, "\xC3\xA4\xE6\x97\xA5");
    add(&table, "1");
    add(&table, "abcde");
    add(&table, "2");
    assert_printed(&table, "> NAME   N\n> \xC3\xA4\xE6\x97\xA5     1\n> abcde  2\n");
    rvi_table_deinit(&table);
}

static void no_line_ends_in_blanks(void **state)
{
    (void)state;
    static const rvi_table_column left[] = {{"A", false}, {"B", false}};
    rvi_table table;
    rvi_table_init(&table, left, 2);
    add(&table, "x");
    add(&table, "");
    add(&table, "");
    add(&table, "wide");
    assert_printed(&table, "> A  B\n> x\n>    wide\n");
    rvi_table_deinit(&table);
}

static void without_titles_there_is_no_line_of_them_and_without_lines_nothing(void **state)
{
    (void)state;
    static const rvi_table_column untitled[] = {{NULL, false}};
    rvi_table table;
    rvi_table_init(&table, untitled, 1);
    assert_printed(&table, "");
    add(&table, "x");
    assert_printed(&table, "> x\n");
    rvi_table_deinit(&table);
}

static void a_long_cell_is_cut_between_characters_and_says_so(void **state)
{
    (void)state;
    static const rvi_table_column one[] = {{NULL, false}};
    char text[400] = "", wanted[sizeof text + 4] = "> ";
    for (int i = 0; i < 60; i++)
        memcpy(text + 3 * i, "\xE6\x97\xA5", 4);
    memcpy(wanted + 2, text, (size_t)(RVI_TABLE_CELL - 1) * 3);
    memcpy(wanted + 2 + (RVI_TABLE_CELL - 1) * 3, "\xE2\x80\xA6\n", 5);
    rvi_table table;
    rvi_table_init(&table, one, 1);
    add(&table, text);
    assert_printed(&table, wanted);
    text[3 * RVI_TABLE_CELL] = '\0'; /* what just fits stays */
    (void)snprintf(wanted, sizeof wanted, "> %s\n", text);
    rvi_table_deinit(&table);
    add(&table, text);
    assert_printed(&table, wanted);
    memset(text, 0x80, sizeof text - 1); /* no characters at all */
    rvi_table_deinit(&table);
    add(&table, text);
    rvi_table_deinit(&table);
}

static void control_characters_become_blanks(void **state)
{
    (void)state;
    static const rvi_table_column one[] = {{NULL, false}};
    rvi_table table;
    rvi_table_init(&table, one, 1);
    add(&table, "a\nb\x1b[0m\xC2\x9B!");
    assert_printed(&table, "> a b [0m  !\n");
    rvi_table_deinit(&table);
}

static void a_lack_of_memory_is_an_error(void **state)
{
    (void)state;
    rvi_table table;
    rvi_table_init(&table, two, 2);
    size_t width = 77;
    fault_arm(FAULT_ALLOC, 1, FAULT_PERSISTENT, 0);
    assert_int_equal(rvi_table_add(&table, "a", NULL), RV_E_OUT_OF_MEMORY);
    assert_true(fault_disarm());
    add(&table, "a");
    add(&table, "1");
    fault_arm(FAULT_ALLOC, 1, FAULT_PERSISTENT, 0);
    assert_int_equal(rvi_table_print(&table, stdout, "", NULL), RV_E_OUT_OF_MEMORY);
    assert_int_equal(rvi_table_width(&table, &width, NULL), RV_E_OUT_OF_MEMORY);
    assert_true(fault_disarm());
    assert_int_equal(width, 77);
    rvi_table_deinit(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
        cmocka_unit_test(characters_count_and_not_bytes),
        cmocka_unit_test(no_line_ends_in_blanks),
        cmocka_unit_test(without_titles_there_is_no_line_of_them_and_without_lines_nothing),
        cmocka_unit_test(a_long_cell_is_cut_between_characters_and_says_so),
        cmocka_unit_test(control_characters_become_blanks),
        cmocka_unit_test(a_lack_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
