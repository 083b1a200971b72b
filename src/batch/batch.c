/* batch.c - columns that grow row by row.
 *
 * A batch is filled one row at a time by a driver, so the cost of a cell is what matters: an append is a store and
 * a counter. That works because room is made for a whole row at once (rv_batch_begin_row compares one number) and
 * all columns share one row capacity, which grows geometrically.
 *
 * Invariants that the rest of the module builds on:
 *  - validity bits at and beyond `length` are zero, so rv_column_advance() only ever sets bits;
 *  - the value under a NULL is all zero bits, or empty (the digest and deterministic files rely on it);
 *  - a buffer's size follows from `capacity` (and `data_cap`), so what is released is what was charged. */
#include "rivet/batch.h"

#include "rivet/checked.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

enum {
    ROWS_AT_FIRST = 64,
    DATA_AT_FIRST = 1024,
    DATA_DOUBLES_UNTIL =
        64 << 10,         /* bytes; above, a buffer grows by half, since the unused part is charged too */
    DATA_STEP = 64 << 10, /* bytes; what is asked for when the budget refuses more */
    DATA_KEPT = 8 << 20,  /* bytes of variable data of a column that rv_batch_reset() keeps */
    IDLE_SHARE = 4,       /* a buffer of which less than this part was used is not kept */
    ROWS_KEPT = 8 << 10,  /* but so much is kept in any case */
    IDLE_KEPT = 64 << 10, /* bytes */
};

/* What rv_batch_new() returns the first member of. */
typedef struct row_batch {
    rv_batch base;
    int64_t row_capacity; /* rows that fit into every column */
    size_t block_bytes;   /* of this allocation, columns included */
    rv_column columns[];
} row_batch;

static bool charge(rv_batch *batch, size_t bytes)
{
    if (batch == NULL || rv_budget_charge(batch->budget, bytes))
        return true;
    if (batch->rows > 0)
        return false;
    rv_budget_lend(batch->budget, bytes);
    batch->lent += bytes;
    return rv_budget_charge(batch->budget, bytes);
}

static rv_code refused(const rv_batch *batch, size_t bytes, rv_error *err)
{
    rv_code rc = rv_fail(err, RV_E_MEMORY_BUDGET,
                         "a batch needs %zu more bytes; %zu of the limit of %zu bytes are in use", bytes,
                         rv_budget_used(batch->budget), rv_budget_limit(batch->budget));
    rv_hint(err, "lower tuning.batch_size, or raise tuning.batch_size_memory_mb (the budget grows with it)");
    return rc;
}

/* Resize *block, charging the growth first. On failure nothing changed. */
static rv_code resize(rv_batch *batch, void **block, size_t old_bytes, size_t new_bytes, rv_error *err)
{
    assert(new_bytes > old_bytes);
    if (!charge(batch, new_bytes - old_bytes))
        return refused(batch, new_bytes - old_bytes, err);
    void *resized = realloc(*block, new_bytes);
    if (resized == NULL) {
        if (batch != NULL)
            rv_budget_release(batch->budget, new_bytes - old_bytes);
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "%zu bytes for a batch", new_bytes);
    }
    *block = resized;
    return RV_OK;
}

static void release(const rv_batch *batch, void *block, size_t bytes)
{
    if (block == NULL)
        return;
    free(block);
    if (batch != NULL)
        rv_budget_release(batch->budget, bytes);
}

/* Sizes of a column's buffers at a capacity that resize() has been asked for; overflow was ruled out then. */
static size_t validity_bytes(int64_t capacity)
{
    return ((size_t)capacity + 7) / 8;
}

/* values, or offsets: whichever this type has. */
static bool main_bytes(const rv_column *column, int64_t capacity, size_t *out)
{
    size_t n = (size_t)capacity;
    if (column->type.id == RV_TYPE_BOOL) {
        *out = (n + 7) / 8;
        return true;
    }
    size_t width = rv_type_width(column->type);
    if (width != 0)
        return !rv_mul_size(out, n, width);
    return !rv_mul_size(out, n + 1, sizeof(int32_t));
}

