/* A session's statements, waits and settings, on the server that RIVET_TEST_MYSQL_URL names; nothing is written there
 * but a table of this test's own. */
#include "unit/source/mysql_support.h"

#include "rivet/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { TABLE_ROWS = 1000, SOON_US = 5 * 1000000 };

typedef struct session {
    rv_arena *arena;
    rv_redactor *redactor;
    rv_cancel *cancel;
    rv_source_config config;
    rv_source *source;
    rvi_my *my; /* the same */
    decoding rows;
    rv_error err;
} session;

static rv_code reopen(session *s)
{
    rv_source_close(s->source);
    s->source = NULL;
    rv_code rc = rv_source_open(&s->source, &s->config, s->cancel, &s->err);
    s->my = (rvi_my *)s->source;
    return rc;
}

static void run(session *s, const char *sql)
{
    if (rvi_my_run(s->my, sql, rvi_my_control_deadline(), &s->err) != RV_OK)
        fail_msg("%s: %s", sql, s->err.message);
}

static int open_session(void **state)
{
    session *s = calloc(1, sizeof *s);
    const char *url = getenv("RIVET_TEST_MYSQL_URL");
    *state = s;
    if (url == NULL)
        return 0;
    assert_int_equal(rv_arena_new(&s->arena, 1 << 20, NULL), RV_OK);
    assert_int_equal(rv_redactor_new(&s->redactor, NULL), RV_OK);
    assert_int_equal(rv_cancel_new(&s->cancel, NULL), RV_OK);
    assert_int_equal(rv_source_config_from_url(s->arena, url, s->redactor, &s->config, NULL), RV_OK);
    decoding_open(&s->rows, scalar(RV_TYPE_INT64), RVI_MY_WIRE_INT8);
    if (reopen(s) != RV_OK)
        fail_msg("%s", s->err.message);
    run(s, "CREATE TABLE IF NOT EXISTS rivet_session (c bigint PRIMARY KEY, v varchar(100) NOT NULL)");
    run(s, "DELETE FROM rivet_session");
    run(s, "INSERT INTO rivet_session SELECT a.n + 10 * b.n + 100 * d.n, REPEAT('x', 100) FROM "
           "(SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION "
           "SELECT 6 "
           "UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) AS a, "
           "(SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION "
           "SELECT 6 "
           "UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) AS b, "
           "(SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION "
           "SELECT 6 "
           "UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) AS d");
    return 0;
}

static int close_session(void **state)
{
    session *s = *state;
    if (s->arena != NULL) {
        rv_source_close(s->source);
        decoding_close(&s->rows);
        rv_cancel_free(s->cancel);
        rv_secret_free(s->config.password);
        rv_redactor_free(s->redactor);
        rv_arena_free(s->arena);
    }
    free(s);
    return 0;
}

#define NEED_SERVER(s)   \
    do {                 \
        if (!(s)->arena) \
            skip();      \
    } while (0)

/* One value, as text, in the test's own words: "a | b". */
static const char *ask(session *s, const char *sql)
{
    static char text[4096];
    size_t len = 0;
    MYSQL_RES *result = NULL;
    text[0] = '\0';
    if (rvi_my_ask(s->my, sql, &result, &s->err) != RV_OK)
        fail_msg("%s: %s", sql, s->err.message);
    MYSQL_ROW row = mysql_fetch_row(result);
    for (unsigned i = 0; row != NULL && i < mysql_num_fields(result); i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i > 0 ? " | " : "",
                                row[i] != NULL ? row[i] : "NULL");
    mysql_free_result(result);
    return text;
}

static rv_code execute(session *s, rvi_my_statement *statement, int64_t after, int64_t max_rows, bool *end)
{
    rvi_my_param param = {.type = MYSQL_TYPE_LONGLONG, .number = after};
    rv_page page = {0};
    rv_batch_reset(s->rows.batch);
    rvi_sql_rows_start(&s->rows.rows.base, s->rows.batch, SIZE_MAX);
    return rvi_my_execute(statement, &param, 1, &s->rows.rows, max_rows, rvi_my_control_deadline(), &page,
                          end, &s->err);
}

static rvi_my_statement *prepare(session *s, const char *sql)
{
    rvi_my_statement *statement = NULL;
    if (rvi_my_prepare(s->my, sql, &statement, &s->err) != RV_OK)
        fail_msg("%s: %s", sql, s->err.message);
    return statement;
}

