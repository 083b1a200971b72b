/* Which encoding a column's data gets, what `compat` forbids, and what the user may name. */
#include "format/parquet/rowgroup.h"
#include "parquet_support.h"

#include "rivet/hash.h"

#include "fault.h"

#include <stdio.h>

enum { MIB = 1 << 20, ROWS = 30000 };

/* One column's values: the row's number to a value. */
typedef void (*filler)(rv_column *column, int64_t row);

/* Files here have no limit. */
static rv_code append_all(rvi_pq_group *group, const rv_batch *batch, rvi_pq_output *out, rv_error *err)
{
    int64_t n_taken = 0;
    return rvi_pq_group_append(group, batch, 0, &n_taken, out, err);
}

static uint64_t noise(int64_t row)
{
    uint64_t random = (uint64_t)row;
    return next_random(&random);
}

static void put_text(rv_column *column, const char *text)
{
    assert_int_equal(rv_column_append_bytes(column, text, strlen(text), NULL), RV_OK);
}

static void sorted_ids(rv_column *column, int64_t row)
{
    rv_column_append_i64(column, row * 3 + 1000000);
}
static void random_wide(rv_column *column, int64_t row)
{
    rv_column_append_i64(column, (int64_t)noise(row));
}
static void few_numbers(rv_column *column, int64_t row)
{
    rv_column_append_i64(column, (int64_t)(noise(row) % 500 * 1000003));
}
static void limited_numbers(rv_column *column, int64_t row) /* a set that a page has not seen all of */
{
    rv_column_append_i64(column, (int64_t)(noise((int64_t)(noise(row) % 9000)) | 1));
}
static void random_uuids(rv_column *column, int64_t row)
{
    uint64_t half[2] = {noise(row), noise(row + 1000000)};
    rv_column_append_fixed(column, half, sizeof half);
}
static void few_uuids(rv_column *column, int64_t row)
{
    random_uuids(column, (int64_t)(noise(row) % 50));
}
static void sorted_urls(rv_column *column, int64_t row)
{
    char text[64];
    snprintf(text, sizeof text, "https://shop.example.com/catalogue/items/%08d/%02x", (int)row,
             (unsigned)noise(row) & 255);
    put_text(column, text);
}
static void random_names(rv_column *column, int64_t row)
{
    char text[64];
    snprintf(text, sizeof text, "%llx", (unsigned long long)noise(row) >> noise(row) % 40);
    put_text(column, text);
}
static void few_words(rv_column *column, int64_t row)
{
    static const char *const words[] = {"new", "paid", "shipped", "delivered", "returned"};
    put_text(column, words[noise(row) % 5]);
}
static void smooth_doubles(rv_column *column, int64_t row)
{
    double value = 1000.0 + (double)row / 7.0;
    rv_column_append_fixed(column, &value, sizeof value);
}
static void few_doubles(rv_column *column, int64_t row)
{
    double value = (double)(noise(row) % 50) / 10.0;
    rv_column_append_fixed(column, &value, sizeof value);
}
static void long_flags(rv_column *column, int64_t row)
{
    rv_column_append_bool(column, row / 5000 % 2 == 0);
}
static void random_flags(rv_column *column, int64_t row)
{
    rv_column_append_bool(column, noise(row) % 2 == 0);
}
static void long_prose(rv_column *column, int64_t row)
{
    char text[420];
    for (size_t i = 0; i + 1 < sizeof text; i++)
        text[i] = (char)('a' + noise(row * 500 + (int64_t)i) % 20);
    text[sizeof text - 1] = '\0';
    put_text(column, text);
}
static void big_decimals(rv_column *column, int64_t row)
{
    rv_int256 number;
    assert_true(rv_int256_from_i64(row * 1000, 30, 2, &number));
    rv_column_append_decimal(column, &number);
}

typedef struct one_column {
    rv_field field;
    rv_schema schema;
    rv_format_config format;
    rv_parquet_column named;
} one_column;

static void open_one(one_column *c, rv_type type, rv_parquet_compat compat, rv_parquet_encoding encoding)
{
    *c = (one_column){.field = field_of("x", type, true), .format = {.kind = RV_FORMAT_PARQUET}};
    c->schema = (rv_schema){.fields = &c->field, .n_fields = 1, .origin = "t"};
    c->format.codec = RV_CODEC_ZSTD;
    c->format.parquet.compat = compat;
    c->named = (rv_parquet_column){.column = "x", .encoding = encoding};
    if (encoding != RV_ENCODING_AUTO) {
        c->format.parquet.columns = &c->named;
        c->format.parquet.n_columns = 1;
    }
}

