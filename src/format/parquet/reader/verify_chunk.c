/* verify_chunk.c - one column chunk: every page decoded, everything said about it compared.
 *
 * The values of a page are taken in runs; from them come the page's facts, and from those the chunk's. Page headers
 * and the page index are compared page by page, the chunk's metadata at its end. A page that cannot be decoded is one
 * finding; what depends on its values is then not looked at. */
#include "verify.h"

#include "rivet/utf8.h"

#include <inttypes.h>
#include <string.h>

enum { ENCODINGS = 32, PAGE_KINDS = 2 };

typedef struct chunk_check {
    const rv_parquet_row_group *group;
    const rv_parquet_chunk *chunk;
    const rv_parquet_node *leaf;
    rvi_pqr_order order;
    rvi_pqr_facts page, all;
    const rv_parquet_column_index *column_index;
    const rv_parquet_offset_index *offset_index;
    rvi_pqr_bloom bloom;
    rvi_pqr_distinct distinct;
    int32_t n_data_pages;
    int64_t raw_bytes, stored_bytes;
    uint64_t first_data_at, dictionary_at;     /* 0: none seen */
    int32_t n_pages_of[PAGE_KINDS][ENCODINGS]; /* data pages, dictionary pages */
    uint32_t encodings;                        /* set of those of data pages */
    uint32_t side_encodings;                   /* of levels and of the dictionary page */
    int32_t before; /* index of the last page that has bounds in the index; -1: none */
    bool ascending, descending;
    rvi_pqr_mapping mapping;
    rvi_pqr_assembler assembler; /* shape NULL: no digest */
    rv_column *column;
    int field;
    bool bad_values;
} chunk_check;

static void facts_init(rvi_pqr_facts *facts, rvi_pq_memory *memory)
{
    facts->extremes.min.memory = facts->extremes.max.memory = memory;
}

static void expect_bounds(rvi_pqr_facts *facts, rv_parquet_bytes min, rv_parquet_bytes max)
{
    rvi_pqr_extremes_expect(&facts->extremes, min.len);
    rvi_pqr_extremes_expect(&facts->extremes, max.len);
}

/* What is kept of the page's extremes is compared with what its header, the page index and the chunk say. */
static void expect_page_bounds(chunk_check *c, const rv_parquet_page *page)
{
    const rv_parquet_column_index *index = c->column_index;
    rvi_pqr_extremes_expect(&c->page.extremes, c->all.extremes.most);
    expect_bounds(&c->page, page->statistics.min, page->statistics.max);
    if (index != NULL && page->ordinal < index->n_pages && !index->null_pages[page->ordinal])
        expect_bounds(&c->page, index->min[page->ordinal], index->max[page->ordinal]);
}

static void facts_clear(rvi_pqr_facts *facts)
{
    facts->n_rows = facts->n_levels = facts->n_nulls = facts->data_bytes = 0;
    rvi_pqr_extremes_clear(&facts->extremes);
    memset(facts->rep_histogram, 0, sizeof facts->rep_histogram);
    memset(facts->def_histogram, 0, sizeof facts->def_histogram);
}

static rv_code facts_merge(rvi_pqr_facts *into, rvi_pqr_order order, const rvi_pqr_facts *from, rv_error *err)
{
    into->n_rows += from->n_rows;
    into->n_levels += from->n_levels;
    into->n_nulls += from->n_nulls;
    into->data_bytes += from->data_bytes;
    for (int i = 0; i <= RVI_PQR_SCHEMA_DEPTH; i++) {
        into->rep_histogram[i] += from->rep_histogram[i];
        into->def_histogram[i] += from->def_histogram[i];
    }
    return rvi_pqr_extremes_merge(&into->extremes, order, &from->extremes, err);
}

/* ---- values ---- */

static void count_levels(rvi_pqr_facts *facts, const rv_parquet_values *values)
{
    for (int32_t i = 0; values->def != NULL && i < values->n_levels; i++)
        facts->def_histogram[values->def[i]]++;
    for (int32_t i = 0; values->rep != NULL && i < values->n_levels; i++)
        facts->rep_histogram[values->rep[i]]++;
    if (values->def == NULL)
        facts->def_histogram[0] += values->n_levels;
    if (values->rep == NULL)
        facts->rep_histogram[0] += values->n_levels;
    facts->n_levels += values->n_levels;
    facts->n_nulls += values->n_levels - values->n;
    facts->n_rows = facts->rep_histogram[0];
    for (int32_t i = 0; values->width == 0 && i < values->n; i++)
        facts->data_bytes += (int64_t)values->slices[i].len;
}

