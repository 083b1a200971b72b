/* recorder.c - the only thread that writes state while a run is going on. */
#include "internal.h"

#include "rivet/crash_point.h"
#include "rivet/log.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

void rvi_run_journal(rvi_run *run, const char *event, json_t *detail)
{
    rv_error err = {0};
    char *text = detail != NULL ? json_dumps(detail, JSON_COMPACT) : NULL;
    json_decref(detail);
    rv_code rc = text != NULL
                     ? rv_state_journal(run->state, run->run_id, run->export_config->name, event, text, &err)
                     : rv_fail(&err, RV_E_OUT_OF_MEMORY, "rendering its detail");
    if (rc != RV_OK)
        rv_log(RV_LOG_WARN, "journal event %s was not recorded: %s", event, err.message);
    free(text);
}

rv_code rvi_record_push(rvi_run *run, rvi_record_kind kind, rvi_lane *lane, rv_error *err)
{
    rvi_record *record = calloc(1, sizeof *record);
    if (record == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "asking the recorder");
    record->kind = kind;
    record->lane = lane;
    if (rv_queue_push(run->records, record, 1))
        return RV_OK;
    rvi_record_free(record);
    return rv_fail(err, RV_E_CANCELLED, "the run was stopped");
}

void rvi_record_event(rvi_run *run, const char *event, json_t *detail)
{
    rvi_record *record = calloc(1, sizeof *record);
    if (record == NULL) {
        json_decref(detail);
        rv_log(RV_LOG_WARN, "journal event %s was not recorded: out of memory", event);
        return;
    }
    *record = (rvi_record){.kind = RVI_RECORD_EVENT, .event = event, .detail = detail};
    if (!rv_queue_push(run->records, record, 1)) /* the run is being given up */
        rvi_record_free(record);
}

/* What the recorder remembers: the lanes that asked for a chunk when there was none. */
typedef struct recorder {
    rvi_run *run;
    bool waits[RVI_MAX_LANES];
} recorder;

static json_t *claim_detail(const rv_chunk *chunk)
{
    char bounds[256];
    rv_bounds_text(bounds, sizeof bounds, &chunk->bounds);
    return json_pack("{s:I,s:I,s:I,s:s}", "chunk_index", (json_int_t)chunk->index, "start_key",
                     (json_int_t)chunk->bounds.first, "end_key", (json_int_t)chunk->bounds.last, "bounds",
                     bounds);
}

static rv_code send_claim(rvi_lane *lane, const rvi_claim *claim, rv_error *err)
{
    rvi_claim *copy = malloc(sizeof *copy);
    if (copy == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "claiming a chunk");
    *copy = *claim;
    if (rv_queue_push(lane->claims, copy, 1))
        return RV_OK;
    free(copy);
    return rv_fail(err, RV_E_CANCELLED, "the run was stopped");
}

/* patient: without a chunk there is no answer yet, the lane waits on. */
static rv_code answer_claim(recorder *r, rvi_lane *lane, bool patient, rv_error *err)
{
    rvi_run *run = r->run;
    rvi_claim claim = {0};
    if (rvi_run_should_end(run)) {
        claim.n_open = 1;
        r->waits[lane->index] = false;
        return send_claim(lane, &claim, err);
    }
    rv_code rc = rv_state_claim_chunk(run->state, run->run_id, &run->owner, RVI_LEASE_MS, lane->arena,
                                      &claim.chunk, &claim.found, &claim.n_open, err);
    if (rc == RV_E_RUN_LEASE_LOST && run->joined)
        claim = (rvi_claim){0}; /* its owner has ended it: there is nothing left to help with */
    else if (rc != RV_OK)
        return rc;
    r->waits[lane->index] = !claim.found && claim.n_open > 0 && patient;
    if (r->waits[lane->index])
        return RV_OK;
    if (!claim.found)
        return send_claim(lane, &claim, err);
    run->n_held++;
    RV_CRASH_POINT("after-chunk-claim");
    json_t *detail = claim_detail(&claim.chunk); /* now: the chunk lies in the lane's arena */
    rc = send_claim(lane, &claim, err);
    rvi_run_journal(run, "ChunkStarted", detail); /* while the lane reads */
    return rc;
}

