#include "csv_support.h"

#include "fault.h"

#include <zlib.h>
#include <zstd.h>

static void assert_content(const memory_sink *sink, const char *expected)
{
    assert_int_equal(sink->bytes.len, strlen(expected));
    assert_memory_equal(sink->bytes.data, expected, strlen(expected));
}

/* ---- values ---- */

typedef struct type_case {
    rv_type type;
    const char *text; /* as rv_column_append_text() reads it */
    const char *csv;
} type_case;

static const type_case type_cases[] = {
    {{.id = RV_TYPE_BOOL}, "t", "true"},
    {{.id = RV_TYPE_BOOL}, "f", "false"},
    {{.id = RV_TYPE_INT16}, "-32768", "-32768"},
    {{.id = RV_TYPE_INT32}, "2147483647", "2147483647"},
    {{.id = RV_TYPE_INT64}, "-9223372036854775808", "-9223372036854775808"},
    {{.id = RV_TYPE_INT64}, "0", "0"},
    {{.id = RV_TYPE_UINT64}, "18446744073709551615", "18446744073709551615"},
    {{.id = RV_TYPE_FLOAT32}, "0.1", "0.1"},
    {{.id = RV_TYPE_FLOAT64}, "0.1", "0.1"},
    {{.id = RV_TYPE_FLOAT64}, "NaN", "NaN"},
    {{.id = RV_TYPE_FLOAT64}, "-inf", "-inf"},
    {{.id = RV_TYPE_DECIMAL, .precision = 9, .scale = 2}, "-0.5", "-0.50"},
    {{.id = RV_TYPE_DECIMAL, .precision = 18, .scale = 0}, "7", "7"},
    {{.id = RV_TYPE_DECIMAL, .precision = 38, .scale = 10},
     "1234567890123456789012345678.0123456789",
     "1234567890123456789012345678.0123456789"},
    {{.id = RV_TYPE_DECIMAL, .precision = 76, .scale = 38},
     "-12345678901234567890123456789012345678.98765432109876543210987654321098765432",
     "-12345678901234567890123456789012345678.98765432109876543210987654321098765432"},
    {{.id = RV_TYPE_DATE}, "0001-01-01", "0001-01-01"},
    {{.id = RV_TYPE_DATE}, "4713-01-01 BC", "-4712-01-01"},
    {{.id = RV_TYPE_TIME}, "09:30:00.5", "09:30:00.500000"},
    {{.id = RV_TYPE_TIMESTAMP}, "1969-12-31 23:59:59.999999", "1969-12-31T23:59:59.999999"},
    {{.id = RV_TYPE_TIMESTAMP_TZ}, "2026-11-21 09:30:00+00", "2026-11-21T09:30:00.000000Z"},
    {{.id = RV_TYPE_TIMESTAMP_NS}, "2026-11-21 09:30:00.123456789", "2026-11-21T09:30:00.123456789"},
    {{.id = RV_TYPE_TIMESTAMP_TZ_NS}, "2026-11-21 09:30:00.000000001Z", "2026-11-21T09:30:00.000000001Z"},
    {{.id = RV_TYPE_STRING}, "a,\"b\"", "\"a,\"\"b\"\"\""},
    {{.id = RV_TYPE_STRING}, "", "\"\""},
    {{.id = RV_TYPE_BINARY}, "\\xDEADBEEF00", "deadbeef00"},
    {{.id = RV_TYPE_BINARY}, "\\x", "\"\""},
    {{.id = RV_TYPE_JSON}, "{\"a\": 1.0}", "\"{\"\"a\"\": 1.0}\""},
    {{.id = RV_TYPE_UUID}, "{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
    {{.id = RV_TYPE_ENUM}, "happy", "happy"},
    {{.id = RV_TYPE_INTERVAL}, "P1Y2M3DT4H5M6S", "P1Y2M3DT4H5M6S"},
};

typedef struct one_value {
    rv_field field;
    rv_schema schema;
    rv_batch *batch;
} one_value;

/* Two columns of one type: the value, and NULL. A single empty column would make an empty line. */
static void open_value(one_value *one, rv_field *fields, rv_type type)
{
    fields[0] = field_of("v", type);
    fields[1] = field_of("n", type);
    one->schema = (rv_schema){.fields = fields, .n_fields = 2, .origin = "t"};
    rv_batch *batch = NULL;
    assert_int_equal(rv_batch_new(&batch, &one->schema, NULL, NULL), RV_OK);
    assert_int_equal(rv_batch_begin_row(batch, NULL), RV_OK);
    assert_int_equal(rv_column_append_null(&batch->columns[1], NULL), RV_OK);
    one->batch = batch;
}

static void write_value(one_value *one, const rv_format_config *format, const char *expected)
{
    rv_batch_end_row(one->batch);
    memory_sink sink = memory_sink_init();
    rv_writer_stats stats = {0};
    rv_error err = {0};
    assert_int_equal(write_csv(format, &one->schema, &one->batch, 1, NULL, &sink, &stats, &err), RV_OK);
    assert_content(&sink, expected);
    assert_int_equal(stats.rows, 1);
    assert_int_equal(stats.bytes, sink.bytes.len);
    rv_bytes_deinit(&sink.bytes);
    rv_batch_free(one->batch);
}

static void every_type_has_its_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof type_cases / sizeof type_cases[0]; i++) {
        const type_case *c = &type_cases[i];
        one_value one;
        rv_field fields[2];
        rv_error err = {0};
        open_value(&one, fields, c->type);
        if (rv_column_append_text(&one.batch->columns[0], &fields[0], c->text, strlen(c->text), &err) !=
            RV_OK)
            fail_msg("'%s': %s", c->text, err.message);
        char expected[512];
        snprintf(expected, sizeof expected, "v,n\n%s,\n", c->csv);
        rv_format_config format = default_csv();
        write_value(&one, &format, expected);
    }
}

