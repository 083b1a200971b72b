#include "unit/source/reading_faults.h"

#include "lib/fault.h"

#include <stdlib.h>

typedef struct reading {
    rv_source_config config;
    rv_source *source;
    rv_arena *arena;
    rv_scan *scan;
    rv_batch *batch;
    rv_error err;
    int64_t rows;
    bool by_key;
} reading;

static bool can(const reading *r, uint32_t cap)
{
    return (r->source->ops->caps & cap) != 0;
}

static rv_code read_scan(reading *r, rv_scan_request *request)
{
    const rv_page_limits limits = {.units = 7, .max_bytes = 1 << 20};
    RV_TRY(rv_scan_open(&r->scan, r->source, request, &r->err));
    RV_TRY(rv_batch_new(&r->batch, request->schema, NULL, &r->err));
    for (rv_page page = {0}; !page.end;) {
        rv_batch_reset(r->batch);
        RV_TRY(rv_scan_next(r->scan, &limits, r->batch, &page, &r->err));
        r->rows += r->batch->rows;
    }
    return RV_OK;
}

/* What a plan asks about a key, and its rows in pages that begin after a place. */
static rv_code read_keys(reading *r, const rv_relation *relation, const rv_relation_info *info)
{
    const rv_key key = {.n_columns = 1, .columns = {info->indexes[0].key.columns[0]}};
    rv_range range = {.key = &key, .hi_inclusive = true};
    const rv_range *within = &range;
    rv_key_ends ends = {0};
    rv_key_value places[3], at = {0};
    int64_t n = 0, held = 0;
    const char *text = NULL;
    rv_history history = {0};
    if (can(r, RV_SOURCE_CAP_HISTORY)) {
        RV_TRY(rv_source_horizon(r->source, r->arena, &history.until, &held, &r->err));
        range.history = &history;
    }
    RV_TRY(rv_source_key_ends(r->source, relation, info, &key, NULL, &within, 1, r->arena, &ends, &r->err));
    RV_TRY(rv_source_split(r->source, relation, info, &info->indexes[0], 4, r->arena, places, &n, &r->err));
    if (can(r, RV_SOURCE_CAP_SHARED_SNAPSHOT))
        RV_TRY(rv_source_share_snapshot(r->source, r->arena, &text, &r->err));
    range.hi = ends.last;
    rv_scan_request request = {
        .relation = relation,
        .info = info,
        .schema = &info->schema,
        .bounds = {.kind = RV_BOUNDS_KEY, .key = &key, .ranges = {within}, .n_ranges = 1}};
    RV_TRY(read_scan(r, &request));
    return rv_scan_position(r->scan, r->arena, &at, &r->err);
}

/* Everything a run does to a source. */
static rv_code read_all(reading *r, const rv_relation *relation)
{
    const rv_read_options options = {.snapshot = true, .statement_timeout_ms = 60000};
    rv_relation_info info;
    rv_server_info server;
    rv_pressure pressure;
    RV_TRY(rv_source_open(&r->source, &r->config, NULL, &r->err));
    RV_TRY(rv_source_server(r->source, &server, &r->err));
    if (r->by_key && can(r, RV_SOURCE_CAP_PRESSURE))
        RV_TRY(rv_source_pressure(r->source, &pressure, &r->err));
    RV_TRY(rv_source_begin(r->source, &options, &r->err));
    RV_TRY(rv_arena_new(&r->arena, 1 << 20, &r->err));
    RV_TRY(rv_source_describe(r->source, relation, r->arena, &info, &r->err));
    if (r->by_key)
        return read_keys(r, relation, &info);
    rv_scan_request request = {
        .relation = relation,
        .info = &info,
        .schema = &info.schema,
        .bounds = {.kind = info.physical.available ? RV_BOUNDS_PHYSICAL : RV_BOUNDS_ALL,
                   .first = info.physical.first,
                   .last = info.physical.last},
    };
    return read_scan(r, &request);
}

static void close_all(reading *r)
{
    rv_batch_free(r->batch);
    rv_scan_close(r->scan);
    rv_source_end(r->source);
    rv_source_close(r->source);
    rv_arena_free(r->arena);
    *r = (reading){.config = r->config, .by_key = r->by_key};
}

/* Returns the rows read when nothing fails. */
static int64_t read_under_faults(reading *r, const rv_relation *relation, fault_mode mode)
{
    for (int nth = 1;; nth++) {
        fault_arm(FAULT_ALLOC, nth, mode, 0);
        rv_code rc = read_all(r, relation);
        bool hit = fault_disarm();
        int64_t rows = r->rows;
        if (rc != (hit ? RV_E_OUT_OF_MEMORY : RV_OK))
            fail_msg("allocation %d: %s: %s", nth, rv_code_name(rc), r->err.message);
        close_all(r);
        if (!hit)
            return rows;
    }
}

void assert_every_allocation_may_fail(const char *url_variable, const rv_relation *query, int64_t query_rows,
                                      const rv_relation *table)
{
    const char *url = getenv(url_variable);
    rv_arena *arena = NULL;
    rv_redactor *redactor = NULL;
    reading r = {0};
    if (url == NULL)
        skip();
    assert_int_equal(rv_arena_new(&arena, 1 << 20, NULL), RV_OK);
    assert_int_equal(rv_redactor_new(&redactor, NULL), RV_OK);
    assert_int_equal(rv_source_config_from_url(arena, url, redactor, &r.config, NULL), RV_OK);
    for (fault_mode mode = FAULT_TRANSIENT; mode <= FAULT_PERSISTENT; mode++) {
        assert_int_equal(read_under_faults(&r, query, mode), query_rows);
        int64_t n_rows = read_under_faults(&r, table, mode);
        assert_true(n_rows > 0);
        r.by_key = true;
        assert_int_equal(read_under_faults(&r, table, mode), n_rows);
        r.by_key = false;
    }
    rv_secret_free(r.config.password);
    rv_redactor_free(redactor);
    rv_arena_free(arena);
}
