/* partition.c - partition_by: one export for each day, month or year of a column that may hold rows.
 *
 * The buckets lie between the ends of the column. Where an index leads with it, the first value after a bucket is asked
 * for, so that empty buckets cost nothing and make no export; without one every bucket between the ends is made. */
#include "internal.h"

#include "rivet/civil.h"

#include <inttypes.h>
#include <string.h>

enum { FIRST_CAPACITY = 32 };

typedef struct partitions {
    rvi_planner *planner;
    const rv_field *field;
    const rv_key *key;
    const rv_index *index; /* NULL: none leads with the column */
    rv_export_config *items;
    int n, capacity;
} partitions;

/* ---- the calendar ---- */

static int64_t day_of(const rv_field *field, int64_t place)
{
    if (rvi_scale_of(field) == RVI_SCALE_DAYS)
        return place;
    return place / RVI_US_PER_DAY - (place % RVI_US_PER_DAY < 0);
}

/* The first day of the bucket that holds `day`, and of the next. */
static void bucket_of(rv_granularity granularity, int64_t day, int64_t *first, int64_t *next)
{
    rv_civil at;
    rv_civil_from_days(day, &at);
    *first = day;
    *next = day + 1;
    switch (granularity) {
    case RV_GRANULARITY_DAY:
        return;
    case RV_GRANULARITY_MONTH:
        *first = rv_civil_days(at.year, at.month, 1);
        *next = at.month == 12 ? rv_civil_days(at.year + 1, 1, 1) : rv_civil_days(at.year, at.month + 1, 1);
        return;
    case RV_GRANULARITY_YEAR:
        *first = rv_civil_days(at.year, 1, 1);
        *next = rv_civil_days(at.year + 1, 1, 1);
        return;
    }
}

/* "2024-01-31", "2024-01", "2024". NULL: out of memory. */
static const char *bucket_name(rv_arena *arena, rv_granularity granularity, int64_t day)
{
    rv_civil at;
    rv_civil_from_days(day, &at);
    if (granularity == RV_GRANULARITY_YEAR)
        return rv_arena_printf(arena, "%04" PRId64, at.year);
    if (granularity == RV_GRANULARITY_MONTH)
        return rv_arena_printf(arena, "%04" PRId64 "-%02d", at.year, at.month);
    return rv_arena_printf(arena, "%04" PRId64 "-%02d-%02d", at.year, at.month, at.day);
}

/* A day's midnight on the column's scale; *outside: beyond what it can count to, so the range is open there. */
static int64_t place_of(const rv_field *field, int64_t day, bool *outside)
{
    if (rvi_scale_of(field) == RVI_SCALE_DAYS)
        return day;
    *outside = day > INT64_MAX / RVI_US_PER_DAY || day < INT64_MIN / RVI_US_PER_DAY;
    return *outside ? 0 : day * RVI_US_PER_DAY;
}

/* ---- exports ---- */

static rv_code grow(partitions *s, rv_error *err)
{
    int capacity = s->capacity == 0 ? FIRST_CAPACITY : 2 * s->capacity;
    rv_export_config *grown = rv_arena_alloc(s->planner->arena, (size_t)capacity, sizeof *grown);
    if (grown == NULL)
        return rvi_plan_out_of_memory(s->planner, err);
    if (s->n > 0)
        memcpy(grown, s->items, (size_t)s->n * sizeof *grown);
    s->items = grown;
    s->capacity = capacity;
    return RV_OK;
}

static rv_code add(partitions *s, const char *bucket, const rv_range *range, rv_error *err)
{
    const rv_export_config *parent = s->planner->config;
    rv_arena *arena = s->planner->arena;
    if (s->n == RV_MAX_PARTITIONS) {
        rv_fail(err, RV_E_LIMIT_EXCEEDED, "partition_by '%s' would make more than %d partitions of %s",
                s->field->name, RV_MAX_PARTITIONS, s->planner->info->schema.origin);
        rv_hint(err, "choose a coarser partition_granularity");
        return RV_E_LIMIT_EXCEEDED;
    }
    if (s->n == s->capacity)
        RV_TRY(grow(s, err));
    rv_export_config *item = &s->items[s->n];
    *item = *parent;
    item->name = rv_arena_printf(arena, "%s__%s", parent->name, bucket);
    item->partition.parent = parent->name;
    item->partition.label = rv_arena_printf(arena, "%s=%s", s->field->name, bucket);
    item->partition.range = rvi_plan_range(s->planner, range);
    if (item->name == NULL || item->partition.label == NULL || item->partition.range == NULL)
        return rvi_plan_out_of_memory(s->planner, err);
    s->n++;
    return RV_OK;
}

