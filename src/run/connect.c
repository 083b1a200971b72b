/* connect.c - patience with a source that is asked for a connection.
 *
 * Where a run begins, nobody knows yet whether the source is where the configuration says. An address that does not
 * answer is then more often a mistake, or a server that is down for longer, than a moment's absence: one repetition
 * after a moment, and whoever started the run is told. A server that answers that it is full or starting is there, and
 * is waited for. So is one that this run has already read from: what is lost on the way comes back. */
#include "internal.h"

#include "rivet/log.h"

rv_code rvi_connect(const rvi_connecting *c, rvi_attempt_fn attempt, void *object, rv_error *err)
{
    const rv_clock *clock = c->context->clock;
    rvi_retry retry;
    rvi_retry_init(&retry, &c->export_config->tuning, 0, (uint64_t)clock->mono_us(clock));
    for (;;) {
        rv_error failure = {0};
        rv_code rc = attempt(object, &failure);
        if (rc == RV_OK)
            return RV_OK;
        int64_t pause_us =
            c->met ? rvi_retry_pause_us(&retry, &failure) : rvi_retry_first_pause_us(&retry, &failure);
        if (pause_us < 0 || !clock->sleep_us(clock, pause_us, c->stop)) {
            if (err != NULL)
                *err = failure;
            return rc;
        }
        if (c->retries != NULL)
            atomic_fetch_add(c->retries, 1);
        rv_log(RV_LOG_WARN, "export '%s': %s; trying again", c->export_config->name, failure.message);
    }
}
