/* Which indexes are offered, and the leaves of partitioned tables. */
#include "unit/source/postgres_server.h"

#include <stdio.h>
#include <string.h>

/* "a,-b!" for a descending b; '!' when complete, 'u' unique, 'n' not null, 'p' primary. */
static const char *shape_of(server_fixture *f, const char *name)
{
    const rv_index *index = server_index(f, name);
    char text[256] = "";
    size_t n = 0;
    if (index == NULL)
        return "absent";
    for (int i = 0; i < index->key.n_columns; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s%s", i > 0 ? "," : "",
                              index->key.descending[i] ? "-" : "", index->key.columns[i]);
    snprintf(text + n, sizeof text - n, " %s%s%s%s", index->complete ? "!" : "", index->unique ? "u" : "",
             index->not_null ? "n" : "", index->primary ? "p" : "");
    return rv_arena_strdup(f->arena, text);
}

typedef struct index_case {
    const char *definition, *shape, *why;
} index_case;

static const index_case index_cases[] = {
    {"CREATE UNIQUE INDEX x ON t (a)", "a !un", "plain"},
    {"CREATE INDEX x ON t (a DESC, b)", "-a,b !n", "mixed"},
    {"CREATE UNIQUE INDEX x ON t (n)", "n !u", "NULLs"},
    {"CREATE UNIQUE INDEX x ON t (a, n)", "a,n !u", "NULLs in the second column"},
    {"CREATE UNIQUE INDEX x ON t (a) INCLUDE (n)", "a !un", "a column that is only kept along"},
    {"CREATE UNIQUE INDEX x ON t (a, b, c, v, n)", "a,b,c,v un", "more columns than a key has"},
    {"CREATE UNIQUE INDEX x ON t (a NULLS FIRST)", "absent", "NULLs at the unusual end"},
    {"CREATE UNIQUE INDEX x ON t (a, b DESC NULLS LAST)", "a un", "NULLs at the unusual end of the second"},
    {"CREATE UNIQUE INDEX x ON t (a) WHERE b > 0", "absent", "partial"},
    {"CREATE UNIQUE INDEX x ON t ((a + 1))", "absent", "an expression"},
    {"CREATE UNIQUE INDEX x ON t (a, (b + 1))", "absent", "an expression in the second column"},
    {"CREATE INDEX x ON t USING hash (a)", "absent", "no order"},
    {"CREATE UNIQUE INDEX x ON t (c COLLATE \"C\")", "absent", "another collation than the column's"},
    {"CREATE UNIQUE INDEX x ON t (v text_pattern_ops)", "absent", "another order than the type's"},
    {"CREATE UNIQUE INDEX x ON t (v varchar_ops)", "v !un", "the type's order by another name"},
    {"CREATE UNIQUE INDEX x ON t (c)", "c !un", "the column's own collation"},
    {"ALTER TABLE t ADD CONSTRAINT x UNIQUE (a) DEFERRABLE", "a !n", "deferrable"},
    {"ALTER TABLE t ADD CONSTRAINT x PRIMARY KEY (b, a)", "b,a !unp", "a primary key"},
    {"ALTER TABLE t ADD CONSTRAINT x EXCLUDE (a WITH =)", "a !n", "an exclusion"},
};

static void an_index_is_offered_as_far_as_a_scan_can_use_it(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    for (size_t i = 0; i < sizeof index_cases / sizeof *index_cases; i++) {
        server_execute(f, "DROP TABLE IF EXISTS t; CREATE TABLE t (id int, a int NOT NULL, b int NOT NULL,"
                          " c text COLLATE \"en-x-icu\" NOT NULL, v varchar(9) NOT NULL, n int)");
        server_execute(f, index_cases[i].definition);
        server_begin(f, false);
        server_describe(f, "t");
        const char *shape = shape_of(f, "x");
        if (strcmp(shape, index_cases[i].shape) != 0)
            fail_msg("%s: %s instead of %s", index_cases[i].why, shape, index_cases[i].shape);
        server_end(f);
    }
}

