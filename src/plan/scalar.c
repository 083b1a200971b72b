/* scalar.c - values of integer, date and timestamp columns as places on one line.
 *
 * A range's bounds have to ascend in the order of the server, and they do when the texts made here mean to the server
 * what they mean here. That holds wherever values are held to their column's type. Where they are not (SQLite), times
 * are compared as texts: within the years 0 to 9999 texts of one form are in the order of time; others are refused. */
#include "internal.h"

#include "rivet/civil.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A source that keeps times as texts says text; the user's override says what the texts are. */
static rv_type_id type_of(const rv_field *field)
{
    return field->loose && field->natural.id == RV_TYPE_STRING ? field->type.id : field->natural.id;
}

rvi_scale rvi_scale_of(const rv_field *field)
{
    static const rvi_scale scales[RV_TYPE_COUNT] = {
        [RV_TYPE_INT16] = RVI_SCALE_INT,       [RV_TYPE_INT32] = RVI_SCALE_INT,
        [RV_TYPE_INT64] = RVI_SCALE_INT,       [RV_TYPE_UINT64] = RVI_SCALE_UINT,
        [RV_TYPE_DATE] = RVI_SCALE_DAYS,       [RV_TYPE_TIMESTAMP] = RVI_SCALE_US,
        [RV_TYPE_TIMESTAMP_TZ] = RVI_SCALE_US,
    };
    return scales[type_of(field)];
}

static bool read_int(const char *text, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || strspn(text, "-0123456789") != strlen(text))
        return false;
    *out = value;
    return true;
}

static bool read_uint(const char *text, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || strspn(text, "0123456789") != strlen(text))
        return false;
    *out = (int64_t)((uint64_t)value ^ (UINT64_C(1) << 63));
    return true;
}

/* Where times are compared as texts: the texts that are in the order of time. */
static bool is_ordered_text(const rv_field *field, int64_t days)
{
    return !field->loose || (days >= rv_civil_days(0, 1, 1) && days <= rv_civil_days(9999, 12, 31));
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && a < 0);
}

bool rvi_scale_read(const rv_field *field, const char *text, int64_t *out)
{
    int32_t days = 0;
    bool has_zone = false;
    switch (rvi_scale_of(field)) {
    case RVI_SCALE_INT:
        return read_int(text, out);
    case RVI_SCALE_UINT:
        return read_uint(text, out);
    case RVI_SCALE_DAYS:
        if (!rv_parse_date(text, strlen(text), &days) || !is_ordered_text(field, days))
            return false;
        *out = days;
        return true;
    case RVI_SCALE_US:
        if (rv_parse_date(text, strlen(text), &days)) { /* a source may leave a time of midnight out */
            *out = days * RVI_US_PER_DAY;
            return is_ordered_text(field, days) && days <= INT64_MAX / RVI_US_PER_DAY &&
                   days >= INT64_MIN / RVI_US_PER_DAY;
        }
        return rv_parse_timestamp(text, strlen(text), out, &has_zone) &&
               is_ordered_text(field, floor_div(*out, RVI_US_PER_DAY));
    case RVI_SCALE_NONE:
        return false;
    }
    return false;
}

static int64_t least_int(rv_type_id id)
{
    return id == RV_TYPE_INT16 ? INT16_MIN : id == RV_TYPE_INT32 ? INT32_MIN : INT64_MIN;
}

static int64_t most_int(rv_type_id id)
{
    return id == RV_TYPE_INT16 ? INT16_MAX : id == RV_TYPE_INT32 ? INT32_MAX : INT64_MAX;
}

/* ISO 8601 as databases write it: years of four digits or more without a sign, those before 1 with BC. */
static const char *civil_text(rv_arena *arena, const rv_civil *at, bool time, bool utc)
{
    char clock[32] = "";
    if (time && at->nanosecond != 0)
        (void)snprintf(clock, sizeof clock, " %02d:%02d:%02d.%06d", at->hour, at->minute, at->second,
                       at->nanosecond / 1000);
    else if (time)
        (void)snprintf(clock, sizeof clock, " %02d:%02d:%02d", at->hour, at->minute, at->second);
    return rv_arena_printf(arena, "%04" PRId64 "-%02d-%02d%s%s%s", at->year > 0 ? at->year : 1 - at->year,
                           at->month, at->day, clock, utc ? "+00" : "", at->year > 0 ? "" : " BC");
}

