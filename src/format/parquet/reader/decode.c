#include "decoders.h"

#include "rivet/checked.h"

#include <assert.h>

#define BIT(physical) (1u << RV_PARQUET_##physical)

/* One row per encoding. An encoding of levels only has no decoder. */
typedef struct encoding_row {
    const char *name;
    rvi_pqr_decoder *decode;
    unsigned physicals; /* the types that the specification defines it for */
} encoding_row;

enum { EVERY = (1 << RV_PARQUET_PHYSICALS) - 1 };

static const encoding_row rows[RVI_PQR_ENCODINGS] = {
    [RV_PARQUET_PLAIN] = {"PLAIN", rvi_pqr_plain, EVERY},
    [RV_PARQUET_PLAIN_DICTIONARY] = {"PLAIN_DICTIONARY", rvi_pqr_dictionary_indices, EVERY},
    [RV_PARQUET_RLE] = {"RLE", rvi_pqr_rle_booleans, BIT(BOOLEAN)},
    [RV_PARQUET_BIT_PACKED] = {"BIT_PACKED", NULL, 0},
    [RV_PARQUET_DELTA_BINARY_PACKED] = {"DELTA_BINARY_PACKED", rvi_pqr_delta_binary_packed,
                                        BIT(INT32) | BIT(INT64)},
    [RV_PARQUET_DELTA_LENGTH_BYTE_ARRAY] = {"DELTA_LENGTH_BYTE_ARRAY", rvi_pqr_delta_length, BIT(BYTE_ARRAY)},
    [RV_PARQUET_DELTA_BYTE_ARRAY] = {"DELTA_BYTE_ARRAY", rvi_pqr_delta_strings, BIT(BYTE_ARRAY) | BIT(FIXED)},
    [RV_PARQUET_RLE_DICTIONARY] = {"RLE_DICTIONARY", rvi_pqr_dictionary_indices, EVERY},
    [RV_PARQUET_BYTE_STREAM_SPLIT] = {"BYTE_STREAM_SPLIT", rvi_pqr_byte_stream_split,
                                      BIT(INT32) | BIT(INT64) | BIT(FLOAT) | BIT(DOUBLE) | BIT(FIXED)},
};

static const encoding_row *row_of(int encoding)
{
    bool known = encoding >= 0 && encoding < RVI_PQR_ENCODINGS && rows[encoding].name != NULL;
    return known ? &rows[encoding] : NULL;
}

const char *rvi_pqr_encoding_name(int encoding)
{
    const encoding_row *row = row_of(encoding);
    return row == NULL ? NULL : row->name;
}

bool rvi_pqr_uses_dictionary(int encoding)
{
    return encoding == RV_PARQUET_PLAIN_DICTIONARY || encoding == RV_PARQUET_RLE_DICTIONARY;
}

uint32_t rvi_pqr_value_width(rv_parquet_physical physical, uint32_t width)
{
    static const uint8_t widths[RV_PARQUET_PHYSICALS] = {
        [RV_PARQUET_BOOLEAN] = 1,    [RV_PARQUET_INT32] = 4, [RV_PARQUET_INT64] = 8,
        [RV_PARQUET_INT96] = 12,     [RV_PARQUET_FLOAT] = 4, [RV_PARQUET_DOUBLE] = 8,
        [RV_PARQUET_BYTE_ARRAY] = 0, [RV_PARQUET_FIXED] = 0,
    };
    assert(physical < RV_PARQUET_PHYSICALS);
    return physical == RV_PARQUET_FIXED ? width : widths[physical];
}

void rvi_pqr_space_init(rvi_pqr_space *space, rvi_pq_memory *memory)
{
    *space = (rvi_pqr_space){{.memory = memory}, {.memory = memory}, {.memory = memory}, {.memory = memory}};
}

void rvi_pqr_space_deinit(rvi_pqr_space *space)
{
    rvi_pq_buf_free(&space->values);
    rvi_pq_buf_free(&space->spans);
    rvi_pq_buf_free(&space->numbers);
    rvi_pq_buf_free(&space->more);
}

rv_code rvi_pqr_room(rvi_pq_buf *buf, size_t n, size_t width, rv_error *err)
{
    size_t bytes = 0;
    if (rv_mul_size(&bytes, n, width) || bytes > INT32_MAX)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "one page decodes to more than %d bytes", INT32_MAX);
    buf->len = 0;
    RV_TRY(rvi_pq_buf_reserve(buf, bytes, err));
    buf->len = bytes;
    return RV_OK;
}

rv_code rvi_pqr_decode(int encoding, const rvi_pqr_page_input *in, rvi_pqr_space *space, rvi_pqr_values *out,
                       rv_error *err)
{
    assert(in->physical < RV_PARQUET_PHYSICALS && in->n_values <= INT32_MAX && in->len <= INT32_MAX);
    const encoding_row *row = row_of(encoding);
    if (row == NULL)
        return rv_fail(err, RV_E_FILE_UNSUPPORTED, "values in an encoding that is not known: number %d",
                       encoding);
    if ((row->physicals & 1u << in->physical) == 0)
        return rv_fail(err, RV_E_FILE_DAMAGED, "values in the encoding %s, which is not for their type",
                       row->name);
    if (in->physical == RV_PARQUET_FIXED && (in->width == 0 || in->width > RVI_PQR_MAX_WIDTH))
        return rv_fail(err, RV_E_FILE_DAMAGED, "values of a fixed length of %u bytes", in->width);
    if (in->n_values == 0) {
        *out = (rvi_pqr_values){.width = rvi_pqr_value_width(in->physical, in->width)};
        return RV_OK;
    }
    rvi_pqr_page_input page = *in;
    if (page.len == 0)
        page.bytes = (const uint8_t *)""; /* arithmetic on NULL is undefined */
    return row->decode(&page, space, out, err);
}

rv_code rvi_pqr_decode_dictionary(int encoding, const rvi_pqr_page_input *in, rvi_pqr_space *space,
                                  rvi_pqr_values *out, rv_error *err)
{
    if (encoding != RV_PARQUET_PLAIN && encoding != RV_PARQUET_PLAIN_DICTIONARY)
        return rv_fail(err, row_of(encoding) == NULL ? RV_E_FILE_UNSUPPORTED : RV_E_FILE_DAMAGED,
                       "a dictionary in an encoding other than PLAIN: number %d", encoding);
    return rvi_pqr_decode(RV_PARQUET_PLAIN, in, space, out, err);
}
