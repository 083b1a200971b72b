#include "rowgroup.h"

#include "page.h"

#include <assert.h>
#include <inttypes.h>

enum {
    KIB = 1 << 10,
    SLICE_ROWS = 2048, /* divides RVI_PQ_GROUP_ROWS */
    SLICE_SHARE = 32,  /* a slice weighs at most this part of the memory */
    SLICE_MIN = 64 * KIB,
    SLICE_MAX = 1024 * KIB,
    PAGE_MIN = 4 * KIB, /* below, headers would outweigh pages */
    PAGE_MAX = 1024 * KIB,
    PAGE_SHARE = 16,   /* a page weighs at most this part of the memory */
    PAGE_FORMS = 3,    /* of one page, held at once while it closes; beside its values */
    BLOOM_SHARE = 4,   /* the Bloom filters of all columns together */
    DICT_SHARE = 8,    /* entries, tables and indices of all columns together take about twice this part */
    FLIGHT_SHARE = 16, /* pages under way, for each thread: at most this part of the memory, beside it */
    PAGE_SEGMENT = 256 * KIB,
    META_SEGMENT = 16 * KIB,
    MEMORY_LEAST = 1024 * KIB,
};

static size_t clamp(size_t value, size_t least, size_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* Limits that follow from the memory and the number of columns alone, so that files do not depend on the day. */
static void plan_memory(rvi_pq_group *group, int n_columns)
{
    size_t share = group->memory_bytes / (size_t)(n_columns > 0 ? n_columns : 1);
    size_t page = share / 2 < group->memory_bytes / PAGE_SHARE ? share / 2 : group->memory_bytes / PAGE_SHARE;
    group->work.page_weight = clamp(page, PAGE_MIN, PAGE_MAX);
    group->work.dict_bytes = clamp(share / DICT_SHARE, 0, RVI_PQ_DICT_MAX_BYTES);
    int n_bloom = group->work.options != NULL ? group->work.options->n_bloom : 0;
    group->work.bloom_bytes = group->memory_bytes / BLOOM_SHARE / (size_t)(n_bloom > 0 ? n_bloom : 1);
    group->slice_max_weight = clamp(group->memory_bytes / SLICE_SHARE, SLICE_MIN, SLICE_MAX);
}

static rv_code alloc_columns(rvi_pq_group *group, const rv_schema *schema, rv_error *err)
{
    void *gather = NULL, *columns = NULL;
    RV_TRY(rvi_pq_resize(&group->held, &gather, 0, sizeof *group->work.gather, err));
    group->work.gather = gather;
    if (schema->n_fields == 0)
        return RV_OK;
    RV_TRY(rvi_pq_resize(&group->held, &columns, 0, (size_t)schema->n_fields * sizeof *group->columns, err));
    group->columns = columns;
    memset(columns, 0, (size_t)schema->n_fields * sizeof *group->columns);
    group->n_columns = schema->n_fields;
    for (int i = 0; i < schema->n_fields; i++)
        RV_TRY(rvi_pq_column_init(&group->columns[i], &schema->fields[i], &group->work, err));
    return RV_OK;
}

rv_code rvi_pq_group_init(rvi_pq_group *group, const rvi_pq_group_options *options, rv_error *err)
{
    *group = (rvi_pq_group){.held = {.budget = options->budget},
                            .pages_memory = {.budget = options->budget},
                            .meta_memory = {.budget = options->budget}};
    group->memory_bytes = options->memory_bytes > MEMORY_LEAST ? options->memory_bytes : MEMORY_LEAST;
    rvi_pq_workspace *work = &group->work;
    work->memory = work->body.memory = work->packed.memory = work->header.memory = &group->held;
    work->scratch.memory = &group->held;
    work->options = options->parquet;
    group->groups.memory = group->chunks.memory = &group->meta_memory;
    rvi_pq_store_init(&work->pages, PAGE_SEGMENT, &group->pages_memory);
    rvi_pq_store_init(&group->metas, META_SEGMENT, &group->meta_memory);
    rvi_pq_store_init(&group->column_indexes, META_SEGMENT, &group->meta_memory);
    rvi_pq_store_init(&group->offset_indexes, META_SEGMENT, &group->meta_memory);
    plan_memory(group, options->schema->n_fields);
    rvi_pq_packing_options packing = {.codec = options->codec,
                                      .level = options->level,
                                      .workers = options->workers,
                                      .budget = options->budget,
                                      .thread_bytes = group->memory_bytes / FLIGHT_SHARE};
    RV_TRY(rvi_pq_packing_init(&work->packing, &packing, err));
    return alloc_columns(group, options->schema, err);
}

void rvi_pq_group_deinit(rvi_pq_group *group)
{
    if (group->work.memory == NULL)
        return;
    rvi_pq_packing_deinit(&group->work.packing);
    for (int i = 0; i < group->n_columns; i++)
        rvi_pq_column_deinit(&group->columns[i]);
    rvi_pq_release(&group->held, group->columns, (size_t)group->n_columns * sizeof *group->columns);
    rvi_pq_release(&group->held, group->work.gather, sizeof *group->work.gather);
    rvi_pq_buf_free(&group->work.body);
    rvi_pq_buf_free(&group->work.packed);
    rvi_pq_buf_free(&group->work.header);
    rvi_pq_buf_free(&group->work.scratch);
    rvi_pq_store_deinit(&group->work.pages);
    rvi_pq_buf_free(&group->groups);
    rvi_pq_buf_free(&group->chunks);
    rvi_pq_store_deinit(&group->metas);
    rvi_pq_store_deinit(&group->column_indexes);
    rvi_pq_store_deinit(&group->offset_indexes);
    assert(group->held.used == 0 && group->pages_memory.used == 0 && group->meta_memory.used == 0);
    *group = (rvi_pq_group){0};
}

static uint64_t rows_weight(const rvi_pq_group *group, const rv_batch *batch, int64_t from, int64_t to)
{
    uint64_t weight = 0;
    for (int i = 0; i < group->n_columns; i++)
        weight += rvi_pq_leaf_weight(&group->columns[i].leaf, &batch->columns[i], from, to);
    return weight;
}

/* Most rows of [from, to) that still belong to the open slice; 0: it is complete. A slice has at least one row. */
static int64_t rows_of_slice(const rvi_pq_group *group, const rv_batch *batch, int64_t from, int64_t to,
                             uint64_t *weight)
{
    uint64_t room =
        group->slice_weight < group->slice_max_weight ? group->slice_max_weight - group->slice_weight : 0;
    int64_t most = SLICE_ROWS - group->slice_rows;
    most = most < to - from ? most : to - from;
    *weight = rows_weight(group, batch, from, from + most);
    if (*weight <= room)
        return most;
    int64_t fits = 0, too_many = most; /* weight(fits) <= room < weight(too_many) */
    while (too_many - fits > 1) {
        int64_t middle = fits + (too_many - fits) / 2;
        if (rows_weight(group, batch, from, from + middle) <= room)
            fits = middle;
        else
            too_many = middle;
    }
    if (fits == 0 && group->slice_rows == 0)
        fits = 1;
    *weight = rows_weight(group, batch, from, from + fits);
    return fits;
}

static uint64_t finished_bytes(const rvi_pq_group *group)
{
    uint64_t bytes = 0;
    for (int i = 0; i < group->n_columns; i++)
        bytes += rvi_pq_column_finished_bytes(&group->columns[i]);
    return bytes;
}

/* Whether a further slice of `weight` bytes might take the group over its memory: by its values, and by the forms of a
 * page that they complete: without its dictionary, encoded, compressed. */
static bool is_full(const rvi_pq_group *group, uint64_t weight)
{
    uint64_t page = weight > group->work.page_weight ? weight : group->work.page_weight;
    uint64_t finished = finished_bytes(group);
    return group->held.used + finished + weight + page * PAGE_FORMS > group->memory_bytes ||
           finished >= RVI_PQ_GROUP_BYTES || group->rows >= RVI_PQ_GROUP_ROWS;
}

/* The next slice begins, and takes over the counters of the one RVI_PQ_LAG before it. */
static rv_code settle_slice(rvi_pq_group *group, rv_error *err)
{
    rvi_pq_workspace *work = &group->work;
    work->slice++;
    for (rvi_pq_flight *oldest; (oldest = rvi_pq_packing_oldest(&work->packing)) != NULL;) {
        if (oldest->slice + RVI_PQ_LAG > work->slice)
            break;
        RV_TRY(rvi_pq_page_stow(work, err));
    }
    for (int i = 0; i < group->n_columns; i++)
        rvi_pq_column_settle(&group->columns[i], work->slice % RVI_PQ_LAG);
    return RV_OK;
}

static rv_code end_slice(rvi_pq_group *group, rvi_pq_output *out, rv_error *err)
{
    group->slice_rows = 0;
    group->slice_weight = 0;
    rvi_pq_workspace_trim(&group->work);
    RV_TRY(settle_slice(group, err));
    return is_full(group, group->slice_max_weight) ? rvi_pq_group_flush(group, out, err) : RV_OK;
}

static rv_code check_nulls(const rvi_pq_group *group, const rv_batch *batch, rv_error *err)
{
    for (int i = 0; i < group->n_columns; i++) {
        const rv_field *field = group->columns[i].leaf.field;
        if (!field->nullable && batch->columns[i].null_count > 0)
            return rv_fail(err, RV_E_VALUE_MALFORMED,
                           "column '%s' is declared NOT NULL but %" PRId64 " of %" PRId64 " rows hold NULL",
                           field->name, batch->columns[i].null_count, batch->rows);
    }
    return RV_OK;
}

static rv_code append_rows(rvi_pq_group *group, const rv_batch *batch, int64_t from, int64_t n,
                           uint64_t weight, rv_error *err)
{
    for (int i = 0; i < group->n_columns; i++)
        RV_TRY_CTX(
            rvi_pq_column_append(&group->columns[i], &batch->columns[i], from, from + n, &group->work, err),
            err, "column '%s'", group->columns[i].leaf.field->name);
    group->rows += n;
    group->weight += weight;
    group->slice_rows += n;
    group->slice_weight += weight;
    return RV_OK;
}

rv_code rvi_pq_group_append(rvi_pq_group *group, const rv_batch *batch, rvi_pq_output *out, rv_error *err)
{
    assert(batch->n_columns == group->n_columns);
    RV_TRY(check_nulls(group, batch, err));
    for (int64_t row = 0; row < batch->rows;) {
        uint64_t weight = 0;
        int64_t n = rows_of_slice(group, batch, row, batch->rows, &weight);
        if (n == 0) {
            RV_TRY(end_slice(group, out, err));
            continue;
        }
        /* One row heavier than a slice: make room before it comes. */
        if (weight > group->slice_max_weight && group->rows > 0 && is_full(group, weight))
            RV_TRY(rvi_pq_group_flush(group, out, err));
        RV_TRY(append_rows(group, batch, row, n, weight, err));
        row += n;
        if (group->slice_rows == SLICE_ROWS)
            RV_TRY(end_slice(group, out, err));
    }
    return RV_OK;
}

/* Append what a serialiser left in work->header to a store; returns its length. */
static rv_code keep_meta(rvi_pq_workspace *work, rvi_pq_store *store, uint32_t *len, rv_error *err)
{
    if (work->header.len > INT32_MAX)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "metadata of one column chunk would have %zu bytes",
                       work->header.len);
    *len = (uint32_t)work->header.len;
    return rvi_pq_store_append(store, work->header.data, work->header.len, err);
}

