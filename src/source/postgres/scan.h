/* postgres/scan.h - what the files that read pages share: scan.c, blocks.c, stream.c, keyset.c. */
#ifndef SOURCE_POSTGRES_SCAN_H
#define SOURCE_POSTGRES_SCAN_H

#include "place.h"
#include "where.h"

/* Block ranges: each page is a COPY of `ctid >= a AND ctid < b`. */
typedef struct rvi_pg_blocks {
    int64_t next, last; /* the first block not read yet, and the scan's last one */
    int next_offset;    /* in block `next`, when that one had to be split: where its next page starts … */
    int n_offsets;      /* … and how many line pointers it covers; 0: the block is not split */
} rvi_pg_blocks;

/* A cursor. */
typedef struct rvi_pg_stream {
    rvi_pg_fetch fetch;    /* the FETCH in flight, or the last one */
    PGresult *row;         /* one of its rows, not handed on yet */
    bool exhausted;        /* the cursor has no more */
    int64_t bytes_per_row; /* of the last FETCH; 0: none yet */
    bool has_cursor;
} rvi_pg_stream;

/* Along a key: each page is a COPY of the rows after a place. */
typedef struct rvi_pg_keyset {
    rvi_sql_place after;   /* where the next page begins; nowhere: at the beginning */
    bool delivered;        /* `after` is the last row handed on */
    rvi_sql_last_key last; /* as read; the rows point here */
    rvi_pg_key_form forms[RV_MAX_KEY_COLUMNS];
    int n_equal;      /* mixed directions: the page keeps so many first values of `after` */
    bool along_index; /* an index leads with the key: no other way to read is allowed */
    bool has_settings;
} rvi_pg_keyset;

typedef struct rvi_pg_scan {
    rv_scan base;
    rvi_pg *pg;
    rv_arena *arena;
    rv_scan_request request;
    rvi_pg_from from;
    rvi_sql_rows rows;
    const char *select; /* SELECT … FROM … WHERE true, with casts */
    const char
        *probe; /* the columns as they are, the values of the operands, and how those sort; of no row */
    rvi_pg_shape shape; /* what `probe` looked like when the scan was opened */
    rvi_pg_operand
        operands[1 + RV_MAX_RANGES]; /* of the ranges; the last one of the scan's key, if there is one */
    int n_operands;
    rvi_pg_blocks blocks;
    rvi_pg_stream stream;
    rvi_pg_keyset keyset;
} rvi_pg_scan;

/* The conditions of all ranges. */
rv_code rvi_pg_append_ranges(const rvi_pg_scan *scan, rv_bytes *sql, rv_error *err) RV_MUST_CHECK;
/* After a page that failed: back to before it, in the same snapshot, or out of its own transaction. What cannot be
 * saved is noticed by whoever comes next. */
void rvi_pg_undo_page(rvi_pg *pg, rv_code rc);

/* One file for each way: what opening it takes after the columns are known, and a page. */
rv_code rvi_pg_blocks_open(rvi_pg_scan *scan, rv_error *err) RV_MUST_CHECK;
rv_code rvi_pg_blocks_next(rvi_pg_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                           rv_error *err) RV_MUST_CHECK;
rv_code rvi_pg_stream_open(rvi_pg_scan *scan, rv_error *err) RV_MUST_CHECK;
rv_code rvi_pg_stream_next(rvi_pg_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                           rv_error *err) RV_MUST_CHECK;
void rvi_pg_stream_close(rvi_pg_scan *scan);
/* The place, and which columns beyond the schema's a page must bring: appended to a list of columns. */
void rvi_pg_keyset_init(rvi_pg_keyset *keyset);
rv_code rvi_pg_keyset_prepare(rvi_pg_scan *scan, const rvi_pg_type *types, rv_bytes *columns,
                              rv_error *err) RV_MUST_CHECK;
rv_code rvi_pg_keyset_open(rvi_pg_scan *scan, rv_error *err) RV_MUST_CHECK;
rv_code rvi_pg_keyset_next(rvi_pg_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                           rv_error *err) RV_MUST_CHECK;
void rvi_pg_keyset_close(rvi_pg_scan *scan);

#endif
