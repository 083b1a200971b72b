/* The decoders against pages of another writer, against damage of every kind, and against memory that runs out. */
#include "decode_support.h"
#include "fault.h"
#include "parquet_pages.h"

enum { N_TEXTS = 9, N_FIXED = 5, N_BOOLEANS = 49, N_INDICES = 27 };

typedef struct golden {
    const char *why;
    int encoding;
    rv_parquet_physical physical;
    uint32_t width;
    const uint8_t *bytes;
    size_t len;
    uint32_t n;
    const void *wanted; /* n values of value_bytes; NULL: text_values, again and again */
    size_t value_bytes;
} golden;

#define PAGE(bytes)   bytes, sizeof bytes
#define VALUES(array) sizeof array / sizeof *array, array, sizeof *array
static const float float_values[] = {0.0f, -0.0f, 1.5f, __builtin_inff(), -1e30f, 3.25f};
static const double double_values[] = {0.0, -0.0, 1.5, __builtin_inf(), -1e30, 3.25};

static const golden goldens[] = {
    {"int32 by differences", RV_PARQUET_DELTA_BINARY_PACKED, RV_PARQUET_INT32, 0, PAGE(delta_i32),
     VALUES(int32_values)},
    {"int64 by differences", RV_PARQUET_DELTA_BINARY_PACKED, RV_PARQUET_INT64, 0, PAGE(delta_i64),
     VALUES(far_values)},
    {"lengths by differences", RV_PARQUET_DELTA_LENGTH_BYTE_ARRAY, RV_PARQUET_BYTE_ARRAY, 0,
     PAGE(delta_length), N_TEXTS, NULL, 0},
    {"shared prefixes", RV_PARQUET_DELTA_BYTE_ARRAY, RV_PARQUET_BYTE_ARRAY, 0, PAGE(delta_strings), N_TEXTS,
     NULL, 0},
    {"shared prefixes, fixed", RV_PARQUET_DELTA_BYTE_ARRAY, RV_PARQUET_FIXED, 5, PAGE(delta_fixed), N_FIXED,
     fixed_values, 5},
    {"split float", RV_PARQUET_BYTE_STREAM_SPLIT, RV_PARQUET_FLOAT, 0, PAGE(split_float),
     VALUES(float_values)},
    {"split double", RV_PARQUET_BYTE_STREAM_SPLIT, RV_PARQUET_DOUBLE, 0, PAGE(split_double),
     VALUES(double_values)},
    {"split int32", RV_PARQUET_BYTE_STREAM_SPLIT, RV_PARQUET_INT32, 0, PAGE(split_i32), VALUES(int32_values)},
    {"split int64", RV_PARQUET_BYTE_STREAM_SPLIT, RV_PARQUET_INT64, 0, PAGE(split_i64), VALUES(int64_values)},
    {"split fixed", RV_PARQUET_BYTE_STREAM_SPLIT, RV_PARQUET_FIXED, 5, PAGE(split_fixed), N_FIXED,
     fixed_values, 5},
    {"plain booleans", RV_PARQUET_PLAIN, RV_PARQUET_BOOLEAN, 0, PAGE(plain_booleans), VALUES(boolean_values)},
    {"booleans in runs", RV_PARQUET_RLE, RV_PARQUET_BOOLEAN, 0, PAGE(rle_booleans), VALUES(boolean_values)},
    {"plain texts", RV_PARQUET_PLAIN, RV_PARQUET_BYTE_ARRAY, 0, PAGE(plain_texts), N_TEXTS, NULL, 0},
    {"dictionary", RV_PARQUET_RLE_DICTIONARY, RV_PARQUET_BYTE_ARRAY, 0, PAGE(indices), N_INDICES, NULL, 0},
    {"dictionary, by its old name", RV_PARQUET_PLAIN_DICTIONARY, RV_PARQUET_BYTE_ARRAY, 0, PAGE(indices),
     N_INDICES, NULL, 0},
    {"plain int64", RV_PARQUET_PLAIN, RV_PARQUET_INT64, 0, (const uint8_t *)int64_values, sizeof int64_values,
     VALUES(int64_values)},
    {"plain int96", RV_PARQUET_PLAIN, RV_PARQUET_INT96, 0, delta_length, 24, 2, delta_length, 12},
    {"plain fixed", RV_PARQUET_PLAIN, RV_PARQUET_FIXED, 5, (const uint8_t *)fixed_values, 25, N_FIXED,
     fixed_values, 5},
};
enum { N_GOLDENS = sizeof goldens / sizeof *goldens };

