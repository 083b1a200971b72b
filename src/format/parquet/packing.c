#include "packing.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>

const rvi_pq_codec_ops *rvi_pq_packing_codec(const rvi_pq_packing *packing)
{
    return packing->contexts[0].codec.ops;
}

/* There is a free one: as many as threads that may be packing for this writer. */
static rvi_pq_context *take_context(rvi_pq_packing *packing)
{
    for (int i = 0;; i = (i + 1) % packing->n_contexts)
        if (!atomic_flag_test_and_set_explicit(&packing->contexts[i].busy, memory_order_acquire))
            return &packing->contexts[i];
}

rv_code rvi_pq_packing_compress(rvi_pq_packing *packing, const uint8_t *data, size_t len,
                                rvi_pq_content content, rvi_pq_buf *out, rv_error *err)
{
    rvi_pq_context *context = take_context(packing);
    rv_code rc = rvi_pq_codec_compress(&context->codec, data, len, content, out, err);
    atomic_flag_clear_explicit(&context->busy, memory_order_release);
    return rc;
}

static rv_code pack(rvi_pq_flight *flight, rv_error *err)
{
    const rvi_pq_buf *stored = &flight->body;
    if (flight->compress) {
        stored = &flight->packed;
        RV_TRY(rvi_pq_packing_compress(flight->packing, flight->body.data, flight->body.len, flight->content,
                                       &flight->packed, err));
    }
    flight->crc = (int32_t)(uint32_t)crc32_z(0, stored->data, stored->len);
    return RV_OK;
}

static void run_flight(rv_work *work)
{
    rvi_pq_flight *flight = (rvi_pq_flight *)work;
    flight->err.code = pack(flight, &flight->err); /* looked at by who awaits it */
}

rv_code rvi_pq_packing_pack(rvi_pq_flight *flight, rv_error *err)
{
    flight->packed.len = 0;
    flight->is_packed = true;
    return pack(flight, err);
}

static rv_code open_contexts(rvi_pq_packing *packing, const rvi_pq_packing_options *options, int n,
                             rv_error *err)
{
    void *contexts = NULL;
    size_t bytes = (size_t)n * sizeof *packing->contexts;
    RV_TRY(rvi_pq_resize(&packing->memory, &contexts, 0, bytes, err));
    memset(contexts, 0, bytes);
    packing->contexts = contexts;
    packing->n_contexts = n;
    for (int i = 0; i < n; i++) {
        rvi_pq_context *context = &packing->contexts[i];
        atomic_flag_clear(&context->busy);
        context->memory.budget = options->budget;
        RV_TRY(rvi_pq_codec_open(&context->codec, options->codec, options->level, &context->memory, err));
        context->codec.table_bytes = options->table_bytes;
    }
    return RV_OK;
}

static rv_code make_flights(rvi_pq_packing *packing, rv_budget *budget, rv_error *err)
{
    void *flights = NULL;
    size_t bytes = RVI_PQ_FLIGHTS * sizeof *packing->flights;
    RV_TRY(rvi_pq_resize(&packing->memory, &flights, 0, bytes, err));
    memset(flights, 0, bytes);
    packing->flights = flights;
    for (size_t i = 0; i < RVI_PQ_FLIGHTS; i++) {
        rvi_pq_flight *flight = &packing->flights[i];
        flight->packing = packing;
        flight->memory.budget = budget;
        flight->body.memory = flight->packed.memory = &flight->memory;
    }
    return RV_OK;
}

/* From level 5 on a context of zstd takes 3.5 MiB: the account has room for two. */
static bool may_share(const rvi_pq_packing_options *options)
{
    enum { CHEAP_LEVEL = 4 };
    return options->codec != RV_CODEC_ZSTD || options->level <= CHEAP_LEVEL ||
           rv_workers_count(options->workers) <= 1;
}

