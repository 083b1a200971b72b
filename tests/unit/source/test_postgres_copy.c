/* The binary COPY stream: cut anywhere, broken everywhere, and with too little memory. */
#include "unit/source/postgres_support.h"

#include "lib/fault.h"

#include <string.h>

/* Three rows of a list of numbers: "[1,2]", NULL, "[]". */
static wire three_rows(void)
{
    wire w = {.len = 0}, list = wire_array(23, 2, 1), empty = {.len = 0};
    wire_value(&list, "\0\0\0\1", 4);
    wire_value(&list, "\0\0\0\2", 4);
    wire_i32(&empty, 0);
    wire_i32(&empty, 0);
    wire_i32(&empty, 23);
    wire_copy_header(&w);
    wire_i16(&w, 1);
    wire_value(&w, list.bytes, list.len);
    wire_i16(&w, 1);
    wire_value(&w, NULL, 0);
    wire_i16(&w, 1);
    wire_value(&w, empty.bytes, empty.len);
    wire_i16(&w, -1);
    return w;
}

static void open_list(decoding *d)
{
    decoding_open(d, list_of(scalar(RV_TYPE_INT32)), RVI_PG_WIRE_INT4);
}

/* Feed `w` in pieces of `step` bytes and finish. */
static rv_code feed_in_pieces(decoding *d, const wire *w, size_t step, const char *server_count)
{
    RV_AUTO(rvi_pg_copy) rvi_pg_copy copy;
    rvi_pg_copy_init(&copy, &d->rows);
    for (size_t at = 0; at < w->len; at += step)
        RV_TRY(rvi_pg_copy_feed(&copy, w->bytes + at, w->len - at < step ? w->len - at : step, &d->err));
    return rvi_pg_copy_finish(&copy, server_count, &d->err);
}

static void messages_may_be_cut_anywhere(void **state)
{
    wire w = three_rows();
    (void)state;
    for (size_t step = 1; step <= w.len; step++) {
        decoding d;
        open_list(&d);
        assert_int_equal(feed_in_pieces(&d, &w, step, "3"), RV_OK);
        assert_int_equal(d.batch->rows, 3);
        assert_string_equal(decoded(&d), "[]");
        decoding_close(&d);
    }
}

static void a_stream_that_stops_is_never_complete(void **state)
{
    wire whole = three_rows();
    (void)state;
    for (size_t len = 0; len < whole.len; len++) {
        decoding d;
        wire w = whole;
        w.len = len;
        open_list(&d);
        assert_int_equal(feed_in_pieces(&d, &w, WIRE_BYTES, "3"), RV_E_SOURCE_PROTOCOL);
        decoding_close(&d);
    }
}

static void the_servers_count_must_be_ours(void **state)
{
    static const char *const counts[] = {"2", "4", "", "3 "};
    wire w = three_rows();
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        decoding d;
        open_list(&d);
        assert_int_equal(feed_in_pieces(&d, &w, WIRE_BYTES, counts[i]), RV_E_SOURCE_PROTOCOL);
        decoding_close(&d);
    }
}

static void a_header_extension_is_skipped(void **state)
{
    wire rows = three_rows(), w = {.len = 0};
    (void)state;
    wire_raw(&w, rows.bytes, 15);
    wire_i32(&w, 5);
    wire_raw(&w, "later", 5);
    wire_raw(&w, rows.bytes + 19, rows.len - 19);
    for (size_t step = 1; step < 40; step++) {
        decoding d;
        open_list(&d);
        assert_int_equal(feed_in_pieces(&d, &w, step, "3"), RV_OK);
        decoding_close(&d);
    }
}

/* Each case changes bytes of a good stream. */
static void what_is_no_copy_stream_is_refused(void **state)
{
    static const struct {
        const char *why;
        size_t at;
        uint8_t byte;
    } cases[] = {
        {"another signature", 0, 'p'},
        {"a line end that was converted", 8, '\n'},
        {"an unknown critical flag", 11, 1},
        {"rows with OIDs", 12, 1},
        {"an extension of negative length", 15, 0x80},
        {"an extension of half a gigabyte", 15, 0x20},
        {"another number of fields", 20, 2},
        {"no fields", 20, 0},
        {"a negative number of fields that is no end", 19, 0x80},
        {"a negative length that is no NULL", 21, 0x80},
        {"a length beyond any message", 21, 0x7f},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        decoding d;
        wire w = three_rows();
        w.bytes[cases[i].at] = cases[i].byte;
        open_list(&d);
        if (feed_in_pieces(&d, &w, WIRE_BYTES, "3") != RV_E_SOURCE_PROTOCOL)
            fail_msg("%s: not refused", cases[i].why);
        decoding_close(&d);
    }
}

