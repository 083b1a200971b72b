#include "support.h"

#include "lib/fault.h"
#include "rivet/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

/* ---- rendering ---- */

static void a_manifest_has_the_fields_of_the_contract_in_their_order(void **state)
{
    (void)state;
    sample s;
    make_sample(&s);
    rv_bytes text = RV_BYTES_INIT(1 << 20);
    const char *got;
    assert_int_equal(rv_manifest_render(&s.manifest, &text, NULL), RV_OK);
    assert_int_equal(rv_bytes_cstr(&text, &got, NULL), RV_OK);
    assert_string_equal(got, sample_text);
    rv_bytes_deinit(&text);
}

static void a_manifest_of_nothing_is_still_a_manifest(void **state)
{
    (void)state;
    sample s;
    make_sample(&s);
    s.manifest.n_columns = 0;
    s.manifest.n_parts = 0;
    s.manifest.rows = 0;
    s.manifest.source_schema = s.manifest.source_table = s.manifest.engine_version = NULL;
    rv_bytes text = RV_BYTES_INIT(1 << 20);
    assert_int_equal(rv_manifest_render(&s.manifest, &text, NULL), RV_OK);
    json_t *document = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    assert_null(json_object_get(json_object_get(document, "source"), "table"));
    assert_int_equal(json_array_size(json_object_get(document, "parts")), 0);
    json_decref(document);
    rv_bytes_deinit(&text);
}

typedef struct broken {
    void (*make)(sample *s);
    rv_code code;
    const char *word; /* in the message */
} broken;

static void make_rows_wrong(sample *s)
{
    s->manifest.rows = 61;
}
static void make_digest_wrong(sample *s)
{
    s->columns[1].digest = 61;
}
static void make_digests_few(sample *s)
{
    s->parts[2].column_digests = "[\"0000000000000002\"]";
}
static void make_digests_odd(sample *s)
{
    s->parts[2].column_digests = "[\"0000000000000002\",\"000000000000001E\"]";
}
static void make_digests_no_json(sample *s)
{
    s->parts[2].column_digests = "[\"0000000000000002\",";
}
static void make_name_escape(sample *s)
{
    s->parts[0].name = "../orders.parquet";
}
static void make_name_ours(sample *s)
{
    s->parts[0].name = "manifest.json";
}
static void make_size_impossible(sample *s)
{
    s->parts[0].bytes = UINT64_MAX;
}
static void make_rows_negative(sample *s)
{
    s->parts[0].rows = -1;
}
static void make_rows_overflow(sample *s)
{
    s->parts[0].rows = INT64_MAX;
}
static void make_text_invalid(sample *s)
{
    s->columns[0].name = "caf\xe9";
}

