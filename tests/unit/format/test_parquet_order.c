/* The extremes that checks are made with: what is kept of a long value decides every comparison as the value does. */
#include "parquet_support.h"

#include "format/parquet/reader/order.h"

enum { LONGEST = 9, VALUES = 40, ROUNDS = 400 };

typedef struct some_values {
    uint8_t bytes[VALUES][LONGEST];
    rv_parquet_bytes slices[VALUES];
    rv_parquet_values values;
} some_values;

/* Of two letters and the largest byte, so that many begin alike, and many are what others begin with. */
static uint8_t random_letter(uint64_t *random)
{
    static const uint8_t letters[] = {'a', 'a', 'a', 'b', 0xff};
    return letters[next_random(random) % sizeof letters];
}

static void draw(some_values *some, uint64_t *random)
{
    int32_t n = (int32_t)(next_random(random) % 3) + 1;
    for (int32_t i = 0; i < n; i++) {
        some->slices[i] =
            (rv_parquet_bytes){.data = some->bytes[i], .len = next_random(random) % (LONGEST + 1)};
        for (size_t b = 0; b < LONGEST; b++)
            some->bytes[i][b] = random_letter(random);
    }
    some->values = (rv_parquet_values){.n_levels = n, .n = n, .slices = some->slices};
}

static void compare_with_bound(const rvi_pqr_extremes *cut, const rvi_pqr_extremes *whole,
                               rv_parquet_bytes bound)
{
    const rvi_pqr_order order = RVI_PQR_ORDER_BYTES;
    int cut_min = rvi_pqr_compare(order, bound, rvi_pqr_bytes_of(&cut->min));
    int whole_min = rvi_pqr_compare(order, bound, rvi_pqr_bytes_of(&whole->min));
    int cut_max = rvi_pqr_compare(order, bound, rvi_pqr_bytes_of(&cut->max));
    int whole_max = rvi_pqr_compare(order, bound, rvi_pqr_bytes_of(&whole->max));
    assert_int_equal((cut_min > 0) - (cut_min < 0), (whole_min > 0) - (whole_min < 0));
    assert_int_equal((cut_max > 0) - (cut_max < 0), (whole_max > 0) - (whole_max < 0));
}

static void what_is_kept_of_long_values_compares_with_shorter_bounds_as_they_do(void **state)
{
    (void)state;
    uint64_t random = 7;
    for (int round = 0; round < ROUNDS; round++) {
        rvi_pq_memory memory = {0};
        rvi_pqr_extremes page = {.min.memory = &memory, .max.memory = &memory};
        rvi_pqr_extremes cut = page, whole = page;
        size_t bound_len = next_random(&random) % LONGEST, page_len = next_random(&random) % LONGEST;
        rvi_pqr_extremes_expect(&cut, bound_len);
        for (int p = 0; p < 4; p++) {
            some_values some;
            rvi_pqr_extremes_clear(&page);
            rvi_pqr_extremes_expect(&page, cut.most);
            rvi_pqr_extremes_expect(&page, page_len);
            for (int run = 0; run < 2; run++) {
                draw(&some, &random);
                assert_int_equal(rvi_pqr_extremes_update(&page, RVI_PQR_ORDER_BYTES, &some.values, NULL),
                                 RV_OK);
                assert_int_equal(rvi_pqr_extremes_update(&whole, RVI_PQR_ORDER_BYTES, &some.values, NULL),
                                 RV_OK);
            }
            assert_int_equal(rvi_pqr_extremes_merge(&cut, RVI_PQR_ORDER_BYTES, &page, NULL), RV_OK);
        }
        assert_true(cut.min.len <= bound_len + 1 && cut.max.len <= bound_len + 1);
        for (int b = 0; b < 50; b++) {
            uint8_t bytes[LONGEST];
            for (size_t i = 0; i < bound_len; i++)
                bytes[i] = random_letter(&random);
            compare_with_bound(&cut, &whole,
                               (rv_parquet_bytes){bytes, next_random(&random) % (bound_len + 1)});
            /* And what the values themselves begin with, which random letters seldom hit. */
            size_t len = bound_len < whole.min.len ? bound_len : whole.min.len;
            compare_with_bound(&cut, &whole, (rv_parquet_bytes){whole.min.data, len});
            len = bound_len < whole.max.len ? bound_len : whole.max.len;
            compare_with_bound(&cut, &whole, (rv_parquet_bytes){whole.max.data, len});
        }
        rvi_pqr_extremes_deinit(&page);
        rvi_pqr_extremes_deinit(&cut);
        rvi_pqr_extremes_deinit(&whole);
        assert_int_equal(memory.used, 0);
    }
}

static void of_numbers_nothing_is_cut(void **state)
{
    (void)state;
    static const uint8_t small[] = {0xff, 0xff, 0x02}, large[] = {0x01, 0x00, 0x00, 0x00};
    rv_parquet_bytes slices[] = {{small, sizeof small}, {large, sizeof large}};
    rv_parquet_values values = {.n_levels = 2, .n = 2, .slices = slices};
    rvi_pq_memory memory = {0};
    rvi_pqr_extremes e = {.min.memory = &memory, .max.memory = &memory};
    rvi_pqr_extremes_expect(&e, 1);
    assert_int_equal(rvi_pqr_extremes_update(&e, RVI_PQR_ORDER_DECIMAL, &values, NULL), RV_OK);
    assert_int_equal(e.min.len, sizeof small);
    assert_int_equal(e.max.len, sizeof large);
    rvi_pqr_extremes_deinit(&e);
}

static void extremes_of_huge_values_are_small(void **state)
{
    (void)state;
    enum { BYTES = 1 << 20, BOUND = 64 };
    uint8_t *value = malloc(BYTES);
    assert_non_null(value);
    memset(value, 'x', BYTES);
    rv_parquet_bytes slice = {value, BYTES};
    rv_parquet_values values = {.n_levels = 1, .n = 1, .slices = &slice};
    rv_budget budget;
    rv_budget_init(&budget, 4 * BOUND);
    rvi_pq_memory memory = {.budget = &budget};
    rvi_pqr_extremes e = {.min.memory = &memory, .max.memory = &memory};
    rvi_pqr_extremes_expect(&e, BOUND);
    assert_int_equal(rvi_pqr_extremes_update(&e, RVI_PQR_ORDER_BYTES, &values, NULL), RV_OK);
    rvi_pqr_extremes_deinit(&e);
    rvi_pqr_extremes_clear(&e); /* the next page may have other bounds */
    rvi_pqr_extremes_expect(&e, BYTES);
    rv_error err = {0};
    assert_int_equal(rvi_pqr_extremes_update(&e, RVI_PQR_ORDER_BYTES, &values, &err), RV_E_MEMORY_BUDGET);
    rvi_pqr_extremes_deinit(&e);
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_of_long_values_compares_with_shorter_bounds_as_they_do),
        cmocka_unit_test(of_numbers_nothing_is_cut),
        cmocka_unit_test(extremes_of_huge_values_are_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
