/* page.c - from an open page to bytes.
 *
 * A V1 page cannot say that it alone is not compressed, so the choice is made for the whole chunk, by its first page and
 * before any page is kept. Until it is made, pages are packed, and keep their raw form for the case that they are to be
 * stored. What a column is encoded as is settled before its page gets here. */
#include "page.h"

#include <assert.h>
#include <zlib.h>

/* PLAIN values with the level sections moved in front of them. */
static rv_code prepend_levels(rvi_pq_buf *values, const rvi_pq_buf *levels, rv_error *err)
{
    if (levels->len == 0)
        return RV_OK;
    RV_TRY(rvi_pq_buf_reserve(values, levels->len, err));
    if (values->len > 0)
        memmove(values->data + levels->len, values->data, values->len);
    memcpy(values->data, levels->data, levels->len);
    values->len += levels->len;
    return RV_OK;
}

/* The buffer of long values leaves the column with its page: there is no second copy of them. A column of long values
 * is given another of that size at once, so what it holds does not depend on which pages are under way. */
static rv_code move_values(rvi_pq_column *column, rvi_pq_workspace *work, rvi_pq_buf *out, rv_error *err)
{
    rvi_pq_buf *values = &column->page.values;
    const bool huge = rvi_pq_column_has_huge(column, work, values);
    const size_t cap = values->cap;
    work->body.len = 0;
    RV_TRY(rvi_pq_levels_write(&column->page.levels, &work->body, err));
    rvi_pq_buf_move(out, values);
    if (!huge)
        RV_TRY(rvi_pq_packing_reuse(&work->packing, values, cap, err));
    return prepend_levels(out, &work->body, err);
}

/* A page without values is PLAIN, where it has no bytes: a dictionary without entries cannot be written, and before the
 * first value nothing is chosen. */
static const rvi_pq_encoding_ops *encoding_of(const rvi_pq_column *column)
{
    if (rvi_pq_column_uses_dictionary(column) && column->dict.n > 0)
        return &rvi_pq_dictionary_encoding;
    return column->page.n_present > 0 ? column->encoding : &rvi_pq_plain_encoding;
}

rvi_pq_page_values rvi_pq_page_values_of(const rvi_pq_column *column, const rvi_pq_buf *data,
                                         rvi_pq_workspace *work)
{
    return (rvi_pq_page_values){.leaf = &column->leaf,
                                .data = data->data,
                                .len = data->len,
                                .n = (size_t)column->page.n_present,
                                .n_entries = column->dict.n,
                                .scratch = &work->scratch};
}

/* The uncompressed page body. */
static rv_code make_body(rvi_pq_column *column, const rvi_pq_encoding_ops *encoding, rvi_pq_workspace *work,
                         rvi_pq_buf *out, rv_error *err)
{
    rvi_pq_open_page *page = &column->page;
    if (encoding->encode == NULL && rvi_pq_workspace_is_huge(work, &page->values))
        return move_values(column, work, out, err);
    RV_TRY(rvi_pq_levels_write(&page->levels, out, err));
    if (encoding->encode == NULL)
        return rvi_pq_buf_append(out, page->values.data, page->values.len, err);
    rvi_pq_page_values values = rvi_pq_page_values_of(column, &page->values, work);
    return encoding->encode(&values, out, err);
}

bool rvi_pq_page_shrinks(size_t raw, size_t packed)
{
    enum { LEAST_GAIN = 32 }; /* one part in this many */
    return packed < raw - raw / LEAST_GAIN;
}

/* Into work->packed, on this thread. */
static rv_code pack_dictionary(const rvi_pq_column *column, rvi_pq_workspace *work, rv_error *err)
{
    work->packed.len = 0;
    return rvi_pq_packing_compress(&work->packing, column->dict.entries.data, column->dict.entries.len,
                                   RVI_PQ_CONTENT_ANY, &work->packed, err);
}

