/* The executor against a scripted source and a real folder: every row exactly once, or nothing at all. */
#include "lib/fault.h"
#include "run/internal.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATH_BYTES = 256, MAX_ROWS = 200000 };

/* One temporary folder holding a script, a state store and the output. */
typedef struct bench {
    char folder[PATH_BYTES], script[PATH_BYTES], state[PATH_BYTES], out[PATH_BYTES];
    rv_config config;
    rv_export_config export_config;
    rv_cancel *cancel;
    rv_run_context context;
    rv_summary summary;
} bench;

static void join_path(char out[PATH_BYTES], const char *folder, const char *name)
{
    assert_true(snprintf(out, PATH_BYTES, "%s/%s", folder, name) < PATH_BYTES);
}

static int bench_setup(void **state)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    (void)snprintf(b->folder, sizeof b->folder, "/tmp/rivet-executor-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    join_path(b->script, b->folder, "script");
    join_path(b->state, b->folder, "state.db");
    join_path(b->out, b->folder, "out");
    b->export_config = (rv_export_config){
        .name = "t",
        .mode = "full",
        .relation = {RV_RELATION_TABLE, NULL, "t", NULL},
        .format = {.kind = RV_FORMAT_CSV,
                   .csv = {.delimiter = ',', .null_text = "", .header = false, .line_ending = "\n"}},
        .dest = {.kind = "local", .path = b->out},
        .tuning = {.statement_target_ms = 250, .duty_percent = 100},
        .consistency = RV_CONSISTENCY_SNAPSHOT,
    };
    b->config = (rv_config){.path = "test",
                            .directory = b->folder,
                            .source = {.kind = "fake", .path = b->script, .display = "script"},
                            .exports = &b->export_config,
                            .n_exports = 1};
    assert_int_equal(rv_cancel_new(&b->cancel, NULL), RV_OK);
    b->context = (rv_run_context){
        .config = &b->config, .state_path = b->state, .clock = rv_clock_system(), .cancel = b->cancel};
    *state = b;
    return 0;
}

static void remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        char inside[2 * PATH_BYTES];
        (void)snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && unlink(inside) != 0)
            remove_folder(inside);
    }
    if (folder != NULL)
        (void)closedir(folder);
    (void)rmdir(path);
}

static int bench_teardown(void **state)
{
    bench *b = *state;
    rv_cancel_free(b->cancel);
    remove_folder(b->folder);
    free(b);
    return 0;
}

static rv_code run(bench *b)
{
    rv_code rc = rv_run_export(&b->context, &b->export_config, &b->summary);
    if (rc != RV_OK)
        print_message("    %s: %s (%d notes)\n", rv_code_name(rc), b->summary.error.message,
                      b->summary.n_notes);
    return rc;
}

/* How many entries of the output folder end in `suffix`; "" counts all. */
static int count_files(const bench *b, const char *suffix)
{
    int n = 0;
    DIR *folder = opendir(b->out);
    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        size_t len = strlen(entry->d_name), tail = strlen(suffix);
        bool dot = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        n += !dot && len >= tail && strcmp(entry->d_name + len - tail, suffix) == 0;
    }
    if (folder != NULL)
        (void)closedir(folder);
    return n;
}

/* Reads the first cell, an integer, of every line of every CSV file; each of 0..n-1 must be there exactly once. */
static void assert_rows_once(const bench *b, int64_t n)
{
    uint8_t *seen = calloc(MAX_ROWS, 1);
    int64_t total = 0;
    assert_non_null(seen);
    DIR *folder = opendir(b->out);
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[2 * PATH_BYTES], line[4096];
        size_t len = strlen(entry->d_name);
        if (len < 4 || strcmp(entry->d_name + len - 4, ".csv") != 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", b->out, entry->d_name);
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        while (fgets(line, sizeof line, file) != NULL) {
            long id = strtol(line, NULL, 10);
            assert_in_range(id, 0, n - 1);
            assert_int_equal(seen[id], 0);
            seen[id] = 1;
            total++;
        }
        (void)fclose(file);
    }
    (void)closedir(folder);
    free(seen);
    assert_int_equal(total, n);
}

/* 0, 1, 2, … as literal rows would be long; a row number column is what the generator's first bigint is made of. */
static void write_numbered(bench *b, int64_t n, const char *table_words, const char *lines)
{
    FILE *file = fopen(b->script, "we");
    assert_non_null(file);
    fprintf(file, "%s\ntable t %s\ncolumn id bigint not_null key\ncolumn note text null_every=3\n",
            strncmp(lines, "fail", 4) == 0 ? lines : "", table_words);
    if (strncmp(lines, "fail", 4) != 0)
        fputs(lines, file);
    for (int64_t i = 0; i < n; i++)
        fprintf(file, "row %lld \"note %lld\"\n", (long long)i, (long long)i);
    assert_int_equal(fclose(file), 0);
}

