#include "codec.h"

#include <zstd.h>
#include <zstd_errors.h>

/* The default is level 1 with a search by the content (SEARCHES): it gives level 3's size (DESIGN promises that) in
 * two thirds of its time.
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

/* How level 1 searches; 0: its own choice. Matches of 6 or 7 bytes, which it looks for by itself, skip over the
 * repeating upper halves of 8-byte values. Names, addresses and sentences, one behind the other, share words with any
 * that the page has: a table that remembers more of them makes such a column 5 to 8 % smaller. Prose repeats words nearby
 * and whole passages far back: a window over the page finds those, and what is shorter than 7 bytes costs no more as
 * literals. Each doubling of the table costs time, most of it in cache misses: docs/adr/0014-pages-of-long-texts.md has
 * the measurements. */
typedef struct search {
    int min_match, hash_log, window_log;
} search;

static const search SEARCHES[RVI_PQ_CONTENTS] = {
    [RVI_PQ_CONTENT_INTEGERS] = {.min_match = 5},
    [RVI_PQ_CONTENT_DOUBLES] = {.min_match = 6},
    [RVI_PQ_CONTENT_TEXT] = {.hash_log = 17},
    [RVI_PQ_CONTENT_PROSE] = {.min_match = 7, .hash_log = 17, .window_log = 22},
};

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

/* With the largest table there is room for; what would be no larger than the level's own is not worth a window. */
static search search_for(const rvi_pq_codec *codec, rvi_pq_content content)
{
    enum { OWN_HASH_LOG = 14, ENTRY_BYTES = 4 };
    search wanted = SEARCHES[content];
    if (wanted.hash_log == 0)
        return wanted;
    while (wanted.hash_log > OWN_HASH_LOG && (size_t)ENTRY_BYTES << wanted.hash_log > codec->table_bytes)
        wanted.hash_log--;
    return wanted.hash_log > OWN_HASH_LOG ? wanted : SEARCHES[RVI_PQ_CONTENT_ANY];
}

static rv_code set_search(rvi_pq_codec *codec, rvi_pq_content content, rv_error *err)
{
    if (codec->level != 0 || content == codec->content)
        return RV_OK;
    search wanted = search_for(codec, content);
    RV_TRY(set_parameter(codec->context, ZSTD_c_minMatch, wanted.min_match, err));
    RV_TRY(set_parameter(codec->context, ZSTD_c_hashLog, wanted.hash_log, err));
    RV_TRY(set_parameter(codec->context, ZSTD_c_windowLog, wanted.window_log, err));
    codec->content = content;
    return RV_OK;
}

/* Behind what `out` has, with `room` bytes for the result, whatever more it has: near the end zstd makes do with less, so
 * what it writes follows from that. *written: the length of the result; 0: it did not fit. */
static rv_code compress_into(ZSTD_CCtx *context, const uint8_t *data, size_t len, size_t room,
                             rvi_pq_buf *out, size_t *written, rv_error *err)
{
    RV_TRY(rvi_pq_buf_reserve(out, room, err));
    size_t code = ZSTD_compress2(context, out->data + out->len, room, data, len);
    bool fits = ZSTD_getErrorCode(code) != ZSTD_error_dstSize_tooSmall;
    if (fits && ZSTD_isError(code))
        return zstd_failed(code, "compressing a page", err);
    *written = fits ? code : 0;
    return RV_OK;
}

/* Prose shrinks to a third, and its pages are large: half is enough as a rule. The context grows with the first pages;
 * what it holds is charged afterwards, since only zstd knows. */
static rv_code zstd_compress(rvi_pq_codec *codec, const uint8_t *data, size_t len, rvi_pq_content content,
                             rvi_pq_buf *out, rv_error *err)
{
    size_t written = 0;
    RV_TRY(set_search(codec, content, err));
    if (content == RVI_PQ_CONTENT_PROSE && len / 2 > 0)
        RV_TRY(compress_into(codec->context, data, len, len / 2, out, &written, err));
    if (written == 0)
        RV_TRY(compress_into(codec->context, data, len, ZSTD_compressBound(len), out, &written, err));
    if (written == 0)
        return rv_fail(err, RV_E_INTERNAL, "zstd: a page of %zu bytes is over its bound", len);
    RV_TRY(rvi_pq_codec_charge(codec, ZSTD_sizeof_CCtx(codec->context), err));
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
