/* catalog.c - what a relation is: columns, keys, row ids, statistics. Nothing here reads a table.
 *
 * Tables are asked for through SQLite's table-valued pragma functions, whose arguments are bound, so a
 * name is never spliced into them. Views and queries are asked for by preparing them: what
 * pragma_table_xinfo says about the columns of a view depends on SQLite's version, what
 * sqlite3_column_decltype() says does not.
 * Spec: https://www.sqlite.org/pragma.html (table_list, table_xinfo, index_list),
 * https://www.sqlite.org/fileformat2.html (section 2.6.3: sqlite_stat1). */
#include "source/sqlite/select.h"

#include "rivet/utf8.h"

#include <string.h>

/* What pragma_table_list tells. */
typedef struct table {
    const char *name; /* in the arena */
    bool is_table;    /* neither a view nor virtual */
    bool is_view;
    bool without_rowid, strict;
} table;

static bool same_name(const char *a, const char *b)
{
    return sqlite3_stricmp(a, b) == 0;
}

static rv_code no_memory(rv_error *err)
{
    return rv_fail(err, RV_E_OUT_OF_MEMORY, "describing a relation");
}

/* A text that SQLite was asked for, copied; NULL: it had no memory. It must be UTF-8, because it becomes a
 * column's or a file's name. */
static rv_code copy_text(rv_arena *arena, const void *text, const char **out, rv_error *err)
{
    const char *bytes = text;
    if (bytes == NULL)
        return no_memory(err);
    if (!rv_utf8_valid(text, strlen(bytes)))
        return rv_fail(err, RV_E_VALUE_ENCODING, "a name in the catalog is not valid UTF-8");
    *out = rv_arena_strdup(arena, bytes);
    return *out != NULL ? RV_OK : no_memory(err);
}

rv_code rvi_sqlite_quote(rv_bytes *sql, const char *name, rv_error *err)
{
    RV_TRY(rv_bytes_append(sql, "\"", 1, err));
    for (const char *quote; (quote = strchr(name, '"')) != NULL; name = quote + 1) {
        RV_TRY(rv_bytes_append(sql, name, (size_t)(quote - name), err));
        RV_TRY(rv_bytes_append(sql, "\"\"", 2, err));
    }
    RV_TRY(rv_bytes_append_str(sql, name, err));
    return rv_bytes_append(sql, "\"", 1, err);
}

const char *rvi_sqlite_rowid_name(const rv_schema *schema)
{
    static const char *const names[] = {"rowid", "_rowid_", "oid"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        bool hidden = false;
        for (int i = 0; i < schema->n_fields && !hidden; i++)
            hidden = same_name(schema->fields[i].name, names[n]);
        if (!hidden)
            return names[n];
    }
    return NULL;
}

/* Prepare a statement of the catalog and bind `name`, borrowed for as long as the statement lives, to ?1. */
static rv_code ask(rvi_sqlite *session, const char *sql, const char *name, sqlite3_stmt **out, rv_error *err)
{
    RV_AUTO(sqlite3_finalize) sqlite3_stmt *stmt = NULL;
    RV_TRY(rvi_sqlite_prepare(session, sql, &stmt, err));
    if (name != NULL) {
        int result = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
        if (result != SQLITE_OK)
            return rvi_sqlite_fail(session, result, "naming a table", err);
    }
    RV_MOVE(out, stmt);
    return RV_OK;
}

/* The one integer that a statement about `name` gives; *out stays as it is when that is no row. */
static rv_code ask_integer(rvi_sqlite *session, const char *sql, const char *name, int64_t *out,
                           rv_error *err)
{
    RV_AUTO(sqlite3_finalize) sqlite3_stmt *stmt = NULL;
    bool row = false;
    RV_TRY(ask(session, sql, name, &stmt, err));
    RV_TRY(rvi_sqlite_step(session, stmt, &row, "reading the catalog", err));
    if (row)
        *out = sqlite3_column_int64(stmt, 0);
    return RV_OK;
}

