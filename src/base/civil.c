/* civil.c - dates and times: calendar arithmetic, ISO 8601 text, and reading what databases print.
 *
 * Everything is integers; the C library's calendar (locale, time zone, years from 1900) is not used. A year
 * is shifted to begin in March, so that the leap day is its last one, and 400 years ("an era") are always
 * 146097 days: with those two facts a date is a handful of divisions by constants. Texts are written digit by
 * digit, because a CSV row with two timestamps is mostly this code.
 *
 * Parsing accumulates in 128 bits and compares with the type's range at the end: the first day that an int64
 * timestamp can name begins before its range, so no intermediate product would fit. */
#include "rivet/civil.h"

#include "base/internal.h"

#include <assert.h>

__extension__ typedef __int128 i128;

enum {
    DAYS_PER_ERA = 146097,     /* 400 years */
    EPOCH_ERA = 4,             /* 1970-01-01 lies in the era that began on 1600-03-01 … */
    EPOCH_DAY_OF_ERA = 135080, /* … 719468 = 4 * 146097 + 135080 days after 0000-03-01 */
    S_PER_DAY = 86400,
    NS_PER_S = 1000000000,
    US_PER_S = 1000000,
    MAX_YEAR_DIGITS = 7, /* an int32 of days reaches year 5,881,580 */
};

static const int64_t US_PER_DAY = (int64_t)S_PER_DAY * US_PER_S;
static const int64_t NS_PER_DAY = (int64_t)S_PER_DAY * NS_PER_S;

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t rv_civil_days(int64_t year, int month, int day)
{
    const int64_t y = year - (month <= 2);
    const int64_t era = floor_div(y, 400);
    const int64_t year_of_era = y - era * 400;
    const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (era - EPOCH_ERA) * DAYS_PER_ERA + day_of_era - EPOCH_DAY_OF_ERA;
}

void rv_civil_from_days(int64_t days, rv_civil *out)
{
    /* The shift to 0000-03-01 is applied to the remainder, where it cannot overflow; and the start of the
     * first era lies before INT64_MIN, hence the unsigned difference. */
    int64_t era = floor_div(days, DAYS_PER_ERA);
    uint32_t day_of_era = (uint32_t)((uint64_t)days - (uint64_t)era * DAYS_PER_ERA) + EPOCH_DAY_OF_ERA;
    era += EPOCH_ERA;
    if (day_of_era >= DAYS_PER_ERA) {
        day_of_era -= DAYS_PER_ERA;
        era++;
    }
    const uint32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const uint32_t march_month = (5 * day_of_year + 2) / 153;
    const int month = (int)march_month + (march_month < 10 ? 3 : -9);
    *out = (rv_civil){
        .year = era * 400 + year_of_era + (month <= 2),
        .month = month,
        .day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1),
    };
}

/* Both units share the split; `per_day` and `per_s` say how many make a day and a second. */
static void from_units(int64_t value, int64_t per_day, int64_t per_s, rv_civil *out)
{
    const int64_t days = floor_div(value, per_day);
    const uint64_t in_day = (uint64_t)value - (uint64_t)days * (uint64_t)per_day;
    const uint32_t seconds = (uint32_t)(in_day / (uint64_t)per_s);
    rv_civil_from_days(days, out);
    out->hour = (int)(seconds / 3600);
    out->minute = (int)(seconds / 60 % 60);
    out->second = (int)(seconds % 60);
    out->nanosecond = (int)(in_day % (uint64_t)per_s * (uint64_t)(NS_PER_S / per_s));
}

void rv_civil_from_us(int64_t us, rv_civil *out)
{
    from_units(us, US_PER_DAY, US_PER_S, out);
}

void rv_civil_from_ns(int64_t ns, rv_civil *out)
{
    from_units(ns, NS_PER_DAY, NS_PER_S, out);
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

bool rv_civil_valid_date(int64_t year, int month, int day)
{
    static const uint8_t month_days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1)
        return false;
    return day <= month_days[month - 1] + (month == 2 && is_leap(year));
}

/* ---- writing ---- */

static char *put_odd_year(char *out, int64_t year)
{
    char digits[20];
    char *end = digits + sizeof digits;
    char *first = rvi_put_u64_backwards(end, year < 0 ? 0 - (uint64_t)year : (uint64_t)year);
    while (end - first < 4)
        *--first = '0';
    *out++ = year < 0 ? '-' : '+';
    memcpy(out, first, (size_t)(end - first));
    return out + (end - first);
}

