/* page.c - the rows of a chunk, page by page.
 *
 * There are three ways to read, and all count their pages in rows:
 *
 *   by row id   WHERE rowid >= next AND rowid <= last ORDER BY rowid LIMIT n. Each page is a statement of
 *               its own, which seeks to where the last page ended and leaves nothing open behind it. A page
 *               that failed is read again from the same place.
 *   along a key ORDER BY the key, strictly after the values that the last row delivered had in it, LIMIT n.
 *               INDEXED BY makes sure that this is a walk along the index and never a sort. As by row id,
 *               each page is a statement of its own and can be asked for again.
 *   stream      One statement, stepped n rows a page. For what has no row ids: views, queries, virtual
 *               tables, WITHOUT ROWID tables; and for ranges that are not read in any order, where SQLite
 *               chooses the index. The statement stays open between pages; once it failed, the stream is
 *               over.
 *
 * SQLite hands rows out one by one, so a page never has to be given up for its size: it ends before the
 * row that would not fit. In a stream that row has been stepped to already and waits in the statement for
 * the next page; its cells stay valid, because nothing touches the statement in between.
 *
 * What must hold: a row is delivered at most once, because `next` and `at` move past a page only when the page
 * is whole, and the next page begins strictly after it. */
#include "source/sqlite/select.h"

#include "rivet/checked.h"
#include "rivet/clock.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROW_NAME_BYTES = 80,
    SCRATCH_MAX_BYTES = INT_MAX, /* text of one blob; SQLite's own limit for a value is 10^9 bytes */
    /* How far above the limit for values SQLite still hands a value over, so that the message can name its
     * column. */
    NAMED_VALUE_FACTOR = 4,
    NAMED_VALUE_MIN_BYTES = 1 << 20,
};

typedef struct scan {
    rv_scan base;
    rvi_sqlite *session;
    const rv_schema *schema; /* borrowed from the request */
    sqlite3_stmt *stmt;
    rvi_sqlite_cell *cells; /* of the row that the statement stands on, one per field */
    rv_bytes scratch;
    uint64_t max_value_bytes;                 /* 0: no limit */
    int64_t next, last;                       /* by row id: what is left, inclusive */
    int64_t rowid;                            /* by row id: of the row that the statement stands on */
    int64_t delivered;                        /* by row id: of the last row appended to the page */
    const rv_key *key;                        /* along a key: borrowed from the request, as what is next */
    const char *declared[RV_MAX_KEY_COLUMNS]; /* its columns' types */
    rvi_sqlite_cell key_cells[RV_MAX_KEY_COLUMNS]; /* of the row that the statement stands on */
    rvi_sqlite_value at[RV_MAX_KEY_COLUMNS];       /* pages begin after this place … */
    int n_at;                                      /* … which has so many cells; 0: at the beginning */
    rvi_sqlite_value page_end[RV_MAX_KEY_COLUMNS]; /* the place of the last row appended to the page */
    sqlite3_stmt *resume; /* along a key: takes the place of `stmt` once a row was delivered; NULL: it has */
    int first_parameter;  /* of those that change from page to page */
    int64_t rows_before;  /* delivered by earlier pages */
    size_t row_weight;    /* bytes of batch content that the row that the statement stands on will make */
    bool by_rowid;
    bool by_position; /* a query: fields are found by ordinal, not by name */
    bool row_waiting; /* stream: the row stepped to has not been delivered */
    bool checked;     /* stream: the columns are those that were described */
    bool exhausted;   /* no rows are left */
    bool broken;      /* stream: the statement failed and cannot go on */
} scan;

static void scan_free(scan *s)
{
    if (s == NULL)
        return;
    sqlite3_finalize(s->stmt);
    sqlite3_finalize(s->resume);
    for (int i = 0; i < RV_MAX_KEY_COLUMNS; i++) {
        rvi_sqlite_value_deinit(&s->at[i]);
        rvi_sqlite_value_deinit(&s->page_end[i]);
    }
    if (s->session != NULL)
        sqlite3_limit(s->session->db, SQLITE_LIMIT_LENGTH,
                      INT_MAX); /* back to the most that the library allows */
    rv_bytes_deinit(&s->scratch);
    free(s->cells);
    free(s);
}
RV_DEFINE_AUTO(scan, scan_free)