static bool has_offsets(const rv_column *column)
{
    return column->type.id == RV_TYPE_LIST || rv_type_is_variable(column->type.id);
}

static void *main_block(const rv_column *column)
{
    return has_offsets(column) ? (void *)column->offsets : (void *)column->values;
}

static void set_main_block(rv_column *column, void *block)
{
    assert(block != NULL);
    if (!has_offsets(column)) {
        column->values = block;
        return;
    }
    bool first = column->offsets == NULL;
    column->offsets = block;
    if (first)
        column->offsets[0] = 0; /* the others are written by appends */
}

static rv_code column_init(rv_column *column, rv_type type, rv_batch *batch, rv_error *err)
{
    column->type = type;
    column->batch = batch;
    if (type.id != RV_TYPE_LIST)
        return RV_OK;
    void *child = NULL;
    RV_TRY(resize(batch, &child, 0, sizeof(rv_column), err));
    memset(child, 0, sizeof(rv_column));
    column->child = child;
    /* Elements are scalar by definition of rv_type, so this does not recurse further. */
    column->child->type = rv_type_element(type);
    column->child->batch = batch;
    return RV_OK;
}

static void column_free_buffers(rv_column *column)
{
    size_t bytes = 0;
    if (column->capacity > 0 && main_bytes(column, column->capacity, &bytes))
        release(column->batch, main_block(column), bytes);
    release(column->batch, column->validity, validity_bytes(column->capacity));
    release(column->batch, column->data, column->data_cap);
    release(column->batch, column->uses, column->cap_uses * sizeof *column->uses);
}

rv_code rv_batch_new(rv_batch **out, const rv_schema *schema, rv_budget *budget, rv_error *err)
{
    assert(schema->n_fields >= 0 && schema->n_fields <= RV_MAX_FIELDS);
    const size_t bytes = sizeof(row_batch) + (size_t)schema->n_fields * sizeof(rv_column);
    rv_batch account = {.budget = budget, .rows = 1}; /* this is no row's, so nothing is lent for it */
    void *block = NULL;
    RV_TRY(resize(&account, &block, 0, bytes, err));
    memset(block, 0, bytes);
    row_batch *made = block;
    made->block_bytes = bytes;
    made->base.schema = schema;
    made->base.columns = made->columns;
    made->base.budget = budget;
    RV_AUTO(rv_batch_free) rv_batch *batch = &made->base;
    for (int i = 0; i < schema->n_fields; i++) {
        RV_TRY_CTX(column_init(&made->columns[i], schema->fields[i].type, batch, err), err, "column '%s'",
                   schema->fields[i].name);
        batch->n_columns++;
    }
    RV_MOVE(out, batch);
    return RV_OK;
}

/* What was lent goes back when what it was lent for has gone. */
static void take_back(rv_batch *batch)
{
    rv_budget_take_back(batch->budget, batch->lent);
    batch->lent = 0;
}

void rv_batch_free(rv_batch *batch)
{
    if (batch == NULL)
        return;
    row_batch *whole = (row_batch *)batch;
    for (int i = 0; i < batch->n_columns; i++) {
        rv_column *column = &batch->columns[i];
        column_free_buffers(column);
        if (column->child != NULL) {
            column_free_buffers(column->child);
            release(batch, column->child, sizeof(rv_column));
        }
    }
    take_back(batch);
    rv_budget *budget = batch->budget;
    size_t bytes = whole->block_bytes;
    free(whole);
    rv_budget_release(budget, bytes);
}

/* The column is as it was made. A list's elements stay. */
static void drop_buffers(rv_column *column)
{
    const rv_column made = {.type = column->type, .batch = column->batch, .child = column->child};
    column_free_buffers(column);
    *column = made;
}

/* What a column held before, it may never need again: the next pages may have their bytes in other columns, and the
 * account is for what is used. */
static bool data_is_idle(const rv_column *column)
{
    return column->length > 0 && column->data_cap > IDLE_KEPT &&
           column->data_len < column->data_cap / IDLE_SHARE;
}

