#include "rivet/dest.h"

#include "fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const rv_placeholders orders = {.date = "2026-11-21",
                                       .export_name = "shop/orders",
                                       .table = "orders",
                                       .run_id = "orders_20261121T093000.123"};

static rv_code expand(const char *path, const rv_placeholders *values, char *text, size_t size, rv_error *err)
{
    rv_bytes out = RV_BYTES_INIT(size - 1);
    rv_code rc = rv_dest_expand(path, values, &out, err);
    memcpy(text, out.len > 0 ? (const char *)out.data : "", out.len);
    text[out.len] = '\0';
    rv_bytes_deinit(&out);
    return rc;
}

static void every_placeholder_is_replaced(void **state)
{
    (void)state;
    static const struct {
        const char *path, *expanded;
    } cases[] = {
        {"out", "out"},
        {"", ""},
        {"/data/{table}/dt={date}/", "/data/orders/dt=2026-11-21/"},
        {"{run_id}", "orders_20261121T093000.123"},
        {"{date}{date}", "2026-11-212026-11-21"},
        {"a}b", "a}b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        rv_error err = {0};
        assert_int_equal(expand(cases[i].path, &orders, text, sizeof text, &err), RV_OK);
        assert_string_equal(text, cases[i].expanded);
    }
}

static void a_value_cannot_leave_its_folder(void **state)
{
    (void)state;
    static const struct {
        const char *value, *expanded;
    } cases[] = {
        {"../../etc", "x/.._.._etc/y"}, {"..", "x/__/y"},       {".", "x/_/y"},
        {"a\nb\x7F\x01", "x/a_b__/y"},  {"Größe", "x/Größe/y"}, {"{date}", "x/{date}/y"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rv_placeholders values = {.table = cases[i].value};
        char text[256];
        assert_int_equal(expand("x/{table}/y", &values, text, sizeof text, NULL), RV_OK);
        assert_string_equal(text, cases[i].expanded);
    }
}

static void an_unknown_placeholder_is_refused_with_the_nearest_one(void **state)
{
    (void)state;
    char text[256];
    rv_error err = {0};
    assert_int_equal(expand("out/{tabel}", &orders, text, sizeof text, &err), RV_E_CONFIG_VALUE);
    assert_non_null(strstr(err.message, "{tabel}"));
    assert_non_null(strstr(err.hint, "did you mean {table}?"));
    assert_string_equal(text, "");

    static const char *const others[] = {"{}", "{partition}", "{date", "out/{",
                                         ("{a-very-long-name-that-no-"
                                          "placeholder-of-any-version-of-this-program-will-ever-have}")};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_int_equal(expand(others[i], &orders, text, sizeof text, &err), RV_E_CONFIG_VALUE);
}

static void a_placeholder_without_a_value_is_refused(void **state)
{
    (void)state;
    rv_placeholders query = {.date = "2026-11-21", .export_name = "q", .table = NULL, .run_id = "q_1"};
    char text[256];
    rv_error err = {0};
    assert_int_equal(expand("{date}/{table}", &query, text, sizeof text, &err), RV_E_CONFIG_VALUE);
    assert_non_null(strstr(err.hint, "{export}"));
    query.table = "";
    assert_int_equal(expand("{table}", &query, text, sizeof text, &err), RV_E_CONFIG_VALUE);
}

static void running_out_of_memory_leaves_the_output_as_it_was(void **state)
{
    (void)state;
    for (int n = 1;; n++) {
        rv_error err = {0};
        rv_bytes out = RV_BYTES_INIT(1024);
        assert_int_equal(rv_bytes_append_str(&out, "before", &err), RV_OK);
        fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
        rv_code rc =
            rv_dest_expand("{export}/{date}/{run_id}/{export}/{export}/{export}", &orders, &out, &err);
        bool hit = fault_disarm();
        if (rc != RV_OK) {
            assert_int_equal(err.code, RV_E_OUT_OF_MEMORY);
            assert_int_equal(out.len, 6);
        }
        rv_bytes_deinit(&out);
        if (!hit) {
            assert_int_equal(rc, RV_OK);
            break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_placeholder_is_replaced),
        cmocka_unit_test(a_value_cannot_leave_its_folder),
        cmocka_unit_test(an_unknown_placeholder_is_refused_with_the_nearest_one),
        cmocka_unit_test(a_placeholder_without_a_value_is_refused),
        cmocka_unit_test(running_out_of_memory_leaves_the_output_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
