/* scan.c - one scan: its SQL, its pages, and what becomes of it when a page fails.
 *
 * Two ways to read. Block ranges: COPY of `ctid >= a AND ctid < b`, each page in a savepoint of the run's snapshot,
 * so that a page given up (too large, over its time) costs neither the snapshot nor its place. Stream: a cursor and
 * FETCH, for anything that can be selected from; it only moves forward, so a failed FETCH ends the scan.
 *
 * Opening a scan parses its SELECT in the very transaction that will read. That takes the table's lock, so no ALTER
 * can come between, and it tells the columns' types as they are now; a column that is no longer what was described
 * is an error, never a value read as something else. */
#include "internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    SCAN_ARENA_BYTES = 64 << 20,
    FIRST_FETCH_ROWS = 64, /* until it is known how large rows are */
    MAX_OFFSETS = 2048, /* more than a block has rows: 291, 1165 in blocks of 32 KiB (MaxHeapTuplesPerPage) */
    FIRST_SPLIT = 128,  /* of these, when a block is too much for one page */
};

typedef struct pg_scan {
    rv_scan base;
    rvi_pg *pg;
    rv_arena *arena;
    rv_scan_request request;
    rvi_pg_rows rows;
    const char *select; /* SELECT … FROM …, with casts */
    int64_t next, last; /* block ranges: the first block not read yet, and the scan's last one */
    int next_offset;    /* in block `next`, when that one had to be split: where its next page starts … */
    int n_offsets;      /* … and how many line pointers it covers; 0: the block is not split */
    rvi_pg_fetch fetch; /* stream: the FETCH in flight, or the last one */
    PGresult *row;      /* one of its rows, not handed on yet */
    bool exhausted;     /* the cursor has no more */
    int64_t bytes_per_row; /* of the last FETCH; 0: none yet */
    bool has_cursor;
} pg_scan;

static void drop_row(pg_scan *scan)
{
    PQclear(scan->row);
    scan->row = NULL;
}

/* ---- SQL ---- */

static rv_code append_from(pg_scan *scan, rv_bytes *sql, rv_error *err)
{
    const rv_relation_info *info = scan->request.info;
    if (scan->request.relation->kind == RV_RELATION_TABLE) {
        /* A parent's children are tables of their own; partitions are not, their parent has no rows but theirs. */
        bool only = strcmp(info->kind, RVI_PG_PARTITIONED) != 0;
        RV_TRY(rv_bytes_append_str(sql, only ? "ONLY " : "", err));
        RV_TRY(rvi_pg_append_name(scan->pg, sql, info->namespace, err));
        RV_TRY(rv_bytes_append_str(sql, ".", err));
        return rvi_pg_append_name(scan->pg, sql, scan->request.relation->table, err);
    }
    RV_TRY(rv_bytes_append_str(sql, "(", err));
    RV_TRY(rv_bytes_append_str(sql, scan->request.relation->query, err));
    RV_TRY(rv_bytes_append_str(sql, "\n) AS _rivet(", err));
    for (int i = 1; i <= info->schema.n_fields; i++)
        RV_TRY(rv_bytes_printf(sql, err, "%sc%d", i > 1 ? ", " : "", i));
    return rv_bytes_append_str(sql, ")", err);
}

/* A query's columns go by their place: their names may be odd, equal or empty. */
static rv_code append_column(pg_scan *scan, rv_bytes *sql, const rv_field *field, rv_error *err)
{
    if (scan->request.relation->kind == RV_RELATION_TABLE)
        return rvi_pg_append_name(scan->pg, sql, field->name, err);
    return rv_bytes_printf(sql, err, "c%d", (int)field->ordinal);
}

/* `types` NULL: the columns as they are. The text is put into the scan's arena. */
static rv_code make_select(pg_scan *scan, const rvi_pg_type *types, const char **out, rv_error *err)
{
    const rv_schema *schema = scan->request.schema;
    RV_AUTO(rvi_pg_bytes) rv_bytes sql = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    RV_TRY(rv_bytes_append_str(&sql, "SELECT ", err));
    for (int i = 0; i < schema->n_fields; i++) {
        RV_TRY(rv_bytes_append_str(&sql, i > 0 ? ", " : "", err));
        RV_TRY(append_column(scan, &sql, &schema->fields[i], err));
        RV_TRY(rv_bytes_append_str(&sql, types != NULL ? rvi_pg_cast_suffix(types[i].cast) : "", err));
    }
    RV_TRY(rv_bytes_append_str(&sql, " FROM ", err));
    RV_TRY(append_from(scan, &sql, err));
    *out = rv_arena_strndup(scan->arena, (const char *)sql.data, sql.len);
    return *out != NULL ? RV_OK : rv_fail(err, RV_E_OUT_OF_MEMORY, "the SQL of a scan");
}

