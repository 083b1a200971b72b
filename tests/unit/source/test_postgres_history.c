/* What other sessions do: rows that come to be seen late, snapshots that are shared, and what the server suffers. */
#include "unit/source/postgres_server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENOUGH = 16 << 20, MOST_IDS = 4000 };

static const char *horizon(server_fixture *f, int64_t *held_since_us)
{
    const char *mark = NULL;
    server_assert_ok(f, rv_source_horizon(f->source, f->arena, &mark, held_since_us, &f->err));
    return mark;
}

/* ---- the horizon ---- */

static void an_open_transaction_holds_the_horizon_back_and_says_since_when(void **state)
{
    server_fixture *f = *state;
    int64_t held = -1;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE h (id int)");
    server_execute_on(f->other, "BEGIN; INSERT INTO h VALUES (1)");
    const char *oldest =
        server_ask(f, "SELECT backend_xid::text FROM pg_stat_activity WHERE backend_xid IS NOT NULL"
                      " ORDER BY age(backend_xid) DESC LIMIT 1");
    server_execute(f, "INSERT INTO h VALUES (2)");
    server_begin(f, false);
    const char *mark = horizon(f, &held);
    assert_true(held > INT64_C(1600000000000000) && held % 1000000 != 0);
    assert_int_equal(strtoull(mark, NULL, 10) & UINT32_MAX, strtoull(oldest, NULL, 10));
    server_execute_on(f->other, "COMMIT");
    const char *later = horizon(f, &held);
    assert_true(strtoull(later, NULL, 10) > strtoull(mark, NULL, 10) + 1);
}

/* ---- a history that others write ---- */

typedef struct history {
    server_fixture *f;
    PGconn *sessions[2];
    bool open[2], nested[2];
    uint32_t random;
    bool quiet; /* nobody does anything any more */
    int next_id;
    int exported[MOST_IDS];
    rv_key key;
    rv_key_value lo; /* the cursor */
    const char *since;
    int n_late;
} history;

static uint32_t draw(history *h, uint32_t below)
{
    h->random = h->random * 1664525u + 1013904223u;
    return (h->random >> 8) % below;
}

static void act(history *h, int i, const char *sql)
{
    server_execute_on(h->sessions[i], sql);
}

static void insert(history *h, int i)
{
    char sql[128];
    assert_true(h->next_id < MOST_IDS);
    snprintf(sql, sizeof sql, "INSERT INTO h VALUES (%d)", h->next_id++);
    act(h, i, sql);
}

/* A new version of some row, under a number of its own. */
static void update(history *h, int i)
{
    char sql[256];
    assert_true(h->next_id < MOST_IDS);
    snprintf(
        sql, sizeof sql,
        "UPDATE h SET id = %d WHERE id = (SELECT id FROM h ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED)",
        h->next_id++);
    act(h, i, sql);
}

/* One session does one thing; transactions stay open over many steps, and so do savepoints. */
static void step(history *h)
{
    int i = (int)draw(h, 2);
    if (h->quiet)
        return;
    if (!h->open[i]) {
        act(h, i, "BEGIN");
        h->open[i] = true;
        h->nested[i] = false;
    }
    switch (draw(h, 8)) {
    case 0:
        act(h, i, draw(h, 6) > 0 ? "COMMIT" : "ROLLBACK");
        h->open[i] = false;
        break;
    case 1:
        act(h, i, "SAVEPOINT s");
        h->nested[i] = true;
        insert(h, i);
        break;
    case 2:
        if (h->nested[i])
            act(h, i,
                draw(h, 2) > 0 ? "RELEASE SAVEPOINT s" : "ROLLBACK TO SAVEPOINT s; RELEASE SAVEPOINT s");
        h->nested[i] = false;
        break;
    case 3:
        update(h, i);
        break;
    default:
        insert(h, i);
    }
}

