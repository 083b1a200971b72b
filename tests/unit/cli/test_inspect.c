/* rivet inspect on a small file made by hand: what it prints, what decides its exit status, and what it does without
 * memory. Files of other programs are in tests/e2e/test_inspect.py. */
#include "cli/inspect.h"

#include "lib/fault.h"
#include "lib/temp_dir.h"
#include "unit/format/parquet_file.h"

#include <unistd.h>

enum { PRINTED_BYTES = 64 << 10 };

typedef struct bench {
    char *folder, *path;
    char printed[PRINTED_BYTES];
    rv_error err;
} bench;

static int bench_setup(void **state)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->folder = temp_dir_new();
    b->path = temp_dir_join(b->folder, "a.parquet");
    *state = b;
    return 0;
}

static int bench_teardown(void **state)
{
    bench *b = *state;
    temp_dir_free(b->folder);
    free(b->path);
    free(b);
    return 0;
}

static void write_file(bench *b, const made_file *f)
{
    made_bytes bytes;
    made_bytes_of(f, &bytes);
    temp_file_write(b->folder, "a.parquet", bytes.out.data, bytes.out.len);
    made_free(&bytes);
}

/* `rivet inspect` with up to three options; what it prints is in b->printed. `nth` allocation fails; 0: none does. */
static rv_code inspect(bench *b, const char *const options[3], int nth, fault_mode mode, bool *hit)
{
    char *argv[8] = {"rivet", "inspect", b->path};
    int argc = 3;
    rvi_args args = {0};
    rvi_cli cli = {0};
    for (int i = 0; i < 3 && options[i] != NULL; i++)
        argv[argc++] = (char *)(uintptr_t)options[i];
    assert_int_equal(rvi_options_parse(argc, argv, &args, &b->err), RV_OK);
    (void)fflush(stdout);
    FILE *file = tmpfile();
    int real = dup(STDOUT_FILENO);
    assert_non_null(file);
    assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
    if (nth > 0)
        fault_arm(FAULT_ALLOC, nth, mode, 0);
    rv_code rc = args.command->run(&cli, &args, &b->err);
    bool was_hit = nth > 0 && fault_disarm();
    (void)fflush(stdout);
    assert_true(dup2(real, STDOUT_FILENO) >= 0);
    (void)close(real);
    rewind(file);
    b->printed[fread(b->printed, 1, sizeof b->printed - 1, file)] = '\0';
    (void)fclose(file);
    if (hit != NULL)
        *hit = was_hit;
    return rc;
}

static void assert_shows(const bench *b, const char *part)
{
    if (strstr(b->printed, part) == NULL)
        fail_msg("not in the output: %s\n%s", part, b->printed);
}

static void a_file_is_described_for_people(void **state)
{
    bench *b = *state;
    made_file f = made_well();
    write_file(b, &f);
    assert_int_equal(inspect(b, (const char *const[3]){"--verify"}, 0, FAULT_TRANSIENT, NULL), RV_OK);
    assert_shows(b, "rows         5\nrow groups   1\ncolumns      2\n");
    assert_shows(b, "created by   rivet version 1.2.3 (build test)\n");
    assert_shows(b, "\nSchema\n"
                    "  COLUMN       TYPE    PHYSICAL    REPETITION  SOURCE TYPE\n"
                    "  tags         LIST                OPTIONAL\n"
                    "    list                           REPEATED\n"
                    "      element  STRING  BYTE_ARRAY  OPTIONAL\n"
                    "  n                    INT32       REQUIRED\n");
    assert_shows(b, "  tags.list.element  UNCOMPRESSED  PLAIN, RLE");
    assert_shows(b, "  \"a\"  \"dd\"  index, bloom\n");
    assert_shows(b, "\nFirst rows\n"
                    "  tags          n\n"
                    "  [\"a\", \"bb\"]  10\n"
                    "  NULL         20\n"
                    "  []           30\n"
                    "  [\"c\", null]  20\n"
                    "  [\"dd\"]       10\n");
    assert_shows(b, "\nVerification\n  read      5 rows, 12 values in 4 pages\n  findings  none\n");
}

