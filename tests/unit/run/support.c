#include "support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ROWS = 200000 };

static void join_path(char out[PATH_BYTES], const char *folder, const char *name)
{
    assert_true(snprintf(out, PATH_BYTES, "%s/%s", folder, name) < PATH_BYTES);
}

int bench_setup(void **state)
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
        .mode = RV_MODE_FULL,
        .relation = {RV_RELATION_TABLE, NULL, "t", NULL},
        .format = {.kind = RV_FORMAT_CSV,
                   .csv = {.delimiter = ',', .null_text = "", .header = false, .line_ending = "\n"}},
        .dest = {.kind = "local", .path = b->out},
        .tuning = {.statement_target_ms = 250, .duty_percent = 100},
        .consistency = RV_CONSISTENCY_SNAPSHOT,
        .quality = {.row_count_min = -1, .row_count_max = -1},
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

void bench_remove_folder(const char *path)
{
    DIR *folder = opendir(path);
    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        char inside[2 * PATH_BYTES];
        (void)snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && unlink(inside) != 0)
            bench_remove_folder(inside);
    }
    if (folder != NULL)
        (void)closedir(folder);
    (void)rmdir(path);
}

int bench_teardown(void **state)
{
    bench *b = *state;
    rv_cancel_free(b->cancel);
    bench_remove_folder(b->folder);
    free(b);
    return 0;
}

rv_code bench_run(bench *b)
{
    rv_code rc = rv_run_export(&b->context, &b->export_config, &b->summary);
    if (rc != RV_OK)
        print_message("    %s: %s (%d notes)\n", rv_code_name(rc), b->summary.error.message,
                      b->summary.n_notes);
    return rc;
}

/* How many entries of the output folder end in `suffix`; "" counts all. */
int count_files(const bench *b, const char *suffix)
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
void assert_rows_once(const bench *b, int64_t n)
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
void write_numbered(bench *b, int64_t n, const char *table_words, const char *lines)
{
    char fresh[PATH_BYTES + 8];
    (void)snprintf(fresh, sizeof fresh, "%s.new", b->script);
    FILE *file = fopen(fresh, "we");
    assert_non_null(file);
    fprintf(file, "%s\ntable t %s\ncolumn id bigint not_null key\ncolumn note text null_every=3\n",
            strncmp(lines, "fail", 4) == 0 ? lines : "", table_words);
    if (strncmp(lines, "fail", 4) != 0)
        fputs(lines, file);
    for (int64_t i = 0; i < n; i++)
        fprintf(file, "row %lld \"note %lld\"\n", (long long)i, (long long)i);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(fresh, b->script), 0); /* a lane may be opening it */
}

/* Records a run as an earlier process would have, up to `completed` chunks of it. */
void leave_open_run(bench *b, const char *run_id, const char *owner, const char *fingerprint)
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
