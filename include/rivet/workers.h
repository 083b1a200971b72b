/* rivet/workers.h - a few threads that take over short pieces of work.
 *
 * A piece is started, does its work on some thread, and is waited for by whoever started it. Who waits for a piece that
 * nobody has begun does it on the spot, so a pool without threads is a pool that works, and nothing is ever blocked by
 * a pool that is busy. Pieces must be short (milliseconds) and must not wait for one another: there is no way to
 * cancel one. The pool's lock is a leaf. */
#ifndef RIVET_WORKERS_H
#define RIVET_WORKERS_H

#include "rivet/error.h"

#include <stdbool.h>

typedef struct rv_workers rv_workers;

typedef enum rv_work_state {
    RV_WORK_IDLE = 0,
    RV_WORK_QUEUED,
    RV_WORK_BEGUN,
    RV_WORK_DONE,
} rv_work_state;

/* Embedded in whatever the piece works on. Not to be touched between start and wait, but by run(). */
typedef struct rv_work rv_work;
struct rv_work {
    void (*run)(rv_work *work);
    rv_work *next;       /* the pool's */
    rv_work_state state; /* the pool's, guarded by its lock */
};

/* n_threads: 0 or more. Fails OUT_OF_MEMORY, IO (the system gives no thread). */
rv_code rv_workers_new(rv_workers **out, int n_threads, rv_error *err) RV_MUST_CHECK;
/* Every piece must have been waited for. NULL is fine. */
void rv_workers_free(rv_workers *workers);
RV_DEFINE_AUTO(rv_workers, rv_workers_free)

int rv_workers_count(const rv_workers *workers); /* threads; 0 for NULL */

/* Any thread; never blocks. Pieces are begun in the order in which they were started. A pool of NULL leaves the work
 * to the one who waits. */
void rv_workers_start(rv_workers *workers, rv_work *work);
/* Whether the piece is finished. Its results may be read then. */
bool rv_workers_is_done(rv_workers *workers, rv_work *work);
/* Does the piece on this thread if nobody has begun it; false: somebody has. */
bool rv_workers_take(rv_workers *workers, rv_work *work);
/* Returns when the piece is finished; on this thread if nobody has begun it. */
void rv_workers_wait(rv_workers *workers, rv_work *work);

/* How many threads keep this machine's cores busy: one for each, since who hands pieces out has work of its own between
 * them; 0 where there is but one core. */
int rv_workers_for_cores(void);

#endif
