/* source_postgres.c - PostgreSQL in the source suite, in a schema of its own of the database that
 * RIVET_TEST_PG_URL names (postgresql://user:password@host:port/database). */
#include "conformance/source_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libpq-fe.h>

#define SCHEMA "rivet_source_suite"

static PGconn *writer;

static const char *why_not(void)
{
    return getenv("RIVET_TEST_PG_URL") != NULL ? NULL : "RIVET_TEST_PG_URL does not name a server";
}

static void execute(const char *sql)
{
    PGresult *result = PQexec(writer, sql);
    ExecStatusType status = PQresultStatus(result);
    PQclear(result);
    if (status != PGRES_COMMAND_OK)
        fail_msg("%.200s: %s", sql, PQerrorMessage(writer));
}

static void setup(void)
{
    writer = PQconnectdb(getenv("RIVET_TEST_PG_URL"));
    if (PQstatus(writer) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(writer));
    execute("SET client_min_messages = warning");
    execute("DROP SCHEMA IF EXISTS " SCHEMA " CASCADE");
    execute("CREATE SCHEMA " SCHEMA);
    execute("CREATE TYPE " SCHEMA ".mood AS ENUM ('sad', 'it''s \xe2\x9c\x93')");
}

static void teardown(void)
{
    execute("DROP SCHEMA " SCHEMA " CASCADE");
    PQfinish(writer);
    suite_server_forget();
}

static void config(rv_arena *arena, rv_source_config *out)
{
    suite_server_config("RIVET_TEST_PG_URL", arena, out);
}

static void create(const suite_table *table)
{
    suite_create_sql(table, SCHEMA, execute);
    suite_create_indexes_sql(table, "", SCHEMA ".", execute);
}

static void literal(char *out, size_t size, suite_type type, const char *text)
{
    if (type == SUITE_BLOB && text != NULL)
        snprintf(out, size, "'\\x%s'", text);
    else
        suite_literal_sql(out, size, type, text);
}

static void select_all(char *out, size_t size, const char *table)
{
    suite_select_sql(out, size, SCHEMA ".", table);
}

static void insert(const char *table, const char *literals)
{
    suite_insert_sql(SCHEMA ".", table, literals, execute);
}

static const suite_typed typed[] = {
    {"boolean", "true", "true"},
    {"smallint", "-32768", "-32768"},
    {"integer", "-2147483648", "-2147483648"},
    {"bigint", "9223372036854775807", "9223372036854775807"},
    {"real", "0.1", "0.1"},
    {"double precision", "'NaN'", "NaN"},
    {"double precision", "'-infinity'", "-inf"},
    {"numeric(10,2)", "-12345678.90", "-12345678.90"},
    {"numeric(76,38)", "1e-38", "0.00000000000000000000000000000000000001"},
    {"numeric", "1e-30", "0.000000000000000000000000000001"},
    {"date", "'2024-02-29'", "2024-02-29"},
    {"time", "'23:59:59.999999'", "23:59:59.999999"},
    {"timestamp", "'1969-12-31 23:59:59.999999'", "1969-12-31T23:59:59.999999"},
    {"timestamptz", "'2024-01-01 00:00:00+05:30'", "2023-12-31T18:30:00.000000Z"},
    {"text", "''", ""},
    {"varchar(10)", "'\xc3\xa4\xe2\x82\xac'", "\xc3\xa4\xe2\x82\xac"},
    {"char(4)", "'ab'", "ab  "},
    {"bytea", "'\\x00ff'", "00ff"},
    {"json", "'{\"a\":  1e400, \"a\": 2}'", "{\"a\":  1e400, \"a\": 2}"},
    {"jsonb", "'{\"b\":1}'", "{\"b\": 1}"},
    {"uuid", "'00112233-4455-6677-8899-aabbccddeeff'", "00112233-4455-6677-8899-aabbccddeeff"},
    {"interval", "'1 year 2 mons 3 days 04:05:06.7'", "P1Y2M3DT4H5M6.7S"},
    {SCHEMA ".mood", "'it''s \xe2\x9c\x93'", "it's \xe2\x9c\x93"},
    {"integer[]", "'{1,NULL,3}'", "[1,null,3]"},
    {"text[]", "'{}'", "[]"},
    {"inet", "'192.168.0.1/24'", "192.168.0.1/24"},
    {"int4range", "'[1,5)'", "[1,5)"},
    {"bit(3)", "B'101'", "101"},
};

static const char *const bad_queries[] = {
    "SELEC 1",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE " SCHEMA ".counted",
    "DELETE FROM " SCHEMA ".counted",
    "DROP TABLE " SCHEMA ".counted",
    "",
    NULL,
};

const suite_driver suite_postgres = {
    .kind = "postgres",
    .why_not = why_not,
    .setup = setup,
    .teardown = teardown,
    .config = config,
    .create = create,
    .literal = literal,
    .select_all = select_all,
    .insert = insert,
    .schema = SCHEMA,
    .declared = {"bigint", "double precision", "text", "bytea"},
    .typed = typed,
    .n_typed = sizeof typed / sizeof *typed,
    .odd = {.declared = "date",
            .literal = "'infinity'",
            .invalid_class = RV_INVALID_INFINITY,
            .code = RV_E_VALUE_INFINITE,
            .clamped = "+5881580-07-11",
            .good_literal = "'2024-01-01'",
            .good_text = "2024-01-01"},
    .endless = {.kind = RV_RELATION_QUERY, .query = "SELECT 1 AS one FROM pg_sleep(3600)"},
    .bad_queries = bad_queries,
    .max_name_bytes = 63,
};
