/* cursor.c - the pages of one column chunk, one after the other.
 *
 * A chunk says where its pages begin, how many bytes they take and how many values they hold. The number of values
 * ends it: old writers leave a page header out of the size (PARQUET-816), and some leave the dictionary page out of
 * the offsets, so the first page is looked at and a little more than the size is read if values are missing.
 *
 * One page is held: its stored bytes in the window, its decompressed bytes in `raw`, its levels, and whatever the
 * decoder needed. The dictionary has buffers of its own, because it lives as long as the chunk is read.
 *
 * A huge page is that of a huge value, and nothing of it stays: its stored bytes go as soon as they are decompressed,
 * all else when the page is left. So it may be lent what the budget cannot give: whoever asks for that has two
 * statements of one file of his own, the page's and the chunk's, about how large it is, and its stored bytes have been
 * there and had their checksum before the memory for the decompressed ones is taken. */
#include "reader.h"

#include "format/parquet/decompress.h"
#include "page_header.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    HUGE_PAGE = 8 << 20,    /* bytes before and after decompression together */
    HEADER_BYTES = 4 << 10, /* read at first; a header with long statistics takes more */
    HEADER_MOST = 16 << 20, /* the limit of arrow */
    SIZE_SLACK = 100,       /* what old parquet-mr may have left out of a chunk's size */
    PAGE_LEVELS =
        1 << 26, /* 67 million: far above any page, and what a few bytes of runs can ask memory for */
};

struct rv_parquet_cursor {
    rv_parquet_reader *reader; /* borrowed */
    rvi_pq_memory memory;
    rv_parquet_node node;
    int32_t row_group, leaf, codec;
    int64_t n_values, n_seen; /* levels of the chunk; of the pages up to and including this one */
    int64_t chunk_raw_bytes;  /* as the chunk's metadata say; its pages' headers included */
    uint64_t begin, at;       /* of the chunk; of the next page's header */
    int32_t n_data_pages;
    rvi_pqr_window window;

    bool in_page;
    rv_parquet_page page;
    rvi_pq_buf header; /* the page's header, which its statistics borrow from */
    rvi_pq_buf raw;
    rvi_pq_buf def, rep;
    rvi_pqr_space space;
    rvi_pqr_values values;
    bool is_huge;
    size_t lent;                /* to the page */
    int32_t level_at, value_at; /* of the page: given out so far */

    bool has_dictionary;
    rvi_pq_buf dictionary_raw;
    rvi_pqr_space dictionary_space;
    rvi_pqr_values dictionary;

    rvi_pq_decompressor decompressor;
    rv_parquet_bytes slices[RV_PARQUET_RUN];
};

/* ---- opening ---- */

static void init_buffers(rv_parquet_cursor *c)
{
    rvi_pq_memory *memory = &c->memory;
    memory->budget = c->reader->memory.budget;
    c->window.bytes.memory = c->header.memory = c->raw.memory = c->def.memory = c->rep.memory = memory;
    c->dictionary_raw.memory = memory;
    rvi_pqr_space_init(&c->space, memory);
    rvi_pqr_space_init(&c->dictionary_space, memory);
    rvi_pq_decompressor_init(&c->decompressor, memory);
}

/* Which bytes of the file may be pages of the chunk. */
static rv_code find_range(rv_parquet_cursor *c, const rv_parquet_chunk *chunk, rv_error *err)
{
    enum { AFTER_MAGIC = 4 };
    uint64_t footer_at = c->reader->footer.metadata.footer_at;
    int64_t begin = chunk->data_page_at;
    if (chunk->n_values == 0) /* there need be no page, and then there is no place to believe in */
        return RV_OK;
    if (chunk->dictionary_page_at >= AFTER_MAGIC && chunk->dictionary_page_at < begin)
        begin = chunk->dictionary_page_at;
    if (begin < AFTER_MAGIC || (uint64_t)begin > footer_at ||
        (uint64_t)chunk->stored_bytes > footer_at - (uint64_t)begin)
        return rv_fail(err, RV_E_FILE_DAMAGED,
                       "its pages are said to lie at offset %" PRId64 ", %" PRId64
                       " bytes; the footer begins at %" PRIu64,
                       begin, chunk->stored_bytes, footer_at);
    uint64_t room = footer_at - (uint64_t)begin - (uint64_t)chunk->stored_bytes;
    c->begin = c->at = (uint64_t)begin;
    c->window.input = c->reader->input;
    c->window.at = c->begin;
    c->window.end =
        c->begin + (uint64_t)chunk->stored_bytes + (room < SIZE_SLACK ? room : (uint64_t)SIZE_SLACK);
    return RV_OK;
}

