#include "unit/source/mysql_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *server_url(void)
{
    return getenv("RIVET_TEST_MYSQL_URL");
}

void server_execute(server_fixture *f, const char *sql)
{
    if (mysql_real_query(f->writer, sql, (unsigned long)strlen(sql)) != 0)
        fail_msg("%.300s: %s", sql, mysql_error(f->writer));
    mysql_free_result(mysql_store_result(f->writer));
}

const char *server_ask(server_fixture *f, const char *sql)
{
    if (mysql_real_query(f->writer, sql, (unsigned long)strlen(sql)) != 0)
        fail_msg("%.300s: %s", sql, mysql_error(f->writer));
    MYSQL_RES *result = mysql_store_result(f->writer);
    assert_non_null(result);
    MYSQL_ROW row = mysql_fetch_row(result);
    const char *text = rv_arena_strdup(f->arena, row != NULL && row[0] != NULL ? row[0] : "");
    mysql_free_result(result);
    assert_non_null(text);
    return text;
}

bool server_is_mariadb(const server_fixture *f)
{
    return strcmp(f->server.product, "MariaDB") == 0;
}

bool server_sorts_down(const server_fixture *f)
{
    return f->server.version_number >= (server_is_mariadb(f) ? 100800 : 80000);
}

/* Any date is taken. */
void server_connect(server_fixture *f)
{
    char sql[256];
    f->writer = mysql_init(NULL);
    assert_non_null(f->writer);
    mysql_options(f->writer, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    const char *password = f->config.password != NULL ? rv_secret_reveal(f->config.password) : "";
    if (mysql_real_connect(f->writer, f->config.host, f->config.user, password, NULL,
                           (unsigned)f->config.port, NULL, 0) == NULL)
        fail_msg("%s", mysql_error(f->writer));
    snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS %s", f->schema);
    server_execute(f, sql);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s CHARACTER SET utf8mb4", f->schema);
    server_execute(f, sql);
    snprintf(sql, sizeof sql, "USE %s", f->schema);
    server_execute(f, sql);
    server_execute(
        f,
        "SET SESSION sql_mode = 'ALLOW_INVALID_DATES,STRICT_ALL_TABLES', time_zone = '+00:00',"
        " group_concat_max_len = 1000000, lock_wait_timeout = 60"); /* a test that fails with a table in use must end */
}

void server_disconnect(server_fixture *f)
{
    char sql[128];
    snprintf(sql, sizeof sql, "DROP DATABASE %s", f->schema);
    server_execute(f, sql);
    mysql_close(f->writer);
}

/* ---- work ---- */

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcmp(name, *names) == 0)
            return true;
    return false;
}

server_work server_work_so_far(server_fixture *f)
{
    static const char *const index_reads[] = {"Handler_read_first", "Handler_read_last", "Handler_read_key",
                                              "Handler_read_next",  "Handler_read_prev", NULL};
    static const char *const scan_reads[] = {"Handler_read_rnd", "Handler_read_rnd_next", NULL};
    static const char *const sorts[] = {"Sort_range", "Sort_scan", "Sort_rows", NULL};
    static const char *const statements[] = {"Com_select", "Com_stmt_execute", NULL};
    MYSQL_RES *result = NULL;
    server_work work = {0};
    server_assert_ok(f, rvi_my_ask((rvi_my *)f->source, "SHOW SESSION STATUS", &result, &f->err));
    for (MYSQL_ROW row = mysql_fetch_row(result); row != NULL; row = mysql_fetch_row(result)) {
        int64_t n = strtoll(row[1], NULL, 10);
        work.index_reads += is_one_of(row[0], index_reads) ? n : 0;
        work.scan_reads += is_one_of(row[0], scan_reads) ? n : 0;
        work.sorts += is_one_of(row[0], sorts) ? n : 0;
        work.statements += is_one_of(row[0], statements) ? n : 0;
    }
    mysql_free_result(result);
    return work;
}

server_work server_work_since(server_fixture *f, server_work before)
{
    server_work after = server_work_so_far(f), again = server_work_so_far(f);
    return (server_work){
        .index_reads = 2 * after.index_reads - again.index_reads - before.index_reads,
        .scan_reads = 2 * after.scan_reads - again.scan_reads - before.scan_reads,
        .sorts = 2 * after.sorts - again.sorts - before.sorts,
        .statements = 2 * after.statements - again.statements - before.statements,
    };
}
