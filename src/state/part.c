/* part.c - the parts that were made of a chunk. */
#include "state/internal.h"

rv_code rvi_insert_part(rv_state *state, const char *run_id, int64_t chunk_index, const rv_part *part,
                        rv_error *err)
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
        rvi_bind_int(rvi_now_us(state)),
    }};
    return rvi_change(state,
                      "INSERT INTO parts (run_id, chunk_index, sequence, name, n_rows, n_bytes, xxh3, md5,"
                      " column_digests, created_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                      &args, NULL, err);
}

rv_code rvi_forget_parts(rv_state *state, const char *run_id, rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(run_id)}};
    return rvi_change(state, "DELETE FROM parts WHERE run_id = $1", &args, NULL, err);
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
