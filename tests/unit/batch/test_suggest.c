/* "Did you mean". */
#include "support.h"

#include "rivet/schema.h"

static const char *const keys[] = {"cursor_column", "chunk_column", "chunk_size",
                                   "mode",          "table",        "query_file"};
enum { N_KEYS = sizeof keys / sizeof *keys };

static void a_slip_of_the_finger_is_recognised(void **state)
{
    (void)state;
    assert_string_equal(rv_did_you_mean("tabel", keys, N_KEYS), "table");
    assert_string_equal(rv_did_you_mean("cursor_colum", keys, N_KEYS), "cursor_column");
    assert_string_equal(rv_did_you_mean("chunk_sizes", keys, N_KEYS), "chunk_size");
    assert_string_equal(rv_did_you_mean("Mode", keys, N_KEYS), "mode");
}

static void the_nearest_wins_over_the_first(void **state)
{
    (void)state;
    static const char *const names[] = {"chunk_aloha", "chunk_align"};
    assert_string_equal(rv_did_you_mean("chunk_aling", names, 2), "chunk_align");
}

static void a_part_of_a_word_is_recognised(void **state)
{
    (void)state;
    assert_string_equal(rv_did_you_mean("cursor", keys, N_KEYS), "cursor_column");
    assert_string_equal(rv_did_you_mean("my_table_name", keys, N_KEYS), "table");
}

static void the_case_of_letters_does_not_make_a_word_another_one(void **state)
{
    (void)state;
    static const char *const names[] = {"UPS", "ORDER_LINES"};
    assert_string_equal(rv_did_you_mean("ups", names, 2), "UPS");
    assert_string_equal(rv_did_you_mean("order_lines", names, 2), "ORDER_LINES");
    assert_string_equal(rv_did_you_mean("orderlines", names, 2), "ORDER_LINES");
}

static void what_is_far_from_everything_has_no_suggestion(void **state)
{
    (void)state;
    char endless[1000];
    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    assert_null(rv_did_you_mean("zebra_crossing", keys, N_KEYS));
    assert_null(rv_did_you_mean("", keys, N_KEYS));
    assert_null(rv_did_you_mean(endless, keys, N_KEYS));
    assert_null(rv_did_you_mean("table", NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slip_of_the_finger_is_recognised),
        cmocka_unit_test(the_nearest_wins_over_the_first),
        cmocka_unit_test(a_part_of_a_word_is_recognised),
        cmocka_unit_test(the_case_of_letters_does_not_make_a_word_another_one),
        cmocka_unit_test(what_is_far_from_everything_has_no_suggestion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
