/* Smallest and largest values, as they are written. */
#include "format/parquet/stats.h"
#include "parquet_support.h"

#include <math.h>
#include <stdio.h>

static rvi_pq_values fixed_values(const void *values, int32_t n)
{
    return (rvi_pq_values){.n = n, .fixed = values};
}

static void add_text(rvi_pq_stats *stats, const char *text, size_t len)
{
    rvi_pq_stats_update_bytes(stats, (const uint8_t *)text, len);
}

static void add_repeated(rvi_pq_stats *stats, const char *piece, size_t times)
{
    char text[1024];
    size_t len = strlen(piece);
    assert_true(len * times < sizeof text);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * len, piece, len + 1);
    add_text(stats, text, len * times);
}

static void assert_bound(const rvi_pq_bound *bound, const void *bytes, size_t len, bool exact)
{
    assert_int_equal(bound->len, len);
    assert_memory_equal(bound->bytes, bytes, len);
    assert_int_equal(bound->exact, exact);
}

static void integers_have_their_extremes_in_little_endian(void **state)
{
    (void)state;
    rv_field field = field_of("i", scalar(RV_TYPE_INT64), true);
    rvi_pq_leaf leaf = leaf_of(&field);
    static const int64_t first[] = {5, -1, INT64_MIN}, second[] = {INT64_MAX, 0};
    static const int64_t min = INT64_MIN, max = INT64_MAX;
    rvi_pq_stats stats = {0};
    rvi_pq_values values = fixed_values(first, 3);
    rvi_pq_stats_update(&leaf, &stats, &values);
    values = fixed_values(second, 2);
    rvi_pq_stats_update(&leaf, &stats, &values);
    rvi_pq_bound bound = {0};
    assert_true(rvi_pq_stats_min(&leaf, &stats, &bound));
    assert_bound(&bound, &min, 8, true);
    assert_true(rvi_pq_stats_max(&leaf, &stats, &bound));
    assert_bound(&bound, &max, 8, true);
}

static void unsigned_integers_compare_without_sign(void **state)
{
    (void)state;
    rv_field field = field_of("u", scalar(RV_TYPE_UINT64), true);
    rvi_pq_leaf leaf = leaf_of(&field);
    static const uint64_t numbers[] = {(uint64_t)1 << 63, 7, UINT64_MAX - 1};
    rvi_pq_stats stats = {0};
    rvi_pq_values values = fixed_values(numbers, 3);
    rvi_pq_stats_update(&leaf, &stats, &values);
    rvi_pq_bound min = {0}, max = {0};
    assert_true(rvi_pq_stats_min(&leaf, &stats, &min) && rvi_pq_stats_max(&leaf, &stats, &max));
    assert_bound(&min, &numbers[1], 8, true);
    assert_bound(&max, &numbers[2], 8, true);
    assert_true(rvi_pq_bound_compare(&leaf, min.bytes, 8, max.bytes, 8) < 0);
}

static void large_decimals_compare_as_numbers(void **state)
{
    (void)state;
    rv_field field = field_of("d", decimal(20, 0), true);
    rvi_pq_leaf leaf = leaf_of(&field);
    assert_int_equal(leaf.width, 9);
    static const uint8_t numbers[3][9] = {
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe}, /* -2 */
        {0, 0, 0, 0, 0, 0, 0, 0, 1},
        {0x80, 0, 0, 0, 0, 0, 0, 0, 0}, /* the smallest of all */
    };
    rvi_pq_stats stats = {0};
    rvi_pq_values values = fixed_values(numbers, 2);
    rvi_pq_stats_update(&leaf, &stats, &values);
    rvi_pq_bound min = {0}, max = {0};
    assert_true(rvi_pq_stats_min(&leaf, &stats, &min) && rvi_pq_stats_max(&leaf, &stats, &max));
    assert_bound(&min, numbers[0], 9, true);
    assert_bound(&max, numbers[1], 9, true);
    assert_true(rvi_pq_bound_compare(&leaf, numbers[2], 9, numbers[0], 9) < 0);
    assert_true(rvi_pq_bound_compare(&leaf, numbers[1], 9, numbers[0], 9) > 0);
}

