/* The gates: what counts, what is forgotten with a chunk that is given up, what lanes find together, and duplicates among
 * more values than are held in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "rivet/quality.h"

enum {
    BLOCK = (int)RV_UNIQUE_BLOCK_BYTES / 16, /* hashes in memory */
    FIELDS = 2,
};

static const rv_null_ratio half_null[] = {{"v", 0.5}};
static const char *const unique_v[] = {"v"};
static const rv_quality_config no_gates = {.row_count_min = -1, .row_count_max = -1};
static const rv_quality_config unique_gate = {
    .row_count_min = -1, .row_count_max = -1, .unique_columns = unique_v, .n_unique_columns = 1};
static const rv_quality_config null_gate = {
    .row_count_min = -1, .row_count_max = -1, .null_ratios = half_null, .n_null_ratios = 1};

static rv_field fields[FIELDS] = {
    {.name = "id", .native_type = "native", .type = {.id = RV_TYPE_INT64}},
    {.name = "v", .native_type = "native", .type = {.id = RV_TYPE_INT64}, .nullable = true},
};
static const rv_schema schema = {.fields = fields, .n_fields = FIELDS, .origin = "t"};

typedef struct fixture {
    rv_budget budget;
    rv_arena *arena;
    rv_batch *batch;
    rv_quality_report report;
    rv_error err;
    int beats;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    rv_budget_init(&f->budget, (size_t)64 << 20);
    assert_int_equal(rv_arena_new(&f->arena, 1 << 20, NULL), RV_OK);
    assert_int_equal(rv_batch_new(&f->batch, &schema, NULL, NULL), RV_OK);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;
    rv_batch_free(f->batch);
    rv_arena_free(f->arena);
    assert_int_equal(rv_budget_used(&f->budget), 0);
    free(f);
    return 0;
}

static rv_quality *make(fixture *f, const rv_quality_config *config)
{
    rv_quality *quality = NULL;
    const rv_quality_options options = {
        .config = config, .schema = &schema, .budget = &f->budget, .run_id = "t_20240131T000000.000"};
    assert_int_equal(rv_quality_new(&quality, &options, &f->err), RV_OK);
    return quality;
}

/* Rows whose v is first, first + step, …; NULL where it is negative. */
static rv_code add(fixture *f, rv_quality *quality, int64_t first, int64_t step, int64_t n)
{
    enum { ROWS = 1000 };
    for (int64_t i = 0; i < n;) {
        rv_batch_reset(f->batch);
        for (; i < n && f->batch->rows < ROWS; i++) {
            int64_t value = first + i * step;
            assert_int_equal(rv_batch_begin_row(f->batch, NULL), RV_OK);
            rv_column_append_i64(&f->batch->columns[0], i);
            if (value < 0)
                assert_int_equal(rv_column_append_null(&f->batch->columns[1], NULL), RV_OK);
            else
                rv_column_append_i64(&f->batch->columns[1], value);
            rv_batch_end_row(f->batch);
        }
        RV_TRY(rv_quality_add(quality, f->batch, &f->err));
    }
    return RV_OK;
}

static void add_chunk(fixture *f, rv_quality *quality, int64_t first, int64_t step, int64_t n)
{
    rv_bytes tally = RV_BYTES_INIT(4096);
    const char *text = NULL;
    assert_int_equal(add(f, quality, first, step, n), RV_OK);
    assert_int_equal(rv_quality_tally(quality, &tally, &f->err), RV_OK);
    assert_int_equal(rv_bytes_cstr(&tally, &text, NULL), RV_OK);
    rv_quality_keep_chunk(quality);
    assert_int_equal(rv_quality_count(quality, text, &f->err), RV_OK);
    rv_bytes_deinit(&tally);
}

static rv_code count_beat(void *context, rv_error *err)
{
    (void)err;
    ((fixture *)context)->beats++;
    return RV_OK;
}