/* ---- opening ---- */

static rv_code changed(const rv_field *field, rv_type now, rv_error *err)
{
    char before[RV_TYPE_TEXT_BYTES], after[RV_TYPE_TEXT_BYTES];
    rv_type_text(before, field->natural);
    rv_type_text(after, now);
    rv_code rc = rv_fail(err, RV_E_SOURCE_QUERY, "column '%s' has become %s since it was described as %s",
                         field->name, after, before);
    rv_hint(err, "run again: the table was altered meanwhile");
    return rc;
}

/* How a field arrives, given what its column is now. */
static rv_code choose_form(const rv_field *field, rvi_pg_type *type, rv_error *err)
{
    bool is_text = type->wire == RVI_PG_WIRE_TEXT && type->natural.id != RV_TYPE_LIST;
    bool as_text = field->transfer == RV_TRANSFER_TEXT;
    /* A column declared with two dimensions was described as text; here only the type is known. */
    bool deep = field->natural.id == RV_TYPE_STRING && type->natural.id == RV_TYPE_LIST;
    if (!as_text && !deep && !rv_type_equal(field->natural, type->natural))
        return changed(field, type->natural, err);
    if (!as_text && !deep)
        return rv_type_equal(field->type, field->natural)
                   ? RV_OK
                   : rv_fail(err, RV_E_INTERNAL, "column '%s' is to be decoded as another type", field->name);
    /* What arrives as text already keeps its bytes: a cast would strip the blanks of char(n). */
    if (!is_text)
        type->cast = type->wire == RVI_PG_WIRE_MONEY && type->natural.id != RV_TYPE_LIST
                         ? RVI_PG_CAST_NUMERIC_TEXT
                         : RVI_PG_CAST_TEXT;
    type->wire = RVI_PG_WIRE_TEXT;
    return RV_OK;
}

/* Parse the uncast SELECT, look at its types, and fix how each field is read. */
static rv_code bind_columns(pg_scan *scan, rv_error *err)
{
    const rv_schema *schema = scan->request.schema;
    size_t n = (size_t)schema->n_fields;
    const char *plain = NULL;
    RV_AUTO(PQclear) PGresult *described = NULL;
    rvi_pg_type_ref *refs = rv_arena_alloc(scan->arena, n, sizeof *refs);
    rvi_pg_type *types = rv_arena_alloc(scan->arena, n, sizeof *types);
    if (refs == NULL || types == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "the columns of a scan");
    RV_TRY(make_select(scan, NULL, &plain, err));
    RV_TRY(rvi_pg_describe_sql(scan->pg, plain, &described, err));
    if (PQnfields(described) != schema->n_fields)
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "the server describes %d columns instead of %d",
                       PQnfields(described), schema->n_fields);
    for (int i = 0; i < schema->n_fields; i++)
        refs[i] = (rvi_pg_type_ref){.oid = PQftype(described, i), .mod = PQfmod(described, i)};
    RV_TRY(rvi_pg_resolve_types(scan->pg, refs, schema->n_fields, types, err));
    for (int i = 0; i < schema->n_fields; i++)
        RV_TRY(choose_form(&schema->fields[i], &types[i], err));
    RV_TRY(rvi_pg_rows_init(&scan->rows, scan->arena, schema, types, scan->request.max_value_bytes, err));
    return make_select(scan, types, &scan->select, err);
}

static rv_code declare_cursor(pg_scan *scan, rv_error *err)
{
    RV_AUTO(rvi_pg_bytes) rv_bytes sql = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    const char *text = NULL;
    RV_TRY(rv_bytes_append_str(&sql, "DECLARE _rivet_stream NO SCROLL CURSOR WITHOUT HOLD FOR ", err));
    RV_TRY(rv_bytes_append_str(&sql, scan->select, err));
    RV_TRY(rv_bytes_cstr(&sql, &text, err));
    RV_TRY(rvi_pg_run(scan->pg, text, rvi_pg_statement_deadline(scan->pg), err));
    scan->has_cursor = true;
    return RV_OK;
}

