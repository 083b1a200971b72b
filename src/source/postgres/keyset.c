/* keyset.c - pages along a key, each strictly after the last row of the one before.
 *
 *   COPY (SELECT … WHERE <ranges> AND (a, b) > ('17'::int8, 'x'::text) ORDER BY a, b LIMIT n) TO STDOUT
 *
 * The server alone decides what the order is. The last row's key comes back as the server's own text, from the row's
 * own cells where those tell it exactly, else from columns that only this file sees, and goes into the next page as a
 * literal of the column's type.
 *
 * Columns that sort in different directions have no row comparison. Such a key is read in groups: first the rows that
 * share all but the last value of the place, then those that share fewer, so that every page still begins where an
 * index can descend to and no page passes over rows that were read before.
 *
 * With a snapshot a page is a savepoint of its transaction. Without one it is a transaction of its own, sent in one
 * go, and a SELECT without rows before the COPY shows whether the columns still are what they were: it holds the
 * table's lock until the page is read, so no ALTER comes between. */
#include "scan.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* Beginning at a key and stopping after n rows is what the index is there for; a plan that collects more rows than
 * that and sorts them reads the same rows again for every page. */
static const char settings_on[] = "SET LOCAL enable_seqscan = off;SET LOCAL enable_bitmapscan = off;"
                                  "SET LOCAL enable_sort = off;";
static const char settings_off[] =
    "SET LOCAL enable_seqscan TO DEFAULT;SET LOCAL enable_bitmapscan TO DEFAULT;"
    "SET LOCAL enable_sort TO DEFAULT";

void rvi_pg_keyset_init(rvi_pg_keyset *keyset)
{
    rvi_sql_place_init(&keyset->after, RVI_PG_KEY_CELL_BYTES);
    rvi_sql_last_key_init(&keyset->last, RVI_PG_SQL_BYTES);
}

static const rvi_pg_operand *key_of(const rvi_pg_scan *scan)
{
    return &scan->operands[scan->n_operands - 1];
}

/* ---- opening ---- */

/* Which cell of a row tells key column i: one of the schema's fields, else a further one that is added. */
static rv_code find_cell(rvi_pg_scan *scan, const rvi_pg_type *types, int i, rv_bytes *columns, rv_error *err)
{
    const rv_schema *schema = scan->request.schema;
    rvi_pg_keyset *keyset = &scan->keyset;
    const char *name = scan->request.bounds.key->columns[i];
    for (int f = 0; f < schema->n_fields; f++)
        if (strcmp(schema->fields[f].name, name) == 0 && rvi_pg_key_form_of(&types[f], &keyset->forms[i])) {
            keyset->last.cell[i] = f;
            return RV_OK;
        }
    keyset->last.cell[i] = scan->rows.n_cells++;
    keyset->forms[i] = RVI_PG_KEY_TEXT;
    RV_TRY(rv_bytes_append_str(columns, ", ", err));
    RV_TRY(rvi_pg_append_column(&scan->from, columns, name, err));
    return rv_bytes_append_str(columns, rvi_pg_cast_suffix(RVI_PG_CAST_TEXT), err);
}

rv_code rvi_pg_keyset_prepare(rvi_pg_scan *scan, const rvi_pg_type *types, rv_bytes *columns, rv_error *err)
{
    rvi_pg_keyset *keyset = &scan->keyset;
    keyset->last.n = scan->request.bounds.key->n_columns;
    for (int i = 0; i < keyset->last.n; i++)
        RV_TRY(find_cell(scan, types, i, columns, err));
    scan->rows.last_key = &keyset->last;
    return RV_OK;
}

static bool leads_alike(const rv_key *a, const rv_key *b)
{
    return strcmp(a->columns[0], b->columns[0]) == 0;
}

/* A range over another column may be better served by another index and a sort: then the server decides. */
static bool is_along_index(const rvi_pg_scan *scan)
{
    const rv_bounds *bounds = &scan->request.bounds;
    const rv_relation_info *info = scan->request.info;
    bool indexed = false;
    for (int i = 0; i < info->n_indexes; i++)
        indexed = indexed || leads_alike(&info->indexes[i].key, bounds->key);
    for (int i = 0; i < bounds->n_ranges; i++)
        indexed = indexed && leads_alike(bounds->ranges[i]->key, bounds->key);
    return indexed;
}

/* How many first values of the place the next page keeps. */
static int first_group(const rvi_pg_scan *scan)
{
    const rv_key *key = scan->request.bounds.key;
    bool mixed = !rv_key_sorts_one_way(key, key->n_columns);
    return mixed && scan->keyset.after.n > 0 ? key->n_columns - 1 : 0;
}

rv_code rvi_pg_keyset_open(rvi_pg_scan *scan, rv_error *err)
{
    rvi_pg_keyset *keyset = &scan->keyset;
    scan->base.unit = "row";
    keyset->along_index = is_along_index(scan);
    if (scan->request.after != NULL)
        RV_TRY(rvi_sql_place_set(&keyset->after, scan->request.after, err));
    keyset->n_equal = first_group(scan);
    if (!scan->pg->snapshot)
        rvi_pg_txn_close(scan->pg); /* nothing is held between pages */
    else if (keyset->along_index) {
        RV_TRY(rvi_pg_run(scan->pg, settings_on, rvi_pg_control_deadline(), err));
        keyset->has_settings = true;
    }
    return RV_OK;
}

