/* index.c - the indexes that pages and ranges can use.
 *
 * An index counts only as far as ORDER BY its columns, in the plain form that a scan uses, is its own order: a column
 * with another collation or operator class than the column's own, or with NULLs at the unusual end, ends the key that
 * is offered, and what remains of it is no longer complete. */
#include "internal.h"

#include <string.h>

enum { MAX_INDEXES = 16 };

/* One row for each key column, in order. varchar_ops is no default and sorts like text_ops all the same, hence the
 * question is whether the operator class belongs to a family with a default one for its type. A constraint that is
 * deferrable lets rows be equal for a while. indoption: bit 0 descending, bit 1 NULLS FIRST; 0 and 3 are the plain
 * forms. Statistics are shown to who may read the column. Spec: catalogs.sgml, pg_index, pg_opclass, pg_stats;
 * pg_index.h, INDOPTION_DESC. */
static const char indexes_sql[] =
    "SELECT ic.oid, ic.relname, i.indisprimary, i.indisunique AND i.indimmediate, i.indnkeyatts, a.attname,"
    " i.indoption[k] & 1 = 1, a.attnum > 0 AND i.indoption[k] IN (0, 3)"
    " AND i.indcollation[k] = a.attcollation AND pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT')"
    " AND EXISTS (SELECT FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_opclass d ON d.opcmethod = "
    "o.opcmethod"
    " AND d.opcfamily = o.opcfamily AND d.opcintype = o.opcintype AND d.opcdefault WHERE o.oid = "
    "i.indclass[k]),"
    " CASE WHEN k = 0 THEN (SELECT s.correlation FROM pg_catalog.pg_stats s WHERE s.schemaname = n.nspname"
    " AND s.tablename = c.relname AND s.attname = a.attname AND s.inherited = (c.relkind = 'p')) END"
    " FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid"
    " JOIN pg_catalog.pg_am am ON am.oid = ic.relam AND am.amname = 'btree'"
    " CROSS JOIN LATERAL pg_catalog.generate_series(0, i.indnkeyatts - 1) AS k"
    " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[k]"
    " WHERE i.indrelid = $1::pg_catalog.oid AND i.indisvalid AND i.indisready AND i.indislive"
    " AND i.indpred IS NULL AND i.indexprs IS NULL"
    " ORDER BY i.indisprimary DESC, ic.relname, ic.oid, k";

enum index_column {
    IDX_OID,
    IDX_NAME,
    IDX_PRIMARY,
    IDX_UNIQUE,
    IDX_N_COLUMNS,
    IDX_COLUMN,
    IDX_DESCENDING,
    IDX_PLAIN,
    IDX_CORRELATION
};

/* The rows [row, end) of one index. An index without any usable column keeps a key of none. */
static rv_code read_index(const PGresult *result, int row, int end, const rv_schema *schema, rv_arena *arena,
                          rv_index *out, rv_error *err)
{
    rv_index index = {
        .name = rv_arena_strdup(arena, PQgetvalue(result, row, IDX_NAME)),
        .unique = rvi_pg_get_bool(result, row, IDX_UNIQUE),
        .primary = rvi_pg_get_bool(result, row, IDX_PRIMARY),
        .not_null = true,
        .correlation = strtod(PQgetvalue(result, row, IDX_CORRELATION), NULL), /* of "", which is NULL: 0 */
    };
    int64_t n_columns = rvi_pg_get_i64(result, row, IDX_N_COLUMNS, 0);
    if (index.name == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "the indexes of a relation");
    for (; row < end && index.key.n_columns < RV_MAX_KEY_COLUMNS; row++) {
        const rv_field *field = rv_schema_field(schema, PQgetvalue(result, row, IDX_COLUMN));
        if (field == NULL || !rvi_pg_get_bool(result, row, IDX_PLAIN))
            break;
        index.key.columns[index.key.n_columns] = field->name;
        index.key.descending[index.key.n_columns++] = rvi_pg_get_bool(result, row, IDX_DESCENDING);
        index.not_null = index.not_null && !field->nullable;
    }
    index.complete = index.key.n_columns == n_columns;
    *out = index;
    return RV_OK;
}

static int end_of_index(const PGresult *result, int row)
{
    int end = row + 1;
    while (end < PQntuples(result) &&
           strcmp(PQgetvalue(result, end, IDX_OID), PQgetvalue(result, row, IDX_OID)) == 0)
        end++;
    return end;
}

rv_code rvi_pg_describe_indexes(rvi_pg *pg, const char *oid, rv_arena *arena, rv_relation_info *out,
                                rv_error *err)
{
    RV_AUTO(PQclear) PGresult *result = NULL;
    rv_index *indexes = rv_arena_alloc(arena, MAX_INDEXES, sizeof *indexes);
    int n = 0;
    if (indexes == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "the indexes of a relation");
    RV_TRY(rvi_pg_ask(pg, indexes_sql, &oid, 1, &result, err));
    for (int row = 0, end = 0; row < PQntuples(result) && n < MAX_INDEXES; row = end) {
        end = end_of_index(result, row);
        RV_TRY(read_index(result, row, end, &out->schema, arena, &indexes[n], err));
        n += indexes[n].key.n_columns > 0;
    }
    out->indexes = indexes;
    out->n_indexes = n;
    return RV_OK;
}