static rv_code find_table(rvi_sqlite *session, const rv_relation *relation, rv_arena *arena, table *out,
                          rv_error *err)
{
    RV_AUTO(sqlite3_finalize) sqlite3_stmt *stmt = NULL;
    bool row = false;
    if (relation->schema != NULL && !same_name(relation->schema, "main"))
        return rv_fail(err, RV_E_SOURCE_NOT_FOUND, "a SQLite file has only the schema 'main', not '%s'",
                       relation->schema);
    RV_TRY(ask(session, "SELECT name, type, wr, strict FROM pragma_table_list(?1) WHERE schema = 'main'",
               relation->table, &stmt, err));
    RV_TRY(rvi_sqlite_step(session, stmt, &row, "reading the catalog", err));
    if (!row)
        return rv_fail(err, RV_E_SOURCE_NOT_FOUND, "'%s' has no table or view '%s'", session->path,
                       relation->table);
    RV_TRY(copy_text(arena, sqlite3_column_text(stmt, 0), &out->name, err));
    const char *type = (const char *)sqlite3_column_text(stmt, 1);
    if (type == NULL)
        return no_memory(err);
    out->is_view = strcmp(type, "view") == 0;
    out->is_table = !out->is_view && strcmp(type, "virtual") != 0;
    out->without_rowid = sqlite3_column_int(stmt, 2) != 0;
    out->strict = sqlite3_column_int(stmt, 3) != 0;
    return RV_OK;
}

static rv_code allocate_fields(rv_arena *arena, int64_t n, rv_schema *schema, rv_error *err)
{
    if (n > RV_MAX_FIELDS)
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "%lld columns are more than %d", (long long)n,
                       (int)RV_MAX_FIELDS);
    schema->fields = rv_arena_alloc(arena, (size_t)n, sizeof *schema->fields);
    return schema->fields != NULL ? RV_OK : no_memory(err);
}

static rv_code fill_field(rv_arena *arena, const void *name, const void *declared, int ordinal, rv_field *out,
                          rv_error *err)
{
    rv_field field = {.nullable = true, .loose = true, .ordinal = (int16_t)ordinal};
    RV_TRY(copy_text(arena, name, &field.name, err));
    RV_TRY(copy_text(arena, declared, &field.native_type, err));
    field.natural = rvi_sqlite_natural_type(field.native_type, &field.fidelity);
    field.type = field.natural;
    *out = field;
    return RV_OK;
}

/* Is NOT NULL enforced? Because of an old bug that became a feature, a PRIMARY KEY does not imply it,
 * except where the key is the row id itself or the table is WITHOUT ROWID or STRICT.
 * Spec: https://www.sqlite.org/quirks.html#primary_keys_can_sometimes_contain_nulls */
static bool never_null(const table *about, bool declared_not_null, bool in_key, bool key_is_rowid)
{
    return declared_not_null || (in_key && (key_is_rowid || about->without_rowid || about->strict));
}

/* The columns that SELECT * gives: generated ones are among them, the hidden ones of a virtual table are
 * not. */
static rv_code read_columns(rvi_sqlite *session, rv_arena *arena, const table *about, bool key_is_rowid,
                            rv_schema *schema, rv_error *err)
{
    RV_AUTO(sqlite3_finalize) sqlite3_stmt *stmt = NULL;
    bool row = false;
    int64_t n = 0;
    RV_TRY(ask_integer(session, "SELECT count(*) FROM pragma_table_xinfo(?1, 'main') WHERE hidden <> 1",
                       about->name, &n, err));
    RV_TRY(allocate_fields(arena, n, schema, err));
    RV_TRY(ask(session,
               "SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo(?1, 'main') WHERE hidden <> 1 "
               "ORDER BY cid",
               about->name, &stmt, err));
    for (;;) {
        RV_TRY(rvi_sqlite_step(session, stmt, &row, "reading the columns", err));
        if (!row || schema->n_fields == n)
            return RV_OK;
        rv_field *field = &schema->fields[schema->n_fields];
        RV_TRY(fill_field(arena, sqlite3_column_text(stmt, 0), sqlite3_column_text(stmt, 1),
                          schema->n_fields + 1, field, err));
        field->is_key = sqlite3_column_int(stmt, 3) > 0;
        field->nullable = !never_null(about, sqlite3_column_int(stmt, 2) != 0, field->is_key, key_is_rowid);
        schema->n_fields++;
    }
}

