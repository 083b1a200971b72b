/* The kernels of every width against bits taken one by one, from blocks of memory that end where the bits do. */
#include "format/parquet/reader/unpack.h"
#include "parquet_support.h"

enum { MOST = 300, WIDEST = 64 };

static uint64_t value_at(const uint8_t *bits, size_t i, int width)
{
    uint64_t value = 0;
    for (int b = 0; b < width; b++)
        value |= (uint64_t)bit_at(bits, i * (size_t)width + (size_t)b) << b;
    return value;
}

/* n values of `width` random bits, unpacked into words of `bits` bits; `behind`: readable bytes after the last. */
static void check(int bits, int width, size_t n, size_t behind, uint64_t *random)
{
    static uint64_t out[MOST];
    size_t len = (n * (size_t)width + 7) / 8 + behind;
    uint8_t *in = malloc(len > 0 ? len : 1);
    assert_non_null(in);
    for (size_t i = 0; i < len; i++)
        in[i] = (uint8_t)next_random(random);
    memset(out, 0xa5, sizeof out);
    if (bits == 8)
        rvi_pqr_unpack8(in, in + len, width, (uint8_t *)out, n);
    else if (bits == 32)
        rvi_pqr_unpack32(in, in + len, width, (uint32_t *)out, n);
    else
        rvi_pqr_unpack64(in, in + len, width, out, n);
    for (size_t i = 0; i < n; i++) {
        uint64_t value = bits == 8 ? ((uint8_t *)out)[i] : bits == 32 ? ((uint32_t *)out)[i] : out[i];
        assert_int_equal(value, value_at(in, i, width));
    }
    for (size_t i = n * (size_t)bits / 8; i < n * (size_t)bits / 8 + 8; i++)
        assert_int_equal(((uint8_t *)out)[i], 0xa5); /* nothing is written behind the last value */
    free(in);
}

static void every_width_and_length_is_unpacked_and_no_byte_more(void **state)
{
    (void)state;
    static const int word_bits[] = {8, 32, 64};
    uint64_t random = 3;
    for (size_t w = 0; w < 3; w++)
        for (int width = 0; width <= word_bits[w]; width++)
            for (size_t n = 0; n <= 80; n++)
                check(word_bits[w], width, n, 0, &random);
}

static void bytes_behind_the_last_value_change_nothing(void **state)
{
    (void)state;
    static const int word_bits[] = {8, 32, 64};
    uint64_t random = 5;
    for (size_t w = 0; w < 3; w++)
        for (int width = 0; width <= word_bits[w]; width++)
            for (size_t behind = 1; behind <= 24; behind++)
                check(word_bits[w], width, next_random(&random) % (MOST - 8), behind, &random);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_width_and_length_is_unpacked_and_no_byte_more),
        cmocka_unit_test(bytes_behind_the_last_value_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
