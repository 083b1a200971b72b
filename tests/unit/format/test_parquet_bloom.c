/* Bloom filters: what was put in is found, in whatever way it came and however often the filter was folded. */
#include "format/parquet/bloom.h"
#include "parquet_support.h"

#include "rivet/hash.h"

#include "fault.h"

#include <math.h>
#include <stdio.h>

static const char *const NAMES[] = {"v"};
static const rv_parquet_options OPTIONS = {.bloom = NAMES, .n_bloom = 1};

typedef struct filter {
    rv_field field;
    rvi_pq_leaf leaf;
    rvi_pq_memory memory;
    rvi_pq_bloom bloom;
} filter;

static filter filter_of(rv_type type, size_t max_bytes)
{
    filter f = {.field = field_of("v", type, true)};
    f.leaf = leaf_of(&f.field);
    assert_int_equal(rvi_pq_bloom_init(&f.bloom, &OPTIONS, &f.field, max_bytes, &f.memory, NULL), RV_OK);
    return f;
}

static void filter_free(filter *f)
{
    rvi_pq_bloom_deinit(&f->bloom, &f->memory);
    assert_int_equal(f->memory.used, 0);
}

static bool holds(const filter *f, const void *value, size_t len)
{
    return rvi_pq_bloom_may_hold(f->bloom.words, f->bloom.n_blocks, rv_xxh64(value, len, 0));
}

static bool holds_i64(const filter *f, int64_t value)
{
    return holds(f, &value, sizeof value);
}

static void add_i64(filter *f, int64_t from, int64_t n)
{
    for (int64_t i = from; i < from + n; i++) {
        rvi_pq_buf one = {.data = (uint8_t *)&i, .len = sizeof i, .cap = sizeof i};
        rvi_pq_bloom_add(&f->bloom, &f->leaf, &one, 1);
    }
}

/* The numbers of the specification's own example are not published; these come from its formulas in other hands:
 * python3 -c "import xxhash; print(hex(xxhash.xxh64_intdigest(b'rivet', seed=0)))" */
static void the_hash_is_xxh64_without_a_seed(void **state)
{
    (void)state;
    assert_true(rv_xxh64("", 0, 0) == UINT64_C(0xef46db3751d8e999));
    assert_true(rv_xxh64("rivet", 5, 0) == UINT64_C(0xbe2c6929edc4ccb0));
}

static void a_filter_holds_what_was_put_in_at_every_size(void **state)
{
    (void)state;
    for (size_t bytes = 1; bytes <= 4 << 20; bytes *= 3) {
        filter f = filter_of(scalar(RV_TYPE_INT64), bytes);
        assert_int_equal(f.bloom.max_blocks & (f.bloom.max_blocks - 1), 0);
        assert_true(f.bloom.max_blocks * 32 <= (bytes > 32 ? bytes : 32) && f.bloom.max_blocks <= 32768);
        add_i64(&f, -500, 1000);
        rvi_pq_bloom_finish(&f.bloom, &f.leaf, NULL);
        for (int64_t i = -500; i < 500; i++)
            assert_true(holds_i64(&f, i));
        filter_free(&f);
    }
}

/* 10.5 bits a value are 1 %; a power of two is at most twice that, and as much again is left to the estimate. */
static void a_large_filter_is_folded_to_what_its_values_need(void **state)
{
    (void)state;
    for (int64_t n = 1; n <= 100000; n *= 10) {
        filter f = filter_of(scalar(RV_TYPE_INT64), RVI_PQ_BLOOM_MAX_BYTES);
        add_i64(&f, 0, n);
        rvi_pq_bloom_finish(&f.bloom, &f.leaf, NULL);
        int wrong = 0;
        for (int64_t i = 0; i < 20000; i++)
            wrong += holds_i64(&f, INT64_MIN + i);
        assert_in_range(wrong, 0, 260);
        assert_in_range(f.bloom.n_blocks * 256, n * 8, n * 42 + 256);
        filter_free(&f);
    }
}

