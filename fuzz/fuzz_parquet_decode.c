/* Any bytes as the values or the levels of a Parquet page: refused with a code, or as many values as were asked for,
 * all within memory that belongs to the page, the dictionary or the decoder.
 *
 * Input: encoding, physical type, width of FIXED or highest level (2 bytes), number of values (2 bytes), bytes of
 * the dictionary page, its number of values; then the dictionary page and the page. */
#include "format/parquet/reader/decode.h"

#include <stdlib.h>
#include <string.h>

enum {
    HEADER_BYTES = 8,
    LEVELS_V2 = 255, /* as the encoding: the hybrid alone */
    BUDGET_BYTES = 64 << 20,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* The sanitizers know the end of a block, not of a part of one. */
static uint8_t *block_of(const uint8_t *bytes, size_t len)
{
    uint8_t *block = malloc(len > 0 ? len : 1);
    must(block != NULL);
    memcpy(block, bytes, len);
    return block;
}

static void use(const rvi_pqr_values *values, uint32_t n)
{
    volatile uint8_t sum = 0;
    must(values->n == n);
    if (values->width > 0)
        for (size_t i = 0; i < (size_t)n * values->width; i++)
            sum = (uint8_t)(sum + values->fixed[i]);
    else
        for (uint32_t i = 0; i < n; i++)
            for (uint32_t k = 0; k < values->spans[i].len; k++)
                sum = (uint8_t)(sum + values->data[values->spans[i].at + k]);
}

static void check(rv_code rc, const rv_error *err)
{
    must(rc == RV_OK || (err->code == rc && err->message[0] != '\0'));
    must(rc == RV_OK || rc == RV_E_FILE_DAMAGED || rc == RV_E_FILE_UNSUPPORTED || rc == RV_E_LIMIT_EXCEEDED ||
         rc == RV_E_MEMORY_BUDGET);
}

static void read_levels(int encoding, uint32_t max_level, const uint8_t *bytes, size_t len, uint32_t n)
{
    rv_error err = {0};
    uint8_t *levels = malloc(n > 0 ? n : 1);
    size_t used = 0;
    must(levels != NULL);
    rv_code rc = encoding == LEVELS_V2
                     ? rvi_pqr_levels_v2(bytes, len, max_level, n, levels, &used, &err)
                     : rvi_pqr_levels_v1(encoding, bytes, len, max_level, n, levels, &used, &err);
    check(rc, &err);
    for (uint32_t i = 0; rc == RV_OK && i < n; i++)
        must(levels[i] <= max_level);
    must(rc != RV_OK || used <= len);
    free(levels);
}

static void read_values(int encoding, const rvi_pqr_page_input *in, const uint8_t *dictionary_page,
                        size_t dictionary_bytes, uint32_t n_entries)
{
    rv_error err = {0};
    rv_budget budget;
    rv_budget_init(&budget, BUDGET_BYTES);
    rvi_pq_memory memory = {.budget = &budget};
    rvi_pqr_space space, dictionary_space;
    rvi_pqr_values values = {0}, dictionary = {0};
    rvi_pqr_space_init(&space, &memory);
    rvi_pqr_space_init(&dictionary_space, &memory);
    rvi_pqr_page_input entries = *in;
    entries.bytes = dictionary_page;
    entries.len = dictionary_bytes;
    entries.n_values = n_entries;
    rv_code rc = rvi_pqr_decode_dictionary(RV_PARQUET_PLAIN, &entries, &dictionary_space, &dictionary, &err);
    check(rc, &err);
    rvi_pqr_page_input page = *in;
    page.dictionary = rc == RV_OK ? &dictionary : NULL;
    rc = rvi_pqr_decode(encoding, &page, &space, &values, &err);
    check(rc, &err);
    if (rc == RV_OK) {
        must(values.n_trailing <= in->len);
        use(&values, in->n_values);
    }
    rvi_pqr_space_deinit(&space);
    rvi_pqr_space_deinit(&dictionary_space);
    must(memory.used == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEADER_BYTES)
        return 0;
    int encoding = data[0];
    uint32_t width = (uint32_t)data[2] | (uint32_t)data[3] << 8,
             n = (uint32_t)data[4] | (uint32_t)data[5] << 8;
    size_t left = size - HEADER_BYTES, dictionary_bytes = data[6] < left ? data[6] : left;
    uint8_t *dictionary = block_of(data + HEADER_BYTES, dictionary_bytes);
    uint8_t *page = block_of(data + HEADER_BYTES + dictionary_bytes, left - dictionary_bytes);
    rvi_pqr_page_input in = {.physical = (rv_parquet_physical)(data[1] % RV_PARQUET_PHYSICALS),
                             .width = width,
                             .bytes = page,
                             .len = left - dictionary_bytes,
                             .n_values = n};
    if (encoding == LEVELS_V2 || encoding == RV_PARQUET_BIT_PACKED || data[1] >= 0x80)
        read_levels(encoding, width % RVI_PQR_MAX_LEVEL + 1, page, in.len, n);
    else
        read_values(encoding, &in, dictionary, dictionary_bytes, data[7]);
    free(dictionary);
    free(page);
    return 0;
}
