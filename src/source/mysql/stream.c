/* stream.c - a relation without a key to go along, as one statement.
 *
 * MySQL's cursors copy the whole result to a temporary table before the first row comes, so this is a plain SELECT,
 * whose rows are taken off the network as pages are asked for. What that means for the server: it is one statement for
 * as long as the export takes, a read view, and the tables' metadata locks, which keep ALTER waiting. Between pages
 * the server waits with a full socket; net_write_timeout, which would end that, is out of the way (settings.c).
 *
 * The server's limit of a statement's time would count what we spend between pages. It is taken off for this one
 * statement, and the wait for each page is limited here instead. What was read cannot be read again, so a failed page
 * ends the scan. */
#include "scan.h"

#include <inttypes.h>

rv_code rvi_my_stream_open(rvi_my_scan *scan, rv_error *err)
{
    rvi_my_stream *stream = &scan->stream;
    const char *text = NULL;
    scan->base.unit = "row";
    RV_TRY(rv_bytes_append_str(&stream->query.sql, scan->select, err));
    RV_TRY(rvi_my_append_ranges(scan, &stream->query, err));
    RV_TRY(rvi_my_query_finish(&stream->query, &text, err));
    RV_TRY(rvi_my_prepare(scan->my, text, &stream->statement, err));
    RV_TRY(rvi_my_check_shape(scan, stream->statement, err));
    if (scan->my->options.statement_timeout_ms == 0)
        return RV_OK;
    stream->has_limits = true;
    return rvi_my_limit_statements(scan->my, 0, err);
}

void rvi_my_stream_close(rvi_my_scan *scan)
{
    rvi_my_stream *stream = &scan->stream;
    rvi_my_statement_close(stream->statement); /* and gives up what it still has to send */
    stream->statement = NULL;
    rvi_my_query_deinit(&stream->query);
    /* A connection that does not take it is given up by whoever uses it next. */
    if (stream->has_limits && scan->my->conn != NULL)
        (void)!rvi_my_limit_statements(scan->my, scan->my->options.statement_timeout_ms, NULL);
}

static int64_t page_deadline(const rvi_my *my)
{
    int64_t limit_ms = my->options.statement_timeout_ms;
    return limit_ms > 0 ? rvi_my_now_us() + limit_ms * 1000 : INT64_MAX;
}

static rv_code read_page(rvi_my_scan *scan, const rv_page_limits *limits, rv_page *page, rv_error *err)
{
    rvi_my_stream *stream = &scan->stream;
    int64_t deadline_us = page_deadline(scan->my);
    if (stream->executed)
        return rvi_my_fetch(stream->statement, &scan->rows, rv_page_rows(limits), deadline_us, page,
                            &page->end, err);
    stream->executed = true;
    return rvi_my_execute(stream->statement, stream->query.params, stream->query.n_params, &scan->rows,
                          rv_page_rows(limits), deadline_us, page, &page->end, err);
}

/* A statement does not step back, so what was not handed on is lost with it: no smaller page, no second time. */
static rv_code stream_failed(const rvi_my_scan *scan, rv_code rc, rv_error *err)
{
    int64_t limit_ms = scan->my->options.statement_timeout_ms;
    if (rc == RV_E_SOURCE_LOST && scan->my->stopped == RV_E_SOURCE_LOST && limit_ms > 0) {
        rc = rv_fail(err, RV_E_SOURCE_STATEMENT_TIMEOUT,
                     "the query has brought no page of rows within %" PRId64 " s", limit_ms / 1000);
        rv_hint(err, "raise tuning.statement_timeout_s, or let the query do less");
    }
    if (err != NULL && err->retry == RV_RETRY_SAME)
        err->retry = RV_RETRY_RECONNECT;
    if (err != NULL && err->retry == RV_RETRY_SMALLER)
        err->retry = RV_RETRY_NEVER;
    return rc;
}

rv_code rvi_my_stream_next(rvi_my_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                           rv_error *err)
{
    rvi_sql_rows_start(&scan->rows.base, out, limits->max_bytes);
    scan->rows.asked = rv_page_rows(limits);
    rv_code rc = read_page(scan, limits, page, err);
    if (rc != RV_OK)
        return stream_failed(scan, rc, err);
    page->units = out->rows;
    return RV_OK;
}
