/* Command lines against the table of commands. */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_WORDS = 160 };

typedef struct parsed {
    rv_code rc;
    rvi_args args;
    rv_error err;
} parsed;

static parsed parse(const char *const *words)
{
    char *argv[MAX_WORDS + 1] = {(char *)"rivet"};
    int argc = 1;
    parsed p = {0};
    for (; words[argc - 1] != NULL; argc++)
        argv[argc] = (char *)words[argc - 1];
    p.rc = rvi_options_parse(argc, argv, &p.args, &p.err);
    return p;
}
#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void a_value_may_stand_in_all_the_usual_ways(void **state)
{
    (void)state;
    const parsed forms[] = {PARSE("run", "-c", "f.yaml"), PARSE("run", "-cf.yaml"),
                            PARSE("run", "--config", "f.yaml"), PARSE("run", "--config=f.yaml"),
                            PARSE("--log-level", "debug", "run", "-c", "f.yaml")};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        assert_int_equal(forms[i].rc, RV_OK);
        assert_string_equal(forms[i].args.command->name, "run");
        assert_string_equal(rvi_option_value(&forms[i].args, "config"), "f.yaml");
    }
}

static void repeated_options_keep_their_order_and_the_last_one_counts(void **state)
{
    (void)state;
    const parsed p = PARSE("run", "-c", "a", "-e", "x", "--export=y", "-ez", "-c", "b");
    const char *const *names = NULL;
    assert_int_equal(p.rc, RV_OK);
    assert_int_equal(rvi_option_values(&p.args, "export", &names), 3);
    assert_string_equal(names[0], "x");
    assert_string_equal(names[1], "y");
    assert_string_equal(names[2], "z");
    assert_string_equal(rvi_option_value(&p.args, "config"), "b");
    assert_false(rvi_option_given(&p.args, "json"));
}

static void a_group_takes_a_second_word(void **state)
{
    (void)state;
    const parsed p = PARSE("state", "files", "-c", "f", "-l", "7");
    int64_t limit = 0;
    assert_int_equal(p.rc, RV_OK);
    assert_string_equal(p.args.command->group, "state");
    assert_string_equal(p.args.command->name, "files");
    assert_int_equal(rvi_option_int(&p.args, "limit", 50, 1, 100, &limit, NULL), RV_OK);
    assert_int_equal(limit, 7);
    assert_int_equal(PARSE("state").rc, RV_E_USAGE);
    assert_int_equal(PARSE("state", "--json").rc, RV_E_USAGE);
    assert_true(PARSE("state", "--help").args.help);
    assert_string_equal(PARSE("state", "fils").err.hint, "did you mean 'files'?");
}

