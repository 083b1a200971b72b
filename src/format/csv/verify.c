/* verify.c - a CSV file read back: how many records it holds, and whether each has all its fields.
 *
 * A record ends where a line ends outside of quotes, so lines must not be counted; the file is read in one pass through
 * a small automaton, decompressed on the way. Spec: RFC 4180, section 2. */
#include "format/csv/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

enum { PIECE_BYTES = 64 << 10, GZIP_WINDOW = 15 + 16 }; /* 16 asks for a gzip header (zlib.h, inflateInit2) */

/* The file's text, a piece at a time. */
typedef struct text_source {
    rv_input *input;
    uint64_t at;
    rv_codec codec;
    z_stream gzip;
    bool gzip_open, frame_ended;
    ZSTD_DStream *zstd;
    size_t packed_len, packed_at; /* of `packed` */
    rv_budget *budget;
    size_t charged;
    uint8_t packed[PIECE_BYTES], text[PIECE_BYTES];
} text_source;

static void source_close(text_source *source)
{
    if (source == NULL)
        return;
    if (source->gzip_open)
        inflateEnd(&source->gzip);
    ZSTD_freeDStream(source->zstd);
    rv_budget_release(source->budget, source->charged);
    free(source);
}
RV_DEFINE_AUTO(text_source, source_close)

static rv_code source_open(text_source **out, rv_input *input, const rv_writer_options *options,
                           rv_error *err)
{
    /* What zlib (zconf.h: 32 KiB and a little) and zstd (8 MiB window at its usual levels) hold while they read. */
    enum { GZIP_BYTES = 48 << 10, ZSTD_BYTES = 9 << 20 };
    rv_codec codec = options->format->codec;
    size_t bytes = sizeof(text_source) + (codec == RV_CODEC_GZIP   ? (size_t)GZIP_BYTES
                                          : codec == RV_CODEC_ZSTD ? (size_t)ZSTD_BYTES
                                                                   : 0);
    if (!rv_budget_charge(options->budget, bytes))
        return rv_fail(err, RV_E_MEMORY_BUDGET, "reading a CSV file back needs %zu bytes of memory", bytes);
    text_source *made = calloc(1, sizeof *made);
    if (made == NULL) {
        rv_budget_release(options->budget, bytes);
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "reading a CSV file back");
    }
    RV_AUTO(source_close) text_source *source = made;
    source->input = input;
    source->codec = codec;
    source->budget = options->budget;
    source->charged = bytes;
    if (codec == RV_CODEC_GZIP && inflateInit2(&source->gzip, GZIP_WINDOW) != Z_OK)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "reading a CSV file back");
    source->gzip_open = codec == RV_CODEC_GZIP;
    if (codec == RV_CODEC_ZSTD && (source->zstd = ZSTD_createDStream()) == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "reading a CSV file back");
    RV_MOVE(out, source);
    return RV_OK;
}

/* The next bytes of the file; *len 0: its end. */
static rv_code read_piece(text_source *source, uint8_t *to, size_t *len, rv_error *err)
{
    uint64_t left = source->input->size - source->at;
    size_t n = left < PIECE_BYTES ? (size_t)left : PIECE_BYTES;
    RV_TRY(rv_input_read(source->input, source->at, to, n, err));
    source->at += n;
    *len = n;
    return RV_OK;
}

static rv_code gunzip(text_source *source, size_t *made, rv_error *err)
{
    z_stream *z = &source->gzip;
    z->next_in = source->packed + source->packed_at;
    z->avail_in = (uInt)(source->packed_len - source->packed_at);
    z->next_out = source->text;
    z->avail_out = PIECE_BYTES;
    int status = inflate(z, Z_NO_FLUSH);
    source->packed_at = source->packed_len - z->avail_in;
    *made = PIECE_BYTES - z->avail_out;
    source->frame_ended = status == Z_STREAM_END;
    if (status == Z_MEM_ERROR)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "reading a CSV file back");
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR)
        return rv_fail(err, RV_E_FILE_DAMAGED, "the gzip data is damaged: %s", z->msg != NULL ? z->msg : "");
    return RV_OK;
}

static rv_code unzstd(text_source *source, size_t *made, rv_error *err)
{
    ZSTD_inBuffer in = {.src = source->packed, .size = source->packed_len, .pos = source->packed_at};
    ZSTD_outBuffer out = {.dst = source->text, .size = PIECE_BYTES};
    size_t hint = ZSTD_decompressStream(source->zstd, &out, &in);
    source->packed_at = in.pos;
    *made = out.pos;
    source->frame_ended = hint == 0;
    if (ZSTD_isError(hint))
        return rv_fail(err, RV_E_FILE_DAMAGED, "the zstd data is damaged: %s", ZSTD_getErrorName(hint));
    return RV_OK;
}

