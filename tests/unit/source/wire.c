#include "unit/source/wire.h"

#include "rivet/bytes.h"

#include <string.h>

void wire_raw(wire *w, const void *bytes, size_t len)
{
    assert_true(len <= WIRE_BYTES - w->len);
    if (len > 0)
        memcpy(w->bytes + w->len, bytes, len);
    w->len += len;
}

const char *wire_decoded(const rv_batch *batch)
{
    static char text[WIRE_BYTES];
    rv_bytes bytes = RV_BYTES_INIT(WIRE_BYTES - 1);
    const rv_column *column = &batch->columns[0];
    assert_true(batch->rows > 0);
    if (rv_column_is_null(column, batch->rows - 1))
        return "NULL";
    assert_int_equal(rv_column_text(column, batch->rows - 1, &bytes, NULL), RV_OK);
    if (bytes.len > 0)
        memcpy(text, bytes.data, bytes.len);
    text[bytes.len] = '\0';
    rv_bytes_deinit(&bytes);
    return text;
}
