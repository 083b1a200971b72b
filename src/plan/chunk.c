#include "internal.h"

/* A chunk aims at one part of about 256 MB: few enough files for a reader, small enough to repeat. What the source
 * stores shrinks to roughly a third in compressed Parquet (docs/benchmarks.md), so more of it goes into a part. */
enum { PART_BYTES = 256 << 20, COMPRESSED_PARQUET_RATIO = 3 };

/* What is worth a lane: reading less takes hardly longer than connecting does. */
enum { LANE_BYTES = 16 << 20 };

static int64_t at_most(int64_t value, int64_t most)
{
    return value < most ? value : most;
}

/* Both at least 1. */
static int64_t divide_up(int64_t a, int64_t b)
{
    return (a - 1) / b + 1;
}

/* Of the source's bytes, for one chunk. Lanes that were asked for get one each, where the table is large enough. */
static int64_t target_bytes(const rvi_planner *p)
{
    const rv_format_config *format = &p->config->format;
    bool shrinks = format->kind == RV_FORMAT_PARQUET && format->codec != RV_CODEC_NONE;
    int64_t target = (int64_t)PART_BYTES * (shrinks ? COMPRESSED_PARQUET_RATIO : 1);
    if (p->config->parallel <= 1 || p->info->est_bytes <= 0)
        return target;
    int64_t share = divide_up(p->info->est_bytes, p->config->parallel);
    return at_most(share > LANE_BYTES ? share : LANE_BYTES, target);
}

int64_t rvi_chunk_rows(const rv_chunk_config *chunk, int64_t est_rows, int64_t est_bytes)
{
    /* chunk_size_memory_mb: from the average row, 512 bytes where it is unknown; within what is sensible. */
    enum { UNKNOWN_ROW_BYTES = 512, LEAST = 10000, MOST = 5000000 };
    if (chunk->size > 0 || chunk->size_memory_mb <= 0)
        return chunk->size;
    int64_t row_bytes = est_rows > 0 && est_bytes > 0 ? divide_up(est_bytes, est_rows) : UNKNOWN_ROW_BYTES;
    int64_t rows = (chunk->size_memory_mb << 20) / row_bytes;
    return rows < LEAST ? LEAST : at_most(rows, MOST);
}

int64_t rvi_plan_n_chunks(const rvi_planner *p, int64_t est_rows, int64_t est_bytes)
{
    int64_t rows = rvi_chunk_rows(&p->config->chunk, est_rows, est_bytes);
    if (p->one_stream)
        return 1;
    if (rows > 0 && est_rows >= 0)
        return est_rows <= rows ? 1 : at_most(divide_up(est_rows, rows), RV_MAX_CHUNKS);
    int64_t target = target_bytes(p);
    return est_bytes <= target ? 1 : at_most(divide_up(est_bytes, target), RV_MAX_CHUNKS);
}

/* The number of units can be 2^64 (all of int64), so spans are kept as `last - first` in uint64 and one unit is
 * added only after dividing. */
int64_t rv_plan_tile(int64_t first, int64_t last, int64_t n, rv_bounds *out)
{
    if (first > last || n < 1)
        return 0;
    uint64_t span = (uint64_t)last - (uint64_t)first; /* units - 1 */
    if ((uint64_t)(n - 1) > span)
        n = (int64_t)span + 1;
    uint64_t each = span / (uint64_t)n, left = span % (uint64_t)n;
    /* span = n * each + left, so units = n * each + left + 1: the first left + 1 ranges hold one unit more. */
    uint64_t at = (uint64_t)first;
    for (int64_t i = 0; i < n; i++) {
        uint64_t units = each + ((uint64_t)i < left + 1 ? 1 : 0);
        out[i] =
            (rv_bounds){.kind = RV_BOUNDS_PHYSICAL, .first = (int64_t)at, .last = (int64_t)(at + units - 1)};
        at += units;
    }
    return n;
}
