/* choice.c - what the first page of a chunk would be in each encoding, and what follows for the rest.
 *
 * Whether bit-packed differences, a dictionary or the plain values are smallest after compression cannot be told from
 * counts alone: PLAIN integers of six zero bytes compress to little, indices in random order not at all. So the page,
 * or as much of its numbers as tells, is encoded and compressed in each form that may be smallest. The encodings say
 * beforehand where that is not worth trying, and a column that repeats its values many times over is given its
 * dictionary without a trial.
 *
 * A dictionary costs once what it saves on every page, so it is weighed with the whole page. How it will grow is read
 * off the page: values first met in its second half against those first met in its first. Values from a limited set are
 * met less and less often, by about the same factor each time; where the set is not limited, the factor is 1 and the
 * dictionary fills up. */
#include "choice.h"

#include "page.h"
#include "values.h"

#include <assert.h>

enum {
    PARTS = 64,                 /* unit of costs: bytes times rvi_pq_encoding_ops.handicap */
    SAMPLE_BYTES = 64 << 10,    /* of PLAIN numbers that a trial looks at */
    CLEARLY_SMALL = 32,         /* a form of one part in this many of PLAIN needs no rival */
    OFTEN = 64,                 /* values each met so often on average have a dictionary */
    HALF_PAGES_AHEAD = 16,      /* over which a dictionary must pay */
    DICTIONARY_PAGE_BYTES = 48, /* header of its page, its part of the metadata */
};

/* What bytes cost as they would be stored: their number, and one part more where they have to pass the codec. */
static rv_code stored_cost(const uint8_t *data, size_t len, const rvi_pq_encoding_ops *encoding,
                           rvi_pq_content content, rvi_pq_workspace *work, uint64_t *out, rv_error *err)
{
    *out = (uint64_t)len * encoding->handicap;
    if (rvi_pq_packing_codec(&work->packing)->compress == NULL || len == 0)
        return RV_OK;
    work->packed.len = 0;
    RV_TRY(rvi_pq_packing_compress(&work->packing, data, len, content, &work->packed, err));
    if (rvi_pq_page_shrinks(len, work->packed.len))
        *out = (uint64_t)work->packed.len * (encoding->handicap + 1u);
    return RV_OK;
}

/* What the values cost as `encoding`. */
static rv_code try_encoding(const rvi_pq_page_values *values, const rvi_pq_encoding_ops *encoding,
                            rvi_pq_workspace *work, uint64_t *cost, rv_error *err)
{
    const rvi_pq_content content = rvi_pq_encoding_content(encoding, values);
    if (encoding->encode == NULL)
        return stored_cost(values->data, values->len, encoding, content, work, cost, err);
    work->body.len = 0;
    RV_TRY(encoding->encode(values, &work->body, err));
    return stored_cost(work->body.data, work->body.len, encoding, content, work, cost, err);
}

/* The next encoding behind `previous` that is worth a trial. */
static const rvi_pq_encoding_ops *next_candidate(const rvi_pq_page_values *values, rv_parquet_compat compat,
                                                 const rvi_pq_encoding_ops *previous)
{
    const rvi_pq_encoding_ops *next = rvi_pq_encoding_next(values->leaf, compat, previous);
    while (next != NULL && next->promises != NULL && !next->promises(values))
        next = rvi_pq_encoding_next(values->leaf, compat, next);
    return next;
}

/* The encoding in which the PLAIN values cost least, and what they cost in it. */
static rv_code find_cheapest(const rvi_pq_page_values *plain, rvi_pq_workspace *work,
                             const rvi_pq_encoding_ops **out, uint64_t *least, rv_error *err)
{
    const rv_parquet_compat compat = work->options->compat;
    const rvi_pq_encoding_ops *best = NULL;
    uint64_t best_cost = UINT64_MAX;
    for (const rvi_pq_encoding_ops *next = next_candidate(plain, compat, NULL); next != NULL;
         next = next_candidate(plain, compat, next)) {
        uint64_t cost = 0;
        if (best_cost <= (uint64_t)plain->len * PARTS / CLEARLY_SMALL)
            break;
        RV_TRY(try_encoding(plain, next, work, &cost, err));
        if (cost < best_cost) {
            best_cost = cost;
            best = next;
        }
    }
    *least = best_cost;
    *out = best;
    return RV_OK;
}

