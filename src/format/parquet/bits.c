#include "bits.h"

int64_t rvi_pq_bits_count(const uint8_t *bits, int64_t at, int64_t n)
{
    int64_t ones = 0;
    while (n > 0) {
        int step = rvi_pq_bits_step(n);
        ones += __builtin_popcountll((unsigned long long)rvi_pq_bits_load(bits, at, step));
        at += step;
        n -= step;
    }
    return ones;
}

/* Up to 64 bits at any place; writes 9 bytes at most, the byte that `to_at` lies in included. */
static void store(uint8_t *to, int64_t to_at, uint64_t word, int n)
{
    uint8_t *at = to + (to_at >> 3);
    unsigned shift = (unsigned)(to_at & 7);
    uint64_t kept = *at & ((1u << shift) - 1);
    uint64_t low = kept | word << shift;
    memcpy(at, &low, 8);
    if (shift != 0 && (unsigned)n + shift > 64)
        at[8] = (uint8_t)(word >> (64 - shift));
}

void rvi_pq_bits_append(uint8_t *to, int64_t to_at, const uint8_t *from, int64_t at, int64_t n)
{
    while (n > 0) {
        int step = rvi_pq_bits_step(n);
        store(to, to_at, rvi_pq_bits_load(from, at, step), step);
        to_at += step;
        at += step;
        n -= step;
    }
}

void rvi_pq_bits_append_ones(uint8_t *to, int64_t to_at, int64_t n)
{
    while (n > 0) {
        int step = rvi_pq_bits_step(n);
        store(to, to_at, step == 64 ? UINT64_MAX : ((uint64_t)1 << step) - 1, step);
        to_at += step;
        n -= step;
    }
}
