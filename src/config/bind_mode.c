/* bind_mode.c - the keys of an export that say which rows a run exports, how they are cut, and what they must pass. */
#include "config/internal.h"

/* How far below its mark a cursor of whole numbers is looked at again when nothing is said: more than the numbers that
 * transactions still open can have taken from a sequence, and few rows to read along an index. */
enum { LOOKBACK_UNITS = 10000 };

void rvi_bind_texts(rvi_loader *loader, const rvi_node *list, const char *const **out, int *n_out)
{
    if (!list || list->kind != RVI_NODE_LIST || list->n_items == 0)
        return;
    const char **texts = rv_arena_alloc(loader->config->arena, (size_t)list->n_items, sizeof *texts);
    if (!texts) {
        loader->report.out_of_memory = true;
        return;
    }
    for (int i = 0; i < list->n_items; i++)
        texts[i] = rvi_keep(loader, rvi_is_scalar(list->items[i]) ? list->items[i]->text : "");
    *out = texts;
    *n_out = list->n_items;
}

/* Ascending; a list that is too long was reported. */
static void bind_key(rvi_loader *loader, const rvi_node *node, rv_key *out)
{
    if (!node || node->bad)
        return;
    if (node->kind == RVI_NODE_SCALAR)
        out->columns[out->n_columns++] = rvi_keep(loader, node->text);
    for (int i = 0; i < node->n_items && out->n_columns < RV_MAX_KEY_COLUMNS; i++)
        if (rvi_is_scalar(node->items[i]))
            out->columns[out->n_columns++] = rvi_keep(loader, node->items[i]->text);
}

static void bind_cursor(rvi_loader *loader, const rvi_node *block, rv_cursor_config *out)
{
    const rvi_node *lookback = rvi_child(block, RVI_K_EXPORT_CURSOR_LOOKBACK);
    bind_key(loader, rvi_child(block, RVI_K_EXPORT_CURSOR_COLUMN), &out->key);
    if (rvi_word(block, RVI_K_EXPORT_INCREMENTAL_CURSOR_MODE) == RVI_CURSOR_COALESCE)
        out->fallback = rvi_keep(loader, rvi_text(block, RVI_K_EXPORT_CURSOR_FALLBACK_COLUMN));
    out->by_key = rvi_bool(block, RVI_K_EXPORT_KEYSET_INCREMENTAL);
    bool ok = rvi_parse_duration(rvi_text(block, RVI_K_EXPORT_CURSOR_LOOKBACK), &out->lookback_us,
                                 &out->lookback_units);
    if (!ok || !lookback || lookback->bad)
        out->lookback_units = LOOKBACK_UNITS; /* nothing was said about the cursor's type either */
}

static void bind_chunks(rvi_loader *loader, const rvi_node *block, rv_chunk_config *out)
{
    out->column = rvi_keep(loader, rvi_text(block, RVI_K_EXPORT_CHUNK_COLUMN));
    out->size = rvi_int(block, RVI_K_EXPORT_CHUNK_SIZE);
    out->size_memory_mb = rvi_int(block, RVI_K_EXPORT_CHUNK_SIZE_MEMORY_MB);
    out->count = rvi_int(block, RVI_K_EXPORT_CHUNK_COUNT);
    out->by_days = rvi_int(block, RVI_K_EXPORT_CHUNK_BY_DAYS);
    out->dense = rvi_bool(block, RVI_K_EXPORT_CHUNK_DENSE);
    out->max_attempts = rvi_int(block, RVI_K_EXPORT_CHUNK_MAX_ATTEMPTS);
    bind_key(loader, rvi_child(block, RVI_K_EXPORT_CHUNK_BY_KEY), &out->by_key);
}

static rv_consistency consistency_of(const rvi_node *block, rv_mode mode)
{
    const rvi_node *given = rvi_child(block, RVI_K_EXPORT_CONSISTENCY);
    if (given && !given->bad)
        return (rv_consistency)rvi_word(block, RVI_K_EXPORT_CONSISTENCY);
    return mode == RV_MODE_FULL ? RV_CONSISTENCY_SNAPSHOT : RV_CONSISTENCY_STATEMENT;
}

