/* Each check of rv_parquet_verify() is proved by a file that is right but for the one thing that it is about. */
#include "parquet_file.h"

#include "rivet/bytes.h"

static void verify_bytes(const made_bytes *b, rv_parquet_report *report)
{
    rv_memory_input input;
    rv_budget budget;
    rv_error err = {0};
    rv_budget_init(&budget, 4 << 20);
    rv_memory_input_init(&input, b->out.data, b->out.len, "made.parquet");
    rv_parquet_reader_options options = {.budget = &budget};
    uint64_t digests[2];
    rv_code rc = rv_parquet_verify(&input.base, &options, digests, 2, report, &err);
    if (rc != RV_OK)
        fail_msg("%s: %s", rv_code_name(rc), err.message);
    assert_int_equal(rv_budget_used(&budget), 0);
}

static void verify_made(const made_file *f, rv_parquet_report *report)
{
    made_bytes b;
    made_bytes_of(f, &b);
    verify_bytes(&b, report);
    made_free(&b);
}

static void a_file_that_is_right_has_no_findings(void **state)
{
    (void)state;
    made_file f = made_well();
    rv_parquet_report report;
    verify_made(&f, &report);
    if (report.n_findings > 0)
        fail_msg("%s: %s", rv_parquet_check_name(report.findings[0].check), report.findings[0].text);
    assert_int_equal(report.n_rows, 5);
    assert_int_equal(report.n_pages, 4);
    assert_int_equal(report.n_values, 12);
    assert_int_equal(report.n_row_groups, 1);
    assert_true(report.has_digests);
}

#define WRONG(name, change)            \
    static void name(made_file *f)     \
    {                                  \
        made_chunk *tags = f->chunks;  \
        made_chunk *n = f->chunks + 1; \
        (void)tags, (void)n;           \
        change;                        \
    }

WRONG(file_rows, f->n_rows = 6)
WRONG(raw_size, (tags->raw_delta = 1, f->raw_delta = 1))
WRONG(stored_size, (n->stored_delta = -1, f->stored_delta = -1))
WRONG(group_raw_size, f->raw_delta = 1)
WRONG(group_stored_size, f->stored_delta = 1)
WRONG(group_offset, f->at_delta = 1)
WRONG(group_ordinal, f->ordinal = 1)
WRONG(data_offset, n->data_at_delta = 1)
WRONG(gap, f->gap = 3)
WRONG(unlisted_encoding, tags->n_encodings = 1)
WRONG(unlisted_dictionary, (n->encodings[0] = 8, n->n_encodings = 1))
WRONG(encoding_stats_count, tags->stats[0][2] = 1)
WRONG(encoding_stats_kind, n->n_stats = 1)
WRONG(null_count, tags->null_count = 2)
WRONG(page_null_count, tags->pages[1].header_null_count = 0)
WRONG(distinct_count, n->distinct_count = 2)
WRONG(distinct_count_above, n->distinct_count = 4)
WRONG(min_excludes, tags->min = "b")
WRONG(max_excludes, n->max = "\35\0\0\0")
WRONG(min_not_exact, tags->min = "A")
WRONG(max_not_exact, n->max = "\37\0\0\0")
WRONG(bound_length, n->max_len = 3)
WRONG(index_min, tags->pages[1].min = "cc")
WRONG(index_max, tags->pages[0].max = "b")
WRONG(index_null_page, tags->pages[0].is_null = true)
WRONG(index_null_count, tags->pages[0].null_count = 1)
WRONG(index_order, tags->boundary_order = 2)
WRONG(offset_index_at, tags->pages[1].at_delta = 1)
WRONG(offset_index_len, tags->pages[1].len_delta = 1)
WRONG(offset_index_row, tags->pages[1].first_row = 2)
WRONG(offset_index_data, tags->pages[0].data_bytes = 4)
WRONG(index_rep_histogram, (tags->pages[0].rep_histogram[0] = 2, tags->pages[0].rep_histogram[1] = 2))
WRONG(index_def_histogram, (tags->pages[1].def_histogram[0] = 1, tags->pages[1].def_histogram[3] = 1))
WRONG(data_bytes, tags->data_bytes = 5)
WRONG(rep_histogram, tags->rep_histogram[0] = 4)
WRONG(def_histogram, tags->def_histogram[3] = 5)
WRONG(bloom_misses, tags->bloom_empty = true)
WRONG(bloom_length, tags->bloom_len_delta = 2)
WRONG(created_by, f->created_by = "rivet 1.2.3")
WRONG(column_orders, f->n_orders = 1)
WRONG(crc, n->pages[1].crc_delta = 1)
WRONG(not_text, (tags->pages[0].body = "\2\0\0\0\3\2"
                                       "\3\0\0\0\3\x4f\0"
                                       "\1\0\0\0a"
                                       "\2\0\0\0b\x80",
                 tags->pages[0].max = "b\xc0", tags->bloom_bytes = 0))

