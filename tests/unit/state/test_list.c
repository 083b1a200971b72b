#include "support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static rv_code see_run(void *context, const rv_run_row *row, rv_error *err)
{
    (void)err;
    see(context, row->plan.run_id);
    return RV_OK;
}

static rv_code see_event(void *context, const rv_journal_row *row, rv_error *err)
{
    (void)err;
    char text[64];
    snprintf(text, sizeof text, "%s/%s", row->run_id, row->event);
    see(context, text);
    return RV_OK;
}

static void runs_are_listed_newest_first_by_export_and_limit(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    const rv_run_result result = result_of("b_2", RV_RUN_FAILED);
    start_run(f, store, "a_1", "a", &f->self);
    f->clock.now_us += 1000;
    start_run(f, store, "b_2", "b", &f->self);
    assert_int_equal(rv_state_finish_run(store, &result, &f->self, NULL), RV_OK);
    f->clock.now_us += 1000;
    start_run(f, store, "b_3", "b", &f->self);
    seen all = {0}, one = {0}, two = {0}, none = {0};
    assert_int_equal(rv_state_list_runs(store, NULL, 0, see_run, &all, NULL), RV_OK);
    ASSERT_SEEN(&all, "b_3", "b_2", "a_1");
    assert_int_equal(rv_state_list_runs(store, "b", -1, see_run, &one, NULL), RV_OK);
    ASSERT_SEEN(&one, "b_3", "b_2");
    assert_int_equal(rv_state_list_runs(store, NULL, 2, see_run, &two, NULL), RV_OK);
    ASSERT_SEEN(&two, "b_3", "b_2");
    assert_int_equal(rv_state_list_runs(store, "c", 0, see_run, &none, NULL), RV_OK);
    assert_int_equal(none.n, 0);
}

static rv_code check_failed_run(void *context, const rv_run_row *row, rv_error *err)
{
    (void)err;
    const rv_run_result *expected = context;
    assert_string_equal(row->result.run_id, expected->run_id);
    assert_int_equal(row->result.status, expected->status);
    assert_int_equal(row->result.finished_us, expected->finished_us);
    assert_int_equal(row->result.duration_ms, expected->duration_ms);
    assert_int_equal(row->result.rows, expected->rows);
    assert_int_equal(row->result.files, expected->files);
    assert_int_equal(row->result.bytes, expected->bytes);
    assert_int_equal(row->result.wire_bytes, expected->wire_bytes);
    assert_int_equal(row->result.peak_rss_bytes, expected->peak_rss_bytes);
    assert_int_equal(row->result.statements, expected->statements);
    assert_int_equal(row->result.longest_statement_ms, expected->longest_statement_ms);
    assert_int_equal(row->result.retries, expected->retries);
    assert_int_equal(row->result.code, expected->code);
    assert_string_equal(row->result.error_message, expected->error_message);
    assert_null(row->result.detail_json);
    return RV_OK;
}

static void a_failed_run_reports_what_it_had_done(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    rv_run_result result = result_of("orders_1", RV_RUN_FAILED);
    assert_int_equal(rv_state_finish_run(store, &result, &f->self, NULL), RV_OK);
    assert_int_equal(rv_state_list_runs(store, NULL, 0, check_failed_run, &result, NULL), RV_OK);
}

static rv_code check_cursor(void *context, const rv_cursor_row *row, rv_error *err)
{
    (void)err;
    ++*(int *)context;
    assert_string_equal(row->export_name, "orders");
    assert_string_equal(row->last_run_id, "orders_1");
    assert_string_equal(row->last_status, "success");
    assert_null(row->cursor_value);
    assert_int_equal(row->last_run_us, T0_US + 5000000);
    assert_int_equal(row->rows, 30);
    return RV_OK;
}

static void an_export_without_cursor_is_listed_without_one(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    succeed(f, store, "orders_1", "[1]");
    int n = 0;
    assert_int_equal(rv_state_list_cursors(store, check_cursor, &n, NULL), RV_OK);
    assert_int_equal(n, 1);
}

