/* config/internal.h - what the files of this module share.
 *
 * Loading goes through these steps, each in the file named after it:
 *
 *   bytes --yaml_tree--> nodes with places --check keys--> rows of schema.def attached
 *         --env--> ${VAR} expanded --check values--> types, ranges, words --rules--> keys against each other
 *         --bind_source, bind--> the typed rv_config
 *
 * Every step reports what it finds and goes on, so that one pass shows all problems; a node that was reported
 * is marked and later steps use its default. Out of memory is remembered in the report until the end. */
#ifndef RIVET_CONFIG_INTERNAL_H
#define RIVET_CONFIG_INTERNAL_H

#include "rivet/config.h"

/* Limits, so that no input makes the loader large or slow. */
enum {
    RVI_FILE_MAX_BYTES = 4 << 20,      /* the configuration */
    RVI_QUERY_MAX_BYTES = 1 << 20,     /* a query, also from a file, before and after expansion */
    RVI_URL_FILE_MAX_BYTES = 64 << 10, /* a url_file */
    RVI_EXPANDED_MAX_BYTES = 1 << 20,  /* one scalar after expansion */
    RVI_MAX_DEPTH = 32,                /* of lists and blocks */
    RVI_MAX_NODES = 200000,            /* with aliases expanded */
    RVI_MAX_ANCHORS = 1024,
    RVI_MAX_EXPORTS = 4096,
    RVI_MAX_FINDINGS = 200, /* one more says that there are more */
    RVI_TREE_MAX_BYTES = 128 << 20,
    RVI_CONFIG_MAX_BYTES = 128 << 20,
    RVI_FINDINGS_MAX_BYTES = 4 << 20,
    RVI_MESSAGE_BYTES = 768,
    RVI_PATH_BYTES = 256,
};

/* ---- schema.def ---------------------------------------------------------------------------------------- */

typedef enum rvi_driver {
    RVI_DRIVER_POSTGRES = 1,
    RVI_DRIVER_SQLITE,
    RVI_DRIVER_MYSQL,
    RVI_DRIVER_MSSQL,
} rvi_driver;
typedef enum rvi_environment {
    RVI_ENVIRONMENT_LOCAL = 1,
    RVI_ENVIRONMENT_REPLICA,
    RVI_ENVIRONMENT_PRODUCTION,
} rvi_environment;
typedef enum rvi_cursor_mode { RVI_CURSOR_SINGLE_COLUMN = 1, RVI_CURSOR_COALESCE } rvi_cursor_mode;
typedef enum rvi_time_type { RVI_TIME_TIMESTAMP = 1, RVI_TIME_UNIX } rvi_time_type;
typedef enum rvi_codec_profile {
    RVI_CODEC_PROFILE_NONE = 1,
    RVI_CODEC_PROFILE_FAST,
    RVI_CODEC_PROFILE_BALANCED,
    RVI_CODEC_PROFILE_COMPACT,
} rvi_codec_profile;
typedef enum rvi_line_ending { RVI_LINE_LF = 1, RVI_LINE_CRLF } rvi_line_ending;
typedef enum rvi_dest { RVI_DEST_LOCAL = 1, RVI_DEST_STDOUT } rvi_dest;

typedef enum rvi_section {
#define RVI_SECTION(id, name, doc) RVI_S_##id,
#include "config/schema.def"
    RVI_SECTIONS
} rvi_section;

typedef enum rvi_key_id {
#define RVI_KEY(id, section, name, kind, limits, unit, fallback, flags, doc) RVI_K_##id,
#include "config/schema.def"
    RVI_KEYS
} rvi_key_id;