/* The fast paths of the writer and the text of messages must not drift apart. */
static void every_text_is_that_of_the_column(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof type_cases / sizeof type_cases[0]; i++) {
        const type_case *c = &type_cases[i];
        one_value one;
        rv_field fields[2];
        open_value(&one, fields, c->type);
        rv_column *column = &one.batch->columns[0];
        assert_int_equal(rv_column_append_text(column, &fields[0], c->text, strlen(c->text), NULL), RV_OK);
        rv_bytes text = RV_BYTES_INIT(4096);
        const char *ended;
        assert_int_equal(rv_column_text(column, 0, &text, NULL), RV_OK);
        assert_int_equal(rv_bytes_cstr(&text, &ended, NULL), RV_OK);
        bool quoted = c->csv[0] == '"';
        if (!quoted)
            assert_string_equal(ended, c->csv);
        rv_bytes_deinit(&text);
        rv_batch_end_row(one.batch);
        rv_batch_free(one.batch);
    }
}

static void a_list_is_a_json_array_in_quotes(void **state)
{
    (void)state;
    one_value one;
    rv_field fields[2];
    open_value(&one, fields, (rv_type){.id = RV_TYPE_LIST, .element = RV_TYPE_INT32});
    rv_column *list = &one.batch->columns[0];
    assert_int_equal(rv_column_reserve(list->child, 3, NULL), RV_OK);
    rv_column_append_i32(list->child, 1);
    assert_int_equal(rv_column_append_null(list->child, NULL), RV_OK);
    rv_column_append_i32(list->child, -3);
    assert_int_equal(rv_column_close_list(list, NULL), RV_OK);
    rv_format_config format = default_csv();
    write_value(&one, &format, "v,n\n\"[1,null,-3]\",\n");
}

/* ---- dialects ---- */

typedef struct dialect_case {
    rv_csv_options csv;
    rv_type type;
    const char *text, *expected;
} dialect_case;

