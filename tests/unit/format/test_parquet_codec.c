/* Compression of page bodies, and back: every codec that is written, every codec that is read, and input that nobody
 * should trust. Buffers have exactly the size they are said to have, so that AddressSanitizer sees any step outside. */
#include "format/parquet/codec.h"
#include "format/parquet/decompress.h"
#include "parquet_support.h"

#include "fault.h"

#include <stdio.h>
#include <zlib.h>

enum { MIB = 1 << 20 };

static const rv_codec WRITTEN[] = {RV_CODEC_ZSTD, RV_CODEC_SNAPPY, RV_CODEC_GZIP, RV_CODEC_LZ4};
enum { N_WRITTEN = sizeof WRITTEN / sizeof *WRITTEN };

typedef enum content { ZEROS, NUMBERS, WORDS, NOISE, CONTENTS } content;

static uint8_t *make_page(content what, size_t len)
{
    static const char words[] = "shipped pending cancelled returned ";
    uint8_t *page = malloc(len + 1);
    uint64_t random = len + what;
    assert_non_null(page);
    for (size_t i = 0; i < len; i++) {
        switch (what) {
        case ZEROS:
        case CONTENTS:
            page[i] = 0;
            break;
        case NUMBERS:
            page[i] = (uint8_t)(i % 8 < 3 ? i / 8 >> i % 8 * 8 : 0);
            break;
        case WORDS:
            page[i] = (uint8_t)words[(i + i / 97) % (sizeof words - 1)];
            break;
        case NOISE:
            page[i] = (uint8_t)next_random(&random);
            break;
        }
    }
    return page;
}

