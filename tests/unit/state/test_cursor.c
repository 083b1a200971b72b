/* What a success leaves for the next run, how it is forgotten, and how an open run is found or given up. */
#include "support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const rv_cursor cursor_a = {.columns = "updated_at, id",
                                   .type = "timestamp_tz, int64",
                                   .value = "[\"2026-11-21 09:29:59.123456+00\",\"42\"]",
                                   .mark = "771"};

/* A whole run of "orders" that ends so. */
static void finish(fixture *f, rv_state *store, const char *run_id, rv_run_status status,
                   const rv_cursor *cursor, const char *shapes_json)
{
    start_run(f, store, run_id, "orders", &f->self);
    assert_int_equal(read_chunks(store, run_id, &f->self), N_CHUNKS);
    rv_run_result result = result_of(run_id, status);
    result.cursor = cursor;
    result.shapes_json = shapes_json;
    assert_int_equal(rv_state_finish_run(store, &result, &f->self, NULL), RV_OK);
}

static rv_export_memory recall(rv_state *store, const char *export_name, rv_arena **arena)
{
    rv_export_memory memory = {0};
    rv_arena_free(*arena);
    *arena = NULL;
    assert_int_equal(rv_arena_new(arena, 1 << 20, NULL), RV_OK);
    assert_int_equal(rv_state_recall(store, export_name, *arena, &memory, NULL), RV_OK);
    return memory;
}

static void an_export_that_never_succeeded_is_not_known(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    finish(f, store, "orders_1", RV_RUN_FAILED, &cursor_a, "{}");
    const rv_export_memory memory = recall(store, "orders", &arena);
    assert_false(memory.has_cursor);
    assert_null(memory.last_run_id);
    assert_null(memory.schema_json);
    assert_null(memory.shapes_json);
}

static void a_success_leaves_cursor_shapes_and_schema(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    finish(f, store, "orders_1", RV_RUN_SUCCEEDED, &cursor_a, "{\"name\":17}");
    rv_export_memory memory = recall(store, "orders", &arena);
    assert_true(memory.has_cursor);
    assert_string_equal(memory.cursor.columns, cursor_a.columns);
    assert_string_equal(memory.cursor.type, cursor_a.type);
    assert_string_equal(memory.cursor.value, cursor_a.value);
    assert_string_equal(memory.cursor.mark, cursor_a.mark);
    assert_string_equal(memory.last_run_id, "orders_1");
    assert_string_equal(memory.shapes_json, "{\"name\":17}");
    assert_string_equal(memory.schema_json, plan_of("", "").schema_json);

    rv_cursor next = cursor_a;
    next.value = "[\"2026-11-22\",\"7\"]";
    next.mark = NULL;
    finish(f, store, "orders_2", RV_RUN_SUCCEEDED, &next, NULL);
    memory = recall(store, "orders", &arena);
    assert_string_equal(memory.cursor.value, next.value);
    assert_null(memory.cursor.mark);
    assert_string_equal(memory.shapes_json, "{\"name\":17}");
    assert_string_equal(memory.last_run_id, "orders_2");
}

static void what_fails_moves_no_cursor_and_no_shape(void **state)
{
    static const rv_run_status statuses[] = {RV_RUN_FAILED, RV_RUN_SKIPPED, RV_RUN_INTERRUPTED};
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    finish(f, store, "orders_1", RV_RUN_SUCCEEDED, &cursor_a, "{\"name\":17}");
    rv_cursor next = cursor_a;
    next.value = "[\"2027-01-01\",\"7\"]";
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        char run_id[32];
        snprintf(run_id, sizeof run_id, "orders_%zu", i + 2);
        finish(f, store, run_id, statuses[i], &next, "{\"name\":99}");
        const rv_export_memory memory = recall(store, "orders", &arena);
        assert_string_equal(memory.cursor.value, cursor_a.value);
        assert_string_equal(memory.shapes_json, "{\"name\":17}");
        assert_string_equal(memory.last_run_id, "orders_1");
    }
}

static void a_run_without_a_cursor_leaves_the_older_one(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    finish(f, store, "orders_1", RV_RUN_SUCCEEDED, &cursor_a, NULL);
    finish(f, store, "orders_2", RV_RUN_SUCCEEDED, NULL, NULL);
    const rv_export_memory memory = recall(store, "orders", &arena);
    assert_true(memory.has_cursor);
    assert_string_equal(memory.cursor.value, cursor_a.value);
    assert_string_equal(memory.last_run_id, "orders_2");
}

