/* Pages along a key: each row once, in the server's order, from any place, whatever the key's type and direction. */
#include "unit/source/postgres_server.h"

#include "source/postgres/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENOUGH = 16 << 20 };

/* ---- types ---- */

typedef struct key_type {
    const char *declared, *values; /* of a VALUES list's rows: (1, x), (2, y) … without the ids */
    const char *why;
} key_type;

static const key_type key_types[] = {
    {"bigint", "-9223372036854775808,-9223372036854775807,-1,0,1,9223372036854775806,9223372036854775807",
     "both ends of the domain"},
    {"smallint", "-32768,-1,0,7,32767", "narrow"},
    {"oid", "0,1,2147483648,4294967295", "unsigned"},
    {"numeric", "-1e30,-0.10,-1e-30,0,1e-30,1.5,1.50000000000000000001,1e130000,'Infinity','NaN'",
     "any precision"},
    {"numeric(10,2)", "-1.50,0,0.01,99999999.99", "a modifier"},
    {"double precision", "'-infinity',-1e308,-5e-324,0,5e-324,0.1,0.30000000000000004,'infinity','NaN'",
     "shortest exact text"},
    {"real", "-3.4e38,0,1e-45,0.1,16777216,'NaN'", "single precision"},
    {"text COLLATE \"C\"", "'','a','B','b','á','A ','ß','''','\\','a\"b',E'\\n',E'a\\tb','ab','a-c','zz'",
     "bytes"},
    {"text COLLATE \"en-x-icu\"", "'','a','B','b','á','A ','ß','''','\\','ss','ab','a-c','co-op','coop'",
     "a language's order"},
    {"varchar(20)", "'','x','X','xx','%_','{}','NULL','\\N'", "words that mean something elsewhere"},
    {"char(5)", "'','a','b','ab','a b'", "blanks that do not count"},
    {"name", "'a','B','c d','\"q\"'", "a name"},
    {"\"char\"", "'a','B','\\',''", "one byte"},
    {"bytea", "'','\\x00','\\x0000','\\x27','\\x5c','\\xff','\\xff00'", "any bytes"},
    {"uuid",
     "'00000000-0000-0000-0000-000000000000','0011275c-ff00-0000-0000-00000000ff5c',"
     "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
     "16 bytes"},
    {"date",
     "'-infinity','4713-01-01 BC','0001-01-01 BC','0001-01-01','1969-12-31','9999-12-31',"
     "'12345-06-07','infinity'",
     "all eras"},
    {"timestamp",
     "'-infinity','4713-11-24 00:00:00 BC','0001-12-31 23:59:59.999999 BC','1999-12-31 23:59:59.5',"
     "'1999-12-31 23:59:59.500001','294276-12-31 23:59:59.999999','infinity'",
     "microseconds"},
    {"timestamptz",
     "'2024-03-31 01:59:59.999999+01','2024-03-31 03:00:00+02','2024-10-27 02:30:00+02',"
     "'2024-10-27 02:30:00+01','infinity','0044-03-15 12:00:00+00 BC'",
     "daylight saving"},
    {"time", "'00:00:00','12:34:56.000001','24:00:00'", "the whole day"},
    {"interval",
     "'-1 year','-1 day +1 microsecond','0','1 mon 1 day','33 days','-0.5 seconds',"
     "'1 year 2 mons -3 days 04:05:06.7'",
     "signs that differ"},
    {"boolean", "false,true", "two values"},
    {"inet", "'10.0.0.1','10.0.0.1/8','192.168.0.0/24','::1','::ffff:1.2.3.4'", "cast to text in the page"},
    {"money", "'-1.5','0','2.25','10'", "text that depends on the locale"},
    {"mood", "'sad','it''s ✓','glad'", "the order of declaration"},
    {"integer[]", "'{}','{1}','{1,NULL}','{1,2}','{2}','{-1,5}'", "lists"},
    {"int4range", "'empty','[1,2)','[1,5)','(,3)','[2,)'", "ranges"},
    {"bit(3)", "B'000',B'011',B'101'", "a type whose bare name takes one bit"},
    {"email", "'a@b','c@d','B@x'", "a domain"},
};

