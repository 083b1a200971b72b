/* How many bytes a wait for rows wakes up for: over TCP, with nobody but this test at the other end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "source/mysql/internal.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HANDFUL = 64 << 10, MANY = 1 << 30, NEVER_MS = -1 };

typedef struct line {
    int ours, theirs;
    rvi_my my;
} line;

static void connect_line(line *l)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    l->ours = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(l->ours, (struct sockaddr *)&at, sizeof at), 0);
    l->theirs = accept(listener, NULL, NULL);
    assert_true(l->theirs >= 0);
    close(listener);
    assert_int_equal(fcntl(l->ours, F_SETFL, O_NONBLOCK), 0);
}

static int open_line(void **state)
{
    static line l;
    l = (line){.my = {.greeted = true}};
    atomic_init(&l.my.interrupted, false);
    connect_line(&l);
    rvi_my_enter(&l.my, INT64_MAX);
    *state = &l;
    return 0;
}

static int close_line(void **state)
{
    const line *l = *state;
    rvi_my_leave();
    close(l->ours);
    close(l->theirs);
    return 0;
}

static int low_water(const line *l)
{
    int bytes = 0;
    socklen_t len = sizeof bytes;
    assert_int_equal(getsockopt(l->ours, SOL_SOCKET, SO_RCVLOWAT, &bytes, &len), 0);
    return bytes;
}

static void send_bytes(const line *l, size_t n)
{
    static const char bytes[HANDFUL];
    assert_true(n <= sizeof bytes);
    assert_int_equal(send(l->theirs, bytes, n, 0), n);
}

static bool is_readable(const line *l, int timeout_ms)
{
    struct pollfd socket = {.fd = l->ours, .events = POLLIN};
    return poll(&socket, 1, timeout_ms) == 1;
}

static void a_handful_is_waited_for_while_there_is_more_to_come(void **state)
{
    const line *l = *state;
    rvi_my_gather(l->ours, MANY);
    assert_int_equal(low_water(l), HANDFUL);
    send_bytes(l, HANDFUL - 1);
    assert_false(is_readable(l, 0));
    send_bytes(l, 1);
    assert_true(is_readable(l, NEVER_MS));
    assert_int_equal(rvi_my_on_wait_for_rows(l->ours, 1, 0), 1);
    assert_int_equal(low_water(l), HANDFUL); /* and so it goes on */
}

static void what_is_less_is_taken_after_a_moment(void **state)
{
    const line *l = *state;
    char byte = 1;
    rvi_my_gather(l->ours, MANY);
    send_bytes(l, 1);
    assert_int_equal(rvi_my_on_wait_for_rows(l->ours, 1, 0), 1);
    assert_int_equal(low_water(l), 1);
    assert_true(is_readable(l, NEVER_MS));
    assert_int_equal(recv(l->ours, &byte, 1, 0), 1);
}

static void the_end_of_a_connection_is_seen_at_once(void **state)
{
    line *l = *state;
    char byte = 1;
    rvi_my_gather(l->ours, MANY);
    assert_int_equal(shutdown(l->theirs, SHUT_WR), 0);
    assert_true(is_readable(l, NEVER_MS));
    assert_int_equal(rvi_my_on_wait_for_rows(l->ours, 1, 0), 1);
    assert_int_equal(recv(l->ours, &byte, 1, 0), 0);
}

static void any_byte_counts_when_no_handful_is_to_come(void **state)
{
    const line *l = *state;
    rvi_my_gather(l->ours, MANY);
    rvi_my_gather(l->ours, HANDFUL);
    assert_int_equal(low_water(l), 1);
    send_bytes(l, 1);
    assert_true(is_readable(l, NEVER_MS));
}

static void a_wait_for_a_handful_hears_that_it_should_stop(void **state)
{
    line *l = *state;
    rvi_my_gather(l->ours, MANY);
    atomic_store(&l->my.interrupted, true);
    send_bytes(l, HANDFUL);
    assert_int_equal(rvi_my_on_wait_for_rows(l->ours, 1, 0), 0);
    assert_int_equal(l->my.stopped, RV_E_CANCELLED);
}

#define LINE_TEST(test) cmocka_unit_test_setup_teardown(test, open_line, close_line)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINE_TEST(a_handful_is_waited_for_while_there_is_more_to_come),
        LINE_TEST(what_is_less_is_taken_after_a_moment),
        LINE_TEST(the_end_of_a_connection_is_seen_at_once),
        LINE_TEST(any_byte_counts_when_no_handful_is_to_come),
        LINE_TEST(a_wait_for_a_handful_hears_that_it_should_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
