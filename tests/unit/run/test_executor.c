/* The executor against a scripted source and a real folder: every row exactly once, or nothing at all. */
#include "support.h"

#include "lib/fault.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void a_stream_is_exported_once(void **state)
{
    bench *b = *state;
    write_numbered(b, 5000, "", "");
    assert_int_equal(bench_run(b), RV_OK);
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
    assert_int_equal(bench_run(b), RV_OK);
    assert_string_equal(b->summary.strategy, "blocks");
    assert_true(b->summary.n_chunks > 5);
    assert_int_equal(b->summary.files, b->summary.n_chunks);
    assert_rows_once(b, 5000);
}

/* Ranges that need no snapshot, so that lanes with connections of their own can read them. */
static void write_ranges(bench *b, int64_t n, const char *lines)
{
    char table[256];
    (void)snprintf(table, sizeof table, "physical unit=block per_unit=7 strategy=blocks\n%s", lines);
    write_numbered(b, n, "est_bytes=9000000000", table);
    b->export_config.consistency = RV_CONSISTENCY_STATEMENT;
}

static void lanes_share_the_chunks(void **state)
{
    bench *b = *state;
    write_ranges(b, 5000, "");
    b->export_config.parallel = 4;
    assert_int_equal(bench_run(b), RV_OK);
    assert_true(b->summary.n_chunks > 12);
    assert_int_equal(b->summary.files, b->summary.n_chunks);
    assert_int_equal(b->summary.rows, 5000);
    assert_rows_once(b, 5000);
}

static void more_lanes_than_chunks_do_no_harm(void **state)
{
    bench *b = *state;
    write_ranges(b, 5, "");
    b->export_config.parallel = 50;
    assert_int_equal(bench_run(b), RV_OK);
    assert_rows_once(b, 5);
}

static void a_failure_in_one_lane_ends_all(void **state)
{
    bench *b = *state;
    write_ranges(b, 5000, "fail page code=SOURCE_DENIED after_rows=4000\n");
    b->export_config.parallel = 4;
    b->export_config.tuning.max_retries = 3; /* which a failure for good does not use */
    assert_int_equal(bench_run(b), RV_E_SOURCE_DENIED);
    assert_int_equal(b->summary.retries, 0);
    assert_int_equal(b->summary.status, RV_RUN_FAILED);
    assert_int_equal(count_files(b, ""), 0);
}

static void a_chunk_over_the_file_limit_becomes_parts(void **state)
{
    bench *b = *state;
    b->export_config.format.max_file_bytes = 10000;
    write_numbered(b, 5000, "", "");
    assert_int_equal(bench_run(b), RV_OK);
    assert_in_range(b->summary.files, 7, 9); /* 80 KB of text */
    assert_rows_once(b, 5000);
    assert_int_equal(count_files(b, "_part0.csv"), 1);
    assert_int_equal(count_files(b, "_part6.csv"), 1);
    assert_int_equal(count_files(b, ""), b->summary.files + 3);
}

static void every_chunk_counts_its_own_parts(void **state)
{
    bench *b = *state;
    b->export_config.format.max_file_bytes = 4000;
    write_numbered(b, 5000, "est_bytes=3000000000",
                   "physical unit=block per_unit=7 strategy=blocks needs_snapshot\n");
    assert_int_equal(bench_run(b), RV_OK);
    assert_true(b->summary.files > b->summary.n_chunks);
    assert_rows_once(b, 5000);
    assert_int_equal(count_files(b, "_part0.csv"), b->summary.n_chunks);
    assert_int_equal(count_files(b, "_chunk1_part1.csv"), 1);
}

/* The name says what the configuration asked for, not how it turned out, so that a repeated attempt meets it. */
static void one_part_under_a_limit_is_numbered_too(void **state)
{
    bench *b = *state;
    b->export_config.format.max_file_bytes = 1 << 30;
    write_numbered(b, 100, "", "");
    assert_int_equal(bench_run(b), RV_OK);
    assert_int_equal(b->summary.files, 1);
    assert_int_equal(count_files(b, "_part0.csv"), 1);
}

static void a_failure_between_parts_leaves_none(void **state)
{
    bench *b = *state;
    b->export_config.format.max_file_bytes = 5000;
    write_numbered(b, 5000, "", "fail page code=SOURCE_LOST after_rows=4000\n");
    assert_int_equal(bench_run(b), RV_E_SOURCE_LOST);
    assert_int_equal(count_files(b, ""), 0);
}

