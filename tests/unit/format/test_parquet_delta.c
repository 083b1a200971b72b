/* The delta and split encodings and bit packing, against decoders that know nothing but the specification. */
#include "encoding_decoders.h"
#include "format/parquet/bitpack.h"
#include "format/parquet/byte_stream_split.h"
#include "format/parquet/delta.h"

#include "fault.h"

#include <stdio.h>

static const size_t LENGTHS[] = {0,   1,   2,   3,   31,  32,  33,  34,  64,  65,  96,  97,   127,
                                 128, 129, 130, 160, 161, 255, 256, 257, 258, 384, 385, 1000, 3000};
enum { N_LENGTHS = sizeof LENGTHS / sizeof LENGTHS[0], MOST = 3000 };

/* ---- bit packing ---- */

static void every_width_packs_as_bit_by_bit(void **state)
{
    (void)state;
    enum { GROUPS = 9, VALUES = GROUPS * 8 };
    uint64_t random = 1, wide[VALUES];
    uint32_t narrow[VALUES];
    uint8_t out[VALUES * 8 + RVI_PQ_PACK_SLACK + 1];
    for (int width = 0; width <= 64; width++)
        for (size_t n_groups = 0; n_groups <= GROUPS; n_groups++)
            for (size_t offset = 0; offset < 3; offset++) {
                uint64_t mask = width == 64 ? UINT64_MAX : ((uint64_t)1 << width) - 1;
                for (size_t i = 0; i < VALUES; i++) {
                    wide[i] = (i % 3 == 0 ? UINT64_MAX : next_random(&random)) & mask;
                    narrow[i] = (uint32_t)wide[i];
                }
                size_t n_bytes = n_groups * (size_t)width, end = n_bytes + RVI_PQ_PACK_SLACK;
                uint8_t *to = malloc(offset + end); /* so that a sanitizer sees a byte too many */
                assert_non_null(to);
                rvi_pq_pack_u64(wide, n_groups, width, to + offset);
                for (size_t i = 0; i < n_groups * 8; i++)
                    assert_true(read_bits(to + offset, i * (size_t)width, width) == wide[i]);
                memcpy(out, to + offset, n_bytes);
                if (width <= 32) {
                    rvi_pq_pack_u32(narrow, n_groups, width, to + offset);
                    assert_memory_equal(out, to + offset, n_bytes);
                }
                free(to);
            }
}

/* ---- DELTA_BINARY_PACKED ---- */

static void check_i32(const int32_t *values, size_t n)
{
    static uint64_t read[MOST];
    rvi_pq_memory memory = {0};
    rvi_pq_buf out = {.memory = &memory};
    assert_int_equal(rvi_pq_buf_append(&out, "before", 6, NULL), RV_OK);
    assert_int_equal(rvi_pq_delta_append_i32((const uint8_t *)values, n, &out, NULL), RV_OK);
    assert_true(out.len - 6 <= rvi_pq_delta_bound(n, 4));
    assert_int_equal(decode_delta(out.data + 6, out.len - 6, 32, read, n), out.len - 6);
    for (size_t i = 0; i < n; i++)
        assert_int_equal((int32_t)(uint32_t)read[i], values[i]);
    rvi_pq_buf_free(&out);
}

static void check_i64(const int64_t *values, size_t n)
{
    static uint64_t read[MOST];
    rvi_pq_memory memory = {0};
    rvi_pq_buf out = {.memory = &memory};
    assert_int_equal(rvi_pq_delta_append_i64((const uint8_t *)values, n, &out, NULL), RV_OK);
    assert_true(out.len <= rvi_pq_delta_bound(n, 8));
    assert_int_equal(decode_delta(out.data, out.len, 64, read, n), out.len);
    for (size_t i = 0; i < n; i++)
        assert_true((int64_t)read[i] == values[i]);
    rvi_pq_buf_free(&out);
}

/* Differences of every width, for every place where a block, a miniblock or the page may end. */
static void integers_of_every_width_and_count_read_back(void **state)
{
    (void)state;
    static int32_t narrow[MOST];
    static int64_t wide[MOST];
    uint64_t random = 3;
    for (int width = 0; width <= 64; width++) {
        uint64_t mask = width == 64 ? UINT64_MAX : ((uint64_t)1 << width) - 1;
        for (size_t i = 0; i < MOST; i++) {
            wide[i] = (int64_t)(next_random(&random) & mask);
            narrow[i] = (int32_t)(uint32_t)(wide[i]);
        }
        for (size_t l = 0; l < N_LENGTHS; l++) {
            check_i64(wide, LENGTHS[l]);
            if (width <= 32)
                check_i32(narrow, LENGTHS[l]);
        }
    }
}

