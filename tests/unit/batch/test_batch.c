/* Batches: layout, growth, reset, budget, and what failing allocations leave behind. */
#include "support.h"

#include "lib/fault.h"

#include <stdio.h>

static void bits_of_bools_follow_the_arrow_layout(void **state)
{
    (void)state;
    one_column one;
    open_column(&one, scalar(RV_TYPE_BOOL), NULL);
    for (int i = 0; i < 19; i++) {
        rv_column_append_bool(begin(&one), i % 3 == 0);
        end(&one);
    }
    const rv_column *column = &one.batch->columns[0];
    assert_int_equal(column->values[0], 0x49);
    assert_int_equal(column->values[1], 0x92);
    assert_int_equal(column->values[2], 0x04);
    assert_null(column->validity);
    close_column(&one);
}

static void validity_appears_with_the_first_null_and_marks_earlier_values(void **state)
{
    (void)state;
    /* On both sides of a byte's and of a word's boundary. */
    static const int positions[] = {0, 1, 7, 8, 9, 63, 64, 65, 200};
    for (size_t p = 0; p < sizeof positions / sizeof *positions; p++) {
        one_column one;
        open_column(&one, scalar(RV_TYPE_INT64), NULL);
        for (int i = 0; i < 300; i++) {
            if (i == positions[p])
                add_null(&one);
            else
                add_i64(&one, i);
        }
        const rv_column *column = &one.batch->columns[0];
        assert_int_equal(column->null_count, 1);
        for (int i = 0; i < 300; i++)
            assert_int_equal(rv_column_is_null(column, i), i == positions[p]);
        close_column(&one);
    }
}

static void a_null_lies_over_a_zero_value(void **state)
{
    (void)state;
    one_column one;
    open_column(&one, scalar(RV_TYPE_INT64), NULL);
    for (int i = 0; i < 10; i++)
        add_i64(&one, -1);
    rv_batch_reset(one.batch);
    add_null(&one);
    int64_t value = 1;
    memcpy(&value, one.batch->columns[0].values, sizeof value);
    assert_int_equal(value, 0);
    close_column(&one);
}

static void text_of_every_length_is_copied_whole(void **state)
{
    (void)state;
    one_column one;
    char text[80];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('!' + i);
    open_column(&one, scalar(RV_TYPE_STRING), NULL);
    for (size_t len = 0; len < sizeof text; len++)
        add_bytes(&one, text + (len & 1), len - (len & 1));
    const rv_column *column = &one.batch->columns[0];
    for (size_t len = 0; len < sizeof text; len++) {
        size_t from = (size_t)column->offsets[len], expected = len - (len & 1);
        assert_int_equal((size_t)column->offsets[len + 1] - from, expected);
        assert_memory_equal(column->data + from, text + (len & 1), expected);
    }
    close_column(&one);
}

static void an_empty_text_needs_no_bytes_and_may_come_from_nowhere(void **state)
{
    (void)state;
    one_column one;
    open_column(&one, scalar(RV_TYPE_STRING), NULL);
    add_bytes(&one, NULL, 0);
    add_null(&one);
    const rv_column *column = &one.batch->columns[0];
    assert_int_equal(column->offsets[0], 0);
    assert_int_equal(column->offsets[2], 0);
    assert_false(rv_column_is_null(column, 0));
    assert_true(rv_column_is_null(column, 1));
    close_column(&one);
}

static void lists_keep_their_boundaries_nulls_and_empties(void **state)
{
    (void)state;
    one_column one;
    open_column(&one, list_of(scalar(RV_TYPE_INT64)), NULL);
    rv_column *list = begin(&one);
    assert_int_equal(rv_column_reserve(list->child, 2, &one.err), RV_OK);
    rv_column_append_i64(list->child, 7);
    assert_int_equal(rv_column_append_null(list->child, &one.err), RV_OK);
    assert_int_equal(rv_column_close_list(list, &one.err), RV_OK);
    end(&one);
    add_null(&one);
    assert_int_equal(rv_column_close_list(begin(&one), &one.err), RV_OK);
    end(&one);
    static const int32_t expected[] = {0, 2, 2, 2};
    assert_memory_equal(list->offsets, expected, sizeof expected);
    assert_true(rv_column_is_null(list, 1));
    assert_false(rv_column_is_null(list, 2));
    assert_true(rv_column_is_null(list->child, 1));
    close_column(&one);
}