rv_code rvi_pq_packing_init(rvi_pq_packing *packing, const rvi_pq_packing_options *options, rv_error *err)
{
    rv_workers *workers = may_share(options) ? options->workers : NULL;
    enum { THREADS = 3 }; /* more of them share what three have: the account is the same on every machine */
    int n_packers = 1 + rv_workers_count(workers); /* the writer's own thread as well */
    size_t usual = (size_t)(n_packers < THREADS ? n_packers : THREADS) * options->thread_bytes;
    *packing = (rvi_pq_packing){
        .workers = workers, .usual_bytes = usual, .most_bytes = usual, .memory = {.budget = options->budget}};
    for (int i = 0; i < RVI_PQ_SPARES; i++)
        packing->spares[i].memory = &packing->memory;
    RV_TRY(open_contexts(packing, options, n_packers, err));
    return make_flights(packing, options->budget, err);
}

static rvi_pq_flight *flight_at(const rvi_pq_packing *packing, size_t i)
{
    return &packing->flights[(packing->first + i) % RVI_PQ_FLIGHTS];
}

/* What a page takes under way: its body, in a buffer that may have an eighth more than it holds (memory.c), and the room
 * that it is compressed into, which codecs want as large; long texts are tried in half of it. */
static size_t takes(size_t body)
{
    enum { LARGE_PAGE = 1 << 20 }; /* no page of other values is larger */
    return body + body / 8 + (body > LARGE_PAGE ? body / 2 : body);
}

void rvi_pq_packing_expect(rvi_pq_packing *packing, size_t bytes)
{
    enum { LARGE_PAGES = 2 }; /* more would be a good part of the account, however many cores there are */
    size_t n = packing->n_contexts < LARGE_PAGES ? (size_t)packing->n_contexts : LARGE_PAGES;
    size_t large = n * takes(bytes);
    packing->most_bytes = large > packing->usual_bytes ? large : packing->usual_bytes;
}

void rvi_pq_packing_reserve(rvi_pq_packing *packing, size_t bytes)
{
    packing->reserved = bytes;
}

/* Room for `bytes` beside what is reserved, and what the pages under way have yet to ask for: they are being packed, so all
 * of them are taken to be at their beginning. */
static bool account_has(const rvi_pq_packing *packing, size_t bytes)
{
    size_t limit = rv_budget_limit(packing->memory.budget), used = rv_budget_used(packing->memory.budget);
    bytes += packing->reserved;
    for (size_t i = 0; i < packing->n; i++) {
        const rvi_pq_flight *flight = flight_at(packing, i);
        bytes += flight->takes > flight->body.cap ? flight->takes - flight->body.cap : 0;
    }
    return used <= limit && bytes <= limit - used;
}

bool rvi_pq_packing_has_room(const rvi_pq_packing *packing, size_t bytes)
{
    if (packing->n == 0)
        return true;
    return packing->n < RVI_PQ_FLIGHTS && packing->bytes <= packing->most_bytes &&
           takes(bytes) <= packing->most_bytes - packing->bytes && account_has(packing, takes(bytes));
}

rvi_pq_flight *rvi_pq_packing_next(rvi_pq_packing *packing)
{
    assert(packing->n < RVI_PQ_FLIGHTS);
    rvi_pq_flight *flight = flight_at(packing, packing->n);
    flight->work.run = run_flight;
    flight->body.len = flight->packed.len = 0;
    flight->compress = flight->is_packed = false;
    flight->work.state = RV_WORK_IDLE;
    flight->err.code = RV_OK;
    return flight;
}

void rvi_pq_packing_send(rvi_pq_packing *packing)
{
    rvi_pq_flight *flight = flight_at(packing, packing->n);
    packing->n++;
    flight->takes = takes(flight->body.len);
    packing->bytes += flight->takes;
    if (!flight->is_packed)
        rv_workers_start(packing->workers, &flight->work);
}

rvi_pq_flight *rvi_pq_packing_oldest(rvi_pq_packing *packing)
{
    return packing->n > 0 ? flight_at(packing, 0) : NULL;
}

