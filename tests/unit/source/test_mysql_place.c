/* Values of keys: from the wire to their texts, and where a scan stands; without a server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "source/mysql/middle.h"
#include "source/mysql/place.h"

enum { TEXT_BYTES = 4096 };

typedef struct text_case {
    rvi_my_key_form form;
    rvi_my_wire wire;
    const char *cell;
    size_t len;
    const char *text; /* NULL: refused */
    const char *why;
} text_case;

static const text_case text_cases[] = {
    {RVI_MY_KEY_NUMBER, RVI_MY_WIRE_INT1, "\x80", 1, "-128", "a sign"},
    {RVI_MY_KEY_NUMBER, RVI_MY_WIRE_UINT1, "\x80", 1, "128", "none"},
    {RVI_MY_KEY_NUMBER, RVI_MY_WIRE_INT2, "\xff\xff", 2, "-1", "two bytes"},
    {RVI_MY_KEY_NUMBER, RVI_MY_WIRE_UINT4, "\xff\xff\xff\xff", 4, "4294967295", "four bytes"},
    {RVI_MY_KEY_NUMBER, RVI_MY_WIRE_INT8, "\0\0\0\0\0\0\0\x80", 8, "-9223372036854775808", "the least"},
    {RVI_MY_KEY_NUMBER, RVI_MY_WIRE_UINT8, "\0\0\0\0\0\0\0\x80", 8, "9223372036854775808", "across 2^63"},
    {RVI_MY_KEY_NUMBER, RVI_MY_WIRE_INT4, "\1\2", 2, NULL, "cut"},
    {RVI_MY_KEY_NUMBER, RVI_MY_WIRE_BIT, "\1\0", 2, "256", "bits, the highest first"},
    {RVI_MY_KEY_NUMBER, RVI_MY_WIRE_BIT, "123456789", 9, NULL, "too many bits"},
    {RVI_MY_KEY_LABEL, RVI_MY_WIRE_UINT8, "\3\0\0\0\0\0\0\0", 8,
     "\x1f"
     "3",
     "a label's number"},
    {RVI_MY_KEY_LABEL, RVI_MY_WIRE_UINT4, "\0\0\0\0", 4,
     "\x1f"
     "0",
     "no label"},
    {RVI_MY_KEY_FLOAT, RVI_MY_WIRE_FLOAT, "\xcd\xcc\xcc\x3d", 4, "0.10000000149011612", "a float as it is"},
    {RVI_MY_KEY_FLOAT, RVI_MY_WIRE_DOUBLE, "\x9a\x99\x99\x99\x99\x99\xb9\x3f", 8, "0.10000000000000001",
     "17 digits"},
    {RVI_MY_KEY_FLOAT, RVI_MY_WIRE_DOUBLE, "\0\0\0\0\0\0\xf8\x7f", 8, NULL, "not a number"},
    {RVI_MY_KEY_FLOAT, RVI_MY_WIRE_FLOAT, "\0", 1, NULL, "a cut float"},
    {RVI_MY_KEY_DATE, RVI_MY_WIRE_DATE, "", 0, "0000-00-00", "no day at all"},
    {RVI_MY_KEY_DATE, RVI_MY_WIRE_DATE, "\xe8\x07\2\0", 4, "2024-02-00", "no day of the month"},
    {RVI_MY_KEY_DATE, RVI_MY_WIRE_DATETIME, "\xe8\x07\2\3", 4, "2024-02-03 00:00:00", "midnight"},
    {RVI_MY_KEY_DATE, RVI_MY_WIRE_DATETIME, "\xe8\x07\2\3\4\5\6\1\0\0\0", 11, "2024-02-03 04:05:06.000001",
     "all of it"},
    {RVI_MY_KEY_INSTANT, RVI_MY_WIRE_DATETIME, "\xe8\x07\2\3\4\5\6", 7, "2024-02-03 04:05:06+00",
     "an instant"},
    {RVI_MY_KEY_DATE, RVI_MY_WIRE_DATETIME, "\xe8\x07\2\3\4", 5, NULL, "a cut time"},
    {RVI_MY_KEY_TIME, RVI_MY_WIRE_TIME, "", 0, "00:00:00", "no time"},
    {RVI_MY_KEY_TIME, RVI_MY_WIRE_TIME, "\1\x22\0\0\0\x16\x3b\x3b", 8, "-838:59:59", "the least time"},
    {RVI_MY_KEY_TIME, RVI_MY_WIRE_TIME, "\1\0\0\0\0\0\0\0\x20\xa1\7\0", 12, "-00:00:00.500000",
     "half a second before"},
    {RVI_MY_KEY_CHARS, RVI_MY_WIRE_BINARY, "a\xe9", 2,
     "\x1f"
     "61e9",
     "another character set"},
    {RVI_MY_KEY_BYTES, RVI_MY_WIRE_BINARY, "\0\x1f", 2,
     "\x1f"
     "001f",
     "bytes"},
    {RVI_MY_KEY_BYTES, RVI_MY_WIRE_BINARY, "", 0, "\x1f", "no bytes"},
    {RVI_MY_KEY_TEXT, RVI_MY_WIRE_TEXT, "::1", 3, "::1", "the server's text"},
    {RVI_MY_KEY_TEXT, RVI_MY_WIRE_TEXT, "\x1f", 1, NULL, "a text that looks like a form of ours"},
    {RVI_MY_KEY_DECIMAL, RVI_MY_WIRE_DECIMAL, "-0.50", 5, "-0.50", "a decimal"},
};

