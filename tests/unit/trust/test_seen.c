/* Digests of exported rows: complete from their floor on, bounded, the same after a round trip. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/fault.h"

#include "rivet/seen.h"

static rv_hash128 digest(int64_t i)
{
    return (rv_hash128){.low = (uint64_t)i * UINT64_C(0x9E3779B97F4A7C15), .high = (uint64_t)(i % 7)};
}

static void a_set_knows_what_was_added_and_nothing_else(void **state)
{
    RV_AUTO(rv_seen_free) rv_seen *seen = NULL;
    (void)state;
    assert_int_equal(rv_seen_new(&seen, 100, 1000, NULL), RV_OK);
    for (int64_t i = 0; i < 500; i++)
        assert_int_equal(rv_seen_add(seen, i, digest(i), NULL), RV_OK);
    assert_int_equal(rv_seen_count(seen), 400);
    rv_seen_close(seen);
    for (int64_t i = 0; i < 1000; i++)
        assert_int_equal(rv_seen_has(seen, digest(i)), i >= 100 && i < 500);
    rv_seen_clear(seen, 0);
    rv_seen_close(seen);
    assert_false(rv_seen_has(seen, digest(200)));
}

static void a_full_set_is_complete_from_a_higher_floor_on(void **state)
{
    RV_AUTO(rv_seen_free) rv_seen *seen = NULL;
    (void)state;
    assert_int_equal(rv_seen_new(&seen, 0, 100, NULL), RV_OK);
    for (int64_t i = 999; i >= 0; i--) /* three rows at each place */
        assert_int_equal(rv_seen_add(seen, i / 3, digest(i), NULL), RV_OK);
    int64_t floor = rv_seen_floor(seen);
    assert_true(floor > 250 && floor <= 333);
    assert_true(rv_seen_count(seen) <= 100);
    rv_seen_close(seen);
    for (int64_t i = 0; i < 1000; i++)
        assert_int_equal(rv_seen_has(seen, digest(i)), i / 3 >= floor);
}

static void more_rows_at_one_place_than_fit_are_all_forgotten(void **state)
{
    RV_AUTO(rv_seen_free) rv_seen *seen = NULL;
    (void)state;
    assert_int_equal(rv_seen_new(&seen, 0, 10, NULL), RV_OK);
    for (int64_t i = 0; i < 50; i++)
        assert_int_equal(rv_seen_add(seen, 7, digest(i), NULL), RV_OK);
    assert_int_equal(rv_seen_floor(seen), 8);
    assert_int_equal(rv_seen_count(seen), 0);
    for (int64_t i = 0; i < 10; i++)
        assert_int_equal(rv_seen_add(seen, INT64_MAX, digest(i), NULL), RV_OK);
    assert_int_equal(rv_seen_add(seen, INT64_MAX, digest(11), NULL), RV_E_LIMIT_EXCEEDED);
}

static void sets_become_bytes_and_are_put_together_again(void **state)
{
    rv_bytes bytes = RV_BYTES_INIT(RV_SEEN_MAX_BYTES), other = RV_BYTES_INIT(RV_SEEN_MAX_BYTES);
    RV_AUTO(rv_seen_free) rv_seen *a = NULL, *b = NULL, *both = NULL;
    (void)state;
    assert_int_equal(rv_seen_new(&a, -5, 1000, NULL), RV_OK);
    assert_int_equal(rv_seen_new(&b, 20, 1000, NULL), RV_OK);
    assert_int_equal(rv_seen_new(&both, INT64_MIN, 1000, NULL), RV_OK);
    for (int64_t i = -5; i < 100; i++) {
        assert_int_equal(rv_seen_add(a, i, digest(i), NULL), RV_OK);
        assert_int_equal(rv_seen_add(b, i, digest(i + 1000), NULL), RV_OK);
    }
    assert_int_equal(rv_seen_write(a, &bytes, NULL), RV_OK);
    assert_int_equal(rv_seen_write(b, &other, NULL), RV_OK);
    assert_int_equal(rv_seen_read(both, bytes.data, bytes.len, NULL), RV_OK);
    assert_int_equal(rv_seen_read(both, other.data, other.len, NULL), RV_OK);
    assert_int_equal(rv_seen_floor(both), 20);
    rv_seen_close(both);
    for (int64_t i = -5; i < 100; i++) {
        assert_int_equal(rv_seen_has(both, digest(i)), i >= 20);
        assert_int_equal(rv_seen_has(both, digest(i + 1000)), i >= 20);
    }
    rv_bytes_deinit(&bytes);
    rv_bytes_deinit(&other);
}

static void other_bytes_are_refused(void **state)
{
    RV_AUTO(rv_seen_free) rv_seen *seen = NULL;
    const char cut[35] = "RVS1";
    (void)state;
    assert_int_equal(rv_seen_new(&seen, 0, 10, NULL), RV_OK);
    assert_int_equal(rv_seen_read(seen, "", 0, NULL), RV_E_STATE_CORRUPT);
    assert_int_equal(rv_seen_read(seen, "RVS2........", 12, NULL), RV_E_STATE_CORRUPT);
    assert_int_equal(rv_seen_read(seen, cut, sizeof cut, NULL), RV_E_STATE_CORRUPT);
}

static void want_of_memory_is_told(void **state)
{
    (void)state;
    for (int n = 1;; n++) {
        rv_seen *seen = NULL;
        fault_arm(FAULT_ALLOC, n, FAULT_PERSISTENT, 0);
        rv_code rc = rv_seen_new(&seen, 0, 1000, NULL);
        for (int64_t i = 0; rc == RV_OK && i < 300; i++)
            rc = rv_seen_add(seen, i, digest(i), NULL);
        bool failed = fault_disarm();
        rv_seen_free(seen);
        assert_int_equal(rc, failed ? RV_E_OUT_OF_MEMORY : RV_OK);
        if (!failed)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_knows_what_was_added_and_nothing_else),
        cmocka_unit_test(a_full_set_is_complete_from_a_higher_floor_on),
        cmocka_unit_test(more_rows_at_one_place_than_fit_are_all_forgotten),
        cmocka_unit_test(sets_become_bytes_and_are_put_together_again),
        cmocka_unit_test(other_bytes_are_refused),
        cmocka_unit_test(want_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
