/* run.c - one execution of one export, from configuration to verdict.
 *
 * The life of a run: open state, open and describe the source, plan, adopt an open run or start a new one, move the
 * rows (pipeline.c), commit (commit.c). Whatever fails on the way ends in rvi_run_abandon(). */
#include "internal.h"

#include "rivet/hash.h"
#include "rivet/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUN_ARENA_BYTES = 256 << 20 };
#define US_PER_DAY (INT64_C(86400) * 1000000)

rv_code rv_run_state_path(const rv_config *config, rv_arena *arena, const char **out, rv_error *err)
{
    const char *url = getenv("RIVET_STATE_URL");
    const char *path = url != NULL && url[0] != '\0'
                           ? rv_arena_strdup(arena, url)
                           : rv_arena_printf(arena, "%s/.rivet_state.db", config->directory);
    if (path == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "finding the state store");
    *out = path;
    return RV_OK;
}

static rv_code dump_json(json_t *json, rv_bytes *out, rv_error *err)
{
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    rv_code rc = text != NULL ? rv_bytes_append_str(out, text, err)
                              : rv_fail(err, RV_E_OUT_OF_MEMORY, "rendering JSON for the state store");
    free(text);
    json_decref(json);
    return rc;
}

rv_code rvi_schema_json(const rv_schema *schema, rv_bytes *out, rv_error *err)
{
    json_t *columns = json_array();
    for (int i = 0; columns != NULL && i < schema->n_fields; i++) {
        const rv_field *field = &schema->fields[i];
        char type[RV_TYPE_TEXT_BYTES];
        rv_type_text(type, field->type);
        json_t *column = json_pack("{s:s,s:s,s:s,s:b}", "name", field->name, "type", type, "native_type",
                                   field->native_type, "nullable", (int)field->nullable);
        if (json_array_append_new(columns, column) != 0) {
            json_decref(columns);
            columns = NULL;
        }
    }
    return dump_json(columns, out, err);
}

rv_code rvi_source_json(const rv_server_info *server, const char *schema, const char *table, rv_bytes *out,
                        rv_error *err)
{
    return dump_json(json_pack("{s:s,s:s,s:s?,s:s?}", "engine", server->product, "version", server->version,
                               "schema", schema, "table", table),
                     out, err);
}

static rv_code connect_once(void *object, rv_error *err)
{
    rvi_run *run = object;
    rv_read_options options;
    rv_source_close(run->source);
    run->source = NULL;
    rvi_read_options(run, &options);
    RV_TRY(rv_source_open(&run->source, &run->context->config->source, run->halt, err));
    RV_TRY(rv_source_server(run->source, &run->server, err));
    return rv_source_begin(run->source, &options, err);
}

/* Each attempt is a connection of its own. */
static rv_code with_patience(rvi_run *run, rvi_attempt_fn attempt, rv_error *err)
{
    const rvi_connecting connecting = {.context = run->context,
                                       .export_config = run->export_config,
                                       .stop = run->stop,
                                       .met = run->recorded,
                                       .retries = &run->counters.retries};
    return rvi_connect(&connecting, attempt, run, err);
}

/* The plan does not know where its relation lies, and a run is only resumed from there. A file is known by its path,
 * however it was spelled. */
static rv_code bind_plan_to_source(rvi_run *run, rv_error *err)
{
    const rv_source_config *source = &run->context->config->source;
    char *file = source->path != NULL ? realpath(source->path, NULL) : NULL;
    rv_code rc = rv_plan_bind(run->arena, &run->plan, "source", file != NULL ? file : source->display, err);
    free(file);
    return rc;
}

/* What the plan has waited for was committed after the snapshot under which it was made. */
static rv_code take_snapshot_anew(rvi_run *run, rv_error *err)
{
    rv_read_options options;
    rvi_read_options(run, &options);
    rv_source_end(run->source);
    return rv_source_begin(run->source, &options, err);
}

static rv_code make_plan(rvi_run *run, rv_error *err)
{
    rv_relation_info info;
    const rvi_guards *guards = &run->guards;
    RV_TRY(rv_source_describe(run->source, &run->export_config->relation, run->arena, &info, err));
    const rv_plan_input input = {.export_config = run->export_config,
                                 .source = run->source,
                                 .info = &info,
                                 .memory = &guards->memory,
                                 .now_us = run->started_us,
                                 .seen_from = guards->seen != NULL ? &guards->seen_from : NULL};
    RV_TRY(rv_plan_make(run->arena, &input, &run->plan, err));
    return run->plan.settled && run->plan.snapshot ? take_snapshot_anew(run, err) : RV_OK;
}

