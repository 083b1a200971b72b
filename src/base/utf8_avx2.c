/* utf8_avx2.c - the same judgement as the plain one in utf8.c, 32 bytes at a time.
 *
 * What can be wrong with a byte shows in its own high half and in both halves of the byte before it. Three tables say
 * for each half which errors it leaves possible; what all three leave possible has happened. Only the second and third
 * continuation bytes need a look further back.
 *
 * Source: Keiser, Lemire: "Validating UTF-8 In Less Than One Instruction Per Byte", Software: Practice and Experience
 * 51 (5), 2021, sections 4 to 6. */
#include "base/internal.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

enum {
    TOO_SHORT = 1 << 0,      /* a first byte, and no continuation behind it */
    TOO_LONG = 1 << 1,       /* ASCII, and a continuation behind it */
    OVERLONG_3 = 1 << 2,     /* 1110_0000 100_____ */
    TOO_LARGE = 1 << 3,      /* 1111_0100 1001____ and above */
    SURROGATE = 1 << 4,      /* 1110_1101 101_____ */
    OVERLONG_2 = 1 << 5,     /* 1100_000_ */
    TOO_LARGE_1000 = 1 << 6, /* 1111_0101 1000____ and above */
    OVERLONG_4 = 1 << 6,     /* 1111_0000 1000____ */
    TWO_CONTS = 1 << 7,      /* two continuations: right only as the third or fourth byte of a character */
    ANY_LOW = TOO_SHORT | TOO_LONG | TWO_CONTS, /* the low half of the first byte does not matter */
    LARGE = TOO_LARGE | TOO_LARGE_1000,
};

/* Both halves of a register look up the same 16 entries. */
static const int8_t FIRST_HIGH[32] __attribute__((aligned(32))) = {
#define ROW                                                                                            \
    TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, TOO_LONG, (int8_t)TWO_CONTS, \
        (int8_t)TWO_CONTS, (int8_t)TWO_CONTS, (int8_t)TWO_CONTS, TOO_SHORT | OVERLONG_2, TOO_SHORT,    \
        TOO_SHORT | OVERLONG_3 | SURROGATE, TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4
    ROW, ROW
#undef ROW
};
static const int8_t FIRST_LOW[32] __attribute__((aligned(32))) = {
#define ROW                                                                                          \
    (int8_t)(ANY_LOW | OVERLONG_3 | OVERLONG_2 | OVERLONG_4), (int8_t)(ANY_LOW | OVERLONG_2),        \
        (int8_t)ANY_LOW, (int8_t)ANY_LOW, (int8_t)(ANY_LOW | TOO_LARGE), (int8_t)(ANY_LOW | LARGE),  \
        (int8_t)(ANY_LOW | LARGE), (int8_t)(ANY_LOW | LARGE), (int8_t)(ANY_LOW | LARGE),             \
        (int8_t)(ANY_LOW | LARGE), (int8_t)(ANY_LOW | LARGE), (int8_t)(ANY_LOW | LARGE),             \
        (int8_t)(ANY_LOW | LARGE), (int8_t)(ANY_LOW | LARGE | SURROGATE), (int8_t)(ANY_LOW | LARGE), \
        (int8_t)(ANY_LOW | LARGE)
    ROW, ROW
#undef ROW
};
static const int8_t SECOND_HIGH[32] __attribute__((aligned(32))) = {
#define CONT TOO_LONG | OVERLONG_2 | TWO_CONTS
#define ROW                                                                                                 \
    TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT, TOO_SHORT,                 \
        (int8_t)(CONT | OVERLONG_3 | TOO_LARGE_1000 | OVERLONG_4), (int8_t)(CONT | OVERLONG_3 | TOO_LARGE), \
        (int8_t)(CONT | SURROGATE | TOO_LARGE), (int8_t)(CONT | SURROGATE | TOO_LARGE), TOO_SHORT,          \
        TOO_SHORT, TOO_SHORT, TOO_SHORT
    ROW, ROW
#undef ROW
#undef CONT
};

typedef struct state {
    __m256i previous;   /* the block before */
    __m256i incomplete; /* not zero: that block ended within a character */
    __m256i error;
} state;

AVX2 static __m256i look_up(const int8_t *table, __m256i halves)
{
    return _mm256_shuffle_epi8(_mm256_load_si256((const __m256i *)(const void *)table), halves);
}

AVX2 static __m256i high_half(__m256i bytes)
{
    return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(0x0F));
}

/* Not zero where the block's last three bytes begin a character that needs more of them. */
AVX2 static __m256i ends_within(__m256i block)
{
    const __m256i most =
        _mm256_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                         -1, -1, -1, -1, -1, -1, -1, -1, (char)0xEF, (char)0xDF, (char)0xBF);
    return _mm256_subs_epu8(block, most);
}

AVX2 static void judge(state *s, __m256i block)
{
    if (_mm256_movemask_epi8(block) == 0) { /* ASCII */
        s->error = _mm256_or_si256(s->error, s->incomplete);
        s->incomplete = _mm256_setzero_si256();
        s->previous = block;
        return;
    }
    const __m256i across = _mm256_permute2x128_si256(s->previous, block, 0x21);
    const __m256i back1 = _mm256_alignr_epi8(block, across, 15);
    const __m256i back2 = _mm256_alignr_epi8(block, across, 14);
    const __m256i back3 = _mm256_alignr_epi8(block, across, 13);
    const __m256i possible = _mm256_and_si256(
        _mm256_and_si256(look_up(FIRST_HIGH, high_half(back1)),
                         look_up(FIRST_LOW, _mm256_and_si256(back1, _mm256_set1_epi8(0x0F)))),
        look_up(SECOND_HIGH, high_half(block)));
    /* Two continuations are an error exactly where no character of three or four bytes wants them. */
    const __m256i wanted =
        _mm256_and_si256(_mm256_or_si256(_mm256_subs_epu8(back2, _mm256_set1_epi8(0xE0 - 0x80)),
                                         _mm256_subs_epu8(back3, _mm256_set1_epi8(0xF0 - 0x80))),
                         _mm256_set1_epi8((char)0x80));
    s->error = _mm256_or_si256(s->error, _mm256_xor_si256(wanted, possible));
    s->incomplete = ends_within(block);
    s->previous = block;
}

AVX2 bool rvi_utf8_valid_avx2(const uint8_t *bytes, size_t len)
{
    const __m256i zero = _mm256_setzero_si256();
    state s = {zero, zero, zero};
    size_t i = 0;
    for (; len - i >= 32; i += 32)
        judge(&s, _mm256_loadu_si256((const __m256i *)(const void *)(bytes + i)));
    uint8_t rest[32] = {0}; /* NUL is ASCII, so a character that is cut by the end is too short */
    memcpy(rest, bytes + i, len - i);
    judge(&s, _mm256_loadu_si256((const __m256i *)(const void *)rest));
    s.error = _mm256_or_si256(s.error, s.incomplete);
    return _mm256_testz_si256(s.error, s.error) != 0;
}

bool rvi_utf8_has_avx2(void)
{
    return __builtin_cpu_supports("avx2") != 0;
}

#else

bool rvi_utf8_valid_avx2(const uint8_t *bytes, size_t len)
{
    (void)bytes;
    (void)len;
    return false; /* never called */
}

bool rvi_utf8_has_avx2(void)
{
    return false;
}

#endif
