/* scan.c - one scan: its SQL, and how it is opened and closed. Its pages are in blocks.c, stream.c and keyset.c.
 *
 * Opening a scan parses its SELECT in a transaction of the run. That takes the table's lock, so no ALTER can come
 * between, and it tells the columns' types as they are now; a column that is no longer what was described is an
 * error, never a value read as something else. Where the transaction ends with the opening, every page looks again.
 *
 * A column's collation is part of what it is where rows are read along it: the place behind which a page begins, and
 * those that cut a table into chunks, are other ones in another order. The protocol does not describe collations, so
 * the SELECT that shows the types has a row that tells of them, in the same statement. To pin the old collation in the
 * page (ORDER BY key COLLATE …) would be as exact, but without an index that fits each page would sort the table. */
#include "scan.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SCAN_ARENA_BYTES = 64 << 20 };

/* ---- SQL ---- */

static rv_code finish_text(rvi_pg_scan *scan, const rv_bytes *sql, const char **out, rv_error *err)
{
    *out = rv_arena_strndup(scan->arena, (const char *)sql->data, sql->len);
    return *out != NULL ? RV_OK : rv_fail(err, RV_E_OUT_OF_MEMORY, "the SQL of a scan");
}

static rv_code append_fields(const rvi_pg_scan *scan, const rvi_pg_type *types, rv_bytes *sql, rv_error *err)
{
    const rv_schema *schema = scan->request.schema;
    for (int i = 0; i < schema->n_fields; i++) {
        RV_TRY(rv_bytes_append_str(sql, i > 0 ? ", " : "SELECT ", err));
        RV_TRY(rvi_pg_append_column(&scan->from, sql, schema->fields[i].name, err));
        RV_TRY(rv_bytes_append_str(sql, types != NULL ? rvi_pg_cast_suffix(types[i].cast) : "", err));
    }
    return RV_OK;
}

/* The columns as they are and the operands' values, of no row at all. */
static rv_code append_values(const rvi_pg_scan *scan, rv_bytes *sql, rv_error *err)
{
    RV_TRY(append_fields(scan, NULL, sql, err));
    for (int i = 0; i < scan->n_operands; i++)
        for (int c = 0; c < scan->operands[i].key->n_columns; c++) {
            RV_TRY(rv_bytes_append_str(sql, ", ", err));
            RV_TRY(rvi_pg_append_value(&scan->from, sql, &scan->operands[i], c, err));
        }
    RV_TRY(rv_bytes_append_str(sql, " FROM ", err));
    RV_TRY(rvi_pg_append_from(&scan->from, sql, err));
    return rv_bytes_append_str(sql, " WHERE false", err);
}

/* Asks by which collation column `at` of _probe sorts, if it is another one than the field's. Names are compared as
 * what they stand for: how they are written depends on the session's search_path. */
static rv_code append_collation(const rvi_pg_scan *scan, rv_bytes *sql, int at, const rv_field *field,
                                rv_error *err)
{
    RV_TRY(rv_bytes_printf(sql, err,
                           ", NULLIF(pg_catalog.pg_collation_for(_probe.v%d)::pg_catalog.regcollation"
                           "::pg_catalog.oid, ",
                           at));
    RV_TRY(rvi_pg_append_literal(scan->pg, sql, field->collation, err));
    return rv_bytes_append_str(sql,
                               "::pg_catalog.regcollation::pg_catalog.oid)::pg_catalog.regcollation"
                               "::pg_catalog.text",
                               err);
}

/* The same for all values that are compared by a collation; the shape learns which those are. */
static rv_code append_collations(rvi_pg_scan *scan, rv_bytes *sql, rv_error *err)
{
    enum { MOST = (1 + RV_MAX_RANGES) * RV_MAX_KEY_COLUMNS };
    const char **sorted = rv_arena_alloc(scan->arena, MOST, sizeof *sorted);
    int at = scan->request.schema->n_fields;
    if (sorted == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "the columns of a scan");
    for (int i = 0; i < scan->n_operands; i++)
        for (int c = 0; c < scan->operands[i].key->n_columns; c++) {
            const char *name = scan->operands[i].key->columns[c];
            const rv_field *field = rv_schema_field(&scan->request.info->schema, name);
            at++;
            if (field == NULL || field->collation == NULL)
                continue;
            RV_TRY(append_collation(scan, sql, at, field, err));
            sorted[scan->shape.n_sorted++] = name;
        }
    scan->shape.sorted = sorted;
    scan->shape.n = at + scan->shape.n_sorted;
    return RV_OK;
}

/* _probe(v1, v2 …): what append_values() makes, beside a row that is always there. */
static rv_code append_beside_row(const rvi_pg_scan *scan, rv_bytes *sql, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(sql, " FROM (SELECT 1) AS _row LEFT JOIN (", err));
    RV_TRY(append_values(scan, sql, err));
    RV_TRY(rv_bytes_append_str(sql, ") AS _probe(", err));
    for (int i = 1; i <= scan->shape.n - scan->shape.n_sorted; i++)
        RV_TRY(rv_bytes_printf(sql, err, "%sv%d", i > 1 ? ", " : "", i));
    return rv_bytes_append_str(sql, ") ON true", err);
}

