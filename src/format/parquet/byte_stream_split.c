#include "byte_stream_split.h"

#include <string.h>

/* 8 values of 8 bytes: bytes 0 of all, bytes 1 of all, ... An 8 x 8 matrix of bytes is transposed by exchanging its
 * halves, quarters and eighths across the diagonal, each for all rows in one go. */
static void transpose_8(uint64_t rows[8])
{
    static const uint64_t masks[3] = {0x00000000ffffffff, 0x0000ffff0000ffff, 0x00ff00ff00ff00ff};
    for (int step = 0, apart = 4; apart > 0; step++, apart /= 2) {
        unsigned shift = (unsigned)apart * 8;
        for (int i = 0; i < 8; i++) {
            if ((i & apart) != 0)
                continue;
            uint64_t crossed = (rows[i] >> shift ^ rows[i + apart]) & masks[step];
            rows[i] ^= crossed << shift;
            rows[i + apart] ^= crossed;
        }
    }
}

/* Whole groups of 8 values of 8 bytes; returns how many values those were. */
static size_t split_8(const uint8_t *values, size_t n, uint8_t *to)
{
    size_t done = 0;
    for (; n - done >= 8; done += 8) {
        uint64_t rows[8];
        memcpy(rows, values + done * 8, sizeof rows);
        transpose_8(rows);
        for (size_t k = 0; k < 8; k++)
            memcpy(to + k * n + done, &rows[k], 8);
    }
    return done;
}

rv_code rvi_pq_split_append(const uint8_t *values, size_t n, size_t width, rvi_pq_buf *out, rv_error *err)
{
    RV_TRY(rvi_pq_buf_reserve(out, n * width, err));
    uint8_t *to = out->data + out->len;
    size_t done = width == 8 ? split_8(values, n, to) : 0;
    for (; done < n; done++)
        for (size_t k = 0; k < width; k++)
            to[k * n + done] = values[done * width + k];
    out->len += n * width;
    return RV_OK;
}
