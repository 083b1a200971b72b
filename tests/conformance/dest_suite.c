/* dest_suite.c - what every destination that holds objects promises, run for each of them. */
#include "lib/temp_dir.h"
#include "rivet/dest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct fixture {
    const char *kind;
    char *folder; /* for destinations that need one, and for spool files where the destination has no wish */
    rv_dest *dest;
    rv_error err;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    if (f == NULL)
        return -1;
    f->kind = *state;
    f->folder = temp_dir_new();
    char *path = temp_dir_join(f->folder, "dest");
    const rv_dest_config cfg = {.kind = f->kind, .path = path};
    rv_code rc = rv_dest_open(&f->dest, &cfg, path, NULL, &f->err);
    if (rc == RV_OK)
        rc = rv_dest_prepare(f->dest, &f->err);
    free(path);
    *state = f;
    return rc == RV_OK ? 0 : -1;
}

static int teardown(void **state)
{
    fixture *f = *state;
    rv_dest_close(f->dest);
    temp_dir_free(f->folder);
    free(f);
    return 0;
}

static void assert_object(fixture *f, const char *name, const void *data, size_t len)
{
    rv_bytes out = RV_BYTES_INIT(1 << 20);
    bool found = false;
    assert_int_equal(rv_dest_get(f->dest, name, &out, &found, &f->err), RV_OK);
    assert_true(found);
    assert_int_equal(out.len, len);
    if (len > 0)
        assert_memory_equal(out.data, data, len);
    rv_bytes_deinit(&out);
}

static void assert_absent(fixture *f, const char *name)
{
    rv_bytes out = RV_BYTES_INIT(1 << 20);
    bool found = true;
    assert_int_equal(rv_dest_get(f->dest, name, &out, &found, &f->err), RV_OK);
    assert_false(found);
    assert_int_equal(out.len, 0);
    rv_bytes_deinit(&out);
}

static rv_code put_spooled(fixture *f, const char *name, const void *data, size_t len)
{
    RV_AUTO(rv_spool_discard) rv_spool *spool = NULL;
    const char *folder = rv_dest_spool_folder(f->dest);
    RV_TRY(rv_spool_open(&spool, folder != NULL ? folder : f->folder, "run", &f->err));
    RV_TRY(rv_sink_write(rv_spool_sink(spool), data, len, &f->err));
    RV_TRY(rv_spool_finish(spool, &f->err));
    RV_TRY(rv_dest_put_file(f->dest, rv_spool_path(spool), name, &f->err));
    assert_int_equal(temp_dir_entries(f->folder, RV_SPOOL_PREFIX), 0);
    return RV_OK;
}

typedef struct visited {
    char names[512]; /* "name:bytes " for each */
    size_t len;
    int stop_after; /* 0: never */
} visited;

static rv_code visit(void *context, const rv_dest_entry *entry, rv_error *err)
{
    visited *v = context;
    int n = snprintf(v->names + v->len, sizeof v->names - v->len, "%s:%llu ", entry->name,
                     (unsigned long long)entry->bytes);
    v->len += (size_t)n;
    if (v->stop_after > 0 && --v->stop_after == 0)
        return rv_fail(err, RV_E_INTERNAL, "seen enough");
    return RV_OK;
}

static void what_was_put_is_got(void **state)
{
    fixture *f = *state;
    assert_absent(f, "a");
    assert_int_equal(rv_dest_put_bytes(f->dest, "a", "x\0y", 3, &f->err), RV_OK);
    assert_object(f, "a", "x\0y", 3);
    assert_int_equal(rv_dest_put_bytes(f->dest, "empty", NULL, 0, &f->err), RV_OK);
    assert_object(f, "empty", "", 0);
}

static void a_spool_file_is_taken_over(void **state)
{
    fixture *f = *state;
    assert_int_equal(put_spooled(f, "part.csv", "content", 7), RV_OK);
    assert_object(f, "part.csv", "content", 7);
    assert_int_equal(put_spooled(f, "empty.csv", "", 0), RV_OK);
    assert_object(f, "empty.csv", "", 0);
}

static void a_second_put_replaces_the_first(void **state)
{
    fixture *f = *state;
    assert_int_equal(rv_dest_put_bytes(f->dest, "a", "a longer first one", 18, &f->err), RV_OK);
    assert_int_equal(rv_dest_put_bytes(f->dest, "a", "second", 6, &f->err), RV_OK);
    assert_object(f, "a", "second", 6);
    assert_int_equal(put_spooled(f, "a", "third", 5), RV_OK);
    assert_object(f, "a", "third", 5);
}