enum { DIGESTS_BYTES = 256 };

static rv_code note_digests(void *context, const void *bytes, size_t len, rv_error *err)
{
    char *text = context;
    size_t at = strlen(text);
    (void)err;
    (void)snprintf(text + at, DIGESTS_BYTES - at, "%.*s ", (int)len, (const char *)bytes);
    return RV_OK;
}

static void assert_digests(rv_state *store, const char *expected)
{
    char text[DIGESTS_BYTES] = "";
    assert_int_equal(rv_state_list_seen(store, "orders", note_digests, text, NULL), RV_OK);
    assert_string_equal(text, expected);
}

/* A run whose chunks each record `seen`. */
static void leave_digests(fixture *f, rv_state *store, const char *run_id, const char *text,
                          rv_run_status status, const rv_cursor *cursor)
{
    rv_arena *arena = NULL;
    bool found = false;
    int64_t n_open = 0;
    start_run(f, store, run_id, "orders", &f->self);
    assert_int_equal(rv_arena_new(&arena, 1 << 20, NULL), RV_OK);
    for (;;) {
        rv_chunk chunk;
        assert_int_equal(
            rv_state_claim_chunk(store, run_id, &f->self, 60000, arena, &chunk, &found, &n_open, NULL),
            RV_OK);
        if (!found)
            break;
        chunk.seen = text;
        chunk.seen_bytes = strlen(text);
        const rv_chunk_yield nothing = {0};
        assert_int_equal(rv_state_complete_chunk(store, run_id, &f->self, &chunk, &nothing, NULL), RV_OK);
    }
    rv_arena_free(arena);
    rv_run_result result = result_of(run_id, status);
    result.cursor = cursor;
    assert_int_equal(rv_state_finish_run(store, &result, &f->self, NULL), RV_OK);
}

static void digests_of_rows_are_those_of_the_run_that_left_the_cursor(void **state)
{
    fixture *f = *state;
    bool found = false;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    assert_digests(store, "");
    leave_digests(f, store, "orders_1", "one", RV_RUN_SUCCEEDED, &cursor_a);
    assert_digests(store, "one one one ");
    leave_digests(f, store, "orders_2", "failed", RV_RUN_FAILED, &cursor_a);
    leave_digests(f, store, "orders_3", "none", RV_RUN_SUCCEEDED, NULL);
    assert_digests(store, "one one one ");
    leave_digests(f, store, "orders_4", "", RV_RUN_SUCCEEDED, &cursor_a);
    assert_digests(store, "");
    leave_digests(f, store, "orders_5", "five", RV_RUN_SUCCEEDED, &cursor_a);
    assert_digests(store, "five five five ");
    assert_int_equal(rv_state_reset_cursor(store, "orders", &found, NULL), RV_OK);
    assert_digests(store, "");
}

static void a_cursor_that_is_reset_is_forgotten_and_nothing_else(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    finish(f, store, "orders_1", RV_RUN_SUCCEEDED, &cursor_a, "{\"name\":17}");
    bool found = false;
    assert_int_equal(rv_state_reset_cursor(store, "orders", &found, NULL), RV_OK);
    assert_true(found);
    const rv_export_memory memory = recall(store, "orders", &arena);
    assert_false(memory.has_cursor);
    assert_string_equal(memory.last_run_id, "orders_1");
    assert_string_equal(memory.shapes_json, "{\"name\":17}");
    assert_int_equal(rv_state_reset_cursor(store, "orders", &found, NULL), RV_OK);
    assert_false(found);
    assert_int_equal(rv_state_reset_cursor(store, "no such export", &found, NULL), RV_OK);
    assert_false(found);
}

static rv_code check_cursor(void *context, const rv_cursor_row *row, rv_error *err)
{
    (void)err;
    ++*(int *)context;
    assert_string_equal(row->mode, "full");
    assert_string_equal(row->strategy, "ctid");
    assert_string_equal(row->cursor_columns, cursor_a.columns);
    assert_string_equal(row->cursor_value, cursor_a.value);
    assert_int_equal(row->n_chunks, N_CHUNKS);
    return RV_OK;
}

static void an_exports_standing_is_listed_with_how_it_was_read(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    finish(f, store, "orders_1", RV_RUN_SUCCEEDED, &cursor_a, NULL);
    int n = 0;
    assert_int_equal(rv_state_list_cursors(store, check_cursor, &n, NULL), RV_OK);
    assert_int_equal(n, 1);
}

