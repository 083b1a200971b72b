#include "rivet/bytes.h"

#include "rivet/checked.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64 };

void rv_bytes_deinit(rv_bytes *b)
{
    free(b->data);
    *b = RV_BYTES_INIT(b->max);
}

void rv_bytes_clear(rv_bytes *b)
{
    b->len = 0;
}

/* Give `b` a capacity of at least `need` bytes. Doubles, but asks for no more than the ceiling unless `need`
 * itself lies above it: a terminating NUL may stand one byte beyond the ceiling. */
static rv_code grow(rv_bytes *b, size_t need, rv_error *err)
{
    if (need <= b->cap)
        return RV_OK;
    size_t cap = b->cap < FIRST_CAPACITY ? FIRST_CAPACITY : b->cap;
    while (cap < need)
        if (rv_mul_size(&cap, cap, 2))
            cap = need;
    if (cap > b->max)
        cap = need > b->max ? need : b->max;
    uint8_t *data = realloc(b->data, cap);
    if (!data)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "cannot grow a buffer to %zu bytes", cap);
    b->data = data;
    b->cap = cap;
    return RV_OK;
}

/* Room for n more bytes of content within the ceiling, and for `extra` (0 or 1) that are not content. */
static rv_code make_room(rv_bytes *b, size_t n, size_t extra, rv_error *err)
{
    size_t content, need;
    if (rv_add_size(&content, b->len, n) || content > b->max || rv_add_size(&need, content, extra))
        return rv_fail(err, RV_E_LIMIT_EXCEEDED,
                       "a buffer of %zu bytes cannot take %zu more: its limit is %zu", b->len, n, b->max);
    return grow(b, need, err);
}

rv_code rv_bytes_reserve(rv_bytes *b, size_t n, rv_error *err)
{
    return make_room(b, n, 0, err);
}

rv_code rv_bytes_append(rv_bytes *b, const void *data, size_t len, rv_error *err)
{
    RV_TRY(make_room(b, len, 0, err));
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    return RV_OK;
}

rv_code rv_bytes_append_str(rv_bytes *b, const char *text, rv_error *err)
{
    return rv_bytes_append(b, text, strlen(text), err);
}

rv_code rv_bytes_printf(rv_bytes *b, rv_error *err, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0)
        return rv_fail(err, RV_E_INTERNAL, "a text could not be formatted");
    RV_TRY(make_room(b, (size_t)len, 1, err));
    va_start(args, fmt);
    vsnprintf((char *)b->data + b->len, (size_t)len + 1, fmt, args);
    va_end(args);
    b->len += (size_t)len;
    return RV_OK;
}

rv_code rv_bytes_cstr(rv_bytes *b, const char **out, rv_error *err)
{
    RV_TRY(make_room(b, 0, 1, err));
    b->data[b->len] = '\0';
    *out = (const char *)b->data;
    return RV_OK;
}

void rv_bytes_move(rv_bytes *to, rv_bytes *from)
{
    assert(to->cap == 0);
    *to = *from;
    *from = RV_BYTES_INIT(to->max);
}
