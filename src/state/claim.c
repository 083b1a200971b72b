/* claim.c - a chunk is read by one process at a time, and completed only by the one that claimed it last.
 *
 * Any process may read chunks of a running run. What keeps them apart is the row of the chunk: it names its reader, the
 * end of that reader's lease, and the number of the claim. The number fences: a reader that slept, lost its chunk and
 * perhaps got the same one again cannot complete what it read under the older claim. Every call begins by touching the
 * run's row, so on a store with row locks the claims of one run come one after the other. */
#include "state/internal.h"

#include "rivet/checked.h"

#include <stdio.h>

/* The number of the next claim; the run is running, whoever owns it. */
static rv_code count_claim(rv_state *state, const char *run_id, int64_t *claim, rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(run_id)}};
    RV_AUTO(rvi_rows_free) rvi_rows *rows = NULL;
    RV_TRY(rvi_query(state,
                     "UPDATE runs SET n_claims = n_claims + 1 WHERE run_id = $1 AND status = 'running'"
                     " RETURNING n_claims",
                     &args, &rows, err));
    if (rows->n == 0)
        return rvi_fail_lost(state, run_id, err);
    rvi_cells cells = rvi_cells_of(rows->first);
    *claim = rvi_next_int(&cells);
    return RV_OK;
}

/* Lock the run's row; it is running, whoever owns it. */
static rv_code hold_run(rv_state *state, const char *run_id, rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(run_id)}};
    int64_t n_changed;
    RV_TRY(rvi_change(state, "UPDATE runs SET n_claims = n_claims WHERE run_id = $1 AND status = 'running'",
                      &args, &n_changed, err));
    return n_changed == 1 ? RV_OK : rvi_fail_lost(state, run_id, err);
}

/* Lowers *index to that of a chunk whose reader is dead. There are as many rows as lanes at work. */
static rv_code find_abandoned(rv_state *state, const char *run_id, const rv_owner *self, int64_t *index,
                              rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(run_id), rvi_bind_text(self->text), rvi_bind_int(*index)}};
    RV_AUTO(rvi_rows_free) rvi_rows *rows = NULL;
    RV_TRY(rvi_query(state,
                     "SELECT chunk_index, owner, lease_expires_us FROM chunks WHERE run_id = $1"
                     " AND status = 'running' AND owner <> $2 AND chunk_index < $3 ORDER BY chunk_index",
                     &args, &rows, err));
    const int64_t now_us = rvi_now_us(state);
    for (const rvi_row *row = rows->first; row; row = row->next) {
        rvi_cells cells = rvi_cells_of(row);
        const int64_t candidate = rvi_next_int(&cells);
        const char *owner = rvi_next_text(&cells);
        if (!rvi_owner_alive(owner, rvi_next_int(&cells), now_us)) {
            *index = candidate;
            return RV_OK;
        }
    }
    return RV_OK;
}

/* *n_open: chunks that are not completed; *index: the one to take, INT64_MAX: none. */
static rv_code choose(rv_state *state, const char *run_id, const rv_owner *owner, int64_t *n_open,
                      int64_t *index, rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(run_id)}};
    RV_AUTO(rvi_rows_free) rvi_rows *rows = NULL;
    RV_TRY(rvi_query(state,
                     "SELECT (SELECT count(*) FROM chunks WHERE run_id = $1 AND status <> 'completed'),"
                     " (SELECT min(chunk_index) FROM chunks WHERE run_id = $1 AND status = 'pending')",
                     &args, &rows, err));
    *n_open = rows->first->cells[0].number;
    const rvi_value *pending = &rows->first->cells[1];
    *index = pending->kind == RVI_INT ? pending->number : INT64_MAX;
    return find_abandoned(state, run_id, owner, index, err);
}

static rv_code take(rv_state *state, const char *run_id, const rv_owner *owner, int64_t lease_ms,
                    const rv_chunk *wanted, rv_arena *arena, rv_chunk *out, rv_error *err)
{
    const rvi_args args = {{
        rvi_bind_text(run_id),
        rvi_bind_int(wanted->index),
        rvi_bind_text(owner->text),
        rvi_bind_int(rvi_lease_end_us(state, lease_ms)),
        rvi_bind_int(wanted->claim),
        rvi_bind_int(rvi_now_us(state)),
    }};
    RV_AUTO(rvi_rows_free) rvi_rows *rows = NULL;
    RV_TRY(rvi_query(state,
                     "UPDATE chunks SET status = 'running', owner = $3, lease_expires_us = $4, claim = $5,"
                     " attempts = attempts + 1, updated_us = $6 WHERE run_id = $1 AND chunk_index = $2"
                     " RETURNING " RVI_CHUNK_COLUMNS,
                     &args, &rows, err));
    if (rows->n != 1)
        return rvi_fail_content(state, err, "no chunk %lld of run '%.64s'", (long long)wanted->index, run_id);
    rvi_cells cells = rvi_cells_of(rows->first);
    return rvi_read_chunk(state, run_id, &cells, arena, out, err);
}

