/* store.c - one SQLite file as the state store: connection, transactions, statements.
 *
 * Settings, and why:
 *   journal_mode=DELETE   not WAL: SQLite before 3.51.3 has a race in which a WAL reset can corrupt the file, and
 *                         Debian 12 ships 3.40.1. A rollback journal also works on more file systems.
 *   synchronous=EXTRA     FULL, and the folder is synced after the journal is removed, so that a commit that was
 *                         reported survives a power cut (https://www.sqlite.org/pragma.html#pragma_synchronous).
 *   BEGIN IMMEDIATE       a transaction that would write takes the write lock first. One that reads first and
 *                         asks for the lock later fails at once when two do it, however long they would wait.
 *   query_only            for readers. They still open the file read-write where they may: a journal that a killed
 *                         writer left has to be rolled back before anything can be read.
 *
 * A statement is always run to its end and its rows are copied, so no lock outlives a call. The last statement is
 * kept prepared: recording 100,000 chunks parses one INSERT. */
#include "state/sqlite/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char MEMORY[] = ":memory:";

typedef struct store {
    rv_state base;
    sqlite3 *db;
    sqlite3_stmt *kept; /* reset, without parameters; NULL: none */
    char *path;
} store;

static store *store_of(rv_state *state)
{
    return (store *)state;
}

static void store_close(rv_state *state)
{
    store *s = store_of(state);
    if (!s)
        return;
    sqlite3_finalize(s->kept);
    /* _v2 also frees a handle whose opening failed halfway. An open transaction is rolled back. */
    sqlite3_close_v2(s->db);
    free(s->path);
    free(s);
}

static void statement_free(sqlite3_stmt *statement)
{
    sqlite3_finalize(statement);
}
RV_DEFINE_AUTO(sqlite3_stmt, statement_free)

static rv_code fail(const store *s, int result, const char *doing, rv_error *err)
{
    return rvi_state_sqlite_fail(err, s->db, result, s->path, doing);
}

static rv_code execute(store *s, const char *sql, const char *doing, rv_error *err)
{
    int result = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return result == SQLITE_OK ? RV_OK : fail(s, result, doing, err);
}

/* ---- opening ---- */

static rv_code exists(const char *path, bool *out, rv_error *err)
{
    struct stat status;
    *out = stat(path, &status) == 0;
    if (*out || errno == ENOENT)
        return RV_OK;
    int os_errno = errno;
    return rv_fail_os(err, RV_E_STATE_UNUSABLE, os_errno, "cannot look at the state store '%s'", path);
}

static rv_code store_new(rv_state **out, const char *path, rv_error *err)
{
    store *s = calloc(1, sizeof *s);
    char *copy = strdup(path);
    if (!s || !copy) {
        free(s);
        free(copy);
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "cannot open the state store '%s'", path);
    }
    s->path = copy;
    s->base = (rv_state){.ops = &rvi_state_sqlite_ops, .location = copy};
    *out = &s->base;
    return RV_OK;
}

/* SQLite's own limits stay; a schema or a value that somebody else put into the file may not run code of theirs:
 * https://www.sqlite.org/security.html, "Untrusted SQLite Database Files". */
static rv_code connect(store *s, const char *file, bool create, const rvi_state_options *options,
                       rv_error *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (create ? SQLITE_OPEN_CREATE : 0);
    int result = sqlite3_open_v2(file, &s->db, flags, NULL);
    if (result != SQLITE_OK)
        return fail(s, result, "opening", err);
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, options->busy_timeout_ms);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, (int *)NULL);
    return execute(s, "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY", "opening", err);
}

static int keep_mode(void *mode, int n_columns, char **cells, char **names)
{
    (void)names;
    if (n_columns > 0 && cells[0])
        snprintf(mode, 16, "%s", cells[0]);
    return 0;
}

/* A file that somebody switched to WAL is switched back, which only works while nobody else has it open. */
static rv_code leave_wal(store *s, rv_error *err)
{
    char mode[16] = "";
    int result = sqlite3_exec(s->db, "PRAGMA journal_mode = DELETE", keep_mode, mode, NULL);
    if (result != SQLITE_OK)
        return fail(s, result, "setting the journal mode", err);
    if (strcmp(mode, "wal") != 0)
        return RV_OK;
    rv_code rc =
        rv_fail(err, RV_E_STATE_BUSY, "the state store is in WAL mode and open elsewhere ('%s')", s->path);
    rv_hint(err, "close the program that has it open");
    return rc;
}

static rv_code open_for_writing(store *s, const rvi_state_options *options, rv_error *err)
{
    RV_TRY(connect(s, s->path, true, options, err));
    if (sqlite3_db_readonly(s->db, "main") == 1)
        return fail(s, SQLITE_READONLY, "opening for writing", err);
    RV_TRY(leave_wal(s, err));
    return execute(s, "PRAGMA synchronous = EXTRA", "opening", err);
}

