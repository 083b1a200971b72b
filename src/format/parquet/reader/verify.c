/* verify.c - a whole file: its row groups, and how its parts lie beside one another. */
#include "verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *rv_parquet_check_name(rv_parquet_check check)
{
    static const char *const names[RV_PARQUET_CHECKS] = {
        [RV_PARQUET_CHECK_DAMAGED] = "damaged",
        [RV_PARQUET_CHECK_COUNTS] = "counts",
        [RV_PARQUET_CHECK_PLACES] = "places",
        [RV_PARQUET_CHECK_ENCODINGS] = "encodings",
        [RV_PARQUET_CHECK_STATISTICS] = "statistics",
        [RV_PARQUET_CHECK_COLUMN_INDEX] = "column index",
        [RV_PARQUET_CHECK_OFFSET_INDEX] = "offset index",
        [RV_PARQUET_CHECK_SIZES] = "sizes",
        [RV_PARQUET_CHECK_BLOOM] = "bloom filter",
        [RV_PARQUET_CHECK_VALUES] = "values",
        [RV_PARQUET_CHECK_FOOTER] = "footer",
    };
    return names[check];
}

void rvi_pqr_find(rvi_pqr_verifier *v, rv_parquet_check check, const char *fmt, ...)
{
    int64_t n = v->report->n_findings++;
    if (n >= RV_PARQUET_FINDINGS)
        return;
    rv_parquet_finding *finding = &v->report->findings[n];
    *finding = (rv_parquet_finding){
        .check = check, .row_group = v->row_group, .leaf = v->leaf, .page = v->page, .at = v->at};
    va_list args;
    va_start(args, fmt);
    vsnprintf(finding->text, sizeof finding->text, fmt, args);
    va_end(args);
}

static bool is_damage(rv_code rc)
{
    return rc == RV_E_FILE_DAMAGED;
}

rv_code rvi_pqr_settle(rvi_pqr_verifier *v, rv_code rc, bool *damaged, rv_error *err)
{
    if (rc == RV_OK)
        return RV_OK;
    if (!is_damage(rc))
        return rc;
    rvi_pqr_find(v, RV_PARQUET_CHECK_DAMAGED, "%s", err->message);
    rv_error_clear(err);
    *damaged = true;
    return RV_OK;
}

/* ---- places ---- */

rv_code rvi_pqr_add_range(rvi_pqr_verifier *v, uint64_t begin, uint64_t end, const char *what, rv_error *err)
{
    rvi_pqr_range range = {
        .begin = begin, .end = end, .row_group = v->row_group, .leaf = v->leaf, .what = what};
    return rvi_pq_buf_append(&v->ranges, &range, sizeof range, err);
}

