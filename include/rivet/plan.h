/* rivet/plan.h - an export becomes a strategy and a list of chunks, without scanning the table.
 *
 * The planner reads what the source's description says (catalog and statistics), asks for the ends of indexes and for
 * places that split them, and looks at the driver's capability table; it never asks which engine it is. */
#ifndef RIVET_PLAN_H
#define RIVET_PLAN_H

#include "rivet/clock.h"
#include "rivet/config.h"
#include "rivet/source.h"
#include "rivet/state.h"

typedef enum rv_strategy {
    RV_STRATEGY_PHYSICAL = 1, /* named by the driver: "ctid", "rowid" */
    RV_STRATEGY_KEYSET,
    RV_STRATEGY_RANGE,
    RV_STRATEGY_DENSE,
    RV_STRATEGY_STREAM,
} rv_strategy;

enum { RV_MAX_CHUNKS = 100000, RV_PLAN_NOTES = 8, RV_FINGERPRINT_BYTES = 32 };

/* How rows that come late are told from those that were exported, where the source does not say: plan/lookback.c. */
typedef struct rv_lookback {
    const int *columns; /* of the plan's schema: what a row version is told by; NULL: nothing is looked for */
    int n_columns;
    int cursor, fallback; /* of the plan's schema: where a row's place is read; fallback -1: there is none */
    bool again;           /* the window reaches below the last mark: rows in it may have been exported */
} rv_lookback;
/* A row's place; false: it has none, for its cursor is NULL. */
bool rv_lookback_place(const rv_lookback *look, const rv_batch *rows, int64_t row, int64_t *out);
/* From which place on the run that leaves this cursor keeps digests; false: it keeps none. */
bool rv_lookback_floor(const rv_cursor *cursor, int64_t *out);

typedef struct rv_plan {
    const rv_export_config *export_config;
    rv_relation_info info; /* as the source describes it */
    rv_schema schema;      /* resolved: what the files hold, without the columns that Rivet adds */
    rv_strategy strategy;
    const char
        *strategy_name; /* "ctid", "rowid", "keyset", "range", "dense", "stream"; "partition(keyset)" … */
    const char *reason; /* why this one, in words for the user */
    bool snapshot;      /* all chunks of an epoch are read under one snapshot */
    bool
        spans_epochs; /* a chunk is correct under another snapshot than its neighbours' (by key, not by place) */
    int lanes;        /* how many may read at once: 1 to export_config->parallel */
    rv_chunk *chunks;
    int64_t n_chunks;
    const rv_range *window; /* what an incremental or time_window run covers; NULL: everything */
    rv_cursor
        cursor; /* where the export stands when this run has succeeded; columns NULL: not incremental, or
                               nothing is there yet */
    int64_t
        held_since_us; /* the window ends early because of a transaction open since then; 0: it does not */
    rv_lookback look;
    bool settled; /* what others were writing was waited for: a snapshot that is older must be taken anew */
    const char *notes[RV_PLAN_NOTES]; /* for the summary: what the user should know of this plan */
    int n_notes;
    const char
        *ingredients; /* everything that decides rows and files, the window excepted: "<key>=<hash>" lines */
    char fingerprint[RV_FINGERPRINT_BYTES]; /* of the ingredients */
} rv_plan;

typedef struct rv_plan_input {
    const rv_export_config *export_config;
    rv_source *source;              /* between begin() and end() */
    const rv_relation_info *info;   /* from rv_source_describe(); lives in the arena */
    const rv_export_memory *memory; /* what the last successful run left; NULL: nothing */
    int64_t now_us;                 /* UNIX time */
    const int64_t
        *seen_from; /* the digests that the last run left are complete from here on; NULL: there are none */
} rv_plan_input;

/* Everything in `out` lives in `arena`. Fails CONFIG_VALUE, SCHEMA_STRICT, SOURCE_UNSUPPORTED, SOURCE_ROW_SECURITY,
 * OUT_OF_MEMORY, and what the source fails with. */
rv_code rv_plan_make(rv_arena *arena, const rv_plan_input *input, rv_plan *out, rv_error *err) RV_MUST_CHECK;

/* The exports that a partitioned export (partition_by) stands for, one for each bucket that may hold rows, the bucket
 * of NULLs last; found out from the ends of the column, without a scan where an index leads with it. Fails as
 * rv_plan_make() does, and LIMIT_EXCEEDED for more than RV_MAX_PARTITIONS. */
enum { RV_MAX_PARTITIONS = 10000 };
rv_code rv_plan_partitions(rv_arena *arena, const rv_plan_input *input, rv_export_config **out, int *n_out,
                           rv_error *err) RV_MUST_CHECK;

/* One more ingredient: what the plan cannot know, such as where its source lies. Fails OUT_OF_MEMORY. */
rv_code rv_plan_bind(rv_arena *arena, rv_plan *plan, const char *what, const char *value,
                     rv_error *err) RV_MUST_CHECK;

/* In what two plans of an export differ, by their ingredients. */
typedef struct rv_plan_difference {
    bool known;       /* false: `then` is no list of this program's, nothing else can be said */
    const char *keys; /* "chunk_size, query": what somebody has written otherwise; "": nothing */
    bool columns;     /* the source describes other columns, or they are read as others */
    bool strategy;    /* the planner chose another way, which it may do by itself */
} rv_plan_difference;
/* In the arena. Any two texts can be compared. Fails OUT_OF_MEMORY. */
rv_code rv_plan_compare(rv_arena *arena, const char *then, const char *now, rv_plan_difference *out,
                        rv_error *err) RV_MUST_CHECK;
/* The same of a run by another name than what is run of this export now. known false: `name` is neither that export
 * nor a partition of it, by whatever partition_by and granularity. Only these two keys are compared. */
rv_code rv_plan_compare_renamed(rv_arena *arena, const rv_export_config *now, const char *name,
                                const char *then, rv_plan_difference *out, rv_error *err) RV_MUST_CHECK;

/* Split first..last (inclusive units) into n ranges that tile it without gap or overlap and differ by at most one
 * unit; fewer than n when there are fewer units. Returns how many were written. Any int64 bounds. */
int64_t rv_plan_tile(int64_t first, int64_t last, int64_t n, rv_bounds *out);

#endif
