/* source_fixtures.c - the tables that the source suite reads, the same in every database. */
#include "conformance/source_suite.h"

#include "rivet/bytes.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void suite_quote(char *out, size_t size, const char *name)
{
    size_t n = 0;
    out[n++] = '"';
    for (; *name != '\0' && n + 3 < size; name++) {
        if (*name == '"')
            out[n++] = '"';
        out[n++] = *name;
    }
    out[n++] = '"';
    out[n] = '\0';
}

void suite_quote_text(char *out, size_t size, const char *text)
{
    size_t n = 0;
    out[n++] = '\'';
    for (; *text != '\0' && n + 3 < size; text++) {
        if (*text == '\'')
            out[n++] = '\'';
        out[n++] = *text;
    }
    out[n++] = '\'';
    out[n] = '\0';
}

void suite_literal_sql(char *out, size_t size, suite_type type, const char *text)
{
    if (text == NULL)
        snprintf(out, size, "NULL");
    else if (type == SUITE_TEXT)
        suite_quote_text(out, size, text);
    else
        snprintf(out, size, type == SUITE_BLOB ? "X'%s'" : "%s", text);
}

void suite_select_sql(char *out, size_t size, const char *prefix, const char *table)
{
    char name[512];
    suite_quote(name, sizeof name, table);
    snprintf(out, size, "SELECT * FROM %s%s", prefix, name);
}

void suite_insert_sql(const char *prefix, const char *table, const char *literals,
                      void (*execute)(const char *sql))
{
    char sql[1024], name[512];
    suite_quote(name, sizeof name, table);
    snprintf(sql, sizeof sql, "INSERT INTO %s%s VALUES (%s)", prefix, name, literals);
    execute(sql);
}

/* ---- servers ---- */

static rv_secret *password; /* of the configuration last made; the arena does not own it */

void suite_server_config(const char *variable, rv_arena *arena, rv_source_config *out)
{
    rv_redactor *redactor = NULL;
    assert_int_equal(rv_redactor_new(&redactor, NULL), RV_OK);
    assert_int_equal(rv_source_config_from_url(arena, getenv(variable), redactor, out, NULL), RV_OK);
    rv_redactor_free(redactor);
    suite_server_forget();
    password = out->password;
}

void suite_server_forget(void)
{
    rv_secret_free(password);
    password = NULL;
}

static void append(rv_bytes *sql, const char *text)
{
    assert_int_equal(rv_bytes_append_str(sql, text, NULL), RV_OK);
}

static void execute_and_clear(rv_bytes *sql, void (*execute)(const char *sql))
{
    const char *text = NULL;
    assert_int_equal(rv_bytes_cstr(sql, &text, NULL), RV_OK);
    execute(text);
    rv_bytes_clear(sql);
}

static void append_columns(rv_bytes *sql, const suite_table *table)
{
    char name[512];
    for (int c = 0; c < table->n_columns; c++) {
        const suite_column *column = &table->columns[c];
        suite_quote(name, sizeof name, column->name);
        append(sql, c == 0 ? "" : ", ");
        append(sql, name);
        append(sql, " ");
        append(sql, column->declared);
        append(sql, column->key ? " PRIMARY KEY" : "");
        append(sql, column->not_null ? " NOT NULL" : "");
    }
}

/* "a,b" and "a" give ("a" DESC, "b"). */
static void append_index_columns(rv_bytes *sql, const suite_index *index)
{
    const char *from = index->columns;
    append(sql, "(");
    for (size_t len; (len = strcspn(from, ",")) > 0; from += len + (from[len] == ',' ? 1 : 0)) {
        bool down = index->descending != NULL && strncmp(index->descending, from, len) == 0;
        assert_int_equal(rv_bytes_printf(sql, NULL, "%s\"%.*s\"%s", from == index->columns ? "" : ", ",
                                         (int)len, from, down ? " DESC" : ""),
                         RV_OK);
    }
    append(sql, ")");
}

void suite_create_indexes_sql(const suite_table *table, const char *index_prefix, const char *table_prefix,
                              void (*execute)(const char *sql))
{
    rv_bytes sql = RV_BYTES_INIT(1 << 16);
    char name[512];
    suite_quote(name, sizeof name, table->name);
    for (int i = 0; i < table->n_indexes; i++) {
        const suite_index *index = &table->indexes[i];
        assert_int_equal(rv_bytes_printf(&sql, NULL, "CREATE %sINDEX %s\"%s\" ON %s%s ",
                                         index->unique ? "UNIQUE " : "", index_prefix, index->name,
                                         table_prefix, name),
                         RV_OK);
        append_index_columns(&sql, index);
        execute_and_clear(&sql, execute);
    }
    rv_bytes_deinit(&sql);
}

