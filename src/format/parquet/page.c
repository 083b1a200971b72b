/* page.c - from an open page to bytes.
 *
 * A V1 page cannot say that it alone is not compressed, so the choice is made for the whole chunk, with its first
 * page in hand and before any page is kept. PLAIN values become the page body where they lie; other encodings
 * write a body of their own. */
#include "page.h"

#include "encoding.h"

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

/* The uncompressed page body; borrowed from the open page or from work->body. */
static rv_code make_body(rvi_pq_column *column, const rvi_pq_encoding_ops *encoding, rvi_pq_workspace *work,
                         const rvi_pq_buf **out, rv_error *err)
{
    rvi_pq_open_page *page = &column->page;
    work->body.len = 0;
    RV_TRY(rvi_pq_levels_write(&page->levels, &work->body, err));
    if (encoding->encode == NULL) {
        RV_TRY(prepend_levels(&page->values, &work->body, err));
        *out = &page->values;
        return RV_OK;
    }
    rvi_pq_page_values values = {.leaf = &column->leaf,
                                 .data = page->values.data,
                                 .n = (size_t)page->n_present,
                                 .n_entries = column->dict.n};
    RV_TRY(encoding->encode(&values, &work->body, err));
    *out = &work->body;
    return RV_OK;
}

/* Whether `packed` bytes instead of `raw` are worth a reader's time. */
static bool shrinks(size_t raw, size_t packed)
{
    enum { LEAST_GAIN = 32 }; /* one part in this many */
    return packed < raw - raw / LEAST_GAIN;
}

static rv_code pack(rvi_pq_workspace *work, const rvi_pq_buf *body, int min_match, rv_error *err)
{
    work->packed.len = 0;
    return rvi_pq_codec_compress(&work->codec, body->data, body->len, min_match, &work->packed, err);
}

/* Whether a chunk whose first page is `body` is to be compressed, with that page's compressed form in work->packed.
 * A full page that is tiny (NULLs, one value) says nothing about later ones. Indices may be as dense as they get while
 * the dictionary that they point to shrinks well, so both are looked at. */
static rv_code choose_codec(rvi_pq_column *column, const rvi_pq_buf *body,
                            const rvi_pq_encoding_ops *encoding, rvi_pq_workspace *work, rv_error *err)
{
    enum { TELLING_BYTES = 1024 };
    size_t packed = work->packed.len;
    column->codec = RVI_PQ_CODEC_PACKED;
    if (shrinks(body->len, packed) || (body->len < TELLING_BYTES && column->page.rows == RVI_PQ_PAGE_ROWS))
        return RV_OK;
    column->codec = RVI_PQ_CODEC_STORED;
    if (encoding->number != RVI_PQ_RLE_DICTIONARY)
        return RV_OK;
    RV_TRY(pack(work, &column->dict.entries, 0, err));
    if (!shrinks(body->len + column->dict.entries.len, packed + work->packed.len))
        return RV_OK;
    column->codec = RVI_PQ_CODEC_PACKED;
    return pack(work, body, 0, err);
}

/* The body as it is stored, borrowed. The first page of a chunk decides for all of them. */
static rv_code stored_body(rvi_pq_column *column, const rvi_pq_buf *body, const rvi_pq_encoding_ops *encoding,
                           rvi_pq_workspace *work, const rvi_pq_buf **out, rv_error *err)
{
    int min_match = encoding->number == RVI_PQ_PLAIN ? column->leaf.min_match : 0;
    *out = body;
    if (work->codec.ops->compress == NULL)
        column->codec = RVI_PQ_CODEC_STORED;
    if (column->codec == RVI_PQ_CODEC_STORED)
        return RV_OK;
    RV_TRY(pack(work, body, min_match, err));
    *out = &work->packed;
    if (column->codec == RVI_PQ_CODEC_PACKED)
        return RV_OK;
    RV_TRY(choose_codec(column, body, encoding, work, err));
    if (column->codec == RVI_PQ_CODEC_STORED)
        *out = body;
    return RV_OK;
}

