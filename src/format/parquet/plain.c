#include "values.h"

static void append_bools(const rvi_pq_values *values, int64_t n_before, rvi_pq_buf *out)
{
    out->len = (size_t)(n_before + values->n + 7) / 8;
    for (int32_t i = 0; i < values->n; i++) {
        int64_t at = n_before + i;
        uint8_t *byte = &out->data[at >> 3];
        unsigned bit = (unsigned)(at & 7);
        *byte = (uint8_t)((bit == 0 ? 0u : *byte) | (unsigned)values->fixed[i] << bit);
    }
}

static void append_variable(const rvi_pq_values *values, rvi_pq_buf *out)
{
    uint8_t *to = out->data + out->len;
    for (int32_t i = 0; i < values->n; i++) {
        size_t len = (size_t)(values->end[i] - values->begin[i]);
        rvi_pq_store_u32(to, (uint32_t)len);
        rvi_pq_copy(to + 4, values->data + values->begin[i], len);
        to += 4 + len;
    }
    out->len = (size_t)(to - out->data);
}

rv_code rvi_pq_plain_append(const rvi_pq_leaf *leaf, const rvi_pq_values *values, int64_t n_before,
                            rvi_pq_buf *out, rv_error *err)
{
    if (values->n == 0)
        return RV_OK;
    if (leaf->physical == RVI_PQ_BOOLEAN) {
        size_t need = (size_t)(n_before + values->n + 7) / 8;
        RV_TRY(rvi_pq_buf_reserve(out, need - out->len, err));
        append_bools(values, n_before, out);
        return RV_OK;
    }
    if (leaf->width != 0)
        return rvi_pq_buf_append(out, values->fixed, (size_t)values->n * leaf->width, err);
    RV_TRY(rvi_pq_buf_reserve(out, (size_t)values->n * 4 + values->data_bytes, err));
    append_variable(values, out);
    return RV_OK;
}
