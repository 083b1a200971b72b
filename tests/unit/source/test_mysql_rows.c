/* Whole rows of the binary protocol: where their values lie, what is broken, how much a page takes. */
#include "unit/source/mysql_support.h"

#include <stdlib.h>
#include <string.h>

enum { N_WIDE = 20 };

/* A relation of N_WIDE text columns, so that the bitmap of NULLs has several bytes. */
typedef struct wide {
    rv_arena *arena;
    rv_field fields[N_WIDE];
    rv_schema schema;
    rvi_my_type types[N_WIDE];
    rvi_my_rows rows;
    rv_batch *batch;
} wide;

static void wide_open(wide *t)
{
    *t = (wide){.schema = {.fields = t->fields, .n_fields = N_WIDE, .origin = "shop.wide"}};
    for (int i = 0; i < N_WIDE; i++)
        t->fields[i] = (rv_field){.name = "c",
                                  .native_type = "text",
                                  .natural = scalar(RV_TYPE_STRING),
                                  .type = scalar(RV_TYPE_STRING),
                                  .nullable = true};
    assert_int_equal(rv_arena_new(&t->arena, 1 << 20, NULL), RV_OK);
    assert_int_equal(rv_batch_new(&t->batch, &t->schema, NULL, NULL), RV_OK);
    assert_int_equal(rvi_my_rows_init(&t->rows, t->arena, &t->schema, t->types, 0, NULL), RV_OK);
    rvi_sql_rows_start(&t->rows.base, t->batch, SIZE_MAX);
}

static void wide_close(wide *t)
{
    rv_batch_free(t->batch);
    rv_arena_free(t->arena);
}

static void every_null_is_told_by_its_own_bit(void **state)
{
    wide t;
    (void)state;
    wide_open(&t);
    for (int null = 0; null < N_WIDE; null++) {
        wire row = {.len = 0};
        wire_row(&row, N_WIDE, 1u << null);
        for (int i = 0; i < N_WIDE; i++)
            if (i != null)
                wire_value(&row, "x", 1);
        assert_int_equal(rvi_my_rows_append(&t.rows, row.bytes, row.len, NULL), RV_OK);
        for (int i = 0; i < N_WIDE; i++)
            assert_int_equal(rv_column_is_null(&t.batch->columns[i], null), i == null);
    }
    wide_close(&t);
}

static void an_empty_value_is_not_null(void **state)
{
    decoding d;
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_STRING), RVI_MY_WIRE_TEXT);
    assert_int_equal(decode_bytes(&d, "", 0), RV_OK);
    assert_string_equal(decoded(&d), "");
    assert_false(rv_column_is_null(&d.batch->columns[0], 0));
    decoding_close(&d);
}

/* Appends one row whose only value is n bytes long, with a length of `width` bytes after `first`. */
static rv_code append_long(decoding *d, uint8_t first, int width, uint64_t claimed, size_t n)
{
    uint8_t *row = calloc(1, n + 16);
    size_t len = 2;
    assert_non_null(row);
    row[len++] = first;
    for (int i = 0; i < width; i++)
        row[len++] = (uint8_t)(claimed >> (8 * i));
    memset(row + len, 'a', n);
    d->err = (rv_error){0};
    rv_code rc = rvi_my_rows_append(&d->rows, row, len + n, &d->err);
    free(row);
    return rc;
}

static void lengths_of_every_size_are_read(void **state)
{
    static const struct {
        uint8_t first;
        int width;
        size_t len;
    } cases[] = {{250, 0, 250}, {0xfc, 2, 251}, {0xfc, 2, 65535}, {0xfd, 3, 65536}, {0xfe, 8, 300}};
    decoding d;
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_STRING), RVI_MY_WIRE_TEXT);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(append_long(&d, cases[i].first, cases[i].width, cases[i].len, cases[i].len), RV_OK);
        const int32_t *offsets = d.batch->columns[0].offsets;
        assert_int_equal(offsets[i + 1] - offsets[i], (int32_t)cases[i].len);
    }
    decoding_close(&d);
}

