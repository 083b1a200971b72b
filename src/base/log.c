#include "rivet/log.h"

#include "base/internal.h"

#include <stddef.h>

enum { LINE_BYTES = 1024 };

/* The one mutable global of the program: written before threads start, read-only afterwards. */
static struct {
    rv_log_fn fn;
    void *context;
    rv_log_level level;
} installed = {.level = RV_LOG_WARN};

void rv_log_install(rv_log_fn fn, void *context, rv_log_level level)
{
    installed.fn = fn;
    installed.context = context;
    installed.level = level;
}

rv_log_level rv_log_current_level(void)
{
    return installed.level;
}

void rv_log(rv_log_level level, const char *fmt, ...)
{
    if (!installed.fn || level > installed.level)
        return;
    char line[LINE_BYTES];
    va_list args;
    va_start(args, fmt);
    rvi_vformat(line, sizeof line, fmt, args);
    va_end(args);
    /* One event is one line: a server's message must not be able to forge the next one. */
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    installed.fn(installed.context, level, line);
}
