/* cmd_run.c - rivet run: the exports of a configuration, one after the other. One that fails does not stop the
 * others; the exit status is the most serious one. */
#include "cli.h"

#include "rivet/dest.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

typedef struct run_all {
    rvi_cli *cli;
    const rv_config *config;
    const char *state_path;
    rv_summary *summaries;
    int n;
    FILE *cards; /* stdout, or stderr when stdout carries data or JSON */
    int64_t started_us;
} run_all;

static rv_code select_exports(const rv_config *config, const rvi_args *args, const rv_export_config **out,
                              int *n, rv_error *err)
{
    const char *const *names = NULL;
    int n_names = rvi_option_values(args, "export", &names);
    *n = 0;
    for (int i = 0; n_names == 0 && i < config->n_exports; i++)
        out[(*n)++] = &config->exports[i];
    for (int i = 0; i < n_names && *n < config->n_exports; i++) {
        const char *near = NULL;
        const rv_export_config *found = rv_config_export(config, names[i], &near);
        if (found == NULL) {
            rv_fail(err, RV_E_CONFIG_UNKNOWN_EXPORT, "no export is named '%s' in %s", names[i], config->path);
            if (near != NULL)
                rv_hint(err, "did you mean '%s'?", near);
            return RV_E_CONFIG_UNKNOWN_EXPORT;
        }
        bool twice = false;
        for (int k = 0; k < *n; k++)
            twice |= out[k] == found;
        if (!twice)
            out[(*n)++] = found;
    }
    return RV_OK;
}

static bool writes_stdout(const rv_export_config *const *exports, int n)
{
    for (int i = 0; i < n; i++) {
        const rv_dest_ops *dest = rv_dest_driver(exports[i]->dest.kind);
        if (dest != NULL && (dest->caps & RV_DEST_CAP_STREAM) != 0)
            return true;
    }
    return false;
}

static json_t *summary_object(const rv_summary *s)
{
    json_t *object =
        json_pack("{s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:b}", "export_name",
                  s->export_name, "status", rv_run_status_name(s->status), "run_id", s->run_id, "rows",
                  (json_int_t)s->rows, "files", (json_int_t)s->files, "bytes", (json_int_t)s->bytes,
                  "duration_ms", (json_int_t)s->duration_ms, "mode", s->mode, "strategy", s->strategy,
                  "destination", s->dest_uri, "statements", (json_int_t)s->pages, "longest_statement_ms",
                  (json_int_t)s->longest_statement_ms, "peak_rss_bytes", (json_int_t)s->peak_rss_bytes,
                  "values_changed", (json_int_t)s->policy_uses, "resumed", (int)s->resumed);
    if (object == NULL)
        return NULL;
    bool failed = s->error.code != RV_OK && rv_code_exit(s->error.code) != RV_EXIT_OK;
    (void)json_object_set_new(object, "error_message", failed ? json_string(s->error.message) : json_null());
    (void)json_object_set_new(object, "error_code",
                              failed ? json_string(rv_code_name(s->error.code)) : json_null());
    json_t *notes = json_array();
    for (int i = 0; i < s->n_notes; i++)
        (void)json_array_append_new(notes, json_string(s->notes[i]));
    (void)json_object_set_new(object, "notes", notes);
    return object;
}

