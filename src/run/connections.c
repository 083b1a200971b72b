#include "internal.h"

#include <stdlib.h>

/* Permits to have a connection to the source, shared by all exports of a process. Only the first lane of a run waits
 * for one, and holds none while it does, so nobody waits for somebody who waits. */
struct rv_connections {
    atomic_int n_left;
};

rv_code rv_connections_new(rv_connections **out, int limit, rv_error *err)
{
    rv_connections *made = calloc(1, sizeof *made);
    if (made == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "counting connections");
    atomic_init(&made->n_left, limit);
    *out = made;
    return RV_OK;
}

void rv_connections_free(rv_connections *connections)
{
    free(connections);
}

bool rv_connections_try(rv_connections *connections)
{
    if (connections == NULL)
        return true;
    for (int n = atomic_load(&connections->n_left); n > 0;)
        if (atomic_compare_exchange_weak(&connections->n_left, &n, n - 1))
            return true;
    return false;
}

void rv_connections_give_back(rv_connections *connections)
{
    if (connections != NULL)
        atomic_fetch_add(&connections->n_left, 1);
}

rv_code rvi_connections_wait(rvi_run *run, rv_error *err)
{
    enum { LOOK_AGAIN_US = 50 * 1000 };
    const rv_clock *clock = run->context->clock;
    while (!rv_connections_try(run->context->connections))
        if (!clock->sleep_us(clock, LOOK_AGAIN_US, run->stop))
            return rv_fail(err, RV_E_CANCELLED, "the run was stopped");
    run->has_permit = true;
    return RV_OK;
}
