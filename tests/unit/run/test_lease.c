/* Before anything is put at a destination the lease must be fresh, by a clock that goes on while a machine sleeps. */
#include "run/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* A wall clock that stands still unless it is moved; sleeping takes no time. */
typedef struct still_clock {
    rv_clock base;
    atomic_int_fast64_t now_us;
} still_clock;

static int64_t still_now_us(const rv_clock *clock)
{
    return atomic_load(&((const still_clock *)clock)->now_us);
}

static bool still_sleep_us(const rv_clock *clock, int64_t us, rv_cancel *cancel)
{
    (void)clock;
    return rv_clock_system()->sleep_us(rv_clock_system(), us > 0 ? 100 : 0, cancel);
}

typedef struct bench {
    still_clock clock;
    rv_run_context context;
    rvi_run run;
    atomic_int n_asked;
    bool renews;
} bench;

static void drop_record(void *record)
{
    rvi_record_free(record);
}

static int bench_setup(void **state)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->clock = (still_clock){.base = {.now_us = still_now_us, .sleep_us = still_sleep_us},
                             .now_us = INT64_C(1800000000000000)};
    b->context = (rv_run_context){.clock = &b->clock.base};
    b->run.context = &b->context;
    assert_int_equal(rv_cancel_new(&b->run.cancel, NULL), RV_OK);
    assert_int_equal(rv_queue_new(&b->run.records, 64, 64, drop_record, NULL), RV_OK);
    rvi_lease_begins(&b->run, still_now_us(&b->clock.base));
    *state = b;
    return 0;
}

static int bench_teardown(void **state)
{
    bench *b = *state;
    rv_queue_free(b->run.records);
    rv_cancel_free(b->run.cancel);
    free(b);
    return 0;
}

/* In the recorder's place: renews the lease, or finds that it is lost and stops the run. */
static void *answer(void *argument)
{
    bench *b = argument;
    void *item = NULL;
    while (rv_queue_pop(b->run.records, &item)) {
        rvi_record *record = item;
        if (record->kind == RVI_RECORD_HEARTBEAT && atomic_fetch_add(&b->n_asked, 1) == 0) {
            if (b->renews)
                rvi_lease_begins(&b->run, still_now_us(&b->clock.base));
            else
                rv_cancel_request(b->run.cancel);
        }
        rvi_record_free(record);
    }
    return NULL;
}

static rv_code await_with_answers(bench *b, bool renews)
{
    pthread_t recorder;
    b->renews = renews;
    assert_int_equal(pthread_create(&recorder, NULL, answer, b), 0);
    rv_code rc = rvi_lease_await(&b->run, NULL);
    rv_queue_close(b->run.records);
    pthread_join(recorder, NULL);
    return rc;
}

static void a_fresh_lease_is_not_asked_about(void **state)
{
    bench *b = *state;
    assert_int_equal(await_with_answers(b, true), RV_OK);
    assert_int_equal(atomic_load(&b->n_asked), 0);
}

static void after_a_long_sleep_the_lease_is_renewed_first(void **state)
{
    bench *b = *state;
    atomic_fetch_add(&b->clock.now_us, INT64_C(3600000000));
    assert_int_equal(await_with_answers(b, true), RV_OK);
    assert_true(atomic_load(&b->n_asked) >= 1);
}

static void a_lease_that_is_about_to_end_does_not_count(void **state)
{
    bench *b = *state;
    atomic_fetch_add(&b->clock.now_us, (int64_t)(RVI_LEASE_MS - 1000) * 1000);
    assert_int_equal(await_with_answers(b, true), RV_OK);
    assert_true(atomic_load(&b->n_asked) >= 1);
}

static void a_lost_lease_stops_whoever_waits_for_it(void **state)
{
    bench *b = *state;
    atomic_fetch_add(&b->clock.now_us, INT64_C(3600000000));
    assert_int_equal(await_with_answers(b, false), RV_E_CANCELLED);
}

#define lease_test(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        lease_test(a_fresh_lease_is_not_asked_about),
        lease_test(after_a_long_sleep_the_lease_is_renewed_first),
        lease_test(a_lease_that_is_about_to_end_does_not_count),
        lease_test(a_lost_lease_stops_whoever_waits_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