static rv_code connect_and_plan(void *object, rv_error *err)
{
    RV_TRY(connect_once(object, err));
    return make_plan(object, err);
}

/* What planning asks the source is as likely to be cut off as a page, and is tried again like one. */
static rv_code plan_run(rvi_run *run, rv_error *err)
{
    RV_TRY(rvi_guards_recall(run, err));
    RV_TRY(with_patience(run, connect_and_plan, err));
    RV_TRY(bind_plan_to_source(run, err));
    RV_TRY(rvi_guards_prepare(run, err));
    run->n_planned = run->plan.n_chunks;
    run->policy_uses = rv_arena_alloc(run->arena, (size_t)run->plan.schema.n_fields * RV_INVALID_CLASSES,
                                      sizeof *run->policy_uses);
    if (run->context->validate) /* an open run may have any number of chunks */
        run->looked_at = rv_arena_alloc(run->arena, RV_MAX_CHUNKS, sizeof *run->looked_at);
    if (run->policy_uses == NULL || (run->context->validate && run->looked_at == NULL))
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "planning the run");
    return RV_OK;
}

static void journal_plan(rvi_run *run)
{
    const rv_cursor *cursor = &run->plan.cursor;
    for (int i = 0; i < run->plan.n_notes; i++)
        rvi_run_note(run, "%s", run->plan.notes[i]);
    json_t *detail = json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:b,s:i,s:s?,s:s?}", "strategy", run->plan.strategy_name, "reason",
        run->plan.reason != NULL ? run->plan.reason : "", "format",
        rv_format_name(run->export_config->format.kind), "compression",
        rv_codec_name(run->export_config->format.codec), "destination_type", run->export_config->dest.kind,
        "tuning_profile", rv_profile_name(run->export_config->tuning.profile), "n_chunks",
        (json_int_t)run->plan.n_chunks, "resume", (int)run->summary->resumed, "lanes", run->plan.lanes,
        "cursor_columns", cursor->columns, "window_end", cursor->value);
    rvi_run_journal(run, "PlanResolved", detail);
}

/* It begins the name of every object of the run, and manifests take no backslash for a part of a name. */
static rv_code name_run(rvi_run *run, rv_error *err)
{
    char time[RV_TIME_TEXT_BYTES];
    rv_time_run_id(time, run->started_us);
    char *run_id = rv_arena_printf(run->arena, "%s_%s", run->export_config->name, time);
    if (run_id == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "naming the run");
    for (char *at = run_id; *at != '\0'; at++)
        if (*at == '\\')
            *at = '_';
    run->run_id = run_id;
    return RV_OK;
}

static rv_code begin_anew(void *object, rv_error *err)
{
    RV_TRY(connect_once(object, err));
    return rvi_snapshot_begins(object, err);
}

/* Where connections take the snapshot together, the plan's own is one of them, and none of them is left when that fails.
 * Chunks do not depend on the snapshot under which they were planned there, so all may come anew. */
static rv_code begin_snapshot(rvi_run *run, rv_error *err)
{
    rv_error failure = {0};
    rv_code rc = rvi_snapshot_begins(run, &failure);
    if (rc != RV_OK && run->source == NULL && rvi_is_passing(&failure)) {
        rv_log(RV_LOG_WARN, "export '%s': %s; trying again", run->export_config->name, failure.message);
        atomic_fetch_add(&run->counters.retries, 1);
        return with_patience(run, begin_anew, err);
    }
    if (rc != RV_OK && err != NULL)
        *err = failure;
    return rc;
}

/* The snapshot is gone with the connection that held it. What was read under it is read again under a new one, as the
 * next process would do after a crash. */
static rv_code begin_epoch_again(rvi_run *run, rv_error *err)
{
    const rv_error *loss = &run->snapshot.loss;
    rv_log(RV_LOG_WARN, "export '%s': the snapshot of epoch %" PRId64 " is lost (%s): it is read again",
           run->export_config->name, run->snapshot.epoch, loss->message);
    atomic_fetch_add(&run->counters.retries, 1);
    rvi_run_journal(run, "RetryAttempted",
                    json_pack("{s:I,s:s,s:s}", "epoch", (json_int_t)run->snapshot.epoch, "reason",
                              rv_code_name(loss->code), "what", "the snapshot was lost"));
    RV_TRY(with_patience(run, connect_once, err));
    RV_TRY(rvi_run_restart_epoch(run, err));
    return begin_snapshot(run, err);
}

