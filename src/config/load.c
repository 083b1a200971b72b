/* load.c - the steps of loading in order, and their verdict. */
#include "config/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

void rv_config_free(rv_config *config)
{
    if (!config)
        return;
    rv_secret_free(config->source.password);
    rv_arena_free(config->arena); /* the configuration itself lies in it */
}

static rv_code config_new(rv_config **out, const char *path, rv_error *err)
{
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    RV_TRY(rv_arena_new(&arena, RVI_CONFIG_MAX_BYTES, err));
    rv_config *config = rv_arena_alloc(arena, 1, sizeof *config);
    if (!config)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "the configuration");
    config->path = rv_arena_strdup(arena, path);
    config->directory = rvi_path_dirname(arena, path);
    if (!config->path || !config->directory)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "the configuration");
    RV_MOVE(&config->arena, arena);
    *out = config;
    return RV_OK;
}

rv_code rv_config_locate(rv_config **out, const char *path, rv_error *err)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return rv_fail_os(err, RV_E_CONFIG_UNREADABLE, errno, "cannot find '%s'", path);
    return config_new(out, path, err);
}

/* Make the redactor know every secret before any message can repeat one. */
static void collect_secrets(rvi_loader *loader, const rvi_node *node)
{
    bool secret = node->key && node->key->flags & RVI_SECRET;
    if (secret && node->key->id != RVI_K_SOURCE_URL && rvi_is_scalar(node) &&
        rvi_redact_bytes(loader->redactor, node->text, node->len, NULL) != RV_OK)
        loader->report.out_of_memory = true;
    for (int i = 0; i < node->n_items; i++)
        collect_secrets(loader, node->items[i]);
}

static void check_and_bind(rvi_loader *loader, rvi_node *root)
{
    rvi_report *report = &loader->report;
    rvi_check_keys(report, root);
    rvi_expand_tree(&loader->env, root);
    collect_secrets(loader, root);
    rvi_check_values(report, root);
    rvi_check_rules(report, root);
    rvi_bind_source(loader, root);
    rvi_bind_exports(loader, root);
    rvi_report_unused_params(&loader->env);
}

/* An empty file has the problems of an empty block. */
static rv_code parse(rvi_loader *loader, const char *text, size_t len, rvi_node **root, rv_error *err)
{
    rv_arena *arena = loader->env.arena;
    RV_TRY(rvi_tree_parse(arena, text, len, &loader->report, root, err));
    if (*root && !rvi_is_null(*root))
        return RV_OK;
    rvi_node *empty = rv_arena_alloc(arena, 1, sizeof *empty);
    if (!empty)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "the configuration's tree");
    empty->kind = RVI_NODE_MAP;
    empty->line = empty->column = 1;
    *root = empty;
    return RV_OK;
}

static rv_code load_with(rvi_loader *loader, const char *text, size_t len, rv_error *err)
{
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    rvi_node *root = NULL;
    RV_TRY(rv_arena_new(&arena, RVI_TREE_MAX_BYTES, err));
    loader->env.arena = arena;
    loader->env.param_used = rv_arena_alloc(arena, (size_t)loader->input->n_params, sizeof(bool));
    if (!loader->env.param_used)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "the configuration's parameters");
    RV_TRY(parse(loader, text, len, &root, err));
    check_and_bind(loader, root);
    rvi_tree_wipe(root);
    return RV_OK;
}

static const rv_finding *first_error(const rv_findings *findings)
{
    for (int i = 0; i < findings->n; i++)
        if (!findings->items[i].warning)
            return &findings->items[i];
    return NULL;
}

/* One problem: its own code and words. Several: CONFIG_INVALID, and the list has the details. */
static rv_code verdict(const rvi_loader *loader, rv_error *err)
{
    const rv_finding *first = first_error(loader->report.findings);
    const char *path = loader->config->path;
    if (!first)
        return RV_OK;
    if (loader->report.n_errors > 1)
        return rv_fail(err, RV_E_CONFIG_INVALID, "'%s' has %d problems; the first, in line %d: %s%s%s", path,
                       loader->report.n_errors, first->line, first->path, first->path[0] ? ": " : "",
                       first->message);
    return rv_fail(err, first->code, "%s:%d:%d: %s%s%s", path, first->line, first->column, first->path,
                   first->path[0] ? ": " : "", first->message);
}