typedef enum rvi_set {
    RVI_SET_NONE = 0,
    RVI_SET_SOURCE_TYPE,
    RVI_SET_ENVIRONMENT,
    RVI_SET_TLS_MODE,
    RVI_SET_PROFILE,
    RVI_SET_MODE,
    RVI_SET_FORMAT,
    RVI_SET_CODEC,
    RVI_SET_CODEC_PROFILE,
    RVI_SET_ON_EXISTING,
    RVI_SET_CONSISTENCY,
    RVI_SET_ROW_SECURITY,
    RVI_SET_LINE_ENDING,
    RVI_SET_DEST_TYPE,
    RVI_SET_CURSOR_MODE,
    RVI_SET_TIME_TYPE,
    RVI_SET_GRANULARITY,
    RVI_SET_ON_INTERRUPTED,
    RVI_SET_VERIFY,
    RVI_SET_DRIFT,
    RVI_SET_TARGET,
    RVI_SET_ROW_GROUPS,
    RVI_SET_PARQUET_COMPAT,
    RVI_SET_ENCODING,
    RVI_SET_BATCH_EXCEEDED,
    RVI_SET_NOTIFY_ON,
    RVI_SET_MONGO_JSON,
    RVI_SET_CDC_INITIAL,
    RVI_SETS
} rvi_set;

typedef enum rvi_kind {
    RVI_KIND_TEXT = 1,
    RVI_KIND_INT,
    RVI_KIND_BOOL,
    RVI_KIND_ENUM,     /* one word of a set */
    RVI_KIND_NUMBER,   /* with a fraction */
    RVI_KIND_SIZE,     /* "512MB" */
    RVI_KIND_TEXTS,    /* list of texts */
    RVI_KIND_ENUMS,    /* list of words of a set */
    RVI_KIND_TYPE,     /* type of a column, schema.h */
    RVI_KIND_BLOCK,    /* keys of another section */
    RVI_KIND_BLOCKS,   /* list of them */
    RVI_KIND_COLUMNS,  /* column name: type, or a COLUMN block */
    RVI_KIND_POLICIES, /* policy, or class: policy */
    RVI_KIND_RATIOS,   /* column name: 0..1 */
    RVI_KIND_WORDS,    /* column name: one word of a set */
    RVI_KIND_KEY,      /* a column's name, or a list of up to RV_MAX_KEY_COLUMNS */
    RVI_KIND_CHOICE,   /* true (all columns), false, or a list of names */
    RVI_KIND_DURATION, /* "15m", or a whole number */
    RVI_KIND_ANY,
} rvi_kind;

enum { /* flags of a key */
       RVI_NOW = 0,
       RVI_LATER = 1 << 0,
       RVI_REQUIRED = 1 << 1,
       RVI_SECRET = 1 << 2,     /* never echoed, known to the redactor */
       RVI_BY_PROFILE = 1 << 3, /* the default is "fast|balanced|safe" */
};

typedef struct rvi_key {
    rvi_key_id id;
    rvi_section section; /* the block that the key is written in */
    const char *name;
    rvi_kind kind;
    int64_t min, max;     /* INT, NUMBER: value; SIZE, TEXT, KEY, CHOICE: bytes */
    rvi_set set;          /* ENUM, ENUMS, WORDS */
    rvi_section inner;    /* BLOCK, BLOCKS */
    const char *unit;     /* "" for none */
    const char *fallback; /* the default as it would be written; NULL: none */
    unsigned flags;
    const char *doc;
} rvi_key;

typedef struct rvi_name {
    rvi_set set;
    const char *text;
    int value;
    unsigned flags; /* RVI_NOW or RVI_LATER */
} rvi_name;

typedef struct rvi_exclusion {
    rvi_key_id a, b;
} rvi_exclusion;

