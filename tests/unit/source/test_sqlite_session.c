/* Opening a file that may be anything, never changing it, and stopping when asked. */
#include "unit/source/sqlite_support.h"

#include "lib/temp_dir.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static rv_code open_path(sqlite_fixture *f, const char *path)
{
    f->config.path = path;
    return sqlite_try_open(f);
}

static void a_missing_file_is_not_found_and_not_made(void **state)
{
    sqlite_fixture *f = *state;
    char *path = temp_dir_join(f->folder, "missing.db");
    assert_int_equal(open_path(f, path), RV_E_SOURCE_NOT_FOUND);
    assert_null(f->source);
    assert_non_null(strstr(f->err.message, "missing.db"));
    assert_true(f->err.hint[0] != '\0');
    assert_int_equal(access(path, F_OK), -1);
    free(path);
}

static void a_folder_is_no_database(void **state)
{
    sqlite_fixture *f = *state;
    assert_int_equal(open_path(f, f->folder), RV_E_SOURCE_NOT_FOUND);
    assert_non_null(strstr(f->err.message, "not a file"));
}

static void no_path_is_refused(void **state)
{
    sqlite_fixture *f = *state;
    assert_int_equal(open_path(f, NULL), RV_E_SOURCE_NOT_FOUND);
    assert_int_equal(open_path(f, ""), RV_E_SOURCE_NOT_FOUND);
}

static void what_is_no_database_is_said_to_be_none(void **state)
{
    sqlite_fixture *f = *state;
    char noise[4096];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)(i * 7 + 13);
    temp_file_write(f->folder, "noise.db", noise, sizeof noise);
    char *path = temp_dir_join(f->folder, "noise.db");
    assert_int_equal(open_path(f, path), RV_E_SOURCE_QUERY);
    assert_non_null(strstr(f->err.message, "not a SQLite database, or is encrypted"));
    assert_string_equal(f->err.native, "26");
    free(path);
}

static void a_damaged_file_is_said_to_be_damaged(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(
        f, "CREATE TABLE t(x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 5000)"
           " INSERT INTO t SELECT 'row ' || i FROM n");
    sqlite3_close(f->writer);
    f->writer = NULL;
    FILE *file = fopen(f->path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 4096, SEEK_SET), 0);
    for (int i = 0; i < 4096; i++)
        fputc(0xff, file);
    fclose(file);
    rv_code rc = sqlite_read_table(f, "t", NULL);
    assert_int_equal(rc, RV_E_SOURCE_QUERY);
    assert_non_null(strstr(f->err.message, "damaged"));
}

static void a_cut_file_is_never_read_as_a_shorter_one(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(
        f, "CREATE TABLE t(x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 5000)"
           " INSERT INTO t SELECT 'row ' || i FROM n");
    sqlite3_close(f->writer);
    f->writer = NULL;
    assert_int_equal(truncate(f->path, 8 * 4096), 0);
    assert_int_not_equal(sqlite_read_table(f, "t", NULL), RV_OK);
}

/* SQLite gives names like these a meaning of their own. */
static void a_name_is_only_ever_a_file(void **state)
{
    static const char *const names[] = {":memory:", "file:source.db?mode=rwc", "file::memory:", "%41.db"};
    sqlite_fixture *f = *state;
    char *before = getcwd(NULL, 0);
    assert_non_null(before);
    assert_int_equal(chdir(f->folder), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_int_equal(open_path(f, names[i]), RV_E_SOURCE_NOT_FOUND);
    sqlite_execute(f, "CREATE TABLE t(x); VACUUM INTO './file:odd?.db'");
    assert_int_equal(open_path(f, "file:odd?.db"), RV_OK);
    assert_int_equal(chdir(before), 0);
    free(before);
}

static long file_size(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 ? (long)info.st_size : -1;
}

static void reading_leaves_a_wal_as_it_was(void **state)
{
    sqlite_fixture *f = *state;
    char *wal = temp_dir_join(f->folder, "source.db-wal");
    sqlite_execute(
        f, "PRAGMA journal_mode=WAL; CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1),(2)");
    long wal_before = file_size(wal), before = file_size(f->path);
    assert_true(wal_before > 0);
    assert_int_equal(sqlite_read_table(f, "t", NULL), RV_OK);
    assert_string_equal(sqlite_rows(f), "1\n2");
    sqlite_close_source(f);
    assert_int_equal(file_size(wal), wal_before);
    assert_int_equal(file_size(f->path), before);
    free(wal);
}

/* A copy of the file at `from`, in the fixture's folder. */
static void copy_file(const sqlite_fixture *f, const char *from, const char *name)
{
    enum { MAX_BYTES = 1 << 20 };
    char *bytes = malloc(MAX_BYTES);
    FILE *file = fopen(from, "rb");
    assert_non_null(bytes);
    assert_non_null(file);
    size_t len = fread(bytes, 1, MAX_BYTES, file);
    assert_in_range(len, 1, MAX_BYTES - 1);
    temp_file_write(f->folder, name, bytes, len);
    fclose(file);
    free(bytes);
}

/* What another process's crash leaves: a journal that must be rolled back before the file means anything. */
static void a_file_to_be_recovered_is_not_read(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f,
                   "CREATE TABLE t(x); INSERT INTO t VALUES (zeroblob(100000)); PRAGMA cache_size=1; BEGIN;"
                   "UPDATE t SET x = randomblob(100000); INSERT INTO t SELECT randomblob(100000) FROM t");
    char *journal = temp_dir_join(f->folder, "source.db-journal"),
         *copy = temp_dir_join(f->folder, "crashed.db");
    copy_file(f, f->path, "crashed.db");
    copy_file(f, journal, "crashed.db-journal");
    sqlite_execute(f, "ROLLBACK");
    assert_int_equal(open_path(f, copy), RV_E_SOURCE_DENIED);
    assert_non_null(strstr(f->err.message, "recovered"));
    free(copy);
    free(journal);
}

