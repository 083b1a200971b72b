#include "store.h"

#include "rivet/checked.h"

#include <assert.h>
#include <string.h>

void rvi_pq_store_init(rvi_pq_store *store, size_t segment_bytes, rvi_pq_memory *memory)
{
    *store = (rvi_pq_store){.memory = memory, .segment_bytes = segment_bytes};
}

static void free_segments(rvi_pq_store *store)
{
    for (size_t i = 0; i < store->n_segments; i++)
        rvi_pq_release(store->memory, store->segments[i], store->segment_bytes);
    store->n_segments = 0;
}

void rvi_pq_store_deinit(rvi_pq_store *store)
{
    free_segments(store);
    rvi_pq_release(store->memory, store->segments, store->cap_segments * sizeof *store->segments);
    rvi_pq_release(store->memory, store->window, RVI_PQ_STORE_WINDOW);
    *store = (rvi_pq_store){.memory = store->memory, .segment_bytes = store->segment_bytes};
}

static rv_code add_segment(rvi_pq_store *store, rv_error *err)
{
    if (store->n_segments == store->cap_segments) {
        size_t cap = store->cap_segments == 0 ? 16 : store->cap_segments * 2, bytes = 0;
        if (rv_mul_size(&bytes, cap, sizeof *store->segments))
            return rv_fail(err, RV_E_LIMIT_EXCEEDED, "too many segments for one Parquet file");
        void *segments = store->segments;
        RV_TRY(rvi_pq_resize(store->memory, &segments, store->cap_segments * sizeof *store->segments, bytes,
                             err));
        store->segments = segments;
        store->cap_segments = cap;
    }
    void *segment = NULL;
    RV_TRY(rvi_pq_resize(store->memory, &segment, 0, store->segment_bytes, err));
    store->segments[store->n_segments++] = segment;
    return RV_OK;
}

rv_code rvi_pq_store_spill(rvi_pq_store *store, rv_error *err)
{
    assert(store->scratch != NULL);
    for (size_t i = 0; store->spilled < store->len; i++) {
        uint64_t left = store->len - store->spilled;
        size_t n = left < store->segment_bytes ? (size_t)left : store->segment_bytes;
        RV_TRY(rv_scratch_write(store->scratch, store->spilled, store->segments[i], n, err));
        store->spilled += n;
    }
    free_segments(store);
    return RV_OK;
}

rv_code rvi_pq_store_append(rvi_pq_store *store, const void *data, size_t len, rv_error *err)
{
    if (store->scratch != NULL && len > RVI_PQ_STORE_DIRECT) {
        RV_TRY(rvi_pq_store_spill(store, err));
        RV_TRY(rv_scratch_write(store->scratch, store->len, data, len, err));
        store->len += len;
        store->spilled = store->len;
        return RV_OK;
    }
    while (rvi_pq_store_held(store) - (store->len - store->spilled) < len)
        RV_TRY(add_segment(store, err));
    const uint8_t *from = data;
    while (len > 0) {
        uint64_t place = store->len - store->spilled;
        size_t at = (size_t)(place % store->segment_bytes);
        size_t n = store->segment_bytes - at < len ? store->segment_bytes - at : len;
        memcpy(store->segments[place / store->segment_bytes] + at, from, n);
        from += n;
        len -= n;
        store->len += n;
    }
    return RV_OK;
}

void rvi_pq_store_truncate(rvi_pq_store *store, uint64_t len)
{
    assert(len <= store->len);
    store->len = len;
    if (store->spilled > len)
        store->spilled = len; /* and the segments hold nothing */
    if (len == 0 && store->scratch != NULL)
        rv_scratch_reset(store->scratch);
}

/* [at, at + len) of what lies in the scratch. */
static rv_code write_spilled(rvi_pq_store *store, uint64_t at, uint64_t len, rvi_pq_output *out,
                             rv_error *err)
{
    if (len > 0 && store->window == NULL)
        RV_TRY(rvi_pq_resize(store->memory, &store->window, 0, RVI_PQ_STORE_WINDOW, err));
    while (len > 0) {
        size_t n = len < RVI_PQ_STORE_WINDOW ? (size_t)len : RVI_PQ_STORE_WINDOW;
        RV_TRY(rv_scratch_read(store->scratch, at, store->window, n, err));
        RV_TRY(rvi_pq_output_write(out, store->window, n, err));
        at += n;
        len -= n;
    }
    return RV_OK;
}

rv_code rvi_pq_store_write(rvi_pq_store *store, uint64_t at, uint64_t len, rvi_pq_output *out, rv_error *err)
{
    assert(at + len <= store->len);
    uint64_t away = at >= store->spilled ? 0 : store->spilled - at < len ? store->spilled - at : len;
    RV_TRY(write_spilled(store, at, away, out, err));
    uint64_t place = at + away - store->spilled; /* in the segments; means nothing when all of it was away */
    for (len -= away; len > 0;) {
        size_t in_segment = (size_t)(place % store->segment_bytes);
        size_t n = store->segment_bytes - in_segment;
        n = n < len ? n : (size_t)len;
        RV_TRY(rvi_pq_output_write(out, store->segments[place / store->segment_bytes] + in_segment, n, err));
        place += n;
        len -= n;
    }
    return RV_OK;
}
