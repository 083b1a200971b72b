/* chunk.c - the chunks of a run and the parts that were made of them. */
#include "state/internal.h"

#include "rivet/checked.h"

#include <assert.h>
#include <string.h>

static const char *bounds_name(rv_bounds_kind kind)
{
    switch (kind) {
    case RV_BOUNDS_ALL:
        return "all";
    case RV_BOUNDS_PHYSICAL:
        return "physical";
    case RV_BOUNDS_KEY:
        return "key";
    }
    return "unknown";
}

static bool parse_bounds(const char *name, rv_bounds_kind *out)
{
    for (rv_bounds_kind kind = RV_BOUNDS_ALL; kind <= RV_BOUNDS_PHYSICAL; kind++)
        if (strcmp(name, bounds_name(kind)) == 0) {
            *out = kind;
            return true;
        }
    return false;
}

rv_code rvi_insert_chunks(rv_state *state, const char *run_id, const rv_chunk *chunks, int64_t n_chunks,
                          rv_error *err)
{
    for (int64_t i = 0; i < n_chunks; i++) {
        const rv_chunk *chunk = &chunks[i];
        const rvi_args args = {{rvi_bind_text(run_id), rvi_bind_int(chunk->index),
                                rvi_bind_text(bounds_name(chunk->bounds.kind)),
                                rvi_bind_int(chunk->bounds.first), rvi_bind_int(chunk->bounds.last)}};
        RV_TRY_CTX(
            rvi_change(
                state,
                "INSERT INTO chunks (run_id, chunk_index, bounds_kind, bounds_first, bounds_last, status)"
                " VALUES ($1, $2, $3, $4, $5, 'pending')",
                &args, NULL, err),
            err, "chunk %lld", (long long)chunk->index);
    }
    return RV_OK;
}

static rv_code read_claimed(rv_state *state, const rvi_row *row, rv_chunk *out, rv_error *err)
{
    rvi_cells cells = rvi_cells_of(row);
    rv_chunk chunk = {.index = rvi_next_int(&cells), .status = RV_CHUNK_RUNNING};
    const char *kind = rvi_next_text(&cells);
    if (!parse_bounds(kind, &chunk.bounds.kind))
        return rvi_fail_content(state, err, "a chunk with the unknown bounds '%.32s'", kind);
    chunk.bounds.first = rvi_next_int(&cells);
    chunk.bounds.last = rvi_next_int(&cells);
    chunk.attempts = rvi_next_int(&cells);
    *out = chunk;
    return RV_OK;
}

rv_code rv_state_claim_chunk(rv_state *state, const char *run_id, const rv_owner *owner, int64_t lease_ms,
                             rv_arena *arena, rv_chunk *out, bool *found, int64_t *n_open, rv_error *err)
{
    (void)lease_ms, (void)arena;
    *n_open = 0;
    RV_AUTO(rvi_tx_discard) rv_state *tx = NULL;
    RV_TRY(rvi_tx_begin(state, &tx, err));
    RV_TRY(rvi_hold_lease(state, run_id, owner, err));
    const rvi_args args = {{rvi_bind_text(run_id)}};
    RV_AUTO(rvi_rows_free) rvi_rows *rows = NULL;
    RV_TRY(rvi_query(state,
                     "UPDATE chunks SET status = 'running', attempts = attempts + 1 WHERE run_id = $1"
                     " AND chunk_index = (SELECT min(c.chunk_index) FROM chunks c"
                     " WHERE c.run_id = $1 AND c.status = 'pending')"
                     " RETURNING chunk_index, bounds_kind, bounds_first, bounds_last, attempts",
                     &args, &rows, err));
    rv_chunk chunk = {0};
    if (rows->n > 0)
        RV_TRY(read_claimed(state, rows->first, &chunk, err));
    RV_TRY(rvi_tx_commit(&tx, err));
    *found = rows->n > 0;
    if (*found)
        *out = chunk;
    return RV_OK;
}

