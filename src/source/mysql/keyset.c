/* keyset.c - pages along a key, each strictly after the last row of the one before.
 *
 *   SELECT … FROM t AS _rivet FORCE INDEX (k) WHERE TRUE AND (a > ? OR (a = ? AND b > ?)) AND <ranges>
 *   ORDER BY a, b LIMIT ?
 *
 * The server alone decides what the order is. The last row's key comes back as bytes, from the row's own cells where
 * those tell it exactly, else from columns that only this file sees, and goes into the next page as parameters. The
 * statement is prepared once for all pages of one form: the first page has no place to begin after, and the places of
 * an ENUM are part of the text (see where.c).
 *
 * Without FORCE INDEX the server may find it cheaper to collect all rows of a range and to sort them, for every page. */
#include "scan.h"

#include <inttypes.h>
#include <string.h>

void rvi_my_keyset_init(rvi_my_keyset *keyset)
{
    rvi_sql_place_init(&keyset->after, RVI_MY_KEY_CELL_BYTES);
    rvi_sql_last_key_init(&keyset->last, RVI_MY_SQL_BYTES);
    rvi_my_query_init(&keyset->query);
    keyset->prepared = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
}

static const rvi_my_operand *key_of(const rvi_my_scan *scan)
{
    return &scan->operands[scan->n_operands - 1];
}

/* ---- opening ---- */

/* Which cell of a row tells key column i: one of the schema's fields, else a further one that is added. */
static rv_code find_cell(rvi_my_scan *scan, int i, rv_bytes *columns, rv_error *err)
{
    const rv_schema *schema = scan->request.schema;
    const rvi_my_operand *key = key_of(scan);
    rvi_sql_last_key *last = &scan->keyset.last;
    const char *name = key->key->columns[i];
    rvi_my_wire wire = RVI_MY_WIRE_TEXT;
    bool as_it_is = rvi_my_key_cast(&key->types[i], &wire) == NULL;
    for (int f = 0; as_it_is && f < schema->n_fields; f++)
        if (strcmp(schema->fields[f].name, name) == 0) {
            last->cell[i] = f;
            return RV_OK;
        }
    last->cell[i] = scan->rows.base.n_cells++;
    if (as_it_is)
        wire = rvi_my_field_type(rv_schema_field(&scan->request.info->schema, name)).wire;
    RV_TRY(rv_bytes_append_str(columns, ", ", err));
    RV_TRY(rvi_my_append_cell(&scan->from, columns, key, i, &wire, err));
    scan->rows.wires[last->cell[i]] = wire;
    return RV_OK;
}

rv_code rvi_my_keyset_prepare(rvi_my_scan *scan, rv_bytes *columns, rv_error *err)
{
    rvi_my_keyset *keyset = &scan->keyset;
    const rv_bounds *bounds = &scan->request.bounds;
    keyset->last.n = bounds->key->n_columns;
    scan->from.index =
        rvi_my_index_to_force(scan->request.info, bounds->key, bounds->ranges, bounds->n_ranges);
    for (int i = 0; i < keyset->last.n; i++)
        RV_TRY(find_cell(scan, i, columns, err));
    scan->rows.base.last_key = &keyset->last;
    return RV_OK;
}

rv_code rvi_my_keyset_open(rvi_my_scan *scan, rv_error *err)
{
    scan->base.unit = "row";
    if (scan->request.after != NULL)
        RV_TRY(rvi_sql_place_set(&scan->keyset.after, scan->request.after, err));
    return RV_OK;
}

void rvi_my_keyset_close(rvi_my_scan *scan)
{
    rvi_my_keyset *keyset = &scan->keyset;
    rvi_my_statement_close(keyset->statement);
    keyset->statement = NULL;
    rvi_sql_place_deinit(&keyset->after);
    rvi_sql_last_key_deinit(&keyset->last);
    rvi_my_query_deinit(&keyset->query);
    rv_bytes_deinit(&keyset->prepared);
}

/* ---- a page ---- */

static rv_code append_after(rvi_my_scan *scan, rv_error *err)
{
    rvi_my_keyset *keyset = &scan->keyset;
    rv_key_value after = {0};
    RV_TRY(rvi_sql_place_value(&keyset->after, &after, err));
    if (after.n == 0)
        return RV_OK;
    RV_TRY(rv_bytes_append_str(&keyset->query.sql, " AND ", err));
    return rvi_my_append_side(&scan->from, &keyset->query, key_of(scan), RVI_SQL_AFTER, &after, err);
}

static rv_code page_query(rvi_my_scan *scan, int64_t n, rv_error *err)
{
    rvi_my_query *query = &scan->keyset.query;
    rvi_my_query_clear(query);
    RV_TRY(rv_bytes_append_str(&query->sql, scan->select, err));
    RV_TRY(append_after(scan, err));
    RV_TRY(rvi_my_append_ranges(scan, query, err));
    RV_TRY(rv_bytes_append_str(&query->sql, " ORDER BY ", err));
    RV_TRY(rvi_my_append_order(&scan->from, &query->sql, key_of(scan), RVI_SQL_FORWARDS, err));
    RV_TRY(rv_bytes_append_str(&query->sql, " LIMIT ", err));
    return rvi_my_append_number(query, n, err);
}

