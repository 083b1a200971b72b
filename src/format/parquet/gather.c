/* gather.c - from a batch's column to a dense run in the file's layout.
 *
 * With NULLs among the rows, a list of the present rows is made first and each layout copies through it; without,
 * most layouts need no copy at all. The build is for little-endian machines, as the batch's layout is. */
#include "bits.h"
#include "values.h"

#include <assert.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "batches and PLAIN pages are little-endian");

/* Rows of [from, from + n) that are there, relative to `from`. Returns how many. */
static int32_t list_present(const rv_column *column, int64_t from, int32_t n, uint16_t *out)
{
    int32_t count = 0;
    for (int32_t base = 0; base < n; base += 64) {
        int step = rvi_pq_bits_step(n - base);
        uint64_t word = rvi_pq_bits_load(column->validity, from + base, step);
        if (word == UINT64_MAX) {
            for (int i = 0; i < 64; i++)
                out[count + i] = (uint16_t)(base + i);
            count += 64;
            continue;
        }
        while (word != 0) {
            out[count++] = (uint16_t)(base + __builtin_ctzll((unsigned long long)word));
            word &= word - 1;
        }
    }
    return count;
}

static void gather_4(const uint8_t *from, const uint16_t *rows, int32_t n, uint8_t *to)
{
    for (int32_t i = 0; i < n; i++)
        memcpy(to + (size_t)i * 4, from + (size_t)rows[i] * 4, 4);
}

static void gather_8(const uint8_t *from, const uint16_t *rows, int32_t n, uint8_t *to)
{
    for (int32_t i = 0; i < n; i++)
        memcpy(to + (size_t)i * 8, from + (size_t)rows[i] * 8, 8);
}

static void gather_16(const uint8_t *from, const uint16_t *rows, int32_t n, uint8_t *to)
{
    for (int32_t i = 0; i < n; i++)
        memcpy(to + (size_t)i * 16, from + (size_t)rows[i] * 16, 16);
}

static void gather_widened(const uint8_t *from, const uint16_t *rows, int32_t n, uint8_t *to)
{
    for (int32_t i = 0; i < n; i++) {
        int16_t narrow;
        memcpy(&narrow, from + (rows != NULL ? (size_t)rows[i] : (size_t)i) * 2, 2);
        int32_t wide = narrow;
        memcpy(to + (size_t)i * 4, &wide, 4);
    }
}

static void gather_bools(const uint8_t *bits, int64_t from, const uint16_t *rows, int32_t n, uint8_t *to)
{
    for (int32_t i = 0; i < n; i++) {
        int64_t row = from + (rows != NULL ? rows[i] : i);
        to[i] = (uint8_t)(bits[row >> 3] >> (row & 7) & 1);
    }
}

/* Little-endian two's complement of source_width bytes to the low `width` bytes of it, big-endian. */
static void gather_decimals(const uint8_t *from, size_t source_width, size_t width, const uint16_t *rows,
                            int32_t n, uint8_t *to)
{
    for (int32_t i = 0; i < n; i++) {
        const uint8_t *value = from + (rows != NULL ? (size_t)rows[i] : (size_t)i) * source_width;
        for (size_t k = 0; k < width; k++)
            to[k] = value[width - 1 - k];
        to += width;
    }
}

static void gather_fixed(const rvi_pq_leaf *leaf, const rv_column *column, int64_t from, const uint16_t *rows,
                         rvi_pq_gather_space *space, rvi_pq_values *out)
{
    size_t source_width = rv_type_width(leaf->type);
    out->fixed = space->fixed;
    if (leaf->type.id == RV_TYPE_BOOL) {
        gather_bools(column->values, from, rows, out->n, space->fixed);
        return;
    }
    const uint8_t *source = column->values + (size_t)from * source_width;
    if (leaf->order == RVI_PQ_ORDER_SIGNED)
        gather_decimals(source, source_width, leaf->width, rows, out->n, space->fixed);
    else if (source_width == 2)
        gather_widened(source, rows, out->n, space->fixed);
    else if (rows == NULL)
        out->fixed = source;
    else if (source_width == 4)
        gather_4(source, rows, out->n, space->fixed);
    else if (source_width == 8)
        gather_8(source, rows, out->n, space->fixed);
    else
        gather_16(source, rows, out->n, space->fixed);
}

static void gather_variable(const rv_column *column, int64_t from, const uint16_t *rows,
                            rvi_pq_gather_space *space, rvi_pq_values *out)
{
    const int32_t *offsets = column->offsets + from;
    out->data = column->data != NULL ? column->data : (const uint8_t *)""; /* only empty values so far */
    if (rows == NULL) {
        out->begin = offsets;
        out->end = offsets + 1;
        out->data_bytes = (uint64_t)(offsets[out->n] - offsets[0]);
        return;
    }
    out->data_bytes = 0;
    for (int32_t i = 0; i < out->n; i++) {
        space->begin[i] = offsets[rows[i]];
        space->end[i] = offsets[rows[i] + 1];
        out->data_bytes += (uint64_t)(space->end[i] - space->begin[i]);
    }
    out->begin = space->begin;
    out->end = space->end;
}

void rvi_pq_gather(const rvi_pq_leaf *leaf, const rv_column *column, int64_t from, int32_t n,
                   rvi_pq_gather_space *space, rvi_pq_values *out)
{
    assert(space && n >= 0 && n <= RVI_PQ_RUN && from >= 0 && from + n <= column->length);
    *out = (rvi_pq_values){.n = n};
    if (n == 0)
        return;
    const uint16_t *rows = NULL;
    if (column->null_count > 0 && rvi_pq_bits_count(column->validity, from, n) != n) {
        out->n = list_present(column, from, n, space->present);
        rows = space->present;
    }
    if (leaf->width != 0)
        gather_fixed(leaf, column, from, rows, space, out);
    else
        gather_variable(column, from, rows, space, out);
}
