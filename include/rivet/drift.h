/* rivet/drift.h - what became of the columns since the last successful run.
 *
 * Compared are the schemas that the files have: names, types, nullability and order, not how the source spells its types.
 * It is decided before the first page is read. */
#ifndef RIVET_DRIFT_H
#define RIVET_DRIFT_H

#include "rivet/bytes.h"
#include "rivet/schema.h"

typedef enum rv_drift_kind {
    RV_DRIFT_ADDED = 1,
    RV_DRIFT_REMOVED,
    RV_DRIFT_RENAMED,      /* another name at the same place, everything else as it was */
    RV_DRIFT_WIDENED,      /* the new type holds every value of the old one */
    RV_DRIFT_NARROWED,     /* the old type holds every value of the new one */
    RV_DRIFT_TYPE_CHANGED, /* neither */
    RV_DRIFT_NULLABILITY,
    RV_DRIFT_REORDERED, /* of the relation: columns that stayed stand in another order */
} rv_drift_kind;
const char *rv_drift_kind_name(rv_drift_kind kind); /* "type_changed"; static */

typedef struct rv_drift_change {
    rv_drift_kind kind;
    const char *column;    /* its name now, or when it is gone its last; NULL for REORDERED */
    const char *from, *to; /* types, names or "nullable" and "not null"; NULL where there is none */
} rv_drift_change;

/* In the order of the columns, those that are gone last. In the arena; strings may be the schema's. */
typedef struct rv_drift {
    rv_drift_change *changes;
    int n_changes; /* 0: no drift */
} rv_drift;

/* recorded_json: an array of {"name", "type", "nullable"}, as it was recorded with the last successful run; NULL: there
 * was none, so there is no drift. Fails STATE_CORRUPT, OUT_OF_MEMORY. */
rv_code rv_drift_compare(rv_arena *arena, const char *recorded_json, const rv_schema *now, rv_drift *out,
                         rv_error *err) RV_MUST_CHECK;
/* "'total' widened from int32 to int64", appended to `out`. */
rv_code rv_drift_change_text(const rv_drift_change *change, rv_bytes *out, rv_error *err) RV_MUST_CHECK;
/* All of them, separated by "; ". */
rv_code rv_drift_text(const rv_drift *drift, rv_bytes *out, rv_error *err) RV_MUST_CHECK;
/* {"changes": [{"kind", "column", "from", "to"}]}, appended to `out`. */
rv_code rv_drift_json(const rv_drift *drift, rv_bytes *out, rv_error *err) RV_MUST_CHECK;

/* Every value of `from` is one of `to` as well, exactly. */
bool rv_type_holds(rv_type to, rv_type from);

#endif
