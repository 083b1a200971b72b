#include "loading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct tree {
    rv_arena *arena;
    rv_findings findings;
    rvi_report report;
    rvi_node *root;
    rv_code rc;
} tree;

static void tree_parse_bytes(tree *t, const char *text, size_t len)
{
    *t = (tree){.rc = RV_OK};
    t->report.findings = &t->findings;
    assert_int_equal(rv_arena_new(&t->arena, RVI_TREE_MAX_BYTES, NULL), RV_OK);
    t->rc = rvi_tree_parse(t->arena, text, len, &t->report, &t->root, NULL);
}

static void tree_parse(tree *t, const char *text)
{
    tree_parse_bytes(t, text, strlen(text));
}

static void tree_end(tree *t)
{
    rv_findings_free(&t->findings);
    rv_arena_free(t->arena);
}

static void every_node_knows_the_place_of_its_value_and_of_its_key(void **state)
{
    (void)state;
    tree t;
    tree_parse(&t, "# comment\nsource:\n  größe: [a, {b: c}]\n  empty:\n");
    assert_int_equal(t.rc, RV_OK);
    const rvi_node *source = t.root->items[0];
    assert_string_equal(source->name, "source");
    assert_int_equal(source->key_line, 2);
    assert_int_equal(source->key_column, 1);
    assert_int_equal(source->line, 3);
    assert_int_equal(source->column, 3);
    const rvi_node *list = source->items[0];
    assert_int_equal(list->kind, RVI_NODE_LIST);
    assert_int_equal(list->column, 10); /* in characters: ö and ß are one each */
    assert_int_equal(list->items[1]->items[0]->column, 18);
    assert_string_equal(list->items[1]->items[0]->text, "c");
    assert_ptr_equal(list->items[1]->parent, list);
    const rvi_node *empty = source->items[1];
    assert_true(rvi_is_null(empty));
    assert_int_equal(empty->line, 4);
    assert_int_equal(empty->column, 3);
    tree_end(&t);
}

static void quotes_make_a_text_of_what_would_be_null(void **state)
{
    (void)state;
    static const char *const nulls[] = {"~", "null", "Null", "NULL", ""};
    for (size_t i = 0; i < sizeof nulls / sizeof nulls[0]; i++) {
        char text[64];
        tree t;
        snprintf(text, sizeof text, "k: %s\n", nulls[i]);
        tree_parse(&t, text);
        assert_true(rvi_is_null(t.root->items[0]));
        tree_end(&t);
        snprintf(text, sizeof text, "k: '%s'\n", nulls[i]);
        tree_parse(&t, text);
        assert_false(rvi_is_null(t.root->items[0]));
        assert_string_equal(t.root->items[0]->text, nulls[i]);
        tree_end(&t);
    }
}

static void an_alias_is_a_copy_that_keeps_the_places_of_the_original(void **state)
{
    (void)state;
    tree t;
    tree_parse(&t, "a: &x {k: v}\nb: *x\n");
    assert_int_equal(t.rc, RV_OK);
    const rvi_node *copy = t.root->items[1];
    assert_ptr_not_equal(copy, t.root->items[0]);
    assert_string_equal(copy->name, "b");
    assert_int_equal(copy->key_line, 2);
    assert_int_equal(copy->items[0]->line, 1);
    assert_int_equal(copy->items[0]->column, 11);
    assert_string_equal(copy->items[0]->name, "k");
    assert_string_equal(copy->items[0]->text, "v");
    assert_ptr_not_equal(copy->items[0]->text, t.root->items[0]->items[0]->text);
    tree_end(&t);
}

typedef struct syntax_case {
    const char *why, *text;
    int line, column;
    const char *part; /* of the message */
} syntax_case;