static rv_code check(fixture *f, rv_quality *quality, int64_t rows)
{
    const rv_quality_beat beat = {count_beat, f};
    RV_TRY(rv_quality_check(quality, rows, &beat, f->arena, &f->report, &f->err));
    return rv_quality_verdict(&f->report, &f->err);
}

static void row_counts_are_judged_by_the_whole_run(void **state)
{
    fixture *f = *state;
    const rv_quality_config config = {.row_count_min = 5, .row_count_max = 10};
    RV_AUTO(rv_quality_free) rv_quality *quality = make(f, &config);
    assert_int_equal(check(f, quality, 4), RV_E_QUALITY_FAILED);
    assert_int_equal(check(f, quality, 5), RV_OK);
    assert_int_equal(check(f, quality, 10), RV_OK);
    assert_int_equal(check(f, quality, 11), RV_E_QUALITY_FAILED);
    assert_false(rv_quality_is_given(&no_gates));
    assert_true(rv_quality_is_given(&config));
    assert_false(rv_quality_needs_rows(&config, NULL));
}

static void shares_of_null_may_reach_their_limit_but_not_pass_it(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_quality_free) rv_quality *quality = make(f, &null_gate);
    assert_int_equal(check(f, quality, 0), RV_OK);
    add_chunk(f, quality, -5, 1, 10);
    assert_int_equal(check(f, quality, 10), RV_OK);
    add_chunk(f, quality, -1, 1, 1);
    assert_int_equal(check(f, quality, 11), RV_E_QUALITY_FAILED);
    assert_string_equal(f->report.issues[0].text,
                        "6 of 11 values of 'v' are NULL, more than the share of 0.5");
}

static void nulls_are_no_duplicates(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_quality_free) rv_quality *quality = make(f, &unique_gate);
    add_chunk(f, quality, -5, 1, 10);
    assert_int_equal(check(f, quality, 10), RV_OK);
}

static void a_chunk_that_is_given_up_leaves_no_trace(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_quality_free) rv_quality *quality = make(f, &unique_gate);
    add_chunk(f, quality, 0, 1, BLOCK + 100);
    for (int i = 0; i < 3; i++) { /* more than two blocks each time, all of them spilled over the kept ones */
        assert_int_equal(add(f, quality, 0, 1, 2 * BLOCK + 50), RV_OK);
        assert_int_equal(rv_quality_drop_chunk(quality, &f->err), RV_OK);
    }
    add_chunk(f, quality, BLOCK + 100, 1, BLOCK);
    assert_int_equal(check(f, quality, 2 * BLOCK + 100), RV_OK);
}

static void what_a_dropped_chunk_has_overwritten_is_still_compared(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_quality_free) rv_quality *quality = make(f, &unique_gate);
    add_chunk(f, quality, 0, 1, 100);
    assert_int_equal(add(f, quality, 1000, 1, 3 * BLOCK), RV_OK);
    assert_int_equal(rv_quality_drop_chunk(quality, &f->err), RV_OK);
    add_chunk(f, quality, 99, 1, 10);
    assert_int_equal(check(f, quality, 110), RV_E_QUALITY_FAILED);
    assert_string_equal(f->report.issues[0].text, "1 of 110 values of 'v' repeat an earlier one");
}

static void lanes_find_duplicates_together(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_quality_free) rv_quality *first = make(f, &unique_gate), *second = make(f, &unique_gate);
    add_chunk(f, first, 0, 2, 1000);
    add_chunk(f, second, 1, 2, 1000);
    assert_int_equal(add(f, second, 0, 1, 50), RV_OK); /* an open chunk is nobody's */
    assert_int_equal(rv_quality_merge(first, second, &f->err), RV_OK);
    assert_int_equal(check(f, first, 2000), RV_OK);

    RV_AUTO(rv_quality_free) rv_quality *third = make(f, &unique_gate);
    add_chunk(f, third, 998, 1, 2);
    assert_int_equal(rv_quality_merge(first, third, &f->err), RV_OK);
    assert_int_equal(check(f, first, 2002), RV_E_QUALITY_FAILED);
    assert_string_equal(f->report.issues[0].text, "2 of 2002 values of 'v' repeat an earlier one");
}