static void journals_are_listed_oldest_event_first(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    static const char *const events[][3] = {
        {"a_1", "a", "PlanResolved"}, {"b_1", "b", "PlanResolved"}, {"a_1", "a", "RunCompleted"},
        {"a_2", "a", "PlanResolved"}, {"b_1", "b", "RunCompleted"},
    };
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        assert_int_equal(rv_state_journal(store, events[i][0], events[i][1], events[i][2], NULL, NULL),
                         RV_OK);
    seen one = {0}, export_a = {0}, newest = {0}, newest_of_all = {0};
    assert_int_equal(rv_state_list_journal(store, NULL, "a_1", 1, see_event, &one, NULL), RV_OK);
    ASSERT_SEEN(&one, "a_1/PlanResolved", "a_1/RunCompleted");
    assert_int_equal(rv_state_list_journal(store, "a", NULL, 0, see_event, &export_a, NULL), RV_OK);
    ASSERT_SEEN(&export_a, "a_1/PlanResolved", "a_1/RunCompleted", "a_2/PlanResolved");
    assert_int_equal(rv_state_list_journal(store, "a", NULL, 1, see_event, &newest, NULL), RV_OK);
    ASSERT_SEEN(&newest, "a_2/PlanResolved");
    assert_int_equal(rv_state_list_journal(store, NULL, NULL, 2, see_event, &newest_of_all, NULL), RV_OK);
    ASSERT_SEEN(&newest_of_all, "b_1/PlanResolved", "a_2/PlanResolved", "b_1/RunCompleted");
}

static rv_code stop(void *context, const rv_run_row *row, rv_error *err)
{
    (void)row;
    ++*(int *)context;
    return rv_fail(err, RV_E_CANCELLED, "enough");
}

static void a_reader_that_fails_ends_the_listing_with_its_error(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "a_1", "a", &f->self);
    start_run(f, store, "b_1", "b", &f->self);
    int n = 0;
    rv_error err;
    assert_int_equal(rv_state_list_runs(store, NULL, 0, stop, &n, &err), RV_E_CANCELLED);
    assert_int_equal(n, 1);
    assert_string_equal(err.message, "enough");
}

/* ---- several handles ---- */

typedef struct writer {
    fixture *f;
    rv_state *store, *reader;
    int n;
} writer;

static rv_code write_meanwhile(void *context, const rv_run_row *row, rv_error *err)
{
    writer *w = context;
    w->n++;
    RV_TRY(rv_state_heartbeat(w->store, row->plan.run_id, &w->f->self, LEASE_MS, err));
    seen nested = {0};
    return rv_state_list_runs(w->reader, NULL, 0, see_run, &nested, err);
}

static void a_slow_reader_of_a_listing_never_stops_a_writer(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "a_1", "a", &f->self);
    start_run(f, store, "b_1", "b", &f->self);
    RV_AUTO(rv_state_close) rv_state *reader = open_store(f, RV_STATE_READ);
    writer w = {.f = f, .store = store, .reader = reader};
    assert_int_equal(rv_state_list_runs(reader, NULL, 0, write_meanwhile, &w, NULL), RV_OK);
    assert_int_equal(w.n, 2);
}

static void a_store_that_stays_locked_is_busy(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *holder = open_store(f, RV_STATE_WRITE);
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "a_1", "a", &f->self);
    assert_int_equal(holder->ops->begin(holder, NULL), RV_OK);
    assert_int_equal(rvi_hold_lease(holder, "a_1", &f->self, NULL), RV_OK);
    rv_error err;
    assert_int_equal(rv_state_heartbeat(store, "a_1", &f->self, LEASE_MS, &err), RV_E_STATE_BUSY);
    assert_int_equal(err.retry, RV_RETRY_BACKOFF);
    assert_non_null(strstr(err.hint, "another process"));
    holder->ops->rollback(holder);
    assert_int_equal(rv_state_heartbeat(store, "a_1", &f->self, LEASE_MS, &err), RV_OK);
}

static void statuses_have_the_names_of_the_contract(void **state)
{
    (void)state;
    assert_string_equal(rv_run_status_name(RV_RUN_RUNNING), "running");
    assert_string_equal(rv_run_status_name(RV_RUN_SUCCEEDED), "success");
    assert_string_equal(rv_run_status_name(RV_RUN_FAILED), "failed");
    assert_string_equal(rv_run_status_name(RV_RUN_SKIPPED), "skipped");
    assert_string_equal(rv_run_status_name(RV_RUN_INTERRUPTED), "interrupted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_store(runs_are_listed_newest_first_by_export_and_limit),
        test_with_store(a_failed_run_reports_what_it_had_done),
        test_with_store(an_export_without_cursor_is_listed_without_one),
        test_with_store(journals_are_listed_oldest_event_first),
        test_with_store(a_reader_that_fails_ends_the_listing_with_its_error),
        test_with_store(a_slow_reader_of_a_listing_never_stops_a_writer),
        test_with_store(a_store_that_stays_locked_is_busy),
        cmocka_unit_test(statuses_have_the_names_of_the_contract),
    };
    return run_state_tests("state/list", tests);
}
