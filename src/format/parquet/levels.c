#include "levels.h"

#include "bits.h"
#include "values.h"

#include <assert.h>

enum { LENGTH_BYTES = 4, BITS_SLACK = 8 };

void rvi_pq_levels_init(rvi_pq_levels *levels, const rvi_pq_leaf *leaf, rvi_pq_memory *memory)
{
    *levels = (rvi_pq_levels){.leaf = leaf, .bits = {.memory = memory}};
    levels->def.width = rvi_pq_bit_width(leaf->max_def);
    levels->rep.width = rvi_pq_bit_width(leaf->max_rep);
    levels->def.out.memory = levels->rep.out.memory = memory;
}

void rvi_pq_levels_deinit(rvi_pq_levels *levels)
{
    if (levels->leaf == NULL)
        return;
    rvi_pq_buf_free(&levels->bits);
    rvi_pq_buf_free(&levels->def.out);
    rvi_pq_buf_free(&levels->rep.out);
}

void rvi_pq_levels_clear(rvi_pq_levels *levels)
{
    levels->n = levels->n_null = 0;
    levels->has_bits = false;
    levels->bits.len = 0;
    rvi_pq_rle_clear(&levels->def);
    rvi_pq_rle_clear(&levels->rep);
    memset(levels->def_histogram, 0, sizeof levels->def_histogram);
    memset(levels->rep_histogram, 0, sizeof levels->rep_histogram);
}

/* Make room for bits up to `n` in all, with the slack that the loops of bits.h need. */
static rv_code reserve_bits(rvi_pq_levels *levels, int64_t n, rv_error *err)
{
    levels->bits.len = 0; /* `n` counts; the buffer is only room */
    return rvi_pq_buf_reserve(&levels->bits, (size_t)(n + 7) / 8 + BITS_SLACK, err);
}

static rv_code append_flat(rvi_pq_levels *levels, const rv_column *column, int64_t from, int64_t n,
                           rv_error *err)
{
    int64_t n_null = 0;
    if (levels->leaf->max_def > 0 && column->null_count > 0)
        n_null = n - rvi_pq_bits_count(column->validity, from, n);
    if (n_null > 0 || levels->has_bits)
        RV_TRY(reserve_bits(levels, levels->n + n, err));
    if (n_null > 0 && !levels->has_bits) {
        levels->bits.data[0] = 0;
        rvi_pq_bits_append_ones(levels->bits.data, 0, levels->n);
        levels->has_bits = true;
    }
    if (n_null > 0)
        rvi_pq_bits_append(levels->bits.data, levels->n, column->validity, from, n);
    else if (levels->has_bits)
        rvi_pq_bits_append_ones(levels->bits.data, levels->n, n);
    levels->n += n;
    levels->n_null += n_null;
    return RV_OK;
}

static rv_code push(rvi_pq_levels *levels, unsigned def, unsigned rep, int64_t n, rv_error *err)
{
    RV_TRY(rvi_pq_rle_push(&levels->def, def, (uint64_t)n, err));
    RV_TRY(rvi_pq_rle_push(&levels->rep, rep, (uint64_t)n, err));
    levels->def_histogram[def] += n;
    levels->rep_histogram[rep] += n;
    levels->n += n;
    levels->n_null += def < levels->leaf->max_def ? n : 0;
    return RV_OK;
}

/* The elements [first, last) of one list; first < last. */
static rv_code push_elements(rvi_pq_levels *levels, const rv_column *elements, int64_t first, int64_t last,
                             rv_error *err)
{
    unsigned there = levels->leaf->max_def;
    if (elements->null_count == 0) {
        RV_TRY(push(levels, there, 0, 1, err));
        return last - first > 1 ? push(levels, there, 1, last - first - 1, err) : RV_OK;
    }
    for (int64_t i = first; i < last; i++)
        RV_TRY(push(levels, rv_column_is_null(elements, i) ? there - 1 : there, i > first, 1, err));
    return RV_OK;
}

static rv_code append_lists(rvi_pq_levels *levels, const rv_column *column, int64_t from, int64_t n,
                            rv_error *err)
{
    unsigned empty = levels->leaf->max_def - 2u; /* below it: the NULL list, where the column may have one */
    for (int64_t row = from; row < from + n; row++) {
        int64_t first = column->offsets[row], last = column->offsets[row + 1];
        if (rv_column_is_null(column, row))
            RV_TRY(push(levels, 0, 0, 1, err));
        else if (first == last)
            RV_TRY(push(levels, empty, 0, 1, err));
        else
            RV_TRY(push_elements(levels, column->child, first, last, err));
    }
    return RV_OK;
}

rv_code rvi_pq_levels_append(rvi_pq_levels *levels, const rv_column *column, int64_t from, int64_t n,
                             rv_error *err)
{
    return levels->leaf->is_list ? append_lists(levels, column, from, n, err)
                                 : append_flat(levels, column, from, n, err);
}

/* Write the length word of a section that began at `at`. */
static void close_section(rvi_pq_buf *out, size_t at)
{
    rvi_pq_store_u32(out->data + at, (uint32_t)(out->len - at - LENGTH_BYTES));
}

static rv_code write_stream(rvi_pq_rle_stream *stream, rvi_pq_buf *out, rv_error *err)
{
    RV_TRY(rvi_pq_rle_finish(stream, err));
    RV_TRY(rvi_pq_buf_reserve(out, LENGTH_BYTES + stream->out.len, err));
    size_t at = out->len;
    out->len += LENGTH_BYTES;
    RV_TRY(rvi_pq_buf_append(out, stream->out.data, stream->out.len, err));
    close_section(out, at);
    return RV_OK;
}

rv_code rvi_pq_levels_write(rvi_pq_levels *levels, rvi_pq_buf *out, rv_error *err)
{
    if (levels->leaf->is_list) {
        RV_TRY(write_stream(&levels->rep, out, err));
        return write_stream(&levels->def, out, err);
    }
    if (levels->leaf->max_def == 0)
        return RV_OK;
    RV_TRY(rvi_pq_buf_reserve(out, LENGTH_BYTES, err));
    size_t at = out->len;
    out->len += LENGTH_BYTES;
    if (levels->has_bits)
        RV_TRY(rvi_pq_rle_append_bits(levels->bits.data, (size_t)levels->n, out, err));
    else
        RV_TRY(rvi_pq_rle_append_run(1, (size_t)levels->n, out, err));
    close_section(out, at);
    return RV_OK;
}

size_t rvi_pq_levels_bytes(const rvi_pq_levels *levels)
{
    if (levels->leaf->is_list)
        return levels->def.out.len + levels->rep.out.len;
    return levels->has_bits ? (size_t)levels->n / 8 : 0;
}
