/* rivet/plan.h - an export becomes a strategy and a list of chunks, without scanning the table.
 *
 * The planner reads what the source's description says (catalog and statistics) and the driver's capability table;
 * it never asks which engine it is. */
#ifndef RIVET_PLAN_H
#define RIVET_PLAN_H

#include "rivet/config.h"
#include "rivet/state.h"

typedef struct rv_plan {
    const rv_export_config *export_config;
    rv_relation_info info; /* as the source describes it */
    rv_schema schema;      /* resolved: what the files hold */
    const char *strategy;  /* "ctid", "rowid", "stream" */
    const char *reason;    /* why this one, in words for the user */
    bool snapshot;         /* all chunks are read under one snapshot */
    rv_chunk *chunks;
    int64_t n_chunks;
    char fingerprint[32]; /* of everything that decides rows and files */
} rv_plan;

enum { RV_MAX_CHUNKS = 100000 };

/* `info` comes from rv_source_describe() and lives in `arena`, as everything in `out` does. caps: the driver's.
 * Fails CONFIG_VALUE, SCHEMA_STRICT, SOURCE_UNSUPPORTED, SOURCE_ROW_SECURITY, OUT_OF_MEMORY. */
rv_code rv_plan_make(rv_arena *arena, const rv_export_config *export_config, const rv_relation_info *info,
                     uint32_t caps, rv_plan *out, rv_error *err) RV_MUST_CHECK;

/* Split first..last (inclusive units) into n ranges that tile it without gap or overlap and differ by at most one
 * unit; fewer than n when there are fewer units. Returns how many were written. Any int64 bounds. */
int64_t rv_plan_tile(int64_t first, int64_t last, int64_t n, rv_bounds *out);

#endif
