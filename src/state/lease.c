/* lease.c - one process holds a run, and says so in the run's row.
 *
 * A lease is taken when a run is started or taken over and ends with the run's verdict. Every call that plans, renews
 * or ends a run names its owner and begins with rvi_hold_lease(): if the row says somebody else, nothing is recorded. So
 * a process that slept through its lease and woke up after a take-over cannot spoil the new owner's work. The time of
 * expiry only serves to judge owners of which nothing else can be known. Chunks have leases of their own: claim.c. */
#include "state/internal.h"

#include "rivet/checked.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int64_t rvi_lease_end_us(const rv_state *state, int64_t lease_ms)
{
    assert(lease_ms > 0);
    int64_t us;
    if (rv_mul_i64(&us, lease_ms, 1000) || rv_add_i64(&us, us, rvi_now_us(state)))
        return INT64_MAX;
    return us;
}

/* What the store says about the holder of a run, whatever its status. */
typedef struct holder {
    bool recorded; /* there is such a run */
    rv_run_status status;
    rv_owner owner; /* "" once the run has ended */
    int64_t lease_expires_us;
} holder;

static rv_code read_holder(rv_state *state, const char *run_id, holder *out, rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(run_id)}};
    RV_AUTO(rvi_rows_free) rvi_rows *rows = NULL;
    RV_TRY(rvi_query(state, "SELECT status, owner, lease_expires_us FROM runs WHERE run_id = $1", &args,
                     &rows, err));
    holder found = {.recorded = rows->n > 0};
    if (found.recorded) {
        rvi_cells cells = rvi_cells_of(rows->first);
        const char *status = rvi_next_text(&cells);
        if (!rvi_run_status_parse(status, &found.status))
            return rvi_fail_content(state, err, "the unknown run status '%.32s'", status);
        snprintf(found.owner.text, sizeof found.owner.text, "%s", rvi_next_text(&cells));
        found.lease_expires_us = rvi_next_int(&cells);
    }
    *out = found;
    return RV_OK;
}

rv_code rvi_fail_lost(rv_state *state, const char *run_id, rv_error *err)
{
    holder now = {0};
    RV_TRY(read_holder(state, run_id, &now, err));
    if (!now.recorded)
        return rv_fail(err, RV_E_RUN_LEASE_LOST, "run '%s' is not recorded in the state store '%s'", run_id,
                       state->location);
    if (now.status != RV_RUN_RUNNING)
        return rv_fail(err, RV_E_RUN_LEASE_LOST, "run '%s' was ended by another process as %s", run_id,
                       rv_run_status_name(now.status));
    if (!now.owner.text[0])
        return rv_fail(err, RV_E_RUN_LEASE_LOST, "run '%s' was handed back", run_id);
    char words[RV_OWNER_WORDS_BYTES];
    rv_owner_words(words, now.owner.text);
    return rv_fail(err, RV_E_RUN_LEASE_LOST, "run '%s' was taken over by %s", run_id, words);
}

rv_code rvi_hold_lease(rv_state *state, const char *run_id, const rv_owner *owner, rv_error *err)
{
    const rvi_args args = {
        {rvi_bind_text(run_id), rvi_bind_text(owner->text), rvi_bind_int(rvi_now_us(state))}};
    int64_t n_changed;
    RV_TRY(rvi_change(state,
                      "UPDATE runs SET seen_us = $3 WHERE run_id = $1 AND owner = $2 AND status = 'running'",
                      &args, &n_changed, err));
    return n_changed == 1 ? RV_OK : rvi_fail_lost(state, run_id, err);
}

rv_code rv_state_heartbeat(rv_state *state, const char *run_id, const rv_owner *owner, int64_t lease_ms,
                           rv_error *err)
{
    RV_AUTO(rvi_tx_discard) rv_state *tx = NULL;
    RV_TRY(rvi_tx_begin(state, &tx, err));
    RV_TRY(rvi_hold_lease(state, run_id, owner, err));
    const rvi_args args = {{rvi_bind_text(run_id), rvi_bind_int(rvi_lease_end_us(state, lease_ms))}};
    RV_TRY(rvi_change(state, "UPDATE runs SET lease_expires_us = $2 WHERE run_id = $1", &args, NULL, err));
    return rvi_tx_commit(&tx, err);
}

rv_code rvi_fail_alive(rv_state *state, const char *run_id, rv_error *err)
{
    holder now = {0};
    RV_TRY(read_holder(state, run_id, &now, err));
    char words[RV_OWNER_WORDS_BYTES];
    rv_owner_words(words, now.owner.text);
    rv_code rc = rv_fail(err, RV_E_RUN_LEASE_HELD, "run '%s' is held by %s", run_id, words);
    char until[RV_TIME_TEXT_BYTES];
    rv_time_rfc3339(until, now.lease_expires_us);
    rv_hint(err, "wait for it or stop it; if its host is gone, its lease ends at %s unless it renews it",
            until);
    return rc;
}

/* The chunks that the dead owner was reading are to be read again; its parts of them were never recorded. Those that
 * others read are judged one by one when they are claimed. */
static rv_code change_owner(rv_state *state, const char *run_id, const rv_owner *from, const rv_owner *to,
                            int64_t lease_ms, rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(run_id), rvi_bind_text(from->text), rvi_bind_text(to->text),
                            rvi_bind_int(rvi_now_us(state)),
                            rvi_bind_int(rvi_lease_end_us(state, lease_ms))}};
    int64_t n_changed;
    RV_TRY(rvi_change(state,
                      "UPDATE runs SET owner = $3, owned_since_us = $4, seen_us = $4, lease_expires_us = $5"
                      " WHERE run_id = $1 AND owner = $2 AND status = 'running'",
                      &args, &n_changed, err));
    if (n_changed != 1)
        return rv_fail(err, RV_E_RUN_LEASE_HELD, "run '%s' was just taken over by another process", run_id);
    return rvi_release_all(state, run_id, from->text, err);
}

rv_code rv_state_take_over(rv_state *state, const char *run_id, const rv_owner *owner, int64_t lease_ms,
                           rv_error *err)
{
    RV_AUTO(rvi_tx_discard) rv_state *tx = NULL;
    RV_TRY(rvi_tx_begin(state, &tx, err));
    holder now = {0};
    RV_TRY(read_holder(state, run_id, &now, err));
    if (!now.recorded || now.status != RV_RUN_RUNNING)
        return rv_fail(err, RV_E_RUN_LEASE_HELD, "run '%s' is no longer open: another process ended it",
                       run_id);
    if (rvi_owner_alive(now.owner.text, now.lease_expires_us, rvi_now_us(state)))
        return rvi_fail_alive(state, run_id, err);
    RV_TRY(change_owner(state, run_id, &now.owner, owner, lease_ms, err));
    return rvi_tx_commit(&tx, err);
}

/* An owner without a name and a lease without time: dead by every rule, so anybody's to take over. */
rv_code rv_state_hand_back(rv_state *state, const char *run_id, const rv_owner *owner, rv_error *err)
{
    RV_AUTO(rvi_tx_discard) rv_state *tx = NULL;
    RV_TRY(rvi_tx_begin(state, &tx, err));
    RV_TRY(rvi_hold_lease(state, run_id, owner, err));
    const rvi_args args = {{rvi_bind_text(run_id)}};
    RV_TRY(rvi_change(state, "UPDATE runs SET owner = '', lease_expires_us = 0 WHERE run_id = $1", &args,
                      NULL, err));
    RV_TRY(rvi_release_all(state, run_id, owner->text, err));
    return rvi_tx_commit(&tx, err);
}