static void open_golden(decoding *d, const golden *g)
{
    decoding_open(d);
    if (rvi_pqr_uses_dictionary(g->encoding))
        assert_int_equal(decode_dictionary(d, RV_PARQUET_BYTE_ARRAY, 0, PAGE(dictionary), 8), RV_OK);
}

static void assert_values(const golden *g, const rvi_pqr_values *values)
{
    assert_int_equal(values->n, g->n);
    if (g->wanted != NULL) {
        assert_int_equal(values->width, g->value_bytes);
        assert_memory_equal(values->fixed, g->wanted, g->n * g->value_bytes);
        return;
    }
    assert_int_equal(values->width, 0);
    for (uint32_t i = 0; i < g->n; i++) {
        const char *text = text_values[i % N_TEXTS];
        assert_int_equal(values->spans[i].len, strlen(text));
        assert_memory_equal(values->data + values->spans[i].at, text, strlen(text));
    }
}

static void pages_of_another_writer_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_GOLDENS; i++) {
        const golden *g = &goldens[i];
        decoding d;
        open_golden(&d, g);
        if (decode(&d, g->encoding, g->physical, g->width, g->bytes, g->len, g->n) != RV_OK)
            fail_msg("%s: %s", g->why, d.err.message);
        assert_values(g, &d.values);
        assert_int_equal(d.values.n_trailing, 0);
        decoding_close(&d);
    }
}

static void bytes_behind_the_values_are_counted(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_GOLDENS; i++) {
        const golden *g = &goldens[i];
        uint8_t longer[700] = {0};
        assert_true(g->len + 3 <= sizeof longer);
        memcpy(longer, g->bytes, g->len);
        decoding d;
        open_golden(&d, g);
        rv_code rc = decode(&d, g->encoding, g->physical, g->width, longer, g->len + 3, g->n);
        if (g->encoding == RV_PARQUET_BYTE_STREAM_SPLIT) { /* the streams would lie elsewhere */
            assert_int_equal(rc, RV_E_FILE_DAMAGED);
        } else {
            assert_int_equal(rc, RV_OK);
            assert_values(g, &d.values);
            assert_int_equal(d.values.n_trailing, 3);
        }
        decoding_close(&d);
    }
}

static void a_page_cut_off_anywhere_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_GOLDENS; i++) {
        const golden *g = &goldens[i];
        decoding d;
        open_golden(&d, g);
        for (size_t len = 0; len < g->len; len++) {
            /* The last run of the indices is padded by five values, whose bytes may be missing: 2 of 3 bits each. */
            bool is_padding = rvi_pqr_uses_dictionary(g->encoding) && len == g->len - 1;
            rv_code rc = decode(&d, g->encoding, g->physical, g->width, g->bytes, len, g->n);
            assert_int_equal(rc, is_padding ? RV_OK : RV_E_FILE_DAMAGED);
        }
        decoding_close(&d);
    }
}

static void more_values_than_the_page_holds_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_GOLDENS; i++) {
        const golden *g = &goldens[i];
        decoding d;
        open_golden(&d, g);
        rv_code rc = decode(&d, g->encoding, g->physical, g->width, g->bytes, g->len, g->n + 8);
        assert_int_equal(rc, RV_E_FILE_DAMAGED);
        rc = decode(&d, g->encoding, g->physical, g->width, g->bytes, g->len, INT32_MAX);
        assert_true(rc == RV_E_FILE_DAMAGED || rc == RV_E_LIMIT_EXCEEDED);
        decoding_close(&d);
    }
}

