/* The structure of a file: what is refused and how it is said, and what of older writers is put up with. */
#include "parquet_file.h"

#include "fault.h"

#include "format/parquet/reader/thrift_reader.h"
#include "rivet/bytes.h"

#include <stdio.h>

/* ---- Thrift ---- */

static rvi_pqr_thrift thrift_over(const char *bytes, size_t len, rv_error *err)
{
    return rvi_pqr_thrift_begin((const uint8_t *)bytes, len, 100, err);
}

/* Walks over everything as something unknown. */
static rv_code skip_all(const char *bytes, size_t len, rv_error *err)
{
    rvi_pqr_thrift t = thrift_over(bytes, len, err);
    int16_t outer = rvi_pqr_struct_begin(&t);
    for (rvi_pqr_field f; rvi_pqr_field_next(&t, &f);)
        rvi_pqr_skip(&t, f);
    rvi_pqr_struct_end(&t, outer);
    if (t.rc == RV_OK)
        assert_int_equal(t.at - t.begin, len);
    return t.rc;
}

typedef struct skip_case {
    const char *bytes;
    size_t len;
    bool good;
    const char *why;
} skip_case;

#define BYTES(text) (text), sizeof(text) - 1
static const skip_case SKIPS[] = {
    {BYTES("\0"), true, "an empty struct"},
    {BYTES("\x11\x12\0"), true, "bools have no payload"},
    {BYTES("\x13\xff\x15\x02\x16\x80\x01\x17\1\2\3\4\5\6\7\x8\0"), true, "i8, i32, i64, double"},
    {BYTES("\x18\3abc\x1c\0\0"), true, "binary and struct"},
    {BYTES("\x19\x25\2\4\x19\x21\1\2\x1a\x11\1\0"), true, "lists and a set"},
    {BYTES("\x1b\2\x58\2\1x\4\1y\x1b\0\0"), true, "a map, and an empty one of one byte"},
    {BYTES("\x1d\0\1\2\3\4\5\6\7\x8\x9\xa\xb\xc\xd\xe\xf\0"), true, "a UUID"},
    {BYTES("\x05\xfe\xff\x03\x0e\0"), true, "field 32767 in the long form"},
    {BYTES(""), false, "no STOP"},
    {BYTES("\x15"), false, "a field without its value"},
    {BYTES("\x18\x7f"), false, "a text longer than what is left"},
    {BYTES("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), false, "a text of 2^64 - 1 bytes"},
    {BYTES("\x19\xf5\xff\xff\xff\xff\x07\0"), false, "a list of more elements than bytes"},
    {BYTES("\x16\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\0"), false, "a number of more than 64 bits"},
    {BYTES("\x16\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\0"), false, "a number of more than 10 bytes"},
    {BYTES("\x1e\0"), false, "a type that there is not"},
    {BYTES("\x05\xff\xff\xff\x0f\2\0"), false, "a field number beyond 16 bits"},
};

static void thrift_skips_what_it_does_not_know_and_refuses_what_cannot_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof SKIPS / sizeof SKIPS[0]; i++) {
        rv_error err = {0};
        rv_code rc = skip_all(SKIPS[i].bytes, SKIPS[i].len, &err);
        if (rc != (SKIPS[i].good ? RV_OK : RV_E_FILE_DAMAGED))
            fail_msg("%s: %s %s", SKIPS[i].why, rv_code_name(rc), err.message);
    }
}

static void nesting_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    rv_error err = {0};
    char deep[4096];
    memset(deep, 0x1c, sizeof deep); /* field 1, a struct, in itself */
    assert_int_equal(skip_all(deep, sizeof deep, &err), RV_E_FILE_DAMAGED);
    memset(deep, 0x19, sizeof deep); /* a list of one list of … */
    assert_int_equal(skip_all(deep, sizeof deep, &err), RV_E_FILE_DAMAGED);
    assert_non_null(strstr(err.message, "nested deeper"));
}

static void a_known_field_of_another_type_is_refused(void **state)
{
    (void)state;
    rv_error err = {0};
    rvi_pqr_thrift t = thrift_over(BYTES("\x18\1a\0"), &err);
    rvi_pqr_field f;
    (void)rvi_pqr_struct_begin(&t);
    assert_true(rvi_pqr_field_next(&t, &f));
    assert_int_equal(rvi_pqr_i32(&t, f), 0);
    assert_int_equal(t.rc, RV_E_FILE_DAMAGED);
    assert_non_null(strstr(err.message, "at offset 101"));
    assert_false(rvi_pqr_field_next(&t, &f));
}

