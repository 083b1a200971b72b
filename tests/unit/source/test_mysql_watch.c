/* What the driver sees of others: what they write, and what they endure. Every test has a second session of another
 * program, of a user of its own, because sessions of the reader's user are taken for its own. Nothing here waits for a
 * time: what is waited for is asked for until it is so. */
#include "unit/source/mysql_server.h"

#include "rivet/clock.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { MOST_LOOKS = 250, PAUSE_US = 120 * 1000, SHORTLY_MS = 300, LONG_MS = 60000, LATE_US = 5 * 1000000 };

static const char other_name[] = "rivet_unit_other", blind_name[] = "rivet_unit_blind";

/* Between two looks: INNODB_TRX is a copy that stays as it is while it is looked at more than ten times a second.
 * Source: storage/innobase/trx/trx0i_s.cc, CACHE_MIN_IDLE_TIME_NS. */
static void pause_after(int look, int64_t seen, const char *waited_for)
{
    const rv_clock *clock = rv_clock_system();
    if (look >= MOST_LOOKS)
        fail_msg("waited for %s; there are %" PRId64, waited_for, seen);
    (void)clock->sleep_us(clock, PAUSE_US, NULL);
}

/* ---- other users ---- */

static void make_user(server_fixture *f, const char *name, const char *privileges)
{
    char sql[256];
    snprintf(sql, sizeof sql, "DROP USER IF EXISTS %s", name);
    server_execute(f, sql);
    snprintf(sql, sizeof sql, "CREATE USER %s IDENTIFIED WITH mysql_native_password", name);
    server_execute(f, sql);
    snprintf(sql, sizeof sql, "GRANT %s ON %s.* TO %s", privileges, f->schema, name);
    server_execute(f, sql);
}

static void drop_user(server_fixture *f, const char *name)
{
    char sql[128];
    snprintf(sql, sizeof sql, "DROP USER %s", name);
    server_execute(f, sql);
}

static MYSQL *connect_as(const server_fixture *f, const char *user)
{
    MYSQL *other = mysql_init(NULL);
    assert_non_null(other);
    if (mysql_real_connect(other, f->config.host, user, "", f->schema, (unsigned)f->config.port, NULL, 0) ==
        NULL)
        fail_msg("%s", mysql_error(other));
    return other;
}

static void say(MYSQL *other, const char *sql)
{
    if (mysql_real_query(other, sql, (unsigned long)strlen(sql)) != 0)
        fail_msg("%s: %s", sql, mysql_error(other));
    mysql_free_result(mysql_store_result(other));
}

/* Sent, and not waited for. */
static void say_only(MYSQL *other, const char *sql)
{
    if (mysql_send_query(other, sql, (unsigned long)strlen(sql)) != 0)
        fail_msg("%s: %s", sql, mysql_error(other));
}

/* The answer to what was said, whatever it is. */
static void hear(MYSQL *other)
{
    (void)mysql_read_query_result(other);
    mysql_free_result(mysql_store_result(other));
}

static void end_statement_of(server_fixture *f, MYSQL *other)
{
    char sql[64];
    snprintf(sql, sizeof sql, "KILL QUERY %lu", mysql_thread_id(other));
    server_execute(f, sql);
    hear(other);
}

static MYSQL *begin_with_other(server_fixture *f)
{
    make_user(f, other_name, "ALL");
    server_execute(f, "CREATE TABLE t (id int PRIMARY KEY, v int) ENGINE=InnoDB");
    server_execute(f, "INSERT INTO t VALUES (1, 1), (2, 2)");
    return connect_as(f, other_name);
}

static void end_with_other(server_fixture *f, MYSQL *other)
{
    mysql_close(other);
    drop_user(f, other_name);
}

static void reopen_as(server_fixture *f, const char *user)
{
    rv_source_close(f->source);
    f->source = NULL;
    f->config.user = user;
    f->config.database = f->schema; /* the only one that it may use */
    server_assert_ok(f, rv_source_open(&f->source, &f->config, NULL, &f->err));
}

/* ---- pressure ---- */

static rv_pressure pressure(server_fixture *f)
{
    rv_pressure now = {0};
    server_assert_ok(f, rv_source_pressure(f->source, &now, &f->err));
    return now;
}

