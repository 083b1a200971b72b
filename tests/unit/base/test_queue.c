#include "rivet/queue.h"

#include "fault.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static atomic_int n_dropped;

static void drop_number(void *item)
{
    (void)item;
    atomic_fetch_add(&n_dropped, 1);
}

static void *number(size_t value)
{
    return (void *)(uintptr_t)value;
}

static rv_queue *queue_of(size_t cap, size_t max_bytes)
{
    rv_queue *queue = NULL;
    atomic_store(&n_dropped, 0);
    assert_int_equal(rv_queue_new(&queue, cap, max_bytes, drop_number, NULL), RV_OK);
    return queue;
}

static void items_come_out_in_the_order_they_went_in(void **state)
{
    (void)state;
    RV_AUTO(rv_queue_free) rv_queue *queue = queue_of(4, 1000);
    void *item = NULL;
    for (size_t round = 0; round < 7; round++) { /* 3 of 4 places a round: the ring wraps at every position */
        for (size_t i = 1; i <= 3; i++)
            assert_true(rv_queue_push(queue, number(10 * round + i), 1));
        for (size_t i = 1; i <= 3; i++) {
            assert_true(rv_queue_pop(queue, &item));
            assert_ptr_equal(item, number(10 * round + i));
        }
        assert_false(rv_queue_try_pop(queue, &item));
    }
    assert_int_equal(atomic_load(&n_dropped), 0);
}

static void a_closed_queue_drains_and_then_ends(void **state)
{
    (void)state;
    RV_AUTO(rv_queue_free) rv_queue *queue = queue_of(4, 1000);
    void *item = NULL;
    assert_true(rv_queue_push(queue, number(1), 1));
    assert_true(rv_queue_push(queue, number(2), 1));
    rv_queue_close(queue);
    assert_false(rv_queue_push(queue, number(3), 1));
    assert_true(rv_queue_pop(queue, &item));
    assert_true(rv_queue_try_pop(queue, &item));
    assert_ptr_equal(item, number(2));
    assert_false(rv_queue_pop(queue, &item));
    assert_false(rv_queue_try_pop(queue, &item));
    assert_int_equal(atomic_load(&n_dropped), 0);
}

static void an_aborted_queue_drops_what_is_left_once_and_ends_now(void **state)
{
    (void)state;
    RV_AUTO(rv_queue_free) rv_queue *queue = queue_of(3, 1000);
    void *item = NULL;
    assert_true(rv_queue_push(queue, number(1), 1));
    assert_true(rv_queue_pop(queue, &item));
    for (size_t i = 0; i < 3; i++)
        assert_true(rv_queue_push(queue, number(i), 1));
    rv_queue_abort(queue);
    assert_int_equal(atomic_load(&n_dropped), 3);
    rv_queue_abort(queue);
    rv_queue_close(queue);
    assert_int_equal(atomic_load(&n_dropped), 3);
    assert_false(rv_queue_pop(queue, &item));
    assert_false(rv_queue_try_pop(queue, &item));
    assert_false(rv_queue_push(queue, number(9), 1)); /* still the caller's: not dropped */
    assert_int_equal(atomic_load(&n_dropped), 3);
}

static void freeing_drops_what_was_never_popped(void **state)
{
    (void)state;
    rv_queue *queue = queue_of(3, 1000);
    assert_true(rv_queue_push(queue, number(1), 1));
    assert_true(rv_queue_push(queue, number(2), 1));
    rv_queue_free(queue);
    assert_int_equal(atomic_load(&n_dropped), 2);
    rv_queue_free(NULL);
}

/* ---- with threads ---- */

typedef struct feed {
    rv_queue *queue;
    size_t n_items, weight;
    atomic_size_t n_pushed; /* pushes that have returned */
} feed;

static void *feed_numbers(void *argument)
{
    feed *f = argument;
    for (size_t i = 1; i <= f->n_items; i++) {
        if (!rv_queue_push(f->queue, number(i), f->weight))
            return NULL;
        atomic_fetch_add(&f->n_pushed, 1);
    }
    rv_queue_close(f->queue);
    return NULL;
}