/* Every chunk, or as many as a stop leaves. */
static rv_code read_all(rvi_run *run, rv_error *err)
{
    rvi_retry retry;
    rvi_retry_init(&retry, &run->export_config->tuning, 0, (uint64_t)run->started_us);
    if (!rvi_run_is_read(run))
        RV_TRY(begin_snapshot(run, err));
    while (!rvi_run_is_read(run)) {
        RV_TRY(rvi_pipeline_run(run, err));
        if (rvi_run_is_read(run))
            break;
        if (rv_cancel_requested(run->stop))
            return rv_fail(err, RV_E_CANCELLED, "the run was stopped");
        if (!rvi_snapshot_is_lost(run))
            break;
        int64_t pause_us = rvi_retry_pause_us(&retry, &run->snapshot.loss);
        if (pause_us < 0 || !run->context->clock->sleep_us(run->context->clock, pause_us, run->stop)) {
            if (err != NULL)
                *err = run->snapshot.loss;
            return run->snapshot.loss.code;
        }
        RV_TRY(begin_epoch_again(run, err));
    }
    return rvi_run_check_read(run, err);
}

static rv_code execute(rvi_run *run, rv_error *err)
{
    RV_TRY(name_run(run, err));
    RV_TRY(rv_owner_self(&run->owner, err));
    RV_TRY(rv_state_open(&run->state, run->context->state_path, RV_STATE_WRITE, run->context->clock, err));
    RV_TRY(rvi_connections_wait(run, err));
    RV_TRY(plan_run(run, err));
    RV_TRY(rvi_run_adopt_or_start(run, err));
    journal_plan(run);
    RV_TRY(read_all(run, err));
    rv_source_end(run->source); /* the snapshot is given back before the commit, which may wait for a disk */
    return rvi_run_commit(run, err);
}

static void request_cancel(void *cancel)
{
    rv_cancel_request(cancel);
}

/* While lanes read, they are to come to an end in order; at any other time there is nothing to wait for. */
static void ask_to_stop(void *object)
{
    rvi_run *run = object;
    rv_cancel_request(atomic_load(&run->reading) ? run->stop : run->cancel);
}

/* cancel ⇒ halt and stop. Whoever asks from outside asks to stop. */
static rv_code link_tokens(rvi_run *run, rv_error *err)
{
    RV_TRY(rv_cancel_new(&run->cancel, err));
    RV_TRY(rv_cancel_new(&run->halt, err));
    RV_TRY(rv_cancel_new(&run->stop, err));
    run->halt_waker = (rv_waker){.wake = request_cancel, .object = run->halt};
    run->stop_waker = (rv_waker){.wake = request_cancel, .object = run->stop};
    run->parent_waker = (rv_waker){.wake = ask_to_stop, .object = run};
    rv_cancel_add_waker(run->cancel, &run->halt_waker);
    rv_cancel_add_waker(run->cancel, &run->stop_waker);
    rv_cancel_add_waker(run->context->cancel, &run->parent_waker);
    return RV_OK;
}

static rv_code prepare(rvi_run *run, rv_error *err)
{
    const rv_clock *clock = run->context->clock;
    run->started_us = clock->now_us(clock);
    run->started_mono_us = clock->mono_us(clock);
    run->retention =
        (rv_retention){.keep_runs = run->context->config->state_keep_runs,
                       .keep_since_us = run->started_us - run->context->config->state_keep_days * US_PER_DAY};
    run->memory = rvi_memory_plan(&run->export_config->tuning, run->export_config->quality.n_unique_columns);
    rv_budget_init(&run->budget, run->memory.budget);
    RV_TRY(rv_arena_new(&run->arena, RUN_ARENA_BYTES, err));
    RV_TRY(rvi_bucket_init(&run->bucket, &run->export_config->tuning, err));
    RV_TRY(link_tokens(run, err));
    return rvi_snapshot_init(run, err);
}

static void release(rvi_run *run)
{
    if (run->parent_waker.wake != NULL)
        rv_cancel_remove_waker(run->context->cancel, &run->parent_waker);
    rvi_guards_deinit(run);
    rv_source_close(run->source);
    if (run->has_permit)
        rv_connections_give_back(run->context->connections);
    rv_dest_close(run->dest);
    rv_state_close(run->state);
    rvi_bucket_deinit(&run->bucket);
    rvi_snapshot_deinit(run);
    if (run->cancel != NULL) {
        rv_cancel_remove_waker(run->cancel, &run->halt_waker);
        rv_cancel_remove_waker(run->cancel, &run->stop_waker);
    }
    rv_cancel_free(run->cancel);
    rv_cancel_free(run->halt);
    rv_cancel_free(run->stop);
    rv_arena_free(run->arena);
    pthread_mutex_destroy(&run->failure_lock);
}

