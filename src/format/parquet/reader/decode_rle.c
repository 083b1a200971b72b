/* The hybrid of run-length and bit-packed runs: levels, dictionary indices, booleans; and the levels of old files.
 *
 * Two things that the specification does not allow are read all the same, because writers do them: a last
 * bit-packed run cut off behind the last value that counts, and a width of 0 without any run. A run-length run
 * longer than the values that are left is refused: it means that the page's counts are wrong.
 *
 * Spec: parquet-format, Encodings.md, "Run Length Encoding / Bit-Packing Hybrid" and "Bit-packed (Deprecated)". */
#include "decoders.h"
#include "unpack.h"

#include <assert.h>
#include <string.h>

typedef struct hybrid_run {
    uint32_t n; /* values that count, at least 1 */
    bool is_packed;
    uint32_t value;       /* unless packed */
    const uint8_t *bytes; /* packed */
} hybrid_run;

static rv_code packed_run(rvi_pqr_cursor *cursor, int width, uint64_t n_groups, uint32_t n_left,
                          hybrid_run *out, const char *what, rv_error *err)
{
    uint64_t whole = n_groups * (uint64_t)width; /* n_groups < 2^31, width <= 32 */
    uint64_t n = n_groups * 8 < n_left ? n_groups * 8 : n_left;
    uint64_t needed = (n * (uint64_t)width + 7) / 8;
    size_t left = rvi_pqr_left(cursor);
    if (needed > left)
        return rv_fail(err, RV_E_FILE_DAMAGED, "%zu bytes are left of the %llu of a bit-packed run (%s)",
                       left, (unsigned long long)needed, what);
    *out = (hybrid_run){.n = (uint32_t)n, .is_packed = true, .bytes = cursor->at};
    cursor->at += whole < left ? (size_t)whole : left;
    return RV_OK;
}

static rv_code repeated_run(rvi_pqr_cursor *cursor, int width, uint64_t n, uint32_t n_left, hybrid_run *out,
                            const char *what, rv_error *err)
{
    if (n > n_left)
        return rv_fail(err, RV_E_FILE_DAMAGED, "a run of %llu where %u values are left (%s)",
                       (unsigned long long)n, n_left, what);
    size_t bytes = ((size_t)width + 7) / 8;
    if (bytes > rvi_pqr_left(cursor))
        return rv_fail(err, RV_E_FILE_DAMAGED, "the bytes end inside of a run (%s)", what);
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; i++)
        value |= (uint32_t)*cursor->at++ << (8 * i);
    if (width < 32 && value >> width != 0)
        return rv_fail(err, RV_E_FILE_DAMAGED, "the value %u where %d bits are used (%s)", value, width,
                       what);
    *out = (hybrid_run){.n = (uint32_t)n, .value = value};
    return RV_OK;
}

static rv_code next_run(rvi_pqr_cursor *cursor, int width, uint32_t n_left, hybrid_run *out, const char *what,
                        rv_error *err)
{
    if (width == 0 && rvi_pqr_left(cursor) == 0) {
        *out = (hybrid_run){.n = n_left};
        return RV_OK;
    }
    uint64_t head = 0;
    if (!rvi_pqr_varint(cursor, &head) || head > UINT32_MAX)
        return rv_fail(err, RV_E_FILE_DAMAGED, "the bytes end, or make no run, where %u values are left (%s)",
                       n_left, what);
    if (head >> 1 == 0)
        return rv_fail(err, RV_E_FILE_DAMAGED, "a run of no values (%s)", what);
    return (head & 1) != 0 ? packed_run(cursor, width, head >> 1, n_left, out, what, err)
                           : repeated_run(cursor, width, head >> 1, n_left, out, what, err);
}

rv_code rvi_pqr_hybrid8(rvi_pqr_cursor *cursor, int width, uint8_t *out, uint32_t n, const char *what,
                        rv_error *err)
{
    assert(width >= 1 && width <= 8);
    while (n > 0) {
        hybrid_run run;
        RV_TRY(next_run(cursor, width, n, &run, what, err));
        if (run.is_packed)
            rvi_pqr_unpack8(run.bytes, cursor->end, width, out, run.n);
        else
            memset(out, (int)run.value, run.n);
        out += run.n;
        n -= run.n;
    }
    return RV_OK;
}

rv_code rvi_pqr_hybrid32(rvi_pqr_cursor *cursor, int width, uint32_t *out, uint32_t n, const char *what,
                         rv_error *err)
{
    assert(width >= 0 && width <= 32);
    while (n > 0) {
        hybrid_run run;
        RV_TRY(next_run(cursor, width, n, &run, what, err));
        if (run.is_packed)
            rvi_pqr_unpack32(run.bytes, cursor->end, width, out, run.n);
        else
            for (uint32_t i = 0; i < run.n; i++)
                out[i] = run.value;
        out += run.n;
        n -= run.n;
    }
    return RV_OK;
}

