#include "rivet/queue.h"

#include "rivet/checked.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

typedef struct slot {
    void *item;
    size_t weight;
} slot;

struct rv_queue {
    pthread_mutex_t lock; /* guards everything below; a leaf: nothing is called while it is held */
    pthread_cond_t can_push, can_pop;
    size_t head, count; /* ring of `cap` slots */
    size_t bytes;       /* weight of the items inside; above max_bytes only with a single item */
    bool closed;        /* no more pushes; pops drain, then end */
    bool aborted;       /* everything ends now; the slots belong to whoever aborts */

    /* Fixed at birth. */
    size_t cap, max_bytes;
    void (*drop)(void *item);
    slot slots[];
};

static rv_code init_locks(rv_queue *queue, rv_error *err)
{
    int rc = pthread_mutex_init(&queue->lock, NULL);
    if (rc != 0)
        return rv_fail_os(err, RV_E_IO, rc, "cannot create the lock of a queue");
    rc = pthread_cond_init(&queue->can_push, NULL);
    if (rc != 0) {
        pthread_mutex_destroy(&queue->lock);
        return rv_fail_os(err, RV_E_IO, rc, "cannot create a condition of a queue");
    }
    rc = pthread_cond_init(&queue->can_pop, NULL);
    if (rc != 0) {
        pthread_cond_destroy(&queue->can_push);
        pthread_mutex_destroy(&queue->lock);
        return rv_fail_os(err, RV_E_IO, rc, "cannot create a condition of a queue");
    }
    return RV_OK;
}

rv_code rv_queue_new(rv_queue **out, size_t cap, size_t max_bytes, void (*drop)(void *item), rv_error *err)
{
    assert(cap > 0 && drop);
    size_t bytes;
    if (rv_mul_size(&bytes, cap, sizeof(slot)) || rv_add_size(&bytes, bytes, sizeof(rv_queue)))
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "a queue cannot have %zu places", cap);
    rv_queue *queue = calloc(1, bytes);
    if (!queue)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "cannot allocate a queue of %zu places", cap);
    queue->cap = cap;
    queue->max_bytes = max_bytes;
    queue->drop = drop;
    rv_code rc = init_locks(queue, err);
    if (rc != RV_OK) {
        free(queue);
        return rc;
    }
    *out = queue;
    return RV_OK;
}

void rv_queue_free(rv_queue *queue)
{
    if (!queue)
        return;
    rv_queue_abort(queue);
    pthread_cond_destroy(&queue->can_pop);
    pthread_cond_destroy(&queue->can_push);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}

/* An item heavier than the whole queue passes when it is alone: else its pusher would wait forever. */
static bool has_room(const rv_queue *queue, size_t weight)
{
    if (queue->count == 0)
        return true;
    return queue->count < queue->cap && queue->bytes <= queue->max_bytes &&
           weight <= queue->max_bytes - queue->bytes;
}

bool rv_queue_push(rv_queue *queue, void *item, size_t weight)
{
    pthread_mutex_lock(&queue->lock);
    while (!queue->closed && !queue->aborted && !has_room(queue, weight))
        pthread_cond_wait(&queue->can_push, &queue->lock);
    bool taken = !queue->closed && !queue->aborted;
    if (taken) {
        queue->slots[(queue->head + queue->count) % queue->cap] = (slot){item, weight};
        queue->count++;
        queue->bytes += weight;
        pthread_cond_signal(&queue->can_pop);
    }
    pthread_mutex_unlock(&queue->lock);
    return taken;
}

/* Take the oldest item, if there is one. Called with the lock held. */
static bool take_oldest(rv_queue *queue, void **out)
{
    if (queue->aborted || queue->count == 0)
        return false;
    slot *oldest = &queue->slots[queue->head];
    *out = oldest->item;
    queue->bytes -= oldest->weight;
    queue->head = (queue->head + 1) % queue->cap;
    queue->count--;
    /* All waiters, not one: weights differ, and the one woken may be the one that still does not fit. */
    pthread_cond_broadcast(&queue->can_push);
    return true;
}

bool rv_queue_pop(rv_queue *queue, void **out)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->count == 0 && !queue->closed && !queue->aborted)
        pthread_cond_wait(&queue->can_pop, &queue->lock);
    bool taken = take_oldest(queue, out);
    pthread_mutex_unlock(&queue->lock);
    return taken;
}

bool rv_queue_try_pop(rv_queue *queue, void **out)
{
    pthread_mutex_lock(&queue->lock);
    bool taken = take_oldest(queue, out);
    pthread_mutex_unlock(&queue->lock);
    return taken;
}

void rv_queue_close(rv_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_broadcast(&queue->can_push);
    pthread_cond_broadcast(&queue->can_pop);
    pthread_mutex_unlock(&queue->lock);
}

void rv_queue_abort(rv_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    size_t head = queue->head, left = queue->count;
    queue->aborted = true;
    queue->count = 0;
    queue->bytes = 0;
    pthread_cond_broadcast(&queue->can_push);
    pthread_cond_broadcast(&queue->can_pop);
    pthread_mutex_unlock(&queue->lock);

    /* Outside the lock, which is a leaf. Nobody else touches the slots of an aborted queue, and a second
     * abort finds it empty. */
    for (size_t i = 0; i < left; i++)
        queue->drop(queue->slots[(head + i) % queue->cap].item);
}