static void wait_for_lock_waits(server_fixture *f, int64_t n)
{
    int64_t seen = pressure(f).lock_waits;
    for (int i = 0; seen != n; i++, seen = pressure(f).lock_waits)
        pause_after(i, seen, n > 0 ? "waits for a lock" : "no waits for a lock");
}

static void wait_for_active_sessions(server_fixture *f, int64_t n)
{
    int64_t seen = pressure(f).active_sessions;
    for (int i = 0; seen != n; i++, seen = pressure(f).active_sessions)
        pause_after(i, seen, n > 0 ? "active sessions" : "no active sessions");
}

static void sessions_of_others_that_wait_for_a_row_are_pressure(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    MYSQL *other = begin_with_other(f);
    rv_pressure calm = pressure(f);
    assert_int_equal(calm.lock_waits, 0);
    assert_true(calm.active_sessions >= 0);
    assert_int_equal(calm.max_sessions, strtoll(server_ask(f, "SELECT @@GLOBAL.max_connections"), NULL, 10));
    assert_int_equal(calm.replica_lag_ms, -1); /* no replica */
    server_execute(f, "BEGIN");
    server_execute(f, "UPDATE t SET v = 3 WHERE id = 1");
    say_only(other, "UPDATE t SET v = 4 WHERE id = 1");
    wait_for_lock_waits(f, 1);
    server_execute(f, "ROLLBACK");
    hear(other);
    wait_for_lock_waits(f, 0);
    end_with_other(f, other);
}

static void statements_of_others_are_pressure_and_our_own_are_not(void **state)
{
    static const char ours[] =
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'DO SLEEP%'";
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    MYSQL *other = begin_with_other(f);
    wait_for_active_sessions(f, 0); /* sessions of the test before may still be ending */
    say_only(other, "DO SLEEP(1000)");
    wait_for_active_sessions(f, 1);
    end_statement_of(f, other);
    wait_for_active_sessions(f, 0);
    MYSQL *like_us = connect_as(f, f->config.user);
    say_only(like_us, "DO SLEEP(1000)");
    for (int i = 0; strcmp(server_ask(f, ours), "1") != 0; i++)
        pause_after(i, 0, "a statement like ours");
    wait_for_active_sessions(f, 0);
    end_statement_of(f, like_us);
    mysql_close(like_us);
    end_with_other(f, other);
}

static void pressure_that_a_user_may_not_see_is_unknown_and_not_zero(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    make_user(f, blind_name, "SELECT");
    reopen_as(f, blind_name);
    rv_pressure now = pressure(f);
    assert_int_equal(now.lock_waits, -1);
    assert_int_equal(now.replica_lag_ms, -1);
    assert_true(now.max_sessions > 1);
    drop_user(f, blind_name);
}

/* ---- what is being written ---- */

static int64_t settle(server_fixture *f, int64_t timeout_ms)
{
    int64_t open_since_us = -7;
    server_begin(f, false);
    server_assert_ok(f, rv_source_settle(f->source, timeout_ms, &open_since_us, &f->err));
    server_end(f);
    return open_since_us;
}

static void assert_about_now(int64_t since_us, int64_t began_us)
{
    int64_t now_us = rv_clock_system()->now_us(rv_clock_system());
    assert_true(since_us > began_us - LATE_US && since_us <= now_us);
}

static void a_transaction_that_has_written_is_told_with_its_age(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    MYSQL *other = begin_with_other(f);
    int64_t began_us = rv_clock_system()->now_us(rv_clock_system());
    assert_int_equal(settle(f, SHORTLY_MS), 0);
    say(other, "BEGIN");
    say(other, "SELECT * FROM t");
    assert_int_equal(settle(f, SHORTLY_MS), 0); /* who only reads, commits nothing late */
    say(other, "INSERT INTO t VALUES (5, 5)");
    assert_about_now(settle(f, SHORTLY_MS), began_us);
    say(other, "COMMIT");
    assert_int_equal(settle(f, SHORTLY_MS), 0);
    end_with_other(f, other);
}

