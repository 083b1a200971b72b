/* chunk.c - the chunks of a run: recorded when it is planned, read back when one is claimed or shown. */
#include "state/internal.h"

#include "rivet/bytes.h"

#include <stdio.h>
#include <string.h>

/* Bounds hold a few key values of a few columns each; a cell of a key is at most what an index entry can hold. */
enum { BOUNDS_MAX_BYTES = 1 << 20 };

const char *rv_chunk_status_name(rv_chunk_status status)
{
    switch (status) {
    case RV_CHUNK_PENDING:
        return "pending";
    case RV_CHUNK_RUNNING:
        return "running";
    case RV_CHUNK_COMPLETED:
        return "completed";
    }
    return "unknown";
}

static bool parse_status(const char *name, rv_chunk_status *out)
{
    for (rv_chunk_status status = RV_CHUNK_PENDING; status <= RV_CHUNK_COMPLETED; status++)
        if (strcmp(name, rv_chunk_status_name(status)) == 0) {
            *out = status;
            return true;
        }
    return false;
}

static rv_code insert_chunk(rv_state *state, const char *run_id, const rv_chunk *chunk, rv_bytes *text,
                            rv_error *err)
{
    const char *bounds = NULL;
    rv_bytes_clear(text);
    RV_TRY(rv_bounds_write(&chunk->bounds, text, err));
    RV_TRY(rv_bytes_cstr(text, &bounds, err));
    const rvi_args args = {{rvi_bind_text(run_id), rvi_bind_int(chunk->index), rvi_bind_text(bounds),
                            rvi_bind_int(rvi_now_us(state))}};
    return rvi_change(state,
                      "INSERT INTO chunks (run_id, chunk_index, bounds, status, updated_us)"
                      " VALUES ($1, $2, $3, 'pending', $4)",
                      &args, NULL, err);
}

rv_code rvi_insert_chunks(rv_state *state, const char *run_id, const rv_chunk *chunks, int64_t n_chunks,
                          rv_error *err)
{
    rv_bytes text = RV_BYTES_INIT(BOUNDS_MAX_BYTES);
    rv_code rc = RV_OK;
    for (int64_t i = 0; i < n_chunks && rc == RV_OK; i++) {
        rc = insert_chunk(state, run_id, &chunks[i], &text, err);
        if (rc != RV_OK)
            rc = rv_wrap(err, rc, "chunk %lld", (long long)chunks[i].index);
    }
    rv_bytes_deinit(&text);
    return rc;
}

rv_code rvi_forget_chunks(rv_state *state, const char *run_id, rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(run_id)}};
    return rvi_change(state, "DELETE FROM chunks WHERE run_id = $1", &args, NULL, err);
}

/* What cannot be read may not be guessed: rows would be missing, or come twice. */
static rv_code fail_bounds(const rv_state *state, const char *run_id, int64_t index, const char *why,
                           rv_error *err)
{
    rv_code rc = rv_fail(err, RV_E_STATE_CORRUPT,
                         "the bounds of chunk %lld of run '%s' cannot be read: %s (state store '%s')",
                         (long long)index, run_id, why, state->location);
    rv_hint(err,
            "nothing was read or changed; 'rivet state reset-chunks' gives this run up, and the next one "
            "reads everything anew");
    return rc;
}

rv_code rvi_read_chunk(const rv_state *state, const char *run_id, rvi_cells *cells, rv_arena *arena,
                       rv_chunk *out, rv_error *err)
{
    rv_chunk chunk = {.index = rvi_next_int(cells)};
    const char *bounds = rvi_next_text(cells);
    const char *status = rvi_next_text(cells);
    if (!parse_status(status, &chunk.status))
        return rvi_fail_content(state, err, "the unknown chunk status '%.32s'", status);
    chunk.attempts = rvi_next_int(cells);
    chunk.rows = rvi_next_int(cells);
    chunk.epoch = rvi_next_int(cells);
    chunk.claim = rvi_next_int(cells);
    const char *tally = rvi_next_text_or_null(cells);
    chunk.tally = tally != NULL ? rv_arena_strdup(arena, tally) : NULL;
    if (tally != NULL && chunk.tally == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "cannot hold what was counted of chunk %lld",
                       (long long)chunk.index);
    rv_error broken = {0};
    rv_code rc = rv_bounds_parse(bounds, arena, &chunk.bounds, &broken);
    if (rc == RV_E_OUT_OF_MEMORY)
        return rv_fail(err, rc, "cannot hold the bounds of chunk %lld", (long long)chunk.index);
    if (rc != RV_OK)
        return fail_bounds(state, run_id, chunk.index, broken.message, err);
    *out = chunk;
    return RV_OK;
}

static rv_code show_chunk(rv_state *state, const rvi_row *row, rv_arena *arena, rv_chunk_fn fn, void *context,
                          rv_error *err)
{
    rvi_cells cells = rvi_cells_of(row);
    rv_chunk_row shown = {.run_id = rvi_next_text(&cells)};
    shown.export_name = rvi_next_text(&cells);
    shown.last_error = rvi_next_text_or_null(&cells);
    snprintf(shown.owner.text, sizeof shown.owner.text, "%s", rvi_next_text(&cells));
    shown.updated_us = rvi_next_int(&cells);
    RV_TRY(rvi_read_chunk(state, shown.run_id, &cells, arena, &shown.chunk, err));
    return fn(context, &shown, err);
}

rv_code rv_state_list_chunks(rv_state *state, const char *run_id, rv_chunk_fn fn, void *context,
                             rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(run_id)}};
    RV_AUTO(rvi_rows_free) rvi_rows *rows = NULL;
    RV_TRY(rvi_query(
        state,
        "SELECT run_id, (SELECT r.export_name FROM runs r WHERE r.run_id = c.run_id), last_error,"
        " owner, updated_us, " RVI_CHUNK_COLUMNS " FROM chunks c WHERE run_id = $1 ORDER BY chunk_index",
        &args, &rows, err));
    for (const rvi_row *row = rows->first; row; row = row->next) {
        RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
        RV_TRY(rv_arena_new(&arena, RVI_CHUNK_ARENA_BYTES, err));
        RV_TRY(show_chunk(state, row, arena, fn, context, err));
    }
    return RV_OK;
}
