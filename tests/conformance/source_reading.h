/* source_reading.h - one test's connection, and reading with it: for the files of the source suite.
 *
 * Every function asserts that what it does succeeds, except those that return a code. */
#ifndef TESTS_CONFORMANCE_SOURCE_READING_H
#define TESTS_CONFORMANCE_SOURCE_READING_H

#include "conformance/source_suite.h"

extern const suite_driver *suite_under_test; /* set by suite_run() */

typedef struct reading {
    rv_arena *arena;
    rv_source_config config; /* outlives the source */
    rv_cancel *cancel;
    rv_source *source;
    rv_relation relation;
    rv_relation_info info;
    rv_schema schema; /* resolved */
    rv_batch *batch;
    rv_scan *scan;
    rv_error err;
} reading;

/* cmocka's setup and teardown of a test. */
int suite_open_reading(void **state);
int suite_close_reading(void **state);

void suite_assert_ok(rv_code rc, const reading *r);
void suite_begin(reading *r, bool snapshot);
rv_relation suite_table_named(const char *name);
rv_relation suite_query_of(reading *r, const char *table);
void suite_describe(reading *r, rv_relation relation, const rv_schema_options *options);
/* Closes the scan that was open. */
rv_code suite_try_scan(reading *r, rv_bounds bounds, const rv_key_value *after, uint64_t max_value_bytes);
void suite_close_scan(reading *r);
/* Text of a cell, "" for a NULL; lives until the next call. */
const char *suite_cell_text(const reading *r, int column, int64_t row);

/* source_keys.c: the cases of keys and ranges, for a driver that has them; the number of tests that failed. */
int suite_run_keys(void);

#endif
