/* writer.c - the life of one CSV file: header, rows, end. */
#include "format/csv/internal.h"

#include "format/registry.h"
#include "rivet/checked.h"

#include <assert.h>
#include <stdlib.h>

enum { SCRATCH_BYTES_MIN = 1 << 20 };

static void csv_close(rv_writer *base)
{
    rvi_csv_writer *writer = (rvi_csv_writer *)base;
    if (writer == NULL)
        return;
    rvi_csv_codec_close(writer->output.codec);
    rv_bytes_deinit(&writer->scratch);
    free(writer->output.bytes);
    rv_budget_release(writer->budget, writer->scratch_charged + writer->own_bytes);
    free(writer);
}

static rv_code fail_no_memory(rv_code code, size_t bytes, rv_error *err)
{
    (void)rv_fail(err, code, "a CSV file needs %zu bytes of memory", bytes);
    return code;
}

static rv_code new_writer(rvi_csv_writer **out, const rv_writer_options *options, rv_error *err)
{
    size_t bytes;
    if (rv_mul_size(&bytes, (size_t)options->schema->n_fields, sizeof(rvi_csv_cell)) ||
        rv_add_size(&bytes, bytes, sizeof(rvi_csv_writer) + RVI_CSV_BUFFER_BYTES))
        return fail_no_memory(RV_E_OUT_OF_MEMORY, SIZE_MAX, err);
    if (!rv_budget_charge(options->budget, bytes))
        return fail_no_memory(RV_E_MEMORY_BUDGET, bytes, err);
    rvi_csv_writer *writer = calloc(1, bytes - RVI_CSV_BUFFER_BYTES);
    uint8_t *buffer = malloc(RVI_CSV_BUFFER_BYTES);
    if (writer == NULL || buffer == NULL) {
        free(writer);
        free(buffer);
        rv_budget_release(options->budget, bytes);
        return fail_no_memory(RV_E_OUT_OF_MEMORY, bytes, err);
    }
    writer->budget = options->budget;
    writer->own_bytes = bytes;
    writer->output.bytes = buffer;
    *out = writer;
    return RV_OK;
}

static rv_code put_header(rvi_csv_writer *writer, rv_error *err)
{
    const rvi_csv_dialect *dialect = &writer->dialect;
    for (int i = 0; i < writer->schema->n_fields; i++) {
        const char *name = writer->schema->fields[i].name;
        if (i > 0)
            RV_TRY(rvi_csv_put_byte(&writer->output, dialect->delimiter, err));
        RV_TRY(rvi_csv_put_text(writer, name, strlen(name), err));
    }
    return rvi_csv_put(&writer->output, dialect->line_ending, dialect->line_ending_len, err);
}

RV_DEFINE_AUTO(rv_writer, csv_close)

static rv_code csv_open(rv_writer **out, rv_sink *sink, const rv_writer_options *options, rv_error *err)
{
    const rv_csv_options *csv = &options->format->csv;
    rvi_csv_dialect dialect;
    rvi_csv_writer *writer = NULL;
    RV_TRY(rvi_csv_dialect_init(&dialect, csv, err));
    RV_TRY(new_writer(&writer, options, err));
    writer->base.ops = &rvi_csv_ops;
    RV_AUTO(csv_close) rv_writer *owned = &writer->base;
    writer->dialect = dialect;
    writer->schema = options->schema;
    writer->scratch =
        RV_BYTES_INIT(options->memory_bytes > SCRATCH_BYTES_MIN ? options->memory_bytes : SCRATCH_BYTES_MIN);
    writer->max_bytes = options->format->max_file_bytes;
    writer->output.sink = sink;
    writer->output.start = sink->written;
    RV_TRY(rvi_csv_codec_open(&writer->output.codec, options->format, sink, options->budget, err));
    for (int i = 0; i < options->schema->n_fields; i++)
        rvi_csv_cell_init(&writer->cells[i], &options->schema->fields[i], &writer->dialect);
    if (csv->header)
        RV_TRY(put_header(writer, err));
    RV_MOVE(out, owned);
    return RV_OK;
}

static rv_code put_row(rvi_csv_writer *writer, const rv_batch *batch, int64_t row, rv_error *err)
{
    const rvi_csv_dialect *dialect = &writer->dialect;
    rvi_csv_output *out = &writer->output;
    for (int i = 0; i < batch->n_columns; i++) {
        const rv_column *column = &batch->columns[i];
        const rvi_csv_cell *cell = &writer->cells[i];
        if (i > 0)
            RV_TRY(rvi_csv_put_byte(out, dialect->delimiter, err));
        if (!rv_column_is_null(column, row))
            RV_TRY(cell->put(writer, cell, column, row, err));
        else if (dialect->null_len > 0)
            RV_TRY(rvi_csv_put(out, dialect->null_text, dialect->null_len, err));
    }
    return rvi_csv_put(out, dialect->line_ending, dialect->line_ending_len, err);
}

static uint64_t csv_size(const rv_writer *base)
{
    return rvi_csv_output_estimate(&((const rvi_csv_writer *)base)->output);
}

static rv_code csv_append(rv_writer *base, const rv_batch *batch, int64_t from, int64_t *n_taken,
                          rv_error *err)
{
    rvi_csv_writer *writer = (rvi_csv_writer *)base;
    assert(batch->n_columns == writer->schema->n_fields);
    int64_t row = from;
    for (; row < batch->rows; row++) {
        if (writer->max_bytes > 0 && writer->stats.rows > 0 && csv_size(base) >= writer->max_bytes)
            break;
        RV_TRY(put_row(writer, batch, row, err));
        writer->stats.rows++;
    }
    *n_taken = row - from;
    return RV_OK;
}

static rv_code csv_finish(rv_writer *base, rv_writer_stats *stats, rv_error *err)
{
    rvi_csv_writer *writer = (rvi_csv_writer *)base;
    RV_TRY(rvi_csv_flush(&writer->output, err));
    if (writer->output.codec != NULL)
        RV_TRY(rvi_csv_codec_finish(writer->output.codec, err));
    writer->stats.bytes = rvi_csv_output_bytes(&writer->output);
    writer->stats.raw_bytes = writer->output.passed;
    *stats = writer->stats;
    return RV_OK;
}

const rv_format_ops rvi_csv_ops = {
    .kind = RV_FORMAT_CSV,
    .extension = "csv",
    .codec_suffix = {[RV_CODEC_GZIP] = ".gz", [RV_CODEC_ZSTD] = ".zst"},
    .media_type = "text/csv",
    .open = csv_open,
    .append = csv_append,
    .finish = csv_finish,
    .close = csv_close,
    .verify = rvi_csv_verify,
};
