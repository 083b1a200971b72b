#include "encoding.h"

#include "byte_stream_split.h"
#include "delta.h"
#include "rle.h"
#include "values.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static rv_code encode_indices(const rvi_pq_page_values *in, rvi_pq_buf *out, rv_error *err)
{
    int width = rvi_pq_bit_width(in->n_entries - 1);
    uint8_t byte = (uint8_t)width;
    size_t before = out->len;
    RV_TRY(rvi_pq_buf_append(out, &byte, 1, err));
    rv_code rc = rvi_pq_rle_append((const uint32_t *)(const void *)in->data, in->n, width, out, err);
    if (rc != RV_OK)
        out->len = before;
    return rc;
}

static rv_code encode_delta(const rvi_pq_page_values *in, rvi_pq_buf *out, rv_error *err)
{
    return in->leaf->physical == RVI_PQ_INT32 ? rvi_pq_delta_append_i32(in->data, in->n, out, err)
                                              : rvi_pq_delta_append_i64(in->data, in->n, out, err);
}

static rvi_pq_byte_arrays byte_arrays(const rvi_pq_page_values *in)
{
    return (rvi_pq_byte_arrays){.values = in->data, .len = in->len, .n = in->n, .width = in->leaf->width};
}

static rv_code encode_delta_length(const rvi_pq_page_values *in, rvi_pq_buf *out, rv_error *err)
{
    rvi_pq_byte_arrays arrays = byte_arrays(in);
    return rvi_pq_delta_length_append(&arrays, out, err);
}

static rv_code encode_delta_bytes(const rvi_pq_page_values *in, rvi_pq_buf *out, rv_error *err)
{
    rvi_pq_byte_arrays arrays = byte_arrays(in);
    return rvi_pq_delta_bytes_append(&arrays, in->scratch, out, err);
}

/* A quarter of the bytes among the first values is as in the value before. */
static bool shares_prefixes(const rvi_pq_page_values *in)
{
    enum { SAMPLE = 4096, LEAST_SHARE = 4 };
    rvi_pq_byte_arrays arrays = byte_arrays(in);
    size_t n = in->n < SAMPLE ? in->n : SAMPLE;
    return rvi_pq_shared_prefixes(&arrays, n) * LEAST_SHARE * in->n >= (uint64_t)in->len * n;
}

static bool has_long_values(const rvi_pq_page_values *in)
{
    enum {
        LONG_BYTES = 256
    }; /* a PLAIN length is 1.6 % of it before compression, and lengths compress well */
    return in->leaf->physical == RVI_PQ_BYTE_ARRAY && in->len >= in->n * LONG_BYTES;
}

/* Where beginnings are shared, DELTA_BYTE_ARRAY is tried in its place. Beside long values, the lengths do not matter:
 * PLAIN has four bytes more for each. */
static bool has_short_values(const rvi_pq_page_values *in)
{
    return !has_long_values(in) && !shares_prefixes(in);
}

static rv_code encode_split(const rvi_pq_page_values *in, rvi_pq_buf *out, rv_error *err)
{
    return rvi_pq_split_append(in->data, in->n, in->leaf->width, out, err);
}

/* The values are a bitmap already. Spec: Encodings.md, "RLE": booleans have the length word in every page version. */
static rv_code encode_rle(const rvi_pq_page_values *in, rvi_pq_buf *out, rv_error *err)
{
    enum { LENGTH_BYTES = 4 };
    size_t at = out->len;
    RV_TRY(rvi_pq_buf_reserve(out, LENGTH_BYTES, err));
    out->len += LENGTH_BYTES;
    rv_code rc = rvi_pq_rle_append_bits(in->data, in->n, out, err);
    if (rc != RV_OK) {
        out->len = at;
        return rc;
    }
    rvi_pq_store_u32(out->data + at, (uint32_t)(out->len - at - LENGTH_BYTES));
    return RV_OK;
}

/* clang-format off */
enum { /* sets of physical types */
    BOOLEANS = 1 << RVI_PQ_BOOLEAN,
    INTEGERS = 1 << RVI_PQ_INT32 | 1 << RVI_PQ_INT64,
    FLOATS   = 1 << RVI_PQ_FLOAT | 1 << RVI_PQ_DOUBLE,
    ARRAYS   = 1 << RVI_PQ_BYTE_ARRAY,
    FIXED    = 1 << RVI_PQ_FIXED,
    NUMBERS  = INTEGERS | FLOATS,
    ALL      = BOOLEANS | NUMBERS | ARRAYS | FIXED,
};

