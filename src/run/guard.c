/* guard.c - the guards on what a run reads. Each exists once, and every mode passes it, for every mode is this path:
 *
 *   rvi_guards_prepare()   after planning, before a page is read or an earlier run is touched: names, changed columns
 *   rvi_lane_guard_page()  every page, on its way into a part
 *   rvi_guards_judge()     every row is written, nothing is published yet
 *
 * What a lane has seen is its own until it ends; then it becomes the run's. */
#include "internal.h"

#include "rivet/drift.h"
#include "rivet/hash.h"
#include "rivet/log.h"
#include "rivet/quality.h"
#include "rivet/row_hash.h"
#include "rivet/shapes.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX_BYTES = 16 << 20, MOST_GROWTHS_NOTED = 4 };

struct rvi_lane_guard {
    rvi_run *run;
    rv_meta *meta;
    rv_quality *quality;   /* NULL: no gate looks at rows */
    rv_shapes *shapes;     /* NULL: not asked for */
    rv_row_hasher *hasher; /* the next three: NULL where no look-back by digests is planned */
    rv_seen *fresh;        /* of the open chunk */
    int64_t floor;         /* of `fresh`; INT64_MAX: later runs will not look back */
    uint8_t *keep;         /* which rows of a page stay; n_keep bytes */
    size_t n_keep;
};

/* ---- before the plan ---- */

static rv_code recall_seen(void *context, const void *bytes, size_t len, rv_error *err)
{
    rvi_guards *guards = context;
    if (guards->seen == NULL)
        RV_TRY(rv_seen_new(&guards->seen, INT64_MIN, RV_SEEN_MOST, err));
    return rv_seen_read(guards->seen, bytes, len, err);
}

rv_code rvi_guards_recall(rvi_run *run, rv_error *err)
{
    rvi_guards *guards = &run->guards;
    const char *name = run->export_config->name;
    RV_TRY(rv_state_recall(run->state, name, run->arena, &guards->memory, err));
    if (run->export_config->mode != RV_MODE_INCREMENTAL)
        return RV_OK;
    RV_TRY(rv_state_list_seen(run->state, name, recall_seen, guards, err));
    if (guards->seen == NULL)
        return RV_OK;
    rv_seen_close(guards->seen);
    guards->seen_from = rv_seen_floor(guards->seen);
    return RV_OK;
}

/* ---- before the first page ---- */

static rv_code refuse_drift(rvi_run *run, const char *changes, rv_error *err)
{
    rv_fail(err, RV_E_SCHEMA_DRIFT, "the columns of %s have changed since run %s: %s",
            run->plan.info.schema.origin, run->guards.memory.last_run_id, changes);
    rv_hint(err, "nothing was read; if the change is meant, run once with on_schema_drift: warn");
    return RV_E_SCHEMA_DRIFT;
}

static rv_code say_drift(rvi_run *run, const rv_drift *drift, rv_error *err)
{
    const rv_on_drift policy = run->export_config->on_schema_drift;
    rv_bytes json = RV_BYTES_INIT(TEXT_MAX_BYTES), text = RV_BYTES_INIT(TEXT_MAX_BYTES);
    const char *changes = NULL, *detail = NULL;
    rv_code rc = rv_drift_json(drift, &json, err);
    if (rc == RV_OK)
        rc = rv_bytes_cstr(&json, &detail, err);
    if (rc == RV_OK)
        rc = rv_drift_text(drift, &text, err);
    if (rc == RV_OK)
        rc = rv_bytes_cstr(&text, &changes, err);
    if (rc == RV_OK) {
        rvi_run_journal(run, "SchemaChanged", json_loads(detail, 0, NULL));
        if (policy == RV_DRIFT_WARN)
            rvi_run_note(run, "columns have changed since the last run: %s", changes);
        if (policy == RV_DRIFT_FAIL)
            rc = refuse_drift(run, changes, err);
    }
    rv_bytes_deinit(&text);
    rv_bytes_deinit(&json);
    return rc;
}