static void what_is_no_single_yaml_document_is_refused_with_its_place(void **state)
{
    (void)state;
    static const syntax_case cases[] = {
        {"open list", "a: [b\n", 2, 1, "closing bracket"},
        {"bad indentation", "a: b\n  c: d\n", 1, 4, "multiline"},
        {"a key indented less than its block", "a:\n  - b: c\n    d: e\n   f: g\n", 4, 4,
         "indented like the others"},
        {"keys of an item below its dash", "a:\n  - b: c\n  d: e\n", 3, 3, "further than the '-'"},
        {"no blank after the colon", "a:\n  - b:c\n    d: e\n", 2, 5, "a blank missing"},
        {"a value that begins with a backtick", "a: `b`\n", 1, 4, "in quotes"},
        {"a value with a colon", "a: select b: c\n", 1, 12, "in quotes"},
        {"a star", "a: *\n", 1, 5, "in quotes"},
        {"an open quote", "a:\n  b: \"c\nd: e\n", 2, 6, "quote not closed"},
        {"tab", "a:\n\t- b\n", 2, 1, "tab"},
        {"variable in a flow list", "a: [${X}]\n", 1, 6, "in quotes"},
        {"two documents", "a: b\n---\nc: d\n", 2, 1, "second document"},
        {"alias without anchor", "a: *x\n", 1, 4, "without an anchor"},
        {"alias to what holds it", "a: &x [*x]\n", 1, 8, "inside the value"},
        {"alias as a key", "a: &x b\n*x : c\n", 2, 1, "key must be"},
        {"list as a key", "? [a]\n: b\n", 1, 3, "key must be"},
        {"tag directive", "%TAG ! tag:x\n---\na: b\n", 1, 1, "directive"},
        {"unknown directive", "%FOO bar\n---\na: b\n", 1, 1, "directive"},
        {"latin-1", "a: caf\xe9\n", 1, 1, "UTF-8"},
        {"latin-1 in the third line", "a: b\nc: d\ne: \xff\n", 3, 1, "UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tree t;
        tree_parse(&t, cases[i].text);
        const rv_finding *found = t.findings.items;
        if (t.rc != RV_E_CONFIG_SYNTAX || t.findings.n != 1 || found->line != cases[i].line ||
            found->column != cases[i].column || !strstr(found->message, cases[i].part))
            fail_msg("%s: %d findings, %d:%d %s", cases[i].why, t.findings.n, found ? found->line : 0,
                     found ? found->column : 0, found ? found->message : "");
        assert_null(t.root);
        tree_end(&t);
    }
}

static void a_nul_byte_is_not_text(void **state)
{
    (void)state;
    tree t;
    tree_parse_bytes(&t, "a: b\0c\n", 7);
    assert_int_equal(t.rc, RV_E_CONFIG_SYNTAX);
    tree_end(&t);
    tree_parse(&t, "a: \"b\\0c\"\n"); /* YAML's escape for it */
    assert_int_equal(t.rc, RV_OK);
    assert_int_equal(t.findings.n, 1);
    assert_true(t.root->items[0]->bad);
    tree_end(&t);
}

static void every_repetition_of_a_key_is_reported_where_it_stands(void **state)
{
    (void)state;
    tree t;
    tree_parse(&t, "a: 1\nb: 2\na: 3\nb: 4\n'a': 5\n");
    assert_int_equal(t.rc, RV_OK);
    rvi_findings_sort(&t.findings);
    assert_int_equal(t.findings.n, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(t.findings.items[i].code, RV_E_CONFIG_DUPLICATE_KEY);
        assert_int_equal(t.findings.items[i].line, 3 + i);
        assert_int_equal(t.findings.items[i].column, 1);
    }
    tree_end(&t);
}

static void a_tag_is_reported(void **state)
{
    (void)state;
    tree t;
    tree_parse(&t, "a: !!binary aGk=\nb: !x {c: d}\n");
    assert_int_equal(t.rc, RV_OK);
    assert_int_equal(t.findings.n, 2);
    assert_int_equal(t.findings.items[1].line, 2);
    tree_end(&t);
}

static void a_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    tree t;
    tree_parse(&t, "\xef\xbb\xbf"
                   "a: b\n");
    assert_int_equal(t.rc, RV_OK);
    assert_string_equal(t.root->items[0]->name, "a");
    assert_int_equal(t.root->items[0]->key_column, 1);
    tree_end(&t);
}

static void nothing_is_an_empty_file(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "\n\n", "# only a comment\n"};
    for (size_t i = 0; i < 3; i++) {
        tree t;
        tree_parse(&t, texts[i]);
        assert_int_equal(t.rc, RV_OK);
        assert_null(t.root);
        tree_end(&t);
    }
}

