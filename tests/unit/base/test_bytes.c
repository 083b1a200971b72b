#include "rivet/bytes.h"

#include "fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void appended_pieces_stand_one_after_the_other(void **state)
{
    (void)state;
    rv_bytes b = RV_BYTES_INIT(100000);
    for (int i = 0; i < 10000; i++) {
        uint8_t piece[2] = {(uint8_t)(i >> 8), (uint8_t)i};
        assert_int_equal(rv_bytes_append(&b, piece, 2, NULL), RV_OK);
    }
    assert_int_equal(b.len, 20000);
    for (int i = 0; i < 10000; i++)
        assert_int_equal(b.data[2 * i] << 8 | b.data[2 * i + 1], i);
    rv_bytes_deinit(&b);
    assert_null(b.data);
    assert_int_equal(b.max, 100000);
}

static void a_buffer_grows_to_its_ceiling_and_not_beyond(void **state)
{
    (void)state;
    rv_error err;
    rv_bytes b = RV_BYTES_INIT(100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(rv_bytes_append(&b, "x", 1, &err), RV_OK);
    assert_true(b.cap <= 100);
    assert_int_equal(rv_bytes_append(&b, "y", 1, &err), RV_E_LIMIT_EXCEEDED);
    assert_int_equal(err.code, RV_E_LIMIT_EXCEEDED);
    assert_int_equal(b.len, 100);
    assert_int_equal(b.data[99], 'x');
    assert_int_equal(rv_bytes_reserve(&b, 1, &err), RV_E_LIMIT_EXCEEDED);
    assert_int_equal(rv_bytes_reserve(&b, SIZE_MAX, &err), RV_E_LIMIT_EXCEEDED);
    assert_int_equal(rv_bytes_append(&b, NULL, 0, &err), RV_OK);
    rv_bytes_deinit(&b);
}

static void reserved_room_is_not_content(void **state)
{
    (void)state;
    rv_bytes b = RV_BYTES_INIT(1 << 20);
    assert_int_equal(rv_bytes_reserve(&b, 5000, NULL), RV_OK);
    assert_int_equal(b.len, 0);
    assert_true(b.cap >= 5000);
    const uint8_t *before = b.data;
    memset(b.data, 'z', 5000);
    b.len = 5000;
    rv_bytes_clear(&b);
    assert_int_equal(b.len, 0);
    assert_ptr_equal(b.data, before);
    rv_bytes_deinit(&b);
}

static void a_full_buffer_still_gives_a_c_string(void **state)
{
    (void)state;
    rv_bytes b = RV_BYTES_INIT(4);
    const char *text = NULL;
    assert_int_equal(rv_bytes_cstr(&b, &text, NULL), RV_OK);
    assert_string_equal(text, "");
    assert_int_equal(rv_bytes_append_str(&b, "four", NULL), RV_OK);
    assert_int_equal(rv_bytes_cstr(&b, &text, NULL), RV_OK);
    assert_string_equal(text, "four");
    assert_int_equal(b.len, 4);
    assert_int_equal(rv_bytes_append_str(&b, "!", NULL), RV_E_LIMIT_EXCEEDED);
    rv_bytes_deinit(&b);
}

static void formatted_text_is_appended_whole_or_not_at_all(void **state)
{
    (void)state;
    rv_bytes b = RV_BYTES_INIT(10);
    const char *text = NULL;
    assert_int_equal(rv_bytes_printf(&b, NULL, "%s", "abc"), RV_OK);
    assert_int_equal(rv_bytes_printf(&b, NULL, "%08d", 1), RV_E_LIMIT_EXCEEDED);
    assert_int_equal(rv_bytes_printf(&b, NULL, "%07d", 1), RV_OK);
    assert_int_equal(rv_bytes_printf(&b, NULL, "%s", ""), RV_OK);
    assert_int_equal(rv_bytes_cstr(&b, &text, NULL), RV_OK);
    assert_string_equal(text, "abc0000001");
    rv_bytes_deinit(&b);
}

static void moving_empties_the_source(void **state)
{
    (void)state;
    rv_bytes from = RV_BYTES_INIT(50), to = RV_BYTES_INIT(0);
    assert_int_equal(rv_bytes_append_str(&from, "cargo", NULL), RV_OK);
    rv_bytes_move(&to, &from);
    assert_null(from.data);
    assert_int_equal(from.len, 0);
    assert_int_equal(from.max, 50);
    assert_int_equal(to.len, 5);
    assert_int_equal(to.max, 50);
    assert_memory_equal(to.data, "cargo", 5);
    rv_bytes_deinit(&from);
    rv_bytes_deinit(&to);
}

static rv_code append_in_many_ways(rv_bytes *b, rv_error *err)
{
    const char *text;
    for (int i = 0; i < 50; i++) {
        RV_TRY(rv_bytes_append(b, "0123456789", 10, err));
        RV_TRY(rv_bytes_printf(b, err, "%d", i));
        RV_TRY(rv_bytes_cstr(b, &text, err));
    }
    return rv_bytes_reserve(b, 10000, err);
}

static void a_failed_append_leaves_the_content_as_it_was(void **state)
{
    (void)state;
    for (int n = 1;; n++) {
        rv_error err = {0};
        rv_bytes b = RV_BYTES_INIT(1 << 20);
        fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
        rv_code rc = append_in_many_ways(&b, &err);
        bool hit = fault_disarm();
        if (hit) {
            assert_int_equal(rc, RV_E_OUT_OF_MEMORY);
            assert_int_equal(err.code, RV_E_OUT_OF_MEMORY);
            size_t before = b.len;
            assert_true(before == 0 || memcmp(b.data, "0123456789", 10) == 0);
            assert_int_equal(rv_bytes_append_str(&b, "go on", NULL), RV_OK);
            assert_memory_equal(b.data + before, "go on", 5);
        }
        rv_bytes_deinit(&b);
        if (!hit) {
            assert_int_equal(rc, RV_OK);
            assert_true(n > 3);
            return;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appended_pieces_stand_one_after_the_other),
        cmocka_unit_test(a_buffer_grows_to_its_ceiling_and_not_beyond),
        cmocka_unit_test(reserved_room_is_not_content),
        cmocka_unit_test(a_full_buffer_still_gives_a_c_string),
        cmocka_unit_test(formatted_text_is_appended_whole_or_not_at_all),
        cmocka_unit_test(moving_empties_the_source),
        cmocka_unit_test(a_failed_append_leaves_the_content_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
