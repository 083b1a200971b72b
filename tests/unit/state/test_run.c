#include "support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static rv_code see_part(void *context, const rv_part *part, rv_error *err)
{
    (void)err;
    see(context, part->name);
    return RV_OK;
}

static rv_code see_file(void *context, const rv_file_row *row, rv_error *err)
{
    (void)err;
    see(context, row->part.name);
    return RV_OK;
}

static rv_code see_name(void *context, const char *export_name, const char *config_fingerprint, rv_error *err)
{
    (void)err;
    assert_string_equal(config_fingerprint, plan_of("any", export_name).config_fingerprint);
    see(context, export_name);
    return RV_OK;
}

static void find_open(rv_state *store, const char *export_name, rv_arena *arena, rv_open_run *out)
{
    assert_int_equal(rv_state_find_open_run(store, export_name, arena, out, NULL), RV_OK);
}

/* ---- starting ---- */

static void a_started_run_is_found_with_its_plan(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    assert_int_equal(rv_arena_new(&arena, 1 << 20, NULL), RV_OK);
    rv_open_run open;
    find_open(store, "orders", arena, &open);
    assert_false(open.exists);

    start_run(f, store, "orders_1", "orders", &f->self);
    find_open(store, "orders", arena, &open);
    assert_true(open.exists);
    assert_true(open.owner_alive);
    assert_string_equal(open.owner.text, f->self.text);
    assert_int_equal(open.n_chunks, N_CHUNKS);
    assert_int_equal(open.n_completed, 0);
    const rv_run_plan plan = plan_of("orders_1", "orders");
    assert_string_equal(open.plan.run_id, plan.run_id);
    assert_string_equal(open.plan.plan_fingerprint, plan.plan_fingerprint);
    assert_string_equal(open.plan.strategy, plan.strategy);
    assert_string_equal(open.plan.mode, plan.mode);
    assert_string_equal(open.plan.format, plan.format);
    assert_string_equal(open.plan.compression, plan.compression);
    assert_string_equal(open.plan.profile, plan.profile);
    assert_string_equal(open.plan.dest_kind, plan.dest_kind);
    assert_string_equal(open.plan.dest_path, plan.dest_path);
    assert_string_equal(open.plan.dest_uri, plan.dest_uri);
    assert_string_equal(open.plan.schema_json, plan.schema_json);
    assert_string_equal(open.plan.source_json, plan.source_json);
    assert_int_equal(open.plan.started_us, plan.started_us);
    find_open(store, "Orders", arena, &open);
    assert_false(open.exists);
}

static void a_second_run_of_an_export_is_refused_by_name(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    const rv_run_plan plan = plan_of("orders_2", "orders");
    rv_error err;
    assert_int_equal(rv_state_start_run(store, &plan, NULL, 0, &f->self, LEASE_MS, &err),
                     RV_E_RUN_LEASE_HELD);
    assert_non_null(strstr(err.message, "orders_1"));
    assert_non_null(strstr(err.message, "2026-11-21T09:30:00"));
    assert_non_null(strstr(err.message, "process "));
    assert_non_null(strstr(err.hint, "2026-11-21T09:31:00"));
    start_run(f, store, "users_1", "users", &f->self);
}

static void a_dead_owners_run_says_how_to_continue_it(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->dead);
    const rv_run_plan plan = plan_of("orders_2", "orders");
    rv_error err;
    assert_int_equal(rv_state_start_run(store, &plan, NULL, 0, &f->self, LEASE_MS, &err),
                     RV_E_RUN_LEASE_HELD);
    assert_non_null(strstr(err.hint, "continue"));
}

static void a_start_that_fails_halfway_records_nothing(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    rv_chunk chunks[N_CHUNKS];
    make_chunks(chunks);
    chunks[2].index = 1;
    const rv_run_plan plan = plan_of("orders_1", "orders");
    rv_error err;
    assert_int_equal(rv_state_start_run(store, &plan, chunks, N_CHUNKS, &f->self, LEASE_MS, &err),
                     RV_E_STATE_UNUSABLE);
    assert_string_equal(err.frame[0], "chunk 1");
    assert_int_equal(ask(f, "SELECT (SELECT count(*) FROM runs) + (SELECT count(*) FROM chunks)"), 0);
    start_run(f, store, "orders_1", "orders", &f->self);
}

/* ---- chunks ---- */

