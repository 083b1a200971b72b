/* help.c - help, man page and reference pages, all from the table of commands. */
#include "cli.h"

#include <string.h>

enum { HELP_COLUMN = 30 };

static void command_name(char *out, size_t size, const rvi_command *command)
{
    (void)snprintf(out, size, "%s%s%s", command->group != NULL ? command->group : "",
                   command->group != NULL ? " " : "", command->name);
}

static void option_form(char *out, size_t size, const rvi_option *option)
{
    char letter[8] = "";
    if (option->letter != 0)
        (void)snprintf(letter, sizeof letter, "-%c, ", option->letter);
    (void)snprintf(out, size, "%s--%s%s%s", letter, option->name, option->value != NULL ? " " : "",
                   option->value != NULL ? option->value : "");
}

static void print_options(FILE *out, const rvi_option *options, int n)
{
    for (int i = 0; i < n; i++) {
        char form[80];
        option_form(form, sizeof form, &options[i]);
        fprintf(out, "  %-*s %s", HELP_COLUMN, form, options[i].help);
        if (options[i].choices != NULL)
            fprintf(out, " [%s]", options[i].choices);
        fputs(options[i].required ? " (required)\n" : "\n", out);
    }
}

static void print_usage(FILE *out, const rvi_command *command)
{
    char name[64];
    command_name(name, sizeof name, command);
    fprintf(out, "rivet %s", name);
    for (int i = 0; i < command->n_options; i++)
        if (command->options[i].required)
            fprintf(out, " --%s %s", command->options[i].name, command->options[i].value);
    if (command->n_options > 0)
        fputs(" [options]", out);
    if (command->operand != NULL)
        fprintf(out, " %s", command->operand);
}

void rvi_help_program(FILE *out)
{
    fprintf(out, "rivet %s: extract databases into Parquet and CSV, gently and exactly\n\n", RIVET_VERSION);
    fputs("Usage: rivet COMMAND [options]\n\nCommands:\n", out);
    for (int i = 0; i < rvi_n_commands; i++) {
        char name[64];
        command_name(name, sizeof name, &rvi_commands[i]);
        fprintf(out, "  %-16s %s\n", name, rvi_commands[i].summary);
    }
    fputs("\nOptions of every command:\n", out);
    print_options(out, rvi_global_options, rvi_n_global_options);
    fputs("\n'rivet COMMAND --help' tells more about one command.\n", out);
}

static void print_examples(FILE *out, const char *lines)
{
    fputs("\nExamples:\n", out);
    for (size_t len; *lines != '\0'; lines += len + (lines[len] == '\n')) {
        len = strcspn(lines, "\n");
        fprintf(out, "  %.*s\n", (int)len, lines);
    }
}

void rvi_help_command(FILE *out, const rvi_command *command)
{
    fprintf(out, "%s\n\nUsage: ", command->summary);
    print_usage(out, command);
    fprintf(out, "\n\n%s\n", command->description);
    if (command->operand_choices != NULL)
        fprintf(out, "\n%s is one of: %s\n", command->operand, command->operand_choices);
    else if (command->operand != NULL)
        fprintf(out, "\n%s is %s\n", command->operand, command->operand_help);
    if (command->n_options > 0) {
        fputs("\nOptions:\n", out);
        print_options(out, command->options, command->n_options);
    }
    fputs("\nOptions of every command:\n", out);
    print_options(out, rvi_global_options, rvi_n_global_options);
    if (command->examples != NULL)
        print_examples(out, command->examples);
}

/* The meaning of the exit status, once, for man page and reference. */
static const struct {
    int status;
    const char *meaning;
} exit_meanings[] = {
    {RV_EXIT_OK, "everything promised was done"},
    {RV_EXIT_FAILED, "failed for good: configuration, credentials, missing table, refused value"},
    {RV_EXIT_USAGE, "wrong use of the command line"},
    {RV_EXIT_INTEGRITY, "data integrity: manifest, counts, validation"},
    {RV_EXIT_DRIFT, "the schema changed where that is refused"},
    {RV_EXIT_TRANSIENT, "transient: try again later"},
    {RV_EXIT_INTERRUPTED, "interrupted by SIGINT (130) or SIGTERM (143); the next run takes over"},
};

