/* write_torture.c - rows described in JSON become a Parquet file, through the program's own batches and writer.
 *
 *     write_torture IN.json OUT.parquet
 *
 * The test that calls it makes the rows, so what readers must find is known without any code of ours:
 *
 *     {"codec": "zstd", "level": 0, "memory": 25165824, "batch": 1024, "compat": "default",
 *      "columns": [{"name": "a", "type": "int64", "nullable": true, "encoding": "delta", "values": [1, null, 3]}]}
 *
 * type     a type's name, "decimal(p,s)", "list<type>"
 * values   numbers; floats and doubles as hex digits of their bits; decimals, text and uint64 as strings; binary
 *          and uuid as hex digits; lists as arrays
 * batch    rows of each batch; an array of sizes is gone through again and again
 * compat   optional: max, default, modern
 * encoding optional: the name of one
 * bloom    optional: names of columns that get a Bloom filter
 * repeat   optional: the rows are written this many times
 *
 * Prints rows, bytes, row groups and the budget's peak, for the test to look at. */
#include "rivet/dest.h"
#include "rivet/format.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct file_sink {
    rv_sink base;
    FILE *file;
} file_sink;

static rv_code file_sink_write(rv_sink *sink, const void *data, size_t len, rv_error *err)
{
    if (fwrite(data, 1, len, ((file_sink *)sink)->file) == len)
        return RV_OK;
    return rv_fail(err, RV_E_IO, "writing the file");
}

static void die(const char *what)
{
    fprintf(stderr, "write_torture: %s\n", what);
    exit(2);
}

static void check(rv_code rc, const rv_error *err)
{
    if (rc == RV_OK)
        return;
    fprintf(stderr, "%s: %s\n", rv_code_name(rc), err->message);
    for (int i = 0; i < err->n_frames; i++)
        fprintf(stderr, "  in %s\n", err->frame[i]);
    exit(1);
}

static rv_type scalar_type(const char *name)
{
    static const struct {
        const char *name;
        rv_type_id id;
    } names[] = {
        {"bool", RV_TYPE_BOOL},
        {"int16", RV_TYPE_INT16},
        {"int32", RV_TYPE_INT32},
        {"int64", RV_TYPE_INT64},
        {"uint64", RV_TYPE_UINT64},
        {"float32", RV_TYPE_FLOAT32},
        {"float64", RV_TYPE_FLOAT64},
        {"date", RV_TYPE_DATE},
        {"time", RV_TYPE_TIME},
        {"timestamp", RV_TYPE_TIMESTAMP},
        {"timestamp_tz", RV_TYPE_TIMESTAMP_TZ},
        {"timestamp_ns", RV_TYPE_TIMESTAMP_NS},
        {"timestamp_tz_ns", RV_TYPE_TIMESTAMP_TZ_NS},
        {"string", RV_TYPE_STRING},
        {"binary", RV_TYPE_BINARY},
        {"json", RV_TYPE_JSON},
        {"uuid", RV_TYPE_UUID},
        {"enum", RV_TYPE_ENUM},
        {"interval", RV_TYPE_INTERVAL},
    };
    rv_type type = {0};
    unsigned precision, scale;
    if (sscanf(name, "decimal(%u,%u)", &precision, &scale) == 2)
        return (rv_type){.id = RV_TYPE_DECIMAL, .precision = (uint8_t)precision, .scale = (uint8_t)scale};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strncmp(names[i].name, name, strcspn(name, ">")) == 0 &&
            names[i].name[strcspn(name, ">")] == '\0')
            type.id = names[i].id;
    if (type.id == RV_TYPE_INVALID)
        die(name);
    return type;
}

static rv_type parse_type(const char *name)
{
    if (strncmp(name, "list<", 5) != 0)
        return scalar_type(name);
    rv_type element = scalar_type(name + 5);
    return (rv_type){
        .id = RV_TYPE_LIST, .element = element.id, .precision = element.precision, .scale = element.scale};
}

static uint64_t parse_hex(const char *digits)
{
    return strtoull(digits, NULL, 16);
}

