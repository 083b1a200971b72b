/* What became of the columns: every class, and that what is recorded need not be trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "rivet/drift.h"

enum { MAX_COLUMNS = 4 };

typedef struct column {
    const char *name, *type;
    bool not_null;
} column;

static rv_type type_of(const char *text)
{
    rv_type type = {.id = RV_TYPE_ENUM};
    if (strcmp(text, "enum") == 0)
        return type;
    if (strncmp(text, "list<", 5) != 0) {
        assert_true(rv_type_parse(text, &type));
        return type;
    }
    assert_true(strcmp(text, "list<int64>") == 0 || strcmp(text, "list<int32>") == 0);
    return (rv_type){.id = RV_TYPE_LIST, .element = text[8] == '6' ? RV_TYPE_INT64 : RV_TYPE_INT32};
}

static int fill(rv_field *fields, const column *columns)
{
    int n = 0;
    for (; n < MAX_COLUMNS && columns[n].name != NULL; n++)
        fields[n] = (rv_field){.name = columns[n].name,
                               .native_type = "native",
                               .type = type_of(columns[n].type),
                               .nullable = !columns[n].not_null};
    return n;
}

static rv_code record(const column *columns, rv_bytes *out)
{
    RV_TRY(rv_bytes_append_str(out, "[", NULL));
    for (int i = 0; i < MAX_COLUMNS && columns[i].name != NULL; i++)
        RV_TRY(rv_bytes_printf(
            out, NULL, "%s{\"name\":\"%s\",\"type\":\"%s\",\"native_type\":\"n\",\"nullable\":%s}",
            i > 0 ? "," : "", columns[i].name, columns[i].type, columns[i].not_null ? "false" : "true"));
    return rv_bytes_append_str(out, "]", NULL);
}

static void every_class_of_change_is_told_apart(void **state)
{
    (void)state;
    static const struct {
        column before[MAX_COLUMNS], now[MAX_COLUMNS];
        const char *text;
    } cases[] = {
        {{{"a", "int32", 0}}, {{"a", "int32", 0}}, ""},
        {{{"a", "int32", 0}}, {{"a", "int32", 0}, {"b", "text", 0}}, "'b' added (string)"},
        {{{"a", "int32", 0}, {"b", "string", 0}}, {{"a", "int32", 0}}, "'b' removed (string)"},
        {{{"a", "int32", 0}, {"b", "string", 0}},
         {{"a", "int32", 0}, {"c", "string", 0}},
         "'b' renamed to 'c'"},
        {{{"b", "string", 0}}, {{"c", "json", 0}}, "'c' added (json); 'b' removed (string)"},
        {{{"b", "string", 0}}, {{"c", "string", 1}}, "'c' added (string); 'b' removed (string)"},
        {{{"b", "string", 0}, {"a", "int32", 0}},
         {{"a", "int32", 0}, {"c", "string", 0}},
         "'c' added (string); 'b' removed (string)"},
        {{{"a", "int32", 0}}, {{"a", "int64", 0}}, "'a' widened from int32 to int64"},
        {{{"a", "int64", 0}}, {{"a", "int32", 0}}, "'a' narrowed from int64 to int32"},
        {{{"a", "decimal(10,2)", 0}},
         {{"a", "decimal(12,4)", 0}},
         "'a' widened from decimal(10,2) to decimal(12,4)"},
        {{{"a", "decimal(10,2)", 0}},
         {{"a", "decimal(10,4)", 0}},
         "'a' changed from decimal(10,2) to decimal(10,4)"},
        {{{"a", "enum", 0}}, {{"a", "string", 0}}, "'a' widened from enum to string"},
        {{{"a", "list<int32>", 0}}, {{"a", "list<int64>", 0}}, "'a' widened from list<int32> to list<int64>"},
        {{{"a", "timestamp", 0}}, {{"a", "timestamp_tz", 0}}, "'a' changed from timestamp to timestamp_tz"},
        {{{"a", "int32", 1}}, {{"a", "int32", 0}}, "'a' changed from not null to nullable"},
        {{{"a", "int32", 0}},
         {{"a", "int64", 1}},
         "'a' widened from int32 to int64; 'a' changed from nullable to not null"},
        {{{"a", "int32", 0}, {"b", "int32", 0}},
         {{"b", "int32", 0}, {"a", "int32", 0}},
         "the columns stand in another order"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
        rv_field fields[MAX_COLUMNS];
        rv_bytes recorded = RV_BYTES_INIT(4096), text = RV_BYTES_INIT(4096), json = RV_BYTES_INIT(4096);
        const char *recorded_text = NULL, *said = NULL;
        const rv_schema now = {.fields = fields, .n_fields = fill(fields, cases[i].now), .origin = "t"};
        rv_drift drift;
        assert_int_equal(rv_arena_new(&arena, 1 << 20, NULL), RV_OK);
        assert_int_equal(record(cases[i].before, &recorded), RV_OK);
        assert_int_equal(rv_bytes_cstr(&recorded, &recorded_text, NULL), RV_OK);
        assert_int_equal(rv_drift_compare(arena, recorded_text, &now, &drift, NULL), RV_OK);
        assert_int_equal(rv_drift_text(&drift, &text, NULL), RV_OK);
        assert_int_equal(rv_bytes_cstr(&text, &said, NULL), RV_OK);
        assert_string_equal(said, cases[i].text);
        assert_int_equal(rv_drift_json(&drift, &json, NULL), RV_OK);
        rv_bytes_deinit(&recorded);
        rv_bytes_deinit(&text);
        rv_bytes_deinit(&json);
    }
}

static void a_type_holds_another_only_without_loss(void **state)
{
    (void)state;
    static const struct {
        const char *to, *from;
        bool holds;
    } cases[] = {
        {"int64", "int16", true},          {"int16", "int32", false},
        {"int64", "uint64", false},        {"decimal(19,0)", "int64", true},
        {"decimal(18,0)", "int64", false}, {"decimal(21,2)", "int64", true},
        {"decimal(20,0)", "uint64", true}, {"decimal(19,0)", "uint64", false},
        {"float64", "float32", true},      {"float64", "int32", true},
        {"float64", "int64", false},       {"float32", "int16", true},
        {"float32", "int32", false},       {"string", "json", true},
        {"json", "string", false},         {"string", "binary", false},
        {"string", "int32", false},        {"timestamp_ns", "timestamp", false},
        {"timestamp", "date", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(rv_type_holds(type_of(cases[i].to), type_of(cases[i].from)), cases[i].holds);
}

static void without_a_last_run_there_is_no_drift(void **state)
{
    (void)state;
    const rv_schema now = {.n_fields = 0, .origin = "t"};
    rv_drift drift = {.n_changes = 9};
    assert_int_equal(rv_drift_compare(NULL, NULL, &now, &drift, NULL), RV_OK);
    assert_int_equal(drift.n_changes, 0);
}

static void records_that_cannot_be_read_are_an_error(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{}",
        "[1]",
        "[{\"name\":\"a\"}]",
        "[{\"name\":\"a\",\"type\":\"int32\",\"nullable\":1}]",
        "[{\"name\":\"a\",\"type\":\"no type\",\"nullable\":true}]",
        "[{\"name\":\"a\",\"type\":\"list<list<int32>>\",\"nullable\":true}]",
        "[{\"name\":\"a\",\"type\":\"list<\",\"nullable\":true}]",
    };
    rv_field field = {.name = "a", .native_type = "n", .type = {.id = RV_TYPE_INT64}, .nullable = true};
    const rv_schema now = {.fields = &field, .n_fields = 1, .origin = "t"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
        rv_drift drift;
        assert_int_equal(rv_arena_new(&arena, 1 << 20, NULL), RV_OK);
        assert_int_equal(rv_drift_compare(arena, texts[i], &now, &drift, NULL), RV_E_STATE_CORRUPT);
    }
}

static void want_of_memory_is_an_error(void **state)
{
    (void)state;
    rv_field field = {.name = "a", .native_type = "n", .type = {.id = RV_TYPE_INT64}, .nullable = true};
    const rv_schema now = {.fields = &field, .n_fields = 1, .origin = "t"};
    for (int n = 1;; n++) {
        RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
        rv_drift drift = {0};
        rv_bytes json = RV_BYTES_INIT(4096);
        assert_int_equal(rv_arena_new(&arena, 1 << 20, NULL), RV_OK);
        fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
        rv_code rc = rv_drift_compare(arena, "[{\"name\":\"a\",\"type\":\"int32\",\"nullable\":true}]", &now,
                                      &drift, NULL);
        if (rc == RV_OK)
            rc = rv_drift_json(&drift, &json, NULL);
        bool hit = fault_disarm();
        rv_bytes_deinit(&json);
        if (!hit) {
            assert_int_equal(rc, RV_OK);
            return;
        }
        assert_int_not_equal(rc, RV_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_class_of_change_is_told_apart),
        cmocka_unit_test(a_type_holds_another_only_without_loss),
        cmocka_unit_test(without_a_last_run_there_is_no_drift),
        cmocka_unit_test(records_that_cannot_be_read_are_an_error),
        cmocka_unit_test(want_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
