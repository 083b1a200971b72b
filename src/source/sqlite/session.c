/* session.c - a read-only connection to a SQLite file, and what bounds its statements.
 *
 * Nothing here may change the file: it is opened read-only, query_only is set, the last connection's
 * checkpoint is switched off, no extension can be loaded, nothing can be attached, and the user's query
 * may only select.
 *
 * SQLite runs in our own thread, so three hooks of its make a statement stop: the progress handler
 * (cancellation, the statement's deadline), the busy handler (cancellation, the lock timeout) and
 * sqlite3_interrupt(). Each leaves its reason in `stop`, which errors.c turns into the error that the
 * caller sees. */
#include "source/sqlite/internal.h"

#include "rivet/checked.h"
#include "rivet/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    US_PER_MS = 1000,
    MS_PER_S = 1000,
    /* Instructions of SQLite's virtual machine between two looks at the clock: some 20 us of work. */
    STEPS_BETWEEN_CHECKS = 1000,
    LOCK_POLL_MAX_MS = 50,
    /* Before begin() has named a limit: how long opening and describing wait for a writer's lock. */
    DEFAULT_LOCK_TIMEOUT_MS = 10 * 1000,
};

static int64_t now_us(void)
{
    const rv_clock *clock = rv_clock_system();
    return clock->mono_us(clock);
}

static bool is_cancelled(rvi_sqlite *session)
{
    return rv_cancel_requested(session->base.cancel) ||
           atomic_load_explicit(&session->interrupted, memory_order_relaxed);
}

/* Non-zero: stop the statement. */
static int on_progress(void *context)
{
    rvi_sqlite *session = context;
    if (is_cancelled(session))
        session->stop = RVI_SQLITE_STOP_CANCELLED;
    else if (now_us() >= session->deadline_us)
        session->stop = RVI_SQLITE_STOP_TIMEOUT;
    return session->stop != RVI_SQLITE_STOP_NONE;
}

/* Zero: give up. Longer and longer naps, cut short by cancellation. */
static int on_busy(void *context, int n_waits)
{
    rvi_sqlite *session = context;
    const rv_clock *clock = rv_clock_system();
    if (n_waits == 0)
        session->lock_wait_since_us = now_us();
    if (is_cancelled(session)) {
        session->stop = RVI_SQLITE_STOP_CANCELLED;
        return 0;
    }
    if (session->lock_timeout_us > 0 && now_us() - session->lock_wait_since_us >= session->lock_timeout_us) {
        session->stop = RVI_SQLITE_STOP_LOCK_TIMEOUT;
        return 0;
    }
    int64_t nap_ms = n_waits < 6 ? INT64_C(1) << n_waits : LOCK_POLL_MAX_MS;
    clock->sleep_us(clock, nap_ms * US_PER_MS, session->base.cancel);
    return 1;
}

/* Called while a statement is prepared. PRAGMA and ATTACH take effect in that very moment, so looking at the
 * finished statement would be too late.
 * Spec: https://www.sqlite.org/c3ref/set_authorizer.html */
static int on_authorize(void *context, int action, const char *a, const char *b, const char *schema,
                        const char *trigger)
{
    const rvi_sqlite *session = context;
    (void)a;
    (void)schema;
    (void)trigger;
    if (!session->only_select)
        return SQLITE_OK;
    bool loads_code = action == SQLITE_FUNCTION && b != NULL && sqlite3_stricmp(b, "load_extension") == 0;
    bool reads = action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_FUNCTION ||
                 action == SQLITE_RECURSIVE;
    return reads && !loads_code ? SQLITE_OK : SQLITE_DENY;
}

int64_t rvi_sqlite_start(rvi_sqlite *session)
{
    int64_t now = now_us();
    session->stop = RVI_SQLITE_STOP_NONE;
    atomic_store(&session->interrupted, false);
    session->deadline_us = INT64_MAX;
    if (session->statement_timeout_us > 0 &&
        rv_add_i64(&session->deadline_us, now, session->statement_timeout_us))
        session->deadline_us = INT64_MAX;
    return now;
}

