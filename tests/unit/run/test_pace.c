/* The controller between statements, in virtual time: a simulated source says how long a page took. */
#include "run/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static rv_tuning balanced(void)
{
    return (rv_tuning){.statement_target_ms = 250, .duty_percent = 100};
}

/* Reads pages from a source of constant speed until the pace has settled; returns the last page's units. */
static int64_t settle(rvi_pace *pace, double us_per_unit, double bytes_per_unit, int pages)
{
    int64_t units = 0;
    for (int i = 0; i < pages; i++) {
        units = pace->units;
        rv_page page = {.units = units, .statement_us = (int64_t)((double)units * us_per_unit)};
        rvi_pace_learn(pace, &page, units * 50, (size_t)((double)units * bytes_per_unit));
    }
    return units;
}

static void statements_settle_at_the_target_time(void **state)
{
    (void)state;
    rv_tuning tuning = balanced();
    rvi_pace pace;
    rvi_pace_init(&pace, &tuning, (size_t)1 << 40, true, 0);
    int64_t units = settle(&pace, 100, 1, 40);
    assert_in_range(units, 2400, 2600); /* 250 ms at 100 us a row */
}

static void pages_settle_at_the_memory_target_when_the_source_is_fast(void **state)
{
    (void)state;
    rv_tuning tuning = balanced();
    rvi_pace pace;
    rvi_pace_init(&pace, &tuning, 6 << 20, false, 8192);
    int64_t units = settle(&pace, 1, 8192, 40);
    assert_in_range(units, 760, 770);
}

static void one_lucky_page_at_most_doubles_the_next(void **state)
{
    (void)state;
    rv_tuning tuning = balanced();
    rvi_pace pace;
    rvi_pace_init(&pace, &tuning, 6 << 20, true, 100);
    int64_t before = pace.units;
    rv_page page = {.units = before, .statement_us = 1};
    rvi_pace_learn(&pace, &page, 1, 1);
    assert_int_equal(pace.units, 2 * before);
}

static void a_slow_page_shrinks_the_next_at_once(void **state)
{
    (void)state;
    rv_tuning tuning = balanced();
    rvi_pace pace;
    rvi_pace_init(&pace, &tuning, 6 << 20, true, 100);
    rv_page page = {.units = 10000, .statement_us = 25 * 1000 * 1000};
    rvi_pace_learn(&pace, &page, 1, 1);
    assert_int_equal(pace.units, 100);
}

static void an_explicit_batch_size_is_never_passed(void **state)
{
    (void)state;
    rv_tuning tuning = balanced();
    tuning.batch_size = 500;
    rvi_pace pace;
    rvi_pace_init(&pace, &tuning, 6 << 20, true, 0);
    assert_true(pace.units <= 500);
    assert_int_equal(settle(&pace, 1, 1, 20), 500);
}

static void an_explicit_batch_size_steers_scans_that_count_in_blocks(void **state)
{
    (void)state;
    rv_tuning tuning = balanced();
    tuning.batch_size = 1000;
    rvi_pace pace;
    rvi_pace_init(&pace, &tuning, 6 << 20, false, 8192);
    assert_int_equal(pace.units, 1);
    assert_int_equal(settle(&pace, 1, 1, 20), 20); /* at the 50 rows a unit that settle() reports */
}

static void giving_up_ends_at_one_unit(void **state)
{
    (void)state;
    rv_tuning tuning = balanced();
    rvi_pace pace;
    rvi_pace_init(&pace, &tuning, 6 << 20, false, 1);
    int steps = 0;
    while (rvi_pace_shrink(&pace))
        assert_true(++steps < 64);
    assert_int_equal(pace.units, 1);
}

static void pauses_depend_on_rows_not_on_the_number_of_pages(void **state)
{
    (void)state;
    rv_tuning tuning = balanced();
    tuning.throttle_ms = 50;
    rvi_pace pace;
    rvi_pace_init(&pace, &tuning, 6 << 20, true, 0);
    int64_t one = rvi_pace_pause_us(&pace, 1000, 100000), many = 0;
    for (int i = 0; i < 100; i++)
        many += rvi_pace_pause_us(&pace, 10, 1000);
    assert_int_equal(one, 500000); /* 50 ms for every 10,000 rows */
    assert_int_equal(one, many);
}

static void half_a_duty_cycle_rests_as_long_as_it_works(void **state)
{
    (void)state;
    rv_tuning tuning = balanced();
    tuning.duty_percent = 50;
    rvi_pace pace;
    rvi_pace_init(&pace, &tuning, 6 << 20, true, 0);
    assert_int_equal(rvi_pace_pause_us(&pace, 90000, 10), 90000);
}

static void lanes_together_keep_to_a_rate(void **state)
{
    (void)state;
    const rv_tuning tuning = {.max_rows_per_s = 1000};
    rvi_bucket bucket;
    int64_t now_us = INT64_C(5000000);
    assert_int_equal(rvi_bucket_init(&bucket, &tuning, NULL), RV_OK);
    assert_int_equal(rvi_bucket_take(&bucket, now_us, 1000, 1 << 30), 0); /* a second's worth was saved up */
    assert_int_equal(rvi_bucket_take(&bucket, now_us, 500, 0), 500000);
    assert_int_equal(rvi_bucket_take(&bucket, now_us, 500, 0), 1000000); /* another lane */
    assert_int_equal(rvi_bucket_take(&bucket, now_us + 1000000, 250, 0), 250000);
    rvi_bucket_deinit(&bucket);
}

static void the_slower_of_two_rates_counts(void **state)
{
    (void)state;
    const rv_tuning tuning = {.max_rows_per_s = 1000000, .max_mb_per_s = 2};
    rvi_bucket bucket;
    int64_t now_us = INT64_C(5000000);
    assert_int_equal(rvi_bucket_init(&bucket, &tuning, NULL), RV_OK);
    assert_int_equal(rvi_bucket_take(&bucket, now_us, 10, 8000000), 3000000);
    rvi_bucket_deinit(&bucket);
}

static void without_a_rate_nothing_is_owed(void **state)
{
    (void)state;
    const rv_tuning tuning = {0};
    rvi_bucket bucket;
    assert_int_equal(rvi_bucket_init(&bucket, &tuning, NULL), RV_OK);
    assert_int_equal(rvi_bucket_take(&bucket, 1, INT64_C(1) << 40, UINT64_C(1) << 50), 0);
    rvi_bucket_deinit(&bucket);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_settle_at_the_target_time),
        cmocka_unit_test(pages_settle_at_the_memory_target_when_the_source_is_fast),
        cmocka_unit_test(one_lucky_page_at_most_doubles_the_next),
        cmocka_unit_test(a_slow_page_shrinks_the_next_at_once),
        cmocka_unit_test(an_explicit_batch_size_is_never_passed),
        cmocka_unit_test(an_explicit_batch_size_steers_scans_that_count_in_blocks),
        cmocka_unit_test(giving_up_ends_at_one_unit),
        cmocka_unit_test(pauses_depend_on_rows_not_on_the_number_of_pages),
        cmocka_unit_test(half_a_duty_cycle_rests_as_long_as_it_works),
        cmocka_unit_test(lanes_together_keep_to_a_rate),
        cmocka_unit_test(the_slower_of_two_rates_counts),
        cmocka_unit_test(without_a_rate_nothing_is_owed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