/* The contract's aggregate (1.2). */
static json_t *aggregate_object(const run_all *all)
{
    int64_t now_us = rv_clock_system()->now_us(rv_clock_system());
    int64_t rows = 0, files = 0, bytes = 0;
    int n_ok = 0, n_failed = 0, n_skipped = 0;
    char id[RV_TIME_TEXT_BYTES], started[RV_TIME_TEXT_BYTES], finished[RV_TIME_TEXT_BYTES];
    json_t *per_export = json_array();
    for (int i = 0; i < all->n; i++) {
        const rv_summary *s = &all->summaries[i];
        rows += s->rows;
        files += s->files;
        bytes += (int64_t)s->bytes;
        n_ok += s->status == RV_RUN_SUCCEEDED;
        n_skipped += s->status == RV_RUN_SKIPPED;
        n_failed += s->status == RV_RUN_FAILED || s->status == RV_RUN_INTERRUPTED;
        (void)json_array_append_new(per_export, summary_object(s));
    }
    rv_time_run_id(id, all->started_us);
    rv_time_rfc3339(started, all->started_us);
    rv_time_rfc3339(finished, now_us);
    char agg[RV_TIME_TEXT_BYTES + 8];
    (void)snprintf(agg, sizeof agg, "agg_%s", id);
    return json_pack("{s:s,s:s,s:s,s:I,s:s,s:s,s:i,s:i,s:i,s:i,s:I,s:I,s:I,s:o}", "run_aggregate_id", agg,
                     "started_at", started, "finished_at", finished, "duration_ms",
                     (json_int_t)((now_us - all->started_us) / 1000), "config_path", all->config->path,
                     "parallel_mode", "sequential", "total_exports", all->n, "success_count", n_ok,
                     "failed_count", n_failed, "skipped_count", n_skipped, "total_rows", (json_int_t)rows,
                     "total_files", (json_int_t)files, "total_bytes", (json_int_t)bytes, "per_export",
                     per_export);
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

static void run_one(run_all *all, const rv_export_config *export_config, rv_summary *summary)
{
    rvi_progress_line line;
    rvi_progress_line_init(&line);
    rv_run_context context = {
        .config = all->config,
        .state_path = all->state_path,
        .clock = rv_clock_system(),
        .cancel = all->cli->cancel,
        .redactor = all->cli->redactor,
        .observer = {.context = &line, .on_progress = rvi_progress_line_update},
    };
    (void)rv_run_export(&context, export_config, summary); /* everything it says is in the summary */
    rvi_progress_line_clear(&line);
    rvi_card_print(all->cards, summary);
    (void)fflush(all->cards);
    if (summary->error.code != RV_OK && rv_code_exit(summary->error.code) != RV_EXIT_OK)
        rvi_render_error(all->cli, &summary->error);
}

static rv_code run_selected(run_all *all, const rv_export_config *const *exports, int n, rv_error *err)
{
    const rv_error *worst = NULL;
    for (int i = 0; i < n && !rv_cancel_requested(all->cli->cancel); i++) {
        rv_summary *summary = &all->summaries[all->n++];
        run_one(all, exports[i], summary);
        bool worse = worst == NULL ||
                     seriousness(rv_code_exit(summary->error.code)) > seriousness(rv_code_exit(worst->code));
        if (summary->error.code != RV_OK && worse)
            worst = &summary->error;
    }
    for (int i = 0; n > 1 && i < all->n; i++)
        rvi_card_line(all->cards, &all->summaries[i]);
    if (worst == NULL && !rv_cancel_requested(all->cli->cancel))
        return RV_OK;
    all->cli->reported = worst != NULL;
    if (worst == NULL)
        return rv_fail(err, RV_E_CANCELLED, "the run was stopped");
    *err = *worst;
    return err->code;
}

rv_code rvi_cmd_run(rvi_cli *cli, const rvi_args *args, rv_error *err)
{
    RV_AUTO(rv_config_free) rv_config *config = NULL;
    RV_TRY(rvi_load_config(cli, args, &config, err));
    const rv_export_config **exports =
        rv_arena_alloc(config->arena, (size_t)config->n_exports, sizeof *exports);
    run_all all = {.cli = cli, .config = config, .started_us = rv_clock_system()->now_us(rv_clock_system())};
    all.summaries = rv_arena_alloc(config->arena, (size_t)config->n_exports, sizeof *all.summaries);
    if (exports == NULL || all.summaries == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing the run");
    int n = 0;
    RV_TRY(select_exports(config, args, exports, &n, err));
    RV_TRY(rv_run_state_path(config, config->arena, &all.state_path, err));
    bool to_stdout = writes_stdout(exports, n);
    if (to_stdout && rvi_option_given(args, "json"))
        return rv_fail(err, RV_E_USAGE,
                       "--json and a stdout destination both want stdout; use --summary-output FILE");
    all.cards = to_stdout || rvi_option_given(args, "json") ? stderr : stdout;
    RV_TRY(rv_signals_start(&cli->signals, cli->cancel, err));
    rv_code rc = run_selected(&all, exports, n, err);
    rv_error output = {0};
    if (write_results(&all, args, &output) != RV_OK) {
        rvi_render_error(cli, &output);
        if (rc == RV_OK) {
            *err = output;
            cli->reported = true;
            rc = output.code;
        }
    }
    return rc;
}