/* An index whose CREATE INDEX CONCURRENTLY failed stays behind, invalid. */
static void an_invalid_index_is_not_offered(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE t (id int, a int NOT NULL); INSERT INTO t VALUES (1, 1), (2, 1)");
    PQclear(PQexec(f->writer, "CREATE UNIQUE INDEX CONCURRENTLY x ON t (a)"));
    assert_string_equal(server_ask(f, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'x'::regclass"),
                        "f");
    server_begin(f, false);
    server_describe(f, "t");
    assert_int_equal(f->info.n_indexes, 0);
}

static void the_primary_key_comes_first_and_shows_its_correlation(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE t (id int, a int NOT NULL, z int PRIMARY KEY);"
                      " INSERT INTO t SELECT g, g, 1000 - g FROM generate_series(1, 1000) AS g;"
                      " CREATE INDEX a_first ON t (a); ANALYZE t");
    server_begin(f, false);
    server_describe(f, "t");
    assert_int_equal(f->info.n_indexes, 2);
    assert_string_equal(f->info.indexes[0].name, "t_pkey");
    assert_true(f->info.indexes[0].correlation < -0.99);
    assert_true(f->info.indexes[1].correlation > 0.99);
    assert_ptr_equal(f->info.indexes[0].key.columns[0], f->info.schema.fields[2].name);
}

static void a_column_that_may_not_be_read_is_no_key(void **state)
{
    server_fixture *f = *state;
    char sql[512];
    NEEDS_SERVER(f);
    snprintf(sql, sizeof sql,
             "CREATE TABLE t (id int UNIQUE, a int PRIMARY KEY); DROP ROLE IF EXISTS rivet_unit_reader;"
             " CREATE ROLE rivet_unit_reader LOGIN; GRANT USAGE ON SCHEMA %s TO rivet_unit_reader;"
             " GRANT SELECT (id) ON t TO rivet_unit_reader",
             f->schema);
    server_execute(f, sql);
    f->config.user = "rivet_unit_reader";
    server_reopen(f);
    server_begin(f, false);
    server_describe(f, "t");
    assert_string_equal(shape_of(f, "t_pkey"), "absent");
    assert_string_equal(shape_of(f, "t_id_key"), "id !u");
    server_end(f);
    snprintf(sql, sizeof sql, "DROP OWNED BY rivet_unit_reader; DROP ROLE rivet_unit_reader");
    server_execute(f, sql);
}

static void a_materialized_view_has_indexes_and_a_view_has_none(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE MATERIALIZED VIEW m AS SELECT g AS id FROM generate_series(1, 20) AS g;"
                      " CREATE UNIQUE INDEX x ON m (id); CREATE VIEW v AS SELECT * FROM m");
    server_begin(f, false);
    server_describe(f, "m");
    assert_string_equal(shape_of(f, "x"), "id !u"); /* its columns are never NOT NULL */
    server_describe(f, "v");
    assert_int_equal(f->info.n_indexes, 0);
}

/* ---- leaves ---- */

static void create_partitioned(server_fixture *f)
{
    server_execute(f,
                   "CREATE TABLE p (id int, r int NOT NULL, s int NOT NULL, PRIMARY KEY (r, s))"
                   " PARTITION BY RANGE (r);"
                   "CREATE TABLE p_low PARTITION OF p FOR VALUES FROM (0) TO (50);"
                   "CREATE TABLE p_high PARTITION OF p FOR VALUES FROM (50) TO (100) PARTITION BY LIST (s);"
                   "CREATE TABLE p_high_0 PARTITION OF p_high FOR VALUES IN (0);"
                   "CREATE TABLE p_high_1 (s int NOT NULL, r int NOT NULL, id int, PRIMARY KEY (r, s));"
                   "ALTER TABLE p_high ATTACH PARTITION p_high_1 FOR VALUES IN (1);"
                   "CREATE TABLE p_rest PARTITION OF p DEFAULT;"
                   "INSERT INTO p SELECT g, g / 2, g % 2 FROM generate_series(0, 249) AS g; ANALYZE p");
}

