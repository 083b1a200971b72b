#include "rivet/workers.h"

#include "rivet/checked.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct rv_workers {
    pthread_mutex_t lock;      /* guards everything below and the states of all pieces; a leaf */
    pthread_cond_t has_work;   /* for the threads */
    pthread_cond_t has_result; /* for who waits; several may wait for different pieces */
    rv_work *first, *last;     /* queued, not begun */
    bool stopping;

    /* Fixed when the threads run. */
    int n_threads;
    pthread_t threads[];
};

/* Unlink `work` if nobody has begun it; it is begun then. Called with the lock held. */
static bool claim(rv_workers *workers, rv_work *work)
{
    if (work->state != RV_WORK_QUEUED)
        return false;
    rv_work *before = NULL;
    for (rv_work *at = workers->first; at != work; at = at->next)
        before = at;
    if (before != NULL)
        before->next = work->next;
    else
        workers->first = work->next;
    if (workers->last == work)
        workers->last = before;
    work->next = NULL;
    work->state = RV_WORK_BEGUN;
    return true;
}

/* Called with the lock held and a claimed piece; the lock is released meanwhile. */
static void do_claimed(rv_workers *workers, rv_work *work)
{
    pthread_mutex_unlock(&workers->lock);
    work->run(work);
    pthread_mutex_lock(&workers->lock);
    work->state = RV_WORK_DONE;
    pthread_cond_broadcast(&workers->has_result);
}

static void *worker_main(void *argument)
{
    rv_workers *workers = argument;
    pthread_mutex_lock(&workers->lock);
    for (;;) {
        while (workers->first == NULL && !workers->stopping)
            pthread_cond_wait(&workers->has_work, &workers->lock);
        rv_work *next = workers->first;
        if (next == NULL)
            break;
        if (claim(workers, next))
            do_claimed(workers, next);
    }
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

static rv_code init_locks(rv_workers *workers, rv_error *err)
{
    int rc = pthread_mutex_init(&workers->lock, NULL);
    if (rc != 0)
        return rv_fail_os(err, RV_E_IO, rc, "cannot create the lock of the workers");
    rc = pthread_cond_init(&workers->has_work, NULL);
    if (rc != 0) {
        pthread_mutex_destroy(&workers->lock);
        return rv_fail_os(err, RV_E_IO, rc, "cannot create a condition of the workers");
    }
    rc = pthread_cond_init(&workers->has_result, NULL);
    if (rc != 0) {
        pthread_cond_destroy(&workers->has_work);
        pthread_mutex_destroy(&workers->lock);
        return rv_fail_os(err, RV_E_IO, rc, "cannot create a condition of the workers");
    }
    return RV_OK;
}

rv_code rv_workers_new(rv_workers **out, int n_threads, rv_error *err)
{
    assert(n_threads >= 0);
    size_t bytes = 0;
    if (rv_mul_size(&bytes, (size_t)n_threads, sizeof(pthread_t)) ||
        rv_add_size(&bytes, bytes, sizeof(rv_workers)))
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "%d worker threads are too many", n_threads);
    rv_workers *workers = calloc(1, bytes);
    if (workers == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "cannot allocate the workers");
    rv_code rc = init_locks(workers, err);
    if (rc != RV_OK) {
        free(workers);
        return rc;
    }
    for (int i = 0; i < n_threads; i++) {
        int failed = pthread_create(&workers->threads[i], NULL, worker_main, workers);
        if (failed != 0) {
            rv_workers_free(workers);
            return rv_fail_os(err, RV_E_IO, failed, "starting a worker thread");
        }
        workers->n_threads++;
    }
    *out = workers;
    return RV_OK;
}

void rv_workers_free(rv_workers *workers)
{
    if (workers == NULL)
        return;
    pthread_mutex_lock(&workers->lock);
    assert(workers->first == NULL);
    workers->stopping = true;
    pthread_cond_broadcast(&workers->has_work);
    pthread_mutex_unlock(&workers->lock);
    for (int i = 0; i < workers->n_threads; i++)
        pthread_join(workers->threads[i], NULL);
    pthread_cond_destroy(&workers->has_result);
    pthread_cond_destroy(&workers->has_work);
    pthread_mutex_destroy(&workers->lock);
    free(workers);
}

int rv_workers_count(const rv_workers *workers)
{
    return workers != NULL ? workers->n_threads : 0;
}

void rv_workers_start(rv_workers *workers, rv_work *work)
{
    assert(work->state == RV_WORK_IDLE || work->state == RV_WORK_DONE);
    work->next = NULL;
    work->state = RV_WORK_QUEUED;
    if (workers == NULL)
        return;
    pthread_mutex_lock(&workers->lock);
    if (workers->last != NULL)
        workers->last->next = work;
    else
        workers->first = work;
    workers->last = work;
    pthread_cond_signal(&workers->has_work);
    pthread_mutex_unlock(&workers->lock);
}

bool rv_workers_is_done(rv_workers *workers, rv_work *work)
{
    if (workers == NULL)
        return work->state == RV_WORK_DONE;
    pthread_mutex_lock(&workers->lock);
    bool done = work->state == RV_WORK_DONE;
    pthread_mutex_unlock(&workers->lock);
    return done;
}

static bool take_alone(rv_work *work)
{
    if (work->state != RV_WORK_QUEUED)
        return false;
    work->run(work);
    work->state = RV_WORK_DONE;
    return true;
}

bool rv_workers_take(rv_workers *workers, rv_work *work)
{
    if (workers == NULL)
        return take_alone(work);
    pthread_mutex_lock(&workers->lock);
    bool mine = claim(workers, work);
    if (mine)
        do_claimed(workers, work);
    pthread_mutex_unlock(&workers->lock);
    return mine;
}

void rv_workers_wait(rv_workers *workers, rv_work *work)
{
    if (rv_workers_take(workers, work) || workers == NULL)
        return;
    pthread_mutex_lock(&workers->lock);
    while (work->state != RV_WORK_DONE)
        pthread_cond_wait(&workers->has_result, &workers->lock);
    pthread_mutex_unlock(&workers->lock);
}

int rv_workers_for_cores(void)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 1 && online <= 4096 ? (int)online : 0;
}