/* Huge values must not hold their memory while the batch waits to be filled again: others may need it now. */
static void column_reset(rv_column *column, bool was_lent)
{
    if (column->validity != NULL)
        memset(column->validity, 0, validity_bytes(column->length));
    if (column->data_cap > DATA_KEPT || was_lent || data_is_idle(column)) {
        release(column->batch, column->data, column->data_cap);
        column->data = NULL;
        column->data_cap = 0;
    }
    column->length = 0;
    column->null_count = 0;
    column->data_len = 0;
    memset(column->policy_uses, 0, sizeof column->policy_uses);
    column->n_uses = 0;
    if (column->child != NULL && was_lent)
        drop_buffers(column->child);
    else if (column->child != NULL)
        column_reset(column->child, false);
}

/* Room for rows that the last page did not have: few wide rows after many narrow ones. */
static void drop_idle_rows(row_batch *batch)
{
    if (batch->base.rows == 0 || batch->row_capacity <= ROWS_KEPT ||
        batch->base.rows >= batch->row_capacity / IDLE_SHARE)
        return;
    for (int i = 0; i < batch->base.n_columns; i++) {
        drop_buffers(&batch->columns[i]);
        if (batch->columns[i].child != NULL)
            drop_buffers(batch->columns[i].child);
    }
    batch->row_capacity = 0;
}

void rv_batch_reset(rv_batch *batch)
{
    for (int i = 0; i < batch->n_columns; i++)
        column_reset(&batch->columns[i], batch->lent > 0);
    drop_idle_rows((row_batch *)batch);
    take_back(batch);
    batch->rows = 0;
}

static size_t column_bytes(const rv_column *column)
{
    size_t n = (size_t)column->length;
    size_t bytes = column->validity != NULL ? (n + 7) / 8 : 0;
    if (column->type.id == RV_TYPE_BOOL)
        return bytes + (n + 7) / 8;
    size_t width = rv_type_width(column->type);
    if (width != 0)
        return bytes + n * width;
    bytes += n * sizeof(int32_t) + column->data_len;
    return column->child != NULL ? bytes + column_bytes(column->child) : bytes;
}

size_t rv_batch_bytes(const rv_batch *batch)
{
    size_t bytes = 0;
    for (int i = 0; i < batch->n_columns; i++)
        bytes += column_bytes(&batch->columns[i]);
    return bytes;
}

/* Not in rv_batch_begin_row(), so that the compiler keeps that one to a comparison. */
static __attribute__((noinline)) rv_code grow_rows(row_batch *batch, rv_error *err)
{
    int64_t capacity = batch->row_capacity < ROWS_AT_FIRST ? ROWS_AT_FIRST : batch->row_capacity;
    while (capacity <= batch->base.rows)
        if (rv_mul_i64(&capacity, capacity, 2))
            return rv_fail(err, RV_E_LIMIT_EXCEEDED, "too many rows for one batch");
    for (int i = 0; i < batch->base.n_columns; i++) {
        rv_column *column = &batch->columns[i];
        RV_TRY_CTX(rv_column_reserve(column, capacity - column->length, err), err, "column '%s'",
                   batch->base.schema->fields[i].name);
    }
    batch->row_capacity = capacity;
    return RV_OK;
}

rv_code rv_batch_begin_row(rv_batch *batch, rv_error *err)
{
    row_batch *whole = (row_batch *)batch;
    return batch->rows < whole->row_capacity ? RV_OK : grow_rows(whole, err);
}

void rv_batch_end_row(rv_batch *batch)
{
    batch->rows++;
    for (int i = 0; i < batch->n_columns; i++)
        assert(batch->columns[i].length == batch->rows);
}

/* A larger copy of the validity bits, the new ones zero; the old block stays until the column's other buffer has
 * grown too, because `capacity` must be true of both or of none. */
static rv_code larger_validity(const rv_column *column, int64_t capacity, uint8_t **out, rv_error *err)
{
    void *bits = NULL;
    if (column->validity != NULL) {
        size_t old_bytes = validity_bytes(column->capacity), new_bytes = validity_bytes(capacity);
        RV_TRY(resize(column->batch, &bits, 0, new_bytes, err));
        memcpy(bits, column->validity, old_bytes);
        memset((uint8_t *)bits + old_bytes, 0, new_bytes - old_bytes);
    }
    *out = bits;
    return RV_OK;
}

