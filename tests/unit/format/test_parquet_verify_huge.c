/* Files with values that are larger than the budget: they are read back all the same, held as seldom as can be, and
 * nothing that is wrong about them is missed. */
#include "parquet_file.h"

#include "fault.h"

enum { MIB = 1 << 20, HUGE_VALUE = 12 * MIB, LIMIT = 4 * MIB, N_FIELDS = 2 };

typedef struct written {
    rv_field fields[N_FIELDS];
    rv_schema schema;
    rv_format_config format;
    memory_sink sink;
    uint64_t sums[N_FIELDS];
} written;

static void append_row(rv_batch *batch, int64_t id, const uint8_t *value, size_t len)
{
    rv_column *v = &batch->columns[1];
    rv_column *texts = v->child != NULL ? v->child : v;
    assert_int_equal(rv_batch_begin_row(batch, NULL), RV_OK);
    rv_column_append_i64(&batch->columns[0], id);
    if (v->child != NULL)
        assert_int_equal(rv_column_reserve(v->child, 1, NULL), RV_OK);
    assert_int_equal(rv_column_append_bytes(texts, value, len, NULL), RV_OK);
    if (v->child != NULL)
        assert_int_equal(rv_column_close_list(v, NULL), RV_OK);
    rv_batch_end_row(batch);
}

/* One huge value of letters without a pattern behind a run of `m`, NULLs, and small values before and after it. */
static void append_rows(rv_batch *batch, const char *small)
{
    enum { RUN = 100 };
    uint64_t random = 5;
    uint8_t *value = malloc(HUGE_VALUE);
    assert_non_null(value);
    for (size_t i = 0; i < HUGE_VALUE; i++)
        value[i] = i < RUN ? 'm' : (uint8_t)(next_random(&random) % 64 + '!');
    for (int64_t id = 0; id < 30; id++) {
        if (id == 14)
            append_row(batch, id, value, HUGE_VALUE);
        else
            append_row(batch, id, (const uint8_t *)small, strlen(small));
    }
    assert_int_equal(rv_batch_begin_row(batch, NULL), RV_OK);
    rv_column_append_i64(&batch->columns[0], 30);
    assert_int_equal(rv_column_append_null(&batch->columns[1], NULL), RV_OK);
    rv_batch_end_row(batch);
    free(value);
}

static void write_file(written *w, rv_type type, rv_codec codec, const char *small)
{
    *w = (written){.fields = {field_of("id", scalar(RV_TYPE_INT64), false), field_of("v", type, true)},
                   .format = {.kind = RV_FORMAT_PARQUET, .codec = codec},
                   .sink = memory_sink_open(2 * (size_t)HUGE_VALUE)};
    w->schema = (rv_schema){.fields = w->fields, .n_fields = N_FIELDS, .origin = "t"};
    RV_AUTO(rv_batch_free) rv_batch *batch = NULL;
    RV_AUTO(rv_writer_close) rv_writer *writer = NULL;
    rv_writer_options options = {.format = &w->format, .schema = &w->schema, .memory_bytes = 64 * MIB};
    rv_writer_stats stats;
    assert_int_equal(rv_batch_new(&batch, &w->schema, NULL, NULL), RV_OK);
    append_rows(batch, small);
    rv_batch_digest(batch, w->sums);
    assert_int_equal(rv_writer_open(&writer, &w->sink.base, &options, NULL), RV_OK);
    assert_int_equal(rv_writer_write(writer, batch, NULL), RV_OK);
    assert_int_equal(rv_writer_finish(writer, &stats, NULL), RV_OK);
}

/* As the validation of a run does it. */
static rv_code read_back(const written *w, rv_budget *budget, rv_file_facts *facts, rv_error *err)
{
    rv_memory_input input;
    uint64_t sums[N_FIELDS] = {0};
    rv_writer_options options = {.format = &w->format, .schema = &w->schema, .budget = budget};
    rv_budget_init(budget, LIMIT);
    rv_memory_input_init(&input, w->sink.data, w->sink.len, "huge.parquet");
    rv_code rc = rv_format_verify(&input.base, &options, sums, facts, err);
    assert_int_equal(rv_budget_used(budget), 0);
    assert_int_equal(rv_budget_limit(budget), LIMIT); /* what was lent has gone back */
    if (rc == RV_OK && facts->has_sums)
        assert_memory_equal(sums, w->sums, sizeof sums);
    return rc;
}

