#include "rivet/hash.h"

#include "base/internal.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdlib.h>

/* As inline code: values of a few bytes are hashed by the million, a call would cost more than the hash. */
#define XXH_INLINE_ALL
#include <xxhash.h>

struct rv_digest {
    XXH3_state_t *xxh3;
    EVP_MD_CTX *md5;
    bool md5_done;
    uint8_t md5_value[RV_MD5_BYTES]; /* set when md5_done */
};

/* libcrypto's and xxHash's calls below can fail only for arguments that are never passed here. A digest that
 * is silently wrong would be worse than no program. */
static void must(bool held)
{
    if (!held)
        abort();
}

rv_code rv_digest_new(rv_digest **out, rv_error *err)
{
    RV_AUTO(rv_digest_free) rv_digest *digest = calloc(1, sizeof *digest);
    if (!digest)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "cannot allocate a digest");
    digest->xxh3 = XXH3_createState();
    digest->md5 = EVP_MD_CTX_new();
    if (!digest->xxh3 || !digest->md5)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "cannot allocate a digest");
    if (EVP_DigestInit_ex(digest->md5, EVP_md5(), NULL) != 1)
        return rv_fail(err, RV_E_INTERNAL, "this system's OpenSSL offers no MD5");
    must(XXH3_64bits_reset(digest->xxh3) == XXH_OK);
    RV_MOVE(out, digest);
    return RV_OK;
}

void rv_digest_free(rv_digest *digest)
{
    if (!digest)
        return;
    XXH3_freeState(digest->xxh3);
    EVP_MD_CTX_free(digest->md5);
    free(digest);
}

void rv_digest_update(rv_digest *digest, const void *data, size_t len)
{
    assert(!digest->md5_done);
    if (len == 0)
        return;
    assert(data != NULL);
    must(XXH3_64bits_update(digest->xxh3, data, len) == XXH_OK);
    must(EVP_DigestUpdate(digest->md5, data, len) == 1);
}

uint64_t rv_digest_xxh3(const rv_digest *digest)
{
    return XXH3_64bits_digest(digest->xxh3);
}

void rv_digest_md5(rv_digest *digest, uint8_t out[RV_MD5_BYTES])
{
    if (!digest->md5_done) {
        must(EVP_DigestFinal_ex(digest->md5, digest->md5_value, NULL) == 1);
        digest->md5_done = true;
    }
    memcpy(out, digest->md5_value, RV_MD5_BYTES);
}

/* xxHash reads where it is pointed to, or at least reckons with the address: nothing has an address as well. */
static inline const void *address(const void *data, size_t len)
{
    if (len == 0)
        return "";
    assert(data != NULL);
    return data;
}

uint64_t rv_xxh64(const void *data, size_t len, uint64_t seed)
{
    return XXH64(address(data, len), len, seed);
}

uint64_t rv_xxh3(const void *data, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(address(data, len), len, seed);
}

rv_hash128 rv_xxh3_128(const void *data, size_t len)
{
    XXH128_hash_t hash = XXH3_128bits(data, len);
    return (rv_hash128){.low = hash.low64, .high = hash.high64};
}

struct rv_stream128 {
    XXH3_state_t *state;
};

rv_code rv_stream128_new(rv_stream128 **out, rv_error *err)
{
    RV_AUTO(rv_stream128_free) rv_stream128 *stream = calloc(1, sizeof *stream);
    if (!stream)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "cannot allocate a hash");
    stream->state = XXH3_createState();
    if (!stream->state)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "cannot allocate a hash");
    rv_stream128_reset(stream);
    RV_MOVE(out, stream);
    return RV_OK;
}

void rv_stream128_free(rv_stream128 *stream)
{
    if (!stream)
        return;
    XXH3_freeState(stream->state);
    free(stream);
}

void rv_stream128_reset(rv_stream128 *stream)
{
    must(XXH3_128bits_reset(stream->state) == XXH_OK);
}

void rv_stream128_update(rv_stream128 *stream, const void *data, size_t len)
{
    if (len > 0)
        must(XXH3_128bits_update(stream->state, data, len) == XXH_OK);
}

rv_hash128 rv_stream128_value(const rv_stream128 *stream)
{
    XXH128_hash_t hash = XXH3_128bits_digest(stream->state);
    return (rv_hash128){.low = hash.low64, .high = hash.high64};
}

void rv_xxh3_text(char out[RV_XXH3_TEXT_BYTES], uint64_t hash)
{
    static const char prefix[5] = {'x', 'x', 'h', '3', ':'};
    memcpy(out, prefix, sizeof prefix);
    for (int i = 0; i < 16; i++)
        out[sizeof prefix + (size_t)i] = "0123456789abcdef"[hash >> (60 - 4 * i) & 0xF];
    out[RV_XXH3_TEXT_BYTES - 1] = '\0';
}

void rv_base64_md5(char out[RV_MD5_BASE64_BYTES], const uint8_t md5[RV_MD5_BYTES])
{
    int len = EVP_EncodeBlock((unsigned char *)out, md5, RV_MD5_BYTES);
    must(len == RV_MD5_BASE64_BYTES - 1);
}
