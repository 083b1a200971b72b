/* where.c - see where.h.
 *
 * Comparisons are written so that a btree index can begin at them. Columns that all sort the same way become one row
 * comparison, which an index on them descends to directly. Mixed directions have no such form in SQL: they become a
 * bound on the first column, which an index can use, and the exact condition beside it.
 * Spec: PostgreSQL documentation, 9.24.5 Row Constructor Comparison; 11.3 Multicolumn Indexes. */
#include "where.h"

#include <inttypes.h>
#include <string.h>

/* ---- what is read ---- */

static rv_code append_query(const rvi_pg_from *from, rv_bytes *sql, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(sql, "(", err));
    RV_TRY(rv_bytes_append_str(sql, from->relation->query, err));
    RV_TRY(rv_bytes_append_str(sql, "\n) AS _rivet(",
                               err)); /* the line ends a comment in the query's last one */
    for (int i = 1; i <= from->info->schema.n_fields; i++)
        RV_TRY(rv_bytes_printf(sql, err, "%sc%d", i > 1 ? ", " : "", i));
    return rv_bytes_append_str(sql, ")", err);
}

rv_code rvi_pg_append_from(const rvi_pg_from *from, rv_bytes *sql, rv_error *err)
{
    const rv_relation_info *info = from->info;
    bool leaf = from->leaf_table != NULL;
    if (from->relation->kind != RV_RELATION_TABLE)
        return append_query(from, sql, err);
    /* A parent's children are tables of their own; partitions are not, their parent has no rows but theirs. */
    bool only = leaf || strcmp(info->kind, RVI_PG_PARTITIONED) != 0;
    RV_TRY(rv_bytes_append_str(sql, only ? "ONLY " : "", err));
    RV_TRY(rvi_pg_append_name(from->pg, sql, leaf ? from->leaf_schema : info->namespace, err));
    RV_TRY(rv_bytes_append_str(sql, ".", err));
    RV_TRY(rvi_pg_append_name(from->pg, sql, leaf ? from->leaf_table : from->relation->table, err));
    return rv_bytes_append_str(sql, " AS _rivet", err);
}

/* A query's columns go by their place: their names may be odd, equal or empty. */
rv_code rvi_pg_append_column(const rvi_pg_from *from, rv_bytes *sql, const char *name, rv_error *err)
{
    const rv_field *field = rv_schema_field(&from->info->schema, name);
    if (field == NULL)
        return rv_fail(err, RV_E_SOURCE_NOT_FOUND, "%s has no column '%s'", from->info->schema.origin, name);
    RV_TRY(rv_bytes_append_str(sql, "_rivet.", err));
    if (from->relation->kind == RV_RELATION_TABLE)
        return rvi_pg_append_name(from->pg, sql, name, err);
    return rv_bytes_printf(sql, err, "c%d", (int)field->ordinal);
}

rv_code rvi_pg_append_value(const rvi_pg_from *from, rv_bytes *sql, const rvi_pg_operand *operand, int i,
                            rv_error *err)
{
    if (operand->fallback == NULL)
        return rvi_pg_append_column(from, sql, operand->key->columns[i], err);
    RV_TRY(rv_bytes_append_str(sql, "COALESCE(", err));
    RV_TRY(rvi_pg_append_column(from, sql, operand->key->columns[i], err));
    RV_TRY(rv_bytes_append_str(sql, ", ", err));
    RV_TRY(rvi_pg_append_column(from, sql, operand->fallback, err));
    return rv_bytes_append_str(sql, ")", err);
}

rv_code rvi_pg_append_order(const rvi_pg_from *from, rv_bytes *sql, const rvi_pg_operand *operand,
                            rvi_sql_order order, rv_error *err)
{
    for (int i = 0; i < operand->key->n_columns; i++) {
        bool descending = operand->key->descending[i] != (order == RVI_SQL_BACKWARDS);
        RV_TRY(rv_bytes_append_str(sql, i > 0 ? ", " : "", err));
        RV_TRY(rvi_pg_append_value(from, sql, operand, i, err));
        RV_TRY(rv_bytes_append_str(sql, descending ? " DESC" : "", err));
    }
    return RV_OK;
}

/* ---- comparisons ---- */

/* "<", ">=" … for values of column i on this side of a place. */
static const char *operator_for(const rvi_pg_operand *operand, int i, rvi_sql_side side, bool strict)
{
    bool greater = rvi_sql_is_greater(side, operand->key, i);
    if (strict)
        return greater ? " > " : " < ";
    return greater ? " >= " : " <= ";
}

