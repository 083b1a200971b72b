/* scan.c - one scan: its SQL, and how it is opened and closed. Its pages are in stream.c and keyset.c.
 *
 * How a column arrives was decided when the relation was described. A prepared statement says how its columns arrive
 * now, before any row is read: a table that was altered meanwhile is an error, never a value read as something else.
 * The server prepares a statement again by itself after an ALTER; statement.c looks for that with every page. */
#include "scan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SCAN_ARENA_BYTES = 64 << 20 };

/* ---- SQL ---- */

/* `cast` with the column in the place of its %s. */
static rv_code append_cast(const rvi_my_scan *scan, const char *cast, const char *name, rv_bytes *sql,
                           rv_error *err)
{
    const char *at = cast != NULL ? strstr(cast, "%s") : NULL;
    if (at == NULL)
        return rvi_my_append_column(&scan->from, sql, name, err);
    RV_TRY(rv_bytes_append(sql, cast, (size_t)(at - cast), err));
    RV_TRY(rvi_my_append_column(&scan->from, sql, name, err));
    return rv_bytes_append_str(sql, at + 2, err);
}

static rv_code make_select(rvi_my_scan *scan, rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
    const rv_schema *schema = scan->request.schema;
    for (int i = 0; i < schema->n_fields; i++) {
        RV_TRY(rv_bytes_append_str(&sql, i > 0 ? ", " : "SELECT ", err));
        RV_TRY(append_cast(scan, scan->types[i].cast, schema->fields[i].name, &sql, err));
    }
    if (scan->request.bounds.kind == RV_BOUNDS_KEY)
        RV_TRY(rvi_my_keyset_prepare(scan, &sql, err));
    RV_TRY(rv_bytes_append_str(&sql, " FROM ", err));
    RV_TRY(rvi_my_append_from(&scan->from, &sql, err));
    RV_TRY(rv_bytes_append_str(&sql, " WHERE TRUE", err));
    scan->select = rv_arena_strndup(scan->arena, (const char *)sql.data, sql.len);
    return scan->select != NULL ? RV_OK : rv_fail(err, RV_E_OUT_OF_MEMORY, "the SQL of a scan");
}

rv_code rvi_my_append_ranges(const rvi_my_scan *scan, rvi_my_query *query, rv_error *err)
{
    const rv_bounds *bounds = &scan->request.bounds;
    for (int i = 0; i < bounds->n_ranges; i++) {
        const rv_range *range = bounds->ranges[i];
        /* The range's start is the beginning of the scan's own order: what comes after a row of it lies behind. */
        bool behind =
            scan->keyset.delivered && range->fallback == NULL && rv_key_begins_with(bounds->key, range->key);
        RV_TRY(rvi_my_append_range(&scan->from, query, &scan->operands[i], range,
                                   behind ? RVI_SQL_WITHOUT_START : RVI_SQL_WITH_START, err));
    }
    return RV_OK;
}

/* ---- opening ---- */

rv_code rvi_my_check_shape(const rvi_my_scan *scan, const rvi_my_statement *statement, rv_error *err)
{
    int n = 0;
    const rv_schema *schema = scan->request.schema;
    const MYSQL_FIELD *now = rvi_my_statement_fields(statement, &n);
    if (n < schema->n_fields)
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "the server describes %d columns instead of %d", n,
                       schema->n_fields);
    for (int i = 0; i < schema->n_fields; i++) {
        if (rvi_my_type_arrives(&scan->types[i], &now[i]))
            continue;
        rv_code rc =
            rv_fail(err, RV_E_SOURCE_QUERY, "column '%s' has another type than the %s it was described as",
                    schema->fields[i].name, schema->fields[i].native_type);
        rv_hint(err, "run again: the table was altered meanwhile");
        return rc;
    }
    return RV_OK;
}

