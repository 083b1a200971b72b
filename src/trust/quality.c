/* quality.c - the gates: what is counted while rows pass, and what is said in the end. */
#include "rivet/quality.h"

#include "rivet/checked.h"
#include "rivet/row_hash.h"
#include "trust/internal.h"
#include "trust/unique.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct null_count {
    int field;
    int64_t counted, open; /* NULLs by the tallies that were added, in the open chunk */
} null_count;

/* One unique column. After a merge it has the logs of several lanes. */
typedef struct unique_column {
    int field;
    const char *proof;     /* unique without a look; NULL: it is looked at */
    rvi_unique_log **logs; /* the first is this lane's own; none with a proof */
    int n_logs;
} unique_column;

struct rv_quality {
    const rv_quality_config *config;
    rv_budget *budget;
    rv_row_hasher *hasher; /* NULL without unique columns */
    null_count *nulls;     /* config->n_null_ratios */
    unique_column *unique; /* config->n_unique_columns */
    int64_t rows_kept, rows_open;
};

bool rv_quality_counts(const rv_quality_config *config)
{
    return config->n_null_ratios > 0;
}

bool rv_quality_needs_rows(const rv_quality_config *config, const char *const *proved)
{
    for (int i = 0; i < config->n_unique_columns; i++)
        if (proved == NULL || proved[i] == NULL)
            return true;
    return false;
}

bool rv_quality_is_given(const rv_quality_config *config)
{
    return config->row_count_min >= 0 || config->row_count_max >= 0 || config->n_null_ratios > 0 ||
           config->n_unique_columns > 0;
}

const char *rv_quality_verdict_name(rv_quality_verdict_kind verdict)
{
    switch (verdict) {
    case RV_QUALITY_PASSED:
        return "passed";
    case RV_QUALITY_WARNED:
        return "warning";
    case RV_QUALITY_NOT_PASSED:
        return "failed";
    }
    return "unknown";
}

const char *rv_quality_gate_name(rv_quality_gate gate)
{
    switch (gate) {
    case RV_GATE_ROW_COUNT:
        return "row_count";
    case RV_GATE_NULL_RATIO:
        return "null_ratio";
    case RV_GATE_UNIQUE:
        return "unique";
    }
    return "unknown";
}

/* ---- names ---- */

static rv_code refuse_unknown(const rv_schema *schema, const char *key, const char *name, rv_error *err)
{
    const char **names = calloc((size_t)schema->n_fields + 1, sizeof *names);
    if (names == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "checking the columns of the quality gates");
    for (int i = 0; i < schema->n_fields; i++)
        names[i] = schema->fields[i].name;
    const char *near = rv_did_you_mean(name, names, (size_t)schema->n_fields);
    rv_fail(err, RV_E_CONFIG_VALUE, "quality.%s names '%s', which is no column of %s", key, name,
            schema->origin);
    if (near != NULL)
        rv_hint(err, "did you mean '%s'?", near);
    free(names);
    return RV_E_CONFIG_VALUE;
}

rv_code rv_quality_check_names(const rv_quality_config *config, const rv_schema *schema, rv_error *err)
{
    for (int i = 0; i < config->n_null_ratios; i++)
        if (rv_schema_index(schema, config->null_ratios[i].column) < 0)
            return refuse_unknown(schema, "null_ratio_max", config->null_ratios[i].column, err);
    for (int i = 0; i < config->n_unique_columns; i++)
        if (rv_schema_index(schema, config->unique_columns[i]) < 0)
            return refuse_unknown(schema, "unique_columns", config->unique_columns[i], err);
    return RV_OK;
}

/* ---- life ---- */

static rv_code open_logs(rv_quality *quality, const rv_quality_options *options, rv_error *err)
{
    const rv_quality_config *config = options->config;
    const int64_t max =
        config->unique_max_entries > 0 ? config->unique_max_entries : (int64_t)RV_UNIQUE_DEFAULT_ENTRIES;
    for (int i = 0; i < config->n_unique_columns; i++) {
        unique_column *column = &quality->unique[i];
        column->field = rv_schema_index(options->schema, config->unique_columns[i]);
        column->proof = options->proved != NULL ? options->proved[i] : NULL;
        if (column->proof != NULL)
            continue;
        column->logs = calloc(1, sizeof(rvi_unique_log *));
        if (column->logs == NULL)
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing the quality gates");
        RV_TRY(rvi_unique_log_new(&column->logs[0], max, options->budget, options->scratch_folder,
                                  options->run_id, err));
        column->n_logs = 1;
    }
    return rv_quality_needs_rows(config, options->proved) ? rv_row_hasher_new(&quality->hasher, err) : RV_OK;
}

