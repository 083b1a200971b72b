/* page.c - one statement's rows from the network.
 *
 * A page counts only when the server has said that it is complete and how many rows it had, and that number is what
 * was decoded: a connection that is cut, at whatever byte, can never look like the end of the data. */
#include "internal.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_HEADER = 5 };        /* a protocol message's type and length */
#define NO_STALL_US (INT64_MAX / 2) /* can be added to the clock */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The data messages of a COPY that has begun, up to its end; none of them may take longer than stall_us. */
static rv_code copy_messages(rvi_pg *pg, rvi_pg_copy *copy, int64_t deadline_us, int64_t stall_us,
                             rv_page *page, rv_error *err)
{
    bool just_read = false;
    for (;;) {
        char *message = NULL;
        int n = PQgetCopyData(pg->conn, &message, 1);
        if (n > 0) {
            rv_code rc = rvi_pg_copy_feed(copy, (const uint8_t *)message, (size_t)n, err);
            PQfreemem(message);
            RV_TRY(rc);
            page->wire_bytes += (uint64_t)n + MESSAGE_HEADER;
            just_read = false;
            continue;
        }
        if (n < 0)
            return RV_OK; /* how it ended, the next result says */
        /* Mostly there is more in the socket already: read before asking whether there is. */
        if (just_read)
            RV_TRY(rvi_pg_wait(pg, POLLIN, earlier(deadline_us, rvi_pg_now_us() + stall_us), err));
        else
            RV_TRY(rvi_pg_check_stop(pg, err));
        if (!PQconsumeInput(pg->conn))
            return rvi_pg_fail_lost(pg, err);
        just_read = true;
    }
}

/* The results of the statements around and of the COPY itself. */
static rv_code copy_results(rvi_pg *pg, const rvi_pg_copy_sql *statement, rvi_pg_copy *copy,
                            int64_t deadline_us, rv_page *page, rv_error *err)
{
    int64_t stall_us = statement->filtered ? NO_STALL_US : RVI_PG_STALL_MS * INT64_C(1000);
    bool copied = false, seen = statement->shape == NULL;
    char count[32] = "";
    for (;;) {
        RV_AUTO(PQclear) PGresult *result = NULL;
        RV_TRY(rvi_pg_next_result(pg, deadline_us, &result, err));
        if (result == NULL)
            break;
        RV_TRY(rvi_pg_check_result(pg, result, err));
        if (PQresultStatus(result) == PGRES_TUPLES_OK && !seen) {
            RV_TRY(rvi_pg_check_shape(statement->shape, result, err));
            seen = true;
        } else if (PQresultStatus(result) == PGRES_COPY_OUT) {
            if (!seen)
                return rv_fail(err, RV_E_SOURCE_PROTOCOL, "COPY began before its columns were described");
            RV_TRY(copy_messages(pg, copy, deadline_us, stall_us, page, err));
            copied = true;
        } else if (copied && count[0] == '\0') { /* "COPY 123" */
            snprintf(count, sizeof count, "%s", PQcmdTuples(result));
        }
    }
    if (PQstatus(pg->conn) != CONNECTION_OK)
        return rvi_pg_fail_lost(pg, err);
    return rvi_pg_copy_finish(copy, count, err);
}

rv_code rvi_pg_read_copy(rvi_pg *pg, const rvi_pg_copy_sql *statement, rvi_sql_rows *rows, rv_page *page,
                         rv_error *err)
{
    RV_AUTO(rvi_pg_copy) rvi_pg_copy copy;
    int64_t deadline_us = rvi_pg_statement_deadline(pg);
    rvi_pg_copy_init(&copy, rows);
    RV_TRY(rvi_pg_send(pg, statement->sql, deadline_us, err));
    RV_TRY(copy_results(pg, statement, &copy, deadline_us, page, err));
    page->statement_us += rvi_pg_now_us() - pg->sent_us;
    return RV_OK;
}

/* ---- FETCH ---- */

rv_code rvi_pg_fetch_start(rvi_pg *pg, rvi_pg_fetch *fetch, int64_t n, rv_error *err)
{
    char sql[64];
    snprintf(sql, sizeof sql, "FETCH FORWARD %" PRId64 " FROM _rivet_stream", n);
    fetch->deadline_us = rvi_pg_statement_deadline(pg);
    RV_TRY(rvi_pg_send_binary(pg, sql, fetch->deadline_us, err));
    /* Row by row, so that a result of unexpectedly large rows never lies in memory whole. */
    if (!PQsetSingleRowMode(pg->conn))
        return rv_fail(err, RV_E_INTERNAL, "libpq refuses single-row mode");
    fetch->in_flight = true;
    fetch->asked = n;
    fetch->got = 0;
    fetch->bytes = 0;
    return RV_OK;
}

static rv_code check_row(const PGresult *row, const rv_schema *schema, rv_error *err)
{
    if (PQntuples(row) != 1 || PQnfields(row) != schema->n_fields)
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "FETCH returned %d columns instead of %d", PQnfields(row),
                       schema->n_fields);
    if (!PQbinaryTuples(row))
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "FETCH returned text instead of binary values");
    return RV_OK;
}

/* The statement's own end: its count, and nothing after it. */
static rv_code fetch_end(rvi_pg *pg, rvi_pg_fetch *fetch, PGresult *last, rv_error *err)
{
    RV_AUTO(PQclear) PGresult *more = NULL;
    char count[24];
    snprintf(count, sizeof count, "%" PRId64, fetch->got);
    if (PQntuples(last) != 0 || strcmp(count, PQcmdTuples(last)) != 0)
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "the server says it sent '%s' rows, but %s arrived",
                       PQcmdTuples(last), count);
    RV_TRY(rvi_pg_next_result(pg, fetch->deadline_us, &more, err));
    if (more != NULL) {
        RV_TRY(rvi_pg_check_result(pg, more, err));
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "something follows the end of a FETCH");
    }
    fetch->in_flight = false;
    return RV_OK;
}

rv_code rvi_pg_fetch_row(rvi_pg *pg, rvi_pg_fetch *fetch, const rv_schema *schema, PGresult **out,
                         rv_error *err)
{
    RV_AUTO(PQclear) PGresult *result = NULL;
    RV_TRY(rvi_pg_next_result(pg, fetch->deadline_us, &result, err));
    if (result == NULL)
        return rvi_pg_fail_lost(pg, err);
    if (PQresultStatus(result) != PGRES_SINGLE_TUPLE) {
        RV_TRY(rvi_pg_check_result(pg, result, err));
        return fetch_end(pg, fetch, result, err);
    }
    RV_TRY(check_row(result, schema, err));
    fetch->got++;
    RV_MOVE(out, result);
    return RV_OK;
}