static rv_code keep_chunk(rvi_pq_group *group, const rvi_pq_column *column, rv_error *err)
{
    rvi_pq_workspace *work = &group->work;
    rvi_pq_chunk chunk = {0};
    bool indexed = false;
    work->header.len = 0;
    RV_TRY(rvi_pq_meta_column(column, &work->header, err));
    RV_TRY(keep_meta(work, &group->metas, &chunk.meta_len, err));
    work->header.len = 0;
    RV_TRY(rvi_pq_meta_column_index(column, &work->header, &indexed, err));
    RV_TRY(keep_meta(work, &group->column_indexes, &chunk.column_index_len, err));
    work->header.len = 0;
    RV_TRY(rvi_pq_meta_offset_index(column, column->place.data_at, &work->header, err));
    RV_TRY(keep_meta(work, &group->offset_indexes, &chunk.offset_index_len, err));
    return rvi_pq_buf_append(&group->chunks, &chunk, sizeof chunk, err);
}

/* Close the open pages of columns from *next on while there is room for them under way, that of column `i` in any
 * case: while one column is written, the last pages of the next ones are packed. */
static rv_code close_pages(rvi_pq_group *group, int i, int *next, rv_error *err)
{
    rvi_pq_workspace *work = &group->work;
    while (*next < group->n_columns) {
        rvi_pq_column *column = &group->columns[*next];
        if (*next > i && !rvi_pq_packing_has_room(&work->packing, column->page.values.len))
            break;
        RV_TRY_CTX(rvi_pq_column_close_page(column, work, err), err, "column '%s'", column->leaf.field->name);
        ++*next;
    }
    return RV_OK;
}

