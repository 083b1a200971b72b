#include "rivet/format.h"

#include "registry.h"

#include <assert.h>

static const rv_format_ops *const FORMATS[] = {&rvi_parquet_ops, &rvi_csv_ops};

const rv_format_ops *rv_format(rv_format_kind kind)
{
    for (size_t i = 0; i < sizeof FORMATS / sizeof FORMATS[0]; i++)
        if (FORMATS[i]->kind == kind)
            return FORMATS[i];
    return NULL;
}

const char *rv_format_extension(const rv_format_config *format, const char **codec_suffix)
{
    const rv_format_ops *ops = rv_format(format->kind);
    assert(ops && codec_suffix);
    const char *suffix = ops->codec_suffix[format->codec];
    *codec_suffix = suffix != NULL ? suffix : "";
    return ops->extension;
}

rv_code rv_format_check(const rv_format_config *format, const rv_schema *schema, rv_error *err)
{
    const rv_format_ops *ops = rv_format(format->kind);
    assert(ops && schema);
    return ops->check != NULL ? ops->check(format, schema, err) : RV_OK;
}

rv_code rv_writer_open(rv_writer **out, rv_sink *sink, const rv_writer_options *options, rv_error *err)
{
    assert(out && sink && options && options->format && options->schema);
    const rv_format_ops *ops = rv_format(options->format->kind);
    assert(ops);
    rv_writer *writer = NULL;
    RV_TRY(rv_format_check(options->format, options->schema, err));
    RV_TRY_CTX(ops->open(&writer, sink, options, err), err, "opening a %s file", ops->extension);
    writer->ops = ops;
    *out = writer;
    return RV_OK;
}

rv_code rv_writer_append(rv_writer *writer, const rv_batch *batch, int64_t from, int64_t *n_taken,
                         rv_error *err)
{
    assert(writer && batch && n_taken && from >= 0 && from <= batch->rows);
    int64_t n = 0;
    if (from < batch->rows)
        RV_TRY_CTX(writer->ops->append(writer, batch, from, &n, err), err, "writing a %s file",
                   writer->ops->extension);
    assert(n <= batch->rows - from);
    *n_taken = n;
    return RV_OK;
}

rv_code rv_writer_catch_up(rv_writer *writer, rv_error *err)
{
    assert(writer);
    if (writer->ops->catch_up != NULL)
        RV_TRY_CTX(writer->ops->catch_up(writer, err), err, "writing a %s file", writer->ops->extension);
    return RV_OK;
}

rv_code rv_writer_write(rv_writer *writer, const rv_batch *batch, rv_error *err)
{
    int64_t n = 0;
    RV_TRY(rv_writer_append(writer, batch, 0, &n, err));
    return n == batch->rows ? RV_OK
                            : rv_fail(err, RV_E_INTERNAL, "a %s file that is full was to take more rows",
                                      writer->ops->extension);
}

rv_code rv_writer_finish(rv_writer *writer, rv_writer_stats *stats, rv_error *err)
{
    assert(writer && stats);
    rv_writer_stats made = {0};
    RV_TRY_CTX(writer->ops->finish(writer, &made, err), err, "finishing a %s file", writer->ops->extension);
    *stats = made;
    return RV_OK;
}

void rv_writer_close(rv_writer *writer)
{
    if (writer != NULL)
        writer->ops->close(writer);
}

rv_code rv_format_verify(rv_input *input, const rv_writer_options *options, uint64_t *sums,
                         rv_file_facts *out, rv_error *err)
{
    assert(input && options && options->format && options->schema && sums && out);
    const rv_format_ops *ops = rv_format(options->format->kind);
    rv_file_facts facts = {0};
    assert(ops);
    RV_TRY_CTX(ops->verify(input, options, sums, &facts, err), err, "verifying a %s file", ops->extension);
    *out = facts;
    return RV_OK;
}
