/* parquet_file.h - Parquet files made by hand: everything that a file says about itself is a field that a test can make
 * wrong. What is not touched is true.
 *
 * Two columns of five rows. `tags` is a list of texts in two PLAIN pages with all indexes and a bloom filter:
 *     [a, bb]  NULL  []     |     [c, NULL]  [dd]
 * `n` is a required INT32 in one page of dictionary indices: 10 20 30 20 10. */
#ifndef TESTS_UNIT_FORMAT_PARQUET_FILE_H
#define TESTS_UNIT_FORMAT_PARQUET_FILE_H

#include "parquet_support.h"

#include "format/parquet/thrift.h"
#include "format/parquet/values.h"
#include "rivet/parquet_verify.h"

#include <zlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

typedef struct made_page {
    int type, encoding, def_encoding;
    int n_levels;
    const char *body;
    int len;
    int raw_delta, stored_delta, crc_delta; /* added to what is true */
    bool no_crc;
    int64_t header_null_count; /* -1: no statistics */
    /* The page index. */
    bool is_null;
    const char *min, *max;
    int64_t null_count, first_row, data_bytes, rep_histogram[2], def_histogram[4];
    int64_t at_delta, len_delta;
} made_page;

typedef struct made_chunk {
    made_page pages[3];
    int n_pages, physical, codec;
    int encodings[4], n_encodings;
    int stats[3][3], n_stats; /* page type, encoding, pages */
    int64_t n_values, raw_delta, stored_delta, data_at_delta, dictionary_at_delta;
    const char *min, *max;
    int min_len, max_len; /* 0: strlen */
    bool min_exact, max_exact;
    int64_t null_count, distinct_count, data_bytes, rep_histogram[2], def_histogram[4];
    int boundary_order;
    bool has_indexes;
    int n_index_pages;
    int bloom_bytes, bloom_len_delta;
    bool bloom_empty;
    const char *path;
} made_chunk;

typedef struct made_file {
    made_chunk chunks[2];
    int64_t n_rows, group_rows, raw_delta, stored_delta, at_delta;
    int ordinal, gap, n_orders;
    const char *created_by, *tags_name;
    int root_children;
    const char *head, *tail;
    int footer_len_delta;
    bool strange; /* fields that no specification has */
} made_file;

static inline made_file made_well(void)
{
    made_file f = {.n_rows = 5,
                   .group_rows = 5,
                   .n_orders = 2,
                   .tags_name = "tags",
                   .root_children = 2,
                   .created_by = "rivet version 1.2.3 (build test)",
                   .head = "PAR1",
                   .tail = "PAR1"};
    /* rep 0 1 0 0, def 3 3 0 1, both as one bit-packed group; then the texts. */
    f.chunks[0].pages[0] = (made_page){.type = 0,
                                       .def_encoding = 3,
                                       .n_levels = 4,
                                       .body = "\2\0\0\0\3\2"
                                               "\3\0\0\0\3\x4f\0"
                                               "\1\0\0\0a"
                                               "\2\0\0\0bb",
                                       .header_null_count = 2,
                                       .min = "a",
                                       .max = "bb",
                                       .null_count = 2,
                                       .data_bytes = 3,
                                       .rep_histogram = {3, 1},
                                       .def_histogram = {1, 1, 0, 2}};
    f.chunks[0].pages[0].len = 6 + 7 + 5 + 6;
    /* rep 0 1 0, def 3 2 3. */
    f.chunks[0].pages[1] = (made_page){.type = 0,
                                       .def_encoding = 3,
                                       .n_levels = 3,
                                       .body = "\2\0\0\0\3\2"
                                               "\3\0\0\0\3\x3b\0"
                                               "\1\0\0\0c"
                                               "\2\0\0\0dd",
                                       .len = 6 + 7 + 5 + 6,
                                       .header_null_count = 1,
                                       .min = "c",
                                       .max = "dd",
                                       .null_count = 1,
                                       .first_row = 3,
                                       .data_bytes = 3,
                                       .rep_histogram = {2, 1},
                                       .def_histogram = {0, 0, 1, 2}};
    f.chunks[0] = (made_chunk){.pages = {f.chunks[0].pages[0], f.chunks[0].pages[1]},
                               .n_pages = 2,
                               .physical = 6,
                               .encodings = {0, 3},
                               .n_encodings = 2,
                               .stats = {{0, 0, 2}},
                               .n_stats = 1,
                               .n_values = 7,
                               .min = "a",
                               .max = "dd",
                               .min_exact = true,
                               .max_exact = true,
                               .null_count = 3,
                               .distinct_count = -1,
                               .data_bytes = 6,
                               .rep_histogram = {5, 2},
                               .def_histogram = {1, 1, 1, 4},
                               .boundary_order = 1,
                               .has_indexes = true,
                               .n_index_pages = 2,
                               .bloom_bytes = 32};
    f.chunks[1].pages[0] = (made_page){
        .type = 2, .n_levels = 3, .body = "\12\0\0\0\24\0\0\0\36\0\0\0", .len = 12, .header_null_count = -1};
    /* Indices 0 1 2 1 0 of two bits: 0 01 10 01 00 from the right. */
    f.chunks[1].pages[1] = (made_page){.type = 0,
                                       .encoding = 8,
                                       .def_encoding = 3,
                                       .n_levels = 5,
                                       .body = "\2\3\x64\0",
                                       .len = 4,
                                       .header_null_count = -1};
    made_chunk second = {.pages = {f.chunks[1].pages[0], f.chunks[1].pages[1]},
                         .n_pages = 2,
                         .physical = 1,
                         .encodings = {0, 8},
                         .n_encodings = 2,
                         .stats = {{2, 0, 1}, {0, 8, 1}},
                         .n_stats = 2,
                         .n_values = 5,
                         .min = "\12\0\0\0",
                         .max = "\36\0\0\0",
                         .min_len = 4,
                         .max_len = 4,
                         .min_exact = true,
                         .max_exact = true,
                         .distinct_count = 3,
                         .data_bytes = -1};
    f.chunks[1] = second;
    return f;
}