static uint8_t *exactly(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

/* Decompress into a buffer of its own; on success it must hold `expected`, if that is not NULL. */
static rv_code decompress(rvi_pq_decompressor *tools, int32_t codec, const uint8_t *in, size_t in_len,
                          const uint8_t *expected, size_t out_len, rv_error *err)
{
    uint8_t *packed = exactly(in, in_len), *out = malloc(out_len > 0 ? out_len : 1);
    assert_non_null(out);
    rv_code rc = rvi_pq_decompress(tools, codec, packed, in_len, out, out_len, err);
    if (rc == RV_OK && expected != NULL && out_len > 0)
        assert_memory_equal(out, expected, out_len);
    free(packed);
    free(out);
    return rc;
}

static rvi_pq_buf compress_page(rv_codec name, int level, const uint8_t *page, size_t len)
{
    static rvi_pq_memory memory;
    rvi_pq_codec codec;
    rvi_pq_buf out = {.memory = &memory};
    assert_int_equal(rvi_pq_codec_open(&codec, name, level, &memory, NULL), RV_OK);
    assert_int_equal(rvi_pq_codec_compress(&codec, page, len, 0, &out, NULL), RV_OK);
    rvi_pq_codec_close(&codec);
    return out;
}

static int32_t number_of(rv_codec name)
{
    rvi_pq_memory memory = {0};
    rvi_pq_codec codec;
    assert_int_equal(rvi_pq_codec_open(&codec, name, 0, &memory, NULL), RV_OK);
    int32_t number = (int32_t)codec.ops->number;
    rvi_pq_codec_close(&codec);
    return number;
}

static void codecs_have_the_numbers_of_the_specification(void **state)
{
    (void)state;
    assert_int_equal(number_of(RV_CODEC_NONE), 0);
    assert_int_equal(number_of(RV_CODEC_SNAPPY), 1);
    assert_int_equal(number_of(RV_CODEC_GZIP), 2);
    assert_int_equal(number_of(RV_CODEC_ZSTD), 6);
    assert_int_equal(number_of(RV_CODEC_LZ4), 7);
}

static void every_page_comes_back_and_a_used_context_gives_the_same_bytes(void **state)
{
    (void)state;
    static const size_t lengths[] = {1, 2, 100, 4096, 70000, MIB + 17};
    rvi_pq_memory memory = {0};
    rvi_pq_decompressor tools;
    rvi_pq_decompressor_init(&tools, &memory);
    for (int c = 0; c < N_WRITTEN; c++) {
        rvi_pq_codec used;
        rvi_pq_buf out = {.memory = &memory};
        assert_int_equal(rvi_pq_codec_open(&used, WRITTEN[c], 0, &memory, NULL), RV_OK);
        for (size_t i = 0; i < 2 * CONTENTS * (sizeof lengths / sizeof *lengths); i++) {
            size_t len = lengths[i / CONTENTS % (sizeof lengths / sizeof *lengths)];
            uint8_t *page = make_page((content)(i % CONTENTS), len);
            out.len = 0;
            assert_int_equal(rvi_pq_codec_compress(&used, page, len, 0, &out, NULL), RV_OK);
            rvi_pq_buf fresh = compress_page(WRITTEN[c], 0, page, len);
            assert_int_equal(out.len, fresh.len);
            assert_memory_equal(out.data, fresh.data, fresh.len);
            assert_int_equal(
                decompress(&tools, (int32_t)used.ops->number, out.data, out.len, page, len, NULL), RV_OK);
            rvi_pq_buf_free(&fresh);
            free(page);
        }
        rvi_pq_codec_close(&used);
        rvi_pq_buf_free(&out);
    }
    rvi_pq_decompressor_deinit(&tools);
    assert_int_equal(memory.used, 0);
}

/* What stands in the buffer already is another piece's. */
static void a_page_is_appended_to_what_is_there(void **state)
{
    (void)state;
    uint8_t *page = make_page(WORDS, 5000);
    for (int c = 0; c < N_WRITTEN; c++) {
        rvi_pq_memory memory = {0};
        rvi_pq_codec codec;
        rvi_pq_buf out = {.memory = &memory}, alone = compress_page(WRITTEN[c], 0, page, 5000);
        assert_int_equal(rvi_pq_codec_open(&codec, WRITTEN[c], 0, &memory, NULL), RV_OK);
        assert_int_equal(rvi_pq_buf_append(&out, "before", 6, NULL), RV_OK);
        assert_int_equal(rvi_pq_codec_compress(&codec, page, 5000, 0, &out, NULL), RV_OK);
        assert_int_equal(out.len, 6 + alone.len);
        assert_memory_equal(out.data, "before", 6);
        assert_memory_equal(out.data + 6, alone.data, alone.len);
        rvi_pq_buf_free(&out);
        rvi_pq_buf_free(&alone);
        rvi_pq_codec_close(&codec);
        assert_int_equal(memory.used, 0);
    }
    free(page);
}

static void levels_outside_a_codec_s_scale_are_refused_with_the_scale(void **state)
{
    (void)state;
    static const struct {
        rv_codec codec;
        int level;
        const char *says;
    } cases[] = {
        {RV_CODEC_ZSTD, 16, "1 to 15"},     {RV_CODEC_ZSTD, -1, "1 to 15"},
        {RV_CODEC_GZIP, 10, "1 to 9"},      {RV_CODEC_SNAPPY, 1, "has no levels"},
        {RV_CODEC_LZ4, 3, "has no levels"}, {RV_CODEC_NONE, 1, "has no levels"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rvi_pq_memory memory = {0};
        rvi_pq_codec codec;
        rv_error err = {0};
        assert_int_equal(rvi_pq_codec_open(&codec, cases[i].codec, cases[i].level, &memory, &err),
                         RV_E_CONFIG_VALUE);
        assert_non_null(strstr(err.message, cases[i].says));
        rvi_pq_codec_close(&codec);
        assert_int_equal(memory.used, 0);
    }
}

/* Not the largest value of the table decides how much a context takes, but the level, and that not much. */
static void no_level_takes_more_than_four_mib_even_for_a_huge_page(void **state)
{
    (void)state;
    const size_t len = 20 * MIB;
    uint8_t *page = make_page(WORDS, len);
    for (int c = 0; c < N_WRITTEN; c++) {
        for (int level = 0; level <= 15; level += 3) {
            rv_budget budget;
            rv_budget_init(&budget, 64 * MIB);
            rvi_pq_memory context = {.budget = &budget}, output = {0};
            rvi_pq_codec codec;
            rvi_pq_buf out = {.memory = &output};
            if (rvi_pq_codec_open(&codec, WRITTEN[c], level, &context, NULL) != RV_OK)
                continue;
            assert_int_equal(rvi_pq_codec_compress(&codec, page, len, 0, &out, NULL), RV_OK);
            assert_in_range(context.used, 16 << 10, 4 * MIB);
            assert_int_equal(rv_budget_used(&budget), context.used);
            rvi_pq_codec_close(&codec);
            assert_int_equal(context.used, 0);
            assert_int_equal(rv_budget_used(&budget), 0);
            rvi_pq_buf_free(&out);
        }
    }
    free(page);
}

/* Frequent and rare words in any order, so that searching longer finds more. */
static uint8_t *make_prose(size_t len)
{
    uint8_t *page = malloc(len);
    uint64_t random = 1;
    assert_non_null(page);
    for (size_t i = 0; i < len;) {
        uint64_t word = next_random(&random) % (1 + next_random(&random) % 3000);
        uint64_t letters = word * 0x9e3779b97f4a7c15u;
        for (size_t k = 0; k < 2 + word % 9 && i < len; k++)
            page[i++] = (uint8_t)('a' + (letters >> k * 5) % 26);
        if (i < len)
            page[i++] = ' ';
    }
    return page;
}

/* What a context with room for a table of `table_bytes` makes of a page; *context_bytes: what the context took. */
static size_t prose_size(const uint8_t *page, size_t len, rvi_pq_content kind, size_t table_bytes,
                         size_t *context_bytes)
{
    rvi_pq_memory context = {0}, output = {0};
    rvi_pq_codec codec;
    rvi_pq_buf out = {.memory = &output};
    assert_int_equal(rvi_pq_codec_open(&codec, RV_CODEC_ZSTD, 0, &context, NULL), RV_OK);
    codec.table_bytes = table_bytes;
    assert_int_equal(rvi_pq_codec_compress(&codec, page, len, kind, &out, NULL), RV_OK);
    size_t size = out.len;
    *context_bytes = context.used;
    rvi_pq_codec_close(&codec);
    rvi_pq_buf_free(&out);
    return size;
}

static void prose_is_searched_with_the_largest_table_there_is_room_for(void **state)
{
    (void)state;
    enum { LEN = 2 * MIB, KIB = 1024 };
    uint8_t *page = make_prose(LEN);
    size_t own_context = 0, context = 0;
    const size_t own = prose_size(page, LEN, RVI_PQ_CONTENT_ANY, 0, &own_context);
    for (size_t room = 0; room < 128 * KIB; room += 64 * KIB) {
        assert_int_equal(prose_size(page, LEN, RVI_PQ_CONTENT_PROSE, room, &context), own);
        assert_int_equal(context, own_context);
    }
    size_t previous = own;
    for (size_t room = 128 * KIB; room <= 512 * KIB; room *= 2) {
        size_t size = prose_size(page, LEN, RVI_PQ_CONTENT_PROSE, room, &context);
        assert_true(size < previous);
        assert_true(context <= own_context + room);
        previous = size;
    }
    free(page);
}

/* Half its size is tried first, and what a buffer happens to have beyond that must not show. */
static void pages_said_to_be_prose_come_back_whatever_they_are(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 2, 100, 70000, MIB + 17};
    rvi_pq_memory memory = {0};
    rvi_pq_decompressor tools;
    rvi_pq_decompressor_init(&tools, &memory);
    for (size_t i = 0; i < CONTENTS * (sizeof lengths / sizeof *lengths); i++) {
        const size_t len = lengths[i / CONTENTS];
        uint8_t *page = make_page((content)(i % CONTENTS), len);
        rvi_pq_buf out = {.memory = &memory}, roomy = {.memory = &memory};
        rvi_pq_codec codec;
        assert_int_equal(rvi_pq_codec_open(&codec, RV_CODEC_ZSTD, 0, &memory, NULL), RV_OK);
        codec.table_bytes = MIB;
        assert_int_equal(rvi_pq_buf_reserve(&roomy, 3 * MIB, NULL), RV_OK);
        assert_int_equal(rvi_pq_codec_compress(&codec, page, len, RVI_PQ_CONTENT_PROSE, &out, NULL), RV_OK);
        assert_int_equal(rvi_pq_codec_compress(&codec, page, len, RVI_PQ_CONTENT_PROSE, &roomy, NULL), RV_OK);
        assert_int_equal(out.len, roomy.len);
        assert_memory_equal(out.data, roomy.data, out.len);
        assert_int_equal(decompress(&tools, (int32_t)codec.ops->number, out.data, out.len, page, len, NULL),
                         RV_OK);
        rvi_pq_codec_close(&codec);
        rvi_pq_buf_free(&out);
        rvi_pq_buf_free(&roomy);
        free(page);
    }
    rvi_pq_decompressor_deinit(&tools);
    assert_int_equal(memory.used, 0);
}

static void higher_levels_are_smaller_for_small_pages_and_large_ones(void **state)
{
    (void)state;
    static const size_t lengths[] = {100000, 250000, MIB};
    static const struct {
        rv_codec codec;
        int low, high;
    } steps[] = {{RV_CODEC_ZSTD, 1, 7}, {RV_CODEC_ZSTD, 7, 15}, {RV_CODEC_GZIP, 1, 9}};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint8_t *page = make_prose(lengths[i]);
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            rvi_pq_buf low = compress_page(steps[k].codec, steps[k].low, page, lengths[i]);
            rvi_pq_buf high = compress_page(steps[k].codec, steps[k].high, page, lengths[i]);
            assert_in_range(high.len, 1, low.len - 1);
            rvi_pq_buf_free(&low);
            rvi_pq_buf_free(&high);
        }
        free(page);
    }
}

