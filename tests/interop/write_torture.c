/* write_torture.c - rows described in JSON become a Parquet file, through the program's own batches and writer.
 *
 *     write_torture IN.json OUT.parquet
 *
 * The test that calls it makes the rows, so what readers must find is known without any code of ours:
 *
 *     {"export": {"compression": "zstd"}, "memory": 25165824, "batch": 1024,
 *      "columns": [{"name": "a", "type": "int64", "nullable": true, "values": [1, null, 3]}]}
 *
 * export   keys of an export as in rivet.yaml, read by the program's own loader, so what it learns can be used here
 *          at once; a key or value that it does not take ends with exit status 3
 * type     a type's name, "decimal(p,s)", "list<type>"
 * values   numbers; floats and doubles as hex digits of their bits; decimals, text and uint64 as strings; binary
 *          and uuid as hex digits; lists as arrays
 * batch    rows of each batch; an array of sizes is gone through again and again
 * threads  optional: so many beside the writer's own
 * repeat   optional: the rows are written this many times
 * meta     optional: columns that the program adds: {"exported_at": microseconds, "row_hash": true or names}
 *
 * Prints rows, bytes, row groups, the budget's peak and libzstd's version, for the test to look at. */
#include "rivet/dest.h"
#include "rivet/format.h"
#include "rivet/meta.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { REFUSED = 3 }; /* exit status */

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

static int64_t row_count(const json_t *columns)
{
    if (json_array_size(columns) == 0)
        return 0;
    return (int64_t)json_array_size(json_object_get(json_array_get(columns, 0), "values"));
}

/* Where batches go: the columns that the program adds, then the file, and the digests of what is in it. */
typedef struct output {
    rv_meta *meta;
    rv_writer *writer;
    uint64_t *sums;
} output;

static void write_batch(output *out, const rv_batch *batch, rv_error *err)
{
    const rv_batch *rows = NULL;
    check(rv_meta_extend(out->meta, batch, &rows, err), err);
    check(rv_writer_write(out->writer, rows, err), err);
    rv_batch_digest(rows, out->sums);
}

static void write_rows(output *out, rv_batch *batch, const json_t *root, rv_error *err)
{
    const json_t *columns = json_object_get(root, "columns");
    int64_t n_rows = row_count(columns), at = 0;
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
        write_batch(out, batch, err);
    }
}