static void nan_is_counted_and_takes_the_bounds_away(void **state)
{
    (void)state;
    rv_field field = field_of("f", scalar(RV_TYPE_FLOAT64), true);
    rvi_pq_leaf leaf = leaf_of(&field);
    const double numbers[] = {2.0, -3.0}, only_nan[] = {NAN, -NAN};
    rvi_pq_stats page = {0}, chunk = {0};
    rvi_pq_bound bound = {0};
    rvi_pq_values values = fixed_values(numbers, 2);
    rvi_pq_stats_update(&leaf, &page, &values);
    assert_true(rvi_pq_stats_min(&leaf, &page, &bound));
    assert_bound(&bound, &numbers[1], 8, true);
    assert_true(rvi_pq_stats_max(&leaf, &page, &bound));
    assert_bound(&bound, &numbers[0], 8, true);
    rvi_pq_stats_merge(&leaf, &chunk, &page);
    rvi_pq_stats_clear(&page);
    values = fixed_values(only_nan, 2);
    rvi_pq_stats_update(&leaf, &page, &values);
    assert_int_equal(page.n_nan, 2);
    assert_false(rvi_pq_stats_min(&leaf, &page, &bound) || rvi_pq_stats_max(&leaf, &page, &bound));
    rvi_pq_stats_merge(&leaf, &chunk, &page);
    assert_int_equal(chunk.n_nan, 2);
    assert_false(rvi_pq_stats_min(&leaf, &chunk, &bound) || rvi_pq_stats_max(&leaf, &chunk, &bound));
}

static void a_zero_bound_covers_both_zeros(void **state)
{
    (void)state;
    const float zeros[2] = {0.0f, -0.0f};
    rv_field field = field_of("f", scalar(RV_TYPE_FLOAT32), true);
    rvi_pq_leaf leaf = leaf_of(&field);
    for (int i = 0; i < 2; i++) {
        rvi_pq_stats stats = {0};
        rvi_pq_values values = fixed_values(&zeros[i], 1);
        rvi_pq_stats_update(&leaf, &stats, &values);
        rvi_pq_bound bound = {0};
        assert_true(rvi_pq_stats_min(&leaf, &stats, &bound));
        assert_bound(&bound, &zeros[1], 4, true);
        assert_true(rvi_pq_stats_max(&leaf, &stats, &bound));
        assert_bound(&bound, &zeros[0], 4, true);
    }
}

static void infinities_are_bounds(void **state)
{
    (void)state;
    rv_field field = field_of("f", scalar(RV_TYPE_FLOAT64), true);
    rvi_pq_leaf leaf = leaf_of(&field);
    for (int sign = -1; sign <= 1; sign += 2) {
        const double value = (double)sign * (double)INFINITY;
        rvi_pq_stats stats = {0};
        rvi_pq_values values = fixed_values(&value, 1);
        rvi_pq_stats_update(&leaf, &stats, &values);
        rvi_pq_bound bound = {0};
        assert_true(rvi_pq_stats_min(&leaf, &stats, &bound));
        assert_bound(&bound, &value, 8, true);
        assert_true(rvi_pq_stats_max(&leaf, &stats, &bound));
        assert_bound(&bound, &value, 8, true);
    }
}

typedef struct text_case {
    const char *piece;
    size_t times;
    const char *max; /* NULL: there is none */
    size_t max_times;
    const char *max_end;
    const char *why;
} text_case;

