/* rules.c - keys against each other: the second table.
 *
 * Pairs that exclude each other are rows of schema.def. Everything else is a function named after what it
 * demands, run once for each block of its section. A rule looks only at values that were found good, so that
 * one mistake is reported once. */
#include "config/internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

typedef struct rule {
    rvi_section section;
    void (*check)(rvi_report *report, rvi_node *root, rvi_node *block);
} rule;

static bool is_good(const rvi_node *node)
{
    return node && !node->bad;
}

static bool has_value(const rvi_node *block, rvi_key_id id)
{
    return is_good(rvi_child(block, id));
}

/* ---- source -------------------------------------------------------------------------------------------- */

static bool names_server(const rvi_node *source)
{
    static const rvi_key_id parts[] = {RVI_K_SOURCE_HOST,         RVI_K_SOURCE_PORT,
                                       RVI_K_SOURCE_USER,         RVI_K_SOURCE_PASSWORD,
                                       RVI_K_SOURCE_PASSWORD_ENV, RVI_K_SOURCE_DATABASE};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (rvi_child(source, parts[i]))
            return true;
    return false;
}

static bool has_url(const rvi_node *source)
{
    return rvi_child(source, RVI_K_SOURCE_URL) || rvi_child(source, RVI_K_SOURCE_URL_ENV) ||
           rvi_child(source, RVI_K_SOURCE_URL_FILE);
}

static void source_says_how_to_reach_it(rvi_report *report, rvi_node *root, rvi_node *source)
{
    (void)root;
    if (has_url(source) || rvi_child(source, RVI_K_SOURCE_PATH))
        return;
    bool was_bad = source->bad;
    if (!names_server(source)) {
        rvi_problem(
            report, source, RV_E_CONFIG_MISSING_KEY,
            "one of 'url', 'url_env', 'url_file', 'host' (with 'database') or 'path' (SQLite) is missing");
    } else {
        if (!rvi_child(source, RVI_K_SOURCE_HOST))
            rvi_problem(report, source, RV_E_CONFIG_MISSING_KEY, "the key 'host' is missing");
        if (!rvi_child(source, RVI_K_SOURCE_DATABASE))
            rvi_problem(report, source, RV_E_CONFIG_MISSING_KEY, "the key 'database' is missing");
        if (!rvi_child(source, RVI_K_SOURCE_TYPE))
            rvi_problem(report, source, RV_E_CONFIG_MISSING_KEY, "the key 'type' is missing");
    }
    source->bad = was_bad;
}

static void source_type_fits_its_keys(rvi_report *report, rvi_node *root, rvi_node *source)
{
    (void)root;
    rvi_node *type = rvi_child(source, RVI_K_SOURCE_TYPE), *path = rvi_child(source, RVI_K_SOURCE_PATH);
    if (!is_good(type))
        return;
    bool sqlite = rvi_word(source, RVI_K_SOURCE_TYPE) == RVI_DRIVER_SQLITE;
    if (path && !sqlite)
        rvi_problem_at_key(report, path, RV_E_CONFIG_EXCLUSIVE, "'path' is only for 'type: sqlite'");
    if (sqlite && !path && !has_url(source) && names_server(source))
        rvi_problem(report, type, RV_E_CONFIG_EXCLUSIVE,
                    "a SQLite source takes 'path' or a URL, not a server");
}

static void password_is_kept_out_of_the_file(rvi_report *report, rvi_node *root, rvi_node *source)
{
    (void)root;
    rvi_node *password = rvi_child(source, RVI_K_SOURCE_PASSWORD);
    if (is_good(password) && !password->expanded)
        rvi_warning(report, password, NULL, RV_E_CONFIG_VALUE,
                    "the password is written out in the file; better use 'password_env' or ${VAR}");
}

