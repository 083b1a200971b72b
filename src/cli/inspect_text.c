/* inspect_text.c - a Parquet file described for people. */
#include "inspect.h"
#include "table.h"

#include <inttypes.h>
#include <string.h>

enum {
    GROUPS_SHOWN = 50,       /* row groups listed one by one */
    SAMPLE_CHARACTERS = 110, /* a sample that is wider is printed with a line per column */
    ROWS_SIDE_BY_SIDE = 4,   /* of such a sample */
    FIELDS_UPRIGHT = 40,     /* more columns never fit */
    TEXT_BYTES = 160,
};

static rv_code add_bytes(rvi_table *table, uint64_t bytes, rv_error *err)
{
    char text[RVI_UNIT_BYTES];
    return rvi_table_add(table, rvi_text_bytes(text, bytes), err);
}

/* -1 is what nobody says. */
static rv_code add_count(rvi_table *table, int64_t n, rv_error *err)
{
    char text[RVI_UNIT_BYTES];
    return rvi_table_add(table, n < 0 ? "-" : rvi_text_count(text, n), err);
}

static rv_code add_ratio(rvi_table *table, uint64_t raw, uint64_t stored, rv_error *err)
{
    return stored > 0 ? rvi_table_addf(table, err, "%.2f", (double)raw / (double)stored)
                      : rvi_table_add(table, "-", err);
}

static void print_file(const rvi_inspection *in)
{
    const rv_parquet_metadata *m = in->metadata;
    char text[RVI_UNIT_BYTES], footer[RVI_UNIT_BYTES], line[512];
    printf("file         %s\n", rvi_text_line(line, sizeof line, in->path));
    printf("size         %s (footer %s)\n", rvi_text_bytes(text, in->size),
           rvi_text_bytes(footer, m->footer_len));
    printf("rows         %s\n", rvi_text_count(text, m->n_rows));
    printf("row groups   %s\n", rvi_text_count(text, m->n_row_groups));
    printf("columns      %s", rvi_text_count(text, m->nodes[0].n_children));
    if (m->n_leaves != m->nodes[0].n_children)
        printf(" (%s leaves)", rvi_text_count(text, m->n_leaves));
    printf("\ncreated by   %s\n",
           m->created_by != NULL ? rvi_text_line(line, sizeof line, m->created_by) : "-");
    for (int32_t i = 0; i < m->n_key_values; i++)
        if (strncmp(m->key_values[i].key, "rivet.column.", 13) != 0) /* those are in the schema below */
            printf("key value    %s (%s)\n", rvi_text_line(line, sizeof line, m->key_values[i].key),
                   rvi_text_bytes(text, m->key_values[i].value.len));
}

static int depth_of(const rv_parquet_metadata *metadata, int32_t at)
{
    int depth = 0;
    for (int32_t up = metadata->nodes[at].parent; up > 0; up = metadata->nodes[up].parent)
        depth++;
    return depth;
}

static rv_code add_node(rvi_table *table, const rv_parquet_metadata *metadata, int32_t at, rv_error *err)
{
    const rv_parquet_node *node = &metadata->nodes[at];
    char type[RVI_TYPE_NAME_BYTES];
    json_t *noted = node->parent == 0 ? rvi_inspect_noted(metadata, node->name) : NULL;
    const char *source = json_string_value(json_object_get(noted, "native_type"));
    rv_code rc = rvi_table_addf(table, err, "%*s%s", depth_of(metadata, at) * 2, "", node->name);
    if (rc == RV_OK)
        rc = rvi_table_add(table, rvi_inspect_logical(type, node), err);
    if (rc == RV_OK)
        rc = rvi_table_add(table, rvi_inspect_physical(type, node), err);
    if (rc == RV_OK)
        rc = rvi_table_add(table, rv_parquet_repetition_name(node->repetition), err);
    if (rc == RV_OK)
        rc = rvi_table_add(table, source != NULL ? source : "", err);
    json_decref(noted);
    return rc;
}

static rv_code print_schema(const rvi_inspection *in, rvi_table *table, rv_error *err)
{
    static const rvi_table_column columns[] = {{"COLUMN", false},
                                               {"TYPE", false},
                                               {"PHYSICAL", false},
                                               {"REPETITION", false},
                                               {"SOURCE TYPE", false}};
    rvi_table_init(table, columns, 5);
    for (int32_t at = 1; at < in->metadata->n_nodes; at++)
        RV_TRY(add_node(table, in->metadata, at, err));
    printf("\nSchema\n");
    return rvi_table_print(table, stdout, "  ", err);
}