/* Texts and bytes go into the digest from where they lie in the page: a huge one is not held twice. */
static bool are_plain_bytes(const chunk_check *c, const rv_parquet_values *values)
{
    rvi_pqr_conversion conversion = c->assembler.shape->mapping.conversion;
    return !c->assembler.shape->is_list && values->width == 0 &&
           (conversion == RVI_PQR_TEXT || conversion == RVI_PQR_BYTES);
}

static rv_code digest_bytes(const rvi_pqr_verifier *v, const chunk_check *c, const rv_parquet_values *values,
                            rv_error *err)
{
    bool is_text = c->assembler.shape->mapping.conversion == RVI_PQR_TEXT;
    uint64_t *sum = &v->digests[c->field];
    for (int32_t i = 0; i < values->n; i++) {
        rv_parquet_bytes value = values->slices[i];
        if (is_text && !rv_utf8_valid(value.data, value.len))
            return rv_fail(err, RV_E_FILE_DAMAGED, "a text that is not UTF-8");
        *sum += rv_digest_bytes(c->field, value.data, value.len);
    }
    *sum += (uint64_t)(values->n_levels - values->n) * rv_digest_null(c->field);
    return RV_OK;
}

static void check_text(rvi_pqr_verifier *v, chunk_check *c, const rv_parquet_values *values)
{
    for (int32_t i = 0; i < values->n && !c->bad_values; i++)
        if (!rv_utf8_valid(values->slices[i].data, values->slices[i].len)) {
            rvi_pqr_find(v, RV_PARQUET_CHECK_VALUES, "a text that is not UTF-8");
            c->bad_values = true;
        }
}

/* The batch holds rows of one column only; the others are empty and add nothing. */
static void digest_rows(rvi_pqr_verifier *v)
{
    rv_batch_digest(v->batch, v->digests);
    rv_batch_reset(v->batch);
}

/* The rows of this run that are complete go into the digest; the list at its end stays open. What is held is then one
 * run and one list. */
static rv_code digest_values(rvi_pqr_verifier *v, chunk_check *c, const rv_parquet_values *values,
                             rv_error *err)
{
    int32_t last = values->n_levels, value_at = 0;
    if (are_plain_bytes(c, values))
        return digest_bytes(v, c, values, err);
    if (!c->assembler.shape->is_list) {
        RV_TRY(rvi_pqr_assemble(&c->assembler, values, 0, values->n_levels, 0, c->column, err));
        digest_rows(v);
        return RV_OK;
    }
    while (last > 0 && values->rep[last - 1] != 0)
        last--;
    if (last > 0) {
        last--; /* where the last row begins */
        for (int32_t i = 0; i < last; i++)
            value_at += values->def[i] == c->leaf->max_def;
        RV_TRY(rvi_pqr_assemble(&c->assembler, values, 0, last, 0, c->column, err));
        RV_TRY(rvi_pqr_assemble_end(&c->assembler, c->column, err));
        digest_rows(v);
    }
    return rvi_pqr_assemble(&c->assembler, values, last, values->n_levels, value_at, c->column, err);
}

static rv_code take_values(rvi_pqr_verifier *v, chunk_check *c, const rv_parquet_values *values,
                           rv_error *err)
{
    count_levels(&c->page, values);
    RV_TRY(rvi_pqr_extremes_update(&c->page.extremes, c->order, values, err));
    rvi_pqr_bloom_check(&c->bloom, values);
    if (c->distinct.n_slots > 0)
        rvi_pqr_distinct_add(&c->distinct, values);
    if (c->assembler.shape == NULL) {
        if (c->mapping.conversion == RVI_PQR_TEXT)
            check_text(v, c, values);
        return RV_OK;
    }
    rv_code rc = digest_values(v, c, values, err);
    if (rc != RV_E_FILE_DAMAGED)
        return rc;
    rvi_pqr_find(v, RV_PARQUET_CHECK_VALUES, "%s", err->message);
    rv_error_clear(err);
    rv_batch_reset(v->batch);
    c->assembler.shape = NULL;
    c->bad_values = true;
    v->digests_hold = false;
    return RV_OK;
}

