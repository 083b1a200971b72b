/* mysql/keyset.h - the part of a scan that reads along a key. scan.h has the scan itself. */
#ifndef SOURCE_MYSQL_KEYSET_H
#define SOURCE_MYSQL_KEYSET_H

#include "place.h"
#include "where.h"

typedef struct rvi_my_keyset {
    rvi_sql_place after;         /* where the next page begins; nowhere: at the beginning */
    bool delivered;              /* `after` is the last row handed on */
    rvi_sql_last_key last;       /* as read; the rows point here */
    rvi_my_query query;          /* of the page being read */
    rvi_my_statement *statement; /* prepared for pages of this form; NULL: not yet */
    rv_bytes prepared;           /* its SQL */
} rvi_my_keyset;

struct rvi_my_scan;

void rvi_my_keyset_init(rvi_my_keyset *keyset);
/* After the operands are bound: the index to go along, put into scan->from, and the columns beyond the schema's that a
 * page must bring, appended to the list of columns. */
rv_code rvi_my_keyset_prepare(struct rvi_my_scan *scan, rv_bytes *columns, rv_error *err) RV_MUST_CHECK;
rv_code rvi_my_keyset_open(struct rvi_my_scan *scan, rv_error *err) RV_MUST_CHECK;
rv_code rvi_my_keyset_next(struct rvi_my_scan *scan, const rv_page_limits *limits, rv_batch *out,
                           rv_page *page, rv_error *err) RV_MUST_CHECK;
void rvi_my_keyset_close(struct rvi_my_scan *scan);

#endif
