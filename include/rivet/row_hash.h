/* rivet/row_hash.h - cells and rows as canonical bytes, and the hash of those.
 *
 * Two rows have the same bytes only if they hold the same values: each cell begins with a tag, NULL has one of its own,
 * and what varies in length says how long it is. The bytes depend on values alone, not on how wide the column's type
 * is or which batch they came in. docs/row-hash.md defines them, so that other programs can compute the hash; nothing
 * here may change what it gives. */
#ifndef RIVET_ROW_HASH_H
#define RIVET_ROW_HASH_H

#include "rivet/batch.h"
#include "rivet/hash.h"

/* Reused from row to row. One thread at a time. */
typedef struct rv_row_hasher rv_row_hasher;

rv_code rv_row_hasher_new(rv_row_hasher **out, rv_error *err) RV_MUST_CHECK;
void rv_row_hasher_free(rv_row_hasher *hasher); /* NULL is fine */
RV_DEFINE_AUTO(rv_row_hasher, rv_row_hasher_free)

/* Add the cell at `row`, NULL or not, to what is being hashed. A row is its cells, one after the other. */
void rv_row_hasher_add(rv_row_hasher *hasher, const rv_column *column, int64_t row);
/* XXH3-128 of what was added since the last call. */
rv_hash128 rv_row_hasher_take(rv_row_hasher *hasher);

#endif
