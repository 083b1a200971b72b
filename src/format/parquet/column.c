/* column.c - rows in, pages out; how a dictionary is begun and given up.
 *
 * A column of a type that may repeat starts every chunk with a dictionary. Until the first page with values closes,
 * it can be dropped without a trace: the indices are turned back into values. Whether it is, choice.c says. Later,
 * when the dictionary is full, its pages stay and the rest of the chunk is written without it.
 *
 * The dictionary fills up in the middle of a row or of a run, at a place that depends on how the rows were cut
 * into batches. So the run is undone and repeated up to the last row that fits whole. */
#include "column.h"

#include "choice.h"
#include "page.h"

#include <assert.h>

static bool may_use_dictionary(const rvi_pq_column *column, const rvi_pq_workspace *work)
{
    if (work->dict_bytes == 0)
        return false;
    return column->named != NULL ? column->named == &rvi_pq_dictionary_encoding : column->leaf.dictionary;
}

/* Trials cost a chunk of few rows a good part of its time. Where they found that a column is better off without a
 * dictionary, that holds for some chunks more. Not where memory is short: a page on trial holds indices, and a trusted
 * one its values. */
static void trust_encoding(rvi_pq_column *column, const rvi_pq_workspace *work)
{
    enum { TRUSTED_BYTES = 32 << 20 };
    if (work->page_weight < RVI_PQ_SMALL_PAGE)
        return;
    const bool judged = column->encoding != NULL && column->trusted == NULL;
    if (judged)
        column->trusted_bytes = TRUSTED_BYTES;
    else
        column->trusted_bytes -=
            column->trusted_bytes < column->plain_bytes ? column->trusted_bytes : column->plain_bytes;
    column->trusted =
        column->trusted_bytes > 0 && !rvi_pq_column_has_dictionary(column) ? column->encoding : NULL;
}

/* What a chunk begins with: nothing decided but what the user named, or what an earlier chunk found out. */
static rv_code start_chunk(rvi_pq_column *column, rvi_pq_workspace *work, rv_error *err)
{
    column->dict_state = RVI_PQ_DICT_OFF;
    column->encoding = column->named != &rvi_pq_dictionary_encoding ? column->named : NULL;
    if (column->named == NULL)
        column->encoding = column->trusted;
    if (column->encoding != NULL || !may_use_dictionary(column, work))
        return RV_OK;
    if (column->dict.slots == NULL) {
        rvi_pq_dict_deinit(&column->dict);
        RV_TRY(rvi_pq_dict_init(&column->dict, &column->leaf, work->dict_bytes, work->memory, err));
    }
    rvi_pq_dict_clear(&column->dict);
    column->dict_state = RVI_PQ_DICT_TRIED;
    return RV_OK;
}

rv_code rvi_pq_column_init(rvi_pq_column *column, const rv_field *field, rvi_pq_workspace *work,
                           rv_error *err)
{
    *column = (rvi_pq_column){0};
    RV_TRY(rvi_pq_leaf_init(&column->leaf, field, err));
    RV_TRY(rvi_pq_encoding_named(work->options, &column->leaf, &column->named, err));
    column->page_weight = work->page_weight;
    rvi_pq_levels_init(&column->page.levels, &column->leaf, work->memory);
    column->page.values.memory = column->infos.memory = column->bounds.memory = work->memory;
    RV_TRY(rvi_pq_bloom_init(&column->bloom, work->options, field, work->bloom_bytes, work->memory, err));
    return start_chunk(column, work, err);
}

void rvi_pq_column_deinit(rvi_pq_column *column)
{
    if (column->infos.memory == NULL)
        return;
    rvi_pq_levels_deinit(&column->page.levels);
    rvi_pq_buf_free(&column->page.values);
    rvi_pq_bloom_deinit(&column->bloom, column->infos.memory);
    rvi_pq_buf_free(&column->infos);
    rvi_pq_buf_free(&column->bounds);
    rvi_pq_dict_deinit(&column->dict);
    *column = (rvi_pq_column){0};
}

/* A page beyond this weight holds one huge value, and takes no other. A page of long values is a good part of the memory,
 * so that there is room for little more. */
