#include "meta.h"

#include <string.h>

/* Histograms and byte counts let a reader size its buffers; flat columns' follow from null_count. */
static void write_size_statistics(rvi_pq_thrift *t, const rvi_pq_column *column)
{
    const rvi_pq_leaf *leaf = &column->leaf;
    if (leaf->width != 0 && !leaf->is_list)
        return;
    rvi_pq_thrift_struct_begin(t, 16);
    if (leaf->width == 0)
        rvi_pq_thrift_i64(t, 1, (int64_t)column->data_bytes);
    if (leaf->is_list) {
        rvi_pq_thrift_list(t, 2, RVI_PQ_THRIFT_I64, (size_t)leaf->max_rep + 1);
        for (int i = 0; i <= leaf->max_rep; i++)
            rvi_pq_thrift_item_i64(t, column->rep_histogram[i]);
        rvi_pq_thrift_list(t, 3, RVI_PQ_THRIFT_I64, (size_t)leaf->max_def + 1);
        for (int i = 0; i <= leaf->max_def; i++)
            rvi_pq_thrift_item_i64(t, column->def_histogram[i]);
    }
    rvi_pq_thrift_struct_end(t);
}

static bool is_float(const rvi_pq_leaf *leaf)
{
    return leaf->order == RVI_PQ_ORDER_F32 || leaf->order == RVI_PQ_ORDER_F64;
}

/* Bounds come in pairs: a reader may take one without the other for "no values". */
static void write_statistics(rvi_pq_thrift *t, const rvi_pq_column *column)
{
    rvi_pq_bound min, max;
    bool bounded = rvi_pq_stats_min(&column->leaf, &column->stats, &min) &&
                   rvi_pq_stats_max(&column->leaf, &column->stats, &max);
    rvi_pq_thrift_struct_begin(t, 12);
    rvi_pq_thrift_i64(t, 3, column->n_null);
    /* Of floats, entries count bits: two zeros, many NaNs. */
    if (column->dict_state == RVI_PQ_DICT_ON && rvi_pq_column_has_dictionary(column) &&
        !is_float(&column->leaf))
        rvi_pq_thrift_i64(t, 4, column->dict.n);
    if (bounded) {
        rvi_pq_thrift_binary(t, 5, max.bytes, max.len);
        rvi_pq_thrift_binary(t, 6, min.bytes, min.len);
        rvi_pq_thrift_bool(t, 7, max.exact);
        rvi_pq_thrift_bool(t, 8, min.exact);
    }
    if (is_float(&column->leaf))
        rvi_pq_thrift_i64(t, 9, column->stats.n_nan);
    rvi_pq_thrift_struct_end(t);
}

/* In ascending order of the encodings' numbers. RLE is the levels' too, and PLAIN the dictionary page's. */
static void write_encodings(rvi_pq_thrift *t, const rvi_pq_column *column)
{
    bool used[RVI_PQ_ENCODINGS] = {
        [RVI_PQ_RLE] = true, [RVI_PQ_PLAIN] = rvi_pq_column_has_dictionary(column)};
    size_t n = 0;
    for (int i = 0; i < RVI_PQ_ENCODINGS; i++) {
        used[i] = used[i] || column->n_pages_of[i] > 0;
        n += used[i];
    }
    rvi_pq_thrift_list(t, 2, RVI_PQ_THRIFT_I32, n);
    for (int i = 0; i < RVI_PQ_ENCODINGS; i++)
        if (used[i])
            rvi_pq_thrift_item_i32(t, i);
}

static void write_encoding_count(rvi_pq_thrift *t, rvi_pq_page_type type, rvi_pq_encoding_id encoding,
                                 int32_t n)
{
    rvi_pq_thrift_item_struct_begin(t);
    rvi_pq_thrift_i32(t, 1, (int32_t)type);
    rvi_pq_thrift_i32(t, 2, (int32_t)encoding);
    rvi_pq_thrift_i32(t, 3, n);
    rvi_pq_thrift_item_struct_end(t);
}