static void unknown_flags_that_are_not_critical_are_ignored(void **state)
{
    decoding d;
    wire w = three_rows();
    (void)state;
    w.bytes[14] = 1;
    open_list(&d);
    assert_int_equal(feed_in_pieces(&d, &w, WIRE_BYTES, "3"), RV_OK);
    decoding_close(&d);
}

static void nothing_may_follow_the_end(void **state)
{
    decoding d;
    wire w = three_rows();
    (void)state;
    wire_i16(&w, -1);
    for (size_t step = 1; step < 3; step++) {
        open_list(&d);
        assert_int_equal(feed_in_pieces(&d, &w, step == 1 ? w.len - 2 : w.len, "3"), RV_E_SOURCE_PROTOCOL);
        decoding_close(&d);
    }
}

static void a_full_page_is_given_up_and_may_be_asked_for_smaller(void **state)
{
    decoding d;
    wire w = three_rows();
    (void)state;
    open_list(&d);
    rvi_sql_rows_start(&d.rows, d.batch, 100);
    assert_int_equal(feed_in_pieces(&d, &w, WIRE_BYTES, "3"), RV_E_LIMIT_EXCEEDED);
    assert_int_equal(d.err.retry, RV_RETRY_SMALLER);
    assert_true(rv_batch_bytes(d.batch) <= 100);
    decoding_close(&d);
}

/* max_bytes is of content, and what the wire adds or lacks must not make pages pass it or stay far below. */
static void a_page_is_filled_up_to_its_limit(void **state)
{
    enum { VALUE = 1000, LIMIT = 100000 };
    static const char value[VALUE];
    decoding d;
    (void)state;
    decoding_open(&d, scalar(RV_TYPE_BINARY), RVI_PG_WIRE_BYTEA);
    rvi_sql_rows_start(&d.rows, d.batch, LIMIT);
    while (rvi_sql_rows_has_room(&d.rows, VALUE + 6))
        assert_int_equal(decode_bytes(&d, value, VALUE), RV_OK);
    assert_true(rv_batch_bytes(d.batch) <= LIMIT);
    assert_true(rv_batch_bytes(d.batch) > LIMIT - 4 * (VALUE + 100));
    decoding_close(&d);
}

static rv_code feed_with_fault(decoding *d, const wire *w, int nth, fault_mode mode, bool *hit)
{
    fault_arm(FAULT_ALLOC, nth, mode, 0);
    rv_code rc = feed_in_pieces(d, w, 7, "3");
    *hit = fault_disarm();
    return rc;
}

static void every_allocation_may_fail(void **state)
{
    wire w = three_rows();
    (void)state;
    for (fault_mode mode = FAULT_TRANSIENT; mode <= FAULT_PERSISTENT; mode++)
        for (int nth = 1;; nth++) {
            decoding d;
            bool hit = false;
            open_list(&d);
            rv_code rc = feed_with_fault(&d, &w, nth, mode, &hit);
            assert_int_equal(rc, hit ? RV_E_OUT_OF_MEMORY : RV_OK);
            decoding_close(&d);
            if (!hit)
                break;
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_may_be_cut_anywhere),
        cmocka_unit_test(a_stream_that_stops_is_never_complete),
        cmocka_unit_test(the_servers_count_must_be_ours),
        cmocka_unit_test(a_header_extension_is_skipped),
        cmocka_unit_test(what_is_no_copy_stream_is_refused),
        cmocka_unit_test(unknown_flags_that_are_not_critical_are_ignored),
        cmocka_unit_test(nothing_may_follow_the_end),
        cmocka_unit_test(a_full_page_is_given_up_and_may_be_asked_for_smaller),
        cmocka_unit_test(a_page_is_filled_up_to_its_limit),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
