/* Who reads a chunk, and whose reading counts. */
#include "support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static rv_chunk claim(rv_state *store, const rv_owner *owner)
{
    rv_chunk chunk = {0};
    bool found = false;
    rv_error err = {0};
    if (claim_chunk(store, "orders_1", owner, &chunk, &found, &err) != RV_OK)
        fail_msg("%s", err.message);
    assert_true(found);
    return chunk;
}

static rv_code complete(rv_state *store, const rv_owner *owner, const rv_chunk *chunk, rv_error *err)
{
    char name[32];
    snprintf(name, sizeof name, "chunk%d_%d", (int)chunk->index, (int)chunk->claim);
    const rv_part part = part_of(chunk->index, name, 10);
    return complete_chunk(store, "orders_1", owner, chunk, 10, &part, 1, err);
}

static void a_process_that_joins_reads_what_the_owner_does_not(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    const rv_chunk first = claim(store, &f->self), second = claim(store, &f->foreign);
    assert_int_equal(first.index, 0);
    assert_int_equal(second.index, 1);
    assert_int_equal(complete(store, &f->foreign, &second, NULL), RV_OK);
    assert_int_equal(complete(store, &f->self, &first, NULL), RV_OK);
    assert_int_equal(ask(f, "SELECT count(*) FROM parts"), 2);
}

static void open_chunks_are_counted_with_those_that_others_read(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    assert_int_equal(rv_arena_new(&arena, 1 << 20, NULL), RV_OK);
    start_run(f, store, "orders_1", "orders", &f->self);
    const rv_chunk first = claim(store, &f->foreign);
    assert_int_equal(complete(store, &f->foreign, &first, NULL), RV_OK);
    (void)claim(store, &f->foreign);
    (void)claim(store, &f->foreign);
    rv_chunk chunk;
    bool found = true;
    int64_t n_open = 0;
    assert_int_equal(
        rv_state_claim_chunk(store, "orders_1", &f->self, LEASE_MS, arena, &chunk, &found, &n_open, NULL),
        RV_OK);
    assert_false(found);
    assert_int_equal(n_open, 2);
}

static void a_dead_readers_chunk_is_the_next_to_be_read(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    const rv_chunk lost = claim(store, &f->dead);
    const rv_chunk again = claim(store, &f->self);
    assert_int_equal(again.index, lost.index);
    assert_int_equal(again.attempts, 2);
    rv_error err;
    assert_int_equal(complete(store, &f->dead, &lost, &err), RV_E_RUN_LEASE_LOST);
    assert_int_equal(complete(store, &f->self, &again, NULL), RV_OK);
}

static void a_chunk_of_another_machine_is_free_when_its_lease_has_ended(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    (void)claim(store, &f->foreign);
    f->clock.now_us += LEASE_MS * INT64_C(1000) - 1;
    assert_int_equal(rv_state_heartbeat_chunks(store, "orders_1", &f->foreign, LEASE_MS, 1, NULL), RV_OK);
    f->clock.now_us += LEASE_MS * INT64_C(1000) - 1;
    assert_int_equal(claim(store, &f->self).index, 1);
    f->clock.now_us += 1;
    assert_int_equal(claim(store, &f->self).index, 0);
    rv_error err;
    assert_int_equal(rv_state_heartbeat_chunks(store, "orders_1", &f->foreign, LEASE_MS, 1, &err),
                     RV_E_RUN_LEASE_LOST);
    assert_non_null(strstr(err.message, "1 of the 1 chunks"));
}

static void a_take_over_leaves_the_chunks_of_living_readers_alone(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->dead);
    const rv_chunk joined = claim(store, &f->foreign), lost = claim(store, &f->dead);
    assert_int_equal(rv_state_take_over(store, "orders_1", &f->self, LEASE_MS, NULL), RV_OK);
    assert_int_equal(claim(store, &f->self).index, lost.index);
    assert_int_equal(complete(store, &f->foreign, &joined, NULL), RV_OK);
}

