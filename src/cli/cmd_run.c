/* cmd_run.c - rivet run: the exports of a configuration, one after the other or at the same time. One that fails does
 * not stop the others; the exit status is the most serious one. An export with partition_by stands for one export per
 * partition, each of which is a run of its own. */
#include "cli.h"

#include "rivet/dest.h"
#include "rivet/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct run_all {
    rvi_cli *cli;
    const rv_config *config;
    const char *state_path;
    int *selected; /* indices of exports */
    int n_selected;
    const rv_export_config **exports; /* what they stand for, in their order */
    const rv_error **failures;        /* of those that could not be found out about; NULL: none */
    int n_exports;
    rv_summary *summaries; /* one for each of `exports` */
    bool *begun;
    rv_run_context *contexts;
    rvi_progress_line *lines;
    rv_connections *connections;
    bool parallel;
    FILE *cards; /* stdout, or stderr when stdout carries data or JSON */
    int64_t started_us, started_mono_us;
    bool validate, resume, force;
} run_all;

static rv_code find_export(const rv_config *config, const char *name, int *out, rv_error *err)
{
    const char *near = NULL;
    const rv_export_config *found = rv_config_export(config, name, &near);
    if (found != NULL) {
        *out = (int)(found - config->exports);
        return RV_OK;
    }
    rv_fail(err, RV_E_CONFIG_UNKNOWN_EXPORT, "no export is named '%s' in %s", name, config->path);
    if (near != NULL)
        rv_hint(err, "did you mean '%s'?", near);
    return RV_E_CONFIG_UNKNOWN_EXPORT;
}

static void select_export(run_all *all, int index)
{
    for (int i = 0; i < all->n_selected; i++)
        if (all->selected[i] == index)
            return;
    all->selected[all->n_selected++] = index;
}

static rv_code select_exports(run_all *all, const rvi_args *args, rv_error *err)
{
    const char *const *names = NULL;
    int n_names = rvi_option_values(args, "export", &names);
    for (int i = 0; n_names == 0 && i < all->config->n_exports; i++)
        select_export(all, i);
    for (int i = 0; i < n_names; i++) {
        int index = 0;
        RV_TRY(find_export(all->config, names[i], &index, err));
        select_export(all, index);
    }
    return RV_OK;
}

static const rv_export_config *selected_export(const run_all *all, int i)
{
    return &all->config->exports[all->selected[i]];
}

/* Who writes where: one stream holds one export, and nothing else. */
static rv_code share_stdout(run_all *all, bool as_json, rv_error *err)
{
    int n_streams = 0;
    for (int i = 0; i < all->n_selected; i++) {
        const rv_dest_ops *dest = rv_dest_driver(selected_export(all, i)->dest.kind);
        n_streams += dest != NULL && (dest->caps & RV_DEST_CAP_STREAM) != 0;
    }
    if (n_streams > 1)
        return rv_fail(err, RV_E_USAGE, "%d exports want the standard output; choose one with --export",
                       n_streams);
    if (n_streams > 0 && as_json)
        return rv_fail(err, RV_E_USAGE,
                       "--json and a stdout destination both want stdout; use --summary-output FILE");
    if (n_streams > 0 && all->validate)
        return rv_fail(err, RV_E_USAGE,
                       "--validate reads files back, and the standard output cannot be read back");
    all->cards = n_streams > 0 || as_json ? stderr : stdout;
    return RV_OK;
}

