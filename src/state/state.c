#include "state/internal.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Longer than any transaction of ours by orders of magnitude, shorter than a human's patience. */
enum { DEFAULT_BUSY_TIMEOUT_MS = 10000 };

/* What may be migrated without touching the store. One that does not exist, on a server, is an empty one in memory. */
static rv_code open_copy(rv_state **out, const rv_state_ops **ops, int64_t version, const char *location,
                         const rvi_state_options *options, rv_error *err)
{
    if (version > 0 || (*ops)->copies)
        return (*ops)->open(out, location, RVI_OPEN_COPY, options, err);
    *ops = &rvi_state_sqlite_ops;
    return (*ops)->open(out, ":memory:", RVI_OPEN_WRITE, options, err);
}

rv_code rvi_state_open(rv_state **out, const rv_state_ops *ops, const char *location, rv_state_access access,
                       const rv_clock *clock, const rvi_state_options *options, rv_error *err)
{
    const int64_t newest = ops->migrations[ops->n_migrations - 1].version;
    const bool reading = access == RV_STATE_READ;
    RV_AUTO(rv_state_close) rv_state *state = NULL;
    RV_TRY(ops->open(&state, location, reading ? RVI_OPEN_READ : RVI_OPEN_WRITE, options, err));
    state->clock = clock;

    int64_t version;
    RV_TRY(ops->schema_version(state, &version, err));
    if (version > newest)
        return rvi_fail_newer(state, version, newest, err);
    if (version < newest && reading) {
        /* A command that only shows something must not change the store, not even its version. */
        RV_AUTO(rv_state_close) rv_state *copy = NULL;
        RV_TRY(open_copy(&copy, &ops, version, location, options, err));
        rv_state_close(state);
        RV_MOVE(&state, copy);
        state->clock = clock;
    }
    if (version < newest)
        RV_TRY(rvi_migrate(state, ops->migrations, ops->n_migrations, err));
    state->read_only = reading;
    RV_MOVE(out, state);
    return RV_OK;
}

bool rv_state_is_url(const char *location)
{
    return strncmp(location, "postgresql://", 13) == 0 || strncmp(location, "postgres://", 11) == 0;
}

static rv_code choose_backend(const char *location, const rv_state_ops **out, rv_error *err)
{
    *out = &rvi_state_sqlite_ops;
    if (!rv_state_is_url(location))
        return RV_OK;
#ifdef RIVET_HAVE_POSTGRES
    (void)err;
    *out = &rvi_state_postgres_ops;
    return RV_OK;
#else
    return rv_fail(err, RV_E_STATE_UNUSABLE,
                   "this program was built without PostgreSQL and cannot keep its state there");
#endif
}

rv_code rv_state_open(rv_state **out, const char *location, rv_state_access access, const rv_clock *clock,
                      rv_error *err)
{
    assert(out && location && clock);
    const rvi_state_options options = {.busy_timeout_ms = DEFAULT_BUSY_TIMEOUT_MS};
    const rv_state_ops *ops = NULL;
    RV_TRY(choose_backend(location, &ops, err));
    return rvi_state_open(out, ops, location, access, clock, &options, err);
}

const char *rv_state_location(const rv_state *state)
{
    return state->location;
}

void rv_state_close(rv_state *state)
{
    if (state)
        state->ops->close(state);
}

const char *rv_run_status_name(rv_run_status status)
{
    switch (status) {
    case RV_RUN_RUNNING:
        return "running";
    case RV_RUN_SUCCEEDED:
        return "success";
    case RV_RUN_FAILED:
        return "failed";
    case RV_RUN_SKIPPED:
        return "skipped";
    case RV_RUN_INTERRUPTED:
        return "interrupted";
    }
    return "unknown";
}

bool rvi_run_status_parse(const char *name, rv_run_status *out)
{
    for (rv_run_status status = RV_RUN_RUNNING; status <= RV_RUN_INTERRUPTED; status++)
        if (strcmp(name, rv_run_status_name(status)) == 0) {
            *out = status;
            return true;
        }
    return false;
}

void rvi_tx_discard(rv_state *tx)
{
    if (tx)
        tx->ops->rollback(tx);
}

rv_code rvi_tx_begin(rv_state *state, rv_state **tx, rv_error *err)
{
    if (state->read_only)
        return rv_fail(err, RV_E_STATE_UNUSABLE, "the state store '%s' was opened for reading only",
                       state->location);
    RV_TRY(state->ops->begin(state, err));
    *tx = state;
    return RV_OK;
}

rv_code rvi_tx_commit(rv_state **tx, rv_error *err)
{
    RV_TRY((*tx)->ops->commit(*tx, err));
    *tx = NULL;
    return RV_OK;
}

rv_code rvi_query(rv_state *state, const char *sql, const rvi_args *args, rvi_rows **out, rv_error *err)
{
    RV_AUTO(rvi_rows_free) rvi_rows *rows = NULL;
    RV_TRY(rvi_rows_new(&rows, err));
    RV_TRY(state->ops->run(state, sql, args, rows, NULL, err));
    RV_MOVE(out, rows);
    return RV_OK;
}

rv_code rvi_change(rv_state *state, const char *sql, const rvi_args *args, int64_t *n_changed, rv_error *err)
{
    return state->ops->run(state, sql, args, NULL, n_changed, err);
}

int64_t rvi_now_us(const rv_state *state)
{
    return state->clock->now_us(state->clock) + state->skew_us;
}

rv_code rvi_fail_content(const rv_state *state, rv_error *err, const char *fmt, ...)
{
    char what[400];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    rv_code rc = rv_fail(err, RV_E_STATE_CORRUPT, "the state store holds %s ('%s')", what, state->location);
    rv_hint(err, "%s to start afresh; what it knows of past and interrupted runs is lost then",
            state->ops->removal);
    return rc;
}
