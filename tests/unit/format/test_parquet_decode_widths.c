/* What bit-packed encodings hold, at every width, written bit by bit here and read by the decoders. */
#include "decode_support.h"

enum { MOST = 700, PAGE_BYTES = 1 << 16 };

static uint8_t page[PAGE_BYTES];

/* Runs of both kinds in turn: repeated values, and groups of 8. Returns the length. */
static size_t write_hybrid(const uint32_t *values, size_t n, int width, uint64_t *random, bit_writer *to)
{
    for (size_t at = 0; at < n;) {
        size_t same = 1, left = n - at;
        while (same < left && values[at + same] == values[at])
            same++;
        if (same >= 8 || next_random(random) % 4 == 0) {
            put_varint(to, same << 1);
            put_bits(to, values[at], (width + 7) / 8 * 8);
            at += same;
            continue;
        }
        size_t groups = next_random(random) % 5 + 1;
        if (groups * 8 > left + 7)
            groups = (left + 7) / 8;
        put_varint(to, groups << 1 | 1);
        for (size_t i = 0; i < groups * 8; i++)
            put_bits(to, at + i < n ? values[at + i] : 0, width);
        at += groups * 8;
    }
    return to->n_bits / 8;
}

static void make_values(uint32_t *values, size_t n, uint64_t below, uint64_t *random)
{
    for (size_t i = 0; i < n;) {
        uint32_t value = (uint32_t)(next_random(random) % below);
        size_t run = next_random(random) % 3 == 0 ? next_random(random) % 40 + 1 : 1;
        for (; run > 0 && i < n; run--)
            values[i++] = value;
    }
}

static void dictionary_indices_of_every_width_are_looked_up(void **state)
{
    (void)state;
    static uint32_t indices[MOST];
    static uint8_t entries[4 * 4096];
    uint64_t random = 3;
    decoding d;
    decoding_open(&d);
    for (size_t i = 0; i < 4096; i++) {
        uint32_t entry = (uint32_t)i * 2654435761u;
        memcpy(entries + 4 * i, &entry, 4);
    }
    for (int width = 0; width <= 32; width++)
        for (size_t n = 1; n < MOST; n += n < 20 ? 1 : 97) {
            uint32_t n_entries = width < 12 ? (uint32_t)1 << width : 4096;
            assert_int_equal(decode_dictionary(&d, RV_PARQUET_INT32, 0, entries, n_entries * 4, n_entries),
                             RV_OK);
            make_values(indices, n, n_entries, &random);
            bit_writer to = {.data = page};
            put_byte(&to, (uint8_t)width);
            size_t len = write_hybrid(indices, n, width, &random, &to);
            assert_int_equal(
                decode(&d, RV_PARQUET_RLE_DICTIONARY, RV_PARQUET_INT32, 0, page, len, (uint32_t)n), RV_OK);
            assert_int_equal(d.values.n, n);
            assert_int_equal(d.values.width, 4);
            assert_int_equal(d.values.n_trailing, 0);
            for (size_t i = 0; i < n; i++)
                assert_memory_equal(d.values.fixed + 4 * i, entries + 4 * (size_t)indices[i], 4);
        }
    decoding_close(&d);
}

static void entries_of_every_size_are_looked_up(void **state)
{
    (void)state;
    static uint8_t entries[9 * 40];
    uint64_t random = 5;
    decoding d;
    decoding_open(&d);
    for (size_t i = 0; i < sizeof entries; i++)
        entries[i] = (uint8_t)next_random(&random);
    for (uint32_t width = 1; width <= 40; width++) {
        static const uint8_t indices[] = {4, 0x03, 0x10, 0x32, 0x54, 0x76, 0x02, 0x08}; /* 0..7 and 8 */
        assert_int_equal(decode_dictionary(&d, RV_PARQUET_FIXED, width, entries, 9 * width, 9), RV_OK);
        assert_int_equal(
            decode(&d, RV_PARQUET_PLAIN_DICTIONARY, RV_PARQUET_FIXED, width, indices, sizeof indices, 9),
            RV_OK);
        assert_int_equal(d.values.width, width);
        assert_memory_equal(d.values.fixed, entries, 9 * width);
    }
    decoding_close(&d);
}

static void levels_of_every_width_are_read(void **state)
{
    (void)state;
    static uint32_t levels[MOST];
    static uint8_t out[MOST];
    uint64_t random = 7;
    for (uint32_t max = 1; max <= RVI_PQR_MAX_LEVEL; max += max < 20 ? 1 : 47) {
        int width = rvi_pqr_level_width(max);
        assert_true(max >> width == 0 && max >> (width - 1) == 1);
        make_values(levels, MOST, max + 1, &random);
        bit_writer to = {.data = page};
        put_bits(&to, 0, 32);
        size_t len = write_hybrid(levels, MOST, width, &random, &to), used = 0, n_trailing = 0;
        for (size_t i = 0; i < 4; i++)
            page[i] = (uint8_t)((len - 4) >> (8 * i));
        page[len] = 0x77; /* what follows the section */
        assert_int_equal(rvi_pqr_levels_v1(RV_PARQUET_RLE, page, len + 1, max, MOST, out, &used, NULL),
                         RV_OK);
        assert_int_equal(used, len);
        for (size_t i = 0; i < MOST; i++)
            assert_int_equal(out[i], levels[i]);
        memset(out, 0xff, sizeof out);
        assert_int_equal(rvi_pqr_levels_v2(page + 4, len - 3, max, MOST, out, &n_trailing, NULL), RV_OK);
        assert_int_equal(n_trailing, 1);
        for (size_t i = 0; i < MOST; i++)
            assert_int_equal(out[i], levels[i]);
    }
    assert_int_equal(rvi_pqr_level_width(0), 0);
}

