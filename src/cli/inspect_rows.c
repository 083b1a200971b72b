/* inspect_rows.c - the first rows of a file as text, whatever their shape.
 *
 * A top-level column is a tree of nodes whose leaves come as streams of levels and values. A row is rendered by
 * walking the tree: each step looks at the next level of the first leaf below it and knows from it whether a value
 * is there, whether a list goes on, and how deep a NULL lies. Every step that renders something takes one level from
 * each leaf below, so streams that do not agree end in an error, never in a loop.
 *
 * Spec: parquet-format, README, "Nested Encoding"; LogicalTypes.md, "Lists", "Maps". */
#include "inspect.h"
#include "table.h"

#include "rivet/checked.h"

#include <stdlib.h>
#include <string.h>

typedef struct leaf_stream {
    rv_parquet_cursor *cursor;
    const rv_parquet_node *leaf;
    rv_parquet_values run; /* of the cursor */
    int32_t level, value;  /* next of `run` */
    bool ended;
} leaf_stream;

/* One top-level column of one row group. */
typedef struct assembly {
    const rv_parquet_metadata *metadata;
    leaf_stream *streams; /* of the leaves below it */
    int32_t first_leaf, n_leaves;
    bool as_json;
    rv_bytes *out;
    rv_error *err;
} assembly;

/* Sees to it that the next level is at hand, or that `ended` says there is none. */
static rv_code fill(leaf_stream *s, rv_error *err)
{
    while (s->level >= s->run.n_levels && !s->ended) {
        RV_TRY(rv_parquet_cursor_values(s->cursor, RV_PARQUET_RUN, &s->run, err));
        s->level = s->value = 0;
        if (s->run.n_levels > 0)
            return RV_OK;
        const rv_parquet_page *page = NULL;
        RV_TRY(rv_parquet_cursor_page(s->cursor, &page, err));
        s->ended = page == NULL;
    }
    return RV_OK;
}

static rv_code need(leaf_stream *s, rv_error *err)
{
    RV_TRY(fill(s, err));
    return s->ended ? rv_fail(err, RV_E_FILE_DAMAGED, "the column chunk ends inside of a row") : RV_OK;
}

static int def_of(const leaf_stream *s)
{
    return s->run.def != NULL ? s->run.def[s->level] : 0;
}

static int rep_of(const leaf_stream *s)
{
    return s->run.rep != NULL ? s->run.rep[s->level] : 0;
}

static void take(leaf_stream *s)
{
    s->value += def_of(s) == s->leaf->max_def;
    s->level++;
}

static rv_parquet_bytes value_of(const leaf_stream *s)
{
    if (s->run.width == 0)
        return s->run.slices[s->value];
    size_t width = s->run.width;
    return (rv_parquet_bytes){s->run.fixed + (size_t)s->value * width, width};
}

/* As much of a long text as a table can show of it, and a little more, so that the table sees that it goes on: a value of
 * 200 MB need not become text. JSON has values whole. */
static rv_parquet_bytes shown_part(const assembly *a, const leaf_stream *s)
{
    enum { CHARACTER = 4, MOST = (RVI_TABLE_CELL + 2) * CHARACTER };
    rv_parquet_bytes value = value_of(s);
    bool is_bytes = s->leaf->physical == RV_PARQUET_BYTE_ARRAY || s->leaf->physical == RV_PARQUET_FIXED;
    if (a->as_json || !is_bytes || s->leaf->logical == RV_PARQUET_LOGICAL_DECIMAL || value.len <= MOST)
        return value;
    value.len = MOST;
    for (int i = 1; i < CHARACTER && (value.data[value.len] & 0xC0) == 0x80; i++)
        value.len--; /* to where a character begins */
    return value;
}

/* The stream of the first leaf at or below a node; NULL: a group without any. */
static leaf_stream *first_stream(const assembly *a, int32_t at)
{
    for (int32_t i = at; i < a->metadata->nodes[at].end; i++)
        if (a->metadata->nodes[i].leaf >= 0)
            return &a->streams[a->metadata->nodes[i].leaf - a->first_leaf];
    return NULL;
}

/* One level of every leaf below a node whose value is not there. */
static rv_code skip(assembly *a, int32_t at)
{
    for (int32_t i = at; i < a->metadata->nodes[at].end; i++) {
        if (a->metadata->nodes[i].leaf < 0)
            continue;
        leaf_stream *s = &a->streams[a->metadata->nodes[i].leaf - a->first_leaf];
        RV_TRY(need(s, a->err));
        take(s);
    }
    return RV_OK;
}

static rv_code render(assembly *a, int32_t at);

static rv_code render_leaf(assembly *a, int32_t at)
{
    leaf_stream *s = first_stream(a, at);
    RV_TRY(need(s, a->err));
    if (def_of(s) != s->leaf->max_def)
        return rv_fail(a->err, RV_E_FILE_DAMAGED, "the columns of a row disagree about what is NULL");
    bool alone = a->metadata->nodes[at].parent == 0 && !a->as_json;
    RV_TRY(rvi_inspect_value(s->leaf, shown_part(a, s), alone ? RVI_VALUE_PEOPLE : RVI_VALUE_JSON, a->out,
                             a->err));
    take(s);
    return RV_OK;
}

