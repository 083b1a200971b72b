/* rules_mode.c - the keys that say which rows a run exports, against each other. */
#include "config/internal.h"

#include <string.h>

/* A value that can be reasoned about. */
static rvi_node *good(const rvi_node *block, rvi_key_id id)
{
    rvi_node *node = rvi_child(block, id);
    return node && !node->bad ? node : NULL;
}

static void missing(rvi_report *report, rvi_node *block, rvi_key_id id, const char *why)
{
    bool was_bad = block->bad; /* the block itself is usable */
    if (!rvi_child(block, id))
        rvi_problem(report, block, RV_E_CONFIG_MISSING_KEY, "the key '%s' is missing; %s needs it",
                    rvi_key_row(id)->name, why);
    block->bad = was_bad;
}

/* Keys of one mode do no harm in another, and older files have them; but whoever wrote them expected something. */
static void warn_without(rvi_report *report, const rvi_node *block, const rvi_key_id *ids, size_t n,
                         const char *mode)
{
    for (size_t i = 0; i < n; i++) {
        rvi_node *node = good(block, ids[i]);
        if (node)
            rvi_warning(report, node, NULL, RV_E_CONFIG_VALUE, "has no effect without 'mode: %s'", mode);
    }
}

static void incremental_has_a_cursor(rvi_report *report, rvi_node *block, rv_mode mode)
{
    static const rvi_key_id keys[] = {RVI_K_EXPORT_CURSOR_COLUMN, RVI_K_EXPORT_CURSOR_FALLBACK_COLUMN,
                                      RVI_K_EXPORT_CURSOR_LOOKBACK, RVI_K_EXPORT_INCREMENTAL_CURSOR_MODE,
                                      RVI_K_EXPORT_KEYSET_INCREMENTAL};
    if (mode == RV_MODE_INCREMENTAL)
        missing(report, block, RVI_K_EXPORT_CURSOR_COLUMN, "'mode: incremental'");
    else
        warn_without(report, block, keys, sizeof keys / sizeof keys[0], "incremental");
}

static void coalesce_has_one_column_and_a_fallback(rvi_report *report, rvi_node *block)
{
    rvi_node *fallback = good(block, RVI_K_EXPORT_CURSOR_FALLBACK_COLUMN);
    rvi_node *cursor = good(block, RVI_K_EXPORT_CURSOR_COLUMN);
    bool coalesce = rvi_word(block, RVI_K_EXPORT_INCREMENTAL_CURSOR_MODE) == RVI_CURSOR_COALESCE;
    if (coalesce)
        missing(report, block, RVI_K_EXPORT_CURSOR_FALLBACK_COLUMN, "'incremental_cursor_mode: coalesce'");
    else if (fallback)
        rvi_problem_at_key(report, fallback, RV_E_CONFIG_EXCLUSIVE,
                           "'cursor_fallback_column' needs 'incremental_cursor_mode: coalesce'");
    if (coalesce && cursor && cursor->n_items > 1)
        rvi_problem(report, cursor, RV_E_CONFIG_EXCLUSIVE,
                    "is a list of %d columns; 'incremental_cursor_mode: coalesce' takes one",
                    cursor->n_items);
    if (coalesce && cursor && fallback && cursor->kind == RVI_NODE_SCALAR &&
        strcmp(cursor->text, fallback->text) == 0)
        rvi_problem(report, fallback, RV_E_CONFIG_VALUE, "is 'cursor_column' itself");
}

static void time_window_has_its_column(rvi_report *report, rvi_node *block, rv_mode mode)
{
    static const rvi_key_id keys[] = {RVI_K_EXPORT_TIME_COLUMN, RVI_K_EXPORT_TIME_COLUMN_TYPE,
                                      RVI_K_EXPORT_DAYS_WINDOW};
    if (mode == RV_MODE_TIME_WINDOW) {
        missing(report, block, RVI_K_EXPORT_TIME_COLUMN, "'mode: time_window'");
        missing(report, block, RVI_K_EXPORT_DAYS_WINDOW, "'mode: time_window'");
    } else {
        warn_without(report, block, keys, sizeof keys / sizeof keys[0], "time_window");
    }
}

static bool is_true(const rvi_node *block, rvi_key_id id)
{
    return rvi_key_row(id)->kind != RVI_KIND_BOOL || rvi_bool(block, id);
}

static void ranges_of_a_column_need_chunked(rvi_report *report, rvi_node *block, rv_mode mode)
{
    static const rvi_key_id idle[] = {RVI_K_EXPORT_CHUNK_COLUMN, RVI_K_EXPORT_CHUNK_COUNT};
    static const rvi_key_id keys[] = {RVI_K_EXPORT_CHUNK_BY_DAYS, RVI_K_EXPORT_CHUNK_DENSE};
    if (mode != RV_MODE_CHUNKED)
        warn_without(report, block, idle, sizeof idle / sizeof idle[0], "chunked");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        rvi_node *node = good(block, keys[i]);
        if (node && mode != RV_MODE_CHUNKED && is_true(block, keys[i]))
            rvi_problem_at_key(report, node, RV_E_CONFIG_EXCLUSIVE, "'%s' needs 'mode: chunked'", node->name);
    }
    if (good(block, RVI_K_EXPORT_CHUNK_BY_DAYS) && mode == RV_MODE_CHUNKED)
        missing(report, block, RVI_K_EXPORT_CHUNK_COLUMN, "'chunk_by_days'");
}

