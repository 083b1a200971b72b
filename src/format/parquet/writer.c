/* writer.c - a Parquet file from its first to its last byte.
 *
 * PAR1, row groups, all ColumnIndexes, all OffsetIndexes, the footer, its length, PAR1. Nothing is ever sought
 * back to; what refers back is in the footer, which is serialised piece by piece from what each row group left.
 *
 * A file's bytes follow from schema, options and rows alone: no clock, host or run is named in it. */
#include "format/registry.h"
#include "reader/verify_written.h"
#include "rowgroup.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char MAGIC[4] = {'P', 'A', 'R', '1'};

/* The form `<program> version <x.y.z> (build <word>)` is what readers on the JVM parse; without it they distrust
 * the statistics of text (PARQUET-251). */
static const char CREATED_BY[] = "rivet version " RIVET_VERSION " (build release)";

enum { FILE_VERSION = 1 };

typedef struct writer {
    rv_writer base;
    const rv_schema *schema; /* borrowed */
    rv_budget *budget;
    rvi_pq_group group;
    rvi_pq_output out;
    int64_t rows;
} writer;

static void writer_close(rv_writer *base)
{
    writer *w = (writer *)base;
    if (w == NULL)
        return;
    rvi_pq_output_deinit(&w->out);
    rvi_pq_group_deinit(&w->group);
    free(w);
}

static void writer_free(writer *w)
{
    writer_close((rv_writer *)w);
}
RV_DEFINE_AUTO(writer, writer_free)

static rv_code check_named(const rv_parquet_options *options, const rv_schema *schema, rv_error *err)
{
    for (int i = 0; i < options->n_columns; i++) {
        bool found = false;
        for (int k = 0; k < schema->n_fields && !found; k++)
            found = strcmp(schema->fields[k].name, options->columns[i].column) == 0;
        if (!found)
            return rv_fail(err, RV_E_CONFIG_VALUE, "parquet.encoding: %s has no column '%s'", schema->origin,
                           options->columns[i].column);
    }
    return RV_OK;
}

static rv_code writer_check(const rv_format_config *format, const rv_schema *schema, rv_error *err)
{
    RV_TRY(check_named(&format->parquet, schema, err));
    for (int i = 0; i < schema->n_fields; i++) {
        const rvi_pq_encoding_ops *named = NULL;
        rvi_pq_leaf leaf;
        RV_TRY(rvi_pq_leaf_init(&leaf, &schema->fields[i], err));
        RV_TRY(rvi_pq_encoding_named(&format->parquet, &leaf, &named, err));
    }
    return rvi_pq_bloom_check(&format->parquet, schema, err);
}

static rv_code writer_append(rv_writer *base, const rv_batch *batch, int64_t from, int64_t *n_taken,
                             rv_error *err)
{
    writer *w = (writer *)base;
    RV_TRY(rvi_pq_group_append(&w->group, batch, from, n_taken, &w->out, err));
    w->rows += *n_taken;
    return RV_OK;
}

static rv_code writer_catch_up(rv_writer *base, rv_error *err)
{
    return rvi_pq_group_catch_up(&((writer *)base)->group, err);
}

/* ---- footer ---- */

/* What has been serialised so far goes out; the footer of a wide table is never held whole. */
static rv_code drain(writer *w, rvi_pq_thrift *t, rv_error *err)
{
    RV_TRY(t->rc);
    RV_TRY(rvi_pq_output_write(&w->out, t->out->data, t->out->len, err));
    t->out->len = 0;
    return RV_OK;
}

static void write_schema(writer *w, rvi_pq_thrift *t)
{
    size_t n = 1;
    for (int i = 0; i < w->group.n_columns; i++)
        n += rvi_pq_leaf_schema_elements(&w->group.columns[i].leaf);
    rvi_pq_thrift_list(t, 2, RVI_PQ_THRIFT_STRUCT, n);
    rvi_pq_thrift_item_struct_begin(t);
    rvi_pq_thrift_text(t, 4, "schema");
    rvi_pq_thrift_i32(t, 5, w->group.n_columns);
    rvi_pq_thrift_item_struct_end(t);
    for (int i = 0; i < w->group.n_columns; i++)
        rvi_pq_leaf_schema(&w->group.columns[i].leaf, t);
}

/* Running positions while the footer is written: in the stores, and of the indexes in the file. */
typedef struct footer_place {
    uint64_t meta_at;         /* in group.metas */
    uint64_t column_index_at; /* file offsets */
    uint64_t offset_index_at;
} footer_place;

static const rvi_pq_chunk *chunk_at(const writer *w, size_t group, int column)
{
    return (const rvi_pq_chunk *)(const void *)w->group.chunks.data + group * (size_t)w->group.n_columns +
           (size_t)column;
}