static rv_code render_group(assembly *a, int32_t at)
{
    const rv_parquet_node *nodes = a->metadata->nodes;
    RV_TRY(rv_bytes_append_str(a->out, "{", a->err));
    for (int32_t child = at + 1; child < nodes[at].end; child = nodes[child].end) {
        const char *name = nodes[child].name;
        if (child > at + 1)
            RV_TRY(rv_bytes_append_str(a->out, ", ", a->err));
        RV_TRY(rvi_inspect_quoted((const uint8_t *)name, strlen(name), a->out, a->err));
        RV_TRY(rv_bytes_append_str(a->out, ": ", a->err));
        RV_TRY(render(a, child));
    }
    return rv_bytes_append_str(a->out, "}", a->err);
}

/* The inner levels are not shown: a list is its elements, a map its pairs of key and value. */
static bool is_collection(const rv_parquet_node *nodes, int32_t at, rv_parquet_logical logical)
{
    return nodes[at].logical == (int32_t)logical && nodes[at].n_children == 1 &&
           nodes[at + 1].repetition == RV_PARQUET_REPEATED;
}

/* What stands at a node that is there. */
static rv_code render_content(assembly *a, int32_t at)
{
    const rv_parquet_node *nodes = a->metadata->nodes;
    if (nodes[at].physical >= 0)
        return render_leaf(a, at);
    if (is_collection(nodes, at, RV_PARQUET_LOGICAL_LIST) || is_collection(nodes, at, RV_PARQUET_LOGICAL_MAP))
        return render(a, at + 1);
    bool is_wrapper = nodes[at].n_children == 1 && strcmp(nodes[at].name, "array") != 0 &&
                      is_collection(nodes, nodes[at].parent, RV_PARQUET_LOGICAL_LIST);
    return is_wrapper ? render(a, at + 1) : render_group(a, at);
}

static rv_code render_repeated(assembly *a, int32_t at, leaf_stream *s)
{
    const rv_parquet_node *node = &a->metadata->nodes[at];
    RV_TRY(rv_bytes_append_str(a->out, "[", a->err));
    if (def_of(s) < node->max_def) {
        RV_TRY(skip(a, at));
        return rv_bytes_append_str(a->out, "]", a->err);
    }
    for (bool more = true; more;) {
        RV_TRY(render_content(a, at));
        RV_TRY(fill(s, a->err));
        more = !s->ended && rep_of(s) == node->max_rep;
        if (more)
            RV_TRY(rv_bytes_append_str(a->out, ", ", a->err));
    }
    return rv_bytes_append_str(a->out, "]", a->err);
}

/* Depth of the recursion: that of the schema, which the reader bounds. */
static rv_code render(assembly *a, int32_t at)
{
    const rv_parquet_node *node = &a->metadata->nodes[at];
    leaf_stream *s = first_stream(a, at);
    if (s == NULL)
        return rv_bytes_append_str(a->out, "{}", a->err);
    RV_TRY(need(s, a->err));
    if (node->repetition == RV_PARQUET_REPEATED)
        return render_repeated(a, at, s);
    if (def_of(s) >= node->max_def)
        return render_content(a, at);
    RV_TRY(skip(a, at));
    bool alone = node->parent == 0 && !a->as_json;
    return rv_bytes_append_str(a->out, alone ? "NULL" : "null", a->err);
}

static rv_code open_streams(assembly *a, rv_parquet_reader *reader)
{
    a->streams = calloc(a->n_leaves > 0 ? (size_t)a->n_leaves : 1, sizeof *a->streams);
    if (a->streams == NULL)
        return rv_fail(a->err, RV_E_OUT_OF_MEMORY, "%d columns to read", (int)a->n_leaves);
    for (int32_t i = 0; i < a->n_leaves; i++) {
        leaf_stream *s = &a->streams[i];
        const rv_parquet_page *page = NULL;
        s->leaf = rv_parquet_leaf_node(a->metadata, a->first_leaf + i);
        RV_TRY(rv_parquet_cursor_open(&s->cursor, reader, a->first_leaf + i, a->err));
        RV_TRY(rv_parquet_cursor_page(s->cursor, &page, a->err));
        s->ended = page == NULL;
    }
    return RV_OK;
}

static void close_streams(assembly *a)
{
    for (int32_t i = 0; a->streams != NULL && i < a->n_leaves; i++)
        rv_parquet_cursor_close(a->streams[i].cursor);
    free(a->streams);
    a->streams = NULL;
}

/* Every stream stands at the beginning of a row. */
static rv_code check_row_start(const assembly *a)
{
    for (int32_t i = 0; i < a->n_leaves; i++) {
        RV_TRY(need(&a->streams[i], a->err));
        if (rep_of(&a->streams[i]) != 0)
            return rv_fail(a->err, RV_E_FILE_DAMAGED, "the columns of a row disagree about where it ends");
    }
    return RV_OK;
}