static rv_code print_row_groups(const rvi_inspection *in, rvi_table *table, rv_error *err)
{
    static const rvi_table_column columns[] = {
        {"GROUP", true}, {"ROWS", true}, {"RAW", true}, {"STORED", true}, {"RATIO", true}};
    rvi_table_init(table, columns, 5);
    int32_t n = in->metadata->n_row_groups;
    for (int32_t g = 0; g < n && g < GROUPS_SHOWN; g++) {
        const rv_parquet_row_group *group = NULL;
        uint64_t raw = 0, stored = 0;
        RV_TRY(rv_parquet_row_group_read(in->reader, g, &group, err));
        for (int32_t leaf = 0; leaf < in->metadata->n_leaves; leaf++) {
            raw += (uint64_t)(group->chunks[leaf].raw_bytes > 0 ? group->chunks[leaf].raw_bytes : 0);
            stored += (uint64_t)(group->chunks[leaf].stored_bytes > 0 ? group->chunks[leaf].stored_bytes : 0);
        }
        RV_TRY(add_count(table, g, err));
        RV_TRY(add_count(table, group->n_rows, err));
        RV_TRY(add_bytes(table, raw, err));
        RV_TRY(add_bytes(table, stored, err));
        RV_TRY(add_ratio(table, raw, stored, err));
    }
    printf("\nRow groups\n%s", n == 0 ? "  none\n" : "");
    RV_TRY(rvi_table_print(table, stdout, "  ", err));
    if (n > GROUPS_SHOWN)
        printf("  and %d more (--json lists them all)\n", (int)(n - GROUPS_SHOWN));
    return RV_OK;
}

/* "ZSTD, SNAPPY" of a set of numbers. */
static const char *names_of(char out[TEXT_BYTES], uint32_t set, const char *(*name)(int32_t number))
{
    size_t at = 0;
    out[0] = '\0';
    for (int32_t i = 0; i < 32; i++)
        if ((set >> i & 1) != 0 && at < TEXT_BYTES)
            at += (size_t)snprintf(out + at, TEXT_BYTES - at, "%s%s", at > 0 ? ", " : "", name(i));
    return out;
}

static const char *features_of(char out[TEXT_BYTES], const rvi_inspect_column *column)
{
    const struct {
        bool there;
        const char *name;
    } features[] = {{column->n_dictionaries > 0, "dictionary"},
                    {column->n_indexes > 0, "index"},
                    {column->n_blooms > 0, "bloom"},
                    {column->n_unreadable > 0, "unreadable"}};
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof features / sizeof *features; i++)
        if (features[i].there)
            at += (size_t)snprintf(out + at, TEXT_BYTES - at, "%s%s", at > 0 ? ", " : "", features[i].name);
    return out;
}

static rv_code add_bound(rvi_table *table, const rv_parquet_node *leaf, const rvi_inspect_column *column,
                         const rv_bytes *bound, rv_error *err)
{
    if (column->bounds != RVI_BOUNDS_KNOWN)
        return rvi_table_add(table, "-", err);
    rv_bytes text = RV_BYTES_INIT(RVI_INSPECT_SAMPLE_BYTES);
    rv_parquet_bytes value = {bound->data != NULL ? bound->data : (const uint8_t *)"", bound->len};
    const char *shown = NULL;
    bool known = false;
    rv_code rc = rvi_inspect_bound(leaf, value, RVI_VALUE_PEOPLE, &text, &known, err);
    if (rc == RV_OK)
        rc = rv_bytes_cstr(&text, &shown, err);
    if (rc == RV_OK)
        rc = rvi_table_add(table, known ? shown : "?", err);
    rv_bytes_deinit(&text);
    return rc;
}