static void a_stream_is_exported_once(void **state)
{
    bench *b = *state;
    write_numbered(b, 5000, "", "");
    assert_int_equal(run(b), RV_OK);
    assert_int_equal(b->summary.status, RV_RUN_SUCCEEDED);
    assert_int_equal(b->summary.rows, 5000);
    assert_int_equal(b->summary.files, 1);
    assert_string_equal(b->summary.strategy, "stream");
    assert_rows_once(b, 5000);
    assert_int_equal(count_files(b, ""), 4); /* part, two manifests, _SUCCESS */
}

static void chunks_of_ranges_tile_the_table(void **state)
{
    bench *b = *state;
    write_numbered(b, 5000, "est_bytes=3000000000",
                   "physical unit=block per_unit=7 strategy=blocks needs_snapshot\n");
    assert_int_equal(run(b), RV_OK);
    assert_string_equal(b->summary.strategy, "blocks");
    assert_true(b->summary.n_chunks > 5);
    assert_int_equal(b->summary.files, b->summary.n_chunks);
    assert_rows_once(b, 5000);
}

static void a_lost_connection_leaves_nothing_and_the_next_run_is_whole(void **state)
{
    bench *b = *state;
    write_numbered(b, 5000, "est_bytes=3000000000", "fail page code=SOURCE_LOST after_rows=3000\n");
    assert_int_equal(run(b), RV_E_SOURCE_LOST);
    assert_int_equal(b->summary.status, RV_RUN_FAILED);
    assert_int_equal(count_files(b, ""), 0);
    write_numbered(b, 5000, "", "");
    assert_int_equal(run(b), RV_OK);
    assert_rows_once(b, 5000);
}

static void a_page_over_its_limit_is_read_again_smaller(void **state)
{
    bench *b = *state;
    write_numbered(b, 5000, "",
                   "fail page code=SOURCE_STATEMENT_TIMEOUT after_rows=1000 times=3 retry=smaller\n");
    assert_int_equal(run(b), RV_OK);
    assert_int_equal(b->summary.retries, 3);
    assert_rows_once(b, 5000);
}

static void a_statement_that_never_fits_fails_for_good(void **state)
{
    bench *b = *state;
    write_numbered(b, 5000, "", "fail page code=SOURCE_STATEMENT_TIMEOUT after_rows=1000 retry=smaller\n");
    assert_int_equal(run(b), RV_E_SOURCE_STATEMENT_TIMEOUT);
    assert_int_equal(count_files(b, ""), 0);
}

static void *request_when_reading(void *argument)
{
    bench *b = argument;
    struct timespec tick = {.tv_nsec = 1000000};
    for (int i = 0; i < 10000 && count_files(b, "") == 0; i++) /* the spool file shows that pages flow */
        (void)nanosleep(&tick, NULL);
    rv_cancel_request(b->cancel);
    return NULL;
}

static void a_cancelled_run_ends_although_the_source_hangs(void **state)
{
    bench *b = *state;
    pthread_t canceller;
    write_numbered(b, 50000, "", "page 3 hang\n");
    assert_int_equal(pthread_create(&canceller, NULL, request_when_reading, b), 0);
    assert_int_equal(run(b), RV_E_CANCELLED);
    pthread_join(canceller, NULL);
    assert_int_equal(b->summary.status, RV_RUN_INTERRUPTED);
    assert_int_equal(count_files(b, ""), 0);
}

/* Records a run as an earlier process would have, up to `completed` chunks of it. */
static void leave_open_run(bench *b, const char *run_id, const char *owner, const char *fingerprint)
{
    rv_state *store = NULL;
    rv_owner by = {{0}};
    rv_run_plan plan = {.run_id = run_id,
                        .export_name = "t",
                        .plan_fingerprint = fingerprint,
                        .strategy = "stream",
                        .mode = "full",
                        .format = "csv",
                        .compression = "none",
                        .profile = "balanced",
                        .dest_kind = "local",
                        .dest_path = b->out,
                        .dest_uri = "file:///x",
                        .schema_json = "[]",
                        .source_json = "{}",
                        .started_us = 1};
    rv_chunk chunk = {.bounds = {.kind = RV_BOUNDS_ALL}, .status = RV_CHUNK_PENDING};
    if (owner != NULL)
        (void)snprintf(by.text, sizeof by.text, "%s", owner);
    else
        assert_int_equal(rv_owner_self(&by, NULL), RV_OK);
    assert_int_equal(rv_state_open(&store, b->state, RV_STATE_WRITE, rv_clock_system(), NULL), RV_OK);
    assert_int_equal(rv_state_start_run(store, &plan, &chunk, 1, &by, 1, NULL), RV_OK);
    rv_state_close(store);
}

static void an_export_that_is_running_is_refused(void **state)
{
    bench *b = *state;
    write_numbered(b, 10, "", "");
    leave_open_run(b, "t_20200101T000000.000", NULL, "xxh3:0"); /* this very process is alive */
    assert_int_equal(run(b), RV_E_RUN_LEASE_HELD);
    assert_int_equal(count_files(b, ""), 0);
}

