/* inspect_json.c - everything that the file says, as one JSON object. A row group is rendered and printed before the
 * next, so a file with many of them costs no more memory than one of them does. */
#include "inspect.h"

#include <stdlib.h>
#include <string.h>

/* Numbers that are -1 where the file says nothing. */
static json_t *number_or_null(int64_t n)
{
    return n < 0 ? json_null() : json_integer(n);
}

static json_t *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? json_null() : rvi_text_json(text);
}

static rv_code print_part(const char *before, json_t *part, const char *after, rv_error *err)
{
    char *text = part != NULL ? json_dumps(part, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    json_decref(part);
    if (text == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "rendering the file as JSON");
    printf("%s%s%s", before, text, after);
    free(text);
    return RV_OK;
}

static json_t *file_object(const rvi_inspection *in)
{
    const rv_parquet_metadata *m = in->metadata;
    return json_pack("{s:o,s:I,s:I,s:I,s:I,s:I,s:i,s:o,s:I}", "path", rvi_text_json(in->path), "bytes",
                     (json_int_t)in->size, "rows", (json_int_t)m->n_rows, "row_groups",
                     (json_int_t)m->n_row_groups, "columns", (json_int_t)m->nodes[0].n_children, "leaves",
                     (json_int_t)m->n_leaves, "format_version", (int)m->version, "created_by",
                     m->created_by != NULL ? rvi_text_json(m->created_by) : json_null(), "footer_bytes",
                     (json_int_t)m->footer_len);
}

/* Depth of the recursion: that of the schema, which the reader bounds. */
static json_t *node_object(const rv_parquet_metadata *metadata, int32_t at)
{
    const rv_parquet_node *node = &metadata->nodes[at];
    char logical[RVI_TYPE_NAME_BYTES], physical[RVI_TYPE_NAME_BYTES];
    json_t *object =
        json_pack("{s:o,s:o,s:o,s:s,s:o}", "name", rvi_text_json(node->name), "physical_type",
                  text_or_null(rvi_inspect_physical(physical, node)), "logical_type",
                  text_or_null(rvi_inspect_logical(logical, node)), "repetition",
                  rv_parquet_repetition_name(node->repetition), "field_id", number_or_null(node->field_id));
    if (object == NULL)
        return NULL;
    json_t *noted = node->parent == 0 ? rvi_inspect_noted(metadata, node->name) : NULL;
    if (noted != NULL)
        (void)json_object_set_new(object, "rivet", noted);
    if (node->physical >= 0)
        return object;
    json_t *fields = json_array();
    bool complete = fields != NULL;
    for (int32_t child = at + 1; complete && child < node->end; child = metadata->nodes[child].end)
        complete = json_array_append_new(fields, node_object(metadata, child)) == 0;
    if (json_object_set_new(object, "fields", fields) == 0 && complete)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *schema_array(const rv_parquet_metadata *metadata)
{
    json_t *root = node_object(metadata, 0), *fields = NULL;
    if (root != NULL)
        fields = json_incref(json_object_get(root, "fields"));
    json_decref(root);
    return fields;
}

static json_t *key_value_array(const rv_parquet_metadata *metadata)
{
    json_t *array = json_array();
    for (int32_t i = 0; i < metadata->n_key_values; i++) {
        const rv_parquet_key_value *pair = &metadata->key_values[i];
        json_t *value =
            pair->value.data != NULL ? rvi_inspect_json_text(pair->value.data, pair->value.len) : json_null();
        json_t *object = json_pack("{s:o,s:o}", "key", rvi_text_json(pair->key), "value", value);
        if (json_array_append_new(array, object) == 0)
            continue;
        json_decref(array);
        return NULL;
    }
    return array;
}

/* Canonical text of a bound, whatever its type; null: absent, or no value of the type; NULL: out of
 * memory. */
static json_t *bound_text(const rv_parquet_node *leaf, rv_parquet_bytes bound)
{
    if (bound.data == NULL)
        return json_null();
    rv_bytes text = RV_BYTES_INIT(RVI_INSPECT_SAMPLE_BYTES);
    bool known = false;
    json_t *value = NULL;
    if (rvi_inspect_bound(leaf, bound, RVI_VALUE_PLAIN, &text, &known, NULL) == RV_OK)
        value = known ? rvi_inspect_json_text(text.data, text.len) : json_null();
    rv_bytes_deinit(&text);
    return value;
}

static json_t *exactness(int8_t exact)
{
    return exact < 0 ? json_null() : json_boolean(exact);
}

static json_t *statistics_object(const rv_parquet_node *leaf, const rv_parquet_chunk *chunk)
{
    const rv_parquet_statistics *s = &chunk->statistics;
    return json_pack("{s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "min", bound_text(leaf, s->min), "max",
                     bound_text(leaf, s->max), "min_exact", exactness(s->min_exact), "max_exact",
                     exactness(s->max_exact), "null_count", number_or_null(s->null_count), "distinct_count",
                     number_or_null(s->distinct_count), "nan_count", number_or_null(s->nan_count));
}

static json_t *name_of(const char *name, int32_t number)
{
    return strcmp(name, "unknown") != 0 ? json_string(name) : json_sprintf("%d", (int)number);
}

static json_t *encodings_array(const rv_parquet_chunk *chunk)
{
    json_t *array = json_array();
    for (int32_t i = 0; i < chunk->n_encodings; i++)
        (void)json_array_append_new(
            array, name_of(rv_parquet_encoding_id_name(chunk->encodings[i]), chunk->encodings[i]));
    return array;
}

static json_t *place_object(int64_t at, int64_t bytes)
{
    return at > 0 ? json_pack("{s:I,s:o}", "offset", (json_int_t)at, "bytes", number_or_null(bytes))
                  : json_null();
}

static rv_code chunk_object(const rvi_inspection *in, int32_t leaf, const rv_parquet_chunk *chunk,
                            json_t **out, rv_error *err)
{
    const rv_parquet_node *node = rv_parquet_leaf_node(in->metadata, leaf);
    char path[RV_PARQUET_PATH_BYTES];
    int64_t n_pages = 0;
    RV_TRY(rvi_inspect_chunk_pages(in->reader, leaf, chunk, &n_pages, err));
    json_t *object = json_pack(
        "{s:o,s:o,s:o,s:o,s:I,s:o,s:I,s:I,s:o,s:b,s:o,s:o,s:o,s:o,s:o,s:o}", "column",
        rvi_text_json(rv_parquet_leaf_path(path, in->metadata, leaf)), "physical_type",
        name_of(rv_parquet_physical_name(chunk->physical), chunk->physical), "codec",
        name_of(rv_parquet_codec_name(chunk->codec), chunk->codec), "encodings", encodings_array(chunk),
        "values", (json_int_t)chunk->n_values, "nulls", number_or_null(rvi_inspect_chunk_nulls(node, chunk)),
        "uncompressed_bytes", (json_int_t)chunk->raw_bytes, "compressed_bytes",
        (json_int_t)chunk->stored_bytes, "pages", number_or_null(n_pages), "dictionary",
        rvi_inspect_has_dictionary(chunk), "statistics", statistics_object(node, chunk), "data_page_offset",
        number_or_null(chunk->data_page_at), "dictionary_page_offset",
        chunk->dictionary_page_at > 0 ? json_integer(chunk->dictionary_page_at) : json_null(), "bloom_filter",
        place_object(chunk->bloom_at, chunk->bloom_len), "column_index",
        place_object(chunk->column_index_at, chunk->column_index_len), "offset_index",
        place_object(chunk->offset_index_at, chunk->offset_index_len));
    if (object != NULL && chunk->unreadable != NULL)
        (void)json_object_set_new(object, "unreadable", rvi_text_json(chunk->unreadable));
    *out = object;
    return RV_OK;
}

static rv_code print_row_group(const rvi_inspection *in, int32_t index, rv_error *err)
{
    const rv_parquet_row_group *group = NULL;
    RV_TRY(rv_parquet_row_group_read(in->reader, index, &group, err));
    printf("%s\n{\"rows\":%lld,\"uncompressed_bytes\":%lld,\"columns\":[", index > 0 ? "," : "",
           (long long)group->n_rows, (long long)group->raw_bytes);
    for (int32_t leaf = 0; leaf < in->metadata->n_leaves; leaf++) {
        json_t *chunk = NULL;
        RV_TRY(chunk_object(in, leaf, &group->chunks[leaf], &chunk, err));
        RV_TRY(print_part(leaf > 0 ? ",\n" : "\n", chunk, "", err));
    }
    printf("]}");
    return RV_OK;
}

/* Cells are JSON already. A column that cannot be read is left out. */
static rv_code print_row(const rvi_inspection *in, int64_t row, rv_error *err)
{
    const rvi_inspect_sample *sample = &in->sample;
    const char *before = "";
    int32_t at = 1;
    printf("%s\n{", row > 0 ? "," : "");
    for (int field = 0; field < sample->n_fields; field++, at = in->metadata->nodes[at].end) {
        size_t cell = sample->cells[row * sample->n_fields + field];
        if (cell == SIZE_MAX)
            continue;
        RV_TRY(print_part(before, rvi_text_json(in->metadata->nodes[at].name), ":", err));
        fputs((const char *)sample->text.data + cell, stdout);
        before = ",";
    }
    printf("}");
    return RV_OK;
}

static json_t *finding_object(const rvi_inspection *in, const rv_parquet_finding *finding)
{
    char place[RVI_PLACE_BYTES];
    return json_pack("{s:s,s:o,s:o,s:o,s:I,s:o,s:o}", "check", rv_parquet_check_name(finding->check),
                     "row_group", number_or_null(finding->row_group), "leaf", number_or_null(finding->leaf),
                     "page", number_or_null(finding->page), "offset", (json_int_t)finding->at, "place",
                     rvi_text_json(rvi_inspect_place(place, in->metadata, finding)), "text",
                     rvi_text_json(finding->text));
}

static json_t *report_object(const rvi_inspection *in)
{
    const rv_parquet_report *report = in->report;
    json_t *findings = json_array();
    for (int64_t i = 0; i < report->n_findings && i < RV_PARQUET_FINDINGS; i++)
        (void)json_array_append_new(findings, finding_object(in, &report->findings[i]));
    return json_pack("{s:I,s:I,s:I,s:I,s:o}", "rows", (json_int_t)report->n_rows, "values",
                     (json_int_t)report->n_values, "pages", (json_int_t)report->n_pages, "findings_total",
                     (json_int_t)report->n_findings, "findings", findings);
}

static rv_code print_contents(const rvi_inspection *in, rv_error *err)
{
    RV_TRY(print_part("{\"file\":", file_object(in), ",\n\"schema\":", err));
    RV_TRY(print_part("", schema_array(in->metadata), ",\n\"key_values\":", err));
    RV_TRY(print_part("", key_value_array(in->metadata), ",\n\"row_groups\":[", err));
    for (int32_t g = 0; g < in->metadata->n_row_groups; g++)
        RV_TRY(print_row_group(in, g, err));
    printf("],\n\"first_rows\":[");
    for (int64_t row = 0; row < in->sample.n_rows; row++)
        RV_TRY(print_row(in, row, err));
    printf("]");
    return RV_OK;
}

rv_code rvi_inspect_print_json(const rvi_inspection *in, rv_error *err)
{
    if (in->metadata != NULL)
        RV_TRY(print_contents(in, err));
    if (in->report != NULL)
        RV_TRY(print_part(in->metadata != NULL ? ",\n\"verification\":" : "{\"verification\":",
                          report_object(in), "", err));
    printf("}\n");
    return RV_OK;
}
