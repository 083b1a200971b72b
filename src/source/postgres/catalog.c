/* catalog.c - what the server's catalog says about relations: nothing here reads a table's rows.
 *
 * Names travel as parameters and are compared with the catalog's own columns, so no name needs quoting and none is
 * folded. Look-ups run in one transaction with limits of their own (or in the run's snapshot), which is what makes
 * them work behind a transaction pooler. */
#include "internal.h"

#include "rivet/log.h"
#include "rivet/utf8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One row per relation of pg_class; the columns are enum relation_column. A partitioned table's size is that of its
 * leaves, any other's is its own: a parent's children are read by their own names. `rows` is the planner's estimate,
 * reltuples scaled to the present size, or NULL where there are no statistics. Statistics can be wrong without bounds, and
 * ten thousand times too many rows would become ten thousand chunks of one: a row of a heap (access method 2, or none
 * before they were told apart) takes 28 bytes at least, with its line pointer.
 * Spec: catalogs.sgml, pg_class; plancat.c, estimate_rel_size(); htup_details.h, MaxHeapTuplesPerPage. */
#define RELATION_SQL                                                                                         \
    "SELECT c.oid, n.nspname, c.relname, c.relkind, tree.rows, tree.bytes,"                                  \
    " CASE WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_relation_size(c.oid, 'main')"                     \
    " / pg_catalog.current_setting('block_size')::pg_catalog.int8 END,"                                      \
    " (SELECT amname FROM pg_catalog.pg_am WHERE oid = c.relam),"                                            \
    " pg_catalog.row_security_active(c.oid),"                                                                \
    " pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND (pg_catalog.has_table_privilege(c.oid, 'SELECT')"  \
    " OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT'))"                                              \
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"                   \
    " LEFT JOIN LATERAL ("                                                                                   \
    " WITH RECURSIVE leaf(id) AS (SELECT c.oid UNION ALL SELECT i.inhrelid FROM leaf"                        \
    " JOIN pg_catalog.pg_inherits i ON i.inhparent = leaf.id WHERE c.relkind = 'p')"                         \
    " SELECT CASE WHEN pg_catalog.bool_and(known) THEN pg_catalog.sum(n_rows)::pg_catalog.int8 END AS rows," \
    " pg_catalog.sum(n_bytes)::pg_catalog.int8 AS bytes FROM ("                                              \
    " SELECT k.relkind <> 'f' AND (size = 0 OR k.relpages > 0 AND k.reltuples >= 0) AS known,"               \
    " CASE WHEN size = 0 THEN 0 ELSE LEAST(CASE WHEN k.relam IN (0, 2) THEN size / 28 ELSE 1e12 END,"        \
    " k.reltuples / NULLIF(k.relpages, 0) * (size /"                                                         \
    " pg_catalog.current_setting('block_size')::pg_catalog.int8)) END AS n_rows,"                            \
    " pg_catalog.pg_table_size(k.oid) AS n_bytes"                                                            \
    " FROM leaf JOIN pg_catalog.pg_class k ON k.oid = leaf.id, pg_catalog.pg_relation_size(k.oid, 'main') "  \
    "AS size"                                                                                                \
    " WHERE k.relkind IN ('r', 'm', 'f')) AS leaves) AS tree ON c.relkind IN ('r', 'm', 'p')"

enum relation_column {
    REL_OID,
    REL_SCHEMA,
    REL_NAME,
    REL_KIND,
    REL_ROWS,
    REL_BYTES,
    REL_BLOCKS,
    REL_AM,
    REL_RLS,
    REL_READABLE
};

/* A NULL schema asks what an unqualified name would find. At most one relation of a name is visible. */
static const char find_sql[] =
    RELATION_SQL " WHERE c.relname = $1::pg_catalog.text AND CASE WHEN $2::pg_catalog.text IS NULL"
                 " THEN pg_catalog.pg_table_is_visible(c.oid)"
                 " ELSE n.nspname = $2::pg_catalog.text END";