static void damaged_pages_are_refused_or_read_within_bounds(void **state)
{
    (void)state;
    uint64_t random = 17;
    for (size_t i = 0; i < N_GOLDENS; i++) {
        const golden *g = &goldens[i];
        decoding d;
        open_golden(&d, g);
        for (int round = 0; round < 3000; round++) {
            uint8_t page[700];
            memcpy(page, g->bytes, g->len);
            size_t len = next_random(&random) % 8 == 0 ? next_random(&random) % (g->len + 1) : g->len;
            for (uint64_t n = next_random(&random) % 3 + 1; n > 0 && len > 0; n--) {
                size_t near = next_random(&random) % 2 == 0 && len > 16 ? 16 : len;
                page[next_random(&random) % near] = (uint8_t)next_random(&random);
            }
            uint32_t n = next_random(&random) % 4 == 0 ? (uint32_t)(next_random(&random) % 2000) : g->n;
            if (decode(&d, g->encoding, g->physical, g->width, page, len, n) == RV_OK) {
                assert_int_equal(d.values.n, n);
                (void)sum_of(&d.values);
            }
        }
        decoding_close(&d);
    }
}

/* Pages that are wrong in one way each. */
typedef struct refusal {
    const char *why;
    int encoding;
    rv_parquet_physical physical;
    uint32_t width;
    uint32_t n;
    rv_code code;
    const char *says; /* part of the message */
    size_t len;
    uint8_t bytes[40];
} refusal;