/* The dictionary page, then the data pages, from where each was kept to the file. The last page passes through the
 * store like the others and leaves it again, so closing a group of many columns holds one page more, not one each. */
static rv_code write_chunk(rvi_pq_group *group, rvi_pq_column *column, rvi_pq_output *out, rv_error *err)
{
    rvi_pq_workspace *work = &group->work;
    rvi_pq_chunk_place *place = &column->place;
    uint64_t kept = work->pages.len;
    for (rvi_pq_flight *oldest; (oldest = rvi_pq_packing_oldest(&work->packing)) != NULL;) {
        if (oldest->column != column)
            break;
        RV_TRY(rvi_pq_page_stow(work, err));
    }
    place->codec = column->codec == RVI_PQ_CODEC_PACKED ? rvi_pq_packing_codec(&work->packing)->number
                                                        : RVI_PQ_UNCOMPRESSED;
    place->dictionary_at = out->offset;
    if (rvi_pq_column_has_dictionary(column))
        RV_TRY(rvi_pq_page_write_dictionary(column, work, out, err));
    place->data_at = out->offset;
    for (size_t i = 0; i < column->n_pages; i++) {
        const rvi_pq_page_info *page = rvi_pq_column_page(column, i);
        RV_TRY(rvi_pq_store_write(&work->pages, page->stored_at, page->stored_len, out, err));
    }
    rvi_pq_store_truncate(&work->pages, kept);
    assert(column->rows == group->rows);
    rvi_pq_bloom_finish(&column->bloom, &column->leaf,
                        rvi_pq_column_has_dictionary(column) ? &column->dict : NULL);
    return RV_OK;
}

