/* Threads of a run: whose turn it is. */
#include "run/internal.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { LINUX_SCHED_IDLE = 5, THIS_THREAD = 0 };

typedef struct observed {
    rv_export_config config;
    rvi_run run;
    int policy; /* of the thread, once it has asked */
} observed;

static void *look(void *argument)
{
    observed *seen = argument;
    rvi_thread_give_way(&seen->run);
    seen->policy = sched_getscheduler(THIS_THREAD);
    return NULL;
}

static int policy_of_a_thread(bool gives_way)
{
    observed seen = {.config = {.tuning = {.gives_way = gives_way}}, .policy = -1};
    rvi_thread thread = {0};
    seen.run.export_config = &seen.config;
    assert_int_equal(rvi_thread_start(&thread, look, &seen, "test", NULL), RV_OK);
    rvi_thread_join(&thread);
    return seen.policy;
}

static void a_safe_run_lets_others_go_first(void **state)
{
    (void)state;
    assert_int_equal(policy_of_a_thread(true), LINUX_SCHED_IDLE);
}

static void any_other_run_takes_its_turn_and_so_does_whoever_started_a_thread(void **state)
{
    (void)state;
    int before = sched_getscheduler(THIS_THREAD);
    assert_int_equal(policy_of_a_thread(false), before);
    assert_int_equal(policy_of_a_thread(true), LINUX_SCHED_IDLE);
    assert_int_equal(sched_getscheduler(THIS_THREAD), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_safe_run_lets_others_go_first),
        cmocka_unit_test(any_other_run_takes_its_turn_and_so_does_whoever_started_a_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