static rv_code open_for_reading(store *s, const rvi_state_options *options, rv_error *err)
{
    bool present;
    RV_TRY(exists(s->path, &present, err));
    RV_TRY(connect(s, present ? s->path : MEMORY, false, options, err));
    return execute(s, "PRAGMA query_only = ON", "opening", err);
}

static rv_code copy_content(store *to, store *from, rv_error *err)
{
    sqlite3_backup *backup = sqlite3_backup_init(to->db, "main", from->db, "main");
    if (!backup)
        return fail(to, sqlite3_errcode(to->db), "copying for reading", err);
    int step = sqlite3_backup_step(backup, -1);
    int result = sqlite3_backup_finish(backup);
    if (step != SQLITE_DONE || result != SQLITE_OK)
        return rvi_state_sqlite_fail(err, NULL, result != SQLITE_OK ? result : step, from->path,
                                     "copying for reading");
    return RV_OK;
}

static rv_code open_copy(store *s, const rvi_state_options *options, rv_error *err)
{
    rv_state *original = NULL;
    RV_TRY(store_new(&original, s->path, err));
    rv_code rc = open_for_reading(store_of(original), options, err);
    if (rc == RV_OK)
        rc = connect(s, MEMORY, true, options, err);
    if (rc == RV_OK)
        rc = copy_content(s, store_of(original), err);
    store_close(original);
    return rc;
}

static rv_code open_as(store *s, rvi_open_mode mode, const rvi_state_options *options, rv_error *err)
{
    switch (mode) {
    case RVI_OPEN_WRITE:
        return open_for_writing(s, options, err);
    case RVI_OPEN_READ:
        return open_for_reading(s, options, err);
    case RVI_OPEN_COPY:
        return open_copy(s, options, err);
    }
    return rv_fail(err, RV_E_INTERNAL, "there is no such way to open the state store");
}

static rv_code store_open(rv_state **out, const char *location, rvi_open_mode mode,
                          const rvi_state_options *options, rv_error *err)
{
    /* SQLite takes an empty name for a temporary file that vanishes. */
    if (!location[0])
        return rv_fail(err, RV_E_STATE_UNUSABLE, "the state store has no path");
    rv_state *opened = NULL;
    RV_TRY(store_new(&opened, location, err));
    rv_code rc = open_as(store_of(opened), mode, options, err);
    if (rc == RV_OK)
        *out = opened;
    else
        store_close(opened);
    return rc;
}

/* ---- statements ---- */

static rv_code prepare(store *s, const char *sql, sqlite3_stmt **out, rv_error *err)
{
    if (s->kept && strcmp(sqlite3_sql(s->kept), sql) == 0) {
        RV_MOVE(out, s->kept);
        return RV_OK;
    }
    int result = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    return result == SQLITE_OK ? RV_OK : fail(s, result, "preparing a statement", err);
}

static void keep(store *s, sqlite3_stmt **statement)
{
    sqlite3_reset(*statement);
    sqlite3_clear_bindings(*statement);
    sqlite3_finalize(s->kept);
    s->kept = NULL;
    RV_MOVE(&s->kept, *statement);
}

static int bind_one(sqlite3_stmt *statement, int number, const rvi_value *value)
{
    /* SQLite takes "$1" for a name and numbers names as they appear. */
    char name[16];
    snprintf(name, sizeof name, "$%d", number);
    const int index = sqlite3_bind_parameter_index(statement, name);
    assert(index > 0);
    switch (value->kind) {
    case RVI_END:
    case RVI_NULL:
        return sqlite3_bind_null(statement, index);
    case RVI_INT:
        return sqlite3_bind_int64(statement, index, value->number);
    case RVI_TEXT:
        return sqlite3_bind_text64(statement, index, value->bytes, value->len, SQLITE_STATIC, SQLITE_UTF8);
    case RVI_BLOB:
        return sqlite3_bind_blob64(statement, index, value->bytes, value->len, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

static rv_code bind_all(store *s, sqlite3_stmt *statement, const rvi_args *args, rv_error *err)
{
    int n = 0;
    for (; args->v[n].kind != RVI_END; n++) {
        int result = bind_one(statement, n + 1, &args->v[n]);
        if (result != SQLITE_OK)
            return fail(s, result, "binding a parameter", err);
    }
    assert(n == sqlite3_bind_parameter_count(statement));
    return RV_OK;
}

static rv_code copy_cell(rvi_rows *rows, sqlite3_stmt *statement, int column, rvi_value *out, rv_error *err)
{
    const void *bytes;
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        *out = rvi_bind_int(sqlite3_column_int64(statement, column));
        return RV_OK;
    case SQLITE_TEXT:
        bytes = sqlite3_column_text(statement, column);
        out->kind = RVI_TEXT;
        break;
    case SQLITE_BLOB:
        bytes = sqlite3_column_blob(statement, column);
        out->kind = RVI_BLOB;
        break;
    default:
        return RV_OK;
    }
    out->len = (size_t)sqlite3_column_bytes(statement, column);
    /* NULL for an empty blob, and when SQLite could not convert for want of memory. */
    if (!bytes && out->len > 0)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "cannot read a row of the state store");
    return rvi_rows_copy(rows, bytes, bytes ? out->len : 0, &out->bytes, err);
}

static rv_code copy_row(rvi_rows *rows, sqlite3_stmt *statement, rv_error *err)
{
    const int n_columns = sqlite3_column_count(statement);
    rvi_row *row;
    RV_TRY(rvi_rows_add(rows, n_columns, &row, err));
    for (int i = 0; i < n_columns; i++)
        RV_TRY(copy_cell(rows, statement, i, &row->cells[i], err));
    return RV_OK;
}

static rv_code step_all(store *s, sqlite3_stmt *statement, rvi_rows *rows, rv_error *err)
{
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW)
        if (rows)
            RV_TRY(copy_row(rows, statement, err));
    return result == SQLITE_DONE ? RV_OK : fail(s, result, "running a statement", err);
}

