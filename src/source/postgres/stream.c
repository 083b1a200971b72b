/* stream.c - pages of a cursor and FETCH, for anything that can be selected from. A cursor only moves forward, so a
 * failed FETCH ends the scan. */
#include "scan.h"

#include <string.h>

enum { FIRST_FETCH_ROWS = 64 }; /* until it is known how large rows are */

static void drop_row(rvi_pg_scan *scan)
{
    PQclear(scan->stream.row);
    scan->stream.row = NULL;
}

rv_code rvi_pg_stream_open(rvi_pg_scan *scan, rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    const char *text = NULL;
    scan->base.unit = "row";
    RV_TRY(rv_bytes_append_str(&sql, "DECLARE _rivet_stream NO SCROLL CURSOR WITHOUT HOLD FOR ", err));
    RV_TRY(rv_bytes_append_str(&sql, scan->select, err));
    RV_TRY(rvi_pg_append_ranges(scan, &sql, err));
    RV_TRY(rv_bytes_cstr(&sql, &text, err));
    RV_TRY(rvi_pg_run(scan->pg, text, rvi_pg_statement_deadline(scan->pg), err));
    scan->stream.has_cursor = true;
    return RV_OK;
}

void rvi_pg_stream_close(rvi_pg_scan *scan)
{
    drop_row(scan);
    if (scan->stream.fetch.in_flight) /* left in the middle, or a value was refused */
        (void)rvi_pg_abandon_statement(scan->pg);
    /* A failed or finished transaction has closed the cursor itself. */
    if (scan->stream.has_cursor && scan->pg->snapshot &&
        PQtransactionStatus(scan->pg->conn) == PQTRANS_INTRANS)
        (void)!rvi_pg_run(scan->pg, "CLOSE _rivet_stream", rvi_pg_control_deadline(), NULL);
}

/* How many rows one FETCH asks for: as many as make a page, so that a statement ends with its page. */
static int64_t fetch_rows(const rvi_pg_scan *scan, const rv_page_limits *limits)
{
    int64_t n = rv_page_rows(limits);
    int64_t fits = scan->stream.bytes_per_row > 0
                       ? (int64_t)(limits->max_bytes / (size_t)scan->stream.bytes_per_row)
                       : FIRST_FETCH_ROWS;
    n = fits < n ? fits : n;
    return n > 0 ? n : 1;
}

/* Point the cells at the row in hand; returns the bytes it took on the wire. */
static size_t take_row(rvi_pg_scan *scan)
{
    size_t bytes = 7; /* a DataRow's type, length and number of fields */
    for (int i = 0; i < scan->request.schema->n_fields; i++) {
        size_t len = (size_t)PQgetlength(scan->stream.row, 0, i);
        bool is_null = len == 0 && PQgetisnull(scan->stream.row, 0, i);
        const char *value = is_null ? NULL : PQgetvalue(scan->stream.row, 0, i);
        scan->rows.cells[i] = (rvi_sql_cell){(const uint8_t *)value, len};
        bytes += 4 + len;
    }
    return bytes;
}

/* Rows of the FETCH in flight into the batch, to its end. If rows are suddenly so large that the page is full
 * before, the FETCH stays in flight and the next page goes on with it: memory is what must never give. A page's
 * first row is taken whatever it weighs. */
static rv_code append_fetched(rvi_pg_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_error *err)
{
    rvi_pg_fetch *fetch = &scan->stream.fetch;
    for (bool fits = true; fits;) {
        if (scan->stream.row == NULL && fetch->in_flight)
            RV_TRY(rvi_pg_fetch_row(scan->pg, fetch, scan->request.schema, &scan->stream.row, err));
        if (scan->stream.row == NULL || out->rows >= rv_page_rows(limits))
            break;
        size_t bytes = take_row(scan);
        fits = rvi_sql_rows_has_room(&scan->rows, bytes);
        if (!fits && out->rows > 0)
            break;
        RV_TRY(rvi_sql_rows_append(&scan->rows, err));
        fetch->bytes += (int64_t)bytes;
        drop_row(scan);
    }
    return RV_OK;
}

static void learn_from_fetch(rvi_pg_scan *scan)
{
    const rvi_pg_fetch *fetch = &scan->stream.fetch;
    if (fetch->in_flight)
        return;
    scan->stream.exhausted = fetch->got < fetch->asked;
    if (fetch->got > 0)
        scan->stream.bytes_per_row = fetch->bytes / fetch->got + 1;
}

static rv_code fetch_page(rvi_pg_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                          rv_error *err)
{
    int64_t started_us = rvi_pg_now_us();
    rvi_sql_rows_start(&scan->rows, out, limits->max_bytes);
    /* Twice when the last page was full with the last row of its FETCH, whose end alone makes no page. */
    while (out->rows == 0 && (scan->stream.row != NULL || !scan->stream.exhausted)) {
        if (scan->stream.row == NULL && !scan->stream.fetch.in_flight)
            RV_TRY(rvi_pg_fetch_start(scan->pg, &scan->stream.fetch, fetch_rows(scan, limits), err));
        int64_t bytes_before = scan->stream.fetch.bytes;
        RV_TRY(append_fetched(scan, limits, out, err));
        page->wire_bytes += (uint64_t)(scan->stream.fetch.bytes - bytes_before);
        learn_from_fetch(scan);
    }
    page->units = out->rows;
    page->statement_us = rvi_pg_now_us() - started_us;
    page->end = scan->stream.exhausted && scan->stream.row == NULL;
    return RV_OK;
}

/* A cursor does not step back, so what was not handed on is lost with the statement. */
static rv_code stream_failed(rvi_pg_scan *scan, rv_code rc, rv_error *err)
{
    if (rc == RV_E_CANCELLED || rc == RV_E_SOURCE_LOST)
        scan->stream.fetch.in_flight = false; /* nobody to ask politely, or no time to */
    return rvi_pg_fail_for_good(rc, err);
}

rv_code rvi_pg_stream_next(rvi_pg_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                           rv_error *err)
{
    rv_code rc = fetch_page(scan, limits, out, page, err);
    return rc == RV_OK ? RV_OK : stream_failed(scan, rc, err);
}
