/* run.c - one execution of one export, from configuration to verdict.
 *
 * The life of a run: open state, open and describe the source, plan, adopt an open run or start a new one, move the
 * rows (pipeline.c), commit (commit.c). Whatever fails on the way ends in rvi_run_abandon(). */
#include "internal.h"

#include "rivet/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUN_ARENA_BYTES = 64 << 20, IDLE_TIMEOUT_MS = 30 * 60 * 1000 };

rv_code rv_run_state_path(const rv_config *config, rv_arena *arena, const char **out, rv_error *err)
{
    const char *path = rv_arena_printf(arena, "%s/.rivet_state.db", config->directory);
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

static rv_code open_source(rvi_run *run, rv_error *err)
{
    const rv_tuning *tuning = &run->export_config->tuning;
    RV_TRY(rv_source_open(&run->source, &run->context->config->source, run->cancel, err));
    RV_TRY(rv_source_server(run->source, &run->server, err));
    rv_read_options options = {
        .snapshot = run->export_config->consistency == RV_CONSISTENCY_SNAPSHOT,
        .statement_timeout_ms = tuning->statement_timeout_s * 1000,
        .lock_timeout_ms = tuning->lock_timeout_s * 1000,
        .idle_timeout_ms =
            tuning->max_snapshot_age_s > 0 ? tuning->max_snapshot_age_s * 1000 : IDLE_TIMEOUT_MS,
        .accept_row_security = run->export_config->row_security_acknowledged,
    };
    run->snapshot_mono_us = run->context->clock->mono_us(run->context->clock);
    return rv_source_begin(run->source, &options, err);
}

/* The plan does not know where its relation lies, and a run is only resumed from there. A file is known by its path,
 * however it was spelled. */
static rv_code bind_plan_to_source(rvi_run *run, rv_error *err)
{
    const rv_source_config *source = &run->context->config->source;
    char *file = source->path != NULL ? realpath(source->path, NULL) : NULL;
    const char *text =
        rv_arena_printf(run->arena, "%s\n%s", run->plan.fingerprint, file != NULL ? file : source->display);
    free(file);
    if (text == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "planning the run");
    rv_xxh3_text(run->plan.fingerprint, rv_xxh3(text, strlen(text), 0));
    return RV_OK;
}

static rv_code plan_run(rvi_run *run, rv_error *err)
{
    rv_relation_info info;
    RV_TRY(rv_source_describe(run->source, &run->export_config->relation, run->arena, &info, err));
    const rv_plan_input input = {
        .export_config = run->export_config, .source = run->source, .info = &info, .now_us = run->started_us};
    RV_TRY(rv_plan_make(run->arena, &input, &run->plan, err));
    RV_TRY(bind_plan_to_source(run, err));
    run->policy_uses = rv_arena_alloc(run->arena, (size_t)run->plan.schema.n_fields * RV_INVALID_CLASSES,
                                      sizeof *run->policy_uses);
    if (run->policy_uses == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "planning the run");
    return RV_OK;
}

static void journal_plan(rvi_run *run)
{
    json_t *detail = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:I,s:b}", "strategy", run->plan.strategy_name,
                               "reason", run->plan.reason != NULL ? run->plan.reason : "", "format",
                               rv_format_name(run->export_config->format.kind), "compression",
                               rv_codec_name(run->export_config->format.codec), "destination_type",
                               run->export_config->dest.kind, "tuning_profile",
                               rv_profile_name(run->export_config->tuning.profile), "n_chunks",
                               (json_int_t)run->plan.n_chunks, "resume", (int)run->summary->resumed);
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

static rv_code execute(rvi_run *run, rv_error *err)
{
    RV_TRY(name_run(run, err));
    RV_TRY(rv_owner_self(&run->owner, err));
    RV_TRY(rv_state_open(&run->state, run->context->state_path, RV_STATE_WRITE, run->context->clock, err));
    RV_TRY(open_source(run, err));
    RV_TRY(plan_run(run, err));
    RV_TRY(rvi_run_adopt_or_start(run, err));
    journal_plan(run);
    if (atomic_load(&run->counters.chunks_done) < run->plan.n_chunks)
        RV_TRY(rvi_pipeline_run(run, err));
    rv_source_end(run->source); /* the snapshot is given back before the commit, which may wait for a disk */
    return rvi_run_commit(run, err);
}

static void request_cancel(void *cancel)
{
    rv_cancel_request(cancel);
}

static rv_code prepare(rvi_run *run, rv_error *err)
{
    const rv_clock *clock = run->context->clock;
    run->started_us = clock->now_us(clock);
    run->started_mono_us = clock->mono_us(clock);
    run->memory = rvi_memory_plan(&run->export_config->tuning);
    rv_budget_init(&run->budget, run->memory.budget);
    RV_TRY(rv_arena_new(&run->arena, RUN_ARENA_BYTES, err));
    RV_TRY(rv_cancel_new(&run->cancel, err));
    run->parent_waker = (rv_waker){.wake = request_cancel, .object = run->cancel};
    rv_cancel_add_waker(run->context->cancel, &run->parent_waker);
    return RV_OK;
}

static void release(rvi_run *run)
{
    if (run->cancel != NULL)
        rv_cancel_remove_waker(run->context->cancel, &run->parent_waker);
    rv_source_close(run->source);
    rv_dest_close(run->dest);
    rv_state_close(run->state);
    rv_cancel_free(run->cancel);
    rv_arena_free(run->arena);
    pthread_mutex_destroy(&run->failure_lock);
}

rv_code rv_run_export(const rv_run_context *context, const rv_export_config *export_config,
                      rv_summary *summary)
{
    rvi_run run = {.context = context, .export_config = export_config, .summary = summary};
    rv_error err = {0};
    *summary = (rv_summary){0};
    (void)snprintf(summary->export_name, sizeof summary->export_name, "%s", export_config->name);
    pthread_mutex_init(&run.failure_lock, NULL);

    rv_code rc = prepare(&run, &err);
    if (rc == RV_OK)
        rc = execute(&run, &err);
    if (rc != RV_OK) {
        rv_wrap(&err, rc, "export '%s'", export_config->name);
        rv_redact_error(context->redactor, &err);
        rvi_run_abandon(&run, &err);
    }
    release(&run);
    return rc;
}
