#include "rivet/scratch.h"

#include <assert.h>

rv_code rv_scratch_write(rv_scratch *scratch, uint64_t at, const void *data, size_t len, rv_error *err)
{
    assert(scratch && scratch->write);
    return len == 0 ? RV_OK : scratch->write(scratch, at, data, len, err);
}

rv_code rv_scratch_read(rv_scratch *scratch, uint64_t at, void *out, size_t len, rv_error *err)
{
    assert(scratch && scratch->read);
    return len == 0 ? RV_OK : scratch->read(scratch, at, out, len, err);
}

void rv_scratch_reset(rv_scratch *scratch)
{
    assert(scratch && scratch->reset);
    scratch->reset(scratch);
}
