#include "loading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct rule_case {
    const char *why, *text;
    rv_code code;
    int line, column;
    const char *part; /* of the message */
} rule_case;

/* code RV_OK: no problem at all; then `part`, if any, is of a warning. */
static void expect(const loading *l, const rule_case *c)
{
    const rv_finding *found = c->code == RV_OK ? l->findings.items : loading_error(l);
    bool ok = l->rc == c->code && loading_errors(l) == (c->code != RV_OK);
    if (c->part)
        ok = ok && found && found->line == c->line && found->column == c->column &&
             strstr(found->message, c->part);
    else
        ok = ok && l->findings.n == 0;
    if (ok)
        return;
    loading_print(l, c->why);
    fail_msg("%s", c->why);
}

static const char *sample_value(rvi_key_id id)
{
    if (rvi_key_row(id)->kind == RVI_KIND_INT)
        return "7";
    if (rvi_key_row(id)->kind == RVI_KIND_BLOCK)
        return "{mode: require}"; /* only `tls` is in an exclusion */
    return id == RVI_K_SOURCE_URL ? "postgresql://h/d" : "PW";
}

/* Every row of the table of exclusions, in both orders: reported at the later of the two keys. */
static void every_exclusive_pair_is_refused_in_both_orders(void **state)
{
    (void)state;
    size_t n = 0, n_tried = 0;
    const rvi_exclusion *pairs = rvi_exclusions(&n);
    for (size_t i = 0; i < 2 * n; i++) {
        const rvi_key *first = rvi_key_row(i < n ? pairs[i].a : pairs[i - n].b);
        const rvi_key *second = rvi_key_row(i < n ? pairs[i].b : pairs[i - n].a);
        char text[512], message[128];
        loading l;
        bool seen = false;
        int line = first->section == RVI_S_SOURCE ? 3 : 8;
        if ((first->flags | second->flags) & RVI_LATER)
            continue;
        if (first->section == RVI_S_SOURCE) {
            snprintf(text, sizeof text, "source:\n  %s: %s\n  %s: %s\n", first->name, sample_value(first->id),
                     second->name, sample_value(second->id));
            loading_run_source(&l, text);
        } else if (first->section == RVI_S_EXPORT) {
            snprintf(text, sizeof text, "    %s: a\n    %s: b\n", first->name, second->name);
            loading_run_export(&l, text);
        } else {
            snprintf(text, sizeof text, "    tuning: {%s: 1,\n      %s: 2}\n", first->name, second->name);
            loading_run_export(&l, text);
        }
        snprintf(message, sizeof message, "'%s' and '%s'", second->name, first->name);
        for (int k = 0; k < l.findings.n; k++)
            seen = seen || (l.findings.items[k].code == RV_E_CONFIG_EXCLUSIVE &&
                            l.findings.items[k].line == line && strstr(l.findings.items[k].message, message));
        if (!seen) {
            loading_print(&l, message);
            fail_msg("%s were accepted together", message);
        }
        loading_end(&l);
        n_tried++;
    }
    assert_true(n_tried >= 60);
}

