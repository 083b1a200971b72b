#include "codec.h"

#include <lz4.h>

enum { ACCELERATION = 1 }; /* LZ4_compress_default()'s */

static rv_code lz4_open(rvi_pq_codec *codec, rv_error *err)
{
    size_t bytes = (size_t)LZ4_sizeofState();
    RV_TRY(rvi_pq_resize(codec->memory, &codec->context, 0, bytes, err));
    codec->context_bytes = bytes;
    return RV_OK;
}

static void lz4_close(rvi_pq_codec *codec)
{
    rvi_pq_release(codec->memory, codec->context, codec->context_bytes);
}

/* One raw block (LZ4_RAW); number 5 of the specification means something else to every reader. */
static rv_code lz4_append(rvi_pq_codec *codec, const uint8_t *data, size_t len, rvi_pq_content content,
                          rvi_pq_buf *out, rv_error *err)
{
    (void)content;
    if (len > LZ4_MAX_INPUT_SIZE)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "a page would have %zu bytes; LZ4's limit is %d", len,
                       LZ4_MAX_INPUT_SIZE);
    int bound = LZ4_compressBound((int)len);
    RV_TRY(rvi_pq_buf_reserve(out, (size_t)bound, err));
    int written = LZ4_compress_fast_extState(codec->context, (const char *)data, (char *)out->data + out->len,
                                             (int)len, bound, ACCELERATION);
    if (written <= 0)
        return rv_fail(err, RV_E_INTERNAL, "lz4: compressing a page of %zu bytes", len);
    out->len += (size_t)written;
    return RV_OK;
}

const rvi_pq_codec_ops rvi_pq_codec_lz4 = {
    .name = RV_CODEC_LZ4,
    .number = RVI_PQ_LZ4_RAW,
    .open = lz4_open,
    .compress = lz4_append,
    .close = lz4_close,
};
