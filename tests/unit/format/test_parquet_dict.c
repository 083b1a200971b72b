/* Dictionaries: numbers by first appearance, limits, and values made to collide. */
#include "format/parquet/dict.h"
#include "parquet_support.h"

#include <stdio.h>

static const size_t LIMIT = 64 << 10;

static void open_dict(rvi_pq_dict *dict, const rvi_pq_leaf *leaf, size_t max_bytes, rvi_pq_memory *memory)
{
    assert_int_equal(rvi_pq_dict_init(dict, leaf, max_bytes, memory, NULL), RV_OK);
}

static void close_dict(rvi_pq_dict *dict, const rvi_pq_memory *memory)
{
    rvi_pq_dict_deinit(dict);
    assert_int_equal(memory->used, 0);
}

/* Numbers an array of int64; returns how many were taken. */
static int32_t add_i64(rvi_pq_dict *dict, const int64_t *values, int32_t n, uint32_t *out)
{
    int32_t done = 0;
    rvi_pq_values run = {.n = n, .fixed = (const uint8_t *)values};
    assert_int_equal(rvi_pq_dict_add(dict, &run, out, &done, NULL), RV_OK);
    return done;
}

static void numbers_follow_the_first_appearance(void **state)
{
    (void)state;
    rvi_pq_memory memory = {0};
    rv_field field = field_of("i", scalar(RV_TYPE_INT64), true);
    rvi_pq_leaf leaf = leaf_of(&field);
    rvi_pq_dict dict;
    open_dict(&dict, &leaf, LIMIT, &memory);
    static const int64_t values[] = {0, 7, 7, -1, 0, 0, INT64_MIN, 7};
    static const uint32_t numbers[] = {0, 1, 1, 2, 0, 0, 3, 1};
    static const int64_t entries[] = {0, 7, -1, INT64_MIN};
    uint32_t out[8];
    assert_int_equal(add_i64(&dict, values, 8, out), 8);
    assert_memory_equal(out, numbers, sizeof numbers);
    assert_int_equal(dict.n, 4);
    assert_int_equal(dict.entries.len, sizeof entries);
    assert_memory_equal(dict.entries.data, entries, sizeof entries);
    close_dict(&dict, &memory);
}

static void many_values_keep_their_numbers_while_the_table_grows(void **state)
{
    (void)state;
    enum { DISTINCT = 30000 };
    rvi_pq_memory memory = {0};
    rv_field field = field_of("i", scalar(RV_TYPE_INT32), true);
    rvi_pq_leaf leaf = leaf_of(&field);
    rvi_pq_dict dict;
    open_dict(&dict, &leaf, RVI_PQ_DICT_MAX_BYTES, &memory);
    static int32_t values[RVI_PQ_RUN];
    static uint32_t out[RVI_PQ_RUN];
    for (int pass = 0; pass < 2; pass++)
        for (int32_t first = 0; first < DISTINCT; first += RVI_PQ_RUN) {
            int32_t n = DISTINCT - first < RVI_PQ_RUN ? DISTINCT - first : RVI_PQ_RUN, done = 0;
            for (int32_t i = 0; i < n; i++)
                values[i] = (first + i) * 1000;
            rvi_pq_values run = {.n = n, .fixed = (const uint8_t *)values};
            assert_int_equal(rvi_pq_dict_add(&dict, &run, out, &done, NULL), RV_OK);
            assert_int_equal(done, n);
            for (int32_t i = 0; i < n; i++)
                assert_int_equal(out[i], first + i);
        }
    assert_int_equal(dict.n, DISTINCT);
    close_dict(&dict, &memory);
}

