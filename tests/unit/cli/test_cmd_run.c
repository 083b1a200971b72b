/* rivet run over several exports: who gets the standard output, and what the aggregate says. */
#include "cli/cli.h"

#include "lib/temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder with a configuration whose SQLite file does not exist: every export fails, or is never begun. */
typedef struct bench {
    char *folder, *config, *summary;
    rvi_cli cli;
    rvi_args args;
    rv_error err;
} bench;

static int bench_setup(void **state)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->folder = temp_dir_new();
    b->config = temp_dir_join(b->folder, "rivet.yaml");
    b->summary = temp_dir_join(b->folder, "summary.json");
    assert_int_equal(rv_redactor_new(&b->cli.redactor, NULL), RV_OK);
    assert_int_equal(rv_cancel_new(&b->cli.cancel, NULL), RV_OK);
    *state = b;
    return 0;
}

static int bench_teardown(void **state)
{
    bench *b = *state;
    rv_signals_stop(b->cli.signals);
    rv_cancel_free(b->cli.cancel);
    rv_redactor_free(b->cli.redactor);
    temp_dir_free(b->folder);
    free(b->config);
    free(b->summary);
    free(b);
    return 0;
}

static void configure(bench *b, const char *first_dest, const char *second_dest)
{
    char text[1024];
    int len = snprintf(text, sizeof text,
                       "source: {type: sqlite, path: nowhere.db}\nexports:\n"
                       "  - {name: a, table: t, mode: full, format: csv, destination: %s}\n"
                       "  - {name: b, table: t, mode: full, format: csv, destination: %s}\n",
                       first_dest, second_dest);
    temp_file_write(b->folder, "rivet.yaml", text, (size_t)len);
}

/* rivet run -c FILE, with up to two more words. */
static rv_code run(bench *b, const char *word, const char *value)
{
    char *argv[] = {(char *)"rivet", (char *)"run", (char *)"-c", b->config, (char *)word, (char *)value};
    int argc = word == NULL ? 4 : value == NULL ? 5 : 6;
    b->args = (rvi_args){0};
    assert_int_equal(rvi_options_parse(argc, argv, &b->args, &b->err), RV_OK);
    return rvi_cmd_run(&b->cli, &b->args, &b->err);
}

#define LOCAL  "{type: local, path: ./out}"
#define STDOUT "{type: stdout}"

static void one_stream_holds_one_export(void **state)
{
    bench *b = *state;
    configure(b, STDOUT, STDOUT);
    assert_int_equal(run(b, NULL, NULL), RV_E_USAGE);
    assert_non_null(strstr(b->err.message, "--export"));
    assert_int_equal(run(b, "-e", "b"), RV_E_SOURCE_NOT_FOUND); /* one of them may */
}

static void data_and_json_do_not_share_the_standard_output(void **state)
{
    bench *b = *state;
    configure(b, LOCAL, STDOUT);
    assert_int_equal(run(b, "--json", NULL), RV_E_USAGE);
    assert_non_null(strstr(b->err.message, "--summary-output"));
}

static void an_unknown_export_is_refused_before_anything_runs(void **state)
{
    bench *b = *state;
    configure(b, LOCAL, LOCAL);
    assert_int_equal(run(b, "-e", "c"), RV_E_CONFIG_UNKNOWN_EXPORT);
    assert_int_equal(temp_dir_entries(b->folder, ".rivet_state"), 0);
}

static json_t *read_summary(const bench *b)
{
    json_t *summary = json_load_file(b->summary, 0, NULL);
    assert_non_null(summary);
    return summary;
}

static int64_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void the_aggregate_counts_every_export(void **state)
{
    bench *b = *state;
    configure(b, LOCAL, LOCAL);
    assert_int_equal(run(b, "--summary-output", b->summary), RV_E_SOURCE_NOT_FOUND);
    assert_true(b->cli.reported);
    json_t *summary = read_summary(b);
    assert_int_equal(number(summary, "total_exports"), 2);
    assert_int_equal(number(summary, "failed_count"), 2);
    assert_int_equal(number(summary, "success_count"), 0);
    assert_true(number(summary, "duration_ms") >= 0);
    assert_int_equal(json_array_size(json_object_get(summary, "per_export")), 2);
    json_decref(summary);
}

static void exports_that_were_not_begun_are_told_from_failed_ones(void **state)
{
    bench *b = *state;
    configure(b, LOCAL, LOCAL);
    rv_cancel_request(b->cli.cancel);
    assert_int_equal(run(b, "--summary-output", b->summary), RV_E_CANCELLED);
    json_t *summary = read_summary(b);
    assert_int_equal(number(summary, "total_exports"), 2);
    assert_int_equal(number(summary, "failed_count"), 0);
    assert_int_equal(json_array_size(json_object_get(summary, "per_export")), 0);
    json_decref(summary);
}

#define run_command_test(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        run_command_test(one_stream_holds_one_export),
        run_command_test(data_and_json_do_not_share_the_standard_output),
        run_command_test(an_unknown_export_is_refused_before_anything_runs),
        run_command_test(the_aggregate_counts_every_export),
        run_command_test(exports_that_were_not_begun_are_told_from_failed_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
