/* verify_written.c - a file of this program read back, for whoever wrote it. */
#include "verify_written.h"

#include "rivet/parquet_verify.h"

#include <inttypes.h>
#include <stdio.h>

/* "row group 0, column 'x', page at offset 4: …" */
static rv_code fail_with(rv_parquet_report *report, const rv_schema *schema, rv_error *err)
{
    const rv_parquet_finding *f = &report->findings[0];
    char where[160] = "";
    int at = 0;
    if (f->row_group >= 0)
        at += snprintf(where, sizeof where, "row group %" PRId32 ", ", f->row_group);
    /* In a file of ours every column is one leaf. */
    if (f->leaf >= 0 && f->leaf < schema->n_fields)
        at +=
            snprintf(where + at, sizeof where - (size_t)at, "column '%.64s', ", schema->fields[f->leaf].name);
    if (f->at > 0)
        (void)snprintf(where + at, sizeof where - (size_t)at, "offset %" PRIu64 ", ", f->at);
    return rv_fail(err, RV_E_FILE_MISMATCH, "%s%s: %s (%" PRId64 " finding%s)", where,
                   rv_parquet_check_name(f->check), f->text, report->n_findings,
                   report->n_findings == 1 ? "" : "s, this is the first");
}

rv_code rvi_parquet_verify_written(rv_input *input, const rv_writer_options *options, uint64_t *sums,
                                   rv_file_facts *out, rv_error *err)
{
    rv_parquet_report report;
    /* A value of 1 GiB is what sources can send, and its page has more than that: up to what the format can say. */
    const rv_parquet_reader_options reading = {
        .budget = options->budget, .limits = {.page_bytes = INT32_MAX}, .lends = true};
    RV_TRY(rv_parquet_verify(input, &reading, sums, options->schema->n_fields, &report, err));
    if (report.n_findings > 0)
        return fail_with(&report, options->schema, err);
    *out = (rv_file_facts){.rows = report.n_rows, .has_sums = report.has_digests};
    return RV_OK;
}
