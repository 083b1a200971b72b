/* ends.c - the first and the last value of a key among the rows of some ranges.
 *
 * `ORDER BY c LIMIT 1` both ways is what an index that leads with c answers with two descents. NULLs are looked for
 * only where the catalog allows them. */
#include "where.h"

#include <assert.h>

enum { ENDS_ARENA_BYTES = 1 << 20 };

/* All of it lives for one call. */
typedef struct ends_query {
    rvi_pg_from from;
    const rv_range *const *within;
    int n_within;
    rvi_pg_operand operands[1 + RV_MAX_RANGES]; /* the key, then the ranges */
} ends_query;

static rv_code append_conditions(const ends_query *q, rv_bytes *sql, rv_error *err)
{
    for (int i = 0; i < q->n_within; i++)
        RV_TRY(
            rvi_pg_append_range(&q->from, sql, &q->operands[1 + i], q->within[i], RVI_SQL_WITH_START, err));
    return RV_OK;
}

/* (SELECT v::text FROM … WHERE … AND v IS NOT NULL ORDER BY v LIMIT 1) */
static rv_code append_end(const ends_query *q, rvi_sql_order order, rv_bytes *sql, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(sql, "(SELECT ", err));
    RV_TRY(rvi_pg_append_value(&q->from, sql, &q->operands[0], 0, err));
    RV_TRY(rv_bytes_append_str(sql, "::pg_catalog.text FROM ", err));
    RV_TRY(rvi_pg_append_from(&q->from, sql, err));
    RV_TRY(rv_bytes_append_str(sql, " WHERE true", err));
    RV_TRY(append_conditions(q, sql, err));
    RV_TRY(rv_bytes_append_str(sql, " AND ", err));
    RV_TRY(rvi_pg_append_value(&q->from, sql, &q->operands[0], 0, err));
    RV_TRY(rv_bytes_append_str(sql, " IS NOT NULL ORDER BY ", err));
    RV_TRY(rvi_pg_append_order(&q->from, sql, &q->operands[0], order, err));
    return rv_bytes_append_str(sql, " LIMIT 1)", err);
}

static bool can_be_null(const ends_query *q)
{
    const rvi_pg_operand *key = &q->operands[0];
    const rv_field *field = rv_schema_field(&q->from.info->schema, key->key->columns[0]);
    const rv_field *fallback =
        key->fallback != NULL ? rv_schema_field(&q->from.info->schema, key->fallback) : NULL;
    return field->nullable && (fallback == NULL || fallback->nullable);
}

static rv_code append_has_null(const ends_query *q, rv_bytes *sql, rv_error *err)
{
    const rv_range nulls = {
        .key = q->operands[0].key, .fallback = q->operands[0].fallback, .null_only = true};
    if (!can_be_null(q))
        return rv_bytes_append_str(sql, "false", err);
    RV_TRY(rv_bytes_append_str(sql, "EXISTS (SELECT FROM ", err));
    RV_TRY(rvi_pg_append_from(&q->from, sql, err));
    RV_TRY(rv_bytes_append_str(sql, " WHERE true", err));
    RV_TRY(append_conditions(q, sql, err));
    RV_TRY(rvi_pg_append_range(&q->from, sql, &q->operands[0], &nulls, RVI_SQL_WITH_START, err));
    return rv_bytes_append_str(sql, ")", err);
}

static rv_code ends_sql(const ends_query *q, rv_bytes *sql, const char **out, rv_error *err)
{
    RV_TRY(rv_bytes_append_str(sql, "SELECT ", err));
    RV_TRY(append_end(q, RVI_SQL_FORWARDS, sql, err));
    RV_TRY(rv_bytes_append_str(sql, ", ", err));
    RV_TRY(append_end(q, RVI_SQL_BACKWARDS, sql, err));
    RV_TRY(rv_bytes_append_str(sql, ", ", err));
    RV_TRY(append_has_null(q, sql, err));
    return rv_bytes_cstr(sql, out, err);
}

static rv_code ask_ends(ends_query *q, PGresult **out, rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    RV_AUTO(rv_arena_free) rv_arena *scratch = NULL;
    rvi_pg_statement statement = {0};
    rvi_pg *pg = q->from.pg;
    for (int i = 0; i < q->n_within; i++)
        RV_TRY(rvi_pg_check_history(&q->from, q->within[i], err));
    RV_TRY(rv_arena_new(&scratch, ENDS_ARENA_BYTES, err));
    RV_TRY(rvi_pg_bind_operands(&q->from, q->operands, 1 + q->n_within, scratch, err));
    RV_TRY(ends_sql(q, &sql, &statement.sql, err));
    return rvi_pg_query(pg, &statement, rvi_pg_statement_deadline(pg), out, err);
}

static rv_code read_ends(const PGresult *result, rv_arena *arena, rv_key_ends *out, rv_error *err)
{
    rv_key_ends ends = {.empty = PQgetisnull(result, 0, 0), .has_null = rvi_pg_get_bool(result, 0, 2)};
    if (!ends.empty) {
        ends.first = (rv_key_value){1, {rv_arena_strdup(arena, PQgetvalue(result, 0, 0))}};
        ends.last = (rv_key_value){1, {rv_arena_strdup(arena, PQgetvalue(result, 0, 1))}};
        if (ends.first.cells[0] == NULL || ends.last.cells[0] == NULL)
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "the ends of a key");
    }
    *out = ends;
    return RV_OK;
}

rv_code rvi_pg_key_ends(rv_source *source, const rv_relation *relation, const rv_relation_info *info,
                        const rv_key *key, const char *fallback, const rv_range *const *within, int n_within,
                        rv_arena *arena, rv_key_ends *out, rv_error *err)
{
    rvi_pg *pg = (rvi_pg *)source;
    RV_AUTO(PQclear) PGresult *result = NULL;
    ends_query q = {.from = {.pg = pg, .relation = relation, .info = info},
                    .within = within,
                    .n_within = n_within,
                    .operands = {{.key = key, .fallback = fallback}}};
    assert(pg->begun && key->n_columns == 1 && n_within <= RV_MAX_RANGES);
    for (int i = 0; i < n_within; i++)
        q.operands[1 + i] = (rvi_pg_operand){.key = within[i]->key, .fallback = within[i]->fallback};
    if (!pg->snapshot)
        RV_TRY(rvi_pg_txn_open(pg, &pg->options, err));
    rv_code rc = ask_ends(&q, &result, err);
    rvi_pg_txn_close(pg);
    return rc == RV_OK ? read_ends(result, arena, out, err) : rvi_pg_fail_for_good(rc, err);
}
