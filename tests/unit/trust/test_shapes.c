/* The longest values: seen, merged, compared and remembered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rivet/shapes.h"

enum { FIELDS = 3 };
static rv_field fields[FIELDS] = {
    {.name = "id", .native_type = "n", .type = {.id = RV_TYPE_INT64}},
    {.name = "text", .native_type = "n", .type = {.id = RV_TYPE_STRING}, .nullable = true},
    {.name = "tags",
     .native_type = "n",
     .type = {.id = RV_TYPE_LIST, .element = RV_TYPE_BINARY},
     .nullable = true},
};
static const rv_schema schema = {.fields = fields, .n_fields = FIELDS, .origin = "t"};

/* A row with a text and a list of one tag; NULL where there is none. */
static void add(rv_shapes *shapes, const char *text, const char *tag)
{
    RV_AUTO(rv_batch_free) rv_batch *batch = NULL;
    assert_int_equal(rv_batch_new(&batch, &schema, NULL, NULL), RV_OK);
    assert_int_equal(rv_batch_begin_row(batch, NULL), RV_OK);
    rv_column_append_i64(&batch->columns[0], 1234567890123);
    if (text == NULL)
        assert_int_equal(rv_column_append_null(&batch->columns[1], NULL), RV_OK);
    else
        assert_int_equal(rv_column_append_bytes(&batch->columns[1], text, strlen(text), NULL), RV_OK);
    rv_column *tags = &batch->columns[2];
    if (tag == NULL) {
        assert_int_equal(rv_column_append_null(tags, NULL), RV_OK);
    } else {
        assert_int_equal(rv_column_reserve(tags->child, 1, NULL), RV_OK);
        assert_int_equal(rv_column_append_bytes(tags->child, tag, strlen(tag), NULL), RV_OK);
        assert_int_equal(rv_column_close_list(tags, NULL), RV_OK);
    }
    rv_batch_end_row(batch);
    rv_shapes_add(shapes, batch);
}

static void assert_json(const rv_shapes *shapes, const char *recorded, const char *expected)
{
    rv_bytes out = RV_BYTES_INIT(1024);
    const char *text = NULL;
    assert_int_equal(rv_shapes_json(shapes, recorded, &out, NULL), RV_OK);
    assert_int_equal(rv_bytes_cstr(&out, &text, NULL), RV_OK);
    assert_string_equal(text, expected);
    rv_bytes_deinit(&out);
}

static void the_longest_value_of_all_lanes_is_remembered(void **state)
{
    (void)state;
    RV_AUTO(rv_shapes_free) rv_shapes *first = NULL, *second = NULL;
    assert_int_equal(rv_shapes_new(&first, &schema, NULL), RV_OK);
    assert_int_equal(rv_shapes_new(&second, &schema, NULL), RV_OK);
    assert_json(first, NULL, "{}");
    add(first, NULL, NULL);
    assert_json(first, NULL, "{}");
    add(first, "", "1234");
    assert_json(first, NULL, "{\"text\":0,\"tags\":4}");
    add(second, "123", "1");
    add(second, "1", NULL);
    rv_shapes_merge(first, second);
    assert_json(first, NULL, "{\"text\":3,\"tags\":4}");
    assert_json(first, "{\"text\":10,\"tags\":1,\"gone\":99}", "{\"text\":10,\"tags\":4}");
}

static void only_growth_beyond_the_factor_is_reported(void **state)
{
    (void)state;
    static const struct {
        const char *recorded;
        double factor;
        int n;
    } cases[] = {
        {NULL, 2.0, 0},           {"{}", 2.0, 0},
        {"{\"text\":5}", 2.0, 0}, {"{\"text\":4}", 2.0, 1},
        {"{\"text\":4}", 0.0, 0}, {"{\"text\":0}", 2.0, 0},
        {"{\"text\":4}", 2.5, 0}, {"{\"text\":\"4\"}", 2.0, 0},
    };
    RV_AUTO(rv_shapes_free) rv_shapes *shapes = NULL;
    assert_int_equal(rv_shapes_new(&shapes, &schema, NULL), RV_OK);
    add(shapes, "1234567890", NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
        rv_shape_growth *growths = NULL;
        int n = -1;
        assert_int_equal(rv_arena_new(&arena, 1 << 16, NULL), RV_OK);
        assert_int_equal(
            rv_shapes_compare(shapes, cases[i].recorded, cases[i].factor, arena, &growths, &n, NULL), RV_OK);
        assert_int_equal(n, cases[i].n);
        if (n == 1) {
            assert_string_equal(growths[0].column, "text");
            assert_int_equal(growths[0].before, 4);
            assert_int_equal(growths[0].now, 10);
        }
    }
}

static void lengths_that_cannot_be_read_are_an_error(void **state)
{
    (void)state;
    RV_AUTO(rv_shapes_free) rv_shapes *shapes = NULL;
    rv_bytes out = RV_BYTES_INIT(1024);
    assert_int_equal(rv_shapes_new(&shapes, &schema, NULL), RV_OK);
    assert_int_equal(rv_shapes_json(shapes, "[", &out, NULL), RV_E_STATE_CORRUPT);
    assert_int_equal(rv_shapes_json(shapes, "[]", &out, NULL), RV_E_STATE_CORRUPT);
    assert_int_equal(out.len, 0);
    rv_bytes_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_value_of_all_lanes_is_remembered),
        cmocka_unit_test(only_growth_beyond_the_factor_is_reported),
        cmocka_unit_test(lengths_that_cannot_be_read_are_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
