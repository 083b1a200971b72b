/* compress.c - gzip and zstd around a whole CSV file.
 *
 * Both make one frame a file, with a checksum, no name and no time in it: the same text gives the same
 * bytes. */
#include "format/csv/internal.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

enum {
    COMPRESSED_BYTES = 64 << 10, /* handed to the sink at a time */
    GZIP_DEFAULT_LEVEL = 6,      /* what Z_DEFAULT_COMPRESSION stands for (zlib.h) */
    GZIP_WINDOW = 15 + 16,       /* 32 KiB window; 16 asks for a gzip header (zlib.h, deflateInit2) */
    GZIP_MEMORY_LEVEL = 8,
    GZIP_BYTES =
        (1 << (15 + 2)) + (1 << (GZIP_MEMORY_LEVEL + 9)), /* zconf.h, "memory requirements for deflate" */
};

/* As for Parquet's pages (format/parquet/codec_zstd.c): 15 is the strongest level that no release of zstd damages data
 * with, and from level 7 on zstd's own tables would take 9 to 69 MB for a stream. Bounded like this they take at most
 * 7 MB and files are 1 to 3 % larger. */
enum {
    ZSTD_MAX_LEVEL = 15,
    ZSTD_BOUNDED_FROM = 7,
    ZSTD_WINDOW_LOG = 21,
    ZSTD_HASH_LOG = 19,
    ZSTD_CHAIN_LOG = 19
};

struct rvi_csv_codec {
    /* Compress all of `data`; with `end`, also what is still held, and close the frame. */
    rv_code (*compress)(rvi_csv_codec *codec, const void *data, size_t len, bool end, rv_error *err);
    rv_sink *sink;
    rv_budget *budget;
    size_t charged;
    z_stream gzip;
    bool gzip_open;
    ZSTD_CCtx *zstd;
    uint8_t out[COMPRESSED_BYTES];
};
RV_DEFINE_AUTO(rvi_csv_codec, rvi_csv_codec_close)

static rv_code charge(rvi_csv_codec *codec, size_t bytes, rv_error *err)
{
    if (!rv_budget_charge(codec->budget, bytes)) {
        rv_fail(err, RV_E_MEMORY_BUDGET, "compressing a CSV file needs %zu more bytes of memory", bytes);
        rv_hint(err,
                "lower compression_level, or raise tuning.batch_size_memory_mb (the budget grows with it)");
        return RV_E_MEMORY_BUDGET;
    }
    codec->charged += bytes;
    return RV_OK;
}

static rv_code gzip_compress(rvi_csv_codec *codec, const void *data, size_t len, bool end, rv_error *err)
{
    z_stream *gzip = &codec->gzip;
    const uint8_t *at = data;
    int status = Z_OK;
    do {
        const size_t piece = len < UINT_MAX ? len : UINT_MAX; /* zlib counts in unsigned int */
        gzip->next_in = (Bytef *)at;
        gzip->avail_in = (uInt)piece;
        at += piece;
        len -= piece;
        do {
            gzip->next_out = codec->out;
            gzip->avail_out = COMPRESSED_BYTES;
            status = deflate(gzip, end && len == 0 ? Z_FINISH : Z_NO_FLUSH);
            if (status == Z_STREAM_ERROR)
                return rv_fail(err, RV_E_INTERNAL, "zlib refused to compress: %s",
                               gzip->msg ? gzip->msg : "");
            RV_TRY(rv_sink_write(codec->sink, codec->out, COMPRESSED_BYTES - gzip->avail_out, err));
        } while (gzip->avail_out == 0);
    } while (len > 0);
    assert(!end || status == Z_STREAM_END);
    return RV_OK;
}

static rv_code gzip_open(rvi_csv_codec *codec, int level, rv_error *err)
{
    RV_TRY(charge(codec, GZIP_BYTES, err));
    int status = deflateInit2(&codec->gzip, level == 0 ? GZIP_DEFAULT_LEVEL : level, Z_DEFLATED, GZIP_WINDOW,
                              GZIP_MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    if (status == Z_STREAM_ERROR)
        return rv_fail(err, RV_E_CONFIG_VALUE, "gzip has no compression level %d: it has 1 to 9", level);
    if (status != Z_OK)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "starting gzip compression");
    codec->gzip_open = true;
    codec->compress = gzip_compress;
    return RV_OK;
}

