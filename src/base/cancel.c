#include "rivet/cancel.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct rv_cancel {
    atomic_bool requested; /* set once, under the lock; read without it */
    pthread_mutex_t lock;  /* guards `wakers`; held while wakers run, so a waker may take only leaf locks */
    rv_waker *wakers;
};

rv_code rv_cancel_new(rv_cancel **out, rv_error *err)
{
    rv_cancel *cancel = calloc(1, sizeof *cancel);
    if (!cancel)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "cannot allocate a cancellation token");
    atomic_init(&cancel->requested, false);
    int rc = pthread_mutex_init(&cancel->lock, NULL);
    if (rc != 0) {
        free(cancel);
        return rv_fail_os(err, RV_E_IO, rc, "cannot create the lock of a cancellation token");
    }
    *out = cancel;
    return RV_OK;
}

void rv_cancel_free(rv_cancel *cancel)
{
    if (!cancel)
        return;
    assert(!cancel->wakers);
    pthread_mutex_destroy(&cancel->lock);
    free(cancel);
}

void rv_cancel_request(rv_cancel *cancel)
{
    pthread_mutex_lock(&cancel->lock);
    if (!atomic_exchange(&cancel->requested, true))
        for (rv_waker *w = cancel->wakers; w; w = w->next)
            w->wake(w->object);
    pthread_mutex_unlock(&cancel->lock);
}

bool rv_cancel_requested(const rv_cancel *cancel)
{
    return cancel && atomic_load_explicit(&cancel->requested, memory_order_relaxed);
}

void rv_cancel_add_waker(rv_cancel *cancel, rv_waker *waker)
{
    if (!cancel)
        return;
    pthread_mutex_lock(&cancel->lock);
    waker->next = cancel->wakers;
    cancel->wakers = waker;
    if (atomic_load(&cancel->requested))
        waker->wake(waker->object);
    pthread_mutex_unlock(&cancel->lock);
}

void rv_cancel_remove_waker(rv_cancel *cancel, rv_waker *waker)
{
    if (!cancel)
        return;
    pthread_mutex_lock(&cancel->lock);
    for (rv_waker **link = &cancel->wakers; *link; link = &(*link)->next) {
        if (*link == waker) {
            *link = waker->next;
            waker->next = NULL;
            break;
        }
    }
    pthread_mutex_unlock(&cancel->lock);
}
