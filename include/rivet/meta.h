/* rivet/meta.h - the columns that Rivet adds to those of the source, in every mode and format.
 *
 *   _rivet_exported_at  timestamp_tz  when the run began, the same in all of its rows, also after a resume
 *   _rivet_row_hash     int64         a hash of the row's exported cells; see row_hash.h
 *
 * They stand after the source's columns, in this order, and are never NULL. A source fills batches of its own columns
 * and knows nothing of these; whoever writes files asks for the rows with them. */
#ifndef RIVET_META_H
#define RIVET_META_H

#include "rivet/batch.h"

#define RV_META_EXPORTED_AT "_rivet_exported_at"
#define RV_META_ROW_HASH    "_rivet_row_hash"

typedef struct rv_meta_columns {
    bool exported_at;                    /* _rivet_exported_at */
    bool row_hash;                       /* _rivet_row_hash */
    const char *const *row_hash_columns; /* of these, in the order of the schema; NULL: of all */
    int n_row_hash_columns;
} rv_meta_columns;

/* The schema of the files: the source's fields and those that `columns` adds. The fields lie in the arena; without
 * additions they are the source's own. Fails CONFIG_VALUE (the source has a column of that name; row_hash_columns
 * names one that it does not have), LIMIT_EXCEEDED (RV_MAX_FIELDS), OUT_OF_MEMORY. */
rv_code rv_meta_schema(rv_arena *arena, const rv_schema *source, const rv_meta_columns *columns,
                       rv_schema *out, rv_error *err) RV_MUST_CHECK;

/* Adds them to batches, one at a time. One thread at a time. */
typedef struct rv_meta rv_meta;

/* files: as rv_meta_schema() made it of the same columns; it outlives the object. exported_at_us: UNIX time. The
 * budget (may be NULL) is charged for the columns' values. Fails OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rv_meta_new(rv_meta **out, const rv_schema *files, const rv_meta_columns *columns,
                    int64_t exported_at_us, rv_budget *budget, rv_error *err) RV_MUST_CHECK;
void rv_meta_free(rv_meta *meta); /* NULL is fine */
RV_DEFINE_AUTO(rv_meta, rv_meta_free)

/* The rows of `batch` with the added columns; `batch` itself when there are none. Borrowed: good until the next call, and
 * while `batch` is not touched. Fails OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rv_meta_extend(rv_meta *meta, const rv_batch *batch, const rv_batch **out,
                       rv_error *err) RV_MUST_CHECK;

#endif
