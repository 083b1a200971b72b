/* postgres_server.h - server.h on the server that RIVET_TEST_PG_URL names. */
#ifndef TESTS_UNIT_SOURCE_POSTGRES_SERVER_H
#define TESTS_UNIT_SOURCE_POSTGRES_SERVER_H

#include "unit/source/server.h"

#include <libpq-fe.h>

/* With the writer or the other one, to both of which the schema is the search_path. */
void server_execute_on(PGconn *session, const char *sql);

#endif