/* Filters lie behind all pages of their row group, where they do not part pages that are read in one go. */
static rv_code write_blooms(rvi_pq_group *group, rvi_pq_output *out, rv_error *err)
{
    rvi_pq_workspace *work = &group->work;
    for (int i = 0; i < group->n_columns; i++)
        RV_TRY(rvi_pq_bloom_write(&group->columns[i].bloom, &work->header, out, err));
    return RV_OK;
}

static rv_code write_chunks(rvi_pq_group *group, rvi_pq_output *out, rv_error *err)
{
    int next = 0;
    while (rvi_pq_packing_oldest(&group->work.packing) != NULL)
        RV_TRY(rvi_pq_page_stow(&group->work, err));
    for (int i = 0; i < group->n_columns; i++) {
        rvi_pq_column *column = &group->columns[i];
        RV_TRY(close_pages(group, i, &next, err));
        RV_TRY_CTX(write_chunk(group, column, out, err), err, "column '%s'", column->leaf.field->name);
    }
    return RV_OK;
}

/* The metadata of all chunks; the columns begin anew. */
static rv_code keep_chunks(rvi_pq_group *group, rvi_pq_group_info *info, rv_error *err)
{
    for (int i = 0; i < group->n_columns; i++) {
        rvi_pq_column *column = &group->columns[i];
        RV_TRY_CTX(keep_chunk(group, column, err), err, "column '%s'", column->leaf.field->name);
        info->raw_bytes += column->raw_bytes;
        info->stored_bytes += column->stored_bytes;
        RV_TRY(rvi_pq_column_clear(column, &group->work, err));
    }
    return RV_OK;
}

rv_code rvi_pq_group_flush(rvi_pq_group *group, rvi_pq_output *out, rv_error *err)
{
    if (group->rows == 0)
        return RV_OK;
    rvi_pq_group_info info = {.rows = group->rows, .at = out->offset};
    RV_TRY(write_chunks(group, out, err));
    RV_TRY(write_blooms(group, out, err));
    RV_TRY(keep_chunks(group, &info, err));
    RV_TRY(rvi_pq_buf_append(&group->groups, &info, sizeof info, err));
    group->n_groups++;
    rvi_pq_store_truncate(&group->work.pages, 0);
    rvi_pq_workspace_trim(&group->work);
    group->rows = 0;
    group->slice_rows = 0;
    group->slice_weight = 0;
    return RV_OK;
}

uint64_t rvi_pq_group_pending(const rvi_pq_group *group)
{
    uint64_t bytes = 0;
    for (int i = 0; i < group->n_columns; i++)
        bytes += rvi_pq_column_pending(&group->columns[i]);
    return bytes;
}