/* ---- limits -------------------------------------------------------------------------------------------- */

static void expect_refused(const char *text, const char *part)
{
    tree t;
    tree_parse(&t, text);
    assert_int_equal(t.rc, RV_E_CONFIG_SYNTAX);
    assert_int_equal(t.findings.n, 1);
    assert_non_null(strstr(t.findings.items[0].message, part));
    tree_end(&t);
}

static void nesting_has_a_limit_and_reaches_it(void **state)
{
    (void)state;
    char text[2 * RVI_MAX_DEPTH + 8];
    tree t;
    for (int depth = RVI_MAX_DEPTH; depth <= RVI_MAX_DEPTH + 1; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        text[2 * depth] = '\0';
        if (depth > RVI_MAX_DEPTH) {
            expect_refused(text, "nested too deeply");
            break;
        }
        tree_parse(&t, text);
        assert_int_equal(t.rc, RV_OK);
        tree_end(&t);
    }
}

static void aliases_cannot_multiply_without_end(void **state)
{
    (void)state;
    expect_refused("a: &a [x,x,x,x,x,x,x,x]\n"
                   "b: &b [*a,*a,*a,*a,*a,*a,*a,*a]\n"
                   "c: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n"
                   "d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\n"
                   "e: &e [*d,*d,*d,*d,*d,*d,*d,*d]\n"
                   "f: &f [*e,*e,*e,*e,*e,*e,*e,*e]\n",
                   "too many values");
}

static void aliases_cannot_nest_without_end(void **state)
{
    (void)state;
    char text[4096] = "a0: &a0 [x]\n";
    for (int i = 1; i <= RVI_MAX_DEPTH; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "a%d: &a%d [*a%d]\n", i, i, i - 1);
    expect_refused(text, "nested too deeply by aliases");
}

static void anchors_have_a_limit(void **state)
{
    (void)state;
    static char text[(RVI_MAX_ANCHORS + 1) * 16];
    size_t len = 0;
    for (int i = 0; i <= RVI_MAX_ANCHORS; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "- &a%d b\n", i);
    expect_refused(text, "too many anchors");
}

static void a_file_has_a_largest_size(void **state)
{
    (void)state;
    size_t len = (size_t)RVI_FILE_MAX_BYTES + 1;
    char *text = malloc(len + 1);
    assert_non_null(text);
    memset(text, '#', len);
    text[len] = '\0';
    expect_refused(text, "too large");
    free(text);
}

static void a_wiped_tree_holds_no_text(void **state)
{
    (void)state;
    tree t;
    tree_parse(&t, "a: secret\nb: [secret]\n");
    rvi_tree_wipe(t.root);
    assert_memory_equal(t.root->items[0]->text, "\0\0\0\0\0\0", 6);
    assert_memory_equal(t.root->items[1]->items[0]->raw, "\0\0\0\0\0\0", 6);
    tree_end(&t);
    rvi_tree_wipe(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_node_knows_the_place_of_its_value_and_of_its_key),
        cmocka_unit_test(quotes_make_a_text_of_what_would_be_null),
        cmocka_unit_test(an_alias_is_a_copy_that_keeps_the_places_of_the_original),
        cmocka_unit_test(what_is_no_single_yaml_document_is_refused_with_its_place),
        cmocka_unit_test(a_nul_byte_is_not_text),
        cmocka_unit_test(every_repetition_of_a_key_is_reported_where_it_stands),
        cmocka_unit_test(a_tag_is_reported),
        cmocka_unit_test(a_byte_order_mark_is_skipped),
        cmocka_unit_test(nothing_is_an_empty_file),
        cmocka_unit_test(nesting_has_a_limit_and_reaches_it),
        cmocka_unit_test(aliases_cannot_multiply_without_end),
        cmocka_unit_test(aliases_cannot_nest_without_end),
        cmocka_unit_test(anchors_have_a_limit),
        cmocka_unit_test(a_file_has_a_largest_size),
        cmocka_unit_test(a_wiped_tree_holds_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
