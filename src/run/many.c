/* many.c - several exports of one process at the same time, and the exports that one with partition_by stands for. */
#include "internal.h"

#include <stdlib.h>

enum { MOST_AT_ONCE = 32 };

/* What the threads share: who is next, and the right to report. */
typedef struct queue_of_exports {
    const rv_run_batch *batch;
    atomic_int next;
    pthread_mutex_t lock; /* one report at a time; leaf but for what the caller's callback takes */
} queue_of_exports;

static void *run_some(void *argument)
{
    queue_of_exports *q = argument;
    const rv_run_batch *batch = q->batch;
    for (;;) {
        int i = atomic_fetch_add(&q->next, 1);
        if (i >= batch->n || rv_cancel_requested(batch->contexts[i].cancel))
            return NULL;
        if (batch->begun[i])
            continue;
        batch->begun[i] = true;
        (void)rv_run_export(&batch->contexts[i], batch->exports[i], &batch->summaries[i]);
        pthread_mutex_lock(&q->lock);
        if (batch->on_done != NULL)
            batch->on_done(batch->on_done_context, i);
        pthread_mutex_unlock(&q->lock);
    }
}

rv_code rv_run_exports(const rv_run_batch *batch, int at_once, rv_error *err)
{
    rvi_thread threads[MOST_AT_ONCE] = {0};
    queue_of_exports q = {.batch = batch};
    int n = at_once < batch->n ? at_once : batch->n;
    rv_code rc = RV_OK;
    pthread_mutex_init(&q.lock, NULL);
    n = n < MOST_AT_ONCE ? n : MOST_AT_ONCE;
    for (int i = 1; i < n && rc == RV_OK; i++)
        rc = rvi_thread_start(&threads[i], run_some, &q, "export", err);
    if (rc == RV_OK)
        (void)run_some(&q); /* this thread takes its share */
    else
        atomic_store(&q.next, batch->n); /* who has begun comes to an end */
    for (int i = 1; i < n; i++)
        rvi_thread_join(&threads[i]);
    pthread_mutex_destroy(&q.lock);
    return rc;
}

/* A look at the source, for the partitions of an export. */
typedef struct partition_look {
    const rv_run_context *context;
    const rv_export_config *export_config;
    rv_arena *arena;
    rv_export_config *exports;
    int n;
} partition_look;

static rv_code plan_partitions(partition_look *look, rv_source *source, rv_error *err)
{
    rv_relation_info info;
    const rv_export_config *e = look->export_config;
    const rv_clock *clock = look->context->clock;
    const rv_read_options options = {
        .statement_timeout_ms = e->tuning.statement_timeout_s * 1000,
        .lock_timeout_ms = e->tuning.lock_timeout_s * 1000,
        .accept_row_security = e->row_security_acknowledged,
    };
    RV_TRY(rv_source_begin(source, &options, err));
    RV_TRY(rv_source_describe(source, &e->relation, look->arena, &info, err));
    const rv_plan_input input = {
        .export_config = e, .source = source, .info = &info, .now_us = clock->now_us(clock)};
    RV_TRY(rv_plan_partitions(look->arena, &input, &look->exports, &look->n, err));
    rv_source_end(source);
    return RV_OK;
}

static rv_code look_once(void *object, rv_error *err)
{
    partition_look *look = object;
    const rv_run_context *context = look->context;
    RV_AUTO(rv_source_close) rv_source *source = NULL;
    RV_TRY(rv_source_open(&source, &context->config->source, context->cancel, err));
    return plan_partitions(look, source, err);
}

rv_code rv_run_partitions(const rv_run_context *context, const rv_export_config *export_config,
                          rv_arena *arena, rv_export_config **out, int *n_out, rv_error *err)
{
    const rvi_connecting connecting = {
        .context = context, .export_config = export_config, .stop = context->cancel};
    partition_look look = {.context = context, .export_config = export_config, .arena = arena};
    RV_TRY_CTX(rvi_connect(&connecting, look_once, &look, err), err, "export '%s'", export_config->name);
    *out = look.exports;
    *n_out = look.n;
    return RV_OK;
}
