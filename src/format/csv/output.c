#include "format/csv/internal.h"

static rv_code hand_on(rvi_csv_output *out, const void *data, size_t len, rv_error *err)
{
    RV_TRY(out->codec ? rvi_csv_codec_write(out->codec, data, len, err)
                      : rv_sink_write(out->sink, data, len, err));
    out->passed += len;
    return RV_OK;
}

rv_code rvi_csv_flush(rvi_csv_output *out, rv_error *err)
{
    const size_t len = out->len;
    out->len = 0;
    return len == 0 ? RV_OK : hand_on(out, out->bytes, len, err);
}

rv_code rvi_csv_put(rvi_csv_output *out, const void *data, size_t len, rv_error *err)
{
    RV_TRY(rvi_csv_room(out, len < RVI_CSV_BUFFER_BYTES ? len : RVI_CSV_BUFFER_BYTES, err));
    if (len >= RVI_CSV_BUFFER_BYTES)
        return hand_on(out, data, len, err);
    memcpy(out->bytes + out->len, data, len);
    out->len += len;
    return RV_OK;
}

uint64_t rvi_csv_output_bytes(const rvi_csv_output *out)
{
    return out->sink->written - out->start;
}
