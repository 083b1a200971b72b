/* commands.c - the table of commands. A command or flag that is not here does not exist. */
#include "cli.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

#define OPT_CONFIG                                                                                  \
    {                                                                                               \
        .letter = 'c', .name = "config", .value = "FILE", .help = "the configuration (rivet.yaml)", \
        .required = true, .is_file = true                                                           \
    }
#define OPT_PARAM                                                                               \
    {                                                                                           \
        .letter = 'p', .name = "param", .value = "K=V",                                         \
        .help = "value of ${K} in the configuration; beats the environment", .repeatable = true \
    }
#define OPT_EXPORT(text)                                                 \
    {                                                                    \
        .letter = 'e', .name = "export", .value = "NAME", .help = (text) \
    }
#define OPT_JSON                                                     \
    {                                                                \
        .name = "json", .help = "print the result as JSON on stdout" \
    }
#define OPT_LIMIT                                                                             \
    {                                                                                         \
        .letter = 'l', .name = "limit", .value = "N", .help = "show at most N (newest first)" \
    }

const rvi_option rvi_global_options[] = {
    {.letter = 'h', .name = "help", .help = "show help and exit"},
    {.letter = 'V', .name = "version", .help = "show the version and exit"},
    {.name = "json-errors", .help = "report a failure as one JSON object on stderr"},
    {.name = "log-level",
     .value = "LEVEL",
     .help = "what is logged to stderr (default: warn)",
     .choices = "error|warn|info|debug"},
};
const int rvi_n_global_options = COUNT(rvi_global_options);

static const rvi_option run_options[] = {
    OPT_CONFIG,
    OPT_EXPORT("run only this export; may be given more than once"),
    OPT_PARAM,
    OPT_JSON,
    {.name = "summary-output",
     .value = "FILE",
     .help = "also write the JSON result to FILE, which is empty until then",
     .is_file = true},
    {.name = "validate",
     .help = "read every file back before it is published, and compare it with what was exported"},
    {.name = "resume",
     .help = "go on with the run that was interrupted, or fail rather than give anything of it up"},
    {.name = "force",
     .help = "give up an open run of another configuration; with --resume: begin a new run where a "
             "successful one lies"},
    {.name = "parallel-exports", .help = "run the exports at the same time, within source.max_connections"},
    {.name = "parallel-export-processes",
     .help = "the same as --parallel-exports: threads do what processes did"},
    {.name = "join",
     .value = "RUN_ID",
     .help = "read chunks of a run that another process has begun, until none is left"},
};
static const rvi_option init_options[] = {
    {.name = "source",
     .value = "URL",
     .help = "the source: postgresql://user@host/db, mysql://user@host/db or sqlite:file.db"},
    {.name = "source-env", .value = "VAR", .help = "environment variable that holds the URL"},
    {.name = "source-file", .value = "FILE", .help = "file that holds the URL", .is_file = true},
    {.name = "table", .value = "NAME", .help = "one table, as [schema.]table"},
    {.name = "schema",
     .value = "NAME",
     .help = "every table of this schema (default: the source's default schema)"},
    {.letter = 'o',
     .name = "output",
     .value = "FILE",
     .help = "write the configuration to FILE (never overwritten)",
     .is_file = true},
};
static const rvi_option doctor_options[] = {OPT_CONFIG, OPT_PARAM, OPT_JSON};
static const rvi_option state_show_options[] = {OPT_CONFIG, OPT_PARAM, OPT_JSON};
static const rvi_option state_files_options[] = {OPT_CONFIG, OPT_EXPORT("only files of this export"),
                                                 OPT_LIMIT, OPT_PARAM, OPT_JSON};
static const rvi_option state_chunks_options[] = {
    OPT_CONFIG,
    {.letter = 'e', .name = "export", .value = "NAME", .help = "the export", .required = true},
    {.name = "run-id", .value = "ID", .help = "this run (default: the open one, or the last that succeeded)"},
    OPT_PARAM,
    OPT_JSON};
static const rvi_option state_progression_options[] = {OPT_CONFIG, OPT_EXPORT("only this export"), OPT_PARAM,
                                                       OPT_JSON};
static const rvi_option state_reset_options[] = {
    OPT_CONFIG,
    {.letter = 'e', .name = "export", .value = "NAME", .help = "the export", .required = true},
    OPT_PARAM,
    OPT_JSON};
