/* Pages along a key: each row once, in the server's order, from any place, whatever the key's type, character set and
 * direction; and each page reads about as many entries of the index as it has rows. */
#include "unit/source/mysql_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENOUGH = 16 << 20, SQL_BYTES = 8192 };

/* ---- types ---- */

typedef struct key_type {
    const char *declared, *values; /* of a list: 1, 'x' … */
    const char *why;
    int since_mysql, since_mariadb; /* 0: always; -1: never */
} key_type;

#define TEXTS "'','a','B','c ','á','ab','A-c','a_d','co-op','coop','zz','ÿ','ß','é1','e2','O''x','a\"b','%_'"

static const key_type key_types[] = {
    {"bigint", "-9223372036854775808,-9223372036854775807,-1,0,1,9223372036854775806,9223372036854775807",
     "both ends of the domain", 0, 0},
    {"bigint unsigned",
     "0,1,9223372036854775807,9223372036854775808,18446744073709551614,18446744073709551615", "across 2^63",
     0, 0},
    {"tinyint", "-128,-1,0,1,127", "narrow", 0, 0},
    {"tinyint(1)", "-7,0,1,5", "truth values that are none", 0, 0},
    {"smallint unsigned", "0,1,32767,32768,65535", "narrow and unsigned", 0, 0},
    {"mediumint", "-8388608,-1,0,8388607", "three bytes", 0, 0},
    {"int unsigned", "0,2147483647,2147483648,4294967295", "four bytes", 0, 0},
    {"bit(1)", "0,1", "one bit", 0, 0},
    {"bit(64)", "0,1,255,256,9223372036854775807,9223372036854775808,18446744073709551615", "all bits", 0, 0},
    {"year", "0,1901,1970,2000,2069,2155", "years, and the one that is none", 0, 0},
    {"decimal(10,2)", "-1.50,-0.01,0,0.01,99999999.99", "a scale", 0, 0},
    {"decimal(65,30)",
     "-99999999999999999999999999999999999.999999999999999999999999999999,-0.000000000000000000000000000001,"
     "0,"
     "0.000000000000000000000000000001,123456789012345678901234567890.5",
     "all digits", 0, 0},
    {"double", "-1.7976931348623157e308,-1,-5e-324,0,5e-324,0.1,0.30000000000000004,1e300", "any double", 0,
     0},
    {"float", "-3.4e38,-1,0,1e-38,0.1,0.3,16777216", "single precision", 0, 0},
    {"date", "'0000-00-00','1000-01-01','2024-02-00','2024-02-29','2024-02-31','9999-12-31'",
     "days that are none", 0, 0},
    {"datetime(6)",
     "'0000-00-00','2024-00-00','2024-03-31 02:30:00','2024-03-31 02:30:00.000001','2024-03-31 02:30:00.1',"
     "'9999-12-31 23:59:59.999999'",
     "microseconds", 0, 0},
    {"datetime", "'0000-00-00','1999-12-31 23:59:59','2000-01-01'", "seconds", 0, 0},
    {"timestamp(3)",
     "'1970-01-01 00:00:01.001','2024-03-31 01:00:00','2024-10-27 00:30:00','2024-10-27 01:30:00.5'",
     "instants", 0, 0},
    {"time(6)", "'-838:59:59','-12:00:00','-00:00:00.5','00:00:00','25:30:00','838:59:58.999999'",
     "durations", 0, 0},
    {"enum('z','a','ü,x','it''s','')", "'z','a','ü,x','it''s',''", "the order of declaration", 0, 0},
    {"varchar(20) character set utf8mb4 collate utf8mb4_general_ci", TEXTS, "general", 0, 0},
    {"varchar(20) character set utf8mb4 collate utf8mb4_unicode_ci", TEXTS, "unicode", 0, 0},
    {"varchar(20) character set utf8mb4 collate utf8mb4_bin", TEXTS ",'A','b','😀'", "bytes of UTF-8", 0, 0},
    {"varchar(20) character set utf8mb4 collate utf8mb4_0900_ai_ci", TEXTS ",'b ','c'", "no padding", 80000,
     -1},
    {"varchar(20) character set utf8mb4 collate utf8mb4_0900_as_cs", TEXTS ",'A','b','b ','c','😀'",
     "all differences", 80000, -1},
    {"varchar(20) character set utf8mb4 collate utf8mb4_nopad_bin", TEXTS ",'A','b','b ','c'", "no padding",
     -1, 100200},
    {"varchar(20) character set utf8mb4 collate utf8mb4_uca1400_ai_ci", TEXTS, "the newest", -1, 101001},
    {"varchar(20) character set utf8 collate utf8_general_ci", TEXTS, "three bytes", 0, 0},
    {"varchar(20) character set latin1 collate latin1_swedish_ci", TEXTS, "one byte", 0, 0},
    {"varchar(20) character set latin1 collate latin1_german2_ci", TEXTS, "ß as ss", 0, 0},
    {"varchar(20) character set latin1 collate latin1_bin", TEXTS ",'A','b','€','\xc2\x81'",
     "bytes of latin1", 0, 0},
    {"varchar(20) character set cp1250 collate cp1250_polish_ci", "'','a','B','ą','l','ł','z','ż'", "Polish",
     0, 0},
    {"varchar(20) character set gbk collate gbk_chinese_ci", "'','a','B','中','文','啊','座'", "two bytes", 0,
     0},
    {"varchar(20) character set sjis collate sjis_japanese_ci", "'','a','B','ア','表','日本'",
     "a backslash within a character", 0, 0},
    {"varchar(20) character set cp932 collate cp932_bin",
     "_cp932 x'81CA',_cp932 x'EEF9',_cp932 x'FA54',_cp932 x'81E6',_cp932 x'879A','a'",
     "characters that are one and the same in Unicode", 0, 0},
    {"varchar(20) character set ucs2 collate ucs2_general_ci", "'','a','B','é','中'", "two bytes each", 0, 0},
    {"varchar(20) character set utf16 collate utf16_unicode_ci", "'','a','B','é','😀'", "surrogates", 0, 0},
    {"varchar(20) character set ascii collate ascii_general_ci", "'','a','B','c-d','cd'", "ASCII", 0, 0},
    {"char(8) character set utf8mb4 collate utf8mb4_general_ci", "'','a','B','c ','ab','a b'", "padded", 0,
     0},
    {"char(8) character set utf8mb4 collate utf8mb4_0900_ai_ci", "'','a','B','c ','ab','a b'", "stripped",
     80000, -1},
    {"char(36) character set ascii collate ascii_bin",
     "'00000000-0000-0000-0000-000000000000','0011275c-FF00-0000-0000-00000000ff5c',"
     "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
     "a UUID as text", 0, 0},
    {"binary(3)", "'',x'00',x'000001',x'27',x'5c',x'ff',x'ffff00',x'ffffff'", "padded with zeros", 0, 0},
    {"varbinary(20)", "'',x'00',x'0000',x'1f',x'27',x'5c',x'ff',x'ff00'", "any bytes", 0, 0},
    {"uuid",
     "'00000000-0000-0000-0000-000000000000','11111111-0000-1000-8000-000000000001',"
     "'00000000-0000-1000-8000-000000000002','0190163d-8694-739b-aea5-966c26f8ad90',"
     "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
     "an order of its own", -1, 100700},
    {"inet6", "'::','::1','::ffff:1.2.3.4','10::','ffff::'", "addresses", -1, 100500},
};