static rv_code insert_part(rv_state *state, const char *run_id, int64_t chunk_index, const rv_part *part,
                           int64_t now_us, rv_error *err)
{
    if (part->bytes > INT64_MAX)
        return rv_fail(err, RV_E_INTERNAL, "part '%s' has an impossible size", part->name);
    const rvi_args args = {{
        rvi_bind_text(run_id),
        rvi_bind_int(chunk_index),
        rvi_bind_int(part->sequence),
        rvi_bind_text(part->name),
        rvi_bind_int(part->rows),
        rvi_bind_int((int64_t)part->bytes),
        rvi_bind_int((int64_t)part->xxh3),
        rvi_bind_blob(part->md5, sizeof part->md5),
        rvi_bind_text(part->column_digests),
        rvi_bind_int(now_us),
    }};
    return rvi_change(state,
                      "INSERT INTO parts (run_id, chunk_index, sequence, name, n_rows, n_bytes, xxh3, md5,"
                      " column_digests, created_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                      &args, NULL, err);
}

/* A chunk is completed by the one who reads it, once. */
static rv_code mark_completed(rv_state *state, const char *run_id, int64_t chunk_index, int64_t rows,
                              rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(run_id), rvi_bind_int(chunk_index), rvi_bind_int(rows)}};
    int64_t n_changed;
    RV_TRY(rvi_change(state,
                      "UPDATE chunks SET status = 'completed', n_rows = $3"
                      " WHERE run_id = $1 AND chunk_index = $2 AND status = 'running'",
                      &args, &n_changed, err));
    if (n_changed == 1)
        return RV_OK;
    return rv_fail(err, RV_E_INTERNAL, "chunk %lld of run '%s' is not being read, so it cannot be completed",
                   (long long)chunk_index, run_id);
}

/* The rows of the parts are counted where they are encoded, those of the chunk where they are decoded. */
static rv_code check_rows(const char *run_id, int64_t chunk_index, int64_t rows, const rv_part *parts,
                          int64_t n_parts, rv_error *err)
{
    int64_t sum = 0;
    bool overflow = false;
    for (int64_t i = 0; i < n_parts; i++)
        overflow = overflow || rv_add_i64(&sum, sum, parts[i].rows);
    if (n_parts == 0 || (!overflow && sum == rows))
        return RV_OK;
    return rv_fail(err, RV_E_INTERNAL, "chunk %lld of run '%s' has %lld rows, its parts hold %lld",
                   (long long)chunk_index, run_id, (long long)rows, (long long)sum);
}

rv_code rv_state_complete_chunk(rv_state *state, const char *run_id, const rv_owner *owner,
                                const rv_chunk *chunk, const rv_part *parts, int64_t n_parts, rv_error *err)
{
    const int64_t chunk_index = chunk->index, rows = chunk->rows;
    RV_TRY(check_rows(run_id, chunk_index, rows, parts, n_parts, err));
    RV_AUTO(rvi_tx_discard) rv_state *tx = NULL;
    RV_TRY(rvi_tx_begin(state, &tx, err));
    RV_TRY(rvi_hold_lease(state, run_id, owner, err));
    RV_TRY(mark_completed(state, run_id, chunk_index, rows, err));
    const int64_t now_us = rvi_now_us(state);
    for (int64_t i = 0; i < n_parts; i++)
        RV_TRY_CTX(insert_part(state, run_id, chunk_index, &parts[i], now_us, err), err,
                   "recording part '%s'", parts[i].name);
    return rvi_tx_commit(&tx, err);
}

void rvi_read_part(rvi_cells *cells, rv_part *out)
{
    out->name = rvi_next_text(cells);
    out->chunk_index = rvi_next_int(cells);
    out->sequence = rvi_next_int(cells);
    out->rows = rvi_next_int(cells);
    out->bytes = (uint64_t)rvi_next_int(cells);
    out->xxh3 = (uint64_t)rvi_next_int(cells);
    rvi_next_blob(cells, out->md5, sizeof out->md5);
    out->column_digests = rvi_next_text(cells);
}

rv_code rv_state_list_parts(rv_state *state, const char *run_id, rv_part_fn fn, void *context, rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(run_id)}};
    RV_AUTO(rvi_rows_free) rvi_rows *rows = NULL;
    RV_TRY(rvi_query(state,
                     "SELECT " RVI_PART_COLUMNS
                     " FROM parts p WHERE p.run_id = $1 ORDER BY p.chunk_index, p.sequence",
                     &args, &rows, err));
    for (const rvi_row *row = rows->first; row; row = row->next) {
        rvi_cells cells = rvi_cells_of(row);
        rv_part part = {0};
        rvi_read_part(&cells, &part);
        RV_TRY(fn(context, &part, err));
    }
    return RV_OK;
}