/* How many values of the open page a trial looks at. Of text all that fill an ordinary page: what a codec finds in it
 * grows with its length, and zstd has other parameters for short input. */
static size_t sample_size(const rvi_pq_column *column, const rvi_pq_workspace *work)
{
    const rvi_pq_open_page *page = &column->page;
    uint64_t n = (uint64_t)page->n_present, width = column->leaf.width;
    if (width == 0) {
        uint64_t some = page->weight > work->page_weight ? n * work->page_weight / page->weight : n;
        return some > 0 ? some : n;
    }
    return n * width <= SAMPLE_BYTES ? n : SAMPLE_BYTES / width / 8 * 8; /* whole bytes of booleans */
}

/* Bytes of the first n PLAIN values. */
static size_t plain_bytes(const rvi_pq_leaf *leaf, const uint8_t *data, size_t n)
{
    size_t len = 0;
    if (leaf->physical == RVI_PQ_BOOLEAN)
        return (n + 7) / 8;
    if (leaf->width != 0)
        return n * leaf->width;
    for (size_t i = 0; i < n; i++)
        len += 4 + rvi_pq_load_u32(data + len);
    return len;
}

rv_code rvi_pq_choose_encoding(rvi_pq_column *column, rvi_pq_workspace *work, rv_error *err)
{
    const rv_parquet_compat compat = work->options->compat;
    rvi_pq_page_values sample = rvi_pq_page_values_of(column, &column->page.values, work);
    size_t n = sample_size(column, work);
    if (n < sample.n)
        sample.len = plain_bytes(&column->leaf, sample.data, n);
    sample.n = n;
    const rvi_pq_encoding_ops *first = next_candidate(&sample, compat, NULL);
    uint64_t cost = 0;
    if (next_candidate(&sample, compat, first) != NULL)
        return find_cheapest(&sample, work, &column->encoding, &cost, err);
    column->encoding = first;
    return RV_OK;
}

static const uint32_t *page_indices(const rvi_pq_column *column)
{
    return (const uint32_t *)(const void *)column->page.values.data;
}

/* What a dictionary will have come to. */
typedef struct outlook {
    uint64_t n_entries;
    uint64_t half_pages; /* that it will have been used for */
} outlook;

/* Entries are numbered as they are met, so the largest index among the first values counts them. */
static uint64_t entries_of_first_half(const rvi_pq_column *column)
{
    const uint32_t *indices = page_indices(column);
    uint32_t largest = 0;
    for (int64_t i = 0; i < column->page.n_present / 2; i++)
        largest = indices[i] > largest ? indices[i] : largest;
    return (uint64_t)largest + 1;
}

/* A page that closes long before it is full is the only one of its chunk. */
static bool is_short(const rvi_pq_column *column, const rvi_pq_workspace *work)
{
    return column->page.rows < RVI_PQ_PAGE_ROWS / 2 && column->page.weight < work->page_weight / 2;
}

static outlook look_ahead(const rvi_pq_column *column, const rvi_pq_workspace *work, rvi_pq_room room)
{
    const rvi_pq_dict *dict = &column->dict;
    outlook ahead = {.n_entries = dict->n, .half_pages = 2};
    if (room == RVI_PQ_ROOM_NONE || is_short(column, work))
        return ahead;
    uint64_t first = entries_of_first_half(column), second = dict->n - first, added = second;
    second = second < first ? second : first;
    for (; ahead.half_pages < HALF_PAGES_AHEAD; ahead.half_pages++) {
        added = added * second / first;
        uint64_t n = ahead.n_entries + added;
        if (n * dict->entries.len > dict->max_bytes * (uint64_t)dict->n)
            break;
        ahead.n_entries = n;
    }
    return ahead;
}

