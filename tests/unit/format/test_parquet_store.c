/* The log of finished pages: what is read back is what was appended, wherever it lies meanwhile. */
#include "format/parquet/store.h"
#include "parquet_support.h"

enum { SEGMENT = 4096, LOG_BYTES = 4 << 20 };

/* A scratch in memory that can be told to fail from the nth call on. */
typedef struct memory_scratch {
    rv_scratch base;
    uint8_t *data;
    size_t len;
    int n_calls, fails_at; /* 0: never */
    int n_resets;
} memory_scratch;

static bool fails(memory_scratch *s)
{
    return ++s->n_calls == s->fails_at;
}

static rv_code scratch_write(rv_scratch *base, uint64_t at, const void *data, size_t len, rv_error *err)
{
    memory_scratch *s = (memory_scratch *)base;
    if (fails(s))
        return rv_fail(err, RV_E_DEST_FULL, "the scratch takes no more");
    assert_true(at + len <= LOG_BYTES);
    memcpy(s->data + at, data, len);
    s->len = at + len > s->len ? (size_t)at + len : s->len;
    return RV_OK;
}

static rv_code scratch_read(rv_scratch *base, uint64_t at, void *out, size_t len, rv_error *err)
{
    memory_scratch *s = (memory_scratch *)base;
    if (fails(s))
        return rv_fail(err, RV_E_SPOOL, "the scratch cannot be read");
    assert_true(at + len <= s->len);
    memcpy(out, s->data + at, len);
    return RV_OK;
}

static void scratch_reset(rv_scratch *base)
{
    memory_scratch *s = (memory_scratch *)base;
    s->len = 0;
    s->n_resets++;
}

typedef struct bench {
    rvi_pq_memory memory;
    rvi_pq_store store;
    memory_scratch scratch;
    memory_sink sink;
    rvi_pq_output out;
    uint8_t *expected; /* the log's content */
} bench;

static int setup(void **state)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->scratch =
        (memory_scratch){.base = {.write = scratch_write, .read = scratch_read, .reset = scratch_reset},
                         .data = malloc(LOG_BYTES)};
    b->expected = malloc(LOG_BYTES);
    if (b->scratch.data == NULL || b->expected == NULL)
        return -1;
    uint64_t random = 7;
    for (size_t i = 0; i < LOG_BYTES; i++)
        b->expected[i] = (uint8_t)next_random(&random);
    b->sink = memory_sink_open(LOG_BYTES);
    assert_int_equal(rvi_pq_output_init(&b->out, &b->sink.base, &b->memory, NULL), RV_OK);
    rvi_pq_store_init(&b->store, SEGMENT, &b->memory);
    b->store.scratch = &b->scratch.base;
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    bench *b = *state;
    rvi_pq_store_deinit(&b->store);
    rvi_pq_output_deinit(&b->out);
    assert_int_equal(b->memory.used, 0);
    free(b->sink.data);
    free(b->scratch.data);
    free(b->expected);
    free(b);
    return 0;
}

static void append_to(bench *b, size_t len)
{
    size_t from = (size_t)b->store.len;
    assert_int_equal(rvi_pq_store_append(&b->store, b->expected + from, len, NULL), RV_OK);
    assert_int_equal(b->store.len, from + len);
}

static void assert_holds(bench *b, size_t at, size_t len)
{
    b->sink.len = 0;
    assert_int_equal(rvi_pq_store_write(&b->store, at, len, &b->out, NULL), RV_OK);
    assert_int_equal(rvi_pq_output_flush(&b->out, NULL), RV_OK);
    assert_int_equal(b->sink.len, len);
    assert_memory_equal(b->sink.data, b->expected + at, len);
}

