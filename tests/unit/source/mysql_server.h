/* mysql_server.h - server.h on the server that RIVET_TEST_MYSQL_URL names, MariaDB or MySQL. */
#ifndef TESTS_UNIT_SOURCE_MYSQL_SERVER_H
#define TESTS_UNIT_SOURCE_MYSQL_SERVER_H

#include "source/mysql/internal.h"
#include "unit/source/server.h"

/* f->server.version_number goes by it: 80031, 101119. */
bool server_is_mariadb(const server_fixture *f);
/* Does this server keep columns of an index in descending order? Older ones take the word and forget it. */
bool server_sorts_down(const server_fixture *f);

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