static void files_of_a_dead_run_of_another_plan_are_removed(void **state)
{
    bench *b = *state;
    char stray[2 * PATH_BYTES];
    write_numbered(b, 10, "", "");
    leave_open_run(b, "t_20200101T000000.000", "elsewhere/boot/1/1", "xxh3:0");
    assert_int_equal(mkdir(b->out, 0777), 0);
    (void)snprintf(stray, sizeof stray, "%s/t_20200101T000000.000.csv", b->out);
    FILE *file = fopen(stray, "we");
    assert_non_null(file);
    fputs("77,stray\n", file);
    (void)fclose(file);
    assert_int_equal(run(b), RV_OK);
    assert_false(b->summary.resumed);
    assert_rows_once(b, 10);
}

static void no_rows_give_a_manifest_and_no_part(void **state)
{
    bench *b = *state;
    write_numbered(b, 0, "", "");
    assert_int_equal(run(b), RV_OK);
    assert_int_equal(b->summary.files, 0);
    assert_int_equal(count_files(b, ".csv"), 0);
    assert_int_equal(count_files(b, "_SUCCESS"), 1);
}

static void skip_empty_leaves_the_destination_alone(void **state)
{
    bench *b = *state;
    write_numbered(b, 0, "", "");
    b->export_config.skip_empty = true;
    assert_int_equal(run(b), RV_OK);
    assert_int_equal(b->summary.status, RV_RUN_SKIPPED);
    assert_int_equal(count_files(b, ""), 0);
}

static void replace_removes_exactly_what_older_manifests_name(void **state)
{
    bench *b = *state;
    write_numbered(b, 100, "", "");
    assert_int_equal(run(b), RV_OK);
    write_numbered(b, 200, "", "");
    b->export_config.on_existing = RV_EXISTING_REPLACE;
    assert_int_equal(run(b), RV_OK);
    assert_rows_once(b, 200);
    assert_int_equal(count_files(b, ""), 4);
}

static void on_existing_fail_refuses_a_second_run(void **state)
{
    bench *b = *state;
    write_numbered(b, 100, "", "");
    b->export_config.on_existing = RV_EXISTING_FAIL;
    assert_int_equal(run(b), RV_OK);
    assert_int_equal(run(b), RV_E_DEST_EXISTS);
    assert_rows_once(b, 100);
}

/* Whatever allocation fails: an error, no file that could be taken for data; and afterwards a clean run. */
static void every_failed_allocation_leaves_nothing_behind(void **state)
{
    bench *b = *state;
    write_numbered(b, 20, "est_bytes=600000000",
                   "physical unit=block per_unit=4 strategy=blocks needs_snapshot\n");
    int failures = 0;
    for (int n = 1; n < 20000; n += 1 + n / 64) {
        fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
        rv_code rc = run(b);
        bool hit = fault_disarm();
        if (!hit)
            break;
        if (rc != RV_OK) {
            failures++;
            assert_true(b->summary.error.code == rc);
            bool commit_failed = b->summary.n_notes > 0;
            if (!commit_failed)
                assert_int_equal(count_files(b, ""), 0);
            assert_int_equal(run(b), RV_OK);
            assert_rows_once(b, 20);
        }
        remove_folder(b->out);
        (void)unlink(b->state);
    }
    assert_true(failures > 20);
    assert_rows_once(b, 20); /* the run that met no fault */
}

static void every_failed_write_leaves_nothing_behind(void **state)
{
    bench *b = *state;
    write_numbered(b, 20, "", "");
    static const fault_kind kinds[] = {FAULT_WRITE, FAULT_FSYNC, FAULT_RENAME};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (int n = 1;; n++) {
            fault_arm(kinds[k], n, FAULT_PERSISTENT, ENOSPC);
            rv_code rc = run(b);
            bool hit = fault_disarm();
            if (rc != RV_OK) { /* the disk has room again: the same run is finished, once */
                assert_int_equal(run(b), RV_OK);
                assert_rows_once(b, 20);
            }
            remove_folder(b->out);
            (void)unlink(b->state);
            if (!hit)
                break;
        }
}

#define EXECUTOR_TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXECUTOR_TEST(a_stream_is_exported_once),
        EXECUTOR_TEST(chunks_of_ranges_tile_the_table),
        EXECUTOR_TEST(a_lost_connection_leaves_nothing_and_the_next_run_is_whole),
        EXECUTOR_TEST(a_page_over_its_limit_is_read_again_smaller),
        EXECUTOR_TEST(a_statement_that_never_fits_fails_for_good),
        EXECUTOR_TEST(a_cancelled_run_ends_although_the_source_hangs),
        EXECUTOR_TEST(an_export_that_is_running_is_refused),
        EXECUTOR_TEST(files_of_a_dead_run_of_another_plan_are_removed),
        EXECUTOR_TEST(no_rows_give_a_manifest_and_no_part),
        EXECUTOR_TEST(skip_empty_leaves_the_destination_alone),
        EXECUTOR_TEST(replace_removes_exactly_what_older_manifests_name),
        EXECUTOR_TEST(on_existing_fail_refuses_a_second_run),
        EXECUTOR_TEST(every_failed_allocation_leaves_nothing_behind),
        EXECUTOR_TEST(every_failed_write_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