/* ---- files ---- */

typedef struct opened {
    made_bytes bytes;
    rv_memory_input input;
    rv_budget budget;
    rv_parquet_reader *reader;
    rv_error err;
} opened;

static rv_code open_made(opened *o, const made_file *f)
{
    *o = (opened){0};
    made_bytes_of(f, &o->bytes);
    rv_budget_init(&o->budget, 8 << 20);
    rv_memory_input_init(&o->input, o->bytes.out.data, o->bytes.out.len, "made.parquet");
    rv_parquet_reader_options options = {.budget = &o->budget};
    return rv_parquet_open(&o->reader, &o->input.base, &options, &o->err);
}

static void close_made(opened *o)
{
    rv_parquet_close(o->reader);
    assert_int_equal(rv_budget_used(&o->budget), 0);
    made_free(&o->bytes);
}

/* The rows of a column as text: [a,bb] becomes ["a","bb"], NULL becomes -, rows are divided by blanks. */
static rv_code rows_of(opened *o, int field, int64_t piece, char *out, size_t size)
{
    const rv_parquet_row_group *group = NULL;
    RV_AUTO(rv_parquet_cursor_close) rv_parquet_cursor *cursor = NULL;
    RV_AUTO(rv_batch_free) rv_batch *batch = NULL;
    rv_bytes text = RV_BYTES_INIT(1 << 20);
    const rv_schema *schema = rv_parquet_schema(o->reader);
    rv_schema one = {.fields = &schema->fields[field], .n_fields = 1};
    RV_TRY(rv_parquet_row_group_read(o->reader, 0, &group, &o->err));
    RV_TRY(rv_parquet_cursor_open(&cursor, o->reader, rv_parquet_field_leaf(o->reader, field), &o->err));
    RV_TRY(rv_batch_new(&batch, &one, NULL, &o->err));
    rv_code rc = RV_OK;
    for (int64_t n = piece; rc == RV_OK && n == piece;) {
        rv_batch_reset(batch);
        rc = rv_parquet_cursor_rows(cursor, &batch->columns[0], piece, &n, &o->err);
        for (int64_t i = 0; rc == RV_OK && i < n; i++) {
            assert_int_equal(rv_bytes_append(&text, " ", text.len > 0, NULL), RV_OK);
            if (rv_column_is_null(&batch->columns[0], i))
                assert_int_equal(rv_bytes_append_str(&text, "-", NULL), RV_OK);
            else
                assert_int_equal(rv_column_text(&batch->columns[0], i, &text, NULL), RV_OK);
        }
    }
    snprintf(out, size, "%.*s", (int)text.len, text.len > 0 ? (const char *)text.data : "");
    rv_bytes_deinit(&text);
    return rc;
}

static void expect_rows(const made_file *f, int field, const char *expected)
{
    for (int64_t piece = 1; piece <= 6; piece++) {
        opened o;
        char rows[256];
        if (open_made(&o, f) != RV_OK || rows_of(&o, field, piece, rows, sizeof rows) != RV_OK)
            fail_msg("%s", o.err.message);
        assert_string_equal(rows, expected);
        close_made(&o);
    }
}

static const char TAGS[] = "[\"a\",\"bb\"] - [] [\"c\",null] [\"dd\"]";
static const char NUMBERS[] = "10 20 30 20 10";

static void columns_are_read_in_pieces_of_any_size(void **state)
{
    (void)state;
    made_file f = made_well();
    expect_rows(&f, 0, TAGS);
    expect_rows(&f, 1, NUMBERS);
}

static void the_footer_describes_the_columns(void **state)
{
    (void)state;
    made_file f = made_well();
    opened o;
    char path[RV_PARQUET_PATH_BYTES];
    assert_int_equal(open_made(&o, &f), RV_OK);
    const rv_parquet_metadata *m = rv_parquet_metadata_of(o.reader);
    assert_int_equal(m->n_leaves, 2);
    assert_string_equal(rv_parquet_leaf_path(path, m, 0), "tags.list.element");
    assert_string_equal(rv_parquet_leaf_path(path, m, 1), "n");
    assert_int_equal(rv_parquet_leaf_node(m, 0)->max_def, 3);
    assert_int_equal(rv_parquet_leaf_node(m, 0)->max_rep, 1);
    assert_int_equal(rv_parquet_leaf_node(m, 1)->max_def, 0);
    assert_int_equal(rv_parquet_schema(o.reader)->fields[0].type.id, RV_TYPE_LIST);
    assert_int_equal(rv_parquet_schema(o.reader)->fields[0].type.element, RV_TYPE_STRING);
    close_made(&o);
}