static void leaves_together_hold_each_row_once_however_they_are_read(void **state)
{
    server_fixture *f = *state;
    int64_t n_rows = 0, est_rows = 0;
    NEEDS_SERVER(f);
    create_partitioned(f);
    server_begin(f, true);
    server_describe(f, "p");
    assert_string_equal(shape_of(f, "p_pkey"), "r,s !unp");
    assert_int_equal(f->info.n_leaves, 4);
    for (int i = 0; i < 4; i++) {
        const rv_leaf *leaf = &f->info.leaves[i];
        rv_bounds bounds = {.kind = RV_BOUNDS_KEY,
                            .key = &f->info.indexes[0].key,
                            .leaf_schema = leaf->schema,
                            .leaf_table = leaf->table};
        char sql[256];
        snprintf(sql, sizeof sql, "SELECT string_agg(id::text, ',' ORDER BY r, s) FROM %s", leaf->table);
        const char *expected = server_ask(f, sql);
        assert_string_equal(server_read(f, &bounds, NULL, 7), expected);
        bounds.kind = RV_BOUNDS_ALL;
        bounds.key = NULL;
        assert_int_equal(strlen(server_read(f, &bounds, NULL, 7)), strlen(expected));
        bounds.kind = RV_BOUNDS_PHYSICAL;
        bounds.last = leaf->physical.last;
        assert_int_equal(strlen(server_read(f, &bounds, NULL, 7)), strlen(expected));
        for (const char *at = expected; at != NULL; at = strchr(at + 1, ','))
            n_rows++;
        est_rows += leaf->est_rows;
    }
    assert_int_equal(n_rows, 250);
    assert_int_equal(est_rows, 250);
    assert_string_equal(
        server_read(f, &(rv_bounds){.kind = RV_BOUNDS_KEY, .key = &f->info.indexes[0].key}, NULL, 30),
        server_ask(f, "SELECT string_agg(id::text, ',' ORDER BY r, s) FROM p"));
}

static void leaves_that_cannot_all_be_read_alone_are_not_offered(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    create_partitioned(f);
    server_execute(f, "CREATE EXTENSION IF NOT EXISTS postgres_fdw");
    server_execute(f, "DROP SERVER IF EXISTS rivet_unit_far CASCADE;"
                      " CREATE SERVER rivet_unit_far FOREIGN DATA WRAPPER postgres_fdw");
    server_execute(f, "ALTER TABLE p DROP CONSTRAINT p_pkey; CREATE FOREIGN TABLE p_far PARTITION OF p"
                      " FOR VALUES FROM (1000) TO (2000) SERVER rivet_unit_far");
    server_begin(f, false);
    server_describe(f, "p");
    assert_int_equal(f->info.n_leaves, 0);
    server_execute(f, "DROP FOREIGN TABLE p_far; DROP SERVER rivet_unit_far");
    server_describe(f, "p");
    assert_int_equal(f->info.n_leaves, 4);
}

static void the_key_pages_of_a_parent_leave_its_children_alone(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child () INHERITS (parent);"
                      " INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (3)");
    server_begin(f, false);
    server_describe(f, "parent");
    assert_int_equal(f->info.n_leaves, 0);
    const rv_bounds bounds = {.kind = RV_BOUNDS_KEY, .key = &f->info.indexes[0].key};
    assert_string_equal(server_read(f, &bounds, NULL, 10), "1,2");
}

static void a_leaf_that_is_no_leaf_is_refused(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    create_partitioned(f);
    server_execute(f, "CREATE TABLE stranger (id int, r int, s int)");
    server_begin(f, true);
    server_describe(f, "p");
    const rv_bounds bounds = {.kind = RV_BOUNDS_PHYSICAL, .leaf_schema = f->schema, .leaf_table = "stranger"};
    assert_int_equal(server_try_scan(f, &bounds, NULL), RV_E_SOURCE_UNSUPPORTED);
}

int main(void)
{
#define INDEXES_TEST(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)
    const struct CMUnitTest tests[] = {
        INDEXES_TEST(an_index_is_offered_as_far_as_a_scan_can_use_it),
        INDEXES_TEST(an_invalid_index_is_not_offered),
        INDEXES_TEST(the_primary_key_comes_first_and_shows_its_correlation),
        INDEXES_TEST(a_column_that_may_not_be_read_is_no_key),
        INDEXES_TEST(a_materialized_view_has_indexes_and_a_view_has_none),
        INDEXES_TEST(leaves_together_hold_each_row_once_however_they_are_read),
        INDEXES_TEST(leaves_that_cannot_all_be_read_alone_are_not_offered),
        INDEXES_TEST(the_key_pages_of_a_parent_leave_its_children_alone),
        INDEXES_TEST(a_leaf_that_is_no_leaf_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
