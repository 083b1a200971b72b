/* csv/internal.h - what the files of the CSV writer share.
 *
 *   batch ──cell.c──▶ text ──quote.c──▶ output.c (one bounded buffer) ──compress.c──▶ sink
 *
 * Everything here belongs to one writer and so to one thread. */
#ifndef FORMAT_CSV_INTERNAL_H
#define FORMAT_CSV_INTERNAL_H

#include "rivet/bytes.h"
#include "rivet/format.h"

#include <string.h>

/* The options of one writer, checked by rvi_csv_dialect_init(). */
typedef struct rvi_csv_dialect {
    char delimiter;
    const char *null_text; /* borrowed from the configuration, as is line_ending */
    size_t null_len;
    const char *line_ending;
    size_t line_ending_len;
} rvi_csv_dialect;

/* Fails CONFIG_VALUE when files could not be read back: a delimiter that is not one ASCII character or
 * that means something else in CSV, a null text that would need quotes itself, a line ending that is
 * neither LF nor CRLF. */
rv_code rvi_csv_dialect_init(rvi_csv_dialect *out, const rv_csv_options *options,
                             rv_error *err) RV_MUST_CHECK;

/* Whether a value must stand in quotes. RFC 4180 asks for them around the delimiter, '"', CR and LF.
 * Beyond it: an empty value and one equal to the null text (else they were NULL), a blank or tab at either
 * end (ClickHouse trims unquoted fields by default: input_format_csv_trim_whitespaces), and the value \.
 * (ends the data in a PostgreSQL COPY before version 18: manual, COPY, "CSV Format"). */
bool rvi_csv_needs_quotes(const rvi_csv_dialect *dialect, const char *text, size_t len);

/* Copy `text` with every '"' doubled; writes and returns at most 2 * len bytes. */
size_t rvi_csv_double_quotes(uint8_t *out, const char *text, size_t len);

/* A compressor between the buffer and the sink: gzip (RFC 1952) or zstd (RFC 8878). */
typedef struct rvi_csv_codec rvi_csv_codec;
/* *out stays NULL for RV_CODEC_NONE. Fails FORMAT_UNSUPPORTED, OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rvi_csv_codec_open(rvi_csv_codec **out, const rv_format_config *format, rv_sink *sink,
                           rv_budget *budget, rv_error *err) RV_MUST_CHECK;
rv_code rvi_csv_codec_write(rvi_csv_codec *codec, const void *data, size_t len, rv_error *err) RV_MUST_CHECK;
rv_code rvi_csv_codec_finish(rvi_csv_codec *codec, rv_error *err) RV_MUST_CHECK; /* ends the frame */
void rvi_csv_codec_close(rvi_csv_codec *codec);                                  /* NULL is fine */

/* The writer's only buffer of output. What is flushed when depends on the bytes alone, never on how the
 * rows came in batches, so a compressor sees the same pieces and makes the same file. */
enum {
    RVI_CSV_BUFFER_BYTES = 64 << 10,
    RVI_CSV_FIXED_TEXT_BYTES = 96, /* longest text of a value of fixed width: a decimal of 76 digits */
};
typedef struct rvi_csv_output {
    uint8_t *bytes; /* RVI_CSV_BUFFER_BYTES */
    size_t len;
    uint64_t passed; /* uncompressed bytes that have left the buffer */
    /* What had passed, and what had come out of the codec, when the codec last gave something: it gathers blocks. */
    uint64_t packed_in, packed_out;
    rv_sink *sink;        /* borrowed */
    uint64_t start;       /* sink->written when this writer began: a stream takes several */
    rvi_csv_codec *codec; /* NULL: straight to the sink */
} rvi_csv_output;

rv_code rvi_csv_flush(rvi_csv_output *out, rv_error *err) RV_MUST_CHECK;
rv_code rvi_csv_put(rvi_csv_output *out, const void *data, size_t len,
                    rv_error *err) RV_MUST_CHECK;         /* any len */
uint64_t rvi_csv_output_bytes(const rvi_csv_output *out); /* of this writer in the sink */
/* What the file would have if it ended here. Exact without a codec; with one, what it has not given yet is taken to
 * shrink as the bytes before it did. */
uint64_t rvi_csv_output_estimate(const rvi_csv_output *out);

/* Room for n <= RVI_CSV_BUFFER_BYTES more bytes at out->bytes + out->len. */
static inline rv_code rvi_csv_room(rvi_csv_output *out, size_t n, rv_error *err)
{
    return RVI_CSV_BUFFER_BYTES - out->len >= n ? RV_OK : rvi_csv_flush(out, err);
}

static inline rv_code rvi_csv_put_byte(rvi_csv_output *out, char byte, rv_error *err)
{
    RV_TRY(rvi_csv_room(out, 1, err));
    out->bytes[out->len++] = (uint8_t)byte;
    return RV_OK;
}

typedef struct rvi_csv_cell rvi_csv_cell;
typedef struct rvi_csv_writer rvi_csv_writer;

/* How the values of one column are written; chosen once, so that the row loop asks no questions about
 * types. */
struct rvi_csv_cell {
    rv_code (*put)(rvi_csv_writer *writer, const rvi_csv_cell *cell, const rv_column *column, int64_t row,
                   rv_error *err);
    size_t (*text)(const rv_column *column, int64_t row, char *out); /* fixed width only; no NUL is counted */
    const char *name;                                                /* the column's */
};

struct rvi_csv_writer {
    rv_writer base;
    const rv_schema *schema;
    rvi_csv_dialect dialect;
    rvi_csv_output output;
    rv_bytes scratch;       /* text of one list or float; bounded by the memory given to the writer */
    size_t scratch_charged; /* of scratch.cap */
    rv_budget *budget;
    size_t own_bytes;   /* charged for this struct, its cells and the buffer */
    uint64_t max_bytes; /* of the file; 0: none */
    rv_writer_stats stats;
    rvi_csv_cell cells[]; /* schema->n_fields */
};

/* verify.c: counts records and fields; no sums, for a text does not tell its type. */
rv_code rvi_csv_verify(rv_input *input, const rv_writer_options *options, uint64_t *sums, rv_file_facts *out,
                       rv_error *err) RV_MUST_CHECK;

/* Neither fails: every type has a text. */
void rvi_csv_cell_init(rvi_csv_cell *cell, const rv_field *field, const rvi_csv_dialect *dialect);
/* One value that is not NULL, quoted if needed. Also what header names pass through. */
rv_code rvi_csv_put_text(rvi_csv_writer *writer, const char *text, size_t len, rv_error *err) RV_MUST_CHECK;

#endif