static void tls_checks_the_server(rvi_report *report, rvi_node *root, rvi_node *tls)
{
    (void)root;
    static const rvi_key_id relaxing[] = {RVI_K_TLS_ACCEPT_INVALID_CERTS, RVI_K_TLS_ACCEPT_INVALID_HOSTNAMES};
    for (size_t i = 0; i < sizeof relaxing / sizeof relaxing[0]; i++)
        if (rvi_bool(tls, relaxing[i]))
            rvi_warning(report, rvi_child(tls, relaxing[i]), NULL, RV_E_CONFIG_VALUE,
                        "the server's identity is not fully checked");
    if (!has_value(tls, RVI_K_TLS_MODE) || rvi_word(tls, RVI_K_TLS_MODE) != RV_TLS_DISABLE)
        return;
    for (int i = 0; i < tls->n_items; i++)
        if (tls->items[i]->key && tls->items[i]->key->id != RVI_K_TLS_MODE && !tls->items[i]->bad)
            rvi_problem_at_key(report, tls->items[i], RV_E_CONFIG_EXCLUSIVE,
                               "'%s' means nothing with 'mode: disable'", tls->items[i]->name);
}

/* ---- exports ------------------------------------------------------------------------------------------- */

static void there_are_exports(rvi_report *report, rvi_node *root, rvi_node *block)
{
    (void)block;
    rvi_node *exports = rvi_child(root, RVI_K_EXPORTS);
    if (!exports || (exports->kind == RVI_NODE_LIST && exports->n_items == 0))
        rvi_problem(report, exports ? exports : root, RV_E_CONFIG_NO_EXPORTS,
                    "there are no exports; 'exports' takes a list of at least one");
    else if (exports->n_items > RVI_MAX_EXPORTS)
        rvi_problem(report, exports, RV_E_CONFIG_VALUE, "there are %d exports; at most %d", exports->n_items,
                    RVI_MAX_EXPORTS);
}

static void exports_run_as_threads(rvi_report *report, rvi_node *root, rvi_node *block)
{
    (void)block;
    if (rvi_bool(root, RVI_K_PARALLEL_EXPORT_PROCESSES))
        rvi_warning(report, rvi_child(root, RVI_K_PARALLEL_EXPORT_PROCESSES), NULL, RV_E_CONFIG_VALUE,
                    "is read as 'parallel_exports': one process runs the exports in threads");
}

static void export_names_are_unique(rvi_report *report, rvi_node *root, rvi_node *block)
{
    (void)root;
    rvi_node *name = rvi_child(block, RVI_K_EXPORT_NAME);
    if (!is_good(name) || !block->parent)
        return;
    for (int i = 0; i < block->index && i < RVI_MAX_EXPORTS; i++) {
        const rvi_node *other = rvi_child(block->parent->items[i], RVI_K_EXPORT_NAME);
        if (!is_good(other) || strcmp(other->text, name->text) != 0)
            continue;
        rvi_problem(report, name, RV_E_CONFIG_DUPLICATE_EXPORT, "the export in line %d has the same name",
                    other->line);
        return;
    }
}

/* The name becomes part of file names and of run ids. */
static void export_name_is_a_file_name(rvi_report *report, rvi_node *root, rvi_node *block)
{
    (void)root;
    rvi_node *name = rvi_child(block, RVI_K_EXPORT_NAME);
    if (!is_good(name))
        return;
    if (name->text[0] == '.') {
        rvi_problem(report, name, RV_E_CONFIG_VALUE, "a name cannot begin with a dot");
        return;
    }
    for (const char *c = name->text; *c; c++) {
        if (*c != '/' && (unsigned char)*c >= 0x20 && *c != 0x7f)
            continue;
        rvi_problem(report, name, RV_E_CONFIG_VALUE, "a name cannot contain '/' or control characters");
        return;
    }
}

static void export_says_what_to_read(rvi_report *report, rvi_node *root, rvi_node *block)
{
    (void)root;
    bool was_bad = block->bad;
    if (!rvi_child(block, RVI_K_EXPORT_TABLE) && !rvi_child(block, RVI_K_EXPORT_QUERY) &&
        !rvi_child(block, RVI_K_EXPORT_QUERY_FILE))
        rvi_problem(report, block, RV_E_CONFIG_MISSING_KEY,
                    "one of 'table', 'query' or 'query_file' is missing");
    block->bad = was_bad;
}