/* With memory for one block only, so that the logs are sorted and merged in pieces. */
static void duplicates_are_found_among_more_values_than_fit_into_memory(void **state)
{
    fixture *f = *state;
    static const struct {
        int64_t n, again;
        const char *why;
    } cases[] = {
        {(int64_t)5 * BLOCK + 77, 0, "none, over several runs"},
        {(int64_t)5 * BLOCK + 77, 1, "one"},
        {(int64_t)3 * BLOCK, BLOCK + 5, "many, and whole blocks"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rv_budget_init(&f->budget, (size_t)3 * RV_UNIQUE_BLOCK_BYTES);
        rv_quality *first = make(f, &unique_gate), *second = make(f, &unique_gate);
        add_chunk(f, first, 0, 1, cases[i].n);
        add_chunk(f, second, 3, 7, cases[i].again);
        assert_int_equal(rv_quality_merge(first, second, &f->err), RV_OK);
        rv_quality_free(second);
        rv_code rc = check(f, first, cases[i].n + cases[i].again);
        int64_t expected = 0;
        for (int64_t k = 0; k < cases[i].again; k++)
            expected += 3 + 7 * k < cases[i].n;
        assert_int_equal(rc, expected > 0 ? RV_E_QUALITY_FAILED : RV_OK);
        if (expected > 0)
            assert_int_equal(strtoll(f->report.issues[0].text, NULL, 10), expected);
        rv_quality_free(first);
        assert_int_equal(rv_budget_used(&f->budget), 0);
    }
}

static void one_value_everywhere_is_counted_across_runs(void **state)
{
    fixture *f = *state;
    rv_budget_init(&f->budget, (size_t)2 * RV_UNIQUE_BLOCK_BYTES);
    RV_AUTO(rv_quality_free) rv_quality *quality = make(f, &unique_gate);
    add_chunk(f, quality, 7, 0, 3 * BLOCK + 1);
    assert_int_equal(check(f, quality, 3 * BLOCK + 1), RV_E_QUALITY_FAILED);
    assert_int_equal(strtoll(f->report.issues[0].text, NULL, 10), 3 * BLOCK);
}

static void beyond_its_limit_a_unique_column_is_said_to_be_capped(void **state)
{
    fixture *f = *state;
    rv_quality_config config = unique_gate;
    config.unique_max_entries = 100;
    RV_AUTO(rv_quality_free) rv_quality *quality = make(f, &config);
    add_chunk(f, quality, 0, 1, 100);
    assert_int_equal(check(f, quality, 100), RV_OK);
    assert_int_equal(f->report.n_issues, 0);
    add_chunk(f, quality, 100, 1, 1);
    assert_int_equal(check(f, quality, 101), RV_OK);
    assert_int_equal(f->report.n_issues, 1);
    assert_false(f->report.issues[0].fails);
    assert_non_null(strstr(f->report.issues[0].text, "among 100 values; the others were not compared"));
}

static void rows_that_were_not_seen_cannot_pass(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_quality_free) rv_quality *quality = make(f, &unique_gate);
    add_chunk(f, quality, 0, 1, 10);
    assert_int_equal(check(f, quality, 20), RV_E_QUALITY_FAILED);
    assert_non_null(strstr(f->report.issues[0].text, "only 10 of 20 values"));
}

static void the_result_is_json(void **state)
{
    fixture *f = *state;
    rv_bytes json = RV_BYTES_INIT(4096);
    const char *text = NULL;
    RV_AUTO(rv_quality_free) rv_quality *quality = make(f, &null_gate);
    add_chunk(f, quality, -1, 1, 1);
    assert_int_equal(check(f, quality, 1), RV_E_QUALITY_FAILED);
    assert_int_equal(rv_quality_json(&f->report, &json, &f->err), RV_OK);
    assert_int_equal(rv_bytes_cstr(&json, &text, NULL), RV_OK);
    assert_string_equal(
        text, "{\"passed\":false,\"rows\":1,\"gates\":[{\"gate\":\"null_ratio_max\",\"column\":\"v\","
              "\"verdict\":\"failed\",\"measured\":1.0,\"limit\":0.5,\"proof\":null}],\"issues\":[{\"gate\":"
              "\"null_ratio\",\"column\":\"v\","
              "\"severity\":\"fail\",\"message\":\"1 of 1 values of 'v' are NULL, more than the "
              "share of 0.5\"}]}");
    rv_bytes_deinit(&json);
}

