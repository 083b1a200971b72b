/* A kernel loads eight bytes wherever a value begins, so it may look up to seven bytes behind its group. The last
 * groups of a page are therefore unpacked from a padded copy: no read ever leaves the page. */
#include "unpack.h"

#include <assert.h>
#include <string.h>

enum {
    GROUP = 8, /* values; a group of them is `width` bytes */
    SLACK =
        7, /* bytes behind a group that its kernel may load: value 7 begins in the last or an earlier one */
    TAIL_BYTES = 160, /* holds a last piece of SLACK + 2 groups of the largest width, padded */
};

static inline uint64_t load64(const uint8_t *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* Value i of a group; everything but the loads is known when a kernel is compiled. */
static inline __attribute__((always_inline)) uint64_t value_at(const uint8_t *in, int i, int width)
{
    int bit = i * width, shift = bit % 8;
    uint64_t word = load64(in + bit / 8) >> shift;
    if (shift + width > 64)
        word |= (uint64_t)in[bit / 8 + 8] << (64 - shift);
    return width == 64 ? word : word & (((uint64_t)1 << width) - 1);
}

#define KERNEL(type, bits, width)                                                                       \
    static void unpack##bits##_##width(const uint8_t *restrict in, type *restrict out, size_t n_groups) \
    {                                                                                                   \
        for (; n_groups > 0; n_groups--, in += (width), out += GROUP)                                   \
            for (int i = 0; i < GROUP; i++)                                                             \
                out[i] = (type)value_at(in, i, (width));                                                \
    }

#define WIDTHS_1_TO_8(X, type, bits) \
    X(type, bits, 1)                 \
    X(type, bits, 2)                 \
    X(type, bits, 3)                 \
    X(type, bits, 4)                 \
    X(type, bits, 5)                 \
    X(type, bits, 6)                 \
    X(type, bits, 7)                 \
    X(type, bits, 8)
#define WIDTHS_9_TO_32(X, type, bits) \
    X(type, bits, 9)                  \
    X(type, bits, 10)                 \
    X(type, bits, 11)                 \
    X(type, bits, 12)                 \
    X(type, bits, 13)                 \
    X(type, bits, 14)                 \
    X(type, bits, 15)                 \
    X(type, bits, 16)                 \
    X(type, bits, 17)                 \
    X(type, bits, 18)                 \
    X(type, bits, 19)                 \
    X(type, bits, 20)                 \
    X(type, bits, 21)                 \
    X(type, bits, 22)                 \
    X(type, bits, 23)                 \
    X(type, bits, 24)                 \
    X(type, bits, 25)                 \
    X(type, bits, 26)                 \
    X(type, bits, 27)                 \
    X(type, bits, 28)                 \
    X(type, bits, 29)                 \
    X(type, bits, 30)                 \
    X(type, bits, 31)                 \
    X(type, bits, 32)
#define WIDTHS_33_TO_64(X, type, bits) \
    X(type, bits, 33)                  \
    X(type, bits, 34)                  \
    X(type, bits, 35)                  \
    X(type, bits, 36)                  \
    X(type, bits, 37)                  \
    X(type, bits, 38)                  \
    X(type, bits, 39)                  \
    X(type, bits, 40)                  \
    X(type, bits, 41)                  \
    X(type, bits, 42)                  \
    X(type, bits, 43)                  \
    X(type, bits, 44)                  \
    X(type, bits, 45)                  \
    X(type, bits, 46)                  \
    X(type, bits, 47)                  \
    X(type, bits, 48)                  \
    X(type, bits, 49)                  \
    X(type, bits, 50)                  \
    X(type, bits, 51)                  \
    X(type, bits, 52)                  \
    X(type, bits, 53)                  \
    X(type, bits, 54)                  \
    X(type, bits, 55)                  \
    X(type, bits, 56)                  \
    X(type, bits, 57)                  \
    X(type, bits, 58)                  \
    X(type, bits, 59)                  \
    X(type, bits, 60)                  \
    X(type, bits, 61)                  \
    X(type, bits, 62)                  \
    X(type, bits, 63)                  \
    X(type, bits, 64)

/* clang-format off */
WIDTHS_1_TO_8(KERNEL, uint8_t, 8)
WIDTHS_1_TO_8(KERNEL, uint32_t, 32)
WIDTHS_9_TO_32(KERNEL, uint32_t, 32)
WIDTHS_1_TO_8(KERNEL, uint64_t, 64)
WIDTHS_9_TO_32(KERNEL, uint64_t, 64)
WIDTHS_33_TO_64(KERNEL, uint64_t, 64)
/* clang-format on */

#define ROW(type, bits, width) [width] = unpack##bits##_##width,

typedef void kernel8(const uint8_t *restrict in, uint8_t *restrict out, size_t n_groups);
typedef void kernel32(const uint8_t *restrict in, uint32_t *restrict out, size_t n_groups);
typedef void kernel64(const uint8_t *restrict in, uint64_t *restrict out, size_t n_groups);

static kernel8 *const kernels8[8 + 1] = {WIDTHS_1_TO_8(ROW, uint8_t, 8)};
static kernel32 *const kernels32[32 + 1] = {WIDTHS_1_TO_8(ROW, uint32_t, 32)
                                                WIDTHS_9_TO_32(ROW, uint32_t, 32)};
static kernel64 *const kernels64[64 + 1] = {WIDTHS_1_TO_8(ROW, uint64_t, 64) WIDTHS_9_TO_32(ROW, uint64_t, 64)
                                                WIDTHS_33_TO_64(ROW, uint64_t, 64)};

/* Whole groups whose kernel stays before `end`. */
static size_t groups_within(const uint8_t *in, const uint8_t *end, int width, size_t n)
{
    size_t readable = (size_t)(end - in), groups = n / GROUP;
    if (readable < SLACK)
        return 0;
    size_t safe = (readable - SLACK) / (size_t)width;
    return safe < groups ? safe : groups;
}

/* The bytes of the last n values, with room for a kernel to look behind them. */
static void copy_tail(uint8_t tail[TAIL_BYTES], const uint8_t *in, int width, size_t n)
{
    size_t bytes = (n * (size_t)width + 7) / 8;
    assert(bytes + (size_t)width + SLACK <= TAIL_BYTES);
    memset(tail, 0, TAIL_BYTES);
    memcpy(tail, in, bytes);
}

#define UNPACK(bits, type)                                                                             \
    void rvi_pqr_unpack##bits(const uint8_t *in, const uint8_t *end, int width, type *out, size_t n)   \
    {                                                                                                  \
        assert(width >= 0 && width <= (bits));                                                         \
        if (width == 0 || n == 0) {                                                                    \
            memset(out, 0, n * sizeof *out);                                                           \
            return;                                                                                    \
        }                                                                                              \
        assert((size_t)(end - in) >= n / GROUP * (size_t)width + (n % GROUP * (size_t)width + 7) / 8); \
        size_t groups = groups_within(in, end, width, n);                                              \
        kernels##bits[width](in, out, groups);                                                         \
        in += groups * (size_t)width;                                                                  \
        out += groups * GROUP;                                                                         \
        n -= groups * GROUP;                                                                           \
        if (n == 0)                                                                                    \
            return;                                                                                    \
        uint8_t tail[TAIL_BYTES];                                                                      \
        type last[GROUP];                                                                              \
        copy_tail(tail, in, width, n);                                                                 \
        kernels##bits[width](tail, out, n / GROUP);                                                    \
        kernels##bits[width](tail + n / GROUP * (size_t)width, last, 1);                               \
        memcpy(out + n / GROUP * GROUP, last, n % GROUP * sizeof *out);                                \
    }

/* clang-format off */
UNPACK(8, uint8_t)
UNPACK(32, uint32_t)
UNPACK(64, uint64_t)
/* clang-format on */
