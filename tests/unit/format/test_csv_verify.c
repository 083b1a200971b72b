/* Records of CSV files, counted as RFC 4180 has them and not by lines. */
#include "csv_support.h"

typedef struct csv_case {
    const char *text;
    int n_fields;
    int64_t rows; /* -1: damaged */
    bool header;
} csv_case;

static const csv_case CASES[] = {
    {"", 2, 0, false},
    {"a,b\n", 2, 0, true},
    {"a,b\n1,2\n", 2, 1, true},
    {"1,2\r\n3,4\r\n", 2, 2, false},
    {"1,\"two\nlines\"\n", 2, 1, false},
    {"1,\"two\r\nlines, and \"\"quotes\"\"\"\r\n", 2, 1, false},
    {"\"\",\"\"\n", 2, 1, false},
    {"\"\"\"\"\n", 1, 1, false},
    {"\n\n\n", 1, 3, false},
    {",,\n", 3, 1, false},
    {"1,2", 2, -1, false},
    {"1,2\n3", 2, -1, false},
    {"1,\"2\n", 2, -1, false},
    {"1\n", 2, -1, false},
    {"1,2,3\n", 2, -1, false},
    {"1,a\"b\n", 2, -1, false},
    {"1,\"a\"b\n", 2, -1, false},
    {"", 2, -1, true},
};

static rv_code verify_text(const void *text, size_t len, const rv_format_config *format, int n_fields,
                           rv_file_facts *facts, rv_error *err)
{
    rv_field fields[4] = {{.name = "a"}, {.name = "b"}, {.name = "c"}, {.name = "d"}};
    rv_schema schema = {.fields = fields, .n_fields = n_fields};
    rv_memory_input input;
    uint64_t sums[4];
    rv_budget budget;
    rv_budget_init(&budget, 16 << 20);
    rv_writer_options options = {.format = format, .schema = &schema, .budget = &budget};
    rv_memory_input_init(&input, text, len, "a.csv");
    rv_code rc = rv_format_verify(&input.base, &options, sums, facts, err);
    assert_int_equal(rv_budget_used(&budget), 0);
    return rc;
}

static void records_are_counted_and_not_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        rv_error err = {0};
        rv_file_facts facts = {0};
        rv_format_config format = default_csv();
        format.csv.header = CASES[i].header;
        rv_code rc =
            verify_text(CASES[i].text, strlen(CASES[i].text), &format, CASES[i].n_fields, &facts, &err);
        if ((rc == RV_OK) != (CASES[i].rows >= 0))
            fail_msg("case %zu: %s %s", i, rv_code_name(rc), err.message);
        if (rc == RV_OK)
            assert_int_equal(facts.rows, CASES[i].rows);
        else
            assert_int_equal(rc, RV_E_FILE_DAMAGED);
    }
}

static void pieces_may_end_anywhere(void **state)
{
    (void)state;
    enum { RECORDS = 40000 };
    rv_bytes text = RV_BYTES_INIT(16 << 20);
    for (int i = 0; i < RECORDS; i++)
        assert_int_equal(rv_bytes_printf(&text, NULL, "%d,\"x\"\"%d\r\n\"\r\n", i, i % 7), RV_OK);
    rv_error err = {0};
    rv_file_facts facts = {0};
    rv_format_config format = default_csv();
    format.csv.header = false;
    assert_int_equal(verify_text(text.data, text.len, &format, 2, &facts, &err), RV_OK);
    assert_int_equal(facts.rows, RECORDS);
    rv_bytes_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_counted_and_not_lines),
        cmocka_unit_test(pieces_may_end_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
