/* plan/internal.h - shared inside plan/ only. */
#ifndef PLAN_INTERNAL_H
#define PLAN_INTERNAL_H

#include "rivet/plan.h"

/* How many chunks a relation of est_bytes (-1: unknown) becomes, at least 1, at most RV_MAX_CHUNKS. */
int64_t rvi_chunk_count(int64_t est_bytes, const rv_format_config *format);

#endif
