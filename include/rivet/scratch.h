/* rivet/scratch.h - room outside memory for what is needed again soon: bytes by position, gone when it is closed.
 *
 * Who makes one says where the bytes lie; who uses it does not know. One user at a time, one thread at a time. After a
 * failure a scratch is good for nothing but being closed by its owner. */
#ifndef RIVET_SCRATCH_H
#define RIVET_SCRATCH_H

#include "rivet/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct rv_scratch rv_scratch;
struct rv_scratch {
    rv_code (*write)(rv_scratch *scratch, uint64_t at, const void *data, size_t len, rv_error *err);
    rv_code (*read)(rv_scratch *scratch, uint64_t at, void *out, size_t len, rv_error *err);
    void (*reset)(rv_scratch *scratch);
};

/* Both move all of len bytes or fail with what the scratch's owner defines (DEST_FULL, SPOOL …). Reading what was
 * never written fails too. len 0 is fine. */
rv_code rv_scratch_write(rv_scratch *scratch, uint64_t at, const void *data, size_t len,
                         rv_error *err) RV_MUST_CHECK;
rv_code rv_scratch_read(rv_scratch *scratch, uint64_t at, void *out, size_t len, rv_error *err) RV_MUST_CHECK;
void rv_scratch_reset(rv_scratch *scratch); /* forget everything, and give the room back */

#endif