/* The frames of an error: where in the file it happened. */
static rv_code place(const rv_parquet_cursor *c, rv_code rc, uint64_t page_at, rv_error *err)
{
    char path[RV_PARQUET_PATH_BYTES];
    if (rc == RV_OK)
        return RV_OK;
    if (page_at != 0)
        (void)rv_wrap(err, rc, "page at offset %" PRIu64, page_at);
    (void)rv_wrap(err, rc, "row group %" PRId32 ", column '%s'", c->row_group,
                  rv_parquet_leaf_path(path, &c->reader->footer.metadata, c->leaf));
    return rv_wrap(err, rc, "file '%s'", c->reader->input->name);
}

rv_code rv_parquet_cursor_open(rv_parquet_cursor **out, rv_parquet_reader *reader, int32_t leaf,
                               rv_error *err)
{
    assert(reader->group.index >= 0 && leaf >= 0 && leaf < reader->footer.metadata.n_leaves);
    const rv_parquet_chunk *chunk = &reader->group.chunks[leaf];
    RV_AUTO(rv_parquet_cursor_close) rv_parquet_cursor *c = calloc(1, sizeof *c);
    if (c == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "reading a column");
    c->reader = reader;
    c->leaf = leaf;
    c->row_group = reader->group.index;
    c->node = *rv_parquet_leaf_node(&reader->footer.metadata, leaf);
    c->codec = chunk->codec;
    c->n_values = chunk->n_values;
    c->chunk_raw_bytes = chunk->raw_bytes;
    init_buffers(c);
    if (chunk->unreadable != NULL)
        return place(c,
                     rv_fail(err, RV_E_FILE_UNSUPPORTED, "the column cannot be read: %s", chunk->unreadable),
                     0, err);
    RV_TRY(place(c, find_range(c, chunk, err), 0, err));
    RV_MOVE(out, c);
    return RV_OK;
}

void rv_parquet_cursor_close(rv_parquet_cursor *c)
{
    if (c == NULL)
        return;
    rvi_pqr_window_deinit(&c->window);
    rvi_pq_buf_free(&c->header);
    rvi_pq_buf_free(&c->raw);
    rvi_pq_buf_free(&c->def);
    rvi_pq_buf_free(&c->rep);
    rvi_pq_buf_free(&c->dictionary_raw);
    rvi_pqr_space_deinit(&c->space);
    rvi_pqr_space_deinit(&c->dictionary_space);
    rvi_pq_decompressor_deinit(&c->decompressor);
    assert(c->memory.used == 0);
    rv_budget_take_back(c->memory.budget, c->lent);
    free(c);
}

/* ---- one page ---- */

/* The header's length is known only when it has been parsed: read more until it fits. */
static rv_code read_header(rv_parquet_cursor *c, rv_parquet_page *page, rv_error *err)
{
    const uint8_t *bytes = NULL;
    size_t room = c->window.end - c->at < HEADER_MOST ? (size_t)(c->window.end - c->at) : HEADER_MOST;
    bool ran_out = true;
    if (room == 0)
        return rv_fail(err, RV_E_FILE_DAMAGED, "the chunk ends after %" PRId64 " of %" PRId64 " values",
                       c->n_seen, c->n_values);
    rv_code rc = RV_OK;
    for (size_t len = HEADER_BYTES; ran_out; len *= 4) {
        len = len < room ? len : room;
        RV_TRY(rvi_pqr_window_get(&c->window, c->at, len, &bytes, err));
        rc = rvi_pqr_page_header_parse(bytes, len, c->at, page, &ran_out, err);
        if (len == room)
            break;
    }
    RV_TRY(rc);
    rv_error_clear(err); /* of an attempt with too few bytes */
    /* Once more from bytes that stay: the window moves on. */
    c->header.len = 0;
    RV_TRY(rvi_pq_buf_append(&c->header, bytes, page->header_bytes, err));
    return rvi_pqr_page_header_parse(c->header.data, c->header.len, c->at, page, &ran_out, err);
}

