/* bind.c - `exports:` to rv_export_config: profiles, tuning, columns, relations, formats, destinations. */
#include "config/internal.h"

#include "rivet/utf8.h"

#include <stdio.h>
#include <string.h>

/* ---- tuning -------------------------------------------------------------------------------------------- */

/* DESIGN, "Chunks and pages": the duty cycle has no key of its own. */
static const int64_t duty_percent[] = {
    [RV_PROFILE_BALANCED] = 100, [RV_PROFILE_FAST] = 100, [RV_PROFILE_SAFE] = 50};

/* The two blocks that set an export's pace; either may be NULL. */
typedef struct tuning_blocks {
    const rvi_node *outer, *inner;
    rv_profile profile;
} tuning_blocks;

static bool is_given(const rvi_node *block, rvi_key_id id)
{
    const rvi_node *node = rvi_child(block, id);
    return node && !node->bad;
}

/* The block whose value counts. */
static const rvi_node *deciding(const tuning_blocks *blocks, rvi_key_id id)
{
    return is_given(blocks->inner, id) ? blocks->inner : blocks->outer;
}

static int64_t tuned(const tuning_blocks *blocks, rvi_key_id id)
{
    const rvi_node *from = deciding(blocks, id);
    int64_t value = 0;
    if (is_given(from, id) && rvi_parse_int(rvi_child(from, id)->text, &value))
        return value;
    return rvi_default_int(rvi_key_row(id), blocks->profile);
}

static rv_profile profile_of(const rvi_node *source, const rvi_node *inner)
{
    const rvi_node *outer = rvi_child(source, RVI_K_SOURCE_TUNING);
    if (is_given(inner, RVI_K_TUNING_PROFILE))
        return (rv_profile)rvi_word(inner, RVI_K_TUNING_PROFILE);
    if (is_given(outer, RVI_K_TUNING_PROFILE))
        return (rv_profile)rvi_word(outer, RVI_K_TUNING_PROFILE);
    return rvi_word(source, RVI_K_SOURCE_ENVIRONMENT) == RVI_ENVIRONMENT_LOCAL ? RV_PROFILE_FAST
                                                                               : RV_PROFILE_BALANCED;
}

static void bind_tuning(const rvi_node *source, const rvi_node *block, rv_tuning *out)
{
    const rvi_node *inner = rvi_child(block, RVI_K_EXPORT_TUNING);
    const tuning_blocks from = {rvi_child(source, RVI_K_SOURCE_TUNING), inner, profile_of(source, inner)};
    *out = (rv_tuning){
        .profile = from.profile,
        .batch_size = tuned(&from, RVI_K_TUNING_BATCH_SIZE),
        .batch_size_memory_mb = tuned(&from, RVI_K_TUNING_BATCH_SIZE_MEMORY_MB),
        .throttle_ms = tuned(&from, RVI_K_TUNING_THROTTLE_MS),
        .throttle_given =
            is_given(from.inner, RVI_K_TUNING_THROTTLE_MS) || is_given(from.outer, RVI_K_TUNING_THROTTLE_MS),
        .statement_timeout_s = tuned(&from, RVI_K_TUNING_STATEMENT_TIMEOUT_S),
        .lock_timeout_s = tuned(&from, RVI_K_TUNING_LOCK_TIMEOUT_S),
        .statement_target_ms = tuned(&from, RVI_K_TUNING_STATEMENT_TARGET_MS),
        .duty_percent = duty_percent[from.profile],
        .gives_way = from.profile == RV_PROFILE_SAFE,
        .max_value_mb = tuned(&from, RVI_K_TUNING_MAX_VALUE_MB),
        .max_snapshot_age_s = tuned(&from, RVI_K_TUNING_MAX_SNAPSHOT_AGE_S),
        .max_rows_per_s = tuned(&from, RVI_K_TUNING_MAX_ROWS_PER_S),
        .max_mb_per_s = tuned(&from, RVI_K_TUNING_MAX_MB_PER_S),
        .max_retries = tuned(&from, RVI_K_TUNING_MAX_RETRIES),
        .retry_backoff_ms = tuned(&from, RVI_K_TUNING_RETRY_BACKOFF_MS),
        .memory_threshold_mb = tuned(&from, RVI_K_TUNING_MEMORY_THRESHOLD_MB),
        .adaptive = rvi_bool(deciding(&from, RVI_K_TUNING_ADAPTIVE), RVI_K_TUNING_ADAPTIVE),
        .min_parallel = tuned(&from, RVI_K_TUNING_MIN_PARALLEL),
        .max_batch_memory_mb = tuned(&from, RVI_K_TUNING_MAX_BATCH_MEMORY_MB),
        .on_batch_memory_exceeded = (rv_batch_exceeded)rvi_word(
            deciding(&from, RVI_K_TUNING_ON_BATCH_MEMORY_EXCEEDED), RVI_K_TUNING_ON_BATCH_MEMORY_EXCEEDED),
    };
}

