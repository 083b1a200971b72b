#include "config/internal.h"

#include "fault.h"

#include "rivet/bytes.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A sink that keeps the bytes, or fails after some of them. */
typedef struct memory_sink {
    rv_sink base;
    rv_bytes bytes;
    size_t fail_after;
} memory_sink;

static rv_code memory_write(rv_sink *sink, const void *data, size_t len, rv_error *err)
{
    memory_sink *memory = (memory_sink *)sink;
    if (memory->bytes.len + len > memory->fail_after)
        return rv_fail(err, RV_E_DEST_WRITE, "no more");
    return rv_bytes_append(&memory->bytes, data, len, err);
}

static memory_sink memory_sink_of(size_t fail_after)
{
    return (memory_sink){
        .base.write = memory_write, .bytes = RV_BYTES_INIT(1 << 20), .fail_after = fail_after};
}

static json_t *member(json_t *object, const char *name)
{
    json_t *found = json_object_get(object, name);
    if (!found)
        fail_msg("no member '%s'", name);
    return found;
}

static json_t *load_schema(void)
{
    memory_sink sink = memory_sink_of(SIZE_MAX);
    json_error_t problem;
    assert_int_equal(rv_config_write_json_schema(&sink.base, NULL), RV_OK);
    assert_int_equal(sink.bytes.data[sink.bytes.len - 1], '\n');
    json_t *schema =
        json_loadb((const char *)sink.bytes.data, sink.bytes.len, JSON_REJECT_DUPLICATES, &problem);
    if (!schema)
        fail_msg("line %d: %s", problem.line, problem.text);
    rv_bytes_deinit(&sink.bytes);
    return schema;
}

static void the_schema_describes_every_key_and_takes_only_defaults_of_later_ones(void **state)
{
    (void)state;
    json_t *schema = load_schema();
    for (int id = 0; id < RVI_KEYS; id++) {
        const rvi_key *key = rvi_key_row((rvi_key_id)id);
        json_t *definitions = member(schema, "definitions");
        json_t *section =
            key->section == RVI_S_ROOT ? schema : json_object_get(definitions, rvi_section_id(key->section));
        if (!section) { /* nothing of it is supported: its own key is refused */
            assert_true(key->flags & RVI_LATER);
            continue;
        }
        assert_true(json_is_false(member(section, "additionalProperties")));
        json_t *property = member(member(section, "properties"), key->name);
        assert_non_null(strstr(json_string_value(member(property, "description")), key->doc));
        const bool later = (key->flags & RVI_LATER) != 0; /* of those only the default is taken */
        assert_int_equal(json_object_get(property, "not") != NULL, later && !key->fallback);
        assert_int_equal(json_object_get(property, "const") != NULL, later && key->fallback);
    }
    json_decref(schema);
}

static void references_of_the_schema_lead_somewhere(void **state)
{
    (void)state;
    json_t *schema = load_schema(), *definitions = member(schema, "definitions");
    char *text = json_dumps(schema, JSON_COMPACT);
    const char *from = text;
    int n = 0;
    while ((from = strstr(from, "\"$ref\":\"")) != NULL) {
        char name[64] = "";
        assert_int_equal(sscanf(from, "\"$ref\":\"#/definitions/%63[A-Z_]\"", name), 1);
        (void)member(definitions, name);
        from += 8;
        n++;
    }
    assert_true(n >= 7);
    free(text);
    json_decref(schema);
}

static void the_reference_page_has_a_row_for_every_key(void **state)
{
    (void)state;
    memory_sink sink = memory_sink_of(SIZE_MAX);
    const char *page = NULL;
    assert_int_equal(rv_config_write_reference(&sink.base, NULL), RV_OK);
    assert_int_equal(rv_bytes_cstr(&sink.bytes, &page, NULL), RV_OK);
    for (int id = 0; id < RVI_KEYS; id++) {
        const rvi_key *key = rvi_key_row((rvi_key_id)id);
        char row[64];
        snprintf(row, sizeof row, "\n| `%s` | ", key->name);
        assert_non_null(strstr(page, row));
        assert_non_null(strstr(page, key->doc));
    }
    assert_non_null(strstr(page, "| 1000 (fast), 250 (balanced), 100 (safe) |"));
    rv_bytes_deinit(&sink.bytes);
}

static void a_sink_that_fails_ends_both_documents(void **state)
{
    (void)state;
    for (size_t room = 0; room < 2000; room += 500) {
        memory_sink sink = memory_sink_of(room);
        rv_error err = {0};
        assert_int_equal(rv_config_write_json_schema(&sink.base, &err), RV_E_DEST_WRITE);
        assert_int_equal(err.code, RV_E_DEST_WRITE);
        rv_bytes_clear(&sink.bytes);
        assert_int_equal(rv_config_write_reference(&sink.base, &err), RV_E_DEST_WRITE);
        rv_bytes_deinit(&sink.bytes);
    }
}

static void running_out_of_memory_ends_the_page(void **state)
{
    (void)state;
    for (int n = 1;; n++) {
        memory_sink sink = memory_sink_of(SIZE_MAX);
        fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
        rv_code rc = rv_config_write_reference(&sink.base, NULL);
        bool hit = fault_disarm();
        assert_int_equal(rc, hit ? RV_E_OUT_OF_MEMORY : RV_OK);
        rv_bytes_deinit(&sink.bytes);
        if (!hit)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_schema_describes_every_key_and_takes_only_defaults_of_later_ones),
        cmocka_unit_test(references_of_the_schema_lead_somewhere),
        cmocka_unit_test(the_reference_page_has_a_row_for_every_key),
        cmocka_unit_test(a_sink_that_fails_ends_both_documents),
        cmocka_unit_test(running_out_of_memory_ends_the_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