static void a_codec_s_allocations_may_fail(void **state)
{
    (void)state;
    uint8_t *page = make_page(WORDS, 100000);
    for (int c = 0; c < N_WRITTEN; c++) {
        bool clean = false;
        for (int n = 1; !clean; n++) {
            rvi_pq_memory memory = {0};
            rvi_pq_codec codec = {0};
            rvi_pq_buf out = {.memory = &memory};
            rv_error err = {0};
            fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
            rv_code rc = rvi_pq_codec_open(&codec, WRITTEN[c], 0, &memory, &err);
            if (rc == RV_OK)
                rc = rvi_pq_codec_compress(&codec, page, 100000, 0, &out, &err);
            clean = !fault_disarm();
            assert_int_equal(rc, clean ? RV_OK : RV_E_OUT_OF_MEMORY);
            assert_int_equal(err.code, rc);
            rvi_pq_codec_close(&codec);
            rvi_pq_buf_free(&out);
            assert_int_equal(memory.used, 0);
            assert_true(n < 100);
        }
    }
    free(page);
}

static void a_codec_s_budget_may_be_too_small(void **state)
{
    (void)state;
    uint8_t *page = make_page(WORDS, 100000);
    for (int c = 0; c < N_WRITTEN; c++) {
        rv_code rc = RV_E_MEMORY_BUDGET;
        for (size_t limit = 1000; rc != RV_OK; limit += limit / 4) {
            rv_budget budget;
            rv_budget_init(&budget, limit);
            rvi_pq_memory memory = {.budget = &budget};
            rvi_pq_codec codec = {0};
            rvi_pq_buf out = {.memory = &memory};
            rv_error err = {0};
            rc = rvi_pq_codec_open(&codec, WRITTEN[c], 0, &memory, &err);
            if (rc == RV_OK)
                rc = rvi_pq_codec_compress(&codec, page, 100000, 0, &out, &err);
            assert_true(rc == RV_OK || (rc == RV_E_MEMORY_BUDGET && err.code == rc && err.hint[0] != '\0'));
            assert_true(rc == RV_OK || out.len == 0);
            rvi_pq_codec_close(&codec);
            rvi_pq_buf_free(&out);
            assert_int_equal(memory.used, 0);
            assert_int_equal(rv_budget_used(&budget), 0);
            assert_true(limit < 16 * MIB);
        }
    }
    free(page);
}

