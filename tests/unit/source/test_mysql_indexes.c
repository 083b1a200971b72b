/* Which indexes are offered: what pages and ranges can go along, and what they cannot. */
#include "unit/source/mysql_server.h"

#include <stdio.h>
#include <string.h>

/* "a,-b!" for a descending b; '!' when complete, 'u' unique, 'n' not null, 'p' primary; all entries of that name. */
static const char *shape_of(server_fixture *f, const char *name)
{
    char text[512] = "";
    size_t n = 0;
    for (int x = 0; x < f->info.n_indexes; x++) {
        const rv_index *index = &f->info.indexes[x];
        if (strcmp(index->name, name) != 0)
            continue;
        n += (size_t)snprintf(text + n, sizeof text - n, "%s", n > 0 ? "; " : "");
        for (int i = 0; i < index->key.n_columns; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s%s", i > 0 ? "," : "",
                                  index->key.descending[i] ? "-" : "", index->key.columns[i]);
        n +=
            (size_t)snprintf(text + n, sizeof text - n, " %s%s%s%s", index->complete ? "!" : "",
                             index->unique ? "u" : "", index->not_null ? "n" : "", index->primary ? "p" : "");
    }
    return n > 0 ? rv_arena_strdup(f->arena, text) : "absent";
}

static const char columns[] = "a int NOT NULL, b int NOT NULL, n int, t varchar(40) NOT NULL, x text NOT "
                              "NULL, e enum('k','l') NOT NULL,"
                              " s set('k','l') NOT NULL, d int NOT NULL";

typedef struct index_case {
    const char *definition;           /* of an index named x */
    const char *shape, *shape_before; /* the second where indexes do not sort downwards */
    const char *why;
    int since_mysql, since_mariadb; /* 0: always; -1: never */
} index_case;

static const index_case index_cases[] = {
    {"UNIQUE KEY x (a)", "a !un", NULL, "plain", 0, 0},
    {"UNIQUE KEY x (a DESC, b)", "-a,b !un", "a,b !un", "mixed", 0, 0},
    {"UNIQUE KEY x (n)", "n !u", NULL, "NULLs", 0, 0},
    {"UNIQUE KEY x (a, n)", "a,n !u", NULL, "NULLs behind", 0, 0},
    {"KEY x (a)", "a !n; a,id !un", NULL, "with the primary key behind it", 0, 0},
    {"KEY x (a, id)", "a,id !n; a,id !un", NULL, "with the primary key in it", 0, 0},
    {"KEY x (n)", "n !; n,id !u", NULL, "NULLs, with the primary key behind them", 0, 0},
    {"KEY x (a, b, n, d)", "a,b,n,d !", NULL, "too long for the primary key", 0, 0},
    {"UNIQUE KEY x (t)", "t !un", NULL, "texts", 0, 0},
    {"UNIQUE KEY x (t(10))", "absent", NULL, "a prefix", 0, 0},
    {"UNIQUE KEY x (a, t(10))", "a un", NULL, "a prefix behind", 0, 0},
    {"UNIQUE KEY x (a, x(10))", "a un", NULL, "a prefix of a long text", 0, 0},
    {"UNIQUE KEY x (e, a)", "e,a !un", NULL, "an ENUM", 0, 0},
    {"UNIQUE KEY x (s, a)", "absent", NULL, "a SET", 0, 0},
    {"UNIQUE KEY x (a, s)", "a un", NULL, "a SET behind", 0, 0},
    {"FULLTEXT KEY x (x)", "absent", NULL, "words", 0, 0},
    {"UNIQUE KEY x (a, b, n, d, id)", "a,b,n,d u", NULL, "five columns", 0, 0},
    {"UNIQUE KEY x (a) INVISIBLE", "absent", NULL, "invisible", 80000, -1},
    {"UNIQUE KEY x (a) IGNORED", "absent", NULL, "ignored", -1, 100600},
    {"UNIQUE KEY x ((a + b))", "absent", NULL, "an expression", 80013, -1},
    {"UNIQUE KEY x (a, (a + b))", "a un", NULL, "an expression behind", 80013, -1},
    {"UNIQUE KEY x (x)", "absent", NULL, "a hash in disguise", -1, 100400},
};

