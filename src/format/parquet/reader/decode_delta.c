/* The three encodings by differences. Integers: blocks of miniblocks of bit-packed distances from the block's
 * smallest difference. Texts: their lengths as such integers, then the bytes; or, of each text, what it shares with
 * the one before, and the rest.
 *
 * All sums wrap: the specification lets differences overflow, and so a width up to 64 bits is read for INT32 too,
 * which older versions of one widespread writer made.
 *
 * Spec: parquet-format, Encodings.md, "Delta Encoding", "Delta-length byte array", "Delta Strings". */
#include "decoders.h"
#include "unpack.h"

#include <string.h>

enum {
    MAX_BITS = 64,
    STEP = 256, /* values unpacked at once */
};

typedef struct delta_header {
    uint64_t n_miniblocks;  /* of a block */
    uint64_t per_miniblock; /* values */
    uint64_t first;
} delta_header;

static uint64_t unzigzag(uint64_t value)
{
    return value >> 1 ^ (0 - (value & 1));
}

static rv_code read_header(rvi_pqr_cursor *cursor, uint32_t n, delta_header *out, rv_error *err)
{
    uint64_t block = 0, miniblocks = 0, count = 0, first = 0;
    if (!rvi_pqr_varint(cursor, &block) || !rvi_pqr_varint(cursor, &miniblocks) ||
        !rvi_pqr_varint(cursor, &count) || !rvi_pqr_varint(cursor, &first))
        return rv_fail(err, RV_E_FILE_DAMAGED, "the header of delta-encoded integers is cut off");
    if (block == 0 || block > UINT32_MAX || block % 128 != 0 || miniblocks == 0 || block % miniblocks != 0 ||
        block / miniblocks % 32 != 0)
        return rv_fail(err, RV_E_FILE_DAMAGED, "delta-encoded integers in blocks of %llu in %llu parts",
                       (unsigned long long)block, (unsigned long long)miniblocks);
    if (count != n)
        return rv_fail(err, RV_E_FILE_DAMAGED, "%llu delta-encoded integers where %u should be",
                       (unsigned long long)count, n);
    *out = (delta_header){
        .n_miniblocks = miniblocks, .per_miniblock = block / miniblocks, .first = unzigzag(first)};
    return RV_OK;
}

/* Where decoded integers go: one of the two. */
typedef struct delta_output {
    uint32_t *as32;
    uint64_t *as64;
    uint64_t last;
} delta_output;

static void add_values(delta_output *out, const uint64_t *distances, uint64_t smallest, size_t n)
{
    uint64_t last = out->last;
    if (out->as64 != NULL) {
        for (size_t i = 0; i < n; i++)
            out->as64[i] = last += distances[i] + smallest;
        out->as64 += n;
    } else {
        for (size_t i = 0; i < n; i++)
            out->as32[i] = (uint32_t)(last += distances[i] + smallest);
        out->as32 += n;
    }
    out->last = last;
}

/* The n values that count of the miniblock at the cursor. */
static rv_code read_miniblock(rvi_pqr_cursor *cursor, const delta_header *header, unsigned width,
                              uint64_t smallest, uint64_t n, delta_output *out, rv_error *err)
{
    if (width > MAX_BITS)
        return rv_fail(err, RV_E_FILE_DAMAGED, "delta-encoded integers of %u bits", width);
    uint64_t bytes = header->per_miniblock / 8 * width; /* below 2^32 / 8 * 64 */
    if (bytes > rvi_pqr_left(cursor))
        return rv_fail(err, RV_E_FILE_DAMAGED, "%zu bytes are left of a miniblock of %llu",
                       rvi_pqr_left(cursor), (unsigned long long)bytes);
    uint64_t distances[STEP];
    for (uint64_t done = 0; done < n;) {
        size_t step = n - done < STEP ? (size_t)(n - done) : STEP;
        rvi_pqr_unpack64(cursor->at + done / 8 * width, cursor->end, (int)width, distances, step);
        add_values(out, distances, smallest, step);
        done += step;
    }
    cursor->at += bytes;
    return RV_OK;
}

