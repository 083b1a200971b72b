/* Values against what their column declares: exact, or refused by name, never changed. */
#include "unit/source/sqlite_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Make t(id INTEGER PRIMARY KEY, x <declared>) with one row of the given value, and read it. */
static rv_code read_value(sqlite_fixture *f, const char *declared, const char *literal,
                          const rv_schema_options *options)
{
    char sql[512];
    sqlite_close_source(f);
    snprintf(sql, sizeof sql,
             "DROP TABLE IF EXISTS t; CREATE TABLE t(id INTEGER PRIMARY KEY, x %s);"
             "INSERT INTO t VALUES (42, %s)",
             declared, literal);
    sqlite_execute(f, sql);
    return sqlite_read_table(f, "t", options);
}

static void a_value_is_exact_or_refused(void **state)
{
    static const struct {
        const char *declared, *literal;
        const char *text; /* NULL: refused with `code` */
        rv_code code;
    } cases[] = {
        {"INTEGER", "9223372036854775807", "9223372036854775807", RV_OK},
        {"INTEGER", "-9223372036854775808", "-9223372036854775808", RV_OK},
        {"INTEGER", "'17'", "17", RV_OK}, /* SQLite's own affinity has made it an integer */
        {"INTEGER", "'seventeen'", NULL, RV_E_VALUE_UNPARSEABLE},
        {"INTEGER", "1.5", NULL, RV_E_VALUE_UNPARSEABLE},
        {"INTEGER", "1e19", NULL, RV_E_VALUE_OUT_OF_RANGE},
        {"INTEGER", "9e999", NULL, RV_E_VALUE_OUT_OF_RANGE},
        {"INTEGER", "9223372036854775808", NULL, RV_E_VALUE_OUT_OF_RANGE}, /* kept as a real by SQLite */
        {"INTEGER", "x'00'", NULL, RV_E_VALUE_UNPARSEABLE},
        {"INTEGER", "''", NULL, RV_E_VALUE_UNPARSEABLE},
        {"BOOLEAN", "0", "false", RV_OK},
        {"BOOLEAN", "TRUE", "true", RV_OK},
        {"BOOLEAN", "2", NULL, RV_E_VALUE_UNPARSEABLE},
        {"BOOLEAN", "-1", NULL, RV_E_VALUE_UNPARSEABLE},
        {"BOOLEAN", "'true'", NULL, RV_E_VALUE_UNPARSEABLE},
        {"BOOLEAN", "0.5", NULL, RV_E_VALUE_UNPARSEABLE},
        {"REAL", "5", "5", RV_OK},
        {"REAL", "0.1", "0.1", RV_OK},
        {"REAL", "-9e999", "-inf", RV_OK},
        {"REAL", "4.9e-324", "5e-324", RV_OK},
        {"REAL", "'abc'", NULL, RV_E_VALUE_UNPARSEABLE},
        {"REAL", "x'00'", NULL, RV_E_VALUE_UNPARSEABLE},
        {"TEXT", "''", "", RV_OK},
        {"TEXT", "12", "12", RV_OK},
        {"TEXT", "x'6869'", NULL, RV_E_VALUE_UNPARSEABLE},
        {"TEXT", "CAST(x'ff' AS TEXT)", NULL, RV_E_VALUE_ENCODING},
        {"TEXT", "CAST(x'eda080' AS TEXT)", NULL, RV_E_VALUE_ENCODING}, /* a surrogate */
        {"BLOB", "x''", "", RV_OK},
        {"BLOB", "x'00ff'", "00ff", RV_OK},
        {"BLOB", "'text'", NULL, RV_E_VALUE_UNPARSEABLE},
        {"BLOB", "7", NULL, RV_E_VALUE_UNPARSEABLE},
        {"", "7", "7", RV_OK},
        {"", "7.0", "7.0", RV_OK},
        {"", "-0.1", "-0.1", RV_OK},
        {"", "0.1 + 0.2", "0.30000000000000004", RV_OK},
        {"", "1e300", "1e+300", RV_OK},
        {"", "'text'", "text", RV_OK},
        {"", "x'00'", NULL, RV_E_VALUE_UNPARSEABLE},
        {"NUMERIC", "12345678901234567", "12345678901234567", RV_OK},
        {"NUMERIC", "'12.50'", "12.5", RV_OK}, /* that is how SQLite keeps it */
        {"NUMERIC", "'0.1000000000000000055511151231257827'", "0.1", RV_OK},
        {"DECIMAL(10,2)", "'12345678901234567890.12'", "1.2345678901234567e+19", RV_OK},
        {"DATE", "'2024-02-30'", "2024-02-30", RV_OK},
        {"DATETIME", "1700000000", "1700000000", RV_OK},
        {"JSON", "'{\"a\": 1e400}'", "{\"a\": 1e400}", RV_OK},
        {"UUID", "x'00112233445566778899aabbccddeeff'", NULL, RV_E_VALUE_UNPARSEABLE},
    };
    sqlite_fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rv_code rc = read_value(f, cases[i].declared, cases[i].literal, NULL);
        if (rc != cases[i].code)
            fail_msg("%s in %s: %s", cases[i].literal, cases[i].declared,
                     rc == RV_OK ? "taken" : rv_code_name(rc));
        if (rc == RV_OK)
            assert_string_equal(sqlite_cell(f, 1, 0), cases[i].text);
    }
}

