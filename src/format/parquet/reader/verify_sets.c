#include "verify.h"

#include "format/parquet/thrift.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* ---- bloom filters. Spec: parquet-format, BloomFilter.md, split blocks ---- */

enum { BLOCK_BYTES = 32, BLOCK_WORDS = 8, BLOOM_MOST = 128 << 20, HEADER_MOST = 4 << 10 };

/* numBytes, and whether algorithm, hash and compression are the only ones that the format has. */
static bool parse_bloom_header(rvi_pqr_thrift *t, int32_t *n_bytes)
{
    bool known = true;
    int16_t outer = rvi_pqr_struct_begin(t);
    for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);) {
        if (f.id == 1)
            *n_bytes = rvi_pqr_i32(t, f);
        else if (f.id >= 2 && f.id <= 4)
            known = rvi_pqr_union(t, f) == 1 && known;
        else
            rvi_pqr_skip(t, f);
    }
    rvi_pqr_struct_end(t, outer);
    return known;
}

static rv_code bloom_bits(rvi_pqr_verifier *v, const rv_parquet_chunk *chunk, uint64_t at, uint32_t n_bytes,
                          rvi_pqr_bloom *bloom, rv_error *err)
{
    uint64_t end = at + n_bytes, footer_at = v->reader->footer.metadata.footer_at;
    if (n_bytes == 0 || n_bytes % BLOCK_BYTES != 0 || end > footer_at)
        return rv_fail(err, RV_E_FILE_DAMAGED, "the bloom filter is said to have %" PRIu32 " bytes", n_bytes);
    if (n_bytes > BLOOM_MOST)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED,
                       "the bloom filter has %" PRIu32 " bytes; at most %d are read", n_bytes, BLOOM_MOST);
    if (chunk->bloom_len > 0 && end != (uint64_t)chunk->bloom_at + (uint64_t)chunk->bloom_len)
        rvi_pqr_find(v, RV_PARQUET_CHECK_BLOOM, "bloom_filter_length is %" PRId32 ", the filter has %" PRIu64,
                     chunk->bloom_len, end - (uint64_t)chunk->bloom_at);
    RV_TRY(rvi_pqr_add_range(v, (uint64_t)chunk->bloom_at, end, "bloom filter", err));
    bloom->bits.len = 0;
    RV_TRY(rvi_pq_buf_reserve(&bloom->bits, n_bytes, err));
    RV_TRY(rv_input_read(v->reader->input, at, bloom->bits.data, n_bytes, err));
    bloom->n_blocks = n_bytes / BLOCK_BYTES;
    return RV_OK;
}

rv_code rvi_pqr_bloom_read(rvi_pqr_verifier *v, const rv_parquet_chunk *chunk, rvi_pqr_bloom *bloom,
                           rv_error *err)
{
    uint8_t header[HEADER_MOST];
    uint64_t footer_at = v->reader->footer.metadata.footer_at;
    int32_t n_bytes = 0;
    bloom->n_blocks = 0;
    bloom->n_missing = 0;
    if (chunk->bloom_at < 0)
        return RV_OK;
    v->at = (uint64_t)chunk->bloom_at;
    if (v->at >= footer_at)
        return rv_fail(err, RV_E_FILE_DAMAGED, "the bloom filter lies behind the footer");
    size_t len = footer_at - v->at < sizeof header ? (size_t)(footer_at - v->at) : sizeof header;
    RV_TRY(rv_input_read(v->reader->input, v->at, header, len, err));
    rvi_pqr_thrift t = rvi_pqr_thrift_begin(header, len, v->at, err);
    bool known = parse_bloom_header(&t, &n_bytes);
    RV_TRY(t.rc);
    if (!known)
        return rv_fail(err, RV_E_FILE_UNSUPPORTED, "a bloom filter of a kind that is not known");
    return bloom_bits(v, chunk, v->at + (uint64_t)(t.at - t.begin), n_bytes > 0 ? (uint32_t)n_bytes : 0,
                      bloom, err);
}

static bool bloom_has(const rvi_pqr_bloom *bloom, uint64_t hash)
{
    static const uint32_t salt[BLOCK_WORDS] = {0x47b6137bu, 0x44974d91u, 0x8824ad5bu, 0xa2b7289du,
                                               0x705495c7u, 0x2df1424bu, 0x9efc4947u, 0x5c6bfb31u};
    uint64_t block = ((hash >> 32) * bloom->n_blocks) >> 32;
    const uint8_t *at = bloom->bits.data + block * BLOCK_BYTES;
    for (int i = 0; i < BLOCK_WORDS; i++) {
        uint32_t word;
        memcpy(&word, at + i * 4, sizeof word);
        if ((word >> (((uint32_t)hash * salt[i]) >> 27) & 1) == 0)
            return false;
    }
    return true;
}

/* What is hashed of value `i`. Never NULL, which xxHash does not expect: also an empty value stands somewhere. */
static inline const uint8_t *value_bytes(const rv_parquet_values *values, int32_t i, size_t *len)
{
    bool fixed = values->width > 0;
    const uint8_t *bytes = fixed ? values->fixed + (size_t)i * values->width : values->slices[i].data;
    *len = fixed ? values->width : values->slices[i].len;
    if (*len == 0)
        return (const uint8_t *)"";
    assert(bytes != NULL);
    return bytes;
}

void rvi_pqr_bloom_check(rvi_pqr_bloom *bloom, const rv_parquet_values *values)
{
    for (int32_t i = 0; bloom->n_blocks > 0 && i < values->n; i++) {
        size_t len = 0;
        const uint8_t *bytes = value_bytes(values, i, &len);
        bloom->n_missing += !bloom_has(bloom, XXH64(bytes, len, 0));
    }
}

/* ---- distinct values ---- */

rv_code rvi_pqr_distinct_init(rvi_pqr_distinct *set, int64_t claimed, rvi_pq_memory *memory, rv_error *err)
{
    void *slots = NULL;
    size_t n = 16;
    while (n < (size_t)claimed * 4)
        n *= 2;
    RV_TRY(rvi_pq_resize(memory, &slots, 0, n * sizeof *set->slots, err));
    memset(slots, 0, n * sizeof *set->slots);
    *set = (rvi_pqr_distinct){.slots = slots, .n_slots = n};
    return RV_OK;
}

void rvi_pqr_distinct_add(rvi_pqr_distinct *set, const rv_parquet_values *values)
{
    for (int32_t i = 0; i < values->n && (size_t)set->n < set->n_slots / 2; i++) {
        size_t len = 0;
        const uint8_t *bytes = value_bytes(values, i, &len);
        uint64_t hash = XXH3_64bits(bytes, len);
        hash += hash == 0; /* 0 marks an empty slot */
        size_t slot = (size_t)hash & (set->n_slots - 1);
        while (set->slots[slot] != 0 && set->slots[slot] != hash)
            slot = (slot + 1) & (set->n_slots - 1);
        set->n += set->slots[slot] == 0;
        set->slots[slot] = hash;
    }
}

void rvi_pqr_distinct_deinit(rvi_pqr_distinct *set, rvi_pq_memory *memory)
{
    rvi_pq_release(memory, set->slots, set->n_slots * sizeof *set->slots);
    *set = (rvi_pqr_distinct){0};
}
