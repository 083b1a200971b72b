/* The PostgreSQL backend of the fixture: one database for the process, emptied for each test. */
#include "support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <libpq-fe.h>

enum { URL_BYTES = 1024, NAME_BYTES = 64 };

static char database[NAME_BYTES]; /* "": not made yet */

/* The URL of the server with another database. */
static void url_of(char out[URL_BYTES], const char *name)
{
    const char *server = getenv("RIVET_TEST_PG_URL");
    if (server == NULL) { /* then the suite is skipped */
        fail_msg("RIVET_TEST_PG_URL is not set");
        return;
    }
    const char *host = strstr(server, "//") + 2, *path = strchr(host, '/');
    const int len = path ? (int)(path - server) : (int)strlen(server);
    const char *query = path ? strchr(path, '?') : NULL;
    snprintf(out, URL_BYTES, "%.*s/%s%s", len, server, name, query ? query : "");
}

static PGconn *connect_to(const char *url)
{
    PGconn *conn = PQconnectdb(url);
    if (PQstatus(conn) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(conn));
    return conn;
}

static PGresult *execute(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    return result;
}

static void on_server(const char *format, const char *name)
{
    char sql[256];
    snprintf(sql, sizeof sql, format, name);
    PGconn *conn = connect_to(getenv("RIVET_TEST_PG_URL"));
    PQclear(execute(conn, sql));
    PQfinish(conn);
}

static char *postgres_make(fixture *f)
{
    (void)f;
    if (!database[0]) {
        char name[NAME_BYTES];
        snprintf(name, sizeof name, "rivet_state_%d", (int)getpid());
        on_server("DROP DATABASE IF EXISTS %s WITH (FORCE)", name);
        on_server("CREATE DATABASE %s", name);
        memcpy(database, name, sizeof name);
    }
    char *url = malloc(URL_BYTES);
    assert_non_null(url);
    url_of(url, database);
    PGconn *conn = connect_to(url);
    PQclear(execute(conn, "SET client_min_messages = warning"));
    PQclear(execute(conn, "DROP SCHEMA IF EXISTS rivet CASCADE"));
    PQfinish(conn);
    return url;
}

int backend_group_teardown(void **state)
{
    (void)state;
    if (database[0])
        on_server("DROP DATABASE IF EXISTS %s WITH (FORCE)", database);
    database[0] = '\0';
    return 0;
}

static PGconn *connect_to_store(fixture *f)
{
    PGconn *conn = connect_to(f->path);
    PQclear(execute(conn, "SET search_path = rivet"));
    return conn;
}

static int64_t postgres_ask(fixture *f, const char *sql)
{
    PGconn *conn = connect_to_store(f);
    PGresult *result = execute(conn, sql);
    assert_int_equal(PQntuples(result), 1);
    const char *cell = PQgetvalue(result, 0, 0);
    const int64_t answer = strcmp(cell, "t") == 0 ? 1 : strtoll(cell, NULL, 10);
    PQclear(result);
    PQfinish(conn);
    return answer;
}

static void postgres_tell(fixture *f, const char *sql)
{
    PGconn *conn = connect_to_store(f);
    PQclear(execute(conn, sql));
    PQfinish(conn);
}

const test_backend postgres_backend = {&rvi_state_postgres_ops, postgres_make, postgres_ask, postgres_tell};
