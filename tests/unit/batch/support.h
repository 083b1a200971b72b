/* support.h - a batch of one column, and short ways to fill it. For tests of the batch module only. */
#ifndef TESTS_UNIT_BATCH_SUPPORT_H
#define TESTS_UNIT_BATCH_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rivet/batch.h"

typedef struct one_column {
    rv_field field;
    rv_schema schema;
    rv_batch *batch;
    rv_error err;
} one_column;

static inline rv_type scalar(rv_type_id id)
{
    return (rv_type){.id = id};
}

static inline rv_type decimal(int precision, int scale)
{
    return (rv_type){.id = RV_TYPE_DECIMAL, .precision = (uint8_t)precision, .scale = (uint8_t)scale};
}

static inline rv_type list_of(rv_type element)
{
    return (rv_type){
        .id = RV_TYPE_LIST, .element = element.id, .precision = element.precision, .scale = element.scale};
}

static inline void open_column(one_column *one, rv_type type, rv_budget *budget)
{
    *one = (one_column){
        .field = {.name = "c", .native_type = "native", .natural = type, .type = type, .nullable = true}};
    one->schema = (rv_schema){.fields = &one->field, .n_fields = 1, .origin = "t"};
    assert_int_equal(rv_batch_new(&one->batch, &one->schema, budget, &one->err), RV_OK);
}

static inline void close_column(one_column *one)
{
    rv_batch_free(one->batch);
    one->batch = NULL;
}

/* Room for one more row; returns the column. */
static inline rv_column *begin(one_column *one)
{
    assert_int_equal(rv_batch_begin_row(one->batch, &one->err), RV_OK);
    return &one->batch->columns[0];
}

static inline void end(one_column *one)
{
    rv_batch_end_row(one->batch);
}

static inline void add_null(one_column *one)
{
    assert_int_equal(rv_column_append_null(begin(one), &one->err), RV_OK);
    end(one);
}

static inline void add_i64(one_column *one, int64_t value)
{
    rv_column_append_i64(begin(one), value);
    end(one);
}

static inline void add_bytes(one_column *one, const void *bytes, size_t len)
{
    assert_int_equal(rv_column_append_bytes(begin(one), bytes, len, &one->err), RV_OK);
    end(one);
}

/* By the source's text; the row is ended only if it was taken. */
static inline rv_code add_text(one_column *one, const char *text)
{
    rv_code rc = rv_column_append_text(begin(one), &one->field, text, strlen(text), &one->err);
    if (rc == RV_OK)
        end(one);
    return rc;
}

#endif