static void note_page(history *h)
{
    server_fixture *f = h->f;
    for (int64_t row = 0; row < f->batch->rows; row++) {
        int64_t id = ((const int32_t *)f->batch->columns[0].values)[row];
        assert_in_range(id, 1, MOST_IDS - 1);
        h->exported[id]++;
        h->n_late += h->lo.n > 0 && id <= strtoll(h->lo.cells[0], NULL, 10);
    }
}

/* Pages between which others go on. */
static void read_window(history *h, const rv_range *range)
{
    const rv_bounds bounds = {.kind = RV_BOUNDS_KEY, .key = &h->key, .ranges = {range}, .n_ranges = 1};
    rv_page page = {0};
    server_assert_ok(h->f, server_try_scan(h->f, &bounds, NULL));
    while (!page.end) {
        server_assert_ok(h->f, server_next(h->f, 5, ENOUGH, &page));
        note_page(h);
        for (uint32_t n = draw(h, 4); n > 0; n--)
            step(h);
    }
    server_close_scan(h->f);
}

/* What a run does: fix the window before reading, then read it. */
static void run(history *h, bool snapshot)
{
    const rv_range *none = NULL;
    rv_key_ends ends = {0};
    int64_t held = 0;
    server_fixture *f = h->f;
    server_begin(f, snapshot);
    server_describe(f, "h");
    rv_history late = {.until = horizon(f, &held), .since = h->since};
    if (h->lo.n > 0)
        late.late_from = (rv_key_value){1, {"0"}};
    rv_range window = {.key = &h->key, .history = &late};
    const rv_history decided = {.until = late.until};
    const rv_range before = {.key = &h->key, .history = &decided};
    none = &before;
    server_assert_ok(f, rv_source_key_ends(f->source, &f->relation, &f->info, &h->key, NULL, &none, 1,
                                           f->arena, &ends, &f->err));
    window.lo = h->lo;
    window.hi = h->lo;
    if (!ends.empty &&
        (h->lo.n == 0 || strtoll(ends.last.cells[0], NULL, 10) > strtoll(h->lo.cells[0], NULL, 10)))
        window.hi = ends.last;
    window.hi_inclusive = true;
    for (uint32_t n = draw(h, 4); n > 0; n--)
        step(h);
    if (window.hi.n > 0)
        read_window(h, &window);
    server_end(f);
    h->lo = window.hi;
    h->since = h->lo.n > 0 ? late.until : NULL;
}

static void assert_live_rows_were_exported(history *h)
{
    char *text = rv_arena_strdup(h->f->arena, server_ask(h->f, "SELECT string_agg(id::text, ',') FROM h")),
         *rest = NULL;
    assert_non_null(text);
    for (char *id = strtok_r(text, ",", &rest); id != NULL; id = strtok_r(NULL, ",", &rest))
        if (h->exported[strtoll(id, NULL, 10)] != 1)
            fail_msg("row %s was exported %d times", id, h->exported[strtoll(id, NULL, 10)]);
    for (int id = 0; id < MOST_IDS; id++)
        if (h->exported[id] > 1)
            fail_msg("row version %d was exported %d times", id, h->exported[id]);
}

static void runs_together_export_each_row_version_once_whoever_commits_when(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    int n_late = 0;
    for (uint32_t seed = 1; seed <= 4; seed++) {
        history *h = calloc(1, sizeof *h);
        assert_non_null(h);
        *h = (history){.f = f, .sessions = {f->writer, f->other}, .random = seed, .next_id = 1};
        h->key = (rv_key){.n_columns = 1, .columns = {"id"}};
        server_execute(f, "DROP TABLE IF EXISTS h; CREATE TABLE h (id int PRIMARY KEY)");
        for (int i = 0; i < 30; i++) {
            for (int s = 0; s < 12; s++)
                step(h);
            run(h, i % 3 == 0);
        }
        for (int i = 0; i < 2; i++)
            act(h, i, h->open[i] ? "COMMIT" : "SELECT 1");
        h->quiet = true;
        run(h, false);
        run(h, true); /* for what the run before could not decide about */
        assert_live_rows_were_exported(h);
        n_late += h->n_late;
        free(h);
    }
    assert_true(n_late > 20); /* or nothing was proven */
}

