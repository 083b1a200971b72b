/* options.c - argv against the table of commands. */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const rvi_option *find_option(const rvi_option *options, int n, const char *name, size_t len,
                                     char letter)
{
    for (int i = 0; i < n; i++) {
        if (name != NULL && strlen(options[i].name) == len && memcmp(options[i].name, name, len) == 0)
            return &options[i];
        if (name == NULL && letter != 0 && options[i].letter == letter)
            return &options[i];
    }
    return NULL;
}

/* `word` is compared up to a '=', which begins the value of an option. */
static const rvi_later_word *find_later(const char *within, const char *word)
{
    size_t len = strcspn(word, "=");
    for (int i = 0; i < rvi_n_later_words; i++) {
        const rvi_later_word *later = &rvi_later_words[i];
        bool same_place = within == NULL || later->within == NULL ? within == later->within
                                                                  : strcmp(within, later->within) == 0;
        if (same_place && strlen(later->word) == len && memcmp(later->word, word, len) == 0)
            return later;
    }
    return NULL;
}

static rv_code not_yet(const rvi_later_word *later, rv_error *err)
{
    rv_fail(err, RV_E_USAGE, "'%s%s%s' is not supported by this version of Rivet",
            later->within != NULL ? later->within : "", later->within != NULL ? " " : "", later->word);
    rv_hint(err, "%s", later->instead);
    return RV_E_USAGE;
}

static rv_code unknown_option(const rvi_command *command, const char *given, rv_error *err)
{
    const rvi_later_word *later = command != NULL ? find_later(command->name, given) : NULL;
    if (later != NULL)
        return not_yet(later, err);
    const char *names[RVI_MAX_OPTIONS + 8] = {0};
    size_t n = 0;
    for (int i = 0; command != NULL && i < command->n_options; i++)
        names[n++] = command->options[i].name;
    for (int i = 0; i < rvi_n_global_options; i++)
        names[n++] = rvi_global_options[i].name;
    const char *near = rv_did_you_mean(given + strspn(given, "-"), names, n);
    rv_fail(err, RV_E_USAGE, "unknown option '%s'", given);
    if (near != NULL)
        rv_hint(err, "did you mean --%s?", near);
    else if (command != NULL)
        rv_hint(err, "see rivet %s%s%s --help", command->group != NULL ? command->group : "",
                command->group != NULL ? " " : "", command->name);
    else
        rv_hint(err, "options of a command stand behind it; see rivet --help");
    return RV_E_USAGE;
}

static bool is_choice(const char *choices, const char *value)
{
    size_t len = strlen(value);
    for (const char *at = choices; at != NULL; at = strchr(at, '|')) {
        at += *at == '|';
        size_t each = strcspn(at, "|");
        if (each == len && memcmp(at, value, len) == 0)
            return true;
    }
    return false;
}

static rv_code set_global(rvi_args *out, const rvi_option *option, const char *value)
{
    if (strcmp(option->name, "help") == 0)
        out->help = true;
    else if (strcmp(option->name, "version") == 0)
        out->version = true;
    else if (strcmp(option->name, "json-errors") == 0)
        out->json_errors = true;
    else
        out->log_level = value;
    return RV_OK;
}

static rv_code set_local(rvi_args *out, const rvi_option *option, const char *value, rv_error *err)
{
    int index = (int)(option - out->command->options);
    int n = out->n_values[index];
    if (n >= RVI_MAX_VALUES)
        return rv_fail(err, RV_E_USAGE, "--%s is given more than %d times", option->name, RVI_MAX_VALUES);
    out->values[index][n] = value;
    out->n_values[index] = n + 1;
    return RV_OK;
}