static rv_code answer_waiting(recorder *r, bool patient, rv_error *err)
{
    for (int i = 0; i < r->run->n_lanes; i++)
        if (r->waits[i])
            RV_TRY(answer_claim(r, &r->run->lanes[i], patient, err));
    return RV_OK;
}

/* What the journal says of a chunk, recorded with it. */
typedef struct chunk_events {
    rv_journal_row *rows;
    int64_t n;
} chunk_events;

static rv_code add_event(chunk_events *events, rvi_run *run, const char *event, json_t *detail, rv_error *err)
{
    char *text = detail != NULL ? json_dumps(detail, JSON_COMPACT) : NULL;
    json_decref(detail);
    if (text == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "telling of a chunk");
    events->rows[events->n++] = (rv_journal_row){
        .run_id = run->run_id, .export_name = run->export_config->name, .event = event, .detail_json = text};
    return RV_OK;
}

static void free_events(chunk_events *events)
{
    for (int64_t i = 0; i < events->n; i++)
        free((char *)events->rows[i].detail_json);
    free(events->rows);
}

/* One for each part, and one for the chunk. */
static rv_code tell_of_chunk(rvi_run *run, const rvi_record *record, chunk_events *events, rv_error *err)
{
    events->rows = calloc((size_t)record->n_parts + 1, sizeof *events->rows);
    if (events->rows == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "telling of a chunk");
    for (int64_t i = 0; i < record->n_parts; i++) {
        const rv_part *part = &record->parts[i];
        RV_TRY(
            add_event(events, run, "FileWritten",
                      json_pack("{s:s,s:I,s:I,s:I}", "file_name", part->name, "rows", (json_int_t)part->rows,
                                "bytes", (json_int_t)part->bytes, "part_index", (json_int_t)part->sequence),
                      err));
    }
    return add_event(events, run, "ChunkCompleted",
                     json_pack("{s:I,s:I}", "chunk_index", (json_int_t)record->chunk_index, "rows",
                               (json_int_t)record->rows),
                     err);
}

static rv_code complete_chunk(rvi_run *run, const rvi_record *record, rv_error *err)
{
    const rv_chunk chunk = {.index = record->chunk_index,
                            .rows = record->rows,
                            .epoch = record->epoch,
                            .claim = record->claim,
                            .tally = record->tally,
                            .seen = record->seen.data,
                            .seen_bytes = record->seen.len};
    chunk_events events = {0};
    rv_code rc = tell_of_chunk(run, record, &events, err);
    if (rc == RV_OK) {
        const rv_chunk_yield yield = {
            .parts = record->parts, .n_parts = record->n_parts, .events = events.rows, .n_events = events.n};
        rc = rv_state_complete_chunk(run->state, run->run_id, &run->owner, &chunk, &yield, err);
    }
    free_events(&events);
    RV_TRY(rc);
    run->n_held--;
    RV_CRASH_POINT("after-chunk-complete");
    atomic_fetch_add(&run->counters.chunks_done, 1);
    if (rvi_run_is_read(run))
        rvi_lanes_stop_waiting(run);
    return RV_OK;
}

static rv_code record_one(recorder *r, rvi_record *record, rv_error *err)
{
    switch (record->kind) {
    case RVI_RECORD_CLAIM:
        return answer_claim(r, record->lane, true, err);
    case RVI_RECORD_CHUNK_DONE:
        RV_TRY(complete_chunk(r->run, record, err));
        return answer_waiting(r, true, err);
    case RVI_RECORD_HEARTBEAT:
        return rvi_lease_renew(r->run, err);
    case RVI_RECORD_WAKE:
        return answer_waiting(r, false, err);
    case RVI_RECORD_EVENT:
        rvi_run_journal(r->run, record->event, record->detail);
        record->detail = NULL;
        return RV_OK;
    }
    return rv_fail(err, RV_E_INTERNAL, "unknown record %d", (int)record->kind);
}

void *rvi_recorder_main(void *argument)
{
    recorder r = {.run = argument};
    rv_error err = {0};
    void *record = NULL;
    while (err.code == RV_OK && rv_queue_pop(r.run->records, &record)) {
        if (record_one(&r, record, &err) != RV_OK)
            rvi_run_fail(r.run, &err);
        rvi_record_free(record);
    }
    return NULL;
}
