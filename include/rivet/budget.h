/* rivet/budget.h - the process's one memory account.
 *
 * Every large or data-dependent allocation (batches, open pages, finished pages, dictionaries, queues) is charged
 * here before it is made and released when freed. The budget refuses rather than exceeds. Any thread; atomics. */
#ifndef RIVET_BUDGET_H
#define RIVET_BUDGET_H

#include "rivet/error.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct rv_budget {
    atomic_size_t used, peak;
    atomic_size_t lent; /* bytes beyond the limit */
    size_t limit;       /* bytes; fixed at init */
} rv_budget;

void rv_budget_init(rv_budget *budget, size_t limit_bytes);
/* false: would exceed the limit; nothing was charged. budget == NULL: always true (tests). */
bool rv_budget_charge(rv_budget *budget, size_t bytes) RV_MUST_CHECK;
void rv_budget_release(rv_budget *budget, size_t bytes);
/* Raise the limit for something that must get through whatever it weighs, and lower it again by as much when it has.
 * What is charged meanwhile stays charged: until it is released, nothing more may be. NULL: nothing happens. */
void rv_budget_lend(rv_budget *budget, size_t bytes);
void rv_budget_take_back(rv_budget *budget, size_t bytes);
size_t rv_budget_limit(const rv_budget *budget); /* with what is lent; SIZE_MAX without a budget */
size_t rv_budget_used(const rv_budget *budget);
size_t rv_budget_peak(const rv_budget *budget);

/* The process's resident set, bytes, from /proc/self/status (proc(5): VmRSS, VmHWM); 0 if unreadable. */
size_t rv_rss_bytes(void);
size_t rv_rss_peak_bytes(void);

#endif
