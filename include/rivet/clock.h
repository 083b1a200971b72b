/* rivet/clock.h - time, injected, so that pacing, leases and timeouts run in virtual time under test. */
#ifndef RIVET_CLOCK_H
#define RIVET_CLOCK_H

#include "rivet/cancel.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct rv_clock rv_clock;
struct rv_clock {
    int64_t (*now_us)(const rv_clock *clock);  /* wall clock, microseconds since 1970-01-01 UTC */
    int64_t (*mono_us)(const rv_clock *clock); /* monotonic, microseconds since an arbitrary point */
    /* Sleep up to `us`; returns early when `cancel` (may be NULL) is requested. false: was cancelled. */
    bool (*sleep_us)(const rv_clock *clock, int64_t us, rv_cancel *cancel);
};

const rv_clock *rv_clock_system(void);

/* UTC text of a wall-clock time, without the C library's global state. Buffers hold at least 32 bytes. */
enum { RV_TIME_TEXT_BYTES = 40 };
void rv_time_rfc3339(char out[RV_TIME_TEXT_BYTES], int64_t wall_us); /* 2026-11-21T09:30:00.123Z */
void rv_time_run_id(char out[RV_TIME_TEXT_BYTES], int64_t wall_us);  /* 20261121T093000.123 */
void rv_time_date(char out[RV_TIME_TEXT_BYTES], int64_t wall_us);    /* 2026-11-21 */

#endif