/* Tells a reader whether every page of the chunk uses the dictionary, so that it may filter by it alone. */
static void write_encoding_stats(rvi_pq_thrift *t, const rvi_pq_column *column)
{
    size_t n = rvi_pq_column_has_dictionary(column);
    for (int i = 0; i < RVI_PQ_ENCODINGS; i++)
        n += column->n_pages_of[i] > 0;
    rvi_pq_thrift_list(t, 13, RVI_PQ_THRIFT_STRUCT, n);
    for (int i = 0; i < RVI_PQ_ENCODINGS; i++)
        if (column->n_pages_of[i] > 0)
            write_encoding_count(t, RVI_PQ_DATA_PAGE, (rvi_pq_encoding_id)i, column->n_pages_of[i]);
    if (rvi_pq_column_has_dictionary(column))
        write_encoding_count(t, RVI_PQ_DICTIONARY_PAGE, RVI_PQ_PLAIN, 1);
}

static void write_bloom_place(rvi_pq_thrift *t, const rvi_pq_bloom *bloom)
{
    if (bloom->len == 0)
        return;
    rvi_pq_thrift_i64(t, 14, (int64_t)bloom->at);
    rvi_pq_thrift_i32(t, 15, (int32_t)bloom->len);
}

rv_code rvi_pq_meta_column(const rvi_pq_column *column, rvi_pq_buf *out, rv_error *err)
{
    const rvi_pq_chunk_place *place = &column->place;
    rvi_pq_thrift t = rvi_pq_thrift_begin(out, err);
    rvi_pq_thrift_i32(&t, 1, (int32_t)column->leaf.physical);
    write_encodings(&t, column);
    rvi_pq_leaf_path(&column->leaf, &t, 3);
    rvi_pq_thrift_i32(&t, 4, (int32_t)place->codec);
    rvi_pq_thrift_i64(&t, 5, column->n_levels);
    rvi_pq_thrift_i64(&t, 6, (int64_t)column->raw_bytes);
    rvi_pq_thrift_i64(&t, 7, (int64_t)column->stored_bytes);
    rvi_pq_thrift_i64(&t, 9, (int64_t)place->data_at);
    if (rvi_pq_column_has_dictionary(column))
        rvi_pq_thrift_i64(&t, 11, (int64_t)place->dictionary_at);
    write_statistics(&t, column);
    write_encoding_stats(&t, column);
    write_bloom_place(&t, &column->bloom);
    write_size_statistics(&t, column);
    return rvi_pq_thrift_end(&t);
}

static const uint8_t *page_min(const rvi_pq_column *column, const rvi_pq_page_info *page)
{
    return column->bounds.data + page->bounds_at;
}

static const uint8_t *page_max(const rvi_pq_column *column, const rvi_pq_page_info *page)
{
    return column->bounds.data + page->bounds_at + page->min_len;
}

static bool is_null_page(const rvi_pq_page_info *page)
{
    return page->n_null == page->n_levels;
}

/* Pages of NULLs alone do not count; equal bounds keep both orders; a single page is ascending. */
static rvi_pq_boundary boundary_order(const rvi_pq_column *column)
{
    bool ascending = true, descending = true;
    const rvi_pq_page_info *before = NULL;
    for (size_t i = 0; i < column->n_pages; i++) {
        const rvi_pq_page_info *page = rvi_pq_column_page(column, i);
        if (is_null_page(page))
            continue;
        if (before != NULL) {
            int min = rvi_pq_bound_compare(&column->leaf, page_min(column, before), before->min_len,
                                           page_min(column, page), page->min_len);
            int max = rvi_pq_bound_compare(&column->leaf, page_max(column, before), before->max_len,
                                           page_max(column, page), page->max_len);
            ascending = ascending && min <= 0 && max <= 0;
            descending = descending && min >= 0 && max >= 0;
        }
        before = page;
    }
    return ascending ? RVI_PQ_ASCENDING : descending ? RVI_PQ_DESCENDING : RVI_PQ_UNORDERED;
}

static bool can_be_indexed(const rvi_pq_column *column)
{
    for (size_t i = 0; i < column->n_pages; i++) {
        const rvi_pq_page_info *page = rvi_pq_column_page(column, i);
        if (!page->has_bounds && !is_null_page(page))
            return false;
    }
    return true;
}