static rv_code render_cell(assembly *a, int32_t node)
{
    RV_TRY(check_row_start(a));
    RV_TRY(render(a, node));
    return rv_bytes_append(a->out, "", 1, a->err);
}

static rv_code render_field(rvi_inspection *in, assembly *a, int32_t node, int field, int64_t from, int64_t n)
{
    rvi_inspect_sample *sample = &in->sample;
    RV_TRY(open_streams(a, in->reader));
    for (int64_t row = from; row < from + n; row++) {
        size_t begin = sample->text.len;
        rv_code rc = render_cell(a, node);
        if (rc != RV_OK) {
            sample->text.len = begin; /* what there is of the cell is none */
            return rv_wrap(a->err, rc, "row %lld", (long long)row);
        }
        sample->cells[row * sample->n_fields + field] = begin;
    }
    return RV_OK;
}

static int32_t leaves_below(const rv_parquet_metadata *metadata, int32_t at)
{
    int32_t n = 0;
    for (int32_t i = at; i < metadata->nodes[at].end; i++)
        n += metadata->nodes[i].leaf >= 0;
    return n;
}

/* What is wrong with a column, or too large about it, leaves the others to be shown. */
static bool is_about_the_column(rv_code rc)
{
    return rc == RV_E_FILE_DAMAGED || rc == RV_E_FILE_UNSUPPORTED || rc == RV_E_LIMIT_EXCEEDED ||
           rc == RV_E_MEMORY_BUDGET;
}

/* The reader's own hints are for exports. */
static void advise(const rvi_inspection *in, rv_error *problem)
{
    enum { MIB = 1 << 20 };
    if (problem->code != RV_E_LIMIT_EXCEEDED && problem->code != RV_E_MEMORY_BUDGET)
        return;
    problem->hint[0] = '\0';
    if (problem->code == RV_E_MEMORY_BUDGET)
        rv_hint(problem, "at most %d MiB of a file are held; --rows 0 shows it without rows",
                (int)RVI_INSPECT_BUDGET_BYTES / MIB);
    else
        rv_hint(problem, "ask for fewer rows (--rows 0: none)%s",
                in->as_json ? "; without --json long values are cut" : "");
}

/* Rows [from, from + n) of the sample are the first n of the row group read last. A column that cannot be read stays
 * empty, and the first reason is kept; only what has nothing to do with the file ends all. */
static rv_code render_group_rows(rvi_inspection *in, int64_t from, int64_t n, rv_error *err)
{
    const rv_parquet_metadata *metadata = in->metadata;
    int32_t node = 1, first_leaf = 0;
    for (int field = 0; field < in->sample.n_fields; field++, node = metadata->nodes[node].end) {
        rv_error problem = {0};
        assembly a = {.metadata = metadata,
                      .first_leaf = first_leaf,
                      .n_leaves = leaves_below(metadata, node),
                      .as_json = in->as_json,
                      .out = &in->sample.text,
                      .err = &problem};
        rv_code rc = render_field(in, &a, node, field, from, n);
        close_streams(&a);
        first_leaf += a.n_leaves;
        if (rc == RV_OK)
            continue;
        (void)rv_wrap(&problem, rc, "column %s", metadata->nodes[node].name);
        if (!is_about_the_column(rc)) {
            *err = problem;
            return rc;
        }
        advise(in, &problem);
        if (in->sample.problem.code == RV_OK)
            in->sample.problem = problem;
    }
    return RV_OK;
}

static rv_code allocate(rvi_inspection *in, int64_t n_rows, rv_error *err)
{
    size_t n = 0;
    rvi_inspect_sample *sample = &in->sample;
    sample->n_rows = n_rows < in->metadata->n_rows ? n_rows : in->metadata->n_rows;
    sample->n_fields = in->metadata->nodes[0].n_children;
    sample->text = RV_BYTES_INIT(RVI_INSPECT_SAMPLE_BYTES);
    bool too_many = rv_mul_size(&n, (size_t)sample->n_rows, (size_t)sample->n_fields);
    sample->cells = too_many ? NULL : calloc(n > 0 ? n : 1, sizeof *sample->cells);
    if (sample->cells == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "%lld rows to show", (long long)sample->n_rows);
    for (size_t i = 0; i < n; i++)
        sample->cells[i] = SIZE_MAX;
    return RV_OK;
}

rv_code rvi_inspect_rows(rvi_inspection *in, int64_t n_rows, rv_error *err)
{
    int64_t done = 0;
    RV_TRY(allocate(in, n_rows, err));
    for (int32_t g = 0; g < in->metadata->n_row_groups && done < in->sample.n_rows; g++) {
        const rv_parquet_row_group *group = NULL;
        RV_TRY(rv_parquet_row_group_read(in->reader, g, &group, err));
        int64_t left = in->sample.n_rows - done, n = group->n_rows < left ? group->n_rows : left;
        if (n > 0)
            RV_TRY(render_group_rows(in, done, n, err));
        done += n > 0 ? n : 0;
    }
    in->sample.n_rows = done;
    return RV_OK;
}
