/* Every allocation of a whole reading fails once: an error with a code, or the right number of rows. Needs the
 * server that RIVET_TEST_PG_URL names; nothing is written there. */
#include "unit/source/postgres_support.h"

#include "lib/fault.h"

#include <stdlib.h>
#include <string.h>

enum { QUERY_ROWS = 50 };

/* Every kind of column: fixed, text, list, enum-less custom types that the catalog is asked about. */
static const char query[] =
    "SELECT g AS id, g::text AS t, ARRAY[g, NULL] AS a, '1.5'::money AS m, '1.2.3.4'::inet AS i"
    " FROM generate_series(1, 50) AS g";

typedef struct reading {
    rv_source_config config;
    rv_source *source;
    rv_arena *arena;
    rv_scan *scan;
    rv_batch *batch;
    rv_error err;
    int64_t rows;
} reading;

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

/* Everything a run does to a source. */
static rv_code read_all(reading *r, const rv_relation *relation)
{
    const rv_read_options options = {.snapshot = true, .statement_timeout_ms = 60000};
    rv_relation_info info;
    rv_server_info server;
    RV_TRY(rv_source_open(&r->source, &r->config, NULL, &r->err));
    RV_TRY(rv_source_server(r->source, &server, &r->err));
    RV_TRY(rv_source_begin(r->source, &options, &r->err));
    RV_TRY(rv_arena_new(&r->arena, 1 << 20, &r->err));
    RV_TRY(rv_source_describe(r->source, relation, r->arena, &info, &r->err));
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
    *r = (reading){.config = r->config};
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

static void every_allocation_may_fail(void **state)
{
    const rv_relation relations[] = {
        {.kind = RV_RELATION_QUERY, .query = query},
        {.kind = RV_RELATION_TABLE, .schema = "pg_catalog", .table = "pg_am"},
    };
    const char *url = getenv("RIVET_TEST_PG_URL");
    rv_arena *arena = NULL;
    rv_redactor *redactor = NULL;
    reading r = {0};
    (void)state;
    if (url == NULL)
        skip();
    assert_int_equal(rv_arena_new(&arena, 1 << 20, NULL), RV_OK);
    assert_int_equal(rv_redactor_new(&redactor, NULL), RV_OK);
    assert_int_equal(rv_source_config_from_url(arena, url, redactor, &r.config, NULL), RV_OK);
    for (fault_mode mode = FAULT_TRANSIENT; mode <= FAULT_PERSISTENT; mode++) {
        assert_int_equal(read_under_faults(&r, &relations[0], mode), QUERY_ROWS);
        assert_true(read_under_faults(&r, &relations[1], mode) > 0);
    }
    rv_secret_free(r.config.password);
    rv_redactor_free(redactor);
    rv_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
