#include "rivet/workers.h"

#include "fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

typedef struct piece {
    rv_work work; /* first */
    int value;
    int n_runs;
} piece;

static void square(rv_work *work)
{
    piece *p = (piece *)work;
    p->value *= p->value;
    p->n_runs++;
}

static void every_piece_is_done_once(rv_workers *workers)
{
    enum { PIECES = 500, AT_ONCE = 7 };
    piece pieces[PIECES];
    for (int i = 0; i < PIECES; i++)
        pieces[i] = (piece){.work = {.run = square}, .value = i};
    for (int i = 0; i < PIECES + AT_ONCE; i++) {
        if (i < PIECES)
            rv_workers_start(workers, &pieces[i].work);
        if (i >= AT_ONCE)
            rv_workers_wait(workers, &pieces[i - AT_ONCE].work);
    }
    for (int i = 0; i < PIECES; i++) {
        assert_true(rv_workers_is_done(workers, &pieces[i].work));
        assert_int_equal(pieces[i].value, i * i);
        assert_int_equal(pieces[i].n_runs, 1);
    }
}

static void pieces_are_done_once_whatever_the_number_of_threads(void **state)
{
    (void)state;
    for (int n = 0; n <= 4; n++) {
        RV_AUTO(rv_workers_free) rv_workers *workers = NULL;
        assert_int_equal(rv_workers_new(&workers, n, NULL), RV_OK);
        assert_int_equal(rv_workers_count(workers), n);
        every_piece_is_done_once(workers);
    }
}

static void without_a_pool_who_waits_does_it(void **state)
{
    (void)state;
    assert_int_equal(rv_workers_count(NULL), 0);
    every_piece_is_done_once(NULL);
    rv_workers_free(NULL);
}

static void a_piece_that_nobody_has_begun_can_be_taken(void **state)
{
    (void)state;
    RV_AUTO(rv_workers_free) rv_workers *workers = NULL;
    assert_int_equal(rv_workers_new(&workers, 0, NULL), RV_OK);
    piece first = {.work = {.run = square}, .value = 3}, second = first, third = first;
    rv_workers_start(workers, &first.work);
    rv_workers_start(workers, &second.work);
    rv_workers_start(workers, &third.work);
    assert_false(rv_workers_is_done(workers, &second.work));
    assert_true(rv_workers_take(workers, &second.work)); /* from the middle, the end and the beginning */
    assert_true(rv_workers_take(workers, &third.work));
    assert_true(rv_workers_take(workers, &first.work));
    assert_false(rv_workers_take(workers, &second.work));
    rv_workers_start(workers, &second.work); /* a piece may be used again */
    rv_workers_wait(workers, &second.work);
    assert_int_equal(first.value, 9);
    assert_int_equal(second.value, 81);
    assert_int_equal(third.n_runs, 1);
}

typedef struct gate {
    rv_work work;
    atomic_bool *open;
} gate;

static void wait_at_the_gate(rv_work *work)
{
    while (!atomic_load(((gate *)work)->open))
        continue;
}

static void who_waits_for_a_busy_pool_goes_on_by_itself(void **state)
{
    (void)state;
    RV_AUTO(rv_workers_free) rv_workers *workers = NULL;
    assert_int_equal(rv_workers_new(&workers, 1, NULL), RV_OK);
    atomic_bool open = false;
    gate blocking = {.work = {.run = wait_at_the_gate}, .open = &open};
    piece queued = {.work = {.run = square}, .value = 5};
    rv_workers_start(workers, &blocking.work);
    rv_workers_start(workers, &queued.work);
    rv_workers_wait(workers, &queued.work); /* the only thread may be at the gate */
    assert_int_equal(queued.value, 25);
    atomic_store(&open, true);
    rv_workers_wait(workers, &blocking.work);
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    bool clean = false;
    for (int n = 1; !clean; n++) {
        rv_workers *workers = NULL;
        fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
        rv_code rc = rv_workers_new(&workers, 2, NULL);
        clean = !fault_disarm();
        assert_true(clean ? rc == RV_OK : rc == RV_E_OUT_OF_MEMORY);
        rv_workers_free(workers);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_done_once_whatever_the_number_of_threads),
        cmocka_unit_test(without_a_pool_who_waits_does_it),
        cmocka_unit_test(a_piece_that_nobody_has_begun_can_be_taken),
        cmocka_unit_test(who_waits_for_a_busy_pool_goes_on_by_itself),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