/* ---- settings ---- */

static const char settings[] =
    "SELECT @@time_zone, @@sql_mode, @@sql_select_limit, @@sql_auto_is_null, @@autocommit, "
    "@@net_write_timeout, @@wait_timeout, @@lock_wait_timeout, @@innodb_lock_wait_timeout";
static const char odd_settings[] =
    "SET SESSION time_zone = '-07:30', sql_mode = 'ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH', sql_select_limit = "
    "3, "
    "sql_auto_is_null = 1, net_write_timeout = 11, wait_timeout = 22, lock_wait_timeout = 33, "
    "innodb_lock_wait_timeout = 44";

static void begin_sets_what_reading_needs_and_end_puts_it_back(void **state)
{
    session *s = *state;
    char before[4096];
    NEED_SERVER(s);
    const rv_read_options options[] = {
        {.statement_timeout_ms = 5000, .lock_timeout_ms = 1500},
        {.snapshot = true, .statement_timeout_ms = 5000, .lock_timeout_ms = 1500},
    };
    run(s, odd_settings);
    snprintf(before, sizeof before, "%s", ask(s, settings));
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        assert_int_equal(rv_source_begin(s->source, &options[i], &s->err), RV_OK);
        assert_string_equal(ask(s, settings),
                            "+00:00 | ANSI_QUOTES,ALLOW_INVALID_DATES | 18446744073709551615 | 0 | "
                            "1 | 31536000 | 31536000 | 2 | 2");
        rv_source_end(s->source);
        assert_string_equal(ask(s, settings), before);
    }
}

static void settings_are_put_back_after_a_failure(void **state)
{
    session *s = *state;
    char before[4096];
    const rv_read_options options = {.snapshot = true};
    NEED_SERVER(s);
    run(s, odd_settings);
    snprintf(before, sizeof before, "%s", ask(s, settings));
    assert_int_equal(rv_source_begin(s->source, &options, &s->err), RV_OK);
    assert_int_equal(rvi_my_run(s->my, "SELECT nothing FROM nowhere", rvi_my_control_deadline(), NULL),
                     RV_E_SOURCE_NOT_FOUND);
    rvi_my_statement *statement = prepare(s, "SELECT c FROM rivet_session WHERE c >= ?");
    bool end = false;
    assert_int_equal(execute(s, statement, 0, 10, &end), RV_OK);
    assert_false(end); /* rows are still on their way */
    rv_source_end(s->source);
    assert_non_null(s->my->conn);
    assert_string_equal(ask(s, settings), before);
    rvi_my_statement_close(statement);
}

static void a_snapshot_does_not_see_what_comes_later(void **state)
{
    session *s = *state;
    session other = {.config = {0}};
    const rv_read_options options = {.snapshot = true};
    NEED_SERVER(s);
    other.config = s->config;
    assert_int_equal(reopen(&other), RV_OK);
    assert_int_equal(rv_source_begin(s->source, &options, &s->err), RV_OK);
    run(&other, "DELETE FROM rivet_session WHERE c < 500");
    assert_string_equal(ask(s, "SELECT COUNT(*) FROM rivet_session"), "1000");
    rv_source_end(s->source);
    assert_string_equal(ask(s, "SELECT COUNT(*) FROM rivet_session"), "500");
    rv_source_close(other.source);
}

static void nothing_can_be_written(void **state)
{
    session *s = *state;
    const rv_read_options options[] = {{.snapshot = false}, {.snapshot = true}};
    NEED_SERVER(s);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        assert_int_equal(rv_source_begin(s->source, &options[i], &s->err), RV_OK);
        assert_int_equal(rvi_my_run(s->my, "DELETE FROM rivet_session", rvi_my_control_deadline(), &s->err),
                         RV_E_SOURCE_QUERY);
        assert_string_equal(s->err.native, "1792 (25006)");
        rv_source_end(s->source);
    }
}

static void without_a_snapshot_no_transaction_is_open_between_statements(void **state)
{
    session *s = *state;
    const rv_read_options options = {.snapshot = false};
    NEED_SERVER(s);
    run(s, "SET SESSION autocommit = 0");
    assert_int_equal(rv_source_begin(s->source, &options, &s->err), RV_OK);
    run(s, "SELECT COUNT(*) FROM rivet_session");
    assert_string_equal(
        ask(s,
            "SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_mysql_thread_id = CONNECTION_ID()"),
        "0");
    rv_source_end(s->source);
    assert_string_equal(ask(s, "SELECT @@autocommit"), "0");
}