static rv_code read_block(rvi_pqr_cursor *cursor, const delta_header *header, uint64_t *n_left,
                          delta_output *out, rv_error *err)
{
    uint64_t smallest = 0;
    if (!rvi_pqr_varint(cursor, &smallest) || header->n_miniblocks > rvi_pqr_left(cursor))
        return rv_fail(err, RV_E_FILE_DAMAGED, "the bytes end before the last %llu delta-encoded integers",
                       (unsigned long long)*n_left);
    const uint8_t *widths = cursor->at;
    cursor->at += header->n_miniblocks;
    for (uint64_t m = 0; *n_left > 0 && m < header->n_miniblocks; m++) {
        uint64_t n = header->per_miniblock < *n_left ? header->per_miniblock : *n_left;
        RV_TRY(read_miniblock(cursor, header, widths[m], unzigzag(smallest), n, out, err));
        *n_left -= n;
    }
    return RV_OK;
}

/* n >= 1 integers to `out`; the cursor ends behind the last miniblock. */
static rv_code read_integers(rvi_pqr_cursor *cursor, uint32_t n, delta_output out, rv_error *err)
{
    delta_header header = {0};
    RV_TRY(read_header(cursor, n, &header, err));
    add_values(&out, &header.first, 0, 1);
    for (uint64_t n_left = n - 1; n_left > 0;)
        RV_TRY(read_block(cursor, &header, &n_left, &out, err));
    return RV_OK;
}

rv_code rvi_pqr_delta_binary_packed(const rvi_pqr_page_input *in, rvi_pqr_space *space, rvi_pqr_values *out,
                                    rv_error *err)
{
    rvi_pqr_cursor cursor = {in->bytes, in->bytes + in->len};
    uint32_t width = rvi_pqr_value_width(in->physical, 0);
    RV_TRY(rvi_pqr_room(&space->values, in->n_values, width, err));
    delta_output to = {0};
    if (width == 4)
        to.as32 = (uint32_t *)(void *)space->values.data;
    else
        to.as64 = (uint64_t *)(void *)space->values.data;
    RV_TRY(read_integers(&cursor, in->n_values, to, err));
    *out = (rvi_pqr_values){
        .n = in->n_values, .width = width, .fixed = space->values.data, .n_trailing = rvi_pqr_left(&cursor)};
    return RV_OK;
}

/* n lengths into `buf`, each 0..INT32_MAX. */
static rv_code read_lengths(rvi_pqr_cursor *cursor, uint32_t n, rvi_pq_buf *buf, uint32_t **out,
                            rv_error *err)
{
    RV_TRY(rvi_pqr_room(buf, n, sizeof(uint32_t), err));
    uint32_t *lengths = (uint32_t *)(void *)buf->data;
    RV_TRY(read_integers(cursor, n, (delta_output){.as32 = lengths}, err));
    for (uint32_t i = 0; i < n; i++)
        if (lengths[i] > INT32_MAX)
            return rv_fail(err, RV_E_FILE_DAMAGED, "value %u of %u has a length of %d bytes", i, n,
                           (int32_t)lengths[i]);
    *out = lengths;
    return RV_OK;
}

rv_code rvi_pqr_delta_length(const rvi_pqr_page_input *in, rvi_pqr_space *space, rvi_pqr_values *out,
                             rv_error *err)
{
    rvi_pqr_cursor cursor = {in->bytes, in->bytes + in->len};
    uint32_t *lengths = NULL;
    RV_TRY(read_lengths(&cursor, in->n_values, &space->numbers, &lengths, err));
    RV_TRY(rvi_pqr_room(&space->spans, in->n_values, sizeof(rvi_pqr_span), err));
    rvi_pqr_span *spans = (rvi_pqr_span *)(void *)space->spans.data;
    size_t at = 0, left = rvi_pqr_left(&cursor);
    for (uint32_t i = 0; i < in->n_values; i++) {
        if (lengths[i] > left - at)
            return rv_fail(err, RV_E_FILE_DAMAGED, "value %u of %u has %u bytes where %zu are left", i,
                           in->n_values, lengths[i], left - at);
        spans[i] = (rvi_pqr_span){.at = (uint32_t)at, .len = lengths[i]};
        at += lengths[i];
    }
    *out = (rvi_pqr_values){.n = in->n_values, .data = cursor.at, .spans = spans, .n_trailing = left - at};
    return RV_OK;
}