static rv_code append_cell(const rvi_pg_from *from, rv_bytes *sql, const rvi_pg_operand *operand,
                           const rv_key_value *place, int i, rv_error *err)
{
    RV_TRY(rvi_pg_append_literal(from->pg, sql, place->cells[i], err));
    RV_TRY(rv_bytes_append_str(sql, "::", err));
    return rv_bytes_append_str(sql, operand->types[i], err);
}

static rv_code append_comparison(const rvi_pg_from *from, rv_bytes *sql, const rvi_pg_operand *operand,
                                 const char *op, const rv_key_value *place, int i, rv_error *err)
{
    RV_TRY(rvi_pg_append_value(from, sql, operand, i, err));
    RV_TRY(rv_bytes_append_str(sql, op, err));
    return append_cell(from, sql, operand, place, i, err);
}

/* (a, b) > ('1'::int8, '2'::int8) */
static rv_code append_row_comparison(const rvi_pg_from *from, rv_bytes *sql, const rvi_pg_operand *operand,
                                     rvi_sql_side side, const rv_key_value *place, rv_error *err)
{
    for (int i = 0; i < place->n; i++) {
        RV_TRY(rv_bytes_append_str(sql, i == 0 ? "(" : ", ", err));
        RV_TRY(rvi_pg_append_value(from, sql, operand, i, err));
    }
    RV_TRY(rv_bytes_append_str(sql, ")", err));
    RV_TRY(rv_bytes_append_str(sql, operator_for(operand, 0, side, rvi_sql_is_strict(side)), err));
    for (int i = 0; i < place->n; i++) {
        RV_TRY(rv_bytes_append_str(sql, i == 0 ? "(" : ", ", err));
        RV_TRY(append_cell(from, sql, operand, place, i, err));
    }
    return rv_bytes_append_str(sql, ")", err);
}

/* a >= x AND (a > x OR a = x AND (b < y OR b = y AND (c > z))) */
static rv_code append_mixed(const rvi_pg_from *from, rv_bytes *sql, const rvi_pg_operand *operand,
                            rvi_sql_side side, const rv_key_value *place, rv_error *err)
{
    RV_TRY(append_comparison(from, sql, operand, operator_for(operand, 0, side, false), place, 0, err));
    for (int i = 0; i < place->n; i++) {
        bool last = i + 1 == place->n;
        RV_TRY(rv_bytes_append_str(sql, " AND (", err));
        RV_TRY(append_comparison(from, sql, operand,
                                 operator_for(operand, i, side, !last || rvi_sql_is_strict(side)), place, i,
                                 err));
        if (last)
            break;
        RV_TRY(rv_bytes_append_str(sql, " OR ", err));
        RV_TRY(append_comparison(from, sql, operand, " = ", place, i, err));
    }
    for (int i = 0; i < place->n; i++)
        RV_TRY(rv_bytes_append_str(sql, ")", err));
    return RV_OK;
}

rv_code rvi_pg_append_side(const rvi_pg_from *from, rv_bytes *sql, const rvi_pg_operand *operand,
                           rvi_sql_side side, const rv_key_value *place, rv_error *err)
{
    if (place->n == 1)
        return append_comparison(from, sql, operand, operator_for(operand, 0, side, rvi_sql_is_strict(side)),
                                 place, 0, err);
    if (rv_key_sorts_one_way(operand->key, place->n))
        return append_row_comparison(from, sql, operand, side, place, err);
    return append_mixed(from, sql, operand, side, place, err);
}

rv_code rvi_pg_append_after_prefix(const rvi_pg_from *from, rv_bytes *sql, const rvi_pg_operand *operand,
                                   const rv_key_value *place, int n, rv_error *err)
{
    for (int i = 0; i < n; i++) {
        RV_TRY(append_comparison(from, sql, operand, " = ", place, i, err));
        RV_TRY(rv_bytes_append_str(sql, " AND ", err));
    }
    return append_comparison(from, sql, operand, operator_for(operand, n, RVI_SQL_AFTER, true), place, n,
                             err);
}

/* ---- history ---- */

/* Row versions whose transaction is not before the mark. A row shows the low 32 bits of its transaction, so numbers
 * are counted from the mark on, modulo 2^32: those that the mark's successors up to this statement's snapshot have.
 * A version frozen long ago may show any number and counts as old, unless its number of billions of transactions ago
 * is one of those few; 1 and 2 are the bootstrap's and the frozen ones of a server before 9.4.
 * age() would be shorter and wrong: it counts from a point that may have been fixed before the statement's snapshot.
 * Spec: PostgreSQL documentation, 25.1.5 Preventing Transaction ID Wraparound Failures; 9.26.9, pg_snapshot. */
