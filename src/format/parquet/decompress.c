/* decompress.c - one function per codec, behind one check of sizes.
 *
 * A page that is larger than its header says is refused before a byte past it is written, and one that is smaller,
 * or has bytes behind its end, is refused too: either means that page and header do not belong together. */
#include "decompress.h"

#define ZLIB_CONST /* zlib.h: input is const */

#include <assert.h>
#include <brotli/decode.h>
#include <lz4.h>
#include <snappy-c.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

/* What every codec's function gets; both lengths are above 0 and at most INT32_MAX. */
typedef struct job {
    rvi_pq_decompressor *tools;
    const uint8_t *in;
    size_t in_len;
    uint8_t *out;
    size_t out_len;
    const char *codec; /* name of the codec, for messages */
    rv_error *err;
} job;

static rv_code corrupt(const job *j, const char *why)
{
    return rv_fail(j->err, RV_E_FILE_DAMAGED, "%s: %zu bytes that should be %zu bytes of data: %s", j->codec,
                   j->in_len, j->out_len, why);
}

static rv_code wrong_size(const job *j)
{
    return corrupt(j, "they hold another number of bytes");
}

static rv_code none(job *j)
{
    if (j->in_len != j->out_len)
        return wrong_size(j);
    memcpy(j->out, j->in, j->in_len);
    return RV_OK;
}

/* ---- zstd ---- */

/* The context has one size, whatever the frames, since pages are decompressed in one piece. */
static rv_code open_zstd(job *j)
{
    rvi_pq_decompressor *tools = j->tools;
    if (tools->zstd != NULL)
        return RV_OK;
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (context == NULL)
        return rv_fail(j->err, RV_E_OUT_OF_MEMORY, "a zstd context");
    size_t bytes = ZSTD_sizeof_DCtx(context);
    if (!rv_budget_charge(tools->memory->budget, bytes)) {
        ZSTD_freeDCtx(context);
        return rv_fail(j->err, RV_E_MEMORY_BUDGET, "reading zstd needs %zu bytes", bytes);
    }
    tools->memory->used += bytes;
    tools->zstd = context;
    tools->zstd_bytes = bytes;
    return RV_OK;
}

/* Takes several frames, one behind the other, as well. */
static rv_code unzstd(job *j)
{
    RV_TRY(open_zstd(j));
    size_t len = ZSTD_decompressDCtx(j->tools->zstd, j->out, j->out_len, j->in, j->in_len);
    if (ZSTD_isError(len)) {
        if (ZSTD_getErrorCode(len) == ZSTD_error_memory_allocation)
            return rv_fail(j->err, RV_E_OUT_OF_MEMORY, "reading zstd");
        return corrupt(j, ZSTD_getErrorName(len));
    }
    return len == j->out_len ? RV_OK : wrong_size(j);
}

/* ---- snappy ---- */

static rv_code unsnappy(job *j)
{
    size_t len = 0;
    if (snappy_uncompressed_length((const char *)j->in, j->in_len, &len) != SNAPPY_OK)
        return corrupt(j, "no length at their beginning");
    if (len != j->out_len)
        return wrong_size(j);
    if (snappy_uncompress((const char *)j->in, j->in_len, (char *)j->out, &len) != SNAPPY_OK)
        return corrupt(j, "not a snappy block");
    return RV_OK;
}

/* ---- gzip ---- */

static voidpf lend_to_zlib(voidpf lender, uInt items, uInt size)
{
    return rvi_pq_lend(lender, (size_t)items * size);
}

static void take_back_from_zlib(voidpf lender, voidpf block)
{
    rvi_pq_take_back(lender, block);
}

typedef struct gzip_reader {
    rvi_pq_lender lender; /* zlib keeps its address */
    z_stream stream;
} gzip_reader;

/* Writers have put zlib streams (RFC 1950) under this number too; zlib tells them apart by itself. */
enum { WINDOW_BITS = 15, DETECT_HEADER = 32 };

static rv_code zlib_ran_out(const gzip_reader *gzip, rv_error *err)
{
    return gzip->lender.refused != RV_OK ? gzip->lender.refused
                                         : rv_fail(err, RV_E_OUT_OF_MEMORY, "reading gzip");
}

