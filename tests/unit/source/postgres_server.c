#include "unit/source/postgres_server.h"

#include <stdio.h>
#include <stdlib.h>

const char *server_url(void)
{
    return getenv("RIVET_TEST_PG_URL");
}

void server_execute_on(PGconn *session, const char *sql)
{
    PGresult *result = PQexec(session, sql);
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%.300s: %s", sql, PQerrorMessage(session));
}

void server_execute(server_fixture *f, const char *sql)
{
    server_execute_on(f->writer, sql);
}

const char *server_ask(server_fixture *f, const char *sql)
{
    PGresult *result = PQexec(f->writer, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) != 1)
        fail_msg("%.300s: %s", sql, PQerrorMessage(f->writer));
    const char *text = rv_arena_strdup(f->arena, PQgetvalue(result, 0, 0));
    PQclear(result);
    assert_non_null(text);
    return text;
}

static PGconn *connect_session(const server_fixture *f)
{
    char sql[128];
    PGconn *session = PQconnectdb(server_url());
    if (PQstatus(session) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(session));
    snprintf(sql, sizeof sql, "SET client_min_messages = warning; SET search_path = %s, public", f->schema);
    server_execute_on(session, sql);
    return session;
}

void server_connect(server_fixture *f)
{
    char sql[256];
    f->writer = connect_session(f);
    f->other = connect_session(f);
    snprintf(sql, sizeof sql, "DROP SCHEMA IF EXISTS %s CASCADE; CREATE SCHEMA %s", f->schema, f->schema);
    server_execute(f, sql);
}

void server_disconnect(server_fixture *f)
{
    char sql[128];
    PQfinish(f->other);
    snprintf(sql, sizeof sql, "DROP SCHEMA %s CASCADE", f->schema);
    server_execute(f, sql);
    PQfinish(f->writer);
}