static void counts_of_other_processes_are_added_up(void **state)
{
    fixture *f = *state;
    RV_AUTO(rv_quality_free) rv_quality *quality = make(f, &null_gate);
    assert_int_equal(rv_quality_count(quality, "{\"v\":3}", &f->err), RV_OK);
    assert_int_equal(rv_quality_count(quality, "{\"v\":2,\"other\":9}", &f->err), RV_OK);
    assert_int_equal(check(f, quality, 10), RV_OK);
    assert_true(f->report.gates[0].measured == 0.5 && f->report.gates[0].limit == 0.5);
    assert_int_equal(rv_quality_count(quality, "{\"v\":1}", &f->err), RV_OK);
    assert_int_equal(check(f, quality, 11), RV_E_QUALITY_FAILED);
}

static void a_chunk_that_is_not_counted_is_not_guessed_at(void **state)
{
    fixture *f = *state;
    static const char *const bad[] = {NULL,  "",       "{}", "{\"w\":1}", "{\"v\":-1}", "{\"v\":\"1\"}",
                                      "[1]", "{\"v\":"};
    RV_AUTO(rv_quality_free) rv_quality *quality = make(f, &null_gate);
    assert_true(rv_quality_is_counted(&null_gate, "{\"v\":0}"));
    assert_true(rv_quality_is_counted(&unique_gate, NULL));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(rv_quality_is_counted(&null_gate, bad[i]));
        assert_int_equal(rv_quality_count(quality, bad[i], &f->err), RV_E_STATE_CORRUPT);
    }
    assert_int_equal(rv_quality_count(quality, "{\"v\":9223372036854775807}", &f->err), RV_OK);
    assert_int_equal(rv_quality_count(quality, "{\"v\":1}", &f->err), RV_E_STATE_CORRUPT);
}

static void what_is_proved_is_not_looked_at(void **state)
{
    fixture *f = *state;
    static const char *const proved[] = {"unique index t_v"};
    const rv_quality_options options = {
        .config = &unique_gate, .schema = &schema, .budget = &f->budget, .run_id = "t", .proved = proved};
    RV_AUTO(rv_quality_free) rv_quality *quality = NULL, *other = NULL;
    assert_false(rv_quality_needs_rows(&unique_gate, proved));
    assert_int_equal(rv_quality_new(&quality, &options, &f->err), RV_OK);
    assert_int_equal(rv_quality_new(&other, &options, &f->err), RV_OK);
    assert_int_equal(rv_budget_used(&f->budget), 0);
    add_chunk(f, quality, 7, 0, 10);
    assert_int_equal(rv_quality_merge(quality, other, &f->err), RV_OK);
    assert_int_equal(check(f, quality, 20), RV_OK);
    assert_string_equal(f->report.gates[0].proof, proved[0]);
    rv_quality_disprove(quality, 0);
    assert_int_equal(check(f, quality, 10), RV_E_QUALITY_FAILED); /* nothing was remembered to compare */
}

/* Names are as long as a source allows; what is said of one stays valid UTF-8. */
static void a_long_name_is_cut_between_characters(void **state)
{
    fixture *f = *state;
    char name[1024] = "x";
    for (size_t i = 1; i + 2 < sizeof name; i += 2)
        memcpy(name + i, "\xc3\xa9", 3);
    const rv_null_ratio ratios[] = {{name, 0.0}};
    rv_quality_config config = null_gate;
    rv_bytes json = RV_BYTES_INIT(16384);
    config.null_ratios = ratios;
    fields[1].name = name;
    RV_AUTO(rv_quality_free) rv_quality *quality = make(f, &config);
    add_chunk(f, quality, -1, 1, 1);
    assert_int_equal(check(f, quality, 1), RV_E_QUALITY_FAILED);
    assert_int_equal(rv_quality_json(&f->report, &json, &f->err), RV_OK);
    fields[1].name = "v";
    rv_bytes_deinit(&json);
}

