/* page.c - one statement's rows from the network.
 *
 * A page counts only when the server has said that it is complete and how many rows it had, and that number is what
 * was decoded: a connection that is cut, at whatever byte, can never look like the end of the data. */
#include "internal.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

enum {
    MESSAGE_HEADER = 5, /* a protocol message's type and length */
    FIELD_HEADER = 4,
};

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The data messages of a COPY that has begun, up to its end. */
static rv_code copy_messages(rvi_pg *pg, rvi_pg_copy *copy, int64_t deadline_us, rv_page *page, rv_error *err)
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
            RV_TRY(rvi_pg_wait(pg, POLLIN,
                               earlier(deadline_us, rvi_pg_now_us() + RVI_PG_STALL_MS * INT64_C(1000)), err));
        else
            RV_TRY(rvi_pg_check_stop(pg, err));
        if (!PQconsumeInput(pg->conn))
            return rvi_pg_fail_lost(pg, err);
        just_read = true;
    }
}

/* The results of the statements around and of the COPY itself. */
static rv_code copy_results(rvi_pg *pg, rvi_pg_copy *copy, int64_t deadline_us, rv_page *page, rv_error *err)
{
    bool copied = false;
    char count[32] = "";
    for (;;) {
        RV_AUTO(PQclear) PGresult *result = NULL;
        RV_TRY(rvi_pg_next_result(pg, deadline_us, &result, err));
        if (result == NULL)
            break;
        RV_TRY(rvi_pg_check_result(pg, result, err));
        if (PQresultStatus(result) == PGRES_COPY_OUT) {
            RV_TRY(copy_messages(pg, copy, deadline_us, page, err));
            copied = true;
        } else if (copied && count[0] == '\0') { /* "COPY 123" */
            snprintf(count, sizeof count, "%s", PQcmdTuples(result));
        }
    }
    if (PQstatus(pg->conn) != CONNECTION_OK)
        return rvi_pg_fail_lost(pg, err);
    return rvi_pg_copy_finish(copy, count, err);
}

rv_code rvi_pg_read_copy(rvi_pg *pg, const char *sql, rvi_pg_rows *rows, rv_page *page, rv_error *err)
{
    RV_AUTO(rvi_pg_copy) rvi_pg_copy copy;
    int64_t deadline_us = rvi_pg_statement_deadline(pg);
    rvi_pg_copy_init(&copy, rows);
    RV_TRY(rvi_pg_send(pg, sql, deadline_us, err));
    RV_TRY(copy_results(pg, &copy, deadline_us, page, err));
    page->statement_us = rvi_pg_now_us() - pg->sent_us;
    return RV_OK;
}

/* ---- FETCH ---- */

static uint64_t result_bytes(const PGresult *result)
{
    int n_rows = PQntuples(result), n_fields = PQnfields(result);
    uint64_t bytes = 0;
    for (int row = 0; row < n_rows; row++)
        for (int i = 0; i < n_fields; i++)
            bytes += FIELD_HEADER + (uint64_t)PQgetlength(result, row, i);
    return bytes + (uint64_t)n_rows * MESSAGE_HEADER;
}

rv_code rvi_pg_fetch(rvi_pg *pg, const char *sql, const rv_schema *schema, PGresult **out, rv_page *page,
                     rv_error *err)
{
    rvi_pg_statement fetch = {.sql = sql, .result_format = 1};
    RV_AUTO(PQclear) PGresult *result = NULL;
    char count[16];
    RV_TRY(rvi_pg_query(pg, &fetch, rvi_pg_statement_deadline(pg), &result, err));
    if (PQnfields(result) != schema->n_fields)
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "FETCH returned %d columns instead of %d",
                       PQnfields(result), schema->n_fields);
    snprintf(count, sizeof count, "%d", PQntuples(result));
    if (strcmp(count, PQcmdTuples(result)) != 0)
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "the server says it sent '%s' rows, but %s arrived",
                       PQcmdTuples(result), count);
    for (int i = 0; i < schema->n_fields; i++)
        if (PQfformat(result, i) != 1)
            return rv_fail(err, RV_E_SOURCE_PROTOCOL, "FETCH returned column '%s' as text",
                           schema->fields[i].name);
    page->statement_us = rvi_pg_now_us() - pg->sent_us;
    page->wire_bytes = result_bytes(result);
    RV_MOVE(out, result);
    return RV_OK;
}