/* A value that is longer than the chunk's bound, which has been cut, and as long as the page's. */
static void longer_than_the_bound(made_file *f, const char *page_max)
{
    made_chunk *tags = f->chunks;
    tags->pages[1].body = "\2\0\0\0\3\2"
                          "\3\0\0\0\3\x3b\0"
                          "\1\0\0\0c"
                          "\6\0\0\0dddddd";
    tags->pages[1].len = 6 + 7 + 5 + 10;
    tags->pages[1].data_bytes = 7;
    tags->pages[1].max = page_max;
    tags->max = "e";
    tags->max_exact = false;
    tags->data_bytes = 10;
    tags->bloom_bytes = 0;
}

WRONG(index_max_of_a_long_value, longer_than_the_bound(f, "dddddc"))
WRONG(max_that_a_long_value_begins_with, (longer_than_the_bound(f, "dddddd"), tags->max = "dddd"))
WRONG(max_that_only_seems_exact, (longer_than_the_bound(f, "dddddd"), tags->max_exact = true))
WRONG(min_that_a_long_value_begins_with,
      (longer_than_the_bound(f, "dddddd"), tags->pages[0].body = "\2\0\0\0\3\2"
                                                                 "\3\0\0\0\3\x4f\0"
                                                                 "\2\0\0\0aa"
                                                                 "\1\0\0\0b"))

typedef struct wrong_case {
    void (*spoil)(made_file *f);
    rv_parquet_check check;
    const char *text; /* part of the finding */
} wrong_case;

static const wrong_case WRONG_CASES[] = {
    {index_max_of_a_long_value, RV_PARQUET_CHECK_COLUMN_INDEX, "max_value excludes a value"},
    {max_that_a_long_value_begins_with, RV_PARQUET_CHECK_STATISTICS, "max_value excludes a value"},
    {max_that_only_seems_exact, RV_PARQUET_CHECK_STATISTICS, "max_value is said to be exact"},
    {min_that_a_long_value_begins_with, RV_PARQUET_CHECK_STATISTICS, "min_value is said to be exact"},
    {file_rows, RV_PARQUET_CHECK_COUNTS, "the file is said to have 6 rows"},
    {raw_size, RV_PARQUET_CHECK_PLACES, "total_uncompressed_size"},
    {stored_size, RV_PARQUET_CHECK_PLACES, "total_compressed_size"},
    {group_raw_size, RV_PARQUET_CHECK_PLACES, "total_byte_size"},
    {group_stored_size, RV_PARQUET_CHECK_PLACES, "total_compressed_size"},
    {group_offset, RV_PARQUET_CHECK_PLACES, "file_offset"},
    {group_ordinal, RV_PARQUET_CHECK_FOOTER, "ordinal is 1"},
    {data_offset, RV_PARQUET_CHECK_PLACES, "data_page_offset"},
    {gap, RV_PARQUET_CHECK_PLACES, "nothing lies from"},
    {unlisted_encoding, RV_PARQUET_CHECK_ENCODINGS, "encoded as RLE"},
    {unlisted_dictionary, RV_PARQUET_CHECK_ENCODINGS, "encoded as PLAIN"},
    {encoding_stats_count, RV_PARQUET_CHECK_ENCODINGS,
     "encoding_stats has 1 data pages as PLAIN, there are 2"},
    {encoding_stats_kind, RV_PARQUET_CHECK_ENCODINGS, "encoding_stats has 0 data pages as RLE_DICTIONARY"},
    {null_count, RV_PARQUET_CHECK_STATISTICS, "null_count is 2, there are 3"},
    {page_null_count, RV_PARQUET_CHECK_STATISTICS, "the page's header: null_count is 0, there are 1"},
    {distinct_count, RV_PARQUET_CHECK_STATISTICS, "distinct_count is 2"},
    {distinct_count_above, RV_PARQUET_CHECK_STATISTICS, "distinct_count is 4, there are 3"},
    {min_excludes, RV_PARQUET_CHECK_STATISTICS, "min_value excludes"},
    {max_excludes, RV_PARQUET_CHECK_STATISTICS, "max_value excludes"},
    {min_not_exact, RV_PARQUET_CHECK_STATISTICS, "min_value is said to be exact"},
    {max_not_exact, RV_PARQUET_CHECK_STATISTICS, "max_value is said to be exact"},
    {bound_length, RV_PARQUET_CHECK_STATISTICS, "has 3 bytes, a value has 4"},
    {index_min, RV_PARQUET_CHECK_COLUMN_INDEX, "min_value excludes"},
    {index_max, RV_PARQUET_CHECK_COLUMN_INDEX, "max_value excludes"},
    {index_null_page, RV_PARQUET_CHECK_COLUMN_INDEX, "null_pages is true"},
    {index_null_count, RV_PARQUET_CHECK_COLUMN_INDEX, "null_count is 1, there are 2"},
    {index_order, RV_PARQUET_CHECK_COLUMN_INDEX, "boundary_order is DESCENDING"},
    {offset_index_at, RV_PARQUET_CHECK_OFFSET_INDEX, "has the page at"},
    {offset_index_len, RV_PARQUET_CHECK_OFFSET_INDEX, "bytes, the page"},
    {offset_index_row, RV_PARQUET_CHECK_OFFSET_INDEX, "first row 2, it is 3"},
    {offset_index_data, RV_PARQUET_CHECK_SIZES, "offset index has 4 data bytes"},
    {index_rep_histogram, RV_PARQUET_CHECK_SIZES, "column index's histogram of repetition"},
    {index_def_histogram, RV_PARQUET_CHECK_SIZES, "column index's histogram of definition"},
    {data_bytes, RV_PARQUET_CHECK_SIZES, "unencoded_byte_array_data_bytes is 5"},
    {rep_histogram, RV_PARQUET_CHECK_SIZES, "histogram of repetition"},
    {def_histogram, RV_PARQUET_CHECK_SIZES, "histogram of definition"},
    {bloom_misses, RV_PARQUET_CHECK_BLOOM, "4 values are not in the bloom filter"},
    {bloom_length, RV_PARQUET_CHECK_BLOOM, "bloom_filter_length"},
    {created_by, RV_PARQUET_CHECK_FOOTER, "created_by"},
    {column_orders, RV_PARQUET_CHECK_FOOTER, "column_orders"},
    {crc, RV_PARQUET_CHECK_DAMAGED, "checksum"},
    {not_text, RV_PARQUET_CHECK_VALUES, "not UTF-8"},
};

