#include "unit/source/server.h"

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

static void open_source(server_fixture *f)
{
    server_assert_ok(f, rv_source_open(&f->source, &f->config, NULL, &f->err));
    server_assert_ok(f, rv_source_server(f->source, &f->server, &f->err));
}

int server_setup(void **state)
{
    const char *url = server_url();
    server_fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    if (url == NULL)
        return 0;
    assert_int_equal(rv_arena_new(&f->arena, ARENA_BYTES, NULL), RV_OK);
    f->schema = rv_arena_printf(f->arena, "rivet_unit_%ld", (long)getpid());
    assert_non_null(f->schema);
    assert_int_equal(rv_redactor_new(&f->redactor, NULL), RV_OK);
    assert_int_equal(rv_source_config_from_url(f->arena, url, f->redactor, &f->config, NULL), RV_OK);
    server_connect(f);
    open_source(f);
    return 0;
}

int server_teardown(void **state)
{
    server_fixture *f = *state;
    if (f->writer != NULL) {
        server_close_scan(f);
        rv_source_end(f->source);
        rv_source_close(f->source);
        server_disconnect(f);
        rv_secret_free(f->config.password);
        rv_redactor_free(f->redactor);
        rv_arena_free(f->arena);
    }
    free(f);
    return 0;
}

void server_reopen(server_fixture *f)
{
    server_close_scan(f);
    rv_source_end(f->source);
    rv_source_close(f->source);
    f->source = NULL;
    open_source(f);
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
    f->relation = (rv_relation){.kind = RV_RELATION_TABLE, .schema = f->schema, .table = table};
    describe(f);
}

void server_describe_query(server_fixture *f, const char *query)
{
    f->relation = (rv_relation){.kind = RV_RELATION_QUERY, .query = query};
    describe(f);
}

void server_read_all_fields(server_fixture *f, rv_policy on_invalid)
{
    rv_schema_options options = {0};
    for (int i = 0; i < RV_INVALID_CLASSES; i++)
        options.on_invalid[i] = on_invalid;
    server_assert_ok(f, rv_schema_resolve(f->arena, &f->info.schema, &options, &f->read, &f->err));
}

const rv_index *server_index(const server_fixture *f, const char *name)
{
    for (int i = 0; i < f->info.n_indexes; i++)
        if (strcmp(f->info.indexes[i].name, name) == 0)
            return &f->info.indexes[i];
    return NULL;
}

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
