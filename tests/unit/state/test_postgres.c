/* What only the PostgreSQL backend has: a server with a clock of its own, connections that break, one schema. */
#include "state/postgres/internal.h"
#include "support.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static rv_code count_run(void *context, const rv_run_row *row, rv_error *err)
{
    (void)row;
    (void)err;
    ++*(int *)context;
    return RV_OK;
}

/* As the product opens it: the server's clock, and patience. */
static rv_state *open_real(fixture *f)
{
    rv_state *store = NULL;
    rv_error err = {0};
    if (rv_state_open(&store, f->path, RV_STATE_WRITE, &f->clock.base, &err) != RV_OK)
        fail_msg("%s", err.message);
    return store;
}

static int cold_start(fixture *f, int gate)
{
    char nothing;
    rv_state *store = NULL;
    rv_error err = {0};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (read(gate, &nothing, 1) != 0)
        return 2;
    if (rv_state_open(&store, f->path, RV_STATE_WRITE, rv_clock_system(), &err) != RV_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    rv_state_close(store);
    return 0;
}

static void sixteen_cold_starts_at_once_all_succeed(void **state)
{
    enum { STARTS = 16 };
    fixture *f = *state;
    int gate[2];
    pid_t children[STARTS];
    assert_int_equal(pipe(gate), 0);
    for (int i = 0; i < STARTS; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            close(gate[1]);
            _exit(cold_start(f, gate[0]));
        }
    }
    close(gate[0]);
    close(gate[1]);
    for (int i = 0; i < STARTS; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(ask(f, "SELECT count(*) FROM schema_version"), RVI_STATE_PG_MIGRATIONS);
}

static void reading_a_store_that_does_not_exist_creates_nothing(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_READ);
    int n = 0;
    assert_int_equal(rv_state_list_runs(store, NULL, 0, count_run, &n, NULL), RV_OK);
    assert_int_equal(n, 0);
    assert_int_equal(ask(f, "SELECT count(*) FROM pg_namespace WHERE nspname = 'rivet'"), 0);
}

static void a_schema_of_another_program_is_left_alone(void **state)
{
    fixture *f = *state;
    tell(f, "CREATE SCHEMA rivet; CREATE TABLE rivet.schema_version (version BIGINT)");
    rv_state *store = NULL;
    rv_error err;
    assert_int_equal(try_open(f, RV_STATE_WRITE, &store, &err), RV_E_STATE_UNUSABLE);
    assert_non_null(strstr(err.message, "another program"));
    assert_int_equal(ask(f, "SELECT count(*) FROM pg_class WHERE relnamespace = 'rivet'::regnamespace"), 1);
}

static void a_newer_store_is_refused(void **state)
{
    fixture *f = *state;
    rv_state_close(open_store(f, RV_STATE_WRITE));
    tell(f, "INSERT INTO schema_version VALUES (99, 0, '9.9')");
    rv_state *store = NULL;
    rv_error err;
    assert_int_equal(try_open(f, RV_STATE_WRITE, &store, &err), RV_E_STATE_NEWER);
    assert_non_null(strstr(err.message, "version 99"));
}

static void a_schema_that_somebody_made_for_us_is_used(void **state)
{
    fixture *f = *state;
    tell(f, "CREATE SCHEMA rivet");
    rv_state_close(open_store(f, RV_STATE_WRITE));
    assert_int_equal(ask(f, "SELECT count(*) FROM schema_version"), RVI_STATE_PG_MIGRATIONS);
}

/* ---- time ---- */

static void leases_are_counted_by_the_servers_clock(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_real(f);
    start_run(f, store, "orders_1", "orders", &f->foreign);
    const int64_t a_year_us = INT64_C(365) * 86400 * 1000000;
    f->clock.now_us += a_year_us; /* this machine's clock went ahead: nobody's lease has ended */
    assert_int_equal(rv_state_take_over(store, "orders_1", &f->self, LEASE_MS, NULL), RV_E_RUN_LEASE_HELD);
    assert_int_equal(ask(f, "SELECT abs(lease_expires_us - 60000000 - extract(epoch FROM clock_timestamp())"
                            " * 1000000) < 30000000 FROM runs"),
                     1);
    tell(f,
         "UPDATE runs SET lease_expires_us = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - 1");
    f->clock.now_us -= 2 * a_year_us; /* or far behind: this one has */
    assert_int_equal(rv_state_take_over(store, "orders_1", &f->self, LEASE_MS, NULL), RV_OK);
}

/* ---- connections that break ---- */

static void cut_connections(fixture *f)
{
    (void)ask(f, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                 " WHERE application_name = 'rivet state' AND datname = current_database()");
    /* gone for sure, not only told to go */
    while (ask(f, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rivet state'"
                  " AND datname = current_database()") > 0)
        ;
}

static void a_connection_that_was_cut_between_two_calls_is_made_anew(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    cut_connections(f);
    assert_int_equal(rv_state_heartbeat(store, "orders_1", &f->self, LEASE_MS, NULL), RV_OK);
    cut_connections(f);
    int n = 0;
    assert_int_equal(rv_state_list_runs(store, NULL, 0, count_run, &n, NULL), RV_OK);
    assert_int_equal(n, 1);
}

