#include "internal.h"

/* The controller between statements. It learns from the last page how long one unit takes and how many bytes it
 * makes, and aims the next page at whichever of its two targets is nearer. Growth is bounded so that one lucky
 * page (cached, empty) cannot make the next one huge; shrinking is immediate. */
enum { GROWTH = 2, FIRST_PAGE_BYTES = 1 << 20, FIRST_PAGE_ROWS = 2000, DEFAULT_THROTTLE_ROWS = 10000 };
#define MAX_UNITS ((int64_t)1 << 32)

static int64_t clamp_units(const rvi_pace *pace, double units)
{
    double most = pace->max_rows > 0 ? (double)pace->max_rows : (double)MAX_UNITS;
    if (!(units > 1)) /* also NaN */
        return 1;
    return units < most ? (int64_t)units : (int64_t)most;
}

/* A page may take as much as its rate gives in a quarter of a second, or the rate would be one of bursts. */
static int64_t at_most(int64_t limit, int64_t per_s)
{
    enum { PAGES_PER_S = 4 };
    int64_t share = per_s / PAGES_PER_S > 0 ? per_s / PAGES_PER_S : 1;
    return per_s > 0 && (limit == 0 || share < limit) ? share : limit;
}

void rvi_pace_init(rvi_pace *pace, const rv_tuning *tuning, size_t target_bytes, bool unit_is_row,
                   double est_bytes_per_unit)
{
    int64_t rows = at_most(tuning->batch_size, tuning->max_rows_per_s);
    *pace = (rvi_pace){
        .target_us = tuning->statement_target_ms * 1000,
        .target_bytes = at_most((int64_t)target_bytes, tuning->max_mb_per_s << 20),
        .max_rows = unit_is_row ? rows : 0,
        .target_rows = unit_is_row ? 0 : rows,
        .duty_percent = tuning->duty_percent > 0 ? tuning->duty_percent : 100,
        .throttle_ms = tuning->throttle_ms,
        .throttle_rows = tuning->batch_size > 0 ? tuning->batch_size : DEFAULT_THROTTLE_ROWS,
    };
    double first = est_bytes_per_unit > 0 ? FIRST_PAGE_BYTES / est_bytes_per_unit : FIRST_PAGE_ROWS;
    if (pace->target_rows > 0)
        first = 1; /* how many rows a unit holds is not known yet */
    pace->units = clamp_units(pace, first);
}

void rvi_pace_learn(rvi_pace *pace, const rv_page *page, int64_t rows, size_t bytes)
{
    if (page->units <= 0)
        return;
    double units = (double)page->units * GROWTH;
    if (page->statement_us > 0) {
        double by_time = (double)page->units * (double)pace->target_us / (double)page->statement_us;
        units = by_time < units ? by_time : units;
    }
    if (bytes > 0) {
        double by_bytes = (double)page->units * (double)pace->target_bytes / (double)bytes;
        units = by_bytes < units ? by_bytes : units;
    }
    if (rows > 0 && pace->target_rows > 0) {
        double by_rows = (double)page->units * (double)pace->target_rows / (double)rows;
        units = by_rows < units ? by_rows : units;
    }
    pace->units = clamp_units(pace, units);
}

bool rvi_pace_shrink(rvi_pace *pace)
{
    if (pace->units <= 1)
        return false;
    pace->units /= 4;
    if (pace->units < 1)
        pace->units = 1;
    return true;
}

int64_t rvi_pace_pause_us(const rvi_pace *pace, int64_t statement_us, int64_t rows)
{
    int64_t pause = 0;
    if (pace->duty_percent < 100)
        pause += statement_us * (100 - pace->duty_percent) / pace->duty_percent;
    if (pace->throttle_ms > 0)
        pause += (int64_t)((double)pace->throttle_ms * 1000.0 * (double)rows / (double)pace->throttle_rows);
    return pause;
}

rv_code rvi_bucket_init(rvi_bucket *bucket, const rv_tuning *tuning, rv_error *err)
{
    *bucket = (rvi_bucket){.rows_per_s = tuning->max_rows_per_s,
                           .bytes_per_s = tuning->max_mb_per_s * INT64_C(1000000)};
    int os_errno = pthread_mutex_init(&bucket->lock, NULL);
    return os_errno == 0 ? RV_OK : rv_fail_os(err, RV_E_IO, os_errno, "preparing the run");
}

void rvi_bucket_deinit(rvi_bucket *bucket)
{
    pthread_mutex_destroy(&bucket->lock);
}

/* Moves *paid_us on by what `amount` costs; returns how far it lies ahead. */
static int64_t pay(int64_t *paid_us, int64_t now_us, double amount, int64_t per_s)
{
    enum { FULL_US = 1000000 };
    if (per_s <= 0)
        return 0;
    if (*paid_us < now_us - FULL_US)
        *paid_us = now_us - FULL_US;
    *paid_us += (int64_t)(amount * 1e6 / (double)per_s);
    return *paid_us > now_us ? *paid_us - now_us : 0;
}

int64_t rvi_bucket_take(rvi_bucket *bucket, int64_t now_us, int64_t rows, uint64_t bytes)
{
    pthread_mutex_lock(&bucket->lock);
    int64_t by_rows = pay(&bucket->rows_paid_us, now_us, (double)rows, bucket->rows_per_s);
    int64_t by_bytes = pay(&bucket->bytes_paid_us, now_us, (double)bytes, bucket->bytes_per_s);
    pthread_mutex_unlock(&bucket->lock);
    return by_rows > by_bytes ? by_rows : by_bytes;
}