/* Columns are qualified with the relation's alias: an unqualified "name" might be taken for something else. */
static rv_code add_columns(const scan *s, const rv_scan_request *request, rvi_sqlite_select *select,
                           rv_error *err)
{
    if (s->by_position)
        RV_TRY(rv_bytes_append_str(&select->sql, "SELECT t.*", err));
    for (int i = 0; !s->by_position && i < request->schema->n_fields; i++) {
        RV_TRY(rv_bytes_append_str(&select->sql, i == 0 ? "SELECT t." : ", t.", err));
        RV_TRY(rvi_sqlite_quote(&select->sql, request->schema->fields[i].name, err));
    }
    if (s->by_rowid)
        RV_TRY(rv_bytes_printf(&select->sql, err, ", t.%s", rvi_sqlite_rowid_name(&request->info->schema)));
    for (int i = 0; s->key != NULL && i < s->key->n_columns; i++) {
        RV_TRY(rv_bytes_append_str(&select->sql, ", ", err));
        RV_TRY(rvi_sqlite_select_value(select, s->key->columns[i], NULL, err));
    }
    return RV_OK;
}

/* A key that is none of the relation's (a query's, a view's) is walked as SQLite thinks best. */
static rv_code add_index(const scan *s, const rv_scan_request *request, rvi_sqlite_select *select,
                         rv_error *err)
{
    const rv_relation_info *info = request->info;
    const char *name = s->by_rowid ? rvi_sqlite_rowid_index : NULL;
    for (int i = 0; s->key != NULL && name == NULL && i < info->n_indexes; i++)
        if (info->indexes[i].complete && info->indexes[i].key.n_columns == s->key->n_columns &&
            rv_key_begins_with(&info->indexes[i].key, s->key))
            name = info->indexes[i].name;
    if (name == NULL)
        return RV_OK;
    if (name ==
        rvi_sqlite_rowid_index) /* forbids other indexes, not the row id: no sort, whatever ANALYZE said */
        return rv_bytes_append_str(&select->sql, " NOT INDEXED", err);
    RV_TRY(rv_bytes_append_str(&select->sql, " INDEXED BY ", err));
    return rvi_sqlite_quote(&select->sql, name, err);
}

/* Which rows of those in the ranges a page holds, and in which order; n_after: cells of the place that it follows. */
static rv_code add_page(const scan *s, const rv_scan_request *request, int n_after, rvi_sqlite_select *select,
                        rv_error *err)
{
    int first = select->n_values + 1;
    if (s->by_rowid) {
        const char *rowid = rvi_sqlite_rowid_name(&request->info->schema);
        RV_TRY(rvi_sqlite_select_and(select, err));
        return rv_bytes_printf(&select->sql, err, "t.%s >= ?%d AND t.%s <= ?%d ORDER BY t.%s LIMIT ?%d",
                               rowid, first, rowid, first + 1, rowid, first + 2);
    }
    if (s->key == NULL)
        return RV_OK;
    if (n_after > 0)
        RV_TRY(rvi_sqlite_select_after(select, s->key, n_after, first, err));
    RV_TRY(rvi_sqlite_select_order(select, s->key, err));
    return rv_bytes_printf(&select->sql, err, " LIMIT ?%d", first + n_after);
}

static rv_code make_statement(scan *s, const rv_scan_request *request, int n_after, sqlite3_stmt **out,
                              rv_error *err)
{
    rvi_sqlite_select select;
    rvi_sqlite_select_init(&select, s->session, &request->info->schema);
    rv_code rc = add_columns(s, request, &select, err);
    if (rc == RV_OK)
        rc = rvi_sqlite_select_from(&select, request->relation, err);
    if (rc == RV_OK)
        rc = add_index(s, request, &select, err);
    if (rc == RV_OK)
        rc = rvi_sqlite_select_ranges(&select, request->bounds.ranges, request->bounds.n_ranges, err);
    if (rc == RV_OK)
        rc = add_page(s, request, n_after, &select, err);
    if (rc == RV_OK)
        rc = rvi_sqlite_select_finish(&select, out, err);
    s->first_parameter = select.n_values + 1;
    rvi_sqlite_select_deinit(&select);
    return rc;
}