/* Whether a chunk is to be compressed, by its first page, which has been packed. A full page that is tiny (NULLs, one
 * value) says nothing about later ones. Indices may be as dense as they get while the dictionary that they point to
 * shrinks well, so both are looked at. */
static rv_code choose_codec(rvi_pq_column *column, const rvi_pq_flight *flight, rvi_pq_workspace *work,
                            rv_error *err)
{
    enum { TELLING_BYTES = 1024 };
    const size_t raw = flight->body.len, packed = flight->packed.len;
    const bool full = rvi_pq_column_page(column, flight->page)->rows == RVI_PQ_PAGE_ROWS;
    column->codec = RVI_PQ_CODEC_PACKED;
    if (rvi_pq_page_shrinks(raw, packed) || (raw < TELLING_BYTES && full))
        return RV_OK;
    column->codec = RVI_PQ_CODEC_STORED;
    if (flight->encoding != RVI_PQ_RLE_DICTIONARY)
        return RV_OK;
    RV_TRY(pack_dictionary(column, work, err));
    if (rvi_pq_page_shrinks(raw + column->dict.entries.len, packed + work->packed.len))
        column->codec = RVI_PQ_CODEC_PACKED;
    return RV_OK;
}

/* The first page of a chunk decides for all of them when it comes back. But a page of indices is judged together with the
 * dictionary, which grows: now, whatever has been sent before. */
static rv_code decide_packing(rvi_pq_column *column, rvi_pq_flight *flight, rvi_pq_workspace *work,
                              rv_error *err)
{
    if (rvi_pq_packing_codec(&work->packing)->compress == NULL)
        column->codec = RVI_PQ_CODEC_STORED;
    flight->compress = column->codec != RVI_PQ_CODEC_STORED;
    if (column->codec != RVI_PQ_CODEC_OPEN || flight->encoding != RVI_PQ_RLE_DICTIONARY)
        return RV_OK;
    RV_TRY(rvi_pq_packing_pack(flight, err));
    RV_TRY(choose_codec(column, flight, work, err));
    if (column->codec == RVI_PQ_CODEC_PACKED)
        return RV_OK;
    flight->compress = false;
    return rvi_pq_packing_pack(flight, err);
}

/* Whether pages that have been sent must come back before this one can be: there is no room, or one of them decides. */
static bool must_stow(const rvi_pq_column *column, const rvi_pq_workspace *work, rvi_pq_encoding_id encoding)
{
    bool undecided = column->codec == RVI_PQ_CODEC_OPEN && column->n_pages > 0;
    return (undecided && encoding == RVI_PQ_RLE_DICTIONARY) ||
           !rvi_pq_packing_has_room(&work->packing, column->page.values.len);
}

static rv_code check_sizes(const rvi_pq_column *column, size_t body, size_t stored, rv_error *err)
{
    if (body <= INT32_MAX && stored <= INT32_MAX)
        return RV_OK;
    return rv_fail(err, RV_E_LIMIT_EXCEEDED,
                   "a page of column '%s' would have %zu bytes; Parquet's limit is %d",
                   column->leaf.field->name, body, INT32_MAX);
}

static int32_t checksum(const rvi_pq_buf *stored)
{
    return (int32_t)(uint32_t)crc32_z(0, stored->data, stored->len);
}

typedef struct page_shape {
    rvi_pq_page_type type;
    rvi_pq_encoding_id encoding;
    size_t n_values; /* levels of a data page, entries of a dictionary page */
    size_t body, stored;
    int32_t crc; /* CRC-32 over the bytes as stored, as the signed number that the field is */
} page_shape;