static void create_typed(server_fixture *f, const key_type *type)
{
    char sql[4096];
    server_execute(f, "DROP TABLE IF EXISTS typed");
    snprintf(sql, sizeof sql, "CREATE TABLE typed (id int, k %s PRIMARY KEY)", type->declared);
    server_execute(f, sql);
    /* each value by itself, so that it is read as the column's type */
    snprintf(sql, sizeof sql, "INSERT INTO typed (k) VALUES (%s)", type->values);
    for (char *at = sql, in_text = 0; *at != '\0'; at++) {
        if (*at == '\'')
            in_text = (char)!in_text;
        if (*at == ',' && !in_text) {
            memmove(at + 3, at + 1, strlen(at + 1) + 1);
            memcpy(at, "),(", 3);
            at += 2;
        }
    }
    server_execute(f, sql);
    server_execute(f, "UPDATE typed SET id = n FROM (SELECT ctid AS c, row_number() OVER (ORDER BY k) AS n"
                      " FROM typed) AS t WHERE t.c = typed.ctid");
}

static void read_typed(server_fixture *f, const key_type *type, const char *expected)
{
    static const int64_t sizes[] = {1, 2, 3, 100};
    const rv_bounds bounds = {.kind = RV_BOUNDS_KEY, .key = &f->info.indexes[0].key};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const char *ids = server_read(f, &bounds, NULL, sizes[i]);
        if (strcmp(ids, expected) != 0)
            fail_msg("%s (%s) in pages of %d: %s instead of %s", type->declared, type->why, (int)sizes[i],
                     ids, expected);
    }
}

/* A scan that goes on after the place of another one, page by page: what a run does after every failure. */
static void resume_typed(server_fixture *f, const key_type *type, const char *expected)
{
    const rv_bounds bounds = {.kind = RV_BOUNDS_KEY, .key = &f->info.indexes[0].key};
    rv_key_value at = {0};
    rv_page page = {0};
    size_t done = 0;
    while (!page.end) {
        server_assert_ok(f, server_try_scan(f, &bounds, at.n > 0 ? &at : NULL));
        server_assert_ok(f, server_next(f, 2, ENOUGH, &page));
        const char *ids = server_batch_ids(f);
        if (strncmp(expected + done, ids, strlen(ids)) != 0)
            fail_msg("%s (%s): %s where %s goes on", type->declared, type->why, ids, expected + done);
        done += strlen(ids) + (expected[done + strlen(ids)] == ',');
        if (f->batch->rows > 0)
            server_assert_ok(f, rv_scan_position(f->scan, f->arena, &at, &f->err));
    }
    assert_int_equal(done, strlen(expected));
}

static void keys_of_every_type_give_each_row_once_in_order(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TYPE mood AS ENUM ('sad', 'it''s ✓', 'glad')");
    server_execute(f, "CREATE DOMAIN email AS text CHECK (VALUE LIKE '%@%')");
    for (size_t i = 0; i < sizeof key_types / sizeof *key_types; i++) {
        create_typed(f, &key_types[i]);
        const char *expected = server_ask(f, "SELECT string_agg(id::text, ',' ORDER BY k) FROM typed");
        for (int snapshot = 0; snapshot < 2; snapshot++) {
            server_begin(f, snapshot != 0);
            server_describe(f, "typed");
            read_typed(f, &key_types[i], expected);
            /* The key's own cells tell where the page ends, or further ones do. */
            server_read_all_fields(f, RV_POLICY_NULL);
            read_typed(f, &key_types[i], expected);
            resume_typed(f, &key_types[i], expected);
            server_read_all_fields(f, RV_POLICY_TEXT);
            read_typed(f, &key_types[i], expected);
            server_end(f);
        }
    }
}