static void a_statement_that_may_write_is_told_before_it_has_written(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    MYSQL *other = begin_with_other(f);
    int64_t began_us = rv_clock_system()->now_us(rv_clock_system()), since_us = 0;
    say_only(other, "INSERT INTO t SELECT 6, SLEEP(1000)");
    for (int i = 0; since_us == 0; i++) {
        pause_after(i, 0, "a statement that may write");
        since_us = settle(f, SHORTLY_MS);
    }
    assert_about_now(since_us, began_us);
    end_statement_of(f, other);
    assert_int_equal(settle(f, SHORTLY_MS), 0);
    end_with_other(f, other);
}

/* Commits what `first` has open once the waiting has begun, and leaves `second` with a transaction that came later. */
typedef struct ending {
    server_fixture *f; /* its writer, while the thread runs */
    MYSQL *first, *second;
    int64_t selects_before;
    atomic_bool done, settled;
} ending;

static int64_t selects_so_far(server_fixture *f)
{
    MYSQL_RES *result = NULL;
    static const char sql[] = "SHOW GLOBAL STATUS LIKE 'Com_select'";
    if (mysql_real_query(f->writer, sql, sizeof sql - 1) != 0)
        fail_msg("%s", mysql_error(f->writer));
    result = mysql_store_result(f->writer);
    assert_non_null(result);
    MYSQL_ROW row = mysql_fetch_row(result);
    assert_non_null(row);
    int64_t n = strtoll(row[1], NULL, 10);
    mysql_free_result(result);
    return n;
}

static void *end_later(void *argument)
{
    /* Statements and transactions, too soon after the last look to count; a rest and transactions again; a rest, and
     * the next look. */
    enum { LOOKS = 7 };
    ending *e = argument;
    mysql_thread_init();
    while (selects_so_far(e->f) < e->selects_before + LOOKS)
        if (atomic_load(
                &e->settled)) { /* without having looked so often: the test fails, and does not hang */
            mysql_thread_end();
            return NULL;
        }
    say(e->second, "BEGIN");
    say(e->second, "INSERT INTO t VALUES (8, 8)");
    atomic_store(&e->done, true);
    say(e->first, "COMMIT");
    mysql_thread_end();
    return NULL;
}