static rv_code prepare_statements(scan *s, const rv_scan_request *request, rv_error *err)
{
    bool as_it_is = s->by_position && s->key == NULL && request->bounds.n_ranges == 0;
    if (as_it_is)
        return rvi_sqlite_prepare_query(s->session, request->relation->query, &s->stmt, err);
    RV_TRY(make_statement(s, request, s->n_at, &s->stmt, err));
    if (s->key == NULL || s->n_at == s->key->n_columns)
        return RV_OK;
    return make_statement(s, request, s->key->n_columns, &s->resume, err);
}

/* What the scan goes along, and where it begins. */
static rv_code set_key(scan *s, const rv_scan_request *request, rv_error *err)
{
    s->key = request->bounds.key;
    for (int i = 0; i < RV_MAX_KEY_COLUMNS; i++) {
        rvi_sqlite_value_init(&s->at[i]);
        rvi_sqlite_value_init(&s->page_end[i]);
    }
    for (int i = 0; s->key != NULL && i < s->key->n_columns; i++) {
        const rv_field *field = rv_schema_field(&request->info->schema, s->key->columns[i]);
        if (field == NULL)
            return rv_fail(err, RV_E_SOURCE_QUERY, "%s has no column '%s'", request->schema->origin,
                           s->key->columns[i]);
        s->declared[i] = field->native_type;
    }
    for (int i = 0; request->after != NULL && i < request->after->n; i++)
        RV_TRY_CTX(rvi_sqlite_value_parse(&s->at[i], request->after->cells[i], s->declared[i], err), err,
                   "a place in the key's column '%s'", s->key->columns[i]);
    s->n_at = request->after != NULL ? request->after->n : 0;
    return RV_OK;
}

/* By row id where the bounds are, and where all rows are wanted and row ids stay what they are meanwhile. */
static bool reads_by_rowid(const scan *s, const rv_scan_request *request)
{
    const rv_physical *physical = &request->info->physical;
    if (request->bounds.kind != RV_BOUNDS_ALL || request->bounds.n_ranges > 0)
        return request->bounds.kind == RV_BOUNDS_PHYSICAL;
    return physical->available && (!physical->needs_snapshot || s->session->in_transaction);
}

/* The outermost chunks are open-ended, so that rows which came between describing and the snapshot are
 * read too. */
static void set_bounds(scan *s, const rv_scan_request *request)
{
    const rv_physical *physical = &request->info->physical;
    s->next = INT64_MIN;
    s->last = INT64_MAX;
    if (request->bounds.kind != RV_BOUNDS_PHYSICAL)
        return;
    s->exhausted = request->bounds.first > request->bounds.last;
    if (request->bounds.first != physical->first)
        s->next = request->bounds.first;
    if (request->bounds.last != physical->last)
        s->last = request->bounds.last;
}

/* Values far above the limit are refused by SQLite before it fetches them. Not for queries: there the
 * limit would also bind whole rows that are sorted. */
static void limit_values(const scan *s)
{
    uint64_t most = s->max_value_bytes;
    if (most == 0 || s->by_position || most > INT_MAX / NAMED_VALUE_FACTOR)
        return;
    most *= NAMED_VALUE_FACTOR;
    sqlite3_limit(s->session->db, SQLITE_LIMIT_LENGTH,
                  (int)(most > NAMED_VALUE_MIN_BYTES ? most : NAMED_VALUE_MIN_BYTES));
}