static bool is_csv(const rvi_node *block)
{
    return has_value(block, RVI_K_EXPORT_FORMAT) && rvi_word(block, RVI_K_EXPORT_FORMAT) == RV_FORMAT_CSV;
}

static void csv_has_gzip_or_zstd(rvi_report *report, rvi_node *root, rvi_node *block)
{
    (void)root;
    if (!is_csv(block))
        return;
    rvi_node *codec = rvi_child(block, RVI_K_EXPORT_COMPRESSION);
    rvi_node *profile = rvi_child(block, RVI_K_EXPORT_COMPRESSION_PROFILE);
    int word = rvi_word(block, RVI_K_EXPORT_COMPRESSION);
    if (is_good(profile) && rvi_word(block, RVI_K_EXPORT_COMPRESSION_PROFILE) == RVI_CODEC_PROFILE_FAST)
        rvi_problem(report, profile, RV_E_CONFIG_EXCLUSIVE,
                    "'fast' is snappy, which is only for Parquet; use 'balanced' (zstd) for CSV");
    else if (is_good(codec) && !profile && (word == RV_CODEC_SNAPPY || word == RV_CODEC_LZ4))
        rvi_problem(report, codec, RV_E_CONFIG_EXCLUSIVE,
                    "%s is only for Parquet; CSV takes gzip, zstd or none", rv_codec_name((rv_codec)word));
}

/* The codec whose levels `compression_level` counts in. CSV is compressed only when somebody asks for it. */
static rv_codec codec_of_level(const rvi_node *block)
{
    bool given =
        has_value(block, RVI_K_EXPORT_COMPRESSION) && is_good(rvi_child(block, RVI_K_EXPORT_COMPRESSION));
    return is_csv(block) && !given ? RV_CODEC_NONE : (rv_codec)rvi_word(block, RVI_K_EXPORT_COMPRESSION);
}

static void check_level(rvi_report *report, rvi_node *level, int64_t value, rv_codec codec)
{
    enum { ZSTD_MOST = 15, GZIP_MOST = 9 };
    switch (codec) {
    case RV_CODEC_NONE:
        rvi_problem_at_key(report, level, RV_E_CONFIG_EXCLUSIVE, "without compression there is no level");
        return;
    case RV_CODEC_SNAPPY:
    case RV_CODEC_LZ4:
        rvi_problem_at_key(report, level, RV_E_CONFIG_EXCLUSIVE,
                           "%s has no levels; leave the key out, or use zstd", rv_codec_name(codec));
        return;
    case RV_CODEC_GZIP:
        if (value < 1 || value > GZIP_MOST)
            rvi_problem(report, level, RV_E_CONFIG_VALUE,
                        "gzip has the levels 1 to 9; for less use 'compression: none', for more zstd");
        return;
    case RV_CODEC_ZSTD:
        if (value < 1)
            rvi_problem(report, level, RV_E_CONFIG_VALUE, "zstd has the levels 1 to 15");
        else if (value > ZSTD_MOST)
            rvi_problem(report, level, RV_E_CONFIG_VALUE,
                        "zstd levels above 15 are refused: zstd 1.5.0 to 1.5.4 could damage data there; use "
                        "15, whose files are hardly larger");
        return;
    }
}

static void level_fits_the_codec(rvi_report *report, rvi_node *root, rvi_node *block)
{
    (void)root;
    rvi_node *level = rvi_child(block, RVI_K_EXPORT_COMPRESSION_LEVEL);
    if (!is_good(level))
        return;
    if (has_value(block, RVI_K_EXPORT_COMPRESSION_PROFILE))
        rvi_warning(report, level, NULL, RV_E_CONFIG_VALUE,
                    "has no effect: 'compression_profile' sets the level");
    else
        check_level(report, level, rvi_int(block, RVI_K_EXPORT_COMPRESSION_LEVEL), codec_of_level(block));
}

static void csv_block_needs_csv(rvi_report *report, rvi_node *root, rvi_node *block)
{
    (void)root;
    rvi_node *csv = rvi_child(block, RVI_K_EXPORT_CSV);
    if (csv && has_value(block, RVI_K_EXPORT_FORMAT) && !is_csv(block))
        rvi_problem_at_key(report, csv, RV_E_CONFIG_EXCLUSIVE, "'csv' is only for 'format: csv'");
}

