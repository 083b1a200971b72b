/* indexes.c - the indexes that pages and ranges can use.
 *
 * What is left out, or ends the usable part of an index: partial indexes, expressions, the row id as a column,
 * and columns whose collation in the index is not that of the table. Every comparison is made by the column's
 * own collation, so such an index could neither be searched nor is its uniqueness the one that is needed.
 * Collations that the program does not know SQLite itself refuses to compare by.
 * Spec: https://www.sqlite.org/pragma.html (index_list, index_xinfo), https://www.sqlite.org/withoutrowid.html. */
#include "source/sqlite/select.h"

#include "rivet/utf8.h"

#include <string.h>

const char rvi_sqlite_rowid_index[] = "INTEGER PRIMARY KEY";

enum { MAX_INDEXES = 2048 }; /* of one table; the rest is not used */

typedef struct finder {
    rvi_sqlite *session;
    const char *table;
    bool without_rowid;
    rv_arena *arena;
    rv_relation_info *info;
    rv_index *indexes;
    int n, n_most;
} finder;

static rv_code no_memory(rv_error *err)
{
    return rv_fail(err, RV_E_OUT_OF_MEMORY, "describing indexes");
}

static rv_code ask(const finder *f, const char *sql, const char *name, sqlite3_stmt **out, rv_error *err)
{
    RV_AUTO(sqlite3_finalize) sqlite3_stmt *stmt = NULL;
    RV_TRY(rvi_sqlite_prepare(f->session, sql, &stmt, err));
    int result = sqlite3_bind_text(stmt, 1, name, -1, SQLITE_TRANSIENT);
    if (result != SQLITE_OK)
        return rvi_sqlite_fail(f->session, result, "reading the indexes", err);
    RV_MOVE(out, stmt);
    return RV_OK;
}

static bool is_known_collation(const char *name)
{
    return sqlite3_stricmp(name, "BINARY") == 0 || sqlite3_stricmp(name, "NOCASE") == 0 ||
           sqlite3_stricmp(name, "RTRIM") == 0;
}

/* Does the index sort the column as everybody else compares it? */
static bool is_columns_collation(const finder *f, const char *column, const char *collation)
{
    const char *own = NULL;
    int result =
        sqlite3_table_column_metadata(f->session->db, "main", f->table, column, NULL, &own, NULL, NULL, NULL);
    return result == SQLITE_OK && own != NULL && is_known_collation(own) &&
           sqlite3_stricmp(own, collation) == 0;
}

/* The field of the next key column; NULL: the usable part of the index ends before it. */
static const rv_field *usable_column(const finder *f, sqlite3_stmt *stmt)
{
    const char *name = (const char *)sqlite3_column_text(stmt, 0);
    const char *collation = (const char *)sqlite3_column_text(stmt, 2);
    if (name == NULL || collation == NULL)
        return NULL;
    const rv_field *field = rv_schema_field(&f->info->schema, name);
    return field != NULL && is_columns_collation(f, name, collation) ? field : NULL;
}

static rv_code read_key(const finder *f, rv_index *index, rv_error *err)
{
    RV_AUTO(sqlite3_finalize) sqlite3_stmt *stmt = NULL;
    bool row = false;
    RV_TRY(ask(f, "SELECT name, \"desc\", coll FROM pragma_index_xinfo(?1, 'main') WHERE key ORDER BY seqno",
               index->name, &stmt, err));
    index->not_null = true;
    for (;;) {
        RV_TRY(rvi_sqlite_step(f->session, stmt, &row, "reading an index", err));
        if (!row)
            break;
        const rv_field *field = index->key.n_columns < RV_MAX_KEY_COLUMNS ? usable_column(f, stmt) : NULL;
        if (field == NULL)
            return RV_OK; /* not complete */
        index->key.columns[index->key.n_columns] = field->name;
        index->key.descending[index->key.n_columns++] = sqlite3_column_int(stmt, 1) != 0;
        index->not_null = index->not_null && !field->nullable;
    }
    index->complete = true;
    return RV_OK;
}

/* Keeps it when there is something to use. */
static rv_code add_index(finder *f, sqlite3_stmt *list, rv_error *err)
{
    const char *name = (const char *)sqlite3_column_text(list, 0);
    if (name == NULL)
        return no_memory(err);
    if (!rv_utf8_valid((const uint8_t *)name, strlen(name)) || f->n == f->n_most)
        return RV_OK;
    rv_index index = {.name = rv_arena_strdup(f->arena, name), .unique = sqlite3_column_int(list, 1) != 0};
    if (index.name == NULL)
        return no_memory(err);
    index.primary = sqlite3_column_int(list, 2) != 0;
    RV_TRY(read_key(f, &index, err));
    if (index.primary && f->without_rowid)
        index.correlation = index.key.descending[0] ? -1 : 1; /* it is the table */
    if (index.key.n_columns > 0)
        f->indexes[f->n++] = index;
    return RV_OK;
}

static rv_code count_indexes(const finder *f, int *out, rv_error *err)
{
    RV_AUTO(sqlite3_finalize) sqlite3_stmt *stmt = NULL;
    bool row = false;
    RV_TRY(ask(f, "SELECT count(*) FROM pragma_index_list(?1, 'main')", f->table, &stmt, err));
    RV_TRY(rvi_sqlite_step(f->session, stmt, &row, "counting the indexes", err));
    int n = row ? sqlite3_column_int(stmt, 0) : 0;
    *out = n < MAX_INDEXES ? n : MAX_INDEXES;
    return RV_OK;
}

static rv_code list_indexes(finder *f, rv_error *err)
{
    RV_AUTO(sqlite3_finalize) sqlite3_stmt *list = NULL;
    bool row = false;
    RV_TRY(ask(f,
               "SELECT name, \"unique\", origin = 'pk' AS pk FROM pragma_index_list(?1, 'main')"
               " WHERE NOT partial ORDER BY pk DESC, name",
               f->table, &list, err));
    for (;;) {
        RV_TRY(rvi_sqlite_step(f->session, list, &row, "reading the indexes", err));
        if (!row)
            return RV_OK;
        RV_TRY(add_index(f, list, err));
    }
}

static void add_rowid(finder *f)
{
    for (int i = 0; i < f->info->schema.n_fields; i++) {
        const rv_field *field = &f->info->schema.fields[i];
        if (field->is_key)
            f->indexes[f->n++] = (rv_index){.name = rvi_sqlite_rowid_index,
                                            .key = {.n_columns = 1, .columns = {field->name}},
                                            .complete = true,
                                            .unique = true,
                                            .not_null = true,
                                            .primary = true,
                                            .correlation = 1};
    }
}

rv_code rvi_sqlite_find_indexes(rvi_sqlite *session, const char *table, bool without_rowid, bool key_is_rowid,
                                rv_arena *arena, rv_relation_info *info, rv_error *err)
{
    finder f = {
        .session = session, .table = table, .without_rowid = without_rowid, .arena = arena, .info = info};
    RV_TRY(count_indexes(&f, &f.n_most, err));
    f.n_most++; /* the row id */
    f.indexes = rv_arena_alloc(arena, (size_t)f.n_most, sizeof *f.indexes);
    if (f.indexes == NULL)
        return no_memory(err);
    if (key_is_rowid)
        add_rowid(&f);
    RV_TRY(list_indexes(&f, err));
    info->indexes = f.indexes;
    info->n_indexes = f.n;
    return RV_OK;
}