static void a_file_is_described_for_programs(void **state)
{
    bench *b = *state;
    made_file f = made_well();
    write_file(b, &f);
    assert_int_equal(
        inspect(b, (const char *const[3]){"--json", "--verify", "--rows=3"}, 0, FAULT_TRANSIENT, NULL),
        RV_OK);
    json_t *root = json_loads(b->printed, 0, NULL);
    assert_non_null(root);
    const json_t *rows = json_object_get(root, "first_rows");
    assert_int_equal(json_array_size(rows), 3);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 2), "n")), 30);
    assert_true(json_is_null(json_object_get(json_array_get(rows, 1), "tags")));
    json_t *group = json_array_get(json_object_get(root, "row_groups"), 0);
    json_t *chunk = json_array_get(json_object_get(group, "columns"), 0);
    assert_string_equal(json_string_value(json_object_get(chunk, "column")), "tags.list.element");
    assert_int_equal(json_integer_value(json_object_get(chunk, "pages")), 2);
    assert_int_equal(json_integer_value(json_object_get(chunk, "nulls")), 3);
    json_t *statistics = json_object_get(chunk, "statistics");
    assert_string_equal(json_string_value(json_object_get(statistics, "max")), "dd");
    json_t *report = json_object_get(root, "verification");
    assert_int_equal(json_integer_value(json_object_get(report, "findings_total")), 0);
    json_decref(root);
}

static void a_finding_is_shown_with_its_place_and_decides_the_status(void **state)
{
    bench *b = *state;
    made_file f = made_well();
    f.chunks[0].max = "cc";
    write_file(b, &f);
    assert_int_equal(inspect(b, (const char *const[3]){0}, 0, FAULT_TRANSIENT, NULL), RV_OK);
    assert_int_equal(inspect(b, (const char *const[3]){"--verify"}, 0, FAULT_TRANSIENT, NULL),
                     RV_E_FILE_DAMAGED);
    assert_shows(b, "row group 0, column tags.list.element");
    assert_non_null(strstr(b->err.message, "a.parquet found 1 mistake"));
    assert_int_equal(inspect(b, (const char *const[3]){"--verify", "--json"}, 0, FAULT_TRANSIENT, NULL),
                     RV_E_FILE_DAMAGED);
    json_t *root = json_loads(b->printed, 0, NULL);
    json_t *found = json_object_get(json_object_get(root, "verification"), "findings");
    assert_int_equal(json_array_size(found), 1);
    assert_string_equal(json_string_value(json_object_get(json_array_get(found, 0), "check")), "statistics");
    json_decref(root);
}

static void a_file_that_cannot_be_opened_prints_only_the_verification(void **state)
{
    bench *b = *state;
    made_file f = made_well();
    f.footer_len_delta = 1;
    write_file(b, &f);
    assert_int_equal(inspect(b, (const char *const[3]){0}, 0, FAULT_TRANSIENT, NULL), RV_E_FILE_DAMAGED);
    assert_string_equal(b->printed, "");
    assert_int_equal(inspect(b, (const char *const[3]){"--verify"}, 0, FAULT_TRANSIENT, NULL),
                     RV_E_FILE_DAMAGED);
    assert_int_equal(strncmp(b->printed, "Verification\n", 13), 0);
    assert_int_equal(inspect(b, (const char *const[3]){"--verify", "--json"}, 0, FAULT_TRANSIENT, NULL),
                     RV_E_FILE_DAMAGED);
    json_t *root = json_loads(b->printed, 0, NULL);
    assert_non_null(json_object_get(root, "verification"));
    assert_null(json_object_get(root, "first_rows"));
    json_decref(root);
}

static void a_column_that_cannot_be_read_leaves_the_others(void **state)
{
    bench *b = *state;
    made_file f = made_well();
    f.chunks[1].codec = 3; /* LZO */
    write_file(b, &f);
    assert_int_equal(inspect(b, (const char *const[3]){0}, 0, FAULT_TRANSIENT, NULL), RV_E_FILE_UNSUPPORTED);
    assert_shows(b, "  [\"a\", \"bb\"]  ?\n");
    assert_shows(b, "unreadable");
    f = made_well();
    f.chunks[0].pages[0].crc_delta = 1;
    write_file(b, &f);
    assert_int_equal(inspect(b, (const char *const[3]){0}, 0, FAULT_TRANSIENT, NULL), RV_E_FILE_DAMAGED);
    assert_shows(b, "\n  ?     10\n");
    assert_int_equal(inspect(b, (const char *const[3]){"--rows=0"}, 0, FAULT_TRANSIENT, NULL), RV_OK);
}

