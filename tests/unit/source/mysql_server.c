#include "unit/source/mysql_server.h"

#include "rivet/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARENA_BYTES = 64 << 20, IDS_BYTES = 16 << 20, MOST_PAGES = 100000 };

void server_assert_ok(const server_fixture *f, rv_code rc)
{
    if (rc != RV_OK)
        fail_msg("%s: %s [%s]", rv_code_name(rc), f->err.message, f->err.native);
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

bool server_sorts_down(const server_fixture *f)
{
    return f->mariadb ? f->version >= 100800 : f->version >= 80000;
}

static void connect_writer(server_fixture *f)
{
    char sql[256];
    f->writer = mysql_init(NULL);
    assert_non_null(f->writer);
    mysql_options(f->writer, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    const char *password = f->config.password != NULL ? rv_secret_reveal(f->config.password) : "";
    if (mysql_real_connect(f->writer, f->config.host, f->config.user, password, NULL,
                           (unsigned)f->config.port, NULL, 0) == NULL)
        fail_msg("%s", mysql_error(f->writer));
    snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS %s", f->database);
    server_execute(f, sql);
    snprintf(sql, sizeof sql, "CREATE DATABASE %s CHARACTER SET utf8mb4", f->database);
    server_execute(f, sql);
    snprintf(sql, sizeof sql, "USE %s", f->database);
    server_execute(f, sql);
    server_execute(f, "SET SESSION sql_mode = 'ALLOW_INVALID_DATES,STRICT_ALL_TABLES', time_zone = '+00:00',"
                      " group_concat_max_len = 1000000");
}

int server_setup(void **state)
{
    const char *url = getenv("RIVET_TEST_MYSQL_URL");
    server_fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    if (url == NULL)
        return 0;
    assert_int_equal(rv_arena_new(&f->arena, ARENA_BYTES, NULL), RV_OK);
    f->database = rv_arena_printf(f->arena, "rivet_unit_%ld", (long)getpid());
    assert_non_null(f->database);
    assert_int_equal(rv_redactor_new(&f->redactor, NULL), RV_OK);
    assert_int_equal(rv_source_config_from_url(f->arena, url, f->redactor, &f->config, NULL), RV_OK);
    connect_writer(f);
    server_assert_ok(f, rv_source_open(&f->source, &f->config, NULL, &f->err));
    f->mariadb = ((rvi_my *)f->source)->mariadb;
    f->version = ((rvi_my *)f->source)->version;
    return 0;
}

int server_teardown(void **state)
{
    server_fixture *f = *state;
    char sql[128];
    if (f->writer != NULL) {
        server_close_scan(f);
        rv_source_end(f->source);
        rv_source_close(f->source);
        snprintf(sql, sizeof sql, "DROP DATABASE %s", f->database);
        server_execute(f, sql);
        mysql_close(f->writer);
        rv_secret_free(f->config.password);
        rv_redactor_free(f->redactor);
        rv_arena_free(f->arena);
    }
    free(f);
    return 0;
}

void server_begin(server_fixture *f, bool snapshot)
{
    const rv_read_options options = {.snapshot = snapshot, .lock_timeout_ms = 10000};
    server_assert_ok(f, rv_source_begin(f->source, &options, &f->err));
}

void server_end(server_fixture *f)
{
    server_close_scan(f);
    rv_source_end(f->source);
}

static void describe(server_fixture *f)
{
    server_assert_ok(f, rv_source_describe(f->source, &f->relation, f->arena, &f->info, &f->err));
    f->read = f->info.schema;
    f->read.n_fields = 1;
    assert_string_equal(f->read.fields[0].name, "id");
}

void server_describe(server_fixture *f, const char *table)
{
    f->relation = (rv_relation){.kind = RV_RELATION_TABLE, .schema = f->database, .table = table};
    describe(f);
}

void server_describe_query(server_fixture *f, const char *query)
{
    f->relation = (rv_relation){.kind = RV_RELATION_QUERY, .query = query};
    describe(f);
}

const rv_index *server_index(const server_fixture *f, const char *name)
{
    for (int i = 0; i < f->info.n_indexes; i++)
        if (strcmp(f->info.indexes[i].name, name) == 0)
            return &f->info.indexes[i];
    return NULL;
}

/* ---- scans ---- */

void server_close_scan(server_fixture *f)
{
    rv_scan_close(f->scan);
    f->scan = NULL;
    rv_batch_free(f->batch);
    f->batch = NULL;
}

rv_code server_try_scan(server_fixture *f, const rv_bounds *bounds, const rv_key_value *after)
{
    const rv_scan_request request = {
        .relation = &f->relation, .info = &f->info, .schema = &f->read, .bounds = *bounds, .after = after};
    server_close_scan(f);
    assert_int_equal(rv_batch_new(&f->batch, &f->read, NULL, NULL), RV_OK);
    return rv_scan_open(&f->scan, f->source, &request, &f->err);
}

rv_code server_next(server_fixture *f, int64_t units, size_t max_bytes, rv_page *page)
{
    const rv_page_limits limits = {.units = units, .max_bytes = max_bytes};
    rv_batch_reset(f->batch);
    return rv_scan_next(f->scan, &limits, f->batch, page, &f->err);
}

static void append_ids(const server_fixture *f, rv_bytes *ids)
{
    for (int64_t row = 0; row < f->batch->rows; row++) {
        assert_int_equal(rv_bytes_append_str(ids, ids->len > 0 ? "," : "", NULL), RV_OK);
        assert_int_equal(rv_column_text(&f->batch->columns[0], row, ids, NULL), RV_OK);
    }
}

static const char *take_text(server_fixture *f, rv_bytes *ids)
{
    const char *text = rv_arena_strndup(f->arena, ids->len > 0 ? (const char *)ids->data : "", ids->len);
    rv_bytes_deinit(ids);
    assert_non_null(text);
    return text;
}

const char *server_batch_ids(server_fixture *f)
{
    rv_bytes ids = RV_BYTES_INIT(IDS_BYTES);
    append_ids(f, &ids);
    return take_text(f, &ids);
}

const char *server_read(server_fixture *f, const rv_bounds *bounds, const rv_key_value *after, int64_t units)
{
    rv_bytes ids = RV_BYTES_INIT(IDS_BYTES);
    rv_page page = {0};
    server_assert_ok(f, server_try_scan(f, bounds, after));
    for (int n = 0; !page.end; n++) {
        assert_true(n < MOST_PAGES);
        server_assert_ok(f, server_next(f, units, (size_t)64 << 20, &page));
        append_ids(f, &ids);
    }
    server_close_scan(f);
    return take_text(f, &ids);
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
