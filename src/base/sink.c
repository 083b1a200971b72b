#include "rivet/sink.h"

#include <assert.h>

rv_code rv_sink_write(rv_sink *sink, const void *data, size_t len, rv_error *err)
{
    assert(sink && sink->write);
    if (len == 0)
        return RV_OK;
    RV_TRY(sink->write(sink, data, len, err));
    sink->written += len;
    return RV_OK;
}