static void a_text_may_hold_a_nul(void **state)
{
    sqlite_fixture *f = *state;
    assert_int_equal(read_value(f, "TEXT", "'a' || char(0) || 'b'", NULL), RV_OK);
    assert_int_equal(f->batch->columns[1].offsets[1], 3);
    assert_memory_equal(f->batch->columns[1].data, "a\0b", 3);
}

static void a_refusal_names_everything(void **state)
{
    sqlite_fixture *f = *state;
    assert_int_equal(read_value(f, "INTEGER", "'seventeen'", NULL), RV_E_VALUE_UNPARSEABLE);
    assert_non_null(strstr(f->err.message, "'x' (INTEGER)"));
    assert_non_null(strstr(f->err.message, "seventeen"));
    assert_non_null(strstr(f->err.hint, "a text here although the column is declared INTEGER"));
    assert_non_null(strstr(f->err.hint, "columns:"));
    assert_string_equal(f->err.frame[0], "row rowid=42");
    assert_string_equal(f->err.frame[1], "reading main.t");
}

static void without_row_ids_the_key_names_the_row(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE w(a TEXT, b INTEGER, x INTEGER, PRIMARY KEY(b, a)) WITHOUT ROWID;"
                      "INSERT INTO w VALUES ('k', 7, 'bad')");
    assert_int_equal(sqlite_read_table(f, "w", NULL), RV_E_VALUE_UNPARSEABLE);
    assert_string_equal(f->err.frame[0], "row a=k, b=7");
    sqlite_close_source(f);
    sqlite_execute(f, "CREATE TABLE t(x INTEGER); INSERT INTO t VALUES (1), (2), ('bad')");
    sqlite_describe_query(f, "SELECT x FROM t");
    sqlite_scan(f, sqlite_everything());
    assert_int_equal(sqlite_next(f, 2), RV_OK);
    assert_int_equal(sqlite_next(f, 2), RV_E_VALUE_UNPARSEABLE);
    assert_string_equal(f->err.frame[0], "row number 3");
}

static void a_null_where_none_can_be_is_an_error(void **state)
{
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE t(x TEXT); INSERT INTO t VALUES (NULL); PRAGMA writable_schema=ON;"
                      "UPDATE sqlite_schema SET sql = 'CREATE TABLE t(x TEXT NOT NULL)' WHERE name = 't';"
                      "PRAGMA writable_schema=OFF");
    assert_int_equal(sqlite_read_table(f, "t", NULL), RV_E_VALUE_MALFORMED);
    assert_non_null(strstr(f->err.message, "'x'"));
}