static rv_code columns_of_statement(sqlite3_stmt *stmt, rv_arena *arena, rv_schema *schema, rv_error *err)
{
    int n = sqlite3_column_count(stmt);
    RV_TRY(allocate_fields(arena, n, schema, err));
    for (int i = 0; i < n; i++) {
        const char *declared = sqlite3_column_decltype(stmt, i); /* NULL: not the plain column of a table */
        RV_TRY(fill_field(arena, sqlite3_column_name(stmt, i), declared != NULL ? declared : "", i + 1,
                          &schema->fields[i], err));
    }
    schema->n_fields = n;
    return RV_OK;
}

static rv_code describe_view(rvi_sqlite *session, rv_arena *arena, const table *about, rv_schema *schema,
                             rv_error *err)
{
    RV_AUTO(sqlite3_finalize) sqlite3_stmt *stmt = NULL;
    rv_bytes sql = RV_BYTES_INIT(RVI_SQLITE_MAX_SQL_BYTES);
    const char *text = NULL;
    rv_code rc = rv_bytes_append_str(&sql, "SELECT * FROM main.", err);
    if (rc == RV_OK)
        rc = rvi_sqlite_quote(&sql, about->name, err);
    if (rc == RV_OK)
        rc = rv_bytes_cstr(&sql, &text, err);
    if (rc == RV_OK)
        rc = rvi_sqlite_prepare(session, text, &stmt, err);
    if (rc == RV_OK)
        rc = columns_of_statement(stmt, arena, schema, err);
    rv_bytes_deinit(&sql);
    return rc;
}

/* Is the primary key another name for the row id? INTEGER PRIMARY KEY is, INTEGER PRIMARY KEY DESC is not,
 * and both look alike in the list of columns; but only a key that is not the row id has an index of its
 * own. */
static rv_code find_rowid_key(rvi_sqlite *session, const table *about, bool *out, rv_error *err)
{
    int64_t n_keys = 0, n_integers = 0, n_indexes = 0;
    *out = false;
    if (!about->is_table || about->without_rowid)
        return RV_OK;
    RV_TRY(ask_integer(session, "SELECT count(*) FROM pragma_table_xinfo(?1, 'main') WHERE pk > 0",
                       about->name, &n_keys, err));
    RV_TRY(ask_integer(
        session,
        "SELECT count(*) FROM pragma_table_xinfo(?1, 'main') WHERE pk > 0 AND upper(type) = 'INTEGER'",
        about->name, &n_integers, err));
    RV_TRY(ask_integer(session, "SELECT count(*) FROM pragma_index_list(?1, 'main') WHERE origin = 'pk'",
                       about->name, &n_indexes, err));
    *out = n_keys == 1 && n_integers == 1 && n_indexes == 0;
    return RV_OK;
}

/* min() and max() are each one descent of the tree when they stand alone in a SELECT.
 * Spec: https://www.sqlite.org/optoverview.html#the_min_max_optimization */
static rv_code rowid_ends_sql(const char *name, const char *rowid, rv_bytes *sql, const char **out,
                              rv_error *err)
{
    static const char *const parts[] = {"SELECT (SELECT min(t.", ") FROM main.", " AS t), (SELECT max(t.",
                                        ") FROM main.", " AS t)"};
    for (int end = 0; end < 2; end++) {
        RV_TRY(rv_bytes_append_str(sql, parts[2 * end], err));
        RV_TRY(rv_bytes_append_str(sql, rowid, err));
        RV_TRY(rv_bytes_append_str(sql, parts[2 * end + 1], err));
        RV_TRY(rvi_sqlite_quote(sql, name, err));
    }
    RV_TRY(rv_bytes_append_str(sql, parts[4], err));
    return rv_bytes_cstr(sql, out, err);
}