static rv_code check_request(const rvi_pg *pg, const rv_scan_request *request, rv_error *err)
{
    assert(pg->begun && request->schema->n_fields > 0);
    if (request->bounds.kind != RV_BOUNDS_PHYSICAL)
        return RV_OK;
    if (!request->info->physical.available)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "%s cannot be read by block ranges: %s",
                       request->info->schema.origin, request->info->physical.why_not);
    /* Between two snapshots a row may move from a block not read yet to one that was. */
    if (!pg->snapshot)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "block ranges of %s can only be read under one snapshot",
                       request->info->schema.origin);
    return RV_OK;
}

/* The scan's last block. Where the table ends is asked anew for its last chunk: since it was described, blocks may
 * have been added whose rows are in the snapshot. */
static rv_code find_last_block(pg_scan *scan, rv_error *err)
{
    RV_AUTO(rvi_pg_bytes) rv_bytes name = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    RV_AUTO(PQclear) PGresult *result = NULL;
    const char *text = NULL;
    scan->last = scan->request.bounds.last;
    if (scan->last < scan->request.info->physical.last)
        return RV_OK;
    RV_TRY(rvi_pg_append_name(scan->pg, &name, scan->request.info->namespace, err));
    RV_TRY(rv_bytes_append_str(&name, ".", err));
    RV_TRY(rvi_pg_append_name(scan->pg, &name, scan->request.relation->table, err));
    RV_TRY(rv_bytes_cstr(&name, &text, err));
    rvi_pg_statement size = {
        .sql = "SELECT pg_catalog.pg_relation_size($1::pg_catalog.regclass, 'main')"
               " / pg_catalog.current_setting('block_size')::pg_catalog.int8",
        .params = &text,
        .n_params = 1,
    };
    RV_TRY(rvi_pg_query(scan->pg, &size, rvi_pg_control_deadline(), &result, err));
    int64_t blocks = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    if (blocks - 1 > scan->last)
        scan->last = blocks - 1;
    return RV_OK;
}

static rv_code open_in_transaction(pg_scan *scan, rv_error *err)
{
    bool by_blocks = scan->request.bounds.kind == RV_BOUNDS_PHYSICAL;
    RV_TRY(bind_columns(scan, err));
    scan->base.unit = by_blocks ? "block" : "row";
    scan->next = scan->request.bounds.first;
    return by_blocks ? find_last_block(scan, err) : declare_cursor(scan, err);
}

rv_code rvi_pg_scan_open(rv_scan **out, rv_source *source, const rv_scan_request *request, rv_error *err)
{
    rvi_pg *pg = (rvi_pg *)source;
    RV_TRY(check_request(pg, request, err));
    pg_scan *scan = calloc(1, sizeof *scan);
    if (scan == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "a scan");
    *scan = (pg_scan){.base = {.source = source}, .pg = pg, .request = *request};
    rv_code rc = rv_arena_new(&scan->arena, SCAN_ARENA_BYTES, err);
    if (rc == RV_OK && !pg->snapshot)
        rc = rvi_pg_txn_open(pg, &pg->options, err);
    if (rc == RV_OK)
        rc = open_in_transaction(scan, err);
    if (rc != RV_OK) {
        rvi_pg_scan_close(&scan->base);
        return rc;
    }
    *out = &scan->base;
    return RV_OK;
}

void rvi_pg_scan_close(rv_scan *base)
{
    pg_scan *scan = (pg_scan *)base;
    if (scan == NULL)
        return;
    drop_row(scan);
    if (scan->fetch.in_flight) /* left in the middle, or a value was refused */
        (void)rvi_pg_abandon_statement(scan->pg);
    /* A failed or finished transaction has closed the cursor itself. */
    if (scan->has_cursor && scan->pg->snapshot && PQtransactionStatus(scan->pg->conn) == PQTRANS_INTRANS)
        (void)!rvi_pg_run(scan->pg, "CLOSE _rivet_stream", rvi_pg_control_deadline(), NULL);
    rvi_pg_txn_close(scan->pg);
    rv_arena_free(scan->arena);
    free(scan);
}

/* ---- block ranges ---- */

/* From one tuple identifier up to, but not including, another. */
typedef struct tid_range {
    int64_t first_block, end_block;
    int first_offset, end_offset;
} tid_range;

static tid_range next_range(const pg_scan *scan, const rv_page_limits *limits)
{
    tid_range range = {
        .first_block = scan->next, .first_offset = scan->next_offset, .end_block = scan->next + 1};
    int64_t left = scan->last - scan->next + 1;
    int end_offset = scan->next_offset + scan->n_offsets;
    if (scan->n_offsets == 0)
        range.end_block = scan->next + (limits->units < left ? limits->units : left);
    else if (end_offset < MAX_OFFSETS)
        range = (tid_range){scan->next, scan->next, scan->next_offset, end_offset};
    return range;
}