const rvi_pq_encoding_ops rvi_pq_plain_encoding = {
    .number = RVI_PQ_PLAIN, .name = RV_ENCODING_PLAIN, .types = ALL,
    .types_max = ALL, .types_default = ALL, .types_modern = ALL, .handicap = 64,
};
const rvi_pq_encoding_ops rvi_pq_dictionary_encoding = {
    .number = RVI_PQ_RLE_DICTIONARY, .name = RV_ENCODING_DICTIONARY, .types = ALL & ~BOOLEANS, .handicap = 64,
    .encode = encode_indices,
};
/* Which readers know which: docs/adr/0010-encodings.md. */
static const rvi_pq_encoding_ops DELTA = {
    .number = RVI_PQ_DELTA_BINARY_PACKED, .name = RV_ENCODING_DELTA, .types = INTEGERS,
    .types_default = INTEGERS, .types_modern = INTEGERS, .handicap = 64, .encode = encode_delta,
};
static const rvi_pq_encoding_ops DELTA_LENGTH = {
    .number = RVI_PQ_DELTA_LENGTH_BYTE_ARRAY, .name = RV_ENCODING_DELTA_LENGTH, .types = ARRAYS,
    .types_default = ARRAYS, .types_modern = ARRAYS, .handicap = 65,
    .encode = encode_delta_length, .promises = has_short_values,
};
static const rvi_pq_encoding_ops DELTA_BYTES = {
    .number = RVI_PQ_DELTA_BYTE_ARRAY, .name = RV_ENCODING_DELTA_BYTE_ARRAY, .types = ARRAYS | FIXED,
    .types_default = ARRAYS, .types_modern = ARRAYS | FIXED, .handicap = 67,
    .encode = encode_delta_bytes, .promises = shares_prefixes,
};
static const rvi_pq_encoding_ops SPLIT = {
    .number = RVI_PQ_BYTE_STREAM_SPLIT, .name = RV_ENCODING_BYTE_STREAM_SPLIT, .types = NUMBERS | FIXED,
    .types_modern = NUMBERS | FIXED, .handicap = 66, .encode = encode_split,
};
static const rvi_pq_encoding_ops RUNS = {
    .number = RVI_PQ_RLE, .name = RV_ENCODING_RLE, .types = BOOLEANS,
    .types_modern = BOOLEANS, .handicap = 65, .encode = encode_rle,
};
/* clang-format on */

/* In the order in which they are tried: where a column may be delta-encoded, that is nearly free and often best. */
static const rvi_pq_encoding_ops *const CHOICES[] = {&DELTA, &DELTA_LENGTH, &DELTA_BYTES,
                                                     &SPLIT, &RUNS,         &rvi_pq_plain_encoding};
enum { N_CHOICES = sizeof CHOICES / sizeof CHOICES[0] };

static bool holds(uint16_t types, const rvi_pq_leaf *leaf)
{
    return (types >> leaf->physical & 1) != 0;
}

static uint16_t types_under(const rvi_pq_encoding_ops *ops, rv_parquet_compat compat)
{
    switch (compat) {
    case RV_PARQUET_DEFAULT:
        return ops->types_default;
    case RV_PARQUET_MAX:
        return ops->types_max;
    case RV_PARQUET_MODERN:
        return ops->types_modern;
    }
    assert(0);
    return 0;
}

const rvi_pq_encoding_ops *rvi_pq_encoding_next(const rvi_pq_leaf *leaf, rv_parquet_compat compat,
                                                const rvi_pq_encoding_ops *previous)
{
    bool behind = previous == NULL;
    for (int i = 0; i < N_CHOICES; i++) {
        if (behind && holds(types_under(CHOICES[i], compat), leaf))
            return CHOICES[i];
        behind = behind || CHOICES[i] == previous;
    }
    return NULL;
}

rvi_pq_content rvi_pq_encoding_content(const rvi_pq_encoding_ops *encoding, const rvi_pq_page_values *values)
{
    if (encoding->number == RVI_PQ_DELTA_LENGTH_BYTE_ARRAY)
        return RVI_PQ_CONTENT_TEXT;
    if (encoding->number != RVI_PQ_PLAIN)
        return RVI_PQ_CONTENT_ANY;
    return has_long_values(values) ? RVI_PQ_CONTENT_PROSE : values->leaf->content;
}

static const rvi_pq_encoding_ops *find(rv_parquet_encoding name)
{
    if (name == RV_ENCODING_DICTIONARY)
        return &rvi_pq_dictionary_encoding;
    for (int i = 0; i < N_CHOICES; i++)
        if (CHOICES[i]->name == name)
            return CHOICES[i];
    return NULL;
}

static rv_code refuse(const rvi_pq_leaf *leaf, rv_parquet_encoding name, rv_error *err)
{
    char allowed[128], type[RV_TYPE_TEXT_BYTES];
    size_t at = 0;
    allowed[0] = '\0';
    for (int i = RV_ENCODING_PLAIN; i < RV_ENCODING_COUNT && at < sizeof allowed; i++)
        if (holds(find((rv_parquet_encoding)i)->types, leaf))
            at += (size_t)snprintf(allowed + at, sizeof allowed - at, "%s%s", at > 0 ? ", " : "",
                                   rv_parquet_encoding_name((rv_parquet_encoding)i));
    rv_type_text(type, leaf->type);
    return rv_fail(err, RV_E_CONFIG_VALUE,
                   "parquet.encoding: column '%s' of type %s cannot be encoded as %s; allowed are %s",
                   leaf->field->name, type, rv_parquet_encoding_name(name), allowed);
}

rv_code rvi_pq_encoding_named(const rv_parquet_options *options, const rvi_pq_leaf *leaf,
                              const rvi_pq_encoding_ops **out, rv_error *err)
{
    *out = NULL;
    for (int i = 0; i < options->n_columns; i++) {
        const rv_parquet_column *named = &options->columns[i];
        if (named->encoding == RV_ENCODING_AUTO || strcmp(named->column, leaf->field->name) != 0)
            continue;
        const rvi_pq_encoding_ops *ops = find(named->encoding);
        if (ops == NULL || !holds(ops->types, leaf))
            return refuse(leaf, named->encoding, err);
        *out = ops;
    }
    return RV_OK;
}
