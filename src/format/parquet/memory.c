#include "memory.h"

#include "rivet/checked.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* No page or dictionary may pass 2 GiB (their sizes are i32 in the file); twice that is plainly a mistake. */
static const size_t MAX_BUFFER_BYTES = (size_t)4 << 30;

void rvi_pq_release(rvi_pq_memory *memory, void *block, size_t bytes)
{
    if (block == NULL)
        return;
    free(block);
    assert(memory->used >= bytes);
    memory->used -= bytes;
    rv_budget_release(memory->budget, bytes);
}

static rv_code charge(rvi_pq_memory *memory, size_t bytes, rv_error *err)
{
    if (!rv_budget_charge(memory->budget, bytes)) {
        rv_code rc = rv_fail(err, RV_E_MEMORY_BUDGET,
                             "Parquet needs %zu more bytes; %zu of the limit of %zu bytes are in use", bytes,
                             rv_budget_used(memory->budget), rv_budget_limit(memory->budget));
        rv_hint(err, "one value or row may be very large; raise tuning.batch_size_memory_mb (the budget "
                     "grows with it) or leave the column out");
        return rc;
    }
    memory->used += bytes;
    return RV_OK;
}

static void uncharge(rvi_pq_memory *memory, size_t bytes)
{
    memory->used -= bytes;
    rv_budget_release(memory->budget, bytes);
}

rv_code rvi_pq_resize(rvi_pq_memory *memory, void **block, size_t old_bytes, size_t new_bytes, rv_error *err)
{
    assert(new_bytes > 0);
    if (new_bytes > old_bytes)
        RV_TRY(charge(memory, new_bytes - old_bytes, err));
    void *moved = realloc(*block, new_bytes);
    if (moved == NULL) {
        if (new_bytes > old_bytes)
            uncharge(memory, new_bytes - old_bytes);
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "%zu bytes for the Parquet writer", new_bytes);
    }
    if (new_bytes < old_bytes)
        uncharge(memory, old_bytes - new_bytes);
    *block = moved;
    return RV_OK;
}

/* The smallest step of the ladder that holds `need`: at most an eighth is unused, and little of what only a huge value
 * can need. */
static size_t ladder(size_t need)
{
    enum { SMALLEST = 64, STEPS_PER_DOUBLING = 8, HUGE_NEED = 4 << 20, HUGE_STEPS_PER_DOUBLING = 256 };
    if (need <= SMALLEST)
        return SMALLEST;
    unsigned top = 63u - (unsigned)__builtin_clzll((unsigned long long)(need - 1));
    size_t steps = need > HUGE_NEED ? HUGE_STEPS_PER_DOUBLING : STEPS_PER_DOUBLING;
    size_t step = ((size_t)1 << top) / steps;
    return (need + step - 1) / step * step;
}

rv_code rvi_pq_buf_reserve(rvi_pq_buf *buf, size_t n, rv_error *err)
{
    size_t need = 0;
    if (rv_add_size(&need, buf->len, n) || need > MAX_BUFFER_BYTES)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "more than %zu bytes for one Parquet page",
                       MAX_BUFFER_BYTES);
    if (need <= buf->cap)
        return RV_OK;
    size_t cap = ladder(need);
    void *data = buf->data;
    RV_TRY(rvi_pq_resize(buf->memory, &data, buf->cap, cap, err));
    buf->data = data;
    buf->cap = cap;
    return RV_OK;
}

rv_code rvi_pq_buf_append(rvi_pq_buf *buf, const void *data, size_t len, rv_error *err)
{
    RV_TRY(rvi_pq_buf_reserve(buf, len, err));
    if (len > 0)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    return RV_OK;
}

void rvi_pq_buf_move(rvi_pq_buf *to, rvi_pq_buf *from)
{
    assert(to->data == NULL && to->memory->budget == from->memory->budget);
    to->data = from->data;
    to->len = from->len;
    to->cap = from->cap;
    to->memory->used += from->cap;
    from->memory->used -= from->cap;
    from->data = NULL;
    from->len = from->cap = 0;
}

void rvi_pq_buf_free(rvi_pq_buf *buf)
{
    rvi_pq_release(buf->memory, buf->data, buf->cap);
    buf->data = NULL;
    buf->len = buf->cap = 0;
}
