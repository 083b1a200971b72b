/* A batch without some of its rows is the batch that was filled with the others alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rivet/batch.h"

#include <stdio.h>

enum { COLUMNS = 5, ROWS = 300 };

static void make(rv_batch **out, rv_schema *schema, rv_field fields[COLUMNS])
{
    static const rv_type types[COLUMNS] = {{.id = RV_TYPE_INT64},
                                           {.id = RV_TYPE_BOOL},
                                           {.id = RV_TYPE_STRING},
                                           {.id = RV_TYPE_LIST, .element = RV_TYPE_STRING},
                                           {.id = RV_TYPE_INT16}};
    for (int i = 0; i < COLUMNS; i++)
        fields[i] = (rv_field){.name = "c", .type = types[i], .natural = types[i], .nullable = true};
    *schema = (rv_schema){.fields = fields, .n_fields = COLUMNS, .origin = "t"};
    assert_int_equal(rv_batch_new(out, schema, NULL, NULL), RV_OK);
}

static void add_list(rv_column *list, int64_t i)
{
    char text[32];
    int64_t n = i % 4;
    assert_int_equal(rv_column_reserve(list->child, n, NULL), RV_OK);
    for (int64_t e = 0; e < n; e++) {
        int len = snprintf(text, sizeof text, "%lld of %lld", (long long)e, (long long)i);
        if ((i + e) % 5 == 0)
            assert_int_equal(rv_column_count_use(list->child, RV_INVALID_ENCODING, NULL), RV_OK);
        if ((i + e) % 5 == 0)
            assert_int_equal(rv_column_append_null(list->child, NULL), RV_OK);
        else
            assert_int_equal(rv_column_append_bytes(list->child, text, (size_t)len, NULL), RV_OK);
    }
    assert_int_equal(rv_column_close_list(list, NULL), RV_OK);
}

static void add_row(rv_batch *batch, int64_t i)
{
    char text[64];
    assert_int_equal(rv_batch_begin_row(batch, NULL), RV_OK);
    rv_column *c = batch->columns;
    if (i % 3 == 0 && i % 2 == 0)
        assert_int_equal(rv_column_count_use(&c[0], RV_INVALID_RANGE, NULL), RV_OK);
    if (i % 3 == 0)
        assert_int_equal(rv_column_append_null(&c[0], NULL), RV_OK);
    else
        rv_column_append_i64(&c[0], i * 1000003);
    if (i % 7 == 0)
        assert_int_equal(rv_column_append_null(&c[1], NULL), RV_OK);
    else
        rv_column_append_bool(&c[1], i % 2 == 0);
    int len = snprintf(text, sizeof text, "%.*s", (int)(i % 23), "the text of a row, more or less of it");
    assert_int_equal(rv_column_append_bytes(&c[2], text, (size_t)len, NULL), RV_OK);
    if (i % 11 == 0)
        assert_int_equal(rv_column_append_null(&c[3], NULL), RV_OK);
    else
        add_list(&c[3], i);
    rv_column_append_i16(&c[4], (int16_t)i);
    rv_batch_end_row(batch);
}

static void assert_same(const rv_batch *a, const rv_batch *b)
{
    uint64_t left[COLUMNS] = {0}, right[COLUMNS] = {0};
    assert_int_equal(a->rows, b->rows);
    rv_batch_digest(a, left);
    rv_batch_digest(b, right);
    for (int c = 0; c < COLUMNS; c++) {
        const rv_column *x = &a->columns[c], *y = &b->columns[c];
        assert_int_equal(left[c], right[c]);
        assert_int_equal(x->length, y->length);
        assert_int_equal(x->null_count, y->null_count);
        assert_int_equal(x->data_len, y->data_len);
        for (int i = 0; i < RV_INVALID_CLASSES; i++)
            assert_int_equal(x->policy_uses[i], y->policy_uses[i]);
        for (int64_t row = 0; row < x->length; row++)
            assert_int_equal(rv_column_is_null(x, row), rv_column_is_null(y, row));
    }
    for (int64_t row = 0; row < a->rows; row++) /* the order of rows, which digests do not see */
        assert_memory_equal(a->columns[4].values + 2 * row, b->columns[4].values + 2 * row, 2);
}

static bool stays(int64_t row, int how)
{
    switch (how) {
    case 0:
        return true;
    case 1:
        return false;
    case 2:
        return row % 2 == 0;
    case 3:
        return row >= 64 && row < 200;
    default:
        return ((uint64_t)row * UINT64_C(0x9E3779B97F4A7C15) >> 40) % 3 != 0;
    }
}

static void kept_rows_are_as_if_they_had_come_alone(void **state)
{
    (void)state;
    for (int how = 0; how < 5; how++) {
        rv_schema schema, same;
        rv_field fields[COLUMNS], others[COLUMNS];
        RV_AUTO(rv_batch_free) rv_batch *batch = NULL, *alone = NULL;
        uint8_t keep[ROWS];
        make(&batch, &schema, fields);
        make(&alone, &same, others);
        for (int64_t i = 0; i < ROWS; i++) {
            add_row(batch, i);
            keep[i] = stays(i, how);
            if (keep[i])
                add_row(alone, i);
        }
        assert_true(batch->columns[0].policy_uses[RV_INVALID_RANGE] > 0);
        assert_true(batch->columns[3].policy_uses[RV_INVALID_ENCODING] > 0);
        rv_batch_keep(batch, keep);
        assert_same(batch, alone);
        for (int64_t i = ROWS; i < ROWS + 20; i++) { /* and rows can be added as before */
            add_row(batch, i);
            add_row(alone, i);
        }
        assert_same(batch, alone);
        uint8_t some[ROWS + 20]; /* and taken out again */
        rv_batch *both[] = {batch, alone};
        for (int64_t i = 0; i < ROWS + 20; i++)
            some[i] = i % 3 != 0;
        for (int b = 0; b < 2; b++)
            rv_batch_keep(both[b], some);
        assert_same(batch, alone);
        rv_batch_reset(batch);
        assert_int_equal(batch->columns[0].policy_uses[RV_INVALID_RANGE], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(kept_rows_are_as_if_they_had_come_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