static char *put_date(char *out, const rv_civil *at)
{
    out = at->year >= 0 && at->year <= 9999 ? rvi_put4(out, (unsigned)at->year) : put_odd_year(out, at->year);
    *out++ = '-';
    out = rvi_put2(out, (unsigned)at->month);
    *out++ = '-';
    return rvi_put2(out, (unsigned)at->day);
}

static char *put_clock(char *out, unsigned hour, unsigned minute, unsigned second)
{
    out = rvi_put2(out, hour);
    *out++ = ':';
    out = rvi_put2(out, minute);
    *out++ = ':';
    out = rvi_put2(out, second);
    *out++ = '.';
    return out;
}

static char *put_micros(char *out, unsigned us)
{
    out = rvi_put2(out, us / 10000);
    return rvi_put4(out, us % 10000);
}

size_t rv_date_text(char out[RV_CIVIL_TEXT_BYTES], int32_t days)
{
    rv_civil at;
    rv_civil_from_days(days, &at);
    char *end = put_date(out, &at);
    *end = '\0';
    return (size_t)(end - out);
}

size_t rv_time_text(char out[RV_CIVIL_TEXT_BYTES], int64_t us_of_day)
{
    assert(us_of_day >= 0 && us_of_day <= US_PER_DAY); /* 24:00:00 is a time of day in PostgreSQL */
    const uint32_t seconds = (uint32_t)(us_of_day / US_PER_S);
    char *end = put_clock(out, seconds / 3600, seconds / 60 % 60, seconds % 60);
    end = put_micros(end, (unsigned)(us_of_day % US_PER_S));
    *end = '\0';
    return (size_t)(end - out);
}

static char *put_date_and_clock(char *out, const rv_civil *at)
{
    out = put_date(out, at);
    *out++ = 'T';
    return put_clock(out, (unsigned)at->hour, (unsigned)at->minute, (unsigned)at->second);
}

static size_t end_timestamp(const char *out, char *end, bool utc)
{
    if (utc)
        *end++ = 'Z';
    *end = '\0';
    return (size_t)(end - out);
}

size_t rv_timestamp_text(char out[RV_CIVIL_TEXT_BYTES], int64_t us, bool utc)
{
    rv_civil at;
    rv_civil_from_us(us, &at);
    char *end = put_micros(put_date_and_clock(out, &at), (unsigned)at.nanosecond / 1000);
    return end_timestamp(out, end, utc);
}

size_t rv_timestamp_ns_text(char out[RV_CIVIL_TEXT_BYTES], int64_t ns, bool utc)
{
    rv_civil at;
    rv_civil_from_ns(ns, &at);
    const unsigned fraction = (unsigned)at.nanosecond;
    char *end = put_micros(put_date_and_clock(out, &at), fraction / 1000);
    *end++ = (char)('0' + fraction / 100 % 10);
    end = rvi_put2(end, fraction % 100);
    return end_timestamp(out, end, utc);
}

/* ---- reading ---- */

typedef struct reader {
    const char *at, *end;
} reader;