static void a_chunk_that_was_lost_and_claimed_again_is_not_completed_by_the_older_claim(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    const rv_chunk older = claim(store, &f->foreign);
    rv_chunk chunks[N_CHUNKS];
    make_chunks(chunks);
    const rv_run_plan plan = plan_of("orders_1", "orders");
    assert_int_equal(rv_state_replan_run(store, &plan, chunks, N_CHUNKS, &f->self, NULL), RV_OK);
    const rv_chunk newer = claim(store, &f->foreign);
    assert_int_equal(newer.index, older.index);
    assert_true(newer.claim > older.claim);
    rv_error err;
    assert_int_equal(complete(store, &f->foreign, &older, &err), RV_E_RUN_LEASE_LOST);
    assert_int_equal(rv_state_heartbeat_chunks(store, "orders_1", &f->foreign, LEASE_MS, 2, &err),
                     RV_E_RUN_LEASE_LOST);
    assert_int_equal(complete(store, &f->foreign, &newer, NULL), RV_OK);
}

typedef struct chunk_seen {
    seen all;
    char last_error[64];
} chunk_seen;

static rv_code see_chunk(void *context, const rv_chunk_row *row, rv_error *err)
{
    (void)err;
    chunk_seen *got = context;
    char text[64];
    snprintf(text, sizeof text, "%s %d %s %d %d", row->export_name, (int)row->chunk.index,
             rv_chunk_status_name(row->chunk.status), (int)row->chunk.attempts, row->owner.text[0] != '\0');
    see(&got->all, text);
    if (row->last_error)
        snprintf(got->last_error, sizeof got->last_error, "%s", row->last_error);
    return RV_OK;
}

static void a_released_chunk_is_pending_and_says_why(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    (void)claim(store, &f->self);
    const rv_chunk kept = claim(store, &f->foreign);
    /* cut in the middle of a character, as a long message is */
    assert_int_equal(rv_state_release_chunk(store, "orders_1", &f->self, 0, "lost at caf\xc3", NULL), RV_OK);
    chunk_seen got = {.last_error = ""};
    assert_int_equal(rv_state_list_chunks(store, "orders_1", see_chunk, &got, NULL), RV_OK);
    ASSERT_SEEN(&got.all, "orders 0 pending 1 0", "orders 1 running 1 1", "orders 2 pending 0 0");
    assert_string_equal(got.last_error, "lost at caf?");
    assert_int_equal(rv_state_release_chunk(store, "orders_1", &f->self, kept.index, NULL, NULL),
                     RV_E_RUN_LEASE_LOST);
    assert_int_equal(claim(store, &f->self).index, 0);
}

static void nothing_is_claimed_of_a_run_that_is_over(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    const rv_chunk joined = claim(store, &f->foreign);
    const rv_run_result result = result_of("orders_1", RV_RUN_FAILED);
    assert_int_equal(rv_state_finish_run(store, &result, &f->self, NULL), RV_OK);
    rv_chunk chunk;
    bool found;
    rv_error err;
    assert_int_equal(claim_chunk(store, "orders_1", &f->foreign, &chunk, &found, &err), RV_E_RUN_LEASE_LOST);
    assert_non_null(strstr(err.message, "failed"));
    assert_int_equal(complete(store, &f->foreign, &joined, NULL), RV_E_RUN_LEASE_LOST);
    assert_int_equal(rv_state_heartbeat_chunks(store, "orders_1", &f->foreign, LEASE_MS, 0, NULL),
                     RV_E_RUN_LEASE_LOST);
    assert_int_equal(claim_chunk(store, "no_such_run", &f->foreign, &chunk, &found, NULL),
                     RV_E_RUN_LEASE_LOST);
    assert_int_equal(ask(f, "SELECT count(*) FROM chunks WHERE status = 'running'"), 0);
}

static void a_run_that_is_handed_back_leaves_no_chunk_to_its_former_owner(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    (void)claim(store, &f->self);
    const rv_chunk joined = claim(store, &f->foreign);
    assert_int_equal(rv_state_hand_back(store, "orders_1", &f->self, NULL), RV_OK);
    assert_int_equal(ask(f, "SELECT count(*) FROM chunks WHERE status = 'pending'"), 2);
    assert_int_equal(complete(store, &f->foreign, &joined, NULL), RV_OK);
}

