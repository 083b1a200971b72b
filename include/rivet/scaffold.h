/* rivet/scaffold.h - a configuration written from a live source's catalog. */
#ifndef RIVET_SCAFFOLD_H
#define RIVET_SCAFFOLD_H

#include "rivet/bytes.h"
#include "rivet/source.h"

typedef struct rv_scaffold {
    const rv_source_config *source;
    const char *url;      /* for `url:`; NULL unless it holds no password */
    const char *url_env;  /* for `url_env:` */
    const char *url_file; /* for `url_file:` */
    const char *schema;   /* every table of it; NULL: the source's default */
    const char *table;    /* only this one: [schema.]table, parts may be double-quoted; NULL: all */
} rv_scaffold;

/* Appends the YAML to `out`. Reads the catalog only. *needs_password: the URL had a password, the file names
 * password_env: RIVET_PASSWORD instead. Fails SOURCE_NOT_FOUND when there is no such table, or no table at all. */
rv_code rv_scaffold_write(rv_source *source, const rv_scaffold *scaffold, rv_bytes *out, bool *needs_password,
                          rv_error *err) RV_MUST_CHECK;

#endif