static void create(server_fixture *f, const char *definition, const char *options)
{
    char sql[1024];
    server_execute(f, "DROP TABLE IF EXISTS t");
    snprintf(sql, sizeof sql, "CREATE TABLE t (id int NOT NULL, %s%s%s) %s", columns,
             definition[0] != '\0' ? ", " : "", definition, options);
    server_execute(f, sql);
    server_describe(f, "t");
}

static void indexes_are_offered_as_far_as_they_can_be_used(void **state)
{
    server_fixture *f = *state;
    char definition[256];
    NEEDS_SERVER(f);
    for (size_t i = 0; i < sizeof index_cases / sizeof *index_cases; i++) {
        const index_case *c = &index_cases[i];
        int since = server_is_mariadb(f) ? c->since_mariadb : c->since_mysql;
        if (since < 0 || f->server.version_number < since)
            continue;
        snprintf(definition, sizeof definition, "PRIMARY KEY (id), %s", c->definition);
        create(f, definition, "ENGINE=InnoDB");
        const char *expected = c->shape_before != NULL && !server_sorts_down(f) ? c->shape_before : c->shape;
        if (strcmp(shape_of(f, "x"), expected) != 0)
            fail_msg("%s: %s instead of %s", c->why, shape_of(f, "x"), expected);
        assert_string_equal(f->info.indexes[0].name, "PRIMARY");
        assert_string_equal(shape_of(f, "PRIMARY"), "id !unp");
    }
}

static double correlation_of(server_fixture *f, const char *name)
{
    const rv_index *index = server_index(f, name);
    assert_non_null(index);
    return index->correlation;
}

static void rows_lie_along_the_clustered_key(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    create(f, "PRIMARY KEY (id), UNIQUE KEY x (a)", "ENGINE=InnoDB");
    assert_true(correlation_of(f, "PRIMARY") > 0.99);
    assert_true(correlation_of(f, "x") < 0.01);
    create(f, "PRIMARY KEY (id), UNIQUE KEY x (a)", "ENGINE=MyISAM");
    assert_true(correlation_of(f, "PRIMARY") < 0.01);
    create(f, "UNIQUE KEY x (a), UNIQUE KEY y (n)", "ENGINE=InnoDB");
    assert_true(correlation_of(f, "x") > 0.99);
    assert_true(correlation_of(f, "y") < 0.01);
    create(f, "UNIQUE KEY x (a), UNIQUE KEY y (b)", "ENGINE=InnoDB"); /* whichever was declared first */
    assert_true(correlation_of(f, "x") < 0.01 && correlation_of(f, "y") < 0.01);
    create(f, "PRIMARY KEY (id), KEY x (a)", "ENGINE=InnoDB PARTITION BY HASH (id) PARTITIONS 3");
    assert_string_equal(shape_of(f, "x"), "a !n");
    assert_string_equal(shape_of(f, "PRIMARY"), "id !unp");
}

static void other_engines_have_keys_as_declared(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    create(f, "PRIMARY KEY (id), KEY x (a)", "ENGINE=MyISAM");
    assert_string_equal(shape_of(f, "x"), "a !n");
    server_execute(f, "DROP TABLE t");
    server_execute(
        f, "CREATE TABLE t (id int NOT NULL, a int NOT NULL, PRIMARY KEY (id), UNIQUE KEY x (a) USING BTREE)"
           " ENGINE=MEMORY");
    server_describe(f, "t");
    assert_string_equal(shape_of(f, "PRIMARY"), "absent"); /* a hash */
    assert_string_equal(shape_of(f, "x"), "a !un");
}

static void a_table_without_indexes_has_none(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    create(f, "", "ENGINE=InnoDB");
    assert_int_equal(f->info.n_indexes, 0);
    create(f, "UNIQUE KEY x (n)", "ENGINE=InnoDB");
    assert_string_equal(shape_of(f, "x"), "n !u");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(indexes_are_offered_as_far_as_they_can_be_used, server_setup,
                                        server_teardown),
        cmocka_unit_test_setup_teardown(rows_lie_along_the_clustered_key, server_setup, server_teardown),
        cmocka_unit_test_setup_teardown(other_engines_have_keys_as_declared, server_setup, server_teardown),
        cmocka_unit_test_setup_teardown(a_table_without_indexes_has_none, server_setup, server_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
