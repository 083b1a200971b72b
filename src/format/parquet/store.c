#include "store.h"

#include "rivet/checked.h"

#include <assert.h>
#include <string.h>

void rvi_pq_store_init(rvi_pq_store *store, size_t segment_bytes, rvi_pq_memory *memory)
{
    *store = (rvi_pq_store){.memory = memory, .segment_bytes = segment_bytes};
}

void rvi_pq_store_deinit(rvi_pq_store *store)
{
    for (size_t i = 0; i < store->n_segments; i++)
        rvi_pq_release(store->memory, store->segments[i], store->segment_bytes);
    rvi_pq_release(store->memory, store->segments, store->cap_segments * sizeof *store->segments);
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

rv_code rvi_pq_store_append(rvi_pq_store *store, const void *data, size_t len, rv_error *err)
{
    while (store->n_segments * store->segment_bytes - store->len < len)
        RV_TRY(add_segment(store, err));
    const uint8_t *from = data;
    while (len > 0) {
        size_t at = (size_t)(store->len % store->segment_bytes);
        size_t n = store->segment_bytes - at < len ? store->segment_bytes - at : len;
        memcpy(store->segments[store->len / store->segment_bytes] + at, from, n);
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
}

rv_code rvi_pq_store_write(const rvi_pq_store *store, uint64_t at, uint64_t len, rvi_pq_output *out,
                           rv_error *err)
{
    assert(at + len <= store->len);
    while (len > 0) {
        size_t in_segment = (size_t)(at % store->segment_bytes);
        size_t n = store->segment_bytes - in_segment;
        n = n < len ? n : (size_t)len;
        RV_TRY(rvi_pq_output_write(out, store->segments[at / store->segment_bytes] + in_segment, n, err));
        at += n;
        len -= n;
    }
    return RV_OK;
}
