#include "output.h"

#include <string.h>

enum { GATHERED_BYTES = 64 << 10 };

rv_code rvi_pq_output_init(rvi_pq_output *out, rv_sink *sink, rvi_pq_memory *memory, rv_error *err)
{
    *out = (rvi_pq_output){.sink = sink, .waiting = {.memory = memory}};
    return rvi_pq_buf_reserve(&out->waiting, GATHERED_BYTES, err);
}

void rvi_pq_output_deinit(rvi_pq_output *out)
{
    if (out->waiting.memory != NULL)
        rvi_pq_buf_free(&out->waiting);
}

rv_code rvi_pq_output_flush(rvi_pq_output *out, rv_error *err)
{
    RV_TRY(rv_sink_write(out->sink, out->waiting.data, out->waiting.len, err));
    out->waiting.len = 0;
    return RV_OK;
}

rv_code rvi_pq_output_write(rvi_pq_output *out, const void *data, size_t len, rv_error *err)
{
    if (len > GATHERED_BYTES - out->waiting.len)
        RV_TRY(rvi_pq_output_flush(out, err));
    if (len >= GATHERED_BYTES) {
        RV_TRY(rv_sink_write(out->sink, data, len, err));
    } else if (len > 0) {
        memcpy(out->waiting.data + out->waiting.len, data, len);
        out->waiting.len += len;
    }
    out->offset += len;
    return RV_OK;
}
