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
        assert_int_equal((ops->caps & RV_SOURCE_CAP_KEYS) != 0, ops->scan_position != NULL);
        assert_int_equal((ops->caps & RV_SOURCE_CAP_KEYS) != 0, ops->key_ends != NULL);
        assert_int_equal((ops->caps & RV_SOURCE_CAP_KEYS) != 0, ops->split != NULL);
        assert_int_equal((ops->caps & RV_SOURCE_CAP_SHARED_SNAPSHOT) != 0, ops->share_snapshot != NULL);
        assert_int_equal((ops->caps & RV_SOURCE_CAP_HISTORY) != 0, ops->horizon != NULL);
        assert_int_equal((ops->caps & RV_SOURCE_CAP_PRESSURE) != 0, ops->pressure != NULL);
        assert_int_equal((ops->caps & RV_SOURCE_CAP_ALIGNED_SNAPSHOT) != 0, ops->begin_aligned != NULL);
        assert_int_equal((ops->caps & RV_SOURCE_CAP_SETTLE) != 0, ops->settle != NULL);
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

typedef struct canned {
    rv_source base;
    rv_scan scan;
    int64_t rows;  /* that the next page holds */
    rv_page page;  /* what it says about itself */
    rv_code code;  /* how it fails after having appended its rows */
    bool no_field; /* describes a relation without columns */
    rv_key_ends ends;
    rv_key_value place; /* where a scan stands, and what split() gives n_places times */
    int64_t n_places;
    const char *name; /* of marks and snapshots */
    int64_t number;   /* since when a mark is held back; and every sign of pressure */
} canned;

static rv_code canned_next(rv_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                           rv_error *err)
{
    const canned *s = (const canned *)scan->source;
    (void)limits;
    for (int64_t i = 0; i < s->rows; i++) {
        assert_int_equal(rv_batch_begin_row(out, err), RV_OK);
        rv_column_append_i64(&out->columns[0], i);
        rv_batch_end_row(out);
    }
    *page = s->page;
    return s->code == RV_OK ? RV_OK : rv_fail(err, s->code, "as told");
}

static rv_code canned_describe(rv_source *src, const rv_relation *relation, rv_arena *arena,
                               rv_relation_info *out, rv_error *err)
{
    const canned *s = (const canned *)src;
    (void)relation;
    (void)arena;
    out->kind = "half made";
    if (!s->no_field)
        return rv_fail(err, RV_E_SOURCE_DENIED, "as told");
    return RV_OK;
}

static rv_code canned_begin(rv_source *src, const rv_read_options *options, rv_error *err)
{
    (void)src;
    (void)options;
    (void)err;
    return RV_OK;
}

static rv_code told(const rv_source *src, rv_error *err)
{
    const canned *s = (const canned *)src;
    return s->code == RV_OK ? RV_OK : rv_fail(err, s->code, "as told");
}

static rv_code canned_position(rv_scan *scan, rv_arena *arena, rv_key_value *out, rv_error *err)
{
    (void)arena;
    *out = ((const canned *)scan->source)->place;
    return told(scan->source, err);
}

static rv_code canned_key_ends(rv_source *src, const rv_relation *relation, const rv_relation_info *info,
                               const rv_key *key, const char *fallback, const rv_range *const *within,
                               int n_within, rv_arena *arena, rv_key_ends *out, rv_error *err)
{
    (void)relation, (void)info, (void)key, (void)fallback, (void)within, (void)n_within, (void)arena;
    *out = ((const canned *)src)->ends;
    return told(src, err);
}