static rv_code column_grow(rv_column *column, int64_t capacity, rv_error *err)
{
    size_t old_bytes = 0, new_bytes = 0;
    if (!main_bytes(column, capacity, &new_bytes))
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "too many values for one batch");
    if (column->capacity > 0 && !main_bytes(column, column->capacity, &old_bytes))
        return rv_fail(err, RV_E_INTERNAL, "a column's capacity is not what was allocated");
    uint8_t *validity = NULL;
    RV_TRY(larger_validity(column, capacity, &validity, err));
    void *block = main_block(column);
    rv_code rc = resize(column->batch, &block, old_bytes, new_bytes, err);
    if (rc != RV_OK) {
        release(column->batch, validity, validity_bytes(capacity));
        return rc;
    }
    set_main_block(column, block);
    if (validity != NULL) {
        release(column->batch, column->validity, validity_bytes(column->capacity));
        column->validity = validity;
    }
    column->capacity = capacity;
    return RV_OK;
}

rv_code rv_column_reserve(rv_column *column, int64_t n, rv_error *err)
{
    int64_t need = 0, doubled = 0;
    if (rv_add_i64(&need, column->length, n) || need > INT64_MAX / 64)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "too many values for one batch");
    if (need <= column->capacity)
        return RV_OK;
    doubled = column->capacity * 2 < ROWS_AT_FIRST ? ROWS_AT_FIRST : column->capacity * 2;
    int64_t capacity = need > doubled ? need : doubled;
    /* Whole words of bits, so that loops over validity may read 64 at a time. */
    return column_grow(column, (capacity + 63) / 64 * 64, err);
}

rv_code rv_column_reserve_data(rv_column *column, size_t n, rv_error *err)
{
    size_t need = 0;
    if (rv_add_size(&need, column->data_len, n) || need > INT32_MAX)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "more than %d bytes of one column in one batch", INT32_MAX);
    if (need <= column->data_cap)
        return RV_OK;
    size_t cap = column->data_cap < DATA_DOUBLES_UNTIL ? column->data_cap * 2 : column->data_cap / 2 * 3;
    cap = cap < DATA_AT_FIRST ? DATA_AT_FIRST : cap;
    cap = cap < need ? need : cap;
    cap = cap > INT32_MAX ? INT32_MAX : cap;
    void *data = column->data;
    rv_code rc = resize(column->batch, &data, column->data_cap, cap, err);
    if (rc == RV_E_MEMORY_BUDGET && cap > need) {
        cap = need > INT32_MAX - DATA_STEP ? need : need + DATA_STEP;
        rc = resize(column->batch, &data, column->data_cap, cap, err);
    }
    RV_TRY(rc);
    column->data = data;
    column->data_cap = cap;
    return RV_OK;
}

/* The first NULL of a column: bits for all its capacity, the values so far marked as there. */
static rv_code first_null(rv_column *column, rv_error *err)
{
    void *bits = NULL;
    size_t bytes = validity_bytes(column->capacity), whole = (size_t)column->length / 8;
    RV_TRY(resize(column->batch, &bits, 0, bytes, err));
    column->validity = bits;
    memset(column->validity, 0xff, whole);
    memset(column->validity + whole, 0, bytes - whole);
    if ((column->length & 7) != 0)
        column->validity[whole] = (uint8_t)((1u << (column->length & 7)) - 1);
    return RV_OK;
}

static void store_zero(rv_column *column)
{
    size_t row = (size_t)column->length;
    if (column->offsets != NULL) {
        int64_t end = column->child != NULL ? column->child->length : (int64_t)column->data_len;
        column->offsets[row + 1] = (int32_t)end;
    } else if (column->type.id == RV_TYPE_BOOL) {
        if ((row & 7) == 0) /* a byte's other bits are written one by one, each after the one before */
            column->values[row >> 3] = 0;
    } else {
        size_t width = rv_type_width(column->type);
        memset(column->values + row * width, 0, width);
    }
}

