/* governor.c - how many lanes may read at once, from what the source suffers.
 *
 * It looks at what others endure (waits for locks, sessions, replicas that fall behind) and at how long our own
 * statements take for the same work, compared with the best they have done with as many lanes. Nothing in it grows
 * merely because we read: a governor that counts its own load takes lane after lane away and never gives one back.
 * One lane goes at a time, and comes back at a time; where nothing can be read it holds, and after a while gives the
 * lanes back, for being blind is no reason to be slow. */
#include "internal.h"

#include "rivet/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MISSES_TO_FAIL_OPEN = 3,
    CALM_LOOKS_TO_RAISE = 2,
    NEAR_MAX_PERCENT = 80,
    LAG_MATTERS_MS = 5000,
    LAG_GROWTH_MS = 500,
    SLOWER_BY = 2, /* times the best */
    INTERVAL_MS = 1500,
};

void rvi_governor_init(rvi_governor *governor, int least, int most)
{
    *governor = (rvi_governor){.least = least < 1 ? 1 : (least < most ? least : most), .most = most};
}

static bool is_readable(const rv_pressure *p)
{
    return p->lock_waits >= 0 || p->active_sessions >= 0 || p->replica_lag_ms >= 0;
}

/* Why a lane should go; NULL: nothing presses. */
static const char *find_pressure(rvi_governor *g, const rvi_load *load, int lanes)
{
    const rv_pressure *now = &load->pressure, *last = &g->last;
    double *best = &g->best_us_per_unit[lanes];
    bool slow = load->us_per_unit > 0 && *best > 0 && load->us_per_unit > SLOWER_BY * *best;
    if (load->us_per_unit > 0 && (*best <= 0 || load->us_per_unit < *best))
        *best = load->us_per_unit;
    if (now->lock_waits > 0 && g->has_last && now->lock_waits >= last->lock_waits && last->lock_waits > 0)
        return "other sessions keep waiting for locks";
    if (now->max_sessions > 0 && now->active_sessions >= 0 &&
        now->active_sessions >=
            now->max_sessions / 100 * NEAR_MAX_PERCENT + now->max_sessions % 100 * NEAR_MAX_PERCENT / 100)
        return "the source is close to its most sessions";
    if (g->has_last && now->replica_lag_ms > LAG_MATTERS_MS &&
        now->replica_lag_ms > last->replica_lag_ms + LAG_GROWTH_MS)
        return "a replica falls behind";
    return slow ? "our own statements take more than twice as long as they did" : NULL;
}

static const char *raise_lanes(const rvi_governor *g, int *lanes, const char *reason)
{
    if (*lanes >= g->most)
        return NULL;
    ++*lanes;
    return reason;
}

const char *rvi_governor_decide(rvi_governor *governor, const rvi_load *load, int *lanes)
{
    if (!load->readable || !is_readable(&load->pressure)) {
        governor->calm = 0;
        governor->has_last = false;
        if (++governor->misses < MISSES_TO_FAIL_OPEN)
            return NULL;
        return raise_lanes(governor, lanes, "the source's pressure cannot be read");
    }
    governor->misses = 0;
    const char *pressure = find_pressure(governor, load, *lanes);
    governor->last = load->pressure;
    governor->has_last = true;
    if (pressure == NULL)
        return ++governor->calm < CALM_LOOKS_TO_RAISE ? NULL
                                                      : raise_lanes(governor, lanes, "the source is calm");
    governor->calm = 0;
    if (*lanes <= governor->least)
        return NULL;
    --*lanes;
    return pressure;
}

/* ---- the gate that lanes pass before each page ---- */

void rvi_gate_enter(rvi_lane *lane)
{
    rvi_run *run = lane->run;
    enum { LOOK_AGAIN_US = 100 * 1000 };
    if (lane->at_work && atomic_load(&run->n_at_work) > atomic_load(&run->lanes_allowed))
        rvi_gate_leave(lane);
    while (!lane->at_work) {
        int n = atomic_load(&run->n_at_work);
        if (n < atomic_load(&run->lanes_allowed))
            lane->at_work = atomic_compare_exchange_strong(&run->n_at_work, &n, n + 1);
        else if (!run->context->clock->sleep_us(run->context->clock, LOOK_AGAIN_US, run->stop) ||
                 rvi_run_should_end(run))
            return;
    }
}

