/* source_mysql.c - MySQL and MariaDB in the source suite, in a database of its own of the server that
 * RIVET_TEST_MYSQL_URL names (mysql://user:password@host:port/database). */
#include "conformance/source_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <mysql.h>

#define SCHEMA "rivet_source_suite"

static MYSQL *writer;

static const char *why_not(void)
{
    return getenv("RIVET_TEST_MYSQL_URL") != NULL ? NULL : "RIVET_TEST_MYSQL_URL does not name a server";
}

static void execute(const char *sql)
{
    if (mysql_real_query(writer, sql, (unsigned long)strlen(sql)) != 0)
        fail_msg("%.200s: %s", sql, mysql_error(writer));
}

static void config(rv_arena *arena, rv_source_config *out)
{
    suite_server_config("RIVET_TEST_MYSQL_URL", arena, out);
}

static void connect_writer(void)
{
    rv_arena *arena = NULL;
    rv_source_config cfg = {0};
    assert_int_equal(rv_arena_new(&arena, SIZE_MAX, NULL), RV_OK);
    config(arena, &cfg);
    writer = mysql_init(NULL);
    assert_non_null(writer);
    mysql_options(writer, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (mysql_real_connect(writer, cfg.host, cfg.user,
                           cfg.password != NULL ? rv_secret_reveal(cfg.password) : "", NULL,
                           (unsigned)cfg.port, NULL, 0) == NULL)
        fail_msg("%s", mysql_error(writer));
    rv_arena_free(arena);
}

/* The suite writes names in double quotes and texts without escapes; zero dates are what the odd table is about. */
static void setup(void)
{
    connect_writer();
    execute("SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES', time_zone = '+00:00'");
    execute("DROP DATABASE IF EXISTS " SCHEMA);
    execute("CREATE DATABASE " SCHEMA " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
    execute("USE " SCHEMA);
}

static void teardown(void)
{
    execute("DROP DATABASE " SCHEMA);
    mysql_close(writer);
    suite_server_forget();
}

static void create(const suite_table *table)
{
    suite_create_sql(table, SCHEMA, execute);
    suite_create_indexes_sql(table, "", SCHEMA ".", execute);
}

static void select_all(char *out, size_t size, const char *table)
{
    snprintf(out, size, "SELECT * FROM " SCHEMA ".`%s`", table); /* none of the suite's own has a backtick */
}

static void insert(const char *table, const char *literals)
{
    suite_insert_sql(SCHEMA ".", table, literals, execute);
}

static const suite_typed typed[] = {
    {"tinyint(1)", "1", "true"},
    {"tinyint", "-128", "-128"},
    {"tinyint unsigned", "255", "255"},
    {"smallint", "-32768", "-32768"},
    {"smallint unsigned", "65535", "65535"},
    {"mediumint", "-8388608", "-8388608"},
    {"mediumint unsigned", "16777215", "16777215"},
    {"int", "-2147483648", "-2147483648"},
    {"int unsigned", "4294967295", "4294967295"},
    {"bigint", "-9223372036854775808", "-9223372036854775808"},
    {"bigint unsigned", "18446744073709551615", "18446744073709551615"},
    {"float", "0.1", "0.1"},
    {"double", "5e-324", "5e-324"},
    {"decimal(10,2)", "-12345678.90", "-12345678.90"},
    {"decimal(65,30)", "1e-30", "0.000000000000000000000000000001"},
    {"bit(1)", "1", "true"},
    {"bit(16)", "12849", "12849"}, /* the bytes are the digits "21" */
    {"bit(64)", "18446744073709551615", "18446744073709551615"},
    {"year", "2155", "2155"},
    {"date", "'2024-02-29'", "2024-02-29"},
    {"time(6)", "'-838:59:58.000001'", "-838:59:58.000001"},
    {"datetime(6)", "'1969-12-31 23:59:59.999999'", "1969-12-31T23:59:59.999999"},
    {"timestamp(6) NULL", "'2038-01-19 03:14:07.999999'", "2038-01-19T03:14:07.999999Z"},
    {"text", "''", ""},
    {"varchar(10)", "'\xc3\xa4\xe2\x82\xac'", "\xc3\xa4\xe2\x82\xac"},
    {"varchar(10) CHARACTER SET latin1", "'\xc3\xa4\xe2\x82\xac'", "\xc3\xa4\xe2\x82\xac"},
    {"varchar(10) CHARACTER SET utf16", "'\xf0\x9f\x98\x80'", "\xf0\x9f\x98\x80"},
    {"char(4)", "'ab  '", "ab"},
    {"binary(4)", "X'00ff'", "00ff0000"},
    {"varbinary(4)", "X'2000'", "2000"},
    {"longblob", "''", ""},
    {"enum('a', 'it''s \xe2\x9c\x93')", "'it''s \xe2\x9c\x93'", "it's \xe2\x9c\x93"},
    {"set('a', 'b', '\xe2\x9c\x93')", "'\xe2\x9c\x93,a'", "a,\xe2\x9c\x93"},
    {"json", "'{\"b\": 1}'", "{\"b\": 1}"},
    {"point", "ST_GeomFromText('POINT(1 -2)')", "0101000000000000000000f03f00000000000000c0"},
};

static const char *const bad_queries[] = {
    "SELEC 1",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE " SCHEMA ".counted",
    "DELETE FROM " SCHEMA ".counted",
    "DROP TABLE " SCHEMA ".counted",
    "SELECT 1 INTO @x",
    "SET GLOBAL max_connections = 1",
    "COMMIT",
    "",
    NULL,
};

const suite_driver suite_mysql = {
    .kind = "mysql",
    .why_not = why_not,
    .setup = setup,
    .teardown = teardown,
    .config = config,
    .create = create,
    .literal = suite_literal_sql,
    .select_all = select_all,
    .insert = insert,
    .schema = SCHEMA,
    .declared = {"bigint", "double", "longtext", "longblob"},
    .typed = typed,
    .n_typed = sizeof typed / sizeof *typed,
    .odd = {.declared = "date",
            .literal = "'0000-00-00'",
            .invalid_class = RV_INVALID_ZERO_DATE,
            .code = RV_E_VALUE_OUT_OF_RANGE,
            .clamped = "0000-01-01",
            .good_literal = "'2024-02-29'",
            .good_text = "2024-02-29"},
    /* A sleep that is killed while it is all of a statement is no error there, so it is a part of one. */
    .endless = {.kind = RV_RELATION_QUERY, .query = "SELECT SLEEP(3600) AS one FROM " SCHEMA ".counted"},
    .bad_queries = bad_queries,
    .max_name_bytes = 64,
    .bmp_names = true,
    .declared_key_text = "varchar(50)",
};