static bool is_there(const server_fixture *f, const key_type *type)
{
    int since = server_is_mariadb(f) ? type->since_mariadb : type->since_mysql;
    return since >= 0 && f->server.version_number >= since;
}

/* One row for each value, each by itself, so that it is read as the column's type; values that are equal to another under
 * the column's collation are left out. Commas within texts are not
 * followed by a quote or stand before one. */
static void insert_each(server_fixture *f, const char *into, const char *values)
{
    char list[SQL_BYTES], sql[2 * SQL_BYTES];
    snprintf(list, sizeof list, "%s", values);
    int row = 0;
    for (char *at = list; at != NULL;) {
        char *end = at;
        bool in_text = false;
        for (; *end != '\0' && (in_text || *end != ','); end++)
            in_text ^= *end == '\'';
        char *next = *end == ',' ? end + 1 : NULL;
        *end = '\0';
        snprintf(sql, sizeof sql, "%s (%d, %s)", into, ++row, at);
        server_execute(f, sql);
        at = next;
    }
}

static void create_typed(server_fixture *f, const key_type *type)
{
    char sql[SQL_BYTES];
    server_execute(f, "DROP TABLE IF EXISTS typed, pairs");
    snprintf(sql, sizeof sql, "CREATE TABLE typed (id int, k %s NOT NULL, PRIMARY KEY (k)) ENGINE=InnoDB",
             type->declared);
    server_execute(f, sql);
    insert_each(f, "INSERT IGNORE INTO typed (id, k) VALUES", type->values);
    assert_true(strtoll(server_ask(f, "SELECT COUNT(*) FROM typed"), NULL, 10) > 1);
    /* every value many times, and both columns in both directions */
    snprintf(
        sql, sizeof sql,
        "CREATE TABLE pairs (id int NOT NULL AUTO_INCREMENT, k %s NOT NULL, n int NOT NULL, PRIMARY KEY (id),"
        " UNIQUE KEY up (k, n), UNIQUE KEY down (k DESC, n DESC), UNIQUE KEY mixed (n DESC, k)) "
        "ENGINE=InnoDB",
        type->declared);
    server_execute(f, sql);
    server_execute(
        f, "INSERT INTO pairs (k, n) SELECT k, n FROM typed, (SELECT 1 AS n UNION SELECT 2 UNION SELECT 3"
           " UNION SELECT 4 UNION SELECT 5 UNION SELECT -6) AS t");
}