/* ---- reading ---- */

static const char SENTENCE[] = "rivet rivet rivet: rows come in, pages go out. ";
enum { SENTENCES = 8, TEXT_LEN = SENTENCES * (sizeof SENTENCE - 1) };

/* The sentence eight times, by libbrotlienc 1.0.9 at quality 5. */
static const uint8_t BROTLI[] = {0x1b, 0x77, 0x01, 0x00, 0x04, 0x6a, 0x73, 0xa9, 0x1e, 0x5d, 0xa4,
                                 0xdb, 0xaa, 0x88, 0x18, 0xb6, 0x5f, 0x70, 0xb0, 0x01, 0x07, 0x0e,
                                 0x71, 0xec, 0x21, 0x2f, 0xca, 0xc3, 0x44, 0x0e, 0x03, 0x0c, 0x9a,
                                 0x1f, 0xce, 0xda, 0xa0, 0x0b, 0xc6, 0x5d, 0xba, 0x45, 0xea, 0x14,
                                 0x73, 0x8d, 0x97, 0xfc, 0x03, 0xb4, 0xd0, 0x5f, 0x47, 0x01};

/* One compressed form of the text for every codec that is read. */
typedef struct sample {
    int32_t codec;
    size_t len;
    uint8_t bytes[1024];
} sample;