static const refusal refusals[] = {
    {"unknown encoding", 10, RV_PARQUET_DOUBLE, 0, 1, RV_E_FILE_UNSUPPORTED, "number 10", 8, {0}},
    {"never used number", 1, RV_PARQUET_INT32, 0, 1, RV_E_FILE_UNSUPPORTED, "number 1", 4, {0}},
    {"negative encoding", -1, RV_PARQUET_INT32, 0, 1, RV_E_FILE_UNSUPPORTED, "number -1", 4, {0}},
    {"levels only", RV_PARQUET_BIT_PACKED, RV_PARQUET_INT32, 0, 1, RV_E_FILE_DAMAGED, "BIT_PACKED", 4, {0}},
    {"not for texts",
     RV_PARQUET_DELTA_BINARY_PACKED,
     RV_PARQUET_BYTE_ARRAY,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "not for",
     4,
     {0}},
    {"not for floats",
     RV_PARQUET_DELTA_BINARY_PACKED,
     RV_PARQUET_FLOAT,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "not for",
     4,
     {0}},
    {"not for texts",
     RV_PARQUET_BYTE_STREAM_SPLIT,
     RV_PARQUET_BYTE_ARRAY,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "not for",
     4,
     {0}},
    {"not for integers", RV_PARQUET_RLE, RV_PARQUET_INT32, 0, 1, RV_E_FILE_DAMAGED, "not for", 4, {0}},
    {"not for fixed",
     RV_PARQUET_DELTA_LENGTH_BYTE_ARRAY,
     RV_PARQUET_FIXED,
     4,
     1,
     RV_E_FILE_DAMAGED,
     "not for",
     4,
     {0}},
    {"no width", RV_PARQUET_PLAIN, RV_PARQUET_FIXED, 0, 1, RV_E_FILE_DAMAGED, "0 bytes", 4, {0}},
    {"vast width",
     RV_PARQUET_PLAIN,
     RV_PARQUET_FIXED,
     RVI_PQR_MAX_WIDTH + 1,
     1,
     RV_E_FILE_DAMAGED,
     "fixed length",
     4,
     {0}},
    {"length beyond the page",
     RV_PARQUET_PLAIN,
     RV_PARQUET_BYTE_ARRAY,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "4294967295 bytes where 1 are left",
     5,
     {255, 255, 255, 255, 'a'}},
    {"no dictionary",
     RV_PARQUET_RLE_DICTIONARY,
     RV_PARQUET_INT32,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "without a dictionary",
     3,
     {1, 2, 0}},
    {"no miniblocks",
     RV_PARQUET_DELTA_BINARY_PACKED,
     RV_PARQUET_INT32,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "in blocks of 128 in 0",
     5,
     {0x80, 1, 0, 1, 0}},
    {"no block",
     RV_PARQUET_DELTA_BINARY_PACKED,
     RV_PARQUET_INT32,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "in blocks of 0",
     4,
     {0, 4, 1, 0}},
    {"odd block",
     RV_PARQUET_DELTA_BINARY_PACKED,
     RV_PARQUET_INT32,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "in blocks of 129",
     5,
     {0x81, 1, 1, 1, 0}},
    {"odd miniblock",
     RV_PARQUET_DELTA_BINARY_PACKED,
     RV_PARQUET_INT32,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "128 in 8 parts",
     5,
     {0x80, 1, 8, 1, 0}},
    {"vast block",
     RV_PARQUET_DELTA_BINARY_PACKED,
     RV_PARQUET_INT32,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "in blocks of",
     9,
     {0x80, 0x80, 0x80, 0x80, 0x80, 1, 1, 1, 0}},
    {"fewer than said",
     RV_PARQUET_DELTA_BINARY_PACKED,
     RV_PARQUET_INT32,
     0,
     2,
     RV_E_FILE_DAMAGED,
     "1 delta-encoded",
     5,
     {0x80, 1, 4, 1, 0}},
    {"varint of 11 bytes",
     RV_PARQUET_DELTA_BINARY_PACKED,
     RV_PARQUET_INT32,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "header",
     15,
     {0x80, 1, 4, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1}},
    {"varint of 65 bits",
     RV_PARQUET_DELTA_BINARY_PACKED,
     RV_PARQUET_INT64,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "header",
     14,
     {0x80, 1, 4, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2}},
    {"65 bits",
     RV_PARQUET_DELTA_BINARY_PACKED,
     RV_PARQUET_INT64,
     0,
     2,
     RV_E_FILE_DAMAGED,
     "65 bits",
     10,
     {0x80, 1, 4, 2, 0, 0, 65, 0, 0, 0}},
    {"miniblock cut off",
     RV_PARQUET_DELTA_BINARY_PACKED,
     RV_PARQUET_INT64,
     0,
     2,
     RV_E_FILE_DAMAGED,
     "3 bytes are left of a miniblock of 4",
     13,
     {0x80, 1, 4, 2, 0, 0, 1, 0, 0, 0, 0, 0, 0}},
    {"negative length",
     RV_PARQUET_DELTA_LENGTH_BYTE_ARRAY,
     RV_PARQUET_BYTE_ARRAY,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "length of -1 bytes",
     5,
     {0x80, 1, 4, 1, 1}},
    {"length beyond the page",
     RV_PARQUET_DELTA_LENGTH_BYTE_ARRAY,
     RV_PARQUET_BYTE_ARRAY,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "2 bytes where 1 are left",
     6,
     {0x80, 1, 4, 1, 4, 'a'}},
    {"prefix of nothing",
     RV_PARQUET_DELTA_BYTE_ARRAY,
     RV_PARQUET_BYTE_ARRAY,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "value 0 shares 1 bytes with one of 0",
     11,
     {0x80, 1, 4, 1, 2, 0x80, 1, 4, 1, 2, 'a'}},
    {"negative prefix",
     RV_PARQUET_DELTA_BYTE_ARRAY,
     RV_PARQUET_BYTE_ARRAY,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "-1 bytes",
     11,
     {0x80, 1, 4, 1, 1, 0x80, 1, 4, 1, 2, 'a'}},
    {"suffix beyond the page",
     RV_PARQUET_DELTA_BYTE_ARRAY,
     RV_PARQUET_BYTE_ARRAY,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "end inside of value 0",
     11,
     {0x80, 1, 4, 1, 0, 0x80, 1, 4, 1, 4, 'a'}},
    {"other length than fixed",
     RV_PARQUET_DELTA_BYTE_ARRAY,
     RV_PARQUET_FIXED,
     2,
     1,
     RV_E_FILE_DAMAGED,
     "1 bytes where all have 2",
     11,
     {0x80, 1, 4, 1, 0, 0x80, 1, 4, 1, 2, 'a'}},
    {"streams too long",
     RV_PARQUET_BYTE_STREAM_SPLIT,
     RV_PARQUET_FLOAT,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "8 bytes where 1",
     8,
     {0}},
    {"streams of a broken value",
     RV_PARQUET_BYTE_STREAM_SPLIT,
     RV_PARQUET_FLOAT,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "5 bytes where 1",
     5,
     {0}},
    {"no length word",
     RV_PARQUET_RLE,
     RV_PARQUET_BOOLEAN,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "length word",
     3,
     {2, 0, 0}},
    {"section beyond the page",
     RV_PARQUET_RLE,
     RV_PARQUET_BOOLEAN,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "3 bytes where 2",
     6,
     {3, 0, 0, 0, 2, 1}},
    {"run of nothing",
     RV_PARQUET_RLE,
     RV_PARQUET_BOOLEAN,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "a run of no values",
     6,
     {2, 0, 0, 0, 0, 1}},
    {"packed run of nothing",
     RV_PARQUET_RLE,
     RV_PARQUET_BOOLEAN,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "a run of no values",
     5,
     {1, 0, 0, 0, 1}},
    {"run too long",
     RV_PARQUET_RLE,
     RV_PARQUET_BOOLEAN,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "a run of 2 where 1",
     6,
     {2, 0, 0, 0, 4, 1}},
    {"neither true nor false",
     RV_PARQUET_RLE,
     RV_PARQUET_BOOLEAN,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "the value 2",
     6,
     {2, 0, 0, 0, 2, 2}},
    {"run length of 33 bits",
     RV_PARQUET_RLE,
     RV_PARQUET_BOOLEAN,
     0,
     1,
     RV_E_FILE_DAMAGED,
     "make no run",
     10,
     {6, 0, 0, 0, 0x82, 0x80, 0x80, 0x80, 0x10, 1}},
};

