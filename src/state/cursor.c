/* cursor.c - what the last successful run of an export left for the next. */
#include "state/internal.h"

static rv_code keep_text(rv_arena *arena, const char **text, rv_error *err)
{
    if (!*text)
        return RV_OK;
    *text = rv_arena_strdup(arena, *text);
    return *text ? RV_OK : rv_fail(err, RV_E_OUT_OF_MEMORY, "cannot hold what is known of the export");
}

/* Move the strings from the result they were read from to the arena. */
static rv_code keep_memory(rv_arena *arena, rv_export_memory *memory, rv_error *err)
{
    const char **const texts[] = {
        &memory->cursor.columns, &memory->cursor.type, &memory->cursor.value, &memory->cursor.mark,
        &memory->last_run_id,    &memory->schema_json, &memory->shapes_json,  &memory->source_json,
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        RV_TRY(keep_text(arena, texts[i], err));
    return RV_OK;
}

rv_code rv_state_recall(rv_state *state, const char *export_name, rv_arena *arena, rv_export_memory *out,
                        rv_error *err)
{
    const rvi_args args = {{rvi_bind_text(export_name)}};
    RV_AUTO(rvi_rows_free) rvi_rows *rows = NULL;
    RV_TRY(rvi_query(state,
                     "SELECT e.cursor_columns, e.cursor_type, e.cursor_value, e.cursor_mark, e.last_run_id,"
                     " e.shapes_json, (SELECT s.schema_json FROM export_schema s"
                     " WHERE s.export_name = e.export_name ORDER BY s.id DESC LIMIT 1),"
                     " (SELECT r.source_json FROM runs r WHERE r.run_id = e.last_run_id)"
                     " FROM export_state e WHERE e.export_name = $1",
                     &args, &rows, err));
    rv_export_memory memory = {0};
    if (rows->n > 0) {
        rvi_cells cells = rvi_cells_of(rows->first);
        memory.cursor.columns = rvi_next_text_or_null(&cells);
        memory.cursor.type = rvi_next_text_or_null(&cells);
        memory.cursor.value = rvi_next_text_or_null(&cells);
        memory.cursor.mark = rvi_next_text_or_null(&cells);
        memory.last_run_id = rvi_next_text_or_null(&cells);
        memory.shapes_json = rvi_next_text_or_null(&cells);
        memory.schema_json = rvi_next_text_or_null(&cells);
        memory.source_json = rvi_next_text_or_null(&cells);
        memory.has_cursor = memory.cursor.value != NULL;
        RV_TRY(keep_memory(arena, &memory, err));
    }
    *out = memory;
    return RV_OK;
}

rv_code rv_state_reset_cursor(rv_state *state, const char *export_name, bool *found, rv_error *err)
{
    RV_AUTO(rvi_tx_discard) rv_state *tx = NULL;
    RV_TRY(rvi_tx_begin(state, &tx, err));
    const rvi_args args = {{rvi_bind_text(export_name)}};
    int64_t n_changed;
    RV_TRY(rvi_change(
        state,
        "UPDATE export_state SET cursor_columns = NULL, cursor_type = NULL, cursor_value = NULL,"
        " cursor_mark = NULL, cursor_run_id = NULL WHERE export_name = $1 AND cursor_value IS NOT NULL",
        &args, &n_changed, err));
    RV_TRY(rvi_tx_commit(&tx, err));
    *found = n_changed > 0;
    return RV_OK;
}
