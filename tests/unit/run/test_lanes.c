/* Lanes that read along a key: shared snapshots, epochs, stops, and what the next run keeps. */
#include "support.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BY_KEY "index pk id unique not_null primary\n"

static void write_keyed(bench *b, int64_t n, const char *trouble)
{
    char lines[512];
    (void)snprintf(lines, sizeof lines, BY_KEY "%s", trouble);
    write_numbered(b, n, "est_rows=5000 est_bytes=90000", lines);
    b->export_config.mode = RV_MODE_CHUNKED;
    b->export_config.chunk.by_key = (rv_key){.n_columns = 1, .columns = {"id"}};
    b->export_config.chunk.size = 300;
    b->export_config.parallel = 4;
    b->export_config.consistency = RV_CONSISTENCY_STATEMENT;
}

static void lanes_read_along_a_key(void **state)
{
    bench *b = *state;
    write_keyed(b, 5000, "");
    assert_int_equal(bench_run(b), RV_OK);
    assert_true(b->summary.n_chunks > 4);
    assert_rows_once(b, 5000);
}

static void lanes_share_one_snapshot(void **state)
{
    bench *b = *state;
    write_keyed(b, 5000, "");
    b->export_config.consistency = RV_CONSISTENCY_SNAPSHOT;
    assert_int_equal(bench_run(b), RV_OK);
    assert_rows_once(b, 5000);
}

static int count_in_manifest(const bench *b, const char *text)
{
    char path[2 * PATH_BYTES], line[8192];
    int n = 0;
    (void)snprintf(path, sizeof path, "%s/manifest.json", b->out);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        n += strstr(line, text) != NULL;
    (void)fclose(file);
    return n;
}

static void write_apart(bench *b, const char *trouble)
{
    write_keyed(b, 5000, trouble);
    b->export_config.consistency = RV_CONSISTENCY_SNAPSHOT;
    b->config.source.kind = "fake_apart";
}

static void lanes_that_cannot_share_a_snapshot_take_it_together(void **state)
{
    bench *b = *state;
    write_apart(b, "");
    assert_int_equal(bench_run(b), RV_OK);
    assert_rows_once(b, 5000);
    assert_int_equal(b->summary.n_notes, 0);
}

static void fewer_lanes_read_where_fewer_take_a_snapshot_together(void **state)
{
    bench *b = *state;
    static const char *const scripts[] = {"aligned 3\n", "aligned 1\n"};
    static const char *const notes[] = {"2 of 4 lanes read: the script lets no more begin together",
                                        "1 of 4 lanes read: the script lets no more begin together"};
    for (size_t i = 0; i < 2; i++) {
        bench_remove_folder(b->out);
        write_apart(b, scripts[i]);
        assert_int_equal(bench_run(b), RV_OK);
        assert_rows_once(b, 5000);
        assert_int_equal(b->summary.n_notes, 1);
        assert_string_equal(b->summary.notes[0], notes[i]);
    }
}

/* Trouble that concerns no table stands above them all. */
static void put_above(const bench *b, const char *line)
{
    enum { SCRIPT_BYTES = 1 << 20 };
    char *text = malloc(SCRIPT_BYTES);
    assert_non_null(text);
    FILE *file = fopen(b->script, "re");
    assert_non_null(file);
    size_t len = fread(text, 1, SCRIPT_BYTES, file);
    assert_true(len > 0 && len < SCRIPT_BYTES);
    (void)fclose(file);
    file = fopen(b->script, "we");
    assert_non_null(file);
    assert_true(fputs(line, file) >= 0 && fwrite(text, 1, len, file) == len);
    assert_int_equal(fclose(file), 0);
    free(text);
}

static void connections_that_are_lost_while_they_begin_together_come_anew(void **state)
{
    bench *b = *state;
    write_apart(b, "");
    put_above(b, "fail begin_aligned code=SOURCE_LOST once\n");
    b->export_config.tuning.max_retries = 5;
    assert_int_equal(bench_run(b), RV_OK);
    assert_int_equal(b->summary.retries, 1);
    assert_rows_once(b, 5000);

    bench_remove_folder(b->out);
    write_apart(b, "");
    put_above(b, "fail begin_aligned code=SOURCE_DENIED\n"); /* does not pass */
    b->export_config.tuning.max_retries = 5;
    assert_int_equal(bench_run(b), RV_E_SOURCE_DENIED);
    assert_int_equal(b->summary.retries, 0);
}