static void what_breaks_the_specification_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const refusal *r = &refusals[i];
        decoding d;
        decoding_open(&d);
        d.values.n = 77;
        assert_int_equal(decode(&d, r->encoding, r->physical, r->width, r->bytes, r->len, r->n), r->code);
        if (strstr(d.err.message, r->says) == NULL)
            fail_msg("%s: \"%s\" is not in \"%s\"", r->why, r->says, d.err.message);
        assert_int_equal(d.values.n, 77); /* a failure leaves the output alone */
        decoding_close(&d);
    }
}

static void indices_outside_of_the_dictionary_are_refused(void **state)
{
    (void)state;
    static const uint8_t in_run[] = {4, 2, 8}, packed[] = {4, 3, 0, 0, 0x08, 0}, wide[] = {33, 2, 0};
    static const uint8_t last[] = {4, 2, 7}, padding[] = {4, 3, 0, 0, 0x80, 0};
    decoding d;
    open_golden(&d, &goldens[13]);
    assert_int_equal(decode(&d, RV_PARQUET_RLE_DICTIONARY, RV_PARQUET_BYTE_ARRAY, 0, last, 3, 1), RV_OK);
    assert_int_equal(decode(&d, RV_PARQUET_RLE_DICTIONARY, RV_PARQUET_BYTE_ARRAY, 0, in_run, 3, 1),
                     RV_E_FILE_DAMAGED);
    assert_non_null(strstr(d.err.message, "the index 8 into a dictionary of 8 entries"));
    assert_int_equal(decode(&d, RV_PARQUET_RLE_DICTIONARY, RV_PARQUET_BYTE_ARRAY, 0, packed, 6, 8),
                     RV_E_FILE_DAMAGED);
    assert_int_equal(decode(&d, RV_PARQUET_RLE_DICTIONARY, RV_PARQUET_BYTE_ARRAY, 0, padding, 6, 5), RV_OK);
    assert_int_equal(decode(&d, RV_PARQUET_RLE_DICTIONARY, RV_PARQUET_BYTE_ARRAY, 0, wide, 3, 1),
                     RV_E_FILE_DAMAGED);
    assert_int_equal(decode(&d, RV_PARQUET_RLE_DICTIONARY, RV_PARQUET_BYTE_ARRAY, 0, NULL, 0, 1),
                     RV_E_FILE_DAMAGED);
    decoding_close(&d);
}