rv_code rvi_sqlite_prepare(rvi_sqlite *session, const char *sql, sqlite3_stmt **out, rv_error *err)
{
    int result = sqlite3_prepare_v3(session->db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    return result == SQLITE_OK ? RV_OK : rvi_sqlite_fail(session, result, "preparing a statement", err);
}

/* Is there nothing but blanks, comments and semicolons? SQLite itself knows best what a comment is. */
static rv_code nothing_follows(rvi_sqlite *session, const char *tail, rv_error *err)
{
    RV_AUTO(sqlite3_finalize) sqlite3_stmt *second = NULL;
    while (*tail != '\0') {
        const char *rest = tail;
        int result = sqlite3_prepare_v2(session->db, tail, -1, &second, &rest);
        if (result == SQLITE_NOMEM)
            return rvi_sqlite_fail(session, result, "preparing the query", err);
        if (result != SQLITE_OK || second != NULL)
            return rv_fail(err, RV_E_SOURCE_QUERY, "the query must be one statement; something follows it");
        if (rest <= tail)
            break;
        tail = rest;
    }
    return RV_OK;
}

rv_code rvi_sqlite_prepare_query(rvi_sqlite *session, const char *sql, sqlite3_stmt **out, rv_error *err)
{
    RV_AUTO(sqlite3_finalize) sqlite3_stmt *stmt = NULL;
    const char *tail = sql;
    session->only_select = true;
    int result = sqlite3_prepare_v3(session->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, &tail);
    rv_code rc = RV_OK;
    if (result != SQLITE_OK)
        rc = rvi_sqlite_fail(session, result, "preparing the query", err);
    else
        rc = nothing_follows(session, tail, err);
    session->only_select = false;
    RV_TRY(rc);
    if (stmt == NULL || sqlite3_column_count(stmt) == 0 || !sqlite3_stmt_readonly(stmt))
        return rv_fail(err, RV_E_SOURCE_QUERY, "the query must be a SELECT");
    RV_MOVE(out, stmt);
    return RV_OK;
}

rv_code rvi_sqlite_step(rvi_sqlite *session, sqlite3_stmt *stmt, bool *row, const char *doing, rv_error *err)
{
    int result = sqlite3_step(stmt);
    if (result != SQLITE_ROW && result != SQLITE_DONE)
        return rvi_sqlite_fail(session, result, doing, err);
    *row = result == SQLITE_ROW;
    return RV_OK;
}

/* A statement without a result, or whose result does not matter. */
static rv_code run_sql(rvi_sqlite *session, const char *sql, const char *doing, rv_error *err)
{
    RV_AUTO(sqlite3_finalize) sqlite3_stmt *stmt = NULL;
    bool row = false;
    RV_TRY(rvi_sqlite_prepare(session, sql, &stmt, err));
    return rvi_sqlite_step(session, stmt, &row, doing, err);
}

/* SQLite would call all of these "unable to open database file". */
static rv_code check_file(const char *path, rv_error *err)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        int os_errno = errno;
        bool missing = os_errno == ENOENT || os_errno == ENOTDIR;
        rv_code code = missing ? RV_E_SOURCE_NOT_FOUND : os_errno == EACCES ? RV_E_SOURCE_DENIED : RV_E_IO;
        rv_fail_os(err, code, os_errno, "cannot find the SQLite file '%s'", path);
        if (missing)
            rv_hint(
                err,
                "a relative path starts at the folder of the configuration; Rivet never creates a source");
        return code;
    }
    if (!S_ISREG(info.st_mode))
        return rv_fail(err, RV_E_SOURCE_NOT_FOUND, "'%s' is not a file, so it cannot be a SQLite database",
                       path);
    return RV_OK;
}

/* SQLite takes some names for something else than a file: ":memory:", "", and "file:…" where URIs are
 * switched on in its build. None of them starts with a slash or a dot. Freed with free(); NULL: out of
 * memory. */
static char *plain_path(const char *path)
{
    size_t bytes = strlen(path) + sizeof "./";
    char *plain = malloc(bytes);
    if (plain != NULL)
        snprintf(plain, bytes, "%s%s", path[0] == '/' ? "" : "./", path);
    return plain;
}

static rv_code connect_file(rvi_sqlite *session, rv_error *err)
{
    char *plain = plain_path(session->path);
    if (plain == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "opening '%s'", session->path);
    /* NOMUTEX: one thread at a time uses the connection; sqlite3_interrupt() needs no lock. */
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
    int result = sqlite3_open_v2(plain, &session->db, flags, NULL);
    free(plain);
    return result == SQLITE_OK ? RV_OK : rvi_sqlite_fail(session, result, "opening the file", err);
}

