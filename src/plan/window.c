/* window.c - mode: time_window. From midnight UTC some days ago, without an end; no state, each run exports it anew. */
#include "internal.h"

#include <inttypes.h>

/* Unix seconds stand in any column of numbers. */
static bool is_number(rv_type_id id)
{
    switch (id) {
    case RV_TYPE_INT16:
    case RV_TYPE_INT32:
    case RV_TYPE_INT64:
    case RV_TYPE_UINT64:
    case RV_TYPE_FLOAT32:
    case RV_TYPE_FLOAT64:
    case RV_TYPE_DECIMAL:
        return true;
    case RV_TYPE_INVALID:
    case RV_TYPE_BOOL:
    case RV_TYPE_DATE:
    case RV_TYPE_TIME:
    case RV_TYPE_TIMESTAMP:
    case RV_TYPE_TIMESTAMP_TZ:
    case RV_TYPE_TIMESTAMP_NS:
    case RV_TYPE_TIMESTAMP_TZ_NS:
    case RV_TYPE_STRING:
    case RV_TYPE_BINARY:
    case RV_TYPE_JSON:
    case RV_TYPE_UUID:
    case RV_TYPE_ENUM:
    case RV_TYPE_INTERVAL:
    case RV_TYPE_LIST:
    case RV_TYPE_COUNT:
        return false;
    }
    return false;
}

static rv_code refuse_type(const rv_field *field, bool unix_seconds, rv_error *err)
{
    rv_fail(err, RV_E_CONFIG_VALUE, "time_column: column '%s' (%s) is %s", field->name, field->native_type,
            unix_seconds ? "no number, as `time_column_type: unix` says" : "neither a date nor a timestamp");
    if (!unix_seconds && field->loose && field->natural.id == RV_TYPE_STRING)
        rv_hint(err, "if its texts are dates or times, say so: `columns: {%s: date}`", field->name);
    else
        rv_hint(err, "%s",
                unix_seconds ? "leave time_column_type out"
                             : "seconds since 1970 need `time_column_type: unix`");
    return RV_E_CONFIG_VALUE;
}

/* The window's first moment, as a text of the column. */
static rv_code first_moment(const rvi_planner *p, const rv_field *field, const char **out, rv_error *err)
{
    const rv_time_window_config *window = &p->config->time_window;
    int64_t now = p->input->now_us, since_midnight = now % RVI_US_PER_DAY;
    int64_t today = now / RVI_US_PER_DAY - (since_midnight < 0);
    int64_t day = today - window->days; /* days: at most 36,500 */
    rvi_scale scale = rvi_scale_of(field);
    if (window->unix_seconds && is_number(field->natural.id))
        *out = rv_arena_printf(p->arena, "%" PRId64, day * RVI_SECONDS_PER_DAY);
    else if (!window->unix_seconds && (scale == RVI_SCALE_DAYS || scale == RVI_SCALE_US))
        *out = rvi_scale_text(p->arena, field, scale == RVI_SCALE_DAYS ? day : day * RVI_US_PER_DAY);
    else
        return refuse_type(field, window->unix_seconds, err);
    return *out != NULL ? RV_OK : rvi_plan_out_of_memory(p, err);
}

rv_code rvi_plan_time_window(rvi_planner *p, rv_error *err)
{
    const rv_field *field = NULL;
    rv_range from = {.lo = {.n = 1}, .lo_inclusive = true};
    RV_TRY(rvi_plan_field(p, "time_column", p->config->time_window.column, &field, err));
    RV_TRY(first_moment(p, field, &from.lo.cells[0], err));
    from.key = rvi_plan_key_of(p, field->name, false);
    const rv_range *range = from.key != NULL ? rvi_plan_range(p, &from) : NULL;
    if (range == NULL)
        return rvi_plan_out_of_memory(p, err);
    p->plan->window = range;
    p->within[p->n_within++] = range;
    return rvi_plan_restricted(p, err);
}