static void a_dictionary_of_one_entry_may_do_without_runs(void **state)
{
    (void)state;
    static const uint8_t bare[] = {0}, with_run[] = {0, 6}, with_group[] = {0, 3};
    decoding d;
    decoding_open(&d);
    assert_int_equal(decode_dictionary(&d, RV_PARQUET_INT64, 0, (const uint8_t *)far_values, 8, 1), RV_OK);
    for (int i = 0; i < 3; i++) {
        const uint8_t *page = i == 0 ? bare : i == 1 ? with_run : with_group;
        assert_int_equal(decode(&d, RV_PARQUET_RLE_DICTIONARY, RV_PARQUET_INT64, 0, page, i == 0 ? 1 : 2, 3),
                         RV_OK);
        for (size_t k = 0; k < 3; k++)
            assert_memory_equal(d.values.fixed + 8 * k, far_values, 8);
    }
    assert_int_equal(decode_dictionary(&d, RV_PARQUET_INT64, 0, NULL, 0, 0), RV_OK); /* nothing to point to */
    assert_int_equal(decode(&d, RV_PARQUET_RLE_DICTIONARY, RV_PARQUET_INT64, 0, bare, 1, 3),
                     RV_E_FILE_DAMAGED);
    decoding_close(&d);
}

static void a_page_without_values_is_empty_whatever_it_holds(void **state)
{
    (void)state;
    static const uint8_t junk[] = {0xff, 0xff, 0xff};
    decoding d;
    decoding_open(&d);
    for (size_t i = 0; i < N_GOLDENS; i++)
        for (size_t len = 0; len <= sizeof junk; len++) {
            const golden *g = &goldens[i];
            assert_int_equal(decode(&d, g->encoding, g->physical, g->width, junk, len, 0), RV_OK);
            assert_int_equal(d.values.n, 0);
            assert_int_equal(d.values.width, rvi_pqr_value_width(g->physical, g->width));
        }
    decoding_close(&d);
}

static void dictionaries_are_plain(void **state)
{
    (void)state;
    rvi_pq_memory memory = {0};
    rvi_pqr_space space;
    rvi_pqr_values values;
    rvi_pqr_page_input in = {.physical = RV_PARQUET_INT32, .bytes = split_i32, .len = 8, .n_values = 2};
    rvi_pqr_space_init(&space, &memory);
    assert_int_equal(rvi_pqr_decode_dictionary(RV_PARQUET_PLAIN_DICTIONARY, &in, &space, &values, NULL),
                     RV_OK);
    assert_int_equal(values.n, 2);
    assert_int_equal(rvi_pqr_decode_dictionary(RV_PARQUET_RLE, &in, &space, &values, NULL),
                     RV_E_FILE_DAMAGED);
    assert_int_equal(rvi_pqr_decode_dictionary(99, &in, &space, &values, NULL), RV_E_FILE_UNSUPPORTED);
    rvi_pqr_space_deinit(&space);
}