static void write_index_bounds(rvi_pq_thrift *t, const rvi_pq_column *column)
{
    rvi_pq_thrift_list(t, 2, RVI_PQ_THRIFT_BINARY, column->n_pages);
    for (size_t i = 0; i < column->n_pages; i++) {
        const rvi_pq_page_info *page = rvi_pq_column_page(column, i);
        rvi_pq_thrift_item_binary(t, page_min(column, page), page->min_len);
    }
    rvi_pq_thrift_list(t, 3, RVI_PQ_THRIFT_BINARY, column->n_pages);
    for (size_t i = 0; i < column->n_pages; i++) {
        const rvi_pq_page_info *page = rvi_pq_column_page(column, i);
        rvi_pq_thrift_item_binary(t, page_max(column, page), page->max_len);
    }
}

/* The histograms of all pages, one behind the other. */
static void write_index_histograms(rvi_pq_thrift *t, const rvi_pq_column *column)
{
    size_t n_rep = (size_t)column->leaf.max_rep + 1, n_def = (size_t)column->leaf.max_def + 1;
    rvi_pq_thrift_list(t, 6, RVI_PQ_THRIFT_I64, n_rep * column->n_pages);
    for (size_t i = 0; i < n_rep * column->n_pages; i++)
        rvi_pq_thrift_item_i64(t, rvi_pq_column_page(column, i / n_rep)->rep_histogram[i % n_rep]);
    rvi_pq_thrift_list(t, 7, RVI_PQ_THRIFT_I64, n_def * column->n_pages);
    for (size_t i = 0; i < n_def * column->n_pages; i++)
        rvi_pq_thrift_item_i64(t, rvi_pq_column_page(column, i / n_def)->def_histogram[i % n_def]);
}

rv_code rvi_pq_meta_column_index(const rvi_pq_column *column, rvi_pq_buf *out, bool *written, rv_error *err)
{
    *written = can_be_indexed(column);
    if (!*written)
        return RV_OK;
    rvi_pq_thrift t = rvi_pq_thrift_begin(out, err);
    rvi_pq_thrift_list(&t, 1, RVI_PQ_THRIFT_TRUE, column->n_pages);
    for (size_t i = 0; i < column->n_pages; i++)
        rvi_pq_thrift_item_bool(&t, is_null_page(rvi_pq_column_page(column, i)));
    write_index_bounds(&t, column);
    rvi_pq_thrift_i32(&t, 4, (int32_t)boundary_order(column));
    rvi_pq_thrift_list(&t, 5, RVI_PQ_THRIFT_I64, column->n_pages);
    for (size_t i = 0; i < column->n_pages; i++)
        rvi_pq_thrift_item_i64(&t, rvi_pq_column_page(column, i)->n_null);
    if (column->leaf.is_list)
        write_index_histograms(&t, column);
    if (is_float(&column->leaf)) {
        rvi_pq_thrift_list(&t, 8, RVI_PQ_THRIFT_I64, column->n_pages);
        for (size_t i = 0; i < column->n_pages; i++)
            rvi_pq_thrift_item_i64(&t, rvi_pq_column_page(column, i)->n_nan);
    }
    return rvi_pq_thrift_end(&t);
}

/* Pages of a chunk lie one behind the other, the dictionary page before them. */
rv_code rvi_pq_meta_offset_index(const rvi_pq_column *column, uint64_t data_at, rvi_pq_buf *out,
                                 rv_error *err)
{
    rvi_pq_thrift t = rvi_pq_thrift_begin(out, err);
    int64_t first_row = 0;
    rvi_pq_thrift_list(&t, 1, RVI_PQ_THRIFT_STRUCT, column->n_pages);
    for (size_t i = 0; i < column->n_pages; i++) {
        const rvi_pq_page_info *page = rvi_pq_column_page(column, i);
        rvi_pq_thrift_item_struct_begin(&t);
        rvi_pq_thrift_i64(&t, 1, (int64_t)data_at);
        rvi_pq_thrift_i32(&t, 2, (int32_t)page->stored_len);
        rvi_pq_thrift_i64(&t, 3, first_row);
        rvi_pq_thrift_item_struct_end(&t);
        data_at += page->stored_len;
        first_row += page->rows;
    }
    if (column->leaf.width == 0) {
        rvi_pq_thrift_list(&t, 2, RVI_PQ_THRIFT_I64, column->n_pages);
        for (size_t i = 0; i < column->n_pages; i++)
            rvi_pq_thrift_item_i64(&t, (int64_t)rvi_pq_column_page(column, i)->data_bytes);
    }
    return rvi_pq_thrift_end(&t);
}
