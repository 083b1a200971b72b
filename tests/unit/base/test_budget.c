#include "rivet/budget.h"

#include "fault.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void the_budget_refuses_rather_than_exceeds(void **state)
{
    (void)state;
    rv_budget budget;
    rv_budget_init(&budget, 100);
    assert_true(rv_budget_charge(&budget, 60));
    assert_false(rv_budget_charge(&budget, 41));
    assert_int_equal(rv_budget_used(&budget), 60);
    assert_true(rv_budget_charge(&budget, 40));
    assert_true(rv_budget_charge(&budget, 0));
    assert_false(rv_budget_charge(&budget, 1));
    rv_budget_release(&budget, 100);
    assert_int_equal(rv_budget_used(&budget), 0);
    assert_int_equal(rv_budget_peak(&budget), 100);
}

static void a_charge_that_would_wrap_around_is_refused(void **state)
{
    (void)state;
    rv_budget budget;
    rv_budget_init(&budget, SIZE_MAX);
    assert_true(rv_budget_charge(&budget, 10));
    assert_false(rv_budget_charge(&budget, SIZE_MAX));
    assert_false(rv_budget_charge(&budget, SIZE_MAX - 9));
    assert_true(rv_budget_charge(&budget, SIZE_MAX - 10));
    assert_int_equal(rv_budget_peak(&budget), SIZE_MAX);
}

static void what_is_lent_raises_the_limit_until_it_is_taken_back(void **state)
{
    (void)state;
    rv_budget budget;
    rv_budget_init(&budget, 100);
    rv_budget_lend(&budget, 50);
    assert_int_equal(rv_budget_limit(&budget), 150);
    assert_true(rv_budget_charge(&budget, 150));
    rv_budget_take_back(&budget, 50);
    assert_int_equal(rv_budget_limit(&budget), 100);
    rv_budget_release(&budget, 40);
    assert_false(rv_budget_charge(&budget, 1)); /* 110 are still in use */
    rv_budget_release(&budget, 11);
    assert_true(rv_budget_charge(&budget, 1));
    rv_budget_init(&budget, SIZE_MAX);
    rv_budget_lend(&budget, 50);
    assert_int_equal(rv_budget_limit(&budget), SIZE_MAX);
}

static void without_a_budget_everything_is_granted(void **state)
{
    (void)state;
    assert_true(rv_budget_charge(NULL, SIZE_MAX));
    rv_budget_release(NULL, 5);
    assert_int_equal(rv_budget_used(NULL), 0);
    assert_int_equal(rv_budget_peak(NULL), 0);
    rv_budget_lend(NULL, 5);
    rv_budget_take_back(NULL, 5);
    assert_int_equal(rv_budget_limit(NULL), SIZE_MAX);
}

enum { N_THREADS = 4, N_ROUNDS = 20000 };

typedef struct spender {
    rv_budget *budget;
    size_t n_granted;
} spender;

static void *spend(void *argument)
{
    spender *s = argument;
    for (size_t i = 0; i < N_ROUNDS; i++) {
        const size_t bytes = 1 + i % 40;
        if (!rv_budget_charge(s->budget, bytes))
            continue;
        s->n_granted++;
        if (rv_budget_used(s->budget) > rv_budget_limit(s->budget))
            abort();
        rv_budget_release(s->budget, bytes);
    }
    return NULL;
}

static void threads_never_exceed_it_together_and_all_is_given_back(void **state)
{
    (void)state;
    rv_budget budget;
    rv_budget_init(&budget, 64);
    pthread_t threads[N_THREADS];
    spender spenders[N_THREADS];
    for (int i = 0; i < N_THREADS; i++) {
        spenders[i] = (spender){.budget = &budget};
        assert_int_equal(pthread_create(&threads[i], NULL, spend, &spenders[i]), 0);
    }
    size_t n_granted = 0;
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i], NULL);
        n_granted += spenders[i].n_granted;
    }
    assert_true(n_granted > 0);
    assert_int_equal(rv_budget_used(&budget), 0);
    assert_in_range(rv_budget_peak(&budget), 40, 64);
}

static void the_resident_set_follows_what_is_touched(void **state)
{
    (void)state;
    const size_t len = (size_t)32 << 20;
    const size_t before = rv_rss_bytes();
    assert_true(before > 0);
    char *memory = malloc(len);
    assert_non_null(memory);
    memset(memory, 1, len);
    assert_true(rv_rss_bytes() >= before + len / 2);
    assert_true(rv_rss_peak_bytes() >= before + len / 2);
    free(memory);
}

static void an_unreadable_proc_counts_as_unknown(void **state)
{
    (void)state;
    fault_arm(FAULT_OPEN, 1, FAULT_TRANSIENT, ENOENT);
    assert_int_equal(rv_rss_bytes(), 0);
    assert_true(fault_disarm());
    assert_int_not_equal(rv_rss_bytes(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_budget_refuses_rather_than_exceeds),
        cmocka_unit_test(a_charge_that_would_wrap_around_is_refused),
        cmocka_unit_test(what_is_lent_raises_the_limit_until_it_is_taken_back),
        cmocka_unit_test(without_a_budget_everything_is_granted),
        cmocka_unit_test(threads_never_exceed_it_together_and_all_is_given_back),
        cmocka_unit_test(the_resident_set_follows_what_is_touched),
        cmocka_unit_test(an_unreadable_proc_counts_as_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