/* roff: a leading dot or quote would be a request, a backslash an escape, a dash a hyphen. */
static void man_text(FILE *out, const char *text)
{
    bool at_start = true;
    for (; *text != '\0'; text++) {
        if (at_start && (*text == '.' || *text == '\''))
            fputs("\\&", out);
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else
            fputc(*text, out);
        at_start = *text == '\n';
    }
}

static void man_options(FILE *out, const rvi_option *options, int n)
{
    for (int i = 0; i < n; i++) {
        char form[80];
        option_form(form, sizeof form, &options[i]);
        fputs(".TP\n.B ", out);
        man_text(out, form);
        fputc('\n', out);
        man_text(out, options[i].help);
        if (options[i].choices != NULL) {
            fputs("; one of ", out);
            man_text(out, options[i].choices);
        }
        fputs(options[i].required ? ". Required.\n" : ".\n", out);
    }
}

void rvi_help_man(FILE *out)
{
    fprintf(out, ".TH RIVET 1 \"\" \"rivet %s\" \"User Commands\"\n", RIVET_VERSION);
    fputs(".SH NAME\nrivet \\- extract databases into Parquet and CSV, gently and exactly\n", out);
    fputs(".SH SYNOPSIS\n.B rivet\n.I COMMAND\n[options]\n.SH COMMANDS\n", out);
    for (int i = 0; i < rvi_n_commands; i++) {
        const rvi_command *command = &rvi_commands[i];
        char name[64];
        command_name(name, sizeof name, command);
        fprintf(out, ".SS rivet %s%s%s\n", name, command->operand != NULL ? " " : "",
                command->operand != NULL ? command->operand : "");
        man_text(out, command->description);
        fputc('\n', out);
        man_options(out, command->options, command->n_options);
        if (command->examples != NULL) {
            fputs(".PP\nExamples:\n.nf\n", out);
            man_text(out, command->examples);
            fputs("\n.fi\n", out);
        }
    }
    fputs(".SH OPTIONS OF EVERY COMMAND\n", out);
    man_options(out, rvi_global_options, rvi_n_global_options);
    fputs(".SH EXIT STATUS\n", out);
    for (size_t i = 0; i < sizeof exit_meanings / sizeof exit_meanings[0]; i++)
        fprintf(out, ".TP\n.B %d\n%s\n", exit_meanings[i].status, exit_meanings[i].meaning);
}

void rvi_help_markdown(FILE *out)
{
    fputs("# Command line\n\nThis page is made from the table that the program reads; do not edit it.\n",
          out);
    for (int i = 0; i < rvi_n_commands; i++) {
        const rvi_command *command = &rvi_commands[i];
        char name[64];
        command_name(name, sizeof name, command);
        fprintf(out, "\n## rivet %s\n\n%s.\n\n```text\n", name, command->summary);
        print_usage(out, command);
        fprintf(out, "\n```\n\n%s\n", command->description);
        if (command->n_options > 0) {
            fputs("\n```text\n", out);
            print_options(out, command->options, command->n_options);
            fputs("```\n", out);
        }
        if (command->examples != NULL)
            fprintf(out, "\n```sh\n%s\n```\n", command->examples);
    }
    fputs("\n## Options of every command\n\n```text\n", out);
    print_options(out, rvi_global_options, rvi_n_global_options);
    fputs("```\n\n## Exit status\n\n| Status | Meaning |\n|---|---|\n", out);
    for (size_t i = 0; i < sizeof exit_meanings / sizeof exit_meanings[0]; i++)
        fprintf(out, "| %d | %s |\n", exit_meanings[i].status, exit_meanings[i].meaning);
}

void rvi_errors_markdown(FILE *out)
{
    static const rv_code codes[] = {
#define RV_ERROR(symbol, number, exit_class, retry, title) RV_E_##symbol,
#include "rivet/error.def"
#undef RV_ERROR
    };
    fputs("# Errors\n\nThis page is made from the list that the program reads; do not edit it. Names and "
          "numbers are\n"
          "stable: scripts and alerts may match on them.\n\n| Code | Number | Exit status | Meaning "
          "|\n|---|---|---|---|\n",
          out);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        fprintf(out, "| `%s` | %d | %d | %s |\n", rv_code_name(codes[i]), (int)codes[i],
                (int)rv_code_exit(codes[i]), rv_code_title(codes[i]));
}
