/* A part is read back from its spool file: what was written to it passes, anything else stops the run. */
#include "run/internal.h"

#include "temp_dir.h"

#include "rivet/hash.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct bench {
    char *folder;
    rv_field fields[2];
    rv_export_config export_config;
    rv_run_context context;
    rvi_run run;
    rvi_part_item item;
    char digests[64];
} bench;

static bench *bench_new(rv_format_kind format, rv_codec codec)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->folder = temp_dir_new();
    b->fields[0] = (rv_field){.name = "id", .native_type = "bigint", .type = {.id = RV_TYPE_INT64}};
    b->fields[1] =
        (rv_field){.name = "note", .native_type = "text", .type = {.id = RV_TYPE_STRING}, .nullable = true};
    b->export_config.format =
        (rv_format_config){.kind = format,
                           .codec = codec,
                           .csv = {.delimiter = ',', .null_text = "", .header = true, .line_ending = "\r\n"}};
    b->context.validate = true;
    b->run.context = &b->context;
    b->run.export_config = &b->export_config;
    b->run.memory.budget = 64 << 20;
    b->run.guards.files = (rv_schema){.fields = b->fields, .n_fields = 2};
    return b;
}

static void bench_free(bench *b)
{
    rv_spool_discard(b->item.spool);
    temp_dir_free(b->folder);
    free(b);
}

static rv_batch *some_rows(bench *b)
{
    static const char *const notes[] = {"a", "", NULL, "two\r\nlines", "a \"quote\", and more"};
    rv_batch *batch = NULL;
    assert_int_equal(rv_batch_new(&batch, &b->run.guards.files, NULL, NULL), RV_OK);
    for (int64_t i = 0; i < 5000; i++) {
        const char *note = notes[i % 5];
        assert_int_equal(rv_batch_begin_row(batch, NULL), RV_OK);
        rv_column_append_i64(&batch->columns[0], i * i);
        if (note == NULL)
            assert_int_equal(rv_column_append_null(&batch->columns[1], NULL), RV_OK);
        else
            assert_int_equal(rv_column_append_bytes(&batch->columns[1], note, strlen(note), NULL), RV_OK);
        rv_batch_end_row(batch);
    }
    return batch;
}

static void add_checksums(bench *b)
{
    size_t n = (size_t)b->item.part.bytes;
    uint8_t *bytes = malloc(n);
    rv_digest *digest = NULL;
    int fd = open(rv_spool_path(b->item.spool), O_RDONLY);
    assert_int_equal(pread(fd, bytes, n, 0), (ssize_t)n);
    assert_int_equal(rv_digest_new(&digest, NULL), RV_OK);
    rv_digest_update(digest, bytes, n);
    b->item.part.xxh3 = rv_digest_xxh3(digest);
    rv_digest_md5(digest, b->item.part.md5);
    rv_digest_free(digest);
    close(fd);
    free(bytes);
}

/* A finished part of 5000 rows, as the encoder leaves it. */
static void write_part(bench *b)
{
    rv_writer *writer = NULL;
    rv_writer_stats stats = {0};
    uint64_t sums[2] = {0};
    rv_batch *batch = some_rows(b);
    assert_int_equal(rv_spool_open(&b->item.spool, b->folder, "run", NULL), RV_OK);
    rv_writer_options options = {
        .format = &b->export_config.format, .schema = &b->run.guards.files, .memory_bytes = 8 << 20};
    assert_int_equal(rv_writer_open(&writer, rv_spool_sink(b->item.spool), &options, NULL), RV_OK);
    assert_int_equal(rv_writer_write(writer, batch, NULL), RV_OK);
    assert_int_equal(rv_writer_finish(writer, &stats, NULL), RV_OK);
    rv_batch_digest(batch, sums);
    snprintf(b->digests, sizeof b->digests, "[\"%016" PRIx64 "\",\"%016" PRIx64 "\"]", sums[0], sums[1]);
    b->item.part = (rv_part){.name = "part", .rows = stats.rows, .column_digests = b->digests};
    b->item.part.bytes = rv_spool_sink(b->item.spool)->written;
    rv_writer_close(writer);
    rv_batch_free(batch);
    assert_int_equal(rv_spool_finish(b->item.spool, NULL), RV_OK);
    add_checksums(b);
}