static void a_cell_becomes_a_text_that_tells_it_exactly(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof text_cases / sizeof *text_cases; i++) {
        const text_case *c = &text_cases[i];
        rv_bytes cell = RV_BYTES_INIT(TEXT_BYTES), text = RV_BYTES_INIT(TEXT_BYTES);
        const rvi_my_key_type type = {.form = c->form, .charset = "latin1", .collation = "latin1_bin"};
        const char *got = NULL;
        assert_int_equal(rv_bytes_append(&cell, c->cell, c->len, NULL), RV_OK);
        rv_code rc = rvi_my_key_text(&type, c->wire, &cell, &text, NULL);
        assert_int_equal(rc, c->text != NULL ? RV_OK : RV_E_SOURCE_PROTOCOL);
        assert_int_equal(rv_bytes_cstr(&text, &got, NULL), RV_OK);
        if (c->text != NULL && strcmp(got, c->text) != 0)
            fail_msg("%s: '%s' instead of '%s'", c->why, got, c->text);
        rv_bytes_deinit(&cell);
        rv_bytes_deinit(&text);
    }
}

static void utf8_goes_as_it_is_unless_it_is_none(void **state)
{
    static const rvi_my_key_type type = {
        .form = RVI_MY_KEY_CHARS, .charset = "utf8mb4", .collation = "utf8mb4_bin"};
    static const struct {
        const char *cell, *text;
        size_t len;
    } cases[] = {{"á", "á", 2},
                 {"", "", 0},
                 {"a\0b",
                  "\x1f"
                  "610062",
                  3},
                 {"\x1f"
                  "a",
                  "\x1f"
                  "1f61",
                  2},
                 {"\xff",
                  "\x1f"
                  "ff",
                  1}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rv_bytes cell = RV_BYTES_INIT(TEXT_BYTES), text = RV_BYTES_INIT(TEXT_BYTES);
        const char *got = NULL;
        assert_int_equal(rv_bytes_append(&cell, cases[i].cell, cases[i].len, NULL), RV_OK);
        assert_int_equal(rvi_my_key_text(&type, RVI_MY_WIRE_TEXT, &cell, &text, NULL), RV_OK);
        assert_int_equal(rv_bytes_cstr(&text, &got, NULL), RV_OK);
        assert_string_equal(got, cases[i].text);
        rv_bytes_deinit(&cell);
        rv_bytes_deinit(&text);
    }
}

static void labels_are_counted(void **state)
{
    static const struct {
        const char *native;
        int n;
    } cases[] = {
        {"enum('a')", 1}, {"enum('a','it''s',',')", 3}, {"enum('','''','''''')", 3}, {"set('a','b')", 0}};
    char many[4096] = "enum('x'";
    rv_field field = {.name = "e", .natural = {.id = RV_TYPE_ENUM}};
    rvi_my_type type = {.natural = {.id = RV_TYPE_ENUM}, .wire = RVI_MY_WIRE_TEXT};
    rvi_my_key_type key;
    (void)state;
    rvi_my_set_field_type(&field, &type, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        field.native_type = cases[i].native;
        assert_true(rvi_my_key_type_of(&field, &key));
        assert_int_equal(key.form, RVI_MY_KEY_LABEL);
        assert_int_equal(key.n_labels, cases[i].n);
    }
    size_t len = strlen(many);
    for (int i = 0; i < RVI_MY_MAX_LABELS - 1; i++)
        len += (size_t)snprintf(many + len, sizeof many - len, ",'x'");
    field.native_type = many;
    assert_true(rvi_my_key_type_of(&field, &key));
    assert_int_equal(key.n_labels, RVI_MY_MAX_LABELS);
    (void)snprintf(many + len, sizeof many - len, ",'x'");
    assert_true(rvi_my_key_type_of(&field, &key));
    assert_int_equal(key.n_labels, 0);
}

