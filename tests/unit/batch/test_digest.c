/* The column digest: the vectors of docs/reference/column-digest.md, and the properties it is used for. */
#include "support.h"

#include <math.h>

/* Digest of a batch of one column, as if that column were at `position`. */
static uint64_t digest(const one_column *one)
{
    uint64_t sum = 0;
    rv_batch_digest(one->batch, &sum);
    return sum;
}

static uint64_t digest_of_fixed(rv_type type, const void *value, size_t width)
{
    one_column one;
    open_column(&one, type, NULL);
    rv_column_append_fixed(begin(&one), value, width);
    end(&one);
    uint64_t sum = digest(&one);
    close_column(&one);
    return sum;
}

static uint64_t digest_of_text(rv_type type, const char *text)
{
    one_column one;
    open_column(&one, type, NULL);
    assert_int_equal(add_text(&one, text), RV_OK);
    uint64_t sum = digest(&one);
    close_column(&one);
    return sum;
}

static void fixed_width_values_hash_as_documented(void **state)
{
    (void)state;
    static const struct {
        rv_type type;
        const char *text;
        uint64_t hash;
    } vectors[] = {
        {{.id = RV_TYPE_INT64}, "0", 0x88f96c48def0afcb},
        {{.id = RV_TYPE_INT64}, "1", 0x32593fefd3358c77},
        {{.id = RV_TYPE_INT16}, "-1", 0x16b2bd99ffc85675},
        {{.id = RV_TYPE_INT32}, "-1", 0x16b2bd99ffc85675},
        {{.id = RV_TYPE_INT64}, "-1", 0x16b2bd99ffc85675},
        {{.id = RV_TYPE_DATE}, "1969-12-31", 0x16b2bd99ffc85675},
        {{.id = RV_TYPE_INT64}, "9223372036854775807", 0x5a35d22f5ac1f8d8},
        {{.id = RV_TYPE_INT64}, "-9223372036854775808", 0x24c3e06b2c2f8ffc},
        {{.id = RV_TYPE_UINT64}, "18446744073709551615", 0x16b2bd99ffc85675},
        {{.id = RV_TYPE_BOOL}, "true", 0x32593fefd3358c77},
        {{.id = RV_TYPE_BOOL}, "false", 0x88f96c48def0afcb},
        {{.id = RV_TYPE_FLOAT32}, "1.5", 0x0032dc8ec71d81bd},
        {{.id = RV_TYPE_FLOAT32}, "NaN", 0x865e48927795b164},
        {{.id = RV_TYPE_FLOAT64}, "1.5", 0x4983d7018c99b3ec},
        {{.id = RV_TYPE_FLOAT64}, "-0.0", 0x24c3e06b2c2f8ffc},
        {{.id = RV_TYPE_FLOAT64}, "NaN", 0x7b40ea5273c93901},
        {{.id = RV_TYPE_DECIMAL, .precision = 10, .scale = 2}, "0.01", 0x32593fefd3358c77},
        {{.id = RV_TYPE_DECIMAL, .precision = 9, .scale = 2}, "-0.01", 0x16b2bd99ffc85675},
        {{.id = RV_TYPE_DECIMAL, .precision = 38, .scale = 2}, "-0.01", 0x92abef71f7d2c4aa},
        {{.id = RV_TYPE_DECIMAL, .precision = 76, .scale = 0}, "1", 0x865966da968f9080},
        {{.id = RV_TYPE_UUID}, "00112233-4455-6677-8899-aabbccddeeff", 0x10a4eec47a1a1112},
        {{.id = RV_TYPE_STRING}, "", 0x1f11ac0cc47687e2},
        {{.id = RV_TYPE_STRING}, "rivet", 0x4f7d497c53c7a89d},
        {{.id = RV_TYPE_BINARY}, "\\x7269766574", 0x4f7d497c53c7a89d},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        assert_int_equal(digest_of_text(vectors[i].type, vectors[i].text), vectors[i].hash);
}

static void long_texts_hash_as_documented(void **state)
{
    (void)state;
    one_column one;
    char text[300];
    memset(text, 'a', sizeof text);
    open_column(&one, scalar(RV_TYPE_STRING), NULL);
    add_bytes(&one, text, sizeof text);
    assert_int_equal(digest(&one), 0x1c757bc3b7530f85);
    close_column(&one);
}

static void null_hashes_as_documented_whatever_the_type(void **state)
{
    (void)state;
    const rv_type types[] = {scalar(RV_TYPE_BOOL),
                             scalar(RV_TYPE_INT16),
                             scalar(RV_TYPE_INT32),
                             scalar(RV_TYPE_INT64),
                             scalar(RV_TYPE_FLOAT32),
                             scalar(RV_TYPE_FLOAT64),
                             decimal(38, 2),
                             decimal(76, 2),
                             scalar(RV_TYPE_UUID),
                             scalar(RV_TYPE_STRING),
                             list_of(scalar(RV_TYPE_INT64))};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        one_column one;
        open_column(&one, types[i], NULL);
        add_null(&one);
        assert_int_equal(digest(&one), 0x1b39896a51a8749b);
        close_column(&one);
    }
}

