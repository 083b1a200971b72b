/* lent.h - memory for libraries that let their caller bring an allocator: counted like the writer's own.
 *
 * Such a library only learns that it got nothing. Why is kept here until the caller asks. */
#ifndef RIVET_PARQUET_LENT_H
#define RIVET_PARQUET_LENT_H

#include "memory.h"

typedef struct rvi_pq_lender {
    rvi_pq_memory *memory; /* borrowed; charged for what is lent */
    rv_code refused;       /* why the last block was not lent; RV_OK: none was refused */
    rv_error *err;         /* of the call in progress; set by whoever calls the library; may be NULL */
} rvi_pq_lender;

/* NULL when memory or budget are used up; `refused` and `err` then say which. Aligned for any type. */
void *rvi_pq_lend(rvi_pq_lender *lender, size_t bytes);
void rvi_pq_take_back(rvi_pq_lender *lender, void *block); /* NULL is fine */

#endif
