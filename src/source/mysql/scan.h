/* mysql/scan.h - what the files that read pages share: scan.c, stream.c, keyset.c. */
#ifndef SOURCE_MYSQL_SCAN_H
#define SOURCE_MYSQL_SCAN_H

#include "keyset.h"
#include "where.h"

/* One statement, whose rows come as pages as they arrive. */
typedef struct rvi_my_stream {
    rvi_my_statement *statement; /* NULL: not open */
    bool executed;               /* by the first page */
    bool has_limits;             /* the session's limit of a statement is off, and is to be put back */
    rvi_my_query query;
} rvi_my_stream;

typedef struct rvi_my_scan {
    rv_scan base;
    rvi_my *my;
    rv_arena *arena;
    rv_scan_request request;
    rvi_my_from from;
    rvi_my_type *types; /* of the schema's fields, as they were described; in the arena */
    rvi_my_rows rows;
    const char *select; /* SELECT … FROM … WHERE TRUE, with casts; in the arena */
    rvi_my_operand
        operands[1 + RV_MAX_RANGES]; /* of the ranges; the last one of the scan's key, if there is one */
    int n_operands;
    rvi_my_stream stream;
    rvi_my_keyset keyset;
} rvi_my_scan;

/* The conditions of all ranges. */
rv_code rvi_my_append_ranges(const rvi_my_scan *scan, rvi_my_query *query, rv_error *err) RV_MUST_CHECK;
/* Does the prepared statement bring the schema's fields, in order, as they were described? Fails SOURCE_QUERY: the
 * table was altered meanwhile; SOURCE_PROTOCOL. */
rv_code rvi_my_check_shape(const rvi_my_scan *scan, const rvi_my_statement *statement,
                           rv_error *err) RV_MUST_CHECK;

/* What opening takes after the columns are known, and a page. */
rv_code rvi_my_stream_open(rvi_my_scan *scan, rv_error *err) RV_MUST_CHECK;
rv_code rvi_my_stream_next(rvi_my_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                           rv_error *err) RV_MUST_CHECK;
void rvi_my_stream_close(rvi_my_scan *scan);

#endif
