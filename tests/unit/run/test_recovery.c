/* Runs that an earlier process left open, at every state in which one can be left: the next run completes, repeats
 * or ends them, and what a manifest names is there at every moment. */
#include "support.h"

#include "lib/fault.h"
#include "rivet/hash.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What a run of one part renames, in order. */
enum { RENAME_PART = 1, RENAME_OWN_MANIFEST, RENAME_MANIFEST, RENAME_MARKER };

/* The run gets so far, then its disk fails, and it stays open. */
static void fail_at_rename(bench *b, int nth)
{
    fault_arm(FAULT_RENAME, nth, FAULT_PERSISTENT, EIO);
    rv_code rc = bench_run(b);
    assert_true(fault_disarm());
    assert_int_not_equal(rc, RV_OK);
}

static void read_whole(const bench *b, const char *name, rv_bytes *out)
{
    char path[2 * PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", b->out, name);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    *out = RV_BYTES_INIT((size_t)1 << 20);
    assert_int_equal(rv_bytes_reserve(out, out->max, NULL), RV_OK);
    out->len = fread(out->data, 1, out->max, file);
    (void)fclose(file);
}

/* How many entries begin with `prefix` and end in `suffix`; the name of the last one met. */
static int seek_entry(const bench *b, const char *prefix, const char *suffix, char out[PATH_BYTES])
{
    int n = 0;
    DIR *folder = opendir(b->out);
    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        size_t len = strlen(entry->d_name), tail = strlen(suffix);
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0 || len < tail ||
            strcmp(entry->d_name + len - tail, suffix) != 0)
            continue;
        assert_true(len < PATH_BYTES);
        memcpy(out, entry->d_name, len + 1);
        n++;
    }
    if (folder != NULL)
        (void)closedir(folder);
    return n;
}

static void find_entry(const bench *b, const char *prefix, const char *suffix, char out[PATH_BYTES])
{
    assert_int_equal(seek_entry(b, prefix, suffix, out), 1);
}

/* Readers: _SUCCESS holds the hash of manifest.json, and every manifest's parts are there. */
static void assert_readable(const bench *b)
{
    rv_bytes manifest, marker;
    char expected[RV_SUCCESS_TEXT_BYTES];
    read_whole(b, "manifest.json", &manifest);
    read_whole(b, "_SUCCESS", &marker);
    rv_manifest_success_text(expected, manifest.data, manifest.len);
    assert_int_equal(marker.len, strlen(expected));
    assert_memory_equal(marker.data, expected, marker.len);
    rv_bytes_deinit(&manifest);
    rv_bytes_deinit(&marker);
    DIR *folder = opendir(b->out);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
        rv_bytes text;
        rv_manifest read;
        if (strncmp(entry->d_name, "manifest-", 9) != 0)
            continue;
        assert_int_equal(rv_arena_new(&arena, (size_t)1 << 20, NULL), RV_OK);
        read_whole(b, entry->d_name, &text);
        assert_int_equal(rv_manifest_parse(text.data, text.len, arena, &read, NULL), RV_OK);
        for (int64_t i = 0; i < read.n_parts; i++) {
            char path[2 * PATH_BYTES];
            (void)snprintf(path, sizeof path, "%s/%s", b->out, read.parts[i].name);
            assert_int_equal(access(path, R_OK), 0);
        }
        rv_bytes_deinit(&text);
    }
    (void)closedir(folder);
}

typedef struct status_count {
    rv_run_status status;
    int n;
} status_count;

static rv_code count_status(void *context, const rv_run_row *row, rv_error *err)
{
    (void)err;
    status_count *count = context;
    count->n += row->result.status == count->status;
    return RV_OK;
}

static int runs_with(const bench *b, rv_run_status status)
{
    rv_state *store = NULL;
    status_count count = {.status = status};
    assert_int_equal(rv_state_open(&store, b->state, RV_STATE_READ, rv_clock_system(), NULL), RV_OK);
    assert_int_equal(rv_state_list_runs(store, NULL, 0, count_status, &count, NULL), RV_OK);
    rv_state_close(store);
    return count.n;
}

