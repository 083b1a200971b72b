#include "internal.h"

/* The wait doubles from failure to failure, up to a ceiling, and so does not hammer a server that comes back. Jitter
 * keeps lanes, and programs that were cut off at the same moment, from coming back at the same moment. What has not
 * passed after TOTAL_US of waiting is not a passing failure. */
enum { MAX_DOUBLINGS = 20 };
#define MAX_PAUSE_US   (60 * INT64_C(1000000))
#define FIRST_PAUSE_US INT64_C(1000000)
#define TOTAL_US       (15 * 60 * INT64_C(1000000))

bool rvi_is_passing(const rv_error *err)
{
    return err->retry == RV_RETRY_SAME || err->retry == RV_RETRY_RECONNECT || err->retry == RV_RETRY_BACKOFF;
}

void rvi_retry_init(rvi_retry *retry, const rv_tuning *tuning, int64_t max_attempts, uint64_t seed)
{
    *retry = (rvi_retry){
        .max_attempts = max_attempts > 0 ? max_attempts : tuning->max_retries + 1,
        .first_us = tuning->retry_backoff_ms * 1000,
        .seed = seed,
    };
}

void rvi_retry_succeeded(rvi_retry *retry)
{
    retry->n = 0;
    retry->waited_us = 0;
}

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014). */
static uint64_t next_random(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* Three quarters of it to all of it. */
static int64_t with_jitter(int64_t us, uint64_t *seed)
{
    int64_t quarter = us / 4;
    return quarter > 0 ? us - (int64_t)(next_random(seed) % (uint64_t)(quarter + 1)) : us;
}

int64_t rvi_retry_pause_us(rvi_retry *retry, const rv_error *err)
{
    retry->n++;
    if (!rvi_is_passing(err) || retry->n >= retry->max_attempts || retry->waited_us >= TOTAL_US)
        return -1;
    int64_t doublings = retry->n - 1 < MAX_DOUBLINGS ? retry->n - 1 : MAX_DOUBLINGS;
    int64_t pause_us = retry->first_us < MAX_PAUSE_US ? retry->first_us : MAX_PAUSE_US;
    for (int64_t i = 0; i < doublings && pause_us < MAX_PAUSE_US; i++)
        pause_us *= 2;
    pause_us = with_jitter(pause_us < MAX_PAUSE_US ? pause_us : MAX_PAUSE_US, &retry->seed);
    retry->waited_us += pause_us;
    return pause_us;
}

int64_t rvi_retry_first_pause_us(rvi_retry *retry, const rv_error *err)
{
    if (err->code != RV_E_SOURCE_CONNECT)
        return rvi_retry_pause_us(retry, err);
    int64_t pause_us = retry->n == 0 ? rvi_retry_pause_us(retry, err) : -1;
    return pause_us < FIRST_PAUSE_US ? pause_us : FIRST_PAUSE_US;
}
