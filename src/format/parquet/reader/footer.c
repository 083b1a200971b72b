#include "footer.h"

#include "format/parquet/thrift.h"

#include <inttypes.h>
#include <string.h>

rv_parquet_statistics rvi_pqr_no_statistics(void)
{
    return (rv_parquet_statistics){
        .null_count = -1, .distinct_count = -1, .nan_count = -1, .min_exact = -1, .max_exact = -1};
}

/* A count; one below zero is a failure. */
static int64_t count_field(rvi_pqr_thrift *t, rvi_pqr_field field)
{
    int64_t value = rvi_pqr_i64(t, field);
    if (value < 0)
        rvi_pqr_thrift_fail(t, "field %d, a count or an offset, is %" PRId64, field.id, value);
    return value < 0 ? 0 : value;
}

void rvi_pqr_statistics_parse(rvi_pqr_thrift *t, rvi_pqr_field field, rv_parquet_statistics *out)
{
    if (!rvi_pqr_is_struct(t, field))
        return;
    int16_t outer = rvi_pqr_struct_begin(t);
    for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);) {
        switch (f.id) {
        case 1:
            out->deprecated_max = rvi_pqr_binary(t, f);
            break;
        case 2:
            out->deprecated_min = rvi_pqr_binary(t, f);
            break;
        case 3:
            out->null_count = rvi_pqr_i64(t, f);
            break;
        case 4:
            out->distinct_count = rvi_pqr_i64(t, f);
            break;
        case 5:
            out->max = rvi_pqr_binary(t, f);
            break;
        case 6:
            out->min = rvi_pqr_binary(t, f);
            break;
        case 7:
            out->max_exact = rvi_pqr_bool(t, f);
            break;
        case 8:
            out->min_exact = rvi_pqr_bool(t, f);
            break;
        case 9:
            out->nan_count = rvi_pqr_i64(t, f);
            break;
        default:
            rvi_pqr_skip(t, f);
        }
    }
    rvi_pqr_struct_end(t, outer);
}

/* ---- column chunks ---- */

static void parse_encoding_stats(rvi_pqr_thrift *t, rvi_pqr_field field, rvi_pqr_pool *pool,
                                 rv_parquet_chunk *chunk)
{
    uint32_t n = rvi_pqr_list(t, field, RVI_PQ_THRIFT_STRUCT);
    rv_parquet_encoding_count *list = rvi_pqr_thrift_alloc(t, pool, n, sizeof *list);
    for (uint32_t i = 0; list != NULL && i < n; i++) {
        int16_t outer = rvi_pqr_struct_begin(t);
        for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);) {
            if (f.id == 1)
                list[i].page_type = rvi_pqr_i32(t, f);
            else if (f.id == 2)
                list[i].encoding = rvi_pqr_i32(t, f);
            else if (f.id == 3)
                list[i].n_pages = rvi_pqr_i32(t, f);
            else
                rvi_pqr_skip(t, f);
        }
        rvi_pqr_struct_end(t, outer);
    }
    chunk->encoding_stats = list;
    chunk->n_encoding_stats = list != NULL ? (int32_t)n : 0;
}

static void parse_size_statistics(rvi_pqr_thrift *t, rvi_pqr_field field, rvi_pqr_pool *pool,
                                  rv_parquet_chunk *chunk)
{
    if (!rvi_pqr_is_struct(t, field))
        return;
    int16_t outer = rvi_pqr_struct_begin(t);
    for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);) {
        if (f.id == 1)
            chunk->data_bytes = rvi_pqr_i64(t, f);
        else if (f.id == 2)
            chunk->rep_histogram = rvi_pqr_list_i64(t, f, pool, &chunk->n_rep_histogram);
        else if (f.id == 3)
            chunk->def_histogram = rvi_pqr_list_i64(t, f, pool, &chunk->n_def_histogram);
        else
            rvi_pqr_skip(t, f);
    }
    rvi_pqr_struct_end(t, outer);
}

/* path_in_schema names the leaf from below the root. A chunk under another leaf's place would show one column's
 * values as another's. */
static void check_path(rvi_pqr_thrift *t, rvi_pqr_field field, const rv_parquet_metadata *metadata,
                       int32_t leaf)
{
    uint32_t n = rvi_pqr_list(t, field, RVI_PQ_THRIFT_BINARY);
    int32_t path[RVI_PQR_SCHEMA_DEPTH + 1];
    uint32_t depth = 0;
    for (int32_t i = metadata->leaves[leaf]; i > 0; i = metadata->nodes[i].parent)
        path[depth++] = i;
    bool same = n == depth;
    for (uint32_t i = 0; i < n && t->rc == RV_OK; i++) {
        rv_parquet_bytes name = rvi_pqr_item_binary(t);
        const char *expected = i < depth ? metadata->nodes[path[depth - 1 - i]].name : "";
        same = same && name.len == strlen(expected) && memcmp(name.data, expected, name.len) == 0;
    }
    if (!same)
        rvi_pqr_thrift_fail(t, "chunk %d does not lie under the path of its column '%.64s'", leaf,
                            metadata->nodes[metadata->leaves[leaf]].name);
}