rv_code rvi_sqlite_scan_open(rv_scan **out, rv_source *src, const rv_scan_request *request, rv_error *err)
{
    if (request->bounds.leaf_table != NULL)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "a SQLite table has no leaves");
    RV_AUTO(scan_free) scan *s = calloc(1, sizeof *s);
    if (s == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "opening a scan");
    s->base.unit = "row";
    s->session = (rvi_sqlite *)src;
    s->schema = request->schema;
    s->scratch = RV_BYTES_INIT(SCRATCH_MAX_BYTES);
    s->max_value_bytes = request->max_value_bytes;
    s->by_position = request->relation->kind == RV_RELATION_QUERY;
    s->by_rowid = reads_by_rowid(s, request);
    RV_TRY(set_key(s, request, err));
    set_bounds(s, request);
    s->cells = calloc((size_t)request->schema->n_fields, sizeof *s->cells);
    if (s->cells == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "opening a scan");
    rvi_sqlite_start(s->session);
    RV_TRY(prepare_statements(s, request, err));
    limit_values(s);
    *out = &s->base;
    s = NULL;
    return RV_OK;
}

static int column_of(const scan *s, int field)
{
    return s->by_position ? s->schema->fields[field].ordinal - 1 : field;
}

/* SQLite prepares a statement anew when the schema changed before its first step; then * may mean other
 * columns. */
static rv_code check_columns(scan *s, rv_error *err)
{
    if (!s->by_position || s->checked)
        return RV_OK;
    int n = sqlite3_column_count(s->stmt);
    for (int i = 0; i < s->schema->n_fields; i++) {
        int column = column_of(s, i);
        const char *name = column < n ? sqlite3_column_name(s->stmt, column) : NULL;
        if (name == NULL || strcmp(name, s->schema->fields[i].name) != 0)
            return rv_fail(err, RV_E_SOURCE_QUERY,
                           "column %d of the query is no longer '%s': the schema changed", column + 1,
                           s->schema->fields[i].name);
    }
    s->checked = true;
    return RV_OK;
}

/* Append to `name` what `=value` of a key column shows, as far as it fits. */
static size_t name_by_key(const scan *s, int field, char *name, size_t n, size_t size)
{
    const char *separator = n > 0 ? ", " : "";
    int put = snprintf(name + n, size - n, "%s%s=", separator, s->schema->fields[field].name);
    if (put < 0 || (size_t)put >= size - n)
        return size - 1;
    n += (size_t)put;
    n += rvi_sqlite_show(&s->cells[field], name + n, size - n - 1);
    name[n] = '\0';
    return n;
}

/* Which row a message is about: its row id, its key, or its place in the stream. */
static void name_row(const scan *s, int64_t rows_of_page, char name[ROW_NAME_BYTES])
{
    size_t n = 0;
    if (s->by_rowid) {
        snprintf(name, ROW_NAME_BYTES, "rowid=%" PRId64, s->rowid);
        return;
    }
    for (int i = 0; i < s->schema->n_fields && n + 8 < ROW_NAME_BYTES; i++)
        if (s->schema->fields[i].is_key)
            n = name_by_key(s, i, name, n, ROW_NAME_BYTES);
    if (n == 0)
        snprintf(name, ROW_NAME_BYTES, "number %" PRId64, s->rows_before + rows_of_page + 1);
}

static rv_code check_size(const scan *s, int field, rv_error *err)
{
    const rvi_sqlite_cell *cell = &s->cells[field];
    if (s->max_value_bytes == 0 || cell->len <= s->max_value_bytes)
        return RV_OK;
    rv_fail(err, RV_E_VALUE_TOO_LARGE, "column '%s': a value of %zu bytes; the limit is %" PRIu64 " bytes",
            s->schema->fields[field].name, cell->len, s->max_value_bytes);
    rv_hint(err, "raise tuning.max_value_mb, or leave the column out with a query");
    return RV_E_VALUE_TOO_LARGE;
}

