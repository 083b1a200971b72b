#include "internal.h"

rv_code rvi_thread_start(rvi_thread *thread, void *(*body)(void *), void *argument, const char *name,
                         rv_error *err)
{
    int os_errno = pthread_create(&thread->id, NULL, body, argument);
    if (os_errno != 0)
        return rv_fail_os(err, RV_E_IO, os_errno, "starting the %s thread", name);
    thread->started = true;
    return RV_OK;
}

void rvi_thread_join(rvi_thread *thread)
{
    if (thread->started)
        pthread_join(thread->id, NULL);
    thread->started = false;
}