static void chunks_are_claimed_lowest_first_and_once(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    rv_chunk chunk;
    bool found;
    for (int i = 0; i < N_CHUNKS; i++) {
        assert_int_equal(claim_chunk(store, "orders_1", &f->self, &chunk, &found, NULL), RV_OK);
        assert_true(found);
        assert_int_equal(chunk.index, i);
        assert_int_equal(chunk.bounds.kind, RV_BOUNDS_PHYSICAL);
        assert_int_equal(chunk.bounds.first, 10 * i);
        assert_int_equal(chunk.bounds.last, 10 * i + 9);
        assert_int_equal(chunk.status, RV_CHUNK_RUNNING);
        assert_int_equal(chunk.attempts, 1);
    }
    chunk.index = 99;
    assert_int_equal(claim_chunk(store, "orders_1", &f->self, &chunk, &found, NULL), RV_OK);
    assert_false(found);
    assert_int_equal(chunk.index, 99);
}

static void bounds_survive_at_both_ends_of_their_type(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    const rv_chunk chunks[] = {
        {.index = 0, .bounds = {.kind = RV_BOUNDS_PHYSICAL, .first = INT64_MIN, .last = INT64_MAX}},
        {.index = 1, .bounds = {.kind = RV_BOUNDS_ALL}},
    };
    const rv_run_plan plan = plan_of("orders_1", "orders");
    assert_int_equal(rv_state_start_run(store, &plan, chunks, 2, &f->self, LEASE_MS, NULL), RV_OK);
    rv_chunk chunk;
    bool found;
    assert_int_equal(claim_chunk(store, "orders_1", &f->self, &chunk, &found, NULL), RV_OK);
    assert_true(chunk.bounds.first == INT64_MIN && chunk.bounds.last == INT64_MAX);
    assert_int_equal(claim_chunk(store, "orders_1", &f->self, &chunk, &found, NULL), RV_OK);
    assert_int_equal(chunk.bounds.kind, RV_BOUNDS_ALL);
}

typedef struct part_seen {
    rv_part part; /* without its texts */
    seen texts;
} part_seen;

static rv_code keep_part(void *context, const rv_part *part, rv_error *err)
{
    (void)err;
    part_seen *kept = context;
    kept->part = *part;
    see(&kept->texts, part->name);
    see(&kept->texts, part->column_digests);
    return RV_OK;
}

static void a_part_comes_back_as_it_was_recorded(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    rv_chunk chunk;
    bool found;
    assert_int_equal(claim_chunk(store, "orders_1", &f->self, &chunk, &found, NULL), RV_OK);
    rv_part part = part_of(0, "caf\xc3\xa9 'x'\"\n.parquet", 7);
    part.sequence = 3;
    part.bytes = INT64_MAX;
    assert_int_equal(complete_chunk(store, "orders_1", &f->self, &chunk, 7, &part, 1, NULL), RV_OK);
    part_seen got = {0};
    assert_int_equal(rv_state_list_parts(store, "orders_1", keep_part, &got, NULL), RV_OK);
    ASSERT_SEEN(&got.texts, part.name, part.column_digests);
    assert_int_equal(got.part.chunk_index, 0);
    assert_int_equal(got.part.sequence, 3);
    assert_int_equal(got.part.rows, 7);
    assert_true(got.part.bytes == INT64_MAX);
    assert_true(got.part.xxh3 == part.xxh3);
    assert_memory_equal(got.part.md5, part.md5, sizeof part.md5);
}

static void parts_are_listed_in_the_order_of_the_rows(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    rv_chunk chunk;
    bool found;
    for (int i = 0; i < N_CHUNKS; i++)
        assert_int_equal(claim_chunk(store, "orders_1", &f->self, &chunk, &found, NULL), RV_OK);
    rv_part parts[] = {part_of(2, "c2_1", 4), part_of(2, "c2_0", 6)};
    parts[0].sequence = 1;
    assert_int_equal(
        complete_chunk(store, "orders_1", &f->self, &(rv_chunk){.index = 2, .claim = 3}, 10, parts, 2, NULL),
        RV_OK);
    const rv_part first = part_of(0, "c0", 1);
    assert_int_equal(
        complete_chunk(store, "orders_1", &f->self, &(rv_chunk){.index = 0, .claim = 1}, 1, &first, 1, NULL),
        RV_OK);
    assert_int_equal(
        complete_chunk(store, "orders_1", &f->self, &(rv_chunk){.index = 1, .claim = 2}, 0, NULL, 0, NULL),
        RV_OK);
    seen all = {0};
    assert_int_equal(rv_state_list_parts(store, "orders_1", see_part, &all, NULL), RV_OK);
    ASSERT_SEEN(&all, "c0", "c2_0", "c2_1");
}

