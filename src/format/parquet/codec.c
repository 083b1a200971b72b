#include "codec.h"

#include <assert.h>

static const rvi_pq_codec_ops NONE = {.name = RV_CODEC_NONE, .number = RVI_PQ_UNCOMPRESSED};
static const rvi_pq_codec_ops *const CODECS[] = {&NONE, &rvi_pq_codec_zstd, &rvi_pq_codec_snappy,
                                                 &rvi_pq_codec_gzip, &rvi_pq_codec_lz4};

static const rvi_pq_codec_ops *find(rv_codec name)
{
    for (size_t i = 0; i < sizeof CODECS / sizeof CODECS[0]; i++)
        if (CODECS[i]->name == name)
            return CODECS[i];
    return NULL;
}

static rv_code check_level(const rvi_pq_codec_ops *ops, int level, rv_error *err)
{
    if (level >= 0 && level <= ops->max_level)
        return RV_OK;
    if (ops->max_level == 0)
        return rv_fail(err, RV_E_CONFIG_VALUE, "compression %s has no levels, so not %d either",
                       rv_codec_name(ops->name), level);
    return rv_fail(err, RV_E_CONFIG_VALUE, "%s has no level %d here; allowed are 1 to %d",
                   rv_codec_name(ops->name), level, ops->max_level);
}

rv_code rvi_pq_codec_open(rvi_pq_codec *codec, rv_codec name, int level, rvi_pq_memory *memory, rv_error *err)
{
    const rvi_pq_codec_ops *ops = find(name);
    assert(ops != NULL);
    *codec = (rvi_pq_codec){0};
    RV_TRY(check_level(ops, level, err));
    rvi_pq_codec opened = {.ops = ops, .memory = memory, .level = level};
    if (ops->open != NULL)
        RV_TRY(ops->open(&opened, err));
    *codec = opened;
    return RV_OK;
}

void rvi_pq_codec_close(rvi_pq_codec *codec)
{
    if (codec->ops != NULL && codec->ops->close != NULL)
        codec->ops->close(codec);
    *codec = (rvi_pq_codec){0};
}

rv_code rvi_pq_codec_compress(rvi_pq_codec *codec, const uint8_t *data, size_t len, rvi_pq_content content,
                              rvi_pq_buf *out, rv_error *err)
{
    assert(codec->ops->compress != NULL);
    if (len > INT32_MAX)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "a page would have %zu bytes; Parquet's limit is %d", len,
                       INT32_MAX);
    return codec->ops->compress(codec, data, len, content, out, err);
}

rv_code rvi_pq_codec_charge(rvi_pq_codec *codec, size_t context_bytes, rv_error *err)
{
    if (context_bytes <= codec->context_bytes)
        return RV_OK;
    size_t more = context_bytes - codec->context_bytes;
    if (!rv_budget_charge(codec->memory->budget, more)) {
        rv_code rc = rv_fail(err, RV_E_MEMORY_BUDGET, "%s at level %d needs %zu bytes",
                             rv_codec_name(codec->ops->name), codec->level, context_bytes);
        rv_hint(err,
                "lower compression_level, or raise tuning.batch_size_memory_mb (the budget grows with it)");
        return rc;
    }
    codec->memory->used += more;
    codec->context_bytes = context_bytes;
    return RV_OK;
}
