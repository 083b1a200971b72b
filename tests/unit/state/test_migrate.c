#include "frozen_v1.h"
#include "support.h"

#include "lib/temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

/* ---- helpers ---- */

static void make_frozen_v1(fixture *f)
{
    for (const char *const *sql = frozen_v1_schema; *sql; sql++)
        tell(f, *sql);
    for (const char *const *sql = frozen_v1_content; *sql; sql++)
        tell(f, *sql);
}

/* The whole file, for "nothing was changed". */
static char *file_bytes(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long end = ftell(file);
    assert_true(end >= 0);
    rewind(file);
    char *bytes = malloc((size_t)end + 1);
    assert_non_null(bytes);
    *len = fread(bytes, 1, (size_t)end, file);
    assert_int_equal(*len, end);
    fclose(file);
    return bytes;
}

/* The product's migrations and further ones, as a later version will have them. */
static const char *const next_version[] = {
    "ALTER TABLE runs ADD COLUMN note TEXT NOT NULL DEFAULT 'none'",
    NULL,
};
static const char *const second_next[] = {
    "CREATE TABLE extra (id INTEGER PRIMARY KEY) STRICT",
    "INSERT INTO extra SELECT count(*) FROM runs WHERE note = 'none'",
    NULL,
};
static const char *const broken_next[] = {
    "CREATE TABLE extra (id INTEGER PRIMARY KEY) STRICT",
    "INSERT INTO no_such_table VALUES (1)",
    NULL,
};

enum { NEWEST = 4 };
typedef struct later_version {
    rvi_migration migrations[NEWEST + 2];
    rv_state_ops ops;
} later_version;

/* The first n migrations; the last of all is `second`. */
static void make_later(later_version *later, int n, const char *const *second)
{
    assert_int_equal(rvi_state_sqlite_ops.n_migrations, NEWEST);
    memcpy(later->migrations, rvi_state_sqlite_ops.migrations, NEWEST * sizeof later->migrations[0]);
    later->migrations[NEWEST] = (rvi_migration){NEWEST + 1, next_version};
    later->migrations[NEWEST + 1] = (rvi_migration){NEWEST + 2, second};
    later->ops = rvi_state_sqlite_ops;
    later->ops.migrations = later->migrations;
    later->ops.n_migrations = n;
}

static rv_code open_later(fixture *f, const later_version *later, rv_state_access access, rv_state **out,
                          rv_error *err)
{
    const rvi_state_options options = {.busy_timeout_ms = BUSY_MS};
    return rvi_state_open(out, &later->ops, f->path, access, &f->clock.base, &options, err);
}

static rv_code count_run(void *context, const rv_run_row *row, rv_error *err)
{
    (void)row;
    (void)err;
    ++*(int *)context;
    return RV_OK;
}

static int count_runs(rv_state *state)
{
    int n = 0;
    assert_int_equal(rv_state_list_runs(state, NULL, 0, count_run, &n, NULL), RV_OK);
    return n;
}

/* The fixture's store and the other file hold the same tables and indexes. */
static void assert_same_schema(fixture *f, const char *other)
{
    char sql[512];
    snprintf(sql, sizeof sql, "ATTACH '%s' AS fresh", other);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_stmt *difference = NULL;
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT count(*) + (SELECT count(*) FROM main.sqlite_schema)"
                                        " - (SELECT count(*) FROM fresh.sqlite_schema)"
                                        " FROM (SELECT name, sql FROM main.sqlite_schema"
                                        " EXCEPT SELECT name, sql FROM fresh.sqlite_schema)",
                                        -1, &difference, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(difference), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int64(difference, 0), 0);
    sqlite3_finalize(difference);
    sqlite3_close(db);
}

/* ---- tests ---- */

static void a_new_store_has_the_newest_version(void **state)
{
    fixture *f = *state;
    rv_state_close(open_store(f, RV_STATE_WRITE));
    assert_int_equal(ask(f, "SELECT max(version) FROM schema_version"), NEWEST);
    assert_int_equal(ask(f, "SELECT count(*) FROM schema_version WHERE applied_us = 1795253400000000"),
                     NEWEST);
    assert_int_equal(ask(f, "PRAGMA application_id"), 0x52495654);
    assert_int_equal(ask(f, "SELECT 'delete' = journal_mode FROM pragma_journal_mode"), 1);
    rv_state_close(open_store(f, RV_STATE_WRITE));
    assert_int_equal(ask(f, "SELECT count(*) FROM schema_version"), NEWEST);
    assert_int_equal(temp_dir_entries(f->folder, ""), 1);
}

static void reading_a_store_that_does_not_exist_creates_nothing(void **state)
{
    fixture *f = *state;
    rv_state *store = open_store(f, RV_STATE_READ);
    assert_int_equal(count_runs(store), 0);
    rv_state_close(store);
    assert_int_equal(temp_dir_entries(f->folder, ""), 0);
}

