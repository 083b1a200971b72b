#include "bloom.h"

#include "rivet/hash.h"
#include "thrift.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* The bits of a filter are little-endian words, as they lie in memory; so are all values of this folder. */

/* ---- which columns ---- */

rv_code rvi_pq_bloom_check(const rv_parquet_options *options, const rv_schema *schema, rv_error *err)
{
    for (int i = 0; i < options->n_bloom; i++) {
        const char *name = options->bloom[i];
        const rv_field *field = rv_schema_field(schema, name);
        if (field == NULL) {
            rv_fail(err, RV_E_CONFIG_VALUE,
                    "parquet.bloom names the column '%s', but %s has none of that name", name,
                    schema->origin);
            rv_hint(err, "names are compared letter by letter, upper and lower case included");
            return RV_E_CONFIG_VALUE;
        }
        if (field->type.id != RV_TYPE_LIST && field->type.id != RV_TYPE_BOOL)
            continue;
        rv_fail(err, RV_E_FORMAT_UNSUPPORTED, "parquet.bloom names the column '%s' of %s, which is a %s",
                name, schema->origin, field->type.id == RV_TYPE_LIST ? "list" : "boolean");
        rv_hint(err, "Bloom filters are for columns that are looked up by value; leave it out");
        return RV_E_FORMAT_UNSUPPORTED;
    }
    return RV_OK;
}

/* The largest power of two that is at most n; n is at least 1. */
static size_t power_of_two(size_t n)
{
    size_t power = 1;
    while (power <= n / 2)
        power *= 2;
    return power;
}

static bool is_named(const rv_parquet_options *options, const rv_field *field)
{
    for (int i = 0; options != NULL && i < options->n_bloom; i++)
        if (strcmp(options->bloom[i], field->name) == 0)
            return true;
    return false;
}

rv_code rvi_pq_bloom_init(rvi_pq_bloom *bloom, const rv_parquet_options *options, const rv_field *field,
                          size_t max_bytes, rvi_pq_memory *memory, rv_error *err)
{
    *bloom = (rvi_pq_bloom){0};
    if (!is_named(options, field))
        return RV_OK;
    max_bytes = max_bytes < RVI_PQ_BLOOM_MAX_BYTES ? max_bytes : RVI_PQ_BLOOM_MAX_BYTES;
    size_t blocks = power_of_two(max_bytes < RVI_PQ_BLOOM_BLOCK ? 1 : max_bytes / RVI_PQ_BLOOM_BLOCK);
    void *words = NULL;
    RV_TRY(rvi_pq_resize(memory, &words, 0, blocks * RVI_PQ_BLOOM_BLOCK, err));
    bloom->words = words;
    bloom->max_blocks = blocks;
    rvi_pq_bloom_clear(bloom);
    return RV_OK;
}

void rvi_pq_bloom_deinit(rvi_pq_bloom *bloom, rvi_pq_memory *memory)
{
    rvi_pq_release(memory, bloom->words, bloom->max_blocks * RVI_PQ_BLOOM_BLOCK);
    *bloom = (rvi_pq_bloom){0};
}

void rvi_pq_bloom_clear(rvi_pq_bloom *bloom)
{
    if (bloom->words == NULL)
        return;
    memset(bloom->words, 0, bloom->max_blocks * RVI_PQ_BLOOM_BLOCK);
    bloom->n_blocks = bloom->max_blocks;
    bloom->has_values = false;
    bloom->at = 0;
    bloom->len = 0;
}

/* ---- bits ---- */

static const uint32_t SALT[RVI_PQ_BLOOM_WORDS] = {0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
                                                  0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31};

static uint32_t bit_of(uint64_t hash, int word)
{
    return UINT32_C(1) << ((uint32_t)hash * SALT[word] >> 27);
}

/* Multiplying keeps the order of blocks, so half as many blocks hold what pairs of neighbours held. */
static size_t block_of(uint64_t hash, size_t n_blocks)
{
    return (size_t)((hash >> 32) * n_blocks >> 32);
}

static void insert(rvi_pq_bloom *bloom, const void *value, size_t len)
{
    uint64_t hash = rv_xxh64(value, len, 0);
    uint32_t *block = bloom->words + block_of(hash, bloom->n_blocks) * RVI_PQ_BLOOM_WORDS;
    for (int i = 0; i < RVI_PQ_BLOOM_WORDS; i++)
        block[i] |= bit_of(hash, i);
}

bool rvi_pq_bloom_may_hold(const uint32_t *words, size_t n_blocks, uint64_t hash)
{
    const uint32_t *block = words + block_of(hash, n_blocks) * RVI_PQ_BLOOM_WORDS;
    for (int i = 0; i < RVI_PQ_BLOOM_WORDS; i++)
        if ((block[i] & bit_of(hash, i)) == 0)
            return false;
    return true;
}

/* ---- values ---- */

/* Values that are equal must be found by each other's bytes: -0.0 by 0.0, and any NaN by the usual one. */
static void insert_double(rvi_pq_bloom *bloom, const uint8_t *bytes)
{
    static const double equals[] = {0.0, -0.0, (double)NAN};
    double value;
    memcpy(&value, bytes, sizeof value);
    insert(bloom, bytes, sizeof value);
    for (size_t i = 0; i < sizeof equals / sizeof equals[0]; i++)
        if (isnan(value) ? isnan(equals[i]) : !(value < 0) && !(value > 0) && !isnan(equals[i]))
            insert(bloom, &equals[i], sizeof equals[i]);
}