/* The next text in source->text; *len 0: the file has ended, and so has its one frame. */
static rv_code next_text(text_source *source, size_t *len, rv_error *err)
{
    *len = 0;
    if (source->codec == RV_CODEC_NONE)
        return read_piece(source, source->text, len, err);
    while (*len == 0) {
        if (source->packed_at == source->packed_len) {
            RV_TRY(read_piece(source, source->packed, &source->packed_len, err));
            source->packed_at = 0;
        }
        bool at_end = source->packed_len == 0;
        if (source->frame_ended && !at_end)
            return rv_fail(err, RV_E_FILE_DAMAGED,
                           "there is something behind the end of the compressed data");
        if (source->frame_ended)
            return RV_OK;
        RV_TRY(source->codec == RV_CODEC_GZIP ? gunzip(source, len, err) : unzstd(source, len, err));
        if (at_end && *len == 0 && !source->frame_ended)
            return rv_fail(err, RV_E_FILE_DAMAGED, "the compressed data has no end: the file was cut");
    }
    return RV_OK;
}

/* ---- records ---- */

typedef enum position { FIELD_BEGINS = 0, IN_FIELD, IN_QUOTES, AFTER_QUOTE } position;

typedef struct record_counter {
    char delimiter;
    int64_t n_fields; /* that each record must have */
    int64_t records, fields;
    position where;
    bool in_record; /* something of a record has been seen */
} record_counter;

static rv_code end_record(record_counter *c, rv_error *err)
{
    c->records++;
    if (c->fields + 1 != c->n_fields)
        return rv_fail(err, RV_E_FILE_DAMAGED, "record %" PRId64 " has %" PRId64 " fields, not %" PRId64,
                       c->records, c->fields + 1, c->n_fields);
    c->fields = 0;
    c->where = FIELD_BEGINS;
    c->in_record = false;
    return RV_OK;
}

/* One character outside of quotes; a CR belongs to the line end that follows it. */
static rv_code outside_quotes(record_counter *c, char byte, rv_error *err)
{
    if (byte == '\n')
        return end_record(c, err);
    c->in_record = true;
    if (byte == c->delimiter) {
        c->fields++;
        c->where = FIELD_BEGINS;
        return RV_OK;
    }
    if (byte == '"' && c->where == FIELD_BEGINS) {
        c->where = IN_QUOTES;
        return RV_OK;
    }
    if (byte == '"' || (c->where == AFTER_QUOTE && byte != '\r'))
        return rv_fail(err, RV_E_FILE_DAMAGED, "record %" PRId64 " has a quote where none may stand",
                       c->records + 1);
    if (c->where == FIELD_BEGINS)
        c->where = IN_FIELD;
    return RV_OK;
}

static rv_code count(record_counter *c, const uint8_t *text, size_t len, rv_error *err)
{
    for (size_t i = 0; i < len; i++) {
        char byte = (char)text[i];
        if (c->where == IN_QUOTES) {
            if (byte == '"')
                c->where = AFTER_QUOTE;
        } else if (c->where == AFTER_QUOTE && byte == '"') {
            c->where = IN_QUOTES;
        } else {
            RV_TRY(outside_quotes(c, byte, err));
        }
    }
    return RV_OK;
}

/* Other formats fill `sums`, so the slot's type has it writable. NOLINTNEXTLINE(readability-non-const-parameter) */
rv_code rvi_csv_verify(rv_input *input, const rv_writer_options *options, uint64_t *sums, rv_file_facts *out,
                       rv_error *err)
{
    rvi_csv_dialect dialect;
    RV_AUTO(source_close) text_source *source = NULL;
    size_t len = 1;
    (void)sums;
    RV_TRY(rvi_csv_dialect_init(&dialect, &options->format->csv, err));
    RV_TRY(source_open(&source, input, options, err));
    record_counter counter = {.delimiter = dialect.delimiter, .n_fields = options->schema->n_fields};
    while (len > 0) {
        RV_TRY(next_text(source, &len, err));
        RV_TRY(count(&counter, source->text, len, err));
    }
    if (counter.in_record || counter.where == IN_QUOTES)
        return rv_fail(err, RV_E_FILE_DAMAGED, "the file ends inside of record %" PRId64,
                       counter.records + 1);
    int64_t header = options->format->csv.header;
    if (counter.records < header)
        return rv_fail(err, RV_E_FILE_DAMAGED, "the header is missing");
    *out = (rv_file_facts){.rows = counter.records - header};
    return RV_OK;
}