/* Pack the oldest flight that nobody has begun. */
static bool pack_another(rvi_pq_packing *packing)
{
    for (size_t i = 0; i < packing->n; i++) {
        rvi_pq_flight *flight = flight_at(packing, i);
        if (!flight->is_packed && rv_workers_take(packing->workers, &flight->work))
            return true;
    }
    return false;
}

static void wait_for_oldest(rvi_pq_packing *packing)
{
    rvi_pq_flight *flight = flight_at(packing, 0);
    if (flight->is_packed)
        return;
    while (!rv_workers_is_done(packing->workers, &flight->work) && pack_another(packing))
        continue;
    rv_workers_wait(packing->workers, &flight->work);
}

rv_code rvi_pq_packing_await(rvi_pq_packing *packing, rv_error *err)
{
    const rvi_pq_flight *flight = flight_at(packing, 0);
    wait_for_oldest(packing);
    if (flight->err.code != RV_OK && err != NULL)
        *err = flight->err;
    return flight->err.code;
}

/* Keep a body for a page to come, if it is of a size that pays and there is a place and memory for it. */
static void keep_spare(rvi_pq_packing *packing, rvi_pq_buf *body)
{
    enum { LEAST_BYTES = 1 << 20 };
    size_t held = packing->bytes + body->cap;
    for (int i = 0; i < RVI_PQ_SPARES; i++)
        held += packing->spares[i].cap;
    if (body->cap < LEAST_BYTES || held > packing->most_bytes)
        return;
    for (int i = 0; i < RVI_PQ_SPARES; i++)
        if (packing->spares[i].data == NULL) {
            rvi_pq_buf_move(&packing->spares[i], body);
            return;
        }
}

rv_code rvi_pq_packing_reuse(rvi_pq_packing *packing, rvi_pq_buf *buf, size_t cap, rv_error *err)
{
    rvi_pq_buf *spare = &packing->spares[0];
    for (int i = 0; i < RVI_PQ_SPARES; i++)
        spare = packing->spares[i].cap == cap ? &packing->spares[i] : spare;
    if (spare->cap != cap) {
        rvi_pq_buf_free(spare); /* of a size that is no longer asked for */
        return rvi_pq_buf_reserve(buf, cap, err);
    }
    rvi_pq_buf_move(buf, spare);
    buf->len = 0;
    return RV_OK;
}

void rvi_pq_packing_drop(rvi_pq_packing *packing)
{
    rvi_pq_flight *flight = flight_at(packing, 0);
    packing->bytes -= flight->takes;
    keep_spare(packing, &flight->body);
    rvi_pq_buf_free(&flight->body);
    rvi_pq_buf_free(&flight->packed);
    packing->first = (packing->first + 1) % RVI_PQ_FLIGHTS;
    packing->n--;
}

void rvi_pq_packing_deinit(rvi_pq_packing *packing)
{
    for (; packing->n > 0; rvi_pq_packing_drop(packing))
        wait_for_oldest(packing);
    if (packing->flights != NULL) {
        rvi_pq_flight *next = flight_at(packing, 0); /* begun, never sent */
        rvi_pq_buf_free(&next->body);
        rvi_pq_buf_free(&next->packed);
    }
    for (int i = 0; i < RVI_PQ_SPARES && packing->spares[i].memory != NULL; i++)
        rvi_pq_buf_free(&packing->spares[i]);
    for (int i = 0; i < packing->n_contexts; i++)
        rvi_pq_codec_close(&packing->contexts[i].codec);
    rvi_pq_release(&packing->memory, packing->contexts,
                   (size_t)packing->n_contexts * sizeof *packing->contexts);
    rvi_pq_release(&packing->memory, packing->flights, RVI_PQ_FLIGHTS * sizeof *packing->flights);
    *packing = (rvi_pq_packing){0};
}
