#include "trust/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void rvi_digest_text(char out[RVI_DIGEST_TEXT_BYTES], uint64_t digest)
{
    snprintf(out, RVI_DIGEST_TEXT_BYTES, "%016" PRIx64, digest);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool rvi_digest_parse(const char *text, size_t len, uint64_t *out)
{
    if (len != RVI_DIGEST_TEXT_BYTES - 1)
        return false;
    uint64_t digest = 0;
    for (size_t i = 0; i < len; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0)
            return false;
        digest = digest << 4 | (uint64_t)digit;
    }
    *out = digest;
    return true;
}

bool rvi_xxh3_parse(const char *text, size_t len, uint64_t *out)
{
    static const char prefix[] = "xxh3:";
    const size_t skip = sizeof prefix - 1;
    return len > skip && memcmp(text, prefix, skip) == 0 && rvi_digest_parse(text + skip, len - skip, out);
}

static int base64_digit(char c)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

/* 16 bytes are 21 digits of 6 bits, one of 2, and "==". */
bool rvi_base64_md5_parse(const char *text, size_t len, uint8_t out[16])
{
    enum { DIGITS = 22 };
    if (len != DIGITS + 2 || memcmp(text + DIGITS, "==", 2) != 0)
        return false;
    uint8_t bytes[16];
    uint32_t bits = 0;
    int n_bits = 0, n_bytes = 0;
    for (int i = 0; i < DIGITS; i++) {
        int digit = base64_digit(text[i]);
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            bytes[n_bytes++] = (uint8_t)(bits >> n_bits);
            bits &= (1u << n_bits) - 1;
        }
    }
    if (bits != 0)
        return false;
    memcpy(out, bytes, sizeof bytes);
    return true;
}

bool rvi_digests_add(const json_t *array, int n, uint64_t *sums)
{
    if (!json_is_array(array) || json_array_size(array) != (size_t)n)
        return false;
    for (int i = 0; i < n; i++) {
        const json_t *item = json_array_get(array, (size_t)i);
        uint64_t digest;
        if (!json_is_string(item) ||
            !rvi_digest_parse(json_string_value(item), json_string_length(item), &digest))
            return false;
        sums[i] += digest;
    }
    return true;
}

bool rvi_part_name_valid(const char *name)
{
    enum { MAX_NAME_BYTES = 1024 }; /* the longest key of S3; file systems allow less */
    size_t len = strlen(name);
    if (len == 0 || len > MAX_NAME_BYTES || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    if (strcmp(name, "_SUCCESS") == 0 || strcmp(name, "manifest.json") == 0 ||
        strncmp(name, "manifest-", 9) == 0)
        return false;
    for (size_t i = 0; i < len; i++)
        if (name[i] == '/' || name[i] == '\\' || (unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return false;
    return true;
}