static void an_override_reads_the_exact_text(void **state)
{
    static const struct {
        const char *declared, *literal, *type;
        const char *text; /* NULL: refused with `code` */
        rv_code code;
    } cases[] = {
        {"DATE", "'2024-02-29'", "date", "2024-02-29", RV_OK},
        {"DATE", "'2024-02-30'", "date", NULL, RV_E_VALUE_UNPARSEABLE},
        {"DATETIME", "'2024-02-29 12:00:00.5'", "timestamp", "2024-02-29T12:00:00.500000", RV_OK},
        {"DATETIME", "1700000000", "timestamp", NULL, RV_E_VALUE_UNPARSEABLE},
        {"DECIMAL(10,2)", "12.5", "decimal(10,2)", "12.50", RV_OK},
        {"DECIMAL(10,2)", "12.345", "decimal(10,2)", NULL, RV_E_VALUE_OUT_OF_RANGE},
        {"DECIMAL(10,2)", "'twelve'", "decimal(10,2)", NULL, RV_E_VALUE_UNPARSEABLE},
        {"INTEGER", "17", "string", "17", RV_OK},
        {"INTEGER", "'seventeen'", "string", "seventeen", RV_OK},
        {"INTEGER", "70000", "int2", NULL, RV_E_VALUE_OUT_OF_RANGE},
        {"REAL", "5", "string", "5.0", RV_OK},
        {"REAL", "5", "int8", "5", RV_OK},
        {"BOOLEAN", "'yes'", "bool", NULL, RV_E_VALUE_UNPARSEABLE}, /* no override: its own type */
        {"TEXT", "'yes'", "bool", "true", RV_OK},
        {"UUID", "'00112233-4455-6677-8899-aabbccddeeff'", "uuid", "00112233-4455-6677-8899-aabbccddeeff",
         RV_OK},
        {"BLOB", "x'00112233445566778899aabbccddeeff'", "uuid", "00112233-4455-6677-8899-aabbccddeeff",
         RV_OK},
        {"BLOB", "x'0011'", "uuid", NULL, RV_E_VALUE_UNPARSEABLE},
        {"BLOB", "x'00ff'", "string", "\\x00ff", RV_OK},
        {"BLOB", "'text'", "string", "text", RV_OK},
        {"", "x'00ff'", "binary", "00ff", RV_OK},
        {"", "'00ff'", "binary", "00ff", RV_OK}, /* text is hex, as everywhere */
        {"", "x'00ff'", "int8", NULL, RV_E_VALUE_UNPARSEABLE},
        {"TEXT", "x'00ff'", "json", NULL, RV_E_VALUE_UNPARSEABLE},
        {"TEXT", "'{\"a\":1}'", "json", "{\"a\":1}", RV_OK},
    };
    sqlite_fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rv_column_override override = {.column = "x"};
        assert_true(rv_type_parse(cases[i].type, &override.type));
        const rv_schema_options options = {.overrides = &override, .n_overrides = 1};
        rv_code rc = read_value(f, cases[i].declared, cases[i].literal, &options);
        if (rc != cases[i].code)
            fail_msg("%s in %s as %s: %s", cases[i].literal, cases[i].declared, cases[i].type,
                     rc == RV_OK ? "taken" : rv_code_name(rc));
        if (rc == RV_OK)
            assert_string_equal(sqlite_cell(f, 1, 0), cases[i].text);
    }
}

static void a_policy_decides_and_is_counted(void **state)
{
    static const struct {
        const char *declared, *literal;
        rv_invalid invalid_class;
        rv_policy policy;
        const char *text;
        int64_t uses;
    } cases[] = {
        {"INTEGER", "'bad'", RV_INVALID_UNPARSEABLE, RV_POLICY_NULL, "NULL", 1},
        {"INTEGER", "'bad'", RV_INVALID_UNPARSEABLE, RV_POLICY_TEXT, "bad", 0},
        {"INTEGER", "-1e30", RV_INVALID_RANGE, RV_POLICY_CLAMP, "-9223372036854775808", 1},
        {"BOOLEAN", "2", RV_INVALID_UNPARSEABLE, RV_POLICY_NULL, "NULL", 1},
        {"BLOB", "'text'", RV_INVALID_UNPARSEABLE, RV_POLICY_TEXT, "text", 0},
        {"BLOB", "x'00'", RV_INVALID_UNPARSEABLE, RV_POLICY_TEXT, "\\x00", 0},
        {"TEXT", "CAST(x'ff' AS TEXT)", RV_INVALID_ENCODING, RV_POLICY_NULL, "NULL", 1},
    };
    sqlite_fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rv_schema_options options = {0};
        options.on_invalid[cases[i].invalid_class] = cases[i].policy;
        sqlite_assert_ok(read_value(f, cases[i].declared, cases[i].literal, &options), f);
        assert_string_equal(sqlite_cell(f, 1, 0), cases[i].text);
        assert_int_equal(f->batch->columns[1].policy_uses[cases[i].invalid_class], cases[i].uses);
    }
}

static void not_null_is_kept_when_a_policy_would_break_it(void **state)
{
    sqlite_fixture *f = *state;
    rv_schema_options options = {0};
    options.on_invalid[RV_INVALID_UNPARSEABLE] = RV_POLICY_NULL;
    assert_int_equal(read_value(f, "TEXT", "x'00'", &options), RV_OK);
    assert_string_equal(sqlite_cell(f, 1, 0), "NULL");
    rv_code rc = read_value(f, "TEXT NOT NULL", "x'00'", &options);
    assert_true(rc == RV_E_VALUE_UNPARSEABLE || (rc == RV_OK && f->schema.fields[1].nullable));
}

/* A query may show two tables' columns as one, which then has the type of the first and the values of
 * both. */
