/* uploader.c - the thread that takes finished parts to the destination, so that the encoder, and with it the
 * database, never waits for it longer than the parts queue allows. A chunk is reported complete only after the last
 * of its parts is durable. */
#include "internal.h"

#include "rivet/checked.h"
#include "rivet/crash_point.h"

#include <inttypes.h>
#include <stdlib.h>

static rv_code put_part(rvi_run *run, rvi_part_item *item, rv_error *err)
{
    if (item->spool == NULL)
        return RV_OK;
    RV_TRY(rvi_validate_part(run, item, err));
    RV_TRY(rvi_lease_await(run, err));
    RV_CRASH_POINT("before-part-put");
    RV_TRY(rv_dest_put_file(run->dest, rv_spool_path(item->spool), item->part.name, err));
    rv_spool_release(item->spool);
    item->spool = NULL;
    RV_CRASH_POINT("after-part-put");
    return RV_OK;
}

void rvi_record_free(void *record)
{
    rvi_record *r = record;
    if (r == NULL)
        return;
    for (int64_t i = 0; i < r->n_parts; i++) {
        free((char *)r->parts[i].name);
        free((char *)r->parts[i].column_digests);
    }
    free(r->parts);
    free(r->tally);
    rv_bytes_deinit(&r->seen);
    json_decref(r->detail);
    free(r);
}

static rv_code collect_part(rvi_record *record, rvi_part_item *item, rv_error *err)
{
    if (item->part.name == NULL)
        return RV_OK;
    if (record->n_parts == record->cap_parts) {
        int64_t cap = record->cap_parts == 0 ? 1 : 2 * record->cap_parts;
        size_t bytes = 0;
        rv_part *grown =
            rv_mul_size(&bytes, (size_t)cap, sizeof *grown) ? NULL : realloc(record->parts, bytes);
        if (grown == NULL)
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "recording a part");
        record->parts = grown;
        record->cap_parts = cap;
    }
    record->parts[record->n_parts++] = item->part;
    item->part = (rv_part){0};
    return RV_OK;
}

static rv_code report_chunk(rvi_run *run, rvi_part_item *item, rv_error *err)
{
    rvi_record *record = item->lane->record;
    rvi_validated_chunk(run, item->chunk_index);
    record->kind = RVI_RECORD_CHUNK_DONE;
    record->chunk_index = item->chunk_index;
    record->rows = item->chunk_rows;
    record->epoch = item->epoch;
    record->claim = item->claim;
    RV_MOVE(&record->tally, item->tally);
    rv_bytes_move(&record->seen, &item->seen);
    if (!rv_queue_push(run->records, record, 1))
        return rv_fail(err, RV_E_CANCELLED, "the run was stopped");
    item->lane->record = NULL;
    return RV_OK;
}

/* The chunk is read again, and may come out in fewer parts. */
static rv_code take_back(rvi_run *run, rvi_lane *lane, rv_error *err)
{
    if (lane->record == NULL)
        return RV_OK;
    RV_TRY(rvi_lease_await(run, err));
    for (int64_t i = 0; i < lane->record->n_parts; i++)
        RV_TRY(rv_dest_remove(run->dest, lane->record->parts[i].name, err));
    if (run->context->validate)
        run->n_validated -= lane->record->n_parts;
    rvi_record_free(lane->record);
    lane->record = NULL;
    return RV_OK;
}

static rv_code upload_part(rvi_run *run, rvi_part_item *item, rv_error *err)
{
    rvi_lane *lane = item->lane;
    if (item->again)
        return take_back(run, lane, err);
    if (lane->record == NULL)
        lane->record = calloc(1, sizeof *lane->record);
    if (lane->record == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "recording a part");
    RV_TRY_CTX(put_part(run, item, err), err, "chunk %" PRId64 " of %" PRId64, item->chunk_index + 1,
               run->plan.n_chunks);
    RV_TRY(collect_part(lane->record, item, err));
    return item->last ? report_chunk(run, item, err) : RV_OK;
}

void *rvi_uploader_main(void *argument)
{
    rvi_run *run = argument;
    rv_error err = {0};
    void *item = NULL;
    while (err.code == RV_OK && rv_queue_pop(run->parts, &item)) {
        if (upload_part(run, item, &err) != RV_OK)
            rvi_run_fail(run, &err);
        rvi_part_item_free(item);
    }
    return NULL;
}
