#include "cli.h"

#include "rivet/civil.h"

#include <inttypes.h>
#include <string.h>

const char *rvi_text_count(char out[RVI_UNIT_BYTES], int64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
    size_t at = 0;
    if (n < 0)
        out[at++] = '-';
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

const char *rvi_text_bytes(char out[RVI_UNIT_BYTES], uint64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    size_t unit = 0;
    /* What would be printed as 1000.0 is 1.0 of the next unit. */
    while (value >= (unit == 0 ? 1000 : 999.95) && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1000;
        unit++;
    }
    (void)snprintf(out, RVI_UNIT_BYTES, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return out;
}

const char *rvi_text_duration(char out[RVI_UNIT_BYTES], int64_t ms)
{
    int64_t s = (ms + 500) / 1000;
    if (ms < 1000)
        (void)snprintf(out, RVI_UNIT_BYTES, "%" PRId64 " ms", ms);
    else if (ms < 59950) /* what would be printed as 60.0 s is a minute */
        (void)snprintf(out, RVI_UNIT_BYTES, "%.1f s", (double)ms / 1000);
    else if (s < 3600)
        (void)snprintf(out, RVI_UNIT_BYTES, "%" PRId64 " m %02d s", s / 60, (int)(s % 60));
    else
        (void)snprintf(out, RVI_UNIT_BYTES, "%" PRId64 " h %02d m", s / 3600, (int)(s / 60 % 60));
    return out;
}

const char *rvi_text_rate(char out[RVI_UNIT_BYTES], int64_t n, int64_t ms)
{
    double rate = ms > 0 ? (double)n * 1000 / (double)ms : 0;
    if (rate >= 999950)
        (void)snprintf(out, RVI_UNIT_BYTES, "%.2f M/s", rate / 1e6);
    else if (rate >= 999.5)
        (void)snprintf(out, RVI_UNIT_BYTES, "%.1f k/s", rate / 1e3);
    else
        (void)snprintf(out, RVI_UNIT_BYTES, "%.0f /s", rate);
    return out;
}

const char *rvi_text_time(char out[RVI_UNIT_BYTES], int64_t wall_us)
{
    rv_civil t;
    rv_civil_from_us(wall_us, &t);
    (void)snprintf(out, RVI_UNIT_BYTES, "%04" PRId64 "-%02d-%02d %02d:%02d:%02d UTC", t.year, t.month, t.day,
                   t.hour, t.minute, t.second);
    return out;
}