/* Nobody knows who wrote the file: a page that claims to be huge is not given the memory, and the others are shown. */
static void a_page_that_claims_too_much_is_named_and_leaves_the_others(void **state)
{
    bench *b = *state;
    static const struct {
        int claim;
        rv_code rc;
    } cases[] = {{(1 << 30) - 100, RV_E_MEMORY_BUDGET}, {INT32_MAX - 100, RV_E_LIMIT_EXCEEDED}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        made_file f = made_well();
        f.chunks[0].codec = 6; /* ZSTD */
        f.chunks[0].pages[0].raw_delta = cases[i].claim;
        write_file(b, &f);
        assert_int_equal(inspect(b, (const char *const[3]){0}, 0, FAULT_TRANSIENT, NULL), cases[i].rc);
        assert_shows(b, "\n  ?     10\n");
        assert_non_null(strstr(b->err.hint, "--rows 0"));
        bool has_place = false;
        for (int frame = 0; frame < b->err.n_frames; frame++)
            has_place = has_place || strstr(b->err.frame[frame], "page at offset") != NULL;
        assert_true(has_place);
        assert_int_equal(inspect(b, (const char *const[3]){"--rows=0"}, 0, FAULT_TRANSIENT, NULL), RV_OK);
        assert_int_equal(inspect(b, (const char *const[3]){"--verify"}, 0, FAULT_TRANSIENT, NULL),
                         cases[i].rc);
        assert_int_equal(rv_code_exit(cases[i].rc), RV_EXIT_FAILED);
    }
}

static void a_bound_that_is_no_value_is_not_shown(void **state)
{
    bench *b = *state;
    made_file f = made_well();
    f.chunks[1].min = "abc"; /* an INT32 has four bytes */
    f.chunks[1].max = "abcd";
    f.chunks[1].min_len = 3;
    f.chunks[1].max_len = 4;
    write_file(b, &f);
    assert_int_equal(inspect(b, (const char *const[3]){"--json"}, 0, FAULT_TRANSIENT, NULL), RV_OK);
    assert_shows(b, "\"min\":null,\"max\":\"1684234849\"");
    assert_int_equal(inspect(b, (const char *const[3]){0}, 0, FAULT_TRANSIENT, NULL), RV_OK);
    assert_shows(b, "  ?  ");
}

static void a_lack_of_memory_anywhere_is_an_error_and_leaks_nothing(void **state)
{
    bench *b = *state;
    static const char *const ways[][3] = {{"--verify"}, {"--verify", "--json"}};
    made_file f = made_well();
    write_file(b, &f);
    for (int way = 0; way < 2; way++)
        for (int mode = FAULT_TRANSIENT; mode <= FAULT_PERSISTENT; mode++)
            for (int nth = 1;; nth++) {
                bool hit = false;
                rv_code rc = inspect(b, ways[way], nth, (fault_mode)mode, &hit);
                assert_int_equal(rc, hit ? RV_E_OUT_OF_MEMORY : RV_OK);
                if (!hit)
                    break;
            }
}

static void assert_quoted(const char *text, size_t len, const char *wanted)
{
    rv_bytes out = RV_BYTES_INIT(1 << 16);
    const char *quoted = NULL;
    assert_int_equal(rvi_inspect_quoted((const uint8_t *)text, len, &out, NULL), RV_OK);
    assert_int_equal(rv_bytes_cstr(&out, &quoted, NULL), RV_OK);
    assert_string_equal(quoted, wanted);
    rv_bytes_deinit(&out);
    json_t *value = rvi_inspect_json_text((const uint8_t *)text, len);
    assert_true(json_is_string(value));
    json_decref(value);
}

static void texts_are_quoted_as_json_with_nothing_that_moves_a_cursor(void **state)
{
    (void)state;
    assert_quoted("", 0, "\"\"");
    assert_quoted("a\"b\\c", 5, "\"a\\\"b\\\\c\"");
    assert_quoted("\b\t\n\v\f\r", 6, "\"\\b\\t\\n\\u000b\\f\\r\"");
    assert_quoted("\0\x1b\x1f\x7f", 4, "\"\\u0000\\u001b\\u001f\\u007f\"");
    assert_quoted("\xC2\x80\xC2\x9F\xC2\xA0", 6, "\"\\u0080\\u009f\xC2\xA0\"");
    assert_quoted("\xC3\xA4\xF0\x9F\x8E\x89", 6, "\"\xC3\xA4\xF0\x9F\x8E\x89\"");
    assert_quoted("a\xFF\xC3", 3, "\"a\xEF\xBF\xBD\xEF\xBF\xBD\"");
    assert_quoted("\xED\xA0\x80", 3, "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""); /* half of a pair */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_described_for_people, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(a_file_is_described_for_programs, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(a_finding_is_shown_with_its_place_and_decides_the_status, bench_setup,
                                        bench_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_opened_prints_only_the_verification,
                                        bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(a_column_that_cannot_be_read_leaves_the_others, bench_setup,
                                        bench_teardown),
        cmocka_unit_test_setup_teardown(a_page_that_claims_too_much_is_named_and_leaves_the_others,
                                        bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(a_bound_that_is_no_value_is_not_shown, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(a_lack_of_memory_anywhere_is_an_error_and_leaks_nothing, bench_setup,
                                        bench_teardown),
        cmocka_unit_test(texts_are_quoted_as_json_with_nothing_that_moves_a_cursor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