static const char *ids_before(server_fixture *f, const char *mark)
{
    static const rv_key key = {.n_columns = 1, .columns = {"id"}};
    const rv_history decided = {.until = mark};
    const rv_range range = {.key = &key, .history = &decided};
    const rv_bounds bounds = {.kind = RV_BOUNDS_KEY, .key = &key, .ranges = {&range}, .n_ranges = 1};
    return server_read(f, &bounds, NULL, 3);
}

static void versions_frozen_long_ago_are_before_every_mark(void **state)
{
    server_fixture *f = *state;
    int64_t held = 0;
    char much_later[32], long_ago[32];
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE h (id int PRIMARY KEY); INSERT INTO h VALUES (1), (2)");
    server_execute(f, "VACUUM (FREEZE) h");
    server_execute(f, "INSERT INTO h VALUES (3)");
    server_begin(f, false);
    server_describe(f, "h");
    const char *mark = horizon(f, &held);
    server_execute(f, "INSERT INTO h VALUES (4)");
    assert_string_equal(ids_before(f, mark), "1,2,3");
    /* To a mark of the next round of numbers, today's versions are those of a round before: all of them old. */
    snprintf(much_later, sizeof much_later, "%" PRIu64,
             (uint64_t)strtoull(mark, NULL, 10) + (UINT64_C(1) << 32));
    assert_string_equal(ids_before(f, much_later), "1,2,3,4");
    /* And of the catalog's rows made by the bootstrap, none is newer than anything. */
    snprintf(long_ago, sizeof long_ago, "%d", 3);
    assert_string_equal(ids_before(f, long_ago), "");
}

static void leaves_of_a_partitioned_table_have_a_history_and_views_have_none(void **state)
{
    static const rv_key key = {.n_columns = 1, .columns = {"id"}};
    const rv_history decided = {.until = "10"};
    const rv_range range = {.key = &key, .history = &decided};
    const rv_bounds bounds = {.kind = RV_BOUNDS_KEY, .key = &key, .ranges = {&range}, .n_ranges = 1};
    server_fixture *f = *state;
    int64_t held = 0;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id);"
                      " CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (5);"
                      " CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (5) TO (10);"
                      " INSERT INTO p VALUES (1), (7)");
    server_execute(f, "CREATE VIEW v AS SELECT * FROM p");
    server_begin(f, false);
    server_describe(f, "p");
    const char *mark = horizon(f, &held);
    server_execute(f, "INSERT INTO p VALUES (2), (8)");
    assert_string_equal(ids_before(f, mark), "1,7");
    server_describe(f, "v");
    assert_int_equal(server_try_scan(f, &bounds, NULL), RV_E_SOURCE_UNSUPPORTED);
    server_describe_query(f, "SELECT 1 AS id");
    assert_int_equal(server_try_scan(f, &bounds, NULL), RV_E_SOURCE_UNSUPPORTED);
}

static void a_mark_that_is_none_is_refused(void **state)
{
    static const char *const marks[] = {"", "12x", "1; DROP TABLE h", "99999999999999999999", "-1"};
    static const rv_key key = {.n_columns = 1, .columns = {"id"}};
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE h (id int PRIMARY KEY)");
    server_begin(f, false);
    server_describe(f, "h");
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        const rv_history decided = {.until = marks[i]};
        const rv_range range = {.key = &key, .history = &decided};
        const rv_bounds bounds = {.kind = RV_BOUNDS_KEY, .key = &key, .ranges = {&range}, .n_ranges = 1};
        assert_int_equal(server_try_scan(f, &bounds, NULL), RV_E_INTERNAL);
    }
}

/* ---- a shared snapshot ---- */