const rvi_key *rvi_key_row(rvi_key_id id);
const rvi_key *rvi_key_find(rvi_section section, const char *name); /* NULL: no such key */
const rvi_exclusion *rvi_exclusions(size_t *n);
const char *rvi_section_id(rvi_section section);   /* "EXPORT" */
const char *rvi_section_name(rvi_section section); /* "exports[]" */
const char *rvi_section_doc(rvi_section section);
/* The words of a set, in order; NULL: none has this text. */
const rvi_name *rvi_name_find(rvi_set set, const char *text);
const rvi_name *rvi_name_next(rvi_set set, const rvi_name *previous); /* previous == NULL: the first */
/* Names of a section's keys, or texts of a set: at most RVI_MAX_WORDS; returns how many. */
enum { RVI_MAX_WORDS = 96 };
size_t rvi_section_words(rvi_section section, const char *words[RVI_MAX_WORDS]);
size_t rvi_set_words(rvi_set set, const char *words[RVI_MAX_WORDS]);

/* Decimal digits with an optional minus, no leading zeros, at most 18 digits; false: not a whole number. */
bool rvi_parse_int(const char *text, int64_t *out);
/* Bytes from "512MB", "1.5 GB", "100": binary multiples of B, KB, MB or GB in any case, fractions cut down to whole
 * bytes. false: not a size, more than 18 digits, or more than INT64_MAX bytes. */
bool rvi_parse_size(const char *text, int64_t *out);
/* Digits with an optional fraction of at most 9: "2", "1.5". false: not such a number, or more than 15 digits. */
bool rvi_parse_number(const char *text, double *out);
/* "90s", "15m", "1h", "2d": microseconds in *out_us; digits alone: *out_units, the other is then -1 ("0": both 0).
 * false: neither, or more than 100 years. */
bool rvi_parse_duration(const char *text, int64_t *out_us, int64_t *out_units);
bool rvi_parse_bool(const char *text, bool *out); /* true, false, and YAML's other spellings of these two */
/* The default of a BY_PROFILE key, or of any other INT key; 0 when there is none. */
int64_t rvi_default_int(const rvi_key *key, rv_profile profile);

/* ---- the tree ------------------------------------------------------------------------------------------ */

typedef enum rvi_node_kind { RVI_NODE_SCALAR = 1, RVI_NODE_LIST, RVI_NODE_MAP } rvi_node_kind;

/* One value of the file. Lives in the tree's arena, which is gone once the configuration is bound. */
typedef struct rvi_node rvi_node;
struct rvi_node {
    rvi_node_kind kind;
    int line, column;         /* of the value, 1-based; a missing value: of its key */
    int key_line, key_column; /* of the key that it belongs to; 0 in lists and at the root */
    const char *name;         /* that key; NULL in lists and at the root */
    int index;                /* place in its list or block */
    rvi_node *parent;
    const rvi_key *key; /* row of schema.def; NULL: none, or a free name */
    char *raw;          /* SCALAR: as the file has it after YAML's own escapes */
    size_t raw_len;     /* bytes */
    char *text;         /* SCALAR: after expansion; equals `raw` when there was nothing to expand */
    size_t len;         /* bytes */
    bool plain;         /* SCALAR: written without quotes */
    bool expanded;      /* SCALAR: contains the value of a variable */
    bool shown;         /* may be repeated in messages: a known key that is not a secret */
    bool bad;           /* reported: not to be used */
    bool open;          /* still being built: an alias to it would contain itself */
    rvi_node **items;   /* LIST, MAP: in file order */
    int n_items, capacity;
};

/* Where problems go. A report cannot fail visibly: out of memory is kept here and returned by the loader. */
typedef struct rvi_report {
    rv_findings *findings;
    const rv_redactor *redactor; /* NULL: only the pattern of URL passwords is removed */
    int n_errors;
    bool out_of_memory;
} rvi_report;

/* Report a problem of a value, marking the node bad; `node` NULL: of the file as a whole. */
void rvi_problem(rvi_report *report, rvi_node *node, rv_code code, const char *fmt, ...) RV_PRINTF(4, 5);
/* The same at the place of the node's key. */
void rvi_problem_at_key(rvi_report *report, rvi_node *node, rv_code code, const char *fmt, ...)
    RV_PRINTF(4, 5);
