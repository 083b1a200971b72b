/* completion.c - shell completions, from the table of commands. Names hold only letters, digits and dashes, so they
 * need no quoting in any of the three shells; help texts are quoted where a shell reads them. */
#include "cli.h"

#include <string.h>

/* Calls `each` once per first word: commands without a group, and groups. */
static void print_first_words(FILE *out, const char *before, const char *after)
{
    for (int i = 0; i < rvi_n_commands; i++) {
        const rvi_command *command = &rvi_commands[i];
        bool repeats = i > 0 && command->group != NULL && rvi_commands[i - 1].group != NULL &&
                       strcmp(command->group, rvi_commands[i - 1].group) == 0;
        if (!repeats)
            fprintf(out, "%s%s%s", before, command->group != NULL ? command->group : command->name, after);
    }
}

static void print_second_words(FILE *out, const char *group)
{
    for (int i = 0; i < rvi_n_commands; i++)
        if (rvi_commands[i].group != NULL && strcmp(rvi_commands[i].group, group) == 0)
            fprintf(out, " %s", rvi_commands[i].name);
}

static void print_long_options(FILE *out, const rvi_command *command)
{
    for (int i = 0; i < command->n_options; i++)
        fprintf(out, " --%s", command->options[i].name);
    for (int i = 0; i < rvi_n_global_options; i++)
        fprintf(out, " --%s", rvi_global_options[i].name);
}

static void print_spaced_choices(FILE *out, const char *choices)
{
    for (; *choices != '\0'; choices++)
        fputc(*choices == '|' ? ' ' : *choices, out);
}

static bool takes_file(const rvi_command *command)
{
    return command->operand != NULL && command->operand_choices == NULL;
}

static void bash_values(FILE *out)
{
    fputs("    case $prev in\n", out);
    fputs("        -c|--config|--source-file|-o|--output|--summary-output) COMPREPLY=($(compgen -f -- "
          "\"$cur\")); return;;\n",
          out);
    fputs("        --log-level) COMPREPLY=($(compgen -W 'error warn info debug' -- \"$cur\")); return;;\n",
          out);
    fputs("    esac\n", out);
}

static void bash_completion(FILE *out)
{
    fputs("# bash completion for rivet\n_rivet() {\n    local cur=${COMP_WORDS[COMP_CWORD]} "
          "prev=${COMP_WORDS[COMP_CWORD-1]}\n",
          out);
    bash_values(out);
    fputs("    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        COMPREPLY=($(compgen -W '", out);
    print_first_words(out, " ", "");
    fputs("' -- \"$cur\"))\n        return\n    fi\n    case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" in\n",
          out);
    for (int i = 0; i < rvi_n_commands; i++) {
        const rvi_command *command = &rvi_commands[i];
        if (command->group != NULL)
            fprintf(out, "        '%s %s') COMPREPLY=($(compgen -W '", command->group, command->name);
        else
            fprintf(out, "        '%s '*) COMPREPLY=($(compgen -W '", command->name);
        if (command->operand_choices != NULL)
            print_spaced_choices(out, command->operand_choices);
        print_long_options(out, command);
        fputs(takes_file(command) ? "' -- \"$cur\") $(compgen -f -- \"$cur\"));;\n" : "' -- \"$cur\"));;\n",
              out);
    }
    for (int i = 0; i < rvi_n_commands; i++) {
        const char *group = rvi_commands[i].group;
        if (group == NULL ||
            (i > 0 && rvi_commands[i - 1].group != NULL && strcmp(rvi_commands[i - 1].group, group) == 0))
            continue;
        fprintf(out, "        '%s '*) COMPREPLY=($(compgen -W '", group);
        print_second_words(out, group);
        fputs("' -- \"$cur\"));;\n", out);
    }
    fputs("    esac\n}\ncomplete -F _rivet rivet\n", out);
}

