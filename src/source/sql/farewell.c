#include "source/sql/farewell.h"

#include "rivet/clock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FAREWELL_MS = 500 }; /* a server that is well takes a few */

int rvi_sql_hold(int fd)
{
    return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

/* More is on its way: what comes until then (TLS's own farewell) is nothing to anybody. */
static bool goes_on(int held)
{
    char nothing[256];
    return recv(held, nothing, sizeof nothing, MSG_DONTWAIT) > 0;
}

void rvi_sql_see_off(int held)
{
    if (held < 0)
        return;
    const rv_clock *clock = rv_clock_system();
    int64_t left_ms = FAREWELL_MS, until_us = clock->mono_us(clock) + FAREWELL_MS * 1000;
    struct pollfd socket = {.fd = held, .events = POLLIN};
    (void)shutdown(held, SHUT_WR); /* as the library's close() would have, were it the last */
    while (left_ms > 0 && poll(&socket, 1, (int)left_ms) > 0 && goes_on(held))
        left_ms = (until_us - clock->mono_us(clock)) / 1000;
    close(held);
}