rv_code rv_state_claim_chunk(rv_state *state, const char *run_id, const rv_owner *owner, int64_t lease_ms,
                             rv_arena *arena, rv_chunk *out, bool *found, int64_t *n_open, rv_error *err)
{
    RV_AUTO(rvi_tx_discard) rv_state *tx = NULL;
    RV_TRY(rvi_tx_begin(state, &tx, err));
    rv_chunk wanted = {0}, chunk = {0};
    int64_t n = 0;
    RV_TRY(count_claim(state, run_id, &wanted.claim, err));
    RV_TRY(choose(state, run_id, owner, &n, &wanted.index, err));
    if (wanted.index == INT64_MAX) {
        *found = false;
        *n_open = n;
        return RV_OK; /* nothing to record */
    }
    RV_TRY(take(state, run_id, owner, lease_ms, &wanted, arena, &chunk, err));
    RV_TRY(rvi_tx_commit(&tx, err));
    *out = chunk;
    *found = true;
    *n_open = n;
    return RV_OK;
}

rv_code rv_state_heartbeat_chunks(rv_state *state, const char *run_id, const rv_owner *owner,
                                  int64_t lease_ms, int64_t n_held, rv_error *err)
{
    RV_AUTO(rvi_tx_discard) rv_state *tx = NULL;
    RV_TRY(rvi_tx_begin(state, &tx, err));
    RV_TRY(hold_run(state, run_id, err));
    const rvi_args args = {{rvi_bind_text(run_id), rvi_bind_text(owner->text),
                            rvi_bind_int(rvi_lease_end_us(state, lease_ms)),
                            rvi_bind_int(rvi_now_us(state))}};
    int64_t n_changed;
    RV_TRY(rvi_change(state,
                      "UPDATE chunks SET lease_expires_us = $3, updated_us = $4"
                      " WHERE run_id = $1 AND owner = $2 AND status = 'running'",
                      &args, &n_changed, err));
    if (n_changed < n_held)
        return rv_fail(err, RV_E_RUN_LEASE_LOST,
                       "%lld of the %lld chunks of run '%s' that are read here were taken over",
                       (long long)(n_held - n_changed), (long long)n_held, run_id);
    return rvi_tx_commit(&tx, err);
}

/* ---- the end of a claim ---- */

static rv_code fail_not_ours(rv_state *state, const char *run_id, int64_t chunk_index, rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(run_id), rvi_bind_int(chunk_index)}};
    RV_AUTO(rvi_rows_free) rvi_rows *rows = NULL;
    RV_TRY(rvi_query(state, "SELECT status, owner FROM chunks WHERE run_id = $1 AND chunk_index = $2", &args,
                     &rows, err));
    const char *status = "not recorded";
    char reader[RV_OWNER_WORDS_BYTES + 4] = "";
    if (rows->n > 0) {
        rvi_cells cells = rvi_cells_of(rows->first);
        status = rvi_next_text(&cells);
        const char *owner = rvi_next_text_or_null(&cells);
        if (owner) {
            char words[RV_OWNER_WORDS_BYTES];
            rv_owner_words(words, owner);
            snprintf(reader, sizeof reader, " by %s", words);
        }
    }
    return rv_fail(err, RV_E_RUN_LEASE_LOST, "chunk %lld of run '%s' is no longer read here: it is %s%s",
                   (long long)chunk_index, run_id, status, reader);
}

static rv_code mark_completed(rv_state *state, const char *run_id, const rv_owner *owner,
                              const rv_chunk *chunk, rv_error *err)
{
    const rvi_args args = {{
        rvi_bind_text(run_id),
        rvi_bind_int(chunk->index),
        rvi_bind_text(owner->text),
        rvi_bind_int(chunk->claim),
        rvi_bind_int(chunk->rows),
        rvi_bind_int(chunk->epoch),
        rvi_bind_int(rvi_now_us(state)),
        rvi_bind_text_or_null(chunk->tally),
    }};
    int64_t n_changed;
    RV_TRY(rvi_change(
        state,
        "UPDATE chunks SET status = 'completed', owner = NULL, lease_expires_us = NULL,"
        " n_rows = $5, epoch = $6, last_error = NULL, updated_us = $7, tally = $8 WHERE run_id = $1"
        " AND chunk_index = $2 AND owner = $3 AND claim = $4 AND status = 'running'",
        &args, &n_changed, err));
    return n_changed == 1 ? RV_OK : fail_not_ours(state, run_id, chunk->index, err);
}

