/* server.h - a schema of its own on a real server, and reading it through the driver. Without a server a test skips
 * itself.
 *
 * Order is never judged by the tests: what rows there are, and in which order, the server is asked by another
 * connection. Every table has a column "id", by which rows are told apart.
 *
 * What is an engine's own is in postgres_server.c and mysql_server.c; a test program has one of them. */
#ifndef TESTS_UNIT_SOURCE_SERVER_H
#define TESTS_UNIT_SOURCE_SERVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rivet/batch.h"
#include "rivet/source.h"

typedef struct server_fixture {
    const char *schema; /* ours; a database of MySQL */
    void *
        writer; /* a session of another program, as the engine's own library has it; NULL: there is no server */
    void *other; /* a second one, for tests of PostgreSQL */
    rv_arena *arena;
    rv_redactor *redactor;
    rv_source_config config;
    rv_source *source;
    rv_server_info server;
    rv_relation relation;
    rv_relation_info info;
    rv_schema read; /* what scans bring: "id" alone, or all fields */
    rv_scan *scan;
    rv_batch *batch;
    rv_error err;
} server_fixture;

/* ---- the engine's own ---- */

const char *server_url(void); /* NULL: there is no server */
/* The writer, and the other one, in the empty schema f->schema; f->config is filled. */
void server_connect(server_fixture *f);
void server_disconnect(server_fixture *f); /* the schema goes, too */
/* With the writer, to which the schema's tables go by their names alone. */
void server_execute(server_fixture *f, const char *sql);
/* One value, in the arena; "" for a NULL. */
const char *server_ask(server_fixture *f, const char *sql);

/* ---- the same for all ---- */

/* cmocka's setup and teardown: an empty schema, an open source. */
int server_setup(void **state);
int server_teardown(void **state);
/* cmocka has no way to skip from a setup: the first line of every test. */
#define NEEDS_SERVER(f)          \
    do {                         \
        if ((f)->writer == NULL) \
            skip();              \
    } while (0)

void server_reopen(server_fixture *f); /* another session; nothing is begun */
void server_begin(server_fixture *f, bool snapshot);
void server_end(server_fixture *f);
/* Describe a table of the schema, or a query; scans bring "id" alone. */
void server_describe(server_fixture *f, const char *table);
void server_describe_query(server_fixture *f, const char *query);
void server_read_all_fields(server_fixture *f, rv_policy on_invalid);
const rv_index *server_index(const server_fixture *f, const char *name); /* NULL: not reported */

rv_code server_try_scan(server_fixture *f, const rv_bounds *bounds, const rv_key_value *after);
void server_close_scan(server_fixture *f);
/* One page into the emptied batch. */
rv_code server_next(server_fixture *f, int64_t units, size_t max_bytes, rv_page *page);
/* A whole scan in pages of `units`: the ids, separated by commas, in the arena. */
const char *server_read(server_fixture *f, const rv_bounds *bounds, const rv_key_value *after, int64_t units);
/* The ids of the batch in hand. */
const char *server_batch_ids(server_fixture *f);
void server_assert_ok(const server_fixture *f, rv_code rc);

#endif
