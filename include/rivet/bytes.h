/* rivet/bytes.h - growable bytes with a ceiling. The ceiling is given at birth, so no buffer is unbounded.
 *
 * `rv_bytes b = RV_BYTES_INIT(max)` is empty and owns nothing. A failed append leaves the content as it was. */
#ifndef RIVET_BYTES_H
#define RIVET_BYTES_H

#include "rivet/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct rv_bytes {
    uint8_t *data; /* `len` bytes, followed by room up to `cap`; NULL while cap == 0 */
    size_t len, cap, max;
} rv_bytes;

#define RV_BYTES_INIT(max_bytes) ((rv_bytes){.max = (max_bytes)})

void rv_bytes_deinit(rv_bytes *b); /* frees; keeps `max`; may be used again */
/* RV_AUTO(rv_bytes_deinit) rv_bytes text = RV_BYTES_INIT(…): for the struct itself, not a pointer to it. */
static inline void rv_bytes_deinit_auto(rv_bytes *b)
{
    rv_bytes_deinit(b);
}
void rv_bytes_clear(rv_bytes *b); /* len = 0, keeps the memory */
/* Make room for n more bytes. Fails OUT_OF_MEMORY, LIMIT_EXCEEDED (ceiling). */
rv_code rv_bytes_reserve(rv_bytes *b, size_t n, rv_error *err) RV_MUST_CHECK;
rv_code rv_bytes_append(rv_bytes *b, const void *data, size_t len, rv_error *err) RV_MUST_CHECK;
rv_code rv_bytes_append_str(rv_bytes *b, const char *text, rv_error *err) RV_MUST_CHECK;
rv_code rv_bytes_printf(rv_bytes *b, rv_error *err, const char *fmt, ...) RV_PRINTF(3, 4) RV_MUST_CHECK;
/* The content as a C string: a NUL is written after the last byte (not counted in len). */
rv_code rv_bytes_cstr(rv_bytes *b, const char **out, rv_error *err) RV_MUST_CHECK;
/* Move everything out; `from` is empty afterwards. `to` must own nothing. */
void rv_bytes_move(rv_bytes *to, rv_bytes *from);

#endif