static void insert_float(rvi_pq_bloom *bloom, const uint8_t *bytes)
{
    static const float equals[] = {0.0f, -0.0f, NAN};
    float value;
    memcpy(&value, bytes, sizeof value);
    insert(bloom, bytes, sizeof value);
    for (size_t i = 0; i < sizeof equals / sizeof equals[0]; i++)
        if (isnan(value) ? isnan(equals[i]) : !(value < 0) && !(value > 0) && !isnan(equals[i]))
            insert(bloom, &equals[i], sizeof equals[i]);
}

static void insert_plain(rvi_pq_bloom *bloom, const rvi_pq_leaf *leaf, const rvi_pq_buf *plain, size_t n)
{
    const uint8_t *at = plain->data;
    for (size_t i = 0; i < n; i++) {
        size_t len = leaf->width;
        if (len == 0) {
            len = rvi_pq_load_u32(at);
            at += sizeof(uint32_t);
        }
        if (leaf->physical == RVI_PQ_DOUBLE)
            insert_double(bloom, at);
        else if (leaf->physical == RVI_PQ_FLOAT)
            insert_float(bloom, at);
        else
            insert(bloom, at, len);
        at += len;
    }
    assert(n == 0 || at == plain->data + plain->len);
}

/* ---- a chunk ---- */

void rvi_pq_bloom_add(rvi_pq_bloom *bloom, const rvi_pq_leaf *leaf, const rvi_pq_buf *plain, size_t n)
{
    if (bloom->words == NULL || n == 0)
        return;
    insert_plain(bloom, leaf, plain, n);
    bloom->has_values = true;
}

/* 10.5 bits a value give 1 % (BloomFilter.md, "Sizing an SBBF"). */
static size_t blocks_for(size_t n_distinct, size_t most)
{
    size_t blocks = 1;
    while (blocks < most && blocks * (RVI_PQ_BLOOM_BLOCK * 8) * 2 < n_distinct * 21)
        blocks *= 2;
    return blocks;
}

/* Whether a value that is not there is taken for one that is at most once in 100, with half as many blocks: the mean
 * over blocks of the product over words of the share of bits set. In whole numbers, so that every machine decides
 * alike: 32^8 for a full block, 2^40 * 2^15 blocks * 100 stay below 2^63. */
static bool stays_selective_folded(const rvi_pq_bloom *bloom)
{
    enum { ONE_IN = 100, FULL_BITS = 40 };
    uint64_t sum = 0;
    for (size_t b = 0; b < bloom->n_blocks; b += 2) {
        const uint32_t *pair = bloom->words + b * RVI_PQ_BLOOM_WORDS;
        uint64_t product = 1;
        for (int i = 0; i < RVI_PQ_BLOOM_WORDS; i++)
            product *= (uint64_t)__builtin_popcount(pair[i] | pair[i + RVI_PQ_BLOOM_WORDS]);
        sum += product;
    }
    return sum * ONE_IN <= (uint64_t)(bloom->n_blocks / 2) << FULL_BITS;
}

static void fold(rvi_pq_bloom *bloom)
{
    bloom->n_blocks /= 2;
    for (size_t b = 0; b < bloom->n_blocks; b++) {
        const uint32_t *pair = bloom->words + 2 * b * RVI_PQ_BLOOM_WORDS;
        uint32_t *to = bloom->words + b * RVI_PQ_BLOOM_WORDS;
        for (int i = 0; i < RVI_PQ_BLOOM_WORDS; i++)
            to[i] = pair[i] | pair[i + RVI_PQ_BLOOM_WORDS];
    }
}

void rvi_pq_bloom_finish(rvi_pq_bloom *bloom, const rvi_pq_leaf *leaf, const rvi_pq_dict *dict)
{
    if (bloom->words == NULL)
        return;
    bool all_dictionary = !bloom->has_values && dict != NULL;
    if (all_dictionary)
        bloom->n_blocks = blocks_for(dict->n, bloom->max_blocks);
    if (dict != NULL)
        rvi_pq_bloom_add(bloom, leaf, &dict->entries, dict->n);
    while (!all_dictionary && bloom->n_blocks > 1 && stays_selective_folded(bloom))
        fold(bloom);
}

/* ---- the file ---- */

/* A union of one empty struct: the only choice that the specification has so far. */
static void write_choice(rvi_pq_thrift *t, int16_t id)
{
    rvi_pq_thrift_struct_begin(t, id);
    rvi_pq_thrift_empty_struct(t, 1);
    rvi_pq_thrift_struct_end(t);
}

rv_code rvi_pq_bloom_write(rvi_pq_bloom *bloom, rvi_pq_buf *scratch, rvi_pq_output *out, rv_error *err)
{
    if (!bloom->has_values)
        return RV_OK;
    const size_t bytes = bloom->n_blocks * RVI_PQ_BLOOM_BLOCK;
    scratch->len = 0;
    rvi_pq_thrift t = rvi_pq_thrift_begin(scratch, err);
    rvi_pq_thrift_i32(&t, 1, (int32_t)bytes);
    write_choice(&t, 2); /* split block */
    write_choice(&t, 3); /* xxHash */
    write_choice(&t, 4); /* not compressed */
    RV_TRY(rvi_pq_thrift_end(&t));
    uint64_t at = out->offset;
    RV_TRY(rvi_pq_output_write(out, scratch->data, scratch->len, err));
    RV_TRY(rvi_pq_output_write(out, bloom->words, bytes, err));
    bloom->at = at;
    bloom->len = (uint32_t)(out->offset - at);
    return RV_OK;
}
