/* Lanes go one at a time under pressure that others feel, and come back when it is gone. */
#include "run/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const rv_pressure calm = {.lock_waits = 0, .active_sessions = 3, .max_sessions = 100};

static const char *look(rvi_governor *g, rv_pressure pressure, double us_per_unit, int *lanes)
{
    const rvi_load load = {.readable = true, .pressure = pressure, .us_per_unit = us_per_unit};
    return rvi_governor_decide(g, &load, lanes);
}

static void a_calm_source_keeps_all_lanes(void **state)
{
    (void)state;
    rvi_governor g;
    int lanes = 4;
    rvi_governor_init(&g, 1, 4);
    for (int i = 0; i < 100; i++)
        assert_null(look(&g, calm, 100 + i % 7, &lanes));
    assert_int_equal(lanes, 4);
}

static void waits_for_locks_take_one_lane_at_a_time_down_to_the_least(void **state)
{
    (void)state;
    const rv_pressure waits = {.lock_waits = 2, .active_sessions = 3, .max_sessions = 100};
    rvi_governor g;
    int lanes = 4;
    rvi_governor_init(&g, 2, 4);
    assert_null(look(&g, waits, 0, &lanes)); /* once may be chance */
    assert_non_null(look(&g, waits, 0, &lanes));
    assert_int_equal(lanes, 3);
    assert_non_null(look(&g, waits, 0, &lanes));
    assert_int_equal(lanes, 2);
    assert_null(look(&g, waits, 0, &lanes));
    assert_int_equal(lanes, 2);
}

static void lanes_come_back_one_by_one_when_it_is_calm(void **state)
{
    (void)state;
    rvi_governor g;
    int lanes = 1;
    rvi_governor_init(&g, 1, 3);
    assert_null(look(&g, calm, 0, &lanes));
    assert_non_null(look(&g, calm, 0, &lanes));
    assert_int_equal(lanes, 2);
    assert_non_null(look(&g, calm, 0, &lanes));
    assert_int_equal(lanes, 3);
    assert_null(look(&g, calm, 0, &lanes));
}

static void sessions_near_the_most_and_growing_lag_count(void **state)
{
    (void)state;
    const rv_pressure full = {.active_sessions = 80, .max_sessions = 100, .replica_lag_ms = 9000};
    const rv_pressure lag[] = {{.active_sessions = 1, .max_sessions = 100, .replica_lag_ms = 9000},
                               {.active_sessions = 1, .max_sessions = 100, .replica_lag_ms = 10000},
                               {.active_sessions = 1, .max_sessions = 100, .replica_lag_ms = 10000}};
    rvi_governor g;
    int lanes = 4;
    rvi_governor_init(&g, 1, 4);
    assert_non_null(look(&g, full, 0, &lanes));
    assert_int_equal(lanes, 3);
    assert_null(look(&g, lag[0], 0, &lanes));
    assert_non_null(look(&g, lag[1], 0, &lanes));
    assert_int_equal(lanes, 2);
    assert_null(look(&g, lag[2], 0, &lanes)); /* it lags, but does not fall behind */
}

static void our_own_statements_are_compared_with_as_many_lanes(void **state)
{
    (void)state;
    rvi_governor g;
    int lanes = 4;
    rvi_governor_init(&g, 1, 4);
    assert_null(look(&g, calm, 300, &lanes));
    assert_non_null(look(&g, calm, 700, &lanes));
    assert_int_equal(lanes, 3);
    assert_null(look(&g, calm, 700, &lanes)); /* with three there is nothing to compare with yet */
}

static void what_cannot_be_read_holds_and_then_fails_open(void **state)
{
    (void)state;
    const rvi_load blind = {.readable = false};
    const rv_pressure nothing = {-1, -1, -1, -1};
    rvi_governor g;
    int lanes = 2;
    rvi_governor_init(&g, 1, 4);
    assert_null(rvi_governor_decide(&g, &blind, &lanes));
    assert_null(look(&g, nothing, 0, &lanes)); /* as blind as no answer at all */
    assert_int_equal(lanes, 2);
    assert_non_null(rvi_governor_decide(&g, &blind, &lanes));
    assert_non_null(rvi_governor_decide(&g, &blind, &lanes));
    assert_null(rvi_governor_decide(&g, &blind, &lanes));
    assert_int_equal(lanes, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_calm_source_keeps_all_lanes),
        cmocka_unit_test(waits_for_locks_take_one_lane_at_a_time_down_to_the_least),
        cmocka_unit_test(lanes_come_back_one_by_one_when_it_is_calm),
        cmocka_unit_test(sessions_near_the_most_and_growing_lag_count),
        cmocka_unit_test(our_own_statements_are_compared_with_as_many_lanes),
        cmocka_unit_test(what_cannot_be_read_holds_and_then_fails_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
