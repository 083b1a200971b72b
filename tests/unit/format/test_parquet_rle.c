/* The RLE / bit-packed hybrid against a decoder that goes bit by bit. */
#include "format/parquet/bits.h"
#include "format/parquet/rle.h"
#include "parquet_support.h"

enum { MOST = 3000 };

/* Values with runs of random lengths: 1 (no run) up to several groups. */
static void make_values(uint32_t *values, size_t n, int width, unsigned longest, uint64_t *random)
{
    uint32_t mask = width == 32 ? UINT32_MAX : ((uint32_t)1 << width) - 1;
    for (size_t i = 0; i < n;) {
        uint32_t value = (uint32_t)next_random(random) & mask;
        for (uint64_t run = next_random(random) % longest + 1; run > 0 && i < n; run--)
            values[i++] = value;
    }
}

static void every_width_and_length_reads_back(void **state)
{
    (void)state;
    static uint32_t values[MOST], read[MOST];
    static const size_t lengths[] = {0, 1, 7, 8, 9, 15, 16, 17, 63, 64, 65, 100, 1000, MOST};
    rvi_pq_memory memory = {0};
    rvi_pq_buf out = {.memory = &memory};
    uint64_t random = 7;
    for (int width = 1; width <= 32; width++)
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
            for (unsigned longest = 1; longest <= 256; longest *= 4) {
                make_values(values, lengths[l], width, longest, &random);
                out.len = 0;
                assert_int_equal(rvi_pq_rle_append(values, lengths[l], width, &out, NULL), RV_OK);
                assert_int_equal(decode_hybrid(out.data, out.len, width, read, lengths[l]), out.len);
                assert_memory_equal(values, read, lengths[l] * sizeof *values);
            }
    rvi_pq_buf_free(&out);
}

static void bytes_are_those_of_the_specification(void **state)
{
    (void)state;
    rvi_pq_memory memory = {0};
    rvi_pq_buf out = {.memory = &memory};
    /* Encodings.md: the numbers 0 to 7 in 3 bits are 10001000 11000110 11111010, least significant bit first. */
    static const uint32_t count[] = {0, 1, 2, 3, 4, 5, 6, 7};
    static const uint8_t packed[] = {0x03, 0x88, 0xc6, 0xfa};
    assert_int_equal(rvi_pq_rle_append(count, 8, 3, &out, NULL), RV_OK);
    assert_int_equal(out.len, sizeof packed);
    assert_memory_equal(out.data, packed, sizeof packed);
    /* A full page without NULLs: one run of 20,000 ones. */
    static const uint8_t run[] = {0xc0, 0xb8, 0x02, 0x01};
    out.len = 0;
    assert_int_equal(rvi_pq_rle_append_run(1, 20000, &out, NULL), RV_OK);
    assert_int_equal(out.len, sizeof run);
    assert_memory_equal(out.data, run, sizeof run);
    rvi_pq_buf_free(&out);
}

static void repetition_costs_next_to_nothing_and_the_rest_is_packed(void **state)
{
    (void)state;
    static uint32_t values[MOST];
    rvi_pq_memory memory = {0};
    rvi_pq_buf out = {.memory = &memory};
    for (size_t i = 0; i < MOST; i++)
        values[i] = 5;
    assert_int_equal(rvi_pq_rle_append(values, MOST, 3, &out, NULL), RV_OK);
    assert_int_equal(out.len, 3);
    for (size_t i = 0; i < MOST; i++)
        values[i] = (uint32_t)(i % 8);
    out.len = 0;
    assert_int_equal(rvi_pq_rle_append(values, MOST, 3, &out, NULL), RV_OK);
    assert_int_equal(out.len, MOST * 3 / 8 + 2);
    rvi_pq_buf_free(&out);
}

static void bitmaps_read_back_as_values_of_one_bit(void **state)
{
    (void)state;
    static uint8_t bits[MOST / 8 + 16];
    static uint32_t read[MOST];
    rvi_pq_memory memory = {0};
    rvi_pq_buf out = {.memory = &memory};
    uint64_t random = 11;
    for (int round = 0; round < 400; round++) {
        size_t n = next_random(&random) % MOST + 1;
        uint64_t density = next_random(&random) % 4, longest = next_random(&random) % 300 + 1;
        memset(bits, 0, sizeof bits);
        for (size_t i = 0; i < n;) {
            bool set = next_random(&random) % 4 < density;
            for (uint64_t run = next_random(&random) % longest + 1; run > 0 && i < n; run--, i++)
                bits[i / 8] |= (uint8_t)(set << (i % 8));
        }
        out.len = 0;
        assert_int_equal(rvi_pq_rle_append_bits(bits, n, &out, NULL), RV_OK);
        assert_int_equal(decode_hybrid(out.data, out.len, 1, read, n), out.len);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(read[i], bit_at(bits, i));
    }
    rvi_pq_buf_free(&out);
}