static rv_code whole_life(fixture *f)
{
    rv_budget_init(&f->budget, (size_t)4 * RV_UNIQUE_BLOCK_BYTES);
    const rv_quality_options options = {
        .config = &unique_gate, .schema = &schema, .budget = &f->budget, .run_id = "t"};
    RV_AUTO(rv_quality_free) rv_quality *first = NULL, *second = NULL;
    RV_TRY(rv_quality_new(&first, &options, &f->err));
    RV_TRY(rv_quality_new(&second, &options, &f->err));
    RV_TRY(add(f, first, 0, 1, 2 * BLOCK));
    rv_quality_keep_chunk(first);
    RV_TRY(add(f, second, 2 * BLOCK, 1, 2 * BLOCK));
    rv_quality_keep_chunk(second);
    RV_TRY(rv_quality_merge(first, second, &f->err));
    return rv_quality_check(first, 4 * BLOCK, &(rv_quality_beat){0}, f->arena, &f->report, &f->err);
}

static void every_failure_on_the_way_is_an_error_and_leaves_nothing(void **state)
{
    fixture *f = *state;
    static const fault_kind kinds[] = {FAULT_ALLOC, FAULT_WRITE, FAULT_READ, FAULT_OPEN};
    assert_int_equal(whole_life(f), RV_OK); /* the batch has all its memory now */
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        for (int n = 1;; n++) {
            fault_arm(kinds[k], n, FAULT_TRANSIENT, 28 /* ENOSPC */);
            rv_code rc = whole_life(f);
            bool hit = fault_disarm();
            assert_int_equal(rc == RV_OK, !hit);
            assert_int_equal(rv_budget_used(&f->budget), 0);
            if (!hit)
                break;
        }
    }
}

static rv_code stop(void *context, rv_error *err)
{
    (void)context;
    return rv_fail(err, RV_E_CANCELLED, "stopped");
}

static void a_long_search_can_be_stopped(void **state)
{
    fixture *f = *state;
    const rv_quality_beat beat = {stop, NULL};
    rv_budget_init(&f->budget, (size_t)2 * RV_UNIQUE_BLOCK_BYTES);
    RV_AUTO(rv_quality_free) rv_quality *quality = make(f, &unique_gate);
    add_chunk(f, quality, 0, 1, (1 << 20) + 1);
    assert_int_equal(rv_quality_check(quality, (1 << 20) + 1, &beat, f->arena, &f->report, &f->err),
                     RV_E_CANCELLED);
}

#define quality_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        quality_test(row_counts_are_judged_by_the_whole_run),
        quality_test(shares_of_null_may_reach_their_limit_but_not_pass_it),
        quality_test(nulls_are_no_duplicates),
        quality_test(a_chunk_that_is_given_up_leaves_no_trace),
        quality_test(what_a_dropped_chunk_has_overwritten_is_still_compared),
        quality_test(lanes_find_duplicates_together),
        quality_test(duplicates_are_found_among_more_values_than_fit_into_memory),
        quality_test(one_value_everywhere_is_counted_across_runs),
        quality_test(beyond_its_limit_a_unique_column_is_said_to_be_capped),
        quality_test(rows_that_were_not_seen_cannot_pass),
        quality_test(the_result_is_json),
        quality_test(counts_of_other_processes_are_added_up),
        quality_test(a_chunk_that_is_not_counted_is_not_guessed_at),
        quality_test(what_is_proved_is_not_looked_at),
        quality_test(a_long_name_is_cut_between_characters),
        quality_test(every_failure_on_the_way_is_an_error_and_leaves_nothing),
        quality_test(a_long_search_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
