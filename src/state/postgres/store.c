/* store.c - a schema of a PostgreSQL database as the state store.
 *
 * Every statement runs inside a transaction of ours that sets what it needs with SET LOCAL: the search path, so that
 * the SQL above this backend finds its tables; the limits for locks and work; an end for a transaction whose process
 * was stopped in the middle, since others wait for its rows; and synchronous_commit, because what was recorded must
 * survive the server. The isolation level is READ COMMITTED: after the row of a run was locked, the next statement sees
 * what the one before us has committed.
 *
 * Time. Machines disagree about it, and a lease that is judged by the wrong clock is taken from a living process. So
 * each transaction asks the server, and leases are counted by its clock alone.
 *
 * A commit whose answer gets lost with the connection may have happened or not. The transaction's id is known from its
 * beginning, and the server remembers what became of it (txid_status), so the question is asked over a new connection
 * rather than passed on. */
#include "state/postgres/internal.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 1 << 20, IDLE_LIMIT_MS = 10 * 1000, SCRIPT_BYTES = 1024, ASK_AGAIN_US = 100 * 1000 };

/* Migrations of one database come one after the other. The key is "RIVT" twice. */
#define MIGRATION_LOCK "5929334371571586644"

static rvi_state_pg *store_of(rv_state *state)
{
    return (rvi_state_pg *)state;
}

/* ---- opening ---- */

static void store_close(rv_state *state)
{
    rvi_state_pg *s = store_of(state);
    if (!s)
        return;
    rvi_state_pg_disconnect(s);
    rv_secret_free(s->cfg.password);
    rv_redactor_free(s->redactor);
    rv_arena_free(s->arena);
    free(s);
}

static rv_code read_url(rvi_state_pg *s, const char *url, rv_error *err)
{
    snprintf(s->location, sizeof s->location, "%s", url);
    rv_redact(NULL, s->location, sizeof s->location);
    s->location[strcspn(s->location, "?")] = '\0';
    RV_TRY(rv_redactor_new(&s->redactor, err));
    RV_TRY(rv_arena_new(&s->arena, ARENA_BYTES, err));
    rv_code rc = rv_source_config_from_url(s->arena, url, s->redactor, &s->cfg, err);
    if (rc != RV_OK)
        return rv_wrap(err, rc, "reading RIVET_STATE_URL");
    if (strcmp(s->cfg.application_name, "rivet") == 0) /* the URL gave none */
        s->cfg.application_name = "rivet state";
    return RV_OK;
}

static rv_code store_open(rv_state **out, const char *location, rvi_open_mode mode,
                          const rvi_state_options *options, rv_error *err)
{
    rvi_state_pg *s = calloc(1, sizeof *s);
    if (!s)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "a connection to the state store");
    s->base = (rv_state){.ops = &rvi_state_postgres_ops, .location = s->location};
    s->lock_wait_ms = options->busy_timeout_ms;
    s->own_clock = options->own_clock;
    rv_code rc = read_url(s, location, err);
    if (rc == RV_OK && mode == RVI_OPEN_COPY) {
        rc = rv_fail(err, RV_E_STATE_UNUSABLE, "the state store is of an older version ('%s')", s->location);
        rv_hint(err, "run an export with this version of rivet, which brings it up to date");
    }
    if (rc == RV_OK)
        rc = rvi_state_pg_connect(s, err);
    if (rc == RV_OK)
        *out = &s->base;
    else
        store_close(&s->base);
    return rc;
}

/* ---- transactions ---- */

/* The server's clock against ours, and the transaction's id. */
static rv_code note_beginning(rvi_state_pg *s, const PGresult *result, bool may_write, rv_error *err)
{
    if (PQntuples(result) != 1 || PQnfields(result) != 2)
        return rvi_state_pg_fail_lost(s, "the server does not say what time it is", err);
    const int64_t server_us = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    const rv_clock *clock = s->base.clock;
    s->base.skew_us = s->own_clock ? 0 : server_us - clock->now_us(clock);
    snprintf(s->transaction_id, sizeof s->transaction_id, "%s", may_write ? PQgetvalue(result, 0, 1) : "");
    return RV_OK;
}

