/* Seeing a server off: over a socket pair, with a thread for the server. */
#include "source/sql/farewell.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct server {
    int fd;
    atomic_bool told, ended;
} server;

/* Reads until the client is gone, says something still, and ends. */
static void *serve(void *argument)
{
    server *s = argument;
    const struct timespec tick = {.tv_nsec = 1000 * 1000};
    char bytes[64];
    while (read(s->fd, bytes, sizeof bytes) > 0)
        continue;
    atomic_store(&s->told, true);
    if (write(s->fd, "bye", 3) == 3)
        (void)nanosleep(&tick, NULL);
    atomic_store(&s->ended, true);
    close(s->fd);
    return NULL;
}

static void it_lasts_until_the_server_has_ended(void **state)
{
    (void)state;
    int pair[2];
    pthread_t thread;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    server s = {.fd = pair[1]};
    assert_int_equal(pthread_create(&thread, NULL, serve, &s), 0);
    int held = rvi_sql_hold(pair[0]);
    assert_true(held >= 0);
    assert_int_equal(write(pair[0], "quit", 4), 4);
    close(pair[0]);
    rvi_sql_see_off(held);
    bool told = atomic_load(&s.told), ended = atomic_load(&s.ended);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(told);
    assert_true(ended);
    assert_int_equal(close(held), -1);
}

static void a_server_that_never_ends_is_left_alone(void **state)
{
    (void)state;
    int pair[2];
    char byte;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    int held = rvi_sql_hold(pair[0]);
    close(pair[0]);
    rvi_sql_see_off(held);
    assert_int_equal(read(pair[1], &byte, 1), 0); /* closed, all of it */
    assert_int_equal(send(pair[1], "x", 1, MSG_NOSIGNAL), -1);
    close(pair[1]);
}

static void there_may_be_no_connection(void **state)
{
    (void)state;
    assert_int_equal(rvi_sql_hold(-1), -1);
    rvi_sql_see_off(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_lasts_until_the_server_has_ended),
        cmocka_unit_test(a_server_that_never_ends_is_left_alone),
        cmocka_unit_test(there_may_be_no_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