static void a_seat_that_breaks_leaves_its_chunk_to_the_others(void **state)
{
    bench *b = *state;
    write_apart(b, "");
    write_keyed(b, 5000, "fail page code=SOURCE_LOST after_rows=3000 once\n");
    b->export_config.consistency = RV_CONSISTENCY_SNAPSHOT;
    b->export_config.tuning.max_retries = 5;
    assert_int_equal(bench_run(b), RV_OK);
    assert_int_equal(b->summary.retries, 1);
    assert_rows_once(b, 5000);
    assert_int_equal(count_in_manifest(b, "snapshot_at"), 1);
}

static void a_snapshot_is_lost_with_its_last_seat(void **state)
{
    bench *b = *state;
    write_apart(b, "");
    write_keyed(b, 5000, "fail page code=SOURCE_LOST after_rows=3000\n");
    b->export_config.consistency = RV_CONSISTENCY_SNAPSHOT;
    b->export_config.tuning.max_retries = 5;
    assert_int_equal(bench_run(b), RV_E_SOURCE_LOST);
    assert_int_equal(count_files(b, "_SUCCESS"), 0);
}

/* A second passes each time that somebody looks. */
static int64_t hasty_mono_us(const rv_clock *clock)
{
    static atomic_int n_looks;
    (void)clock;
    return (int64_t)atomic_fetch_add(&n_looks, 1) * 1000000;
}

static void an_old_snapshot_is_followed_by_another_and_the_manifest_says_so(void **state)
{
    bench *b = *state;
    rv_clock clock = *rv_clock_system();
    clock.mono_us = hasty_mono_us;
    b->context.clock = &clock;
    write_keyed(b, 5000, "");
    b->export_config.consistency = RV_CONSISTENCY_SNAPSHOT;
    b->export_config.tuning.max_snapshot_age_s = 5;
    assert_int_equal(bench_run(b), RV_OK);
    assert_rows_once(b, 5000);
    assert_true(count_in_manifest(b, "snapshot_at") > 1);
}

static void seats_take_the_next_snapshot_together(void **state)
{
    bench *b = *state;
    rv_clock clock = *rv_clock_system();
    clock.mono_us = hasty_mono_us;
    b->context.clock = &clock;
    write_apart(b, "");
    b->export_config.tuning.max_snapshot_age_s = 5;
    assert_int_equal(bench_run(b), RV_OK);
    assert_rows_once(b, 5000);
    assert_true(count_in_manifest(b, "snapshot_at") > 1);
}

static void seats_keep_to_the_connections_that_are_left(void **state)
{
    bench *b = *state;
    RV_AUTO(rv_connections_free) rv_connections *two = NULL;
    assert_int_equal(rv_connections_new(&two, 2, NULL), RV_OK);
    b->context.connections = two;
    write_apart(b, "");
    assert_int_equal(bench_run(b), RV_OK);
    assert_rows_once(b, 5000);
    assert_true(rv_connections_try(two)); /* all are given back */
    assert_true(rv_connections_try(two));
    assert_false(rv_connections_try(two));
}

static void *stop_when_parts_are_there(void *argument)
{
    bench *b = argument;
    const struct timespec tick = {.tv_nsec = 1000000};
    for (int i = 0; i < 20000 && count_files(b, ".csv") < 3; i++)
        (void)nanosleep(&tick, NULL);
    rv_cancel_request(b->cancel);
    return NULL;
}

static void a_stop_keeps_what_is_whole_and_the_next_run_goes_on(void **state)
{
    bench *b = *state;
    pthread_t stopper;
    write_keyed(b, 5000, "");
    b->export_config.tuning.throttle_ms = 500;
    b->export_config.tuning.batch_size = 300;
    assert_int_equal(pthread_create(&stopper, NULL, stop_when_parts_are_there, b), 0);
    assert_int_equal(bench_run(b), RV_E_CANCELLED);
    pthread_join(stopper, NULL);
    assert_int_equal(b->summary.status, RV_RUN_INTERRUPTED);
    assert_int_equal(count_files(b, "_SUCCESS"), 0);
    int64_t kept = count_files(b, ".csv");
    assert_true(kept >= 3);
    rv_cancel *again = NULL;
    assert_int_equal(rv_cancel_new(&again, NULL), RV_OK);
    b->context.cancel = again;
    b->export_config.tuning.throttle_ms = 0;
    assert_int_equal(bench_run(b), RV_OK);
    assert_true(b->summary.resumed);
    assert_true(b->summary.pages < b->summary.n_chunks * 2);
    assert_rows_once(b, 5000);
    b->context.cancel = b->cancel;
    rv_cancel_free(again);
}

