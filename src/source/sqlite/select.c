/* select.c - statements whose conditions are ranges of keys.
 *
 * A place in a key of several columns is compared as a row value, (a, b) > (?1, ?2), which SQLite answers by
 * one descent of an index that sorts its columns the same way. Where they sort in different ways there is no row
 * value; the condition is then spelled out, behind one on the first column alone, by which the index is entered.
 * Spec: https://www.sqlite.org/rowvalue.html, section 2.3 (pages by a row value). */
#include "source/sqlite/select.h"

#include <string.h>

void rvi_sqlite_select_init(rvi_sqlite_select *select, rvi_sqlite *session, const rv_schema *columns)
{
    *select = (rvi_sqlite_select){.session = session, .columns = columns};
    select->sql = RV_BYTES_INIT(RVI_SQLITE_MAX_SQL_BYTES);
    for (int i = 0; i < RVI_SQLITE_MAX_PARAMETERS; i++)
        rvi_sqlite_value_init(&select->values[i]);
}

void rvi_sqlite_select_deinit(rvi_sqlite_select *select)
{
    rv_bytes_deinit(&select->sql);
    for (int i = 0; i < RVI_SQLITE_MAX_PARAMETERS; i++)
        rvi_sqlite_value_deinit(&select->values[i]);
}

static rv_code add(rvi_sqlite_select *select, const char *text, rv_error *err)
{
    return rv_bytes_append_str(&select->sql, text, err);
}

static rv_code add_column(rvi_sqlite_select *select, const char *name, rv_error *err)
{
    if (rv_schema_field(select->columns, name) == NULL)
        return rv_fail(err, RV_E_SOURCE_QUERY, "%s has no column '%s'", select->columns->origin, name);
    RV_TRY(add(select, "t.", err));
    return rvi_sqlite_quote(&select->sql, name, err);
}

rv_code rvi_sqlite_select_value(rvi_sqlite_select *select, const char *name, const char *fallback,
                                rv_error *err)
{
    if (fallback == NULL)
        return add_column(select, name, err);
    RV_TRY(add(select, "coalesce(", err));
    RV_TRY(add_column(select, name, err));
    RV_TRY(add(select, ", ", err));
    RV_TRY(add_column(select, fallback, err));
    return add(select, ")", err);
}

/* Only semicolons and blanks may follow: what else does is for SQLite to refuse. */
static rv_code add_query(rvi_sqlite_select *select, const char *query, rv_error *err)
{
    size_t len = strlen(query);
    while (len > 0 && strchr("; \t\r\n", query[len - 1]) != NULL)
        len--;
    RV_TRY(add(select, "(", err));
    RV_TRY(rv_bytes_append(&select->sql, query, len, err));
    return add(select, "\n)", err); /* on a line of its own: the last line may end in a comment */
}

rv_code rvi_sqlite_select_from(rvi_sqlite_select *select, const rv_relation *relation, rv_error *err)
{
    RV_TRY(add(select, " FROM ", err));
    if (relation->kind == RV_RELATION_QUERY) {
        RV_TRY(add_query(select, relation->query, err));
    } else {
        RV_TRY(add(select, "main.", err));
        RV_TRY(rvi_sqlite_quote(&select->sql, relation->table, err));
    }
    return add(select, " AS t", err);
}

rv_code rvi_sqlite_select_and(rvi_sqlite_select *select, rv_error *err)
{
    return add(select, select->n_conditions++ == 0 ? " WHERE " : " AND ", err);
}

/* ---- places ---- */

/* The operator of "comes later in the key's order", or earlier. */
static const char *strictly(bool later, bool descending)
{
    return later != descending ? " > " : " < ";
}

static rv_code add_parameters(rvi_sqlite_select *select, int first, int n, rv_error *err)
{
    for (int i = 0; i < n; i++)
        RV_TRY(rv_bytes_printf(&select->sql, err, "%s?%d", i > 0 ? ", " : "", first + i));
    return RV_OK;
}