static void a_chunk_is_completed_once_and_only_by_its_reader(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    const rv_part part = part_of(0, "p", 10), again = part_of(0, "q", 10);
    rv_chunk chunk = {.index = 0};
    bool found;
    assert_int_equal(complete_chunk(store, "orders_1", &f->self, &chunk, 10, &part, 1, NULL),
                     RV_E_RUN_LEASE_LOST);
    assert_int_equal(claim_chunk(store, "orders_1", &f->self, &chunk, &found, NULL), RV_OK);
    assert_int_equal(complete_chunk(store, "orders_1", &f->self, &chunk, 11, &part, 1, NULL), RV_E_INTERNAL);
    assert_int_equal(ask(f, "SELECT count(*) FROM parts"), 0);
    assert_int_equal(complete_chunk(store, "orders_1", &f->self, &chunk, 10, &part, 1, NULL), RV_OK);
    assert_int_equal(complete_chunk(store, "orders_1", &f->self, &chunk, 10, &again, 1, NULL),
                     RV_E_RUN_LEASE_LOST);
    assert_int_equal(ask(f, "SELECT count(*) FROM parts"), 1);
}

static void two_parts_of_one_name_are_refused_with_their_chunk(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    rv_chunk chunk;
    bool found;
    assert_int_equal(claim_chunk(store, "orders_1", &f->self, &chunk, &found, NULL), RV_OK);
    rv_part parts[] = {part_of(0, "same", 5), part_of(0, "same", 5)};
    parts[1].sequence = 1;
    assert_int_equal(complete_chunk(store, "orders_1", &f->self, &chunk, 10, parts, 2, NULL),
                     RV_E_STATE_UNUSABLE);
    assert_int_equal(ask(f, "SELECT count(*) FROM parts"), 0);
    assert_int_equal(ask(f, "SELECT status = 'running' FROM chunks WHERE chunk_index = 0"), 1);
}

/* ---- verdicts ---- */

static void a_success_moves_the_export_and_ends_the_lease(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    assert_int_equal(read_chunks(store, "orders_1", &f->self), N_CHUNKS);
    const rv_run_result result = result_of("orders_1", RV_RUN_SUCCEEDED);
    assert_int_equal(rv_state_finish_run(store, &result, &f->self, NULL), RV_OK);
    assert_int_equal(ask(f, "SELECT count(*) FROM runs WHERE owner IS NULL AND status = 'success'"), 1);
    assert_int_equal(ask(f, "SELECT last_run_us FROM export_state WHERE last_run_id = 'orders_1'"),
                     result.finished_us);
    seen files = {0};
    assert_int_equal(rv_state_list_files(store, NULL, 0, see_file, &files, NULL), RV_OK);
    ASSERT_SEEN(&files, "orders_1_chunk2.parquet", "orders_1_chunk1.parquet", "orders_1_chunk0.parquet");
}

static void a_success_with_a_missing_chunk_is_refused(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    rv_chunk chunk;
    bool found;
    assert_int_equal(claim_chunk(store, "orders_1", &f->self, &chunk, &found, NULL), RV_OK);
    const rv_run_result result = result_of("orders_1", RV_RUN_SUCCEEDED);
    assert_int_equal(rv_state_finish_run(store, &result, &f->self, NULL), RV_E_INTERNAL);
    assert_int_equal(ask(f, "SELECT count(*) FROM runs WHERE status = 'running'"), 1);
    assert_int_equal(ask(f, "SELECT count(*) FROM export_state"), 0);
}