static void a_reset_batch_keeps_its_memory_and_nothing_else(void **state)
{
    (void)state;
    rv_budget budget;
    rv_budget_init(&budget, 1 << 20);
    one_column one;
    open_column(&one, scalar(RV_TYPE_STRING), &budget);
    for (int i = 0; i < 1000; i++) {
        if (i % 2 == 0)
            add_null(&one);
        else
            add_bytes(&one, "twelve bytes", 12);
    }
    size_t used = rv_budget_used(&budget);
    one.batch->columns[0].policy_uses[RV_INVALID_NAN] = 3;
    rv_batch_reset(one.batch);
    const rv_column *column = &one.batch->columns[0];
    assert_int_equal(rv_budget_used(&budget), used);
    assert_int_equal(one.batch->rows, 0);
    assert_int_equal(column->null_count, 0);
    assert_int_equal(column->data_len, 0);
    assert_int_equal(column->policy_uses[RV_INVALID_NAN], 0);
    for (int i = 0; i < 1000; i++)
        add_bytes(&one, "x", 1);
    for (int i = 0; i < 1000; i++)
        assert_false(rv_column_is_null(column, i));
    assert_int_equal(rv_budget_used(&budget), used);
    close_column(&one);
    assert_int_equal(rv_budget_used(&budget), 0);
}

static void a_reset_batch_gives_back_a_buffer_that_one_huge_value_needed(void **state)
{
    (void)state;
    enum { HUGE_VALUE = 12 << 20 };
    rv_budget budget;
    rv_budget_init(&budget, 64 << 20);
    one_column one;
    open_column(&one, scalar(RV_TYPE_BINARY), &budget);
    rv_column *column = begin(&one);
    assert_int_equal(rv_column_reserve_data(column, HUGE_VALUE, &one.err), RV_OK);
    memset(column->data, 'x', HUGE_VALUE);
    column->data_len = HUGE_VALUE;
    rv_batch_reset(one.batch);
    assert_null(column->data);
    assert_true(rv_budget_used(&budget) < 1 << 20);
    add_bytes(&one, "small", 5);
    close_column(&one);
    assert_int_equal(rv_budget_used(&budget), 0);
}

static void a_reset_batch_gives_back_what_its_last_page_did_not_need(void **state)
{
    (void)state;
    enum { ROWS = 40000, FEW = 100 };
    rv_budget budget;
    rv_budget_init(&budget, 8 << 20);
    one_column one;
    open_column(&one, scalar(RV_TYPE_STRING), &budget);
    for (int i = 0; i < ROWS; i++)
        add_bytes(&one, "thirty bytes, and so many rows", 30);
    rv_batch_reset(one.batch);
    size_t used = rv_budget_used(&budget);
    assert_true(used > ROWS * 34); /* of a page like this one everything is kept, */
    for (int i = 0; i < ROWS; i++)
        add_null(&one);
    rv_batch_reset(one.batch);
    assert_true(rv_budget_used(&budget) < used - (ROWS * 30));
    assert_null(one.batch->columns[0].data); /* but not the bytes, after NULLs alone, */
    for (int i = 0; i < FEW; i++)
        add_bytes(&one, "few", 3);
    rv_batch_reset(one.batch);
    assert_true(rv_budget_used(&budget) < 64 << 10); /* nor the room for rows, after few of them */
    for (int i = 0; i < FEW; i++)
        add_bytes(&one, "again", 5);
    assert_int_equal(one.batch->columns[0].offsets[FEW], FEW * 5);
    assert_false(rv_column_is_null(&one.batch->columns[0], 0));
    close_column(&one);
    assert_int_equal(rv_budget_used(&budget), 0);
}

