/* unpack.h - numbers of a fixed count of bits, packed least significant bit first, back into words.
 *
 * One kernel per width, unrolled over 8 values by the compiler; the widths are what a page chooses, so they come
 * by a table. in[0 .. ceil(n * width / 8)) must be readable; `end` is the end of what may be read, and the more of
 * it lies behind, the more of the work the kernels do.
 *
 * Spec: parquet-format, Encodings.md, "Run Length Encoding / Bit-Packing Hybrid". */
#ifndef RIVET_PARQUET_READER_UNPACK_H
#define RIVET_PARQUET_READER_UNPACK_H

#include <stddef.h>
#include <stdint.h>

/* width: 0..8, 0..32, 0..64 bits. */
void rvi_pqr_unpack8(const uint8_t *in, const uint8_t *end, int width, uint8_t *out, size_t n);
void rvi_pqr_unpack32(const uint8_t *in, const uint8_t *end, int width, uint32_t *out, size_t n);
void rvi_pqr_unpack64(const uint8_t *in, const uint8_t *end, int width, uint64_t *out, size_t n);

#endif