/* Hex digits to bytes; returns how many. */
static size_t unhex(const char *digits, size_t n_digits, uint8_t *out)
{
    for (size_t i = 0; i + 1 < n_digits; i += 2) {
        char pair[3] = {digits[i], digits[i + 1], '\0'};
        out[i / 2] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return n_digits / 2;
}

static rv_code append_hex(rv_column *column, const json_t *value, rv_error *err)
{
    size_t n_digits = json_string_length(value);
    uint8_t *bytes = malloc(n_digits / 2 + 1);
    if (bytes == NULL)
        die("out of memory");
    size_t len = unhex(json_string_value(value), n_digits, bytes);
    rv_code rc = RV_OK;
    if (column->type.id == RV_TYPE_UUID)
        rv_column_append_fixed(column, bytes, 16);
    else
        rc = rv_column_append_bytes(column, bytes, len, err);
    free(bytes);
    return rc;
}

static void append_decimal(rv_column *column, const json_t *value)
{
    rv_int256 unscaled;
    if (rv_decimal_parse(json_string_value(value), json_string_length(value), column->type.precision,
                         column->type.scale, &unscaled) != RV_DECIMAL_OK)
        die("a decimal does not fit its type");
    rv_column_append_decimal(column, &unscaled);
}

static rv_code append_scalar(rv_column *column, const json_t *value, rv_error *err)
{
    switch (column->type.id) {
    case RV_TYPE_BOOL:
        rv_column_append_bool(column, json_is_true(value));
        return RV_OK;
    case RV_TYPE_INT16:
        rv_column_append_i16(column, (int16_t)json_integer_value(value));
        return RV_OK;
    case RV_TYPE_INT32:
    case RV_TYPE_DATE:
        rv_column_append_i32(column, (int32_t)json_integer_value(value));
        return RV_OK;
    case RV_TYPE_INT64:
    case RV_TYPE_TIME:
    case RV_TYPE_TIMESTAMP:
    case RV_TYPE_TIMESTAMP_TZ:
    case RV_TYPE_TIMESTAMP_NS:
    case RV_TYPE_TIMESTAMP_TZ_NS:
        rv_column_append_i64(column, json_integer_value(value));
        return RV_OK;
    case RV_TYPE_UINT64:
        rv_column_append_i64(column, (int64_t)strtoull(json_string_value(value), NULL, 10));
        return RV_OK;
    case RV_TYPE_FLOAT32:
        rv_column_append_i32(column, (int32_t)(uint32_t)parse_hex(json_string_value(value)));
        return RV_OK;
    case RV_TYPE_FLOAT64:
        rv_column_append_i64(column, (int64_t)parse_hex(json_string_value(value)));
        return RV_OK;
    case RV_TYPE_DECIMAL:
        append_decimal(column, value);
        return RV_OK;
    case RV_TYPE_BINARY:
    case RV_TYPE_UUID:
        return append_hex(column, value, err);
    case RV_TYPE_STRING:
    case RV_TYPE_JSON:
    case RV_TYPE_ENUM:
    case RV_TYPE_INTERVAL:
        return rv_column_append_bytes(column, json_string_value(value), json_string_length(value), err);
    case RV_TYPE_INVALID:
    case RV_TYPE_LIST:
    case RV_TYPE_COUNT:
        break;
    }
    die("not a scalar type");
    return RV_OK;
}

static rv_code append_value(rv_column *column, const json_t *value, rv_error *err)
{
    if (json_is_null(value))
        return rv_column_append_null(column, err);
    if (column->type.id != RV_TYPE_LIST)
        return append_scalar(column, value, err);
    RV_TRY(rv_column_reserve(column->child, (int64_t)json_array_size(value), err));
    for (size_t i = 0; i < json_array_size(value); i++)
        RV_TRY(append_value(column->child, json_array_get(value, i), err));
    return rv_column_close_list(column, err);
}

static void read_schema(const json_t *columns, rv_schema *schema)
{
    schema->n_fields = (int)json_array_size(columns);
    schema->fields = calloc((size_t)schema->n_fields + 1, sizeof *schema->fields);
    if (schema->fields == NULL)
        die("out of memory");
    for (int i = 0; i < schema->n_fields; i++) {
        const json_t *column = json_array_get(columns, (size_t)i);
        rv_field *field = &schema->fields[i];
        field->name = json_string_value(json_object_get(column, "name"));
        field->native_type = json_string_value(json_object_get(column, "type"));
        field->type = field->natural = parse_type(field->native_type);
        field->nullable = json_is_true(json_object_get(column, "nullable"));
    }
}

/* Rows of the n-th batch. */
static int64_t batch_rows(const json_t *spec, size_t n)
{
    if (json_is_array(spec) && json_array_size(spec) > 0)
        spec = json_array_get(spec, n % json_array_size(spec));
    int64_t rows = json_integer_value(spec);
    return rows > 0 ? rows : 1024;
}

static void write_rows(rv_writer *writer, rv_batch *batch, const json_t *root, uint64_t *sums, rv_error *err)
{
    const json_t *columns = json_object_get(root, "columns");
    int64_t n_rows = 0, at = 0;
    if (json_array_size(columns) > 0)
        n_rows = (int64_t)json_array_size(json_object_get(json_array_get(columns, 0), "values"));
    for (size_t n = 0; at < n_rows; n++) {
        int64_t end = at + batch_rows(json_object_get(root, "batch"), n);
        end = end < n_rows ? end : n_rows;
        rv_batch_reset(batch);
        for (; at < end; at++) {
            check(rv_batch_begin_row(batch, err), err);
            for (int c = 0; c < batch->n_columns; c++) {
                const json_t *values = json_object_get(json_array_get(columns, (size_t)c), "values");
                check(append_value(&batch->columns[c], json_array_get(values, (size_t)at), err), err);
            }
            rv_batch_end_row(batch);
        }
        check(rv_writer_write(writer, batch, err), err);
        rv_batch_digest(batch, sums);
    }
}

static rv_codec codec_of(const char *name)
{
    static const rv_codec codecs[] = {RV_CODEC_NONE, RV_CODEC_ZSTD, RV_CODEC_SNAPPY, RV_CODEC_GZIP,
                                      RV_CODEC_LZ4};
    if (name == NULL)
        return RV_CODEC_ZSTD;
    for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++)
        if (strcmp(rv_codec_name(codecs[i]), name) == 0)
            return codecs[i];
    die(name);
    return RV_CODEC_NONE;
}

