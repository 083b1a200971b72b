#include "rivet/crash_point.h"

#ifdef RIVET_CRASH_POINTS

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void rv_crash_point(const char *name)
{
    static atomic_int passed; /* counts only the armed point, so one counter serves */
    const char *armed = getenv("RIVET_CRASH_AT");
    if (armed == NULL)
        return;
    size_t len = strcspn(armed, ":");
    if (strlen(name) != len || memcmp(name, armed, len) != 0)
        return;
    long wanted = armed[len] == ':' ? strtol(armed + len + 1, NULL, 10) : 1;
    if (atomic_fetch_add(&passed, 1) + 1 == wanted)
        raise(SIGKILL);
}

#else
typedef int rvi_crash_points_are_off; /* ISO C forbids an empty translation unit */
#endif
