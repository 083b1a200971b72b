/* copy_limit.c - the limit that rivet is measured against: the fastest that PostgreSQL and libpq can hand over a table
 * in the binary form, when nobody looks at it.
 *
 *     copy_limit CONNINFO QUERY
 *
 * Runs COPY (QUERY) TO STDOUT (FORMAT binary), throws every byte away and prints "<rows> <bytes>". Like the product
 * it believes the end of the data only when the protocol's terminator has come and the server's row count is there:
 * https://www.postgresql.org/docs/15/libpq-copy.html. Exit status 1 on any failure, with the reason on stderr. */
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what, const PGconn *session)
{
    fprintf(stderr, "copy_limit: %s: %s", what, PQerrorMessage(session));
    return EXIT_FAILURE;
}

static char *copy_statement(const char *query)
{
    static const char head[] = "COPY (", tail[] = ") TO STDOUT (FORMAT binary)";
    size_t size = sizeof head + strlen(query) + sizeof tail;
    char *text = malloc(size);
    if (text != NULL)
        (void)snprintf(text, size, "%s%s%s", head, query, tail);
    return text;
}

static int start(PGconn *session, const char *query)
{
    char *statement = copy_statement(query);
    if (statement == NULL)
        return fail("out of memory", session);
    PGresult *result = PQexec(session, statement);
    free(statement);
    int status = PQresultStatus(result) == PGRES_COPY_OUT ? EXIT_SUCCESS : fail("starting", session);
    PQclear(result);
    return status;
}

/* Reads to the terminator. */
static int drain(PGconn *session, uint64_t *bytes)
{
    char *row = NULL;
    int len = 0;
    while ((len = PQgetCopyData(session, &row, 0)) > 0) {
        *bytes += (uint64_t)len;
        PQfreemem(row);
    }
    return len == -1 ? EXIT_SUCCESS
                     : fail("reading", session); /* -2: it failed; 0 comes only when not blocking */
}

/* Also waits for the server to be ready again: its log holds the statement's duration only then. */
static int finish(PGconn *session, uint64_t bytes)
{
    PGresult *result = PQgetResult(session);
    int status = EXIT_SUCCESS;
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        status = fail("ending", session);
    else
        printf("%s %" PRIu64 "\n", PQcmdTuples(result), bytes);
    for (; result != NULL; result = PQgetResult(session))
        PQclear(result);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: copy_limit CONNINFO QUERY\n", stderr);
        return 2;
    }
    PGconn *session = PQconnectdb(argv[1]);
    uint64_t bytes = 0;
    int status = PQstatus(session) == CONNECTION_OK ? EXIT_SUCCESS : fail("connecting", session);
    if (status == EXIT_SUCCESS)
        status = start(session, argv[2]);
    if (status == EXIT_SUCCESS)
        status = drain(session, &bytes);
    if (status == EXIT_SUCCESS)
        status = finish(session, bytes);
    PQfinish(session);
    return status;
}
