/* source_sqlite.c - SQLite in the source suite. The file is in WAL mode, so that it can change while it is
 * read. */
#include "conformance/source_suite.h"
#include "lib/temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

static char *folder;
static sqlite3 *writer;

static void execute(const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(writer, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%.200s: %s", sql, message);
}

static void setup(void)
{
    folder = temp_dir_new();
    char *path = temp_dir_join(folder, "suite.db");
    assert_int_equal(sqlite3_open(path, &writer), SQLITE_OK);
    free(path);
    execute("PRAGMA journal_mode=WAL");
}

static void teardown(void)
{
    sqlite3_close(writer);
    temp_dir_free(folder);
}

static void config(rv_arena *arena, rv_source_config *out)
{
    *out = (rv_source_config){.kind = "sqlite", .path = rv_arena_printf(arena, "%s/suite.db", folder)};
    assert_non_null(out->path);
}

static void create(const suite_table *table)
{
    execute("BEGIN");
    suite_create_sql(table, "main", execute);
    suite_create_indexes_sql(table, "main.", "", execute);
    execute("COMMIT");
}

static void select_all(char *out, size_t size, const char *table)
{
    suite_select_sql(out, size, "", table);
}

static void insert(const char *table, const char *literals)
{
    suite_insert_sql("", table, literals, execute);
}

static const suite_typed typed[] = {
    {"INTEGER", "9223372036854775807", "9223372036854775807"},
    {"BIGINT", "-9223372036854775807-1", "-9223372036854775808"},
    {"BOOLEAN", "1", "true"},
    {"bool", "0", "false"},
    {"REAL", "0.1", "0.1"},
    {"DOUBLE PRECISION", "5", "5"},
    {"FLOAT", "9e999", "inf"},
    {"TEXT", "''", ""},
    {"VARCHAR(10)", "'longer than ten'", "longer than ten"},
    {"CLOB", "'a'||char(10)||'b'", "a\nb"},
    {"BLOB", "x'00ff'", "00ff"},
    {"", "'text'", "text"},
    {"", "12", "12"},
    {"", "0.1", "0.1"},
    {"", "5.0", "5.0"},
    {"NUMERIC", "12345678901234567", "12345678901234567"},
    {"DECIMAL(10,2)", "12.5", "12.5"},
    {"DATE", "'2024-02-29'", "2024-02-29"},
    {"DATETIME", "'2024-02-29 12:00:00'", "2024-02-29 12:00:00"},
    {"TIMESTAMP", "1700000000", "1700000000"},
    {"UUID", "'00112233-4455-6677-8899-aabbccddeeff'", "00112233-4455-6677-8899-aabbccddeeff"},
    {"JSON", "'{\"a\": 1e400}'", "{\"a\": 1e400}"},
    {"INTERVAL", "'P1D'", "P1D"},
};

static const char *const bad_queries[] = {
    "SELEC 1",
    "SELECT no_such_column FROM counted",
    "SELECT \"no_such_column\" FROM counted",
    "SELECT * FROM no_such_table",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE counted",
    "DELETE FROM counted",
    "DELETE FROM counted RETURNING id",
    "WITH x AS (SELECT 1) DELETE FROM counted WHERE id = 1 RETURNING id",
    "PRAGMA query_only=OFF",
    "PRAGMA user_version",
    "ATTACH 'other.db' AS other",
    "BEGIN",
    "COMMIT",
    "SELECT load_extension('x')",
    "",
    "  -- nothing",
    NULL,
};

const suite_driver suite_sqlite = {
    .kind = "sqlite",
    .setup = setup,
    .teardown = teardown,
    .config = config,
    .create = create,
    .literal = suite_literal_sql,
    .select_all = select_all,
    .insert = insert,
    .schema = "main",
    .declared = {"INTEGER", "REAL", "TEXT", "BLOB"},
    .typed = typed,
    .n_typed = sizeof typed / sizeof *typed,
    .odd = {.declared = "INTEGER",
            .literal = "1e30",
            .invalid_class = RV_INVALID_RANGE,
            .code = RV_E_VALUE_OUT_OF_RANGE,
            .clamped = "9223372036854775807",
            .good_literal = "7",
            .good_text = "7"},
    .endless = {.kind = RV_RELATION_QUERY,
                .query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                         " SELECT max(i) FROM n"},
    .bad_queries = bad_queries,
    .max_name_bytes = 128,
    .survives_failure = true,
};
