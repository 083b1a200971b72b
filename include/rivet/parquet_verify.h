/* rivet/parquet_verify.h - whether everything that a Parquet file says about itself is true.
 *
 * The whole file is read and decoded, and what its values amount to is compared with what page headers, the chunk
 * metadata, the page index, the bloom filters and the footer say. Readers skip data on the strength of these
 * numbers, so a wrong one is a wrong query result that nobody sees. */
#ifndef RIVET_PARQUET_VERIFY_H
#define RIVET_PARQUET_VERIFY_H

#include "rivet/parquet_reader.h"

/* What a finding is about. */
typedef enum rv_parquet_check {
    RV_PARQUET_CHECK_DAMAGED = 0, /* a part of the file cannot be decoded; the text is the reader's */
    RV_PARQUET_CHECK_COUNTS,      /* rows, values, NULLs, rows of a V2 page */
    RV_PARQUET_CHECK_PLACES,      /* offsets and sizes; gaps and overlaps */
    RV_PARQUET_CHECK_ENCODINGS,   /* encodings, encoding_stats */
    RV_PARQUET_CHECK_STATISTICS,  /* bounds, exactness, null_count, distinct_count, nan_count */
    RV_PARQUET_CHECK_COLUMN_INDEX,
    RV_PARQUET_CHECK_OFFSET_INDEX,
    RV_PARQUET_CHECK_SIZES, /* size statistics and histograms */
    RV_PARQUET_CHECK_BLOOM,
    RV_PARQUET_CHECK_VALUES, /* a value that its logical type cannot hold: text that is not UTF-8, a decimal … */
    RV_PARQUET_CHECK_FOOTER, /* created_by, column orders, sorting columns */
    RV_PARQUET_CHECKS
} rv_parquet_check;
const char *rv_parquet_check_name(rv_parquet_check check); /* "counts", "column index" … */

enum { RV_PARQUET_FINDINGS = 16, RV_PARQUET_FINDING_BYTES = 256 };

typedef struct rv_parquet_finding {
    rv_parquet_check check;
    int32_t row_group, leaf, page; /* -1: not about one */
    uint64_t at;                   /* file offset of what is meant, or of the page; 0: none */
    char text[RV_PARQUET_FINDING_BYTES];
} rv_parquet_finding;

typedef struct rv_parquet_report {
    int64_t n_rows, n_pages, n_values; /* as counted */
    int32_t n_row_groups;
    int64_t n_findings; /* all of them; the first are kept */
    rv_parquet_finding findings[RV_PARQUET_FINDINGS];
    bool has_digests; /* every column has a type of Rivet's and could be read */
} rv_parquet_report;

/* Reads and checks the whole file.
 *
 * digests  NULL, or room for n_digests sums as rv_batch_digest() makes them, one per top-level column in the file's
 *          order; filled where report->has_digests. n_digests other than the number of columns: has_digests is false.
 * Fails    only when it cannot be known whether the file is right: IO, OUT_OF_MEMORY, MEMORY_BUDGET,
 *          FILE_UNSUPPORTED. Everything wrong with the file is a finding; a file without a readable footer has one. */
rv_code rv_parquet_verify(rv_input *input, const rv_parquet_reader_options *options, uint64_t *digests,
                          int n_digests, rv_parquet_report *report, rv_error *err) RV_MUST_CHECK;

#endif
