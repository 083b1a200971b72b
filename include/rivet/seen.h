/* rivet/seen.h - which rows near the end of its window a run has exported, for the runs after it.
 *
 * Where rows do not tell which transaction wrote them, a run that looks below the last mark for rows that were
 * committed late finds those that are exported already as well, and has to know them: by the digest of what a row
 * version is. A set is complete from a place on, its floor: whatever was exported there is in it. It is bounded: when
 * it is full, its lower half goes and the floor rises.
 *
 * A place is where a row's cursor stands on its line, as plan/scalar.c has it: numbers, days, microseconds. */
#ifndef RIVET_SEEN_H
#define RIVET_SEEN_H

#include "rivet/bytes.h"
#include "rivet/hash.h"

#include <stdbool.h>

typedef struct rv_seen rv_seen;

/* Rows of one set: 6 MB. Room for 290 rows a second within the default cursor_lookback. */
enum { RV_SEEN_MOST = 1 << 18, RV_SEEN_MAX_BYTES = 8 << 20 };

/* Complete from `floor` on, and empty. most: rows, at least 2. */
rv_code rv_seen_new(rv_seen **out, int64_t floor, int64_t most, rv_error *err) RV_MUST_CHECK;
void rv_seen_free(rv_seen *seen); /* NULL is fine */
RV_DEFINE_AUTO(rv_seen, rv_seen_free)
void rv_seen_clear(rv_seen *seen, int64_t floor);
int64_t rv_seen_floor(const rv_seen *seen);
int64_t rv_seen_count(const rv_seen *seen);

/* One row; below the floor it is not kept. Fails OUT_OF_MEMORY, and LIMIT_EXCEEDED when more rows than fit stand at the
 * last place there is. */
rv_code rv_seen_add(rv_seen *seen, int64_t place, rv_hash128 digest, rv_error *err) RV_MUST_CHECK;

/* As bytes, appended to `out`; and those bytes added to a set, whose floor becomes the higher of the two. Trusts
 * nothing in them. Fails OUT_OF_MEMORY, LIMIT_EXCEEDED; STATE_CORRUPT for bytes that rv_seen_write() did not make. */
rv_code rv_seen_write(const rv_seen *seen, rv_bytes *out, rv_error *err) RV_MUST_CHECK;
rv_code rv_seen_read(rv_seen *seen, const void *bytes, size_t len, rv_error *err) RV_MUST_CHECK;

/* After the last add or read: makes rv_seen_has() possible, for any number of threads. */
void rv_seen_close(rv_seen *seen);
bool rv_seen_has(const rv_seen *seen, rv_hash128 digest);

#endif