static size_t huge_weight(size_t page_weight, const rvi_pq_workspace *work)
{
    return page_weight > work->page_weight ? page_weight + page_weight / 4 : 2 * page_weight;
}

static bool is_huge(const rvi_pq_buf *buf, size_t page_weight, const rvi_pq_workspace *work)
{
    enum { USUAL_BYTES = 4096 };
    return buf->cap > huge_weight(page_weight, work) + USUAL_BYTES;
}

bool rvi_pq_workspace_is_huge(const rvi_pq_workspace *work, const rvi_pq_buf *buf)
{
    return is_huge(buf, work->page_weight, work);
}

bool rvi_pq_column_has_huge(const rvi_pq_column *column, const rvi_pq_workspace *work, const rvi_pq_buf *buf)
{
    return is_huge(buf, column->page_weight, work);
}

static uint64_t usual_stride(const rvi_pq_column *column)
{
    return column->seen_rows > 0 ? column->seen_weight / (uint64_t)column->seen_rows * RVI_PQ_STRIDE_ROWS : 0;
}

uint64_t rvi_pq_column_stride_weight(const rvi_pq_column *column)
{
    enum { MARGIN = 8 }; /* one part in this many */
    uint64_t usual = usual_stride(column);
    return usual + usual / MARGIN;
}

/* A huge value must not hold its memory for the rest of the file. */
static void shrink(rvi_pq_buf *buf, const rvi_pq_workspace *work)
{
    if (rvi_pq_workspace_is_huge(work, buf))
        rvi_pq_buf_free(buf);
}

void rvi_pq_workspace_trim(rvi_pq_workspace *work)
{
    shrink(&work->body, work);
    shrink(&work->packed, work);
    shrink(&work->header, work);
    shrink(&work->scratch, work);
}

static void clear_page(rvi_pq_column *column, const rvi_pq_workspace *work)
{
    rvi_pq_open_page *page = &column->page;
    page->rows = page->n_present = 0;
    page->weight = page->data_bytes = 0;
    page->values.len = 0;
    rvi_pq_levels_clear(&page->levels);
    rvi_pq_stats_clear(&page->stats);
    rvi_pq_dict_next_round(&column->dict);
    if (rvi_pq_column_has_huge(column, work, &page->values))
        rvi_pq_buf_free(&page->values);
}

rv_code rvi_pq_column_clear(rvi_pq_column *column, rvi_pq_workspace *work, rv_error *err)
{
    assert(column->page.rows == 0);
    trust_encoding(column, work);
    column->codec = RVI_PQ_CODEC_OPEN;
    column->infos.len = column->bounds.len = 0;
    column->n_pages = 0;
    rvi_pq_stats_clear(&column->stats);
    column->rows = column->n_levels = column->n_null = 0;
    column->data_bytes = column->raw_bytes = column->stored_bytes = column->plain_bytes = 0;
    memset(column->def_histogram, 0, sizeof column->def_histogram);
    memset(column->rep_histogram, 0, sizeof column->rep_histogram);
    memset(column->n_pages_of, 0, sizeof column->n_pages_of);
    column->settled = (rvi_pq_page_bytes){0};
    memset(column->fresh, 0, sizeof column->fresh);
    rvi_pq_bloom_clear(&column->bloom);
    return start_chunk(column, work, err);
}

/* The open page's indices become the values they stand for, and the chunk has no dictionary. */
static rv_code drop_dictionary(rvi_pq_column *column, rv_error *err)
{
    rvi_pq_open_page *page = &column->page;
    rvi_pq_buf plain = {.memory = page->values.memory};
    const uint32_t *indices = (const uint32_t *)(const void *)page->values.data;
    rv_code rc = rvi_pq_dict_expand(&column->dict, indices, (size_t)page->n_present, &plain, err);
    if (rc != RV_OK) {
        rvi_pq_buf_free(&plain);
        return rc;
    }
    rvi_pq_buf_free(&page->values);
    page->values = plain;
    rvi_pq_dict_deinit(&column->dict);
    column->dict = (rvi_pq_dict){0};
    column->dict_state = RVI_PQ_DICT_OFF;
    return RV_OK;
}

