#include "codec.h"

#include <zstd.h>
#include <zstd_errors.h>

/* The default is level 1: with the match length chosen by the type of the values it gives level 3's size (DESIGN
 * promises that) in two thirds of its time.
 *
 * zstd 1.5.0 to 1.5.4 could, on rare input, write damaged data where their optimal parser was at work: from level 13
 * on for small inputs, from 16 on for all (github.com/facebook/zstd, pull request 3517). Which release is linked is
 * for the machine to say, so that parser is never used: 15 is the strongest level, and small pages get its search. */
enum { DEFAULT_LEVEL = 1, MAX_LEVEL = 15, OPTIMAL_FROM = 13, SEARCH_LOG_LESS = 8 };

/* From level 7 on zstd's own tables would take 6 to 64 MB, by the size of the largest page. These sizes hold a context
 * to 3.5 MB, make files 0.5 % larger than the tables of a 1 MiB page and take no longer; and a value of 100 MB
 * cannot use up the budget in the middle of a run. */
enum { BOUNDED_FROM = 7, WINDOW_LOG = 20, HASH_LOG = 18, CHAIN_LOG = 19 };
/* Below, a window that no ordinary page fills keeps the tables from growing with the largest value. */
enum { WINDOWED_FROM = 3 };

static rv_code zstd_failed(size_t code, const char *what, rv_error *err)
{
    if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "zstd: %s", what);
    return rv_fail(err, RV_E_INTERNAL, "zstd: %s: %s", what, ZSTD_getErrorName(code));
}

static rv_code set_parameter(ZSTD_CCtx *context, ZSTD_cParameter name, int value, rv_error *err)
{
    size_t code = ZSTD_CCtx_setParameter(context, name, value);
    return ZSTD_isError(code) ? zstd_failed(code, "setting a parameter", err) : RV_OK;
}

static rv_code set_level(ZSTD_CCtx *context, int level, rv_error *err)
{
    RV_TRY(set_parameter(context, ZSTD_c_compressionLevel, level, err));
    if (level >= WINDOWED_FROM)
        RV_TRY(set_parameter(context, ZSTD_c_windowLog, WINDOW_LOG, err));
    if (level < BOUNDED_FROM)
        return RV_OK;
    RV_TRY(set_parameter(context, ZSTD_c_hashLog, HASH_LOG, err));
    RV_TRY(set_parameter(context, ZSTD_c_chainLog, CHAIN_LOG, err));
    if (level < OPTIMAL_FROM)
        return RV_OK;
    RV_TRY(set_parameter(context, ZSTD_c_strategy, ZSTD_btlazy2, err));
    return set_parameter(context, ZSTD_c_searchLog, level - SEARCH_LOG_LESS, err);
}

static void zstd_close(rvi_pq_codec *codec)
{
    ZSTD_freeCCtx(codec->context);
    codec->memory->used -= codec->context_bytes;
    rv_budget_release(codec->memory->budget, codec->context_bytes);
}

static rv_code zstd_open(rvi_pq_codec *codec, rv_error *err)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    if (context == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "a zstd context");
    codec->context = context;
    rv_code rc = set_level(context, codec->level == 0 ? DEFAULT_LEVEL : codec->level, err);
    if (rc == RV_OK)
        rc = rvi_pq_codec_charge(codec, ZSTD_sizeof_CCtx(context), err);
    if (rc != RV_OK)
        zstd_close(codec);
    return rc;
}

/* The context grows with the first pages; what it holds is charged afterwards, since only zstd knows. */
static rv_code zstd_compress(rvi_pq_codec *codec, const uint8_t *data, size_t len, int min_match,
                             rvi_pq_buf *out, rv_error *err)
{
    ZSTD_CCtx *context = codec->context;
    if (codec->level == 0 && min_match != codec->min_match) {
        RV_TRY(set_parameter(context, ZSTD_c_minMatch, min_match, err));
        codec->min_match = min_match;
    }
    RV_TRY(rvi_pq_buf_reserve(out, ZSTD_compressBound(len), err));
    size_t written = ZSTD_compress2(context, out->data + out->len, out->cap - out->len, data, len);
    if (ZSTD_isError(written))
        return zstd_failed(written, "compressing a page", err);
    RV_TRY(rvi_pq_codec_charge(codec, ZSTD_sizeof_CCtx(context), err));
    out->len += written;
    return RV_OK;
}

const rvi_pq_codec_ops rvi_pq_codec_zstd = {
    .name = RV_CODEC_ZSTD,
    .number = RVI_PQ_ZSTD,
    .max_level = MAX_LEVEL,
    .open = zstd_open,
    .compress = zstd_compress,
    .close = zstd_close,
};
