/* parquet_dump FILE: everything in a Parquet file as Rivet's reader has it, as JSON lines.
 *
 *     {"row_group":0,"path":"tags.list.element","def":[…],"rep":[…],"values":["text",…]}    per leaf
 *     {"row_group":0,"field":"id","type":"int64","rows":["1",null,…]}                        per column Rivet knows
 *
 * parquet_dump --verify FILE: the findings of rv_parquet_verify(), and digests. Exit 1 with the error on stderr. */
#include "rivet/bytes.h"
#include "rivet/parquet_verify.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUDGET = 256 << 20, TEXT_MOST = 64 << 20 };

static json_t *text_json(const rv_bytes *text)
{
    return json_stringn_nocheck(text->len > 0 ? (const char *)text->data : "", text->len);
}

static void print_line(json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT | JSON_ENSURE_ASCII);
    if (text == NULL)
        abort();
    puts(text);
    free(text);
    json_decref(line);
}

static rv_code add_values(json_t *line, const rv_parquet_node *leaf, const rv_parquet_values *values,
                          rv_error *err)
{
    rv_bytes text = RV_BYTES_INIT(TEXT_MOST);
    rv_code rc = RV_OK;
    for (int32_t i = 0; i < values->n_levels; i++) {
        json_array_append_new(json_object_get(line, "def"),
                              json_integer(values->def != NULL ? values->def[i] : 0));
        json_array_append_new(json_object_get(line, "rep"),
                              json_integer(values->rep != NULL ? values->rep[i] : 0));
    }
    for (int32_t i = 0; rc == RV_OK && i < values->n; i++) {
        const uint8_t *bytes =
            values->width > 0 ? values->fixed + (size_t)i * values->width : values->slices[i].data;
        rv_bytes_clear(&text);
        rc = rv_parquet_value_text(leaf, bytes, values->width > 0 ? values->width : values->slices[i].len,
                                   &text, err);
        json_array_append_new(json_object_get(line, "values"), text_json(&text));
    }
    rv_bytes_deinit(&text);
    return rc;
}

static rv_code dump_leaf(rv_parquet_reader *reader, int32_t group, int32_t leaf, rv_error *err)
{
    const rv_parquet_metadata *metadata = rv_parquet_metadata_of(reader);
    char path[RV_PARQUET_PATH_BYTES];
    RV_AUTO(rv_parquet_cursor_close) rv_parquet_cursor *cursor = NULL;
    const rv_parquet_page *page = NULL;
    json_t *line = json_pack("{s:i,s:s,s:[],s:[],s:[]}", "row_group", group, "path",
                             rv_parquet_leaf_path(path, metadata, leaf), "def", "rep", "values");
    rv_code rc = rv_parquet_cursor_open(&cursor, reader, leaf, err);
    while (rc == RV_OK && (rc = rv_parquet_cursor_page(cursor, &page, err)) == RV_OK && page != NULL) {
        rv_parquet_values values = {.n_levels = 1};
        while (rc == RV_OK && values.n_levels > 0) {
            rc = rv_parquet_cursor_values(cursor, 777, &values, err);
            if (rc == RV_OK)
                rc = add_values(line, rv_parquet_leaf_node(metadata, leaf), &values, err);
        }
    }
    if (rc == RV_OK)
        print_line(line);
    else
        json_decref(line);
    return rc;
}

static rv_code add_rows(json_t *line, const rv_column *column, rv_error *err)
{
    rv_bytes text = RV_BYTES_INIT(TEXT_MOST);
    rv_code rc = RV_OK;
    for (int64_t i = 0; rc == RV_OK && i < column->length; i++) {
        rv_bytes_clear(&text);
        if (!rv_column_is_null(column, i))
            rc = rv_column_text(column, i, &text, err);
        json_array_append_new(json_object_get(line, "rows"),
                              rv_column_is_null(column, i) ? json_null() : text_json(&text));
    }
    rv_bytes_deinit(&text);
    return rc;
}

