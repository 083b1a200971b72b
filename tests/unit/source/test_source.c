/* The registry, and what the wrappers guarantee whatever a driver does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rivet/source.h"

#include <string.h>

static void every_capability_bit_has_its_slot(void **state)
{
    (void)state;
    size_t n = 0;
    const rv_source_ops *const *drivers = rv_source_drivers(&n);
    assert_true(n >= 1);
    assert_null(drivers[n]);
    for (size_t i = 0; i < n; i++) {
        const rv_source_ops *ops = drivers[i];
        assert_int_equal((ops->caps & RV_SOURCE_CAP_INTERRUPT) != 0, ops->interrupt != NULL);
        assert_true((ops->caps & (RV_SOURCE_CAP_PHYSICAL | RV_SOURCE_CAP_STREAM)) != 0);
        assert_non_null(ops->open);
        assert_non_null(ops->server);
        assert_non_null(ops->describe);
        assert_non_null(ops->list);
        assert_non_null(ops->begin);
        assert_non_null(ops->end);
        assert_non_null(ops->scan_open);
        assert_non_null(ops->scan_next);
        assert_non_null(ops->scan_close);
        assert_non_null(ops->close);
    }
}

static void drivers_are_found_by_their_kind_only(void **state)
{
    (void)state;
    size_t n = 0;
    const rv_source_ops *const *drivers = rv_source_drivers(&n);
    for (size_t i = 0; i < n; i++)
        assert_ptr_equal(rv_source_driver(drivers[i]->kind), drivers[i]);
    assert_null(rv_source_driver("oracle"));
    assert_null(rv_source_driver(""));
}

static void a_kind_without_a_driver_is_unsupported(void **state)
{
    (void)state;
    const rv_source_config config = {.kind = "oracle"};
    rv_source *source = NULL;
    rv_error err;
    assert_int_equal(rv_source_open(&source, &config, NULL, &err), RV_E_SOURCE_UNSUPPORTED);
    assert_null(source);
    assert_non_null(strstr(err.message, "oracle"));
}

static void nothing_needs_no_closing(void **state)
{
    (void)state;
    rv_scan_close(NULL);
    rv_source_end(NULL);
    rv_source_interrupt(NULL);
    rv_source_close(NULL);
}

/* ---- a driver that does as it is told ---- */

typedef struct stub {
    rv_source base;
    rv_scan scan;
    int64_t rows;  /* that the next page holds */
    rv_page page;  /* what it says about itself */
    rv_code code;  /* how it fails after having appended its rows */
    bool no_field; /* describes a relation without columns */
} stub;

static rv_code stub_next(rv_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                         rv_error *err)
{
    const stub *s = (const stub *)scan->source;
    (void)limits;
    for (int64_t i = 0; i < s->rows; i++) {
        assert_int_equal(rv_batch_begin_row(out, err), RV_OK);
        rv_column_append_i64(&out->columns[0], i);
        rv_batch_end_row(out);
    }
    *page = s->page;
    return s->code == RV_OK ? RV_OK : rv_fail(err, s->code, "as told");
}

static rv_code stub_describe(rv_source *src, const rv_relation *relation, rv_arena *arena,
                             rv_relation_info *out, rv_error *err)
{
    const stub *s = (const stub *)src;
    (void)relation;
    (void)arena;
    out->kind = "half made";
    if (!s->no_field)
        return rv_fail(err, RV_E_SOURCE_DENIED, "as told");
    return RV_OK;
}

static rv_code stub_begin(rv_source *src, const rv_read_options *options, rv_error *err)
{
    (void)src;
    (void)options;
    (void)err;
    return RV_OK;
}

static const rv_source_ops stub_ops = {
    .kind = "stub",
    .caps = RV_SOURCE_CAP_STREAM,
    .describe = stub_describe,
    .begin = stub_begin,
    .scan_next = stub_next,
};

static stub make_stub(const char *unit)
{
    stub s = {.base = {.ops = &stub_ops}, .scan = {.unit = unit}};
    return s;
}

static rv_field one_field = {.name = "id", .natural = {.id = RV_TYPE_INT64}, .type = {.id = RV_TYPE_INT64}};
static const rv_schema one_column = {&one_field, 1, "stub.t"};

static rv_code next_page(stub *s, const rv_page_limits *limits, rv_page *page, int64_t *rows, rv_error *err)
{
    rv_batch *batch = NULL;
    assert_int_equal(rv_batch_new(&batch, &one_column, NULL, NULL), RV_OK);
    s->scan.source = &s->base;
    rv_code rc = rv_scan_next(&s->scan, limits, batch, page, err);
    *rows = batch->rows;
    rv_batch_free(batch);
    return rc;
}

static void a_page_is_passed_on_as_the_driver_gave_it(void **state)
{
    (void)state;
    stub s = make_stub("row");
    const rv_page_limits limits = {.units = 10, .max_rows = 5};
    rv_page page = {0};
    int64_t rows = 0;
    s.rows = 5;
    s.page = (rv_page){.units = 5, .statement_us = 7, .wire_bytes = 9, .end = true};
    assert_int_equal(next_page(&s, &limits, &page, &rows, NULL), RV_OK);
    assert_int_equal(rows, 5);
    assert_memory_equal(&page, &s.page, sizeof page);
}