rv_code rvi_config_load_memory(rv_config **out, const char *text, size_t len, const rv_config_input *input,
                               rvi_files files, rv_redactor *redactor, rv_findings *findings, rv_error *err)
{
    assert(text[len] == '\0' && input->path && findings->n == 0);
    RV_AUTO(rv_config_free) rv_config *config = NULL;
    RV_TRY(config_new(&config, input->path, err));
    assert(config);
    rvi_loader loader = {.input = input,
                         .config = config,
                         .redactor = redactor,
                         .report = {.findings = findings, .redactor = redactor},
                         .files = files};
    loader.env.input = input;
    loader.env.report = &loader.report;
    rv_code rc = load_with(&loader, text, len, err);
    if (loader.report.out_of_memory) /* findings are missing: not even a syntax error can be relied on */
        rc = rv_fail(err, RV_E_OUT_OF_MEMORY, "checking the configuration");
    rvi_findings_sort(findings);
    RV_TRY_CTX(rc, err, "configuration '%s'", input->path);
    RV_TRY(verdict(&loader, err));
    RV_MOVE(out, config);
    return RV_OK;
}

rv_code rv_config_load(rv_config **out, const rv_config_input *input, rv_redactor *redactor,
                       rv_findings *findings, rv_error *err)
{
    char *bytes = NULL;
    size_t len = 0;
    RV_TRY(rvi_file_read(input->path, RVI_FILE_MAX_BYTES, &bytes, &len, err));
    rv_code rc = rvi_config_load_memory(out, bytes, len, input, RVI_FILES_ALLOWED, redactor, findings, err);
    rvi_file_free(bytes, len);
    return rc;
}

const rv_export_config *rv_config_export(const rv_config *config, const char *name, const char **suggestion)
{
    enum { MAX_NAMES = 256 }; /* that a suggestion is looked for among */
    const char *names[MAX_NAMES];
    size_t n = 0;
    for (int i = 0; i < config->n_exports; i++) {
        if (strcmp(config->exports[i].name, name) == 0)
            return &config->exports[i];
        if (n < MAX_NAMES)
            names[n++] = config->exports[i].name;
    }
    if (suggestion)
        *suggestion = rv_did_you_mean(name, names, n);
    return NULL;
}

const char *rv_mode_name(rv_mode mode)
{
    static const char *const names[] = {[RV_MODE_FULL] = "full",
                                        [RV_MODE_INCREMENTAL] = "incremental",
                                        [RV_MODE_CHUNKED] = "chunked",
                                        [RV_MODE_TIME_WINDOW] = "time_window"};
    return names[mode];
}

const char *rv_profile_name(rv_profile profile)
{
    switch (profile) {
    case RV_PROFILE_BALANCED:
        return "balanced";
    case RV_PROFILE_FAST:
        return "fast";
    case RV_PROFILE_SAFE:
        return "safe";
    }
    return "unknown";
}

const char *rv_codec_name(rv_codec codec)
{
    switch (codec) {
    case RV_CODEC_NONE:
        return "none";
    case RV_CODEC_ZSTD:
        return "zstd";
    case RV_CODEC_SNAPPY:
        return "snappy";
    case RV_CODEC_GZIP:
        return "gzip";
    case RV_CODEC_LZ4:
        return "lz4";
    }
    return "unknown";
}

const char *rv_parquet_encoding_name(rv_parquet_encoding encoding)
{
    static const char *const names[RV_ENCODING_COUNT] = {
        [RV_ENCODING_AUTO] = "auto",
        [RV_ENCODING_PLAIN] = "plain",
        [RV_ENCODING_DICTIONARY] = "dictionary",
        [RV_ENCODING_DELTA] = "delta",
        [RV_ENCODING_DELTA_LENGTH] = "delta_length",
        [RV_ENCODING_DELTA_BYTE_ARRAY] = "delta_byte_array",
        [RV_ENCODING_BYTE_STREAM_SPLIT] = "byte_stream_split",
        [RV_ENCODING_RLE] = "rle",
    };
    return (unsigned)encoding < RV_ENCODING_COUNT ? names[encoding] : "unknown";
}

const char *rv_format_name(rv_format_kind kind)
{
    switch (kind) {
    case RV_FORMAT_PARQUET:
        return "parquet";
    case RV_FORMAT_CSV:
        return "csv";
    }
    return "unknown";
}