static void a_locked_file_is_waited_for_only_so_long(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(x)");
    sqlite_open_source(f);
    sqlite_execute(f, "BEGIN EXCLUSIVE");
    const rv_read_options options = {.snapshot = true, .lock_timeout_ms = 1};
    assert_int_equal(rv_source_begin(f->source, &options, &f->err), RV_E_SOURCE_LOCK_TIMEOUT);
    assert_int_equal(f->err.retry, RV_RETRY_BACKOFF);
    assert_true(f->err.hint[0] != '\0');
    rv_source_end(f->source);
    sqlite_execute(f, "COMMIT");
    assert_int_equal(rv_source_begin(f->source, &options, &f->err), RV_OK);
}

static void *request_cancel(void *cancel)
{
    rv_cancel_request(cancel);
    return NULL;
}

static void a_wait_for_a_lock_ends_when_cancelled(void **state)
{
    sqlite_fixture *f = *state;
    pthread_t canceller;
    sqlite_execute(f, "CREATE TABLE t(x)");
    sqlite_open_source(f);
    sqlite_execute(f, "BEGIN EXCLUSIVE");
    const rv_read_options options = {.snapshot = true, .lock_timeout_ms = 0};
    assert_int_equal(pthread_create(&canceller, NULL, request_cancel, f->cancel), 0);
    assert_int_equal(rv_source_begin(f->source, &options, &f->err), RV_E_CANCELLED);
    pthread_join(canceller, NULL);
    sqlite_execute(f, "COMMIT");
}

static void a_snapshot_is_given_back_after_a_cancellation(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(x)");
    sqlite_open_source(f);
    sqlite_begin(f, true);
    rv_cancel_request(f->cancel);
    rv_source_end(f->source);
    sqlite_execute(f, "BEGIN EXCLUSIVE; COMMIT"); /* fails as long as anybody reads */
}

static void without_a_snapshot_nothing_is_held_between_pages(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1),(2),(3)");
    sqlite_open_source(f);
    sqlite_begin(f, false);
    assert_int_equal(sqlite_try_describe(f, (rv_relation){.kind = RV_RELATION_TABLE, .table = "t"}, NULL),
                     RV_OK);
    sqlite_scan(f, sqlite_everything());
    assert_int_equal(sqlite_next(f, 2), RV_OK);
    sqlite_execute(f, "BEGIN EXCLUSIVE; INSERT INTO t VALUES (4); COMMIT");
    assert_int_equal(sqlite_next(f, 100), RV_OK);
    assert_string_equal(sqlite_rows(f), "3\n4");
}

static const char endless_query[] =
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

static void a_stream_over_its_time_is_over(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_open_source(f);
    const rv_read_options options = {.statement_timeout_ms = 1};
    assert_int_equal(rv_source_begin(f->source, &options, &f->err), RV_OK);
    rv_relation query = {.kind = RV_RELATION_QUERY, .query = endless_query};
    assert_int_equal(sqlite_try_describe(f, query, NULL), RV_OK);
    sqlite_scan(f, sqlite_everything());
    assert_int_equal(sqlite_next(f, 1), RV_E_SOURCE_STATEMENT_TIMEOUT);
    assert_int_equal(f->err.retry, RV_RETRY_NEVER);
    assert_int_not_equal(sqlite_next(f, 1), RV_OK);
}

static void the_version_is_that_of_the_library(void **state)
{
    sqlite_fixture *f = *state;
    rv_server_info info;
    sqlite_open_source(f);
    assert_int_equal(rv_source_server(f->source, &info, NULL), RV_OK);
    assert_string_equal(info.product, "SQLite");
    assert_string_equal(info.version, sqlite3_libversion());
    assert_int_equal(info.version_number, sqlite3_libversion_number());
    assert_false(info.tls);
    assert_false(info.pooled);
}

int main(void)
{
#define SESSION_TEST(test) cmocka_unit_test_setup_teardown(test, sqlite_setup, sqlite_teardown)
    const struct CMUnitTest tests[] = {
        SESSION_TEST(a_missing_file_is_not_found_and_not_made),
        SESSION_TEST(a_folder_is_no_database),
        SESSION_TEST(no_path_is_refused),
        SESSION_TEST(what_is_no_database_is_said_to_be_none),
        SESSION_TEST(a_damaged_file_is_said_to_be_damaged),
        SESSION_TEST(a_cut_file_is_never_read_as_a_shorter_one),
        SESSION_TEST(a_name_is_only_ever_a_file),
        SESSION_TEST(reading_leaves_a_wal_as_it_was),
        SESSION_TEST(a_file_to_be_recovered_is_not_read),
        SESSION_TEST(a_locked_file_is_waited_for_only_so_long),
        SESSION_TEST(a_wait_for_a_lock_ends_when_cancelled),
        SESSION_TEST(a_snapshot_is_given_back_after_a_cancellation),
        SESSION_TEST(without_a_snapshot_nothing_is_held_between_pages),
        SESSION_TEST(a_stream_over_its_time_is_over),
        SESSION_TEST(the_version_is_that_of_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
