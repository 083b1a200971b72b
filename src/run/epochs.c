/* epochs.c - which part was read at which point in time, for the manifest of a run under snapshots.
 *
 * Chunks know their epoch from the state store; when an epoch's snapshot was taken stands in the journal, so it is
 * known of epochs of earlier processes too. */
#include "internal.h"

#include <string.h>

typedef struct chunk_epochs {
    int64_t *epochs; /* by chunk */
    int64_t n, newest;
} chunk_epochs;

static rv_code note_chunk(void *context, const rv_chunk_row *row, rv_error *err)
{
    chunk_epochs *c = context;
    if (row->chunk.index < 0 || row->chunk.index >= c->n)
        return rv_fail(err, RV_E_STATE_CORRUPT, "the state store has a chunk too many of %s", row->run_id);
    c->epochs[row->chunk.index] = row->chunk.epoch;
    if (row->chunk.epoch > c->newest)
        c->newest = row->chunk.epoch;
    return RV_OK;
}

typedef struct epoch_times {
    rv_arena *arena;
    rv_manifest_epoch *epochs;
    int64_t n;
} epoch_times;

/* An epoch that was begun again has two events; the later one is the one that counts. */
static rv_code note_event(void *context, const rv_journal_row *row, rv_error *err)
{
    epoch_times *times = context;
    if (strcmp(row->event, "EpochStarted") != 0)
        return RV_OK;
    json_t *detail = row->detail_json != NULL ? json_loads(row->detail_json, 0, NULL) : NULL;
    int64_t epoch = json_integer_value(json_object_get(detail, "epoch"));
    const char *at = json_string_value(json_object_get(detail, "snapshot_at"));
    const char *copy = at != NULL ? rv_arena_strdup(times->arena, at) : NULL;
    json_decref(detail);
    if (at != NULL && copy == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "describing the epochs of the run");
    if (epoch >= 0 && epoch < times->n)
        times->epochs[epoch].snapshot_at = copy;
    return RV_OK;
}

rv_code rvi_describe_epochs(rvi_run *run, const rvi_part_list *parts, rv_manifest *out, rv_error *err)
{
    rv_arena *arena = run->arena;
    if (!run->plan.snapshot)
        return RV_OK;
    chunk_epochs chunks = {.n = run->plan.n_chunks};
    chunks.epochs = rv_arena_alloc(arena, (size_t)chunks.n, sizeof *chunks.epochs);
    int64_t *of_parts = rv_arena_alloc(arena, (size_t)parts->n, sizeof *of_parts);
    if (chunks.epochs == NULL || of_parts == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "describing the epochs of the run");
    RV_TRY(rv_state_list_chunks(run->state, run->run_id, note_chunk, &chunks, err));
    epoch_times times = {.arena = arena, .n = chunks.newest + 1};
    times.epochs = rv_arena_alloc(arena, (size_t)times.n, sizeof *times.epochs);
    if (times.epochs == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "describing the epochs of the run");
    for (int64_t i = 0; i < times.n; i++)
        times.epochs[i].epoch = i;
    RV_TRY(rv_state_list_journal(run->state, NULL, run->run_id, 0, note_event, &times, err));
    for (int64_t i = 0; i < parts->n; i++)
        of_parts[i] = chunks.epochs[parts->parts[i].chunk_index];
    out->epochs = times.epochs;
    out->n_epochs = (int)times.n;
    out->part_epochs = of_parts;
    return RV_OK;
}