static rv_code page_sql(const pg_scan *scan, const tid_range *range, rv_bytes *sql, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(sql, "SAVEPOINT _rivet_page;COPY (", err));
    RV_TRY(rv_bytes_append_str(sql, scan->select, err));
    RV_TRY(rv_bytes_printf(sql, err,
                           " WHERE ctid >= '(%" PRId64 ",%d)'::pg_catalog.tid AND ctid < '(%" PRId64
                           ",%d)'::pg_catalog.tid) TO STDOUT (FORMAT binary);RELEASE SAVEPOINT _rivet_page",
                           range->first_block, range->first_offset, range->end_block, range->end_offset));
    return RV_OK;
}

/* Back to before the page, in the same snapshot. What cannot be saved is noticed by whoever comes next. */
static void undo_page(rvi_pg *pg, rv_code rc)
{
    if (rc == RV_E_CANCELLED || rc == RV_E_SOURCE_LOST || !rvi_pg_abandon_statement(pg) ||
        PQtransactionStatus(pg->conn) != PQTRANS_INERROR)
        return;
    (void)!rvi_pg_run(pg, "ROLLBACK TO SAVEPOINT _rivet_page;RELEASE SAVEPOINT _rivet_page",
                      rvi_pg_control_deadline(), NULL);
}

static rv_code read_range(pg_scan *scan, const tid_range *range, size_t max_bytes, rv_batch *out,
                          rv_page *page, rv_error *err)
{
    RV_AUTO(rvi_pg_bytes) rv_bytes sql = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    const char *text = NULL;
    RV_TRY(page_sql(scan, range, &sql, err));
    RV_TRY(rv_bytes_cstr(&sql, &text, err));
    rvi_pg_rows_start(&scan->rows, out, max_bytes);
    rv_code rc = rvi_pg_read_copy(scan->pg, text, &scan->rows, page, err);
    if (rc == RV_OK)
        return RV_OK;
    undo_page(scan->pg, rc);
    return rv_wrap(err, rc, "blocks %" PRId64 " to %" PRId64, range->first_block,
                   range->end_offset > 0 ? range->end_block : range->end_block - 1);
}

static void advance(pg_scan *scan, const tid_range *range, bool had_rows)
{
    scan->next = range->end_block;
    scan->next_offset = range->end_offset;
    if (range->end_offset == 0)
        scan->n_offsets = 0;
    else if (!had_rows) /* most likely past the block's last row: take what is left at once */
        scan->n_offsets = MAX_OFFSETS - range->end_offset;
}

/* One block can hold hundreds of pointers to large values, so where even one is too much for a page, the next page
 * covers some of its rows. false: it was only one row already. */
static bool split_block(pg_scan *scan)
{
    if (scan->n_offsets == 1)
        return false;
    scan->n_offsets = scan->n_offsets == 0 ? FIRST_SPLIT : scan->n_offsets / 2;
    return true;
}

static rv_code next_blocks(pg_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                           rv_error *err)
{
    int64_t first = scan->next;
    while (scan->next <= scan->last) {
        tid_range range = next_range(scan, limits);
        rv_code rc =
            read_range(scan, &range, scan->n_offsets == 1 ? SIZE_MAX : limits->max_bytes, out, page, err);
        if (rc == RV_OK) {
            advance(scan, &range, out->rows > 0);
            if (out->rows > 0 || scan->next_offset == 0)
                break;
        } else if (rc != RV_E_LIMIT_EXCEEDED || range.end_block - range.first_block > 1 ||
                   !split_block(scan)) {
            return rc;
        }
        rv_batch_reset(out);
        page->wire_bytes = 0;
    }
    page->units = scan->next - first;
    page->end = scan->next > scan->last;
    return RV_OK;
}

/* ---- stream ---- */

/* How many rows one FETCH asks for: as many as make a page, so that a statement ends with its page. */
static int64_t fetch_rows(const pg_scan *scan, const rv_page_limits *limits)
{
    int64_t n = limits->units;
    int64_t fits = scan->bytes_per_row > 0 ? (int64_t)(limits->max_bytes / (size_t)scan->bytes_per_row)
                                           : FIRST_FETCH_ROWS;
    if (limits->max_rows > 0 && limits->max_rows < n)
        n = limits->max_rows;
    n = fits < n ? fits : n;
    return n > 0 ? n : 1;
}

