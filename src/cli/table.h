/* cli/table.h - lines of a table whose columns are as wide as what stands in them, for results that are at hand
 * before the first line is printed. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "cli.h"

#include <stdbool.h>

enum { RVI_TABLE_CELL = 40 }; /* most characters of a cell; what is longer ends in … */

typedef struct rvi_table_column {
    const char *title; /* printed as it is; NULL: no title */
    bool is_number;    /* to the right */
} rvi_table_column;

typedef struct rvi_table {
    const rvi_table_column *columns; /* borrowed */
    int n_columns;
    rv_bytes cells; /* one after the other, each ends in NUL */
} rvi_table;

enum { RVI_TABLE_BYTES = 256 << 20 }; /* of all cells together */

void rvi_table_init(rvi_table *table, const rvi_table_column *columns, int n_columns);
void rvi_table_deinit(rvi_table *table);
/* The next cell, line by line. Control characters become blanks. Fails OUT_OF_MEMORY, LIMIT_EXCEEDED. */
rv_code rvi_table_add(rvi_table *table, const char *text, rv_error *err) RV_MUST_CHECK;
rv_code rvi_table_addf(rvi_table *table, rv_error *err, const char *fmt, ...) RV_PRINTF(3, 4) RV_MUST_CHECK;
/* Titles if there are any, then lines, each behind `indent`. Without lines nothing is printed. Fails OUT_OF_MEMORY. */
rv_code rvi_table_print(const rvi_table *table, FILE *out, const char *indent, rv_error *err) RV_MUST_CHECK;
/* Characters of the longest line. Fails OUT_OF_MEMORY. */
rv_code rvi_table_width(const rvi_table *table, size_t *out, rv_error *err) RV_MUST_CHECK;

#endif