static rv_code add_column(rvi_table *table, const rvi_inspection *in, int32_t leaf, rv_error *err)
{
    const rvi_inspect_column *column = &in->columns[leaf];
    const rv_parquet_node *node = rv_parquet_leaf_node(in->metadata, leaf);
    char path[RV_PARQUET_PATH_BYTES], text[TEXT_BYTES];
    RV_TRY(rvi_table_add(table, rv_parquet_leaf_path(path, in->metadata, leaf), err));
    RV_TRY(rvi_table_add(table, names_of(text, column->codecs, rv_parquet_codec_name), err));
    RV_TRY(rvi_table_add(table, names_of(text, column->encodings, rv_parquet_encoding_id_name), err));
    RV_TRY(add_count(table, column->n_pages, err));
    RV_TRY(add_bytes(table, column->raw_bytes, err));
    RV_TRY(add_bytes(table, column->stored_bytes, err));
    RV_TRY(add_ratio(table, column->raw_bytes, column->stored_bytes, err));
    RV_TRY(add_count(table, column->n_nulls, err));
    RV_TRY(add_bound(table, node, column, &column->min, err));
    RV_TRY(add_bound(table, node, column, &column->max, err));
    return rvi_table_add(table, features_of(text, column), err);
}

static rv_code print_columns(const rvi_inspection *in, rvi_table *table, rv_error *err)
{
    static const rvi_table_column columns[] = {{"COLUMN", false}, {"CODEC", false}, {"ENCODINGS", false},
                                               {"PAGES", true},   {"RAW", true},    {"STORED", true},
                                               {"RATIO", true},   {"NULLS", true},  {"MIN", false},
                                               {"MAX", false},    {"HAS", false}};
    rvi_table_init(table, columns, 11);
    for (int32_t leaf = 0; leaf < in->metadata->n_leaves; leaf++)
        RV_TRY(add_column(table, in, leaf, err));
    printf("\nColumns\n");
    return rvi_table_print(table, stdout, "  ", err);
}

static const char *cell(const rvi_inspect_sample *sample, int64_t row, int field)
{
    size_t at = sample->cells[row * sample->n_fields + field];
    return at == SIZE_MAX ? "?" : (const char *)sample->text.data + at;
}

/* The first line has the names: they are the file's, and pass as cells do before they are printed. */
static rv_code upright_table(const rvi_inspection *in, rvi_table *table,
                             rvi_table_column columns[FIELDS_UPRIGHT], rv_error *err)
{
    const rv_parquet_node *nodes = in->metadata->nodes;
    rvi_table_init(table, columns, in->sample.n_fields);
    int32_t at = 1;
    for (int field = 0; field < in->sample.n_fields; field++, at = nodes[at].end) {
        columns[field] = (rvi_table_column){.is_number = nodes[at].physical >= 0 &&
                                                         nodes[at].physical <= RV_PARQUET_DOUBLE};
        RV_TRY(rvi_table_add(table, nodes[at].name, err));
    }
    for (int64_t row = 0; row < in->sample.n_rows; row++)
        for (int field = 0; field < in->sample.n_fields; field++)
            RV_TRY(rvi_table_add(table, cell(&in->sample, row, field), err));
    return RV_OK;
}

/* A line per column, with some rows side by side. */
static rv_code print_sideways(const rvi_inspection *in, int64_t from, int n, rv_error *err)
{
    char titles[ROWS_SIDE_BY_SIDE][RVI_UNIT_BYTES + 8];
    rvi_table_column columns[1 + ROWS_SIDE_BY_SIDE] = {{"COLUMN", false}};
    for (int i = 0; i < n; i++) {
        (void)snprintf(titles[i], sizeof titles[i], "ROW %" PRId64, from + i);
        columns[1 + i] = (rvi_table_column){titles[i], false};
    }
    rvi_table table;
    rvi_table_init(&table, columns, 1 + n);
    rv_code rc = RV_OK;
    int32_t at = 1;
    for (int field = 0; rc == RV_OK && field < in->sample.n_fields;
         field++, at = in->metadata->nodes[at].end) {
        rc = rvi_table_add(&table, in->metadata->nodes[at].name, err);
        for (int i = 0; rc == RV_OK && i < n; i++)
            rc = rvi_table_add(&table, cell(&in->sample, from + i, field), err);
    }
    if (rc == RV_OK)
        rc = rvi_table_print(&table, stdout, "  ", err);
    rvi_table_deinit(&table);
    return rc;
}