static void parquet_block_needs_parquet(rvi_report *report, rvi_node *root, rvi_node *block)
{
    (void)root;
    rvi_node *parquet = rvi_child(block, RVI_K_EXPORT_PARQUET);
    if (parquet && is_csv(block))
        rvi_problem_at_key(report, parquet, RV_E_CONFIG_EXCLUSIVE, "'parquet' is only for 'format: parquet'");
}

static void warn_of_no_effect(rvi_report *report, const rvi_node *block, rvi_key_id id, const char *strategy)
{
    rvi_node *node = rvi_child(block, id);
    if (is_good(node))
        rvi_warning(report, node, NULL, RV_E_CONFIG_VALUE, "has no effect with 'row_group_strategy: %s'",
                    strategy);
}

static void row_groups_are_closed_by_their_strategy(rvi_report *report, rvi_node *root, rvi_node *parquet)
{
    (void)root;
    rvi_node *rows = rvi_child(parquet, RVI_K_PARQUET_ROW_GROUP_ROWS);
    rv_row_groups strategy = (rv_row_groups)rvi_word(parquet, RVI_K_PARQUET_ROW_GROUP_STRATEGY);
    if (strategy != RV_ROW_GROUPS_FIXED_ROWS) {
        warn_of_no_effect(report, parquet, RVI_K_PARQUET_ROW_GROUP_ROWS,
                          strategy == RV_ROW_GROUPS_AUTO ? "auto" : "fixed_memory");
        return;
    }
    warn_of_no_effect(report, parquet, RVI_K_PARQUET_TARGET_ROW_GROUP_MB, "fixed_rows");
    if (!rows) {
        bool was_bad = parquet->bad;
        rvi_problem(report, parquet, RV_E_CONFIG_MISSING_KEY,
                    "the key 'row_group_rows' is missing; 'row_group_strategy: fixed_rows' needs it");
        parquet->bad = was_bad;
    }
    int64_t n = rvi_int(parquet, RVI_K_PARQUET_ROW_GROUP_ROWS);
    if (is_good(rows) && (n < RV_ROW_GROUP_ROWS_MIN || n > RV_ROW_GROUP_ROWS_MAX))
        rvi_warning(report, rows, NULL, RV_E_CONFIG_VALUE, "is brought into the range of %d to %d rows",
                    RV_ROW_GROUP_ROWS_MIN, RV_ROW_GROUP_ROWS_MAX);
}

static void row_group_target_is_below_its_maximum(rvi_report *report, rvi_node *root, rvi_node *parquet)
{
    (void)root;
    rvi_node *max = rvi_child(parquet, RVI_K_PARQUET_MAX_ROW_GROUP_MB);
    int64_t target = rvi_int(parquet, RVI_K_PARQUET_TARGET_ROW_GROUP_MB);
    if (is_good(max) && has_value(parquet, RVI_K_PARQUET_TARGET_ROW_GROUP_MB) &&
        rvi_int(parquet, RVI_K_PARQUET_MAX_ROW_GROUP_MB) < target)
        rvi_problem(report, max, RV_E_CONFIG_EXCLUSIVE, "is less than 'target_row_group_mb' (%lld)",
                    (long long)target);
}

/* A delimiter that can be part of a number, date or word would be told apart from them only by quotes. */
static void csv_delimiter_is_unambiguous(rvi_report *report, rvi_node *root, rvi_node *csv)
{
    (void)root;
    static const char refused[] = "\"\r\n+-.:0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    rvi_node *node = rvi_child(csv, RVI_K_CSV_DELIMITER);
    if (!is_good(node))
        return;
    char c = node->text[0];
    if (c == '\0' || (unsigned char)c >= 0x7f || strchr(refused, c))
        rvi_problem(
            report, node, RV_E_CONFIG_VALUE,
            "is not a delimiter; allowed: one ASCII character that is no letter, digit, quote, line end "
            "or one of + - . :");
}