/* Point the cells at the row in hand; returns the bytes it took on the wire. */
static size_t take_row(pg_scan *scan)
{
    size_t bytes = 7; /* a DataRow's type, length and number of fields */
    for (int i = 0; i < scan->request.schema->n_fields; i++) {
        int32_t len = PQgetlength(scan->row, 0, i);
        if (len == 0 && PQgetisnull(scan->row, 0, i))
            len = -1;
        scan->rows.cells[i] = (rvi_pg_cell){(const uint8_t *)PQgetvalue(scan->row, 0, i), len};
        bytes += 4 + (len > 0 ? (size_t)len : 0);
    }
    return bytes;
}

static bool page_is_full(const rv_page_limits *limits, const rv_batch *out)
{
    return out->rows >= limits->units || (limits->max_rows > 0 && out->rows >= limits->max_rows);
}

/* Rows of the FETCH in flight into the batch, to its end. If rows are suddenly so large that the page is full
 * before, the FETCH stays in flight and the next page goes on with it: memory is what must never give. A page's
 * first row is taken whatever it weighs. */
static rv_code append_fetched(pg_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_error *err)
{
    rvi_pg_fetch *fetch = &scan->fetch;
    for (bool fits = true; fits;) {
        if (scan->row == NULL && fetch->in_flight)
            RV_TRY(rvi_pg_fetch_row(scan->pg, fetch, scan->request.schema, &scan->row, err));
        if (scan->row == NULL || page_is_full(limits, out))
            break;
        size_t bytes = take_row(scan);
        fits = rvi_pg_rows_has_room(&scan->rows, bytes);
        if (!fits && out->rows > 0)
            break;
        RV_TRY(rvi_pg_rows_append(&scan->rows, err));
        fetch->bytes += (int64_t)bytes;
        drop_row(scan);
    }
    return RV_OK;
}

static void learn_from_fetch(pg_scan *scan)
{
    const rvi_pg_fetch *fetch = &scan->fetch;
    if (fetch->in_flight)
        return;
    scan->exhausted = fetch->got < fetch->asked;
    if (fetch->got > 0)
        scan->bytes_per_row = fetch->bytes / fetch->got + 1;
}

static rv_code next_fetched(pg_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                            rv_error *err)
{
    int64_t started_us = rvi_pg_now_us();
    rvi_pg_rows_start(&scan->rows, out, limits->max_bytes);
    /* Twice when the last page was full with the last row of its FETCH, whose end alone makes no page. */
    while (out->rows == 0 && (scan->row != NULL || !scan->exhausted)) {
        if (scan->row == NULL && !scan->fetch.in_flight)
            RV_TRY(rvi_pg_fetch_start(scan->pg, &scan->fetch, fetch_rows(scan, limits), err));
        int64_t bytes_before = scan->fetch.bytes;
        RV_TRY(append_fetched(scan, limits, out, err));
        page->wire_bytes += (uint64_t)(scan->fetch.bytes - bytes_before);
        learn_from_fetch(scan);
    }
    page->units = out->rows;
    page->statement_us = rvi_pg_now_us() - started_us;
    page->end = scan->exhausted && scan->row == NULL;
    return RV_OK;
}

/* A cursor does not step back, so what was not handed on is lost with the statement. */
static rv_code stream_failed(pg_scan *scan, rv_code rc, rv_error *err)
{
    if (rc == RV_E_CANCELLED || rc == RV_E_SOURCE_LOST)
        scan->fetch.in_flight = false; /* nobody to ask politely, or no time to */
    if (err != NULL && err->retry == RV_RETRY_SAME)
        err->retry = RV_RETRY_RECONNECT;
    if (err != NULL && err->retry == RV_RETRY_SMALLER)
        err->retry = RV_RETRY_NEVER;
    return rc;
}

rv_code rvi_pg_scan_next(rv_scan *base, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                         rv_error *err)
{
    pg_scan *scan = (pg_scan *)base;
    bool by_blocks = scan->request.bounds.kind == RV_BOUNDS_PHYSICAL;
    rv_page made = {0};
    rv_code rc =
        by_blocks ? next_blocks(scan, limits, out, &made, err) : next_fetched(scan, limits, out, &made, err);
    if (rc != RV_OK) {
        rv_batch_reset(out);
        return by_blocks ? rc : stream_failed(scan, rc, err);
    }
    *page = made;
    return RV_OK;
}