/* Lengths in blocks of 128 and one part: `first`, then `then`, the same n - 1 times. */
static void put_lengths(bit_writer *to, uint64_t n, uint64_t first, uint64_t then)
{
    uint64_t smallest = then < first ? then - first : 0;
    put_varint(to, 128);
    put_varint(to, 1);
    put_varint(to, n);
    put_varint(to, first << 1);
    for (uint64_t i = 1; i < n; i += 128) {
        put_varint(to, i == 1 ? smallest << 1 ^ (0 - (smallest >> 63)) : 0);
        put_byte(to, i == 1 ? 10 : 0);
        for (int k = 0; k < 128 && i == 1; k++)
            put_bits(to, (k == 0 ? then - first : 0) - smallest, 10);
    }
}

/* A hundred kilobytes that say three gigabytes: three million texts that share all of the first. */
static void shared_prefixes_cannot_grow_without_end(void **state)
{
    (void)state;
    enum { N = 3000000, BYTES = 1000 };
    static uint8_t page[1 << 18];
    bit_writer to = {.data = page};
    put_lengths(&to, N, 0, BYTES);
    put_lengths(&to, N, BYTES, 0);
    decoding d;
    decoding_open(&d);
    rv_code rc =
        decode(&d, RV_PARQUET_DELTA_BYTE_ARRAY, RV_PARQUET_BYTE_ARRAY, 0, page, to.n_bits / 8 + BYTES, N);
    assert_int_equal(rc, RV_E_LIMIT_EXCEEDED);
    to.n_bits = 0;
    put_lengths(&to, 1000, 0, BYTES);
    put_lengths(&to, 1000, BYTES, 0);
    rc = decode(&d, RV_PARQUET_DELTA_BYTE_ARRAY, RV_PARQUET_BYTE_ARRAY, 0, page, to.n_bits / 8 + BYTES, 1000);
    assert_int_equal(rc, RV_OK);
    for (uint32_t i = 0; i < 1000; i++)
        assert_memory_equal(d.values.data + d.values.spans[i].at, page + to.n_bits / 8, BYTES);
    decoding_close(&d);
}

static void levels_of_another_writer_are_read(void **state)
{
    (void)state;
    static const uint8_t def[] = {1, 0, 1, 0, 0, 1, 1, 1, 1}, list_rep[] = {0, 1, 0, 0, 0, 1},
                         list_def[] = {3, 3, 0, 1, 2, 3};
    uint8_t out[16];
    size_t used = 0, rep_used = 0;
    assert_int_equal(rvi_pqr_levels_v1(RV_PARQUET_RLE, PAGE(nullable_v1), 1, 9, out, &used, NULL), RV_OK);
    assert_memory_equal(out, def, 9);
    assert_int_equal(sizeof nullable_v1 - used, 6 * 4);
    assert_int_equal(rvi_pqr_levels_v1(RV_PARQUET_RLE, PAGE(list_v1), 1, 6, out, &rep_used, NULL), RV_OK);
    assert_memory_equal(out, list_rep, 6);
    assert_int_equal(rvi_pqr_levels_v1(RV_PARQUET_RLE, list_v1 + rep_used, sizeof list_v1 - rep_used, 3, 6,
                                       out, &used, NULL),
                     RV_OK);
    assert_memory_equal(out, list_def, 6);
    assert_int_equal(sizeof list_v1 - rep_used - used, 3 * 4);
}

