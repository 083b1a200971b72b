/* seen.c - digests of exported rows, kept with the chunk that they came with until the next run has left its own. */
#include "state/internal.h"

rv_code rvi_insert_seen(rv_state *state, const char *run_id, const rv_chunk *chunk, rv_error *err)
{
    const rvi_args where = {{rvi_bind_text(run_id), rvi_bind_int(chunk->index)}};
    const rvi_args args = {
        {rvi_bind_text(run_id), rvi_bind_int(chunk->index), rvi_bind_blob(chunk->seen, chunk->seen_bytes)}};
    RV_TRY(rvi_change(state, "DELETE FROM chunk_digests WHERE run_id = $1 AND chunk_index = $2", &where, NULL,
                      err));
    if (chunk->seen_bytes == 0)
        return RV_OK;
    return rvi_change(state, "INSERT INTO chunk_digests (run_id, chunk_index, digests) VALUES ($1, $2, $3)",
                      &args, NULL, err);
}

rv_code rvi_forget_seen(rv_state *state, const char *run_id, rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(run_id)}};
    return rvi_change(state, "DELETE FROM chunk_digests WHERE run_id = $1", &args, NULL, err);
}

rv_code rvi_settle_seen(rv_state *state, const char *run_id, rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(run_id)}};
    return rvi_change(
        state,
        "DELETE FROM chunk_digests WHERE run_id <> $1 AND run_id IN (SELECT r.run_id FROM runs r"
        " WHERE r.export_name = (SELECT o.export_name FROM runs o WHERE o.run_id = $1))",
        &args, NULL, err);
}

rv_code rv_state_list_seen(rv_state *state, const char *export_name, rv_seen_fn fn, void *context,
                           rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(export_name)}};
    RV_AUTO(rvi_rows_free) rvi_rows *rows = NULL;
    RV_TRY(rvi_query(state,
                     "SELECT d.digests FROM chunk_digests d JOIN export_state e ON e.cursor_run_id = d.run_id"
                     " WHERE e.export_name = $1 ORDER BY d.chunk_index",
                     &args, &rows, err));
    for (const rvi_row *row = rows->first; row; row = row->next) {
        rvi_cells cells = rvi_cells_of(row);
        size_t len = 0;
        const void *bytes = rvi_next_bytes(&cells, &len);
        RV_TRY(fn(context, bytes, len, err));
    }
    return RV_OK;
}