/* A length word, and the section it speaks of as *section; the cursor moves behind both. */
static rv_code take_section(rvi_pqr_cursor *cursor, rvi_pqr_cursor *section, const char *what, rv_error *err)
{
    enum { WORD = 4 };
    size_t left = rvi_pqr_left(cursor);
    if (left < WORD)
        return rv_fail(err, RV_E_FILE_DAMAGED, "%zu bytes where a length word should be (%s)", left, what);
    uint32_t len = rvi_pqr_load32(cursor->at);
    if (len > left - WORD)
        return rv_fail(err, RV_E_FILE_DAMAGED, "a length of %u bytes where %zu are left (%s)", len,
                       left - WORD, what);
    *section = (rvi_pqr_cursor){cursor->at + WORD, cursor->at + WORD + len};
    cursor->at = section->end;
    return RV_OK;
}

rv_code rvi_pqr_rle_booleans(const rvi_pqr_page_input *in, rvi_pqr_space *space, rvi_pqr_values *out,
                             rv_error *err)
{
    rvi_pqr_cursor page = {in->bytes, in->bytes + in->len}, section;
    RV_TRY(take_section(&page, &section, "boolean", err));
    RV_TRY(rvi_pqr_room(&space->values, in->n_values, 1, err));
    RV_TRY(rvi_pqr_hybrid8(&section, 1, space->values.data, in->n_values, "boolean", err));
    *out = (rvi_pqr_values){.n = in->n_values,
                            .width = 1,
                            .fixed = space->values.data,
                            .n_trailing = rvi_pqr_left(&section) + rvi_pqr_left(&page)};
    return RV_OK;
}

int rvi_pqr_level_width(uint32_t max_level)
{
    return max_level == 0 ? 0 : 32 - __builtin_clz(max_level);
}

static rv_code check_levels(const uint8_t *levels, uint32_t n, uint32_t max_level, rv_error *err)
{
    uint8_t largest = 0;
    for (uint32_t i = 0; i < n; i++)
        largest = levels[i] > largest ? levels[i] : largest;
    if (largest > max_level)
        return rv_fail(err, RV_E_FILE_DAMAGED, "a level of %u where %u is the highest", largest, max_level);
    return RV_OK;
}

/* Most significant bit first, and no padding but in the last byte. Slow, and rare: nothing writes it today. */
static rv_code bit_packed_levels(const uint8_t *bytes, size_t len, int width, uint32_t n, uint8_t *out,
                                 size_t *used, rv_error *err)
{
    uint64_t needed = ((uint64_t)n * (uint64_t)width + 7) / 8;
    if (needed > len)
        return rv_fail(err, RV_E_FILE_DAMAGED, "%zu bytes do not hold %u levels of %d bits", len, n, width);
    uint64_t bit = 0;
    for (uint32_t i = 0; i < n; i++) {
        unsigned level = 0;
        for (int b = 0; b < width; b++, bit++)
            level = level << 1 | ((unsigned)bytes[bit / 8] >> (7 - bit % 8) & 1u);
        out[i] = (uint8_t)level;
    }
    *used = (size_t)needed;
    return RV_OK;
}

rv_code rvi_pqr_levels_v1(int encoding, const uint8_t *bytes, size_t len, uint32_t max_level, uint32_t n,
                          uint8_t *out, size_t *used, rv_error *err)
{
    assert(max_level >= 1 && max_level <= RVI_PQR_MAX_LEVEL);
    int width = rvi_pqr_level_width(max_level);
    size_t taken = 0;
    if (encoding == RV_PARQUET_BIT_PACKED) {
        RV_TRY(bit_packed_levels(bytes, len, width, n, out, &taken, err));
    } else if (encoding == RV_PARQUET_RLE) {
        rvi_pqr_cursor page = {bytes, bytes + len}, section;
        RV_TRY(take_section(&page, &section, "level", err));
        RV_TRY(rvi_pqr_hybrid8(&section, width, out, n, "level", err));
        taken = (size_t)(page.at - bytes);
    } else {
        return rv_fail(err, RV_E_FILE_UNSUPPORTED, "levels in an encoding that is not for them: number %d",
                       encoding);
    }
    RV_TRY(check_levels(out, n, max_level, err));
    *used = taken;
    return RV_OK;
}

rv_code rvi_pqr_levels_v2(const uint8_t *bytes, size_t len, uint32_t max_level, uint32_t n, uint8_t *out,
                          size_t *n_trailing, rv_error *err)
{
    assert(max_level >= 1 && max_level <= RVI_PQR_MAX_LEVEL);
    rvi_pqr_cursor section = {bytes, bytes + len};
    RV_TRY(rvi_pqr_hybrid8(&section, rvi_pqr_level_width(max_level), out, n, "level", err));
    RV_TRY(check_levels(out, n, max_level, err));
    *n_trailing = rvi_pqr_left(&section);
    return RV_OK;
}