static rv_parquet_compat read_compat(const json_t *root)
{
    const char *compat = json_string_value(json_object_get(root, "compat"));
    if (compat == NULL || strcmp(compat, "default") == 0)
        return RV_PARQUET_DEFAULT;
    if (strcmp(compat, "max") != 0 && strcmp(compat, "modern") != 0)
        die(compat);
    return strcmp(compat, "max") == 0 ? RV_PARQUET_MAX : RV_PARQUET_MODERN;
}

static rv_parquet_encoding read_encoding(const json_t *column)
{
    const char *name = json_string_value(json_object_get(column, "encoding"));
    for (int i = RV_ENCODING_AUTO; name != NULL && i < RV_ENCODING_COUNT; i++)
        if (strcmp(rv_parquet_encoding_name((rv_parquet_encoding)i), name) == 0)
            return (rv_parquet_encoding)i;
    if (name != NULL)
        die(name);
    return RV_ENCODING_AUTO;
}

/* The caller frees .columns. */
static rv_parquet_options read_parquet(const json_t *root)
{
    const json_t *columns = json_object_get(root, "columns");
    size_t n = json_array_size(columns);
    rv_parquet_column *named = calloc(n + 1, sizeof *named);
    if (named == NULL)
        die("out of memory");
    for (size_t i = 0; i < n; i++) {
        named[i].column = json_string_value(json_object_get(json_array_get(columns, i), "name"));
        named[i].encoding = read_encoding(json_array_get(columns, i));
    }
    static const char *names[64];
    const json_t *bloom = json_object_get(root, "bloom");
    if (json_array_size(bloom) > sizeof names / sizeof names[0])
        die("too many Bloom filters");
    for (size_t i = 0; i < json_array_size(bloom); i++)
        names[i] = json_string_value(json_array_get(bloom, i));
    return (rv_parquet_options){.compat = read_compat(root),
                                .columns = named,
                                .n_columns = (int)n,
                                .bloom = names,
                                .n_bloom = (int)json_array_size(bloom)};
}

