/* keep.c - a batch without some of its rows, in place: runs of kept rows move down over those that go. */
#include "rivet/batch.h"

#include <assert.h>

static void move_bits(uint8_t *bits, int64_t from, int64_t to, int64_t at)
{
    for (int64_t i = from; i < to; i++, at++) {
        uint8_t bit = (uint8_t)((bits[i >> 3] >> (i & 7)) & 1);
        bits[at >> 3] = (uint8_t)((bits[at >> 3] & ~(1u << (at & 7))) | (uint8_t)(bit << (at & 7)));
    }
}

static bool has_offsets(const rv_column *column)
{
    return column->type.id == RV_TYPE_LIST || rv_type_is_variable(column->type.id);
}

/* Values [from, to) to `at`, which is not above `from`; what stands below `at` is in place already. */
static void move_run(rv_column *column, int64_t from, int64_t to, int64_t at)
{
    if (from == to || from == at)
        return;
    if (column->validity != NULL)
        move_bits(column->validity, from, to, at);
    if (column->type.id == RV_TYPE_BOOL) {
        move_bits(column->values, from, to, at);
        return;
    }
    if (!has_offsets(column)) {
        size_t width = rv_type_width(column->type);
        memmove(column->values + (size_t)at * width, column->values + (size_t)from * width,
                (size_t)(to - from) * width);
        return;
    }
    int32_t first = column->offsets[from], last = column->offsets[to], base = column->offsets[at];
    if (column->type.id == RV_TYPE_LIST)
        move_run(column->child, first, last, base);
    else if (last > first)
        memmove(column->data + base, column->data + first, (size_t)(last - first));
    for (int64_t i = from; i < to; i++)
        column->offsets[at + i - from + 1] = column->offsets[i + 1] - first + base;
}

/* The batch's invariants: no bit is set beyond the last value. */
static void cut_bits(uint8_t *bits, int64_t n, int64_t length)
{
    for (int64_t i = n; i < length && (i & 7) != 0; i++)
        bits[i >> 3] &= (uint8_t) ~(1u << (i & 7));
    for (int64_t byte = (n + 7) / 8; byte < (length + 7) / 8; byte++)
        bits[byte] = 0;
}

static void cut(rv_column *column, int64_t n)
{
    if (column->validity != NULL)
        cut_bits(column->validity, n, column->length);
    if (column->type.id == RV_TYPE_BOOL && column->length > 0)
        cut_bits(column->values, n, column->length);
    if (has_offsets(column) && column->length > 0) {
        int32_t end = column->offsets[n];
        if (column->type.id == RV_TYPE_LIST)
            cut(column->child, end);
        else
            column->data_len = (size_t)end;
    }
    column->length = n;
    column->null_count = 0;
    for (int64_t i = 0; column->validity != NULL && i < n; i++)
        column->null_count += rv_column_is_null(column, i);
}

/* Uses are noted at `noted`, by its values, and counted at `column`, by rows: a list's elements are the values between
 * two of its offsets. */
static void forget_uses(rv_column *column, rv_column *noted, int64_t n_rows, const uint8_t *keep)
{
    const int32_t *offsets = noted != column ? column->offsets : NULL;
    size_t next = 0, n_kept = 0;
    int64_t n_gone = 0; /* values */
    for (int64_t row = 0; row < n_rows && next < noted->n_uses; row++) {
        int64_t from = offsets != NULL ? offsets[row] : row,
                to = offsets != NULL ? offsets[row + 1] : row + 1;
        for (; next < noted->n_uses && noted->uses[next].value < to; next++) {
            const rv_policy_use use = noted->uses[next];
            if (keep[row])
                noted->uses[n_kept++] = (rv_policy_use){use.value - n_gone, use.invalid_class};
            else
                column->policy_uses[use.invalid_class]--;
        }
        n_gone += keep[row] ? 0 : to - from;
    }
    noted->n_uses = n_kept;
}

void rv_batch_keep(rv_batch *batch, const uint8_t *keep)
{
    int64_t kept = 0;
    for (int i = 0; i < batch->n_columns; i++) {
        rv_column *column = &batch->columns[i];
        forget_uses(column, column, batch->rows, keep);
        if (column->type.id == RV_TYPE_LIST)
            forget_uses(column, column->child, batch->rows, keep);
    }
    for (int64_t row = 0; row < batch->rows;) {
        int64_t from = row;
        for (; row < batch->rows && keep[row]; row++)
            ;
        for (int c = 0; c < batch->n_columns; c++)
            move_run(&batch->columns[c], from, row, kept);
        kept += row - from;
        for (; row < batch->rows && !keep[row]; row++)
            ;
    }
    for (int c = 0; c < batch->n_columns; c++)
        cut(&batch->columns[c], kept);
    batch->rows = kept;
}