static void text_into(uint8_t *out)
{
    for (size_t i = 0; i < TEXT_LEN; i++)
        out[i] = (uint8_t)SENTENCE[i % (sizeof SENTENCE - 1)];
}

static void add(sample *s, const void *bytes, size_t len)
{
    assert_true(s->len + len <= sizeof s->bytes);
    memcpy(s->bytes + s->len, bytes, len);
    s->len += len;
}

static void add_written(sample *s, rv_codec name, const uint8_t *text, size_t len)
{
    rvi_pq_buf packed = compress_page(name, 0, text, len);
    add(s, packed.data, packed.len);
    rvi_pq_buf_free(&packed);
}

static void add_be32(sample *s, size_t value)
{
    uint8_t word[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
    add(s, word, sizeof word);
}

/* A frame of two blocks, an empty frame, and a frame of one block. */
static void add_hadoop(sample *s, const uint8_t *text)
{
    static const size_t cuts[] = {0, 100, 250, TEXT_LEN};
    add_be32(s, cuts[2]);
    for (int i = 0; i < 3; i++) {
        rvi_pq_buf packed = compress_page(RV_CODEC_LZ4, 0, text + cuts[i], cuts[i + 1] - cuts[i]);
        if (i == 2) {
            add_be32(s, 0);
            add_be32(s, cuts[3] - cuts[2]);
        }
        add_be32(s, packed.len);
        add(s, packed.data, packed.len);
        rvi_pq_buf_free(&packed);
    }
}

static void add_zlib(sample *s, const uint8_t *text)
{
    uint8_t out[1024];
    uLongf len = sizeof out;
    assert_int_equal(compress(out, &len, text, TEXT_LEN), Z_OK);
    add(s, out, len);
}

enum { SAMPLES = 11 };

static void make_samples(sample *s, uint8_t *text)
{
    text_into(text);
    s[0] = (sample){.codec = 0};
    add(&s[0], text, TEXT_LEN);
    s[1] = (sample){.codec = 1};
    add_written(&s[1], RV_CODEC_SNAPPY, text, TEXT_LEN);
    s[2] = (sample){.codec = 2};
    add_written(&s[2], RV_CODEC_GZIP, text, TEXT_LEN);
    s[3] = (sample){.codec = 4};
    add(&s[3], BROTLI, sizeof BROTLI);
    s[4] = (sample){.codec = 5};
    add_hadoop(&s[4], text);
    s[5] = (sample){.codec = 5};
    add_written(&s[5], RV_CODEC_LZ4, text, TEXT_LEN); /* as older Arrow did */
    s[6] = (sample){.codec = 6};
    add_written(&s[6], RV_CODEC_ZSTD, text, TEXT_LEN);
    s[7] = (sample){.codec = 7};
    add_written(&s[7], RV_CODEC_LZ4, text, TEXT_LEN);
    s[8] = (sample){.codec = 2};
    add_written(&s[8], RV_CODEC_GZIP, text, 200);
    add_written(&s[8], RV_CODEC_GZIP, text + 200, TEXT_LEN - 200);
    s[9] = (sample){.codec = 2};
    add_zlib(&s[9], text);
    s[10] = (sample){.codec = 6};
    add_written(&s[10], RV_CODEC_ZSTD, text, 100);
    add_written(&s[10], RV_CODEC_ZSTD, text + 100, TEXT_LEN - 100);
}

static void every_codec_of_the_specification_but_lzo_is_read(void **state)
{
    (void)state;
    static sample samples[SAMPLES];
    uint8_t text[TEXT_LEN];
    make_samples(samples, text);
    rvi_pq_memory memory = {0};
    rvi_pq_decompressor tools;
    rvi_pq_decompressor_init(&tools, &memory);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < SAMPLES; i++)
            assert_int_equal(
                decompress(&tools, samples[i].codec, samples[i].bytes, samples[i].len, text, TEXT_LEN, NULL),
                RV_OK);
    rvi_pq_decompressor_deinit(&tools);
    rvi_pq_decompressor_deinit(&tools);
    assert_int_equal(memory.used, 0);
}

