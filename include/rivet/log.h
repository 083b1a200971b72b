/* rivet/log.h - structured log lines, from any layer, to a sink that only cli/ installs.
 *
 * The level and the sink are process-wide (the one allowed global, in base/log.c): logging must work before and
 * after any run context exists. Lines are one event each; no secrets (the sink redacts as well). */
#ifndef RIVET_LOG_H
#define RIVET_LOG_H

#include "rivet/error.h"

typedef enum rv_log_level { RV_LOG_ERROR = 0, RV_LOG_WARN, RV_LOG_INFO, RV_LOG_DEBUG } rv_log_level;

typedef void (*rv_log_fn)(void *context, rv_log_level level, const char *line);

void rv_log_install(rv_log_fn fn, void *context,
                    rv_log_level level); /* fn NULL: silence. Before threads start. */
rv_log_level rv_log_current_level(void);
void rv_log(rv_log_level level, const char *fmt, ...) RV_PRINTF(2, 3); /* lines over 1 KiB are cut */

#endif