static void what_was_appended_is_read_back_wherever_it_lies(void **state)
{
    bench *b = *state;
    uint64_t random = 3;
    for (int i = 0; i < 400; i++) {
        append_to(b, next_random(&random) % 9000);
        if (i % 37 == 5)
            assert_int_equal(rvi_pq_store_spill(&b->store, NULL), RV_OK);
        if (i % 11 == 0) {
            size_t at = (size_t)(next_random(&random) % b->store.len);
            assert_holds(b, at, (size_t)(next_random(&random) % (b->store.len - at)));
        }
    }
    assert_true(b->store.spilled > 0 && b->store.spilled < b->store.len);
    assert_holds(b, 0, (size_t)b->store.len);
    assert_holds(b, (size_t)b->store.spilled - 100, 200); /* from both */
}

static void spilling_frees_the_memory(void **state)
{
    bench *b = *state;
    append_to(b, 40 * SEGMENT + 1);
    assert_true(rvi_pq_store_held(&b->store) == 41 * SEGMENT);
    assert_int_equal(rvi_pq_store_spill(&b->store, NULL), RV_OK);
    assert_int_equal(rvi_pq_store_held(&b->store), 0);
    assert_true(b->memory.used < 3 * SEGMENT + (64 << 10) + (64 << 10)); /* the output's buffer, an array */
    assert_int_equal(rvi_pq_store_spill(&b->store, NULL), RV_OK);        /* nothing left to do */
}

static void a_long_piece_is_never_held(void **state)
{
    bench *b = *state;
    append_to(b, 100);
    append_to(b, RVI_PQ_STORE_DIRECT + 1);
    assert_int_equal(rvi_pq_store_held(&b->store), 0);
    append_to(b, 100);
    assert_holds(b, 0, (size_t)b->store.len);
}

static void what_is_cut_off_is_forgotten_on_both_sides(void **state)
{
    bench *b = *state;
    append_to(b, 10 * SEGMENT);
    assert_int_equal(rvi_pq_store_spill(&b->store, NULL), RV_OK);
    append_to(b, 3 * SEGMENT + 7);
    rvi_pq_store_truncate(&b->store, 11 * SEGMENT); /* in memory */
    append_to(b, 500);
    assert_holds(b, 0, 11 * SEGMENT + 500);
    rvi_pq_store_truncate(&b->store, 4 * SEGMENT + 3); /* in the scratch */
    append_to(b, 2 * SEGMENT);
    assert_holds(b, 0, 6 * SEGMENT + 3);
    assert_int_equal(b->scratch.n_resets, 0);
    rvi_pq_store_truncate(&b->store, 0);
    assert_int_equal(b->scratch.n_resets, 1);
    append_to(b, SEGMENT);
    assert_holds(b, 0, SEGMENT);
}

static void every_failure_of_the_scratch_is_passed_on(void **state)
{
    bench *b = *state;
    rv_code rc = RV_E_INTERNAL;
    for (int n = 1; rc != RV_OK; n++) {
        rv_error err = {0};
        rvi_pq_store_deinit(&b->store);
        rvi_pq_store_init(&b->store, SEGMENT, &b->memory);
        b->store.scratch = &b->scratch.base;
        b->scratch.n_calls = 0;
        b->scratch.fails_at = n;
        append_to(b, 5 * SEGMENT);
        rc = rvi_pq_store_spill(&b->store, &err);
        if (rc == RV_OK)
            rc = rvi_pq_store_append(&b->store, b->expected + b->store.len, RVI_PQ_STORE_DIRECT + 1, &err);
        b->sink.len = 0;
        if (rc == RV_OK)
            rc = rvi_pq_store_write(&b->store, 0, b->store.len, &b->out, &err);
        assert_int_equal(err.code, rc);
        assert_true(rc == RV_OK || rc == RV_E_DEST_FULL || rc == RV_E_SPOOL);
        assert_true((rc == RV_OK) == (n > b->scratch.n_calls));
        assert_true(n < 100);
    }
}

#define store_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(what_was_appended_is_read_back_wherever_it_lies),
        store_test(spilling_frees_the_memory),
        store_test(a_long_piece_is_never_held),
        store_test(what_is_cut_off_is_forgotten_on_both_sides),
        store_test(every_failure_of_the_scratch_is_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
