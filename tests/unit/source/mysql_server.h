/* mysql_server.h - a database of its own on the server that RIVET_TEST_MYSQL_URL names (MariaDB or MySQL), and reading it
 * through the driver. Without that variable a test skips itself.
 *
 * Order is never judged by the tests: what rows there are, and in which order, the server is asked by another
 * connection. Every table has a column "id", by which rows are told apart. */
#ifndef TESTS_UNIT_SOURCE_MYSQL_SERVER_H
#define TESTS_UNIT_SOURCE_MYSQL_SERVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rivet/batch.h"
#include "rivet/source.h"
#include "source/mysql/internal.h"

typedef struct server_fixture {
    const char *database;
    MYSQL *writer; /* a session of another program */
    rv_arena *arena;
    rv_redactor *redactor;
    rv_source_config config;
    rv_source *source;
    bool mariadb;
    int version; /* 80031, 101119 */
    rv_relation relation;
    rv_relation_info info;
    rv_schema read; /* what scans bring: "id" alone */
    rv_scan *scan;
    rv_batch *batch;
    rv_error err;
} server_fixture;

/* cmocka's setup and teardown: an empty database, an open source. */
int server_setup(void **state);
int server_teardown(void **state);
/* cmocka has no way to skip from a setup: the first line of every test. */
#define NEEDS_SERVER(f)          \
    do {                         \
        if ((f)->writer == NULL) \
            skip();              \
    } while (0)

/* With the writer, where the database is the default one and any date is taken. */
void server_execute(server_fixture *f, const char *sql);
/* One value, in the arena; "" for a NULL or for no row. */
const char *server_ask(server_fixture *f, const char *sql);
/* Does this server keep columns of an index in descending order? Older ones take the word and forget it. */
bool server_sorts_down(const server_fixture *f);

void server_begin(server_fixture *f, bool snapshot);
void server_end(server_fixture *f);
/* Describe a table of the database, or a query; scans bring "id" alone. */
void server_describe(server_fixture *f, const char *table);
void server_describe_query(server_fixture *f, const char *query);
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

/* What the driver's session has made the server do since it began. */
typedef struct server_work {
    int64_t index_reads; /* entries of indexes, each descent included */
    int64_t scan_reads;  /* rows read without an index, or from a temporary table */
    int64_t sorts;
    int64_t statements; /* SELECTs */
} server_work;
server_work server_work_so_far(server_fixture *f);
/* The difference, without what asking costs. */
server_work server_work_since(server_fixture *f, server_work before);

#endif
