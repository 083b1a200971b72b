/* PLAIN: values one after the other. Spec: parquet-format, Encodings.md, "Plain". */
#include "decoders.h"
#include "unpack.h"

static rv_code too_short(const rvi_pqr_page_input *in, rv_error *err)
{
    return rv_fail(err, RV_E_FILE_DAMAGED, "%zu bytes do not hold %u PLAIN values", in->len, in->n_values);
}

static rv_code booleans(const rvi_pqr_page_input *in, rvi_pqr_space *space, rvi_pqr_values *out,
                        rv_error *err)
{
    size_t bytes = ((size_t)in->n_values + 7) / 8;
    if (bytes > in->len)
        return too_short(in, err);
    RV_TRY(rvi_pqr_room(&space->values, in->n_values, 1, err));
    rvi_pqr_unpack8(in->bytes, in->bytes + in->len, 1, space->values.data, in->n_values);
    *out = (rvi_pqr_values){
        .n = in->n_values, .width = 1, .fixed = space->values.data, .n_trailing = in->len - bytes};
    return RV_OK;
}

static rv_code texts(const rvi_pqr_page_input *in, rvi_pqr_space *space, rvi_pqr_values *out, rv_error *err)
{
    enum { WORD = 4 };
    if (in->n_values > in->len / WORD)
        return too_short(in, err);
    RV_TRY(rvi_pqr_room(&space->spans, in->n_values, sizeof(rvi_pqr_span), err));
    rvi_pqr_span *spans = (rvi_pqr_span *)(void *)space->spans.data;
    size_t at = 0;
    for (uint32_t i = 0; i < in->n_values; i++) {
        if (in->len - at < WORD)
            return rv_fail(err, RV_E_FILE_DAMAGED, "the page ends before value %u of %u", i, in->n_values);
        uint32_t len = rvi_pqr_load32(in->bytes + at);
        at += WORD;
        if (len > in->len - at)
            return rv_fail(err, RV_E_FILE_DAMAGED, "value %u of %u has %u bytes where %zu are left", i,
                           in->n_values, len, in->len - at);
        spans[i] = (rvi_pqr_span){.at = (uint32_t)at, .len = len};
        at += len;
    }
    *out = (rvi_pqr_values){.n = in->n_values, .data = in->bytes, .spans = spans, .n_trailing = in->len - at};
    return RV_OK;
}

rv_code rvi_pqr_plain(const rvi_pqr_page_input *in, rvi_pqr_space *space, rvi_pqr_values *out, rv_error *err)
{
    if (in->physical == RV_PARQUET_BOOLEAN)
        return booleans(in, space, out, err);
    if (in->physical == RV_PARQUET_BYTE_ARRAY)
        return texts(in, space, out, err);
    uint32_t width = rvi_pqr_value_width(in->physical, in->width);
    if (in->n_values > in->len / width)
        return too_short(in, err);
    *out = (rvi_pqr_values){.n = in->n_values,
                            .width = width,
                            .fixed = in->bytes,
                            .n_trailing = in->len - (size_t)in->n_values * width};
    return RV_OK;
}
