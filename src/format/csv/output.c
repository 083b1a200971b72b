#include "format/csv/internal.h"

static rv_code hand_on(rvi_csv_output *out, const void *data, size_t len, rv_error *err)
{
    RV_TRY(out->codec ? rvi_csv_codec_write(out->codec, data, len, err)
                      : rv_sink_write(out->sink, data, len, err));
    out->passed += len;
    enum { TELLING_BYTES = 64 }; /* a header alone says nothing */
    const uint64_t written = rvi_csv_output_bytes(out);
    if (written >= out->packed_out + TELLING_BYTES) {
        out->packed_in = out->passed;
        out->packed_out = written;
    }
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

uint64_t rvi_csv_output_estimate(const rvi_csv_output *out)
{
    enum { FIRST_GUESS = 3 }; /* how much text shrinks, before there is anything to go by */
    const uint64_t written = rvi_csv_output_bytes(out), pending = out->passed - out->packed_in + out->len;
    if (out->codec == NULL)
        return written + out->len;
    if (out->packed_in == 0)
        return written + pending / FIRST_GUESS;
    return written + (uint64_t)((double)pending * ((double)out->packed_out / (double)out->packed_in));
}