static void each_check_finds_what_it_is_about_and_nothing_else_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof WRONG_CASES / sizeof WRONG_CASES[0]; i++) {
        made_file f = made_well();
        rv_parquet_report report;
        WRONG_CASES[i].spoil(&f);
        verify_made(&f, &report);
        if (report.n_findings != 1)
            fail_msg("case %zu ('%s') has %d findings, the first: %s, the second: %s", i, WRONG_CASES[i].text,
                     (int)report.n_findings, report.findings[0].text, report.findings[1].text);
        assert_string_equal(rv_parquet_check_name(report.findings[0].check),
                            rv_parquet_check_name(WRONG_CASES[i].check));
        if (strstr(report.findings[0].text, WRONG_CASES[i].text) == NULL)
            fail_msg("'%s' does not say '%s'", report.findings[0].text, WRONG_CASES[i].text);
    }
}

static void every_column_must_have_the_rows_of_its_row_group(void **state)
{
    (void)state;
    made_file f = made_well();
    rv_parquet_report report;
    f.group_rows = f.n_rows = 4;
    verify_made(&f, &report);
    assert_int_equal(report.n_findings, 2);
    for (int leaf = 0; leaf < 2; leaf++) {
        assert_int_equal(report.findings[leaf].check, RV_PARQUET_CHECK_COUNTS);
        assert_int_equal(report.findings[leaf].leaf, leaf);
    }
}

static void a_finding_names_its_place(void **state)
{
    (void)state;
    made_file f = made_well();
    rv_parquet_report report;
    f.chunks[0].pages[1].null_count = 0;
    made_bytes b;
    made_bytes_of(&f, &b);
    verify_bytes(&b, &report);
    assert_int_equal(report.findings[0].row_group, 0);
    assert_int_equal(report.findings[0].leaf, 0);
    assert_int_equal(report.findings[0].page, 1);
    assert_int_equal(report.findings[0].at, b.page_at[0][1]);
    made_free(&b);
}