/* ---- several columns ---- */

typedef struct key_shape {
    const char *index, *order;
} key_shape;

/* a, b, c and d repeat; together they are unique. */
static void create_composite(server_fixture *f, const key_shape *shape, int rows)
{
    char sql[512];
    server_execute(f, "DROP TABLE IF EXISTS composite");
    server_execute(f, "CREATE TABLE composite (id int, a int NOT NULL, b text NOT NULL COLLATE \"C\","
                      " c date NOT NULL, d bigint NOT NULL)");
    snprintf(sql, sizeof sql,
             "INSERT INTO composite SELECT g, g %% 7, chr(97 + g %% 5), date '2024-01-01' + g %% 3, g"
             " FROM generate_series(1, %d) AS g",
             rows);
    server_execute(f, sql);
    snprintf(sql, sizeof sql, "CREATE UNIQUE INDEX composite_key ON composite (%s); ANALYZE composite",
             shape->index);
    server_execute(f, sql);
}

static const key_shape shapes[] = {
    {"a, d", "a, d"},
    {"a DESC, d DESC", "a DESC, d DESC"},
    {"a, d DESC", "a, d DESC"},
    {"a DESC, d", "a DESC, d"},
    {"a, b, c, d", "a, b, c, d"},
    {"a, b DESC, c DESC, d", "a, b DESC, c DESC, d"},
    {"a DESC, b, c DESC, d", "a DESC, b, c DESC, d"},
    {"d DESC", "d DESC"},
};

static void keys_of_several_columns_keep_every_direction(void **state)
{
    static const int64_t sizes[] = {1, 7, 40, 1000};
    server_fixture *f = *state;
    char sql[256];
    NEEDS_SERVER(f);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        create_composite(f, &shapes[i], 200);
        snprintf(sql, sizeof sql, "SELECT string_agg(id::text, ',' ORDER BY %s) FROM composite",
                 shapes[i].order);
        const char *expected = server_ask(f, sql);
        server_begin(f, i % 2 == 0);
        server_describe(f, "composite");
        const rv_index *index = server_index(f, "composite_key");
        assert_true(rv_index_is_key(index));
        const rv_bounds bounds = {.kind = RV_BOUNDS_KEY, .key = &index->key};
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            assert_string_equal(server_read(f, &bounds, NULL, sizes[s]), expected);
        server_end(f);
    }
}

/* ---- what it costs ---- */

/* What sessions that have ended did to the table, by the server's own count, which is written as a session ends. */
static int64_t counted(server_fixture *f, const char *view, const char *what)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT pg_stat_clear_snapshot()::text || (SELECT %s FROM %s WHERE schemaname = '%s'"
             " AND relname = 'composite')",
             what, view, f->schema);
    return strtoll(server_ask(f, sql), NULL, 10);
}

static void wait_for_end_of_session(server_fixture *f)
{
    rv_source_end(f->source);
    rv_source_close(f->source);
    f->source = NULL;
    for (int i = 0;; i++) {
        const char *n = server_ask(f, "SELECT count(*) FROM pg_stat_activity"
                                      " WHERE application_name = 'rivet_cost'");
        if (strcmp(n, "0") == 0)
            return;
        assert_true(i < 100000);
    }
}

enum { COST_ROWS = 20000, COST_PAGE = 250 };

/* Pages along composite_key from `lo` on. Each by a scan of its own that goes on where the one before stood, so that
 * every page has both the range's start and a place. */
static void read_page_by_page(server_fixture *f)
{
    const rv_index *index = server_index(f, "composite_key");
    rv_range range = {.key = &index->key};
    rv_key_value at = {0};
    rv_page page = {0};
    const rv_bounds bounds = {.kind = RV_BOUNDS_KEY, .key = &index->key, .ranges = {&range}, .n_ranges = 1};
    for (int64_t rows = 0; !page.end; rows += f->batch->rows) {
        server_assert_ok(f, server_try_scan(f, &bounds, at.n > 0 ? &at : NULL));
        server_assert_ok(f, server_next(f, COST_PAGE, ENOUGH, &page));
        if (f->batch->rows > 0)
            server_assert_ok(f, rv_scan_position(f->scan, f->arena, &at, &f->err));
        if (rows == 0)
            range.lo = at;
    }
}

