/* blocks.c - pages of block ranges: COPY of `ctid >= a AND ctid < b`, in physical order, under one snapshot.
 *
 * Each page is a savepoint of the run's transaction, so that a page given up (too large, over its time) costs neither
 * the snapshot nor its place. */
#include "scan.h"

#include <inttypes.h>
#include <string.h>

enum {
    MAX_OFFSETS = 2048, /* more than a block has rows: 291, 1165 in blocks of 32 KiB (MaxHeapTuplesPerPage) */
    FIRST_SPLIT = 128,  /* of these, when a block is too much for one page */
};

/* Of the relation, or of the leaf that is read; NULL: there is no such leaf. */
static const rv_physical *find_physical(const rv_scan_request *request)
{
    const rv_relation_info *info = request->info;
    const rv_bounds *bounds = &request->bounds;
    if (bounds->leaf_table == NULL)
        return &info->physical;
    for (int i = 0; i < info->n_leaves; i++)
        if (strcmp(info->leaves[i].schema, bounds->leaf_schema) == 0 &&
            strcmp(info->leaves[i].table, bounds->leaf_table) == 0)
            return &info->leaves[i].physical;
    return NULL;
}

/* The scan's last block. Where the table ends is asked anew for its last chunk: since it was described, blocks may
 * have been added whose rows are in the snapshot. */
static rv_code find_last_block(rvi_pg_scan *scan, const rv_physical *physical, rv_error *err)
{
    const rvi_pg_from *from = &scan->from;
    RV_AUTO(rv_bytes_deinit) rv_bytes name = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    RV_AUTO(PQclear) PGresult *result = NULL;
    const char *text = NULL;
    bool leaf = from->leaf_table != NULL;
    scan->blocks.last = scan->request.bounds.last;
    if (scan->blocks.last < physical->last)
        return RV_OK;
    RV_TRY(rvi_pg_append_name(scan->pg, &name, leaf ? from->leaf_schema : from->info->namespace, err));
    RV_TRY(rv_bytes_append_str(&name, ".", err));
    RV_TRY(rvi_pg_append_name(scan->pg, &name, leaf ? from->leaf_table : from->relation->table, err));
    RV_TRY(rv_bytes_cstr(&name, &text, err));
    RV_TRY(rvi_pg_ask(scan->pg,
                      "SELECT pg_catalog.pg_relation_size($1::pg_catalog.regclass, 'main')"
                      " / pg_catalog.current_setting('block_size')::pg_catalog.int8",
                      &text, 1, &result, err));
    int64_t blocks = rvi_pg_get_i64(result, 0, 0, 0);
    if (blocks - 1 > scan->blocks.last)
        scan->blocks.last = blocks - 1;
    return RV_OK;
}

/* Between two snapshots a row may move from a block not read yet to one that was. */
rv_code rvi_pg_blocks_open(rvi_pg_scan *scan, rv_error *err)
{
    const rv_physical *physical = find_physical(&scan->request);
    const char *origin = scan->request.info->schema.origin;
    if (physical == NULL || !physical->available)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "%s cannot be read by block ranges: %s", origin,
                       physical != NULL ? physical->why_not : "it has no such leaf");
    if (!scan->pg->snapshot)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "block ranges of %s can only be read under one snapshot",
                       origin);
    scan->base.unit = "block";
    scan->blocks.next = scan->request.bounds.first;
    return find_last_block(scan, physical, err);
}

/* From one tuple identifier up to, but not including, another. */
typedef struct tid_range {
    int64_t first_block, end_block;
    int first_offset, end_offset;
} tid_range;

