/* unique.h - hashes of a column's values, remembered in bounded memory, and the duplicates among them. */
#ifndef TRUST_UNIQUE_H
#define TRUST_UNIQUE_H

#include "rivet/budget.h"
#include "rivet/hash.h"
#include "rivet/quality.h"

/* Grows at its end; a block in memory, whole blocks before it in a scratch file. */
typedef struct rvi_unique_log rvi_unique_log;

/* max_entries: what comes after them is not remembered. folder, run_id: of the scratch file. Fails OUT_OF_MEMORY,
 * MEMORY_BUDGET. */
rv_code rvi_unique_log_new(rvi_unique_log **out, int64_t max_entries, rv_budget *budget, const char *folder,
                           const char *run_id, rv_error *err) RV_MUST_CHECK;
void rvi_unique_log_free(rvi_unique_log *log); /* NULL is fine */

/* Fails SPOOL, DEST_FULL. */
rv_code rvi_unique_log_add(rvi_unique_log *log, rv_hash128 hash, rv_error *err) RV_MUST_CHECK;
void rvi_unique_log_keep(rvi_unique_log *log);
/* Back to where it was last kept. Fails SPOOL. */
rv_code rvi_unique_log_drop(rvi_unique_log *log, rv_error *err) RV_MUST_CHECK;
bool rvi_unique_log_is_capped(const rvi_unique_log *log); /* something was not remembered */
int64_t rvi_unique_log_entries(const rvi_unique_log *log);

/* Entries of all logs together that equal an earlier one. Sorts the logs: nothing may be added or dropped afterwards.
 * Fails OUT_OF_MEMORY, MEMORY_BUDGET, SPOOL, DEST_FULL, and with the beat. */
rv_code rvi_unique_count(rvi_unique_log *const *logs, int n_logs, rv_budget *budget,
                         const rv_quality_beat *beat, int64_t *duplicates, rv_error *err) RV_MUST_CHECK;

#endif
