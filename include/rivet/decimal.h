/* rivet/decimal.h - exact decimals as two's complement integers of 4, 8, 16 or 32 bytes, little-endian.
 *
 * The unscaled value of decimal(p,s) is value * 10^s. p is 1..76, 0 <= s <= p. */
#ifndef RIVET_DECIMAL_H
#define RIVET_DECIMAL_H

#include "rivet/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 256-bit two's complement, least significant limb first. */
typedef struct rv_int256 {
    uint64_t limb[4];
} rv_int256;

typedef enum rv_decimal_result {
    RV_DECIMAL_OK = 0,
    RV_DECIMAL_MALFORMED,    /* not a number */
    RV_DECIMAL_OUT_OF_RANGE, /* more than p digits, or non-zero digits beyond the scale: nothing is rounded */
} rv_decimal_result;

extern const uint64_t rv_pow10[20]; /* 10^0 to 10^19 */

/* Text such as -12.340, +5, .5, 1e-3 into an unscaled integer of the given precision and scale. */
rv_decimal_result rv_decimal_parse(const char *text, size_t len, int precision, int scale, rv_int256 *out);
/* Base-10000 digits as PostgreSQL sends numeric: value = ± Σ digit[i] * 10000^(weight - i).
 * Spec: PostgreSQL source, src/backend/utils/adt/numeric.c, numeric_send(). */
rv_decimal_result rv_decimal_from_base10000(const uint16_t *digits, int n_digits, int weight, bool negative,
                                            int precision, int scale, rv_int256 *out);
bool rv_int256_from_i64(int64_t value, int precision, int scale,
                        rv_int256 *out);                               /* value * 10^scale; false: overflow */
void rv_int256_store(const rv_int256 *value, void *out, size_t width); /* width 4, 8, 16, 32; must fit */
void rv_int256_load(const void *in, size_t width, rv_int256 *out);     /* sign-extends */
int rv_int256_compare(const rv_int256 *a, const rv_int256 *b);
/* Decimal text with exactly `scale` fraction digits; returns the length. */
enum { RV_DECIMAL_TEXT_BYTES = 96 };
size_t rv_decimal_text(char out[RV_DECIMAL_TEXT_BYTES], const rv_int256 *unscaled, int scale);
int rv_decimal_width(int precision); /* bytes of storage: 4 (p<=9), 8 (<=18), 16 (<=38), 32 (<=76) */

#endif