static rv_code harden(rvi_sqlite *session, rv_error *err)
{
    static const struct {
        int option, value;
    } options[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
        {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        /* "no_such_column" is an error, not the text 'no_such_column':
         * https://www.sqlite.org/quirks.html#dblquote */
        {SQLITE_DBCONFIG_DQS_DML, 0},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        int result = sqlite3_db_config(session->db, options[i].option, options[i].value, NULL);
        if (result != SQLITE_OK)
            return rvi_sqlite_fail(session, result, "preparing the connection", err);
    }
    sqlite3_limit(session->db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_limit(session->db, SQLITE_LIMIT_WORKER_THREADS, 0); /* drivers start no threads */
    sqlite3_progress_handler(session->db, STEPS_BETWEEN_CHECKS, on_progress, session);
    sqlite3_busy_handler(session->db, on_busy, session);
    sqlite3_set_authorizer(session->db, on_authorize, session);
    RV_TRY(run_sql(session, "PRAGMA query_only=ON", "preparing the connection", err));
    return run_sql(session, "PRAGMA cell_size_check=ON", "preparing the connection", err);
}

/* Reads the header, so that what is no database (or is encrypted) is found out here and not in the first
 * query. */
static rv_code read_encoding(rvi_sqlite *session, rv_error *err)
{
    RV_AUTO(sqlite3_finalize) sqlite3_stmt *stmt = NULL;
    bool row = false;
    RV_TRY(run_sql(session, "SELECT 1 FROM sqlite_schema LIMIT 1", "reading the schema", err));
    RV_TRY(rvi_sqlite_prepare(session, "PRAGMA encoding", &stmt, err));
    RV_TRY(rvi_sqlite_step(session, stmt, &row, "reading the text encoding", err));
    const char *encoding = row ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    if (encoding == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "reading the text encoding");
    session->encoding = strcmp(encoding, "UTF-16le") == 0   ? RVI_SQLITE_UTF16LE
                        : strcmp(encoding, "UTF-16be") == 0 ? RVI_SQLITE_UTF16BE
                                                            : RVI_SQLITE_UTF8;
    return RV_OK;
}

static void session_free(rvi_sqlite *session)
{
    if (session == NULL)
        return;
    sqlite3_close_v2(session->db);
    free(session->path);
    free(session);
}
RV_DEFINE_AUTO(rvi_sqlite, session_free)

rv_code rvi_sqlite_open(rv_source **out, const rv_source_config *cfg, rv_cancel *cancel, rv_error *err)
{
    if (cfg->path == NULL || cfg->path[0] == '\0')
        return rv_fail(err, RV_E_SOURCE_NOT_FOUND, "no SQLite file is named");
    RV_TRY(check_file(cfg->path, err));
    RV_AUTO(session_free) rvi_sqlite *session = calloc(1, sizeof *session);
    if (session == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "opening '%s'", cfg->path);
    session->base.cancel = cancel;
    atomic_init(&session->interrupted, false);
    session->lock_timeout_us = (int64_t)DEFAULT_LOCK_TIMEOUT_MS * US_PER_MS;
    if (cfg->connect_timeout_s > 0)
        session->lock_timeout_us = (int64_t)cfg->connect_timeout_s * MS_PER_S * US_PER_MS;
    session->path = strdup(cfg->path);
    if (session->path == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "opening '%s'", cfg->path);
    RV_TRY(connect_file(session, err));
    rvi_sqlite_start(session);
    RV_TRY(harden(session, err));
    RV_TRY(read_encoding(session, err));
    *out = &session->base;
    session = NULL;
    return RV_OK;
}

rv_code rvi_sqlite_server(rv_source *src, rv_server_info *out, rv_error *err)
{
    (void)src;
    (void)err;
    *out = (rv_server_info){.product = "SQLite", .version_number = sqlite3_libversion_number()};
    snprintf(out->version, sizeof out->version, "%s", sqlite3_libversion());
    return RV_OK;
}

/* Milliseconds of the configuration in microseconds; as much as fits. */
static int64_t ms_to_us(int64_t ms)
{
    int64_t us = 0;
    return rv_mul_i64(&us, ms, US_PER_MS) ? INT64_MAX : us;
}

/* BEGIN alone promises nothing: the snapshot is what the first read inside the transaction sees. It is
 * held as a shared lock; in a file that is not in WAL mode, a writer waits with its commit until end(). */
rv_code rvi_sqlite_begin(rv_source *src, const rv_read_options *options, rv_error *err)
{
    rvi_sqlite *session = (rvi_sqlite *)src;
    session->lock_timeout_us = ms_to_us(options->lock_timeout_ms);
    session->statement_timeout_us = ms_to_us(options->statement_timeout_ms);
    if (!options->snapshot)
        return RV_OK;
    rvi_sqlite_start(session);
    RV_TRY(run_sql(session, "BEGIN", "beginning a transaction", err));
    session->in_transaction = true;
    return run_sql(session, "SELECT 1 FROM sqlite_schema LIMIT 1", "taking a snapshot", err);
}

void rvi_sqlite_end(rv_source *src)
{
    rvi_sqlite *session = (rvi_sqlite *)src;
    /* Without the hooks: giving back the lock must work after a cancellation as well. */
    sqlite3_progress_handler(session->db, 0, NULL, NULL);
    if (session->in_transaction && !sqlite3_get_autocommit(session->db))
        sqlite3_exec(session->db, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_progress_handler(session->db, STEPS_BETWEEN_CHECKS, on_progress, session);
    session->in_transaction = false;
}

void rvi_sqlite_interrupt(rv_source *src)
{
    rvi_sqlite *session = (rvi_sqlite *)src;
    atomic_store(&session->interrupted, true);
    sqlite3_interrupt(session->db);
}

void rvi_sqlite_close(rv_source *src)
{
    session_free((rvi_sqlite *)src);
}
