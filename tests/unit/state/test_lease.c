#include "support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void find_open(rv_state *store, const char *export_name, rv_arena *arena, rv_open_run *out)
{
    assert_int_equal(rv_state_find_open_run(store, export_name, arena, out, NULL), RV_OK);
}

static void a_dead_owners_run_goes_on_with_what_it_completed(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    assert_int_equal(rv_arena_new(&arena, 1 << 20, NULL), RV_OK);
    start_run(f, store, "orders_1", "orders", &f->dead);
    rv_chunk chunk;
    bool found;
    const rv_part part = part_of(0, "p", 10);
    assert_int_equal(claim_chunk(store, "orders_1", &f->dead, &chunk, &found, NULL), RV_OK);
    assert_int_equal(complete_chunk(store, "orders_1", &f->dead, &chunk, 10, &part, 1, NULL), RV_OK);
    assert_int_equal(claim_chunk(store, "orders_1", &f->dead, &chunk, &found, NULL), RV_OK);

    rv_open_run open;
    find_open(store, "orders", arena, &open);
    assert_false(open.owner_alive);
    assert_int_equal(open.n_completed, 1);
    assert_int_equal(rv_state_take_over(store, "orders_1", &f->self, LEASE_MS, NULL), RV_OK);
    assert_int_equal(claim_chunk(store, "orders_1", &f->self, &chunk, &found, NULL), RV_OK);
    assert_true(found);
    assert_int_equal(chunk.index, 1);
    assert_int_equal(chunk.attempts, 2);
    find_open(store, "orders", arena, &open);
    assert_true(open.owner_alive);
}

static void a_living_owner_keeps_its_run(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    f->clock.now_us += 1000 * LEASE_MS * INT64_C(1000); /* asleep for long, but there */
    rv_error err;
    assert_int_equal(rv_state_take_over(store, "orders_1", &f->dead, LEASE_MS, &err), RV_E_RUN_LEASE_HELD);
    assert_int_equal(rv_state_take_over(store, "orders_1", &f->self, LEASE_MS, &err), RV_E_RUN_LEASE_HELD);
    assert_int_equal(rv_state_heartbeat(store, "orders_1", &f->self, LEASE_MS, &err), RV_OK);
}

static void a_lease_of_another_machine_ends_unless_it_is_renewed(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->foreign);
    f->clock.now_us += LEASE_MS * INT64_C(1000) - 1;
    assert_int_equal(rv_state_take_over(store, "orders_1", &f->self, LEASE_MS, NULL), RV_E_RUN_LEASE_HELD);
    assert_int_equal(rv_state_heartbeat(store, "orders_1", &f->foreign, LEASE_MS, NULL), RV_OK);
    f->clock.now_us += LEASE_MS * INT64_C(1000) - 1;
    assert_int_equal(rv_state_take_over(store, "orders_1", &f->self, LEASE_MS, NULL), RV_E_RUN_LEASE_HELD);
    f->clock.now_us += 1;
    assert_int_equal(rv_state_take_over(store, "orders_1", &f->self, LEASE_MS, NULL), RV_OK);
    assert_int_equal(rv_state_heartbeat(store, "orders_1", &f->foreign, LEASE_MS, NULL), RV_E_RUN_LEASE_LOST);
}

static void a_lease_may_last_until_the_end_of_time(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->foreign);
    assert_int_equal(rv_state_heartbeat(store, "orders_1", &f->foreign, INT64_MAX, NULL), RV_OK);
    rv_error err;
    assert_int_equal(rv_state_take_over(store, "orders_1", &f->self, LEASE_MS, &err), RV_E_RUN_LEASE_HELD);
}

static void who_lost_a_run_cannot_change_it(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->dead);
    rv_chunk lost, chunk;
    bool found;
    assert_int_equal(claim_chunk(store, "orders_1", &f->dead, &lost, &found, NULL), RV_OK);
    assert_int_equal(rv_state_take_over(store, "orders_1", &f->self, LEASE_MS, NULL), RV_OK);
    assert_int_equal(claim_chunk(store, "orders_1", &f->self, &chunk, &found, NULL), RV_OK);

    const rv_part part = part_of(0, "p", 10);
    const rv_run_plan plan = plan_of("orders_1", "orders");
    const rv_run_result result = result_of("orders_1", RV_RUN_FAILED);
    rv_error err;
    assert_int_equal(complete_chunk(store, "orders_1", &f->dead, &lost, 10, &part, 1, &err),
                     RV_E_RUN_LEASE_LOST);
    assert_non_null(strstr(err.message, "running by process"));
    assert_int_equal(rv_state_heartbeat(store, "orders_1", &f->dead, LEASE_MS, &err), RV_E_RUN_LEASE_LOST);
    assert_non_null(strstr(err.message, "taken over by process"));
    assert_int_equal(rv_state_replan_run(store, &plan, NULL, 0, &f->dead, &err), RV_E_RUN_LEASE_LOST);
    assert_int_equal(rv_state_finish_run(store, &result, &f->dead, &err), RV_E_RUN_LEASE_LOST);
    assert_int_equal(ask(f, "SELECT count(*) FROM runs WHERE status = 'running'"), 1);
    assert_int_equal(ask(f, "SELECT count(*) FROM chunks"), N_CHUNKS);
    assert_int_equal(complete_chunk(store, "orders_1", &f->self, &chunk, 10, &part, 1, &err), RV_OK);
}

