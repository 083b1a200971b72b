/* rivet/shapes.h - the longest value of each column of text or bytes, remembered from run to run.
 *
 * A column whose values suddenly get much longer is a sign of something (a debug field that became a document store), and
 * of pages and files that will be larger. It is a note, never an error. */
#ifndef RIVET_SHAPES_H
#define RIVET_SHAPES_H

#include "rivet/batch.h"
#include "rivet/bytes.h"

typedef struct rv_shapes rv_shapes;

/* The schema outlives the object. Fails OUT_OF_MEMORY. */
rv_code rv_shapes_new(rv_shapes **out, const rv_schema *schema, rv_error *err) RV_MUST_CHECK;
void rv_shapes_free(rv_shapes *shapes); /* NULL is fine */
RV_DEFINE_AUTO(rv_shapes, rv_shapes_free)

/* One lane's; lists count by their elements. */
void rv_shapes_add(rv_shapes *shapes, const rv_batch *batch);
void rv_shapes_merge(rv_shapes *to, const rv_shapes *from); /* of the same schema */

typedef struct rv_shape_growth {
    const char *column;  /* the schema's */
    int64_t before, now; /* bytes */
} rv_shape_growth;

/* Columns whose longest value is more than `factor` times the recorded one. recorded_json: of rv_shapes_json(); NULL:
 * nothing is known, and nothing grew. A column is not compared when its recorded length is 0 or unknown, or factor is
 * 0. The result lies in the arena. Fails STATE_CORRUPT, OUT_OF_MEMORY. */
rv_code rv_shapes_compare(const rv_shapes *shapes, const char *recorded_json, double factor, rv_arena *arena,
                          rv_shape_growth **out, int *n_out, rv_error *err) RV_MUST_CHECK;
/* {"column": bytes}, appended to `out`: the longest values ever seen, those recorded before included, so that a run of
 * few rows forgets nothing. Columns that the schema no longer has are left out. */
rv_code rv_shapes_json(const rv_shapes *shapes, const char *recorded_json, rv_bytes *out,
                       rv_error *err) RV_MUST_CHECK;

#endif
