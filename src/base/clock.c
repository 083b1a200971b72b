#include "rivet/clock.h"

#include "rivet/checked.h"
#include "rivet/civil.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

enum { US_PER_S = 1000000, NS_PER_US = 1000 };

static int64_t read_us(clockid_t id)
{
    struct timespec now = {0};
    clock_gettime(id, &now); /* cannot fail for the two clocks used here (clock_gettime(2)) */
    return (int64_t)now.tv_sec * US_PER_S + now.tv_nsec / NS_PER_US;
}

static int64_t system_now_us(const rv_clock *clock)
{
    (void)clock;
    return read_us(CLOCK_REALTIME);
}

static int64_t system_mono_us(const rv_clock *clock)
{
    (void)clock;
    return read_us(CLOCK_MONOTONIC);
}

/* A thread asleep, and what wakes it early. Lives on the sleeper's stack. */
typedef struct sleeper {
    pthread_mutex_t lock; /* guards `woken`; a leaf, taken under the token's lock */
    pthread_cond_t wake;
    bool woken;
} sleeper;

static void sleeper_wake(void *object)
{
    sleeper *s = object;
    pthread_mutex_lock(&s->lock);
    s->woken = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
}

/* The default clock of a condition is the wall clock, which may be set while we sleep. */
static void sleeper_init(sleeper *s)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, &attr);
    pthread_condattr_destroy(&attr);
    s->woken = false;
}

static void sleeper_deinit(sleeper *s)
{
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
}

static bool system_sleep_us(const rv_clock *clock, int64_t us, rv_cancel *cancel)
{
    (void)clock;
    if (us <= 0 || rv_cancel_requested(cancel))
        return !rv_cancel_requested(cancel);

    int64_t until_us;
    if (rv_add_i64(&until_us, read_us(CLOCK_MONOTONIC), us))
        until_us = INT64_MAX;
    const struct timespec until = {.tv_sec = until_us / US_PER_S, .tv_nsec = until_us % US_PER_S * NS_PER_US};

    sleeper s;
    sleeper_init(&s);
    rv_waker waker = {.wake = sleeper_wake, .object = &s};
    rv_cancel_add_waker(cancel, &waker);
    pthread_mutex_lock(&s.lock);
    int rc = 0;
    while (!s.woken && rc == 0)
        rc = pthread_cond_timedwait(&s.wake, &s.lock, &until);
    pthread_mutex_unlock(&s.lock);
    rv_cancel_remove_waker(cancel, &waker);
    sleeper_deinit(&s);
    return !rv_cancel_requested(cancel);
}

static const rv_clock system_clock = {
    .now_us = system_now_us,
    .mono_us = system_mono_us,
    .sleep_us = system_sleep_us,
};

const rv_clock *rv_clock_system(void)
{
    return &system_clock;
}

/* "2026-11-21T09:30:00.123": the timestamp's text without its last three digits. Returns the length. */
static size_t put_millis(char text[RV_CIVIL_TEXT_BYTES], int64_t wall_us)
{
    size_t len = rv_timestamp_text(text, wall_us, false) - 3;
    text[len] = '\0';
    return len;
}

void rv_time_rfc3339(char out[RV_TIME_TEXT_BYTES], int64_t wall_us)
{
    char text[RV_CIVIL_TEXT_BYTES];
    size_t len = put_millis(text, wall_us);
    memcpy(out, text, len);
    out[len] = 'Z';
    out[len + 1] = '\0';
}

void rv_time_run_id(char out[RV_TIME_TEXT_BYTES], int64_t wall_us)
{
    char text[RV_CIVIL_TEXT_BYTES];
    put_millis(text, wall_us);
    for (const char *c = text; *c; c++)
        if (*c != '-' && *c != ':')
            *out++ = *c;
    *out = '\0';
}

void rv_time_date(char out[RV_TIME_TEXT_BYTES], int64_t wall_us)
{
    char text[RV_CIVIL_TEXT_BYTES];
    put_millis(text, wall_us);
    const size_t len = (size_t)(strchr(text, 'T') - text);
    memcpy(out, text, len);
    out[len] = '\0';
}