static void damage_in_one_column_leaves_the_others_checked(void **state)
{
    (void)state;
    made_file f = made_well();
    rv_parquet_report report;
    f.chunks[0].pages[0].crc_delta = 1;
    f.chunks[1].null_count = 1;
    verify_made(&f, &report);
    assert_int_equal(report.n_findings, 2);
    assert_int_equal(report.findings[0].check, RV_PARQUET_CHECK_DAMAGED);
    assert_int_equal(report.findings[1].leaf, 1);
    assert_false(report.has_digests);
}

static void more_findings_than_are_kept_are_counted(void **state)
{
    (void)state;
    made_file f = made_well();
    rv_parquet_report report;
    for (size_t i = 0; i < sizeof WRONG_CASES / sizeof WRONG_CASES[0]; i++)
        if (WRONG_CASES[i].check != RV_PARQUET_CHECK_DAMAGED &&
            WRONG_CASES[i].check != RV_PARQUET_CHECK_FOOTER)
            WRONG_CASES[i].spoil(&f);
    verify_made(&f, &report);
    assert_true(report.n_findings > RV_PARQUET_FINDINGS);
}

/* ---- damage at any byte ---- */

/* What a file holds, whatever it says: digests where there are any. */
typedef struct outcome {
    rv_code rc;
    rv_parquet_report report;
    uint64_t digests[2];
} outcome;

static outcome outcome_of(const uint8_t *bytes, size_t len)
{
    outcome o = {0};
    rv_memory_input input;
    rv_budget budget;
    rv_error err = {0};
    uint8_t *exact = malloc(len > 0 ? len : 1); /* so that a byte too many is seen */
    assert_non_null(exact);
    memcpy(exact, bytes, len);
    rv_budget_init(&budget, 4 << 20);
    rv_memory_input_init(&input, exact, len, "mutant");
    rv_parquet_reader_options options = {.budget = &budget};
    o.rc = rv_parquet_verify(&input.base, &options, o.digests, 2, &o.report, &err);
    assert_int_equal(rv_budget_used(&budget), 0);
    free(exact);
    return o;
}

/* A changed file is found out, or refused, or it holds the same values as before. */
static void check_mutant(const outcome *well, const uint8_t *bytes, size_t len, size_t at)
{
    outcome o = outcome_of(bytes, len);
    if (o.rc != RV_OK) {
        bool clean = o.rc == RV_E_FILE_UNSUPPORTED || o.rc == RV_E_LIMIT_EXCEEDED ||
                     o.rc == RV_E_MEMORY_BUDGET || o.rc == RV_E_FORMAT_UNREADABLE;
        if (!clean)
            fail_msg("byte %zu: %s", at, rv_code_name(o.rc));
        return;
    }
    if (o.report.n_findings == 0 && o.report.has_digests &&
        memcmp(o.digests, well->digests, sizeof o.digests) != 0)
        fail_msg("a change at byte %zu gives other values and is not found", at);
}

static void a_byte_changed_dropped_or_added_is_found_or_changes_no_value(void **state)
{
    (void)state;
    made_file f = made_well();
    made_bytes b;
    made_bytes_of(&f, &b);
    size_t len = b.out.len;
    uint8_t *mutant = malloc(len + 1);
    assert_non_null(mutant);
    outcome well = outcome_of(b.out.data, len);
    assert_true(well.report.has_digests);
    static const uint8_t masks[] = {0x01, 0x02, 0x10, 0x40, 0x80, 0xff};
    for (size_t at = 0; at < len; at++) {
        memcpy(mutant, b.out.data, len);
        for (size_t m = 0; m < sizeof masks; m++) {
            mutant[at] = b.out.data[at] ^ masks[m];
            check_mutant(&well, mutant, len, at);
        }
        memcpy(mutant, b.out.data, len);
        memmove(mutant + at, mutant + at + 1, len - at - 1);
        check_mutant(&well, mutant, len - 1, at);
        memcpy(mutant, b.out.data, at);
        mutant[at] = 0x2a;
        memcpy(mutant + at + 1, b.out.data + at, len - at);
        check_mutant(&well, mutant, len + 1, at);
        check_mutant(&well, b.out.data, at, at);
    }
    free(mutant);
    made_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_is_right_has_no_findings),
        cmocka_unit_test(each_check_finds_what_it_is_about_and_nothing_else_does),
        cmocka_unit_test(every_column_must_have_the_rows_of_its_row_group),
        cmocka_unit_test(a_finding_names_its_place),
        cmocka_unit_test(damage_in_one_column_leaves_the_others_checked),
        cmocka_unit_test(more_findings_than_are_kept_are_counted),
        cmocka_unit_test(a_byte_changed_dropped_or_added_is_found_or_changes_no_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