/* ---- statements ---- */

static void a_statement_is_asked_again_with_other_values(void **state)
{
    session *s = *state;
    bool end = false;
    NEED_SERVER(s);
    rvi_my_statement *statement = prepare(s, "SELECT c FROM rivet_session WHERE c >= ? ORDER BY c");
    for (int64_t after = 0; after <= TABLE_ROWS; after += 250) {
        assert_int_equal(execute(s, statement, after, 0, &end), RV_OK);
        assert_true(end);
        assert_int_equal(s->rows.batch->rows, TABLE_ROWS - after);
    }
    rvi_my_statement_close(statement);
}

static void a_statement_given_up_in_the_middle_leaves_a_session_that_works(void **state)
{
    session *s = *state;
    bool end = true;
    NEED_SERVER(s);
    for (int i = 0; i < 20; i++) {
        rvi_my_statement *statement =
            prepare(s, "SELECT a.c FROM rivet_session AS a, rivet_session AS b WHERE a.c >= ?");
        assert_int_equal(execute(s, statement, 0, 1 + i * 50, &end), RV_OK);
        assert_false(end);
        assert_true(rvi_my_abandon_statement(s->my));
        assert_string_equal(ask(s, "SELECT 'alive'"), "alive"); /* no late request hits it */
        rvi_my_statement_close(statement);
    }
}

static void a_request_that_finds_its_statement_finished_hits_no_other(void **state)
{
    session *s = *state;
    bool end = true;
    NEED_SERVER(s);
    for (int i = 0; i < 20; i++) {
        rvi_my_statement *statement = prepare(s, "SELECT c FROM rivet_session WHERE c >= ? LIMIT 20");
        assert_int_equal(execute(s, statement, 0, 10, &end), RV_OK); /* the server has sent all 20 */
        assert_true(rvi_my_abandon_statement(s->my));
        assert_string_equal(ask(s, "SELECT 'alive'"), "alive");
        rvi_my_statement_close(statement);
    }
}

static void a_column_that_was_altered_between_two_pages_is_noticed(void **state)
{
    session *s = *state;
    bool end = false;
    NEED_SERVER(s);
    rvi_my_statement *statement = prepare(s, "SELECT c FROM rivet_session WHERE c >= ?");
    assert_int_equal(execute(s, statement, 0, 0, &end), RV_OK);
    run(s, "ALTER TABLE rivet_session MODIFY c bigint UNSIGNED");
    rv_code rc = execute(s, statement, 0, 0, &end);
    rvi_my_statement_close(statement);
    run(s, "DROP TABLE rivet_session");
    assert_int_equal(rc, RV_E_SOURCE_QUERY);
    assert_non_null(strstr(s->err.hint, "altered"));
}

static void a_full_page_of_a_stream_keeps_its_row_for_the_next(void **state)
{
    session *s = *state;
    bool end = false;
    int64_t n = 0, pages = 0, sum = 0;
    rv_page page = {0};
    NEED_SERVER(s);
    rvi_my_statement *statement = prepare(s, "SELECT c FROM rivet_session ORDER BY c");
    for (; !end; pages++) {
        rv_batch_reset(s->rows.batch);
        rvi_sql_rows_start(&s->rows.rows.base, s->rows.batch, 2000);
        rv_code rc = pages == 0 ? rvi_my_execute(statement, NULL, 0, &s->rows.rows, TABLE_ROWS,
                                                 rvi_my_control_deadline(), &page, &end, &s->err)
                                : rvi_my_fetch(statement, &s->rows.rows, TABLE_ROWS,
                                               rvi_my_control_deadline(), &page, &end, &s->err);
        assert_int_equal(rc, RV_OK);
        for (int64_t i = 0; i < s->rows.batch->rows; i++)
            sum += ((const int64_t *)s->rows.batch->columns[0].values)[i];
        n += s->rows.batch->rows;
    }
    rvi_my_statement_close(statement);
    assert_true(pages > 3);
    assert_int_equal(n, TABLE_ROWS);
    assert_int_equal(sum, (int64_t)TABLE_ROWS * (TABLE_ROWS - 1) / 2);
}