static void what_was_open_is_waited_for_and_what_came_later_is_not(void **state)
{
    server_fixture *f = *state;
    pthread_t thread;
    int64_t since_us = -7;
    NEEDS_SERVER(f);
    ending e = {.f = f, .first = begin_with_other(f), .second = connect_as(f, other_name)};
    say(e.first, "BEGIN");
    say(e.first, "INSERT INTO t VALUES (7, 7)");
    assert_true(settle(f, 0) > 0); /* and so it was seen */
    server_begin(f, false);
    e.selects_before = selects_so_far(f);
    assert_int_equal(pthread_create(&thread, NULL, end_later, &e), 0);
    rv_code rc = rv_source_settle(f->source, LONG_MS, &since_us, &f->err);
    atomic_store(&e.settled, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    server_assert_ok(f, rc);
    assert_true(atomic_load(&e.done));
    assert_int_equal(since_us, 0);
    server_end(f);
    assert_true(settle(f, 0) > 0); /* the second one's */
    say(e.second, "ROLLBACK");
    mysql_close(e.second);
    end_with_other(f, e.first);
}

/* Reads INNODB_TRX far more often than every 100 ms, until it is told to stop. */
typedef struct poller {
    MYSQL *session;
    atomic_int reads;
    atomic_bool stop;
} poller;

static void *poll_transactions(void *argument)
{
    enum { PERIOD_US = 10 * 1000 };
    const rv_clock *clock = rv_clock_system();
    poller *p = argument;
    mysql_thread_init();
    while (!atomic_load(&p->stop)) {
        say(p->session, "SELECT COUNT(*) FROM information_schema.INNODB_TRX");
        atomic_fetch_add(&p->reads, 1);
        (void)clock->sleep_us(clock, PERIOD_US, NULL);
    }
    mysql_thread_end();
    return NULL;
}

static void start_polling(poller *p, pthread_t *thread)
{
    const rv_clock *clock = rv_clock_system();
    assert_int_equal(pthread_create(thread, NULL, poll_transactions, p), 0);
    for (int i = 0; atomic_load(&p->reads) == 0; i++)
        (void)clock->sleep_us(clock, 1000, NULL);
}

static void stop_polling(poller *p, pthread_t thread)
{
    atomic_store(&p->stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    mysql_close(p->session);
}

/* A machine that stands still for 100 ms lets the view be renewed: then the transaction is seen. What may never be said
 * is that there is none. */
static void a_view_that_somebody_else_keeps_from_being_renewed_is_not_believed(void **state)
{
    server_fixture *f = *state;
    pthread_t thread;
    int64_t since_us = -7;
    NEEDS_SERVER(f);
    MYSQL *other = begin_with_other(f);
    poller p = {.session = connect_as(f, f->config.user)};
    start_polling(&p, &thread);
    say(other, "BEGIN");
    say(other, "INSERT INTO t VALUES (9, 9)");
    server_begin(f, false);
    rv_code rc = rv_source_settle(f->source, SHORTLY_MS, &since_us, &f->err);
    stop_polling(&p, thread);
    if (rc == RV_OK)
        assert_true(since_us > 0);
    else {
        assert_int_equal(rc, RV_E_SOURCE_BUSY);
        assert_int_equal(f->err.retry, RV_RETRY_BACKOFF);
        assert_non_null(strstr(f->err.message, "INNODB_TRX"));
        assert_int_equal(since_us, -7);
    }
    server_reopen(f);
    assert_true(settle(f, SHORTLY_MS) > 0);
    say(other, "ROLLBACK");
    assert_int_equal(settle(f, SHORTLY_MS), 0);
    end_with_other(f, other);
}

/* Within a snapshot it stays the same one; without, nothing stays open. */
static void waiting_leaves_the_session_as_it_was(void **state)
{
    server_fixture *f = *state;
    int64_t since_us = -7;
    char sql[160];
    NEEDS_SERVER(f);
    rvi_my *my = (rvi_my *)f->source;
    snprintf(sql, sizeof sql,
             "SELECT COUNT(*) FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id = %lu",
             my->number);
    for (int snapshot = 0; snapshot < 2; snapshot++) {
        server_begin(f, snapshot != 0);
        server_assert_ok(f, rv_source_settle(f->source, SHORTLY_MS, &since_us, &f->err));
        assert_int_equal(since_us, 0);
        for (int i = 0; strtoll(server_ask(f, sql), NULL, 10) != snapshot; i++)
            pause_after(i, !snapshot, "the reader's transaction to be as before");
        server_end(f);
    }
}

static void who_may_not_see_others_says_so(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    MYSQL *other = begin_with_other(f);
    make_user(f, blind_name, "SELECT");
    reopen_as(f, blind_name);
    assert_int_equal(settle(f, SHORTLY_MS), -1);
    drop_user(f, blind_name);
    end_with_other(f, other);
}

static void an_interrupt_ends_the_waiting(void **state)
{
    server_fixture *f = *state;
    int64_t since_us = -7;
    NEEDS_SERVER(f);
    server_begin(f, false);
    rv_source_interrupt(f->source);
    assert_int_equal(rv_source_settle(f->source, LONG_MS, &since_us, &f->err), RV_E_CANCELLED);
    assert_int_equal(since_us, -7);
    server_end(f);
}

int main(void)
{
#define WATCH_TEST(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)
    const struct CMUnitTest tests[] = {
        WATCH_TEST(sessions_of_others_that_wait_for_a_row_are_pressure),
        WATCH_TEST(statements_of_others_are_pressure_and_our_own_are_not),
        WATCH_TEST(pressure_that_a_user_may_not_see_is_unknown_and_not_zero),
        WATCH_TEST(a_transaction_that_has_written_is_told_with_its_age),
        WATCH_TEST(a_statement_that_may_write_is_told_before_it_has_written),
        WATCH_TEST(what_was_open_is_waited_for_and_what_came_later_is_not),
        WATCH_TEST(a_view_that_somebody_else_keeps_from_being_renewed_is_not_believed),
        WATCH_TEST(waiting_leaves_the_session_as_it_was),
        WATCH_TEST(who_may_not_see_others_says_so),
        WATCH_TEST(an_interrupt_ends_the_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