static rv_code canned_split(rv_source *src, const rv_relation *relation, const rv_relation_info *info,
                            const rv_index *index, int64_t n, rv_arena *arena, rv_key_value *out,
                            int64_t *n_out, rv_error *err)
{
    static const char *const digits[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    const canned *s = (const canned *)src;
    (void)relation, (void)info, (void)index, (void)arena;
    for (int64_t i = 0; i < n - 1 && i < s->n_places; i++)
        out[i] = s->place.n != 0 ? s->place : (rv_key_value){1, {digits[i % 10]}};
    *n_out = s->n_places;
    return told(src, err);
}

static rv_code canned_horizon(rv_source *src, rv_arena *arena, const char **out, int64_t *held_since_us,
                              rv_error *err)
{
    (void)arena;
    *out = ((const canned *)src)->name;
    *held_since_us = ((const canned *)src)->number;
    return told(src, err);
}

static rv_code canned_share(rv_source *src, rv_arena *arena, const char **out, rv_error *err)
{
    (void)arena;
    *out = ((const canned *)src)->name;
    return told(src, err);
}

static rv_code canned_pressure(rv_source *src, rv_pressure *out, rv_error *err)
{
    int64_t n = ((const canned *)src)->number;
    *out = (rv_pressure){n, n, n, n};
    return told(src, err);
}

/* One that has everything which not every driver has. */
static const rv_source_ops able_ops = {
    .kind = "able",
    .caps = RV_SOURCE_CAP_STREAM | RV_SOURCE_CAP_KEYS | RV_SOURCE_CAP_HISTORY |
            RV_SOURCE_CAP_SHARED_SNAPSHOT | RV_SOURCE_CAP_PRESSURE,
    .scan_position = canned_position,
    .key_ends = canned_key_ends,
    .split = canned_split,
    .horizon = canned_horizon,
    .share_snapshot = canned_share,
    .pressure = canned_pressure,
};

static const rv_source_ops canned_ops = {
    .kind = "canned",
    .caps = RV_SOURCE_CAP_STREAM,
    .describe = canned_describe,
    .begin = canned_begin,
    .scan_next = canned_next,
};

static canned make_canned(const char *unit)
{
    canned s = {.base = {.ops = &canned_ops}, .scan = {.unit = unit}};
    return s;
}

static rv_field one_field = {.name = "id", .natural = {.id = RV_TYPE_INT64}, .type = {.id = RV_TYPE_INT64}};
static const rv_schema one_column = {&one_field, 1, "canned.t"};

static rv_code next_page(canned *s, const rv_page_limits *limits, rv_page *page, int64_t *rows, rv_error *err)
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
    canned s = make_canned("row");
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
        canned s = make_canned(cases[i].unit);
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
    canned s = make_canned("row");
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
    assert_string_equal(err.frame[0], "reading canned.t");
}

static void a_failed_description_leaves_nothing_behind(void **state)
{
    (void)state;
    canned s = make_canned("row");
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
    canned s = make_canned("row");
    const rv_read_options with = {.snapshot = true}, without = {.snapshot = false};
    assert_int_equal(rv_source_begin(&s.base, &with, NULL), RV_E_SOURCE_UNSUPPORTED);
    assert_int_equal(rv_source_begin(&s.base, &without, NULL), RV_OK);
}

static void a_driver_that_cannot_be_interrupted_is_not_asked(void **state)
{
    (void)state;
    canned s = make_canned("row");
    rv_source_interrupt(&s.base);
}

static void a_cancelled_run_asks_no_driver(void **state)
{
    (void)state;
    canned s = make_canned("row");
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

/* ---- slots that not every driver has ---- */

static const rv_key by_id = {.n_columns = 1, .columns = {"id"}};
static const rv_index id_index = {.name = "t_pkey", .key = {.n_columns = 1, .columns = {"id"}}};
static const rv_relation table_t = {.kind = RV_RELATION_TABLE, .table = "t"};
static const rv_relation_info info_t = {.kind = "table"};

/* What the six slots gave; filled with what no slot gives. */
typedef struct given {
    rv_key_value position;
    rv_key_ends ends;
    rv_key_value places[4];
    int64_t n_places, held;
    const char *mark, *name;
    rv_pressure pressure;
    rv_code codes[6];
    rv_error errors[6];
} given;

static void ask_everything(canned *s, given *out)
{
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    rv_source *src = &s->base;
    assert_int_equal(rv_arena_new(&arena, 1 << 20, NULL), RV_OK);
    *out = (given){.position = {.n = 77},
                   .ends = {.first = {.n = 77}},
                   .places = {{.n = 77}},
                   .n_places = 77,
                   .held = 77,
                   .mark = "none",
                   .name = "none",
                   .pressure = {77, 77, 77, 77}};
    s->scan.source = src;
    out->codes[0] = rv_scan_position(&s->scan, arena, &out->position, &out->errors[0]);
    out->codes[1] =
        rv_source_key_ends(src, &table_t, &info_t, &by_id, NULL, NULL, 0, arena, &out->ends, &out->errors[1]);
    out->codes[2] = rv_source_split(src, &table_t, &info_t, &id_index, 5, arena, out->places, &out->n_places,
                                    &out->errors[2]);
    out->codes[3] = rv_source_horizon(src, arena, &out->mark, &out->held, &out->errors[3]);
    out->codes[4] = rv_source_share_snapshot(src, arena, &out->name, &out->errors[4]);
    out->codes[5] = rv_source_pressure(src, &out->pressure, &out->errors[5]);
}

static void assert_untouched(const given *g)
{
    assert_int_equal(g->position.n, 77);
    assert_int_equal(g->ends.first.n, 77);
    assert_int_equal(g->places[0].n, 77);
    assert_int_equal(g->n_places, 77);
    assert_int_equal(g->held, 77);
    assert_string_equal(g->mark, "none");
    assert_string_equal(g->name, "none");
    assert_int_equal(g->pressure.lock_waits, 77);
}

static canned make_able(void)
{
    return (canned){.base = {.ops = &able_ops},
                    .scan = {.unit = "row"},
                    .ends = {.first = {1, {"1"}}, .last = {1, {"9"}}},
                    .n_places = 4,
                    .name = "n",
                    .number = 5};
}

static void what_a_driver_has_not_is_unsupported(void **state)
{
    (void)state;
    canned s = make_canned("row");
    given g;
    ask_everything(&s, &g);
    assert_untouched(&g);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(g.codes[i], RV_E_SOURCE_UNSUPPORTED);
        assert_non_null(strstr(g.errors[i].message, "'canned'"));
    }
}

