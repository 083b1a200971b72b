/* run/support.h - a bench for runs: a scripted source, a state store and an output folder in one temporary place. */
#ifndef TESTS_UNIT_RUN_SUPPORT_H
#define TESTS_UNIT_RUN_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run/internal.h"

enum { PATH_BYTES = 256 };

/* One temporary folder holding a script, a state store and the output. */
typedef struct bench {
    char folder[PATH_BYTES], script[PATH_BYTES], state[PATH_BYTES], out[PATH_BYTES];
    rv_config config;
    rv_export_config export_config;
    rv_cancel *cancel;
    rv_run_context context;
    rv_summary summary;
} bench;

int bench_setup(void **state);
int bench_teardown(void **state);
#define bench_test(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

rv_code bench_run(bench *b); /* the export, once; what it learnt is in b->summary */
void bench_remove_folder(const char *path);

/* The script: n rows "0, 1, 2, …" in table t. `lines` belong to the table, or stand above it when they begin with
 * "fail". */
void write_numbered(bench *b, int64_t n, const char *table_words, const char *lines);
/* How many entries of the output folder end in `suffix`; "" counts all. */
int count_files(const bench *b, const char *suffix);
/* Of every line of every CSV file, the first cell: each of 0 … n-1 must be there exactly once. */
void assert_rows_once(const bench *b, int64_t n);
/* Records a run of one chunk as an earlier process would have; owner NULL: this process. */
void leave_open_run(bench *b, const char *run_id, const char *owner, const char *fingerprint);

#endif
