#include "codec.h"

#include <snappy-c.h>

/* What snappy takes for the length of a call: a hash table of 2^14 16-bit words, and one block of 64 KiB together
 * with room for its compressed form (snappy.cc, WorkingMemory, of 1.1.9). It asks the C++ runtime, which ends the
 * program if there is none; so it is charged from the beginning, and never the first thing to fail. */
enum { WORKING_BYTES = (2 << 14) + (64 << 10) + (32 + (64 << 10) + (64 << 10) / 6) };

static rv_code snappy_open(rvi_pq_codec *codec, rv_error *err)
{
    return rvi_pq_codec_charge(codec, WORKING_BYTES, err);
}

static void snappy_close(rvi_pq_codec *codec)
{
    codec->memory->used -= codec->context_bytes;
    rv_budget_release(codec->memory->budget, codec->context_bytes);
}

/* A raw block, without snappy's framing. */
static rv_code snappy_append(rvi_pq_codec *codec, const uint8_t *data, size_t len, rvi_pq_content content,
                             rvi_pq_buf *out, rv_error *err)
{
    (void)codec;
    (void)content;
    RV_TRY(rvi_pq_buf_reserve(out, snappy_max_compressed_length(len), err));
    size_t written = out->cap - out->len;
    snappy_status status = snappy_compress((const char *)data, len, (char *)out->data + out->len, &written);
    if (status != SNAPPY_OK)
        return rv_fail(err, RV_E_INTERNAL, "snappy: compressing a page: status %d", (int)status);
    out->len += written;
    return RV_OK;
}

const rvi_pq_codec_ops rvi_pq_codec_snappy = {
    .name = RV_CODEC_SNAPPY,
    .number = RVI_PQ_SNAPPY,
    .open = snappy_open,
    .compress = snappy_append,
    .close = snappy_close,
};