static rv_code add_bucket(partitions *s, int64_t first, int64_t next, rv_error *err)
{
    rvi_planner *p = s->planner;
    bool below = false, above = false;
    int64_t lo = place_of(s->field, first, &below), hi = place_of(s->field, next, &above);
    rv_range range = {.key = s->key, .lo_inclusive = !below};
    const char *name = bucket_name(p->arena, p->config->partition.granularity, first);
    if (!below)
        range.lo = rvi_scale_value(p->arena, s->field, lo);
    if (!above)
        range.hi = rvi_scale_value(p->arena, s->field, hi);
    if (name == NULL || (!below && range.lo.n == 0) || (!above && range.hi.n == 0))
        return rvi_plan_out_of_memory(p, err);
    return add(s, name, &range, err);
}

/* The next day that has rows, from `day` on; *found false: none has. */
static rv_code next_day(partitions *s, int64_t day, int64_t last_day, int64_t *out, bool *found,
                        rv_error *err)
{
    rvi_planner *p = s->planner;
    bool outside = false;
    rvi_ends ends;
    *found = day <= last_day;
    *out = day;
    if (!*found || s->index == NULL)
        return RV_OK;
    int64_t place = place_of(s->field, day, &outside);
    const rv_range rest = {
        .key = s->key, .lo = rvi_scale_value(p->arena, s->field, place), .lo_inclusive = true};
    if (rest.lo.n == 0)
        return rvi_plan_out_of_memory(p, err);
    RV_TRY(rvi_plan_ends(p, s->field, &rest, &ends, err));
    *found = !ends.empty;
    *out = ends.empty ? day : day_of(s->field, ends.first);
    return RV_OK;
}

static rv_code add_buckets(partitions *s, const rvi_ends *ends, rv_error *err)
{
    rv_granularity granularity = s->planner->config->partition.granularity;
    int64_t day = day_of(s->field, ends->first), last = day_of(s->field, ends->last), first, next;
    bool found = true;
    while (found) {
        bucket_of(granularity, day, &first, &next);
        RV_TRY(add_bucket(s, first, next, err));
        RV_TRY(next_day(s, next, last, &day, &found, err));
    }
    return RV_OK;
}

/* ---- checks ---- */

static rv_code refuse_type(const rv_field *field, rv_error *err)
{
    rv_fail(err, RV_E_CONFIG_VALUE, "partition_by: column '%s' (%s) is neither a date nor a timestamp",
            field->name, field->native_type);
    if (field->loose)
        rv_hint(err, "if its texts are dates or times, say so: `columns: {%s: date}`", field->name);
    return RV_E_CONFIG_VALUE;
}

static rv_code find_column(partitions *s, rv_error *err)
{
    rvi_planner *p = s->planner;
    RV_TRY(rvi_plan_field(p, "partition_by", p->config->partition.column, &s->field, err));
    rvi_scale scale = rvi_scale_of(s->field);
    if (scale != RVI_SCALE_DAYS && scale != RVI_SCALE_US)
        return refuse_type(s->field, err);
    if ((p->caps & RV_SOURCE_CAP_KEYS) == 0)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "partition_by: this source cannot read ranges of %s",
                       p->info->schema.origin);
    s->key = rvi_plan_key_of(p, s->field->name, false);
    if (s->key == NULL)
        return rvi_plan_out_of_memory(p, err);
    s->index = rvi_plan_leading(p, s->key, false);
    return RV_OK;
}

static rv_code refuse_infinity(const partitions *s, rv_error *err)
{
    rv_fail(err, RV_E_CONFIG_VALUE, "partition_by: column '%s' of %s holds an infinity, which lies on no day",
            s->field->name, s->planner->info->schema.origin);
    rv_hint(err, "leave such rows out with `query:`, or correct them");
    return RV_E_CONFIG_VALUE;
}

rv_code rv_plan_partitions(rv_arena *arena, const rv_plan_input *input, rv_export_config **out, int *n_out,
                           rv_error *err)
{
    rv_plan plan = {.export_config = input->export_config};
    rvi_planner planner = {.arena = arena,
                           .plan = &plan,
                           .input = input,
                           .config = input->export_config,
                           .info = input->info,
                           .caps = input->source->ops->caps};
    partitions s = {.planner = &planner};
    rvi_ends ends;
    RV_TRY(rv_schema_resolve(arena, &input->info->schema, &input->export_config->schema, &plan.schema, err));
    RV_TRY(find_column(&s, err));
    RV_TRY(rvi_plan_ends(&planner, s.field, NULL, &ends, err));
    if (ends.infinite)
        return refuse_infinity(&s, err);
    if (!ends.empty)
        RV_TRY(add_buckets(&s, &ends, err));
    if (ends.has_null)
        RV_TRY(add(&s, RVI_HIVE_NULL, &(rv_range){.key = s.key, .null_only = true}, err));
    *out = s.items;
    *n_out = s.n;
    return RV_OK;
}