/* ---- serialising ---- */

typedef struct made_bytes {
    rvi_pq_memory memory;
    rvi_pq_buf out;
    int64_t page_at[2][3], page_len[2][3], raw[2], stored[2];
    int64_t bloom_at[2], bloom_len[2], column_index_at[2], column_index_len[2], offset_index_at[2],
        offset_index_len[2];
} made_bytes;

static inline void put(made_bytes *b, const void *bytes, size_t len)
{
    assert_int_equal(rvi_pq_buf_append(&b->out, bytes, len, NULL), RV_OK);
}

static inline void put_page(made_bytes *b, const made_page *p, int chunk, int page)
{
    rvi_pq_thrift t = rvi_pq_thrift_begin(&b->out, NULL);
    b->page_at[chunk][page] = (int64_t)b->out.len;
    rvi_pq_thrift_i32(&t, 1, p->type);
    rvi_pq_thrift_i32(&t, 2, p->len + p->raw_delta);
    rvi_pq_thrift_i32(&t, 3, p->len + p->stored_delta);
    if (!p->no_crc)
        rvi_pq_thrift_i32(
            &t, 4, (int32_t)(uint32_t)crc32_z(0, (const uint8_t *)p->body, (size_t)p->len) + p->crc_delta);
    rvi_pq_thrift_struct_begin(&t, p->type == 2 ? 7 : 5);
    rvi_pq_thrift_i32(&t, 1, p->n_levels);
    rvi_pq_thrift_i32(&t, 2, p->encoding);
    if (p->type == 0) {
        rvi_pq_thrift_i32(&t, 3, p->def_encoding);
        rvi_pq_thrift_i32(&t, 4, 3);
        if (p->header_null_count >= 0) {
            rvi_pq_thrift_struct_begin(&t, 5);
            rvi_pq_thrift_i64(&t, 3, p->header_null_count);
            rvi_pq_thrift_struct_end(&t);
        }
    }
    rvi_pq_thrift_struct_end(&t);
    assert_int_equal(rvi_pq_thrift_end(&t), RV_OK);
    int64_t header = (int64_t)b->out.len - b->page_at[chunk][page];
    put(b, p->body, (size_t)p->len);
    b->page_len[chunk][page] = (int64_t)b->out.len - b->page_at[chunk][page];
    b->raw[chunk] += header + p->len + p->raw_delta;
    b->stored[chunk] += header + p->len + p->stored_delta;
}