static void a_snapshot_that_is_shared_is_seen_by_all_and_ends_with_its_owner(void **state)
{
    const rv_bounds everything = {.kind = RV_BOUNDS_ALL};
    server_fixture *f = *state;
    const char *name = NULL;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE h (id int PRIMARY KEY); INSERT INTO h VALUES (1)");
    server_begin(f, true);
    server_assert_ok(f, rv_source_share_snapshot(f->source, f->arena, &name, &f->err));
    rv_source *owner = f->source;
    f->source = NULL;
    server_execute(f, "INSERT INTO h VALUES (2)");
    const rv_read_options shared = {.snapshot = true, .shared_snapshot = name};
    server_reopen(f);
    server_assert_ok(f, rv_source_begin(f->source, &shared, &f->err));
    server_describe(f, "h");
    assert_string_equal(server_read(f, &everything, NULL, 10), "1");
    server_end(f);
    rv_source_end(owner);
    rv_source_close(owner);
    rv_code rc = rv_source_begin(f->source, &shared, &f->err);
    assert_int_equal(rc, RV_E_SOURCE_SNAPSHOT_AGE);
}

/* ---- pressure ---- */

static rv_pressure pressure(server_fixture *f)
{
    rv_pressure now = {0};
    server_assert_ok(f, rv_source_pressure(f->source, &now, &f->err));
    return now;
}

static void pressure_is_what_others_cause_and_not_ourselves(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    f->config.application_name = "rivet_pressure";
    server_reopen(f);
    server_execute(f, "CREATE TABLE h (id int)");
    rv_pressure calm = pressure(f);
    assert_true(calm.lock_waits >= 0 && calm.active_sessions >= 0 && calm.max_sessions > 1);
    assert_int_equal(calm.replica_lag_ms, 0);
    server_execute(f, "BEGIN; LOCK TABLE h");
    assert_true(PQsendQuery(f->other, "INSERT INTO h VALUES (1)") != 0);
    for (int i = 0; pressure(f).lock_waits != calm.lock_waits + 1; i++)
        assert_true(i < 10000);
    assert_true(pressure(f).active_sessions >= 1);
    server_execute(f, "COMMIT");
    for (PGresult *left = PQgetResult(f->other); left != NULL; left = PQgetResult(f->other))
        PQclear(left);
    /* A session of ours does not count, whatever it does. */
    server_execute_on(f->other, "SET application_name = 'rivet_pressure'");
    server_execute(f, "BEGIN; LOCK TABLE h");
    assert_true(PQsendQuery(f->other, "INSERT INTO h VALUES (1)") != 0);
    const char *waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'h'::regclass";
    for (int i = 0; strcmp(server_ask(f, waiting), "1") != 0; i++)
        assert_true(i < 10000);
    assert_int_equal(pressure(f).lock_waits, calm.lock_waits);
    server_execute(f, "COMMIT");
}

static void pressure_that_this_user_may_not_see_is_unknown_and_not_zero(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(f, "DROP ROLE IF EXISTS rivet_unit_blind; CREATE ROLE rivet_unit_blind LOGIN");
    f->config.user = "rivet_unit_blind";
    server_reopen(f);
    rv_pressure now = pressure(f);
    assert_int_equal(now.lock_waits, -1);
    assert_int_equal(now.active_sessions, -1);
    assert_true(now.max_sessions > 1);
    server_execute(f, "DROP ROLE rivet_unit_blind");
}

int main(void)
{
#define HISTORY_TEST(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)
    const struct CMUnitTest tests[] = {
        HISTORY_TEST(an_open_transaction_holds_the_horizon_back_and_says_since_when),
        HISTORY_TEST(runs_together_export_each_row_version_once_whoever_commits_when),
        HISTORY_TEST(versions_frozen_long_ago_are_before_every_mark),
        HISTORY_TEST(leaves_of_a_partitioned_table_have_a_history_and_views_have_none),
        HISTORY_TEST(a_mark_that_is_none_is_refused),
        HISTORY_TEST(a_snapshot_that_is_shared_is_seen_by_all_and_ends_with_its_owner),
        HISTORY_TEST(pressure_is_what_others_cause_and_not_ourselves),
        HISTORY_TEST(pressure_that_this_user_may_not_see_is_unknown_and_not_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
