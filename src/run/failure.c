#include "internal.h"

#include "rivet/log.h"

#include <stdio.h>

void rvi_run_fail(rvi_run *run, const rv_error *err)
{
    pthread_mutex_lock(&run->failure_lock);
    if (run->failure.code == RV_OK)
        run->failure = *err;
    else
        run->n_later_failures++;
    pthread_mutex_unlock(&run->failure_lock);
    rv_cancel_request(run->cancel);
}

bool rvi_run_should_end(rvi_run *run)
{
    return rv_cancel_requested(run->stop) || rvi_snapshot_is_lost(run);
}

rv_code rvi_run_failure(rvi_run *run, rv_error *out)
{
    pthread_mutex_lock(&run->failure_lock);
    rv_code code = run->failure.code;
    if (code != RV_OK && out != NULL)
        *out = run->failure;
    pthread_mutex_unlock(&run->failure_lock);
    return code;
}

void rvi_run_note(rvi_run *run, const char *fmt, ...)
{
    char note[RV_NOTE_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(note, sizeof note, fmt, args);
    va_end(args);
    rv_redact(run->context->redactor, note, sizeof note);
    rv_log(RV_LOG_WARN, "export '%s': %s", run->export_config->name, note);
    if (run->summary->n_notes < RV_MAX_NOTES)
        (void)snprintf(run->summary->notes[run->summary->n_notes++], RV_NOTE_BYTES, "%s", note);
}