static const char list_sql[] = RELATION_SQL
    " WHERE n.nspname = COALESCE($1::pg_catalog.text, pg_catalog.current_schema()::pg_catalog.text)"
    " AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition ORDER BY c.relname";

/* The leaves below a partitioned table. Since PostgreSQL 14 a partition may be on its way out, and is then no longer
 * read through its parent. */
#define LEAVES_SQL(condition)                                                                           \
    RELATION_SQL                                                                                        \
    " WHERE c.relkind <> 'p' AND c.oid IN (WITH RECURSIVE below(id) AS ("                               \
    " SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = $1::pg_catalog.oid" condition \
    " UNION ALL SELECT i.inhrelid FROM below JOIN pg_catalog.pg_inherits i"                             \
    " ON i.inhparent = below.id" condition ") SELECT id FROM below)"                                    \
    " ORDER BY n.nspname, c.relname"
static const char leaves_sql[] = LEAVES_SQL(" AND NOT i.inhdetachpending");
static const char leaves_before_14_sql[] = LEAVES_SQL("");

/* Names for a hint, those equal to $1 in another schema first. */
static const char names_sql[] = "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN "
                                "pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                                " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT LIKE "
                                "'pg\\_%' AND n.nspname <> 'information_schema'"
                                " AND ($2::pg_catalog.text IS NULL OR n.nspname = $2 OR c.relname = $1)"
                                " ORDER BY (c.relname = $1::pg_catalog.text) DESC, c.relname LIMIT 2000";

/* A table's columns. NOT NULL counts where the server itself guarantees it: not on a foreign table, not for a
 * constraint that was never validated (PostgreSQL 18), and not for a domain's own NOT NULL, which an outer join or
 * an empty subquery gets round (create_domain.sgml, Notes). */
static const char columns_sql[] =
    "SELECT a.attname, a.atttypid, a.atttypmod, a.attndims, pg_catalog.format_type(a.atttypid, a.atttypmod),"
    " a.attnotnull AND c.relkind <> 'f' AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE "
    "k.conrelid = c.oid"
    " AND k.contype = 'n' AND NOT k.convalidated AND a.attnum = ANY (k.conkey)),"
    " EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p'"
    " AND a.attnum = ANY (k.conkey)),"
    " (SELECT pg_catalog.format('%I.%I', n.nspname, l.collname) FROM pg_catalog.pg_collation l"
    " JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace WHERE l.oid = a.attcollation)"
    " FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid"
    " WHERE a.attrelid = $1::pg_catalog.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

enum column_column {
    COL_NAME,
    COL_TYPE,
    COL_MOD,
    COL_NDIMS,
    COL_NATIVE,
    COL_NOT_NULL,
    COL_KEY,
    COL_COLLATION
};

static const char *kind_name(char relkind)
{
    switch (relkind) {
    case 'r':
        return "table";
    case 'p':
        return RVI_PG_PARTITIONED;
    case 'v':
        return "view";
    case 'm':
        return "materialized view";
    case 'f':
        return "foreign table";
    case 'i':
    case 'I':
        return "index";
    case 'S':
        return "sequence";
    case 'c':
        return "composite type";
    default:
        return "TOAST table";
    }
}

static bool is_readable_kind(char relkind)
{
    return strchr("rpvmf", relkind) != NULL;
}

static rv_code no_memory(rv_error *err)
{
    return rv_fail(err, RV_E_OUT_OF_MEMORY, "the description of a relation");
}

/* ---- finding ---- */