/* The fields that reading rests on: type, codec, num_values, both sizes, data_page_offset. */
enum { CHUNK_NEEDS = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 9 };

static void parse_chunk_metadata(rvi_pqr_thrift *t, const rv_parquet_metadata *metadata, int32_t leaf,
                                 rvi_pqr_pool *pool, rv_parquet_chunk *chunk)
{
    uint32_t seen = 0;
    int16_t outer = rvi_pqr_struct_begin(t);
    for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);) {
        seen |= f.id > 0 && f.id < 32 ? (uint32_t)1 << f.id : 0;
        switch (f.id) {
        case 1:
            chunk->physical = rvi_pqr_i32(t, f);
            break;
        case 2:
            chunk->encodings = rvi_pqr_list_i32(t, f, pool, &chunk->n_encodings);
            break;
        case 3:
            check_path(t, f, metadata, leaf);
            break;
        case 4:
            chunk->codec = rvi_pqr_i32(t, f);
            break;
        case 5:
            chunk->n_values = count_field(t, f);
            break;
        case 6:
            chunk->raw_bytes = count_field(t, f);
            break;
        case 7:
            chunk->stored_bytes = count_field(t, f);
            break;
        case 9:
            chunk->data_page_at = count_field(t, f);
            break;
        case 10:
            chunk->index_page_at = rvi_pqr_i64(t, f);
            break;
        case 11:
            chunk->dictionary_page_at = rvi_pqr_i64(t, f);
            break;
        case 12:
            rvi_pqr_statistics_parse(t, f, &chunk->statistics);
            break;
        case 13:
            parse_encoding_stats(t, f, pool, chunk);
            break;
        case 14:
            chunk->bloom_at = count_field(t, f);
            break;
        case 15:
            chunk->bloom_len = rvi_pqr_i32(t, f);
            break;
        case 16:
            parse_size_statistics(t, f, pool, chunk);
            break;
        default:
            rvi_pqr_skip(t, f);
        }
    }
    rvi_pqr_struct_end(t, outer);
    if ((seen & CHUNK_NEEDS) != CHUNK_NEEDS)
        rvi_pqr_thrift_fail(t, "the metadata of chunk %d lacks a required field", leaf);
    if (chunk->physical != metadata->nodes[metadata->leaves[leaf]].physical)
        rvi_pqr_thrift_fail(t, "chunk %d has type %d, its column in the schema type %d", leaf,
                            chunk->physical, metadata->nodes[metadata->leaves[leaf]].physical);
}

static const char *why_unreadable(const rv_parquet_chunk *chunk, bool has_metadata, bool is_encrypted,
                                  bool is_elsewhere)
{
    if (is_encrypted)
        return "it is encrypted";
    if (is_elsewhere)
        return "its data lies in another file";
    if (!has_metadata)
        return "it has no metadata";
    if (chunk->physical >= RV_PARQUET_PHYSICALS)
        return "its physical type is not known";
    if (chunk->codec < RV_PARQUET_UNCOMPRESSED || chunk->codec > RV_PARQUET_LZ4_RAW)
        return "its codec is not known";
    return chunk->codec == RV_PARQUET_LZO ? "its codec is LZO" : NULL;
}

static void parse_chunk(rvi_pqr_thrift *t, const rv_parquet_metadata *metadata, int32_t leaf,
                        rvi_pqr_pool *pool, rv_parquet_chunk *chunk)
{
    bool has_metadata = false, is_encrypted = false, is_elsewhere = false;
    *chunk = (rv_parquet_chunk){.statistics = rvi_pqr_no_statistics(),
                                .index_page_at = -1,
                                .dictionary_page_at = -1,
                                .data_bytes = -1,
                                .bloom_at = -1,
                                .bloom_len = -1,
                                .column_index_at = -1,
                                .offset_index_at = -1};
    int16_t outer = rvi_pqr_struct_begin(t);
    for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);) {
        switch (f.id) {
        case 1:
            is_elsewhere = rvi_pqr_binary(t, f).len > 0;
            break;
        case 3:
            has_metadata = rvi_pqr_is_struct(t, f);
            if (has_metadata)
                parse_chunk_metadata(t, metadata, leaf, pool, chunk);
            break;
        case 4:
            chunk->offset_index_at = count_field(t, f);
            break;
        case 5:
            chunk->offset_index_len = rvi_pqr_i32(t, f);
            break;
        case 6:
            chunk->column_index_at = count_field(t, f);
            break;
        case 7:
            chunk->column_index_len = rvi_pqr_i32(t, f);
            break;
        case 8:
            is_encrypted = true;
            rvi_pqr_skip(t, f);
            break;
        default:
            rvi_pqr_skip(t, f);
        }
    }
    rvi_pqr_struct_end(t, outer);
    chunk->unreadable = why_unreadable(chunk, has_metadata, is_encrypted, is_elsewhere);
}