static rv_code append_not_before(rv_bytes *sql, const char *mark, rv_error *err)
{
    static const char latest[] = "pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())"
                                 "::pg_catalog.text::pg_catalog.int8";
    return rv_bytes_printf(
        sql, err,
        "(_rivet.xmin <> '1'::pg_catalog.xid AND _rivet.xmin <> '2'::pg_catalog.xid AND"
        " ((_rivet.xmin::pg_catalog.text::pg_catalog.int8 - %s) & 4294967295) < (SELECT %s - %s))",
        mark, latest, mark);
}

static bool is_mark(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len <= 18 && strspn(text, "0123456789") == len; /* an int8 */
}

/* ---- ranges ---- */

static bool has_late_rows(const rv_range *range)
{
    return range->history != NULL && range->history->late_from.n > 0;
}

/* Of the rows up to lo, the late ones only. */
static rv_code append_late(const rvi_pg_from *from, rv_bytes *sql, const rvi_pg_operand *operand,
                           const rv_range *range, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(sql, " AND (", err));
    RV_TRY(rvi_pg_append_side(from, sql, operand, range->lo_inclusive ? RVI_SQL_FROM : RVI_SQL_AFTER,
                              &range->lo, err));
    RV_TRY(rv_bytes_append_str(sql, " OR ", err));
    RV_TRY(append_not_before(sql, range->history->since, err));
    return rv_bytes_append_str(sql, ")", err);
}

/* Row comparisons look at further columns only where the first ones are equal, so their NULLs must be said. */
static rv_code append_not_null(const rvi_pg_from *from, rv_bytes *sql, const rvi_pg_operand *operand,
                               rv_error *err)
{
    for (int i = 1; i < operand->key->n_columns; i++) {
        const rv_field *field = rv_schema_field(&from->info->schema, operand->key->columns[i]);
        if (field != NULL && !field->nullable)
            continue;
        RV_TRY(rv_bytes_append_str(sql, " AND ", err));
        RV_TRY(rvi_pg_append_value(from, sql, operand, i, err));
        RV_TRY(rv_bytes_append_str(sql, " IS NOT NULL", err));
    }
    return RV_OK;
}

static rv_code append_null_only(const rvi_pg_from *from, rv_bytes *sql, const rvi_pg_operand *operand,
                                rv_error *err)
{
    for (int i = 0; i < operand->key->n_columns; i++) {
        RV_TRY(rv_bytes_append_str(sql, i == 0 ? " AND (" : " OR ", err));
        RV_TRY(rvi_pg_append_column(from, sql, operand->key->columns[i], err));
        RV_TRY(rv_bytes_append_str(sql, " IS NULL", err));
    }
    if (operand->fallback != NULL) { /* as two conditions, which indexes know; COALESCE(…) IS NULL is none */
        RV_TRY(rv_bytes_append_str(sql, " AND ", err));
        RV_TRY(rvi_pg_append_column(from, sql, operand->fallback, err));
        RV_TRY(rv_bytes_append_str(sql, " IS NULL", err));
    }
    return rv_bytes_append_str(sql, ")", err);
}

static rv_code append_sides(const rvi_pg_from *from, rv_bytes *sql, const rvi_pg_operand *operand,
                            const rv_range *range, rvi_sql_start start, rv_error *err)
{
    bool late = has_late_rows(range);
    const rv_key_value *first = late ? &range->history->late_from : &range->lo;
    if (first->n > 0 && start == RVI_SQL_WITH_START) {
        RV_TRY(rv_bytes_append_str(sql, " AND ", err));
        RV_TRY(rvi_pg_append_side(from, sql, operand,
                                  late || range->lo_inclusive ? RVI_SQL_FROM : RVI_SQL_AFTER, first, err));
    }
    if (range->hi.n > 0) {
        RV_TRY(rv_bytes_append_str(sql, " AND ", err));
        RV_TRY(rvi_pg_append_side(from, sql, operand, range->hi_inclusive ? RVI_SQL_UP_TO : RVI_SQL_BEFORE,
                                  &range->hi, err));
    }
    if (late)
        RV_TRY(append_late(from, sql, operand, range, err));
    return first->n > 0 || range->hi.n > 0 ? append_not_null(from, sql, operand, err) : RV_OK;
}

