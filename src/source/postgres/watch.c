/* watch.c - what a source can tell about others: who holds history back, who waits, and a snapshot to share. */
#include "internal.h"

#include <string.h>

static rv_code copy_text(const PGresult *result, rv_arena *arena, const char **out, rv_error *err)
{
    *out = rv_arena_strdup(arena, PQgetvalue(result, 0, 0));
    return *out != NULL ? RV_OK : rv_fail(err, RV_E_OUT_OF_MEMORY, "what the server said about a snapshot");
}

/* ---- the horizon ---- */

/* The snapshot's xmin: all transactions before it have ended, in every database and prepared ones included. Row
 * versions of a subtransaction carry its own number, which is above that of the transaction it is part of, so none
 * of a transaction still open lies below. The one that holds it back is the one of that number, if this user may
 * see it; a standby shows none. Spec: 9.26.9, pg_current_snapshot(); procarray.c, GetSnapshotData(). */
static const char horizon_sql[] =
    "SELECT xmin::pg_catalog.text, CASE WHEN xmin <> xmax THEN (SELECT"
    " (EXTRACT(epoch FROM pg_catalog.min(started)) * 1000000)::pg_catalog.int8 FROM ("
    " SELECT a.xact_start FROM pg_catalog.pg_stat_activity a WHERE a.backend_xid = low UNION ALL"
    " SELECT p.prepared FROM pg_catalog.pg_prepared_xacts p WHERE p.transaction = low) AS t(started)) END"
    " FROM (SELECT pg_catalog.pg_snapshot_xmin(s) AS xmin, pg_catalog.pg_snapshot_xmax(s) AS xmax,"
    " (pg_catalog.pg_snapshot_xmin(s)::pg_catalog.text::pg_catalog.int8"
    " & 4294967295)::pg_catalog.text::pg_catalog.xid AS low"
    " FROM pg_catalog.pg_current_snapshot() AS s) AS now";

rv_code rvi_pg_horizon(rv_source *source, rv_arena *arena, const char **out, int64_t *held_since_us,
                       rv_error *err)
{
    rvi_pg *pg = (rvi_pg *)source;
    RV_AUTO(PQclear) PGresult *result = NULL;
    const char *mark = NULL;
    RV_TRY(rvi_pg_txn_open_catalog(pg, err));
    rv_code rc = rvi_pg_ask(pg, horizon_sql, NULL, 0, &result, err);
    rvi_pg_txn_close(pg);
    RV_TRY(rc);
    RV_TRY(copy_text(result, arena, &mark, err));
    *held_since_us = rvi_pg_get_i64(result, 0, 1, 0);
    *out = mark;
    return RV_OK;
}

rv_code rvi_pg_share_snapshot(rv_source *source, rv_arena *arena, const char **out, rv_error *err)
{
    rvi_pg *pg = (rvi_pg *)source;
    RV_AUTO(PQclear) PGresult *result = NULL;
    if (!pg->snapshot)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "there is no snapshot to share");
    RV_TRY(rvi_pg_ask(pg, "SELECT pg_catalog.pg_export_snapshot()", NULL, 0, &result, err));
    return copy_text(result, arena, out, err);
}

/* ---- pressure ---- */

/* Sessions of others: ours go by this user's and this application's name. A row that may not be read shows whose it
 * is and nothing else, not even its type; then nobody knows what others do. Lag: of the slowest attached replica
 * (none attached: nothing waits), or on a replica of what it has received and not replayed yet.
 * Spec: 28.2.3 pg_stat_activity, 28.2.4 pg_stat_replication. */
static const char pressure_sql[] =
    "SELECT CASE WHEN hidden = 0 THEN waiting END, CASE WHEN hidden = 0 THEN active END,"
    " pg_catalog.current_setting('max_connections'),"
    " CASE WHEN pg_catalog.pg_is_in_recovery() THEN CASE"
    " WHEN pg_catalog.pg_last_wal_receive_lsn() <= pg_catalog.pg_last_wal_replay_lsn() THEN 0"
    " WHEN pg_catalog.pg_last_wal_receive_lsn() > pg_catalog.pg_last_wal_replay_lsn() THEN"
    " GREATEST(0, EXTRACT(epoch FROM pg_catalog.clock_timestamp()"
    " - pg_catalog.pg_last_xact_replay_timestamp()) * 1000) END"
    " WHEN hidden_replicas = 0 THEN COALESCE(EXTRACT(epoch FROM slowest) * 1000, 0) END::pg_catalog.int8"
    " FROM (SELECT pg_catalog.count(*) FILTER (WHERE a.backend_type IS NULL) AS hidden,"
    " pg_catalog.count(*) FILTER (WHERE a.wait_event_type = 'Lock') AS waiting,"
    " pg_catalog.count(*) FILTER (WHERE a.state = 'active' AND a.backend_type = 'client backend') AS active"
    " FROM pg_catalog.pg_stat_activity a WHERE a.pid <> pg_catalog.pg_backend_pid() AND a.usesysid IS NOT "
    "NULL"
    " AND NOT (a.usename = CURRENT_USER AND a.application_name ="
    " pg_catalog.current_setting('application_name'))) AS sessions,"
    " (SELECT pg_catalog.count(*) FILTER (WHERE r.state IS NULL) AS hidden_replicas,"
    " pg_catalog.max(r.replay_lag) AS slowest FROM pg_catalog.pg_stat_replication r) AS replicas";

rv_code rvi_pg_pressure(rv_source *source, rv_pressure *out, rv_error *err)
{
    rvi_pg *pg = (rvi_pg *)source;
    RV_AUTO(PQclear) PGresult *result = NULL;
    RV_TRY(rvi_pg_txn_open_catalog(pg, err));
    rv_code rc = rvi_pg_ask(pg, pressure_sql, NULL, 0, &result, err);
    rvi_pg_txn_close(pg);
    RV_TRY(rc);
    *out = (rv_pressure){
        .lock_waits = rvi_pg_get_i64(result, 0, 0, -1),
        .active_sessions = rvi_pg_get_i64(result, 0, 1, -1),
        .max_sessions = rvi_pg_get_i64(result, 0, 2, -1),
        .replica_lag_ms = rvi_pg_get_i64(result, 0, 3, -1),
    };
    return RV_OK;
}
