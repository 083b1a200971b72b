#include "window.h"

#include <assert.h>
#include <string.h>

enum { READ_AHEAD = 64 << 10 }; /* a lockstep reader of a wide table has one window per column */

rv_code rvi_pqr_window_get(rvi_pqr_window *window, uint64_t at, size_t len, const uint8_t **out,
                           rv_error *err)
{
    assert(at >= window->at && at <= window->end && len <= window->end - at);
    rvi_pq_buf *bytes = &window->bytes;
    if (len == 0) {
        *out = (const uint8_t *)"";
        return RV_OK;
    }
    size_t passed = at - window->at < bytes->len ? (size_t)(at - window->at) : bytes->len;
    if (bytes->len - passed < len || at > window->at + bytes->len) {
        if (passed > 0)
            memmove(bytes->data, bytes->data + passed, bytes->len - passed);
        bytes->len -= passed;
        window->at = at;
        passed = 0;
        size_t missing = len > bytes->len ? len - bytes->len : 0;
        uint64_t behind = window->end - at - bytes->len; /* of the range, not read yet */
        size_t want = missing < READ_AHEAD ? READ_AHEAD : missing;
        want = want > behind ? (size_t)behind : want;
        RV_TRY(rvi_pq_buf_reserve(bytes, want, err));
        RV_TRY(rv_input_read(window->input, at + bytes->len, bytes->data + bytes->len, want, err));
        bytes->len += want;
    }
    *out = bytes->data + passed;
    return RV_OK;
}

void rvi_pqr_window_drop(rvi_pqr_window *window)
{
    rvi_pq_buf_free(&window->bytes);
}

void rvi_pqr_window_deinit(rvi_pqr_window *window)
{
    if (window->bytes.memory != NULL)
        rvi_pqr_window_drop(window);
}