/* From the smallest to the largest integer and back: differences that do not fit their type wrap, and those of 32-bit
 * integers stay within 32 bits (decode_delta looks at the widths). */
static void extremes_wrap_around(void **state)
{
    (void)state;
    int32_t narrow[300];
    int64_t wide[300];
    for (int i = 0; i < 300; i++) {
        narrow[i] = i % 2 ? INT32_MIN : INT32_MAX;
        wide[i] = i % 2 ? INT64_MIN : INT64_MAX;
    }
    narrow[7] = narrow[8] = 0;
    wide[7] = wide[8] = -1;
    check_i32(narrow, 300);
    check_i64(wide, 300);
    const int32_t sweep[] = {0, INT32_MAX, INT32_MIN, -1, 1, INT32_MIN, INT32_MIN, INT32_MAX};
    check_i32(sweep, 8);
}

static void expect_bytes(const rvi_pq_buf *out, const uint8_t *bytes, size_t len)
{
    assert_int_equal(out->len, len);
    assert_memory_equal(out->data, bytes, len);
}

/* The examples of Encodings.md, "Delta Encoding", in blocks of 128 with 4 miniblocks. */
static void bytes_are_those_of_the_specification(void **state)
{
    (void)state;
    rvi_pq_memory memory = {0};
    rvi_pq_buf out = {.memory = &memory};
    /* Example 1: 1, 2, 3, 4, 5: header 128, 4, 5, 1 (zigzag 2); smallest difference 1 (zigzag 2), all widths 0. */
    static const int32_t rising[] = {1, 2, 3, 4, 5};
    static const uint8_t rising_bytes[] = {0x80, 0x01, 4, 5, 2, 2, 0, 0, 0, 0};
    assert_int_equal(rvi_pq_delta_append_i32((const uint8_t *)rising, 5, &out, NULL), RV_OK);
    expect_bytes(&out, rising_bytes, sizeof rising_bytes);
    /* Example 2: 7, 5, 3, 1, 2, 3, 4, 5: differences -2 -2 -2 1 1 1 1; smallest -2 (zigzag 3), width 2, the rest
     * above it 0 0 0 3 3 3 3: bits 00 00 00 11 | 11 11 11 from the right, then padding up to 32 values. */
    static const int64_t turning[] = {7, 5, 3, 1, 2, 3, 4, 5};
    static const uint8_t turning_bytes[] = {0x80, 0x01, 4,    8, 14, 3, 2, 0, 0,
                                            0,    0xc0, 0x3f, 0, 0,  0, 0, 0, 0};
    out.len = 0;
    assert_int_equal(rvi_pq_delta_append_i64((const uint8_t *)turning, 8, &out, NULL), RV_OK);
    expect_bytes(&out, turning_bytes, sizeof turning_bytes);
    static const uint8_t none[] = {0x80, 0x01, 4, 0, 0};
    out.len = 0;
    assert_int_equal(rvi_pq_delta_append_i64(NULL, 0, &out, NULL), RV_OK);
    expect_bytes(&out, none, sizeof none);
    /* "Delta-length byte array": Hello, World, Foobar, ABCDEF: lengths 5 5 6 6, then the bytes. */
    static const uint8_t hello[] = "\5\0\0\0Hello\5\0\0\0World\6\0\0\0Foobar\6\0\0\0ABCDEF";
    static const uint8_t hello_lengths[] = {0x80, 0x01, 4, 4, 10, 0, 1, 0, 0, 0, 0x02, 0, 0, 0};
    rvi_pq_byte_arrays arrays = {.values = hello, .len = sizeof hello - 1, .n = 4};
    out.len = 0;
    assert_int_equal(rvi_pq_delta_length_append(&arrays, &out, NULL), RV_OK);
    assert_memory_equal(out.data, hello_lengths, sizeof hello_lengths);
    assert_int_equal(out.len, sizeof hello_lengths + 22);
    assert_memory_equal(out.data + sizeof hello_lengths, "HelloWorldFoobarABCDEF", 22);
    /* "Delta Strings": axis, axle, babble, babyhood: prefixes 0 2 0 3, suffixes axis, le, babble, yhood. */
    static const uint8_t axis[] = "\4\0\0\0axis\4\0\0\0axle\6\0\0\0babble\10\0\0\0babyhood";
    rvi_pq_buf scratch = {.memory = &memory};
    arrays = (rvi_pq_byte_arrays){.values = axis, .len = sizeof axis - 1, .n = 4};
    out.len = 0;
    assert_int_equal(rvi_pq_delta_bytes_append(&arrays, &scratch, &out, NULL), RV_OK);
    uint64_t numbers[4];
    size_t at = decode_delta(out.data, out.len, 32, numbers, 4);
    assert_true(numbers[0] == 0 && numbers[1] == 2 && numbers[2] == 0 && numbers[3] == 3);
    at += decode_delta(out.data + at, out.len - at, 32, numbers, 4);
    assert_true(numbers[0] == 4 && numbers[1] == 2 && numbers[2] == 6 && numbers[3] == 5);
    assert_int_equal(out.len - at, 17);
    assert_memory_equal(out.data + at, "axislebabbleyhood", 17);
    rvi_pq_buf_free(&out);
    rvi_pq_buf_free(&scratch);
}