/* The same at a place of the file that belongs to no node. */
void rvi_problem_at(rvi_report *report, int line, int column, rv_code code, const char *fmt, ...)
    RV_PRINTF(5, 6);
void rvi_warning(rvi_report *report, rvi_node *node, const char *path, rv_code code, const char *fmt, ...)
    RV_PRINTF(5, 6);
/* Sort by place; what has none comes last. */
void rvi_findings_sort(rv_findings *findings);
/* The node's value for a message: quoted, cut, "(not shown)" when it may be a secret. Returns `out`. */
enum { RVI_ECHO_BYTES = 96 };
const char *rvi_echo(const rvi_node *node, char out[RVI_ECHO_BYTES]);
/* "; did you mean 'x'?" or ""; returns `out`. */
const char *rvi_suggest(const rvi_report *report, const char *word, const char *const *words, size_t n,
                        char out[RVI_ECHO_BYTES]);
/* The words joined by ", ", cut to fit. Returns `out`. */
enum { RVI_LIST_BYTES = 256 };
const char *rvi_list_words(const char *const *words, size_t n, char out[RVI_LIST_BYTES]);

/* The text between the quotes of a YAML scalar, without them. `out` has room for RVI_UNQUOTED_MAX(len)
 * bytes; a NUL follows the text. false: an escape that is none. */
typedef enum rvi_quotes { RVI_QUOTES_SINGLE = 1, RVI_QUOTES_DOUBLE } rvi_quotes;
#define RVI_UNQUOTED_MAX(len) (2 * (len) + 1) /* \L, two bytes, stands for a character of three */
bool rvi_unquote(rvi_quotes quotes, const char *text, size_t len, char *out, size_t *out_len);

/* Parse one YAML document. *root is NULL when the file holds none. Fails CONFIG_SYNTAX (reported as well),
 * OUT_OF_MEMORY. Problems that leave a usable tree (a key given twice, a tag) are only reported. */
rv_code rvi_tree_parse(rv_arena *arena, const char *text, size_t len, rvi_report *report, rvi_node **root,
                       rv_error *err) RV_MUST_CHECK;
void rvi_tree_wipe(rvi_node *root); /* the bytes of all scalars; NULL is fine */

bool rvi_is_null(const rvi_node *node);   /* also NULL itself: a key without a value counts as not given */
bool rvi_is_scalar(const rvi_node *node); /* a scalar with a value */

/* Reading by key. `block` may be NULL (not given). A value that is missing or bad reads as the default. */
rvi_node *rvi_child(const rvi_node *block, rvi_key_id id);  /* NULL: not given */
const char *rvi_text(const rvi_node *block, rvi_key_id id); /* NULL: none */
int64_t rvi_int(const rvi_node *block, rvi_key_id id);
int64_t rvi_size(const rvi_node *block, rvi_key_id id); /* bytes; 0: not given */
bool rvi_bool(const rvi_node *block, rvi_key_id id);
int rvi_word(const rvi_node *block, rvi_key_id id); /* value of the word; 0: none */
double rvi_number(const rvi_node *block, rvi_key_id id);

/* ---- the steps ----------------------------------------------------------------------------------------- */

/* Attach rows to nodes; report unknown, unsupported and missing keys, and blocks that are none. Pure. */
void rvi_check_keys(rvi_report *report, rvi_node *root);
/* Report values of a wrong type or out of range. Pure. */
void rvi_check_values(rvi_report *report, rvi_node *root);
/* Report keys that contradict each other. Pure. */
void rvi_check_rules(rvi_report *report, rvi_node *root);
/* The part of it that is about which rows an export's runs hold; `block`: of the export. */
void rvi_check_mode_rules(rvi_report *report, rvi_node *root, rvi_node *block);

/* Variables: --param first, then the environment. */
typedef struct rvi_env {
    const rv_config_input *input;
    bool *param_used; /* n_params */
    rv_arena *arena;  /* what expanded text is put into */
    rvi_report *report;
} rvi_env;