/* ---- pages ---- */

static void check_column_index_page(rvi_pqr_verifier *v, chunk_check *c, int32_t page)
{
    const rv_parquet_column_index *index = c->column_index;
    const rvi_pqr_facts *facts = &c->page;
    bool is_null = facts->n_nulls == facts->n_levels;
    rv_parquet_statistics entry = rvi_pqr_no_statistics();
    if (index == NULL || page >= index->n_pages)
        return;
    if (index->null_pages[page] != is_null)
        rvi_pqr_find(v, RV_PARQUET_CHECK_COLUMN_INDEX, "null_pages is %s, the page has %" PRId64 " values",
                     index->null_pages[page] ? "true" : "false", facts->n_levels - facts->n_nulls);
    entry.null_count = index->null_counts != NULL ? index->null_counts[page] : -1;
    entry.nan_count = index->nan_counts != NULL ? index->nan_counts[page] : -1;
    if (!index->null_pages[page]) {
        entry.min = index->min[page];
        entry.max = index->max[page];
    }
    rvi_pqr_claim claim = {"the column index", RV_PARQUET_CHECK_COLUMN_INDEX, &entry};
    rvi_pqr_check_statistics(v, &claim, facts);
    size_t n_rep = (size_t)c->leaf->max_rep + 1, n_def = (size_t)c->leaf->max_def + 1;
    if (index->rep_histograms != NULL && memcmp(index->rep_histograms + (size_t)page * n_rep,
                                                facts->rep_histogram, n_rep * sizeof(int64_t)) != 0)
        rvi_pqr_find(v, RV_PARQUET_CHECK_SIZES, "the column index's histogram of repetition levels is wrong");
    if (index->def_histograms != NULL && memcmp(index->def_histograms + (size_t)page * n_def,
                                                facts->def_histogram, n_def * sizeof(int64_t)) != 0)
        rvi_pqr_find(v, RV_PARQUET_CHECK_SIZES, "the column index's histogram of definition levels is wrong");
}

/* Whether the bounds of the index still ascend, and descend, with this page; pages of NULLs do not count. */
static void follow_boundary_order(rvi_pqr_verifier *v, chunk_check *c, int32_t page)
{
    const rv_parquet_column_index *index = c->column_index;
    size_t width = rvi_pqr_order_width(c->order, c->leaf);
    if (index == NULL || page >= index->n_pages || index->null_pages[page] || !rvi_pqr_has_order(v))
        return;
    if (width != 0 && (index->min[page].len != width || index->max[page].len != width))
        return; /* a finding already */
    if (c->before >= 0) {
        int min = rvi_pqr_compare(c->order, index->min[c->before], index->min[page]);
        int max = rvi_pqr_compare(c->order, index->max[c->before], index->max[page]);
        c->ascending = c->ascending && min <= 0 && max <= 0;
        c->descending = c->descending && min >= 0 && max >= 0;
    }
    c->before = page;
}

static void check_offset_index_page(rvi_pqr_verifier *v, const chunk_check *c, const rv_parquet_page *page)
{
    const rv_parquet_offset_index *index = c->offset_index;
    if (index == NULL || page->ordinal >= index->n_pages)
        return;
    const rv_parquet_page_location *entry = &index->pages[page->ordinal];
    int64_t stored = (int64_t)page->header_bytes + page->stored_bytes;
    if (entry->at < 0 || (uint64_t)entry->at != page->at)
        rvi_pqr_find(v, RV_PARQUET_CHECK_OFFSET_INDEX, "the offset index has the page at %" PRId64,
                     entry->at);
    if (entry->stored_bytes != stored)
        rvi_pqr_find(v, RV_PARQUET_CHECK_OFFSET_INDEX,
                     "the offset index has %" PRId32 " bytes, the page %" PRId64, entry->stored_bytes,
                     stored);
    if (entry->first_row != c->all.n_rows)
        rvi_pqr_find(v, RV_PARQUET_CHECK_OFFSET_INDEX,
                     "the offset index has first row %" PRId64 ", it is %" PRId64, entry->first_row,
                     c->all.n_rows);
    if (index->data_bytes != NULL && index->data_bytes[page->ordinal] != c->page.data_bytes)
        rvi_pqr_find(v, RV_PARQUET_CHECK_SIZES,
                     "the offset index has %" PRId64 " data bytes, the page %" PRId64,
                     index->data_bytes[page->ordinal], c->page.data_bytes);
    if (c->leaf->max_rep > 0 && c->page.n_levels > 0 && c->page.rep_histogram[0] == 0)
        rvi_pqr_find(v, RV_PARQUET_CHECK_OFFSET_INDEX,
                     "no row begins on the page, and there is an offset index");
}

