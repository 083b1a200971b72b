/* bitpack.c - one loop for each width.
 *
 * A group is packed into a 64-bit word that is stored whenever it is full, and once more for the bits that are left;
 * what the last store writes too much, the next group overwrites. With the width a constant, every shift is one too
 * and no branch remains, so each of the widths below is straight code. */
#include "bitpack.h"

#include <assert.h>
#include <string.h>

static inline void store_64(uint8_t *to, uint64_t word)
{
    memcpy(to, &word, sizeof word);
}

/* One value: `word` holds its first n_bits (0..63), the bits of the values before that were not stored yet. */
#define PACK_VALUE(i)                                           \
    do {                                                        \
        uint64_t value = values[i];                             \
        word |= value << n_bits;                                \
        n_bits += width;                                        \
        if (n_bits >= 64) {                                     \
            store_64(to, word);                                 \
            to += 8;                                            \
            n_bits -= 64;                                       \
            word = n_bits == 0 ? 0 : value >> (width - n_bits); \
        }                                                       \
    } while (0)

#define PACK_GROUP()            \
    do {                        \
        uint64_t word = 0;      \
        unsigned n_bits = 0;    \
        PACK_VALUE(0);          \
        PACK_VALUE(1);          \
        PACK_VALUE(2);          \
        PACK_VALUE(3);          \
        PACK_VALUE(4);          \
        PACK_VALUE(5);          \
        PACK_VALUE(6);          \
        PACK_VALUE(7);          \
        if (n_bits > 0)         \
            store_64(to, word); \
    } while (0)

static inline __attribute__((always_inline)) void group_u32(const uint32_t *values, unsigned width,
                                                            uint8_t *to)
{
    PACK_GROUP();
}

static inline __attribute__((always_inline)) void group_u64(const uint64_t *values, unsigned width,
                                                            uint8_t *to)
{
    PACK_GROUP();
}

/* clang-format off */
#define WIDTHS_TO_32(X) \
    X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) \
    X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) \
    X(25) X(26) X(27) X(28) X(29) X(30) X(31) X(32)
#define WIDTHS_FROM_33(X) \
    X(33) X(34) X(35) X(36) X(37) X(38) X(39) X(40) X(41) X(42) X(43) X(44) \
    X(45) X(46) X(47) X(48) X(49) X(50) X(51) X(52) X(53) X(54) X(55) X(56) \
    X(57) X(58) X(59) X(60) X(61) X(62) X(63) X(64)
/* clang-format on */

#define LOOP_U32(width)                                                                     \
    static void loop_u32_##width(const uint32_t *values, size_t n_groups, uint8_t *to)      \
    {                                                                                       \
        for (size_t g = 0; g < n_groups; g++, values += RVI_PQ_GROUP_VALUES, to += (width)) \
            group_u32(values, (width), to);                                                 \
    }
#define LOOP_U64(width)                                                                     \
    static void loop_u64_##width(const uint64_t *values, size_t n_groups, uint8_t *to)      \
    {                                                                                       \
        for (size_t g = 0; g < n_groups; g++, values += RVI_PQ_GROUP_VALUES, to += (width)) \
            group_u64(values, (width), to);                                                 \
    }
WIDTHS_TO_32(LOOP_U32)
WIDTHS_TO_32(LOOP_U64)
WIDTHS_FROM_33(LOOP_U64)

#define ROW_U32(width) [width] = loop_u32_##width,
#define ROW_U64(width) [width] = loop_u64_##width,
static void (*const LOOPS_U32[])(const uint32_t *, size_t, uint8_t *) = {WIDTHS_TO_32(ROW_U32)};
static void (*const LOOPS_U64[])(const uint64_t *, size_t,
                                 uint8_t *) = {WIDTHS_TO_32(ROW_U64) WIDTHS_FROM_33(ROW_U64)};

void rvi_pq_pack_u32(const uint32_t *values, size_t n_groups, int width, uint8_t *to)
{
    assert(width >= 0 && width <= 32);
    if (width > 0)
        LOOPS_U32[width](values, n_groups, to);
}

void rvi_pq_pack_u64(const uint64_t *values, size_t n_groups, int width, uint8_t *to)
{
    assert(width >= 0 && width <= 64);
    if (width > 0)
        LOOPS_U64[width](values, n_groups, to);
}
