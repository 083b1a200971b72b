/* rivet/checked.h - arithmetic that says when it overflowed. true = overflow, *out untouched by callers then. */
#ifndef RIVET_CHECKED_H
#define RIVET_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool rv_mul_size(size_t *out, size_t a, size_t b)
{
    return __builtin_mul_overflow(a, b, out);
}
static inline bool rv_add_size(size_t *out, size_t a, size_t b)
{
    return __builtin_add_overflow(a, b, out);
}
static inline bool rv_mul_i64(int64_t *out, int64_t a, int64_t b)
{
    return __builtin_mul_overflow(a, b, out);
}
static inline bool rv_add_i64(int64_t *out, int64_t a, int64_t b)
{
    return __builtin_add_overflow(a, b, out);
}
static inline bool rv_sub_i64(int64_t *out, int64_t a, int64_t b)
{
    return __builtin_sub_overflow(a, b, out);
}

#endif