static void what_a_driver_answers_is_passed_on(void **state)
{
    (void)state;
    canned s = make_able();
    given g;
    ask_everything(&s, &g);
    for (int i = 0; i < 6; i++)
        assert_int_equal(g.codes[i], RV_OK);
    assert_int_equal(g.position.n, 0);
    assert_string_equal(g.ends.last.cells[0], "9");
    assert_int_equal(g.n_places, 4);
    assert_string_equal(g.places[3].cells[0], "3");
    assert_int_equal(g.held, 5);
    assert_string_equal(g.mark, "n");
    assert_string_equal(g.name, "n");
    assert_int_equal(g.pressure.replica_lag_ms, 5);
}

static void an_answer_that_failed_leaves_nothing_behind(void **state)
{
    (void)state;
    canned s = make_able();
    given g;
    s.code = RV_E_SOURCE_LOST;
    ask_everything(&s, &g);
    assert_untouched(&g);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(g.codes[i], RV_E_SOURCE_LOST);
        assert_int_equal(g.errors[i].n_frames, 1);
    }
}

static void answers_that_cannot_be_are_refused(void **state)
{
    (void)state;
    canned s = make_able();
    given g;
    s.place = (rv_key_value){.n = 1}; /* a cell that is NULL; as a place, also one that repeats */
    s.ends.last = (rv_key_value){0};
    s.name = "";
    s.number = -2;
    ask_everything(&s, &g);
    assert_untouched(&g);
    for (int i = 0; i < 6; i++)
        assert_int_equal(g.codes[i], RV_E_INTERNAL);
    s = make_able();
    s.ends.empty = true; /* with a first and a last */
    s.n_places = 5;
    s.name = NULL;
    ask_everything(&s, &g);
    for (int i = 1; i < 5; i++)
        assert_int_equal(g.codes[i], RV_E_INTERNAL);
    s = make_able();
    s.place = (rv_key_value){1, {"same"}};
    ask_everything(&s, &g);
    assert_int_equal(g.codes[2], RV_E_INTERNAL);
}

static void one_part_needs_no_cut(void **state)
{
    (void)state;
    canned s = make_able();
    int64_t n = 77;
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    assert_int_equal(rv_arena_new(&arena, 1 << 20, NULL), RV_OK);
    s.code = RV_E_SOURCE_LOST; /* nobody asks it */
    assert_int_equal(rv_source_split(&s.base, &table_t, &info_t, &id_index, 1, arena, NULL, &n, NULL), RV_OK);
    assert_int_equal(n, 0);
}

static void a_cancelled_run_still_learns_where_its_scan_stands(void **state)
{
    (void)state;
    RV_AUTO(rv_cancel_free) rv_cancel *cancel = NULL;
    canned s = make_able();
    given g;
    assert_int_equal(rv_cancel_new(&cancel, NULL), RV_OK);
    rv_cancel_request(cancel);
    s.base.cancel = cancel;
    s.place = (rv_key_value){1, {"17"}};
    ask_everything(&s, &g);
    assert_int_equal(g.codes[0], RV_OK);
    assert_string_equal(g.position.cells[0], "17");
    for (int i = 1; i < 6; i++)
        assert_int_equal(g.codes[i], RV_E_CANCELLED);
    assert_int_equal(g.held, 77);
}

