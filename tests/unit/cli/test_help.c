/* Help, man page, reference page and completions are made from one table: whatever is in it stands in all of them. */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What `print` writes; free() it. */
static char *written_by(void (*print)(FILE *out))
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    print(out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void assert_says(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        print_message("missing: %s\n", part);
    assert_non_null(strstr(text, part));
}

static void every_command_and_option_is_in_help_and_reference(void **state)
{
    (void)state;
    char *program = written_by(rvi_help_program), *reference = written_by(rvi_help_markdown);
    for (int i = 0; i < rvi_n_commands; i++) {
        const rvi_command *command = &rvi_commands[i];
        char *help = NULL, form[64];
        size_t len = 0;
        FILE *out = open_memstream(&help, &len);
        assert_non_null(out);
        rvi_help_command(out, command);
        assert_int_equal(fclose(out), 0);
        assert_says(program, command->summary);
        assert_says(reference, command->description);
        assert_true(command->n_options <= RVI_MAX_OPTIONS);
        for (int o = 0; o < command->n_options; o++) {
            (void)snprintf(form, sizeof form, "--%s", command->options[o].name);
            assert_says(help, form);
            assert_says(help, command->options[o].help);
            assert_says(reference, form);
        }
        free(help);
    }
    free(program);
    free(reference);
}

static void the_man_page_holds_no_stray_request(void **state)
{
    (void)state;
    static const char *const requests[] = {".TH ", ".SH ", ".SS ", ".TP", ".B ", ".I ", ".PP", ".nf", ".fi"};
    char *man = written_by(rvi_help_man);
    for (const char *line = man; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        line += *line == '\n';
        bool known = *line != '.' && *line != '\'';
        for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++)
            known |= strncmp(line, requests[i], strlen(requests[i])) == 0;
        assert_true(known);
    }
    free(man);
}

static void every_error_is_in_the_list(void **state)
{
    (void)state;
    char *errors = written_by(rvi_errors_markdown);
    assert_says(errors, "`RIVET_OUT_OF_MEMORY`");
    assert_says(errors, "`RIVET_MANIFEST_INVALID`");
    free(errors);
}

static void complete_for(const char *shell, char **text)
{
    size_t len = 0;
    FILE *out = open_memstream(text, &len);
    assert_non_null(out);
    assert_true(rvi_completion(out, shell));
    assert_int_equal(fclose(out), 0);
}

static void completions_know_every_command_and_option(void **state)
{
    (void)state;
    static const char *const shells[] = {"bash", "zsh", "fish"};
    for (size_t s = 0; s < 3; s++) {
        char *text = NULL;
        complete_for(shells[s], &text);
        for (int i = 0; i < rvi_n_commands; i++) {
            assert_says(text, rvi_commands[i].name);
            for (int o = 0; o < rvi_commands[i].n_options; o++)
                assert_says(text, rvi_commands[i].options[o].name);
        }
        free(text);
    }
    assert_false(rvi_completion(stdout, "tcsh"));
}

/* What the completions write without quotes must need none. */
static void names_are_words_in_every_shell(void **state)
{
    (void)state;
    static const char word[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    for (int i = 0; i < rvi_n_commands; i++) {
        const rvi_command *command = &rvi_commands[i];
        assert_int_equal(strspn(command->name, word), strlen(command->name));
        for (int o = 0; o < command->n_options; o++)
            assert_int_equal(strspn(command->options[o].name, word), strlen(command->options[o].name));
        if (command->operand_choices != NULL)
            assert_int_equal(strcspn(command->operand_choices, " '\"$\\"), strlen(command->operand_choices));
    }
}

/* A letter, or a name, that a command shares with a global option would never reach the global one. */
static void no_option_hides_another(void **state)
{
    (void)state;
    for (int i = 0; i < rvi_n_commands; i++)
        for (int o = 0; o < rvi_commands[i].n_options; o++) {
            const rvi_option *option = &rvi_commands[i].options[o];
            for (int g = 0; g < rvi_n_global_options; g++) {
                assert_string_not_equal(option->name, rvi_global_options[g].name);
                assert_true(option->letter == 0 || option->letter != rvi_global_options[g].letter);
            }
            for (int k = 0; k < o; k++) {
                assert_string_not_equal(option->name, rvi_commands[i].options[k].name);
                assert_true(option->letter == 0 || option->letter != rvi_commands[i].options[k].letter);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_and_option_is_in_help_and_reference),
        cmocka_unit_test(the_man_page_holds_no_stray_request),
        cmocka_unit_test(every_error_is_in_the_list),
        cmocka_unit_test(completions_know_every_command_and_option),
        cmocka_unit_test(names_are_words_in_every_shell),
        cmocka_unit_test(no_option_hides_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