/* The rows of the parts are counted where they are encoded, those of the chunk where they are decoded. */
static rv_code check_rows(const char *run_id, const rv_chunk *chunk, const rv_part *parts, int64_t n_parts,
                          rv_error *err)
{
    int64_t sum = 0;
    bool overflow = false;
    for (int64_t i = 0; i < n_parts; i++)
        overflow = overflow || rv_add_i64(&sum, sum, parts[i].rows);
    if (n_parts == 0 || (!overflow && sum == chunk->rows))
        return RV_OK;
    return rv_fail(err, RV_E_INTERNAL, "chunk %lld of run '%s' has %lld rows, its parts hold %lld",
                   (long long)chunk->index, run_id, (long long)chunk->rows, (long long)sum);
}

rv_code rv_state_complete_chunk(rv_state *state, const char *run_id, const rv_owner *owner,
                                const rv_chunk *chunk, const rv_chunk_yield *yield, rv_error *err)
{
    const rv_part *parts = yield->parts;
    RV_TRY(check_rows(run_id, chunk, parts, yield->n_parts, err));
    RV_AUTO(rvi_tx_discard) rv_state *tx = NULL;
    RV_TRY(rvi_tx_begin(state, &tx, err));
    RV_TRY(hold_run(state, run_id, err));
    RV_TRY(mark_completed(state, run_id, owner, chunk, err));
    for (int64_t i = 0; i < yield->n_parts; i++)
        RV_TRY_CTX(rvi_insert_part(state, run_id, chunk->index, &parts[i], err), err, "recording part '%s'",
                   parts[i].name);
    RV_TRY(rvi_insert_seen(state, run_id, chunk, err));
    for (int64_t i = 0; i < yield->n_events; i++)
        RV_TRY(rvi_insert_event(state, &yield->events[i], err));
    return rvi_tx_commit(&tx, err);
}

rv_code rv_state_release_chunk(rv_state *state, const char *run_id, const rv_owner *owner,
                               int64_t chunk_index, const char *reason, rv_error *err)
{
    RV_AUTO(rvi_tx_discard) rv_state *tx = NULL;
    RV_TRY(rvi_tx_begin(state, &tx, err));
    RV_TRY(hold_run(state, run_id, err));
    char message[RVI_MESSAGE_BYTES];
    const rvi_args args = {{rvi_bind_text(run_id), rvi_bind_int(chunk_index), rvi_bind_text(owner->text),
                            rvi_bind_message(message, reason), rvi_bind_int(rvi_now_us(state))}};
    int64_t n_changed;
    RV_TRY(rvi_change(state,
                      "UPDATE chunks SET status = 'pending', owner = NULL, lease_expires_us = NULL,"
                      " last_error = $4, updated_us = $5"
                      " WHERE run_id = $1 AND chunk_index = $2 AND owner = $3 AND status = 'running'",
                      &args, &n_changed, err));
    if (n_changed != 1)
        return fail_not_ours(state, run_id, chunk_index, err);
    return rvi_tx_commit(&tx, err);
}

rv_code rv_state_reopen_chunks(rv_state *state, const char *run_id, const rv_owner *owner,
                               const int64_t *indexes, int64_t n, rv_error *err)
{
    RV_AUTO(rvi_tx_discard) rv_state *tx = NULL;
    RV_TRY(rvi_tx_begin(state, &tx, err));
    RV_TRY(rvi_hold_lease(state, run_id, owner, err));
    for (int64_t i = 0; i < n; i++) {
        const rvi_args parts = {{rvi_bind_text(run_id), rvi_bind_int(indexes[i])}};
        const rvi_args chunk = {
            {rvi_bind_text(run_id), rvi_bind_int(indexes[i]), rvi_bind_int(rvi_now_us(state))}};
        RV_TRY(
            rvi_change(state, "DELETE FROM parts WHERE run_id = $1 AND chunk_index = $2", &parts, NULL, err));
        RV_TRY(rvi_change(
            state,
            "UPDATE chunks SET status = 'pending', owner = NULL, lease_expires_us = NULL,"
            " n_rows = 0, epoch = 0, tally = NULL, updated_us = $3 WHERE run_id = $1 AND chunk_index = $2",
            &chunk, NULL, err));
    }
    return rvi_tx_commit(&tx, err);
}

rv_code rvi_release_all(rv_state *state, const char *run_id, const char *owner, rv_error *err)
{
    const rvi_args args = {
        {rvi_bind_text(run_id), rvi_bind_text_or_null(owner), rvi_bind_int(rvi_now_us(state))}};
    return rvi_change(
        state,
        "UPDATE chunks SET status = 'pending', owner = NULL, lease_expires_us = NULL,"
        " updated_us = $3 WHERE run_id = $1 AND status = 'running' AND owner = coalesce($2, owner)",
        &args, NULL, err);
}