static void add_list(one_column *one, const int64_t *values, int n, int n_nulls)
{
    rv_column *list = begin(one);
    assert_int_equal(rv_column_reserve(list->child, n + n_nulls, &one->err), RV_OK);
    for (int i = 0; i < n; i++)
        rv_column_append_i64(list->child, values[i]);
    for (int i = 0; i < n_nulls; i++)
        assert_int_equal(rv_column_append_null(list->child, &one->err), RV_OK);
    assert_int_equal(rv_column_close_list(list, &one->err), RV_OK);
    end(one);
}

static uint64_t digest_of_list(const int64_t *values, int n, int n_nulls)
{
    one_column one;
    open_column(&one, list_of(scalar(RV_TYPE_INT64)), NULL);
    add_list(&one, values, n, n_nulls);
    uint64_t sum = digest(&one);
    close_column(&one);
    return sum;
}

static void lists_hash_as_documented(void **state)
{
    (void)state;
    static const int64_t values[] = {1, 2};
    assert_int_equal(digest_of_list(values, 0, 0), 0x88f96c48def0afcb);
    assert_int_equal(digest_of_list(values, 1, 1), 0x9ba41a8ea30f9a0d);
    one_column one;
    open_column(&one, list_of(scalar(RV_TYPE_STRING)), NULL);
    rv_column *list = begin(&one);
    assert_int_equal(rv_column_reserve(list->child, 2, &one.err), RV_OK);
    assert_int_equal(rv_column_append_bytes(list->child, "", 0, &one.err), RV_OK);
    assert_int_equal(rv_column_append_bytes(list->child, "", 0, &one.err), RV_OK);
    assert_int_equal(rv_column_close_list(list, &one.err), RV_OK);
    end(&one);
    assert_int_equal(digest(&one), 0x9c7848f615bd127f);
    close_column(&one);
}

static void list_boundaries_and_the_order_inside_a_list_count(void **state)
{
    (void)state;
    static const int64_t forth[] = {1, 2}, back[] = {2, 1};
    assert_int_not_equal(digest_of_list(forth, 2, 0), digest_of_list(back, 2, 0));
    assert_int_not_equal(digest_of_list(forth, 0, 0), digest_of_list(forth, 0, 1));
    one_column apart, together;
    open_column(&apart, list_of(scalar(RV_TYPE_INT64)), NULL);
    open_column(&together, list_of(scalar(RV_TYPE_INT64)), NULL);
    add_list(&apart, forth, 1, 0);
    add_list(&apart, forth + 1, 1, 0);
    add_list(&together, forth, 2, 0);
    add_list(&together, forth, 0, 0);
    assert_int_not_equal(digest(&apart), digest(&together));
    close_column(&apart);
    close_column(&together);
}

static void the_order_of_rows_and_the_cut_into_batches_do_not_count(void **state)
{
    (void)state;
    one_column one;
    open_column(&one, scalar(RV_TYPE_INT64), NULL);
    add_i64(&one, 1);
    add_i64(&one, 1);
    add_null(&one);
    add_i64(&one, -1);
    assert_int_equal(digest(&one), 0x969ec6e3f7dbe3fe);
    uint64_t sum = 0;
    rv_batch_reset(one.batch);
    add_null(&one);
    add_i64(&one, 1);
    rv_batch_digest(one.batch, &sum);
    rv_batch_reset(one.batch);
    add_i64(&one, -1);
    add_i64(&one, 1);
    rv_batch_digest(one.batch, &sum);
    assert_int_equal(sum, 0x969ec6e3f7dbe3fe);
    close_column(&one);
}

/* A batch may end up in two parts: wherever it is cut, what the parts have adds up to what the batch has. */
static void digests_of_the_pieces_of_a_batch_add_up(void **state)
{
    (void)state;
    enum { N = 4, ROWS = 21 };
    rv_field fields[N] = {
        {.name = "i", .type = {.id = RV_TYPE_INT64}, .nullable = true},
        {.name = "b", .type = {.id = RV_TYPE_BOOL}, .nullable = true},
        {.name = "s", .type = {.id = RV_TYPE_STRING}, .nullable = true},
        {.name = "l", .type = {.id = RV_TYPE_LIST, .element = RV_TYPE_STRING}, .nullable = true}};
    const rv_schema schema = {.fields = fields, .n_fields = N, .origin = "t"};
    rv_batch *batch = NULL;
    assert_int_equal(rv_batch_new(&batch, &schema, NULL, NULL), RV_OK);
    for (int i = 0; i < ROWS; i++) {
        rv_column *c = batch->columns;
        assert_int_equal(rv_batch_begin_row(batch, NULL), RV_OK);
        for (int k = 0; k < N && i % 3 == 0; k++)
            assert_int_equal(rv_column_append_null(&c[k], NULL), RV_OK);
        if (i % 3 != 0) {
            rv_column_append_i64(&c[0], i * 7);
            rv_column_append_bool(&c[1], i % 2 == 0);
            assert_int_equal(rv_column_append_bytes(&c[2], "abcdefghij", (size_t)(i % 10), NULL), RV_OK);
            assert_int_equal(rv_column_reserve(c[3].child, 1, NULL), RV_OK);
            assert_int_equal(rv_column_append_bytes(c[3].child, "xyz", (size_t)(i % 4), NULL), RV_OK);
            assert_int_equal(rv_column_close_list(&c[3], NULL), RV_OK);
        }
        rv_batch_end_row(batch);
    }
    uint64_t whole[N] = {0};
    rv_batch_digest(batch, whole);
    uint64_t texts = 0; /* the same values without their batch */
    for (int i = 0; i < ROWS; i++)
        texts += i % 3 == 0 ? rv_digest_null(2)
                            : rv_digest_bytes(2, i % 10 > 0 ? "abcdefghij" : NULL, (size_t)(i % 10));
    assert_true(texts == whole[2]);
    for (int64_t cut = 0; cut <= ROWS; cut++) {
        uint64_t pieces[N] = {0}, first[N] = {0};
        rv_batch_digest_rows(batch, 0, cut, first);
        rv_batch_digest_rows(batch, 0, cut, pieces);
        rv_batch_digest_rows(batch, cut, ROWS, pieces);
        assert_memory_equal(pieces, whole, sizeof whole);
        if (cut > 0 && cut < ROWS)
            assert_memory_not_equal(first, whole, sizeof whole);
    }
    rv_batch_free(batch);
}

