/* base/internal.h - what the files of base share and nobody else sees. */
#ifndef BASE_INTERNAL_H
#define BASE_INTERNAL_H

#include "rivet/error.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Format into `out` (size bytes, at least 1); a text that does not fit is cut where no UTF-8 character is
 * split. Returns the length. A format the C library refuses gives a text that says so. */
size_t rvi_vformat(char *out, size_t size, const char *fmt, va_list args) RV_PRINTF(3, 0);

/* rv_utf8_valid() in two ways, of which it takes one; the tests compare them. Texts of any length. */
bool rvi_utf8_valid_plain(const uint8_t *bytes, size_t len);
bool rvi_utf8_valid_avx2(const uint8_t *bytes, size_t len); /* only where the next says so */
bool rvi_utf8_has_avx2(void);

/* "00" "01" … "99": two digits a step halve the divisions of every number this program prints. */
extern const char rvi_digit_pairs[201];

/* Both return the position after what they wrote. value: 0..99, 0..9999. */
static inline char *rvi_put2(char *out, unsigned value)
{
    memcpy(out, rvi_digit_pairs + 2 * value, 2);
    return out + 2;
}
static inline char *rvi_put4(char *out, unsigned value)
{
    rvi_put2(out, value / 100);
    return rvi_put2(out + 2, value % 100);
}

/* Write the digits of `value` backwards, the last one just before `end`; at most 20. Returns where the first
 * one is; 0 gives one digit. */
char *rvi_put_u64_backwards(char *end, uint64_t value);

#endif