static rvi_pq_dict dictionary_of(filter *f, int64_t n)
{
    rvi_pq_dict dict;
    assert_int_equal(rvi_pq_dict_init(&dict, &f->leaf, RVI_PQ_DICT_MAX_BYTES, &f->memory, NULL), RV_OK);
    for (int64_t i = 0; i < n; i++) {
        rvi_pq_values one = {.n = 1, .fixed = (const uint8_t *)&i};
        uint32_t index;
        int32_t done = 0;
        assert_int_equal(rvi_pq_dict_add(&dict, &one, &index, &done, NULL), RV_OK);
        assert_int_equal(done, 1);
    }
    return dict;
}

static void a_dictionary_gives_its_entries_and_their_number(void **state)
{
    (void)state;
    static const struct {
        int64_t n;
        size_t blocks;
    } cases[] = {{1, 1}, {24, 1}, {25, 2}, {48, 2}, {49, 4}, {10000, 512}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        filter f = filter_of(scalar(RV_TYPE_INT64), RVI_PQ_BLOOM_MAX_BYTES);
        rvi_pq_dict dict = dictionary_of(&f, cases[i].n);
        rvi_pq_bloom_finish(&f.bloom, &f.leaf, &dict);
        assert_int_equal(f.bloom.n_blocks, cases[i].blocks);
        for (int64_t v = 0; v < cases[i].n; v++)
            assert_true(holds_i64(&f, v));
        rvi_pq_dict_deinit(&dict);
        filter_free(&f);
    }
}

static void values_beside_a_dictionary_are_held_with_it(void **state)
{
    (void)state;
    filter f = filter_of(scalar(RV_TYPE_INT64), 1 << 16);
    rvi_pq_dict dict = dictionary_of(&f, 300);
    add_i64(&f, 1000, 300);
    rvi_pq_bloom_finish(&f.bloom, &f.leaf, &dict);
    for (int64_t v = 0; v < 300; v++)
        assert_true(holds_i64(&f, v) && holds_i64(&f, 1000 + v));
    rvi_pq_dict_deinit(&dict);
    filter_free(&f);
}

static void texts_are_hashed_without_their_length(void **state)
{
    (void)state;
    filter f = filter_of(scalar(RV_TYPE_STRING), 1024);
    uint8_t plain[] = {2, 0, 0, 0, 'a', 'b', 0, 0, 0, 0, 1, 0, 0, 0, 'c'};
    rvi_pq_buf page = {.data = plain, .len = sizeof plain, .cap = sizeof plain};
    rvi_pq_bloom_add(&f.bloom, &f.leaf, &page, 3);
    rvi_pq_bloom_finish(&f.bloom, &f.leaf, NULL);
    assert_true(holds(&f, "ab", 2) && holds(&f, "", 0) && holds(&f, "c", 1));
    assert_false(holds(&f, "a", 1));
    filter_free(&f);
}

/* A reader that looks for 0 must find -0, and one that looks for NaN any NaN: they are equal to it. */
static void equal_floats_find_each_other(void **state)
{
    (void)state;
    static const uint64_t stored[] = {UINT64_C(0x8000000000000000), 0, UINT64_C(0xfff8000000000001)};
    for (size_t i = 0; i < 3; i++) {
        filter f = filter_of(scalar(RV_TYPE_FLOAT64), 1024);
        const double zero = 0.0, minus_zero = -0.0, nan = (double)NAN;
        uint64_t bits = stored[i];
        rvi_pq_buf page = {.data = (uint8_t *)&bits, .len = 8, .cap = 8};
        rvi_pq_bloom_add(&f.bloom, &f.leaf, &page, 1);
        rvi_pq_bloom_finish(&f.bloom, &f.leaf, NULL);
        assert_true(holds(&f, &bits, 8));
        assert_int_equal(holds(&f, &zero, 8), i < 2);
        assert_int_equal(holds(&f, &minus_zero, 8), i < 2);
        assert_int_equal(holds(&f, &nan, 8), i == 2);
        filter_free(&f);
    }
}