static void wrong_levels_are_refused(void **state)
{
    (void)state;
    static const uint8_t above[] = {2, 0, 0, 0, 12, 3}, packed_above[] = {2, 0, 0, 0, 3, 0x30};
    uint8_t out[16];
    size_t used = 77;
    rv_error err;
    assert_int_equal(rvi_pqr_levels_v1(RV_PARQUET_RLE, PAGE(above), 2, 6, out, &used, &err),
                     RV_E_FILE_DAMAGED);
    assert_string_equal(err.message, "a level of 3 where 2 is the highest");
    assert_int_equal(rvi_pqr_levels_v1(RV_PARQUET_RLE, packed_above, 6, 2, 4, out, &used, &err),
                     RV_E_FILE_DAMAGED);
    assert_int_equal(rvi_pqr_levels_v1(RV_PARQUET_PLAIN, PAGE(above), 3, 6, out, &used, &err),
                     RV_E_FILE_UNSUPPORTED);
    for (size_t len = 0; len < sizeof above; len++) {
        uint8_t *block = block_of(above, len);
        assert_int_equal(rvi_pqr_levels_v1(RV_PARQUET_RLE, block, len, 3, 6, out, &used, &err),
                         RV_E_FILE_DAMAGED);
        free(block);
    }
    assert_int_equal(used, 77);
}

static void memory_is_asked_for_and_its_lack_reported(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_GOLDENS; i++)
        for (int nth = 1;; nth++) {
            const golden *g = &goldens[i];
            decoding d;
            open_golden(&d, g);
            rvi_pqr_page_input in = {.physical = g->physical,
                                     .width = g->width,
                                     .bytes = g->bytes,
                                     .len = g->len,
                                     .n_values = g->n,
                                     .dictionary = &d.dictionary};
            fault_arm(FAULT_ALLOC, nth, FAULT_TRANSIENT, 0);
            rv_code rc = rvi_pqr_decode(g->encoding, &in, &d.space, &d.values, &d.err);
            bool hit = fault_disarm();
            assert_int_equal(rc, hit ? RV_E_OUT_OF_MEMORY : RV_OK);
            decoding_close(&d);
            if (!hit)
                break;
        }
}

static void the_budget_bounds_what_a_page_decodes_to(void **state)
{
    (void)state;
    /* Nine bytes that say two million times true. */
    static const uint8_t many[] = {5, 0, 0, 0, 0x80, 0x92, 0xf4, 0x01, 1};
    rv_budget budget;
    rv_budget_init(&budget, 1 << 20);
    decoding d;
    decoding_open(&d);
    d.memory.budget = &budget;
    rv_code rc = decode(&d, RV_PARQUET_RLE, RV_PARQUET_BOOLEAN, 0, PAGE(many), 2000000);
    assert_int_equal(rc, RV_E_MEMORY_BUDGET);
    rv_budget_init(&budget, 4 << 20);
    rc = decode(&d, RV_PARQUET_RLE, RV_PARQUET_BOOLEAN, 0, PAGE(many), 2000000);
    assert_int_equal(rc, RV_OK);
    assert_int_equal(sum_of(&d.values), 2000000);
    decoding_close(&d);
    assert_int_equal(rv_budget_used(&budget), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_another_writer_are_read),
        cmocka_unit_test(bytes_behind_the_values_are_counted),
        cmocka_unit_test(a_page_cut_off_anywhere_is_refused),
        cmocka_unit_test(more_values_than_the_page_holds_are_refused),
        cmocka_unit_test(damaged_pages_are_refused_or_read_within_bounds),
        cmocka_unit_test(what_breaks_the_specification_is_named),
        cmocka_unit_test(indices_outside_of_the_dictionary_are_refused),
        cmocka_unit_test(a_dictionary_of_one_entry_may_do_without_runs),
        cmocka_unit_test(a_page_without_values_is_empty_whatever_it_holds),
        cmocka_unit_test(dictionaries_are_plain),
        cmocka_unit_test(shared_prefixes_cannot_grow_without_end),
        cmocka_unit_test(levels_of_another_writer_are_read),
        cmocka_unit_test(wrong_levels_are_refused),
        cmocka_unit_test(memory_is_asked_for_and_its_lack_reported),
        cmocka_unit_test(the_budget_bounds_what_a_page_decodes_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
