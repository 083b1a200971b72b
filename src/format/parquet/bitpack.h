/* bitpack.h - bit packing: values of the same number of bits, one behind the other, least significant bit first.
 *
 * A group is 8 values and takes as many bytes as a value has bits, so groups lie on whole bytes whatever the width.
 *
 * Spec: parquet-format, Encodings.md, "Run Length Encoding / Bit-Packing Hybrid". */
#ifndef RIVET_PARQUET_BITPACK_H
#define RIVET_PARQUET_BITPACK_H

#include <stddef.h>
#include <stdint.h>

enum {
    RVI_PQ_GROUP_VALUES = 8,
    RVI_PQ_PACK_SLACK = 8, /* bytes behind the last group that may be overwritten */
};

/* n_groups * 8 values of `width` bits (0..32; 0..64) to n_groups * width bytes at `to`. Each value fits its width.
 * The RVI_PQ_PACK_SLACK bytes behind those must be there; what they hold afterwards is undefined. */
void rvi_pq_pack_u32(const uint32_t *values, size_t n_groups, int width, uint8_t *to);
void rvi_pq_pack_u64(const uint64_t *values, size_t n_groups, int width, uint8_t *to);

#endif