static void a_huge_value_is_read_back_and_held_twice_at_most(void **state)
{
    (void)state;
    static const struct {
        rv_codec codec;
        rv_type_id type;
    } cases[] = {{RV_CODEC_NONE, RV_TYPE_STRING},
                 {RV_CODEC_ZSTD, RV_TYPE_STRING},
                 {RV_CODEC_GZIP, RV_TYPE_BINARY},
                 {RV_CODEC_SNAPPY, RV_TYPE_BINARY},
                 {RV_CODEC_LZ4, RV_TYPE_STRING}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        written w;
        rv_budget budget;
        rv_file_facts facts = {0};
        rv_error err = {0};
        write_file(&w, scalar(cases[i].type), cases[i].codec, "small");
        rv_code rc = read_back(&w, &budget, &facts, &err);
        if (rc != RV_OK)
            fail_msg("case %zu: %s: %s", i, rv_code_name(rc), err.message);
        assert_true(facts.has_sums);
        assert_int_equal(facts.rows, 31);
        if (rv_budget_peak(&budget) > 2 * HUGE_VALUE + LIMIT)
            fail_msg("case %zu: %zu bytes", i, rv_budget_peak(&budget));
        free(w.sink.data);
    }
}

static void a_huge_element_of_a_list_is_read_back(void **state)
{
    (void)state;
    written w;
    rv_budget budget;
    rv_file_facts facts = {0};
    write_file(&w, list_of(scalar(RV_TYPE_STRING)), RV_CODEC_ZSTD, "small");
    rv_error err = {0};
    rv_code rc = read_back(&w, &budget, &facts, &err);
    if (rc != RV_OK)
        fail_msg("%s: %s", rv_code_name(rc), err.message);
    assert_true(facts.has_sums);
    free(w.sink.data);
}

/* Only who asks for it is lent anything, and the error says where the value stands. */
static void without_lending_the_budget_is_the_limit(void **state)
{
    (void)state;
    written w;
    rv_budget budget;
    rv_memory_input input;
    rv_parquet_report report;
    rv_error err = {0};
    write_file(&w, scalar(RV_TYPE_STRING), RV_CODEC_ZSTD, "small");
    rv_budget_init(&budget, LIMIT);
    rv_memory_input_init(&input, w.sink.data, w.sink.len, "huge.parquet");
    rv_parquet_reader_options options = {.budget = &budget};
    assert_int_equal(rv_parquet_verify(&input.base, &options, NULL, 0, &report, &err), RV_E_MEMORY_BUDGET);
    assert_true(rv_budget_peak(&budget) <= LIMIT);
    assert_int_equal(rv_budget_used(&budget), 0);
    bool has_page = false, has_column = false;
    for (int i = 0; i < err.n_frames; i++) {
        has_page = has_page || strstr(err.frame[i], "page at offset") != NULL;
        has_column = has_column || strstr(err.frame[i], "column 'v'") != NULL;
    }
    assert_true(has_page && has_column);
    free(w.sink.data);
}

/* Makes each bound of the huge value in the file's metadata a little too narrow, one after the other: each is found.
 * A lower one is what the value begins with, an upper one that with its last byte raised. Returns how many there were. */
static int spoil_bounds(written *w)
{
    enum { METADATA = 4096, BOUND = 64 };
    char prefix[BOUND - 1];
    int n = 0;
    memset(prefix, 'm', sizeof prefix);
    for (size_t at = w->sink.len - METADATA; at + BOUND <= w->sink.len; at++) {
        uint8_t *last = w->sink.data + at + BOUND - 1;
        if (memcmp(w->sink.data + at, prefix, sizeof prefix) != 0)
            continue;
        rv_budget budget;
        rv_file_facts facts;
        rv_error err = {0};
        const uint8_t was = *last;
        assert_true(was == 'm' || was == 'n');
        *last = was == 'm' ? 'n' : 'm';
        rv_code rc = read_back(w, &budget, &facts, &err);
        *last = was;
        if (rc != RV_E_FILE_MISMATCH || strstr(err.message, "excludes a value") == NULL)
            fail_msg("bound at %zu: %s: %s", at, rv_code_name(rc), err.message);
        n++;
        at += BOUND - 1;
    }
    return n;
}

