/* Texts of a catalog in a YAML file: the loader reads back what was written, and nothing else. */
#include "plan/internal.h"

#include "unit/config/loading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef rv_code (*put_fn)(rv_bytes *out, const char *text, rv_error *err);

static void assert_put(put_fn put, const char *text, const char *expected)
{
    rv_bytes out = RV_BYTES_INIT(4096);
    const char *got = NULL;
    assert_int_equal(put(&out, text, NULL), RV_OK);
    assert_int_equal(rv_bytes_cstr(&out, &got, NULL), RV_OK);
    assert_string_equal(got, expected);
    rv_bytes_deinit(&out);
}

static void words_stand_as_they_are_and_others_are_quoted(void **state)
{
    (void)state;
    assert_put(rvi_yaml_scalar, "orders_2", "orders_2");
    assert_put(rvi_yaml_scalar, "_x", "_x");
    assert_put(rvi_yaml_scalar, "yes", "\"yes\"");
    assert_put(rvi_yaml_scalar, "Null", "\"Null\"");
    assert_put(rvi_yaml_scalar, "1e5", "\"1e5\"");
    assert_put(rvi_yaml_scalar, "a b", "\"a b\"");
    assert_put(rvi_yaml_scalar, "", "\"\"");
    assert_put(rvi_yaml_scalar, "- x: #", "\"- x: #\"");
}

static void what_is_not_printable_is_escaped(void **state)
{
    (void)state;
    assert_put(rvi_yaml_quoted, "a\"b\\c", "\"a\\\"b\\\\c\"");
    assert_put(rvi_yaml_quoted, "a\nb\t\x1b\x7f", "\"a\\x0ab\\x09\\x1b\\x7f\"");
    assert_put(rvi_yaml_quoted, "\xC2\x85\xC2\x9B", "\"\\x85\\x9b\"");
    assert_put(rvi_yaml_quoted, "\xE2\x80\xA8\xE2\x80\xA9\xEF\xBB\xBF\xEF\xBF\xBF",
               "\"\\u2028\\u2029\\ufeff\\uffff\"");
    assert_put(rvi_yaml_quoted, "\xC3\xA4 \xE6\x97\xA5 \xF0\x9F\x8E\x89",
               "\"\xC3\xA4 \xE6\x97\xA5 \xF0\x9F\x8E\x89\"");
    assert_put(rvi_yaml_quoted, "$ $x ${y} $${z}", "\"$ $x $${y} $$${z}\"");
}

static void a_text_that_is_no_utf8_is_refused(void **state)
{
    (void)state;
    rv_bytes out = RV_BYTES_INIT(64);
    assert_int_equal(rvi_yaml_quoted(&out, "a\xFF", NULL), RV_E_VALUE_ENCODING);
    assert_int_equal(rvi_yaml_scalar(&out, "\xC2", NULL), RV_E_VALUE_ENCODING);
    rv_bytes_deinit(&out);
}

static void a_comment_stays_on_its_line(void **state)
{
    (void)state;
    assert_put(rvi_yaml_comment, "numeric(10,2)", "numeric(10,2)");
    assert_put(rvi_yaml_comment, "evil\n  - name: x\r", "evil?  - name: x?");
    assert_put(rvi_yaml_comment, "\xC2\x85 \xE2\x80\xA8 \xC3\xA4", "? ? \xC3\xA4");
    assert_put(rvi_yaml_comment, "a\xFF\xC3\xA4", "a???");
}

static size_t put_utf8(char *out, uint32_t c)
{
    size_t n = 0;
    if (c < 0x80) {
        out[n++] = (char)c;
    } else if (c < 0x800) {
        out[n++] = (char)(0xC0 | c >> 6);
        out[n++] = (char)(0x80 | (c & 63));
    } else {
        out[n++] = (char)(0xE0 | c >> 12);
        out[n++] = (char)(0x80 | (c >> 6 & 63));
        out[n++] = (char)(0x80 | (c & 63));
    }
    return n;
}

/* Every character of the basic plane, a thousand at a time, through the real loader. */
static void the_loader_reads_every_character_back(void **state)
{
    (void)state;
    static char text[4096], query[4200];
    for (uint32_t first = 1; first < 0x10000; first += 1000) {
        size_t len = 0;
        for (uint32_t c = first; c < first + 1000 && c < 0x10000; c++)
            if (c < 0xD800 || c > 0xDFFF) /* surrogates are no characters */
                len += put_utf8(text + len, c);
        text[len] = '\0';
        rv_bytes yaml = RV_BYTES_INIT((size_t)1 << 16);
        const char *source = NULL;
        loading l;
        (void)snprintf(query, sizeof query, "SELECT '%s'", text);
        assert_int_equal(rv_bytes_append_str(&yaml,
                                             "source: {type: sqlite, path: x.db}\n"
                                             "exports:\n  - name: e\n    format: csv\n    mode: full\n"
                                             "    destination: {type: stdout}\n    query: ",
                                             NULL),
                         RV_OK);
        assert_int_equal(rvi_yaml_quoted(&yaml, query, NULL), RV_OK);
        assert_int_equal(rv_bytes_append_str(&yaml, "\n", NULL), RV_OK);
        assert_int_equal(rv_bytes_cstr(&yaml, &source, NULL), RV_OK);
        loading_run(&l, source);
        if (l.rc != RV_OK)
            loading_print(&l, "not read");
        assert_int_equal(l.rc, RV_OK);
        assert_string_equal(l.config->exports[0].relation.query, query);
        loading_end(&l);
        rv_bytes_deinit(&yaml);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_stand_as_they_are_and_others_are_quoted),
        cmocka_unit_test(what_is_not_printable_is_escaped),
        cmocka_unit_test(a_text_that_is_no_utf8_is_refused),
        cmocka_unit_test(a_comment_stays_on_its_line),
        cmocka_unit_test(the_loader_reads_every_character_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