static const char *date_text(rv_arena *arena, int64_t days)
{
    rv_civil at;
    rv_civil_from_days(days, &at);
    return civil_text(arena, &at, false, false);
}

static const char *time_text(rv_arena *arena, const rv_field *field, int64_t us)
{
    rv_civil at;
    int64_t days = floor_div(us, RVI_US_PER_DAY);
    /* As a text, a bare date is before every time of its day, however those are written. */
    if (field->loose && us == days * RVI_US_PER_DAY)
        return date_text(arena, days);
    rv_civil_from_us(us, &at);
    return civil_text(arena, &at, true, type_of(field) == RV_TYPE_TIMESTAMP_TZ);
}

const char *rvi_scale_text(rv_arena *arena, const rv_field *field, int64_t place)
{
    rv_type_id id = type_of(field);
    switch (rvi_scale_of(field)) {
    case RVI_SCALE_INT:
        place = place < least_int(id) ? least_int(id) : place > most_int(id) ? most_int(id) : place;
        return rv_arena_printf(arena, "%" PRId64, place);
    case RVI_SCALE_UINT:
        return rv_arena_printf(arena, "%" PRIu64, (uint64_t)place ^ (UINT64_C(1) << 63));
    case RVI_SCALE_DAYS:
        place = place < INT32_MIN ? INT32_MIN : place > INT32_MAX ? INT32_MAX : place;
        return date_text(arena, place);
    case RVI_SCALE_US:
        return time_text(arena, field, place);
    case RVI_SCALE_NONE:
        return NULL;
    }
    return NULL;
}

rv_key_value rvi_scale_value(rv_arena *arena, const rv_field *field, int64_t place)
{
    const char *text = rvi_scale_text(arena, field, place);
    return (rv_key_value){.n = text != NULL ? 1 : 0, .cells = {text}};
}

/* ---- ends ---- */

static rv_code ask(rvi_planner *p, const rv_key *key, const rv_range *also, const rv_range *finite,
                   rv_key_ends *out, rv_error *err)
{
    const rv_range *within[RV_MAX_RANGES + 1];
    int n = 0;
    for (int i = 0; i < p->n_within; i++)
        within[n++] = p->within[i];
    if (also != NULL)
        within[n++] = also;
    if (finite != NULL)
        within[n++] = finite;
    *out = (rv_key_ends){0};
    return rv_source_key_ends(p->input->source, &p->config->relation, p->info, key, NULL, within, n, p->arena,
                              out, err);
}

static bool is_infinite(const rv_key_value *value)
{
    return strcmp(value->cells[0], "infinity") == 0 || strcmp(value->cells[0], "-infinity") == 0;
}

static rv_code read_end(const rvi_planner *p, const rv_field *field, const rv_key_value *value, int64_t *out,
                        rv_error *err)
{
    if (rvi_scale_read(field, value->cells[0], out))
        return RV_OK;
    rv_fail(err, RV_E_CONFIG_VALUE, "column '%s' (%s) of %s holds '%.80s', with which no ranges can be made",
            field->name, field->native_type, p->info->schema.origin, value->cells[0]);
    rv_hint(err, "choose another column");
    return RV_E_CONFIG_VALUE;
}

rv_code rvi_plan_ends(rvi_planner *p, const rv_field *field, const rv_range *also, rvi_ends *out,
                      rv_error *err)
{
    rv_key_ends ends;
    rvi_ends found = {0};
    const rv_key *key = rvi_plan_key_of(p, field->name, false);
    if (key == NULL)
        return rvi_plan_out_of_memory(p, err);
    RV_TRY(ask(p, key, also, NULL, &ends, err));
    found.has_null = ends.has_null;
    found.infinite = !ends.empty && (is_infinite(&ends.first) || is_infinite(&ends.last));
    if (found.infinite) {
        const rv_range finite = {
            .key = key, .lo = {.n = 1, .cells = {"-infinity"}}, .hi = {.n = 1, .cells = {"infinity"}}};
        RV_TRY(ask(p, key, also, &finite, &ends, err));
    }
    found.empty = ends.empty;
    if (!ends.empty) {
        RV_TRY(read_end(p, field, &ends.first, &found.first, err));
        RV_TRY(read_end(p, field, &ends.last, &found.last, err));
    }
    if (!ends.empty && found.first > found.last)
        return rv_fail(err, RV_E_CONFIG_VALUE, "column '%s' of %s is not ordered as its type is", field->name,
                       p->info->schema.origin);
    *out = found;
    return RV_OK;
}
