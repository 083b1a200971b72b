/* index.c - the page index of a chunk. Spec: parquet-format, PageIndex.md. */
#include "reader.h"

#include "format/parquet/thrift.h"

#include <assert.h>
#include <inttypes.h>

enum {
    INDEX_BYTES = 64 << 20
}; /* of one struct; a page takes some 30 bytes in it, or 150 with long bounds */

/* The index's bytes, in the row group's pool: bounds borrow from them. */
static rv_code load(rv_parquet_reader *r, int64_t at, int32_t len, const uint8_t **out, rv_error *err)
{
    void *bytes = NULL;
    uint64_t footer_at = r->footer.metadata.footer_at;
    if (len <= 0 || at < 0 || (uint64_t)at > footer_at || (uint64_t)len > footer_at - (uint64_t)at)
        return rv_fail(err, RV_E_FILE_DAMAGED,
                       "it is said to lie at offset %" PRId64 ", %" PRId32
                       " bytes; the footer begins at %" PRIu64,
                       at, len, footer_at);
    if (len > INDEX_BYTES)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "it has %" PRId32 " bytes; at most %d are read", len,
                       INDEX_BYTES);
    RV_TRY(rvi_pqr_pool_alloc(&r->group_pool, (size_t)len, 1, &bytes, err));
    RV_TRY(rv_input_read(r->input, (uint64_t)at, bytes, (size_t)len, err));
    *out = bytes;
    return RV_OK;
}

static rv_code place(const rv_parquet_reader *r, int32_t leaf, const char *what, rv_code rc, rv_error *err)
{
    char path[RV_PARQUET_PATH_BYTES];
    if (rc == RV_OK)
        return RV_OK;
    (void)rv_wrap(err, rc, "%s", what);
    (void)rv_wrap(err, rc, "row group %" PRId32 ", column '%s'", r->group.index,
                  rv_parquet_leaf_path(path, &r->footer.metadata, leaf));
    return rv_wrap(err, rc, "file '%s'", r->input->name);
}

static void set_pages(rvi_pqr_thrift *t, int32_t *n_pages, uint32_t n)
{
    if (*n_pages >= 0 && *n_pages != (int32_t)n)
        rvi_pqr_thrift_fail(t, "its lists are about %" PRId32 " and %" PRIu32 " pages", *n_pages, n);
    *n_pages = (int32_t)n;
}

/* ---- ColumnIndex ---- */

static const bool *parse_bools(rvi_pqr_thrift *t, rvi_pqr_field field, rvi_pqr_pool *pool, int32_t *n_pages)
{
    uint32_t n = rvi_pqr_list(t, field, RVI_PQ_THRIFT_TRUE);
    bool *list = rvi_pqr_thrift_alloc(t, pool, n, sizeof *list);
    set_pages(t, n_pages, n);
    for (uint32_t i = 0; list != NULL && i < n; i++)
        list[i] = rvi_pqr_item_bool(t);
    return list;
}

static const rv_parquet_bytes *parse_bounds(rvi_pqr_thrift *t, rvi_pqr_field field, rvi_pqr_pool *pool,
                                            int32_t *n_pages)
{
    uint32_t n = rvi_pqr_list(t, field, RVI_PQ_THRIFT_BINARY);
    rv_parquet_bytes *list = rvi_pqr_thrift_alloc(t, pool, n, sizeof *list);
    set_pages(t, n_pages, n);
    for (uint32_t i = 0; list != NULL && i < n; i++)
        list[i] = rvi_pqr_item_binary(t);
    return list;
}

static const int64_t *parse_counts(rvi_pqr_thrift *t, rvi_pqr_field field, rvi_pqr_pool *pool,
                                   int32_t *n_pages)
{
    int32_t n = 0;
    const int64_t *list = rvi_pqr_list_i64(t, field, pool, &n);
    set_pages(t, n_pages, (uint32_t)n);
    return list;
}

static void parse_column_index(rvi_pqr_thrift *t, rvi_pqr_pool *pool, const rv_parquet_node *leaf,
                               rv_parquet_column_index *out)
{
    int32_t n_rep = -1, n_def = -1;
    out->n_pages = -1;
    int16_t outer = rvi_pqr_struct_begin(t);
    for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);) {
        switch (f.id) {
        case 1:
            out->null_pages = parse_bools(t, f, pool, &out->n_pages);
            break;
        case 2:
            out->min = parse_bounds(t, f, pool, &out->n_pages);
            break;
        case 3:
            out->max = parse_bounds(t, f, pool, &out->n_pages);
            break;
        case 4:
            out->boundary_order = rvi_pqr_i32(t, f);
            break;
        case 5:
            out->null_counts = parse_counts(t, f, pool, &out->n_pages);
            break;
        case 6:
            out->rep_histograms = rvi_pqr_list_i64(t, f, pool, &n_rep);
            break;
        case 7:
            out->def_histograms = rvi_pqr_list_i64(t, f, pool, &n_def);
            break;
        case 8:
            out->nan_counts = parse_counts(t, f, pool, &out->n_pages);
            break;
        default:
            rvi_pqr_skip(t, f);
        }
    }
    rvi_pqr_struct_end(t, outer);
    if (out->null_pages == NULL || out->min == NULL || out->max == NULL)
        rvi_pqr_thrift_fail(t, "it lacks a required list");
    if ((n_rep > 0 && n_rep != (int64_t)out->n_pages * (leaf->max_rep + 1)) ||
        (n_def > 0 && n_def != (int64_t)out->n_pages * (leaf->max_def + 1)))
        rvi_pqr_thrift_fail(t,
                            "its histograms have %" PRId32 " and %" PRId32 " entries for %" PRId32 " pages",
                            n_rep, n_def, out->n_pages);
    out->rep_histograms = n_rep > 0 ? out->rep_histograms : NULL;
    out->def_histograms = n_def > 0 ? out->def_histograms : NULL;
}

