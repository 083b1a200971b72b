/* wall_clock.c - a wall clock that a test may set, loaded into a program before the C library.
 *
 * The file named by RIVET_TEST_CLOCK holds one int64_t, the nanoseconds by which the clock is wrong. It is mapped, so a
 * test can set the clock while the program runs. Clocks that are never set (CLOCK_MONOTONIC) are left alone, as an
 * administrator or ntpd would leave them. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { NS_PER_S = 1000000000, NS_PER_US = 1000 };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const _Atomic int64_t *offset_ns; /* NULL: there is no such file, and the clock is right */

static void map_offset(void)
{
    const char *path = getenv("RIVET_TEST_CLOCK");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *mapped = mmap(NULL, sizeof *offset_ns, PROT_READ, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (mapped != MAP_FAILED)
        offset_ns = mapped;
}

/* The C library's own function is this one; asking the kernel directly needs no search for it. */
int clock_gettime(clockid_t id, struct timespec *out)
{
    (void)pthread_once(&once, map_offset);
    if (syscall(SYS_clock_gettime, id, out) != 0)
        return -1;
    if ((id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE) || offset_ns == NULL)
        return 0;
    int64_t now_ns = (int64_t)out->tv_sec * NS_PER_S + out->tv_nsec + atomic_load(offset_ns);
    out->tv_sec = now_ns / NS_PER_S;
    out->tv_nsec = now_ns % NS_PER_S;
    return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    *out = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / NS_PER_US};
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return (time_t)-1;
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}
