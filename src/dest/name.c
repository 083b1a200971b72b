#include "dest/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7F;
}

static const char *fault_of_name(const char *name)
{
    if (name[0] == '\0')
        return "it is empty";
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strchr(name, '/') != NULL)
        return "it would lie outside the destination";
    for (const char *at = name; *at != '\0'; at++)
        if (is_control(*at))
            return "it contains a control character";
    return NULL;
}

rv_code rvi_dest_check_name(const char *name, rv_error *err)
{
    const char *fault = fault_of_name(name);
    if (fault == NULL)
        return RV_OK;
    return rv_fail(err, RV_E_DEST_DENIED, "the object name '%s' is not allowed: %s", name, fault);
}

rv_code rvi_random_text(char out[RVI_RANDOM_TEXT_BYTES], rv_error *err)
{
    uint64_t bits;
    ssize_t got;
    /* Up to 256 bytes come whole once the system's pool is ready; a signal can only interrupt the wait before
     * (getrandom(2)). */
    do {
        got = getrandom(&bits, sizeof bits, 0);
    } while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof bits)
        return rv_fail_os(err, RV_E_IO, got < 0 ? errno : EIO, "cannot get random bytes for a file name");
    snprintf(out, RVI_RANDOM_TEXT_BYTES, "%016" PRIx64, bits);
    return RV_OK;
}