/* Best effort: a hint that cannot be had is no failure. */
static void hint_near_name(rvi_pg *pg, const rv_relation *relation, rv_error *err)
{
    const char *params[] = {relation->table, relation->schema};
    RV_AUTO(PQclear) PGresult *result = NULL;
    if (rvi_pg_ask(pg, names_sql, params, 2, &result, NULL) != RV_OK || PQntuples(result) == 0)
        return;
    if (strcmp(PQgetvalue(result, 0, 1), relation->table) == 0) {
        rv_hint(err, "schema '%s' has a relation of this name", PQgetvalue(result, 0, 0));
        return;
    }
    size_t n = (size_t)PQntuples(result);
    const char **names = calloc(n, sizeof *names);
    for (size_t i = 0; names != NULL && i < n; i++)
        names[i] = PQgetvalue(result, (int)i, 1);
    const char *near = names != NULL ? rv_did_you_mean(relation->table, names, n) : NULL;
    if (near != NULL)
        rv_hint(err, "did you mean '%s'?", near);
    free(names);
}

static rv_code find_relation(rvi_pg *pg, const rv_relation *relation, PGresult **out, rv_error *err)
{
    const char *params[] = {relation->table, relation->schema};
    const char *schema = relation->schema != NULL ? relation->schema : "",
               *dot = relation->schema != NULL ? "." : "";
    RV_AUTO(PQclear) PGresult *result = NULL;
    RV_TRY(rvi_pg_ask(pg, find_sql, params, 2, &result, err));
    if (PQntuples(result) != 1) {
        rv_fail(err, RV_E_SOURCE_NOT_FOUND, "there is no relation '%s%s%s'%s", schema, dot, relation->table,
                relation->schema == NULL ? " on the search_path" : "");
        hint_near_name(pg, relation, err);
        return RV_E_SOURCE_NOT_FOUND;
    }
    char relkind = PQgetvalue(result, 0, REL_KIND)[0];
    if (!is_readable_kind(relkind))
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "'%s%s%s' is no table or view but of the kind '%s'",
                       schema, dot, relation->table, kind_name(relkind));
    if (!rvi_pg_get_bool(result, 0, REL_READABLE)) {
        rv_fail(err, RV_E_SOURCE_DENIED, "this user may not read %s '%s%s%s'", kind_name(relkind), schema,
                dot, relation->table);
        rv_hint(err, "grant the user USAGE on the schema and SELECT on the table");
        return RV_E_SOURCE_DENIED;
    }
    RV_MOVE(out, result);
    return RV_OK;
}

/* ---- fields ---- */

static rv_code check_name(const char *name, rv_error *err)
{
    if (rv_utf8_valid((const uint8_t *)name, strlen(name)))
        return RV_OK;
    return rv_fail(err, RV_E_VALUE_ENCODING, "the name of a column is not valid UTF-8");
}

/* Fill in what follows from a field's type. */
static void set_type(rv_field *field, const rvi_pg_type *type)
{
    field->natural = type->natural;
    field->type = type->natural;
    field->fidelity = type->fidelity;
}

/* `fields` have everything but their types; `refs` say which those are. */
static rv_code set_types(rvi_pg *pg, rv_arena *arena, const rvi_pg_type_ref *refs, rv_field *fields, int n,
                         rv_error *err)
{
    rvi_pg_type *types = rv_arena_alloc(arena, (size_t)n, sizeof *types);
    if (types == NULL)
        return no_memory(err);
    RV_TRY(rvi_pg_resolve_types(pg, refs, n, types, err));
    for (int i = 0; i < n; i++) {
        fields[i].native_id = refs[i].oid;
        fields[i].native_mod = refs[i].mod;
        set_type(&fields[i], &types[i]);
    }
    return RV_OK;
}

