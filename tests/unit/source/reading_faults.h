/* reading_faults.h - a whole reading of a real server in which one allocation after the other fails. */
#ifndef TESTS_UNIT_SOURCE_READING_FAULTS_H
#define TESTS_UNIT_SOURCE_READING_FAULTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rivet/source.h"

/* Every allocation fails once, and then with all that follow it: an error with a code and nothing left behind, or the
 * right number of rows. The query brings `query_rows`; the table, which is read in whatever order and along its first
 * index, some. Nothing is written. Skips the test where the environment has no such variable. */
void assert_every_allocation_may_fail(const char *url_variable, const rv_relation *query, int64_t query_rows,
                                      const rv_relation *table);

#endif
