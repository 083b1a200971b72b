/* errors.c - what the server says about a statement, as one of our codes with the retry class that fits. What a
 * SQLSTATE alone tells is decided in pgconn; here is what the session knows besides. */
#include "internal.h"

#include <stdio.h>
#include <string.h>

static const char timeout_hint[] = "raise tuning.statement_timeout_s, or let the query do less";

static const char *field(const PGresult *result, int code)
{
    const char *text = PQresultErrorField(result, code);
    return text != NULL ? text : "";
}

/* One SQLSTATE, 57014, is for both a time limit and a request by somebody. The words are only a help: the server
 * may speak another language. */
static bool ran_out_of_time(const rvi_pg *pg, const PGresult *result)
{
    int64_t limit_us = pg->options.statement_timeout_ms * 1000;
    if (strstr(field(result, PG_DIAG_MESSAGE_PRIMARY), "statement timeout") != NULL)
        return true;
    return limit_us > 0 && rvi_pg_now_us() - pg->sent_us >= limit_us;
}

/* What PgBouncer says to BEGIN where every statement may go to another server connection (server.c of PgBouncer 1.18;
 * never translated). Its other messages under this SQLSTATE are of the kind that passes. */
static const char statement_pooling[] = "transaction blocks not allowed in statement pooling mode";
static const char statement_pooling_hint[] =
    "a page needs a transaction: set pool_mode to transaction or session for this database, or connect to "
    "the server itself";

/* What SQLSTATE alone does not tell. */
static rv_pg_verdict verdict_on(rvi_pg *pg, const PGresult *result, const char *sqlstate)
{
    rv_pg_verdict verdict = rv_pg_classify(sqlstate);
    if (strcmp(sqlstate, "57014") == 0) {
        bool late = pg->late_cancel;
        pg->late_cancel = false;
        if (ran_out_of_time(pg, result))
            verdict = (rv_pg_verdict){RV_E_SOURCE_STATEMENT_TIMEOUT, RV_RETRY_SMALLER, timeout_hint};
        else if (late)
            verdict = (rv_pg_verdict){RV_E_SOURCE_CONFLICT, RV_RETRY_SAME, NULL};
    }
    if (strcmp(sqlstate, "08P01") == 0 &&
        strstr(field(result, PG_DIAG_MESSAGE_PRIMARY), statement_pooling) != NULL)
        verdict = (rv_pg_verdict){RV_E_SOURCE_UNSUPPORTED, RV_RETRY_NEVER, statement_pooling_hint};
    /* rls.c: the function that fails when row_security is off; its name is not translated. */
    if (strcmp(sqlstate, "42501") == 0 &&
        strcmp(field(result, PG_DIAG_SOURCE_FUNCTION), "check_enable_rls") == 0)
        verdict =
            (rv_pg_verdict){RV_E_SOURCE_ROW_SECURITY, RV_RETRY_NEVER,
                            "read as a user that bypasses row security, or set row_security: acknowledge to "
                            "export what it leaves"};
    return verdict;
}

/* The session ended with the statement. The word is never translated; servers before 9.6 do not send it. */
static bool ended_session(const PGresult *result)
{
    const char *severity = field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    return strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0;
}

rv_code rvi_pg_fail_result(rvi_pg *pg, const PGresult *result, rv_error *err)
{
    const char *sqlstate = field(result, PG_DIAG_SQLSTATE);
    if (sqlstate[0] == '\0') /* made by libpq: the connection broke, or the protocol did */
        return rvi_pg_fail_lost(pg, err);
    rv_pg_verdict verdict = verdict_on(pg, result, sqlstate);
    if (verdict.retry == RV_RETRY_SAME && ended_session(result))
        verdict.retry = RV_RETRY_RECONNECT;
    rv_pg_fail_with(verdict, sqlstate, field(result, PG_DIAG_MESSAGE_PRIMARY), err);
    const char *theirs = field(result, PG_DIAG_MESSAGE_HINT);
    if (theirs[0] == '\0')
        theirs = field(result, PG_DIAG_MESSAGE_DETAIL);
    if (verdict.hint != NULL)
        rv_hint(err, "%s", verdict.hint);
    else if (theirs[0] != '\0')
        rv_hint(err, "%s", theirs);
    return verdict.code;
}

rv_code rvi_pg_fail_lost(rvi_pg *pg, rv_error *err)
{
    char line[sizeof err->message];
    rv_pg_one_line(line, sizeof line, pg->conn != NULL ? PQerrorMessage(pg->conn) : "");
    if (pg->conn != NULL && PQstatus(pg->conn) == CONNECTION_OK && line[0] != '\0')
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "libpq: %s", line);
    return rv_fail(err, RV_E_SOURCE_LOST, "%s",
                   line[0] != '\0' ? line : "the connection to PostgreSQL was lost");
}

rv_code rvi_pg_fail_for_good(rv_code rc, rv_error *err)
{
    if (err != NULL && err->retry == RV_RETRY_SAME)
        err->retry = RV_RETRY_RECONNECT;
    if (err != NULL && err->retry == RV_RETRY_SMALLER)
        err->retry = RV_RETRY_NEVER;
    return rc;
}