static rv_code read_rowid_ends(rvi_sqlite *session, const char *name, const char *rowid,
                               rv_physical *physical, rv_error *err)
{
    RV_AUTO(sqlite3_finalize) sqlite3_stmt *stmt = NULL;
    rv_bytes sql = RV_BYTES_INIT(RVI_SQLITE_MAX_SQL_BYTES);
    const char *text = NULL;
    bool row = false;
    rv_code rc = rowid_ends_sql(name, rowid, &sql, &text, err);
    if (rc == RV_OK)
        rc = rvi_sqlite_prepare(session, text, &stmt, err);
    rv_bytes_deinit(&sql);
    RV_TRY(rc);
    RV_TRY(rvi_sqlite_step(session, stmt, &row, "reading the first and last row id", err));
    bool empty = !row || sqlite3_column_type(stmt, 0) == SQLITE_NULL;
    physical->first = empty ? 1 : sqlite3_column_int64(stmt, 0);
    physical->last = empty ? 0 : sqlite3_column_int64(stmt, 1);
    return RV_OK;
}

/* The row id, or the key, is asked for beside the columns, and a result has room for only so many. */
static bool has_room(const rvi_sqlite *session, const rv_schema *schema, int n_more)
{
    return schema->n_fields + n_more <= sqlite3_limit(session->db, SQLITE_LIMIT_COLUMN, -1);
}

static rv_code find_physical(rvi_sqlite *session, const table *about, bool key_is_rowid,
                             rv_relation_info *info, rv_error *err)
{
    rv_physical *physical = &info->physical;
    *physical = (rv_physical){.strategy = "rowid", .unit = "rowid"};
    const char *rowid = rvi_sqlite_rowid_name(&info->schema);
    if (about->is_view)
        physical->why_not = "a view has no row ids";
    else if (!about->is_table)
        physical->why_not = "a virtual table need not store its rows by row id";
    else if (about->without_rowid)
        physical->why_not = "the table is WITHOUT ROWID";
    else if (rowid == NULL)
        physical->why_not = "columns named rowid, oid and _rowid_ hide the row id";
    else if (!has_room(session, &info->schema, 1))
        physical->why_not = "the table has as many columns as SQLite can return at once";
    if (physical->why_not != NULL)
        return RV_OK;
    physical->available = true;
    /* Row ids that are not a key may be given out anew by VACUUM: https://www.sqlite.org/lang_vacuum.html */
    physical->needs_snapshot = !key_is_rowid;
    return read_rowid_ends(session, about->name, rowid, physical, err);
}

/* Rows as of the last ANALYZE: the first number of each of the table's entries, the largest because a
 * partial index has an entry of its own; -1 without one. name == NULL: of all tables together. */
static rv_code rows_by_statistics(rvi_sqlite *session, const char *name, int64_t *out, rv_error *err)
{
    int64_t analyzed = 0;
    *out = -1;
    RV_TRY(ask_integer(session, "SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_stat1'", NULL,
                       &analyzed, err));
    if (analyzed == 0)
        return RV_OK;
    if (name == NULL)
        return ask_integer(
            session,
            "SELECT sum(n) FROM (SELECT max(CAST(stat AS INTEGER)) AS n FROM sqlite_stat1 GROUP BY tbl)",
            NULL, out, err);
    return ask_integer(session,
                       "SELECT CAST(stat AS INTEGER) AS n FROM sqlite_stat1 WHERE tbl = ?1 COLLATE NOCASE"
                       " ORDER BY n DESC LIMIT 1",
                       name, out, err);
}

static rv_code file_bytes(rvi_sqlite *session, int64_t *out, rv_error *err)
{
    int64_t pages = 0, page_bytes = 0;
    RV_TRY(ask_integer(session, "PRAGMA page_count", NULL, &pages, err));
    RV_TRY(ask_integer(session, "PRAGMA page_size", NULL, &page_bytes, err));
    *out = pages * page_bytes; /* at most 2^32 pages of 2^16 bytes */
    return RV_OK;
}

/* SQLite keeps no size per table. The table's share of the file's rows is a fair guess, and the whole file
 * is right where there is only one table; otherwise nothing is known. */
static rv_code estimate(rvi_sqlite *session, const table *about, rv_relation_info *info, rv_error *err)
{
    int64_t all_rows = 0, n_tables = 0, bytes = 0;
    RV_TRY(rows_by_statistics(session, about->name, &info->est_rows, err));
    RV_TRY(rows_by_statistics(session, NULL, &all_rows, err));
    RV_TRY(
        ask_integer(session,
                    "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%'"
                    " ESCAPE '\\'",
                    NULL, &n_tables, err));
    RV_TRY(file_bytes(session, &bytes, err));
    if (n_tables == 1)
        info->est_bytes = bytes;
    else if (info->est_rows >= 0 && all_rows > 0)
        info->est_bytes = (int64_t)((double)bytes * (double)info->est_rows / (double)all_rows);
    return RV_OK;
}

