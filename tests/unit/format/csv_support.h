/* csv_support.h - write batches as CSV into memory. For tests of the CSV writer only. */
#ifndef TESTS_UNIT_FORMAT_CSV_SUPPORT_H
#define TESTS_UNIT_FORMAT_CSV_SUPPORT_H

#include "format/registry.h"
#include "rivet/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A sink into memory that may refuse a write. */
typedef struct memory_sink {
    rv_sink base;
    rv_bytes bytes;
    int writes_until_failure; /* 0: never */
} memory_sink;

static inline rv_code memory_sink_write(rv_sink *sink, const void *data, size_t len, rv_error *err)
{
    memory_sink *s = (memory_sink *)sink;
    if (s->writes_until_failure > 0 && --s->writes_until_failure == 0)
        return rv_fail(err, RV_E_DEST_FULL, "this sink is full");
    return rv_bytes_append(&s->bytes, data, len, err);
}

static inline memory_sink memory_sink_init(void)
{
    return (memory_sink){.base = {.write = memory_sink_write}, .bytes = RV_BYTES_INIT(256 << 20)};
}

static inline rv_format_config default_csv(void)
{
    return (rv_format_config){
        .kind = RV_FORMAT_CSV,
        .csv = {.delimiter = ',', .null_text = "", .header = true, .line_ending = "\n"}};
}

static inline rv_field field_of(const char *name, rv_type type)
{
    return (rv_field){.name = name, .native_type = "native", .natural = type, .type = type, .nullable = true};
}

static inline rv_type scalar(rv_type_id id)
{
    return (rv_type){.id = id};
}

static inline rv_type decimal(int precision, int scale)
{
    return (rv_type){.id = RV_TYPE_DECIMAL, .precision = (uint8_t)precision, .scale = (uint8_t)scale};
}

/* Write `n` batches as one file. */
static inline rv_code write_csv(const rv_format_config *format, const rv_schema *schema,
                                rv_batch *const *batches, int n, rv_budget *budget, memory_sink *sink,
                                rv_writer_stats *stats, rv_error *err)
{
    const rv_writer_options options = {
        .format = format, .schema = schema, .budget = budget, .memory_bytes = 4 << 20};
    rv_writer *writer = NULL;
    rv_code rc = rv_writer_open(&writer, &sink->base, &options, err);
    for (int i = 0; i < n && rc == RV_OK; i++)
        rc = rv_writer_write(writer, batches[i], err);
    if (rc == RV_OK)
        rc = rvi_csv_ops.finish(writer, stats, err);
    rvi_csv_ops.close(writer);
    return rc;
}

/* One text cell of a test table; text NULL: NULL. */
typedef struct text_cell {
    const char *text;
    size_t len;
} text_cell;

static inline void append_text_row(rv_batch *batch, const text_cell *cells)
{
    assert_int_equal(rv_batch_begin_row(batch, NULL), RV_OK);
    for (int i = 0; i < batch->n_columns; i++) {
        rv_column *column = &batch->columns[i];
        if (cells[i].text == NULL)
            assert_int_equal(rv_column_append_null(column, NULL), RV_OK);
        else
            assert_int_equal(rv_column_append_bytes(column, cells[i].text, cells[i].len, NULL), RV_OK);
    }
    rv_batch_end_row(batch);
}

#endif