static rv_code validate(bench *b, rv_error *err)
{
    rv_error_clear(err);
    return rvi_validate_part(&b->run, &b->item, err);
}

static void flip_byte(const bench *b, off_t at)
{
    uint8_t byte = 0;
    int fd = open(rv_spool_path(b->item.spool), O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

typedef struct form {
    rv_format_kind format;
    rv_codec codec;
} form;
static const form FORMS[] = {{RV_FORMAT_PARQUET, RV_CODEC_ZSTD},
                             {RV_FORMAT_PARQUET, RV_CODEC_NONE},
                             {RV_FORMAT_CSV, RV_CODEC_NONE},
                             {RV_FORMAT_CSV, RV_CODEC_GZIP},
                             {RV_FORMAT_CSV, RV_CODEC_ZSTD}};
enum { N_FORMS = sizeof FORMS / sizeof FORMS[0] };

static void what_was_written_passes(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FORMS; i++) {
        rv_error err = {0};
        bench *b = bench_new(FORMS[i].format, FORMS[i].codec);
        write_part(b);
        if (validate(b, &err) != RV_OK)
            fail_msg("form %zu: %s", i, err.message);
        assert_int_equal(b->run.n_validated, 1);
        bench_free(b);
    }
}

static void another_number_of_rows_stops_the_run(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FORMS; i++) {
        rv_error err = {0};
        bench *b = bench_new(FORMS[i].format, FORMS[i].codec);
        write_part(b);
        b->item.part.rows++;
        assert_int_equal(validate(b, &err), RV_E_FILE_MISMATCH);
        assert_string_equal(err.message, "it holds 5000 rows, 5001 were written");
        assert_int_equal(rv_code_exit(err.code), RV_EXIT_INTEGRITY);
        assert_int_equal(b->run.n_validated, 0);
        bench_free(b);
    }
}

static void another_value_in_a_column_stops_the_run(void **state)
{
    (void)state;
    rv_error err = {0};
    bench *b = bench_new(RV_FORMAT_PARQUET, RV_CODEC_ZSTD);
    write_part(b);
    b->digests[24] ^= 1; /* in the second digest */
    assert_int_equal(validate(b, &err), RV_E_FILE_MISMATCH);
    assert_non_null(strstr(err.message, "column 'note' has the digest"));
    bench_free(b);
}

static void a_file_cut_or_changed_in_the_spool_stops_the_run(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FORMS; i++) {
        rv_error err = {0};
        bench *b = bench_new(FORMS[i].format, FORMS[i].codec);
        write_part(b);
        for (uint64_t at = 0; at < b->item.part.bytes; at += 97) {
            flip_byte(b, (off_t)at);
            rv_code rc = validate(b, &err);
            if (rc != RV_E_FILE_DAMAGED && rc != RV_E_FILE_MISMATCH)
                fail_msg("form %zu, byte %zu: %s: %s", i, (size_t)at, rv_code_name(rc), err.message);
            flip_byte(b, (off_t)at);
        }
        assert_int_equal(truncate(rv_spool_path(b->item.spool), (off_t)b->item.part.bytes - 1), 0);
        assert_int_equal(validate(b, &err), RV_E_FILE_MISMATCH);
        b->item.part.bytes--;
        rv_code rc = validate(b, &err);
        if (rc != RV_E_FILE_DAMAGED && rc != RV_E_FILE_MISMATCH)
            fail_msg("form %zu, cut: %s", i, rv_code_name(rc));
        bench_free(b);
    }
}

static void without_the_flag_nothing_is_read(void **state)
{
    (void)state;
    rv_error err = {0};
    bench *b = bench_new(RV_FORMAT_PARQUET, RV_CODEC_ZSTD);
    write_part(b);
    b->item.part.rows = 1;
    b->context.validate = false;
    assert_int_equal(validate(b, &err), RV_OK);
    assert_int_equal(b->run.n_validated, 0);
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_passes),
        cmocka_unit_test(another_number_of_rows_stops_the_run),
        cmocka_unit_test(another_value_in_a_column_stops_the_run),
        cmocka_unit_test(a_file_cut_or_changed_in_the_spool_stops_the_run),
        cmocka_unit_test(without_the_flag_nothing_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