rv_code rv_parquet_column_index_read(rv_parquet_reader *reader, int32_t leaf,
                                     const rv_parquet_column_index **out, rv_error *err)
{
    assert(reader->group.index >= 0);
    const rv_parquet_chunk *chunk = &reader->group.chunks[leaf];
    const rv_parquet_node *node = rv_parquet_leaf_node(&reader->footer.metadata, leaf);
    const uint8_t *bytes = NULL;
    *out = NULL;
    if (chunk->column_index_at < 0 || chunk->unreadable != NULL)
        return RV_OK;
    RV_TRY(place(reader, leaf, "column index",
                 load(reader, chunk->column_index_at, chunk->column_index_len, &bytes, err), err));
    rvi_pqr_thrift t =
        rvi_pqr_thrift_begin(bytes, (size_t)chunk->column_index_len, (uint64_t)chunk->column_index_at, err);
    rv_parquet_column_index *index = rvi_pqr_thrift_alloc(&t, &reader->group_pool, 1, sizeof *index);
    if (index != NULL)
        parse_column_index(&t, &reader->group_pool, node, index);
    RV_TRY(place(reader, leaf, "column index", t.rc, err));
    *out = index;
    return RV_OK;
}

/* ---- OffsetIndex ---- */

static void parse_location(rvi_pqr_thrift *t, rv_parquet_page_location *out)
{
    int16_t outer = rvi_pqr_struct_begin(t);
    for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);) {
        if (f.id == 1)
            out->at = rvi_pqr_i64(t, f);
        else if (f.id == 2)
            out->stored_bytes = rvi_pqr_i32(t, f);
        else if (f.id == 3)
            out->first_row = rvi_pqr_i64(t, f);
        else
            rvi_pqr_skip(t, f);
    }
    rvi_pqr_struct_end(t, outer);
}

static void parse_offset_index(rvi_pqr_thrift *t, rvi_pqr_pool *pool, rv_parquet_offset_index *out)
{
    int32_t n_data = 0;
    int16_t outer = rvi_pqr_struct_begin(t);
    for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);) {
        if (f.id == 1) {
            uint32_t n = rvi_pqr_list(t, f, RVI_PQ_THRIFT_STRUCT);
            rv_parquet_page_location *pages = rvi_pqr_thrift_alloc(t, pool, n, sizeof *pages);
            for (uint32_t i = 0; pages != NULL && i < n; i++)
                parse_location(t, &pages[i]);
            out->pages = pages;
            out->n_pages = (int32_t)n;
        } else if (f.id == 2) {
            out->data_bytes = rvi_pqr_list_i64(t, f, pool, &n_data);
        } else {
            rvi_pqr_skip(t, f);
        }
    }
    rvi_pqr_struct_end(t, outer);
    if (n_data != 0 && n_data != out->n_pages)
        rvi_pqr_thrift_fail(t, "its lists are about %" PRId32 " and %" PRId32 " pages", out->n_pages, n_data);
    if (n_data == 0)
        out->data_bytes = NULL;
}

rv_code rv_parquet_offset_index_read(rv_parquet_reader *reader, int32_t leaf,
                                     const rv_parquet_offset_index **out, rv_error *err)
{
    assert(reader->group.index >= 0);
    const rv_parquet_chunk *chunk = &reader->group.chunks[leaf];
    const uint8_t *bytes = NULL;
    *out = NULL;
    if (chunk->offset_index_at < 0 || chunk->unreadable != NULL)
        return RV_OK;
    RV_TRY(place(reader, leaf, "offset index",
                 load(reader, chunk->offset_index_at, chunk->offset_index_len, &bytes, err), err));
    rvi_pqr_thrift t =
        rvi_pqr_thrift_begin(bytes, (size_t)chunk->offset_index_len, (uint64_t)chunk->offset_index_at, err);
    rv_parquet_offset_index *index = rvi_pqr_thrift_alloc(&t, &reader->group_pool, 1, sizeof *index);
    if (index != NULL)
        parse_offset_index(&t, &reader->group_pool, index);
    RV_TRY(place(reader, leaf, "offset index", t.rc, err));
    *out = index;
    return RV_OK;
}