static void a_wrong_bound_of_a_huge_value_is_found(void **state)
{
    (void)state;
    written w;
    write_file(&w, scalar(RV_TYPE_STRING), RV_CODEC_NONE, "a"); /* the huge value is the largest */
    assert_true(spoil_bounds(&w) >= 2);                         /* of the chunk and of a page */
    free(w.sink.data);
    write_file(&w, scalar(RV_TYPE_STRING), RV_CODEC_NONE, "z");
    assert_true(spoil_bounds(&w) >= 2);
    free(w.sink.data);
}

static void a_changed_byte_of_a_huge_value_is_found(void **state)
{
    (void)state;
    written w;
    rv_budget budget;
    rv_file_facts facts;
    rv_error err = {0};
    write_file(&w, scalar(RV_TYPE_STRING), RV_CODEC_ZSTD, "small");
    w.sink.data[w.sink.len / 2] ^= 1;
    assert_int_equal(read_back(&w, &budget, &facts, &err), RV_E_FILE_MISMATCH);
    assert_non_null(strstr(err.message, "the bytes have changed"));
    assert_true(rv_budget_peak(&budget) < HUGE_VALUE + LIMIT); /* nothing was decompressed */
    free(w.sink.data);
}

/* A page that says it is huge, in a chunk that says it is not, is lent nothing. */
static void a_page_that_lies_about_its_size_is_lent_nothing(void **state)
{
    (void)state;
    enum { LIE = 1 << 29 };
    made_file f = made_well();
    made_bytes b;
    rv_memory_input input;
    rv_budget budget;
    rv_parquet_report report;
    f.chunks[1].pages[1].raw_delta = LIE;
    f.chunks[1].raw_delta = -LIE;
    f.raw_delta = -LIE;
    made_bytes_of(&f, &b);
    rv_budget_init(&budget, LIMIT);
    rv_memory_input_init(&input, b.out.data, b.out.len, "made.parquet");
    rv_parquet_reader_options options = {.budget = &budget, .lends = true};
    rv_error err = {0};
    assert_int_equal(rv_parquet_verify(&input.base, &options, NULL, 0, &report, &err), RV_OK);
    assert_true(report.n_findings > 0);
    bool found = false;
    for (int64_t i = 0; i < report.n_findings && i < RV_PARQUET_FINDINGS; i++)
        found = found || (report.findings[i].check == RV_PARQUET_CHECK_DAMAGED &&
                          strstr(report.findings[i].text, "all pages of the chunk") != NULL);
    assert_true(found);
    assert_true(rv_budget_peak(&budget) <= LIMIT);
    assert_int_equal(rv_budget_limit(&budget), LIMIT);
    made_free(&b);
}

static void every_failed_allocation_gives_back_what_was_lent(void **state)
{
    (void)state;
    written w;
    write_file(&w, scalar(RV_TYPE_STRING), RV_CODEC_ZSTD, "small");
    for (int n = 1;; n++) {
        rv_budget budget;
        rv_file_facts facts;
        fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
        rv_code rc = read_back(&w, &budget, &facts, NULL); /* asserts it */
        if (!fault_disarm()) {
            assert_int_equal(rc, RV_OK);
            break;
        }
        assert_int_equal(rc, RV_E_OUT_OF_MEMORY);
    }
    free(w.sink.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_huge_value_is_read_back_and_held_twice_at_most),
        cmocka_unit_test(a_huge_element_of_a_list_is_read_back),
        cmocka_unit_test(without_lending_the_budget_is_the_limit),
        cmocka_unit_test(a_wrong_bound_of_a_huge_value_is_found),
        cmocka_unit_test(a_changed_byte_of_a_huge_value_is_found),
        cmocka_unit_test(a_page_that_lies_about_its_size_is_lent_nothing),
        cmocka_unit_test(every_failed_allocation_gives_back_what_was_lent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
