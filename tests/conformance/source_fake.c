/* source_fake.c - the scripted source in the source suite: its fixtures are a script. */
#include "conformance/source_suite.h"
#include "lib/temp_dir.h"
#include "rivet/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *folder;
static rv_bytes script;

static void add(const char *text)
{
    assert_int_equal(rv_bytes_append_str(&script, text, NULL), RV_OK);
}

/* A word of a script in quotes. */
static void quote_word(char *out, size_t size, const char *text)
{
    size_t n = 0;
    out[n++] = '"';
    for (; *text != '\0' && n + 4 < size; text++) {
        if (*text == '"' || *text == '\\' || *text == '\n')
            out[n++] = '\\';
        out[n++] = *text == '\n' ? 'n' : *text;
    }
    out[n++] = '"';
    out[n] = '\0';
}

static void setup(void)
{
    folder = temp_dir_new();
    script = RV_BYTES_INIT(64 << 20);
    add("server 3.14\ntable endless\ncolumn id int64\nrow 1\npage 1 hang\n");
}

static void teardown(void)
{
    rv_bytes_deinit(&script);
    temp_dir_free(folder);
}

static void config(rv_arena *arena, rv_source_config *out)
{
    temp_file_write(folder, "script", script.data, script.len);
    *out = (rv_source_config){.kind = "fake", .path = rv_arena_printf(arena, "%s/script", folder)};
    assert_non_null(out->path);
}

static void create(const suite_table *table)
{
    char word[8192];
    quote_word(word, sizeof word, table->name);
    add("table ");
    add(word);
    for (int c = 0; c < table->n_columns; c++) {
        quote_word(word, sizeof word, table->columns[c].name);
        add("\ncolumn ");
        add(word);
        add(" ");
        add(table->columns[c].declared);
        add(table->columns[c].not_null ? " not_null" : "");
        add(table->columns[c].key ? " key" : "");
    }
    add("\n");
    for (int64_t row = 0; row < table->n_rows; row++) {
        add("row");
        for (int c = 0; c < table->n_columns; c++) {
            table->literal(word, sizeof word, row, c, table->context);
            add(" ");
            add(word);
        }
        add("\n");
    }
    add("physical unit=block per_unit=90 strategy=blocks\n");
    for (int c = 0; c < table->n_columns; c++) {
        if (!table->columns[c].key)
            continue;
        quote_word(word, sizeof word, table->columns[c].name);
        add("index pkey ");
        add(word);
        add(" primary\n");
    }
    for (int i = 0; i < table->n_indexes; i++) {
        const suite_index *index = &table->indexes[i];
        snprintf(word, sizeof word, "index %s %s%s%s%s\n", index->name, index->columns,
                 index->unique ? " unique not_null" : "", index->descending != NULL ? " desc=" : "",
                 index->descending != NULL ? index->descending : "");
        add(word);
    }
}

static void literal(char *out, size_t size, suite_type type, const char *text)
{
    (void)type;
    if (text == NULL)
        snprintf(out, size, "null");
    else
        quote_word(out, size, text);
}

static void select_all(char *out, size_t size, const char *table)
{
    char word[512];
    quote_word(word, sizeof word, table);
    snprintf(out, size, "SELECT * FROM %s", word);
}

static const suite_typed typed[] = {
    {"bool", "true", "true"},
    {"int16", "-32768", "-32768"},
    {"int32", "2147483647", "2147483647"},
    {"int64", "-9223372036854775808", "-9223372036854775808"},
    {"uint64", "18446744073709551615", "18446744073709551615"},
    {"float32", "0.1", "0.1"},
    {"float64", "1e300", "1e+300"},
    {"decimal(38,10)", "-12345678901234567890.0123456789", "-12345678901234567890.0123456789"},
    {"date", "2024-02-29", "2024-02-29"},
    {"time", "23:59:59.999999", "23:59:59.999999"},
    {"timestamp", "\"1969-12-31 23:59:59.999999\"", "1969-12-31T23:59:59.999999"},
    {"timestamp_tz", "\"2024-01-01 00:00:00+05:30\"", "2023-12-31T18:30:00.000000Z"},
    {"timestamp_ns", "1677-09-21T00:12:43.145224193", "1677-09-21T00:12:43.145224193"},
    {"string", "\"\"", ""},
    {"string", "\"null\"", "null"},
    {"binary", "00ff", "00ff"},
    {"json", "\"{\\\"a\\\": 1e400}\"", "{\"a\": 1e400}"},
    {"uuid", "00112233-4455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddeeff"},
    {"enum", "label", "label"},
    {"interval", "P1Y2M3D", "P1Y2M3D"},
};

static const char *const bad_queries[] = {
    "SELEC 1", "DELETE FROM counted", "SELECT * FROM no_such_table", "SELECT * FROM counted; SELECT 1", "",
    NULL};

const suite_driver suite_fake = {
    .kind = "fake",
    .setup = setup,
    .teardown = teardown,
    .config = config,
    .create = create,
    .literal = literal,
    .select_all = select_all,
    .schema = "script",
    .declared = {"int64", "float64", "string", "binary"},
    .typed = typed,
    .n_typed = sizeof typed / sizeof *typed,
    .odd = {.declared = "date",
            .literal = "infinity",
            .invalid_class = RV_INVALID_INFINITY,
            .code = RV_E_VALUE_INFINITE,
            .clamped = "+5881580-07-11",
            .good_literal = "2024-01-01",
            .good_text = "2024-01-01"},
    .endless = {.kind = RV_RELATION_TABLE, .schema = "script", .table = "endless"},
    .bad_queries = bad_queries,
    .max_name_bytes = 128,
    .survives_failure = true,
};
