/* plan/internal.h - shared inside plan/ only. */
#ifndef PLAN_INTERNAL_H
#define PLAN_INTERNAL_H

#include "rivet/bytes.h"
#include "rivet/plan.h"

/* What Hive calls the partition of rows without a value. */
#define RVI_HIVE_NULL "__HIVE_DEFAULT_PARTITION__"

/* A plan that is being made. */
typedef struct rvi_planner {
    rv_arena *arena;
    const rv_plan_input *input;
    const rv_export_config *config;
    const rv_relation_info *info;
    rv_plan *plan;
    uint32_t caps;
    bool one_stream;                           /* the destination takes one file, so there can be one chunk */
    const rv_range *within[RV_MAX_RANGES - 1]; /* all rows of all chunks lie in these: partition, window */
    int n_within;
    int64_t capacity; /* of plan->chunks */
} rvi_planner;

/* ---- planner.c: what every file below uses ---- */

rv_code rvi_plan_out_of_memory(const rvi_planner *p, rv_error *err);
/* Something the user should know; what does not fit any more is dropped. Fails OUT_OF_MEMORY. */
rv_code rvi_plan_note(rvi_planner *p, rv_error *err, const char *fmt, ...) RV_PRINTF(3, 4);
/* Strategy, its name, and why it is this one. Fails OUT_OF_MEMORY. */
rv_code rvi_plan_use(rvi_planner *p, rv_error *err, rv_strategy strategy, const char *name, const char *fmt,
                     ...) RV_PRINTF(5, 6);
/* Room for n more chunks at once. Fails OUT_OF_MEMORY. */
rv_code rvi_plan_reserve(rvi_planner *p, int64_t n, rv_error *err) RV_MUST_CHECK;
/* One more chunk: `bounds` within the planner's ranges and, if it is not NULL, within `range`, which must live in the
 * arena. Fails LIMIT_EXCEEDED (more than RV_MAX_CHUNKS), OUT_OF_MEMORY. */
rv_code rvi_plan_add_chunk(rvi_planner *p, const rv_bounds *bounds, const rv_range *range,
                           rv_error *err) RV_MUST_CHECK;
/* The relation's column with this name; `key` is what named it. Fails CONFIG_VALUE, with "did you mean". */
rv_code rvi_plan_field(const rvi_planner *p, const char *key, const char *column, const rv_field **out,
                       rv_error *err) RV_MUST_CHECK;
const rv_key *rvi_plan_key_of(rvi_planner *p, const char *column, bool descending); /* NULL: out of memory */
rv_range *rvi_plan_range(rvi_planner *p, const rv_range *from); /* a copy; NULL: out of memory */

/* ---- chunk.c: how many ---- */

/* Rows that the configuration wants in a chunk; 0: it does not say. */
int64_t rvi_chunk_rows(const rv_chunk_config *chunk, int64_t est_rows, int64_t est_bytes);
/* How many chunks est_rows and est_bytes (-1: unknown) of the relation become, at least 1, at most RV_MAX_CHUNKS: as the
 * configuration wants, else by size, and no fewer than there are lanes for what is worth one. */
int64_t rvi_plan_n_chunks(const rvi_planner *p, int64_t est_rows, int64_t est_bytes);

/* ---- keys.c: which index ---- */

/* The best index to page along: unique, never NULL; NULL: there is none, or the source cannot use one. */
const rv_index *rvi_plan_best_key(const rvi_planner *p);
/* The first usable index whose key begins with the columns of `key`; `unique`: that pages can go along. NULL: none. */
const rv_index *rvi_plan_leading(const rvi_planner *p, const rv_key *key, bool unique);
/* The unique key that has exactly the columns of chunk_by_key. Fails CONFIG_VALUE, naming those there are. */
rv_code rvi_plan_named_key(const rvi_planner *p, const rv_key *key, const rv_index **out,
                           rv_error *err) RV_MUST_CHECK;

/* ---- places.c: where the rows within the planner's ranges are cut ---- */

/* The range that goes along the index's first column, and so has no row without a value of it; NULL: none does. */
const rv_range *rvi_plan_stretch(const rvi_planner *p, const rv_index *index);
/* About how many parts of the whole relation the index is cut into, for chunks of the ranges: where no range goes along
 * its first column, no more than lanes. */
int64_t rvi_plan_n_within(const rvi_planner *p, const rv_index *index);
/* Places that cut the index of the whole relation into about n parts, those of them that have rows of the ranges on
 * both sides; in the arena. Fails as rv_source_split() and rv_source_key_ends() do. */
rv_code rvi_plan_places(rvi_planner *p, const rv_index *index, int64_t n, rv_key_value **out, int64_t *n_out,
                        rv_error *err) RV_MUST_CHECK;
/* Cuts the places down to their first column, in place, and says how many are left. */
int64_t rvi_plan_first_column(rv_key_value *at, int64_t n);

/* ---- strategy.c: chunks of all rows within the planner's ranges ---- */