static void check_page_header(rvi_pqr_verifier *v, const chunk_check *c, const rv_parquet_page *page)
{
    rvi_pqr_claim claim = {"the page's header", RV_PARQUET_CHECK_STATISTICS, &page->statistics};
    rvi_pqr_check_statistics(v, &claim, &c->page);
    if (page->n_nulls >= 0 && page->n_nulls != c->page.n_nulls)
        rvi_pqr_find(v, RV_PARQUET_CHECK_COUNTS, "num_nulls is %" PRId32 ", there are %" PRId64,
                     page->n_nulls, c->page.n_nulls);
    if (page->n_rows >= 0 && page->n_rows != c->page.n_rows)
        rvi_pqr_find(v, RV_PARQUET_CHECK_COUNTS, "num_rows is %" PRId32 ", there are %" PRId64, page->n_rows,
                     c->page.n_rows);
}

static uint32_t encoding_bit(int32_t encoding)
{
    return encoding >= 0 && encoding < ENCODINGS ? (uint32_t)1 << encoding : 0;
}

static void note_page(chunk_check *c, const rv_parquet_page *page)
{
    bool is_dictionary = page->type == RV_PARQUET_DICTIONARY_PAGE;
    c->raw_bytes += (int64_t)page->header_bytes + page->raw_bytes;
    c->stored_bytes += (int64_t)page->header_bytes + page->stored_bytes;
    if (page->encoding >= 0 && page->encoding < ENCODINGS)
        c->n_pages_of[is_dictionary][page->encoding]++;
    if (is_dictionary) {
        c->dictionary_at = page->at;
        c->side_encodings |= encoding_bit(page->encoding);
        return;
    }
    c->encodings |= encoding_bit(page->encoding);
    if (c->n_data_pages++ == 0)
        c->first_data_at = page->at;
    if (c->leaf->max_def > 0)
        c->side_encodings |= encoding_bit(page->def_encoding);
    if (c->leaf->max_rep > 0)
        c->side_encodings |= encoding_bit(page->rep_encoding);
}

static rv_code verify_page(rvi_pqr_verifier *v, chunk_check *c, rv_parquet_cursor *cursor,
                           const rv_parquet_page *page, rv_error *err)
{
    rv_parquet_values values;
    v->page = page->ordinal;
    v->at = page->at;
    v->report->n_pages++;
    note_page(c, page);
    if (page->type == RV_PARQUET_DICTIONARY_PAGE)
        return RV_OK;
    facts_clear(&c->page);
    expect_page_bounds(c, page);
    RV_TRY(rv_parquet_cursor_values(cursor, RV_PARQUET_RUN, &values, err));
    while (values.n_levels > 0) {
        RV_TRY(take_values(v, c, &values, err));
        RV_TRY(rv_parquet_cursor_values(cursor, RV_PARQUET_RUN, &values, err));
    }
    v->report->n_values += c->page.n_levels;
    check_page_header(v, c, page);
    check_column_index_page(v, c, page->ordinal);
    follow_boundary_order(v, c, page->ordinal);
    check_offset_index_page(v, c, page);
    return facts_merge(&c->all, c->order, &c->page, err);
}

/* ---- the chunk ---- */