static void a_place_that_does_not_move_is_an_error(void **state)
{
    rvi_sql_place place;
    rvi_sql_last_key last = {.n = 1, .bytes = {RV_BYTES_INIT(16)}};
    rvi_my_wire wire = RVI_MY_WIRE_UINT1;
    const rvi_my_rows rows = {.base = {.last_key = &last}, .wires = &wire};
    const rvi_my_key_type type = {.form = RVI_MY_KEY_NUMBER};
    rv_key_value value = {0};
    rv_error err = {0};
    (void)state;
    rvi_sql_place_init(&place, RVI_MY_KEY_CELL_BYTES);
    assert_int_equal(rv_bytes_append(&last.bytes[0], "\7", 1, NULL), RV_OK);
    assert_int_equal(rvi_my_place_advance(&place, &rows, &type, &err), RV_OK);
    assert_int_equal(rvi_my_place_advance(&place, &rows, &type, &err), RV_E_SOURCE_UNSUPPORTED);
    assert_int_equal(rvi_sql_place_value(&place, &value, &err), RV_OK);
    assert_int_equal(value.n, 1);
    assert_string_equal(value.cells[0], "7");
    rv_bytes_deinit(&last.bytes[0]);
    rvi_sql_place_deinit(&place);
}

/* ---- middles ---- */