static const text_case text_cases[] = {
    {"a", 64, "a", 64, "", "64 bytes are written whole"},
    {"a", 65, "a", 63, "b", "the last kept byte is one more"},
    {"é", 33, "é", 31, "ê", "a character of two bytes"},
    {"日", 30, "日", 20, "旦", "the 64th byte is inside a character, which goes"},
    {"\x7f", 65, "\x7f", 62, "\xc2\x80", "the successor needs a byte more, so the character before takes it"},
    {"\xdf\xbf", 40, "\xdf\xbf", 30, "\xe0\xa0\x80", "the same for two bytes"},
    {"\xed\x9f\xbf", 30, "\xed\x9f\xbf", 20, "\xee\x80\x80", "surrogates are skipped"},
    {"\xf4\x8f\xbf\xbf", 17, NULL, 0, NULL, "U+10FFFF has no successor"},
};

static void truncated_text_is_bounded_by_a_valid_text(void **state)
{
    (void)state;
    rv_field field = field_of("s", scalar(RV_TYPE_STRING), true);
    rvi_pq_leaf leaf = leaf_of(&field);
    for (size_t i = 0; i < sizeof text_cases / sizeof *text_cases; i++) {
        const text_case *c = &text_cases[i];
        print_message("  %s\n", c->why);
        rvi_pq_stats stats = {0};
        add_repeated(&stats, c->piece, c->times);
        rvi_pq_bound min = {0}, max = {0};
        assert_true(rvi_pq_stats_min(&leaf, &stats, &min));
        assert_true(min.len <= RVI_PQ_BOUND_BYTES && min.len % strlen(c->piece) == 0);
        assert_int_equal(min.exact, strlen(c->piece) * c->times <= RVI_PQ_BOUND_BYTES);
        assert_int_equal(rvi_pq_stats_max(&leaf, &stats, &max), c->max != NULL);
        if (c->max == NULL)
            continue;
        char expected[128] = "";
        for (size_t k = 0; k < c->max_times; k++)
            strncat(expected, c->max, sizeof expected - strlen(expected) - 1);
        strncat(expected, c->max_end, sizeof expected - strlen(expected) - 1);
        assert_bound(&max, expected, strlen(expected), min.exact);
    }
}

static void truncated_bytes_are_incremented_past_ff(void **state)
{
    (void)state;
    rv_field field = field_of("b", scalar(RV_TYPE_BINARY), true);
    rvi_pq_leaf leaf = leaf_of(&field);
    uint8_t value[80];
    rvi_pq_bound bound = {0};
    rvi_pq_stats stats = {0};
    memset(value, 0xff, sizeof value);
    value[0] = 0x41;
    rvi_pq_stats_update_bytes(&stats, value, sizeof value);
    assert_true(rvi_pq_stats_max(&leaf, &stats, &bound));
    assert_bound(&bound, "B", 1, false);
    assert_true(rvi_pq_stats_min(&leaf, &stats, &bound));
    assert_bound(&bound, value, 64, false);
    value[0] = 0xff;
    rvi_pq_stats_update_bytes(&stats, value, sizeof value);
    assert_false(rvi_pq_stats_max(&leaf, &stats, &bound));
    rvi_pq_stats_clear(&stats);
    rvi_pq_stats_update_bytes(&stats, value, 64);
    assert_true(rvi_pq_stats_max(&leaf, &stats, &bound));
    assert_bound(&bound, value, 64, true);
}

static void a_longer_value_is_larger_even_where_the_kept_bytes_are_equal(void **state)
{
    (void)state;
    rv_field field = field_of("s", scalar(RV_TYPE_STRING), true);
    rvi_pq_leaf leaf = leaf_of(&field);
    for (int order = 0; order < 2; order++) {
        rvi_pq_stats stats = {0};
        add_repeated(&stats, "x", order == 0 ? 64 : 65);
        add_repeated(&stats, "x", order == 0 ? 65 : 64);
        rvi_pq_bound min = {0}, max = {0};
        assert_true(rvi_pq_stats_min(&leaf, &stats, &min) && rvi_pq_stats_max(&leaf, &stats, &max));
        assert_true(min.exact && min.len == 64);
        assert_false(max.exact);
        assert_int_equal(max.bytes[63], 'y');
    }
}