static void a_chunk_leaves_nothing_to_the_next(void **state)
{
    (void)state;
    filter f = filter_of(scalar(RV_TYPE_INT64), 4096);
    add_i64(&f, 0, 10);
    rvi_pq_bloom_finish(&f.bloom, &f.leaf, NULL);
    assert_true(f.bloom.n_blocks < f.bloom.max_blocks);
    rvi_pq_bloom_clear(&f.bloom);
    assert_false(f.bloom.has_values);
    assert_int_equal(f.bloom.n_blocks, f.bloom.max_blocks);
    for (int64_t i = 0; i < 10; i++)
        assert_false(holds_i64(&f, i));
    filter_free(&f);
}

static void columns_that_cannot_have_a_filter_are_refused_by_name(void **state)
{
    (void)state;
    const struct {
        rv_type type;
        const char *name;
        rv_code expected;
        const char *says;
    } cases[] = {{scalar(RV_TYPE_INT64), "v", RV_OK, ""},
                 {scalar(RV_TYPE_INT64), "V", RV_E_CONFIG_VALUE, "'v', but t has none"},
                 {list_of(scalar(RV_TYPE_INT64)), "v", RV_E_FORMAT_UNSUPPORTED, "'v' of t, which is a list"},
                 {scalar(RV_TYPE_BOOL), "v", RV_E_FORMAT_UNSUPPORTED, "'v' of t, which is a boolean"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rv_field field = field_of(cases[i].name, cases[i].type, true);
        rv_schema schema = {.fields = &field, .n_fields = 1, .origin = "t"};
        rv_error err = {0};
        assert_int_equal(rvi_pq_bloom_check(&OPTIONS, &schema, &err), cases[i].expected);
        assert_non_null(strstr(err.message, cases[i].says));
        assert_int_equal(err.hint[0] != '\0', cases[i].expected != RV_OK);
    }
}

static void a_column_that_is_not_named_holds_nothing(void **state)
{
    (void)state;
    rv_field field = field_of("other", scalar(RV_TYPE_INT64), true);
    rvi_pq_memory memory = {0};
    rvi_pq_bloom bloom;
    assert_int_equal(rvi_pq_bloom_init(&bloom, &OPTIONS, &field, 1024, &memory, NULL), RV_OK);
    assert_int_equal(memory.used, 0);
    rvi_pq_leaf leaf = leaf_of(&field);
    rvi_pq_bloom_finish(&bloom, &leaf, NULL);
    rvi_pq_bloom_clear(&bloom);
    assert_false(bloom.has_values);
    rvi_pq_bloom_deinit(&bloom, &memory);
}

static void memory_for_a_filter_may_be_refused(void **state)
{
    (void)state;
    rv_field field = field_of("v", scalar(RV_TYPE_INT64), true);
    rv_budget budget;
    rv_budget_init(&budget, 1000);
    rvi_pq_memory memory = {.budget = &budget};
    rvi_pq_bloom bloom;
    assert_int_equal(rvi_pq_bloom_init(&bloom, &OPTIONS, &field, 4096, &memory, NULL), RV_E_MEMORY_BUDGET);
    rvi_pq_bloom_deinit(&bloom, &memory);
    fault_arm(FAULT_ALLOC, 1, FAULT_TRANSIENT, 0);
    assert_int_equal(rvi_pq_bloom_init(&bloom, &OPTIONS, &field, 64, &memory, NULL), RV_E_OUT_OF_MEMORY);
    assert_true(fault_disarm());
    rvi_pq_bloom_deinit(&bloom, &memory);
    assert_int_equal(rv_budget_used(&budget), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_hash_is_xxh64_without_a_seed),
        cmocka_unit_test(a_filter_holds_what_was_put_in_at_every_size),
        cmocka_unit_test(a_large_filter_is_folded_to_what_its_values_need),
        cmocka_unit_test(a_dictionary_gives_its_entries_and_their_number),
        cmocka_unit_test(values_beside_a_dictionary_are_held_with_it),
        cmocka_unit_test(texts_are_hashed_without_their_length),
        cmocka_unit_test(equal_floats_find_each_other),
        cmocka_unit_test(a_chunk_leaves_nothing_to_the_next),
        cmocka_unit_test(columns_that_cannot_have_a_filter_are_refused_by_name),
        cmocka_unit_test(a_column_that_is_not_named_holds_nothing),
        cmocka_unit_test(memory_for_a_filter_may_be_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