void rvi_pg_keyset_close(rvi_pg_scan *scan)
{
    rvi_pg_keyset *keyset = &scan->keyset;
    /* A failed or finished transaction has reset them itself. */
    if (keyset->has_settings && scan->pg->conn != NULL &&
        PQtransactionStatus(scan->pg->conn) == PQTRANS_INTRANS)
        (void)!rvi_pg_run(scan->pg, settings_off, rvi_pg_control_deadline(), NULL);
    rvi_sql_place_deinit(&keyset->after);
    rvi_sql_last_key_deinit(&keyset->last);
}

/* ---- a page ---- */

static rv_code append_after(rvi_pg_scan *scan, rv_bytes *sql, rv_error *err)
{
    rvi_pg_keyset *keyset = &scan->keyset;
    rv_key_value after = {0};
    RV_TRY(rvi_sql_place_value(&keyset->after, &after, err));
    if (after.n == 0)
        return RV_OK;
    RV_TRY(rv_bytes_append_str(sql, " AND ", err));
    if (rv_key_sorts_one_way(scan->request.bounds.key, after.n))
        return rvi_pg_append_side(&scan->from, sql, key_of(scan), RVI_SQL_AFTER, &after, err);
    return rvi_pg_append_after_prefix(&scan->from, sql, key_of(scan), &after, keyset->n_equal, err);
}

/* The place comes first: of two row comparisons, which it cannot weigh against each other, an index scan begins at
 * the one that was written first, and would pass over all that lies between a range's start and the place.
 * Spec: nbtutils.c, _bt_preprocess_keys() (keys that cannot be compared); nbtsearch.c, _bt_first(). */
static rv_code append_copy(rvi_pg_scan *scan, int64_t n, rv_bytes *sql, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(sql, "COPY (", err));
    RV_TRY(rv_bytes_append_str(sql, scan->select, err));
    RV_TRY(append_after(scan, sql, err));
    RV_TRY(rvi_pg_append_ranges(scan, sql, err));
    RV_TRY(rv_bytes_append_str(sql, " ORDER BY ", err));
    RV_TRY(rvi_pg_append_order(&scan->from, sql, key_of(scan), RVI_SQL_FORWARDS, err));
    return rv_bytes_printf(sql, err, " LIMIT %" PRId64 ") TO STDOUT (FORMAT binary);", n);
}

static rv_code page_sql(rvi_pg_scan *scan, int64_t n, rv_bytes *sql, rv_error *err)
{
    if (scan->pg->snapshot) {
        RV_TRY(rv_bytes_append_str(sql, "SAVEPOINT _rivet_page;", err));
        RV_TRY(append_copy(scan, n, sql, err));
        return rv_bytes_append_str(sql, "RELEASE SAVEPOINT _rivet_page", err);
    }
    RV_TRY(rvi_pg_append_begin(scan->pg, &scan->pg->options, sql, err));
    if (scan->keyset.along_index)
        RV_TRY(rv_bytes_append_str(sql, settings_on, err));
    RV_TRY(rv_bytes_append_str(sql, scan->probe, err));
    RV_TRY(rv_bytes_append_str(sql, ";", err));
    RV_TRY(append_copy(scan, n, sql, err));
    return rv_bytes_append_str(sql, "COMMIT", err);
}

/* A replica that cancelled the statement because it was in the way of replay will do so again, unless it is
 * shorter. */
static void sharpen(rv_code rc, int64_t n, rv_error *err)
{
    if (err != NULL && rc == RV_E_SOURCE_CONFLICT && strcmp(err->native, "40001") == 0 && n > 1)
        err->retry = RV_RETRY_SMALLER;
}

/* One statement for at most n rows; the scan stands after them, or where it stood. */
static rv_code read_rows(rvi_pg_scan *scan, int64_t n, size_t max_bytes, rv_batch *out, rv_page *page,
                         rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    rvi_pg_keyset *keyset = &scan->keyset;
    rvi_pg_copy_sql statement = {.shape = scan->pg->snapshot ? NULL : &scan->shape,
                                 .filtered = scan->request.bounds.n_ranges > 0 || !keyset->along_index};
    RV_TRY(page_sql(scan, n, &sql, err));
    RV_TRY(rv_bytes_cstr(&sql, &statement.sql, err));
    rvi_sql_rows_start(&scan->rows, out, max_bytes);
    rv_code rc = rvi_pg_read_copy(scan->pg, &statement, &scan->rows, page, err);
    if (rc != RV_OK) {
        rvi_pg_undo_page(scan->pg, rc);
        sharpen(rc, n, err);
        return rc;
    }
    if (out->rows == 0)
        return RV_OK;
    RV_TRY(rvi_pg_place_advance(&keyset->after, &keyset->last, keyset->forms, err));
    rvi_sql_last_key_hand_on(&keyset->last);
    keyset->delivered = true;
    return RV_OK;
}

rv_code rvi_pg_keyset_next(rvi_pg_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                           rv_error *err)
{
    rvi_pg_keyset *keyset = &scan->keyset;
    int64_t n = rv_page_rows(limits);
    while (out->rows == 0 && !page->end) {
        RV_TRY(read_rows(scan, n, n == 1 ? SIZE_MAX : limits->max_bytes, out, page, err));
        if (out->rows >= n)
            keyset->n_equal = first_group(scan);
        else if (keyset->n_equal > 0)
            keyset->n_equal--; /* the group is at its end */
        else
            page->end = true;
    }
    page->units = out->rows;
    return RV_OK;
}

rv_code rvi_pg_scan_position(rv_scan *base, rv_arena *arena, rv_key_value *out, rv_error *err)
{
    rvi_pg_scan *scan = (rvi_pg_scan *)base;
    rv_key_value position = {0};
    if (scan->keyset.delivered)
        RV_TRY(rvi_sql_place_value(&scan->keyset.after, &position, err));
    return rv_key_value_copy(out, &position, arena, err);
}
