#include "support.h"

#include "lib/temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

static rv_arena *bounds; /* of the chunks that the running test claims */

static int64_t hand_now(const rv_clock *clock)
{
    return ((const hand_clock *)clock)->now_us;
}

static bool hand_sleep(const rv_clock *clock, int64_t us, rv_cancel *cancel)
{
    (void)clock;
    (void)us;
    (void)cancel;
    return true;
}

/* Which the environment asks for. */
static const test_backend *backend(void)
{
#ifdef RIVET_HAVE_POSTGRES
    const char *name = getenv("RIVET_STATE_BACKEND");
    if (name && strcmp(name, "postgres") == 0)
        return &postgres_backend;
#endif
    return &sqlite_backend;
}

/* The last component, the start time, or the second, the boot id, of an owner made different. */
static void make_others(fixture *f)
{
    f->dead = f->self;
    char *start = strrchr(f->dead.text, '/') + 1;
    start[0] = start[0] == '9' ? '8' : (char)(start[0] + 1);
    f->foreign = f->self;
    char *boot = strchr(f->foreign.text, '/') + 1;
    boot[0] = boot[0] == 'a' ? 'b' : 'a';
}

int fixture_setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    if (!f || rv_owner_self(&f->self, NULL) != RV_OK)
        return -1;
    f->folder = temp_dir_new();
    f->backend = backend();
    f->path = f->backend->make(f);
    f->clock.base = (rv_clock){.now_us = hand_now, .mono_us = hand_now, .sleep_us = hand_sleep};
    f->clock.now_us = T0_US;
    make_others(f);
    if (rv_arena_new(&bounds, 256 << 20, NULL) != RV_OK)
        return -1;
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    fixture *f = *state;
    rv_arena_free(bounds);
    bounds = NULL;
    temp_dir_free(f->folder);
    free(f->path);
    free(f);
    return 0;
}

rv_code try_open(fixture *f, rv_state_access access, rv_state **out, rv_error *err)
{
    const rvi_state_options options = {.busy_timeout_ms = BUSY_MS, .own_clock = true};
    return rvi_state_open(out, f->backend->ops, f->path, access, &f->clock.base, &options, err);
}

rv_state *open_store(fixture *f, rv_state_access access)
{
    rv_state *state = NULL;
    rv_error err = {0};
    if (try_open(f, access, &state, &err) != RV_OK)
        fail_msg("%s", err.message);
    return state;
}

rv_run_plan plan_of(const char *run_id, const char *export_name)
{
    return (rv_run_plan){
        .run_id = run_id,
        .export_name = export_name,
        .plan_fingerprint = "xxh3:00000000000000aa",
        .strategy = "ctid",
        .mode = "full",
        .format = "parquet",
        .compression = "zstd",
        .profile = "balanced",
        .dest_kind = "local",
        .dest_path = "/data/orders",
        .dest_uri = "file:///data/orders",
        .schema_json = "[{\"name\":\"id\",\"type\":\"int64\"}]",
        .source_json = "{\"engine\":\"postgres\"}",
        .config_fingerprint = "xxh3:00000000000000cc",
        .started_us = T0_US,
    };
}

void make_chunks(rv_chunk chunks[N_CHUNKS])
{
    for (int i = 0; i < N_CHUNKS; i++)
        chunks[i] = (rv_chunk){.index = i,
                               .bounds = {.kind = RV_BOUNDS_PHYSICAL, .first = 10 * i, .last = 10 * i + 9}};
}

rv_part part_of(int64_t chunk_index, const char *name, int64_t rows)
{
    rv_part part = {.name = name, .chunk_index = chunk_index, .rows = rows, .bytes = 4096};
    part.xxh3 = UINT64_C(0xfedcba9876543210);
    for (size_t i = 0; i < sizeof part.md5; i++)
        part.md5[i] = (uint8_t)(i * 17);
    part.column_digests = "[\"00000000000000ff\"]";
    return part;
}

rv_run_result result_of(const char *run_id, rv_run_status status)
{
    rv_run_result result = {.run_id = run_id, .status = status, .finished_us = T0_US + 5000000};
    result.duration_ms = 5000;
    result.rows = 30;
    result.files = 3;
    result.bytes = 12288;
    result.wire_bytes = 40000;
    result.peak_rss_bytes = 50 << 20;
    result.statements = 9;
    result.longest_statement_ms = 240;
    result.retries = 1;
    if (status != RV_RUN_SUCCEEDED) {
        result.code = RV_E_SOURCE_LOST;
        result.error_message = "the connection was lost";
    }
    return result;
}