static void values_that_meet_an_odd_dialect_are_quoted(void **state)
{
    (void)state;
    static const dialect_case cases[] = {
        {{'-', "", true, "\n"}, {.id = RV_TYPE_INT32}, "-5", "v-n\n\"-5\"-\n"},
        {{'-', "", true, "\n"}, {.id = RV_TYPE_INT32}, "5", "v-n\n5-\n"},
        {{'-', "", true, "\n"}, {.id = RV_TYPE_DATE}, "2026-11-21", "v-n\n\"2026-11-21\"-\n"},
        {{'.', "", true, "\n"},
         {.id = RV_TYPE_DECIMAL, .precision = 5, .scale = 1},
         "1.5",
         "v.n\n\"1.5\".\n"},
        {{'e', "", true, "\n"}, {.id = RV_TYPE_BOOL}, "t", "ven\n\"true\"e\n"},
        {{'e', "", true, "\n"}, {.id = RV_TYPE_BINARY}, "\\x0e", "ven\n\"0e\"e\n"},
        {{'e', "", true, "\n"}, {.id = RV_TYPE_BINARY}, "\\x01", "ven\n01e\n"},
        {{'-', "", true, "\n"},
         {.id = RV_TYPE_UUID},
         "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
         "v-n\n\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"-\n"},
        {{',', "0", true, "\n"}, {.id = RV_TYPE_INT64}, "0", "v,n\n\"0\",0\n"},
        {{',', "0", true, "\n"}, {.id = RV_TYPE_INT64}, "10", "v,n\n10,0\n"},
        {{',', "true", true, "\n"}, {.id = RV_TYPE_BOOL}, "t", "v,n\n\"true\",true\n"},
        {{',', "NaN", true, "\n"}, {.id = RV_TYPE_FLOAT64}, "NaN", "v,n\n\"NaN\",NaN\n"},
        {{',', "NULL", true, "\n"}, {.id = RV_TYPE_STRING}, "NULL", "v,n\n\"NULL\",NULL\n"},
        {{',', "NULL", true, "\n"}, {.id = RV_TYPE_STRING}, "", "v,n\n\"\",NULL\n"},
        {{',', "v", true, "\n"}, {.id = RV_TYPE_STRING}, "x", "\"v\",n\nx,v\n"},
        {{';', "", false, "\r\n"}, {.id = RV_TYPE_STRING}, "a;b", "\"a;b\";\r\n"},
        {{'\t', "\\N", true, "\r\n"}, {.id = RV_TYPE_STRING}, "a,b", "v\tn\r\na,b\t\\N\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const dialect_case *c = &cases[i];
        one_value one;
        rv_field fields[2];
        open_value(&one, fields, c->type);
        assert_int_equal(
            rv_column_append_text(&one.batch->columns[0], &fields[0], c->text, strlen(c->text), NULL), RV_OK);
        rv_format_config format = {.kind = RV_FORMAT_CSV, .csv = c->csv};
        write_value(&one, &format, c->expected);
    }
}

static void header_names_are_quoted_when_needed(void **state)
{
    (void)state;
    rv_field fields[] = {
        field_of("plain", scalar(RV_TYPE_INT32)),     field_of("a,b", scalar(RV_TYPE_INT32)),
        field_of("say \"x\"", scalar(RV_TYPE_INT32)), field_of("two\nlines", scalar(RV_TYPE_INT32)),
        field_of("", scalar(RV_TYPE_INT32)),          field_of(" x", scalar(RV_TYPE_INT32))};
    rv_schema schema = {.fields = fields, .n_fields = 6, .origin = "t"};
    rv_format_config format = default_csv();
    memory_sink sink = memory_sink_init();
    rv_writer_stats stats = {0};
    assert_int_equal(write_csv(&format, &schema, NULL, 0, NULL, &sink, &stats, NULL), RV_OK);
    assert_content(&sink, "plain,\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",\"\",\" x\"\n");
    assert_int_equal(stats.rows, 0);
    rv_bytes_deinit(&sink.bytes);
}

static void without_a_header_an_empty_file_is_empty(void **state)
{
    (void)state;
    rv_field field = field_of("a", scalar(RV_TYPE_INT32));
    rv_schema schema = {.fields = &field, .n_fields = 1, .origin = "t"};
    rv_format_config format = default_csv();
    format.csv.header = false;
    memory_sink sink = memory_sink_init();
    rv_writer_stats stats = {0};
    assert_int_equal(write_csv(&format, &schema, NULL, 0, NULL, &sink, &stats, NULL), RV_OK);
    assert_int_equal(sink.bytes.len, 0);
    rv_bytes_deinit(&sink.bytes);
}

/* ---- a table of some size, for compression, sizes and failures ---- */

enum { TABLE_ROWS = 4000, TABLE_COLUMNS = 3 };

typedef struct table {
    rv_field fields[TABLE_COLUMNS];
    rv_schema schema;
    rv_batch *batch;
} table;

static void open_table(table *t)
{
    t->fields[0] = field_of("id", scalar(RV_TYPE_INT64));
    t->fields[1] = field_of("note", scalar(RV_TYPE_STRING));
    t->fields[2] = field_of("tags", (rv_type){.id = RV_TYPE_LIST, .element = RV_TYPE_STRING});
    t->schema = (rv_schema){.fields = t->fields, .n_fields = TABLE_COLUMNS, .origin = "t"};
    assert_int_equal(rv_batch_new(&t->batch, &t->schema, NULL, NULL), RV_OK);
    for (int i = 0; i < TABLE_ROWS; i++) {
        char note[64];
        int len = snprintf(note, sizeof note, "note \"%d\",\n of %d", i, i * 7919 % 1000);
        assert_int_equal(rv_batch_begin_row(t->batch, NULL), RV_OK);
        rv_column_append_i64(&t->batch->columns[0], i);
        assert_int_equal(rv_column_append_bytes(&t->batch->columns[1], note, (size_t)len, NULL), RV_OK);
        rv_column *tags = &t->batch->columns[2];
        assert_int_equal(rv_column_reserve(tags->child, 1, NULL), RV_OK);
        assert_int_equal(rv_column_append_bytes(tags->child, note, (size_t)len, NULL), RV_OK);
        assert_int_equal(rv_column_close_list(tags, NULL), RV_OK);
        rv_batch_end_row(t->batch);
    }
}

static void close_table(table *t)
{
    rv_batch_free(t->batch);
}

static void write_table(const table *t, rv_codec codec, int level, memory_sink *sink)
{
    rv_format_config format = default_csv();
    format.codec = codec;
    format.level = level;
    rv_writer_stats stats = {0};
    rv_error err = {0};
    *sink = memory_sink_init();
    rv_batch *batches[] = {t->batch, t->batch};
    assert_int_equal(write_csv(&format, &t->schema, batches, 2, NULL, sink, &stats, &err), RV_OK);
    assert_int_equal(stats.rows, 2 * TABLE_ROWS);
    assert_int_equal(stats.bytes, sink->bytes.len);
    assert_true(stats.raw_bytes > 0);
}

static size_t gunzip(const rv_bytes *from, uint8_t *to, size_t room)
{
    z_stream stream = {.next_in = from->data, .avail_in = (uInt)from->len, .avail_out = (uInt)room};
    stream.next_out = to;
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.avail_in, 0);
    size_t len = stream.total_out;
    inflateEnd(&stream);
    return len;
}

static void compressed_files_hold_the_same_text(void **state)
{
    (void)state;
    table t;
    open_table(&t);
    memory_sink plain, packed;
    write_table(&t, RV_CODEC_NONE, 0, &plain);
    size_t room = plain.bytes.len + 1;
    uint8_t *text = malloc(room);
    assert_non_null(text);
    static const int levels[] = {0, 1, 9};
    for (size_t i = 0; i < 3; i++) {
        write_table(&t, RV_CODEC_GZIP, levels[i], &packed);
        assert_int_equal(gunzip(&packed.bytes, text, room), plain.bytes.len);
        assert_memory_equal(text, plain.bytes.data, plain.bytes.len);
        assert_true(packed.bytes.len < plain.bytes.len / 2);
        rv_bytes_deinit(&packed.bytes);

        write_table(&t, RV_CODEC_ZSTD, levels[i], &packed);
        assert_int_equal(ZSTD_decompress(text, room, packed.bytes.data, packed.bytes.len), plain.bytes.len);
        assert_memory_equal(text, plain.bytes.data, plain.bytes.len);
        assert_true(packed.bytes.len < plain.bytes.len / 2);
        rv_bytes_deinit(&packed.bytes);
    }
    free(text);
    rv_bytes_deinit(&plain.bytes);
    close_table(&t);
}

static void a_codec_or_level_that_csv_does_not_have_is_refused(void **state)
{
    (void)state;
    rv_field field = field_of("a", scalar(RV_TYPE_INT32));
    rv_schema schema = {.fields = &field, .n_fields = 1, .origin = "t"};
    static const struct {
        rv_codec codec;
        int level;
        rv_code code;
    } cases[] = {
        {RV_CODEC_SNAPPY, 0, RV_E_FORMAT_UNSUPPORTED}, {RV_CODEC_LZ4, 0, RV_E_FORMAT_UNSUPPORTED},
        {RV_CODEC_GZIP, 10, RV_E_CONFIG_VALUE},        {RV_CODEC_ZSTD, 16, RV_E_CONFIG_VALUE},
        {RV_CODEC_ZSTD, -1, RV_E_CONFIG_VALUE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rv_format_config format = default_csv();
        format.codec = cases[i].codec;
        format.level = cases[i].level;
        memory_sink sink = memory_sink_init();
        rv_error err = {0};
        rv_writer_stats stats = {0};
        assert_int_equal(write_csv(&format, &schema, NULL, 0, NULL, &sink, &stats, &err), cases[i].code);
        assert_int_equal(err.code, cases[i].code);
    }
}

/* A level that configurations may name must not need a budget that no run has. */
static void every_level_fits_a_small_budget(void **state)
{
    (void)state;
    table t;
    open_table(&t);
    for (int level = 0; level <= 15; level++) {
        rv_format_config format = default_csv();
        format.codec = RV_CODEC_ZSTD;
        format.level = level;
        rv_budget budget;
        rv_budget_init(&budget, 9 << 20);
        memory_sink sink = memory_sink_init();
        rv_writer_stats stats = {0};
        rv_error err = {0};
        assert_int_equal(write_csv(&format, &t.schema, &t.batch, 1, &budget, &sink, &stats, &err), RV_OK);
        assert_int_equal(rv_budget_used(&budget), 0);
        rv_bytes_deinit(&sink.bytes);
    }
    close_table(&t);
}

/* Other letters for the notes, so that the next batch is not a repetition that vanishes in a compressor's window. */
static void change_notes(table *t, uint32_t *seed)
{
    rv_column *notes = &t->batch->columns[1];
    for (size_t i = 0; i < notes->data_len; i++) {
        *seed = *seed * 1664525u + 1013904223u;
        notes->data[i] = (uint8_t)('a' + (*seed >> 24) % 26);
    }
}

/* A plain file ends with the row that takes it to its limit; a compressed one within a few percent of it. */
static void a_file_with_a_limit_takes_no_more_than_it_holds(void **state)
{
    (void)state;
    table t;
    open_table(&t);
    static const rv_codec codecs[] = {RV_CODEC_NONE, RV_CODEC_GZIP, RV_CODEC_ZSTD};
    for (size_t i = 0; i < 3; i++) {
        rv_format_config format = default_csv();
        format.codec = codecs[i];
        format.max_file_bytes = 300000;
        const rv_writer_options options = {.format = &format, .schema = &t.schema, .memory_bytes = 1 << 20};
        memory_sink sink = memory_sink_init();
        rv_writer *writer = NULL;
        rv_writer_stats stats = {0};
        int64_t n = t.batch->rows, n_rows = 0;
        assert_int_equal(rv_writer_open(&writer, &sink.base, &options, NULL), RV_OK);
        for (uint32_t seed = 1; n == t.batch->rows; n_rows += n) {
            change_notes(&t, &seed);
            assert_int_equal(rv_writer_append(writer, t.batch, 0, &n, NULL), RV_OK);
        }
        assert_int_equal(rv_writer_append(writer, t.batch, n, &n, NULL), RV_OK);
        assert_int_equal(n, 0);
        assert_int_equal(rv_writer_finish(writer, &stats, NULL), RV_OK);
        assert_int_equal(stats.rows, n_rows);
        assert_in_range(stats.bytes, 270000, codecs[i] == RV_CODEC_NONE ? 310000 : 330000);
        rv_writer_close(writer);
        rv_bytes_deinit(&sink.bytes);
    }
    close_table(&t);
}

/* ---- failures ---- */

static void a_sink_that_fails_fails_the_writer(void **state)
{
    (void)state;
    table t;
    open_table(&t);
    static const rv_codec codecs[] = {RV_CODEC_NONE, RV_CODEC_GZIP, RV_CODEC_ZSTD};
    for (size_t i = 0; i < 3; i++)
        for (int n = 1;; n++) {
            rv_format_config format = default_csv();
            format.codec = codecs[i];
            memory_sink sink = memory_sink_init();
            sink.writes_until_failure = n;
            rv_writer_stats stats = {0};
            rv_error err = {0};
            rv_budget budget;
            rv_budget_init(&budget, 64 << 20);
            rv_code rc = write_csv(&format, &t.schema, &t.batch, 1, &budget, &sink, &stats, &err);
            bool hit = sink.writes_until_failure == 0;
            rv_bytes_deinit(&sink.bytes);
            assert_int_equal(rv_budget_used(&budget), 0);
            assert_int_equal(rc, hit ? RV_E_DEST_FULL : RV_OK);
            assert_int_equal(err.code, rc);
            if (!hit)
                break;
        }
    close_table(&t);
}

static void running_out_of_memory_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    table t;
    open_table(&t);
    static const rv_codec codecs[] = {RV_CODEC_NONE, RV_CODEC_GZIP, RV_CODEC_ZSTD};
    for (size_t i = 0; i < 3; i++)
        for (int mode = FAULT_TRANSIENT; mode <= FAULT_PERSISTENT; mode++)
            for (int n = 1;; n++) {
                rv_format_config format = default_csv();
                format.codec = codecs[i];
                memory_sink sink = memory_sink_init();
                rv_writer_stats stats = {0};
                rv_error err = {0};
                rv_budget budget;
                rv_budget_init(&budget, 64 << 20);
                fault_arm(FAULT_ALLOC, n, (fault_mode)mode, 0);
                rv_code rc = write_csv(&format, &t.schema, &t.batch, 1, &budget, &sink, &stats, &err);
                bool hit = fault_disarm();
                rv_bytes_deinit(&sink.bytes);
                assert_int_equal(rv_budget_used(&budget), 0);
                assert_int_equal(rc, hit ? RV_E_OUT_OF_MEMORY : RV_OK);
                if (!hit)
                    break;
            }
    close_table(&t);
}

static void a_small_budget_is_refused_and_given_back(void **state)
{
    (void)state;
    table t;
    open_table(&t);
    static const rv_codec codecs[] = {RV_CODEC_NONE, RV_CODEC_GZIP, RV_CODEC_ZSTD};
    for (size_t i = 0; i < 3; i++) {
        rv_code rc = RV_E_MEMORY_BUDGET;
        for (size_t limit = 0; rc != RV_OK; limit += 4099) {
            rv_format_config format = default_csv();
            format.codec = codecs[i];
            memory_sink sink = memory_sink_init();
            rv_writer_stats stats = {0};
            rv_error err = {0};
            rv_budget budget;
            rv_budget_init(&budget, limit);
            rc = write_csv(&format, &t.schema, &t.batch, 1, &budget, &sink, &stats, &err);
            rv_bytes_deinit(&sink.bytes);
            assert_true(rc == RV_OK || rc == RV_E_MEMORY_BUDGET);
            assert_int_equal(rv_budget_used(&budget), 0);
            assert_in_range(limit, 0, 64 << 20);
        }
    }
    close_table(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_has_its_text),
        cmocka_unit_test(every_text_is_that_of_the_column),
        cmocka_unit_test(a_list_is_a_json_array_in_quotes),
        cmocka_unit_test(values_that_meet_an_odd_dialect_are_quoted),
        cmocka_unit_test(header_names_are_quoted_when_needed),
        cmocka_unit_test(without_a_header_an_empty_file_is_empty),
        cmocka_unit_test(compressed_files_hold_the_same_text),
        cmocka_unit_test(a_codec_or_level_that_csv_does_not_have_is_refused),
        cmocka_unit_test(every_level_fits_a_small_budget),
        cmocka_unit_test(a_file_with_a_limit_takes_no_more_than_it_holds),
        cmocka_unit_test(a_sink_that_fails_fails_the_writer),
        cmocka_unit_test(running_out_of_memory_is_an_error_and_leaks_nothing),
        cmocka_unit_test(a_small_budget_is_refused_and_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
