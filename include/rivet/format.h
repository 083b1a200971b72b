/* rivet/format.h - batches become bytes of a file. A format writes to a sink and knows no destination.
 *
 * A writer makes one part. It has three endings: finish (the file is complete), discard (no more bytes are
 * written), or close without either, which discards. One thread at a time. The same rows give the same bytes,
 * however they were split into batches; also where a file that has a limit ends is up to the rows alone. */
#ifndef RIVET_FORMAT_H
#define RIVET_FORMAT_H

#include "rivet/batch.h"
#include "rivet/config.h"
#include "rivet/input.h"
#include "rivet/scratch.h"
#include "rivet/sink.h"
#include "rivet/workers.h"

typedef struct rv_writer rv_writer;

typedef struct rv_writer_options {
    const rv_format_config *format;
    const rv_schema *schema; /* outlives the writer */
    rv_budget *budget;       /* charged for everything the writer holds; may be NULL */
    /* What the writer may hold: open pages, dictionaries, finished pages. Compressors' contexts and what is being
     * compressed come on top: about an eighth and 1 MiB for each of `workers` and the writer's own thread. */
    size_t memory_bytes;
    rv_workers *workers; /* for what can be done aside; borrowed, may be NULL. Changes no byte of the file */
    rv_scratch
        *scratch; /* borrowed, this writer's until it is closed: for what memory cannot hold; NULL: none */
} rv_writer_options;

typedef struct rv_writer_stats {
    int64_t rows;
    uint64_t bytes;     /* of the finished file */
    uint64_t raw_bytes; /* of the values before encoding */
    int64_t row_groups;
} rv_writer_stats;

/* What a finished file turns out to hold when it is read back. */
typedef struct rv_file_facts {
    int64_t rows;
    bool has_sums; /* the format keeps values apart from their text, so digests of columns can be compared */
} rv_file_facts;

typedef struct rv_format_ops {
    rv_format_kind kind;
    const char *extension;  /* "parquet" */
    const char *media_type; /* "application/vnd.apache.parquet" */
    /* ".gz" where a codec wraps the whole file; NULL: it does not. */
    const char *codec_suffix[RV_CODEC_COUNT];

    /* Whether the format can hold the schema under these options; NULL: it can hold every schema. */
    rv_code (*check)(const rv_format_config *format, const rv_schema *schema, rv_error *err);
    rv_code (*open)(rv_writer **out, rv_sink *sink, const rv_writer_options *options, rv_error *err);
    /* As rv_writer_append(). Borrows the batch. */
    rv_code (*append)(rv_writer *writer, const rv_batch *batch, int64_t from, int64_t *n_taken,
                      rv_error *err);
    rv_code (*catch_up)(rv_writer *writer, rv_error *err); /* NULL: append leaves nothing */
    rv_code (*finish)(rv_writer *writer, rv_writer_stats *stats, rv_error *err);
    void (*close)(rv_writer *writer); /* NULL is fine */
    rv_code (*verify)(rv_input *input, const rv_writer_options *options, uint64_t *sums, rv_file_facts *out,
                      rv_error *err);
} rv_format_ops;

struct rv_writer {
    const rv_format_ops *ops;
};

const rv_format_ops *rv_format(rv_format_kind kind);
/* What a part's name ends in: "parquet", "csv" and ".gz". Both are static storage; *codec_suffix may be "". */
const char *rv_format_extension(const rv_format_config *format, const char **codec_suffix);
/* What opening a writer would find wrong with the schema or with options that name columns, before anything is read.
 * Fails FORMAT_UNSUPPORTED naming the column, with the override that helps; CONFIG_VALUE. */
rv_code rv_format_check(const rv_format_config *format, const rv_schema *schema, rv_error *err) RV_MUST_CHECK;
/* Fails as rv_format_check(), and with what the writer and the sink fail with. */
rv_code rv_writer_open(rv_writer **out, rv_sink *sink, const rv_writer_options *options,
                       rv_error *err) RV_MUST_CHECK;
/* Append rows of the batch from `from` on. *n_taken: how many of them. Fewer than there are only when the file has
 * reached format->max_file_bytes: it is to be finished, and the rest belongs to the next one. A file without rows
 * takes at least one. */
rv_code rv_writer_append(rv_writer *writer, const rv_batch *batch, int64_t from, int64_t *n_taken,
                         rv_error *err) RV_MUST_CHECK;
/* Do what append has left undone because it takes memory and no batch: a value of 200 MB is compressed when the batch
 * that it came in has given its memory back. Changes no byte of the file. Fails as rv_writer_append(). */
rv_code rv_writer_catch_up(rv_writer *writer, rv_error *err) RV_MUST_CHECK;
/* Append all rows; for files without a limit. */
rv_code rv_writer_write(rv_writer *writer, const rv_batch *batch, rv_error *err) RV_MUST_CHECK;
rv_code rv_writer_finish(rv_writer *writer, rv_writer_stats *stats, rv_error *err) RV_MUST_CHECK;
void rv_writer_close(rv_writer *writer);
RV_DEFINE_AUTO(rv_writer, rv_writer_close)

/* Read a finished file from its first to its last byte and check it against itself. options: as it was written with;
 * memory_bytes is not used. sums: room for one per field, in the terms of rv_batch_digest(); filled where
 * out->has_sums. Fails FILE_DAMAGED, FILE_MISMATCH (the file contradicts itself), IO, OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rv_format_verify(rv_input *input, const rv_writer_options *options, uint64_t *sums,
                         rv_file_facts *out, rv_error *err) RV_MUST_CHECK;

#endif
