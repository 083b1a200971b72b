/* Values of columns as places on a line, and back: every place, in the form in which databases write it. */
#include "plan/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    rv_arena *arena = NULL;
    assert_int_equal(rv_arena_new(&arena, (size_t)64 << 20, NULL), RV_OK);
    *state = arena;
    return 0;
}

static int teardown(void **state)
{
    rv_arena_free(*state);
    return 0;
}

static rv_field field_of(rv_type_id id)
{
    return (rv_field){.name = "x", .natural = {.id = id}};
}

static uint64_t random_state = 88172645463325252u;
static uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void places_have_texts_that_are_read_back(void **state)
{
    /* DATE: years 4713 BC to 5874897; TIMESTAMP: what int64 microseconds hold of them, 4713 BC to 294247. */
    static const struct {
        rv_type_id id;
        int64_t first, last;
    } cases[] = {{RV_TYPE_INT16, INT16_MIN, INT16_MAX},
                 {RV_TYPE_INT32, INT32_MIN, INT32_MAX},
                 {RV_TYPE_INT64, INT64_MIN, INT64_MAX},
                 {RV_TYPE_UINT64, INT64_MIN, INT64_MAX},
                 {RV_TYPE_DATE, -2440588, 2145031948},
                 {RV_TYPE_TIMESTAMP, -2440588 * RVI_US_PER_DAY, INT64_MAX},
                 {RV_TYPE_TIMESTAMP_TZ, -2440588 * RVI_US_PER_DAY, INT64_MAX}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const rv_field field = field_of(cases[i].id);
        for (int n = 0; n < 3000; n++) {
            uint64_t span = (uint64_t)cases[i].last - (uint64_t)cases[i].first;
            uint64_t far = n == 0               ? 0
                           : n == 1             ? span
                           : span == UINT64_MAX ? random_bits()
                                                : random_bits() % (span + 1);
            int64_t place = (int64_t)((uint64_t)cases[i].first + far), back = 0;
            const char *text = rvi_scale_text(*state, &field, place);
            assert_non_null(text);
            if (!rvi_scale_read(&field, text, &back) || back != place)
                fail_msg("type %d: %lld became '%s' and %lld", (int)cases[i].id, (long long)place, text,
                         (long long)back);
        }
    }
}

static void texts_are_what_databases_write(void **state)
{
    static const struct {
        rv_type_id id;
        bool loose;
        int64_t place;
        const char *text;
    } cases[] = {{RV_TYPE_INT64, false, INT64_MIN, "-9223372036854775808"},
                 {RV_TYPE_UINT64, false, INT64_MAX, "18446744073709551615"},
                 {RV_TYPE_INT16, false, 40000, "32767"}, /* brought to the type's end */
                 {RV_TYPE_INT32, false, INT64_MIN, "-2147483648"},
                 {RV_TYPE_DATE, false, -1, "1969-12-31"},
                 {RV_TYPE_DATE, false, -719163, "0001-12-31 BC"},
                 {RV_TYPE_DATE, false, 2932897, "10000-01-01"},
                 {RV_TYPE_TIMESTAMP, false, -1, "1969-12-31 23:59:59.999999"},
                 {RV_TYPE_TIMESTAMP, false, 0, "1970-01-01 00:00:00"},
                 {RV_TYPE_TIMESTAMP, true, 0, "1970-01-01"},
                 {RV_TYPE_TIMESTAMP, true, 1, "1970-01-01 00:00:00.000001"},
                 {RV_TYPE_TIMESTAMP_TZ, false, 0, "1970-01-01 00:00:00+00"},
                 {RV_TYPE_TIMESTAMP_TZ, false, -719163 * RVI_US_PER_DAY, "0001-12-31 00:00:00+00 BC"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rv_field field = field_of(cases[i].id);
        field.loose = cases[i].loose;
        assert_string_equal(rvi_scale_text(*state, &field, cases[i].place), cases[i].text);
    }
}

static void what_is_no_value_is_not_read(void **state)
{
    static const struct {
        rv_type_id id;
        bool loose;
        const char *text;
    } cases[] = {{RV_TYPE_INT64, false, ""},          {RV_TYPE_INT64, false, " 1"},
                 {RV_TYPE_INT64, false, "1.0"},       {RV_TYPE_INT64, false, "9223372036854775808"},
                 {RV_TYPE_UINT64, false, "-1"},       {RV_TYPE_DATE, false, "infinity"},
                 {RV_TYPE_TIMESTAMP, false, "now"},   {RV_TYPE_TIMESTAMP, false, "-infinity"},
                 {RV_TYPE_DATE, true, "10000-01-01"}, {RV_TYPE_TIMESTAMP, true, "0044-03-15 00:00:00 BC"},
                 {RV_TYPE_STRING, false, "1"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rv_field field = field_of(cases[i].id);
        int64_t place = 0;
        field.loose = cases[i].loose;
        if (rvi_scale_read(&field, cases[i].text, &place))
            fail_msg("'%s' was read as %lld", cases[i].text, (long long)place);
    }
}

#define scalar_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        scalar_test(places_have_texts_that_are_read_back),
        scalar_test(texts_are_what_databases_write),
        scalar_test(what_is_no_value_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