typedef struct refusal {
    const char *why;
    void (*spoil)(made_file *f);
    rv_code code;
    const char *text;
} refusal;

#define SPOIL(name, change)                                   \
    static void name(made_file *f)                            \
    {                                                         \
        made_chunk *tags = &f->chunks[0], *n = &f->chunks[1]; \
        (void)tags, (void)n;                                  \
        change;                                               \
    }
SPOIL(other_tail, f->tail = "PAR2")
SPOIL(other_head, f->head = "PARQ")
SPOIL(encrypted, f->tail = "PARE")
SPOIL(footer_too_long, f->footer_len_delta = 1 << 20)
SPOIL(footer_too_short, f->footer_len_delta = -200)
SPOIL(too_few_children, f->root_children = 3)
SPOIL(too_many_elements, f->root_children = 1)

static const refusal UNOPENED[] = {
    {"cut", other_tail, RV_E_FILE_DAMAGED, "may have been cut"},
    {"no Parquet", other_head, RV_E_FILE_DAMAGED, "does not begin"},
    {"encrypted", encrypted, RV_E_FILE_UNSUPPORTED, "encrypted"},
    {"footer too long", footer_too_long, RV_E_FILE_DAMAGED, "footer is said to have"},
    {"footer too short", footer_too_short, RV_E_FILE_DAMAGED, ""},
    {"schema too short", too_few_children, RV_E_FILE_DAMAGED, "ends before group"},
    {"schema too long", too_many_elements, RV_E_FILE_DAMAGED, "its tree only"},
};

static void files_without_a_usable_footer_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof UNOPENED / sizeof UNOPENED[0]; i++) {
        made_file f = made_well();
        opened o;
        UNOPENED[i].spoil(&f);
        rv_code rc = open_made(&o, &f);
        if (rc != UNOPENED[i].code || strstr(o.err.message, UNOPENED[i].text) == NULL)
            fail_msg("%s: %s %s", UNOPENED[i].why, rv_code_name(rc), o.err.message);
        assert_string_equal(o.err.frame[o.err.n_frames - 1], "file 'made.parquet'");
        close_made(&o);
    }
}

SPOIL(another_path, n->path = "m")
SPOIL(another_type, n->physical = 2)
SPOIL(lzo, n->codec = 3)
SPOIL(unknown_codec, n->codec = 77)
SPOIL(unknown_encoding, n->pages[1].encoding = 27)
SPOIL(outside, n->data_at_delta = 1 << 30)
SPOIL(huge_chunk, n->stored_delta = (int64_t)1 << 62)
SPOIL(page_too_long, (n->pages[1].stored_delta = 1000, n->stored_delta = -1000))
SPOIL(sizes_differ, n->pages[1].raw_delta = 1)
SPOIL(size_below_zero, (n->pages[1].raw_delta = -100, n->raw_delta = 100))
SPOIL(too_many_levels, n->pages[1].n_levels = 6)
SPOIL(too_few_levels, (n->pages[1].n_levels = 4, n->stored_delta = 0))
SPOIL(index_beyond, n->pages[1].body = "\2\3\x67\0")
SPOIL(no_dictionary, n->pages[0].type = 1)
SPOIL(late_dictionary, (n->pages[2] = n->pages[0], n->n_pages = 3, n->pages[1].n_levels = 4))
SPOIL(changed, n->pages[1].crc_delta = 1)

static const refusal UNREAD[] = {
    {"another path", another_path, RV_E_FILE_DAMAGED, "path of its column"},
    {"another type", another_type, RV_E_FILE_DAMAGED, "type 2"},
    {"LZO", lzo, RV_E_FILE_UNSUPPORTED, "LZO"},
    {"unknown codec", unknown_codec, RV_E_FILE_UNSUPPORTED, "codec is not known"},
    {"unknown encoding", unknown_encoding, RV_E_FILE_UNSUPPORTED, "27"},
    {"huge chunk", huge_chunk, RV_E_FILE_DAMAGED, "said to lie at"},
    {"page too long", page_too_long, RV_E_FILE_DAMAGED, "beyond the end of the chunk"},
    {"sizes differ", sizes_differ, RV_E_FILE_DAMAGED, "not compressed"},
    {"size below zero", size_below_zero, RV_E_FILE_DAMAGED, "size or a count"},
    {"too many levels", too_many_levels, RV_E_FILE_DAMAGED, "more than the"},
    {"too few levels", too_few_levels, RV_E_FILE_DAMAGED, ""},
    {"index beyond the dictionary", index_beyond, RV_E_FILE_DAMAGED, ""},
    {"no dictionary", no_dictionary, RV_E_FILE_DAMAGED, ""},
    {"a second dictionary", late_dictionary, RV_E_FILE_DAMAGED, "not the chunk's first page"},
    {"changed", changed, RV_E_FILE_DAMAGED, "bytes have changed"},
};