/* Line i of columns_sql, without its type. */
static rv_code table_field(const PGresult *result, int i, rv_arena *arena, rv_field *out, rv_error *err)
{
    bool is_collated = !PQgetisnull(result, i, COL_COLLATION);
    RV_TRY(check_name(PQgetvalue(result, i, COL_NAME), err));
    *out = (rv_field){
        .name = rv_arena_strdup(arena, PQgetvalue(result, i, COL_NAME)),
        .native_type = rv_arena_strdup(arena, PQgetvalue(result, i, COL_NATIVE)),
        .collation = is_collated ? rv_arena_strdup(arena, PQgetvalue(result, i, COL_COLLATION)) : NULL,
        .nullable = !rvi_pg_get_bool(result, i, COL_NOT_NULL),
        .is_key = rvi_pg_get_bool(result, i, COL_KEY),
        .ordinal = (int16_t)(i + 1),
    };
    bool is_whole = out->name != NULL && out->native_type != NULL && (out->collation != NULL || !is_collated);
    return is_whole ? RV_OK : no_memory(err);
}

static rv_code table_fields(rvi_pg *pg, const char *oid, rv_arena *arena, rv_schema *out, rv_error *err)
{
    RV_AUTO(PQclear) PGresult *result = NULL;
    RV_TRY(rvi_pg_ask(pg, columns_sql, &oid, 1, &result, err));
    int n = PQntuples(result);
    rv_field *fields = rv_arena_alloc(arena, (size_t)n, sizeof *fields);
    rvi_pg_type_ref *refs = rv_arena_alloc(arena, (size_t)n, sizeof *refs);
    if (fields == NULL || refs == NULL)
        return no_memory(err);
    for (int i = 0; i < n; i++) {
        refs[i] = (rvi_pg_type_ref){
            .oid = (uint32_t)rvi_pg_get_i64(result, i, COL_TYPE, 0),
            .mod = (int32_t)rvi_pg_get_i64(result, i, COL_MOD, -1),
            .dimensions = (int32_t)rvi_pg_get_i64(result, i, COL_NDIMS, 0),
        };
        RV_TRY(table_field(result, i, arena, &fields[i], err));
    }
    out->fields = fields;
    out->n_fields = n;
    return set_types(pg, arena, refs, fields, n, err);
}

/* ---- a table ---- */

static void set_physical(const rvi_pg *pg, const PGresult *relation, int row, rv_physical *out)
{
    char relkind = PQgetvalue(relation, row, REL_KIND)[0];
    const char *am = PQgetisnull(relation, row, REL_AM) ? "heap" : PQgetvalue(relation, row, REL_AM);
    *out = (rv_physical){.strategy = "ctid", .unit = "block", .needs_snapshot = true, .last = -1};
    if (relkind != 'r' && relkind != 'm')
        out->why_not = "only a plain table or a materialized view has blocks of its own";
    else if (pg->version < RVI_PG_PHYSICAL_SINCE)
        out->why_not = "the server is older than PostgreSQL 14, which reads block ranges without a scan";
    else if (strcmp(am, "heap") != 0)
        out->why_not = "its table access method is not heap";
    if (out->why_not != NULL)
        return;
    /* An empty table has one range too: rows may come before the snapshot is taken, and the last range of a scan
     * reads to the end, whatever that is by then. */
    int64_t blocks = rvi_pg_get_i64(relation, row, REL_BLOCKS, 0);
    out->available = true;
    out->last = blocks > 0 ? blocks - 1 : 0;
}

/* A leaf is read by its own name, so this user must be allowed to, and no policy of its own or of its parent's may
 * decide about rows. */
static bool can_be_read_alone(const PGresult *result, int row)
{
    return PQgetvalue(result, row, REL_KIND)[0] == 'r' && rvi_pg_get_bool(result, row, REL_READABLE) &&
           !rvi_pg_get_bool(result, row, REL_RLS);
}