static rv_batch *fill(const one_column *c, filler put, int64_t from, int64_t to)
{
    rv_batch *batch = NULL;
    assert_int_equal(rv_batch_new(&batch, &c->schema, NULL, NULL), RV_OK);
    for (int64_t row = from; row < to; row++) {
        assert_int_equal(rv_batch_begin_row(batch, NULL), RV_OK);
        if (row % 11 == 5)
            assert_int_equal(rv_column_append_null(&batch->columns[0], NULL), RV_OK);
        else
            put(&batch->columns[0], row);
        rv_batch_end_row(batch);
    }
    return batch;
}

/* Pages of the first row group by encoding, as they are before they are written. */
static void count_pages(one_column *c, filler put, int32_t n_pages_of[RVI_PQ_ENCODINGS])
{
    rvi_pq_group group;
    rvi_pq_output out;
    memory_sink sink = memory_sink_open(64 * MIB);
    rvi_pq_group_options options = {.schema = &c->schema,
                                    .codec = c->format.codec,
                                    .parquet = &c->format.parquet,
                                    .memory_bytes = 24 * MIB};
    assert_int_equal(rvi_pq_group_init(&group, &options, NULL), RV_OK);
    assert_int_equal(rvi_pq_output_init(&out, &sink.base, &group.held, NULL), RV_OK);
    rv_batch *batch = fill(c, put, 0, ROWS);
    assert_int_equal(append_all(&group, batch, &out, NULL), RV_OK);
    assert_int_equal(rvi_pq_column_close_page(&group.columns[0], &group.work, NULL), RV_OK);
    memcpy(n_pages_of, group.columns[0].n_pages_of, sizeof group.columns[0].n_pages_of);
    rv_batch_free(batch);
    rvi_pq_output_deinit(&out);
    rvi_pq_group_deinit(&group);
    free(sink.data);
}

typedef struct expectation {
    const char *why;
    filler put;
    rv_type_id type;
    rv_parquet_compat compat;
    rv_parquet_encoding named;
    rvi_pq_encoding_id expected; /* of every page */
} expectation;

enum {
    DEFAULT = RV_PARQUET_DEFAULT,
    MAX = RV_PARQUET_MAX,
    MODERN = RV_PARQUET_MODERN,
    AUTO = RV_ENCODING_AUTO
};

