#include "reader.h"

#include "format/parquet/values.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAGIC_BYTES = 4, TAIL_BYTES = 8, SMALLEST_FILE = MAGIC_BYTES + TAIL_BYTES + 1 };

/* Offset and length of FileMetaData. */
static rv_code find_footer(rv_parquet_reader *r, uint64_t *at, uint32_t *len, rv_error *err)
{
    uint8_t head[MAGIC_BYTES], tail[TAIL_BYTES];
    uint64_t size = r->input->size;
    if (size < SMALLEST_FILE)
        return rv_fail(err, RV_E_FILE_DAMAGED, "%" PRIu64 " bytes are too few for a Parquet file", size);
    RV_TRY(rv_input_read(r->input, 0, head, sizeof head, err));
    RV_TRY(rv_input_read(r->input, size - sizeof tail, tail, sizeof tail, err));
    if (memcmp(tail + 4, "PARE", MAGIC_BYTES) == 0)
        return rv_fail(err, RV_E_FILE_UNSUPPORTED, "the file is encrypted");
    if (memcmp(tail + 4, "PAR1", MAGIC_BYTES) != 0)
        return rv_fail(err, RV_E_FILE_DAMAGED,
                       "it does not end as a Parquet file does; it may have been cut");
    if (memcmp(head, "PAR1", MAGIC_BYTES) != 0)
        return rv_fail(err, RV_E_FILE_DAMAGED, "it does not begin as a Parquet file does");
    *len = rvi_pq_load_u32(tail);
    if (*len == 0 || *len > size - MAGIC_BYTES - TAIL_BYTES)
        return rv_fail(err, RV_E_FILE_DAMAGED,
                       "the footer is said to have %" PRIu32 " of the file's %" PRIu64 " bytes", *len, size);
    if (*len > r->limits.footer_bytes)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "the footer has %" PRIu32 " bytes; at most %zu are read",
                       *len, r->limits.footer_bytes);
    *at = size - TAIL_BYTES - *len;
    return RV_OK;
}

static rv_code read_footer(rv_parquet_reader *r, rv_error *err)
{
    uint64_t at = 0;
    uint32_t len = 0;
    RV_TRY(find_footer(r, &at, &len, err));
    RV_TRY(rvi_pq_buf_reserve(&r->footer_bytes, len, err));
    RV_TRY(rv_input_read(r->input, at, r->footer_bytes.data, len, err));
    r->footer_bytes.len = len;
    RV_TRY_CTX(rvi_pqr_footer_parse(r->footer_bytes.data, len, at, &r->file_pool, &r->footer, err), err,
               "the footer");
    return rvi_pqr_schema_map(r, err);
}

rv_code rv_parquet_open(rv_parquet_reader **out, rv_input *input, const rv_parquet_reader_options *options,
                        rv_error *err)
{
    RV_AUTO(rv_parquet_close) rv_parquet_reader *r = calloc(1, sizeof *r);
    if (r == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "a Parquet reader");
    r->input = input;
    r->memory.budget = options->budget;
    r->limits = options->limits;
    r->lends = options->lends;
    if (r->limits.footer_bytes == 0)
        r->limits.footer_bytes = RV_PARQUET_FOOTER_BYTES;
    if (r->limits.page_bytes == 0)
        r->limits.page_bytes = RV_PARQUET_PAGE_BYTES;
    r->footer_bytes.memory = r->file_pool.memory = r->group_pool.memory = &r->memory;
    r->group.index = -1;
    RV_TRY_CTX(read_footer(r, err), err, "file '%s'", input->name);
    RV_MOVE(out, r);
    return RV_OK;
}

void rv_parquet_close(rv_parquet_reader *reader)
{
    if (reader == NULL)
        return;
    rvi_pq_buf_free(&reader->footer_bytes);
    rvi_pqr_pool_clear(&reader->file_pool);
    rvi_pqr_pool_clear(&reader->group_pool);
    free(reader);
}

const rv_parquet_metadata *rv_parquet_metadata_of(const rv_parquet_reader *reader)
{
    return &reader->footer.metadata;
}

const rv_schema *rv_parquet_schema(const rv_parquet_reader *reader)
{
    return &reader->schema;
}

int32_t rv_parquet_field_leaf(const rv_parquet_reader *reader, int field)
{
    return reader->shapes[field].leaf;
}

const char *rv_parquet_leaf_path(char out[RV_PARQUET_PATH_BYTES], const rv_parquet_metadata *metadata,
                                 int32_t leaf)
{
    int32_t path[RVI_PQR_SCHEMA_DEPTH + 1];
    size_t depth = 0, len = 0;
    for (int32_t i = metadata->leaves[leaf]; i > 0; i = metadata->nodes[i].parent)
        path[depth++] = i;
    out[0] = '\0';
    while (depth-- > 0 && len + 1 < RV_PARQUET_PATH_BYTES) {
        const char *name = metadata->nodes[path[depth]].name;
        size_t room = RV_PARQUET_PATH_BYTES - 1 - len, n = strlen(name);
        n = n > room ? room : n;
        memcpy(out + len, name, n);
        len += n;
        if (depth > 0 && len + 1 < RV_PARQUET_PATH_BYTES)
            out[len++] = '.';
    }
    out[len] = '\0';
    return out;
}

rv_code rv_parquet_row_group_read(rv_parquet_reader *reader, int32_t index, const rv_parquet_row_group **out,
                                  rv_error *err)
{
    assert(index >= 0 && index < reader->footer.metadata.n_row_groups);
    rvi_pqr_pool_clear(&reader->group_pool);
    reader->group = (rv_parquet_row_group){.index = -1};
    rv_code rc = rvi_pqr_row_group_parse(&reader->footer, index, &reader->group_pool, &reader->group, err);
    if (rc != RV_OK) {
        (void)rv_wrap(err, rc, "row group %" PRId32, index);
        return rv_wrap(err, rc, "file '%s'", reader->input->name);
    }
    *out = &reader->group;
    return RV_OK;
}