void rvi_gate_leave(rvi_lane *lane)
{
    if (lane->at_work)
        atomic_fetch_sub(&lane->run->n_at_work, 1);
    lane->at_work = false;
}

/* ---- the thread ---- */

bool rvi_governor_is_wanted(const rvi_run *run)
{
    const rv_source_ops *driver = rv_source_driver(run->context->config->source.kind);
    return run->export_config->tuning.adaptive && run->n_lanes > 1 && driver != NULL &&
           (driver->caps & RV_SOURCE_CAP_PRESSURE) != 0;
}

/* RIVET_GOVERNOR_INTERVAL_MS, for tests and for the impatient. */
static int64_t interval_us(void)
{
    const char *text = getenv("RIVET_GOVERNOR_INTERVAL_MS");
    char *end = NULL;
    long long ms = text != NULL ? strtoll(text, &end, 10) : 0;
    bool given = text != NULL && end != text && *end == '\0' && ms >= 1 && ms <= 60000;
    return (int64_t)(given ? ms : INTERVAL_MS) * 1000;
}

typedef struct watch {
    rvi_run *run;
    rv_source *source;
    rv_waker waker;
    int64_t seen_us, seen_units; /* of our statements, at the last look */
} watch;

static void interrupt_source(void *source)
{
    rv_source_interrupt(source);
}

static void close_source(watch *w)
{
    if (w->source == NULL)
        return;
    rv_cancel_remove_waker(w->run->halt, &w->waker);
    rv_source_close(w->source);
    w->source = NULL;
}

static void look(watch *w, rvi_load *load)
{
    enum { LEAST_UNITS = 1 };
    rvi_run *run = w->run;
    rv_error err = {0};
    int64_t us = atomic_load(&run->counters.statement_us), units = atomic_load(&run->counters.units_done);
    *load = (rvi_load){0};
    if (units - w->seen_units >= LEAST_UNITS)
        load->us_per_unit = (double)(us - w->seen_us) / (double)(units - w->seen_units);
    w->seen_us = us;
    w->seen_units = units;
    if (w->source == NULL &&
        rv_source_open(&w->source, &run->context->config->source, run->halt, &err) == RV_OK) {
        w->waker = (rv_waker){.wake = interrupt_source, .object = w->source};
        rv_cancel_add_waker(run->halt, &w->waker);
    }
    if (w->source != NULL)
        load->readable = rv_source_pressure(w->source, &load->pressure, &err) == RV_OK;
    if (w->source != NULL && !load->readable)
        close_source(w);
    if (!load->readable)
        rv_log(RV_LOG_DEBUG, "the source's pressure cannot be read: %s", err.message);
}

static void follow(watch *w, rvi_governor *governor)
{
    rvi_run *run = w->run;
    rvi_load load;
    int from = atomic_load(&run->lanes_allowed), to = from;
    look(w, &load);
    const char *reason = rvi_governor_decide(governor, &load, &to);
    if (reason == NULL)
        return;
    atomic_store(&run->lanes_allowed, to);
    rv_log(to < from ? RV_LOG_WARN : RV_LOG_INFO, "export '%s': %d of %d lanes read now: %s",
           run->export_config->name, to, run->n_lanes, reason);
    rvi_record_event(run, "ParallelismAdjusted",
                     json_pack("{s:i,s:i,s:s}", "from", from, "to", to, "reason", reason));
}

void *rvi_governor_main(void *argument)
{
    rvi_monitor *monitor = argument;
    rvi_run *run = monitor->run;
    const rv_clock *clock = run->context->clock;
    const int64_t every_us = interval_us();
    watch w = {.run = run};
    rvi_governor governor;
    if (!rv_connections_try(run->context->connections)) {
        rv_log(RV_LOG_WARN, "export '%s': no connection is left to watch the source with; `adaptive` is off",
               run->export_config->name);
        return NULL;
    }
    rvi_governor_init(&governor, (int)run->export_config->tuning.min_parallel, run->n_lanes);
    while (clock->sleep_us(clock, every_us, monitor->done) && !rvi_run_should_end(run))
        follow(&w, &governor);
    close_source(&w);
    rv_connections_give_back(run->context->connections);
    return NULL;
}