static rv_code bind_columns(rvi_my_scan *scan, rv_error *err)
{
    const rv_schema *schema = scan->request.schema;
    scan->types = rv_arena_alloc(scan->arena, (size_t)schema->n_fields, sizeof *scan->types);
    if (scan->types == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "the columns of a scan");
    for (int i = 0; i < schema->n_fields; i++)
        scan->types[i] = rvi_my_field_type(&schema->fields[i]);
    RV_TRY(rvi_my_bind_operands(&scan->from, scan->operands, scan->n_operands, scan->arena, err));
    RV_TRY(
        rvi_my_rows_init(&scan->rows, scan->arena, schema, scan->types, scan->request.max_value_bytes, err));
    return make_select(scan, err);
}

/* What the request's ranges and key are compared with. */
static rv_code take_operands(rvi_my_scan *scan, rv_error *err)
{
    const rv_bounds *bounds = &scan->request.bounds;
    const rv_key_value *after = scan->request.after;
    for (int i = 0; i < bounds->n_ranges; i++)
        scan->operands[scan->n_operands++] =
            (rvi_my_operand){.key = bounds->ranges[i]->key, .fallback = bounds->ranges[i]->fallback};
    if (bounds->kind != RV_BOUNDS_KEY)
        return RV_OK;
    if (after != NULL && after->n != 0 && after->n != bounds->key->n_columns)
        return rv_fail(err, RV_E_INTERNAL, "a scan is to go on after %d values of a key of %d columns",
                       after->n, bounds->key->n_columns);
    scan->operands[scan->n_operands++] = (rvi_my_operand){.key = bounds->key};
    return RV_OK;
}

static rv_code open_scan(rvi_my_scan *scan, rv_error *err)
{
    RV_TRY(take_operands(scan, err));
    RV_TRY(bind_columns(scan, err));
    switch (scan->request.bounds.kind) {
    case RV_BOUNDS_ALL:
        return rvi_my_stream_open(scan, err);
    case RV_BOUNDS_KEY:
        return rvi_my_keyset_open(scan, err);
    case RV_BOUNDS_PHYSICAL:
        break;
    }
    return rv_fail(err, RV_E_INTERNAL, "a scan of a kind that MySQL does not have");
}

rv_code rvi_my_scan_open(rv_scan **out, rv_source *source, const rv_scan_request *request, rv_error *err)
{
    rvi_my *my = (rvi_my *)source;
    const rv_bounds *bounds = &request->bounds;
    assert(my->begun && request->schema->n_fields > 0 && bounds->n_ranges <= RV_MAX_RANGES);
    rvi_my_scan *scan = calloc(1, sizeof *scan);
    if (scan == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "a scan");
    scan->base.source = source;
    scan->my = my;
    scan->request = *request;
    scan->from = (rvi_my_from){
        .my = my, .relation = request->relation, .info = request->info, .partition = bounds->leaf_table};
    rvi_my_keyset_init(&scan->keyset);
    rvi_my_query_init(&scan->stream.query);
    rv_code rc = rv_arena_new(&scan->arena, SCAN_ARENA_BYTES, err);
    if (rc == RV_OK && my->pooled && !my->snapshot)
        rc = rvi_my_txn_renew(my, err);
    if (rc == RV_OK)
        rc = open_scan(scan, err);
    if (rc != RV_OK) {
        rvi_my_scan_close(&scan->base);
        return rc;
    }
    *out = &scan->base;
    return RV_OK;
}

void rvi_my_scan_close(rv_scan *base)
{
    rvi_my_scan *scan = (rvi_my_scan *)base;
    if (scan == NULL)
        return;
    rvi_my_stream_close(scan);
    rvi_my_keyset_close(scan);
    rv_arena_free(scan->arena);
    free(scan);
}

/* ---- pages ---- */

rv_code rvi_my_scan_next(rv_scan *base, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                         rv_error *err)
{
    rvi_my_scan *scan = (rvi_my_scan *)base;
    return scan->request.bounds.kind == RV_BOUNDS_KEY ? rvi_my_keyset_next(scan, limits, out, page, err)
                                                      : rvi_my_stream_next(scan, limits, out, page, err);
}
