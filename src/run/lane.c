/* lane.c - what a lane has of its own: queues between its two threads, and a connection to the source.
 *
 * The first lane gets the connection that the run was planned with. The others open theirs before they claim their first
 * chunk: a pooler that has fewer connections than there are lanes lets some of them wait, for as long as the others
 * hold a snapshot perhaps, and who waits must not keep a chunk from who could read it. */
#include "internal.h"

#include <stdlib.h>

enum { PAGES_CAP = 8 };

static void drop_batch(void *item)
{
    rv_batch_free(item);
}

static void request_cancel(void *cancel)
{
    rv_cancel_request(cancel);
}

/* run->halt ⇒ lane->halt */
static rv_code link_token(rvi_lane *lane, rv_error *err)
{
    RV_TRY(rv_cancel_new(&lane->halt, err));
    lane->halt_waker = (rv_waker){.wake = request_cancel, .object = lane->halt};
    rv_cancel_add_waker(lane->run->halt, &lane->halt_waker);
    return RV_OK;
}

rv_code rvi_lane_init(rvi_lane *lane, rvi_run *run, int index, rv_error *err)
{
    size_t n = (size_t)run->memory.n_batches, n_columns = (size_t)run->plan.schema.n_fields;
    *lane = (rvi_lane){.run = run, .index = index};
    RV_TRY(link_token(lane, err));
    lane->policy_uses = calloc(n_columns * RV_INVALID_CLASSES + 1, sizeof *lane->policy_uses);
    if (lane->policy_uses == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing lane %d", index + 1);
    RV_TRY(rv_queue_new(&lane->pages, PAGES_CAP, n * run->memory.page_max, rvi_page_item_free, err));
    RV_TRY(rv_queue_new(&lane->spare, n, n, drop_batch, err));
    RV_TRY(rv_queue_new(&lane->claims, 1, 1, free, err));
    for (size_t i = 0; i < n; i++) {
        RV_AUTO(rv_batch_free) rv_batch *batch = NULL;
        RV_TRY(rv_batch_new(&batch, &run->plan.schema, &run->budget, err));
        if (!rv_queue_push(lane->spare, batch, 1))
            return rv_fail(err, RV_E_CANCELLED, "the run was stopped");
        batch = NULL;
    }
    return RV_OK;
}

void rvi_lane_deinit(rvi_lane *lane)
{
    const rv_error in_order = {0};
    rvi_lane_disconnect(lane, &in_order);
    if (lane->halt != NULL)
        rv_cancel_remove_waker(lane->run->halt, &lane->halt_waker);
    rv_cancel_free(lane->halt);
    rv_queue_free(lane->pages);
    rv_queue_free(lane->spare);
    rv_queue_free(lane->claims);
    rvi_record_free(lane->record);
    rv_arena_free(lane->arena);
    free(lane->policy_uses);
    *lane = (rvi_lane){.index = lane->index};
}

void rvi_lane_abort(rvi_lane *lane)
{
    rv_queue *queues[] = {lane->pages, lane->spare, lane->claims};
    for (size_t i = 0; i < sizeof queues / sizeof queues[0]; i++)
        if (queues[i] != NULL)
            rv_queue_abort(queues[i]);
}

static void interrupt_source(void *source)
{
    rv_source_interrupt(source);
}

static void adopt(rvi_lane *lane, rv_source *source)
{
    lane->source = source;
    lane->source_waker = (rv_waker){.wake = interrupt_source, .object = source};
    rv_cancel_add_waker(lane->run->halt, &lane->source_waker);
}

void rvi_lane_lend(rvi_lane *lane, rv_source *source)
{
    lane->begun = true;
    lane->inside = lane->holds = lane->run->plan.snapshot;
    lane->epoch = lane->run->snapshot.epoch;
    adopt(lane, source);
}

rv_source *rvi_lane_take_back(rvi_lane *lane)
{
    rv_source *source = lane->source;
    if (source != NULL)
        rv_cancel_remove_waker(lane->run->halt, &lane->source_waker);
    lane->source = NULL;
    return source;
}

void rvi_lanes_stop_waiting(rvi_run *run)
{
    for (int i = 1; i < run->n_lanes; i++)
        rv_cancel_request(run->lanes[i].halt);
    rvi_snapshot_wake(run);
}

rv_code rvi_lane_be_ready(rvi_lane *lane, rv_error *err)
{
    rvi_run *run = lane->run;
    rv_source *source = NULL;
    if (lane->source == NULL && !rvi_snapshot_gives_seats(run)) {
        RV_TRY(rv_source_open(&source, &run->context->config->source, lane->halt, err));
        adopt(lane, source);
    }
    return rvi_snapshot_enter(lane, err);
}

void rvi_lane_disconnect(rvi_lane *lane, const rv_error *why)
{
    if (lane->source == NULL)
        return;
    rvi_snapshot_leave(lane, why);
    rv_source *source = rvi_lane_take_back(lane);
    if (lane->begun)
        rv_source_end(source);
    lane->begun = false;
    rv_source_close(source);
}