/* Ours is what others see as well: the chunks' and the parts' names. */
static rv_code execute_join(rvi_run *run, const char *run_id, rv_error *err)
{
    rv_open_run open = {0};
    RV_TRY(rv_owner_self(&run->owner, err));
    RV_TRY(rv_state_open(&run->state, run->context->state_path, RV_STATE_WRITE, run->context->clock, err));
    RV_TRY(rvi_run_find_to_join(run, run_id, &open, err));
    RV_TRY(rvi_connections_wait(run, err));
    RV_TRY(plan_run(run, err));
    RV_TRY(rvi_run_join_plan(run, &open, err));
    RV_TRY(rvi_pipeline_run(run, err));
    if (rv_cancel_requested(run->stop))
        return rv_fail(err, RV_E_CANCELLED, "the run was stopped");
    rvi_summary_fill(run, RV_RUN_SUCCEEDED);
    run->summary->rows = atomic_load(&run->counters.rows_written);
    return RV_OK;
}

/* join: the id of the run that is to be helped with; NULL: a run of our own. */
static rv_code run_one(const rv_run_context *context, const rv_export_config *export_config, const char *join,
                       rv_summary *summary)
{
    rvi_run run = {
        .context = context, .export_config = export_config, .summary = summary, .joined = join != NULL};
    rv_error err = {0};
    *summary = (rv_summary){0};
    (void)snprintf(summary->export_name, sizeof summary->export_name, "%s", export_config->name);
    pthread_mutex_init(&run.failure_lock, NULL);
    rvi_guards_init(&run);

    rv_code rc = prepare(&run, &err);
    if (rc == RV_OK)
        rc = join != NULL ? execute_join(&run, join, &err) : execute(&run, &err);
    if (rc != RV_OK) {
        rv_wrap(&err, rc, "export '%s'", export_config->name);
        rv_redact_error(context->redactor, &err);
        rvi_run_abandon(&run, &err);
    }
    release(&run);
    return rc;
}

rv_code rvi_run_aside(const rv_run_context *context, const rv_export_config *export_config, rvi_aside_fn fn,
                      void *object, rv_error *err)
{
    rv_summary summary = {0};
    rvi_run run = {.context = context, .export_config = export_config, .summary = &summary};
    pthread_mutex_init(&run.failure_lock, NULL);
    rvi_guards_init(&run);
    rv_code rc = prepare(&run, err);
    if (rc == RV_OK)
        rc = rv_owner_self(&run.owner, err);
    if (rc == RV_OK)
        rc = rv_state_open(&run.state, context->state_path, RV_STATE_WRITE, context->clock, err);
    if (rc == RV_OK)
        rc = fn(&run, object, err);
    release(&run);
    return rc;
}

/* What rv_run_give_up() is given, for the call. */
typedef struct giving_up {
    rv_arena *arena;
    rv_open_run *out;
} giving_up;

static rv_code give_up(rvi_run *run, void *object, rv_error *err)
{
    const giving_up *g = object;
    return rvi_run_give_up_open(run, g->arena, g->out, err);
}

rv_code rv_run_give_up(const rv_run_context *context, const rv_export_config *export_config, rv_open_run *out,
                       rv_arena *arena, rv_error *err)
{
    giving_up g = {.arena = arena, .out = out};
    return rvi_run_aside(context, export_config, give_up, &g, err);
}

rv_code rv_run_export(const rv_run_context *context, const rv_export_config *export_config,
                      rv_summary *summary)
{
    return run_one(context, export_config, NULL, summary);
}

/* Whose export is it? Ids are <export>_<time>, the time of one length. */
rv_code rv_run_join(const rv_run_context *context, const char *run_id, rv_summary *summary)
{
    const rv_config *config = context->config;
    for (int i = 0; i < config->n_exports; i++) {
        size_t len = strlen(config->exports[i].name);
        if (strncmp(run_id, config->exports[i].name, len) == 0 && run_id[len] == '_' &&
            strchr(run_id + len + 1, '_') == NULL)
            return run_one(context, &config->exports[i], run_id, summary);
    }
    *summary = (rv_summary){.status = RV_RUN_FAILED};
    rv_fail(&summary->error, RV_E_RUN_NOT_JOINABLE, "no export of %s has begun a run '%s'", config->path,
            run_id);
    return RV_E_RUN_NOT_JOINABLE;
}
