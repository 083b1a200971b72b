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

rv_code rvi_record_push(rvi_run *run, rvi_record_kind kind, rv_error *err)
{
    rvi_record *record = calloc(1, sizeof *record);
    if (record == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "asking the recorder");
    record->kind = kind;
    if (rv_queue_push(run->records, record, 1))
        return RV_OK;
    rvi_record_free(record);
    return rv_fail(err, RV_E_CANCELLED, "the run was stopped");
}

static rv_code answer_claim(rvi_run *run, rv_error *err)
{
    rvi_claim *claim = calloc(1, sizeof *claim);
    int64_t n_open = 0;
    if (claim == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "claiming a chunk");
    rv_code rc = rv_state_claim_chunk(run->state, run->run_id, &run->owner, RVI_LEASE_MS, run->arena,
                                      &claim->chunk, &claim->found, &n_open, err);
    if (rc != RV_OK) {
        free(claim);
        return rc;
    }
    if (claim->found)
        rvi_run_journal(run, "ChunkStarted",
                        json_pack("{s:I,s:I,s:I}", "chunk_index", (json_int_t)claim->chunk.index, "start_key",
                                  (json_int_t)claim->chunk.bounds.first, "end_key",
                                  (json_int_t)claim->chunk.bounds.last));
    RV_CRASH_POINT("after-chunk-claim");
    if (!rv_queue_push(run->claims, claim, 1)) {
        free(claim);
        return rv_fail(err, RV_E_CANCELLED, "the run was stopped");
    }
    return RV_OK;
}

static rv_code complete_chunk(rvi_run *run, const rvi_record *record, rv_error *err)
{
    const rv_chunk chunk = {.index = record->chunk_index, .rows = record->rows};
    RV_TRY(rv_state_complete_chunk(run->state, run->run_id, &run->owner, &chunk, record->parts,
                                   record->n_parts, err));
    RV_CRASH_POINT("after-chunk-complete");
    atomic_fetch_add(&run->counters.chunks_done, 1);
    for (int64_t i = 0; i < record->n_parts; i++)
        rvi_run_journal(run, "FileWritten",
                        json_pack("{s:s,s:I,s:I,s:I}", "file_name", record->parts[i].name, "rows",
                                  (json_int_t)record->parts[i].rows, "bytes",
                                  (json_int_t)record->parts[i].bytes, "part_index",
                                  (json_int_t)record->parts[i].sequence));
    rvi_run_journal(run, "ChunkCompleted",
                    json_pack("{s:I,s:I}", "chunk_index", (json_int_t)record->chunk_index, "rows",
                              (json_int_t)record->rows));
    return RV_OK;
}

static rv_code record_one(rvi_run *run, const rvi_record *record, rv_error *err)
{
    switch (record->kind) {
    case RVI_RECORD_CLAIM:
        return answer_claim(run, err);
    case RVI_RECORD_CHUNK_DONE:
        return complete_chunk(run, record, err);
    case RVI_RECORD_HEARTBEAT:
        return rvi_lease_renew(run, err);
    }
    return rv_fail(err, RV_E_INTERNAL, "unknown record %d", (int)record->kind);
}

void *rvi_recorder_main(void *argument)
{
    rvi_run *run = argument;
    rv_error err = {0};
    void *record = NULL;
    while (err.code == RV_OK && rv_queue_pop(run->records, &record)) {
        if (record_one(run, record, &err) != RV_OK)
            rvi_run_fail(run, &err);
        rvi_record_free(record);
    }
    rv_queue_close(run->claims);
    return NULL;
}