static rv_code add_exports(run_all *all, const rv_export_config *first, int n, const rv_error *failure,
                           rv_error *err)
{
    rv_arena *arena = all->config->arena;
    size_t before = (size_t)all->n_exports, after = before + (size_t)n;
    const rv_export_config **exports = rv_arena_alloc(arena, after + 1, sizeof(const rv_export_config *));
    const rv_error **failures = rv_arena_alloc(arena, after + 1, sizeof(const rv_error *));
    if (exports == NULL || failures == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing the run");
    if (before > 0) {
        memcpy(exports, all->exports, before * sizeof(const rv_export_config *));
        memcpy(failures, all->failures, before * sizeof(const rv_error *));
    }
    for (int i = 0; i < n; i++)
        exports[before + (size_t)i] = &first[i];
    if (n > 0)
        failures[before] = failure;
    all->exports = exports;
    all->failures = failures;
    all->n_exports = (int)after;
    return RV_OK;
}

/* What one of the file stands for now, when nothing of it is open that would be met under another name only. */
static rv_code expand_export(const rv_run_context *context, const rv_open_names *open,
                             const rv_export_config *wanted, const rv_export_config **out, int *n,
                             rv_error *err)
{
    rv_export_config *parts = NULL;
    *out = wanted;
    *n = 1;
    if (wanted->partition.column != NULL) {
        RV_TRY(rv_run_partitions(context, wanted, context->config->arena, &parts, n, err));
        *out = parts;
    }
    RV_TRY_CTX(rv_run_settle_renamed(context, wanted, open, *out, *n, err), err, "export '%s'", wanted->name);
    return RV_OK;
}

/* The exports that are run: those with partition_by as their partitions. One of which this cannot be found out fails,
 * as it would have while it ran. */
static rv_code expand_exports(run_all *all, const rv_run_context *context, rv_error *err)
{
    rv_open_names open = {0};
    rv_error unlisted = {0};
    bool listed = rv_run_list_open(context, all->config->arena, &open, &unlisted) == RV_OK;
    for (int i = 0; i < all->n_selected; i++) {
        const rv_export_config *wanted = selected_export(all, i), *parts = NULL;
        rv_error failure = unlisted, *kept = NULL;
        int n = 1;
        if (!listed)
            rv_wrap(&failure, unlisted.code, "export '%s'", wanted->name);
        if (!listed || expand_export(context, &open, wanted, &parts, &n, &failure) != RV_OK) {
            n = 1;
            parts = wanted;
            kept = rv_arena_alloc(all->config->arena, 1, sizeof *kept);
            if (kept == NULL)
                return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing the run");
            *kept = failure;
        }
        RV_TRY(add_exports(all, parts, n, kept, err));
    }
    return RV_OK;
}

static bool has_failed(const rv_summary *s)
{
    return s->error.code != RV_OK && rv_code_exit(s->error.code) != RV_EXIT_OK;
}

/* As `rivet metrics` has it: what was not measured is null. */
static json_t *gate_object(const rv_gate_summary *gate)
{
    bool proved = gate->proof[0] != '\0';
    return json_pack("{s:s,s:o,s:s,s:o,s:f,s:o}", "gate", gate->key, "column",
                     gate->column[0] != '\0' ? rvi_text_json(gate->column) : json_null(), "verdict",
                     rv_quality_verdict_name(gate->verdict), "measured",
                     proved ? json_null() : json_real(gate->measured), "limit", gate->limit, "proof",
                     proved ? rvi_text_json(gate->proof) : json_null());
}

/* null: no gate was judged. */
static json_t *quality_object(const rv_summary *s)
{
    if (s->n_quality_gates == 0)
        return json_null();
    json_t *gates = json_array();
    for (int i = 0; i < s->n_gates; i++)
        (void)json_array_append_new(gates, gate_object(&s->gates[i]));
    return json_pack("{s:b,s:i,s:i,s:o}", "passed", (int)(s->n_quality_failed == 0), "n_gates",
                     s->n_quality_gates, "n_failed", s->n_quality_failed, "gates", gates);
}

static json_t *summary_object(const rv_summary *s)
{
    json_t *object =
        json_pack("{s:o,s:s,s:o,s:I,s:I,s:I,s:I,s:s,s:s,s:o,s:I,s:I,s:I,s:I,s:I,s:b}", "export_name",
                  rvi_text_json(s->export_name), "status", rv_run_status_name(s->status), "run_id",
                  rvi_text_json(s->run_id), "rows", (json_int_t)s->rows, "files", (json_int_t)s->files,
                  "bytes", (json_int_t)s->bytes, "duration_ms", (json_int_t)s->duration_ms, "mode", s->mode,
                  "strategy", s->strategy, "destination", rvi_text_json(s->dest_uri), "statements",
                  (json_int_t)s->pages, "longest_statement_ms", (json_int_t)s->longest_statement_ms,
                  "retries", (json_int_t)s->retries, "peak_rss_bytes", (json_int_t)s->peak_rss_bytes,
                  "values_changed", (json_int_t)s->policy_uses, "resumed", (int)s->resumed);
    json_t *notes = json_array();
    for (int i = 0; i < s->n_notes; i++)
        (void)json_array_append_new(notes, rvi_text_json(s->notes[i]));
    (void)json_object_set_new(object, "error_message",
                              has_failed(s) ? rvi_text_json(s->error.message) : json_null());
    (void)json_object_set_new(object, "error_code",
                              has_failed(s) ? json_string(rv_code_name(s->error.code)) : json_null());
    (void)json_object_set_new(object, "notes", notes);
    (void)json_object_set_new(object, "quality", quality_object(s));
    (void)json_object_set_new(object, "validated",
                              s->validate ? json_boolean(rv_summary_validated(s)) : json_null());
    return object;
}

typedef struct totals {
    int64_t rows, files, bytes;
    int n_ok, n_failed, n_skipped;
} totals;

static totals add_up(const run_all *all)
{
    totals sum = {0};
    for (int i = 0; i < all->n_exports; i++) {
        const rv_summary *s = &all->summaries[i];
        if (!all->begun[i])
            continue;
        sum.rows += s->rows;
        sum.files += s->files;
        sum.bytes += (int64_t)s->bytes;
        sum.n_ok += s->status == RV_RUN_SUCCEEDED;
        sum.n_skipped += s->status == RV_RUN_SKIPPED;
        sum.n_failed += has_failed(s);
    }
    return sum;
}

/* The contract's aggregate (1.2). Exports that were not begun, because of an interrupt, count in total_exports only. */
static json_t *aggregate_object(const run_all *all)
{
    const rv_clock *clock = rv_clock_system();
    const totals sum = add_up(all);
    char id[RV_TIME_TEXT_BYTES], aggregate_id[RV_TIME_TEXT_BYTES + 8], started[RV_TIME_TEXT_BYTES],
        finished[RV_TIME_TEXT_BYTES];
    json_t *per_export = json_array();
    for (int i = 0; i < all->n_exports; i++)
        if (all->begun[i])
            (void)json_array_append_new(per_export, summary_object(&all->summaries[i]));
    rv_time_run_id(id, all->started_us);
    rv_time_rfc3339(started, all->started_us);
    rv_time_rfc3339(finished, clock->now_us(clock));
    (void)snprintf(aggregate_id, sizeof aggregate_id, "agg_%s", id);
    return json_pack("{s:s,s:s,s:s,s:I,s:o,s:s,s:i,s:i,s:i,s:i,s:I,s:I,s:I,s:o}", "run_aggregate_id",
                     aggregate_id, "started_at", started, "finished_at", finished, "duration_ms",
                     (json_int_t)((clock->mono_us(clock) - all->started_mono_us) / 1000), "config_path",
                     rvi_text_json(all->config->path), "parallel_mode",
                     all->parallel ? "threads" : "sequential", "total_exports", all->n_exports,
                     "success_count", sum.n_ok, "failed_count", sum.n_failed, "skipped_count", sum.n_skipped,
                     "total_rows", (json_int_t)sum.rows, "total_files", (json_int_t)sum.files, "total_bytes",
                     (json_int_t)sum.bytes, "per_export", per_export);
}

static rv_code write_json(const run_all *all, FILE *out, const char *where, rv_error *err)
{
    json_t *object = aggregate_object(all);
    char *text = object != NULL ? json_dumps(object, JSON_INDENT(2)) : NULL;
    json_decref(object);
    if (text == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "rendering the result as JSON");
    bool ok = fprintf(out, "%s\n", text) > 0 && fflush(out) == 0;
    free(text);
    return ok ? RV_OK : rv_fail_os(err, RV_E_IO, errno, "writing the result to %s", where);
}

static rv_code write_results(const run_all *all, const rvi_args *args, rv_error *err)
{
    const char *path = rvi_option_value(args, "summary-output");
    if (path != NULL) {
        FILE *file = fopen(path, "we");
        if (file == NULL)
            return rv_fail_os(err, RV_E_IO, errno, "writing the result to '%s'", path);
        rv_code rc = write_json(all, file, path, err);
        if (fclose(file) != 0 && rc == RV_OK)
            rc = rv_fail_os(err, RV_E_IO, errno, "writing the result to '%s'", path);
        RV_TRY(rc);
    }
    return rvi_option_given(args, "json") ? write_json(all, stdout, "stdout", err) : RV_OK;
}

/* Data integrity first, then what needs a person, then what only needs time. */
static int seriousness(rv_exit status)
{
    static const rv_exit order[] = {RV_EXIT_OK,     RV_EXIT_INTERRUPTED, RV_EXIT_TRANSIENT, RV_EXIT_USAGE,
                                    RV_EXIT_FAILED, RV_EXIT_DRIFT,       RV_EXIT_INTEGRITY};
    for (int i = 0; i < (int)(sizeof order / sizeof order[0]); i++)
        if (order[i] == status)
            return i;
    return 0;
}

/* By one thread at a time, in the order in which they end. */
static void report_export(void *context, int index)
{
    run_all *all = context;
    const rv_summary *summary = &all->summaries[index];
    rvi_progress_line_clear(&all->lines[index]);
    rvi_card_print(all->cards, summary);
    (void)fflush(all->cards);
    if (has_failed(summary))
        rvi_render_error(all->cli, &summary->error);
}

static rv_run_context context_of(run_all *all)
{
    return (rv_run_context){
        .config = all->config,
        .state_path = all->state_path,
        .clock = rv_clock_system(),
        .cancel = all->cli->cancel,
        .redactor = all->cli->redactor,
        .validate = all->validate,
        .connections = all->connections,
        .resume = all->resume,
        .force = all->force,
    };
}

static rv_code prepare_exports(run_all *all, rv_error *err)
{
    rv_arena *arena = all->config->arena;
    const rv_run_context context = context_of(all);
    RV_TRY(expand_exports(all, &context, err));
    size_t n = (size_t)all->n_exports + 1;
    all->summaries =
        calloc(n, sizeof *all->summaries); /* 20 KB each: too much for the arena of many partitions */
    all->begun = rv_arena_alloc(arena, n, sizeof *all->begun);
    all->contexts = rv_arena_alloc(arena, n, sizeof *all->contexts);
    all->lines = rv_arena_alloc(arena, n, sizeof *all->lines);
    if (all->summaries == NULL || all->begun == NULL || all->contexts == NULL || all->lines == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing the run");
    for (int i = 0; i < all->n_exports; i++) {
        if (all->failures[i] != NULL) {
            (void)snprintf(all->summaries[i].export_name, sizeof all->summaries[i].export_name, "%s",
                           all->exports[i]->name);
            all->summaries[i].status = RV_RUN_FAILED;
            all->summaries[i].error = *all->failures[i];
            rv_redact_error(all->cli->redactor, &all->summaries[i].error);
            all->begun[i] = true;
        }
        /* Lines that are rewritten in place would overwrite each other. */
        rvi_progress_line_init(&all->lines[i], all->cli->terminal && !all->parallel);
        all->contexts[i] = context;
        all->contexts[i].observer =
            (rv_observer){.context = &all->lines[i], .on_progress = rvi_progress_line_update};
    }
    return RV_OK;
}

static const rv_error *find_worst(const run_all *all)
{
    const rv_error *worst = NULL;
    for (int i = 0; i < all->n_exports; i++) {
        const rv_error *error = &all->summaries[i].error;
        if (!all->begun[i] || error->code == RV_OK)
            continue;
        if (worst == NULL || seriousness(rv_code_exit(error->code)) > seriousness(rv_code_exit(worst->code)))
            worst = error;
    }
    return worst;
}

static int count_begun(const run_all *all)
{
    int n = 0;
    for (int i = 0; i < all->n_exports; i++)
        n += all->begun[i];
    return n;
}

static rv_code run_selected(run_all *all, rv_error *err)
{
    rv_code rc = prepare_exports(all, err);
    if (rc != RV_OK) {
        all->n_exports = 0; /* none was begun, and there is nothing to tell of them */
        return rc;
    }
    const rv_run_batch batch = {.contexts = all->contexts,
                                .exports = all->exports,
                                .summaries = all->summaries,
                                .begun = all->begun,
                                .n = all->n_exports,
                                .on_done = report_export,
                                .on_done_context = all};
    for (int i = 0; i < all->n_exports; i++)
        if (all->failures[i] != NULL)
            report_export(all, i);
    int most = all->config->max_connections > 0 ? all->config->max_connections : all->n_exports;
    RV_TRY(rv_run_exports(&batch, all->parallel ? most : 1, err));
    const rv_error *worst = find_worst(all);
    for (int i = 0; all->n_exports > 1 && i < all->n_exports; i++)
        if (all->begun[i])
            rvi_card_line(all->cards, &all->summaries[i]);
    bool failed = worst != NULL && rv_code_exit(worst->code) != RV_EXIT_OK;
    int n_left = all->n_exports - count_begun(all);
    if (!failed && n_left > 0)
        return rv_fail(err, RV_E_CANCELLED, "stopped; %d of %d exports were not begun", n_left,
                       all->n_exports);
    if (worst == NULL)
        return RV_OK;
    all->cli->reported = true;
    *err = *worst;
    return err->code;
}

/* Chunks of somebody else's run. */
static rv_code join_run(run_all *all, const char *run_id, bool json, rv_error *err)
{
    rv_run_context context = context_of(all);
    rvi_progress_line line;
    rv_summary *summary = rv_arena_alloc(all->config->arena, 1, sizeof *summary);
    if (summary == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing the run");
    rvi_progress_line_init(&line, all->cli->terminal);
    context.observer = (rv_observer){.context = &line, .on_progress = rvi_progress_line_update};
    rv_code rc = rv_run_join(&context, run_id, summary);
    rvi_progress_line_clear(&line);
    if (rc != RV_OK) {
        *err = summary->error;
        return rc;
    }
    if (json && printf("{\n  \"joined\": true,\n  \"rows\": %" PRId64 "\n}\n", summary->rows) < 0)
        return rv_fail_os(err, RV_E_IO, errno, "writing the result to stdout");
    char rows[RVI_UNIT_BYTES];
    fprintf(all->cards, "%s: read %s rows of it; its own process commits\n", run_id,
            rvi_text_count(rows, summary->rows));
    return RV_OK;
}

static rv_code run_and_report(run_all *all, const rvi_args *args, rv_error *err)
{
    rv_error output = {0};
    rv_code rc = run_selected(all, err);
    if (write_results(all, args, &output) == RV_OK)
        return rc;
    rvi_render_error(all->cli, &output);
    if (rc != RV_OK)
        return rc;
    *err = output;
    all->cli->reported = true;
    return output.code;
}

/* Opened before anything is read, for hours later would be too late to hear that it cannot be written; and emptied,
 * so that what an earlier run left is not taken for this one's should this one be killed. */
static rv_code clear_summary(const rvi_args *args, rv_error *err)
{
    const char *path = rvi_option_value(args, "summary-output");
    struct stat status;
    if (path == NULL ||
        (stat(path, &status) == 0 && !S_ISREG(status.st_mode))) /* a pipe ends with its first close */
        return RV_OK;
    FILE *file = fopen(path, "we");
    if (file == NULL || fclose(file) != 0) {
        rv_fail_os(err, RV_E_IO, errno, "writing the result to '%s'", path);
        rv_hint(err, "nothing was run: --summary-output needs a file that can be written");
        return RV_E_IO;
    }
    return RV_OK;
}

static rv_code prepare_run(run_all *all, const rvi_args *args, rv_error *err)
{
    const rv_config *config = all->config;
    all->selected = rv_arena_alloc(config->arena, (size_t)config->n_exports, sizeof *all->selected);
    if (all->selected == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing the run");
    RV_TRY(select_exports(all, args, err));
    RV_TRY(rv_run_state_path(config, config->arena, &all->state_path, err));
    RV_TRY(share_stdout(all, rvi_option_given(args, "json"), err));
    RV_TRY(clear_summary(args, err));
    return config->max_connections > 0 ? rv_connections_new(&all->connections, config->max_connections, err)
                                       : RV_OK;
}

rv_code rvi_cmd_run(rvi_cli *cli, const rvi_args *args, rv_error *err)
{
    RV_AUTO(rv_config_free) rv_config *config = NULL;
    const rv_clock *clock = rv_clock_system();
    const char *join = rvi_option_value(args, "join");
    RV_TRY(rvi_load_config(cli, args, &config, err));
    run_all all = {.cli = cli,
                   .config = config,
                   .started_us = clock->now_us(clock),
                   .started_mono_us = clock->mono_us(clock),
                   .parallel = config->parallel_exports || rvi_option_given(args, "parallel-exports") ||
                               rvi_option_given(args, "parallel-export-processes"),
                   .validate = rvi_option_given(args, "validate"),
                   .resume = rvi_option_given(args, "resume"),
                   .force = rvi_option_given(args, "force")};
    rv_code rc = prepare_run(&all, args, err);
    if (rc == RV_OK)
        rc = rv_signals_start(&cli->signals, cli->cancel, err);
    if (rc == RV_OK)
        rc = join != NULL ? join_run(&all, join, rvi_option_given(args, "json"), err)
                          : run_and_report(&all, args, err);
    free(all.summaries);
    rv_connections_free(all.connections);
    return rc;
}