static void a_lost_connection_leaves_nothing_and_the_next_run_is_whole(void **state)
{
    bench *b = *state;
    write_numbered(b, 5000, "est_bytes=3000000000", "fail page code=SOURCE_LOST after_rows=3000\n");
    assert_int_equal(bench_run(b), RV_E_SOURCE_LOST);
    assert_int_equal(b->summary.status, RV_RUN_FAILED);
    assert_int_equal(count_files(b, ""), 0);
    write_numbered(b, 5000, "", "");
    assert_int_equal(bench_run(b), RV_OK);
    assert_rows_once(b, 5000);
}

static void a_page_over_its_limit_is_read_again_smaller(void **state)
{
    bench *b = *state;
    write_numbered(b, 5000, "",
                   "fail page code=SOURCE_STATEMENT_TIMEOUT after_rows=1000 times=3 retry=smaller\n");
    assert_int_equal(bench_run(b), RV_OK);
    assert_int_equal(b->summary.retries, 3);
    assert_rows_once(b, 5000);
}

static void a_page_in_conflict_is_asked_for_again(void **state)
{
    bench *b = *state;
    write_numbered(b, 5000, "", "fail page code=SOURCE_CONFLICT after_rows=1000 times=3 retry=same\n");
    assert_int_equal(bench_run(b), RV_OK);
    assert_int_equal(b->summary.retries, 3);
    assert_rows_once(b, 5000);
}

static void a_page_that_is_always_in_conflict_fails(void **state)
{
    bench *b = *state;
    write_numbered(b, 5000, "", "fail page code=SOURCE_CONFLICT after_rows=1000 retry=same\n");
    assert_int_equal(bench_run(b), RV_E_SOURCE_CONFLICT);
    assert_int_equal(count_files(b, ""), 0);
}

static void a_statement_that_never_fits_fails_for_good(void **state)
{
    bench *b = *state;
    write_numbered(b, 5000, "", "fail page code=SOURCE_STATEMENT_TIMEOUT after_rows=1000 retry=smaller\n");
    assert_int_equal(bench_run(b), RV_E_SOURCE_STATEMENT_TIMEOUT);
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
    assert_int_equal(bench_run(b), RV_E_CANCELLED);
    pthread_join(canceller, NULL);
    assert_int_equal(b->summary.status, RV_RUN_INTERRUPTED);
    assert_int_equal(count_files(b, ""), 0);
}

static void an_export_that_is_running_is_refused(void **state)
{
    bench *b = *state;
    write_numbered(b, 10, "", "");
    leave_open_run(b, "t_20200101T000000.000", NULL, "xxh3:0"); /* this very process is alive */
    assert_int_equal(bench_run(b), RV_E_RUN_LEASE_HELD);
    assert_string_equal(b->summary.run_id, ""); /* no run was begun */
    assert_int_equal(count_files(b, ""), 0);
}

static void a_dead_run_of_another_plan_is_given_up_by_force_alone(void **state)
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
    assert_int_equal(bench_run(b), RV_E_RUN_CHANGED);
    assert_int_equal(count_files(b, ""), 1);
    b->context.resume = b->context.force = true;
    assert_int_equal(bench_run(b), RV_E_RUN_CHANGED);
    assert_int_equal(count_files(b, ""), 1);
    b->context.resume = false;
    assert_int_equal(bench_run(b), RV_OK);
    assert_false(b->summary.resumed);
    assert_rows_once(b, 10);
}

static void no_rows_give_a_manifest_and_no_part(void **state)
{
    bench *b = *state;
    write_numbered(b, 0, "", "");
    assert_int_equal(bench_run(b), RV_OK);
    assert_int_equal(b->summary.files, 0);
    assert_int_equal(count_files(b, ".csv"), 0);
    assert_int_equal(count_files(b, "_SUCCESS"), 1);
}

static void skip_empty_leaves_the_destination_alone(void **state)
{
    bench *b = *state;
    write_numbered(b, 0, "", "");
    b->export_config.skip_empty = true;
    assert_int_equal(bench_run(b), RV_OK);
    assert_int_equal(b->summary.status, RV_RUN_SKIPPED);
    assert_int_equal(count_files(b, ""), 0);
}