static void put_file(const bench *b, const char *name)
{
    char path[2 * PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/%s", b->out, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs("77,stray\n", file);
    (void)fclose(file);
}

/* ---- published ---- */

static void a_published_run_is_completed_although_its_export_has_changed(void **state)
{
    bench *b = *state;
    for (int nth = RENAME_MANIFEST; nth <= RENAME_MARKER; nth++) {
        write_numbered(b, 20, "", "");
        b->export_config.format.csv.delimiter = ',';
        fail_at_rename(b, nth);
        b->export_config.format.csv.delimiter = ';';
        assert_int_equal(bench_run(b), RV_OK);
        assert_false(b->summary.resumed);
        assert_int_equal(runs_with(b, RV_RUN_SUCCEEDED), 2);
        assert_int_equal(count_files(b, ".csv"), 2);
        assert_readable(b);
        bench_remove_folder(b->out);
        (void)unlink(b->state);
    }
}

static void an_unpublished_run_whose_export_has_changed_leaves_nothing(void **state)
{
    bench *b = *state;
    write_numbered(b, 20, "", "");
    fail_at_rename(b, RENAME_OWN_MANIFEST);
    b->export_config.format.csv.delimiter = ';';
    assert_int_equal(bench_run(b), RV_E_RUN_CHANGED);
    assert_int_equal(runs_with(b, RV_RUN_INTERRUPTED), 0); /* it is still what it was */
    b->context.force = true;
    assert_int_equal(bench_run(b), RV_OK);
    assert_int_equal(runs_with(b, RV_RUN_INTERRUPTED), 1);
    assert_int_equal(count_files(b, ".csv"), 1);
    assert_readable(b);
}

static void a_published_manifest_never_changes(void **state)
{
    bench *b = *state;
    char name[PATH_BYTES];
    rv_bytes before, after;
    write_numbered(b, 20, "", "");
    fail_at_rename(b, RENAME_MANIFEST);
    find_entry(b, "manifest-", ".json", name);
    read_whole(b, name, &before);
    write_numbered(b, 30, "", ""); /* the table has grown: the run is what it was */
    assert_int_equal(bench_run(b), RV_OK);
    assert_true(b->summary.resumed);
    assert_int_equal(b->summary.rows, 20);
    assert_int_equal(b->summary.pages, 0);
    read_whole(b, name, &after);
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, before.len);
    rv_bytes_deinit(&before);
    rv_bytes_deinit(&after);
    assert_rows_once(b, 20);
    assert_readable(b);
}

static void a_published_run_that_lost_a_part_is_taken_back_and_repeated(void **state)
{
    bench *b = *state;
    char name[PATH_BYTES], path[2 * PATH_BYTES];
    write_numbered(b, 20, "", "");
    fail_at_rename(b, RENAME_MARKER);
    find_entry(b, "t_", ".csv", name);
    (void)snprintf(path, sizeof path, "%s/%s", b->out, name);
    assert_int_equal(unlink(path), 0);
    write_numbered(b, 20, "", "fail page code=SOURCE_LOST after_rows=10\n");
    assert_int_equal(bench_run(b), RV_E_SOURCE_LOST);
    assert_int_equal(count_files(b, ""), 0); /* no manifest names what is not there */
    write_numbered(b, 20, "", "");
    assert_int_equal(bench_run(b), RV_OK);
    assert_rows_once(b, 20);
    assert_readable(b);
}

/* ---- complete but not published ---- */

static void a_complete_run_is_committed_although_the_table_has_grown(void **state)
{
    bench *b = *state;
    const char *physical = "physical unit=block per_unit=4 strategy=blocks needs_snapshot\n";
    write_numbered(b, 20, "est_bytes=600000000", physical);
    fail_at_rename(b, 4); /* three parts, then the manifest */
    write_numbered(b, 20, "est_bytes=1600000000", physical);
    assert_int_equal(bench_run(b), RV_OK);
    assert_true(b->summary.resumed);
    assert_int_equal(b->summary.n_chunks, 3);
    assert_int_equal(b->summary.pages, 0);
    assert_rows_once(b, 20);
    assert_readable(b);
}

/* The counts of changed values are in memory until the manifest holds them. */
static void a_run_that_may_have_changed_values_is_read_again(void **state)
{
    bench *b = *state;
    char name[PATH_BYTES];
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    rv_bytes text;
    rv_manifest manifest;
    FILE *script = fopen(b->script, "we");
    assert_non_null(script);
    fputs("table t\ncolumn id bigint not_null key\ncolumn d date\nrow 0 2024-01-01\nrow 1 infinity\n",
          script);
    (void)fclose(script);
    b->export_config.schema.on_invalid[RV_INVALID_INFINITY] = RV_POLICY_NULL;
    fail_at_rename(b, RENAME_OWN_MANIFEST);
    assert_int_equal(bench_run(b), RV_OK);
    assert_true(b->summary.resumed);
    find_entry(b, "manifest-", ".json", name);
    read_whole(b, name, &text);
    assert_int_equal(rv_arena_new(&arena, (size_t)1 << 20, NULL), RV_OK);
    assert_int_equal(rv_manifest_parse(text.data, text.len, arena, &manifest, NULL), RV_OK);
    assert_int_equal(manifest.columns[1].policy_uses[RV_INVALID_INFINITY], 1);
    rv_bytes_deinit(&text);
    assert_rows_once(b, 2);
}

