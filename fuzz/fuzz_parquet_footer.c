/* Any bytes as FileMetaData: refused, or read with every row group and every page index that it points to, none of which
 * lies in the file. */
#include "rivet/parquet_reader.h"

#include <stdlib.h>
#include <string.h>

enum { BUDGET_BYTES = 64 << 20, AROUND = 12 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void read_row_group(rv_parquet_reader *reader, int32_t index)
{
    const rv_parquet_row_group *group = NULL;
    const rv_parquet_column_index *columns = NULL;
    const rv_parquet_offset_index *offsets = NULL;
    char path[RV_PARQUET_PATH_BYTES];
    rv_error err = {0};
    if (rv_parquet_row_group_read(reader, index, &group, &err) != RV_OK)
        return;
    for (int32_t leaf = 0; leaf < rv_parquet_metadata_of(reader)->n_leaves; leaf++) {
        must(strlen(rv_parquet_leaf_path(path, rv_parquet_metadata_of(reader), leaf)) < sizeof path);
        (void)!rv_parquet_column_index_read(reader, leaf, &columns, &err);
        (void)!rv_parquet_offset_index_read(reader, leaf, &offsets, &err);
    }
}

static void read_footer(const uint8_t *file, size_t size)
{
    rv_memory_input input;
    rv_budget budget;
    rv_error err = {0};
    rv_parquet_reader *reader = NULL;
    rv_budget_init(&budget, BUDGET_BYTES);
    const rv_parquet_reader_options options = {.budget = &budget};
    rv_memory_input_init(&input, file, size, "input");
    rv_code rc = rv_parquet_open(&reader, &input.base, &options, &err);
    must(rc == RV_OK ? reader != NULL : err.message[0] != '\0');
    for (int32_t i = 0; rc == RV_OK && i < rv_parquet_metadata_of(reader)->n_row_groups; i++)
        read_row_group(reader, i);
    rv_parquet_close(reader);
    must(rv_budget_used(&budget) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t magic[4] = {'P', 'A', 'R', '1'};
    uint8_t *file = malloc(size + AROUND);
    must(file != NULL);
    memcpy(file, magic, sizeof magic);
    if (size > 0)
        memcpy(file + 4, data, size);
    for (int i = 0; i < 4; i++)
        file[4 + size + (size_t)i] = (uint8_t)(size >> (8 * i));
    memcpy(file + size + 8, magic, sizeof magic);
    read_footer(file, size + AROUND);
    free(file);
    return 0;
}
