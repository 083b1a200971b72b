/* What passes is tried again, what does not is not; and whatever was cut off, every row comes exactly once. */
#include "support.h"

#include <stdio.h>
#include <string.h>

/* ---- how often, and when ---- */

static rv_error failure_of(rv_retry kind)
{
    return (rv_error){.code = RV_E_SOURCE_LOST, .retry = kind};
}

static void a_pause_doubles_and_stays_near_its_length(void **state)
{
    (void)state;
    const rv_tuning tuning = {.max_retries = 8, .retry_backoff_ms = 1000};
    const rv_error err = failure_of(RV_RETRY_RECONNECT);
    rvi_retry retry;
    rvi_retry_init(&retry, &tuning, 0, 7);
    for (int64_t full = 1000000, i = 0; i < 8; i++, full *= 2) {
        int64_t most = full < 60000000 ? full : 60000000;
        assert_in_range(rvi_retry_pause_us(&retry, &err), most - most / 4, most);
    }
    assert_int_equal(rvi_retry_pause_us(&retry, &err), -1);
}

static void two_lanes_do_not_come_back_at_the_same_moment(void **state)
{
    (void)state;
    const rv_tuning tuning = {.max_retries = 1, .retry_backoff_ms = 1000};
    const rv_error err = failure_of(RV_RETRY_BACKOFF);
    rvi_retry a, b;
    rvi_retry_init(&a, &tuning, 0, 1);
    rvi_retry_init(&b, &tuning, 0, 2);
    assert_int_not_equal(rvi_retry_pause_us(&a, &err), rvi_retry_pause_us(&b, &err));
}

static void what_does_not_pass_is_never_tried_again(void **state)
{
    (void)state;
    const rv_tuning tuning = {.max_retries = 5, .retry_backoff_ms = 1};
    const rv_retry kinds[] = {RV_RETRY_NEVER, RV_RETRY_SMALLER};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const rv_error err = failure_of(kinds[i]);
        rvi_retry retry;
        rvi_retry_init(&retry, &tuning, 0, 1);
        assert_int_equal(rvi_retry_pause_us(&retry, &err), -1);
    }
}

static void what_passes_is_tried_again(void **state)
{
    (void)state;
    const rv_tuning tuning = {.max_retries = 1, .retry_backoff_ms = 1};
    const rv_retry kinds[] = {RV_RETRY_SAME, RV_RETRY_RECONNECT, RV_RETRY_BACKOFF};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const rv_error err = failure_of(kinds[i]);
        rvi_retry retry;
        rvi_retry_init(&retry, &tuning, 0, 1);
        assert_true(rvi_retry_pause_us(&retry, &err) >= 0);
        assert_int_equal(rvi_retry_pause_us(&retry, &err), -1);
    }
}

static void failures_are_counted_from_the_last_success(void **state)
{
    (void)state;
    const rv_tuning tuning = {.max_retries = 9, .retry_backoff_ms = 1};
    const rv_error err = failure_of(RV_RETRY_RECONNECT);
    rvi_retry retry;
    rvi_retry_init(&retry, &tuning, 3, 1); /* attempts of the chunk beat the retries of the tuning */
    for (int i = 0; i < 10; i++) {
        assert_true(rvi_retry_pause_us(&retry, &err) >= 0);
        assert_true(rvi_retry_pause_us(&retry, &err) >= 0);
        rvi_retry_succeeded(&retry);
    }
    assert_true(rvi_retry_pause_us(&retry, &err) >= 0);
    assert_true(rvi_retry_pause_us(&retry, &err) >= 0);
    assert_int_equal(rvi_retry_pause_us(&retry, &err), -1);
}

static void waiting_has_an_end(void **state)
{
    (void)state;
    const rv_tuning tuning = {.max_retries = 1000000, .retry_backoff_ms = 1000};
    const rv_error err = failure_of(RV_RETRY_RECONNECT);
    rvi_retry retry;
    int64_t waited_us = 0, pause_us = 0;
    rvi_retry_init(&retry, &tuning, 0, 1);
    while ((pause_us = rvi_retry_pause_us(&retry, &err)) >= 0)
        waited_us += pause_us;
    assert_in_range(waited_us, INT64_C(15) * 60 * 1000000, INT64_C(16) * 60 * 1000000);
}

/* ---- through the executor ---- */

enum { BACKOFF_MS = 7 };

/* The pause before a repetition takes no time; meanwhile the source recovers, after `failures` of them. Whoever pauses
 * later waits until it has. */
typedef struct healing_clock {
    rv_clock base;
    bench *bench;
    const char *table;
    int64_t n;
    atomic_int failures, pauses;
    atomic_bool healed;
} healing_clock;