static rv_code make_probe(rvi_pg_scan *scan, rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    RV_TRY(rv_bytes_append_str(&sql, "SELECT _probe.*", err));
    RV_TRY(append_collations(scan, &sql, err));
    if (scan->shape.n_sorted > 0) {
        RV_TRY(append_beside_row(scan, &sql, err));
    } else {
        rv_bytes_clear(&sql);
        RV_TRY(append_values(scan, &sql, err));
    }
    return finish_text(scan, &sql, &scan->probe, err);
}

static rv_code make_select(rvi_pg_scan *scan, const rvi_pg_type *types, rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    RV_TRY(append_fields(scan, types, &sql, err));
    if (scan->request.bounds.kind == RV_BOUNDS_KEY)
        RV_TRY(rvi_pg_keyset_prepare(scan, types, &sql, err));
    RV_TRY(rv_bytes_append_str(&sql, " FROM ", err));
    RV_TRY(rvi_pg_append_from(&scan->from, &sql, err));
    RV_TRY(rv_bytes_append_str(&sql, " WHERE true", err));
    return finish_text(scan, &sql, &scan->select, err);
}

rv_code rvi_pg_append_ranges(const rvi_pg_scan *scan, rv_bytes *sql, rv_error *err)
{
    const rv_bounds *bounds = &scan->request.bounds;
    for (int i = 0; i < bounds->n_ranges; i++) {
        const rv_range *range = bounds->ranges[i];
        /* The range's start is the beginning of the scan's own order: what comes after a row of it lies behind. */
        bool behind =
            scan->keyset.delivered && range->fallback == NULL && rv_key_begins_with(bounds->key, range->key);
        RV_TRY(rvi_pg_append_range(&scan->from, sql, &scan->operands[i], range,
                                   behind ? RVI_SQL_WITHOUT_START : RVI_SQL_WITH_START, err));
    }
    return RV_OK;
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

/* A result without a row is a description alone. */
static rv_code check_collations(const rvi_pg_shape *shape, const PGresult *probed, rv_error *err)
{
    for (int i = 0; i < shape->n_sorted && PQntuples(probed) > 0; i++) {
        int cell = shape->n - shape->n_sorted + i;
        if (PQgetisnull(probed, 0, cell))
            continue;
        rv_code rc =
            rv_fail(err, RV_E_SOURCE_QUERY,
                    "column '%s', along which rows are read, sorts otherwise now: by the collation %s",
                    shape->sorted[i], PQgetvalue(probed, 0, cell));
        rv_hint(err, "run again: the table was altered meanwhile");
        return rc;
    }
    return RV_OK;
}

rv_code rvi_pg_check_shape(const rvi_pg_shape *shape, const PGresult *described, rv_error *err)
{
    if (PQnfields(described) != shape->n)
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "the server describes %d columns instead of %d",
                       PQnfields(described), shape->n);
    for (int i = 0; i < shape->n; i++) {
        const rvi_pg_type_ref *ref = &shape->refs[i];
        bool is_field = i < shape->schema->n_fields;
        const rv_field *field = is_field ? &shape->schema->fields[i] : NULL;
        /* Only a decimal's modifier changes how its values are read. */
        bool exact = is_field && field->natural.precision > 0;
        if (PQftype(described, i) == ref->oid && (!exact || PQfmod(described, i) == ref->mod))
            continue;
        rv_code rc = rv_fail(err, RV_E_SOURCE_QUERY, "%s has another type since the scan began",
                             is_field ? field->name : "a column of a key or a range");
        rv_hint(err, "run again: the table was altered meanwhile");
        return rc;
    }
    return check_collations(shape, described, err);
}

/* The places that cut the table into chunks are in the order that was described: also within a snapshot, which does
 * not keep the catalog as it was. */
static rv_code check_order(rvi_pg_scan *scan, rv_error *err)
{
    RV_AUTO(PQclear) PGresult *probed = NULL;
    if (scan->shape.n_sorted == 0)
        return RV_OK;
    RV_TRY(rvi_pg_ask(scan->pg, scan->probe, NULL, 0, &probed, err));
    return rvi_pg_check_shape(&scan->shape, probed, err);
}

static rv_code take_shape(rvi_pg_scan *scan, rv_error *err)
{
    RV_AUTO(PQclear) PGresult *described = NULL;
    int n = scan->shape.n;
    RV_TRY(rvi_pg_describe_sql(scan->pg, scan->probe, &described, err));
    if (PQnfields(described) != n)
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "the server describes %d columns instead of %d",
                       PQnfields(described), n);
    rvi_pg_type_ref *refs = rv_arena_alloc(scan->arena, (size_t)n, sizeof *refs);
    if (refs == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "the columns of a scan");
    for (int i = 0; i < n; i++)
        refs[i] = (rvi_pg_type_ref){.oid = PQftype(described, i), .mod = PQfmod(described, i)};
    scan->shape.refs = refs;
    scan->shape.schema = scan->request.schema;
    return check_order(scan, err);
}

