/* rivet/arena.h - plan-lifetime memory: configuration, schemas, plans, names.
 *
 * An arena is freed whole; nothing in it needs a destructor; pointers into it are borrowed. It has a ceiling
 * given at birth. Not for threads: one owner at a time; what was built may be read by any thread afterwards. */
#ifndef RIVET_ARENA_H
#define RIVET_ARENA_H

#include "rivet/error.h"

#include <stddef.h>

typedef struct rv_arena rv_arena;

/* max_bytes: ceiling over all allocations (bytes). Fails OUT_OF_MEMORY. */
rv_code rv_arena_new(rv_arena **out, size_t max_bytes, rv_error *err) RV_MUST_CHECK;
void rv_arena_free(rv_arena *arena); /* NULL is fine */
RV_DEFINE_AUTO(rv_arena, rv_arena_free)

/* Zeroed memory for n elements of `size` bytes, aligned for any type. n == 0 gives a valid pointer.
 * NULL when memory or the ceiling is reached; the caller reports it (rv_fail OUT_OF_MEMORY). */
void *rv_arena_alloc(rv_arena *arena, size_t n, size_t size) RV_MUST_CHECK;
char *rv_arena_strdup(rv_arena *arena, const char *text) RV_MUST_CHECK; /* text must not be NULL */
char *rv_arena_strndup(rv_arena *arena, const char *bytes, size_t len) RV_MUST_CHECK; /* adds a NUL */
char *rv_arena_printf(rv_arena *arena, const char *fmt, ...) RV_PRINTF(2, 3) RV_MUST_CHECK;

#endif
