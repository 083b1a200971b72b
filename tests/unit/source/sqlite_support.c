#include "unit/source/sqlite_support.h"

#include "lib/temp_dir.h"
#include "rivet/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 16 << 20, TEXT_BYTES = 1 << 20 };

int sqlite_setup(void **state)
{
    sqlite_fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->folder = temp_dir_new();
    f->path = temp_dir_join(f->folder, "source.db");
    assert_int_equal(sqlite3_open(f->path, &f->writer), SQLITE_OK);
    sqlite_execute(f, "PRAGMA synchronous=OFF"); /* nobody cuts the power here */
    assert_int_equal(rv_arena_new(&f->arena, ARENA_BYTES, NULL), RV_OK);
    assert_int_equal(rv_cancel_new(&f->cancel, NULL), RV_OK);
    f->config = (rv_source_config){.kind = "sqlite", .path = f->path, .display = "sqlite://source.db"};
    *state = f;
    return 0;
}

int sqlite_teardown(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_close_source(f);
    sqlite3_close(f->writer);
    rv_cancel_free(f->cancel);
    rv_arena_free(f->arena);
    temp_dir_free(f->folder);
    free(f->path);
    free(f);
    return 0;
}

/* SQLite asks for the size of a block, which malloc() does not tell portably: it stands before the block. */
enum { HEADER_BYTES = 16 };

static void *route_malloc(int bytes)
{
    char *block = malloc((size_t)bytes + HEADER_BYTES);
    if (block == NULL)
        return NULL;
    memcpy(block, &bytes, sizeof bytes);
    return block + HEADER_BYTES;
}

static void route_free(void *block)
{
    if (block != NULL)
        free((char *)block - HEADER_BYTES);
}

static void *route_realloc(void *block, int bytes)
{
    char *larger = realloc((char *)block - HEADER_BYTES, (size_t)bytes + HEADER_BYTES);
    if (larger == NULL)
        return NULL;
    memcpy(larger, &bytes, sizeof bytes);
    return larger + HEADER_BYTES;
}

static int route_size(void *block)
{
    int bytes = 0;
    if (block != NULL)
        memcpy(&bytes, (char *)block - HEADER_BYTES, sizeof bytes);
    return bytes;
}

static int route_roundup(int bytes)
{
    return (bytes + 7) & ~7;
}

static int route_init(void *unused)
{
    (void)unused;
    return SQLITE_OK;
}

static void route_shutdown(void *unused)
{
    (void)unused;
}

void sqlite_route_allocations(void)
{
    static const sqlite3_mem_methods methods = {route_malloc,  route_free, route_realloc,  route_size,
                                                route_roundup, route_init, route_shutdown, NULL};
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
}