static void what_its_reader_would_refuse_is_not_rendered(void **state)
{
    static const broken cases[] = {
        {make_rows_wrong, RV_E_INTERNAL, "61 rows"},
        {make_digest_wrong, RV_E_INTERNAL, "digest"},
        {make_digests_few, RV_E_INTERNAL, "digest"},
        {make_digests_odd, RV_E_INTERNAL, "digest"},
        {make_digests_no_json, RV_E_INTERNAL, "digest"},
        {make_name_escape, RV_E_INTERNAL, "name"},
        {make_name_ours, RV_E_INTERNAL, "name"},
        {make_size_impossible, RV_E_INTERNAL, "size"},
        {make_rows_negative, RV_E_INTERNAL, "rows"},
        {make_rows_overflow, RV_E_INTERNAL, "rows"},
        {make_text_invalid, RV_E_MANIFEST_INVALID, "UTF-8"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sample s;
        make_sample(&s);
        cases[i].make(&s);
        rv_bytes text = RV_BYTES_INIT(1 << 20);
        rv_error err;
        assert_int_equal(rv_bytes_append_str(&text, "before", NULL), RV_OK);
        assert_int_equal(rv_manifest_render(&s.manifest, &text, &err), cases[i].code);
        assert_non_null(strstr(err.message, cases[i].word));
        assert_int_equal(text.len, strlen("before"));
        rv_bytes_deinit(&text);
    }
}

static void parts_without_digests_leave_the_columns_digests_unchecked(void **state)
{
    (void)state;
    sample s;
    make_sample(&s);
    s.parts[1].column_digests = NULL;
    rv_bytes text = RV_BYTES_INIT(1 << 20);
    assert_int_equal(rv_manifest_render(&s.manifest, &text, NULL), RV_OK);
    rv_bytes_deinit(&text);
}

static void a_manifest_beyond_the_ceiling_is_refused(void **state)
{
    (void)state;
    sample s;
    make_sample(&s);
    rv_bytes text = RV_BYTES_INIT(1000);
    rv_error err;
    assert_int_equal(rv_manifest_render(&s.manifest, &text, &err), RV_E_LIMIT_EXCEEDED);
    rv_bytes_deinit(&text);
}

static void the_nth_allocation_of_rendering_fails_cleanly(void **state)
{
    (void)state;
    for (int n = 1;; n++) {
        sample s;
        make_sample(&s);
        rv_bytes text = RV_BYTES_INIT(1 << 20);
        rv_error err = {0};
        fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
        rv_code rc = rv_manifest_render(&s.manifest, &text, &err);
        bool hit = fault_disarm();
        rv_bytes_deinit(&text);
        if (!hit) {
            assert_int_equal(rc, RV_OK);
            break;
        }
        assert_int_equal(rc, RV_E_OUT_OF_MEMORY);
        assert_int_equal(err.code, rc);
    }
}

/* jansson allocates inside its own library, where the linker's wrappers do not reach. */
static int json_countdown;
static bool json_hit;

static void *failing_json_malloc(size_t size)
{
    if (json_countdown > 0 && --json_countdown == 0) {
        json_hit = true;
        return NULL;
    }
    return malloc(size);
}

static void the_nth_allocation_of_jansson_fails_cleanly(void **state)
{
    (void)state;
    json_set_alloc_funcs(failing_json_malloc, free);
    for (int n = 1;; n++) {
        sample s;
        make_sample(&s);
        rv_bytes text = RV_BYTES_INIT(1 << 20);
        json_hit = false;
        json_countdown = n;
        rv_code rc = rv_manifest_render(&s.manifest, &text, NULL);
        json_countdown = 0;
        rv_bytes_deinit(&text);
        if (!json_hit) {
            assert_int_equal(rc, RV_OK);
            break;
        }
        /* jansson calls a digest that it could not hold a wrong token. */
        assert_true(rc == RV_E_OUT_OF_MEMORY || rc == RV_E_INTERNAL);
    }
    json_set_alloc_funcs(malloc, free);
}

/* ---- publishing, to a destination that remembers what it was given and can refuse ---- */

enum { MAX_PUTS = 4 };
typedef struct recorder {
    rv_dest base;
    int n_puts, refuse_at; /* refuse_at 0: never */
    char names[MAX_PUTS][RV_RUN_ID_BYTES];
    char content[MAX_PUTS][4096];
} recorder;

static rv_code recorder_put(rv_dest *dest, const char *name, const void *data, size_t len, rv_error *err)
{
    recorder *r = (recorder *)dest;
    if (r->n_puts + 1 == r->refuse_at)
        return rv_fail(err, RV_E_DEST_DENIED, "no");
    assert_true(r->n_puts < MAX_PUTS && len < sizeof r->content[0]);
    snprintf(r->names[r->n_puts], sizeof r->names[0], "%s", name);
    memcpy(r->content[r->n_puts], data, len);
    r->content[r->n_puts][len] = '\0';
    r->n_puts++;
    return RV_OK;
}

static const rv_dest_ops recorder_ops = {
    .kind = "recorder",
    .caps = RV_DEST_CAP_OBJECTS,
    .put_bytes = recorder_put,
};

static void the_marker_comes_last_and_fits_the_manifest(void **state)
{
    (void)state;
    sample s;
    make_sample(&s);
    recorder dest = {.base = {.ops = &recorder_ops, .uri = "recorder"}};
    assert_int_equal(rv_manifest_publish(&dest.base, &s.manifest, NULL), RV_OK);
    assert_int_equal(dest.n_puts, 3);
    assert_string_equal(dest.names[0], "manifest-orders_20261121T093000.123.json");
    assert_string_equal(dest.names[1], "manifest.json");
    assert_string_equal(dest.names[2], "_SUCCESS");
    assert_string_equal(dest.content[0], sample_text);
    assert_string_equal(dest.content[1], sample_text);
    char marker[RV_XXH3_TEXT_BYTES + 1], hash[RV_XXH3_TEXT_BYTES];
    rv_xxh3_text(hash, rv_xxh3(sample_text, strlen(sample_text), 0));
    snprintf(marker, sizeof marker, "%s\n", hash);
    assert_string_equal(dest.content[2], marker);
}

static void nothing_follows_a_document_that_could_not_be_written(void **state)
{
    (void)state;
    for (int at = 1; at <= 3; at++) {
        sample s;
        make_sample(&s);
        recorder dest = {.base = {.ops = &recorder_ops, .uri = "recorder"}, .refuse_at = at};
        rv_error err;
        assert_int_equal(rv_manifest_publish(&dest.base, &s.manifest, &err), RV_E_DEST_DENIED);
        assert_int_equal(dest.n_puts, at - 1);
    }
}

static void nothing_is_written_of_a_manifest_that_is_wrong(void **state)
{
    (void)state;
    sample s;
    make_sample(&s);
    s.manifest.rows = 61;
    recorder dest = {.base = {.ops = &recorder_ops, .uri = "recorder"}};
    assert_int_equal(rv_manifest_publish(&dest.base, &s.manifest, NULL), RV_E_INTERNAL);
    assert_int_equal(dest.n_puts, 0);
}

static void a_runs_own_manifest_stays_under_the_prefix(void **state)
{
    (void)state;
    sample s;
    make_sample(&s);
    s.manifest.run_id = "../a/b\\c\n_1";
    recorder dest = {.base = {.ops = &recorder_ops, .uri = "recorder"}};
    assert_int_equal(rv_manifest_publish(&dest.base, &s.manifest, NULL), RV_OK);
    assert_string_equal(dest.names[0], "manifest-.._a_b_c__1.json");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manifest_has_the_fields_of_the_contract_in_their_order),
        cmocka_unit_test(a_manifest_of_nothing_is_still_a_manifest),
        cmocka_unit_test(what_its_reader_would_refuse_is_not_rendered),
        cmocka_unit_test(parts_without_digests_leave_the_columns_digests_unchecked),
        cmocka_unit_test(a_manifest_beyond_the_ceiling_is_refused),
        cmocka_unit_test(the_nth_allocation_of_rendering_fails_cleanly),
        cmocka_unit_test(the_nth_allocation_of_jansson_fails_cleanly),
        cmocka_unit_test(the_marker_comes_last_and_fits_the_manifest),
        cmocka_unit_test(nothing_follows_a_document_that_could_not_be_written),
        cmocka_unit_test(nothing_is_written_of_a_manifest_that_is_wrong),
        cmocka_unit_test(a_runs_own_manifest_stays_under_the_prefix),
    };
    return cmocka_run_group_tests_name("trust/manifest", tests, NULL, NULL);
}