static void sorted_keys_cost_next_to_nothing(void **state)
{
    (void)state;
    static int64_t keys[MOST];
    rvi_pq_memory memory = {0};
    rvi_pq_buf out = {.memory = &memory};
    for (int i = 0; i < MOST; i++)
        keys[i] = 1000000007LL * i;
    assert_int_equal(rvi_pq_delta_append_i64((const uint8_t *)keys, MOST, &out, NULL), RV_OK);
    assert_true(out.len < 300);
    rvi_pq_buf_free(&out);
}

/* ---- byte arrays ---- */

typedef enum shape { EMPTY, SHORT, LONG, SHARED, SAME, N_SHAPES } shape;

/* n values as PLAIN; fixed: of `width` bytes each. Returns their bytes; the caller frees *out. */
static size_t make_arrays(shape how, size_t n, size_t width, uint8_t **out)
{
    enum { LONGEST = 700 };
    uint64_t random = n * 31 + how;
    size_t len = 0;
    uint8_t *to = malloc(n * (LONGEST + 4) + 1), value[LONGEST] = {0};
    assert_non_null(to);
    for (size_t i = 0; i < n; i++) {
        static const unsigned longest[N_SHAPES] = {1, 20, LONGEST, 40, 1};
        size_t value_len = how == SAME ? 33 : (size_t)(next_random(&random) % longest[how]);
        value_len = width > 0 ? width : value_len;
        size_t kept = how == SAME ? value_len : how == SHARED ? (size_t)(next_random(&random) % 40) : 0;
        for (size_t k = kept; k < value_len; k++)
            value[k] = (uint8_t)next_random(&random);
        uint32_t word = (uint32_t)value_len;
        if (width == 0) {
            memcpy(to + len, &word, 4);
            len += 4;
        }
        memcpy(to + len, value, value_len);
        len += value_len;
    }
    *out = to;
    return len;
}

static void check_arrays(const uint8_t *plain, size_t len, size_t n, size_t width)
{
    rvi_pq_memory memory = {0};
    rvi_pq_buf out = {.memory = &memory}, scratch = {.memory = &memory};
    rvi_pq_byte_arrays arrays = {.values = plain, .len = len, .n = n, .width = width};
    uint8_t *read = malloc(len + 1);
    assert_non_null(read);
    if (width == 0) {
        assert_int_equal(rvi_pq_delta_length_append(&arrays, &out, NULL), RV_OK);
        assert_int_equal(decode_suffixes(out.data, out.len, n, 0, NULL, read), len);
        assert_memory_equal(read, plain, len);
    }
    out.len = 0;
    assert_int_equal(rvi_pq_delta_bytes_append(&arrays, &scratch, &out, NULL), RV_OK);
    assert_int_equal(decode_delta_bytes(out.data, out.len, n, width, read), len);
    assert_memory_equal(read, plain, len);
    free(read);
    rvi_pq_buf_free(&out);
    rvi_pq_buf_free(&scratch);
    assert_int_equal(memory.used, 0);
}

static void byte_arrays_of_every_shape_and_count_read_back(void **state)
{
    (void)state;
    for (shape how = EMPTY; how < N_SHAPES; how++)
        for (size_t l = 0; l < N_LENGTHS; l++) {
            uint8_t *plain = NULL;
            size_t len = make_arrays(how, LENGTHS[l], 0, &plain);
            check_arrays(plain, len, LENGTHS[l], 0);
            free(plain);
            len = make_arrays(how, LENGTHS[l], 16, &plain);
            check_arrays(plain, len, LENGTHS[l], 16);
            free(plain);
        }
}

