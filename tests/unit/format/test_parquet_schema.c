/* The type mapping, and the schema elements it becomes. */
#include "parquet_support.h"

#include <stdio.h>

static void decimals_take_the_fewest_bytes_or_words_that_hold_their_digits(void **state)
{
    (void)state;
    rv_int256 power = {.limb = {1}}; /* 10^p, counted up */
    for (int p = 1; p <= 76; p++) {
        uint64_t carry = 0;
        for (int i = 0; i < 4; i++) {
            __extension__ unsigned __int128 wide = (unsigned __int128)power.limb[i] * 10 + carry;
            power.limb[i] = (uint64_t)wide;
            carry = (uint64_t)(wide >> 64);
        }
        assert_int_equal(carry, 0);
        /* 10^p - 1 and its negative fit n bytes if and only if 10^p <= 2^(8n - 1). */
        int top = 3;
        while (power.limb[top] == 0)
            top--;
        int n_bits =
            64 * top + 64 - __builtin_clzll((unsigned long long)power.limb[top]); /* 2^(n_bits-1) < 10^p */
        int bytes = (n_bits + 1 + 7) / 8;
        if (bytes > 16)
            bytes = (bytes + 7) / 8 * 8;
        rv_field field = field_of("d", decimal(p, 0), true);
        rvi_pq_leaf leaf = leaf_of(&field);
        assert_int_equal(leaf.width, p <= 9 ? 4 : p <= 18 ? 8 : bytes);
        assert_int_equal(leaf.physical, p <= 9 ? RVI_PQ_INT32 : p <= 18 ? RVI_PQ_INT64 : RVI_PQ_FIXED);
    }
}

static void levels_follow_from_nullability_and_lists(void **state)
{
    (void)state;
    const struct {
        rv_type type;
        bool nullable;
        int max_def, max_rep;
    } cases[] = {
        {scalar(RV_TYPE_INT32), false, 0, 0},
        {scalar(RV_TYPE_INT32), true, 1, 0},
        {list_of(scalar(RV_TYPE_STRING)), false, 2, 1},
        {list_of(decimal(30, 2)), true, 3, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rv_field field = field_of("c", cases[i].type, cases[i].nullable);
        rvi_pq_leaf leaf = leaf_of(&field);
        assert_int_equal(leaf.max_def, cases[i].max_def);
        assert_int_equal(leaf.max_rep, cases[i].max_rep);
    }
}

static void a_type_without_a_form_is_refused_with_its_column(void **state)
{
    (void)state;
    static const rv_type types[] = {
        {.id = RV_TYPE_INVALID},
        {.id = RV_TYPE_LIST, .element = RV_TYPE_LIST},
        {.id = RV_TYPE_DECIMAL, .precision = 77},
        {.id = RV_TYPE_DECIMAL, .precision = 5, .scale = 6},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        rv_field field = field_of("odd one", types[i], true);
        rvi_pq_leaf leaf;
        rv_error err = {0};
        assert_int_equal(rvi_pq_leaf_init(&leaf, &field, &err), RV_E_FORMAT_UNSUPPORTED);
        assert_non_null(strstr(err.message, "odd one"));
        assert_non_null(strstr(err.hint, "odd one: text"));
    }
}

static void assert_schema(rv_field field, const char *bytes, size_t len)
{
    rvi_pq_memory memory = {0};
    rvi_pq_buf out = {.memory = &memory};
    rvi_pq_leaf leaf = leaf_of(&field);
    rvi_pq_thrift t = rvi_pq_thrift_begin(&out, NULL);
    rvi_pq_leaf_schema(&leaf, &t);
    assert_int_equal(t.rc, RV_OK);
    assert_int_equal(out.len, len);
    assert_memory_equal(out.data, bytes, len);
    rvi_pq_buf_free(&out);
}

#define ASSERT_SCHEMA(field, bytes) assert_schema((field), (bytes), sizeof(bytes) - 1)

static void schema_elements_carry_both_annotations(void **state)
{
    (void)state;
    /* type, repetition, name, converted, logical */
    ASSERT_SCHEMA(field_of("s", scalar(RV_TYPE_STRING), false),
                  "\x15\x0c\x25\x00\x18\x01s\x25\x00\x4c\x1c\x00\x00\x00");
    ASSERT_SCHEMA(field_of("i", scalar(RV_TYPE_INT32), true), "\x15\x02\x25\x02\x18\x01i\x00");
    ASSERT_SCHEMA(field_of("h", scalar(RV_TYPE_INT16), true),
                  "\x15\x02\x25\x02\x18\x01h\x25\x20\x4c\xac\x13\x10\x11\x00\x00\x00");
    ASSERT_SCHEMA(field_of("t", scalar(RV_TYPE_TIMESTAMP_TZ), true),
                  "\x15\x04\x25\x02\x18\x01t\x25\x14\x4c\x8c\x11\x1c\x2c\x00\x00\x00\x00\x00");
    ASSERT_SCHEMA(field_of("n", scalar(RV_TYPE_TIMESTAMP_NS), true),
                  "\x15\x04\x25\x02\x18\x01n\x6c\x8c\x12\x1c\x3c\x00\x00\x00\x00\x00");
    ASSERT_SCHEMA(field_of("d", decimal(10, 2), true),
                  "\x15\x04\x25\x02\x18\x01"
                  "d\x25\x0a\x15\x04\x15\x14\x2c\x5c\x15\x04\x15\x14\x00\x00\x00");
    ASSERT_SCHEMA(field_of("u", scalar(RV_TYPE_UUID), true),
                  "\x15\x0e\x15\x20\x15\x02\x18\x01u\x6c\xec\x00\x00\x00");
}

static void a_list_has_three_levels_named_list_and_element(void **state)
{
    (void)state;
    ASSERT_SCHEMA(field_of("l", list_of(scalar(RV_TYPE_INT64)), true),
                  "\x35\x02\x18\x01l\x15\x02\x15\x06\x4c\x3c\x00\x00\x00"
                  "\x35\x04\x18\x04list\x15\x02\x00"
                  "\x15\x04\x25\x02\x18\x07"
                  "element\x00");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_take_the_fewest_bytes_or_words_that_hold_their_digits),
        cmocka_unit_test(levels_follow_from_nullability_and_lists),
        cmocka_unit_test(a_type_without_a_form_is_refused_with_its_column),
        cmocka_unit_test(schema_elements_carry_both_annotations),
        cmocka_unit_test(a_list_has_three_levels_named_list_and_element),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