static inline void put_bloom(made_bytes *b, const made_chunk *c, int chunk)
{
    static const uint32_t salt[8] = {0x47b6137bu, 0x44974d91u, 0x8824ad5bu, 0xa2b7289du,
                                     0x705495c7u, 0x2df1424bu, 0x9efc4947u, 0x5c6bfb31u};
    static const char *const values[] = {"a", "bb", "c", "dd"};
    uint32_t words[8] = {0};
    for (int v = 0; v < 4 && !c->bloom_empty; v++) {
        uint64_t hash = XXH64(values[v], strlen(values[v]), 0);
        for (int i = 0; i < 8; i++)
            words[i] |= 1u << (((uint32_t)hash * salt[i]) >> 27);
    }
    rvi_pq_thrift t = rvi_pq_thrift_begin(&b->out, NULL);
    b->bloom_at[chunk] = (int64_t)b->out.len;
    rvi_pq_thrift_i32(&t, 1, c->bloom_bytes);
    for (int16_t id = 2; id <= 4; id++) {
        rvi_pq_thrift_struct_begin(&t, id);
        rvi_pq_thrift_empty_struct(&t, 1);
        rvi_pq_thrift_struct_end(&t);
    }
    assert_int_equal(rvi_pq_thrift_end(&t), RV_OK);
    put(b, words, sizeof words);
    b->bloom_len[chunk] = (int64_t)b->out.len - b->bloom_at[chunk];
}

static inline void put_text_list(rvi_pq_thrift *t, int16_t id, const made_chunk *c, bool min)
{
    rvi_pq_thrift_list(t, id, RVI_PQ_THRIFT_BINARY, (size_t)c->n_index_pages);
    for (int i = 0; i < c->n_index_pages; i++) {
        const char *bound = min ? c->pages[i].min : c->pages[i].max;
        rvi_pq_thrift_item_binary(t, bound, bound != NULL ? strlen(bound) : 0);
    }
}

static inline void put_indexes(made_bytes *b, const made_chunk *c, int chunk)
{
    b->column_index_at[chunk] = (int64_t)b->out.len;
    rvi_pq_thrift t = rvi_pq_thrift_begin(&b->out, NULL);
    rvi_pq_thrift_list(&t, 1, RVI_PQ_THRIFT_TRUE, (size_t)c->n_index_pages);
    for (int i = 0; i < c->n_index_pages; i++)
        rvi_pq_thrift_item_bool(&t, c->pages[i].is_null);
    put_text_list(&t, 2, c, true);
    put_text_list(&t, 3, c, false);
    rvi_pq_thrift_i32(&t, 4, c->boundary_order);
    rvi_pq_thrift_list(&t, 5, RVI_PQ_THRIFT_I64, (size_t)c->n_index_pages);
    for (int i = 0; i < c->n_index_pages; i++)
        rvi_pq_thrift_item_i64(&t, c->pages[i].null_count);
    rvi_pq_thrift_list(&t, 6, RVI_PQ_THRIFT_I64, (size_t)c->n_index_pages * 2);
    for (int i = 0; i < c->n_index_pages * 2; i++)
        rvi_pq_thrift_item_i64(&t, c->pages[i / 2].rep_histogram[i % 2]);
    rvi_pq_thrift_list(&t, 7, RVI_PQ_THRIFT_I64, (size_t)c->n_index_pages * 4);
    for (int i = 0; i < c->n_index_pages * 4; i++)
        rvi_pq_thrift_item_i64(&t, c->pages[i / 4].def_histogram[i % 4]);
    assert_int_equal(rvi_pq_thrift_end(&t), RV_OK);
    b->column_index_len[chunk] = (int64_t)b->out.len - b->column_index_at[chunk];
    b->offset_index_at[chunk] = (int64_t)b->out.len;
    t = rvi_pq_thrift_begin(&b->out, NULL);
    rvi_pq_thrift_list(&t, 1, RVI_PQ_THRIFT_STRUCT, (size_t)c->n_index_pages);
    for (int i = 0; i < c->n_index_pages; i++) {
        rvi_pq_thrift_item_struct_begin(&t);
        rvi_pq_thrift_i64(&t, 1, b->page_at[chunk][i] + c->pages[i].at_delta);
        rvi_pq_thrift_i32(&t, 2, (int32_t)(b->page_len[chunk][i] + c->pages[i].len_delta));
        rvi_pq_thrift_i64(&t, 3, c->pages[i].first_row);
        rvi_pq_thrift_item_struct_end(&t);
    }
    rvi_pq_thrift_list(&t, 2, RVI_PQ_THRIFT_I64, (size_t)c->n_index_pages);
    for (int i = 0; i < c->n_index_pages; i++)
        rvi_pq_thrift_item_i64(&t, c->pages[i].data_bytes);
    assert_int_equal(rvi_pq_thrift_end(&t), RV_OK);
    b->offset_index_len[chunk] = (int64_t)b->out.len - b->offset_index_at[chunk];
}