static bool is_data(const rv_parquet_page *page)
{
    return page->type == RV_PARQUET_DATA_PAGE || page->type == RV_PARQUET_DATA_PAGE_V2;
}

static rv_code check_header(const rv_parquet_cursor *c, const rv_parquet_page *page, rv_error *err)
{
    uint64_t body_at = c->at + page->header_bytes;
    if ((uint64_t)page->stored_bytes > c->window.end - body_at)
        return rv_fail(err, RV_E_FILE_DAMAGED, "its %" PRId32 " bytes reach beyond the end of the chunk",
                       page->stored_bytes);
    if ((size_t)page->stored_bytes > c->reader->limits.page_bytes ||
        (size_t)page->raw_bytes > c->reader->limits.page_bytes)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED,
                       "it has %" PRId32 " bytes, %" PRId32 " decompressed; at most %zu are read",
                       page->stored_bytes, page->raw_bytes, c->reader->limits.page_bytes);
    if (page->n_levels > PAGE_LEVELS)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "it has %" PRId32 " values; at most %d are read",
                       page->n_levels, PAGE_LEVELS);
    if (is_data(page) && page->n_levels > c->n_values - c->n_seen)
        return rv_fail(err, RV_E_FILE_DAMAGED,
                       "its %" PRId32 " values are more than the %" PRId64 " that the chunk still has",
                       page->n_levels, c->n_values - c->n_seen);
    if (page->type == RV_PARQUET_DATA_PAGE_V2 &&
        ((int64_t)page->def_bytes + page->rep_bytes > page->stored_bytes ||
         (int64_t)page->def_bytes + page->rep_bytes > page->raw_bytes))
        return rv_fail(err, RV_E_FILE_DAMAGED, "its levels are larger than the page");
    return RV_OK;
}

static rv_code check_crc(const rv_parquet_page *page, const uint8_t *body, rv_error *err)
{
    if (!page->has_crc)
        return RV_OK;
    uint32_t crc = (uint32_t)crc32_z(0, body, (size_t)page->stored_bytes);
    if (crc == page->crc)
        return RV_OK;
    return rv_fail(err, RV_E_FILE_DAMAGED,
                   "its checksum is %08" PRIx32 ", its header says %08" PRIx32 ": the bytes have changed",
                   crc, page->crc);
}

/* ---- huge pages ---- */

/* The stored, the decompressed and the decoded bytes, each with the step that buffers grow by, and what the window
 * reads ahead. */
static size_t bytes_of(const rv_parquet_page *page)
{
    enum { STEP = 128, AHEAD = 256 << 10 };
    size_t forms = (size_t)page->stored_bytes + 2 * (size_t)page->raw_bytes;
    return forms + forms / STEP + AHEAD;
}

static rv_code enter_huge(rv_parquet_cursor *c, const rv_parquet_page *page, rv_error *err)
{
    c->is_huge = is_data(page) && (size_t)page->stored_bytes + (size_t)page->raw_bytes > HUGE_PAGE;
    if (!c->is_huge || !c->reader->lends)
        return RV_OK;
    if (page->raw_bytes > c->chunk_raw_bytes)
        return rv_fail(err, RV_E_FILE_DAMAGED,
                       "it is said to have %" PRId32 " bytes decompressed, all pages of the chunk %" PRId64,
                       page->raw_bytes, c->chunk_raw_bytes);
    c->lent = bytes_of(page);
    rv_budget_lend(c->memory.budget, c->lent);
    return RV_OK;
}

static void drop_body(rv_parquet_cursor *c)
{
    rvi_pqr_window_drop(&c->window);
    rvi_pq_buf_free(&c->raw);
}