static void bounds_that_cannot_be_read_name_their_chunk_and_change_nothing(void **state)
{
    static const char *const broken[] = {
        "{}",
        "{\"kind\":\"odd\"}",
        "{\"kind\":\"physical\",\"first\":1}",
        "[1,2]",
        "{\"kind\":\"physical\",\"first\":0,\"last\":9",
        "{\"kind\":\"key\",\"key\":[]}",
        "no json at all",
    };
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    (void)claim(store, &f->self);
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        char sql[256];
        snprintf(sql, sizeof sql, "UPDATE chunks SET bounds = '%s' WHERE chunk_index = 1", broken[i]);
        tell(f, sql);
        rv_chunk chunk;
        bool found;
        rv_error err;
        assert_int_equal(claim_chunk(store, "orders_1", &f->self, &chunk, &found, &err), RV_E_STATE_CORRUPT);
        assert_non_null(strstr(err.message, "chunk 1 of run 'orders_1'"));
        assert_non_null(strstr(err.hint, "reset-chunks"));
        chunk_seen got = {.last_error = ""};
        assert_int_equal(rv_state_list_chunks(store, "orders_1", see_chunk, &got, &err), RV_E_STATE_CORRUPT);
        assert_int_equal(ask(f, "SELECT count(*) FROM chunks WHERE chunk_index = 1 AND status = 'pending'"
                                " AND attempts = 0"),
                         1);
    }
}

static void bounds_of_every_kind_come_back_as_they_were_planned(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    const rv_key key = {.n_columns = 2, .columns = {"updated \"at\"", "id"}, .descending = {false, true}};
    const rv_history history = {.until = "771", .since = "700", .late_from = {1, {"2026-01-01"}}};
    const rv_range range = {.key = &key,
                            .lo = {2, {"2026-01-02 00:00:00.000001+00", "9223372036854775807"}},
                            .hi = {1, {"it's \xe2\x82\xac"}},
                            .hi_inclusive = true,
                            .history = &history};
    const rv_chunk chunks[] = {{.index = 0,
                                .bounds = {.kind = RV_BOUNDS_KEY,
                                           .key = &key,
                                           .ranges = {&range},
                                           .n_ranges = 1,
                                           .leaf_schema = "public",
                                           .leaf_table = "orders_2026"}}};
    const rv_run_plan plan = plan_of("orders_1", "orders");
    assert_int_equal(rv_state_start_run(store, &plan, chunks, 1, &f->self, LEASE_MS, NULL), RV_OK);
    const rv_chunk got = claim(store, &f->self);
    assert_int_equal(got.bounds.kind, RV_BOUNDS_KEY);
    assert_string_equal(got.bounds.key->columns[0], key.columns[0]);
    assert_true(got.bounds.key->descending[1]);
    assert_int_equal(got.bounds.n_ranges, 1);
    assert_true(rv_key_value_equal(&got.bounds.ranges[0]->lo, &range.lo));
    assert_true(rv_key_value_equal(&got.bounds.ranges[0]->hi, &range.hi));
    assert_true(got.bounds.ranges[0]->hi_inclusive && !got.bounds.ranges[0]->lo_inclusive);
    assert_string_equal(got.bounds.ranges[0]->history->until, "771");
    assert_string_equal(got.bounds.leaf_table, "orders_2026");
}

static void the_epoch_of_a_chunk_is_recorded(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    rv_chunk chunk = claim(store, &f->self);
    chunk.epoch = 3;
    assert_int_equal(complete(store, &f->self, &chunk, NULL), RV_OK);
    assert_int_equal(ask(f, "SELECT epoch FROM chunks WHERE chunk_index = 0"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_store(a_process_that_joins_reads_what_the_owner_does_not),
        test_with_store(open_chunks_are_counted_with_those_that_others_read),
        test_with_store(a_dead_readers_chunk_is_the_next_to_be_read),
        test_with_store(a_chunk_of_another_machine_is_free_when_its_lease_has_ended),
        test_with_store(a_take_over_leaves_the_chunks_of_living_readers_alone),
        test_with_store(a_chunk_that_was_lost_and_claimed_again_is_not_completed_by_the_older_claim),
        test_with_store(a_released_chunk_is_pending_and_says_why),
        test_with_store(nothing_is_claimed_of_a_run_that_is_over),
        test_with_store(a_run_that_is_handed_back_leaves_no_chunk_to_its_former_owner),
        test_with_store(bounds_that_cannot_be_read_name_their_chunk_and_change_nothing),
        test_with_store(bounds_of_every_kind_come_back_as_they_were_planned),
        test_with_store(the_epoch_of_a_chunk_is_recorded),
    };
    return run_state_tests("state/claim", tests);
}