static void write_table(bench *b, int64_t n, const char *table, const char *trouble)
{
    char lines[512];
    (void)snprintf(lines, sizeof lines, "%s%s", table, trouble);
    write_numbered(b, n, "est_bytes=9000000000", lines);
}

static void write_script(const bench *b, const char *table, const char *trouble)
{
    FILE *file = fopen(b->script, "we");
    assert_non_null(file);
    assert_true(fprintf(file, "%s%s", table, trouble) > 0);
    assert_int_equal(fclose(file), 0);
}

static bool healing_sleep_us(const rv_clock *clock, int64_t us, rv_cancel *cancel)
{
    healing_clock *c = (healing_clock *)clock;
    bool is_pause = us > 1000 && us <= BACKOFF_MS * 1000 * 8;
    if (!is_pause)
        return rv_clock_system()->sleep_us(rv_clock_system(), us, cancel);
    atomic_fetch_add(&c->pauses, 1);
    int left = atomic_fetch_sub(&c->failures, 1);
    if (left == 1) {
        write_table(c->bench, c->n, c->table, "");
        atomic_store(&c->healed, true);
    }
    while (left < 1 && !atomic_load(&c->healed))
        (void)rv_clock_system()->sleep_us(rv_clock_system(), 1000, NULL);
    return true;
}

#define RANGES          "physical unit=block per_unit=7 strategy=blocks\n"
#define SNAPSHOT_RANGES "physical unit=block per_unit=7 strategy=blocks needs_snapshot\n"

static healing_clock heal_after(bench *b, int failures, int64_t n, const char *table)
{
    healing_clock clock = {
        .base = *rv_clock_system(), .bench = b, .table = table, .n = n, .failures = failures};
    clock.base.sleep_us = healing_sleep_us;
    b->export_config.tuning.max_retries = 3;
    b->export_config.tuning.retry_backoff_ms = BACKOFF_MS;
    b->export_config.consistency =
        strstr(table, "needs_snapshot") != NULL ? RV_CONSISTENCY_SNAPSHOT : RV_CONSISTENCY_STATEMENT;
    return clock;
}

static void a_lost_connection_costs_a_pause_and_no_row(void **state)
{
    bench *b = *state;
    healing_clock clock = heal_after(b, 1, 5000, RANGES);
    write_table(b, 5000, RANGES, "fail page code=SOURCE_LOST after_rows=3001\n");
    b->context.clock = &clock.base;
    assert_int_equal(bench_run(b), RV_OK);
    assert_int_equal(b->summary.retries, 1);
    assert_int_equal(atomic_load(&clock.pauses), 1);
    assert_int_equal(b->summary.rows, 5000);
    assert_rows_once(b, 5000);
}

/* The first attempt at the chunk has put parts already; the second has the same names, and fewer of them. */
static void parts_of_an_attempt_that_failed_are_void(void **state)
{
    bench *b = *state;
    healing_clock clock = heal_after(b, 1, 5000, "");
    b->export_config.format.max_file_bytes = 4000;
    write_table(b, 5000, "", "fail page code=SOURCE_LOST after_rows=4500\n");
    b->context.clock = &clock.base;
    assert_int_equal(bench_run(b), RV_OK);
    assert_int_equal(b->summary.rows, 5000);
    assert_rows_once(b, 5000);
    assert_int_equal(count_files(b, ".csv"), b->summary.files);
}

static void lanes_that_all_lose_their_connection_go_on(void **state)
{
    bench *b = *state;
    healing_clock clock = heal_after(b, 3, 5000, RANGES);
    b->export_config.parallel = 4;
    write_table(b, 5000, RANGES, "fail page code=SOURCE_LOST after_rows=100\n");
    b->context.clock = &clock.base;
    assert_int_equal(bench_run(b), RV_OK);
    assert_rows_once(b, 5000);
}

static void a_snapshot_that_is_lost_is_read_again_as_a_whole(void **state)
{
    bench *b = *state;
    healing_clock clock = heal_after(b, 2, 5000, SNAPSHOT_RANGES); /* in the lane, then for the run */
    write_table(b, 5000, SNAPSHOT_RANGES, "fail page code=SOURCE_LOST after_rows=3001\n");
    b->context.clock = &clock.base;
    assert_int_equal(bench_run(b), RV_OK);
    assert_int_equal(b->summary.rows, 5000);
    assert_true(b->summary.retries >= 1);
    assert_rows_once(b, 5000);
    assert_int_equal(count_files(b, ".csv"), b->summary.files);
}