/* Rivet's own reader is one more judge of every file: whatever it says about itself is true, and its columns have the
 * digests of the rows that went in. */
static void read_back(const char *path, const rv_writer_options *options, const uint64_t *sums, int64_t rows)
{
    rv_error err = {0};
    rv_file_input input;
    rv_file_facts facts;
    uint64_t *found = calloc((size_t)options->schema->n_fields + 1, sizeof *found);
    if (found == NULL)
        die("out of memory");
    check(rv_file_input_open(&input, path, &err), &err);
    check(rv_format_verify(&input.base, options, found, &facts, &err), &err);
    if (facts.rows != rows)
        die("the file has another number of rows");
    if (facts.has_sums && memcmp(found, sums, (size_t)options->schema->n_fields * sizeof *sums) != 0)
        die("the file has other values");
    rv_file_input_close(&input);
    free(found);
}

static rv_format_config read_format(const json_t *root)
{
    int64_t rows = json_integer_value(json_object_get(root, "fixed_rows"));
    rv_format_config format = {.kind = RV_FORMAT_PARQUET,
                               .codec = codec_of(json_string_value(json_object_get(root, "codec"))),
                               .level = (int)json_integer_value(json_object_get(root, "level")),
                               .parquet = read_parquet(root)};
    if (rows > 0) {
        format.parquet.row_groups = RV_ROW_GROUPS_FIXED_ROWS;
        format.parquet.rows = rows;
    }
    return format;
}

static void convert(const json_t *root, FILE *file, const char *path)
{
    rv_error err = {0};
    rv_budget budget;
    rv_schema schema = {.origin = "torture"};
    file_sink sink = {.base = {.write = file_sink_write}, .file = file};
    rv_budget_init(&budget, (size_t)4 << 30);
    read_schema(json_object_get(root, "columns"), &schema);
    rv_format_config format = read_format(root);
    int64_t memory = json_integer_value(json_object_get(root, "memory"));
    RV_AUTO(rv_scratch_file_free) rv_scratch *scratch = NULL;
    check(rv_scratch_file_new(&scratch, NULL, "torture", &err), &err);
    rv_writer_options options = {.format = &format,
                                 .schema = &schema,
                                 .budget = &budget,
                                 .scratch = scratch,
                                 .memory_bytes = memory > 0 ? (size_t)memory : (size_t)24 << 20};
    rv_writer *writer = NULL;
    rv_batch *batch = NULL;
    rv_writer_stats stats = {0};
    uint64_t *sums = calloc((size_t)schema.n_fields + 1, sizeof *sums);
    if (sums == NULL)
        die("out of memory");
    check(rv_batch_new(&batch, &schema, NULL, &err), &err);
    check(rv_writer_open(&writer, &sink.base, &options, &err), &err);
    int64_t repeat = json_integer_value(json_object_get(root, "repeat"));
    for (int64_t i = 0; i < (repeat > 0 ? repeat : 1); i++)
        write_rows(writer, batch, root, sums, &err);
    check(rv_writer_finish(writer, &stats, &err), &err);
    size_t peak = rv_budget_peak(&budget); /* of writing */
    rv_writer_close(writer);
    rv_batch_free(batch);
    if (fflush(file) != 0)
        die("cannot write the output");
    read_back(path, &options, sums, stats.rows);
    free(sums);
    free(schema.fields);
    free((void *)format.parquet.columns);
    printf("{\"rows\": %" PRId64 ", \"bytes\": %" PRIu64 ", \"raw_bytes\": %" PRIu64
           ", \"row_groups\": %" PRId64 ", \"peak\": %zu, \"left\": %zu}\n",
           stats.rows, stats.bytes, stats.raw_bytes, stats.row_groups, peak, rv_budget_used(&budget));
}

int main(int argc, char **argv)
{
    if (argc != 3)
        die("usage: write_torture IN.json OUT.parquet");
    json_error_t error;
    json_t *root = json_load_file(argv[1], JSON_ALLOW_NUL, &error);
    if (root == NULL)
        die(error.text);
    FILE *file = fopen(argv[2], "wb");
    if (file == NULL)
        die("cannot open the output");
    convert(root, file, argv[2]);
    json_decref(root);
    return fclose(file) == 0 ? 0 : 1;
}