static void a_run_is_not_resumed_from_another_source(void **state)
{
    bench *b = *state;
    char other[PATH_BYTES + 8];
    write_numbered(b, 20, "", "");
    fail_at_rename(b, RENAME_OWN_MANIFEST);
    (void)snprintf(other, sizeof other, "%s.other", b->script);
    assert_int_equal(rename(b->script, other), 0);
    write_numbered(b, 20, "", "");
    b->config.source.path = other;
    assert_int_equal(bench_run(b), RV_E_RUN_CHANGED);
    b->context.force = true;
    assert_int_equal(bench_run(b), RV_OK);
    assert_false(b->summary.resumed);
    assert_rows_once(b, 20);
}

/* ---- leftovers ---- */

static void objects_that_no_record_names_are_removed_when_a_run_goes_on(void **state)
{
    bench *b = *state;
    char name[PATH_BYTES], stray[2 * PATH_BYTES];
    b->export_config.consistency = RV_CONSISTENCY_STATEMENT;
    write_numbered(b, 20, "", "");
    fail_at_rename(b, RENAME_OWN_MANIFEST);
    find_entry(b, "t_", ".csv", name);
    name[strlen(name) - strlen(".csv")] = '\0';
    (void)snprintf(stray, sizeof stray, ".rivet-%s-0123456789abcdef", name);
    put_file(b, stray);
    (void)snprintf(stray, sizeof stray, "%s_chunk9.csv", name);
    put_file(b, stray);
    assert_int_equal(bench_run(b), RV_OK);
    assert_true(b->summary.resumed);
    assert_rows_once(b, 20);
    assert_int_equal(count_files(b, ""), 4);
}

static void a_destination_that_cannot_be_reached_leaves_the_run_open(void **state)
{
    bench *b = *state;
    char hidden[PATH_BYTES + 8];
    write_numbered(b, 20, "", "");
    fail_at_rename(b, RENAME_MARKER);
    (void)snprintf(hidden, sizeof hidden, "%s.hidden", b->out);
    assert_int_equal(rename(b->out, hidden), 0);
    FILE *in_the_way = fopen(b->out, "we"); /* no folder can be made here */
    assert_non_null(in_the_way);
    (void)fclose(in_the_way);
    assert_int_not_equal(bench_run(b), RV_OK);
    assert_int_equal(unlink(b->out), 0);
    assert_int_equal(rename(hidden, b->out), 0);
    assert_int_equal(bench_run(b), RV_OK);
    assert_true(b->summary.resumed);
    assert_rows_once(b, 20);
    assert_readable(b);
}

/* ---- somebody else's ---- */

/* While the run reads: gives the run to another owner, as a take-over would, and then stops it. */
static void *take_over_and_stop(void *argument)
{
    bench *b = argument;
    const struct timespec tick = {.tv_nsec = 1000000};
    char name[PATH_BYTES] = "", run_id[PATH_BYTES], part[PATH_BYTES + 8];
    while (seek_entry(b, ".rivet-", "", name) == 0)
        (void)nanosleep(&tick, NULL);
    (void)snprintf(run_id, sizeof run_id, "%s", name + strlen(".rivet-"));
    *strrchr(run_id, '-') = '\0';
    rv_state *store = NULL;
    rv_owner self, other = {.text = "elsewhere/boot/1/1"};
    assert_int_equal(rv_owner_self(&self, NULL), RV_OK);
    assert_int_equal(rv_state_open(&store, b->state, RV_STATE_WRITE, rv_clock_system(), NULL), RV_OK);
    assert_int_equal(rv_state_hand_back(store, run_id, &self, NULL), RV_OK);
    assert_int_equal(rv_state_take_over(store, run_id, &other, 60000, NULL), RV_OK);
    rv_state_close(store);
    (void)snprintf(part, sizeof part, "%s.csv", run_id);
    put_file(b, part);
    rv_cancel_request(b->cancel);
    return NULL;
}

static void a_run_that_was_taken_over_touches_nothing_when_it_ends(void **state)
{
    bench *b = *state;
    pthread_t other;
    write_numbered(b, 50000, "", "page 3 hang\n");
    assert_int_equal(pthread_create(&other, NULL, take_over_and_stop, b), 0);
    assert_int_equal(bench_run(b), RV_E_CANCELLED);
    pthread_join(other, NULL);
    assert_int_equal(count_files(b, ".csv"), 1);
    assert_int_equal(runs_with(b, RV_RUN_RUNNING), 1);
}

