/* decoders.h - what the files behind decode.h share: one function per encoding, the hybrid, and small loads.
 *
 * The functions of the encodings are called by rvi_pqr_decode() alone, which has checked that the type fits the
 * encoding, that the width is sane and that there is at least one value. They fail as it does, and leave `out`
 * untouched then. */
#ifndef RIVET_PARQUET_READER_DECODERS_H
#define RIVET_PARQUET_READER_DECODERS_H

#include "decode.h"

typedef rv_code rvi_pqr_decoder(const rvi_pqr_page_input *in, rvi_pqr_space *space, rvi_pqr_values *out,
                                rv_error *err);

rvi_pqr_decoder rvi_pqr_plain, rvi_pqr_dictionary_indices, rvi_pqr_rle_booleans, rvi_pqr_delta_binary_packed,
    rvi_pqr_delta_length, rvi_pqr_delta_strings, rvi_pqr_byte_stream_split;

/* A place in the bytes of a page. */
typedef struct rvi_pqr_cursor {
    const uint8_t *at, *end;
} rvi_pqr_cursor;

static inline size_t rvi_pqr_left(const rvi_pqr_cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

static inline uint32_t rvi_pqr_load32(const uint8_t *from)
{
    return (uint32_t)from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

/* ULEB128. false: cut off, or more than 64 bits. */
static inline bool rvi_pqr_varint(rvi_pqr_cursor *cursor, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && cursor->at < cursor->end; shift += 7) {
        uint8_t byte = *cursor->at++;
        if (shift == 63 && byte > 1)
            return false;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            *out = value;
            return true;
        }
    }
    return false;
}

/* Empty `buf` and make room for n values of `width` bytes. Fails LIMIT_EXCEEDED above INT32_MAX bytes,
 * OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rvi_pqr_room(rvi_pq_buf *buf, size_t n, size_t width, rv_error *err) RV_MUST_CHECK;

/* n values of `width` bits of the RLE / bit-packed hybrid; the cursor ends behind the last run. Each value is below
 * 2^width. `what` names them in messages ("dictionary index"). width: 1..8, 0..32. Fails FILE_DAMAGED. */
rv_code rvi_pqr_hybrid8(rvi_pqr_cursor *cursor, int width, uint8_t *out, uint32_t n, const char *what,
                        rv_error *err) RV_MUST_CHECK;
rv_code rvi_pqr_hybrid32(rvi_pqr_cursor *cursor, int width, uint32_t *out, uint32_t n, const char *what,
                         rv_error *err) RV_MUST_CHECK;

#endif