static void sizes_beside_fixed_ranges_have_no_effect(rvi_report *report, rvi_node *block)
{
    static const rvi_key_id sizes[] = {RVI_K_EXPORT_CHUNK_SIZE, RVI_K_EXPORT_CHUNK_SIZE_MEMORY_MB};
    const rvi_node *count = good(block, RVI_K_EXPORT_CHUNK_COUNT);
    const rvi_node *fixed = count ? count : good(block, RVI_K_EXPORT_CHUNK_BY_DAYS);
    for (int i = 0; fixed && i < 2; i++) {
        rvi_node *size = good(block, sizes[i]);
        if (size)
            rvi_warning(report, size, NULL, RV_E_CONFIG_VALUE, "has no effect with '%s'", fixed->name);
    }
}

static void partitions_have_folders(rvi_report *report, rvi_node *block)
{
    rvi_node *column = good(block, RVI_K_EXPORT_PARTITION_BY);
    rvi_node *dest = good(block, RVI_K_EXPORT_DESTINATION);
    rvi_node *path = good(dest, RVI_K_DEST_PATH);
    bool has_placeholder = path && path->kind == RVI_NODE_SCALAR && strstr(path->text, "{partition}");
    int type = rvi_word(dest, RVI_K_DEST_TYPE);
    if (column && type == RVI_DEST_STDOUT)
        rvi_problem_at_key(report, column, RV_E_CONFIG_EXCLUSIVE,
                           "'partition_by' makes folders; 'type: stdout' has none");
    else if (column && path && !has_placeholder)
        rvi_problem(
            report, path, RV_E_CONFIG_VALUE,
            "has no {partition}, which 'partition_by' (line %d) needs: each partition is a folder of its own",
            column->key_line);
    else if (!column && has_placeholder && !rvi_child(block, RVI_K_EXPORT_PARTITION_BY))
        rvi_problem(report, path, RV_E_CONFIG_VALUE,
                    "has {partition}, which only 'partition_by' gives a value");
}

/* A partition's name is the export's and the bucket's, and begins the names of its files. */
static void partitions_have_short_names(rvi_report *report, rvi_node *block)
{
    enum { MOST_BYTES = 100 };
    rvi_node *name = good(block, RVI_K_EXPORT_NAME);
    if (name && good(block, RVI_K_EXPORT_PARTITION_BY) && name->len > MOST_BYTES)
        rvi_problem(report, name, RV_E_CONFIG_VALUE, "is %d bytes long; with 'partition_by' at most %d",
                    (int)name->len, MOST_BYTES);
}

static void no_partitions_without_a_column(rvi_report *report, rvi_node *block)
{
    rvi_node *granularity = good(block, RVI_K_EXPORT_PARTITION_GRANULARITY);
    if (granularity && !rvi_child(block, RVI_K_EXPORT_PARTITION_BY))
        rvi_warning(report, granularity, NULL, RV_E_CONFIG_VALUE, "has no effect without 'partition_by'");
}

static void row_counts_leave_room(rvi_report *report, rvi_node *block)
{
    const rvi_node *quality = good(block, RVI_K_EXPORT_QUALITY);
    rvi_node *most = good(quality, RVI_K_QUALITY_ROW_COUNT_MAX);
    int64_t least = rvi_int(quality, RVI_K_QUALITY_ROW_COUNT_MIN);
    if (most && rvi_int(quality, RVI_K_QUALITY_ROW_COUNT_MAX) < least)
        rvi_problem(report, most, RV_E_CONFIG_EXCLUSIVE, "is less than 'row_count_min' (%lld)",
                    (long long)least);
}

void rvi_check_mode_rules(rvi_report *report, rvi_node *root, rvi_node *block)
{
    (void)root;
    rv_mode mode = (rv_mode)rvi_word(block, RVI_K_EXPORT_MODE);
    const rvi_node *given = rvi_child(block, RVI_K_EXPORT_MODE);
    if (!given || !given->bad) { /* what is wrong with an unknown mode cannot be said */
        incremental_has_a_cursor(report, block, mode);
        time_window_has_its_column(report, block, mode);
        ranges_of_a_column_need_chunked(report, block, mode);
    }
    coalesce_has_one_column_and_a_fallback(report, block);
    sizes_beside_fixed_ranges_have_no_effect(report, block);
    partitions_have_folders(report, block);
    no_partitions_without_a_column(report, block);
    partitions_have_short_names(report, block);
    row_counts_leave_room(report, block);
}