static void the_empty_text_is_a_value(void **state)
{
    (void)state;
    rv_field field = field_of("s", scalar(RV_TYPE_STRING), true);
    rvi_pq_leaf leaf = leaf_of(&field);
    rvi_pq_stats stats = {0};
    rvi_pq_bound bound = {0};
    assert_false(rvi_pq_stats_min(&leaf, &stats, &bound));
    add_text(&stats, "", 0);
    assert_true(rvi_pq_stats_min(&leaf, &stats, &bound));
    assert_bound(&bound, "", 0, true);
    add_text(&stats, "\0", 1);
    assert_true(rvi_pq_stats_max(&leaf, &stats, &bound));
    assert_bound(&bound, "\0", 1, true);
}

/* Texts near each other in every way that matters: shared heads, lengths around the limit, bytes above 0x7f. */
static size_t random_text(uint8_t *out, uint64_t *random)
{
    static const uint8_t alphabet[] = {'a', 'a', 'a', 'b', 0x00, 0xff};
    static const size_t lengths[] = {0, 1, 7, 8, 9, 62, 63, 64, 65, 66, 70};
    size_t len = lengths[next_random(random) % (sizeof lengths / sizeof *lengths)];
    for (size_t i = 0; i < len; i++)
        out[i] = i % 16 == 15 || i > 60 ? alphabet[next_random(random) % sizeof alphabet] : 'a';
    return len;
}

static void assert_same_bounds(const rvi_pq_leaf *leaf, const rvi_pq_stats *a, const rvi_pq_stats *b)
{
    rvi_pq_bound x = {0}, y = {0};
    assert_int_equal(rvi_pq_stats_min(leaf, a, &x), rvi_pq_stats_min(leaf, b, &y));
    assert_bound(&x, y.bytes, y.len, y.exact);
    bool bounded = rvi_pq_stats_max(leaf, a, &x);
    assert_int_equal(bounded, rvi_pq_stats_max(leaf, b, &y));
    if (bounded)
        assert_bound(&x, y.bytes, y.len, y.exact);
}

static void merging_is_the_same_as_seeing_all_values(void **state)
{
    (void)state;
    rv_field field = field_of("b", scalar(RV_TYPE_BINARY), true);
    rvi_pq_leaf leaf = leaf_of(&field);
    uint64_t random = 23;
    for (int round = 0; round < 5000; round++) {
        rvi_pq_stats all = {0}, merged = {0};
        for (int part = 0; part < 3; part++) {
            rvi_pq_stats page = {0};
            for (uint64_t n = next_random(&random) % 4; n > 0; n--) {
                uint8_t text[80];
                size_t len = random_text(text, &random);
                rvi_pq_stats_update_bytes(&all, text, len);
                rvi_pq_stats_update_bytes(&page, text, len);
            }
            rvi_pq_stats_merge(&leaf, &merged, &page);
        }
        assert_int_equal(all.set, merged.set);
        if (all.set)
            assert_same_bounds(&leaf, &all, &merged);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_have_their_extremes_in_little_endian),
        cmocka_unit_test(unsigned_integers_compare_without_sign),
        cmocka_unit_test(large_decimals_compare_as_numbers),
        cmocka_unit_test(nan_is_counted_and_takes_the_bounds_away),
        cmocka_unit_test(a_zero_bound_covers_both_zeros),
        cmocka_unit_test(infinities_are_bounds),
        cmocka_unit_test(truncated_text_is_bounded_by_a_valid_text),
        cmocka_unit_test(truncated_bytes_are_incremented_past_ff),
        cmocka_unit_test(a_longer_value_is_larger_even_where_the_kept_bytes_are_equal),
        cmocka_unit_test(the_empty_text_is_a_value),
        cmocka_unit_test(merging_is_the_same_as_seeing_all_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