/* Into work->header. */
static rv_code make_header(rvi_pq_workspace *work, const page_shape *shape, rv_error *err)
{
    bool is_data = shape->type == RVI_PQ_DATA_PAGE;
    work->header.len = 0;
    rvi_pq_thrift t = rvi_pq_thrift_begin(&work->header, err);
    rvi_pq_thrift_i32(&t, 1, (int32_t)shape->type);
    rvi_pq_thrift_i32(&t, 2, (int32_t)shape->body);
    rvi_pq_thrift_i32(&t, 3, (int32_t)shape->stored);
    rvi_pq_thrift_i32(&t, 4, shape->crc);
    rvi_pq_thrift_struct_begin(&t, is_data ? 5 : 7);
    rvi_pq_thrift_i32(&t, 1, (int32_t)shape->n_values);
    rvi_pq_thrift_i32(&t, 2, (int32_t)shape->encoding);
    if (is_data) {
        rvi_pq_thrift_i32(&t, 3, RVI_PQ_RLE);
        rvi_pq_thrift_i32(&t, 4, RVI_PQ_RLE);
    }
    rvi_pq_thrift_struct_end(&t);
    return rvi_pq_thrift_end(&t);
}

/* The page's bounds go to the column's `bounds`, their place to `info`. */
static rv_code keep_bounds(rvi_pq_column *column, rvi_pq_page_info *info, rv_error *err)
{
    rvi_pq_bound min, max;
    if (!rvi_pq_stats_min(&column->leaf, &column->page.stats, &min) ||
        !rvi_pq_stats_max(&column->leaf, &column->page.stats, &max))
        return RV_OK;
    info->has_bounds = true;
    info->bounds_at = (uint32_t)column->bounds.len;
    info->min_len = min.len;
    info->max_len = max.len;
    RV_TRY(rvi_pq_buf_append(&column->bounds, min.bytes, min.len, err));
    return rvi_pq_buf_append(&column->bounds, max.bytes, max.len, err);
}

static void add_to_chunk(rvi_pq_column *column, const rvi_pq_page_info *info, rvi_pq_encoding_id encoding)
{
    column->n_pages++;
    column->n_pages_of[encoding]++;
    column->rows += info->rows;
    column->n_levels += info->n_levels;
    column->n_null += info->n_null;
    column->data_bytes += info->data_bytes;
    for (int i = 0; i <= RVI_PQ_MAX_DEF; i++)
        column->def_histogram[i] += info->def_histogram[i];
    for (int i = 0; i <= RVI_PQ_MAX_REP; i++)
        column->rep_histogram[i] += info->rep_histogram[i];
    rvi_pq_stats_merge(&column->leaf, &column->stats, &column->page.stats);
}

/* Everything about the open page but its place, which it gets when it comes to the store. */
static rv_code keep_info(rvi_pq_column *column, rvi_pq_encoding_id encoding, rv_error *err)
{
    const rvi_pq_open_page *page = &column->page;
    rvi_pq_page_info info = {.rows = page->rows,
                             .n_levels = page->levels.n,
                             .n_null = page->levels.n_null,
                             .n_nan = page->stats.n_nan,
                             .data_bytes = page->data_bytes};
    memcpy(info.def_histogram, page->levels.def_histogram, sizeof info.def_histogram);
    memcpy(info.rep_histogram, page->levels.rep_histogram, sizeof info.rep_histogram);
    RV_TRY(keep_bounds(column, &info, err));
    RV_TRY(rvi_pq_buf_append(&column->infos, &info, sizeof info, err));
    add_to_chunk(column, &info, encoding);
    return RV_OK;
}

