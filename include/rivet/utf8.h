/* rivet/utf8.h - UTF-8 as the Unicode standard defines it: no surrogates, no overlong forms, up to U+10FFFF. */
#ifndef RIVET_UTF8_H
#define RIVET_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fast: 32 bytes a step where the processor has AVX2, else 8 of ASCII. len 0 is valid. */
bool rv_utf8_valid(const uint8_t *bytes, size_t len);
/* Length of the longest prefix of at most max_bytes that does not cut a character. Input is valid UTF-8. */
size_t rv_utf8_prefix(const uint8_t *bytes, size_t len, size_t max_bytes);

#endif