static void mistakes_are_named_with_what_was_meant(void **state)
{
    (void)state;
    static const struct {
        const char *words[8];
        const char *message, *hint;
    } cases[] = {
        {{"rnu", "-c", "f"}, "unknown command 'rnu'", "did you mean 'run'?"},
        {{"run", "--confg", "f"}, "unknown option '--confg'", "did you mean --config?"},
        {{"run", "-c", "f", "-z"}, "unknown option '-z'", "rivet run --help"},
        {{"run"}, "--config FILE is required", ""},
        {{"run", "-c"}, "--config needs a value: FILE", ""},
        {{"run", "-c", "f", "--json=yes"}, "--json takes no value", ""},
        {{"run", "-c", "f", "extra"}, "unexpected argument 'extra'", ""},
        {{"run", "f"}, "unexpected argument 'f'", "-c FILE"},
        {{"state", "show", "-z"}, "unknown option '-z'", "see rivet state show --help"},
        {{"--log-level", "loud", "run", "-c", "f"}, "--log-level is one of", ""},
        {{"completions"}, "SHELL is required", ""},
        {{"completions", "tcsh"}, "SHELL is one of", ""},
        {{"completions", "bash", "zsh"}, "unexpected argument 'zsh'", ""},
        {{"-c", "f", "run"}, "unknown option '-c'", "stand behind it"},
        {{"-hx"}, "option '-h' takes no value", ""},
        {{"-"}, "unknown command '-'", ""},
        {{"--json-errors"}, "no command given", "rivet --help"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const parsed p = parse(cases[i].words);
        assert_int_equal(p.rc, RV_E_USAGE);
        assert_non_null(strstr(p.err.message, cases[i].message));
        assert_non_null(strstr(p.err.hint, cases[i].hint));
    }
}

static void what_a_later_version_will_have_is_not_taken_for_a_misspelling(void **state)
{
    (void)state;
    static const struct {
        const char *words[6];
        const char *message, *hint;
    } cases[] = {
        {{"check", "-c", "f"}, "'check' is not supported by this version", "rivet doctor"},
        {{"plan"}, "'plan' is not supported by this version", "rivet doctor"},
        {{"validate", "-c", "f"}, "'validate' is not supported by this version", "rivet inspect --verify"},
        {{"run", "-c", "f", "--reconcile"},
         "'run --reconcile' is not supported by this version",
         "--validate"},
        {{"init", "--s3-bucket=b"}, "'init --s3-bucket' is not supported by this version", "local folders"},
        {{"state", "loads"}, "'state loads' is not supported by this version", "manifest.json"},
        {{"doctor", "--reconcile"},
         "unknown option '--reconcile'",
         ""}, /* it never was an option of that one */
        {{"loads"}, "unknown command 'loads'", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const parsed p = parse(cases[i].words);
        assert_int_equal(p.rc, RV_E_USAGE);
        assert_non_null(strstr(p.err.message, cases[i].message));
        assert_non_null(strstr(p.err.hint, cases[i].hint));
    }
}

/* A word that got a command or an option of its own has to leave the list. */
static void nothing_is_both_there_and_for_later(void **state)
{
    (void)state;
    for (int i = 0; i < rvi_n_later_words; i++) {
        const rvi_later_word *later = &rvi_later_words[i];
        const parsed p = later->within != NULL ? PARSE(later->within, later->word) : PARSE(later->word);
        assert_int_equal(p.rc, RV_E_USAGE);
        assert_string_equal(p.err.hint, later->instead);
    }
}

static void help_needs_nothing_else(void **state)
{
    (void)state;
    assert_true(PARSE("--help").args.help);
    assert_true(PARSE("-V").args.version);
    const parsed asked[] = {PARSE("run", "--help"), PARSE("help", "run")};
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        assert_int_equal(asked[i].rc, RV_OK);
        assert_true(asked[i].args.help);
        assert_string_equal(asked[i].args.command->name, "run");
    }
    assert_string_equal(PARSE("help", "state", "show").args.command->name, "show");
    assert_true(PARSE("help").args.help);
    assert_true(PARSE("help", "state").args.help);
    assert_int_equal(PARSE("help", "rnu").rc, RV_E_USAGE);
}

static void after_two_dashes_nothing_is_an_option(void **state)
{
    (void)state;
    const parsed p = PARSE("completions", "--", "bash");
    assert_int_equal(p.rc, RV_OK);
    assert_string_equal(p.args.operand, "bash");
    assert_int_equal(PARSE("completions", "--", "--help").rc, RV_E_USAGE);
}

static void json_errors_holds_for_mistakes_before_it(void **state)
{
    (void)state;
    const parsed p = PARSE("run", "--bogus", "--json-errors");
    assert_int_equal(p.rc, RV_E_USAGE);
    assert_true(p.args.json_errors);
    assert_false(PARSE("run", "--bogus", "--", "--json-errors").args.json_errors);
}

static void options_are_bounded(void **state)
{
    (void)state;
    const char *words[MAX_WORDS + 1] = {"run", "-c", "f"};
    size_t n = 3;
    while (n < 3 + RVI_MAX_VALUES)
        words[n++] = "-ex";
    assert_int_equal(parse(words).rc, RV_OK);
    words[n] = "-ex";
    assert_int_equal(parse(words).rc, RV_E_USAGE);
}

static void numbers_are_whole_and_in_range(void **state)
{
    (void)state;
    static const char *const wrong[] = {"0", "101", "", "x", "7x", "1.5", "99999999999999999999"};
    int64_t limit = 0;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const parsed p = PARSE("metrics", "-c", "f", "-l", wrong[i]);
        assert_int_equal(p.rc, RV_OK);
        assert_int_equal(rvi_option_int(&p.args, "limit", 5, 1, 100, &limit, NULL), RV_E_USAGE);
    }
    const parsed none = PARSE("metrics", "-c", "f");
    assert_int_equal(rvi_option_int(&none.args, "limit", 5, 1, 100, &limit, NULL), RV_OK);
    assert_int_equal(limit, 5);
}

static void a_hidden_argument_keeps_only_its_length(void **state)
{
    (void)state;
    char value[] = "PW=secret";
    rvi_hide_argument(value + 3);
    assert_string_equal(value, "PW=******");
    rvi_hide_argument(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_may_stand_in_all_the_usual_ways),
        cmocka_unit_test(repeated_options_keep_their_order_and_the_last_one_counts),
        cmocka_unit_test(a_group_takes_a_second_word),
        cmocka_unit_test(mistakes_are_named_with_what_was_meant),
        cmocka_unit_test(what_a_later_version_will_have_is_not_taken_for_a_misspelling),
        cmocka_unit_test(nothing_is_both_there_and_for_later),
        cmocka_unit_test(help_needs_nothing_else),
        cmocka_unit_test(after_two_dashes_nothing_is_an_option),
        cmocka_unit_test(json_errors_holds_for_mistakes_before_it),
        cmocka_unit_test(options_are_bounded),
        cmocka_unit_test(numbers_are_whole_and_in_range),
        cmocka_unit_test(a_hidden_argument_keeps_only_its_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
