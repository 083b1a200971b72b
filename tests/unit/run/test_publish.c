/* Publishing while somebody else publishes into the same prefix, told step by step. */
#include "run/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A destination that another program writes to at a given moment. */
typedef struct shared_dest {
    rv_dest base;
    rv_dest *objects;
    const char *before;      /* the put of this object … */
    const char *theirs;      /* … their manifest takes the place of ours */
    int puts_of_marker_left; /* how often it does */
} shared_dest;

static rv_code shared_put(rv_dest *dest, const char *name, const void *data, size_t len, rv_error *err)
{
    shared_dest *d = (shared_dest *)dest;
    if (strcmp(name, d->before) == 0 && d->puts_of_marker_left-- > 0)
        RV_TRY(rv_dest_put_bytes(d->objects, "manifest.json", d->theirs, strlen(d->theirs), err));
    return rv_dest_put_bytes(d->objects, name, data, len, err);
}

static rv_code shared_get(rv_dest *dest, const char *name, rv_bytes *out, bool *found, rv_error *err)
{
    return rv_dest_get(((shared_dest *)dest)->objects, name, out, found, err);
}

static const rv_dest_ops shared_ops = {
    .kind = "shared", .caps = RV_DEST_CAP_OBJECTS, .put_bytes = shared_put, .get = shared_get};

static void publish_to(shared_dest *d)
{
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    const rv_run_context context = {.clock = rv_clock_system()};
    const rv_export_config export_config = {
        .name = "t", .mode = RV_MODE_FULL, .format = {.kind = RV_FORMAT_CSV}, .dest = {.kind = "shared"}};
    static rv_summary summary;
    const rv_dest_config memory = {.kind = "memory"};
    assert_int_equal(rv_arena_new(&arena, (size_t)1 << 20, NULL), RV_OK);
    assert_int_equal(rv_dest_open(&d->objects, &memory, "", NULL, NULL), RV_OK);
    d->base = (rv_dest){.ops = &shared_ops, .uri = "shared"};
    rvi_run run = {.context = &context,
                   .export_config = &export_config,
                   .arena = arena,
                   .dest = &d->base,
                   .server = {.product = "Fake", .version = "1"},
                   .plan = {.strategy_name = "stream"},
                   .run_id = "t_20260101T000000.000",
                   .summary = &summary};
    const rvi_part_list no_parts = {.arena = arena};
    assert_int_equal(rvi_publish(&run, &no_parts, NULL), RV_OK);
}

static void assert_marker_fits(const shared_dest *d)
{
    rv_bytes manifest = RV_BYTES_INIT((size_t)1 << 20), marker = RV_BYTES_INIT((size_t)1 << 10);
    char expected[RV_SUCCESS_TEXT_BYTES];
    bool found = false;
    assert_int_equal(rv_dest_get(d->objects, "manifest.json", &manifest, &found, NULL), RV_OK);
    assert_int_equal(rv_dest_get(d->objects, "_SUCCESS", &marker, &found, NULL), RV_OK);
    assert_true(found);
    rv_manifest_success_text(expected, manifest.data, manifest.len);
    assert_int_equal(marker.len, strlen(expected));
    assert_memory_equal(marker.data, expected, marker.len);
    rv_bytes_deinit(&manifest);
    rv_bytes_deinit(&marker);
}

static void alone_the_marker_fits_our_manifest(void **state)
{
    (void)state;
    shared_dest d = {.before = "", .theirs = ""};
    publish_to(&d);
    assert_marker_fits(&d);
    rv_dest_close(d.objects);
}

static void the_marker_fits_the_manifest_of_whoever_came_last(void **state)
{
    (void)state;
    for (int times = 1; times <= 3; times++) {
        shared_dest d = {
            .before = "_SUCCESS", .theirs = "{\"theirs\": true}\n", .puts_of_marker_left = times};
        publish_to(&d);
        assert_marker_fits(&d);
        rv_dest_close(d.objects);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_the_marker_fits_our_manifest),
        cmocka_unit_test(the_marker_fits_the_manifest_of_whoever_came_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