/* ---- open runs ---- */

static void a_running_run_is_found_by_its_id(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    assert_int_equal(rv_arena_new(&arena, 1 << 20, NULL), RV_OK);
    rv_run_plan plan = plan_of("orders_1", "orders");
    plan.window_json = "{\"lo\":null}";
    plan.snapshot = true;
    assert_int_equal(rv_state_start_run(store, &plan, NULL, 0, &f->self, LEASE_MS, NULL), RV_OK);
    rv_open_run open;
    assert_int_equal(rv_state_find_run(store, "orders_1", arena, &open, NULL), RV_OK);
    assert_true(open.exists && open.owner_alive);
    assert_string_equal(open.plan.export_name, "orders");
    assert_string_equal(open.plan.config_fingerprint, plan.config_fingerprint);
    assert_string_equal(open.plan.window_json, plan.window_json);
    assert_true(open.plan.snapshot);
    assert_int_equal(rv_state_find_run(store, "orders_2", arena, &open, NULL), RV_OK);
    assert_false(open.exists);

    plan.window_json = NULL;
    plan.snapshot = false;
    plan.config_fingerprint = "other";
    assert_int_equal(rv_state_replan_run(store, &plan, NULL, 0, &f->self, NULL), RV_OK);
    assert_int_equal(rv_state_find_run(store, "orders_1", arena, &open, NULL), RV_OK);
    assert_null(open.plan.window_json);
    assert_false(open.plan.snapshot);
    assert_string_equal(open.plan.config_fingerprint, "other");
    const rv_run_result result = result_of("orders_1", RV_RUN_FAILED);
    assert_int_equal(rv_state_finish_run(store, &result, &f->self, NULL), RV_OK);
    assert_int_equal(rv_state_find_run(store, "orders_1", arena, &open, NULL), RV_OK);
    assert_false(open.exists);
}

/* ---- several events at once ---- */

static rv_code see_event(void *context, const rv_journal_row *row, rv_error *err)
{
    (void)err;
    char text[64];
    snprintf(text, sizeof text, "%s %s %lld", row->event, row->detail_json, (long long)(row->at_us - T0_US));
    see(context, text);
    return RV_OK;
}

static void several_events_are_recorded_in_their_order(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    const rv_journal_row events[] = {
        {.run_id = "a_1", .export_name = "a", .event = "ChunkStarted", .at_us = T0_US - 5},
        {.run_id = "a_1", .export_name = "a", .event = "FileWritten", .detail_json = "{\"rows\":1}"},
        {.run_id = "a_1", .export_name = "a", .event = "ChunkCompleted", .at_us = T0_US + 5},
    };
    assert_int_equal(rv_state_journal_all(store, events, 3, NULL), RV_OK);
    assert_int_equal(rv_state_journal_all(store, NULL, 0, NULL), RV_OK);
    seen all = {0};
    assert_int_equal(rv_state_list_journal(store, "a", NULL, 0, see_event, &all, NULL), RV_OK);
    ASSERT_SEEN(&all, "ChunkStarted {} -5", "FileWritten {\"rows\":1} 0", "ChunkCompleted {} 5");
}

static void a_store_that_is_only_read_takes_nothing(void **state)
{
    fixture *f = *state;
    rv_state_close(open_store(f, RV_STATE_WRITE));
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_READ);
    rv_error err;
    assert_int_equal(rv_state_journal(store, "a_1", "a", "PlanResolved", NULL, &err), RV_E_STATE_UNUSABLE);
    assert_non_null(strstr(err.message, "reading only"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_store(an_export_that_never_succeeded_is_not_known),
        test_with_store(a_success_leaves_cursor_shapes_and_schema),
        test_with_store(what_fails_moves_no_cursor_and_no_shape),
        test_with_store(a_run_without_a_cursor_leaves_the_older_one),
        test_with_store(digests_of_rows_are_those_of_the_run_that_left_the_cursor),
        test_with_store(a_cursor_that_is_reset_is_forgotten_and_nothing_else),
        test_with_store(an_exports_standing_is_listed_with_how_it_was_read),
        test_with_store(a_running_run_is_found_by_its_id),
        test_with_store(several_events_are_recorded_in_their_order),
        test_with_store(a_store_that_is_only_read_takes_nothing),
    };
    return run_state_tests("state/cursor", tests);
}