static rv_code write_column_chunk(writer *w, rvi_pq_thrift *t, const rvi_pq_chunk *chunk, footer_place *place,
                                  rv_error *err)
{
    rvi_pq_thrift_item_struct_begin(t);
    rvi_pq_thrift_i64(t, 2, 0); /* file_offset: deprecated */
    rvi_pq_thrift_raw_field(t, 3);
    RV_TRY(drain(w, t, err));
    RV_TRY(rvi_pq_store_write(&w->group.metas, place->meta_at, chunk->meta_len, &w->out, err));
    rvi_pq_thrift_i64(t, 4, (int64_t)place->offset_index_at);
    rvi_pq_thrift_i32(t, 5, (int32_t)chunk->offset_index_len);
    if (chunk->column_index_len > 0) {
        rvi_pq_thrift_i64(t, 6, (int64_t)place->column_index_at);
        rvi_pq_thrift_i32(t, 7, (int32_t)chunk->column_index_len);
    }
    rvi_pq_thrift_item_struct_end(t);
    place->meta_at += chunk->meta_len;
    place->column_index_at += chunk->column_index_len;
    place->offset_index_at += chunk->offset_index_len;
    return RV_OK;
}

static rv_code write_row_groups(writer *w, rvi_pq_thrift *t, footer_place *place, rv_error *err)
{
    rvi_pq_thrift_list(t, 4, RVI_PQ_THRIFT_STRUCT, w->group.n_groups);
    for (size_t g = 0; g < w->group.n_groups; g++) {
        const rvi_pq_group_info *info = (const rvi_pq_group_info *)(const void *)w->group.groups.data + g;
        rvi_pq_thrift_item_struct_begin(t);
        rvi_pq_thrift_list(t, 1, RVI_PQ_THRIFT_STRUCT, (size_t)w->group.n_columns);
        for (int i = 0; i < w->group.n_columns; i++)
            RV_TRY(write_column_chunk(w, t, chunk_at(w, g, i), place, err));
        rvi_pq_thrift_i64(t, 2, (int64_t)info->raw_bytes);
        rvi_pq_thrift_i64(t, 3, info->rows);
        rvi_pq_thrift_i64(t, 5, (int64_t)info->at);
        rvi_pq_thrift_i64(t, 6, (int64_t)info->stored_bytes);
        if (g <= INT16_MAX)
            rvi_pq_thrift_i16(t, 7, (int16_t)g);
        rvi_pq_thrift_item_struct_end(t);
        RV_TRY(drain(w, t, err));
    }
    return RV_OK;
}

/* A JSON string, quotes included. Spec: RFC 8259, 7: quotes, backslashes and control characters are escaped. */
static rv_code append_json_string(rvi_pq_buf *out, const char *text, rv_error *err)
{
    RV_TRY(rvi_pq_buf_append(out, "\"", 1, err));
    for (; *text != '\0'; text++) {
        char escaped[8];
        size_t len = 1;
        escaped[0] = *text;
        if (*text == '"' || *text == '\\') {
            escaped[0] = '\\';
            escaped[1] = *text;
            len = 2;
        } else if ((unsigned char)*text < 0x20) {
            len = (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)(unsigned char)*text);
        }
        RV_TRY(rvi_pq_buf_append(out, escaped, len, err));
    }
    return rvi_pq_buf_append(out, "\"", 1, err);
}

static rv_code append_text(rvi_pq_buf *out, const char *text, rv_error *err)
{
    return rvi_pq_buf_append(out, text, strlen(text), err);
}

/* {"native_type":"numeric(10,2)","type":"decimal(10,2)","fidelity":"exact"} */
static rv_code describe_field(const rv_field *field, rvi_pq_buf *out, rv_error *err)
{
    char type[RV_TYPE_TEXT_BYTES];
    rv_type_text(type, field->type);
    RV_TRY(append_text(out, "{\"native_type\":", err));
    RV_TRY(append_json_string(out, field->native_type != NULL ? field->native_type : "", err));
    RV_TRY(append_text(out, ",\"type\":", err));
    RV_TRY(append_json_string(out, type, err));
    RV_TRY(append_text(out, ",\"fidelity\":", err));
    RV_TRY(append_json_string(out, rv_fidelity_name(field->fidelity), err));
    return append_text(out, "}", err);
}

static rv_code write_key_values(writer *w, rvi_pq_thrift *t, rv_error *err)
{
    static const char key_prefix[] = "rivet.column.";
    rvi_pq_buf *text = &w->group.work.body;
    rvi_pq_thrift_list(t, 5, RVI_PQ_THRIFT_STRUCT, (size_t)w->schema->n_fields);
    for (int i = 0; i < w->schema->n_fields; i++) {
        const rv_field *field = &w->schema->fields[i];
        rvi_pq_thrift_item_struct_begin(t);
        text->len = 0;
        RV_TRY(append_text(text, key_prefix, err));
        RV_TRY(append_text(text, field->name, err));
        rvi_pq_thrift_binary(t, 1, text->data, text->len);
        text->len = 0;
        RV_TRY(describe_field(field, text, err));
        rvi_pq_thrift_binary(t, 2, text->data, text->len);
        rvi_pq_thrift_item_struct_end(t);
    }
    return RV_OK;
}