/* ---- row groups ---- */

static void parse_chunks(rvi_pqr_thrift *t, rvi_pqr_field field, const rv_parquet_metadata *metadata,
                         rvi_pqr_pool *pool, rv_parquet_row_group *group)
{
    uint32_t n = rvi_pqr_list(t, field, RVI_PQ_THRIFT_STRUCT);
    if (t->rc == RV_OK && n != (uint32_t)metadata->n_leaves)
        rvi_pqr_thrift_fail(t, "it has %u chunks, the schema %d columns", n, metadata->n_leaves);
    rv_parquet_chunk *chunks = rvi_pqr_thrift_alloc(t, pool, n, sizeof *chunks);
    for (uint32_t i = 0; i < n && t->rc == RV_OK; i++)
        parse_chunk(t, metadata, (int32_t)i, pool, &chunks[i]);
    group->chunks = chunks;
}

static void parse_sorting(rvi_pqr_thrift *t, rvi_pqr_field field, rvi_pqr_pool *pool,
                          rv_parquet_row_group *group)
{
    uint32_t n = rvi_pqr_list(t, field, RVI_PQ_THRIFT_STRUCT);
    rv_parquet_sorting *list = rvi_pqr_thrift_alloc(t, pool, n, sizeof *list);
    for (uint32_t i = 0; list != NULL && i < n; i++) {
        int16_t outer = rvi_pqr_struct_begin(t);
        for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);) {
            if (f.id == 1)
                list[i].leaf = rvi_pqr_i32(t, f);
            else if (f.id == 2)
                list[i].descending = rvi_pqr_bool(t, f);
            else if (f.id == 3)
                list[i].nulls_first = rvi_pqr_bool(t, f);
            else
                rvi_pqr_skip(t, f);
        }
        rvi_pqr_struct_end(t, outer);
    }
    group->sorting = list;
    group->n_sorting = list != NULL ? (int32_t)n : 0;
}

rv_code rvi_pqr_row_group_parse(const rvi_pqr_footer *footer, int32_t index, rvi_pqr_pool *pool,
                                rv_parquet_row_group *out, rv_error *err)
{
    const rv_parquet_metadata *metadata = &footer->metadata;
    uint32_t from = footer->group_at[index];
    rvi_pqr_thrift t = rvi_pqr_thrift_begin(footer->bytes + from, metadata->footer_len - from,
                                            metadata->footer_at + from, err);
    rv_parquet_row_group group = {.index = index, .at = -1, .stored_bytes = -1, .ordinal = -1, .n_rows = -1};
    int16_t outer = rvi_pqr_struct_begin(&t);
    for (rvi_pqr_field f; rvi_pqr_field_next(&t, &f);) {
        switch (f.id) {
        case 1:
            parse_chunks(&t, f, metadata, pool, &group);
            break;
        case 2:
            group.raw_bytes = rvi_pqr_i64(&t, f);
            break;
        case 3:
            group.n_rows = count_field(&t, f);
            break;
        case 4:
            parse_sorting(&t, f, pool, &group);
            break;
        case 5:
            group.at = rvi_pqr_i64(&t, f);
            break;
        case 6:
            group.stored_bytes = rvi_pqr_i64(&t, f);
            break;
        case 7:
            group.ordinal = rvi_pqr_i32(&t, f);
            break;
        default:
            rvi_pqr_skip(&t, f);
        }
    }
    rvi_pqr_struct_end(&t, outer);
    if (t.rc == RV_OK && ((group.chunks == NULL && metadata->n_leaves > 0) || group.n_rows < 0))
        rvi_pqr_thrift_fail(&t, "it lacks its columns or its number of rows");
    RV_TRY(t.rc);
    *out = group;
    return RV_OK;
}

/* ---- the file ---- */