static void shared_prefixes_are_counted_in_full(void **state)
{
    (void)state;
    /* Lengths around the 8 bytes that are compared at a time. */
    for (size_t shared = 0; shared <= 40; shared++) {
        uint8_t plain[2 * (4 + 41)];
        for (size_t v = 0; v < 2; v++) {
            uint32_t word = 41;
            memcpy(plain + v * 45, &word, 4);
            memset(plain + v * 45 + 4, 'x', 41);
            plain[v * 45 + 4 + shared] = (uint8_t)('a' + v);
        }
        rvi_pq_byte_arrays arrays = {.values = plain, .len = sizeof plain, .n = 2};
        assert_int_equal(rvi_pq_shared_prefixes(&arrays, 2), shared);
        assert_int_equal(rvi_pq_shared_prefixes(&arrays, 1), 0);
    }
}

/* ---- BYTE_STREAM_SPLIT ---- */

static void every_width_and_count_is_split(void **state)
{
    (void)state;
    uint8_t plain[300 * 32];
    uint64_t random = 5;
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = (uint8_t)next_random(&random);
    for (size_t width = 1; width <= 32; width++)
        for (size_t n = 0; n <= 300; n = n < 20 ? n + 1 : n * 2) {
            rvi_pq_memory memory = {0};
            rvi_pq_buf out = {.memory = &memory};
            assert_int_equal(rvi_pq_split_append(plain, n, width, &out, NULL), RV_OK);
            assert_int_equal(out.len, n * width);
            for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < width; k++)
                    assert_int_equal(out.data[k * n + i], plain[i * width + k]);
            rvi_pq_buf_free(&out);
        }
}

/* The example of Encodings.md, "Byte Stream Split": three values of four bytes. */
static void split_bytes_are_those_of_the_specification(void **state)
{
    (void)state;
    static const uint8_t in[] = {0xaa, 0xbb, 0xcc, 0xdd, 0x00, 0x11, 0x22, 0x33, 0xa3, 0xb4, 0xc5, 0xd6};
    static const uint8_t expected[] = {0xaa, 0x00, 0xa3, 0xbb, 0x11, 0xb4,
                                       0xcc, 0x22, 0xc5, 0xdd, 0x33, 0xd6};
    rvi_pq_memory memory = {0};
    rvi_pq_buf out = {.memory = &memory};
    assert_int_equal(rvi_pq_split_append(in, 3, 4, &out, NULL), RV_OK);
    expect_bytes(&out, expected, sizeof expected);
    rvi_pq_buf_free(&out);
}

/* ---- failures ---- */

static rv_code encode_all(rvi_pq_buf *scratch, rvi_pq_buf *out, rv_error *err)
{
    static const int64_t numbers[200] = {1, 5, 2};
    static const uint8_t texts[] = "\4\0\0\0axis\4\0\0\0axle";
    rvi_pq_byte_arrays arrays = {.values = texts, .len = sizeof texts - 1, .n = 2};
    RV_TRY(rvi_pq_delta_append_i64((const uint8_t *)numbers, 200, out, err));
    RV_TRY(rvi_pq_delta_append_i32((const uint8_t *)numbers, 400, out, err));
    RV_TRY(rvi_pq_delta_length_append(&arrays, out, err));
    RV_TRY(rvi_pq_delta_bytes_append(&arrays, scratch, out, err));
    return rvi_pq_split_append((const uint8_t *)numbers, 200, 8, out, err);
}

static void running_out_of_memory_is_an_error_and_leaves_nothing(void **state)
{
    (void)state;
    for (int n = 1;; n++) {
        rvi_pq_memory memory = {0};
        rvi_pq_buf out = {.memory = &memory}, scratch = {.memory = &memory};
        rv_error err = {0};
        fault_arm(FAULT_ALLOC, n, FAULT_PERSISTENT, 0);
        rv_code rc = encode_all(&scratch, &out, &err);
        bool hit = fault_disarm();
        assert_int_equal(rc, hit ? RV_E_OUT_OF_MEMORY : RV_OK);
        rvi_pq_buf_free(&out);
        rvi_pq_buf_free(&scratch);
        assert_int_equal(memory.used, 0);
        if (!hit)
            break;
        assert_true(n < 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_width_packs_as_bit_by_bit),
        cmocka_unit_test(integers_of_every_width_and_count_read_back),
        cmocka_unit_test(extremes_wrap_around),
        cmocka_unit_test(bytes_are_those_of_the_specification),
        cmocka_unit_test(sorted_keys_cost_next_to_nothing),
        cmocka_unit_test(byte_arrays_of_every_shape_and_count_read_back),
        cmocka_unit_test(shared_prefixes_are_counted_in_full),
        cmocka_unit_test(every_width_and_count_is_split),
        cmocka_unit_test(split_bytes_are_those_of_the_specification),
        cmocka_unit_test(running_out_of_memory_is_an_error_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
