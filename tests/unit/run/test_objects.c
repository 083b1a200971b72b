/* Whose an object is, told by its name alone: what is removed goes by this. */
#include "run/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ORDERS "orders_20260101T000000.000"

static void parts_and_spool_files_belong_to_their_run(void **state)
{
    (void)state;
    static const char *const own[] = {
        ORDERS ".parquet",           ORDERS ".csv.gz",        ORDERS "_chunk0.parquet",
        ORDERS "_chunk12_part3.csv", ORDERS "_part2.parquet", ".rivet-" ORDERS "-0123456789abcdef",
    };
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        assert_true(rvi_object_belongs(own[i], ORDERS));
}

static void names_that_begin_alike_belong_to_others(void **state)
{
    (void)state;
    static const char *const others[] = {
        "orders_20260101T000000.001.parquet",
        "orders_20260101T000000.parquet",
        ORDERS,
        ORDERS "x.parquet",
        ORDERS "_20270101T000000.000.parquet", /* of an export that is named like this run */
        ORDERS "-x.parquet",
        "manifest-" ORDERS ".json",
        "my" ORDERS ".parquet",
        ".rivet-" ORDERS "_20270101T000000.000-0123456789abcdef",
        ".rivet-" ORDERS "-x_20270101T000000.000-0123456789abcdef",
        ".rivet.put-0123456789abcdef",
        "orders_x_20260101T000000.000.parquet",
        "_SUCCESS",
        "manifest.json",
        "",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(rvi_object_belongs(others[i], ORDERS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_and_spool_files_belong_to_their_run),
        cmocka_unit_test(names_that_begin_alike_belong_to_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