static void get_appends_and_respects_the_ceiling(void **state)
{
    fixture *f = *state;
    assert_int_equal(rv_dest_put_bytes(f->dest, "a", "0123456789", 10, &f->err), RV_OK);
    rv_bytes out = RV_BYTES_INIT(13);
    bool found = false;
    assert_int_equal(rv_bytes_append(&out, "abc", 3, &f->err), RV_OK);
    assert_int_equal(rv_dest_get(f->dest, "a", &out, &found, &f->err), RV_OK);
    assert_int_equal(out.len, 13);
    assert_memory_equal(out.data, "abc0123456789", 13);
    found = false;
    assert_int_equal(rv_dest_get(f->dest, "a", &out, &found, &f->err), RV_E_LIMIT_EXCEEDED);
    assert_int_equal(f->err.code, RV_E_LIMIT_EXCEEDED);
    assert_int_equal(out.len, 13);
    assert_false(found);
    rv_bytes_deinit(&out);
}

static void a_listing_is_sorted_and_kept_to_its_prefix(void **state)
{
    fixture *f = *state;
    static const char *const names[] = {"orders_b",       "orders_a", "orders", "order",
                                        "orders_archive", "z",        "A"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(rv_dest_put_bytes(f->dest, names[i], "xyz", i % 4, &f->err), RV_OK);
    visited v = {.len = 0};
    assert_int_equal(rv_dest_list(f->dest, "orders", visit, &v, &f->err), RV_OK);
    assert_string_equal(v.names, "orders:2 orders_a:1 orders_archive:0 orders_b:0 ");
    v = (visited){.len = 0};
    assert_int_equal(rv_dest_list(f->dest, "nothing", visit, &v, &f->err), RV_OK);
    assert_string_equal(v.names, "");
}

static void a_visitor_can_end_a_listing(void **state)
{
    fixture *f = *state;
    assert_int_equal(rv_dest_put_bytes(f->dest, "a1", "x", 1, &f->err), RV_OK);
    assert_int_equal(rv_dest_put_bytes(f->dest, "a2", "x", 1, &f->err), RV_OK);
    visited v = {.stop_after = 1};
    assert_int_equal(rv_dest_list(f->dest, "a", visit, &v, &f->err), RV_E_INTERNAL);
    assert_string_equal(v.names, "a1:1 ");
}

static void nobody_can_list_everything_by_mistake(void **state)
{
    fixture *f = *state;
    visited v = {.len = 0};
    assert_int_equal(rv_dest_list(f->dest, "", visit, &v, &f->err), RV_E_INTERNAL);
}

static void removing_takes_one_object_and_no_neighbour(void **state)
{
    fixture *f = *state;
    assert_int_equal(rv_dest_put_bytes(f->dest, "orders", "x", 1, &f->err), RV_OK);
    assert_int_equal(rv_dest_put_bytes(f->dest, "orders_archive", "x", 1, &f->err), RV_OK);
    assert_int_equal(rv_dest_remove(f->dest, "orders", &f->err), RV_OK);
    assert_absent(f, "orders");
    assert_object(f, "orders_archive", "x", 1);
    assert_int_equal(rv_dest_remove(f->dest, "orders", &f->err), RV_OK);
    assert_int_equal(rv_dest_remove(f->dest, "never_was", &f->err), RV_OK);
}

static void a_name_outside_the_destination_is_refused(void **state)
{
    fixture *f = *state;
    assert_int_equal(rv_dest_put_bytes(f->dest, "../a", "x", 1, &f->err), RV_E_DEST_DENIED);
    assert_int_equal(put_spooled(f, "a/b", "x", 1), RV_E_DEST_DENIED);
    assert_int_equal(rv_dest_remove(f->dest, "..", &f->err), RV_E_DEST_DENIED);
    assert_int_equal(temp_dir_entries(f->folder, "a"), 0);
}

static void a_destination_has_an_address(void **state)
{
    fixture *f = *state;
    assert_true(rv_dest_has(f->dest, RV_DEST_CAP_OBJECTS));
    assert_true(rv_dest_uri(f->dest)[0] != '\0');
}

#define DEST_TESTS(kind)                                                               \
    DEST_TEST(what_was_put_is_got, kind), DEST_TEST(a_spool_file_is_taken_over, kind), \
        DEST_TEST(a_second_put_replaces_the_first, kind),                              \
        DEST_TEST(get_appends_and_respects_the_ceiling, kind),                         \
        DEST_TEST(a_listing_is_sorted_and_kept_to_its_prefix, kind),                   \
        DEST_TEST(a_visitor_can_end_a_listing, kind),                                  \
        DEST_TEST(nobody_can_list_everything_by_mistake, kind),                        \
        DEST_TEST(removing_takes_one_object_and_no_neighbour, kind),                   \
        DEST_TEST(a_name_outside_the_destination_is_refused, kind),                    \
        DEST_TEST(a_destination_has_an_address, kind)
#define DEST_TEST(test, kind)                                               \
    {                                                                       \
#test " (" kind ")", test, setup, teardown, (void *)(uintptr_t)kind \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {DEST_TESTS("local"), DEST_TESTS("memory")};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