/* ---- what to read -------------------------------------------------------------------------------------- */

/* One statement, without the semicolon that may end it. */
static void bind_query(rvi_loader *loader, rvi_node *node, const char *text, size_t len, rv_relation *out)
{
    static const char white[] = " \t\r\n\f\v;";
    if (!rv_utf8_valid((const uint8_t *)text, len) || memchr(text, '\0', len)) {
        rvi_problem(&loader->report, node, RV_E_CONFIG_VALUE, "the query is not UTF-8 text");
        return;
    }
    while (len > 0 && strchr(white, text[len - 1]))
        len--;
    if (strspn(text, white) >= len) {
        rvi_problem(&loader->report, node, RV_E_CONFIG_VALUE, "the query is empty");
        return;
    }
    *out =
        (rv_relation){.kind = RV_RELATION_QUERY, .query = rv_arena_strndup(loader->config->arena, text, len)};
    if (!out->query)
        loader->report.out_of_memory = true;
}

static void expand_query_file(rvi_loader *loader, rvi_node *node, const char *text, size_t len,
                              rv_relation *out)
{
    char what[RVI_PATH_BYTES], name[RVI_ECHO_BYTES];
    size_t expanded_len = 0;
    bool changed = false;
    (void)snprintf(what, sizeof what, "%s: ", rvi_echo(node, name));
    const char *expanded =
        rvi_expand(&loader->env, node, what, text, len, RVI_QUERY_MAX_BYTES, &expanded_len, &changed);
    if (expanded)
        bind_query(loader, node, expanded, expanded_len, out);
}

static void bind_query_file(rvi_loader *loader, rvi_node *node, rv_relation *out)
{
    static const char byte_order_mark[] = "\xef\xbb\xbf";
    rv_error err = {0};
    char *bytes = NULL;
    size_t len = 0;
    if (loader->files == RVI_FILES_REFUSED) {
        rvi_problem(&loader->report, node, RV_E_CONFIG_UNREADABLE, "files are not read here");
        return;
    }
    rv_code rc =
        rvi_file_read_inside(loader->config->directory, node->text, RVI_QUERY_MAX_BYTES, &bytes, &len, &err);
    if (rc != RV_OK) {
        rvi_report_error(loader, node, &err);
        return;
    }
    size_t mark = len >= 3 && memcmp(bytes, byte_order_mark, 3) == 0 ? 3 : 0;
    expand_query_file(loader, node, bytes + mark, len - mark, out);
    rvi_file_free(bytes, len);
}

static void bind_relation(rvi_loader *loader, const rvi_node *block, rv_relation *out)
{
    rvi_node *table = rvi_child(block, RVI_K_EXPORT_TABLE), *query = rvi_child(block, RVI_K_EXPORT_QUERY);
    rvi_node *file = rvi_child(block, RVI_K_EXPORT_QUERY_FILE);
    if (table && !table->bad) {
        rv_error err = {0};
        if (rv_relation_parse_table(loader->config->arena, table->text, out, &err) != RV_OK)
            rvi_report_error(loader, table, &err);
    }
    if (query && !query->bad)
        bind_query(loader, query, query->text, query->len, out);
    if (file && !file->bad)
        bind_query_file(loader, file, out);
}

/* ---- columns ------------------------------------------------------------------------------------------- */

static bool class_of(const char *name, rv_invalid *out)
{
    for (int i = 0; i < RV_INVALID_CLASSES; i++) {
        if (strcmp(rv_invalid_name((rv_invalid)i), name) != 0)
            continue;
        *out = (rv_invalid)i;
        return true;
    }
    return false;
}

/* The child with this key, also when its value is the bare word `null`, which is a policy. */
static const rvi_node *policies_node(const rvi_node *block, rvi_key_id id)
{
    for (int i = 0; block && i < block->n_items; i++)
        if (block->items[i]->key && block->items[i]->key->id == id && !block->items[i]->bad)
            return block->items[i];
    return NULL;
}

static void bind_policies(const rvi_node *node, bool given[RV_INVALID_CLASSES],
                          rv_policy policy[RV_INVALID_CLASSES])
{
    rv_policy parsed;
    rv_invalid which;
    if (!node)
        return;
    if (node->kind == RVI_NODE_SCALAR && rv_policy_parse(node->text, &parsed)) {
        for (int i = 0; i < RV_INVALID_CLASSES; i++) {
            given[i] = true;
            policy[i] = parsed;
        }
    }
    for (int i = 0; i < node->n_items; i++) {
        const rvi_node *item = node->items[i];
        if (item->bad || item->kind != RVI_NODE_SCALAR || !class_of(item->name, &which) ||
            !rv_policy_parse(item->text, &parsed))
            continue;
        given[which] = true;
        policy[which] = parsed;
    }
}