/* In pages of every size, each page by a scan of its own from the place of the one before. */
static void assert_order(server_fixture *f, const rv_key *key, const char *order, const char *why)
{
    char sql[SQL_BYTES];
    const rv_bounds along = {.kind = RV_BOUNDS_KEY, .key = key};
    snprintf(sql, sizeof sql, "SELECT GROUP_CONCAT(id ORDER BY %s) FROM %s", order, f->relation.table);
    const char *expected = server_ask(f, sql);
    for (int64_t units = 1; units < 4; units++) {
        const char *got = server_read(f, &along, NULL, units);
        if (strcmp(got, expected) != 0)
            fail_msg("%s in pages of %d: %s instead of %s", why, (int)units, got, expected);
    }
    char resumed[SQL_BYTES] = "";
    rv_key_value at = {0};
    rv_page page = {0};
    while (!page.end) {
        server_assert_ok(f, server_try_scan(f, &along, &at));
        server_assert_ok(f, server_next(f, 2, ENOUGH, &page));
        if (f->batch->rows > 0) {
            size_t n = strlen(resumed);
            snprintf(resumed + n, sizeof resumed - n, "%s%s", n > 0 ? "," : "", server_batch_ids(f));
            server_assert_ok(f, rv_scan_position(f->scan, f->arena, &at, &f->err));
        }
    }
    if (strcmp(resumed, expected) != 0)
        fail_msg("%s, resumed after every page: %s instead of %s", why, resumed, expected);
}

static void keys_of_every_type_are_read_in_the_servers_order(void **state)
{
    server_fixture *f = *state;
    static const rv_key k = {.n_columns = 1, .columns = {"k"}}, up = {.n_columns = 2, .columns = {"k", "n"}};
    static const rv_key down = {.n_columns = 2, .columns = {"k", "n"}, .descending = {true, true}};
    static const rv_key mixed = {.n_columns = 2, .columns = {"n", "k"}, .descending = {true, false}};
    NEEDS_SERVER(f);
    for (size_t i = 0; i < sizeof key_types / sizeof *key_types; i++) {
        const key_type *type = &key_types[i];
        if (!is_there(f, type))
            continue;
        create_typed(f, type);
        server_begin(f, i % 2 == 0);
        server_describe(f, "typed");
        assert_order(f, &k, "k", type->declared);
        server_describe(f, "pairs");
        assert_order(f, &up, "k, n", type->declared);
        assert_order(f, &down, "k DESC, n DESC", type->declared);
        assert_order(f, &mixed, "n DESC, k", type->declared);
        server_end(f);
    }
}

/* ---- work ---- */