void suite_create_sql(const suite_table *table, const char *schema, void (*execute)(const char *sql))
{
    enum { ROWS_PER_INSERT = 100 };
    rv_bytes sql = RV_BYTES_INIT(16 << 20);
    char name[512], literal[SUITE_LITERAL_BYTES];
    suite_quote(name, sizeof name, table->name);
    assert_int_equal(rv_bytes_printf(&sql, NULL, "CREATE TABLE %s.%s (", schema, name), RV_OK);
    append_columns(&sql, table);
    append(&sql, ")");
    execute_and_clear(&sql, execute);
    for (int64_t row = 0; row < table->n_rows; row++) {
        bool first = row % ROWS_PER_INSERT == 0;
        if (first)
            assert_int_equal(rv_bytes_printf(&sql, NULL, "INSERT INTO %s.%s VALUES ", schema, name), RV_OK);
        for (int c = 0; c < table->n_columns; c++) {
            table->literal(literal, sizeof literal, row, c, table->context);
            append(&sql, c > 0 ? ", " : first ? "(" : ", (");
            append(&sql, literal);
        }
        append(&sql, ")");
        if (row % ROWS_PER_INSERT == ROWS_PER_INSERT - 1 || row == table->n_rows - 1)
            execute_and_clear(&sql, execute);
    }
    rv_bytes_deinit(&sql);
}

void suite_counted_text(char *out, size_t size, int64_t row, int column)
{
    if (column == 0)
        snprintf(out, size, "%" PRId64, row + 1);
    else if (column == 1)
        snprintf(out, size, "%" PRId64, row * 1000 + 7);
    else if (column == 2)
        snprintf(out, size, "%" PRId64 ".5", row);
    else if (row % 5 == 4)
        snprintf(out, size, "%s", "");
    else if (column == 3)
        snprintf(out, size, "row %" PRId64 " \xc3\xa4\xe2\x82\xac", row);
    else
        snprintf(out, size, "%08" PRIx64, (uint64_t)row);
}

int64_t suite_keyed_cell(int64_t row, int column, int64_t none)
{
    switch (column) {
    case 0:
        return row + 1;
    case 1:
        return row % 7 * 1000 - 3000;
    case 2:
        return row * 37 % SUITE_KEYED_ROWS;
    case 3:
        return row % 4 == 3 ? none : row * 3 % 101;
    default:
        return row % 8 == 3 ? none : row;
    }
}

static void keyed_literal(char *out, size_t size, int64_t row, int column, const void *context)
{
    char text[32];
    const suite_driver *driver = context;
    int64_t cell = suite_keyed_cell(row, column, INT64_MIN);
    snprintf(text, sizeof text, column == 2 ? "k%04" PRId64 : "%" PRId64, cell);
    driver->literal(out, size, column == 2 ? SUITE_TEXT : SUITE_INT, cell == INT64_MIN ? NULL : text);
}

void suite_create_keyed(const suite_driver *driver)
{
    static const suite_index indexes[] = {{"keyed_ab", "a,b", NULL, true},
                                          {"keyed_ba", "b,a", NULL, true},
                                          {"keyed_mixed", "a,b", "a", true},
                                          {"keyed_n", "n", NULL, false}};
    const char *integer = driver->declared[SUITE_INT];
    const char *key_text =
        driver->declared_key_text != NULL ? driver->declared_key_text : driver->declared[SUITE_TEXT];
    const suite_column columns[SUITE_KEYED_COLUMNS] = {
        {"id", integer, true, true},  {"a", integer, true, false},  {"b", key_text, true, false},
        {"n", integer, false, false}, {"m", integer, false, false},
    };
    const suite_table table = {"keyed", columns, SUITE_KEYED_COLUMNS, SUITE_KEYED_ROWS, keyed_literal, driver,
                               indexes, 4};
    driver->create(&table);
}

static const suite_type counted_types[SUITE_COUNTED_COLUMNS] = {SUITE_INT, SUITE_INT, SUITE_FLOAT, SUITE_TEXT,
                                                                SUITE_BLOB};

static void counted_literal(char *out, size_t size, int64_t row, int column, const void *context)
{
    char text[64];
    const suite_driver *driver = context;
    suite_counted_text(text, sizeof text, row, column);
    driver->literal(out, size, counted_types[column], text[0] != '\0' ? text : NULL);
}

void suite_create_counted(const suite_driver *driver, const char *name, int64_t n_rows)
{
    const suite_column columns[SUITE_COUNTED_COLUMNS] = {
        {"id", driver->declared[SUITE_INT], true, true},    {"n", driver->declared[SUITE_INT], true, false},
        {"f", driver->declared[SUITE_FLOAT], false, false}, {"t", driver->declared[SUITE_TEXT], false, false},
        {"b", driver->declared[SUITE_BLOB], false, false},
    };
    const suite_table table = {name, columns, SUITE_COUNTED_COLUMNS, n_rows, counted_literal, driver,
                               NULL, 0};
    driver->create(&table);
}