/* Neither a sort nor a bitmap nor a filter reads rows that a page does not bring, and no page passes over the index
 * entries of those before. */
static void pages_read_nothing_twice_and_sort_nothing(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    f->config.application_name = "rivet_cost";
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        create_composite(f, &shapes[i], COST_ROWS);
        server_execute(f, "SELECT pg_stat_force_next_flush()");
        int64_t seq = counted(f, "pg_stat_user_tables", "seq_tup_read");
        int64_t rows = counted(f, "pg_stat_user_tables", "idx_tup_fetch");
        int64_t blocks = counted(f, "pg_statio_user_tables", "idx_blks_hit + idx_blks_read");
        server_reopen(f);
        server_begin(f, i % 2 == 0);
        server_describe(f, "composite");
        server_read_all_fields(f, RV_POLICY_FAIL);
        read_page_by_page(f);
        server_close_scan(f);
        wait_for_end_of_session(f);
        server_reopen(f);
        seq = counted(f, "pg_stat_user_tables", "seq_tup_read") - seq;
        rows = counted(f, "pg_stat_user_tables", "idx_tup_fetch") - rows;
        blocks = counted(f, "pg_statio_user_tables", "idx_blks_hit + idx_blks_read") - blocks;
        if (seq > 0 || rows < COST_ROWS || rows > COST_ROWS + 2 * COST_ROWS / COST_PAGE ||
            blocks > COST_ROWS / COST_PAGE * 14)
            fail_msg("(%s): %d rows without the index, %d with it in %d of its blocks", shapes[i].index,
                     (int)seq, (int)rows, (int)blocks);
    }
}

/* ---- failures ---- */

static void a_page_that_grows_too_large_is_given_up_and_asked_again(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE wide (id int PRIMARY KEY, v text)");
    server_execute(f, "INSERT INTO wide SELECT g, repeat('x', 10000) FROM generate_series(1, 40) AS g");
    for (int snapshot = 0; snapshot < 2; snapshot++) {
        rv_page page = {0};
        rv_key_value at = {0};
        server_begin(f, snapshot != 0);
        server_describe(f, "wide");
        server_read_all_fields(f, RV_POLICY_FAIL);
        const rv_bounds bounds = {.kind = RV_BOUNDS_KEY, .key = &f->info.indexes[0].key};
        server_assert_ok(f, server_try_scan(f, &bounds, NULL));
        assert_int_equal(server_next(f, 20, 100000, &page), RV_E_LIMIT_EXCEEDED);
        assert_int_equal(f->err.retry, RV_RETRY_SMALLER);
        assert_int_equal(f->batch->rows, 0);
        server_assert_ok(f, rv_scan_position(f->scan, f->arena, &at, &f->err));
        assert_int_equal(at.n, 0);
        server_assert_ok(f, server_next(f, 3, 100000, &page));
        assert_string_equal(server_batch_ids(f), "1,2,3");
        assert_int_equal(server_next(f, 20, 100000, &page), RV_E_LIMIT_EXCEEDED);
        server_assert_ok(f, rv_scan_position(f->scan, f->arena, &at, &f->err));
        assert_string_equal(at.cells[0], "3");
        server_assert_ok(f, server_next(f, 1, 100, &page)); /* one row is taken whatever it weighs */
        assert_string_equal(server_batch_ids(f), "4");
        server_end(f);
    }
}