static void reading_a_store_changes_no_byte_of_it(void **state)
{
    fixture *f = *state;
    make_frozen_v1(f);
    size_t before_len, after_len;
    char *before = file_bytes(f->path, &before_len);
    rv_state *store = open_store(f, RV_STATE_READ);
    assert_int_equal(count_runs(store), 2);
    rv_run_plan plan = plan_of("new_run", "new");
    rv_error err;
    assert_int_equal(rv_state_start_run(store, &plan, NULL, 0, &f->self, LEASE_MS, &err),
                     RV_E_STATE_UNUSABLE);
    rv_state_close(store);
    char *after = file_bytes(f->path, &after_len);
    assert_int_equal(after_len, before_len);
    assert_memory_equal(after, before, before_len);
    free(before);
    free(after);
}

static void the_product_still_makes_version_1_as_it_was_released(void **state)
{
    fixture *f = *state;
    make_frozen_v1(f);
    char *other = temp_dir_join(f->folder, "fresh.db");
    rv_state *fresh = NULL;
    rv_state_ops first = rvi_state_sqlite_ops;
    first.n_migrations = 1;
    const rvi_state_options options = {.busy_timeout_ms = BUSY_MS};
    assert_int_equal(rvi_state_open(&fresh, &first, other, RV_STATE_WRITE, &f->clock.base, &options, NULL),
                     RV_OK);
    rv_state_close(fresh);
    assert_same_schema(f, other);
    free(other);
}

static void a_migrated_store_has_the_tables_of_a_new_one(void **state)
{
    fixture *f = *state;
    make_frozen_v1(f);
    rv_state_close(open_store(f, RV_STATE_WRITE));
    fixture other = *f;
    other.path = temp_dir_join(f->folder, "fresh.db");
    rv_state_close(open_store(&other, RV_STATE_WRITE));
    assert_same_schema(f, other.path);
    free(other.path);
}

static void a_store_of_version_1_keeps_what_it_holds(void **state)
{
    fixture *f = *state;
    make_frozen_v1(f);
    rv_state *store = open_store(f, RV_STATE_WRITE);
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    assert_int_equal(rv_arena_new(&arena, 1 << 20, NULL), RV_OK);
    rv_open_run open;
    assert_int_equal(rv_state_find_open_run(store, "users", arena, &open, NULL), RV_OK);
    assert_true(open.exists);
    assert_string_equal(open.plan.run_id, "users_20261121T093100.000");
    assert_int_equal(open.n_chunks, 2);
    assert_int_equal(open.n_completed, 1);
    f->clock.now_us = INT64_C(1795253520000000);
    assert_int_equal(rv_state_take_over(store, open.plan.run_id, &f->self, LEASE_MS, NULL), RV_OK);
    assert_int_equal(read_chunks(store, open.plan.run_id, &f->self), 1);
    const rv_run_result result = result_of(open.plan.run_id, RV_RUN_SUCCEEDED);
    assert_int_equal(rv_state_finish_run(store, &result, &f->self, NULL), RV_OK);
    assert_int_equal(ask(f, "SELECT count(*) FROM parts WHERE run_id LIKE 'users%'"), 2);
    assert_int_equal(ask(f, "SELECT count(*) FROM export_state WHERE export_name = 'orders'"
                            " AND cursor_value = '[\"2026-11-21 09:29:59.123456\"]' AND cursor_columns = ''"),
                     1);
    rv_state_close(store);
}

static void each_migration_is_applied_once_and_in_order(void **state)
{
    fixture *f = *state;
    make_frozen_v1(f);
    later_version later;
    for (int n = 1; n <= NEWEST + 2; n++) {
        make_later(&later, n, second_next);
        rv_state *store = NULL;
        assert_int_equal(open_later(f, &later, RV_STATE_WRITE, &store, NULL), RV_OK);
        rv_state_close(store);
        assert_int_equal(ask(f, "SELECT max(version) FROM schema_version"), n);
        assert_int_equal(ask(f, "SELECT count(*) FROM schema_version"), n);
    }
    assert_int_equal(ask(f, "SELECT id FROM extra"), 2);
}

static void several_versions_are_passed_in_one_go(void **state)
{
    fixture *f = *state;
    make_frozen_v1(f);
    later_version later;
    make_later(&later, NEWEST + 2, second_next);
    rv_state *store = NULL;
    assert_int_equal(open_later(f, &later, RV_STATE_WRITE, &store, NULL), RV_OK);
    rv_state_close(store);
    assert_int_equal(ask(f, "SELECT id FROM extra"), 2);
}

static void a_migration_that_fails_leaves_the_store_as_it_was(void **state)
{
    fixture *f = *state;
    make_frozen_v1(f);
    later_version later;
    make_later(&later, NEWEST + 2, broken_next);
    rv_state *store = NULL;
    rv_error err;
    assert_int_equal(open_later(f, &later, RV_STATE_WRITE, &store, &err), RV_E_STATE_UNUSABLE);
    assert_null(store);
    assert_string_equal(err.frame[0], "bringing the state store to version 6");
    assert_int_equal(ask(f, "SELECT max(version) FROM schema_version"), 1);
    assert_int_equal(ask(f, "SELECT count(*) FROM sqlite_schema WHERE name = 'extra'"), 0);
    store = open_store(f, RV_STATE_WRITE);
    assert_int_equal(count_runs(store), 2);
    rv_state_close(store);
}