static int compare_ranges(const void *a, const void *b)
{
    const rvi_pqr_range *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* Nothing lies in two places at once; in a file of ours, nothing lies between them either. */
static rv_code check_places(rvi_pqr_verifier *v, rv_error *err)
{
    enum { AFTER_MAGIC = 4 };
    const rv_parquet_metadata *metadata = &v->reader->footer.metadata;
    v->row_group = v->leaf = v->page = -1;
    RV_TRY(rvi_pqr_add_range(v, metadata->footer_at, v->reader->input->size, "footer", err));
    size_t n = v->ranges.len / sizeof(rvi_pqr_range);
    rvi_pqr_range *ranges = (rvi_pqr_range *)(void *)v->ranges.data;
    qsort(ranges, n, sizeof *ranges, compare_ranges);
    uint64_t end = AFTER_MAGIC;
    const char *before = "magic number";
    for (size_t i = 0; i < n; i++) {
        v->row_group = ranges[i].row_group;
        v->leaf = ranges[i].leaf;
        v->at = ranges[i].begin;
        if (ranges[i].begin < end)
            rvi_pqr_find(v, RV_PARQUET_CHECK_PLACES,
                         "the %s overlaps the %s before it, which ends at %" PRIu64, ranges[i].what, before,
                         end);
        else if (v->is_own && ranges[i].begin > end)
            rvi_pqr_find(v, RV_PARQUET_CHECK_PLACES, "nothing lies from %" PRIu64 " to the %s", end,
                         ranges[i].what);
        if (ranges[i].end >= end) {
            end = ranges[i].end;
            before = ranges[i].what;
        }
    }
    return RV_OK;
}

/* ---- row groups ---- */

/* Where the first page of the group lies. */
static int64_t group_begin(const rv_parquet_row_group *group, int32_t n_leaves)
{
    int64_t begin = INT64_MAX;
    for (int32_t i = 0; i < n_leaves; i++) {
        const rv_parquet_chunk *chunk = &group->chunks[i];
        int64_t at = chunk->dictionary_page_at > 0 && chunk->dictionary_page_at < chunk->data_page_at
                         ? chunk->dictionary_page_at
                         : chunk->data_page_at;
        begin = at < begin ? at : begin;
    }
    return begin;
}

static void check_group(rvi_pqr_verifier *v, const rv_parquet_row_group *group)
{
    const rv_parquet_metadata *metadata = &v->reader->footer.metadata;
    uint64_t raw = 0, stored = 0;
    for (int32_t i = 0; i < metadata->n_leaves; i++) {
        raw += (uint64_t)group->chunks[i].raw_bytes;
        stored += (uint64_t)group->chunks[i].stored_bytes;
    }
    if ((uint64_t)group->raw_bytes != raw)
        rvi_pqr_find(v, RV_PARQUET_CHECK_PLACES, "total_byte_size is %" PRId64 ", the chunks have %" PRIu64,
                     group->raw_bytes, raw);
    if (group->stored_bytes > 0 && (uint64_t)group->stored_bytes != stored)
        rvi_pqr_find(v, RV_PARQUET_CHECK_PLACES,
                     "total_compressed_size is %" PRId64 ", the chunks have %" PRIu64, group->stored_bytes,
                     stored);
    if (group->at > 0 && metadata->n_leaves > 0 && group->at != group_begin(group, metadata->n_leaves))
        rvi_pqr_find(v, RV_PARQUET_CHECK_PLACES,
                     "file_offset is %" PRId64 ", the first page lies at %" PRId64, group->at,
                     group_begin(group, metadata->n_leaves));
    if (group->ordinal >= 0 && group->ordinal != group->index)
        rvi_pqr_find(v, RV_PARQUET_CHECK_FOOTER, "ordinal is %" PRId32, group->ordinal);
    for (int32_t i = 0; i < group->n_sorting; i++)
        if (group->sorting[i].leaf < 0 || group->sorting[i].leaf >= metadata->n_leaves)
            rvi_pqr_find(v, RV_PARQUET_CHECK_FOOTER, "sorted by column %" PRId32 " of %" PRId32,
                         group->sorting[i].leaf, metadata->n_leaves);
}

static rv_code verify_group(rvi_pqr_verifier *v, int32_t index, rv_error *err)
{
    const rv_parquet_row_group *group = NULL;
    bool damaged = false;
    v->row_group = index;
    v->leaf = v->page = -1;
    v->at = 0;
    RV_TRY(rvi_pqr_settle(v, rv_parquet_row_group_read(v->reader, index, &group, err), &damaged, err));
    v->digests_hold = v->digests_hold && !damaged;
    if (damaged)
        return RV_OK;
    check_group(v, group);
    v->report->n_rows += group->n_rows;
    v->report->n_row_groups++;
    for (int32_t leaf = 0; leaf < v->reader->footer.metadata.n_leaves; leaf++) {
        v->leaf = leaf;
        v->at = 0;
        RV_TRY(rvi_pqr_verify_chunk(v, group, err));
    }
    return RV_OK;
}

/* ---- the file ---- */

static bool all_mapped(const rv_parquet_reader *reader)
{
    for (int i = 0; i < reader->schema.n_fields; i++)
        if (reader->shapes[i].leaf < 0)
            return false;
    return reader->schema.n_fields > 0;
}

/* `<program> version <x.y.z> (build <word>)`, which readers on the JVM need to trust the statistics of text. */
static void check_footer(rvi_pqr_verifier *v)
{
    const rv_parquet_metadata *metadata = &v->reader->footer.metadata;
    char version[3][16], build[64], end = '\0';
    if (v->is_own &&
        sscanf(metadata->created_by, "rivet version %15[0-9].%15[0-9].%15[0-9a-z-] (build %63[^)]%c",
               version[0], version[1], version[2], build, &end) != 5)
        rvi_pqr_find(v, RV_PARQUET_CHECK_FOOTER, "created_by '%s' is not of the form that readers parse",
                     metadata->created_by);
    if (v->is_own && metadata->column_orders == NULL && metadata->n_leaves > 0)
        rvi_pqr_find(v, RV_PARQUET_CHECK_FOOTER, "column_orders are missing: bounds have no meaning");
    if (metadata->n_rows != v->report->n_rows)
        rvi_pqr_find(v, RV_PARQUET_CHECK_COUNTS,
                     "the file is said to have %" PRId64 " rows, its row groups %" PRId64, metadata->n_rows,
                     v->report->n_rows);
}

static rv_code verify_file(rvi_pqr_verifier *v, rv_error *err)
{
    const rv_parquet_metadata *metadata = &v->reader->footer.metadata;
    for (int32_t i = 0; i < metadata->n_row_groups; i++)
        RV_TRY(verify_group(v, i, err));
    v->row_group = v->leaf = v->page = -1;
    v->at = metadata->footer_at;
    check_footer(v);
    return check_places(v, err);
}

rv_code rv_parquet_verify(rv_input *input, const rv_parquet_reader_options *options, uint64_t *digests,
                          int n_digests, rv_parquet_report *report, rv_error *err)
{
    bool damaged = false;
    RV_AUTO(rv_parquet_close) rv_parquet_reader *reader = NULL;
    RV_AUTO(rv_batch_free) rv_batch *batch = NULL;
    *report = (rv_parquet_report){0};
    rvi_pqr_verifier v = {.report = report, .row_group = -1, .leaf = -1, .page = -1, .digests_hold = true};
    RV_TRY(rvi_pqr_settle(&v, rv_parquet_open(&reader, input, options, err), &damaged, err));
    if (damaged)
        return RV_OK;
    v.reader = reader;
    v.ranges.memory = &reader->memory;
    const char *created_by = reader->footer.metadata.created_by;
    v.is_own = created_by != NULL && strncmp(created_by, "rivet ", 6) == 0;
    if (digests != NULL && n_digests == reader->schema.n_fields && all_mapped(reader)) {
        RV_TRY(rv_batch_new(&batch, &reader->schema, options->budget, err));
        memset(digests, 0, (size_t)n_digests * sizeof *digests);
        v.batch = batch;
        v.digests = digests;
    }
    rv_code rc = verify_file(&v, err);
    rvi_pq_buf_free(&v.ranges);
    report->has_digests = rc == RV_OK && batch != NULL && v.digests_hold;
    return rc;
}