static void lengths_that_lie_are_broken_protocol(void **state)
{
    static const struct {
        const char *why;
        uint8_t first;
        int width;
        uint64_t claimed;
        size_t len;
    } cases[] = {
        {"longer than the row", 5, 0, 0, 4},          {"shorter than the row", 3, 0, 0, 4},
        {"NULL of the text protocol", 0xfb, 0, 0, 0}, {"no length begins so", 0xff, 0, 0, 4},
        {"cut after its first byte", 0xfc, 0, 0, 1},  {"as long as a number can be", 0xfe, 8, UINT64_MAX, 4},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decoding d;
        decoding_open(&d, scalar(RV_TYPE_STRING), RVI_MY_WIRE_TEXT);
        rv_code rc = append_long(&d, cases[i].first, cases[i].width, cases[i].claimed, cases[i].len);
        if (rc != RV_E_SOURCE_PROTOCOL)
            fail_msg("%s: not refused", cases[i].why);
        decoding_close(&d);
    }
}

static void a_row_cut_anywhere_is_broken_protocol(void **state)
{
    decoding d;
    wire row = {.len = 0};
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_INT32), RVI_MY_WIRE_INT4);
    d.fields[1] = d.fields[0];
    d.fields[1].natural = d.fields[1].type = scalar(RV_TYPE_STRING);
    d.types[1] = (rvi_my_type){.natural = scalar(RV_TYPE_STRING), .wire = RVI_MY_WIRE_TEXT};
    d.schema.n_fields = 2;
    decoding_start(&d);
    wire_row(&row, 2, 0);
    wire_number(&row, 7, 4);
    wire_value(&row, "abc", 3);
    for (size_t len = 0; len < row.len; len++)
        assert_int_equal(rvi_my_rows_append(&d.rows, row.bytes, len, NULL), RV_E_SOURCE_PROTOCOL);
    assert_int_equal(d.batch->rows, 0);
    assert_int_equal(rvi_my_rows_append(&d.rows, row.bytes, row.len, NULL), RV_OK);
    row.bytes[0] = 0xfe; /* another header */
    assert_int_equal(rvi_my_rows_append(&d.rows, row.bytes, row.len, NULL), RV_E_SOURCE_PROTOCOL);
    decoding_close(&d);
}

static void a_page_that_is_full_asks_for_a_smaller_one(void **state)
{
    enum { LIMIT = 4096 };
    decoding d;
    rv_code rc = RV_OK;
    int64_t n = 0;
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_STRING), RVI_MY_WIRE_TEXT);
    rvi_sql_rows_start(&d.rows.base, d.batch, LIMIT);
    for (; rc == RV_OK && n < LIMIT; n++)
        rc = decode_bytes(&d, "0123456789012345678901234567890123456789", 40);
    assert_int_equal(rc, RV_E_LIMIT_EXCEEDED);
    assert_int_equal(d.err.retry, RV_RETRY_SMALLER);
    assert_true(rv_batch_bytes(d.batch) <= LIMIT);
    assert_true(rv_batch_bytes(d.batch) > LIMIT - 256); /* the bound is corrected, not only added up */
    assert_int_equal(d.batch->rows, n - 1);
    decoding_close(&d);
}

static void the_key_of_the_last_row_is_kept_as_it_came(void **state)
{
    decoding d;
    rvi_sql_last_key key = {.n = 1, .cell = {1}, .bytes = {RV_BYTES_INIT(64)}};
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_STRING), RVI_MY_WIRE_TEXT);
    d.rows.base.last_key = &key;
    d.rows.wires[d.rows.base.n_cells++] = RVI_MY_WIRE_UINT8; /* a cell that is in no column */
    for (uint64_t id = 7; id < 9; id++) {
        wire row = {.len = 0};
        wire_row(&row, 2, 0);
        wire_value(&row, "a", 1);
        wire_number(&row, id, 8);
        assert_int_equal(rvi_my_rows_append(&d.rows, row.bytes, row.len, NULL), RV_OK);
        assert_int_equal(key.bytes[0].len, 8);
        assert_int_equal(key.bytes[0].data[0], id);
    }
    wire row = {.len = 0};
    wire_row(&row, 2, 2);
    wire_value(&row, "a", 1);
    assert_int_equal(rvi_my_rows_append(&d.rows, row.bytes, row.len, NULL), RV_E_SOURCE_PROTOCOL);
    rv_bytes_deinit(&key.bytes[0]);
    decoding_close(&d);
}