static int low_water(const session *s)
{
    int bytes = 0;
    socklen_t len = sizeof bytes;
    assert_int_equal(getsockopt(mysql_get_socket(s->my->conn), SOL_SOCKET, SO_RCVLOWAT, &bytes, &len), 0);
    return bytes;
}

/* It gathers until it has waited in vain once: so some page is seen that has not. */
static void rows_are_gathered_while_many_are_to_come_and_never_after_the_last(void **state)
{
    enum { ONE_LOOK = 256, MOST_PAGES = 2000 };
    session *s = *state;
    bool end = false;
    int bytes = 1;
    rv_page page = {0};
    NEED_SERVER(s);
    rvi_my_statement *statement =
        prepare(s, "SELECT a.c FROM rivet_session AS a, rivet_session AS b WHERE a.c >= ?");
    s->rows.rows.asked = (int64_t)TABLE_ROWS * TABLE_ROWS;
    assert_int_equal(execute(s, statement, 0, ONE_LOOK - 1, &end), RV_OK);
    assert_int_equal(low_water(s), 1); /* so few rows are not worth it */
    for (int i = 0; i < MOST_PAGES && bytes == 1; i++, bytes = low_water(s)) {
        rv_batch_reset(s->rows.batch);
        rvi_sql_rows_start(&s->rows.rows.base, s->rows.batch, SIZE_MAX);
        assert_int_equal(
            rvi_my_fetch(statement, &s->rows.rows, ONE_LOOK, rvi_my_control_deadline(), &page, &end, &s->err),
            RV_OK);
    }
    assert_int_equal(bytes, 64 << 10);
    assert_true(rvi_my_abandon_statement(s->my));
    assert_int_equal(execute(s, statement, TABLE_ROWS - 1, 0, &end), RV_OK); /* fewer rows than asked for */
    assert_int_equal(low_water(s), 1);
    assert_string_equal(ask(s, "SELECT 'alive'"), "alive");
    rvi_my_statement_close(statement);
}

static void a_row_beyond_what_its_values_may_have_is_refused_before_it_is_held(void **state)
{
    session *s = *state;
    bool end = false;
    rv_bytes sql = RV_BYTES_INIT(4096);
    const char *text = NULL;
    NEED_SERVER(s);
    s->rows.rows.base.columns[0].max_bytes = 1000;
    assert_int_equal(rv_bytes_append_str(&sql, "SELECT c", NULL), RV_OK);
    for (int i = 0; i < 30; i++)
        assert_int_equal(rv_bytes_append_str(&sql, ", REPEAT('x', 3000000)", NULL), RV_OK);
    assert_int_equal(rv_bytes_append_str(&sql, " FROM rivet_session WHERE c = ?", NULL), RV_OK);
    assert_int_equal(rv_bytes_cstr(&sql, &text, NULL), RV_OK);
    rvi_my_statement *statement = prepare(s, text);
    rv_code rc = execute(s, statement, 0, 0, &end);
    rvi_my_statement_close(statement);
    rv_bytes_deinit(&sql);
    assert_int_equal(rc, RV_E_VALUE_TOO_LARGE);
    assert_int_equal(s->err.retry, RV_RETRY_NEVER);
    assert_int_equal(reopen(s), RV_OK);
}

/* ---- waits ---- */

static void *request_stop(void *cancel)
{
    const rv_clock *clock = rv_clock_system();
    (void)clock->sleep_us(clock, 200000, NULL);
    rv_cancel_request(cancel);
    return NULL;
}

/* How many statements of sleeping run on the server, asked until there is none. */
static void expect_nobody_sleeps(session *s)
{
    for (int64_t until = rvi_my_now_us() + SOON_US; rvi_my_now_us() < until;)
        if (strcmp(
                ask(s, "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'"),
                "0") == 0)
            return;
    fail_msg("the server still runs what nobody waits for");
}

