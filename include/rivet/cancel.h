/* rivet/cancel.h - the cancellation token: a flag plus wakers.
 *
 * Whoever may block registers a waker (abort a queue, PQcancel, wake a sleep) and unregisters it before its
 * object dies. Requesting is idempotent, safe from any thread (not from a signal handler: signals are received
 * by sigwait in a thread). Wakers run on the requesting thread under the token's lock: they must not block and
 * must not call back into the token. */
#ifndef RIVET_CANCEL_H
#define RIVET_CANCEL_H

#include "rivet/error.h"

#include <stdbool.h>

typedef struct rv_cancel rv_cancel;

typedef struct rv_waker {
    void (*wake)(void *object);
    void *object;
    struct rv_waker *next; /* the token's; guarded by its lock */
} rv_waker;

rv_code rv_cancel_new(rv_cancel **out, rv_error *err) RV_MUST_CHECK;
void rv_cancel_free(rv_cancel *cancel);
RV_DEFINE_AUTO(rv_cancel, rv_cancel_free)

void rv_cancel_request(rv_cancel *cancel);
bool rv_cancel_requested(const rv_cancel *cancel); /* NULL: false. One relaxed atomic load. */
/* `waker` is the caller's memory and must live until removed. Already requested: wake() runs at once.
 * cancel == NULL is fine (no-op). */
void rv_cancel_add_waker(rv_cancel *cancel, rv_waker *waker);
/* After this returns, wake() is not running and will not run. */
void rv_cancel_remove_waker(rv_cancel *cancel, rv_waker *waker);

#endif
