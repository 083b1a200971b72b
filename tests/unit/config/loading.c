#include "loading.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

const char *loading_environment(const char *name)
{
    static const struct {
        const char *name, *value;
    } variables[] = {
        {"URL", "postgresql://etl@db1:5432/shop"},
        {"URL_PW", "postgresql://etl:p%40ss%2Fw0rd@db1/shop"},
        {"SQLITE_URL", "sqlite:///data/app.db"},
        {"PW", "s3cr3t${N}"},
        {"EMPTY", ""},
        {"N", "7"},
        {"YAML", "x\nformat: csv"},
        {"LATIN1", "caf\xe9"},
    };
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        if (strcmp(variables[i].name, name) == 0)
            return variables[i].value;
    return NULL;
}

void loading_run_with(loading *l, const char *text, const rv_param *params, int n_params)
{
    rv_config_input input = {
        .path = "conf/rivet.yaml", .params = params, .n_params = n_params, .getenv = loading_environment};
    *l = (loading){.rc = RV_OK};
    assert_int_equal(rv_redactor_new(&l->redactor, NULL), RV_OK);
    l->rc = rvi_config_load_memory(&l->config, text, strlen(text), &input, RVI_FILES_REFUSED, l->redactor,
                                   &l->findings, &l->err);
    assert_true((l->rc == RV_OK) == (l->config != NULL));
    assert_true(l->rc == RV_OK || l->err.code == l->rc);
}

void loading_run(loading *l, const char *text)
{
    loading_run_with(l, text, NULL, 0);
}

void loading_run_file(loading *l, const char *path)
{
    rv_config_input input = {.path = path, .getenv = loading_environment};
    *l = (loading){.rc = RV_OK};
    assert_int_equal(rv_redactor_new(&l->redactor, NULL), RV_OK);
    l->rc = rv_config_load(&l->config, &input, l->redactor, &l->findings, &l->err);
}

void loading_end(loading *l)
{
    rv_config_free(l->config);
    rv_findings_free(&l->findings);
    rv_redactor_free(l->redactor);
}

void loading_run_export(loading *l, const char *more)
{
    char text[4096];
    int len = snprintf(text, sizeof text,
                       "source: {url_env: URL}\n"
                       "exports:\n"
                       "  - name: e\n"
                       "    %s\n"
                       "    %s\n"
                       "    %s\n"
                       "%s",
                       strstr(more, "query") || strstr(more, "table:") ? "# 4" : "table: t",
                       strstr(more, "format:") ? "# 5" : "format: parquet",
                       strstr(more, "destination:") ? "# 6" : "destination: {type: local, path: out}", more);
    assert_true(len > 0 && (size_t)len < sizeof text);
    loading_run(l, text);
}

void loading_run_source(loading *l, const char *source)
{
    char text[4096];
    int len = snprintf(text, sizeof text,
                       "%s\n"
                       "exports: [{name: e, table: t, format: parquet, destination: {type: stdout}}]\n",
                       source);
    assert_true(len > 0 && (size_t)len < sizeof text);
    loading_run(l, text);
}

int loading_errors(const loading *l)
{
    int n = 0;
    for (int i = 0; i < l->findings.n; i++)
        n += !l->findings.items[i].warning;
    return n;
}

const rv_finding *loading_error(const loading *l)
{
    for (int i = 0; i < l->findings.n; i++)
        if (!l->findings.items[i].warning)
            return &l->findings.items[i];
    return NULL;
}

bool loading_mentions(const loading *l, const char *part)
{
    for (int i = 0; i < l->findings.n; i++)
        if (strstr(l->findings.items[i].message, part) || strstr(l->findings.items[i].path, part))
            return true;
    return strstr(l->err.message, part) || strstr(l->err.hint, part);
}

void loading_print(const loading *l, const char *why)
{
    print_error("%s: %s: %s\n", why, rv_code_name(l->rc), l->err.message);
    for (int i = 0; i < l->findings.n; i++)
        print_error("  %d:%d %s%s %s: %s\n", l->findings.items[i].line, l->findings.items[i].column,
                    l->findings.items[i].warning ? "warning " : "", rv_code_name(l->findings.items[i].code),
                    l->findings.items[i].path, l->findings.items[i].message);
}