static void whatever_is_not_a_success_leaves_cursor_and_schema_alone(void **state)
{
    static const rv_run_status statuses[] = {RV_RUN_FAILED, RV_RUN_SKIPPED, RV_RUN_INTERRUPTED};
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    read_chunks(store, "orders_1", &f->self);
    rv_run_result result = result_of("orders_1", RV_RUN_SUCCEEDED);
    assert_int_equal(rv_state_finish_run(store, &result, &f->self, NULL), RV_OK);
    tell(f, "UPDATE export_state SET cursor_columns = 'id', cursor_type = 'int64', cursor_value = '42'");
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        char run_id[32];
        snprintf(run_id, sizeof run_id, "orders_%zu", i + 2);
        start_run(f, store, run_id, "orders", &f->self);
        assert_int_equal(read_chunks(store, run_id, &f->self), N_CHUNKS);
        result = result_of(run_id, statuses[i]);
        assert_int_equal(rv_state_finish_run(store, &result, &f->self, NULL), RV_OK);
        assert_int_equal(ask(f, "SELECT count(*) FROM export_state WHERE last_run_id = 'orders_1'"
                                " AND cursor_value = '42'"),
                         1);
        assert_int_equal(ask(f, "SELECT count(*) FROM export_schema"), 1);
        assert_int_equal(ask(f, "SELECT count(*) FROM parts WHERE run_id <> 'orders_1'"), 0);
    }
    seen files = {0};
    assert_int_equal(rv_state_list_files(store, "orders", 0, see_file, &files, NULL), RV_OK);
    assert_int_equal(files.n, N_CHUNKS);
}

static void what_is_running_is_listed_by_name(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "users_1", "users", &f->self);
    start_run(f, store, "orders_1", "orders", &f->self);
    start_run(f, store, "items_1", "items", &f->self);
    read_chunks(store, "items_1", &f->self);
    const rv_run_result result = result_of("items_1", RV_RUN_SUCCEEDED);
    assert_int_equal(rv_state_finish_run(store, &result, &f->self, NULL), RV_OK);
    seen names = {0};
    assert_int_equal(rv_state_list_open_runs(store, see_name, &names, NULL), RV_OK);
    ASSERT_SEEN(&names, "orders", "users");
}

static void a_full_run_does_not_reset_the_cursor(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    tell(f,
         "INSERT INTO export_state (export_name, cursor_columns, cursor_type, cursor_value, last_run_id,"
         " last_run_us, last_status, n_rows) VALUES ('orders', 'id', 'int64', '42', 'old', 1, 'success', 1)");
    start_run(f, store, "orders_1", "orders", &f->self);
    read_chunks(store, "orders_1", &f->self);
    const rv_run_result result = result_of("orders_1", RV_RUN_SUCCEEDED);
    assert_int_equal(rv_state_finish_run(store, &result, &f->self, NULL), RV_OK);
    assert_int_equal(ask(f, "SELECT count(*) FROM export_state WHERE cursor_value = '42'"
                            " AND last_run_id = 'orders_1' AND n_rows = 30"),
                     1);
}

static void the_schema_is_recorded_when_it_changes(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    succeed(f, store, "orders_1", "[1]");
    succeed(f, store, "orders_2", "[1]");
    succeed(f, store, "orders_3", "[2]");
    succeed(f, store, "orders_4", "[1]");
    assert_int_equal(ask(f, "SELECT count(*) FROM export_schema"), 3);
    assert_int_equal(ask(f, "SELECT count(*) FROM export_schema WHERE run_id = 'orders_2'"), 0);
}

/* ---- what is forgotten ---- */

#define DAY_US (INT64_C(86400) * 1000000)

/* A run that begins now, reads its chunks and ends. */
static void pass_run(fixture *f, rv_state *store, const char *run_id, const char *export_name,
                     rv_run_status status, const rv_retention *retention)
{
    rv_run_result result = result_of(run_id, status);
    start_run(f, store, run_id, export_name, &f->self);
    assert_int_equal(read_chunks(store, run_id, &f->self), N_CHUNKS);
    assert_int_equal(rv_state_journal(store, run_id, export_name, "RunCompleted", "{}", NULL), RV_OK);
    result.retention = retention;
    assert_int_equal(rv_state_finish_run(store, &result, &f->self, NULL), RV_OK);
    f->clock.now_us += DAY_US;
}

static int64_t rows_of(fixture *f, const char *table, const char *run_id)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM %s WHERE run_id = '%s'", table, run_id);
    return ask(f, sql);
}

static void assert_remembered(fixture *f, const char *run_id, bool remembered)
{
    static const char *const tables[] = {"runs", "chunks", "journal"};
    for (size_t i = 0; i < 3; i++)
        if ((rows_of(f, tables[i], run_id) > 0) != remembered)
            fail_msg("%s of %s", tables[i], run_id);
    if (!remembered)
        assert_int_equal(rows_of(f, "parts", run_id), 0);
}

