/* trust/internal.h - shared inside trust/ only. */
#ifndef TRUST_INTERNAL_H
#define TRUST_INTERNAL_H

#include "rivet/manifest.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* jansson's values are counted; a scope that made one holds it so. json_decref(NULL) is fine. */
RV_DEFINE_AUTO(json_t, json_decref)

/* Did loading fail for want of memory? `why` was zeroed before: jansson 2.14 names every fault of a text, but leaves
 * the code at "unknown" when one of its lists or objects could not grow. (A string that it could not hold it calls a
 * wrong token, which nobody can tell apart.) */
static inline bool rvi_json_lacked_memory(const json_error_t *why)
{
    const enum json_error_code code = json_error_code(why);
    return code == json_error_out_of_memory || code == json_error_unknown;
}

enum { RVI_MANIFEST_VERSION = 1, RVI_DIGEST_TEXT_BYTES = 17 };

/* A column's digest as 16 lowercase hexadecimal digits, and back; false: not such a text. */
void rvi_digest_text(char out[RVI_DIGEST_TEXT_BYTES], uint64_t digest);
bool rvi_digest_parse(const char *text, size_t len, uint64_t *out);
/* "xxh3:" and 16 digits. */
bool rvi_xxh3_parse(const char *text, size_t len, uint64_t *out);
/* The 24 characters that rv_base64_md5() makes of 16 bytes; anything else is false. */
bool rvi_base64_md5_parse(const char *text, size_t len, uint8_t out[16]);

/* Add the digests of one part, a JSON array of n texts, to sums[0 .. n-1], modulo 2^64; false: not such an array. */
bool rvi_digests_add(const json_t *array, int n, uint64_t *sums);

/* May this name a part? Not one of our own documents, nothing that leaves the prefix, nothing unprintable. A
 * manifest is a file that others can write, and `replace` removes the parts that old ones name. */
bool rvi_part_name_valid(const char *name);

#endif