rv_code rv_quality_new(rv_quality **out, const rv_quality_options *options, rv_error *err)
{
    const rv_quality_config *config = options->config;
    RV_TRY(rv_quality_check_names(config, options->schema, err));
    RV_AUTO(rv_quality_free) rv_quality *quality = calloc(1, sizeof *quality);
    if (quality == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing the quality gates");
    quality->config = config;
    quality->budget = options->budget;
    quality->nulls = calloc((size_t)config->n_null_ratios + 1, sizeof *quality->nulls);
    quality->unique = calloc((size_t)config->n_unique_columns + 1, sizeof *quality->unique);
    if (quality->nulls == NULL || quality->unique == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "preparing the quality gates");
    for (int i = 0; i < config->n_null_ratios; i++)
        quality->nulls[i].field = rv_schema_index(options->schema, config->null_ratios[i].column);
    RV_TRY(open_logs(quality, options, err));
    RV_MOVE(out, quality);
    return RV_OK;
}

void rv_quality_free(rv_quality *quality)
{
    if (quality == NULL)
        return;
    for (int i = 0; quality->unique != NULL && i < quality->config->n_unique_columns; i++) {
        for (int l = 0; l < quality->unique[i].n_logs; l++)
            rvi_unique_log_free(quality->unique[i].logs[l]);
        free(quality->unique[i].logs);
    }
    rv_row_hasher_free(quality->hasher);
    free(quality->unique);
    free(quality->nulls);
    free(quality);
}

/* ---- rows ---- */

static rv_code remember(rv_quality *quality, const unique_column *unique, const rv_column *column,
                        int64_t rows, rv_error *err)
{
    for (int64_t row = 0; row < rows; row++) {
        if (rv_column_is_null(column, row))
            continue;
        rv_row_hasher_add(quality->hasher, column, row);
        RV_TRY(rvi_unique_log_add(unique->logs[0], rv_row_hasher_take(quality->hasher), err));
    }
    return RV_OK;
}

rv_code rv_quality_add(rv_quality *quality, const rv_batch *batch, rv_error *err)
{
    quality->rows_open += batch->rows;
    for (int i = 0; i < quality->config->n_null_ratios; i++)
        quality->nulls[i].open += batch->columns[quality->nulls[i].field].null_count;
    for (int i = 0; i < quality->config->n_unique_columns; i++) {
        const unique_column *unique = &quality->unique[i];
        if (unique->proof != NULL)
            continue;
        RV_TRY_CTX(remember(quality, unique, &batch->columns[unique->field], batch->rows, err), err,
                   "unique column '%s'", quality->config->unique_columns[i]);
    }
    return RV_OK;
}

void rv_quality_keep_chunk(rv_quality *quality)
{
    quality->rows_kept += quality->rows_open;
    quality->rows_open = 0;
    for (int i = 0; i < quality->config->n_null_ratios; i++)
        quality->nulls[i].open = 0;
    for (int i = 0; i < quality->config->n_unique_columns; i++)
        if (quality->unique[i].proof == NULL)
            rvi_unique_log_keep(quality->unique[i].logs[0]);
}

rv_code rv_quality_drop_chunk(rv_quality *quality, rv_error *err)
{
    quality->rows_open = 0;
    for (int i = 0; i < quality->config->n_null_ratios; i++)
        quality->nulls[i].open = 0;
    for (int i = 0; i < quality->config->n_unique_columns; i++)
        if (quality->unique[i].proof == NULL)
            RV_TRY(rvi_unique_log_drop(quality->unique[i].logs[0], err));
    return RV_OK;
}

/* ---- tallies ---- */

rv_code rv_quality_tally(const rv_quality *quality, rv_bytes *out, rv_error *err)
{
    const rv_quality_config *config = quality->config;
    RV_AUTO(json_decref) json_t *nulls = json_object();
    bool ok = nulls != NULL;
    for (int i = 0; ok && i < config->n_null_ratios; i++)
        ok = json_object_set_new(nulls, config->null_ratios[i].column,
                                 json_integer(quality->nulls[i].open)) == 0;
    char *text = ok ? json_dumps(nulls, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    rv_code rc = text != NULL ? rv_bytes_append_str(out, text, err)
                              : rv_fail(err, RV_E_OUT_OF_MEMORY, "counting the NULLs of a chunk");
    free(text);
    return rc;
}

static json_t *parse_tally(const char *tally)
{
    return tally != NULL ? json_loads(tally, 0, NULL) : NULL;
}

/* -1: the tally does not count the column. */
static int64_t tallied(const json_t *tally, const char *column)
{
    const json_t *count = json_object_get(tally, column);
    return json_is_integer(count) && json_integer_value(count) >= 0 ? json_integer_value(count) : -1;
}

bool rv_quality_is_counted(const rv_quality_config *config, const char *tally)
{
    RV_AUTO(json_decref) json_t *nulls = parse_tally(tally);
    for (int i = 0; i < config->n_null_ratios; i++)
        if (tallied(nulls, config->null_ratios[i].column) < 0)
            return false;
    return true;
}

rv_code rv_quality_count(rv_quality *quality, const char *tally, rv_error *err)
{
    RV_AUTO(json_decref) json_t *nulls = parse_tally(tally);
    for (int i = 0; i < quality->config->n_null_ratios; i++) {
        const char *column = quality->config->null_ratios[i].column;
        int64_t n = tallied(nulls, column);
        if (n < 0 || rv_add_i64(&quality->nulls[i].counted, quality->nulls[i].counted, n))
            return rv_fail(err, RV_E_STATE_CORRUPT, "the NULLs of '%s' in a chunk are not recorded", column);
    }
    return RV_OK;
}

/* ---- the end ---- */

void rv_quality_disprove(rv_quality *quality, int i)
{
    quality->unique[i].proof = NULL;
}

static rv_code move_logs(unique_column *to, unique_column *from, rv_error *err)
{
    const int n = to->n_logs + from->n_logs;
    if (from->n_logs == 0)
        return RV_OK;
    rvi_unique_log **grown = realloc(to->logs, (size_t)n * sizeof(rvi_unique_log *));
    if (grown == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "merging the quality gates of the lanes");
    memcpy(grown + to->n_logs, from->logs, (size_t)from->n_logs * sizeof(rvi_unique_log *));
    to->logs = grown;
    to->n_logs = n;
    from->n_logs = 0;
    return RV_OK;
}

rv_code rv_quality_merge(rv_quality *to, rv_quality *from, rv_error *err)
{
    assert(to->config == from->config && to != from);
    RV_TRY(rv_quality_drop_chunk(from, err)); /* an open chunk is nobody's */
    for (int i = 0; i < to->config->n_unique_columns; i++)
        RV_TRY(move_logs(&to->unique[i], &from->unique[i], err));
    to->rows_kept += from->rows_kept;
    return RV_OK;
}

/* A text that was cut to fit loses its last character, which may be half a one. */
static void end_whole(char *text)
{
    size_t n = strlen(text);
    while (n > 0 && ((unsigned char)text[n - 1] & 0xc0) == 0x80)
        n--;
    text[n > 0 ? n - 1 : 0] = '\0';
}

/* There is room for one issue of each gate and column: see count_gates(). */
static RV_PRINTF(4, 5) rv_quality_issue *raise(rv_quality_report *report, rv_quality_gate gate,
                                               const char *column, const char *fmt, ...)
{
    rv_quality_issue *issue = &report->issues[report->n_issues++];
    *issue = (rv_quality_issue){.gate = gate, .fails = true, .column = column};
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(issue->text, sizeof issue->text, fmt, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof issue->text)
        end_whole(issue->text);
    report->n_failed++;
    return issue;
}

static int count_gates(const rv_quality_config *config)
{
    return (config->row_count_min >= 0) + (config->row_count_max >= 0) + config->n_null_ratios +
           config->n_unique_columns;
}

static rv_quality_result *begin_result(rv_quality_report *report, const char *key, const char *column,
                                       double measured, double limit)
{
    rv_quality_result *result = &report->gates[report->n_gates++];
    *result = (rv_quality_result){
        .key = key, .column = column, .verdict = RV_QUALITY_PASSED, .measured = measured, .limit = limit};
    return result;
}

static void check_rows(const rv_quality_config *config, rv_quality_report *report)
{
    const int64_t least = config->row_count_min, most = config->row_count_max, rows = report->rows;
    if (least >= 0) {
        rv_quality_result *r = begin_result(report, "row_count_min", NULL, (double)rows, (double)least);
        if (rows < least) {
            r->verdict = RV_QUALITY_NOT_PASSED;
            raise(report, RV_GATE_ROW_COUNT, NULL, "%" PRId64 " rows are fewer than row_count_min %" PRId64,
                  rows, least);
        }
    }
    if (most >= 0) {
        rv_quality_result *r = begin_result(report, "row_count_max", NULL, (double)rows, (double)most);
        if (rows > most) {
            r->verdict = RV_QUALITY_NOT_PASSED;
            raise(report, RV_GATE_ROW_COUNT, NULL, "%" PRId64 " rows are more than row_count_max %" PRId64,
                  rows, most);
        }
    }
}

static void check_nulls(const rv_quality *quality, int i, rv_quality_report *report)
{
    const rv_null_ratio *limit = &quality->config->null_ratios[i];
    const int64_t nulls = quality->nulls[i].counted;
    double share = report->rows > 0 ? (double)nulls / (double)report->rows : 0;
    rv_quality_result *result = begin_result(report, "null_ratio_max", limit->column, share, limit->max);
    if ((double)nulls <= limit->max * (double)report->rows)
        return;
    result->verdict = RV_QUALITY_NOT_PASSED;
    raise(report, RV_GATE_NULL_RATIO, limit->column,
          "%" PRId64 " of %" PRId64 " values of '%s' are NULL, more than the share of %g", nulls,
          report->rows, limit->column, limit->max);
}

/* Rows that another process has read were never seen here. */
static void refuse_unseen(const rv_quality *quality, const char *column, rv_quality_report *report)
{
    raise(report, RV_GATE_UNIQUE, column,
          "only %" PRId64 " of %" PRId64
          " values of '%s' were read by this process, so they cannot be compared",
          quality->rows_kept, report->rows, column);
}

static rv_code count_duplicates(rv_quality *quality, const unique_column *unique, const rv_quality_beat *beat,
                                rv_quality_report *report, rv_quality_result *result, rv_error *err)
{
    int64_t duplicates = 0, seen = 0;
    bool capped = false;
    RV_TRY(rvi_unique_count(unique->logs, unique->n_logs, quality->budget, beat, &duplicates, err));
    for (int l = 0; l < unique->n_logs; l++) {
        seen += rvi_unique_log_entries(unique->logs[l]);
        capped = capped || rvi_unique_log_is_capped(unique->logs[l]);
    }
    result->measured = (double)duplicates;
    if (duplicates > 0) {
        result->verdict = RV_QUALITY_NOT_PASSED;
        raise(report, RV_GATE_UNIQUE, result->column,
              "%" PRId64 " of %" PRId64 "%s values of '%s' repeat an earlier one", duplicates, seen,
              capped ? " remembered" : "", result->column);
    } else if (capped) {
        result->verdict = RV_QUALITY_WARNED;
        raise(report, RV_GATE_UNIQUE, result->column,
              "'%s' has no duplicates among %" PRId64 " values; the others were not compared "
              "(unique_max_entries)",
              result->column, seen)
            ->fails = false;
        report->n_failed--;
    }
    return RV_OK;
}

static rv_code check_unique(rv_quality *quality, int i, const rv_quality_beat *beat,
                            rv_quality_report *report, rv_error *err)
{
    const unique_column *unique = &quality->unique[i];
    const char *name = quality->config->unique_columns[i];
    rv_quality_result *result = begin_result(report, "unique_columns", name, 0, 0);
    result->proof = unique->proof;
    if (unique->proof != NULL)
        return RV_OK;
    if (quality->rows_kept != report->rows || unique->n_logs == 0) {
        result->verdict = RV_QUALITY_NOT_PASSED;
        refuse_unseen(quality, name, report);
        return RV_OK;
    }
    RV_TRY_CTX(count_duplicates(quality, unique, beat, report, result, err), err, "unique column '%s'", name);
    return RV_OK;
}

rv_code rv_quality_check(rv_quality *quality, int64_t rows, const rv_quality_beat *beat, rv_arena *arena,
                         rv_quality_report *out, rv_error *err)
{
    const size_t n = (size_t)count_gates(quality->config);
    rv_quality_report report = {.rows = rows};
    report.issues = rv_arena_alloc(arena, n, sizeof *report.issues);
    report.gates = rv_arena_alloc(arena, n, sizeof *report.gates);
    if (report.issues == NULL || report.gates == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "checking the quality gates");
    check_rows(quality->config, &report);
    for (int i = 0; i < quality->config->n_null_ratios; i++)
        check_nulls(quality, i, &report);
    for (int i = 0; i < quality->config->n_unique_columns; i++)
        RV_TRY(check_unique(quality, i, beat, &report, err));
    *out = report;
    return RV_OK;
}

rv_code rv_quality_verdict(const rv_quality_report *report, rv_error *err)
{
    const rv_quality_issue *first = NULL;
    for (int i = 0; i < report->n_issues && first == NULL; i++)
        if (report->issues[i].fails)
            first = &report->issues[i];
    if (first == NULL)
        return RV_OK;
    char more[32] = "";
    if (report->n_failed > 1)
        (void)snprintf(more, sizeof more, "; %d more failed", report->n_failed - 1);
    rv_fail(err, RV_E_QUALITY_FAILED, "%s%s", first->text, more);
    rv_hint(err,
            "nothing was published: the earlier manifest and the cursor are as they were; see to the source, "
            "or change the gates under 'quality'");
    return RV_E_QUALITY_FAILED;
}

static json_t *issue_json(const rv_quality_issue *issue)
{
    return json_pack("{s:s,s:s?,s:s,s:s}", "gate", rv_quality_gate_name(issue->gate), "column", issue->column,
                     "severity", issue->fails ? "fail" : "warn", "message", issue->text);
}

/* What was not measured is null; all but shares are whole numbers. */
static json_t *result_json(const rv_quality_result *r)
{
    bool whole = strcmp(r->key, "null_ratio_max") != 0;
    json_t *measured = r->proof != NULL ? json_null()
                       : whole          ? json_integer((json_int_t)r->measured)
                                        : json_real(r->measured);
    json_t *limit = whole ? json_integer((json_int_t)r->limit) : json_real(r->limit);
    return json_pack("{s:s,s:s?,s:s,s:o,s:o,s:s?}", "gate", r->key, "column", r->column, "verdict",
                     rv_quality_verdict_name(r->verdict), "measured", measured, "limit", limit, "proof",
                     r->proof);
}

rv_code rv_quality_json(const rv_quality_report *report, rv_bytes *out, rv_error *err)
{
    RV_AUTO(json_decref) json_t *issues = json_array();
    RV_AUTO(json_decref) json_t *gates = json_array();
    bool ok = issues != NULL && gates != NULL;
    for (int i = 0; ok && i < report->n_issues; i++)
        ok = json_array_append_new(issues, issue_json(&report->issues[i])) == 0;
    for (int i = 0; ok && i < report->n_gates; i++)
        ok = json_array_append_new(gates, result_json(&report->gates[i])) == 0;
    RV_AUTO(json_decref)
    json_t *root = ok ? json_pack("{s:b,s:I,s:O,s:O}", "passed", (int)(report->n_failed == 0), "rows",
                                  (json_int_t)report->rows, "gates", gates, "issues", issues)
                      : NULL;
    char *text = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
    rv_code rc = text != NULL ? rv_bytes_append_str(out, text, err)
                              : rv_fail(err, RV_E_OUT_OF_MEMORY, "rendering the result of the quality gates");
    free(text);
    return rc;
}
