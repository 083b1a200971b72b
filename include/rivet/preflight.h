/* rivet/preflight.h - everything a run needs, tried before it: what fails, and what to do about it.
 *
 * A check is a row of a table (src/preflight/checks.c). Checks read catalogs only and leave nothing behind. */
#ifndef RIVET_PREFLIGHT_H
#define RIVET_PREFLIGHT_H

#include "rivet/clock.h"
#include "rivet/config.h"

typedef struct rv_check_result {
    const char *name; /* "source", "export orders", "destination orders", "state" */
    bool ok;
    char detail[512]; /* what was found; cut at the end where it is longer */
    rv_error error;   /* when not ok */
} rv_check_result;

typedef void (*rv_check_fn)(void *context, const rv_check_result *result);

/* Runs every check, also after one failed; a check whose ground is missing (no source) is left out. Returns the code
 * of the first failure, RV_OK when all passed. */
rv_code rv_preflight_run(const rv_config *config, const char *state_path, const rv_clock *clock,
                         rv_cancel *cancel, rv_check_fn fn, void *context, rv_error *err) RV_MUST_CHECK;

#endif