/* Encodings that share beginnings have put the values together elsewhere: what they were put together from can go. */
static void leave_encoded(rv_parquet_cursor *c)
{
    if (c->is_huge && c->values.data != NULL && c->values.data == c->space.values.data)
        drop_body(c);
}

/* What of it the page does not hold now must not become someone else's, who would have nothing to give back. */
static void lend_no_more(rv_parquet_cursor *c)
{
    if (c->lent <= c->memory.used)
        return;
    rv_budget_take_back(c->memory.budget, c->lent - c->memory.used);
    c->lent = c->memory.used;
}

static void leave_huge(rv_parquet_cursor *c)
{
    if (!c->is_huge)
        return;
    c->values = (rvi_pqr_values){0};
    drop_body(c);
    rvi_pqr_space_deinit(&c->space);
    rv_budget_take_back(c->memory.budget, c->lent);
    c->lent = 0;
    c->is_huge = false;
}

/* The page's body as it was before compression: borrowed from the window where nothing was compressed, else in `raw`.
 * The levels of a V2 page are never compressed. */
static rv_code decompress_body(rv_parquet_cursor *c, const rv_parquet_page *page, const uint8_t *stored,
                               rvi_pq_buf *raw, const uint8_t **out, rv_error *err)
{
    size_t plain =
        page->type == RV_PARQUET_DATA_PAGE_V2 ? (size_t)page->def_bytes + (size_t)page->rep_bytes : 0;
    size_t stored_len = (size_t)page->stored_bytes, raw_len = (size_t)page->raw_bytes;
    bool packed =
        c->codec != RV_PARQUET_UNCOMPRESSED && (page->type != RV_PARQUET_DATA_PAGE_V2 || page->is_compressed);
    *out = stored;
    if (!packed && stored_len != raw_len)
        return rv_fail(err, RV_E_FILE_DAMAGED, "it is not compressed, yet has %zu bytes before and %zu after",
                       raw_len, stored_len);
    if (!packed)
        return RV_OK;
    raw->len = 0;
    RV_TRY(rvi_pq_buf_reserve(raw, raw_len + 1, err));
    if (plain > 0)
        memcpy(raw->data, stored, plain);
    /* Writers differ about what no bytes compress to. */
    if (raw_len > plain)
        RV_TRY(rvi_pq_decompress(&c->decompressor, c->codec, stored + plain, stored_len - plain,
                                 raw->data + plain, raw_len - plain, err));
    raw->len = raw_len;
    *out = raw->data;
    return RV_OK;
}

static rv_code load_dictionary(rv_parquet_cursor *c, const uint8_t *stored, rv_error *err)
{
    const rv_parquet_page *page = &c->page;
    const uint8_t *body = NULL;
    if (c->has_dictionary || c->n_data_pages > 0)
        return rv_fail(err, RV_E_FILE_DAMAGED, "a dictionary page that is not the chunk's first page");
    RV_TRY(decompress_body(c, page, stored, &c->dictionary_raw, &body, err));
    if (body == stored) { /* the window will move on */
        c->dictionary_raw.len = 0;
        RV_TRY(rvi_pq_buf_append(&c->dictionary_raw, stored, (size_t)page->raw_bytes, err));
        body = c->dictionary_raw.data;
    }
    rvi_pqr_page_input in = {.physical = (rv_parquet_physical)c->node.physical,
                             .width = (uint32_t)c->node.type_length,
                             .bytes = body,
                             .len = (size_t)page->raw_bytes,
                             .n_values = (uint32_t)page->n_levels};
    RV_TRY(rvi_pqr_decode_dictionary(page->encoding, &in, &c->dictionary_space, &c->dictionary, err));
    c->has_dictionary = true;
    return RV_OK;
}

/* ---- levels ---- */