static void bounds_beyond_a_driver_are_refused_and_never_read_wider(void **state)
{
    (void)state;
    static const rv_range range = {.key = &by_id};
    static const rv_history history = {.until = "9"};
    static const rv_range old = {.key = &by_id, .history = &history};
    static const rv_source_ops keys_only = {.kind = "keys", .caps = RV_SOURCE_CAP_KEYS};
    static const struct {
        const rv_source_ops *ops;
        rv_bounds bounds;
    } cases[] = {
        {&canned_ops, {.kind = RV_BOUNDS_PHYSICAL, .last = 1}},
        {&canned_ops, {.kind = RV_BOUNDS_KEY, .key = &by_id}},
        {&canned_ops, {.kind = RV_BOUNDS_ALL, .ranges = {&range}, .n_ranges = 1}},
        {&keys_only, {.kind = RV_BOUNDS_ALL}},
        {&keys_only, {.kind = RV_BOUNDS_KEY, .key = &by_id, .ranges = {&range, &old}, .n_ranges = 2}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        canned s = {.base = {.ops = cases[i].ops}};
        const rv_scan_request request = {
            .relation = &table_t, .info = &info_t, .schema = &one_column, .bounds = cases[i].bounds};
        rv_scan *scan = NULL;
        assert_int_equal(rv_scan_open(&scan, &s.base, &request, NULL), RV_E_SOURCE_UNSUPPORTED);
        assert_null(scan);
    }
}

static const rv_key_value *opened_after;

static rv_code canned_scan_open(rv_scan **out, rv_source *src, const rv_scan_request *request, rv_error *err)
{
    canned *s = (canned *)src;
    (void)err;
    opened_after = request->after;
    s->scan.unit = "row";
    *out = &s->scan;
    return RV_OK;
}

/* rv_scan_position() of a scan that delivered nothing gives such a place. */
static void a_place_that_is_none_is_the_beginning(void **state)
{
    (void)state;
    static const rv_source_ops ops = {
        .kind = "keys", .caps = RV_SOURCE_CAP_KEYS, .scan_open = canned_scan_open};
    static const rv_key_value none = {0}, some = {1, {"17"}};
    canned s = {.base = {.ops = &ops}};
    rv_scan_request request = {.relation = &table_t,
                               .info = &info_t,
                               .schema = &one_column,
                               .bounds = {.kind = RV_BOUNDS_KEY, .key = &by_id}};
    rv_scan *scan = NULL;
    request.after = &none;
    assert_int_equal(rv_scan_open(&scan, &s.base, &request, NULL), RV_OK);
    assert_null(opened_after);
    request.after = &some;
    assert_int_equal(rv_scan_open(&scan, &s.base, &request, NULL), RV_OK);
    assert_ptr_equal(opened_after, &some);
}

static void a_snapshot_of_others_is_refused_where_none_can_be_joined(void **state)
{
    (void)state;
    static const rv_source_ops alone = {
        .kind = "alone", .caps = RV_SOURCE_CAP_SNAPSHOT, .begin = canned_begin};
    canned s = {.base = {.ops = &alone}};
    const rv_read_options own = {.snapshot = true}, shared = {.snapshot = true, .shared_snapshot = "n"};
    assert_int_equal(rv_source_begin(&s.base, &own, NULL), RV_OK);
    assert_int_equal(rv_source_begin(&s.base, &shared, NULL), RV_E_SOURCE_UNSUPPORTED);
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
        cmocka_unit_test(what_a_driver_has_not_is_unsupported),
        cmocka_unit_test(what_a_driver_answers_is_passed_on),
        cmocka_unit_test(an_answer_that_failed_leaves_nothing_behind),
        cmocka_unit_test(answers_that_cannot_be_are_refused),
        cmocka_unit_test(one_part_needs_no_cut),
        cmocka_unit_test(a_cancelled_run_still_learns_where_its_scan_stands),
        cmocka_unit_test(bounds_beyond_a_driver_are_refused_and_never_read_wider),
        cmocka_unit_test(a_place_that_is_none_is_the_beginning),
        cmocka_unit_test(a_snapshot_of_others_is_refused_where_none_can_be_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
