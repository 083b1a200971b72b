#include "rivet/budget.h"

#include "rivet/checked.h"

#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void rv_budget_init(rv_budget *budget, size_t limit_bytes)
{
    atomic_init(&budget->used, 0);
    atomic_init(&budget->peak, 0);
    atomic_init(&budget->lent, 0);
    budget->limit = limit_bytes;
}

/* Relaxed order is enough: the account guards no other memory, and its own changes are atomic. */
bool rv_budget_charge(rv_budget *budget, size_t bytes)
{
    if (!budget)
        return true;
    size_t limit = rv_budget_limit(budget);
    size_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
    do {
        if (bytes > limit || used > limit - bytes)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&budget->used, &used, used + bytes, memory_order_relaxed,
                                                    memory_order_relaxed));
    size_t now = used + bytes;
    size_t peak = atomic_load_explicit(&budget->peak, memory_order_relaxed);
    while (now > peak && !atomic_compare_exchange_weak_explicit(&budget->peak, &peak, now,
                                                                memory_order_relaxed, memory_order_relaxed))
        continue;
    return true;
}

void rv_budget_release(rv_budget *budget, size_t bytes)
{
    if (!budget)
        return;
    size_t before = atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
    assert(before >= bytes);
    (void)before;
}

void rv_budget_lend(rv_budget *budget, size_t bytes)
{
    if (budget)
        atomic_fetch_add_explicit(&budget->lent, bytes, memory_order_relaxed);
}

void rv_budget_take_back(rv_budget *budget, size_t bytes)
{
    if (!budget)
        return;
    size_t before = atomic_fetch_sub_explicit(&budget->lent, bytes, memory_order_relaxed);
    assert(before >= bytes);
    (void)before;
}

size_t rv_budget_limit(const rv_budget *budget)
{
    size_t limit = SIZE_MAX;
    if (!budget ||
        rv_add_size(&limit, budget->limit, atomic_load_explicit(&budget->lent, memory_order_relaxed)))
        return SIZE_MAX;
    return limit;
}

size_t rv_budget_used(const rv_budget *budget)
{
    return budget ? atomic_load_explicit(&budget->used, memory_order_relaxed) : 0;
}

size_t rv_budget_peak(const rv_budget *budget)
{
    return budget ? atomic_load_explicit(&budget->peak, memory_order_relaxed) : 0;
}

static size_t read_all(int fd, char *out, size_t size)
{
    size_t len = 0;
    while (len < size) {
        ssize_t n = read(fd, out + len, size - len);
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    return len;
}

/* A field of /proc/self/status such as "\nVmRSS:", which "\t   1234 kB" follows; in bytes, 0 when it cannot
 * be had. */
static size_t status_field(const char *name)
{
    char text[4096]; /* the file is about 1.5 KB; the Vm fields stand in its first half */
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    size_t len = read_all(fd, text, sizeof text - 1);
    close(fd);
    text[len] = '\0';
    const char *at = strstr(text, name);
    if (!at)
        return 0;
    at += strlen(name);
    at += strspn(at, " \t");
    size_t kib = 0;
    for (; *at >= '0' && *at <= '9' && kib < SIZE_MAX / 20480; at++)
        kib = kib * 10 + (size_t)(*at - '0');
    return kib * 1024;
}

size_t rv_rss_bytes(void)
{
    return status_field("\nVmRSS:");
}

size_t rv_rss_peak_bytes(void)
{
    return status_field("\nVmHWM:");
}
