/* rivet/quality.h - gates on what a run has read: row counts, shares of NULL, columns without duplicates.
 *
 * Each lane of a run keeps a rv_quality of its own and shows it every batch. What a chunk adds counts only once the
 * chunk is kept; a chunk that is given up and read again leaves no trace. When the lanes are through they are merged
 * into one, and the gates are decided once, before anything is published.
 *
 * What can be counted (NULLs) is told for each chunk as a short text, its tally, and kept with the chunk by whoever
 * keeps chunks; in the end the tallies of all chunks are added up, whoever read them. Only a unique column needs one
 * object to see every row, unless it is known to be unique without a look (rv_quality_options.proved).
 *
 * unique_columns compares 128-bit hashes of canonical values (row_hash.h), so memory does not depend on what the values
 * are: a block of each column's hashes is held, the others lie in a scratch file. Two different values share a hash
 * with a probability of 2^-128: about 10^-24 that any of 10^7 values do. NULLs are no duplicates. */
#ifndef RIVET_QUALITY_H
#define RIVET_QUALITY_H

#include "rivet/batch.h"
#include "rivet/bytes.h"
#include "rivet/config.h"

typedef struct rv_quality rv_quality;

enum {
    RV_UNIQUE_BLOCK_BYTES = 256 << 10,            /* held in memory for each unique column of a lane */
    RV_UNIQUE_WORK_BYTES = 16 << 20,              /* wanted while duplicates are looked for; less will do */
    RV_UNIQUE_DEFAULT_ENTRIES = 16 * 1024 * 1024, /* 256 MiB of scratch */
};

typedef struct rv_quality_options {
    const rv_quality_config *config; /* outlives the object */
    const rv_schema *schema;         /* of the batches; likewise */
    rv_budget *budget;               /* charged for the blocks; may be NULL */
    const char *scratch_folder;      /* NULL: that for temporary files */
    const char *run_id;              /* names what lies there */
    const char *const
        *proved; /* for each unique column: what makes it unique without a look ("index t_pkey"), or
                                  NULL; outlives the object. NULL: none of them */
} rv_quality_options;

bool rv_quality_is_given(const rv_quality_config *config); /* any gate */
/* A gate counts values. Some gate needs one object that has seen every row; proved as in the options. */
bool rv_quality_counts(const rv_quality_config *config);
bool rv_quality_needs_rows(const rv_quality_config *config, const char *const *proved);

/* Fails CONFIG_VALUE for a column that the schema does not have. */
rv_code rv_quality_check_names(const rv_quality_config *config, const rv_schema *schema,
                               rv_error *err) RV_MUST_CHECK;

/* options: borrowed for the call. Fails CONFIG_VALUE, OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rv_quality_new(rv_quality **out, const rv_quality_options *options, rv_error *err) RV_MUST_CHECK;
void rv_quality_free(rv_quality *quality); /* NULL is fine */
RV_DEFINE_AUTO(rv_quality, rv_quality_free)

/* Rows of the open chunk. Fails SPOOL, DEST_FULL. After a failure the object is good for nothing but being freed. */
rv_code rv_quality_add(rv_quality *quality, const rv_batch *batch, rv_error *err) RV_MUST_CHECK;
/* What the open chunk adds to the gates that count, appended to `out`: a JSON object of NULLs by column. Fails
 * OUT_OF_MEMORY, LIMIT_EXCEEDED. */
rv_code rv_quality_tally(const rv_quality *quality, rv_bytes *out, rv_error *err) RV_MUST_CHECK;
/* Has this tally (NULL: there is none) what the gates of this configuration count? */
bool rv_quality_is_counted(const rv_quality_config *config, const char *tally);
/* Add the tally of a kept chunk, before the gates are decided. Fails STATE_CORRUPT for one that is not counted. */
rv_code rv_quality_count(rv_quality *quality, const char *tally, rv_error *err) RV_MUST_CHECK;
void rv_quality_keep_chunk(rv_quality *quality); /* it is complete, and the next begins */
/* It will be read again, perhaps by another lane. Fails SPOOL. */
rv_code rv_quality_drop_chunk(rv_quality *quality, rv_error *err) RV_MUST_CHECK;
/* Move what `from` has kept into `to`, which has the same gates; `from` is then good for nothing but being freed. An
 * open chunk is no part of it. Fails OUT_OF_MEMORY. */
rv_code rv_quality_merge(rv_quality *to, rv_quality *from, rv_error *err) RV_MUST_CHECK;

typedef enum rv_quality_gate {
    RV_GATE_ROW_COUNT = 1,
    RV_GATE_NULL_RATIO,
    RV_GATE_UNIQUE,
} rv_quality_gate;
const char *rv_quality_gate_name(rv_quality_gate gate); /* "null_ratio"; static */

enum { RV_QUALITY_TEXT_BYTES = 240 };
typedef struct rv_quality_issue {
    rv_quality_gate gate;
    bool fails;         /* false: a warning */
    const char *column; /* NULL: of the run */
    char text[RV_QUALITY_TEXT_BYTES];
} rv_quality_issue;

typedef enum rv_quality_verdict_kind {
    RV_QUALITY_PASSED = 1,
    RV_QUALITY_WARNED, /* passed, as far as it was looked at */
    RV_QUALITY_NOT_PASSED,
} rv_quality_verdict_kind;
const char *
rv_quality_verdict_name(rv_quality_verdict_kind verdict); /* "passed", "warning", "failed"; static */

/* One gate, whether or not it passed. */
typedef struct rv_quality_result {
    const char *key;    /* "row_count_min" … "unique_columns"; static */
    const char *column; /* NULL: of the run */
    rv_quality_verdict_kind verdict;
    double measured, limit; /* rows; a share of NULLs; duplicates */
    const char *proof;      /* why it passes without having been measured; NULL: it was measured */
} rv_quality_result;

/* What came of the gates. Lies in the arena. */
typedef struct rv_quality_report {
    int64_t rows;
    int n_gates;
    rv_quality_result *gates;
    int n_failed; /* issues that fail; 0: the gates passed */
    rv_quality_issue *issues;
    int n_issues;
} rv_quality_report;

/* Looking for duplicates among many values takes a while: called every now and then meanwhile; what it fails with ends
 * the work. `call` may be NULL. */
typedef struct rv_quality_beat {
    rv_code (*call)(void *context, rv_error *err);
    void *context;
} rv_quality_beat;

/* The proof of the i-th unique column does not hold for all rows of the run. */
void rv_quality_disprove(rv_quality *quality, int i);
/* Decide. rows: of the whole run, as they stand in its parts. A gate that needs every row and has not seen as many
 * fails, whatever it has seen. Fails OUT_OF_MEMORY, MEMORY_BUDGET, SPOOL, DEST_FULL and with what the beat fails with;
 * gates that do not pass are no failure of the call: see rv_quality_verdict(). */
rv_code rv_quality_check(rv_quality *quality, int64_t rows, const rv_quality_beat *beat, rv_arena *arena,
                         rv_quality_report *out, rv_error *err) RV_MUST_CHECK;
/* QUALITY_FAILED, naming the first issue and how many there are more; RV_OK when all gates passed. */
rv_code rv_quality_verdict(const rv_quality_report *report, rv_error *err) RV_MUST_CHECK;
/* {"passed": …, "rows": …, "gates": [{"gate", "column", "verdict", "measured", "limit", "proof"}], "issues": [{"gate",
 * "column", "severity", "message"}]}, appended to `out`. */
rv_code rv_quality_json(const rv_quality_report *report, rv_bytes *out, rv_error *err) RV_MUST_CHECK;

#endif