static void two_equal_rows_do_not_cancel(void **state)
{
    (void)state;
    one_column one;
    open_column(&one, scalar(RV_TYPE_STRING), NULL);
    add_bytes(&one, "x", 1);
    uint64_t once = digest(&one);
    add_bytes(&one, "x", 1);
    assert_int_not_equal(digest(&one), 0);
    assert_int_not_equal(digest(&one), once);
    close_column(&one);
}

static void the_position_of_a_column_is_its_key(void **state)
{
    (void)state;
    rv_field fields[2] = {{.name = "a", .type = {.id = RV_TYPE_INT64}},
                          {.name = "b", .type = {.id = RV_TYPE_INT64}}};
    rv_schema schema = {.fields = fields, .n_fields = 2, .origin = "t"};
    rv_batch *batch = NULL;
    rv_error err;
    assert_int_equal(rv_batch_new(&batch, &schema, NULL, &err), RV_OK);
    assert_int_equal(rv_batch_begin_row(batch, &err), RV_OK);
    rv_column_append_i64(&batch->columns[0], 1);
    rv_column_append_i64(&batch->columns[1], 1);
    rv_batch_end_row(batch);
    uint64_t sums[2] = {0};
    rv_batch_digest(batch, sums);
    assert_int_equal(sums[0], 0x32593fefd3358c77);
    assert_int_equal(sums[1], 0x30df166f40e1572a);
    rv_batch_free(batch);
}

static void every_nan_is_the_same_nan(void **state)
{
    (void)state;
    const uint64_t odd64 = 0xfff8000000000123, plain64 = 0x7ff8000000000000;
    const uint32_t odd32 = 0xffc00123, plain32 = 0x7fc00000;
    assert_int_equal(digest_of_fixed(scalar(RV_TYPE_FLOAT64), &odd64, 8),
                     digest_of_fixed(scalar(RV_TYPE_FLOAT64), &plain64, 8));
    assert_int_equal(digest_of_fixed(scalar(RV_TYPE_FLOAT32), &odd32, 4),
                     digest_of_fixed(scalar(RV_TYPE_FLOAT32), &plain32, 4));
    const uint64_t infinity64 = 0x7ff0000000000000;
    assert_int_not_equal(digest_of_fixed(scalar(RV_TYPE_FLOAT64), &infinity64, 8),
                         digest_of_fixed(scalar(RV_TYPE_FLOAT64), &plain64, 8));
}

/* {a, b} and {a + d, b - d} have equal sums; a hash that were linear would call them equal. */
static void small_numbers_of_equal_sum_are_told_apart(void **state)
{
    (void)state;
    enum { N = 256 };
    uint64_t hash[N];
    for (int64_t i = 0; i < N; i++)
        hash[i] = digest_of_fixed(scalar(RV_TYPE_INT64), &i, 8);
    for (int a = 0; a < N; a++)
        for (int b = a; b < N; b++)
            for (int d = 1; a + d <= b - d; d++)
                assert_true(hash[a] + hash[b] != hash[a + d] + hash[b - d]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixed_width_values_hash_as_documented),
        cmocka_unit_test(long_texts_hash_as_documented),
        cmocka_unit_test(null_hashes_as_documented_whatever_the_type),
        cmocka_unit_test(lists_hash_as_documented),
        cmocka_unit_test(list_boundaries_and_the_order_inside_a_list_count),
        cmocka_unit_test(the_order_of_rows_and_the_cut_into_batches_do_not_count),
        cmocka_unit_test(digests_of_the_pieces_of_a_batch_add_up),
        cmocka_unit_test(two_equal_rows_do_not_cancel),
        cmocka_unit_test(the_position_of_a_column_is_its_key),
        cmocka_unit_test(every_nan_is_the_same_nan),
        cmocka_unit_test(small_numbers_of_equal_sum_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