static tid_range next_range(const rvi_pg_scan *scan, const rv_page_limits *limits)
{
    tid_range range = {.first_block = scan->blocks.next,
                       .first_offset = scan->blocks.next_offset,
                       .end_block = scan->blocks.next + 1};
    int64_t left = scan->blocks.last - scan->blocks.next + 1;
    int end_offset = scan->blocks.next_offset + scan->blocks.n_offsets;
    if (scan->blocks.n_offsets == 0)
        range.end_block = scan->blocks.next + (limits->units < left ? limits->units : left);
    else if (end_offset < MAX_OFFSETS)
        range = (tid_range){scan->blocks.next, scan->blocks.next, scan->blocks.next_offset, end_offset};
    return range;
}

static rv_code page_sql(const rvi_pg_scan *scan, const tid_range *range, rv_bytes *sql, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(sql, "SAVEPOINT _rivet_page;COPY (", err));
    RV_TRY(rv_bytes_append_str(sql, scan->select, err));
    RV_TRY(rv_bytes_printf(sql, err,
                           " AND _rivet.ctid >= '(%" PRId64
                           ",%d)'::pg_catalog.tid AND _rivet.ctid < '(%" PRId64 ",%d)'::pg_catalog.tid",
                           range->first_block, range->first_offset, range->end_block, range->end_offset));
    RV_TRY(rvi_pg_append_ranges(scan, sql, err));
    return rv_bytes_append_str(sql, ") TO STDOUT (FORMAT binary);RELEASE SAVEPOINT _rivet_page", err);
}

static rv_code read_range(rvi_pg_scan *scan, const tid_range *range, size_t max_bytes, rv_batch *out,
                          rv_page *page, rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    rvi_pg_copy_sql statement = {.filtered = scan->request.bounds.n_ranges > 0};
    RV_TRY(page_sql(scan, range, &sql, err));
    RV_TRY(rv_bytes_cstr(&sql, &statement.sql, err));
    rvi_sql_rows_start(&scan->rows, out, max_bytes);
    rv_code rc = rvi_pg_read_copy(scan->pg, &statement, &scan->rows, page, err);
    if (rc == RV_OK)
        return RV_OK;
    rvi_pg_undo_page(scan->pg, rc);
    return rv_wrap(err, rc, "blocks %" PRId64 " to %" PRId64, range->first_block,
                   range->end_offset > 0 ? range->end_block : range->end_block - 1);
}

static void advance(rvi_pg_scan *scan, const tid_range *range, bool had_rows)
{
    scan->blocks.next = range->end_block;
    scan->blocks.next_offset = range->end_offset;
    if (range->end_offset == 0)
        scan->blocks.n_offsets = 0;
    else if (!had_rows) /* most likely past the block's last row: take what is left at once */
        scan->blocks.n_offsets = MAX_OFFSETS - range->end_offset;
}

/* One block can hold hundreds of pointers to large values, so where even one is too much for a page, the next page
 * covers some of its rows. false: it was only one row already. */
static bool split_block(rvi_pg_scan *scan)
{
    if (scan->blocks.n_offsets == 1)
        return false;
    scan->blocks.n_offsets = scan->blocks.n_offsets == 0 ? FIRST_SPLIT : scan->blocks.n_offsets / 2;
    return true;
}

rv_code rvi_pg_blocks_next(rvi_pg_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                           rv_error *err)
{
    int64_t first = scan->blocks.next;
    while (scan->blocks.next <= scan->blocks.last) {
        tid_range range = next_range(scan, limits);
        rv_code rc = read_range(scan, &range, scan->blocks.n_offsets == 1 ? SIZE_MAX : limits->max_bytes, out,
                                page, err);
        if (rc == RV_OK) {
            advance(scan, &range, out->rows > 0);
            if (out->rows > 0 || scan->blocks.next_offset == 0)
                break;
        } else if (rc != RV_E_LIMIT_EXCEEDED || range.end_block - range.first_block > 1 ||
                   !split_block(scan)) {
            return rc;
        }
        rv_batch_reset(out);
        page->wire_bytes = 0;
    }
    page->units = scan->blocks.next - first;
    page->end = scan->blocks.next > scan->blocks.last;
    return RV_OK;
}