/* One row of a page of its own, "a" and behind it the key. */
static rv_code append_first(decoding *d, uint64_t id)
{
    wire row = {.len = 0};
    wire_row(&row, 2, 0);
    wire_value(&row, "a", 1);
    wire_number(&row, id, 8);
    rv_batch_reset(d->batch);
    rvi_sql_rows_start(&d->rows.base, d->batch, SIZE_MAX);
    return rvi_my_rows_append(&d->rows, row.bytes, row.len, &d->err);
}

static void a_page_that_begins_with_the_key_handed_on_is_an_error(void **state)
{
    decoding d;
    rvi_sql_last_key key;
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_STRING), RVI_MY_WIRE_TEXT);
    rvi_sql_last_key_init(&key, 64);
    key.n = key.cell[0] = 1;
    d.rows.base.last_key = &key;
    d.rows.wires[d.rows.base.n_cells++] = RVI_MY_WIRE_UINT8;
    assert_int_equal(append_first(&d, 7), RV_OK);
    assert_int_equal(append_first(&d, 7), RV_OK); /* the page was given up, and is read again */
    for (uint64_t id = 7; id < 10; id++) {
        rvi_sql_last_key_hand_on(&key);
        assert_int_equal(append_first(&d, id), RV_E_SOURCE_UNSUPPORTED);
        assert_int_equal(d.err.retry, RV_RETRY_NEVER);
        assert_int_equal(append_first(&d, id + 1), RV_OK);
    }
    rvi_sql_last_key_deinit(&key);
    decoding_close(&d);
}

static void null_in_a_not_null_column_is_refused(void **state)
{
    decoding d;
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_INT32), RVI_MY_WIRE_INT4);
    d.fields[0].nullable = false;
    decoding_start(&d);
    assert_int_equal(decode_bytes(&d, NULL, 0), RV_E_VALUE_MALFORMED);
    decoding_close(&d);
}

static void a_policy_puts_no_null_where_the_file_has_no_room_for_one(void **state)
{
    decoding d;
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_DATE), RVI_MY_WIRE_DATE);
    d.fields[0].nullable = false;
    decoding_policy(&d, RV_INVALID_ZERO_DATE, RV_POLICY_NULL);
    assert_int_equal(decode_bytes(&d, "", 0), RV_E_VALUE_OUT_OF_RANGE);
    decoding_close(&d);
}

static void a_refused_value_names_its_row_by_the_key(void **state)
{
    decoding d;
    wire row = {.len = 0};
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_DATE), RVI_MY_WIRE_DATE);
    d.fields[1] = (rv_field){.name = "k",
                             .native_type = "int",
                             .natural = scalar(RV_TYPE_INT32),
                             .type = scalar(RV_TYPE_INT32),
                             .is_key = true};
    d.types[1] = (rvi_my_type){.natural = scalar(RV_TYPE_INT32), .wire = RVI_MY_WIRE_INT4};
    d.schema.n_fields = 2;
    decoding_start(&d);
    wire_row(&row, 2, 0);
    wire_value(&row, "", 0);
    wire_number(&row, 42, 4);
    assert_int_equal(rvi_my_rows_append(&d.rows, row.bytes, row.len, &d.err), RV_E_VALUE_OUT_OF_RANGE);
    assert_non_null(strstr(d.err.message, "column 'c'"));
    assert_non_null(strstr(d.err.message, "0000-00-00"));
    assert_string_equal(d.err.frame[0], "the row with k=42 of shop.t");
    decoding_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_null_is_told_by_its_own_bit),
        cmocka_unit_test(an_empty_value_is_not_null),
        cmocka_unit_test(lengths_of_every_size_are_read),
        cmocka_unit_test(lengths_that_lie_are_broken_protocol),
        cmocka_unit_test(a_row_cut_anywhere_is_broken_protocol),
        cmocka_unit_test(a_page_that_is_full_asks_for_a_smaller_one),
        cmocka_unit_test(the_key_of_the_last_row_is_kept_as_it_came),
        cmocka_unit_test(a_page_that_begins_with_the_key_handed_on_is_an_error),
        cmocka_unit_test(null_in_a_not_null_column_is_refused),
        cmocka_unit_test(a_policy_puts_no_null_where_the_file_has_no_room_for_one),
        cmocka_unit_test(a_refused_value_names_its_row_by_the_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
