/* cli/cli.h - argv, terminal, exit codes: the only layer that prints.
 *
 * Commands are rows of one table (commands.c). Parsing, --help, the man page, the reference page and the shell
 * completions are all made from it. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "rivet/bytes.h"
#include "rivet/config.h"
#include "rivet/run.h"

#include <jansson.h>
#include <stdio.h>

enum { RVI_MAX_OPTIONS = 16, RVI_MAX_VALUES = 64 };

typedef struct rvi_option {
    char letter;         /* 0: only the long form */
    const char *name;    /* long form without dashes */
    const char *value;   /* what stands in help for its value; NULL: a flag */
    const char *help;    /* one line, no full stop */
    const char *choices; /* "a|b|c": the only values; NULL: any */
    bool required, repeatable;
    bool is_file; /* completion offers file names */
} rvi_option;

typedef struct rvi_args rvi_args;
typedef struct rvi_cli rvi_cli;

typedef struct rvi_command {
    const char *group, *name; /* "state" "show", or NULL "run" */
    const char *summary;      /* one line, no full stop */
    const char *description;  /* paragraphs for help and man page */
    const rvi_option *options;
    int n_options;
    const char *operand, *operand_choices; /* one required operand, or NULL; no choices: a file's name */
    const char *operand_help;              /* without choices: what it is; one line, no full stop */
    const char *examples;                  /* lines of shell; NULL: none */
    rv_code (*run)(rvi_cli *cli, const rvi_args *args, rv_error *err);
} rvi_command;

/* A command or option of the original that this version does not have, so that it can be refused by what it is and
 * not as a misspelling. Nothing is offered or completed from here. */
typedef struct rvi_later_word {
    const char
        *within;      /* the command of an option, the group of a command; NULL: a command without a group */
    const char *word; /* as it is typed */
    const char *instead; /* what to do meanwhile; one line, no full stop */
} rvi_later_word;

extern const rvi_command rvi_commands[];
extern const int rvi_n_commands;
extern const rvi_later_word rvi_later_words[];
extern const int rvi_n_later_words;
extern const rvi_option rvi_global_options[];
extern const int rvi_n_global_options;

/* A parsed command line. Values are borrowed from argv, in the order given. */
struct rvi_args {
    const rvi_command *command; /* NULL: only global options */
    const char *values[RVI_MAX_OPTIONS][RVI_MAX_VALUES];
    int n_values[RVI_MAX_OPTIONS];
    const char *operand;
    bool help, version, json_errors;
    const char *log_level;
};

rv_code rvi_options_parse(int argc, char **argv, rvi_args *out, rv_error *err) RV_MUST_CHECK; /* USAGE */
const char *rvi_option_value(const rvi_args *args, const char *name); /* the last one given; NULL: none */
bool rvi_option_given(const rvi_args *args, const char *name);
int rvi_option_values(const rvi_args *args, const char *name, const char *const **out);
rv_code rvi_option_int(const rvi_args *args, const char *name, int64_t fallback, int64_t least, int64_t most,
                       int64_t *out, rv_error *err) RV_MUST_CHECK;

/* Blanks a value that came from the command line, where everybody can read it as long as the process runs (proc(5),
 * cmdline). Nobody may need it any more. */
void rvi_hide_argument(const char *value);

/* What commands share. */
struct rvi_cli {
    rv_redactor *redactor;
    rv_cancel *cancel;
    rv_signals *signals; /* NULL until a command asks for them */
    bool json_errors;
    bool reported; /* the failure has been shown already, in full */
    bool terminal; /* stderr is one, and understands escape sequences */
};

/* Load -c FILE with -p K=V. Findings are printed (or put into the JSON error) and counted as reported. */
rv_code rvi_load_config(rvi_cli *cli, const rvi_args *args, rv_config **out, rv_error *err) RV_MUST_CHECK;
/* Only where that file lies, for commands that read the state beside it: they say what happened also when a variable of
 * the configuration is not set here, or the file is being edited. */
rv_code rvi_locate_config(const rvi_args *args, rv_config **out, rv_error *err) RV_MUST_CHECK;
rv_code rvi_open_state(const rv_config *config, rv_state_access access, rv_state **out,
                       rv_error *err) RV_MUST_CHECK;