/* Every page of 2 rows is to read what it shows: so many entries of the index, and a few descents. */
static void assert_little_work(server_fixture *f, const rv_key *key, const rv_range *within, int64_t rows,
                               const char *why)
{
    const rv_bounds along = {
        .kind = RV_BOUNDS_KEY, .key = key, .ranges = {within}, .n_ranges = within != NULL};
    enum { UNITS = 20, DESCENTS = RV_MAX_KEY_COLUMNS + 3, OF_THE_CATALOG = 8 };
    int64_t pages = rows / UNITS + 1;
    server_read(f, &along, NULL, UNITS); /* the server's caches of the table are filled */
    server_work before = server_work_so_far(f);
    server_read(f, &along, NULL, UNITS);
    server_work done = server_work_since(f, before);
    if (done.index_reads > pages * (UNITS + DESCENTS) || done.scan_reads > OF_THE_CATALOG || done.sorts > 0)
        fail_msg("%s: %d rows took %d entries of indexes, %d rows without one, %d sorts", why, (int)rows,
                 (int)done.index_reads, (int)done.scan_reads, (int)done.sorts);
    assert_true(done.index_reads >= rows);
}

/* 6 values of n for each value of k, then more of them. */
static int64_t fill_pairs(server_fixture *f)
{
    for (int i = 1; i <= 5; i++) {
        char sql[256];
        snprintf(sql, sizeof sql, "INSERT INTO pairs (k, n) SELECT k, n + %d FROM pairs", 100 << i);
        server_execute(f, sql);
    }
    server_ask(f, "ANALYZE TABLE pairs");
    return strtoll(server_ask(f, "SELECT COUNT(*) FROM pairs"), NULL, 10);
}

static void a_page_reads_no_more_of_the_index_than_it_shows(void **state)
{
    server_fixture *f = *state;
    static const rv_key up = {.n_columns = 2, .columns = {"k", "n"}};
    static const rv_key down = {.n_columns = 2, .columns = {"k", "n"}, .descending = {true, true}};
    static const rv_key mixed = {.n_columns = 2, .columns = {"n", "k"}, .descending = {true, false}};
    NEEDS_SERVER(f);
    for (size_t i = 0; i < sizeof key_types / sizeof *key_types; i++) {
        const key_type *type = &key_types[i];
        if (!is_there(f, type))
            continue;
        create_typed(f, type);
        int64_t rows = fill_pairs(f);
        server_begin(f, true);
        server_describe(f, "pairs");
        assert_little_work(f, &up, NULL, rows, type->declared);
        assert_little_work(f, &down, NULL, rows, type->declared);
        if (server_sorts_down(f))
            assert_little_work(f, &mixed, NULL, rows, type->declared);
        server_end(f);
    }
}

/* A chunk that begins and ends within many rows of one value. */
static void a_page_of_a_chunk_reads_no_more_than_it_shows(void **state)
{
    server_fixture *f = *state;
    static const key_type type = {.declared = "int", .values = "1,2,3,4,5,6,7"};
    static const rv_key up = {.n_columns = 2, .columns = {"k", "n"}};
    const rv_range chunk = {
        .key = &up, .lo = {2, {"2", "3000"}}, .hi = {2, {"6", "3200"}}, .hi_inclusive = true};
    const rv_range one = {
        .key = &up, .lo = {2, {"4", "100"}}, .hi = {2, {"4", "3200"}}, .hi_inclusive = true};
    NEEDS_SERVER(f);
    create_typed(f, &type);
    fill_pairs(f);
    int64_t rows =
        strtoll(server_ask(f, "SELECT COUNT(*) FROM pairs WHERE (k, n) > (2, 3000) AND (k, n) <= (6, 3200)"),
                NULL, 10);
    int64_t of_one =
        strtoll(server_ask(f, "SELECT COUNT(*) FROM pairs WHERE k = 4 AND n > 100 AND n <= 3200"), NULL, 10);
    server_begin(f, false);
    server_describe(f, "pairs");
    assert_little_work(f, &up, &chunk, rows, "a chunk");
    assert_little_work(f, &up, &one, of_one, "a chunk within one value");
    server_end(f);
}