/* While k items have been popped, at most k + most_inside pushes can have returned. */
static void feed_and_check(size_t cap, size_t max_bytes, size_t weight, size_t most_inside)
{
    RV_AUTO(rv_queue_free) rv_queue *queue = queue_of(cap, max_bytes);
    feed f = {.queue = queue, .n_items = 5000, .weight = weight};
    pthread_t thread;
    void *item = NULL;
    size_t n_popped = 0;
    assert_int_equal(pthread_create(&thread, NULL, feed_numbers, &f), 0);
    while (rv_queue_pop(queue, &item)) {
        n_popped++;
        assert_ptr_equal(item, number(n_popped));
        assert_true(atomic_load(&f.n_pushed) <= n_popped + most_inside);
    }
    pthread_join(thread, NULL);
    assert_int_equal(n_popped, f.n_items);
}

static void a_pusher_waits_when_all_places_are_taken(void **state)
{
    (void)state;
    feed_and_check(1, 1000, 1, 1);
    feed_and_check(3, 1000, 1, 3);
}

static void a_pusher_waits_when_the_weight_is_used_up(void **state)
{
    (void)state;
    feed_and_check(100, 10, 4, 2);
    feed_and_check(100, 10, 10, 1);
    feed_and_check(100, 10, 6, 1);
}

static void an_item_heavier_than_the_queue_passes_alone(void **state)
{
    (void)state;
    feed_and_check(100, 10, 11, 1);
    feed_and_check(100, 0, SIZE_MAX, 1);
}

/* One of several threads at a queue. */
typedef struct worker {
    rv_queue *queue;
    size_t weight;
    size_t n_moved, n_refused,
        sum; /* pushes or pops that succeeded; pushes refused; sum of the items moved */
} worker;

enum { N_PUSHERS = 3, N_POPPERS = 3, N_ITEMS = 3000 };

static void *push_numbers(void *argument)
{
    worker *w = argument;
    for (size_t i = 1; i <= N_ITEMS; i++) {
        if (!rv_queue_push(w->queue, number(i), w->weight)) {
            w->n_refused++;
            continue;
        }
        w->n_moved++;
        w->sum += i;
    }
    return NULL;
}

static void *pop_until_the_end(void *argument)
{
    worker *w = argument;
    void *item = NULL;
    while (rv_queue_pop(w->queue, &item)) {
        w->n_moved++;
        w->sum += (uintptr_t)item;
    }
    return NULL;
}

typedef struct crew {
    pthread_t pushers[N_PUSHERS], poppers[N_POPPERS];
    worker pushing[N_PUSHERS], popping[N_POPPERS];
} crew;

static void crew_start(crew *c, rv_queue *queue)
{
    for (int i = 0; i < N_POPPERS; i++) {
        c->popping[i] = (worker){.queue = queue};
        assert_int_equal(pthread_create(&c->poppers[i], NULL, pop_until_the_end, &c->popping[i]), 0);
    }
    for (int i = 0; i < N_PUSHERS; i++) {
        c->pushing[i] = (worker){.queue = queue, .weight = (size_t)(1 + 5 * i)};
        assert_int_equal(pthread_create(&c->pushers[i], NULL, push_numbers, &c->pushing[i]), 0);
    }
}

static void many_threads_hand_over_every_item_exactly_once(void **state)
{
    (void)state;
    RV_AUTO(rv_queue_free) rv_queue *queue = queue_of(5, 15);
    crew c;
    crew_start(&c, queue);
    size_t pushed = 0, popped = 0;
    for (int i = 0; i < N_PUSHERS; i++) {
        pthread_join(c.pushers[i], NULL);
        assert_int_equal(c.pushing[i].n_moved, N_ITEMS);
        pushed += c.pushing[i].sum;
    }
    rv_queue_close(queue);
    for (int i = 0; i < N_POPPERS; i++) {
        pthread_join(c.poppers[i], NULL);
        popped += c.popping[i].sum;
    }
    assert_int_equal(popped, pushed);
    assert_int_equal(atomic_load(&n_dropped), 0);
}