/* Help and documents. */
void rvi_help_program(FILE *out);
void rvi_help_command(FILE *out, const rvi_command *command);
void rvi_help_man(FILE *out);
void rvi_help_markdown(FILE *out);
void rvi_errors_markdown(FILE *out);
bool rvi_completion(FILE *out, const char *shell); /* false: unknown shell */

/* Failures: the one place that prints them. */
void rvi_render_error(const rvi_cli *cli, const rv_error *err);
void rvi_render_findings(const rvi_cli *cli, const char *file, const rv_findings *findings,
                         const rv_error *err);

/* Texts that somebody else chose, for people: control characters become blanks, in place or into `out`. */
void rvi_text_clean(char *text);
const char *rvi_text_line(char *out, size_t size, const char *text); /* cut to fit; returns `out` */
/* For programs: what is no UTF-8 becomes U+FFFD. NULL: out of memory. */
json_t *rvi_text_json(const char *text);

/* Human units into a caller's buffer; returns it. */
enum { RVI_UNIT_BYTES = 40 };
const char *rvi_text_count(char out[RVI_UNIT_BYTES], int64_t n);            /* 5,000,000 */
const char *rvi_text_bytes(char out[RVI_UNIT_BYTES], uint64_t bytes);       /* 141.2 MB (powers of 1000) */
const char *rvi_text_duration(char out[RVI_UNIT_BYTES], int64_t ms);        /* 850 ms, 4.8 s, 2 m 06 s */
const char *rvi_text_rate(char out[RVI_UNIT_BYTES], int64_t n, int64_t ms); /* 1.04 M/s */
const char *rvi_text_time(char out[RVI_UNIT_BYTES], int64_t wall_us);       /* 2026-11-21 09:30:00 UTC */

/* The end-of-run card of one export, and one line of a several-export run. */
void rvi_card_print(FILE *out, const rv_summary *summary);
void rvi_card_line(FILE *out, const rv_summary *summary);

/* Progress on stderr: one line rewritten on a terminal, a plain line every ten seconds elsewhere. */
#define RVI_CLEAR_LINE "\r\033[K"
typedef struct rvi_progress_line {
    bool terminal, shown;
    int64_t last_plain_us;
} rvi_progress_line;
bool rvi_stderr_is_terminal(void);
void rvi_progress_line_init(rvi_progress_line *line, bool terminal);
void rvi_progress_line_update(void *line, const rv_progress *progress);
void rvi_progress_line_clear(rvi_progress_line *line);
/* The line's text, at most `columns` wide; a plain line has no limit but the buffer's. */
enum { RVI_PROGRESS_BYTES = 512 };
void rvi_progress_compose(char out[RVI_PROGRESS_BYTES], const rv_progress *progress, int columns);

rv_code rvi_cmd_run(rvi_cli *cli, const rvi_args *args, rv_error *err);
rv_code rvi_cmd_init(rvi_cli *cli, const rvi_args *args, rv_error *err);
rv_code rvi_cmd_inspect(rvi_cli *cli, const rvi_args *args, rv_error *err);
rv_code rvi_cmd_doctor(rvi_cli *cli, const rvi_args *args, rv_error *err);
rv_code rvi_cmd_state_show(rvi_cli *cli, const rvi_args *args, rv_error *err);
rv_code rvi_cmd_state_files(rvi_cli *cli, const rvi_args *args, rv_error *err);
rv_code rvi_cmd_state_chunks(rvi_cli *cli, const rvi_args *args, rv_error *err);
rv_code rvi_cmd_state_progression(rvi_cli *cli, const rvi_args *args, rv_error *err);
rv_code rvi_cmd_state_reset(rvi_cli *cli, const rvi_args *args, rv_error *err);
rv_code rvi_cmd_state_reset_chunks(rvi_cli *cli, const rvi_args *args, rv_error *err);
rv_code rvi_cmd_metrics(rvi_cli *cli, const rvi_args *args, rv_error *err);
rv_code rvi_cmd_journal(rvi_cli *cli, const rvi_args *args, rv_error *err);
rv_code rvi_cmd_completions(rvi_cli *cli, const rvi_args *args, rv_error *err);
rv_code rvi_cmd_schema_config(rvi_cli *cli, const rvi_args *args, rv_error *err);

/* A sink over a stdio stream, for the writers of lower layers. */
typedef struct rvi_stdio_sink {
    rv_sink base;
    FILE *to;
} rvi_stdio_sink;
void rvi_stdio_sink_init(rvi_stdio_sink *sink, FILE *to);

#endif