static void walk_row_groups(rvi_pqr_thrift *t, rvi_pqr_field field, rvi_pqr_pool *pool, rvi_pqr_footer *out)
{
    uint32_t n = rvi_pqr_list(t, field, RVI_PQ_THRIFT_STRUCT);
    uint32_t *at = rvi_pqr_thrift_alloc(t, pool, n, sizeof *at);
    for (uint32_t i = 0; at != NULL && i < n; i++) {
        at[i] = (uint32_t)(t->at - t->begin);
        rvi_pqr_item_skip_struct(t);
    }
    out->group_at = at;
    out->metadata.n_row_groups = at != NULL ? (int32_t)n : 0;
}

static void parse_key_values(rvi_pqr_thrift *t, rvi_pqr_field field, rvi_pqr_pool *pool,
                             rv_parquet_metadata *out)
{
    uint32_t n = rvi_pqr_list(t, field, RVI_PQ_THRIFT_STRUCT);
    rv_parquet_key_value *list = rvi_pqr_thrift_alloc(t, pool, n, sizeof *list);
    for (uint32_t i = 0; list != NULL && i < n; i++) {
        rv_parquet_bytes key = {0};
        int16_t outer = rvi_pqr_struct_begin(t);
        for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);) {
            if (f.id == 1)
                key = rvi_pqr_binary(t, f);
            else if (f.id == 2)
                list[i].value = rvi_pqr_binary(t, f);
            else
                rvi_pqr_skip(t, f);
        }
        rvi_pqr_struct_end(t, outer);
        if (t->rc == RV_OK)
            t->rc = rvi_pqr_pool_text(pool, key.data, key.len, &list[i].key, t->err);
    }
    out->key_values = list;
    out->n_key_values = list != NULL ? (int32_t)n : 0;
}

/* Orders that do not match the columns are no orders: the bounds of all columns are then without meaning. */
static void parse_column_orders(rvi_pqr_thrift *t, rvi_pqr_field field, rvi_pqr_pool *pool, int32_t *n,
                                rv_parquet_metadata *out)
{
    uint32_t count = rvi_pqr_list(t, field, RVI_PQ_THRIFT_STRUCT);
    int32_t *orders = rvi_pqr_thrift_alloc(t, pool, count, sizeof *orders);
    for (uint32_t i = 0; orders != NULL && i < count; i++)
        orders[i] = rvi_pqr_union(t, (rvi_pqr_field){.type = RVI_PQ_THRIFT_STRUCT});
    out->column_orders = orders;
    *n = (int32_t)count;
}

static void parse_file_metadata(rvi_pqr_thrift *t, rvi_pqr_pool *pool, rvi_pqr_footer *out)
{
    rv_parquet_metadata *metadata = &out->metadata;
    rv_parquet_bytes created_by = {0};
    int32_t n_orders = 0;
    int16_t outer = rvi_pqr_struct_begin(t);
    for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);) {
        switch (f.id) {
        case 1:
            metadata->version = rvi_pqr_i32(t, f);
            break;
        case 2:
            rvi_pqr_schema_parse(t, f, pool, metadata);
            break;
        case 3:
            metadata->n_rows = count_field(t, f);
            break;
        case 4:
            walk_row_groups(t, f, pool, out);
            break;
        case 5:
            parse_key_values(t, f, pool, metadata);
            break;
        case 6:
            created_by = rvi_pqr_binary(t, f);
            break;
        case 7:
            parse_column_orders(t, f, pool, &n_orders, metadata);
            break;
        default:
            rvi_pqr_skip(t, f);
        }
    }
    rvi_pqr_struct_end(t, outer);
    if (n_orders != metadata->n_leaves)
        metadata->column_orders = NULL;
    if (t->rc == RV_OK && created_by.data != NULL)
        t->rc = rvi_pqr_pool_text(pool, created_by.data, created_by.len, &metadata->created_by, t->err);
}

rv_code rvi_pqr_footer_parse(const uint8_t *bytes, uint32_t len, uint64_t file_offset, rvi_pqr_pool *pool,
                             rvi_pqr_footer *out, rv_error *err)
{
    rvi_pqr_thrift t = rvi_pqr_thrift_begin(bytes, len, file_offset, err);
    rvi_pqr_footer footer = {.bytes = bytes,
                             .metadata = {.n_rows = -1, .footer_at = file_offset, .footer_len = len}};
    parse_file_metadata(&t, pool, &footer);
    if (t.rc == RV_OK && (footer.metadata.n_nodes == 0 || footer.metadata.n_rows < 0))
        rvi_pqr_thrift_fail(&t, "the footer lacks the schema or the number of rows");
    RV_TRY(t.rc);
    *out = footer;
    return RV_OK;
}
