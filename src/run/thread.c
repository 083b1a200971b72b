#include "internal.h"

#include <sched.h>

rv_code rvi_thread_start(rvi_thread *thread, void *(*body)(void *), void *argument, const char *name,
                         rv_error *err)
{
    int os_errno = pthread_create(&thread->id, NULL, body, argument);
    if (os_errno != 0)
        return rv_fail_os(err, RV_E_IO, os_errno, "starting the %s thread", name);
    thread->started = true;
    return RV_OK;
}

/* Linux: policy and priority are a thread's own (sched_setscheduler(2), setpriority(2)). SCHED_IDLE rather than a nice
 * value, since a core that only such threads use counts as idle when the kernel looks for one for somebody who wakes up
 * (sched(7)); <sched.h> has its number for _GNU_SOURCE only. */
void rvi_thread_give_way(const rvi_run *run)
{
    enum { LINUX_SCHED_IDLE = 5, THIS_THREAD = 0 };
    const struct sched_param none = {.sched_priority = 0};
    if (run->export_config->tuning.gives_way)
        (void)sched_setscheduler(THIS_THREAD, LINUX_SCHED_IDLE,
                                 &none); /* as it is, where the system has none */
}

void rvi_thread_join(rvi_thread *thread)
{
    if (thread->started)
        pthread_join(thread->id, NULL);
    thread->started = false;
}
