/* The columns that Rivet adds: their schema, their values, and that the source's columns are only borrowed. */
#include "support.h"

#include "fault.h"
#include "rivet/meta.h"
#include "rivet/row_hash.h"

enum { ARENA_BYTES = 1 << 20, RUN_US = 1700000000 };

static const rv_meta_columns both = {.exported_at = true, .row_hash = true};

static rv_field field(const char *name, rv_type_id id)
{
    return (rv_field){
        .name = name, .native_type = "native", .natural = scalar(id), .type = scalar(id), .nullable = true};
}

typedef struct fixture {
    rv_field fields[2];
    rv_schema source, files;
    rv_arena *arena;
    rv_batch *batch;
    rv_error err;
} fixture;

static void open_fixture(fixture *f, const rv_meta_columns *columns)
{
    *f = (fixture){.fields = {field("id", RV_TYPE_INT64), field("name", RV_TYPE_STRING)}};
    f->source = (rv_schema){.fields = f->fields, .n_fields = 2, .origin = "public.t"};
    assert_int_equal(rv_arena_new(&f->arena, ARENA_BYTES, NULL), RV_OK);
    assert_int_equal(rv_batch_new(&f->batch, &f->source, NULL, NULL), RV_OK);
    assert_int_equal(rv_meta_schema(f->arena, &f->source, columns, &f->files, &f->err), RV_OK);
}

static void close_fixture(fixture *f)
{
    rv_batch_free(f->batch);
    rv_arena_free(f->arena);
}

static void add_row(fixture *f, int64_t id, const char *name)
{
    assert_int_equal(rv_batch_begin_row(f->batch, NULL), RV_OK);
    rv_column_append_i64(&f->batch->columns[0], id);
    assert_int_equal(rv_column_append_bytes(&f->batch->columns[1], name, strlen(name), NULL), RV_OK);
    rv_batch_end_row(f->batch);
}

static int64_t i64_at(const rv_batch *rows, int column, int64_t row)
{
    int64_t value;
    memcpy(&value, rows->columns[column].values + row * 8, 8);
    return value;
}

static void added_columns_stand_last_and_are_required(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, &both);
    assert_int_equal(f.files.n_fields, 4);
    assert_string_equal(f.files.fields[1].name, "name");
    assert_string_equal(f.files.fields[2].name, RV_META_EXPORTED_AT);
    assert_int_equal(f.files.fields[2].type.id, RV_TYPE_TIMESTAMP_TZ);
    assert_string_equal(f.files.fields[3].name, RV_META_ROW_HASH);
    assert_int_equal(f.files.fields[3].type.id, RV_TYPE_INT64);
    for (int i = 2; i < 4; i++) {
        assert_false(f.files.fields[i].nullable);
        assert_int_equal(f.files.fields[i].ordinal, i + 1);
    }
    assert_int_equal(f.source.n_fields, 2);
    close_fixture(&f);
}

static void every_batch_gets_its_values_again(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, &both);
    RV_AUTO(rv_meta_free) rv_meta *meta = NULL;
    RV_AUTO(rv_row_hasher_free) rv_row_hasher *hasher = NULL;
    assert_int_equal(rv_row_hasher_new(&hasher, NULL), RV_OK);
    assert_int_equal(rv_meta_new(&meta, &f.files, &both, RUN_US, NULL, &f.err), RV_OK);
    for (int page = 0; page < 3; page++) {
        const rv_batch *rows = NULL;
        rv_batch_reset(f.batch);
        for (int i = 0; i <= 100 * page; i++)
            add_row(&f, i, page == 0 ? "a" : "b");
        assert_int_equal(rv_meta_extend(meta, f.batch, &rows, &f.err), RV_OK);
        assert_int_equal(rows->rows, f.batch->rows);
        assert_int_equal(rows->n_columns, 4);
        assert_ptr_equal(rows->schema, &f.files);
        assert_ptr_equal(rows->columns[1].data, f.batch->columns[1].data);
        for (int64_t row = 0; row < rows->rows; row++) {
            rv_row_hasher_add(hasher, &f.batch->columns[0], row);
            rv_row_hasher_add(hasher, &f.batch->columns[1], row);
            assert_int_equal(i64_at(rows, 2, row), RUN_US);
            assert_int_equal(i64_at(rows, 3, row), (int64_t)rv_row_hasher_take(hasher).low);
        }
    }
    close_fixture(&f);
}