static void check_counts(rvi_pqr_verifier *v, const chunk_check *c)
{
    const rv_parquet_chunk *chunk = c->chunk;
    if (c->all.n_rows != c->group->n_rows)
        rvi_pqr_find(v, RV_PARQUET_CHECK_COUNTS, "the row group has %" PRId64 " rows, the column %" PRId64,
                     c->group->n_rows, c->all.n_rows);
    if (c->raw_bytes != chunk->raw_bytes)
        rvi_pqr_find(v, RV_PARQUET_CHECK_PLACES,
                     "total_uncompressed_size is %" PRId64 ", the pages have %" PRId64, chunk->raw_bytes,
                     c->raw_bytes);
    if (c->stored_bytes != chunk->stored_bytes)
        rvi_pqr_find(v, RV_PARQUET_CHECK_PLACES,
                     "total_compressed_size is %" PRId64 ", the pages have %" PRId64, chunk->stored_bytes,
                     c->stored_bytes);
    if (c->n_data_pages > 0 && c->dictionary_at != (uint64_t)chunk->data_page_at &&
        c->first_data_at != (uint64_t)chunk->data_page_at)
        rvi_pqr_find(v, RV_PARQUET_CHECK_PLACES,
                     "data_page_offset is %" PRId64 ", the first page lies at %" PRIu64, chunk->data_page_at,
                     c->first_data_at);
    if (c->n_data_pages > 0 && chunk->dictionary_page_at > 0 &&
        c->dictionary_at != (uint64_t)chunk->dictionary_page_at)
        rvi_pqr_find(v, RV_PARQUET_CHECK_PLACES,
                     "dictionary_page_offset is %" PRId64 ", no such page lies there",
                     chunk->dictionary_page_at);
}

static void check_encodings(rvi_pqr_verifier *v, const chunk_check *c)
{
    const rv_parquet_chunk *chunk = c->chunk;
    uint32_t stated = 0, seen = c->encodings;
    /* The specification wants all; DuckDB lists those of values only, and no reader minds. */
    if (v->is_own)
        seen |= c->side_encodings;
    for (int32_t i = 0; i < chunk->n_encodings; i++)
        if (chunk->encodings[i] >= 0 && chunk->encodings[i] < ENCODINGS)
            stated |= (uint32_t)1 << chunk->encodings[i];
    for (int32_t e = 0; e < ENCODINGS; e++)
        if ((seen & ~stated) >> e & 1)
            rvi_pqr_find(v, RV_PARQUET_CHECK_ENCODINGS,
                         "a page is encoded as %s, which `encodings` does not list",
                         rv_parquet_encoding_id_name(e));
    if (chunk->n_encoding_stats == 0)
        return;
    int64_t stated_pages[PAGE_KINDS][ENCODINGS] = {0};
    for (int32_t i = 0; i < chunk->n_encoding_stats; i++) {
        const rv_parquet_encoding_count *count = &chunk->encoding_stats[i];
        if (count->encoding >= 0 && count->encoding < ENCODINGS)
            stated_pages[count->page_type == RV_PARQUET_DICTIONARY_PAGE][count->encoding] += count->n_pages;
    }
    for (int32_t kind = 0; kind < PAGE_KINDS; kind++)
        for (int32_t e = 0; e < ENCODINGS; e++)
            if (stated_pages[kind][e] != c->n_pages_of[kind][e])
                rvi_pqr_find(v, RV_PARQUET_CHECK_ENCODINGS,
                             "encoding_stats has %" PRId64 " %s pages as %s, there are %" PRId32,
                             stated_pages[kind][e], kind == 1 ? "dictionary" : "data",
                             rv_parquet_encoding_id_name(e), c->n_pages_of[kind][e]);
}

static void check_histogram(rvi_pqr_verifier *v, const char *what, const int64_t *stated, int32_t n_stated,
                            const int64_t *counted, int32_t max_level)
{
    if (n_stated == 0)
        return;
    if (n_stated != max_level + 1 || memcmp(stated, counted, (size_t)n_stated * sizeof *stated) != 0)
        rvi_pqr_find(v, RV_PARQUET_CHECK_SIZES, "the histogram of %s levels is wrong", what);
}

