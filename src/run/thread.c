#include "internal.h"

#include <sys/resource.h>

rv_code rvi_thread_start(rvi_thread *thread, void *(*body)(void *), void *argument, const char *name,
                         rv_error *err)
{
    int os_errno = pthread_create(&thread->id, NULL, body, argument);
    if (os_errno != 0)
        return rv_fail_os(err, RV_E_IO, os_errno, "starting the %s thread", name);
    thread->started = true;
    return RV_OK;
}

/* On Linux the priority is a thread's own, not the process's: setpriority(2), "C library/kernel differences". */
void rvi_thread_give_way(const rvi_run *run)
{
    enum { NICE = 19, THIS_THREAD = 0 };
    if (run->export_config->tuning.gives_way)
        (void)setpriority(PRIO_PROCESS, THIS_THREAD, NICE); /* as it is, where the system does not let us */
}

void rvi_thread_join(rvi_thread *thread)
{
    if (thread->started)
        pthread_join(thread->id, NULL);
    thread->started = false;
}
