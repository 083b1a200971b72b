/* Any bytes as the pages of a column chunk: refused, or as many values as the chunk is said to have.
 *
 * Input: physical type, codec, shape (0 required, 1 optional, 2 list), number of values, bytes of a FIXED value; then the
 * pages. The footer around them is made here, so that it is always right. */
#include "format/parquet/thrift.h"
#include "rivet/parquet_verify.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER_BYTES = 5, BUDGET_BYTES = 64 << 20, PHYSICALS = 8, CODECS = 8, SHAPES = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void element(rvi_pq_thrift *t, int physical, int fixed, int repetition, int children)
{
    rvi_pq_thrift_item_struct_begin(t);
    if (physical >= 0)
        rvi_pq_thrift_i32(t, 1, physical);
    if (physical == 7)
        rvi_pq_thrift_i32(t, 2, fixed);
    rvi_pq_thrift_i32(t, 3, repetition);
    rvi_pq_thrift_text(t, 4, "c");
    if (children > 0)
        rvi_pq_thrift_i32(t, 5, children);
    if (children > 0 && repetition == 1)
        rvi_pq_thrift_i32(t, 6, 3); /* LIST */
    rvi_pq_thrift_item_struct_end(t);
}

static void schema(rvi_pq_thrift *t, const uint8_t *header)
{
    int physical = header[0] % PHYSICALS, shape = header[2] % SHAPES, fixed = header[4] + 1;
    rvi_pq_thrift_list(t, 2, RVI_PQ_THRIFT_STRUCT, shape == 2 ? 4 : 2);
    element(t, -1, 0, 0, 1);
    if (shape == 2) {
        element(t, -1, 0, 1, 1);
        element(t, -1, 0, 2, 1);
    }
    element(t, physical, fixed, shape == 0 ? 0 : 1, 0);
}

static void chunk(rvi_pq_thrift *t, const uint8_t *header, size_t n_bytes)
{
    rvi_pq_thrift_item_struct_begin(t);
    rvi_pq_thrift_struct_begin(t, 3);
    rvi_pq_thrift_i32(t, 1, header[0] % PHYSICALS);
    rvi_pq_thrift_i32(t, 4, header[1] % CODECS);
    rvi_pq_thrift_i64(t, 5, header[3]);
    rvi_pq_thrift_i64(t, 6, (int64_t)n_bytes);
    rvi_pq_thrift_i64(t, 7, (int64_t)n_bytes);
    rvi_pq_thrift_i64(t, 9, 4);
    rvi_pq_thrift_struct_end(t);
    rvi_pq_thrift_item_struct_end(t);
}

static void footer(rvi_pq_buf *out, const uint8_t *header, size_t n_bytes)
{
    size_t at = out->len;
    rvi_pq_thrift t = rvi_pq_thrift_begin(out, NULL);
    rvi_pq_thrift_i32(&t, 1, 1);
    schema(&t, header);
    rvi_pq_thrift_i64(&t, 3, header[3]);
    rvi_pq_thrift_list(&t, 4, RVI_PQ_THRIFT_STRUCT, 1);
    rvi_pq_thrift_item_struct_begin(&t);
    rvi_pq_thrift_list(&t, 1, RVI_PQ_THRIFT_STRUCT, 1);
    chunk(&t, header, n_bytes);
    rvi_pq_thrift_i64(&t, 2, (int64_t)n_bytes);
    rvi_pq_thrift_i64(&t, 3, header[3]);
    rvi_pq_thrift_item_struct_end(&t);
    must(rvi_pq_thrift_end(&t) == RV_OK);
    uint8_t tail[8] = {(uint8_t)(out->len - at), (uint8_t)((out->len - at) >> 8), 0, 0, 'P', 'A', 'R', '1'};
    must(rvi_pq_buf_append(out, tail, sizeof tail, NULL) == RV_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rvi_pq_memory memory = {0};
    rvi_pq_buf file = {.memory = &memory};
    rv_memory_input input;
    rv_parquet_report report;
    rv_budget budget;
    rv_error err = {0};
    uint64_t digest = 0;
    if (size < HEADER_BYTES)
        return 0;
    must(rvi_pq_buf_append(&file, "PAR1", 4, NULL) == RV_OK);
    must(rvi_pq_buf_append(&file, data + HEADER_BYTES, size - HEADER_BYTES, NULL) == RV_OK);
    footer(&file, data, size - HEADER_BYTES);
    rv_budget_init(&budget, BUDGET_BYTES);
    const rv_parquet_reader_options options = {.budget = &budget};
    rv_memory_input_init(&input, file.data, file.len, "input");
    rv_code rc = rv_parquet_verify(&input.base, &options, &digest, 1, &report, &err);
    must(rc == RV_OK || (err.code == rc && err.message[0] != '\0'));
    must(rc != RV_OK || report.n_findings > 0 || report.n_values == data[3]);
    must(rv_budget_used(&budget) == 0);
    rvi_pq_buf_free(&file);
    return 0;
}