static rv_code load_section(const rv_parquet_page *page, int32_t encoding, int32_t v2_bytes,
                            const uint8_t *bytes, size_t len, uint8_t max_level, rvi_pq_buf *out,
                            size_t *used, rv_error *err)
{
    uint32_t n = (uint32_t)page->n_levels;
    *used = page->type == RV_PARQUET_DATA_PAGE_V2 ? (size_t)v2_bytes : 0;
    if (max_level == 0)
        return RV_OK;
    out->len = 0;
    RV_TRY(rvi_pq_buf_reserve(out, n, err));
    if (page->type == RV_PARQUET_DATA_PAGE_V2) {
        size_t trailing = 0;
        return rvi_pqr_levels_v2(bytes, (size_t)v2_bytes, max_level, n, out->data, &trailing, err);
    }
    return rvi_pqr_levels_v1(encoding, bytes, len, max_level, n, out->data, used, err);
}

static uint32_t count_present(const rv_parquet_cursor *c)
{
    uint32_t n = (uint32_t)c->page.n_levels, present = 0;
    if (c->node.max_def == 0)
        return n;
    for (uint32_t i = 0; i < n; i++)
        present += c->def.data[i] == c->node.max_def;
    return present;
}

static rv_code check_levels(const rv_parquet_cursor *c, rv_error *err)
{
    bool starts_row = c->n_seen == 0 || c->page.type == RV_PARQUET_DATA_PAGE_V2;
    if (c->node.max_rep > 0 && starts_row && c->rep.data[0] != 0)
        return rv_fail(err, RV_E_FILE_DAMAGED, "it begins inside of a list, where a row has to begin");
    if (c->node.max_def == 0 && c->page.n_nulls > 0)
        return rv_fail(err, RV_E_FILE_DAMAGED, "it says it has %" PRId32 " NULLs, and the column is REQUIRED",
                       c->page.n_nulls);
    return RV_OK;
}

static rv_code load_data(rv_parquet_cursor *c, const uint8_t *stored, rv_error *err)
{
    const rv_parquet_page *page = &c->page;
    const uint8_t *body = NULL;
    size_t rep_used = 0, def_used = 0, len = (size_t)page->raw_bytes;
    c->values = (rvi_pqr_values){0};
    if (page->n_levels == 0)
        return RV_OK;
    RV_TRY(decompress_body(c, page, stored, &c->raw, &body, err));
    if (c->is_huge && body != stored)
        rvi_pqr_window_drop(&c->window);
    RV_TRY_CTX(load_section(page, page->rep_encoding, page->rep_bytes, body, len, c->node.max_rep, &c->rep,
                            &rep_used, err),
               err, "repetition levels");
    RV_TRY_CTX(load_section(page, page->def_encoding, page->def_bytes, body + rep_used, len - rep_used,
                            c->node.max_def, &c->def, &def_used, err),
               err, "definition levels");
    RV_TRY(check_levels(c, err));
    rvi_pqr_page_input in = {.physical = (rv_parquet_physical)c->node.physical,
                             .width = (uint32_t)c->node.type_length,
                             .bytes = body + rep_used + def_used,
                             .len = len - rep_used - def_used,
                             .n_values = count_present(c),
                             .dictionary = c->has_dictionary ? &c->dictionary : NULL};
    RV_TRY(rvi_pqr_decode(page->encoding, &in, &c->space, &c->values, err));
    leave_encoded(c);
    return RV_OK;
}

static rv_code load_page(rv_parquet_cursor *c, bool *shown, rv_error *err)
{
    const uint8_t *stored = NULL;
    rv_parquet_page *page = &c->page;
    RV_TRY(read_header(c, page, err));
    RV_TRY(check_header(c, page, err));
    RV_TRY(enter_huge(c, page, err));
    uint64_t body_at = c->at + page->header_bytes;
    RV_TRY(rvi_pqr_window_get(&c->window, body_at, (size_t)page->stored_bytes, &stored, err));
    *shown = is_data(page) || page->type == RV_PARQUET_DICTIONARY_PAGE;
    if (*shown)
        RV_TRY(check_crc(page, stored, err));
    if (page->type == RV_PARQUET_DICTIONARY_PAGE)
        RV_TRY(load_dictionary(c, stored, err));
    if (is_data(page)) {
        RV_TRY(load_data(c, stored, err));
        lend_no_more(c);
        c->n_seen += page->n_levels;
        page->ordinal = c->n_data_pages++;
    }
    c->at = body_at + (uint64_t)page->stored_bytes;
    return RV_OK;
}

