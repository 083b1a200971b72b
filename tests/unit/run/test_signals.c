/* Signals are received by one thread; those that somebody ignores for us stay ignored. */
#include "rivet/run.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void wait_for_cancel(const rv_cancel *cancel)
{
    const struct timespec tick = {.tv_nsec = 1000000};
    for (int i = 0; i < 60000 && !rv_cancel_requested(cancel); i++)
        (void)nanosleep(&tick, NULL);
}

static void the_first_signal_requests_cancellation(void **state)
{
    (void)state;
    RV_AUTO(rv_cancel_free) rv_cancel *cancel = NULL;
    rv_signals *signals = NULL;
    assert_int_equal(rv_cancel_new(&cancel, NULL), RV_OK);
    assert_int_equal(rv_signals_start(&signals, cancel, NULL), RV_OK);
    assert_int_equal(rv_signals_received(signals), 0);
    assert_int_equal(kill(getpid(), SIGTERM), 0);
    wait_for_cancel(cancel);
    assert_true(rv_cancel_requested(cancel));
    assert_int_equal(rv_signals_received(signals), SIGTERM);
    rv_signals_stop(signals);
}

/* nohup ignores SIGHUP, a shell without job control ignores SIGINT for what it starts in the background. */
static void a_signal_that_was_ignored_stays_ignored(void **state)
{
    (void)state;
    RV_AUTO(rv_cancel_free) rv_cancel *cancel = NULL;
    rv_signals *signals = NULL;
    sigset_t hangup;
    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    assert_int_equal(pthread_sigmask(SIG_UNBLOCK, &hangup, NULL), 0);
    assert_true(signal(SIGHUP, SIG_IGN) != SIG_ERR);
    assert_int_equal(rv_cancel_new(&cancel, NULL), RV_OK);
    assert_int_equal(rv_signals_start(&signals, cancel, NULL), RV_OK);
    assert_int_equal(kill(getpid(), SIGHUP), 0);
    assert_int_equal(kill(getpid(), SIGINT), 0); /* delivered after the other, had that one been kept */
    wait_for_cancel(cancel);
    assert_int_equal(rv_signals_received(signals), SIGINT);
    rv_signals_stop(signals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_signal_requests_cancellation),
        cmocka_unit_test(a_signal_that_was_ignored_stays_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