static rv_code print_rows(const rvi_inspection *in, rvi_table *table, rv_error *err)
{
    const rvi_inspect_sample *sample = &in->sample;
    rvi_table_column columns[FIELDS_UPRIGHT] = {{0}};
    bool upright = sample->n_fields <= FIELDS_UPRIGHT;
    size_t width = 0;
    if (sample->n_rows == 0 || sample->n_fields == 0)
        return RV_OK;
    if (upright) {
        RV_TRY(upright_table(in, table, columns, err));
        RV_TRY(rvi_table_width(table, &width, err));
        upright = width <= SAMPLE_CHARACTERS;
    }
    printf("\nFirst rows\n");
    if (upright)
        return rvi_table_print(table, stdout, "  ", err);
    for (int64_t row = 0; row < sample->n_rows; row += ROWS_SIDE_BY_SIDE) {
        int64_t left = sample->n_rows - row;
        RV_TRY(print_sideways(in, row, left < ROWS_SIDE_BY_SIDE ? (int)left : ROWS_SIDE_BY_SIDE, err));
    }
    return RV_OK;
}

const char *rvi_inspect_place(char out[RVI_PLACE_BYTES], const rv_parquet_metadata *metadata,
                              const rv_parquet_finding *finding)
{
    char path[RV_PARQUET_PATH_BYTES], line[RV_PARQUET_PATH_BYTES];
    size_t at = (size_t)snprintf(out, RVI_PLACE_BYTES, "file");
    if (finding->row_group >= 0)
        at = (size_t)snprintf(out, RVI_PLACE_BYTES, "row group %" PRId32, finding->row_group);
    if (finding->leaf >= 0 && metadata != NULL && finding->leaf < metadata->n_leaves)
        at += (size_t)snprintf(
            out + at, RVI_PLACE_BYTES - at, ", column %s",
            rvi_text_line(line, sizeof line, rv_parquet_leaf_path(path, metadata, finding->leaf)));
    if (finding->page >= 0)
        at += (size_t)snprintf(out + at, RVI_PLACE_BYTES - at, ", page %" PRId32, finding->page);
    if (finding->at > 0)
        (void)snprintf(out + at, RVI_PLACE_BYTES - at, ", offset %" PRIu64, finding->at);
    return out;
}

static void print_report(const rvi_inspection *in)
{
    const rv_parquet_report *report = in->report;
    char rows[RVI_UNIT_BYTES], values[RVI_UNIT_BYTES], pages[RVI_UNIT_BYTES], place[RVI_PLACE_BYTES];
    char line[RV_PARQUET_FINDING_BYTES];
    printf("%sVerification\n  read      %s rows, %s values in %s pages\n", in->metadata != NULL ? "\n" : "",
           rvi_text_count(rows, report->n_rows), rvi_text_count(values, report->n_values),
           rvi_text_count(pages, report->n_pages));
    printf("  findings  %s\n", report->n_findings == 0 ? "none" : rvi_text_count(rows, report->n_findings));
    for (int64_t i = 0; i < report->n_findings && i < RV_PARQUET_FINDINGS; i++) {
        const rv_parquet_finding *finding = &report->findings[i];
        printf("  %s: %s: %s\n", rvi_inspect_place(place, in->metadata, finding),
               rv_parquet_check_name(finding->check), rvi_text_line(line, sizeof line, finding->text));
    }
    if (report->n_findings > RV_PARQUET_FINDINGS)
        printf("  and %s more\n", rvi_text_count(rows, report->n_findings - RV_PARQUET_FINDINGS));
}

/* One part with a table of its own. */
static rv_code with_table(const rvi_inspection *in,
                          rv_code (*print)(const rvi_inspection *in, rvi_table *table, rv_error *err),
                          rv_error *err)
{
    rvi_table table = {0};
    rv_code rc = print(in, &table, err);
    rvi_table_deinit(&table);
    return rc;
}

rv_code rvi_inspect_print(const rvi_inspection *in, rv_error *err)
{
    if (in->metadata != NULL) {
        print_file(in);
        RV_TRY(with_table(in, print_schema, err));
        RV_TRY(with_table(in, print_row_groups, err));
        RV_TRY(with_table(in, print_columns, err));
        RV_TRY(with_table(in, print_rows, err));
    }
    if (in->report != NULL)
        print_report(in);
    return RV_OK;
}