static rv_code add_row_value(rvi_sqlite_select *select, const rv_key *key, int n, rv_error *err)
{
    for (int i = 0; i < n; i++) {
        RV_TRY(add(select, i > 0 ? ", " : "", err));
        RV_TRY(add_column(select, key->columns[i], err));
    }
    return RV_OK;
}

/* A side of a range, or the end of the last page. */
typedef struct side {
    const rv_key *key;
    const char *fallback;
    int n;          /* leading columns */
    int first;      /* their parameters are ?first to ?first+n-1 */
    bool later;     /* the rows later than the place; else those earlier */
    bool inclusive; /* and those that begin with it */
} side;

static rv_code add_simple_side(rvi_sqlite_select *select, const side *s, rv_error *err)
{
    const char *sign = strictly(s->later, s->key->descending[0]);
    RV_TRY(add(select, s->n > 1 ? "(" : "", err));
    if (s->n == 1)
        RV_TRY(rvi_sqlite_select_value(select, s->key->columns[0], s->fallback, err));
    else
        RV_TRY(add_row_value(select, s->key, s->n, err));
    RV_TRY(add(select, s->n > 1 ? ")" : "", err));
    RV_TRY(rv_bytes_append(&select->sql, sign, 2, err)); /* without the last blank */
    RV_TRY(add(select, s->inclusive ? "= " : " ", err));
    RV_TRY(add(select, s->n > 1 ? "(" : "", err));
    RV_TRY(add_parameters(select, s->first, s->n, err));
    return add(select, s->n > 1 ? ")" : "", err);
}

/* a >= ?1 AND (a > ?1 OR (a = ?1 AND b < ?2) OR …), the last comparison with = where the place belongs to it. */
static rv_code add_mixed_side(rvi_sqlite_select *select, const side *s, rv_error *err)
{
    const side lead = {s->key, NULL, 1, s->first, s->later, true};
    RV_TRY(add_simple_side(select, &lead, err));
    RV_TRY(add(select, " AND (", err));
    for (int i = 0; i < s->n; i++) {
        const char *sign = strictly(s->later, s->key->descending[i]);
        RV_TRY(add(select, i > 0 ? " OR (" : "(", err));
        for (int before = 0; before < i; before++) {
            RV_TRY(add_column(select, s->key->columns[before], err));
            RV_TRY(rv_bytes_printf(&select->sql, err, " = ?%d AND ", s->first + before));
        }
        RV_TRY(add_column(select, s->key->columns[i], err));
        RV_TRY(rv_bytes_append(&select->sql, sign, 2, err));
        RV_TRY(rv_bytes_printf(&select->sql, err, "%s?%d)", s->inclusive && i + 1 == s->n ? "= " : " ",
                               s->first + i));
    }
    return add(select, ")", err);
}

static rv_code add_side(rvi_sqlite_select *select, const side *s, rv_error *err)
{
    return rv_key_sorts_one_way(s->key, s->n) ? add_simple_side(select, s, err)
                                              : add_mixed_side(select, s, err);
}

rv_code rvi_sqlite_select_after(rvi_sqlite_select *select, const rv_key *key, int n, int first, rv_error *err)
{
    const side after = {key, NULL, n, first, true, false};
    RV_TRY(rvi_sqlite_select_and(select, err));
    return add_side(select, &after, err);
}

/* ---- ranges ---- */

static rv_code keep_values(rvi_sqlite_select *select, const rv_key *key, const rv_key_value *place,
                           rv_error *err)
{
    for (int i = 0; i < place->n; i++) {
        const rv_field *field = rv_schema_field(select->columns, key->columns[i]);
        if (field == NULL || select->n_values == RVI_SQLITE_MAX_PARAMETERS)
            return rv_fail(err, RV_E_SOURCE_QUERY, "%s has no column '%s'", select->columns->origin,
                           key->columns[i]);
        RV_TRY_CTX(rvi_sqlite_value_parse(&select->values[select->n_values], place->cells[i],
                                          field->native_type, err),
                   err, "a bound of column '%s'", key->columns[i]);
        select->n_values++;
    }
    return RV_OK;
}