static rv_code store_run(rv_state *state, const char *sql, const rvi_args *args, rvi_rows *rows,
                         int64_t *n_changed, rv_error *err)
{
    store *s = store_of(state);
    RV_AUTO(statement_free) sqlite3_stmt *statement = NULL;
    RV_TRY(prepare(s, sql, &statement, err));
    RV_TRY(bind_all(s, statement, args, err));
    RV_TRY(step_all(s, statement, rows, err));
    if (n_changed)
        *n_changed = sqlite3_changes64(s->db);
    keep(s, &statement);
    return RV_OK;
}

/* ---- transactions ---- */

static rv_code store_begin(rv_state *state, rv_error *err)
{
    return execute(store_of(state), "BEGIN IMMEDIATE", "starting a transaction", err);
}

static rv_code store_commit(rv_state *state, rv_error *err)
{
    return execute(store_of(state), "COMMIT", "committing", err);
}

static void store_rollback(rv_state *state)
{
    store *s = store_of(state);
    /* Some failures (a full disk, an I/O error) have rolled back already. */
    if (!sqlite3_get_autocommit(s->db))
        (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

/* ---- version ---- */

static rv_code fail_foreign(const store *s, rv_error *err)
{
    rv_code rc = rv_fail(err, RV_E_STATE_UNUSABLE,
                         "the state store '%s' is an SQLite database of another program", s->path);
    rv_hint(
        err,
        "rename the file away, or give the configuration a folder of its own; what the file records is not "
        "read: incremental exports begin from the start");
    return rc;
}

static rv_code store_schema_version(rv_state *state, int64_t *out, rv_error *err)
{
    store *s = store_of(state);
    /* One statement, hence one view of the file: between two, another process may create the tables. */
    RV_AUTO(rvi_rows_free) rvi_rows *header = NULL;
    RV_TRY(rvi_query(
        state,
        "SELECT (SELECT count(*) FROM sqlite_schema), (SELECT application_id FROM pragma_application_id)",
        &(rvi_args){0}, &header, err));
    rvi_cells cells = rvi_cells_of(header->first);
    const bool empty = rvi_next_int(&cells) == 0;
    const int64_t application_id = rvi_next_int(&cells);
    if (empty && application_id == 0) {
        *out = 0;
        return RV_OK;
    }
    if (application_id != RVI_SQLITE_APPLICATION_ID)
        return fail_foreign(s, err);
    RV_AUTO(rvi_rows_free) rvi_rows *newest = NULL;
    RV_TRY(rvi_query(state, "SELECT max(version) FROM schema_version", &(rvi_args){0}, &newest, err));
    cells = rvi_cells_of(newest->first);
    const int64_t version = rvi_next_int(&cells);
    if (version <= 0)
        return rvi_fail_content(state, err, "no schema version");
    *out = version;
    return RV_OK;
}

const rv_state_ops rvi_state_sqlite_ops = {
    .kind = "sqlite",
    .removal = "rename the file away",
    .copies = true,
    .migrations = rvi_state_sqlite_migrations,
    .n_migrations = RVI_SQLITE_MIGRATIONS,
    .open = store_open,
    .close = store_close,
    .schema_version = store_schema_version,
    .begin = store_begin,
    .begin_migration = store_begin, /* SQLite has one writer */
    .commit = store_commit,
    .rollback = store_rollback,
    .run = store_run,
};