/* Leaves none where one of them cannot be read by itself: then the parent reads all. */
static rv_code describe_leaves(rvi_pg *pg, const char *oid, rv_arena *arena, rv_relation_info *out,
                               rv_error *err)
{
    RV_AUTO(PQclear) PGresult *result = NULL;
    bool can_leave = pg->version >= RVI_PG_PHYSICAL_SINCE; /* pg_inherits.inhdetachpending */
    RV_TRY(rvi_pg_ask(pg, can_leave ? leaves_sql : leaves_before_14_sql, &oid, 1, &result, err));
    int n = PQntuples(result);
    rv_leaf *leaves = rv_arena_alloc(arena, (size_t)n, sizeof *leaves);
    if (leaves == NULL)
        return no_memory(err);
    for (int i = 0; i < n; i++) {
        if (!can_be_read_alone(result, i))
            return RV_OK;
        leaves[i] = (rv_leaf){
            .schema = rv_arena_strdup(arena, PQgetvalue(result, i, REL_SCHEMA)),
            .table = rv_arena_strdup(arena, PQgetvalue(result, i, REL_NAME)),
            .est_rows = rvi_pg_get_i64(result, i, REL_ROWS, -1),
            .est_bytes = rvi_pg_get_i64(result, i, REL_BYTES, -1),
        };
        if (leaves[i].schema == NULL || leaves[i].table == NULL)
            return no_memory(err);
        set_physical(pg, result, i, &leaves[i].physical);
    }
    out->leaves = leaves;
    out->n_leaves = n;
    return RV_OK;
}

static rv_code describe_table(rvi_pg *pg, const rv_relation *relation, rv_arena *arena, rv_relation_info *out,
                              rv_error *err)
{
    RV_AUTO(PQclear) PGresult *found = NULL;
    RV_TRY(find_relation(pg, relation, &found, err));
    const char *schema = PQgetvalue(found, 0, REL_SCHEMA), *name = PQgetvalue(found, 0, REL_NAME);
    rv_relation_info info = {
        .kind = kind_name(PQgetvalue(found, 0, REL_KIND)[0]),
        .namespace = rv_arena_strdup(arena, schema),
        .est_rows = rvi_pg_get_i64(found, 0, REL_ROWS, -1),
        .est_bytes = rvi_pg_get_i64(found, 0, REL_BYTES, -1),
        .row_security = rvi_pg_get_bool(found, 0, REL_RLS),
        .history = strchr("rpm", PQgetvalue(found, 0, REL_KIND)[0]) != NULL,
        .schema = {.origin = rv_arena_printf(arena, "%s.%s", schema, name)},
    };
    if (info.namespace == NULL || info.schema.origin == NULL)
        return no_memory(err);
    const char *oid = PQgetvalue(found, 0, REL_OID);
    set_physical(pg, found, 0, &info.physical);
    RV_TRY(table_fields(pg, oid, arena, &info.schema, err));
    RV_TRY(rvi_pg_describe_indexes(pg, oid, arena, &info, err));
    if (strcmp(info.kind, RVI_PG_PARTITIONED) == 0 && !info.row_security)
        RV_TRY(describe_leaves(pg, oid, arena, &info, err));
    *out = info;
    return RV_OK;
}

/* ---- a query ---- */

static rv_code query_fields(rvi_pg *pg, const PGresult *described, rv_arena *arena, rv_schema *out,
                            rv_error *err)
{
    int n = PQnfields(described);
    rv_field *fields = rv_arena_alloc(arena, (size_t)n, sizeof *fields);
    rvi_pg_type_ref *refs = rv_arena_alloc(arena, (size_t)n, sizeof *refs);
    RV_AUTO(PQclear) PGresult *native = NULL;
    if (fields == NULL || refs == NULL)
        return no_memory(err);
    for (int i = 0; i < n; i++)
        refs[i] = (rvi_pg_type_ref){.oid = PQftype(described, i), .mod = PQfmod(described, i)};
    RV_TRY(rvi_pg_name_types(pg, refs, n, RVI_PG_NAMES_FULL, &native, err));
    for (int i = 0; i < n; i++) {
        RV_TRY(check_name(PQfname(described, i), err));
        fields[i] = (rv_field){
            .name = rv_arena_strdup(arena, PQfname(described, i)),
            .native_type = rv_arena_strdup(arena, PQgetvalue(native, i, 0)),
            .nullable = true,
            .ordinal = (int16_t)(i + 1),
        };
        if (fields[i].name == NULL || fields[i].native_type == NULL)
            return no_memory(err);
    }
    out->fields = fields;
    out->n_fields = n;
    return set_types(pg, arena, refs, fields, n, err);
}