static void chunks_that_are_not_what_they_say_are_refused_with_their_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof UNREAD / sizeof UNREAD[0]; i++) {
        made_file f = made_well();
        opened o;
        char rows[256];
        UNREAD[i].spoil(&f);
        assert_int_equal(open_made(&o, &f), RV_OK);
        rv_code rc = rows_of(&o, 1, 3, rows, sizeof rows);
        if (rc != UNREAD[i].code || strstr(o.err.message, UNREAD[i].text) == NULL)
            fail_msg("%s: %s %s", UNREAD[i].why, rv_code_name(rc), o.err.message);
        assert_string_equal(o.err.frame[o.err.n_frames - 1], "file 'made.parquet'");
        assert_non_null(strstr(o.err.frame[o.err.n_frames - 2], "row group 0"));
        close_made(&o);
    }
}

static void what_one_column_cannot_does_not_touch_the_others(void **state)
{
    (void)state;
    void (*const spoils[])(made_file *) = {lzo, unknown_codec, unknown_encoding, changed, outside};
    for (size_t i = 0; i < sizeof spoils / sizeof spoils[0]; i++) {
        made_file f = made_well();
        spoils[i](&f);
        expect_rows(&f, 0, TAGS);
    }
}

static void the_dictionary_page_is_found_wherever_the_offsets_point(void **state)
{
    (void)state;
    made_file f = made_well();
    made_bytes b;
    made_bytes_of(&f, &b);
    int64_t dictionary_at = b.page_at[1][0], data_at = b.page_at[1][1];
    made_free(&b);
    /* As old writers have it: offset 0; equal to the data page's; and the data page's offset at the dictionary. */
    f.chunks[1].data_at_delta = dictionary_at - data_at;
    expect_rows(&f, 1, NUMBERS);
    f.chunks[1].dictionary_at_delta = -dictionary_at;
    expect_rows(&f, 1, NUMBERS);
    f.chunks[1].dictionary_at_delta = -dictionary_at - 1;
    expect_rows(&f, 1, NUMBERS);
}

static void a_chunk_whose_size_lacks_a_header_is_read(void **state)
{
    (void)state;
    made_file f = made_well();
    f.chunks[1].stored_delta = -20;
    expect_rows(&f, 1, NUMBERS);
}

static void fields_of_the_future_are_skipped(void **state)
{
    (void)state;
    made_file f = made_well();
    f.strange = true;
    expect_rows(&f, 0, TAGS);
}

static void a_list_may_span_pages_where_there_is_no_index(void **state)
{
    (void)state;
    made_file f = made_well();
    made_chunk *tags = &f.chunks[0];
    /* rep 0 1 0 0, def 3 3 0 3 | rep 1 1 0, def 3 2 3 */
    tags->pages[0].body = "\2\0\0\0\3\2"
                          "\3\0\0\0\3\xcf\0"
                          "\1\0\0\0a"
                          "\2\0\0\0bb"
                          "\1\0\0\0x";
    tags->pages[0].len += 5;
    tags->pages[1].body = "\2\0\0\0\3\3"
                          "\3\0\0\0\3\x3b\0"
                          "\1\0\0\0c"
                          "\2\0\0\0dd";
    expect_rows(&f, 0, "[\"a\",\"bb\"] - [\"x\",\"c\",null] [\"dd\"]");
    tags->pages[0].body = "\2\0\0\0\3\3"
                          "\3\0\0\0\3\xcf\0"
                          "\1\0\0\0a"
                          "\2\0\0\0bb"
                          "\1\0\0\0x";
    opened o;
    char rows[256];
    assert_int_equal(open_made(&o, &f), RV_OK);
    assert_int_equal(rows_of(&o, 0, 3, rows, sizeof rows), RV_E_FILE_DAMAGED);
    assert_non_null(strstr(o.err.message, "begins inside of a list"));
    close_made(&o);
}

