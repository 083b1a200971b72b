#include "rivet/error.h"

#include "base/internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

typedef struct code_row {
    rv_code code;
    rv_exit exit_class;
    rv_retry retry;
    const char *name, *title;
} code_row;

static const code_row code_rows[] = {
    {RV_OK, RV_EXIT_OK, RV_RETRY_NEVER, "RIVET_OK", "success"},
#define RV_ERROR(symbol, number, exit_class, retry, title) \
    {RV_E_##symbol, exit_class, retry, "RIVET_" #symbol, title},
#include "rivet/error.def"
#undef RV_ERROR
};

static const code_row unknown_row = {RV_OK, RV_EXIT_FAILED, RV_RETRY_NEVER, "RIVET_UNKNOWN", "unknown error"};

static const code_row *row_of(rv_code code)
{
    for (size_t i = 0; i < sizeof code_rows / sizeof code_rows[0]; i++)
        if (code_rows[i].code == code)
            return &code_rows[i];
    return &unknown_row;
}

/* ": No space left on device"; empty for 0. strerror() is not thread-safe, hence the XSI strerror_r(). */
static size_t os_text(char *out, size_t size, int os_errno)
{
    out[0] = '\0';
    if (os_errno == 0)
        return 0;
    char text[128];
    if (strerror_r(os_errno, text, sizeof text) != 0)
        snprintf(text, sizeof text, "system error %d", os_errno);
    snprintf(out, size, ": %s", text);
    return strlen(out);
}

rv_code rv_fail_at(rv_error *err, rv_code code, int os_errno, const char *file, int line, const char *fmt,
                   ...)
{
    assert(code != RV_OK);
    if (!err)
        return code;

    /* Into locals first: the arguments may point into `err` itself. */
    char message[sizeof err->message];
    char suffix[160];
    size_t suffix_len = os_text(suffix, sizeof suffix, os_errno);
    va_list args;
    va_start(args, fmt);
    size_t len = rvi_vformat(message, sizeof message - suffix_len, fmt, args);
    va_end(args);
    memcpy(message + len, suffix, suffix_len + 1);

    rv_error_clear(err);
    err->code = code;
    err->retry = rv_code_retry(code);
    err->os_errno = os_errno;
    err->file = file;
    err->line = line;
    memcpy(err->message, message, len + suffix_len + 1);
    return code;
}

rv_code rv_wrap(rv_error *err, rv_code code, const char *fmt, ...)
{
    if (!err)
        return code;
    /* A callee that returned a code without calling rv_fail() is caught here. */
    assert(err->code == code);
    if (err->n_frames == RV_ERROR_FRAMES) {
        if (err->n_dropped < UINT8_MAX)
            err->n_dropped++;
        return code;
    }
    va_list args;
    va_start(args, fmt);
    rvi_vformat(err->frame[err->n_frames], RV_ERROR_FRAME_BYTES, fmt, args);
    va_end(args);
    err->n_frames++;
    return code;
}

void rv_hint(rv_error *err, const char *fmt, ...)
{
    if (!err || err->hint[0])
        return;
    va_list args;
    va_start(args, fmt);
    rvi_vformat(err->hint, sizeof err->hint, fmt, args);
    va_end(args);
}

void rv_native(rv_error *err, const char *native)
{
    if (!err)
        return;
    size_t len = native ? strnlen(native, sizeof err->native - 1) : 0;
    memmove(err->native, native ? native : "", len);
    err->native[len] = '\0';
}

void rv_error_clear(rv_error *err)
{
    if (err)
        *err = (rv_error){0};
}

const char *rv_code_name(rv_code code)
{
    return row_of(code)->name;
}

const char *rv_code_title(rv_code code)
{
    return row_of(code)->title;
}

rv_exit rv_code_exit(rv_code code)
{
    return row_of(code)->exit_class;
}

rv_retry rv_code_retry(rv_code code)
{
    return row_of(code)->retry;
}