const char *rvi_env_get(const rvi_env *env, const char *name); /* the environment alone; NULL: unset */
void rvi_expand_tree(rvi_env *env, rvi_node *node);
/* Expand `text` on behalf of `node`, where problems are reported. `what` names the text in messages ("" for
 * the node's own). Returns NULL after a problem; *changed says whether a variable was met. */
char *rvi_expand(rvi_env *env, rvi_node *node, const char *what, const char *text, size_t len,
                 size_t max_bytes, size_t *out_len, bool *changed);
void rvi_report_unused_params(rvi_env *env);

/* Read a whole file of at most max_bytes. *out is the caller's (rvi_file_free), followed by a NUL not
 * counted in *len. Fails CONFIG_UNREADABLE (also when it is larger), OUT_OF_MEMORY. */
rv_code rvi_file_read(const char *path, size_t max_bytes, char **out, size_t *len,
                      rv_error *err) RV_MUST_CHECK;
/* The same for a file that has to lie inside `directory`: relative, no "..", not led out by a symbolic link.
 * Fails CONFIG_PATH_ESCAPE as well. */
rv_code rvi_file_read_inside(const char *directory, const char *path, size_t max_bytes, char **out,
                             size_t *len, rv_error *err) RV_MUST_CHECK;
void rvi_file_free(char *bytes, size_t len);                                   /* wipes */
char *rvi_path_dirname(rv_arena *arena, const char *path);                     /* NULL: out of memory */
char *rvi_path_join(rv_arena *arena, const char *directory, const char *path); /* an absolute path stays */

/* Whether url_file and query_file are read. REFUSED: nothing outside memory is touched, they are reported. */
typedef enum rvi_files { RVI_FILES_REFUSED = 0, RVI_FILES_ALLOWED } rvi_files;

/* Everything binding needs. */
typedef struct rvi_loader {
    const rv_config_input *input;
    rv_config *config;
    rv_redactor *redactor; /* may be NULL */
    rvi_report report;
    rvi_env env;
    rvi_files files;
} rvi_loader;

const char *rvi_keep(rvi_loader *loader, const char *text); /* copied to the configuration; NULL stays NULL */
void rvi_bind_source(rvi_loader *loader, rvi_node *root);
void rvi_bind_exports(rvi_loader *loader, rvi_node *root);
/* The items of a list, kept; nothing is written for one that is missing or empty. */
void rvi_bind_texts(rvi_loader *loader, const rvi_node *list, const char *const **out, int *n_out);
/* Which rows a run exports and how they are cut: mode, cursor, chunks, window, partition, consistency. */
void rvi_bind_mode(rvi_loader *loader, const rvi_node *block, rv_export_config *out);
/* What is added to the rows and what they must pass: meta columns, quality, drift. */
void rvi_bind_guards(rvi_loader *loader, const rvi_node *block, rv_export_config *out);
/* A failure of a function below, as a problem of `node`; out of memory is remembered. */
void rvi_report_error(rvi_loader *loader, rvi_node *node, const rv_error *err);
/* "postgresql://user@host:port/database" from the parts, percent-encoded; never the password. NULL: no
 * memory. */
char *rvi_source_display(rv_arena *arena, const rv_source_config *source);
void rvi_source_defaults(rv_source_config *source); /* what no key sets */
/* Remember a secret's bytes in the redactor (NULL: nothing to do). Fails OUT_OF_MEMORY. */
rv_code rvi_redact_bytes(rv_redactor *redactor, const char *bytes, size_t len, rv_error *err) RV_MUST_CHECK;

/* rv_config_load on bytes; text[len] is NUL. input->path names them in messages and gives the folder. */
rv_code rvi_config_load_memory(rv_config **out, const char *text, size_t len, const rv_config_input *input,
                               rvi_files files, rv_redactor *redactor, rv_findings *findings,
                               rv_error *err) RV_MUST_CHECK;

#endif