static rv_code zstd_compress(rvi_csv_codec *codec, const void *data, size_t len, bool end, rv_error *err)
{
    ZSTD_inBuffer in = {.src = data, .size = len};
    size_t held;
    do {
        ZSTD_outBuffer out = {.dst = codec->out, .size = COMPRESSED_BYTES};
        held = ZSTD_compressStream2(codec->zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(held))
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "zstd could not compress: %s", ZSTD_getErrorName(held));
        RV_TRY(rv_sink_write(codec->sink, codec->out, out.pos, err));
    } while (in.pos < in.size || (end && held > 0));
    return RV_OK;
}

/* zstd's own code of what failed; not an error: done. */
static size_t set_zstd_parameters(ZSTD_CCtx *zstd, int level)
{
    const struct {
        ZSTD_cParameter name;
        int value;
    } parameters[] = {{ZSTD_c_compressionLevel, level},
                      {ZSTD_c_checksumFlag, 1},
                      {ZSTD_c_windowLog, ZSTD_WINDOW_LOG},
                      {ZSTD_c_hashLog, ZSTD_HASH_LOG},
                      {ZSTD_c_chainLog, ZSTD_CHAIN_LOG}};
    const size_t n = level >= ZSTD_BOUNDED_FROM ? sizeof parameters / sizeof parameters[0] : 2;
    size_t status = 0;
    for (size_t i = 0; i < n && !ZSTD_isError(status); i++)
        status = ZSTD_CCtx_setParameter(zstd, parameters[i].name, parameters[i].value);
    return status;
}

static rv_code zstd_open(rvi_csv_codec *codec, int level, rv_error *err)
{
    codec->zstd = ZSTD_createCCtx();
    if (codec->zstd == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "starting zstd compression");
    if (level < 0 || level > ZSTD_MAX_LEVEL)
        return rv_fail(err, RV_E_CONFIG_VALUE, "zstd has no compression level %d here: it has 1 to %d", level,
                       ZSTD_MAX_LEVEL);
    size_t status = set_zstd_parameters(codec->zstd, level == 0 ? ZSTD_CLEVEL_DEFAULT : level);
    if (ZSTD_isError(status))
        return rv_fail(err, RV_E_INTERNAL, "zstd refused its parameters: %s", ZSTD_getErrorName(status));
    /* Compressing nothing makes zstd allocate its tables, so that their size is known and can be charged. */
    RV_TRY(zstd_compress(codec, "", 0, false, err));
    codec->compress = zstd_compress;
    return charge(codec, ZSTD_sizeof_CCtx(codec->zstd), err);
}

static rv_code start(rvi_csv_codec *codec, const rv_format_config *format, rv_error *err)
{
    switch (format->codec) {
    case RV_CODEC_GZIP:
        return gzip_open(codec, format->level, err);
    case RV_CODEC_ZSTD:
        return zstd_open(codec, format->level, err);
    case RV_CODEC_NONE:
    case RV_CODEC_SNAPPY:
    case RV_CODEC_LZ4:
        break;
    }
    rv_fail(err, RV_E_FORMAT_UNSUPPORTED, "a CSV file cannot be compressed with %s",
            rv_codec_name(format->codec));
    rv_hint(err, "use compression: none, gzip or zstd");
    return RV_E_FORMAT_UNSUPPORTED;
}

rv_code rvi_csv_codec_open(rvi_csv_codec **out, const rv_format_config *format, rv_sink *sink,
                           rv_budget *budget, rv_error *err)
{
    if (format->codec == RV_CODEC_NONE)
        return RV_OK;
    RV_AUTO(rvi_csv_codec_close) rvi_csv_codec *codec = calloc(1, sizeof *codec);
    if (codec == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "starting to compress a CSV file");
    codec->sink = sink;
    codec->budget = budget;
    RV_TRY(charge(codec, sizeof *codec, err));
    RV_TRY(start(codec, format, err));
    RV_MOVE(out, codec);
    return RV_OK;
}

rv_code rvi_csv_codec_write(rvi_csv_codec *codec, const void *data, size_t len, rv_error *err)
{
    return codec->compress(codec, data, len, false, err);
}

rv_code rvi_csv_codec_finish(rvi_csv_codec *codec, rv_error *err)
{
    return codec->compress(codec, "", 0, true, err);
}

void rvi_csv_codec_close(rvi_csv_codec *codec)
{
    if (codec == NULL)
        return;
    if (codec->gzip_open)
        deflateEnd(&codec->gzip);
    ZSTD_freeCCtx(codec->zstd);
    rv_budget_release(codec->budget, codec->charged);
    free(codec);
}