static void old_levels_are_read_most_significant_bit_first(void **state)
{
    (void)state;
    /* Encodings.md: the numbers 0 to 7 in 3 bits are 00000101 00111001 01110111. */
    static const uint8_t packed[] = {0x05, 0x39, 0x77};
    uint8_t out[8];
    size_t used = 0;
    assert_int_equal(rvi_pqr_levels_v1(RV_PARQUET_BIT_PACKED, packed, 3, 7, 8, out, &used, NULL), RV_OK);
    assert_int_equal(used, 3);
    for (int i = 0; i < 8; i++)
        assert_int_equal(out[i], i);
    assert_int_equal(rvi_pqr_levels_v1(RV_PARQUET_BIT_PACKED, packed, 3, 7, 3, out, &used, NULL), RV_OK);
    assert_int_equal(used, 2);
    assert_int_equal(rvi_pqr_levels_v1(RV_PARQUET_BIT_PACKED, packed, 2, 7, 8, out, &used, NULL),
                     RV_E_FILE_DAMAGED);
    assert_int_equal(rvi_pqr_levels_v1(RV_PARQUET_BIT_PACKED, packed, 3, 6, 8, out, &used, NULL),
                     RV_E_FILE_DAMAGED);
}

/* Blocks of `block` values in `parts`, distances of exactly `width` bits; out: the integers, as 64 bits. */
static size_t write_deltas(uint64_t *out, size_t n, int width, size_t block, size_t parts, uint64_t *random)
{
    bit_writer to = {.data = page};
    uint64_t first = next_random(random), smallest = 0;
    put_varint(&to, block);
    put_varint(&to, parts);
    put_varint(&to, n);
    put_varint(&to, first << 1 ^ (0 - (first >> 63)));
    out[0] = first;
    for (size_t i = 1; i < n; i++) {
        if ((i - 1) % block == 0) {
            smallest = next_random(random);
            put_varint(&to, smallest << 1 ^ (0 - (smallest >> 63)));
            for (size_t m = 0; m < parts; m++) /* of those without values, anything */
                put_byte(&to, (uint8_t)(i + m * (block / parts) < n ? width : 255));
        }
        uint64_t distance = low_bits(next_random(random), width);
        out[i] = out[i - 1] + smallest + distance;
        put_bits(&to, distance, width);
    }
    size_t last_part = (n - 1) % (block / parts);
    for (size_t i = last_part; last_part > 0 && i < block / parts; i++)
        put_bits(&to, 0, width);
    return to.n_bits / 8;
}

static void integers_by_differences_are_read_at_every_width(void **state)
{
    (void)state;
    static const size_t shapes[][2] = {{128, 4}, {128, 1}, {256, 8}, {1024, 2}};
    static uint64_t wanted[MOST];
    uint64_t random = 11;
    decoding d;
    decoding_open(&d);
    for (int width = 0; width <= 64; width++)
        for (size_t s = 0; s < 4; s++)
            for (size_t n = 1; n < MOST; n = n * 3 / 2 + 1) {
                size_t len = write_deltas(wanted, n, width, shapes[s][0], shapes[s][1], &random);
                rv_code rc =
                    decode(&d, RV_PARQUET_DELTA_BINARY_PACKED, RV_PARQUET_INT64, 0, page, len, (uint32_t)n);
                assert_int_equal(rc, RV_OK);
                assert_int_equal(d.values.n_trailing, 0);
                assert_memory_equal(d.values.fixed, wanted, n * 8);
                rc = decode(&d, RV_PARQUET_DELTA_BINARY_PACKED, RV_PARQUET_INT32, 0, page, len, (uint32_t)n);
                assert_int_equal(rc, RV_OK);
                for (size_t i = 0; i < n; i++) { /* 32 bits are the low half of the same sums */
                    uint32_t low = (uint32_t)wanted[i];
                    assert_memory_equal(d.values.fixed + 4 * i, &low, 4);
                }
            }
    decoding_close(&d);
}

static void split_streams_of_every_width_are_joined(void **state)
{
    (void)state;
    static uint8_t split[64 * 200], wanted[64 * 200];
    static const size_t counts[] = {1, 2, 7, 63, 64, 65, 200};
    uint64_t random = 13;
    decoding d;
    decoding_open(&d);
    for (size_t width = 1; width <= 64; width++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            size_t n = counts[c];
            for (size_t i = 0; i < n * width; i++) {
                wanted[i] = (uint8_t)next_random(&random);
                split[i % width * n + i / width] = wanted[i];
            }
            rv_code rc = decode(&d, RV_PARQUET_BYTE_STREAM_SPLIT, RV_PARQUET_FIXED, (uint32_t)width, split,
                                n * width, (uint32_t)n);
            assert_int_equal(rc, RV_OK);
            assert_memory_equal(d.values.fixed, wanted, n * width);
        }
    decoding_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dictionary_indices_of_every_width_are_looked_up),
        cmocka_unit_test(entries_of_every_size_are_looked_up),
        cmocka_unit_test(levels_of_every_width_are_read),
        cmocka_unit_test(old_levels_are_read_most_significant_bit_first),
        cmocka_unit_test(integers_by_differences_are_read_at_every_width),
        cmocka_unit_test(split_streams_of_every_width_are_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