/* Runs with the standard output in a file; returns how many bytes it got. */
static size_t bytes_on_stdout(bench *b)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    (void)fflush(stdout);
    int real = dup(STDOUT_FILENO);
    assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
    rv_code rc = rv_run_export(&b->context, &b->export_config, &b->summary);
    assert_true(dup2(real, STDOUT_FILENO) >= 0);
    (void)close(real);
    assert_int_equal(rc, RV_OK);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    (void)fclose(file);
    return (size_t)size;
}

static void a_stream_without_rows_has_a_header_unless_it_is_unwanted(void **state)
{
    bench *b = *state;
    b->export_config.dest = (rv_dest_config){.kind = "stdout"};
    b->export_config.format.csv.header = true;
    write_numbered(b, 0, "", "");
    assert_int_equal(bytes_on_stdout(b), strlen("id,note\n"));
    write_numbered(b, 0, "", "physical unit=block per_unit=7 strategy=blocks\n");
    assert_int_equal(bytes_on_stdout(b), strlen("id,note\n"));
    b->export_config.skip_empty = true;
    assert_int_equal(bytes_on_stdout(b), 0);
    assert_int_equal(b->summary.status, RV_RUN_SKIPPED);
}

static void replace_removes_exactly_what_older_manifests_name(void **state)
{
    bench *b = *state;
    write_numbered(b, 100, "", "");
    assert_int_equal(bench_run(b), RV_OK);
    write_numbered(b, 200, "", "");
    b->export_config.on_existing = RV_EXISTING_REPLACE;
    assert_int_equal(bench_run(b), RV_OK);
    assert_rows_once(b, 200);
    assert_int_equal(count_files(b, ""), 4);
}

static void on_existing_fail_refuses_a_second_run(void **state)
{
    bench *b = *state;
    write_numbered(b, 100, "", "");
    b->export_config.on_existing = RV_EXISTING_FAIL;
    assert_int_equal(bench_run(b), RV_OK);
    assert_int_equal(bench_run(b), RV_E_DEST_EXISTS);
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
        rv_code rc = bench_run(b);
        bool hit = fault_disarm();
        if (!hit)
            break;
        if (rc != RV_OK) {
            failures++;
            assert_true(b->summary.error.code == rc);
            bool commit_failed = b->summary.n_notes > 0;
            if (!commit_failed)
                assert_int_equal(count_files(b, ""), 0);
            assert_int_equal(bench_run(b), RV_OK);
            assert_rows_once(b, 20);
        }
        bench_remove_folder(b->out);
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
            rv_code rc = bench_run(b);
            bool hit = fault_disarm();
            if (rc != RV_OK) { /* the disk has room again: the same run is finished, once */
                assert_int_equal(bench_run(b), RV_OK);
                assert_rows_once(b, 20);
            }
            bench_remove_folder(b->out);
            (void)unlink(b->state);
            if (!hit)
                break;
        }
}

/* ---- rows that come late, on a source whose rows have no history ---- */

/* Rows of `text`, "id at" each, as the table is from now on. */
static void write_increment(bench *b, const char *rows)
{
    FILE *file = fopen(b->script, "we");
    assert_non_null(file);
    fprintf(file,
            "table t est_rows=100 est_bytes=1000\ncolumn id bigint not_null key\ncolumn at bigint not_null\n"
            "index pk id unique not_null primary\nindex by_at at not_null\n%s",
            rows);
    assert_int_equal(fclose(file), 0);
    b->config.source.kind = "fake_apart";
    b->export_config.mode = RV_MODE_INCREMENTAL;
    b->export_config.consistency = RV_CONSISTENCY_STATEMENT;
    b->export_config.cursor = (rv_cursor_config){
        .key = {.n_columns = 1, .columns = {"at"}}, .lookback_us = -1, .lookback_units = 50};
}

static int64_t export_increment(bench *b, const char *rows)
{
    write_increment(b, rows);
    assert_int_equal(bench_run(b), RV_OK);
    return b->summary.rows;
}

#define BEGINNING "row 0 1000\nrow 1 1001\nrow 2 1040\n"