static void a_full_dictionary_takes_known_values_only(void **state)
{
    (void)state;
    rvi_pq_memory memory = {0};
    rv_field field = field_of("i", scalar(RV_TYPE_INT64), true);
    rvi_pq_leaf leaf = leaf_of(&field);
    rvi_pq_dict dict;
    open_dict(&dict, &leaf, 3 * sizeof(int64_t) + 1, &memory);
    static const int64_t values[] = {1, 2, 3, 2, 4, 1};
    uint32_t out[6];
    assert_int_equal(add_i64(&dict, values, 6, out), 4);
    assert_int_equal(out[3], 1);
    assert_int_equal(add_i64(&dict, values + 5, 1, out), 1);
    assert_int_equal(out[0], 0);
    assert_int_equal(add_i64(&dict, values + 4, 1, out), 0);
    close_dict(&dict, &memory);
}

/* The inverse of MurmurHash3's finaliser, so that the hashes can be chosen. */
static uint64_t unmix(uint64_t hash)
{
    hash ^= hash >> 33;
    hash *= 0x9cb4b2f8129337dbu;
    hash ^= hash >> 33;
    hash *= 0x4f74430c22a54005u;
    return hash ^ hash >> 33;
}

static void values_made_to_collide_end_the_dictionary_early(void **state)
{
    (void)state;
    enum { N = 2000 };
    rvi_pq_memory memory = {0};
    rv_field field = field_of("i", scalar(RV_TYPE_INT64), true);
    rvi_pq_leaf leaf = leaf_of(&field);
    rvi_pq_dict dict;
    open_dict(&dict, &leaf, RVI_PQ_DICT_MAX_BYTES, &memory);
    static int64_t values[N];
    static uint32_t out[N];
    for (uint64_t i = 0; i < N; i++)
        values[i] = (int64_t)unmix((uint64_t)0x12345678 << 32 | i); /* one hash for all */
    assert_int_equal(add_i64(&dict, values, N, out), RVI_PQ_DICT_PROBES);
    for (uint32_t i = 0; i < RVI_PQ_DICT_PROBES; i++)
        assert_int_equal(out[i], i);
    close_dict(&dict, &memory);
}

/* Texts as one run. */
typedef struct texts {
    char data[RVI_PQ_RUN * 40];
    int32_t offsets[RVI_PQ_RUN + 1];
    rvi_pq_values run;
} texts;

static void add_text(texts *t, const char *text, size_t len)
{
    int32_t end = t->offsets[t->run.n];
    memcpy(t->data + end, text, len);
    t->offsets[++t->run.n] = end + (int32_t)len;
    t->run.data = (const uint8_t *)t->data;
    t->run.begin = t->offsets;
    t->run.end = t->offsets + 1;
    t->run.data_bytes += len;
}

static void texts_of_every_length_are_told_apart(void **state)
{
    (void)state;
    rvi_pq_memory memory = {0};
    rv_field field = field_of("s", scalar(RV_TYPE_STRING), true);
    rvi_pq_leaf leaf = leaf_of(&field);
    rvi_pq_dict dict;
    open_dict(&dict, &leaf, LIMIT, &memory);
    static texts t;
    static uint32_t out[RVI_PQ_RUN];
    /* Per length: equal but for the first, the middle or the last byte; each twice. */
    for (size_t len = 0; len <= 36; len++)
        for (int twice = 0; twice < 2; twice++)
            for (size_t k = 0; k < 4; k++) {
                char text[36];
                memset(text, 'x', sizeof text);
                if (len > 0 && k > 0)
                    text[k == 1 ? 0 : k == 2 ? len / 2 : len - 1] = (char)('a' + k);
                add_text(&t, text, len);
            }
    int32_t done = 0;
    assert_int_equal(rvi_pq_dict_add(&dict, &t.run, out, &done, NULL), RV_OK);
    assert_int_equal(done, t.run.n);
    for (int32_t i = 0; i < t.run.n; i++)
        for (int32_t k = 0; k < i; k++) {
            size_t len = (size_t)(t.offsets[i + 1] - t.offsets[i]);
            bool equal = len == (size_t)(t.offsets[k + 1] - t.offsets[k]) &&
                         memcmp(t.data + t.offsets[i], t.data + t.offsets[k], len) == 0;
            assert_int_equal(out[i] == out[k], equal);
        }
    rvi_pq_buf plain = {.memory = &memory};
    assert_int_equal(rvi_pq_dict_expand(&dict, out, (size_t)t.run.n, &plain, NULL), RV_OK);
    assert_int_equal(plain.len, rvi_pq_dict_plain_bytes(&dict, out, (size_t)t.run.n));
    rvi_pq_buf expected = {.memory = &memory};
    assert_int_equal(rvi_pq_plain_append(&leaf, &t.run, 0, &expected, NULL), RV_OK);
    assert_int_equal(plain.len, expected.len);
    assert_memory_equal(plain.data, expected.data, expected.len);
    rvi_pq_buf_free(&plain);
    rvi_pq_buf_free(&expected);
    close_dict(&dict, &memory);
}