static void a_page_that_takes_too_long_is_asked_again_smaller(void **state)
{
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    const rv_read_options limits[] = {{.statement_timeout_ms = 500},
                                      {.statement_timeout_ms = 500, .snapshot = true}};
    const rv_key key = {.n_columns = 1, .columns = {"id"}};
    const rv_bounds bounds = {.kind = RV_BOUNDS_KEY, .key = &key};
    server_execute(f, "CREATE TABLE numbers (id int PRIMARY KEY);"
                      " INSERT INTO numbers SELECT generate_series(1, 25);"
                      " CREATE FUNCTION slow(i int) RETURNS text STABLE LANGUAGE plpgsql AS"
                      " 'BEGIN IF i % 10 = 0 THEN PERFORM pg_sleep(0.3); END IF; RETURN i; END'");
    const char *query =
        rv_arena_printf(f->arena, "SELECT id, %s.slow(id) AS s FROM %s.numbers", f->schema, f->schema);
    assert_non_null(query);
    for (int i = 0; i < 2; i++) {
        rv_page page = {0};
        server_assert_ok(f, rv_source_begin(f->source, &limits[i], &f->err));
        server_describe_query(f, query);
        server_read_all_fields(f, RV_POLICY_FAIL);
        server_assert_ok(f, server_try_scan(f, &bounds, NULL));
        server_assert_ok(f, server_next(f, 5, ENOUGH, &page));
        assert_int_equal(server_next(f, 20, ENOUGH, &page), RV_E_SOURCE_STATEMENT_TIMEOUT);
        assert_int_equal(f->err.retry, RV_RETRY_SMALLER);
        server_assert_ok(f, server_next(f, 5, ENOUGH, &page));
        assert_string_equal(server_batch_ids(f), "6,7,8,9,10");
        server_end(f);
    }
}

static void a_column_that_changes_its_type_between_pages_is_an_error(void **state)
{
    static const char *const changes[] = {
        "ALTER TABLE changing ALTER id TYPE bigint",
        "ALTER TABLE changing ALTER n TYPE numeric(12,3)",
        "ALTER TABLE changing ALTER k TYPE bigint",
    };
    server_fixture *f = *state;
    NEEDS_SERVER(f);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        rv_page page = {0};
        server_execute(f, "DROP TABLE IF EXISTS changing");
        server_execute(f, "CREATE TABLE changing (id int, n numeric(10,2), k int PRIMARY KEY)");
        server_execute(f, "INSERT INTO changing SELECT g, g, g FROM generate_series(1, 9) AS g");
        server_begin(f, false);
        server_describe(f, "changing");
        f->read.n_fields = 2;
        const rv_bounds bounds = {.kind = RV_BOUNDS_KEY, .key = &f->info.indexes[0].key};
        server_assert_ok(f, server_try_scan(f, &bounds, NULL));
        server_assert_ok(f, server_next(f, 3, ENOUGH, &page));
        server_execute(f, "SET lock_timeout = '5s'"); /* nothing is held between pages */
        server_execute(f, changes[i]);
        rv_code rc = server_next(f, 3, ENOUGH, &page);
        if (rc != RV_E_SOURCE_QUERY || strstr(f->err.message, "another type") == NULL)
            fail_msg("%s: %s: %s", changes[i], rv_code_name(rc), f->err.message);
        server_end(f);
    }
}

static void a_modifier_that_changes_no_value_is_no_change(void **state)
{
    server_fixture *f = *state;
    rv_page page = {0};
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE widened (id int PRIMARY KEY, v varchar(5));"
                      " INSERT INTO widened SELECT g, g FROM generate_series(1, 9) AS g");
    server_begin(f, false);
    server_describe(f, "widened");
    server_read_all_fields(f, RV_POLICY_FAIL);
    const rv_bounds bounds = {.kind = RV_BOUNDS_KEY, .key = &f->info.indexes[0].key};
    server_assert_ok(f, server_try_scan(f, &bounds, NULL));
    server_assert_ok(f, server_next(f, 3, ENOUGH, &page));
    server_execute(f, "ALTER TABLE widened ALTER v TYPE varchar(50)");
    server_assert_ok(f, server_next(f, 3, ENOUGH, &page));
    assert_string_equal(server_batch_ids(f), "4,5,6");
}

