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
    PAGE_SHARE = 16,  /* a page weighs at most this part of the memory, one of long values */
    LONG_SHARE = 9,   /* at most this part, */
    LEAST_SHARE = 3,  /* if this part stays of what all else leaves */
    LONG_THREADS = 2, /* that pack pages of long values at once */
    SLACK_SHARE = 8,  /* of a buffer may be unused; see memory.c */
    PAGE_FORMS = 3,   /* of one page, held at once while it closes; beside its values */
    BLOOM_SHARE = 4,  /* the Bloom filters of all columns together */
    DICT_SHARE = 8,   /* entries, tables and indices of all columns together take about twice this part */
    FLIGHT_SHARE =
        8, /* usual pages under way, in both forms, for each thread: at most this part of the memory, beside it */
    TABLE_SHARE = 32, /* what a codec's context may take for a wider search, beside it */
    SMALL_FILE = 16 * 1024 * KIB,
    PAGE_SEGMENT = 256 * KIB,
    META_SEGMENT = 16 * KIB,
    MEMORY_LEAST = 1024 * KIB,
    FILE_SHARE = 64,       /* a slice weighs at most this part of a file's limit */
    SLICE_LEAST = 4 * KIB, /* however small the file */
    CHUNK_META = 200,      /* bytes that a column chunk has in footer and indexes, before one is known */
    CHUNK_FRAME = 24,      /* of them what is around its ColumnMetaData */
    RUNT_SHARE = 6,        /* no group is begun for less than this part of a usual one */
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
    uint64_t file_share = group->limits.file_bytes / FILE_SHARE;
    if (file_share > 0 && file_share < group->slice_max_weight)
        group->slice_max_weight = file_share > SLICE_LEAST ? (size_t)file_share : SLICE_LEAST;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What pages of `weight` take under way, raw and compressed to half, more than usual ones, which do not shrink; as for two
 * threads, however many there are, since row groups follow from it. And the tables with which they are searched. */
static uint64_t long_flights(const rvi_pq_group *group, uint64_t weight)
{
    uint64_t usual = group->memory_bytes / FLIGHT_SHARE;
    uint64_t large = weight + weight / SLACK_SHARE + weight / 2, tables = group->memory_bytes / TABLE_SHARE;
    return LONG_THREADS * ((large > usual ? large - usual : 0) + tables);
}

/* What a page of the column may weigh, where `part` is the most for one of long values. */
static uint64_t page_weight(const rvi_pq_group *group, const rvi_pq_column *column, uint64_t part)
{
    const uint64_t usual = group->work.page_weight, stride = rvi_pq_column_stride_weight(column);
    return stride > usual && stride <= part ? part / stride * stride : usual;
}

/* Whether pages of long values of up to `part` bytes, open and under way, leave a third of what nothing else holds.
 * *largest: the weight of the largest; 0: there is none. */
static bool long_pages_fit(const rvi_pq_group *group, uint64_t part, uint64_t *largest)
{
    uint64_t others = group->held.used, open = 0;
    *largest = 0;
    for (int i = 0; i < group->n_columns; i++) {
        const rvi_pq_column *column = &group->columns[i];
        uint64_t weight = page_weight(group, column, part);
        if (weight <= group->work.page_weight)
            continue;
        others -= column->page.values.cap;
        open += weight + weight / SLACK_SHARE;
        *largest = *largest < weight ? weight : *largest;
    }
    uint64_t left = others < group->memory_bytes ? group->memory_bytes - others : 0;
    return *largest == 0 || open + long_flights(group, *largest) <= left - left / LEAST_SHARE;
}

/* Columns of long values may gather a stride of rows, or several, in a page that is larger than others: what a codec
 * finds in long texts, it finds further back. As many as the memory has room for, which all else comes first in; where
 * a stride does not fit, pages are like all others. By the rows so far, and only between slices. */