/* Look at the types that the columns have now, and fix how each field is read and each literal written. */
static rv_code bind_columns(rvi_pg_scan *scan, rv_error *err)
{
    const rv_schema *schema = scan->request.schema;
    rvi_pg_type *types = rv_arena_alloc(scan->arena, (size_t)schema->n_fields, sizeof *types);
    if (types == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "the columns of a scan");
    RV_TRY(make_probe(scan, err));
    RV_TRY(take_shape(scan, err));
    RV_TRY(rvi_pg_resolve_types(scan->pg, scan->shape.refs, schema->n_fields, types, err));
    for (int i = 0; i < schema->n_fields; i++)
        RV_TRY(choose_form(&schema->fields[i], &types[i], err));
    RV_TRY(rvi_pg_name_operands(&scan->from, scan->operands, scan->n_operands,
                                scan->shape.refs + schema->n_fields, scan->arena, err));
    RV_TRY(rvi_pg_rows_init(&scan->rows, scan->arena, schema, types, scan->request.max_value_bytes, err));
    return make_select(scan, types, err);
}

/* What the request's ranges and key are compared with. */
static rv_code take_operands(rvi_pg_scan *scan, rv_error *err)
{
    const rv_bounds *bounds = &scan->request.bounds;
    const rv_key_value *after = scan->request.after;
    for (int i = 0; i < bounds->n_ranges; i++) {
        RV_TRY(rvi_pg_check_history(&scan->from, bounds->ranges[i], err));
        scan->operands[scan->n_operands++] =
            (rvi_pg_operand){.key = bounds->ranges[i]->key, .fallback = bounds->ranges[i]->fallback};
    }
    if (bounds->kind != RV_BOUNDS_KEY)
        return RV_OK;
    if (after != NULL && after->n != 0 && after->n != bounds->key->n_columns)
        return rv_fail(err, RV_E_INTERNAL, "a scan is to go on after %d values of a key of %d columns",
                       after->n, bounds->key->n_columns);
    scan->operands[scan->n_operands++] = (rvi_pg_operand){.key = bounds->key};
    return RV_OK;
}

static rv_code open_in_transaction(rvi_pg_scan *scan, rv_error *err)
{
    RV_TRY(take_operands(scan, err));
    RV_TRY(bind_columns(scan, err));
    switch (scan->request.bounds.kind) {
    case RV_BOUNDS_ALL:
        return rvi_pg_stream_open(scan, err);
    case RV_BOUNDS_PHYSICAL:
        return rvi_pg_blocks_open(scan, err);
    case RV_BOUNDS_KEY:
        return rvi_pg_keyset_open(scan, err);
    }
    return rv_fail(err, RV_E_INTERNAL, "a scan of an unknown kind");
}

rv_code rvi_pg_scan_open(rv_scan **out, rv_source *source, const rv_scan_request *request, rv_error *err)
{
    rvi_pg *pg = (rvi_pg *)source;
    const rv_bounds *bounds = &request->bounds;
    assert(pg->begun && request->schema->n_fields > 0 && bounds->n_ranges <= RV_MAX_RANGES);
    rvi_pg_scan *scan = calloc(1, sizeof *scan);
    if (scan == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "a scan");
    scan->base.source = source;
    scan->pg = pg;
    scan->request = *request;
    scan->from = (rvi_pg_from){pg, request->relation, request->info, bounds->leaf_schema, bounds->leaf_table};
    rvi_pg_keyset_init(&scan->keyset);
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
    rvi_pg_scan *scan = (rvi_pg_scan *)base;
    if (scan == NULL)
        return;
    rvi_pg_stream_close(scan);
    rvi_pg_keyset_close(scan);
    rvi_pg_txn_close(scan->pg);
    rv_arena_free(scan->arena);
    free(scan);
}

/* ---- pages ---- */

void rvi_pg_undo_page(rvi_pg *pg, rv_code rc)
{
    if (rc == RV_E_CANCELLED || rc == RV_E_SOURCE_LOST || !rvi_pg_abandon_statement(pg))
        return;
    if (!pg->snapshot)
        rvi_pg_txn_close(pg);
    else if (PQtransactionStatus(pg->conn) == PQTRANS_INERROR)
        (void)!rvi_pg_run(pg, "ROLLBACK TO SAVEPOINT _rivet_page;RELEASE SAVEPOINT _rivet_page",
                          rvi_pg_control_deadline(), NULL);
}

rv_code rvi_pg_scan_next(rv_scan *base, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                         rv_error *err)
{
    rvi_pg_scan *scan = (rvi_pg_scan *)base;
    switch (scan->request.bounds.kind) {
    case RV_BOUNDS_ALL:
        return rvi_pg_stream_next(scan, limits, out, page, err);
    case RV_BOUNDS_PHYSICAL:
        return rvi_pg_blocks_next(scan, limits, out, page, err);
    case RV_BOUNDS_KEY:
        return rvi_pg_keyset_next(scan, limits, out, page, err);
    }
    return rv_fail(err, RV_E_INTERNAL, "a scan of an unknown kind");
}
