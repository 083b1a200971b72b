#include "internal.h"

#include <stdio.h>

static void copy_text(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text != NULL ? text : "");
}

static void fill_names(const rvi_run *run, rv_summary *s)
{
    const rv_export_config *e = run->export_config;
    copy_text(s->run_id, sizeof s->run_id, run->run_id);
    copy_text(s->mode, sizeof s->mode, rv_mode_name(e->mode));
    copy_text(s->strategy, sizeof s->strategy, run->plan.strategy_name);
    copy_text(s->reason, sizeof s->reason, run->plan.reason);
    copy_text(s->format, sizeof s->format, rv_format_name(e->format.kind));
    copy_text(s->compression, sizeof s->compression, rv_codec_name(e->format.codec));
    copy_text(s->profile, sizeof s->profile, rv_profile_name(e->tuning.profile));
    copy_text(s->relation, sizeof s->relation, run->plan.info.schema.origin);
    copy_text(s->dest_uri, sizeof s->dest_uri, run->dest != NULL ? rv_dest_uri(run->dest) : "");
    if (run->server.product[0] != '\0')
        (void)snprintf(s->source, sizeof s->source, "%s %s", run->server.product, run->server.version);
}

void rvi_summary_fill(rvi_run *run, rv_run_status status)
{
    rv_summary *s = run->summary;
    const rvi_counters *counters = &run->counters;
    const rv_clock *clock = run->context->clock;
    fill_names(run, s);
    s->status = status;
    s->started_us = run->started_us;
    s->finished_us = clock->now_us(clock);
    if (s->finished_us < s->started_us) /* a clock may be set back */
        s->finished_us = s->started_us;
    s->duration_ms = (clock->mono_us(clock) - run->started_mono_us) / 1000;
    s->n_chunks = run->plan.n_chunks;
    s->pages = atomic_load(&counters->pages);
    s->longest_statement_ms = (atomic_load(&counters->longest_statement_us) + 999) / 1000;
    s->retries = atomic_load(&counters->retries);
    s->validate = run->context->validate;
    s->n_validated = run->n_validated;
    s->wire_bytes = atomic_load(&counters->wire_bytes);
    s->peak_rss_bytes = rv_rss_peak_bytes();
    s->peak_budget_bytes = rv_budget_peak(&run->budget);
    for (int i = 0; run->policy_uses != NULL && i < run->plan.schema.n_fields * RV_INVALID_CLASSES; i++)
        s->policy_uses += run->policy_uses[i];
}

void rvi_run_result(const rvi_run *run, rv_run_status status, rv_run_result *out)
{
    const rv_summary *s = run->summary;
    bool validated = rv_summary_validated(s);
    *out = (rv_run_result){
        .run_id = run->run_id,
        .status = status,
        .finished_us = s->finished_us,
        .duration_ms = s->duration_ms,
        .rows = s->rows,
        .files = s->files,
        .bytes = s->bytes,
        .wire_bytes = s->wire_bytes,
        .peak_rss_bytes = s->peak_rss_bytes,
        .statements = s->pages,
        .longest_statement_ms = s->longest_statement_ms,
        .retries = s->retries,
        .cursor = status == RV_RUN_SUCCEEDED && run->plan.cursor.columns != NULL ? &run->plan.cursor : NULL,
        .code = s->error.code,
        .error_message = s->error.code != RV_OK ? s->error.message : NULL,
        .detail_json = rvi_guards_detail(run, s->validate, validated),
        .shapes_json = run->guards.shapes_json,
        .retention = run->retention.keep_runs > 0 ? &run->retention : NULL,
    };
}