static inline void put_element(rvi_pq_thrift *t, const char *name, int physical, int repetition, int children,
                               int converted)
{
    rvi_pq_thrift_item_struct_begin(t);
    if (physical >= 0)
        rvi_pq_thrift_i32(t, 1, physical);
    rvi_pq_thrift_i32(t, 3, repetition);
    rvi_pq_thrift_text(t, 4, name);
    if (children > 0)
        rvi_pq_thrift_i32(t, 5, children);
    if (converted >= 0)
        rvi_pq_thrift_i32(t, 6, converted);
    rvi_pq_thrift_item_struct_end(t);
}

static inline void put_chunk_statistics(rvi_pq_thrift *t, const made_chunk *c)
{
    rvi_pq_thrift_struct_begin(t, 12);
    rvi_pq_thrift_i64(t, 3, c->null_count);
    if (c->distinct_count >= 0)
        rvi_pq_thrift_i64(t, 4, c->distinct_count);
    rvi_pq_thrift_binary(t, 5, c->max, c->max_len != 0 ? (size_t)c->max_len : strlen(c->max));
    rvi_pq_thrift_binary(t, 6, c->min, c->min_len != 0 ? (size_t)c->min_len : strlen(c->min));
    rvi_pq_thrift_bool(t, 7, c->max_exact);
    rvi_pq_thrift_bool(t, 8, c->min_exact);
    rvi_pq_thrift_struct_end(t);
}

static inline void put_chunk_metadata(rvi_pq_thrift *t, const made_bytes *b, const made_chunk *c, int chunk)
{
    bool dictionary = c->pages[0].type == 2;
    static const char *const paths[2][3] = {{"tags", "list", "element"}, {"n"}};
    rvi_pq_thrift_struct_begin(t, 3);
    rvi_pq_thrift_i32(t, 1, c->physical);
    rvi_pq_thrift_list(t, 2, RVI_PQ_THRIFT_I32, (size_t)c->n_encodings);
    for (int i = 0; i < c->n_encodings; i++)
        rvi_pq_thrift_item_i32(t, c->encodings[i]);
    rvi_pq_thrift_list(t, 3, RVI_PQ_THRIFT_BINARY, chunk == 0 ? 3 : 1);
    for (int i = 0; i < (chunk == 0 ? 3 : 1); i++) {
        const char *name = i == 0 && c->path != NULL ? c->path : paths[chunk][i];
        rvi_pq_thrift_item_binary(t, name, strlen(name));
    }
    rvi_pq_thrift_i32(t, 4, c->codec);
    rvi_pq_thrift_i64(t, 5, c->n_values);
    rvi_pq_thrift_i64(t, 6, b->raw[chunk] + c->raw_delta);
    rvi_pq_thrift_i64(t, 7, b->stored[chunk] + c->stored_delta);
    rvi_pq_thrift_i64(t, 9, b->page_at[chunk][dictionary ? 1 : 0] + c->data_at_delta);
    if (dictionary)
        rvi_pq_thrift_i64(t, 11, b->page_at[chunk][0] + c->dictionary_at_delta);
    put_chunk_statistics(t, c);
    rvi_pq_thrift_list(t, 13, RVI_PQ_THRIFT_STRUCT, (size_t)c->n_stats);
    for (int i = 0; i < c->n_stats; i++) {
        rvi_pq_thrift_item_struct_begin(t);
        for (int16_t f = 0; f < 3; f++)
            rvi_pq_thrift_i32(t, (int16_t)(f + 1), c->stats[i][f]);
        rvi_pq_thrift_item_struct_end(t);
    }
    if (c->bloom_bytes > 0) {
        rvi_pq_thrift_i64(t, 14, b->bloom_at[chunk]);
        rvi_pq_thrift_i32(t, 15, (int32_t)b->bloom_len[chunk] + c->bloom_len_delta);
    }
    if (c->data_bytes >= 0) {
        rvi_pq_thrift_struct_begin(t, 16);
        rvi_pq_thrift_i64(t, 1, c->data_bytes);
        rvi_pq_thrift_list(t, 2, RVI_PQ_THRIFT_I64, 2);
        for (int i = 0; i < 2; i++)
            rvi_pq_thrift_item_i64(t, c->rep_histogram[i]);
        rvi_pq_thrift_list(t, 3, RVI_PQ_THRIFT_I64, 4);
        for (int i = 0; i < 4; i++)
            rvi_pq_thrift_item_i64(t, c->def_histogram[i]);
        rvi_pq_thrift_struct_end(t);
    }
    rvi_pq_thrift_struct_end(t);
}