static void lzo_and_numbers_without_a_codec_are_refused_by_name(void **state)
{
    (void)state;
    rvi_pq_memory memory = {0};
    rvi_pq_decompressor tools;
    rv_error err = {0};
    rvi_pq_decompressor_init(&tools, &memory);
    assert_int_equal(decompress(&tools, 3, (const uint8_t *)"x", 1, NULL, 1, &err), RV_E_FILE_UNSUPPORTED);
    assert_non_null(strstr(err.message, "LZO"));
    for (int32_t number = 8; number != 7; number = number == 8 ? INT32_MAX : number == INT32_MAX ? -1 : 7)
        assert_int_equal(decompress(&tools, number, (const uint8_t *)"x", 1, NULL, 1, &err),
                         RV_E_FILE_UNSUPPORTED);
    rvi_pq_decompressor_deinit(&tools);
}

/* A page header that states another size, and a page with bytes too many. */
static void only_the_exact_size_is_accepted(void **state)
{
    (void)state;
    static sample samples[SAMPLES];
    uint8_t text[TEXT_LEN];
    make_samples(samples, text);
    rvi_pq_memory memory = {0};
    rvi_pq_decompressor tools;
    rvi_pq_decompressor_init(&tools, &memory);
    for (int i = 0; i < SAMPLES; i++) {
        sample *s = &samples[i];
        for (size_t out_len = 0; out_len < 2 * TEXT_LEN; out_len++) {
            rv_error err = {0};
            rv_code rc = decompress(&tools, s->codec, s->bytes, s->len, NULL, out_len, &err);
            assert_int_equal(rc, out_len == TEXT_LEN ? RV_OK : RV_E_FILE_DAMAGED);
            assert_int_equal(err.code, rc);
        }
        s->bytes[s->len] = 0x41;
        assert_int_equal(decompress(&tools, s->codec, s->bytes, s->len + 1, NULL, TEXT_LEN, NULL),
                         RV_E_FILE_DAMAGED);
    }
    rvi_pq_decompressor_deinit(&tools);
    assert_int_equal(memory.used, 0);
}

static void a_page_that_is_cut_is_refused_at_every_length(void **state)
{
    (void)state;
    static sample samples[SAMPLES];
    uint8_t text[TEXT_LEN];
    make_samples(samples, text);
    rvi_pq_memory memory = {0};
    rvi_pq_decompressor tools;
    rvi_pq_decompressor_init(&tools, &memory);
    for (int i = 0; i < SAMPLES; i++) {
        const sample *s = &samples[i];
        for (size_t len = 0; len < s->len; len++)
            assert_int_equal(decompress(&tools, s->codec, s->bytes, len, NULL, TEXT_LEN, NULL),
                             RV_E_FILE_DAMAGED);
        /* And the next page is none the worse for it. */
        assert_int_equal(decompress(&tools, s->codec, s->bytes, s->len, text, TEXT_LEN, NULL), RV_OK);
    }
    rvi_pq_decompressor_deinit(&tools);
}

/* Codecs without a checksum cannot notice all of it; what must hold is that nothing else happens. What gzip takes for
 * good must be the text: padding bits and the time in its header mean nothing. */