rv_code rv_parquet_cursor_page(rv_parquet_cursor *cursor, const rv_parquet_page **page, rv_error *err)
{
    bool shown = false;
    leave_huge(cursor);
    cursor->in_page = false;
    cursor->level_at = cursor->value_at = 0;
    while (!shown && cursor->n_seen < cursor->n_values) {
        uint64_t at = cursor->at;
        RV_TRY(place(cursor, load_page(cursor, &shown, err), at, err));
    }
    cursor->in_page = shown;
    *page = shown ? &cursor->page : NULL;
    return RV_OK;
}

/* ---- what it holds ---- */

static void give_values(rv_parquet_cursor *c, int32_t n, rv_parquet_values *out)
{
    const rvi_pqr_values *values = &c->values;
    out->n = n;
    out->width = values->width;
    if (values->width > 0) {
        out->fixed = n > 0 ? values->fixed + (size_t)c->value_at * values->width : NULL;
        return;
    }
    for (int32_t i = 0; i < n; i++) {
        rvi_pqr_span span = values->spans[c->value_at + i];
        c->slices[i] = (rv_parquet_bytes){.data = span.len > 0 ? values->data + span.at : (const uint8_t *)"",
                                          .len = span.len};
    }
    out->slices = c->slices;
}

rv_code rv_parquet_cursor_values(rv_parquet_cursor *cursor, int32_t most, rv_parquet_values *out,
                                 rv_error *err)
{
    (void)err;
    int32_t n = rvi_pqr_cursor_left(cursor), present = 0;
    n = n > most ? most : n;
    n = n > RV_PARQUET_RUN ? RV_PARQUET_RUN : n;
    *out = (rv_parquet_values){.n_levels = n};
    if (cursor->node.max_def > 0 && n > 0)
        out->def = cursor->def.data + cursor->level_at;
    if (cursor->node.max_rep > 0 && n > 0)
        out->rep = cursor->rep.data + cursor->level_at;
    for (int32_t i = 0; out->def != NULL && i < n; i++)
        present += out->def[i] == cursor->node.max_def;
    give_values(cursor, out->def != NULL ? present : n, out);
    cursor->level_at += n;
    cursor->value_at += out->n;
    return RV_OK;
}

int32_t rvi_pqr_cursor_left(const rv_parquet_cursor *cursor)
{
    bool has_values = cursor->in_page && cursor->page.type != RV_PARQUET_DICTIONARY_PAGE;
    return has_values ? cursor->page.n_levels - cursor->level_at : 0;
}

int32_t rvi_pqr_cursor_levels_of_rows(const rv_parquet_cursor *cursor, int64_t rows, int64_t *begun)
{
    int32_t left = rvi_pqr_cursor_left(cursor), n = 0;
    *begun = 0;
    if (cursor->node.max_rep == 0) {
        n = left < rows ? left : (int32_t)rows;
        *begun = n;
        return n;
    }
    const uint8_t *rep = cursor->rep.data + cursor->level_at;
    for (; n < left; n++) {
        if (rep[n] == 0 && *begun == rows)
            break;
        *begun += rep[n] == 0;
    }
    return n;
}

rv_parquet_reader *rvi_pqr_cursor_reader(const rv_parquet_cursor *cursor)
{
    return cursor->reader;
}

int32_t rvi_pqr_cursor_leaf(const rv_parquet_cursor *cursor)
{
    return cursor->leaf;
}

uint64_t rvi_pqr_cursor_begin(const rv_parquet_cursor *cursor)
{
    return cursor->begin;
}

uint64_t rvi_pqr_cursor_offset(const rv_parquet_cursor *cursor)
{
    return cursor->at;
}

rv_code rvi_pqr_cursor_place(const rv_parquet_cursor *cursor, rv_code rc, rv_error *err)
{
    return place(cursor, rc, cursor->in_page ? cursor->page.at : 0, err);
}