rv_code rvi_pg_append_range(const rvi_pg_from *from, rv_bytes *sql, const rvi_pg_operand *operand,
                            const rv_range *range, rvi_sql_start start, rv_error *err)
{
    if (range->null_only)
        RV_TRY(append_null_only(from, sql, operand, err));
    else
        RV_TRY(append_sides(from, sql, operand, range, start, err));
    if (range->history == NULL || range->history->until == NULL)
        return RV_OK;
    RV_TRY(rv_bytes_append_str(sql, " AND NOT ", err));
    return append_not_before(sql, range->history->until, err);
}

/* ---- checks ---- */

static rv_code malformed(rv_error *err, const char *what)
{
    return rv_fail(err, RV_E_INTERNAL, "a range that cannot be read: %s", what);
}

rv_code rvi_pg_check_history(const rvi_pg_from *from, const rv_range *range, rv_error *err)
{
    static const char *const kinds[] = {"table", RVI_PG_PARTITIONED, "materialized view"};
    const rv_history *history = range->history;
    bool stored = false;
    if (history == NULL)
        return RV_OK;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        stored = stored || strcmp(from->info->kind, kinds[i]) == 0;
    if (!stored)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED,
                       "rows of a %s do not show which transaction wrote them, so late ones cannot be told",
                       from->info->kind);
    if ((history->until != NULL && !is_mark(history->until)) ||
        (history->since != NULL && !is_mark(history->since)))
        return malformed(err, "a mark in its history is not a transaction's number");
    if (has_late_rows(range) && (history->since == NULL || range->lo.n == 0))
        return malformed(err, "its late rows have no mark, or no place up to which they go");
    if (history->late_from.n > range->key->n_columns)
        return malformed(err, "a place has more values than its key has columns");
    return RV_OK;
}

/* ---- types ---- */

rv_code rvi_pg_name_operands(const rvi_pg_from *from, rvi_pg_operand *operands, int n,
                             const rvi_pg_type_ref *refs, rv_arena *arena, rv_error *err)
{
    RV_AUTO(PQclear) PGresult *names = NULL;
    int n_values = 0, at = 0;
    for (int i = 0; i < n; i++)
        n_values += operands[i].key->n_columns;
    if (n_values == 0)
        return RV_OK;
    RV_TRY(rvi_pg_name_types(from->pg, refs, n_values, RVI_PG_NAMES_BARE, &names, err));
    for (int i = 0; i < n; i++)
        for (int c = 0; c < operands[i].key->n_columns; c++) {
            operands[i].types[c] = rv_arena_strdup(arena, PQgetvalue(names, at++, 0));
            if (operands[i].types[c] == NULL)
                return rv_fail(err, RV_E_OUT_OF_MEMORY, "the types of a key");
        }
    return RV_OK;
}

static rv_code append_values(const rvi_pg_from *from, const rvi_pg_operand *operands, int n, rv_bytes *sql,
                             rv_error *err)
{
    RV_TRY(rv_bytes_append_str(sql, "SELECT ", err));
    for (int i = 0; i < n; i++)
        for (int c = 0; c < operands[i].key->n_columns; c++) {
            RV_TRY(rv_bytes_append_str(sql, i + c > 0 ? ", " : "", err));
            RV_TRY(rvi_pg_append_value(from, sql, &operands[i], c, err));
        }
    RV_TRY(rv_bytes_append_str(sql, " FROM ", err));
    return rvi_pg_append_from(from, sql, err);
}

rv_code rvi_pg_bind_operands(const rvi_pg_from *from, rvi_pg_operand *operands, int n, rv_arena *arena,
                             rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    RV_AUTO(PQclear) PGresult *described = NULL;
    const char *text = NULL;
    RV_TRY(append_values(from, operands, n, &sql, err));
    RV_TRY(rv_bytes_cstr(&sql, &text, err));
    RV_TRY(rvi_pg_describe_sql(from->pg, text, &described, err));
    int n_values = PQnfields(described);
    rvi_pg_type_ref *refs = rv_arena_alloc(arena, (size_t)n_values, sizeof *refs);
    if (refs == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "the types of a key");
    for (int i = 0; i < n_values; i++)
        refs[i] = (rvi_pg_type_ref){.oid = PQftype(described, i), .mod = -1};
    return rvi_pg_name_operands(from, operands, n, refs, arena, err);
}