static void an_open_run_can_be_refused_or_begun_anew(void **state)
{
    bench *b = *state;
    write_keyed(b, 5000, "fail page code=SOURCE_LOST after_rows=2000\n");
    b->export_config.parallel = 1;
    assert_int_equal(bench_run(b), RV_E_SOURCE_LOST);
    write_keyed(b, 5000, "");
    b->export_config.on_interrupted = RV_INTERRUPTED_FAIL;
    assert_int_equal(bench_run(b), RV_E_RUN_OPEN);
    b->export_config.format.csv.delimiter = ';';
    b->context.resume = true;
    assert_int_equal(bench_run(b), RV_E_RUN_CHANGED);
    b->context.resume = false;
    b->export_config.format.csv.delimiter = ',';
    b->export_config.on_interrupted = RV_INTERRUPTED_RESTART;
    assert_int_equal(bench_run(b), RV_OK);
    assert_false(b->summary.resumed);
    assert_rows_once(b, 5000);
}

static void resuming_nothing_is_refused_where_a_run_lies_unless_forced(void **state)
{
    bench *b = *state;
    write_keyed(b, 500, "");
    b->context.resume = true;
    assert_int_equal(bench_run(b), RV_OK);
    assert_int_equal(bench_run(b), RV_E_DEST_EXISTS);
    b->context.force = true;
    b->export_config.on_existing = RV_EXISTING_REPLACE;
    assert_int_equal(bench_run(b), RV_OK);
    assert_rows_once(b, 500);
}

static void lanes_keep_to_the_connections_that_are_left(void **state)
{
    bench *b = *state;
    RV_AUTO(rv_connections_free) rv_connections *two = NULL;
    assert_int_equal(rv_connections_new(&two, 2, NULL), RV_OK);
    b->context.connections = two;
    write_keyed(b, 5000, "");
    assert_int_equal(bench_run(b), RV_OK);
    assert_rows_once(b, 5000);
    assert_true(rv_connections_try(two)); /* all are given back */
    assert_true(rv_connections_try(two));
    assert_false(rv_connections_try(two));
}

static void a_run_that_nobody_has_begun_cannot_be_joined(void **state)
{
    bench *b = *state;
    write_keyed(b, 10, "");
    assert_int_equal(rv_run_join(&b->context, "t_20200101T000000.000", &b->summary), RV_E_RUN_NOT_JOINABLE);
    assert_int_equal(rv_run_join(&b->context, "u_20200101T000000.000", &b->summary), RV_E_RUN_NOT_JOINABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bench_test(lanes_read_along_a_key),
        bench_test(lanes_share_one_snapshot),
        bench_test(lanes_that_cannot_share_a_snapshot_take_it_together),
        bench_test(fewer_lanes_read_where_fewer_take_a_snapshot_together),
        bench_test(connections_that_are_lost_while_they_begin_together_come_anew),
        bench_test(a_seat_that_breaks_leaves_its_chunk_to_the_others),
        bench_test(a_snapshot_is_lost_with_its_last_seat),
        bench_test(seats_take_the_next_snapshot_together),
        bench_test(seats_keep_to_the_connections_that_are_left),
        bench_test(an_old_snapshot_is_followed_by_another_and_the_manifest_says_so),
        bench_test(a_stop_keeps_what_is_whole_and_the_next_run_goes_on),
        bench_test(an_open_run_can_be_refused_or_begun_anew),
        bench_test(resuming_nothing_is_refused_where_a_run_lies_unless_forced),
        bench_test(lanes_keep_to_the_connections_that_are_left),
        bench_test(a_run_that_nobody_has_begun_cannot_be_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