static void plan_pages(rvi_pq_group *group)
{
    uint64_t part = 0, largest = 0;
    for (unsigned share = LONG_SHARE; share <= PAGE_SHARE; share++) {
        part = group->memory_bytes / share;
        if (long_pages_fit(group, part, &largest))
            break;
        part = largest = 0;
    }
    for (int i = 0; i < group->n_columns; i++)
        group->columns[i].page_weight = (size_t)page_weight(group, &group->columns[i], part);
    rvi_pq_packing_expect(&group->work.packing, (size_t)largest);
    group->long_flights = largest > 0 ? long_flights(group, largest) : 0;
}

static void plan_limits(rvi_pq_limits *limits, const rvi_pq_group_options *options)
{
    const rv_parquet_options *shape = options->parquet;
    uint64_t most = shape->max_bytes > 0 ? shape->max_bytes : UINT64_MAX;
    uint64_t target = shape->target_bytes > 0 ? shape->target_bytes : RVI_PQ_GROUP_BYTES;
    *limits = (rvi_pq_limits){.rows = RVI_PQ_GROUP_ROWS,
                              .bytes = least(target, most),
                              .raw = RVI_PQ_GROUP_RAW,
                              .by_memory = true,
                              .spills = options->scratch != NULL && shape->row_groups != RV_ROW_GROUPS_AUTO,
                              .file_bytes = options->file_bytes};
    if (shape->row_groups == RV_ROW_GROUPS_FIXED_MEMORY) {
        limits->rows = INT64_MAX;
        limits->raw = UINT64_MAX;
    } else if (shape->row_groups == RV_ROW_GROUPS_FIXED_ROWS) {
        assert(shape->rows > 0);
        limits->rows = shape->rows;
        limits->raw = UINT64_MAX;
        limits->bytes = most;
        limits->by_memory = !limits->spills;
        return;
    }
    if (limits->file_bytes > 0)
        limits->bytes = least(limits->bytes, limits->file_bytes / RVI_PQ_GROUPS_OF_FILE);
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

/* What the open row group may still take by its plan, the last segment of the store beyond it, and the tables that codecs
 * have not made yet are not for pages under way. */
static void reserve_rest(rvi_pq_group *group)
{
    rvi_pq_packing *packing = &group->work.packing;
    size_t used = group->held.used + group->pages_memory.used;
    size_t rest = group->memory_bytes > used ? group->memory_bytes - used : 0;
    size_t tables = (size_t)packing->n_contexts * (group->memory_bytes / TABLE_SHARE);
    rvi_pq_packing_reserve(packing, rest + PAGE_SEGMENT + tables);
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
    work->pages.scratch = options->scratch;
    plan_limits(&group->limits, options);
    plan_memory(group, options->schema->n_fields);
    rvi_pq_packing_options packing = {.codec = options->codec,
                                      .level = options->level,
                                      .workers = options->workers,
                                      .budget = options->budget,
                                      .thread_bytes = group->memory_bytes / FLIGHT_SHARE,
                                      .table_bytes = group->memory_bytes / TABLE_SHARE};
    RV_TRY(rvi_pq_packing_init(&work->packing, &packing, err));
    reserve_rest(group);
    group->target_bytes = group->limits.bytes;
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

/* Rows that the open slice may have until a stride ends, where pages of long values end and a row group should. */
static int64_t rows_of_stride(const rvi_pq_group *group)
{
    int64_t into = group->rows % RVI_PQ_STRIDE_ROWS;
    if (group->long_flights == 0)
        return INT64_MAX;
    return into == 0 && group->slice_rows > 0 ? 0 : RVI_PQ_STRIDE_ROWS - into;
}

/* Most rows of [from, to) that still belong to the open slice; 0: it is complete. A slice has at least one row. */
static int64_t rows_of_slice(const rvi_pq_group *group, const rv_batch *batch, int64_t from, int64_t to,
                             uint64_t *weight)
{
    uint64_t room =
        group->slice_weight < group->slice_max_weight ? group->slice_max_weight - group->slice_weight : 0;
    int64_t most = SLICE_ROWS - group->slice_rows, left = group->limits.rows - group->rows;
    int64_t stride = rows_of_stride(group);
    most = most < stride ? most : stride;
    most = most < left ? most : left;
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

/* Put the pages of slices up to number `last` into the store. */
static rv_code stow_slices(rvi_pq_workspace *work, uint64_t last, rv_error *err)
{
    for (rvi_pq_flight *oldest; (oldest = rvi_pq_packing_oldest(&work->packing)) != NULL;) {
        if (oldest->slice > last)
            break;
        RV_TRY(rvi_pq_page_stow(work, err));
    }
    return RV_OK;
}

static rv_code settle_all(rvi_pq_group *group, rv_error *err)
{
    RV_TRY(stow_slices(&group->work, group->work.slice, err));
    for (int i = 0; i < group->n_columns; i++)
        for (uint64_t slice = 0; slice < RVI_PQ_LAG; slice++)
            rvi_pq_column_settle(&group->columns[i], slice);
    return RV_OK;
}

/* The next slice begins, and takes over the counters of the one RVI_PQ_LAG before it. */
static rv_code settle_slice(rvi_pq_group *group, rv_error *err)
{
    rvi_pq_workspace *work = &group->work;
    reserve_rest(group);
    if (group->limits.file_bytes > 0 && group->limits.file_bytes <= SMALL_FILE)
        RV_TRY(settle_all(group, err)); /* the last few slices are a good part of such a file */
    work->slice++;
    if (work->slice >= RVI_PQ_LAG)
        RV_TRY(stow_slices(work, work->slice - RVI_PQ_LAG, err));
    for (int i = 0; i < group->n_columns; i++)
        rvi_pq_column_settle(&group->columns[i], work->slice % RVI_PQ_LAG);
    return RV_OK;
}

/* Whether a further slice of `weight` bytes might take the group over its memory, beside `finished` bytes of pages: by
 * its values, and by the forms of a page that they complete: without its dictionary, encoded, compressed. */
static bool memory_is_full(const rvi_pq_group *group, uint64_t finished, uint64_t weight)
{
    uint64_t page = weight > group->work.page_weight ? weight : group->work.page_weight;
    return group->held.used + finished + weight + page * PAGE_FORMS + group->long_flights >
           group->memory_bytes;
}

/* Makes room for a further slice by moving finished pages out of memory, where that is possible. */
static rv_code make_room(rvi_pq_group *group, uint64_t weight, rv_error *err)
{
    bool needed = group->limits.spills && rvi_pq_store_held(&group->work.pages) > 0 &&
                  memory_is_full(group, rvi_pq_store_held(&group->work.pages), weight);
    return needed ? rvi_pq_store_spill(&group->work.pages, err) : RV_OK;
}

/* What the open row group would add to the file; an estimate. */
static uint64_t group_bytes(const rvi_pq_group *group)
{
    uint64_t bytes = 0;
    for (int i = 0; i < group->n_columns; i++)
        bytes += rvi_pq_column_pending(&group->columns[i]);
    return bytes;
}

static bool limits_are_reached(const rvi_pq_group *group)
{
    return group->rows >= group->limits.rows || group->group_weight >= group->limits.raw ||
           group_bytes(group) >= group->target_bytes;
}

/* What a further stride will have become when its pages are finished, if one is about to begin: it should not be begun if
 * it could not be completed. Else 0. */
static uint64_t stride_ahead(const rvi_pq_group *group)
{
    uint64_t bytes = 0;
    if (group->long_flights == 0 || group->rows % RVI_PQ_STRIDE_ROWS != 0)
        return 0;
    for (int i = 0; i < group->n_columns; i++)
        bytes += rvi_pq_column_stride_finished(&group->columns[i]);
    return bytes;
}

static bool is_full(const rvi_pq_group *group, uint64_t weight)
{
    uint64_t finished = group->limits.spills ? 0 : finished_bytes(group) + stride_ahead(group);
    return limits_are_reached(group) || (group->limits.by_memory && memory_is_full(group, finished, weight));
}

/* Footer and indexes; what the open group adds is taken to be like what the closed ones did. */
static uint64_t meta_bytes(const rvi_pq_group *group)
{
    uint64_t n_columns = (uint64_t)group->n_columns, n_groups = group->n_groups;
    uint64_t closed = group->metas.len + group->column_indexes.len + group->offset_indexes.len +
                      n_groups * n_columns * CHUNK_FRAME;
    uint64_t open = n_groups > 0 ? closed / n_groups : n_columns * CHUNK_META;
    return group->fixed_bytes + closed + (group->rows > 0 ? open : 0);
}

/* What the file would have if it ended here, footer and all; an estimate. */
static uint64_t file_bytes(const rvi_pq_group *group, const rvi_pq_output *out)
{
    return out->offset + group_bytes(group) + meta_bytes(group);
}

/* Whether one more slice like those before it would take the file over its limit. */
static bool file_is_full(const rvi_pq_group *group, const rvi_pq_output *out, int64_t slice_rows)
{
    int64_t rows = group->file_rows + group->rows;
    if (group->limits.file_bytes == 0 || rows == 0)
        return false;
    double bytes = (double)file_bytes(group, out);
    return bytes * (double)(rows + slice_rows) / (double)rows > (double)group->limits.file_bytes;
}

/* What the file has left is divided evenly, so that no group of it is a small rest. false: there is so little left that
 * no group should be begun. */
static bool plan_group(rvi_pq_group *group, const rvi_pq_output *out)
{
    const rvi_pq_limits *limits = &group->limits;
    if (limits->file_bytes == 0)
        return true;
    uint64_t used = out->offset + meta_bytes(group), usual = limits->bytes;
    uint64_t room = limits->file_bytes > used ? limits->file_bytes - used : 0;
    if (group->typical_bytes > 0)
        usual = least(usual, group->typical_bytes);
    uint64_t n = usual > 0 ? room / usual + (room % usual != 0) : 1;
    group->target_bytes = n > 1 ? room / n : limits->bytes;
    return room > least(usual / RUNT_SHARE, limits->file_bytes / (RUNT_SHARE * RVI_PQ_GROUPS_OF_FILE));
}

/* In a file's first row group nothing is known of how its columns shrink while their pages are open, and half may be
 * far off. So the first time that it seems to be full, its pages are closed and measured, and it goes on. */
static rv_code measure(rvi_pq_group *group, rv_error *err)
{
    if (group->measured || group_bytes(group) < group->target_bytes)
        return RV_OK;
    for (int i = 0; i < group->n_columns; i++)
        RV_TRY(rvi_pq_column_close_page(&group->columns[i], &group->work, err));
    group->measured = true;
    return settle_all(group, err);
}

/* *file_full: the next row belongs to another file. */
static rv_code close_group(rvi_pq_group *group, rvi_pq_output *out, bool *file_full, rv_error *err)
{
    bool by_bytes = group_bytes(group) >= group->target_bytes;
    uint64_t at = out->offset;
    RV_TRY(rvi_pq_group_flush(group, out, err));
    group->typical_bytes = by_bytes ? 0 : out->offset - at;
    *file_full = !plan_group(group, out);
    return RV_OK;
}

/* Pages of long values that end here need not wait for the next row: whether there is room for more is about to be asked. */
static rv_code end_stride(rvi_pq_group *group, rv_error *err)
{
    for (int i = 0; i < group->n_columns && group->long_flights > 0; i++)
        if (rvi_pq_column_is_long(&group->columns[i], &group->work))
            RV_TRY_CTX(rvi_pq_column_end_stride(&group->columns[i], &group->work, err), err, "column '%s'",
                       group->columns[i].leaf.field->name);
    return RV_OK;
}

rv_code rvi_pq_group_catch_up(rvi_pq_group *group, rv_error *err)
{
    for (int i = 0; i < group->n_columns; i++)
        RV_TRY_CTX(rvi_pq_column_close_huge(&group->columns[i], &group->work, err), err, "column '%s'",
                   group->columns[i].leaf.field->name);
    rvi_pq_workspace_trim(&group->work);
    return RV_OK;
}

/* Whatever is decided here does not depend on whether it has caught up before. */
static rv_code end_slice(rvi_pq_group *group, rvi_pq_output *out, bool *file_full, rv_error *err)
{
    int64_t slice_rows = group->slice_rows;
    group->slice_rows = 0;
    group->slice_weight = 0;
    RV_TRY(rvi_pq_group_catch_up(group, err));
    RV_TRY(end_stride(group, err));
    RV_TRY(measure(group, err));
    rvi_pq_workspace_trim(&group->work);
    RV_TRY(settle_slice(group, err));
    if (group->n_groups == 0)
        plan_pages(group);
    *file_full = file_is_full(group, out, slice_rows);
    if (*file_full)
        return RV_OK;
    RV_TRY(make_room(group, group->slice_max_weight, err));
    return is_full(group, group->slice_max_weight) ? close_group(group, out, file_full, err) : RV_OK;
}

/* One row heavier than a slice: make room before it comes. */
static rv_code await_heavy_row(rvi_pq_group *group, uint64_t weight, rvi_pq_output *out, bool *file_full,
                               rv_error *err)
{
    if (group->rows == 0)
        return RV_OK;
    RV_TRY(rvi_pq_group_catch_up(group, err));
    RV_TRY(make_room(group, weight, err));
    return is_full(group, weight) ? close_group(group, out, file_full, err) : RV_OK;
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
    group->group_weight += weight;
    group->slice_rows += n;
    group->slice_weight += weight;
    return RV_OK;
}

rv_code rvi_pq_group_append(rvi_pq_group *group, const rv_batch *batch, int64_t from, int64_t *n_taken,
                            rvi_pq_output *out, rv_error *err)
{
    assert(batch->n_columns == group->n_columns);
    bool file_full = false;
    int64_t row = from;
    RV_TRY(check_nulls(group, batch, err));
    while (row < batch->rows) {
        uint64_t weight = 0;
        int64_t n = rows_of_slice(group, batch, row, batch->rows, &weight);
        if (n == 0)
            RV_TRY(end_slice(group, out, &file_full, err));
        else if (weight > group->slice_max_weight)
            RV_TRY(await_heavy_row(group, weight, out, &file_full, err));
        if (file_full)
            break;
        RV_TRY(append_rows(group, batch, row, n, weight, err));
        row += n;
    }
    *n_taken = row - from;
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
    const rvi_pq_page_bytes data = {column->plain_bytes, column->stored_bytes};
    const uint64_t raw = column->raw_bytes;
    if (rvi_pq_column_has_dictionary(column))
        RV_TRY(rvi_pq_page_write_dictionary(column, work, out, err));
    column->data_shrank = data;
    column->dict_shrank = (rvi_pq_page_bytes){column->raw_bytes - raw, column->stored_bytes - data.stored};
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
    RV_TRY(stow_slices(&group->work, group->work.slice, err));
    for (int i = 0; i < group->n_columns; i++) {
        rvi_pq_column *column = &group->columns[i];
        RV_TRY(close_pages(group, i, &next, err));
        RV_TRY_CTX(write_chunk(group, column, out, err), err, "column '%s'", column->leaf.field->name);
    }
    return RV_OK;
}

/* What lies further back counts half for what is to come. */
static void forget_half(rvi_pq_group *group)
{
    for (int i = 0; i < group->n_columns; i++) {
        group->columns[i].seen_weight /= 2;
        group->columns[i].seen_rows /= 2;
    }
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
    group->file_rows += group->rows;
    group->rows = 0;
    group->group_weight = 0;
    group->slice_rows = 0;
    group->slice_weight = 0;
    plan_pages(group);
    forget_half(group);
    return RV_OK;
}
