/* Ranges must tile what they are cut from: no gap, no overlap, nothing beyond the ends, whatever the bounds. */
#include "rivet/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MOST = 200 };

static void assert_tiles(int64_t first, int64_t last, int64_t n)
{
    rv_bounds out[MOST];
    int64_t got = rv_plan_tile(first, last, n, out);
    assert_true(got >= 1 && got <= n);
    assert_int_equal(out[0].first, first);
    assert_int_equal(out[got - 1].last, last);
    uint64_t least = UINT64_MAX, most = 0;
    for (int64_t i = 0; i < got; i++) {
        assert_int_equal(out[i].kind, RV_BOUNDS_PHYSICAL);
        assert_true(out[i].first <= out[i].last);
        if (i > 0)
            assert_true((uint64_t)out[i].first == (uint64_t)out[i - 1].last + 1);
        uint64_t span = (uint64_t)out[i].last - (uint64_t)out[i].first;
        least = span < least ? span : least;
        most = span > most ? span : most;
    }
    assert_true(most - least <= 1);
}

static void ranges_tile_small_tables_exactly(void **state)
{
    (void)state;
    for (int64_t last = 0; last < 40; last++)
        for (int64_t n = 1; n < 50; n++)
            assert_tiles(0, last, n);
}

static void ranges_tile_the_whole_key_domain(void **state)
{
    (void)state;
    static const int64_t ends[] = {INT64_MIN, INT64_MIN + 1, -7, -1, 0, 1, 100, INT64_MAX - 1, INT64_MAX};
    for (size_t a = 0; a < sizeof ends / sizeof ends[0]; a++)
        for (size_t b = a; b < sizeof ends / sizeof ends[0]; b++)
            for (int64_t n = 1; n <= MOST; n += 13)
                assert_tiles(ends[a], ends[b], n);
}

static void ranges_tile_random_bounds(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252u; /* xorshift64: the same bounds in every run */
    for (int round = 0; round < 20000; round++) {
        int64_t value[2];
        for (int i = 0; i < 2; i++) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            value[i] = (int64_t)(seed >> (seed % 60));
        }
        int64_t first = value[0] < value[1] ? value[0] : value[1];
        int64_t last = value[0] < value[1] ? value[1] : value[0];
        assert_tiles(first, last, 1 + round % MOST);
    }
}

static void an_empty_range_has_no_chunks(void **state)
{
    (void)state;
    rv_bounds out[1];
    assert_int_equal(rv_plan_tile(0, -1, 1, out), 0);
    assert_int_equal(rv_plan_tile(INT64_MAX, INT64_MIN, 1, out), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_tile_small_tables_exactly),
        cmocka_unit_test(ranges_tile_the_whole_key_domain),
        cmocka_unit_test(ranges_tile_random_bounds),
        cmocka_unit_test(an_empty_range_has_no_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