/* `first`: statements that come before the rest of the transaction; each ends with a semicolon. */
static rv_code send_begin(rvi_state_pg *s, bool may_write, const char *first, rv_error *err)
{
    char sql[SCRIPT_BYTES];
    const int len = snprintf(
        sql, sizeof sql,
        "BEGIN ISOLATION LEVEL READ COMMITTED %s; SET LOCAL search_path = " RVI_STATE_PG_SCHEMA ", pg_temp;"
        "SET LOCAL lock_timeout = %d; SET LOCAL statement_timeout = %d;"
        "SET LOCAL idle_in_transaction_session_timeout = %d; SET LOCAL client_min_messages = warning;"
        "SELECT set_config('synchronous_commit', 'on', true)"
        " WHERE current_setting('synchronous_commit') = 'off'; %s"
        "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, %s",
        may_write ? "READ WRITE" : "READ ONLY", s->lock_wait_ms, rvi_state_pg_statement_limit_ms(s),
        IDLE_LIMIT_MS, first, may_write ? "txid_current()" : "0");
    assert(len > 0 && len < (int)sizeof sql);
    RV_AUTO(PQclear) PGresult *result = NULL;
    RV_TRY(rvi_state_pg_script(s, sql, &result, err));
    return note_beginning(s, result, may_write, err);
}

static void store_rollback(rv_state *state)
{
    rvi_state_pg *s = store_of(state);
    s->in_transaction = false;
    s->transaction_id[0] = '\0';
    if (!s->conn || PQtransactionStatus(s->conn) == PQTRANS_IDLE)
        return;
    RV_AUTO(PQclear) PGresult *result = NULL;
    if (rvi_state_pg_script(s, "ROLLBACK", &result, NULL) != RV_OK)
        rvi_state_pg_disconnect(s); /* the server rolls back for itself */
}

/* A connection that idled may be dead without knowing; then nothing has happened yet, and a new one serves. */
static rv_code begin(rvi_state_pg *s, bool may_write, const char *first, rv_error *err)
{
    assert(!s->in_transaction);
    const bool was_connected = s->conn != NULL;
    RV_TRY(rvi_state_pg_connect(s, err));
    rv_code rc = send_begin(s, may_write, first, err);
    if (rc == RV_E_STATE_BUSY && was_connected && !s->conn) {
        RV_TRY(rvi_state_pg_connect(s, err));
        rc = send_begin(s, may_write, first, err);
    }
    if (rc != RV_OK)
        store_rollback(&s->base);
    s->in_transaction = rc == RV_OK;
    return rc;
}

static rv_code store_begin(rv_state *state, rv_error *err)
{
    return begin(store_of(state), true, "", err);
}

static rv_code store_begin_migration(rv_state *state, rv_error *err)
{
    rvi_state_pg *s = store_of(state);
    RV_TRY(begin(s, true, "SELECT pg_advisory_xact_lock(" MIGRATION_LOCK ");", err));
    /* CREATE SCHEMA IF NOT EXISTS asks for the right to create one even where it exists. */
    RV_AUTO(PQclear) PGresult *result = NULL;
    rv_code rc = rvi_state_pg_script(s,
                                     "DO $$ BEGIN IF to_regnamespace('" RVI_STATE_PG_SCHEMA "') IS NULL THEN"
                                     " CREATE SCHEMA " RVI_STATE_PG_SCHEMA "; END IF; END $$",
                                     &result, err);
    if (rc != RV_OK)
        store_rollback(state);
    return rc;
}

/* What became of a transaction whose COMMIT nobody answered: "committed", "aborted", "in progress". */
static rv_code ask_outcome(rvi_state_pg *s, const char *id, char out[16], rv_error *err)
{
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT coalesce(txid_status(%s), 'unknown')", id);
    RV_TRY(rvi_state_pg_connect(s, err));
    RV_AUTO(PQclear) PGresult *result = NULL;
    RV_TRY(rvi_state_pg_script(s, sql, &result, err));
    snprintf(out, 16, "%s", PQntuples(result) == 1 ? PQgetvalue(result, 0, 0) : "unknown");
    return RV_OK;
}

static rv_code settle_commit(rvi_state_pg *s, const char *id, rv_error *err)
{
    const rv_clock *clock = rv_clock_system();
    const int64_t deadline_us = rvi_state_pg_deadline(s);
    rv_error last = {0};
    char outcome[16] = "";
    do {
        const rv_code rc = ask_outcome(s, id, outcome, &last);
        if (rc == RV_OK && strcmp(outcome, "committed") == 0)
            return RV_OK;
        if (rc == RV_OK && strcmp(outcome, "in progress") != 0)
            return rvi_state_pg_fail_lost(s, "the connection was lost while committing, nothing was recorded",
                                          err);
        if (rc != RV_OK && rc != RV_E_STATE_BUSY)
            break;
        clock->sleep_us(clock, ASK_AGAIN_US, NULL);
    } while (rvi_state_pg_now_us() < deadline_us);
    return rvi_state_pg_fail_lost(
        s, "the connection was lost while committing, and the server cannot be asked what it has recorded",
        err);
}

