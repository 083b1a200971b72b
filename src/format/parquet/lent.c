#include "lent.h"

#include "rivet/checked.h"

#include <string.h>

/* Before each block, since a library does not say how long the block was that it gives back. */
enum { HEAD_BYTES = 16 };
_Static_assert(HEAD_BYTES >= sizeof(size_t) && HEAD_BYTES % _Alignof(max_align_t) == 0,
               "blocks are aligned for any type");

void *rvi_pq_lend(rvi_pq_lender *lender, size_t bytes)
{
    void *block = NULL;
    size_t total = 0;
    if (rv_add_size(&total, bytes, HEAD_BYTES)) {
        lender->refused = rv_fail(lender->err, RV_E_LIMIT_EXCEEDED, "%zu bytes for a codec", bytes);
        return NULL;
    }
    rv_code rc = rvi_pq_resize(lender->memory, &block, 0, total, lender->err);
    if (rc != RV_OK) {
        lender->refused = rc;
        return NULL;
    }
    memcpy(block, &total, sizeof total);
    return (uint8_t *)block + HEAD_BYTES;
}

void rvi_pq_take_back(rvi_pq_lender *lender, void *block)
{
    if (block == NULL)
        return;
    uint8_t *head = (uint8_t *)block - HEAD_BYTES;
    size_t total;
    memcpy(&total, head, sizeof total);
    rvi_pq_release(lender->memory, head, total);
}