static void check_sizes(rvi_pqr_verifier *v, const chunk_check *c)
{
    const rv_parquet_chunk *chunk = c->chunk;
    if (chunk->data_bytes >= 0 && chunk->data_bytes != c->all.data_bytes)
        rvi_pqr_find(v, RV_PARQUET_CHECK_SIZES,
                     "unencoded_byte_array_data_bytes is %" PRId64 ", the values have %" PRId64,
                     chunk->data_bytes, c->all.data_bytes);
    check_histogram(v, "repetition", chunk->rep_histogram, chunk->n_rep_histogram, c->all.rep_histogram,
                    c->leaf->max_rep);
    check_histogram(v, "definition", chunk->def_histogram, chunk->n_def_histogram, c->all.def_histogram,
                    c->leaf->max_def);
}

static void check_indexes(rvi_pqr_verifier *v, const chunk_check *c)
{
    const rv_parquet_column_index *columns = c->column_index;
    if (columns != NULL && columns->n_pages != c->n_data_pages)
        rvi_pqr_find(v, RV_PARQUET_CHECK_COLUMN_INDEX,
                     "the column index has %" PRId32 " pages, the chunk %" PRId32, columns->n_pages,
                     c->n_data_pages);
    if (c->offset_index != NULL && c->offset_index->n_pages != c->n_data_pages)
        rvi_pqr_find(v, RV_PARQUET_CHECK_OFFSET_INDEX,
                     "the offset index has %" PRId32 " pages, the chunk %" PRId32, c->offset_index->n_pages,
                     c->n_data_pages);
    if (columns == NULL || !rvi_pqr_has_order(v))
        return;
    if ((columns->boundary_order == RV_PARQUET_ASCENDING && !c->ascending) ||
        (columns->boundary_order == RV_PARQUET_DESCENDING && !c->descending))
        rvi_pqr_find(v, RV_PARQUET_CHECK_COLUMN_INDEX, "boundary_order is %s, the bounds are not",
                     rv_parquet_boundary_name(columns->boundary_order));
}

static void check_sets(rvi_pqr_verifier *v, const chunk_check *c)
{
    if (c->bloom.n_missing > 0)
        rvi_pqr_find(v, RV_PARQUET_CHECK_BLOOM, "%" PRId64 " values are not in the bloom filter",
                     c->bloom.n_missing);
    if (c->distinct.n_slots > 0 && c->distinct.n != c->chunk->statistics.distinct_count)
        rvi_pqr_find(v, RV_PARQUET_CHECK_STATISTICS, "distinct_count is %" PRId64 ", there are %s%" PRId64,
                     c->chunk->statistics.distinct_count,
                     (size_t)c->distinct.n * 2 >= c->distinct.n_slots ? "at least " : "", c->distinct.n);
}

static rv_code load_side_data(rvi_pqr_verifier *v, chunk_check *c, rv_error *err)
{
    rv_parquet_reader *reader = v->reader;
    const rv_parquet_chunk *chunk = c->chunk;
    bool damaged = false;
    RV_TRY(rvi_pqr_settle(v, rv_parquet_column_index_read(reader, v->leaf, &c->column_index, err), &damaged,
                          err));
    if (c->column_index != NULL)
        RV_TRY(rvi_pqr_add_range(v, (uint64_t)chunk->column_index_at,
                                 (uint64_t)chunk->column_index_at + (uint64_t)chunk->column_index_len,
                                 "column index", err));
    RV_TRY(rvi_pqr_settle(v, rv_parquet_offset_index_read(reader, v->leaf, &c->offset_index, err), &damaged,
                          err));
    if (c->offset_index != NULL)
        RV_TRY(rvi_pqr_add_range(v, (uint64_t)chunk->offset_index_at,
                                 (uint64_t)chunk->offset_index_at + (uint64_t)chunk->offset_index_len,
                                 "offset index", err));
    RV_TRY(rvi_pqr_settle(v, rvi_pqr_bloom_read(v, chunk, &c->bloom, err), &damaged, err));
    int64_t claimed = chunk->statistics.distinct_count;
    if (claimed >= 0 && claimed <= RVI_PQR_DISTINCT_MOST)
        return rvi_pqr_distinct_init(&c->distinct, claimed, &reader->memory, err);
    return RV_OK;
}

