#define ZLIB_CONST /* zlib.h: input is const */

#include "codec.h"
#include "lent.h"

#include <zlib.h>

enum {
    DEFAULT_LEVEL = 6, /* what Z_DEFAULT_COMPRESSION stands for (zlib.h) */
    MAX_LEVEL = 9,
    WINDOW_BITS = 15 + 16, /* 32 KiB; 16 asks for a gzip header (zlib.h, deflateInit2) */
    MEMORY_LEVEL = 8,
};

typedef struct gzip_writer {
    rvi_pq_lender lender; /* zlib keeps its address */
    z_stream stream;
} gzip_writer;

static voidpf lend(voidpf lender, uInt items, uInt size)
{
    return rvi_pq_lend(lender, (size_t)items * size);
}

static void take_back(voidpf lender, voidpf block)
{
    rvi_pq_take_back(lender, block);
}

static rv_code gzip_open(rvi_pq_codec *codec, rv_error *err)
{
    RV_TRY(rvi_pq_resize(codec->memory, &codec->context, 0, sizeof(gzip_writer), err));
    codec->context_bytes = sizeof(gzip_writer);
    gzip_writer *gzip = codec->context;
    *gzip = (gzip_writer){.lender = {.memory = codec->memory, .err = err},
                          .stream = {.zalloc = lend, .zfree = take_back, .opaque = &gzip->lender}};
    int level = codec->level == 0 ? DEFAULT_LEVEL : codec->level;
    int status =
        deflateInit2(&gzip->stream, level, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);
    if (status == Z_OK)
        return RV_OK;
    rv_code rc = gzip->lender.refused;
    rvi_pq_release(codec->memory, gzip, sizeof *gzip);
    return rc != RV_OK ? rc : rv_fail(err, RV_E_INTERNAL, "zlib cannot be started: status %d", status);
}

static void gzip_close(rvi_pq_codec *codec)
{
    gzip_writer *gzip = codec->context;
    gzip->lender.err = NULL;
    (void)deflateEnd(&gzip->stream); /* only says whether input was left */
    rvi_pq_release(codec->memory, gzip, sizeof *gzip);
}

/* A page is one member, without a name or a time in its header. */
static rv_code gzip_append(rvi_pq_codec *codec, const uint8_t *data, size_t len, rvi_pq_content content,
                           rvi_pq_buf *out, rv_error *err)
{
    (void)content;
    gzip_writer *gzip = codec->context;
    z_stream *stream = &gzip->stream;
    if (deflateReset(stream) != Z_OK)
        return rv_fail(err, RV_E_INTERNAL, "zlib cannot be restarted");
    size_t bound = deflateBound(stream, len);
    if (bound > UINT32_MAX)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "a page would have %zu bytes", len);
    RV_TRY(rvi_pq_buf_reserve(out, bound, err));
    stream->next_in = data;
    stream->avail_in = (uInt)len;
    stream->next_out = out->data + out->len;
    stream->avail_out = (uInt)bound;
    int status = deflate(stream, Z_FINISH);
    if (status != Z_STREAM_END)
        return rv_fail(err, RV_E_INTERNAL, "zlib: compressing a page of %zu bytes: status %d", len, status);
    out->len += bound - stream->avail_out;
    return RV_OK;
}

const rvi_pq_codec_ops rvi_pq_codec_gzip = {
    .name = RV_CODEC_GZIP,
    .number = RVI_PQ_GZIP,
    .max_level = MAX_LEVEL,
    .open = gzip_open,
    .compress = gzip_append,
    .close = gzip_close,
};