static void what_lies_on_a_line_ascends_with_its_places(void **state)
{
    static const struct {
        rvi_my_key_form form;
        const char *values[4];
    } cases[] = {
        {RVI_MY_KEY_NUMBER, {"-9223372036854775808", "-1", "0", "9223372036854775807"}},
        {RVI_MY_KEY_NUMBER, {"0", "1", "9223372036854775808", "18446744073709551615"}},
        {RVI_MY_KEY_DATE, {"1000-01-01", "1969-12-31", "1970-01-01", "9999-12-31"}},
        {RVI_MY_KEY_DATE,
         {"1000-01-01 00:00:00", "1969-12-31 23:59:59.999999", "1970-01-01 00:00:00.000001",
          "9999-12-31 23:59:59"}},
        {RVI_MY_KEY_INSTANT,
         {"1970-01-01 00:00:01+00", "1999-01-01 00:00:00+00", "2024-03-31 01:00:00.5+00",
          "2038-01-19 03:14:07+00"}},
        {RVI_MY_KEY_LABEL,
         {"\x1f"
          "0",
          "\x1f"
          "1",
          "\x1f"
          "9",
          "\x1f"
          "10"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const rvi_my_key_type type = {.form = cases[i].form};
        rvi_my_scale scale;
        uint64_t before = 0, at = 0, again = 0;
        assert_true(rvi_my_scale_of(&type, cases[i].values[0], cases[i].values[3], &scale));
        for (int v = 0; v < 4; v++) {
            char text[RVI_MY_MIDDLE_BYTES];
            assert_true(rvi_my_scale_read(scale, cases[i].values[v], &at));
            assert_true(v == 0 || at > before);
            rvi_my_scale_text(scale, at, text);
            assert_true(rvi_my_scale_read(scale, text, &again));
            assert_true(again == at);
            before = at;
        }
    }
}

static void days_and_months_of_zero_come_before_the_first(void **state)
{
    uint64_t none = 0, partial = 0, first = 0;
    (void)state;
    assert_true(rvi_my_scale_read(RVI_MY_SCALE_DAYS, "0000-00-00", &none));
    assert_true(rvi_my_scale_read(RVI_MY_SCALE_DAYS, "2024-02-00", &partial));
    assert_true(rvi_my_scale_read(RVI_MY_SCALE_DAYS, "2024-02-02", &first));
    assert_true(none < partial && partial < first);
    assert_false(rvi_my_scale_read(RVI_MY_SCALE_DAYS, "2024-02-31", &first));
}

static void guesses_lie_between(void **state)
{
    static const rvi_my_key_type utf8 = {
        .form = RVI_MY_KEY_CHARS, .charset = "utf8mb4", .collation = "utf8mb4_bin"};
    static const rvi_my_key_type words = {
        .form = RVI_MY_KEY_CHARS, .charset = "latin1", .collation = "latin1_swedish_ci"};
    static const rvi_my_key_type raw = {.form = RVI_MY_KEY_BYTES}, uuid = {.form = RVI_MY_KEY_TEXT};
    static const rvi_my_key_type wide = {
        .form = RVI_MY_KEY_CHARS, .charset = "utf16", .collation = "utf16_bin"};
    static const rvi_my_key_type decimal = {.form = RVI_MY_KEY_DECIMAL};
    char out[RVI_MY_MIDDLE_BYTES];
    (void)state;
    assert_true(rvi_my_guess(&raw,
                             "\x1f"
                             "00",
                             "\x1f"
                             "ff",
                             0.5, out));
    assert_string_equal(out, "\x1f"
                             "7f8000000000");
    assert_true(rvi_my_guess(&raw,
                             "\x1f"
                             "aa00",
                             "\x1f"
                             "aa10",
                             0.5, out));
    assert_string_equal(out, "\x1f"
                             "aa080000000000");
    assert_false(rvi_my_guess(&raw,
                              "\x1f"
                              "aa",
                              "\x1f"
                              "aa",
                              0.5, out));
    assert_true(rvi_my_guess(&utf8, "order-1", "order-3", 0.5, out));
    assert_memory_equal(out,
                        "\x1f"
                        "6f726465722d32",
                        15); /* order-2 */
    assert_true(rvi_my_guess(&words,
                             "\x1f"
                             "41",
                             "\x1f"
                             "7a",
                             0.5, out)); /* A to z: between m and n */
    assert_memory_equal(out,
                        "\x1f"
                        "6d",
                        3);
    assert_false(rvi_my_guess(&wide,
                              "\x1f"
                              "0041",
                              "\x1f"
                              "0043",
                              0.5, out));
    assert_true(rvi_my_guess(&decimal, "-1.00", "2.00", 0.5, out));
    assert_string_equal(out, "0.50");
    assert_true(rvi_my_guess(&uuid, "ffffffff-ffff-4fff-8000-000000000000",
                             "00000000-0000-4000-8000-800000000000", 0.5, out));
    assert_string_equal(out, "00000000-0000-4000-8000-400000000000"); /* the last group counts first */
    assert_true(rvi_my_guess(&uuid, "01900000-0000-7000-8000-000000000000",
                             "01920000-0000-7fff-bfff-ffffffffffff", 0.5, out));
    assert_string_equal(out, "01910000-0000-7700-8000-000000000000"); /* as written */
    assert_false(rvi_my_guess(&uuid, "::1", "::2", 0.5, out));
}

/* On the heap, where a sanitizer sees a byte too many. */
static void what_is_no_uuid_is_not_read_beyond_its_end(void **state)
{
    static const rvi_my_key_type uuid = {.form = RVI_MY_KEY_TEXT};
    static const char *const texts[] = {
        "-00-00-00-00-0000000000000000000000-",
        "------------------------------------",
        "000000000000000000000000000000000000",
        "00000000-0000-4000-8000-00000000000-",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char out[RVI_MY_MIDDLE_BYTES], *text = strdup(texts[i]);
        assert_non_null(text);
        assert_int_equal(strlen(text), 36);
        (void)rvi_my_guess(&uuid, text, text, 0.5, out);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cell_becomes_a_text_that_tells_it_exactly),
        cmocka_unit_test(utf8_goes_as_it_is_unless_it_is_none),
        cmocka_unit_test(labels_are_counted),
        cmocka_unit_test(a_place_that_does_not_move_is_an_error),
        cmocka_unit_test(what_lies_on_a_line_ascends_with_its_places),
        cmocka_unit_test(days_and_months_of_zero_come_before_the_first),
        cmocka_unit_test(guesses_lie_between),
        cmocka_unit_test(what_is_no_uuid_is_not_read_beyond_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
