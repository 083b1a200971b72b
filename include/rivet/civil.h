/* rivet/civil.h - the proleptic Gregorian calendar as integers, for every year that fits.
 *
 * Day 0 is 1970-01-01. Algorithms: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
#ifndef RIVET_CIVIL_H
#define RIVET_CIVIL_H

#include "rivet/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct rv_civil {
    int64_t year; /* astronomical: 0 is 1 BC */
    int month, day, hour, minute, second;
    int nanosecond;
} rv_civil;

int64_t rv_civil_days(int64_t year, int month, int day);
void rv_civil_from_days(int64_t days, rv_civil *out); /* time of day is zero */
void rv_civil_from_us(int64_t us, rv_civil *out);     /* floor, also before 1970 */
void rv_civil_from_ns(int64_t ns, rv_civil *out);
bool rv_civil_valid_date(int64_t year, int month, int day);

/* ISO 8601 text: years outside 0..9999 as [+-]YYYYY…; returns the length, at most RV_CIVIL_TEXT_BYTES - 1. */
enum { RV_CIVIL_TEXT_BYTES = 48 };
size_t rv_date_text(char out[RV_CIVIL_TEXT_BYTES], int32_t days);              /* 2026-11-21 */
size_t rv_time_text(char out[RV_CIVIL_TEXT_BYTES], int64_t us_of_day);         /* 09:30:00.123456 */
size_t rv_timestamp_text(char out[RV_CIVIL_TEXT_BYTES], int64_t us, bool utc); /* …T….ffffff, Z if utc */
size_t rv_timestamp_ns_text(char out[RV_CIVIL_TEXT_BYTES], int64_t ns, bool utc);

/* Parse ISO 8601 dates and times as databases print them: 'T' or blank between date and time, optional
 * fraction of up to 9 digits, optional zone (Z, +hh, +hh:mm, +hh:mm:ss), optional " BC". false: not such a text
 * or outside the type. A text with non-zero digits beyond the unit is refused: nothing is rounded.
 * `has_zone` says whether a zone stood there; the result is then UTC. */
bool rv_parse_date(const char *text, size_t len, int32_t *out_days);
bool rv_parse_time(const char *text, size_t len, int64_t *out_us); /* 00:00:00 to 24:00:00 */
bool rv_parse_timestamp(const char *text, size_t len, int64_t *out_us, bool *has_zone);
bool rv_parse_timestamp_ns(const char *text, size_t len, int64_t *out_ns, bool *has_zone);

#endif