/* One option at argv[*at]; advances over a separate value. */
static rv_code parse_option(int argc, char **argv, int *at, rvi_args *out, rv_error *err)
{
    const char *given = argv[*at];
    bool is_long = given[1] == '-';
    const char *name = is_long ? given + 2 : NULL;
    size_t len = is_long ? strcspn(name, "=") : 0;
    const char *value = is_long && name[len] == '=' ? name + len + 1 : NULL;
    const rvi_command *command = out->command;
    const rvi_option *option =
        command != NULL ? find_option(command->options, command->n_options, name, len, given[1]) : NULL;
    const rvi_option *global = find_option(rvi_global_options, rvi_n_global_options, name, len, given[1]);
    if (option == NULL && global == NULL)
        return unknown_option(command, given, err);
    const rvi_option *found = option != NULL ? option : global;
    if (!is_long && given[2] != '\0') {
        if (found->value == NULL)
            return rv_fail(err, RV_E_USAGE, "option '-%c' takes no value ('%s')", given[1], given);
        value = given + 2;
    }
    if (found->value == NULL && value != NULL)
        return rv_fail(err, RV_E_USAGE, "--%s takes no value", found->name);
    if (found->value != NULL && value == NULL) {
        if (*at + 1 >= argc)
            return rv_fail(err, RV_E_USAGE, "--%s needs a value: %s", found->name, found->value);
        value = argv[++*at];
    }
    if (value != NULL && found->choices != NULL && !is_choice(found->choices, value))
        return rv_fail(err, RV_E_USAGE, "--%s is one of %s, not '%s'", found->name, found->choices, value);
    return option != NULL ? set_local(out, option, value, err) : set_global(out, global, value);
}

static rv_code unknown_command(const char *group, const char *word, rv_error *err)
{
    const rvi_later_word *later = find_later(group, word);
    if (later != NULL)
        return not_yet(later, err);
    const char *names[RVI_MAX_OPTIONS + 16] = {0};
    size_t n = 0;
    for (int i = 0; i < rvi_n_commands; i++) {
        bool same_group =
            group != NULL && rvi_commands[i].group != NULL && strcmp(group, rvi_commands[i].group) == 0;
        if (group == NULL)
            names[n++] = rvi_commands[i].group != NULL ? rvi_commands[i].group : rvi_commands[i].name;
        else if (same_group)
            names[n++] = rvi_commands[i].name;
    }
    const char *near = rv_did_you_mean(word, names, n);
    rv_fail(err, RV_E_USAGE, "unknown command '%s%s%s'", group != NULL ? group : "", group != NULL ? " " : "",
            word);
    if (near != NULL)
        rv_hint(err, "did you mean '%s'?", near);
    else
        rv_hint(err, "see rivet --help");
    return RV_E_USAGE;
}

/* The command named by argv[*at], and by the word after it when that is a group. */
static rv_code find_command(int argc, char **argv, int *at, rvi_args *out, rv_error *err)
{
    const char *word = argv[*at];
    bool is_group = false;
    for (int i = 0; i < rvi_n_commands; i++) {
        const rvi_command *command = &rvi_commands[i];
        if (command->group == NULL && strcmp(command->name, word) == 0) {
            out->command = command;
            return RV_OK;
        }
        is_group |= command->group != NULL && strcmp(command->group, word) == 0;
    }
    if (!is_group)
        return unknown_command(NULL, word, err);
    if (*at + 1 >= argc || argv[*at + 1][0] == '-') {
        if (out->help)
            return RV_OK;
        if (*at + 1 < argc && (strcmp(argv[*at + 1], "--help") == 0 || strcmp(argv[*at + 1], "-h") == 0))
            return RV_OK; /* the program's help lists the group */
        rv_fail(err, RV_E_USAGE, "'%s' needs a second word", word);
        rv_hint(err, "see rivet --help");
        return RV_E_USAGE;
    }
    const char *second = argv[++*at];
    for (int i = 0; i < rvi_n_commands; i++)
        if (rvi_commands[i].group != NULL && strcmp(rvi_commands[i].group, word) == 0 &&
            strcmp(rvi_commands[i].name, second) == 0) {
            out->command = &rvi_commands[i];
            return RV_OK;
        }
    return unknown_command(word, second, err);
}

