/* Every allocation of a whole reading fails once. Needs the server that RIVET_TEST_MYSQL_URL names. */
#include "unit/source/reading_faults.h"

enum { QUERY_ROWS = 50 };

static const char query[] =
    "SELECT a.n * 10 + b.n AS id, REPEAT('x', a.n) AS t, 1.5 AS d, '{}' AS j FROM "
    "(SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4) AS a, "
    "(SELECT 0 AS n UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT "
    "6 "
    "UNION SELECT 7 UNION SELECT 8 UNION SELECT 9) AS b";

static void every_allocation_may_fail(void **state)
{
    const rv_relation of_query = {.kind = RV_RELATION_QUERY, .query = query};
    const rv_relation table = {.kind = RV_RELATION_TABLE, .schema = "mysql", .table = "help_category"};
    (void)state;
    assert_every_allocation_may_fail("RIVET_TEST_MYSQL_URL", &of_query, QUERY_ROWS, &table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