static rv_code describe_table(rvi_sqlite *session, const rv_relation *relation, rv_arena *arena,
                              rv_relation_info *info, rv_error *err)
{
    table about = {0};
    bool key_is_rowid = false;
    RV_TRY(find_table(session, relation, arena, &about, err));
    info->schema.origin = rv_arena_printf(arena, "main.%s", about.name);
    if (info->schema.origin == NULL)
        return no_memory(err);
    info->namespace = "main";
    info->kind = about.is_view ? "view" : about.is_table ? "table" : "virtual table";
    RV_TRY(find_rowid_key(session, &about, &key_is_rowid, err));
    if (about.is_view)
        RV_TRY(describe_view(session, arena, &about, &info->schema, err));
    else
        RV_TRY(read_columns(session, arena, &about, key_is_rowid, &info->schema, err));
    RV_TRY(find_physical(session, &about, key_is_rowid, info, err));
    if (about.is_table && has_room(session, &info->schema, RV_MAX_KEY_COLUMNS))
        RV_TRY(rvi_sqlite_find_indexes(session, about.name, about.without_rowid, key_is_rowid, arena, info,
                                       err));
    return about.is_table ? estimate(session, &about, info, err) : RV_OK;
}

static rv_code describe_query(rvi_sqlite *session, const char *query, rv_arena *arena, rv_relation_info *info,
                              rv_error *err)
{
    RV_AUTO(sqlite3_finalize) sqlite3_stmt *stmt = NULL;
    RV_TRY(rvi_sqlite_prepare_query(session, query, &stmt, err));
    info->schema.origin = "query";
    info->kind = "query";
    info->physical = (rv_physical){.why_not = "a query has no row ids of its own"};
    return columns_of_statement(stmt, arena, &info->schema, err);
}

rv_code rvi_sqlite_describe(rv_source *src, const rv_relation *relation, rv_arena *arena,
                            rv_relation_info *out, rv_error *err)
{
    rvi_sqlite *session = (rvi_sqlite *)src;
    rv_relation_info info = {.est_rows = -1, .est_bytes = -1};
    rvi_sqlite_start(session);
    if (relation->kind == RV_RELATION_QUERY)
        RV_TRY(describe_query(session, relation->query, arena, &info, err));
    else
        RV_TRY(describe_table(session, relation, arena, &info, err));
    *out = info;
    return RV_OK;
}

static rv_code list_entry(rvi_sqlite *session, sqlite3_stmt *stmt, rv_table_fn fn, void *context,
                          rv_error *err)
{
    const char *name = (const char *)sqlite3_column_text(stmt, 0);
    const char *kind = (const char *)sqlite3_column_text(stmt, 1);
    if (name == NULL || kind == NULL)
        return no_memory(err);
    rv_table_entry entry = {"main", name, strcmp(kind, "virtual") == 0 ? "virtual table" : kind, -1, -1};
    RV_TRY(rows_by_statistics(session, name, &entry.est_rows, err));
    return fn(context, &entry, err);
}

/* Shadow tables belong to a virtual table and are left out, as are SQLite's own. */
rv_code rvi_sqlite_list(rv_source *src, const char *schema, rv_table_fn fn, void *context, rv_error *err)
{
    rvi_sqlite *session = (rvi_sqlite *)src;
    RV_AUTO(sqlite3_finalize) sqlite3_stmt *stmt = NULL;
    bool row = false;
    if (schema != NULL && !same_name(schema, "main"))
        return rv_fail(err, RV_E_SOURCE_NOT_FOUND, "a SQLite file has only the schema 'main', not '%s'",
                       schema);
    rvi_sqlite_start(session);
    RV_TRY(ask(session,
               "SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'view', "
               "'virtual')"
               " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
               NULL, &stmt, err));
    for (;;) {
        RV_TRY(rvi_sqlite_step(session, stmt, &row, "listing the tables", err));
        if (!row)
            return RV_OK;
        RV_TRY(list_entry(session, stmt, fn, context, err));
    }
}