static void an_older_store_is_read_through_a_migrated_copy(void **state)
{
    fixture *f = *state;
    make_frozen_v1(f);
    size_t before_len, after_len;
    char *before = file_bytes(f->path, &before_len);
    later_version later;
    make_later(&later, NEWEST + 2, second_next);
    rv_state *store = NULL;
    assert_int_equal(open_later(f, &later, RV_STATE_READ, &store, NULL), RV_OK);
    assert_int_equal(count_runs(store), 2);
    rv_state_close(store);
    char *after = file_bytes(f->path, &after_len);
    assert_int_equal(after_len, before_len);
    assert_memory_equal(after, before, before_len);
    free(before);
    free(after);
}

static void a_newer_store_is_refused_whole(void **state)
{
    fixture *f = *state;
    later_version later;
    make_later(&later, NEWEST + 1, second_next);
    rv_state *store = NULL;
    assert_int_equal(open_later(f, &later, RV_STATE_WRITE, &store, NULL), RV_OK);
    rv_state_close(store);
    for (rv_state_access access = RV_STATE_READ; access <= RV_STATE_WRITE; access++) {
        rv_error err;
        store = NULL;
        assert_int_equal(try_open(f, access, &store, &err), RV_E_STATE_NEWER);
        assert_null(store);
        assert_non_null(strstr(err.message, "version 5"));
        assert_true(err.hint[0] != '\0');
    }
}

static void a_database_of_another_program_is_left_alone(void **state)
{
    fixture *f = *state;
    tell(f, "CREATE TABLE schema_version (version INTEGER); INSERT INTO schema_version VALUES (8);"
            "CREATE TABLE export_state (export_name TEXT)");
    for (rv_state_access access = RV_STATE_READ; access <= RV_STATE_WRITE; access++) {
        rv_error err;
        rv_state *store = NULL;
        assert_int_equal(try_open(f, access, &store, &err), RV_E_STATE_UNUSABLE);
        assert_non_null(strstr(err.message, "another program"));
        assert_non_null(strstr(err.hint, "rename"));
    }
    assert_int_equal(ask(f, "SELECT count(*) FROM sqlite_schema"), 2);
}

static void a_store_without_its_version_is_corrupt(void **state)
{
    fixture *f = *state;
    rv_state_close(open_store(f, RV_STATE_WRITE));
    tell(f, "DELETE FROM schema_version");
    rv_state *store = NULL;
    rv_error err;
    assert_int_equal(try_open(f, RV_STATE_WRITE, &store, &err), RV_E_STATE_CORRUPT);
    assert_non_null(strstr(err.hint, "rename"));
}

static void a_store_in_wal_mode_is_switched_back(void **state)
{
    fixture *f = *state;
    rv_state_close(open_store(f, RV_STATE_WRITE));
    tell(f, "PRAGMA journal_mode = WAL");
    rv_state_close(open_store(f, RV_STATE_WRITE));
    assert_int_equal(ask(f, "SELECT 'delete' = journal_mode FROM pragma_journal_mode"), 1);
}

/* Children wait until all of them exist, then open the store at once. */
static int cold_start(fixture *f, int gate)
{
    char nothing;
    if (read(gate, &nothing, 1) != 0)
        return 2;
    rv_state *store = NULL;
    rv_error err = {0};
    if (rv_state_open(&store, f->path, RV_STATE_WRITE, &f->clock.base, &err) != RV_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    rv_state_close(store);
    return 0;
}

static void sixteen_cold_starts_at_once_all_succeed(void **state)
{
    enum { STARTS = 16, ROUNDS = 5 };
    fixture *f = *state;
    for (int round = 0; round < ROUNDS; round++) {
        temp_dir_empty(f->folder);
        int gate[2];
        assert_int_equal(pipe(gate), 0);
        pid_t children[STARTS];
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
        assert_int_equal(ask(f, "SELECT count(*) FROM schema_version"), NEWEST);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_store(a_new_store_has_the_newest_version),
        test_with_store(reading_a_store_that_does_not_exist_creates_nothing),
        test_with_store(reading_a_store_changes_no_byte_of_it),
        test_with_store(the_product_still_makes_version_1_as_it_was_released),
        test_with_store(a_migrated_store_has_the_tables_of_a_new_one),
        test_with_store(a_store_of_version_1_keeps_what_it_holds),
        test_with_store(each_migration_is_applied_once_and_in_order),
        test_with_store(several_versions_are_passed_in_one_go),
        test_with_store(a_migration_that_fails_leaves_the_store_as_it_was),
        test_with_store(an_older_store_is_read_through_a_migrated_copy),
        test_with_store(a_newer_store_is_refused_whole),
        test_with_store(a_database_of_another_program_is_left_alone),
        test_with_store(a_store_without_its_version_is_corrupt),
        test_with_store(a_store_in_wal_mode_is_switched_back),
        test_with_store(sixteen_cold_starts_at_once_all_succeed),
    };
    return run_state_tests("state/migrate", tests);
}