/* The reader, at the beginning of a stream. */
static rv_code open_gzip(job *j, gzip_reader **out)
{
    rvi_pq_decompressor *tools = j->tools;
    gzip_reader *gzip = tools->gzip;
    if (gzip == NULL) {
        void *block = NULL;
        RV_TRY(rvi_pq_resize(tools->memory, &block, 0, sizeof *gzip, j->err));
        gzip = block;
        *gzip = (gzip_reader){
            .lender = {.memory = tools->memory, .err = j->err},
            .stream = {.zalloc = lend_to_zlib, .zfree = take_back_from_zlib, .opaque = &gzip->lender}};
        if (inflateInit2(&gzip->stream, WINDOW_BITS + DETECT_HEADER) != Z_OK) {
            rv_code rc = zlib_ran_out(gzip, j->err);
            rvi_pq_release(tools->memory, gzip, sizeof *gzip);
            return rc;
        }
        tools->gzip = gzip;
    }
    gzip->lender.refused = RV_OK;
    gzip->lender.err = j->err;
    *out = gzip;
    return inflateReset(&gzip->stream) == Z_OK ? RV_OK
                                               : rv_fail(j->err, RV_E_INTERNAL, "zlib cannot be restarted");
}

/* One member at a time: some writers flush by starting another. Each ends with its own checksum, which zlib checks. */
static rv_code ungzip(job *j)
{
    gzip_reader *gzip = NULL;
    RV_TRY(open_gzip(j, &gzip));
    z_stream *stream = &gzip->stream;
    stream->next_in = j->in;
    stream->avail_in = (uInt)j->in_len;
    stream->next_out = j->out;
    stream->avail_out = (uInt)j->out_len;
    for (;;) {
        int status = inflate(stream, Z_FINISH);
        if (status == Z_MEM_ERROR)
            return zlib_ran_out(gzip, j->err);
        if (status == Z_BUF_ERROR && stream->avail_out == 0)
            return wrong_size(j);
        if (status != Z_STREAM_END)
            return corrupt(j, stream->msg != NULL ? stream->msg : "the stream ends too early");
        if (stream->avail_in == 0)
            return stream->avail_out == 0 ? RV_OK : wrong_size(j);
        if (inflateReset(stream) != Z_OK)
            return rv_fail(j->err, RV_E_INTERNAL, "zlib cannot be restarted");
    }
}

/* ---- lz4 ---- */

static bool is_lz4_block(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len)
{
    int len = LZ4_decompress_safe((const char *)in, (char *)out, (int)in_len, (int)out_len);
    return len >= 0 && (size_t)len == out_len;
}

static rv_code unlz4_raw(job *j)
{
    return is_lz4_block(j->in, j->in_len, j->out, j->out_len) ? RV_OK : corrupt(j, "not an LZ4 block");
}

static size_t load_be32(const uint8_t *from)
{
    return (size_t)from[0] << 24 | (size_t)from[1] << 16 | (size_t)from[2] << 8 | from[3];
}

/* Frames as Hadoop's codec makes them: raw length, then blocks, each behind its own length, until they hold that many
 * bytes. Every step takes at least four bytes of the input, so the loops end. */
static bool is_hadoop_frames(const job *j)
{
    enum { WORD = 4 };
    size_t at = 0, done = 0;
    while (j->in_len - at >= WORD) {
        size_t raw = load_be32(j->in + at);
        at += WORD;
        if (raw > j->out_len - done)
            return false;
        for (size_t end = done + raw; done < end;) {
            if (j->in_len - at < WORD)
                return false;
            size_t packed = load_be32(j->in + at);
            at += WORD;
            if (packed == 0 || packed > j->in_len - at)
                return false;
            int len = LZ4_decompress_safe((const char *)j->in + at, (char *)j->out + done, (int)packed,
                                          (int)(end - done));
            if (len <= 0)
                return false;
            at += packed;
            done += (size_t)len;
        }
    }
    return at == j->in_len && done == j->out_len;
}

/* Number 5 was never specified: parquet-java wrote Hadoop's frames, older Arrow a bare block. */
static rv_code unlz4_old(job *j)
{
    if (is_hadoop_frames(j) || is_lz4_block(j->in, j->in_len, j->out, j->out_len))
        return RV_OK;
    return corrupt(j, "neither Hadoop's frames nor an LZ4 block");
}

/* ---- brotli ---- */

static void *lend_to_brotli(void *lender, size_t bytes)
{
    return rvi_pq_lend(lender, bytes);
}

static void take_back_from_brotli(void *lender, void *block)
{
    rvi_pq_take_back(lender, block);
}