static void zsh_completion(FILE *out)
{
    fputs("#compdef rivet\n_rivet() {\n    if (( CURRENT == 2 )); then\n        compadd --", out);
    print_first_words(out, " ", "");
    fputs("\n        return\n    fi\n    case ${words[CURRENT-1]} in\n"
          "        -c|--config|--source-file|-o|--output|--summary-output) _files; return;;\n"
          "        --log-level) compadd error warn info debug; return;;\n    esac\n"
          "    case \"${words[2]} ${words[3]}\" in\n",
          out);
    for (int i = 0; i < rvi_n_commands; i++) {
        const rvi_command *command = &rvi_commands[i];
        if (command->group != NULL)
            fprintf(out, "        '%s %s') compadd --", command->group, command->name);
        else
            fprintf(out, "        '%s '*) compadd --", command->name);
        if (command->operand_choices != NULL) {
            fputc(' ', out);
            print_spaced_choices(out, command->operand_choices);
        }
        print_long_options(out, command);
        fputs(takes_file(command) ? "; _files;;\n" : ";;\n", out);
    }
    for (int i = 0; i < rvi_n_commands; i++) {
        const char *group = rvi_commands[i].group;
        if (group == NULL ||
            (i > 0 && rvi_commands[i - 1].group != NULL && strcmp(rvi_commands[i - 1].group, group) == 0))
            continue;
        fprintf(out, "        '%s '*) compadd --", group);
        print_second_words(out, group);
        fputs(";;\n", out);
    }
    fputs("    esac\n}\n_rivet \"$@\"\n", out);
}

/* fish: single quotes; a quote or backslash inside is escaped by a backslash. */
static void fish_quoted(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('\'', out);
}

static void fish_option(FILE *out, const char *condition, const rvi_option *option)
{
    fprintf(out, "complete -c rivet -n '%s' -l %s", condition, option->name);
    if (option->letter != 0)
        fprintf(out, " -s %c", option->letter);
    if (option->value != NULL)
        fputs(option->is_file ? " -r -F" : " -x", out);
    if (option->choices != NULL) {
        fputs(" -a '", out);
        print_spaced_choices(out, option->choices);
        fputc('\'', out);
    }
    fputs(" -d ", out);
    fish_quoted(out, option->help);
    fputc('\n', out);
}

static void fish_completion(FILE *out)
{
    fputs("# fish completion for rivet\ncomplete -c rivet -f\n", out);
    print_first_words(out, "complete -c rivet -n __fish_use_subcommand -a ", "\n");
    for (int i = 0; i < rvi_n_commands; i++) {
        const rvi_command *command = &rvi_commands[i];
        char condition[128];
        if (command->group != NULL) {
            fprintf(out, "complete -c rivet -n '__fish_seen_subcommand_from %s' -a %s -d ", command->group,
                    command->name);
            fish_quoted(out, command->summary);
            fputc('\n', out);
        }
        (void)snprintf(condition, sizeof condition, "__fish_seen_subcommand_from %s%s%s", command->name,
                       command->group != NULL ? "; and __fish_seen_subcommand_from " : "",
                       command->group != NULL ? command->group : "");
        for (int o = 0; o < command->n_options; o++)
            fish_option(out, condition, &command->options[o]);
        if (takes_file(command))
            fprintf(out, "complete -c rivet -n '%s' -F\n", condition);
        if (command->operand_choices != NULL) {
            fprintf(out, "complete -c rivet -n '%s' -a '", condition);
            print_spaced_choices(out, command->operand_choices);
            fputs("'\n", out);
        }
    }
    for (int i = 0; i < rvi_n_global_options; i++)
        fish_option(out, "true", &rvi_global_options[i]);
}

bool rvi_completion(FILE *out, const char *shell)
{
    static const struct {
        const char *shell;
        void (*print)(FILE *out);
    } shells[] = {{"bash", bash_completion}, {"zsh", zsh_completion}, {"fish", fish_completion}};
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++)
        if (strcmp(shells[i].shell, shell) == 0) {
            shells[i].print(out);
            return true;
        }
    return false;
}