#define DEFAULT RV_PARQUET_DEFAULT
#define MAX     RV_PARQUET_MAX
#define MODERN  RV_PARQUET_MODERN
#define AUTO    RV_ENCODING_AUTO
/* clang-format off */
static const expectation EXPECTATIONS[] = {
    {"sorted keys", sorted_ids, RV_TYPE_INT64, DEFAULT, AUTO, RVI_PQ_DELTA_BINARY_PACKED},
    {"sorted times", sorted_ids, RV_TYPE_TIMESTAMP_TZ, DEFAULT, AUTO, RVI_PQ_DELTA_BINARY_PACKED},
    {"sorted keys for every reader", sorted_ids, RV_TYPE_INT64, MAX, AUTO, RVI_PQ_PLAIN},
    {"numbers without any order", random_wide, RV_TYPE_INT64, DEFAULT, AUTO, RVI_PQ_PLAIN},
    {"few numbers", few_numbers, RV_TYPE_INT64, DEFAULT, AUTO, RVI_PQ_RLE_DICTIONARY},
    {"few numbers for every reader", few_numbers, RV_TYPE_INT64, MAX, AUTO, RVI_PQ_RLE_DICTIONARY},
    {"a limited set of wide numbers", limited_numbers, RV_TYPE_INT64, DEFAULT, AUTO, RVI_PQ_RLE_DICTIONARY},
    {"random uuids", random_uuids, RV_TYPE_UUID, DEFAULT, AUTO, RVI_PQ_PLAIN},
    {"random uuids, all encodings", random_uuids, RV_TYPE_UUID, MODERN, AUTO, RVI_PQ_PLAIN},
    {"few uuids", few_uuids, RV_TYPE_UUID, DEFAULT, AUTO, RVI_PQ_RLE_DICTIONARY},
    {"sorted texts with shared beginnings", sorted_urls, RV_TYPE_STRING, DEFAULT, AUTO, RVI_PQ_DELTA_BYTE_ARRAY},
    {"the same for every reader", sorted_urls, RV_TYPE_STRING, MAX, AUTO, RVI_PQ_PLAIN},
    {"distinct short texts", random_names, RV_TYPE_STRING, DEFAULT, AUTO, RVI_PQ_DELTA_LENGTH_BYTE_ARRAY},
    {"distinct short texts for every reader", random_names, RV_TYPE_STRING, MAX, AUTO, RVI_PQ_PLAIN},
    {"few words", few_words, RV_TYPE_STRING, DEFAULT, AUTO, RVI_PQ_RLE_DICTIONARY},
    {"long texts", long_prose, RV_TYPE_STRING, DEFAULT, AUTO, RVI_PQ_PLAIN},
    {"smooth doubles: Spark cannot read them split", smooth_doubles, RV_TYPE_FLOAT64, DEFAULT, AUTO, RVI_PQ_PLAIN},
    {"smooth doubles", smooth_doubles, RV_TYPE_FLOAT64, MODERN, AUTO, RVI_PQ_BYTE_STREAM_SPLIT},
    {"few doubles", few_doubles, RV_TYPE_FLOAT64, DEFAULT, AUTO, RVI_PQ_RLE_DICTIONARY},
    {"flags in long runs", long_flags, RV_TYPE_BOOL, MODERN, AUTO, RVI_PQ_RLE},
    {"flags in long runs for older readers", long_flags, RV_TYPE_BOOL, DEFAULT, AUTO, RVI_PQ_PLAIN},
    {"flags at random", random_flags, RV_TYPE_BOOL, MODERN, AUTO, RVI_PQ_PLAIN},
    /* What the user names wins over data and compat. */
    {"named delta", random_wide, RV_TYPE_INT64, MAX, RV_ENCODING_DELTA, RVI_PQ_DELTA_BINARY_PACKED},
    {"named plain", few_numbers, RV_TYPE_INT64, DEFAULT, RV_ENCODING_PLAIN, RVI_PQ_PLAIN},
    {"named dictionary", random_wide, RV_TYPE_INT64, DEFAULT, RV_ENCODING_DICTIONARY, RVI_PQ_RLE_DICTIONARY},
    {"named delta_length", few_words, RV_TYPE_STRING, MAX, RV_ENCODING_DELTA_LENGTH, RVI_PQ_DELTA_LENGTH_BYTE_ARRAY},
    {"named delta_byte_array", few_words, RV_TYPE_STRING, MAX, RV_ENCODING_DELTA_BYTE_ARRAY, RVI_PQ_DELTA_BYTE_ARRAY},
    {"named delta_byte_array, fixed", few_uuids, RV_TYPE_UUID, MAX, RV_ENCODING_DELTA_BYTE_ARRAY, RVI_PQ_DELTA_BYTE_ARRAY},
    {"named split", few_doubles, RV_TYPE_FLOAT64, MAX, RV_ENCODING_BYTE_STREAM_SPLIT, RVI_PQ_BYTE_STREAM_SPLIT},
    {"named rle", random_flags, RV_TYPE_BOOL, MAX, RV_ENCODING_RLE, RVI_PQ_RLE},
};
/* clang-format on */
enum { N_EXPECTATIONS = sizeof EXPECTATIONS / sizeof EXPECTATIONS[0] };

static void the_data_decide_within_what_is_allowed(void **state)
{
    (void)state;
    int n_wrong = 0;
    for (int i = 0; i < N_EXPECTATIONS; i++) {
        const expectation *e = &EXPECTATIONS[i];
        int32_t n_pages_of[RVI_PQ_ENCODINGS];
        one_column c;
        open_one(&c, scalar(e->type), e->compat, e->named);
        count_pages(&c, e->put, n_pages_of);
        for (int k = 0; k < RVI_PQ_ENCODINGS; k++)
            if ((n_pages_of[k] > 0) != (k == (int)e->expected)) {
                print_error("%s: %d pages of encoding %d\n", e->why, (int)n_pages_of[k], k);
                n_wrong++;
            }
    }
    assert_int_equal(n_wrong, 0);
}