static void bind_column(rvi_loader *loader, const rvi_node *node, rv_column_override *out)
{
    const char *type = node->kind == RVI_NODE_MAP ? rvi_text(node, RVI_K_COLUMN_TYPE) : node->text;
    out->column = rvi_keep(loader, node->name);
    if (type && !node->bad)
        (void)rv_type_parse(type, &out->type); /* reported when it is none; the load then fails */
    if (node->kind == RVI_NODE_MAP)
        bind_policies(policies_node(node, RVI_K_COLUMN_ON_INVALID), out->has_policy, out->policy);
}

static void bind_schema(rvi_loader *loader, const rvi_node *block, rv_schema_options *out)
{
    bool given[RV_INVALID_CLASSES] = {false};
    const rvi_node *columns = rvi_child(block, RVI_K_EXPORT_COLUMNS);
    out->strict = rvi_bool(block, RVI_K_EXPORT_STRICT);
    bind_policies(policies_node(block, RVI_K_EXPORT_ON_INVALID), given, out->on_invalid);
    if (!columns || columns->kind != RVI_NODE_MAP || columns->n_items == 0)
        return;
    rv_column_override *overrides =
        rv_arena_alloc(loader->config->arena, (size_t)columns->n_items, sizeof *overrides);
    if (!overrides) {
        loader->report.out_of_memory = true;
        return;
    }
    for (int i = 0; i < columns->n_items; i++)
        bind_column(loader, columns->items[i], &overrides[i]);
    out->overrides = overrides;
    out->n_overrides = columns->n_items;
}

/* ---- format and destination ---------------------------------------------------------------------------- */

static void bind_compression(const rvi_node *block, rv_format_config *out)
{
    enum { BALANCED_LEVEL = 3, COMPACT_LEVEL = 9 }; /* contract of compression_profile */
    switch (rvi_word(block, RVI_K_EXPORT_COMPRESSION_PROFILE)) {
    case RVI_CODEC_PROFILE_NONE:
        out->codec = RV_CODEC_NONE;
        return;
    case RVI_CODEC_PROFILE_FAST:
        out->codec = RV_CODEC_SNAPPY;
        return;
    case RVI_CODEC_PROFILE_BALANCED:
        out->codec = RV_CODEC_ZSTD;
        out->level = BALANCED_LEVEL;
        return;
    case RVI_CODEC_PROFILE_COMPACT:
        out->codec = RV_CODEC_ZSTD;
        out->level = COMPACT_LEVEL;
        return;
    default:
        out->codec = (rv_codec)rvi_word(block, RVI_K_EXPORT_COMPRESSION);
        out->level = (int)rvi_int(block, RVI_K_EXPORT_COMPRESSION_LEVEL);
        return;
    }
}

static void bind_encodings(rvi_loader *loader, const rvi_node *node, rv_parquet_options *out)
{
    if (!node || node->bad || node->kind != RVI_NODE_MAP || node->n_items == 0)
        return;
    rv_parquet_column *columns =
        rv_arena_alloc(loader->config->arena, (size_t)node->n_items, sizeof *columns);
    if (!columns) {
        loader->report.out_of_memory = true;
        return;
    }
    for (int i = 0; i < node->n_items; i++) {
        const rvi_node *item = node->items[i];
        const rvi_name *word = rvi_is_scalar(item) ? rvi_name_find(node->key->set, item->text) : NULL;
        columns[i].column = rvi_keep(loader, item->name);
        if (word) /* reported when it is none; the load then fails */
            columns[i].encoding = (rv_parquet_encoding)word->value;
    }
    out->columns = columns;
    out->n_columns = node->n_items;
}

static void bind_row_groups(const rvi_node *parquet, rv_parquet_options *out)
{
    int64_t rows = rvi_int(parquet, RVI_K_PARQUET_ROW_GROUP_ROWS);
    if (rows < RV_ROW_GROUP_ROWS_MIN)
        rows = RV_ROW_GROUP_ROWS_MIN;
    out->row_groups = (rv_row_groups)rvi_word(parquet, RVI_K_PARQUET_ROW_GROUP_STRATEGY);
    out->rows = rows < RV_ROW_GROUP_ROWS_MAX ? rows : RV_ROW_GROUP_ROWS_MAX;
    out->target_bytes = (uint64_t)rvi_int(parquet, RVI_K_PARQUET_TARGET_ROW_GROUP_MB) << 20;
    out->max_bytes = (uint64_t)rvi_int(parquet, RVI_K_PARQUET_MAX_ROW_GROUP_MB) << 20;
}

