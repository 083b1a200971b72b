/* csv_emit.c - the CSV writer as a program, for readers that are not ours.
 *
 *   csv_emit <delimiter> <null text> <header: 0|1> <lf|crlf> <none|gzip|zstd> <name:type>... < cells > file
 *
 * Cells come row by row: a length as 4 bytes little-endian, then so many bytes of text as rv_column_append_text()
 * reads it; the length 0xFFFFFFFF is NULL. Types are those of `columns:` in a configuration. */
#include "format/registry.h"
#include "rivet/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_PER_BATCH = 100, CELL_BYTES_MAX = 64 << 20, ARENA_BYTES = 16 << 20, FIRST_COLUMN = 6 };

static rv_code to_stdout(rv_sink *sink, const void *data, size_t len, rv_error *err)
{
    (void)sink;
    return fwrite(data, 1, len, stdout) == len ? RV_OK : rv_fail(err, RV_E_DEST_WRITE, "cannot write");
}

static rv_codec codec_of(const char *name)
{
    return strcmp(name, "gzip") == 0   ? RV_CODEC_GZIP
           : strcmp(name, "zstd") == 0 ? RV_CODEC_ZSTD
                                       : RV_CODEC_NONE;
}

static rv_code parse_field(char *argument, rv_field *out, rv_error *err)
{
    char *colon = strrchr(argument, ':');
    rv_type type;
    if (colon == NULL || !rv_type_parse(colon + 1, &type))
        return rv_fail(err, RV_E_USAGE, "'%s' is not name:type", argument);
    *colon = '\0';
    *out =
        (rv_field){.name = argument, .native_type = "text", .natural = type, .type = type, .nullable = true};
    return RV_OK;
}

/* false: the input is over. */
static bool read_cell(rv_bytes *cell, bool *is_null, rv_code *rc, rv_error *err)
{
    uint8_t head[4];
    if (fread(head, 1, 4, stdin) != 4)
        return false;
    const uint32_t len =
        (uint32_t)head[0] | (uint32_t)head[1] << 8 | (uint32_t)head[2] << 16 | (uint32_t)head[3] << 24;
    *is_null = len == UINT32_MAX;
    rv_bytes_clear(cell);
    if (*is_null)
        return true;
    *rc = rv_bytes_reserve(cell, len, err);
    if (*rc == RV_OK && len > 0 && fread(cell->data, 1, len, stdin) != len)
        *rc = rv_fail(err, RV_E_USAGE, "a cell is cut off");
    cell->len = len;
    return true;
}

static rv_code read_row(rv_batch *batch, rv_bytes *cell, bool *more, rv_error *err)
{
    rv_code rc = RV_OK;
    for (int i = 0; i < batch->n_columns; i++) {
        bool is_null = false;
        *more = read_cell(cell, &is_null, &rc, err);
        if (!*more || rc != RV_OK)
            return rc;
        if (i == 0)
            RV_TRY(rv_batch_begin_row(batch, err));
        rv_column *column = &batch->columns[i];
        if (is_null)
            RV_TRY(rv_column_append_null(column, err));
        else
            RV_TRY(rv_column_append_text(column, &batch->schema->fields[i],
                                         cell->len > 0 ? (const char *)cell->data : "", cell->len, err));
    }
    rv_batch_end_row(batch);
    return RV_OK;
}

static rv_code emit(const rv_format_config *format, const rv_schema *schema, rv_error *err)
{
    rv_sink sink = {.write = to_stdout};
    rv_writer *writer = NULL;
    rv_writer_stats stats;
    rv_bytes cell = RV_BYTES_INIT(CELL_BYTES_MAX);
    RV_AUTO(rv_batch_free) rv_batch *batch = NULL;
    const rv_writer_options options = {.format = format, .schema = schema, .memory_bytes = 64 << 20};
    RV_TRY(rv_batch_new(&batch, schema, NULL, err));
    rv_code rc = rv_writer_open(&writer, &sink, &options, err);
    for (bool more = true; rc == RV_OK && more;) {
        rc = read_row(batch, &cell, &more, err);
        if (rc == RV_OK && (!more || batch->rows == ROWS_PER_BATCH)) {
            rc = rv_writer_write(writer, batch, err);
            rv_batch_reset(batch);
        }
    }
    if (rc == RV_OK)
        rc = rvi_csv_ops.finish(writer, &stats, err);
    rvi_csv_ops.close(writer);
    rv_bytes_deinit(&cell);
    return rc;
}

static rv_code run(int argc, char **argv, rv_error *err)
{
    if (argc <= FIRST_COLUMN)
        return rv_fail(err, RV_E_USAGE, "too few arguments");
    const rv_format_config format = {
        .kind = RV_FORMAT_CSV,
        .codec = codec_of(argv[5]),
        .csv = {.delimiter = argv[1][0],
                .null_text = argv[2],
                .header = strcmp(argv[3], "1") == 0,
                .line_ending = strcmp(argv[4], "crlf") == 0 ? "\r\n" : "\n"},
    };
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    RV_TRY(rv_arena_new(&arena, ARENA_BYTES, err));
    const int n = argc - FIRST_COLUMN;
    rv_field *fields = rv_arena_alloc(arena, (size_t)n, sizeof *fields);
    if (fields == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "%d columns", n);
    for (int i = 0; i < n; i++)
        RV_TRY(parse_field(argv[FIRST_COLUMN + i], &fields[i], err));
    const rv_schema schema = {.fields = fields, .n_fields = n, .origin = "input"};
    return emit(&format, &schema, err);
}

int main(int argc, char **argv)
{
    rv_error err = {0};
    if (run(argc, argv, &err) == RV_OK && fflush(stdout) == 0)
        return 0;
    fprintf(stderr, "csv_emit: %s\n", err.message);
    return 1;
}