/* What the key "meta" asks for; the names' array is the caller's. */
static rv_meta_columns read_meta(const json_t *meta)
{
    const json_t *hash = json_object_get(meta, "row_hash");
    rv_meta_columns columns = {.exported_at = json_object_get(meta, "exported_at") != NULL,
                               .row_hash = hash != NULL};
    if (!json_is_array(hash))
        return columns;
    const char **names = calloc(json_array_size(hash) + 1, sizeof *names);
    if (names == NULL)
        die("out of memory");
    for (size_t i = 0; i < json_array_size(hash); i++)
        names[i] = json_string_value(json_array_get(hash, i));
    columns.row_hash_columns = names;
    columns.n_row_hash_columns = (int)json_array_size(hash);
    return columns;
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

/* The text of a configuration with one export that has the given keys; JSON is YAML as well. */
static json_t *configuration(json_t *keys)
{
    json_t *root = json_pack("{s:{s:s,s:s},s:[{s:s,s:s,s:s,s:{s:s,s:s}}]}", "source", "type", "sqlite",
                             "path", "none.db", "exports", "name", "torture", "table", "torture", "format",
                             "parquet", "destination", "type", "local", "path", "none");
    json_t *export = json_array_get(json_object_get(root, "exports"), 0);
    if (export == NULL || (keys != NULL && json_object_update(export, keys) != 0))
        die("out of memory, or \"export\" is not an object");
    return root;
}

/* What the program makes of the keys. `path` names a file that is made for it and removed again. */
static rv_config *read_export(json_t *keys, const char *path)
{
    rv_error err = {0};
    rv_findings findings = {0};
    rv_config *config = NULL;
    json_t *text = configuration(keys);
    if (json_dump_file(text, path, 0) != 0)
        die("cannot write the configuration");
    json_decref(text);
    rv_code rc = rv_config_load(&config, &(rv_config_input){.path = path}, NULL, &findings, &err);
    remove(path);
    for (int i = 0; rc != RV_OK && i < findings.n; i++)
        fprintf(stderr, "%s: %s\n", findings.items[i].path, findings.items[i].message);
    rv_findings_free(&findings);
    if (rc != RV_OK)
        exit(REFUSED);
    return config;
}

static void convert(const json_t *root, const rv_config *config, FILE *file, const char *path)
{
    rv_error err = {0};
    rv_budget budget;
    rv_schema schema = {.origin = "torture"}, files;
    const json_t *added = json_object_get(root, "meta");
    const rv_meta_columns meta = read_meta(added);
    int64_t exported_at_us = json_integer_value(json_object_get(added, "exported_at"));
    file_sink sink = {.base = {.write = file_sink_write}, .file = file};
    rv_budget_init(&budget, (size_t)4 << 30);
    read_schema(json_object_get(root, "columns"), &schema);
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    check(rv_arena_new(&arena, (size_t)1 << 24, &err), &err);
    check(rv_meta_schema(arena, &schema, &meta, &files, &err), &err);
    int64_t memory = json_integer_value(json_object_get(root, "memory"));
    int threads = (int)json_integer_value(json_object_get(root, "threads"));
    RV_AUTO(rv_workers_free) rv_workers *workers = NULL;
    check(rv_workers_new(&workers, threads, &err), &err);
    RV_AUTO(rv_scratch_file_free) rv_scratch *scratch = NULL;
    check(rv_scratch_file_new(&scratch, NULL, "torture", &err), &err);
    rv_writer_options options = {.format = &config->exports[0].format,
                                 .schema = &files,
                                 .budget = &budget,
                                 .memory_bytes = memory > 0 ? (size_t)memory : (size_t)24 << 20,
                                 .workers = workers,
                                 .scratch = scratch};
    output out = {.sums = calloc((size_t)files.n_fields + 1, sizeof *out.sums)};
    if (out.sums == NULL)
        die("out of memory");
    rv_batch *batch = NULL;
    rv_writer_stats stats = {0};
    check(rv_batch_new(&batch, &schema, NULL, &err), &err);
    check(rv_meta_new(&out.meta, &files, &meta, exported_at_us, NULL, &err), &err);
    check(rv_writer_open(&out.writer, &sink.base, &options, &err), &err);
    int64_t repeat = json_integer_value(json_object_get(root, "repeat"));
    write_rows(&out, batch, root, &err);
    bool is_whole = batch->rows == row_count(json_object_get(root, "columns"));
    for (int64_t i = 1; i < repeat; i++)
        if (is_whole)
            write_batch(&out, batch, &err);
        else
            write_rows(&out, batch, root, &err);
    check(rv_writer_finish(out.writer, &stats, &err), &err);
    size_t peak = rv_budget_peak(&budget); /* of writing */
    rv_writer_close(out.writer);
    rv_meta_free(out.meta);
    rv_batch_free(batch);
    if (fflush(file) != 0)
        die("cannot write the output");
    read_back(path, &options, out.sums, stats.rows);
    free(out.sums);
    free((void *)meta.row_hash_columns);
    free(schema.fields);
    printf("{\"zstd\": \"%s\", \"rows\": %" PRId64 ", \"bytes\": %" PRIu64 ", \"raw_bytes\": %" PRIu64
           ", \"row_groups\": %" PRId64 ", \"peak\": %zu, \"left\": %zu}\n",
           ZSTD_versionString(), stats.rows, stats.bytes, stats.raw_bytes, stats.row_groups, peak,
           rv_budget_used(&budget));
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
    char path[4096];
    if (snprintf(path, sizeof path, "%s.yaml", argv[2]) >= (int)sizeof path)
        die("the output's name is too long");
    RV_AUTO(rv_config_free) rv_config *config = read_export(json_object_get(root, "export"), path);
    convert(root, config, file, argv[2]);
    json_decref(root);
    return fclose(file) == 0 ? 0 : 1;
}
