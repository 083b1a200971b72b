/* bits.h - validity bits, 64 at a time. Bit i of a bitmap is bit i%8 of byte i/8 (Arrow's order). */
#ifndef RIVET_PARQUET_BITS_H
#define RIVET_PARQUET_BITS_H

#include <stdint.h>
#include <string.h>

/* Bits [at, at + n) of `bits` as the low n bits of the result; 1 <= n <= 64. Reads no byte outside of them. */
static inline uint64_t rvi_pq_bits_load(const uint8_t *bits, int64_t at, int n)
{
    const uint8_t *from = bits + (at >> 3);
    unsigned shift = (unsigned)(at & 7);
    size_t bytes = ((size_t)shift + (size_t)n + 7) / 8; /* 1..9 */
    uint64_t word = 0;
    if (bytes >= 8)
        memcpy(&word, from, 8);
    else
        for (size_t i = 0; i < bytes; i++)
            word |= (uint64_t)from[i] << (8 * i);
    word >>= shift;
    if (bytes == 9)
        word |= (uint64_t)from[8] << (64 - shift);
    return n == 64 ? word : word & (((uint64_t)1 << n) - 1);
}

/* The smaller of 64 and what is left: the step of every loop over bits. */
static inline int rvi_pq_bits_step(int64_t left)
{
    return left < 64 ? (int)left : 64;
}

int64_t rvi_pq_bits_count(const uint8_t *bits, int64_t at, int64_t n); /* ones among [at, at + n) */
/* Append bits [at, at + n) of `from` behind the first to_at bits of `to`. Room for (to_at + n + 7) / 8 + 8 bytes
 * is needed; what lies behind the last bit is zeroed up to the next byte. */
void rvi_pq_bits_append(uint8_t *to, int64_t to_at, const uint8_t *from, int64_t at, int64_t n);
void rvi_pq_bits_append_ones(uint8_t *to, int64_t to_at, int64_t n); /* same room */

#endif