static rv_code store_commit(rv_state *state, rv_error *err)
{
    rvi_state_pg *s = store_of(state);
    assert(s->in_transaction);
    RV_AUTO(PQclear) PGresult *result = NULL;
    rv_error lost = {0};
    rv_code rc = rvi_state_pg_script(s, "COMMIT", &result, &lost);
    if (rc != RV_OK && !s->conn && s->transaction_id[0])
        rc = settle_commit(s, s->transaction_id, err);
    else if (rc != RV_OK && err)
        *err = lost;
    /* A transaction that had failed answers COMMIT with ROLLBACK, and no error. */
    else if (rc == RV_OK && strcmp(PQcmdStatus(result), "COMMIT") != 0)
        rc = rv_fail(err, RV_E_INTERNAL, "the server rolled back what was to be committed");
    s->in_transaction = rc != RV_OK;
    if (rc == RV_OK)
        s->transaction_id[0] = '\0';
    return rc;
}

/* ---- statements ---- */

static rv_code run_here(rvi_state_pg *s, const char *sql, const rvi_args *args, rvi_rows *rows,
                        int64_t *n_changed, rv_error *err)
{
    RV_AUTO(PQclear) PGresult *result = NULL;
    RV_TRY(rvi_state_pg_statement(s, sql, args, &result, err));
    if (rows)
        RV_TRY(rvi_state_pg_copy(result, rows, err));
    if (n_changed)
        *n_changed = strtoll(PQcmdTuples(result), NULL, 10);
    return RV_OK;
}

/* Outside a transaction: one that reads, for this statement alone. */
static rv_code store_run(rv_state *state, const char *sql, const rvi_args *args, rvi_rows *rows,
                         int64_t *n_changed, rv_error *err)
{
    rvi_state_pg *s = store_of(state);
    if (s->in_transaction)
        return run_here(s, sql, args, rows, n_changed, err);
    RV_TRY(begin(s, false, "", err));
    rv_code rc = run_here(s, sql, args, rows, n_changed, err);
    store_rollback(state);
    return rc;
}

/* ---- version ---- */

static rv_code fail_foreign(const rvi_state_pg *s, rv_error *err)
{
    rv_code rc = rv_fail(err, RV_E_STATE_UNUSABLE,
                         "the schema " RVI_STATE_PG_SCHEMA " is another program's ('%s')", s->location);
    rv_hint(err, "name another database in RIVET_STATE_URL: a database holds one state store");
    return rc;
}

static rv_code store_schema_version(rv_state *state, int64_t *out, rv_error *err)
{
    rvi_state_pg *s = store_of(state);
    RV_AUTO(rvi_rows_free) rvi_rows *found = NULL;
    RV_TRY(rvi_query(
        state,
        "SELECT (SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
        " ON n.oid = c.relnamespace WHERE n.nspname = '" RVI_STATE_PG_SCHEMA "'),"
        " coalesce((SELECT d.description FROM pg_catalog.pg_description d JOIN pg_catalog.pg_class c"
        " ON c.oid = d.objoid AND d.classoid = 'pg_catalog.pg_class'::regclass AND d.objsubid = 0"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = '" RVI_STATE_PG_SCHEMA "' AND c.relname = 'schema_version'), '')",
        &(rvi_args){0}, &found, err));
    rvi_cells cells = rvi_cells_of(found->first);
    if (rvi_next_int(&cells) == 0) {
        *out = 0;
        return RV_OK;
    }
    if (strcmp(rvi_next_text(&cells), RVI_STATE_PG_MARK) != 0)
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

const rv_state_ops rvi_state_postgres_ops = {
    .kind = "postgres",
    .removal = "drop its schema " RVI_STATE_PG_SCHEMA,
    .migrations = rvi_state_pg_migrations,
    .n_migrations = RVI_STATE_PG_MIGRATIONS,
    .open = store_open,
    .close = store_close,
    .schema_version = store_schema_version,
    .begin = store_begin,
    .begin_migration = store_begin_migration,
    .commit = store_commit,
    .rollback = store_rollback,
    .run = store_run,
};