static void a_run_that_is_handed_back_is_anybodys_though_its_owner_lives(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    assert_int_equal(rv_state_hand_back(store, "orders_1", &f->dead, NULL), RV_E_RUN_LEASE_LOST);
    assert_int_equal(rv_state_hand_back(store, "orders_1", &f->self, NULL), RV_OK);
    rv_error err;
    assert_int_equal(rv_state_heartbeat(store, "orders_1", &f->self, LEASE_MS, &err), RV_E_RUN_LEASE_LOST);
    assert_non_null(strstr(err.message, "handed back"));
    const rv_run_plan plan = plan_of("orders_2", "orders");
    assert_int_equal(rv_state_start_run(store, &plan, NULL, 0, &f->self, LEASE_MS, &err),
                     RV_E_RUN_LEASE_HELD);
    assert_non_null(strstr(err.message, "nobody"));
    assert_non_null(strstr(err.hint, "continue"));
    assert_int_equal(rv_state_take_over(store, "orders_1", &f->self, LEASE_MS, NULL), RV_OK);
    assert_int_equal(read_chunks(store, "orders_1", &f->self), N_CHUNKS);
}

static void an_ended_run_is_nobodys(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->dead);
    const rv_run_result result = result_of("orders_1", RV_RUN_INTERRUPTED);
    assert_int_equal(rv_state_take_over(store, "orders_1", &f->self, LEASE_MS, NULL), RV_OK);
    assert_int_equal(rv_state_finish_run(store, &result, &f->self, NULL), RV_OK);
    rv_error err;
    assert_int_equal(rv_state_finish_run(store, &result, &f->self, &err), RV_E_RUN_LEASE_LOST);
    assert_non_null(strstr(err.message, "interrupted"));
    assert_int_equal(rv_state_take_over(store, "orders_1", &f->self, LEASE_MS, &err), RV_E_RUN_LEASE_HELD);
    assert_int_equal(rv_state_take_over(store, "no_such_run", &f->self, LEASE_MS, &err), RV_E_RUN_LEASE_HELD);
    assert_int_equal(rv_state_heartbeat(store, "no_such_run", &f->self, LEASE_MS, &err), RV_E_RUN_LEASE_LOST);
    start_run(f, store, "orders_2", "orders", &f->self);
}

static void a_replanned_run_keeps_its_name_and_nothing_it_read(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    assert_int_equal(rv_arena_new(&arena, 1 << 20, NULL), RV_OK);
    start_run(f, store, "orders_1", "orders", &f->self);
    assert_int_equal(read_chunks(store, "orders_1", &f->self), N_CHUNKS);
    rv_run_plan plan = plan_of("orders_1", "orders");
    plan.plan_fingerprint = "xxh3:00000000000000bb";
    plan.strategy = "stream";
    const rv_chunk all = {.index = 0, .bounds = {.kind = RV_BOUNDS_ALL}};
    assert_int_equal(rv_state_replan_run(store, &plan, &all, 1, &f->self, NULL), RV_OK);
    assert_int_equal(ask(f, "SELECT count(*) FROM parts"), 0);
    rv_open_run open;
    find_open(store, "orders", arena, &open);
    assert_string_equal(open.plan.strategy, "stream");
    assert_string_equal(open.plan.plan_fingerprint, "xxh3:00000000000000bb");
    assert_int_equal(open.n_chunks, 1);
    assert_int_equal(open.n_completed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_store(a_dead_owners_run_goes_on_with_what_it_completed),
        test_with_store(a_living_owner_keeps_its_run),
        test_with_store(a_lease_of_another_machine_ends_unless_it_is_renewed),
        test_with_store(a_lease_may_last_until_the_end_of_time),
        test_with_store(who_lost_a_run_cannot_change_it),
        test_with_store(a_run_that_is_handed_back_is_anybodys_though_its_owner_lives),
        test_with_store(an_ended_run_is_nobodys),
        test_with_store(a_replanned_run_keeps_its_name_and_nothing_it_read),
    };
    return run_state_tests("state/lease", tests);
}