static void add_list(one_column *one, int64_t n_elements)
{
    rv_column *list = begin(one);
    assert_int_equal(rv_column_reserve(list->child, n_elements, &one->err), RV_OK);
    for (int64_t i = 0; i < n_elements; i++)
        rv_column_append_i64(list->child, i);
    assert_int_equal(rv_column_close_list(list, &one->err), RV_OK);
    end(one);
}

static void what_is_given_back_of_a_list_are_its_elements_too(void **state)
{
    (void)state;
    enum { ROWS = 20000 };
    rv_budget budget;
    rv_budget_init(&budget, 8 << 20);
    one_column one;
    open_column(&one, list_of(scalar(RV_TYPE_INT64)), &budget);
    for (int i = 0; i < ROWS; i++)
        add_list(&one, 3);
    rv_batch_reset(one.batch);
    add_list(&one, 1);
    rv_batch_reset(one.batch);
    assert_true(rv_budget_used(&budget) < 16 << 10);
    add_list(&one, 2);
    assert_int_equal(one.batch->columns[0].offsets[1], 2);
    close_column(&one);
    assert_int_equal(rv_budget_used(&budget), 0);
}

static void a_first_row_is_let_through_whatever_it_weighs_and_gives_everything_back(void **state)
{
    (void)state;
    enum { LIMIT = 8 << 20, HUGE_VALUE = 6 << 20, ELEMENTS = 4 << 20 };
    rv_field fields[] = {{.name = "a", .type = scalar(RV_TYPE_BINARY)},
                         {.name = "b", .type = scalar(RV_TYPE_BINARY)},
                         {.name = "l", .type = {.id = RV_TYPE_LIST, .element = RV_TYPE_INT32}}};
    const rv_schema schema = {.fields = fields, .n_fields = 3, .origin = "t"};
    rv_budget budget;
    rv_budget_init(&budget, LIMIT);
    rv_error err = {0};
    RV_AUTO(rv_batch_free) rv_batch *batch = NULL;
    assert_int_equal(rv_batch_new(&batch, &schema, &budget, &err), RV_OK);
    const size_t made = rv_budget_used(&budget);
    for (int round = 0; round < 2; round++) {
        rv_column *columns = batch->columns;
        assert_int_equal(rv_batch_begin_row(batch, &err), RV_OK);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(rv_column_reserve_data(&columns[i], HUGE_VALUE, &err), RV_OK);
            assert_int_equal(rv_column_append_bytes(&columns[i], "x", 1, &err), RV_OK);
        }
        assert_int_equal(rv_column_reserve(columns[2].child, ELEMENTS, &err), RV_OK);
        assert_int_equal(rv_column_close_list(&columns[2], &err), RV_OK);
        rv_batch_end_row(batch);
        assert_true(rv_budget_used(&budget) > LIMIT);
        assert_true(rv_budget_limit(&budget) >= rv_budget_used(&budget));
        /* Not so the second. */
        assert_int_equal(rv_batch_begin_row(batch, &err), RV_OK);
        assert_int_equal(rv_column_reserve_data(&columns[0], 2 * HUGE_VALUE, &err), RV_E_MEMORY_BUDGET);
        rv_batch_reset(batch);
        assert_int_equal(rv_budget_limit(&budget), LIMIT);
        assert_true(rv_budget_used(&budget) < made + 4096);
    }
    rv_batch_free(batch);
    batch = NULL;
    assert_int_equal(rv_budget_limit(&budget), LIMIT);
    assert_int_equal(rv_budget_used(&budget), 0);
}

