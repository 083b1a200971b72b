#include "codec.h"

#include <assert.h>
#include <zstd.h>
#include <zstd_errors.h>

/* The default is level 1: with the match length chosen by the type of the values it gives level 3's size (DESIGN
 * promises that) in two thirds of its time. Higher than 22 does not exist. */
enum { ZSTD_DEFAULT_LEVEL = 1, ZSTD_MAX_LEVEL = 22 };

static rv_code zstd_failed(size_t code, const char *what, rv_error *err)
{
    return rv_fail(err, RV_E_INTERNAL, "zstd: %s: %s", what, ZSTD_getErrorName(code));
}

/* The context grows with the first pages; what it holds is charged afterwards, since only zstd knows. */
static rv_code charge_context(rvi_pq_codec *codec, rv_error *err)
{
    size_t bytes = ZSTD_sizeof_CCtx(codec->context);
    if (bytes <= codec->context_bytes)
        return RV_OK;
    if (!rv_budget_charge(codec->memory->budget, bytes - codec->context_bytes)) {
        rv_code rc =
            rv_fail(err, RV_E_MEMORY_BUDGET, "zstd at level %d needs %zu bytes", codec->level, bytes);
        rv_hint(err,
                "lower compression_level, or raise tuning.batch_size_memory_mb (the budget grows with it)");
        return rc;
    }
    codec->memory->used += bytes - codec->context_bytes;
    codec->context_bytes = bytes;
    return RV_OK;
}

static rv_code zstd_open(rvi_pq_codec *codec, rv_error *err)
{
    if (codec->level < 0 || codec->level > ZSTD_MAX_LEVEL)
        return rv_fail(err, RV_E_CONFIG_VALUE, "zstd has no level %d; allowed are 1 to %d", codec->level,
                       ZSTD_MAX_LEVEL);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    if (context == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "a zstd context");
    codec->context = context;
    int level = codec->level == 0 ? ZSTD_DEFAULT_LEVEL : codec->level;
    size_t code = ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
    if (ZSTD_isError(code))
        return zstd_failed(code, "setting the level", err);
    return charge_context(codec, err);
}

static rv_code zstd_compress(rvi_pq_codec *codec, const uint8_t *data, size_t len, int min_match,
                             rvi_pq_buf *out, rv_error *err)
{
    ZSTD_CCtx *context = codec->context;
    if (codec->level == 0 && min_match != codec->min_match) {
        size_t code = ZSTD_CCtx_setParameter(context, ZSTD_c_minMatch, min_match);
        if (ZSTD_isError(code))
            return zstd_failed(code, "setting the match length", err);
        codec->min_match = min_match;
    }
    RV_TRY(rvi_pq_buf_reserve(out, ZSTD_compressBound(len), err));
    size_t written = ZSTD_compress2(context, out->data + out->len, out->cap - out->len, data, len);
    if (ZSTD_isError(written)) {
        if (ZSTD_getErrorCode(written) == ZSTD_error_memory_allocation)
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "zstd's context");
        return zstd_failed(written, "compressing a page", err);
    }
    out->len += written;
    return charge_context(codec, err);
}

static void zstd_close(rvi_pq_codec *codec)
{
    ZSTD_freeCCtx(codec->context);
    codec->memory->used -= codec->context_bytes;
    rv_budget_release(codec->memory->budget, codec->context_bytes);
}

static const rvi_pq_codec_ops CODECS[] = {
    {.name = RV_CODEC_NONE, .number = RVI_PQ_UNCOMPRESSED},
    {.name = RV_CODEC_ZSTD,
     .number = RVI_PQ_ZSTD,
     .open = zstd_open,
     .compress = zstd_compress,
     .close = zstd_close},
};

rv_code rvi_pq_codec_open(rvi_pq_codec *codec, rv_codec name, int level, rvi_pq_memory *memory, rv_error *err)
{
    *codec = (rvi_pq_codec){.memory = memory, .level = level};
    for (size_t i = 0; i < sizeof CODECS / sizeof CODECS[0]; i++)
        if (CODECS[i].name == name)
            codec->ops = &CODECS[i];
    if (codec->ops == NULL) {
        rv_code rc = rv_fail(err, RV_E_CONFIG_NOT_SUPPORTED_YET,
                             "compression: %s is not supported for Parquet yet", rv_codec_name(name));
        rv_hint(err, "use compression: zstd or compression: none");
        return rc;
    }
    return codec->ops->open != NULL ? codec->ops->open(codec, err) : RV_OK;
}

void rvi_pq_codec_close(rvi_pq_codec *codec)
{
    if (codec->ops != NULL && codec->ops->close != NULL && codec->context != NULL)
        codec->ops->close(codec);
    *codec = (rvi_pq_codec){0};
}

rv_code rvi_pq_codec_compress(rvi_pq_codec *codec, const uint8_t *data, size_t len, int min_match,
                              rvi_pq_buf *out, rv_error *err)
{
    assert(codec->ops->compress != NULL);
    return codec->ops->compress(codec, data, len, min_match, out, err);
}