/* Beyond its limit a dictionary takes no more; the rest of the chunk is what it would be without one. */
static void unlimited_numbers(rv_column *column, int64_t row)
{
    if (row < 20000)
        few_numbers(column, row);
    else
        sorted_ids(column, row);
}

static void pages_behind_a_full_dictionary_have_the_best_other_encoding(void **state)
{
    (void)state;
    int32_t n_pages_of[RVI_PQ_ENCODINGS];
    one_column c;
    rvi_pq_group group;
    rvi_pq_output out;
    memory_sink sink = memory_sink_open(64 * MIB);
    open_one(&c, scalar(RV_TYPE_INT64), RV_PARQUET_DEFAULT, RV_ENCODING_AUTO);
    rvi_pq_group_options options = {
        .schema = &c.schema, .codec = c.format.codec, .parquet = &c.format.parquet, .memory_bytes = 24 * MIB};
    assert_int_equal(rvi_pq_group_init(&group, &options, NULL), RV_OK);
    assert_int_equal(rvi_pq_output_init(&out, &sink.base, &group.held, NULL), RV_OK);
    rv_batch *batch = fill(&c, unlimited_numbers, 0, 250000);
    assert_int_equal(append_all(&group, batch, &out, NULL), RV_OK);
    assert_int_equal(rvi_pq_column_close_page(&group.columns[0], &group.work, NULL), RV_OK);
    memcpy(n_pages_of, group.columns[0].n_pages_of, sizeof n_pages_of);
    assert_int_equal(group.columns[0].dict_state, RVI_PQ_DICT_FULL);
    assert_true(n_pages_of[RVI_PQ_RLE_DICTIONARY] > 0 && n_pages_of[RVI_PQ_DELTA_BINARY_PACKED] > 0);
    assert_int_equal(n_pages_of[RVI_PQ_PLAIN], 0);
    rv_batch_free(batch);
    rvi_pq_output_deinit(&out);
    rvi_pq_group_deinit(&group);
    free(sink.data);
}

/* ---- determinism and failures ---- */

static rv_code write_rows(const one_column *c, filler put, uint64_t seed, rv_sink *sink, rv_error *err)
{
    RV_AUTO(rv_writer_close) rv_writer *writer = NULL;
    rv_writer_options options = {.format = &c->format, .schema = &c->schema, .memory_bytes = MIB};
    rv_writer_stats stats;
    RV_TRY(rv_writer_open(&writer, sink, &options, err));
    for (int64_t row = 0; row < ROWS;) {
        int64_t n = seed == 0 ? ROWS : (int64_t)(next_random(&seed) % 3000 + 1);
        n = n < ROWS - row ? n : ROWS - row;
        rv_batch *batch = fill(c, put, row, row + n);
        rv_code rc = rv_writer_write(writer, batch, err);
        rv_batch_free(batch);
        RV_TRY(rc);
        row += n;
    }
    return rv_writer_finish(writer, &stats, err);
}

static void the_choice_does_not_depend_on_batches(void **state)
{
    (void)state;
    for (int i = 0; i < N_EXPECTATIONS; i++) {
        const expectation *e = &EXPECTATIONS[i];
        uint64_t expected = 0;
        one_column c;
        if (e->put == long_prose)
            continue; /* slow to make, and nothing that the others do not show */
        open_one(&c, scalar(e->type), e->compat, e->named);
        for (uint64_t seed = 0; seed < 3; seed++) {
            memory_sink sink = memory_sink_open(16 * MIB);
            assert_int_equal(write_rows(&c, e->put, seed, &sink.base, NULL), RV_OK);
            uint64_t hash = rv_xxh3(sink.data, sink.len, 0);
            if (seed > 0 && hash != expected)
                fail_msg("%s: other batches, other bytes", e->why);
            expected = hash;
            free(sink.data);
        }
    }
}

static rv_code write_batch(const one_column *c, const rv_batch *batch, rv_sink *sink, rv_error *err)
{
    RV_AUTO(rv_writer_close) rv_writer *writer = NULL;
    rv_writer_options options = {.format = &c->format, .schema = &c->schema, .memory_bytes = MIB};
    rv_writer_stats stats;
    RV_TRY(rv_writer_open(&writer, sink, &options, err));
    RV_TRY(rv_writer_write(writer, batch, err));
    return rv_writer_finish(writer, &stats, err);
}