/* All cells of the row, once, before anything is appended: the page may have to end before this row. */
static rv_code fetch_row(scan *s, rv_error *err)
{
    size_t weight = 0;
    RV_TRY(check_columns(s, err));
    for (int i = 0; i < s->schema->n_fields; i++) {
        RV_TRY(rvi_sqlite_fetch(s->session, s->stmt, column_of(s, i), &s->cells[i], err));
        weight += rvi_sqlite_weight(&s->cells[i], &s->schema->fields[i]);
    }
    if (s->by_rowid)
        s->rowid = sqlite3_column_int64(s->stmt, s->schema->n_fields);
    int first_of_key = s->key != NULL ? sqlite3_column_count(s->stmt) - s->key->n_columns : 0;
    for (int i = 0; s->key != NULL && i < s->key->n_columns; i++)
        RV_TRY(rvi_sqlite_fetch(s->session, s->stmt, first_of_key + i, &s->key_cells[i], err));
    s->row_weight = weight;
    return RV_OK;
}

/* Of a row that was appended, before the statement moves on. */
static rv_code keep_place(scan *s, rv_error *err)
{
    s->delivered = s->rowid;
    for (int i = 0; s->key != NULL && i < s->key->n_columns; i++) {
        if (s->key_cells[i].storage_class == SQLITE_NULL)
            return rv_fail(err, RV_E_VALUE_MALFORMED, "column '%s' of the key holds a NULL",
                           s->key->columns[i]);
        RV_TRY(rvi_sqlite_value_set(&s->page_end[i], &s->key_cells[i], err));
    }
    return RV_OK;
}

static rv_code append_row(scan *s, rv_batch *out, rv_error *err)
{
    RV_TRY(rv_batch_begin_row(out, err));
    for (int i = 0; i < s->schema->n_fields; i++) {
        RV_TRY(check_size(s, i, err));
        RV_TRY(rvi_sqlite_append(&s->cells[i], &out->columns[i], &s->schema->fields[i], &s->scratch, err));
    }
    rv_batch_end_row(out);
    return RV_OK;
}

/* Step to the next row unless one is waiting. *found: the statement stands on a row that is not delivered. */
static rv_code next_row(scan *s, const rv_batch *out, bool *found, rv_error *err)
{
    *found = true;
    if (s->row_waiting)
        return RV_OK;
    rv_code rc = rvi_sqlite_step(s->session, s->stmt, found, "reading a page", err);
    if (rc == RV_E_VALUE_TOO_LARGE) {
        rv_hint(err, "raise tuning.max_value_mb, or leave the large column out with a query");
        if (s->by_rowid && out->rows > 0)
            return rv_wrap(err, rc, "the row after rowid=%" PRId64, s->delivered);
        return rv_wrap(err, rc, "row number %" PRId64, s->rows_before + out->rows + 1);
    }
    RV_TRY(rc);
    if (!*found)
        return RV_OK;
    RV_TRY(fetch_row(s, err));
    s->row_waiting = true;
    return RV_OK;
}

/* Up to `most` rows, but none that would make the page larger than max_bytes, unless it is the only one. */
static rv_code read_rows(scan *s, int64_t most, size_t max_bytes, rv_batch *out, size_t *bytes, rv_error *err)
{
    bool found = true;
    while (out->rows < most) {
        RV_TRY(next_row(s, out, &found, err));
        if (!found) {
            s->exhausted = true;
            return RV_OK;
        }
        if (out->rows > 0 && *bytes + s->row_weight > max_bytes)
            return RV_OK;
        rv_code rc = append_row(s, out, err);
        if (rc != RV_OK) {
            char name[ROW_NAME_BYTES];
            name_row(s, out->rows, name);
            return rv_wrap(err, rc, "row %s", name);
        }
        RV_TRY(keep_place(s, err));
        *bytes += s->row_weight;
        s->row_waiting = false;
    }
    return RV_OK;
}

static rv_code bind_page(scan *s, int64_t most, rv_error *err)
{
    const int64_t values[] = {s->next, s->last, most};
    int result = SQLITE_OK;
    for (int i = 0; result == SQLITE_OK && i < 3; i++)
        result = sqlite3_bind_int64(s->stmt, s->first_parameter + i, values[i]);
    return result == SQLITE_OK ? RV_OK : rvi_sqlite_fail(s->session, result, "preparing a page", err);
}