static void old_runs_are_forgotten_but_not_the_newest_success(void **state)
{
    fixture *f = *state;
    rv_state *store = open_store(f, RV_STATE_WRITE);
    const rv_retention two = {.keep_runs = 2};
    pass_run(f, store, "other_1", "other", RV_RUN_SUCCEEDED, NULL);
    pass_run(f, store, "orders_1", "orders", RV_RUN_SUCCEEDED, NULL);
    pass_run(f, store, "orders_2", "orders", RV_RUN_SUCCEEDED, NULL);
    pass_run(f, store, "orders_3", "orders", RV_RUN_FAILED, NULL);
    pass_run(f, store, "orders_4", "orders", RV_RUN_FAILED, NULL);
    assert_remembered(f, "orders_1", true);
    pass_run(f, store, "orders_5", "orders", RV_RUN_FAILED, &two);
    assert_remembered(f, "orders_1", false);
    assert_remembered(f, "orders_2", true); /* where the export stands */
    assert_remembered(f, "orders_3", false);
    assert_remembered(f, "orders_4", true);
    assert_remembered(f, "orders_5", true);
    assert_remembered(f, "other_1", true); /* no run of `orders` speaks for it */
    start_run(f, store, "other_2", "other",
              &f->self); /* open: `other` may forget what it wants, but not that */
    pass_run(f, store, "orders_6", "orders", RV_RUN_SUCCEEDED, &two);
    assert_remembered(f, "orders_2", false);
    assert_int_equal(rows_of(f, "chunks", "other_2"), N_CHUNKS);
    assert_int_equal(ask(f, "SELECT count(*) FROM export_state"), 2);
    rv_state_close(store);
    assert_sound(f);
}

static void runs_and_events_of_long_ago_are_forgotten(void **state)
{
    fixture *f = *state;
    rv_state *store = open_store(f, RV_STATE_WRITE);
    assert_int_equal(rv_state_journal(store, "refused", "orders", "RunCompleted", "{}", NULL), RV_OK);
    pass_run(f, store, "orders_1", "orders", RV_RUN_FAILED, NULL);
    pass_run(f, store, "orders_2", "orders", RV_RUN_SUCCEEDED, NULL);
    assert_int_equal(rv_state_journal(store, "refused_lately", "orders", "RunCompleted", "{}", NULL), RV_OK);
    const rv_retention day = {.keep_runs = 100, .keep_since_us = f->clock.now_us - DAY_US / 2};
    pass_run(f, store, "orders_3", "orders", RV_RUN_FAILED, &day);
    assert_remembered(f, "orders_1", false);
    assert_remembered(f, "orders_2", true);
    assert_remembered(f, "orders_3", true);
    assert_int_equal(rows_of(f, "journal", "refused"), 0);
    assert_int_equal(rows_of(f, "journal", "refused_lately"), 1);
    rv_state_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_store(a_started_run_is_found_with_its_plan),
        test_with_store(what_is_running_is_listed_by_name),
        test_with_store(a_second_run_of_an_export_is_refused_by_name),
        test_with_store(a_dead_owners_run_says_how_to_continue_it),
        test_with_store(a_start_that_fails_halfway_records_nothing),
        test_with_store(chunks_are_claimed_lowest_first_and_once),
        test_with_store(bounds_survive_at_both_ends_of_their_type),
        test_with_store(a_part_comes_back_as_it_was_recorded),
        test_with_store(parts_are_listed_in_the_order_of_the_rows),
        test_with_store(a_chunk_is_completed_once_and_only_by_its_reader),
        test_with_store(two_parts_of_one_name_are_refused_with_their_chunk),
        test_with_store(a_success_moves_the_export_and_ends_the_lease),
        test_with_store(a_success_with_a_missing_chunk_is_refused),
        test_with_store(whatever_is_not_a_success_leaves_cursor_and_schema_alone),
        test_with_store(a_full_run_does_not_reset_the_cursor),
        test_with_store(the_schema_is_recorded_when_it_changes),
        test_with_store(old_runs_are_forgotten_but_not_the_newest_success),
        test_with_store(runs_and_events_of_long_ago_are_forgotten),
    };
    return run_state_tests("state/run", tests);
}
