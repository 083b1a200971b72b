#include "inspect.h"

#include <stdlib.h>

static void close_inspection(rvi_inspection *in)
{
    int32_t n_columns = in->columns != NULL ? rv_parquet_metadata_of(in->reader)->n_leaves : 0;
    for (int32_t i = 0; i < n_columns; i++) {
        rv_bytes_deinit(&in->columns[i].min);
        rv_bytes_deinit(&in->columns[i].max);
    }
    free(in->columns);
    free(in->sample.cells);
    rv_bytes_deinit(&in->sample.text);
    rv_parquet_close(in->reader);
}

static rv_code read_file(rvi_inspection *in, rv_input *input, const rv_parquet_reader_options *options,
                         int64_t n_rows, rv_error *err)
{
    RV_TRY(rv_parquet_open(&in->reader, input, options, err));
    in->metadata = rv_parquet_metadata_of(in->reader);
    RV_TRY(rvi_inspect_columns(in, err));
    return rvi_inspect_rows(in, n_rows, err);
}

/* The file is anybody's: what its pages claim to take is not lent, and the reader's own hint is for exports. */
static rv_code verify(rvi_inspection *in, rv_input *input, const rv_parquet_reader_options *options,
                      rv_error *err)
{
    enum { MIB = 1 << 20 };
    rv_code rc = rv_parquet_verify(input, options, NULL, 0, in->report, err);
    if (rc != RV_E_MEMORY_BUDGET && rc != RV_E_LIMIT_EXCEEDED)
        return rc;
    err->hint[0] = '\0';
    rv_hint(err,
            "at most %d MiB of a file are held; a larger page is proved by `rivet run --validate`, which "
            "writes it",
            (int)RVI_INSPECT_BUDGET_BYTES / MIB);
    return rc;
}

/* What is wrong with the file does not keep the verification from being shown: it says the same in more words. */
static rv_code describe(rvi_inspection *in, rv_input *input, const rv_parquet_reader_options *options,
                        int64_t n_rows, rv_error *err)
{
    if (in->report != NULL)
        RV_TRY(verify(in, input, options, err));
    rv_code rc = read_file(in, input, options, n_rows, err);
    bool is_reported = rc == RV_E_FILE_DAMAGED && in->report != NULL && in->report->n_findings > 0;
    if (rc != RV_OK && !is_reported)
        return rc;
    if (rc != RV_OK)
        in->metadata = NULL; /* there is nothing to describe */
    return in->as_json ? rvi_inspect_print_json(in, err) : rvi_inspect_print(in, err);
}

/* What was found decides the exit status, after everything has been shown. */
static rv_code verdict(const rvi_inspection *in, rv_error *err)
{
    if (in->report != NULL && in->report->n_findings > 0)
        return rv_fail(err, RV_E_FILE_DAMAGED, "the verification of %s found %lld mistake%s", in->path,
                       (long long)in->report->n_findings, in->report->n_findings == 1 ? "" : "s");
    if (in->sample.problem.code == RV_OK)
        return RV_OK;
    *err = in->sample.problem;
    return rv_wrap(err, err->code, "%s", in->path);
}

rv_code rvi_cmd_inspect(rvi_cli *cli, const rvi_args *args, rv_error *err)
{
    (void)cli;
    rv_budget budget;
    rv_parquet_report report;
    rv_file_input input = {0};
    int64_t n_rows = 0;
    RV_TRY(rvi_option_int(args, "rows", RVI_INSPECT_ROWS, 0, RVI_INSPECT_ROWS_MOST, &n_rows, err));
    RV_TRY(rv_file_input_open(&input, args->operand, err));
    rv_budget_init(&budget, RVI_INSPECT_BUDGET_BYTES);
    rvi_inspection in = {.path = args->operand,
                         .size = input.base.size,
                         .as_json = rvi_option_given(args, "json"),
                         .report = rvi_option_given(args, "verify") ? &report : NULL};
    rv_code rc = describe(&in, &input.base, &(rv_parquet_reader_options){.budget = &budget}, n_rows, err);
    if (rc == RV_OK)
        rc = verdict(&in, err);
    close_inspection(&in);
    rv_file_input_close(&input);
    return rc;
}