static rv_code take_operand(rvi_args *out, const char *word, rv_error *err)
{
    const rvi_command *command = out->command;
    if (command->operand == NULL || out->operand != NULL) {
        rv_fail(err, RV_E_USAGE, "unexpected argument '%s'", word);
        if (find_option(command->options, command->n_options, "config", strlen("config"), 0) != NULL)
            rv_hint(err, "a configuration is named by --config FILE, or -c FILE");
        return RV_E_USAGE;
    }
    if (command->operand_choices != NULL && !is_choice(command->operand_choices, word))
        return rv_fail(err, RV_E_USAGE, "%s is one of %s, not '%s'", command->operand,
                       command->operand_choices, word);
    out->operand = word;
    return RV_OK;
}

static rv_code check_complete(const rvi_args *args, rv_error *err)
{
    const rvi_command *command = args->command;
    if (command == NULL) {
        rv_fail(err, RV_E_USAGE, "no command given");
        rv_hint(err, "see rivet --help");
        return RV_E_USAGE;
    }
    for (int i = 0; i < command->n_options; i++)
        if (command->options[i].required && args->n_values[i] == 0)
            return rv_fail(err, RV_E_USAGE, "--%s %s is required (%s)", command->options[i].name,
                           command->options[i].value, command->options[i].help);
    if (command->operand != NULL && args->operand == NULL)
        return rv_fail(err, RV_E_USAGE, "%s is required: %s", command->operand,
                       command->operand_choices != NULL ? command->operand_choices : command->operand_help);
    return RV_OK;
}

rv_code rvi_options_parse(int argc, char **argv, rvi_args *out, rv_error *err)
{
    bool only_operands = false;
    for (int at = 1; at < argc && strcmp(argv[at], "--") != 0;
         at++) /* it counts for a mistake before it too */
        out->json_errors |= strcmp(argv[at], "--json-errors") == 0;
    for (int at = 1; at < argc; at++) {
        const char *word = argv[at];
        if (!only_operands && strcmp(word, "--") == 0)
            only_operands = true;
        else if (!only_operands && word[0] == '-' && word[1] != '\0')
            RV_TRY(parse_option(argc, argv, &at, out, err));
        else if (out->command == NULL && strcmp(word, "help") == 0)
            out->help = true; /* `rivet help run`, as `rivet run --help` */
        else if (out->command == NULL)
            RV_TRY(find_command(argc, argv, &at, out, err));
        else
            RV_TRY(take_operand(out, word, err));
    }
    return out->help || out->version ? RV_OK : check_complete(out, err);
}

int rvi_option_values(const rvi_args *args, const char *name, const char *const **out)
{
    for (int i = 0; i < args->command->n_options; i++)
        if (strcmp(args->command->options[i].name, name) == 0) {
            if (out != NULL)
                *out = args->values[i];
            return args->n_values[i];
        }
    return 0;
}

const char *rvi_option_value(const rvi_args *args, const char *name)
{
    const char *const *values = NULL;
    int n = rvi_option_values(args, name, &values);
    return n > 0 ? values[n - 1] : NULL;
}

bool rvi_option_given(const rvi_args *args, const char *name)
{
    return rvi_option_values(args, name, NULL) > 0;
}

rv_code rvi_option_int(const rvi_args *args, const char *name, int64_t fallback, int64_t least, int64_t most,
                       int64_t *out, rv_error *err)
{
    const char *text = rvi_option_value(args, name);
    *out = fallback;
    if (text == NULL)
        return RV_OK;
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < least || value > most)
        return rv_fail(err, RV_E_USAGE, "--%s is a number from %lld to %lld, not '%s'", name,
                       (long long)least, (long long)most, text);
    *out = value;
    return RV_OK;
}

void rvi_hide_argument(const char *value)
{
    if (value != NULL)
        memset((char *)value, '*', strlen(value)); /* argv is ours to write (C17, 5.1.2.2.1) */
}