static void exports_are_checked_for_what_they_say_together(void **state)
{
    (void)state;
    static const rule_case cases[] = {
        {"nothing but the necessary", "", RV_OK, 0, 0, NULL},
        {"nothing to read", "    table:\n", RV_E_CONFIG_MISSING_KEY, 3, 5, "one of 'table', 'query'"},
        {"no folder", "    destination: {type: local}\n", RV_E_CONFIG_MISSING_KEY, 7, 18,
         "'path' is missing"},
        {"folder for the standard output", "    destination: {type: stdout, path: x}\n",
         RV_E_CONFIG_EXCLUSIVE, 7, 33, "means nothing with 'type: stdout'"},
        {"replacing on the standard output", "    on_existing: replace\n    destination: {type: stdout}\n",
         RV_E_CONFIG_EXCLUSIVE, 7, 5, "means nothing with 'type: stdout'"},
        {"known placeholders", "    destination: {type: local, path: 'a/{date}/{export}{table}/{run_id}'}\n",
         RV_OK, 0, 0, NULL},
        {"unknown placeholder", "    destination: {type: local, path: 'a/{dat}'}\n", RV_E_CONFIG_VALUE, 7, 38,
         "did you mean 'date'?"},
        {"long placeholder",
         "    destination: {type: local, path: '{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}'}\n",
         RV_E_CONFIG_VALUE, 7, 38, "unknown placeholder"},
        {"open placeholder", "    destination: {type: local, path: 'a/{date'}\n", RV_E_CONFIG_VALUE, 7, 38,
         "without a closing"},
        {"zstd 1", "    compression_level: 1\n", RV_OK, 0, 0, NULL},
        {"zstd 15", "    compression_level: 15\n", RV_OK, 0, 0, NULL},
        {"zstd 0", "    compression_level: 0\n", RV_E_CONFIG_VALUE, 7, 24, "1 to 15"},
        {"zstd 16", "    compression_level: 16\n", RV_E_CONFIG_VALUE, 7, 24, "use 15"},
        {"zstd 23", "    compression_level: 23\n", RV_E_CONFIG_VALUE, 7, 24, "out of range"},
        {"level of nothing", "    compression: none\n    compression_level: 3\n", RV_E_CONFIG_EXCLUSIVE, 8, 5,
         "there is no level"},
        {"level beside a profile", "    compression_profile: compact\n    compression_level: 3\n", RV_OK, 8,
         24, "has no effect"},
        {"snappy", "    compression: snappy\n", RV_OK, 0, 0, NULL},
        {"gzip inside Parquet", "    compression: gzip\n    compression_level: 9\n", RV_OK, 0, 0, NULL},
        {"fast profile", "    compression_profile: fast\n", RV_OK, 0, 0, NULL},
        {"snappy with a level", "    compression: snappy\n    compression_level: 1\n", RV_E_CONFIG_EXCLUSIVE,
         8, 5, "snappy has no levels"},
        {"lz4 with a level", "    compression: lz4\n    compression_level: 1\n", RV_E_CONFIG_EXCLUSIVE, 8, 5,
         "lz4 has no levels"},
        {"plain CSV", "    format: csv\n", RV_OK, 0, 0, NULL},
        {"CSV that says none", "    format: csv\n    compression: none\n", RV_OK, 0, 0, NULL},
        {"CSV with zstd", "    format: csv\n    compression: zstd\n    compression_level: 15\n", RV_OK, 0, 0,
         NULL},
        {"CSV with gzip", "    format: csv\n    compression: gzip\n    compression_level: 9\n", RV_OK, 0, 0,
         NULL},
        {"CSV with a profile", "    format: csv\n    compression_profile: balanced\n", RV_OK, 0, 0, NULL},
        {"CSV with lz4", "    format: csv\n    compression: lz4\n", RV_E_CONFIG_EXCLUSIVE, 8, 18,
         "lz4 is only for Parquet; CSV takes gzip, zstd or none"},
        {"CSV with snappy", "    format: csv\n    compression: snappy\n", RV_E_CONFIG_EXCLUSIVE, 8, 18,
         "snappy is only for Parquet"},
        {"CSV with the fast profile", "    format: csv\n    compression_profile: fast\n",
         RV_E_CONFIG_EXCLUSIVE, 8, 26, "use 'balanced'"},
        {"CSV whose profile overrides snappy",
         "    format: csv\n    compression: snappy\n    compression_profile: compact\n", RV_OK, 0, 0, NULL},
        {"CSV with a level of nothing", "    format: csv\n    compression_level: 3\n", RV_E_CONFIG_EXCLUSIVE,
         8, 5, "there is no level"},
        {"gzip 0", "    format: csv\n    compression: gzip\n    compression_level: 0\n", RV_E_CONFIG_VALUE, 9,
         24, "gzip has the levels 1 to 9"},
        {"gzip 10", "    format: csv\n    compression: gzip\n    compression_level: 10\n", RV_E_CONFIG_VALUE,
         9, 24, "gzip has the levels 1 to 9"},
        {"csv block for Parquet", "    csv: {header: false}\n", RV_E_CONFIG_EXCLUSIVE, 7, 5,
         "only for 'format: csv'"},
        {"parts on stdout", "    max_file_size: 1MB\n    destination: {type: stdout}\n",
         RV_E_CONFIG_EXCLUSIVE, 7, 5, "which is one file"},
        {"tab", "    format: csv\n    csv: {delimiter: \"\\t\"}\n", RV_OK, 0, 0, NULL},
        {"delimiter of two characters", "    format: csv\n    csv: {delimiter: ';;'}\n", RV_E_CONFIG_VALUE, 8,
         22, "is 2 bytes long"},
        {"letter as delimiter", "    format: csv\n    csv: {delimiter: a}\n", RV_E_CONFIG_VALUE, 8, 22,
         "not a delimiter"},
        {"quote as delimiter", "    format: csv\n    csv: {delimiter: '\"'}\n", RV_E_CONFIG_VALUE, 8, 22,
         "not a delimiter"},
        {"minus as delimiter", "    format: csv\n    csv: {delimiter: '-'}\n", RV_E_CONFIG_VALUE, 8, 22,
         "not a delimiter"},
        {"null text", "    format: csv\n    csv: {'null': '\\N'}\n", RV_OK, 0, 0, NULL},
        {"delimiter in the null text", "    format: csv\n    csv: {'null': 'a,b'}\n", RV_E_CONFIG_VALUE, 8,
         19, "cannot contain the delimiter"},
        {"quote in the null text", "    format: csv\n    csv: {'null': '\"\"'}\n", RV_E_CONFIG_VALUE, 8, 19,
         "cannot contain the delimiter"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        loading l;
        loading_run_export(&l, cases[i].text);
        expect(&l, &cases[i]);
        loading_end(&l);
    }
}

static void modes_are_checked_for_what_they_need(void **state)
{
    (void)state;
    static const rule_case cases[] = {
        {"partition placeholder", "    destination: {type: local, path: '{partition}'}\n", RV_E_CONFIG_VALUE,
         7, 38, "only 'partition_by' gives a value"},
        {"partitions", "    partition_by: d\n    destination: {type: local, path: '{partition}'}\n", RV_OK, 0,
         0, NULL},
        {"partitions in one folder", "    partition_by: d\n    destination: {type: local, path: 'x'}\n",
         RV_E_CONFIG_VALUE, 8, 38, "has no {partition}"},
        {"partitions of a stream", "    partition_by: d\n    destination: {type: stdout}\n",
         RV_E_CONFIG_EXCLUSIVE, 7, 5, "has none"},
        {"granularity of nothing", "    partition_granularity: month\n", RV_OK, 7, 28,
         "without 'partition_by'"},
        {"partitions by key",
         "    partition_by: d\n    chunk_by_key: id\n    destination: {type: local, path: '{partition}'}\n",
         RV_OK, 0, 0, NULL},
        {"increments without a cursor", "    mode: incremental\n", RV_E_CONFIG_MISSING_KEY, 3, 5,
         "'cursor_column' is missing"},
        {"increments", "    mode: incremental\n    cursor_column: [a, b]\n", RV_OK, 0, 0, NULL},
        {"cursor without increments", "    cursor_column: a\n", RV_OK, 7, 20, "without 'mode: incremental'"},
        {"coalesce without a fallback",
         "    mode: incremental\n    cursor_column: a\n    incremental_cursor_mode: coalesce\n",
         RV_E_CONFIG_MISSING_KEY, 3, 5, "'cursor_fallback_column' is missing"},
        {"fallback without coalesce",
         "    mode: incremental\n    cursor_column: a\n    cursor_fallback_column: b\n",
         RV_E_CONFIG_EXCLUSIVE, 9, 5, "needs 'incremental_cursor_mode: coalesce'"},
        {"coalesce of two columns",
         "    mode: incremental\n    cursor_column: [a, c]\n    cursor_fallback_column: b\n"
         "    incremental_cursor_mode: coalesce\n",
         RV_E_CONFIG_EXCLUSIVE, 8, 20, "takes one"},
        {"coalesce of itself",
         "    mode: incremental\n    cursor_column: a\n    cursor_fallback_column: a\n"
         "    incremental_cursor_mode: coalesce\n",
         RV_E_CONFIG_VALUE, 9, 29, "is 'cursor_column' itself"},
        {"window without its width", "    mode: time_window\n    time_column: t\n", RV_E_CONFIG_MISSING_KEY,
         3, 5, "'days_window' is missing"},
        {"window without its column", "    mode: time_window\n    days_window: 3\n", RV_E_CONFIG_MISSING_KEY,
         3, 5, "'time_column' is missing"},
        {"width without a window", "    days_window: 3\n", RV_OK, 7, 18, "without 'mode: time_window'"},
        {"a chunk_column left over in mode full", "    chunk_column: a\n", RV_OK, 7, 19,
         "without 'mode: chunked'"},
        {"a chunk_count left over in mode full", "    chunk_count: 3\n", RV_OK, 7, 18,
         "without 'mode: chunked'"},
        {"days in mode full", "    chunk_by_days: 3\n", RV_E_CONFIG_EXCLUSIVE, 7, 5, "needs 'mode: chunked'"},
        {"dense in mode full", "    chunk_dense: true\n", RV_E_CONFIG_EXCLUSIVE, 7, 5,
         "needs 'mode: chunked'"},
        {"not dense in mode full", "    chunk_dense: false\n", RV_OK, 0, 0, NULL},
        {"days without a column", "    mode: chunked\n    chunk_by_days: 7\n", RV_E_CONFIG_MISSING_KEY, 3, 5,
         "'chunk_column' is missing"},
        {"size beside a count", "    mode: chunked\n    chunk_count: 7\n    chunk_size: 7\n", RV_OK, 9, 17,
         "has no effect with 'chunk_count'"},
        {"no rows can pass", "    quality: {row_count_min: 5, row_count_max: 4}\n", RV_E_CONFIG_EXCLUSIVE, 7,
         48, "less than 'row_count_min' (5)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        loading l;
        loading_run_export(&l, cases[i].text);
        expect(&l, &cases[i]);
        loading_end(&l);
    }
}

static void the_parquet_block_is_checked_for_what_it_says_together(void **state)
{
    (void)state;
    static const rule_case cases[] = {
        {"parquet block for CSV", "    format: csv\n    parquet: {compat: max}\n", RV_E_CONFIG_EXCLUSIVE, 8,
         5, "only for 'format: parquet'"},
        {"Bloom filters", "    parquet: {bloom: [id, 'e mail']}\n", RV_OK, 0, 0, NULL},
        {"Bloom filter without list", "    parquet: {bloom: id}\n", RV_E_CONFIG_TYPE, 7, 22,
         "a list of texts"},
        {"Bloom filter of nothing", "    parquet: {bloom: [id, '']}\n", RV_E_CONFIG_VALUE, 7, 27, "is empty"},
        {"Bloom filter of a block", "    parquet: {bloom: [{a: b}]}\n", RV_E_CONFIG_TYPE, 7, 23, "a text"},
        {"rows for fixed rows", "    parquet: {row_group_strategy: fixed_rows, row_group_rows: 5000}\n",
         RV_OK, 0, 0, NULL},
        {"fixed rows without rows", "    parquet: {row_group_strategy: fixed_rows}\n",
         RV_E_CONFIG_MISSING_KEY, 7, 14, "'row_group_rows' is missing"},
        {"too few rows", "    parquet: {row_group_strategy: fixed_rows, row_group_rows: 5}\n", RV_OK, 7, 63,
         "into the range of 1000 to 10000000 rows"},
        {"rows for auto", "    parquet: {row_group_rows: 5000}\n", RV_OK, 7, 31,
         "no effect with 'row_group_strategy: auto'"},
        {"rows for fixed memory", "    parquet: {row_group_strategy: fixed_memory, row_group_rows: 5000}\n",
         RV_OK, 7, 65, "no effect with 'row_group_strategy: fixed_memory'"},
        {"size for fixed rows",
         "    parquet: {row_group_strategy: fixed_rows, row_group_rows: 5000, target_row_group_mb: 8}\n",
         RV_OK, 7, 90, "no effect with 'row_group_strategy: fixed_rows'"},
        {"size below its maximum", "    parquet: {target_row_group_mb: 8, max_row_group_mb: 8}\n", RV_OK, 0,
         0, NULL},
        {"size above its maximum", "    parquet: {target_row_group_mb: 9, max_row_group_mb: 8}\n",
         RV_E_CONFIG_EXCLUSIVE, 7, 57, "less than 'target_row_group_mb' (9)"},
        {"maximum below the default size", "    parquet: {max_row_group_mb: 8}\n", RV_OK, 0, 0, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        loading l;
        loading_run_export(&l, cases[i].text);
        expect(&l, &cases[i]);
        loading_end(&l);
    }
}

static void sources_are_checked_for_what_they_say_together(void **state)
{
    (void)state;
    static const rule_case cases[] = {
        {"URL without a type", "source: {url: 'postgresql://h/d'}", RV_OK, 0, 0, NULL},
        {"type that agrees", "source: {type: postgresql, url: 'postgres://h/d'}", RV_OK, 0, 0, NULL},
        {"type that disagrees", "source: {type: sqlite, url: 'postgresql://h/d'}", RV_E_CONFIG_VALUE, 1, 16,
         "is one of 'postgres', not of 'sqlite'"},
        {"type by its other name", "source: {type: mariadb, url: 'mysql://h/d'}", RV_OK, 0, 0, NULL},
        {"scheme by its other name", "source: {type: mysql, url: 'mariadb://h/d'}", RV_OK, 0, 0, NULL},
        {"type of another scheme", "source: {type: mariadb, url: 'postgresql://h/d'}", RV_E_CONFIG_VALUE, 1,
         16, "is one of 'postgres', not of 'mysql'"},
        {"scheme of a later version", "source: {url: 'sqlserver://h/d'}", RV_E_CONFIG_NOT_SUPPORTED_YET, 1,
         15, "sources of type 'mssql'"},
        {"type of a later version", "source: {type: mssql, url: 'sqlserver://h/d'}",
         RV_E_CONFIG_NOT_SUPPORTED_YET, 1, 16, "'type: mssql'"},
        {"server", "source: {type: postgres, host: h, database: d}", RV_OK, 0, 0, NULL},
        {"server without a host", "source: {type: postgres, database: d}", RV_E_CONFIG_MISSING_KEY, 1, 9,
         "'host' is missing"},
        {"server without a database", "source: {type: postgres, host: h}", RV_E_CONFIG_MISSING_KEY, 1, 9,
         "'database' is missing"},
        {"server without a type", "source: {host: h, database: d}", RV_E_CONFIG_MISSING_KEY, 1, 9,
         "'type' is missing"},
        {"file", "source: {path: a.db}", RV_OK, 0, 0, NULL},
        {"file with its type", "source: {type: sqlite, path: a.db}", RV_OK, 0, 0, NULL},
        {"file of a server", "source: {type: postgres, path: a.db}", RV_E_CONFIG_EXCLUSIVE, 1, 26,
         "only for 'type: sqlite'"},
        {"server of a file", "source: {type: sqlite, host: h, database: d}", RV_E_CONFIG_EXCLUSIVE, 1, 16,
         "takes 'path' or a URL"},
        {"tls for a file", "source: {url: 'sqlite:a.db', tls: {mode: require}}", RV_E_CONFIG_EXCLUSIVE, 1, 30,
         "means nothing for a SQLite file"},
        {"password in the file", "source: {type: postgres, host: h, database: d, password: x}", RV_OK, 1, 58,
         "written out in the file"},
        {"password in the URL", "source: {url: 'postgresql://u:x@h/d'}", RV_OK, 1, 15,
         "written out in the file"},
        {"password by a variable", "source: {type: postgres, host: h, database: d, password: '${PW}'}", RV_OK,
         0, 0, NULL},
        {"URL with a variable", "source: {url: 'postgresql://u:${N}@h/d'}", RV_OK, 0, 0, NULL},
        {"any certificate", "source: {url_env: URL, tls: {accept_invalid_certs: true}}", RV_OK, 1, 52,
         "not fully checked"},
        {"nothing is relaxed", "source: {url_env: URL, tls: {accept_invalid_certs: false}}", RV_OK, 0, 0,
         NULL},
        {"authorities without TLS", "source: {url_env: URL, tls: {mode: disable, ca_file: x}}",
         RV_E_CONFIG_EXCLUSIVE, 1, 45, "means nothing with 'mode: disable'"},
        {"TLS said twice", "source: {url: 'postgresql://h/d?sslmode=require', tls: {mode: require}}", RV_OK,
         0, 0, NULL},
        {"TLS said in two ways", "source: {url: 'postgresql://h/d?sslmode=disable', tls: {}}",
         RV_E_CONFIG_EXCLUSIVE, 1, 51, "contradict each other"},
        {"unset url_env", "source: {url_env: NOT_SET}", RV_E_CONFIG_UNSET_VARIABLE, 1, 19,
         "variable 'NOT_SET' is not set"},
        {"empty url_env", "source: {url_env: EMPTY}", RV_E_CONFIG_VALUE, 1, 19, "'EMPTY' is empty"},
        {"unset password_env", "source: {type: postgres, host: h, database: d, password_env: NOT_SET}",
         RV_E_CONFIG_UNSET_VARIABLE, 1, 62, "'NOT_SET' is not set"},
        {"empty password_env", "source: {type: postgres, host: h, database: d, password_env: EMPTY}",
         RV_E_CONFIG_VALUE, 1, 62, "'EMPTY' is empty"},
        {"empty password", "source: {type: postgres, host: h, database: d, password: '${EMPTY}'}",
         RV_E_CONFIG_VALUE, 1, 58, "is empty"},
        {"files are not read from memory", "source: {url_file: x}", RV_E_CONFIG_UNREADABLE, 1, 20,
         "not read"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        loading l;
        loading_run_source(&l, cases[i].text);
        expect(&l, &cases[i]);
        loading_end(&l);
    }
}

static void pages_are_limited_once_also_after_merging(void **state)
{
    (void)state;
    loading l;
    loading_run(&l, "source: {url_env: URL, tuning: {batch_size_memory_mb: 10}}\n"
                    "exports:\n"
                    "- name: e\n"
                    "  table: t\n"
                    "  format: csv\n"
                    "  tuning: {batch_size: 5}\n"
                    "  destination: {type: stdout}\n");
    assert_int_equal(l.rc, RV_E_CONFIG_EXCLUSIVE);
    assert_int_equal(l.findings.items[0].line, 6);
    assert_int_equal(l.findings.items[0].column, 12);
    assert_true(loading_mentions(&l, "source.tuning, line 1"));
    loading_end(&l);
}

static void a_name_has_to_be_a_file_name_of_its_own(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool good;
    } cases[] = {
        {"a", true},          {"Ünï cödé", true}, {"a.b", true},  {"'a\\b'", true},     {"..", false},
        {".hidden", false},   {"a/b", false},     {"/", false},   {"\"a\\nb\"", false}, {"\"a\\x7f\"", false},
        {"\"a\\0b\"", false}, {"''", false},      {"2024", true}, {"true", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        loading l;
        snprintf(text, sizeof text,
                 "source: {url_env: URL}\n"
                 "exports: [{name: %s, table: t, format: csv, destination: {type: stdout}}]\n",
                 cases[i].name);
        loading_run(&l, text);
        if ((l.rc == RV_OK) != cases[i].good || (l.rc != RV_OK && l.rc != RV_E_CONFIG_VALUE))
            fail_msg("%s: %s", cases[i].name, l.err.message);
        loading_end(&l);
    }
}

static void a_name_of_128_bytes_fits_and_one_more_does_not(void **state)
{
    (void)state;
    for (int len = 128; len <= 129; len++) {
        char text[512], name[130];
        loading l;
        memset(name, 'n', (size_t)len);
        name[len] = '\0';
        snprintf(text, sizeof text,
                 "source: {url_env: URL}\n"
                 "exports: [{name: %s, table: t, format: csv, destination: {type: stdout}}]\n",
                 name);
        loading_run(&l, text);
        assert_int_equal(l.rc, len == 128 ? RV_OK : RV_E_CONFIG_VALUE);
        loading_end(&l);
    }
}

static void names_of_exports_are_unique(void **state)
{
    (void)state;
    loading l;
    loading_run(&l, "source: {url_env: URL}\n"
                    "exports:\n"
                    "- {name: a, table: t, format: csv, destination: {type: stdout}}\n"
                    "- {name: A, table: t, format: csv, destination: {type: stdout}}\n"
                    "- {name: a, table: t, format: csv, destination: {type: stdout}}\n");
    assert_int_equal(l.rc, RV_E_CONFIG_DUPLICATE_EXPORT);
    assert_int_equal(l.findings.items[0].line, 5);
    assert_int_equal(l.findings.items[0].column, 10);
    assert_true(loading_mentions(&l, "the export in line 3"));
    loading_end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_exclusive_pair_is_refused_in_both_orders),
        cmocka_unit_test(exports_are_checked_for_what_they_say_together),
        cmocka_unit_test(modes_are_checked_for_what_they_need),
        cmocka_unit_test(the_parquet_block_is_checked_for_what_it_says_together),
        cmocka_unit_test(sources_are_checked_for_what_they_say_together),
        cmocka_unit_test(pages_are_limited_once_also_after_merging),
        cmocka_unit_test(a_name_has_to_be_a_file_name_of_its_own),
        cmocka_unit_test(a_name_of_128_bytes_fits_and_one_more_does_not),
        cmocka_unit_test(names_of_exports_are_unique),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