/* Where the values of this leaf go for the digest of its column. */
static void choose_column(const rvi_pqr_verifier *v, chunk_check *c)
{
    c->mapping = rvi_pqr_map_leaf(c->leaf);
    for (int i = 0; v->batch != NULL && i < v->reader->schema.n_fields; i++)
        if (v->reader->shapes[i].leaf == v->leaf) {
            c->field = i;
            c->assembler.shape = &v->reader->shapes[i];
            c->column = &v->batch->columns[i];
        }
}

static rv_code read_pages(rvi_pqr_verifier *v, chunk_check *c, bool *damaged, rv_error *err)
{
    RV_AUTO(rv_parquet_cursor_close) rv_parquet_cursor *cursor = NULL;
    const rv_parquet_page *page = NULL;
    RV_TRY(rvi_pqr_settle(v, rv_parquet_cursor_open(&cursor, v->reader, v->leaf, err), damaged, err));
    while (!*damaged) {
        v->page = c->n_data_pages;
        v->at = rvi_pqr_cursor_offset(cursor);
        RV_TRY(rvi_pqr_settle(v, rv_parquet_cursor_page(cursor, &page, err), damaged, err));
        if (*damaged || page == NULL)
            break;
        RV_TRY(rvi_pqr_cursor_place(cursor, verify_page(v, c, cursor, page, err), err));
    }
    if (c->assembler.shape != NULL && !*damaged) {
        RV_TRY(rvi_pqr_assemble_end(&c->assembler, c->column, err));
        digest_rows(v);
    }
    v->digests_hold = v->digests_hold && !*damaged;
    v->page = -1;
    if (cursor == NULL || c->chunk->n_values == 0)
        return RV_OK;
    v->at = rvi_pqr_cursor_begin(cursor);
    uint64_t stored = (uint64_t)(*damaged ? c->chunk->stored_bytes : c->stored_bytes);
    return rvi_pqr_add_range(v, v->at, v->at + stored, "pages", err);
}

static rv_code verify_chunk(rvi_pqr_verifier *v, chunk_check *c, rv_error *err)
{
    bool damaged = false;
    if (c->chunk->n_values == 0 && c->group->n_rows != 0)
        rvi_pqr_find(v, RV_PARQUET_CHECK_COUNTS,
                     "the row group has %" PRId64 " rows, the column has no values", c->group->n_rows);
    RV_TRY(load_side_data(v, c, err));
    expect_bounds(&c->all, c->chunk->statistics.min, c->chunk->statistics.max);
    RV_TRY(read_pages(v, c, &damaged, err));
    if (v->batch != NULL)
        rv_batch_reset(v->batch);
    if (damaged || c->chunk->n_values == 0)
        return RV_OK; /* without values no page was read, and there may be any */
    rvi_pqr_claim claim = {"the chunk", RV_PARQUET_CHECK_STATISTICS, &c->chunk->statistics};
    rvi_pqr_check_statistics(v, &claim, &c->all);
    check_counts(v, c);
    check_encodings(v, c);
    check_sizes(v, c);
    check_indexes(v, c);
    check_sets(v, c);
    return RV_OK;
}

rv_code rvi_pqr_verify_chunk(rvi_pqr_verifier *v, const rv_parquet_row_group *group, rv_error *err)
{
    rvi_pq_memory *memory = &v->reader->memory;
    const rv_parquet_node *leaf = rv_parquet_leaf_node(&v->reader->footer.metadata, v->leaf);
    chunk_check c = {.group = group,
                     .chunk = &group->chunks[v->leaf],
                     .leaf = leaf,
                     .order = rvi_pqr_order_of(leaf),
                     .bloom = {.bits = {.memory = memory}},
                     .before = -1,
                     .ascending = true,
                     .descending = true};
    facts_init(&c.page, memory);
    facts_init(&c.all, memory);
    choose_column(v, &c);
    rv_code rc = verify_chunk(v, &c, err);
    rvi_pqr_extremes_deinit(&c.page.extremes);
    rvi_pqr_extremes_deinit(&c.all.extremes);
    rvi_pq_buf_free(&c.bloom.bits);
    rvi_pqr_distinct_deinit(&c.distinct, memory);
    return rc;
}
