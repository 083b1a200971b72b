/* sqlite_support.h - a SQLite file for one test, and reading it through the driver. */
#ifndef TESTS_UNIT_SOURCE_SQLITE_SUPPORT_H
#define TESTS_UNIT_SOURCE_SQLITE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rivet/batch.h"
#include "rivet/source.h"

#include <sqlite3.h>

typedef struct sqlite_fixture {
    char *folder;
    char *path;
    sqlite3 *writer; /* another program's connection to the file */
    rv_arena *arena;
    rv_cancel *cancel;
    rv_source_config config;
    rv_source *source;
    rv_relation relation;
    rv_relation_info info;
    rv_schema schema; /* resolved */
    rv_scan *scan;
    rv_batch *batch;
    rv_page page;
    rv_error err;
} sqlite_fixture;

/* cmocka's setup and teardown: an empty file, not yet opened by the driver. */
int sqlite_setup(void **state);
int sqlite_teardown(void **state);

/* Let SQLite's own allocations pass through malloc() of the test program, so that fault.h can make them
 * fail. Before any other call of SQLite. */
void sqlite_route_allocations(void);

void sqlite_execute(sqlite_fixture *f, const char *sql); /* with the writer */

/* The steps of reading; each asserts that it succeeds, except those that return a code. */
rv_code sqlite_try_open(sqlite_fixture *f);
void sqlite_open_source(sqlite_fixture *f);
void sqlite_begin(sqlite_fixture *f, bool snapshot);
rv_code sqlite_try_describe(sqlite_fixture *f, rv_relation relation, const rv_schema_options *options);
void sqlite_describe_table(sqlite_fixture *f,
                           const char *table); /* opens and begins as well, with a snapshot */
void sqlite_describe_query(sqlite_fixture *f, const char *query);
rv_code sqlite_try_scan(sqlite_fixture *f, rv_bounds bounds, uint64_t max_value_bytes);
rv_code sqlite_try_scan_after(sqlite_fixture *f, rv_bounds bounds, const rv_key_value *after);
void sqlite_scan(sqlite_fixture *f, rv_bounds bounds);
rv_code sqlite_next(sqlite_fixture *f, int64_t units); /* one page into the emptied batch */
void sqlite_close_source(sqlite_fixture *f);           /* scan and source; may be opened again */

/* Open, describe and read one whole table with options (NULL: none), in one page; rows are in f->batch. */
rv_code sqlite_read_table(sqlite_fixture *f, const char *table, const rv_schema_options *options);

/* The text of a cell, "NULL" for a NULL; lives until the next call. */
const char *sqlite_cell(const sqlite_fixture *f, int column, int64_t row);
/* All rows of the batch: cells separated by '|', rows by '\n'; lives until the next call. */
const char *sqlite_rows(const sqlite_fixture *f);

static inline rv_bounds sqlite_everything(void)
{
    return (rv_bounds){.kind = RV_BOUNDS_ALL};
}

static inline rv_bounds sqlite_range(int64_t first, int64_t last)
{
    return (rv_bounds){.kind = RV_BOUNDS_PHYSICAL, .first = first, .last = last};
}

/* Fails the test with the error's own words. */
void sqlite_assert_ok(rv_code rc, const sqlite_fixture *f);

#endif
