/* Thrift's compact protocol, byte by byte as the specification writes it. */
#include "format/parquet/thrift.h"
#include "parquet_support.h"

static void assert_bytes(const rvi_pq_buf *out, const char *hex)
{
    char text[512] = "";
    for (size_t i = 0; i < out->len && i < 200; i++) {
        static const char digits[] = "0123456789abcdef";
        text[2 * i] = digits[out->data[i] >> 4];
        text[2 * i + 1] = digits[out->data[i] & 15];
        text[2 * i + 2] = '\0';
    }
    assert_string_equal(text, hex);
}

static void integers_are_zigzag_varints_behind_a_delta_of_ids(void **state)
{
    (void)state;
    rvi_pq_memory memory = {0};
    rvi_pq_buf out = {.memory = &memory};
    rvi_pq_thrift t = rvi_pq_thrift_begin(&out, NULL);
    rvi_pq_thrift_i32(&t, 1, 0);
    rvi_pq_thrift_i32(&t, 2, -1);
    rvi_pq_thrift_i32(&t, 3, 64);
    rvi_pq_thrift_i64(&t, 5, INT64_MIN);
    rvi_pq_thrift_i64(&t, 20, INT64_MAX);
    rvi_pq_thrift_i16(&t, 21, -300);
    rvi_pq_thrift_i8(&t, 22, -2);
    assert_int_equal(rvi_pq_thrift_end(&t), RV_OK);
    assert_bytes(&out, "1500"
                       "1501"
                       "158001"
                       "26ffffffffffffffffff01"
                       "f6feffffffffffffffff01"
                       "14d704"
                       "13fe"
                       "00");
    rvi_pq_buf_free(&out);
    assert_int_equal(memory.used, 0);
}

static void booleans_of_fields_lie_in_the_type(void **state)
{
    (void)state;
    rvi_pq_memory memory = {0};
    rvi_pq_buf out = {.memory = &memory};
    rvi_pq_thrift t = rvi_pq_thrift_begin(&out, NULL);
    rvi_pq_thrift_bool(&t, 1, true);
    rvi_pq_thrift_bool(&t, 2, false);
    rvi_pq_thrift_list(&t, 3, RVI_PQ_THRIFT_TRUE, 2);
    rvi_pq_thrift_item_bool(&t, true);
    rvi_pq_thrift_item_bool(&t, false);
    assert_int_equal(rvi_pq_thrift_end(&t), RV_OK);
    assert_bytes(&out, "1112"
                       "19210102"
                       "00");
    rvi_pq_buf_free(&out);
}

static void nested_structs_count_their_own_ids(void **state)
{
    (void)state;
    rvi_pq_memory memory = {0};
    rvi_pq_buf out = {.memory = &memory};
    rvi_pq_thrift t = rvi_pq_thrift_begin(&out, NULL);
    rvi_pq_thrift_text(&t, 4, "id");
    rvi_pq_thrift_struct_begin(&t, 10);
    rvi_pq_thrift_empty_struct(&t, 8);
    rvi_pq_thrift_struct_end(&t);
    rvi_pq_thrift_i32(&t, 11, 1);
    assert_int_equal(rvi_pq_thrift_end(&t), RV_OK);
    assert_bytes(&out, "48026964"
                       "6c8c0000"
                       "1502"
                       "00");
    rvi_pq_buf_free(&out);
}

static void lists_of_fifteen_and_more_use_the_long_form(void **state)
{
    (void)state;
    rvi_pq_memory memory = {0};
    rvi_pq_buf out = {.memory = &memory};
    rvi_pq_thrift t = rvi_pq_thrift_begin(&out, NULL);
    rvi_pq_thrift_list(&t, 1, RVI_PQ_THRIFT_I32, 14);
    for (int i = 0; i < 14; i++)
        rvi_pq_thrift_item_i32(&t, 0);
    rvi_pq_thrift_list(&t, 2, RVI_PQ_THRIFT_I64, 15);
    for (int i = 0; i < 15; i++)
        rvi_pq_thrift_item_i64(&t, -1);
    assert_int_equal(rvi_pq_thrift_end(&t), RV_OK);
    assert_bytes(&out, "19e50000000000000000000000000000"
                       "19f60f010101010101010101010101010101"
                       "00");
    rvi_pq_buf_free(&out);
}

static void the_first_failure_is_kept_and_reported_at_the_end(void **state)
{
    (void)state;
    rv_budget budget;
    rv_budget_init(&budget, 64);
    rvi_pq_memory memory = {.budget = &budget};
    rvi_pq_buf out = {.memory = &memory};
    rv_error err = {0};
    rvi_pq_thrift t = rvi_pq_thrift_begin(&out, &err);
    for (int i = 0; i < 100; i++)
        rvi_pq_thrift_text(&t, (int16_t)(i + 1), "twelve bytes");
    assert_int_equal(rvi_pq_thrift_end(&t), RV_E_MEMORY_BUDGET);
    assert_int_equal(err.code, RV_E_MEMORY_BUDGET);
    rvi_pq_buf_free(&out);
    assert_int_equal(rv_budget_used(&budget), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_zigzag_varints_behind_a_delta_of_ids),
        cmocka_unit_test(booleans_of_fields_lie_in_the_type),
        cmocka_unit_test(nested_structs_count_their_own_ids),
        cmocka_unit_test(lists_of_fifteen_and_more_use_the_long_form),
        cmocka_unit_test(the_first_failure_is_kept_and_reported_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