void start_run(fixture *f, rv_state *state, const char *run_id, const char *export_name,
               const rv_owner *owner)
{
    rv_chunk chunks[N_CHUNKS];
    make_chunks(chunks);
    rv_run_plan plan = plan_of(run_id, export_name);
    plan.started_us = f->clock.now_us;
    rv_error err = {0};
    if (rv_state_start_run(state, &plan, chunks, N_CHUNKS, owner, LEASE_MS, &err) != RV_OK)
        fail_msg("%s", err.message);
}

rv_code claim_chunk(rv_state *state, const char *run_id, const rv_owner *owner, rv_chunk *out, bool *found,
                    rv_error *err)
{
    int64_t n_open;
    return rv_state_claim_chunk(state, run_id, owner, LEASE_MS, bounds, out, found, &n_open, err);
}

rv_code complete_chunk(rv_state *state, const char *run_id, const rv_owner *owner, const rv_chunk *claimed,
                       int64_t rows, const rv_part *parts, int64_t n_parts, rv_error *err)
{
    rv_chunk chunk = *claimed;
    chunk.rows = rows;
    const rv_chunk_yield yield = {.parts = parts, .n_parts = n_parts};
    return rv_state_complete_chunk(state, run_id, owner, &chunk, &yield, err);
}

int read_chunks(rv_state *state, const char *run_id, const rv_owner *owner)
{
    int n = 0;
    rv_chunk chunk;
    bool found;
    while (claim_chunk(state, run_id, owner, &chunk, &found, NULL) == RV_OK && found) {
        char name[64];
        snprintf(name, sizeof name, "%s_chunk%d.parquet", run_id, (int)chunk.index);
        rv_part part = part_of(chunk.index, name, 10);
        assert_int_equal(complete_chunk(state, run_id, owner, &chunk, 10, &part, 1, NULL), RV_OK);
        n++;
    }
    return n;
}

void succeed(fixture *f, rv_state *store, const char *run_id, const char *schema_json)
{
    const rv_chunk chunk = {.index = 0, .bounds = {.kind = RV_BOUNDS_ALL}};
    rv_run_plan plan = plan_of(run_id, "orders");
    plan.schema_json = schema_json;
    assert_int_equal(rv_state_start_run(store, &plan, &chunk, 1, &f->self, LEASE_MS, NULL), RV_OK);
    assert_int_equal(read_chunks(store, run_id, &f->self), 1);
    const rv_run_result result = result_of(run_id, RV_RUN_SUCCEEDED);
    assert_int_equal(rv_state_finish_run(store, &result, &f->self, NULL), RV_OK);
}

void see(seen *all, const char *text)
{
    assert_true(all->n < MAX_SEEN);
    snprintf(all->text[all->n++], sizeof all->text[0], "%s", text);
}

void assert_seen(const seen *all, int n, const char *const *expected)
{
    for (int i = 0; i < all->n && i < n; i++)
        assert_string_equal(all->text[i], expected[i]);
    assert_int_equal(all->n, n);
}

/* ---- backends ---- */

bool backend_is_missing(void)
{
    if (backend() == &sqlite_backend || getenv("RIVET_TEST_PG_URL"))
        return false;
    fprintf(stderr, "RIVET_TEST_PG_URL does not name a server\n");
    return true;
}

int64_t ask(fixture *f, const char *sql)
{
    return f->backend->ask(f, sql);
}

void tell(fixture *f, const char *sql)
{
    f->backend->tell(f, sql);
}

void assert_sound(fixture *f)
{
    if (f->backend == &sqlite_backend)
        assert_int_equal(ask(f, "SELECT 'ok' = integrity_check FROM pragma_integrity_check"), 1);
}

static char *sqlite_make(fixture *f)
{
    return temp_dir_join(f->folder, "state.db");
}

static sqlite3 *connect_to(fixture *f)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL),
                     SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    return db;
}

static int64_t sqlite_ask(fixture *f, const char *sql)
{
    sqlite3 *db = connect_to(f);
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    int64_t answer = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return answer;
}

static void sqlite_tell(fixture *f, const char *sql)
{
    sqlite3 *db = connect_to(f);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

const test_backend sqlite_backend = {&rvi_state_sqlite_ops, sqlite_make, sqlite_ask, sqlite_tell};

#ifndef RIVET_HAVE_POSTGRES
int backend_group_teardown(void **state)
{
    (void)state;
    return 0;
}
#endif
