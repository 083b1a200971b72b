/* page_limit.c - the limit that rivet is measured against on MySQL and MariaDB: keyset pages over the binary protocol,
 * which nobody looks at.
 *
 *     page_limit SOCKET USER DATABASE TABLE KEY PAGE_ROWS
 *
 * Reads the table along its integer key by one prepared statement, PAGE_ROWS rows at a time, each page as fast as the
 * server sends it, and throws the rows away. Prints "<rows> <pages>". Exit status 1 on any failure, with the reason on
 * stderr. */
#include <inttypes.h>
#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SQL_BYTES = 1024 };

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "page_limit: %s: %s\n", what, why);
    return EXIT_FAILURE;
}

/* The number of the column in the result; -1: there is none of that name. */
static int find_column(MYSQL_STMT *statement, const char *name)
{
    MYSQL_RES *columns = mysql_stmt_result_metadata(statement);
    int found = -1;
    for (unsigned i = 0; columns != NULL && i < mysql_num_fields(columns); i++)
        if (strcmp(mysql_fetch_field_direct(columns, i)->name, name) == 0)
            found = (int)i;
    mysql_free_result(columns);
    return found;
}

/* One page after *key; the last row's key is the only value that is decoded. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the library writes to it */
static int read_page(MYSQL_STMT *statement, unsigned key_column, int64_t *key, uint64_t *rows)
{
    MYSQL_BIND out = {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = key, .buffer_length = sizeof *key};
    if (mysql_stmt_execute(statement) != 0 || mysql_stmt_store_result(statement) != 0)
        return fail("reading a page", mysql_stmt_error(statement));
    *rows = mysql_stmt_num_rows(statement);
    if (*rows > 0) {
        mysql_stmt_data_seek(statement, *rows - 1);
        int fetched = mysql_stmt_fetch(statement);
        if ((fetched != 0 && fetched != MYSQL_DATA_TRUNCATED) ||
            mysql_stmt_fetch_column(statement, &out, key_column, 0) != 0)
            return fail("reading the last key", mysql_stmt_error(statement));
    }
    mysql_stmt_free_result(statement);
    return EXIT_SUCCESS;
}

static int read_table(MYSQL_STMT *statement, const char *key_name, uint64_t page_rows)
{
    int64_t key = INT64_MIN;
    uint64_t rows = page_rows, total = 0, pages = 0;
    MYSQL_BIND in = {.buffer_type = MYSQL_TYPE_LONGLONG, .buffer = &key};
    int key_column = find_column(statement, key_name);
    if (key_column < 0)
        return fail("preparing", "the table has no such key");
    if (mysql_stmt_bind_param(statement, &in) != 0)
        return fail("binding", mysql_stmt_error(statement));
    while (rows == page_rows) {
        if (read_page(statement, (unsigned)key_column, &key, &rows) != EXIT_SUCCESS)
            return EXIT_FAILURE;
        total += rows;
        pages++;
    }
    printf("%" PRIu64 " %" PRIu64 "\n", total, pages);
    return EXIT_SUCCESS;
}

static int prepare_and_read(MYSQL *session, char **argv)
{
    char sql[SQL_BYTES];
    uint64_t page_rows = strtoull(argv[6], NULL, 10);
    int len = snprintf(sql, sizeof sql, "SELECT * FROM `%s` WHERE `%s` > ? ORDER BY `%s` LIMIT %" PRIu64,
                       argv[4], argv[5], argv[5], page_rows);
    if (len < 0 || (size_t)len >= sizeof sql || page_rows == 0)
        return fail("preparing", "a name is too long, or a page has no rows");
    MYSQL_STMT *statement = mysql_stmt_init(session);
    if (statement == NULL)
        return fail("preparing", "out of memory");
    int status = mysql_stmt_prepare(statement, sql, (unsigned long)len) != 0
                     ? fail("preparing", mysql_stmt_error(statement))
                     : read_table(statement, argv[5], page_rows);
    mysql_stmt_close(statement);
    return status;
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fputs("usage: page_limit SOCKET USER DATABASE TABLE KEY PAGE_ROWS\n", stderr);
        return 2;
    }
    MYSQL *session = mysql_init(NULL);
    if (session == NULL)
        return fail("connecting", "out of memory");
    mysql_options(session, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    int status = EXIT_SUCCESS;
    if (mysql_real_connect(session, NULL, argv[2], NULL, argv[3], 0, argv[1], 0) == NULL)
        status = fail("connecting", mysql_error(session));
    if (status == EXIT_SUCCESS)
        status = prepare_and_read(session, argv);
    mysql_close(session);
    return status;
}