/* What the texts are made of: of each, the length shared with the text before, and that of the rest. */
typedef struct delta_parts {
    const uint32_t *prefixes, *suffixes;
    rvi_pqr_cursor bytes; /* of the suffixes */
} delta_parts;

/* Where every text will lie, as spans; *n_suffix_bytes: how far the suffixes reach. */
static rv_code lay_out(const rvi_pqr_page_input *in, const delta_parts *parts, rvi_pqr_span *spans,
                       size_t *n_suffix_bytes, rv_error *err)
{
    uint64_t total = 0, suffixes = 0, before = 0, left = rvi_pqr_left(&parts->bytes);
    for (uint32_t i = 0; i < in->n_values; i++) {
        uint64_t prefix = parts->prefixes[i], len = prefix + parts->suffixes[i];
        suffixes += parts->suffixes[i];
        if (prefix > before)
            return rv_fail(err, RV_E_FILE_DAMAGED, "value %u shares %llu bytes with one of %llu", i,
                           (unsigned long long)prefix, (unsigned long long)before);
        if (suffixes > left)
            return rv_fail(err, RV_E_FILE_DAMAGED, "the bytes end inside of value %u of %u", i, in->n_values);
        if (in->physical == RV_PARQUET_FIXED && len != in->width)
            return rv_fail(err, RV_E_FILE_DAMAGED, "value %u has %llu bytes where all have %u", i,
                           (unsigned long long)len, in->width);
        if (total + len > INT32_MAX)
            return rv_fail(err, RV_E_LIMIT_EXCEEDED, "one page decodes to more than %d bytes", INT32_MAX);
        spans[i] = (rvi_pqr_span){.at = (uint32_t)total, .len = (uint32_t)len};
        total += len;
        before = len;
    }
    *n_suffix_bytes = (size_t)suffixes;
    return RV_OK;
}

static void put_together(const delta_parts *parts, const rvi_pqr_span *spans, uint32_t n, uint8_t *to)
{
    const uint8_t *suffix = parts->bytes.at, *before = to;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t *text = to + spans[i].at;
        memcpy(text, before, parts->prefixes[i]);
        memcpy(text + parts->prefixes[i], suffix, parts->suffixes[i]);
        suffix += parts->suffixes[i];
        before = text;
    }
}

rv_code rvi_pqr_delta_strings(const rvi_pqr_page_input *in, rvi_pqr_space *space, rvi_pqr_values *out,
                              rv_error *err)
{
    rvi_pqr_cursor cursor = {in->bytes, in->bytes + in->len};
    uint32_t *prefixes = NULL, *suffixes = NULL, n = in->n_values;
    RV_TRY(read_lengths(&cursor, n, &space->numbers, &prefixes, err));
    RV_TRY(read_lengths(&cursor, n, &space->more, &suffixes, err));
    delta_parts parts = {prefixes, suffixes, cursor};
    size_t n_suffix_bytes = 0;
    RV_TRY(rvi_pqr_room(&space->spans, n, sizeof(rvi_pqr_span), err));
    rvi_pqr_span *spans = (rvi_pqr_span *)(void *)space->spans.data;
    RV_TRY(lay_out(in, &parts, spans, &n_suffix_bytes, err));
    size_t total = (size_t)spans[n - 1].at + spans[n - 1].len;
    RV_TRY(rvi_pqr_room(&space->values, total > 0 ? total : 1, 1, err)); /* never without an address */
    put_together(&parts, spans, n, space->values.data);
    *out = (rvi_pqr_values){.n = n, .n_trailing = rvi_pqr_left(&cursor) - n_suffix_bytes};
    if (in->physical == RV_PARQUET_FIXED) {
        out->width = in->width;
        out->fixed = space->values.data;
    } else {
        out->data = space->values.data;
        out->spans = spans;
    }
    return RV_OK;
}
