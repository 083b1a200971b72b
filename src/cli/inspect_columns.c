/* Adds up, per column, what the chunks of all row groups say. */
#include "inspect.h"

#include <stdlib.h>

bool rvi_inspect_has_dictionary(const rv_parquet_chunk *chunk)
{
    if (chunk->dictionary_page_at > 0)
        return true;
    for (int32_t i = 0; i < chunk->n_encodings; i++) /* some writers leave the offset out */
        if (chunk->encodings[i] == RV_PARQUET_PLAIN_DICTIONARY ||
            chunk->encodings[i] == RV_PARQUET_RLE_DICTIONARY)
            return true;
    return false;
}

rv_code rvi_inspect_chunk_pages(rv_parquet_reader *reader, int32_t leaf, const rv_parquet_chunk *chunk,
                                int64_t *out, rv_error *err)
{
    int64_t n = 0;
    for (int32_t i = 0; i < chunk->n_encoding_stats; i++)
        if (chunk->encoding_stats[i].page_type == RV_PARQUET_DATA_PAGE ||
            chunk->encoding_stats[i].page_type == RV_PARQUET_DATA_PAGE_V2)
            n += chunk->encoding_stats[i].n_pages;
    *out = chunk->n_encoding_stats > 0 ? n : -1;
    if (chunk->n_encoding_stats > 0 || chunk->offset_index_len <= 0)
        return RV_OK;
    const rv_parquet_offset_index *index = NULL;
    RV_TRY(rv_parquet_offset_index_read(reader, leaf, &index, err));
    *out = index != NULL ? index->n_pages : -1;
    return RV_OK;
}

int64_t rvi_inspect_chunk_nulls(const rv_parquet_node *leaf, const rv_parquet_chunk *chunk)
{
    return leaf->max_def == 0 ? 0 : chunk->statistics.null_count;
}

/* `value` takes the place of the kept bound if it is the first one, or lies beyond it: `beyond` < 0 for a minimum.
 * *known: whether the two could be compared. */
static rv_code merge_bound(const rv_parquet_node *leaf, rv_bytes *kept, bool is_first, rv_parquet_bytes value,
                           int beyond, bool *known, rv_error *err)
{
    int order = beyond;
    rv_parquet_bytes before = {kept->data, kept->len};
    if (!is_first && !rv_parquet_value_compare(leaf, value, before, &order)) {
        *known = false;
        return RV_OK;
    }
    bool is_beyond = beyond < 0 ? order < 0 : order > 0;
    if (!is_beyond)
        return RV_OK;
    rv_bytes_clear(kept);
    return rv_bytes_append(kept, value.data, value.len, err);
}

static rv_code add_bounds(const rv_parquet_node *leaf, const rv_parquet_chunk *chunk,
                          rvi_inspect_column *column, rv_error *err)
{
    const rv_parquet_statistics *s = &chunk->statistics;
    if (chunk->n_values == rvi_inspect_chunk_nulls(leaf, chunk) || column->bounds == RVI_BOUNDS_LOST)
        return RV_OK;
    bool is_first = column->bounds == RVI_BOUNDS_NONE, known = s->min.data != NULL && s->max.data != NULL;
    if (known)
        RV_TRY(merge_bound(leaf, &column->min, is_first, s->min, -1, &known, err));
    if (known)
        RV_TRY(merge_bound(leaf, &column->max, is_first, s->max, 1, &known, err));
    column->bounds = known ? RVI_BOUNDS_KNOWN : RVI_BOUNDS_LOST;
    return RV_OK;
}

static uint32_t as_set(int32_t number)
{
    return (uint32_t)1 << (number >= 0 && number < 31 ? number : 31);
}

static rv_code add_chunk(rvi_inspection *in, int32_t leaf, const rv_parquet_chunk *chunk, rv_error *err)
{
    const rv_parquet_node *node = rv_parquet_leaf_node(in->metadata, leaf);
    rvi_inspect_column *column = &in->columns[leaf];
    int64_t n_pages = 0, n_nulls = rvi_inspect_chunk_nulls(node, chunk);
    RV_TRY(rvi_inspect_chunk_pages(in->reader, leaf, chunk, &n_pages, err));
    column->n_pages = n_pages < 0 || column->n_pages < 0 ? -1 : column->n_pages + n_pages;
    column->n_nulls = n_nulls < 0 || column->n_nulls < 0 ? -1 : column->n_nulls + n_nulls;
    column->n_values += chunk->n_values;
    column->raw_bytes += chunk->raw_bytes > 0 ? (uint64_t)chunk->raw_bytes : 0;
    column->stored_bytes += chunk->stored_bytes > 0 ? (uint64_t)chunk->stored_bytes : 0;
    column->codecs |= as_set(chunk->codec);
    for (int32_t i = 0; i < chunk->n_encodings; i++)
        column->encodings |= as_set(chunk->encodings[i]);
    column->n_dictionaries += rvi_inspect_has_dictionary(chunk);
    column->n_blooms += chunk->bloom_at > 0;
    column->n_indexes += chunk->column_index_at > 0;
    column->n_unreadable += chunk->unreadable != NULL;
    return add_bounds(node, chunk, column, err);
}

rv_code rvi_inspect_columns(rvi_inspection *in, rv_error *err)
{
    size_t n = (size_t)in->metadata->n_leaves;
    in->columns = calloc(n > 0 ? n : 1, sizeof *in->columns);
    if (in->columns == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "%zu columns to describe", n);
    for (size_t i = 0; i < n; i++)
        in->columns[i].min = in->columns[i].max = RV_BYTES_INIT(RVI_INSPECT_SAMPLE_BYTES);
    for (int32_t g = 0; g < in->metadata->n_row_groups; g++) {
        const rv_parquet_row_group *group = NULL;
        RV_TRY(rv_parquet_row_group_read(in->reader, g, &group, err));
        for (int32_t leaf = 0; leaf < in->metadata->n_leaves; leaf++)
            RV_TRY(add_chunk(in, leaf, &group->chunks[leaf], err));
    }
    return RV_OK;
}