/* A snapshot keeps the rows as they were, not the catalog, until a table's lock is held. Whether the session finds the
 * collation's name by itself or not, it is the same collation. */
static void a_key_that_sorts_otherwise_than_described_is_an_error(void **state)
{
    static const rv_key key = {.n_columns = 1, .columns = {"k"}};
    server_fixture *f = *state;
    const rv_bounds bounds = {.kind = RV_BOUNDS_KEY, .key = &key};
    NEEDS_SERVER(f);
    server_execute(f, "CREATE COLLATION ours (provider = icu, locale = 'und')");
    server_execute(f, "CREATE TABLE sorted (id int, k text COLLATE ours PRIMARY KEY)");
    server_execute(f, "INSERT INTO sorted VALUES (1, 'a'), (2, 'B'), (3, 'c')");
    server_describe(f, "sorted");
    for (int snapshot = 0; snapshot < 2; snapshot++) {
        server_begin(f, snapshot != 0);
        assert_string_equal(server_read(f, &bounds, NULL, 2), "1,2,3");
        server_end(f);
        server_begin(f, snapshot != 0);
        server_execute(f, "ALTER TABLE sorted ALTER k TYPE text COLLATE \"C\"");
        assert_int_equal(server_try_scan(f, &bounds, NULL), RV_E_SOURCE_QUERY);
        assert_int_equal(f->err.retry, RV_RETRY_NEVER);
        assert_non_null(strstr(f->err.message, "'k'"));
        server_end(f);
        server_execute(f, "ALTER TABLE sorted ALTER k TYPE text COLLATE ours");
    }
}

static void a_page_that_ends_where_it_was_to_begin_is_an_error(void **state)
{
    const rv_key_value seventeen = {1, {"17"}};
    const rvi_pg_key_form forms[RV_MAX_KEY_COLUMNS] = {RVI_PG_KEY_INT};
    rvi_sql_last_key key = {.n = 1, .bytes = {RV_BYTES_INIT(16)}};
    rvi_sql_place place;
    rv_key_value at = {0};
    (void)state;
    rvi_sql_place_init(&place, RVI_PG_KEY_CELL_BYTES);
    assert_int_equal(rvi_sql_place_set(&place, &seventeen, NULL), RV_OK);
    assert_int_equal(rv_bytes_append(&key.bytes[0], "\0\0\0\021", 4, NULL), RV_OK);
    assert_int_equal(rvi_pg_place_advance(&place, &key, forms, NULL), RV_E_SOURCE_UNSUPPORTED);
    key.bytes[0].data[3] = 18;
    assert_int_equal(rvi_pg_place_advance(&place, &key, forms, NULL), RV_OK);
    assert_int_equal(rvi_sql_place_value(&place, &at, NULL), RV_OK);
    assert_string_equal(at.cells[0], "18");
    rvi_sql_place_deinit(&place);
    rv_bytes_deinit(&key.bytes[0]);
}

int main(void)
{
#define KEYSET_TEST(name) cmocka_unit_test_setup_teardown(name, server_setup, server_teardown)
    const struct CMUnitTest tests[] = {
        KEYSET_TEST(keys_of_every_type_give_each_row_once_in_order),
        KEYSET_TEST(keys_of_several_columns_keep_every_direction),
        KEYSET_TEST(pages_read_nothing_twice_and_sort_nothing),
        KEYSET_TEST(a_page_that_grows_too_large_is_given_up_and_asked_again),
        KEYSET_TEST(a_page_that_takes_too_long_is_asked_again_smaller),
        KEYSET_TEST(a_column_that_changes_its_type_between_pages_is_an_error),
        KEYSET_TEST(a_modifier_that_changes_no_value_is_no_change),
        KEYSET_TEST(a_key_that_sorts_otherwise_than_described_is_an_error),
        cmocka_unit_test(a_page_that_ends_where_it_was_to_begin_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