static void an_abort_in_the_middle_neither_loses_nor_doubles_an_item(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        RV_AUTO(rv_queue_free) rv_queue *queue = queue_of(5, 15);
        crew c;
        crew_start(&c, queue);
        void *item = NULL;
        size_t n_own = 0;
        while (n_own < (size_t)round * 3 && rv_queue_pop(queue, &item))
            n_own++;
        rv_queue_abort(queue);
        size_t n_pushed = 0, n_popped = n_own;
        for (int i = 0; i < N_PUSHERS; i++) {
            pthread_join(c.pushers[i], NULL);
            assert_int_equal(c.pushing[i].n_moved + c.pushing[i].n_refused, N_ITEMS);
            n_pushed += c.pushing[i].n_moved;
        }
        for (int i = 0; i < N_POPPERS; i++) {
            pthread_join(c.poppers[i], NULL);
            n_popped += c.popping[i].n_moved;
        }
        assert_int_equal(n_pushed, n_popped + (size_t)atomic_load(&n_dropped));
    }
}

static void closing_or_aborting_ends_everyone_who_waits_to_pop(void **state)
{
    (void)state;
    void (*const endings[])(rv_queue *) = {rv_queue_close, rv_queue_abort};
    for (size_t e = 0; e < 2; e++) {
        RV_AUTO(rv_queue_free) rv_queue *queue = queue_of(1, 1);
        pthread_t threads[4];
        worker waiting[4];
        for (int i = 0; i < 4; i++) {
            waiting[i] = (worker){.queue = queue};
            assert_int_equal(pthread_create(&threads[i], NULL, pop_until_the_end, &waiting[i]), 0);
        }
        endings[e](queue);
        for (int i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
            assert_int_equal(waiting[i].n_moved, 0);
        }
    }
}

static void closing_or_aborting_ends_everyone_who_waits_to_push(void **state)
{
    (void)state;
    void (*const endings[])(rv_queue *) = {rv_queue_close, rv_queue_abort};
    for (size_t e = 0; e < 2; e++) {
        RV_AUTO(rv_queue_free) rv_queue *queue = queue_of(1, 1);
        assert_true(rv_queue_push(queue, number(7), 1));
        pthread_t threads[4];
        worker waiting[4];
        for (int i = 0; i < 4; i++) {
            waiting[i] = (worker){.queue = queue, .weight = 1};
            assert_int_equal(pthread_create(&threads[i], NULL, push_numbers, &waiting[i]), 0);
        }
        endings[e](queue);
        for (int i = 0; i < 4; i++) {
            pthread_join(threads[i], NULL);
            assert_int_equal(waiting[i].n_refused, N_ITEMS);
        }
    }
}

static void a_queue_that_cannot_be_allocated_is_reported(void **state)
{
    (void)state;
    rv_error err;
    rv_queue *queue = NULL;
    fault_arm(FAULT_ALLOC, 1, FAULT_TRANSIENT, 0);
    assert_int_equal(rv_queue_new(&queue, 4, 4, drop_number, &err), RV_E_OUT_OF_MEMORY);
    assert_true(fault_disarm());
    assert_int_equal(rv_queue_new(&queue, SIZE_MAX / 2, 4, drop_number, &err), RV_E_LIMIT_EXCEEDED);
    assert_int_equal(err.code, RV_E_LIMIT_EXCEEDED);
    assert_null(queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_out_in_the_order_they_went_in),
        cmocka_unit_test(a_closed_queue_drains_and_then_ends),
        cmocka_unit_test(an_aborted_queue_drops_what_is_left_once_and_ends_now),
        cmocka_unit_test(freeing_drops_what_was_never_popped),
        cmocka_unit_test(a_pusher_waits_when_all_places_are_taken),
        cmocka_unit_test(a_pusher_waits_when_the_weight_is_used_up),
        cmocka_unit_test(an_item_heavier_than_the_queue_passes_alone),
        cmocka_unit_test(many_threads_hand_over_every_item_exactly_once),
        cmocka_unit_test(an_abort_in_the_middle_neither_loses_nor_doubles_an_item),
        cmocka_unit_test(closing_or_aborting_ends_everyone_who_waits_to_pop),
        cmocka_unit_test(closing_or_aborting_ends_everyone_who_waits_to_push),
        cmocka_unit_test(a_queue_that_cannot_be_allocated_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