static void a_text_too_long_for_a_dictionary_is_not_taken(void **state)
{
    (void)state;
    static char data[RVI_PQ_DICT_MAX_VALUE * 2 + 1];
    static const int32_t offsets[] = {0, RVI_PQ_DICT_MAX_VALUE, 2 * RVI_PQ_DICT_MAX_VALUE + 1};
    rvi_pq_memory memory = {0};
    rv_field field = field_of("s", scalar(RV_TYPE_STRING), true);
    rvi_pq_leaf leaf = leaf_of(&field);
    rvi_pq_dict dict;
    open_dict(&dict, &leaf, LIMIT, &memory);
    rvi_pq_values run = {.n = 2, .data = (const uint8_t *)data, .begin = offsets, .end = offsets + 1};
    uint32_t out[2];
    int32_t done = 0;
    assert_int_equal(rvi_pq_dict_add(&dict, &run, out, &done, NULL), RV_OK);
    assert_int_equal(done, 1);
    close_dict(&dict, &memory);
}

static void statistics_see_each_entry_once_a_round(void **state)
{
    (void)state;
    rvi_pq_memory memory = {0};
    rv_field field = field_of("s", scalar(RV_TYPE_STRING), true);
    rvi_pq_leaf leaf = leaf_of(&field);
    rvi_pq_dict dict;
    open_dict(&dict, &leaf, LIMIT, &memory);
    static texts t;
    uint32_t out[3];
    int32_t done = 0;
    t.run = (rvi_pq_values){0};
    add_text(&t, "m", 1);
    add_text(&t, "a", 1);
    add_text(&t, "z", 1);
    assert_int_equal(rvi_pq_dict_add(&dict, &t.run, out, &done, NULL), RV_OK);
    rvi_pq_stats stats = {0};
    rvi_pq_bound bound;
    rvi_pq_dict_touch(&dict, out, 1, &stats);
    rvi_pq_stats_clear(&stats);
    rvi_pq_dict_touch(&dict, out, 1, &stats);
    assert_false(stats.set);
    rvi_pq_dict_next_round(&dict);
    rvi_pq_dict_touch(&dict, out, 3, &stats);
    assert_true(rvi_pq_stats_min(&leaf, &stats, &bound));
    assert_int_equal(bound.bytes[0], 'a');
    assert_true(rvi_pq_stats_max(&leaf, &stats, &bound));
    assert_int_equal(bound.bytes[0], 'z');
    close_dict(&dict, &memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_follow_the_first_appearance),
        cmocka_unit_test(many_values_keep_their_numbers_while_the_table_grows),
        cmocka_unit_test(a_full_dictionary_takes_known_values_only),
        cmocka_unit_test(values_made_to_collide_end_the_dictionary_early),
        cmocka_unit_test(texts_of_every_length_are_told_apart),
        cmocka_unit_test(a_text_too_long_for_a_dictionary_is_not_taken),
        cmocka_unit_test(statistics_see_each_entry_once_a_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