static rv_code page_by_rowid(scan *s, int64_t most, size_t max_bytes, rv_batch *out, size_t *bytes,
                             rv_error *err)
{
    RV_TRY(bind_page(s, most, err));
    rv_code rc = read_rows(s, most, max_bytes, out, bytes, err);
    s->row_waiting = false; /* a row that was stepped to and not delivered is asked for again */
    sqlite3_reset(s->stmt); /* repeats the result of the last step, which has been seen */
    if (rc != RV_OK || out->rows == 0)
        return rc;
    if (s->delivered >= s->last)
        s->exhausted = true;
    else
        s->next = s->delivered + 1;
    return RV_OK;
}

/* The page is whole: the next one begins after it. */
static void move_on(scan *s)
{
    for (int i = 0; i < s->key->n_columns; i++) {
        rvi_sqlite_value passed = s->at[i];
        s->at[i] = s->page_end[i];
        s->page_end[i] = passed;
    }
    s->n_at = s->key->n_columns;
    if (s->resume == NULL)
        return;
    sqlite3_finalize(s->stmt);
    s->stmt = s->resume;
    s->resume = NULL;
}

static rv_code page_by_key(scan *s, int64_t most, size_t max_bytes, rv_batch *out, size_t *bytes,
                           rv_error *err)
{
    for (int i = 0; i < s->n_at; i++)
        RV_TRY(rvi_sqlite_value_bind(s->session, s->stmt, s->first_parameter + i, &s->at[i].cell, err));
    int result = sqlite3_bind_int64(s->stmt, s->first_parameter + s->n_at, most);
    if (result != SQLITE_OK)
        return rvi_sqlite_fail(s->session, result, "preparing a page", err);
    rv_code rc = read_rows(s, most, max_bytes, out, bytes, err);
    s->row_waiting = false; /* as by row id */
    sqlite3_reset(s->stmt);
    if (rc == RV_OK && out->rows > 0)
        move_on(s);
    return rc;
}

static rv_code page_of_stream(scan *s, int64_t most, size_t max_bytes, rv_batch *out, size_t *bytes,
                              rv_error *err)
{
    if (s->broken)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "a stream cannot go on after it failed");
    rv_code rc = read_rows(s, most, max_bytes, out, bytes, err);
    if (rc == RV_OK)
        return RV_OK;
    s->broken = true;
    if (err != NULL && (err->retry == RV_RETRY_SMALLER || err->retry == RV_RETRY_SAME))
        err->retry = RV_RETRY_NEVER; /* rows that this page has stepped over cannot be had again */
    return rc;
}

rv_code rvi_sqlite_scan_next(rv_scan *base, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                             rv_error *err)
{
    scan *s = (scan *)base;
    int64_t started_us = rvi_sqlite_start(s->session);
    int64_t most = rv_page_rows(limits);
    size_t max_bytes = limits->max_bytes > 0 ? limits->max_bytes : SIZE_MAX, bytes = 0;
    if (!s->exhausted && s->by_rowid)
        RV_TRY(page_by_rowid(s, most, max_bytes, out, &bytes, err));
    else if (!s->exhausted && s->key != NULL)
        RV_TRY(page_by_key(s, most, max_bytes, out, &bytes, err));
    else if (!s->exhausted)
        RV_TRY(page_of_stream(s, most, max_bytes, out, &bytes, err));
    s->rows_before += out->rows;
    const rv_clock *clock = rv_clock_system();
    *page = (rv_page){
        .units = out->rows,
        .statement_us = clock->mono_us(clock) - started_us,
        .wire_bytes = bytes,
        .end = s->exhausted,
    };
    return RV_OK;
}

rv_code rvi_sqlite_scan_position(rv_scan *base, rv_arena *arena, rv_key_value *out, rv_error *err)
{
    const scan *s = (const scan *)base;
    rv_key_value place = {0};
    if (s->key != NULL && s->rows_before > 0)
        place.n = s->key->n_columns;
    for (int i = 0; i < place.n; i++)
        RV_TRY(rvi_sqlite_value_text(&s->at[i].cell, s->declared[i], arena, &place.cells[i], err));
    *out = place;
    return RV_OK;
}

void rvi_sqlite_scan_close(rv_scan *base)
{
    scan_free((scan *)base);
}