void sqlite_execute(sqlite_fixture *f, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(f->writer, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
}

void sqlite_assert_ok(rv_code rc, const sqlite_fixture *f)
{
    if (rc != RV_OK)
        fail_msg("%s: %s", rv_code_name(rc), f->err.message);
}

rv_code sqlite_try_open(sqlite_fixture *f)
{
    return rv_source_open(&f->source, &f->config, f->cancel, &f->err);
}

void sqlite_open_source(sqlite_fixture *f)
{
    sqlite_assert_ok(sqlite_try_open(f), f);
}

void sqlite_begin(sqlite_fixture *f, bool snapshot)
{
    const rv_read_options options = {.snapshot = snapshot, .lock_timeout_ms = 10000};
    sqlite_assert_ok(rv_source_begin(f->source, &options, &f->err), f);
}

rv_code sqlite_try_describe(sqlite_fixture *f, rv_relation relation, const rv_schema_options *options)
{
    static const rv_schema_options none = {0};
    f->relation = relation;
    RV_TRY(rv_source_describe(f->source, &f->relation, f->arena, &f->info, &f->err));
    return rv_schema_resolve(f->arena, &f->info.schema, options != NULL ? options : &none, &f->schema,
                             &f->err);
}

void sqlite_describe_table(sqlite_fixture *f, const char *table)
{
    sqlite_close_source(f);
    sqlite_open_source(f);
    sqlite_begin(f, true);
    rv_relation relation = {.kind = RV_RELATION_TABLE, .table = table};
    sqlite_assert_ok(sqlite_try_describe(f, relation, NULL), f);
}

void sqlite_describe_query(sqlite_fixture *f, const char *query)
{
    sqlite_close_source(f);
    sqlite_open_source(f);
    sqlite_begin(f, true);
    rv_relation relation = {.kind = RV_RELATION_QUERY, .query = query};
    sqlite_assert_ok(sqlite_try_describe(f, relation, NULL), f);
}

static void close_scan(sqlite_fixture *f)
{
    rv_scan_close(f->scan);
    f->scan = NULL;
    rv_batch_free(f->batch);
    f->batch = NULL;
}

static rv_code open_scan(sqlite_fixture *f, rv_bounds bounds, const rv_key_value *after,
                         uint64_t max_value_bytes)
{
    close_scan(f);
    RV_TRY(rv_batch_new(&f->batch, &f->schema, NULL, &f->err));
    const rv_scan_request request = {&f->relation, &f->info, &f->schema, bounds, after, max_value_bytes};
    return rv_scan_open(&f->scan, f->source, &request, &f->err);
}

rv_code sqlite_try_scan(sqlite_fixture *f, rv_bounds bounds, uint64_t max_value_bytes)
{
    return open_scan(f, bounds, NULL, max_value_bytes);
}

rv_code sqlite_try_scan_after(sqlite_fixture *f, rv_bounds bounds, const rv_key_value *after)
{
    return open_scan(f, bounds, after, 0);
}

void sqlite_scan(sqlite_fixture *f, rv_bounds bounds)
{
    sqlite_assert_ok(sqlite_try_scan(f, bounds, 0), f);
}

rv_code sqlite_next(sqlite_fixture *f, int64_t units)
{
    const rv_page_limits limits = {.units = units, .max_bytes = (size_t)256 << 20};
    rv_batch_reset(f->batch);
    return rv_scan_next(f->scan, &limits, f->batch, &f->page, &f->err);
}

void sqlite_close_source(sqlite_fixture *f)
{
    close_scan(f);
    rv_source_end(f->source);
    rv_source_close(f->source);
    f->source = NULL;
}

rv_code sqlite_read_table(sqlite_fixture *f, const char *table, const rv_schema_options *options)
{
    sqlite_close_source(f);
    RV_TRY(sqlite_try_open(f));
    const rv_read_options reading = {.snapshot = true, .lock_timeout_ms = 10000};
    RV_TRY(rv_source_begin(f->source, &reading, &f->err));
    RV_TRY(sqlite_try_describe(f, (rv_relation){.kind = RV_RELATION_TABLE, .table = table}, options));
    RV_TRY(sqlite_try_scan(f, sqlite_everything(), 0));
    return sqlite_next(f, 100000);
}

static void append_cell(const sqlite_fixture *f, int column, int64_t row, rv_bytes *out)
{
    if (rv_column_is_null(&f->batch->columns[column], row))
        assert_int_equal(rv_bytes_append_str(out, "NULL", NULL), RV_OK);
    else
        assert_int_equal(rv_column_text(&f->batch->columns[column], row, out, NULL), RV_OK);
}

/* The bytes as a text that lives until the next call. */
static const char *kept(rv_bytes *bytes)
{
    static char text[TEXT_BYTES];
    assert_true(bytes->len < sizeof text);
    if (bytes->len > 0)
        memcpy(text, bytes->data, bytes->len);
    text[bytes->len] = '\0';
    rv_bytes_deinit(bytes);
    return text;
}

const char *sqlite_cell(const sqlite_fixture *f, int column, int64_t row)
{
    rv_bytes bytes = RV_BYTES_INIT(TEXT_BYTES);
    append_cell(f, column, row, &bytes);
    return kept(&bytes);
}

const char *sqlite_rows(const sqlite_fixture *f)
{
    rv_bytes bytes = RV_BYTES_INIT(TEXT_BYTES);
    for (int64_t row = 0; row < f->batch->rows; row++) {
        for (int column = 0; column < f->batch->n_columns; column++) {
            if (column > 0 || row > 0)
                assert_int_equal(rv_bytes_append_str(&bytes, column > 0 ? "|" : "\n", NULL), RV_OK);
            append_cell(f, column, row, &bytes);
        }
    }
    return kept(&bytes);
}