/* The dictionary stays if it pays, judged by the open page. */
static rv_code judge_dictionary(rvi_pq_column *column, rvi_pq_workspace *work, rvi_pq_room room,
                                rv_error *err)
{
    bool pays = false;
    if (column->page.n_present == 0)
        return RV_OK;
    RV_TRY(rvi_pq_choose_dictionary(column, work, room, &pays, err));
    if (!pays)
        return drop_dictionary(column, err);
    column->dict_state = RVI_PQ_DICT_ON;
    return RV_OK;
}

rv_code rvi_pq_column_close_page(rvi_pq_column *column, rvi_pq_workspace *work, rv_error *err)
{
    if (column->page.rows == 0)
        return RV_OK;
    if (column->dict_state == RVI_PQ_DICT_TRIED)
        RV_TRY(judge_dictionary(column, work, RVI_PQ_ROOM_LEFT, err));
    if (column->encoding == NULL && column->page.n_present > 0 && !rvi_pq_column_uses_dictionary(column))
        RV_TRY(rvi_pq_choose_encoding(column, work, err));
    if (!rvi_pq_column_uses_dictionary(column))
        rvi_pq_bloom_add(&column->bloom, &column->leaf, &column->page.values, (size_t)column->page.n_present);
    RV_TRY(rvi_pq_page_finish(column, work, err));
    clear_page(column, work);
    return RV_OK;
}

rv_code rvi_pq_column_close_huge(rvi_pq_column *column, rvi_pq_workspace *work, rv_error *err)
{
    bool huge = column->page.weight > huge_weight(column->page_weight, work);
    return huge ? rvi_pq_column_close_page(column, work, err) : RV_OK;
}

/* The dictionary takes no more values: either it never was one, or what it holds stays. */
static rv_code leave_dictionary(rvi_pq_column *column, rvi_pq_workspace *work, rv_error *err)
{
    if (column->dict_state == RVI_PQ_DICT_TRIED) {
        if (column->page.n_present == 0) /* not even the first value has room */
            return drop_dictionary(column, err);
        RV_TRY(judge_dictionary(column, work, RVI_PQ_ROOM_NONE, err));
        if (column->dict_state == RVI_PQ_DICT_OFF)
            return RV_OK;
    }
    RV_TRY(rvi_pq_column_close_page(column, work, err));
    rvi_pq_dict_freeze(&column->dict);
    /* Its capacity followed a run that was undone; see memory.h. */
    rvi_pq_buf_free(&column->page.values);
    column->dict_state = RVI_PQ_DICT_FULL;
    return RV_OK;
}

/* Rows up to the end of the stride that the next row lies in. */
static int64_t rows_of_stride(const rvi_pq_column *column)
{
    return RVI_PQ_STRIDE_ROWS - (column->rows + column->page.rows) % RVI_PQ_STRIDE_ROWS;
}

/* Whether the open page ends with the stride that is complete: it has no room for one more, judged by the rows it has.
 * Where a stride fills more than a page, it is not kept whole. */
static bool ends_with_stride(const rvi_pq_column *column)
{
    const rvi_pq_open_page *page = &column->page;
    if (page->rows == 0 || rows_of_stride(column) < RVI_PQ_STRIDE_ROWS ||
        column->page_weight < RVI_PQ_SMALL_PAGE)
        return false;
    uint64_t next = page->weight / (uint64_t)page->rows * RVI_PQ_STRIDE_ROWS;
    return next <= column->page_weight && page->weight + next > column->page_weight;
}

