/* Any bytes as a Parquet file: refused, or read to its end, within the budget; and what is verified without a finding can
 * be read row by row. */
#include "rivet/parquet_verify.h"

#include <stdlib.h>

enum { BUDGET_BYTES = 64 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void read_rows(rv_parquet_reader *reader, int field)
{
    enum { PIECE = 100 };
    const rv_schema *schema = rv_parquet_schema(reader);
    rv_schema one = {.fields = &schema->fields[field], .n_fields = 1};
    RV_AUTO(rv_parquet_cursor_close) rv_parquet_cursor *cursor = NULL;
    RV_AUTO(rv_batch_free) rv_batch *batch = NULL;
    rv_error err = {0};
    int64_t n = PIECE;
    if (rv_parquet_field_leaf(reader, field) < 0 ||
        rv_parquet_cursor_open(&cursor, reader, rv_parquet_field_leaf(reader, field), &err) != RV_OK ||
        rv_batch_new(&batch, &one, NULL, &err) != RV_OK)
        return;
    while (n == PIECE) {
        rv_batch_reset(batch);
        if (rv_parquet_cursor_rows(cursor, &batch->columns[0], PIECE, &n, &err) != RV_OK)
            return;
        must(batch->columns[0].length == n);
    }
}

static void read_file(rv_input *input, const rv_parquet_reader_options *options)
{
    RV_AUTO(rv_parquet_close) rv_parquet_reader *reader = NULL;
    const rv_parquet_row_group *group = NULL;
    rv_error err = {0};
    if (rv_parquet_open(&reader, input, options, &err) != RV_OK)
        return;
    for (int32_t g = 0; g < rv_parquet_metadata_of(reader)->n_row_groups; g++)
        if (rv_parquet_row_group_read(reader, g, &group, &err) == RV_OK)
            for (int field = 0; field < rv_parquet_schema(reader)->n_fields; field++)
                read_rows(reader, field);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rv_memory_input input;
    rv_parquet_report report;
    rv_budget budget;
    rv_error err = {0};
    rv_budget_init(&budget, BUDGET_BYTES);
    const rv_parquet_reader_options options = {.budget = &budget};
    rv_memory_input_init(&input, data, size, "input");
    rv_code rc = rv_parquet_verify(&input.base, &options, NULL, 0, &report, &err);
    must(rc == RV_OK || (err.code == rc && err.message[0] != '\0'));
    read_file(&input.base, &options);
    must(rv_budget_used(&budget) == 0);
    return 0;
}
