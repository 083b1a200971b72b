/* state/sqlite/internal.h - the state store in one SQLite file. */
#ifndef STATE_SQLITE_INTERNAL_H
#define STATE_SQLITE_INTERNAL_H

#include "state/internal.h"

#include <sqlite3.h>

/* Written into the file's header by the first migration, so that another program's database is never taken for a
 * state store: "RIVT" in ASCII. https://www.sqlite.org/pragma.html#pragma_application_id */
enum { RVI_SQLITE_APPLICATION_ID = 0x52495654 };

enum { RVI_SQLITE_MIGRATIONS = 4 };
extern const rvi_migration rvi_state_sqlite_migrations[RVI_SQLITE_MIGRATIONS];

/* Turn SQLite's result code into ours. `db` (may be NULL) gives the details of its last failure; `doing` says what
 * was attempted, as in "recording the run". */
rv_code rvi_state_sqlite_fail(rv_error *err, sqlite3 *db, int result, const char *location,
                              const char *doing);

#endif