static void typed_literal(char *out, size_t size, int64_t row, int column, const void *context)
{
    const suite_driver *driver = context;
    if (row % 2 == 0)
        snprintf(out, size, "%s", driver->typed[column].literal);
    else
        driver->literal(out, size, SUITE_TEXT, NULL);
}

static void create_typed(const suite_driver *driver)
{
    suite_column columns[128] = {0};
    char names[128][16];
    assert_in_range(driver->n_typed, 1, 128);
    for (int i = 0; i < driver->n_typed; i++) {
        snprintf(names[i], sizeof names[i], "c%d", i);
        columns[i] = (suite_column){.name = names[i], .declared = driver->typed[i].declared};
    }
    const suite_table table = {"every_type", columns, driver->n_typed, 3, typed_literal, driver, NULL, 0};
    driver->create(&table);
}

static void wide_literal(char *out, size_t size, int64_t row, int column, const void *context)
{
    char text[SUITE_WIDE_VALUE_BYTES + 1];
    const suite_driver *driver = context;
    if (column == 0) {
        snprintf(text, sizeof text, "%" PRId64, row + 1);
    } else {
        memset(text, 'a' + (int)(row % 26), SUITE_WIDE_VALUE_BYTES);
        text[SUITE_WIDE_VALUE_BYTES] = '\0';
    }
    driver->literal(out, size, column == 0 ? SUITE_INT : SUITE_TEXT, text);
}

static void odd_literal(char *out, size_t size, int64_t row, int column, const void *context)
{
    char id[32];
    const suite_driver *driver = context;
    snprintf(id, sizeof id, "%" PRId64, row + 1);
    if (column == 0)
        driver->literal(out, size, SUITE_INT, id);
    else
        snprintf(out, size, "%s", row == 1 ? driver->odd.literal : driver->odd.good_literal);
}

static void create_two_columns(const suite_driver *driver, const char *name, const char *second,
                               const char *declared, int64_t n_rows, suite_literal_fn literal)
{
    const suite_column columns[] = {{"id", driver->declared[SUITE_INT], true, true},
                                    {second, declared, false, false}};
    const suite_table table = {name, columns, 2, n_rows, literal, driver, NULL, 0};
    driver->create(&table);
}

static const char *const hostile_names[SUITE_HOSTILE_NAMES] = {
    "quote\"d",        "new\nline",
    "comment -- here", "semi;colon",
    "back\\slash",     "per%cent",
    "single'quote",    "MixedCase",
    "select",          "with.dot",
    "sp ace",          " leading",
    "$dollar$",        "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
    "/* */",           "1digit",
};

const char *suite_hostile_name(const suite_driver *driver, int i)
{
    if (driver->bmp_names && strstr(hostile_names[i], "\xf0") != NULL)
        return "\xc3\xa4\xe2\x82\xac";
    return hostile_names[i];
}

static void hostile_literal(char *out, size_t size, int64_t row, int column, const void *context)
{
    char text[32];
    const suite_driver *driver = context;
    snprintf(text, sizeof text, "%" PRId64, row * 100 + column);
    driver->literal(out, size, SUITE_INT, text);
}

void suite_longest_name(const suite_driver *driver, char out[129])
{
    memset(out, 'n', 128);
    out[driver->max_name_bytes < 128 ? driver->max_name_bytes : 128] = '\0';
}

static void create_hostile(const suite_driver *driver)
{
    char longest[129];
    suite_column columns[SUITE_HOSTILE_NAMES + 1];
    suite_longest_name(driver, longest);
    for (int i = 0; i < SUITE_HOSTILE_NAMES; i++)
        columns[i] = (suite_column){suite_hostile_name(driver, i), driver->declared[SUITE_INT], false, false};
    columns[SUITE_HOSTILE_NAMES] = (suite_column){longest, driver->declared[SUITE_INT], false, false};
    for (int i = 0; i <= SUITE_HOSTILE_NAMES; i++) {
        const suite_table table = {
            columns[i].name, columns, SUITE_HOSTILE_NAMES + 1, 2, hostile_literal, driver, NULL, 0};
        driver->create(&table);
    }
}

void suite_create_all(const suite_driver *driver)
{
    driver->setup();
    suite_create_counted(driver, "counted", SUITE_COUNTED_ROWS);
    suite_create_counted(driver, "empty", 0);
    create_typed(driver);
    create_two_columns(driver, "wide", "v", driver->declared[SUITE_TEXT], SUITE_WIDE_ROWS, wide_literal);
    create_two_columns(driver, "odd", "v", driver->odd.declared, SUITE_ODD_ROWS, odd_literal);
    create_hostile(driver);
}
