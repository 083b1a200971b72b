/* snapshot.c - the point in time that all lanes of a run read, and what follows on it.
 *
 * One lane takes the snapshot and holds it; the others join it by its name. Where chunks do not care which snapshot
 * their neighbours are read under (plan.spans_epochs), a snapshot that has grown old ends: every lane leaves it after
 * the chunk that it is reading, and the last one to leave takes the next. So within an epoch there is one point in
 * time, and no transaction of ours is older than the limit and one chunk.
 *
 * A lane that loses its connection joins again. When it was the one that holds the snapshot, nobody can join any
 * more, and the point in time is gone: the run stops reading and begins the epoch anew (run.c), as it would after a
 * crash.
 *
 * Where a snapshot cannot be joined, several connections take it together (begin_aligned), and none can come to it
 * later. They are seats: a lane takes one for each chunk and gives it up after it. So there may be fewer of them than
 * lanes, one that breaks leaves its chunk to the others, and the snapshot is only lost with the last of them. */
#include "internal.h"

#include "rivet/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { IDLE_TIMEOUT_MS = 30 * 60 * 1000, US_PER_S = 1000000 };

static void wake_waiting(void *object)
{
    rvi_snapshot *s = object;
    pthread_mutex_lock(&s->lock);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

void rvi_snapshot_wake(rvi_run *run)
{
    wake_waiting(&run->snapshot);
}

rv_code rvi_snapshot_init(rvi_run *run, rv_error *err)
{
    rvi_snapshot *s = &run->snapshot;
    if (pthread_mutex_init(&s->lock, NULL) != 0 || pthread_cond_init(&s->changed, NULL) != 0)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing the run");
    run->snapshot_waker = (rv_waker){.wake = wake_waiting, .object = s};
    rv_cancel_add_waker(run->stop, &run->snapshot_waker);
    return RV_OK;
}

void rvi_snapshot_deinit(rvi_run *run)
{
    rvi_snapshot_close_seats(run);
    if (run->snapshot_waker.wake == NULL)
        return;
    rv_cancel_remove_waker(run->stop, &run->snapshot_waker);
    pthread_cond_destroy(&run->snapshot.changed);
    pthread_mutex_destroy(&run->snapshot.lock);
}

void rvi_read_options(const rvi_run *run, rv_read_options *out)
{
    const rv_tuning *tuning = &run->export_config->tuning;
    *out = (rv_read_options){
        .snapshot = run->export_config->consistency == RV_CONSISTENCY_SNAPSHOT,
        .statement_timeout_ms = tuning->statement_timeout_s * 1000,
        .lock_timeout_ms = tuning->lock_timeout_s * 1000,
        .idle_timeout_ms =
            tuning->max_snapshot_age_s > 0 ? tuning->max_snapshot_age_s * 1000 : IDLE_TIMEOUT_MS,
        .accept_row_security = run->export_config->row_security_acknowledged,
    };
}

/* The name under which the source's snapshot is joined; "" where nobody will. */
static rv_code name_snapshot(const rvi_run *run, rv_source *source, rv_arena *arena,
                             char out[RVI_SNAPSHOT_NAME_BYTES], rv_error *err)
{
    const char *name = "";
    if (run->plan.lanes > 1)
        RV_TRY(rv_source_share_snapshot(source, arena, &name, err));
    if (strlen(name) >= RVI_SNAPSHOT_NAME_BYTES)
        return rv_fail(err, RV_E_INTERNAL, "the snapshot has a name of %zu bytes", strlen(name));
    memcpy(out, name, strlen(name) + 1);
    return RV_OK;
}

/* Called with the lock held. */
static void is_taken(rvi_run *run, const char *name)
{
    rvi_snapshot *s = &run->snapshot;
    memcpy(s->name, name, strlen(name) + 1);
    s->since_mono_us = run->context->clock->mono_us(run->context->clock);
    s->taken = true;
    s->ending = s->taking = false;
    s->lost = false;
    s->n_inside = s->by_seats ? 0 : 1;
}

static json_t *describe_epoch(int64_t epoch, int64_t wall_us)
{
    char at[RV_TIME_TEXT_BYTES];
    rv_time_rfc3339(at, wall_us);
    return json_pack("{s:I,s:s}", "epoch", (json_int_t)epoch, "snapshot_at", at);
}

/* ---- seats ---- */

bool rvi_snapshot_gives_seats(const rvi_run *run)
{
    return run->snapshot.by_seats; /* changed by main, while there are no lanes */
}

/* As many more connections as there are permits for, and as the source takes; the first one is there. */
static void add_connections(rvi_run *run, rv_source **sources, int *n, int wanted)
{
    rvi_snapshot *s = &run->snapshot;
    while (*n < wanted) {
        rv_error err = {0};
        if (s->n_permits < *n && !rv_connections_try(run->context->connections))
            return;
        s->n_permits += s->n_permits < *n;
        if (rv_source_open(&sources[*n], &run->context->config->source, run->halt, &err) != RV_OK) {
            rv_log(RV_LOG_WARN, "export '%s': no more than %d connections: %s", run->export_config->name, *n,
                   err.message);
            return;
        }
        ++*n;
    }
}

static void close_sources(rv_source **sources, int *n, int down_to)
{
    while (*n > down_to)
        rv_source_close(sources[--*n]);
}

/* All of them, or else half as many, and so on, down to one, which is always at one point in time. *why_not: NULL, or
 * why it is not all of them. On failure none is left. */
static rv_code begin_together(rvi_run *run, rv_source **sources, int *n, const char **why_not, rv_error *err)
{
    rv_read_options options;
    rv_code rc = RV_OK;
    const char *why = NULL;
    rvi_read_options(run, &options);
    *why_not = NULL;
    while (*n > 1) {
        rc = rv_source_begin_aligned(sources, *n, &options, &why, err);
        if (rc != RV_OK || why == NULL)
            break;
        *why_not = why;
        close_sources(sources, n, *n / 2);
    }
    if (rc == RV_OK && *n == 1)
        rc = rv_source_begin(sources[0], &options, err);
    if (rc != RV_OK)
        close_sources(sources, n, 0);
    return rc;
}

static bool wants_seats(const rvi_run *run)
{
    uint32_t caps = run->source->ops->caps;
    return run->plan.lanes > 1 && (caps & RV_SOURCE_CAP_ALIGNED_SNAPSHOT) != 0 &&
           (caps & RV_SOURCE_CAP_SHARED_SNAPSHOT) == 0;
}

/* The plan was made under a snapshot that nobody can join. Chunks do not depend on it: the connection begins anew with
 * the others. */
static rv_code arrange_seats(rvi_run *run, rv_error *err)
{
    rvi_snapshot *s = &run->snapshot;
    rv_source *sources[RVI_MAX_LANES] = {run->source};
    const char *why_not = NULL;
    int n = 1, lanes = run->plan.lanes < RVI_MAX_LANES ? run->plan.lanes : RVI_MAX_LANES;
    rv_source_end(run->source);
    run->source = NULL;
    add_connections(run, sources, &n, lanes);
    RV_TRY(begin_together(run, sources, &n, &why_not, err));
    if (why_not != NULL)
        rvi_run_note(run, "%d of %d lanes read: %s", n, lanes, why_not);
    run->plan.lanes = n;
    s->by_seats = n > 1;
    if (n == 1)
        run->source = sources[0];
    for (int i = 0; n > 1 && i < n; i++)
        s->seats[i] = sources[i];
    s->n_seats = n > 1 ? n : 0;
    return RV_OK;
}

void rvi_snapshot_close_seats(rvi_run *run)
{
    rvi_snapshot *s = &run->snapshot;
    for (int i = 0; i < s->n_seats; i++)
        rv_source_end(s->seats[i]);
    close_sources(s->seats, &s->n_seats, 0);
    for (; s->n_permits > 0; s->n_permits--)
        rv_connections_give_back(run->context->connections);
    s->by_seats = false;
}

rv_code rvi_snapshot_begins(rvi_run *run, rv_error *err)
{
    rvi_snapshot *s = &run->snapshot;
    char name[RVI_SNAPSHOT_NAME_BYTES] = "";
    if (!run->plan.snapshot)
        return RV_OK;
    if (wants_seats(run))
        RV_TRY(arrange_seats(run, err));
    if (!s->by_seats)
        RV_TRY(name_snapshot(run, run->source, run->arena, name, err));
    pthread_mutex_lock(&s->lock);
    is_taken(run, name);
    pthread_mutex_unlock(&s->lock);
    rvi_run_journal(run, "EpochStarted",
                    describe_epoch(s->epoch, run->context->clock->now_us(run->context->clock)));
    return RV_OK;
}

static rv_code begin_without(rvi_lane *lane, rv_error *err)
{
    rv_read_options options;
    if (lane->begun)
        return RV_OK;
    rvi_read_options(lane->run, &options);
    options.snapshot = false;
    RV_TRY(rv_source_begin(lane->source, &options, err));
    lane->begun = true;
    return RV_OK;
}

/* How a lane comes in: through the snapshot that is, or with the next one, which it is to take. */
typedef enum way_in { GIVE_UP, JOIN, TAKE } way_in;

/* *seat: of a snapshot that is by seats, with JOIN. */
static way_in wait_for_way_in(rvi_run *run, rv_source **seat)
{
    rvi_snapshot *s = &run->snapshot;
    way_in way = GIVE_UP;
    pthread_mutex_lock(&s->lock);
    while (!rv_cancel_requested(run->stop) && !s->lost && !rvi_run_is_read(run)) {
        if (s->taken && !s->ending && (!s->by_seats || s->n_seats > 0)) {
            s->n_inside++;
            *seat = s->by_seats ? s->seats[--s->n_seats] : NULL;
            way = JOIN;
            break;
        }
        if (s->n_inside == 0 && !s->taking && (!s->taken || s->ending)) {
            s->epoch += s->taken; /* the very first one has its number already */
            s->taken = false;
            s->taking = true;
            way = TAKE;
            break;
        }
        pthread_cond_wait(&s->changed, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return way;
}

static void lose(rvi_run *run, const rv_error *why)
{
    rvi_snapshot *s = &run->snapshot;
    pthread_mutex_lock(&s->lock);
    if (!s->lost)
        s->loss = *why;
    s->lost = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void step_out(rvi_lane *lane)
{
    rvi_snapshot *s = &lane->run->snapshot;
    pthread_mutex_lock(&s->lock);
    s->n_inside--;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    lane->inside = lane->holds = false;
}

static rv_code take_next(rvi_lane *lane, rv_error *err)
{
    rvi_run *run = lane->run;
    rvi_snapshot *s = &run->snapshot;
    rv_read_options options;
    char name[RVI_SNAPSHOT_NAME_BYTES] = "";
    rvi_read_options(run, &options);
    rv_code rc = rv_source_begin(lane->source, &options, err);
    lane->begun = rc == RV_OK;
    if (rc == RV_OK)
        rc = name_snapshot(run, lane->source, lane->arena, name, err);
    int64_t now_us = run->context->clock->now_us(run->context->clock);
    pthread_mutex_lock(&s->lock);
    if (rc == RV_OK)
        is_taken(run, name);
    s->taking = false;
    lane->epoch = s->epoch;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (rc != RV_OK)
        return rc;
    lane->inside = lane->holds = true;
    rvi_record_event(run, "EpochStarted", describe_epoch(lane->epoch, now_us));
    return RV_OK;
}

/* All seats are free, for nobody is inside: they take the next snapshot together. */
static rv_code take_next_together(rvi_run *run, rv_error *err)
{
    rvi_snapshot *s = &run->snapshot;
    const char *why_not = NULL;
    int64_t now_us = run->context->clock->now_us(run->context->clock);
    for (int i = 0; i < s->n_seats; i++) /* by whoever is taking, and nobody else */
        rv_source_end(s->seats[i]);
    rv_code rc = RV_OK;
    if (s->n_seats == 0) {
        rc = rv_source_open(&s->seats[0], &run->context->config->source, run->halt, err);
        s->n_seats = rc == RV_OK;
    }
    if (rc == RV_OK) {
        add_connections(run, s->seats, &s->n_seats, run->plan.lanes);
        rc = begin_together(run, s->seats, &s->n_seats, &why_not, err);
    }
    pthread_mutex_lock(&s->lock);
    if (rc == RV_OK)
        is_taken(run, "");
    s->taking = false;
    int64_t epoch = s->epoch;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    RV_TRY(rc);
    if (why_not != NULL)
        rv_log(RV_LOG_WARN, "export '%s': lanes take turns on %d connections: %s", run->export_config->name,
               s->n_seats, why_not);
    rvi_record_event(run, "EpochStarted", describe_epoch(epoch, now_us));
    return RV_OK;
}

/* Between two chunks. The connection stays as it is, for whoever comes next. */
static void stand_up(rvi_lane *lane)
{
    rvi_snapshot *s = &lane->run->snapshot;
    rv_source *seat = rvi_lane_take_back(lane);
    lane->begun = false;
    pthread_mutex_lock(&s->lock);
    s->seats[s->n_seats++] = seat;
    pthread_mutex_unlock(&s->lock);
    step_out(lane);
}

static rv_code join(rvi_lane *lane, rv_error *err)
{
    rvi_run *run = lane->run;
    rvi_snapshot *s = &run->snapshot;
    rv_read_options options;
    rv_error failure = {0};
    char name[RVI_SNAPSHOT_NAME_BYTES];
    rvi_read_options(run, &options);
    pthread_mutex_lock(&s->lock);
    memcpy(name, s->name, sizeof name);
    lane->epoch = s->epoch;
    pthread_mutex_unlock(&s->lock);
    options.shared_snapshot = name;
    lane->inside = true;
    rv_code rc = name[0] != '\0' ? rv_source_begin(lane->source, &options, &failure)
                                 : rv_fail(&failure, RV_E_SOURCE_LOST, "the snapshot cannot be joined");
    lane->begun = rc == RV_OK;
    if (rc == RV_OK)
        return RV_OK;
    step_out(lane);
    /* A server that answers, but does not know the snapshot: whoever held it is gone. */
    if (rc != RV_E_CANCELLED && (!rvi_is_passing(&failure) || name[0] == '\0'))
        lose(run, &failure);
    if (err != NULL)
        *err = failure;
    return rc;
}

rv_code rvi_snapshot_enter(rvi_lane *lane, rv_error *err)
{
    if (!lane->run->plan.snapshot)
        return begin_without(lane, err);
    rvi_run *run = lane->run;
    rvi_snapshot_let_go(lane);
    while (!lane->inside) {
        rv_source *seat = NULL;
        switch (wait_for_way_in(run, &seat)) {
        case GIVE_UP:
            return rv_fail(err, RV_E_CANCELLED, "the run was stopped");
        case JOIN:
            if (seat == NULL)
                return join(lane, err);
            rvi_lane_lend(lane, seat);
            return RV_OK;
        case TAKE:
            if (!run->snapshot.by_seats)
                return take_next(lane, err);
            RV_TRY(take_next_together(run, err));
        }
    }
    return RV_OK;
}

void rvi_snapshot_let_go(rvi_lane *lane)
{
    if (lane->inside && rvi_snapshot_gives_seats(lane->run))
        stand_up(lane);
    if (!lane->inside || !rvi_snapshot_is_ending(lane->run))
        return;
    rv_source_end(lane->source);
    lane->begun = false;
    step_out(lane);
}

void rvi_snapshot_leave(rvi_lane *lane, const rv_error *why)
{
    rvi_snapshot *s = &lane->run->snapshot;
    if (!lane->inside)
        return;
    pthread_mutex_lock(&s->lock);
    s->n_inside--;
    bool others_hold = s->by_seats && s->n_inside + s->n_seats > 0;
    if (lane->holds && why->code != RV_OK && !others_hold && !s->lost) {
        s->loss = *why;
        s->lost = true;
    }
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    lane->inside = lane->holds = false;
}

rv_code rvi_snapshot_check_age(rvi_lane *lane, rv_error *err)
{
    const rvi_run *run = lane->run;
    rvi_snapshot *s = &lane->run->snapshot;
    int64_t limit_s = run->export_config->tuning.max_snapshot_age_s;
    if (!lane->inside || limit_s <= 0)
        return RV_OK;
    int64_t now_us = run->context->clock->mono_us(run->context->clock);
    pthread_mutex_lock(&s->lock);
    int64_t age_s = (now_us - s->since_mono_us) / US_PER_S;
    bool begins_to_end = age_s >= limit_s && run->plan.spans_epochs && !s->ending;
    s->ending |= begins_to_end;
    pthread_mutex_unlock(&s->lock);
    if (begins_to_end)
        rv_log(RV_LOG_INFO,
               "the snapshot of epoch %" PRId64 " is %" PRId64
               " s old: a new one is taken after the chunks that are being read",
               lane->epoch, age_s);
    if (age_s < limit_s || run->plan.spans_epochs)
        return RV_OK;
    rv_fail(err, RV_E_SOURCE_SNAPSHOT_AGE,
            "the snapshot has been held for %" PRId64 " s; tuning.max_snapshot_age_s is %" PRId64, age_s,
            limit_s);
    rv_hint(err, "a snapshot holds back the source's vacuum; raise tuning.max_snapshot_age_s if the source "
                 "can bear it, or read by key (mode: chunked), where a run may go on under a new snapshot");
    return RV_E_SOURCE_SNAPSHOT_AGE;
}

bool rvi_snapshot_is_lost(rvi_run *run)
{
    pthread_mutex_lock(&run->snapshot.lock);
    bool lost = run->snapshot.lost;
    pthread_mutex_unlock(&run->snapshot.lock);
    return lost;
}

bool rvi_snapshot_is_ending(rvi_run *run)
{
    pthread_mutex_lock(&run->snapshot.lock);
    bool ending = run->snapshot.ending;
    pthread_mutex_unlock(&run->snapshot.lock);
    return ending;
}