static void bind_parquet(rvi_loader *loader, const rvi_node *block, rv_parquet_options *out)
{
    const rvi_node *parquet = rvi_child(block, RVI_K_EXPORT_PARQUET);
    out->compat = (rv_parquet_compat)rvi_word(parquet, RVI_K_PARQUET_COMPAT);
    bind_encodings(loader, rvi_child(parquet, RVI_K_PARQUET_ENCODING), out);
    rvi_bind_texts(loader, rvi_child(parquet, RVI_K_PARQUET_BLOOM), &out->bloom, &out->n_bloom);
    bind_row_groups(parquet, out);
}

static void bind_format(rvi_loader *loader, const rvi_node *block, rv_format_config *out)
{
    const rvi_node *csv = rvi_child(block, RVI_K_EXPORT_CSV);
    out->kind = (rv_format_kind)rvi_word(block, RVI_K_EXPORT_FORMAT);
    /* CSV is compressed only when the file says so; the default is Parquet's. */
    bool asked =
        rvi_child(block, RVI_K_EXPORT_COMPRESSION) || rvi_child(block, RVI_K_EXPORT_COMPRESSION_PROFILE);
    if (out->kind == RV_FORMAT_PARQUET || asked)
        bind_compression(block, out);
    bind_parquet(loader, block, &out->parquet);
    out->max_file_bytes = (uint64_t)rvi_size(block, RVI_K_EXPORT_MAX_FILE_SIZE);
    out->csv.delimiter = rvi_text(csv, RVI_K_CSV_DELIMITER)[0];
    out->csv.null_text = rvi_keep(loader, rvi_text(csv, RVI_K_CSV_NULL));
    out->csv.header = rvi_bool(csv, RVI_K_CSV_HEADER);
    out->csv.line_ending = rvi_word(csv, RVI_K_CSV_LINE_ENDING) == RVI_LINE_CRLF ? "\r\n" : "\n";
}

static void bind_destination(rvi_loader *loader, const rvi_node *block, rv_dest_config *out)
{
    const rvi_node *dest = rvi_child(block, RVI_K_EXPORT_DESTINATION);
    out->kind = rvi_word(dest, RVI_K_DEST_TYPE) == RVI_DEST_STDOUT ? "stdout" : "local";
    out->path = rvi_keep(loader, rvi_text(dest, RVI_K_DEST_PATH));
}

static void bind_export(rvi_loader *loader, const rvi_node *source, const rvi_node *block,
                        rv_export_config *out)
{
    out->name = rvi_keep(loader, rvi_text(block, RVI_K_EXPORT_NAME));
    out->on_existing = (rv_on_existing)rvi_word(block, RVI_K_EXPORT_ON_EXISTING);
    out->skip_empty = rvi_bool(block, RVI_K_EXPORT_SKIP_EMPTY);
    out->row_security_acknowledged = rvi_word(block, RVI_K_EXPORT_ROW_SECURITY) != 0;
    bind_relation(loader, block, &out->relation);
    bind_format(loader, block, &out->format);
    bind_destination(loader, block, &out->dest);
    bind_tuning(source, block, &out->tuning);
    bind_schema(loader, block, &out->schema);
    rvi_bind_mode(loader, block, out);
    rvi_bind_guards(loader, block, out);
    if (out->tuning.min_parallel > out->parallel)
        out->tuning.min_parallel = out->parallel;
}

void rvi_bind_exports(rvi_loader *loader, rvi_node *root)
{
    const rvi_node *exports = rvi_child(root, RVI_K_EXPORTS), *source = rvi_child(root, RVI_K_SOURCE);
    rv_config *config = loader->config;
    config->parallel_exports =
        rvi_bool(root, RVI_K_PARALLEL_EXPORTS) || rvi_bool(root, RVI_K_PARALLEL_EXPORT_PROCESSES);
    config->state_keep_runs = rvi_int(root, RVI_K_STATE_KEEP_RUNS);
    config->state_keep_days = rvi_int(root, RVI_K_STATE_KEEP_DAYS);
    config->max_connections = (int)rvi_int(source, RVI_K_SOURCE_MAX_CONNECTIONS);
    if (!exports || exports->kind != RVI_NODE_LIST || exports->n_items > RVI_MAX_EXPORTS)
        return;
    config->exports = rv_arena_alloc(config->arena, (size_t)exports->n_items, sizeof *config->exports);
    if (!config->exports) {
        loader->report.out_of_memory = true;
        return;
    }
    for (int i = 0; i < exports->n_items; i++)
        if (exports->items[i]->kind == RVI_NODE_MAP)
            bind_export(loader, source, exports->items[i], &config->exports[i]);
    config->n_exports = exports->n_items;
}
