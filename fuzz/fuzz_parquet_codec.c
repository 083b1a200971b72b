/* Two ways through the codecs of Parquet. The first byte chooses the codec, the second what a page is said to hold.
 *
 * Reading: any bytes as a compressed page of a size that two bytes of the input state. Refused, or read in full; what
 * came before must not matter, so the decompressor is kept and its answer compared with that of a new one.
 * Writing: any bytes as a page, compressed by a context that is kept, must come back. */
#include "format/parquet/codec.h"
#include "format/parquet/decompress.h"

#include <stdlib.h>
#include <string.h>

enum { HEAD = 3, MAX_BYTES = 1 << 16, BUDGET = 256 << 20, TABLE_BYTES = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void read_page(rvi_pq_decompressor *kept, rvi_pq_memory *memory, int32_t codec, const uint8_t *in,
                      size_t in_len, size_t out_len)
{
    rv_error err = {0};
    rvi_pq_decompressor fresh;
    uint8_t *first = malloc(out_len + 1), *second = malloc(out_len + 1);
    must(first != NULL && second != NULL);
    rvi_pq_decompressor_init(&fresh, memory);
    rv_code rc = rvi_pq_decompress(kept, codec, in, in_len, first, out_len, &err);
    must(err.code == rc);
    must(rvi_pq_decompress(&fresh, codec, in, in_len, second, out_len, NULL) == rc);
    must(rc != RV_OK || memcmp(first, second, out_len) == 0);
    rvi_pq_decompressor_deinit(&fresh);
    free(first);
    free(second);
}

static void round_trip(rvi_pq_decompressor *kept, rvi_pq_memory *memory, rv_codec name,
                       rvi_pq_content content, const uint8_t *page, size_t len)
{
    rvi_pq_codec codec;
    rvi_pq_buf packed = {.memory = memory}, again = {.memory = memory};
    uint8_t *back = malloc(len);
    must(back != NULL);
    must(rvi_pq_codec_open(&codec, name, 0, memory, NULL) == RV_OK);
    codec.table_bytes = TABLE_BYTES;
    must(rvi_pq_codec_compress(&codec, page, len, content, &packed, NULL) == RV_OK);
    must(rvi_pq_codec_compress(&codec, page, len, content, &again, NULL) == RV_OK);
    must(packed.len == again.len && memcmp(packed.data, again.data, packed.len) == 0);
    must(rvi_pq_decompress(kept, (int32_t)codec.ops->number, packed.data, packed.len, back, len, NULL) ==
         RV_OK);
    must(memcmp(back, page, len) == 0);
    rvi_pq_codec_close(&codec);
    rvi_pq_buf_free(&packed);
    rvi_pq_buf_free(&again);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const rv_codec written[] = {RV_CODEC_ZSTD, RV_CODEC_SNAPPY, RV_CODEC_GZIP, RV_CODEC_LZ4};
    static rv_budget budget;
    static rvi_pq_memory memory;
    static rvi_pq_decompressor kept;
    if (kept.memory == NULL) {
        rv_budget_init(&budget, BUDGET);
        memory.budget = &budget;
        rvi_pq_decompressor_init(&kept, &memory);
    }
    if (size <= HEAD || size > MAX_BYTES)
        return 0;
    if (data[0] < 0x80)
        read_page(&kept, &memory, data[0] % 9, data + HEAD, size - HEAD, (size_t)data[1] << 8 | data[2]);
    else
        round_trip(&kept, &memory, written[data[0] % 4], (rvi_pq_content)(data[1] % RVI_PQ_CONTENTS),
                   data + HEAD, size - HEAD);
    return 0;
}
