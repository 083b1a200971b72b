/* choice.c - what the first page of a chunk would be in each encoding, and what follows for the rest.
 *
 * Whether bit-packed differences, a dictionary or the plain values are smallest after compression cannot be told from
 * counts alone: PLAIN integers of six zero bytes compress to little, indices in random order not at all. So the page is
 * encoded and compressed in each form that may be smallest. It is one page among the dozens of a full chunk, and
 * the encodings say beforehand where it is not worth trying; a column that repeats its values many times over is given
 * its dictionary without a trial.
 *
 * A dictionary costs once what it saves on every page. How it will grow is read off the page: values first met in its
 * second half against those first met in its first. Values from a limited set are met less and less often, by about the
 * same factor each time; where the set is not limited, the factor is 1 and the dictionary fills up. */
#include "choice.h"

#include "page.h"

enum {
    PARTS = 64,                 /* unit of costs: bytes times rvi_pq_encoding_ops.handicap */
    CLEARLY_SMALL = 32,         /* a form of one part in this many of PLAIN needs no rival */
    OFTEN = 64,                 /* values each met so often on average have a dictionary */
    HALF_PAGES_AHEAD = 16,      /* over which a dictionary must pay */
    DICTIONARY_PAGE_BYTES = 48, /* header of its page, its part of the metadata */
};

/* What `body` costs as it would be stored: its bytes, and one part more where they have to pass the codec. */
static rv_code stored_cost(const rvi_pq_column *column, const rvi_pq_buf *body,
                           const rvi_pq_encoding_ops *encoding, rvi_pq_workspace *work, uint64_t *out,
                           rv_error *err)
{
    *out = (uint64_t)body->len * encoding->handicap;
    if (rvi_pq_packing_codec(&work->packing)->compress == NULL || body->len == 0)
        return RV_OK;
    work->packed.len = 0;
    RV_TRY(rvi_pq_packing_compress(&work->packing, body, rvi_pq_encoding_min_match(encoding, &column->leaf),
                                   &work->packed, err));
    if (rvi_pq_page_shrinks(body->len, work->packed.len))
        *out = (uint64_t)work->packed.len * (encoding->handicap + 1u);
    return RV_OK;
}

/* What the page `data` costs as `encoding`. */
static rv_code try_encoding(const rvi_pq_column *column, const rvi_pq_buf *data,
                            const rvi_pq_encoding_ops *encoding, rvi_pq_workspace *work, uint64_t *cost,
                            rv_error *err)
{
    rvi_pq_page_values values = rvi_pq_page_values_of(column, data, work);
    if (encoding->encode == NULL)
        return stored_cost(column, data, encoding, work, cost, err);
    work->body.len = 0;
    RV_TRY(encoding->encode(&values, &work->body, err));
    return stored_cost(column, &work->body, encoding, work, cost, err);
}

/* The next encoding behind `previous` that is worth a trial for the page. */
static const rvi_pq_encoding_ops *next_candidate(const rvi_pq_page_values *values, rv_parquet_compat compat,
                                                 const rvi_pq_encoding_ops *previous)
{
    const rvi_pq_encoding_ops *next = rvi_pq_encoding_next(values->leaf, compat, previous);
    while (next != NULL && next->promises != NULL && !next->promises(values))
        next = rvi_pq_encoding_next(values->leaf, compat, next);
    return next;
}

/* The encoding that costs least for the page of PLAIN values `plain`, and what it costs. */
static rv_code find_cheapest(const rvi_pq_column *column, const rvi_pq_buf *plain, rvi_pq_workspace *work,
                             const rvi_pq_encoding_ops **out, uint64_t *least, rv_error *err)
{
    const rvi_pq_page_values values = rvi_pq_page_values_of(column, plain, work);
    const rv_parquet_compat compat = work->options->compat;
    const rvi_pq_encoding_ops *best = NULL;
    uint64_t best_cost = UINT64_MAX;
    for (const rvi_pq_encoding_ops *next = next_candidate(&values, compat, NULL); next != NULL;
         next = next_candidate(&values, compat, next)) {
        uint64_t cost = 0;
        if (best_cost <= (uint64_t)plain->len * PARTS / CLEARLY_SMALL)
            break;
        RV_TRY(try_encoding(column, plain, next, work, &cost, err));
        if (cost < best_cost) {
            best_cost = cost;
            best = next;
        }
    }
    *least = best_cost;
    *out = best;
    return RV_OK;
}

rv_code rvi_pq_choose_encoding(rvi_pq_column *column, rvi_pq_workspace *work, rv_error *err)
{
    const rvi_pq_buf *plain = &column->page.values;
    const rvi_pq_page_values values = rvi_pq_page_values_of(column, plain, work);
    const rv_parquet_compat compat = work->options->compat;
    const rvi_pq_encoding_ops *first = next_candidate(&values, compat, NULL);
    uint64_t cost = 0;
    if (next_candidate(&values, compat, first) != NULL)
        return find_cheapest(column, plain, work, &column->encoding, &cost, err);
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
static rv_code dictionary_cost(rvi_pq_column *column, rvi_pq_workspace *work, rvi_pq_room room,
                               uint64_t *cost, rv_error *err)
{
    const rvi_pq_dict *dict = &column->dict;
    outlook ahead = look_ahead(column, work, room);
    uint64_t indices = 0, entries = 0;
    RV_TRY(try_encoding(column, &column->page.values, &rvi_pq_dictionary_encoding, work, &indices, err));
    RV_TRY(stored_cost(column, &dict->entries, &rvi_pq_dictionary_encoding, work, &entries, err));
    entries = entries * ahead.n_entries / dict->n + DICTIONARY_PAGE_BYTES * PARTS;
    indices = indices * (uint64_t)rvi_pq_bit_width((uint32_t)ahead.n_entries - 1) /
              (uint64_t)rvi_pq_bit_width(dict->n - 1);
    *cost = indices + entries * 2 / ahead.half_pages;
    return RV_OK;
}

/* The page with its dictionary against the page without. */
static rv_code weigh(rvi_pq_column *column, rvi_pq_workspace *work, rvi_pq_room room, rvi_pq_buf *plain,
                     bool *pays, rv_error *err)
{
    const rvi_pq_encoding_ops *encoding = NULL;
    uint64_t with = 0, without = 0;
    RV_TRY(
        rvi_pq_dict_expand(&column->dict, page_indices(column), (size_t)column->page.n_present, plain, err));
    RV_TRY(find_cheapest(column, plain, work, &encoding, &without, err));
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