static void a_batch_stops_at_the_budget_and_names_the_limit(void **state)
{
    (void)state;
    enum { LIMIT = 200000 };
    rv_budget budget;
    rv_budget_init(&budget, LIMIT);
    one_column one;
    open_column(&one, scalar(RV_TYPE_STRING), &budget);
    char text[100] = {0};
    rv_code rc = RV_OK;
    int64_t rows = 0;
    for (; rc == RV_OK; rows++) {
        rc = rv_batch_begin_row(one.batch, &one.err);
        if (rc == RV_OK)
            rc = rv_column_append_bytes(&one.batch->columns[0], text, sizeof text, &one.err);
        if (rc == RV_OK)
            rv_batch_end_row(one.batch);
    }
    assert_int_equal(rc, RV_E_MEMORY_BUDGET);
    assert_non_null(strstr(one.err.message, "200000"));
    assert_true(rows > 1000); /* the last step was not refused for being half as much again */
    assert_true(rv_budget_peak(&budget) <= LIMIT);
    close_column(&one);
    assert_int_equal(rv_budget_used(&budget), 0);
}

static void variable_data_ends_at_what_an_offset_can_say(void **state)
{
    (void)state;
    one_column one;
    open_column(&one, scalar(RV_TYPE_BINARY), NULL);
    rv_column *column = begin(&one);
    assert_int_equal(rv_column_reserve_data(column, (size_t)INT32_MAX + 1, &one.err), RV_E_LIMIT_EXCEEDED);
    assert_int_equal(rv_column_reserve_data(column, SIZE_MAX, &one.err), RV_E_LIMIT_EXCEEDED);
    assert_int_equal(rv_column_reserve(column, INT64_MAX, &one.err), RV_E_LIMIT_EXCEEDED);
    add_bytes(&one, "still good", 10);
    close_column(&one);
}

static void content_is_weighed_in_bytes(void **state)
{
    (void)state;
    one_column one;
    open_column(&one, scalar(RV_TYPE_STRING), NULL);
    assert_int_equal(rv_batch_bytes(one.batch), 0);
    add_bytes(&one, "12345", 5);
    add_bytes(&one, "678", 3);
    assert_int_equal(rv_batch_bytes(one.batch), 2 * 4 + 8);
    add_null(&one);
    assert_int_equal(rv_batch_bytes(one.batch), 3 * 4 + 8 + 1);
    close_column(&one);
}

static const rv_type every_kind[] = {
    {.id = RV_TYPE_BOOL},
    {.id = RV_TYPE_INT64},
    {.id = RV_TYPE_STRING},
    {.id = RV_TYPE_DECIMAL, .precision = 76, .scale = 2},
    {.id = RV_TYPE_LIST, .element = RV_TYPE_STRING},
};
enum { KINDS = sizeof every_kind / sizeof *every_kind };

static rv_code fill_column(rv_column *column, int row, rv_error *err)
{
    rv_int256 one = {.limb = {1}};
    if (row % 50 == 49)
        return rv_column_append_null(column, err);
    switch ((int)column->type.id) {
    case RV_TYPE_BOOL:
        rv_column_append_bool(column, true);
        return RV_OK;
    case RV_TYPE_INT64:
        rv_column_append_i64(column, row);
        return RV_OK;
    case RV_TYPE_DECIMAL:
        rv_column_append_decimal(column, &one);
        return RV_OK;
    case RV_TYPE_LIST:
        RV_TRY(rv_column_reserve(column->child, 1, err));
        RV_TRY(rv_column_append_bytes(column->child, "element", 7, err));
        return rv_column_close_list(column, err);
    default:
        return rv_column_append_bytes(column, "some text that is longer than sixteen", 37, err);
    }
}

static rv_code make_and_fill(rv_budget *budget, rv_error *err)
{
    rv_field fields[KINDS] = {{0}};
    rv_schema schema = {.fields = fields, .n_fields = KINDS, .origin = "t"};
    RV_AUTO(rv_batch_free) rv_batch *batch = NULL;
    for (int i = 0; i < KINDS; i++)
        fields[i] = (rv_field){.name = "c", .type = every_kind[i]};
    RV_TRY(rv_batch_new(&batch, &schema, budget, err));
    for (int row = 0; row < 300; row++) {
        RV_TRY(rv_batch_begin_row(batch, err));
        for (int i = 0; i < KINDS; i++)
            RV_TRY(fill_column(&batch->columns[i], row, err));
        rv_batch_end_row(batch);
    }
    return RV_OK;
}