static void when_repetitions_are_used_up_the_chunks_stay_for_the_next_run(void **state)
{
    bench *b = *state;
    healing_clock clock = heal_after(b, 1000, 5000, RANGES);
    write_table(b, 5000, RANGES, "fail page code=SOURCE_LOST after_rows=3001\n");
    b->context.clock = &clock.base;
    assert_int_equal(bench_run(b), RV_E_SOURCE_LOST);
    assert_int_equal(rv_code_exit(b->summary.error.code), RV_EXIT_TRANSIENT);
    assert_int_equal(atomic_load(&clock.pauses), 3);
    assert_int_equal(count_files(b, "_SUCCESS"), 0);
    int kept = count_files(b, ".csv");
    assert_true(kept > 3);
    write_table(b, 5000, RANGES, "");
    assert_int_equal(bench_run(b), RV_OK);
    assert_true(b->summary.resumed);
    assert_int_equal(b->summary.pages + kept <= b->summary.n_chunks * 3, true);
    assert_rows_once(b, 5000);
}

static void a_source_that_is_full_or_starting_is_waited_for(void **state)
{
    bench *b = *state;
    healing_clock clock = heal_after(b, 2, 100, "");
    write_numbered(b, 100, "", "fail open code=SOURCE_BUSY\n");
    b->context.clock = &clock.base;
    assert_int_equal(bench_run(b), RV_OK);
    assert_int_equal(atomic_load(&clock.pauses), 2);
    assert_rows_once(b, 100);
}

static void a_source_that_cannot_be_reached_at_first_is_tried_once_more(void **state)
{
    bench *b = *state;
    healing_clock clock = heal_after(b, 1000, 100, "");
    write_numbered(b, 100, "", "fail open code=SOURCE_CONNECT\n");
    b->context.clock = &clock.base;
    assert_int_equal(bench_run(b), RV_E_SOURCE_CONNECT);
    assert_int_equal(atomic_load(&clock.pauses), 1);
    assert_int_equal(b->summary.retries, 1);
    clock.failures = 1;
    assert_int_equal(bench_run(b), RV_OK);
    assert_rows_once(b, 100);
}

static void the_first_pause_is_short_whatever_the_backoff(void **state)
{
    (void)state;
    const rv_tuning tuning = {.max_retries = 9, .retry_backoff_ms = 30000}, none = {.max_retries = 0};
    const rv_error err = {.code = RV_E_SOURCE_CONNECT, .retry = RV_RETRY_RECONNECT};
    rvi_retry retry;
    rvi_retry_init(&retry, &tuning, 0, 1);
    assert_in_range(rvi_retry_first_pause_us(&retry, &err), 1, 1000000);
    assert_int_equal(rvi_retry_first_pause_us(&retry, &err), -1);
    rvi_retry_init(&retry, &none, 0, 1);
    assert_int_equal(rvi_retry_first_pause_us(&retry, &err), -1);
}

/* The partitions of an export are found over a connection of their own, with the same patience. */
static void partitions_are_looked_for_with_patience(void **state)
{
    bench *b = *state;
    static const char table[] = "table t\ncolumn id bigint not_null\ncolumn d date\nrow 0 2024-01-01\n";
    healing_clock clock = heal_after(b, 1, 1, "");
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    rv_export_config *parts = NULL;
    rv_error err = {0};
    int n = 0;
    clock.failures = 1000;
    b->context.clock = &clock.base;
    b->export_config.partition = (rv_partition_config){.column = "d"};
    b->export_config.tuning.max_retries = 2;
    assert_int_equal(rv_arena_new(&arena, 1 << 20, NULL), RV_OK);
    write_script(b, table, "fail describe code=SOURCE_LOST\n");
    assert_int_equal(rv_run_partitions(&b->context, &b->export_config, arena, &parts, &n, &err),
                     RV_E_SOURCE_LOST);
    assert_int_equal(atomic_load(&clock.pauses), 2);
    write_script(b, table, "");
    assert_int_equal(rv_run_partitions(&b->context, &b->export_config, arena, &parts, &n, &err), RV_OK);
    assert_int_equal(n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pause_doubles_and_stays_near_its_length),
        cmocka_unit_test(two_lanes_do_not_come_back_at_the_same_moment),
        cmocka_unit_test(what_does_not_pass_is_never_tried_again),
        cmocka_unit_test(what_passes_is_tried_again),
        cmocka_unit_test(failures_are_counted_from_the_last_success),
        cmocka_unit_test(waiting_has_an_end),
        bench_test(a_lost_connection_costs_a_pause_and_no_row),
        bench_test(parts_of_an_attempt_that_failed_are_void),
        bench_test(lanes_that_all_lose_their_connection_go_on),
        bench_test(a_snapshot_that_is_lost_is_read_again_as_a_whole),
        bench_test(when_repetitions_are_used_up_the_chunks_stay_for_the_next_run),
        bench_test(a_source_that_is_full_or_starting_is_waited_for),
        bench_test(a_source_that_cannot_be_reached_at_first_is_tried_once_more),
        cmocka_unit_test(the_first_pause_is_short_whatever_the_backoff),
        bench_test(partitions_are_looked_for_with_patience),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