rv_code rvi_guards_prepare(rvi_run *run, rv_error *err)
{
    const rv_export_config *e = run->export_config;
    rv_drift drift = {0};
    RV_TRY(rv_meta_schema(run->arena, &run->plan.schema, &e->meta, &run->guards.files, err));
    RV_TRY(rv_quality_check_names(&e->quality, &run->plan.schema, err));
    RV_TRY(rvi_prove_unique(run, err));
    RV_TRY(rv_drift_compare(run->arena, run->guards.memory.schema_json, &run->plan.schema, &drift, err));
    run->summary->n_schema_changes = drift.n_changes;
    return drift.n_changes > 0 ? say_drift(run, &drift, err) : RV_OK;
}

bool rvi_guards_know_kept_rows(const rvi_run *run)
{
    return !rv_quality_needs_rows(&run->export_config->quality, run->guards.proved);
}

/* ---- rows ---- */

static rv_code open_quality(rvi_run *run, rv_quality **out, rv_error *err)
{
    const rv_quality_options options = {.config = &run->export_config->quality,
                                        .schema = &run->plan.schema,
                                        .budget = &run->budget,
                                        .scratch_folder = rv_dest_spool_folder(run->dest),
                                        .run_id = run->run_id,
                                        .proved = run->guards.proved};
    return rv_quality_new(out, &options, err);
}

static rv_code open_lookback(rvi_lane_guard *guard, rv_error *err)
{
    const rv_plan *plan = &guard->run->plan;
    if (plan->look.columns == NULL)
        return RV_OK;
    if (!rv_lookback_floor(&plan->cursor, &guard->floor))
        guard->floor = INT64_MAX;
    RV_TRY(rv_row_hasher_new(&guard->hasher, err));
    return rv_seen_new(&guard->fresh, guard->floor, RV_SEEN_MOST, err);
}

