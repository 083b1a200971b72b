/* rivet/queue.h - bounded hand-off of owned pointers between threads.
 *
 * A pushed item belongs to the queue until popped. Bounded by weight (bytes) as well as by count; an item heavier
 * than max_bytes is let through when the queue is empty, or the run would deadlock. Ends in two ways: close
 * (drain, then end) and abort (drop what is left, end now). Its lock is a leaf. */
#ifndef RIVET_QUEUE_H
#define RIVET_QUEUE_H

#include "rivet/error.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct rv_queue rv_queue;

/* cap: most items (>= 1). max_bytes: most weight. drop: frees an item left behind; must not be NULL. */
rv_code rv_queue_new(rv_queue **out, size_t cap, size_t max_bytes, void (*drop)(void *item),
                     rv_error *err) RV_MUST_CHECK;
void rv_queue_free(rv_queue *queue); /* drops what is left; no thread may be inside */
RV_DEFINE_AUTO(rv_queue, rv_queue_free)

bool rv_queue_push(rv_queue *queue, void *item,
                   size_t weight);                  /* blocks; false: ended, caller still owns it */
bool rv_queue_pop(rv_queue *queue, void **out);     /* blocks; false: ended */
bool rv_queue_try_pop(rv_queue *queue, void **out); /* never blocks; false: nothing there */
void rv_queue_close(rv_queue *queue);
void rv_queue_abort(rv_queue *queue);

#endif
