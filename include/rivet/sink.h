/* rivet/sink.h - where bytes go. A format writes to a sink and never learns what a destination is.
 *
 * A sink is strictly sequential. write() takes all bytes or fails; after a failure the sink is good for nothing
 * but being closed by its owner. One thread at a time. */
#ifndef RIVET_SINK_H
#define RIVET_SINK_H

#include "rivet/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct rv_sink rv_sink;
struct rv_sink {
    rv_code (*write)(rv_sink *sink, const void *data, size_t len, rv_error *err);
    uint64_t written; /* bytes accepted so far; kept by rv_sink_write() */
};

/* Fails with what the sink's owner defines (DEST_FULL, DEST_WRITE, DEST_CLOSED, SPOOL …). len 0 is fine. */
rv_code rv_sink_write(rv_sink *sink, const void *data, size_t len, rv_error *err) RV_MUST_CHECK;

#endif