static void csv_null_stays_in_its_field(rvi_report *report, rvi_node *root, rvi_node *csv)
{
    (void)root;
    rvi_node *node = rvi_child(csv, RVI_K_CSV_NULL);
    const char *delimiter = rvi_text(csv, RVI_K_CSV_DELIMITER);
    if (is_good(node) && (strpbrk(node->text, "\"\r\n") || strchr(node->text, delimiter[0])))
        rvi_problem(report, node, RV_E_CONFIG_VALUE, "cannot contain the delimiter, a quote or a line end");
}

static void merged_tuning_limits_a_page_once(rvi_report *report, rvi_node *root, rvi_node *block)
{
    static const rvi_key_id sizes[] = {RVI_K_TUNING_BATCH_SIZE, RVI_K_TUNING_BATCH_SIZE_MEMORY_MB};
    const rvi_node *outer = rvi_child(rvi_child(root, RVI_K_SOURCE), RVI_K_SOURCE_TUNING);
    rvi_node *inner = rvi_child(block, RVI_K_EXPORT_TUNING);
    for (int i = 0; i < 2; i++) {
        rvi_node *mine = rvi_child(inner, sizes[i]), *theirs = rvi_child(outer, sizes[1 - i]);
        if (mine && theirs && !rvi_child(inner, sizes[1 - i]))
            rvi_problem_at_key(report, mine, RV_E_CONFIG_EXCLUSIVE,
                               "'%s' and '%s' exclude each other; the second is in source.tuning, line %d",
                               mine->name, theirs->name, theirs->line);
    }
}

/* ---- destination --------------------------------------------------------------------------------------- */

static void destination_keys_fit_its_type(rvi_report *report, rvi_node *root, rvi_node *dest)
{
    (void)root;
    rvi_node *path = rvi_child(dest, RVI_K_DEST_PATH);
    int type = rvi_word(dest, RVI_K_DEST_TYPE);
    bool was_bad = dest->bad;
    if (type == RVI_DEST_LOCAL && !path)
        rvi_problem(report, dest, RV_E_CONFIG_MISSING_KEY,
                    "the key 'path' is missing: the folder for the files");
    dest->bad = was_bad;
    if (type == RVI_DEST_STDOUT && path)
        rvi_problem_at_key(report, path, RV_E_CONFIG_EXCLUSIVE, "'path' means nothing with 'type: stdout'");
}

static void stdout_holds_nothing_to_replace(rvi_report *report, rvi_node *root, rvi_node *block)
{
    (void)root;
    rvi_node *on_existing = rvi_child(block, RVI_K_EXPORT_ON_EXISTING);
    const rvi_node *dest = rvi_child(block, RVI_K_EXPORT_DESTINATION);
    if (is_good(on_existing) && rvi_word(dest, RVI_K_DEST_TYPE) == RVI_DEST_STDOUT)
        rvi_problem_at_key(report, on_existing, RV_E_CONFIG_EXCLUSIVE,
                           "'on_existing' means nothing with 'type: stdout'");
}

static void stdout_is_one_file(rvi_report *report, rvi_node *root, rvi_node *block)
{
    (void)root;
    rvi_node *size = rvi_child(block, RVI_K_EXPORT_MAX_FILE_SIZE);
    const rvi_node *dest = rvi_child(block, RVI_K_EXPORT_DESTINATION);
    if (is_good(size) && rvi_word(dest, RVI_K_DEST_TYPE) == RVI_DEST_STDOUT)
        rvi_problem_at_key(report, size, RV_E_CONFIG_EXCLUSIVE,
                           "'max_file_size' cannot be kept with 'type: stdout', which is one file");
}

static void check_placeholder(rvi_report *report, rvi_node *path, const char *name, size_t len)
{
    static const char *const words[] = {"date", "export", "table", "run_id", "partition"};
    char copy[32], hint[RVI_ECHO_BYTES];
    if (len >= sizeof copy)
        len = sizeof copy - 1;
    memcpy(copy, name, len);
    copy[len] = '\0';
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(copy, words[i]) == 0)
            return;
    rvi_problem(report, path, RV_E_CONFIG_VALUE,
                "has an unknown placeholder; known: {date}, {export}, {table}, {run_id}, {partition}%s",
                rvi_suggest(report, copy, words, sizeof words / sizeof words[0], hint));
}

