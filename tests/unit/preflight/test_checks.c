/* The checks against a scripted source: what a run would refuse, they find; and they leave nothing behind. */
#include "rivet/preflight.h"

#include "lib/temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_RESULTS = 64, N_EXPORTS = 20 };

typedef struct bench {
    char *folder, *script, *state_path, *out;
    rv_config config;
    rv_export_config exports[N_EXPORTS];
    rv_cancel *cancel;
    rv_code codes[MAX_RESULTS];
    char names[MAX_RESULTS][64];
    int n;
} bench;

static int bench_setup(void **state)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->folder = temp_dir_new();
    b->script = temp_dir_join(b->folder, "script");
    b->state_path = temp_dir_join(b->folder, "state.db");
    b->out = temp_dir_join(b->folder, "out");
    for (int i = 0; i < N_EXPORTS; i++)
        b->exports[i] = (rv_export_config){.name = "t",
                                           .mode = RV_MODE_FULL,
                                           .relation = {RV_RELATION_TABLE, NULL, "t", NULL},
                                           .format = {.kind = RV_FORMAT_CSV},
                                           .dest = {.kind = "local", .path = b->out}};
    b->config = (rv_config){.path = "test",
                            .directory = b->folder,
                            .source = {.kind = "fake", .path = b->script, .display = "script"},
                            .exports = b->exports,
                            .n_exports = 1};
    assert_int_equal(rv_cancel_new(&b->cancel, NULL), RV_OK);
    *state = b;
    return 0;
}

static int bench_teardown(void **state)
{
    bench *b = *state;
    rv_cancel_free(b->cancel);
    temp_dir_free(b->folder);
    free(b->script);
    free(b->state_path);
    free(b->out);
    free(b);
    return 0;
}

static void note(void *context, const rv_check_result *result)
{
    bench *b = context;
    assert_true(b->n < MAX_RESULTS);
    assert_int_equal(result->ok, result->error.code == RV_OK);
    b->codes[b->n] = result->error.code;
    (void)snprintf(b->names[b->n], sizeof b->names[0], "%s", result->name);
    b->n++;
}

static rv_code check(bench *b)
{
    rv_error err = {0};
    b->n = 0;
    rv_code rc = rv_preflight_run(&b->config, b->state_path, rv_clock_system(), b->cancel, note, b, &err);
    assert_int_equal(rc, err.code);
    return rc;
}

static rv_code result_of(const bench *b, const char *name)
{
    for (int i = 0; i < b->n; i++)
        if (strcmp(b->names[i], name) == 0)
            return b->codes[i];
    fail_msg("no check is named %s", name);
    return RV_OK;
}

static void write_script(bench *b, const char *text)
{
    temp_file_write(b->folder, "script", text, strlen(text));
}

static void what_a_run_accepts_passes_and_nothing_is_left(void **state)
{
    bench *b = *state;
    write_script(b, "table t\ncolumn id bigint\nrows 3\n");
    assert_int_equal(check(b), RV_OK);
    assert_int_equal(b->n, 4);
    assert_int_equal(temp_dir_entries(b->folder, ""), 1); /* the script */
}

static void every_check_runs_although_one_failed(void **state)
{
    bench *b = *state;
    write_script(b, "table other\ncolumn id bigint\n");
    assert_int_equal(check(b), RV_E_SOURCE_NOT_FOUND);
    assert_int_equal(result_of(b, "source"), RV_OK);
    assert_int_equal(result_of(b, "export t"), RV_E_SOURCE_NOT_FOUND);
    assert_int_equal(result_of(b, "destination of t"), RV_OK);
}

static void without_a_source_its_exports_are_left_out(void **state)
{
    bench *b = *state;
    write_script(b, "fail open code=SOURCE_CONNECT\n");
    assert_int_equal(check(b), RV_E_SOURCE_CONNECT);
    assert_int_equal(result_of(b, "destination of t"), RV_OK);
    assert_int_equal(b->n, 3);
}

static void a_state_that_a_run_could_not_write_is_found(void **state)
{
    bench *b = *state;
    char *elsewhere = temp_dir_join(b->folder, "nowhere/state.db");
    free(b->state_path);
    b->state_path = elsewhere;
    write_script(b, "table t\ncolumn id bigint\n");
    assert_int_equal(check(b), RV_E_STATE_UNUSABLE);
    assert_int_equal(result_of(b, "state"), RV_E_STATE_UNUSABLE);
}

static void a_path_is_expanded_as_in_a_run(void **state)
{
    bench *b = *state;
    char *path = temp_dir_join(b->folder, "{date}/{export}/{table}/{run_id}");
    b->exports[0].dest.path = path;
    write_script(b, "table t\ncolumn id bigint\n");
    assert_int_equal(check(b), RV_OK);
    b->exports[0].dest.path = "{nonsense}";
    assert_int_equal(check(b), RV_E_CONFIG_VALUE);
    assert_int_equal(result_of(b, "destination of t"), RV_E_CONFIG_VALUE);
    free(path);
}

/* The descriptions of many wide tables together are larger than one may be. */
static void the_memory_of_one_export_is_given_back_before_the_next(void **state)
{
    bench *b = *state;
    enum { N_COLUMNS = 4000, NATIVE_BYTES = 300, LINE_BYTES = 400 };
    char *script = calloc(N_COLUMNS + 1, LINE_BYTES);
    assert_non_null(script);
    size_t len = (size_t)snprintf(script, LINE_BYTES, "table t\n");
    for (int i = 0; i < N_COLUMNS; i++)
        len +=
            (size_t)snprintf(script + len, LINE_BYTES, "column c%d bigint native=%0*d\n", i, NATIVE_BYTES, i);
    write_script(b, script);
    free(script);
    b->config.n_exports = N_EXPORTS;
    assert_int_equal(check(b), RV_OK);
}

static void an_interrupt_ends_the_checks(void **state)
{
    bench *b = *state;
    write_script(b, "table t\ncolumn id bigint\n");
    b->config.n_exports = N_EXPORTS;
    rv_cancel_request(b->cancel);
    assert_int_equal(check(b), RV_E_CANCELLED);
    assert_true(b->n <= 2);
}

#define checks_test(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        checks_test(what_a_run_accepts_passes_and_nothing_is_left),
        checks_test(every_check_runs_although_one_failed),
        checks_test(without_a_source_its_exports_are_left_out),
        checks_test(a_state_that_a_run_could_not_write_is_found),
        checks_test(a_path_is_expanded_as_in_a_run),
        checks_test(the_memory_of_one_export_is_given_back_before_the_next),
        checks_test(an_interrupt_ends_the_checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