static void exports_that_share_a_prefix_leave_each_other_alone(void **state)
{
    bench *b = *state;
    static const char *const names[] = {"t_2", "t", "t_20200101T000000.000"};
    write_numbered(b, 10, "", "");
    b->export_config.on_existing = RV_EXISTING_REPLACE;
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < 3; i++) {
            b->export_config.name = names[i];
            assert_int_equal(bench_run(b), RV_OK);
            assert_readable(b);
        }
    assert_int_equal(count_files(b, ".csv"), 3);
    assert_int_equal(count_files(b, ".json"), 4);
    b->export_config.on_existing = RV_EXISTING_FAIL;
    b->export_config.name = "t_20200101T000000.00x";
    assert_int_equal(bench_run(b), RV_OK); /* no run of this export lies there */
    b->export_config.name = "t";
    assert_int_equal(bench_run(b), RV_E_DEST_EXISTS);
}

static void *run_twenty_times(void *argument)
{
    bench *b = argument;
    for (int i = 0; i < 20; i++)
        if (rv_run_export(&b->context, &b->export_config, &b->summary) != RV_OK)
            return b;
    return NULL;
}

static void exports_that_publish_at_once_agree_on_the_marker(void **state)
{
    bench *b = *state;
    bench other = *b; /* another process would have a store of its own handle */
    pthread_t thread;
    void *failed = NULL;
    write_numbered(b, 3, "", "");
    b->export_config.on_existing = RV_EXISTING_REPLACE;
    other.export_config.on_existing = RV_EXISTING_REPLACE;
    other.export_config.name = "u";
    other.config.exports = &other.export_config;
    other.context.config = &other.config;
    assert_int_equal(pthread_create(&thread, NULL, run_twenty_times, &other), 0);
    assert_null(run_twenty_times(b));
    pthread_join(thread, &failed);
    assert_null(failed);
    assert_readable(b);
}

/* The chunks are those that were recorded; a plan made now, when there is nothing new, has none. */
static void progress_of_a_resumed_run_needs_no_chunks_of_its_own_plan(void **state)
{
    bench *b = *state;
    rvi_run run = {.context = &b->context, .export_config = &b->export_config, .plan = {.n_chunks = 3}};
    rv_progress progress = {0};
    run.plan.info.physical = (rv_physical){.unit = "block", .last = 9};
    rvi_run_snapshot_progress(&run, &progress);
    assert_int_equal(progress.n_chunks, 3);
    assert_int_equal(progress.n_units, 0);
}

/* ---- clocks ---- */

/* The wall clock is set back by an hour after it was read once. */
static int64_t falling_now_us(const rv_clock *clock)
{
    static atomic_int n_read;
    const int64_t hour_us = INT64_C(3600000000), start_us = INT64_C(1800000000000000);
    (void)clock;
    return start_us + atomic_fetch_add(&n_read, 1) * 1000 - (atomic_load(&n_read) > 1 ? hour_us : 0);
}

static void a_clock_that_is_set_back_does_no_harm(void **state)
{
    bench *b = *state;
    rv_clock clock = *rv_clock_system();
    clock.now_us = falling_now_us;
    b->context.clock = &clock;
    b->export_config.on_existing = RV_EXISTING_REPLACE;
    write_numbered(b, 10, "", "");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(bench_run(b), RV_OK);
        assert_true(b->summary.duration_ms >= 0);
        assert_true(b->summary.finished_us >= b->summary.started_us);
    }
    assert_rows_once(b, 10);
    assert_readable(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bench_test(a_published_run_is_completed_although_its_export_has_changed),
        bench_test(an_unpublished_run_whose_export_has_changed_leaves_nothing),
        bench_test(a_published_manifest_never_changes),
        bench_test(a_published_run_that_lost_a_part_is_taken_back_and_repeated),
        bench_test(a_complete_run_is_committed_although_the_table_has_grown),
        bench_test(a_run_that_may_have_changed_values_is_read_again),
        bench_test(a_run_is_not_resumed_from_another_source),
        bench_test(objects_that_no_record_names_are_removed_when_a_run_goes_on),
        bench_test(a_destination_that_cannot_be_reached_leaves_the_run_open),
        bench_test(a_run_that_was_taken_over_touches_nothing_when_it_ends),
        bench_test(exports_that_share_a_prefix_leave_each_other_alone),
        bench_test(exports_that_publish_at_once_agree_on_the_marker),
        bench_test(a_clock_that_is_set_back_does_no_harm),
        bench_test(progress_of_a_resumed_run_needs_no_chunks_of_its_own_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