void rvi_bind_mode(rvi_loader *loader, const rvi_node *block, rv_export_config *out)
{
    out->mode = (rv_mode)rvi_word(block, RVI_K_EXPORT_MODE);
    out->consistency = consistency_of(block, out->mode);
    out->on_interrupted = (rv_on_interrupted)rvi_word(block, RVI_K_EXPORT_ON_INTERRUPTED);
    out->parallel = (int)rvi_int(block, RVI_K_EXPORT_PARALLEL);
    bind_chunks(loader, block, &out->chunk);
    if (out->mode != RV_MODE_CHUNKED) { /* said to be without effect */
        out->chunk.column = NULL;
        out->chunk.count = 0;
    }
    if (out->mode == RV_MODE_INCREMENTAL)
        bind_cursor(loader, block, &out->cursor);
    if (out->mode == RV_MODE_TIME_WINDOW)
        out->time_window = (rv_time_window_config){
            .column = rvi_keep(loader, rvi_text(block, RVI_K_EXPORT_TIME_COLUMN)),
            .unix_seconds = rvi_word(block, RVI_K_EXPORT_TIME_COLUMN_TYPE) == RVI_TIME_UNIX,
            .days = rvi_int(block, RVI_K_EXPORT_DAYS_WINDOW)};
    out->partition.column = rvi_keep(loader, rvi_text(block, RVI_K_EXPORT_PARTITION_BY));
    out->partition.granularity = (rv_granularity)rvi_word(block, RVI_K_EXPORT_PARTITION_GRANULARITY);
}

static void bind_meta_columns(rvi_loader *loader, const rvi_node *block, rv_meta_columns *out)
{
    const rvi_node *meta = rvi_child(block, RVI_K_EXPORT_META_COLUMNS);
    const rvi_node *hash = rvi_child(meta, RVI_K_META_ROW_HASH);
    out->exported_at = rvi_bool(meta, RVI_K_META_EXPORTED_AT);
    if (!hash || hash->bad)
        return;
    rvi_bind_texts(loader, hash, &out->row_hash_columns, &out->n_row_hash_columns);
    bool all = false;
    out->row_hash = hash->kind == RVI_NODE_LIST || (rvi_parse_bool(hash->text, &all) && all);
}

static void bind_null_ratios(rvi_loader *loader, const rvi_node *node, rv_quality_config *out)
{
    if (!node || node->bad || node->kind != RVI_NODE_MAP || node->n_items == 0)
        return;
    rv_null_ratio *ratios = rv_arena_alloc(loader->config->arena, (size_t)node->n_items, sizeof *ratios);
    if (!ratios) {
        loader->report.out_of_memory = true;
        return;
    }
    for (int i = 0; i < node->n_items; i++) {
        ratios[i].column = rvi_keep(loader, node->items[i]->name);
        if (rvi_is_scalar(node->items[i])) /* reported when it is no ratio; the load then fails */
            (void)rvi_parse_number(node->items[i]->text, &ratios[i].max);
    }
    out->null_ratios = ratios;
    out->n_null_ratios = node->n_items;
}

static int64_t count_or_none(const rvi_node *quality, rvi_key_id id)
{
    return rvi_child(quality, id) ? rvi_int(quality, id) : -1;
}

void rvi_bind_guards(rvi_loader *loader, const rvi_node *block, rv_export_config *out)
{
    const rvi_node *quality = rvi_child(block, RVI_K_EXPORT_QUALITY);
    rv_quality_config *gates = &out->quality;
    bind_meta_columns(loader, block, &out->meta);
    gates->row_count_min = count_or_none(quality, RVI_K_QUALITY_ROW_COUNT_MIN);
    gates->row_count_max = count_or_none(quality, RVI_K_QUALITY_ROW_COUNT_MAX);
    bind_null_ratios(loader, rvi_child(quality, RVI_K_QUALITY_NULL_RATIO_MAX), gates);
    rvi_bind_texts(loader, rvi_child(quality, RVI_K_QUALITY_UNIQUE_COLUMNS), &gates->unique_columns,
                   &gates->n_unique_columns);
    gates->unique_max_entries = rvi_int(quality, RVI_K_QUALITY_UNIQUE_MAX_ENTRIES);
    out->on_schema_drift = (rv_on_drift)rvi_word(block, RVI_K_EXPORT_ON_SCHEMA_DRIFT);
    out->shape_drift_warn_factor = rvi_number(block, RVI_K_EXPORT_SHAPE_DRIFT_WARN_FACTOR);
}
