#include "internal.h"

#include "rivet/log.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* One thread receives every terminating signal, so no handler ever runs and nothing has to be async-signal-safe. */
struct rv_signals {
    rvi_thread thread;
    rv_cancel *cancel;
    sigset_t set;
    atomic_int received;
    atomic_bool stopping;
};

/* A blocked signal is delivered to sigwait() even when it is ignored, so nohup and background jobs of a shell, which
 * ignore some before they start us, would not work. */
static void watched_signals(sigset_t *set)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    sigemptyset(set);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction now;
        if (sigaction(numbers[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaddset(set, numbers[i]);
    }
    sigaddset(set, SIGUSR2); /* our own: wakes the thread when it is to stop */
}

static void *signals_main(void *argument)
{
    rv_signals *signals = argument;
    for (;;) {
        int number = 0;
        if (sigwait(&signals->set, &number) != 0)
            continue;
        if (number == SIGUSR2) {
            if (atomic_load(&signals->stopping))
                return NULL;
            continue;
        }
        if (atomic_load(&signals->received) != 0)
            _exit(128 + number); /* asked twice: at once; what is uncommitted is found by the next run */
        atomic_store(&signals->received, number);
        rv_log(RV_LOG_INFO, "signal %d: stopping after the current page; once more stops at once", number);
        rv_cancel_request(signals->cancel);
    }
}

rv_code rv_signals_start(rv_signals **out, rv_cancel *cancel, rv_error *err)
{
    rv_signals *signals = calloc(1, sizeof *signals);
    if (signals == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing to receive signals");
    signals->cancel = cancel;
    watched_signals(&signals->set);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ignore.sa_mask);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    pthread_sigmask(SIG_BLOCK, &signals->set, NULL);
    rv_code rc = rvi_thread_start(&signals->thread, signals_main, signals, "signal", err);
    if (rc != RV_OK) {
        free(signals);
        return rc;
    }
    *out = signals;
    return RV_OK;
}

int rv_signals_received(const rv_signals *signals)
{
    return atomic_load(&signals->received);
}

void rv_signals_stop(rv_signals *signals)
{
    if (signals == NULL)
        return;
    atomic_store(&signals->stopping, true);
    (void)kill(getpid(), SIGUSR2); /* every thread blocks it, so the waiting one gets it */
    rvi_thread_join(&signals->thread);
    free(signals);
}
