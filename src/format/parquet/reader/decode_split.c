/* BYTE_STREAM_SPLIT: first the first byte of every value, then the second of every value, and so on.
 * Spec: parquet-format, Encodings.md, "Byte Stream Split". */
#include "decoders.h"

#include <string.h>

enum { BLOCK = 64 }; /* values */

/* The loops over whole words are what compilers turn into vector code. */
static void join4(const uint8_t *in, size_t n, uint8_t *out)
{
    const uint8_t *a = in, *b = in + n, *c = in + 2 * n, *d = in + 3 * n;
    for (size_t i = 0; i < n; i++) {
        out[4 * i] = a[i];
        out[4 * i + 1] = b[i];
        out[4 * i + 2] = c[i];
        out[4 * i + 3] = d[i];
    }
}

/* Eight streams that lie `stride` bytes apart. */
static void join8(const uint8_t *in, size_t stride, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < 8; k++)
            out[8 * i + k] = in[k * stride + i];
}

/* n values of any width, at most BLOCK: eight streams at a time, then those that are left. */
static void join_block(const uint8_t *in, size_t stride, size_t n, size_t width, uint8_t *out)
{
    uint8_t words[BLOCK * 8];
    size_t k = 0;
    for (; width - k >= 8; k += 8) {
        join8(in + k * stride, stride, n, words);
        for (size_t i = 0; i < n; i++)
            memcpy(out + i * width + k, words + 8 * i, 8);
    }
    for (; k < width; k++)
        for (size_t i = 0; i < n; i++)
            out[i * width + k] = in[k * stride + i];
}

/* A block of values at a time, so that what is written stays in the cache. */
static void join_any(const uint8_t *in, size_t n, size_t width, uint8_t *out)
{
    for (size_t from = 0; from < n; from += BLOCK)
        join_block(in + from, n, n - from < BLOCK ? n - from : BLOCK, width, out + from * width);
}

rv_code rvi_pqr_byte_stream_split(const rvi_pqr_page_input *in, rvi_pqr_space *space, rvi_pqr_values *out,
                                  rv_error *err)
{
    uint32_t width = rvi_pqr_value_width(in->physical, in->width);
    /* Trailing bytes cannot be told from longer streams. */
    if (in->len % width != 0 || in->len / width != in->n_values)
        return rv_fail(err, RV_E_FILE_DAMAGED, "%zu bytes where %u values of %u bytes should be split",
                       in->len, in->n_values, width);
    RV_TRY(rvi_pqr_room(&space->values, in->n_values, width, err));
    if (width == 4)
        join4(in->bytes, in->n_values, space->values.data);
    else if (width == 8)
        join8(in->bytes, in->n_values, in->n_values, space->values.data);
    else
        join_any(in->bytes, in->n_values, width, space->values.data);
    *out = (rvi_pqr_values){.n = in->n_values, .width = width, .fixed = space->values.data};
    return RV_OK;
}