static void levels_of_ancient_files_are_read(void **state)
{
    (void)state;
    made_file f = made_well();
    /* def 3 2 3 as BIT_PACKED: 11 10 11 from the left, without a length. */
    f.chunks[0].pages[1].body = "\2\0\0\0\3\2"
                                "\xec"
                                "\1\0\0\0c"
                                "\2\0\0\0dd";
    f.chunks[0].pages[1].len = 6 + 1 + 5 + 6;
    f.chunks[0].pages[1].def_encoding = RV_PARQUET_BIT_PACKED;
    expect_rows(&f, 0, TAGS);
}

static void limits_are_kept(void **state)
{
    (void)state;
    made_file f = made_well();
    opened o;
    char rows[256];
    assert_int_equal(open_made(&o, &f), RV_OK);
    rv_parquet_close(o.reader);
    o.reader = NULL;
    rv_parquet_reader_options options = {.budget = &o.budget, .limits = {.footer_bytes = 100}};
    assert_int_equal(rv_parquet_open(&o.reader, &o.input.base, &options, &o.err), RV_E_LIMIT_EXCEEDED);
    options.limits = (rv_parquet_limits){.page_bytes = 10};
    assert_int_equal(rv_parquet_open(&o.reader, &o.input.base, &options, &o.err), RV_OK);
    assert_int_equal(rows_of(&o, 1, 3, rows, sizeof rows), RV_E_LIMIT_EXCEEDED);
    close_made(&o);
}

static void a_budget_that_is_too_small_is_not_passed(void **state)
{
    (void)state;
    made_file f = made_well();
    made_bytes b;
    rv_memory_input input;
    made_bytes_of(&f, &b);
    rv_memory_input_init(&input, b.out.data, b.out.len, "made.parquet");
    for (size_t limit = 0;; limit += 997) {
        rv_budget budget;
        rv_error err = {0};
        rv_parquet_report report;
        uint64_t digests[2];
        rv_budget_init(&budget, limit);
        rv_parquet_reader_options options = {.budget = &budget};
        rv_code rc = rv_parquet_verify(&input.base, &options, digests, 2, &report, &err);
        assert_int_equal(rv_budget_used(&budget), 0);
        if (rc == RV_OK)
            break;
        assert_int_equal(rc, RV_E_MEMORY_BUDGET);
        assert_true(limit < 4 << 20);
    }
    made_free(&b);
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    made_file f = made_well();
    made_bytes b;
    rv_memory_input input;
    made_bytes_of(&f, &b);
    rv_memory_input_init(&input, b.out.data, b.out.len, "made.parquet");
    for (int mode = FAULT_TRANSIENT; mode <= FAULT_PERSISTENT; mode++)
        for (int n = 1;; n++) {
            rv_budget budget;
            rv_error err = {0};
            rv_parquet_report report;
            uint64_t digests[2];
            rv_budget_init(&budget, 8 << 20);
            rv_parquet_reader_options options = {.budget = &budget};
            fault_arm(FAULT_ALLOC, n, (fault_mode)mode, 0);
            rv_code rc = rv_parquet_verify(&input.base, &options, digests, 2, &report, &err);
            bool hit = fault_disarm();
            assert_int_equal(rv_budget_used(&budget), 0);
            if (!hit) {
                assert_int_equal(rc, RV_OK);
                assert_int_equal(report.n_findings, 0);
                break;
            }
            if (rc != RV_E_OUT_OF_MEMORY)
                fail_msg("allocation %d: %s %s", n, rv_code_name(rc), err.message);
        }
    made_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thrift_skips_what_it_does_not_know_and_refuses_what_cannot_be),
        cmocka_unit_test(nesting_beyond_the_limit_is_refused),
        cmocka_unit_test(a_known_field_of_another_type_is_refused),
        cmocka_unit_test(columns_are_read_in_pieces_of_any_size),
        cmocka_unit_test(the_footer_describes_the_columns),
        cmocka_unit_test(files_without_a_usable_footer_are_refused),
        cmocka_unit_test(chunks_that_are_not_what_they_say_are_refused_with_their_place),
        cmocka_unit_test(what_one_column_cannot_does_not_touch_the_others),
        cmocka_unit_test(the_dictionary_page_is_found_wherever_the_offsets_point),
        cmocka_unit_test(a_chunk_whose_size_lacks_a_header_is_read),
        cmocka_unit_test(fields_of_the_future_are_skipped),
        cmocka_unit_test(a_list_may_span_pages_where_there_is_no_index),
        cmocka_unit_test(levels_of_ancient_files_are_read),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(a_budget_that_is_too_small_is_not_passed),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