static const rvi_option state_reset_chunks_options[] = {
    OPT_CONFIG,
    OPT_EXPORT("the export whose open run is given up"),
    {.name = "stuck-checkpoints", .help = "every export of the configuration whose run's process is gone"},
    {.name = "failed", .help = "the same as --stuck-checkpoints"},
    OPT_PARAM,
    OPT_JSON};
static const rvi_option metrics_options[] = {OPT_CONFIG, OPT_EXPORT("only runs of this export"), OPT_LIMIT,
                                             OPT_PARAM, OPT_JSON};
static const rvi_option journal_options[] = {
    OPT_CONFIG, OPT_EXPORT("the export whose runs are shown"),
    OPT_LIMIT,  {.name = "run-id", .value = "ID", .help = "only this run"},
    OPT_PARAM,  OPT_JSON};

static const rvi_option inspect_options[] = {
    {.name = "rows", .value = "N", .help = "show the first N rows (default: 5; at most 1000)"},
    {.name = "verify", .help = "read the whole file and check everything that it says about itself"},
    OPT_JSON};

const rvi_command rvi_commands[] = {
    {.name = "run",
     .summary = "Run exports",
     .description =
         "Runs the exports of a configuration one after the other, or at the same time, and prints a card\n"
         "for each. A failing export does not stop the others; the exit status is that of the most serious\n"
         "failure. A run that was interrupted is taken up by the next one by itself: the files named by the\n"
         "manifest hold every row exactly once.\n\n"
         "With a stdout destination the data goes to stdout and everything else to stderr.",
     .options = run_options,
     .n_options = COUNT(run_options),
     .examples = "rivet run -c rivet.yaml\nrivet run -c rivet.yaml -e orders --json",
     .run = rvi_cmd_run},
    {.name = "init",
     .summary = "Write a configuration from a live source",
     .description =
         "Looks at the source's catalog (never at its rows) and prints a configuration that exports one "
         "table or all\n"
         "tables of a schema to ./out as zstd Parquet. A password in the URL is never written into the file.",
     .options = init_options,
     .n_options = COUNT(init_options),
     .examples = "rivet init --source sqlite:shop.db -o rivet.yaml\n"
                 "rivet init --source-env DATABASE_URL --table public.orders",
     .run = rvi_cmd_init},
    {.name = "doctor",
     .summary = "Check configuration, source, destinations and state",
     .description =
         "Tries everything a run needs and says what to do about what fails. Reads no rows, writes nothing\n"
         "that stays. The exit status is 0 only when every check passes.",
     .options = doctor_options,
     .n_options = COUNT(doctor_options),
     .examples = "rivet doctor -c rivet.yaml",
     .run = rvi_cmd_doctor},
    {.group = "state",
     .name = "show",
     .summary = "Show each export's last run and cursor",
     .description =
         "Reads the state store: .rivet_state.db beside the configuration, or what RIVET_STATE_URL names.",
     .options = state_show_options,
     .n_options = COUNT(state_show_options),
     .run = rvi_cmd_state_show},
    {.group = "state",
     .name = "files",
     .summary = "List the files that successful runs have written",
     .description = "Newest first. Files of failed runs are not listed: they are not data and were removed.",
     .options = state_files_options,
     .n_options = COUNT(state_files_options),
     .run = rvi_cmd_state_files},
    {.group = "state",
     .name = "chunks",
     .summary = "List the chunks of an export's run",
     .description =
         "What each chunk covers, who reads it, how often it was tried and why the last attempt failed.",
     .options = state_chunks_options,
     .n_options = COUNT(state_chunks_options),
     .run = rvi_cmd_state_chunks},
    {.group = "state",
     .name = "progression",
     .summary = "Show what each export has committed",
     .description =
         "The last run that succeeded: how it read, how many chunks it committed, and the cursor it left.",
     .options = state_progression_options,
     .n_options = COUNT(state_progression_options),
     .run = rvi_cmd_state_progression},
    {.group = "state",
     .name = "reset",
     .summary = "Forget an export's cursor",
     .description =
         "The next incremental run begins from the start. Nothing else is forgotten, and no file is touched.",
     .options = state_reset_options,
     .n_options = COUNT(state_reset_options),
     .examples = "rivet state reset -c rivet.yaml -e orders",
     .run = rvi_cmd_state_reset},
    {.group = "state",
     .name = "reset-chunks",
     .summary = "Give up an export's interrupted run",
     .description =
         "The run becomes interrupted and its chunks are forgotten, so that the next run starts anew "
         "instead of\n"
         "resuming. A run whose process is alive is not touched.",
     .options = state_reset_chunks_options,
     .n_options = COUNT(state_reset_chunks_options),
     .examples = "rivet state reset-chunks -c rivet.yaml -e orders\n"
                 "rivet state reset-chunks -c rivet.yaml --stuck-checkpoints",
     .run = rvi_cmd_state_reset_chunks},
    {.name = "metrics",
     .summary = "Show what past runs took",
     .description =
         "One line a run, newest first: rows, files, bytes, duration, memory, longest statement, verdict.",
     .options = metrics_options,
     .n_options = COUNT(metrics_options),
     .run = rvi_cmd_metrics},
    {.name = "journal",
     .summary = "Show the event log of runs",
     .description = "Plan, chunks, files and verdict of an export's latest runs, or of one run.",
     .options = journal_options,
     .n_options = COUNT(journal_options),
     .run = rvi_cmd_journal},
    {.name = "inspect",
     .summary = "Show what is in a Parquet file, and verify it",
     .description = "Prints the schema, the row groups, and of every column how it is encoded and "
                    "compressed, its NULLs and\n"
                    "its smallest and largest value, and the first rows. Any writer's file will do.\n\n"
                    "With --verify the whole file is read, and what it says about itself (counts, "
                    "statistics, page index,\n"
                    "checksums, bloom filters) is compared with its values; the exit status is 3 when "
                    "something is wrong.",
     .options = inspect_options,
     .n_options = COUNT(inspect_options),
     .operand = "FILE",
     .operand_help = "a Parquet file",
     .examples = "rivet inspect out/orders/part.parquet\n"
                 "rivet inspect --verify --rows 0 out/orders/part.parquet",
     .run = rvi_cmd_inspect},
    {.name = "completions",
     .summary = "Print a completion script for a shell",
     .description = "For bash: source it, or put it into the completions folder of bash-completion.",
     .operand = "SHELL",
     .operand_choices = "bash|zsh|fish",
     .examples = "rivet completions bash > ~/.local/share/bash-completion/completions/rivet",
     .run = rvi_cmd_completions},
    {.group = "schema",
     .name = "config",
     .summary = "Print the JSON Schema of the configuration",
     .description =
         "For editors: put '# yaml-language-server: $schema=FILE' into the first line of rivet.yaml.",
     .examples = "rivet schema config > rivet.schema.json",
     .run = rvi_cmd_schema_config},
};
const int rvi_n_commands = COUNT(rvi_commands);