rv_code rvi_lane_guard_open(rvi_lane_guard **out, rvi_run *run, rv_error *err)
{
    const rv_export_config *e = run->export_config;
    RV_AUTO(rvi_lane_guard_free) rvi_lane_guard *guard = calloc(1, sizeof *guard);
    if (guard == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing the guards of a lane");
    guard->run = run;
    RV_TRY(rv_meta_new(&guard->meta, &run->guards.files, &e->meta, run->started_us, &run->budget, err));
    if (rv_quality_counts(&e->quality) || rv_quality_needs_rows(&e->quality, run->guards.proved))
        RV_TRY(open_quality(run, &guard->quality, err));
    if (e->shape_drift_warn_factor > 0)
        RV_TRY(rv_shapes_new(&guard->shapes, &run->plan.schema, err));
    RV_TRY(open_lookback(guard, err));
    RV_MOVE(out, guard);
    return RV_OK;
}

void rvi_lane_guard_free(rvi_lane_guard *guard)
{
    if (guard == NULL)
        return;
    rv_meta_free(guard->meta);
    rv_quality_free(guard->quality);
    rv_shapes_free(guard->shapes);
    rv_row_hasher_free(guard->hasher);
    rv_seen_free(guard->fresh);
    free(guard->keep);
    free(guard);
}

/* ---- rows that come late ---- */

static rv_hash128 digest_of(rvi_lane_guard *guard, const rv_batch *page, int64_t row)
{
    const rv_lookback *look = &guard->run->plan.look;
    for (int i = 0; i < look->n_columns; i++)
        rv_row_hasher_add(guard->hasher, &page->columns[look->columns[i]], row);
    return rv_row_hasher_take(guard->hasher);
}

static rv_code make_room_to_sift(rvi_lane_guard *guard, const rv_batch *page, rv_error *err)
{
    size_t n = (size_t)page->rows;
    if (n <= guard->n_keep)
        return RV_OK;
    uint8_t *grown = realloc(guard->keep, n);
    if (grown == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "looking for rows that were exported before");
    guard->keep = grown;
    guard->n_keep = n;
    return RV_OK;
}

rv_code rvi_lane_guard_sift(rvi_lane_guard *guard, rv_batch *page, rv_error *err)
{
    const rv_lookback *look = &guard->run->plan.look;
    const rv_seen *seen = look->again ? guard->run->guards.seen : NULL;
    int64_t n_known = 0;
    if (guard->fresh == NULL || page->rows == 0)
        return RV_OK;
    RV_TRY(make_room_to_sift(guard, page, err));
    for (int64_t row = 0; row < page->rows; row++) {
        int64_t place = 0;
        guard->keep[row] = 1;
        if (!rv_lookback_place(look, page, row, &place) || (seen == NULL && place < guard->floor))
            continue;
        rv_hash128 digest = digest_of(guard, page, row);
        bool known = seen != NULL && rv_seen_has(seen, digest);
        guard->keep[row] = !known;
        n_known += known;
        RV_TRY(rv_seen_add(guard->fresh, place, digest, err));
    }
    if (n_known > 0)
        rv_batch_keep(page, guard->keep);
    return RV_OK;
}

rv_code rvi_lane_guard_take_seen(rvi_lane_guard *guard, rv_bytes *out, rv_error *err)
{
    bool has_news = guard->fresh != NULL &&
                    (rv_seen_count(guard->fresh) > 0 || rv_seen_floor(guard->fresh) > guard->floor);
    return has_news ? rv_seen_write(guard->fresh, out, err) : RV_OK;
}

/* ---- what every guard does with a page, a chunk ---- */

rv_code rvi_lane_guard_page(rvi_lane_guard *guard, const rv_batch *page, const rv_batch **rows, rv_error *err)
{
    if (guard->quality != NULL)
        RV_TRY(rv_quality_add(guard->quality, page, err));
    if (guard->shapes != NULL)
        rv_shapes_add(guard->shapes, page);
    return rv_meta_extend(guard->meta, page, rows, err);
}

static rv_code take_tally(const rv_quality *quality, char **out, rv_error *err)
{
    rv_bytes text = RV_BYTES_INIT(TEXT_MAX_BYTES);
    rv_code rc = rv_quality_tally(quality, &text, err);
    if (rc == RV_OK) {
        *out = strndup((const char *)text.data, text.len);
        rc = *out != NULL ? RV_OK : rv_fail(err, RV_E_OUT_OF_MEMORY, "counting the NULLs of a chunk");
    }
    rv_bytes_deinit(&text);
    return rc;
}

rv_code rvi_lane_guard_keep_chunk(rvi_lane_guard *guard, char **tally, rv_error *err)
{
    if (guard->fresh != NULL)
        rv_seen_clear(guard->fresh, guard->floor);
    if (guard->quality == NULL)
        return RV_OK;
    if (rv_quality_counts(&guard->run->export_config->quality))
        RV_TRY(take_tally(guard->quality, tally, err));
    rv_quality_keep_chunk(guard->quality);
    return RV_OK;
}

rv_code rvi_lane_guard_drop_chunk(rvi_lane_guard *guard, rv_error *err)
{
    if (guard->fresh != NULL)
        rv_seen_clear(guard->fresh, guard->floor);
    return guard->quality != NULL ? rv_quality_drop_chunk(guard->quality, err) : RV_OK;
}

static rv_code collect(rvi_guards *guards, rvi_lane_guard *lane, rv_error *err)
{
    if (lane->shapes != NULL && guards->shapes == NULL)
        RV_MOVE(&guards->shapes, lane->shapes);
    else if (lane->shapes != NULL)
        rv_shapes_merge(guards->shapes, lane->shapes);
    if (lane->quality == NULL)
        return RV_OK;
    if (guards->quality != NULL)
        return rv_quality_merge(guards->quality, lane->quality, err);
    RV_MOVE(&guards->quality, lane->quality);
    return RV_OK;
}

rv_code rvi_lane_guard_finish(rvi_lane_guard *guard, rv_error *err)
{
    rvi_guards *guards = &guard->run->guards;
    RV_TRY(rvi_lane_guard_drop_chunk(guard, err)); /* an open chunk is nobody's */
    pthread_mutex_lock(&guards->lock);
    rv_code rc = collect(guards, guard, err);
    pthread_mutex_unlock(&guards->lock);
    return rc;
}

void rvi_guards_forget(rvi_run *run)
{
    rv_quality_free(run->guards.quality);
    rv_shapes_free(run->guards.shapes);
    run->guards.quality = NULL;
    run->guards.shapes = NULL;
}

void rvi_guards_init(rvi_run *run)
{
    pthread_mutex_init(&run->guards.lock, NULL);
}

void rvi_guards_deinit(rvi_run *run)
{
    rvi_guards_forget(run);
    rv_seen_free(run->guards.seen);
    pthread_mutex_destroy(&run->guards.lock);
}

/* ---- before the manifest ---- */

static rv_code note_growths(rvi_run *run, rv_error *err)
{
    const char *recorded = run->guards.memory.shapes_json;
    rv_shape_growth *growths = NULL;
    int n = 0;
    RV_TRY(rv_shapes_compare(run->guards.shapes, recorded, run->export_config->shape_drift_warn_factor,
                             run->arena, &growths, &n, err));
    for (int i = 0; i < n; i++) {
        const rv_shape_growth *g = &growths[i];
        if (i < MOST_GROWTHS_NOTED)
            rvi_run_note(run,
                         "the longest value of '%s' grew from %" PRId64 " to %" PRId64
                         " bytes (shape_drift_warn_factor %g)",
                         g->column, g->before, g->now, run->export_config->shape_drift_warn_factor);
        rvi_run_journal(run, "Warning",
                        json_pack("{s:s,s:s,s:I,s:I}", "kind", "shape_drift", "column", g->column,
                                  "bytes_before", (json_int_t)g->before, "bytes_now", (json_int_t)g->now));
    }
    if (n > MOST_GROWTHS_NOTED)
        rvi_run_note(run, "the longest values of %d more columns grew as well: see the journal",
                     n - MOST_GROWTHS_NOTED);
    return RV_OK;
}

/* What a run leaves for the next is a help, and no reason to fail a run that is complete. */
static void remember_shapes(rvi_run *run)
{
    rv_error err = {0};
    rv_bytes text = RV_BYTES_INIT(TEXT_MAX_BYTES);
    if (run->guards.shapes == NULL)
        return;
    rv_code rc = note_growths(run, &err);
    if (rc == RV_OK)
        rc = rv_shapes_json(run->guards.shapes, run->guards.memory.shapes_json, &text, &err);
    if (rc == RV_OK) {
        run->guards.shapes_json = rv_arena_strndup(run->arena, (const char *)text.data, text.len);
        if (run->guards.shapes_json == NULL)
            rc = rv_fail(&err, RV_E_OUT_OF_MEMORY, "keeping them");
    }
    if (rc != RV_OK)
        rv_log(RV_LOG_WARN, "the lengths of values were not compared or recorded: %s", err.message);
    rv_bytes_deinit(&text);
}

static void copy_gate(rv_gate_summary *out, const rv_quality_result *gate)
{
    *out = (rv_gate_summary){
        .key = gate->key, .verdict = gate->verdict, .measured = gate->measured, .limit = gate->limit};
    (void)snprintf(out->column, sizeof out->column, "%s", gate->column != NULL ? gate->column : "");
    (void)snprintf(out->proof, sizeof out->proof, "%s", gate->proof != NULL ? gate->proof : "");
}

/* Those that did not pass first: there may be more gates than a summary has room for. */
static void summarize_gates(rvi_run *run, const rv_quality_report *report)
{
    rv_summary *s = run->summary;
    s->n_quality_gates = report->n_gates;
    s->n_quality_failed = report->n_failed;
    s->n_gates = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < report->n_gates && s->n_gates < RV_MAX_GATES; i++)
            if ((report->gates[i].verdict == RV_QUALITY_PASSED) == (pass == 1))
                copy_gate(&s->gates[s->n_gates++], &report->gates[i]);
}