/* TYPE_ORDER for every leaf: without it min and max are undefined. */
static void write_column_orders(const writer *w, rvi_pq_thrift *t)
{
    rvi_pq_thrift_list(t, 7, RVI_PQ_THRIFT_STRUCT, (size_t)w->group.n_columns);
    for (int i = 0; i < w->group.n_columns; i++) {
        rvi_pq_thrift_item_struct_begin(t);
        rvi_pq_thrift_empty_struct(t, 1);
        rvi_pq_thrift_item_struct_end(t);
    }
}

static rv_code write_metadata(writer *w, footer_place *place, rv_error *err)
{
    w->group.work.header.len = 0;
    rvi_pq_thrift t = rvi_pq_thrift_begin(&w->group.work.header, err);
    rvi_pq_thrift_i32(&t, 1, FILE_VERSION);
    write_schema(w, &t);
    rvi_pq_thrift_i64(&t, 3, w->rows);
    RV_TRY(write_row_groups(w, &t, place, err));
    RV_TRY(write_key_values(w, &t, err));
    rvi_pq_thrift_text(&t, 6, CREATED_BY);
    write_column_orders(w, &t);
    RV_TRY(rvi_pq_thrift_end(&t));
    return drain(w, &t, err);
}

static rv_code write_footer(writer *w, rv_error *err)
{
    rvi_pq_group *group = &w->group;
    footer_place place = {.column_index_at = w->out.offset};
    RV_TRY(rvi_pq_store_write(&group->column_indexes, 0, group->column_indexes.len, &w->out, err));
    place.offset_index_at = w->out.offset;
    RV_TRY(rvi_pq_store_write(&group->offset_indexes, 0, group->offset_indexes.len, &w->out, err));
    uint64_t at = w->out.offset;
    RV_TRY(write_metadata(w, &place, err));
    uint64_t len = w->out.offset - at;
    if (len > INT32_MAX)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "the footer has %" PRIu64 " bytes; Parquet's limit is %d",
                       len, INT32_MAX);
    uint8_t length_word[4];
    rvi_pq_store_u32(length_word, (uint32_t)len);
    RV_TRY(rvi_pq_output_write(&w->out, length_word, sizeof length_word, err));
    return rvi_pq_output_write(&w->out, MAGIC, sizeof MAGIC, err);
}

/* The size of what the footer has whatever the rows are, for a file that has to meet a limit. */
static rv_code measure_footer(writer *w, rv_error *err)
{
    enum { FRAME_BYTES = 64 }; /* version, rows, created_by, length word, magic */
    rvi_pq_buf *header = &w->group.work.header;
    rvi_pq_thrift t = rvi_pq_thrift_begin(header, err);
    write_schema(w, &t);
    RV_TRY(write_key_values(w, &t, err));
    write_column_orders(w, &t);
    RV_TRY(rvi_pq_thrift_end(&t));
    w->group.fixed_bytes = header->len + FRAME_BYTES;
    header->len = 0;
    return RV_OK;
}

static rv_code writer_open(rv_writer **out, rv_sink *sink, const rv_writer_options *options, rv_error *err)
{
    RV_AUTO(writer_free) writer *w = calloc(1, sizeof *w);
    if (w == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "a Parquet writer");
    w->schema = options->schema;
    rvi_pq_group_options group = {.schema = options->schema,
                                  .codec = options->format->codec,
                                  .level = options->format->level,
                                  .parquet = &options->format->parquet,
                                  .file_bytes = options->format->max_file_bytes,
                                  .budget = options->budget,
                                  .workers = options->workers,
                                  .scratch = options->scratch,
                                  .memory_bytes = options->memory_bytes};
    RV_TRY(rvi_pq_group_init(&w->group, &group, err));
    RV_TRY(rvi_pq_output_init(&w->out, sink, &w->group.held, err));
    RV_TRY(rvi_pq_output_write(&w->out, MAGIC, sizeof MAGIC, err));
    if (group.file_bytes > 0)
        RV_TRY(measure_footer(w, err));
    *out = &w->base;
    w = NULL;
    return RV_OK;
}

static rv_code writer_finish(rv_writer *base, rv_writer_stats *stats, rv_error *err)
{
    writer *w = (writer *)base;
    RV_TRY(rvi_pq_group_flush(&w->group, &w->out, err));
    RV_TRY(write_footer(w, err));
    RV_TRY(rvi_pq_output_flush(&w->out, err));
    *stats = (rv_writer_stats){.rows = w->rows,
                               .bytes = w->out.offset,
                               .raw_bytes = w->group.weight,
                               .row_groups = (int64_t)w->group.n_groups};
    return RV_OK;
}

const rv_format_ops rvi_parquet_ops = {
    .kind = RV_FORMAT_PARQUET,
    .extension = "parquet",
    .media_type = "application/vnd.apache.parquet",
    .check = writer_check,
    .open = writer_open,
    .append = writer_append,
    .catch_up = writer_catch_up,
    .finish = writer_finish,
    .close = writer_close,
    .verify = rvi_parquet_verify_written,
};