static rv_code check_sizes(const rvi_pq_column *column, const rvi_pq_buf *body, const rvi_pq_buf *stored,
                           rv_error *err)
{
    if (body->len <= INT32_MAX && stored->len <= INT32_MAX)
        return RV_OK;
    return rv_fail(err, RV_E_LIMIT_EXCEEDED,
                   "a page of column '%s' would have %zu bytes; Parquet's limit is %d",
                   column->leaf.field->name, body->len, INT32_MAX);
}

/* CRC-32 over the bytes as stored, as the signed number that the field is. */
static int32_t checksum(const rvi_pq_buf *stored)
{
    return (int32_t)(uint32_t)crc32_z(0, stored->data, stored->len);
}

/* Into work->header. n_values: levels of a data page, entries of a dictionary page. */
static rv_code make_header(rvi_pq_workspace *work, rvi_pq_page_type type, rvi_pq_encoding_id encoding,
                           size_t n_values, const rvi_pq_buf *body, const rvi_pq_buf *stored, rv_error *err)
{
    work->header.len = 0;
    rvi_pq_thrift t = rvi_pq_thrift_begin(&work->header, err);
    rvi_pq_thrift_i32(&t, 1, (int32_t)type);
    rvi_pq_thrift_i32(&t, 2, (int32_t)body->len);
    rvi_pq_thrift_i32(&t, 3, (int32_t)stored->len);
    rvi_pq_thrift_i32(&t, 4, checksum(stored));
    rvi_pq_thrift_struct_begin(&t, type == RVI_PQ_DATA_PAGE ? 5 : 7);
    rvi_pq_thrift_i32(&t, 1, (int32_t)n_values);
    rvi_pq_thrift_i32(&t, 2, (int32_t)encoding);
    if (type == RVI_PQ_DATA_PAGE) {
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
    column->stored_bytes += info->stored_len;
    for (int i = 0; i <= RVI_PQ_MAX_DEF; i++)
        column->def_histogram[i] += info->def_histogram[i];
    for (int i = 0; i <= RVI_PQ_MAX_REP; i++)
        column->rep_histogram[i] += info->rep_histogram[i];
    rvi_pq_stats_merge(&column->leaf, &column->stats, &column->page.stats);
}

static rv_code keep_info(rvi_pq_column *column, uint64_t stored_at, uint64_t stored_len,
                         rvi_pq_encoding_id encoding, rv_error *err)
{
    const rvi_pq_open_page *page = &column->page;
    rvi_pq_page_info info = {.stored_at = stored_at,
                             .stored_len = stored_len,
                             .rows = page->rows,
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
    const rvi_pq_encoding_ops *encoding = rvi_pq_encoding_of(column);
    const rvi_pq_buf *body = NULL, *stored = NULL;
    RV_TRY(make_body(column, encoding, work, &body, err));
    RV_TRY(stored_body(column, body, encoding, work, &stored, err));
    RV_TRY(check_sizes(column, body, stored, err));
    RV_TRY(make_header(work, RVI_PQ_DATA_PAGE, encoding->number, (size_t)column->page.levels.n, body, stored,
                       err));
    uint64_t at = work->pages.len, len = work->header.len + stored->len;
    RV_TRY(rvi_pq_store_append(&work->pages, work->header.data, work->header.len, err));
    RV_TRY(rvi_pq_store_append(&work->pages, stored->data, stored->len, err));
    column->raw_bytes += work->header.len + body->len;
    return keep_info(column, at, len, encoding->number, err);
}

rv_code rvi_pq_page_write_dictionary(rvi_pq_column *column, rvi_pq_workspace *work, rvi_pq_output *out,
                                     rv_error *err)
{
    const rvi_pq_buf *body = &column->dict.entries, *stored = NULL;
    RV_TRY(stored_body(column, body, &rvi_pq_dictionary_encoding, work, &stored, err));
    RV_TRY(make_header(work, RVI_PQ_DICTIONARY_PAGE, RVI_PQ_PLAIN, column->dict.n, body, stored, err));
    RV_TRY(rvi_pq_output_write(out, work->header.data, work->header.len, err));
    RV_TRY(rvi_pq_output_write(out, stored->data, stored->len, err));
    column->raw_bytes += work->header.len + body->len;
    column->stored_bytes += work->header.len + stored->len;
    return RV_OK;
}