static void a_flipped_bit_harms_nobody_and_gzip_never_gives_other_text(void **state)
{
    (void)state;
    static sample samples[SAMPLES];
    uint8_t text[TEXT_LEN];
    make_samples(samples, text);
    rvi_pq_memory memory = {0};
    rvi_pq_decompressor tools;
    rvi_pq_decompressor_init(&tools, &memory);
    for (int i = 0; i < SAMPLES; i++) {
        sample *s = &samples[i];
        for (size_t bit = 0; bit < s->len * 8; bit++) {
            s->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            rv_error err = {0};
            rv_code rc =
                decompress(&tools, s->codec, s->bytes, s->len, s->codec == 2 ? text : NULL, TEXT_LEN, &err);
            assert_true(rc == RV_E_FILE_DAMAGED || rc == RV_OK);
            assert_int_equal(err.code, rc);
            s->bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_int_equal(decompress(&tools, s->codec, s->bytes, s->len, text, TEXT_LEN, NULL), RV_OK);
    }
    rvi_pq_decompressor_deinit(&tools);
    assert_int_equal(memory.used, 0);
}

static void nothing_comes_from_nothing_or_from_a_codec_s_form_of_nothing(void **state)
{
    (void)state;
    static const struct {
        int32_t codec;
        size_t len;
        const char *bytes;
    } empty[] = {{1, 1, "\x00"},
                 {2, 20, "\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0"},
                 {4, 1, "\x06"},
                 {5, 4, "\0\0\0\0"},
                 {6, 9, "\x28\xb5\x2f\xfd\x20\x00\x01\x00\x00"},
                 {7, 1, "\x00"}};
    rvi_pq_memory memory = {0};
    rvi_pq_decompressor tools;
    rvi_pq_decompressor_init(&tools, &memory);
    for (int32_t codec = 0; codec <= 7; codec++) {
        if (codec == 3)
            continue;
        assert_int_equal(rvi_pq_decompress(&tools, codec, NULL, 0, NULL, 0, NULL), RV_OK);
        assert_int_equal(decompress(&tools, codec, NULL, 0, NULL, 1, NULL), RV_E_FILE_DAMAGED);
    }
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
        assert_int_equal(
            decompress(&tools, empty[i].codec, (const uint8_t *)empty[i].bytes, empty[i].len, NULL, 0, NULL),
            RV_OK);
    assert_int_equal(decompress(&tools, 0, (const uint8_t *)"x", 1, NULL, 0, NULL), RV_E_FILE_DAMAGED);
    rvi_pq_decompressor_deinit(&tools);
}

static void reading_may_run_out_of_memory_or_budget(void **state)
{
    (void)state;
    static sample samples[SAMPLES];
    uint8_t text[TEXT_LEN], out[TEXT_LEN];
    make_samples(samples, text);
    for (int i = 0; i < SAMPLES; i++) {
        const sample *s = &samples[i];
        bool clean = false;
        for (int n = 1; !clean; n++) {
            rvi_pq_memory memory = {0};
            rvi_pq_decompressor tools;
            rv_error err = {0};
            rvi_pq_decompressor_init(&tools, &memory);
            fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
            rv_code rc = rvi_pq_decompress(&tools, s->codec, s->bytes, s->len, out, TEXT_LEN, &err);
            clean = !fault_disarm();
            assert_int_equal(rc, clean ? RV_OK : RV_E_OUT_OF_MEMORY);
            assert_int_equal(err.code, rc);
            /* The same decompressor goes on once there is memory. */
            assert_int_equal(rvi_pq_decompress(&tools, s->codec, s->bytes, s->len, out, TEXT_LEN, &err),
                             RV_OK);
            rvi_pq_decompressor_deinit(&tools);
            assert_int_equal(memory.used, 0);
        }
        rv_code rc = RV_E_MEMORY_BUDGET;
        for (size_t limit = 1; rc != RV_OK; limit *= 2) {
            rv_budget budget;
            rv_budget_init(&budget, limit);
            rvi_pq_memory memory = {.budget = &budget};
            rvi_pq_decompressor tools;
            rvi_pq_decompressor_init(&tools, &memory);
            rc = rvi_pq_decompress(&tools, s->codec, s->bytes, s->len, out, TEXT_LEN, NULL);
            assert_true(rc == RV_OK || rc == RV_E_MEMORY_BUDGET);
            rvi_pq_decompressor_deinit(&tools);
            assert_int_equal(rv_budget_used(&budget), 0);
            assert_true(limit < 64 * MIB);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codecs_have_the_numbers_of_the_specification),
        cmocka_unit_test(every_page_comes_back_and_a_used_context_gives_the_same_bytes),
        cmocka_unit_test(a_page_is_appended_to_what_is_there),
        cmocka_unit_test(levels_outside_a_codec_s_scale_are_refused_with_the_scale),
        cmocka_unit_test(no_level_takes_more_than_four_mib_even_for_a_huge_page),
        cmocka_unit_test(prose_is_searched_with_the_largest_table_there_is_room_for),
        cmocka_unit_test(pages_said_to_be_prose_come_back_whatever_they_are),
        cmocka_unit_test(higher_levels_are_smaller_for_small_pages_and_large_ones),
        cmocka_unit_test(a_codec_s_allocations_may_fail),
        cmocka_unit_test(a_codec_s_budget_may_be_too_small),
        cmocka_unit_test(every_codec_of_the_specification_but_lzo_is_read),
        cmocka_unit_test(lzo_and_numbers_without_a_codec_are_refused_by_name),
        cmocka_unit_test(only_the_exact_size_is_accepted),
        cmocka_unit_test(a_page_that_is_cut_is_refused_at_every_length),
        cmocka_unit_test(a_flipped_bit_harms_nobody_and_gzip_never_gives_other_text),
        cmocka_unit_test(nothing_comes_from_nothing_or_from_a_codec_s_form_of_nothing),
        cmocka_unit_test(reading_may_run_out_of_memory_or_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