rv_code rv_column_append_null(rv_column *column, rv_error *err)
{
    assert(column->length < column->capacity);
    if (column->validity == NULL)
        RV_TRY(first_null(column, err));
    store_zero(column);
    column->length++;
    column->null_count++;
    return RV_OK;
}

/* memcpy() of a length known only now is a call; most texts are short, and two fixed moves that may overlap copy
 * them without reading or writing a byte outside. len > 0. */
static inline void copy_bytes(uint8_t *to, const uint8_t *from, size_t len)
{
    uint64_t head, tail;
    uint32_t head4, tail4;
    if (len > 16) {
        memcpy(to, from, len);
    } else if (len >= 8) {
        memcpy(&head, from, 8);
        memcpy(&tail, from + len - 8, 8);
        memcpy(to, &head, 8);
        memcpy(to + len - 8, &tail, 8);
    } else if (len >= 4) {
        memcpy(&head4, from, 4);
        memcpy(&tail4, from + len - 4, 4);
        memcpy(to, &head4, 4);
        memcpy(to + len - 4, &tail4, 4);
    } else { /* first, middle, last: 1 to 3 bytes */
        to[0] = from[0];
        to[len / 2] = from[len / 2];
        to[len - 1] = from[len - 1];
    }
}

rv_code rv_column_append_bytes(rv_column *column, const void *bytes, size_t len, rv_error *err)
{
    assert(column->length < column->capacity);
    if (len > column->data_cap - column->data_len)
        RV_TRY(rv_column_reserve_data(column, len, err));
    if (len > 0)
        copy_bytes(column->data + column->data_len, bytes, len);
    column->data_len += len;
    column->offsets[column->length + 1] = (int32_t)column->data_len;
    rv_column_advance(column);
    return RV_OK;
}

void rv_column_append_bool(rv_column *column, bool value)
{
    assert(column->length < column->capacity);
    uint8_t *byte = &column->values[column->length >> 3];
    unsigned bit = (unsigned)(column->length & 7);
    /* The first bit of a byte starts it afresh: memory may hold an earlier page. */
    *byte = (uint8_t)((bit == 0 ? 0u : *byte) | ((unsigned)value << bit));
    rv_column_advance(column);
}

void rv_column_append_decimal(rv_column *column, const rv_int256 *unscaled)
{
    assert(column->length < column->capacity);
    size_t width = rv_type_width(column->type);
    rv_int256_store(unscaled, column->values + (size_t)column->length * width, width);
    rv_column_advance(column);
}

void rv_column_append_fixed(rv_column *column, const void *value, size_t width)
{
    assert(column->length < column->capacity && width == rv_type_width(column->type));
    memcpy(column->values + (size_t)column->length * width, value, width);
    rv_column_advance(column);
}

rv_code rv_column_count_use(rv_column *column, rv_invalid invalid_class, rv_error *err)
{
    enum { AT_FIRST = 16 };
    const size_t size = sizeof *column->uses;
    if (column->n_uses == column->cap_uses) {
        size_t cap = column->cap_uses == 0 ? AT_FIRST : 2 * column->cap_uses, bytes = 0;
        void *block = column->uses;
        if (cap < column->cap_uses || rv_mul_size(&bytes, cap, size))
            return rv_fail(err, RV_E_LIMIT_EXCEEDED, "too many changed values for one batch");
        RV_TRY(resize(column->batch, &block, column->cap_uses * size, bytes, err));
        column->uses = block;
        column->cap_uses = cap;
    }
    column->uses[column->n_uses++] = (rv_policy_use){column->length, invalid_class};
    column->policy_uses[invalid_class]++;
    return RV_OK;
}

rv_code rv_column_close_list(rv_column *column, rv_error *err)
{
    assert(column->length < column->capacity);
    rv_column *child = column->child;
    if (child->length > INT32_MAX)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "more than %d list elements in one batch", INT32_MAX);
    column->offsets[column->length + 1] = (int32_t)child->length;
    rv_column_advance(column);
    /* Whoever counts policy uses looks at the column only. */
    for (int i = 0; i < RV_INVALID_CLASSES; i++) {
        column->policy_uses[i] += child->policy_uses[i];
        child->policy_uses[i] = 0;
    }
    return RV_OK;
}