static void a_connection_that_was_cut_in_a_transaction_records_nothing(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    for (int before_commit = 0; before_commit <= 1; before_commit++) {
        rv_error err = {0};
        const rvi_args none = {0};
        assert_int_equal(store->ops->begin(store, &err), RV_OK);
        if (before_commit)
            assert_int_equal(rvi_change(store, "DELETE FROM chunks", &none, NULL, &err), RV_OK);
        cut_connections(f);
        const rv_code rc = before_commit ? store->ops->commit(store, &err)
                                         : rvi_change(store, "DELETE FROM chunks", &none, NULL, &err);
        assert_int_equal(rc, RV_E_STATE_BUSY);
        assert_int_equal(err.retry, RV_RETRY_BACKOFF);
        store->ops->rollback(store);
        assert_int_equal(ask(f, "SELECT count(*) FROM chunks"), N_CHUNKS);
        assert_int_equal(rv_state_heartbeat(store, "orders_1", &f->self, LEASE_MS, NULL), RV_OK);
    }
}

/* The server has committed, and the word of it never came: as if the network had failed in that moment. */
static void a_commit_whose_answer_was_lost_is_found_to_have_happened(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    rvi_state_pg *pg = (rvi_state_pg *)store;
    start_run(f, store, "orders_1", "orders", &f->self);
    const rvi_args none = {0};
    PGresult *result = NULL;
    assert_int_equal(store->ops->begin(store, NULL), RV_OK);
    assert_int_equal(rvi_change(store, "DELETE FROM chunks", &none, NULL, NULL), RV_OK);
    assert_int_equal(rvi_state_pg_script(pg, "COMMIT", &result, NULL), RV_OK);
    PQclear(result);
    rvi_state_pg_disconnect(pg);
    assert_int_equal(store->ops->commit(store, NULL), RV_OK);
    assert_int_equal(ask(f, "SELECT count(*) FROM chunks"), 0);
    assert_int_equal(rv_state_heartbeat(store, "orders_1", &f->self, LEASE_MS, NULL), RV_OK);
}

static void a_statement_that_failed_leaves_nothing_of_its_transaction(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_state_close) rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->self);
    const rvi_args none = {0};
    assert_int_equal(store->ops->begin(store, NULL), RV_OK);
    assert_int_equal(rvi_change(store, "DELETE FROM chunks", &none, NULL, NULL), RV_OK);
    assert_int_equal(rvi_change(store, "SELECT 1 / 0", &none, NULL, NULL), RV_E_STATE_UNUSABLE);
    assert_int_equal(store->ops->commit(store, NULL), RV_E_INTERNAL);
    store->ops->rollback(store);
    assert_int_equal(ask(f, "SELECT count(*) FROM chunks"), N_CHUNKS);
}

/* ---- URLs ---- */

static void assert_refused(const char *url, rv_code code, const char *in_hint)
{
    fixture any = {.clock = {.base = *rv_clock_system()}};
    rv_state *store = NULL;
    rv_error err = {0};
    assert_int_equal(rv_state_open(&store, url, RV_STATE_WRITE, &any.clock.base, &err), code);
    assert_null(store);
    assert_null(strstr(err.message, "s3cr3t"));
    assert_null(strstr(err.hint, "s3cr3t"));
    assert_non_null(strstr(err.hint, in_hint));
}

static void a_url_is_refused_without_its_password(void **state)
{
    (void)state;
    assert_refused("postgresql://me:s3cr3t@db.example.com/state", RV_E_STATE_UNUSABLE, "sslmode=verify-full");
    assert_refused("postgres://me:s3cr3t@127.0.0.1:1/state", RV_E_STATE_BUSY, "cannot be reached");
}

static void the_place_is_shown_without_its_password(void **state)
{
    fixture *f = *state;
    char url[1024];
    const char *host = strchr(f->path, '@');
    snprintf(url, sizeof url, "postgresql://postgres:s3cr3t%s", host);
    rv_state *store = NULL;
    const rvi_state_options options = {.busy_timeout_ms = BUSY_MS};
    assert_int_equal(
        rvi_state_open(&store, &rvi_state_postgres_ops, url, RV_STATE_WRITE, &f->clock.base, &options, NULL),
        RV_OK);
    assert_null(strstr(rv_state_location(store), "s3cr3t"));
    assert_non_null(strstr(rv_state_location(store), "rivet_state_"));
    rv_state_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_store(sixteen_cold_starts_at_once_all_succeed),
        test_with_store(reading_a_store_that_does_not_exist_creates_nothing),
        test_with_store(a_schema_of_another_program_is_left_alone),
        test_with_store(a_newer_store_is_refused),
        test_with_store(a_schema_that_somebody_made_for_us_is_used),
        test_with_store(leases_are_counted_by_the_servers_clock),
        test_with_store(a_connection_that_was_cut_between_two_calls_is_made_anew),
        test_with_store(a_connection_that_was_cut_in_a_transaction_records_nothing),
        test_with_store(a_commit_whose_answer_was_lost_is_found_to_have_happened),
        test_with_store(a_statement_that_failed_leaves_nothing_of_its_transaction),
        test_with_store(a_url_is_refused_without_its_password),
        test_with_store(the_place_is_shown_without_its_password),
    };
    return run_state_tests("state/postgres", tests);
}