rv_code rvi_plan_whole(rvi_planner *p, rv_error *err) RV_MUST_CHECK;      /* most of the relation's rows */
rv_code rvi_plan_restricted(rvi_planner *p, rv_error *err) RV_MUST_CHECK; /* some: what the ranges leave */
/* Chunks along an index that is a key, cut where the whole relation would be for about n of them. */
rv_code rvi_plan_along(rvi_planner *p, const rv_index *index, int64_t n, const char *why,
                       rv_error *err) RV_MUST_CHECK;

/* ---- the modes ---- */

rv_code rvi_plan_chunked(rvi_planner *p, rv_error *err) RV_MUST_CHECK;     /* ranges.c */
rv_code rvi_plan_time_window(rvi_planner *p, rv_error *err) RV_MUST_CHECK; /* window.c */
rv_code rvi_plan_increment(rvi_planner *p, rv_error *err) RV_MUST_CHECK;   /* increment.c */
/* fingerprint.c: fills plan->ingredients and fingerprint. Fails OUT_OF_MEMORY. */
rv_code rvi_plan_fingerprint(rv_arena *arena, rv_plan *plan, rv_error *err) RV_MUST_CHECK;

/* ---- lookback.c: rows that come late ---- */

/* `place` minus a lookback, not beyond the first year or number there is. */
int64_t rvi_lookback_lower(const rv_field *field, int64_t place, int64_t lookback);
/* cursor_lookback in the column's own scale; 0: no rows are looked for, which is noted if nobody asked for it. Fails
 * CONFIG_VALUE, OUT_OF_MEMORY. */
rv_code rvi_lookback_of(rvi_planner *p, const rv_field *field, int64_t *out, rv_error *err) RV_MUST_CHECK;

typedef struct rvi_look_request {
    const rv_key *key;        /* the cursor */
    const rv_field *field;    /* its first column */
    const rv_field *fallback; /* NULL: none */
    const rv_key_value *lo;   /* n 0: the first run */
    const rv_key_value *hi;
} rvi_look_request;
/* For a source without history: fills plan->look. *from: where the window begins instead of above lo, inclusive; n 0:
 * above lo. *mark: the cursor's; NULL: the next run cannot look back. Fails CONFIG_VALUE, OUT_OF_MEMORY. */
rv_code rvi_lookback_plan(rvi_planner *p, const rvi_look_request *request, rv_key_value *from,
                          const char **mark, rv_error *err) RV_MUST_CHECK;

/* ---- scalar.c: values of a column as whole numbers ----
 *
 * A place on an integer, date or timestamp column's scale, in the column's own order: whole numbers as they are
 * (unsigned ones with their highest bit turned), days, microseconds. So ranges are arithmetic on int64. */
typedef enum rvi_scale {
    RVI_SCALE_NONE = 0, /* the column's values are no places on a line */
    RVI_SCALE_INT,
    RVI_SCALE_UINT,
    RVI_SCALE_DAYS,
    RVI_SCALE_US,
} rvi_scale;
rvi_scale rvi_scale_of(const rv_field *field);
/* false: an infinity, or a text that is no value of the scale. */
bool rvi_scale_read(const rv_field *field, const char *text, int64_t *out);
/* The text of a place; NULL: out of memory. Places beyond the column's type are brought to its end. */
const char *rvi_scale_text(rv_arena *arena, const rv_field *field, int64_t place);
/* A one-column key value of it; n 0: out of memory. */
rv_key_value rvi_scale_value(rv_arena *arena, const rv_field *field, int64_t place);
enum { RVI_SECONDS_PER_DAY = 86400 };
#define RVI_US_PER_DAY (INT64_C(86400) * 1000000)

/* Ends of one column as places. Infinite values are left out of first and last. */
typedef struct rvi_ends {
    bool empty;    /* no finite value */
    bool has_null; /* rows without a value */
    bool infinite; /* rows with an infinite one */
    int64_t first, last;
} rvi_ends;
/* Within the planner's ranges and `also` (may be NULL). Fails CONFIG_VALUE for values that are none of the column's type
 * (a source that does not hold values to their type), and what the source fails with. */
rv_code rvi_plan_ends(rvi_planner *p, const rv_field *field, const rv_range *also, rvi_ends *out,
                      rv_error *err) RV_MUST_CHECK;

/* Texts for a YAML file, appended to `out`. The loader reads back exactly what was given. */
rv_code rvi_yaml_quoted(rv_bytes *out, const char *text,
                        rv_error *err) RV_MUST_CHECK; /* VALUE_ENCODING: no UTF-8 */
rv_code rvi_yaml_scalar(rv_bytes *out, const char *text,
                        rv_error *err) RV_MUST_CHECK; /* quoted only where it must be */
bool rvi_yaml_is_plain(const char *text); /* a word of letters, digits and _ that YAML takes for a text */
/* For a comment: what cannot stand in one becomes '?'. */
rv_code rvi_yaml_comment(rv_bytes *out, const char *text, rv_error *err) RV_MUST_CHECK;

#endif