static void a_page_that_breaks_its_limits_is_never_used(void **state)
{
    (void)state;
    static const struct {
        const char *why, *unit;
        rv_page_limits limits;
        int64_t rows;
        rv_page page;
        rv_code code;
    } cases[] = {
        {"as many rows as units", "row", {.units = 3}, 3, {.units = 3}, RV_OK},
        {"more rows than units", "row", {.units = 3}, 4, {.units = 3}, RV_E_INTERNAL},
        {"more rows than max_rows", "row", {.units = 9, .max_rows = 3}, 4, {.units = 4}, RV_E_INTERNAL},
        {"blocks hold any number of rows", "block", {.units = 1, .max_rows = 1}, 4, {.units = 1}, RV_OK},
        {"no progress and no end", "row", {.units = 3}, 0, {.units = 0}, RV_E_INTERNAL},
        {"empty blocks are progress", "block", {.units = 3}, 0, {.units = 3}, RV_OK},
        {"an empty last page", "row", {.units = 3}, 0, {.units = 0, .end = true}, RV_OK},
        {"negative units", "block", {.units = 3}, 1, {.units = -1}, RV_E_INTERNAL},
        {"negative time", "row", {.units = 3}, 1, {.units = 1, .statement_us = -1}, RV_E_INTERNAL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        stub s = make_stub(cases[i].unit);
        rv_page page = {.units = 77};
        int64_t rows = 0;
        s.rows = cases[i].rows;
        s.page = cases[i].page;
        rv_code rc = next_page(&s, &cases[i].limits, &page, &rows, NULL);
        if (rc != cases[i].code)
            fail_msg("%s: %s", cases[i].why, rv_code_name(rc));
        if (rc != RV_OK) {
            assert_int_equal(rows, 0);
            assert_int_equal(page.units, 77);
        }
    }
}

static void a_failed_page_leaves_nothing_behind(void **state)
{
    (void)state;
    stub s = make_stub("row");
    const rv_page_limits limits = {.units = 10};
    rv_page page = {.units = 77};
    rv_error err;
    int64_t rows = 0;
    s.rows = 5;
    s.code = RV_E_SOURCE_LOST;
    assert_int_equal(next_page(&s, &limits, &page, &rows, &err), RV_E_SOURCE_LOST);
    assert_int_equal(rows, 0);
    assert_int_equal(page.units, 77);
    assert_int_equal(err.n_frames, 1);
    assert_string_equal(err.frame[0], "reading stub.t");
}

static void a_failed_description_leaves_nothing_behind(void **state)
{
    (void)state;
    stub s = make_stub("row");
    const rv_relation relation = {.kind = RV_RELATION_TABLE, .table = "t"};
    rv_relation_info info = {.kind = "untouched"};
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    rv_error err;
    assert_int_equal(rv_arena_new(&arena, 1024, NULL), RV_OK);
    assert_int_equal(rv_source_describe(&s.base, &relation, arena, &info, &err), RV_E_SOURCE_DENIED);
    assert_string_equal(info.kind, "untouched");
    assert_string_equal(err.frame[0], "describing t");
    s.no_field = true;
    assert_int_equal(rv_source_describe(&s.base, &relation, arena, &info, &err), RV_E_SOURCE_UNSUPPORTED);
    assert_string_equal(info.kind, "untouched");
}

static void a_snapshot_is_refused_where_there_is_none(void **state)
{
    (void)state;
    stub s = make_stub("row");
    const rv_read_options with = {.snapshot = true}, without = {.snapshot = false};
    assert_int_equal(rv_source_begin(&s.base, &with, NULL), RV_E_SOURCE_UNSUPPORTED);
    assert_int_equal(rv_source_begin(&s.base, &without, NULL), RV_OK);
}

static void a_driver_that_cannot_be_interrupted_is_not_asked(void **state)
{
    (void)state;
    stub s = make_stub("row");
    rv_source_interrupt(&s.base);
}

static void a_cancelled_run_asks_no_driver(void **state)
{
    (void)state;
    stub s = make_stub("row");
    RV_AUTO(rv_cancel_free) rv_cancel *cancel = NULL;
    const rv_page_limits limits = {.units = 10};
    rv_page page = {.units = 77};
    int64_t rows = 0;
    assert_int_equal(rv_cancel_new(&cancel, NULL), RV_OK);
    rv_cancel_request(cancel);
    s.base.cancel = cancel;
    s.rows = 1;
    assert_int_equal(next_page(&s, &limits, &page, &rows, NULL), RV_E_CANCELLED);
    assert_int_equal(rows, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_capability_bit_has_its_slot),
        cmocka_unit_test(drivers_are_found_by_their_kind_only),
        cmocka_unit_test(a_kind_without_a_driver_is_unsupported),
        cmocka_unit_test(nothing_needs_no_closing),
        cmocka_unit_test(a_page_is_passed_on_as_the_driver_gave_it),
        cmocka_unit_test(a_page_that_breaks_its_limits_is_never_used),
        cmocka_unit_test(a_failed_page_leaves_nothing_behind),
        cmocka_unit_test(a_failed_description_leaves_nothing_behind),
        cmocka_unit_test(a_snapshot_is_refused_where_there_is_none),
        cmocka_unit_test(a_driver_that_cannot_be_interrupted_is_not_asked),
        cmocka_unit_test(a_cancelled_run_asks_no_driver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