/* What users of earlier versions will type. A hint names what does the work meanwhile, and promises nothing more. */
const rvi_later_word rvi_later_words[] = {
    {NULL, "check", "rivet doctor -c FILE describes and plans every export without reading a row"},
    {NULL, "plan", "rivet doctor -c FILE describes and plans every export without reading a row"},
    {NULL, "apply", "rivet run -c FILE plans and runs in one step"},
    {NULL, "validate",
     "rivet run --validate reads files back before they are published; rivet inspect --verify FILE "
     "proves one Parquet file"},
    {NULL, "reconcile",
     "compare row_count of manifest.json with a COUNT(*) of your own; the gates under quality: "
     "hold a run to limits"},
    {NULL, "repair", "run the export again; with on_existing: replace the files of earlier runs are removed"},
    {NULL, "cdc", "mode: incremental exports what is new since the last run"},
    {NULL, "load", "load the files that manifest.json names with the warehouse's own command"},
    {"run", "--reconcile",
     "the gates under quality: hold a run to numbers of rows; --validate reads its files back"},
    {"init", "--discover", "without -o the configuration is printed and nothing is written"},
    {"init", "--include", "one table: --table; one schema: --schema"},
    {"init", "--exclude", "remove from the file what is not wanted"},
    {"init", "--mode", "set mode: in the file that init writes"},
    {"init", "--tls", "say it in the URL: ?sslmode=verify-full"},
    {"init", "--tls-ca", "say it in the URL: ?sslmode=verify-full&sslrootcert=ca.pem"},
    {"init", "--gcs-bucket", "this version writes to local folders and to stdout"},
    {"init", "--gcs-credentials-file", "this version writes to local folders and to stdout"},
    {"init", "--s3-bucket", "this version writes to local folders and to stdout"},
    {"init", "--s3-region", "this version writes to local folders and to stdout"},
    {"state", "loads", "load the files that manifest.json names with the warehouse's own command"},
    {"schema", "cli", "rivet COMMAND --help lists every option"},
};
const int rvi_n_later_words = COUNT(rvi_later_words);