static void rows_that_come_late_are_exported_once(void **state)
{
    bench *b = *state;
    assert_int_equal(export_increment(b, BEGINNING), 3);
    assert_int_equal(export_increment(b, BEGINNING), 0);
    assert_int_equal(export_increment(b, BEGINNING "row 3 1040\nrow 4 995\n"), 2); /* a tie, and one below */
    assert_int_equal(export_increment(b, BEGINNING "row 3 1040\nrow 4 995\n"), 0);
    assert_int_equal(export_increment(b, BEGINNING "row 3 1040\nrow 4 995\nrow 5 2000\n"), 1);
    assert_int_equal(export_increment(b, BEGINNING "row 3 1040\nrow 4 995\nrow 5 2000\nrow 6 1960\n"), 1);
    assert_rows_once(b, 7);
}

static void a_row_later_than_the_lookback_is_not_looked_for(void **state)
{
    bench *b = *state;
    assert_int_equal(export_increment(b, BEGINNING), 3);
    assert_int_equal(export_increment(b, BEGINNING "row 3 989\n"), 0);
    assert_int_equal(export_increment(b, BEGINNING "row 3 990\n"), 1);
}

static void a_lookback_that_grows_repeats_nothing(void **state)
{
    bench *b = *state;
    write_increment(b, BEGINNING);
    b->export_config.cursor.lookback_units = 10;
    assert_int_equal(bench_run(b), RV_OK);
    assert_int_equal(export_increment(b, BEGINNING), 0);
    assert_rows_once(b, 3);
}

static void a_crash_between_chunks_forgets_no_digest(void **state)
{
    bench *b = *state;
    write_increment(b, BEGINNING "row 3 1041\n");
    b->export_config.chunk.size = 2;
    FILE *file = fopen(b->script, "ae");
    assert_non_null(file);
    fprintf(file, "fail page code=SOURCE_LOST after_rows=3 once\n");
    assert_int_equal(fclose(file), 0);
    (void)bench_run(b); /* stays open, with what its first chunk has recorded, where there were several */
    assert_int_equal(bench_run(b), RV_OK);
    assert_int_equal(export_increment(b, BEGINNING "row 3 1041\n"), 0);
    assert_rows_once(b, 4);
}

static void what_others_write_is_waited_for_or_told(void **state)
{
    bench *b = *state;
    assert_int_equal(export_increment(b, "open_since 0\n" BEGINNING), 3);
    assert_int_equal(b->summary.n_notes, 0);
    assert_int_equal(export_increment(b, "open_since 1700000000000000\n" BEGINNING "row 3 1050\n"), 1);
    assert_int_equal(b->summary.n_notes, 1);
    assert_non_null(strstr(b->summary.notes[0], "a transaction is open since 2023-11-14T22:13:20"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bench_test(a_stream_is_exported_once),
        bench_test(chunks_of_ranges_tile_the_table),
        bench_test(lanes_share_the_chunks),
        bench_test(more_lanes_than_chunks_do_no_harm),
        bench_test(a_failure_in_one_lane_ends_all),
        bench_test(a_chunk_over_the_file_limit_becomes_parts),
        bench_test(every_chunk_counts_its_own_parts),
        bench_test(one_part_under_a_limit_is_numbered_too),
        bench_test(a_failure_between_parts_leaves_none),
        bench_test(a_lost_connection_leaves_nothing_and_the_next_run_is_whole),
        bench_test(a_page_over_its_limit_is_read_again_smaller),
        bench_test(a_page_in_conflict_is_asked_for_again),
        bench_test(a_page_that_is_always_in_conflict_fails),
        bench_test(a_statement_that_never_fits_fails_for_good),
        bench_test(a_cancelled_run_ends_although_the_source_hangs),
        bench_test(an_export_that_is_running_is_refused),
        bench_test(a_dead_run_of_another_plan_is_given_up_by_force_alone),
        bench_test(no_rows_give_a_manifest_and_no_part),
        bench_test(skip_empty_leaves_the_destination_alone),
        bench_test(a_stream_without_rows_has_a_header_unless_it_is_unwanted),
        bench_test(replace_removes_exactly_what_older_manifests_name),
        bench_test(on_existing_fail_refuses_a_second_run),
        bench_test(every_failed_allocation_leaves_nothing_behind),
        bench_test(every_failed_write_leaves_nothing_behind),
        bench_test(rows_that_come_late_are_exported_once),
        bench_test(a_row_later_than_the_lookback_is_not_looked_for),
        bench_test(a_lookback_that_grows_repeats_nothing),
        bench_test(a_crash_between_chunks_forgets_no_digest),
        bench_test(what_others_write_is_waited_for_or_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