/* A decoder cannot be used twice (brotli/decode.h). */
static rv_code unbrotli(job *j)
{
    rvi_pq_lender lender = {.memory = j->tools->memory, .err = j->err};
    BrotliDecoderState *state = BrotliDecoderCreateInstance(lend_to_brotli, take_back_from_brotli, &lender);
    if (state == NULL)
        return lender.refused;
    size_t in_left = j->in_len, out_left = j->out_len;
    const uint8_t *in = j->in;
    uint8_t *out = j->out;
    BrotliDecoderResult result = BrotliDecoderDecompressStream(state, &in_left, &in, &out_left, &out, NULL);
    const char *why = BrotliDecoderErrorString(BrotliDecoderGetErrorCode(state));
    BrotliDecoderDestroyInstance(state);
    if (lender.refused != RV_OK)
        return lender.refused;
    if (result == BROTLI_DECODER_RESULT_ERROR)
        return corrupt(j, why);
    if (result == BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT)
        return corrupt(j, "the stream ends too early");
    return result == BROTLI_DECODER_RESULT_SUCCESS && in_left == 0 && out_left == 0 ? RV_OK : wrong_size(j);
}

/* ---- all ---- */

typedef struct readable_codec {
    const char *name;
    rv_code (*decompress)(job *j); /* NULL: known, not read */
} readable_codec;

static const readable_codec CODECS[] = {
    [RVI_PQ_UNCOMPRESSED] = {"UNCOMPRESSED", none},
    [RVI_PQ_SNAPPY] = {"SNAPPY", unsnappy},
    [RVI_PQ_GZIP] = {"GZIP", ungzip},
    [RVI_PQ_LZO] = {"LZO", NULL},
    [RVI_PQ_BROTLI] = {"BROTLI", unbrotli},
    [RVI_PQ_LZ4_HADOOP] = {"LZ4", unlz4_old},
    [RVI_PQ_ZSTD] = {"ZSTD", unzstd},
    [RVI_PQ_LZ4_RAW] = {"LZ4_RAW", unlz4_raw},
};

static rv_code find(int32_t number, const readable_codec **out, rv_error *err)
{
    if (number < 0 || (size_t)number >= sizeof CODECS / sizeof CODECS[0])
        return rv_fail(err, RV_E_FILE_UNSUPPORTED, "no compression codec has the number %d", (int)number);
    if (CODECS[number].decompress == NULL)
        return rv_fail(err, RV_E_FILE_UNSUPPORTED, "compression codec %s is not supported",
                       CODECS[number].name);
    *out = &CODECS[number];
    return RV_OK;
}

/* A page without bytes: nothing, or a codec's form of nothing, which is as good. */
static rv_code decompress_nothing(job *j, const readable_codec *codec)
{
    uint8_t room[1];
    if (j->in_len == 0)
        return RV_OK;
    if (codec->decompress == none)
        return wrong_size(j);
    j->out = room; /* not all codecs take NULL */
    return codec->decompress(j);
}

rv_code rvi_pq_decompress(rvi_pq_decompressor *decompressor, int32_t number, const uint8_t *in, size_t in_len,
                          uint8_t *out, size_t out_len, rv_error *err)
{
    assert((in != NULL || in_len == 0) && (out != NULL || out_len == 0));
    const readable_codec *codec = NULL;
    RV_TRY(find(number, &codec, err));
    if (in_len > INT32_MAX || out_len > INT32_MAX)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "a page of %zu bytes; Parquet's limit is %d",
                       in_len > out_len ? in_len : out_len, INT32_MAX);
    job j = {.tools = decompressor,
             .in = in,
             .in_len = in_len,
             .out_len = out_len,
             .codec = codec->name,
             .err = err};
    if (out_len == 0)
        return decompress_nothing(&j, codec);
    j.out = out;
    return in_len > 0 ? codec->decompress(&j) : wrong_size(&j);
}

void rvi_pq_decompressor_init(rvi_pq_decompressor *decompressor, rvi_pq_memory *memory)
{
    *decompressor = (rvi_pq_decompressor){.memory = memory};
}

void rvi_pq_decompressor_deinit(rvi_pq_decompressor *decompressor)
{
    rvi_pq_memory *memory = decompressor->memory;
    if (decompressor->zstd != NULL) {
        ZSTD_freeDCtx(decompressor->zstd);
        memory->used -= decompressor->zstd_bytes;
        rv_budget_release(memory->budget, decompressor->zstd_bytes);
    }
    gzip_reader *gzip = decompressor->gzip;
    if (gzip != NULL) {
        inflateEnd(&gzip->stream);
        rvi_pq_release(memory, gzip, sizeof *gzip);
    }
    rvi_pq_decompressor_init(decompressor, memory);
}
