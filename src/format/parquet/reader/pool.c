#include "pool.h"

#include "rivet/checked.h"

#include <stdalign.h>
#include <string.h>

struct rvi_pqr_block {
    rvi_pqr_block *next;
    size_t bytes, used; /* of the whole block, this header included */
};

enum {
    BLOCK_AT_FIRST = 4 << 10,
    BLOCK_MOST = 64 << 10, /* blocks double up to here; what is larger has a block of its own */
    ALIGN = alignof(max_align_t),
    HEADER = (sizeof(rvi_pqr_block) + ALIGN - 1) / ALIGN * ALIGN,
};

static rv_code add_block(rvi_pqr_pool *pool, size_t need, rv_error *err)
{
    size_t bytes = pool->blocks == NULL ? BLOCK_AT_FIRST : pool->blocks->bytes * 2;
    bytes = bytes > BLOCK_MOST ? BLOCK_MOST : bytes;
    bytes = bytes < need + HEADER ? need + HEADER : bytes;
    void *block = NULL;
    RV_TRY(rvi_pq_resize(pool->memory, &block, 0, bytes, err));
    memset(block, 0, bytes);
    rvi_pqr_block *head = block;
    *head = (rvi_pqr_block){.next = pool->blocks, .bytes = bytes, .used = HEADER};
    pool->blocks = head;
    return RV_OK;
}

rv_code rvi_pqr_pool_alloc(rvi_pqr_pool *pool, size_t n, size_t size, void **out, rv_error *err)
{
    size_t bytes = 0;
    if (rv_mul_size(&bytes, n, size) || bytes > SIZE_MAX / 2)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "a list of %zu elements is too long", n);
    bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (pool->blocks == NULL || pool->blocks->bytes - pool->blocks->used < bytes)
        RV_TRY(add_block(pool, bytes, err));
    *out = (uint8_t *)pool->blocks + pool->blocks->used;
    pool->blocks->used += bytes;
    return RV_OK;
}

rv_code rvi_pqr_pool_text(rvi_pqr_pool *pool, const void *bytes, size_t len, const char **out, rv_error *err)
{
    void *copy = NULL;
    RV_TRY(rvi_pqr_pool_alloc(pool, len + 1, 1, &copy, err));
    if (len > 0)
        memcpy(copy, bytes, len);
    *out = copy;
    return RV_OK;
}

void rvi_pqr_pool_clear(rvi_pqr_pool *pool)
{
    while (pool->blocks != NULL) {
        rvi_pqr_block *block = pool->blocks;
        pool->blocks = block->next;
        rvi_pq_release(pool->memory, block, block->bytes);
    }
}
