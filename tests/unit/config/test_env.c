#include "loading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const rv_param params[] = {
    {"TABLE", "first"}, {"N", "99"}, {"TABLE", "orders"}, {"SPACED", " a  b "}, {"NESTED", "${N}"}};
enum { N_PARAMS = sizeof params / sizeof params[0] };

/* The query of an export whose `query:` is `value`, or NULL when the load failed. */
static void run_query(loading *l, const char *value)
{
    char text[1024];
    snprintf(text, sizeof text,
             "source: {url_env: URL}\n"
             "exports:\n"
             "- name: e\n"
             "  query: %s\n"
             "  format: csv\n"
             "  destination: {type: stdout}\n",
             value);
    loading_run_with(l, text, params, N_PARAMS);
}

static void variables_are_replaced_and_everything_else_is_kept(void **state)
{
    (void)state;
    static const struct {
        const char *why, *value, *expected;
    } cases[] = {
        {"nothing to replace", "a", "a"},
        {"the whole value", "${TABLE}", "orders"},
        {"inside a value", "a ${TABLE}/${TABLE} b", "a orders/orders b"},
        {"a parameter beats the environment", "x${N}", "x99"},
        {"the environment", "x ${URL}", "x postgresql://etl@db1:5432/shop"},
        {"empty variables vanish", "a${EMPTY}b", "ab"},
        {"white space of the value stays", "'x${SPACED}x'", "x a  b x"},
        {"what was put in is not expanded again", "a ${NESTED}", "a ${N}"},
        {"a value cannot become YAML", "${YAML}", "x\nformat: csv"},
        {"escape", "a $${N} b", "a ${N} b"},
        {"escape beside a variable", "$${${N}", "${99"},
        {"dollars", "$ $$ $1 $$x$$ a$", "$ $$ $1 $$x$$ a$"},
        {"dollar before a variable's escape", "$$${N}", "$${N}"},
        {"braces", "'{a} }${N}{'", "{a} }99{"},
        {"null is no null when it comes from a variable", "${PW}", "s3cr3t${N}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        loading l;
        run_query(&l, cases[i].value);
        if (l.rc != RV_OK || strcmp(l.config->exports[0].relation.query, cases[i].expected) != 0) {
            loading_print(&l, cases[i].why);
            fail_msg("%s: got '%s'", cases[i].why,
                     l.config ? l.config->exports[0].relation.query : "(failed)");
        }
        loading_end(&l);
    }
}

static void a_value_is_read_as_its_key_wants_it_after_expansion(void **state)
{
    (void)state;
    loading l;
    loading_run_export(&l, "    tuning: {batch_size: \"${N}\"}\n    strict: ${NO}\n");
    assert_int_equal(l.rc, RV_E_CONFIG_UNSET_VARIABLE);
    loading_end(&l);
    loading_run_export(&l, "    tuning: {batch_size: \"${N}\"}\n    mode: ${N}\n");
    assert_int_equal(l.rc, RV_E_CONFIG_VALUE);
    assert_true(loading_mentions(&l, "'${N}' is not allowed")); /* not the variable's value */
    loading_end(&l);
    loading_run_export(&l, "    tuning: {batch_size: \"${N}\"}\n");
    assert_int_equal(l.rc, RV_OK);
    assert_int_equal(l.config->exports[0].tuning.batch_size, 7);
    loading_end(&l);
}

static void comments_and_keys_are_not_expanded(void **state)
{
    (void)state;
    loading l;
    loading_run_export(&l, "    # ${NOT_SET} ${\n    columns: {'${N}': text}\n");
    assert_int_equal(l.rc, RV_OK);
    assert_string_equal(l.config->exports[0].schema.overrides[0].column, "${N}");
    loading_end(&l);
}

static void an_unset_variable_is_reported_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *why, *more;
        rv_code code;
        int line, column;
        const char *part;
    } cases[] = {
        {"unset", "    query: a ${NOT_SET}\n", RV_E_CONFIG_UNSET_VARIABLE, 7, 12,
         "variable 'NOT_SET' is not set"},
        {"no name", "    query: a ${}\n", RV_E_CONFIG_UNSET_VARIABLE, 7, 12, "takes a name alone"},
        {"shell's default", "    query: ${A:-b}\n", RV_E_CONFIG_UNSET_VARIABLE, 7, 12, "takes a name alone"},
        {"not closed", "    query: a ${N\n", RV_E_CONFIG_VALUE, 7, 12, "without a closing '}'"},
        {"in a text of several lines", "    query: |\n      a\n      ${NOT_SET}\n",
         RV_E_CONFIG_UNSET_VARIABLE, 8, 1, "line 2: variable 'NOT_SET'"},
        {"in a list under an unknown key", "    querry: [x, \"a ${NOT_SET}\"]\n", RV_E_CONFIG_INVALID, 7, 17,
         "variable used here is not set"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        loading l;
        bool seen = false;
        loading_run_export(&l, cases[i].more);
        for (int k = 0; k < l.findings.n; k++)
            seen = seen || (l.findings.items[k].line == cases[i].line &&
                            l.findings.items[k].column == cases[i].column &&
                            strstr(l.findings.items[k].message, cases[i].part));
        if (!seen || l.rc != cases[i].code) {
            loading_print(&l, cases[i].why);
            fail_msg("%s", cases[i].why);
        }
        loading_end(&l);
    }
}