rv_code rvi_pq_column_end_stride(rvi_pq_column *column, rvi_pq_workspace *work, rv_error *err)
{
    return ends_with_stride(column) ? rvi_pq_column_close_page(column, work, err) : RV_OK;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Most rows of [from, to) that still belong to the open page; 0: it is full. */
static int64_t rows_that_fit(const rvi_pq_column *column, const rv_column *source, int64_t from, int64_t to)
{
    const rvi_pq_open_page *page = &column->page;
    if (ends_with_stride(column))
        return 0;
    uint64_t room = page->weight < column->page_weight ? column->page_weight - page->weight : 0;
    int64_t most = least(RVI_PQ_PAGE_ROWS - page->rows, rows_of_stride(column));
    most = least(most, to - from);
    if (most <= 0 || rvi_pq_leaf_weight(&column->leaf, source, from, from + most) <= room)
        return most;
    int64_t fits = 0, too_many = most; /* weight(fits) <= room < weight(too_many) */
    while (too_many - fits > 1) {
        int64_t middle = fits + (too_many - fits) / 2;
        if (rvi_pq_leaf_weight(&column->leaf, source, from, from + middle) <= room)
            fits = middle;
        else
            too_many = middle;
    }
    return fits == 0 && page->rows == 0 ? 1 : fits;
}

/* Number the values of a run. *n_done as rvi_pq_dict_add(). */
static rv_code append_indices(rvi_pq_column *column, const rvi_pq_values *values, int32_t *n_done,
                              rv_error *err)
{
    rvi_pq_open_page *page = &column->page;
    RV_TRY(rvi_pq_buf_reserve(&page->values, (size_t)values->n * sizeof(uint32_t), err));
    uint32_t *indices = (uint32_t *)(void *)(page->values.data + page->values.len);
    RV_TRY(rvi_pq_dict_add(&column->dict, values, indices, n_done, err));
    if (*n_done < values->n)
        return RV_OK;
    page->values.len += (size_t)values->n * sizeof(uint32_t);
    if (column->leaf.width == 0)
        rvi_pq_dict_touch(&column->dict, indices, values->n, &page->stats);
    else
        rvi_pq_stats_update(&column->leaf, &page->stats, values);
    return RV_OK;
}

/* Rows from `from` on before the one that holds present value number n (from 0), which exists. */
static int64_t rows_before(const rv_column *source, int64_t from, int32_t n)
{
    int64_t rows = 0;
    for (int32_t passed = 0;; rows++) {
        if (rv_column_is_null(source, from + rows))
            continue;
        if (passed++ == n)
            return rows;
    }
}

/* Values [from, from + n) of the leaf's own column (a list's child). *n_done: rows of it that were taken, all of
 * them but when the dictionary is full. */
static rv_code append_values(rvi_pq_column *column, const rv_column *source, int64_t from, int64_t n,
                             rvi_pq_workspace *work, int64_t *n_done, rv_error *err)
{
    rvi_pq_open_page *page = &column->page;
    for (*n_done = 0; *n_done < n;) {
        int32_t step = n - *n_done < RVI_PQ_RUN ? (int32_t)(n - *n_done) : RVI_PQ_RUN;
        rvi_pq_values values;
        rvi_pq_gather(&column->leaf, source, from + *n_done, step, work->gather, &values);
        int32_t accepted = values.n;
        if (rvi_pq_column_uses_dictionary(column)) {
            RV_TRY(append_indices(column, &values, &accepted, err));
        } else {
            RV_TRY(rvi_pq_plain_append(&column->leaf, &values, page->n_present, &page->values, err));
            rvi_pq_stats_update(&column->leaf, &page->stats, &values);
        }
        if (accepted < values.n) {
            *n_done += rows_before(source, from + *n_done, accepted);
            return RV_OK;
        }
        page->n_present += values.n;
        page->data_bytes += values.data_bytes;
        *n_done += step;
    }
    return RV_OK;
}

/* Whole rows among n whose values all lie among the first n_values elements from `from` on. */
static int64_t whole_rows(const rvi_pq_column *column, const rv_column *source, int64_t from, int64_t n,
                          int64_t n_values)
{
    if (!column->leaf.is_list)
        return n_values;
    int64_t rows = 0;
    while (rows < n && source->offsets[from + rows + 1] - source->offsets[from] <= n_values)
        rows++;
    return rows;
}

static rv_code append_row_values(rvi_pq_column *column, const rv_column *source, int64_t from, int64_t n,
                                 rvi_pq_workspace *work, int64_t *n_done, rv_error *err)
{
    if (!column->leaf.is_list)
        return append_values(column, source, from, n, work, n_done, err);
    int64_t first = source->offsets[from], last = source->offsets[from + n];
    return append_values(column, source->child, first, last - first, work, n_done, err);
}

/* Append n rows to the open page, which has room for them. *n_done: fewer than n when the dictionary is full. */
static rv_code append_rows(rvi_pq_column *column, const rv_column *source, int64_t from, int64_t n,
                           rvi_pq_workspace *work, int64_t *n_done, rv_error *err)
{
    rvi_pq_open_page *page = &column->page;
    const size_t len = page->values.len;
    const int64_t n_present = page->n_present;
    const uint64_t data_bytes = page->data_bytes;
    const rvi_pq_stats stats = page->stats;
    int64_t n_values = 0;
    RV_TRY(append_row_values(column, source, from, n, work, &n_values, err));
    *n_done = whole_rows(column, source, from, n, n_values);
    if (*n_done < n) {
        page->values.len = len;
        page->n_present = n_present;
        page->data_bytes = data_bytes;
        page->stats = stats;
        rvi_pq_dict_next_round(&column->dict);
        if (*n_done == 0)
            return RV_OK;
        RV_TRY(append_row_values(column, source, from, *n_done, work, &n_values, err));
    }
    RV_TRY(rvi_pq_levels_append(&page->levels, source, from, *n_done, err));
    uint64_t weight = rvi_pq_leaf_weight(&column->leaf, source, from, from + *n_done);
    page->weight += weight;
    page->rows += *n_done;
    column->seen_weight += weight;
    column->seen_rows += *n_done;
    return RV_OK;
}

rv_code rvi_pq_column_append(rvi_pq_column *column, const rv_column *source, int64_t from, int64_t to,
                             rvi_pq_workspace *work, rv_error *err)
{
    while (from < to) {
        RV_TRY(rvi_pq_column_close_huge(column, work, err));
        int64_t n = rows_that_fit(column, source, from, to), done = 0;
        if (n == 0) {
            RV_TRY(rvi_pq_column_close_page(column, work, err));
            continue;
        }
        RV_TRY(append_rows(column, source, from, n, work, &done, err));
        from += done;
        if (done < n)
            RV_TRY(leave_dictionary(column, work, err));
    }
    return RV_OK;
}

void rvi_pq_column_settle(rvi_pq_column *column, uint64_t i)
{
    column->settled.raw += column->fresh[i].raw;
    column->settled.stored += column->fresh[i].stored;
    column->fresh[i] = (rvi_pq_page_bytes){0};
}

static uint64_t fresh_bytes(const rvi_pq_column *column)
{
    uint64_t bytes = 0;
    for (int i = 0; i < RVI_PQ_LAG; i++)
        bytes += column->fresh[i].raw;
    return bytes;
}

static uint64_t shrunk(uint64_t bytes, rvi_pq_page_bytes as)
{
    return as.raw == 0 ? bytes / 2 : (uint64_t)((double)bytes * (double)as.stored / (double)as.raw);
}

/* As its pages shrink, by what is known of them. */
static uint64_t finished(const rvi_pq_column *column, uint64_t bytes)
{
    const rvi_pq_page_bytes as = column->settled.raw > 0 ? column->settled : column->data_shrank;
    return as.raw > 0 ? shrunk(bytes, as) : bytes;
}

uint64_t rvi_pq_column_stride_finished(const rvi_pq_column *column)
{
    return finished(column, usual_stride(column));
}

uint64_t rvi_pq_column_finished_bytes(const rvi_pq_column *column)
{
    return column->settled.stored + finished(column, fresh_bytes(column));
}

uint64_t rvi_pq_column_open_bytes(const rvi_pq_column *column)
{
    const rvi_pq_open_page *page = &column->page;
    uint64_t values = page->values.len;
    if (rvi_pq_column_uses_dictionary(column))
        values = (uint64_t)page->n_present * (uint64_t)rvi_pq_bit_width(column->dict.n) / 8;
    return values + rvi_pq_levels_bytes(&page->levels);
}

uint64_t rvi_pq_column_pending(const rvi_pq_column *column)
{
    /* Still being tried, but it did not pay in the last chunk: most likely it will not again. */
    if (column->dict_state == RVI_PQ_DICT_TRIED && column->data_shrank.raw > 0 &&
        column->dict_shrank.raw == 0)
        return shrunk(column->page.weight, column->data_shrank); /* no page has closed */
    uint64_t open = rvi_pq_column_open_bytes(column) + fresh_bytes(column);
    return column->settled.stored +
           shrunk(open, column->settled.raw > 0 ? column->settled : column->data_shrank) +
           shrunk(column->dict.entries.len, column->dict_shrank);
}
