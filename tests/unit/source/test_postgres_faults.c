/* Every allocation of a whole reading fails once. Needs the server that RIVET_TEST_PG_URL names. */
#include "unit/source/reading_faults.h"

enum { QUERY_ROWS = 50 };

/* Every kind of column: fixed, text, list, enum-less custom types that the catalog is asked about. */
static const char query[] =
    "SELECT g AS id, g::text AS t, ARRAY[g, NULL] AS a, '1.5'::money AS m, '1.2.3.4'::inet AS i"
    " FROM generate_series(1, 50) AS g";

static void every_allocation_may_fail(void **state)
{
    const rv_relation of_query = {.kind = RV_RELATION_QUERY, .query = query};
    const rv_relation table = {.kind = RV_RELATION_TABLE, .schema = "pg_catalog", .table = "pg_am"};
    (void)state;
    assert_every_allocation_may_fail("RIVET_TEST_PG_URL", &of_query, QUERY_ROWS, &table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
