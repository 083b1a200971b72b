#include "encoding.h"

#include "rle.h"

static rv_code encode_indices(const rvi_pq_page_values *in, rvi_pq_buf *out, rv_error *err)
{
    int width = rvi_pq_bit_width(in->n_entries - 1);
    uint8_t byte = (uint8_t)width;
    RV_TRY(rvi_pq_buf_append(out, &byte, 1, err));
    return rvi_pq_rle_append((const uint32_t *)(const void *)in->data, in->n, width, out, err);
}

static const rvi_pq_encoding_ops PLAIN = {.number = RVI_PQ_PLAIN};
const rvi_pq_encoding_ops rvi_pq_dictionary_encoding = {.number = RVI_PQ_RLE_DICTIONARY,
                                                        .encode = encode_indices};

/* A dictionary without entries cannot be written, so pages of NULLs before the first value are PLAIN. */
const rvi_pq_encoding_ops *rvi_pq_encoding_of(const rvi_pq_column *column)
{
    bool uses_dictionary = column->dict_state == RVI_PQ_DICT_TRIED || column->dict_state == RVI_PQ_DICT_ON;
    return uses_dictionary && column->dict.n > 0 ? &rvi_pq_dictionary_encoding : &PLAIN;
}