static bool is_prepared(const rvi_my_keyset *keyset)
{
    const rv_bytes *sql = &keyset->query.sql;
    return keyset->statement != NULL && keyset->prepared.len == sql->len &&
           memcmp(keyset->prepared.data, sql->data, sql->len) == 0;
}

/* The columns that were added come in a form that only the server's description tells: of a CAST AS UNSIGNED MariaDB
 * makes an INT where the value is short. */
static rv_code take_wires(rvi_my_scan *scan, rv_error *err)
{
    int n = 0;
    const rvi_sql_last_key *last = &scan->keyset.last;
    const MYSQL_FIELD *fields = rvi_my_statement_fields(scan->keyset.statement, &n);
    if (n != scan->rows.base.n_cells)
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "the server describes %d columns instead of %d", n,
                       scan->rows.base.n_cells);
    for (int i = 0; i < last->n; i++) {
        rvi_my_type type;
        if (last->cell[i] < scan->request.schema->n_fields)
            continue;
        rvi_my_result_type(&fields[last->cell[i]], &type);
        scan->rows.wires[last->cell[i]] = type.wire;
    }
    return RV_OK;
}

static rv_code prepare_page(rvi_my_scan *scan, const char *sql, rv_error *err)
{
    rvi_my_keyset *keyset = &scan->keyset;
    if (is_prepared(keyset))
        return RV_OK;
    rvi_my_statement_close(keyset->statement);
    keyset->statement = NULL;
    rv_bytes_clear(&keyset->prepared);
    RV_TRY(rvi_my_prepare(scan->my, sql, &keyset->statement, err));
    RV_TRY(rv_bytes_append(&keyset->prepared, keyset->query.sql.data, keyset->query.sql.len, err));
    RV_TRY(rvi_my_check_shape(scan, keyset->statement, err));
    return take_wires(scan, err);
}

/* One statement for at most n rows; the scan stands after them, or where it stood. */
static rv_code read_rows(rvi_my_scan *scan, int64_t n, size_t max_bytes, rv_batch *out, rv_page *page,
                         rv_error *err)
{
    rvi_my_keyset *keyset = &scan->keyset;
    const char *sql = NULL;
    bool end = false;
    RV_TRY(page_query(scan, n, err));
    RV_TRY(rvi_my_query_finish(&keyset->query, &sql, err));
    RV_TRY(prepare_page(scan, sql, err));
    rvi_sql_rows_start(&scan->rows.base, out, max_bytes);
    scan->rows.asked = n;
    RV_TRY(rvi_my_execute(keyset->statement, keyset->query.params, keyset->query.n_params, &scan->rows, 0,
                          rvi_my_statement_deadline(scan->my), page, &end, err));
    if (out->rows > n)
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "the server sends more rows than it was asked for");
    if (out->rows == 0)
        return RV_OK;
    RV_TRY(rvi_my_place_advance(&keyset->after, &scan->rows, key_of(scan)->types, err));
    rvi_sql_last_key_hand_on(&keyset->last);
    keyset->delivered = true;
    return RV_OK;
}

/* What is left of a page is at most a page: reading it away costs less than a second connection to stop it with. */
static void give_up(rvi_my_scan *scan, rv_code rc)
{
    if (rc == RV_E_LIMIT_EXCEEDED && scan->keyset.statement != NULL)
        (void)!rvi_my_statement_drain(scan->keyset.statement, rvi_my_statement_deadline(scan->my), NULL);
}

/* Nothing has kept the table as it is between two pages. */
static rv_code check_order(rvi_my_scan *scan, rv_error *err)
{
    return rvi_my_check_operands(&scan->from, scan->operands, scan->n_operands, err);
}

rv_code rvi_my_keyset_next(rvi_my_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                           rv_error *err)
{
    int64_t n = rv_page_rows(limits);
    rv_code rc = read_rows(scan, n, n == 1 ? SIZE_MAX : limits->max_bytes, out, page, err);
    if (rc != RV_OK) {
        give_up(scan, rc);
        return rc;
    }
    page->units = out->rows;
    page->end = out->rows < n;
    return page->end && !scan->my->snapshot ? check_order(scan, err) : RV_OK;
}

rv_code rvi_my_scan_position(rv_scan *base, rv_arena *arena, rv_key_value *out, rv_error *err)
{
    rvi_my_scan *scan = (rvi_my_scan *)base;
    rv_key_value position = {0};
    if (scan->keyset.delivered)
        RV_TRY(rvi_sql_place_value(&scan->keyset.after, &position, err));
    return rv_key_value_copy(out, &position, arena, err);
}