static void fail_each_allocation(fault_mode mode)
{
    for (int n = 1;; n++) {
        rv_budget budget;
        rv_error err;
        rv_budget_init(&budget, 16 << 20);
        fault_arm(FAULT_ALLOC, n, mode, 0);
        rv_code rc = make_and_fill(&budget, &err);
        bool hit = fault_disarm();
        assert_int_equal(rc, hit ? RV_E_OUT_OF_MEMORY : RV_OK);
        assert_int_equal(rv_budget_used(&budget), 0);
        if (!hit)
            break;
    }
}

static void a_failed_allocation_leaks_neither_memory_nor_budget(void **state)
{
    (void)state;
    fail_each_allocation(FAULT_TRANSIENT);
    fail_each_allocation(FAULT_PERSISTENT);
}

static void any_budget_is_either_enough_or_refused_without_a_leak(void **state)
{
    (void)state;
    rv_code rc = RV_E_MEMORY_BUDGET;
    for (size_t limit = 0; rc != RV_OK; limit += 509) {
        rv_budget budget;
        rv_error err;
        rv_budget_init(&budget, limit);
        rc = make_and_fill(&budget, &err);
        assert_true(rc == RV_OK || rc == RV_E_MEMORY_BUDGET);
        assert_int_equal(rv_budget_used(&budget), 0);
        assert_true(limit < 1 << 20);
    }
}

static void a_batch_survives_a_refused_growth(void **state)
{
    (void)state;
    one_column one;
    open_column(&one, scalar(RV_TYPE_INT64), NULL);
    add_null(&one);
    while (one.batch->rows < 64)
        add_i64(&one, one.batch->rows);
    for (int n = 1; n <= 2; n++) { /* validity, then values */
        fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
        assert_int_equal(rv_batch_begin_row(one.batch, &one.err), RV_E_OUT_OF_MEMORY);
        assert_true(fault_disarm());
    }
    add_i64(&one, 64);
    const rv_column *column = &one.batch->columns[0];
    assert_true(rv_column_is_null(column, 0));
    for (int64_t i = 1; i < 65; i++) {
        int64_t value = 0;
        memcpy(&value, column->values + i * 8, 8);
        assert_int_equal(value, i);
        assert_false(rv_column_is_null(column, i));
    }
    close_column(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_of_bools_follow_the_arrow_layout),
        cmocka_unit_test(validity_appears_with_the_first_null_and_marks_earlier_values),
        cmocka_unit_test(a_null_lies_over_a_zero_value),
        cmocka_unit_test(text_of_every_length_is_copied_whole),
        cmocka_unit_test(an_empty_text_needs_no_bytes_and_may_come_from_nowhere),
        cmocka_unit_test(lists_keep_their_boundaries_nulls_and_empties),
        cmocka_unit_test(a_reset_batch_keeps_its_memory_and_nothing_else),
        cmocka_unit_test(a_reset_batch_gives_back_a_buffer_that_one_huge_value_needed),
        cmocka_unit_test(a_reset_batch_gives_back_what_its_last_page_did_not_need),
        cmocka_unit_test(what_is_given_back_of_a_list_are_its_elements_too),
        cmocka_unit_test(a_first_row_is_let_through_whatever_it_weighs_and_gives_everything_back),
        cmocka_unit_test(a_batch_stops_at_the_budget_and_names_the_limit),
        cmocka_unit_test(variable_data_ends_at_what_an_offset_can_say),
        cmocka_unit_test(content_is_weighed_in_bytes),
        cmocka_unit_test(a_failed_allocation_leaks_neither_memory_nor_budget),
        cmocka_unit_test(any_budget_is_either_enough_or_refused_without_a_leak),
        cmocka_unit_test(a_batch_survives_a_refused_growth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