static void integers_and_reals_meet_only_exactly(void **state)
{
    static const struct {
        const char *integer, *text;
    } cases[] = {
        {"9007199254740992", "9007199254740992"},
        {"-9007199254740993", NULL},
        {"9223372036854775807", NULL},
        {"-9223372036854775808", "-9.223372036854776e+18"},
    };
    sqlite_fixture *f = *state;
    sqlite_execute(f, "CREATE TABLE r(x REAL); CREATE TABLE i(x INTEGER)");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[128];
        sqlite_close_source(f);
        snprintf(sql, sizeof sql, "DELETE FROM i; INSERT INTO i VALUES (%s)", cases[i].integer);
        sqlite_execute(f, sql);
        sqlite_describe_query(f, "SELECT x FROM r UNION ALL SELECT x FROM i");
        assert_int_equal(f->schema.fields[0].type.id, RV_TYPE_FLOAT64);
        sqlite_scan(f, sqlite_everything());
        assert_int_equal(sqlite_next(f, 10), cases[i].text != NULL ? RV_OK : RV_E_VALUE_OUT_OF_RANGE);
        if (cases[i].text != NULL)
            assert_true(strtod(sqlite_cell(f, 0, 0), NULL) == strtod(cases[i].text, NULL));
    }
    sqlite_close_source(f);
    sqlite_execute(f, "DELETE FROM i; INSERT INTO r VALUES (-5.0)");
    sqlite_describe_query(f, "SELECT x FROM i UNION ALL SELECT x FROM r");
    sqlite_scan(f, sqlite_everything());
    assert_int_equal(sqlite_next(f, 10), RV_OK);
    assert_string_equal(sqlite_rows(f), "-5");
}

static void utf16_files_give_the_same_text(void **state)
{
    static const char *const encodings[] = {"UTF-16le", "UTF-16be"};
    sqlite_fixture *f = *state;
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
        char sql[256];
        sqlite_close_source(f);
        sqlite3_close(f->writer);
        assert_int_equal(remove(f->path), 0);
        assert_int_equal(sqlite3_open(f->path, &f->writer), SQLITE_OK);
        snprintf(sql, sizeof sql, "PRAGMA encoding='%s'; CREATE TABLE \"\xc3\xa4\"(x TEXT, y INTEGER)",
                 encodings[i]);
        sqlite_execute(f, sql);
        sqlite_execute(
            f, "INSERT INTO \"\xc3\xa4\" VALUES ('a\xe2\x82\xac\xf0\x9f\x98\x80', 1), ('', 2), (NULL, 3)");
        assert_int_equal(sqlite_read_table(f, "\xc3\xa4", NULL), RV_OK);
        assert_string_equal(sqlite_rows(f), "a\xe2\x82\xac\xf0\x9f\x98\x80|1\n|2\nNULL|3");
    }
}

/* SQLite itself would turn these into other characters without a word. */
static void broken_utf16_is_refused(void **state)
{
    static const struct {
        const char *why;
        const char *bytes; /* big-endian */
    } cases[] = {
        {"a low surrogate alone", "0041dc000042"},
        {"a high surrogate before something else", "d8000041"},
        {"a high surrogate at the end", "0041d800"},
    };
    sqlite_fixture *f = *state;
    sqlite_execute(f, "PRAGMA encoding='UTF-16be'; CREATE TABLE t(x TEXT)");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char sql[128];
        sqlite_close_source(f);
        snprintf(sql, sizeof sql, "DELETE FROM t; INSERT INTO t VALUES (CAST(x'%s' AS TEXT))",
                 cases[i].bytes);
        sqlite_execute(f, sql);
        if (sqlite_read_table(f, "t", NULL) != RV_E_VALUE_ENCODING)
            fail_msg("%s was taken", cases[i].why);
    }
}

int main(void)
{
#define TYPES_TEST(test) cmocka_unit_test_setup_teardown(test, sqlite_setup, sqlite_teardown)
    const struct CMUnitTest tests[] = {
        TYPES_TEST(a_value_is_exact_or_refused),
        TYPES_TEST(a_text_may_hold_a_nul),
        TYPES_TEST(a_refusal_names_everything),
        TYPES_TEST(without_row_ids_the_key_names_the_row),
        TYPES_TEST(a_null_where_none_can_be_is_an_error),
        TYPES_TEST(an_override_reads_the_exact_text),
        TYPES_TEST(a_policy_decides_and_is_counted),
        TYPES_TEST(not_null_is_kept_when_a_policy_would_break_it),
        TYPES_TEST(integers_and_reals_meet_only_exactly),
        TYPES_TEST(utf16_files_give_the_same_text),
        TYPES_TEST(broken_utf16_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