static void a_stream_reads_back_however_its_runs_were_pushed(void **state)
{
    (void)state;
    static uint32_t values[MOST], read[MOST];
    rvi_pq_memory memory = {0};
    rvi_pq_rle_stream stream = {.out = {.memory = &memory}};
    rvi_pq_buf whole = {.memory = &memory};
    uint64_t random = 13;
    for (int round = 0; round < 600; round++) {
        size_t n = next_random(&random) % MOST + 1, at = 0;
        stream.width = round % 8 + 1;
        make_values(values, n, stream.width, (unsigned)(next_random(&random) % 200 + 1), &random);
        rvi_pq_rle_clear(&stream);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(rvi_pq_rle_push(&stream, values[i], 1, NULL), RV_OK);
        assert_int_equal(rvi_pq_rle_finish(&stream, NULL), RV_OK);
        assert_int_equal(decode_hybrid(stream.out.data, stream.out.len, stream.width, read, n),
                         stream.out.len);
        assert_memory_equal(values, read, n * sizeof *values);
        whole.len = 0;
        assert_int_equal(rvi_pq_buf_append(&whole, stream.out.data, stream.out.len, NULL), RV_OK);
        rvi_pq_rle_clear(&stream);
        while (at < n) { /* the same values in pieces as long as they repeat */
            size_t run = 1;
            while (at + run < n && values[at + run] == values[at] && next_random(&random) % 8 > 0)
                run++;
            assert_int_equal(rvi_pq_rle_push(&stream, values[at], run, NULL), RV_OK);
            at += run;
        }
        assert_int_equal(rvi_pq_rle_finish(&stream, NULL), RV_OK);
        assert_int_equal(stream.out.len, whole.len);
        assert_memory_equal(stream.out.data, whole.data, whole.len);
    }
    rvi_pq_buf_free(&whole);
    rvi_pq_buf_free(&stream.out);
    assert_int_equal(memory.used, 0);
}

static void widths_are_those_of_the_largest_value_and_never_zero(void **state)
{
    (void)state;
    assert_int_equal(rvi_pq_bit_width(0), 1);
    assert_int_equal(rvi_pq_bit_width(1), 1);
    for (int k = 1; k < 32; k++) {
        assert_int_equal(rvi_pq_bit_width((uint32_t)1 << k), k + 1);
        assert_int_equal(rvi_pq_bit_width(((uint32_t)1 << k) - 1), k);
    }
    assert_int_equal(rvi_pq_bit_width(UINT32_MAX), 32);
}

static void bits_are_copied_from_and_to_any_place(void **state)
{
    (void)state;
    static uint8_t from[64], to[96];
    uint64_t random = 17;
    for (int round = 0; round < 3000; round++) {
        for (size_t i = 0; i < sizeof from; i++)
            from[i] = (uint8_t)next_random(&random);
        int64_t at = (int64_t)(next_random(&random) % 200), n = (int64_t)(next_random(&random) % 300);
        int64_t to_at = (int64_t)(next_random(&random) % 200);
        memset(to, 0, sizeof to);
        rvi_pq_bits_append_ones(to, 0, to_at);
        rvi_pq_bits_append(to, to_at, from, at, n);
        int64_t ones = 0;
        for (int64_t i = 0; i < n; i++) {
            assert_int_equal(bit_at(to, (size_t)(to_at + i)), bit_at(from, (size_t)(at + i)));
            ones += bit_at(from, (size_t)(at + i));
        }
        for (int64_t i = 0; i < to_at; i++)
            assert_int_equal(bit_at(to, (size_t)i), 1);
        for (int64_t i = to_at + n; i % 8 != 0; i++)
            assert_int_equal(bit_at(to, (size_t)i), 0);
        assert_int_equal(rvi_pq_bits_count(from, at, n), ones);
    }
}

/* Runs are looked for in whole words; one that ends anywhere in a word must end there. */
static void runs_end_where_they_end(void **state)
{
    (void)state;
    enum { N = 64 };
    static uint32_t values[N], read[N];
    static uint8_t bits[N / 8 + 40];
    rvi_pq_memory memory = {0};
    rvi_pq_buf out = {.memory = &memory};
    for (size_t from = 0; from < N; from++)
        for (size_t to = from; to <= N; to++) {
            for (size_t i = 0; i < N; i++)
                values[i] = i >= from && i < to ? 9 : (uint32_t)(i % 7);
            out.len = 0;
            assert_int_equal(rvi_pq_rle_append(values, N, 4, &out, NULL), RV_OK);
            assert_int_equal(decode_hybrid(out.data, out.len, 4, read, N), out.len);
            assert_memory_equal(values, read, sizeof values);
        }
    static uint32_t flags[sizeof bits * 8];
    for (size_t end = 1; end < sizeof bits; end++) {
        memset(bits, 0xff, end);
        memset(bits + end, 0, sizeof bits - end);
        bits[end - 1] = end % 3 == 0 ? 0x5a : 0xff;
        out.len = 0;
        assert_int_equal(rvi_pq_rle_append_bits(bits, sizeof bits * 8, &out, NULL), RV_OK);
        assert_int_equal(decode_hybrid(out.data, out.len, 1, flags, sizeof bits * 8), out.len);
        for (size_t i = 0; i < sizeof bits * 8; i++)
            assert_int_equal(flags[i], bit_at(bits, i));
    }
    rvi_pq_buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_width_and_length_reads_back),
        cmocka_unit_test(runs_end_where_they_end),
        cmocka_unit_test(bytes_are_those_of_the_specification),
        cmocka_unit_test(repetition_costs_next_to_nothing_and_the_rest_is_packed),
        cmocka_unit_test(bitmaps_read_back_as_values_of_one_bit),
        cmocka_unit_test(a_stream_reads_back_however_its_runs_were_pushed),
        cmocka_unit_test(widths_are_those_of_the_largest_value_and_never_zero),
        cmocka_unit_test(bits_are_copied_from_and_to_any_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
