/* RLE_DICTIONARY and its old name PLAIN_DICTIONARY: one byte with the width of the indices, and the indices.
 * Spec: parquet-format, Encodings.md, "Dictionary Encoding". */
#include "decoders.h"

#include <string.h>

static rv_code check_indices(const uint32_t *indices, uint32_t n, uint32_t n_entries, rv_error *err)
{
    uint32_t largest = 0;
    for (uint32_t i = 0; i < n; i++)
        largest = indices[i] > largest ? indices[i] : largest;
    if (largest >= n_entries)
        return rv_fail(err, RV_E_FILE_DAMAGED, "the index %u into a dictionary of %u entries", largest,
                       n_entries);
    return RV_OK;
}

/* Fixed sizes known to the compiler become single moves. */
static void gather(uint8_t *to, const uint8_t *from, uint32_t width, const uint32_t *indices, uint32_t n)
{
    switch (width) {
    case 4:
        for (uint32_t i = 0; i < n; i++)
            memcpy(to + (size_t)i * 4, from + (size_t)indices[i] * 4, 4);
        return;
    case 8:
        for (uint32_t i = 0; i < n; i++)
            memcpy(to + (size_t)i * 8, from + (size_t)indices[i] * 8, 8);
        return;
    case 16:
        for (uint32_t i = 0; i < n; i++)
            memcpy(to + (size_t)i * 16, from + (size_t)indices[i] * 16, 16);
        return;
    default:
        for (uint32_t i = 0; i < n; i++)
            memcpy(to + (size_t)i * width, from + (size_t)indices[i] * width, width);
    }
}

static rv_code look_up(const rvi_pqr_values *dictionary, const uint32_t *indices, uint32_t n,
                       rvi_pqr_space *space, rvi_pqr_values *out, rv_error *err)
{
    if (dictionary->width > 0) {
        RV_TRY(rvi_pqr_room(&space->values, n, dictionary->width, err));
        gather(space->values.data, dictionary->fixed, dictionary->width, indices, n);
        *out = (rvi_pqr_values){.n = n, .width = dictionary->width, .fixed = space->values.data};
        return RV_OK;
    }
    RV_TRY(rvi_pqr_room(&space->spans, n, sizeof(rvi_pqr_span), err));
    rvi_pqr_span *spans = (rvi_pqr_span *)(void *)space->spans.data;
    for (uint32_t i = 0; i < n; i++)
        spans[i] = dictionary->spans[indices[i]];
    *out = (rvi_pqr_values){.n = n, .data = dictionary->data, .spans = spans};
    return RV_OK;
}

rv_code rvi_pqr_dictionary_indices(const rvi_pqr_page_input *in, rvi_pqr_space *space, rvi_pqr_values *out,
                                   rv_error *err)
{
    enum { MAX_WIDTH = 32 };
    if (in->dictionary == NULL)
        return rv_fail(err, RV_E_FILE_DAMAGED, "dictionary indices in a column chunk without a dictionary");
    if (in->len == 0 || in->bytes[0] > MAX_WIDTH)
        return rv_fail(err, RV_E_FILE_DAMAGED, "dictionary indices without a width of 0 to %d bits",
                       MAX_WIDTH);
    rvi_pqr_cursor cursor = {in->bytes + 1, in->bytes + in->len};
    RV_TRY(rvi_pqr_room(&space->numbers, in->n_values, sizeof(uint32_t), err));
    uint32_t *indices = (uint32_t *)(void *)space->numbers.data;
    RV_TRY(rvi_pqr_hybrid32(&cursor, in->bytes[0], indices, in->n_values, "dictionary index", err));
    RV_TRY(check_indices(indices, in->n_values, in->dictionary->n, err));
    RV_TRY(look_up(in->dictionary, indices, in->n_values, space, out, err));
    out->n_trailing = rvi_pqr_left(&cursor);
    return RV_OK;
}
