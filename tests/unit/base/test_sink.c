#include "rivet/sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef struct small_sink {
    rv_sink base; /* first: the address of one is the address of the other */
    char taken[8];
    size_t len;
    int n_calls;
} small_sink;

static rv_code small_write(rv_sink *sink, const void *data, size_t len, rv_error *err)
{
    small_sink *s = (small_sink *)sink;
    s->n_calls++;
    if (len > sizeof s->taken - s->len)
        return rv_fail(err, RV_E_DEST_FULL, "eight bytes are all there is");
    memcpy(s->taken + s->len, data, len);
    s->len += len;
    return RV_OK;
}

static void accepted_bytes_are_counted_and_refused_ones_are_not(void **state)
{
    (void)state;
    rv_error err;
    small_sink s = {.base = {.write = small_write}};
    assert_int_equal(rv_sink_write(&s.base, "abc", 3, &err), RV_OK);
    assert_int_equal(rv_sink_write(&s.base, "defg", 4, &err), RV_OK);
    assert_int_equal(s.base.written, 7);
    assert_int_equal(rv_sink_write(&s.base, "hi", 2, &err), RV_E_DEST_FULL);
    assert_int_equal(err.code, RV_E_DEST_FULL);
    assert_int_equal(s.base.written, 7);
    assert_memory_equal(s.taken, "abcdefg", 7);
}

static void nothing_to_write_does_not_reach_the_owner(void **state)
{
    (void)state;
    small_sink s = {.base = {.write = small_write}};
    assert_int_equal(rv_sink_write(&s.base, NULL, 0, NULL), RV_OK);
    assert_int_equal(s.n_calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_bytes_are_counted_and_refused_ones_are_not),
        cmocka_unit_test(nothing_to_write_does_not_reach_the_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