static void path_placeholders_are_known(rvi_report *report, rvi_node *root, rvi_node *dest)
{
    (void)root;
    rvi_node *path = rvi_child(dest, RVI_K_DEST_PATH);
    if (!is_good(path))
        return;
    const char *open = strchr(path->text, '{');
    while (open) {
        const char *close = strchr(open, '}');
        if (!close) {
            rvi_problem(report, path, RV_E_CONFIG_VALUE, "has a '{' without a closing '}'");
            return;
        }
        check_placeholder(report, path, open + 1, (size_t)(close - open - 1));
        open = strchr(close, '{');
    }
}

/* ---- running them -------------------------------------------------------------------------------------- */

static const rule rules[] = {
    {RVI_S_ROOT, there_are_exports},
    {RVI_S_ROOT, exports_run_as_threads},
    {RVI_S_SOURCE, source_says_how_to_reach_it},
    {RVI_S_SOURCE, source_type_fits_its_keys},
    {RVI_S_SOURCE, password_is_kept_out_of_the_file},
    {RVI_S_TLS, tls_checks_the_server},
    {RVI_S_EXPORT, export_names_are_unique},
    {RVI_S_EXPORT, export_name_is_a_file_name},
    {RVI_S_EXPORT, export_says_what_to_read},
    {RVI_S_EXPORT, csv_has_gzip_or_zstd},
    {RVI_S_EXPORT, level_fits_the_codec},
    {RVI_S_EXPORT, csv_block_needs_csv},
    {RVI_S_EXPORT, parquet_block_needs_parquet},
    {RVI_S_EXPORT, merged_tuning_limits_a_page_once},
    {RVI_S_EXPORT, stdout_holds_nothing_to_replace},
    {RVI_S_EXPORT, stdout_is_one_file},
    {RVI_S_EXPORT, rvi_check_mode_rules},
    {RVI_S_PARQUET, row_groups_are_closed_by_their_strategy},
    {RVI_S_PARQUET, row_group_target_is_below_its_maximum},
    {RVI_S_CSV, csv_delimiter_is_unambiguous},
    {RVI_S_CSV, csv_null_stays_in_its_field},
    {RVI_S_DESTINATION, destination_keys_fit_its_type},
    {RVI_S_DESTINATION, path_placeholders_are_known},
};

static void check_exclusions(rvi_report *report, rvi_node *block)
{
    size_t n = 0;
    const rvi_exclusion *pairs = rvi_exclusions(&n);
    for (size_t i = 0; i < n; i++) {
        rvi_node *a = rvi_child(block, pairs[i].a), *b = rvi_child(block, pairs[i].b);
        if (!a || !b || (a->key->flags | b->key->flags) & RVI_LATER)
            continue;
        rvi_node *later = a->index > b->index ? a : b;
        const rvi_node *earlier = later == a ? b : a;
        rvi_problem_at_key(report, later, RV_E_CONFIG_EXCLUSIVE,
                           "'%s' and '%s' (line %d) exclude each other; give one of them", later->name,
                           earlier->name, earlier->key_line);
    }
}

static void check_block(rvi_report *report, rvi_node *root, rvi_node *block, rvi_section section)
{
    if (block->kind != RVI_NODE_MAP)
        return;
    check_exclusions(report, block);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].section == section)
            rules[i].check(report, root, block);
    for (int i = 0; i < block->n_items; i++) {
        rvi_node *child = block->items[i];
        if (!child->key || child->key->flags & RVI_LATER || rvi_is_null(child))
            continue;
        if (child->key->kind == RVI_KIND_BLOCK)
            check_block(report, root, child, child->key->inner);
        else if (child->key->kind == RVI_KIND_BLOCKS)
            for (int k = 0; k < child->n_items; k++)
                check_block(report, root, child->items[k], child->key->inner);
    }
}

void rvi_check_rules(rvi_report *report, rvi_node *root)
{
    check_block(report, root, root, RVI_S_ROOT);
}
