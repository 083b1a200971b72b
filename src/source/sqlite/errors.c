/* errors.c - SQLite's result codes in our words. Spec: https://www.sqlite.org/rescode.html */
#include "source/sqlite/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PRIMARY_MASK = 0xff };

static rv_code fail_stopped(const rvi_sqlite *session, const char *doing, rv_error *err)
{
    switch (session->stop) {
    case RVI_SQLITE_STOP_TIMEOUT:
        return rv_fail(err, RV_E_SOURCE_STATEMENT_TIMEOUT, "%s took longer than %lld ms", doing,
                       (long long)(session->statement_timeout_us / 1000));
    case RVI_SQLITE_STOP_LOCK_TIMEOUT:
        rv_fail(err, RV_E_SOURCE_LOCK_TIMEOUT, "%s: '%s' has been locked by a writer for %lld ms", doing,
                session->path, (long long)(session->lock_timeout_us / 1000));
        rv_hint(err, "raise tuning.lock_timeout_s, or put the file into WAL mode so that readers never wait");
        return RV_E_SOURCE_LOCK_TIMEOUT;
    case RVI_SQLITE_STOP_NONE: /* sqlite3_interrupt() itself */
    case RVI_SQLITE_STOP_CANCELLED:
        break;
    }
    return rv_fail(err, RV_E_CANCELLED, "stopped while %s", doing);
}

/* Result codes that say it all by themselves. */
static const struct row {
    int primary;
    rv_code code;
    const char *words; /* after the file's name; NULL: SQLite's own message is clearer */
    const char *hint;
} rows[] = {
    {SQLITE_NOMEM, RV_E_OUT_OF_MEMORY, NULL, NULL},
    {SQLITE_NOTADB, RV_E_SOURCE_QUERY, "is not a SQLite database, or is encrypted", NULL},
    {SQLITE_CORRUPT, RV_E_SOURCE_QUERY, "is damaged",
     "run sqlite3's PRAGMA integrity_check on a copy of the file"},
    {SQLITE_PERM, RV_E_SOURCE_DENIED, NULL, NULL},
    {SQLITE_READONLY, RV_E_SOURCE_QUERY, NULL, NULL},
    {SQLITE_AUTH, RV_E_SOURCE_QUERY, NULL, "the query may only SELECT"},
    {SQLITE_PROTOCOL, RV_E_SOURCE_BUSY, NULL, NULL},
    {SQLITE_LOCKED, RV_E_SOURCE_LOCK_TIMEOUT, NULL, NULL},
    {SQLITE_BUSY, RV_E_SOURCE_LOCK_TIMEOUT, NULL, NULL},
    {SQLITE_SCHEMA, RV_E_SOURCE_CONFLICT, NULL, NULL},
    {SQLITE_FULL, RV_E_SOURCE_RESOURCES, NULL,
     "SQLite sorts in SQLITE_TMPDIR or /tmp, which has no space left"},
    {SQLITE_TOOBIG, RV_E_VALUE_TOO_LARGE, NULL, NULL},
    {SQLITE_IOERR, RV_E_IO, NULL, NULL},
};

/* The file is there (session.c has looked); what hinders is in errno, or in the folder around it. */
static rv_code fail_cannot_open(const rvi_sqlite *session, const char *doing, rv_error *err)
{
    int os_errno = session->db != NULL ? sqlite3_system_errno(session->db) : 0;
    rv_code code = RV_E_SOURCE_CONNECT;
    if (os_errno == ENOENT)
        code = RV_E_SOURCE_NOT_FOUND;
    else if (os_errno == EACCES || os_errno == EPERM || os_errno == EROFS)
        code = RV_E_SOURCE_DENIED;
    else if (os_errno == EMFILE || os_errno == ENFILE)
        code = RV_E_SOURCE_RESOURCES;
    rv_fail_os(err, code, os_errno, "%s: cannot open '%s'", doing, session->path);
    rv_hint(err, "a file in WAL mode needs a folder in which its -wal and -shm files can be opened");
    return code;
}

/* A writer died and left a journal. Rolling it back is a change of the file, which is not ours to make. */
static bool needs_recovery(int result)
{
    return result == SQLITE_READONLY_ROLLBACK || result == SQLITE_READONLY_RECOVERY ||
           result == SQLITE_READONLY_CANTINIT || result == SQLITE_READONLY_CANTLOCK ||
           result == SQLITE_READONLY_DIRECTORY;
}

static rv_code fail_by_table(const rvi_sqlite *session, int result, const char *doing, rv_error *err)
{
    const char *message = session->db != NULL ? sqlite3_errmsg(session->db) : sqlite3_errstr(result);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        if (row->primary != (result & PRIMARY_MASK))
            continue;
        int os_errno = row->code == RV_E_IO && session->db != NULL ? sqlite3_system_errno(session->db) : 0;
        if (row->words != NULL)
            rv_fail(err, row->code, "%s: '%s' %s (%s)", doing, session->path, row->words, message);
        else
            rv_fail_os(err, row->code, os_errno, "%s: %s", doing, message);
        if (row->hint != NULL)
            rv_hint(err, "%s", row->hint);
        return row->code;
    }
    return rv_fail(err, RV_E_SOURCE_QUERY, "%s: %s", doing, message);
}

rv_code rvi_sqlite_fail(const rvi_sqlite *session, int result, const char *doing, rv_error *err)
{
    int primary = result & PRIMARY_MASK;
    char native[16];
    rv_code code = RV_OK;
    if (primary == SQLITE_INTERRUPT || (primary == SQLITE_BUSY && session->stop != RVI_SQLITE_STOP_NONE)) {
        code = fail_stopped(session, doing, err);
    } else if (result == SQLITE_IOERR_NOMEM) {
        code = rv_fail(err, RV_E_OUT_OF_MEMORY, "%s", doing);
    } else if (primary == SQLITE_CANTOPEN) {
        code = fail_cannot_open(session, doing, err);
    } else if (needs_recovery(result)) {
        code = rv_fail(err, RV_E_SOURCE_DENIED,
                       "%s: a writer died and left '%s' to be recovered, which only a "
                       "writer can do",
                       doing, session->path);
        rv_hint(err, "open the file once with a program that may write, such as sqlite3, and run again");
    } else {
        code = fail_by_table(session, result, doing, err);
    }
    if (code != RV_E_CANCELLED) {
        snprintf(native, sizeof native, "%d", result);
        rv_native(err, native);
    }
    return code;
}