static inline void put_row_group(rvi_pq_thrift *t, const made_bytes *b, const made_file *f)
{
    rvi_pq_thrift_item_struct_begin(t);
    rvi_pq_thrift_list(t, 1, RVI_PQ_THRIFT_STRUCT, 2);
    for (int i = 0; i < 2; i++) {
        const made_chunk *c = &f->chunks[i];
        rvi_pq_thrift_item_struct_begin(t);
        rvi_pq_thrift_i64(t, 2, 0);
        put_chunk_metadata(t, b, c, i);
        if (c->has_indexes) {
            rvi_pq_thrift_i64(t, 4, b->offset_index_at[i]);
            rvi_pq_thrift_i32(t, 5, (int32_t)b->offset_index_len[i]);
            rvi_pq_thrift_i64(t, 6, b->column_index_at[i]);
            rvi_pq_thrift_i32(t, 7, (int32_t)b->column_index_len[i]);
        }
        rvi_pq_thrift_item_struct_end(t);
    }
    rvi_pq_thrift_i64(t, 2, b->raw[0] + b->raw[1] + f->raw_delta);
    rvi_pq_thrift_i64(t, 3, f->group_rows);
    rvi_pq_thrift_i64(t, 5, 4 + f->at_delta);
    rvi_pq_thrift_i64(t, 6, b->stored[0] + b->stored[1] + f->stored_delta);
    rvi_pq_thrift_i16(t, 7, (int16_t)f->ordinal);
    rvi_pq_thrift_item_struct_end(t);
}

static inline void put_footer(made_bytes *b, const made_file *f)
{
    size_t at = b->out.len;
    rvi_pq_thrift t = rvi_pq_thrift_begin(&b->out, NULL);
    rvi_pq_thrift_i32(&t, 1, 1);
    rvi_pq_thrift_list(&t, 2, RVI_PQ_THRIFT_STRUCT, 5);
    put_element(&t, "schema", -1, 0, f->root_children, -1);
    put_element(&t, f->tags_name, -1, 1, 1, 3);
    put_element(&t, "list", -1, 2, 1, -1);
    put_element(&t, "element", 6, 1, 0, 0);
    put_element(&t, "n", 1, 0, 0, -1);
    rvi_pq_thrift_i64(&t, 3, f->n_rows);
    rvi_pq_thrift_list(&t, 4, RVI_PQ_THRIFT_STRUCT, 1);
    put_row_group(&t, b, f);
    if (f->created_by != NULL)
        rvi_pq_thrift_text(&t, 6, f->created_by);
    rvi_pq_thrift_list(&t, 7, RVI_PQ_THRIFT_STRUCT, (size_t)f->n_orders);
    for (int i = 0; i < f->n_orders; i++) {
        rvi_pq_thrift_item_struct_begin(&t);
        rvi_pq_thrift_empty_struct(&t, 1);
        rvi_pq_thrift_item_struct_end(&t);
    }
    if (f->strange) {
        rvi_pq_thrift_struct_begin(&t, 15);
        rvi_pq_thrift_list(&t, 1, RVI_PQ_THRIFT_STRUCT, 1);
        rvi_pq_thrift_item_struct_begin(&t);
        rvi_pq_thrift_bool(&t, 7, true);
        rvi_pq_thrift_i8(&t, 8, -1);
        rvi_pq_thrift_item_struct_end(&t);
        rvi_pq_thrift_struct_end(&t);
        rvi_pq_thrift_raw(&t,
                          "\x08\xfe\xff\x03\x08"
                          "anything",
                          13); /* field 32767, in the long form */
    }
    assert_int_equal(rvi_pq_thrift_end(&t), RV_OK);
    uint8_t word[4];
    rvi_pq_store_u32(word, (uint32_t)((int64_t)(b->out.len - at) + f->footer_len_delta));
    put(b, word, sizeof word);
    put(b, f->tail, 4);
}

/* The file's bytes; the caller frees them with made_free(). */
static inline void made_bytes_of(const made_file *f, made_bytes *b)
{
    *b = (made_bytes){0};
    b->out.memory = &b->memory;
    put(b, f->head, 4);
    for (int i = 0; i < 2; i++)
        for (int p = 0; p < f->chunks[i].n_pages; p++)
            put_page(b, &f->chunks[i].pages[p], i, p);
    put(b, "\0\0\0\0\0\0\0\0", (size_t)f->gap);
    if (f->chunks[0].bloom_bytes > 0)
        put_bloom(b, &f->chunks[0], 0);
    put_indexes(b, &f->chunks[0], 0);
    put_footer(b, f);
}

static inline void made_free(made_bytes *b)
{
    rvi_pq_buf_free(&b->out);
}

#endif