static bool accept(reader *r, char wanted)
{
    if (r->at == r->end || *r->at != wanted)
        return false;
    r->at++;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool read2(reader *r, int *out)
{
    if (r->end - r->at < 2 || !is_digit(r->at[0]) || !is_digit(r->at[1]))
        return false;
    *out = (r->at[0] - '0') * 10 + (r->at[1] - '0');
    r->at += 2;
    return true;
}

typedef struct date_parts {
    int64_t year; /* as written; see finish_date() for BC */
    int month, day;
    bool is_signed;
} date_parts;

static bool read_date(reader *r, date_parts *out)
{
    const bool negative = accept(r, '-');
    out->is_signed = negative || accept(r, '+');
    const char *first = r->at;
    int64_t year = 0;
    while (r->at < r->end && is_digit(*r->at) && r->at - first < MAX_YEAR_DIGITS)
        year = year * 10 + (*r->at++ - '0');
    if (r->at - first < 4)
        return false;
    out->year = negative ? -year : year;
    return accept(r, '-') && read2(r, &out->month) && accept(r, '-') && read2(r, &out->day);
}

/* What follows everything else: nothing, or " BC". Year n BC is written n; astronomically it is 1 - n. */
static bool finish_date(reader *r, date_parts *date, int64_t *out_days)
{
    if (r->end - r->at == 3 && memcmp(r->at, " BC", 3) == 0) {
        if (date->is_signed || date->year == 0)
            return false;
        date->year = 1 - date->year;
        r->at += 3;
    }
    if (r->at != r->end || !rv_civil_valid_date(date->year, date->month, date->day))
        return false;
    *out_days = rv_civil_days(date->year, date->month, date->day);
    return true;
}

/* An optional fraction of a second: '.' and 1 to 9 digits. */
static bool read_fraction(reader *r, int *out_ns)
{
    *out_ns = 0;
    if (!accept(r, '.'))
        return true;
    int unit = NS_PER_S, ns = 0;
    for (; r->at < r->end && is_digit(*r->at); r->at++) {
        if (unit == 1)
            return false;
        unit /= 10;
        ns += (*r->at - '0') * unit;
    }
    *out_ns = ns;
    return unit < NS_PER_S;
}

/* hh:mm or hh:mm:ss with an optional fraction; 24:00:00 is the end of the day. */
static bool read_time(reader *r, int64_t *out_ns)
{
    int hour, minute, second = 0, fraction = 0;
    if (!read2(r, &hour) || !accept(r, ':') || !read2(r, &minute))
        return false;
    if (accept(r, ':') && !(read2(r, &second) && read_fraction(r, &fraction)))
        return false;
    if (hour > 24 || minute > 59 || second > 59)
        return false;
    if (hour == 24 && (minute > 0 || second > 0 || fraction > 0))
        return false;
    *out_ns = (int64_t)(hour * 3600 + minute * 60 + second) * NS_PER_S + fraction;
    return true;
}

/* An optional zone: Z, ±hh, ±hh:mm or ±hh:mm:ss, a blank allowed before it as SQL Server prints it. */
static bool read_zone(reader *r, bool *out_has_zone, int32_t *out_offset_s)
{
    reader ahead = *r;
    accept(&ahead, ' ');
    *out_has_zone = false;
    *out_offset_s = 0;
    if (accept(&ahead, 'Z') || accept(&ahead, 'z')) {
        *out_has_zone = true;
        *r = ahead;
        return true;
    }
    const bool west = accept(&ahead, '-');
    if (!west && !accept(&ahead, '+'))
        return true;
    int hour, minute = 0, second = 0;
    if (!read2(&ahead, &hour))
        return false;
    if (accept(&ahead, ':')) {
        if (!read2(&ahead, &minute))
            return false;
        if (accept(&ahead, ':') && !read2(&ahead, &second))
            return false;
    }
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    const int32_t offset = hour * 3600 + minute * 60 + second;
    *out_has_zone = true;
    *out_offset_s = west ? -offset : offset;
    *r = ahead;
    return true;
}

bool rv_parse_date(const char *text, size_t len, int32_t *out_days)
{
    reader r = {text, text + len};
    date_parts date;
    int64_t days;
    if (!read_date(&r, &date) || !finish_date(&r, &date, &days) || days < INT32_MIN || days > INT32_MAX)
        return false;
    *out_days = (int32_t)days;
    return true;
}

bool rv_parse_time(const char *text, size_t len, int64_t *out_us)
{
    reader r = {text, text + len};
    int64_t ns;
    if (!read_time(&r, &ns) || r.at != r.end || ns % 1000 != 0)
        return false;
    *out_us = ns / 1000;
    return true;
}

/* A date alone is its midnight. unit_ns: 1000 or 1; digits below the unit must be zero. */
static bool parse_timestamp(const char *text, size_t len, int unit_ns, int64_t *out, bool *has_zone)
{
    reader r = {text, text + len};
    date_parts date;
    int64_t days, ns = 0;
    int32_t offset_s = 0;
    bool zone = false;
    if (!read_date(&r, &date))
        return false;
    const bool has_time = r.end - r.at >= 2 && is_digit(r.at[1]) && (accept(&r, 'T') || accept(&r, ' '));
    if (has_time && !(read_time(&r, &ns) && read_zone(&r, &zone, &offset_s)))
        return false;
    if (!finish_date(&r, &date, &days) || ns % unit_ns != 0)
        return false;

    const int64_t per_s = NS_PER_S / unit_ns;
    const i128 value = ((i128)days * S_PER_DAY - offset_s) * per_s + ns / unit_ns;
    if (value < INT64_MIN || value > INT64_MAX)
        return false;
    *out = (int64_t)value;
    *has_zone = zone;
    return true;
}

bool rv_parse_timestamp(const char *text, size_t len, int64_t *out_us, bool *has_zone)
{
    return parse_timestamp(text, len, NS_PER_S / US_PER_S, out_us, has_zone);
}

bool rv_parse_timestamp_ns(const char *text, size_t len, int64_t *out_ns, bool *has_zone)
{
    return parse_timestamp(text, len, 1, out_ns, has_zone);
}
