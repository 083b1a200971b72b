#include "loading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One problem, and nothing else, at one place. */
typedef struct problem_case {
    const char *why, *text;
    rv_code code;
    int line, column;
    const char *path, *part; /* of the message */
} problem_case;

static void expect_problem(const loading *l, const problem_case *c)
{
    const rv_finding *found = loading_error(l);
    bool ok = found && loading_errors(l) == 1 && found->code == c->code && found->line == c->line &&
              found->column == c->column && strcmp(found->path, c->path) == 0 &&
              strstr(found->message, c->part) && l->rc == c->code;
    if (ok)
        return;
    loading_print(l, c->why);
    fail_msg("%s: expected %s at %d:%d %s: %s", c->why, rv_code_name(c->code), c->line, c->column, c->path,
             c->part);
}

static void each_mistake_in_an_export_is_reported_at_its_place(void **state)
{
    (void)state;
    static const problem_case cases[] = {
        {"misspelled key", "    colums: {a: text}\n", RV_E_CONFIG_UNKNOWN_KEY, 7, 5, "exports[0].colums",
         "did you mean 'columns'?"},
        {"key that is like no other", "    frobnicate: 1\n", RV_E_CONFIG_UNKNOWN_KEY, 7, 5,
         "exports[0].frobnicate", "unknown key"},
        {"tuning key one level too high", "    batch_size: 5\n", RV_E_CONFIG_UNKNOWN_KEY, 7, 5,
         "exports[0].batch_size", "belongs under 'tuning'"},
        {"csv key one level too high", "    delimiter: ;\n", RV_E_CONFIG_UNKNOWN_KEY, 7, 5,
         "exports[0].delimiter", "belongs under 'csv'"},
        {"merge key", "    <<: {strict: true}\n", RV_E_CONFIG_UNKNOWN_KEY, 7, 5, "exports[0][\"<<\"]",
         "merge keys"},
        {"key given twice", "    strict: true\n    strict: false\n", RV_E_CONFIG_DUPLICATE_KEY, 8, 5,
         "exports[0].strict", "first in line 7"},
        {"key of a later version", "    wave: 10\n", RV_E_CONFIG_NOT_SUPPORTED_YET, 7, 5, "exports[0].wave",
         "'wave' is not supported"},
        {"block of a later version is not looked into", "    cdc: {nonsense: {a: [1]}}\n",
         RV_E_CONFIG_NOT_SUPPORTED_YET, 7, 5, "exports[0].cdc", "'cdc'"},
        {"unknown compat", "    parquet: {compat: min}\n", RV_E_CONFIG_VALUE, 7, 23,
         "exports[0].parquet.compat", "'min' is not allowed; allowed: max, default, modern"},
        {"unknown encoding of a column", "    parquet: {encoding: {id: deltas}}\n", RV_E_CONFIG_VALUE, 7, 30,
         "exports[0].parquet.encoding.id", "did you mean 'delta'?"},
        {"no encoding of a column", "    parquet: {encoding: {id: [plain]}}\n", RV_E_CONFIG_TYPE, 7, 30,
         "exports[0].parquet.encoding.id", "expected a single word"},
        {"encoding without columns", "    parquet: {encoding: delta}\n", RV_E_CONFIG_TYPE, 7, 25,
         "exports[0].parquet.encoding", "expected a block: column name to a word"},
        {"size without digits", "    max_file_size: MB\n", RV_E_CONFIG_TYPE, 7, 20,
         "exports[0].max_file_size", "'MB' is not a size"},
        {"size in words", "    max_file_size: 5 megabytes\n", RV_E_CONFIG_TYPE, 7, 20,
         "exports[0].max_file_size", "written as 512MB"},
        {"no size", "    max_file_size: 0MB\n", RV_E_CONFIG_VALUE, 7, 20, "exports[0].max_file_size",
         "allowed: 1 B to 1048576 GB"},
        {"size as a list", "    max_file_size: [1MB]\n", RV_E_CONFIG_TYPE, 7, 20, "exports[0].max_file_size",
         "is a list"},
        {"other than the default of a key of a later version", "    verify: content\n",
         RV_E_CONFIG_NOT_SUPPORTED_YET, 7, 5, "exports[0].verify", "'verify'"},
        {"a quoted default is a text", "    reconcile_required: 'false'\n", RV_E_CONFIG_NOT_SUPPORTED_YET, 7,
         5, "exports[0].reconcile_required", "'reconcile_required'"},
        {"value of a later version", "    mode: cdc\n", RV_E_CONFIG_NOT_SUPPORTED_YET, 7, 11,
         "exports[0].mode", "'mode: cdc'"},
        {"misspelled value", "    mode: ful\n", RV_E_CONFIG_VALUE, 7, 11, "exports[0].mode",
         "'ful' is not allowed; allowed: full, incremental"},
        {"suggested value", "    on_existing: apend\n", RV_E_CONFIG_VALUE, 7, 18, "exports[0].on_existing",
         "did you mean 'append'?"},
        {"list for a value", "    mode: [full]\n", RV_E_CONFIG_TYPE, 7, 11, "exports[0].mode", "is a list"},
        {"block for a value", "    strict: {a: b}\n", RV_E_CONFIG_TYPE, 7, 13, "exports[0].strict",
         "is a block"},
        {"value for a block", "    tuning: fast\n", RV_E_CONFIG_TYPE, 7, 13, "exports[0].tuning",
         "is a single value; expected a block"},
        {"YAML 1.1 truth", "    strict: yes\n", RV_E_CONFIG_TYPE, 7, 13, "exports[0].strict",
         "'yes' is neither true nor false"},
        {"truth in quotes", "    strict: \"true\"\n", RV_E_CONFIG_TYPE, 7, 13, "exports[0].strict",
         "without quotes"},
        {"number in quotes", "    tuning: {max_value_mb: '5'}\n", RV_E_CONFIG_TYPE, 7, 28,
         "exports[0].tuning.max_value_mb", "whole number, without quotes"},
        {"fraction", "    tuning: {batch_size: 1.5}\n", RV_E_CONFIG_TYPE, 7, 26,
         "exports[0].tuning.batch_size", "'1.5' is not a whole number"},
        {"too small", "    tuning: {batch_size: 0}\n", RV_E_CONFIG_VALUE, 7, 26,
         "exports[0].tuning.batch_size", "allowed: 1 to 10000000 rows"},
        {"too large", "    tuning: {statement_target_ms: 60001}\n", RV_E_CONFIG_VALUE, 7, 35,
         "exports[0].tuning.statement_target_ms", "'60001' is out of range; allowed: 1 to 60000 ms"},
        {"unknown column type", "    columns: {a: int3}\n", RV_E_CONFIG_VALUE, 7, 18, "exports[0].columns.a",
         "'int3' is not a type"},
        {"column without a type", "    columns:\n      a:\n", RV_E_CONFIG_TYPE, 8, 7, "exports[0].columns.a",
         "is empty; expected a type"},
        {"list of columns", "    columns: [a]\n", RV_E_CONFIG_TYPE, 7, 14, "exports[0].columns",
         "expected a block of column names"},
        {"unknown key of a column", "    columns: {\"a b\": {typ: text}}\n", RV_E_CONFIG_UNKNOWN_KEY, 7, 23,
         "exports[0].columns[\"a b\"].typ", "did you mean 'type'?"},
        {"unknown policy", "    on_invalid: ignore\n", RV_E_CONFIG_VALUE, 7, 17, "exports[0].on_invalid",
         "'ignore' is not a policy"},
        {"no policy", "    on_invalid:\n", RV_E_CONFIG_TYPE, 7, 5, "exports[0].on_invalid",
         "expected a policy"},
        {"list of policies", "    on_invalid: [fail]\n", RV_E_CONFIG_TYPE, 7, 17, "exports[0].on_invalid",
         "expected a policy"},
        {"unknown class of values", "    on_invalid: {infnity: fail}\n", RV_E_CONFIG_UNKNOWN_KEY, 7, 18,
         "exports[0].on_invalid.infnity", "did you mean 'infinity'?"},
        {"unknown policy of a class", "    on_invalid: {nan: zero}\n", RV_E_CONFIG_VALUE, 7, 23,
         "exports[0].on_invalid.nan", "'zero' is not a policy"},
        {"unknown policy of a column", "    columns: {a: {on_invalid: {nan: [x]}}}\n", RV_E_CONFIG_TYPE, 7,
         37, "exports[0].columns.a.on_invalid.nan", "expected a policy"},
        {"empty text", "    query: ''\n", RV_E_CONFIG_VALUE, 7, 12, "exports[0].query", "is empty"},
        {"value that is not UTF-8", "    destination: {type: local, path: \"${LATIN1}\"}\n",
         RV_E_CONFIG_VALUE, 7, 38, "exports[0].destination.path", "not valid UTF-8"},
        {"missing key of a block", "    destination: {path: x}\n", RV_E_CONFIG_MISSING_KEY, 7, 18,
         "exports[0].destination", "'type' is missing"},
        {"destination of a later version", "    destination: {type: gcs}\n", RV_E_CONFIG_NOT_SUPPORTED_YET, 7,
         25, "exports[0].destination.type", "'type: gcs'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        loading l;
        loading_run_export(&l, cases[i].text);
        expect_problem(&l, &cases[i]);
        loading_end(&l);
    }
}

static void each_mistake_in_a_mode_is_reported_at_its_place(void **state)
{
    (void)state;
    static const problem_case cases[] = {
        {"cursor that is a block", "    cursor_column: {a: b}\n", RV_E_CONFIG_TYPE, 7, 20,
         "exports[0].cursor_column", "expected a column's name or a list of up to 4"},
        {"key of no columns", "    chunk_by_key: []\n", RV_E_CONFIG_TYPE, 7, 19, "exports[0].chunk_by_key",
         "is an empty list"},
        {"key of five columns", "    chunk_by_key: [a, b, c, d, e]\n", RV_E_CONFIG_TYPE, 7, 19,
         "exports[0].chunk_by_key", "is a longer list"},
        {"column named twice", "    chunk_by_key: [a, b, a]\n", RV_E_CONFIG_VALUE, 7, 26,
         "exports[0].chunk_by_key[2]", "is named twice"},
        {"time without a unit's name",
         "    mode: incremental\n    cursor_column: a\n    cursor_lookback: 5x\n", RV_E_CONFIG_VALUE, 9, 22,
         "exports[0].cursor_lookback", "'5x' is neither a time (90s, 15m"},
        {"time beyond all times",
         "    mode: incremental\n    cursor_column: a\n    cursor_lookback: 36501d\n", RV_E_CONFIG_VALUE, 9,
         22, "exports[0].cursor_lookback", "at most 36500d"},
        {"factor that is no number", "    shape_drift_warn_factor: big\n", RV_E_CONFIG_TYPE, 7, 30,
         "exports[0].shape_drift_warn_factor", "'big' is not a number"},
        {"negative factor", "    shape_drift_warn_factor: -1\n", RV_E_CONFIG_TYPE, 7, 30,
         "exports[0].shape_drift_warn_factor", "'-1' is not a number"},
        {"ratio above one", "    quality: {null_ratio_max: {a: 1.01}}\n", RV_E_CONFIG_VALUE, 7, 35,
         "exports[0].quality.null_ratio_max.a", "allowed: 0 to 1"},
        {"ratios without columns", "    quality: {null_ratio_max: 0.5}\n", RV_E_CONFIG_TYPE, 7, 31,
         "exports[0].quality.null_ratio_max", "column name to a number"},
        {"hash of a block", "    meta_columns: {row_hash: {a: b}}\n", RV_E_CONFIG_TYPE, 7, 30,
         "exports[0].meta_columns.row_hash", "expected true, false or a list of columns"},
        {"hash of a word", "    meta_columns: {row_hash: all}\n", RV_E_CONFIG_TYPE, 7, 30,
         "exports[0].meta_columns.row_hash", "expected true, false or a list of columns"},
        {"hash of nothing", "    meta_columns: {row_hash: []}\n", RV_E_CONFIG_TYPE, 7, 30,
         "exports[0].meta_columns.row_hash", "expected true, false or a list of columns"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        loading l;
        loading_run_export(&l, cases[i].text);
        expect_problem(&l, &cases[i]);
        loading_end(&l);
    }
}

static void each_mistake_in_the_file_is_reported_at_its_place(void **state)
{
    (void)state;
#define GOOD_EXPORT "exports:\n- {name: e, table: t, format: parquet, destination: {type: stdout}}\n"
    static const problem_case cases[] = {
        {"no source", GOOD_EXPORT, RV_E_CONFIG_MISSING_KEY, 1, 1, "", "'source' is missing"},
        {"empty source", "source:\n" GOOD_EXPORT, RV_E_CONFIG_MISSING_KEY, 1, 1, "", "'source' is missing"},
        {"source without content", "source: {}\n" GOOD_EXPORT, RV_E_CONFIG_MISSING_KEY, 1, 9, "source",
         "one of 'url', 'url_env'"},
        {"text for a source", "source: postgresql://u:p@h/d\n" GOOD_EXPORT, RV_E_CONFIG_TYPE, 1, 9, "source",
         "expected a block"},
        {"no exports", "source: {url_env: URL}\n", RV_E_CONFIG_NO_EXPORTS, 1, 1, "", "no exports"},
        {"empty exports", "source: {url_env: URL}\nexports: []\n", RV_E_CONFIG_NO_EXPORTS, 2, 10, "exports",
         "no exports"},
        {"null exports", "source: {url_env: URL}\nexports:\n", RV_E_CONFIG_NO_EXPORTS, 1, 1, "",
         "no exports"},
        {"block of exports", "source: {url_env: URL}\nexports: {a: b}\n", RV_E_CONFIG_TYPE, 2, 10, "exports",
         "expected a list of blocks"},
        {"export that is none", "source: {url_env: URL}\n" GOOD_EXPORT "- x\n", RV_E_CONFIG_TYPE, 4, 3,
         "exports[1]", "expected a block"},
        {"export that is nothing", "source: {url_env: URL}\n" GOOD_EXPORT "- ~\n", RV_E_CONFIG_TYPE, 4, 3,
         "exports[1]", "is empty"},
        {"file that is a list", "- a\n", RV_E_CONFIG_TYPE, 1, 1, "", "expected a block"},
        {"unknown key of the file", "source: {url_env: URL}\nexport: []\n" GOOD_EXPORT,
         RV_E_CONFIG_UNKNOWN_KEY, 2, 1, "export", "did you mean 'exports'?"},
        {"key of a later version of the file", "source: {url_env: URL}\nnotifications: {}\n" GOOD_EXPORT,
         RV_E_CONFIG_NOT_SUPPORTED_YET, 2, 1, "notifications", "'notifications'"},
        {"alias to a mistake", "source: {url_env: URL, tuning: &t {profile: quick}}\n" GOOD_EXPORT,
         RV_E_CONFIG_VALUE, 1, 45, "source.tuning.profile", "'quick' is not allowed"},
        {"source of a later version", "source: {type: mssql, url_env: MSSQL}\n" GOOD_EXPORT "#",
         RV_E_CONFIG_INVALID, 0, 0, "", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        loading l;
        loading_run(&l, cases[i].text);
        if (cases[i].line > 0)
            expect_problem(&l, &cases[i]);
        else
            assert_int_equal(l.rc, cases[i].code); /* several problems: their code */
        loading_end(&l);
    }
}

/* Every key of the contract that has no feature behind it yet, in every section that can be reached. */
static void every_key_of_a_later_version_is_refused_by_name(void **state)
{
    (void)state;
    for (int id = 0; id < RVI_KEYS; id++) {
        const rvi_key *key = rvi_key_row((rvi_key_id)id);
        char text[256];
        loading l;
        if (!(key->flags & RVI_LATER))
            continue;
        if (key->section == RVI_S_EXPORT)
            snprintf(text, sizeof text, "    %s: 1\n", key->name);
        else if (key->section == RVI_S_TUNING)
            snprintf(text, sizeof text, "    tuning: {%s: 1}\n", key->name);
        else if (key->section == RVI_S_DESTINATION)
            snprintf(text, sizeof text, "    destination: {type: stdout, %s: 1}\n", key->name);
        else if (key->section == RVI_S_ROOT)
            snprintf(text, sizeof text, "%s: 1\n", key->name);
        else
            continue; /* inside a block that is refused as a whole, or tested with the source */
        loading_run_export(&l, text);
        if (l.rc != RV_E_CONFIG_NOT_SUPPORTED_YET || !loading_mentions(&l, key->name)) {
            loading_print(&l, key->name);
            fail_msg("%s was not refused", key->name);
        }
        loading_end(&l);
    }
}

static void the_default_of_a_later_key_changes_nothing(void **state)
{
    (void)state;
    static const char *const keys[] = {"    verify: size\n", "    reconcile_required: false\n"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        loading l;
        loading_run_export(&l, keys[i]);
        if (l.rc != RV_OK || l.findings.n != 0) {
            loading_print(&l, keys[i]);
            fail_msg("%s was not taken", keys[i]);
        }
        loading_end(&l);
    }
}

static void all_problems_are_reported_in_one_pass_and_in_file_order(void **state)
{
    (void)state;
    loading l;
    loading_run(&l, "source:\n"
                    "  url_env: NOT_SET\n"
                    "  tls: {mode: prefer}\n"
                    "exports:\n"
                    "  - name: a/b\n"
                    "    table: t\n"
                    "    format: parket\n"
                    "    destination: {type: local}\n"
                    "  - name: b\n"
                    "    query: select ${OPEN\n"
                    "    format: csv\n"
                    "    compression: lz4\n"
                    "    destination: {type: stdout, path: x}\n");
    static const struct {
        rv_code code;
        int line;
    } expected[] = {
        {RV_E_CONFIG_UNSET_VARIABLE, 2}, {RV_E_CONFIG_VALUE, 3},       {RV_E_CONFIG_VALUE, 5},
        {RV_E_CONFIG_VALUE, 7},          {RV_E_CONFIG_MISSING_KEY, 8}, {RV_E_CONFIG_VALUE, 10},
        {RV_E_CONFIG_EXCLUSIVE, 12},     {RV_E_CONFIG_EXCLUSIVE, 13},
    };
    int n = sizeof expected / sizeof expected[0];
    if (l.findings.n != n)
        loading_print(&l, "all problems");
    assert_int_equal(l.findings.n, n);
    for (int i = 0; i < n; i++) {
        assert_int_equal(l.findings.items[i].code, expected[i].code);
        assert_int_equal(l.findings.items[i].line, expected[i].line);
    }
    assert_int_equal(l.rc, RV_E_CONFIG_INVALID);
    assert_non_null(strstr(l.err.message, "8 problems"));
    loading_end(&l);
}

static void a_flood_of_problems_is_cut_and_says_so(void **state)
{
    (void)state;
    static char text[40000] = "";
    size_t len = 0;
    for (int i = 0; i < 1000; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "unknown_key_%d: 1\n", i);
    loading l;
    loading_run(&l, text);
    assert_int_equal(l.findings.n, RVI_MAX_FINDINGS + 1);
    assert_non_null(strstr(l.findings.items[RVI_MAX_FINDINGS].message, "more problems"));
    assert_int_equal(l.rc, RV_E_CONFIG_INVALID);
    loading_end(&l);
}

static void control_characters_of_the_file_do_not_reach_a_message(void **state)
{
    (void)state;
    loading l;
    loading_run_export(&l, "    \"k\\e[31m\\r\": 1\n    mode: \"\\e[0m\\n\"\n");
    assert_int_equal(l.findings.n, 2);
    for (int i = 0; i < l.findings.n; i++) {
        assert_null(strpbrk(l.findings.items[i].message, "\x1b\r\n"));
        assert_null(strpbrk(l.findings.items[i].path, "\x1b\r\n"));
    }
    loading_end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_mistake_in_an_export_is_reported_at_its_place),
        cmocka_unit_test(each_mistake_in_a_mode_is_reported_at_its_place),
        cmocka_unit_test(each_mistake_in_the_file_is_reported_at_its_place),
        cmocka_unit_test(every_key_of_a_later_version_is_refused_by_name),
        cmocka_unit_test(the_default_of_a_later_key_changes_nothing),
        cmocka_unit_test(all_problems_are_reported_in_one_pass_and_in_file_order),
        cmocka_unit_test(a_flood_of_problems_is_cut_and_says_so),
        cmocka_unit_test(control_characters_of_the_file_do_not_reach_a_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