static void say_issues(rvi_run *run, const rv_quality_report *report)
{
    for (int i = 0; i < report->n_issues; i++) {
        const rv_quality_issue *issue = &report->issues[i];
        rvi_run_journal(run, "QualityIssue",
                        json_pack("{s:s,s:s?,s:s,s:s}", "gate", rv_quality_gate_name(issue->gate), "column",
                                  issue->column, "severity", issue->fails ? "fail" : "warn", "message",
                                  issue->text));
        rvi_run_note(run, "quality: %s", issue->text);
    }
    summarize_gates(run, report);
}

static rv_code keep_report(rvi_run *run, const rv_quality_report *report, rv_error *err)
{
    rv_bytes json = RV_BYTES_INIT(TEXT_MAX_BYTES);
    rv_code rc = rv_quality_json(report, &json, err);
    if (rc == RV_OK) {
        run->guards.quality_json = rv_arena_strndup(run->arena, (const char *)json.data, json.len);
        if (run->guards.quality_json == NULL)
            rc = rv_fail(err, RV_E_OUT_OF_MEMORY, "keeping the result of the quality gates");
    }
    rv_bytes_deinit(&json);
    return rc;
}

/* Looking for duplicates may outlast the lease, and a user's patience. */
static rv_code stay_alive(void *context, rv_error *err)
{
    rvi_run *run = context;
    if (rv_cancel_requested(run->cancel))
        return rv_fail(err, RV_E_CANCELLED, "the run was stopped");
    return rvi_lease_renew(run, err);
}