static void a_cancelled_wait_ends_soon_and_so_does_its_statement(void **state)
{
    session *s = *state;
    pthread_t other;
    NEED_SERVER(s);
    assert_int_equal(pthread_create(&other, NULL, request_stop, s->cancel), 0);
    int64_t started_us = rvi_my_now_us();
    rv_code rc = rvi_my_run(s->my, "SELECT SLEEP(60)", rvi_my_control_deadline(), &s->err);
    int64_t took_us = rvi_my_now_us() - started_us;
    pthread_join(other, NULL);
    assert_int_equal(rc, RV_E_CANCELLED);
    assert_true(took_us < SOON_US);
    assert_null(s->my->conn);
    rv_cancel_free(s->cancel);
    s->cancel = NULL;
    assert_int_equal(reopen(s), RV_OK);
    expect_nobody_sleeps(s);
}

static void a_wait_past_its_deadline_is_given_up_and_so_is_its_statement(void **state)
{
    session *s = *state;
    NEED_SERVER(s);
    rv_code rc = rvi_my_run(s->my, "SELECT SLEEP(60)", rvi_my_now_us() + 200000, &s->err);
    assert_int_equal(rc, RV_E_SOURCE_LOST);
    assert_null(s->my->conn);
    assert_int_equal(rvi_my_run(s->my, "SELECT 1", rvi_my_control_deadline(), &s->err), RV_E_SOURCE_LOST);
    assert_int_equal(reopen(s), RV_OK);
    expect_nobody_sleeps(s);
}

static void an_interrupted_source_does_nothing_more(void **state)
{
    session *s = *state;
    NEED_SERVER(s);
    rv_source_interrupt(s->source);
    assert_int_equal(rvi_my_run(s->my, "SELECT 1", rvi_my_control_deadline(), &s->err), RV_E_CANCELLED);
}

static void a_session_without_a_proxy_is_known_as_such(void **state)
{
    session *s = *state;
    NEED_SERVER(s);
    assert_false(s->my->pooled);
}

/* ---- SQL ---- */

static void literals_and_names_say_what_they_are_in_every_mode(void **state)
{
    static const char *const modes[] = {"", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "ANSI"};
    static const char text[] = "a'b\"c`d\\e\xc3\xa4\xf0\x9f\x98\x80";
    session *s = *state;
    NEED_SERVER(s);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        char set[64];
        const char *sql = NULL;
        rv_bytes bytes = RV_BYTES_INIT(4096);
        snprintf(set, sizeof set, "SET SESSION sql_mode = '%s'", modes[i]);
        run(s, set);
        assert_int_equal(rv_bytes_append_str(&bytes, "SELECT ", NULL), RV_OK);
        assert_int_equal(rvi_my_append_literal(&bytes, text, NULL), RV_OK);
        assert_int_equal(rv_bytes_append_str(&bytes, " AS ", NULL), RV_OK);
        assert_int_equal(rvi_my_append_name(&bytes, "x`y", NULL), RV_OK);
        assert_int_equal(rv_bytes_cstr(&bytes, &sql, NULL), RV_OK);
        assert_string_equal(ask(s, sql), text);
        rv_bytes_deinit(&bytes);
    }
}

#define SESSION_TEST(test) cmocka_unit_test_setup_teardown(test, open_session, close_session)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SESSION_TEST(begin_sets_what_reading_needs_and_end_puts_it_back),
        SESSION_TEST(settings_are_put_back_after_a_failure),
        SESSION_TEST(a_snapshot_does_not_see_what_comes_later),
        SESSION_TEST(nothing_can_be_written),
        SESSION_TEST(without_a_snapshot_no_transaction_is_open_between_statements),
        SESSION_TEST(a_statement_is_asked_again_with_other_values),
        SESSION_TEST(a_statement_given_up_in_the_middle_leaves_a_session_that_works),
        SESSION_TEST(a_request_that_finds_its_statement_finished_hits_no_other),
        SESSION_TEST(a_column_that_was_altered_between_two_pages_is_noticed),
        SESSION_TEST(a_full_page_of_a_stream_keeps_its_row_for_the_next),
        SESSION_TEST(rows_are_gathered_while_many_are_to_come_and_never_after_the_last),
        SESSION_TEST(a_row_beyond_what_its_values_may_have_is_refused_before_it_is_held),
        SESSION_TEST(a_cancelled_wait_ends_soon_and_so_does_its_statement),
        SESSION_TEST(a_wait_past_its_deadline_is_given_up_and_so_is_its_statement),
        SESSION_TEST(an_interrupted_source_does_nothing_more),
        SESSION_TEST(a_session_without_a_proxy_is_known_as_such),
        SESSION_TEST(literals_and_names_say_what_they_are_in_every_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