/* Described in the form in which it will be read, so that what cannot be a subquery is refused here and now. */
static rv_code describe_query(rvi_pg *pg, const rv_relation *relation, rv_arena *arena, rv_relation_info *out,
                              rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes sql = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    RV_AUTO(PQclear) PGresult *described = NULL;
    const char *text = NULL;
    RV_TRY(rv_bytes_append_str(&sql, "SELECT * FROM (", err));
    RV_TRY(rv_bytes_append_str(&sql, relation->query, err));
    RV_TRY(rv_bytes_append_str(&sql, "\n) AS _rivet",
                               err)); /* the line ends a comment in the query's last one */
    RV_TRY(rv_bytes_cstr(&sql, &text, err));
    RV_TRY(rvi_pg_describe_sql(pg, text, &described, err));
    if (PQnparams(described) > 0)
        return rv_fail(err, RV_E_SOURCE_QUERY, "the query has parameters ($1 …), which nobody fills in");
    if (PQnfields(described) == 0) /* SELECT FROM t: lawful, and nothing to export */
        return rv_fail(err, RV_E_SOURCE_QUERY, "the query has no columns");
    rv_relation_info info = {
        .kind = "query",
        .est_rows = -1,
        .est_bytes = -1,
        .physical = {.strategy = "ctid",
                     .unit = "block",
                     .last = -1,
                     .why_not = "a query has no blocks of its own"},
        .schema = {.origin = "query"},
    };
    RV_TRY(query_fields(pg, described, arena, &info.schema, err));
    *out = info;
    return RV_OK;
}

rv_code rvi_pg_describe(rv_source *source, const rv_relation *relation, rv_arena *arena,
                        rv_relation_info *out, rv_error *err)
{
    rvi_pg *pg = (rvi_pg *)source;
    rv_relation_info info = {0};
    RV_TRY(rvi_pg_txn_open_catalog(pg, err));
    rv_code rc = relation->kind == RV_RELATION_QUERY ? describe_query(pg, relation, arena, &info, err)
                                                     : describe_table(pg, relation, arena, &info, err);
    rvi_pg_txn_close(pg);
    RV_TRY(rc);
    if (info.schema.n_fields == 0)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "%s has no columns", info.schema.origin);
    *out = info;
    return RV_OK;
}

/* ---- list ---- */

rv_code rvi_pg_list(rv_source *source, const char *schema, rv_table_fn fn, void *context, rv_error *err)
{
    rvi_pg *pg = (rvi_pg *)source;
    RV_AUTO(PQclear) PGresult *result = NULL;
    int hidden = 0;
    RV_TRY(rvi_pg_txn_open_catalog(pg, err));
    rv_code rc = rvi_pg_ask(pg, list_sql, &schema, 1, &result, err);
    rvi_pg_txn_close(pg);
    RV_TRY(rc);
    for (int i = 0; i < PQntuples(result); i++) {
        rv_table_entry entry = {
            .schema = PQgetvalue(result, i, REL_SCHEMA),
            .name = PQgetvalue(result, i, REL_NAME),
            .kind = kind_name(PQgetvalue(result, i, REL_KIND)[0]),
            .est_rows = rvi_pg_get_i64(result, i, REL_ROWS, -1),
            .est_bytes = rvi_pg_get_i64(result, i, REL_BYTES, -1),
        };
        if (rvi_pg_get_bool(result, i, REL_READABLE))
            RV_TRY(fn(context, &entry, err));
        else
            hidden++;
    }
    if (hidden > 0)
        rv_log(RV_LOG_WARN, "%d relations are not listed: this user may not read them", hidden);
    return RV_OK;
}