static rv_code dump_field(rv_parquet_reader *reader, int32_t group, int field, rv_error *err)
{
    enum { ROWS = 1000 };
    const rv_schema *schema = rv_parquet_schema(reader);
    rv_schema one = {.fields = &schema->fields[field], .n_fields = 1};
    RV_AUTO(rv_parquet_cursor_close) rv_parquet_cursor *cursor = NULL;
    RV_AUTO(rv_batch_free) rv_batch *batch = NULL;
    char type[RV_TYPE_TEXT_BYTES];
    int64_t rows = ROWS;
    if (rv_parquet_field_leaf(reader, field) < 0)
        return RV_OK;
    RV_TRY(rv_batch_new(&batch, &one, NULL, err));
    RV_TRY(rv_parquet_cursor_open(&cursor, reader, rv_parquet_field_leaf(reader, field), err));
    rv_type_text(type, one.fields[0].type);
    json_t *line = json_pack("{s:i,s:s,s:s,s:[]}", "row_group", group, "field", one.fields[0].name, "type",
                             type, "rows");
    rv_code rc = RV_OK;
    while (rc == RV_OK && rows == ROWS) {
        rv_batch_reset(batch);
        rc = rv_parquet_cursor_rows(cursor, &batch->columns[0], ROWS, &rows, err);
        if (rc == RV_OK)
            rc = add_rows(line, &batch->columns[0], err);
    }
    if (rc == RV_OK)
        print_line(line);
    else
        json_decref(line);
    return rc;
}

static rv_code dump(rv_input *input, const rv_parquet_reader_options *options, rv_error *err)
{
    RV_AUTO(rv_parquet_close) rv_parquet_reader *reader = NULL;
    RV_TRY(rv_parquet_open(&reader, input, options, err));
    const rv_parquet_metadata *metadata = rv_parquet_metadata_of(reader);
    for (int32_t g = 0; g < metadata->n_row_groups; g++) {
        const rv_parquet_row_group *group = NULL;
        RV_TRY(rv_parquet_row_group_read(reader, g, &group, err));
        for (int32_t leaf = 0; leaf < metadata->n_leaves; leaf++)
            RV_TRY(dump_leaf(reader, g, leaf, err));
        for (int field = 0; field < rv_parquet_schema(reader)->n_fields; field++)
            RV_TRY(dump_field(reader, g, field, err));
    }
    return RV_OK;
}

static rv_code verify(rv_input *input, const rv_parquet_reader_options *options, rv_error *err)
{
    rv_parquet_report report = {0};
    uint64_t digests[RV_MAX_FIELDS];
    RV_AUTO(rv_parquet_close) rv_parquet_reader *reader = NULL;
    int n = 0;
    if (rv_parquet_open(&reader, input, options, err) == RV_OK)
        n = rv_parquet_schema(reader)->n_fields;
    RV_TRY(rv_parquet_verify(input, options, digests, n, &report, err));
    json_t *line =
        json_pack("{s:I,s:I,s:I,s:i,s:I,s:[],s:[]}", "rows", (json_int_t)report.n_rows, "pages",
                  (json_int_t)report.n_pages, "values", (json_int_t)report.n_values, "row_groups",
                  report.n_row_groups, "n_findings", (json_int_t)report.n_findings, "findings", "digests");
    for (int64_t i = 0; i < report.n_findings && i < RV_PARQUET_FINDINGS; i++) {
        const rv_parquet_finding *f = &report.findings[i];
        json_array_append_new(json_object_get(line, "findings"),
                              json_pack("{s:s,s:i,s:i,s:i,s:I,s:s}", "check", rv_parquet_check_name(f->check),
                                        "row_group", f->row_group, "leaf", f->leaf, "page", f->page, "at",
                                        (json_int_t)f->at, "text", f->text));
    }
    for (int i = 0; report.has_digests && i < n; i++) {
        char text[17];
        snprintf(text, sizeof text, "%016" PRIx64, digests[i]);
        json_array_append_new(json_object_get(line, "digests"), json_string(text));
    }
    print_line(line);
    return RV_OK;
}

int main(int argc, char **argv)
{
    bool verifies = argc == 3 && strcmp(argv[1], "--verify") == 0;
    rv_error err = {0};
    rv_file_input input = {0};
    rv_budget budget;
    rv_budget_init(&budget, BUDGET);
    rv_parquet_reader_options options = {.budget = &budget};
    if (argc != (verifies ? 3 : 2))
        return 2;
    rv_code rc = rv_file_input_open(&input, argv[argc - 1], &err);
    if (rc == RV_OK)
        rc = verifies ? verify(&input.base, &options, &err) : dump(&input.base, &options, &err);
    rv_file_input_close(&input);
    if (rc == RV_OK && rv_budget_used(&budget) != 0) {
        fprintf(stderr, "%zu bytes of the budget were not given back\n", rv_budget_used(&budget));
        return 3;
    }
    if (rc == RV_OK)
        return 0;
    fprintf(stderr, "%s: %s", rv_code_name(rc), err.message);
    for (int i = 0; i < err.n_frames; i++)
        fprintf(stderr, "; %s", err.frame[i]);
    fputc('\n', stderr);
    return 1;
}
