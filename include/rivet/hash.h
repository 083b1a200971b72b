/* rivet/hash.h - the digests of files and values. */
#ifndef RIVET_HASH_H
#define RIVET_HASH_H

#include "rivet/error.h"

#include <stddef.h>
#include <stdint.h>

/* XXH3-64 (seed 0) and MD5 of a stream of bytes, computed while it is written. */
typedef struct rv_digest rv_digest;

enum { RV_MD5_BYTES = 16, RV_MD5_BASE64_BYTES = 25, RV_XXH3_TEXT_BYTES = 22 };

rv_code rv_digest_new(rv_digest **out, rv_error *err) RV_MUST_CHECK;
void rv_digest_free(rv_digest *digest);
RV_DEFINE_AUTO(rv_digest, rv_digest_free)
void rv_digest_update(rv_digest *digest, const void *data, size_t len);
uint64_t rv_digest_xxh3(const rv_digest *digest);
void rv_digest_md5(rv_digest *digest, uint8_t out[RV_MD5_BYTES]);

uint64_t rv_xxh64(const void *data, size_t len,
                  uint64_t seed); /* the older one, which Parquet's filters use */
uint64_t rv_xxh3(const void *data, size_t len, uint64_t seed);

/* XXH3-128 (seed 0): of bytes in one piece, or of a stream of pieces. */
typedef struct rv_hash128 {
    uint64_t low, high;
} rv_hash128;
rv_hash128 rv_xxh3_128(const void *data, size_t len);
typedef struct rv_stream128 rv_stream128;
rv_code rv_stream128_new(rv_stream128 **out, rv_error *err) RV_MUST_CHECK;
void rv_stream128_free(rv_stream128 *stream); /* NULL is fine */
RV_DEFINE_AUTO(rv_stream128, rv_stream128_free)
void rv_stream128_reset(rv_stream128 *stream);
void rv_stream128_update(rv_stream128 *stream, const void *data, size_t len);
rv_hash128 rv_stream128_value(const rv_stream128 *stream); /* of what came since the last reset */

void rv_xxh3_text(char out[RV_XXH3_TEXT_BYTES], uint64_t hash); /* "xxh3:0123456789abcdef" */
void rv_base64_md5(char out[RV_MD5_BASE64_BYTES], const uint8_t md5[RV_MD5_BYTES]); /* 24 characters + NUL */

#endif