rv_code rvi_pq_page_finish(rvi_pq_column *column, rvi_pq_workspace *work, rv_error *err)
{
    assert(column->page.rows > 0);
    const rvi_pq_encoding_ops *encoding = encoding_of(column);
    while (must_stow(column, work, encoding->number))
        RV_TRY(rvi_pq_page_stow(work, err));
    rvi_pq_flight *flight = rvi_pq_packing_next(&work->packing);
    flight->column = column;
    flight->page = column->n_pages;
    flight->encoding = encoding->number;
    flight->n_levels = column->page.levels.n;
    flight->slice = work->slice;
    uint64_t plain = rvi_pq_column_open_bytes(column); /* the values may leave the column below */
    rvi_pq_page_values values = rvi_pq_page_values_of(column, &column->page.values, work);
    flight->content = rvi_pq_encoding_content(encoding, &values);
    RV_TRY(make_body(column, encoding, work, &flight->body, err));
    RV_TRY(check_sizes(column, flight->body.len, 0, err));
    RV_TRY(keep_info(column, encoding->number, err));
    RV_TRY(decide_packing(column, flight, work, err));
    column->plain_bytes += plain;
    column->fresh[work->slice % RVI_PQ_LAG].raw += plain;
    bool huge = rvi_pq_column_has_huge(column, work, &flight->body);
    rvi_pq_packing_send(&work->packing);
    while (huge && rvi_pq_packing_oldest(&work->packing) != NULL) /* its memory is needed for the next */
        RV_TRY(rvi_pq_page_stow(work, err));
    return RV_OK;
}

rv_code rvi_pq_page_stow(rvi_pq_workspace *work, rv_error *err)
{
    rvi_pq_flight *flight = rvi_pq_packing_oldest(&work->packing);
    rvi_pq_column *column = flight->column;
    /* The caller may be at another column. */
    RV_TRY_CTX(rvi_pq_packing_await(&work->packing, err), err, "packing a page of column '%s'",
               column->leaf.field->name);
    if (flight->compress && column->codec == RVI_PQ_CODEC_OPEN)
        RV_TRY(choose_codec(column, flight, work, err));
    const bool packed = flight->compress && column->codec == RVI_PQ_CODEC_PACKED;
    const rvi_pq_buf *stored = packed ? &flight->packed : &flight->body;
    RV_TRY(check_sizes(column, flight->body.len, stored->len, err));
    page_shape shape = {.type = RVI_PQ_DATA_PAGE,
                        .encoding = flight->encoding,
                        .n_values = (size_t)flight->n_levels,
                        .body = flight->body.len,
                        .stored = stored->len,
                        .crc = packed == flight->compress ? flight->crc : checksum(stored)};
    RV_TRY(make_header(work, &shape, err));
    rvi_pq_page_info *info = rvi_pq_column_page_mut(column, flight->page);
    info->stored_at = work->pages.len;
    info->stored_len = work->header.len + stored->len;
    RV_TRY(rvi_pq_store_append(&work->pages, work->header.data, work->header.len, err));
    RV_TRY(rvi_pq_store_append(&work->pages, stored->data, stored->len, err));
    column->raw_bytes += work->header.len + shape.body;
    column->stored_bytes += info->stored_len;
    column->fresh[flight->slice % RVI_PQ_LAG].stored += info->stored_len;
    rvi_pq_packing_drop(&work->packing);
    return RV_OK;
}

rv_code rvi_pq_page_write_dictionary(rvi_pq_column *column, rvi_pq_workspace *work, rvi_pq_output *out,
                                     rv_error *err)
{
    const rvi_pq_buf *body = &column->dict.entries, *stored = body;
    if (column->codec == RVI_PQ_CODEC_PACKED) {
        RV_TRY(pack_dictionary(column, work, err));
        stored = &work->packed;
    }
    RV_TRY(check_sizes(column, body->len, stored->len, err));
    page_shape shape = {.type = RVI_PQ_DICTIONARY_PAGE,
                        .encoding = RVI_PQ_PLAIN,
                        .n_values = column->dict.n,
                        .body = body->len,
                        .stored = stored->len,
                        .crc = checksum(stored)};
    RV_TRY(make_header(work, &shape, err));
    RV_TRY(rvi_pq_output_write(out, work->header.data, work->header.len, err));
    RV_TRY(rvi_pq_output_write(out, stored->data, stored->len, err));
    column->raw_bytes += work->header.len + body->len;
    column->stored_bytes += work->header.len + stored->len;
    return RV_OK;
}
