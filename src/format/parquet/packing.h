/* packing.h - closed pages on their way to the page store: compressed and checksummed by whichever core has time.
 *
 * The thread of the writer sends page bodies off and takes them back in the same order, so the store and the file are
 * as if it had done everything itself. When pages come back depends on nothing but what was sent: how much may be
 * under way is bounded in bytes, and whatever is accounted for a row group's end is counted where a slice is settled
 * (rowgroup.h), never where a page happens to be ready. */
#ifndef RIVET_PARQUET_PACKING_H
#define RIVET_PARQUET_PACKING_H

#include "rivet/workers.h"

#include "codec.h"

#include <stdatomic.h>

enum {
    RVI_PQ_FLIGHTS = 32, /* most pages under way */
    RVI_PQ_SPARES = 2,
};

typedef struct rvi_pq_packing rvi_pq_packing;
typedef struct rvi_pq_column rvi_pq_column;

/* A page between its column and the store. Between send and take it belongs to the thread that packs it. */
typedef struct rvi_pq_flight {
    rv_work work; /* first */
    rvi_pq_packing *packing;

    /* By who sends it. */
    rvi_pq_column *column;
    size_t page; /* number within the column's chunk */
    rvi_pq_encoding_id encoding;
    int64_t n_levels;
    uint64_t slice; /* in which the page closed */
    bool compress;
    rvi_pq_content content;
    bool is_packed; /* by the writer's thread, before it was sent */
    size_t takes;   /* bytes that it is counted with while it is under way */

    rvi_pq_memory memory; /* of the two buffers; this thread's, so not the row group's */
    rvi_pq_buf body;      /* levels and encoded values */
    rvi_pq_buf packed;    /* compressed, when that was wanted */

    /* By who packs it. */
    int32_t crc; /* of the bytes to be stored */
    rv_error err;
} rvi_pq_flight;

typedef struct rvi_pq_context {
    atomic_flag busy;
    rvi_pq_memory memory;
    rvi_pq_codec codec;
} rvi_pq_context;

struct rvi_pq_packing {
    rv_workers *workers; /* borrowed; NULL: the writer's thread does it all */
    size_t usual_bytes;  /* of pages under way, in both forms, while none is large */
    size_t most_bytes;   /* the same by now; one alone may be larger */
    size_t bytes;        /* of those that are under way */
    size_t reserved;     /* of the account: for the rest of the row group, not for pages under way */
    rvi_pq_context *contexts;
    int n_contexts;
    rvi_pq_memory memory; /* of contexts and flights */
    rvi_pq_flight *flights;
    size_t first, n; /* ring of RVI_PQ_FLIGHTS, in the order of sending */
    /* Large bodies that came back: the kernel need not clear memory for the next. Beside what is under way they take no
     * more than most_bytes. */
    rvi_pq_buf spares[RVI_PQ_SPARES];
};

typedef struct rvi_pq_packing_options {
    rv_codec codec;
    int level;
    rv_workers *workers; /* may be NULL */
    rv_budget *budget;   /* may be NULL */
    size_t
        thread_bytes; /* of pages under way, raw and compressed, for each of the first three threads that pack */
    size_t table_bytes; /* most that a context may take for a wider search than the codec's own */
} rvi_pq_packing_options;

/* On failure `packing` is fit for deinit. Fails as rvi_pq_codec_open(). */
rv_code rvi_pq_packing_init(rvi_pq_packing *packing, const rvi_pq_packing_options *options,
                            rv_error *err) RV_MUST_CHECK;
void rvi_pq_packing_deinit(rvi_pq_packing *packing); /* waits for what is under way; zeroed memory is fine */

/* The codec that compressed chunks name; NULL compress: there is no compression. */
const rvi_pq_codec_ops *rvi_pq_packing_codec(const rvi_pq_packing *packing);

/* Compress on this thread, appending to `out`. Any thread. Fails OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rvi_pq_packing_compress(rvi_pq_packing *packing, const uint8_t *data, size_t len,
                                rvi_pq_content content, rvi_pq_buf *out, rv_error *err) RV_MUST_CHECK;

/* Pages of up to `bytes` are to come: two of them may be under way, where more than one thread packs, if that is more
 * than what is usual. */
void rvi_pq_packing_expect(rvi_pq_packing *packing, size_t bytes);
/* So many bytes of the account are not for pages under way: the row group will need them. */
void rvi_pq_packing_reserve(rvi_pq_packing *packing, size_t bytes);
/* Whether a body of `bytes` may be sent now; else take one back first: too much is under way, or the account has no room
 * for more. With nothing under way there is always room. */
bool rvi_pq_packing_has_room(const rvi_pq_packing *packing, size_t bytes);
/* The flight that the next send sends, with empty buffers. There must be room. */
rvi_pq_flight *rvi_pq_packing_next(rvi_pq_packing *packing);
/* Give `buf`, which must hold nothing, a capacity of `cap`: that of a body which came back, where one is of that size,
 * or new memory. Fails OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rvi_pq_packing_reuse(rvi_pq_packing *packing, rvi_pq_buf *buf, size_t cap,
                             rv_error *err) RV_MUST_CHECK;
/* Hand it to whoever has time. The body must be complete. */
void rvi_pq_packing_send(rvi_pq_packing *packing);
/* Pack it here and now, before it is sent. Fails OUT_OF_MEMORY, MEMORY_BUDGET. */
rv_code rvi_pq_packing_pack(rvi_pq_flight *flight, rv_error *err) RV_MUST_CHECK;

/* The oldest flight under way; NULL: none. */
rvi_pq_flight *rvi_pq_packing_oldest(rvi_pq_packing *packing);
/* Wait for the oldest, packing others meanwhile. Fails as packing it did. */
rv_code rvi_pq_packing_await(rvi_pq_packing *packing, rv_error *err) RV_MUST_CHECK;
/* Forget the oldest, which has been waited for, and give its buffers back. */
void rvi_pq_packing_drop(rvi_pq_packing *packing);

#endif