/* InnoDB keeps the primary key behind every index. */
static void pages_go_along_an_index_with_the_primary_key_behind_it(void **state)
{
    server_fixture *f = *state;
    static const rv_key along = {.n_columns = 3, .columns = {"k", "a", "id"}};
    static const char insert[] = "INSERT INTO t SELECT a.d + 10 * b.d, c.d, a.d % 3, 'x' FROM d a, d b, d c";
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE d (d int)");
    server_execute(f, "INSERT INTO d VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)");
    server_execute(
        f, "CREATE TABLE t (id int NOT NULL, a int NOT NULL, k int NOT NULL, pad varchar(100) NOT NULL,"
           " PRIMARY KEY (a, id), KEY x (k))");
    server_execute(f, insert);
    server_ask(f, "ANALYZE TABLE t");
    server_begin(f, true);
    server_describe(f, "t");
    const rv_index *index = &f->info.indexes[f->info.n_indexes - 1];
    assert_string_equal(index->name, "x");
    assert_true(rv_index_is_key(index));
    assert_int_equal(index->key.n_columns, 3);
    assert_order(f, &along, "k, a, id", "an index with the primary key behind it");
    assert_little_work(f, &index->key, NULL, 1000, "an index with the primary key behind it");
    server_end(f);
}

/* Hazard: a client that compares keys by itself loops or skips where letters are equal for the server. */
static void letters_that_are_equal_for_the_server_are_told_apart_by_it_alone(void **state)
{
    server_fixture *f = *state;
    static const rv_key s = {.n_columns = 2, .columns = {"s", "id"}};
    NEEDS_SERVER(f);
    server_execute(
        f, "CREATE TABLE t (id int NOT NULL, s varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"
           " NOT NULL, PRIMARY KEY (s, id))");
    server_execute(
        f, "INSERT INTO t VALUES (1, 'a'), (2, 'B'), (3, 'á'), (4, 'A '), (5, 'ß'), (6, 'ss'), (7, 'b'),"
           " (8, 'Ä'), (9, 'SS '), (10, ''), (11, ' '), (12, 'a')");
    server_begin(f, false);
    server_describe(f, "t");
    assert_order(f, &s, "s, id", "letters and blanks");
    server_end(f);
}

static void a_bound_that_is_no_value_of_its_column_is_refused(void **state)
{
    server_fixture *f = *state;
    static const struct {
        const char *column, *value;
    } cases[] = {{"n", "x"},
                 {"n", "1e3"},
                 {"n", ""},
                 {"y", "-1"},
                 {"y", "20201"},
                 {"d", "x"},
                 {"d", ""},
                 {"c", "1,5"},
                 {"b", "\x1f"
                       "0"},
                 {"b", "\x1f"
                       "zz"},
                 {"e", "a"},
                 {"e", "\x1f"},
                 {"s", "\x1f"
                       "q"},
                 {"r", "inf"},
                 {"r", "0x1"},
                 {"e", "-1"},
                 {"n", "1 OR 1"}};
    NEEDS_SERVER(f);
    server_execute(f, "CREATE TABLE t (id int NOT NULL PRIMARY KEY, n int, y year, d datetime, c "
                      "decimal(9,2), b varbinary(9),"
                      " e enum('a'), s varchar(9), r double)");
    server_begin(f, false);
    server_describe(f, "t");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const rv_key key = {.n_columns = 1, .columns = {cases[i].column}},
                     id = {.n_columns = 1, .columns = {"id"}};
        const rv_range range = {.key = &key, .lo = {1, {cases[i].value}}};
        const rv_bounds bounds = {.kind = RV_BOUNDS_KEY, .key = &id, .ranges = {&range}, .n_ranges = 1};
        rv_page page = {0};
        rv_code rc = server_try_scan(f, &bounds, NULL);
        rc = rc == RV_OK ? server_next(f, 10, ENOUGH, &page) : rc;
        if (rc != RV_E_CONFIG_VALUE)
            fail_msg("%s > '%s': %s", cases[i].column, cases[i].value, rv_code_name(rc));
    }
    server_end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keys_of_every_type_are_read_in_the_servers_order, server_setup,
                                        server_teardown),
        cmocka_unit_test_setup_teardown(a_page_reads_no_more_of_the_index_than_it_shows, server_setup,
                                        server_teardown),
        cmocka_unit_test_setup_teardown(a_page_of_a_chunk_reads_no_more_than_it_shows, server_setup,
                                        server_teardown),
        cmocka_unit_test_setup_teardown(pages_go_along_an_index_with_the_primary_key_behind_it, server_setup,
                                        server_teardown),
        cmocka_unit_test_setup_teardown(letters_that_are_equal_for_the_server_are_told_apart_by_it_alone,
                                        server_setup, server_teardown),
        cmocka_unit_test_setup_teardown(a_bound_that_is_no_value_of_its_column_is_refused, server_setup,
                                        server_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
