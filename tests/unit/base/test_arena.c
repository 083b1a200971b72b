#include "rivet/arena.h"

#include "fault.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const size_t PLENTY = (size_t)64 << 20;

static void memory_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    assert_int_equal(rv_arena_new(&arena, PLENTY, NULL), RV_OK);
    unsigned char *piece[500];
    for (size_t i = 0; i < 500; i++) {
        const size_t len = i * 37 % 9000;
        piece[i] = rv_arena_alloc(arena, len, 1);
        assert_non_null(piece[i]);
        assert_int_equal((uintptr_t)piece[i] % alignof(max_align_t), 0);
        for (size_t k = 0; k < len; k++)
            assert_int_equal(piece[i][k], 0);
        memset(piece[i], (int)(i & 0xFF), len);
    }
    for (size_t i = 0; i < 500; i++)
        for (size_t k = 0; k < i * 37 % 9000; k++)
            assert_int_equal(piece[i][k], i & 0xFF);
}

static void no_elements_are_a_valid_pointer(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    assert_int_equal(rv_arena_new(&arena, PLENTY, NULL), RV_OK);
    assert_non_null(rv_arena_alloc(arena, 0, 8));
    assert_non_null(rv_arena_alloc(arena, 8, 0));
    assert_non_null(rv_arena_strndup(arena, NULL, 0));
}

static void a_size_that_overflows_is_refused(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    assert_int_equal(rv_arena_new(&arena, SIZE_MAX, NULL), RV_OK);
    assert_null(rv_arena_alloc(arena, SIZE_MAX / 2, 3));
    assert_null(rv_arena_alloc(arena, SIZE_MAX, 1));
    assert_null(rv_arena_alloc(arena, SIZE_MAX - 16, 1)); /* fits, but not together with its block */
    assert_null(rv_arena_strndup(arena, "x", SIZE_MAX));
    assert_non_null(rv_arena_alloc(arena, 10, 10));
}

static void the_ceiling_holds_and_smaller_requests_still_pass(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    assert_int_equal(rv_arena_new(&arena, 1000, NULL), RV_OK);
    assert_non_null(rv_arena_alloc(arena, 900, 1));
    assert_null(rv_arena_alloc(arena, 200, 1));
    assert_non_null(rv_arena_alloc(arena, 64, 1));
    size_t n = 0;
    while (rv_arena_alloc(arena, 1, 1))
        n++;
    assert_in_range(n, 1, 36);
}

static void a_giant_does_not_waste_the_block_being_filled(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    assert_int_equal(rv_arena_new(&arena, PLENTY, NULL), RV_OK);
    assert_non_null(rv_arena_alloc(arena, 16, 1));
    fault_arm(FAULT_ALLOC, 2, FAULT_PERSISTENT, 0);
    assert_non_null(rv_arena_alloc(arena, 1 << 20, 1));
    assert_non_null(rv_arena_alloc(arena, 16, 1)); /* still from the first block */
    assert_false(fault_disarm());
}

static void strings_are_copied_with_their_nul(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    assert_int_equal(rv_arena_new(&arena, PLENTY, NULL), RV_OK);
    char source[] = "orders";
    char *whole = rv_arena_strdup(arena, source), *part = rv_arena_strndup(arena, source, 3);
    memset(source, '?', sizeof source - 1);
    assert_string_equal(whole, "orders");
    assert_string_equal(part, "ord");
    assert_string_equal(rv_arena_printf(arena, "%s-%05d", whole, 42), "orders-00042");
    char *padded = rv_arena_printf(arena, "%9000d", 1);
    assert_int_equal(strlen(padded), 9000);
}

static rv_code fill_an_arena(rv_error *err)
{
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    RV_TRY(rv_arena_new(&arena, PLENTY, err));
    for (size_t i = 0; i < 40; i++)
        if (!rv_arena_alloc(arena, 1000 * i, 1))
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "piece %zu", i);
    if (!rv_arena_strdup(arena, "x") || !rv_arena_printf(arena, "%300000d", 1))
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "texts");
    return RV_OK;
}

static void any_failed_allocation_is_reported_and_leaks_nothing(void **state)
{
    (void)state;
    for (int mode = FAULT_TRANSIENT; mode <= FAULT_PERSISTENT; mode++) {
        for (int n = 1;; n++) {
            rv_error err = {0};
            fault_arm(FAULT_ALLOC, n, (fault_mode)mode, 0);
            rv_code rc = fill_an_arena(&err);
            if (!fault_disarm()) {
                assert_int_equal(rc, RV_OK);
                assert_true(n > 5);
                break;
            }
            assert_int_equal(rc, RV_E_OUT_OF_MEMORY);
            assert_int_equal(err.code, RV_E_OUT_OF_MEMORY);
        }
    }
}

static void an_arena_survives_one_failed_allocation(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    assert_int_equal(rv_arena_new(&arena, PLENTY, NULL), RV_OK);
    char *before = rv_arena_strdup(arena, "before");
    fault_arm(FAULT_ALLOC, 1, FAULT_TRANSIENT, 0);
    assert_null(rv_arena_alloc(arena, 1 << 20, 1));
    assert_true(fault_disarm());
    assert_non_null(rv_arena_alloc(arena, 1 << 20, 1));
    assert_string_equal(before, "before");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(no_elements_are_a_valid_pointer),
        cmocka_unit_test(a_size_that_overflows_is_refused),
        cmocka_unit_test(the_ceiling_holds_and_smaller_requests_still_pass),
        cmocka_unit_test(a_giant_does_not_waste_the_block_being_filled),
        cmocka_unit_test(strings_are_copied_with_their_nul),
        cmocka_unit_test(any_failed_allocation_is_reported_and_leaks_nothing),
        cmocka_unit_test(an_arena_survives_one_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
