/* source/sql/place.h - where a scan along a key stands: the key of the last row that was handed on.
 *
 * Its cells are texts of key values (rivet/bounds.h) in the form of the driver that made them, so that the next page
 * begins strictly after them. A driver makes the next place from its row's own bytes and moves there. */
#ifndef SOURCE_SQL_PLACE_H
#define SOURCE_SQL_PLACE_H

#include "rivet/bounds.h"

typedef struct rvi_sql_place {
    int n; /* 0: nowhere yet */
    rv_bytes cells[RV_MAX_KEY_COLUMNS];
} rvi_sql_place;

/* cell_bytes: the most that one cell's text may take. */
void rvi_sql_place_init(rvi_sql_place *place, size_t cell_bytes);
void rvi_sql_place_deinit(rvi_sql_place *place);
static inline void rvi_sql_place_deinit_auto(rvi_sql_place *place) /* RV_AUTO on the struct itself */
{
    rvi_sql_place_deinit(place);
}
/* Fails OUT_OF_MEMORY, LIMIT_EXCEEDED (cell_bytes). */
rv_code rvi_sql_place_set(rvi_sql_place *place, const rv_key_value *value, rv_error *err) RV_MUST_CHECK;
/* To `next`, which then is where `place` stood. Fails SOURCE_UNSUPPORTED (rvi_sql_key_stalled()) where that is the same
 * place, and nothing moves: the same page would be read for ever. */
rv_code rvi_sql_place_move(rvi_sql_place *place, rvi_sql_place *next, rv_error *err) RV_MUST_CHECK;
/* A view of it, good until it moves. Fails OUT_OF_MEMORY. */
rv_code rvi_sql_place_value(rvi_sql_place *place, rv_key_value *out, rv_error *err) RV_MUST_CHECK;
/* A page begins, or ends, with the key after which it was to begin: what it fails with, SOURCE_UNSUPPORTED. The
 * connection is not at fault, so the same page would be no better another time. */
rv_code rvi_sql_key_stalled(rv_error *err);

#endif
