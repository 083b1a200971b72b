#include "state/sqlite/internal.h"

#include <stdio.h>

/* Which of our failures a result code is. https://www.sqlite.org/rescode.html */
static rv_code code_of(int result)
{
    if (result == SQLITE_IOERR_NOMEM)
        return RV_E_OUT_OF_MEMORY;
    switch (result & 0xff) {
    case SQLITE_NOMEM:
        return RV_E_OUT_OF_MEMORY;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return RV_E_STATE_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return RV_E_STATE_CORRUPT;
    default:
        return RV_E_STATE_UNUSABLE;
    }
}

static const char *hint_of(int primary)
{
    switch (primary) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return "another process is writing to it; try again, and look for one that hangs if this persists";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return "restore the file from a backup, or rename it away to start afresh: past runs are forgotten "
               "then, an "
               "interrupted run starts again, and incremental exports begin from the start";
    case SQLITE_FULL:
        return "free some space on the disk that holds the state store";
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return "the file and its folder must exist and be writable for this user: SQLite keeps its journal "
               "beside "
               "the file";
    default:
        return NULL;
    }
}

rv_code rvi_state_sqlite_fail(rv_error *err, sqlite3 *db, int result, const char *location, const char *doing)
{
    const int primary = result & 0xff;
    /* The handle's text says more ("no such table: runs"), but it belongs to the handle's last failure only. */
    const bool fits = db && (sqlite3_errcode(db) & 0xff) == primary;
    const char *reason = fits ? sqlite3_errmsg(db) : sqlite3_errstr(result);
    const bool by_system = primary == SQLITE_CANTOPEN || primary == SQLITE_IOERR;
    rv_code rc = rv_fail_os(err, code_of(result), db && by_system ? sqlite3_system_errno(db) : 0,
                            "%s: %s (state store '%s')", doing, reason, location);
    char native[12];
    snprintf(native, sizeof native, "%d", result);
    rv_native(err, native);
    const char *hint = hint_of(primary);
    if (hint)
        rv_hint(err, "%s", hint);
    return rc;
}
