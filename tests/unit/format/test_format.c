/* The registry, and the wrappers' own promises. */
#include "parquet_support.h"

static void every_format_of_the_registry_is_complete(void **state)
{
    (void)state;
    static const rv_format_kind kinds[] = {RV_FORMAT_PARQUET, RV_FORMAT_CSV};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const rv_format_ops *ops = rv_format(kinds[i]);
        assert_non_null(ops);
        assert_int_equal(ops->kind, kinds[i]);
        assert_true(ops->extension && ops->media_type);
        assert_true(ops->open && ops->append && ops->finish && ops->close);
    }
    assert_null(rv_format((rv_format_kind)0));
}

static void a_failure_says_which_format_it_was_in(void **state)
{
    (void)state;
    rv_field field = field_of("c", scalar(RV_TYPE_INT32), true);
    rv_schema schema = {.fields = &field, .n_fields = 1, .origin = "t"};
    rv_format_config format = {.kind = RV_FORMAT_PARQUET, .codec = RV_CODEC_NONE};
    rv_writer_options options = {.format = &format, .schema = &schema, .memory_bytes = 1 << 20};
    memory_sink sink = memory_sink_open(1 << 20);
    sink.fails_after = 0;
    rv_error err = {0};
    RV_AUTO(rv_writer_close) rv_writer *writer = NULL;
    assert_int_equal(rv_writer_open(&writer, &sink.base, &options, &err), RV_OK);
    rv_writer_stats stats = {.rows = -1};
    assert_int_equal(rv_writer_finish(writer, &stats, &err), RV_E_DEST_FULL);
    assert_string_equal(err.frame[0], "finishing a parquet file");
    assert_int_equal(stats.rows, -1);
    free(sink.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_of_the_registry_is_complete),
        cmocka_unit_test(a_failure_says_which_format_it_was_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