static void each_unset_variable_of_a_value_is_named(void **state)
{
    (void)state;
    loading l;
    run_query(&l, "${A1} ${B1} ${C1}");
    assert_int_equal(loading_errors(&l), 3);
    assert_true(loading_mentions(&l, "'A1'") && loading_mentions(&l, "'B1'") && loading_mentions(&l, "'C1'"));
    loading_end(&l);
}

/* A piece of a password that looks like a variable is not repeated. */
static void in_a_secret_only_a_lone_variable_is_named(void **state)
{
    (void)state;
    loading l;
    loading_run_source(&l, "source: {type: postgres, host: h, database: d, password: 'abc${hunter}2'}");
    assert_int_equal(l.rc, RV_E_CONFIG_UNSET_VARIABLE);
    assert_false(loading_mentions(&l, "hunter"));
    loading_end(&l);
    loading_run_source(&l, "source: {type: postgres, host: h, database: d, password: '${DB_PW}'}");
    assert_true(loading_mentions(&l, "'DB_PW'"));
    loading_end(&l);
}

static void an_unused_parameter_is_a_warning_that_names_it_once(void **state)
{
    (void)state;
    static const rv_param given[] = {{"USED", "t"}, {"UNUSED", "1"}};
    loading l;
    loading_run_with(&l,
                     "source: {url_env: URL}\n"
                     "exports: [{name: e, table: \"${USED}\", format: csv, destination: {type: stdout}}]\n",
                     given, 2);
    assert_int_equal(l.rc, RV_OK);
    assert_int_equal(l.findings.n, 1);
    assert_true(l.findings.items[0].warning);
    assert_int_equal(l.findings.items[0].line, 0);
    assert_string_equal(l.findings.items[0].path, "--param");
    assert_true(loading_mentions(&l, "'UNUSED'"));
    loading_end(&l);
}

static void expansion_has_a_ceiling(void **state)
{
    (void)state;
    enum { REPEATED = 40000 }; /* of a value of 30 bytes: more than RVI_EXPANDED_MAX_BYTES */
    size_t size = REPEATED * 6 + 256, len = 0;
    char *text = malloc(size);
    assert_non_null(text);
    len = (size_t)snprintf(text, size, "source: {url_env: URL}\nexports:\n- query: ");
    for (int i = 0; i < REPEATED; i++)
        len += (size_t)snprintf(text + len, size - len, "${URL}");
    snprintf(text + len, size - len, "\n  name: e\n  format: csv\n  destination: {type: stdout}\n");
    loading l;
    loading_run(&l, text);
    assert_int_equal(l.rc, RV_E_CONFIG_VALUE);
    assert_true(loading_mentions(&l, "longer than 1048576 bytes"));
    loading_end(&l);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_are_replaced_and_everything_else_is_kept),
        cmocka_unit_test(a_value_is_read_as_its_key_wants_it_after_expansion),
        cmocka_unit_test(comments_and_keys_are_not_expanded),
        cmocka_unit_test(an_unset_variable_is_reported_with_its_place),
        cmocka_unit_test(each_unset_variable_of_a_value_is_named),
        cmocka_unit_test(in_a_secret_only_a_lone_variable_is_named),
        cmocka_unit_test(an_unused_parameter_is_a_warning_that_names_it_once),
        cmocka_unit_test(expansion_has_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