/* What the state store says of a chunk, whoever has read it. */
static rv_code add_chunk(void *context, const rv_chunk_row *row, rv_error *err)
{
    rvi_run *run = context;
    const rv_quality_config *config = &run->export_config->quality;
    rv_quality *quality = run->guards.quality;
    bool one_moment = run->plan.snapshot && !run->plan.spans_epochs;
    for (int i = 0; i < config->n_unique_columns; i++)
        if (!one_moment && !rvi_is_along(&row->chunk.bounds, config->unique_columns[i]))
            rv_quality_disprove(quality, i);
    RV_TRY_CTX(rv_quality_count(quality, row->chunk.tally, err), err, "chunk %" PRId64, row->chunk.index);
    return RV_OK;
}

static rv_code judge_quality(rvi_run *run, int64_t rows, rv_error *err)
{
    const rv_quality_beat beat = {.call = stay_alive, .context = run};
    rv_quality_report report;
    if (!rv_quality_is_given(&run->export_config->quality))
        return RV_OK;
    if (run->guards.quality == NULL)
        RV_TRY(open_quality(run, &run->guards.quality, err));
    RV_TRY(rv_state_list_chunks(run->state, run->run_id, add_chunk, run, err));
    RV_TRY(rv_quality_check(run->guards.quality, rows, &beat, run->arena, &report, err));
    RV_TRY(keep_report(run, &report, err));
    say_issues(run, &report);
    return rv_quality_verdict(&report, err);
}

rv_code rvi_guards_judge(rvi_run *run, int64_t rows, rv_error *err)
{
    rv_code rc = judge_quality(run, rows, err);
    if (rc == RV_E_QUALITY_FAILED)
        run->committing = false; /* its parts are not to become data */
    if (rc == RV_OK)
        remember_shapes(run);
    return rc;
}

const char *rvi_guards_detail(const rvi_run *run, bool validate, bool validated)
{
    const char *quality = run->guards.quality_json;
    if (!validate && quality == NULL)
        return NULL;
    return rv_arena_printf(run->arena, "{%s%s%s%s}",
                           !validate   ? ""
                           : validated ? "\"validated\":true"
                                       : "\"validated\":false",
                           validate && quality != NULL ? "," : "", quality != NULL ? "\"quality\":" : "",
                           quality != NULL ? quality : "");
}
