/* tests/unit/config/loading.h - load a configuration from a text, with a fixed environment. */
#ifndef TESTS_UNIT_CONFIG_LOADING_H
#define TESTS_UNIT_CONFIG_LOADING_H

#include "config/internal.h"

typedef struct loading {
    rv_code rc;
    rv_error err;
    rv_config *config; /* NULL unless rc is RV_OK */
    rv_findings findings;
    rv_redactor *redactor;
} loading;

/* The few variables listed in loading.c are set; no other is. */
const char *loading_environment(const char *name);

/* Files are not read. The caller ends it with loading_end(). */
void loading_run(loading *l, const char *text);
void loading_run_with(loading *l, const char *text, const rv_param *params, int n_params);
/* The same from a file, with what it refers to. */
void loading_run_file(loading *l, const char *path);
void loading_end(loading *l);

/* A complete configuration whose last lines are `more`: from line 7 on, part of the only export. */
void loading_run_export(loading *l, const char *more);
/* A complete configuration whose first lines are those of `source`; its exports follow. */
void loading_run_source(loading *l, const char *source);

int loading_errors(const loading *l);                      /* findings that are no warnings */
const rv_finding *loading_error(const loading *l);         /* the first of them, or NULL */
bool loading_mentions(const loading *l, const char *part); /* any message, path, or the error */
void loading_print(const loading *l, const char *why);

#endif