/* What a page costs with the dictionary: its indices, and its share of the entries. */
static rv_code dictionary_cost(const rvi_pq_column *column, rvi_pq_workspace *work, rvi_pq_room room,
                               uint64_t *cost, rv_error *err)
{
    const rvi_pq_dict *dict = &column->dict;
    const rvi_pq_encoding_ops *encoding = &rvi_pq_dictionary_encoding;
    const rvi_pq_page_values page = rvi_pq_page_values_of(column, &column->page.values, work);
    outlook ahead = look_ahead(column, work, room);
    uint64_t indices = 0, entries = 0;
    RV_TRY(try_encoding(&page, encoding, work, &indices, err));
    RV_TRY(stored_cost(dict->entries.data, dict->entries.len, encoding, RVI_PQ_CONTENT_ANY, work, &entries,
                       err));
    entries = entries * ahead.n_entries / dict->n + DICTIONARY_PAGE_BYTES * PARTS;
    indices = indices * (uint64_t)rvi_pq_bit_width((uint32_t)ahead.n_entries - 1) /
              (uint64_t)rvi_pq_bit_width(dict->n - 1);
    *cost = indices + entries * 2 / ahead.half_pages;
    return RV_OK;
}

/* What a page costs without the dictionary, judged by its first values, and in which encoding. */
static rv_code plain_cost(const rvi_pq_column *column, rvi_pq_workspace *work, rvi_pq_buf *plain,
                          const rvi_pq_encoding_ops **encoding, uint64_t *cost, rv_error *err)
{
    rvi_pq_page_values sample = rvi_pq_page_values_of(column, plain, work);
    sample.n = sample_size(column, work);
    assert(sample.n > 0); /* a page with a dictionary has values */
    RV_TRY(rvi_pq_dict_expand(&column->dict, page_indices(column), sample.n, plain, err));
    sample.data = plain->data;
    sample.len = plain->len;
    RV_TRY(find_cheapest(&sample, work, encoding, cost, err));
    *cost = *cost * (uint64_t)column->page.n_present / sample.n;
    return RV_OK;
}

/* The page with its dictionary against the page without. */
static rv_code weigh(rvi_pq_column *column, rvi_pq_workspace *work, rvi_pq_room room, rvi_pq_buf *plain,
                     bool *pays, rv_error *err)
{
    const rvi_pq_encoding_ops *encoding = NULL;
    uint64_t with = 0, without = 0;
    RV_TRY(plain_cost(column, work, plain, &encoding, &without, err));
    RV_TRY(dictionary_cost(column, work, room, &with, err));
    *pays = with < without;
    /* With no room left the page goes on, and says more when it is complete. Where the dictionary is kept and fills up
     * later, the values have changed, and the first page without it decides. */
    if (room == RVI_PQ_ROOM_LEFT && !*pays)
        column->encoding = encoding;
    return RV_OK;
}

rv_code rvi_pq_choose_dictionary(rvi_pq_column *column, rvi_pq_workspace *work, rvi_pq_room room, bool *pays,
                                 rv_error *err)
{
    uint64_t n = (uint64_t)column->page.n_present, distinct = column->dict.n;
    *pays = column->named != NULL || (room == RVI_PQ_ROOM_LEFT && distinct * OFTEN <= n);
    if (*pays)
        return RV_OK;
    /* Hardly a value repeats; or two thirds do not, and no more fit. */
    if (distinct * 16 > n * 15 || (room == RVI_PQ_ROOM_NONE && distinct * 3 > n * 2))
        return RV_OK;
    rvi_pq_buf plain = {.memory = work->memory};
    rv_code rc = weigh(column, work, room, &plain, pays, err);
    rvi_pq_buf_free(&plain);
    return rc;
}