static void running_out_of_memory_while_choosing_is_an_error(void **state)
{
    (void)state;
    static const filler fillers[] = {limited_numbers, sorted_urls, random_names};
    static const rv_type_id types[] = {RV_TYPE_INT64, RV_TYPE_STRING, RV_TYPE_STRING};
    for (int i = 0; i < 3; i++) {
        one_column c;
        open_one(&c, scalar(types[i]), RV_PARQUET_MODERN, RV_ENCODING_AUTO);
        rv_batch *batch = fill(&c, fillers[i], 0, 3000);
        for (int n = 1;; n++) {
            memory_sink sink = memory_sink_open(4 * MIB);
            fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
            rv_code rc = write_batch(&c, batch, &sink.base, NULL);
            bool hit = fault_disarm();
            free(sink.data);
            assert_true(!hit || rc == RV_E_OUT_OF_MEMORY);
            if (!hit) {
                assert_int_equal(rc, RV_OK);
                break;
            }
            assert_true(n < 1000);
        }
        rv_batch_free(batch);
    }
}

static void a_name_that_does_not_fit_is_refused_with_those_that_do(void **state)
{
    (void)state;
    static const struct {
        rv_type type;
        rv_parquet_encoding named;
        const char *allowed;
    } cases[] = {
        {{.id = RV_TYPE_STRING},
         RV_ENCODING_DELTA,
         "allowed are plain, dictionary, delta_length, delta_byte_array"},
        {{.id = RV_TYPE_INT64}, RV_ENCODING_RLE, "allowed are plain, dictionary, delta, byte_stream_split"},
        {{.id = RV_TYPE_FLOAT32}, RV_ENCODING_DELTA, "allowed are plain, dictionary, byte_stream_split"},
        {{.id = RV_TYPE_BOOL}, RV_ENCODING_DICTIONARY, "allowed are plain, rle"},
        {{.id = RV_TYPE_UUID},
         RV_ENCODING_DELTA_LENGTH,
         "allowed are plain, dictionary, delta_byte_array, byte_stream_split"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        one_column c;
        rv_error err = {0};
        rv_writer *writer = NULL;
        memory_sink sink = memory_sink_open(MIB);
        open_one(&c, cases[i].type, RV_PARQUET_MODERN, cases[i].named);
        rv_writer_options options = {.format = &c.format, .schema = &c.schema, .memory_bytes = MIB};
        assert_int_equal(rv_format_check(&c.format, &c.schema, &err), RV_E_CONFIG_VALUE);
        assert_non_null(strstr(err.message, "column 'x'"));
        assert_non_null(strstr(err.message, cases[i].allowed));
        assert_int_equal(rv_writer_open(&writer, &sink.base, &options, NULL), RV_E_CONFIG_VALUE);
        free(sink.data);
    }
}

static void wide_decimals_are_fixed_bytes_to_the_encodings(void **state)
{
    (void)state;
    int32_t n_pages_of[RVI_PQ_ENCODINGS];
    one_column c;
    open_one(&c, decimal(30, 2), RV_PARQUET_DEFAULT, RV_ENCODING_AUTO);
    count_pages(&c, big_decimals, n_pages_of);
    assert_true(n_pages_of[RVI_PQ_PLAIN] > 0 && n_pages_of[RVI_PQ_DELTA_BYTE_ARRAY] == 0);
    open_one(&c, decimal(30, 2), RV_PARQUET_MODERN, RV_ENCODING_AUTO);
    count_pages(&c, big_decimals, n_pages_of);
    assert_int_equal(n_pages_of[RVI_PQ_PLAIN], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_data_decide_within_what_is_allowed),
        cmocka_unit_test(pages_behind_a_full_dictionary_have_the_best_other_encoding),
        cmocka_unit_test(the_choice_does_not_depend_on_batches),
        cmocka_unit_test(running_out_of_memory_while_choosing_is_an_error),
        cmocka_unit_test(a_name_that_does_not_fit_is_refused_with_those_that_do),
        cmocka_unit_test(wide_decimals_are_fixed_bytes_to_the_encodings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