static rv_code add_range_side(rvi_sqlite_select *select, const rv_range *range, bool later, rv_error *err)
{
    const rv_key_value *place = later ? &range->lo : &range->hi;
    if (place->n == 0)
        return RV_OK;
    const side s = {.key = range->key,
                    .fallback = range->fallback,
                    .n = place->n,
                    .first = select->n_values + 1,
                    .later = later,
                    .inclusive = later ? range->lo_inclusive : range->hi_inclusive};
    RV_TRY(keep_values(select, range->key, place, err));
    RV_TRY(rvi_sqlite_select_and(select, err));
    return add_side(select, &s, err);
}

static rv_code add_null_only(rvi_sqlite_select *select, const rv_range *range, rv_error *err)
{
    RV_TRY(rvi_sqlite_select_and(select, err));
    for (int i = 0; i < range->key->n_columns; i++) {
        RV_TRY(add(select, i > 0 ? " OR " : "(", err));
        RV_TRY(rvi_sqlite_select_value(select, range->key->columns[i], range->fallback, err));
        RV_TRY(add(select, " IS NULL", err));
    }
    return add(select, ")", err);
}

/* (a, b) > (1, 2) is true of a row whose b is NULL and whose a decides; but the row's value is NULL. */
static rv_code add_not_null(rvi_sqlite_select *select, const rv_range *range, rv_error *err)
{
    bool has_side = range->lo.n > 0 || range->hi.n > 0;
    for (int i = 0; has_side && range->key->n_columns > 1 && i < range->key->n_columns; i++) {
        const rv_field *field = rv_schema_field(select->columns, range->key->columns[i]);
        if (field != NULL && !field->nullable)
            continue;
        RV_TRY(rvi_sqlite_select_and(select, err));
        RV_TRY(add_column(select, range->key->columns[i], err));
        RV_TRY(add(select, " IS NOT NULL", err));
    }
    return RV_OK;
}

rv_code rvi_sqlite_select_ranges(rvi_sqlite_select *select, const rv_range *const *ranges, int n_ranges,
                                 rv_error *err)
{
    for (int i = 0; i < n_ranges; i++) {
        if (ranges[i]->null_only)
            RV_TRY(add_null_only(select, ranges[i], err));
        RV_TRY(add_range_side(select, ranges[i], true, err));
        RV_TRY(add_range_side(select, ranges[i], false, err));
        RV_TRY(add_not_null(select, ranges[i], err));
    }
    return RV_OK;
}

rv_code rvi_sqlite_select_order(rvi_sqlite_select *select, const rv_key *key, rv_error *err)
{
    for (int i = 0; i < key->n_columns; i++) {
        RV_TRY(add(select, i > 0 ? ", " : " ORDER BY ", err));
        RV_TRY(add_column(select, key->columns[i], err));
        RV_TRY(add(select, key->descending[i] ? " DESC" : "", err));
    }
    return RV_OK;
}

rv_code rvi_sqlite_select_finish(rvi_sqlite_select *select, sqlite3_stmt **out, rv_error *err)
{
    RV_AUTO(sqlite3_finalize) sqlite3_stmt *stmt = NULL;
    const char *text = NULL;
    RV_TRY(rv_bytes_cstr(&select->sql, &text, err));
    RV_TRY(rvi_sqlite_prepare_query(select->session, text, &stmt, err));
    for (int i = 0; i < select->n_values; i++)
        RV_TRY(rvi_sqlite_value_bind(select->session, stmt, i + 1, &select->values[i].cell, err));
    RV_MOVE(out, stmt);
    return RV_OK;
}