static void without_meta_columns_the_batch_itself_is_handed_on(void **state)
{
    (void)state;
    const rv_meta_columns none = {0};
    const rv_batch *rows = NULL;
    fixture f;
    open_fixture(&f, &none);
    RV_AUTO(rv_meta_free) rv_meta *meta = NULL;
    assert_ptr_equal(f.files.fields, f.source.fields);
    assert_int_equal(rv_meta_new(&meta, &f.files, &none, RUN_US, NULL, &f.err), RV_OK);
    add_row(&f, 1, "a");
    assert_int_equal(rv_meta_extend(meta, f.batch, &rows, &f.err), RV_OK);
    assert_ptr_equal(rows, f.batch);
    close_fixture(&f);
}

static void only_listed_columns_decide_about_the_hash(void **state)
{
    (void)state;
    static const char *const names[] = {"name"};
    const rv_meta_columns listed = {.row_hash = true, .row_hash_columns = names, .n_row_hash_columns = 1};
    const rv_batch *rows = NULL;
    fixture f;
    open_fixture(&f, &listed);
    RV_AUTO(rv_meta_free) rv_meta *meta = NULL;
    assert_int_equal(rv_meta_new(&meta, &f.files, &listed, RUN_US, NULL, &f.err), RV_OK);
    add_row(&f, 1, "a");
    add_row(&f, 2, "a");
    add_row(&f, 2, "b");
    assert_int_equal(rv_meta_extend(meta, f.batch, &rows, &f.err), RV_OK);
    assert_int_equal(i64_at(rows, 2, 0), i64_at(rows, 2, 1));
    assert_int_not_equal(i64_at(rows, 2, 1), i64_at(rows, 2, 2));
    close_fixture(&f);
}

static void names_that_clash_or_are_unknown_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"nane"};
    const rv_meta_columns unknown = {.row_hash = true, .row_hash_columns = names, .n_row_hash_columns = 1};
    const rv_meta_columns time_only = {.exported_at = true};
    rv_schema files = {0};
    rv_error err = {0};
    fixture f;
    open_fixture(&f, &both);
    assert_int_equal(rv_meta_schema(f.arena, &f.source, &unknown, &files, &err), RV_E_CONFIG_VALUE);
    assert_string_equal(err.hint, "did you mean 'name'?");
    f.fields[0].name = RV_META_ROW_HASH;
    assert_int_equal(rv_meta_schema(f.arena, &f.source, &both, &files, &err), RV_E_CONFIG_VALUE);
    assert_non_null(strstr(err.message, "public.t has a column '_rivet_row_hash' already"));
    assert_null(files.fields);
    assert_int_equal(rv_meta_schema(f.arena, &f.source, &time_only, &files, &err), RV_OK);
    close_fixture(&f);
}

static rv_code make_and_extend(const fixture *f, rv_budget *budget, rv_error *err)
{
    const rv_batch *rows = NULL;
    RV_AUTO(rv_meta_free) rv_meta *meta = NULL;
    RV_TRY(rv_meta_new(&meta, &f->files, &both, RUN_US, budget, err));
    return rv_meta_extend(meta, f->batch, &rows, err);
}

static void want_of_memory_is_an_error_and_leaves_nothing(void **state)
{
    (void)state;
    fixture f;
    open_fixture(&f, &both);
    for (int i = 0; i < 1000; i++)
        add_row(&f, i, "a");
    for (int n = 1;; n++) {
        rv_budget budget;
        rv_budget_init(&budget, 1 << 20);
        fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
        rv_code rc = make_and_extend(&f, &budget, &f.err);
        bool hit = fault_disarm();
        assert_int_equal(rc, hit ? RV_E_OUT_OF_MEMORY : RV_OK);
        assert_int_equal(rv_budget_used(&budget), 0);
        if (!hit)
            break;
    }
    rv_budget small;
    rv_budget_init(&small, 4096);
    assert_int_equal(make_and_extend(&f, &small, &f.err), RV_E_MEMORY_BUDGET);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(added_columns_stand_last_and_are_required),
        cmocka_unit_test(every_batch_gets_its_values_again),
        cmocka_unit_test(without_meta_columns_the_batch_itself_is_handed_on),
        cmocka_unit_test(only_listed_columns_decide_about_the_hash),
        cmocka_unit_test(names_that_clash_or_are_unknown_are_refused),
        cmocka_unit_test(want_of_memory_is_an_error_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
